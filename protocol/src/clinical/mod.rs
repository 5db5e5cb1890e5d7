//! What a record says, as pure types and rules: no JSON, no storage, no keys.
//!
//! [`vitals`] is the table of signs and their limits, [`identifiers`] the French national numbers, [`text`] the folding that lets a
//! name be found however it is typed, [`request`] what two practitioners ask and answer.

pub mod identifiers;
pub mod request;
pub mod text;
pub mod vitals;
