//! The set in memory, as order keys with cached sums: what the twin of a store, and the newest part of a real one, are made of.
//!
//! Invariants: the answers depend on the set, never on the order of insertion; a block holds 1 to [`BLOCK`] keys and the sum of
//! their fingerprints, and blocks are in order. About 45 bytes an item.

use std::ops::Bound;

use super::StoreError;
use super::order::{Fingerprint, OrderKey, Ordered, Packed};

/// Most keys in one block: splitting costs a copy of 10 KiB, an inexact edge of a range at most 128 hashes.
const BLOCK: usize = 256;
/// Room is added in steps of this many keys, so that a block wastes little.
const STEP: usize = 16;

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

    /// Keys from `from` on, in order.
    pub fn iter_from(&self, from: Bound<OrderKey>) -> impl Iterator<Item = OrderKey> + '_ {
        let (start, skip) = match from {
            Bound::Unbounded => ((0, 0), None),
            Bound::Included(key) => (self.position(&key.to_bytes()), None),
            Bound::Excluded(key) => (self.position(&key.to_bytes()), Some(key)),
        };
        let (b, at) = start;
        let blocks = self.blocks.get(b..).unwrap_or_default();
        let keys = blocks
            .iter()
            .enumerate()
            .flat_map(move |(i, block)| &block.keys[if i == 0 { at } else { 0 }..]);
        keys.map(OrderKey::from_bytes).skip_while(move |key| Some(*key) == skip)
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

impl Ordered for SetIndex {
    fn total(&self) -> Fingerprint {
        self.total
    }

    fn below(&self, key: &OrderKey) -> Result<Fingerprint, StoreError> {
        let (b, at) = self.position(&key.to_bytes());
        let whole = self.blocks[..b]
            .iter()
            .fold(Fingerprint::default(), |sum, block| sum.plus(&block.sum));
        Ok(self.blocks.get(b).map_or(whole, |block| whole.plus(&block.prefix(at))))
    }

    fn rank(&self, key: &OrderKey) -> Result<u64, StoreError> {
        let (b, at) = self.position(&key.to_bytes());
        Ok((self.blocks[..b].iter().map(|block| block.keys.len()).sum::<usize>() + at) as u64)
    }

    fn nth(&self, n: u64) -> Result<Option<OrderKey>, StoreError> {
        let mut left = n as usize;
        for block in &self.blocks {
            match block.keys.get(left) {
                Some(key) => return Ok(Some(OrderKey::from_bytes(key))),
                None => left -= block.keys.len(),
            }
        }
        Ok(None)
    }

    fn range(&self, from: Bound<OrderKey>, limit: usize) -> Result<Vec<OrderKey>, StoreError> {
        Ok(self.iter_from(from).take(limit).collect())
    }
}

impl std::fmt::Debug for SetIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SetIndex({} items)", self.total.count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::Walk;
    use super::*;
    use crate::ids::{Hlc, ItemId};
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
        assert_eq!(index.len(), plain.len() as u64);
        assert!(index.blocks.iter().all(|b| (1..=BLOCK).contains(&b.keys.len())));
        let sorted: Vec<OrderKey> = plain.iter().copied().collect();
        assert_eq!(index.range(Bound::Unbounded, usize::MAX).unwrap(), sorted);
        for _ in 0..400 {
            let (a, b) = (random_key(&mut random), random_key(&mut random));
            let slow = plain
                .iter()
                .filter(|k| (a..b).contains(k))
                .map(OrderKey::to_bytes)
                .collect::<Vec<_>>();
            assert_eq!(index.between(&a, &b).unwrap(), Fingerprint::of_all(&slow));
            let mut walked = 0;
            index
                .walk(&a, &b, &mut |_| {
                    walked += 1;
                    Walk::On
                })
                .unwrap();
            assert_eq!(walked, slow.len());
            assert_eq!(index.rank(&a).unwrap(), plain.range(..a).count() as u64);
            assert_eq!(index.below(&a).unwrap().count, index.rank(&a).unwrap());
            for (from, limit) in [
                (Bound::Excluded(a), 3),
                (Bound::Included(sorted[7]), 2),
                (Bound::Excluded(sorted[7]), 2),
            ] {
                let plain: Vec<_> = plain.range((from, Bound::Unbounded)).take(limit).copied().collect();
                assert_eq!(index.range(from, limit).unwrap(), plain);
            }
            let n = random.below(plain.len() as u64 + 2);
            assert_eq!(index.nth(n).unwrap(), sorted.get(n as usize).copied());
        }
        assert_eq!(index.between(&OrderKey::MIN, &OrderKey::END).unwrap(), index.total());
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
            let items = index.len() as usize;
            assert!(bytes <= 48 * items, "{} B an item", bytes / items);
        }
    }
}
