compile_error!("a stand-in that is never built: see its Cargo.toml");
