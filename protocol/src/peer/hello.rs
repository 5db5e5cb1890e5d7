//! The first frame both ways: which network, a salt for this session, and the sender's clock (shown, never believed).
//!
//! The transport has proven the node key; the registry says whether it is a member. So a hello carries no certificate: strangers
//! introduce themselves before, on a channel of their own with its own small bounds.

use crate::crypto::derive;
use crate::ids::{NetworkId, NodeKey};
use crate::wire::{Reader, WireError, Writer};

const VERSION: u8 = 1;

/// Type byte of a hello frame.
const HELLO: u8 = 0x48;

/// 58 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hello {
    pub network: NetworkId,
    pub salt: [u8; 16],
    /// The sender's wall clock, milliseconds since 1970.
    pub clock_ms: u64,
}

impl Hello {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(HELLO).u8(VERSION).bytes(&self.network.0).bytes(&self.salt).u64(self.clock_ms);
        w.finish()
    }

    /// # Errors
    /// Malformed, or a protocol version that this program doesn't speak.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        if r.u8()? != HELLO {
            return Err(WireError::Unknown("first frame"));
        }
        if r.u8()? != VERSION {
            return Err(WireError::Unknown("protocol version"));
        }
        let hello = Self { network: NetworkId(r.array()?), salt: r.array()?, clock_ms: r.u64()? };
        r.end()?;
        Ok(hello)
    }
}

/// The salt of a session: both contribute, so neither can prepare colliding fingerprints. Equal on both sides.
pub fn session_salt(own: &NodeKey, own_salt: &[u8; 16], peer: &NodeKey, peer_salt: &[u8; 16]) -> [u8; 32] {
    let mut parts = [(own, own_salt), (peer, peer_salt)];
    parts.sort();
    derive("bocage 2026-11 session salt v1", &[&parts[0].0.0, parts[0].1, &parts[1].0.0, parts[1].1])
}
