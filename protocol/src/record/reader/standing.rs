//! What counts: access to each document, where it is filed, whether it may stand for its record there, and the labels that follow.
//!
//! Whoever has ever read anything of a record knows its id and can found a document "for" it, with readers of his choice. So a
//! document is *trusted* only where its founder made the record, or could read its identity when he founded it, in a role that may
//! begin that compartment. What isn't trusted is shown, marked, and draws in nothing: no note, no reader, no correction.

use std::collections::{BTreeMap, BTreeSet};

use super::{Filed, Reader};
use crate::access::chain::ChainLink;
use crate::access::evaluate::{AccessSet, OpRecord, evaluate};
use crate::access::matrix::{Actor, Compartment, default_rank};
use crate::access::ops::{Op, Rank, Subject};
use crate::access::view::{AccessView, Act, GrantState, GrantView, Verdict};
use crate::envelope::Kind;
use crate::identity::{Profession, Registry};
use crate::ids::{DocId, GrantId, RecordId, SeatKey};
use crate::record::{FactKind, Label, RecordHead};

impl Reader {
    /// Labels anew what the last items bear on.
    pub(super) fn relabel(&mut self, registry: &Registry) {
        let member_denied = self.denied.iter().any(|doc| registry.team(doc).is_some());
        let closed = std::mem::take(&mut self.closed);
        for seat in std::mem::take(&mut self.grown) {
            let Some(chain) = self.links.get(&seat) else { continue };
            if chain.forked || member_denied || !registry.cuts(&seat).is_empty() {
                self.dirty.extend(&chain.docs);
            } else if closed.contains(&seat) {
                self.dirty.extend(self.denied.intersection(&chain.docs));
                // Where it founded something bears on whether that counts.
                let resting: Vec<DocId> = chain.docs.iter().copied().filter(|doc| self.rests_on_a_denial(doc)).collect();
                self.dirty.extend(resting);
            }
        }
        // A team's change bears on every document that names the team.
        if self.dirty.iter().any(|doc| registry.team(doc).is_some()) {
            self.dirty
                .extend(self.docs.iter().filter(|(_, d)| d.open.is_some()).map(|(id, _)| *id));
            self.docs.values_mut().for_each(|d| d.view = None);
        }
        let dirty = std::mem::take(&mut self.dirty);
        let mut bearing: BTreeSet<DocId> = dirty.clone();
        for doc in &dirty {
            let Some(record) = self.file(*doc, registry) else { continue };
            bearing.extend(self.compartments(&record).map(|(_, doc)| doc));
        }
        // What counts for a record rests on the identity documents of its creator: they come first.
        let (identities, others): (Vec<_>, Vec<_>) = bearing.into_iter().partition(|doc| self.is_creator_s_identity(doc));
        for doc in identities.into_iter().chain(others) {
            self.label(doc, dirty.contains(&doc), registry);
            self.touched
                .extend(self.docs.get(&doc).and_then(|d| d.filed).map(|filed| filed.record));
        }
    }

    /// True iff a document counts only if its founder could read an identity document in which somebody was denied.
    fn rests_on_a_denial(&self, doc: &DocId) -> bool {
        let Some(filed) = self.docs.get(doc).and_then(|d| d.filed) else {
            return false;
        };
        filed.salt.is_none() && self.identities(&filed.record).any(|identity| self.denied.contains(&identity))
    }

    /// Evaluates access to a document from what bears on it: its own ops, the teams it names, and whole chains where a cut or a
    /// fork makes an envelope's place matter.
    pub(super) fn evaluate(&self, id: &DocId, registry: &Registry) -> AccessView {
        evaluate(id, &self.access_set(id, None, registry), registry)
    }

    fn access_set(&self, id: &DocId, besides: Option<OpRecord>, registry: &Registry) -> AccessSet {
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
        if let Some(record) = besides {
            seats.insert(record.link.seat);
            set.insert(record);
        }
        for seat in seats {
            if let Some(chain) = self.links.get(&seat)
                && (has_denial || chain.forked || !registry.cuts(&seat).is_empty())
            {
                chain.links.values().for_each(|link| set.insert_link(*link));
            }
        }
        set
    }

    /// Looks at a document's access anew and files it. Returns the record that this may bear on as a whole.
    fn file(&mut self, id: DocId, registry: &Registry) -> Option<RecordId> {
        if self.docs.get(&id).is_none_or(|d| d.open.is_none()) && registry.team(&id).is_none() {
            return None;
        }
        let view = self.evaluate(&id, registry);
        let doc = self.docs.get_mut(&id)?;
        let Some(open) = doc.open.as_mut() else {
            doc.view = Some(view);
            return None;
        };
        for item in &doc.opened {
            open.document.set_label(*item, label_of(view.verdict(item)));
        }
        doc.view = Some(view);
        // Only who made a document can say which record it belongs to: a writer could move it to another patient. Whoever
        // answers for it by now, it stays where its facts are looked for, labelled.
        let founder = doc.founder?;
        let head = open
            .document
            .facts()
            .filter(|f| f.kind == FactKind::RecordHead && f.author == founder)
            .min_by_key(|f| (f.label, f.hlc, f.id))
            .and_then(|f| RecordHead::parse(f.body).ok());
        let filed = head.and_then(|head| {
            Some(Filed {
                record: head.record,
                compartment: Compartment::ALL.into_iter().find(|c| *c as u8 == head.compartment)?,
                salt: head.salt.filter(|_| head.is_by_creator(&self.network, &founder)),
                is_trusted: false,
            })
        });
        let place = |f: Filed| (f.record, f.compartment);
        let before = std::mem::replace(&mut doc.filed, filed);
        if let Some((record, compartment)) = before.map(place).filter(|b| Some(*b) != filed.map(place)) {
            remove_from(&mut self.records, &record, &compartment, &id);
            self.touched.insert(record);
        }
        let filed = filed?;
        let compartments = self.records.entry(filed.record).or_default();
        compartments.entry(filed.compartment).or_default().insert(id);
        (filed.salt.is_some() && filed.compartment == Compartment::Identity).then_some(filed.record)
    }

    fn label(&mut self, id: DocId, afresh: bool, registry: &Registry) {
        let Some(filed) = self.docs.get(&id).and_then(|d| d.filed) else {
            return;
        };
        let is_trusted = self.is_founded_well(&id, &filed, registry);
        let Some(doc) = self.docs.get_mut(&id) else { return };
        doc.filed = Some(Filed { is_trusted, ..filed });
        // Just filed documents bear the labels of their own verdicts.
        let (Some(open), Some(view)) = (doc.open.as_mut(), &doc.view) else {
            return;
        };
        if afresh && is_trusted || !afresh && is_trusted == filed.is_trusted {
            return;
        }
        for item in &doc.opened {
            let label = if is_trusted {
                label_of(view.verdict(item))
            } else {
                Label::Quarantined
            };
            open.document.set_label(*item, label);
        }
    }

    // ---- what may stand for a record

    /// Documents of a record that count, its creator's first.
    pub(super) fn trusted(&self, record: &RecordId, compartment: Compartment) -> Vec<DocId> {
        let docs = self.records.get(record).and_then(|r| r.get(&compartment));
        let mut docs: Vec<(bool, DocId)> = docs
            .into_iter()
            .flatten()
            .filter_map(|id| Some((*id, self.docs.get(id)?.filed?)))
            .filter(|(_, filed)| filed.is_trusted)
            .map(|(id, filed)| (filed.salt.is_none(), id))
            .collect();
        docs.sort();
        docs.into_iter().map(|(_, id)| id).collect()
    }

    /// True iff what is written there next stays among people who may see this record now: its founder decides who reads there.
    pub(super) fn may_draw(&self, id: &DocId, now_ms: u64) -> bool {
        let Some(doc) = self.docs.get(id) else { return false };
        let (Some(filed), Some(founder)) = (doc.filed, doc.founder) else {
            return false;
        };
        let reads = |identity: DocId| self.access(&identity).is_some_and(|v| v.may(&founder, Act::Read, now_ms).is_some());
        filed.is_trusted && (filed.salt.is_some() || founder == self.pen.seat || self.identities(&filed.record).any(reads))
    }

    /// True iff this seat may begin a compartment of a record that others will trust.
    pub(super) fn may_begin(&self, record: &RecordId, compartment: Compartment, registry: &Registry, now_ms: u64) -> bool {
        let me = self.pen.seat;
        self.own_salt(record).is_some()
            || self.identities(record).any(|identity| {
                let reads = self.access(&identity).is_some_and(|v| v.may(&me, Act::Read, now_ms).is_some());
                reads && self.claims(&identity, &me, registry).iter().any(|(_, p)| begins(compartment, *p))
            })
    }

    /// What shows that this seat made the record.
    pub(super) fn own_salt(&self, record: &RecordId) -> Option<[u8; 32]> {
        let mut filed = self.compartments(record).filter_map(|(_, doc)| self.docs.get(&doc));
        filed.find_map(|doc| doc.filed?.salt.filter(|_| doc.founder == Some(self.pen.seat)))
    }

    /// Identity documents by the record's creator that stand.
    pub(super) fn identities(&self, record: &RecordId) -> impl Iterator<Item = DocId> {
        let docs = self.records.get(record).and_then(|r| r.get(&Compartment::Identity));
        docs.into_iter()
            .flatten()
            .copied()
            .filter(|doc| self.is_creator_s_identity(doc) && self.geneses(doc).any(|link| self.stands(doc, &link)))
    }

    fn is_creator_s_identity(&self, doc: &DocId) -> bool {
        let filed = self.docs.get(doc).and_then(|d| d.filed);
        filed.is_some_and(|f| f.salt.is_some() && f.compartment == Compartment::Identity)
    }

    fn is_founded_well(&self, id: &DocId, filed: &Filed, registry: &Registry) -> bool {
        if filed.salt.is_some() {
            return self.geneses(id).any(|link| self.stands(id, &link));
        }
        let Some(founder) = self.docs.get(id).and_then(|d| d.founder) else {
            return false;
        };
        self.identities(&filed.record).any(|identity| {
            let claims = self.claims(&identity, &founder, registry);
            claims.into_iter().filter(|(_, p)| begins(filed.compartment, *p)).any(|(cited, _)| {
                let could_read = |link| self.could_read(&identity, link, cited.clone(), registry);
                self.geneses(id).any(could_read)
            })
        })
    }

    fn geneses(&self, id: &DocId) -> impl Iterator<Item = ChainLink> {
        let records = self.docs.get(id).into_iter().flat_map(|d| d.records.values());
        records.filter(|r| r.kind == Kind::Genesis).map(|r| r.link)
    }

    fn stands(&self, id: &DocId, genesis: &ChainLink) -> bool {
        self.access(id).is_some_and(|view| view.verdict(&genesis.id) == Verdict::Accepted)
    }

    /// What a seat could cite to read a document, denied or not, with the role it would do so in.
    fn claims(&self, doc: &DocId, seat: &SeatKey, registry: &Registry) -> Vec<(Vec<GrantId>, Profession)> {
        let practitioner = registry.seat(seat).and_then(|s| s.practitioner);
        let profession = practitioner.and_then(|p| registry.practitioner(&p)).map(|p| p.profession);
        let is_own = |subject: &Subject| match subject {
            Subject::Seat(key) => key == seat,
            Subject::Practitioner(key) => practitioner == Some(*key),
            Subject::Team(_) => false,
        };
        let reads = |grant: &&GrantView| grant.state == GrantState::Valid && grant.terms.rank.may_read();
        let mut claims = Vec::new();
        for grant in self.access(doc).into_iter().flat_map(AccessView::grants).filter(reads) {
            if let Subject::Team(team) = grant.terms.subject {
                let (Some(info), Some(view)) = (registry.team(&team), self.access(&team)) else {
                    continue;
                };
                let own = view.grants().iter().filter(reads).filter(|m| is_own(&m.terms.subject));
                claims.extend(own.map(|member| {
                    let mut cited = vec![grant.id, member.id];
                    cited.sort();
                    (cited, info.profession)
                }));
            } else if let (true, Some(profession)) = (is_own(&grant.terms.subject), profession) {
                claims.push((vec![grant.id], profession));
            }
        }
        claims
    }

    /// True iff at this place of its chain a seat could read a document: judged as an act there that asks for no more would be.
    fn could_read(&self, doc: &DocId, link: ChainLink, cited: Vec<GrantId>, registry: &Registry) -> bool {
        let act = OpRecord {
            link,
            doc: *doc,
            kind: Kind::KeyRequest,
            authority: cited,
            op: None,
        };
        let view = evaluate(doc, &self.access_set(doc, Some(act), registry), registry);
        view.verdict(&link.id) == Verdict::Accepted
    }
}

/// Whoever writes in a compartment by the role matrix may begin it; a masked topic is a doctor's to begin, a request everybody's.
fn begins(compartment: Compartment, profession: Profession) -> bool {
    match compartment {
        Compartment::Sensitive => profession == Profession::Doctor,
        // Whoever knows the patient may ask somebody about them; whom that opens the record to is another matter.
        Compartment::Request => true,
        _ => default_rank(compartment, Actor::Team(profession)).is_some_and(Rank::may_write),
    }
}

fn label_of(verdict: Verdict) -> Label {
    match verdict {
        Verdict::Accepted => Label::Accepted,
        Verdict::Disputed => Label::Disputed,
        _ => Label::Quarantined,
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
