//! What the node promises to the outside: real files, real processes.

mod store;
