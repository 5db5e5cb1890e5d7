//! The visit that is being written, and its draft.

use super::super::form::{SIGNS, Visit};
use super::super::{Command, Field, State, VisitDraft};
use crate::view::Problem;

impl State {
    pub(super) fn save_visit(&mut self) -> Vec<Command> {
        let wrong = SIGNS.map(Field::Vital).into_iter().find(|f| self.wrong(*f).is_some());
        if wrong.is_some() {
            self.focus = wrong;
            return Vec::new();
        }
        let typed = self.visit_draft();
        if typed.note.is_empty() && typed.vitals.is_empty() {
            self.focus = Some(Field::Note);
            self.visit.problem = Some(Problem {
                code: "usage".to_owned(),
                en: "A visit needs a note or a measure; nothing was saved yet, the draft is kept.".to_owned(),
                fr: "Il faut une note ou une mesure ; rien n’est encore signé, le brouillon est gardé.".to_owned(),
            });
            return Vec::new();
        }
        self.visit.working = true;
        vec![Command::SaveVisit(typed)]
    }

    /// The visit as typed.
    pub fn visit_draft(&self) -> VisitDraft {
        let typed = |f: Field| self.text(f).trim().to_owned();
        let vitals = SIGNS
            .map(|s| (s, self.with_unit(s, &typed(Field::Vital(s)))))
            .into_iter()
            .filter(|(_, text)| !text.is_empty());
        VisitDraft {
            patient: self.visit.patient.clone(),
            reason: typed(Field::Reason),
            note: typed(Field::Note),
            vitals: vitals.collect(),
            oxygen: self.visit.oxygen,
            scale_two: self.visit.scale_two,
        }
    }

    pub(in crate::state) fn clear_visit(&mut self) {
        self.visit = Visit::default();
        self.texts.retain(|f| !matches!(f, Field::Reason | Field::Note | Field::Vital(_)));
    }
}
