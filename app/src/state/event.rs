//! What the node says.

use std::path::PathBuf;

use super::{Draft, Field};
use crate::view::{
    Arrivals, Carried, DraftRow, Invited, Network, PatientPage, PatientRow, Place, Problem, Recipient, Record, Request, RequestRow,
};

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
    /// Files that may be invitations, the newest first.
    Invitations(Vec<PathBuf>),
    /// What an invitation says, once its words opened it.
    Invitation(Result<Invited, Problem>),
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
    /// An entry was corrected, withdrawn, or said to be over.
    Corrected {
        patient: String,
        corrected: Result<(), Problem>,
    },
    /// With whom, and until when if not for good.
    Shared {
        patient: String,
        shared: Result<(String, Option<u64>), Problem>,
    },
    Draft {
        patient: String,
        draft: Draft,
        text: Option<String>,
    },
    DraftSaved {
        patient: String,
        draft: Draft,
        /// Where it couldn't be saved: what was typed, which may stand nowhere else any more.
        text: String,
        saved: Result<u64, Problem>,
    },
    Drafts(Vec<DraftRow>),
    Arrivals(Arrivals),
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
    /// Folders of what is plugged in.
    Sticks(Vec<PathBuf>),
    Carrying {
        done: u64,
        total: u64,
    },
    Carried(Result<Carried, Problem>),
    Invited(Result<(String, String), Problem>),
    /// The copy's own path.
    InvitationCopied(Result<PathBuf, Problem>),
    Admitted(Result<(), Problem>),
    Rekeyed(Result<(), Problem>),
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
