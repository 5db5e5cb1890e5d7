//! What can be typed after `bocage-app`.

use std::path::PathBuf;

use clap::Parser;

use crate::bridge::{Options, SettingsFile};

/// The desk of a Bocage node. It starts the node on its data directory, or attaches to the one running there.
#[derive(Parser, Debug)]
#[command(name = "bocage-app", version)]
pub struct Arguments {
    /// Data directory of the node [default: the platform's, shared with `bocage`]
    #[arg(long, env = "BOCAGE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address to listen on, if the node is started here (may be repeated)
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<String>,
    /// Address of another node to call, if the node is started here (may be repeated)
    #[arg(long, value_name = "ADDRESS")]
    pub peer: Vec<String>,
    /// Look around in a demonstration: a clinic, a hospital, a pharmacy, a cabin and invented patients; nothing is kept
    #[arg(long, conflicts_with_all = ["data", "listen", "peer"])]
    pub demo: bool,
    /// Don't look for other nodes on the local network
    #[arg(long)]
    pub no_mdns: bool,
}

impl Arguments {
    pub fn options(self) -> Options {
        Options {
            data: self.data,
            listen: self.listen,
            peers: self.peer,
            mdns: !self.no_mdns,
            demo: false,
            passphrase: std::env::var("BOCAGE_PASSPHRASE").ok(),
            settings: SettingsFile::default_path(),
        }
    }
}
