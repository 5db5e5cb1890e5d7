//! Writing facts: which document, under which epoch, with which authority.

use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

use super::super::pen::{Pen, SeatSecrets};
use super::super::{FactBody, OwnChain, PayloadError, RecordHead, WriteError, payload, record_id};
use super::Reader;
use crate::access::epochs::{EpochKey, make_epoch};
use crate::access::matrix::{Actor, Compartment, default_rank};
use crate::access::ops::{DocumentKind, Genesis, Op, Rank, Subject, Terms, genesis_grant_id};
use crate::access::view::{Act, CLOCK_SKEW_MS, GrantView};
use crate::crypto::{Entropy, hedged};
use crate::envelope::{Kind, Lane, Verified};
use crate::identity::{Profession, Registry, Seat};
use crate::ids::{DocId, FactId, GrantId, KemPublic, Kid, NetworkId, PractitionerKey, RecordId, SeatKey};
use crate::store::LocalWrite;
use crate::wire::WireError;

/// Facts and bytes of facts that go into one envelope: what a slow link moves in a few seconds.
const FACTS_PER_ENVELOPE: usize = 200;
const BYTES_PER_ENVELOPE: usize = 160 * 1024;

/// A fact and where it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct NewFact {
    pub compartment: Compartment,
    pub fact: FactBody,
}

/// Envelopes of one act, to become durable together. Counts only once [`Reader::saved`] was told that they are.
pub struct Write {
    /// Canonical envelopes, in the order of the seat's chain.
    pub items: Vec<Vec<u8>>,
    /// The pen's place behind them: belongs into the same batch.
    pub local: LocalWrite,
    /// The record written to, if it is one.
    pub record: Option<RecordId>,
    /// Ids of the facts, in the order they were given.
    pub facts: Vec<FactId>,
    /// Documents touched.
    pub documents: BTreeSet<DocId>,
    pen: Pen,
    chains: BTreeMap<(DocId, Lane), OwnChain>,
}

/// Why nothing was written. The record is unchanged.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum WriteRefused {
    /// No grant lets this seat write there.
    #[error("this seat may not write in this part of the record")]
    NotAllowed,
    /// Who belongs to a record is judged by its identity: it begins with one.
    #[error("a record begins with the patient's identity")]
    NoIdentity,
    /// No document of this record is readable here.
    #[error("no such record, or it was not shared with this seat")]
    NoSuchRecord,
    /// A key is missing; it is asked for by the seat's chores.
    #[error("a key of this document is still on its way; try again after the next exchange")]
    KeyMissing,
    /// The facility has nobody a record could be shared with.
    #[error("this facility has no practitioner in the registry yet")]
    NobodyThere,
    /// A request to oneself, or to the whole of one's own facility.
    #[error("a request goes to somebody else: a colleague, a team or another facility")]
    OwnRequest,
    /// The record has no such part that can be read here.
    #[error("the record has no {} part that can be read here", part_name(*.0))]
    PartMissing(Compartment),
    /// Opening a part to somebody takes the right to write in it; who was shut out by somebody senior stays out.
    #[error("this seat can't open the {} part of the record to them", part_name(*.0))]
    CannotRefer(Compartment),
    /// It isn't readable here, doesn't count for its record, or this seat is on neither side of it.
    #[error("no such request that this seat takes part in")]
    NoSuchRequest,
    /// A request's document takes its own steps only.
    #[error("a request is taken further by its own steps, not by an entry in the record")]
    OwnStepsOnly,
    #[error(transparent)]
    Fact(#[from] WriteError),
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("cannot be written: {0}")]
    Bounds(#[from] WireError),
}

/// An act in the making, on a pen of its own that replaces the reader's only when all is durable.
pub(super) struct Writing {
    pub(super) now_ms: u64,
    pub(super) items: Vec<Verified>,
    documents: BTreeSet<DocId>,
    pub(super) pen: Pen,
    chains: BTreeMap<(DocId, Lane), OwnChain>,
}

impl Writing {
    /// Signs a clear body.
    pub(super) fn clear(
        &mut self,
        me: &SeatSecrets,
        network: &NetworkId,
        (kind, lane): (Kind, Lane),
        doc: DocId,
        authority: Vec<GrantId>,
        body: Vec<u8>,
    ) -> Result<&Verified, WireError> {
        let header = self.pen.header(self.now_ms, kind, lane, doc, Kid::ZERO, authority);
        let written = header.clear(&me.signing, network, body)?;
        Ok(self.push(doc, written))
    }

    pub(super) fn push(&mut self, doc: DocId, written: Verified) -> &Verified {
        self.pen.advance(&written);
        self.documents.insert(doc);
        self.items.push(written);
        self.items.last().expect("just pushed")
    }

    /// Seals facts into as many envelopes as they need.
    pub(super) fn content(
        &mut self,
        me: &SeatSecrets,
        network: &NetworkId,
        (doc, lane): (DocId, Lane),
        key: &EpochKey,
        authority: &[GrantId],
        facts: &[FactBody],
    ) -> Result<Vec<FactId>, WriteRefused> {
        let chain = self
            .chains
            .entry((doc, lane))
            .or_insert_with(|| OwnChain::new(me.key(), doc, self.pen.incarnation, lane));
        let mut chain = chain.clone();
        let mut ids = Vec::with_capacity(facts.len());
        for part in portions(facts) {
            let change = chain.next(part)?;
            let plaintext = payload::encode(&[&change.chunk])?;
            let header = self
                .pen
                .header(self.now_ms, Kind::Content, lane, doc, key.kid(), authority.to_vec());
            let written = header.seal(&me.signing, network, key.secret(), &plaintext)?;
            chain.advance(&change);
            ids.extend(&change.facts);
            self.push(doc, written);
        }
        self.chains.insert((doc, lane), chain);
        Ok(ids)
    }

    pub(super) fn finish(self, facts: Vec<FactId>, record: Option<RecordId>) -> Write {
        Write {
            items: self.items.iter().map(|e| e.to_bytes()).collect(),
            local: self.pen.to_local(),
            record,
            facts,
            documents: self.documents,
            pen: self.pen,
            chains: self.chains,
        }
    }
}

impl Reader {
    pub(super) fn begin(&self, now_ms: u64) -> Writing {
        Writing {
            now_ms,
            items: Vec::new(),
            documents: BTreeSet::new(),
            pen: self.pen.clone(),
            chains: self.chains.clone(),
        }
    }

    /// The write is durable: the next one follows it on the seat's chain.
    pub fn saved(&mut self, write: &Write) {
        self.pen = write.pen.clone();
        self.chains = write.chains.clone();
    }

    /// A new record, readable by this facility's own teams as the role matrix gives it, and by nobody else.
    ///
    /// # Errors
    /// No fact for the identity, the seat isn't enrolled, or a fact is out of bounds.
    pub fn create_record(
        &self,
        now_ms: u64,
        lane: Lane,
        facts: &[NewFact],
        registry: &Registry,
        entropy: &mut dyn Entropy,
    ) -> Result<Write, WriteRefused> {
        if !facts.iter().any(|f| f.compartment == Compartment::Identity) {
            return Err(WriteRefused::NoIdentity);
        }
        let salt = hedged(&self.me.hedge(), b"record id", &[], entropy).0;
        let record = record_id(&self.network, &self.pen.seat, &salt);
        self.write(now_ms, lane, (record, Some(salt)), facts, registry, entropy)
    }

    /// Adds facts to a record. A compartment that has no document yet gets one, with the readers that the record has.
    ///
    /// # Errors
    /// Not allowed, a key missing, or a fact out of bounds.
    pub fn add(
        &self,
        now_ms: u64,
        lane: Lane,
        record: RecordId,
        facts: &[NewFact],
        registry: &Registry,
        entropy: &mut dyn Entropy,
    ) -> Result<Write, WriteRefused> {
        if !self.records.contains_key(&record) {
            return Err(WriteRefused::NoSuchRecord);
        }
        self.write(now_ms, lane, (record, self.own_salt(&record)), facts, registry, entropy)
    }

    fn write(
        &self,
        now_ms: u64,
        lane: Lane,
        (record, salt): (RecordId, Option<[u8; 32]>),
        facts: &[NewFact],
        registry: &Registry,
        entropy: &mut dyn Entropy,
    ) -> Result<Write, WriteRefused> {
        if facts.iter().any(|f| f.compartment == Compartment::Request) {
            return Err(WriteRefused::OwnStepsOnly);
        }
        let mut writing = self.begin(now_ms);
        let mut by_compartment: BTreeMap<Compartment, Vec<usize>> = BTreeMap::new();
        for (i, fact) in facts.iter().enumerate() {
            by_compartment.entry(fact.compartment).or_default().push(i);
        }
        let mut ids = vec![FactId::ZERO; facts.len()];
        for (compartment, places) in by_compartment {
            let mut bodies: Vec<FactBody> = places.iter().map(|i| facts[*i].fact.clone()).collect();
            let mut drawing = self.trusted(&record, compartment);
            drawing.retain(|doc| self.may_draw(doc, now_ms));
            let written = if drawing.is_empty() {
                if salt.is_none() && !self.may_begin(&record, compartment, registry, now_ms) {
                    return Err(WriteRefused::NotAllowed);
                }
                let head = RecordHead {
                    record,
                    compartment: compartment as u8,
                    salt,
                };
                bodies.insert(0, head.to_fact());
                let (doc, key) = self.found(&mut writing, record, compartment, lane, registry, entropy)?;
                let authority = [genesis_grant_id(&doc, 0)];
                writing
                    .content(&self.me, &self.network, (doc, lane), &key, &authority, &bodies)?
                    .split_off(1)
            } else {
                let (doc, authority) = self.writable(&drawing, now_ms).ok_or(WriteRefused::NotAllowed)?;
                let key = self.epoch_for_writing(&mut writing, doc, lane, registry, &BTreeSet::new(), entropy)?;
                writing.content(&self.me, &self.network, (doc, lane), &key, &authority, &bodies)?
            };
            for (place, id) in places.into_iter().zip(written) {
                ids[place] = id;
            }
        }
        Ok(writing.finish(ids, Some(record)))
    }

    /// The first of these documents that this seat may write in, with what to cite.
    pub(super) fn writable(&self, docs: &[DocId], now_ms: u64) -> Option<(DocId, Vec<GrantId>)> {
        docs.iter()
            .find_map(|doc| Some((*doc, self.access(doc)?.may(&self.pen.seat, Act::Write, now_ms)?)))
    }

    /// A new document: genesis, first grants, first epoch in one envelope.
    pub(super) fn found(
        &self,
        writing: &mut Writing,
        record: RecordId,
        compartment: Compartment,
        lane: Lane,
        registry: &Registry,
        entropy: &mut dyn Entropy,
    ) -> Result<(DocId, EpochKey), WriteRefused> {
        let grants = self.first_grants(record, compartment, registry, writing.now_ms);
        self.found_for(writing, record, grants, lane, registry, entropy)
    }

    /// As [`Self::found`], for these and nobody else.
    pub(super) fn found_for(
        &self,
        writing: &mut Writing,
        record: RecordId,
        grants: Vec<Terms>,
        lane: Lane,
        registry: &Registry,
        entropy: &mut dyn Entropy,
    ) -> Result<(DocId, EpochKey), WriteRefused> {
        let nonce = hedged(&self.me.hedge(), b"document nonce", &record.0, entropy).0;
        let mut genesis = Genesis {
            kind: DocumentKind::Record,
            nonce,
            custodian: self.me.facility,
            grants,
            epoch: Vec::new(),
        };
        let doc = genesis.doc_id(&self.network, &self.pen.seat);
        let mut recipients: BTreeSet<KemPublic> = [self.me.kem.public()].into();
        for terms in genesis.grants.iter().filter(|t| t.rank.may_read()) {
            match terms.subject {
                Subject::Team(team) => recipients.extend(self.team_keys(&team, registry, writing.now_ms)),
                Subject::Seat(seat) => recipients.extend(registry.seat(&seat).filter(|s| !s.ambiguous).map(|s| s.kem)),
                Subject::Practitioner(key) => recipients.extend(seats_of(&key, registry, writing.now_ms).map(|(_, s)| s.kem)),
            }
        }
        let (epoch, key) = make_epoch(&self.network, &doc, &self.pen.seat, &self.me.hedge(), &recipients, &[], entropy)?;
        genesis.epoch = epoch.encode();
        let body = Op::Genesis(genesis).encode()?;
        writing.clear(&self.me, &self.network, (Kind::Genesis, lane), doc, Vec::new(), body)?;
        Ok((doc, key))
    }

    /// Who gets a new document of a record: this facility's teams, and whoever the record was shared with, each as the matrix says for this compartment.
    fn first_grants(&self, record: RecordId, compartment: Compartment, registry: &Registry, now_ms: u64) -> Vec<Terms> {
        let mut grants: BTreeMap<Subject, Terms> = BTreeMap::new();
        for (team, info) in registry.teams_of(&self.me.facility) {
            if let Some(rank) = default_rank(compartment, Actor::Team(info.profession)) {
                grants.insert(Subject::Team(*team), open_ended(Subject::Team(*team), rank));
            }
        }
        for view in self.identities(&record).filter_map(|doc| self.access(&doc)) {
            // A grant that rests on a consent of its own, as a request's, opens what it names and draws in nothing else.
            let shared = |g: &&GrantView| g.is_live(now_ms) && g.terms.consent_hash == [0; 32];
            for grant in view.grants().iter().filter(shared) {
                let profession = match grant.terms.subject {
                    Subject::Team(team) => registry.team(&team).map(|t| t.profession),
                    Subject::Seat(seat) if seat != self.pen.seat => profession_of(registry, &seat),
                    _ => None,
                };
                if let Some(profession) = profession
                    && let Some(rank) = default_rank(compartment, Actor::Team(profession))
                {
                    let terms = Terms {
                        rank,
                        ..grant.terms.clone()
                    };
                    grants.entry(terms.subject).or_insert(terms);
                }
            }
        }
        grants.into_values().take(crate::access::ops::MAX_INITIAL_GRANTS).collect()
    }
}

/// A grant without dates.
pub(super) fn open_ended(subject: Subject, rank: Rank) -> Terms {
    Terms {
        subject,
        rank,
        not_before_ms: 0,
        not_after_ms: u64::MAX,
        consent_hash: [0; 32],
    }
}

/// The seats of a practitioner that can be sealed to.
pub(super) fn seats_of<'a>(key: &'a PractitionerKey, registry: &'a Registry, now_ms: u64) -> impl Iterator<Item = (SeatKey, &'a Seat)> {
    let certified = move |s: &Seat| {
        let (from, to) = (s.validity.not_before, s.validity.not_after);
        from <= now_ms.saturating_add(CLOCK_SKEW_MS) && now_ms <= to.saturating_add(CLOCK_SKEW_MS)
    };
    registry
        .seats()
        .filter(move |(seat, s)| s.practitioner == Some(*key) && !s.ambiguous && certified(s) && registry.cuts(seat).is_empty())
        .map(|(seat, s)| (*seat, s))
}

fn part_name(part: Compartment) -> &'static str {
    match part {
        Compartment::Identity => "identity",
        Compartment::Emergency => "emergency",
        Compartment::Medication => "medication",
        Compartment::Clinical => "clinical",
        Compartment::Sensitive => "sensitive",
        Compartment::Trace => "trace",
        Compartment::Request => "request",
    }
}

pub(super) fn profession_of(registry: &Registry, seat: &SeatKey) -> Option<Profession> {
    let practitioner = registry.seat(seat)?.practitioner?;
    Some(registry.practitioner(&practitioner)?.profession)
}

/// Slices that each fit an envelope.
fn portions(facts: &[FactBody]) -> Vec<&[FactBody]> {
    let mut out = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (i, fact) in facts.iter().enumerate() {
        let size = fact.body.len() + fact.source.len() + 64;
        if i > start && (bytes + size > BYTES_PER_ENVELOPE || i - start == FACTS_PER_ENVELOPE) {
            out.push(&facts[start..i]);
            (start, bytes) = (i, 0);
        }
        bytes += size;
    }
    if start < facts.len() {
        out.push(&facts[start..]);
    }
    out
}
