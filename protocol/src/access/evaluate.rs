//! Who may do what: one pure function from a set of signed operations to verdicts. Security design § 5.5; meant to be read whole.
//!
//! 1. Authority is the grant an op cites (and, acting through a team, the membership), recursively to a genesis. Incomplete: no effect.
//! 2. A denial needs a chain of authority that is complete; other denials never judge it. It hits grants ranked below the denier's.
//! 3. A grant is valid iff its issuer holds the valid grant it cites, the rank rule holds, and it is inside every cut that hits it.
//! 4. Inside a cut: at or before a kept head on its seat's chain, or under a grant that answers that denial.
//! 5. A grant is live iff valid, in date, and it answers every denial that hits its subject.
//! 6. Content is accepted iff its grant is valid, lets write, and it is inside; otherwise quarantined until a steward adopts it.
//! 7. A seat that signed two histories is frozen: its content is disputed unless it was certainly signed before the fork. Twins count
//!    only inside the cuts that bear on the content, so a cut says which history stands, and a stolen key reopens nothing.
//!
//! Why the result can't depend on order: claims are judged one by one from bytes; denials follow from claims without looking at cuts;
//! cuts follow from denials; validity is the least fixed point of rules that only ever add. Nothing reads a clock.
//!
//! Two readings of the design, both toward less authority: a grant answers a denial only if its issuer is at least as senior as the
//! denier and not the person denied (else a junior could lift a senior's denial); where a chain isn't whole here, a denial counts and
//! whatever it cuts waits.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::chain::{ChainLink, Chains, Fork, Position};
use super::ops::{DocumentKind, Head, Op, Rank, Revoke, Subject, Terms, genesis_grant_id, grant_id};
use super::view::{AccessView, GrantState, GrantView, Holding, Reason, Verdict};
use super::{Directory, RegistryCut, SeatInfo};
use crate::envelope::{Kind, Verified};
use crate::ids::{DocId, FacilityKey, GrantId, ItemId, NetworkId, PractitionerKey, SeatKey};
use crate::wire::WireError;

/// The longest referral a writer may issue: seven days.
pub const MAX_REFERRAL_MS: u64 = 7 * 24 * 3_600 * 1_000;

/// What the evaluator reads of an envelope. Its date isn't among it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpRecord {
    pub link: ChainLink,
    pub doc: DocId,
    pub kind: Kind,
    pub authority: Vec<GrantId>,
    /// The body of an access op; a genesis without its epoch.
    pub op: Option<Op>,
}

/// Why an envelope can't be judged. Static: the same on every node, so the envelope is malformed for all.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum RecordError {
    /// The body isn't the canonical form of its kind.
    #[error("access body: {0}")]
    Body(#[from] WireError),
    /// A genesis that creates another document than its header names.
    #[error("this genesis does not create this document")]
    OtherDocument,
    /// A genesis that cites a grant.
    #[error("a genesis cites nothing")]
    CitingGenesis,
}

impl OpRecord {
    pub fn from_envelope(network: &NetworkId, envelope: &Verified) -> Result<Self, RecordError> {
        let header = &envelope.header;
        let mut op = Op::of(envelope)?;
        if let Some(Op::Genesis(genesis)) = &mut op {
            if genesis.doc_id(network, &header.seat) != header.doc {
                return Err(RecordError::OtherDocument);
            }
            if !header.authority.is_empty() {
                return Err(RecordError::CitingGenesis);
            }
            genesis.epoch = Vec::new();
        }
        Ok(Self {
            link: ChainLink {
                id: envelope.id(),
                seat: header.seat,
                incarnation: header.incarnation,
                seq: header.seq,
                prev: header.prev,
            },
            doc: header.doc,
            kind: header.kind,
            authority: header.authority.clone(),
            op,
        })
    }
}

/// What is known: the envelopes of a document and of teams, and where every envelope of their authors stands on its chain.
#[derive(Clone, Default, Debug)]
pub struct AccessSet {
    records: BTreeMap<ItemId, OpRecord>,
    links: BTreeMap<ItemId, ChainLink>,
}

impl AccessSet {
    pub fn insert(&mut self, record: OpRecord) {
        self.records.insert(record.link.id, record);
    }

    /// An envelope of another document, or the stub of an erased one: it only holds its seat's chain together.
    pub fn insert_link(&mut self, link: ChainLink) {
        self.links.insert(link.id, link);
    }

    pub fn records(&self) -> impl Iterator<Item = &OpRecord> {
        self.records.values()
    }

    fn chains(&self) -> Chains {
        let own = self.records.values().map(|record| &record.link);
        Chains::new(own.chain(self.links.values()))
    }
}

/// Judges every envelope of `doc` and of the teams in `set`.
pub fn evaluate(doc: &DocId, set: &AccessSet, directory: &dyn Directory) -> AccessView {
    let case = Case::open(doc, set, directory);
    let structure = case.settle(vec![Standing::CLEAR; case.records.len()]);
    let denials = case.denials(&structure);
    let standings = case.standings(&denials);
    let settled = case.settle(standings);
    case.view(doc, &structure, &denials, &settled)
}

/// Why an op has no effect.
#[derive(Clone, Copy)]
enum Fault {
    /// Something it rests on isn't here: it may still come.
    Incomplete,
    /// For good.
    Broken(Reason),
}

/// An author's cited authority, checked against everything that isn't a cut: subject, rank, dates.
struct Claim {
    /// Indices of the document's grant and, through a team, of the membership.
    cited: Vec<usize>,
    rank: Rank,
}

struct GrantFact {
    id: GrantId,
    doc: DocId,
    terms: Terms,
    answers: Vec<ItemId>,
    /// Index of the record that makes it.
    issuer: usize,
    /// A member of a team has a second practitioner or an authority behind it; anything else needs none.
    needs_endorsement: bool,
}

struct Denial<'a> {
    link: ChainLink,
    /// Its own place: what the author's seat keeps of itself when it leaves.
    head: Head,
    revoke: &'a Revoke,
    rank: Rank,
    author: Subject,
    /// Against its author's own seat or practitioner.
    own: bool,
}

/// By (document, subject), each list ascending by id.
type Denials<'a> = BTreeMap<(DocId, Subject), Vec<Denial<'a>>>;

/// The worst cut that bears on a record.
#[derive(Clone, Copy)]
struct Standing {
    position: Position,
    cut: ItemId,
}

impl Standing {
    const CLEAR: Self = Self {
        position: Position::Inside,
        cut: ItemId::ZERO,
    };

    fn worsen(&mut self, position: Position, cut: ItemId) {
        if position > self.position {
            *self = Self { position, cut };
        }
    }
}

/// Which grants are valid, given where every record stands.
struct Settled {
    valid: Vec<bool>,
    standings: Vec<Standing>,
}

#[derive(Default)]
struct Seat {
    info: Option<SeatInfo>,
    cuts: Vec<RegistryCut>,
}

struct Case<'a> {
    directory: &'a dyn Directory,
    chains: Chains,
    /// Ascending by id.
    records: Vec<&'a OpRecord>,
    /// Per record, who wrote it.
    persons: Vec<Subject>,
    claims: Vec<Result<Claim, Fault>>,
    /// Per record, the grants that it makes or endorses.
    touches: Vec<Vec<usize>>,
    grants: Vec<GrantFact>,
    index: BTreeMap<GrantId, usize>,
    seats: BTreeMap<SeatKey, Seat>,
    /// Documents whose genesis says team, with their facility once the registry lists them.
    teams: BTreeMap<DocId, Option<FacilityKey>>,
}

impl<'a> Case<'a> {
    fn open(doc: &DocId, set: &'a AccessSet, directory: &'a dyn Directory) -> Self {
        let teams: BTreeMap<DocId, Option<FacilityKey>> = set
            .records()
            .filter(|record| matches!(&record.op, Some(Op::Genesis(genesis)) if genesis.kind == DocumentKind::Team))
            .map(|record| (record.doc, directory.team(&record.doc)))
            .collect();
        let records: Vec<&OpRecord> = set.records().filter(|r| r.doc == *doc || teams.contains_key(&r.doc)).collect();
        let mut case = Self {
            directory,
            chains: set.chains(),
            persons: Vec::with_capacity(records.len()),
            claims: Vec::with_capacity(records.len()),
            touches: vec![Vec::new(); records.len()],
            grants: Vec::new(),
            index: BTreeMap::new(),
            seats: BTreeMap::new(),
            teams,
            records,
        };
        for at in 0..case.records.len() {
            let key = case.records[at].link.seat;
            case.seats.entry(key).or_insert_with(|| Seat {
                info: directory.seat(&key),
                cuts: directory.seat_cuts(&key),
            });
            case.persons.push(case.person(&key));
            case.list_grants(at);
        }
        for at in 0..case.records.len() {
            let claim = case.claim(at);
            case.claims.push(claim);
            if let Some(Op::Endorse(endorse)) = &case.records[at].op {
                case.touches[at].extend(case.index.get(&endorse.grant));
            }
        }
        case
    }

    /// Enters the grants that a record would make, valid or not.
    fn list_grants(&mut self, at: usize) {
        let record = self.records[at];
        match &record.op {
            Some(Op::Genesis(genesis)) => {
                let founder = Terms {
                    subject: Subject::Seat(record.link.seat),
                    rank: Rank::FOUNDER,
                    not_before_ms: 0,
                    not_after_ms: u64::MAX,
                    consent_hash: [0; 32],
                };
                for (index, terms) in (0..=u8::MAX).zip(std::iter::once(&founder).chain(&genesis.grants)) {
                    // A team in a team is the one thing a listed grant could still get wrong.
                    if genesis.kind == DocumentKind::Record || !matches!(terms.subject, Subject::Team(_)) {
                        self.list_grant(at, genesis_grant_id(&record.doc, index), terms, &[], false);
                    }
                }
            }
            Some(Op::Grant(grant)) => {
                let needs_endorsement = self.teams.contains_key(&record.doc) && !self.directory.is_authority_endorsed(&record.link.id);
                let id = grant_id(&record.doc, &record.link.id);
                self.list_grant(at, id, &grant.terms, &grant.answers, needs_endorsement);
            }
            _ => {}
        }
    }

    fn list_grant(&mut self, at: usize, id: GrantId, terms: &Terms, answers: &[ItemId], needs_endorsement: bool) {
        let grants = &mut self.grants;
        // Two geneses of one document differ in their epoch only: they make the same grants.
        let index = *self.index.entry(id).or_insert_with(|| {
            grants.push(GrantFact {
                id,
                doc: self.records[at].doc,
                terms: terms.clone(),
                answers: answers.to_vec(),
                issuer: at,
                needs_endorsement,
            });
            grants.len() - 1
        });
        self.touches[at].push(index);
    }

    // ---- Rule 1 and the static half of rule 3: what a record claims to act under.

    fn claim(&self, at: usize) -> Result<Claim, Fault> {
        let record = self.records[at];
        let seat = &self.seats[&record.link.seat];
        let node = self.chains.node(&record.link.id);
        let revoked = |cut: &&RegistryCut| self.chains.position(node, &cut.keep) == Position::Outside;
        if let Some(cut) = seat.cuts.iter().find(revoked) {
            return Err(Fault::Broken(Reason::RevokedSeat(cut.id)));
        }
        let info = seat.info.as_ref().ok_or(Fault::Incomplete)?;
        if info.ambiguous {
            return Err(Fault::Broken(Reason::AmbiguousSeat));
        }
        match (&record.op, record.kind) {
            (Some(Op::Genesis(_)), _) if info.practitioner.is_none() => Err(Fault::Broken(Reason::DeviceSeat)),
            (Some(Op::Genesis(_)), _) if self.teams.get(&record.doc) == Some(&None) => Err(Fault::Incomplete),
            (Some(Op::Genesis(_)), _) => Ok(Claim::uncited(Rank::FOUNDER)),
            (Some(Op::Endorse(endorse)), _) => self.claim_endorsement(record, info, &endorse.grant),
            (None, Kind::Deposit) if record.authority.is_empty() => Err(Fault::Broken(Reason::AwaitsAdoption)),
            _ => {
                let claim = self.claim_cited(record, info)?;
                self.permit(record, info, &claim).map_err(Fault::Broken)?;
                Ok(claim)
            }
        }
    }

    fn cited(&self, record: &OpRecord) -> Result<Vec<usize>, Fault> {
        if record.authority.is_empty() {
            return Err(Fault::Broken(Reason::Uncited));
        }
        let known: Option<Vec<usize>> = record.authority.iter().map(|id| self.index.get(id).copied()).collect();
        known.ok_or(Fault::Incomplete)
    }

    fn claim_cited(&self, record: &OpRecord, info: &SeatInfo) -> Result<Claim, Fault> {
        let (own, other): (Vec<usize>, Vec<usize>) = self.cited(record)?.into_iter().partition(|at| self.grants[*at].doc == record.doc);
        let ([grant], [] | [_]) = (&own[..], &other[..]) else {
            return Err(Fault::Broken(Reason::ForeignGrant));
        };
        let terms = &self.grants[*grant].terms;
        let held = match other.first() {
            None => self.holds(&record.link.seat, info, *grant),
            Some(member) if terms.subject != Subject::Team(self.grants[*member].doc) => Err(Reason::NotSubject),
            Some(member) if !self.grants[*member].terms.rank.may_read() => Err(Reason::RankTooLow),
            Some(member) => self.holds(&record.link.seat, info, *member),
        };
        held.map_err(Fault::Broken)?;
        Ok(Claim {
            rank: terms.rank,
            cited: own.iter().chain(&other).copied().collect(),
        })
    }

    /// True iff the grant is directly for this seat, which may hold it.
    fn holds(&self, seat: &SeatKey, info: &SeatInfo, grant: usize) -> Result<(), Reason> {
        let GrantFact { doc, terms, .. } = &self.grants[grant];
        let subject = match terms.subject {
            Subject::Seat(key) => key == *seat,
            Subject::Practitioner(key) => info.practitioner == Some(key),
            Subject::Team(_) => false,
        };
        if !subject {
            return Err(Reason::NotSubject);
        }
        if info.practitioner.is_none() && terms.rank != Rank::DEPOSITOR {
            return Err(Reason::DeviceSeat);
        }
        if info.mobile && self.teams.contains_key(doc) {
            return Err(Reason::MobileSeat);
        }
        Ok(())
    }

    /// A second practitioner of the team's facility, member of one of its teams, neither the issuer nor the one who is added.
    fn claim_endorsement(&self, record: &OpRecord, info: &SeatInfo, target: &GrantId) -> Result<Claim, Fault> {
        let cited = self.cited(record)?;
        let target = &self.grants[*self.index.get(target).ok_or(Fault::Incomplete)?];
        let [member] = cited[..] else {
            return Err(Fault::Broken(Reason::ForeignGrant));
        };
        let facility = self.teams.get(&record.doc).copied().flatten().ok_or(Fault::Incomplete)?;
        let team_of_facility = self.teams.get(&self.grants[member].doc) == Some(&Some(facility));
        if target.doc != record.doc || !team_of_facility || info.facility != facility {
            return Err(Fault::Broken(Reason::ForeignGrant));
        }
        self.holds(&record.link.seat, info, member).map_err(Fault::Broken)?;
        let author = self.person(&record.link.seat);
        let issuer = self.persons[target.issuer];
        let added = match target.terms.subject {
            Subject::Seat(seat) => self.person(&seat),
            subject => subject,
        };
        if author == added || author == issuer {
            return Err(Fault::Broken(Reason::OwnEndorsement));
        }
        let rank = self.grants[member].terms.rank;
        if !rank.may_read() {
            return Err(Fault::Broken(Reason::RankTooLow));
        }
        Ok(Claim { cited, rank })
    }

    /// What a rank lets do.
    fn permit(&self, record: &OpRecord, info: &SeatInfo, claim: &Claim) -> Result<(), Reason> {
        let permitted = match (&record.op, record.kind) {
            (Some(Op::Grant(grant)), _) => return self.permit_grant(&record.doc, &grant.terms, claim),
            (Some(Op::Revoke(revoke)), _) => claim.rank.may_write() || is_own(&revoke.subject, &record.link.seat, info.practitioner),
            (Some(_), _) | (None, Kind::Content | Kind::KeyEpoch) => claim.rank.may_write(),
            (None, Kind::Deposit) => true,
            (None, _) => claim.rank.may_read(),
        };
        if permitted { Ok(()) } else { Err(Reason::RankTooLow) }
    }

    /// Stewards grant below themselves; a writer refers a reader for a week; nobody beyond the dates of what they hold.
    fn permit_grant(&self, doc: &DocId, terms: &Terms, claim: &Claim) -> Result<(), Reason> {
        if self.teams.contains_key(doc) && matches!(terms.subject, Subject::Team(_)) {
            return Err(Reason::TeamInTeam);
        }
        let referral = claim.rank == Rank::WRITER && terms.rank == Rank::READER;
        let junior = claim.rank.is_steward() && terms.rank > claim.rank;
        if !(junior || referral) {
            return Err(Reason::RankTooLow);
        }
        if referral && terms.not_after_ms - terms.not_before_ms > MAX_REFERRAL_MS {
            return Err(Reason::ReferralTooLong);
        }
        let within = |at: &usize| {
            let held = &self.grants[*at].terms;
            held.not_before_ms <= terms.not_before_ms && terms.not_after_ms <= held.not_after_ms
        };
        if claim.cited.iter().all(within) {
            Ok(())
        } else {
            Err(Reason::DatesBeyondGrant)
        }
    }

    /// The practitioner behind a seat; the seat itself where there is none.
    fn person(&self, seat: &SeatKey) -> Subject {
        let known = self.seats.get(seat).map_or_else(|| self.directory.seat(seat), |seat| seat.info);
        known
            .and_then(|info| info.practitioner)
            .map_or(Subject::Seat(*seat), Subject::Practitioner)
    }

    // ---- Rule 3: the least fixed point of "issued under valid grants, inside, endorsed where needed".

    fn settle(&self, standings: Vec<Standing>) -> Settled {
        let admitted = |at: usize| standings[at].position == Position::Inside;
        let mut missing = vec![0; self.records.len()];
        let mut citing = vec![Vec::new(); self.grants.len()];
        let mut ready = Vec::new();
        for (at, claim) in self.claims.iter().enumerate() {
            let (Ok(claim), false) = (claim, self.touches[at].is_empty()) else {
                continue;
            };
            missing[at] = claim.cited.len();
            claim.cited.iter().for_each(|grant| citing[*grant].push(at));
            if claim.cited.is_empty() && admitted(at) {
                ready.push(at);
            }
        }
        let mut valid = vec![false; self.grants.len()];
        let mut issued = vec![false; self.grants.len()];
        let mut endorsed: Vec<bool> = self.grants.iter().map(|grant| !grant.needs_endorsement).collect();
        while let Some(at) = ready.pop() {
            let endorses = matches!(self.records[at].op, Some(Op::Endorse(_)));
            for &grant in &self.touches[at] {
                if endorses {
                    endorsed[grant] = true;
                } else {
                    issued[grant] = true;
                }
                if valid[grant] || !issued[grant] || !endorsed[grant] {
                    continue;
                }
                valid[grant] = true;
                for &next in &citing[grant] {
                    missing[next] -= 1;
                    if missing[next] == 0 && admitted(next) {
                        ready.push(next);
                    }
                }
            }
        }
        Settled { valid, standings }
    }

    // ---- Rules 2 and 4: denials and what they cut.

    /// Revocations with a complete chain. Looks at no cut but the registry's, which [`Self::claim`] has applied.
    fn denials(&self, structure: &Settled) -> Denials<'a> {
        let mut denials = Denials::new();
        for (record, claim) in self.records.iter().copied().zip(&self.claims) {
            let (Some(Op::Revoke(revoke)), Ok(claim)) = (&record.op, claim) else {
                continue;
            };
            if claim.cited.iter().all(|grant| structure.valid[*grant]) {
                let author = self.person(&record.link.seat);
                denials.entry((record.doc, revoke.subject)).or_default().push(Denial {
                    link: record.link,
                    head: record.link.head(),
                    revoke,
                    rank: claim.rank,
                    author,
                    own: revoke.subject == author || revoke.subject == Subject::Seat(record.link.seat),
                });
            }
        }
        denials
    }

    /// Denials that hit the use of `grant` by `seat`.
    fn hitting<'d>(&'d self, denials: &'d Denials<'a>, seat: &SeatKey, grant: usize) -> impl Iterator<Item = &'d Denial<'a>> {
        let GrantFact { doc, terms, .. } = &self.grants[grant];
        let team = Some(terms.subject).filter(|subject| matches!(subject, Subject::Team(_)));
        let person = Some(self.person(seat)).filter(|person| *person != Subject::Seat(*seat));
        let subjects = if denials.is_empty() {
            [None; 3]
        } else {
            [Some(Subject::Seat(*seat)), person, team]
        };
        self.against(denials, doc, subjects.into_iter().flatten(), grant)
    }

    /// Denials that hit the subject of `grant` as such; a seat with every practitioner it was ever certified for.
    fn denying<'d>(&'d self, denials: &'d Denials<'a>, grant: usize) -> impl Iterator<Item = &'d Denial<'a>> {
        let GrantFact { doc, terms, .. } = &self.grants[grant];
        let persons = match &terms.subject {
            Subject::Seat(seat) => self.directory.practitioners_of(seat),
            _ => Vec::new(),
        };
        let subjects = std::iter::once(terms.subject).chain(persons.into_iter().map(Subject::Practitioner));
        self.against(denials, doc, subjects, grant)
    }

    fn against<'d>(
        &'d self,
        denials: &'d Denials<'a>,
        doc: &'d DocId,
        subjects: impl Iterator<Item = Subject>,
        grant: usize,
    ) -> impl Iterator<Item = &'d Denial<'a>> {
        let listed = subjects.filter_map(|subject| denials.get(&(*doc, subject)));
        listed.flatten().filter(move |denial| self.hits(denial, grant))
    }

    /// Strict seniority: never a rank at or above the denier's, except one's own. A writer takes back only what they referred.
    fn hits(&self, denial: &Denial<'_>, grant: usize) -> bool {
        let fact = &self.grants[grant];
        let issuer = self.persons[fact.issuer];
        let reached = denial.own || (fact.terms.rank > denial.rank && (denial.rank.is_steward() || issuer == denial.author));
        reached && !self.answers(fact, issuer, denial)
    }

    fn answers(&self, fact: &GrantFact, issuer: Subject, denial: &Denial<'_>) -> bool {
        let entitled = match &self.claims[fact.issuer] {
            Ok(claim) if denial.own => issuer != denial.author && claim.rank.may_write(),
            Ok(claim) => claim.rank <= denial.rank,
            Err(_) => false,
        };
        entitled && fact.answers.iter().any(|head| self.chains.is_at_or_before(&denial.link.id, head))
    }

    fn standings(&self, denials: &Denials<'a>) -> Vec<Standing> {
        (0..self.records.len()).map(|at| self.standing(at, denials)).collect()
    }

    fn standing(&self, at: usize, denials: &Denials<'a>) -> Standing {
        let link = &self.records[at].link;
        let mut standing = Standing::CLEAR;
        let Ok(claim) = &self.claims[at] else { return standing };
        let node = self.chains.node(&link.id);
        for (keep, cut) in self.cuts(&link.seat, &claim.cited, denials) {
            standing.worsen(self.chains.position(node, keep), cut);
            if standing.position == Position::Outside {
                return standing;
            }
        }
        standing
    }

    /// The cuts that bear on `seat` where it acts under `cited`: the heads that each keeps of it, and its id.
    fn cuts<'d>(&'d self, seat: &'d SeatKey, cited: &'d [usize], denials: &'d Denials<'a>) -> impl Iterator<Item = (&'d [Head], ItemId)> {
        let registry = self.seats[seat].cuts.iter().map(|cut| (&cut.keep[..], cut.id));
        let denied = cited.iter().flat_map(|grant| self.hitting(denials, seat, *grant));
        registry.chain(denied.filter_map(|denial| Some((denial.kept(seat)?, denial.link.id))))
    }

    /// Rule 7: the fork that freezes `seat` where it acts under `cited`. Only the place of a twin counts, not what it says or cites:
    /// the seat signed it. But a cut that keeps one twin leaves the others out, whatever document they stand in; a twin that may or
    /// may not be behind a kept head waits, like everything that a cut leaves unknown.
    fn fork(&self, seat: &SeatKey, cited: &[usize], denials: &Denials<'a>) -> Option<Fork> {
        let cuts: Vec<&[Head]> = self.cuts(seat, cited, denials).map(|(keep, _)| keep).collect();
        self.chains.fork(seat, |twin| {
            let mut positions = cuts.iter().map(|keep| self.chains.position(Some(twin), keep));
            positions.all(|position| position == Position::Inside)
        })
    }

    /// Per record, whether it is content that a fork of its seat freezes.
    fn frozen(&self, denials: &Denials<'a>) -> Vec<bool> {
        let mut forks: BTreeMap<(SeatKey, Vec<usize>), Option<Fork>> = BTreeMap::new();
        let mut is_frozen = |record: &OpRecord| {
            let OpRecord { link, kind, authority, .. } = record;
            if !is_content(*kind) || !self.chains.is_forked(&link.seat) {
                return false;
            }
            let cited = authority.iter().filter_map(|id| self.index.get(id).copied()).collect();
            let fork = forks
                .entry((link.seat, cited))
                .or_insert_with_key(|(seat, cited)| self.fork(seat, cited, denials));
            fork.is_some_and(|fork| !self.chains.is_before(self.chains.node(&link.id), fork))
        };
        self.records.iter().map(|record| is_frozen(record)).collect()
    }

    // ---- Rules 5 to 7: verdicts and holdings.

    /// Whether a record has effect, given which grants are valid. Recursion is short: ranks fall along every chain of citations.
    fn judge(&self, at: usize, settled: &Settled) -> Result<(), Fault> {
        let claim = self.claims[at].as_ref().map_err(|fault| *fault)?;
        let standing = &settled.standings[at];
        if standing.position == Position::Outside {
            return Err(Fault::Broken(Reason::Cut(standing.cut)));
        }
        let mut complete = standing.position == Position::Inside;
        for &grant in claim.cited.iter().filter(|grant| !settled.valid[**grant]) {
            match self.grant_fault(grant, settled) {
                Fault::Broken(_) => return Err(Fault::Broken(Reason::InvalidGrant(self.grants[grant].id))),
                Fault::Incomplete => complete = false,
            }
        }
        if complete { Ok(()) } else { Err(Fault::Incomplete) }
    }

    /// Why a grant isn't valid: its op has no effect, or nobody endorsed it yet.
    fn grant_fault(&self, grant: usize, settled: &Settled) -> Fault {
        self.judge(self.grants[grant].issuer, settled).err().unwrap_or(Fault::Incomplete)
    }

    fn verdict(&self, at: usize, structure: &Settled, settled: &Settled, adopted: &BTreeMap<(DocId, ItemId), Rank>) -> Verdict {
        let OpRecord { link, doc, kind, .. } = self.records[at];
        let is_content = is_content(*kind);
        let effect = match self.judge(at, if *kind == Kind::Revoke { structure } else { settled }) {
            Err(Fault::Broken(reason)) if is_content => {
                let adopter = adopted.get(&(*doc, link.id));
                let lifted = adopter.is_some_and(|rank| rank.is_steward() || reason == Reason::AwaitsAdoption);
                if lifted { Ok(()) } else { Err(Fault::Broken(reason)) }
            }
            effect => effect,
        };
        match effect {
            Ok(()) => Verdict::Accepted,
            Err(Fault::Incomplete) => Verdict::Incomplete,
            Err(Fault::Broken(reason)) if is_content || *kind == Kind::KeyEpoch => Verdict::Quarantined(reason),
            Err(Fault::Broken(reason)) => Verdict::Invalid(reason),
        }
    }

    /// What was adopted, with the most senior adopter's rank.
    fn adopted(&self, settled: &Settled) -> BTreeMap<(DocId, ItemId), Rank> {
        let mut adopted = BTreeMap::new();
        for (at, record) in self.records.iter().enumerate() {
            let (Some(Op::Adopt(adopt)), Ok(claim)) = (&record.op, &self.claims[at]) else {
                continue;
            };
            if self.judge(at, settled).is_ok() {
                for id in &adopt.ids {
                    let rank = adopted.entry((record.doc, *id)).or_insert(claim.rank);
                    *rank = claim.rank.min(*rank);
                }
            }
        }
        adopted
    }

    /// Every seat that holds a valid grant of `doc`, with the denials that exclude it. `members` of the teams, for their grants.
    fn holdings(&self, doc: &DocId, denials: &Denials<'a>, settled: &Settled, members: &BTreeMap<DocId, Vec<Holding>>) -> Vec<Holding> {
        let mut holdings = Vec::new();
        for (at, fact) in self
            .grants
            .iter()
            .enumerate()
            .filter(|(at, fact)| settled.valid[*at] && fact.doc == *doc)
        {
            let mut hold = |seat: SeatKey, through: Option<(DocId, &Holding)>| {
                let known = self
                    .directory
                    .seat(&seat)
                    .filter(|info| !info.ambiguous && self.directory.seat_cuts(&seat).is_empty());
                let Some(info) = known else { return };
                if through.is_none() && self.holds(&seat, &info, at).is_err() {
                    return;
                }
                holdings.push(Holding {
                    seat,
                    grant: fact.id,
                    membership: through.map(|(_, member)| member.grant),
                    team: through.map(|(team, _)| team),
                    rank: fact.terms.rank,
                    is_denied: self.hitting(denials, &seat, at).next().is_some(),
                    is_suspended: self.directory.is_suspended(&seat),
                    not_before_ms: through.map_or(0, |(_, member)| member.not_before_ms).max(fact.terms.not_before_ms),
                    not_after_ms: through
                        .map_or(u64::MAX, |(_, member)| member.not_after_ms)
                        .min(fact.terms.not_after_ms),
                    certified_ms: (info.not_before_ms, info.not_after_ms),
                });
            };
            match &fact.terms.subject {
                Subject::Seat(seat) => hold(*seat, None),
                Subject::Practitioner(practitioner) => {
                    let seats: BTreeSet<SeatKey> = self.directory.seats_of(practitioner).into_iter().collect();
                    seats.into_iter().for_each(|seat| hold(seat, None));
                }
                Subject::Team(team) => {
                    let live = members
                        .get(team)
                        .into_iter()
                        .flatten()
                        .filter(|member| !member.is_denied && member.rank.may_read());
                    live.for_each(|member| hold(member.seat, Some((*team, member))));
                }
            }
        }
        holdings
    }

    fn view(&self, doc: &DocId, structure: &Settled, denials: &Denials<'a>, settled: &Settled) -> AccessView {
        let adopted = self.adopted(settled);
        let none = BTreeMap::new();
        let members: BTreeMap<DocId, Vec<Holding>> = self
            .teams
            .keys()
            .map(|team| (*team, self.holdings(team, denials, settled, &none)))
            .collect();
        let grants = self
            .grants
            .iter()
            .enumerate()
            .filter(|(_, fact)| fact.doc == *doc)
            .map(|(at, fact)| GrantView {
                id: fact.id,
                envelope: self.records[fact.issuer].link.id,
                issuer: self.records[fact.issuer].link.seat,
                terms: fact.terms.clone(),
                state: match settled.valid[at] {
                    true => GrantState::Valid,
                    false => match self.grant_fault(at, settled) {
                        Fault::Incomplete => GrantState::Incomplete,
                        Fault::Broken(reason) => GrantState::Invalid(reason),
                    },
                },
                denied_by: self.denying(denials, at).map(|denial| denial.link.id).collect(),
            });
        let frozen = self.frozen(denials);
        let verdict = |at: usize| match self.verdict(at, structure, settled, &adopted) {
            Verdict::Accepted if frozen[at] => (self.records[at].link.id, Verdict::Disputed),
            verdict => (self.records[at].link.id, verdict),
        };
        AccessView {
            doc: *doc,
            verdicts: (0..self.records.len()).map(verdict).collect(),
            grants: grants.collect(),
            holdings: self.holdings(doc, denials, settled, &members),
            members,
            forks: self.chains.forks().collect(),
        }
    }
}

impl Denial<'_> {
    /// The heads that it keeps of `seat`; `None` where it cuts nothing of it.
    fn kept(&self, seat: &SeatKey) -> Option<&[Head]> {
        if self.own {
            // Whoever leaves keeps all past work. A stolen seat that leaves in its owner's name cuts no sibling.
            return (*seat == self.link.seat).then_some(std::slice::from_ref(&self.head));
        }
        let keep = &self.revoke.keep;
        Some(keep.binary_search_by(|(kept, _)| kept.cmp(seat)).map_or(&[][..], |at| &keep[at].1))
    }
}

impl Claim {
    fn uncited(rank: Rank) -> Self {
        Self { cited: Vec::new(), rank }
    }
}

/// What a label is for: acts of care and what comes with them, not the ops that rule them. A fork voids no grant.
fn is_content(kind: Kind) -> bool {
    matches!(kind, Kind::Content | Kind::Receipt | Kind::Deposit)
}

fn is_own(subject: &Subject, seat: &SeatKey, practitioner: Option<PractitionerKey>) -> bool {
    match subject {
        Subject::Seat(key) => key == seat,
        Subject::Practitioner(key) => practitioner == Some(*key),
        Subject::Team(_) => false,
    }
}
