//! One seat's ring: whatever the order of arrival, it opens what it may and nothing else.

use super::*;
use crate::access::epochs::{SealedKey, make_epoch, make_wrap};
use crate::crypto::Entropy;

const NET: NetworkId = NetworkId([9; 32]);
const ALICE: SeatKey = SeatKey([0xa1; 32]);
const BOB: SeatKey = SeatKey([0xb0; 32]);
const MEDICATION: DocId = DocId([1; 32]);
const TEAM: DocId = DocId([2; 32]);

struct Counter(u64);

impl Entropy for Counter {
    fn random32(&mut self) -> [u8; 32] {
        self.0 += 1;
        crate::crypto::derive("bocage 2026-11 test entropy v1", &[&self.0.to_be_bytes()])
    }
}

fn seat(n: u8) -> KemSecret {
    KemSecret::from_seed(&[n; 32])
}

fn item(n: u16) -> ItemId {
    ItemId([&n.to_be_bytes()[..], &[0; 30]].concat().try_into().unwrap())
}

fn make(doc: DocId, recipients: &[KemPublic], predecessors: &[&EpochKey]) -> (KeyEpoch, EpochKey) {
    let recipients = recipients.iter().copied().collect();
    make_epoch(&NET, &doc, &ALICE, &[7; 32], &recipients, predecessors, &mut Counter(0)).unwrap()
}

fn answer(doc: DocId, key: &EpochKey, recipient: KemPublic) -> Wrap {
    make_wrap(&NET, &doc, &BOB, &[8; 32], key, recipient, &mut Counter(0)).unwrap()
}

fn ring(secrets: &[u8]) -> KeyRing {
    let mut ring = KeyRing::new(NET);
    for n in secrets {
        ring.add_secret(seat(*n));
    }
    ring
}

#[test]
fn the_whole_history_opens_from_the_newest_epoch_however_long() {
    let mut chain = vec![make(MEDICATION, &[seat(1).public()], &[])];
    for _ in 1..200 {
        let next = make(MEDICATION, &[seat(1).public()], &[&chain.last().unwrap().1]);
        chain.push(next);
    }
    // The newest alone is sealed to seat 2, which joined last.
    let (newest, newest_key) = make(MEDICATION, &[seat(1).public(), seat(2).public()], &[&chain.last().unwrap().1]);
    let mut ring = ring(&[2]);
    for (n, (epoch, _)) in chain.iter().enumerate() {
        assert_eq!(ring.offer(MEDICATION, ALICE, item(n as u16), epoch), Offered::Waiting);
    }
    assert_eq!(ring.missing().len(), 200);
    assert_eq!(ring.offer(MEDICATION, ALICE, item(999), &newest), Offered::Opened);
    assert_eq!(ring.missing(), vec![]);
    assert_eq!(ring.epochs(MEDICATION).count(), 201);
    assert_eq!(ring.epochs(TEAM).count(), 0);
    for (epoch, key) in chain.iter().chain([&(newest, newest_key)]) {
        assert_eq!(ring.key(MEDICATION, epoch.kid).unwrap().secret().0, key.secret().0);
    }
    assert_eq!(ring.faults().count(), 0);
}

#[test]
fn a_team_epoch_opens_what_is_sealed_to_the_team_in_any_order() {
    let (team, team_key) = make(TEAM, &[seat(1).public(), seat(2).public()], &[]);
    let (old, old_key) = make(MEDICATION, &[seat(9).public()], &[]);
    let (epoch, _) = make(MEDICATION, &[team.deposit], &[&old_key]);
    let late = answer(DocId([3; 32]), &make(DocId([3; 32]), &[seat(9).public()], &[]).1, team.deposit);
    // Four arrivals in each of their 24 orders.
    let mut orders = vec![vec![]];
    for n in 0..4 {
        orders = orders
            .into_iter()
            .flat_map(|o| (0..=n).map(move |at| [&o[..at], &[n], &o[at..]].concat()))
            .collect();
    }
    assert_eq!(orders.len(), 24);
    for order in orders {
        let mut ring = KeyRing::new(NET);
        for step in &order {
            match step {
                0 => ring.add_secret(seat(2)),
                1 => drop(ring.offer(TEAM, ALICE, item(1), &team)),
                2 => drop(ring.offer(MEDICATION, ALICE, item(2), &epoch)),
                _ => {
                    ring.offer(MEDICATION, ALICE, item(3), &old);
                    ring.offer_wrap(DocId([3; 32]), BOB, item(4), &late);
                }
            }
        }
        assert_eq!(ring.missing(), vec![], "{order:?}");
        assert_eq!(ring.key(MEDICATION, old.kid).unwrap().secret().0, old_key.secret().0, "{order:?}");
        assert!(ring.key(DocId([3; 32]), late.kid).is_some(), "{order:?}");
        assert_eq!(ring.secret(&team.deposit).unwrap().public(), team_key.deposit().public());
        assert_eq!(ring.faults().count(), 0);
        assert!(ring.waiting.is_empty() && ring.by_kid.is_empty(), "nothing lingers");
        assert!(ring.by_recipient.is_empty(), "{order:?}: {:?}", ring.by_recipient);
    }
}

#[test]
fn t33_an_omitted_reader_asks_and_is_healed() {
    let (epoch, key) = make(MEDICATION, &[seat(1).public()], &[]);
    let mut victim = ring(&[2]);
    assert_eq!(victim.offer(MEDICATION, ALICE, item(1), &epoch), Offered::Waiting);
    assert_eq!(victim.missing(), vec![(MEDICATION, epoch.kid)]);
    assert_eq!(victim.faults().count(), 0, "who omitted whom is the evaluator's to say");

    let mut holder = ring(&[1]);
    holder.offer(MEDICATION, ALICE, item(1), &epoch);
    let wrap = answer(MEDICATION, holder.key(MEDICATION, epoch.kid).unwrap(), seat(2).public());
    let wrap = Wrap::decode(&wrap.encode()).unwrap();
    assert_eq!(
        victim.offer_wrap(MEDICATION, ALICE, item(2), &wrap),
        Offered::Refused,
        "signed by another seat than the one that made it"
    );
    assert_eq!(victim.offer_wrap(MEDICATION, BOB, item(3), &wrap), Offered::Opened);
    assert_eq!(victim.missing(), vec![]);
    assert_eq!(victim.key(MEDICATION, epoch.kid).unwrap().secret().0, key.secret().0);
    let blamed: Vec<_> = victim.faults().map(|c| (c.author, c.item, c.fault)).collect();
    assert_eq!(blamed, vec![(ALICE, item(2), EpochFault::BadWrap)]);
}

#[test]
fn t34_a_garbage_wrap_is_complained_of_and_healed() {
    let (mut epoch, key) = make(MEDICATION, &[seat(1).public(), seat(2).public()], &[]);
    for wrap in &mut epoch.wraps {
        if wrap.recipient == seat(2).public() {
            wrap.sealed = [0x5a; 80];
        }
    }
    let mut victim = ring(&[2]);
    assert_eq!(victim.offer(MEDICATION, ALICE, item(1), &epoch), Offered::Waiting);
    assert_eq!(victim.missing(), vec![(MEDICATION, epoch.kid)]);
    let complaint = Complaint {
        doc: MEDICATION,
        author: ALICE,
        kid: epoch.kid,
        item: item(1),
        fault: EpochFault::BadWrap,
    };
    assert_eq!(victim.faults().collect::<Vec<_>>(), vec![&complaint]);
    let wrap = answer(MEDICATION, &key, seat(2).public());
    assert_eq!(victim.offer_wrap(MEDICATION, BOB, item(2), &wrap), Offered::Opened);
    assert_eq!(victim.missing(), vec![]);
    assert_eq!(
        victim.offer(MEDICATION, ALICE, item(1), &epoch),
        Offered::Opened,
        "offering again changes nothing"
    );
    assert_eq!(victim.faults().count(), 1);
}

#[test]
fn t36_a_wrap_under_another_document_is_refused() {
    let (epoch, key) = make(MEDICATION, &[seat(1).public(), seat(2).public()], &[]);
    let mut ring = ring(&[2]);
    assert_eq!(ring.offer(TEAM, ALICE, item(1), &epoch), Offered::Waiting);
    assert_eq!(ring.faults().next().unwrap().fault, EpochFault::BadWrap);
    let wrap = answer(MEDICATION, &key, seat(2).public());
    assert_eq!(ring.offer_wrap(TEAM, BOB, item(2), &wrap), Offered::Refused);
    assert!(ring.key(TEAM, epoch.kid).is_none());
    assert_eq!(ring.offer_wrap(MEDICATION, BOB, item(3), &wrap), Offered::Opened);
}

#[test]
fn t63_a_false_deposit_key_is_attributed_and_opens_nothing_else() {
    let (mut team, _) = make(TEAM, &[seat(2).public()], &[]);
    team.deposit = seat(66).public();
    let (epoch, _) = make(MEDICATION, &[team.deposit], &[]);
    let mut ring = ring(&[2]);
    assert_eq!(ring.offer(TEAM, ALICE, item(1), &team), Offered::Opened, "still readable");
    assert_eq!(ring.offer(MEDICATION, BOB, item(2), &epoch), Offered::Waiting);
    let blamed: Vec<_> = ring.faults().map(|c| (c.doc, c.author, c.fault)).collect();
    assert_eq!(blamed, vec![(TEAM, ALICE, EpochFault::WrongDeposit)]);
    assert!(ring.secret(&seat(66).public()).is_none());
}

#[test]
fn a_removed_reader_keeps_the_old_epoch_and_never_opens_the_next() {
    let (first, first_key) = make(MEDICATION, &[seat(1).public(), seat(2).public()], &[]);
    let (next, _) = make(MEDICATION, &[seat(1).public()], &[&first_key]);
    let mut removed = ring(&[2]);
    removed.offer(MEDICATION, ALICE, item(1), &first);
    assert_eq!(removed.offer(MEDICATION, ALICE, item(2), &next), Offered::Waiting);
    assert!(removed.key(MEDICATION, first.kid).is_some());
    assert!(removed.key(MEDICATION, next.kid).is_none());
}

#[test]
fn a_flood_waits_in_its_authors_own_place() {
    let (epoch, _) = make(MEDICATION, &[seat(1).public()], &[]);
    let mut ring = ring(&[2]);
    for n in 0..MAX_PER_AUTHOR {
        assert_eq!(ring.offer(MEDICATION, BOB, item(n), &epoch), Offered::Waiting);
    }
    assert_eq!(ring.offer(MEDICATION, BOB, item(9_000), &epoch), Offered::OverQuota);
    assert_eq!(ring.waiting.len(), usize::from(MAX_PER_AUTHOR));
    let (good, _) = make(MEDICATION, &[seat(2).public()], &[]);
    assert_eq!(ring.offer(MEDICATION, ALICE, item(9_001), &good), Offered::Opened);
}

#[test]
fn a_wrap_is_tried_once_with_a_secret() {
    let (mut epoch, _) = make(MEDICATION, &[seat(1).public(), seat(2).public(), seat(3).public()], &[]);
    for wrap in &mut epoch.wraps {
        *wrap = SealedKey {
            sealed: [0x5a; 80],
            ..*wrap
        };
    }
    let mut ring = ring(&[1]);
    ring.offer(MEDICATION, ALICE, item(1), &epoch);
    assert_eq!(ring.by_recipient.len(), 2);
    ring.add_secret(seat(2));
    ring.add_secret(seat(2));
    assert_eq!(ring.by_recipient.len(), 1);
    ring.add_secret(seat(3));
    assert!(ring.by_recipient.is_empty());
    assert_eq!(ring.missing(), vec![(MEDICATION, epoch.kid)], "to be asked for");
}

#[test]
fn a_locked_ring_opens_nothing_until_it_is_unlocked_and_offered_again() {
    let (epoch, key) = make(MEDICATION, &[seat(2).public()], &[]);
    let mut ring = ring(&[2]);
    ring.offer(MEDICATION, ALICE, item(1), &epoch);
    assert!(ring.key(MEDICATION, epoch.kid).is_some());
    assert!(!format!("{ring:?}").contains(&crate::ids::hex(&key.secret().0)[..8]));
    ring.lock();
    assert!(ring.key(MEDICATION, epoch.kid).is_none() && ring.secret(&epoch.deposit).is_none());
    assert!(ring.keys.is_empty() && ring.secrets.is_empty() && ring.waiting.is_empty());
    assert_eq!(ring.offer(MEDICATION, ALICE, item(1), &epoch), Offered::Waiting);
    ring.add_secret(seat(2));
    assert!(ring.key(MEDICATION, epoch.kid).is_some());
}

#[test]
fn what_one_makes_one_holds() {
    let (epoch, key) = make(MEDICATION, &[seat(2).public()], &[]);
    let mut ring = KeyRing::new(NET);
    ring.add_key(MEDICATION, key);
    assert_eq!(ring.offer(MEDICATION, ALICE, item(1), &epoch), Offered::Opened);
    assert_eq!(ring.secret(&epoch.deposit).unwrap().public(), epoch.deposit);
}

#[test]
fn a_wrap_for_somebody_else_waits_only_as_long_as_its_key_is_missing() {
    let (epoch, key) = make(MEDICATION, &[seat(2).public()], &[]);
    let (for_three, for_four) = (
        answer(MEDICATION, &key, seat(3).public()),
        answer(MEDICATION, &key, seat(4).public()),
    );
    let mut ring = ring(&[2]);
    assert_eq!(ring.offer_wrap(MEDICATION, BOB, item(1), &for_three), Offered::Waiting);
    assert_eq!(ring.missing(), vec![], "an epoch nobody has seen isn't asked for");
    assert_eq!(ring.offer(MEDICATION, ALICE, item(2), &epoch), Offered::Opened);
    assert_eq!(ring.offer_wrap(MEDICATION, BOB, item(3), &for_four), Offered::Opened);
    assert!(ring.waiting.is_empty() && ring.by_recipient.is_empty() && ring.by_kid.is_empty());
    assert_eq!(ring.faults().count(), 0);
}
