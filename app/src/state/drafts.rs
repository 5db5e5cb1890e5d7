//! What is begun and not signed yet: kept on this machine while it is written, taken up again later.

use bocage_protocol::clinical::request::Kind;
use bocage_protocol::clinical::vitals::Sign;

use serde::Deserialize as _;

use super::form::PARTS;
use super::{Command, DRAFT_AFTER_MS, DRAFT_AGAIN_MS, Field, Phase, Route, State};
use crate::view::{Problem, Recipient, Sex};

/// The name of a record's additions at the node.
pub const ADDITIONS: &str = "additions";
/// What is typed of allergies, treatments and problems, by its name in the draft: two fields a form.
pub(super) const ADDED: [(&str, Field); 6] = [
    ("substance", Field::Substance),
    ("reaction", Field::Reaction),
    ("medicine", Field::Medicine),
    ("dosage", Field::Dosage),
    ("problem", Field::Problem),
    ("since", Field::Since),
];
/// What is typed of an identity, by its name in the draft.
const IDENTITY: [(&str, Field); 4] = [
    ("family", Field::Family),
    ("given", Field::Given),
    ("birth", Field::Birth),
    ("ins", Field::Ins),
];
/// Characters of a request's id in the name of its draft.
const ID: usize = 16;

/// A form that is being filled in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Draft {
    Visit,
    /// Somebody who isn't registered yet: a form about no record.
    NewPatient,
    /// Allergies, treatments and problems of this record, typed and not added yet.
    Additions {
        patient: String,
    },
    /// A question to a colleague.
    Question,
    /// What is about to be said in a request.
    Message {
        request: String,
    },
}

impl Draft {
    /// How the name of a message's draft begins; the beginning of its request's id follows.
    pub const MESSAGE: &str = "message-";

    /// Its name at the node.
    pub fn code(&self) -> String {
        match self {
            Self::Visit => "visit".to_owned(),
            Self::NewPatient => "new-patient".to_owned(),
            Self::Additions { .. } => ADDITIONS.to_owned(),
            Self::Question => "question".to_owned(),
            Self::Message { request } => format!("{}{}", Self::MESSAGE, request.get(..ID).unwrap_or(request)),
        }
    }
}

impl State {
    /// The draft is due this long after the first change, not after the last one.
    pub(super) fn draft_soon(&mut self, draft: Draft) {
        self.drafts_due.entry(draft).or_insert(self.now_ms + DRAFT_AFTER_MS);
    }

    /// Saves what has to be saved by now.
    pub(super) fn due_drafts(&mut self) -> Vec<Command> {
        let due: Vec<Draft> = self
            .drafts_due
            .iter()
            .filter(|(_, at)| **at <= self.now_ms)
            .map(|(d, _)| d.clone())
            .collect();
        let mut commands: Vec<Command> = due.into_iter().flat_map(|draft| self.save_draft(draft)).collect();
        if self.phase == Phase::Open {
            let now = self.now_ms;
            for ((patient, draft), (text, at)) in self.drafts_refused.iter_mut().filter(|(_, (_, at))| *at <= now) {
                *at = now + DRAFT_AGAIN_MS;
                commands.push(Command::SaveDraft {
                    patient: patient.clone(),
                    draft: draft.clone(),
                    text: text.clone(),
                });
            }
        }
        commands
    }

    /// A draft was saved, or the disk refused it: then it is tried again, from its form or, once that was left, from here.
    pub(super) fn draft_saved(&mut self, patient: String, draft: Draft, text: String, saved: Result<u64, Problem>) {
        let is_shown = self.draft_is_shown(&patient, &draft);
        if draft == Draft::Visit && is_shown {
            self.visit.draft_saved_ms = saved.as_ref().ok().copied();
        }
        let key = (patient, draft);
        match saved {
            Ok(_) => {
                self.drafts_refused.remove(&key);
                if self.drafts_refused.is_empty() {
                    self.close_toasts_saying("draft");
                }
            }
            Err(problem) => {
                let again = self.now_ms + DRAFT_AGAIN_MS;
                if is_shown {
                    self.drafts_due.insert(key.1, again);
                } else {
                    self.drafts_refused.insert(key, (text, again));
                }
                // Said once.
                self.close_toasts_saying("draft");
                self.fail(&problem);
            }
        }
    }

    /// True iff what is typed of this draft stands in the fields.
    fn draft_is_shown(&self, patient: &str, draft: &Draft) -> bool {
        match draft {
            Draft::Visit => self.visit.patient == patient,
            Draft::NewPatient => self.route == Route::NewPatient,
            Draft::Additions { patient } => self.shown_patient().as_ref() == Some(patient),
            Draft::Question => self.compose.patient == patient,
            Draft::Message { request } => self.route == (Route::Request { request: request.clone() }),
        }
    }

    /// What was typed of a form that is shown again: from here if the disk refused it, else from the node.
    pub(super) fn load_draft(&mut self, patient: String, draft: Draft) -> Option<Command> {
        let key = (patient, draft);
        let Some((text, _)) = self.drafts_refused.remove(&key) else {
            let (patient, draft) = key;
            return Some(Command::LoadDraft { patient, draft });
        };
        self.take_up(&key.0, &key.1, &text);
        self.draft_soon(key.1);
        None
    }

    /// Saves whatever was typed since the last time.
    pub(crate) fn drafts_now(&mut self) -> Vec<Command> {
        let due: Vec<Draft> = self.drafts_due.keys().cloned().collect();
        due.into_iter().flat_map(|draft| self.save_draft(draft)).collect()
    }

    /// The form was sent, or given up: nothing is left to be kept.
    pub(super) fn drop_draft(&mut self, patient: String, draft: Draft) -> Command {
        self.drafts_due.remove(&draft);
        self.drafts_refused.remove(&(patient.clone(), draft.clone()));
        Command::DropDraft { patient, draft }
    }

    fn save_draft(&mut self, draft: Draft) -> Option<Command> {
        let sending = match draft {
            Draft::Visit => self.visit.working,
            Draft::NewPatient => self.new_patient.working,
            Draft::Additions { .. } => false,
            Draft::Question => self.compose.working,
            Draft::Message { .. } => self.stepping,
        };
        if sending {
            // Should it be refused, the draft is still wanted.
            self.drafts_due.insert(draft, self.now_ms + DRAFT_AFTER_MS);
            return None;
        }
        self.drafts_due.remove(&draft)?;
        let (patient, text) = match &draft {
            Draft::NewPatient => {
                let text = self.new_patient_text();
                return Some(Command::SaveDraft {
                    patient: String::new(),
                    draft,
                    text,
                });
            }
            // Of a record that isn't on the screen any more nothing is in the fields.
            Draft::Additions { patient } if self.shown_patient().as_ref() == Some(patient) => (patient.clone(), self.additions_text()),
            Draft::Additions { .. } => return None,
            Draft::Visit => (self.visit.patient.clone(), self.visit_text()),
            Draft::Question => (self.compose.patient.clone(), self.question_text()),
            Draft::Message { request } => {
                let shown = self.request.value().filter(|r| r.row.id == *request)?;
                (shown.row.patient.id.clone(), self.text(Field::Message).to_owned())
            }
        };
        (!patient.is_empty()).then_some(Command::SaveDraft { patient, draft, text })
    }

    /// The form as one text: a field a line would lose line breaks, so each is JSON.
    fn visit_text(&self) -> String {
        let draft = self.visit_draft();
        let vitals: serde_json::Map<String, serde_json::Value> = draft
            .vitals
            .iter()
            .map(|(s, v)| (s.row().loinc.to_owned(), v.as_str().into()))
            .collect();
        serde_json::json!({
            "reason": draft.reason,
            "note": self.text(Field::Note),
            "vitals": vitals,
            "oxygen": draft.oxygen,
            "scale_two": draft.scale_two,
        })
        .to_string()
    }

    /// Empty where nothing is typed: what was added has gone from the fields.
    fn additions_text(&self) -> String {
        let typed = ADDED.map(|(name, field)| (name.to_owned(), self.text(field).into()));
        if typed.iter().all(|(_, text): &(String, serde_json::Value)| text == "") {
            return String::new();
        }
        serde_json::Value::from(serde_json::Map::from_iter(typed)).to_string()
    }

    /// As typed, a birth date that isn't whole yet too. Empty where nothing is.
    fn new_patient_text(&self) -> String {
        let typed = IDENTITY.map(|(name, field)| (name.to_owned(), self.text(field).into()));
        if typed.iter().all(|(_, text): &(String, serde_json::Value)| text == "") {
            return String::new();
        }
        let mut draft = serde_json::Map::from_iter(typed);
        draft.insert("sex".to_owned(), self.new_patient.sex.map(Sex::code).into());
        serde_json::Value::from(draft).to_string()
    }

    /// Empty where nothing is asked yet: whom it goes to and what is attached is quickly chosen again.
    fn question_text(&self) -> String {
        let question = self.text(Field::Question);
        if question.trim().is_empty() {
            return String::new();
        }
        serde_json::json!({
            "question": question,
            "kind": self.compose.kind.code(),
            "urgent": self.compose.urgent,
            "parts": self.compose.parts,
            "to": self.compose.to,
        })
        .to_string()
    }

    /// A draft came back from the node. What was typed before it came is newer.
    pub(super) fn take_up(&mut self, patient: &str, draft: &Draft, text: &str) {
        match draft {
            Draft::Visit if self.visit.patient == patient => self.take_up_visit(text),
            Draft::Additions { patient: of } if of == patient && self.shown_patient().as_deref() == Some(patient) => {
                let draft = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
                // A medicine typed meanwhile doesn't get another one's dosage.
                for form in ADDED
                    .chunks(2)
                    .filter(|form| form.iter().all(|(_, f)| self.text(*f).is_empty()))
                    .collect::<Vec<_>>()
                {
                    for (name, field) in form {
                        self.texts
                            .set_if_empty(*field, draft[*name].as_str().unwrap_or_default().to_owned());
                    }
                }
            }
            Draft::NewPatient if self.route == Route::NewPatient && self.is_new_patient_empty() => self.take_up_new_patient(text),
            Draft::Question if self.compose.patient == patient => self.take_up_question(text),
            Draft::Message { request } if self.route == (Route::Request { request: request.clone() }) => {
                self.texts.set_if_empty(Field::Message, text.to_owned());
            }
            _ => {}
        }
    }

    fn take_up_visit(&mut self, text: &str) {
        let Ok(draft) = serde_json::from_str::<serde_json::Value>(text) else {
            return;
        };
        let said = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        self.texts.set_if_empty(Field::Reason, said(&draft["reason"]));
        self.texts.set_if_empty(Field::Note, said(&draft["note"]));
        for (loinc, value) in draft["vitals"].as_object().into_iter().flatten() {
            if let Some(sign) = Sign::of_loinc(loinc) {
                self.texts.set_if_empty(Field::Vital(sign), said(value));
            }
        }
        self.visit.oxygen = self.visit.oxygen.or(draft["oxygen"].as_bool());
        self.visit.scale_two |= draft["scale_two"] == true;
        self.visit.draft_saved_ms = Some(self.now_ms);
    }

    fn take_up_new_patient(&mut self, text: &str) {
        let Ok(draft) = serde_json::from_str::<serde_json::Value>(text) else {
            return;
        };
        for (name, field) in IDENTITY {
            self.texts.set_if_empty(field, draft[name].as_str().unwrap_or_default().to_owned());
        }
        self.new_patient.sex = self.new_patient.sex.or(draft["sex"].as_str().map(Sex::of_code));
    }

    fn take_up_question(&mut self, text: &str) {
        let Ok(draft) = serde_json::from_str::<serde_json::Value>(text) else {
            return;
        };
        let said = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        self.texts.set_if_empty(Field::Question, said(&draft["question"]));
        self.compose.urgent |= draft["urgent"] == true;
        if let Some(kind) = draft["kind"].as_str().and_then(Kind::of_code) {
            self.compose.kind = kind;
        }
        if let (None, Ok(to)) = (&self.compose.to, Recipient::deserialize(&draft["to"])) {
            self.compose.to = Some(to);
            self.focus = Some(Field::Question);
        }
        if let Some(parts) = draft["parts"].as_array() {
            self.compose.parts_chosen = true;
            self.compose.parts = PARTS.into_iter().filter(|p| parts.iter().any(|kept| kept == p)).collect();
        }
    }
}
