//! Standard primitives with one context string per use, and nothing else.
//!
//! Hash and KDF: BLAKE3. Signature: Ed25519, `verify_strict` only and never in batches (batch verification accepts what single
//! verification refuses). Wraps: HPKE base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305 (RFC 9180).

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256, kem::X25519HkdfSha256};
use rand_core::{TryCryptoRng, TryRng};
use std::convert::Infallible;
use std::fmt;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::ids::{KemPublic, NetworkId};

/// Contexts of [`derive()`]: one per use, never shared.
pub mod context {
    pub const NETWORK_ID: &str = "bocage 2026-11 network id v1";
    pub const ENVELOPE_KEY: &str = "bocage 2026-11 envelope key v1";
    pub const ENVELOPE_SIV: &str = "bocage 2026-11 envelope siv v1";
    pub const ENVELOPE_AEAD: &str = "bocage 2026-11 envelope aead v1";
    pub const ENVELOPE_ID: &str = "bocage 2026-11 envelope id v1";
    pub const CLEAR_BODY: &str = "bocage 2026-11 clear body v1";
    pub const REGISTRY_ID: &str = "bocage 2026-11 registry op id v1";
    pub const DOC_ID: &str = "bocage 2026-11 document id v1";
    pub const RECORD_ID: &str = "bocage 2026-11 record id v1";
    pub const GRANT_ID: &str = "bocage 2026-11 grant id v1";
    pub const KID: &str = "bocage 2026-11 key id v1";
    pub const EPOCH_DEPOSIT: &str = "bocage 2026-11 epoch deposit key v1";
    pub const EPOCH_PREDECESSOR: &str = "bocage 2026-11 epoch predecessor v1";
    pub const ACTOR_ID: &str = "bocage 2026-11 actor id v1";
    pub const FACT_ID: &str = "bocage 2026-11 fact id v1";
    pub const HEDGE: &str = "bocage 2026-11 hedged randomness v1";
    pub const SET_FINGERPRINT: &str = "bocage 2026-11 set fingerprint v1";
    pub const SHORT_ID: &str = "bocage 2026-11 short id v1";
    pub const HELD_MARK: &str = "bocage 2026-11 held mark v1";
    pub const KEYSTORE: &str = "bocage 2026-11 keystore v1";
    pub const INVITATION: &str = "bocage 2026-11 invitation v1";
    pub const LOCAL_SEAL: &str = "bocage 2026-11 local seal v1";
    pub const WORDS: &str = "bocage 2026-11 comparison words v1";
}

/// What a signature is for: part of every signed message, so that one is never taken for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignUse {
    Charter,
    Registry,
    Countersign,
    Envelope,
    Hello,
    Request,
    Admission,
    Address,
    Held,
}

impl SignUse {
    fn label(self) -> &'static str {
        match self {
            Self::Charter => "bocage/v1/charter\0",
            Self::Registry => "bocage/v1/registry\0",
            Self::Countersign => "bocage/v1/countersign\0",
            Self::Envelope => "bocage/v1/envelope\0",
            Self::Hello => "bocage/v1/hello\0",
            Self::Request => "bocage/v1/request\0",
            Self::Admission => "bocage/v1/admission\0",
            Self::Address => "bocage/v1/address\0",
            Self::Held => "bocage/v1/held\0",
        }
    }
}

/// Randomness comes from outside: the operating system in a node, a seeded stream in a simulation.
pub trait Entropy {
    fn random32(&mut self) -> [u8; 32];
}

/// A 32-byte secret: wiped when dropped, never shown.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(pub [u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// BLAKE3 key derivation. `parts` are concatenated: all but the last must have a fixed width.
pub fn derive(context: &'static str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    let out = *hasher.finalize().as_bytes();
    hasher.zeroize();
    out
}

/// Entropy hedged with a long-lived secret and what it will be used for: a cloned machine or a dead generator repeats a value
/// only for the same secret, the same purpose and the same message, where repeating it does no harm.
pub fn hedged(secret: &[u8; 32], purpose: &[u8], message: &[u8], entropy: &mut dyn Entropy) -> Secret {
    let mut fresh = entropy.random32();
    let bound = blake3::hash(message);
    let out = derive(context::HEDGE, &[secret, &fresh, bound.as_bytes(), purpose]);
    fresh.zeroize();
    Secret(out)
}

/// Signs `message` for one use in one network.
pub fn sign(key: &SigningKey, purpose: SignUse, network: &NetworkId, message: &[u8]) -> [u8; 64] {
    key.sign(&signed_bytes(purpose, network, message)).to_bytes()
}

/// True iff `signature` is valid under the strict rules (canonical S and R, no small-order key).
pub fn verify(public: &[u8; 32], purpose: SignUse, network: &NetworkId, message: &[u8], signature: &[u8; 64]) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(public) else { return false };
    key.verify_strict(&signed_bytes(purpose, network, message), &Signature::from_bytes(signature))
        .is_ok()
}

/// True iff `public` may stand in a certificate: a canonical point encoding that is not of small order.
pub fn is_sound_public_key(public: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(public).is_ok_and(|k| !k.is_weak() && k.to_edwards().compress().to_bytes() == *public)
}

fn signed_bytes(purpose: SignUse, network: &NetworkId, message: &[u8]) -> Vec<u8> {
    [purpose.label().as_bytes(), &network.0, message].concat()
}

/// An X25519 key pair for HPKE; the public half is [`KemPublic`].
#[derive(Clone)]
pub struct KemSecret {
    secret: <X25519HkdfSha256 as Kem>::PrivateKey,
    public: KemPublic,
}

impl fmt::Debug for KemSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl KemSecret {
    /// Deterministic from a 32-byte seed (RFC 9180 DeriveKeyPair).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let (secret, public) = X25519HkdfSha256::derive_keypair(seed);
        Self {
            secret,
            public: KemPublic(public.to_bytes().into()),
        }
    }

    pub fn public(&self) -> KemPublic {
        self.public
    }
}

/// Why a wrap didn't open.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
#[error("this wrap does not open with this key in this place")]
pub struct UnwrapError;

/// A 32-byte secret sealed to one recipient: encapsulation 32, ciphertext and tag 48.
pub const SEALED_SECRET_LEN: usize = 80;

/// HPKE-seals `secret` to `recipient`, bound to `info`. `seed` must be fresh ([`hedged`]).
pub fn hpke_seal(recipient: &KemPublic, info: &[u8], secret: &[u8; 32], seed: &Secret) -> Result<[u8; SEALED_SECRET_LEN], UnwrapError> {
    let public = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&recipient.0).map_err(|_| UnwrapError)?;
    let (enc, ct) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &public,
        info,
        secret,
        &[],
        &mut SeedRng::new(seed),
    )
    .map_err(|_| UnwrapError)?;
    let mut out = [0; SEALED_SECRET_LEN];
    out[..32].copy_from_slice(&enc.to_bytes());
    out[32..].copy_from_slice(&ct);
    Ok(out)
}

/// Opens what [`hpke_seal`] made; fails for another key or another `info`.
pub fn hpke_open(key: &KemSecret, info: &[u8], sealed: &[u8; SEALED_SECRET_LEN]) -> Result<Secret, UnwrapError> {
    let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&sealed[..32]).map_err(|_| UnwrapError)?;
    let mut plain = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &key.secret,
        &enc,
        info,
        &sealed[32..],
        &[],
    )
    .map_err(|_| UnwrapError)?;
    let out = <[u8; 32]>::try_from(plain.as_slice()).map(Secret).map_err(|_| UnwrapError);
    plain.zeroize();
    out
}

/// A stream of bytes from one seed: what the HPKE library takes for a generator.
struct SeedRng(blake3::OutputReader);

impl SeedRng {
    fn new(seed: &Secret) -> Self {
        Self(blake3::Hasher::new_keyed(&seed.0).finalize_xof())
    }
}

impl TryRng for SeedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut b = [0; 4];
        self.0.fill(&mut b);
        Ok(u32::from_le_bytes(b))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut b = [0; 8];
        self.0.fill(&mut b);
        Ok(u64::from_le_bytes(b))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(dst);
        Ok(())
    }
}

impl TryCryptoRng for SeedRng {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t36_a_wrap_opens_only_in_its_place() {
        let bob = KemSecret::from_seed(&[7; 32]);
        let eve = KemSecret::from_seed(&[8; 32]);
        let sealed = hpke_seal(&bob.public(), b"doc 1", &[42; 32], &Secret([1; 32])).unwrap();
        assert_eq!(hpke_open(&bob, b"doc 1", &sealed).unwrap().0, [42; 32]);
        assert!(hpke_open(&bob, b"doc 2", &sealed).is_err());
        assert!(hpke_open(&eve, b"doc 1", &sealed).is_err());
    }

    #[test]
    fn t10_weak_keys_and_malleable_signatures_are_refused() {
        let net = NetworkId([1; 32]);
        let key = SigningKey::from_bytes(&[3; 32]);
        let public = key.verifying_key().to_bytes();
        let good = sign(&key, SignUse::Envelope, &net, b"m");
        assert!(verify(&public, SignUse::Envelope, &net, b"m", &good));
        assert!(!verify(&public, SignUse::Registry, &net, b"m", &good), "one use is not another");
        assert!(
            !verify(&public, SignUse::Envelope, &NetworkId([2; 32]), b"m", &good),
            "one network is not another"
        );

        // S + L is the same scalar, not the same signature.
        const L: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0x10,
        ];
        let mut malleable = good;
        let mut carry = 0u16;
        for i in 0..32 {
            carry += u16::from(good[32 + i]) + u16::from(L[i]);
            malleable[32 + i] = carry as u8;
            carry >>= 8;
        }
        assert!(!verify(&public, SignUse::Envelope, &net, b"m", &malleable));

        // The identity point signs everything under lax rules.
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(!is_sound_public_key(&identity));
        let mut forged = [0; 64];
        forged[0] = 1;
        assert!(!verify(&identity, SignUse::Envelope, &net, b"m", &forged));
        // y = p + 1: the identity again, in a non-canonical encoding.
        let mut non_canonical = [0xff; 32];
        non_canonical[0] = 0xee;
        non_canonical[31] = 0x7f;
        assert!(!is_sound_public_key(&non_canonical));
        assert!(is_sound_public_key(&public));
    }
}
