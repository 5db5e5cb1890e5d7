//! The node's own keys: they open with nobody present.
//!
//! They prove which node this is and unseal what it keeps for itself. They read no record, sign nothing clinical and belong to no
//! facility: whoever steals the box gains a carrier's view, until the node is revoked.
//!
//! Layout (`BOCNODE1`, version 1): network seed 32, KEM seed 32, local-seal key 32.

use bocage_protocol::crypto::{Entropy, Secret};
use bocage_protocol::wire::{Reader, WireError};
use std::path::Path;
use zeroize::Zeroizing;

use super::file::{self, Frame};
use super::{KeyName, KeystoreError, SecretSet, UnlockedSeat, warn_if_not_private};

const FRAME: Frame = Frame {
    magic: b"BOCNODE1",
    version: 1,
};

/// What a node holds unattended.
pub struct NodeKeys {
    /// Ed25519 seed of the libp2p identity.
    pub network: Secret,
    /// Seed of the key that mule files and wraps to this node are sealed to.
    pub kem: Secret,
    /// Seals what the node keeps on its own disk: names of local records, caches.
    pub local_seal: Secret,
}

impl NodeKeys {
    /// For work that goes on beside the node. Wiped when dropped, as these are.
    pub fn copied(&self) -> Self {
        let copy = |secret: &Secret| Secret(secret.0);
        Self {
            network: copy(&self.network),
            kem: copy(&self.kem),
            local_seal: copy(&self.local_seal),
        }
    }

    /// As a backup holds them, under a passphrase.
    pub fn to_secrets(&self) -> SecretSet {
        SecretSet::new()
            .with(KeyName::NodeNetwork, Secret(self.network.0))
            .with(KeyName::NodeKem, Secret(self.kem.0))
            .with(KeyName::NodeLocalSeal, Secret(self.local_seal.0))
    }

    /// `None` if one is missing.
    pub fn of_unlocked(unlocked: &UnlockedSeat) -> Option<Self> {
        let secret = |name| unlocked.secret(name).map(|s| Secret(s.0));
        Some(Self {
            network: secret(KeyName::NodeNetwork)?,
            kem: secret(KeyName::NodeKem)?,
            local_seal: secret(KeyName::NodeLocalSeal)?,
        })
    }
}

/// The file they live in, 0600.
pub struct NodeKeyFile;

impl NodeKeyFile {
    /// Draws new keys and writes them; never overwrites.
    pub fn create(path: &Path, entropy: &mut dyn Entropy) -> Result<NodeKeys, KeystoreError> {
        if path.exists() {
            return Err(KeystoreError::Exists(path.into()));
        }
        let mut draw = || Secret(entropy.random32());
        let keys = NodeKeys {
            network: draw(),
            kem: draw(),
            local_seal: draw(),
        };
        Self::write(path, &keys)?;
        Ok(keys)
    }

    /// Writes the keys of a node that comes back from its backup; never overwrites.
    pub fn restore(path: &Path, keys: &NodeKeys) -> Result<(), KeystoreError> {
        if path.exists() {
            return Err(KeystoreError::Exists(path.into()));
        }
        Self::write(path, keys)
    }

    fn write(path: &Path, keys: &NodeKeys) -> Result<(), KeystoreError> {
        let mut w = FRAME.head();
        w.bytes(&keys.network.0).bytes(&keys.kem.0).bytes(&keys.local_seal.0);
        let bytes = Zeroizing::new(Frame::close(w));
        file::replace(path, &bytes).map_err(|e| KeystoreError::io(path, e))
    }

    /// Opens without asking anybody; warns in the log if other users of the machine could, too.
    pub fn open(path: &Path) -> Result<NodeKeys, KeystoreError> {
        let bytes = Zeroizing::new(file::read(path).map_err(|e| KeystoreError::io(path, e))?);
        warn_if_not_private(path);
        let body = FRAME.body(&bytes).map_err(|e| KeystoreError::frame(path, e))?;
        parse(body).map_err(|_| KeystoreError::damaged(path, "its length is wrong"))
    }
}

fn parse(body: &[u8]) -> Result<NodeKeys, WireError> {
    let mut r = Reader::new(body);
    let keys = NodeKeys {
        network: Secret(r.array()?),
        kem: Secret(r.array()?),
        local_seal: Secret(r.array()?),
    };
    r.end()?;
    Ok(keys)
}
