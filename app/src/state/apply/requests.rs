//! Questions to colleagues, and their steps.

use bocage_protocol::clinical::request::{Status, Step};

use super::super::form::USUAL_PARTS;
use super::super::{Command, Field, RequestDraft, State};
use crate::view::Problem;

impl State {
    /// Attaches what a colleague needs, once the record says what there is; what somebody chose stays.
    pub(in crate::state) fn usual_parts(&mut self) {
        if self.compose.parts_chosen {
            return;
        }
        let begun = |part: &&str| self.record_of(&self.compose.patient).is_some_and(|r| r.is_begun(part));
        self.compose.parts = USUAL_PARTS.into_iter().filter(begun).collect();
    }

    pub(super) fn send_request(&mut self) -> Vec<Command> {
        let question = self.text(Field::Question).trim().to_owned();
        let Some(to) = &self.compose.to else {
            self.focus = Some(Field::Recipient);
            return Vec::new();
        };
        if question.is_empty() {
            self.focus = Some(Field::Question);
            return Vec::new();
        }
        let draft = RequestDraft {
            patient: self.compose.patient.clone(),
            kind: self.compose.kind,
            urgent: self.compose.urgent,
            to: to.id.clone(),
            question,
            parts: self.compose.parts.iter().map(|p| (*p).to_owned()).collect(),
        };
        self.compose.working = true;
        vec![Command::OpenRequest(draft)]
    }

    /// The step that an open request is most likely for: what is being written is to be said; with nothing written, an answered one is closed.
    pub fn main_step(&self) -> Option<Step> {
        let row = &self.request.value()?.row;
        let may = |step: &Step| row.steps.contains(step);
        let ends = matches!(row.status, Status::Answered | Status::Declined) && !self.saying_more;
        if ends && self.text(Field::Message).trim().is_empty() {
            return Some(Step::Close).filter(may);
        }
        [Step::Answer, Step::Reply, Step::Close].into_iter().find(may)
    }

    pub(super) fn step(&mut self, step: Step) -> Vec<Command> {
        let Some(shown) = self.request.value() else { return Vec::new() };
        let text = self.text(Field::Message).trim().to_owned();
        if step.needs_text() && text.is_empty() {
            self.focus = Some(Field::Message);
            self.step_problem = Some(Problem {
                code: "usage".to_owned(),
                en: "Write it above first: what you ask, say, or why you decline.".to_owned(),
                fr: "Écrivez-le d’abord au-dessus : ce que vous demandez, ce que vous répondez, ou pourquoi vous déclinez.".to_owned(),
            });
            return Vec::new();
        }
        let request = shown.row.id.clone();
        if step == Step::Close && !std::mem::replace(&mut self.closing, true) {
            return Vec::new();
        }
        self.closing = false;
        self.stepping = true;
        self.stepped = Some(step);
        self.step_problem = None;
        vec![Command::Step { request, step, text }]
    }
}
