//! What a person did, applied.

use bocage_protocol::clinical::request::Step;

use super::action::{PatientDraft, RequestDraft, VisitDraft};
use super::form::{self, Compose, SIGNS, Setup, Visit, birth_date};
use super::{Action, Command, DRAFT_AFTER_MS, Field, NewPatient, Patients, Phase, Remote, Route, State, Tab};
use crate::theme::tokens::Tone;
use crate::view::Problem;

/// Steps back that are remembered.
const MAX_BEHIND: usize = 32;

impl State {
    /// The only way in which what a person does changes anything. Returns what is to be asked of the node.
    pub fn apply(&mut self, action: Action) -> Vec<Command> {
        match action {
            Action::Type(field, text) => return self.typed(field, text),
            Action::Go(route) => return self.go(route),
            Action::Back => {
                if let Some(route) = self.behind.pop() {
                    let saved = self.draft_now();
                    self.route = route;
                    return [saved, self.arrive()].concat();
                }
            }
            Action::Language(lang) => {
                self.settings.lang = lang;
                return vec![Command::Settings(self.settings)];
            }
            Action::Look(look) => {
                self.settings.look = look;
                return vec![Command::Settings(self.settings)];
            }
            Action::CloseToast(id) => self.toasts.retain(|t| t.id != id),
            Action::Help(shown) => self.help = shown,

            Action::Founding(founding) => self.setup(|setup| {
                setup.founding = founding;
                setup.step = form::Step::Place;
            }),
            Action::Kind(kind) => self.setup(|setup| setup.kind = kind),
            Action::Profession(profession) => self.setup(|setup| setup.profession = Some(profession)),
            Action::SetupBack => self.setup(|setup| {
                setup.step = form::Step::ALL[(setup.step as usize).saturating_sub(1)];
                setup.tried = false;
                setup.problem = None;
            }),
            Action::SetupNext => return self.setup_next(),
            Action::Unlock => {
                let passphrase = self.take(Field::Passphrase);
                if passphrase.is_empty() {
                    self.focus = Some(Field::Passphrase);
                } else {
                    self.phase = Phase::Locked {
                        working: true,
                        problem: None,
                    };
                    return vec![Command::Unlock(passphrase)];
                }
            }
            Action::Lock => {
                let saved = self.draft_now();
                return [saved, vec![Command::Lock]].concat();
            }
            Action::Retry => {
                self.phase = Phase::Starting { done: 0, total: 0 };
                return vec![Command::Start];
            }

            Action::PatientsAt(offset) => return self.ask_patients(offset),
            Action::Cursor(row) => self.patients.cursor = Some(row),
            Action::Sex(sex) => self.new_patient.sex = Some(sex),
            Action::CreatePatient { anyway } => return self.create_patient(anyway),

            Action::Oxygen(oxygen) => {
                self.visit.oxygen = Some(oxygen);
                self.draft_soon();
            }
            Action::ScaleTwo(two) => {
                self.visit.scale_two = two;
                self.draft_soon();
            }
            Action::SaveVisit => return self.save_visit(),
            Action::DropDraft => {
                let patient = self.visit.patient.clone();
                self.clear_visit();
                return [vec![Command::DropDraft(patient)], self.apply(Action::Back)].concat();
            }
            Action::AddAllergy { severe } => {
                let Some(patient) = self.shown_patient() else { return Vec::new() };
                let substance = self.take(Field::Substance);
                let reaction = self.take(Field::Reaction);
                return vec![Command::AddAllergy {
                    patient,
                    substance,
                    severe,
                    reaction,
                }];
            }
            Action::AddTreatment => {
                let Some(patient) = self.shown_patient() else { return Vec::new() };
                let (medicine, dosage) = (self.take(Field::Medicine), self.take(Field::Dosage));
                return vec![Command::AddTreatment { patient, medicine, dosage }];
            }

            Action::RequestKind(kind) => self.compose.kind = kind,
            Action::Urgent(urgent) => self.compose.urgent = urgent,
            Action::Recipient(to) => {
                self.compose.to = Some(to);
                self.texts.remove(&Field::Recipient);
                self.focus = Some(Field::Question);
            }
            Action::Part(part) => {
                if !self.compose.parts.remove(part) {
                    self.compose.parts.insert(part);
                }
            }
            Action::SendRequest => return self.send_request(),
            Action::Step(step) => return self.step(step),

            Action::Redial => {
                self.toast(Tone::Info, self.lang().t("toast-redial"));
                return vec![Command::Redial];
            }
            Action::Invite => {
                self.invitation.ask();
                let address = self.text(Field::Address).trim().to_owned();
                return vec![Command::Invite(Some(address).filter(|a| !a.is_empty()).into_iter().collect())];
            }
            Action::InviteAnother => self.invitation = Remote::Idle,
            Action::Admit(request) => return vec![Command::Admit(request)],
        }
        Vec::new()
    }

    fn typed(&mut self, field: Field, text: String) -> Vec<Command> {
        if text.is_empty() {
            self.texts.remove(&field);
        } else {
            self.texts.insert(field, text);
        }
        match field {
            Field::Search => return self.search(),
            Field::Family | Field::Given | Field::Birth | Field::Ins => {
                self.new_patient.problem = None;
                let draft = self.patient_draft();
                if draft.family.chars().count() > 1 && !draft.birth_date.is_empty() || draft.ins.len() == 15 {
                    return vec![Command::Twins(draft)];
                }
                self.new_patient.twins.clear();
            }
            Field::Reason | Field::Note | Field::Vital(_) => {
                self.visit.refused.retain(|(f, _)| *f != field);
                self.visit.problem = None;
                self.draft_soon();
            }
            Field::Recipient => return vec![Command::Recipients(self.text(Field::Recipient).to_owned())],
            Field::Question => self.compose.problem = None,
            Field::Message => self.step_problem = None,
            Field::Passphrase => {
                if let Phase::Locked { problem, .. } = &mut self.phase {
                    *problem = None;
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn go(&mut self, route: Route) -> Vec<Command> {
        if route == self.route {
            return self.arrive();
        }
        let saved = self.draft_now();
        self.behind.push(std::mem::replace(&mut self.route, route));
        if self.behind.len() > MAX_BEHIND {
            self.behind.remove(0);
        }
        [saved, self.arrive()].concat()
    }

    /// What the screen needs that is gone to.
    pub(super) fn arrive(&mut self) -> Vec<Command> {
        match self.route.clone() {
            Route::Home => vec![Command::Network, Command::Drafts, Command::Requests],
            Route::Requests(_) => vec![Command::Requests],
            Route::Patients => {
                self.focus = Some(Field::Search);
                self.search()
            }
            Route::NewPatient => {
                self.new_patient = NewPatient::default();
                self.focus = Some(Field::Family);
                Vec::new()
            }
            Route::Record { patient, .. } => {
                if self.record_of(&patient).is_none() {
                    self.record = Remote::Idle;
                }
                self.record.ask();
                vec![Command::Record(patient)]
            }
            Route::Visit { patient } => {
                self.clear_visit();
                self.visit.patient.clone_from(&patient);
                self.focus = Some(Field::Reason);
                let mut commands = vec![Command::LoadDraft(patient.clone())];
                if self.record_of(&patient).is_none() {
                    self.record.ask();
                    commands.push(Command::Record(patient));
                }
                commands
            }
            Route::Compose { patient } => {
                if self.compose.patient != patient {
                    self.texts.remove(&Field::Question);
                    self.compose = Compose {
                        patient: patient.clone(),
                        ..Compose::default()
                    };
                }
                self.focus = Some(Field::Recipient);
                let mut commands = vec![Command::Recipients(String::new())];
                if self.record_of(&patient).is_none() {
                    self.record.ask();
                    commands.push(Command::Record(patient));
                }
                commands
            }
            Route::Request { request } => {
                if self.request.value().is_none_or(|r| r.row.id != request) {
                    self.request = Remote::Idle;
                    self.texts.remove(&Field::Message);
                }
                self.step_problem = None;
                self.request.ask();
                // Whoever asked is told: somebody came here to read it.
                vec![Command::ReadRequest(request.clone()), Command::Request(request)]
            }
            Route::Network => vec![Command::Network],
            Route::Settings => Vec::new(),
        }
    }

    // ---- first run

    fn setup(&mut self, change: impl FnOnce(&mut Setup)) {
        if let Phase::FirstRun(setup) = &mut self.phase
            && !setup.working
        {
            change(setup);
        }
    }

    fn setup_next(&mut self) -> Vec<Command> {
        let Phase::FirstRun(setup) = &self.phase else { return Vec::new() };
        if setup.working {
            return Vec::new();
        }
        let mut setup = setup.clone();
        let mut commands = Vec::new();
        if !self.step_is_complete(&setup) {
            setup.tried = true;
            self.focus = self.required(&setup).into_iter().find(|f| self.text(*f).trim().is_empty());
        } else if setup.step < form::Step::Passphrase {
            setup.step = form::Step::ALL[setup.step as usize + 1];
            setup.tried = false;
        } else {
            setup.working = true;
            setup.problem = None;
            let founding = self.founding(&setup);
            commands.push(if setup.founding {
                Command::Found(founding)
            } else {
                Command::Join {
                    invitation: self.text(Field::InvitationFile).trim().into(),
                    words: self.text(Field::Words).to_owned(),
                    founding,
                }
            });
        }
        self.phase = Phase::FirstRun(setup);
        commands
    }

    // ---- patients

    pub(super) fn search(&mut self) -> Vec<Command> {
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

    fn ask_patients(&mut self, offset: u64) -> Vec<Command> {
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
    pub(super) fn patient_draft(&self) -> PatientDraft {
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

    fn create_patient(&mut self, anyway: bool) -> Vec<Command> {
        if let Some(first) = self.missing_of_patient().first() {
            self.focus = Some(*first);
            return Vec::new();
        }
        self.new_patient.working = true;
        vec![Command::CreatePatient(self.patient_draft(), anyway)]
    }

    // ---- visits

    fn save_visit(&mut self) -> Vec<Command> {
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
            .map(|s| (s, typed(Field::Vital(s))))
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

    pub(super) fn clear_visit(&mut self) {
        self.visit = Visit::default();
        self.texts
            .retain(|f, _| !matches!(f, Field::Reason | Field::Note | Field::Vital(_)));
    }

    /// The draft is due this long after the first change, not after the last one.
    fn draft_soon(&mut self) {
        self.visit.draft_due_ms.get_or_insert(self.now_ms + DRAFT_AFTER_MS);
    }

    /// Saves the draft if its time has come.
    pub(super) fn due_draft(&mut self) -> Vec<Command> {
        if self.visit.draft_due_ms.is_some_and(|due| due <= self.now_ms) {
            self.draft_now()
        } else {
            Vec::new()
        }
    }

    /// Saves the draft if something was typed since the last time.
    pub(crate) fn draft_now(&mut self) -> Vec<Command> {
        if self.visit.draft_due_ms.take().is_none() || self.visit.patient.is_empty() || self.visit.working {
            return Vec::new();
        }
        vec![Command::SaveDraft {
            patient: self.visit.patient.clone(),
            text: self.draft_text(),
        }]
    }

    /// The form as one text: a field a line would lose line breaks, so each is JSON.
    fn draft_text(&self) -> String {
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

    // ---- requests

    fn send_request(&mut self) -> Vec<Command> {
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

    fn step(&mut self, step: Step) -> Vec<Command> {
        let Some(shown) = self.request.value() else { return Vec::new() };
        let text = self.text(Field::Message).trim().to_owned();
        if step.needs_text() && text.is_empty() {
            self.focus = Some(Field::Message);
            return Vec::new();
        }
        let request = shown.row.id.clone();
        self.stepping = true;
        self.step_problem = None;
        vec![Command::Step { request, step, text }]
    }

    // ---- small

    pub(super) fn take(&mut self, field: Field) -> String {
        self.texts.remove(&field).unwrap_or_default()
    }

    /// Whose record or visit is on the screen.
    pub fn shown_patient(&self) -> Option<String> {
        match &self.route {
            Route::Record { patient, .. } | Route::Visit { patient } | Route::Compose { patient } => Some(patient.clone()),
            _ => None,
        }
    }

    /// The record's screen at this part.
    pub(super) fn record_route(patient: String) -> Route {
        Route::Record {
            patient,
            tab: Tab::Summary,
        }
    }
}
