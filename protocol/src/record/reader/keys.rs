//! Which epoch a document is written under, to whom it is sealed, and how missing keys are asked for and given.

use std::collections::{BTreeMap, BTreeSet};

use super::write::{WriteRefused, Writing};
use super::{Doc, Reader};
use crate::access::epochs::{Choice, EpochFacts, EpochKey, KeyRequest, Policy, choose, make_epoch, make_wrap};
use crate::access::ops::{Rank, Subject};
use crate::access::view::{AccessView, Act, Reason, Recipient, Verdict};
use crate::crypto::Entropy;
use crate::envelope::{Kind, Lane};
use crate::identity::Registry;
use crate::ids::{DocId, GrantId, KemPublic, Kid, SeatKey};

/// Key requests and answers that one round of chores writes at the most.
const CHORES: usize = 64;
/// Times that one key is asked for, each after a false answer.
const ASKS: usize = 8;

impl Reader {
    /// Keys that an epoch of this document must be sealed to now: live seats, and for a team the deposit key of its current epoch.
    pub(super) fn recipients(&self, view: &AccessView, registry: &Registry, now_ms: u64) -> BTreeSet<KemPublic> {
        let mut keys = BTreeSet::new();
        for recipient in view.live_readers(now_ms) {
            match recipient {
                Recipient::Seat(seat) => keys.extend(registry.seat(&seat).map(|s| s.kem)),
                Recipient::Team(team) => keys.extend(self.team_keys(&team, registry, now_ms)),
            }
        }
        keys
    }

    /// The team's deposit key; while its newest epoch isn't fit (a member left and nobody has rotated yet), its members one by one.
    pub(super) fn team_keys(&self, team: &DocId, registry: &Registry, now_ms: u64) -> BTreeSet<KemPublic> {
        let Some(doc) = self.docs.get(team) else { return BTreeSet::new() };
        let view = self.evaluate(team, registry);
        let members: BTreeSet<KemPublic> = view
            .members(team, now_ms)
            .iter()
            .filter_map(|seat| registry.seat(seat))
            .map(|s| s.kem)
            .collect();
        let facts = self.team_facts(team, &view, now_ms);
        match choose(&facts, &members, &self.policy(&view, registry, now_ms)) {
            Choice::WriteUnder(kid) => doc.deposit_keys.get(&kid).copied().into_iter().collect(),
            Choice::RotateFirst { .. } => members,
        }
    }

    /// Epochs of a team, as somebody weighs them who is to seal to it: made by one of its stewards.
    fn team_facts(&self, team: &DocId, view: &AccessView, now_ms: u64) -> Vec<EpochFacts> {
        let is_steward = |seat: &SeatKey| view.may(seat, Act::Grant(Rank::READER), now_ms).is_some();
        let of_stewards = self.facts_where(team, view, |author| is_steward(author));
        // An outsider holds no key of a team and needs none: deposit keys are public.
        of_stewards.into_iter().map(|f| EpochFacts { held: true, ..f }).collect()
    }

    pub(super) fn facts(&self, id: &DocId, view: &AccessView) -> Vec<EpochFacts> {
        self.facts_where(id, view, |_| true)
    }

    fn facts_where(&self, id: &DocId, view: &AccessView, counts: impl Fn(&SeatKey) -> bool) -> Vec<EpochFacts> {
        let Some(doc) = self.docs.get(id) else { return Vec::new() };
        let complaints: BTreeSet<_> = self.ring.faults().filter(|c| c.doc == *id).map(|c| c.item).collect();
        let mut facts = Vec::with_capacity(doc.epochs.len());
        for (item, (author, stated)) in &doc.epochs {
            if never_could(view.verdict(item)) || !counts(author) {
                continue;
            }
            let mut epoch = stated.clone();
            epoch.by_authorised_author = view.verdict(item) == Verdict::Accepted;
            epoch.complained = complaints.contains(item);
            epoch.held = self.ring.key(*id, epoch.kid).is_some();
            let late = doc
                .wraps
                .iter()
                .filter(|(wrap, (kid, ..))| *kid == epoch.kid && view.verdict(wrap) == Verdict::Accepted);
            epoch.recipients.extend(late.map(|(_, (_, recipient, _))| *recipient));
            facts.push(epoch);
        }
        facts
    }

    pub(super) fn policy(&self, view: &AccessView, registry: &Registry, now_ms: u64) -> Policy {
        let lapsed = view.grants().iter().filter(|g| g.denied_by.is_empty() && !g.is_live(now_ms));
        let seats = lapsed.filter_map(|g| match g.terms.subject {
            Subject::Seat(seat) => registry.seat(&seat).filter(|s| s.mobile).map(|s| s.kem),
            _ => None,
        });
        Policy {
            now: now_ms,
            lapsed: seats.collect(),
        }
    }

    /// The epoch to write under, rotating first where needed.
    pub(super) fn epoch_for_writing(
        &self,
        writing: &mut Writing,
        doc: DocId,
        lane: Lane,
        registry: &Registry,
        extra: &BTreeSet<KemPublic>,
        entropy: &mut dyn Entropy,
    ) -> Result<EpochKey, WriteRefused> {
        let view = self.access(&doc).ok_or(WriteRefused::NoSuchRecord)?;
        let mut live = self.recipients(view, registry, writing.now_ms);
        live.extend(extra);
        match choose(&self.facts(&doc, view), &live, &self.policy(view, registry, writing.now_ms)) {
            Choice::WriteUnder(kid) => self.ring.key(doc, kid).cloned().ok_or(WriteRefused::KeyMissing),
            Choice::RotateFirst { predecessors } => {
                let authority = view
                    .may(&self.pen.seat, Act::Rotate, writing.now_ms)
                    .ok_or(WriteRefused::NotAllowed)?;
                self.rotate(writing, doc, lane, &live, &predecessors, authority, entropy)
            }
        }
    }

    fn rotate(
        &self,
        writing: &mut Writing,
        doc: DocId,
        lane: Lane,
        live: &BTreeSet<KemPublic>,
        predecessors: &[Kid],
        authority: Vec<GrantId>,
        entropy: &mut dyn Entropy,
    ) -> Result<EpochKey, WriteRefused> {
        let held: Option<Vec<&EpochKey>> = predecessors.iter().map(|kid| self.ring.key(doc, *kid)).collect();
        let held = held.ok_or(WriteRefused::KeyMissing)?;
        let (epoch, key) = make_epoch(&self.network, &doc, &self.pen.seat, &self.me.hedge(), live, &held, entropy)?;
        writing.clear(&self.me, &self.network, (Kind::KeyEpoch, lane), doc, authority, epoch.encode())?;
        Ok(key)
    }

    /// Asks for keys that this seat should have, and answers what it can. `None`: nothing to do.
    pub fn chores(&mut self, now_ms: u64, registry: &Registry, entropy: &mut dyn Entropy) -> Option<super::Write> {
        let mut writing = self.begin(now_ms);
        for (doc, kid) in self.ring.missing() {
            if writing.items.len() >= CHORES {
                break;
            }
            let own = self.me.kem.public();
            let view = self.evaluate(&doc, registry);
            let Some(found) = self.docs.get(&doc) else { continue };
            // Still missing after an answer: the answer was false, somebody else is to give another.
            let asked = found.requests.values().filter(|r| **r == (kid, own, self.pen.seat)).count();
            let waits = asked > answers(found, &view, kid, own) || asked >= ASKS;
            if waits || !found.epochs.values().any(|(_, e)| e.kid == kid) {
                continue;
            }
            let Some(authority) = view.may(&self.pen.seat, Act::Read, now_ms) else {
                continue;
            };
            let request = KeyRequest { kid, recipient: own };
            writing
                .clear(
                    &self.me,
                    &self.network,
                    (Kind::KeyRequest, Lane::Urgent),
                    doc,
                    authority,
                    request.encode(),
                )
                .ok()?;
        }
        self.renew_teams(&mut writing, registry, entropy);
        let with_requests: Vec<DocId> = self
            .docs
            .iter()
            .filter(|(_, d)| !d.requests.is_empty())
            .map(|(id, _)| *id)
            .collect();
        for doc in with_requests {
            self.answer(&mut writing, doc, registry, entropy);
        }
        (!writing.items.is_empty()).then(|| writing.finish(Vec::new(), None))
    }

    /// Rotates the key of this seat's own teams where nobody should seal to it any more: a member left, or an epoch was false.
    fn renew_teams(&self, writing: &mut Writing, registry: &Registry, entropy: &mut dyn Entropy) {
        let now = writing.now_ms;
        for (team, _) in registry.teams_of(&self.me.facility) {
            let Some(view) = self.access(team) else { continue };
            let Some(authority) = view.may(&self.pen.seat, Act::Grant(Rank::READER), now) else {
                continue;
            };
            let members = view.members(team, now);
            let members: BTreeSet<KemPublic> = members.iter().filter_map(|seat| registry.seat(seat)).map(|s| s.kem).collect();
            let facts = self.team_facts(team, view, now);
            if let Choice::RotateFirst { predecessors } = choose(&facts, &members, &self.policy(view, registry, now)) {
                // Without the key before it there is nothing to hand on; who has it rotates.
                let _ = self.rotate(writing, *team, Lane::Urgent, &members, &predecessors, authority, entropy);
            }
        }
    }

    fn answer(&self, writing: &mut Writing, id: DocId, registry: &Registry, entropy: &mut dyn Entropy) {
        let Some(doc) = self.docs.get(&id) else { return };
        // Only a key's owner asks for it, and each holder answers once: a false answer silences nobody, a flood of requests gains
        // nothing.
        let me = self.pen.seat;
        let mut asked: BTreeMap<(Kid, KemPublic), usize> = BTreeMap::new();
        for (kid, to, by) in doc.requests.values() {
            let own = registry.seat(by).is_some_and(|s| s.kem == *to);
            if own && *by != me && !doc.wraps.values().any(|w| *w == (*kid, *to, me)) {
                *asked.entry((*kid, *to)).or_default() += 1;
            }
        }
        if asked.is_empty() {
            return;
        }
        let view = self.evaluate(&id, registry);
        let Some(authority) = view.may(&self.pen.seat, Act::Read, writing.now_ms) else {
            return;
        };
        let open = asked.into_iter().filter(|((kid, to), n)| answers(doc, &view, *kid, *to) < *n);
        let open: Vec<(Kid, KemPublic)> = open.map(|(what, _)| what).collect();
        // A reader through a team is answered by its own key: what it asks for is older than the team's present epoch.
        let mut readers = self.recipients(&view, registry, writing.now_ms);
        for recipient in view.live_readers(writing.now_ms) {
            if let Recipient::Team(team) = recipient {
                let members = view.members(&team, writing.now_ms);
                readers.extend(members.iter().filter_map(|seat| registry.seat(seat)).map(|s| s.kem));
            }
        }
        for (kid, to) in open {
            if writing.items.len() >= CHORES || !readers.contains(&to) {
                continue;
            }
            let Some(key) = self.ring.key(id, kid) else { continue };
            if let Ok(wrap) = make_wrap(&self.network, &id, &self.pen.seat, &self.me.hedge(), key, to, entropy) {
                let _ = writing.clear(
                    &self.me,
                    &self.network,
                    (Kind::Wrap, Lane::Urgent),
                    id,
                    authority.clone(),
                    wrap.encode(),
                );
            }
        }
    }
}

/// True for an epoch whose author never held what it cites: it says nothing about who knows which key, and mustn't make anybody
/// rotate. One that a cut has hit does: its author knew the key.
fn never_could(verdict: Verdict) -> bool {
    use Reason::{DeviceSeat, ForeignGrant, MobileSeat, NotSubject, RankTooLow, Uncited};
    matches!(
        verdict,
        Verdict::Incomplete | Verdict::Quarantined(Uncited | NotSubject | ForeignGrant | RankTooLow | DeviceSeat | MobileSeat)
    )
}

/// Accepted answers to a request.
fn answers(doc: &Doc, view: &AccessView, kid: Kid, to: KemPublic) -> usize {
    let about = doc.wraps.iter().filter(|(_, (k, t, _))| (*k, *t) == (kid, to));
    about.filter(|(wrap, _)| view.verdict(wrap) == Verdict::Accepted).count()
}
