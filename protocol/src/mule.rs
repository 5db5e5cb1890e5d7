//! Mule files: what a USB stick, or whoever drives past, carries from node to node. Sealed to the nodes that it is for, so that a lost stick
//! shows neither whose records travel nor who belongs to the network; inside, exactly what a session would bring.
//!
//! ```text
//! file     = head block*
//! head     = magic 8 | version 4 | nonce 7 | slots 2 | slot 80 each
//! slot     = the file's key, HPKE-sealed to one node; recipients are not named, and made-up ones fill up to a multiple of eight
//! block    = length 4 | sealed                    STREAM (ChaCha20-Poly1305, 32-bit counter), the last one marked as such; the head is bound in
//! plain    = deflate(entry*)                      at most 256 KiB before deflating; entries don't cross blocks
//! entry    = kind 1 | length 4 | bytes
//! ```
//!
//! The first entry is the manifest, the others are items of the set and statements of what nodes hold. Reading treats a file as a hostile
//! peer's word: every length is bounded before anything is allocated, and nothing in it names a file. Integers are big-endian.

use std::collections::BTreeSet;

use aead_stream::{DecryptorBE32, EncryptorBE32};
use chacha20poly1305::aead::Payload;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use thiserror::Error;

use crate::crypto::{Entropy, KemSecret, SEALED_SECRET_LEN, Secret, derive, hedged, hpke_open, hpke_seal};
use crate::ids::{KemPublic, NetworkId, NodeKey};
use crate::peer::Held;
use crate::store::MAX_ITEM;
use crate::wire::{Reader, WireError, Writer};

/// The version this build writes; it reads no newer one.
pub const VERSION: u32 = 1;
/// Length of a head before its slots.
pub const HEAD: usize = 8 + 4 + 7 + 2;
/// Nodes that a file can be for.
pub const MAX_RECIPIENTS: usize = 1_024;
/// Longest sealed block.
pub const MAX_BLOCK: usize = MAX_PLAIN + MAX_PLAIN / 1_000 + 64;

const MAGIC: [u8; 8] = *b"\x8cBOCAGE\n";
const HEDGE: &str = "bocage 2026-11 mule file hedge v1";
const INFO: &[u8] = b"bocage 2026-11 mule file v1";
/// Slots come in this many: how many nodes there are isn't told exactly.
const SLOTS: usize = 8;
/// Plain bytes of a block: room for the largest item.
const MAX_PLAIN: usize = MAX_ITEM + ENTRY_HEAD;
/// A block is closed once it holds this much.
const BLOCK: usize = 256 * 1024;
const ENTRY_HEAD: usize = 5;
/// Sealed envelopes barely shrink, their headers do: more effort gains nothing.
const LEVEL: u8 = 3;

/// What a file says of itself, to those who can open it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    pub network: NetworkId,
    /// Who made it, as it says: whom a receipt is for. Nothing rests on it.
    pub maker: NodeKey,
    pub made_ms: u64,
}

/// What lies in a file behind its manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// An item of the set, in its canonical bytes.
    Item(Vec<u8>),
    Statement(Held),
}

/// Why a file was refused. Nothing of it counts.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum MuleError {
    #[error("this is no mule file")]
    Foreign,
    #[error("this file is of a later version ({0}); update this program")]
    Newer(u32),
    /// A bit turned, a block is missing, or the end.
    #[error("this file is damaged or was cut off")]
    Damaged,
    /// None of its slots opens with this node's key.
    #[error("this file is for other nodes")]
    NotForUs,
    /// Whoever sealed it wrote what no honest node writes.
    #[error("this file holds what doesn't belong in one: {0}")]
    Content(#[from] WireError),
    #[error("this file belongs to another network")]
    OtherNetwork,
    #[error("a file can be for {MAX_RECIPIENTS} nodes at most, and for one at least")]
    Recipients,
}

/// Writes a file: its head first, then what each call returns, in order.
pub struct Packer {
    stream: EncryptorBE32<ChaCha20Poly1305>,
    head: Vec<u8>,
    plain: Vec<u8>,
}

impl Packer {
    /// The head, and the packer of what follows it. `hedge`: a secret of this node.
    ///
    /// # Errors
    /// No recipients, or more than [`MAX_RECIPIENTS`].
    pub fn new(
        recipients: &BTreeSet<KemPublic>,
        manifest: &Manifest,
        hedge: &[u8; 32],
        entropy: &mut dyn Entropy,
    ) -> Result<(Vec<u8>, Self), MuleError> {
        if recipients.is_empty() || recipients.len() > MAX_RECIPIENTS {
            return Err(MuleError::Recipients);
        }
        // Should the system's randomness ever repeat, files that differ still draw different keys.
        let manifest = manifest.to_bytes();
        let file = derive(HEDGE, &[&manifest, &recipients.iter().flat_map(|r| r.0).collect::<Vec<u8>>()]);
        let mut drawn = 0_u64;
        let mut draw = |purpose: &[u8]| {
            drawn += 1;
            hedged(hedge, purpose, &[&file[..], &drawn.to_be_bytes()].concat(), entropy)
        };
        let key = draw(b"mule file key");
        let nonce: [u8; 7] = *draw(b"mule file nonce").0.first_chunk().expect("seven of 32 bytes");
        let info = [INFO, &nonce].concat();
        let mut slots = BTreeSet::new();
        for recipient in recipients {
            // A key in the registry that isn't one is nobody's.
            slots.extend(hpke_seal(recipient, &info, &key.0, &draw(b"mule file slot")));
        }
        while slots.is_empty() || !slots.len().is_multiple_of(SLOTS) {
            let nobody = KemSecret::from_seed(&draw(b"mule file filler").0).public();
            slots.extend(hpke_seal(&nobody, &info, &draw(b"mule file nothing").0, &draw(b"mule file slot")));
        }
        let mut w = Writer::new();
        w.bytes(&MAGIC).u32(VERSION).bytes(&nonce).u16(slots.len() as u16);
        // Sorted, that is by chance: the order says nothing of the recipients.
        for slot in &slots {
            w.bytes(slot);
        }
        let head = w.finish();
        let mut packer = Self {
            stream: EncryptorBE32::from_aead(ChaCha20Poly1305::new(&key.0.into()), &nonce.into()),
            head: head.clone(),
            plain: Vec::new(),
        };
        packer.append(0, &manifest);
        Ok((head, packer))
    }

    /// Adds an entry; returns what is to be written now, often nothing.
    pub fn push(&mut self, entry: &Entry) -> Vec<u8> {
        let (kind, bytes) = match entry {
            Entry::Item(bytes) => (1, bytes.clone()),
            Entry::Statement(held) => (2, held.to_bytes()),
        };
        let mut out = Vec::new();
        if self.plain.len() + ENTRY_HEAD + bytes.len() > BLOCK {
            out = self.block();
        }
        self.append(kind, &bytes);
        out
    }

    /// The last block: without it the file doesn't open.
    pub fn finish(self) -> Vec<u8> {
        let msg = deflated(&self.plain);
        let payload = Payload {
            msg: &msg,
            aad: &self.head,
        };
        framed(&self.stream.encrypt_last(payload).expect("a block is within the cipher's bounds"))
    }

    fn append(&mut self, kind: u8, bytes: &[u8]) {
        self.plain.push(kind);
        self.plain.extend((bytes.len() as u32).to_be_bytes());
        self.plain.extend(bytes);
    }

    fn block(&mut self) -> Vec<u8> {
        let msg = deflated(&std::mem::take(&mut self.plain));
        let payload = Payload {
            msg: &msg,
            aad: &self.head,
        };
        framed(&self.stream.encrypt_next(payload).expect("a counter of 32 bits outlasts any stick"))
    }
}

/// Slots of a head, from its first [`HEAD`] bytes: how much more is to be read before [`Unpacker::open`].
///
/// # Errors
/// Not a mule file, of a later version, or out of bounds.
pub fn slots(head: &[u8; HEAD]) -> Result<usize, MuleError> {
    let mut r = Reader::new(head);
    if r.array()? != MAGIC {
        return Err(MuleError::Foreign);
    }
    match r.u32()? {
        VERSION => {}
        newer if newer > VERSION => return Err(MuleError::Newer(newer)),
        _ => return Err(MuleError::Damaged),
    }
    r.take(7)?;
    let count = usize::from(r.u16()?);
    if count == 0 || count > MAX_RECIPIENTS || !count.is_multiple_of(SLOTS) {
        return Err(MuleError::Damaged);
    }
    Ok(count)
}

/// Length of all slots in bytes.
pub fn slots_len(count: usize) -> usize {
    count * SEALED_SECRET_LEN
}

/// Reads a file block by block.
pub struct Unpacker {
    stream: DecryptorBE32<ChaCha20Poly1305>,
    head: Vec<u8>,
    network: NetworkId,
    manifest: Option<Manifest>,
}

impl Unpacker {
    /// `head`: the whole head, slots included.
    ///
    /// # Errors
    /// None of the slots is for this key, or it is no head.
    pub fn open(head: &[u8], key: &KemSecret, network: NetworkId) -> Result<Self, MuleError> {
        let count = slots(head.first_chunk().ok_or(MuleError::Damaged)?)?;
        let sealed = &head[HEAD..];
        if sealed.len() != slots_len(count) {
            return Err(MuleError::Damaged);
        }
        let nonce: [u8; 7] = *head[12..].first_chunk().expect("seven bytes before the slots");
        let info = [INFO, &nonce].concat();
        let (all, _) = sealed.as_chunks::<SEALED_SECRET_LEN>();
        let opened: Option<Secret> = all.iter().find_map(|slot| hpke_open(key, &info, slot).ok());
        let opened = opened.ok_or(MuleError::NotForUs)?;
        Ok(Self {
            stream: DecryptorBE32::from_aead(ChaCha20Poly1305::new(&opened.0.into()), &nonce.into()),
            head: head.to_vec(),
            network,
            manifest: None,
        })
    }

    /// What one block holds, which isn't the last.
    ///
    /// # Errors
    /// Damaged, or not what an honest node writes.
    pub fn block(&mut self, sealed: &[u8]) -> Result<Vec<Entry>, MuleError> {
        let payload = Payload {
            msg: sealed,
            aad: &self.head,
        };
        let plain = self.stream.decrypt_next(payload).map_err(|_| MuleError::Damaged)?;
        self.entries(&plain)
    }

    /// What the last block holds, and what the file says of itself.
    ///
    /// # Errors
    /// As [`Self::block`]; the file was cut off before its end.
    pub fn last(mut self, sealed: &[u8]) -> Result<(Vec<Entry>, Manifest), MuleError> {
        let stream = std::mem::replace(
            &mut self.stream,
            // Never used: the stream is consumed by its last block.
            DecryptorBE32::from_aead(ChaCha20Poly1305::new(&[0; 32].into()), &[0; 7].into()),
        );
        let payload = Payload {
            msg: sealed,
            aad: &self.head,
        };
        let plain = stream.decrypt_last(payload).map_err(|_| MuleError::Damaged)?;
        let entries = self.entries(&plain)?;
        Ok((entries, self.manifest.ok_or(WireError::Truncated)?))
    }

    fn entries(&mut self, deflated: &[u8]) -> Result<Vec<Entry>, MuleError> {
        let plain =
            miniz_oxide::inflate::decompress_to_vec_with_limit(deflated, MAX_PLAIN + BLOCK).map_err(|_| WireError::OutOfBounds("block"))?;
        let mut r = Reader::new(&plain);
        let mut entries = Vec::new();
        if self.manifest.is_none() {
            if r.u8()? != 0 {
                return Err(WireError::Unknown("first entry").into());
            }
            let manifest = Manifest::parse(r.sized(MANIFEST, "manifest")?)?;
            if manifest.network != self.network {
                return Err(MuleError::OtherNetwork);
            }
            self.manifest = Some(manifest);
        }
        while !r.rest().is_empty() {
            entries.push(match r.u8()? {
                1 => Entry::Item(r.sized(MAX_ITEM, "item")?.to_vec()),
                2 => {
                    let mut inner = Reader::new(r.sized(MAX_ITEM, "statement")?);
                    let held = Held::read(&mut inner)?;
                    inner.end()?;
                    Entry::Statement(held)
                }
                _ => return Err(WireError::Unknown("entry").into()),
            });
        }
        Ok(entries)
    }
}

/// Bytes of a manifest.
const MANIFEST: usize = 32 + 32 + 8;

impl Manifest {
    fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.bytes(&self.network.0).bytes(&self.maker.0).u64(self.made_ms);
        w.finish()
    }

    fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let manifest = Self {
            network: NetworkId(r.array()?),
            maker: NodeKey(r.array()?),
            made_ms: r.u64()?,
        };
        r.end()?;
        Ok(manifest)
    }
}

fn deflated(plain: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec(plain, LEVEL)
}

fn framed(sealed: &[u8]) -> Vec<u8> {
    [&(sealed.len() as u32).to_be_bytes(), sealed].concat()
}

#[cfg(test)]
mod tests;
