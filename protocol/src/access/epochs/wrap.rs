//! A key sealed to one recipient, and the two small bodies that heal a missing one: `KeyRequest` and `Wrap`.
//!
//! Invariant: a sealed key opens in exactly one place. HPKE's `info` names what it is (an epoch's wrap, a late wrap, a deposit),
//! the network, the document, the epoch (or the deposit's place in its author's chain), the author and the recipient; so one that
//! is copied elsewhere, by whomever, opens nothing.

use zeroize::Zeroizing;

use super::EpochKey;
use crate::crypto::{Entropy, KemSecret, SEALED_SECRET_LEN, Secret, UnwrapError, hedged, hpke_open, hpke_seal};
use crate::ids::{DocId, KemPublic, Kid, NetworkId, SeatKey};
use crate::wire::{Reader, WireError, Writer};

/// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305. 2 is reserved for X-Wing.
pub const WRAP_SUITE: u8 = 1;

/// A 32-byte key sealed to one recipient. Ordered by recipient.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SealedKey {
    pub recipient: KemPublic,
    pub sealed: [u8; SEALED_SECRET_LEN],
}

impl SealedKey {
    /// Recipient 32, suite 1, encapsulation 32, ciphertext and tag 48.
    pub const LEN: usize = KemPublic::LEN + 1 + SEALED_SECRET_LEN;

    pub(crate) fn write(&self, w: &mut Writer) {
        w.bytes(&self.recipient.0).u8(WRAP_SUITE).bytes(&self.sealed);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let recipient = KemPublic(r.array()?);
        if r.u8()? != WRAP_SUITE {
            return Err(WireError::Unknown("wrap suite"));
        }
        let sealed = r.array()?;
        Ok(Self { recipient, sealed })
    }

    /// Seals `key` in one place. The ephemeral key is hedged with the author's secret, the place and the key itself: a dead
    /// generator repeats it only for the same wrap.
    pub(crate) fn seal(
        place: &Place<'_>,
        recipient: KemPublic,
        key: &Secret,
        author_secret: &[u8; 32],
        entropy: &mut dyn Entropy,
    ) -> Result<Self, UnwrapError> {
        let info = place.info(&recipient);
        let message = Zeroizing::new([&info[..], &key.0].concat());
        let seed = hedged(author_secret, b"wrap", &message, entropy);
        let sealed = hpke_seal(&recipient, &info, &key.0, &seed)?;
        Ok(Self { recipient, sealed })
    }

    /// As [`Self::seal`], but a recipient key that nothing can be sealed to (of small order) gets zeros: it shuts out its owner
    /// and can't stop a rotation.
    pub(crate) fn seal_or_void(
        place: &Place<'_>,
        recipient: KemPublic,
        key: &Secret,
        author_secret: &[u8; 32],
        entropy: &mut dyn Entropy,
    ) -> Self {
        Self::seal(place, recipient, key, author_secret, entropy).unwrap_or(Self {
            recipient,
            sealed: [0; SEALED_SECRET_LEN],
        })
    }

    pub(crate) fn open(&self, place: &Place<'_>, secret: &KemSecret) -> Result<Secret, UnwrapError> {
        hpke_open(secret, &place.info(&self.recipient), &self.sealed)
    }
}

/// Where a key is sealed: everything HPKE's `info` binds but the recipient. Fixed width for each use.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) network: &'a NetworkId,
    pub(crate) doc: &'a DocId,
    pub(crate) author: &'a SeatKey,
    pub(crate) within: Within<'a>,
}

#[derive(Clone, Copy)]
pub(crate) enum Within<'a> {
    /// In the epoch's own body.
    Epoch { number: u32, kid: &'a Kid },
    /// In a late `Wrap`.
    Late { number: u32, kid: &'a Kid },
    /// In the head of a deposit, at this place of its author's chain.
    Deposit { incarnation: u64, seq: u64 },
}

impl Place<'_> {
    fn info(&self, recipient: &KemPublic) -> Vec<u8> {
        let mut w = Writer::new();
        match self.within {
            Within::Epoch { number, kid } => w.bytes(b"bocage/v1/epoch wrap\0").u32(number).bytes(&kid.0),
            Within::Late { number, kid } => w.bytes(b"bocage/v1/late wrap\0").u32(number).bytes(&kid.0),
            Within::Deposit { incarnation, seq } => w.bytes(b"bocage/v1/deposit wrap\0").u64(incarnation).u64(seq),
        };
        w.bytes(&self.network.0)
            .bytes(&self.doc.0)
            .bytes(&self.author.0)
            .bytes(&recipient.0);
        w.finish()
    }
}

/// Body of [`crate::envelope::Kind::KeyRequest`]: "I can't open this epoch of the header's document; seal its key to me."
///
/// Whoever answers first checks that `recipient` belongs to a live reader of the document: the request itself proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct KeyRequest {
    pub kid: Kid,
    pub recipient: KemPublic,
}

impl KeyRequest {
    /// Kid 16, recipient 32.
    pub fn encode(&self) -> Vec<u8> {
        [&self.kid.0[..], &self.recipient.0].concat()
    }

    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(body);
        let kid = Kid(r.array()?);
        let recipient = KemPublic(r.array()?);
        r.end()?;
        Ok(Self { kid, recipient })
    }
}

/// Body of [`crate::envelope::Kind::Wrap`]: an epoch's key for a reader whom the epoch itself doesn't serve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wrap {
    pub kid: Kid,
    pub number: u32,
    pub key: SealedKey,
}

impl Wrap {
    /// Kid 16, number 4, sealed key 113.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.bytes(&self.kid.0).u32(self.number);
        self.key.write(&mut w);
        w.finish()
    }

    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(body);
        let kid = super::read_kid(&mut r)?;
        let number = super::read_number(&mut r)?;
        let key = SealedKey::read(&mut r)?;
        r.end()?;
        Ok(Self { kid, number, key })
    }

    /// Opens an answer. Which reader is entitled to it is the evaluator's business; that it is the right key is checked here.
    pub fn open(&self, network: &NetworkId, doc: &DocId, author: &SeatKey, secret: &KemSecret) -> Result<EpochKey, super::EpochFault> {
        let within = Within::Late {
            number: self.number,
            kid: &self.kid,
        };
        let place = Place {
            network,
            doc,
            author,
            within,
        };
        let key = self.key.open(&place, secret).map_err(|_| super::EpochFault::BadWrap)?;
        EpochKey::recognise(network, doc, self.number, &self.kid, key).ok_or(super::EpochFault::WrongKey)
    }
}

/// Answers a [`KeyRequest`] for a key one holds. `author` is the answering seat.
///
/// # Errors
/// Nothing can be sealed to this recipient's key.
pub fn make_wrap(
    network: &NetworkId,
    doc: &DocId,
    author: &SeatKey,
    author_secret: &[u8; 32],
    key: &EpochKey,
    recipient: KemPublic,
    entropy: &mut dyn Entropy,
) -> Result<Wrap, UnwrapError> {
    let (number, kid) = (key.number(), key.kid());
    let within = Within::Late { number, kid: &kid };
    let place = Place {
        network,
        doc,
        author,
        within,
    };
    let key = SealedKey::seal(&place, recipient, key.secret(), author_secret, entropy)?;
    Ok(Wrap { kid, number, key })
}
