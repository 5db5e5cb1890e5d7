//! Requests between practitioners: one document each, founded by who asks, in which whoever is asked writes too.
//!
//! A request opens named parts of the record to whom it is addressed, to read and for days only: *referrals*, each marked with the
//! request's consent hash. When the request ends, whoever made a referral takes it back; where that would also hit what
//! somebody has by another way, the date ends it. In the request's own document nobody is ever shut out: an answer that comes by car
//! months later counts.
//!
//! Which side an act is on is said by the grant that it cites, so it stays true when people come and go.

use std::collections::{BTreeMap, BTreeSet};

#[cfg(test)]
mod tests;

use super::Reader;
use super::write::{Write, WriteRefused, Writing, open_ended, profession_of, seats_of};
use crate::access::evaluate::MAX_REFERRAL_MS;
use crate::access::matrix::{Actor, Compartment, ON_EITHER_SIDE_OF_A_REQUEST, default_rank};
use crate::access::ops::{Grant, Head, MAX_ANSWERS, MAX_HEADS, MAX_KEPT_SEATS, Op, Rank, Revoke, Subject, Terms, genesis_grant_id};
use crate::access::view::{AccessView, Act, GrantState, GrantView};
use crate::clinical::request::{Addressee, Parties, Party};
use crate::crypto::{Entropy, hedged};
use crate::envelope::{Kind, Lane};
use crate::identity::Registry;
use crate::ids::{DocId, GrantId, ItemId, KemPublic, PractitionerKey, RecordId, SeatKey};
use crate::record::{FactBody, FactKind, RecordHead, RequestHead};

/// A steward may open parts of a record for so long; a writer, whose referral the evaluator bounds, for seven days.
pub const MAX_REQUEST_DAYS: u64 = 30;
const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// Why a referral was taken back, for display: the request it belonged to has ended.
const REQUEST_ENDED: u8 = 1;

/// A request to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRequest {
    pub record: RecordId,
    pub addressee: Addressee,
    /// Parts to open, besides the identity, which always is.
    pub parts: BTreeSet<Compartment>,
    pub days: u64,
}

/// What a request would open, and to whom: everything that can be refused has been.
pub struct Attached {
    record: RecordId,
    addressee: Addressee,
    /// Keys by the subject that gets them.
    recipients: BTreeMap<Subject, BTreeSet<KemPublic>>,
    referrals: Vec<Referral>,
    /// The parts that the recipient reads, the identity among them.
    pub parts: BTreeSet<Compartment>,
    /// When new entries of the first of these parts stop being opened; `None` where all was open to them without an end already.
    pub ends_ms: Option<u64>,
}

struct Referral {
    doc: DocId,
    /// Without the mark.
    terms: Terms,
    authority: Vec<GrantId>,
    answers: Vec<ItemId>,
}

/// The document of a request, as its founder made it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    pub request: DocId,
    pub record: RecordId,
    pub founder: SeatKey,
    pub head: RequestHead,
    /// Its founder could make one for this record; else it is shown apart and takes no step.
    pub is_trusted: bool,
}

impl Reader {
    /// Requests that this seat can read, whatever their state.
    pub fn requests(&self) -> impl Iterator<Item = Asked> {
        self.docs.keys().filter_map(|doc| self.request(doc))
    }

    /// One request, if it can be read.
    pub fn request(&self, request: &DocId) -> Option<Asked> {
        let doc = self.docs.get(request)?;
        let filed = doc.filed.filter(|f| f.compartment == Compartment::Request)?;
        let founder = doc.founder?;
        let facts = self.document(request)?.facts();
        let head = facts
            .filter(|f| f.kind == FactKind::RequestHead && f.author == founder)
            .min_by_key(|f| (f.label, f.id))
            .and_then(|f| RequestHead::parse(f.body).ok())?;
        Some(Asked {
            request: *request,
            record: filed.record,
            founder,
            head,
            is_trusted: filed.is_trusted,
        })
    }

    /// On which sides of a request this seat may write now.
    pub fn sides(&self, asked: &Asked, registry: &Registry, now_ms: u64) -> Parties {
        let can = |party| self.may_step(asked, party, registry, now_ms).is_some();
        Parties {
            requester: can(Party::Requester),
            recipient: can(Party::Recipient),
        }
    }

    /// The sides under whose grants an envelope of the request was written.
    pub fn sides_of(&self, asked: &Asked, envelope: &ItemId, registry: &Registry) -> Parties {
        let mut sides = Parties::default();
        let cited = self.docs.get(&asked.request).and_then(|d| d.records.get(envelope));
        for id in cited.into_iter().flat_map(|r| &r.authority) {
            let side = self.side_of_grant(asked, id, registry);
            sides.requester |= side.requester;
            sides.recipient |= side.recipient;
        }
        sides
    }

    /// Only what the founder granted when asking puts anybody on a side.
    fn side_of_grant(&self, asked: &Asked, id: &GrantId, registry: &Registry) -> Parties {
        let Some(grant) = self.access(&asked.request).and_then(|v| v.grants().iter().find(|g| g.id == *id)) else {
            return Parties::default();
        };
        let founder = registry.seat(&asked.founder);
        if *id == genesis_grant_id(&asked.request, 0) {
            return Parties {
                requester: true,
                recipient: false,
            };
        }
        let from_the_first = (1..=crate::access::ops::MAX_INITIAL_GRANTS as u8).any(|n| genesis_grant_id(&asked.request, n) == *id);
        if !from_the_first {
            return Parties::default();
        }
        let facility = match &grant.terms.subject {
            Subject::Team(team) => registry.team(team).map(|t| t.facility),
            Subject::Seat(seat) => registry.seat(seat).map(|s| s.facility),
            Subject::Practitioner(_) => None,
        };
        let is_recipient = match (&asked.head.addressee, &grant.terms.subject) {
            (Addressee::Practitioner(whom), Subject::Practitioner(key)) => whom == key,
            (Addressee::Team(whom), Subject::Team(team)) => whom == team,
            (Addressee::Facility(whom), _) => Some(*whom) == facility,
            _ => false,
        };
        let is_requester = match &grant.terms.subject {
            Subject::Practitioner(key) => founder.and_then(|s| s.practitioner) == Some(*key),
            Subject::Team(_) => facility.is_some() && founder.map(|s| s.facility) == facility,
            Subject::Seat(_) => false,
        };
        Parties {
            requester: is_requester,
            recipient: is_recipient,
        }
    }

    fn may_step(&self, asked: &Asked, party: Party, registry: &Registry, now_ms: u64) -> Option<Vec<GrantId>> {
        let on_side = |id: &GrantId| self.side_of_grant(asked, id, registry).contains(party);
        let view = self.access(&asked.request).filter(|_| asked.is_trusted)?;
        view.may_under(&self.pen.seat, Act::Write, now_ms, on_side)
    }

    // ---- asking

    /// What a request would open.
    ///
    /// # Errors
    /// Nobody there to ask, oneself asked, a part that isn't there, or one that this seat may not open to them.
    pub fn attach(&self, now_ms: u64, new: &NewRequest, registry: &Registry) -> Result<Attached, WriteRefused> {
        let recipients = self.recipients_of(&new.addressee, registry, now_ms)?;
        if !self.may_begin(&new.record, Compartment::Request, registry, now_ms) {
            return Err(WriteRefused::NotAllowed);
        }
        let mut attached = Attached {
            record: new.record,
            addressee: new.addressee,
            recipients,
            referrals: Vec::new(),
            parts: new.parts.clone(),
            ends_ms: None,
        };
        attached.parts.insert(Compartment::Identity);
        for part in attached.parts.clone() {
            if matches!(part, Compartment::Sensitive | Compartment::Trace | Compartment::Request) {
                return Err(WriteRefused::CannotRefer(part));
            }
            let docs = self.trusted(&new.record, part);
            if docs.is_empty() {
                return Err(WriteRefused::PartMissing(part));
            }
            // Whether anything of a record counts is judged by its creator's identity documents: none of them may be missing.
            let needed: BTreeSet<DocId> = match part {
                Compartment::Identity => self.identities(&new.record).collect(),
                _ => BTreeSet::new(),
            };
            let mut opened = false;
            for doc in docs {
                match self.refer(now_ms, doc, new.days, &attached.recipients, registry) {
                    Some(referrals) => {
                        opened = true;
                        attached.referrals.extend(referrals);
                    }
                    None if needed.contains(&doc) => return Err(WriteRefused::CannotRefer(part)),
                    None => {}
                }
            }
            if !opened {
                return Err(WriteRefused::CannotRefer(part));
            }
        }
        attached.ends_ms = attached.referrals.iter().map(|r| r.terms.not_after_ms).min();
        Ok(attached)
    }

    /// Makes the request: its document with these facts, and the referrals, in one durable batch. Returns its id.
    ///
    /// # Errors
    /// A key missing, or a fact out of bounds.
    pub fn ask(
        &self,
        now_ms: u64,
        lane: Lane,
        attached: &Attached,
        facts: &[FactBody],
        registry: &Registry,
        entropy: &mut dyn Entropy,
    ) -> Result<(DocId, Write), WriteRefused> {
        let mut writing = self.begin(now_ms);
        let grants = self.both_sides(attached, registry);
        let (request, key) = self.found_for(&mut writing, attached.record, grants, lane, registry, entropy)?;
        let head = RequestHead {
            addressee: attached.addressee,
            salt: hedged(&self.me.hedge(), b"request salt", &request.0, entropy).0,
        };
        let filed = RecordHead {
            record: attached.record,
            compartment: Compartment::Request as u8,
            salt: self.own_salt(&attached.record),
        };
        let heads = [filed.to_fact(), head.to_fact()];
        let bodies: Vec<FactBody> = heads.into_iter().chain(facts.iter().cloned()).collect();
        let authority = [genesis_grant_id(&request, 0)];
        let ids = writing
            .content(&self.me, &self.network, (request, lane), &key, &authority, &bodies)?
            .split_off(2);
        let mut added: BTreeMap<DocId, BTreeSet<KemPublic>> = BTreeMap::new();
        for Referral {
            doc,
            terms,
            authority,
            answers,
        } in &attached.referrals
        {
            let keys = attached.recipients.get(&terms.subject).into_iter().flatten();
            added.entry(*doc).or_default().extend(keys);
            let terms = Terms {
                consent_hash: head.consent(&request, doc),
                ..terms.clone()
            };
            let answers = answers.clone();
            let body = Op::Grant(Grant { terms, answers }).encode()?;
            writing.clear(&self.me, &self.network, (Kind::Grant, Lane::Urgent), *doc, authority.clone(), body)?;
        }
        for (doc, keys) in added {
            self.open_to(&mut writing, doc, &keys, registry, entropy)?;
        }
        Ok((request, writing.finish(ids, Some(attached.record))))
    }

    /// Whom a request goes to, with the keys that it is sealed to.
    fn recipients_of(
        &self,
        addressee: &Addressee,
        registry: &Registry,
        now_ms: u64,
    ) -> Result<BTreeMap<Subject, BTreeSet<KemPublic>>, WriteRefused> {
        let mut found: BTreeMap<Subject, BTreeSet<KemPublic>> = BTreeMap::new();
        match addressee {
            Addressee::Practitioner(key) if self.me.practitioner == Some(*key) => return Err(WriteRefused::OwnRequest),
            Addressee::Practitioner(key) => {
                let keys = seats_of(key, registry, now_ms).map(|(_, s)| s.kem).collect();
                found.insert(Subject::Practitioner(*key), keys);
            }
            Addressee::Team(team) => {
                if registry.team(team).is_some() {
                    found.insert(Subject::Team(*team), self.team_keys(team, registry, now_ms));
                }
            }
            Addressee::Facility(key) if *key == self.me.facility => return Err(WriteRefused::OwnRequest),
            Addressee::Facility(key) => {
                for (team, _) in registry.teams_of(key) {
                    found.insert(Subject::Team(*team), self.team_keys(team, registry, now_ms));
                }
                let mobile = registry.seats().filter(|(_, s)| s.facility == *key && s.mobile && !s.ambiguous);
                for (seat, s) in mobile.filter(|(seat, _)| profession_of(registry, seat).is_some()) {
                    found.insert(Subject::Seat(*seat), [s.kem].into());
                }
            }
        }
        found.retain(|_, keys| !keys.is_empty());
        if found.is_empty() {
            return Err(WriteRefused::NobodyThere);
        }
        Ok(found)
    }

    /// The first grants of a request's document.
    fn both_sides(&self, attached: &Attached, registry: &Registry) -> Vec<Terms> {
        let mut ranks: BTreeMap<Subject, Rank> = BTreeMap::new();
        let own = profession_of(registry, &self.pen.seat);
        for (team, info) in registry.teams_of(&self.me.facility) {
            let by_row = default_rank(Compartment::Request, Actor::Team(info.profession));
            if let Some(rank) = by_row.or((own == Some(info.profession)).then_some(ON_EITHER_SIDE_OF_A_REQUEST)) {
                ranks.insert(Subject::Team(*team), rank);
            }
        }
        let asking = self.me.practitioner.map(Subject::Practitioner);
        let asked = attached.recipients.keys().copied();
        ranks.extend(asking.into_iter().chain(asked).map(|s| (s, ON_EITHER_SIDE_OF_A_REQUEST)));
        ranks.into_iter().map(|(subject, rank)| open_ended(subject, rank)).collect()
    }

    /// What it takes to let all these read a document for some days; `None` where this seat can't.
    fn refer(
        &self,
        now_ms: u64,
        doc: DocId,
        days: u64,
        recipients: &BTreeMap<Subject, BTreeSet<KemPublic>>,
        registry: &Registry,
    ) -> Option<Vec<Referral>> {
        let view = self.access(&doc)?;
        let mut referrals = Vec::new();
        for subject in recipients.keys().filter(|s| !reads_already(view, s, registry, now_ms)) {
            let steward = view.may(&self.pen.seat, Act::Grant(Rank::READER), now_ms);
            let most = match &steward {
                Some(_) => MAX_REQUEST_DAYS * DAY_MS,
                None => MAX_REFERRAL_MS,
            };
            let authority = steward.or_else(|| view.may(&self.pen.seat, Act::Refer, now_ms))?;
            let held: Vec<&Terms> = authority.iter().filter_map(|id| self.terms_of(view, id)).collect();
            let not_before_ms = held.iter().map(|t| t.not_before_ms).chain([now_ms]).max()?;
            let wanted = not_before_ms.saturating_add(days.saturating_mul(DAY_MS).min(most));
            let not_after_ms = held.iter().map(|t| t.not_after_ms).chain([wanted]).min()?;
            if not_after_ms <= not_before_ms {
                return None;
            }
            referrals.push(Referral {
                doc,
                terms: Terms {
                    not_before_ms,
                    not_after_ms,
                    ..open_ended(*subject, Rank::READER)
                },
                answers: self.answering(view, subject, &authority, registry, now_ms)?,
                authority,
            });
        }
        Some(referrals)
    }

    /// What is granted by one of the grants that a seat cites here: the document's, or its membership of a team.
    fn terms_of<'a>(&'a self, view: &'a AccessView, id: &GrantId) -> Option<&'a Terms> {
        let teams = view.grants().iter().filter_map(|g| match &g.terms.subject {
            Subject::Team(team) => self.access(team),
            _ => None,
        });
        let mut grants = std::iter::once(view).chain(teams).flat_map(AccessView::grants);
        grants.find(|g| g.id == *id).map(|g| &g.terms)
    }

    /// Heads that answer what denied this subject here before; `None` where somebody senior did.
    fn answering(
        &self,
        view: &AccessView,
        subject: &Subject,
        authority: &[GrantId],
        registry: &Registry,
        now_ms: u64,
    ) -> Option<Vec<ItemId>> {
        let mut subjects = BTreeSet::from([*subject]);
        match subject {
            Subject::Practitioner(key) => subjects.extend(seats_of(key, registry, now_ms).map(|(seat, _)| Subject::Seat(seat))),
            Subject::Seat(seat) => subjects.extend(registry.practitioners_of(seat).map(Subject::Practitioner)),
            Subject::Team(_) => {}
        }
        let rank_of = |cited: &[GrantId]| view.grants().iter().find(|g| cited.contains(&g.id)).map(|g| g.terms.rank);
        let mine = rank_of(authority)?;
        let mut deniers = BTreeSet::new();
        for record in self.docs.get(view.doc())?.records.values() {
            let Some(Op::Revoke(revoke)) = &record.op else { continue };
            if !subjects.contains(&revoke.subject) {
                continue;
            }
            let Some(rank) = rank_of(&record.authority) else { continue };
            // A writer's denial hits what that writer granted, nobody else's.
            let is_mine = self.person(&record.link.seat, registry) == self.me.practitioner;
            if rank.is_steward() || is_mine {
                if mine > rank {
                    return None;
                }
                deniers.insert(record.link.seat);
            }
        }
        let heads: BTreeSet<ItemId> = deniers.iter().flat_map(|seat| self.tips(seat)).map(|h| h.id).collect();
        (heads.len() <= MAX_ANSWERS).then(|| heads.into_iter().collect())
    }

    // ---- going on

    /// Writes facts into the document of a request, and nowhere else, on one side of it; takes back what `ended` requests opened.
    /// Also the way for receipts of a request: they are facts of its document.
    ///
    /// # Errors
    /// No such request, another's side, a key missing, or a fact out of bounds.
    pub fn add_to(
        &self,
        now_ms: u64,
        lane: Lane,
        (request, party): (DocId, Party),
        facts: &[FactBody],
        ended: &BTreeSet<DocId>,
        registry: &Registry,
        entropy: &mut dyn Entropy,
    ) -> Result<Write, WriteRefused> {
        let asked = self.request(&request).ok_or(WriteRefused::NoSuchRequest)?;
        let authority = self.may_step(&asked, party, registry, now_ms).ok_or(WriteRefused::NoSuchRequest)?;
        let mut writing = self.begin(now_ms);
        let key = self.epoch_for_writing(&mut writing, request, lane, registry, &BTreeSet::new(), entropy)?;
        let ids = writing.content(&self.me, &self.network, (request, lane), &key, &authority, facts)?;
        self.take_back(&mut writing, ended, registry)?;
        Ok(writing.finish(ids, Some(asked.record)))
    }

    /// Takes back what these requests, which have ended, opened by this seat's practitioner. `None`: nothing left to take back here.
    ///
    /// # Errors
    /// More seats wrote there than a revocation can keep.
    pub fn shut(&self, now_ms: u64, ended: &BTreeSet<DocId>, registry: &Registry) -> Result<Option<Write>, WriteRefused> {
        let mut writing = self.begin(now_ms);
        self.take_back(&mut writing, ended, registry)?;
        Ok((!writing.items.is_empty()).then(|| writing.finish(Vec::new(), None)))
    }

    /// The live referrals of a request, by whoever made them, with the part that each opens.
    pub fn opened_by(&self, asked: &Asked, now_ms: u64) -> Vec<(Compartment, &GrantView)> {
        let mut found = Vec::new();
        for (part, doc) in self.compartments(&asked.record) {
            let mark = asked.head.consent(&asked.request, &doc);
            let grants = self.access(&doc).into_iter().flat_map(AccessView::grants);
            found.extend(
                grants
                    .filter(|g| g.terms.consent_hash == mark && g.is_live(now_ms))
                    .map(|g| (part, g)),
            );
        }
        found
    }

    fn take_back(&self, writing: &mut Writing, ended: &BTreeSet<DocId>, registry: &Registry) -> Result<(), WriteRefused> {
        let mut by_record: BTreeMap<RecordId, Vec<Asked>> = BTreeMap::new();
        for asked in ended.iter().filter_map(|doc| self.request(doc)) {
            by_record.entry(asked.record).or_default().push(asked);
        }
        for (record, ended) in by_record {
            for (_, doc) in self.compartments(&record) {
                let marks: BTreeSet<[u8; 32]> = ended.iter().map(|a| a.head.consent(&a.request, &doc)).collect();
                self.take_back_in(writing, doc, &marks, registry)?;
            }
        }
        Ok(())
    }

    fn take_back_in(&self, writing: &mut Writing, doc: DocId, marks: &BTreeSet<[u8; 32]>, registry: &Registry) -> Result<(), WriteRefused> {
        let now = writing.now_ms;
        let Some(view) = self.access(&doc) else { return Ok(()) };
        let is_ended = |g: &GrantView| marks.contains(&g.terms.consent_hash);
        let is_mine = |g: &GrantView| self.person(&g.issuer, registry) == self.me.practitioner;
        let subjects: BTreeSet<Subject> = view
            .grants()
            .iter()
            .filter(|g| is_ended(g) && is_mine(g) && g.is_live(now))
            .map(|g| g.terms.subject)
            .collect();
        // With the least authority that will do: nobody needs to be senior later to open it anew.
        let rank_of = |id: &GrantId| view.grants().iter().find(|g| g.id == *id).map(|g| g.terms.rank);
        let least = |rank: Rank| {
            view.may_under(&self.pen.seat, Act::TakeBack, now, |id| rank_of(id) == Some(rank))
                .map(|a| (rank, a))
        };
        let ranks: BTreeSet<Rank> = view.grants().iter().map(|g| g.terms.rank).collect();
        let Some((rank, authority)) = ranks.into_iter().rev().find_map(least) else {
            return Ok(());
        };
        for subject in subjects {
            let seats: BTreeSet<SeatKey> = match &subject {
                Subject::Practitioner(key) => {
                    let own = registry
                        .seats()
                        .filter(|(seat, _)| registry.practitioners_of(seat).any(|p| p == *key));
                    own.map(|(seat, _)| *seat).collect()
                }
                Subject::Seat(seat) => [*seat].into(),
                Subject::Team(_) => BTreeSet::new(),
            };
            let used = view.held_by(|seat| seats.contains(seat));
            let would_hit = |g: &&GrantView| {
                (g.terms.subject == subject || used.contains(&g.id))
                    && g.state == GrantState::Valid
                    && g.terms.rank > rank
                    && (rank.is_steward() || is_mine(g))
                    // What is out of date lets nobody read anew, but what was written under it must go on counting.
                    && (g.terms.rank.may_write() || g.is_live(now))
            };
            if !view.grants().iter().filter(would_hit).all(is_ended) {
                continue;
            }
            let revoke = Revoke {
                subject,
                reason: REQUEST_ENDED,
                keep: self.kept(doc, &subject, &seats, registry),
            };
            let body = Op::Revoke(revoke).encode()?;
            writing.clear(&self.me, &self.network, (Kind::Revoke, Lane::Control), doc, authority.clone(), body)?;
        }
        Ok(())
    }

    /// Everything that the subject's seats wrote so far, as it is known here.
    fn kept(&self, doc: DocId, subject: &Subject, seats: &BTreeSet<SeatKey>, registry: &Registry) -> Vec<(SeatKey, Vec<Head>)> {
        let wrote: BTreeSet<SeatKey> = self
            .docs
            .get(&doc)
            .into_iter()
            .flat_map(|d| d.records.values())
            .map(|r| r.link.seat)
            .collect();
        let facility = match subject {
            Subject::Team(team) => registry.team(team).map(|t| t.facility),
            _ => None,
        };
        let theirs = |seat: &SeatKey| seats.contains(seat) || facility.is_some() && registry.seat(seat).map(|s| s.facility) == facility;
        let kept = wrote.into_iter().filter(theirs).map(|seat| (seat, self.tips(&seat)));
        kept.filter(|(_, heads)| !heads.is_empty()).take(MAX_KEPT_SEATS).collect()
    }

    /// The ends of a seat's chain, one per branch.
    fn tips(&self, seat: &SeatKey) -> Vec<Head> {
        let Some(chain) = self.links.get(seat) else { return Vec::new() };
        let followed: BTreeSet<ItemId> = chain.links.values().map(|l| l.prev).collect();
        let tips = chain.links.values().filter(|l| !followed.contains(&l.id)).map(|l| l.head());
        let mut heads: Vec<Head> = tips.take(MAX_HEADS).collect();
        heads.sort();
        heads
    }

    fn person(&self, seat: &SeatKey, registry: &Registry) -> Option<PractitionerKey> {
        registry.seat(seat)?.practitioner
    }
}

/// True iff whoever this is can read the document without an end, request or not.
fn reads_already(view: &AccessView, subject: &Subject, registry: &Registry, now_ms: u64) -> bool {
    let endless = |g: &GrantView| g.terms.subject == *subject && g.terms.rank.may_read() && g.terms.not_after_ms == u64::MAX;
    let mut seats = match subject {
        Subject::Practitioner(key) => seats_of(key, registry, now_ms).map(|(seat, _)| seat).collect(),
        Subject::Seat(seat) => vec![*seat],
        Subject::Team(_) => Vec::new(),
    }
    .into_iter()
    .peekable();
    view.grants().iter().any(|g| endless(g) && g.is_live(now_ms))
        || seats.peek().is_some() && seats.all(|seat| view.reads_without_end(&seat))
}
