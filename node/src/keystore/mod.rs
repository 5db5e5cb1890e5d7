//! Secrets at rest.
//!
//! Two kinds of file. The **node key file** ([`NodeKeyFile`]) opens unattended, so that a cabin comes back after a power cut and
//! carries; it reads no record. A **seat keystore** ([`SeatKeystore`]), one per practitioner and device, opens only with a
//! passphrase; without it a stolen disk is ciphertext.
//!
//! Invariants: nothing here prints, serialises or copies a secret out; files are replaced whole (module `file`); parameters that a file
//! asks for are checked before they cost anything ([`Argon2Cost`]). What is not promised: a weak passphrase, an unlocked machine,
//! and copies of the file taken before a passphrase was changed (they open with the old one: revoke the seat instead).

mod cost;
pub(crate) mod file;
mod node_key;
mod passphrase;
mod seat;
mod secrets;

pub use cost::{Argon2Cost, CostRefused, StretchError};
pub use file::{Exposed, permission_warning};
pub(crate) use file::{Frame, FrameError};
pub use node_key::{NodeKeyFile, NodeKeys};
pub use passphrase::{MIN_CHARACTERS, MIN_DISTINCT, RECOMMENDED_WORDS, Strength, WeakPassphrase, estimate_strength};
pub use seat::{SeatKeystore, SlotKind, UnlockedSeat};
pub use secrets::{KeyName, SecretSet};

use bocage_protocol::crypto::Entropy;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a key file wasn't created, opened or changed. None of these changes the file.
#[derive(Debug, Error)]
pub enum KeystoreError {
    /// No slot opens with it.
    #[error("wrong passphrase: try again")]
    WrongPassphrase,
    /// A new passphrase that is too easy to guess.
    #[error("this passphrase can't protect a record: {0}; nothing was changed")]
    Weak(#[from] WeakPassphrase),
    /// Cut short, changed on disk, or altered by someone without the passphrase.
    #[error("{} is damaged ({what}); nothing was changed: restore it from a copy, or enrol a new seat", path.display())]
    Damaged { path: PathBuf, what: &'static str },
    /// Not written by this module.
    #[error("{} is not a Bocage key file; nothing was changed: check the path", .0.display())]
    Foreign(PathBuf),
    /// Written by a later version.
    #[error("{} was written by a newer Bocage (layout {version}); nothing was changed: update Bocage", path.display())]
    Newer { path: PathBuf, version: u16 },
    /// A slot with parameters that Bocage never writes: somebody altered it. Refused without allocating.
    #[error("{} was altered: {cost}; nothing was opened: restore it from a copy", path.display())]
    Cost { path: PathBuf, cost: CostRefused },
    /// The machine can't open it now.
    #[error("{0}; nothing was changed: close other programs and try again")]
    Stretch(#[from] StretchError),
    /// Creating never overwrites.
    #[error("{} exists already and was left as it is", .0.display())]
    Exists(PathBuf),
    /// There is nothing to open.
    #[error("{} does not exist: create it, or check the path", .0.display())]
    Missing(PathBuf),
    /// Another process wrote it since it was unlocked.
    #[error("{} was changed meanwhile by another program; nothing was written: lock, unlock and try again", .0.display())]
    ChangedMeanwhile(PathBuf),
    /// Each kind of slot exists once.
    #[error("there is a {0} already; nothing was changed: change it instead")]
    SlotTaken(SlotKind),
    /// There is no such slot.
    #[error("there is no {0}; nothing was changed")]
    SlotMissing(SlotKind),
    /// Without a slot nobody could open the file again.
    #[error("the {0} is the only way in; nothing was changed: add another one first")]
    LastSlot(SlotKind),
    /// The operating system refused.
    #[error("{}: {source}; what was saved before is unchanged", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl KeystoreError {
    fn io(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing(path.into()),
            _ => Self::Io { path: path.into(), source },
        }
    }

    fn frame(path: &Path, error: FrameError) -> Self {
        match error {
            FrameError::Foreign => Self::Foreign(path.into()),
            FrameError::Newer(version) => Self::Newer {
                path: path.into(),
                version,
            },
            FrameError::Damaged => Self::damaged(path, "its checksum does not hold"),
        }
    }

    fn damaged(path: &Path, what: &'static str) -> Self {
        Self::Damaged { path: path.into(), what }
    }
}

/// Warns in the log if others may read a key file; it is opened all the same, so that a clinic isn't stopped by a mode bit.
fn warn_if_not_private(path: &Path) {
    if let Some(sentence) = permission_warning(path) {
        tracing::warn!("{sentence}");
    }
}

/// The operating system's randomness.
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn random32(&mut self) -> [u8; 32] {
        let mut out = [0; 32];
        getrandom::fill(&mut out).expect("the operating system's generator works once it has booted");
        out
    }
}

#[cfg(test)]
mod tests;
