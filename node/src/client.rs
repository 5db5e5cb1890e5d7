//! One client API, two transports: the same requests in process (CLI without a daemon, the app, tests) or over a local socket.
//!
//! A request that reads or writes records needs the seat's passphrase once per connection ([`Request::Unlock`]); what carries
//! needs none. Long work answers with [`Reply::Progress`] before its final reply. On the socket each message is one line of JSON.

use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::fhir::Report as ImportReport;
use crate::lang::{Bilingual, Lang};
use crate::service::Service;

mod desk;

pub use carry::{CarriedFile, CarriedIn, CarriedOut};
pub use desk::{ArrivalRow, Clinical, DraftRow, FieldFault, Judgement, Limits, MAX_VITALS, News2Part, News2Row, TwinRow, Visit, Vital};
pub mod carry;
pub mod requests;

/// Name of the socket inside the data directory.
pub const SOCKET: &str = "bocage.sock";
/// Longest line on the socket: an enrolment message in base 16, with room.
pub const MAX_LINE: u64 = 1024 * 1024;

/// What may be asked of a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    Status,
    Peers,
    /// Opens the practitioner's seat for this connection.
    Unlock {
        passphrase: String,
    },
    PatientCreate(NewPatient),
    PatientSearch {
        query: String,
        /// Rows of a page; all of them where it isn't said.
        #[serde(default)]
        limit: Option<u32>,
        /// Rows before the page.
        #[serde(default)]
        offset: u32,
    },
    /// Who may be the person about to be registered.
    PatientTwins {
        family: String,
        given: String,
        birth_date: String,
        #[serde(default)]
        ins: Option<String>,
    },
    PatientShow {
        patient: String,
        /// Versions that were corrected since, too.
        #[serde(default)]
        history: bool,
    },
    NoteAdd {
        patient: String,
        text: String,
    },
    VitalAdd {
        patient: String,
        sign: String,
        value: String,
    },
    AllergyAdd {
        patient: String,
        substance: String,
        /// low, high or unable-to-assess.
        criticality: String,
        #[serde(default)]
        reaction: Option<String>,
    },
    /// Somebody asked: there is no allergy that anybody knows of.
    AllergyNone {
        patient: String,
    },
    /// One medicine that the patient takes: noted, not prescribed.
    TreatmentAdd {
        patient: String,
        medicine: String,
        dosage: String,
    },
    /// A problem that the patient has, or had before: an antecedent.
    ProblemAdd {
        patient: String,
        label: String,
        #[serde(default)]
        cim10: Option<String>,
        /// YYYY, YYYY-MM or YYYY-MM-DD.
        #[serde(default)]
        since: Option<String>,
        #[serde(default)]
        is_over: bool,
    },
    /// Says that a treatment is stopped, or that a problem or an allergy is over: a new version, the old one stays in the history.
    End {
        patient: String,
        fact: String,
        /// YYYY, YYYY-MM or YYYY-MM-DD; today if it isn't said.
        #[serde(default)]
        on: Option<String>,
        #[serde(default)]
        reason: Option<String>,
    },
    /// Encounter, note, measures and score, all or nothing.
    VisitSave(Visit),
    /// As [`Request::VisitSave`] would judge it; nothing is written.
    VisitCheck(Visit),
    /// Keeps a text that isn't finished, on this machine; an empty one is dropped. Without a patient: of a form about nobody yet.
    DraftSave {
        patient: String,
        /// The form: `visit` goes when a visit of this patient is saved.
        kind: String,
        text: String,
    },
    DraftLoad {
        patient: String,
        kind: String,
    },
    DraftDrop {
        patient: String,
        kind: String,
    },
    Drafts,
    /// Replaces fields of an entry, all in one new version; the rest is kept as it came.
    Correct {
        patient: String,
        fact: String,
        changes: Vec<Change>,
    },
    /// Says of an entry that it was made in error: a new version, the old one stays in the history.
    Withdraw {
        patient: String,
        fact: String,
    },
    Share {
        patient: String,
        facility: String,
    },
    /// Records that others opened to this place and nobody here has looked at.
    Arrivals,
    /// All that came up to now is no news any more.
    ArrivalsSeen,
    /// Who holds, has received and has read one entry.
    Delivery {
        patient: String,
        fact: String,
    },
    /// A person has looked at this record: tells the authors of what is in it.
    Read {
        patient: String,
    },
    /// Asks another practitioner about a patient.
    RequestOpen(requests::NewRequest),
    /// Requests that this seat can read, those that wait for it first.
    Requests {},
    RequestShow {
        request: String,
    },
    /// A person has looked at this request: tells the authors of what is in it.
    RequestRead {
        request: String,
    },
    /// accept, ask, reply, answer, decline, close or cancel.
    RequestStep {
        request: String,
        step: String,
        #[serde(default)]
        text: String,
    },
    /// Whom a request can be addressed to.
    Recipients {
        #[serde(default)]
        query: String,
    },
    Import {
        files: Vec<PathBuf>,
    },
    Export {
        out: PathBuf,
        patient: Option<String>,
    },
    /// Writes what other nodes may lack into a file for a USB stick, sealed to them.
    CarryOut {
        /// Facilities by name, or nodes by the start of their key; none: every other node.
        #[serde(default)]
        to: Vec<String>,
        dir: PathBuf,
    },
    /// Takes in what such files bring, and leaves a receipt for whoever made them.
    CarryIn {
        dir: PathBuf,
    },
    /// Writes all that is needed to bring this place back on another machine into a new directory, sealed under the passphrase.
    Backup {
        into: PathBuf,
        passphrase: String,
    },
    /// Another passphrase for the seat's keys. Copies made of them before, backups among them, open with the old one.
    Passphrase {
        old: String,
        new: String,
    },
    /// Makes an invitation that names these addresses.
    Invite {
        addresses: Vec<String>,
    },
    /// Requests that came over the network and wait for somebody to admit them.
    Waiting,
    /// Admits what a sealed request asks for; with `preview` only says who asks and which words both screens show.
    Admit {
        request: String,
        preview: bool,
    },
    Doctor,
    /// Answers [`Reply::Changed`] at once and after every change of what could be shown, until the connection ends or asks something else.
    Watch,
    /// Tries every missing peer now, without waiting for the back-off.
    Redial,
}

/// Somebody who answers an invitation and isn't admitted yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WaitingRequest {
    /// The sealed request, for [`Request::Admit`].
    pub request: String,
    pub newcomer: Newcomer,
    /// The words that both screens show.
    pub words: String,
}

/// What somebody vouches for who admits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Newcomer {
    pub facility: String,
    pub kind: String,
    pub town: String,
    pub finess: String,
    pub practitioners: Vec<Practitioner>,
    /// A facility of this name is a member already.
    pub same_name: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Practitioner {
    pub name: String,
    /// doctor, nurse or pharmacist.
    pub profession: String,
    pub rpps: String,
}

/// A patient as the desk types one in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NewPatient {
    pub family: String,
    pub given: String,
    /// YYYY-MM-DD.
    pub birth_date: String,
    /// male, female, other or unknown.
    pub sex: String,
    /// Fifteen characters; the key is checked.
    pub ins: Option<String>,
    /// Although somebody of this name and birth date can be read here already.
    #[serde(default)]
    pub anyway: bool,
}

/// What a node answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Reply {
    Done,
    Progress {
        done: u64,
        total: u64,
    },
    Status(Status),
    Peers {
        peers: Vec<PeerRow>,
    },
    Unlocked {
        practitioner: String,
        facility: String,
    },
    Patient {
        patient: String,
        documents: u64,
    },
    Patients {
        patients: Vec<PatientRow>,
        /// Whom the query finds in all, beyond this page too.
        #[serde(default)]
        total: u64,
    },
    /// The likeliest first.
    Twins {
        twins: Vec<TwinRow>,
    },
    Draft {
        text: Option<String>,
        saved_ms: Option<u64>,
    },
    /// The latest first.
    Drafts {
        drafts: Vec<DraftRow>,
    },
    Record(Record),
    Saved {
        patient: String,
        fact: String,
    },
    /// The encounter comes first among the facts.
    Visit {
        patient: String,
        facts: Vec<String>,
        news2: News2Row,
    },
    Judgement(Judgement),
    /// Without documents it could read the record already.
    Shared {
        facility: String,
        documents: u64,
        /// When new entries stop being opened to it, milliseconds since 1970; `None` without an end.
        until_ms: Option<u64>,
    },
    /// The latest first, the first fifty; `total` counts all.
    Arrivals {
        arrivals: Vec<ArrivalRow>,
        total: u64,
    },
    Delivery(Delivery),
    /// Receipts were written in so many documents; none: nothing was new.
    Acknowledged {
        documents: u64,
    },
    /// A request was made, or taken a step further.
    Requested(requests::Requested),
    Requests {
        requests: Vec<requests::RequestRow>,
    },
    RequestShown(Box<requests::RequestShown>),
    Recipients {
        recipients: Vec<requests::RecipientRow>,
    },
    Imported {
        files: Vec<(String, ImportReport)>,
    },
    Exported {
        files: u64,
        resources: u64,
    },
    CarriedOut(CarriedOut),
    CarriedIn(CarriedIn),
    BackedUp(BackedUp),
    Restored(Restored),
    Waiting {
        requests: Vec<WaitingRequest>,
    },
    Invitation {
        bytes: String,
        expires_ms: u64,
    },
    /// `bytes` is empty in a preview.
    Admission {
        bytes: String,
        newcomer: Newcomer,
        words: String,
    },
    Doctor {
        checks: Vec<Check>,
    },
    /// Another number than before: something that could be shown is otherwise now.
    Changed {
        revision: u64,
    },
    Failed(Failure),
}

/// A backup that was written and read back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BackedUp {
    pub dir: String,
    /// Items of the set.
    pub items: u64,
    /// Of the files that hold them.
    pub bytes: u64,
    pub drafts: u64,
}

/// A place that came back from a backup.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Restored {
    pub facility: String,
    pub items: u64,
    /// Of those in the backup, what waits for a certificate that isn't in it.
    #[serde(default)]
    pub missing: u64,
    pub drafts: u64,
    /// When the backup was made, milliseconds since 1970.
    pub made_ms: u64,
}

/// An error as people read it: what happened, what is safe, what to do. Both languages travel: who asks may read another one than
/// the node was started in.
#[derive(Clone, Debug, Serialize, Deserialize, Error)]
#[error("{message}")]
pub struct Failure {
    /// A stable word for scripts.
    pub code: String,
    /// In English, whatever the language of the terminal.
    pub message: String,
    pub message_fr: String,
    /// Every field that is at fault, where a form was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldFault>,
}

impl Failure {
    pub fn new(code: &str, en: impl Into<String>, fr: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: en.into(),
            message_fr: fr.into(),
            fields: Vec::new(),
        }
    }

    /// An error that has a sentence in each language.
    pub fn of(code: &str, error: &impl Bilingual) -> Self {
        Self::new(code, error.to_string(), error.french())
    }

    /// What the system said about a file that a person named.
    pub fn file(path: &Path, error: &io::Error) -> Self {
        Self::new(
            "file",
            format!("{}: {error}", path.display()),
            format!("{} : {}", path.display(), error.french()),
        )
    }

    /// The sentence in this language.
    pub fn text(&self, lang: Lang) -> &str {
        lang.pick(&self.message, &self.message_fr)
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    pub network: String,
    pub network_id: String,
    pub facility: String,
    pub kind: String,
    pub node: String,
    /// Items of the synced set: registry ops and envelopes, which are of access and keys or have content.
    pub items: u64,
    pub registry: u64,
    pub envelopes: u64,
    /// Envelopes of access and keys.
    pub access: u64,
    /// open, locked, or nobody where no practitioner works.
    pub seat: String,
    /// Content envelopes that the open seat can read; `None` while no seat is open.
    pub readable: Option<u64>,
    /// Content envelopes carried unread; all of them while no seat is open.
    pub sealed: u64,
    /// Patients whose record the open seat can read.
    pub records: Option<u64>,
    /// Fingerprint of the whole set: equal on two nodes iff they hold the same items.
    pub root: String,
    pub peers: Vec<PeerRow>,
    pub listening: Vec<String>,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    /// Bytes of envelopes among those sent: what had to cross.
    pub item_bytes_sent: u64,
    /// Bytes of envelopes and registry ops that arrived, and of those that were missing here.
    pub item_bytes_received: u64,
    pub item_bytes_new: u64,
    pub waiting: u64,
    /// Envelopes received that were refused.
    pub refused: u64,
    pub running: bool,
    /// A window runs it, and stops it when it is closed.
    #[serde(default)]
    pub in_window: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PeerRow {
    pub facility: String,
    /// The facility's key: tells two of one name apart.
    pub facility_key: String,
    pub kind: String,
    pub node: String,
    pub connected: bool,
    /// True once both sides were found to hold the same set.
    pub settled: bool,
    pub address: String,
    /// Milliseconds that the peer's clock is ahead of ours (negative: behind).
    pub clock_ahead_ms: Option<i64>,
    /// When it was last met, before the last start too.
    pub last_seen_ms: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatientRow {
    pub patient: String,
    /// It was opened to this seat and isn't any more: what is read is an old state. Said in searches.
    #[serde(default)]
    pub shut: bool,
    pub family: String,
    pub given: String,
    pub birth_date: String,
    pub sex: String,
    pub ins: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    pub patient: PatientRow,
    /// Compartments that this seat can read, with their number of facts.
    pub documents: Vec<DocumentRow>,
    /// How each part stands for this seat, begun or not.
    #[serde(default)]
    pub parts: Vec<PartRow>,
    pub entries: Vec<Entry>,
    /// Facilities whose practitioners may read at least one compartment.
    pub readers: Vec<ReaderRow>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReaderRow {
    pub facility: String,
    /// The facility's key.
    pub key: String,
    /// When new entries stop being opened to it, milliseconds since 1970; `None` without an end.
    pub until_ms: Option<u64>,
    /// Who alone reads it there, where it isn't open to a whole team.
    #[serde(default)]
    pub people: Vec<String>,
}

/// What one field of an entry says from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// By its name (value, text, substance, criticality, reaction, medicine, dosage, reason), or by its path in the resource.
    pub field: String,
    /// As it is typed; for a path, as JSON or plain text.
    pub value: String,
}

/// How a part of a record stands for this seat, here and now.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PartRow {
    pub compartment: String,
    /// open: what is written there is read here; shut: it was once, and what is written since isn't; unread: it never was, and whether
    /// there is anything isn't known.
    pub sight: String,
    /// An entry can be added.
    pub writable: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DocumentRow {
    pub compartment: String,
    pub facts: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Entry {
    pub fact: String,
    pub compartment: String,
    pub resource_type: String,
    /// One line in words.
    pub summary: String,
    /// A note's whole text, with its line breaks; empty for what isn't one.
    pub text: String,
    pub author: String,
    /// doctor, nurse or pharmacist; empty while its author's certificate hasn't arrived.
    pub profession: String,
    pub facility: String,
    /// When its author's clock says it was written, milliseconds since 1970: displayed, decides nothing.
    pub written_ms: u64,
    /// When a person says it happened, as FHIR writes it (a date, or date and time with zone); empty if not said.
    #[serde(default)]
    pub effective: String,
    /// The same in milliseconds since 1970; a date alone is its midnight, UTC.
    #[serde(default)]
    pub effective_ms: Option<i64>,
    /// The visit it belongs to: equal for all entries of one, the encounter's own included; empty without.
    #[serde(default)]
    pub visit: String,
    #[serde(default)]
    pub clinical: Option<Clinical>,
    /// The request that it belongs to; empty for what isn't one's.
    #[serde(default)]
    pub request: String,
    /// It was made in error: somebody entitled says so.
    #[serde(default)]
    pub in_error: bool,
    /// A treatment that was stopped, a problem or an allergy that has passed; and why, where it is said.
    #[serde(default)]
    pub is_over: bool,
    #[serde(default)]
    pub over_because: String,
    /// Since when it is over, YYYY, YYYY-MM or YYYY-MM-DD; empty where it isn't said.
    #[serde(default)]
    pub over_on: String,
    /// Fields that can be corrected by their names, with what they say now, as people type it.
    #[serde(default)]
    pub fields: Vec<Change>,
    /// Written at this seat.
    #[serde(default)]
    pub own: bool,
    /// accepted, quarantined or disputed.
    pub label: String,
    /// Earlier versions that this one corrects, directly or through others.
    pub versions: u64,
    /// The entry that corrects this one: then it is shown as history only.
    pub replaced_by: Option<String>,
    /// Of this seat's own entries: other nodes known to hold it.
    #[serde(default)]
    pub held_by: Option<u64>,
}

/// How far an entry has come: each line rests on somebody's signature.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Delivery {
    pub fact: String,
    /// Written at this seat.
    pub own: bool,
    /// By its author's clock, milliseconds since 1970.
    pub saved_ms: u64,
    /// Nodes besides this one.
    pub holders: Vec<HolderRow>,
    pub received: Vec<SeenRow>,
    pub read: Vec<SeenRow>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HolderRow {
    pub facility: String,
    pub node: String,
    pub kind: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SeenRow {
    pub name: String,
    pub facility: String,
    /// By the reader's clock when it first said so.
    pub at_ms: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub name_fr: String,
    pub good: bool,
    pub detail: String,
    pub detail_fr: String,
}

/// A connection to a node: in this process or on the other end of a local socket.
pub enum Client {
    /// The node lives in this process and nobody else has it.
    Local(Box<Service>),
    Socket(BufReader<UnixStream>),
}

/// A request with the way back for its replies; `session` tells connections apart for unlocking.
pub struct Call {
    pub session: u64,
    pub what: Asked,
    pub replies: mpsc::UnboundedSender<Reply>,
}

/// What a connection brings.
pub enum Asked {
    Request(Request),
    /// The connection ended: what was unlocked for it is locked again.
    Gone,
}

impl Client {
    /// Attaches to the node that answers on this socket, if one does.
    pub async fn attach(socket: &Path) -> Option<Self> {
        let stream = UnixStream::connect(socket).await.ok()?;
        Some(Self::Socket(BufReader::new(stream)))
    }

    /// Asks and waits for the final reply; `progress(done, total)` is called on the way.
    ///
    /// # Errors
    /// The node's own failure, or `gone` if it stopped answering (what it had saved stays saved).
    pub async fn ask(&mut self, request: Request, mut progress: impl FnMut(u64, u64)) -> Result<Reply, Failure> {
        match self {
            Self::Local(service) => service.handle(0, request, &mut progress),
            Self::Socket(stream) => {
                send(stream, &request).await?;
                loop {
                    match receive(stream).await? {
                        Reply::Progress { done, total } => progress(done, total),
                        Reply::Failed(failure) => return Err(failure),
                        reply => return Ok(reply),
                    }
                }
            }
        }
    }
}

/// A connection that is told of changes; see [`Request::Watch`].
pub struct Watch(BufReader<UnixStream>);

impl Client {
    /// Turns this connection into one that is told of changes. It needs a running node, and no passphrase.
    ///
    /// # Errors
    /// No node runs here, or it stopped answering.
    pub async fn watch(self) -> Result<Watch, Failure> {
        let Self::Socket(mut stream) = self else {
            return Err(Failure::new(
                "not-running",
                "no node runs on this data directory: nothing changes here by itself",
                "aucun nœud ne tourne sur ce répertoire : rien n'y change de soi-même",
            ));
        };
        send(&mut stream, &Request::Watch).await?;
        Ok(Watch(stream))
    }
}

impl Watch {
    /// The revision now, the first time; then each later one. Many changes may be one; none is missed.
    ///
    /// # Errors
    /// The node stopped.
    pub async fn changed(&mut self) -> Result<u64, Failure> {
        loop {
            match receive(&mut self.0).await? {
                Reply::Changed { revision } => return Ok(revision),
                Reply::Failed(failure) => return Err(failure),
                _ => {}
            }
        }
    }
}

fn gone() -> Failure {
    Failure::new(
        "gone",
        "the node stopped answering; everything it reported as saved is safe",
        "le nœud ne répond plus ; tout ce qu'il a annoncé comme enregistré l'est bien : relancez `bocage run`",
    )
}

async fn send(stream: &mut BufReader<UnixStream>, request: &Request) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(request).map_err(|e| {
        Failure::new(
            "request",
            format!("the request can't be sent to the node: {e}"),
            format!("la demande ne peut pas être transmise au nœud ; rien n'a été changé ({e})"),
        )
    })?;
    line.push(b'\n');
    stream.get_mut().write_all(&line).await.map_err(|_| gone())
}

async fn receive(stream: &mut BufReader<UnixStream>) -> Result<Reply, Failure> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.map_err(|_| gone())? == 0 {
        return Err(gone());
    }
    serde_json::from_str(&line).map_err(|e| {
        Failure::new(
            "answer",
            format!("the node's answer can't be read, is it another version? ({e})"),
            format!("la réponse du nœud est illisible : est-ce une autre version ? ({e})"),
        )
    })
}
