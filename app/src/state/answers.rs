//! What the node answered, applied.

use bocage_protocol::clinical::vitals::Sign;

use super::action::SetupDone;
use super::form::Setup;
use super::{Command, Event, Field, Phase, Route, State};
use crate::theme::tokens::Tone;
use crate::view::Problem;

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
                    working: false,
                    problem: None,
                };
                self.focus = Some(Field::Passphrase);
            }
            Event::Broken(problem) => self.phase = Phase::Broken(problem),
            Event::Setup(done) => return self.set_up(done),
            Event::Unlocked(Ok(place)) => {
                self.place = place;
                self.phase = Phase::Open;
                self.route = Route::Home;
                self.behind.clear();
                return [vec![Command::Network, Command::Drafts, Command::Requests], self.search()].concat();
            }
            Event::Unlocked(Err(problem)) => {
                self.phase = Phase::Locked {
                    working: false,
                    problem: Some(problem),
                };
                self.focus = Some(Field::Passphrase);
            }
            Event::Locked => self.lock(),
            Event::Changed => return self.refresh(),
            Event::Network(answer) => self.network.answer(answer),
            Event::Patients { seq, page } => self.patients_came(seq, page),
            Event::Twins(twins) => self.new_patient.twins = twins,
            Event::Created(Ok(patient)) => {
                self.new_patient = super::NewPatient::default();
                for field in [Field::Family, Field::Given, Field::Birth, Field::Ins] {
                    self.texts.remove(&field);
                }
                self.toast(Tone::Success, self.lang().t("toast-patient-created"));
                // Going back leads to the list, not to an empty form.
                self.route = Self::record_route(patient);
                return self.arrive();
            }
            Event::Created(Err(problem)) => {
                self.new_patient.working = false;
                self.new_patient.problem = Some(problem);
            }
            Event::Record { patient, record } => {
                if self.shown_patient().is_some_and(|shown| shown == patient) {
                    self.record.answer(record);
                }
            }
            Event::VisitSaved { patient, saved: Ok(()) } => {
                if self.visit.patient == patient {
                    self.clear_visit();
                    self.toast(Tone::Success, self.lang().t("toast-visit-saved"));
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
            Event::Added { patient, added } => match added {
                Ok(()) => {
                    self.toast(Tone::Success, self.lang().t("toast-saved-here"));
                    return vec![Command::Record(patient)];
                }
                Err(problem) => self.fail(&problem),
            },
            Event::Draft { patient, text } => {
                if self.visit.patient == patient
                    && let Some(text) = text
                {
                    self.take_up_draft(&text);
                }
            }
            Event::DraftSaved { patient, saved } => match saved {
                Ok(at) if self.visit.patient == patient => self.visit.draft_saved_ms = Some(at),
                Ok(_) => {}
                Err(problem) => self.fail(&problem),
            },
            Event::Drafts(drafts) => self.drafts = drafts,
            Event::Requests(answer) => self.requests.answer(answer),
            Event::Request { request, shown } => {
                if matches!(&self.route, Route::Request { request: open } if *open == request) {
                    self.request.answer(shown.map(|r| *r));
                }
            }
            Event::Recipients(found) => self.compose.recipients = found,
            Event::RequestSent(Ok(request)) => {
                self.compose = super::form::Compose::default();
                self.texts.remove(&Field::Question);
                self.toast(Tone::Success, self.lang().t("toast-request-sent"));
                self.route = Route::Request { request };
                return [self.arrive(), vec![Command::Requests]].concat();
            }
            Event::RequestSent(Err(problem)) => {
                self.compose.working = false;
                self.compose.problem = Some(problem);
            }
            Event::Stepped { request, stepped } => {
                self.stepping = false;
                match stepped {
                    Ok(()) => {
                        self.texts.remove(&Field::Message);
                        self.toast(Tone::Success, self.lang().t("toast-saved-here"));
                        return vec![Command::Request(request), Command::Requests];
                    }
                    Err(problem) => self.step_problem = Some(problem),
                }
            }
            Event::Invited(answer) => self.invitation.answer(answer),
            Event::Admitted(Ok(facility)) => {
                let text = self.lang().tv("toast-admitted", &[("facility", facility.into())]);
                self.toast(Tone::Success, text);
                return vec![Command::Network];
            }
            Event::Admitted(Err(problem)) | Event::Failed(problem) => self.fail(&problem),
        }
        Vec::new()
    }

    fn set_up(&mut self, done: Result<SetupDone, Problem>) -> Vec<Command> {
        let Phase::FirstRun(setup) = &mut self.phase else {
            return Vec::new();
        };
        setup.working = false;
        match done {
            Ok(SetupDone::Waiting { words }) => setup.waiting = Some(words),
            Ok(SetupDone::Founded | SetupDone::Joined) => {
                self.texts.clear();
                self.phase = Phase::Starting { done: 0, total: 0 };
                return vec![Command::Start];
            }
            Err(problem) => setup.problem = Some(problem),
        }
        Vec::new()
    }

    /// Nothing that belongs to a patient stays in memory.
    fn lock(&mut self) {
        let (settings, now_ms, offset, place) = (self.settings, self.now_ms, self.offset, self.place.clone());
        *self = Self::new(settings, now_ms, offset);
        self.place = place;
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
        let mut commands = vec![Command::Network, Command::Requests];
        match &self.route {
            Route::Request { request } => {
                if self.watched {
                    commands.push(Command::ReadRequest(request.clone()));
                }
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

    fn take_up_draft(&mut self, text: &str) {
        let Ok(draft) = serde_json::from_str::<serde_json::Value>(text) else {
            return;
        };
        let said = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let mut fields = vec![(Field::Reason, said(&draft["reason"])), (Field::Note, said(&draft["note"]))];
        for (loinc, value) in draft["vitals"].as_object().into_iter().flatten() {
            fields.extend(Sign::of_loinc(loinc).map(|sign| (Field::Vital(sign), said(value))));
        }
        // What was typed before the draft came is newer.
        for (field, value) in fields {
            if !value.is_empty() {
                self.texts.entry(field).or_insert(value);
            }
        }
        self.visit.oxygen = self.visit.oxygen.or(draft["oxygen"].as_bool());
        self.visit.scale_two |= draft["scale_two"] == true;
        self.visit.draft_saved_ms = Some(self.now_ms);
    }

    pub(super) fn fail(&mut self, problem: &Problem) {
        let text = self.say(problem).to_owned();
        self.toast(Tone::Danger, text);
    }
}
