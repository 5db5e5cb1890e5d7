//! Before the desk: founding or joining a network, opening the seat.

use super::super::form::{self, Setup};
use super::super::{Command, Event, Field, Phase, Secret, SetupDone, State};
use crate::theme::tokens::Tone;
use crate::view::Problem;

impl State {
    pub(super) fn setup(&mut self, change: impl FnOnce(&mut Setup)) {
        if let Phase::FirstRun(setup) = &mut self.phase
            && !setup.working
        {
            change(setup);
        }
    }

    pub(super) fn found_or_join(&mut self, founding: bool) -> Vec<Command> {
        self.setup(|setup| {
            setup.founding = founding;
            setup.step = if founding { form::Step::Place } else { form::Step::Invitation };
        });
        if founding {
            self.focus = Some(Field::Network);
            Vec::new()
        } else {
            vec![Command::FindInvitations]
        }
    }

    pub(super) fn setup_back(&mut self) {
        self.setup(|setup| {
            setup.step = setup.neighbours().0.unwrap_or_default();
            setup.tried = false;
            setup.problem = None;
        });
    }

    pub(super) fn setup_next(&mut self) -> Vec<Command> {
        let Phase::FirstRun(setup) = &self.phase else { return Vec::new() };
        if setup.working {
            return Vec::new();
        }
        let mut setup = setup.clone();
        let mut commands = Vec::new();
        setup.problem = None;
        if !self.step_is_complete(&setup) {
            setup.tried = true;
            self.focus = self.required(&setup).into_iter().find(|f| self.text(*f).trim().is_empty());
        } else if setup.step == form::Step::Invitation {
            // Whether the words open the invitation is said here, not three steps later.
            setup.working = true;
            commands.push(Command::CheckInvitation {
                file: self.text(Field::InvitationFile).trim().into(),
                words: self.secret(Field::Words),
            });
        } else if setup.step < form::Step::Passphrase {
            self.next_step(&mut setup);
        } else {
            setup.working = true;
            let founding = self.founding(&setup);
            commands.push(if setup.founding {
                Command::Found(founding)
            } else {
                Command::Join {
                    invitation: self.text(Field::InvitationFile).trim().into(),
                    words: self.secret(Field::Words),
                    founding,
                }
            });
        }
        self.phase = Phase::FirstRun(setup);
        commands
    }

    fn next_step(&mut self, setup: &mut Setup) {
        setup.step = setup.neighbours().1.unwrap_or(setup.step);
        setup.tried = false;
        self.focus = self.required(setup).first().copied();
    }

    fn secret(&self, field: Field) -> Secret {
        Secret::new(self.text(field).to_owned())
    }

    pub(super) fn unlock(&mut self) -> Vec<Command> {
        let passphrase = self.take(Field::Passphrase);
        if passphrase.is_empty() {
            self.focus = Some(Field::Passphrase);
            return Vec::new();
        }
        self.phase = Phase::Locked {
            working: true,
            problem: None,
        };
        vec![Command::Unlock(Secret::new(passphrase))]
    }

    /// What is typed there goes when the form opens or closes.
    pub(super) fn rekey_form(&mut self, shown: bool) {
        self.texts.retain(|f| !f.is_secret());
        self.rekeying = shown.then(form::Rekeying::default);
        if shown {
            self.focus = Some(Field::OldPassphrase);
        }
    }

    /// The first field of another passphrase's form that isn't filled in, or not twice alike.
    pub fn rekey_missing(&self) -> Option<Field> {
        let fields = [Field::OldPassphrase, Field::Passphrase, Field::PassphraseAgain];
        fields
            .into_iter()
            .find(|f| self.text(*f).trim().is_empty() || self.wrong(*f).is_some())
    }

    pub(super) fn rekey(&mut self) -> Vec<Command> {
        if let Some(missing) = self.rekey_missing() {
            self.focus = Some(missing);
            return Vec::new();
        }
        let (old, new) = (self.secret(Field::OldPassphrase), self.secret(Field::Passphrase));
        let Some(rekeying) = &mut self.rekeying else { return Vec::new() };
        if std::mem::replace(&mut rekeying.working, true) {
            return Vec::new();
        }
        rekeying.problem = None;
        vec![Command::Rekey { old, new }]
    }

    pub(in crate::state) fn rekeyed(&mut self, answer: Result<(), Problem>) {
        match answer {
            Ok(()) => {
                self.rekey_form(false);
                self.toast(Tone::Success, self.lang().t("toast-rekeyed"));
            }
            Err(problem) => {
                if let Some(rekeying) = &mut self.rekeying {
                    rekeying.working = false;
                    rekeying.problem = Some(problem);
                    self.focus = Some(Field::OldPassphrase);
                } else {
                    // The screen was left meanwhile.
                    self.fail(&problem);
                }
            }
        }
    }

    /// What came of the first run's questions.
    pub(in crate::state) fn set_up(&mut self, event: Event) -> Vec<Command> {
        let Phase::FirstRun(setup) = &self.phase else { return Vec::new() };
        let mut setup = setup.clone();
        setup.working = false;
        match event {
            Event::Invitations(found) => {
                setup.working = matches!(&self.phase, Phase::FirstRun(s) if s.working);
                setup.found = found;
            }
            Event::Invitation(Ok(invited)) => {
                setup.invited = Some(invited);
                self.next_step(&mut setup);
            }
            Event::Setup(Ok(SetupDone::Waiting { words })) => setup.waiting = Some(words),
            Event::Setup(Ok(done @ (SetupDone::Founded | SetupDone::Joined))) => {
                // Typed twice a moment ago: it opens the seat as well.
                let passphrase = Secret::new(self.take(Field::Passphrase));
                self.texts.clear();
                self.greeting = Some(done);
                self.phase = Phase::Starting { done: 0, total: 0 };
                let unlock = (setup.kind != form::FacilityKind::Cabin).then_some(Command::Unlock(passphrase));
                return [Some(Command::Start), unlock].into_iter().flatten().collect();
            }
            Event::Setup(Err(problem)) | Event::Invitation(Err(problem)) => self.setup_failed(&mut setup, problem),
            _ => {}
        }
        self.phase = Phase::FirstRun(setup);
        Vec::new()
    }

    /// Goes back to where it can be put right.
    fn setup_failed(&mut self, setup: &mut Setup, problem: Problem) {
        self.focus = match problem.code.as_str() {
            "words" => Some(Field::Words),
            "file" => Some(Field::InvitationFile),
            _ => None,
        };
        setup.problem = Some(problem);
    }
}
