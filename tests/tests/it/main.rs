//! What spans crates: the house rules checked on the sources themselves, and networks of real processes.

mod attacks;
mod backup;
mod crash;
mod day;
mod delivery;
mod documents;
mod e2e;
mod enrolment;
mod lan;
mod manners;
mod repository;
mod requests;
mod stick;
mod territory;
mod tidy;
mod watch;
