//! The index on disk, in sled: written at a clean stop, read at the next start, never open in between.
//!
//! sled 0.34 is fast and small when keys are few and values small, and not to be trusted with a power cut: so it holds nothing the
//! log can't rebuild, in packed blocks of at most 4 KiB (one key an item took 680 MiB a million, packed 56), and is believed only
//! if all of these hold: the log ends in a mark of a clean stop; the checksum over sled's files is the one in that mark, which is
//! compared before sled reads a byte of them; every value's own checksum holds; count and sum of ids are those of the mark. A
//! panic in sled is caught. sled writes to its files when it opens them: a start that ends in a crash costs a rebuild, with or without
//! a commit in between. On any doubt it is moved aside and made again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use bocage_protocol::ids::{DocId, Hlc, ItemId};
use bocage_protocol::store::{MAX_LOCAL_KEY, OrderKey};
use bocage_protocol::wire::{Reader, WireError, Writer};
use crc32c::{crc32c, crc32c_append};

use super::index::{Builder, Index, Slot};
use super::place::{make_private_dir, sync_dir};
use super::segment::Position;

/// Longest value: sled stores larger ones badly.
const BLOCK: usize = 4096 - 4;
const SLOT: usize = 41 + 4 + 12;
const SLOTS: usize = BLOCK / SLOT;
const DOCS: usize = BLOCK / DocId::LEN;

/// Tables of the one tree: the first byte of a key, then a block number.
mod table {
    pub(super) const SLOTS: u8 = b's';
    pub(super) const DOCS: u8 = b'd';
    pub(super) const LOCALS: u8 = b'l';
}

/// Writes the index; returns the checksum over sled's files for the mark of a clean stop.
pub(super) fn save(dir: &Path, index: &Index) -> Result<u32, String> {
    make_private_dir(dir).map_err(|e| e.to_string())?;
    guarded(|| {
        let db = open(dir)?;
        let mut kept = 0;
        for (key, payload) in blocks(index) {
            let crc = crc32c_append(crc32c(&key), &payload);
            let value = [&crc.to_be_bytes()[..], &payload].concat();
            if db.get(key)?.is_none_or(|old| *old != value) {
                db.insert(key, value)?;
            }
            kept += 1;
        }
        if db.len() != kept {
            let wanted: BTreeSet<_> = blocks(index).map(|(key, _)| key.to_vec()).collect();
            for key in db.iter().keys() {
                let key = key?;
                if !wanted.contains(&key.to_vec()) {
                    db.remove(key)?;
                }
            }
        }
        db.flush()?;
        Ok(())
    })?;
    seal_files(dir).map_err(|e| e.to_string())
}

/// Reads the index, if sled's files are those that `save` left with this checksum.
pub(super) fn load(dir: &Path, files_crc: u32) -> Result<Index, String> {
    match checksum_files(dir) {
        Ok(crc) if crc == files_crc => {}
        Ok(_) => return Err("its files are not those of the last clean stop".into()),
        Err(e) => return Err(e.to_string()),
    }
    guarded(|| {
        let db = open(dir)?;
        let mut slots = Vec::new();
        let mut docs = Vec::new();
        let mut locals = BTreeMap::new();
        let mut expected = (0, 0);
        for pair in db.iter() {
            let (key, value) = pair?;
            let block = (|| {
                let (crc, payload) = value.split_first_chunk::<4>()?;
                let key: [u8; 5] = (*key).try_into().ok()?;
                let number = u32::from_be_bytes([key[1], key[2], key[3], key[4]]);
                // Blocks of a table come in order and without a gap.
                expected = if expected.0 == key[0] {
                    (key[0], expected.1 + 1)
                } else {
                    (key[0], 0)
                };
                let sound = u32::from_be_bytes(*crc) == crc32c_append(crc32c(&key), payload) && number == expected.1;
                sound.then_some(())?;
                decode(key[0], payload, &mut slots, &mut docs, &mut locals).ok()
            })();
            if block.is_none() {
                return Err(sled::Error::Corruption { at: None, bt: () });
            }
        }
        let index = Builder::from_parts(slots, docs, locals).map(Builder::finish);
        index.ok_or(sled::Error::Corruption { at: None, bt: () })
    })
}

/// Moves sled's directory out of the way, in place of what was moved there before. True if there was one.
pub(super) fn set_aside(dir: &Path) -> io::Result<bool> {
    let aside = aside(dir);
    if !dir.try_exists()? {
        return Ok(false);
    }
    match fs::symlink_metadata(&aside) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(&aside)?,
        Ok(_) => fs::remove_file(&aside)?,
        Err(_) => {}
    }
    fs::rename(dir, aside)?;
    Ok(true)
}

/// Where [`set_aside`] moves it.
fn aside(dir: &Path) -> PathBuf {
    dir.with_extension("aside")
}

fn open(dir: &Path) -> sled::Result<sled::Db> {
    let config = sled::Config::new().path(dir).cache_capacity(8 << 20).flush_every_ms(None);
    let mut patience = 20;
    loop {
        match config.clone().open() {
            // The last user's threads may hold sled's own lock a moment longer than its handle; ours is taken already.
            Err(sled::Error::Io(e)) if patience > 0 && e.to_string().contains("lock") => {
                patience -= 1;
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("sled panicked".into()),
    }
}

fn blocks(index: &Index) -> impl Iterator<Item = ([u8; 5], Vec<u8>)> + '_ {
    let slots = index.slots().chunks(SLOTS).map(|chunk| {
        let mut w = Writer::new();
        for slot in chunk {
            w.bytes(&slot.key.to_bytes()).u32(slot.doc);
            write_position(&mut w, slot.at);
        }
        w.finish()
    });
    let docs = index.docs().chunks(DOCS).map(|chunk| chunk.iter().flat_map(|d| d.0).collect());
    let mut locals = vec![Writer::new()];
    let mut room = BLOCK;
    for (key, at) in &index.locals {
        let need = 2 + key.len() + 12;
        if need > room {
            locals.push(Writer::new());
            room = BLOCK;
        }
        room -= need;
        let w = locals.last_mut().expect("starts with one");
        w.u16(key.len() as u16).bytes(key);
        write_position(w, *at);
    }
    let locals = locals.into_iter().map(Writer::finish).filter(|b| !b.is_empty());
    numbered(table::SLOTS, slots)
        .chain(numbered(table::DOCS, docs))
        .chain(numbered(table::LOCALS, locals))
}

fn numbered(table: u8, blocks: impl Iterator<Item = Vec<u8>>) -> impl Iterator<Item = ([u8; 5], Vec<u8>)> {
    (0u32..).zip(blocks).map(move |(n, block)| {
        let [a, b, c, d] = n.to_be_bytes();
        ([table, a, b, c, d], block)
    })
}

fn decode(
    table: u8,
    payload: &[u8],
    slots: &mut Vec<Slot>,
    docs: &mut Vec<DocId>,
    locals: &mut BTreeMap<Vec<u8>, Position>,
) -> Result<(), WireError> {
    let mut r = Reader::new(payload);
    while !r.rest().is_empty() {
        match table {
            table::SLOTS => slots.push(Slot {
                key: OrderKey {
                    lane: r.u8()?,
                    time: Hlc(r.u64()?),
                    id: ItemId(r.array()?),
                },
                doc: r.u32()?,
                at: read_position(&mut r)?,
            }),
            table::DOCS => docs.push(DocId(r.array()?)),
            table::LOCALS => {
                let n = r.u16()? as usize;
                if n > MAX_LOCAL_KEY {
                    return Err(WireError::OutOfBounds("local key"));
                }
                let key = r.take(n)?.to_vec();
                locals.insert(key, read_position(&mut r)?);
            }
            _ => return Err(WireError::Unknown("table")),
        }
    }
    Ok(())
}

fn write_position(w: &mut Writer, at: Position) {
    w.u32(at.segment).u32(at.offset).u32(at.len);
}

fn read_position(r: &mut Reader<'_>) -> Result<Position, WireError> {
    Ok(Position {
        segment: r.u32()?,
        offset: r.u32()?,
        len: r.u32()?,
    })
}

/// Makes sled's files durable and private, which sled doesn't, and returns the checksum over them.
fn seal_files(dir: &Path) -> io::Result<u32> {
    for path in files(dir)? {
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        File::open(&path)?.sync_all()?;
    }
    sync_dir(dir)?;
    if let Some(parent) = dir.parent() {
        sync_dir(parent)?;
    }
    checksum_files(dir)
}

/// Names, lengths and bytes.
fn checksum_files(dir: &Path) -> io::Result<u32> {
    let mut crc = 0;
    let mut buffer = vec![0; 1 << 16];
    for path in files(dir)? {
        let mut file = File::open(&path)?;
        let name = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().into_owned();
        crc = crc32c_append(crc, &(name.len() as u64).to_be_bytes());
        crc = crc32c_append(crc, name.as_bytes());
        crc = crc32c_append(crc, &file.metadata()?.len().to_be_bytes());
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            crc = crc32c_append(crc, &buffer[..n]);
        }
    }
    Ok(crc)
}

/// Every file below `dir`, in order of name.
fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let list = if entry.file_type()?.is_dir() { &mut dirs } else { &mut out };
            list.push(entry.path());
        }
    }
    out.sort();
    Ok(out)
}
