//! One record: what is added to it, corrected in it, and whom it is shared with.

use bocage_protocol::clinical::text;

use super::super::form::{Correction, Ending, birth_date, since_date, typed_date};
use super::super::{Command, Draft, Field, State};
use crate::theme::tokens::Tone;
use crate::view::{Entry, FieldNow, Sex, What};

/// First letters that two words of substances share if they are about the same: *pénicilline*, *penicillins*.
const ALIKE: usize = 6;
/// Shorter words have to be the same: *iode*.
const SHORT: usize = 3;

impl State {
    pub(super) fn add_allergy(&mut self, severe: bool) -> Vec<Command> {
        let Some(patient) = self.adding([Field::Substance, Field::Reaction]) else {
            return Vec::new();
        };
        vec![Command::AddAllergy {
            patient,
            substance: self.text(Field::Substance).to_owned(),
            severe,
            reaction: self.text(Field::Reaction).to_owned(),
        }]
    }

    pub(super) fn add_treatment(&mut self) -> Vec<Command> {
        let Some(patient) = self.adding([Field::Medicine, Field::Dosage]) else {
            return Vec::new();
        };
        vec![Command::AddTreatment {
            patient,
            medicine: self.text(Field::Medicine).to_owned(),
            dosage: self.text(Field::Dosage).to_owned(),
        }]
    }

    /// To whose record these fields are about to be added; nobody's while something is on its way already.
    fn adding<const N: usize>(&mut self, fields: [Field; N]) -> Option<String> {
        let patient = self.shown_patient().filter(|_| self.adding.is_empty())?;
        self.adding = fields.into();
        Some(patient)
    }

    /// An allergy of the open record whose words are among those of the medicine that is typed: a new one, or a corrected one. Words
    /// alone are compared.
    pub fn allergy_named(&self) -> Option<&Entry> {
        let corrected = self
            .correction
            .as_ref()
            .and_then(|c| c.fields.iter().position(|f| f.name == "medicine"));
        let field = match corrected.and_then(|place| u8::try_from(place).ok()) {
            Some(place) => Field::Correction(place),
            None => Field::Medicine,
        };
        let words = |text: &str| -> Vec<String> { text::fold(text).split_whitespace().map(str::to_owned).collect() };
        let medicine = words(self.text(field));
        let record = self.record_of(&self.shown_patient()?)?;
        let alike = |a: &str, b: &str| {
            let shared = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
            shared >= ALIKE || a == b && a.chars().count() >= SHORT
        };
        let names = |e: &&Entry| words(&e.title).iter().any(|a| medicine.iter().any(|m| alike(a, m)));
        let counts = |e: &&Entry| matches!(e.what, What::Allergy { .. }) && !e.in_error && !e.over;
        record.entries.iter().filter(counts).find(names)
    }

    pub(super) fn add_problem(&mut self, is_over: bool) -> Vec<Command> {
        if self.wrong(Field::Since).is_some() {
            self.focus = Some(Field::Since);
            return Vec::new();
        }
        let Some(patient) = self.adding([Field::Problem, Field::Since]) else {
            return Vec::new();
        };
        vec![Command::AddProblem {
            patient,
            label: self.text(Field::Problem).to_owned(),
            since: since_date(self.text(Field::Since).trim()).unwrap_or_default(),
            is_over,
        }]
    }

    pub(super) fn begin_ending(&mut self, entry: String) {
        let Some(patient) = self.shown_patient() else { return };
        self.texts.retain(|f| !matches!(f, Field::EndDay | Field::EndReason));
        self.focus = Some(Field::EndReason);
        self.ending = Some(Ending {
            patient,
            entry,
            ..Ending::default()
        });
    }

    pub(super) fn resume(&mut self, entry: &str) {
        let Some(patient) = self.shown_patient() else { return };
        let Some(record) = self.record_of(&patient) else { return };
        // What is half typed there isn't overwritten.
        if [Field::Medicine, Field::Dosage].iter().any(|f| !self.text(*f).is_empty()) {
            self.focus = Some(Field::Medicine);
            return;
        }
        let Some(found) = record.entries.iter().find(|e| e.id == entry) else {
            return;
        };
        let said = |name: &str| found.field(name).unwrap_or_default().to_owned();
        let (medicine, dosage) = (said("medicine"), said("dosage"));
        self.texts.set(Field::Medicine, medicine);
        self.texts.set(Field::Dosage, dosage);
        self.focus = Some(Field::Dosage);
        self.draft_soon(Draft::Additions { patient });
    }

    /// The open dialog can be signed: nobody unsays an allergy without a word.
    pub fn end_is_ready(&self) -> bool {
        let Some(ending) = &self.ending else { return false };
        let entry = self.record_of(&ending.patient);
        let entry = entry.and_then(|r| r.entries.iter().find(|e| e.id == ending.entry));
        let is_allergy = entry.is_some_and(|e| matches!(e.what, What::Allergy { .. }));
        let said = !is_allergy || !self.text(Field::EndReason).trim().is_empty();
        !ending.working && said && self.wrong(Field::EndDay).is_none()
    }

    pub(super) fn confirm_end(&mut self) -> Vec<Command> {
        if self.wrong(Field::EndDay).is_some() {
            self.focus = Some(Field::EndDay);
            return Vec::new();
        }
        let reason = self.text(Field::EndReason).trim().to_owned();
        let today = crate::i18n::iso_day(self.now_ms, self.offset);
        let on = since_date(self.text(Field::EndDay).trim()).unwrap_or(today);
        let Some(ending) = &mut self.ending else { return Vec::new() };
        if std::mem::replace(&mut ending.working, true) {
            return Vec::new();
        }
        ending.problem = None;
        vec![Command::End {
            patient: ending.patient.clone(),
            entry: ending.entry.clone(),
            on,
            reason,
        }]
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
            sex: found.field("sex").map(Sex::of_code),
            fields: found.fields.iter().filter(|f| !is_chosen(f)).cloned().map(in_typed_form).collect(),
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
            let said = match (correction.sign, field.name.as_str()) {
                (Some(sign), _) => self.with_unit(sign, now),
                (None, "since") => since_date(now).unwrap_or_else(|| now.to_owned()),
                (None, "birth-date") => birth_date(now).unwrap_or_else(|| now.to_owned()),
                _ => now.to_owned(),
            };
            (now != field.value.trim()).then(|| (field.name.clone(), said))
        });
        let severe = correction.severe_changed.then_some(correction.severe).flatten();
        let criticality = severe.map(|severe| ("criticality".to_owned(), if severe { "high" } else { "low" }.to_owned()));
        let entry = self.record_of(&correction.patient);
        let entry = entry.and_then(|r| r.entries.iter().find(|e| e.id == correction.entry));
        let before = entry.and_then(|e| e.field("sex")).map(Sex::of_code);
        let sex = correction.sex.filter(|sex| Some(*sex) != before);
        let sex = sex.map(|sex| ("sex".to_owned(), sex.code().to_owned()));
        typed.chain(criticality).chain(sex).collect()
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
        self.ending = None;
        self.sharing = None;
        self.texts
            .retain(|f| !matches!(f, Field::Correction(_) | Field::EndDay | Field::EndReason));
    }

    /// What the open dialog asked for was refused: it says why, and can be tried again.
    pub(in crate::state) fn dialog_refused(&mut self, why: crate::view::Problem) {
        if let Some(correction) = &mut self.correction {
            correction.working = false;
            correction.withdrawing = false;
            correction.problem = Some(why);
        } else if let Some(ending) = &mut self.ending {
            ending.working = false;
            ending.problem = Some(why);
        }
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

/// True for a field that is chosen among a few instead of being typed.
fn is_chosen(field: &FieldNow) -> bool {
    matches!(field.name.as_str(), "criticality" | "sex")
}

/// As the window's fields have it.
fn in_typed_form(field: FieldNow) -> FieldNow {
    let value = match field.name.as_str() {
        "birth-date" | "since" => typed_date(&field.value),
        _ => field.value,
    };
    FieldNow { value, ..field }
}
