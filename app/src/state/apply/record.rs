//! One record: what is added to it, corrected in it, and whom it is shared with.

use super::super::form::Correction;
use super::super::{Command, Field, State};
use crate::theme::tokens::Tone;
use crate::view::What;

impl State {
    pub(super) fn add_allergy(&mut self, severe: bool) -> Vec<Command> {
        let Some(patient) = self.shown_patient() else { return Vec::new() };
        let substance = self.take(Field::Substance);
        let reaction = self.take(Field::Reaction);
        vec![Command::AddAllergy {
            patient,
            substance,
            severe,
            reaction,
        }]
    }

    pub(super) fn add_treatment(&mut self) -> Vec<Command> {
        let Some(patient) = self.shown_patient() else { return Vec::new() };
        let (medicine, dosage) = (self.take(Field::Medicine), self.take(Field::Dosage));
        vec![Command::AddTreatment { patient, medicine, dosage }]
    }

    pub(super) fn unfold(&mut self, entry: String) {
        if !self.unfolded.remove(&entry) {
            self.unfolded.insert(entry);
        }
    }

    /// Opens the dialog on an entry, with what it says now.
    pub(super) fn begin_correction(&mut self, entry: &str) {
        let Some(patient) = self.shown_patient() else { return };
        let Some(found) = self.record_of(&patient).and_then(|r| r.entries.iter().find(|e| e.id == entry)) else {
            return;
        };
        let correction = Correction {
            patient,
            entry: found.id.clone(),
            sign: match found.what {
                What::Vital(measure) => Some(measure.sign()),
                _ => None,
            },
            severe: found.field("criticality").map(|c| c == "high"),
            fields: found.fields.iter().filter(|f| f.name != "criticality").cloned().collect(),
            ..Correction::default()
        };
        for (place, field) in (0..).zip(&correction.fields) {
            self.texts.set(Field::Correction(place), field.value.clone());
        }
        self.focus = (!correction.fields.is_empty()).then_some(Field::Correction(0));
        self.correction = Some(correction);
    }

    /// What the dialog changes, by field.
    pub fn changes(&self) -> Vec<(String, String)> {
        let Some(correction) = &self.correction else { return Vec::new() };
        let typed = (0..).zip(&correction.fields).filter_map(|(place, field)| {
            let now = self.text(Field::Correction(place)).trim();
            let said = correction.sign.map_or_else(|| now.to_owned(), |sign| self.with_unit(sign, now));
            (now != field.value.trim()).then(|| (field.name.clone(), said))
        });
        let severe = correction.severe_changed.then_some(correction.severe).flatten();
        let criticality = severe.map(|severe| ("criticality".to_owned(), if severe { "high" } else { "low" }.to_owned()));
        typed.chain(criticality).collect()
    }

    pub(super) fn save_correction(&mut self) -> Vec<Command> {
        let changes = self.changes();
        let wrong = (0..8).any(|place| self.wrong(Field::Correction(place)).is_some());
        let Some(correction) = &mut self.correction else {
            return Vec::new();
        };
        if changes.is_empty() || correction.working || wrong {
            return Vec::new();
        }
        correction.working = true;
        correction.problem = None;
        vec![Command::Correct {
            patient: correction.patient.clone(),
            entry: correction.entry.clone(),
            changes,
        }]
    }

    /// The first time asks whether it is meant.
    pub(super) fn withdraw(&mut self) -> Vec<Command> {
        let Some(correction) = &mut self.correction else {
            return Vec::new();
        };
        if correction.working {
            return Vec::new();
        }
        if !std::mem::replace(&mut correction.withdrawing, true) {
            return Vec::new();
        }
        correction.working = true;
        vec![Command::Withdraw {
            patient: correction.patient.clone(),
            entry: correction.entry.clone(),
        }]
    }

    pub(super) fn confirm_share(&mut self) -> Vec<Command> {
        let (Some(patient), Some(sharing)) = (self.shown_patient(), &mut self.sharing) else {
            return Vec::new();
        };
        if std::mem::replace(&mut sharing.working, true) {
            return Vec::new();
        }
        let facility = sharing.key.clone();
        vec![Command::Share { patient, facility }]
    }

    pub(in crate::state) fn leave_dialog(&mut self) {
        self.correction = None;
        self.sharing = None;
        self.texts.retain(|f| !matches!(f, Field::Correction(_)));
    }

    /// The record was shared, or not.
    pub(in crate::state) fn shared(
        &mut self,
        patient: String,
        shared: Result<(String, Option<u64>), crate::view::Problem>,
    ) -> Vec<Command> {
        match shared {
            Ok((facility, until)) => {
                self.leave_dialog();
                let lang = self.lang();
                let until = until.map(|at| lang.date_time(at, self.offset));
                let text = match until {
                    Some(at) => lang.tv("toast-shared-until", &[("facility", facility.into()), ("at", at.into())]),
                    None => lang.tv("toast-shared", &[("facility", facility.into())]),
                };
                self.toast(Tone::Success, text);
                vec![Command::Record(patient)]
            }
            Err(problem) => {
                if let Some(sharing) = &mut self.sharing {
                    sharing.working = false;
                    sharing.problem = Some(problem);
                }
                Vec::new()
            }
        }
    }
}
