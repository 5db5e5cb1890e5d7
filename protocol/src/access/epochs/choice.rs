//! Which epoch to write under, or what to rotate: a pure function of what is known.
//!
//! Invariants:
//! * nothing is written under an epoch known to anybody but the live readers. An epoch that a later one names is known to the later
//!   one's readers too, so it is never written under again, even where its own recipients happen to be the live readers anew;
//! * a rotation to exactly the live readers always gives an epoch that can be written under, whatever others have published;
//! * what is unfit to write under still opens, and is still joined by the next rotation.

use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

use super::{KeyEpoch, MAX_NUMBER, MAX_PREDECESSORS};
use crate::ids::{Hlc, KemPublic, Kid};

/// An expired mobile grant alone rotates an epoch at most this often: 30 days, in milliseconds.
const LAPSED_TOLERATED: u64 = 30 * 86_400_000;
/// An epoch is rotated yearly: 365 days, in milliseconds.
const AGE_LIMIT: u64 = 365 * 86_400_000;
/// How far ahead of ours another clock may be: 24 hours, in milliseconds.
const SKEW: u64 = 86_400_000;
/// Numbers up to here are believed as stated; above, only where the predecessor they count from is there. So a lie costs half of the
/// numbers once, and each further one a rotation.
const STATED_LIMIT: u32 = MAX_NUMBER / 2;

/// What is known of one epoch of a document.
///
/// Pass every epoch whose author ever held a grant here, also one beyond a cut: what its recipients know, they know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EpochFacts {
    pub kid: Kid,
    pub number: u32,
    /// Everybody its key was sealed to: by its body, and by later `Wrap`s of seats that ever held a grant here.
    pub recipients: BTreeSet<KemPublic>,
    pub predecessors: Vec<(Kid, u32)>,
    /// The stamp of its envelope.
    pub made: Hlc,
    /// Its author may rotate, by the evaluator's present verdict.
    pub by_authorised_author: bool,
    /// Somebody who opened it found it false ([`super::EpochFault::blames_author`]).
    pub complained: bool,
    /// To be replaced although nothing is wrong with it: break-glass opened it, or a key of its readers may have leaked.
    pub retired: bool,
    /// Its key is in our ring, under this number. A depositor, who holds none and only looks for a deposit key, says true.
    pub held: bool,
}

impl EpochFacts {
    /// Facts of a sound epoch as its body states them; the caller adds late recipients and verdicts.
    pub fn stated(epoch: &KeyEpoch, made: Hlc) -> Self {
        Self {
            kid: epoch.kid,
            number: epoch.number,
            recipients: epoch.recipients().collect(),
            predecessors: epoch.predecessors.iter().map(|p| (p.kid, p.number)).collect(),
            made,
            by_authorised_author: true,
            complained: false,
            retired: false,
            held: true,
        }
    }
}

/// What the local clock and the grants' dates add.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Now, in milliseconds since 1970.
    pub now: u64,
    /// Keys of mobile seats whose grant here has expired and nothing else: no revocation. They may stay in an epoch for a month.
    pub lapsed: BTreeSet<KemPublic>,
}

/// Where the next write goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Seal under this epoch.
    WriteUnder(Kid),
    /// Make an epoch for exactly the live readers first, joining these heads (all of them held).
    RotateFirst { predecessors: Vec<Kid> },
}

/// Why an epoch isn't written under. The first that applies.
#[derive(Debug, Error, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
pub enum Unfit {
    /// No epoch of this document has this key id.
    #[error("unknown epoch")]
    Unknown,
    /// It is sealed to somebody who isn't a live reader: never was, or was removed since.
    #[error("known to somebody who is no live reader")]
    Exposed,
    /// Its author may not rotate here.
    #[error("its author may not rotate")]
    Unauthorised,
    /// It says something false; its author is to blame.
    #[error("complained of")]
    Complained,
    /// Its number counts from a predecessor that isn't there; its author is to blame.
    #[error("its number counts from nothing")]
    BaselessNumber,
    /// A live reader can't open it: added since, or left out.
    #[error("a live reader is left out")]
    Omits,
    /// A later epoch seals its key to other readers.
    #[error("superseded")]
    Superseded,
    /// Break-glass or a leak.
    #[error("retired")]
    Retired,
    /// Older than a year.
    #[error("older than a year")]
    Old,
    /// We don't have its key.
    #[error("its key is not held")]
    NotHeld,
}

/// The fit epoch with the highest number, then the smallest kid; without one, what a rotation joins.
///
/// `live` holds the keys that epochs are sealed to now: live readers' seats, or their teams' deposit keys.
pub fn choose(epochs: &[EpochFacts], live: &BTreeSet<KemPublic>, policy: &Policy) -> Choice {
    let survey = Survey::of(epochs);
    let fit = epochs
        .iter()
        .filter(|e| survey.unfit_one(e, live, policy).or(survey.unfit(e.kid, live, policy)).is_none());
    match fit.max_by(|a, b| a.number.cmp(&b.number).then(b.kid.cmp(&a.kid))) {
        Some(best) => Choice::WriteUnder(best.kid),
        None => Choice::RotateFirst {
            predecessors: survey.heads(),
        },
    }
}

/// Why nothing should be written under `kid`; `None` where it may. Also how a peer flags what was sealed under an epoch that
/// its author knew to be exposed.
pub fn unfit(epochs: &[EpochFacts], kid: Kid, live: &BTreeSet<KemPublic>, policy: &Policy) -> Option<Unfit> {
    Survey::of(epochs).unfit(kid, live, policy)
}

/// The epochs of a document by key id, and how they hang together. One key id may be published twice, by two who know the key.
struct Survey<'a> {
    by_kid: BTreeMap<Kid, Vec<&'a EpochFacts>>,
    /// Named as predecessor by anybody.
    superseded: BTreeSet<(Kid, u32)>,
    /// Named as predecessor by a sound epoch: the key is reached from there.
    joined: BTreeSet<(Kid, u32)>,
    /// Their number can be believed.
    credible: BTreeSet<(Kid, u32)>,
}

impl<'a> Survey<'a> {
    fn of(epochs: &'a [EpochFacts]) -> Self {
        let mut ascending: Vec<&EpochFacts> = epochs.iter().collect();
        ascending.sort_by_key(|e| (e.number, e.kid));
        let mut survey = Self {
            by_kid: BTreeMap::new(),
            superseded: BTreeSet::new(),
            joined: BTreeSet::new(),
            credible: BTreeSet::new(),
        };
        for e in ascending {
            survey.by_kid.entry(e.kid).or_default().push(e);
            let from_there = |p: &(Kid, u32)| p.1.checked_add(1) == Some(e.number) && survey.credible.contains(p);
            if e.number <= STATED_LIMIT || e.predecessors.iter().any(from_there) {
                survey.credible.insert((e.kid, e.number));
            }
            survey.superseded.extend(&e.predecessors);
            if survey.is_sound(e) {
                survey.joined.extend(&e.predecessors);
            }
        }
        survey
    }

    fn is_sound(&self, e: &EpochFacts) -> bool {
        e.by_authorised_author && !e.complained && self.credible.contains(&(e.kid, e.number))
    }

    /// Of a key id published twice, one body that is fit will do; but whoever any of them is sealed to knows the key.
    fn unfit(&self, kid: Kid, live: &BTreeSet<KemPublic>, policy: &Policy) -> Option<Unfit> {
        let Some(twins) = self.by_kid.get(&kid) else {
            return Some(Unfit::Unknown);
        };
        let findings = || twins.iter().map(|e| self.unfit_one(e, live, policy));
        if findings().any(|f| f == Some(Unfit::Exposed)) {
            return Some(Unfit::Exposed);
        }
        if findings().any(|f| f.is_none()) {
            None
        } else {
            findings().flatten().max()
        }
    }

    fn unfit_one(&self, e: &EpochFacts, live: &BTreeSet<KemPublic>, policy: &Policy) -> Option<Unfit> {
        let at = (e.kid, e.number);
        let made = e.made.millis();
        let age = policy.now.saturating_sub(made);
        let lapsed_tolerated = age < LAPSED_TOLERATED && made <= policy.now.saturating_add(SKEW);
        let may_know = |k: &KemPublic| live.contains(k) || (lapsed_tolerated && policy.lapsed.contains(k));
        let findings = [
            (!e.recipients.iter().all(may_know), Unfit::Exposed),
            (!e.by_authorised_author, Unfit::Unauthorised),
            (e.complained, Unfit::Complained),
            (!self.credible.contains(&at), Unfit::BaselessNumber),
            (!live.is_subset(&e.recipients), Unfit::Omits),
            (self.superseded.contains(&at), Unfit::Superseded),
            (e.retired, Unfit::Retired),
            (age > AGE_LIMIT, Unfit::Old),
            (!e.held, Unfit::NotHeld),
        ];
        findings.into_iter().find_map(|(applies, why)| applies.then_some(why))
    }

    /// Held epochs that no sound epoch joins yet: sound ones first, then the highest numbers, at most [`MAX_PREDECESSORS`].
    fn heads(&self) -> Vec<Kid> {
        let mut heads: Vec<&EpochFacts> = self.by_kid.values().flatten().copied().collect();
        heads.retain(|e| {
            let at = (e.kid, e.number);
            e.held && e.number < MAX_NUMBER && self.credible.contains(&at) && !self.joined.contains(&at)
        });
        heads.sort_by(|a, b| {
            (self.is_sound(b), b.number)
                .cmp(&(self.is_sound(a), a.number))
                .then(a.kid.cmp(&b.kid))
        });
        let mut named = BTreeSet::new();
        heads.retain(|e| named.insert(e.kid));
        heads.truncate(MAX_PREDECESSORS);
        heads.into_iter().map(|e| e.kid).collect()
    }
}
