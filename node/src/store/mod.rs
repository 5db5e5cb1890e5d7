//! The real store: an append-only log of segments is the truth, an index in memory says where things lie, sled keeps the index
//! between a clean stop and the next start.
//!
//! ```text
//! lock            one process
//! log/00000001.seg …   every batch, in order ([`segment`])
//! index/          sled; may be deleted at any time
//! index.aside     the last one that was not believed
//! reserve         room for a revocation on a full disk
//! ```
//!
//! Faults it stands: kill -9 and power loss at any moment (nothing acknowledged is lost, no half batch appears); a full disk;
//! failing writes and syncs; flipped bits and cut files (left out, counted, never served); sled doing its worst. It doesn't notice
//! an old image of the whole directory put back: incarnations and gap audits between peers do.
//!
//! Architecture invariant: nothing here knows a key or a plaintext. Space of replaced local records is not yet taken back.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bocage_protocol::ids::{DocId, ItemId};
use bocage_protocol::store::{Batch, LocalRecord, OrderKey, Store, StoreError, VerifyReport};

mod checkpoint;
mod index;
mod log;
mod place;
pub mod segment;

use index::{Builder, Index};
use log::{Log, Replayed};
use place::Reserve;
use segment::{Entry, Position, Stop};

/// Sizes; the defaults are for real use, tests take smaller ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// A segment that has reached this many bytes gets no further record. At most 1 GiB.
    pub segment_bytes: u64,
    /// Room kept for a full disk, in bytes.
    pub reserve_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            reserve_bytes: 1 << 20,
        }
    }
}

/// How the last start went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Start {
    /// An empty directory.
    New,
    /// After a clean stop: the saved index holds.
    Clean,
    /// The index was made again from the log, because of this.
    Rebuilt(String),
}

/// What an operator, and the engine, should know about the disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    pub start: Start,
    pub items: u64,
    pub locals: u64,
    pub segments: usize,
    pub log_bytes: u64,
    /// Bytes of a batch that was being written when the last run ended, cut at start. They were never acknowledged.
    pub cut_bytes: u64,
    /// Places of the log found damaged: their items are absent and to be fetched again.
    pub damaged: u64,
    /// Upper bound of the batches of which nothing is left.
    pub lost_batches: u64,
    /// Segments given up since the start after a failed write or sync.
    pub poisoned: u32,
    /// Bytes the reserve holds at present.
    pub reserve_bytes: u64,
}

impl Report {
    /// Damage may have hidden the latest write of some local record, so that an earlier value shows. The engine must then act as
    /// after restoring an old image: a new incarnation, no trust in its own counters.
    pub fn locals_may_be_stale(&self) -> bool {
        self.damaged > 0 || self.lost_batches > 0
    }
}

/// [`Store`] on a directory.
pub struct LogStore {
    dir: PathBuf,
    log: Log,
    index: Index,
    /// Found damaged on reading: absent from now on, off the index at the next change.
    damaged: Mutex<BTreeSet<ItemId>>,
    found: Replayed,
    start: Start,
    /// Held until the end.
    _lock: place::Lock,
}

impl LogStore {
    /// Opens or creates. If the index has to be made again, `progress` hears bytes read and bytes in all.
    ///
    /// Errors: [`StoreError::Locked`], [`StoreError::Newer`] (nothing was touched), [`StoreError::Io`]. Damage is not an error: see
    /// [`Self::report`].
    pub fn open(dir: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Self, StoreError> {
        Self::open_with(dir, Config::default(), progress)
    }

    /// [`Self::open`] with other sizes.
    pub fn open_with(dir: &Path, config: Config, progress: &mut dyn FnMut(u64, u64)) -> Result<Self, StoreError> {
        let lock = place::lock(dir)?;
        let reserve = Reserve::new(dir, config.reserve_bytes);
        let mut log = Log::open(&dir.join("log"), config.segment_bytes.min(1 << 30), reserve)?;
        let saved = dir.join("index");
        let mut found = Replayed::default();
        let is_new = log.segments() == 0;
        let (index, start) = match Self::saved_index(&mut log, &saved, &mut found) {
            Ok(index) => (index, Start::Clean),
            Err(why) => {
                checkpoint::set_aside(&saved)?;
                let mut builder = Builder::default();
                found = log.replay(false, &mut |entry, at| builder.take(&entry, at), progress)?;
                log.settle(&found)?;
                (builder.finish(), if is_new { Start::New } else { Start::Rebuilt(why) })
            }
        };
        log.resume(!found.unreadable_end)?;
        log.reserve().refill();
        if found.is_damaged() {
            tracing::error!("damage in the log: {} places, {} batches lost", found.damaged, found.lost_batches);
        }
        tracing::info!("{} items, {} local records, start: {start:?}", index.len(), index.locals.len());
        Ok(Self {
            dir: dir.to_owned(),
            log,
            index,
            damaged: Mutex::default(),
            found,
            start,
            _lock: lock,
        })
    }

    /// The saved index, if every reason to believe it holds; otherwise the reason that doesn't.
    fn saved_index(log: &mut Log, saved: &Path, found: &mut Replayed) -> Result<Index, String> {
        let stop = log.clean_stop().ok_or("no mark of a clean stop")?;
        let index = checkpoint::load(saved, stop.index_crc)?;
        if (index.len(), index.sum(), index.locals.len() as u64) != (stop.items, stop.sum, stop.locals) {
            return Err("it disagrees with the log".into());
        }
        found.damaged = stop.damaged;
        found.lost_batches = stop.lost_batches;
        Ok(index)
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn report(&self) -> Report {
        Report {
            start: self.start.clone(),
            items: self.len(),
            locals: self.index.locals.len() as u64,
            segments: self.log.segments(),
            log_bytes: self.log.bytes(),
            cut_bytes: self.found.torn,
            damaged: self.found.damaged + self.damaged().len() as u64,
            lost_batches: self.found.lost_batches,
            poisoned: self.log.poisoned,
            reserve_bytes: self.log.reserve().held(),
        }
    }

    fn damaged(&self) -> MutexGuard<'_, BTreeSet<ItemId>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was found damaged off the index, so that it can be stored again.
    fn forget_damaged(&mut self) {
        let damaged = std::mem::take(&mut *self.damaged());
        for id in damaged {
            self.found.damaged += u64::from(self.index.remove(&id));
        }
    }

    fn local_at(&self, key: &[u8], at: Position) -> Result<Vec<u8>, StoreError> {
        let read = self.log.read(at, |entry| match entry {
            Entry::Put { key: found, value } if found == key => Some(value.to_vec()),
            _ => None,
        });
        read?.ok_or_else(|| StoreError::Damaged(format!("a local record of {} bytes in segment {}", at.len, at.segment)))
    }
}

impl Store for LogStore {
    fn commit(&mut self, batch: &Batch) -> Result<Vec<bool>, StoreError> {
        batch.check()?;
        self.forget_damaged();
        let mut seen = BTreeSet::new();
        let is_new = |id: &ItemId| self.index.find(id).is_none() && seen.insert(*id);
        let new: Vec<bool> = batch.items.iter().map(|i| &i.key.id).map(is_new).collect();
        let fresh: Vec<_> = batch
            .items
            .iter()
            .zip(&new)
            .filter(|(_, new)| **new)
            .map(|(item, _)| item)
            .collect();
        if fresh.is_empty() && batch.local.is_empty() {
            return Ok(new);
        }
        let urgent = fresh.iter().any(|i| i.key.lane == 0);
        let placed = self.log.append(urgent, &|record| {
            for item in &fresh {
                record.push(&Entry::Item {
                    key: item.key,
                    doc: item.doc,
                    bytes: &item.bytes,
                });
            }
            for write in &batch.local {
                let key = &write.key;
                record.push(&match &write.value {
                    Some(value) => Entry::Put { key, value },
                    None => Entry::Remove { key },
                });
            }
        })?;
        let (items, locals) = placed.split_at(fresh.len());
        for (item, at) in fresh.into_iter().zip(items) {
            self.index.insert(item.key, item.doc, *at);
        }
        for (write, at) in batch.local.iter().zip(locals) {
            match write.value {
                Some(_) => self.index.locals.insert(write.key.clone(), *at),
                None => self.index.locals.remove(&write.key),
            };
        }
        Ok(new)
    }

    fn get(&self, id: &ItemId) -> Result<Option<Arc<[u8]>>, StoreError> {
        let Some(slot) = self.index.find(id) else { return Ok(None) };
        if self.damaged().contains(id) {
            return Ok(None);
        }
        let bytes = self.log.read(slot.at, |entry| match entry {
            Entry::Item { key, bytes, .. } if key == slot.key => Some(Arc::from(bytes)),
            _ => None,
        })?;
        if bytes.is_none() {
            tracing::error!("item {id} is damaged: left out, to be fetched again");
            self.damaged().insert(*id);
            return Err(StoreError::Damaged(format!("item {id} in segment {}", slot.at.segment)));
        }
        Ok(bytes)
    }

    fn contains(&self, id: &ItemId) -> Result<bool, StoreError> {
        Ok(self.index.find(id).is_some() && !self.damaged().contains(id))
    }

    fn range(&self, from: Bound<OrderKey>, limit: usize) -> Result<Vec<OrderKey>, StoreError> {
        let damaged = self.damaged();
        let mut keys = self.index.range(from, limit.saturating_add(damaged.len()));
        keys.retain(|k| !damaged.contains(&k.id));
        keys.truncate(limit);
        Ok(keys)
    }

    fn of_document(&self, doc: &DocId) -> Result<Vec<OrderKey>, StoreError> {
        let damaged = self.damaged();
        let mut keys = self.index.of_document(doc);
        keys.retain(|k| !damaged.contains(&k.id));
        Ok(keys)
    }

    fn len(&self) -> u64 {
        self.index.len() - self.damaged().len() as u64
    }

    fn local(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.index.locals.get(key).map(|at| self.local_at(key, *at)).transpose()
    }

    fn local_prefix(&self, prefix: &[u8]) -> Result<Vec<LocalRecord>, StoreError> {
        let from = self.index.locals.range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded));
        from.take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, at)| Ok((key.clone(), self.local_at(key, *at)?)))
            .collect()
    }

    /// Walks the whole log. What is damaged leaves the index; an index that disagrees for any other reason is replaced.
    fn verify(&mut self) -> Result<VerifyReport, StoreError> {
        self.forget_damaged();
        let mut builder = Builder::default();
        let mut sizes = std::collections::HashMap::new();
        let mut take = |entry: Entry<'_>, at| {
            if let Entry::Item { key, bytes, .. } = &entry {
                sizes.entry(key.id).or_insert(bytes.len() as u64);
            }
            builder.take(&entry, at);
        };
        let found = self.log.replay(true, &mut take, &mut |_, _| {})?;
        let fresh = builder.finish();
        let gone: Vec<ItemId> = self.index.slots().iter().filter(|s| s.is_listed()).map(|s| s.key.id).collect();
        let gone: Vec<ItemId> = gone.into_iter().filter(|id| fresh.find(id).is_none()).collect();
        for id in &gone {
            self.index.remove(id);
        }
        let agrees = (fresh.len(), fresh.sum()) == (self.index.len(), self.index.sum()) && fresh.locals == self.index.locals;
        self.found.damaged = self.found.damaged.max(found.damaged);
        self.found.lost_batches = self.found.lost_batches.max(found.lost_batches);
        if !agrees {
            self.index = fresh;
        }
        Ok(VerifyReport {
            items: self.len(),
            bytes: sizes.values().sum(),
            damaged: gone.len() as u64,
            index_rebuilt: !agrees,
        })
    }

    /// Saves the index and marks a clean stop. If sled won't, the next start makes the index again: that is no error.
    fn close(mut self: Box<Self>) -> Result<(), StoreError> {
        self.forget_damaged();
        if self.log.segments() == 0 {
            return Ok(());
        }
        let saved = self.dir.join("index");
        match checkpoint::save(&saved, &self.index) {
            Ok(index_crc) => self.log.mark_stop(Stop {
                items: self.index.len(),
                sum: self.index.sum(),
                locals: self.index.locals.len() as u64,
                index_crc,
                log_bytes: 0,
                damaged: self.found.damaged,
                lost_batches: self.found.lost_batches,
            }),
            Err(e) => {
                tracing::warn!("the index could not be saved, the next start makes it again: {e}");
                Ok(())
            }
        }
    }
}
