//! What a record says, as pure types and rules: no JSON, no storage, no keys.
//!
//! [`vitals`] is the table of signs and their limits, [`news2`] the early warning score over them, [`identifiers`] the French national
//! numbers, [`text`] the folding that lets a name be found however it is typed, [`request`] what two practitioners ask and answer.

pub mod identifiers;
pub mod news2;
pub mod request;
pub mod text;
pub mod vitals;
