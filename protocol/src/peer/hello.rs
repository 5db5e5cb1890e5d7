//! The first frame both ways: which network, a salt for this session, and the sender's clock (shown, never believed).
//!
//! The transport has proven the node key; the registry says whether it is a member. So a hello carries no certificate: strangers
//! introduce themselves before, on a channel of their own with its own small bounds.

use crate::ids::NetworkId;
use crate::wire::{Reader, WireError, Writer};

const VERSION: u8 = 1;

/// Type byte of a hello frame.
const HELLO: u8 = 0x48;

/// 74 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hello {
    pub network: NetworkId,
    pub salt: [u8; 32],
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
        let hello = Self {
            network: NetworkId(r.array()?),
            salt: r.array()?,
            clock_ms: r.u64()?,
        };
        r.end()?;
        Ok(hello)
    }
}
