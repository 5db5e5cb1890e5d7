//! The in-memory twin: what a store means, without a disk. Used by tests and simulations.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::{Batch, Fingerprint, LocalRecord, OrderKey, Ordered, SetIndex, Store, StoreError, VerifyReport};
use crate::ids::{DocId, ItemId};

/// A [`Store`] in ordinary maps. "Durable" here means: as long as the value lives.
#[derive(Clone, Default)]
pub struct MemoryStore {
    items: BTreeMap<ItemId, Arc<[u8]>>,
    order: SetIndex,
    documents: BTreeMap<DocId, BTreeSet<OrderKey>>,
    local: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Ordered for MemoryStore {
    fn total(&self) -> Fingerprint {
        self.order.total()
    }

    fn below(&self, key: &OrderKey) -> Result<Fingerprint, StoreError> {
        self.order.below(key)
    }

    fn nth(&self, n: u64) -> Result<Option<OrderKey>, StoreError> {
        self.order.nth(n)
    }

    fn range(&self, from: Bound<OrderKey>, limit: usize) -> Result<Vec<OrderKey>, StoreError> {
        self.order.range(from, limit)
    }
}

impl Store for MemoryStore {
    fn commit(&mut self, batch: &Batch) -> Result<Vec<bool>, StoreError> {
        batch.check()?;
        let mut new = Vec::with_capacity(batch.items.len());
        for item in &batch.items {
            let first = !self.items.contains_key(&item.key.id);
            if first {
                self.items.insert(item.key.id, item.bytes.clone());
                self.order.insert(&item.key);
                self.documents.entry(item.doc).or_default().insert(item.key);
            }
            new.push(first);
        }
        for write in &batch.local {
            match &write.value {
                Some(value) => self.local.insert(write.key.clone(), value.clone()),
                None => self.local.remove(&write.key),
            };
        }
        Ok(new)
    }

    fn get(&self, id: &ItemId) -> Result<Option<Arc<[u8]>>, StoreError> {
        Ok(self.items.get(id).cloned())
    }

    fn contains(&self, id: &ItemId) -> Result<bool, StoreError> {
        Ok(self.items.contains_key(id))
    }

    fn of_document(&self, doc: &DocId) -> Result<Vec<OrderKey>, StoreError> {
        Ok(self.documents.get(doc).into_iter().flatten().copied().collect())
    }

    fn local(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.local.get(key).cloned())
    }

    fn local_prefix(&self, prefix: &[u8]) -> Result<Vec<LocalRecord>, StoreError> {
        let from = self.local.range(prefix.to_vec()..);
        Ok(from
            .take_while(|(k, _)| k.starts_with(prefix))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect())
    }

    fn verify(&mut self) -> Result<VerifyReport, StoreError> {
        let bytes = self.items.values().map(|b| b.len() as u64).sum();
        Ok(VerifyReport {
            items: self.len(),
            bytes,
            ..VerifyReport::default()
        })
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;

    #[test]
    fn the_twin_is_a_store() {
        conformance::suite(&mut MemoryStore::default, &mut |store| store);
    }
}
