//! The rows of the attack table that the evaluator answers, and a small world to play them in.
//!
//! Ids here are numbers, not hashes: the evaluator reads facts, it checks no signature.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::ChainLink;
use super::evaluate::{AccessSet, MAX_REFERRAL_MS, OpRecord, RecordError, evaluate};
use super::ops::*;
use super::view::{AccessView, Act, GrantState, Reason, Recipient, Verdict};
use super::{Directory, RegistryCut, SeatInfo};
use crate::envelope::{Header, Kind, Lane};
use crate::ids::{DocId, FacilityKey, GrantId, Hlc, ItemId, KemPublic, Kid, NetworkId, PractitionerKey, SeatKey};
use crate::wire::WireError;

pub(super) const NOW: u64 = 1_800_000_000_000;
pub(super) const DAY: u64 = 24 * 3_600 * 1_000;
const FACILITY: FacilityKey = FacilityKey([1; 32]);

/// A registry by hand.
#[derive(Clone, Default)]
pub(super) struct TestDirectory {
    pub(super) seats: BTreeMap<SeatKey, SeatInfo>,
    pub(super) cuts: BTreeMap<SeatKey, Vec<RegistryCut>>,
    pub(super) teams: BTreeMap<DocId, FacilityKey>,
    pub(super) endorsed: BTreeSet<ItemId>,
    pub(super) suspended: BTreeSet<SeatKey>,
}

impl Directory for TestDirectory {
    fn seat(&self, seat: &SeatKey) -> Option<SeatInfo> {
        self.seats.get(seat).copied()
    }

    fn seats_of(&self, practitioner: &PractitionerKey) -> Vec<SeatKey> {
        let own = self.seats.iter().filter(|(_, info)| info.practitioner == Some(*practitioner));
        own.map(|(seat, _)| *seat).collect()
    }

    fn practitioners_of(&self, seat: &SeatKey) -> Vec<PractitionerKey> {
        self.seats.get(seat).and_then(|info| info.practitioner).into_iter().collect()
    }

    fn seat_cuts(&self, seat: &SeatKey) -> Vec<RegistryCut> {
        self.cuts.get(seat).cloned().unwrap_or_default()
    }

    fn is_suspended(&self, seat: &SeatKey) -> bool {
        self.suspended.contains(seat)
    }

    fn team(&self, team: &DocId) -> Option<FacilityKey> {
        self.teams.get(team).copied()
    }

    fn is_authority_endorsed(&self, grant: &ItemId) -> bool {
        self.endorsed.contains(grant)
    }
}

/// Practitioner `n`.
pub(super) fn dr(n: u8) -> PractitionerKey {
    PractitionerKey([n; 32])
}

/// Seat `k` of practitioner `n`.
pub(super) fn seat(n: u8, k: u8) -> SeatKey {
    let mut key = [n; 32];
    key[31] = k;
    SeatKey(key)
}

pub(super) fn doc(n: u8) -> DocId {
    DocId([n; 32])
}

pub(super) fn terms(subject: Subject, rank: Rank) -> Terms {
    Terms {
        subject,
        rank,
        not_before_ms: NOW - 100 * DAY,
        not_after_ms: NOW + 365 * DAY,
        consent_hash: [7; 32],
    }
}

fn steward(level: u8) -> Rank {
    Rank::steward(level).unwrap()
}

/// A set that grows as its seats write.
#[derive(Clone, Default)]
pub(super) struct World {
    pub(super) directory: TestDirectory,
    pub(super) set: AccessSet,
    pub(super) tails: BTreeMap<SeatKey, ChainLink>,
    pub(super) count: u64,
}

impl World {
    /// Practitioners 1..=n of one facility with a fixed seat 0 and a mobile seat 9 each; a cabin at seat (200, 0).
    pub(super) fn new(n: u8) -> Self {
        let mut world = Self::default();
        for p in 1..=n {
            world.certify(seat(p, 0), Some(dr(p)), false);
            world.certify(seat(p, 9), Some(dr(p)), true);
        }
        world.certify(seat(200, 0), None, false);
        world
    }

    pub(super) fn certify(&mut self, seat: SeatKey, practitioner: Option<PractitionerKey>, mobile: bool) {
        let info = SeatInfo {
            practitioner,
            facility: FACILITY,
            ambiguous: false,
            mobile,
            kem: KemPublic([3; 32]),
            not_before_ms: NOW - 200 * DAY,
            not_after_ms: NOW + 165 * DAY,
        };
        self.directory.seats.insert(seat, info);
    }

    pub(super) fn put(&mut self, link: ChainLink, doc: DocId, kind: Kind, cited: &[GrantId], op: Option<Op>) -> ItemId {
        let mut authority = cited.to_vec();
        authority.sort();
        self.set.insert(OpRecord {
            link,
            doc,
            kind,
            authority,
            op,
        });
        link.id
    }

    /// The next link after `prev`, with an id of its own.
    pub(super) fn link_after(&mut self, seat: SeatKey, prev: Option<ChainLink>, incarnation: u64) -> ChainLink {
        self.count += 1;
        let hash = blake3::hash(&self.count.to_be_bytes());
        ChainLink {
            id: ItemId(*hash.as_bytes()),
            seat,
            incarnation,
            seq: prev.filter(|p| p.incarnation == incarnation).map_or(1, |p| p.seq + 1),
            prev: prev.map_or(ItemId::ZERO, |p| p.id),
        }
    }

    fn next(&mut self, seat: SeatKey) -> ChainLink {
        let tail = self.tails.get(&seat).copied();
        let link = self.link_after(seat, tail, tail.map_or(1, |t| t.incarnation));
        self.tails.insert(seat, link);
        link
    }

    pub(super) fn op(&mut self, seat: SeatKey, doc: DocId, cited: &[GrantId], op: Op) -> ItemId {
        let link = self.next(seat);
        self.put(link, doc, op.kind(), cited, Some(op))
    }

    pub(super) fn found(&mut self, seat: SeatKey, doc: DocId, kind: DocumentKind, grants: Vec<Terms>) -> GrantId {
        let genesis = Genesis {
            kind,
            nonce: [0; 32],
            custodian: FACILITY,
            grants,
            epoch: Vec::new(),
        };
        self.op(seat, doc, &[], Op::Genesis(genesis));
        if kind == DocumentKind::Team {
            self.directory.teams.insert(doc, FACILITY);
        }
        genesis_grant_id(&doc, 0)
    }

    pub(super) fn content(&mut self, seat: SeatKey, doc: DocId, cited: &[GrantId]) -> ItemId {
        let link = self.next(seat);
        self.put(link, doc, Kind::Content, cited, None)
    }

    fn grant(&mut self, by: SeatKey, doc: DocId, cited: &[GrantId], terms: Terms, answers: &[ItemId]) -> GrantId {
        let answers = answers.to_vec();
        let id = self.op(by, doc, cited, Op::Grant(Grant { terms, answers }));
        grant_id(&doc, &id)
    }

    fn revoke(&mut self, by: SeatKey, doc: DocId, cited: &[GrantId], subject: Subject, keep: &[SeatKey]) -> ItemId {
        let mut keep: Vec<_> = keep.iter().map(|s| (*s, vec![self.tails[s].head()])).collect();
        keep.sort();
        self.op(by, doc, cited, Op::Revoke(Revoke { subject, reason: 0, keep }))
    }

    fn cut(&mut self, seat: SeatKey, keep: Vec<Head>) -> ItemId {
        let id = self.link_after(seat, None, 0).id;
        self.directory.cuts.entry(seat).or_default().push(RegistryCut { id, keep });
        id
    }

    fn view(&self, doc: DocId) -> AccessView {
        evaluate(&doc, &self.set, &self.directory)
    }
}

/// A record founded by practitioner 1, with practitioner 2 as writer and 3 as steward of level 3.
struct Record {
    w: World,
    d: DocId,
    founder: GrantId,
    writer: GrantId,
    junior: GrantId,
}

fn record() -> Record {
    let (mut w, d) = (World::new(8), doc(100));
    let grants = vec![
        terms(Subject::Practitioner(dr(2)), Rank::WRITER),
        terms(Subject::Practitioner(dr(3)), steward(3)),
    ];
    let founder = w.found(seat(1, 0), d, DocumentKind::Record, grants);
    Record {
        w,
        d,
        founder,
        writer: genesis_grant_id(&d, 1),
        junior: genesis_grant_id(&d, 2),
    }
}

fn state(view: &AccessView, grant: GrantId) -> GrantState {
    view.grants()
        .iter()
        .find(|g| g.id == grant)
        .expect("a grant of this document")
        .state
}

fn is_live(view: &AccessView, grant: GrantId) -> bool {
    view.grants()
        .iter()
        .find(|g| g.id == grant)
        .expect("a grant of this document")
        .is_live(NOW)
}

/// A team of practitioners 4 and 5, founded by 4; then granted `rank` in `d` by the founder.
fn team(r: &mut Record, rank: Rank) -> (DocId, GrantId, GrantId, GrantId) {
    let t = doc(101);
    let admin = r.w.found(
        seat(4, 0),
        t,
        DocumentKind::Team,
        vec![terms(Subject::Practitioner(dr(5)), Rank::READER)],
    );
    let granted = r.w.grant(seat(1, 0), r.d, &[r.founder], terms(Subject::Team(t), rank), &[]);
    (t, admin, genesis_grant_id(&t, 1), granted)
}

#[test]
fn t14_backdated_content_after_the_cut_is_quarantined_until_a_steward_adopts_it() {
    let mut r = record();
    let before = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let kept = r.w.tails[&seat(2, 0)];
    let cut =
        r.w.revoke(seat(1, 0), r.d, &[r.founder], Subject::Practitioner(dr(2)), &[seat(2, 0)]);
    // Continues from an envelope before the cut, in a new incarnation, as if it had been written then.
    let link = r.w.link_after(seat(2, 0), Some(kept), 77);
    let backdated = r.w.put(link, r.d, Kind::Content, &[r.writer], None);
    let after = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let view = r.w.view(r.d);
    assert_eq!(view.verdict(&before), Verdict::Accepted);
    for id in [backdated, after] {
        assert_eq!(view.verdict(&id), Verdict::Quarantined(Reason::Cut(cut)));
    }
    assert_eq!(view.may(&seat(2, 0), Act::Write, NOW), None);

    r.w.op(seat(5, 0), r.d, &[r.founder], Op::Adopt(Adopt { ids: vec![after] }));
    assert_eq!(
        r.w.view(r.d).verdict(&after),
        Verdict::Quarantined(Reason::Cut(cut)),
        "not by a stranger"
    );
    r.w.op(seat(3, 0), r.d, &[r.junior], Op::Adopt(Adopt { ids: vec![after] }));
    let view = r.w.view(r.d);
    assert_eq!(view.verdict(&after), Verdict::Accepted);
    assert_eq!(view.verdict(&backdated), Verdict::Quarantined(Reason::Cut(cut)));
}

#[test]
fn t15_a_backdated_grant_by_a_revoked_steward_is_invalid() {
    let mut r = record();
    let kept = r.w.content(seat(3, 0), r.d, &[r.junior]);
    let good =
        r.w.grant(seat(3, 0), r.d, &[r.junior], terms(Subject::Practitioner(dr(6)), Rank::READER), &[]);
    let tail = r.w.tails[&seat(3, 0)];
    let cut =
        r.w.revoke(seat(1, 0), r.d, &[r.founder], Subject::Practitioner(dr(3)), &[seat(3, 0)]);
    let link = ChainLink {
        prev: kept,
        ..r.w.link_after(seat(3, 0), None, 88)
    };
    let op = Grant {
        terms: terms(Subject::Practitioner(dr(7)), Rank::READER),
        answers: vec![],
    };
    let id = r.w.put(link, r.d, Kind::Grant, &[r.junior], Some(Op::Grant(op)));
    let view = r.w.view(r.d);
    assert_eq!(view.verdict(&id), Verdict::Invalid(Reason::Cut(cut)));
    assert_eq!(view.verdict(&tail.id), Verdict::Accepted);
    assert!(is_live(&view, good), "what was granted before the cut stands");
    assert!(!view.live_readers(NOW).contains(&Recipient::Seat(seat(7, 0))));
    assert!(view.live_readers(NOW).contains(&Recipient::Seat(seat(6, 0))));
}

#[test]
fn t16_a_new_seat_of_a_revoked_person_has_nothing_kept() {
    let mut r = record();
    r.w.content(seat(2, 0), r.d, &[r.writer]);
    let cut =
        r.w.revoke(seat(1, 0), r.d, &[r.founder], Subject::Practitioner(dr(2)), &[seat(2, 0)]);
    r.w.certify(seat(2, 5), Some(dr(2)), false);
    let id = r.w.content(seat(2, 5), r.d, &[r.writer]);
    assert_eq!(r.w.view(r.d).verdict(&id), Verdict::Quarantined(Reason::Cut(cut)));
    let registry = r.w.cut(seat(2, 5), vec![]);
    assert_eq!(r.w.view(r.d).verdict(&id), Verdict::Quarantined(Reason::RevokedSeat(registry)));
}

#[test]
fn t17_the_other_branch_of_a_kept_head_stays_out() {
    let mut r = record();
    let one = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let first = r.w.tails[&seat(2, 0)];
    let two = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let twin = ChainLink {
        seq: first.seq + 1,
        prev: first.id,
        ..r.w.link_after(seat(2, 0), None, 1)
    };
    let twin = r.w.put(twin, r.d, Kind::Content, &[r.writer], None);
    let twin_of_first = ChainLink {
        seq: 1,
        ..r.w.link_after(seat(2, 0), None, 1)
    };
    let twin_of_first = r.w.put(twin_of_first, r.d, Kind::Content, &[r.writer], None);
    let cut =
        r.w.revoke(seat(1, 0), r.d, &[r.founder], Subject::Practitioner(dr(2)), &[seat(2, 0)]);
    let view = r.w.view(r.d);
    for id in [twin, twin_of_first] {
        assert_eq!(view.verdict(&id), Verdict::Quarantined(Reason::Cut(cut)));
    }
    assert_eq!(
        [view.verdict(&one), view.verdict(&two)],
        [Verdict::Accepted; 2],
        "the steward said which history stands"
    );
    assert_eq!(view.forks().len(), 2, "the proof stays");
}

/// A thief holds the key of a seat that was revoked, its honest work kept. At leisure he signs second histories from its very first
/// number on, in whatever document and citing whatever or nothing: what was kept stays accepted, so every correction in it stands.
#[test]
fn t17_a_revoked_seats_stolen_key_disputes_nothing_that_was_kept() {
    for by_registry in [true, false] {
        let mut r = record();
        let kept: Vec<ItemId> = (0..5).map(|_| r.w.content(seat(2, 0), r.d, &[r.writer])).collect();
        let head = r.w.tails[&seat(2, 0)];
        let cut = if by_registry {
            r.w.cut(seat(2, 0), vec![head.head()])
        } else {
            r.w.revoke(seat(1, 0), r.d, &[r.founder], Subject::Practitioner(dr(2)), &[seat(2, 0)])
        };
        let reason = if by_registry { Reason::RevokedSeat(cut) } else { Reason::Cut(cut) };
        let first = r.w.link_after(seat(2, 0), None, 1);
        let later = ChainLink {
            prev: head.id,
            ..r.w.link_after(seat(2, 0), None, 1)
        };
        let cited = [first, later].map(|link| r.w.put(link, r.d, Kind::Content, &[r.writer], None));
        let uncited = r.w.link_after(seat(2, 0), None, 1);
        let uncited = r.w.put(uncited, r.d, Kind::Content, &[], None);
        let elsewhere = r.w.link_after(seat(2, 0), None, 1);
        r.w.set.insert_link(elsewhere);
        let view = r.w.view(r.d);
        assert!(
            kept.iter().all(|id| view.verdict(id) == Verdict::Accepted),
            "registry: {by_registry}"
        );
        assert_eq!(cited.map(|id| view.verdict(&id)), [Verdict::Quarantined(reason); 2]);
        assert!(matches!(view.verdict(&uncited), Verdict::Quarantined(_)));
        assert_eq!(view.forks().len(), 1);
    }
}

/// A steward who keeps both branches of a fork has not said which one stands; one who keeps its common past has.
#[test]
fn t17_a_fork_within_the_cut_still_counts() {
    let mut r = record();
    let before = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let trunk = r.w.tails[&seat(2, 0)];
    let one = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let branch = r.w.tails[&seat(2, 0)];
    let twin = r.w.link_after(seat(2, 0), Some(trunk), 1);
    let two = r.w.put(twin, r.d, Kind::Content, &[r.writer], None);
    let verdicts = |heads: &[Head]| {
        let mut w = r.w.clone();
        w.cut(seat(2, 0), heads.to_vec());
        let view = w.view(r.d);
        [before, one, two].map(|id| match view.verdict(&id) {
            Verdict::Quarantined(_) => 'q',
            Verdict::Disputed => 'd',
            Verdict::Accepted => 'a',
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(verdicts(&[branch.head(), twin.head()]), ['a', 'd', 'd']);
    assert_eq!(verdicts(&[branch.head()]), ['a', 'a', 'q']);
    assert_eq!(verdicts(&[twin.head()]), ['a', 'q', 'a']);
    assert_eq!(verdicts(&[trunk.head()]), ['a', 'q', 'q']);
    // A kept head that isn't here may have either twin behind it, or none: that one waits, and disputes nothing meanwhile.
    let ghost = Head {
        incarnation: 1,
        seq: 9,
        id: ItemId([77; 32]),
    };
    let mut w = r.w.clone();
    w.cut(seat(2, 0), vec![branch.head(), ghost]);
    let view = w.view(r.d);
    assert_eq!(
        [one, two].map(|id| view.verdict(&id)),
        [Verdict::Accepted, Verdict::Incomplete],
        "less authority for the doubtful one"
    );
}

#[test]
fn t18_a_revocation_beats_a_concurrent_grant() {
    let mut r = record();
    let other =
        r.w.grant(seat(3, 0), r.d, &[r.junior], terms(Subject::Practitioner(dr(6)), Rank::WRITER), &[]);
    let cut = r.w.revoke(seat(1, 0), r.d, &[r.founder], Subject::Practitioner(dr(6)), &[]);
    let later =
        r.w.grant(seat(3, 0), r.d, &[r.junior], terms(Subject::Seat(seat(6, 0)), Rank::READER), &[]);
    let view = r.w.view(r.d);
    for grant in [other, later] {
        assert_eq!(state(&view, grant), GrantState::Valid);
        assert!(!is_live(&view, grant), "whichever was signed first");
    }
    assert_eq!(view.grants().iter().find(|g| g.id == other).unwrap().denied_by, [cut]);
    assert!(view.live_readers(NOW).iter().all(|r| *r != Recipient::Seat(seat(6, 0))));
}

#[test]
fn t19_a_grant_that_answers_the_revocation_restores_but_not_what_was_cut() {
    let mut r = record();
    r.w.content(seat(2, 0), r.d, &[r.writer]);
    let cut =
        r.w.revoke(seat(1, 0), r.d, &[r.founder], Subject::Practitioner(dr(2)), &[seat(2, 0)]);
    let between = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let lifted_by_junior = r.w.grant(
        seat(3, 0),
        r.d,
        &[r.junior],
        terms(Subject::Practitioner(dr(2)), Rank::WRITER),
        &[cut],
    );
    assert!(
        !is_live(&r.w.view(r.d), lifted_by_junior),
        "a junior doesn't lift a senior's denial"
    );
    let head = r.w.content(seat(1, 0), r.d, &[r.founder]);
    let anew = r.w.grant(
        seat(1, 0),
        r.d,
        &[r.founder],
        terms(Subject::Practitioner(dr(2)), Rank::WRITER),
        &[head],
    );
    let after = r.w.content(seat(2, 0), r.d, &[anew]);
    let old = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let view = r.w.view(r.d);
    assert!(is_live(&view, anew), "a head answers every denial of its seat up to there");
    assert!(!is_live(&view, r.writer));
    assert_eq!(view.verdict(&after), Verdict::Accepted);
    assert_eq!(view.verdict(&between), Verdict::Quarantined(Reason::Cut(cut)));
    assert_eq!(view.verdict(&old), Verdict::Quarantined(Reason::Cut(cut)));
    assert_eq!(view.may(&seat(2, 0), Act::Write, NOW), Some(vec![anew]));
    r.w.revoke(seat(1, 0), r.d, &[r.founder], Subject::Practitioner(dr(2)), &[]);
    assert!(!is_live(&r.w.view(r.d), anew), "the next denial needs the next answer");
}

#[test]
fn t20_equals_cannot_revoke_each_other() {
    let mut r = record();
    let peer =
        r.w.grant(seat(1, 0), r.d, &[r.founder], terms(Subject::Practitioner(dr(4)), steward(3)), &[]);
    r.w.revoke(seat(3, 0), r.d, &[r.junior], Subject::Practitioner(dr(4)), &[]);
    r.w.revoke(seat(4, 0), r.d, &[peer], Subject::Practitioner(dr(3)), &[]);
    let writes = [r.w.content(seat(3, 0), r.d, &[r.junior]), r.w.content(seat(4, 0), r.d, &[peer])];
    let view = r.w.view(r.d);
    assert!(is_live(&view, r.junior) && is_live(&view, peer));
    assert_eq!(writes.map(|id| view.verdict(&id)), [Verdict::Accepted; 2]);
    r.w.revoke(seat(1, 0), r.d, &[r.founder], Subject::Practitioner(dr(4)), &[]);
    assert!(!is_live(&r.w.view(r.d), peer), "a senior settles it");
}

#[test]
fn t21_a_junior_does_not_revoke_a_senior_or_the_founder() {
    let mut r = record();
    let senior =
        r.w.grant(seat(1, 0), r.d, &[r.founder], terms(Subject::Practitioner(dr(4)), steward(1)), &[]);
    for subject in [
        Subject::Practitioner(dr(4)),
        Subject::Practitioner(dr(1)),
        Subject::Seat(seat(1, 0)),
    ] {
        r.w.revoke(seat(3, 0), r.d, &[r.junior], subject, &[]);
        r.w.revoke(seat(2, 0), r.d, &[r.writer], subject, &[]);
    }
    r.w.revoke(seat(2, 0), r.d, &[r.writer], Subject::Practitioner(dr(3)), &[]);
    let view = r.w.view(r.d);
    assert!([r.founder, senior, r.junior].iter().all(|grant| is_live(&view, *grant)));
}

#[test]
fn t22_a_steward_grants_strictly_below_itself() {
    let mut r = record();
    for level in 1..8 {
        let grant = r.w.grant(
            seat(3, 0),
            r.d,
            &[r.junior],
            terms(Subject::Practitioner(dr(5)), steward(level)),
            &[],
        );
        let expected = if level > 3 {
            GrantState::Valid
        } else {
            GrantState::Invalid(Reason::RankTooLow)
        };
        assert_eq!(state(&r.w.view(r.d), grant), expected, "level {level}");
    }
    let equal =
        r.w.grant(seat(3, 0), r.d, &[r.junior], terms(Subject::Practitioner(dr(6)), steward(3)), &[]);
    let below =
        r.w.grant(seat(6, 0), r.d, &[equal], terms(Subject::Practitioner(dr(7)), Rank::READER), &[]);
    assert_eq!(state(&r.w.view(r.d), below), GrantState::Invalid(Reason::InvalidGrant(equal)));
    let mut late = terms(Subject::Practitioner(dr(7)), Rank::READER);
    late.not_after_ms += 1;
    let late = r.w.grant(seat(3, 0), r.d, &[r.junior], late, &[]);
    assert_eq!(state(&r.w.view(r.d), late), GrantState::Invalid(Reason::DatesBeyondGrant));
}

#[test]
fn t23_writers_refer_for_a_week_and_grant_nothing_else() {
    let mut r = record();
    let week = |days: u64, rank| Terms {
        not_before_ms: NOW,
        not_after_ms: NOW + days * DAY,
        ..terms(Subject::Practitioner(dr(6)), rank)
    };
    let mut by = |seat, cited: GrantId, terms| r.w.grant(seat, r.d, &[cited], terms, &[]);
    let referral = by(seat(2, 0), r.writer, week(7, Rank::READER));
    let long = by(
        seat(2, 0),
        r.writer,
        Terms {
            not_after_ms: NOW + MAX_REFERRAL_MS + 1,
            ..week(7, Rank::READER)
        },
    );
    let writer = by(seat(2, 0), r.writer, week(7, Rank::WRITER));
    let transferred = by(seat(6, 0), referral, week(1, Rank::READER));
    let by_steward = by(seat(3, 0), r.junior, week(30, Rank::READER));
    let view = r.w.view(r.d);
    assert!(is_live(&view, referral));
    assert_eq!(state(&view, long), GrantState::Invalid(Reason::ReferralTooLong));
    assert_eq!(state(&view, writer), GrantState::Invalid(Reason::RankTooLow));
    assert_eq!(state(&view, transferred), GrantState::Invalid(Reason::RankTooLow));
    assert_eq!(view.may(&seat(2, 0), Act::Refer, NOW), Some(vec![r.writer]));
    assert_eq!(view.may(&seat(6, 0), Act::Refer, NOW), None);

    r.w.revoke(seat(2, 0), r.d, &[r.writer], Subject::Practitioner(dr(6)), &[]);
    let view = r.w.view(r.d);
    assert!(!is_live(&view, referral), "its author takes it back");
    assert!(is_live(&view, by_steward), "and nothing that a steward granted");
}

/// A writer signs a year of consecutive referrals in one evening: each is a week, so all are valid, and their reader is one for a
/// year. Nothing judges by a clock what belongs; what does read the clock, wraps, sees the weeks one by one.
#[test]
fn t23_a_year_of_consecutive_referrals_is_wrapped_to_one_week_at_a_time_and_one_denial_ends_it() {
    let mut r = record();
    let week = |n: u64| Terms {
        not_before_ms: NOW + n * 7 * DAY,
        not_after_ms: NOW + (n + 1) * 7 * DAY,
        ..terms(Subject::Seat(seat(6, 0)), Rank::READER)
    };
    // Week 9 is left out: a referral opens its own week and no other.
    let weeks: Vec<u64> = (0..20).filter(|n| *n != 9).collect();
    let referrals: Vec<GrantId> = weeks
        .iter()
        .map(|n| r.w.grant(seat(2, 0), r.d, &[r.writer], week(*n), &[]))
        .collect();
    let view = r.w.view(r.d);
    assert!(referrals.iter().all(|grant| state(&view, *grant) == GrantState::Valid));
    let reader = Recipient::Seat(seat(6, 0));
    // Not at the turn of a week, where the allowance for clocks opens the next one.
    for day in (0..20 * 7).filter(|day| (2..=5).contains(&(day % 7))) {
        let now = NOW + day * DAY;
        let live = view.grants().iter().filter(|g| referrals.contains(&g.id) && g.is_live(now));
        let begun: Vec<u64> = live.map(|g| now.checked_sub(g.terms.not_before_ms).expect("has begun")).collect();
        assert_eq!(begun.len(), usize::from(day / 7 != 9), "day {day}");
        assert!(
            begun.iter().all(|age| *age <= MAX_REFERRAL_MS),
            "none that began more than a week ago"
        );
        assert_eq!(view.live_readers(now).contains(&reader), day / 7 != 9, "day {day}");
    }
    // Who is revoked with what they signed kept has referred for the year all the same; a steward's one denial ends every week.
    let mut gone = r.w.clone();
    gone.revoke(seat(1, 0), r.d, &[r.founder], Subject::Practitioner(dr(2)), &[seat(2, 0)]);
    assert!(gone.view(r.d).live_readers(NOW + 30 * DAY).contains(&reader));
    gone.revoke(seat(3, 0), r.d, &[r.junior], Subject::Practitioner(dr(6)), &[]);
    let view = gone.view(r.d);
    assert!((0..140).all(|day| !view.live_readers(NOW + day * DAY).contains(&reader)));
}

#[test]
fn t24_citing_a_grant_that_never_comes_has_no_effect_and_holds_up_nobody() {
    let mut r = record();
    let ghost = GrantId([66; 32]);
    let content = r.w.content(seat(2, 0), r.d, &[ghost]);
    let grant =
        r.w.grant(seat(2, 0), r.d, &[ghost], terms(Subject::Practitioner(dr(6)), Rank::WRITER), &[]);
    let under = r.w.content(seat(6, 0), r.d, &[grant]);
    let denial = r.w.revoke(seat(2, 0), r.d, &[ghost], Subject::Practitioner(dr(3)), &[]);
    let honest = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let view = r.w.view(r.d);
    for id in [content, under, denial] {
        assert_eq!(view.verdict(&id), Verdict::Incomplete);
    }
    assert_eq!(state(&view, grant), GrantState::Incomplete);
    assert_eq!(view.verdict(&honest), Verdict::Accepted, "even by the same seat");
    assert!(is_live(&view, r.junior));
}

#[test]
fn t26_both_sides_of_a_fork_are_disputed_and_nothing_else_moves() {
    let mut r = record();
    let others = r.w.content(seat(3, 0), r.d, &[r.junior]);
    let before = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let first = r.w.tails[&seat(2, 0)];
    let one = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let twin = ChainLink {
        seq: 2,
        prev: first.id,
        ..r.w.link_after(seat(2, 0), None, 1)
    };
    let two = r.w.put(twin, r.d, Kind::Content, &[r.writer], None);
    let beyond = r.w.link_after(seat(2, 0), Some(twin), 55);
    let beyond = r.w.put(beyond, r.d, Kind::Content, &[r.writer], None);
    let view = r.w.view(r.d);
    assert_eq!([before, others].map(|id| view.verdict(&id)), [Verdict::Accepted; 2]);
    assert_eq!([one, two, beyond].map(|id| view.verdict(&id)), [Verdict::Disputed; 3]);
    let proof = view.forks()[0];
    assert_eq!(BTreeSet::from([proof.0, proof.1]), BTreeSet::from([one, two]));
}

/// A thief is found out by a fork and goes on all the same: in new incarnations that leave the chain before the fork, or that begin
/// anew; then he tries to push what he wrote into the past with a third twin. The seat is frozen until a steward says which history
/// stands; its owner meanwhile writes with another seat.
#[test]
fn t26_a_forked_seat_is_frozen_in_every_incarnation_until_a_steward_answers() {
    let mut r = record();
    let before = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let trunk = r.w.tails[&seat(2, 0)];
    // An honest restore, before anything happened: the older of two branches.
    let restored = r.w.link_after(seat(2, 0), Some(trunk), 2);
    let put = |r: &mut Record, link| r.w.put(link, r.d, Kind::Content, &[r.writer], None);
    let old_branch = put(&mut r, restored);
    let honest = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let stands = r.w.tails[&seat(2, 0)];
    assert_eq!(
        [before, old_branch, honest].map(|id| r.w.view(r.d).verdict(&id)),
        [Verdict::Accepted; 3],
        "a restored backup is no fork"
    );
    let twin = r.w.link_after(seat(2, 0), Some(trunk), 1);
    let twin_id = put(&mut r, twin);
    let leaves_before = r.w.link_after(seat(2, 0), Some(trunk), 56);
    let begins_anew = r.w.link_after(seat(2, 0), None, 57);
    let goes_on = r.w.link_after(seat(2, 0), Some(begins_anew), 57);
    let after = [leaves_before, begins_anew, goes_on].map(|link| put(&mut r, link));
    let other_seat = {
        r.w.certify(seat(2, 5), Some(dr(2)), false);
        r.w.content(seat(2, 5), r.d, &[r.writer])
    };
    let check = |w: &World| {
        let view = w.view(r.d);
        assert_eq!([before, other_seat].map(|id| view.verdict(&id)), [Verdict::Accepted; 2]);
        assert_eq!(after.map(|id| view.verdict(&id)), [Verdict::Disputed; 3]);
        assert_eq!([honest, twin_id].map(|id| view.verdict(&id)), [Verdict::Disputed; 2]);
        assert_eq!(
            view.verdict(&old_branch),
            Verdict::Disputed,
            "nothing proves that it was signed before"
        );
    };
    check(&r.w);
    // A twin that comes after what he wrote makes it older than that twin, not older than the fork. The id decides nothing.
    for id in [ItemId([1; 32]), ItemId([0xfe; 32])] {
        let mut w = r.w.clone();
        let third = ChainLink {
            id,
            seat: seat(2, 0),
            incarnation: 1,
            seq: 2,
            prev: begins_anew.id,
        };
        w.set.insert_link(third);
        let fourth = ChainLink {
            id: ItemId([2; 32]),
            seq: 1,
            prev: goes_on.id,
            ..third
        };
        w.set.insert_link(fourth);
        let view = w.view(r.d);
        assert!(after.iter().all(|id| view.verdict(id) == Verdict::Disputed));
    }
    // The answer: a revocation that keeps the honest branches.
    let keep = vec![restored.head(), stands.head()];
    for by_registry in [true, false] {
        let mut w = r.w.clone();
        if by_registry {
            w.cut(seat(2, 0), keep.clone());
        } else {
            let mut heads = keep.clone();
            heads.sort();
            let keep = vec![(seat(2, 0), heads)];
            let (subject, reason) = (Subject::Seat(seat(2, 0)), 0);
            w.op(seat(1, 0), r.d, &[r.founder], Op::Revoke(Revoke { subject, reason, keep }));
        }
        let view = w.view(r.d);
        let kept = [before, old_branch, honest, other_seat];
        assert_eq!(kept.map(|id| view.verdict(&id)), [Verdict::Accepted; 4], "registry: {by_registry}");
        let cut = [after[0], after[1], after[2], twin_id];
        assert!(cut.iter().all(|id| matches!(view.verdict(id), Verdict::Quarantined(_))));
    }
}

#[test]
fn t27_a_late_fork_at_the_first_number_hides_nothing_and_voids_no_grant() {
    let mut r = record();
    let grant =
        r.w.grant(seat(3, 0), r.d, &[r.junior], terms(Subject::Practitioner(dr(6)), Rank::WRITER), &[]);
    let history: Vec<ItemId> = (0..50).map(|_| r.w.content(seat(3, 0), r.d, &[r.junior])).collect();
    let others = r.w.content(seat(6, 0), r.d, &[grant]);
    let twin = r.w.link_after(seat(3, 0), None, 1);
    let twin = r.w.put(twin, r.d, Kind::Content, &[r.junior], None);
    let view = r.w.view(r.d);
    assert!(history.iter().all(|id| view.verdict(id) == Verdict::Disputed), "visible, marked");
    assert!(is_live(&view, grant));
    assert_eq!(view.verdict(&others), Verdict::Accepted);

    let kept = r.w.tails[&seat(3, 0)].head();
    let cut = r.w.cut(seat(3, 0), vec![kept]);
    let view = r.w.view(r.d);
    assert!(
        history.iter().all(|id| view.verdict(id) == Verdict::Accepted),
        "unchanged, once the seat is revoked"
    );
    assert_eq!(view.verdict(&twin), Verdict::Quarantined(Reason::RevokedSeat(cut)));
    assert!(is_live(&view, grant));
}

#[test]
fn a_restored_backup_is_no_fork_and_both_its_branches_can_be_kept() {
    let mut r = record();
    r.w.content(seat(2, 0), r.d, &[r.writer]);
    let backup = r.w.tails[&seat(2, 0)];
    let lost = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let branch = r.w.tails[&seat(2, 0)];
    let restored = r.w.link_after(seat(2, 0), Some(backup), 2);
    let id = r.w.put(restored, r.d, Kind::Content, &[r.writer], None);
    let view = r.w.view(r.d);
    assert_eq!([view.verdict(&lost), view.verdict(&id)], [Verdict::Accepted; 2]);
    assert!(view.forks().is_empty());
    let keep = vec![(seat(2, 0), vec![branch.head(), restored.head()])];
    r.w.op(
        seat(1, 0),
        r.d,
        &[r.founder],
        Op::Revoke(Revoke {
            subject: Subject::Practitioner(dr(2)),
            reason: 0,
            keep,
        }),
    );
    let view = r.w.view(r.d);
    assert_eq!([view.verdict(&lost), view.verdict(&id)], [Verdict::Accepted; 2]);
}

#[test]
fn t45_a_mobile_seat_is_never_a_member_of_a_team() {
    let mut r = record();
    let (t, admin, member, granted) = team(&mut r, Rank::WRITER);
    let by_seat =
        r.w.grant(seat(4, 0), t, &[admin], terms(Subject::Seat(seat(5, 9)), Rank::READER), &[]);
    r.w.op(seat(5, 0), t, &[member], Op::Endorse(Endorse { grant: by_seat }));
    let mobile = r.w.content(seat(5, 9), r.d, &[granted, member]);
    let fixed = r.w.content(seat(5, 0), r.d, &[granted, member]);
    let view = r.w.view(r.d);
    assert_eq!(view.members(&t, NOW), BTreeSet::from([seat(4, 0), seat(5, 0)]));
    assert_eq!(view.verdict(&fixed), Verdict::Accepted);
    assert_eq!(view.verdict(&mobile), Verdict::Quarantined(Reason::MobileSeat));
    assert_eq!(view.may(&seat(5, 9), Act::Read, NOW), None);
    assert!(view.live_readers(NOW).contains(&Recipient::Team(t)));
    assert!(!r.w.view(t).live_readers(NOW).contains(&Recipient::Seat(seat(5, 9))));
    let tour = Terms {
        not_after_ms: NOW + 2 * DAY,
        ..terms(Subject::Seat(seat(5, 9)), Rank::WRITER)
    };
    let tour = r.w.grant(seat(1, 0), r.d, &[r.founder], tour, &[]);
    let view = r.w.view(r.d);
    assert_eq!(
        view.may(&seat(5, 9), Act::Write, NOW),
        Some(vec![tour]),
        "a tour has a grant of its own"
    );
    assert!(view.live_readers(NOW).contains(&Recipient::Seat(seat(5, 9))));
    let later = NOW + 20 * DAY;
    assert!(
        !view.live_readers(later).contains(&Recipient::Seat(seat(5, 9))),
        "expiry stops wraps"
    );
    assert_eq!(
        view.may(&seat(5, 9), Act::Write, later),
        Some(vec![tour]),
        "but not the recording of care"
    );
    assert_eq!(view.may(&seat(5, 9), Act::Refer, later), None);
}

#[test]
fn t57_care_recorded_in_ignorance_of_a_withdrawal_waits_for_one_click() {
    let mut r = record();
    let cut = r.w.revoke(seat(1, 0), r.d, &[r.founder], Subject::Practitioner(dr(2)), &[]);
    let five_days: Vec<ItemId> = (0..5).map(|_| r.w.content(seat(2, 0), r.d, &[r.writer])).collect();
    let view = r.w.view(r.d);
    assert!(
        five_days
            .iter()
            .all(|id| view.verdict(id) == Verdict::Quarantined(Reason::Cut(cut)))
    );
    assert!(
        !view.live_readers(NOW).contains(&Recipient::Seat(seat(2, 0))),
        "the next epoch excludes"
    );
    let mut ids = five_days.clone();
    ids.sort();
    r.w.op(seat(1, 0), r.d, &[r.founder], Op::Adopt(Adopt { ids }));
    let view = r.w.view(r.d);
    assert!(five_days.iter().all(|id| view.verdict(id) == Verdict::Accepted));
}

#[test]
fn t59_a_stolen_steward_seat_leaves_the_same_view_whatever_came_first() {
    let mut r = record();
    let early =
        r.w.grant(seat(3, 0), r.d, &[r.junior], terms(Subject::Practitioner(dr(5)), Rank::WRITER), &[]);
    let kept = r.w.tails[&seat(3, 0)].head();
    let tail = r.w.content(seat(3, 0), r.d, &[r.junior]);
    let late =
        r.w.grant(seat(3, 0), r.d, &[r.junior], terms(Subject::Practitioner(dr(6)), steward(4)), &[]);
    let under = r.w.content(seat(6, 0), r.d, &[late]);
    let cut = r.w.cut(seat(3, 0), vec![kept]);
    let view = r.w.view(r.d);
    let mut backwards = AccessSet::default();
    let all: Vec<OpRecord> = r.w.set.records().cloned().collect();
    all.iter().rev().for_each(|record| backwards.insert(record.clone()));
    assert_eq!(evaluate(&r.d, &backwards, &r.w.directory), view);
    assert_eq!(view.verdict(&tail), Verdict::Quarantined(Reason::RevokedSeat(cut)));
    assert_eq!(state(&view, late), GrantState::Invalid(Reason::RevokedSeat(cut)));
    assert_eq!(view.verdict(&under), Verdict::Quarantined(Reason::InvalidGrant(late)));
    assert!(is_live(&view, early));
    assert!(!view.live_readers(NOW).contains(&Recipient::Seat(seat(3, 0))));

    // With the chain not whole, nothing is accepted that might be beyond, and a later lower cut only takes away.
    let mut partial = AccessSet::default();
    all.iter()
        .filter(|record| record.link.head() != kept)
        .for_each(|record| partial.insert(record.clone()));
    let view = evaluate(&r.d, &partial, &r.w.directory);
    assert_eq!(
        view.verdict(&tail),
        Verdict::Quarantined(Reason::RevokedSeat(cut)),
        "its number says so"
    );
}

#[test]
fn t60_suspension_bars_new_grants_and_leaves_history_standing() {
    let mut r = record();
    let grant =
        r.w.grant(seat(3, 0), r.d, &[r.junior], terms(Subject::Practitioner(dr(6)), Rank::WRITER), &[]);
    let written = r.w.content(seat(3, 0), r.d, &[r.junior]);
    r.w.directory.suspended.insert(seat(3, 0));
    let view = r.w.view(r.d);
    assert!(is_live(&view, grant));
    assert_eq!(view.verdict(&written), Verdict::Accepted);
    assert_eq!(view.may(&seat(3, 0), Act::Grant(Rank::READER), NOW), None);
    assert_eq!(view.may(&seat(3, 0), Act::Rotate, NOW), None);
    assert_eq!(view.may(&seat(3, 0), Act::Write, NOW), Some(vec![r.junior]));
}

#[test]
fn t64_one_admin_alone_adds_nobody_to_a_team() {
    let mut r = record();
    let (t, admin, member, granted) = team(&mut r, Rank::WRITER);
    let fakes = [6, 7].map(|n| {
        r.w.grant(seat(4, 0), t, &[admin], terms(Subject::Practitioner(dr(n)), Rank::WRITER), &[])
    });
    let content = r.w.content(seat(6, 0), r.d, &[granted, fakes[0]]);
    // The admin, the fake itself, and the two fakes for each other.
    r.w.op(seat(4, 0), t, &[admin], Op::Endorse(Endorse { grant: fakes[0] }));
    r.w.op(seat(6, 0), t, &[fakes[0]], Op::Endorse(Endorse { grant: fakes[0] }));
    r.w.op(seat(6, 0), t, &[fakes[0]], Op::Endorse(Endorse { grant: fakes[1] }));
    r.w.op(seat(7, 0), t, &[fakes[1]], Op::Endorse(Endorse { grant: fakes[0] }));
    let view = r.w.view(r.d);
    assert_eq!(view.verdict(&content), Verdict::Incomplete);
    assert_eq!(view.members(&t, NOW), BTreeSet::from([seat(4, 0), seat(5, 0)]));

    let mut by_colleague = r.w.clone();
    by_colleague.op(seat(5, 0), t, &[member], Op::Endorse(Endorse { grant: fakes[0] }));
    let view = by_colleague.view(r.d);
    assert_eq!(view.verdict(&content), Verdict::Accepted);
    assert!(view.members(&t, NOW).contains(&seat(6, 0)));

    let envelope = r.w.view(t).grants().iter().find(|g| g.id == fakes[0]).unwrap().envelope;
    r.w.directory.endorsed.insert(envelope);
    assert_eq!(r.w.view(r.d).verdict(&content), Verdict::Accepted, "or by a network authority");
    r.w.directory.teams.clear();
    assert_eq!(r.w.view(r.d).verdict(&content), Verdict::Incomplete, "an unlisted team is nobody");
}

#[test]
fn an_excluded_member_loses_the_team_grant_here_and_the_rest_are_wrapped_to_by_seat() {
    let mut r = record();
    let (t, admin, member, granted) = team(&mut r, Rank::WRITER);
    let kept = r.w.content(seat(5, 0), r.d, &[granted, member]);
    assert!(r.w.view(r.d).live_readers(NOW).contains(&Recipient::Team(t)));
    let cut =
        r.w.revoke(seat(3, 0), r.d, &[r.junior], Subject::Practitioner(dr(5)), &[seat(5, 0)]);
    let after = r.w.content(seat(5, 0), r.d, &[granted, member]);
    let colleague = r.w.content(seat(4, 0), r.d, &[granted, admin]);
    let view = r.w.view(r.d);
    assert_eq!(view.verdict(&kept), Verdict::Accepted);
    assert_eq!(view.verdict(&after), Verdict::Quarantined(Reason::Cut(cut)));
    assert_eq!(view.verdict(&colleague), Verdict::Accepted);
    let readers = view.live_readers(NOW);
    assert!(!readers.contains(&Recipient::Team(t)) && !readers.contains(&Recipient::Seat(seat(5, 0))));
    assert!(readers.contains(&Recipient::Seat(seat(4, 0))));
    assert!(view.members(&t, NOW).contains(&seat(5, 0)), "elsewhere nothing changed");
    assert_eq!(view.may(&seat(5, 0), Act::Write, NOW), None);
    assert_eq!(view.may(&seat(4, 0), Act::Write, NOW).unwrap().len(), 2);

    // Leaving the team ends every use of its grants.
    let mut left = r.w.clone();
    let gone = left.revoke(seat(4, 0), t, &[admin], Subject::Practitioner(dr(5)), &[]);
    assert_eq!(left.view(r.d).verdict(&kept), Verdict::Quarantined(Reason::Cut(gone)));
}

#[test]
fn t68_naming_a_lesser_grant_of_a_senior_never_reaches_the_greater() {
    let mut r = record();
    let senior =
        r.w.grant(seat(1, 0), r.d, &[r.founder], terms(Subject::Practitioner(dr(4)), steward(1)), &[]);
    let lesser = r.w.grant(
        seat(1, 0),
        r.d,
        &[r.founder],
        terms(Subject::Practitioner(dr(4)), Rank::READER),
        &[],
    );
    r.w.revoke(seat(3, 0), r.d, &[r.junior], Subject::Practitioner(dr(4)), &[]);
    let content = r.w.content(seat(4, 0), r.d, &[senior]);
    let view = r.w.view(r.d);
    assert!(is_live(&view, senior));
    assert!(!is_live(&view, lesser), "the lesser one it does reach");
    assert_eq!(view.verdict(&content), Verdict::Accepted);
    assert!(view.live_readers(NOW).contains(&Recipient::Seat(seat(4, 0))));
}

#[test]
fn t69_leaving_keeps_past_work_and_a_revoked_seat_denies_nothing_more() {
    let mut r = record();
    r.w.certify(seat(2, 1), Some(dr(2)), false);
    let past = [r.w.content(seat(2, 0), r.d, &[r.writer]), r.w.content(seat(2, 1), r.d, &[r.writer])];
    let leave = r.w.revoke(seat(2, 0), r.d, &[r.writer], Subject::Practitioner(dr(2)), &[]);
    let after = r.w.content(seat(2, 0), r.d, &[r.writer]);
    let view = r.w.view(r.d);
    assert_eq!(past.map(|id| view.verdict(&id)), [Verdict::Accepted; 2]);
    assert_eq!(view.verdict(&after), Verdict::Quarantined(Reason::Cut(leave)));
    assert!(!is_live(&view, r.writer));
    assert_eq!(view.may(&seat(2, 1), Act::Write, NOW), None);

    // A founder goes by its own hand only.
    let mut gone = r.w.clone();
    gone.revoke(seat(1, 0), r.d, &[r.founder], Subject::Seat(seat(1, 0)), &[]);
    assert!(!is_live(&gone.view(r.d), r.founder));

    // A stolen steward's seat denies before and after it is revoked in the registry.
    let early = r.w.revoke(seat(3, 0), r.d, &[r.junior], Subject::Practitioner(dr(6)), &[]);
    let kept = r.w.tails[&seat(3, 0)].head();
    let sixth = r.w.grant(
        seat(1, 0),
        r.d,
        &[r.founder],
        terms(Subject::Practitioner(dr(6)), Rank::WRITER),
        &[],
    );
    let seventh = r.w.grant(
        seat(1, 0),
        r.d,
        &[r.founder],
        terms(Subject::Practitioner(dr(7)), Rank::WRITER),
        &[],
    );
    let late = r.w.revoke(seat(3, 0), r.d, &[r.junior], Subject::Practitioner(dr(7)), &[]);
    assert!(!is_live(&r.w.view(r.d), seventh));
    let cut = r.w.cut(seat(3, 0), vec![kept]);
    let view = r.w.view(r.d);
    assert_eq!(view.verdict(&late), Verdict::Invalid(Reason::RevokedSeat(cut)));
    assert!(is_live(&view, seventh));
    assert_eq!(view.verdict(&early), Verdict::Accepted);
    assert!(!is_live(&view, sixth), "what it denied before stands");
}

#[test]
fn denials_never_judge_each_other() {
    let mut r = record();
    let lower =
        r.w.grant(seat(1, 0), r.d, &[r.founder], terms(Subject::Practitioner(dr(4)), steward(5)), &[]);
    let target = r.w.grant(
        seat(1, 0),
        r.d,
        &[r.founder],
        terms(Subject::Practitioner(dr(6)), Rank::WRITER),
        &[],
    );
    r.w.revoke(seat(3, 0), r.d, &[r.junior], Subject::Practitioner(dr(4)), &[]);
    let denial = r.w.revoke(seat(4, 0), r.d, &[lower], Subject::Practitioner(dr(6)), &[]);
    let view = r.w.view(r.d);
    assert!(!is_live(&view, lower));
    assert_eq!(view.verdict(&denial), Verdict::Accepted);
    assert!(!is_live(&view, target), "one re-grant repairs it");
}

#[test]
fn a_cabin_only_deposits_and_a_deposit_waits_for_a_writer() {
    let mut r = record();
    let cabin = seat(200, 0);
    let given =
        r.w.grant(seat(1, 0), r.d, &[r.founder], terms(Subject::Seat(cabin), Rank::DEPOSITOR), &[]);
    let greedy =
        r.w.grant(seat(1, 0), r.d, &[r.founder], terms(Subject::Seat(cabin), Rank::WRITER), &[]);
    let mut deposit = |seat, cited: &[GrantId]| {
        let link = r.w.next(seat);
        r.w.put(link, r.d, Kind::Deposit, cited, None)
    };
    let (known, unknown) = (deposit(cabin, &[given]), deposit(seat(8, 0), &[]));
    let content = [r.w.content(cabin, r.d, &[given]), r.w.content(cabin, r.d, &[greedy])];
    let view = r.w.view(r.d);
    assert_eq!(view.verdict(&known), Verdict::Accepted);
    assert_eq!(view.verdict(&unknown), Verdict::Quarantined(Reason::AwaitsAdoption));
    assert_eq!(
        content.map(|id| view.verdict(&id)),
        [Verdict::Quarantined(Reason::RankTooLow), Verdict::Quarantined(Reason::DeviceSeat)]
    );
    assert_eq!(view.may(&cabin, Act::Deposit, NOW), Some(vec![given]));
    assert_eq!(view.may(&cabin, Act::Read, NOW), None);
    assert!(!view.live_readers(NOW).contains(&Recipient::Seat(cabin)));
    r.w.op(seat(2, 0), r.d, &[r.writer], Op::Adopt(Adopt { ids: vec![unknown] }));
    assert_eq!(r.w.view(r.d).verdict(&unknown), Verdict::Accepted);
}

#[test]
fn bodies_have_one_form_and_bounds() {
    let heads = |n: u64| {
        (0..n)
            .map(|seq| Head {
                incarnation: 1,
                seq,
                id: ItemId([2; 32]),
            })
            .collect::<Vec<_>>()
    };
    let ids = |n: u8| (0..n).map(|i| ItemId([i; 32])).collect::<Vec<_>>();
    let genesis = Genesis {
        kind: DocumentKind::Team,
        nonce: [3; 32],
        custodian: FACILITY,
        grants: vec![
            terms(Subject::Practitioner(dr(1)), Rank::WRITER),
            terms(Subject::Seat(seat(2, 0)), steward(7)),
        ],
        epoch: vec![5; 300],
    };
    let revoke = |keep| {
        Op::Revoke(Revoke {
            subject: Subject::Team(doc(1)),
            reason: 4,
            keep,
        })
    };
    let grant = |answers| {
        Op::Grant(Grant {
            terms: terms(Subject::Team(doc(1)), Rank::DEPOSITOR),
            answers,
        })
    };
    let good = [
        Op::Genesis(genesis.clone()),
        grant(ids(64)),
        revoke(vec![(seat(1, 0), heads(8)), (seat(2, 0), heads(1))]),
        Op::Endorse(Endorse { grant: GrantId([4; 32]) }),
        Op::Adopt(Adopt { ids: ids(32) }),
    ];
    for op in &good {
        let bytes = op.encode().unwrap();
        assert_eq!(Op::decode(op.kind(), &bytes).as_ref(), Ok(op));
        assert_eq!(Op::decode(op.kind(), &[&bytes[..], &[0]].concat()), Err(WireError::Trailing));
        for n in 0..bytes.len() {
            assert!(Op::decode(op.kind(), &bytes[..n]).is_err(), "{n} of {op:?}");
        }
        // Whatever a flipped bit still decodes to has the flipped bytes as its one form.
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = Op::decode(op.kind(), &flipped) {
                assert_eq!(other.encode().unwrap(), flipped);
            }
        }
    }
    let mut backwards = ids(3);
    backwards.reverse();
    for bad in [
        grant(ids(65)),
        grant(backwards.clone()),
        grant(vec![ItemId([1; 32]); 2]),
        revoke(vec![(seat(1, 0), heads(9))]),
        revoke(vec![(seat(1, 0), vec![])]),
        revoke(vec![(seat(2, 0), heads(1)), (seat(1, 0), heads(1))]),
        revoke((0..=255).flat_map(|n| [(seat(n, 0), heads(1)), (seat(n, 1), heads(1))]).collect()),
        Op::Adopt(Adopt { ids: vec![] }),
        Op::Adopt(Adopt { ids: backwards }),
        Op::Genesis(Genesis {
            grants: vec![terms(Subject::Seat(seat(1, 0)), Rank::WRITER); 17],
            ..genesis.clone()
        }),
        Op::Genesis(Genesis {
            grants: vec![terms(Subject::Seat(seat(1, 0)), Rank::FOUNDER)],
            ..genesis.clone()
        }),
        Op::Genesis(Genesis {
            epoch: vec![0; MAX_FIRST_EPOCH + 1],
            ..genesis.clone()
        }),
    ] {
        assert!(bad.encode().is_err(), "{bad:?}");
    }
    let epoch_at = Op::Genesis(genesis).encode().unwrap().len() - 304;
    let mut huge = good[0].encode().unwrap();
    huge[epoch_at..epoch_at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(Op::decode(Kind::Genesis, &huge), Err(WireError::OutOfBounds("first epoch")));
    assert_eq!(Op::decode(Kind::Content, &[]), Err(WireError::Unknown("access op")));
    assert_eq!(Rank::from_u8(11), Err(WireError::Unknown("rank")));
}

#[test]
fn grant_ids_of_a_genesis_and_of_envelopes_never_meet() {
    let d = doc(1);
    let mut ids: BTreeSet<GrantId> = (0..=16).map(|index| genesis_grant_id(&d, index)).collect();
    ids.extend((0..=16).map(|index| grant_id(&d, &ItemId([index; 32]))));
    ids.insert(genesis_grant_id(&doc(2), 0));
    assert_eq!(ids.len(), 35);
}

#[test]
fn signed_envelopes_become_records_and_a_genesis_creates_the_document_it_names_only() {
    let network = NetworkId([9; 32]);
    let key = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
    let author = SeatKey(key.verifying_key().to_bytes());
    let genesis = Genesis {
        kind: DocumentKind::Record,
        nonce: [8; 32],
        custodian: FACILITY,
        grants: vec![terms(Subject::Practitioner(dr(2)), Rank::WRITER)],
        epoch: vec![1, 2, 3],
    };
    let d = genesis.doc_id(&network, &author);
    let header = Header {
        kind: Kind::Genesis,
        lane: Lane::Today,
        doc: d,
        seat: author,
        incarnation: 7,
        seq: 1,
        prev: ItemId::ZERO,
        hlc: Hlc::from_millis(NOW),
        kid: Kid::ZERO,
        authority: vec![],
    };
    let body = Op::Genesis(genesis.clone()).encode().unwrap();
    let seal = |header: Header, body: &[u8]| header.clear(&key, &network, body.to_vec()).unwrap();
    let first = seal(header.clone(), &body);
    let record = OpRecord::from_envelope(&network, &first).unwrap();

    let moved = seal(
        Header {
            doc: doc(1),
            ..header.clone()
        },
        &body,
    );
    assert_eq!(OpRecord::from_envelope(&network, &moved), Err(RecordError::OtherDocument));
    let citing = seal(
        Header {
            authority: vec![GrantId([1; 32])],
            ..header.clone()
        },
        &body,
    );
    assert_eq!(OpRecord::from_envelope(&network, &citing), Err(RecordError::CitingGenesis));
    for other in [
        Genesis {
            kind: DocumentKind::Team,
            ..genesis.clone()
        },
        Genesis {
            custodian: FacilityKey([2; 32]),
            ..genesis.clone()
        },
        Genesis {
            nonce: [0; 32],
            ..genesis.clone()
        },
        Genesis {
            grants: vec![],
            ..genesis.clone()
        },
    ] {
        assert_ne!(other.doc_id(&network, &author), d);
    }
    assert_eq!(
        Genesis {
            epoch: vec![],
            ..genesis.clone()
        }
        .doc_id(&network, &author),
        d,
        "the epoch needs the id first"
    );

    let revoke = Op::Revoke(Revoke {
        subject: Subject::Practitioner(dr(2)),
        reason: 1,
        keep: vec![],
    });
    let second = Header {
        kind: Kind::Revoke,
        lane: Lane::Control,
        seq: 2,
        prev: first.id(),
        authority: vec![genesis_grant_id(&d, 0)],
        ..header
    };
    let second = seal(second, &revoke.encode().unwrap());
    let mut world = World::new(3);
    world.certify(author, Some(dr(1)), false);
    world.set.insert(record);
    world.set.insert(OpRecord::from_envelope(&network, &second).unwrap());
    let view = world.view(d);
    assert_eq!([first.id(), second.id()].map(|id| view.verdict(&id)), [Verdict::Accepted; 2]);
    assert_eq!(view.grants()[1].denied_by, [second.id()]);
    assert_eq!(
        view.may(&author, Act::Grant(Rank::WRITER), NOW),
        Some(vec![genesis_grant_id(&d, 0)])
    );
}
