//! What one session still has to send, in which order, without holding more than a few items' bytes.
//!
//! Order: lane by lane; within a lane oldest first (a chain's envelopes follow each other), seats taking turns over the next
//! [`STAGE`] items. What the peer is known to have is left out; that memory is bounded, so an item may rarely go out twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::reconcile::{Salt, Span};
use crate::envelope::VERSION;
use crate::ids::ItemId;
use crate::store::{OrderKey, Ordered, StoreError};

/// Items looked at to let seats take turns.
const STAGE: usize = 64;
/// Bytes that these may hold, the last one aside.
const STAGE_BYTES: usize = 256 * 1024;
/// Keys waiting; beyond it new ones are dropped and found again by the next pass.
const MAX_KEYS: usize = 64 * 1024;
/// Stretches waiting; likewise.
const MAX_SPANS: usize = 4_096;
/// Beyond so many keys and exceptions no further claims are answered until some went out.
const FULL: usize = 32 * 1024;
/// Items remembered as known to the peer.
const KNOWN: usize = 16 * 1024;

/// Reads an item's canonical bytes from the store.
pub type Fetch<'a> = &'a dyn Fn(&ItemId) -> Option<Arc<[u8]>>;

struct Staged {
    key: OrderKey,
    bytes: Arc<[u8]>,
    /// Author's seat; zero for registry ops.
    seat: [u8; 32],
}

pub(super) struct Outbox {
    salt: Salt,
    keys: BTreeSet<OrderKey>,
    spans: Vec<Span>,
    /// All of one lane, in order.
    staged: Vec<Staged>,
    /// When each seat had its last turn.
    turns: BTreeMap<[u8; 32], u64>,
    turn: u64,
    known: BTreeSet<u64>,
    known_order: VecDeque<u64>,
}

impl Outbox {
    pub(super) fn new(salt: Salt) -> Self {
        Self {
            salt,
            keys: BTreeSet::new(),
            spans: Vec::new(),
            staged: Vec::new(),
            turns: BTreeMap::new(),
            turn: 0,
            known: BTreeSet::new(),
            known_order: VecDeque::new(),
        }
    }

    /// A pass begins: what was sent before may have got lost, nothing is taken as known.
    pub(super) fn forget_known(&mut self) {
        self.known.clear();
        self.known_order.clear();
    }

    /// The peer has this item or is being sent it.
    pub(super) fn mark_known(&mut self, id: &ItemId) {
        let short = self.salt.short(id);
        if self.known.insert(short) {
            self.known_order.push_back(short);
            if self.known_order.len() > KNOWN
                && let Some(oldest) = self.known_order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
    }

    fn is_known(&self, id: &ItemId) -> bool {
        self.known.contains(&self.salt.short(id))
    }

    /// The peer has this item: it needn't be sent.
    pub(super) fn withdraw(&mut self, key: &OrderKey) {
        self.mark_known(&key.id);
        self.keys.remove(key);
        self.staged.retain(|staged| staged.key != *key);
    }

    /// Queues an item. False if there was no room.
    pub(super) fn push(&mut self, key: OrderKey) -> bool {
        if self.is_known(&key.id) || self.staged.iter().any(|staged| staged.key == key) {
            return true;
        }
        if self.keys.len() >= MAX_KEYS {
            return false;
        }
        self.keys.insert(key);
        true
    }

    /// Queues stretches of the index. False if there was no room for all.
    pub(super) fn extend(&mut self, mut spans: Vec<Span>) -> bool {
        let room = MAX_SPANS.saturating_sub(self.spans.len());
        let all = spans.len() <= room;
        spans.truncate(room);
        self.spans.append(&mut spans);
        all
    }

    pub(super) fn is_full(&self) -> bool {
        self.keys.len() + self.spans.iter().map(|span| 1 + span.except.len()).sum::<usize>() > FULL
    }

    /// Nothing left to send in the lanes up to `last`. Exact right after [`Self::stage`].
    pub(super) fn is_empty(&self, last: u8) -> bool {
        self.next_lane().is_none_or(|lane| lane > last)
            && self.keys.first().is_none_or(|key| key.lane > last)
            && self.spans.iter().all(|span| span.next.lane > last)
    }

    /// The lane of the next item, once staged.
    pub(super) fn next_lane(&self) -> Option<u8> {
        self.staged.first().map(|staged| staged.key.lane)
    }

    /// Reads the next few items of the most urgent lane, if that isn't later than `last`.
    pub(super) fn stage(&mut self, index: &dyn Ordered, fetch: Fetch<'_>, last: u8) -> Result<(), StoreError> {
        loop {
            self.unfold(index, last)?;
            let urgent = self.keys.first().map(|key| key.lane).filter(|lane| *lane <= last);
            match (self.next_lane(), urgent) {
                (Some(staged), Some(lane)) if lane < staged => {
                    self.keys.extend(self.staged.drain(..).map(|staged| staged.key));
                }
                (Some(_), _) | (None, None) => return Ok(()),
                (None, Some(_)) => {}
            }
            let Some(lane) = urgent else { return Ok(()) };
            let mut bytes = 0;
            while self.staged.len() < STAGE && bytes < STAGE_BYTES {
                let Some(key) = self.keys.first().copied().filter(|key| key.lane == lane) else {
                    break;
                };
                self.keys.remove(&key);
                // What the store no longer has (erased meanwhile) isn't sent.
                if let Some(item) = fetch(&key.id) {
                    bytes += item.len();
                    let seat = if item.first() == Some(&VERSION) { item.get(38..70) } else { None };
                    self.staged.push(Staged {
                        key,
                        seat: seat.and_then(|seat| seat.try_into().ok()).unwrap_or_default(),
                        bytes: item,
                    });
                }
            }
        }
    }

    /// Turns the front of the earliest stretch into keys while it may hold the next item.
    fn unfold(&mut self, index: &dyn Ordered, last: u8) -> Result<(), StoreError> {
        while let Some(i) = (0..self.spans.len()).min_by_key(|i| self.spans[*i].next) {
            let next = self.spans[i].next;
            let later = self.keys.first().is_some_and(|key| *key < next) || self.staged.first().is_some_and(|s| s.key.lane < next.lane);
            if next.lane > last || later {
                return Ok(());
            }
            let (keys, rest) = self.spans.swap_remove(i).take(index, STAGE)?;
            self.spans.extend(rest);
            for key in keys {
                if !self.is_known(&key.id) {
                    self.keys.insert(key);
                }
            }
        }
        Ok(())
    }

    /// Length of the item that [`Self::pop`] would take.
    pub(super) fn peek(&self) -> Option<usize> {
        self.choose().map(|i| self.staged[i].bytes.len())
    }

    /// Takes the next staged item: of the seat that has waited longest, its oldest.
    pub(super) fn pop(&mut self) -> Option<(OrderKey, Arc<[u8]>)> {
        let staged = self.staged.remove(self.choose()?);
        self.turn += 1;
        if self.turns.len() > 1_024 {
            self.turns.clear();
        }
        self.turns.insert(staged.seat, self.turn);
        self.mark_known(&staged.key.id);
        Some((staged.key, staged.bytes))
    }

    fn choose(&self) -> Option<usize> {
        (0..self.staged.len()).min_by_key(|i| (self.turns.get(&self.staged[*i].seat).copied().unwrap_or(0), *i))
    }
}
