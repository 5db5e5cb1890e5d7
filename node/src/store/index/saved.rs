//! What a clean stop writes down of the index and the next start reads, in sled: where each page begins and which checksum it has, and the
//! local records. sled is closed while a node runs.
//!
//! sled 0.34 is fast and small when keys are few and values small, and not to be trusted with a power cut: so it holds nothing that the
//! log can't rebuild, in values of at most 4 KiB, and is believed only if all of these hold: the log ends in a mark of a clean stop; the
//! checksum over sled's files is the one in that mark, which is compared before sled reads a byte of them; every value's own checksum holds;
//! count and sum of items are those of the mark. A panic in sled is caught. sled writes to its files when it opens them: a start that ends
//! in a crash costs a rebuild. On any doubt it is moved aside and made again.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crc32c::{crc32c, crc32c_append};

use super::super::place::{make_private_dir, sync_dir};
use super::Broken;

/// Longest value: sled stores larger ones badly.
pub(super) const VALUE: usize = 4096 - CRC;
const CRC: usize = 4;
const CACHE: u64 = 8 << 20;
/// Times that sled's own lock is waited for, ten milliseconds each.
const PATIENCE: u32 = 20;

/// Writes these lists of values, each under its letter; returns the checksum over sled's files for the mark of a clean stop.
pub(super) fn write(dir: &Path, lists: &[(u8, Vec<Vec<u8>>)]) -> Result<u32, Broken> {
    make_private_dir(dir)?;
    guarded(|| {
        let db = open(dir)?;
        let mut kept = BTreeSet::new();
        for (letter, values) in lists {
            for (number, payload) in (0..).zip(values) {
                let key = name(*letter, number);
                let value = [&seal(&key, payload)[..], payload].concat();
                if db.get(key)?.is_none_or(|old| *old != value) {
                    db.insert(key, value)?;
                }
                kept.insert(key);
            }
        }
        for key in db.iter().keys() {
            let key = key?;
            if !kept.contains(&*key) {
                db.remove(key)?;
            }
        }
        db.flush()?;
        Ok(())
    })?;
    Ok(seal_files(dir)?)
}

/// Shows every value, letter by letter in order, if sled's files are those that [`write`] left with this checksum.
pub(super) fn read(dir: &Path, files_crc: u32, mut see: impl FnMut(u8, &[u8]) -> Result<(), Broken>) -> Result<(), Broken> {
    if checksum_files(dir)? != files_crc {
        return Err(Broken("its files are not those of the last clean stop".into()));
    }
    let mut expected = (0, 0);
    guarded(|| {
        let db = open(dir)?;
        for pair in db.iter() {
            let (key, value) = pair?;
            let sound = (|| {
                let key: [u8; 5] = (*key).try_into().ok()?;
                let number = u32::from_be_bytes([key[1], key[2], key[3], key[4]]);
                // In order and without a gap.
                expected = if expected.0 == key[0] {
                    (key[0], expected.1 + 1)
                } else {
                    (key[0], 0)
                };
                let (crc, payload) = value.split_first_chunk::<CRC>()?;
                (number == expected.1 && *crc == seal(&key, payload)).then_some(())?;
                see(key[0], payload).ok()
            })();
            if sound.is_none() {
                return Err(sled::Error::Corruption { at: None, bt: () });
            }
        }
        Ok(())
    })
}

fn name(letter: u8, number: u32) -> [u8; 5] {
    let [a, b, c, d] = number.to_be_bytes();
    [letter, a, b, c, d]
}

fn seal(key: &[u8; 5], payload: &[u8]) -> [u8; CRC] {
    crc32c_append(crc32c(key), payload).to_be_bytes()
}

/// Moves sled's directory out of the way, in place of what was moved there before.
pub(super) fn set_aside(dir: &Path) -> io::Result<()> {
    if !dir.try_exists()? {
        return Ok(());
    }
    let aside = dir.with_extension("aside");
    match fs::symlink_metadata(&aside) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(&aside)?,
        Ok(_) => fs::remove_file(&aside)?,
        Err(_) => {}
    }
    fs::rename(dir, aside)
}

fn open(dir: &Path) -> sled::Result<sled::Db> {
    let config = sled::Config::new().path(dir).cache_capacity(CACHE).flush_every_ms(None);
    let mut patience = PATIENCE;
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

fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, Broken> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|e| Broken(e.to_string())),
        Err(_) => Err(Broken("sled panicked".into())),
    }
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
