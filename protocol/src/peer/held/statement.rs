//! "I hold durably the whole chain of this seat, up to and including these envelopes": one node's word, signed with its own key.
//!
//! Cumulative: everything that is reached by `prev` from a tip is held. A chain has one end, or several after a restored backup. The
//! statement with the greatest revision supersedes the others of its (holder, author); the clock in it orders only one node's own
//! statements. Nothing here is a promise about tomorrow: a later statement may hold less, or nothing (no tips).

use ed25519_dalek::SigningKey;

use crate::crypto::{SignUse, sign, verify};
use crate::ids::{ItemId, NetworkId, NodeKey, SeatKey};
use crate::wire::{Reader, WireError, Writer, strictly_ascending};

/// Ends of one seat's chain that a statement names. A dishonest seat can sign any number; eight restored backups are enough.
pub const MAX_TIPS: usize = 8;
/// The longest statement in bytes.
pub(super) const MAX_STATEMENT: usize = 32 + 32 + 8 + 1 + MAX_TIPS * 32 + 64;

/// `holder 32 ‖ author 32 ‖ revision u64 ‖ tips: list of at most 8 of 32, ascending ‖ signature of all that 64`, in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    pub holder: NodeKey,
    pub author: SeatKey,
    pub revision: u64,
    /// Ascending; none: the holder takes back what it said before.
    pub tips: Vec<ItemId>,
    pub signature: [u8; 64],
}

impl Held {
    /// `tips`: up to [`MAX_TIPS`], ascending.
    pub fn sign(node: &SigningKey, network: &NetworkId, author: SeatKey, revision: u64, tips: Vec<ItemId>) -> Self {
        let holder = NodeKey(node.verifying_key().to_bytes());
        let mut held = Self {
            holder,
            author,
            revision,
            tips,
            signature: [0; 64],
        };
        held.signature = sign(node, SignUse::Held, network, &held.signed());
        held
    }

    /// True iff the holder signed this in this network.
    pub fn is_signed(&self, network: &NetworkId) -> bool {
        verify(&self.holder.0, SignUse::Held, network, &self.signed(), &self.signature)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.signed()[..], &self.signature].concat()
    }

    /// Reads one; the signature isn't checked yet.
    ///
    /// # Errors
    /// Truncated, out of bounds or not canonical.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let (holder, author, revision) = (NodeKey(r.array()?), SeatKey(r.array()?), r.u64()?);
        let count = r.count(MAX_TIPS, "tips")?;
        let tips = (0..count).map(|_| Ok(ItemId(r.array()?))).collect::<Result<Vec<_>, WireError>>()?;
        strictly_ascending(&tips, "tips")?;
        Ok(Self {
            holder,
            author,
            revision,
            tips,
            signature: r.array()?,
        })
    }

    fn signed(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.bytes(&self.holder.0)
            .bytes(&self.author.0)
            .u64(self.revision)
            .u8(self.tips.len() as u8);
        for tip in &self.tips {
            w.bytes(&tip.0);
        }
        w.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::key;

    #[test]
    fn t69_a_statement_has_one_form_one_network_and_one_signer() {
        let network = NetworkId([1; 32]);
        let tips: Vec<ItemId> = (0..MAX_TIPS as u8).map(|n| ItemId([n; 32])).collect();
        let held = Held::sign(&key("clinic/node"), &network, SeatKey([2; 32]), 7, tips);
        let bytes = held.to_bytes();
        assert_eq!(bytes.len(), MAX_STATEMENT);
        let mut r = Reader::new(&bytes);
        assert_eq!(Held::read(&mut r).as_ref(), Ok(&held));
        r.end().unwrap();
        assert!(held.is_signed(&network));
        assert!(!held.is_signed(&NetworkId([2; 32])), "one network is not another");
        for n in 0..bytes.len() {
            assert!(Held::read(&mut Reader::new(&bytes[..n])).is_err(), "cut at {n}");
            let mut other = bytes.clone();
            other[n] ^= 1;
            assert!(
                Held::read(&mut Reader::new(&other)).map_or(true, |h| !h.is_signed(&network)),
                "bit at {n}"
            );
        }
        let mut swapped = bytes.clone();
        swapped[73..137].rotate_left(32);
        assert_eq!(Held::read(&mut Reader::new(&swapped)), Err(WireError::NotCanonical("tips")));
        let mut many = bytes;
        many[72] = MAX_TIPS as u8 + 1;
        assert_eq!(Held::read(&mut Reader::new(&many)), Err(WireError::OutOfBounds("tips")));
    }
}
