//! Asking: what a request may open to whom, and the one batch that makes it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Reader;
use super::super::write::{Write, WriteRefused, open_ended, profession_of, seats_of};
use crate::access::evaluate::MAX_REFERRAL_MS;
use crate::access::matrix::{Actor, Compartment, ON_EITHER_SIDE_OF_A_REQUEST, default_rank};
use crate::access::ops::{Grant, MAX_ANSWERS, Op, Rank, Subject, Terms, genesis_grant_id};
use crate::access::view::{AccessView, Act, GrantView};
use crate::clinical::request::Addressee;
use crate::crypto::{Entropy, hedged};
use crate::envelope::{Kind, Lane};
use crate::identity::Registry;
use crate::ids::{DocId, GrantId, ItemId, KemPublic, RecordId};
use crate::record::{FactBody, RecordHead, RequestHead};

/// A steward may open parts of a record for so long; a writer, whose referral the evaluator bounds, for seven days.
pub const MAX_REQUEST_DAYS: u64 = 30;
pub(super) const DAY_MS: u64 = 24 * 3_600 * 1_000;
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

impl Reader {
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
