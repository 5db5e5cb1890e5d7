//! Writing: whole files or none.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bocage_protocol::ids::KemPublic;
use bocage_protocol::mule::{Entry, Manifest, Packer};
use tempfile::NamedTempFile;

use super::{PARTIAL, part_name};
use crate::keystore::OsEntropy;

/// A file is closed here and another one begun: sticks as they are sold hold no file over 4 GiB.
const PART: u64 = 1 << 30;

/// For whom, by whom, and under which name.
pub(crate) struct Sealing {
    pub(crate) recipients: BTreeSet<KemPublic>,
    pub(crate) manifest: Manifest,
    pub(crate) hedge: [u8; 32],
    /// How every file of this node begins, and this one: a new one for the same nodes takes the old one's place.
    pub(crate) own_name: String,
    pub(crate) name: String,
}

/// Each file appears under its name only once it is whole and on the medium; until then it is a new file of an unforeseeable name, so that
/// no link that lies on the stick is followed, and goes where the writing fails.
pub(crate) struct MuleWriter<'a> {
    dir: &'a Path,
    sealing: &'a Sealing,
    ending: &'static str,
    /// The file being written; always there until the end.
    open: Option<(BufWriter<NamedTempFile>, Packer)>,
    /// Bytes of the file being written, and of all before it.
    written: u64,
    bytes: u64,
    done: Vec<String>,
}

impl<'a> MuleWriter<'a> {
    pub(crate) fn begin(dir: &'a Path, sealing: &'a Sealing, ending: &'static str) -> io::Result<Self> {
        let mut writer = Self {
            dir,
            sealing,
            ending,
            open: None,
            written: 0,
            bytes: 0,
            done: Vec::new(),
        };
        writer.sweep()?;
        writer.next_file()?;
        Ok(writer)
    }

    /// What a stick kept of this node that was pulled out while it was being written.
    fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&self.sealing.own_name) && name.ends_with(PARTIAL) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn next_file(&mut self) -> io::Result<()> {
        // Sealed as it is, whoever carries the stick may copy it.
        let file = tempfile::Builder::new()
            .prefix(&self.sealing.own_name)
            .suffix(PARTIAL)
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(self.dir)?;
        let mut file = BufWriter::new(file);
        let Sealing {
            recipients,
            manifest,
            hedge,
            ..
        } = self.sealing;
        let (head, packer) = Packer::new(recipients, manifest, hedge, &mut OsEntropy).map_err(|e| io::Error::other(e.to_string()))?;
        file.write_all(&head)?;
        self.written = head.len() as u64;
        self.open = Some((file, packer));
        Ok(())
    }

    pub(crate) fn push(&mut self, entry: &Entry) -> io::Result<()> {
        if self.written > PART {
            self.close()?;
            self.next_file()?;
        }
        let Some((file, packer)) = &mut self.open else { return Ok(()) };
        let bytes = packer.push(entry);
        file.write_all(&bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// The last bytes, the medium's word that it has them, and only then the name.
    fn close(&mut self) -> io::Result<()> {
        let Some((mut file, packer)) = self.open.take() else {
            return Ok(());
        };
        file.write_all(&packer.finish())?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        self.bytes += file.as_file().metadata()?.len();
        let name = part_name(&self.sealing.name, self.done.len() + 1, self.ending);
        file.persist(self.dir.join(&name)).map_err(|e| e.error)?;
        self.done.push(name);
        Ok(())
    }

    /// Names and bytes of what was written; parts of an earlier, longer cargo of ours for the same nodes are taken away.
    pub(crate) fn finish(mut self) -> io::Result<(Vec<String>, u64)> {
        self.close()?;
        for number in self.done.len() + 1.. {
            if fs::remove_file(self.dir.join(part_name(&self.sealing.name, number, self.ending))).is_err() {
                break;
            }
        }
        File::open(self.dir)?.sync_all()?;
        Ok((self.done, self.bytes))
    }
}
