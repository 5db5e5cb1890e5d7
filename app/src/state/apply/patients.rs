//! The list of patients, and a new one.

use super::super::form::birth_date;
use super::super::{Command, Field, NewPatient, PatientDraft, Patients, State};

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
            query: searched(self.text(Field::Search)),
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

    /// Nothing is typed of a new patient yet.
    pub fn is_new_patient_empty(&self) -> bool {
        let typed = [Field::Family, Field::Given, Field::Birth, Field::Ins];
        typed.into_iter().all(|f| self.text(f).is_empty()) && self.new_patient.sex.is_none()
    }

    pub(in crate::state) fn clear_new_patient(&mut self) {
        self.new_patient = NewPatient::default();
        for field in [Field::Family, Field::Given, Field::Birth, Field::Ins] {
            self.texts.remove(field);
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
        if self.new_patient.sex.is_none() {
            return Vec::new();
        }
        self.new_patient.working = true;
        vec![Command::CreatePatient(self.patient_draft(), anyway)]
    }
}

/// What is looked for, as records hold it: a birth date typed without its slashes, a number typed in the groups in which it is printed.
fn searched(text: &str) -> String {
    let digits: String = text.split_whitespace().collect();
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    match birth_date(text.trim()) {
        Some(date) if date.len() == 10 => date,
        _ if is_number => digits,
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_put_as_records_hold_it() {
        for (typed, wanted) in [
            ("28061935", "1935-06-28"),
            ("28/06/1935", "1935-06-28"),
            ("1 35 06 19 562", "1350619562"),
            ("diallo awa", "diallo awa"),
            ("1992", "1992"),
        ] {
            assert_eq!(searched(typed), wanted);
        }
    }
}
