//! What one unlocked seat can read and write: the reading storey of a node.
//!
//! Fed with every stored item ([`Reader::absorb`]), in any order. It offers epochs to the key ring, opens what the ring opens, sends
//! it through the gate, folds it into documents, and labels each envelope by the access evaluator. Documents it can't open cost it
//! a few clear ops and nothing else. Dropping the reader locks the seat: keys and documents leave memory.
//!
//! Writing returns a [`Write`]: sealed and signed envelopes that count once they are durable, together with the pen's new place.

use std::collections::{BTreeMap, BTreeSet};

use super::pen::{Pen, SeatSecrets};
use super::{Document, FactKind, FactView, Gate, OwnChain, PoisonList};
use crate::access::chain::ChainLink;
use crate::access::epochs::{EpochFacts, KeyEpoch, KeyRequest, Wrap};
use crate::access::evaluate::OpRecord;
use crate::access::keyring::KeyRing;
use crate::access::matrix::Compartment;
use crate::access::ops::Op;
use crate::access::view::AccessView;
use crate::envelope::{Envelope, Kind, Lane, Verified};
use crate::identity::{Registry, op::REGISTRY_OP};
use crate::ids::{DocId, ItemId, KemPublic, Kid, NetworkId, RecordId, SeatKey};
use crate::store::{OrderKey, Store, StoreError};

#[cfg(test)]
mod attacks;
mod keys;
mod opening;
mod parts;
mod receipts;
mod request;
mod share;
mod standing;
#[cfg(test)]
mod tests;
mod write;

pub use parts::{PartStanding, Sight};
pub use receipts::Acknowledged;
use receipts::Receipt;
pub use request::{Asked, Attached, MAX_REQUEST_DAYS, NewRequest};
pub use share::ROUND_MS;
pub use write::{NewFact, Write, WriteRefused};

/// An unlocked seat.
pub struct Reader {
    me: SeatSecrets,
    network: NetworkId,
    pen: Pen,
    ring: KeyRing,
    /// What killed the process each time it was opened.
    poison: PoisonList,
    chains: BTreeMap<(DocId, Lane), OwnChain>,
    links: BTreeMap<SeatKey, SeatLinks>,
    docs: BTreeMap<DocId, Doc>,
    records: BTreeMap<RecordId, BTreeMap<Compartment, BTreeSet<DocId>>>,
    /// Documents whose labels may have changed.
    dirty: BTreeSet<DocId>,
    /// Documents with content that a key has come for.
    openable: BTreeSet<DocId>,
    /// Documents with a revocation.
    denied: BTreeSet<DocId>,
    /// Seats whose chains have grown: where a fork or a cut in the registry bears on one, a link in one document places envelopes in
    /// others.
    grown: BTreeSet<SeatKey>,
    /// Records whose facts, or what counts of them, may be others than when that was asked last.
    touched: BTreeSet<RecordId>,
    /// Those where the new link closed a gap: only then it places what was here already, before what a denial keeps or after.
    closed: BTreeSet<SeatKey>,
    /// Links that others stand on, or that a denial or its answer names, and that aren't here.
    awaited: BTreeSet<ItemId>,
}

/// A seat's whole chain, over all documents.
#[derive(Default)]
struct SeatLinks {
    links: BTreeMap<(u64, u64, ItemId), ChainLink>,
    docs: BTreeSet<DocId>,
    /// It signed two envelopes with one number.
    forked: bool,
}

/// What is known of one document, readable or not.
#[derive(Default)]
struct Doc {
    records: BTreeMap<ItemId, OpRecord>,
    /// Epochs as their bodies state them, with the seat that signed each.
    epochs: BTreeMap<ItemId, (SeatKey, EpochFacts)>,
    deposit_keys: BTreeMap<Kid, KemPublic>,
    /// Late wraps: which epoch was opened to whom afterwards, and by whom.
    wraps: BTreeMap<ItemId, (Kid, KemPublic, SeatKey)>,
    /// Which epoch was asked for, for whom, and by whom.
    requests: BTreeMap<ItemId, (Kid, KemPublic, SeatKey)>,
    /// Whose genesis made it: the document's id is bound to this seat.
    founder: Option<SeatKey>,
    filed: Option<Filed>,
    /// Content that no key has come for.
    sealed: BTreeMap<Kid, BTreeSet<ItemId>>,
    /// Content that waits at the gate for its author's earlier change.
    held_up: BTreeMap<ItemId, (Kid, SeatKey)>,
    /// Receipts that no key has come for.
    sealed_receipts: BTreeMap<Kid, BTreeSet<ItemId>>,
    receipts: BTreeMap<ItemId, Receipt>,
    /// Content by authors who aren't readers; shown apart until adopted.
    deposits: BTreeSet<ItemId>,
    /// Content that was opened, admitted or refused.
    opened: BTreeSet<ItemId>,
    /// Content without effect, and who signed it.
    refused: BTreeMap<ItemId, SeatKey>,
    view: Option<AccessView>,
    open: Option<Box<Open>>,
}

/// Where a document is filed, and whether it counts there.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Filed {
    record: RecordId,
    compartment: Compartment,
    /// Of the record, where this document's founder made it.
    salt: Option<[u8; 32]>,
    is_trusted: bool,
}

/// A document in clear.
struct Open {
    gate: Gate,
    document: Document,
}

/// One fact with the compartment it stands in.
#[derive(Clone, Copy)]
pub struct RecordFact<'a> {
    pub doc: DocId,
    pub compartment: Compartment,
    pub fact: FactView<'a>,
}

/// Counts for a status line.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Content envelopes opened.
    pub readable: u64,
    /// Content envelopes carried unread.
    pub sealed: u64,
    pub records: u64,
    /// Content that the gate refused: its authors are to be asked.
    pub refused: u64,
}

impl Reader {
    /// Takes items that have just become durable, own or received.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn absorb(&mut self, keys: &[OrderKey], store: &dyn Store, registry: &Registry, now_ms: u64) -> Result<(), StoreError> {
        self.take(keys, store, now_ms)?;
        self.settle(store, registry)
    }

    /// The registry changed: certificates, teams and cuts bear on every verdict.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn registry_changed(&mut self, store: &dyn Store, registry: &Registry) -> Result<(), StoreError> {
        self.dirty.extend(self.docs.keys());
        self.docs.values_mut().for_each(|d| d.view = None);
        self.settle(store, registry)
    }

    pub fn seat(&self) -> SeatKey {
        self.pen.seat
    }

    /// Records with at least one readable document.
    pub fn records(&self) -> impl Iterator<Item = RecordId> {
        self.records.keys().copied()
    }

    /// Records whose facts, or the labels of them, may have changed since this was asked last; all of them the first time.
    pub fn take_touched(&mut self) -> BTreeSet<RecordId> {
        std::mem::take(&mut self.touched)
    }

    /// Compartments of a record that this seat can read.
    pub fn compartments(&self, record: &RecordId) -> impl Iterator<Item = (Compartment, DocId)> {
        self.records
            .get(record)
            .into_iter()
            .flatten()
            .flat_map(|(c, docs)| docs.iter().map(|d| (*c, *d)))
    }

    /// Facts of a record that nothing accepted supersedes. Concurrent ones stand side by side.
    pub fn current(&self, record: &RecordId) -> impl Iterator<Item = RecordFact<'_>> {
        self.compartments(record).flat_map(|(compartment, doc)| {
            self.document(&doc).into_iter().flat_map(move |d| {
                d.current()
                    .filter(|f| !matches!(f.kind, FactKind::RecordHead | FactKind::Moved | FactKind::RequestHead))
                    .map(move |fact| RecordFact { doc, compartment, fact })
            })
        })
    }

    /// All facts of a record, superseded ones included.
    pub fn history(&self, record: &RecordId) -> impl Iterator<Item = RecordFact<'_>> {
        self.compartments(record).flat_map(|(compartment, doc)| {
            self.document(&doc).into_iter().flat_map(move |d| {
                d.facts()
                    .filter(|f| !matches!(f.kind, FactKind::RecordHead | FactKind::Moved | FactKind::RequestHead))
                    .map(move |fact| RecordFact { doc, compartment, fact })
            })
        })
    }

    /// An open document.
    pub fn document(&self, doc: &DocId) -> Option<&Document> {
        self.docs.get(doc)?.open.as_ref().map(|o| &o.document)
    }

    /// Who may do what in a document, as last evaluated.
    pub fn access(&self, doc: &DocId) -> Option<&AccessView> {
        self.docs.get(doc)?.view.as_ref()
    }

    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            records: self.records.len() as u64,
            ..Counts::default()
        };
        for doc in self.docs.values() {
            counts.readable += doc.opened.len() as u64;
            let sealed: usize = doc.sealed.values().map(BTreeSet::len).sum();
            counts.sealed += (sealed + doc.held_up.len()) as u64;
            counts.refused += doc.refused.len() as u64;
        }
        counts
    }

    /// Who signed content that opens to nothing sound, with how many envelopes: somebody to be asked, whose program or key is bad.
    pub fn to_blame(&self) -> BTreeMap<SeatKey, u64> {
        let mut blamed = BTreeMap::new();
        for author in self.docs.values().flat_map(|d| d.refused.values()) {
            *blamed.entry(*author).or_default() += 1;
        }
        blamed
    }

    #[cfg(test)]
    pub(crate) fn epoch_secrets(&self, doc: &DocId) -> Vec<Vec<u8>> {
        self.ring.epochs(*doc).map(|key| key.secret().0.to_vec()).collect()
    }

    /// Notes what each item says in clear; opens nothing yet.
    fn take(&mut self, keys: &[OrderKey], store: &dyn Store, now_ms: u64) -> Result<(), StoreError> {
        for key in keys {
            let Some(bytes) = store.get(&key.id)? else { continue };
            if bytes.first() == Some(&REGISTRY_OP) {
                continue;
            }
            // Stored bytes were verified on arrival; verified again because a disk can be altered by its thief.
            let Some(envelope) = Envelope::parse(&bytes).ok().and_then(|e| e.verify(&self.network).ok()) else {
                continue;
            };
            self.take_one(&envelope, now_ms);
        }
        Ok(())
    }

    fn take_one(&mut self, envelope: &Verified, now_ms: u64) {
        let header = &envelope.header;
        let (id, doc_id, seat) = (envelope.id(), header.doc, header.seat);
        let Ok(record) = OpRecord::from_envelope(&self.network, envelope) else {
            return;
        };
        self.pen.observe(header.hlc, now_ms);
        self.dirty.insert(doc_id);
        self.link(record.link, doc_id);
        self.await_heads(&record);
        if matches!(record.op, Some(Op::Revoke(_))) {
            self.denied.insert(doc_id);
        }
        let doc = self.docs.entry(doc_id).or_default();
        doc.view = None;
        doc.records.insert(id, record);
        match header.kind {
            Kind::Genesis => {
                doc.founder = Some(seat);
                if let Ok(Some(Op::Genesis(genesis))) = Op::of(envelope)
                    && let Ok(epoch) = KeyEpoch::decode(&genesis.epoch)
                {
                    doc.epochs.insert(id, (seat, EpochFacts::stated(&epoch, header.hlc)));
                    doc.deposit_keys.insert(epoch.kid, epoch.deposit);
                    self.ring.offer(doc_id, seat, id, &epoch);
                }
            }
            Kind::KeyEpoch => {
                if let Ok(epoch) = KeyEpoch::decode(&envelope.body) {
                    doc.epochs.insert(id, (seat, EpochFacts::stated(&epoch, header.hlc)));
                    doc.deposit_keys.insert(epoch.kid, epoch.deposit);
                    self.ring.offer(doc_id, seat, id, &epoch);
                }
            }
            Kind::Wrap => {
                if let Ok(wrap) = Wrap::decode(&envelope.body) {
                    doc.wraps.insert(id, (wrap.kid, wrap.key.recipient, seat));
                    self.ring.offer_wrap(doc_id, seat, id, &wrap);
                }
            }
            Kind::KeyRequest => {
                if let Ok(request) = KeyRequest::decode(&envelope.body) {
                    doc.requests.insert(id, (request.kid, request.recipient, seat));
                }
            }
            Kind::Content if self.poison.is_poisoned(&id) => {
                doc.refused.insert(id, seat);
            }
            Kind::Content => {
                doc.sealed.entry(header.kid).or_default().insert(id);
                if self.ring.key(doc_id, header.kid).is_some() {
                    self.openable.insert(doc_id);
                }
            }
            Kind::Receipt => {
                doc.sealed_receipts.entry(header.kid).or_default().insert(id);
                if self.ring.key(doc_id, header.kid).is_some() {
                    self.openable.insert(doc_id);
                }
            }
            Kind::Deposit => {
                doc.deposits.insert(id);
            }
            Kind::Grant | Kind::Revoke | Kind::Endorse | Kind::Adopt => {}
        }
    }

    /// Opens what the ring now opens, then labels what changed.
    fn settle(&mut self, store: &dyn Store, registry: &Registry) -> Result<(), StoreError> {
        for doc in self.take_openable() {
            if self.docs.get(&doc).is_some_and(|d| !d.sealed.is_empty()) {
                self.open_document(doc, None, store)?;
            }
            self.open_receipts(doc, store)?;
        }
        self.relabel(registry);
        Ok(())
    }

    /// Documents with content or receipts that can be opened now, and couldn't be when this was asked last.
    fn take_openable(&mut self) -> BTreeSet<DocId> {
        let mut docs = std::mem::take(&mut self.openable);
        docs.extend(self.ring.take_fresh());
        docs.retain(|doc| {
            self.docs
                .get(doc)
                .is_some_and(|d| !d.sealed.is_empty() || !d.sealed_receipts.is_empty())
        });
        docs
    }

    /// Takes note of a place on a seat's chain; a second envelope at one place is a fork, whatever documents they are in.
    fn link(&mut self, link: ChainLink, doc: DocId) {
        let seat = self.links.entry(link.seat).or_default();
        seat.docs.insert(doc);
        self.grown.insert(link.seat);
        if self.awaited.remove(&link.id) {
            self.closed.insert(link.seat);
        }
        let before = match link.seq {
            1 => seat.links.values().any(|l| l.id == link.prev),
            _ => seat.links.contains_key(&(link.incarnation, link.seq.saturating_sub(1), link.prev)),
        };
        if !before && link.prev != ItemId::ZERO {
            self.awaited.insert(link.prev);
        }
        let place = (link.incarnation, link.seq, ItemId::ZERO)..=(link.incarnation, link.seq, ItemId([0xff; 32]));
        let taken = seat.links.range(place).any(|((.., id), _)| *id != link.id);
        seat.links.insert((link.incarnation, link.seq, link.id), link);
        if taken && !seat.forked {
            seat.forked = true;
        }
    }

    /// Takes note of the places of chains that a denial or its answer names before they are here.
    fn await_heads(&mut self, record: &OpRecord) {
        let named: Vec<ItemId> = match &record.op {
            Some(Op::Revoke(revoke)) => revoke.keep.iter().flat_map(|(_, heads)| heads).map(|h| h.id).collect(),
            Some(Op::Grant(grant)) => grant.answers.clone(),
            _ => return,
        };
        let here = |id: &ItemId| self.links.values().any(|seat| seat.links.values().any(|l| l.id == *id));
        let absent: Vec<ItemId> = named.into_iter().filter(|id| !here(id)).collect();
        self.awaited.extend(absent);
    }
}
