//! The steps of a request, one after the other and crossing one another.

use super::*;
use proptest::prelude::*;

const ASKS: Parties = Parties {
    requester: true,
    recipient: false,
};
const ANSWERS: Parties = Parties {
    requester: false,
    recipient: true,
};

fn id(n: u16) -> FactId {
    let mut id = [0; 16];
    // Spread, so that ids don't ascend with time.
    id[..2].copy_from_slice(&n.wrapping_mul(40_503).to_be_bytes());
    id[2..4].copy_from_slice(&n.to_be_bytes());
    FactId(id)
}

fn opening() -> Version {
    version(0, None, ASKS, &[])
}

fn version(n: u16, step: Option<Step>, by: Parties, seen: &[u16]) -> Version {
    Version {
        id: id(n),
        step,
        by,
        is_accepted: true,
        supersedes: seen.iter().map(|n| id(*n)).collect(),
    }
}

fn by(n: u16, step: Step, seen: &[u16]) -> Version {
    let party = if step.party() == Party::Requester { ASKS } else { ANSWERS };
    version(n, Some(step), party, seen)
}

fn course(steps: &[Version]) -> Course {
    let all: Vec<Version> = std::iter::once(opening()).chain(steps.iter().cloned()).collect();
    Course::of(id(0), &all)
}

fn stands(steps: &[Version]) -> Status {
    course(steps).merged().expect("an opening").primary.1
}

#[test]
fn a_request_is_accepted_asked_about_replied_to_answered_and_closed() {
    let mut steps = Vec::new();
    for (n, step, status) in [
        (1, Step::Accept, Status::Accepted),
        (2, Step::AskMore, Status::MoreAsked),
        (3, Step::Reply, Status::Accepted),
        (4, Step::Answer, Status::Answered),
        (5, Step::Answer, Status::Answered),
        // What is said after an answer waits for whoever answered.
        (6, Step::Reply, Status::Accepted),
        (7, Step::Answer, Status::Answered),
        (8, Step::Close, Status::Closed),
    ] {
        steps.push(by(n, step, &[n - 1]));
        assert_eq!(stands(&steps), status);
    }
    assert!(course(&steps).set_aside.is_empty());
    let ended = by(9, Step::Answer, &[8]);
    steps.push(ended.clone());
    let course = course(&steps);
    assert_eq!(course.merged().unwrap().primary, (id(8), Status::Closed));
    let why = SetAside::Refused(NotNow::NotHere {
        step: Step::Answer,
        status: Status::Closed,
        instead: Vec::new(),
    });
    assert_eq!(course.set_aside, [(ended.id, why)].into());
}

#[test]
fn every_status_is_reached_and_only_by_the_side_whose_step_it_is() {
    let mut reached = BTreeSet::from([Status::Requested]);
    let mut grown = true;
    while grown {
        let before = reached.len();
        for status in reached.clone() {
            for step in Step::ALL {
                let (own, other) = match step.party() {
                    Party::Requester => (Party::Requester, Party::Recipient),
                    Party::Recipient => (Party::Recipient, Party::Requester),
                };
                assert_eq!(next(status, step, other), Err(NotNow::NotYours { step }));
                assert_eq!(next(status, step, own).is_ok(), possible(status, own).contains(&step));
                reached.extend(next(status, step, own));
            }
        }
        grown = reached.len() > before;
    }
    assert_eq!(reached, Status::ALL.into());
    for status in Status::ALL {
        let leads_on = [Party::Requester, Party::Recipient]
            .iter()
            .any(|p| !possible(status, *p).is_empty());
        assert_eq!(leads_on, !status.is_final(), "{status}");
    }
}

#[test]
fn what_is_refused_says_what_is_possible_instead() {
    let refused = next(Status::Answered, Step::Accept, Party::Recipient).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "accept is not possible while the request is answered; possible now: answer"
    );
    let refused = next(Status::Requested, Step::Cancel, Party::Recipient).unwrap_err();
    assert_eq!(refused.to_string(), "cancel: only the side that asked can do that");
}

#[test]
fn an_answer_that_crosses_an_end_is_not_overlooked() {
    for (end, before) in [(Step::Cancel, vec![]), (Step::Close, vec![by(8, Step::Answer, &[1])])] {
        let seen = if before.is_empty() { 1 } else { 8 };
        let mut steps = vec![by(1, Step::Accept, &[0]), by(2, end, &[seen]), by(3, Step::Answer, &[1])];
        steps.extend(before);
        let merged = course(&steps).merged().unwrap();
        assert_eq!(merged.primary, (id(3), Status::Answered));
        assert_eq!(merged.others.len(), 1, "the end stands beside it");
        steps.push(by(4, Step::Close, &[2, 3]));
        assert_eq!(course(&steps).merged().unwrap().primary, (id(4), Status::Closed));
        assert_eq!(course(&steps).heads.len(), 1, "whoever has seen both settles it");
    }
}

#[test]
fn two_who_accept_at_once_are_both_shown_and_one_is_first() {
    let both = [by(1, Step::Accept, &[0]), by(2, Step::Accept, &[0])];
    let course = course(&both);
    let first = id(1).min(id(2));
    assert_eq!(course.merged().unwrap().primary, (first, Status::Accepted));
    assert_eq!(course.claims().map(|t| t.id).collect::<BTreeSet<_>>(), [id(1), id(2)].into());
    let third = by(3, Step::Accept, &[1, 2]);
    let later = self::course(&[both[0].clone(), both[1].clone(), third]);
    assert_eq!(later.claims().count(), 2, "who knew of a claim makes none");
}

#[test]
fn a_step_by_the_wrong_side_hides_nothing_and_nothing_rests_on_it() {
    let theft = version(2, Some(Step::Cancel), ANSWERS, &[1]);
    let steps = [by(1, Step::Accept, &[0]), theft, by(3, Step::Answer, &[2])];
    let course = course(&steps);
    assert_eq!(
        course.set_aside,
        [(id(2), SetAside::Refused(NotNow::NotYours { step: Step::Cancel }))].into()
    );
    assert_eq!(
        course.merged().unwrap().primary,
        (id(3), Status::Answered),
        "it rests on what the theft named"
    );
    let nobody = version(4, Some(Step::Answer), Parties::default(), &[0]);
    assert!(self::course(&[nobody]).set_aside.contains_key(&id(4)));
}

#[test]
fn a_step_that_lost_its_standing_keeps_those_behind_it() {
    let mut accept = by(1, Step::Accept, &[0]);
    accept.is_accepted = false;
    let steps = [accept, by(2, Step::Answer, &[1])];
    assert_eq!(stands(&steps), Status::Answered);
    assert_eq!(course(&steps).set_aside, [(id(1), SetAside::NotAcknowledged)].into());
}

#[test]
fn what_is_not_here_yet_is_waited_for_and_a_loop_waits_for_ever() {
    assert_eq!(course(&[by(2, Step::Answer, &[1])]).set_aside, [(id(2), SetAside::Waiting)].into());
    let steps = [by(2, Step::Answer, &[1]), by(1, Step::Accept, &[0])];
    assert_eq!(stands(&steps), Status::Answered);
    let looped = [by(5, Step::Accept, &[6]), by(6, Step::Answer, &[5]), by(7, Step::Accept, &[])];
    let course = course(&looped);
    assert_eq!(course.set_aside.len(), 3);
    assert_eq!(course.set_aside[&id(7)], SetAside::Stray, "it follows nothing of this request");
    assert_eq!(Course::of(id(9), &looped).merged(), None, "no opening, no request");
}

#[test]
fn a_flood_of_steps_is_bounded() {
    let mut steps: Vec<Version> = (1..=2_000).map(|n| by(n, Step::AskMore, &[n - 1])).collect();
    steps.push(by(2_001, Step::Cancel, &[0]));
    let course = course(&steps);
    assert_eq!(course.taken.len(), MAX_STEPS);
    assert_eq!(
        course.heads[&id(2_001)],
        Status::Cancelled,
        "what is near the opening is weighed first"
    );
}

/// Steps by either side after any of the versions before them, sound or not.
fn histories() -> impl Strategy<Value = Vec<Version>> {
    let step = (0..7usize, 0..4u8, any::<bool>(), proptest::collection::vec(any::<u16>(), 1..4));
    proptest::collection::vec(step, 1..24).prop_map(|drawn| {
        (1u16..)
            .zip(drawn)
            .map(|(n, (step, by, is_accepted, seen))| Version {
                id: id(n),
                step: Some(Step::ALL[step]),
                by: Parties {
                    requester: by & 1 > 0,
                    recipient: by & 2 > 0,
                },
                is_accepted,
                supersedes: seen.into_iter().map(|s| id(s % n)).collect(),
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn order_of_arrival_means_nothing(steps in histories(), turn in 0..24usize) {
        let mut other = steps.clone();
        other.rotate_left(turn % steps.len());
        other.reverse();
        prop_assert_eq!(course(&steps), course(&other));
    }

    #[test]
    fn each_step_is_taken_from_where_the_request_stood_or_set_aside(steps in histories()) {
        let course = course(&steps);
        prop_assert_eq!(course.taken.len() + course.set_aside.len(), steps.len() + 1);
        let at: std::collections::BTreeMap<FactId, usize> = course.taken.iter().enumerate().map(|(at, t)| (t.id, at)).collect();
        for taken in &course.taken[1..] {
            let step = taken.step.expect("only the opening has none");
            prop_assert_eq!(next(taken.from, step, step.party()), Ok(taken.to));
            prop_assert!(!taken.from.is_final());
            let version = steps.iter().find(|v| v.id == taken.id).expect("one of them");
            prop_assert!(version.is_accepted && version.by.contains(step.party()));
            for seen in version.supersedes.iter().filter_map(|s| at.get(s)) {
                prop_assert!(*seen < at[&taken.id], "after what its author had seen");
            }
        }
        prop_assert!(!course.heads.is_empty());
        // An answer among the heads is what is shown.
        let answered = course.heads.values().any(|s| *s == Status::Answered);
        let primary = course.merged().expect("heads").primary.1;
        prop_assert_eq!(primary == Status::Answered, answered);
    }

    #[test]
    fn more_that_arrives_undoes_no_step(steps in histories(), known in 0..24usize) {
        // What is known always holds what it names: versions name earlier ones only.
        let part = course(&steps[..known % steps.len()]);
        let whole = course(&steps);
        prop_assert!(part.taken.iter().all(|t| whole.taken.contains(t)));
    }
}
