//! The command `bocage`: everything a node can do, from a terminal or a script.

use std::process::ExitCode;

fn main() -> ExitCode {
    bocage_node::cli::main()
}
