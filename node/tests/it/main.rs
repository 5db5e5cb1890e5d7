//! What the node promises to the outside: real files, real sockets, real processes.

mod course;
mod desk;
mod fhir;
mod link;
mod network;
mod store;
