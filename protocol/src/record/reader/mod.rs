//! What one unlocked seat can read and write: the reading storey of a node.
//!
//! Fed with every stored item ([`Reader::absorb`]), in any order. It offers epochs to the key ring, opens what the ring opens, sends
//! it through the gate, folds it into documents, and labels each envelope by the access evaluator. Documents it can't open cost it
//! a few clear ops and nothing else. Dropping the reader locks the seat: keys and documents leave memory.
//!
//! Writing returns a [`Write`]: sealed and signed envelopes that count once they are durable, together with the pen's new place.

use std::collections::{BTreeMap, BTreeSet};

use super::pen::{Pen, SeatSecrets};
use super::{Document, FactKind, FactView, Gate, Label, OwnChain, PoisonList, RecordHead};
use crate::access::chain::ChainLink;
use crate::access::epochs::{EpochFacts, KeyEpoch, KeyRequest, Wrap};
use crate::access::evaluate::{AccessSet, OpRecord, evaluate};
use crate::access::keyring::KeyRing;
use crate::access::matrix::Compartment;
use crate::access::ops::{Op, Subject};
use crate::access::view::{AccessView, Verdict};
use crate::envelope::{Envelope, Kind, Lane, Verified};
use crate::identity::{Registry, op::REGISTRY_OP};
use crate::ids::{DocId, ItemId, KemPublic, Kid, NetworkId, RecordId, SeatKey};
use crate::store::{OrderKey, Store, StoreError};

mod keys;
mod opening;
mod share;
#[cfg(test)]
mod tests;
mod write;

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
    /// Documents with content that no key opened yet.
    sealed: BTreeSet<DocId>,
    /// Documents with a revocation.
    denied: BTreeSet<DocId>,
    /// Seats whose chains have grown: where a cut or a fork bears on one, a link in one document places envelopes in others.
    grown: BTreeSet<SeatKey>,
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
    /// Where it is filed.
    filed: Option<(RecordId, Compartment)>,
    /// Content not opened yet.
    sealed: BTreeSet<ItemId>,
    /// Content by authors who aren't readers; shown apart until adopted.
    deposits: BTreeSet<ItemId>,
    /// Content that was opened, admitted or refused.
    opened: BTreeSet<ItemId>,
    refused: BTreeSet<ItemId>,
    view: Option<AccessView>,
    open: Option<Box<Open>>,
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
                    .filter(|f| !matches!(f.kind, FactKind::RecordHead | FactKind::Moved))
                    .map(move |fact| RecordFact { doc, compartment, fact })
            })
        })
    }

    /// All facts of a record, superseded ones included.
    pub fn history(&self, record: &RecordId) -> impl Iterator<Item = RecordFact<'_>> {
        self.compartments(record).flat_map(|(compartment, doc)| {
            self.document(&doc).into_iter().flat_map(move |d| {
                d.facts()
                    .filter(|f| !matches!(f.kind, FactKind::RecordHead | FactKind::Moved))
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
            counts.sealed += doc.sealed.len() as u64;
            counts.refused += doc.refused.len() as u64;
        }
        counts
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
                doc.refused.insert(id);
            }
            Kind::Content => {
                doc.sealed.insert(id);
                self.sealed.insert(doc_id);
            }
            Kind::Deposit => {
                doc.deposits.insert(id);
            }
            _ => {}
        }
    }

    /// Opens what the ring now opens, then labels what changed.
    fn settle(&mut self, store: &dyn Store, registry: &Registry) -> Result<(), StoreError> {
        for doc in self.openable() {
            self.open_document(doc, None, store)?;
        }
        self.relabel(registry);
        Ok(())
    }

    /// Documents with sealed content for which the ring has a key.
    fn openable(&self) -> Vec<DocId> {
        let known = |doc: &&DocId| self.ring.epochs(**doc).next().is_some();
        self.sealed.iter().filter(known).copied().collect()
    }

    /// Labels anew what the last items bear on.
    fn relabel(&mut self, registry: &Registry) {
        let member_denied = self.denied.iter().any(|doc| registry.team(doc).is_some());
        for seat in std::mem::take(&mut self.grown) {
            let Some(chain) = self.links.get(&seat) else { continue };
            if chain.forked || member_denied || !registry.cuts(&seat).is_empty() {
                self.dirty.extend(&chain.docs);
            } else {
                self.dirty.extend(self.denied.intersection(&chain.docs));
            }
        }
        // A team's change bears on every document that names the team.
        if self.dirty.iter().any(|doc| registry.team(doc).is_some()) {
            self.dirty
                .extend(self.docs.iter().filter(|(_, d)| d.open.is_some()).map(|(id, _)| *id));
            self.docs.values_mut().for_each(|d| d.view = None);
        }
        for doc in std::mem::take(&mut self.dirty) {
            self.label(doc, registry);
        }
    }

    /// Takes note of a place on a seat's chain; a second envelope at one place is a fork, whatever documents they are in.
    fn link(&mut self, link: ChainLink, doc: DocId) {
        let seat = self.links.entry(link.seat).or_default();
        seat.docs.insert(doc);
        self.grown.insert(link.seat);
        let place = (link.incarnation, link.seq, ItemId::ZERO)..=(link.incarnation, link.seq, ItemId([0xff; 32]));
        let taken = seat.links.range(place).any(|((.., id), _)| *id != link.id);
        seat.links.insert((link.incarnation, link.seq, link.id), link);
        if taken && !seat.forked {
            seat.forked = true;
        }
    }

    /// Evaluates access to a document from what bears on it: its own ops, the teams it names, and whole chains where a cut or a
    /// fork makes an envelope's place matter.
    fn evaluate(&self, id: &DocId, registry: &Registry) -> AccessView {
        let mut set = AccessSet::default();
        let mut seats = BTreeSet::new();
        let mut has_denial = false;
        let mut teams = BTreeSet::new();
        for record in self.docs.get(id).into_iter().flat_map(|d| d.records.values()) {
            teams.extend(named_teams(record));
        }
        for doc in std::iter::once(id).chain(teams.iter().filter(|t| *t != id)) {
            for record in self.docs.get(doc).into_iter().flat_map(|d| d.records.values()) {
                has_denial |= matches!(record.op, Some(Op::Revoke(_)));
                seats.insert(record.link.seat);
                set.insert(record.clone());
            }
        }
        for seat in seats {
            if let Some(chain) = self.links.get(&seat)
                && (has_denial || chain.forked || !registry.cuts(&seat).is_empty())
            {
                chain.links.values().for_each(|link| set.insert_link(*link));
            }
        }
        evaluate(id, &set, registry)
    }

    fn label(&mut self, id: DocId, registry: &Registry) {
        if self.docs.get(&id).is_none_or(|d| d.open.is_none()) && registry.team(&id).is_none() {
            return;
        }
        let view = self.evaluate(&id, registry);
        let Some(doc) = self.docs.get_mut(&id) else { return };
        if let Some(open) = doc.open.as_mut() {
            for item in &doc.opened {
                let label = match view.verdict(item) {
                    Verdict::Accepted => Label::Accepted,
                    Verdict::Disputed => Label::Disputed,
                    _ => Label::Quarantined,
                };
                open.document.set_label(*item, label);
            }
            // Only who made a document can say which record it belongs to: a writer could move it to another patient. Whoever
            // answers for it by now, it stays where its facts are looked for, labelled.
            let head = open
                .document
                .facts()
                .filter(|f| f.kind == FactKind::RecordHead && Some(f.author) == doc.founder)
                .min_by_key(|f| (f.label, f.hlc, f.id))
                .and_then(|f| RecordHead::parse(f.body).ok());
            let filed = head.and_then(|head| {
                let compartment = Compartment::ALL.into_iter().find(|c| *c as u8 == head.compartment)?;
                Some((head.record, compartment))
            });
            let before = std::mem::replace(&mut doc.filed, filed);
            if let Some((record, compartment)) = before.filter(|b| Some(*b) != filed) {
                remove_from(&mut self.records, &record, &compartment, &id);
            }
            if let Some((record, compartment)) = filed {
                self.records.entry(record).or_default().entry(compartment).or_default().insert(id);
            }
        }
        doc.view = Some(view);
    }
}

/// Leaves no empty record behind.
fn remove_from(
    records: &mut BTreeMap<RecordId, BTreeMap<Compartment, BTreeSet<DocId>>>,
    record: &RecordId,
    compartment: &Compartment,
    doc: &DocId,
) {
    let Some(parts) = records.get_mut(record) else { return };
    if let Some(docs) = parts.get_mut(compartment) {
        docs.remove(doc);
    }
    parts.retain(|_, docs| !docs.is_empty());
    if parts.is_empty() {
        records.remove(record);
    }
}

/// Teams that an op names as a subject.
fn named_teams(record: &OpRecord) -> Vec<DocId> {
    let team = |subject: &Subject| match subject {
        Subject::Team(doc) => Some(*doc),
        _ => None,
    };
    match &record.op {
        Some(Op::Genesis(genesis)) => genesis.grants.iter().filter_map(|t| team(&t.subject)).collect(),
        Some(Op::Grant(grant)) => team(&grant.terms.subject).into_iter().collect(),
        _ => Vec::new(),
    }
}
