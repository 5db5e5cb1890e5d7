//! What lies on a stick, taken in.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use bocage_protocol::crypto::KemSecret;
use bocage_protocol::ids::NetworkId;
use bocage_protocol::mule::{self, Entry, Manifest, MuleError, Unpacker};
use bocage_protocol::peer::Input;

use super::load::own_name;
use super::out::write_receipt;
use super::{CARGO, Load, RECEIPT, on_stick, part_of};
use crate::client::{CarriedFile, CarriedIn, Failure, Reply};
use crate::lang::Bilingual;
use crate::service::{Turns, store_failure};

/// Files of a directory that are looked at.
const MAX_FILES: usize = 256;

/// Takes in what is in a directory. Long: see [`Turns`].
pub(in crate::service) fn bring_in(mut turns: Turns<'_>, dir: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Reply, Failure> {
    let (own, key, network) = turns.take(|service| {
        let key = KemSecret::from_seed(&service.keys.kem.0);
        Ok((own_name(service), key, service.core.registry().network_id()))
    })?;
    let paths = cargo_in(dir, &own).map_err(|e| on_stick(dir, &e))?;
    if paths.is_empty() {
        return Err(Failure::new(
            "nothing",
            format!(
                "{}: no file for this node is there (they end in .{CARGO} or .{RECEIPT})",
                dir.display()
            ),
            format!(
                "{} : aucun fichier pour ce nœud (ils finissent par .{CARGO} ou .{RECEIPT})",
                dir.display()
            ),
        ));
    }
    let sizes = paths.iter().map(|p| p.metadata().map_or(0, |m| m.len()));
    let total = sizes.fold(0_u64, u64::saturating_add).saturating_mul(2);
    let mut read = 0;
    let mut files = Vec::new();
    let mut makers = BTreeSet::new();
    for path in &paths {
        let mut tell = |bytes: u64| {
            read += bytes;
            progress(read.min(total), total);
        };
        let cargo = Cargo { path, key: &key, network };
        let mut file = CarriedFile {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            ..CarriedFile::default()
        };
        match cargo.take_in(&mut turns, &mut file, &mut tell) {
            Ok(manifest) => {
                file.made_ms = manifest.made_ms;
                file.from = turns.take(move |service| Ok(service.name_of(&manifest.maker)))?;
                makers.insert(manifest.maker);
            }
            Err(Refusal::ForOthers) => file.for_others = true,
            Err(Refusal::File(en, fr)) => (file.refused, file.refused_fr) = (en, fr),
            Err(Refusal::Own(failure)) => return Err(failure),
        }
        files.push(file);
    }
    let load = turns.take(move |service| {
        service.chores();
        Ok(Load::receipt(service, &makers))
    })?;
    let mut brought = CarriedIn {
        files,
        ..CarriedIn::default()
    };
    // A stick that can't be written to has brought what it brought.
    match load.map(|load| write_receipt(dir, &load)) {
        Some(Ok(name)) => brought.receipt = Some(name),
        Some(Err(e)) => (brought.no_receipt, brought.no_receipt_fr) = (e.to_string(), e.french()),
        None => {}
    }
    Ok(Reply::CarriedIn(brought))
}

/// Files in a directory that others may have left for this node, cargo by cargo, each from its first part on.
fn cargo_in(dir: &Path, own: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)?.take(64 * MAX_FILES) {
        let path = entry?.path();
        let fits = path.extension().is_some_and(|e| e == CARGO || e == RECEIPT);
        let ours = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(own));
        if fits && !ours && path.is_file() {
            found.push(path);
        }
    }
    found.sort_by_cached_key(|path| part_of(path));
    found.truncate(MAX_FILES);
    Ok(found)
}

/// Why a file was not taken in.
enum Refusal {
    ForOthers,
    /// It is the file's fault: said in English and French, and the others are taken.
    File(String, String),
    /// It is ours: the disk refused, the node stops.
    Own(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Own(failure)
    }
}

impl From<MuleError> for Refusal {
    fn from(error: MuleError) -> Self {
        if error == MuleError::NotForUs {
            return Self::ForOthers;
        }
        Self::File(error.to_string(), error.french())
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return MuleError::Damaged.into();
        }
        Self::File(error.to_string(), error.french())
    }
}

/// One file.
struct Cargo<'a> {
    path: &'a Path,
    key: &'a KemSecret,
    network: NetworkId,
}

impl Cargo<'_> {
    fn take_in(&self, turns: &mut Turns<'_>, file: &mut CarriedFile, tell: &mut dyn FnMut(u64)) -> Result<Manifest, Refusal> {
        let mut items_here = 0;
        let judge = |entries: Vec<Entry>| {
            let (known, fault) = turns.take(move |service| {
                let mut known = 0;
                for entry in &entries {
                    let Entry::Item(bytes) = entry else { continue };
                    match service.core.peer.judge(bytes, &service.core.store) {
                        Ok(here) => known += u64::from(here),
                        Err(fault) => return Ok((known, Some(fault))),
                    }
                }
                Ok((known, None))
            })?;
            items_here += known;
            Ok(fault)
        };
        let manifest = self.read(judge, tell)?;
        file.known = items_here;
        let mut brought = 0;
        self.read(
            |entries| {
                let (mut items, mut statements) = (Vec::new(), Vec::new());
                for entry in entries {
                    match entry {
                        Entry::Item(bytes) => items.push(bytes),
                        Entry::Statement(held) => statements.push(held),
                    }
                }
                brought += items.len() as u64;
                file.statements += statements.len() as u64;
                file.new += turns.take(move |service| {
                    let before = service.core.peer.index().len();
                    let outcome = service.core.input(Input::Carried { items, statements });
                    let refused = outcome.refused.as_ref().map(store_failure);
                    service.pending.push(outcome);
                    match refused {
                        Some(failure) => Err(failure),
                        None => Ok((service.core.peer.index().len() - before) as u64),
                    }
                })?;
                Ok(None)
            },
            tell,
        )?;
        file.waiting = brought.saturating_sub(file.known).saturating_sub(file.new);
        Ok(manifest)
    }

    /// Reads the whole file; `take` says what is wrong with a block's entries, if anything is.
    fn read(
        &self,
        mut take: impl FnMut(Vec<Entry>) -> Result<Option<String>, Failure>,
        tell: &mut dyn FnMut(u64),
    ) -> Result<Manifest, Refusal> {
        let mut file = BufReader::new(File::open(self.path)?);
        let mut head = vec![0; mule::HEAD];
        file.read_exact(&mut head).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => MuleError::Foreign.into(),
            _ => Refusal::from(error),
        })?;
        let slots = mule::slots(head.first_chunk().expect("just this long"))?;
        head.resize(mule::HEAD + mule::slots_len(slots), 0);
        file.read_exact(&mut head[mule::HEAD..])?;
        let mut unpacker = Unpacker::open(&head, self.key, self.network)?;
        let mut next = block(&mut file)?.ok_or(MuleError::Damaged)?;
        loop {
            let after = block(&mut file)?;
            tell(next.len() as u64);
            let Some(after) = after else {
                let (entries, manifest) = unpacker.last(&next)?;
                not_belonging(take(entries)?)?;
                return Ok(manifest);
            };
            not_belonging(take(unpacker.block(&next)?)?)?;
            next = after;
        }
    }
}

fn not_belonging(why: Option<String>) -> Result<(), Refusal> {
    match why {
        None => Ok(()),
        Some(why) => Err(Refusal::File(
            format!("this file holds what doesn't belong in one: {why}"),
            format!("ce fichier contient ce qui n'y a pas sa place ({why})"),
        )),
    }
}

/// The next sealed block; `None` at the end of the file.
fn block(file: &mut impl Read) -> Result<Option<Vec<u8>>, Refusal> {
    let mut length = [0; 4];
    let mut read = 0;
    while read < length.len() {
        match file.read(&mut length[read..])? {
            0 if read == 0 => return Ok(None),
            0 => return Err(MuleError::Damaged.into()),
            n => read += n,
        }
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > mule::MAX_BLOCK {
        return Err(MuleError::Damaged.into());
    }
    let mut sealed = vec![0; length];
    file.read_exact(&mut sealed)?;
    Ok(Some(sealed))
}
