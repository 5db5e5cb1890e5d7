//! What the node is asked.

use std::path::PathBuf;

use bocage_protocol::clinical::request::{Kind, Step};
use bocage_protocol::clinical::vitals::Sign;

use super::form::{FacilityKind, Profession};
use super::{Draft, Secret, Settings};
use crate::view::Sex;

/// What the node is asked.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Opens the node on the data directory, or attaches to the one running there.
    Start,
    Found(Founding),
    /// Invitations in the places where people look for files.
    FindInvitations,
    /// Whether these words open this invitation, and what it says.
    CheckInvitation {
        file: PathBuf,
        words: Secret,
    },
    Join {
        invitation: PathBuf,
        words: Secret,
        founding: Founding,
    },
    Unlock(Secret),
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
    NoAllergy(String),
    AddTreatment {
        patient: String,
        medicine: String,
        dosage: String,
    },
    AddProblem {
        patient: String,
        label: String,
        /// As FHIR writes it; empty where it isn't known.
        since: String,
        is_over: bool,
    },
    End {
        patient: String,
        entry: String,
        /// As FHIR writes a date, or less than one.
        on: String,
        reason: String,
    },
    Arrivals,
    ArrivalsSeen,
    /// A person is looking at it.
    ReadRecord(String),
    Correct {
        patient: String,
        entry: String,
        /// Fields by name, with what they say from now on.
        changes: Vec<(String, String)>,
    },
    Withdraw {
        patient: String,
        entry: String,
    },
    Share {
        patient: String,
        /// A facility's key.
        facility: String,
    },
    SaveDraft {
        patient: String,
        draft: Draft,
        text: String,
    },
    LoadDraft {
        patient: String,
        draft: Draft,
    },
    DropDraft {
        patient: String,
        draft: Draft,
    },
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
    /// What is plugged in.
    FindSticks,
    /// Writes what others may lack into this folder.
    CarryOut(PathBuf),
    /// Takes in what others left in this folder.
    CarryIn(PathBuf),
    Redial,
    Invite(Vec<String>),
    CopyInvitation {
        file: PathBuf,
        folder: PathBuf,
    },
    Admit(String),
    Settings(Settings),
    /// Another passphrase.
    Rekey {
        old: Secret,
        new: Secret,
    },
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
    pub passphrase: Secret,
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
