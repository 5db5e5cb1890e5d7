//! (being written)
pub mod deposit;
pub mod epochs;
pub mod keyring;
