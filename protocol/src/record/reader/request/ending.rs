//! Ending: what a request opened is taken back by whoever opened it, and nothing else is touched.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Reader;
use super::super::write::{Write, WriteRefused, Writing};
use super::Asked;
use crate::access::chain::ChainLink;
use crate::access::ops::{Head, MAX_HEADS, MAX_KEPT_SEATS, Op, Rank, Revoke, Subject};
use crate::access::view::{Act, GrantState, GrantView};
use crate::envelope::{Kind, Lane};
use crate::identity::Registry;
use crate::ids::{DocId, GrantId, ItemId, RecordId, SeatKey};

/// Why a referral was taken back, for display: the request it belonged to has ended.
const REQUEST_ENDED: u8 = 1;

impl Reader {
    /// Takes back what these requests, which have ended, opened by this seat's practitioner. `None`: nothing left to take back here.
    ///
    /// # Errors
    /// More seats wrote there than a revocation can keep.
    pub fn shut(&self, now_ms: u64, ended: &BTreeSet<DocId>, registry: &Registry) -> Result<Option<Write>, WriteRefused> {
        let mut writing = self.begin(now_ms);
        self.take_back(&mut writing, ended, registry)?;
        Ok((!writing.items.is_empty()).then(|| writing.finish(Vec::new(), None)))
    }

    pub(super) fn take_back(&self, writing: &mut Writing, ended: &BTreeSet<DocId>, registry: &Registry) -> Result<(), WriteRefused> {
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
    pub(super) fn tips(&self, seat: &SeatKey) -> Vec<Head> {
        let Some(chain) = self.links.get(seat) else { return Vec::new() };
        let followed: BTreeSet<ItemId> = chain.links.values().map(|l| l.prev).collect();
        let tips = chain.links.values().filter(|l| !followed.contains(&l.id)).map(ChainLink::head);
        let mut heads: Vec<Head> = tips.take(MAX_HEADS).collect();
        heads.sort();
        heads
    }
}
