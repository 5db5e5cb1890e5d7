//! The rules of a Bocage network as pure functions and state machines.
//!
//! This crate reads no clock, opens no socket, spawns no thread and draws no randomness of its own: time, bytes and entropy come
//! in as arguments, effects go out as values. The same code therefore runs in a clinic's node and in a simulated territory.
//!
//! Two storeys. *Carrying* ([`wire`], [`identity`], [`envelope`], [`sync`], [`store`]) works on ciphertext alone: a cabin needs
//! nothing more. *Reading* ([`access`] keys, [`record`], [`clinical`]) exists only where a practitioner's seat is unlocked.
//!
//! Read first: [`envelope::Envelope`] (the unit that is sealed, signed, carried), [`access::evaluate`] (who may do what, as a pure
//! function of the set) and [`peer`] (one node as a state machine).
#![forbid(unsafe_code)]

pub mod access;
pub mod clinical;
pub mod crypto;
pub mod envelope;
pub mod identity;
pub mod ids;
pub mod mule;
pub mod peer;
pub mod record;
pub mod store;
pub mod sync;
#[cfg(test)]
pub(crate) mod testing;
pub mod wire;
