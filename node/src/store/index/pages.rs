//! Pages of the index in one file, 4 KiB each, in no order. Who reads one says which checksum it has: the tables keep it in memory.
//!
//! A file of our own and not sled: sled kept 150 MB in memory after a million lookups, whatever its cache was told. Nothing here is synced
//! while a node runs, and nothing of it believed after a crash.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use crc32c::{crc32c, crc32c_append};

use super::Broken;

/// Longest page.
pub(super) const PAGE: usize = 4096;

pub(super) struct Pages {
    place: Place,
    next: u32,
    free: Vec<u32>,
}

enum Place {
    File(File),
    /// Where the disk won't take it.
    Memory(Vec<Vec<u8>>),
}

impl Pages {
    pub(super) fn in_memory() -> Self {
        Self::over(Place::Memory(Vec::new()))
    }

    /// An empty file, in place of whatever is there.
    pub(super) fn create(path: &Path) -> Result<Self, Broken> {
        match fs::symlink_metadata(path) {
            Ok(meta) if meta.is_dir() => fs::remove_dir_all(path)?,
            Ok(_) => fs::remove_file(path)?,
            Err(_) => {}
        }
        let file = private().create_new(true).open(path)?;
        Ok(Self::over(Place::File(file)))
    }

    /// The file that a clean stop left, with the numbers that are in use.
    pub(super) fn reopen(path: &Path, mut used: Vec<u32>) -> Result<Self, Broken> {
        let mut pages = Self::over(Place::File(private().open(path)?));
        used.sort_unstable();
        pages.next = used.last().map_or(0, |last| last + 1);
        let mut used = used.into_iter().peekable();
        pages.free = (0..pages.next).filter(|n| used.next_if_eq(n).is_none()).collect();
        Ok(pages)
    }

    fn over(place: Place) -> Self {
        Self {
            place,
            next: 0,
            free: Vec::new(),
        }
    }

    /// A number that no page has.
    pub(super) fn take_number(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }

    pub(super) fn give_back(&mut self, number: u32) {
        self.free.push(number);
    }

    /// The page of this number and length, if it has this checksum.
    pub(super) fn read(&self, number: u32, len: usize, crc: u32) -> Result<Vec<u8>, Broken> {
        let payload = match &self.place {
            Place::Memory(pages) => pages.get(number as usize).cloned().unwrap_or_default(),
            Place::File(file) => {
                let mut payload = vec![0; len];
                read_at(file, &mut payload, u64::from(number) * PAGE as u64)?;
                payload
            }
        };
        if payload.len() != len || checksum(number, &payload) != crc {
            return Err(Broken(format!("page {number} is damaged")));
        }
        Ok(payload)
    }

    /// Writes a page and returns its checksum.
    pub(super) fn write(&mut self, number: u32, payload: Vec<u8>) -> Result<u32, Broken> {
        debug_assert!(payload.len() <= PAGE);
        let crc = checksum(number, &payload);
        match &mut self.place {
            Place::File(file) => write_at(file, &payload, u64::from(number) * PAGE as u64)?,
            Place::Memory(pages) => {
                let at = number as usize;
                pages.resize(pages.len().max(at + 1), Vec::new());
                pages[at] = payload;
            }
        }
        Ok(crc)
    }

    /// Makes all of it durable.
    pub(super) fn sync(&self) -> Result<(), Broken> {
        match &self.place {
            Place::File(file) => Ok(file.sync_all()?),
            Place::Memory(_) => Err(Broken("it lies in memory".into())),
        }
    }

    #[cfg(test)]
    pub(super) fn spoil(&mut self, number: u32) {
        self.write(number, b"another".to_vec()).unwrap();
    }

    #[cfg(test)]
    pub(super) fn lose(&mut self) {
        match &mut self.place {
            Place::File(file) => file.set_len(0).unwrap(),
            Place::Memory(pages) => pages.clear(),
        }
    }
}

fn checksum(number: u32, payload: &[u8]) -> u32 {
    crc32c_append(crc32c(&number.to_be_bytes()), payload)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
fn read_at(file: &File, payload: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, payload, at)
}

#[cfg(unix)]
fn write_at(file: &File, payload: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, payload, at)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, payload: &mut [u8], at: u64) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(at))?;
    io::Read::read_exact(&mut file, payload)
}

#[cfg(not(unix))]
fn write_at(mut file: &File, payload: &[u8], at: u64) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(at))?;
    io::Write::write_all(&mut file, payload)
}
