//! Nothing to link: this crate is its integration tests, which see every other crate.
