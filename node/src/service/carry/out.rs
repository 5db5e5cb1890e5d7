//! Files on their way onto a stick.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::ops::Bound;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use bocage_protocol::mule::{Entry, Packer};
use bocage_protocol::peer::Coverage;
use bocage_protocol::store::{OrderKey, Store as _};
use tempfile::NamedTempFile;

use super::{CARGO, Load, PARTIAL, RECEIPT, on_stick, part_name};
use crate::client::{CarriedOut, Failure, Reply};
use crate::keystore::OsEntropy;
use crate::service::{Service, Turns, store_failure};

/// Items looked at in one turn: at most 40 MB of them.
const TURN: usize = 128;
/// A file is closed here and another one begun: sticks as they are sold hold no file over 4 GiB.
const PART: u64 = 1 << 30;

/// Writes the files. Long: see [`Turns`].
pub(in crate::service) fn out(
    mut turns: Turns<'_>,
    to: Vec<String>,
    dir: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Reply, Failure> {
    let load = turns.take(move |service| Load::cargo(service, &to))?;
    let failed = |e: &io::Error| on_stick(dir, e);
    let mut writer = StickWriter::begin(dir, &load, CARGO).map_err(|e| failed(&e))?;
    let (mut from, mut done) = (Bound::Unbounded, 0);
    let (mut items, mut held_there) = (0, 0);
    loop {
        let coverage = Arc::clone(&load.coverage);
        let part = turns.take(move |service| next_items(service, from, &coverage))?;
        let Some(last) = part.last else { break };
        from = Bound::Excluded(last);
        done += part.looked_at;
        held_there += part.looked_at - part.items.len() as u64;
        items += part.items.len() as u64;
        for item in part.items {
            writer.push(&Entry::Item(item)).map_err(|e| failed(&e))?;
        }
        progress(done, load.total.max(done));
    }
    // Behind what they speak of: their authors' certificates come first.
    for held in &load.statements {
        writer.push(&Entry::Statement(held.clone())).map_err(|e| failed(&e))?;
    }
    let (files, bytes) = writer.finish().map_err(|e| failed(&e))?;
    Ok(Reply::CarriedOut(CarriedOut {
        files,
        statements: load.statements.len() as u64,
        to: load.names.into_iter().collect(),
        items,
        held_there,
        bytes,
    }))
}

/// Leaves a receipt; returns its name.
pub(super) fn write_receipt(dir: &Path, load: &Load) -> io::Result<String> {
    let mut writer = StickWriter::begin(dir, load, RECEIPT)?;
    for held in &load.statements {
        writer.push(&Entry::Statement(held.clone()))?;
    }
    let (mut files, _) = writer.finish()?;
    Ok(files.remove(0))
}

struct Part {
    items: Vec<Vec<u8>>,
    looked_at: u64,
    last: Option<OrderKey>,
}

fn next_items(service: &mut Service, from: Bound<OrderKey>, coverage: &Coverage) -> Result<Part, Failure> {
    let store = &service.core.store;
    let keys = store.range(from, TURN).map_err(|e| store_failure(&e))?;
    let mut items = Vec::new();
    for key in &keys {
        let bytes = store.get(&key.id).map_err(|e| store_failure(&e))?;
        items.extend(bytes.filter(|b| !coverage.holds(&key.id, b)).map(|b| b.to_vec()));
    }
    Ok(Part {
        items,
        looked_at: keys.len() as u64,
        last: keys.last().copied(),
    })
}

/// Each file appears under its name only once it is whole and on the medium; until then it is a new file of an unforeseeable name, so that
/// no link that lies on the stick is followed, and goes where the writing fails.
struct StickWriter<'a> {
    dir: &'a Path,
    load: &'a Load,
    ending: &'static str,
    /// The file being written; always there until the end.
    open: Option<(BufWriter<NamedTempFile>, Packer)>,
    /// Bytes of the file being written, and of all before it.
    written: u64,
    bytes: u64,
    done: Vec<String>,
}

impl<'a> StickWriter<'a> {
    fn begin(dir: &'a Path, load: &'a Load, ending: &'static str) -> io::Result<Self> {
        let mut writer = Self {
            dir,
            load,
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
            if name.starts_with(&self.load.own_name) && name.ends_with(PARTIAL) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn next_file(&mut self) -> io::Result<()> {
        // Sealed as it is, whoever carries the stick may copy it.
        let file = tempfile::Builder::new()
            .prefix(&self.load.own_name)
            .suffix(PARTIAL)
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(self.dir)?;
        let mut file = BufWriter::new(file);
        let Load {
            recipients,
            manifest,
            hedge,
            ..
        } = self.load;
        let (head, packer) = Packer::new(recipients, manifest, hedge, &mut OsEntropy).map_err(|e| io::Error::other(e.to_string()))?;
        file.write_all(&head)?;
        self.written = head.len() as u64;
        self.open = Some((file, packer));
        Ok(())
    }

    fn push(&mut self, entry: &Entry) -> io::Result<()> {
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
        let name = part_name(&self.load.name, self.done.len() + 1, self.ending);
        file.persist(self.dir.join(&name)).map_err(|e| e.error)?;
        self.done.push(name);
        Ok(())
    }

    /// Names and bytes of what was written; parts of an earlier, longer cargo of ours for the same nodes are taken away.
    fn finish(mut self) -> io::Result<(Vec<String>, u64)> {
        self.close()?;
        for number in self.done.len() + 1.. {
            if fs::remove_file(self.dir.join(part_name(&self.load.name, number, self.ending))).is_err() {
                break;
            }
        }
        File::open(self.dir)?.sync_all()?;
        Ok((self.done, self.bytes))
    }
}
