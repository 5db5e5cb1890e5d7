//! What the tests of this module share: authors, envelopes without cryptography, chunk surgery, and a panic on demand.

use automerge::ChangeHash;
use std::cell::RefCell;
use std::collections::BTreeSet;

use super::*;
use crate::envelope::Lane;
use crate::ids::{DocId, Hlc, ItemId, SeatKey};

/// Where a marked change panics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Decode,
    Apply,
}

thread_local! {
    static MARKED: RefCell<BTreeSet<(Stage, ChangeHash)>> = const { RefCell::new(BTreeSet::new()) };
    static DEADLY: RefCell<BTreeSet<ItemId>> = const { RefCell::new(BTreeSet::new()) };
}

/// From now on, opening this envelope ends the process (here: panics where nothing catches it).
pub(super) fn make_deadly(item: ItemId) {
    DEADLY.with_borrow_mut(|d| d.insert(item));
}

pub(super) fn die_if_marked(item: ItemId) {
    assert!(!DEADLY.with_borrow(|d| d.contains(&item)), "deadly, by the test");
}

/// From now on, this change panics at `stage` (in this thread).
pub(super) fn mark(stage: Stage, hash: ChangeHash) {
    MARKED.with_borrow_mut(|m| m.insert((stage, hash)));
}

pub(super) fn panic_if_marked(stage: Stage, hashes: impl IntoIterator<Item = ChangeHash>) {
    for hash in hashes {
        assert!(!MARKED.with_borrow(|m| m.contains(&(stage, hash))), "marked by the test");
    }
}

pub(super) const DOC: DocId = DocId([0xd0; 32]);

/// SplitMix64: a seeded stream.
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(super) fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i + 1));
        }
    }
}

/// A decrypted envelope.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) arrival: Arrival,
    pub(super) plaintext: Vec<u8>,
    pub(super) facts: Vec<crate::ids::FactId>,
}

impl Sent {
    pub(super) fn id(&self) -> ItemId {
        self.arrival.envelope
    }

    pub(super) fn chunk(&self) -> Vec<u8> {
        payload::decode(&self.plaintext).unwrap().remove(0)
    }

    pub(super) fn hash(&self) -> ChangeHash {
        automerge::Change::try_from(&self.chunk()[..]).unwrap().hash()
    }
}

/// A writing seat.
#[derive(Clone)]
pub(super) struct Author {
    seat: SeatKey,
    incarnation: u64,
    pub(super) chain: OwnChain,
    clock: u64,
}

impl Author {
    pub(super) fn new(n: u8) -> Self {
        Self::in_incarnation(n, 1)
    }

    pub(super) fn in_incarnation(n: u8, incarnation: u64) -> Self {
        let seat = SeatKey([n; 32]);
        Self {
            seat,
            incarnation,
            chain: OwnChain::new(seat, DOC, incarnation, Lane::Today),
            clock: 1_000,
        }
    }

    pub(super) fn says(&mut self, text: &str) -> Sent {
        self.writes(&[FactBody::resource(text.as_bytes().to_vec())])
    }

    pub(super) fn corrects(&mut self, old: &[crate::ids::FactId], text: &str) -> Sent {
        self.writes(&[FactBody {
            supersedes: old.to_vec(),
            ..FactBody::resource(text.as_bytes().to_vec())
        }])
    }

    pub(super) fn writes(&mut self, facts: &[FactBody]) -> Sent {
        let written = self.chain.next(facts).unwrap();
        self.chain.advance(&written);
        self.send(&[&written.chunk[..]], written.facts)
    }

    /// Puts any chunks into an envelope of this author.
    pub(super) fn send(&mut self, chunks: &[&[u8]], facts: Vec<crate::ids::FactId>) -> Sent {
        self.clock += 1;
        let plaintext = payload::encode(chunks).unwrap();
        let envelope = ItemId(crate::crypto::derive(
            crate::crypto::context::ENVELOPE_ID,
            &[&self.seat.0, &self.clock.to_be_bytes(), &plaintext],
        ));
        Sent {
            arrival: Arrival {
                author: self.seat,
                doc: DOC,
                incarnation: self.incarnation,
                lane: Lane::Today,
                envelope,
                hlc: Hlc::from_millis(self.clock),
            },
            plaintext,
            facts,
        }
    }

    pub(super) fn actor(&self) -> [u8; 16] {
        fact::actor_id(&self.seat, &DOC, self.incarnation, Lane::Today)
    }
}

/// A replica: gate, document, and the envelopes it holds.
pub(super) struct Replica {
    pub(super) gate: Gate,
    pub(super) doc: Document,
    held: std::collections::BTreeMap<ItemId, Sent>,
    pub(super) refused: Vec<(ItemId, Refusal)>,
}

impl Replica {
    pub(super) fn new() -> Self {
        Self {
            gate: Gate::new(DOC),
            doc: Document::new(DOC),
            held: std::collections::BTreeMap::new(),
            refused: Vec::new(),
        }
    }

    /// Takes envelopes in as they come, folding all of them as one batch; labels them accepted.
    pub(super) fn takes<'a>(&mut self, sent: impl IntoIterator<Item = &'a Sent>) -> Folded {
        let mut batch = Vec::new();
        for s in sent {
            self.doc.set_label(s.id(), Label::Accepted);
            self.held.insert(s.id(), s.clone());
            let mut next = vec![s.id()];
            while let Some(id) = next.pop() {
                let s = &self.held[&id];
                let (verdict, released) = self.gate.offer(&s.arrival, &s.plaintext);
                next.extend(released);
                match verdict {
                    Verdict::Admitted(admitted) => batch.push(admitted),
                    Verdict::Refused(why) => self.refused.push((id, why)),
                    Verdict::Waiting(_) => {}
                }
            }
        }
        self.doc.fold(batch)
    }

    /// (text, label) of all facts, sorted by text.
    pub(super) fn shown(&self) -> Vec<(String, Label)> {
        texts(self.doc.facts())
    }

    pub(super) fn current(&self) -> Vec<(String, Label)> {
        texts(self.doc.current())
    }
}

fn texts<'a>(facts: impl Iterator<Item = FactView<'a>>) -> Vec<(String, Label)> {
    let mut list: Vec<_> = facts.map(|f| (String::from_utf8_lossy(f.body).into_owned(), f.label)).collect();
    list.sort();
    list
}

/// A change chunk taken apart where an attacker would.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) deps: Vec<[u8; 32]>,
    pub(super) actor: Vec<u8>,
    pub(super) seq: u64,
    pub(super) start_op: u64,
    pub(super) timestamp: u8,
    pub(super) message: Vec<u8>,
    pub(super) others: Vec<Vec<u8>>,
    pub(super) columns: Vec<(u64, Vec<u8>)>,
    pub(super) tail: Vec<u8>,
}

impl Parts {
    pub(super) fn of(chunk: &[u8]) -> Self {
        let mut r = crate::wire::Reader::new(chunk);
        r.take(9).unwrap();
        r.varint().unwrap();
        let deps = (0..r.varint().unwrap()).map(|_| r.array().unwrap()).collect();
        let len = r.varint().unwrap() as usize;
        let actor = r.take(len).unwrap().to_vec();
        let (seq, start_op) = (r.varint().unwrap(), r.varint().unwrap());
        assert_eq!(r.take(3).unwrap(), [0, 0, 0]);
        let specs: Vec<(u64, usize)> = (0..r.varint().unwrap())
            .map(|_| (r.varint().unwrap(), r.varint().unwrap() as usize))
            .collect();
        let columns = specs.into_iter().map(|(spec, len)| (spec, r.take(len).unwrap().to_vec())).collect();
        r.end().unwrap();
        Self {
            deps,
            actor,
            seq,
            start_op,
            timestamp: 0,
            message: Vec::new(),
            others: Vec::new(),
            columns,
            tail: Vec::new(),
        }
    }

    pub(super) fn column(&mut self, spec: u64) -> &mut Vec<u8> {
        &mut self.columns.iter_mut().find(|c| c.0 == spec).unwrap().1
    }

    pub(super) fn chunk(&self) -> Vec<u8> {
        let mut w = crate::wire::Writer::new();
        w.varint(self.deps.len() as u64);
        for dep in &self.deps {
            w.bytes(dep);
        }
        w.varint(self.actor.len() as u64)
            .bytes(&self.actor)
            .varint(self.seq)
            .varint(self.start_op);
        w.u8(self.timestamp).varint(self.message.len() as u64).bytes(&self.message);
        w.varint(self.others.len() as u64);
        for other in &self.others {
            w.varint(other.len() as u64).bytes(other);
        }
        w.varint(self.columns.len() as u64);
        for (spec, data) in &self.columns {
            w.varint(*spec).varint(data.len() as u64);
        }
        for (_, data) in &self.columns {
            w.bytes(data);
        }
        w.bytes(&self.tail);
        chunk_of(1, &w.finish())
    }
}

/// Wraps a chunk's content in a header with a right checksum and length.
pub(super) fn chunk_of(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut typed = crate::wire::Writer::new();
    typed.u8(kind).varint(data.len() as u64).bytes(data);
    let typed = typed.finish();
    let checksum = sha256(&typed);
    [&[0x85, 0x6f, 0x4a, 0x83], &checksum[..4], &typed].concat()
}

/// SHA-256 (FIPS 180-4), to repair the checksums of altered chunks.
pub(super) fn sha256(message: &[u8]) -> [u8; 32] {
    // The first 32 bits of the fractional parts of the roots of the first primes, computed rather than copied.
    let primes: Vec<u128> = (2u128..).filter(|n| (2..*n).all(|d| n % d != 0)).take(64).collect();
    let root = |n: u128, k: u32| {
        (0..40)
            .rev()
            .map(|b| 1u128 << b)
            .fold(0u128, |r, b| if (r + b).pow(k) <= n { r + b } else { r })
    };
    let rounds: Vec<u32> = primes.iter().map(|p| root(p << 96, 3) as u32).collect();
    let mut state: Vec<u32> = primes[..8].iter().map(|p| root(p << 64, 2) as u32).collect();
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize((padded.len() + 8).next_multiple_of(64) - 8, 0);
    padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        let mut w: Vec<u32> = block.chunks_exact(4).map(|b| u32::from_be_bytes(b.try_into().unwrap())).collect();
        for i in 16..64 {
            let s0 = w[i - 15].rotate_right(7) ^ w[i - 15].rotate_right(18) ^ (w[i - 15] >> 3);
            let s1 = w[i - 2].rotate_right(17) ^ w[i - 2].rotate_right(19) ^ (w[i - 2] >> 10);
            w.push(w[i - 16].wrapping_add(s0).wrapping_add(w[i - 7]).wrapping_add(s1));
        }
        let mut v = state.clone();
        for i in 0..64 {
            let s1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
            let t1 = v[7]
                .wrapping_add(s1)
                .wrapping_add((v[4] & v[5]) ^ (!v[4] & v[6]))
                .wrapping_add(rounds[i])
                .wrapping_add(w[i]);
            let s0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
            let t2 = s0.wrapping_add((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            v.rotate_right(1);
            v[4] = v[4].wrapping_add(t1);
            v[0] = t1.wrapping_add(t2);
        }
        for (s, v) in state.iter_mut().zip(v) {
            *s = s.wrapping_add(v);
        }
    }
    let bytes: Vec<u8> = state.iter().flat_map(|s| s.to_be_bytes()).collect();
    bytes.try_into().unwrap()
}
