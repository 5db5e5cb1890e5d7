//! What a person did, applied.

mod patients;
mod record;
mod requests;
mod setup;
mod visit;

use super::form::{Compose, Sharing};
use super::{Action, Command, Draft, Field, Phase, Remote, Route, State, Tab};
use crate::theme::tokens::Tone;

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
                    let saved = self.drafts_now();
                    self.leave_dialog();
                    let left = std::mem::replace(&mut self.route, route);
                    self.leave_record(&left);
                    return [saved, self.arrive()].concat();
                }
            }
            Action::Language(lang) => {
                self.settings.lang = lang;
                self.settings.lang_is_chosen = true;
                return vec![Command::Settings(self.settings)];
            }
            Action::Look(look) => {
                self.settings.look = look;
                return vec![Command::Settings(self.settings)];
            }
            Action::TextSize(size) => {
                self.settings.size = size;
                self.resized = true;
                return vec![Command::Settings(self.settings)];
            }
            Action::RekeyForm(shown) => self.rekey_form(shown),
            Action::Rekey => return self.rekey(),
            Action::Focus(field) => self.focus = Some(field),
            Action::ArrivalsSeen => return vec![Command::ArrivalsSeen],
            Action::CloseToast(id) => self.toasts.retain(|t| t.id != id),
            Action::Help(shown) => self.help = shown,

            Action::Founding(founding) => return self.found_or_join(founding),
            Action::InvitationFile(path) => self.texts.set(Field::InvitationFile, path.display().to_string()),
            Action::Kind(kind) => self.setup(|setup| setup.kind = kind),
            Action::Profession(profession) => self.setup(|setup| setup.profession = Some(profession)),
            Action::SetupBack => self.setup_back(),
            Action::SetupNext => return self.setup_next(),
            Action::Unlock => return self.unlock(),
            Action::Lock => {
                let saved = self.drafts_now();
                return [saved, vec![Command::Lock]].concat();
            }
            Action::Retry => {
                self.phase = Phase::Starting { done: 0, total: 0 };
                return vec![Command::Start];
            }

            Action::PatientsAt(offset) => return self.ask_patients(offset),
            Action::Cursor(row) => self.patients.cursor = Some(row),
            Action::Sex(sex) => {
                self.new_patient.sex = Some(sex);
                self.draft_soon(Draft::NewPatient);
            }
            Action::CreatePatient { anyway } => return self.create_patient(anyway),

            Action::Oxygen(oxygen) => {
                self.visit.oxygen = Some(oxygen);
                self.draft_soon(Draft::Visit);
            }
            Action::ScaleTwo(two) => {
                self.visit.scale_two = two;
                self.draft_soon(Draft::Visit);
            }
            Action::SaveVisit => return self.save_visit(),
            Action::DropDraft => return self.drop_form(),
            Action::AddAllergy { severe } => return self.add_allergy(severe),
            Action::NoAllergy => return self.shown_patient().map(Command::NoAllergy).into_iter().collect(),
            Action::AddTreatment => return self.add_treatment(),
            Action::AddProblem { is_over } => return self.add_problem(is_over),
            Action::End(entry) => self.begin_ending(entry),
            Action::ConfirmEnd => return self.confirm_end(),
            Action::Resume(entry) => self.resume(&entry),
            Action::Unfold(entry) => self.unfold(entry),
            Action::Correct(entry) => self.begin_correction(&entry),
            Action::Severe(severe) => {
                if let Some(correction) = &mut self.correction {
                    correction.severe_changed |= correction.severe != Some(severe);
                    correction.severe = Some(severe);
                }
            }
            Action::CorrectSex(sex) => {
                if let Some(correction) = &mut self.correction {
                    correction.sex = Some(sex);
                }
            }
            Action::SaveCorrection => return self.save_correction(),
            Action::Withdraw => return self.withdraw(),
            Action::LeaveDialog => self.leave_dialog(),
            Action::Share { key, facility } => {
                self.sharing = Some(Sharing {
                    key,
                    facility,
                    ..Sharing::default()
                });
            }
            Action::ConfirmShare => return self.confirm_share(),

            Action::RequestKind(kind) => {
                self.compose.kind = kind;
                self.draft_soon(Draft::Question);
            }
            Action::Urgent(urgent) => {
                self.compose.urgent = urgent;
                self.draft_soon(Draft::Question);
            }
            Action::RecipientCursor(at) => self.compose.cursor = Some(at),
            Action::Recipient(to) => {
                self.compose.to = Some(to);
                self.compose.cursor = None;
                self.draft_soon(Draft::Question);
                self.texts.remove(Field::Recipient);
                self.focus = Some(Field::Question);
            }
            Action::Part(part) => {
                self.compose.parts_chosen = true;
                if !self.compose.parts.remove(part) {
                    self.compose.parts.insert(part);
                }
                self.draft_soon(Draft::Question);
            }
            Action::SendRequest => return self.send_request(),
            Action::Step(step) => return self.step(step),
            Action::SayMore => {
                self.saying_more = true;
                self.focus = Some(Field::Message);
            }

            Action::Stick(folder) => self.texts.set(Field::Stick, folder.display().to_string()),
            Action::CarryOut => return self.carry(Command::CarryOut),
            Action::CarryIn => return self.carry(Command::CarryIn),

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
            Action::CopyInvitation(folder) => {
                let made = self.invitation.value().map(|(file, _)| file.into());
                return made.map(|file| Command::CopyInvitation { file, folder }).into_iter().collect();
            }
            Action::Admit(request) => return vec![Command::Admit(request)],
        }
        Vec::new()
    }

    fn typed(&mut self, field: Field, text: String) -> Vec<Command> {
        self.texts.set(field, text);
        match field {
            Field::Search => return self.search(),
            Field::Family | Field::Given | Field::Birth | Field::Ins => {
                self.new_patient.problem = None;
                self.new_patient.dropping = false;
                self.draft_soon(Draft::NewPatient);
                let draft = self.patient_draft();
                if draft.family.chars().count() > 1 && !draft.birth_date.is_empty() || draft.ins.len() == 15 {
                    return vec![Command::Twins(draft)];
                }
                self.new_patient.twins.clear();
            }
            Field::Reason | Field::Note | Field::Vital(_) => {
                self.visit.refused.retain(|(f, _)| *f != field);
                self.visit.problem = None;
                self.visit.dropping = false;
                self.draft_soon(Draft::Visit);
            }
            Field::Substance | Field::Reaction | Field::Medicine | Field::Dosage | Field::Problem | Field::Since => {
                if let Some(patient) = self.shown_patient() {
                    self.draft_soon(Draft::Additions { patient });
                }
            }
            Field::Recipient => return vec![Command::Recipients(self.text(Field::Recipient).to_owned())],
            Field::Question => {
                self.compose.problem = None;
                self.compose.dropping = false;
                self.draft_soon(Draft::Question);
            }
            Field::Message => {
                self.step_problem = None;
                self.closing = false;
                if let Route::Request { request } = &self.route {
                    let request = request.clone();
                    self.draft_soon(Draft::Message { request });
                }
            }
            Field::InvitationFile | Field::Words => self.setup(|setup| setup.problem = None),
            Field::OldPassphrase => {
                if let Some(rekeying) = &mut self.rekeying {
                    rekeying.problem = None;
                }
            }
            Field::Correction(_) => {
                if let Some(correction) = &mut self.correction {
                    correction.problem = None;
                    correction.withdrawing = false;
                }
            }
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
        let saved = self.drafts_now();
        self.leave_dialog();
        let left = std::mem::replace(&mut self.route, route);
        self.leave_record(&left);
        // Another part of the same screen is no place to come back to.
        if !self.route.is_same_screen(&left) {
            self.behind.push(left);
        }
        if self.behind.len() > MAX_BEHIND {
            self.behind.remove(0);
        }
        [saved, self.arrive()].concat()
    }

    /// What the screen needs that is gone to.
    pub(super) fn arrive(&mut self) -> Vec<Command> {
        match self.route.clone() {
            Route::Home => vec![Command::Network, Command::Drafts, Command::Requests, Command::Arrivals],
            Route::Requests(_) => vec![Command::Requests],
            Route::Patients => {
                self.focus = Some(Field::Search);
                self.search()
            }
            Route::NewPatient => {
                // What was typed comes back with its draft.
                self.clear_new_patient();
                self.focus = Some(Field::Family);
                self.load_draft(String::new(), Draft::NewPatient).into_iter().collect()
            }
            Route::Record { patient, .. } => {
                if self.record_of(&patient).is_none() {
                    self.record = Remote::Idle;
                }
                self.record.ask();
                let news = self.arrivals.rows.iter().any(|a| a.patient.id == patient);
                // Whoever opened it is told: somebody came here to read it.
                let read = news.then(|| Command::ReadRecord(patient.clone()));
                let typed = self.load_draft(patient.clone(), Draft::Additions { patient: patient.clone() });
                [Command::Record(patient)].into_iter().chain(typed).chain(read).collect()
            }
            Route::Visit { patient } => {
                self.clear_visit();
                self.visit.patient.clone_from(&patient);
                self.focus = Some(Field::Reason);
                let mut commands: Vec<Command> = self.load_draft(patient.clone(), Draft::Visit).into_iter().collect();
                if self.record_of(&patient).is_none() {
                    self.record.ask();
                    commands.push(Command::Record(patient));
                }
                commands
            }
            Route::Compose { patient } => {
                if self.compose.patient != patient {
                    self.texts.remove(Field::Question);
                    self.compose = Compose {
                        patient: patient.clone(),
                        ..Compose::default()
                    };
                }
                self.focus = Some(Field::Recipient);
                self.compose.problem = None;
                self.compose.dropping = false;
                self.usual_parts();
                let mut commands = vec![Command::Recipients(String::new())];
                commands.extend(self.load_draft(patient.clone(), Draft::Question));
                if self.record_of(&patient).is_none() {
                    self.record.ask();
                    commands.push(Command::Record(patient));
                }
                commands
            }
            Route::Request { request } => {
                if self.request.value().is_none_or(|r| r.row.id != request) {
                    self.request = Remote::Idle;
                    self.texts.remove(Field::Message);
                    self.saying_more = false;
                }
                self.step_problem = None;
                self.closing = false;
                self.request.ask();
                self.unread = false;
                // Whoever asked is told: somebody came here to read it.
                vec![Command::ReadRequest(request.clone()), Command::Request(request)]
            }
            Route::Network => {
                if self.carrying.is_none() {
                    self.carried = Remote::Idle;
                }
                vec![Command::Network, Command::FindSticks]
            }
            Route::Settings => Vec::new(),
        }
    }

    /// What is typed about one person never stands in the form of another: it is kept as a draft, and comes back with its record.
    fn leave_record(&mut self, left: &Route) {
        if *left == Route::Settings {
            self.rekey_form(false);
        }
        let Route::Record { patient, .. } = left else { return };
        if !matches!(&self.route, Route::Record { patient: now, .. } if now == patient) {
            self.texts.retain(|f| !super::drafts::ADDED.iter().any(|(_, field)| *field == f));
        }
    }

    /// The first time asks whether it is meant.
    fn drop_form(&mut self) -> Vec<Command> {
        let (patient, draft) = match self.route {
            Route::Visit { .. } if std::mem::replace(&mut self.visit.dropping, true) => {
                let patient = self.visit.patient.clone();
                self.clear_visit();
                (patient, Draft::Visit)
            }
            Route::Compose { .. } if std::mem::replace(&mut self.compose.dropping, true) => {
                self.texts.remove(Field::Question);
                (std::mem::take(&mut self.compose).patient, Draft::Question)
            }
            Route::NewPatient if std::mem::replace(&mut self.new_patient.dropping, true) => {
                self.clear_new_patient();
                (String::new(), Draft::NewPatient)
            }
            _ => return Vec::new(),
        };
        let dropped = self.drop_draft(patient, draft);
        [vec![dropped], self.apply(Action::Back)].concat()
    }

    fn carry(&mut self, what: fn(std::path::PathBuf) -> Command) -> Vec<Command> {
        let folder = self.text(Field::Stick).trim().to_owned();
        if folder.is_empty() {
            self.focus = Some(Field::Stick);
            return Vec::new();
        }
        if self.carrying.is_some() {
            return Vec::new();
        }
        self.carrying = Some((0, 0));
        self.carried.ask();
        vec![what(folder.into())]
    }

    // ---- small

    pub(super) fn take(&mut self, field: Field) -> String {
        self.texts.take(field)
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
