//! Integration tests of the node, one binary.

mod network;
