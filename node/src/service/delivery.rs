//! Who has an entry: which nodes hold it, who received it, who read it; and the receipts that a seat writes for others.
//!
//! Each state rests on a signature: a node's statement about the author's chain, a reader's sealed receipt. Nothing is inferred from a
//! connection.

use std::collections::{BTreeMap, BTreeSet};

use bocage_protocol::ids::{DocId, Hlc, ItemId, RecordId, SeatKey};
use bocage_protocol::record::{RecordFact, Seen, WriteRefused};

use super::{Service, kind_name, refused};
use crate::client::{Delivery, Failure, HolderRow, Reply, SeenRow};
use crate::core::now_ms;
use crate::keystore::OsEntropy;

/// Receipts of one document written at a time: each acknowledges 64 incarnations of authors.
const MAX_RECEIPTS: usize = 16;

impl Service {
    pub(super) fn delivery(&self, patient: &str, fact: &str) -> Result<Reply, Failure> {
        let record = self.find(patient)?;
        let RecordFact { doc, fact, .. } = self.version(record, fact)?;
        let (reader, registry) = (self.reader()?, self.core.registry());
        let about = BTreeSet::from([fact.envelope]);
        let held = reader.holders_of(&fact.author, &about, self.core.peer.holders(&fact.author));
        let mut holders: Vec<HolderRow> = held
            .into_values()
            .flatten()
            .filter_map(|node| {
                let facility = registry.facility(&registry.node(&node)?.facility)?;
                Some(HolderRow {
                    facility: facility.name.clone(),
                    kind: kind_name(facility.kind).to_owned(),
                    node: node.to_string(),
                })
            })
            .collect();
        holders.sort_by(|a, b| (&a.facility, &a.node).cmp(&(&b.facility, &b.node)));
        let acknowledged = reader.receipts(&doc, &fact.envelope);
        Ok(Reply::Delivery(Delivery {
            fact: fact.id.to_hex(),
            own: fact.author == reader.seat(),
            saved_ms: fact.hlc.millis(),
            holders,
            received: self.seats_in_words(&acknowledged.received),
            read: self.seats_in_words(&acknowledged.read),
        }))
    }

    /// Somebody has looked at this record: its authors are told.
    pub(super) fn read(&mut self, patient: &str) -> Result<Reply, Failure> {
        let record = self.find(patient)?;
        let documents: Vec<DocId> = self.reader()?.compartments(&record).map(|(_, doc)| doc).collect();
        let documents = self.acknowledge(&documents, Seen::Read)?;
        Ok(Reply::Acknowledged { documents })
    }

    /// Writes receipts for what is new in these documents; returns how many had anything. Where a key is missing or nobody who may rotate
    /// has done so yet, a later call writes them.
    ///
    /// # Errors
    /// The disk refused, or nobody practises here.
    pub fn acknowledge(&mut self, documents: &[DocId], state: Seen) -> Result<u64, Failure> {
        let mut touched = BTreeSet::new();
        for doc in documents {
            for _ in 0..MAX_RECEIPTS {
                let registry = self.core.peer.registry();
                let write = match self.reader()?.acknowledge(now_ms(), *doc, state, registry, &mut OsEntropy) {
                    Ok(Some(write)) => write,
                    Ok(None) | Err(WriteRefused::NotAllowed | WriteRefused::KeyMissing) => break,
                    Err(error) => return Err(refused(&error)),
                };
                self.save(&write)?;
                touched.insert(*doc);
            }
        }
        Ok(touched.len() as u64)
    }

    /// Of this seat's own entries in a record, how many other nodes hold each. Empty while there are no other nodes.
    pub(super) fn held_by(&self, record: RecordId) -> Result<BTreeMap<ItemId, u64>, Failure> {
        let reader = self.reader()?;
        if self.core.registry().nodes().nth(1).is_none() {
            return Ok(BTreeMap::new());
        }
        let me = reader.seat();
        let own = reader.history(&record).filter(|f| f.fact.author == me);
        let own: BTreeSet<ItemId> = own.map(|f| f.fact.envelope).collect();
        let held = reader.holders_of(&me, &own, self.core.peer.holders(&me));
        let count = |item: &ItemId| held.get(item).map_or(0, |nodes| nodes.len() as u64);
        Ok(own.iter().map(|item| (*item, count(item))).collect())
    }

    fn seats_in_words(&self, seats: &BTreeMap<SeatKey, Hlc>) -> Vec<SeenRow> {
        let registry = self.core.registry();
        let mut rows: Vec<SeenRow> = seats
            .iter()
            .filter_map(|(key, at)| {
                let seat = registry.seat(key)?;
                Some(SeenRow {
                    name: registry.practitioner(&seat.practitioner?)?.name.clone(),
                    facility: registry.facility(&seat.facility)?.name.clone(),
                    at_ms: at.millis(),
                })
            })
            .collect();
        rows.sort_by(|a, b| (a.at_ms, &a.name).cmp(&(b.at_ms, &b.name)));
        rows
    }

    /// A version of an entry, corrected since or not, by its id or the start of it.
    fn version(&self, record: RecordId, start: &str) -> Result<RecordFact<'_>, Failure> {
        let wanted = start.to_lowercase();
        let found = self.reader()?.history(&record).filter(|f| f.fact.id.to_hex().starts_with(&wanted));
        let found: Vec<RecordFact<'_>> = found.collect();
        match found[..] {
            [one] => Ok(one),
            [] => Err(Failure::new(
                "not-found",
                format!("no entry of this record begins with {start}: see `bocage patient show --history`"),
                format!("aucun élément de ce dossier ne commence par {start} : voyez `bocage patient show --history`"),
            )),
            _ => Err(Failure::new(
                "ambiguous",
                format!("{} entries of this record begin with {start}: give more of the id", found.len()),
                format!(
                    "{} éléments de ce dossier commencent par {start} : donnez plus de caractères",
                    found.len()
                ),
            )),
        }
    }
}
