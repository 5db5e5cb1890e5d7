//! What is answered about files that a USB stick carries.

use serde::{Deserialize, Serialize};

/// What was written for a stick.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedOut {
    /// Names of the files, in the directory that was asked for.
    pub files: Vec<String>,
    /// Facilities whose nodes can open them.
    pub to: Vec<String>,
    /// Items of the set that were taken along, and those that all of them have said they hold.
    pub items: u64,
    pub held_there: u64,
    /// Statements about which node holds what.
    pub statements: u64,
    pub bytes: u64,
}

/// What a stick brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedIn {
    pub files: Vec<CarriedFile>,
    /// The file for the way back: tells whoever made these what this node holds now. `None` where nothing was taken in.
    pub receipt: Option<String>,
    /// Why there is none, where there should be; empty otherwise.
    pub no_receipt: String,
    pub no_receipt_fr: String,
}

/// One file of a stick.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedFile {
    pub file: String,
    /// Who made it, as it says; empty where it can't be opened or its maker isn't known here.
    pub from: String,
    pub made_ms: u64,
    /// Items that weren't here yet, and those that were.
    pub new: u64,
    pub known: u64,
    /// Items that aren't usable yet: whoever wrote them isn't known here. They aren't kept; the next file, or peer, brings them again.
    pub waiting: u64,
    pub statements: u64,
    /// It is sealed to other nodes: left as it is, and nobody's fault.
    pub for_others: bool,
    /// Why it wasn't taken (to its end, where some of it is new); empty where it was.
    pub refused: String,
    pub refused_fr: String,
}
