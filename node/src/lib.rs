//! The shell around the protocol: libp2p, disk, keys, FHIR files, the local API, the command `bocage`.
//!
//! Everything that decides lives in `bocage-protocol`; this crate reads clocks, draws randomness, opens sockets and syncs disks. It
//! deliberately has no rule of its own about who may read what.
//!
//! Read first: [`driver`] (the loop that feeds the engine), [`client`] (what may be asked of a node), [`store::LogStore`].
#![forbid(unsafe_code)]

pub mod backup;
pub mod cli;
pub mod client;
pub mod core;
pub mod driver;
pub mod fhir;
pub mod home;
pub mod invitation;
pub mod keystore;
pub mod lang;
mod mule_file;
pub mod network;
pub mod place;
pub mod service;
pub mod store;
pub mod words;
