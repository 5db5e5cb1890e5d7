//! Small precious files: framed, replaced whole, private to their owner.
//!
//! Invariant: at every instant the file is either the old one or the new one, whole. A crash leaves at most a stray `.partial`
//! beside it, which is never read and is replaced by the next write.
//!
//! Frame: magic 8, version u16, body, CRC-32C u32 over all before. The checksum finds a failing disk, not an attacker: what must
//! resist an attacker is sealed inside.

use bocage_protocol::wire::{Reader, Writer};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// No file here comes near this; a longer one is not read.
pub(crate) const MAX_FILE: usize = 128 * 1024;

/// Why bytes are not a file of this kind.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub(crate) enum FrameError {
    /// Another kind of file.
    #[error("it is another kind of file")]
    Foreign,
    /// Written by a later Bocage.
    #[error("it has version {0}")]
    Newer(u16),
    /// Cut short or changed since it was written.
    #[error("its checksum does not hold")]
    Damaged,
}

/// What kind of file, and the version of its layout.
pub(crate) struct Frame {
    pub(crate) magic: &'static [u8; 8],
    pub(crate) version: u16,
}

impl Frame {
    /// Magic and version: also the start of what the seals inside are bound to.
    pub(crate) fn head(&self) -> Writer {
        let mut w = Writer::new();
        w.bytes(self.magic).u16(self.version);
        w
    }

    /// Appends the checksum to a head and its body.
    pub(crate) fn close(w: Writer) -> Vec<u8> {
        let mut bytes = w.finish();
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    /// The body of a whole, undamaged file of this kind and version.
    pub(crate) fn body<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], FrameError> {
        let mut r = Reader::new(bytes);
        if r.array::<8>().map_err(|_| FrameError::Foreign)? != *self.magic {
            return Err(FrameError::Foreign);
        }
        let version = r.u16().map_err(|_| FrameError::Damaged)?;
        if version > self.version {
            return Err(FrameError::Newer(version));
        }
        let (body, sum) = r.rest().split_last_chunk::<4>().ok_or(FrameError::Damaged)?;
        let sound = version == self.version && crc32c::crc32c(&bytes[..bytes.len() - 4]).to_be_bytes() == *sum;
        if sound { Ok(body) } else { Err(FrameError::Damaged) }
    }
}

/// Reads a file of at most [`MAX_FILE`] bytes; a longer one comes back cut, and its checksum tells.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(4096);
    File::open(path)?.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces `path` by `bytes` in one step, durable on return: 0600, in a directory that is made 0700 if it doesn't exist.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    publish(&stage(path, bytes)?, path)
}

/// Writes and syncs the new content beside `path`, under a name that nothing reads.
fn stage(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    create_private_dir(directory(path))?;
    let partial = partial_name(path);
    match fs::remove_file(&partial) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(partial)
}

/// Puts the staged file in place and syncs the directory.
fn publish(partial: &Path, path: &Path) -> io::Result<()> {
    fs::rename(partial, path)?;
    #[cfg(unix)]
    File::open(directory(path))?.sync_all()?;
    Ok(())
}

fn partial_name(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn create_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// What others on this machine may do to a file that should be private. It says how to end that.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Exposed {
    /// They may read it.
    #[error("other users of this machine may read {path}; run: chmod 600 '{path}'", path = .0.display())]
    File(PathBuf),
    /// They may replace what is in its directory.
    #[error("other users of this machine may replace files in {path}; run: chmod 700 '{path}'", path = .0.display())]
    Folder(PathBuf),
}

/// Whether others on this machine may read the file or change its directory; `None` if it is private, or can't be told.
pub fn permission_warning(path: &Path) -> Option<Exposed> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |p: &Path| fs::metadata(p).ok().map(|m| m.permissions().mode());
        if mode(path)? & 0o077 != 0 {
            return Some(Exposed::File(path.to_owned()));
        }
        let dir = directory(path);
        if mode(dir)? & 0o022 != 0 {
            return Some(Exposed::Folder(dir.to_owned()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame {
        magic: b"TESTTEST",
        version: 2,
    };

    fn sample(version: u16) -> Vec<u8> {
        let mut w = Frame { version, ..FRAME }.head();
        w.bytes(b"body");
        Frame::close(w)
    }

    #[test]
    fn only_whole_files_of_this_kind_and_version_are_read() {
        let good = sample(2);
        assert_eq!(FRAME.body(&good), Ok(&b"body"[..]));
        assert_eq!(FRAME.body(&sample(3)), Err(FrameError::Newer(3)));
        assert_eq!(FRAME.body(&sample(1)), Err(FrameError::Damaged), "no version 1 was ever written");
        assert_eq!(FRAME.body(b"%PDF-1.7 and so on"), Err(FrameError::Foreign));
        for cut in 0..good.len() {
            assert!(FRAME.body(&good[..cut]).is_err());
        }
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(FRAME.body(&bad).is_err());
        }
    }

    #[test]
    fn a_crash_before_the_rename_leaves_the_old_file_and_the_next_write_clears_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seat.keys");
        replace(&path, b"old").unwrap();
        let stray = stage(&path, b"half-way").unwrap();
        assert_eq!(read(&path).unwrap(), b"old");
        assert!(stray.exists());
        replace(&path, b"new").unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["seat.keys"]);
    }

    #[test]
    fn a_failed_write_keeps_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seat.keys");
        replace(&path, b"old").unwrap();
        fs::create_dir(partial_name(&path)).unwrap(); // stands in the way
        assert!(replace(&path, b"new").is_err());
        assert_eq!(read(&path).unwrap(), b"old");
    }

    #[cfg(unix)]
    #[test]
    fn files_are_private_and_a_wider_mode_is_told() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("keys/seat.keys");
        replace(&path, b"x").unwrap();
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(permission_warning(&path), None);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(permission_warning(&path).unwrap().to_string().contains("chmod 600"));
        replace(&path, b"y").unwrap();
        assert_eq!(mode(&path), 0o600, "the next write makes it private again");
    }

    #[test]
    fn a_long_file_is_not_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("long");
        fs::write(&path, vec![0; MAX_FILE * 3]).unwrap();
        assert_eq!(read(&path).unwrap().len(), MAX_FILE + 1);
    }
}
