//! One machine of a Bocage network: its disk, its keys, its links.
//!
//! The rules live in `bocage_protocol`, which does no input or output; this crate gives them a disk ([`store`]), a network and a
//! clock. It decides nothing clinical and grants nothing: whatever it is handed by the engine it makes durable, whatever it is
//! handed by a peer it passes to the engine.
//!
//! Read first: [`store::LogStore`], where everything that was ever acknowledged lies.

pub mod store;
