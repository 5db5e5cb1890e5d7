//! A document as a reader sees it: admitted changes folded into Automerge, facts read back, labels laid over them.
//!
//! What is shown depends on the *set* of admitted changes and labels, never on their order. One Automerge instance holds every
//! author's chain. Where an author forked a chain, further branches are folded in instances of their own (Automerge would answer
//! `DuplicateSeqNumber`), and everything of that chain from the fork on is disputed, in every branch alike. Batches are applied to
//! a copy inside `catch_unwind`: what fails is bisected down to the culprit, which is *poisoned* (kept in the set, not applied,
//! its author flagged) together with nothing but its own successors.

use automerge::{Automerge, Change, ChangeHash, ObjId, ROOT, ReadDoc, ScalarValue, Value};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::current::superseded;
use super::fact::{Actor, FactKind};
use super::gate::{Admitted, AdmittedChange, AdmittedFact};
use crate::ids::{DocId, FactId, Hlc, ItemId, SeatKey};
use crate::wire::Writer;

/// How far an envelope is acknowledged. Ordered from best to worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Label {
    /// Its author could write here, and nothing contradicts it.
    Accepted = 0,
    /// Not acknowledged: shown, marked, supersedes nothing. What no label was set for is quarantined.
    Quarantined = 1,
    /// Its author signed two histories: both are shown, neither supersedes anything.
    Disputed = 2,
}

/// One fact as it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FactView<'a> {
    pub id: FactId,
    pub author: SeatKey,
    /// The envelope that carries it (the best labelled one, where its author sent it twice).
    pub envelope: ItemId,
    pub hlc: Hlc,
    pub label: Label,
    pub kind: FactKind,
    /// Empty unless imported.
    pub source: &'a str,
    pub supersedes: &'a [FactId],
    pub body: &'a [u8],
}

/// What a fold could not apply.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Folded {
    /// Envelopes with a change that made Automerge fail, with the author to flag.
    pub poisoned: Vec<(ItemId, SeatKey)>,
    /// Envelopes behind a poisoned change of the same author.
    pub stranded: Vec<ItemId>,
}

/// An open document.
pub struct Document {
    id: DocId,
    main: Automerge,
    /// Last change of each actor in `main`.
    tips: BTreeMap<Actor, ChangeHash>,
    /// Changes on branches that `main` doesn't hold.
    side: BTreeMap<ChangeHash, Change>,
    applied: BTreeMap<ChangeHash, Entry>,
    lost: BTreeSet<ChangeHash>,
    /// The first change seen at each place of a chain: a second one is a fork.
    places: BTreeMap<(Actor, u64), ChangeHash>,
    /// The earliest fork of each forked chain.
    forks: BTreeMap<Actor, u64>,
    /// Every fact by id; the change and the place in it tell apart what bears the same one.
    index: BTreeSet<(FactId, ChangeHash, u32)>,
    labels: BTreeMap<ItemId, Label>,
}

/// An applied change.
struct Entry {
    author: SeatKey,
    actor: Actor,
    seq: u64,
    prev: Option<ChangeHash>,
    carriers: BTreeMap<ItemId, Hlc>,
    facts: Vec<AdmittedFact>,
}

/// A change on its way in.
struct Pending {
    change: Change,
    entry: Entry,
}

impl Document {
    pub fn new(id: DocId) -> Self {
        Self {
            id,
            main: Automerge::new(),
            tips: BTreeMap::new(),
            side: BTreeMap::new(),
            applied: BTreeMap::new(),
            lost: BTreeSet::new(),
            places: BTreeMap::new(),
            forks: BTreeMap::new(),
            index: BTreeSet::new(),
            labels: BTreeMap::new(),
        }
    }

    pub fn id(&self) -> DocId {
        self.id
    }

    /// Sets how far an envelope is acknowledged; may come before the envelope and change at any time, without folding again.
    pub fn set_label(&mut self, envelope: ItemId, label: Label) {
        self.labels.insert(envelope, label);
    }

    /// Applies a batch. Fold as much as there is at once: Automerge is quadratic in calls, not in changes.
    pub fn fold(&mut self, batch: impl IntoIterator<Item = Admitted>) -> Folded {
        let mut folded = Folded::default();
        let pending = self.sort(batch, &mut folded);
        let mut planned = self.tips.clone();
        let mut main = Vec::new();
        let mut branches: Vec<Vec<Pending>> = Vec::new();
        for p in pending {
            if planned.get(&p.entry.actor).copied() == p.entry.prev {
                planned.insert(p.entry.actor, p.change.hash());
                main.push(p);
            } else if let Some(branch) = branches
                .iter_mut()
                .rev()
                .find(|b| b.last().map(|last| last.change.hash()) == p.entry.prev)
            {
                branch.push(p);
            } else {
                branches.push(vec![p]);
            }
        }
        let mut instance = std::mem::take(&mut self.main);
        for p in self.apply(&mut instance, main, &mut folded) {
            self.tips.insert(p.entry.actor, p.change.hash());
            self.show(p);
        }
        self.main = instance;
        for branch in branches {
            let Some(mut instance) = branch.first().and_then(|p| self.branch_at(p.entry.prev)) else {
                self.strand(branch, &mut folded);
                continue;
            };
            for p in self.apply(&mut instance, branch, &mut folded) {
                self.side.insert(p.change.hash(), p.change.clone());
                self.show(p);
            }
        }
        folded.poisoned.sort_unstable();
        folded.poisoned.dedup();
        folded.stranded.sort_unstable();
        folded.stranded.dedup();
        folded
    }

    /// All facts, in one order whatever order they came in.
    pub fn facts(&self) -> impl Iterator<Item = FactView<'_>> {
        self.index.iter().filter_map(|(id, hash, at)| {
            let entry = self.applied.get(hash)?;
            let AdmittedFact { fact, .. } = entry.facts.get(*at as usize)?;
            let (label, envelope, hlc) = self.standing(entry, *id)?;
            Some(FactView {
                id: *id,
                author: entry.author,
                envelope,
                hlc,
                label,
                kind: fact.kind,
                source: &fact.source,
                supersedes: &fact.supersedes,
                body: &fact.body,
            })
        })
    }

    /// The facts that no accepted fact supersedes, in the order of [`Self::facts`]. Concurrent ones stand side by side.
    pub fn current(&self) -> impl Iterator<Item = FactView<'_>> {
        let accepted = self
            .facts()
            .filter(|f| f.label == Label::Accepted)
            .map(|f| (f.id, f.supersedes))
            .collect();
        let hidden = superseded(&accepted);
        self.facts().filter(move |f| !hidden.contains(&f.id))
    }

    /// Every visible fact with its label and whether it is current: equal bytes on all replicas that hold the same set.
    pub fn canonical_view(&self) -> Vec<u8> {
        let current: BTreeSet<_> = self.current().map(|f| (f.id, f.envelope)).collect();
        let mut w = Writer::new();
        w.bytes(&self.id.0);
        for f in self.facts() {
            w.bytes(&f.id.0).bytes(&f.author.0).bytes(&f.envelope.0).u64(f.hlc.0);
            w.u8(f.label as u8).u8(u8::from(current.contains(&(f.id, f.envelope))));
            w.u8(f.kind.to_u8()).text(f.source).u8(f.supersedes.len() as u8);
            for id in f.supersedes {
                w.bytes(&id.0);
            }
            w.sized(f.body);
        }
        w.finish()
    }

    /// Changes applied, branches included.
    pub fn changes(&self) -> usize {
        self.applied.len()
    }

    /// What is new in a batch, chain by chain, each in order; notes forks and repeated carriers.
    fn sort(&mut self, batch: impl IntoIterator<Item = Admitted>, folded: &mut Folded) -> Vec<Pending> {
        let mut pending: BTreeMap<(Actor, u64, ChangeHash), Pending> = BTreeMap::new();
        for Admitted { arrival, actor, changes } in batch {
            debug_assert_eq!(arrival.doc, self.id, "the gate admits to its own document");
            for AdmittedChange { change, prev, facts, .. } in changes {
                let (hash, seq) = (change.hash(), change.seq());
                if *self.places.entry((actor, seq)).or_insert(hash) != hash {
                    let earliest = self.forks.entry(actor).or_insert(seq);
                    *earliest = seq.min(*earliest);
                }
                if self.lost.contains(&hash) {
                    folded.stranded.push(arrival.envelope);
                } else if let Some(entry) = self.applied.get_mut(&hash) {
                    entry.carriers.insert(arrival.envelope, arrival.hlc);
                } else {
                    let entry = Entry {
                        author: arrival.author,
                        actor,
                        seq,
                        prev,
                        carriers: BTreeMap::new(),
                        facts,
                    };
                    let p = pending.entry((actor, seq, hash)).or_insert(Pending { change, entry });
                    p.entry.carriers.insert(arrival.envelope, arrival.hlc);
                }
            }
        }
        pending.into_values().collect()
    }

    /// An Automerge instance that holds one chain up to `tip`; `None` if part of it was never applied.
    fn branch_at(&self, tip: Option<ChangeHash>) -> Option<Automerge> {
        let mut path = VecDeque::new();
        let mut next = tip;
        while let Some(hash) = next {
            next = self.applied.get(&hash)?.prev;
            path.push_front(match self.side.get(&hash) {
                Some(change) => change.clone(),
                None => self.main.get_change_by_hash(&hash)?,
            });
        }
        let mut instance = Automerge::new();
        instance.apply_changes(path).ok()?;
        Some(instance)
    }

    /// Applies `run` to `instance` and returns what went in. Failures are narrowed down by halving.
    fn apply(&mut self, instance: &mut Automerge, run: Vec<Pending>, folded: &mut Folded) -> Vec<Pending> {
        let mut applied = Vec::with_capacity(run.len());
        let mut parts = vec![run];
        while let Some(part) = parts.pop() {
            let mut part = self.without_stranded(part, folded);
            if part.is_empty() {
                continue;
            }
            if let Some(next) = attempt(instance, &part) {
                *instance = next;
                applied.append(&mut part);
            } else if part.len() > 1 {
                let second = part.split_off(part.len() / 2);
                parts.push(second);
                parts.push(part);
            } else {
                for p in part {
                    self.lost.insert(p.change.hash());
                    folded.poisoned.extend(p.entry.carriers.keys().map(|id| (*id, p.entry.author)));
                }
            }
        }
        applied
    }

    fn without_stranded(&mut self, part: Vec<Pending>, folded: &mut Folded) -> Vec<Pending> {
        let mut kept = Vec::with_capacity(part.len());
        for p in part {
            if p.entry.prev.is_some_and(|prev| self.lost.contains(&prev)) {
                self.strand(vec![p], folded);
            } else {
                kept.push(p);
            }
        }
        kept
    }

    fn strand(&mut self, part: Vec<Pending>, folded: &mut Folded) {
        for p in part {
            self.lost.insert(p.change.hash());
            folded.stranded.extend(p.entry.carriers.keys());
        }
    }

    fn show(&mut self, p: Pending) {
        let hash = p.change.hash();
        self.index
            .extend((0u32..).zip(&p.entry.facts).map(|(at, fact)| (fact.id, hash, at)));
        self.applied.insert(hash, p.entry);
    }

    /// The label of a fact, with the envelope it is owed to.
    fn standing(&self, entry: &Entry, id: FactId) -> Option<(Label, ItemId, Hlc)> {
        let label = |envelope| self.labels.get(envelope).copied().unwrap_or(Label::Quarantined);
        let (label, envelope, hlc) = entry.carriers.iter().map(|(id, hlc)| (label(id), *id, *hlc)).min()?;
        let forked = self.forks.get(&entry.actor).is_some_and(|from| entry.seq >= *from);
        let all = (id, ChangeHash([0; 32]), 0)..=(id, ChangeHash([0xff; 32]), u32::MAX);
        let shared = self.index.range(all).nth(1).is_some();
        Some((if forked || shared { Label::Disputed } else { label }, envelope, hlc))
    }
}

/// A copy of `instance` with `part` applied and every fact of it read back, or nothing.
fn attempt(instance: &Automerge, part: &[Pending]) -> Option<Automerge> {
    catch_unwind(AssertUnwindSafe(|| {
        #[cfg(test)]
        super::testing::panic_if_marked(part.iter().map(|p| p.change.hash()));
        let mut next = instance.clone();
        next.apply_changes(part.iter().map(|p| p.change.clone())).ok()?;
        part.iter().all(|p| holds(&next, p)).then_some(next)
    }))
    .ok()
    .flatten()
}

/// True iff Automerge holds exactly the bytes the gate read, under each fact's key, by its actor.
fn holds(instance: &Automerge, p: &Pending) -> bool {
    p.change.start_op().get().checked_add(p.entry.facts.len() as u64).is_some()
        && (p.change.start_op().get()..).zip(&p.entry.facts).all(|(number, fact)| {
            let Ok(values) = instance.get_all(ROOT, fact.key.as_str()) else {
                return false;
            };
            let Ok(expected) = fact.fact.encode() else { return false };
            values.iter().any(|(value, op)| {
                matches!(op, ObjId::Id(n, actor, _) if *n == number && actor == p.change.actor_id())
                    && matches!(value, Value::Scalar(v) if matches!(&**v, ScalarValue::Bytes(b) if *b == expected))
            })
        })
}
