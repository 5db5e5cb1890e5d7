//! The list of patients, and a new one.

use super::super::form::birth_date;
use super::super::{Command, Field, PatientDraft, Patients, State};

impl State {
    pub(in crate::state) fn search(&mut self) -> Vec<Command> {
        let seq = self.patients.seq + 1;
        self.patients = Patients {
            seq,
            total: self.patients.total,
            fresh: true,
            // Shown until the answer is here: a list that blinks can't be read.
            rows: std::mem::take(&mut self.patients.rows),
            ..Patients::default()
        };
        self.ask_patients(0)
    }

    pub(super) fn ask_patients(&mut self, offset: u64) -> Vec<Command> {
        if !self.patients.asked.insert(offset) {
            return Vec::new();
        }
        vec![Command::Patients {
            seq: self.patients.seq,
            query: self.text(Field::Search).to_owned(),
            offset,
        }]
    }

    /// The person as typed so far; a birth date that can't be read is empty.
    pub(in crate::state) fn patient_draft(&self) -> PatientDraft {
        let typed = |f: Field| self.text(f).trim().to_owned();
        PatientDraft {
            family: typed(Field::Family),
            given: typed(Field::Given),
            birth_date: birth_date(self.text(Field::Birth)).unwrap_or_default(),
            sex: self.new_patient.sex.unwrap_or_default(),
            ins: self.text(Field::Ins).split_whitespace().collect(),
        }
    }

    /// Fields of a new patient that keep it from being saved.
    pub fn missing_of_patient(&self) -> Vec<Field> {
        let mut missing: Vec<Field> = [Field::Family, Field::Given, Field::Birth]
            .into_iter()
            .filter(|f| self.text(*f).trim().is_empty())
            .collect();
        missing.extend([Field::Birth, Field::Ins].into_iter().filter(|f| self.wrong(*f).is_some()));
        missing
    }

    pub(super) fn create_patient(&mut self, anyway: bool) -> Vec<Command> {
        if let Some(first) = self.missing_of_patient().first() {
            self.focus = Some(*first);
            return Vec::new();
        }
        self.new_patient.working = true;
        vec![Command::CreatePatient(self.patient_draft(), anyway)]
    }
}
