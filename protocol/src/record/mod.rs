//! A record's documents: facts that nobody but their author can touch, carried by Automerge and let in by a strict gate.
//!
//! A document holds *facts*. A fact is one value under the root of an Automerge document, put there once by its author's own
//! actor, never overwritten and never deleted. What may change later is said by a later fact that lists the ids it `supersedes`;
//! our code resolves that ([`Document::current`]), and only *accepted* facts supersede. An author's change depends on that author's
//! previous change in the same document, incarnation and lane, or on nothing: a withheld, forked, quarantined or hostile change
//! hides nothing of anybody else's.
//!
//! Reading: a decrypted body → [`payload`] → [`preflight`] (our own parser, before Automerge sees a byte) → [`Gate::offer`] →
//! [`Document::fold`]. Writing: [`OwnChain::next`] → [`payload::encode`] → seal.

#[cfg(test)]
mod attacks;
mod chain;
mod current;
mod document;
mod fact;
mod gate;
pub mod payload;
pub(crate) mod pen;
mod poison;
pub mod preflight;
pub mod reader;
pub mod receipt;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use automerge::ChangeHash;
pub use chain::{OwnChain, WriteError, Written};
pub use document::{Document, FactView, Folded, Label};
pub use fact::{FactBody, FactKind, MAX_FACT_BODY, MAX_SOURCE, MAX_SUPERSEDES, RecordHead, RequestHead, fact_id, record_id};
pub use gate::{Admitted, Arrival, Gate, MAX_WAITING, Refusal, Verdict};
pub use payload::PayloadError;
pub use pen::{Pen, SeatSecrets};
pub use poison::PoisonList;
pub use reader::{
    Acknowledged, Asked, Attached, MAX_REQUEST_DAYS, NewFact, NewRequest, PartStanding, ROUND_MS, Reader, RecordFact, Sight, Write,
    WriteRefused,
};
pub use receipt::Seen;
