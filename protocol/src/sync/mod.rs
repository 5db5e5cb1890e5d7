//! How two nodes find out what each lacks and hand it over: the set index, reconciliation, the session.
//!
//! Sync sees opaque items under order keys. It never sees plaintext or heads, and never refuses what is well-formed. The set of
//! item ids is the only truth: nothing here decides what an item means. Everything is a pure function of its arguments or a state
//! machine that is handed bytes and hands out bytes; the engine ([`crate::peer`]) owns the store, the clock and the wire.
//!
//! Read first: [`Session`] (one side of one connection), then [`SetIndex`] (what is compared) and [`reconcile`] (how).

pub mod codec;
pub mod frames;
pub mod index;
mod outbox;
pub mod reconcile;
mod session;

pub use index::{END, Fingerprint, SetIndex, lane_start};
pub use outbox::Fetch;
pub use session::{
    Event, Misbehaviour, Received, Role, Session, SessionOutput, SessionSettings, Statistics, Ticket, WINDOW_BYTES, WINDOW_ITEMS,
};

#[cfg(test)]
mod session_tests;
#[cfg(test)]
mod testing;
