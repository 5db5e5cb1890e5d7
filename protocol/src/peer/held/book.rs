//! The latest statement of every (holder, author): who is known to hold what.
//!
//! Invariants: only statements of certified nodes about certified seats, their signatures checked before they get here; of two the
//! greater revision stays. Bounded: where room is short, the facility with the most statements loses some, so that nobody's thousand
//! nodes displace a neighbour's one.

use std::collections::BTreeMap;

use super::statement::Held;
use crate::crypto::{context, derive};
use crate::ids::{FacilityKey, NodeKey, SeatKey};

/// Nodes with statements: what one frame lists.
pub(super) const MAX_HOLDERS: usize = 1_024;
/// Statements in all: about 5 MiB.
pub(super) const MAX_STATEMENTS: usize = 16_384;

/// What a side knows of one holder, for comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct HolderMark {
    pub(super) holder: NodeKey,
    /// The greatest revision.
    pub(super) newest: u64,
    pub(super) mark: [u8; 8],
}

struct Shelf {
    facility: FacilityKey,
    by_author: BTreeMap<SeatKey, Held>,
}

#[derive(Default)]
pub(super) struct Book {
    shelves: BTreeMap<NodeKey, Shelf>,
    len: usize,
}

impl Book {
    pub(super) fn get(&self, holder: &NodeKey, author: &SeatKey) -> Option<&Held> {
        self.shelves.get(holder)?.by_author.get(author)
    }

    /// Statements about one author's chain.
    pub(super) fn about(&self, author: &SeatKey) -> impl Iterator<Item = &Held> {
        self.shelves.values().filter_map(move |shelf| shelf.by_author.get(author))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Held> {
        self.shelves.values().flat_map(|shelf| shelf.by_author.values())
    }

    pub(super) fn by(&self, holder: &NodeKey) -> impl Iterator<Item = &Held> {
        self.shelves.get(holder).into_iter().flat_map(|shelf| shelf.by_author.values())
    }

    /// The greatest revision of a holder.
    pub(super) fn newest(&self, holder: &NodeKey) -> u64 {
        self.by(holder).map(|held| held.revision).max().unwrap_or_default()
    }

    /// Keeps one, instead of what its holder said before. False where its facility has more than its share already.
    pub(super) fn keep(&mut self, held: Held, facility: FacilityKey) -> bool {
        while self.get(&held.holder, &held.author).is_none() && self.is_full_for(&held.holder) {
            if !self.make_room(&facility) {
                return false;
            }
        }
        let shelf = self.shelves.entry(held.holder).or_insert_with(|| Shelf {
            facility,
            by_author: BTreeMap::new(),
        });
        self.len += usize::from(shelf.by_author.insert(held.author, held).is_none());
        true
    }

    /// Forgets holders that don't count any more. Returns what is gone.
    pub(super) fn retain(&mut self, counts: impl Fn(&NodeKey) -> bool) -> Vec<(NodeKey, SeatKey)> {
        let gone: Vec<NodeKey> = self.shelves.keys().copied().filter(|holder| !counts(holder)).collect();
        gone.into_iter().flat_map(|holder| self.remove(&holder)).collect()
    }

    /// Of everything, under a session's salt.
    pub(super) fn mark(&self, salt: &[u8; 32]) -> [u8; 8] {
        let all: Vec<u8> = self.marks(salt).flat_map(|m| [&m.holder.0[..], &m.mark].concat()).collect();
        short(derive(context::HELD_MARK, &[salt, &[0], &all]))
    }

    /// One per holder, ascending.
    pub(super) fn marks(&self, salt: &[u8; 32]) -> impl Iterator<Item = HolderMark> {
        self.shelves.iter().map(move |(holder, shelf)| {
            let all: Vec<u8> = shelf
                .by_author
                .values()
                .flat_map(|h| [&h.author.0[..], &h.revision.to_be_bytes()].concat())
                .collect();
            HolderMark {
                holder: *holder,
                newest: shelf.by_author.values().map(|h| h.revision).max().unwrap_or_default(),
                mark: short(derive(context::HELD_MARK, &[salt, &[1], &all])),
            }
        })
    }

    fn is_full_for(&self, holder: &NodeKey) -> bool {
        self.len >= MAX_STATEMENTS || (self.shelves.len() >= MAX_HOLDERS && !self.shelves.contains_key(holder))
    }

    /// The fullest facility gives up the fullest of its holders; `for_whom` doesn't displace its equals.
    fn make_room(&mut self, for_whom: &FacilityKey) -> bool {
        let mut sizes: BTreeMap<FacilityKey, usize> = BTreeMap::new();
        for shelf in self.shelves.values() {
            *sizes.entry(shelf.facility).or_default() += shelf.by_author.len();
        }
        let own = sizes.get(for_whom).copied().unwrap_or_default();
        let Some((fullest, _)) = sizes.iter().max_by_key(|(_, n)| **n).filter(|(_, n)| **n > own + 1) else {
            return false;
        };
        let of = self.shelves.iter().filter(|(_, shelf)| shelf.facility == *fullest);
        let Some(holder) = of.max_by_key(|(_, shelf)| shelf.by_author.len()).map(|(holder, _)| *holder) else {
            return false;
        };
        self.remove(&holder);
        true
    }

    fn remove(&mut self, holder: &NodeKey) -> Vec<(NodeKey, SeatKey)> {
        let Some(shelf) = self.shelves.remove(holder) else {
            return Vec::new();
        };
        self.len -= shelf.by_author.len();
        shelf.by_author.into_keys().map(|author| (*holder, author)).collect()
    }
}

fn short(hash: [u8; 32]) -> [u8; 8] {
    *hash.first_chunk().expect("eight of 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ItemId;

    fn held(holder: u16, author: u16, revision: u64) -> Held {
        let wide = |n: u16| {
            let mut key = [0; 32];
            key[..2].copy_from_slice(&n.to_be_bytes());
            key
        };
        Held {
            holder: NodeKey(wide(holder)),
            author: SeatKey(wide(author)),
            revision,
            tips: vec![ItemId([1; 32])],
            signature: [0; 64],
        }
    }

    #[test]
    fn t69_one_facility_s_thousand_nodes_displace_nobody_else_s() {
        let (good, bad) = (FacilityKey([1; 32]), FacilityKey([2; 32]));
        let mut book = Book::default();
        assert!(book.keep(held(0, 1, 5), good));
        for holder in 1..2_000 {
            book.keep(held(holder, 1, 5), bad);
        }
        assert_eq!(book.shelves.len(), MAX_HOLDERS);
        for author in 0..u16::MAX {
            book.keep(held(1, author, 5), bad);
        }
        assert!(book.len <= MAX_STATEMENTS);
        assert!(book.get(&held(0, 1, 0).holder, &held(0, 1, 0).author).is_some());
        assert!(book.keep(held(5_000, 7, 5), good), "and leave room for more");
        let counted: usize = book.shelves.values().map(|s| s.by_author.len()).sum();
        assert_eq!(counted, book.len);
    }
}
