//! The thread behind the window: one command after the other, each with its answer.

use std::collections::VecDeque;

use bocage_node::client::requests::NewRequest;
use bocage_node::client::{Change, Client, Failure, FieldFault, NewPatient, Reply, Request, Status, Visit, Vital};
use bocage_node::core::now_ms;
use bocage_node::home::Home;
use bocage_node::invitation;
use bocage_node::network::PeerAddr;
use bocage_node::service::summary;
use tokio::sync::mpsc;

use super::node::{Options, Running, open};
use super::{Window, convert, files, settings, setup};
use crate::state::{ADDITIONS, Command, Draft, Event, Field, PAGE, PatientDraft, Secret, VisitDraft, VisitRefused};
use crate::view::{Arrivals, DraftForm, DraftRow, PatientPage, Place, Problem, Record};

/// For how long a question opens parts of a record, at most: what every writer may grant.
const DAYS: u64 = 7;
/// Where nobody said why a patient is seen.
const UNSAID: &str = "Consultation";

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
            Command::FindInvitations => {
                let found = tokio::task::spawn_blocking(files::invitations).await.unwrap_or_default();
                self.window.say(Event::Invitations(found));
            }
            Command::CheckInvitation { file, words } => {
                let checked = tokio::task::spawn_blocking(move || setup::check(&file, &words)).await;
                let checked = checked.unwrap_or_else(|e| Err(Failure::new("internal", e.to_string(), e.to_string())));
                self.window.say(Event::Invitation(checked.map_err(convert::problem)));
            }
            Command::Join {
                invitation,
                words,
                founding,
            } => {
                let done = setup::join(self.home.clone(), &invitation, words, founding).await;
                self.window.say(Event::Setup(done.map_err(convert::problem)));
            }
            Command::Unlock(passphrase) => self.unlock(passphrase).await,
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
            Command::Twins(draft) => {
                let request = Request::PatientTwins {
                    family: draft.family,
                    given: draft.given,
                    birth_date: draft.birth_date,
                    ins: Some(draft.ins).filter(|i| !i.is_empty()),
                };
                if let Reply::Twins { twins } = self.ask(request).await? {
                    let twins = twins.into_iter().map(|t| (convert::patient(t.row), t.why));
                    self.window.say(Event::Twins(twins.collect()));
                }
            }
            Command::CreatePatient(draft, anyway) => {
                let created = self.create(draft, anyway).await;
                self.window.say(Event::Created(created));
            }
            Command::Record(patient) => {
                let record = self.record(&patient).await;
                self.window.say(Event::Record { patient, record });
            }
            Command::SaveVisit(draft) => {
                let patient = draft.patient.clone();
                let saved = self.save_visit(draft).await;
                self.window.say(Event::VisitSaved { patient, saved });
            }
            Command::AddAllergy {
                patient,
                substance,
                severe,
                reaction,
            } => {
                let criticality = if severe { "high" } else { "unable-to-assess" }.to_owned();
                let request = Request::AllergyAdd {
                    patient: patient.clone(),
                    substance,
                    criticality,
                    reaction: Some(reaction).filter(|r| !r.trim().is_empty()),
                };
                let added = self.ask(request).await.map(drop);
                self.window.say(Event::Added { patient, added });
            }
            Command::NoAllergy(patient) => {
                let request = Request::AllergyNone { patient: patient.clone() };
                let added = self.ask(request).await.map(drop);
                self.window.say(Event::Added { patient, added });
            }
            Command::AddTreatment { patient, medicine, dosage } => {
                let request = Request::TreatmentAdd {
                    patient: patient.clone(),
                    medicine,
                    dosage,
                };
                let added = self.ask(request).await.map(drop);
                self.window.say(Event::Added { patient, added });
            }
            Command::AddProblem {
                patient,
                label,
                since,
                is_over,
            } => {
                let request = Request::ProblemAdd {
                    patient: patient.clone(),
                    label,
                    cim10: None,
                    since: Some(since).filter(|s| !s.is_empty()),
                    is_over,
                };
                let added = self.ask(request).await.map(drop);
                self.window.say(Event::Added { patient, added });
            }
            Command::End {
                patient,
                entry,
                on,
                reason,
            } => {
                let request = Request::End {
                    patient: patient.clone(),
                    fact: entry,
                    on: Some(on),
                    reason: Some(reason).filter(|r| !r.is_empty()),
                };
                let corrected = self.ask(request).await.map(drop);
                self.window.say(Event::Corrected { patient, corrected });
            }
            Command::Arrivals => self.arrivals().await?,
            Command::ArrivalsSeen => {
                self.ask(Request::ArrivalsSeen).await?;
                self.arrivals().await?;
            }
            Command::ReadRecord(patient) => {
                self.ask(Request::Read { patient }).await?;
                self.arrivals().await?;
            }
            Command::Correct { patient, entry, changes } => {
                let changes = changes.into_iter().map(|(field, value)| Change { field, value }).collect();
                let request = Request::Correct {
                    patient: patient.clone(),
                    fact: entry,
                    changes,
                };
                let corrected = self.ask(request).await.map(drop);
                self.window.say(Event::Corrected { patient, corrected });
            }
            Command::Withdraw { patient, entry } => {
                let request = Request::Withdraw {
                    patient: patient.clone(),
                    fact: entry,
                };
                let corrected = self.ask(request).await.map(drop);
                self.window.say(Event::Corrected { patient, corrected });
            }
            Command::Share { patient, facility } => {
                let request = Request::Share {
                    patient: patient.clone(),
                    facility,
                };
                let shared = match self.ask(request).await {
                    Ok(Reply::Shared { facility, until_ms, .. }) => Ok((facility, until_ms)),
                    Ok(_) => Err(unexpected()),
                    Err(problem) => Err(problem),
                };
                self.window.say(Event::Shared { patient, shared });
            }
            Command::SaveDraft { patient, draft, text } => {
                let request = Request::DraftSave {
                    patient: patient.clone(),
                    kind: draft.code(),
                    text: text.clone(),
                };
                let saved = self.ask(request).await.map(|_| now_ms());
                self.window.say(Event::DraftSaved {
                    patient,
                    draft,
                    text,
                    saved,
                });
            }
            Command::LoadDraft { patient, draft } => {
                let request = Request::DraftLoad {
                    patient: patient.clone(),
                    kind: draft.code(),
                };
                if let Reply::Draft { text, .. } = self.ask(request).await? {
                    self.window.say(Event::Draft { patient, draft, text });
                }
            }
            Command::DropDraft { patient, draft } => {
                let kind = draft.code();
                self.ask(Request::DraftDrop { patient, kind }).await?;
                self.drafts().await?;
            }
            Command::Drafts => self.drafts().await?,
            Command::Requests => {
                let requests = match self.ask(Request::Requests {}).await {
                    Ok(Reply::Requests { requests }) => Ok(requests.into_iter().filter_map(convert::request_row).collect()),
                    Ok(_) => Err(unexpected()),
                    Err(problem) => Err(problem),
                };
                self.window.say(Event::Requests(requests));
            }
            Command::Request(request) => {
                let shown = self.request(&request).await.map(Box::new);
                self.window.say(Event::Request { request, shown });
            }
            Command::ReadRequest(request) => {
                self.ask(Request::RequestRead { request }).await?;
            }
            Command::Recipients(query) => {
                if let Reply::Recipients { recipients } = self.ask(Request::Recipients { query }).await? {
                    let recipients = recipients.into_iter().map(convert::recipient);
                    self.window.say(Event::Recipients(recipients.collect()));
                }
            }
            Command::OpenRequest(draft) => {
                let request = Request::RequestOpen(NewRequest {
                    patient: draft.patient,
                    kind: draft.kind.code().to_owned(),
                    to: draft.to,
                    question: draft.question,
                    urgent: draft.urgent,
                    parts: draft.parts,
                    days: DAYS,
                });
                let sent = match self.ask(request).await {
                    Ok(Reply::Requested(requested)) => Ok(requested.request),
                    Ok(_) => Err(unexpected()),
                    Err(problem) => Err(problem),
                };
                self.window.say(Event::RequestSent(sent));
            }
            Command::Step { request, step, text } => {
                let asked = Request::RequestStep {
                    request: request.clone(),
                    step: step.code().to_owned(),
                    text,
                };
                let stepped = self.ask(asked).await.map(drop);
                self.window.say(Event::Stepped { request, stepped });
            }
            Command::FindSticks => {
                let found = tokio::task::spawn_blocking(files::sticks).await.unwrap_or_default();
                self.window.say(Event::Sticks(found));
            }
            Command::CarryOut(dir) => self.carry(Request::CarryOut { to: Vec::new(), dir }),
            Command::CarryIn(dir) => self.carry(Request::CarryIn { dir }),
            Command::Redial => {
                self.ask(Request::Redial).await?;
            }
            Command::Invite(addresses) => {
                let invited = self.invite(addresses).await;
                self.window.say(Event::Invited(invited));
            }
            Command::CopyInvitation { file, folder } => {
                let copied = files::copy(&file, &folder).map_err(|e| convert::not_copied(&folder, &e));
                self.window.say(Event::InvitationCopied(copied));
            }
            Command::Rekey { old, new } => {
                let request = Request::Passphrase {
                    old: old.expose().to_owned(),
                    new: new.expose().to_owned(),
                };
                let rekeyed = self.ask(request).await.map(drop);
                self.window.say(Event::Rekeyed(rekeyed));
            }
            Command::Admit(request) => {
                let admitted = match self.ask(Request::Admit { request, preview: false }).await {
                    Ok(Reply::Admission { .. }) => Ok(()),
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
                self.watch().await;
                match self.status().await {
                    Ok(status) => {
                        self.place = Place {
                            network: status.network,
                            facility: status.facility,
                            practitioner: String::new(),
                            carries_only: status.seat == "nobody",
                            is_second: self.running.is_none() && status.in_window,
                        };
                        self.window.say(Event::Started(self.place.clone()));
                        if let Some(passphrase) = self.options.passphrase.take().filter(|_| !self.place.carries_only) {
                            self.unlock(Secret::new(passphrase)).await;
                        }
                    }
                    Err(problem) => self.window.say(Event::Broken(problem)),
                }
            }
            Err(failure) => self.window.say(Event::Broken(convert::problem(failure))),
        }
    }

    async fn unlock(&mut self, passphrase: Secret) {
        let passphrase = passphrase.expose().to_owned();
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

    /// Hears of changes on a connection of its own, for as long as the node answers.
    async fn watch(&mut self) {
        let Some(client) = Client::attach(&self.home.socket()).await else {
            return;
        };
        let window = self.window.clone();
        tokio::spawn(async move {
            let Ok(mut watch) = client.watch().await else { return };
            while watch.changed().await.is_ok() {
                window.say(Event::Changed);
            }
            // Whatever is asked next finds out that nobody answers any more: that is now, and not with the next signature.
            window.say(Event::Changed);
        });
    }

    // ---- questions

    async fn ask(&mut self, request: Request) -> Result<Reply, Problem> {
        if self.client.is_none() {
            self.client = Client::attach(&self.home.socket()).await;
        }
        let Some(client) = self.client.as_mut() else {
            self.window.say(Event::Broken(gone()));
            return Err(gone());
        };
        let answer = client.ask(request, |_, _| {}).await;
        match &answer {
            // What is typed stays in the window; starting again here is one press away.
            Err(failure) if failure.code == "gone" => {
                self.client = None;
                self.window.say(Event::Broken(gone()));
                return Err(gone());
            }
            // The node was started anew meanwhile: its seat is locked, and so is this window.
            Err(failure) if failure.code == "locked" => self.window.say(Event::Locked),
            _ => {}
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
        let request = Request::PatientSearch {
            query,
            limit: Some(PAGE as u32),
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
        };
        match self.ask(request).await? {
            Reply::Patients { patients, total } => Ok(PatientPage {
                offset,
                total,
                rows: patients.into_iter().map(convert::patient).collect(),
            }),
            _ => Err(unexpected()),
        }
    }

    async fn arrivals(&mut self) -> Result<(), Problem> {
        let Reply::Arrivals { arrivals, total } = self.ask(Request::Arrivals).await? else {
            return Err(unexpected());
        };
        let rows = arrivals.into_iter().map(convert::arrival).collect();
        self.window.say(Event::Arrivals(Arrivals { rows, total }));
        Ok(())
    }

    async fn drafts(&mut self) -> Result<(), Problem> {
        let Reply::Drafts { drafts } = self.ask(Request::Drafts).await? else {
            return Err(unexpected());
        };
        let mut rows = Vec::new();
        for draft in drafts {
            let request = draft.kind.strip_prefix(Draft::MESSAGE).unwrap_or_default().to_owned();
            let form = match draft.kind.as_str() {
                kind if kind == Draft::Visit.code() => DraftForm::Visit,
                kind if kind == Draft::Question.code() => DraftForm::Question,
                kind if kind == Draft::NewPatient.code() => DraftForm::NewPatient,
                ADDITIONS => DraftForm::Additions,
                _ if !request.is_empty() => DraftForm::Message,
                _ => continue,
            };
            let name = if form == DraftForm::NewPatient {
                String::new()
            } else {
                // Whose record can't be read (any more) isn't named.
                let Ok(record) = self.record(&draft.patient).await else { continue };
                record.patient.name()
            };
            rows.push(DraftRow {
                patient: draft.patient,
                form,
                request,
                name,
                saved_ms: draft.saved_ms,
            });
        }
        self.window.say(Event::Drafts(rows));
        Ok(())
    }

    async fn save_visit(&mut self, draft: VisitDraft) -> Result<(), VisitRefused> {
        let reason = if draft.reason.is_empty() { UNSAID.to_owned() } else { draft.reason };
        let vital = |(sign, value)| Vital {
            sign: summary::sign_name(sign).to_owned(),
            value,
        };
        let request = Request::VisitSave(Visit {
            patient: draft.patient,
            reason,
            note: draft.note,
            vitals: draft.vitals.into_iter().map(vital).collect(),
            oxygen: draft.oxygen,
            news2_scale: draft.scale_two.then_some(2),
            ..Visit::default()
        });
        let Some(client) = self.client.as_mut() else {
            return Err(VisitRefused {
                why: gone(),
                fields: Vec::new(),
            });
        };
        match client.ask(request, |_, _| {}).await {
            Ok(_) => Ok(()),
            Err(failure) => {
                let fault = |f: &FieldFault| {
                    let field = match f.field.as_str() {
                        "reason" => Field::Reason,
                        "note" => Field::Note,
                        sign => Field::Vital(convert::sign_of(sign)?),
                    };
                    let (en, fr) = (f.en.clone(), f.fr.clone());
                    let code = String::new();
                    Some((field, Problem { code, en, fr }))
                };
                let fields = failure.fields.iter().filter_map(fault).collect();
                let why = if failure.code == "gone" {
                    gone()
                } else {
                    convert::problem(failure)
                };
                Err(VisitRefused { why, fields })
            }
        }
    }

    /// A request, with how far each thing said at this seat has come.
    async fn request(&mut self, request: &str) -> Result<crate::view::Request, Problem> {
        let asked = Request::RequestShow {
            request: request.to_owned(),
        };
        let Reply::RequestShown(shown) = self.ask(asked).await? else {
            return Err(unexpected());
        };
        let (mut shown, facts) = convert::request(*shown).ok_or_else(unexpected)?;
        for (message, fact) in shown.messages.iter_mut().zip(facts) {
            let patient = shown.row.patient.id.clone();
            if let Ok(Reply::Delivery(delivery)) = self.ask(Request::Delivery { patient, fact }).await
                && delivery.own
            {
                message.delivery = Some(convert::delivery(delivery));
            }
        }
        Ok(shown)
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
            history: true,
        };
        match self.ask(request).await? {
            Reply::Record(record) => Ok(convert::record(record)),
            _ => Err(unexpected()),
        }
    }

    /// On a connection of its own: it needs no seat, and the window goes on meanwhile.
    fn carry(&self, request: Request) {
        let (window, socket) = (self.window.clone(), self.home.socket());
        tokio::spawn(async move {
            let Some(mut client) = Client::attach(&socket).await else {
                return window.say(Event::Carried(Err(gone())));
            };
            let told = window.clone();
            let answer = client
                .ask(request, move |done, total| told.say(Event::Carrying { done, total }))
                .await;
            let carried = match answer {
                Ok(reply) => convert::carried(reply).ok_or_else(unexpected),
                Err(failure) => Err(convert::problem(failure)),
            };
            window.say(Event::Carried(carried));
        });
    }

    /// Makes an invitation and writes its file into the data directory's neighbourhood.
    async fn invite(&mut self, addresses: Vec<String>) -> Result<(String, String), Problem> {
        for address in &addresses {
            let parsed = address.parse::<PeerAddr>();
            parsed.map_err(|e| convert::problem(Failure::of("usage", &e)))?;
        }
        let Reply::Invitation { bytes, .. } = self.ask(Request::Invite { addresses }).await? else {
            return Err(unexpected());
        };
        let out = files::fresh("invitation", self.home.root());
        let words = invitation::write(&bytes, &out).map_err(convert::problem)?;
        Ok((out.display().to_string(), words.to_string()))
    }
}

fn gone() -> Problem {
    Problem {
        code: "gone".to_owned(),
        en: "The other window of this place was closed, or its program stopped. Everything that was reported as saved is safe; press Try again."
            .to_owned(),
        fr: "L’autre fenêtre de ce lieu a été fermée, ou son programme s’est arrêté. Tout ce qui a été annoncé comme enregistré est en sûreté ; appuyez sur Réessayer."
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
