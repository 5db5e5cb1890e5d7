//! What a window asks and is told beyond one act at a time: whole visits, entries that need no FHIR to be shown, drafts, likely twins.

use serde::{Deserialize, Serialize};

use super::{Failure, PatientRow};

/// Most measures in one visit: more than there are signs.
pub const MAX_VITALS: usize = 32;

/// A visit as the desk types it in. Everything is checked before anything is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Visit {
    pub patient: String,
    pub reason: String,
    /// Empty writes none.
    #[serde(default)]
    pub note: String,
    /// An empty value is a sign that wasn't taken.
    #[serde(default)]
    pub vitals: Vec<Vital>,
    /// Whether supplemental oxygen is given; `None` if nobody looked, and then there is no NEWS2.
    #[serde(default)]
    pub oxygen: Option<bool>,
    /// 1 (also where it isn't said), or 2 by a prescriber's decision.
    #[serde(default)]
    pub news2_scale: Option<u8>,
    /// NEWS2 isn't made for pregnancy.
    #[serde(default)]
    pub pregnant: bool,
    /// At the patient's home, not at the practice.
    #[serde(default)]
    pub home: bool,
}

/// A measure as it is typed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Vital {
    pub sign: String,
    pub value: String,
}

/// What is wrong with one field of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldFault {
    /// The field's name in the request; a sign's name for a measure.
    pub field: String,
    pub en: String,
    pub fr: String,
}

/// What saving a visit would do, without saving it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Judgement {
    pub fields: Vec<FieldFault>,
    /// What else would keep it from being saved: nobody may write there, a key is missing.
    pub refusal: Option<Failure>,
    /// What may be typed for each sign.
    pub limits: Vec<Limits>,
    pub news2: News2Row,
}

/// What may be typed for a sign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub sign: String,
    /// As people write it; empty where the value is a letter.
    pub unit: String,
    /// Inclusive, as decimal text; of a pressure, of either number. Empty where the value is a letter.
    pub low: String,
    pub high: String,
    pub decimals: u8,
    /// In words.
    pub en: String,
    pub fr: String,
}

/// NEWS2 as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct News2Row {
    /// Why it isn't made for this person; empty if it is.
    pub not_for: String,
    pub not_for_fr: String,
    pub scale: u8,
    pub parts: Vec<News2Part>,
    /// `None` until every part has its points.
    pub total: Option<u8>,
    /// low, low-medium, medium or high; empty without a total.
    pub band: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct News2Part {
    /// The sign that is measured for it, or `oxygen`.
    pub sign: String,
    /// `None`: missing.
    pub points: Option<u8>,
}

/// What an entry says, typed: as far as this program understands it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Clinical {
    /// A measure in its sign's own unit: `37.2`, `130/80`, `A`.
    Vital {
        sign: String,
        value: String,
        /// As people write it.
        unit: String,
    },
    Oxygen {
        given: bool,
    },
    News2 {
        total: u8,
        /// low, low-medium, medium or high; empty where its author doesn't say.
        band: String,
    },
    Allergy {
        substance: String,
        /// low, high or unable-to-assess; empty if not said.
        criticality: String,
        /// active, inactive, resolved; empty if not said.
        status: String,
        reactions: Vec<String>,
    },
    NoKnownAllergy,
    Treatment {
        medicine: String,
        dosage: String,
        /// active, on-hold, stopped, completed …
        status: String,
        /// order, plan, proposal …
        intent: String,
    },
    Problem {
        label: String,
        cim10: String,
        /// active, recurrence, resolved …; empty if not said.
        status: String,
        /// YYYY, YYYY-MM or YYYY-MM-DD; empty if not said.
        since: String,
    },
    /// What is asked of somebody else.
    Question {
        /// referral or tele-expertise; empty for another's.
        kind: String,
        text: String,
    },
    /// Where a request was taken.
    RequestStep {
        /// As `request` commands name it; empty for the opening.
        step: String,
        status: String,
    },
    /// Something said in a request.
    Message {
        text: String,
        /// With which step it was said, as [`Clinical::RequestStep`] names it; empty where that isn't known.
        #[serde(default)]
        step: String,
    },
    Encounter {
        /// AMB at the practice, HH at home, VR by tele-consultation …
        class: String,
        reason: String,
        status: String,
    },
}

/// A text that was begun and not saved: on this machine only, sealed for this seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftRow {
    pub patient: String,
    /// Which form it belongs to: visit, note …
    pub kind: String,
    pub saved_ms: u64,
    /// Of its text.
    pub bytes: u64,
}

/// A record that another place opened to this one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalRow {
    #[serde(flatten)]
    pub patient: PatientRow,
    /// Who opened it, and where.
    pub by: String,
    pub facility: String,
    pub at_ms: u64,
}

/// Somebody who may be the person about to be registered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwinRow {
    #[serde(flatten)]
    pub row: PatientRow,
    /// ins, name (same name, same birth date), swapped, similar or given-missing: the strongest reason.
    pub why: String,
    pub en: String,
    pub fr: String,
}
