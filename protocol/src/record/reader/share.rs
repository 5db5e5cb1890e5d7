//! Sharing a record with another facility: a grant to each of its teams, and the present epoch opened to them.

use std::collections::BTreeSet;

use super::Reader;
use super::write::{Write, WriteRefused, open_ended, profession_of};
use crate::access::epochs::make_wrap;
use crate::access::matrix::{Actor, default_rank};
use crate::access::ops::{Grant, Op, Subject, Terms};
use crate::access::view::Act;
use crate::crypto::Entropy;
use crate::envelope::{Kind, Lane};
use crate::identity::Registry;
use crate::ids::{DocId, FacilityKey, KemPublic, RecordId};

/// A mobile seat's grant lasts this long unless said otherwise: 48 h. It keeps what it holds afterwards, and may record care.
pub const ROUND_MS: u64 = 48 * 3_600 * 1_000;

impl Reader {
    /// Lets a facility's practitioners read a record: each profession what the role matrix gives it. A mobile doctor's seat gets a
    /// grant for `round_ms` instead of a place in a team.
    ///
    /// # Errors
    /// Not a steward of any part of the record, or nobody to share with.
    pub fn share(
        &self,
        now_ms: u64,
        record: RecordId,
        facility: FacilityKey,
        round_ms: u64,
        registry: &Registry,
        entropy: &mut dyn Entropy,
    ) -> Result<Write, WriteRefused> {
        let trusted = |doc: &DocId| self.docs.get(doc).and_then(|d| d.filed).is_some_and(|f| f.is_trusted);
        let docs = self
            .compartments(&record)
            .filter(|(c, doc)| c.goes_with_the_record() && trusted(doc));
        let docs: Vec<_> = docs.collect();
        if docs.is_empty() {
            return Err(WriteRefused::NoSuchRecord);
        }
        let mut subjects: Vec<_> = registry
            .teams_of(&facility)
            .map(|(doc, team)| {
                (
                    Subject::Team(*doc),
                    team.profession,
                    u64::MAX,
                    self.team_keys(doc, registry, now_ms),
                )
            })
            .collect();
        let mobile = registry.seats().filter(|(_, s)| s.facility == facility && s.mobile && !s.ambiguous);
        for (key, seat) in mobile {
            if let Some(profession) = profession_of(registry, key) {
                subjects.push((Subject::Seat(*key), profession, now_ms + round_ms, [seat.kem].into()));
            }
        }
        if subjects.is_empty() {
            return Err(WriteRefused::NobodyThere);
        }
        let mut writing = self.begin(now_ms);
        let mut allowed = false;
        for (compartment, doc) in docs {
            let Some(view) = self.access(&doc) else { continue };
            let mut added: BTreeSet<KemPublic> = BTreeSet::new();
            for (subject, profession, not_after_ms, keys) in &subjects {
                let Some(rank) = default_rank(compartment, Actor::Team(*profession)) else {
                    continue;
                };
                let Some(authority) = view.may(&self.pen.seat, Act::Grant(rank), now_ms) else {
                    continue;
                };
                allowed = true;
                let held = |g: &&crate::access::view::GrantView| g.terms.subject == *subject && g.is_live(now_ms) && g.terms.rank <= rank;
                if view
                    .grants()
                    .iter()
                    .find(held)
                    .is_some_and(|g| g.terms.not_after_ms >= *not_after_ms)
                {
                    continue;
                }
                let from = if *not_after_ms == u64::MAX { 0 } else { now_ms };
                let terms = Terms {
                    not_before_ms: from,
                    not_after_ms: *not_after_ms,
                    ..open_ended(*subject, rank)
                };
                // Sharing anew after a revocation answers it: that is what the steward means by it.
                let mut answers: Vec<_> = view
                    .grants()
                    .iter()
                    .filter(|g| g.terms.subject == *subject)
                    .flat_map(|g| g.denied_by.clone())
                    .collect();
                answers.sort();
                answers.dedup();
                let body = Op::Grant(Grant { terms, answers }).encode()?;
                writing.clear(&self.me, &self.network, (Kind::Grant, Lane::Urgent), doc, authority, body)?;
                if rank.may_read() {
                    added.extend(keys);
                }
            }
            if added.is_empty() {
                continue;
            }
            self.open_to(&mut writing, doc, &added, registry, entropy)?;
        }
        if allowed {
            Ok(writing.finish(Vec::new(), Some(record)))
        } else {
            Err(WriteRefused::NotAllowed)
        }
    }

    /// Opens the present epoch to new readers with a wrap each; where it isn't fit any more, rotates to everybody instead.
    pub(super) fn open_to(
        &self,
        writing: &mut super::write::Writing,
        doc: DocId,
        added: &BTreeSet<KemPublic>,
        registry: &Registry,
        entropy: &mut dyn Entropy,
    ) -> Result<(), WriteRefused> {
        let view = self.access(&doc).ok_or(WriteRefused::NoSuchRecord)?;
        let before = writing.items.len();
        let key = self.epoch_for_writing(writing, doc, Lane::Urgent, registry, &BTreeSet::new(), entropy)?;
        let rotated = writing.items.len() > before;
        let authority = view
            .may(&self.pen.seat, Act::Read, writing.now_ms)
            .ok_or(WriteRefused::NotAllowed)?;
        let known: BTreeSet<KemPublic> = if rotated {
            BTreeSet::new()
        } else {
            self.facts(&doc, view)
                .into_iter()
                .filter(|f| f.kid == key.kid())
                .flat_map(|f| f.recipients)
                .collect()
        };
        for to in added.difference(&known) {
            let wrap = make_wrap(&self.network, &doc, &self.pen.seat, &self.me.hedge(), &key, *to, entropy)
                .map_err(|_| WriteRefused::NobodyThere)?;
            writing.clear(
                &self.me,
                &self.network,
                (Kind::Wrap, Lane::Urgent),
                doc,
                authority.clone(),
                wrap.encode(),
            )?;
        }
        Ok(())
    }
}
