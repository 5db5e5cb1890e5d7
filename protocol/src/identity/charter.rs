//! The charter: genesis of a network. Its hash is the network's name in every signature.
//!
//! A single practice founds with one authority (1-of-1) and adds others later by `Amend` ops; the charter itself never changes.

use ed25519_dalek::SigningKey;
use thiserror::Error;

use crate::crypto::{self, Entropy, SignUse, context, derive};
use crate::ids::{AuthorityKey, NetworkId};
use crate::wire::{Reader, WireError, Writer, strictly_ascending};

/// More founders than this meet in a room badly.
pub const MAX_AUTHORITIES: usize = 9;
/// Longest name of a network, in bytes.
pub const MAX_NETWORK_NAME: usize = 64;
/// A charter with nine founders.
pub const MAX_CHARTER: usize = 2_048;

const VERSION: u8 = 1;

/// Who may admit facilities and amend, and how many of them must agree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authorities {
    /// Strictly ascending, 1..=9.
    pub keys: Vec<AuthorityKey>,
    /// More than half of the keys.
    pub threshold: u8,
}

impl Authorities {
    /// # Errors
    /// No key, too many, unsorted, unsound, or a threshold that isn't a majority.
    pub fn new(keys: Vec<AuthorityKey>, threshold: u8) -> Result<Self, WireError> {
        if keys.is_empty() || keys.len() > MAX_AUTHORITIES {
            return Err(WireError::OutOfBounds("authorities"));
        }
        strictly_ascending(&keys, "authorities")?;
        let t = usize::from(threshold);
        if t * 2 <= keys.len() || t > keys.len() {
            return Err(WireError::OutOfBounds("threshold"));
        }
        if !keys.iter().all(|k| crypto::is_sound_public_key(&k.0)) {
            return Err(WireError::Unknown("authority key"));
        }
        Ok(Self { keys, threshold })
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.u8(self.keys.len() as u8).u8(self.threshold);
        for key in &self.keys {
            w.bytes(&key.0);
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let n = r.count(MAX_AUTHORITIES, "authorities")?;
        let threshold = r.u8()?;
        let keys = (0..n).map(|_| Ok(AuthorityKey(r.array()?))).collect::<Result<_, WireError>>()?;
        Self::new(keys, threshold)
    }
}

/// Version of the default role matrix and its hash: what "doctor" may do in this network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MatrixVersion {
    pub number: u16,
    pub hash: [u8; 32],
}

/// A charter whose founders' signatures hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Charter {
    pub name: String,
    pub authorities: Authorities,
    pub matrix: MatrixVersion,
    id: NetworkId,
    bytes: Vec<u8>,
}

/// Why a charter was refused.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum CharterError {
    #[error("the charter is malformed: {0}")]
    Malformed(#[from] WireError),
    #[error("a founder's signature on the charter does not hold")]
    BadSignature,
}

impl Charter {
    /// Founds a network. `founders` become its authorities; all of them sign.
    ///
    /// # Errors
    /// Bounds of [`Authorities::new`], or a name that is empty or too long.
    pub fn found(
        name: &str,
        founders: &[SigningKey],
        threshold: u8,
        matrix: MatrixVersion,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, CharterError> {
        let mut founders: Vec<_> = founders.iter().collect();
        founders.sort_by_key(|k| k.verifying_key().to_bytes());
        let keys = founders.iter().map(|k| AuthorityKey(k.verifying_key().to_bytes())).collect();
        let authorities = Authorities::new(keys, threshold)?;
        if name.is_empty() || name.len() > MAX_NETWORK_NAME {
            return Err(WireError::OutOfBounds("network name").into());
        }
        let mut w = Writer::new();
        w.u8(VERSION).text(name);
        authorities.write(&mut w);
        w.u16(matrix.number).bytes(&matrix.hash).bytes(&entropy.random32());
        let unsigned = w.finish();
        let id = network_id(&unsigned);
        let mut bytes = unsigned;
        for founder in founders {
            bytes.extend_from_slice(&crypto::sign(founder, SignUse::Charter, &id, &id.0));
        }
        Ok(Self {
            name: name.to_owned(),
            authorities,
            matrix,
            id,
            bytes,
        })
    }

    /// Parses and checks every founder's signature.
    ///
    /// # Errors
    /// Malformed bytes or a signature that doesn't hold.
    pub fn parse(bytes: &[u8]) -> Result<Self, CharterError> {
        let mut r = Reader::new(bytes);
        if r.u8()? != VERSION {
            return Err(WireError::Unknown("charter version").into());
        }
        let name = r.text(MAX_NETWORK_NAME, "network name")?.to_owned();
        if name.is_empty() {
            return Err(WireError::OutOfBounds("network name").into());
        }
        let authorities = Authorities::read(&mut r)?;
        let matrix = MatrixVersion {
            number: r.u16()?,
            hash: r.array()?,
        };
        r.take(32)?;
        let unsigned = &bytes[..bytes.len() - r.rest().len()];
        let id = network_id(unsigned);
        for key in &authorities.keys {
            let signature = r.array()?;
            if !crypto::verify(&key.0, SignUse::Charter, &id, &id.0, &signature) {
                return Err(CharterError::BadSignature);
            }
        }
        r.end()?;
        Ok(Self {
            name,
            authorities,
            matrix,
            id,
            bytes: bytes.to_vec(),
        })
    }

    pub fn network_id(&self) -> NetworkId {
        self.id
    }

    /// Canonical bytes, signatures included.
    pub fn to_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn network_id(unsigned: &[u8]) -> NetworkId {
    NetworkId(derive(context::NETWORK_ID, &[unsigned]))
}
