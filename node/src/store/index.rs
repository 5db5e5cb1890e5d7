//! Where everything lies, in memory: the order of items, their ids, their documents, and the local records.
//!
//! One slot of 64 bytes an item in order of arrival, and three sorted lists of slot numbers over them: about 80 bytes an item, no
//! allocation of its own for any. Holds no truth: [`super::checkpoint`] saves it at a clean stop, a walk through the log makes it
//! anew.

use std::collections::BTreeMap;
use std::ops::Bound;

use bocage_protocol::ids::{DocId, ItemId};
use bocage_protocol::store::OrderKey;

use super::segment::{Entry, Position};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    pub(super) key: OrderKey,
    /// Number of the document in [`Index::docs`].
    pub(super) doc: u32,
    /// A length of zero: the item was found damaged and is no longer listed.
    pub(super) at: Position,
}

impl Slot {
    pub(super) fn is_listed(&self) -> bool {
        self.at.len > 0
    }
}

#[derive(Default)]
pub(super) struct Index {
    slots: Vec<Slot>,
    docs: Vec<DocId>,
    doc_numbers: BTreeMap<DocId, u32>,
    by_key: Sorted,
    by_id: Sorted,
    by_doc: Sorted,
    pub(super) locals: BTreeMap<Vec<u8>, Position>,
    sum: [u64; 4],
}

impl Index {
    pub(super) fn len(&self) -> u64 {
        self.by_key.len as u64
    }

    /// Sum of all ids modulo 2^256: two indexes with the same count and sum list the same items.
    pub(super) fn sum(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.chunks_exact_mut(8)
            .zip(self.sum.iter().rev())
            .for_each(|(o, s)| o.copy_from_slice(&s.to_be_bytes()));
        out
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    pub(super) fn docs(&self) -> &[DocId] {
        &self.docs
    }

    pub(super) fn find(&self, id: &ItemId) -> Option<&Slot> {
        let at = self.by_id.find(id, |n| self.slots[n as usize].key.id).ok()?;
        Some(&self.slots[self.by_id.at(at) as usize])
    }

    pub(super) fn range(&self, from: Bound<OrderKey>, limit: usize) -> Vec<OrderKey> {
        let key_of = |n: u32| self.slots[n as usize].key;
        let (start, skip) = match from {
            Bound::Unbounded => ((0, 0), None),
            Bound::Included(key) => (self.by_key.find(&key, key_of).unwrap_or_else(|free| free), None),
            Bound::Excluded(key) => (self.by_key.find(&key, key_of).unwrap_or_else(|free| free), Some(key)),
        };
        let keys = self.by_key.iter_from(start).map(key_of);
        keys.skip_while(|k| Some(*k) == skip).take(limit).collect()
    }

    pub(super) fn of_document(&self, doc: &DocId) -> Vec<OrderKey> {
        let Some(&number) = self.doc_numbers.get(doc) else {
            return Vec::new();
        };
        let start = self.by_doc.find(&(number, OrderKey::MIN), |n| self.doc_key(n));
        let slots = self
            .by_doc
            .iter_from(start.unwrap_or_else(|free| free))
            .map(|n| &self.slots[n as usize]);
        slots.take_while(|s| s.doc == number).map(|s| s.key).collect()
    }

    /// Lists an item; false, and nothing changes, if its id is listed already.
    pub(super) fn insert(&mut self, key: OrderKey, doc: DocId, at: Position) -> bool {
        let n = self.slots.len() as u32;
        let Err(by_id) = self.by_id.find(&key.id, |n| self.slots[n as usize].key.id) else {
            return false;
        };
        let doc = self.doc_number(doc);
        self.slots.push(Slot { key, doc, at });
        let by_key = self.by_key.find(&key, |n| self.slots[n as usize].key).unwrap_or_else(|free| free);
        let by_doc = self.by_doc.find(&self.doc_key(n), |n| self.doc_key(n)).unwrap_or_else(|free| free);
        self.by_id.insert(by_id, n);
        self.by_key.insert(by_key, n);
        self.by_doc.insert(by_doc, n);
        add(&mut self.sum, &key.id, false);
        true
    }

    /// Takes an item off every list, so that it can be fetched and stored again.
    pub(super) fn remove(&mut self, id: &ItemId) -> bool {
        let Ok(by_id) = self.by_id.find(id, |n| self.slots[n as usize].key.id) else {
            return false;
        };
        let n = self.by_id.at(by_id);
        let slot = self.slots[n as usize];
        let by_key = self.by_key.find(&slot.key, |n| self.slots[n as usize].key);
        let by_doc = self.by_doc.find(&self.doc_key(n), |n| self.doc_key(n));
        self.by_id.remove(by_id);
        self.by_key.remove(by_key.expect("what is listed by id is listed by key"));
        self.by_doc.remove(by_doc.expect("what is listed by id is listed by document"));
        self.slots[n as usize].at.len = 0;
        add(&mut self.sum, id, true);
        true
    }

    fn doc_key(&self, n: u32) -> (u32, OrderKey) {
        let slot = &self.slots[n as usize];
        (slot.doc, slot.key)
    }

    fn doc_number(&mut self, doc: DocId) -> u32 {
        let Self { docs, doc_numbers, .. } = self;
        *doc_numbers.entry(doc).or_insert_with(|| {
            docs.push(doc);
            docs.len() as u32 - 1
        })
    }
}

/// Gathers slots in order of arrival and sorts them once: what a start needs instead of a million insertions.
#[derive(Default)]
pub(super) struct Builder {
    index: Index,
}

impl Builder {
    /// From saved parts; `None` if a slot names a document that isn't there.
    pub(super) fn from_parts(slots: Vec<Slot>, docs: Vec<DocId>, locals: BTreeMap<Vec<u8>, Position>) -> Option<Self> {
        let doc_numbers: BTreeMap<_, _> = docs.iter().copied().zip(0..).collect();
        let sound = doc_numbers.len() == docs.len() && slots.iter().all(|s| (s.doc as usize) < docs.len());
        sound.then(|| Self {
            index: Index {
                slots,
                docs,
                doc_numbers,
                locals,
                ..Index::default()
            },
        })
    }

    /// Takes the next entry of the log. Of two items with one id the first is kept, of two local records the last.
    pub(super) fn take(&mut self, entry: &Entry<'_>, at: Position) {
        match entry {
            Entry::Item { key, doc, .. } => {
                let doc = self.index.doc_number(*doc);
                self.index.slots.push(Slot { key: *key, doc, at });
            }
            Entry::Put { key, .. } => {
                self.index.locals.insert(key.to_vec(), at);
            }
            Entry::Remove { key } => {
                self.index.locals.remove(*key);
            }
            Entry::Stop(_) => {}
        }
    }

    pub(super) fn finish(self) -> Index {
        let mut index = self.index;
        let slots = &mut index.slots;
        // Sorted with the first bytes beside each number: following every number to its slot would cost ten times as long.
        let mut by_id: Vec<(u64, u32)> = listed(slots).map(|n| (prefix(&slots[n as usize].key.id), n)).collect();
        by_id.sort_unstable_by(|a, b| {
            let full = |n: u32| (&slots[n as usize].key.id, n);
            a.0.cmp(&b.0).then_with(|| full(a.1).cmp(&full(b.1)))
        });
        let mut last: Option<ItemId> = None;
        by_id.retain(|&(_, n)| {
            let slot = &mut slots[n as usize];
            let is_first = last.replace(slot.key.id) != Some(slot.key.id);
            if !is_first {
                slot.at.len = 0;
            }
            is_first
        });
        index.by_id = Sorted::from_sorted(by_id.into_iter().map(|(_, n)| n));
        let mut by_key: Vec<(u8, u64, u32)> = listed(slots)
            .map(|n| {
                let key = &slots[n as usize].key;
                (key.lane, key.time.0, n)
            })
            .collect();
        by_key.sort_unstable_by(|a, b| {
            let id = |n: u32| &slots[n as usize].key.id;
            (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| id(a.2).cmp(id(b.2)))
        });
        let mut by_doc: Vec<(u32, u32)> = (0..).zip(&by_key).map(|(rank, k)| (slots[k.2 as usize].doc, rank)).collect();
        by_doc.sort_unstable();
        index.by_doc = Sorted::from_sorted(by_doc.into_iter().map(|(_, rank)| by_key[rank as usize].2));
        index.by_key = Sorted::from_sorted(by_key.into_iter().map(|(_, _, n)| n));
        for slot in slots.iter().filter(|s| s.is_listed()) {
            add(&mut index.sum, &slot.key.id, false);
        }
        index
    }
}

fn listed(slots: &[Slot]) -> impl Iterator<Item = u32> + '_ {
    (0..).zip(slots).filter(|(_, slot)| slot.is_listed()).map(|(n, _)| n)
}

fn prefix(id: &ItemId) -> u64 {
    u64::from_be_bytes(*id.0.first_chunk().expect("an id has 32 bytes"))
}

fn add(sum: &mut [u64; 4], id: &ItemId, negative: bool) {
    let mut carry = negative;
    for (limb, part) in sum.iter_mut().zip(id.0.rchunks_exact(8)) {
        let part = u64::from_be_bytes(part.try_into().expect("chunks of eight"));
        let (a, over) = limb.overflowing_add(if negative { !part } else { part });
        let (b, over_too) = a.overflowing_add(u64::from(carry));
        *limb = b;
        carry = over || over_too;
    }
}

/// A sorted list of slot numbers in chunks: what it is sorted by lies in the slots, the caller says how to find it.
#[derive(Default)]
struct Sorted {
    /// None is empty.
    chunks: Vec<Vec<u32>>,
    len: usize,
}

/// Chunk, and place in it.
type Place = (usize, usize);

impl Sorted {
    const CHUNK: usize = 1024;

    fn from_sorted(mut list: impl ExactSizeIterator<Item = u32>) -> Self {
        let len = list.len();
        let mut chunks = Vec::new();
        while list.len() > 0 {
            chunks.push(list.by_ref().take(Self::CHUNK * 3 / 4).collect());
        }
        Self { chunks, len }
    }

    /// Where `key` is, or where it would go.
    fn find<K: Ord>(&self, key: &K, key_of: impl Fn(u32) -> K) -> Result<Place, Place> {
        let chunk = self.chunks.partition_point(|c| key_of(c[0]) <= *key).saturating_sub(1);
        let Some(list) = self.chunks.get(chunk) else { return Err((0, 0)) };
        match list.binary_search_by_key(key, |&n| key_of(n)) {
            Ok(i) => Ok((chunk, i)),
            Err(i) => Err((chunk, i)),
        }
    }

    fn at(&self, (chunk, i): Place) -> u32 {
        self.chunks[chunk][i]
    }

    fn iter_from(&self, (chunk, i): Place) -> impl Iterator<Item = u32> + '_ {
        let first = self.chunks.get(chunk).map_or(&[][..], |c| &c[i..]);
        let rest = self.chunks.get(chunk + 1..).unwrap_or_default();
        first.iter().chain(rest.iter().flatten()).copied()
    }

    fn insert(&mut self, (chunk, i): Place, n: u32) {
        self.len += 1;
        let Some(list) = self.chunks.get_mut(chunk) else {
            self.chunks.push(vec![n]);
            return;
        };
        list.insert(i, n);
        if list.len() > Self::CHUNK {
            // An appended list stays full, any other is halved.
            let at = if i + 1 == list.len() { Self::CHUNK } else { Self::CHUNK / 2 };
            let tail = list.split_off(at);
            self.chunks.insert(chunk + 1, tail);
        }
    }

    fn remove(&mut self, (chunk, i): Place) {
        self.len -= 1;
        self.chunks[chunk].remove(i);
        if self.chunks[chunk].is_empty() {
            self.chunks.remove(chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bocage_protocol::store::conformance::item;

    fn at(n: u64) -> Position {
        Position {
            segment: 1,
            offset: n as u32,
            len: 1,
        }
    }

    fn same(a: &Index, b: &Index) {
        assert_eq!((a.len(), a.sum()), (b.len(), b.sum()));
        assert_eq!(a.range(Bound::Unbounded, usize::MAX), b.range(Bound::Unbounded, usize::MAX));
        for doc in a.docs() {
            assert_eq!(a.of_document(doc), b.of_document(doc));
        }
    }

    #[test]
    fn built_at_once_or_one_by_one_it_is_the_same() {
        let (mut builder, mut single) = (Builder::default(), Index::default());
        for (arrival, n) in (0..5_000).chain(100..200).map(|n| n * 7919 % 5_000).enumerate() {
            let i = item(n);
            let position = at(arrival as u64 + 1);
            let entry = Entry::Item {
                key: i.key,
                doc: i.doc,
                bytes: &i.bytes,
            };
            builder.take(&entry, position);
            assert_eq!(
                single.insert(i.key, i.doc, position),
                arrival < 5_000,
                "the second time it is known"
            );
        }
        let built = builder.finish();
        same(&built, &single);
        assert_eq!(built.len(), 5_000);
        for n in 0..5_000 {
            assert_eq!(built.find(&item(n).key.id), single.find(&item(n).key.id), "the first place is kept");
        }
    }

    #[test]
    fn what_was_removed_can_come_again() {
        let mut index = Index::default();
        for n in 0..3_000 {
            index.insert(item(n).key, item(n).doc, at(n));
        }
        let (len, sum) = (index.len(), index.sum());
        for n in (0..3_000).step_by(3) {
            assert!(index.remove(&item(n).key.id) && !index.remove(&item(n).key.id));
            assert_eq!(index.find(&item(n).key.id), None);
        }
        let left: Vec<_> = (0..3_000).filter(|n| n % 3 != 0).map(|n| item(n).key).collect();
        let mut expected = left.clone();
        expected.sort();
        assert_eq!(index.range(Bound::Unbounded, usize::MAX), expected);
        for n in (0..3_000).step_by(3) {
            assert!(index.insert(item(n).key, item(n).doc, at(n)));
        }
        assert_eq!(
            (index.len(), index.sum()),
            (len, sum),
            "the sum forgets what left and counts what came"
        );
    }
}
