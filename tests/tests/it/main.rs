//! What spans crates: the house rules checked on the sources themselves, and networks of real processes.

mod attacks;
mod documents;
mod repository;
mod tidy;
