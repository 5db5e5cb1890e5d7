//! A document as a reader sees it: admitted changes folded into Automerge, facts read back, labels laid over them.
//!
//! What is shown depends on the *set* of admitted changes and labels, never on their order. One Automerge instance holds every
//! author's chain. Where an author forked a chain, further branches are folded in instances of their own (Automerge would answer
//! `DuplicateSeqNumber`). A branch is re-rooted for that: facts need nothing of what came before them, and a thousand forks of a long
//! chain must not cost a thousand long chains.
//!
//! Everything acknowledged of a chain from its fork on is disputed, in every branch alike. Two changes make a fork only if both are
//! acknowledged: a stolen key signs branches for ever, and what a cut leaves out must undo no correction that it keeps. Why an
//! envelope isn't acknowledged can't be told here, and needn't be: where the *seat* forked inside its cuts, whatever the twin says
//! or cites, the evaluator labels both histories disputed.
//!
//! Batches are applied to a copy inside `catch_unwind`: what fails is bisected down to the culprit, which is *poisoned* (kept in
//! the set, not applied, its author flagged) together with nothing but its own successors.

use automerge::{Automerge, Change, ChangeHash, ObjId, ROOT, ReadDoc, ScalarValue, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::chain::encode;
use super::current::superseded;
use super::fact::{Actor, FactKind};
use super::gate::{Admitted, AdmittedChange, AdmittedFact, Link};
use crate::ids::{DocId, FactId, Hlc, ItemId, SeatKey};
use crate::wire::Writer;

#[cfg(not(panic = "unwind"))]
compile_error!("Automerge's panics must be catchable: build with panic = \"unwind\"");

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

/// Shows sizes, never contents.
impl fmt::Debug for FactView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, author, label, kind) = (self.id, self.author, self.label, self.kind);
        write!(f, "[{id} by {author}, {label:?} {kind:?}, {} bytes]", self.body.len())
    }
}

/// What a fold could not apply.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Folded {
    /// Envelopes with a change that made Automerge fail, with the author to flag.
    pub poisoned: BTreeSet<(ItemId, SeatKey)>,
    /// Envelopes behind a poisoned change of the same author.
    pub stranded: BTreeSet<ItemId>,
}

impl Folded {
    fn note(&mut self, poisoned: bool, envelope: ItemId, author: SeatKey) {
        if poisoned {
            self.poisoned.insert((envelope, author));
        } else {
            self.stranded.insert(envelope);
        }
    }
}

/// An open document.
pub struct Document {
    id: DocId,
    main: Automerge,
    /// Last change of each actor in `main`.
    tips: BTreeMap<Actor, ChangeHash>,
    applied: BTreeMap<ChangeHash, Entry>,
    /// Changes not applied; true for the poisoned ones, false for those behind them.
    lost: BTreeMap<ChangeHash, bool>,
    /// The first change applied at each place of a chain.
    places: BTreeMap<(Actor, u64), ChangeHash>,
    /// Places with several changes, all of them listed. Whether that makes a fork is up to the labels of the moment.
    twins: BTreeMap<Actor, BTreeMap<u64, BTreeSet<ChangeHash>>>,
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
    hash: ChangeHash,
    /// What Automerge is given: the change itself, or its re-rooted form on a branch.
    change: Change,
    entry: Entry,
}

impl Document {
    pub fn new(id: DocId) -> Self {
        Self {
            id,
            main: Automerge::new(),
            tips: BTreeMap::new(),
            applied: BTreeMap::new(),
            lost: BTreeMap::new(),
            places: BTreeMap::new(),
            twins: BTreeMap::new(),
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
        let (main, branches) = self.plan(pending);
        let mut instance = std::mem::take(&mut self.main);
        for p in self.apply(&mut instance, main, &mut folded) {
            self.tips.insert(p.entry.actor, p.hash);
            self.show(p);
        }
        self.main = instance;
        for branch in branches {
            let root = branch.first().and_then(|p| p.entry.prev);
            if root.is_some_and(|prev| !self.applied.contains_key(&prev)) {
                self.lose(false, branch, &mut folded);
                continue;
            }
            for p in self.apply(&mut Automerge::new(), rerooted(branch), &mut folded) {
                self.show(p);
            }
        }
        folded
    }

    /// All facts, in one order whatever order they came in.
    pub fn facts(&self) -> impl Iterator<Item = FactView<'_>> {
        let forks = self.forks();
        self.index.iter().filter_map(move |(id, hash, at)| {
            let entry = self.applied.get(hash)?;
            let AdmittedFact { fact, .. } = entry.facts.get(*at as usize)?;
            let (label, envelope, hlc) = self.standing(entry)?;
            let disputed = label == Label::Accepted && forks.disputes(entry, id);
            Some(FactView {
                id: *id,
                author: entry.author,
                envelope,
                hlc,
                label: if disputed { Label::Disputed } else { label },
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

    /// What is new in a batch, chain by chain, each in order; notes repeated carriers.
    fn sort(&mut self, batch: impl IntoIterator<Item = Admitted>, folded: &mut Folded) -> Vec<Pending> {
        let mut pending: BTreeMap<(Actor, u64, ChangeHash), Pending> = BTreeMap::new();
        for Admitted { arrival, actor, changes } in batch {
            debug_assert_eq!(arrival.doc, self.id, "the gate admits to its own document");
            for AdmittedChange { change, prev, facts, .. } in changes {
                let (hash, seq) = (change.hash(), change.seq());
                if let Some(poisoned) = self.lost.get(&hash) {
                    folded.note(*poisoned, arrival.envelope, arrival.author);
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
                    let p = pending.entry((actor, seq, hash)).or_insert(Pending { hash, change, entry });
                    p.entry.carriers.insert(arrival.envelope, arrival.hlc);
                }
            }
        }
        pending.into_values().collect()
    }

    /// Divides into what goes on from the main instance's tips and, each in one run, further branches. An earlier branch comes
    /// before those that grow out of it.
    fn plan(&self, pending: Vec<Pending>) -> (Vec<Pending>, Vec<Vec<Pending>>) {
        let mut tips = self.tips.clone();
        let mut branch_tips: BTreeMap<ChangeHash, usize> = BTreeMap::new();
        let (mut main, mut branches) = (Vec::new(), Vec::<Vec<Pending>>::new());
        for p in pending {
            if tips.get(&p.entry.actor).copied() == p.entry.prev {
                tips.insert(p.entry.actor, p.hash);
                main.push(p);
            } else {
                let growing = p.entry.prev.and_then(|prev| branch_tips.remove(&prev));
                let at = growing.unwrap_or(branches.len());
                branch_tips.insert(p.hash, at);
                match branches.get_mut(at) {
                    Some(branch) => branch.push(p),
                    None => branches.push(vec![p]),
                }
            }
        }
        (main, branches)
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
                self.lose(true, part, folded);
            }
        }
        applied
    }

    fn without_stranded(&mut self, part: Vec<Pending>, folded: &mut Folded) -> Vec<Pending> {
        let mut kept = Vec::with_capacity(part.len());
        for p in part {
            if p.entry.prev.is_some_and(|prev| self.lost.contains_key(&prev)) {
                self.lose(false, vec![p], folded);
            } else {
                kept.push(p);
            }
        }
        kept
    }

    fn lose(&mut self, poisoned: bool, part: Vec<Pending>, folded: &mut Folded) {
        for p in part {
            self.lost.insert(p.hash, poisoned);
            for envelope in p.entry.carriers.keys() {
                folded.note(poisoned, *envelope, p.entry.author);
            }
        }
    }

    fn show(&mut self, p: Pending) {
        let (hash, actor, seq) = (p.hash, p.entry.actor, p.entry.seq);
        let first = *self.places.entry((actor, seq)).or_insert(hash);
        if first != hash {
            self.twins.entry(actor).or_default().entry(seq).or_default().extend([first, hash]);
        }
        self.index
            .extend((0u32..).zip(&p.entry.facts).map(|(at, fact)| (fact.id, hash, at)));
        self.applied.insert(hash, p.entry);
    }

    fn label(&self, envelope: &ItemId) -> Label {
        self.labels.get(envelope).copied().unwrap_or(Label::Quarantined)
    }

    /// The best label of a change, with the envelope it is owed to.
    fn standing(&self, entry: &Entry) -> Option<(Label, ItemId, Hlc)> {
        entry.carriers.iter().map(|(id, hlc)| (self.label(id), *id, *hlc)).min()
    }

    fn is_acknowledged(&self, change: &ChangeHash) -> bool {
        let carriers = self.applied.get(change).map(|entry| entry.carriers.keys());
        carriers.into_iter().flatten().any(|id| self.label(id) != Label::Quarantined)
    }

    /// What the labels of the moment make of all twins.
    fn forks(&self) -> Forks {
        let mut forks = Forks::default();
        if self.twins.is_empty() {
            return forks;
        }
        for (actor, places) in &self.twins {
            let is_fork = |twins: &BTreeSet<ChangeHash>| twins.iter().filter(|hash| self.is_acknowledged(hash)).nth(1).is_some();
            let earliest = places.iter().find(|(_, twins)| is_fork(twins)).map(|(seq, _)| *seq);
            forks.earliest.extend(earliest.map(|seq| (*actor, seq)));
        }
        let mut last = None;
        for (id, hash, _) in &self.index {
            if self.is_acknowledged(hash) && last.replace(*id) == Some(*id) {
                forks.shared.insert(*id);
            }
        }
        forks
    }
}

/// Which facts are disputed under the labels of one moment.
#[derive(Default)]
struct Forks {
    /// The first place of each forked chain with two acknowledged changes.
    earliest: BTreeMap<Actor, u64>,
    /// Ids that facts of two acknowledged branches bear.
    shared: BTreeSet<FactId>,
}

impl Forks {
    fn disputes(&self, entry: &Entry, id: &FactId) -> bool {
        self.earliest.get(&entry.actor).is_some_and(|from| entry.seq >= *from) || self.shared.contains(id)
    }
}

/// The same facts under the same keys by the same actor, as a chain that starts with the branch.
fn rerooted(branch: Vec<Pending>) -> Vec<Pending> {
    let (mut prev, mut at) = (None, Link::START);
    branch
        .into_iter()
        .map(|p| {
            let entries = p.entry.facts.iter().map(|f| (f.key.clone(), f.value()));
            let change = encode(&p.entry.actor, prev, at, entries);
            (prev, at) = (Some(change.hash()), at.after(p.entry.facts.len() as u64));
            Pending { change, ..p }
        })
        .collect()
}

/// A copy of `instance` with `part` applied and every fact of it read back, or nothing.
fn attempt(instance: &Automerge, part: &[Pending]) -> Option<Automerge> {
    catch_unwind(AssertUnwindSafe(|| {
        #[cfg(test)]
        super::testing::panic_if_marked(super::testing::Stage::Apply, part.iter().map(|p| p.hash));
        let mut next = instance.clone();
        next.apply_changes(part.iter().map(|p| p.change.clone())).ok()?;
        part.iter().all(|p| holds(&next, p)).then_some(next)
    }))
    .ok()
    .flatten()
}

/// True iff Automerge holds exactly the bytes the gate read, under each fact's key, by its actor.
fn holds(instance: &Automerge, p: &Pending) -> bool {
    (p.change.start_op().get()..).zip(&p.entry.facts).all(|(number, fact)| {
        let (values, expected) = (instance.get_all(ROOT, fact.key.as_str()).unwrap_or_default(), fact.value());
        values.iter().any(|(value, op)| {
            matches!(op, ObjId::Id(n, actor, _) if *n == number && actor == p.change.actor_id())
                && matches!(value, Value::Scalar(v) if matches!(&**v, ScalarValue::Bytes(b) if *b == expected))
        })
    })
}
