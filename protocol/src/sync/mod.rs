//! How two nodes find out what each lacks and hand it over: reconciliation, and the session.
//!
//! Sync sees opaque items under order keys. It never sees plaintext or heads, and never refuses what is well-formed. The set of
//! item ids is the only truth: nothing here decides what an item means. Everything is a pure function of its arguments or a state
//! machine that is handed bytes and hands out bytes; the engine ([`crate::peer`]) owns the store, the clock and the wire.
//!
//! Read first: [`Session`] (one side of one connection), then [`Ordered`](crate::store::Ordered) (what is compared) and [`reconcile`] (how).

pub mod codec;
pub mod frames;
mod outbox;
pub mod reconcile;
mod session;

pub use outbox::Fetch;
pub use session::{
    Event, Misbehaviour, Received, Role, Session, SessionError, SessionOutput, SessionSettings, Statistics, Ticket, WINDOW_BYTES,
    WINDOW_ITEMS,
};

#[cfg(test)]
mod session_tests;
#[cfg(test)]
pub(crate) mod testing;
