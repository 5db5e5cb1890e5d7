//! Envelopes that kill the process, remembered across its death.
//!
//! A panic is contained where it happens, each time the document is opened, and needs no memory ([`super::Folded::poisoned`]). An
//! abort, exhausted memory or a killed process is not contained. So the caller stores this list *before* it opens a batch
//! ([`PoisonList::begin`]), again after it ([`PoisonList::settle`]), and reads it first at start ([`PoisonList::decode`]). Whatever
//! was in hand when the process died is then opened alone; what was alone in hand at three deaths is poisoned: kept in the set, not
//! opened any more, its author to be flagged. One death proves nothing: a power cut must not hide a good fact.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::ItemId;
use crate::wire::{Reader, WireError, Writer, strictly_ascending};

/// Deaths alone in hand before an envelope is given up.
const STRIKES: u8 = 3;
/// Entries of each list: 2 MiB at most on disk.
const MAX_LISTED: usize = u16::MAX as usize;

/// Poisoned envelopes, suspects, and what is in hand. Kept by the caller under its own key in the store; local, never synced.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct PoisonList {
    poisoned: BTreeSet<ItemId>,
    suspects: BTreeMap<ItemId, u8>,
    in_hand: BTreeSet<ItemId>,
}

impl PoisonList {
    /// True for what must not be opened again. It stays in the set.
    pub fn is_poisoned(&self, envelope: &ItemId) -> bool {
        self.poisoned.contains(envelope)
    }

    /// Poisoned envelopes, ascending.
    pub fn poisoned(&self) -> impl Iterator<Item = ItemId> {
        self.poisoned.iter().copied()
    }

    /// Splits what is to be opened: suspects one by one, the rest together and in order, poisoned ones left out.
    pub fn batches(&self, envelopes: impl IntoIterator<Item = ItemId>) -> Vec<Vec<ItemId>> {
        let (alone, together): (Vec<_>, Vec<_>) = envelopes
            .into_iter()
            .filter(|id| !self.is_poisoned(id))
            .partition(|id| self.suspects.contains_key(id));
        let mut batches: Vec<Vec<_>> = together.chunks(MAX_LISTED).map(<[_]>::to_vec).collect();
        batches.extend(alone.into_iter().map(|id| vec![id]));
        batches
    }

    /// Takes one of [`Self::batches`] in hand: store the list now, then open.
    pub fn begin(&mut self, batch: &[ItemId]) {
        self.in_hand = batch.iter().copied().collect();
    }

    /// The process has outlived the batch: it is cleared of suspicion. Store the list again.
    pub fn settle(&mut self) {
        for id in std::mem::take(&mut self.in_hand) {
            self.suspects.remove(&id);
        }
    }

    /// Three lists, each a u16 count and ascending ids; suspects carry their strikes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u16(self.poisoned.len().min(MAX_LISTED) as u16);
        for id in self.poisoned.iter().take(MAX_LISTED) {
            w.bytes(&id.0);
        }
        w.u16(self.suspects.len().min(MAX_LISTED) as u16);
        for (id, strikes) in self.suspects.iter().take(MAX_LISTED) {
            w.bytes(&id.0).u8(*strikes);
        }
        w.u16(self.in_hand.len().min(MAX_LISTED) as u16);
        for id in self.in_hand.iter().take(MAX_LISTED) {
            w.bytes(&id.0);
        }
        w.finish()
    }

    /// Reads a stored list at start. Whatever is still in hand was so when the process died: it becomes suspect, or poisoned.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let mut list = Self {
            poisoned: ids(&mut r)?.into_iter().collect(),
            ..Self::default()
        };
        for _ in 0..r.count16(MAX_LISTED, "suspects")? {
            let id = ItemId(r.array()?);
            list.suspects.insert(id, r.u8()?);
        }
        let in_hand = ids(&mut r)?;
        r.end()?;
        if let [id] = in_hand[..] {
            let strikes = list.suspects.entry(id).or_default();
            *strikes = strikes.saturating_add(1);
            if *strikes >= STRIKES {
                list.suspects.remove(&id);
                list.poisoned.insert(id);
            }
        } else {
            for id in in_hand {
                list.suspects.entry(id).or_default();
            }
        }
        Ok(list)
    }
}

fn ids(r: &mut Reader<'_>) -> Result<Vec<ItemId>, WireError> {
    let count = r.count16(MAX_LISTED, "envelopes")?;
    let ids = (0..count).map(|_| Ok(ItemId(r.array()?))).collect::<Result<Vec<_>, _>>()?;
    strictly_ascending(&ids, "envelopes")?;
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> ItemId {
        ItemId([n; 32])
    }

    #[test]
    fn t31_what_kills_the_process_is_found_alone_and_given_up() {
        let all = [id(1), id(2), id(3), id(4)];
        let killer = id(3);
        let mut stored = PoisonList::default().encode();
        let mut deaths = 0;
        let mut opened = BTreeSet::new();
        'start: loop {
            assert!(deaths < 10, "a crash loop");
            let mut list = PoisonList::decode(&stored).unwrap();
            for batch in list.batches(all) {
                list.begin(&batch);
                stored = list.encode();
                if batch.contains(&killer) {
                    deaths += 1;
                    continue 'start;
                }
                opened.extend(batch);
                list.settle();
            }
            assert!(list.is_poisoned(&killer));
            break;
        }
        assert_eq!(deaths, 1 + usize::from(STRIKES));
        assert_eq!(opened, BTreeSet::from([id(1), id(2), id(4)]));
    }

    #[test]
    fn one_power_cut_poisons_nothing() {
        let mut list = PoisonList::default();
        list.begin(&[id(1)]);
        let mut list = PoisonList::decode(&list.encode()).unwrap();
        assert!(!list.is_poisoned(&id(1)));
        list.begin(&[id(1)]);
        list.settle();
        assert_eq!(PoisonList::decode(&list.encode()).unwrap(), PoisonList::default());
    }

    #[test]
    fn a_damaged_list_is_an_error() {
        let mut list = PoisonList::default();
        list.begin(&[id(1), id(2)]);
        let bytes = list.encode();
        for n in 0..bytes.len() {
            assert!(PoisonList::decode(&bytes[..n]).is_err(), "{n}");
        }
    }
}
