//! Seeded sets, envelopes and sums for the tests of this module. Signatures are random bytes: sync never looks at them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::crypto::derive;
use crate::envelope::{Envelope, Header, Kind, Lane, Protection, TAG, padded_len};
use crate::ids::{DocId, GrantId, Hlc, ItemId, Kid, SeatKey};
use crate::store::OrderKey;

/// A reproducible stream of numbers (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn bytes32(&mut self) -> [u8; 32] {
        let mut out = [0; 32];
        out.chunks_mut(8).for_each(|c| c.copy_from_slice(&self.next().to_le_bytes()));
        out
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

/// An item with its place in the set.
pub(crate) type Item = (OrderKey, Arc<[u8]>);

/// Writers with chains, documents with keys and grants: a territory's stream of envelopes.
pub(crate) struct Territory {
    pub(crate) random: Random,
    seats: u64,
    documents: u64,
    chains: BTreeMap<u64, (u64, ItemId)>,
    pub(crate) millis: u64,
}

impl Territory {
    pub(crate) fn new(seed: u64, seats: u64, documents: u64) -> Self {
        Self {
            random: Random::new(seed),
            seats,
            documents,
            chains: BTreeMap::new(),
            millis: 1_790_000_000_000,
        }
    }

    /// The next content envelope of a random seat on a document of its own patients.
    pub(crate) fn envelope(&mut self) -> Item {
        let plain = 60 + self.random.below(240) as usize;
        let lane = [Lane::Urgent, Lane::Today, Lane::Today, Lane::Rest][self.random.below(4) as usize];
        self.write(Kind::Content, lane, padded_len(plain) + TAG)
    }

    /// A stand-in for a registry op: opaque bytes in lane 0.
    pub(crate) fn op(&mut self) -> Item {
        self.millis += 1_000;
        let mut bytes = vec![0x81];
        bytes.extend_from_slice(&self.millis.to_be_bytes());
        let n = 100 + self.random.below(200) as usize;
        bytes.extend(self.random.bytes(n));
        (key_of(&bytes), bytes.into())
    }

    pub(crate) fn revocation(&mut self) -> Item {
        self.write(Kind::Revoke, Lane::Control, 90)
    }

    pub(crate) fn write(&mut self, kind: Kind, lane: Lane, body_len: usize) -> Item {
        let seat = self.random.below(self.seats);
        self.millis += 1_000 + self.random.below(60_000);
        // Each document has two or three usual writers.
        let team = (self.documents / self.seats).max(1) * 3;
        let doc = (seat * self.documents / self.seats + self.random.below(team)) % self.documents;
        let (seq, prev) = self.chains.get(&seat).copied().unwrap_or_default();
        let name = |what: &'static str, n: u64| derive(what, &[&n.to_be_bytes()]);
        let sealed = kind.protection() == Protection::Sealed;
        let header = Header {
            kind,
            lane,
            doc: DocId(name("test document", doc)),
            seat: SeatKey(name("test seat", seat)),
            incarnation: seat + 77,
            seq: seq + 1,
            prev,
            hlc: Hlc::from_millis(self.millis),
            kid: if sealed {
                Kid(name("test kid", doc)[..16].try_into().unwrap())
            } else {
                Kid::ZERO
            },
            authority: vec![GrantId(name("test grant", doc * 1_000 + seat))],
        };
        let body = self.random.bytes(body_len);
        let siv = if sealed {
            self.random.bytes32()
        } else {
            derive(crate::crypto::context::CLEAR_BODY, &[&body])
        };
        let mut signature = [0; 64];
        signature.copy_from_slice(&self.random.bytes(64));
        let envelope = Envelope::assemble(header, siv, body, signature).unwrap();
        self.chains.insert(seat, (seq + 1, envelope.id()));
        let bytes = envelope.to_bytes();
        (key_of(&bytes), bytes.into())
    }
}

/// What an engine knows about an item it has parsed.
pub(crate) fn key_of(bytes: &[u8]) -> OrderKey {
    if bytes[0] == 0x81 {
        return OrderKey {
            lane: 0,
            time: Hlc(u64::from_be_bytes(bytes[1..9].try_into().unwrap()) << 16),
            id: ItemId(derive("test op id", &[bytes])),
        };
    }
    let envelope = Envelope::parse(bytes).unwrap();
    OrderKey {
        lane: envelope.header.lane as u8,
        time: envelope.header.hlc,
        id: envelope.id(),
    }
}
