//! The set this node holds, as order keys alone: what reconciliation asks of it is counts and sums over ranges.
//!
//! Invariants: the answers depend on the set, never on the order of insertion; a block holds 1 to [`BLOCK`] keys and the sum of
//! their fingerprints, and blocks are in order. About 45 bytes an item. It is a cache of the store's order and can always be
//! rebuilt from it ([`SetIndex::from_iter`]).

use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

use crate::crypto::{context, derive};
use crate::ids::{Hlc, ItemId};
use crate::store::OrderKey;

/// Most keys in one block: splitting costs a copy of 10 KiB, an inexact edge of a range at most 128 hashes.
const BLOCK: usize = 256;
/// Room is added in steps of this many keys, so that a block wastes little.
const STEP: usize = 16;

pub(super) type Packed = [u8; 41];

/// Above every item: the exclusive end of the whole set.
pub const END: OrderKey = OrderKey {
    lane: u8::MAX,
    time: Hlc(0),
    id: ItemId([0; 32]),
};

/// At or below every item of `lane`, above those of the lanes before.
pub fn lane_start(lane: u8) -> OrderKey {
    OrderKey { lane, ..OrderKey::MIN }
}

pub(super) fn unpack(bytes: &Packed) -> OrderKey {
    let [lane, rest @ ..] = bytes;
    let (time, id) = rest.split_at(8);
    OrderKey {
        lane: *lane,
        time: Hlc(u64::from_be_bytes(time.try_into().expect("eight of 41 bytes"))),
        id: ItemId(id.try_into().expect("the last 32 of 41 bytes")),
    }
}

/// How many items, and the sum of their hashes mod 2^256. Equal sums mean equal sets, up to a 2^-128 that nobody can prepare
/// across a salted comparison.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Fingerprint {
    pub count: u64,
    /// Least significant limb first.
    sum: [u64; 4],
}

static CONTEXT: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(context::SET_FINGERPRINT));

impl Fingerprint {
    /// One item's: the derived hash of its packed order key.
    fn of(key: &Packed) -> Self {
        let hash = *blake3::Hasher::new_from_context_key(&CONTEXT).update(key).finalize().as_bytes();
        let limb = |i: usize| u64::from_le_bytes(hash[8 * i..8 * i + 8].try_into().expect("eight of 32 bytes"));
        Self {
            count: 1,
            sum: [limb(0), limb(1), limb(2), limb(3)],
        }
    }

    fn of_all(keys: &[Packed]) -> Self {
        keys.iter().fold(Self::default(), |sum, key| sum.plus(&Self::of(key)))
    }

    fn plus(&self, other: &Self) -> Self {
        let (mut sum, mut carry) = ([0; 4], false);
        for (i, limb) in sum.iter_mut().enumerate() {
            let (a, over) = self.sum[i].overflowing_add(other.sum[i]);
            let (b, again) = a.overflowing_add(u64::from(carry));
            (*limb, carry) = (b, over || again);
        }
        Self {
            count: self.count + other.count,
            sum,
        }
    }

    fn minus(&self, other: &Self) -> Self {
        let (mut sum, mut borrow) = ([0; 4], false);
        for (i, limb) in sum.iter_mut().enumerate() {
            let (a, under) = self.sum[i].overflowing_sub(other.sum[i]);
            let (b, again) = a.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (b, under || again);
        }
        Self {
            count: self.count - other.count,
            sum,
        }
    }

    /// Sum 32 (little-endian), count 8 (big-endian).
    pub fn to_bytes(&self) -> [u8; 40] {
        let mut out = [0; 40];
        for (i, limb) in self.sum.iter().enumerate() {
            out[8 * i..8 * i + 8].copy_from_slice(&limb.to_le_bytes());
        }
        out[32..].copy_from_slice(&self.count.to_be_bytes());
        out
    }
}

#[derive(Clone)]
struct Block {
    keys: Vec<Packed>,
    sum: Fingerprint,
}

impl Block {
    fn new(keys: Vec<Packed>) -> Self {
        let sum = Fingerprint::of_all(&keys);
        Self { keys, sum }
    }

    fn first(&self) -> &Packed {
        self.keys.first().expect("blocks are never empty")
    }

    /// Sum of the first `n` keys, hashing the shorter side.
    fn prefix(&self, n: usize) -> Fingerprint {
        if n <= self.keys.len() / 2 {
            Fingerprint::of_all(&self.keys[..n])
        } else {
            self.sum.minus(&Fingerprint::of_all(&self.keys[n..]))
        }
    }
}

/// The ordered set of [`OrderKey`]s with cached sums. Lookups take the logarithm of its length, sums and ranks one step a block.
#[derive(Clone, Default)]
pub struct SetIndex {
    blocks: Vec<Block>,
    total: Fingerprint,
}

impl SetIndex {
    pub fn new() -> Self {
        Self::default()
    }

    /// False if it was there.
    pub fn insert(&mut self, key: &OrderKey) -> bool {
        let packed = key.to_bytes();
        let print = Fingerprint::of(&packed);
        if self.blocks.is_empty() {
            self.blocks.push(Block {
                keys: vec![packed],
                sum: print,
            });
            self.total = print;
            return true;
        }
        let (mut b, _) = self.position(&packed);
        let Err(mut at) = self.blocks[b].keys.binary_search(&packed) else {
            return false;
        };
        if self.blocks[b].keys.len() == BLOCK {
            // Appending fills blocks to the brim; elsewhere they split in the middle.
            let last = b + 1 == self.blocks.len() && at == BLOCK;
            let half = self.blocks[b].keys.split_off(if last { BLOCK } else { BLOCK / 2 });
            let upper = Block::new(half);
            let lower = &mut self.blocks[b];
            lower.sum = lower.sum.minus(&upper.sum);
            lower.keys.shrink_to_fit();
            self.blocks.insert(b + 1, upper);
            if at > self.blocks[b].keys.len() || last {
                at -= self.blocks[b].keys.len();
                b += 1;
            }
        }
        let block = &mut self.blocks[b];
        if block.keys.len() == block.keys.capacity() {
            block.keys.reserve_exact(STEP);
        }
        block.keys.insert(at, packed);
        block.sum = block.sum.plus(&print);
        self.total = self.total.plus(&print);
        true
    }

    /// False if it wasn't there.
    pub fn remove(&mut self, key: &OrderKey) -> bool {
        let packed = key.to_bytes();
        let (b, at) = self.position(&packed);
        if self.blocks.get(b).and_then(|block| block.keys.get(at)) != Some(&packed) {
            return false;
        }
        let print = Fingerprint::of(&packed);
        let block = &mut self.blocks[b];
        block.keys.remove(at);
        block.sum = block.sum.minus(&print);
        self.total = self.total.minus(&print);
        if block.keys.is_empty() {
            self.blocks.remove(b);
        } else if let [left, right, ..] = &mut self.blocks[b..]
            && left.keys.len() + right.keys.len() <= BLOCK / 2
        {
            left.keys.append(&mut right.keys);
            left.sum = left.sum.plus(&right.sum);
            self.blocks.remove(b + 1);
        }
        true
    }

    pub fn contains(&self, key: &OrderKey) -> bool {
        let packed = key.to_bytes();
        let (b, at) = self.position(&packed);
        self.blocks.get(b).and_then(|block| block.keys.get(at)) == Some(&packed)
    }

    pub fn len(&self) -> usize {
        self.total.count as usize
    }

    pub fn is_empty(&self) -> bool {
        self.total.count == 0
    }

    /// 32 bytes that name the whole set.
    pub fn root(&self) -> [u8; 32] {
        derive(context::SET_FINGERPRINT, &[&self.total.to_bytes()])
    }

    /// Count and sum of the whole set.
    pub fn total(&self) -> Fingerprint {
        self.total
    }

    /// Count and sum of `from ≤ key < to`; empty if the bounds are in the wrong order.
    pub fn fingerprint(&self, from: &OrderKey, to: &OrderKey) -> Fingerprint {
        let (b1, i1) = self.position(&from.to_bytes());
        let (b2, i2) = self.position(&to.to_bytes());
        if (b1, i1) >= (b2, i2) {
            return Fingerprint::default();
        }
        if b1 == b2 && i2 - i1 <= BLOCK / 4 {
            return Fingerprint::of_all(&self.blocks[b1].keys[i1..i2]);
        }
        let whole = self.blocks[b1..b2]
            .iter()
            .fold(Fingerprint::default(), |sum, block| sum.plus(&block.sum));
        let end = self.blocks.get(b2).map_or_else(Fingerprint::default, |block| block.prefix(i2));
        whole.plus(&end).minus(&self.blocks[b1].prefix(i1))
    }

    /// How many keys stand below `key`.
    pub fn rank(&self, key: &OrderKey) -> usize {
        let (b, at) = self.position(&key.to_bytes());
        self.blocks[..b].iter().map(|block| block.keys.len()).sum::<usize>() + at
    }

    /// The key with `n` keys below it.
    pub fn nth(&self, mut n: usize) -> Option<OrderKey> {
        for block in &self.blocks {
            match block.keys.get(n) {
                Some(key) => return Some(unpack(key)),
                None => n -= block.keys.len(),
            }
        }
        None
    }

    /// Keys in `from ≤ key < to`, in order.
    pub fn range(&self, from: &OrderKey, to: &OrderKey) -> impl Iterator<Item = OrderKey> + '_ {
        let (b, at) = self.position(&from.to_bytes());
        let to = to.to_bytes();
        let blocks = self.blocks.get(b..).unwrap_or_default();
        let keys = blocks
            .iter()
            .enumerate()
            .flat_map(move |(i, block)| &block.keys[if i == 0 { at } else { 0 }..]);
        keys.take_while(move |key| **key < to).map(unpack)
    }

    /// Block and place of the first key not below `key`; the place may be one past its block's last key.
    fn position(&self, key: &Packed) -> (usize, usize) {
        let b = self.blocks.partition_point(|block| block.first() <= key).saturating_sub(1);
        let at = self
            .blocks
            .get(b)
            .map_or(0, |block| block.keys.binary_search(key).unwrap_or_else(|at| at));
        (b, at)
    }
}

impl FromIterator<OrderKey> for SetIndex {
    /// Bulk build: any order, duplicates dropped; fastest when sorted.
    fn from_iter<I: IntoIterator<Item = OrderKey>>(keys: I) -> Self {
        let mut packed: Vec<Packed> = keys.into_iter().map(|key| key.to_bytes()).collect();
        packed.sort_unstable();
        packed.dedup();
        let blocks: Vec<Block> = packed.chunks(BLOCK).map(|chunk| Block::new(chunk.to_vec())).collect();
        let total = blocks.iter().fold(Fingerprint::default(), |sum, block| sum.plus(&block.sum));
        Self { blocks, total }
    }
}

impl std::fmt::Debug for SetIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SetIndex({} items)", self.total.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::testing::Random;
    use std::collections::BTreeSet;

    fn random_key(random: &mut Random) -> OrderKey {
        OrderKey {
            lane: random.below(4) as u8,
            time: Hlc(random.below(5_000) << 16),
            id: ItemId(random.bytes32()),
        }
    }

    #[test]
    fn answers_are_those_of_a_plain_sorted_set() {
        let mut random = Random::new(1);
        let (mut index, mut plain) = (SetIndex::new(), BTreeSet::new());
        for _ in 0..6_000 {
            let key = random_key(&mut random);
            assert_eq!(index.insert(&key), plain.insert(key));
            assert!(!index.insert(&key), "twice is once");
            if random.below(4) == 0 {
                let from = random_key(&mut random);
                let victim = plain.range(from..).next().copied();
                if let Some(victim) = victim {
                    assert!(index.remove(&victim) && plain.remove(&victim));
                    assert!(!index.remove(&victim) && !index.contains(&victim));
                }
            }
        }
        assert_eq!(index.len(), plain.len());
        assert!(index.blocks.iter().all(|b| (1..=BLOCK).contains(&b.keys.len())));
        let sorted: Vec<OrderKey> = plain.iter().copied().collect();
        assert_eq!(index.range(&OrderKey::MIN, &END).collect::<Vec<_>>(), sorted);
        for _ in 0..400 {
            let (a, b) = (random_key(&mut random), random_key(&mut random));
            let slow = plain
                .iter()
                .filter(|k| (a..b).contains(k))
                .map(OrderKey::to_bytes)
                .collect::<Vec<_>>();
            assert_eq!(index.fingerprint(&a, &b), Fingerprint::of_all(&slow));
            assert_eq!(index.range(&a, &b).count(), slow.len());
            assert_eq!(index.rank(&a), plain.range(..a).count());
            let n = random.below(plain.len() as u64 + 2) as usize;
            assert_eq!(index.nth(n), sorted.get(n).copied());
        }
        assert_eq!(index.fingerprint(&OrderKey::MIN, &END), index.total());
    }

    #[test]
    fn the_root_depends_on_the_set_and_not_on_its_history() {
        let mut random = Random::new(2);
        let keys: Vec<OrderKey> = (0..3_000).map(|_| random_key(&mut random)).collect();
        let built: SetIndex = keys.iter().copied().collect();
        let (mut forward, mut backward) = (SetIndex::new(), SetIndex::new());
        keys.iter().for_each(|k| assert!(forward.insert(k)));
        keys.iter().rev().for_each(|k| assert!(backward.insert(k)));
        assert_eq!(forward.root(), built.root());
        assert_eq!(backward.root(), built.root());
        forward.remove(&keys[7]);
        assert_ne!(forward.root(), built.root());
        forward.insert(&keys[7]);
        assert_eq!(forward.root(), built.root());
        keys.iter().for_each(|k| assert!(backward.remove(k)));
        assert_eq!(backward.root(), SetIndex::new().root());
        assert_eq!(backward.total(), Fingerprint::default());
    }

    #[test]
    fn an_item_costs_at_most_48_bytes() {
        let mut random = Random::new(3);
        let (mut scattered, mut appended) = (SetIndex::new(), SetIndex::new());
        for n in 0..50_000 {
            scattered.insert(&random_key(&mut random));
            appended.insert(&OrderKey {
                time: Hlc(n << 16),
                ..random_key(&mut random)
            });
        }
        for index in [&scattered, &appended] {
            let bytes: usize = index.blocks.iter().map(|b| b.keys.capacity() * 41).sum();
            let bytes = bytes + index.blocks.capacity() * size_of::<Block>();
            assert!(bytes <= 48 * index.len(), "{} B an item", bytes / index.len());
        }
    }
}
