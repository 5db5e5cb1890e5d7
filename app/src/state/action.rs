//! What a person can do, what the node is asked, what it answers.

use std::path::PathBuf;

use bocage_protocol::clinical::request::{Kind, Step};
use bocage_protocol::clinical::vitals::Sign;

use super::Settings;
use super::form::{FacilityKind, Profession};
use crate::i18n::Lang;
use crate::view::{DraftRow, Network, PatientPage, PatientRow, Place, Problem, Recipient, Record, Request, RequestRow, Sex};

/// Everything that is typed has its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Field {
    Passphrase,
    PassphraseAgain,
    Network,
    Facility,
    Town,
    Finess,
    Practitioner,
    Rpps,
    InvitationFile,
    Words,
    Address,
    Search,
    Family,
    Given,
    Birth,
    Ins,
    Reason,
    Note,
    Vital(Sign),
    Substance,
    Reaction,
    Medicine,
    Dosage,
    Question,
    Recipient,
    Message,
}

impl Field {
    /// Never kept longer than its form.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Passphrase | Self::PassphraseAgain | Self::Words)
    }
}

/// Where one is in the window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Route {
    Home,
    Patients,
    NewPatient,
    Record {
        patient: String,
        tab: Tab,
    },
    Visit {
        patient: String,
    },
    Requests(Shelf),
    /// A question about a patient, being written.
    Compose {
        patient: String,
    },
    Request {
        request: String,
    },
    Network,
    Settings,
}

/// Parts of a record's screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tab {
    #[default]
    Summary,
    History,
    Vitals,
    Treatments,
    Readers,
}

impl Tab {
    pub const ALL: [Self; 5] = [Self::Summary, Self::History, Self::Vitals, Self::Treatments, Self::Readers];
}

/// Where requests lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Shelf {
    #[default]
    Received,
    Sent,
    Ended,
}

impl Shelf {
    pub const ALL: [Self; 3] = [Self::Received, Self::Sent, Self::Ended];
}

/// Light, dark, or as the machine has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Look {
    #[default]
    System,
    Light,
    Dark,
}

impl Look {
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub fn code(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.code() == code)
    }
}

/// What a person did.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    Type(Field, String),
    Go(Route),
    Back,
    Language(Lang),
    Look(Look),
    CloseToast(u64),
    Help(bool),

    /// First run: found (`true`) or join.
    Founding(bool),
    Kind(FacilityKind),
    Profession(Profession),
    SetupNext,
    SetupBack,
    Unlock,
    Lock,
    /// After a failed start.
    Retry,

    PatientsAt(u64),
    Cursor(u64),
    Sex(Sex),
    /// `anyway`: although somebody much alike is here.
    CreatePatient {
        anyway: bool,
    },

    Oxygen(bool),
    ScaleTwo(bool),
    SaveVisit,
    DropDraft,
    AddAllergy {
        severe: bool,
    },
    AddTreatment,

    RequestKind(Kind),
    Urgent(bool),
    Recipient(Recipient),
    Part(&'static str),
    SendRequest,
    Step(Step),

    Redial,
    Invite,
    InviteAnother,
    Admit(String),
}

/// What the node is asked.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Opens the node on the data directory, or attaches to the one running there.
    Start,
    Found(Founding),
    Join {
        invitation: PathBuf,
        words: String,
        founding: Founding,
    },
    Unlock(String),
    Lock,
    Network,
    Patients {
        seq: u64,
        query: String,
        offset: u64,
    },
    Twins(PatientDraft),
    CreatePatient(PatientDraft, bool),
    Record(String),
    SaveVisit(VisitDraft),
    AddAllergy {
        patient: String,
        substance: String,
        severe: bool,
        reaction: String,
    },
    AddTreatment {
        patient: String,
        medicine: String,
        dosage: String,
    },
    SaveDraft {
        patient: String,
        text: String,
    },
    LoadDraft(String),
    DropDraft(String),
    Drafts,
    Requests,
    Request(String),
    /// A person is looking at it.
    ReadRequest(String),
    Recipients(String),
    OpenRequest(RequestDraft),
    Step {
        request: String,
        step: Step,
        text: String,
    },
    Redial,
    Invite(Vec<String>),
    Admit(String),
    Settings(Settings),
}

/// A place as it is described at its founding or joining.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Founding {
    pub network: String,
    pub facility: String,
    pub kind: FacilityKind,
    pub town: String,
    pub finess: String,
    pub practitioner: String,
    pub profession: Option<Profession>,
    pub rpps: String,
    pub passphrase: String,
}

/// A person as typed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PatientDraft {
    pub family: String,
    pub given: String,
    /// As FHIR writes it.
    pub birth_date: String,
    pub sex: Sex,
    pub ins: String,
}

/// A visit as typed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct VisitDraft {
    pub patient: String,
    pub reason: String,
    pub note: String,
    pub vitals: Vec<(Sign, String)>,
    pub oxygen: Option<bool>,
    pub scale_two: bool,
}

/// A question as typed.
#[derive(Clone, PartialEq, Debug)]
pub struct RequestDraft {
    pub patient: String,
    pub kind: Kind,
    pub urgent: bool,
    /// A recipient's id.
    pub to: String,
    pub question: String,
    pub parts: Vec<String>,
}

/// What the node says.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    Starting {
        done: u64,
        total: u64,
    },
    /// Nothing in this directory yet.
    Empty,
    /// The node runs; the seat is locked.
    Started(Place),
    Broken(Problem),
    /// Founding or joining has come this far.
    Setup(Result<SetupDone, Problem>),
    Unlocked(Result<Place, Problem>),
    Locked,
    /// Something that may be shown has changed.
    Changed,
    Network(Result<Network, Problem>),
    Patients {
        seq: u64,
        page: Result<PatientPage, Problem>,
    },
    Twins(Vec<(PatientRow, String)>),
    Created(Result<String, Problem>),
    Record {
        patient: String,
        record: Result<Record, Problem>,
    },
    VisitSaved {
        patient: String,
        saved: Result<(), VisitRefused>,
    },
    Added {
        patient: String,
        added: Result<(), Problem>,
    },
    Draft {
        patient: String,
        text: Option<String>,
    },
    DraftSaved {
        patient: String,
        saved: Result<u64, Problem>,
    },
    Drafts(Vec<DraftRow>),
    Requests(Result<Vec<RequestRow>, Problem>),
    Request {
        request: String,
        shown: Result<Box<Request>, Problem>,
    },
    Recipients(Vec<Recipient>),
    RequestSent(Result<String, Problem>),
    Stepped {
        request: String,
        stepped: Result<(), Problem>,
    },
    Invited(Result<(String, String), Problem>),
    Admitted(Result<String, Problem>),
    /// A request that has no answer of its own failed.
    Failed(Problem),
}

/// How a founding or joining ended.
#[derive(Clone, PartialEq, Debug)]
pub enum SetupDone {
    Founded,
    Joined,
    /// The inviting place has to compare these words and admit this one.
    Waiting {
        words: String,
    },
}

/// Why a visit wasn't saved: nothing of it was.
#[derive(Clone, PartialEq, Debug)]
pub struct VisitRefused {
    pub why: Problem,
    pub fields: Vec<(Field, Problem)>,
}
