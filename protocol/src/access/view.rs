//! What the evaluator found, and the questions a node asks of it. Here, and only here, dates count: on the local clock, for who is
//! wrapped to and what an honest client signs next.

use std::collections::{BTreeMap, BTreeSet};

use super::ops::{Rank, Terms};
use crate::ids::{DocId, GrantId, ItemId, SeatKey};

/// Clocks may differ this much before a date counts against somebody: a day.
pub const CLOCK_SKEW_MS: u64 = 24 * 3_600 * 1_000;

/// The label of an envelope. It never decides whether the envelope is kept or carried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Accepted,
    /// Content that nobody entitled has acknowledged: shown apart, supersedes nothing, may be adopted.
    Quarantined(Reason),
    /// Acceptable content of a seat that signed two histories: shown, marked.
    Disputed,
    /// An operation without effect, for good.
    Invalid(Reason),
    /// Something it rests on isn't here yet: no effect meanwhile.
    Incomplete,
}

/// Why there is no effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// Names no grant.
    Uncited,
    /// The cited grants aren't one of this document's and, at most, one membership.
    ForeignGrant,
    /// The cited grant is somebody else's.
    NotSubject,
    /// A device seat may only deposit.
    DeviceSeat,
    /// Its key is certified for two practitioners or two facilities: nobody knows whose it is.
    AmbiguousSeat,
    /// A mobile seat is never a member of a team.
    MobileSeat,
    /// The rank doesn't allow this.
    RankTooLow,
    /// Grants beyond the dates of the grant it cites.
    DatesBeyondGrant,
    /// A writer's referral of more than seven days.
    ReferralTooLong,
    /// Teams have practitioners and seats as members.
    TeamInTeam,
    /// The second practitioner must be another than who adds and who is added.
    OwnEndorsement,
    /// Beyond what this revocation of the document or of its author's team kept.
    Cut(ItemId),
    /// Beyond what this revocation in the registry kept.
    RevokedSeat(ItemId),
    /// Rests on a grant that is itself without effect.
    InvalidGrant(GrantId),
    /// A deposit nobody has taken over yet; whoever may write may adopt it.
    AwaitsAdoption,
}

/// Whether a grant counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GrantState {
    Valid,
    Incomplete,
    Invalid(Reason),
}

/// A grant of the document, for display.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GrantView {
    pub id: GrantId,
    /// The genesis or grant envelope.
    pub envelope: ItemId,
    pub issuer: SeatKey,
    pub terms: Terms,
    pub state: GrantState,
    /// Denials of its subject that it doesn't answer.
    pub denied_by: Vec<ItemId>,
}

impl GrantView {
    /// Valid, in date on the local clock, and not denied.
    pub fn is_live(&self, now_ms: u64) -> bool {
        self.state == GrantState::Valid && self.denied_by.is_empty() && in_date(self.terms.not_before_ms, self.terms.not_after_ms, now_ms)
    }
}

/// What a key epoch is wrapped to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Recipient {
    Seat(SeatKey),
    /// The deposit key of the team's current epoch.
    Team(DocId),
}

/// What a seat wants to do in the document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    Read,
    /// Content; also its receipt by a writer.
    Write,
    Deposit,
    /// A key epoch.
    Rotate,
    /// A grant of this rank.
    Grant(Rank),
    /// A reader for at most seven days.
    Refer,
    /// A revocation of grants of this rank.
    Revoke(Rank),
    /// A revocation of what one's own practitioner granted here, and nothing else where one isn't a steward.
    TakeBack,
    Adopt,
    /// In a team's document: to stand for a new member.
    Endorse,
}

impl Act {
    fn is_allowed(self, rank: Rank) -> bool {
        match self {
            Self::Read | Self::Endorse => rank.may_read(),
            Self::Write | Self::Rotate => rank.may_write(),
            Self::Deposit => true,
            Self::Grant(granted) => rank.is_steward() && granted > rank,
            Self::Refer | Self::TakeBack => rank.may_write(),
            Self::Revoke(denied) => rank.is_steward() && denied > rank,
            Self::Adopt => rank.is_steward(),
        }
    }

    /// Care is recorded whatever a calendar says.
    fn outlives_dates(self) -> bool {
        matches!(self, Self::Write | Self::Deposit)
    }

    fn is_barred_by_suspension(self) -> bool {
        matches!(self, Self::Grant(_) | Self::Refer | Self::Rotate | Self::Endorse)
    }
}

/// A seat under a valid grant, directly or as a member of a team.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Holding {
    pub(super) seat: SeatKey,
    pub(super) grant: GrantId,
    pub(super) membership: Option<GrantId>,
    pub(super) team: Option<DocId>,
    pub(super) rank: Rank,
    pub(super) is_denied: bool,
    pub(super) is_suspended: bool,
    pub(super) not_before_ms: u64,
    pub(super) not_after_ms: u64,
    pub(super) certified_ms: (u64, u64),
}

impl Holding {
    fn is_live(&self, now_ms: u64) -> bool {
        !self.is_denied && self.is_current(now_ms)
    }

    fn is_current(&self, now_ms: u64) -> bool {
        in_date(self.not_before_ms, self.not_after_ms, now_ms) && in_date(self.certified_ms.0, self.certified_ms.1, now_ms)
    }
}

/// Access to one document, as one set of envelopes has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessView {
    pub(super) doc: DocId,
    pub(super) verdicts: BTreeMap<ItemId, Verdict>,
    pub(super) grants: Vec<GrantView>,
    pub(super) holdings: Vec<Holding>,
    pub(super) members: BTreeMap<DocId, Vec<Holding>>,
    pub(super) forks: Vec<(ItemId, ItemId)>,
}

impl AccessView {
    pub fn doc(&self) -> &DocId {
        &self.doc
    }

    /// [`Verdict::Incomplete`] for an envelope that wasn't in the set.
    pub fn verdict(&self, id: &ItemId) -> Verdict {
        self.verdicts.get(id).copied().unwrap_or(Verdict::Incomplete)
    }

    /// Verdicts of the document and of the teams in the set, ascending by id.
    pub fn verdicts(&self) -> impl Iterator<Item = (&ItemId, &Verdict)> {
        self.verdicts.iter()
    }

    /// The document's grants, whatever their state, ascending by envelope.
    pub fn grants(&self) -> &[GrantView] {
        &self.grants
    }

    /// Pairs of envelopes that prove a fork, of any seat in the set.
    pub fn forks(&self) -> &[(ItemId, ItemId)] {
        &self.forks
    }

    /// Whom the next key epoch must be wrapped to, and nobody else. A team stands for its members until one of them is excluded here.
    pub fn live_readers(&self, now_ms: u64) -> BTreeSet<Recipient> {
        let mut readers = BTreeSet::new();
        let mut by_team: BTreeMap<(DocId, GrantId), Vec<&Holding>> = BTreeMap::new();
        for holding in self.holdings.iter().filter(|holding| holding.rank.may_read()) {
            match holding.team {
                Some(team) => by_team.entry((team, holding.grant)).or_default().push(holding),
                None if holding.is_live(now_ms) => drop(readers.insert(Recipient::Seat(holding.seat))),
                None => {}
            }
        }
        for ((team, _), members) in by_team {
            let live = members
                .iter()
                .filter(|member| member.is_live(now_ms))
                .map(|member| Recipient::Seat(member.seat));
            // Excluded members count even when out of date: they may still know the team's key.
            if members.iter().any(|member| member.is_denied) {
                readers.extend(live);
            } else if live.count() > 0 {
                readers.insert(Recipient::Team(team));
            }
        }
        readers
    }

    /// The live member seats of a team in the set.
    pub fn members(&self, team: &DocId, now_ms: u64) -> BTreeSet<SeatKey> {
        let members = self.members.get(team).into_iter().flatten();
        members
            .filter(|member| member.rank.may_read() && member.is_live(now_ms))
            .map(|member| member.seat)
            .collect()
    }

    /// Grants that let a seat read without an end, denied ones apart.
    pub fn reads_without_end(&self, seat: &SeatKey) -> bool {
        let mut held = self.holdings.iter().filter(|h| h.seat == *seat && !h.is_denied);
        held.any(|h| h.rank.may_read() && h.not_before_ms == 0 && h.not_after_ms == u64::MAX)
    }

    /// The document's grants that these seats hold, in date or not, directly or through a team; denied ones apart.
    pub fn held_by(&self, seats: impl Fn(&SeatKey) -> bool) -> BTreeSet<GrantId> {
        let held = self.holdings.iter().filter(|h| !h.is_denied && seats(&h.seat));
        held.map(|h| h.grant).collect()
    }

    /// The grants to cite, ascending, for `seat` to do this now: the most senior it has, direct before through a team. `None`: it may
    /// not. Two cited grants are the document's and a membership.
    pub fn may(&self, seat: &SeatKey, act: Act, now_ms: u64) -> Option<Vec<GrantId>> {
        self.may_under(seat, act, now_ms, |_| true)
    }

    /// As [`Self::may`], under one of these grants of the document.
    pub fn may_under(&self, seat: &SeatKey, act: Act, now_ms: u64, grants: impl Fn(&GrantId) -> bool) -> Option<Vec<GrantId>> {
        let fit = |h: &&Holding| {
            h.seat == *seat
                && grants(&h.grant)
                && !h.is_denied
                && act.is_allowed(h.rank)
                && (act.outlives_dates() || h.is_current(now_ms))
                && !(h.is_suspended && act.is_barred_by_suspension())
        };
        let best = self
            .holdings
            .iter()
            .filter(fit)
            .min_by_key(|h| (!h.is_current(now_ms), h.rank, h.membership.is_some(), h.grant, h.membership))?;
        let mut cited: Vec<GrantId> = std::iter::once(best.grant).chain(best.membership).collect();
        cited.sort();
        Some(cited)
    }
}

fn in_date(not_before_ms: u64, not_after_ms: u64, now_ms: u64) -> bool {
    not_before_ms <= now_ms.saturating_add(CLOCK_SKEW_MS) && now_ms <= not_after_ms.saturating_add(CLOCK_SKEW_MS)
}
