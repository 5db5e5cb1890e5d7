//! The rules again, the slow way: written from the design without the evaluator's structure, to be compared with it on random
//! histories. No index, no numbering of chains, no incremental fixed point: it walks, and it starts over until nothing changes.

use std::collections::BTreeSet;

use super::chain::ChainLink;
use super::evaluate::OpRecord;
use super::ops::{DocumentKind, Genesis, Grant, Head, Op, Rank, Revoke, Subject, Terms, genesis_grant_id, grant_id};
use super::{Directory, SeatInfo};
use crate::envelope::Kind;
use crate::ids::{DocId, GrantId, ItemId, SeatKey};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    In,
    Maybe,
    Out,
}

/// What a naive reader concludes.
#[derive(Default)]
pub(super) struct Opinion {
    pub(super) valid: BTreeSet<GrantId>,
    pub(super) denials: BTreeSet<ItemId>,
    /// (seat, grant) pairs that some denial hits.
    pub(super) denied: BTreeSet<(SeatKey, GrantId)>,
    pub(super) accepted: BTreeSet<ItemId>,
    pub(super) disputed: BTreeSet<ItemId>,
    /// Accepted, and disputed but for a cut.
    pub(super) settled: BTreeSet<ItemId>,
}

pub(super) struct Oracle<'a> {
    doc: DocId,
    records: &'a [OpRecord],
    links: Vec<ChainLink>,
    directory: &'a dyn Directory,
    grants: Vec<Found<'a>>,
}

/// A grant with who signed it.
#[derive(Clone)]
struct Found<'a> {
    id: GrantId,
    doc: DocId,
    terms: Terms,
    answers: Vec<ItemId>,
    by: &'a OpRecord,
}

fn made_by(by: &OpRecord) -> Vec<Found<'_>> {
    match &by.op {
        Some(Op::Genesis(genesis)) => {
            let own = Terms {
                subject: Subject::Seat(by.link.seat),
                rank: Rank::FOUNDER,
                not_before_ms: 0,
                not_after_ms: u64::MAX,
                consent_hash: [0; 32],
            };
            let terms = std::iter::once(own).chain(genesis.grants.iter().cloned()).enumerate();
            terms
                .map(|(n, terms)| Found {
                    id: genesis_grant_id(&by.doc, n as u8),
                    doc: by.doc,
                    terms,
                    answers: vec![],
                    by,
                })
                .collect()
        }
        Some(Op::Grant(Grant { terms, answers })) => {
            let (id, terms, answers) = (grant_id(&by.doc, &by.link.id), terms.clone(), answers.clone());
            vec![Found {
                id,
                doc: by.doc,
                terms,
                answers,
                by,
            }]
        }
        _ => vec![],
    }
}

impl<'a> Oracle<'a> {
    pub(super) fn new(doc: DocId, records: &'a [OpRecord], stubs: &[ChainLink], directory: &'a dyn Directory) -> Self {
        let links = records.iter().map(|r| r.link).chain(stubs.iter().copied()).collect();
        Self {
            doc,
            records,
            links,
            directory,
            grants: records.iter().flat_map(made_by).collect(),
        }
    }

    pub(super) fn opinion(&self) -> Opinion {
        let structural = self.fixpoint(&|_| true);
        let denials: Vec<&OpRecord> = self
            .records
            .iter()
            .filter(|r| matches!(r.op, Some(Op::Revoke(_))) && self.acts(r, &structural) && self.revoke_permitted(r))
            .collect();
        let valid = self.fixpoint(&|r| self.inside(r, &denials));
        let adopters: Vec<&OpRecord> = self
            .records
            .iter()
            .filter(|r| matches!(r.op, Some(Op::Adopt(_))) && self.acts(r, &valid) && self.inside(r, &denials))
            .collect();
        let mut opinion = Opinion {
            valid: valid.clone(),
            denials: denials.iter().map(|r| r.link.id).collect(),
            ..Opinion::default()
        };
        for record in self.records.iter().filter(|r| r.kind == Kind::Content && self.in_scope(&r.doc)) {
            let cited = self.document_grant(record);
            let writes = cited.as_ref().is_some_and(|g| g.terms.rank.to_u8() <= 8);
            let adopted = adopters.iter().any(|a| {
                let Some(Op::Adopt(op)) = &a.op else { return false };
                a.doc == record.doc && op.ids.contains(&record.link.id) && self.document_grant(a).is_some_and(|g| g.terms.rank.to_u8() <= 7)
            });
            let ok = self.acts(record, &valid) && writes && self.inside(record, &denials);
            if ok || (adopted && !self.waits(record, &valid, &denials)) {
                opinion.accepted.insert(record.link.id);
                if self.is_frozen(record, &self.cuts(record, &denials)) {
                    opinion.disputed.insert(record.link.id);
                } else if self.is_frozen(record, &[]) {
                    opinion.settled.insert(record.link.id);
                }
            }
        }
        for grant in &valid {
            let grant = self.find(grant).expect("valid grants are found");
            for seat in self.links.iter().map(|l| l.seat).collect::<BTreeSet<_>>() {
                if denials.iter().any(|d| self.hits(d, &seat, &grant)) {
                    opinion.denied.insert((seat, grant.id));
                }
            }
        }
        opinion
    }

    fn in_scope(&self, doc: &DocId) -> bool {
        *doc == self.doc || self.team_genesis(doc).is_some()
    }

    fn team_genesis(&self, doc: &DocId) -> Option<&Genesis> {
        self.records.iter().find_map(|r| match &r.op {
            Some(Op::Genesis(g)) if r.doc == *doc && g.kind == DocumentKind::Team => Some(g),
            _ => None,
        })
    }

    fn find(&self, id: &GrantId) -> Option<Found<'a>> {
        self.grants.iter().find(|g| g.id == *id && self.in_scope(&g.doc)).cloned()
    }

    fn info(&self, seat: &SeatKey) -> Option<SeatInfo> {
        self.directory.seat(seat)
    }

    fn same_person(&self, a: &SeatKey, b: &SeatKey) -> bool {
        let person = |s| self.info(s).and_then(|i| i.practitioner);
        a == b || (person(a).is_some() && person(a) == person(b))
    }

    /// The subject itself, leaving teams aside.
    fn is_subject(&self, seat: &SeatKey, subject: &Subject) -> bool {
        match subject {
            Subject::Seat(s) => s == seat,
            Subject::Practitioner(p) => self.info(seat).is_some_and(|i| i.practitioner == Some(*p)),
            Subject::Team(_) => false,
        }
    }

    fn holds(&self, seat: &SeatKey, grant: &Found<'_>) -> bool {
        let Some(info) = self.info(seat) else { return false };
        self.is_subject(seat, &grant.terms.subject)
            && (info.practitioner.is_some() || grant.terms.rank.to_u8() == 10)
            && !(info.mobile && self.team_genesis(&grant.doc).is_some())
    }

    fn document_grant(&self, record: &OpRecord) -> Option<Found<'a>> {
        let found: Option<Vec<Found<'a>>> = record.authority.iter().map(|id| self.find(id)).collect();
        let (mut own, other): (Vec<_>, Vec<_>) = found?.into_iter().partition(|g| g.doc == record.doc);
        if own.len() != 1 {
            return None;
        }
        let grant = own.remove(0);
        let held = match &other[..] {
            [] => self.holds(&record.link.seat, &grant),
            [m] => grant.terms.subject == Subject::Team(m.doc) && m.terms.rank.to_u8() <= 9 && self.holds(&record.link.seat, m),
            _ => false,
        };
        held.then_some(grant)
    }

    /// Acts under grants of `valid` that it holds, before what the registry cut for certain.
    fn acts(&self, record: &OpRecord, valid: &BTreeSet<GrantId>) -> bool {
        self.registry(record) != Place::Out
            && self.info(&record.link.seat).is_some()
            && !record.authority.is_empty()
            && record.authority.iter().all(|id| valid.contains(id))
            && self.document_grant(record).is_some()
    }

    fn registry(&self, record: &OpRecord) -> Place {
        if self.info(&record.link.seat).is_some_and(|i| i.ambiguous) {
            return Place::Out;
        }
        let cuts = self.directory.seat_cuts(&record.link.seat);
        worst(cuts.iter().map(|cut| self.place(&record.link, &cut.keep)))
    }

    fn fixpoint(&self, admitted: &dyn Fn(&OpRecord) -> bool) -> BTreeSet<GrantId> {
        let mut valid = BTreeSet::new();
        loop {
            let before = valid.len();
            for record in self.records.iter().filter(|r| self.in_scope(&r.doc)) {
                match &record.op {
                    Some(Op::Genesis(genesis)) => {
                        let device = self.info(&record.link.seat).is_none_or(|i| i.practitioner.is_none());
                        let listed = genesis.kind == DocumentKind::Record || self.directory.team(&record.doc).is_some();
                        if !device && listed && self.registry(record) != Place::Out && admitted(record) {
                            let indices = 0..=genesis.grants.len() as u8;
                            let team_in_team = |i: &u8| {
                                genesis.kind == DocumentKind::Team
                                    && *i > 0
                                    && matches!(genesis.grants[*i as usize - 1].subject, Subject::Team(_))
                            };
                            valid.extend(indices.filter(|i| !team_in_team(i)).map(|i| genesis_grant_id(&record.doc, i)));
                        }
                    }
                    Some(Op::Grant(grant)) => {
                        let id = grant_id(&record.doc, &record.link.id);
                        let team = self.team_genesis(&record.doc).is_some();
                        if self.acts(record, &valid)
                            && self.grant_permitted(record, &grant.terms)
                            && admitted(record)
                            && (!team || self.endorsed(record, &id, &valid, admitted))
                        {
                            valid.insert(id);
                        }
                    }
                    _ => {}
                }
            }
            if valid.len() == before {
                return valid;
            }
        }
    }

    fn grant_permitted(&self, record: &OpRecord, terms: &Terms) -> bool {
        let Some(held) = self.document_grant(record) else { return false };
        let (mine, theirs) = (held.terms.rank.to_u8(), terms.rank.to_u8());
        let week = 7 * 24 * 60 * 60 * 1000;
        let rank = (mine <= 7 && theirs > mine) || (mine == 8 && theirs == 9 && terms.not_after_ms - terms.not_before_ms <= week);
        let dates = record
            .authority
            .iter()
            .filter_map(|id| self.find(id))
            .all(|g| terms.not_before_ms >= g.terms.not_before_ms && terms.not_after_ms <= g.terms.not_after_ms);
        let nested = self.team_genesis(&record.doc).is_some() && matches!(terms.subject, Subject::Team(_));
        rank && dates && !nested
    }

    fn endorsed(&self, issuer: &OpRecord, id: &GrantId, valid: &BTreeSet<GrantId>, admitted: &dyn Fn(&OpRecord) -> bool) -> bool {
        let Some(Op::Grant(grant)) = &issuer.op else { return false };
        let Some(facility) = self.directory.team(&issuer.doc) else {
            return false;
        };
        self.directory.is_authority_endorsed(&issuer.link.id)
            || self.records.iter().any(|r| {
                let Some(Op::Endorse(op)) = &r.op else { return false };
                let seat = &r.link.seat;
                let Some(info) = self.info(seat) else { return false };
                let adds_self = match grant.terms.subject {
                    Subject::Seat(s) => self.same_person(&s, seat),
                    subject => self.is_subject(seat, &subject),
                };
                let [cited] = r.authority[..] else { return false };
                let Some(member) = self.find(&cited) else { return false };
                op.grant == *id
                    && r.doc == issuer.doc
                    && info.facility == facility
                    && self.directory.team(&member.doc) == Some(facility)
                    && self.team_genesis(&member.doc).is_some()
                    && member.terms.rank.to_u8() <= 9
                    && valid.contains(&cited)
                    && self.holds(seat, &member)
                    && !self.same_person(seat, &issuer.link.seat)
                    && !adds_self
                    && self.registry(r) != Place::Out
                    && admitted(r)
            })
    }

    fn revoke_permitted(&self, record: &OpRecord) -> bool {
        let Some(Op::Revoke(op)) = &record.op else { return false };
        let rank = self.document_grant(record).map_or(255, |g| g.terms.rank.to_u8());
        rank <= 8 || (rank <= 10 && self.is_subject(&record.link.seat, &op.subject))
    }

    fn hits(&self, denial: &OpRecord, seat: &SeatKey, grant: &Found<'_>) -> bool {
        let Some(Op::Revoke(Revoke { subject, .. })) = &denial.op else {
            return false;
        };
        let denier = &denial.link.seat;
        let named = self.is_subject(seat, subject) || (matches!(subject, Subject::Team(_)) && *subject == grant.terms.subject);
        if denial.doc != grant.doc || !named {
            return false;
        }
        let rank = self.document_grant(denial).expect("denials act").terms.rank.to_u8();
        let own = self.is_subject(denier, subject);
        let issuer = &grant.by.link.seat;
        let reached = own || (grant.terms.rank.to_u8() > rank && (rank <= 7 || self.same_person(issuer, denier)));
        let issuer_rank = match &grant.by.op {
            Some(Op::Genesis(_)) => Some(0),
            _ => self.document_grant(grant.by).map(|g| g.terms.rank.to_u8()),
        };
        let entitled = issuer_rank.is_some_and(|r| {
            if own {
                r <= 8 && !self.same_person(issuer, denier)
            } else {
                r <= rank
            }
        });
        let answered = entitled && grant.answers.iter().any(|head| self.walk(head).0.contains(&denial.link.id));
        reached && !answered
    }

    fn inside(&self, record: &OpRecord, denials: &[&OpRecord]) -> bool {
        self.cut_place(record, denials) == Place::In
    }

    fn cut_place(&self, record: &OpRecord, denials: &[&OpRecord]) -> Place {
        self.place_under(&self.cuts(record, denials), &record.link)
    }

    fn place_under(&self, cuts: &[Vec<Head>], link: &ChainLink) -> Place {
        worst(cuts.iter().map(|keep| self.place(link, keep)))
    }

    /// What each cut that bears on `record` keeps of its seat.
    fn cuts(&self, record: &OpRecord, denials: &[&OpRecord]) -> Vec<Vec<Head>> {
        let seat = &record.link.seat;
        let mut cuts: Vec<Vec<Head>> = self.directory.seat_cuts(seat).into_iter().map(|cut| cut.keep).collect();
        for grant in record.authority.iter().filter_map(|id| self.find(id)) {
            for denial in denials.iter().filter(|d| self.hits(d, seat, &grant)) {
                let Some(Op::Revoke(op)) = &denial.op else { continue };
                let own = self.is_subject(&denial.link.seat, &op.subject);
                match (own, denial.link.seat == *seat) {
                    (true, true) => cuts.push(vec![denial.link.head()]),
                    (true, false) => {}
                    (false, _) => cuts.push(op.keep.iter().find(|(s, _)| s == seat).map_or(vec![], |(_, heads)| heads.clone())),
                }
            }
        }
        cuts
    }

    /// True iff content isn't judged for good: an adoption doesn't reach what is merely incomplete.
    fn waits(&self, record: &OpRecord, valid: &BTreeSet<GrantId>, denials: &[&OpRecord]) -> bool {
        if self.registry(record) == Place::Out {
            return false;
        }
        if self.info(&record.link.seat).is_none() {
            return true;
        }
        if record.authority.is_empty() {
            return false;
        }
        if record.authority.iter().any(|id| self.find(id).is_none()) {
            return true;
        }
        let Some(held) = self.document_grant(record) else { return false };
        if record.kind == Kind::Content && held.terms.rank.to_u8() > 8 {
            return false;
        }
        if matches!(&record.op, Some(Op::Grant(grant)) if !self.grant_permitted(record, &grant.terms)) {
            return false;
        }
        if self.cut_place(record, denials) == Place::Out {
            return false;
        }
        let broken = record
            .authority
            .iter()
            .filter(|id| !valid.contains(id))
            .filter_map(|id| self.find(id))
            .any(|g| match &g.by.op {
                Some(Op::Genesis(_)) => {
                    self.registry(g.by) == Place::Out || self.info(&g.by.link.seat).is_some_and(|i| i.practitioner.is_none())
                }
                _ => !self.waits(g.by, valid, denials),
            });
        !broken
    }

    /// Ids at or behind `head`, and whether the walk came to a beginning.
    fn walk(&self, head: &ItemId) -> (BTreeSet<ItemId>, bool) {
        let mut seen = BTreeSet::from([*head]);
        let Some(mut at) = self.links.iter().find(|l| l.id == *head) else {
            return (seen, false);
        };
        loop {
            if at.prev == ItemId::ZERO {
                return (seen, true);
            }
            let Some(before) = self.links.iter().find(|l| l.id == at.prev) else {
                return (seen, false);
            };
            let follows = if before.incarnation == at.incarnation {
                at.seq == before.seq + 1
            } else {
                at.seq == 1
            };
            if before.seat != at.seat || !follows {
                return (seen, true);
            }
            seen.insert(before.id);
            at = before;
        }
    }

    fn place(&self, link: &ChainLink, heads: &[Head]) -> Place {
        let mut best = Place::Out;
        for head in heads {
            if link.incarnation == head.incarnation && link.seq >= head.seq && link.id != head.id {
                continue;
            }
            let place = match self.links.iter().find(|l| l.id == head.id) {
                None => Place::Maybe,
                Some(l) if (l.seat, l.incarnation, l.seq) != (link.seat, head.incarnation, head.seq) => Place::Out,
                Some(_) => match self.walk(&head.id) {
                    (seen, _) if seen.contains(&link.id) => Place::In,
                    (_, true) => Place::Out,
                    (_, false) => Place::Maybe,
                },
            };
            best = match (best, place) {
                (Place::In, _) | (_, Place::In) => Place::In,
                (Place::Maybe, _) | (_, Place::Maybe) => Place::Maybe,
                _ => Place::Out,
            };
        }
        best
    }

    /// Two envelopes with one number, both within what is kept, and the record isn't strictly behind both.
    fn is_frozen(&self, record: &OpRecord, cuts: &[Vec<Head>]) -> bool {
        let signed: Vec<&ChainLink> = self.links.iter().filter(|l| l.seat == record.link.seat).collect();
        let counts = |l: &ChainLink| self.place_under(cuts, l) == Place::In;
        let leads_to = |l: &ChainLink| l.id != record.link.id && self.walk(&l.id).0.contains(&record.link.id);
        signed.iter().any(|a| {
            let twin = |b: &&&ChainLink| a.id != b.id && (a.incarnation, a.seq) == (b.incarnation, b.seq);
            signed
                .iter()
                .filter(twin)
                .any(|b| counts(a) && counts(b) && !(leads_to(a) && leads_to(b)))
        })
    }
}

fn worst(places: impl Iterator<Item = Place>) -> Place {
    places.fold(Place::In, |worst, place| match (worst, place) {
        (Place::Out, _) | (_, Place::Out) => Place::Out,
        (Place::Maybe, _) | (_, Place::Maybe) => Place::Maybe,
        _ => Place::In,
    })
}
