//! An empty stand-in for a crate that only the web would need: see its Cargo.toml.

compile_error!("a stand-in that is never built: see its Cargo.toml");
