//! The real store: an append-only log of segments is the truth, an index in sled says where things lie, and only what came last lies in
//! memory.
//!
//! ```text
//! lock            one process
//! log/00000001.seg …   every batch, in order ([`segment`])
//! index/          sled: what a clean stop knew of the pages; may be deleted at any time
//! pages           where every item lies; may be deleted at any time
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
use bocage_protocol::store::{Batch, Fingerprint, LocalRecord, OrderKey, Ordered, Store, StoreError, VerifyReport};

mod index;
mod log;
mod place;
pub mod segment;

use index::{Beginning, Broken, Found, Index, Rows};
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
    /// Locked for the time of a look: what can't be read of it is made again from the log on the spot.
    index: Mutex<Index>,
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
        let mut found = Replayed::default();
        let is_new = log.segments() == 0;
        let (index, start) = match Self::saved_index(&mut log, dir, &mut found) {
            Ok(index) => (index, Start::Clean),
            Err(why) => {
                let mut rows = Rows::default();
                found = log.replay(false, &mut |entry, at| rows.take(&entry, at), progress)?;
                log.settle(&found)?;
                let index = rows.index_in(dir).map_err(damaged)?;
                (index, if is_new { Start::New } else { Start::Rebuilt(why) })
            }
        };
        log.resume(!found.unreadable_end)?;
        log.reserve().refill();
        if found.is_damaged() {
            tracing::error!("damage in the log: {} places, {} batches lost", found.damaged, found.lost_batches);
        }
        tracing::info!(
            "{} items, {} local records, start: {start:?}",
            index.total().count,
            index.locals.len()
        );
        Ok(Self {
            dir: dir.to_owned(),
            log,
            index: Mutex::new(index),
            damaged: Mutex::default(),
            found,
            start,
            _lock: lock,
        })
    }

    /// The saved index, if every reason to believe it holds; otherwise the reason that doesn't.
    fn saved_index(log: &mut Log, dir: &Path, found: &mut Replayed) -> Result<Index, String> {
        let stop = log.clean_stop().ok_or("no mark of a clean stop")?;
        let index = Index::load(dir, stop.index_crc).map_err(|Broken(why)| why)?;
        if (index.total().to_bytes(), index.locals.len() as u64) != (stop.set, stop.locals) {
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
        let locals = self.index().locals.len() as u64;
        Report {
            start: self.start.clone(),
            items: self.len(),
            locals,
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

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the index. One that can't answer is made again from the log, once.
    fn ask<T>(&self, question: impl Fn(&mut Index) -> Result<T, Broken>) -> Result<T, StoreError> {
        let mut index = self.index();
        question(&mut index).or_else(|Broken(why)| {
            tracing::error!("the index is made again: {why}");
            let mut rows = Rows::default();
            self.log.replay(true, &mut |entry, at| rows.take(&entry, at), &mut |_, _| {})?;
            self.replace(&mut index, rows)?;
            question(&mut index).map_err(damaged)
        })
    }

    fn replace(&self, index: &mut Index, rows: Rows) -> Result<(), StoreError> {
        // The old one lets go of its directory first.
        *index = Index::empty();
        *index = rows.index_in(&self.dir).map_err(damaged)?;
        Ok(())
    }

    /// How many items begin with these two bytes. Reads none of them.
    pub fn beginning(&self, beginning: Beginning) -> u64 {
        self.index().beginning(beginning)
    }

    /// Takes what was found damaged off the index, so that it can be stored again.
    fn forget_damaged(&mut self) -> Result<(), StoreError> {
        let damaged = std::mem::take(&mut *self.damaged());
        for id in damaged {
            self.found.damaged += u64::from(self.ask(|index| index.remove(&id))?);
        }
        Ok(())
    }

    fn local_at(&self, key: &[u8], at: Position) -> Result<Vec<u8>, StoreError> {
        let read = self.log.read(at, |entry| match entry {
            Entry::Put { key: found, value } if found == key => Some(value.to_vec()),
            _ => None,
        });
        read?.ok_or_else(|| StoreError::Damaged(format!("a local record of {} bytes in segment {}", at.len, at.segment)))
    }
}

impl Ordered for LogStore {
    fn total(&self) -> Fingerprint {
        self.index().total()
    }

    fn below(&self, key: &OrderKey) -> Result<Fingerprint, StoreError> {
        self.ask(|index| index.below(key))
    }

    fn rank(&self, key: &OrderKey) -> Result<u64, StoreError> {
        self.ask(|index| index.rank(key))
    }

    fn nth(&self, n: u64) -> Result<Option<OrderKey>, StoreError> {
        self.ask(|index| index.nth(n))
    }

    fn range(&self, from: Bound<OrderKey>, limit: usize) -> Result<Vec<OrderKey>, StoreError> {
        self.ask(|index| index.range(from, limit))
    }
}

impl Store for LogStore {
    fn commit(&mut self, batch: &Batch) -> Result<Vec<bool>, StoreError> {
        batch.check()?;
        self.forget_damaged()?;
        let mut seen = BTreeSet::new();
        let mut is_new = |id: &ItemId| Ok(self.ask(|index| index.find(id))?.is_none() && seen.insert(*id));
        let new = batch
            .items
            .iter()
            .map(|i| is_new(&i.key.id))
            .collect::<Result<Vec<bool>, StoreError>>()?;
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
        // The batch is durable: whatever becomes of the index, the log has it.
        self.ask(|index| {
            for (item, at) in fresh.iter().zip(items) {
                // Not the first attempt: the index was made of the log meanwhile.
                if index.find(&item.key.id)?.is_none() {
                    index.insert(item.doc, Found::new(item.key, &item.bytes, *at))?;
                }
            }
            for (write, at) in batch.local.iter().zip(locals) {
                match write.value {
                    Some(_) => index.locals.insert(write.key.clone(), *at),
                    None => index.locals.remove(&write.key),
                };
            }
            Ok(())
        })?;
        Ok(new)
    }

    fn get(&self, id: &ItemId) -> Result<Option<Arc<[u8]>>, StoreError> {
        let Some(found) = self.ask(|index| index.find(id))? else {
            return Ok(None);
        };
        if self.damaged().contains(id) {
            return Ok(None);
        }
        let bytes = self.log.read(found.at, |entry| match entry {
            Entry::Item { key, bytes, .. } if key == found.key => Some(Arc::from(bytes)),
            _ => None,
        })?;
        if bytes.is_none() {
            tracing::error!("item {id} is damaged: left out, to be fetched again");
            self.damaged().insert(*id);
            return Err(StoreError::Damaged(format!("item {id} in segment {}", found.at.segment)));
        }
        Ok(bytes)
    }

    fn contains(&self, id: &ItemId) -> Result<bool, StoreError> {
        Ok(!self.damaged().contains(id) && self.ask(|index| index.find(id))?.is_some())
    }

    /// Reads each where it lies: a fraction of what asking for it by its id takes.
    fn read(&self, from: Bound<OrderKey>, limit: usize, see: &mut dyn FnMut(&OrderKey, &[u8])) -> Result<Option<OrderKey>, StoreError> {
        let places = self.ask(|index| index.places(from, limit))?;
        for found in &places {
            let shown = self.log.read(found.at, |entry| match entry {
                Entry::Item { key, bytes, .. } if key == found.key => {
                    see(&key, bytes);
                    Some(())
                }
                _ => None,
            })?;
            if shown.is_none() {
                tracing::error!("item {} is damaged: left out, to be fetched again", found.key.id);
                self.damaged().insert(found.key.id);
            }
        }
        Ok(places.last().map(|found| found.key))
    }

    fn of_document(&self, doc: &DocId) -> Result<Vec<OrderKey>, StoreError> {
        let mut keys = self.ask(|index| index.of_document(doc))?;
        let damaged = self.damaged();
        keys.retain(|k| !damaged.contains(&k.id));
        Ok(keys)
    }

    fn local(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let at = self.index().locals.get(key).copied();
        at.map(|at| self.local_at(key, at)).transpose()
    }

    fn local_prefix(&self, prefix: &[u8]) -> Result<Vec<LocalRecord>, StoreError> {
        let index = self.index();
        let from = index.locals.range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded));
        from.take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, at)| Ok((key.clone(), self.local_at(key, *at)?)))
            .collect()
    }

    /// Walks the whole log. What is damaged leaves the index; an index that disagrees for any other reason is replaced.
    fn verify(&mut self) -> Result<VerifyReport, StoreError> {
        self.forget_damaged()?;
        let mut rows = Rows::default();
        let found = self.log.replay(true, &mut |entry, at| rows.take(&entry, at), &mut |_, _| {})?;
        self.found.damaged = self.found.damaged.max(found.damaged);
        self.found.lost_batches = self.found.lost_batches.max(found.lost_batches);
        let mut index = self.index();
        let checked = check(&mut rows, &mut index);
        let agrees = matches!(checked, Ok((_, true)));
        let report = VerifyReport {
            bytes: rows.bytes(),
            damaged: checked.map_or(0, |(gone, _)| gone),
            index_rebuilt: !agrees,
            ..VerifyReport::default()
        };
        if !agrees {
            self.replace(&mut index, rows)?;
        }
        Ok(VerifyReport {
            items: index.total().count,
            ..report
        })
    }

    /// Saves the index and marks a clean stop. If sled won't, the next start makes the index again: that is no error.
    fn close(mut self: Box<Self>) -> Result<(), StoreError> {
        self.forget_damaged()?;
        if self.log.segments() == 0 {
            return Ok(());
        }
        let index = self.index.get_mut().unwrap_or_else(PoisonError::into_inner);
        match index.save(&self.dir) {
            Ok(index_crc) => self.log.mark_stop(Stop {
                set: index.total().to_bytes(),
                locals: index.locals.len() as u64,
                index_crc,
                log_bytes: 0,
                damaged: self.found.damaged,
                lost_batches: self.found.lost_batches,
            }),
            Err(Broken(why)) => {
                tracing::warn!("the index could not be saved, the next start makes it again: {why}");
                Ok(())
            }
        }
    }
}

/// Takes what the log hasn't off the index; says how many that were, and whether the index now says what the log does.
fn check(rows: &mut Rows, index: &mut Index) -> Result<(u64, bool), Broken> {
    let gone = rows.missing(index)?;
    for found in &gone {
        index.remove(&found.key.id)?;
    }
    Ok((gone.len() as u64, rows.agree_with(index)?))
}

fn damaged(Broken(why): Broken) -> StoreError {
    StoreError::Damaged(format!("the index: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bocage_protocol::store::conformance::{contents, items};

    /// sled loses a page, or all of them, in the middle of a run: whoever asks notices nothing, and the next stop is a clean one.
    #[test]
    fn what_is_lost_of_the_index_is_made_again_from_the_log_in_the_middle_of_a_run() {
        for damage in [Index::lose_a_page, Index::lose_itself] {
            let dir = tempfile::tempdir().unwrap();
            let mut store = LogStore::open(dir.path(), &mut |_, _| {}).unwrap();
            store.commit(&items(0..400)).unwrap();
            let before = (contents(&store), store.root());
            damage(store.index.get_mut().unwrap());
            assert_eq!((contents(&store), store.root()), before);
            damage(store.index.get_mut().unwrap());
            assert_eq!(store.commit(&items(390..500)).unwrap().iter().filter(|new| **new).count(), 100);
            damage(store.index.get_mut().unwrap());
            assert!(store.verify().unwrap().index_rebuilt);
            assert!(!store.verify().unwrap().index_rebuilt);
            let before = (contents(&store), store.root());
            assert_eq!(before.0.items.len(), 500);
            Box::new(store).close().unwrap();
            let store = LogStore::open(dir.path(), &mut |_, _| {}).unwrap();
            assert_eq!(store.report().start, Start::Clean);
            assert_eq!((contents(&store), store.root()), before);
        }
    }
}
