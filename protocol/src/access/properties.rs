//! Random histories of eight principals, honest and not, against the promises of the evaluator: order independence, denials and
//! quarantine that only grow, no escalation, and the same answers as an oracle written apart.
//!
//! Seeded, so a failure names its history. Each test prints what its histories contained and asserts that it was plenty.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::ChainLink;
use super::evaluate::{AccessSet, OpRecord, evaluate};
use super::ops::*;
use super::oracle::Oracle;
use super::tests::{DAY, NOW, World, doc, dr, seat, terms};
use super::view::{AccessView, GrantState, Reason, Verdict};
use super::{Directory, RegistryCut};
use crate::envelope::Kind;
use crate::ids::{DocId, FacilityKey, GrantId, ItemId, SeatKey};

const RECORD: u8 = 100;
const TEAMS: [u8; 2] = [101, 102];

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }

    fn percent(&mut self, p: usize) -> bool {
        self.roll(100) < p
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.roll(from.len()))
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.roll(i + 1));
        }
    }
}

struct History {
    world: World,
    records: Vec<OpRecord>,
    /// Envelopes of other documents.
    stubs: Vec<ChainLink>,
}

struct Scribe {
    dice: Dice,
    world: World,
    seats: Vec<SeatKey>,
    links: BTreeMap<SeatKey, Vec<ChainLink>>,
    grants: Vec<(GrantId, DocId, Terms)>,
    revokes: Vec<ItemId>,
    contents: Vec<(DocId, ItemId)>,
    stubs: Vec<ChainLink>,
}

fn history(seed: u64, ops: usize) -> History {
    let mut world = World::new(8);
    world.certify(seat(2, 1), Some(dr(2)), false);
    world.certify(seat(4, 1), Some(dr(4)), false);
    for key in [seat(8, 0), seat(8, 9)] {
        world.directory.seats.get_mut(&key).unwrap().facility = FacilityKey([2; 32]);
    }
    let seats = world.directory.seats.keys().copied().collect();
    let (grants, links, stubs) = Default::default();
    let mut s = Scribe {
        dice: Dice(seed),
        world,
        seats,
        links,
        grants,
        revokes: vec![],
        contents: vec![],
        stubs,
    };
    let steward = Rank::steward(1 + s.dice.roll(3) as u8).unwrap();
    let p = |n| Subject::Practitioner(dr(n));
    s.found(
        seat(1, 0),
        doc(TEAMS[0]),
        vec![terms(p(2), Rank::WRITER), terms(p(3), Rank::READER)],
    );
    s.found(seat(5, 0), doc(TEAMS[1]), vec![terms(p(6), Rank::READER)]);
    let teams = TEAMS.map(|t| Subject::Team(doc(t)));
    s.found(
        seat(1, 0),
        doc(RECORD),
        vec![
            terms(p(2), steward),
            terms(p(3), Rank::steward(4).unwrap()),
            terms(p(4), Rank::WRITER),
            terms(teams[0], Rank::WRITER),
            terms(teams[1], Rank::READER),
        ],
    );
    for _ in 0..ops {
        s.write();
    }
    for _ in 0..s.dice.roll(3) {
        let key = *s.dice.pick(&s.seats).unwrap();
        let keep = s.heads(&key);
        let id = ItemId([200 + s.dice.roll(50) as u8; 32]);
        s.world.directory.cuts.entry(key).or_default().push(RegistryCut { id, keep });
    }
    // The answer to a fork: a revocation that keeps the newest branch.
    let place = |l: &ChainLink| (l.incarnation, l.seq);
    let is_forked = |own: &[ChainLink]| own.iter().map(place).collect::<BTreeSet<_>>().len() < own.len();
    let forked: Vec<Head> = s
        .links
        .values()
        .filter(|own| is_forked(own))
        .map(|own| own[own.len() - 1].head())
        .collect();
    if let Some(kept) = s.dice.pick(&forked).copied().filter(|_| !seed.is_multiple_of(3)) {
        let (key, _) = s
            .links
            .iter()
            .find(|(_, own)| own.iter().any(|l| l.id == kept.id))
            .expect("its seat");
        let cut = RegistryCut {
            id: ItemId([250; 32]),
            keep: vec![kept],
        };
        s.world.directory.cuts.entry(*key).or_default().push(cut);
    }
    if s.dice.percent(10) {
        let key = s.dice.pick(&s.seats).unwrap();
        s.world.directory.seats.get_mut(key).unwrap().ambiguous = true;
    }
    History {
        records: s.world.set.records().cloned().collect(),
        world: s.world,
        stubs: s.stubs,
    }
}

impl Scribe {
    fn found(&mut self, author: SeatKey, doc: DocId, grants: Vec<Terms>) {
        let kind = if doc == self::doc(RECORD) {
            DocumentKind::Record
        } else {
            DocumentKind::Team
        };
        let founder = Terms {
            not_before_ms: 0,
            not_after_ms: u64::MAX,
            ..terms(Subject::Seat(author), Rank::FOUNDER)
        };
        for (n, terms) in std::iter::once(founder).chain(grants.iter().cloned()).enumerate() {
            self.grants.push((genesis_grant_id(&doc, n as u8), doc, terms));
        }
        self.world.found(author, doc, kind, grants);
        let tail = self.world.tails[&author];
        self.links.entry(author).or_default().push(tail);
    }

    /// One envelope by anybody, mostly citing what is theirs, at an honest or dishonest place of their chain.
    fn write(&mut self) {
        let author = *self.dice.pick(&self.seats).unwrap();
        let link = self.place(author);
        self.links.entry(author).or_default().push(link);
        if self.dice.percent(8) {
            self.stubs.push(link);
            return;
        }
        let at = self.dice.roll(10);
        let doc = doc(if at < 7 { RECORD } else { TEAMS[at % 2] });
        let cited = self.cite(author, doc);
        let die = self.dice.roll(100);
        let op = match die {
            0..35 => None,
            35..60 => Some(Op::Grant(self.grant())),
            60..78 => Some(Op::Revoke(Revoke {
                subject: self.subject(),
                reason: 0,
                keep: self.keep(),
            })),
            78..90 => self
                .dice
                .pick(&self.grants)
                .map(|(grant, ..)| Op::Endorse(Endorse { grant: *grant })),
            _ => {
                let ids: BTreeSet<ItemId> = (0..4).filter_map(|_| self.dice.pick(&self.contents)).map(|(_, id)| *id).collect();
                Some(Op::Adopt(Adopt {
                    ids: ids.into_iter().collect(),
                }))
            }
        };
        // An endorsement worth judging names a member of its own team, under the endorser's membership.
        let (doc, cited, op) = match op {
            Some(Op::Endorse(_)) => {
                let team = self::doc(TEAMS[self.dice.roll(2)]);
                let members: Vec<GrantId> = self.grants.iter().filter(|(_, d, _)| *d == team).map(|(id, ..)| *id).collect();
                let grant = *members
                    .last()
                    .filter(|_| self.dice.percent(50))
                    .or(self.dice.pick(&members))
                    .unwrap();
                (team, self.cite(author, team), Some(Op::Endorse(Endorse { grant })))
            }
            other => (doc, cited, other),
        };
        let kind = op.as_ref().map_or(Kind::Content, Op::kind);
        match &op {
            None => self.contents.push((doc, link.id)),
            Some(Op::Grant(grant)) => self.grants.push((grant_id(&doc, &link.id), doc, grant.terms.clone())),
            Some(Op::Revoke(_)) => self.revokes.push(link.id),
            _ => {}
        }
        self.world.put(link, doc, kind, &cited, op);
    }

    fn place(&mut self, author: SeatKey) -> ChainLink {
        let own = self.links.get(&author).cloned().unwrap_or_default();
        let earlier = self.dice.pick(&own).copied();
        let tail = own.last().copied();
        match self.dice.roll(100) {
            // Backdated, or restored from a backup: a new incarnation on something older.
            0..8 => {
                let incarnation = 2 + self.dice.roll(1_000) as u64;
                self.world.link_after(author, earlier, incarnation)
            }
            // A fork, unless `earlier` is the tail.
            8..13 => self.world.link_after(author, earlier, earlier.map_or(1, |l| l.incarnation)),
            // After something nobody has ever seen.
            13..15 => ChainLink {
                prev: ItemId([99; 32]),
                seq: 40,
                ..self.world.link_after(author, tail, 1)
            },
            // A chain that contradicts itself.
            15..17 => ChainLink {
                seq: 1 + self.dice.roll(9) as u64,
                ..self.world.link_after(author, earlier, 1)
            },
            _ => self.world.link_after(author, tail, tail.map_or(1, |l| l.incarnation)),
        }
    }

    fn cite(&mut self, author: SeatKey, doc: DocId) -> Vec<GrantId> {
        if self.dice.percent(8) {
            return (0..=self.dice.roll(2))
                .filter_map(|_| self.dice.pick(&self.grants))
                .map(|g| g.0)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect();
        }
        if self.dice.percent(3) {
            return vec![GrantId([98; 32])];
        }
        let person = self
            .world
            .directory
            .seat(&author)
            .and_then(|info| info.practitioner)
            .map(Subject::Practitioner);
        let mine = |t: &Terms| t.subject == Subject::Seat(author) || Some(t.subject) == person;
        let mut ways: Vec<Vec<GrantId>> = Vec::new();
        for (id, _, terms) in self.grants.iter().filter(|(_, d, _)| *d == doc) {
            match terms.subject {
                Subject::Team(team) => {
                    ways.extend(
                        self.grants
                            .iter()
                            .filter(|(_, d, t)| *d == team && mine(t))
                            .map(|(member, ..)| vec![*id, *member]),
                    );
                }
                _ if mine(terms) => ways.push(vec![*id]),
                _ => {}
            }
        }
        self.dice.pick(&ways).cloned().unwrap_or_default()
    }

    fn subject(&mut self) -> Subject {
        match self.dice.roll(10) {
            0 => Subject::Team(doc(TEAMS[self.dice.roll(2)])),
            1..4 => Subject::Seat(*self.dice.pick(&self.seats).unwrap()),
            _ => Subject::Practitioner(dr(1 + self.dice.roll(8) as u8)),
        }
    }

    fn grant(&mut self) -> Grant {
        let rank = Rank::from_u8([1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 9, 9, 10][self.dice.roll(13)]).unwrap();
        let mut terms = terms(self.subject(), rank);
        match self.dice.roll(10) {
            0..3 => (terms.not_before_ms, terms.not_after_ms) = (NOW, NOW + 5 * DAY),
            3 => terms.not_after_ms += DAY,
            _ => {}
        }
        let known = if self.dice.percent(50) { self.dice.roll(4) } else { 0 };
        let mut answers: BTreeSet<ItemId> = (0..known).filter_map(|_| self.dice.pick(&self.revokes).copied()).collect();
        if known > 0 {
            answers.extend(
                self.links
                    .values()
                    .filter_map(|links| links.last())
                    .map(|l| l.id)
                    .filter(|_| self.dice.percent(50)),
            );
        }
        Grant {
            terms,
            answers: answers.into_iter().collect(),
        }
    }

    fn heads(&mut self, of: &SeatKey) -> Vec<Head> {
        let own = self.links.get(of).cloned().unwrap_or_default();
        let mut heads: BTreeSet<Head> = (0..self.dice.roll(3))
            .filter_map(|_| self.dice.pick(&own))
            .map(ChainLink::head)
            .collect();
        if self.dice.percent(5) {
            heads.extend(own.last().map(|l| Head {
                seq: l.seq + 3,
                ..l.head()
            }));
        }
        heads.into_iter().collect()
    }

    fn keep(&mut self) -> Vec<(SeatKey, Vec<Head>)> {
        let seats = self.seats.clone();
        let kept = seats.into_iter().filter(|_| self.dice.percent(60)).collect::<Vec<_>>();
        kept.into_iter()
            .map(|key| (key, self.heads(&key)))
            .filter(|(_, heads)| !heads.is_empty())
            .collect()
    }
}

impl History {
    fn set(&self, keep: &dyn Fn(usize) -> bool, all_links: bool) -> AccessSet {
        let mut set = AccessSet::default();
        for (n, record) in self.records.iter().enumerate() {
            if keep(n) {
                set.insert(record.clone());
            } else if all_links {
                set.insert_link(record.link);
            }
        }
        self.stubs
            .iter()
            .enumerate()
            .filter(|(n, _)| all_links || keep(n + 7_000))
            .for_each(|(_, link)| set.insert_link(*link));
        set
    }

    fn view(&self, set: &AccessSet) -> AccessView {
        evaluate(&doc(RECORD), set, &self.world.directory)
    }
}

fn verdicts(view: &AccessView, kind: Kind, history: &History) -> Vec<(ItemId, Verdict)> {
    let of_kind = history.records.iter().filter(|r| r.kind == kind);
    of_kind
        .filter_map(|r| view.verdicts.get(&r.link.id).map(|v| (r.link.id, *v)))
        .collect()
}

#[test]
fn q1_the_same_set_gives_the_same_view_in_any_order() {
    let mut dice = Dice(1);
    for seed in 0..300 {
        let h = history(seed, 60);
        let view = h.view(&h.set(&|_| true, true));
        for _ in 0..2 {
            let mut order: Vec<usize> = (0..h.records.len()).flat_map(|n| [n, n]).collect();
            dice.shuffle(&mut order);
            let mut set = AccessSet::default();
            let mut stubs = h.stubs.clone();
            dice.shuffle(&mut stubs);
            stubs.iter().for_each(|link| set.insert_link(*link));
            for (step, n) in order.into_iter().enumerate() {
                set.insert(h.records[n].clone());
                if step % 50 == 0 {
                    h.view(&set);
                }
            }
            assert_eq!(h.view(&set), view, "history {seed}");
        }
    }
}

#[test]
fn q2_q3_denials_and_quarantine_only_grow() {
    let (mut denials, mut pairs, mut quarantined, mut lifted, mut settled_later) = (0, 0, 0, 0, 0);
    for seed in 0..1_200 {
        let h = history(seed, 60);
        let mut dice = Dice(seed ^ 0xabcd);
        // With every link known, without exception. With links missing too, there is one: that a registry cut reaches a denier, or
        // somebody under whose grant it denies, may become known later.
        for all_links in [true, false] {
            let age: Vec<usize> = (0..10_000).map(|_| dice.roll(100)).collect();
            let smaller = h.view(&h.set(&|n| age[n] < 60, all_links));
            let larger = h.view(&h.set(&|n| age[n] < 85, all_links));
            let excused = !all_links && !h.world.directory.cuts.is_empty();
            for (id, verdict) in verdicts(&smaller, Kind::Revoke, &h) {
                if verdict == Verdict::Accepted && !excused {
                    denials += 1;
                    assert_eq!(larger.verdict(&id), Verdict::Accepted, "history {seed}: {id} denies no more");
                }
            }
            for grant in smaller.grants() {
                let later = larger.grants().iter().find(|g| g.id == grant.id).expect("grants don't vanish");
                for denial in grant.denied_by.iter().filter(|_| !excused) {
                    // A head whose chain wasn't here may turn out to answer.
                    let answered = !all_links
                        && h.records
                            .iter()
                            .any(|r| r.link.id == grant.envelope && matches!(&r.op, Some(Op::Grant(g)) if !g.answers.is_empty()));
                    pairs += 1;
                    assert!(
                        later.denied_by.contains(denial) || answered,
                        "history {seed}: {} was denied",
                        grant.id
                    );
                }
            }
            let adopted: BTreeSet<ItemId> = h
                .records
                .iter()
                .filter(|r| larger.verdict(&r.link.id) == Verdict::Accepted)
                .filter_map(|r| {
                    if let Some(Op::Adopt(op)) = &r.op {
                        Some(op.ids.clone())
                    } else {
                        None
                    }
                })
                .flatten()
                .collect();
            for (id, verdict) in verdicts(&smaller, Kind::Content, &h) {
                match (verdict, larger.verdict(&id)) {
                    (Verdict::Quarantined(_), Verdict::Quarantined(_)) => quarantined += 1,
                    (Verdict::Quarantined(reason), now) => {
                        // A head whose chain wasn't here may also turn out to answer, here or several grants up.
                        let answered = !all_links && matches!(reason, Reason::Cut(_) | Reason::InvalidGrant(_));
                        assert!(
                            adopted.contains(&id) || answered,
                            "history {seed}: {id} was {reason:?}, now {now:?}"
                        );
                        lifted += 1;
                    }
                    (Verdict::Incomplete, now) if now != Verdict::Incomplete => settled_later += 1,
                    _ => {}
                }
            }
        }
    }
    println!(
        "denials kept {denials}, denied grants kept {pairs}, quarantine kept {quarantined}, lifted {lifted}, settled later {settled_later}"
    );
    assert!(denials > 800 && pairs > 300 && quarantined > 5_000 && lifted > 50 && settled_later > 2_000);
}

#[test]
fn q4_nobody_gets_more_than_the_oracle_says() {
    let mut count: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut tally = |what, n| *count.entry(what).or_default() += n;
    for seed in 0..3_000 {
        let h = history(seed, 60);
        let mut dice = Dice(!seed);
        let age: Vec<usize> = (0..10_000).map(|_| dice.roll(100)).collect();
        let whole = seed % 2 == 0;
        let kept = |n: usize| whole || age[n] < 90;
        let set = h.set(&kept, false);
        let records: Vec<OpRecord> = set.records().cloned().collect();
        let stubs: Vec<ChainLink> = h
            .stubs
            .iter()
            .enumerate()
            .filter(|(n, _)| kept(n + 7_000))
            .map(|(_, link)| *link)
            .collect();
        let view = h.view(&set);
        let opinion = Oracle::new(doc(RECORD), &records, &stubs, &h.world.directory).opinion();

        for grant in view.grants() {
            let valid = grant.state == GrantState::Valid;
            assert_eq!(
                valid,
                opinion.valid.contains(&grant.id),
                "history {seed}: grant {} is {:?}",
                grant.id,
                grant.state
            );
            tally(if valid { "valid grants" } else { "other grants" }, 1);
        }
        for holding in view.holdings.iter().chain(view.members.values().flatten()) {
            let denied = opinion.denied.contains(&(holding.seat, holding.grant));
            // A seat that wrote nothing is not in the oracle's list of seats.
            if records.iter().any(|r| r.link.seat == holding.seat) || denied {
                assert_eq!(holding.is_denied, denied, "history {seed}: {holding:?}");
                tally(if denied { "denied holdings" } else { "holdings" }, 1);
            }
        }
        for (id, verdict) in verdicts(&view, Kind::Revoke, &h) {
            assert_eq!(
                verdict == Verdict::Accepted,
                opinion.denials.contains(&id),
                "history {seed}: denial {id} is {verdict:?}"
            );
            tally("denials", usize::from(verdict == Verdict::Accepted));
        }
        for (id, verdict) in verdicts(&view, Kind::Content, &h) {
            let expected = (opinion.accepted.contains(&id), opinion.disputed.contains(&id));
            let found = (
                matches!(verdict, Verdict::Accepted | Verdict::Disputed),
                verdict == Verdict::Disputed,
            );
            assert_eq!(found, expected, "history {seed}: content {id} is {verdict:?}");
            tally("forks that a cut settles", usize::from(opinion.settled.contains(&id)));
            tally(
                match verdict {
                    Verdict::Accepted => "accepted",
                    Verdict::Disputed => "disputed",
                    Verdict::Quarantined(_) => "quarantined",
                    Verdict::Incomplete => "incomplete",
                    Verdict::Invalid(_) => unreachable!("content is never invalid"),
                },
                1,
            );
        }
        // Independently of the oracle: authority only ever falls along a chain of valid grants.
        for record in &records {
            let Some(Op::Grant(grant)) = &record.op else { continue };
            let id = grant_id(&record.doc, &record.link.id);
            if view.grants().iter().any(|g| g.id == id && g.state == GrantState::Valid) {
                let cited = view
                    .grants()
                    .iter()
                    .find(|g| record.authority.contains(&g.id))
                    .expect("cites a grant of this document");
                assert!(cited.state == GrantState::Valid && cited.terms.rank < grant.terms.rank && cited.terms.rank.may_write());
                tally("falling steps", 1);
            }
        }
    }
    println!("{count:?}");
    assert_eq!(count.len(), 11);
    assert!(count.values().all(|n| *n > 150), "{count:?}");
}

/// 4,096 access ops of one document: the time a laptop has between a click and its answer. Printed; bounded with room for a busy
/// machine and an unoptimised build.
#[test]
fn four_thousand_ops_are_judged_in_a_blink() {
    for (name, revokes) in [
        ("mixed", 8),
        ("every second op a denial of one seat", 2),
        ("as many twins as denials of it", 3),
    ] {
        let mut w = World::new(40);
        let d = doc(RECORD);
        let founder = w.found(seat(1, 0), d, DocumentKind::Record, vec![]);
        let writer = |n| terms(Subject::Practitioner(dr(n)), Rank::WRITER);
        let grants: Vec<GrantId> = (2..=40)
            .map(|n| {
                let id = w.op(
                    seat(1, 0),
                    d,
                    &[founder],
                    Op::Grant(Grant {
                        terms: writer(n),
                        answers: vec![],
                    }),
                );
                grant_id(&d, &id)
            })
            .collect();
        for n in 0..4_096 - 40 {
            let who = if revokes < 8 { 2 } else { 2 + n % 39 };
            let key = seat(who as u8, 0);
            if n % revokes == 0 && n > 0 {
                let keep = w.tails.get(&key).map(|tail| (key, vec![tail.head()])).into_iter().collect();
                let op = Revoke {
                    subject: Subject::Practitioner(dr(who as u8)),
                    reason: 0,
                    keep,
                };
                w.op(seat(1, 0), d, &[founder], Op::Revoke(op));
            } else if n % revokes == 1 && revokes == 3 {
                let twin = w.link_after(key, None, 1);
                w.put(twin, d, Kind::Content, &[grants[who - 2]], None);
            } else {
                w.content(key, d, &[grants[who - 2]]);
            }
        }
        let view = evaluate(&d, &w.set, &w.directory);
        println!("{name}: {} ops", view.verdicts.len());
        assert_eq!(view.verdicts.len(), 4_096);
    }
}
