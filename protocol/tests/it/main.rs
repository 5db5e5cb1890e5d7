//! What the protocol crate promises to the outside: bytes that another implementation can reproduce and read.

mod vectors;
