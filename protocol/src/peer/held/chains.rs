//! How far each seat's chain is here without a gap: its tips, and the envelopes whose ancestor is still missing.
//!
//! Invariants: whatever is at or behind a tip, by `prev` down to the seat's first envelope, has become durable here; what isn't is among
//! the orphans. Memory grows with tips and orphans, never with the set. Up to [`MAX_TIPS`] ends are a function of the set alone; beyond,
//! the greatest (clock, id) are kept.
//!
//! A seat with more orphans than there is room for is *lost*: it goes on from the tips it has, and is looked through anew at the next
//! start. So a flood of loose envelopes costs its own author his claims, and nobody else's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use super::statement::MAX_TIPS;
use crate::envelope::{Lane, VERSION};
use crate::ids::{Hlc, ItemId, SeatKey};
use crate::store::{MAX_LOCAL_VALUE, OrderKey, Store, StoreError};
use crate::wire::{Reader, WireError, Writer};

/// Envelopes whose ancestor isn't here yet, of all seats together: about 12 MiB.
const MAX_ORPHANS: usize = 1 << 17;
/// Seats in the stored form: far over what fits.
const MAX_SEATS: usize = 1 << 16;

/// Items read at a time of one lane.
const READ_AHEAD: usize = 512;
const LANES: u8 = Lane::Originals as u8 + 1;

/// What of an envelope says where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::peer) struct Place {
    seat: SeatKey,
    prev: ItemId,
    lane: u8,
    time: Hlc,
}

impl Place {
    /// Of canonical bytes; `None` for a registry op.
    pub(in crate::peer) fn of(bytes: &[u8]) -> Option<Self> {
        let mut r = Reader::new(bytes);
        if r.u8().ok()? != VERSION {
            return None;
        }
        r.take(4).ok()?;
        let lane = r.u8().ok()?;
        r.take(32).ok()?;
        let seat = SeatKey(r.array().ok()?);
        r.take(16).ok()?;
        let prev = ItemId(r.array().ok()?);
        let time = Hlc(r.u64().ok()?);
        Some(Self { seat, prev, lane, time })
    }

    pub(in crate::peer) fn seat(&self) -> SeatKey {
        self.seat
    }

    fn key(&self, id: ItemId) -> OrderKey {
        OrderKey {
            lane: self.lane,
            time: self.time,
            id,
        }
    }
}

#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Chain {
    tips: BTreeSet<(Hlc, ItemId)>,
    /// Missing ancestor, envelope, its clock.
    orphans: BTreeSet<(ItemId, ItemId, Hlc)>,
    lost: bool,
}

impl Chain {
    /// This envelope's whole past is here.
    fn advance(&mut self, prev: &ItemId, time: Hlc, id: ItemId) {
        self.tips.retain(|(_, tip)| tip != prev);
        self.tips.insert((time, id));
        if self.tips.len() > MAX_TIPS {
            self.tips.pop_first();
        }
    }

    fn has_tip(&self, id: &ItemId) -> bool {
        self.tips.iter().any(|(_, tip)| tip == id)
    }
}

/// What has been read ahead of one lane.
struct Ahead {
    from: Bound<OrderKey>,
    end: OrderKey,
    read: VecDeque<((Hlc, ItemId), Place)>,
    is_done: bool,
}

impl Ahead {
    fn of(lane: u8) -> Self {
        Self {
            from: Bound::Included(OrderKey::lane_start(lane)),
            end: OrderKey::lane_start(lane + 1),
            read: VecDeque::new(),
            is_done: false,
        }
    }

    /// Reads on until there is something, or the lane ends.
    fn fill(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        while self.read.is_empty() && !self.is_done {
            let (end, read) = (self.end, &mut self.read);
            let last = store.read(self.from, READ_AHEAD, &mut |key, bytes| {
                if *key < end
                    && let Some(place) = Place::of(bytes)
                {
                    read.push_back(((key.time, key.id), place));
                }
            })?;
            match last {
                Some(last) if last < end => self.from = Bound::Excluded(last),
                _ => self.is_done = true,
            }
        }
        Ok(())
    }
}

/// The chains of all seats.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Chains {
    seats: BTreeMap<SeatKey, Chain>,
    orphans: usize,
}

impl Chains {
    /// Seats of whom nothing is missing between what is here, and whether all of it lies on one line.
    pub(super) fn whole(&self) -> impl Iterator<Item = (SeatKey, bool)> {
        let whole = self.seats.iter().filter(|(_, chain)| chain.orphans.is_empty() && !chain.lost);
        whole.map(|(seat, chain)| (*seat, chain.tips.len() == 1))
    }

    /// Looks through everything stored, all lanes at once by their authors' clocks: a chain crosses lanes, and its clock only goes on. In the
    /// order of the set every step to an urgenter lane would be an orphan first.
    pub(super) fn scan(store: &dyn Store) -> Result<Self, StoreError> {
        let mut chains = Self::default();
        let mut lanes: Vec<Ahead> = (0..LANES).map(Ahead::of).collect();
        loop {
            for lane in &mut lanes {
                lane.fill(store)?;
            }
            let next = lanes
                .iter_mut()
                .filter(|lane| !lane.read.is_empty())
                .min_by_key(|lane| lane.read[0].0);
            let Some(((time, id), place)) = next.and_then(|lane| lane.read.pop_front()) else {
                return Ok(chains);
            };
            chains.take(id, &place, store, &|earlier| (earlier.time, earlier.id) < (time, id));
        }
    }

    /// Takes note of one that is durable now. `taken` says which others were taken before. True if the tips of its seat moved.
    pub(super) fn take(&mut self, id: ItemId, place: &Place, store: &dyn Store, taken: &dyn Fn(&OrderKey) -> bool) -> bool {
        let chain = self.seats.entry(place.seat).or_default();
        let here = place.prev.is_zero() || chain.has_tip(&place.prev);
        if !here && (chain.lost || !is_whole(chain, place, store, taken)) {
            if !chain.lost {
                self.orphans += usize::from(chain.orphans.insert((place.prev, id, place.time)));
                self.make_room();
            }
            return false;
        }
        chain.advance(&place.prev, place.time, id);
        let mut reached = vec![id];
        while let Some(id) = reached.pop() {
            let after = (id, ItemId::ZERO, Hlc(0))..=(id, ItemId([0xff; 32]), Hlc(u64::MAX));
            for (prev, child, time) in chain.orphans.extract_if(after, |_| true).collect::<Vec<_>>() {
                self.orphans -= 1;
                chain.advance(&prev, time, child);
                reached.push(child);
            }
        }
        true
    }

    /// Up to [`MAX_TIPS`], ascending.
    pub(super) fn tips(&self, seat: &SeatKey) -> Vec<ItemId> {
        let mut tips: Vec<ItemId> = self.seats.get(seat).into_iter().flat_map(|c| &c.tips).map(|(_, id)| *id).collect();
        tips.sort();
        tips
    }

    pub(super) fn seats(&self) -> impl Iterator<Item = &SeatKey> {
        self.seats.keys()
    }

    /// The seat with the most orphans loses them.
    fn make_room(&mut self) {
        if self.orphans <= MAX_ORPHANS {
            return;
        }
        if let Some(chain) = self.seats.values_mut().max_by_key(|c| c.orphans.len()) {
            self.orphans -= chain.orphans.len();
            chain.orphans.clear();
            chain.lost = true;
        }
    }

    /// For the next start, of a set with this root: root [32] ‖ seats u32 ‖ per seat: key ‖ `list` of (clock, tip) ‖ u32 orphans of
    /// (ancestor, envelope, clock). `None` where that start had better look through the store.
    pub(super) fn encode(&self, root: &[u8; 32]) -> Option<Vec<u8>> {
        let mut w = Writer::new();
        w.bytes(root).u32(self.seats.len() as u32);
        for (seat, chain) in &self.seats {
            w.bytes(&seat.0).u8(chain.tips.len() as u8);
            for (time, id) in &chain.tips {
                w.u64(time.0).bytes(&id.0);
            }
            w.u32(chain.orphans.len() as u32);
            for (prev, id, time) in &chain.orphans {
                w.bytes(&prev.0).bytes(&id.0).u64(time.0);
            }
        }
        let bytes = w.finish();
        (bytes.len() <= MAX_LOCAL_VALUE && self.seats.len() <= MAX_SEATS && self.seats.values().all(|c| !c.lost)).then_some(bytes)
    }

    /// What was stored for a set with this root.
    pub(super) fn decode(bytes: &[u8], root: &[u8; 32]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        if r.array::<32>()? != *root {
            return Err(WireError::Unknown("root"));
        }
        let mut chains = Self::default();
        let seats = r.u32()? as usize;
        if seats > MAX_SEATS {
            return Err(WireError::OutOfBounds("seats"));
        }
        for _ in 0..seats {
            let (seat, mut chain) = (SeatKey(r.array()?), Chain::default());
            for _ in 0..r.count(MAX_TIPS, "tips")? {
                chain.tips.insert((Hlc(r.u64()?), ItemId(r.array()?)));
            }
            let orphans = r.u32()? as usize;
            if chains.orphans + orphans > MAX_ORPHANS {
                return Err(WireError::OutOfBounds("orphans"));
            }
            for _ in 0..orphans {
                chain.orphans.insert((ItemId(r.array()?), ItemId(r.array()?), Hlc(r.u64()?)));
            }
            chains.orphans += chain.orphans.len();
            chains.seats.insert(seat, chain);
        }
        r.end()?;
        Ok(chains)
    }
}

/// True iff the envelope before this one is its own seat's, was taken, and has no gap behind it: a branch off the middle of a chain.
fn is_whole(chain: &Chain, place: &Place, store: &dyn Store, taken: &dyn Fn(&OrderKey) -> bool) -> bool {
    let before = store.get(&place.prev).ok().flatten().and_then(|bytes| Place::of(&bytes));
    before.is_some_and(|before| {
        before.seat == place.seat && taken(&before.key(place.prev)) && !chain.orphans.contains(&(before.prev, place.prev, before.time))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Header, Kind};
    use crate::ids::{DocId, Kid, NetworkId};
    use crate::store::{Batch, MemoryStore, StoredItem};
    use crate::testing::{NOW, Random, key};

    fn item(header: Header, seat: &str) -> StoredItem {
        let sealed = header
            .seal(&key(seat), &NetworkId([1; 32]), &crate::crypto::Secret([1; 32]), b"x")
            .unwrap();
        let place = Place::of(&sealed.to_bytes()).unwrap();
        StoredItem {
            key: place.key(sealed.id()),
            doc: sealed.header.doc,
            bytes: sealed.to_bytes().into(),
        }
    }

    fn next(seat: &str, prev: ItemId, n: u64, lane: Lane) -> StoredItem {
        let header = Header {
            kind: Kind::Content,
            lane,
            doc: DocId([1; 32]),
            seat: SeatKey(key(seat).verifying_key().to_bytes()),
            incarnation: n,
            seq: 1,
            prev,
            hlc: Hlc::from_millis(NOW + n),
            kid: Kid([1; 16]),
            authority: Vec::new(),
        };
        item(header, seat)
    }

    /// A tree of envelopes by two seats, in lanes of all kinds: restored backups and forks included.
    fn tree(random: &mut Random, count: u64) -> Vec<StoredItem> {
        let lanes = [Lane::Urgent, Lane::Today, Lane::Rest];
        let mut made: Vec<StoredItem> = Vec::new();
        for n in 0..count {
            let seat = ["a", "b"][random.below(2) as usize];
            let own: Vec<ItemId> = made
                .iter()
                .filter(|i| Place::of(&i.bytes).unwrap().seat.0 == key(seat).verifying_key().to_bytes())
                .map(|i| i.key.id)
                .collect();
            let prev = match (own.last(), random.below(9)) {
                (Some(_), 0) => own[random.below(own.len() as u64) as usize],
                (Some(last), _) => *last,
                (None, _) => ItemId::ZERO,
            };
            made.push(next(seat, prev, n, lanes[random.below(3) as usize]));
        }
        made
    }

    /// What is reached from the first envelopes, computed the plain way.
    fn expected(items: &[StoredItem], seat: &SeatKey) -> Vec<ItemId> {
        let places: BTreeMap<ItemId, Place> = items.iter().map(|i| (i.key.id, Place::of(&i.bytes).unwrap())).collect();
        let whole = |mut id: ItemId| loop {
            match places.get(&id) {
                Some(place) if place.prev.is_zero() => return true,
                Some(place) => id = place.prev,
                None => return false,
            }
        };
        let is_leaf = |id: &ItemId| !places.iter().any(|(other, p)| p.prev == *id && whole(*other));
        let own = places.iter().filter(|(id, p)| p.seat == *seat && whole(**id) && is_leaf(id));
        let mut tips: Vec<(Hlc, ItemId)> = own.map(|(id, p)| (p.time, *id)).collect();
        tips.sort();
        let mut tips: Vec<ItemId> = tips.iter().rev().take(MAX_TIPS).map(|(_, id)| *id).collect();
        tips.sort();
        tips
    }

    #[test]
    fn in_any_order_and_in_any_batches_the_tips_are_those_of_the_set_and_never_reach_over_a_gap() {
        for seed in 0..60 {
            let mut random = Random::new(seed);
            let mut items = tree(&mut random, 40);
            random.shuffle(&mut items);
            let (mut store, mut chains) = (MemoryStore::default(), Chains::default());
            let mut taken: BTreeSet<OrderKey> = BTreeSet::new();
            let mut rest = &items[..];
            while !rest.is_empty() {
                // A whole batch is on the disk before its first envelope is taken note of.
                let (batch, later) = rest.split_at(rest.len().min(1 + random.below(6) as usize));
                rest = later;
                let stored = Batch {
                    items: batch.to_vec(),
                    local: Vec::new(),
                };
                store.commit(&stored).unwrap();
                for item in batch {
                    taken.insert(item.key);
                    let place = Place::of(&item.bytes).unwrap();
                    chains.take(item.key.id, &place, &store, &|key| taken.contains(key));
                    let so_far: Vec<StoredItem> = items.iter().filter(|i| taken.contains(&i.key)).cloned().collect();
                    assert_eq!(chains.tips(&place.seat), expected(&so_far, &place.seat), "seed {seed}");
                }
                let again = Chains::scan(&store).unwrap();
                assert_eq!(again, chains, "rebuilt is what was kept, seed {seed}");
                let bytes = chains.encode(&[7; 32]).unwrap();
                assert_eq!(Chains::decode(&bytes, &[7; 32]).as_ref(), Ok(&chains));
                assert!(Chains::decode(&bytes, &[8; 32]).is_err(), "of another set");
            }
            assert_eq!(chains.orphans, 0);
        }
    }

    #[test]
    fn t70_a_flood_of_loose_envelopes_loses_its_author_s_claims_and_nobody_else_s() {
        let mut store = MemoryStore::default();
        let mut chains = Chains::default();
        let honest: Vec<StoredItem> = (0..4)
            .scan(ItemId::ZERO, |prev, n| {
                let item = next("a", *prev, n, Lane::Today);
                *prev = item.key.id;
                Some(item)
            })
            .collect();
        let mut take = |chains: &mut Chains, item: &StoredItem| {
            let batch = Batch {
                items: vec![item.clone()],
                local: Vec::new(),
            };
            store.commit(&batch).unwrap();
            chains.take(item.key.id, &Place::of(&item.bytes).unwrap(), &store, &|_| true)
        };
        take(&mut chains, &honest[0]);
        take(&mut chains, &honest[3]);
        let flood = next("b", ItemId::ZERO, 1, Lane::Today);
        take(&mut chains, &flood);
        let (hostile, first) = (Place::of(&flood.bytes).unwrap(), flood.key.id);
        for n in 0..=MAX_ORPHANS as u64 {
            let mut id = [0xee; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            let loose = Place {
                prev: ItemId(crate::crypto::derive("bocage 2026-11 test item", &[&id])),
                ..hostile
            };
            chains.take(ItemId(id), &loose, &MemoryStore::default(), &|_| true);
            assert!(chains.orphans <= MAX_ORPHANS);
        }
        assert_eq!(chains.tips(&hostile.seat), [first], "it keeps what it had");
        assert_eq!(chains.encode(&[0; 32]), None, "and is looked through at the next start");
        take(&mut chains, &honest[2]);
        assert!(take(&mut chains, &honest[1]));
        assert_eq!(chains.tips(&Place::of(&honest[0].bytes).unwrap().seat), [honest[3].key.id]);
    }
}
