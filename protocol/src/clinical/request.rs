//! A question from one practitioner to another, about a patient who isn't there: referral and tele-expertise.
//!
//! A request goes through steps, each taken by one of two parties. A step names the steps that its author had seen, so concurrent
//! ones are known for such and stand side by side. [`next`] says which step may follow, [`merge`] which of several concurrent ones
//! is shown first, [`Course::of`] what a whole history amounts to. No clock has a say, and no order of arrival.
//!
//! Whoever asks for more has taken the question in hand. An answer needs no acceptance before it, and may be followed by another: a second
//! thought must reach whoever asked. `Cancelled` and `Closed` end a request for good; `Declined` only waits for whoever asked to close it.

use std::collections::BTreeSet;
use std::fmt;
use thiserror::Error;

use crate::ids::{DocId, FacilityKey, FactId, PractitionerKey};

mod course;
#[cfg(test)]
mod tests;

pub use course::{Course, MAX_STEPS, SetAside, Taken, Version};

/// Whom a request is addressed to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Addressee {
    /// One person, at whatever machine.
    Practitioner(PractitionerKey),
    /// The practitioners of one profession of a facility; the first to take it has it.
    Team(DocId),
    /// Everybody who practises there.
    Facility(FacilityKey),
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// To see the patient: *adressage*.
    Referral,
    /// To give an opinion without seeing the patient.
    TeleExpertise,
}

/// How soon.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Urgency {
    Routine,
    Urgent,
}

/// Where a request stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    /// Sent; nobody has taken it yet.
    Requested,
    /// Somebody has taken it in hand.
    Accepted,
    /// Whoever took it waits for a reply.
    MoreAsked,
    /// There is an answer; whoever asked hasn't closed yet.
    Answered,
    /// Handed back.
    Declined,
    /// Withdrawn by whoever asked.
    Cancelled,
    /// Over, by whoever asked.
    Closed,
}

/// What a party does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Step {
    /// Takes it in hand.
    Accept,
    /// Asks a question back, and takes it in hand.
    AskMore,
    /// Adds to the question, also once it was answered: then it waits for whoever answered again.
    Reply,
    /// Answers, once more if need be.
    Answer,
    /// Hands it back, also after having taken it.
    Decline,
    /// Ends what was answered or declined.
    Close,
    /// Withdraws what wasn't answered yet.
    Cancel,
}

/// Who takes a step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Party {
    /// Who asked, and the colleagues who may write there.
    Requester,
    /// Whom it is addressed to.
    Recipient,
}

/// The parties that somebody belongs to: within one facility it can be both.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Parties {
    pub requester: bool,
    pub recipient: bool,
}

/// Why a step can't be taken.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum NotNow {
    /// It belongs to the other side, or to neither of this author's.
    #[error("{step}: only {} can do that", whose(.step.party()))]
    NotYours { step: Step },
    /// The request isn't there yet, or is past it.
    #[error("{step} is not possible while the request is {status}; possible now: {}", listed(.instead))]
    NotHere { step: Step, status: Status, instead: Vec<Step> },
}

/// Concurrent versions, one of which is shown first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    pub primary: (FactId, Status),
    /// Ascending by precedence, then by id.
    pub others: Vec<(FactId, Status)>,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Referral, Self::TeleExpertise];

    /// Its word in records and for scripts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Referral => "referral",
            Self::TeleExpertise => "tele-expertise",
        }
    }

    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }
}

impl Urgency {
    /// Its word in records and for scripts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Routine => "routine",
            Self::Urgent => "urgent",
        }
    }

    pub fn of_code(code: &str) -> Option<Self> {
        [Self::Routine, Self::Urgent].into_iter().find(|u| u.code() == code)
    }
}

impl Status {
    pub const ALL: [Self; 7] = [
        Self::Requested,
        Self::Accepted,
        Self::MoreAsked,
        Self::Answered,
        Self::Declined,
        Self::Cancelled,
        Self::Closed,
    ];

    /// Its word in records and for scripts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Accepted => "accepted",
            Self::MoreAsked => "more-asked",
            Self::Answered => "answered",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
            Self::Closed => "closed",
        }
    }

    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// No step leads on from here.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Cancelled | Self::Closed)
    }

    /// What the request opened is shut again: nobody works on it.
    pub fn ends_access(self) -> bool {
        self.is_final() || self == Self::Declined
    }

    /// Which of concurrent versions is shown first, smallest first. An answer is never overlooked; then whoever asked is
    /// believed that nothing more is wanted; then what waits for somebody; that somebody works on it outweighs a colleague's no.
    fn precedence(self) -> u8 {
        match self {
            Self::Answered => 0,
            Self::Cancelled => 1,
            Self::Closed => 2,
            Self::MoreAsked => 3,
            Self::Accepted => 4,
            Self::Declined => 5,
            Self::Requested => 6,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Step {
    pub const ALL: [Self; 7] = [
        Self::Accept,
        Self::AskMore,
        Self::Reply,
        Self::Answer,
        Self::Decline,
        Self::Close,
        Self::Cancel,
    ];

    /// Its word in records, for scripts and on the command line.
    pub fn code(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::AskMore => "ask",
            Self::Reply => "reply",
            Self::Answer => "answer",
            Self::Decline => "decline",
            Self::Close => "close",
            Self::Cancel => "cancel",
        }
    }

    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Whose step it is: each belongs to one side.
    pub fn party(self) -> Party {
        match self {
            Self::Accept | Self::AskMore | Self::Answer | Self::Decline => Party::Recipient,
            Self::Reply | Self::Close | Self::Cancel => Party::Requester,
        }
    }

    /// It says something, or it is nothing.
    pub fn needs_text(self) -> bool {
        matches!(self, Self::AskMore | Self::Reply | Self::Answer | Self::Decline)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Parties {
    pub fn contains(self, party: Party) -> bool {
        match party {
            Party::Requester => self.requester,
            Party::Recipient => self.recipient,
        }
    }
}

/// Where a step leads.
///
/// # Errors
/// It is the other side's, or it can't be taken from here: with what can.
pub fn next(status: Status, step: Step, party: Party) -> Result<Status, NotNow> {
    if step.party() != party {
        return Err(NotNow::NotYours { step });
    }
    leads_to(status, step).ok_or_else(|| NotNow::NotHere {
        step,
        status,
        instead: possible(status, party),
    })
}

/// The steps that a party may take from here.
pub fn possible(status: Status, party: Party) -> Vec<Step> {
    Step::ALL
        .into_iter()
        .filter(|step| step.party() == party && leads_to(status, *step).is_some())
        .collect()
}

fn leads_to(status: Status, step: Step) -> Option<Status> {
    use Status::{Accepted, Answered, Cancelled, Closed, Declined, MoreAsked, Requested};
    match (step, status) {
        (Step::Accept, Requested) => Some(Accepted),
        (Step::AskMore, Requested | Accepted | MoreAsked) => Some(MoreAsked),
        (Step::Reply, MoreAsked) => Some(Accepted),
        (Step::Reply, Requested | Accepted) => Some(status),
        // What is said after an answer asks for another one.
        (Step::Reply, Answered) => Some(Accepted),
        (Step::Answer, Requested | Accepted | MoreAsked | Answered) => Some(Answered),
        (Step::Decline, Requested | Accepted | MoreAsked) => Some(Declined),
        (Step::Cancel, Requested | Accepted | MoreAsked) => Some(Cancelled),
        (Step::Close, Answered | Declined) => Some(Closed),
        _ => None,
    }
}

/// Concurrent versions by precedence of their status, then by the smallest id: the same everywhere, whatever the clocks say.
pub fn merge(heads: impl IntoIterator<Item = (FactId, Status)>) -> Option<Merged> {
    let mut ranked: Vec<(FactId, Status)> = heads.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    ranked.sort_by_key(|(id, status)| (status.precedence(), *id));
    let mut ranked = ranked.into_iter();
    Some(Merged {
        primary: ranked.next()?,
        others: ranked.collect(),
    })
}

fn whose(party: Party) -> &'static str {
    match party {
        Party::Requester => "the side that asked",
        Party::Recipient => "whoever the request is addressed to",
    }
}

fn listed(steps: &[Step]) -> String {
    if steps.is_empty() {
        return "nothing".to_owned();
    }
    steps.iter().map(|s| s.code()).collect::<Vec<_>>().join(", ")
}
