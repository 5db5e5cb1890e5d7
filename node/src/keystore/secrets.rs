//! The secrets of a seat, by name. They are wiped when dropped and leave memory only sealed.

use bocage_protocol::crypto::Secret;
use bocage_protocol::wire::{Reader, WireError, strictly_ascending};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// One per [`KeyName`], with room for later ones.
const MAX_SECRETS: usize = 16;
/// Code 1, secret 32.
const SECRET_LEN: usize = 33;

/// A secret's place in a keystore.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum KeyName {
    /// Ed25519 seed of the seat.
    SeatSigning = 1,
    /// Seed of the key that epochs are wrapped to.
    SeatKem = 2,
    /// Ed25519 seed of the practitioner: only where it isn't kept offline.
    Practitioner = 3,
    /// Seed of the recovery seat, while it is being split.
    Recovery = 4,
    /// Ed25519 seed of a facility: in an administrator's seat, never in a node.
    Facility = 5,
    /// Ed25519 seed of an authority of the charter.
    Authority = 6,
    /// Seals this seat's projections and caches on disk.
    Cache = 7,
    /// Ed25519 seed of a node's libp2p identity: in a backup only, as the two that follow.
    NodeNetwork = 8,
    /// Seed of the key that mule files to a node are sealed to.
    NodeKem = 9,
    /// Seals what a node keeps on its own disk.
    NodeLocalSeal = 10,
}

impl KeyName {
    fn from_u8(v: u8) -> Result<Self, WireError> {
        Ok(match v {
            1 => Self::SeatSigning,
            2 => Self::SeatKem,
            3 => Self::Practitioner,
            4 => Self::Recovery,
            5 => Self::Facility,
            6 => Self::Authority,
            7 => Self::Cache,
            8 => Self::NodeNetwork,
            9 => Self::NodeKem,
            10 => Self::NodeLocalSeal,
            _ => return Err(WireError::Unknown("secret name")),
        })
    }
}

/// Named secrets, wiped when dropped.
#[derive(Default)]
pub struct SecretSet(BTreeMap<KeyName, Secret>);

impl SecretSet {
    /// The longest encoding.
    pub(super) const MAX_BYTES: usize = 1 + MAX_SECRETS * SECRET_LEN;

    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces one.
    pub fn with(mut self, name: KeyName, secret: Secret) -> Self {
        self.0.insert(name, secret);
        self
    }

    pub(super) fn insert(&mut self, name: KeyName, secret: Secret) -> Option<Secret> {
        self.0.insert(name, secret)
    }

    pub(super) fn remove(&mut self, name: KeyName) -> Option<Secret> {
        self.0.remove(&name)
    }

    pub fn secret(&self, name: KeyName) -> Option<&Secret> {
        self.0.get(&name)
    }

    pub fn names(&self) -> impl Iterator<Item = KeyName> {
        self.0.keys().copied()
    }

    /// Count u8, then code 1 and secret 32, ascending by code.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(1 + self.0.len() * SECRET_LEN));
        out.push(self.0.len() as u8);
        for (name, secret) in &self.0 {
            out.push(*name as u8);
            out.extend_from_slice(&secret.0);
        }
        out
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let mut names = Vec::new();
        let mut set = Self::new();
        for _ in 0..r.count(MAX_SECRETS, "secrets")? {
            let name = KeyName::from_u8(r.u8()?)?;
            names.push(name);
            set.0.insert(name, Secret(r.array()?));
        }
        strictly_ascending(&names, "secrets")?;
        r.end()?;
        Ok(set)
    }
}
