//! The data directory itself: one process at a time, nobody else's eyes, and a little room kept for bad days.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bocage_protocol::store::StoreError;

/// The directory is ours while this lives; the operating system lifts the lock if the process dies.
pub(super) struct Lock(File);

/// Makes the directory (0700) if need be and locks it.
pub(super) fn lock(dir: &Path) -> Result<Lock, StoreError> {
    make_private_dir(dir)?;
    let file = private_file().create(true).truncate(false).open(dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
        Err(TryLockError::Error(e)) => Err(e.into()),
    }
}

impl Drop for Lock {
    /// Closing is not enough: a process that is being spawned holds a copy of the file until it becomes another program.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// A directory for its owner only, whatever the umask; also tightens one that exists.
pub(super) fn make_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        builder.mode(0o700).create(dir)?;
        if fs::metadata(dir)?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        }
    }
    #[cfg(not(unix))]
    builder.create(dir)?;
    Ok(())
}

/// Options for a file read and written by its owner only.
pub(super) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes names created, renamed or removed in `dir` durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(dir)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}

/// Tells a full disk from other refusals.
pub(super) fn refused(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Io(error),
    }
}

/// A file that only takes up room, given back piece by piece so that a full disk can still record a revocation.
pub(super) struct Reserve {
    path: PathBuf,
    size: u64,
}

impl Reserve {
    pub(super) fn new(dir: &Path, size: u64) -> Self {
        let path = dir.join("reserve");
        Self { path, size }
    }

    /// Bytes held at present.
    pub(super) fn held(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |m| m.len())
    }

    /// Takes up to its size again, as far as the disk allows. Random bytes, so that no file system stores them as a hole.
    pub(super) fn refill(&self) {
        let held = self.held();
        if held >= self.size {
            return;
        }
        let fill = || -> io::Result<()> {
            let mut file = private_file().create(true).truncate(false).open(&self.path)?;
            io::Seek::seek(&mut file, io::SeekFrom::Start(held))?;
            let mut bytes = vec![0; (self.size - held) as usize];
            getrandom::fill(&mut bytes).map_err(io::Error::other)?;
            file.write_all(&bytes)?;
            file.sync_all()
        };
        if let Err(e) = fill() {
            tracing::warn!("the reserve for a full disk could not be refilled: {e}");
        }
    }

    /// Gives back room for a record of `len` bytes, and as much again for the file system's own needs. False if that
    /// is more than there is.
    pub(super) fn release(&self, len: usize) -> bool {
        const BLOCK: u64 = 64 * 1024;
        let held = self.held();
        let left = held.saturating_sub((2 * len as u64).next_multiple_of(BLOCK));
        let cut = || -> io::Result<()> {
            let file = private_file().open(&self.path)?;
            file.set_len(left)?;
            file.sync_all()
        };
        held > len as u64 && cut().is_ok()
    }
}
