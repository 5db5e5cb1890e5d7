//! The sealed envelope: the unit that is written, signed, stored, carried and opened.
//!
//! Encrypt-then-sign: a carrier checks authorship and integrity with no key at all. One key per envelope, derived from the epoch
//! key and the whole header; the nonce is synthetic (a keyed hash of the padded plaintext), so a dead generator, a cloned machine
//! or a restored backup can't use one nonce for two plaintexts, and the same value commits to the key. Layout: SPEC.md § Envelope.
//!
//! Typestate: [`Envelope`] is what bytes parse to, [`Verified`] only ever comes from [`Envelope::verify`] or [`Header::seal`],
//! [`Plaintext`] only from [`Verified::open`].

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use ed25519_dalek::SigningKey;
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::crypto::{self, Secret, SignUse, context, derive};
use crate::ids::{DocId, GrantId, Hlc, ItemId, Kid, NetworkId, SeatKey};
use crate::wire::{Reader, WireError, Writer, strictly_ascending};

/// Format version, the first byte of every envelope.
pub const VERSION: u8 = 1;
/// The only cipher suite of version 1.
pub const SUITE: u8 = 1;
/// A body, padding and tag included: what a 256 kbit/s link moves in eight seconds.
pub const MAX_BODY: usize = 256 * 1024;
/// Grants an envelope may cite: its own document's, and the team membership it acts through.
pub const MAX_AUTHORITY: usize = 2;
/// Fixed part of a header: everything but the cited grants.
pub const HEADER_BASE: usize = 6 + 32 + 32 + 8 + 8 + 32 + 8 + 16 + 1 + 4;
/// The longest canonical envelope.
pub const MAX_ENVELOPE: usize = HEADER_BASE + MAX_AUTHORITY * 32 + 32 + MAX_BODY + 64;
/// Poly1305 tag.
pub const TAG: usize = 16;

/// Order of transfer; lane 0 is reconciled to the end before the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Lane {
    Control = 0,
    Urgent = 1,
    Today = 2,
    Rest = 3,
    Previews = 4,
    Originals = 5,
}

impl Lane {
    pub fn from_u8(v: u8) -> Result<Self, WireError> {
        Ok(match v {
            0 => Self::Control,
            1 => Self::Urgent,
            2 => Self::Today,
            3 => Self::Rest,
            4 => Self::Previews,
            5 => Self::Originals,
            _ => return Err(WireError::Unknown("lane")),
        })
    }
}

/// What the body holds. The upper half of the number says how it is protected.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Sealed: Automerge changes of one author.
    Content = 0x01,
    /// Sealed: cumulative receipts.
    Receipt = 0x02,
    /// Clear: creates a document with its first grants and epoch.
    Genesis = 0x10,
    Grant = 0x11,
    Revoke = 0x12,
    Endorse = 0x13,
    Adopt = 0x14,
    KeyEpoch = 0x15,
    KeyRequest = 0x16,
    Wrap = 0x17,
    /// Sealed to the current readers without being one.
    Deposit = 0x20,
}

/// How a body is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    Sealed,
    Clear,
    Deposit,
}

impl Kind {
    pub fn from_u8(v: u8) -> Result<Self, WireError> {
        Ok(match v {
            0x01 => Self::Content,
            0x02 => Self::Receipt,
            0x10 => Self::Genesis,
            0x11 => Self::Grant,
            0x12 => Self::Revoke,
            0x13 => Self::Endorse,
            0x14 => Self::Adopt,
            0x15 => Self::KeyEpoch,
            0x16 => Self::KeyRequest,
            0x17 => Self::Wrap,
            0x20 => Self::Deposit,
            _ => return Err(WireError::Unknown("envelope kind")),
        })
    }

    pub fn protection(self) -> Protection {
        match self as u8 >> 4 {
            0 => Protection::Sealed,
            1 => Protection::Clear,
            _ => Protection::Deposit,
        }
    }

    /// Control kinds travel first by their kind; grants, epochs and content take the lane of the write that needs them.
    fn allows(self, lane: Lane) -> bool {
        match self {
            Self::Revoke => lane == Lane::Control,
            Self::Content | Self::Receipt | Self::Deposit => lane != Lane::Control,
            _ => true,
        }
    }
}

/// Everything a carrier sees, and all of it signed and bound into the key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    pub kind: Kind,
    pub lane: Lane,
    pub doc: DocId,
    pub seat: SeatKey,
    /// Random at each process start and restore: a restored backup continues in a chain of its own.
    pub incarnation: u64,
    /// From 1 in each incarnation.
    pub seq: u64,
    /// The seat's last durable envelope, also across incarnations; zero for the very first.
    pub prev: ItemId,
    pub hlc: Hlc,
    /// The epoch that sealed the body; zero for clear bodies and deposits.
    pub kid: Kid,
    /// Grants the author acts under, strictly ascending.
    pub authority: Vec<GrantId>,
}

impl Header {
    fn encode(&self, body_len: usize) -> Vec<u8> {
        let mut w = Writer::new();
        let padding = u8::from(self.kind.protection() != Protection::Clear);
        w.u8(VERSION).u8(self.kind as u8).u8(SUITE).u8(padding).u8(0).u8(self.lane as u8);
        w.bytes(&self.doc.0)
            .bytes(&self.seat.0)
            .u64(self.incarnation)
            .u64(self.seq)
            .bytes(&self.prev.0);
        w.u64(self.hlc.0).bytes(&self.kid.0).u8(self.authority.len() as u8);
        for grant in &self.authority {
            w.bytes(&grant.0);
        }
        w.u32(body_len as u32);
        w.finish()
    }

    fn check(&self) -> Result<(), WireError> {
        if self.seq == 0 {
            return Err(WireError::OutOfBounds("seq"));
        }
        if (self.kind.protection() == Protection::Sealed) == self.kid.is_zero() {
            return Err(WireError::NotCanonical("kid"));
        }
        if !self.kind.allows(self.lane) {
            return Err(WireError::NotCanonical("lane"));
        }
        if self.authority.len() > MAX_AUTHORITY {
            return Err(WireError::OutOfBounds("authority"));
        }
        strictly_ascending(&self.authority, "authority")
    }
}

/// A well-formed envelope whose signature has not been checked yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    pub header: Header,
    pub siv: [u8; 32],
    /// Ciphertext and tag, or the clear body.
    pub body: Vec<u8>,
    pub signature: [u8; 64],
    header_bytes: Vec<u8>,
    id: ItemId,
}

impl Envelope {
    /// Parses canonical bytes. Refuses whatever could be written another way or is out of bounds.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        if r.u8()? != VERSION {
            return Err(WireError::Unknown("envelope version"));
        }
        let kind = Kind::from_u8(r.u8()?)?;
        if r.u8()? != SUITE {
            return Err(WireError::Unknown("suite"));
        }
        if r.u8()? != u8::from(kind.protection() != Protection::Clear) {
            return Err(WireError::Unknown("padding"));
        }
        if r.u8()? != 0 {
            return Err(WireError::Unknown("flag"));
        }
        let lane = Lane::from_u8(r.u8()?)?;
        let doc = DocId(r.array()?);
        let seat = SeatKey(r.array()?);
        let (incarnation, seq) = (r.u64()?, r.u64()?);
        let prev = ItemId(r.array()?);
        let hlc = Hlc(r.u64()?);
        let kid = Kid(r.array()?);
        let count = r.count(MAX_AUTHORITY, "authority")?;
        let authority = (0..count).map(|_| Ok(GrantId(r.array()?))).collect::<Result<_, WireError>>()?;
        let body_len = r.u32()? as usize;
        if body_len > MAX_BODY {
            return Err(WireError::OutOfBounds("body"));
        }
        let siv = r.array()?;
        let body = r.take(body_len)?.to_vec();
        let signature = r.array()?;
        r.end()?;
        let header = Header {
            kind,
            lane,
            doc,
            seat,
            incarnation,
            seq,
            prev,
            hlc,
            kid,
            authority,
        };
        Self::assemble(header, siv, body, signature)
    }

    /// Puts together parts that came by another way than canonical bytes (the aliased form of a session), with the same checks.
    pub fn assemble(header: Header, siv: [u8; 32], body: Vec<u8>, signature: [u8; 64]) -> Result<Self, WireError> {
        header.check()?;
        if body.len() > MAX_BODY {
            return Err(WireError::OutOfBounds("body"));
        }
        let header_bytes = header.encode(body.len());
        let id = ItemId(derive(context::ENVELOPE_ID, &[&header_bytes, &siv, &body]));
        if header.kind.protection() == Protection::Clear && siv != clear_siv(&body) {
            return Err(WireError::NotCanonical("siv"));
        }
        if header.kind.protection() == Protection::Sealed && !is_padded_len(body.len()) {
            return Err(WireError::NotCanonical("padding"));
        }
        Ok(Self {
            header,
            siv,
            body,
            signature,
            header_bytes,
            id,
        })
    }

    pub fn id(&self) -> ItemId {
        self.id
    }

    /// The bytes that are stored, hashed and signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.header_bytes[..], &self.siv, &self.body, &self.signature].concat()
    }

    /// Length of [`Self::to_bytes`].
    pub fn encoded_len(&self) -> usize {
        self.header_bytes.len() + 32 + self.body.len() + 64
    }

    /// Checks the author's signature. Says nothing about certificates or access.
    pub fn verify(self, network: &NetworkId) -> Result<Verified, BadSignature> {
        if crypto::verify(&self.header.seat.0, SignUse::Envelope, network, &self.id.0, &self.signature) {
            Ok(Verified(self))
        } else {
            Err(BadSignature)
        }
    }
}

/// The signature doesn't belong to these bytes: altered on the way, forged, or from another network.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
#[error("bad signature")]
pub struct BadSignature;

/// Why a verified envelope didn't open.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum OpenError {
    /// The body isn't sealed under this epoch key, or its author sealed it wrongly.
    #[error("does not open with this key")]
    WrongKey,
    /// The author committed to another key or plaintext than the one that decrypts.
    #[error("commitment mismatch: its author sealed it wrongly")]
    Commitment,
    /// The plaintext's padding isn't the canonical one.
    #[error("padding is not canonical: its author sealed it wrongly")]
    Padding,
    /// Clear bodies have nothing to open; deposits open with a deposit key.
    #[error("not a sealed body")]
    NotSealed,
}

/// Decrypted bytes: wiped when dropped, never shown, no wire form.
#[derive(Zeroize, ZeroizeOnDrop, PartialEq, Eq)]
pub struct Plaintext(Vec<u8>);

impl Plaintext {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} bytes of plaintext]", self.0.len())
    }
}

/// An envelope whose signature holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified(Envelope);

impl std::ops::Deref for Verified {
    type Target = Envelope;

    fn deref(&self) -> &Envelope {
        &self.0
    }
}

impl Verified {
    /// Opens a sealed body with its epoch's key, checking commitment and padding.
    pub fn open(&self, epoch_key: &Secret) -> Result<Plaintext, OpenError> {
        if self.header.kind.protection() == Protection::Clear {
            return Err(OpenError::NotSealed);
        }
        self.open_with(epoch_key, &self.body)
    }

    /// Opens `ciphertext`, the part of the body behind a deposit's wraps.
    pub(crate) fn open_with(&self, key: &Secret, ciphertext: &[u8]) -> Result<Plaintext, OpenError> {
        let k = Secret(derive(context::ENVELOPE_KEY, &[&key.0, &self.header_bytes]));
        let aad = [&self.header_bytes[..], &self.siv].concat();
        let mut padded = cipher(&k, &self.siv)
            .decrypt(
                &XNonce::default(),
                Payload {
                    msg: ciphertext,
                    aad: &aad,
                },
            )
            .map_err(|_| OpenError::WrongKey)?;
        let committed: bool = siv(&k, &padded).ct_eq(&self.siv).into();
        let plain = if committed {
            unpad(&padded).ok_or(OpenError::Padding)
        } else {
            Err(OpenError::Commitment)
        };
        padded.zeroize();
        plain
    }
}

impl Header {
    /// Seals `plaintext` under `epoch_key` and signs. The caller sets `kid` to the epoch's.
    ///
    /// # Errors
    /// The header is out of bounds or the plaintext longer than a body may be.
    pub fn seal(self, seat: &SigningKey, network: &NetworkId, epoch_key: &Secret, plaintext: &[u8]) -> Result<Verified, WireError> {
        if self.kind.protection() != Protection::Sealed {
            return Err(WireError::Unknown("sealed kind"));
        }
        self.seal_behind(seat, network, epoch_key, Vec::new(), plaintext)
    }

    /// Seals behind `head`, which stays clear (a deposit's wraps).
    pub(crate) fn seal_behind(
        self,
        seat: &SigningKey,
        network: &NetworkId,
        key: &Secret,
        head: Vec<u8>,
        plaintext: &[u8],
    ) -> Result<Verified, WireError> {
        let mut padded = pad(plaintext).ok_or(WireError::OutOfBounds("body"))?;
        let body_len = head.len() + padded.len() + TAG;
        if body_len > MAX_BODY {
            return Err(WireError::OutOfBounds("body"));
        }
        let header_bytes = self.encode(body_len);
        let k = Secret(derive(context::ENVELOPE_KEY, &[&key.0, &header_bytes]));
        let siv = siv(&k, &padded);
        let aad = [&header_bytes[..], &siv].concat();
        let sealed = cipher(&k, &siv)
            .encrypt(&XNonce::default(), Payload { msg: &padded, aad: &aad })
            .map_err(|_| WireError::OutOfBounds("body"))?;
        padded.zeroize();
        self.sign(seat, network, siv, [head, sealed].concat())
    }

    /// Signs a clear body.
    ///
    /// # Errors
    /// The header or the body is out of bounds.
    pub fn clear(self, seat: &SigningKey, network: &NetworkId, body: Vec<u8>) -> Result<Verified, WireError> {
        if self.kind.protection() != Protection::Clear {
            return Err(WireError::Unknown("clear kind"));
        }
        let siv = clear_siv(&body);
        self.sign(seat, network, siv, body)
    }

    pub(crate) fn sign(self, seat: &SigningKey, network: &NetworkId, siv: [u8; 32], body: Vec<u8>) -> Result<Verified, WireError> {
        debug_assert_eq!(seat.verifying_key().as_bytes(), &self.seat.0, "the header names its signer");
        let mut envelope = Envelope::assemble(self, siv, body, [0; 64])?;
        envelope.signature = crypto::sign(seat, SignUse::Envelope, network, &envelope.id.0);
        Ok(Verified(envelope))
    }
}

fn siv(k: &Secret, padded: &[u8]) -> [u8; 32] {
    *blake3::keyed_hash(&derive(context::ENVELOPE_SIV, &[&k.0]), padded).as_bytes()
}

fn clear_siv(body: &[u8]) -> [u8; 32] {
    derive(context::CLEAR_BODY, &[body])
}

fn cipher(k: &Secret, siv: &[u8; 32]) -> XChaCha20Poly1305 {
    let mut key = derive(context::ENVELOPE_AEAD, &[&k.0, siv]);
    let cipher = XChaCha20Poly1305::new(&key.into());
    key.zeroize();
    cipher
}

/// Length after padding: multiples of 32 up to 512, above that at most five significant bits (Padmé-like, ≤ 12 % growth).
pub fn padded_len(n: usize) -> usize {
    if n <= 512 {
        return n.next_multiple_of(32).max(32);
    }
    let exponent = n.ilog2();
    let significant = exponent.ilog2() + 1;
    n.next_multiple_of(1 << (exponent - significant))
}

fn is_padded_len(body: usize) -> bool {
    body.checked_sub(TAG).is_some_and(|n| n > 0 && padded_len(n) == n)
}

fn pad(plaintext: &[u8]) -> Option<Vec<u8>> {
    if plaintext.len() > MAX_BODY {
        return None;
    }
    let mut out = Vec::with_capacity(padded_len(plaintext.len() + 4));
    out.extend_from_slice(&(plaintext.len() as u32).to_be_bytes());
    out.extend_from_slice(plaintext);
    out.resize(padded_len(out.len()), 0);
    Some(out)
}

fn unpad(padded: &[u8]) -> Option<Plaintext> {
    let (len, rest) = padded.split_first_chunk::<4>()?;
    let len = u32::from_be_bytes(*len) as usize;
    let (plain, zeros) = rest.split_at_checked(len)?;
    (padded.len() == padded_len(len + 4) && zeros.iter().all(|b| *b == 0)).then(|| Plaintext(plain.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NET: NetworkId = NetworkId([9; 32]);

    fn seat() -> SigningKey {
        SigningKey::from_bytes(&[5; 32])
    }

    fn header() -> Header {
        Header {
            kind: Kind::Content,
            lane: Lane::Today,
            doc: DocId([1; 32]),
            seat: SeatKey(seat().verifying_key().to_bytes()),
            incarnation: 7,
            seq: 1,
            prev: ItemId::ZERO,
            hlc: Hlc::from_millis(1_000),
            kid: Kid([2; 16]),
            authority: vec![GrantId([3; 32])],
        }
    }

    fn sealed() -> Verified {
        header().seal(&seat(), &NET, &Secret([4; 32]), b"tension 13/8").unwrap()
    }

    #[test]
    fn what_is_sealed_opens_and_survives_the_wire() {
        let envelope = sealed();
        let again = Envelope::parse(&envelope.to_bytes()).unwrap().verify(&NET).unwrap();
        assert_eq!(again, envelope);
        assert_eq!(again.open(&Secret([4; 32])).unwrap().bytes(), b"tension 13/8");
        assert_eq!(again.encoded_len(), again.to_bytes().len());
    }

    /// One of each way a body is protected, and one that cites two grants: each has its own branch in `assemble`.
    fn of_every_form() -> [(&'static str, Verified); 4] {
        let clear = Header {
            kind: Kind::Revoke,
            lane: Lane::Control,
            kid: Kid::ZERO,
            ..header()
        };
        let deposit = Header {
            kind: Kind::Deposit,
            kid: Kid::ZERO,
            ..header()
        };
        let two = Header {
            authority: vec![GrantId([3; 32]), GrantId([4; 32])],
            ..header()
        };
        let key = Secret([4; 32]);
        [
            ("content", sealed()),
            ("clear", clear.clear(&seat(), &NET, vec![6; 40]).unwrap()),
            (
                "deposit",
                deposit.seal_behind(&seat(), &NET, &key, vec![7; 30], b"tension 13/8").unwrap(),
            ),
            ("two citations", two.seal(&seat(), &NET, &key, b"tension 13/8").unwrap()),
        ]
    }

    #[test]
    fn t01_every_flipped_bit_is_refused() {
        for (what, envelope) in of_every_form() {
            let bytes = envelope.to_bytes();
            assert!(Envelope::parse(&bytes).unwrap().verify(&NET).is_ok(), "{what}");
            for bit in 0..bytes.len() * 8 {
                let mut altered = bytes.clone();
                altered[bit / 8] ^= 1 << (bit % 8);
                let accepted = Envelope::parse(&altered).is_ok_and(|e| e.verify(&NET).is_ok());
                assert!(!accepted, "{what}, bit {bit}");
            }
        }
    }

    #[test]
    fn t02_every_truncation_and_any_appended_byte_is_refused() {
        let bytes = sealed().to_bytes();
        for n in 0..bytes.len() {
            assert!(Envelope::parse(&bytes[..n]).is_err(), "{n}");
        }
        assert_eq!(Envelope::parse(&[&bytes[..], &[0]].concat()), Err(WireError::Trailing));
        let mut long = bytes.clone();
        let at = HEADER_BASE + 32 - 4;
        long[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(Envelope::parse(&long), Err(WireError::OutOfBounds("body")));
    }

    #[test]
    fn t03_t04_another_document_or_network_breaks_the_signature() {
        let envelope = sealed();
        let mut moved = envelope.header.clone();
        moved.doc = DocId([77; 32]);
        let moved = Envelope::assemble(moved, envelope.siv, envelope.body.clone(), envelope.signature).unwrap();
        assert_eq!(moved.verify(&NET), Err(BadSignature));
        assert_eq!(
            Envelope::parse(&envelope.to_bytes()).unwrap().verify(&NetworkId([8; 32])),
            Err(BadSignature)
        );
    }

    #[test]
    fn t06_resigned_ciphertext_does_not_open() {
        let envelope = sealed();
        let thief = SigningKey::from_bytes(&[6; 32]);
        let mut stolen = envelope.header.clone();
        stolen.seat = SeatKey(thief.verifying_key().to_bytes());
        let stolen = stolen.sign(&thief, &NET, envelope.siv, envelope.body.clone()).unwrap();
        assert!(
            Envelope::parse(&stolen.to_bytes()).unwrap().verify(&NET).is_ok(),
            "it is the thief's own envelope now"
        );
        assert_eq!(stolen.open(&Secret([4; 32])), Err(OpenError::WrongKey));
    }

    #[test]
    fn t07_a_body_that_decrypts_under_a_second_key_fails_the_commitment() {
        // Poly1305 alone doesn't commit to a key. The attacker here is stronger than a salamander: he makes a body that truly
        // decrypts under key two (with the synthetic value of key one), and the commitment still refuses it.
        let (one, two) = (Secret([4; 32]), Secret([40; 32]));
        let header = header();
        let padded = pad(b"deux doses").unwrap();
        let bytes = header.encode(padded.len() + TAG);
        let k1 = Secret(derive(context::ENVELOPE_KEY, &[&one.0, &bytes]));
        let k2 = Secret(derive(context::ENVELOPE_KEY, &[&two.0, &bytes]));
        let siv_of_one = siv(&k1, &padded);
        let aad = [&bytes[..], &siv_of_one].concat();
        let body = cipher(&k2, &siv_of_one)
            .encrypt(&XNonce::default(), Payload { msg: &padded, aad: &aad })
            .unwrap();
        let envelope = header.sign(&seat(), &NET, siv_of_one, body).unwrap();
        assert_eq!(envelope.open(&two), Err(OpenError::Commitment));
        assert_eq!(envelope.open(&one), Err(OpenError::WrongKey));
    }

    #[test]
    fn t08_swapping_the_key_id_breaks_signature_and_key() {
        let envelope = sealed();
        let mut swapped = envelope.header.clone();
        swapped.kid = Kid([20; 16]);
        let kept = Envelope::assemble(swapped.clone(), envelope.siv, envelope.body.clone(), envelope.signature).unwrap();
        assert_eq!(kept.verify(&NET), Err(BadSignature));
        let resigned = swapped.sign(&seat(), &NET, envelope.siv, envelope.body.clone()).unwrap();
        assert_eq!(resigned.open(&Secret([4; 32])), Err(OpenError::WrongKey));
    }

    #[test]
    fn t09_padding_has_one_form() {
        for (what, padded) in [
            ("a length beyond the plaintext", [&9_999u32.to_be_bytes()[..], &[0; 28]].concat()),
            ("zeros that aren't", [&1u32.to_be_bytes()[..], b"a", &[1; 27]].concat()),
            ("more padding than needed", [&1u32.to_be_bytes()[..], b"a", &[0; 59]].concat()),
        ] {
            let header = header();
            let bytes = header.encode(padded.len() + TAG);
            let k = Secret(derive(context::ENVELOPE_KEY, &[&[4; 32], &bytes]));
            let value = siv(&k, &padded);
            let aad = [&bytes[..], &value].concat();
            let body = cipher(&k, &value)
                .encrypt(&XNonce::default(), Payload { msg: &padded, aad: &aad })
                .unwrap();
            let envelope = header.sign(&seat(), &NET, value, body).unwrap();
            assert_eq!(envelope.open(&Secret([4; 32])), Err(OpenError::Padding), "{what}");
        }
        for n in 1..5_000 {
            let p = padded_len(n);
            assert!(p >= n && padded_len(p) == p, "{n} → {p}");
            assert!(n <= 512 || p * 100 <= n * 112, "{n} → {p}");
        }
        let header = header();
        assert_eq!(
            Envelope::assemble(header, [0; 32], vec![0; 33 + TAG], [0; 64]),
            Err(WireError::NotCanonical("padding")),
            "a carrier refuses what could leak an exact length"
        );
    }

    /// Bytes as an attacker writes them: honestly signed, whatever the header says.
    fn hostile(header: &Header, body: &[u8]) -> Vec<u8> {
        hostile_with(header, clear_siv(body), body)
    }

    fn hostile_with(header: &Header, siv: [u8; 32], body: &[u8]) -> Vec<u8> {
        let header_bytes = header.encode(body.len());
        let id = derive(context::ENVELOPE_ID, &[&header_bytes, &siv, body]);
        let signature = crypto::sign(&seat(), SignUse::Envelope, &NET, &id);
        [&header_bytes[..], &siv, body, &signature].concat()
    }

    #[test]
    fn t11_citations_are_few_and_ascending() {
        let (one, two, three) = (GrantId([1; 32]), GrantId([2; 32]), GrantId([3; 32]));
        // The honest writer can't, and from the wire it is refused too, though everything else about it holds.
        let clear = Header {
            kind: Kind::Grant,
            kid: Kid::ZERO,
            authority: vec![one, two],
            ..header()
        };
        let sound = Envelope::parse(&hostile(&clear, b"x")).unwrap();
        assert!(sound.verify(&NET).is_ok(), "so far it is sound");
        for (authority, why) in [
            (vec![two, one], WireError::NotCanonical("authority")),
            (vec![one, one], WireError::NotCanonical("authority")),
            (vec![one, two, three], WireError::OutOfBounds("authority")),
        ] {
            let sealed = Header {
                authority: authority.clone(),
                ..header()
            };
            assert!(sealed.seal(&seat(), &NET, &Secret([4; 32]), b"x").is_err());
            let bad = Header {
                authority,
                ..clear.clone()
            };
            assert_eq!(Envelope::parse(&hostile(&bad, b"x")), Err(why));
        }
        for (what, bad) in [
            ("no number", Header { seq: 0, ..clear.clone() }),
            (
                "a key for what isn't sealed",
                Header {
                    kid: Kid([2; 16]),
                    ..clear.clone()
                },
            ),
            (
                "a denial that comes late",
                Header {
                    kind: Kind::Revoke,
                    ..clear.clone()
                },
            ),
        ] {
            assert!(Envelope::parse(&hostile(&bad, b"x")).is_err(), "{what}");
        }
        let other_siv = hostile_with(&clear, [0; 32], b"x");
        assert_eq!(
            Envelope::parse(&other_siv),
            Err(WireError::NotCanonical("siv")),
            "one form of a clear body"
        );
        let unkeyed = Header {
            kid: Kid::ZERO,
            ..header()
        };
        let body = [0; 32 + TAG];
        assert!(Envelope::parse(&hostile(&header(), &body)).is_ok(), "so far it is sound");
        assert_eq!(Envelope::parse(&hostile(&unkeyed, &body)), Err(WireError::NotCanonical("kid")));
    }

    #[test]
    fn the_same_write_seals_to_the_same_bytes_and_another_plaintext_to_another_key() {
        let again = header().seal(&seat(), &NET, &Secret([4; 32]), b"tension 13/8").unwrap();
        assert_eq!(again, sealed(), "no randomness is involved");
        let other = header().seal(&seat(), &NET, &Secret([4; 32]), b"tension 14/8").unwrap();
        assert_ne!(other.siv, again.siv, "the nonce is bound to the plaintext");
    }
}
