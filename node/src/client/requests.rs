//! What is asked of a node about requests between practitioners, and what it answers.

use serde::{Deserialize, Serialize};

use super::PatientRow;

/// A question to another practitioner.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NewRequest {
    /// The record's id, or its start.
    pub patient: String,
    /// referral or tele-expertise.
    pub kind: String,
    /// A recipient's id, its start, or its name.
    pub to: String,
    pub question: String,
    pub urgent: bool,
    /// Parts of the record that go with it besides the identity: emergency, medication, clinical.
    #[serde(default)]
    pub parts: Vec<String>,
    /// For how long; a week, and a month by a steward of the record, at the most.
    pub days: u64,
}

/// What was just done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Requested {
    pub request: String,
    pub patient: String,
    /// As [`RequestRow::status`].
    pub status: String,
    /// The parts that whoever is asked reads.
    pub parts: Vec<String>,
    /// When they are shut, milliseconds since 1970; `None` where nothing had to be opened.
    pub until_ms: Option<u64>,
}

/// Whom a request can be addressed to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RecipientRow {
    /// Stable: its key, or its team's document.
    pub id: String,
    /// practitioner, team or facility.
    pub kind: String,
    /// Of a practitioner; the facility's otherwise.
    pub name: String,
    /// doctor, nurse or pharmacist; empty for a facility.
    pub profession: String,
    pub facility: String,
    pub town: String,
}

/// A request in a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RequestRow {
    pub request: String,
    pub patient: PatientRow,
    pub kind: String,
    pub urgent: bool,
    /// in: addressed to this seat by somebody else; out: asked by it or its facility.
    pub direction: String,
    /// Who asked.
    pub from: Author,
    pub to: RecipientRow,
    /// requested, accepted, more-asked, answered, declined, cancelled or closed.
    pub status: String,
    /// Concurrent versions beside that, not settled yet.
    pub others: Vec<Event>,
    /// Who took it in hand; several who did so at once, the first is the one that counts.
    pub claims: Vec<Event>,
    pub asked_ms: u64,
    /// What was said last, and by whom.
    pub last: Option<Message>,
    /// When the first of the opened parts is shut, milliseconds since 1970; `None` once nothing is open by this request.
    pub until_ms: Option<u64>,
    /// The steps that this seat can take now.
    pub steps: Vec<String>,
    /// False: whoever founded it could not have; shown apart, takes no step.
    pub trusted: bool,
}

/// Who signed something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    pub name: String,
    pub profession: String,
    pub facility: String,
}

/// A step.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Event {
    pub fact: String,
    /// Empty for the opening.
    pub step: String,
    /// Where it led; empty where it has no effect.
    pub status: String,
    pub author: Author,
    /// When its author's clock says it was written: displayed, decides nothing.
    pub written_ms: u64,
    /// Why it has no effect; empty where it has.
    pub set_aside: String,
    pub set_aside_fr: String,
}

/// Something said: the question, a question back, a reply, an answer, a reason.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Message {
    pub fact: String,
    /// The step that says it; empty for the question.
    pub step: String,
    pub text: String,
    pub author: Author,
    pub written_ms: u64,
    /// accepted, quarantined or disputed.
    pub label: String,
}

/// Everything of one request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RequestShown {
    #[serde(flatten)]
    pub row: RequestRow,
    pub question: String,
    /// Parts of the record that were to be opened.
    pub parts: Vec<String>,
    /// What was said, each after what its author had seen.
    pub messages: Vec<Message>,
    /// The signed answers, the last one last.
    pub answers: Vec<Message>,
    /// Steps with effect, each after what its author had seen.
    pub history: Vec<Event>,
    /// Versions without effect.
    pub set_aside: Vec<Event>,
}
