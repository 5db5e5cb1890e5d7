//! The thread behind the window: one command after the other, each with its answer.

use std::collections::VecDeque;
use std::path::PathBuf;

use bocage_node::client::{Client, Failure, NewPatient, Reply, Request, Status};
use bocage_node::home::Home;
use bocage_node::invitation;
use tokio::sync::mpsc;

use super::node::{Options, Running, open};
use super::{Window, convert, settings, setup};
use crate::state::{Command, Event, PAGE, PatientDraft};
use crate::view::{PatientPage, Place, Problem, Record};

pub(super) struct Worker {
    options: Options,
    window: Window,
    home: Home,
    client: Option<Client>,
    running: Option<Running>,
    place: Place,
}

impl Worker {
    pub(super) fn new(options: Options, window: Window) -> Self {
        let home = Home::or_default(options.data.clone());
        Self {
            options,
            window,
            home,
            client: None,
            running: None,
            place: Place::default(),
        }
    }

    /// Until the window closes.
    pub(super) async fn run(mut self, mut asked: mpsc::UnboundedReceiver<Command>) {
        let mut queue = VecDeque::new();
        while let Some(first) = asked.recv().await {
            queue.push_back(first);
            while let Ok(more) = asked.try_recv() {
                queue.push_back(more);
            }
            while let Some(command) = queue.pop_front() {
                // Of searches only the last matters: people type faster than a large list is searched.
                let overtaken = |c: &Command| matches!((c, &command), (Command::Patients { seq, .. }, Command::Patients { seq: mine, .. }) if seq > mine);
                if queue.iter().any(overtaken) {
                    continue;
                }
                if let Err(problem) = self.carry_out(command).await {
                    self.window.say(Event::Failed(problem));
                }
                while let Ok(more) = asked.try_recv() {
                    queue.push_back(more);
                }
            }
        }
        self.client = None;
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    async fn carry_out(&mut self, command: Command) -> Result<(), Problem> {
        match command {
            Command::Start => self.start().await,
            Command::Found(founding) => {
                let home = self.home.clone();
                let done = tokio::task::spawn_blocking(move || setup::found(&home, &founding)).await;
                let done = done.unwrap_or_else(|e| Err(Failure::new("internal", e.to_string(), e.to_string())));
                self.window.say(Event::Setup(done.map_err(convert::problem)));
            }
            Command::Join {
                invitation,
                words,
                founding,
            } => {
                let done = setup::join(self.home.clone(), &invitation, words, founding).await;
                self.window.say(Event::Setup(done.map_err(convert::problem)));
            }
            Command::Unlock(passphrase) => {
                let unlocked = match self.ask(Request::Unlock { passphrase }).await {
                    Ok(Reply::Unlocked { practitioner, facility }) => {
                        self.place.practitioner = practitioner;
                        self.place.facility = facility;
                        Ok(self.place.clone())
                    }
                    Ok(_) => Err(unexpected()),
                    Err(problem) => Err(problem),
                };
                self.window.say(Event::Unlocked(unlocked));
            }
            Command::Lock => {
                // The seat is open for a connection: without it, keys and documents leave the node's memory.
                self.client = Client::attach(&self.home.socket()).await;
                self.window.say(Event::Locked);
            }
            Command::Network => {
                let network = self.network().await;
                self.window.say(Event::Network(network));
            }
            Command::Patients { seq, query, offset } => {
                let page = self.patients(query, offset).await;
                self.window.say(Event::Patients { seq, page });
            }
            Command::Twins(_) => {}
            Command::CreatePatient(draft, anyway) => {
                let created = self.create(draft, anyway).await;
                self.window.say(Event::Created(created));
            }
            Command::Record(patient) => {
                let record = self.record(&patient).await;
                self.window.say(Event::Record { patient, record });
            }
            Command::Redial => {
                self.ask(Request::Redial).await?;
            }
            Command::Invite(addresses) => {
                let invited = self.invite(addresses).await;
                self.window.say(Event::Invited(invited));
            }
            Command::Admit(request) => {
                let admitted = match self.ask(Request::Admit { request, preview: false }).await {
                    Ok(Reply::Admission { newcomer, .. }) => Ok(newcomer.facility),
                    Ok(_) => Err(unexpected()),
                    Err(problem) => Err(problem),
                };
                self.window.say(Event::Admitted(admitted));
            }
            Command::Settings(chosen) => {
                if let Some(path) = &self.options.settings {
                    settings::save(path, chosen).map_err(|e| convert::system(&e))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Opens the node and says where the window stands.
    async fn start(&mut self) {
        if !self.home.is_founded() {
            self.window.say(Event::Empty);
            return;
        }
        let window = self.window.clone();
        let progress = move |done, total| window.say(Event::Starting { done, total });
        match open(&self.home, &self.options, progress).await {
            Ok((client, running)) => {
                self.client = Some(client);
                self.running = running.or(self.running.take());
                match self.status().await {
                    Ok(status) => {
                        self.place = Place {
                            network: status.network,
                            facility: status.facility,
                            practitioner: String::new(),
                        };
                        self.window.say(Event::Started(self.place.clone()));
                    }
                    Err(problem) => self.window.say(Event::Broken(problem)),
                }
            }
            Err(failure) => self.window.say(Event::Broken(convert::problem(failure))),
        }
    }

    // ---- questions

    async fn ask(&mut self, request: Request) -> Result<Reply, Problem> {
        if self.client.is_none() {
            self.client = Client::attach(&self.home.socket()).await;
        }
        let Some(client) = self.client.as_mut() else { return Err(gone()) };
        let answer = client.ask(request, |_, _| {}).await;
        if answer.as_ref().is_err_and(|f| f.code == "gone") {
            self.client = None;
        }
        answer.map_err(convert::problem)
    }

    async fn status(&mut self) -> Result<Status, Problem> {
        match self.ask(Request::Status).await? {
            Reply::Status(status) => Ok(status),
            _ => Err(unexpected()),
        }
    }

    async fn network(&mut self) -> Result<crate::view::Network, Problem> {
        let status = self.status().await?;
        let waiting = match self.ask(Request::Waiting).await {
            Ok(Reply::Waiting { requests }) => requests,
            _ => Vec::new(),
        };
        Ok(convert::network(status, waiting))
    }

    async fn patients(&mut self, query: String, offset: u64) -> Result<PatientPage, Problem> {
        match self.ask(Request::PatientSearch { query }).await? {
            Reply::Patients { patients } => {
                let total = patients.len() as u64;
                let rows = patients.into_iter().skip(offset as usize).take(PAGE as usize).map(convert::patient);
                Ok(PatientPage {
                    offset,
                    total,
                    rows: rows.collect(),
                })
            }
            _ => Err(unexpected()),
        }
    }

    async fn create(&mut self, draft: PatientDraft, anyway: bool) -> Result<String, Problem> {
        let request = Request::PatientCreate(NewPatient {
            family: draft.family,
            given: draft.given,
            birth_date: draft.birth_date,
            sex: draft.sex.code().to_owned(),
            ins: Some(draft.ins).filter(|i| !i.is_empty()),
            anyway,
        });
        match self.ask(request).await? {
            Reply::Patient { patient, .. } => Ok(patient),
            _ => Err(unexpected()),
        }
    }

    async fn record(&mut self, patient: &str) -> Result<Record, Problem> {
        let request = Request::PatientShow {
            patient: patient.to_owned(),
            history: false,
        };
        match self.ask(request).await? {
            Reply::Record(record) => Ok(convert::record(record, &self.place)),
            _ => Err(unexpected()),
        }
    }

    /// Makes an invitation and writes its file into the data directory's neighbourhood.
    async fn invite(&mut self, addresses: Vec<String>) -> Result<(String, String), Problem> {
        let Reply::Invitation { bytes, .. } = self.ask(Request::Invite { addresses }).await? else {
            return Err(unexpected());
        };
        let out = self.out_file();
        let words = invitation::write(&bytes, &out).map_err(convert::problem)?;
        Ok((out.display().to_string(), words.to_string()))
    }

    /// Where people look for files, else beside the data.
    fn out_file(&self) -> PathBuf {
        let documents = std::env::home_dir().map(|h| h.join("Documents")).filter(|d| d.is_dir());
        let dir = documents.unwrap_or_else(|| self.home.root().to_owned());
        (1..)
            .map(|n| {
                dir.join(if n == 1 {
                    "invitation.bocage".to_owned()
                } else {
                    format!("invitation-{n}.bocage")
                })
            })
            .find(|path| !path.exists())
            .expect("numbers don't end")
    }
}

fn gone() -> Problem {
    Problem {
        code: "gone".to_owned(),
        en: "The node stopped answering; everything it reported as saved is safe. Close this window and open it again.".to_owned(),
        fr: "Le nœud ne répond plus ; tout ce qui a été annoncé comme enregistré est en sûreté. Fermez cette fenêtre et rouvrez-la."
            .to_owned(),
    }
}

fn unexpected() -> Problem {
    Problem {
        code: "answer".to_owned(),
        en: "The node answers as another version would: update both.".to_owned(),
        fr: "Le nœud répond comme une autre version : mettez les deux à jour.".to_owned(),
    }
}
