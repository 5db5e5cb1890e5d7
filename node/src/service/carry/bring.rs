//! What lies on a stick, taken in.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bocage_protocol::crypto::KemSecret;
use bocage_protocol::mule::{Entry, Manifest};
use bocage_protocol::peer::Input;
use bocage_protocol::store::Ordered as _;

use super::load::own_name;
use super::out::write_receipt;
use super::{CARGO, Load, RECEIPT, on_stick};
use crate::client::{CarriedFile, CarriedIn, Failure, Reply};
use crate::lang::Bilingual;
use crate::mule_file::{MuleFile, Refusal, part_of};
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
        let cargo = MuleFile { path, key: &key, network };
        let mut file = CarriedFile {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            ..CarriedFile::default()
        };
        match take_in(&cargo, &mut turns, &mut file, &mut tell) {
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

/// Reads it twice: first every item is judged by its bytes, then it is taken in.
fn take_in(cargo: &MuleFile<'_>, turns: &mut Turns<'_>, file: &mut CarriedFile, tell: &mut dyn FnMut(u64)) -> Result<Manifest, Refusal> {
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
    let manifest = cargo.read(judge, tell)?;
    file.known = items_here;
    let mut brought = 0;
    cargo.read(
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
                let before = service.core.store.len();
                let outcome = service.core.input(Input::Carried { items, statements });
                let refused = outcome.refused.as_ref().map(store_failure);
                service.pending.push(outcome);
                match refused {
                    Some(failure) => Err(failure),
                    None => Ok(service.core.store.len() - before),
                }
            })?;
            Ok(None)
        },
        tell,
    )?;
    file.waiting = brought.saturating_sub(file.known).saturating_sub(file.new);
    Ok(manifest)
}
