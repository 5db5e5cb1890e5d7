<<<<<<< HEAD
//! What the node promises to the outside: real files, real processes.

mod store;
=======
//! Integration tests of the node, one binary.

mod network;
>>>>>>> network
