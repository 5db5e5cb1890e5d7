//! What screens show: plain values, made by the bridge from the node's replies, sorted and complete. Screens never see the node.

use serde::{Deserialize, Serialize};

use bocage_protocol::clinical::request::{Kind, Status, Step};
use bocage_protocol::clinical::vitals::{Measure, Sign};
pub use bocage_protocol::record::Sight;

/// Where this window stands.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Place {
    pub network: String,
    pub facility: String,
    pub practitioner: String,
    /// Nobody practises here: it carries records and can't read them.
    pub carries_only: bool,
    /// Another window runs the node, and stops it when it is closed.
    pub is_second: bool,
}

/// A line of the patient list.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PatientRow {
    /// The record's id, in base 16.
    pub id: String,
    pub family: String,
    pub given: String,
    /// As FHIR writes it.
    pub birth_date: String,
    pub sex: Sex,
    pub ins: String,
    /// It isn't open here any more.
    pub shut: bool,
}

impl PatientRow {
    /// `Awa DIALLO`: a family name in capitals can't be mistaken for a given one, whichever way it was typed.
    pub fn name(&self) -> String {
        format!("{} {}", self.given, self.family.to_uppercase()).trim().to_owned()
    }

    /// Two letters for a round mark.
    pub fn initials(&self) -> String {
        [&self.given, &self.family]
            .iter()
            .filter_map(|name| name.chars().next())
            .flat_map(char::to_uppercase)
            .collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Sex {
    Female,
    Male,
    Other,
    #[default]
    Unknown,
}

impl Sex {
    pub const ALL: [Self; 4] = [Self::Female, Self::Male, Self::Other, Self::Unknown];

    /// FHIR's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }

    pub fn of_code(code: &str) -> Self {
        Self::ALL.into_iter().find(|s| s.code() == code).unwrap_or_default()
    }
}

/// One window of the patient list.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PatientPage {
    pub offset: u64,
    pub total: u64,
    pub rows: Vec<PatientRow>,
}

/// One record as the open seat reads it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Record {
    pub patient: PatientRow,
    /// Newest first.
    pub entries: Vec<Entry>,
    pub readers: Vec<ReaderRow>,
    /// How each part of the record stands for this seat.
    pub parts: Vec<Part>,
}

/// A part of a record, begun or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// `clinical`, `medication` …
    pub name: String,
    /// There is something in it that is read here.
    pub is_begun: bool,
    pub sight: Sight,
    /// An entry can be added.
    pub writable: bool,
}

/// One statement of a record.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    pub id: String,
    pub what: What,
    /// One line in words.
    pub title: String,
    /// A note's whole text.
    pub text: String,
    pub author: String,
    pub facility: String,
    /// When it is said to have happened, milliseconds since 1970.
    pub at_ms: u64,
    pub trust: Trust,
    /// Earlier versions behind it.
    pub versions: u64,
    /// The visit or request it belongs to: equal for all entries of one; empty without.
    pub act: String,
    /// What stood there before, the latest first.
    pub earlier: Vec<Earlier>,
    /// The part it stands in.
    pub part: String,
    /// Its author, or a colleague, says that it was a mistake.
    pub in_error: bool,
    /// A treatment that was stopped, a problem or an allergy that has passed.
    pub over: bool,
    /// Since when it is said to be; `None` where it came so.
    pub over_ms: Option<u64>,
    /// Why, where it was said.
    pub over_because: String,
    /// Since when, as FHIR writes a date or less than one; empty where it isn't said.
    pub over_on: String,
    /// When this version was written, milliseconds since 1970.
    pub written_ms: u64,
    /// What of it can be typed anew.
    pub fields: Vec<FieldNow>,
    /// Written at this seat.
    pub own: bool,
    /// Other nodes that were proven to hold it; `None` where nobody was asked.
    pub held: Option<u64>,
}

/// A version of an entry that was corrected since.
#[derive(Clone, PartialEq, Debug)]
pub struct Earlier {
    pub what: What,
    pub title: String,
    pub text: String,
    pub author: String,
    pub at_ms: u64,
    pub over: bool,
}

/// A field of an entry with what it says now, as it would be typed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FieldNow {
    /// value, text, substance …
    pub name: String,
    pub value: String,
}

impl Entry {
    /// What a field says now.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|f| f.name == name).map(|f| f.value.as_str())
    }
}

/// What kind of statement, with what a screen computes on.
#[derive(Clone, PartialEq, Debug)]
pub enum What {
    Patient,
    Note,
    Vital(Measure),
    Allergy {
        severe: bool,
    },
    /// Somebody asked: none is known.
    NoAllergy,
    Treatment,
    Problem,
    Visit,
    Oxygen(bool),
    /// Its band as the node names it: low, low-medium, medium, high; empty where its author doesn't say.
    News2 {
        total: u8,
        band: String,
    },
    /// What is asked of somebody else; `None`: another sort of order, in the entry's own words.
    Question(Option<Kind>),
    /// Where a request was taken; `None`: in the entry's own words.
    Step(Option<(Option<Step>, Status)>),
    /// Something said in a request, and with which step, where that is known.
    Message(Option<Step>),
    Other,
}

/// Whether its author was entitled to write it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    Accepted,
    Quarantined,
    Disputed,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub struct ReaderRow {
    pub facility: String,
    /// The facility's key.
    pub key: String,
    /// When new entries stop being opened to it.
    pub until_ms: Option<u64>,
    /// Who alone reads it there; empty where it is open to a whole team.
    pub people: Vec<String>,
}

impl Record {
    /// How a part stands here.
    pub fn sight(&self, part: &str) -> Sight {
        self.parts.iter().find(|p| p.name == part).map_or(Sight::Unread, |p| p.sight)
    }

    pub fn is_begun(&self, part: &str) -> bool {
        self.parts.iter().any(|p| p.name == part && p.is_begun)
    }

    pub fn is_writable(&self, part: &str) -> bool {
        self.parts.iter().any(|p| p.name == part && p.writable)
    }

    /// True iff it was opened to this seat and isn't any more: what is shown ends somewhere in the past.
    pub fn is_shut(&self) -> bool {
        self.sight("identity") == Sight::Shut
    }

    /// Measures of a sign, oldest first.
    pub fn series(&self, sign: Sign) -> Vec<(u64, Measure)> {
        let points = self.entries.iter().rev().filter(|e| e.trust != Trust::Quarantined && !e.in_error);
        let mut points: Vec<_> = points
            .filter_map(|e| match e.what {
                What::Vital(measure) if measure.sign() == sign => Some((e.at_ms, measure)),
                _ => None,
            })
            .collect();
        points.sort_by_key(|(at, _)| *at);
        points
    }
}

/// The network as this node sees it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Network {
    pub network: String,
    pub facility: String,
    pub node: String,
    pub listening: Vec<String>,
    pub peers: Vec<Peer>,
    /// Items of the set, and those of them carried unread.
    pub items: u64,
    pub sealed: u64,
    pub records: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    /// Items that wait for somebody's certificate.
    pub waiting: u64,
    /// Newcomers who wait to be admitted.
    pub newcomers: Vec<Newcomer>,
}

impl Network {
    pub fn connected(&self) -> usize {
        self.peers.iter().filter(|p| p.connected).count()
    }

    /// When anybody was met last.
    pub fn last_exchange_ms(&self) -> Option<u64> {
        self.peers.iter().filter_map(|p| p.last_seen_ms).max()
    }
}

#[derive(Clone, PartialEq, Debug, Default)]
pub struct Peer {
    pub facility: String,
    /// The facility's key.
    pub key: String,
    pub kind: String,
    pub node: String,
    pub connected: bool,
    pub settled: bool,
    pub last_seen_ms: Option<u64>,
    pub clock_ahead_ms: Option<i64>,
}

/// Somebody who answers an invitation.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Newcomer {
    /// The sealed request, to be given back.
    pub request: String,
    pub facility: String,
    pub town: String,
    pub practitioners: Vec<String>,
    pub words: String,
    pub same_name: bool,
}

/// What went onto a stick, or came from one.
#[derive(Clone, PartialEq, Debug)]
pub enum Carried {
    Out {
        to: Vec<String>,
        items: u64,
        /// Left out: they hold it already.
        held_there: u64,
        bytes: u64,
    },
    In {
        files: Vec<CarriedFile>,
        has_receipt: bool,
        /// Why there is none, where there should be.
        no_receipt: Option<Problem>,
    },
}

/// One file of a stick.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CarriedFile {
    pub name: String,
    pub from: String,
    pub new: u64,
    pub known: u64,
    pub for_others: bool,
    pub refused: Option<Problem>,
}

/// What an invitation says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Invited {
    pub network: String,
    /// When it stops being good.
    pub until_ms: u64,
}

/// Why something couldn't be done, in both languages: what happened, what is safe, what to do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Problem {
    pub code: String,
    pub en: String,
    pub fr: String,
}

/// A draft that waits to be finished.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct DraftRow {
    pub patient: String,
    pub form: DraftForm,
    /// How the request begins whose message it is.
    pub request: String,
    pub name: String,
    pub saved_ms: u64,
}

/// What a draft is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DraftForm {
    #[default]
    Visit,
    /// A question to a colleague.
    Question,
    /// Somebody who isn't registered yet.
    NewPatient,
    /// Allergies, treatments or problems that weren't added yet.
    Additions,
    /// Something to be said in a request.
    Message,
}

/// Records that others opened to this place and nobody here has looked at.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Arrivals {
    /// The latest first; not all where there are many.
    pub rows: Vec<Arrival>,
    pub total: u64,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub struct Arrival {
    pub patient: PatientRow,
    /// Who opened it.
    pub by: Person,
    pub at_ms: u64,
}

/// Somebody who signs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Person {
    pub name: String,
    pub facility: String,
}

/// Whom a request can be addressed to. Goes with the draft of a question.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Recipient {
    pub id: String,
    /// practitioner, team or facility.
    pub kind: String,
    pub name: String,
    /// doctor, nurse or pharmacist; empty for a facility.
    pub profession: String,
    pub facility: String,
    pub town: String,
}

/// A request in a list.
#[derive(Clone, PartialEq, Debug)]
pub struct RequestRow {
    pub id: String,
    pub patient: PatientRow,
    pub kind: Kind,
    pub urgent: bool,
    /// Addressed to this seat; otherwise asked by it or its facility.
    pub incoming: bool,
    pub from: Person,
    pub to: Recipient,
    pub status: Status,
    pub asked_ms: u64,
    /// Who took it in hand, each without knowing of the others.
    pub claims: Vec<Person>,
    /// The step that said something last; `None`: only the question was asked.
    pub last: Option<Step>,
    /// When what it opened is shut.
    pub until_ms: Option<u64>,
    pub steps: Vec<Step>,
    pub trusted: bool,
}

impl RequestRow {
    /// True iff something is to be done about it here.
    pub fn waits_here(&self) -> bool {
        match self.status {
            Status::Requested | Status::Accepted => self.incoming,
            Status::MoreAsked | Status::Answered | Status::Declined => !self.incoming,
            Status::Cancelled | Status::Closed => false,
        }
    }
}

/// One request with all that was said.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    pub row: RequestRow,
    pub parts: Vec<String>,
    /// Each after what its author had seen.
    pub messages: Vec<Message>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    /// `None`: the question itself.
    pub step: Option<Step>,
    pub text: String,
    pub author: Person,
    pub at_ms: u64,
    pub trust: Trust,
    /// How far it has come, of what was written at this seat.
    pub delivery: Option<Delivery>,
}

/// How far something has come: each line rests on somebody's signature.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Delivery {
    pub saved_ms: u64,
    /// Places whose node holds it.
    pub holders: Vec<String>,
    pub received: Vec<(Person, u64)>,
    pub read: Vec<(Person, u64)>,
}
