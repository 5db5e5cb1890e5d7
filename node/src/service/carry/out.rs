//! Files on their way onto a stick.

use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use bocage_protocol::mule::Entry;
use bocage_protocol::peer::Coverage;
use bocage_protocol::store::{OrderKey, Ordered as _, Store as _};

use super::{CARGO, Load, RECEIPT, on_stick};
use crate::client::{CarriedOut, Failure, Reply};
use crate::mule_file::MuleWriter;
use crate::service::{Service, Turns, store_failure};

/// Items looked at in one turn: at most 40 MB of them.
const TURN: usize = 128;

/// Writes the files. Long: see [`Turns`].
pub(in crate::service) fn out(
    mut turns: Turns<'_>,
    to: Vec<String>,
    dir: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Reply, Failure> {
    let load = turns.take(move |service| Load::cargo(service, &to))?;
    let failed = |e: &io::Error| on_stick(dir, e);
    let mut writer = MuleWriter::begin(dir, &load.sealing, CARGO).map_err(|e| failed(&e))?;
    let (items, held_there) = pour(&mut turns, &mut writer, &load, dir, progress)?;
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

/// Writes every item that isn't known to be there; returns how many were written, and how many were left out.
pub(in crate::service) fn pour(
    turns: &mut Turns<'_>,
    writer: &mut MuleWriter<'_>,
    load: &Load,
    dir: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(u64, u64), Failure> {
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
            writer.push(&Entry::Item(item)).map_err(|e| on_stick(dir, &e))?;
        }
        progress(done, load.total.max(done));
    }
    Ok((items, held_there))
}

/// Leaves a receipt; returns its name.
pub(super) fn write_receipt(dir: &Path, load: &Load) -> io::Result<String> {
    let mut writer = MuleWriter::begin(dir, &load.sealing, RECEIPT)?;
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
