//! What the engine needs from a disk, with no engine's types in it.
//!
//! Architecture invariant: [`Store::commit`] is atomic and durable on return; nothing is acknowledged or shown as saved before it
//! returns. The store treats items as opaque bytes under an order key: it sees no plaintext, no key, no patient.
//!
//! One conformance suite ([`conformance`]) runs on the in-memory twin and on the real store.

use std::ops::Bound;
use std::sync::Arc;
use thiserror::Error;

use crate::ids::{DocId, ItemId};

pub mod conformance;
mod memory;
mod order;
mod set_index;

pub use memory::MemoryStore;
pub use order::{Fingerprint, OrderKey, Ordered, Packed, Walk};
pub use set_index::SetIndex;

/// One item as it is stored: canonical bytes under its place in the set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredItem {
    pub key: OrderKey,
    /// The document it belongs to; zero for registry ops.
    pub doc: DocId,
    pub bytes: Arc<[u8]>,
}

/// A local record that never leaves the node: own counters, drafts, the gate's journal. Name and (sealed) value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalWrite {
    /// Up to [`MAX_LOCAL_KEY`] bytes; never a patient's name.
    pub key: Vec<u8>,
    /// `None` removes.
    pub value: Option<Vec<u8>>,
}

/// Name and value of a local record as it is read.
pub type LocalRecord = (Vec<u8>, Vec<u8>);

/// Longest name of a local record.
pub const MAX_LOCAL_KEY: usize = 256;
/// Longest value of a local record.
pub const MAX_LOCAL_VALUE: usize = 4 * 1024 * 1024;
/// Longest item, with room over the longest envelope.
pub const MAX_ITEM: usize = 320 * 1024;
/// Most a batch weighs ([`Batch::weight`]): what a store must be able to write, and to read back, in one piece.
pub const MAX_BATCH: usize = 32 * 1024 * 1024;
/// What a write weighs besides its own bytes: covers its key and its framing on disk.
pub const WRITE_WEIGHT: usize = 128;

/// All or nothing: after a crash either every write of a batch is there or none.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Batch {
    /// Items already stored (same id) are skipped.
    pub items: Vec<StoredItem>,
    pub local: Vec<LocalWrite>,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.local.is_empty()
    }

    /// Bytes to write, framing included, rounded up.
    pub fn weight(&self) -> usize {
        let items = self.items.iter().map(|i| i.bytes.len() + WRITE_WEIGHT);
        let local = self
            .local
            .iter()
            .map(|w| w.key.len() + w.value.as_ref().map_or(0, Vec::len) + WRITE_WEIGHT);
        items.chain(local).fold(0, usize::saturating_add)
    }

    /// The bounds every store holds a batch to, before it writes any of it.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.items.iter().any(|i| i.bytes.len() > MAX_ITEM) {
            return Err(StoreError::OutOfBounds("item"));
        }
        let too_long = |w: &LocalWrite| w.key.len() > MAX_LOCAL_KEY || w.value.as_ref().is_some_and(|v| v.len() > MAX_LOCAL_VALUE);
        if self.local.iter().any(too_long) {
            return Err(StoreError::OutOfBounds("local record"));
        }
        if self.weight() > MAX_BATCH {
            return Err(StoreError::OutOfBounds("batch"));
        }
        Ok(())
    }
}

/// Why the disk refused. None of these lose what an earlier commit acknowledged.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The operating system said no; nothing of the batch is acknowledged, the store stays readable.
    #[error("the disk refused: {0}")]
    Io(#[from] std::io::Error),
    /// No room left; everything acknowledged so far is safe.
    #[error("the disk is full; everything saved so far is safe")]
    Full,
    /// Stored bytes are damaged; what is damaged is left out and fetched again from peers.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// Another process holds this data directory.
    #[error("another process is using this data directory")]
    Locked,
    /// Written by a newer version of Bocage; nothing was touched.
    #[error("this data directory was written by a newer version ({0}); update Bocage, nothing was changed")]
    Newer(u32),
    /// The caller asked for something beyond the bounds of this module.
    #[error("{0} is out of bounds")]
    OutOfBounds(&'static str),
}

/// What [`Store::verify`] found.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct VerifyReport {
    pub items: u64,
    pub bytes: u64,
    /// Records whose checksum or id doesn't hold: quarantined, to be fetched again.
    pub damaged: u64,
    /// True if the index disagreed with the log and was rebuilt.
    pub index_rebuilt: bool,
}

/// An ordered set of immutable items, and a small map of local records.
pub trait Store: Ordered {
    /// Writes a batch atomically; durable on return. Returns, for each item, whether it is new.
    fn commit(&mut self, batch: &Batch) -> Result<Vec<bool>, StoreError>;

    /// The item's canonical bytes.
    fn get(&self, id: &ItemId) -> Result<Option<Arc<[u8]>>, StoreError>;

    fn contains(&self, id: &ItemId) -> Result<bool, StoreError>;

    /// Shows up to `limit` items with their bytes, in order from `from` on; says which was the last. What can't be read is left out.
    fn read(&self, from: Bound<OrderKey>, limit: usize, see: &mut dyn FnMut(&OrderKey, &[u8])) -> Result<Option<OrderKey>, StoreError> {
        let keys = self.range(from, limit)?;
        for key in &keys {
            if let Some(bytes) = self.get(&key.id)? {
                see(key, &bytes);
            }
        }
        Ok(keys.last().copied())
    }

    /// Keys of a document's items, in order.
    fn of_document(&self, doc: &DocId) -> Result<Vec<OrderKey>, StoreError>;

    fn local(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Names and values of local records that start with `prefix`, in byte order.
    fn local_prefix(&self, prefix: &[u8]) -> Result<Vec<LocalRecord>, StoreError>;

    /// Reads everything and compares checksums.
    fn verify(&mut self) -> Result<VerifyReport, StoreError>;

    /// Flushes and marks a clean stop.
    fn close(self: Box<Self>) -> Result<(), StoreError>;
}
