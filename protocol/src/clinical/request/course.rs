//! What the history of one request amounts to: which steps have effect, in which order, and where it stands.
//!
//! A pure function of the set of versions. A step has effect iff its envelope is acknowledged, its author belongs to the side whose
//! step it is, and it can be taken from where that author saw the request. One without effect hides nothing: what names it rests on
//! what it named.

use std::collections::{BTreeMap, BTreeSet};

use super::{Merged, NotNow, Parties, Status, Step, merge, next};
use crate::ids::FactId;

/// Steps of one request that are weighed, nearest to its opening first: what a hostile party may cost.
pub const MAX_STEPS: usize = 1_000;

/// One version of a request, as a fact says it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    pub id: FactId,
    /// `None` for the opening, or for what isn't understood.
    pub step: Option<Step>,
    /// The sides whose grant its envelope cites.
    pub by: Parties,
    /// Its envelope is acknowledged: neither quarantined nor disputed.
    pub is_accepted: bool,
    /// What its author had seen.
    pub supersedes: Vec<FactId>,
}

/// A step that has effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    pub id: FactId,
    /// `None` for the opening.
    pub step: Option<Step>,
    /// Where its author saw the request.
    pub from: Status,
    pub to: Status,
}

/// Why a version has no effect. It is shown apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetAside {
    /// Its envelope is quarantined or disputed.
    NotAcknowledged,
    /// It couldn't be taken by this author, or from there.
    Refused(NotNow),
    /// A version it names isn't here yet.
    Waiting,
    /// It names no step, or follows nothing of this request.
    Stray,
    /// Beyond [`MAX_STEPS`].
    TooMany,
}

/// A request's history.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Course {
    /// In an order in which each follows what its author had seen.
    pub taken: Vec<Taken>,
    pub set_aside: BTreeMap<FactId, SetAside>,
    /// Steps with effect that no other one follows.
    pub heads: BTreeMap<FactId, Status>,
}

/// A version that was judged: what it rests on, and where it led if it has effect.
struct Judged {
    base: BTreeSet<FactId>,
    depth: usize,
    to: Option<Status>,
}

impl Course {
    /// Weighs all versions of one request. `opening` must be by its founder.
    pub fn of(opening: FactId, versions: &[Version]) -> Self {
        let known: BTreeMap<FactId, &Version> = versions.iter().map(|v| (v.id, v)).collect();
        let mut course = Self::default();
        let mut judged: BTreeMap<FactId, Judged> = BTreeMap::new();
        let (mut missing, mut followers) = (BTreeMap::new(), BTreeMap::<FactId, Vec<FactId>>::new());
        // Nearest to the opening first, then by id: an order of the set, not of arrival.
        let mut ready: BTreeSet<(usize, FactId)> = BTreeSet::new();
        for version in known.values() {
            let before: BTreeSet<FactId> = version.supersedes.iter().copied().collect();
            if before.is_empty() || version.id == opening {
                ready.insert((0, version.id));
            } else {
                before.iter().for_each(|id| followers.entry(*id).or_default().push(version.id));
                missing.insert(version.id, before.len());
            }
        }
        while let Some((depth, id)) = ready.pop_first() {
            if judged.len() < MAX_STEPS {
                course.judge(known[&id], opening, depth, &mut judged);
            } else {
                course.set_aside.insert(id, SetAside::TooMany);
            }
            for follower in followers.remove(&id).unwrap_or_default() {
                let waits = missing.get_mut(&follower).expect("counted above");
                *waits -= 1;
                if *waits == 0 {
                    let before = known[&follower].supersedes.iter().filter_map(|b| judged.get(b));
                    ready.insert((before.map(|b| b.depth + 1).max().unwrap_or(1), follower));
                }
            }
        }
        for id in known.keys().filter(|id| missing.get(*id).is_some_and(|n| *n > 0)) {
            course.set_aside.insert(*id, SetAside::Waiting);
        }
        course
    }

    fn judge(&mut self, version: &Version, opening: FactId, depth: usize, judged: &mut BTreeMap<FactId, Judged>) {
        let id = version.id;
        let base = if id == opening {
            BTreeSet::new()
        } else {
            rests_on(&version.supersedes, judged)
        };
        let verdict = if id == opening {
            Ok((None, Status::Requested, Status::Requested))
        } else {
            let seen = merge(base.iter().filter_map(|b| Some((*b, judged.get(b)?.to?))));
            step(version, seen.map(|m| m.primary.1))
        };
        let verdict = if version.is_accepted {
            verdict
        } else {
            Err(SetAside::NotAcknowledged)
        };
        let to = verdict.as_ref().ok().map(|(.., to)| *to);
        match verdict {
            Ok((step, from, to)) => {
                self.heads.retain(|head, _| !base.contains(head));
                self.heads.insert(id, to);
                self.taken.push(Taken { id, step, from, to });
            }
            Err(why) => drop(self.set_aside.insert(id, why)),
        }
        judged.insert(id, Judged { base, depth, to });
    }

    /// The request as it stands: one version first, concurrent ones beside it. `None` without an opening that counts.
    pub fn merged(&self) -> Option<Merged> {
        merge(self.heads.iter().map(|(id, status)| (*id, *status)))
    }

    /// Steps by which somebody took the request in hand while nobody had, as far as they knew: several are concurrent claims.
    pub fn claims(&self) -> impl Iterator<Item = &Taken> {
        self.taken
            .iter()
            .filter(|t| t.from == Status::Requested && matches!(t.step, Some(Step::Accept | Step::AskMore | Step::Answer)))
    }
}

/// Where a version leads that was made while the request stood like this.
fn step(version: &Version, seen: Option<Status>) -> Result<(Option<Step>, Status, Status), SetAside> {
    let (Some(from), Some(step)) = (seen, version.step) else {
        return Err(SetAside::Stray);
    };
    if !version.by.contains(step.party()) {
        return Err(SetAside::Refused(NotNow::NotYours { step }));
    }
    let to = next(from, step, step.party()).map_err(SetAside::Refused)?;
    Ok((Some(step), from, to))
}

/// The versions with effect that these rest on, through what has none; without those that another of them rests on.
fn rests_on(named: &[FactId], judged: &BTreeMap<FactId, Judged>) -> BTreeSet<FactId> {
    let mut base = BTreeSet::new();
    for (id, version) in named.iter().filter_map(|id| Some((id, judged.get(id)?))) {
        match version.to {
            Some(_) => drop(base.insert(*id)),
            None => base.extend(&version.base),
        }
    }
    if base.len() < 2 {
        return base;
    }
    let lowest = base.iter().filter_map(|id| Some(judged.get(id)?.depth)).min().unwrap_or_default();
    let mut behind: BTreeSet<FactId> = BTreeSet::new();
    let mut next: Vec<FactId> = base.iter().copied().collect();
    while let Some(version) = next.pop().and_then(|id| judged.get(&id)) {
        for id in &version.base {
            if judged.get(id).is_some_and(|v| v.depth >= lowest) && behind.insert(*id) {
                next.push(*id);
            }
        }
    }
    base.retain(|id| !behind.contains(id));
    base
}
