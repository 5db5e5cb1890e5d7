//! The log: a directory of segments, one writer. The only truth; everything else in the data directory can be made from it.
//!
//! Invariants:
//! * [`Log::append`] returns after `fdatasync`; a new segment and its name are durable before it takes a record.
//! * Only the last batch can be torn, because a batch is durable before the next one starts. So a broken record with nothing
//!   after it was never acknowledged and is cut at start; a broken record with something after it was, and is *damage*: it stays
//!   where it is, what can be read of it is, the rest is counted and fetched again from peers.
//! * After a failed `fsync` the kernel may call pages clean that never reached the disk, so that file is never written again: the
//!   batch goes, under the same number, to a new segment, whose header says that the attempt in the old one doesn't count.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bocage_protocol::store::StoreError;

use super::place::{Reserve, make_private_dir, private_file, refused, sync_dir};
use super::segment::{Block, Entry, FRAME, HEADER, Header, HeaderError, Position, Record, STOP_RECORD, Scanner, Stop};

/// Segments whose files stay open for reading.
const OPEN_FILES: usize = 64;

pub(super) struct Log {
    dir: PathBuf,
    segment_bytes: u64,
    reserve: Reserve,
    segments: BTreeMap<u32, Segment>,
    active: Option<Active>,
    next_batch: u64,
    readers: Mutex<BTreeMap<u32, File>>,
    /// Segments given up after a failed write or sync since the start.
    pub(super) poisoned: u32,
    /// How a file is made durable; a test puts a failing disk here.
    pub(super) sync: fn(&File) -> io::Result<()>,
}

struct Segment {
    /// `None` if neither it nor the first record is readable: the segment is kept and left alone.
    header: Option<Header>,
    /// The header had to be recovered: nothing is appended here.
    hurt: bool,
    len: u64,
}

struct Active {
    file: File,
    header: Header,
    len: u64,
}

/// What a walk through the whole log met.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Replayed {
    /// Places that are damaged: entries, or stretches of bytes where no record is recognised.
    pub(super) damaged: u64,
    /// Upper bound of the batches of which nothing is left.
    pub(super) lost_batches: u64,
    /// Bytes of a batch that was being written when the power went.
    pub(super) torn: u64,
    /// The last segment could not be read to its end: nothing is appended there.
    pub(super) unreadable_end: bool,
    cut: Option<(u32, u64)>,
    next_batch: u64,
}

impl Log {
    /// Lists the segments and reads their headers. Changes nothing if any was written by a newer version.
    pub(super) fn open(dir: &Path, segment_bytes: u64, reserve: Reserve) -> Result<Self, StoreError> {
        let mut segments = BTreeMap::new();
        let mut leftovers = Vec::new();
        for file in dir.is_dir().then(|| fs::read_dir(dir)).transpose()?.into_iter().flatten() {
            let path = file?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            match name.strip_suffix(".seg").and_then(|n| n.parse().ok()) {
                Some(number) if name == file_name(number) => {
                    segments.insert(number, Segment::open(&path, number)?);
                }
                _ if name.ends_with(".new") => leftovers.push(path),
                _ => {}
            }
        }
        make_private_dir(dir)?;
        for path in leftovers {
            fs::remove_file(path)?;
        }
        Ok(Self {
            dir: dir.to_owned(),
            segment_bytes,
            reserve,
            segments,
            active: None,
            next_batch: 0,
            readers: Mutex::default(),
            poisoned: 0,
            sync: File::sync_data,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.values().map(|s| s.len).sum()
    }

    pub(super) fn segments(&self) -> usize {
        self.segments.len()
    }

    pub(super) fn reserve(&self) -> &Reserve {
        &self.reserve
    }

    /// The mark of a clean stop, if it is the very last record and the log is as long as it was then.
    pub(super) fn clean_stop(&mut self) -> Option<Stop> {
        let (&number, last) = self.segments.last_key_value()?;
        let header = last.header.filter(|_| !last.hurt)?;
        let from = last.len.checked_sub(STOP_RECORD as u64).filter(|at| *at >= HEADER as u64)?;
        let tail = self.with_file(number, |file| read_at(file, from, STOP_RECORD)).ok()?;
        // The record is laid out again for its place: equal bytes mean equal frame, checksums and offset.
        let batch = u64::from_be_bytes(*tail[8..].first_chunk()?);
        let entry = Entry::parse(&tail[FRAME - 4..STOP_RECORD - 4], &header)?;
        let mut record = Record::new(&header, batch, from);
        record.push(&entry);
        let Entry::Stop(stop) = entry else { return None };
        if record.finish().0 != tail || Some(stop.log_bytes) != self.bytes().checked_sub(STOP_RECORD as u64) {
            return None;
        }
        self.next_batch = batch + 1;
        Some(stop)
    }

    /// Reads every record in the order of writing. `acknowledged`: the whole log was, so that a broken end is damage, not a torn
    /// write. `progress` hears bytes read and bytes in all.
    pub(super) fn replay(
        &self,
        acknowledged: bool,
        visit: &mut dyn FnMut(Entry<'_>, Position),
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Replayed, StoreError> {
        let mut out = Replayed::default();
        let total = self.bytes();
        let mut done = 0;
        let mut numbers = self.segments.iter().peekable();
        while let Some((&number, segment)) = numbers.next() {
            let is_last = numbers.peek().is_none();
            let limit = match numbers.peek() {
                Some((_, next)) => next.header.map(|h| h.first_batch),
                None => acknowledged.then_some(self.next_batch),
            };
            out.damaged += u64::from(segment.hurt);
            let walked = segment.header.map(|header| {
                out.reach(header.first_batch);
                self.walk(
                    number,
                    header,
                    segment.len,
                    limit,
                    is_last && !acknowledged,
                    &mut out,
                    visit,
                    &mut |at| {
                        progress(done + at, total);
                    },
                )
            });
            let unread_from = match walked {
                None => Some(HEADER as u64),
                Some(Ok(())) => None,
                Some(Err((at, e))) => {
                    tracing::error!("segment {number} is unreadable from byte {at} on: {e}");
                    out.damaged += 1;
                    Some(at)
                }
            };
            if let (Some(at), true) = (unread_from, is_last) {
                // What can't be read may hold this many batches: their numbers are never used again.
                out.unreadable_end = true;
                out.reach(out.next_batch + (segment.len.saturating_sub(at)).div_ceil(FRAME as u64));
            }
            done += segment.len;
            progress(done, total);
        }
        Ok(out)
    }

    fn walk(
        &self,
        number: u32,
        header: Header,
        len: u64,
        limit: Option<u64>,
        may_be_torn: bool,
        out: &mut Replayed,
        visit: &mut dyn FnMut(Entry<'_>, Position),
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), (u64, io::Error)> {
        let file = File::open(self.path(number)).map_err(|e| (HEADER as u64, e))?;
        let mut scanner = Scanner::new(file, header, len).map_err(|e| (HEADER as u64, e))?;
        let mut told = 0;
        loop {
            let at = scanner.at();
            if at - told >= 1 << 20 {
                told = at;
                progress(at);
            }
            let Some(block) = scanner.next_block().map_err(|e| (at, e))? else {
                return Ok(());
            };
            let (from, to) = match &block {
                Block::Record(found) => (found.offset, found.end),
                Block::Gap { from, to } => (*from, *to),
            };
            let broken = !matches!(&block, Block::Record(found) if found.whole);
            if broken && to == len && may_be_torn {
                out.torn = len - from;
                out.cut = Some((number, from));
                return Ok(());
            }
            match block {
                Block::Record(found) if limit.is_some_and(|limit| found.batch >= limit) => return Ok(()),
                Block::Record(found) => {
                    out.reach(found.batch);
                    out.next_batch = found.batch + 1;
                    let mut readable = 0;
                    for (entry, position) in found.read() {
                        readable += 1;
                        visit(entry, position);
                    }
                    if !found.whole {
                        out.damaged += 1 + u64::from(found.entries).saturating_sub(readable);
                    }
                }
                // At the end of an earlier segment: an attempt that failed and was made again in the next one.
                Block::Gap { .. } if to == len && limit.is_some_and(|limit| limit == out.next_batch) => {}
                Block::Gap { .. } => out.damaged += 1,
            }
        }
    }

    /// Takes up writing where a replay ended, and cuts what was torn; [`Self::resume`] makes that durable.
    pub(super) fn settle(&mut self, replayed: &Replayed) -> Result<(), StoreError> {
        if let Some((number, len)) = replayed.cut {
            private_file().open(self.path(number))?.set_len(len)?;
            self.segments.get_mut(&number).expect("the cut is in a listed segment").len = len;
        }
        self.next_batch = replayed.next_batch;
        Ok(())
    }

    /// Opens the last segment for appending, if it is fit for it. Its bytes may come from a cache that a killed process left
    /// behind: they are made durable before anyone is told of them.
    pub(super) fn resume(&mut self, readable_to_the_end: bool) -> Result<(), StoreError> {
        let Some((&number, last)) = self.segments.last_key_value() else {
            return Ok(());
        };
        let file = private_file().open(self.path(number))?;
        file.sync_all()?;
        sync_dir(&self.dir)?;
        if let Some(header) = last.header.filter(|_| !last.hurt && readable_to_the_end) {
            let len = last.len;
            self.active = Some(Active { file, header, len });
        }
        Ok(())
    }

    /// Writes one batch, durable on return, and says where each of its entries lies. An urgent batch may use the reserve.
    pub(super) fn append(&mut self, urgent: bool, fill: &dyn Fn(&mut Record)) -> Result<Vec<Position>, StoreError> {
        let mut wanted = HEADER;
        let mut result = self.try_append(fill, &mut wanted);
        while matches!(result, Err(StoreError::Full)) && urgent && self.reserve.release(wanted) {
            result = self.try_append(fill, &mut wanted);
        }
        if let (Ok((_, true)), false) = (&result, urgent) {
            self.reserve.refill();
        }
        result.map(|(positions, _)| positions)
    }

    /// Writes the mark of a clean stop; its `log_bytes` is filled in here.
    pub(super) fn mark_stop(&mut self, mut stop: Stop) -> Result<(), StoreError> {
        self.ensure_active()?;
        stop.log_bytes = self.bytes();
        self.append(false, &|record| record.push(&Entry::Stop(stop)))?;
        Ok(())
    }

    fn ensure_active(&mut self) -> Result<bool, StoreError> {
        let needed = self.active.as_ref().is_none_or(|a| a.len >= self.segment_bytes);
        if needed {
            self.active = Some(self.new_segment()?);
        }
        Ok(needed)
    }

    fn try_append(&mut self, fill: &dyn Fn(&mut Record), wanted: &mut usize) -> Result<(Vec<Position>, bool), StoreError> {
        let rolled = self.ensure_active()?;
        let active = self.active.as_mut().expect("there is one since the line above");
        let mut record = Record::new(&active.header, self.next_batch, active.len);
        fill(&mut record);
        let (bytes, positions) = record.finish();
        *wanted = bytes.len();
        let write = |file: &mut File| {
            file.seek(SeekFrom::Start(active.len))?;
            file.write_all(&bytes)
        };
        let written = write(&mut active.file);
        let wrote = written.is_ok();
        if let Err(e) = written.and_then(|()| (self.sync)(&active.file)) {
            let undone = active.file.set_len(active.len);
            let error = refused(e);
            if wrote || undone.is_err() || !matches!(error, StoreError::Full) {
                self.active = None;
                self.poisoned += 1;
                tracing::error!("a segment is given up after a failed write: {error}");
            }
            return Err(error);
        }
        active.len += bytes.len() as u64;
        let (number, len) = (active.header.number, active.len);
        self.segments.get_mut(&number).expect("the active segment is listed").len = len;
        self.next_batch += 1;
        Ok((positions, rolled))
    }

    /// Reads one entry back and holds its checksum against it; `None` if it is damaged or gone.
    pub(super) fn read<T>(&self, at: Position, then: impl FnOnce(Entry<'_>) -> Option<T>) -> Result<Option<T>, StoreError> {
        let header = self.segments.get(&at.segment).and_then(|s| s.header);
        let Some(header) = header else { return Ok(None) };
        let bytes = self.with_file(at.segment, |file| read_at(file, u64::from(at.offset), at.len as usize));
        match bytes {
            Ok(bytes) => Ok(Entry::parse(&bytes, &header).and_then(then)),
            Err(e) if matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Puts a new segment in place under its final name only once its header is durable.
    fn new_segment(&mut self) -> Result<Active, StoreError> {
        let number = self.segments.last_key_value().map_or(Some(1), |(n, _)| n.checked_add(1));
        let number = number.ok_or_else(|| io::Error::other("segment numbers are used up"))?;
        let mut sync = [0; 8];
        getrandom::fill(&mut sync).map_err(io::Error::other)?;
        let first_batch = self.next_batch;
        let header = Header { number, first_batch, sync };
        let path = self.path(number);
        let new = path.with_extension("new");
        let make = || {
            let mut file = private_file().create(true).truncate(true).open(&new)?;
            file.write_all(&header.to_bytes())?;
            (self.sync)(&file)?;
            fs::rename(&new, &path)?;
            sync_dir(&self.dir)?;
            Ok(file)
        };
        let file = make().map_err(|e| {
            let _ = fs::remove_file(&new);
            refused(e)
        })?;
        let len = HEADER as u64;
        let segment = Segment {
            header: Some(header),
            hurt: false,
            len,
        };
        self.segments.insert(number, segment);
        Ok(Active { file, header, len })
    }

    fn path(&self, number: u32) -> PathBuf {
        self.dir.join(file_name(number))
    }

    fn with_file<T>(&self, number: u32, read: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        let mut readers = self.readers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if readers.len() >= OPEN_FILES && !readers.contains_key(&number) {
            readers.pop_first();
        }
        match readers.entry(number) {
            std::collections::btree_map::Entry::Occupied(open) => read(open.get()),
            std::collections::btree_map::Entry::Vacant(free) => read(free.insert(File::open(self.path(number))?)),
        }
    }
}

fn file_name(number: u32) -> String {
    format!("{number:08}.seg")
}

impl Segment {
    fn open(path: &Path, number: u32) -> Result<Self, StoreError> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let head = read_at(&file, 0, (HEADER + FRAME).min(len as usize));
        let head = head.unwrap_or_default();
        let parsed = head.first_chunk().map_or(Err(HeaderError::Damaged), Header::parse);
        let (header, hurt) = match parsed {
            Err(HeaderError::Newer(version)) => return Err(StoreError::Newer(version)),
            Ok(header) if header.number == number && len <= u64::from(u32::MAX) => (Some(header), false),
            _ => (head.get(HEADER..).and_then(|first| Header::recover(number, first)), true),
        };
        Ok(Self { header, hurt, len })
    }
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, offset)?;
    Ok(bytes)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    file.seek(SeekFrom::Start(offset))?;
    io::Read::read_exact(&mut file, &mut bytes)?;
    Ok(bytes)
}

impl Replayed {
    /// Batches between the last one seen and this one are lost.
    fn reach(&mut self, batch: u64) {
        self.lost_batches += batch.saturating_sub(self.next_batch);
        self.next_batch = self.next_batch.max(batch);
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.damaged > 0 || self.lost_batches > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static FAILING: Cell<Option<io::ErrorKind>> = const { Cell::new(None) };
    }

    fn sync(file: &File) -> io::Result<()> {
        FAILING.get().map_or_else(|| file.sync_data(), |kind| Err(kind.into()))
    }

    fn open(dir: &Path) -> (Log, Vec<Vec<u8>>) {
        let mut log = Log::open(&dir.join("log"), 1 << 20, Reserve::new(dir, 0)).unwrap();
        log.sync = sync;
        let mut keys = Vec::new();
        let mut note = |entry: Entry<'_>, _| match entry {
            Entry::Put { key, .. } => keys.push(key.to_vec()),
            other => panic!("{other:?}"),
        };
        let found = log.replay(false, &mut note, &mut |_, _| {}).unwrap();
        assert!(!found.is_damaged(), "{found:?}");
        log.settle(&found).unwrap();
        log.resume(true).unwrap();
        (log, keys)
    }

    fn put(log: &mut Log, key: &[u8]) -> Result<Vec<Position>, StoreError> {
        log.append(false, &|record| record.push(&Entry::Put { key, value: b"" }))
    }

    #[test]
    fn after_a_failed_sync_the_file_is_given_up_and_the_attempt_never_counts() {
        // fsyncgate, 2018: after one failed fsync the next one on the same file says yes, and the data is gone.
        for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
            let dir = tempfile::tempdir().unwrap();
            let (mut log, _) = open(dir.path());
            put(&mut log, b"first").unwrap();
            let (number, segment) = log.segments.last_key_value().unwrap();
            let (path, header, len) = (log.path(*number), segment.header.unwrap(), segment.len);
            FAILING.set(Some(kind));
            let refusal = put(&mut log, b"attempt").unwrap_err();
            assert_eq!(matches!(refusal, StoreError::Full), kind == io::ErrorKind::StorageFull);
            assert!(put(&mut log, b"attempt").is_err(), "no new segment either while syncs fail");
            FAILING.set(None);
            put(&mut log, b"second").unwrap();
            put(&mut log, b"third").unwrap();
            assert_eq!((log.poisoned, log.segments()), (1, 2));
            drop(log);
            // The attempt comes back to light, whole: the truncation was not durable.
            let mut attempt = Record::new(&header, 1, len);
            attempt.push(&Entry::Put {
                key: b"attempt",
                value: b"",
            });
            let attempt = attempt.finish().0;
            for left in [attempt.len(), attempt.len() - 1, 10, 0] {
                let whole = fs::read(&path).unwrap()[..len as usize].to_vec();
                fs::write(&path, [&whole, &attempt[..left]].concat()).unwrap();
                assert_eq!(
                    open(dir.path()).1,
                    [&b"first"[..], b"second", b"third"],
                    "{left} bytes of the attempt"
                );
            }
        }
    }
}
