//! Deposit: writing into a document without being able to read it.
//!
//! A cabin or an unknown pharmacist seals under a fresh key, which is sealed to the current deposit keys of the document's live
//! readers and then dropped. Body: u8 count, sealed keys (113 B each, strictly ascending by recipient), ciphertext.
//!
//! Invariants:
//! * the author's secret opens nothing that it deposited: the fresh key is hedged with the plaintext itself, so even with a dead
//!   generator only somebody who has the plaintext can find the key again;
//! * a sealed key is bound to its deposit's place in the author's chain, so it can't serve another one.

use ed25519_dalek::SigningKey;
use std::collections::BTreeSet;
use thiserror::Error;
use zeroize::Zeroizing;

use super::epochs::{Place, SealedKey, Within};
use crate::crypto::{Entropy, KemSecret, hedged};
use crate::envelope::{Envelope, Header, Kind, OpenError, Plaintext, TAG, Verified, padded_len};
use crate::ids::{KemPublic, NetworkId};
use crate::wire::{Reader, WireError, Writer};

/// Deposit keys that one deposit may be sealed to. Usually one: the newest epoch's.
pub const MAX_RECIPIENTS: usize = 255;
/// Wraps tried where several are for us.
const MAX_TRIES: usize = 8;

/// The two parts of a deposit's body.
#[derive(Debug)]
pub struct Deposit<'a> {
    pub wraps: Vec<SealedKey>,
    pub ciphertext: &'a [u8],
}

/// Why a deposit didn't open.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum DepositError {
    /// The body isn't a deposit's. Its author is to blame.
    #[error("not a deposit: {0}")]
    Malformed(#[from] WireError),
    /// It isn't sealed to a key we hold.
    #[error("not sealed to any of our keys")]
    NotForUs,
    /// The key for us doesn't open, or was copied from elsewhere. Its author is to blame.
    #[error("the wrap for us does not open")]
    BadWrap,
    /// The ciphertext doesn't open with the key for us. Its author is to blame.
    #[error(transparent)]
    Content(#[from] OpenError),
}

impl<'a> Deposit<'a> {
    /// Takes a body apart, refusing what could be written another way. Needs no key: a carrier may check it.
    pub fn parse(envelope: &'a Envelope) -> Result<Self, WireError> {
        if envelope.header.kind != Kind::Deposit {
            return Err(WireError::Unknown("deposit kind"));
        }
        let mut r = Reader::new(&envelope.body);
        let count = r.count(MAX_RECIPIENTS, "recipients")?;
        if count == 0 {
            return Err(WireError::OutOfBounds("recipients"));
        }
        let wraps = (0..count).map(|_| SealedKey::read(&mut r)).collect::<Result<Vec<_>, _>>()?;
        if !wraps.is_sorted_by(|a, b| a.recipient < b.recipient) {
            return Err(WireError::NotCanonical("recipients"));
        }
        let ciphertext = r.rest();
        match ciphertext.len().checked_sub(TAG) {
            Some(n) if n > 0 && padded_len(n) == n => Ok(Self { wraps, ciphertext }),
            _ => Err(WireError::NotCanonical("padding")),
        }
    }
}

/// Seals `plaintext` for a document's live readers: to the deposit key of the epoch they write under ([`super::epochs::choose`]) or,
/// without one, to the live readers' own keys. `header.kind` is [`Kind::Deposit`] and its kid zero; `seat`
/// signs it and hedges the entropy.
///
/// # Errors
/// Another kind, no recipient or too many, or a body longer than [`crate::envelope::MAX_BODY`].
pub fn seal_deposit(
    header: Header,
    seat: &SigningKey,
    network: &NetworkId,
    recipients: &BTreeSet<KemPublic>,
    plaintext: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Verified, WireError> {
    if header.kind != Kind::Deposit {
        return Err(WireError::Unknown("deposit kind"));
    }
    if recipients.is_empty() || recipients.len() > MAX_RECIPIENTS {
        return Err(WireError::OutOfBounds("recipients"));
    }
    let mut message = Zeroizing::new(Vec::with_capacity(80 + plaintext.len()));
    message.extend_from_slice(&header.doc.0);
    message.extend_from_slice(&header.incarnation.to_be_bytes());
    message.extend_from_slice(&header.seq.to_be_bytes());
    message.extend_from_slice(plaintext);
    let key = hedged(seat.as_bytes(), b"deposit key", &message, entropy);

    let place = place(network, &header);
    let mut head = Writer::new();
    head.u8(recipients.len() as u8);
    for recipient in recipients {
        SealedKey::seal_or_void(&place, *recipient, &key, seat.as_bytes(), entropy).write(&mut head);
    }
    header.clone().seal_behind(seat, network, &key, head.finish(), plaintext)
}

/// Opens a deposit; `secret` looks one of our deposit keys up ([`super::keyring::KeyRing::secret`]).
pub fn open_deposit<'k>(
    network: &NetworkId,
    envelope: &Verified,
    secret: impl Fn(&KemPublic) -> Option<&'k KemSecret>,
) -> Result<Plaintext, DepositError> {
    let deposit = Deposit::parse(envelope)?;
    let place = place(network, &envelope.header);
    let ours = deposit.wraps.iter().filter_map(|w| Some((w, secret(&w.recipient)?)));
    let mut failed = DepositError::NotForUs;
    for (wrap, secret) in ours.take(MAX_TRIES) {
        match wrap.open(&place, secret) {
            Ok(key) => match envelope.open_with(&key, deposit.ciphertext) {
                Ok(plaintext) => return Ok(plaintext),
                Err(e) => failed = e.into(),
            },
            Err(_) => failed = DepositError::BadWrap,
        }
    }
    Err(failed)
}

fn place<'a>(network: &'a NetworkId, header: &'a Header) -> Place<'a> {
    let within = Within::Deposit {
        incarnation: header.incarnation,
        seq: header.seq,
    };
    Place {
        network,
        doc: &header.doc,
        author: &header.seat,
        within,
    }
}

#[cfg(test)]
mod tests;
