//! What the node answered, applied.

use std::collections::BTreeSet;

use bocage_protocol::clinical::request::Step;

use super::form::Setup;
use super::{Command, Draft, Event, Field, Phase, Route, SetupDone, State};
use crate::theme::tokens::Tone;
use crate::view::{Network, Problem};

impl State {
    /// Takes in what the node says. Returns what is to be asked next.
    pub fn receive(&mut self, event: Event) -> Vec<Command> {
        match event {
            Event::Starting { done, total } => self.phase = Phase::Starting { done, total },
            Event::Empty => self.phase = Phase::FirstRun(Setup::default()),
            Event::Started(place) => {
                self.place = place;
                if self.place.carries_only {
                    self.phase = Phase::Open;
                    self.route = Route::Network;
                    return vec![Command::Network];
                }
                self.phase = Phase::Locked {
                    // After a founding the passphrase is on its way already.
                    working: self.greeting.is_some(),
                    problem: None,
                };
                self.focus = Some(Field::Passphrase);
            }
            Event::Broken(problem) => self.phase = Phase::Broken(problem),
            // Asked for before the desk was locked, answered after.
            Event::Failed(problem) if problem.code == "locked" && self.phase != Phase::Open => {}
            // Said on the screen already.
            Event::Failed(problem) if matches!(&self.phase, Phase::Broken(shown) if shown.code == problem.code) => {}
            Event::Setup(_) | Event::Invitations(_) | Event::Invitation(_) => return self.set_up(event),
            Event::Unlocked(Ok(place)) => {
                self.place = place;
                self.phase = Phase::Open;
                self.route = Route::Home;
                self.behind.clear();
                self.greet();
                let home = self.arrive();
                return [home, self.search()].concat();
            }
            // Asked for right after a start that failed: what broke stands on the screen already.
            Event::Unlocked(Err(_)) if matches!(self.phase, Phase::Broken(_)) => {}
            Event::Unlocked(Err(problem)) => {
                self.phase = Phase::Locked {
                    working: false,
                    problem: Some(problem),
                };
                self.focus = Some(Field::Passphrase);
            }
            Event::Locked => self.lock(),
            Event::Changed => return self.refresh(),
            Event::Network(answer) => {
                if let Ok(network) = &answer {
                    self.welcome(network);
                }
                self.network.answer(answer);
            }
            Event::Patients { seq, page } => self.patients_came(seq, page),
            Event::Twins(twins) => self.new_patient.twins = twins,
            Event::Created(Ok(patient)) => {
                self.toast(Tone::Success, self.lang().t("toast-patient-created"));
                let dropped = self.drop_draft(String::new(), Draft::NewPatient);
                // Whoever has gone elsewhere meanwhile isn't taken away from there.
                if self.route != Route::NewPatient {
                    self.new_patient.working = false;
                    return vec![dropped];
                }
                self.clear_new_patient();
                // Going back leads to the list, not to an empty form.
                self.route = Self::record_route(patient);
                return [vec![dropped], self.arrive()].concat();
            }
            Event::Created(Err(problem)) => {
                self.new_patient.working = false;
                self.new_patient.problem = Some(problem);
            }
            Event::Record { patient, record } => {
                if self.shown_patient().is_some_and(|shown| shown == patient) {
                    self.record.answer(record);
                    self.usual_parts();
                }
            }
            Event::VisitSaved { patient, saved: Ok(()) } => {
                if self.visit.patient == patient {
                    // Its draft went with it.
                    self.drafts_due.remove(&Draft::Visit);
                    self.close_toasts_saying("draft");
                    self.clear_visit();
                    self.toast(Tone::Success, self.lang().t("toast-visit-saved"));
                    if !matches!(self.route, Route::Visit { .. }) {
                        return Vec::new();
                    }
                    self.route = Self::record_route(patient);
                    self.behind.retain(|r| !matches!(r, Route::Visit { .. } | Route::Record { .. }));
                    return self.arrive();
                }
            }
            Event::VisitSaved { saved: Err(refused), .. } => {
                self.visit.working = false;
                self.focus = refused.fields.first().map(|(field, _)| *field);
                self.visit.refused = refused.fields;
                self.visit.problem = Some(refused.why);
            }
            Event::Added { patient, added } => {
                let fields = std::mem::take(&mut self.adding);
                match added {
                    Ok(()) => {
                        // What was refused is still there to be sent again.
                        let draft = Draft::Additions { patient: patient.clone() };
                        let mut commands = vec![Command::Record(patient.clone())];
                        if self.shown_patient().as_ref() == Some(&patient) {
                            fields.into_iter().for_each(|f| self.texts.remove(f));
                            self.draft_soon(draft);
                        } else {
                            // Left meanwhile: it must not come back as if it hadn't been added.
                            commands.push(self.drop_draft(patient, draft));
                        }
                        self.toast(Tone::Success, self.lang().t("toast-saved-here"));
                        return commands;
                    }
                    Err(problem) => self.fail(&problem),
                }
            }
            Event::Corrected { patient, corrected } => match corrected {
                Ok(()) => {
                    let done = if self.ending.is_some() { "toast-ended" } else { "toast-corrected" };
                    self.leave_dialog();
                    self.toast(Tone::Success, self.lang().t(done));
                    return vec![Command::Record(patient)];
                }
                Err(problem) => self.dialog_refused(problem),
            },
            Event::Arrivals(arrivals) => self.arrivals = arrivals,
            Event::Shared { patient, shared } => return self.shared(patient, shared),
            Event::Draft { patient, draft, text } => {
                if let Some(text) = text {
                    self.take_up(&patient, &draft, &text);
                }
            }
            Event::DraftSaved {
                patient,
                draft,
                text,
                saved,
            } => self.draft_saved(patient, draft, text, saved),
            Event::Drafts(drafts) => self.drafts = drafts,
            Event::Requests(answer) => self.requests.answer(answer),
            Event::Request { request, shown } => {
                if matches!(&self.route, Route::Request { request: open } if *open == request) {
                    let first = self.request.value().is_none();
                    self.request.answer(shown.map(|r| *r));
                    if let Some(shown) = self.request.value().filter(|_| first) {
                        let patient = shown.row.patient.id.clone();
                        let draft = Draft::Message { request };
                        return self.load_draft(patient, draft).into_iter().collect();
                    }
                }
            }
            Event::Recipients(found) => {
                self.compose.recipients = found;
                self.compose.cursor = None;
            }
            Event::RequestSent(Ok(request)) => {
                let patient = std::mem::take(&mut self.compose).patient;
                let dropped = self.drop_draft(patient, Draft::Question);
                self.texts.remove(Field::Question);
                self.toast(Tone::Success, self.lang().t("toast-request-sent"));
                if !matches!(self.route, Route::Compose { .. }) {
                    return vec![dropped, Command::Requests];
                }
                self.route = Route::Request { request };
                return [vec![dropped], self.arrive(), vec![Command::Requests]].concat();
            }
            Event::RequestSent(Err(problem)) => {
                self.compose.working = false;
                self.compose.problem = Some(problem);
            }
            Event::Stepped { request, stepped } => {
                self.stepping = false;
                match stepped {
                    Ok(()) => {
                        self.texts.remove(Field::Message);
                        self.saying_more = false;
                        let done = match self.stepped.take() {
                            Some(Step::Answer) => "toast-answered",
                            Some(Step::Close) => "toast-closed",
                            _ => "toast-saved-here",
                        };
                        self.toast(Tone::Success, self.lang().t(done));
                        let shown = self.request.value().filter(|r| r.row.id == request);
                        let patient = shown.map(|r| r.row.patient.id.clone());
                        let draft = Draft::Message { request: request.clone() };
                        let dropped = patient.map(|patient| self.drop_draft(patient, draft));
                        return dropped.into_iter().chain([Command::Request(request), Command::Requests]).collect();
                    }
                    Err(problem) => self.step_problem = Some(problem),
                }
            }
            Event::Sticks(found) => {
                if let Some(first) = found.first() {
                    self.texts.set_if_empty(Field::Stick, first.display().to_string());
                }
                self.sticks = found;
            }
            Event::Carrying { done, total } => self.carrying = self.carrying.map(|_| (done, total)),
            Event::Carried(answer) => {
                self.carrying = None;
                self.carried.answer(answer);
                return vec![Command::Network, Command::Requests];
            }
            Event::Invited(answer) => {
                self.focus = Some(Field::Address);
                self.invitation.answer(answer);
                return vec![Command::FindSticks];
            }
            Event::InvitationCopied(Ok(to)) => {
                let to = to.display().to_string();
                self.toast(Tone::Success, self.lang().tv("toast-copied", &[("file", to.into())]));
            }
            Event::InvitationCopied(Err(problem)) => self.fail(&problem),
            Event::Rekeyed(answer) => self.rekeyed(answer),
            // The list of places, asked for anew, says who is in it now.
            Event::Admitted(Ok(())) => return vec![Command::Network],
            Event::Admitted(Err(problem)) | Event::Failed(problem) => self.fail(&problem),
        }
        Vec::new()
    }

    /// What a founding or joining ends with, said once the desk is there.
    fn greet(&mut self) {
        let network = self.place.network.clone();
        let id = match self.greeting.take() {
            Some(SetupDone::Founded) => "toast-founded",
            Some(SetupDone::Joined) => "toast-joined",
            _ => return,
        };
        let text = self.lang().tv(id, &[("network", network.into())]);
        self.toast(Tone::Success, text);
    }

    /// A place that wasn't there before is in the network now, whoever admitted it.
    fn welcome(&mut self, network: &Network) {
        let Some(before) = self.network.value() else { return };
        let known: BTreeSet<&str> = before.peers.iter().map(|p| p.node.as_str()).collect();
        let new = network.peers.iter().filter(|p| !known.contains(p.node.as_str()));
        let new: Vec<String> = new.map(|p| p.facility.clone()).collect();
        if !new.is_empty() && self.invitation.value().is_some() {
            // It was for one place: nobody is to hand it over again.
            self.invitation = super::Remote::Idle;
        }
        for facility in new {
            let text = self.lang().tv("toast-admitted", &[("facility", facility.into())]);
            self.toast(Tone::Success, text);
        }
    }

    /// Nothing that belongs to a patient stays in memory.
    fn lock(&mut self) {
        let (settings, now_ms, offset, place, demo) = (self.settings, self.now_ms, self.offset, self.place.clone(), self.demo);
        // What the disk refused stands nowhere else: it waits for the next unlocking.
        let refused = self.drafts_now().into_iter().filter_map(|unsaved| match unsaved {
            Command::SaveDraft { patient, draft, text } => Some(((patient, draft), (text, now_ms))),
            _ => None,
        });
        let refused: Vec<_> = refused.collect();
        let mut drafts_refused = std::mem::take(&mut self.drafts_refused);
        drafts_refused.extend(refused);
        *self = Self::new(settings, now_ms, offset);
        self.place = place;
        self.demo = demo;
        self.drafts_refused = drafts_refused;
        self.phase = Phase::Locked {
            working: false,
            problem: None,
        };
        self.focus = Some(Field::Passphrase);
    }

    /// Something changed at the node: what is on the screen is asked for anew.
    fn refresh(&mut self) -> Vec<Command> {
        if self.phase != Phase::Open {
            return Vec::new();
        }
        if self.place.carries_only {
            return vec![Command::Network];
        }
        let mut commands = vec![Command::Network, Command::Requests, Command::Arrivals];
        match &self.route {
            Route::Request { request } => {
                self.unread = true;
                commands.push(Command::Request(request.clone()));
            }
            Route::Record { patient, .. } => commands.push(Command::Record(patient.clone())),
            Route::Patients => {
                self.patients.asked.clear();
                let cursor = self.patients.cursor;
                commands.extend(self.search());
                self.patients.cursor = cursor;
                self.patients.fresh = false;
            }
            _ => {}
        }
        commands
    }

    fn patients_came(&mut self, seq: u64, page: Result<crate::view::PatientPage, Problem>) {
        if seq != self.patients.seq {
            return;
        }
        match page {
            Ok(page) => {
                if page.offset == 0 {
                    self.patients.rows.clear();
                }
                self.patients.total = Some(page.total);
                self.patients.problem = None;
                let numbered = page.rows.into_iter().zip(page.offset..).map(|(row, at)| (at, row));
                self.patients.rows.extend(numbered);
            }
            Err(problem) => self.patients.problem = Some(problem),
        }
    }

    pub(super) fn fail(&mut self, problem: &Problem) {
        let text = self.say(problem).to_owned();
        self.toast(Tone::Danger, text);
        if let Some(toast) = self.toasts.last_mut() {
            toast.code.clone_from(&problem.code);
        }
    }

    /// What was wrong isn't any more.
    pub(super) fn close_toasts_saying(&mut self, code: &str) {
        self.toasts.retain(|t| t.code != code);
    }
}
