//! What this node alone knows and needs again: its seat's place on its chain, where others were reached, what was seen.
//!
//! Layout (`BOCNOTES`, version 1): nonce 24, then XChaCha20-Poly1305 under a key of the node of count u32 and, each, key (u16 length) and
//! value (u32 length); CRC-32C u32 over all before.

use bocage_protocol::crypto::{Secret, derive, hedged};
use bocage_protocol::store::{LocalWrite, Store, StoreError};
use bocage_protocol::wire::{Reader, WireError, Writer};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use zeroize::Zeroizing;

use crate::keystore::{Frame, NodeKeys, OsEntropy};

const FRAME: Frame = Frame {
    magic: b"BOCNOTES",
    version: 1,
};
const KEY: &str = "bocage 2026-11 backup notes key v1";
/// Local records that come back; what others are in a store is found out again. The chain first: it is what must not be missing.
const KEPT: [&[u8]; 4] = [b"chain/", b"addr/", b"met/", b"arrivals-seen/"];
/// Longest plain text: a keystore file with room.
const MAX_PLAIN: usize = 96 * 1024;
const MAX_KEY: usize = 256;

/// Local records of a node's store.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Notes(pub(crate) Vec<LocalWrite>);

impl Notes {
    /// As they stand now. Of more than fit, the last ones are left out: addresses are found again.
    pub(crate) fn of(store: &dyn Store) -> Result<Self, StoreError> {
        let (mut all, mut size) = (Vec::new(), 4);
        for prefix in KEPT {
            for (key, value) in store.local_prefix(prefix)? {
                size += 6 + key.len() + value.len();
                if size > MAX_PLAIN || key.len() > MAX_KEY {
                    return Ok(Self(all));
                }
                all.push(LocalWrite { key, value: Some(value) });
            }
        }
        Ok(Self(all))
    }

    pub(crate) fn seal(&self, keys: &NodeKeys) -> Vec<u8> {
        let mut w = Writer::new();
        w.u32(self.0.len() as u32);
        for LocalWrite { key, value } in &self.0 {
            let value = value.as_deref().unwrap_or_default();
            w.u16(key.len() as u16).bytes(key).u32(value.len() as u32).bytes(value);
        }
        let plain = Zeroizing::new(w.finish());
        let aad = FRAME.head().finish();
        let fresh = hedged(&keys.local_seal.0, b"backup notes nonce", &plain, &mut OsEntropy);
        let nonce: [u8; 24] = *fresh.0.first_chunk().expect("24 of 32 bytes");
        let payload = Payload { msg: &plain, aad: &aad };
        let sealed = cipher(keys)
            .encrypt(&nonce.into(), payload)
            .expect("a hundred kilobytes are within the cipher's bounds");
        let mut w = FRAME.head();
        w.bytes(&nonce).bytes(&sealed);
        Frame::close(w)
    }

    /// `None`: damaged, or another node's.
    pub(crate) fn open(bytes: &[u8], keys: &NodeKeys) -> Option<Self> {
        let (nonce, sealed) = FRAME.body(bytes).ok()?.split_first_chunk::<24>()?;
        let aad = FRAME.head().finish();
        let payload = Payload { msg: sealed, aad: &aad };
        let plain = Zeroizing::new(cipher(keys).decrypt(&(*nonce).into(), payload).ok()?);
        Self::parse(&plain).ok()
    }

    fn parse(plain: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(plain);
        let count = r.u32()?;
        let mut all = Vec::new();
        for _ in 0..count {
            let length = usize::from(r.u16()?);
            let key = r.take(length)?.to_vec();
            let length = r.u32()? as usize;
            let value = r.take(length)?.to_vec();
            if !KEPT.iter().any(|prefix| key.starts_with(prefix)) {
                return Err(WireError::Unknown("note"));
            }
            all.push(LocalWrite { key, value: Some(value) });
        }
        r.end()?;
        Ok(Self(all))
    }
}

fn cipher(keys: &NodeKeys) -> XChaCha20Poly1305 {
    let key = Secret(derive(KEY, &[&keys.local_seal.0]));
    XChaCha20Poly1305::new(&key.0.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(n: u8) -> NodeKeys {
        NodeKeys {
            network: Secret([n; 32]),
            kem: Secret([n; 32]),
            local_seal: Secret([n; 32]),
        }
    }

    #[test]
    fn notes_open_for_their_own_node_whole_or_not_at_all() {
        let write = |key: &[u8], value: &[u8]| LocalWrite {
            key: key.to_vec(),
            value: Some(value.to_vec()),
        };
        let notes = Notes(vec![write(b"chain/x", &[1; 40]), write(b"addr/y", b"/ip4/1.2.3.4/tcp/1")]);
        let sealed = notes.seal(&keys(1));
        assert!(Notes::open(&sealed, &keys(1)).is_some_and(|n| n == notes));
        assert!(Notes::open(&sealed, &keys(2)).is_none());
        assert!(!sealed.windows(4).any(|w| w == b"ip4/"));
        for at in 0..sealed.len() {
            let mut turned = sealed.clone();
            turned[at] ^= 1;
            assert!(Notes::open(&turned, &keys(1)).is_none() && Notes::open(&sealed[..at], &keys(1)).is_none());
        }
        // Nothing else of a store is taken from a backup: whoever could forge notes would plant it.
        let planted = Notes(vec![write(b"invitation/z", b"x")]).seal(&keys(1));
        assert!(Notes::open(&planted, &keys(1)).is_none());
    }
}
