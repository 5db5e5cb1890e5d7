//! Epochs: which key a document is sealed under, for whom, since when, and how the keys before it are reached.
//!
//! An epoch key is random, never ratcheted (a record must open for twenty years). From it derive the key id, bound to the network,
//! the document and the number, and the deposit key pair, to which others may seal. Its body is clear: carriers see recipients'
//! keys and numbers, nothing else.
//!
//! Invariants:
//! * an [`EpochKey`] exists only where its key id was recomputed from it;
//! * the number is one more than the greatest predecessor's, and bounded, so that no author can use up the numbers;
//! * whoever opens an epoch checks what it promises (deposit key, predecessors) and blames its author for what doesn't hold, but
//!   reads on: *faulty* means "don't write under it", never "unreadable".

use std::collections::BTreeSet;
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::crypto::{Entropy, KemSecret, Secret, context, derive, hedged};
use crate::ids::{DocId, KemPublic, Kid, NetworkId, SeatKey};
use crate::wire::{Reader, WireError, Writer, strictly_ascending};

mod choice;
#[cfg(test)]
mod tests;
mod wrap;

pub use choice::{Choice, EpochFacts, Policy, Unfit, choose, unfit};
pub use wrap::{KeyRequest, SealedKey, WRAP_SUITE, Wrap, make_wrap};
pub(crate) use wrap::{Place, Within};

/// Recipients an epoch may have; a team counts once.
pub const MAX_WRAPS: usize = 256;
/// Concurrent epochs that one rotation may join.
pub const MAX_PREDECESSORS: usize = 8;
/// The greatest number of an epoch: one rotation a minute for thirty years.
pub const MAX_NUMBER: u32 = 1 << 24;
/// Wraps tried for one epoch when several are for us: an honest epoch has a seat's and its teams', a hostile one could have 256.
const MAX_TRIES: usize = 8;

/// Clear body of [`crate::envelope::Kind::KeyEpoch`]; the first one of a document travels inside its genesis.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyEpoch {
    pub number: u32,
    pub kid: Kid,
    /// Public half of the key pair derived from the epoch key: what a deposit, or another document's epoch, is sealed to.
    pub deposit: KemPublic,
    /// Strictly ascending by recipient, 1..=[`MAX_WRAPS`].
    pub wraps: Vec<SealedKey>,
    /// Strictly ascending by kid, at most [`MAX_PREDECESSORS`].
    pub predecessors: Vec<Predecessor>,
}

/// An earlier epoch, its key sealed under the new one.
///
/// `siv ‖ key ⊕ mask`, both from a key derived from the new epoch key and this place: the synthetic value is nonce, authenticator
/// and 256-bit commitment in one, as in an envelope. So it needs no randomness, and no second epoch key opens it to anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Predecessor {
    pub kid: Kid,
    pub number: u32,
    pub sealed: [u8; 64],
}

/// An epoch's key, recognised by its key id.
#[derive(Clone, Debug)]
pub struct EpochKey {
    number: u32,
    kid: Kid,
    key: Secret,
}

/// What opening an epoch gave.
#[derive(Debug)]
pub struct OpenedEpoch {
    pub key: EpochKey,
    pub history: History,
}

/// What an epoch's key tells about its body.
#[derive(Debug, Default)]
pub struct History {
    pub predecessors: Vec<EpochKey>,
    /// Promises of the body that don't hold: complaints against its author.
    pub faults: Vec<EpochFault>,
}

/// Why an epoch or a wrap didn't open, or what is wrong with one that did.
#[derive(Debug, Error, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
pub enum EpochFault {
    /// No wrap is for a key we hold. Nobody's fault in itself: ask with a [`KeyRequest`].
    #[error("not sealed to any of our keys")]
    NotForUs,
    /// The wrap for us doesn't open: garbage, or made for another place. Its author is to blame; a [`KeyRequest`] heals it.
    #[error("the wrap for us does not open")]
    BadWrap,
    /// The wrap for us holds another key than the one named. Its author is to blame; a [`KeyRequest`] heals it.
    #[error("the wrap for us holds another key than the epoch's")]
    WrongKey,
    /// The published deposit key doesn't derive from the epoch key: somebody else would read what is sealed to it.
    #[error("the published deposit key is not the epoch's")]
    WrongDeposit,
    /// This predecessor's key isn't what the body says: history behind it needs a [`KeyRequest`].
    #[error("predecessor {0} does not open")]
    BadPredecessor(Kid),
}

impl EpochFault {
    /// True where the author wrote something false; a complaint makes the epoch ineligible.
    pub fn blames_author(self) -> bool {
        self != Self::NotForUs
    }
}

impl EpochKey {
    pub fn number(&self) -> u32 {
        self.number
    }

    pub fn kid(&self) -> Kid {
        self.kid
    }

    /// What envelopes under this kid are sealed with.
    pub fn secret(&self) -> &Secret {
        &self.key
    }

    /// The key pair that deposits and other documents' epochs are sealed to.
    pub fn deposit(&self) -> KemSecret {
        KemSecret::from_seed(&Secret(derive(context::EPOCH_DEPOSIT, &[&self.key.0])).0)
    }

    fn new(network: &NetworkId, doc: &DocId, number: u32, key: Secret) -> Self {
        let kid = kid_of(network, doc, number, &key);
        Self { number, kid, key }
    }

    /// `None` unless `key` is the one that `kid` names in this document.
    fn recognise(network: &NetworkId, doc: &DocId, number: u32, kid: &Kid, key: Secret) -> Option<Self> {
        let found = Self::new(network, doc, number, key);
        (found.kid == *kid).then_some(found)
    }
}

/// A key id is bound to its document and number: no key serves two documents or two numbers.
fn kid_of(network: &NetworkId, doc: &DocId, number: u32, key: &Secret) -> Kid {
    let hash = derive(context::KID, &[&network.0, &doc.0, &number.to_be_bytes(), &key.0]);
    Kid(*hash.first_chunk().expect("a hash of 32 bytes has 16"))
}

impl KeyEpoch {
    /// Number 4, kid 16, deposit 32, u16 count and 113 per wrap, u8 count and 84 per predecessor.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.write(&mut w);
        w.finish()
    }

    /// As [`Self::encode`], inside another body.
    pub fn write(&self, w: &mut Writer) {
        w.u32(self.number)
            .bytes(&self.kid.0)
            .bytes(&self.deposit.0)
            .u16(self.wraps.len() as u16);
        for wrap in &self.wraps {
            wrap.write(w);
        }
        w.u8(self.predecessors.len() as u8);
        for p in &self.predecessors {
            w.bytes(&p.kid.0).u32(p.number).bytes(&p.sealed);
        }
    }

    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(body);
        let epoch = Self::read(&mut r)?;
        r.end()?;
        Ok(epoch)
    }

    /// As [`Self::decode`], inside another body.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let number = read_number(r)?;
        let kid = read_kid(r)?;
        let deposit = KemPublic(r.array()?);
        let count = r.count16(MAX_WRAPS, "wraps")?;
        if count == 0 {
            return Err(WireError::OutOfBounds("wraps"));
        }
        let wraps = (0..count).map(|_| SealedKey::read(r)).collect::<Result<Vec<_>, _>>()?;
        let count = r.count(MAX_PREDECESSORS, "predecessors")?;
        let predecessors = (0..count).map(|_| Predecessor::read(r)).collect::<Result<Vec<_>, _>>()?;
        if !wraps.is_sorted_by(|a, b| a.recipient < b.recipient) {
            return Err(WireError::NotCanonical("wraps"));
        }
        let kids: Vec<Kid> = predecessors.iter().map(|p| p.kid).collect();
        strictly_ascending(&kids, "predecessors")?;
        if number_after(predecessors.iter().map(|p| p.number)) != Some(number) {
            return Err(WireError::OutOfBounds("epoch number"));
        }
        Ok(Self {
            number,
            kid,
            deposit,
            wraps,
            predecessors,
        })
    }

    /// Whom the body is sealed to, rightly or not.
    pub fn recipients(&self) -> impl Iterator<Item = KemPublic> + '_ {
        self.wraps.iter().map(|w| w.recipient)
    }

    /// What holds and what doesn't in this body, given its key.
    pub fn history(&self, network: &NetworkId, doc: &DocId, key: &EpochKey) -> History {
        let mut history = History::default();
        if key.number != self.number {
            history.faults.push(EpochFault::WrongKey);
        }
        if key.deposit().public() != self.deposit {
            history.faults.push(EpochFault::WrongDeposit);
        }
        for p in &self.predecessors {
            match p.open(network, doc, key) {
                Some(earlier) => history.predecessors.push(earlier),
                None => history.faults.push(EpochFault::BadPredecessor(p.kid)),
            }
        }
        history
    }
}

impl Predecessor {
    fn seal(network: &NetworkId, doc: &DocId, under: &EpochKey, earlier: &EpochKey) -> Self {
        let (kid, number) = (earlier.kid, earlier.number);
        let key = Self::key(network, doc, under, &kid, number);
        let siv = Self::siv(&key, &earlier.key);
        let mask = Self::mask(&key, &siv);
        let mut sealed = [0; 64];
        sealed[..32].copy_from_slice(&siv);
        sealed[32..].copy_from_slice(&xor(&earlier.key.0, &mask.0));
        Self { kid, number, sealed }
    }

    fn open(&self, network: &NetworkId, doc: &DocId, under: &EpochKey) -> Option<EpochKey> {
        let (siv, masked) = self.sealed.split_first_chunk::<32>()?;
        let key = Self::key(network, doc, under, &self.kid, self.number);
        let earlier = Secret(xor(masked.first_chunk()?, &Self::mask(&key, siv).0));
        let committed: bool = Self::siv(&key, &earlier).ct_eq(siv).into();
        committed
            .then(|| EpochKey::recognise(network, doc, self.number, &self.kid, earlier))
            .flatten()
    }

    fn key(network: &NetworkId, doc: &DocId, under: &EpochKey, kid: &Kid, number: u32) -> Secret {
        let parts: [&[u8]; 6] = [&under.key.0, &network.0, &doc.0, &under.kid.0, &number.to_be_bytes(), &kid.0];
        Secret(derive(context::EPOCH_PREDECESSOR, &parts))
    }

    fn siv(key: &Secret, earlier: &Secret) -> [u8; 32] {
        keyed(key, b's', &earlier.0)
    }

    fn mask(key: &Secret, siv: &[u8; 32]) -> Secret {
        Secret(keyed(key, b'm', siv))
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            kid: read_kid(r)?,
            number: read_number(r)?,
            sealed: r.array()?,
        })
    }
}

/// Makes the next epoch of a document, sealed to `recipients` and joining `predecessors` (all heads the author can open, at most
/// [`MAX_PREDECESSORS`]; none for a first epoch). `author_secret` hedges the entropy.
///
/// # Errors
/// No recipient or too many; too many predecessors, the same one twice, or numbers used up ([`choose`] names none of those).
pub fn make_epoch(
    network: &NetworkId,
    doc: &DocId,
    author: &SeatKey,
    author_secret: &[u8; 32],
    recipients: &BTreeSet<KemPublic>,
    predecessors: &[&EpochKey],
    entropy: &mut dyn Entropy,
) -> Result<(KeyEpoch, EpochKey), WireError> {
    if recipients.is_empty() || recipients.len() > MAX_WRAPS {
        return Err(WireError::OutOfBounds("wraps"));
    }
    if predecessors.len() > MAX_PREDECESSORS {
        return Err(WireError::OutOfBounds("predecessors"));
    }
    let mut predecessors = predecessors.to_vec();
    predecessors.sort_by_key(|p| p.kid);
    let kids: Vec<Kid> = predecessors.iter().map(|p| p.kid).collect();
    strictly_ascending(&kids, "predecessors")?;
    let number = number_after(predecessors.iter().map(|p| p.number)).ok_or(WireError::OutOfBounds("epoch number"))?;

    let mut purpose = Writer::new();
    purpose.bytes(&network.0).bytes(&doc.0).u32(number).u8(kids.len() as u8);
    for kid in &kids {
        purpose.bytes(&kid.0);
    }
    for recipient in recipients {
        purpose.bytes(&recipient.0);
    }
    let key = EpochKey::new(
        network,
        doc,
        number,
        hedged(author_secret, b"epoch key", &purpose.finish(), entropy),
    );

    let kid = key.kid;
    let within = Within::Epoch { number, kid: &kid };
    let place = Place {
        network,
        doc,
        author,
        within,
    };
    let wraps = recipients
        .iter()
        .map(|r| SealedKey::seal_or_void(&place, *r, &key.key, author_secret, entropy))
        .collect();
    let predecessors = predecessors.iter().map(|p| Predecessor::seal(network, doc, &key, p)).collect();
    let deposit = key.deposit().public();
    let epoch = KeyEpoch {
        number,
        kid,
        deposit,
        wraps,
        predecessors,
    };
    Ok((epoch, key))
}

/// Opens an epoch with the first of our keys that it was rightly sealed to. `secret` looks one of our keys up.
///
/// # Errors
/// None of our keys opens it: the last wrap's fault, or [`EpochFault::NotForUs`]. Faults that don't prevent opening come with the
/// result.
pub fn open_epoch<'k>(
    network: &NetworkId,
    doc: &DocId,
    author: &SeatKey,
    epoch: &KeyEpoch,
    secret: impl Fn(&KemPublic) -> Option<&'k KemSecret>,
) -> Result<OpenedEpoch, EpochFault> {
    let within = Within::Epoch {
        number: epoch.number,
        kid: &epoch.kid,
    };
    let place = Place {
        network,
        doc,
        author,
        within,
    };
    let ours = epoch.wraps.iter().filter_map(|w| Some((w, secret(&w.recipient)?)));
    let mut failed = None;
    for (wrap, secret) in ours.take(MAX_TRIES) {
        let Ok(key) = wrap.open(&place, secret) else {
            failed = Some(EpochFault::BadWrap);
            continue;
        };
        let Some(key) = EpochKey::recognise(network, doc, epoch.number, &epoch.kid, key) else {
            failed = Some(EpochFault::WrongKey);
            continue;
        };
        let mut history = epoch.history(network, doc, &key);
        history.faults.extend(failed);
        return Ok(OpenedEpoch { key, history });
    }
    Err(failed.unwrap_or(EpochFault::NotForUs))
}

/// One more than the greatest, 1 where there is none; `None` beyond [`MAX_NUMBER`].
fn number_after(predecessors: impl Iterator<Item = u32>) -> Option<u32> {
    predecessors.max().unwrap_or(0).checked_add(1).filter(|n| *n <= MAX_NUMBER)
}

fn read_number(r: &mut Reader<'_>) -> Result<u32, WireError> {
    let number = r.u32()?;
    if (1..=MAX_NUMBER).contains(&number) {
        Ok(number)
    } else {
        Err(WireError::OutOfBounds("epoch number"))
    }
}

/// Zero means "no epoch" in a header, so it never names one.
fn read_kid(r: &mut Reader<'_>) -> Result<Kid, WireError> {
    let kid = Kid(r.array()?);
    if kid.is_zero() {
        Err(WireError::NotCanonical("kid"))
    } else {
        Ok(kid)
    }
}

fn keyed(key: &Secret, what: u8, value: &[u8; 32]) -> [u8; 32] {
    *blake3::Hasher::new_keyed(&key.0)
        .update(&[what])
        .update(value)
        .finalize()
        .as_bytes()
}

fn xor(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    std::array::from_fn(|i| a[i] ^ b[i])
}
