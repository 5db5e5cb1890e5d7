//! The data directory: where a node keeps its keys, its charter and its store.
//!
//! ```text
//! charter        the network this node belongs to; public
//! node.key       opens unattended: carries, reads nothing
//! seat.key       opens with the passphrase: practitioner, facility, authority
//! unfinished     only while `init` or `join` makes keys: what is beside it belongs to nobody yet
//! joining        an invitation being answered, sealed to this node
//! drafts/        texts begun and not saved, each sealed for the seat
//! bocage.sock    the running node answers here (0600)
//! store/         the log and its index
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::client::Failure;

/// A data directory, existing or to be made.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// `--data`, or the platform's data directory.
    pub fn or_default(given: Option<PathBuf>) -> Self {
        Self::new(given.unwrap_or_else(|| dirs::data_dir().unwrap_or_else(|| PathBuf::from(".")).join("bocage")))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn charter(&self) -> PathBuf {
        self.root.join("charter")
    }

    pub fn node_key(&self) -> PathBuf {
        self.root.join("node.key")
    }

    pub fn seat_key(&self) -> PathBuf {
        self.root.join("seat.key")
    }

    /// Stands here while this place's keys are being made.
    pub fn unfinished(&self) -> PathBuf {
        self.root.join("unfinished")
    }

    pub fn joining(&self) -> PathBuf {
        self.root.join("joining")
    }

    pub fn drafts(&self) -> PathBuf {
        self.root.join("drafts")
    }

    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    pub fn socket(&self) -> PathBuf {
        self.root.join(crate::client::SOCKET)
    }

    /// True iff a network was founded or joined here.
    pub fn is_founded(&self) -> bool {
        self.charter().exists()
    }

    /// A local socket's path is at most 107 bytes on Linux: said at the beginning rather than at the first `run`.
    ///
    /// # Errors
    /// The directory's path is too long.
    pub fn check_length(&self) -> Result<(), Failure> {
        let socket = std::path::absolute(self.socket()).unwrap_or_else(|_| self.socket());
        if socket.as_os_str().len() > 107 {
            return Err(Failure::new(
                "usage",
                format!(
                    "{}: this path is too long for the node's local socket; choose a shorter --data",
                    self.root.display()
                ),
                format!(
                    "{} : ce chemin est trop long ; choisissez un --data plus court",
                    self.root.display()
                ),
            ));
        }
        Ok(())
    }

    /// Makes the directory, readable by its owner only.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn make(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.root)
    }
}
