//! Who is known to hold what: never more than is true, soon enough, and silence afterwards.

use std::collections::{BTreeMap, BTreeSet};

use super::harness::{CLINIC, Cast, Disk, NURSES, Net, PHARMACY};
use super::intake::Hostile;
use super::{first_facts, new};
use crate::access::matrix::Compartment;
use crate::crypto::Secret;
use crate::envelope::{Envelope, Header, Kind, Lane};
use crate::identity::{FacilityKind, OpBody, Profession, Revoked};
use crate::ids::{DocId, Hlc, ItemId, Kid, NetworkId, NodeKey, SeatKey};
use crate::peer::{Event, Held, Input};
use crate::store::{Batch, LocalWrite, MemoryStore, Store};
use crate::testing::key;

/// A town of places that all know each other.
const TWELVE: Cast<'static> = &[
    ("a", FacilityKind::Clinic, Profession::Doctor, 1),
    ("b", FacilityKind::Pharmacy, Profession::Pharmacist, 1),
    ("c", FacilityKind::Clinic, Profession::Nurse, 1),
    ("d", FacilityKind::Clinic, Profession::Doctor, 1),
    ("e", FacilityKind::Pharmacy, Profession::Pharmacist, 1),
    ("f", FacilityKind::Clinic, Profession::Nurse, 1),
    ("g", FacilityKind::Clinic, Profession::Doctor, 1),
    ("h", FacilityKind::Pharmacy, Profession::Pharmacist, 1),
    ("i", FacilityKind::Clinic, Profession::Nurse, 1),
    ("j", FacilityKind::Clinic, Profession::Doctor, 1),
    ("k", FacilityKind::Pharmacy, Profession::Pharmacist, 1),
    ("l", FacilityKind::Clinic, Profession::Nurse, 1),
];

type Tips = BTreeMap<NodeKey, Vec<ItemId>>;

/// What node `n` knows of who holds this seat's chain.
fn known(net: &Net, n: usize, author: SeatKey) -> Tips {
    let holders = net.nodes[n].peer.holders(&author);
    holders.map(|(node, tips)| (node, tips.to_vec())).collect()
}

fn seat_of(net: &Net, n: usize) -> SeatKey {
    net.nodes[n].founded.seats[0].key()
}

/// Until everything is said that is due.
fn rest(net: &mut Net) {
    for _ in 0..4 {
        net.now += 2_100;
        (0..net.nodes.len()).for_each(|n| net.input(n, Input::Tick));
        net.run();
    }
}

/// The end of a seat's chain where it works.
fn tip(net: &Net, n: usize) -> ItemId {
    let seat = seat_of(net, n);
    let own: Vec<Envelope> = net.nodes[n]
        .items()
        .iter()
        .filter_map(|i| Envelope::parse(i).ok())
        .filter(|e| e.header.seat == seat)
        .collect();
    own.iter()
        .max_by_key(|e| (e.header.incarnation, e.header.seq))
        .expect("it wrote")
        .id()
}

fn misbehaved(net: &Net, n: usize) -> usize {
    net.nodes[n].events.iter().filter(|e| matches!(e, Event::Misbehaved { .. })).count()
}

/// A chain of sealed envelopes by the first seat of node `n`, behind `prev`.
fn chain(net: &Net, n: usize, incarnation: u64, mut prev: ItemId, len: u64) -> Vec<Vec<u8>> {
    let seat = &net.nodes[n].founded.seats[0];
    let network = net.nodes[n].peer.registry().network_id();
    (1..=len)
        .map(|seq| {
            let header = Header {
                kind: Kind::Content,
                lane: if seq % 3 == 0 { Lane::Urgent } else { Lane::Today },
                doc: DocId([7; 32]),
                seat: seat.key(),
                incarnation,
                seq,
                prev,
                hlc: Hlc::from_millis(net.now + incarnation * 1_000 + seq),
                kid: Kid([9; 16]),
                authority: Vec::new(),
            };
            let sealed = header.seal(&seat.signing, &network, &Secret([1; 32]), b"a fact").unwrap();
            prev = sealed.id();
            sealed.to_bytes()
        })
        .collect()
}

fn id(bytes: &[u8]) -> ItemId {
    Envelope::parse(bytes).unwrap().id()
}

#[test]
fn an_author_learns_that_a_node_holds_his_envelope_though_they_never_met() {
    let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
    let author = seat_of(&net, 0);
    net.create(0, &first_facts("Awa"));
    let end = tip(&net, 0);
    net.meet(0, 1);
    let nurses = net.nodes[2].key;
    assert!(!known(&net, 0, author).contains_key(&nurses));
    net.meet(1, 2);
    assert!(!known(&net, 0, author).contains_key(&nurses), "nobody has told the author yet");
    net.nodes[0].events.clear();
    net.meet(1, 0);
    let holders = known(&net, 0, author);
    assert!(holders[&nurses].contains(&end) && holders[&net.nodes[1].key].contains(&end));
    assert!(!holders.contains_key(&net.nodes[0].key), "one's own disk is no second place");
    assert!(net.nodes[0].events.contains(&Event::HeldChanged { author }));
}

#[test]
fn t70_what_came_out_of_order_is_claimed_only_once_nothing_is_missing_before_it() {
    let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
    let author = seat_of(&net, 0);
    let items = chain(&net, 0, 5, ItemId::ZERO, 6);
    let a = net.nodes[1].key;
    net.connect(1, 2);
    rest(&mut net);
    let before = known(&net, 2, author).remove(&a).unwrap_or_default();
    // A batch whose last comes first, without its beginning.
    net.write_items(1, vec![items[2].clone(), items[1].clone(), items[5].clone()]);
    rest(&mut net);
    assert_eq!(
        known(&net, 2, author).remove(&a).unwrap_or_default(),
        before,
        "stored, and not claimed"
    );
    assert!(net.nodes[1].store.contains(&id(&items[2])).unwrap());
    net.write_items(1, vec![items[0].clone()]);
    rest(&mut net);
    let claimed = &known(&net, 2, author)[&a];
    assert!(claimed.contains(&id(&items[2])) && !claimed.contains(&id(&items[5])));
    net.write_items(1, vec![items[4].clone(), items[3].clone()]);
    rest(&mut net);
    let claimed = &known(&net, 2, author)[&a];
    assert!(claimed.contains(&id(&items[5])) && !claimed.contains(&id(&items[2])));
}

#[test]
fn nothing_is_claimed_before_it_is_durable() {
    let mut net = Net::new(&[CLINIC, PHARMACY]);
    let author = seat_of(&net, 0);
    net.connect(0, 1);
    rest(&mut net);
    let pharmacy = net.nodes[1].key;
    let before = known(&net, 0, author).remove(&pharmacy).unwrap_or_default();
    net.nodes[1].disk = Disk::Full;
    let record = net.create(0, &first_facts("Awa"));
    rest(&mut net);
    assert_eq!(known(&net, 0, author).remove(&pharmacy).unwrap_or_default(), before);
    net.nodes[1].disk = Disk::AtOnce;
    net.connect(0, 1);
    rest(&mut net);
    assert!(known(&net, 0, author)[&pharmacy].contains(&tip(&net, 0)));
    assert_eq!(net.nodes[0].texts(&record).len(), 3);
}

#[test]
fn two_histories_and_a_restored_backup_are_claimed_end_by_end() {
    let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
    let author = seat_of(&net, 0);
    let trunk = chain(&net, 0, 5, ItemId::ZERO, 4);
    let restored = chain(&net, 0, 6, id(&trunk[1]), 3);
    let forked = chain(&net, 0, 7, id(&trunk[3]), 2);
    net.connect(1, 2);
    for part in [&restored, &trunk, &forked] {
        net.write_items(1, part.clone());
    }
    rest(&mut net);
    let claimed = &known(&net, 2, author)[&net.nodes[1].key];
    assert!(claimed.contains(&id(&restored[2])) && claimed.contains(&id(&forked[1])));
    assert!(!claimed.contains(&id(&trunk[3])), "behind another tip");
}

/// Frame 10 with these statements.
fn frame(statements: &[Held]) -> Vec<u8> {
    let all: Vec<u8> = statements.iter().flat_map(Held::to_bytes).collect();
    [&[10][..], &all].concat()
}

#[test]
fn t69_forged_foreign_replayed_and_revoked_statements_have_no_effect() {
    let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
    let author = seat_of(&net, 0);
    let network = net.nodes[0].peer.registry().network_id();
    let (pharmacy, nurses) = (net.nodes[1].founded.node.clone(), net.nodes[2].key);
    let now = net.now;
    let sign = |by: &str, revision, tip| Held::sign(&key(by), &network, author, revision, vec![ItemId([tip; 32])]);
    let honest = sign("nurses/node", now + 50, 1);
    let peer = Hostile::connect(&mut net, 0, 1, 900);
    peer.frame(&mut net, frame(std::slice::from_ref(&honest)));
    assert_eq!(known(&net, 0, author)[&nurses], [ItemId([1; 32])]);

    // Older ones, and another one with the same number: known better, nobody's fault.
    peer.frame(
        &mut net,
        frame(&[sign("nurses/node", now + 49, 2), sign("nurses/node", now + 50, 3)]),
    );
    // Nodes and seats that nobody certified (yet).
    let unknown_seat = Held::sign(&pharmacy, &network, SeatKey(key("nobody").verifying_key().to_bytes()), 9, vec![]);
    peer.frame(&mut net, frame(&[sign("stranger/node", 9, 1), unknown_seat]));
    assert_eq!(known(&net, 0, author), Tips::from([(nurses, vec![ItemId([1; 32])])]));
    assert_eq!(misbehaved(&net, 0), 0);
    assert!(peer.is_up(&net));

    // What nobody honest passes on.
    let elsewhere = Held::sign(&key("nurses/node"), &NetworkId([9; 32]), author, u64::MAX, honest.tips.clone());
    let mut changed = sign("nurses/node", u64::MAX, 4);
    changed.tips = vec![ItemId([5; 32])];
    let mut in_her_name = sign("pharmacy/node", u64::MAX, 4);
    in_her_name.holder = nurses;
    let second_mark = [&[8][..], &[1; 8]].concat();
    let bad = [
        frame(&[elsewhere]),
        frame(&[changed]),
        frame(&[in_her_name]),
        vec![10],
        [frame(std::slice::from_ref(&honest)), vec![0]].concat(),
        [&[9][..], &[1; 48]].concat(),
        second_mark,
    ];
    for (n, bytes) in bad.into_iter().enumerate() {
        let peer = Hostile::connect(&mut net, 0, 1, 901 + n as u64);
        if bytes[0] == 8 {
            peer.frame(&mut net, bytes.clone());
        }
        peer.frame(&mut net, bytes);
        assert!(!peer.is_up(&net), "frame {n}");
        assert_eq!(misbehaved(&net, 0), n + 1);
    }
    assert_eq!(known(&net, 0, author), Tips::from([(nurses, vec![ItemId([1; 32])])]));

    // Her machine is stolen: its word counts no more, old or new.
    let nurses_facility = net.nodes[2].founded.facility.clone();
    let body = OpBody::Revoke {
        who: Revoked::Node(nurses),
        reason: 1,
        keep: Vec::new(),
    };
    net.publish(0, &nurses_facility, &[], body);
    assert_eq!(known(&net, 0, author), Tips::new());
    let peer = Hostile::connect(&mut net, 0, 1, 950);
    peer.frame(&mut net, frame(&[sign("nurses/node", now + 60, 6)]));
    assert_eq!(known(&net, 0, author), Tips::new());
    assert!(peer.is_up(&net), "whoever hasn't heard passes it on");
}

#[test]
fn what_was_learned_outlives_a_clean_stop_and_a_crash_learns_it_again() {
    let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
    let author = seat_of(&net, 0);
    net.create(0, &first_facts("Awa"));
    net.meet_all();
    net.meet_all();
    let before = known(&net, 0, author);
    assert_eq!(before.len(), 2);
    net.stop(0);
    net.restart(0);
    assert_eq!(known(&net, 0, author), before);
    // More arrives, and the process dies before anything is written down: the list of tips is of an older set.
    let record = net.create(1, &first_facts("Bo"));
    net.share(1, record, 0).unwrap();
    net.meet(0, 1);
    net.restart(0);
    assert_eq!(known(&net, 0, author), before);
    net.meet(0, 2);
    net.meet(2, 1);
    let clinic = net.nodes[0].key;
    assert!(
        known(&net, 1, seat_of(&net, 1))[&clinic].contains(&tip(&net, 1)),
        "looked through anew"
    );
    // Without any record of what it said, a node hears it from the others.
    net.restart(1);
    net.meet(1, 2);
    assert!(known(&net, 1, seat_of(&net, 1))[&clinic].contains(&tip(&net, 1)));
}

#[test]
fn a_disk_that_lost_something_takes_back_what_its_node_said() {
    takes_back(true);
}

#[test]
fn what_a_disk_lost_since_it_was_stated_is_not_stated_to_anybody_new() {
    takes_back(false);
}

/// The pharmacy's disk goes back to an older image, its records of statements don't; `told`: the nurses have heard of them before.
fn takes_back(told: bool) {
    let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
    let author = seat_of(&net, 0);
    net.meet_all();
    let (pharmacy, network) = (net.nodes[1].key, net.nodes[1].peer.registry().network_id());
    let older: MemoryStore = net.nodes[1].store.clone();
    // What nobody else holds, said and told on.
    let lost = chain(&net, 0, 9, ItemId::ZERO, 3);
    net.write_items(1, lost.clone());
    rest(&mut net);
    if told {
        let said = Held::sign(&key("pharmacy/node"), &network, author, net.now, vec![id(&lost[2])]);
        let peer = Hostile::connect(&mut net, 2, 0, 900);
        peer.frame(&mut net, frame(&[said]));
        net.input(2, Input::LinkDown { link: 900 });
        assert_eq!(known(&net, 2, author)[&pharmacy], [id(&lost[2])]);
    }
    net.stop(1);
    let records = net.nodes[1].store.local_prefix(b"held/").unwrap();
    assert!(records.len() >= 2, "statements and tips");
    net.nodes[1].store = older;
    let local = records.into_iter().map(|(key, value)| LocalWrite { key, value: Some(value) });
    let batch = Batch {
        items: Vec::new(),
        local: local.collect(),
    };
    net.nodes[1].store.commit(&batch).unwrap();
    net.now += 5_000;
    net.restart(1);
    net.meet(1, 2);
    rest(&mut net);
    net.meet(1, 2);
    assert!(!known(&net, 2, author)[&pharmacy].contains(&id(&lost[2])));
}

#[test]
fn two_nodes_that_know_the_same_meet_with_nine_bytes_of_statements_each() {
    let mut net = Net::new(&[CLINIC, PHARMACY]);
    net.create(0, &first_facts("Awa"));
    net.meet_all();
    net.meet(0, 1);
    rest(&mut net);
    let link = net.connect(0, 1);
    rest(&mut net);
    assert_eq!(net.statements(link), ([9, 9], [1, 1]));
}

#[test]
fn one_act_among_twelve_is_told_by_a_bounded_number_of_statements_and_then_there_is_silence() {
    let mut net = Net::new(TWELVE);
    let mut links = Vec::new();
    for a in 0..12 {
        for b in a + 1..12 {
            links.push(net.connect(a, b));
        }
    }
    rest(&mut net);
    let count = |net: &Net| -> u64 {
        let of = |link: &u64| net.statements(*link).0.iter().sum::<u64>();
        links.iter().map(of).sum()
    };
    let (frames, bytes) = (net.frames, count(&net));
    rest(&mut net);
    assert_eq!((net.frames, count(&net)), (frames, bytes), "nothing to say while nobody writes");

    net.create(0, &first_facts("Awa"));
    rest(&mut net);
    let author = seat_of(&net, 0);
    let end = tip(&net, 0);
    assert!((1..12).all(|n| known(&net, 0, author).get(&net.nodes[n].key).is_some_and(|t| t.contains(&end))));
    // A statement about a chain with two ends (its team's first envelope is one) takes 201 bytes. Each of twelve crosses each of 66 wires at
    // most twice, and most of them once or never.
    let statements = (count(&net) - bytes) / 201;
    println!("one act among twelve: {statements} statements over {} wires", links.len());
    assert!(statements <= 12 * 66 * 2, "{statements}");
    let frames = net.frames;
    rest(&mut net);
    assert_eq!(net.frames, frames, "silence");
}

#[test]
fn a_busy_author_is_stated_once_in_two_seconds_and_the_last_word_is_right() {
    let mut net = Net::new(&[CLINIC, PHARMACY]);
    let record = net.create(0, &first_facts("Awa"));
    let link = net.connect(0, 1);
    rest(&mut net);
    let before = net.statements(link).1;
    for n in 0..40 {
        net.now += 50;
        net.add(0, record, &[new(Compartment::Clinical, &format!("note {n}"))]).unwrap();
        for _ in 0..20 {
            for side in [0, 1] {
                net.pull(link, side);
                net.deliver(link, side);
            }
        }
    }
    let during = net.statements(link).1;
    let frames: BTreeSet<u64> = (0..2).map(|side| during[side] - before[side]).collect();
    assert!(frames.iter().all(|n| *n <= 2), "{frames:?}: two seconds of writing");
    rest(&mut net);
    let (author, pharmacy) = (seat_of(&net, 0), net.nodes[1].key);
    assert!(known(&net, 0, author)[&pharmacy].contains(&tip(&net, 0)));
}

#[test]
fn two_copies_of_one_node_do_not_argue_for_ever() {
    // The pharmacy's machine was cloned; the copy holds another set, and what it says comes back by way of the nurses.
    let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
    let (author, pharmacy) = (seat_of(&net, 0), net.nodes[1].key);
    net.connect(0, 1);
    rest(&mut net);
    let network = net.nodes[0].peer.registry().network_id();
    let truth = known(&net, 0, author)[&pharmacy].clone();
    let mut answered = 0;
    for round in 0..5 {
        let other = Held::sign(&key("pharmacy/node"), &network, author, net.now + 10_000, vec![ItemId([round; 32])]);
        let peer = Hostile::connect(&mut net, 1, 2, 900 + u64::from(round));
        peer.frame(&mut net, frame(&[other]));
        rest(&mut net);
        answered += usize::from(known(&net, 0, author)[&pharmacy] == truth);
        net.input(1, Input::LinkDown { link: peer.link });
    }
    assert_eq!(answered, 1, "it says once what is true of its own disk");
    net.create(0, &first_facts("Awa"));
    rest(&mut net);
    assert!(
        known(&net, 0, author)[&pharmacy].contains(&tip(&net, 0)),
        "and again when there is more to say"
    );
}
