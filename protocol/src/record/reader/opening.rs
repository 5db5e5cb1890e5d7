//! Opening a seat, also after something it opened has killed the process.
//!
//! A panic is contained each time; an abort or exhausted memory is not. So opening leaves a mark in the store that goes when it
//! has ended. Where the mark is still there, the last opening died: this one goes carefully, with a [`PoisonList`] that says what
//! is in hand, until it has found what kills it. The usual case costs two small writes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Open, Reader};
use crate::access::keyring::KeyRing;
use crate::envelope::Envelope;
use crate::identity::Registry;
use crate::ids::{DocId, ItemId};
use crate::record::pen::{Pen, SeatSecrets};
use crate::record::{Arrival, Document, Gate, MAX_WAITING, PoisonList, Verdict};
use crate::store::{Batch, LocalWrite, Store, StoreError};

/// Content that is opened and folded at a time: bounds what is decrypted in memory at once.
const FOLD_BATCH: usize = 512;
/// Local record that exists while a seat is being opened.
const OPENING: &[u8] = b"reader/opening";
/// Local record with the [`PoisonList`].
const POISON: &[u8] = b"reader/poison";

impl Reader {
    /// Opens a seat on everything stored. `incarnation` must be fresh randomness.
    ///
    /// # Errors
    /// The store can't be read. One that can't be written is no obstacle: a full disk keeps nobody from reading.
    pub fn open(me: SeatSecrets, incarnation: u64, store: &mut dyn Store, registry: &Registry, now_ms: u64) -> Result<Self, StoreError> {
        let died = store.local(OPENING)?.is_some();
        // A damaged list is an empty one: it is found out again.
        let poison = store
            .local(POISON)?
            .and_then(|bytes| PoisonList::decode(&bytes).ok())
            .unwrap_or_default();
        let _ = store.commit(&note(OPENING, Some(vec![1])));

        let network = registry.network_id();
        let pen = Pen::resume(me.key(), incarnation, store)?;
        let mut ring = KeyRing::new(network);
        ring.add_secret(me.kem.clone());
        let mut reader = Self {
            me,
            network,
            pen,
            ring,
            poison,
            chains: BTreeMap::new(),
            links: BTreeMap::new(),
            docs: BTreeMap::new(),
            records: BTreeMap::new(),
            dirty: BTreeSet::new(),
            openable: BTreeSet::new(),
            denied: BTreeSet::new(),
            grown: BTreeSet::new(),
            touched: BTreeSet::new(),
            closed: BTreeSet::new(),
            awaited: BTreeSet::new(),
        };
        let mut from = std::ops::Bound::Unbounded;
        loop {
            let keys = store.range(from, 4_096)?;
            let Some(last) = keys.last() else { break };
            from = std::ops::Bound::Excluded(*last);
            reader.take(&keys, store, now_ms)?;
        }
        if died {
            reader.open_carefully(store)?;
        }
        reader.settle(store, registry)?;
        let _ = store.commit(&note(OPENING, None));
        Ok(reader)
    }

    /// Opens what can be opened with a journal of what is in hand: suspects one by one.
    fn open_carefully(&mut self, store: &mut dyn Store) -> Result<(), StoreError> {
        let mut place: BTreeMap<ItemId, DocId> = BTreeMap::new();
        for doc in self.take_openable() {
            // A plain list in a canonical form: nothing in it could kill.
            self.open_receipts(doc, store)?;
            let known = self.ring.epochs(doc).filter_map(|key| self.docs[&doc].sealed.get(&key.kid()));
            place.extend(known.flatten().map(|item| (*item, doc)));
        }
        let mut batches: VecDeque<Vec<ItemId>> = self.poison.batches(place.keys().copied()).into();
        while let Some(batch) = batches.pop_front() {
            self.poison.begin(&batch);
            let _ = store.commit(&note(POISON, Some(self.poison.encode())));
            let batch: BTreeSet<ItemId> = batch.into_iter().collect();
            let docs: BTreeSet<DocId> = batch.iter().filter_map(|item| place.get(item)).copied().collect();
            for doc in docs {
                // What waited for one of these is taken in hand by itself.
                let freed = self.open_document(doc, Some(&batch), store)?;
                batches.extend(freed.into_iter().map(|item| vec![item]));
            }
            self.poison.settle();
        }
        for (item, doc) in place.iter().filter(|(item, _)| self.poison.is_poisoned(item)) {
            let doc = self.docs.get_mut(doc).expect("listed above");
            doc.sealed.values_mut().for_each(|items| items.retain(|i| i != item));
            let author = doc.records.get(item).expect("taken with its content").link.seat;
            doc.refused.insert(*item, author);
        }
        store.commit(&note(POISON, Some(self.poison.encode()))).map(drop)
    }

    /// Opens a document's sealed content, or only these envelopes of it. Returns envelopes that can be opened now and weren't to be.
    pub(super) fn open_document(
        &mut self,
        id: DocId,
        only: Option<&BTreeSet<ItemId>>,
        store: &dyn Store,
    ) -> Result<Vec<ItemId>, StoreError> {
        let mut freed = Vec::new();
        let Some(doc) = self.docs.get_mut(&id) else { return Ok(freed) };
        let open = doc.open.get_or_insert_with(|| {
            Box::new(Open {
                gate: Gate::new(id),
                document: Document::new(id),
            })
        });
        let wanted = |item: &ItemId| only.is_none_or(|only| only.contains(item));
        let mut queue: Vec<ItemId> = Vec::new();
        for key in self.ring.epochs(id) {
            if let Some(items) = doc.sealed.get_mut(&key.kid()) {
                queue.extend(items.extract_if(.., |item| wanted(item)));
            }
        }
        doc.sealed.retain(|_, items| !items.is_empty());
        while !queue.is_empty() {
            let mut admitted = Vec::new();
            let mut continued = BTreeSet::new();
            for item in queue.split_off(queue.len().saturating_sub(FOLD_BATCH)) {
                #[cfg(test)]
                crate::record::testing::die_if_marked(item);
                // What a disk has lost or somebody has altered comes again from a peer, or never.
                let Some(bytes) = store.get(&item)? else { continue };
                let Some(envelope) = Envelope::parse(&bytes).ok().and_then(|e| e.verify(&self.network).ok()) else {
                    continue;
                };
                let (kid, author) = (envelope.header.kid, envelope.header.seat);
                let opened = self.ring.key(id, kid).map(|key| envelope.open(key.secret()));
                let Some(Ok(plaintext)) = opened else {
                    doc.refused.insert(item, author);
                    continue;
                };
                let (verdict, released) = open.gate.offer(&Arrival::from(&*envelope), plaintext.bytes());
                match verdict {
                    Verdict::Admitted(change) => {
                        doc.opened.insert(item);
                        admitted.push(change);
                        continued.insert(author);
                        for item in released {
                            let Some((kid, _)) = doc.held_up.remove(&item) else { continue };
                            if wanted(&item) {
                                queue.push(item);
                            } else {
                                doc.sealed.entry(kid).or_default().insert(item);
                                freed.push(item);
                            }
                        }
                    }
                    Verdict::Refused(_) => drop(doc.refused.insert(item, author)),
                    Verdict::Waiting(_) => drop(doc.held_up.insert(item, (kid, author))),
                }
            }
            let folded = open.document.fold(admitted);
            doc.refused.extend(folded.poisoned);
            // Beyond its bound the gate remembers nothing: what it forgot is offered again when its author goes on.
            if queue.is_empty() && doc.held_up.len() > MAX_WAITING {
                let again = doc
                    .held_up
                    .extract_if(.., |item, (_, author)| continued.contains(author) && wanted(item));
                queue.extend(again.map(|(item, _)| item));
            }
        }
        self.dirty.insert(id);
        Ok(freed)
    }
}

fn note(key: &[u8], value: Option<Vec<u8>>) -> Batch {
    let key = key.to_vec();
    Batch {
        items: Vec::new(),
        local: vec![LocalWrite { key, value }],
    }
}
