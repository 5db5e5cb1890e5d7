//! The attack table of the security design, end to end: over real sessions, in both orders of arrival.

use super::harness::{CLINIC, NURSES, Net, PHARMACY};
use super::intake::Hostile;
use super::{first_facts, new};
use crate::access::matrix::Compartment;
use crate::access::ops::{Adopt, Grant, Head, Op, Rank, Revoke, Subject, Terms, genesis_grant_id};
use crate::access::view::GrantState;
use crate::crypto::derive;
use crate::envelope::{Envelope, Header, Kind, Lane};
use crate::identity::{KeptHead, OpBody, Revoked};
use crate::ids::{DocId, FactId, GrantId, Hlc, ItemId, Kid, RecordId};
use crate::record::{FactBody, Label, NewFact, Write};
use crate::store::Ordered;
use crate::testing::Random;

/// A clinic, a pharmacy and nurses with one record among them, all equal.
fn three() -> (Net, RecordId) {
    let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
    let record = net.create(0, &first_facts("Awa"));
    net.share(0, record, 1).unwrap();
    net.share(0, record, 2).unwrap();
    net.meet_all();
    assert_eq!(net.roots().len(), 1);
    (net, record)
}

/// Signs a write without making it durable.
fn sign(net: &mut Net, n: usize, record: RecordId, compartment: Compartment, text: &str) -> Write {
    sign_fact(net, n, record, new(compartment, text))
}

fn sign_fact(net: &mut Net, n: usize, record: RecordId, fact: NewFact) -> Write {
    let now = net.now;
    let node = &mut net.nodes[n];
    let reader = node.reader.as_ref().unwrap();
    reader
        .add(now, Lane::Today, record, &[fact], node.peer.registry(), &mut node.entropy)
        .unwrap()
}

/// A medication entry that replaces another.
fn correction(old: FactId, text: &str) -> NewFact {
    NewFact {
        compartment: Compartment::Medication,
        fact: FactBody {
            supersedes: vec![old],
            ..FactBody::resource(text.as_bytes().to_vec())
        },
    }
}

/// The id and document of a fact by its text.
fn find(net: &Net, n: usize, record: RecordId, text: &str) -> (FactId, DocId) {
    let mut facts = net.nodes[n].reader().history(&record);
    let found = facts.find(|f| f.fact.body == text.as_bytes()).expect("it was written");
    (found.fact.id, found.doc)
}

fn label_of(net: &Net, n: usize, record: RecordId, text: &str) -> Option<Label> {
    net.nodes[n]
        .texts(&record)
        .into_iter()
        .find(|(t, _)| t == text)
        .map(|(_, label)| label)
}

#[test]
fn t05_an_envelope_replayed_a_thousand_times_is_stored_once() {
    let (mut net, record) = three();
    let write = sign(&mut net, 2, record, Compartment::Clinical, "once");
    let before = (net.nodes[0].store.len(), net.nodes[0].view());
    let peer = Hostile::connect(&mut net, 0, 2, 900);
    peer.send(&mut net, &write.items[0]);
    let once = (net.nodes[0].store.len(), net.nodes[0].view());
    assert_eq!(once.0, before.0 + 1);
    let events = net.nodes[0].events.len();
    for _ in 0..1_000 {
        peer.send(&mut net, &write.items[0]);
    }
    assert_eq!((net.nodes[0].store.len(), net.nodes[0].view()), once);
    assert_eq!(net.nodes[0].events.len(), events, "nothing happened");
    assert!(peer.is_up(&net), "a replay is no offence");
}

#[test]
fn t25_a_flood_of_ops_with_invented_authority_has_no_effect_and_hinders_nobody() {
    let (mut net, record) = three();
    let seat = net.nodes[1].founded.seats[0].clone();
    let network = net.nodes[1].peer.registry().network_id();
    let docs: Vec<DocId> = net.nodes[0].reader().compartments(&record).map(|(_, doc)| doc).collect();
    let before = net.nodes[0].view();
    let readers: Vec<_> = docs
        .iter()
        .map(|d| net.nodes[0].reader().access(d).unwrap().live_readers(net.now))
        .collect();
    let mut prev = ItemId::ZERO;
    let flood: Vec<Vec<u8>> = (1..=4_000u64)
        .map(|seq| {
            let fake = GrantId(derive("bocage 2026-11 test fake", &[&seq.to_be_bytes()]));
            let grant = Grant {
                terms: Terms {
                    subject: Subject::Seat(seat.key()),
                    rank: Rank::WRITER,
                    not_before_ms: 0,
                    not_after_ms: u64::MAX,
                    consent_hash: [0; 32],
                },
                answers: Vec::new(),
            };
            let header = Header {
                kind: Kind::Grant,
                lane: Lane::Control,
                doc: docs[seq as usize % docs.len()],
                seat: seat.key(),
                incarnation: 5,
                seq,
                prev,
                hlc: Hlc::from_millis(net.now),
                kid: Kid::ZERO,
                authority: vec![fake],
            };
            let signed = header.clear(&seat.signing, &network, Op::Grant(grant).encode().unwrap()).unwrap();
            prev = signed.id();
            signed.to_bytes()
        })
        .collect();
    net.nodes[1].reader = None;
    net.write_items(1, flood);
    net.meet(1, 0);
    assert_eq!(
        net.nodes[0].store.root(),
        net.nodes[1].store.root(),
        "it all belongs, and does nothing"
    );
    assert_eq!(net.nodes[0].view(), before);
    let after: Vec<_> = docs
        .iter()
        .map(|d| net.nodes[0].reader().access(d).unwrap().live_readers(net.now))
        .collect();
    assert_eq!(after, readers);
    net.meet(0, 2);
    for doc in &docs {
        let view = net.nodes[0].reader().access(doc).unwrap();
        let in_force = view.grants().iter().filter(|g| g.state == GrantState::Valid).count();
        assert!(in_force <= 4, "{in_force} grants in force");
    }
    // Behind it an act costs what it always costs.
    let sent = net.nodes[0].peer.traffic().item_bytes_sent;
    net.add(0, record, &[new(Compartment::Medication, "goes on")]).unwrap();
    net.meet(0, 2);
    assert!(net.nodes[0].peer.traffic().item_bytes_sent - sent < 1_000);
    assert_eq!(label_of(&net, 2, record, "goes on"), Some(Label::Accepted));
}

#[test]
fn t26_two_doses_under_one_number_show_as_disputed_on_every_node_in_either_order() {
    let (mut net, record) = three();
    net.add(2, record, &[new(Compartment::Medication, "given before")]).unwrap();
    net.meet_all();
    let untouched = net.nodes[0].texts(&record);
    let five = sign(&mut net, 2, record, Compartment::Medication, "5 mg");
    let fifty = sign(&mut net, 2, record, Compartment::Medication, "50 mg");
    let number = |w: &Write| {
        let header = Envelope::parse(&w.items[0]).unwrap().header;
        (header.incarnation, header.seq)
    };
    assert_eq!(number(&five), number(&fifty));
    net.write_items(0, five.items.clone());
    net.write_items(1, fifty.items.clone());
    assert_eq!(label_of(&net, 0, record, "5 mg"), Some(Label::Accepted), "nobody can know yet");
    net.meet_all();
    for n in 0..3 {
        assert_eq!(label_of(&net, n, record, "5 mg"), Some(Label::Disputed), "node {n}");
        assert_eq!(label_of(&net, n, record, "50 mg"), Some(Label::Disputed), "node {n}");
    }
    for fact in &untouched {
        assert!(net.nodes[0].texts(&record).contains(fact), "{} is untouched", fact.0);
    }
    let (a, b) = (net.nodes[0].view(), net.nodes[2].view());
    assert_eq!(a, b);
    // Nothing of it depends on the order, nor on having been there.
    for n in 0..3 {
        let before = net.nodes[n].view();
        net.restart(n);
        assert_eq!(net.nodes[n].view(), before);
    }
    // Everybody else goes on.
    net.add(0, record, &[new(Compartment::Medication, "asked the nurse: 5 mg")])
        .unwrap();
    net.meet_all();
    assert_eq!(label_of(&net, 1, record, "asked the nurse: 5 mg"), Some(Label::Accepted));
}

#[test]
fn t27_a_late_fork_at_the_root_of_a_long_chain_hides_nothing() {
    let (mut net, record) = three();
    let fork = sign(&mut net, 2, record, Compartment::Clinical, "the other history");
    for i in 0..20 {
        let compartment = if i % 2 == 0 {
            Compartment::Clinical
        } else {
            Compartment::Medication
        };
        net.add(2, record, &[new(compartment, &format!("entry {i}"))]).unwrap();
    }
    net.meet_all();
    let before = net.nodes[0].texts(&record);
    net.write_items(1, fork.items);
    net.meet_all();
    for n in [0, 2] {
        let after = net.nodes[n].texts(&record);
        assert_eq!(after.len(), before.len() + 1);
        for (text, _) in &before {
            assert!(after.iter().any(|(t, _)| t == text), "{text} is still there");
        }
        assert_eq!(label_of(&net, n, record, "the other history"), Some(Label::Disputed));
        assert_eq!(label_of(&net, n, record, "Clinical Awa"), Some(Label::Accepted), "another author's");
    }
    assert_eq!(net.nodes[0].view(), net.nodes[2].view());
}

#[test]
fn t40_a_carrier_that_drops_the_tail_of_a_chain_is_made_good_by_any_other_path() {
    let (mut net, record) = three();
    let before = net.nodes[0].items();
    for i in 0..10 {
        net.add(0, record, &[new(Compartment::Medication, &format!("line {i}"))]).unwrap();
    }
    let tail: Vec<Vec<u8>> = net.nodes[0].items().into_iter().filter(|i| !before.contains(i)).collect();
    net.write_items(1, tail[..4].to_vec());
    net.meet(1, 2);
    assert_eq!(net.nodes[1].store.root(), net.nodes[2].store.root(), "they agree on what there is");
    assert!(label_of(&net, 2, record, "line 3").is_some() && label_of(&net, 2, record, "line 4").is_none());
    net.meet(0, 2);
    assert!(label_of(&net, 2, record, "line 9").is_some());
    net.meet(1, 2);
    assert_eq!(net.roots().len(), 1, "and the carrier is told");
}

#[test]
fn t41_a_carrier_that_reorders_repeats_and_mixes_changes_nothing() {
    let (mut net, record) = three();
    let before = net.nodes[1].items();
    let other = net.create(0, &first_facts("Binta"));
    net.share(0, other, 1).unwrap();
    for i in 0..8 {
        for record in [record, other] {
            let author = if i % 3 == 0 && record != other { 2 } else { 0 };
            net.add(author, record, &[new(Compartment::Medication, &format!("line {i}"))])
                .unwrap();
        }
    }
    net.meet(0, 2);
    let made: Vec<Vec<u8>> = net.nodes[0].items().into_iter().filter(|i| !before.contains(i)).collect();
    let mut mixed = [made.clone(), made.clone(), made].concat();
    Random::new(41).shuffle(&mut mixed);
    let peer = Hostile::connect(&mut net, 1, 2, 900);
    for item in &mixed {
        peer.send(&mut net, item);
    }
    assert!(peer.is_up(&net));
    assert_eq!(net.roots().len(), 1);
    let (doctor, pharmacist) = (net.nodes[0].view(), net.nodes[1].view());
    assert!(pharmacist.len() >= 4);
    for (at, view) in &pharmacist {
        assert_eq!(view, &doctor[at]);
    }
}

/// A place on a seat's chain, to be kept by a revocation.
fn head(item: &[u8]) -> KeptHead {
    let envelope = Envelope::parse(item).unwrap();
    KeptHead {
        seat: envelope.header.seat,
        incarnation: envelope.header.incarnation,
        seq: envelope.header.seq,
        id: envelope.id(),
    }
}

#[test]
fn t14_t17_t59_what_a_revoked_seat_signs_beyond_its_kept_heads_is_quarantined_in_any_order() {
    let (mut net, record) = three();
    // The nurse writes by turns in two documents, so that her chain runs through both.
    let turn = |i: usize| {
        if i.is_multiple_of(2) {
            Compartment::Clinical
        } else {
            Compartment::Medication
        }
    };
    let mut writes = Vec::new();
    let mut fork = None;
    for i in 0..8 {
        let write = sign(&mut net, 2, record, turn(i), &format!("entry {i}"));
        if i == 2 {
            fork = Some(sign(&mut net, 2, record, turn(i), "the thief's history"));
        }
        let write_again = sign(&mut net, 2, record, turn(i), &format!("entry {i}"));
        assert_eq!(write.items, write_again.items, "signing is deterministic");
        net.save(2, write);
        writes.push(write_again);
    }
    // The team she founded stands, and so does what she wrote up to entry 3.
    let mut keep = vec![head(net.nodes[2].founded.items.last().unwrap()), head(&writes[3].items[0])];
    keep.sort();
    let seat = net.nodes[2].reader().seat();
    let body = OpBody::Revoke {
        who: Revoked::Seat(seat),
        reason: 1,
        keep,
    };
    let facility = net.nodes[2].founded.facility.clone();
    let network = net.nodes[0].peer.registry().network_id();
    let revocation = crate::testing::issue(&network, 900, &facility, &[], body);
    let mut items: Vec<Vec<u8>> = writes.iter().flat_map(|w| w.items.clone()).collect();
    items.extend(fork.unwrap().items);
    // The clinic learns of the theft last, the pharmacy first; both get the rest one by one, in another order.
    let shared = net.nodes[0].items();
    let mut seen = Vec::new();
    for seed in 0..5 {
        let mut random = Random::new(seed);
        let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
        net.write_items(0, shared.clone());
        let mut order = items.clone();
        random.shuffle(&mut order);
        order.insert(random.below(order.len() as u64 + 1) as usize, revocation.clone());
        if seed == 0 {
            order = [items.clone(), vec![revocation.clone()]].concat();
        }
        for item in order {
            net.write_items(0, vec![item]);
        }
        for i in 0..8 {
            // She signed number 3 twice, and the cut says which one stands: the fork that it leaves out disputes nothing.
            let expected = if i <= 3 { Label::Accepted } else { Label::Quarantined };
            let found = label_of(&net, 0, record, &format!("entry {i}"));
            assert_eq!(found, Some(expected), "seed {seed}, entry {i}");
        }
        assert_eq!(
            label_of(&net, 0, record, "the thief's history"),
            Some(Label::Quarantined),
            "seed {seed}"
        );
        assert_eq!(label_of(&net, 0, record, "Clinical Awa"), Some(Label::Accepted));
        seen.push(net.nodes[0].view());
    }
    for (seed, view) in seen.iter().enumerate() {
        assert_eq!(view, &seen[0], "seed {seed} shows something else");
    }
}

/// A thief holds the key of a nurse's seat, revoked with all her work kept. He signs a second history from the first number of her
/// incarnation on: one envelope in the record, one in a document of nobody. Her corrected dose must stay corrected on every node,
/// whether the revocation or the thief's envelopes came first.
#[test]
fn t17_t27_a_second_history_signed_after_the_revocation_brings_no_corrected_dose_back() {
    let (mut net, record) = three();
    let theft = sign(&mut net, 2, record, Compartment::Medication, "the thief's dose");
    let twin = Envelope::parse(&theft.items[0]).unwrap().header;
    let written = |net: &mut Net, fact: NewFact| {
        let write = sign_fact(net, 2, record, fact);
        let item = write.items.last().unwrap().clone();
        net.save(2, write);
        item
    };
    written(&mut net, new(Compartment::Medication, "5 mg"));
    let (wrong, _) = find(&net, 2, record, "5 mg");
    written(&mut net, correction(wrong, "0.5 mg"));
    let last = written(&mut net, new(Compartment::Clinical, "given"));
    net.meet_all();
    let before = [net.nodes[0].texts(&record), net.nodes[1].texts(&record)];
    assert!(
        before
            .iter()
            .flatten()
            .all(|(text, label)| text != "5 mg" && *label == Label::Accepted)
    );

    let nurse = net.nodes[2].founded.seats[0].clone();
    let network = net.nodes[0].peer.registry().network_id();
    let elsewhere = Header {
        kind: Kind::Adopt,
        lane: Lane::Control,
        doc: DocId([0xee; 32]),
        kid: Kid::ZERO,
        authority: vec![GrantId([0xee; 32])],
        ..twin
    };
    let body = Op::Adopt(Adopt {
        ids: vec![ItemId([1; 32])],
    });
    let elsewhere = elsewhere.clear(&nurse.signing, &network, body.encode().unwrap()).unwrap();
    let mut keep = vec![head(net.nodes[2].founded.items.last().unwrap()), head(&last)];
    keep.sort();
    let body = OpBody::Revoke {
        who: Revoked::Seat(nurse.key()),
        reason: 1,
        keep,
    };
    let revocation = crate::testing::issue(&network, 901, &net.nodes[2].founded.facility, &[], body);
    let stolen = [theft.items.clone(), vec![elsewhere.to_bytes()]].concat();
    net.write_items(0, [stolen.clone(), vec![revocation.clone()]].concat());
    net.write_items(1, vec![revocation]);
    for item in stolen.into_iter().rev() {
        net.write_items(1, vec![item]);
    }
    for (n, before) in before.iter().enumerate() {
        let mut now = net.nodes[n].texts(&record);
        let stolen = ("the thief's dose".to_owned(), Label::Quarantined);
        assert!(now.contains(&stolen), "node {n} shows it, marked");
        now.retain(|fact| *fact != stolen);
        assert_eq!(now, *before, "node {n}: not one label moved");
        net.restart(n);
        assert!(
            !net.nodes[n].texts(&record).iter().any(|(text, _)| text == "5 mg"),
            "after a restart too"
        );
    }
}

/// A thief is found out by two doses under one number; then he starts again on the image of the disk from before the fork. The seat
/// is frozen: what he corrects hides nothing, until the revocation says what stands.
#[test]
fn t26_a_forked_seat_that_starts_again_from_before_the_fork_corrects_nothing() {
    let (mut net, record) = three();
    net.add(2, record, &[new(Compartment::Medication, "1 mg")]).unwrap();
    net.meet_all();
    let (dose, _) = find(&net, 0, record, "1 mg");
    let twins = ["5 mg", "50 mg"].map(|text| sign(&mut net, 2, record, Compartment::Medication, text));
    // A new process on a disk that knows of neither twin: a new incarnation behind what came before.
    net.restart(2);
    net.add(2, record, &[correction(dose, "100 mg")]).unwrap();
    net.meet_all();
    assert_eq!(label_of(&net, 0, record, "100 mg"), Some(Label::Accepted), "a restore is no fork");
    assert_eq!(label_of(&net, 0, record, "1 mg"), None);
    net.write_items(0, twins[0].items.clone());
    net.write_items(1, twins[1].items.clone());
    net.meet_all();
    for n in 0..3 {
        let labels = ["1 mg", "100 mg", "5 mg", "50 mg"].map(|text| label_of(&net, n, record, text));
        assert_eq!(
            labels,
            [Label::Accepted, Label::Disputed, Label::Disputed, Label::Disputed].map(Some),
            "node {n}"
        );
    }
}

/// The doctor excludes the nurse from one document, her work so far kept. What she writes afterwards, not having heard, is shown and
/// corrects nothing there, on whichever node and in whatever order; elsewhere she goes on. One click of the doctor acknowledges it.
#[test]
fn t14_work_beyond_a_documents_own_cut_corrects_nothing_until_a_steward_adopts_it() {
    let (mut net, record) = three();
    let first = sign(&mut net, 2, record, Compartment::Medication, "5 mg");
    let kept = head(first.items.last().unwrap());
    net.save(2, first);
    net.meet_all();
    let (dose, doc) = find(&net, 0, record, "5 mg");
    let after = sign_fact(&mut net, 2, record, correction(dose, "50 mg"));
    let item = after.items.last().unwrap().clone();
    let id = Envelope::parse(&item).unwrap().id();
    net.save(2, after);
    net.add(2, record, &[new(Compartment::Clinical, "walks again")]).unwrap();

    let doctor = net.nodes[0].founded.seats[0].clone();
    let nurse = net.nodes[2].founded.seats[0].key();
    let network = net.nodes[0].peer.registry().network_id();
    let by_doctor = |op: Op, seq: u64, prev: ItemId| {
        let header = Header {
            kind: op.kind(),
            lane: Lane::Control,
            doc,
            seat: doctor.key(),
            incarnation: 77,
            seq,
            prev,
            hlc: Hlc::from_millis(1),
            kid: Kid::ZERO,
            authority: vec![genesis_grant_id(&doc, 0)],
        };
        header.clear(&doctor.signing, &network, op.encode().unwrap()).unwrap()
    };
    let keep = Head {
        incarnation: kept.incarnation,
        seq: kept.seq,
        id: kept.id,
    };
    let revoke = Op::Revoke(Revoke {
        subject: Subject::Seat(nurse),
        reason: 1,
        keep: vec![(nurse, vec![keep])],
    });
    let revoke = by_doctor(revoke, 1, ItemId::ZERO);
    let adopt = by_doctor(Op::Adopt(Adopt { ids: vec![id] }), 2, revoke.id());

    // The clinic hears of the exclusion first, the pharmacy last.
    net.write_items(0, vec![revoke.to_bytes()]);
    net.meet(1, 2);
    assert_eq!(label_of(&net, 1, record, "50 mg"), Some(Label::Accepted));
    net.meet_all();
    for n in 0..2 {
        assert_eq!(
            label_of(&net, n, record, "5 mg"),
            Some(Label::Accepted),
            "node {n}: kept, and current again"
        );
        assert_eq!(label_of(&net, n, record, "50 mg"), Some(Label::Quarantined), "node {n}");
    }
    assert_eq!(label_of(&net, 0, record, "walks again"), Some(Label::Accepted), "another document");
    net.write_items(1, vec![adopt.to_bytes()]);
    net.meet_all();
    for n in 0..2 {
        assert_eq!(label_of(&net, n, record, "50 mg"), Some(Label::Accepted), "node {n}");
        assert_eq!(label_of(&net, n, record, "5 mg"), None, "node {n}: corrected, as it was meant");
    }
    let refused = net.add(2, record, &[new(Compartment::Medication, "more")]);
    assert!(refused.is_err(), "she has heard by now");
}
