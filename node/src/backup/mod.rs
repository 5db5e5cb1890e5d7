//! A backup: a directory that brings this place back on another machine, and that shows nothing to whoever finds it.
//!
//! ```text
//! READ-ME.txt     what this is and how it is restored, in both languages
//! contents.json   how much there must be: a missing file is noticed before anything is made
//! charter         as in the data directory; public
//! node.keys       the node's keys, sealed under the passphrase as a seat's are
//! seat.key        the seat's keystore as it is, sealed under its passphrase; not where nobody practises
//! notes           the seat's place on its chain, addresses of the others: sealed for this node
//! records.mule …  the whole set, in mule files sealed to this node itself
//! drafts/         as they are, sealed for the seat
//! ```
//!
//! No format of its own for records: they are the envelopes that others hold, too. A place that comes back goes on in a new incarnation, so
//! that nothing it writes collides with what it wrote after the backup and forgot.

mod notes;
mod restore;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(crate) use notes::Notes;
pub use restore::restore;

/// The only version of a backup so far.
pub(crate) const FORMAT: u32 = 1;
/// Ending of the files that hold the set.
pub(crate) const CARGO: &str = "mule";
/// Their name, before the number of the part.
pub(crate) const RECORDS: &str = "records";
/// Most drafts that are taken along: as many as are kept.
pub(crate) const MAX_DRAFTS: usize = 256;

/// How much a whole backup holds. In clear: it says no more than the files' sizes do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Contents {
    pub(crate) format: u32,
    pub(crate) made_ms: u64,
    /// Items of the set.
    pub(crate) items: u64,
    /// Names of the mule files.
    pub(crate) records: Vec<String>,
    pub(crate) drafts: u64,
    /// Whether somebody practises there.
    pub(crate) seat: bool,
}

/// Where things lie in a backup.
pub(crate) struct Layout<'a>(pub(crate) &'a Path);

impl Layout<'_> {
    pub(crate) fn read_me(&self) -> PathBuf {
        self.0.join("READ-ME.txt")
    }

    pub(crate) fn contents(&self) -> PathBuf {
        self.0.join("contents.json")
    }

    pub(crate) fn charter(&self) -> PathBuf {
        self.0.join("charter")
    }

    pub(crate) fn node_keys(&self) -> PathBuf {
        self.0.join("node.keys")
    }

    pub(crate) fn seat_key(&self) -> PathBuf {
        self.0.join("seat.key")
    }

    pub(crate) fn notes(&self) -> PathBuf {
        self.0.join("notes")
    }

    pub(crate) fn drafts(&self) -> PathBuf {
        self.0.join("drafts")
    }
}

pub(crate) const READ_ME: &str = "\
This is a backup of one place of a Bocage network. It is sealed: without the
passphrase of that place nobody reads anything in it. Keep it away from the
machine that it was made of. To bring the place back on another machine:

    bocage restore THIS-DIRECTORY --data NEW-DATA-DIRECTORY

Never let two machines of one place run side by side: switch the old one off
for good first.

--------------------------------------------------------------------------

Ceci est la sauvegarde d'un lieu d'un réseau Bocage. Elle est scellée : sans
la phrase de passe de ce lieu, personne n'y lit rien. Gardez-la loin de la
machine dont elle vient. Pour retrouver le lieu sur une autre machine :

    bocage restore CE-RÉPERTOIRE --data NOUVEAU-RÉPERTOIRE

Ne faites jamais tourner deux machines d'un même lieu : éteignez d'abord
l'ancienne pour de bon.
";
