//! Epochs among honest authors, liars and the clumsy: rows 33 to 37, 62 and 63 of the attack table among them.

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, Payload},
};
use proptest::prelude::*;

use super::*;
use crate::access::epochs::choice::{Choice, EpochFacts, Policy, Unfit, choose, unfit};
use crate::crypto::{SEALED_SECRET_LEN, hpke_open};
use crate::ids::{Hlc, unhex};

const NET: NetworkId = NetworkId([9; 32]);
const DOC: DocId = DocId([1; 32]);
const ALICE: SeatKey = SeatKey([0xa1; 32]);
const DAY: u64 = 86_400_000;

/// A generator that counts, and one that is dead.
struct Counter(u8);
struct Dead;

impl Entropy for Counter {
    fn random32(&mut self) -> [u8; 32] {
        self.0 = self.0.wrapping_add(1);
        [self.0; 32]
    }
}

impl Entropy for Dead {
    fn random32(&mut self) -> [u8; 32] {
        [0; 32]
    }
}

fn seat(n: u8) -> KemSecret {
    KemSecret::from_seed(&[n; 32])
}

fn keys(seats: &[u8]) -> BTreeSet<KemPublic> {
    seats.iter().map(|n| seat(*n).public()).collect()
}

fn make(seats: &[u8], predecessors: &[&EpochKey]) -> (KeyEpoch, EpochKey) {
    make_epoch(&NET, &DOC, &ALICE, &[7; 32], &keys(seats), predecessors, &mut Counter(0)).unwrap()
}

fn open(epoch: &KeyEpoch, n: u8) -> Result<OpenedEpoch, EpochFault> {
    let secret = seat(n);
    open_epoch(&NET, &DOC, &ALICE, epoch, |k| (*k == secret.public()).then_some(&secret))
}

fn facts(epoch: &KeyEpoch) -> EpochFacts {
    EpochFacts::stated(epoch, Hlc::from_millis(1_000 * DAY))
}

fn now() -> Policy {
    Policy {
        now: 1_001 * DAY,
        lapsed: BTreeSet::new(),
    }
}

#[test]
fn every_recipient_opens_and_nobody_else() {
    let (epoch, key) = make(&[1, 2, 3], &[]);
    for n in 1..=3 {
        let opened = open(&epoch, n).unwrap();
        assert_eq!(opened.key.secret().0, key.secret().0);
        assert_eq!((opened.key.number(), opened.key.kid()), (1, epoch.kid));
        assert_eq!(opened.key.deposit().public(), epoch.deposit);
        assert!(opened.history.faults.is_empty());
    }
    assert_eq!(open(&epoch, 4).unwrap_err(), EpochFault::NotForUs);
}

#[test]
fn a_removed_reader_cannot_open_the_next_epoch() {
    let (first, first_key) = make(&[1, 2], &[]);
    let (next, next_key) = make(&[1], &[&first_key]);
    assert!(open(&first, 2).is_ok());
    assert_eq!(open(&next, 2).unwrap_err(), EpochFault::NotForUs);
    assert!(
        first.history(&NET, &DOC, &next_key).faults.contains(&EpochFault::WrongDeposit),
        "the new key is no key of the old epoch"
    );
    // History opens backwards only: the old key opens nothing of the new epoch.
    assert!(next.predecessors[0].open(&NET, &DOC, &first_key).is_none());
    assert_eq!(
        next.predecessors[0].open(&NET, &DOC, &next_key).unwrap().secret().0,
        first_key.secret().0
    );
}

#[test]
fn one_wrap_is_113_bytes_and_one_predecessor_84() {
    let (one, first_key) = make(&[1], &[]);
    let (two, _) = make(&[1, 2], &[]);
    let (joined, _) = make(&[1], &[&first_key]);
    assert_eq!(SealedKey::LEN, 113);
    assert_eq!(one.encode().len(), 55 + 113);
    assert_eq!(two.encode().len() - one.encode().len(), 113);
    assert_eq!(joined.encode().len() - one.encode().len(), 84);
    let late = make_wrap(&NET, &DOC, &ALICE, &[7; 32], &first_key, seat(2).public(), &mut Dead).unwrap();
    assert_eq!(late.encode().len(), 133);
}

#[test]
fn bodies_have_one_form_and_every_truncation_is_refused() {
    let (_, first) = make(&[1], &[]);
    let (_, second) = make(&[2], &[]);
    let (epoch, key) = make(&[1, 2, 3], &[&first, &second]);
    let wrap = make_wrap(&NET, &DOC, &ALICE, &[7; 32], &key, seat(4).public(), &mut Dead).unwrap();
    let request = KeyRequest {
        kid: epoch.kid,
        recipient: seat(4).public(),
    };
    let (e, w, r) = (epoch.encode(), wrap.encode(), request.encode());
    assert_eq!(KeyEpoch::decode(&e), Ok(epoch.clone()));
    assert_eq!(Wrap::decode(&w), Ok(wrap));
    assert_eq!(KeyRequest::decode(&r), Ok(request));
    for n in 0..e.len() {
        assert!(KeyEpoch::decode(&e[..n]).is_err(), "epoch {n}");
        assert!(Wrap::decode(&w[..n.min(w.len() - 1)]).is_err());
        assert!(KeyRequest::decode(&r[..n.min(r.len() - 1)]).is_err());
    }
    for body in [&e, &w, &r] {
        let long = [&body[..], &[0]].concat();
        assert!(KeyEpoch::decode(&long).is_err() && Wrap::decode(&long).is_err() && KeyRequest::decode(&long).is_err());
    }

    let refused = |change: &dyn Fn(&mut KeyEpoch)| {
        let mut altered = epoch.clone();
        change(&mut altered);
        KeyEpoch::decode(&altered.encode()).unwrap_err()
    };
    assert_eq!(refused(&|e| e.wraps.swap(0, 1)), WireError::NotCanonical("wraps"));
    assert_eq!(refused(&|e| e.wraps[1] = e.wraps[0]), WireError::NotCanonical("wraps"));
    assert_eq!(refused(&|e| e.wraps.clear()), WireError::OutOfBounds("wraps"));
    assert_eq!(refused(&|e| e.predecessors.swap(0, 1)), WireError::NotCanonical("predecessors"));
    assert_eq!(refused(&|e| e.kid = Kid::ZERO), WireError::NotCanonical("kid"));
    assert_eq!(refused(&|e| e.number = 3), WireError::OutOfBounds("epoch number"));
    assert_eq!(
        refused(&|e| e.wraps = vec![e.wraps[0]; MAX_WRAPS + 1]),
        WireError::OutOfBounds("wraps")
    );
    assert_eq!(
        refused(&|e| e.predecessors = vec![e.predecessors[0]; MAX_PREDECESSORS + 1]),
        WireError::OutOfBounds("predecessors")
    );
    let mut suite_two = e.clone();
    suite_two[54 + 32] = 2;
    assert_eq!(KeyEpoch::decode(&suite_two), Err(WireError::Unknown("wrap suite")));
}

#[test]
fn an_epoch_holds_256_recipients_and_not_257() {
    let many = |n: u16| (0..n).map(|i| KemSecret::from_seed(&[&i.to_be_bytes()[..], &[1; 30]].concat().try_into().unwrap()).public());
    let make = |n| make_epoch(&NET, &DOC, &ALICE, &[7; 32], &many(n).collect(), &[], &mut Dead);
    let (epoch, _) = make(256).unwrap();
    assert_eq!(KeyEpoch::decode(&epoch.encode()).unwrap().wraps.len(), 256);
    assert_eq!(make(257).unwrap_err(), WireError::OutOfBounds("wraps"));
    assert_eq!(make(0).unwrap_err(), WireError::OutOfBounds("wraps"));
}

#[test]
fn t34_a_garbage_wrap_is_noticed_and_healed() {
    let (mut epoch, key) = make(&[1, 2], &[]);
    let position = epoch.wraps.iter().position(|w| w.recipient == seat(2).public()).unwrap();
    epoch.wraps[position].sealed[40] ^= 1;
    assert_eq!(open(&epoch, 2).unwrap_err(), EpochFault::BadWrap);
    assert!(open(&epoch, 1).is_ok(), "the others read on");

    // A wrap that opens, to a key of the author's choice: the kid gives it away.
    let within = Within::Epoch {
        number: 1,
        kid: &epoch.kid,
    };
    let place = Place {
        network: &NET,
        doc: &DOC,
        author: &ALICE,
        within,
    };
    epoch.wraps[position] = SealedKey::seal(&place, seat(2).public(), &Secret([66; 32]), &[7; 32], &mut Dead).unwrap();
    assert_eq!(open(&epoch, 2).unwrap_err(), EpochFault::WrongKey);

    let answer = make_wrap(&NET, &DOC, &ALICE, &[7; 32], &key, seat(2).public(), &mut Dead).unwrap();
    assert_eq!(answer.open(&NET, &DOC, &ALICE, &seat(2)).unwrap().secret().0, key.secret().0);
    let lie = Wrap {
        number: answer.number + 1,
        ..answer
    };
    assert_eq!(lie.open(&NET, &DOC, &ALICE, &seat(2)).unwrap_err(), EpochFault::BadWrap);
}

#[test]
fn t36_a_transplanted_wrap_opens_nothing() {
    let (epoch, key) = make(&[1, 2], &[]);
    let bob = seat(2);
    let look = |k: &KemPublic| (*k == bob.public()).then_some(&bob);
    assert!(open_epoch(&NET, &DOC, &ALICE, &epoch, look).is_ok());
    let elsewhere = [
        open_epoch(&NetworkId([8; 32]), &DOC, &ALICE, &epoch, look),
        open_epoch(&NET, &DocId([2; 32]), &ALICE, &epoch, look),
        open_epoch(&NET, &DOC, &SeatKey([0xb0; 32]), &epoch, look),
    ];
    assert!(elsewhere.into_iter().all(|r| r.unwrap_err() == EpochFault::BadWrap));

    let (other, _) = make(&[2, 3], &[&key]);
    let mut transplanted = other.clone();
    let from = epoch.wraps.iter().find(|w| w.recipient == bob.public()).unwrap();
    *transplanted.wraps.iter_mut().find(|w| w.recipient == bob.public()).unwrap() = *from;
    assert_eq!(
        open(&transplanted, 2).unwrap_err(),
        EpochFault::BadWrap,
        "another epoch of the same document"
    );

    let to_alice = epoch.wraps.iter().find(|w| w.recipient == seat(1).public()).unwrap();
    let readdressed = SealedKey {
        recipient: bob.public(),
        ..*to_alice
    };
    let mut readdressed_epoch = epoch.clone();
    readdressed_epoch.wraps = vec![readdressed];
    assert_eq!(open(&readdressed_epoch, 2).unwrap_err(), EpochFault::BadWrap, "another recipient");

    let late = Wrap {
        kid: epoch.kid,
        number: 1,
        key: *from,
    };
    assert_eq!(
        late.open(&NET, &DOC, &ALICE, &bob).unwrap_err(),
        EpochFault::BadWrap,
        "an epoch's wrap is no late wrap"
    );
}

#[test]
fn t63_somebody_elses_deposit_key_is_complained_of_and_the_epoch_still_opens() {
    let (mut epoch, key) = make(&[1, 2], &[]);
    epoch.deposit = seat(66).public();
    let opened = open(&epoch, 2).unwrap();
    assert_eq!(opened.key.secret().0, key.secret().0);
    assert_eq!(opened.history.faults, vec![EpochFault::WrongDeposit]);
    assert!(opened.history.faults[0].blames_author());
    let complained = EpochFacts {
        complained: opened.history.faults.iter().any(|fault| fault.blames_author()),
        ..facts(&epoch)
    };
    let live = keys(&[1, 2]);
    assert_eq!(
        choose(&[facts(&epoch)], &live, &now()),
        Choice::WriteUnder(epoch.kid),
        "but for the complaint it would do"
    );
    assert_eq!(
        unfit(std::slice::from_ref(&complained), epoch.kid, &live, &now()),
        Some(Unfit::Complained)
    );
    assert_eq!(
        choose(&[complained], &live, &now()),
        Choice::RotateFirst {
            predecessors: vec![epoch.kid]
        }
    );
}

#[test]
fn a_false_predecessor_is_complained_of_and_the_epoch_still_opens() {
    let (_, first) = make(&[1], &[]);
    let (mut epoch, _) = make(&[1, 2], &[&first]);
    for byte in [0, 31, 32, 63] {
        epoch.predecessors[0].sealed[byte] ^= 1;
        let opened = open(&epoch, 2).unwrap();
        assert_eq!(opened.history.faults, vec![EpochFault::BadPredecessor(first.kid())]);
        assert!(opened.history.predecessors.is_empty());
        epoch.predecessors[0].sealed[byte] ^= 1;
    }
    assert_eq!(
        open(&epoch, 2).unwrap().history.predecessors[0].secret().0,
        first.secret().0,
        "unaltered, it opens"
    );
}

#[test]
fn a_predecessor_is_bound_to_its_synthetic_value() {
    let (_, first) = make(&[1], &[]);
    let (epoch, key) = make(&[1, 2], &[&first]);
    // The right key behind a value that doesn't commit to it: the key id alone wouldn't notice.
    let mut forged = epoch.predecessors[0];
    let wrap_key = Predecessor::key(&NET, &DOC, &key, &first.kid(), first.number());
    forged.sealed[..32].copy_from_slice(&[5; 32]);
    forged.sealed[32..].copy_from_slice(&xor(&first.secret().0, &Predecessor::mask(&wrap_key, &[5; 32]).0));
    assert!(forged.open(&NET, &DOC, &key).is_none());
}

#[test]
fn a_known_key_under_a_false_number_is_complained_of() {
    let (_, first) = make(&[1], &[]);
    let (epoch, key) = make(&[1], &[&first]);
    let mut twin = epoch.clone();
    twin.number = 1;
    twin.predecessors.clear();
    assert_eq!(twin.history(&NET, &DOC, &key).faults, vec![EpochFault::WrongKey]);
}

#[test]
fn several_wraps_for_us_are_tried_and_a_bad_one_is_complained_of() {
    let seats: Vec<u8> = (1..=30).collect();
    let (mut epoch, key) = make(&seats, &[]);
    let mine: Vec<KemSecret> = seats.iter().map(|n| seat(*n)).collect();
    let all = |k: &KemPublic| mine.iter().find(|s| s.public() == *k);
    let spoil = |epoch: &mut KeyEpoch, n: usize| epoch.wraps[n].sealed[79] ^= 1;
    (0..MAX_TRIES - 1).for_each(|n| spoil(&mut epoch, n));
    let opened = open_epoch(&NET, &DOC, &ALICE, &epoch, all).unwrap();
    assert_eq!(opened.key.secret().0, key.secret().0);
    assert_eq!(opened.history.faults, vec![EpochFault::BadWrap]);
    spoil(&mut epoch, MAX_TRIES - 1);
    assert_eq!(open_epoch(&NET, &DOC, &ALICE, &epoch, all).unwrap_err(), EpochFault::BadWrap);
}

#[test]
fn heads_are_held_ones_and_the_soundest_come_first() {
    let body = |n: u8, number: u32| EpochFacts {
        kid: Kid([n; 16]),
        number,
        recipients: keys(&[1, 66]),
        predecessors: vec![],
        made: Hlc::from_millis(1_000 * DAY),
        by_authorised_author: true,
        complained: false,
        retired: false,
        held: true,
    };
    let mut all: Vec<EpochFacts> = (1..=9).map(|n| body(n, u32::from(n))).collect();
    all[8].by_authorised_author = false;
    all[7].held = false;
    let Choice::RotateFirst { predecessors } = choose(&all, &keys(&[1]), &now()) else {
        panic!("all are exposed");
    };
    let order: Vec<u8> = predecessors.iter().map(|k| k.0[0]).collect();
    assert_eq!(order, vec![7, 6, 5, 4, 3, 2, 1, 9], "8 isn't held; 9's author may not rotate");
    all[7].held = true;
    let Choice::RotateFirst { predecessors } = choose(&all, &keys(&[1]), &now()) else {
        panic!("all are exposed");
    };
    assert_eq!(predecessors.len(), MAX_PREDECESSORS);
    assert_eq!(predecessors[0], Kid([8; 16]));

    // Above what is believed as stated, the very predecessor that a number counts from must be there.
    let mut last = vec![body(1, MAX_NUMBER / 2), body(2, MAX_NUMBER)];
    last[1].predecessors = vec![(Kid([1; 16]), MAX_NUMBER / 2)];
    assert_eq!(
        unfit(&last, Kid([2; 16]), &keys(&[1, 66]), &now()),
        Some(Unfit::BaselessNumber),
        "a predecessor that is there, but not the one it counts from"
    );
}

/// Frozen bytes (vectors V3 and V4), computed by a second implementation from the layout alone: a change here is a change of format, and every stored record would stop opening.
#[test]
fn key_id_deposit_key_and_sealed_predecessor_are_frozen() {
    let first = EpochKey::new(&NET, &DOC, 1, Secret([0x11; 32]));
    let second = EpochKey::new(&NET, &DOC, 2, Secret([0x22; 32]));
    let sealed = Predecessor::seal(&NET, &DOC, &second, &first).sealed;
    assert_eq!(first.kid().to_hex(), "0c1817ee04f68d6129db1791d49a6802");
    assert_eq!(
        first.deposit().public().to_hex(),
        "51474637c6d03483784e6955609895bc020aff7f0f5f6efd06a154fa415ee702"
    );
    assert_eq!(
        crate::ids::hex(&sealed),
        "1304dad5ff23d7822b4eef840af8c391c94015cf7b25a4b1ea53173f0583101447e9c12d11811bb58f5aaa71fa873ce52c5089be4ba67b23112b6f865fd03c1a"
    );
}

#[test]
fn t62_a_number_near_the_end_is_invalid_and_does_not_block_rotation() {
    let (_, first) = make(&[1], &[]);
    let (honest, honest_key) = make(&[1, 2], &[&first]);
    for number in [0, MAX_NUMBER + 1, u32::MAX] {
        let mut hostile = honest.clone();
        hostile.number = number;
        hostile.predecessors[0].number = number.wrapping_sub(1);
        assert!(KeyEpoch::decode(&hostile.encode()).is_err(), "{number}");
    }

    // The greatest number that parses, counted from a predecessor nobody ever made.
    let mut hostile = honest.clone();
    hostile.kid = Kid([0xee; 16]);
    hostile.number = MAX_NUMBER;
    hostile.predecessors[0].kid = Kid([0xed; 16]);
    hostile.predecessors[0].number = MAX_NUMBER - 1;
    let hostile = KeyEpoch::decode(&hostile.encode()).unwrap();
    let all = [facts(&honest), facts(&hostile)];
    let live = keys(&[1, 2]);
    assert_eq!(unfit(&all, hostile.kid, &live, &now()), Some(Unfit::BaselessNumber));
    assert_eq!(choose(&all, &live, &now()), Choice::WriteUnder(honest.kid));
    let Choice::RotateFirst { predecessors } = choose(&all, &keys(&[1]), &now()) else {
        panic!("a reader left");
    };
    assert_eq!(predecessors, vec![honest.kid]);
    assert_eq!(make(&[1], &[&honest_key]).0.number, 3);

    // A lie within what is believed costs numbers, not the ability to rotate.
    let mut liar = honest.clone();
    liar.kid = Kid([0xee; 16]);
    liar.number = MAX_NUMBER / 2;
    liar.predecessors[0].number = MAX_NUMBER / 2 - 1;
    let mut next = honest.clone();
    next.kid = Kid([0xef; 16]);
    next.number = MAX_NUMBER / 2 + 1;
    next.predecessors[0].kid = liar.kid;
    next.predecessors[0].number = liar.number;
    let all = [facts(&honest), facts(&liar), facts(&next)];
    assert_eq!(choose(&all, &live, &now()), Choice::WriteUnder(next.kid));

    let at_the_end = EpochKey::new(&NET, &DOC, MAX_NUMBER, Secret([1; 32]));
    let refused = make_epoch(&NET, &DOC, &ALICE, &[7; 32], &live, &[&at_the_end], &mut Dead);
    assert_eq!(refused.unwrap_err(), WireError::OutOfBounds("epoch number"));
}

#[test]
fn t33_an_epoch_that_omits_a_live_reader_is_not_written_under() {
    let (epoch, _) = make(&[1, 2], &[]);
    let live = keys(&[1, 2, 3]);
    let mut known = facts(&epoch);
    assert_eq!(unfit(std::slice::from_ref(&known), epoch.kid, &live, &now()), Some(Unfit::Omits));
    assert_eq!(
        choose(std::slice::from_ref(&known), &live, &now()),
        Choice::RotateFirst {
            predecessors: vec![epoch.kid]
        }
    );
    known.recipients.insert(seat(3).public());
    assert_eq!(
        choose(&[known], &live, &now()),
        Choice::WriteUnder(epoch.kid),
        "a late wrap heals it without a rotation"
    );
}

#[test]
fn t35_an_epoch_that_includes_a_stranger_is_not_written_under() {
    let (good, key) = make(&[1, 2], &[]);
    let (exposed, _) = make(&[1, 2, 66], &[]);
    let live = keys(&[1, 2]);
    let all = [facts(&exposed), facts(&good)];
    assert_eq!(unfit(&all, exposed.kid, &live, &now()), Some(Unfit::Exposed));
    assert_eq!(choose(&all, &live, &now()), Choice::WriteUnder(good.kid));
    assert!(open(&exposed, 2).is_ok(), "still readable");

    // The same key published anew for a stranger, by somebody who knows it.
    let mut twin = good.clone();
    twin.wraps = exposed.wraps.clone();
    let all = [facts(&good), facts(&twin)];
    assert_eq!(
        choose(&all, &live, &now()),
        Choice::RotateFirst {
            predecessors: vec![key.kid()]
        }
    );
    // Published anew by somebody who may not, for nobody else: that changes nothing.
    let twin = EpochFacts {
        by_authorised_author: false,
        complained: true,
        ..facts(&good)
    };
    assert_eq!(choose(&[twin, facts(&good)], &live, &now()), Choice::WriteUnder(good.kid));
}

#[test]
fn t37_nothing_is_written_under_what_a_removed_reader_knows() {
    // 1 and 2 read; 3 joins and is removed. Epoch one's own recipients are the live readers again, but its key was sealed under
    // epoch two's, which 3 opened.
    let (one, one_key) = make(&[1, 2], &[]);
    let (two, two_key) = make(&[1, 2, 3], &[&one_key]);
    assert_eq!(open(&two, 3).unwrap().history.predecessors[0].secret().0, one_key.secret().0);
    let mut all = vec![facts(&one), facts(&two)];
    let live = keys(&[1, 2]);
    assert_eq!(unfit(&all, one.kid, &live, &now()), Some(Unfit::Superseded));
    assert_eq!(unfit(&all, two.kid, &live, &now()), Some(Unfit::Exposed));
    assert_eq!(
        choose(&all, &live, &now()),
        Choice::RotateFirst {
            predecessors: vec![two.kid]
        }
    );

    let (three, _) = make(&[1, 2], &[&two_key]);
    all.push(facts(&three));
    assert_eq!(choose(&all, &live, &now()), Choice::WriteUnder(three.kid));

    // A late wrap to somebody who was removed since exposes as much as the body's own.
    all[2].recipients.insert(seat(3).public());
    assert_eq!(unfit(&all, three.kid, &live, &now()), Some(Unfit::Exposed));

    // Epoch two's author may no longer rotate: what 3 learned from it, 3 knows.
    all[1].by_authorised_author = false;
    all.truncate(2);
    assert_eq!(
        choose(&all, &live, &now()),
        Choice::RotateFirst {
            predecessors: vec![one.kid, two.kid]
        }
    );
}

#[test]
fn concurrent_epochs_are_both_kept_and_the_next_joins_them() {
    let (_, first) = make(&[1, 2], &[]);
    let (left, left_key) = make(&[1, 2], &[&first]);
    let (right, right_key) =
        make_epoch(&NET, &DOC, &ALICE, &[8; 32], &keys(&[1, 2]), &[&first], &mut Counter(0)).expect("two recipients, one predecessor");
    assert_ne!(left.kid, right.kid);
    assert_eq!((left.number, right.number), (2, 2));
    let smallest = left.kid.min(right.kid);
    let mut all = vec![facts(&left), facts(&right)];
    assert_eq!(choose(&all, &keys(&[1, 2]), &now()), Choice::WriteUnder(smallest));
    all.reverse();
    assert_eq!(choose(&all, &keys(&[1, 2]), &now()), Choice::WriteUnder(smallest), "in any order");

    let Choice::RotateFirst { predecessors } = choose(&all, &keys(&[1]), &now()) else {
        panic!("a reader left");
    };
    assert_eq!(predecessors, vec![smallest, left.kid.max(right.kid)]);
    let (joined, joined_key) = make(&[1], &[&left_key, &right_key]);
    assert_eq!(joined.number, 3);
    let history = joined.history(&NET, &DOC, &joined_key);
    assert_eq!((history.predecessors.len(), history.faults.len()), (2, 0));
}

#[test]
fn an_expired_mobile_grant_rotates_at_most_monthly_and_any_epoch_yearly() {
    let (epoch, _) = make(&[1, 2, 3], &[]);
    let all = [facts(&epoch)];
    let live = keys(&[1, 2]);
    let at = |day: u64, lapsed: &[u8]| Policy {
        now: (1_000 + day) * DAY,
        lapsed: keys(lapsed),
    };
    assert_eq!(choose(&all, &live, &at(29, &[3])), Choice::WriteUnder(epoch.kid));
    assert_eq!(unfit(&all, epoch.kid, &live, &at(30, &[3])), Some(Unfit::Exposed));
    assert_eq!(
        unfit(&all, epoch.kid, &live, &at(1, &[])),
        Some(Unfit::Exposed),
        "a revocation at once"
    );
    let future = EpochFacts {
        made: Hlc::from_millis(9_000 * DAY),
        ..facts(&epoch)
    };
    assert_eq!(
        unfit(&[future], epoch.kid, &live, &at(1, &[3])),
        Some(Unfit::Exposed),
        "a stamp from the future buys no month"
    );
    let all_live = keys(&[1, 2, 3]);
    assert_eq!(unfit(&all, epoch.kid, &all_live, &at(365, &[])), None);
    assert_eq!(unfit(&all, epoch.kid, &all_live, &at(366, &[])), Some(Unfit::Old));
    let retired = EpochFacts {
        retired: true,
        ..facts(&epoch)
    };
    assert_eq!(unfit(&[retired], epoch.kid, &all_live, &at(1, &[])), Some(Unfit::Retired));
    assert_eq!(unfit(&all, Kid([5; 16]), &all_live, &at(1, &[])), Some(Unfit::Unknown));
}

#[test]
fn a_dead_generator_repeats_no_key() {
    let make = |seats: &[u8], predecessors: &[&EpochKey], doc: &DocId, secret: u8| {
        make_epoch(&NET, doc, &ALICE, &[secret; 32], &keys(seats), predecessors, &mut Dead).unwrap()
    };
    let (first, first_key) = make(&[1, 2], &[], &DOC, 7);
    let all = [
        (first, first_key.secret().0),
        with_bytes(make(&[1, 2], &[&first_key], &DOC, 7)),
        with_bytes(make(&[1], &[], &DOC, 7)),
        with_bytes(make(&[1, 2], &[], &DocId([2; 32]), 7)),
        with_bytes(make(&[1, 2], &[], &DOC, 8)),
    ];
    let keys: BTreeSet<[u8; 32]> = all.iter().map(|(_, k)| *k).collect();
    let kids: BTreeSet<Kid> = all.iter().map(|(e, _)| e.kid).collect();
    let wraps: Vec<&SealedKey> = all.iter().flat_map(|(e, _)| &e.wraps).collect();
    let ephemerals: BTreeSet<&[u8]> = wraps.iter().map(|w| &w.sealed[..32]).collect();
    assert_eq!((keys.len(), kids.len(), ephemerals.len()), (5, 5, wraps.len()));
}

fn with_bytes((epoch, key): (KeyEpoch, EpochKey)) -> (KeyEpoch, [u8; 32]) {
    (epoch, key.secret().0)
}

#[test]
fn a_recipient_key_of_small_order_shuts_out_its_owner_only() {
    let mut recipients = keys(&[1]);
    recipients.insert(KemPublic([0; 32]));
    let (epoch, _) = make_epoch(&NET, &DOC, &ALICE, &[7; 32], &recipients, &[], &mut Dead).unwrap();
    assert_eq!(epoch.recipients().collect::<BTreeSet<_>>(), recipients);
    assert!(open(&epoch, 1).is_ok());
    assert_eq!(choose(&[facts(&epoch)], &recipients, &now()), Choice::WriteUnder(epoch.kid));
}

#[test]
fn secrets_do_not_show() {
    let (_, key) = make(&[1], &[]);
    let shown = format!("{key:?} {:?}", key.deposit());
    assert!(
        shown.contains("[secret]") && !shown.contains(&crate::ids::hex(&key.secret().0)[..8]),
        "{shown}"
    );
}

/// RFC 9180 A.2.1. Its plaintext isn't 32 bytes long and its associated data isn't empty, so the RFC's own key and nonce seal a
/// secret here, and [`hpke_open`] must find them again from the RFC's seed, encapsulation and info.
#[test]
fn hpke_finds_the_key_schedule_of_rfc_9180() {
    let hex = |text| unhex(text).unwrap();
    let array = |text| <[u8; 32]>::try_from(hex(text)).unwrap();
    let secret = KemSecret::from_seed(&array("1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df"));
    assert_eq!(
        secret.public().0,
        array("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a")
    );
    let info = hex("4f6465206f6e2061204772656369616e2055726e");
    let enc = array("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a");
    let key = array("ad2744de8e17f4ebba575b3f5f5a8fa1f69c2a07f6e7500bc60ca6e3e3ec1c91");
    let nonce: [u8; 12] = hex("5c4d98150661b848853b547f").try_into().unwrap();
    let cipher = ChaCha20Poly1305::new(&key.into());

    let known = cipher.encrypt(
        &nonce.into(),
        Payload {
            msg: &hex("4265617574792069732074727574682c20747275746820626561757479"),
            aad: &hex("436f756e742d30"),
        },
    );
    assert_eq!(
        known.unwrap(),
        hex("1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"),
        "the key and nonce are the RFC's"
    );

    let mut sealed = [0; SEALED_SECRET_LEN];
    sealed[..32].copy_from_slice(&enc);
    sealed[32..].copy_from_slice(&cipher.encrypt(&nonce.into(), &[42; 32][..]).unwrap());
    assert_eq!(hpke_open(&secret, &info, &sealed).unwrap().0, [42; 32]);
    assert!(hpke_open(&secret, b"another info", &sealed).is_err());
}

/// Epochs as a hostile author might state them: small id and number spaces, so that links meet.
fn hostile() -> impl Strategy<Value = EpochFacts> {
    let number = prop_oneof![1..6u32, MAX_NUMBER / 2 - 1..MAX_NUMBER / 2 + 3, MAX_NUMBER - 2..=MAX_NUMBER];
    let link = (1..12u8, number.clone()).prop_map(|(k, n)| (Kid([k; 16]), n));
    let seats = prop::collection::btree_set(1..5u8, 1..5);
    (1..12u8, number, seats, prop::collection::vec(link, 0..3), any::<[bool; 4]>()).prop_map(|(kid, number, seats, predecessors, flags)| {
        EpochFacts {
            kid: Kid([kid; 16]),
            number,
            recipients: seats.into_iter().map(|n| KemPublic([n; 32])).collect(),
            predecessors,
            made: Hlc::from_millis(1_000 * DAY),
            by_authorised_author: flags[0],
            complained: flags[1],
            retired: flags[2],
            held: flags[3],
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_others_published_one_rotation_gives_a_writable_epoch(mut all in prop::collection::vec(hostile(), 0..14)) {
        let live: BTreeSet<KemPublic> = [KemPublic([1; 32]), KemPublic([2; 32])].into();
        // A key has one number: of two bodies that state different ones, the ring holds at most one's.
        let mut true_number = std::collections::BTreeMap::new();
        for e in &mut all {
            e.held &= *true_number.entry(e.kid).or_insert(e.number) == e.number;
        }
        let chosen = choose(&all, &live, &now());
        let mut shuffled = all.clone();
        shuffled.reverse();
        prop_assert_eq!(&chosen, &choose(&shuffled, &live, &now()), "the order of facts plays no part");
        match chosen {
            Choice::WriteUnder(kid) => {
                let twins = || all.iter().filter(|e| e.kid == kid);
                prop_assert!(twins().all(|e| e.recipients.is_subset(&live)), "nobody else knows it");
                let fit = |e: &&EpochFacts| e.recipients == live && e.by_authorised_author && !e.complained && !e.retired && e.held;
                let named = |e: &EpochFacts| all.iter().any(|later| later.predecessors.contains(&(e.kid, e.number)));
                prop_assert!(twins().filter(fit).any(|e| !named(e)));
            }
            Choice::RotateFirst { predecessors } => {
                prop_assert!(predecessors.len() <= MAX_PREDECESSORS);
                let number_of = |k: &Kid| all.iter().filter(|e| e.kid == *k && e.held).map(|e| e.number).max();
                let numbers: Option<Vec<u32>> = predecessors.iter().map(number_of).collect();
                let numbers = numbers.expect("every head named is held");
                let number = number_after(numbers.iter().copied());
                prop_assert!(number.is_some(), "numbers aren't used up");
                all.push(EpochFacts {
                    kid: Kid([99; 16]),
                    number: number.unwrap(),
                    recipients: live.clone(),
                    predecessors: predecessors.into_iter().zip(numbers).collect(),
                    made: Hlc::from_millis(1_001 * DAY),
                    by_authorised_author: true,
                    complained: false,
                    retired: false,
                    held: true,
                });
                prop_assert_eq!(choose(&all, &live, &now()), Choice::WriteUnder(Kid([99; 16])));
            }
        }
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), at in 0..300usize, flip in 1..=255u8) {
        let _ = (KeyEpoch::decode(&bytes), Wrap::decode(&bytes), KeyRequest::decode(&bytes));
        let (_, first) = make(&[1], &[]);
        let (epoch, _) = make(&[1], &[&first]);
        let mut altered = epoch.encode();
        let at = at % altered.len();
        altered[at] ^= flip;
        if let Ok(altered) = KeyEpoch::decode(&altered) {
            let clean = open(&altered, 1).is_ok_and(|o| o.history.faults.is_empty());
            prop_assert!(!clean, "byte {} is not covered", at);
        }
    }
}
