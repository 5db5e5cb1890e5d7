//! The keystore of one seat: a practitioner on a device.
//!
//! Slots as in LUKS: each wraps one random master key under one passphrase; the master key seals the secrets. So a passphrase is
//! changed without touching the secrets, and a second one or recovery words open the same file.
//!
//! Layout (`BOCSEAT1`, version 1): slot count u8; per slot, ascending by kind: kind u8, Argon2 cost 9, salt 16, nonce 24, wrapped
//! master key 48; payload nonce 24; payload u32 length, XChaCha20-Poly1305. A slot's header is the associated data of its wrap, and
//! everything before the payload that of the payload: no slot can be edited, dropped or put back.

use bocage_protocol::crypto::{Entropy, Secret, context, hedged};
use bocage_protocol::wire::{Reader, WireError, Writer, strictly_ascending};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

use super::file::{self, Frame};
use super::passphrase::{Strength, estimate_strength, normalised};
use super::secrets::{KeyName, SecretSet};
use super::{Argon2Cost, CostRefused, KeystoreError, warn_if_not_private};

const FRAME: Frame = Frame {
    magic: b"BOCSEAT1",
    version: 1,
};

/// One per [`SlotKind`].
const MAX_SLOTS: usize = 3;
/// Poly1305.
const TAG: usize = 16;

/// A way into a keystore.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum SlotKind {
    Passphrase = 1,
    SecondPassphrase = 2,
    /// Words on paper in a safe; pass them as [`Words::canonical`](crate::words::Words::canonical).
    Recovery = 3,
}

impl SlotKind {
    fn from_u8(v: u8) -> Result<Self, WireError> {
        Ok(match v {
            1 => Self::Passphrase,
            2 => Self::SecondPassphrase,
            3 => Self::Recovery,
            _ => return Err(WireError::Unknown("slot kind")),
        })
    }
}

impl fmt::Display for SlotKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase => "passphrase",
            Self::SecondPassphrase => "second passphrase",
            Self::Recovery => "set of recovery words",
        })
    }
}

/// A locked keystore, read from its file and found well-formed. Holds nothing secret.
pub struct SeatKeystore {
    path: PathBuf,
    /// Exactly what is on disk.
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    payload: Sealed,
}

#[derive(Clone)]
struct Slot {
    kind: SlotKind,
    cost: Argon2Cost,
    salt: [u8; 16],
    master: Sealed,
}

#[derive(Clone)]
struct Sealed {
    nonce: [u8; 24],
    ciphertext: Vec<u8>,
}

/// An open keystore. Dropping it locks the seat: secrets and master key are wiped.
pub struct UnlockedSeat {
    file: SeatKeystore,
    master: Secret,
    secrets: SecretSet,
}

impl SeatKeystore {
    /// Writes a new keystore with one [`SlotKind::Passphrase`]; never overwrites. Takes about a second with
    /// [`Argon2Cost::calibrated`].
    pub fn create(
        path: &Path,
        passphrase: &str,
        secrets: SecretSet,
        cost: Argon2Cost,
        entropy: &mut dyn Entropy,
    ) -> Result<UnlockedSeat, KeystoreError> {
        if path.exists() {
            return Err(KeystoreError::Exists(path.into()));
        }
        let seat_secret = secrets.secret(KeyName::SeatSigning).map_or([0; 32], |s| s.0);
        let master = hedged(&seat_secret, b"keystore master", path.as_os_str().as_encoded_bytes(), entropy);
        let slots = vec![Slot::seal(SlotKind::Passphrase, passphrase, cost, &master, entropy)?];
        let file = Self::encode(path, slots, &master, &secrets, entropy);
        file.write()?;
        Ok(UnlockedSeat { file, master, secrets })
    }

    /// Reads and checks the file without any passphrase; warns in the log if other users may read it.
    pub fn open(path: &Path) -> Result<Self, KeystoreError> {
        let bytes = file::read(path).map_err(|e| KeystoreError::io(path, e))?;
        warn_if_not_private(path);
        let body = FRAME.body(&bytes).map_err(|e| KeystoreError::frame(path, e))?;
        match parse(body) {
            Ok(Ok((slots, payload))) => Ok(Self {
                path: path.into(),
                slots,
                payload,
                bytes,
            }),
            Ok(Err(cost)) => Err(KeystoreError::Cost { path: path.into(), cost }),
            Err(_) => Err(KeystoreError::damaged(path, "its layout is broken")),
        }
    }

    /// The ways in.
    pub fn slots(&self) -> impl Iterator<Item = SlotKind> {
        self.slots.iter().map(|s| s.kind)
    }

    /// Tries the passphrase on each slot, about a second each.
    pub fn unlock(self, passphrase: &str) -> Result<UnlockedSeat, KeystoreError> {
        for slot in &self.slots {
            let Some(master) = slot.open(passphrase)? else { continue };
            let plain = self.payload.open(&master, &associated(&self.slots));
            let secrets = plain.and_then(|p| SecretSet::parse(&p).ok());
            let secrets = secrets.ok_or_else(|| KeystoreError::damaged(&self.path, "its secrets or its slots were altered"))?;
            return Ok(UnlockedSeat {
                file: self,
                master,
                secrets,
            });
        }
        Err(KeystoreError::WrongPassphrase)
    }

    fn encode(path: &Path, slots: Vec<Slot>, master: &Secret, secrets: &SecretSet, entropy: &mut dyn Entropy) -> Self {
        let mut w = FRAME.head();
        write_slots(&slots, &mut w);
        let payload = Sealed::seal(master, &secrets.to_bytes(), &associated(&slots), entropy);
        w.bytes(&payload.nonce).sized(&payload.ciphertext);
        Self {
            path: path.into(),
            bytes: Frame::close(w),
            slots,
            payload,
        }
    }

    fn write(&self) -> Result<(), KeystoreError> {
        file::replace(&self.path, &self.bytes).map_err(|e| KeystoreError::io(&self.path, e))
    }
}

impl UnlockedSeat {
    pub fn secret(&self, name: KeyName) -> Option<&Secret> {
        self.secrets.secret(name)
    }

    pub fn names(&self) -> impl Iterator<Item = KeyName> {
        self.secrets.names()
    }

    pub fn slots(&self) -> impl Iterator<Item = SlotKind> {
        self.file.slots()
    }

    /// Adds or replaces a secret, durably.
    pub fn insert(&mut self, name: KeyName, secret: Secret, entropy: &mut dyn Entropy) -> Result<(), KeystoreError> {
        let before = self.secrets.insert(name, secret);
        let saved = self.save(self.file.slots.clone(), entropy);
        if saved.is_err() {
            match before {
                Some(old) => self.secrets.insert(name, old),
                None => self.secrets.remove(name),
            };
        }
        saved
    }

    /// Takes a secret out, durably: a recovery seed once it is split, a practitioner key that goes offline.
    pub fn remove(&mut self, name: KeyName, entropy: &mut dyn Entropy) -> Result<(), KeystoreError> {
        let Some(old) = self.secrets.remove(name) else { return Ok(()) };
        let saved = self.save(self.file.slots.clone(), entropy);
        if saved.is_err() {
            self.secrets.insert(name, old);
        }
        saved
    }

    /// Adds a way in.
    pub fn add_slot(&mut self, kind: SlotKind, passphrase: &str, cost: Argon2Cost, entropy: &mut dyn Entropy) -> Result<(), KeystoreError> {
        if self.slots().any(|k| k == kind) {
            return Err(KeystoreError::SlotTaken(kind));
        }
        let mut slots = self.file.slots.clone();
        slots.push(Slot::seal(kind, passphrase, cost, &self.master, entropy)?);
        slots.sort_by_key(|s| s.kind);
        self.save(slots, entropy)
    }

    /// Replaces the passphrase of one slot. Older copies of the file still open with the old one.
    pub fn change_passphrase(
        &mut self,
        kind: SlotKind,
        passphrase: &str,
        cost: Argon2Cost,
        entropy: &mut dyn Entropy,
    ) -> Result<(), KeystoreError> {
        let mut slots = self.file.slots.clone();
        let slot = slots.iter_mut().find(|s| s.kind == kind).ok_or(KeystoreError::SlotMissing(kind))?;
        *slot = Slot::seal(kind, passphrase, cost, &self.master, entropy)?;
        self.save(slots, entropy)
    }

    /// Closes a way in; never the last.
    pub fn remove_slot(&mut self, kind: SlotKind, entropy: &mut dyn Entropy) -> Result<(), KeystoreError> {
        let mut slots = self.file.slots.clone();
        slots.retain(|s| s.kind != kind);
        if slots.len() == self.file.slots.len() {
            return Err(KeystoreError::SlotMissing(kind));
        }
        if slots.is_empty() {
            return Err(KeystoreError::LastSlot(kind));
        }
        self.save(slots, entropy)
    }

    /// Writes the file anew unless another program did so since it was read.
    fn save(&mut self, slots: Vec<Slot>, entropy: &mut dyn Entropy) -> Result<(), KeystoreError> {
        let path = &self.file.path;
        if file::read(path).map_err(|e| KeystoreError::io(path, e))? != self.file.bytes {
            return Err(KeystoreError::ChangedMeanwhile(path.clone()));
        }
        let next = SeatKeystore::encode(path, slots, &self.master, &self.secrets, entropy);
        next.write()?;
        self.file = next;
        Ok(())
    }
}

impl Slot {
    /// Refuses a passphrase that is too weak.
    fn seal(kind: SlotKind, passphrase: &str, cost: Argon2Cost, master: &Secret, entropy: &mut dyn Entropy) -> Result<Self, KeystoreError> {
        if let Strength::Refused(why) = estimate_strength(passphrase) {
            return Err(why.into());
        }
        let fresh = hedged(&master.0, b"keystore salt", &[kind as u8], entropy);
        let mut salt = [0; 16];
        salt.copy_from_slice(&fresh.0[..16]);
        let key = cost.stretch(context::KEYSTORE, normalised(passphrase).as_bytes(), &salt)?;
        let master = Sealed::seal(&key, &master.0, &Self::header(kind, cost, &salt), entropy);
        Ok(Self { kind, cost, salt, master })
    }

    /// `None` if the passphrase or the header isn't the one it was sealed with.
    fn open(&self, passphrase: &str) -> Result<Option<Secret>, KeystoreError> {
        let key = self
            .cost
            .stretch(context::KEYSTORE, normalised(passphrase).as_bytes(), &self.salt)?;
        let plain = self.master.open(&key, &Self::header(self.kind, self.cost, &self.salt));
        Ok(plain.and_then(|p| Some(Secret(p.as_slice().try_into().ok()?))))
    }

    /// What the wrap is bound to: file kind, version, slot kind, cost, salt.
    fn header(kind: SlotKind, cost: Argon2Cost, salt: &[u8; 16]) -> Vec<u8> {
        let mut w = FRAME.head();
        w.u8(kind as u8);
        cost.write(&mut w);
        w.bytes(salt);
        w.finish()
    }
}

impl Sealed {
    /// The nonce is hedged: a generator that repeats itself can't make one nonce serve two plaintexts.
    fn seal(key: &Secret, plain: &[u8], aad: &[u8], entropy: &mut dyn Entropy) -> Self {
        let fresh = hedged(&key.0, b"keystore nonce", &[aad, plain].concat(), entropy);
        let mut nonce = [0; 24];
        nonce.copy_from_slice(&fresh.0[..24]);
        let ciphertext = XChaCha20Poly1305::new(&key.0.into())
            .encrypt(&nonce.into(), Payload { msg: plain, aad })
            .expect("a few hundred bytes are within the cipher's bounds");
        Self { nonce, ciphertext }
    }

    fn open(&self, key: &Secret, aad: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        XChaCha20Poly1305::new(&key.0.into())
            .decrypt(
                &self.nonce.into(),
                Payload {
                    msg: &self.ciphertext,
                    aad,
                },
            )
            .ok()
            .map(Zeroizing::new)
    }
}

/// What the payload is bound to: file kind, version and the whole table of slots.
fn associated(slots: &[Slot]) -> Vec<u8> {
    let mut w = FRAME.head();
    write_slots(slots, &mut w);
    w.finish()
}

fn write_slots(slots: &[Slot], w: &mut Writer) {
    w.u8(slots.len() as u8);
    for slot in slots {
        w.u8(slot.kind as u8);
        slot.cost.write(w);
        w.bytes(&slot.salt).bytes(&slot.master.nonce).bytes(&slot.master.ciphertext);
    }
}

type Parts = (Vec<Slot>, Sealed);

/// The outer result blames the layout, the inner one the cost a slot asks for.
fn parse(body: &[u8]) -> Result<Result<Parts, CostRefused>, WireError> {
    let mut r = Reader::new(body);
    let mut slots = Vec::new();
    for _ in 0..r.count(MAX_SLOTS, "slots")? {
        let kind = SlotKind::from_u8(r.u8()?)?;
        let cost = match Argon2Cost::read(&mut r)? {
            Ok(cost) => cost,
            Err(refused) => return Ok(Err(refused)),
        };
        slots.push(Slot {
            kind,
            cost,
            salt: r.array()?,
            master: Sealed {
                nonce: r.array()?,
                ciphertext: r.take(32 + TAG)?.to_vec(),
            },
        });
    }
    let kinds: Vec<SlotKind> = slots.iter().map(|s| s.kind).collect();
    strictly_ascending(&kinds, "slots")?;
    let payload = Sealed {
        nonce: r.array()?,
        ciphertext: r.sized(SecretSet::MAX_BYTES + TAG, "payload")?.to_vec(),
    };
    r.end()?;
    Ok(Ok((slots, payload)))
}
