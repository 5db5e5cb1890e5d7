//! What honest authors rely on: facts come back, corrections replace, every order gives one view.

use automerge::{Automerge, Change, ReadDoc};
use std::collections::BTreeSet;

use super::attacks::forged;
use super::preflight::outline;
use super::testing::*;
use super::*;
use crate::envelope::Lane;
use crate::ids::{FactId, ItemId};
use Label::{Accepted, Disputed, Quarantined};

#[test]
fn facts_come_back_byte_for_byte_and_automerge_itself_can_reload_them() {
    let (mut a, mut b) = (Author::new(1), Author::new(2));
    let odd = "{ \"valueQuantity\" : {\"value\": 1.10, \"unit\": \"mg\"},\r\n\"x\":1e2 }";
    let head = RecordHead {
        record: crate::ids::RecordId([8; 32]),
        compartment: 3,
        salt: None,
    };
    let future = FactBody {
        kind: FactKind::Other(200),
        source: "labo/4".to_owned(),
        supersedes: Vec::new(),
        body: vec![0, 0xff],
    };
    let sent = [
        a.writes(&[head.to_fact(), FactBody::resource(odd.as_bytes().to_vec())]),
        b.says("b1"),
        a.writes(std::slice::from_ref(&future)),
    ];
    let mut r = Replica::new();
    assert_eq!(r.takes(&sent), Folded::default());
    let by_id = |id: FactId| r.doc.facts().find(|f| f.id == id).unwrap();
    assert_eq!(RecordHead::parse(by_id(sent[0].facts[0]).body), Ok(head));
    assert_eq!(by_id(sent[0].facts[1]).body, odd.as_bytes());
    let kept = by_id(sent[2].facts[0]);
    assert_eq!((kept.kind, kept.source, kept.body), (future.kind, "labo/4", &future.body[..]));
    assert_eq!(
        (kept.author, kept.envelope, kept.hlc),
        (sent[2].arrival.author, sent[2].id(), sent[2].arrival.hlc)
    );

    // Our writer's bytes are what Automerge keeps, saves and gives back: no replica has to trust our encoder.
    let mut doc = Automerge::new();
    doc.apply_changes(sent.iter().map(|s| Change::try_from(&s.chunk()[..]).unwrap()))
        .unwrap();
    let loaded = Automerge::load(&doc.save()).unwrap();
    let again: BTreeSet<Vec<u8>> = loaded.get_changes(&[]).iter().map(|c| c.raw_bytes().to_vec()).collect();
    assert_eq!(again, sent.iter().map(Sent::chunk).collect());
    assert!(loaded.get_change_by_hash(&sent[2].hash()).is_some());
}

#[test]
fn a_fact_goes_from_seal_to_view() {
    use crate::crypto::Secret;
    use crate::envelope::{Header, Kind};
    use crate::ids::{GrantId, Hlc, Kid, NetworkId, SeatKey};
    let seat = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
    let author = SeatKey(seat.verifying_key().to_bytes());
    let (net, epoch) = (NetworkId([9; 32]), Secret([4; 32]));
    let mut chain = OwnChain::new(author, DOC, 7, Lane::Urgent);
    let (mut gate, mut doc) = (Gate::new(DOC), Document::new(DOC));
    for seq in 1..=2 {
        let written = chain.next(&[FactBody::resource(b"{}".to_vec())]).unwrap();
        let header = Header {
            kind: Kind::Content,
            lane: Lane::Urgent,
            doc: DOC,
            seat: author,
            incarnation: 7,
            seq,
            prev: ItemId::ZERO,
            hlc: Hlc::from_millis(seq),
            kid: Kid([2; 16]),
            authority: vec![GrantId([3; 32])],
        };
        let sealed = header
            .seal(&seat, &net, &epoch, &payload::encode(&[&written.chunk]).unwrap())
            .unwrap();
        chain.advance(&written);
        let plaintext = sealed.open(&epoch).unwrap();
        let (verdict, _) = gate.offer(&Arrival::from(&*sealed), plaintext.bytes());
        let Verdict::Admitted(admitted) = verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!((admitted.envelope(), admitted.author()), (sealed.id(), author));
        assert_eq!(doc.fold([admitted]), Folded::default());
        let fact = doc.facts().find(|f| f.envelope == sealed.id()).unwrap();
        assert_eq!((fact.id, fact.body), (written.facts[0], &b"{}"[..]));
    }
    assert_eq!(doc.current().count(), 2, "the same content twice is two facts");
}

#[test]
fn several_changes_travel_in_one_envelope() {
    let mut a = Author::new(1);
    let (one, two) = (a.says("un"), a.says("deux"));
    let both = a.send(&[&one.chunk(), &two.chunk()], Vec::new());
    let mut r = Replica::new();
    r.takes([&both]);
    assert_eq!(r.shown(), [("deux".to_owned(), Accepted), ("un".to_owned(), Accepted)]);
    let swapped = a.send(&[&two.chunk(), &one.chunk()], Vec::new());
    let mut r = Replica::new();
    r.takes([&one, &swapped]);
    assert_eq!(r.refused, [(swapped.id(), Refusal::Chain)]);
}

#[test]
fn a_correction_replaces_concurrent_ones_stand_side_by_side_and_only_accepted_ones_count() {
    let (mut a, mut b, mut c) = (Author::new(1), Author::new(2), Author::new(3));
    let old = a.says("dose 1");
    let by_b = b.corrects(&old.facts, "dose 2");
    let by_c = c.corrects(&old.facts, "dose 3");
    let mut r = Replica::new();
    r.takes([&old, &by_b, &by_c]);
    assert_eq!(r.current(), [("dose 2".to_owned(), Accepted), ("dose 3".to_owned(), Accepted)]);
    assert_eq!(r.shown().len(), 3, "superseded is not gone");
    for id in [by_b.id(), by_c.id()] {
        r.doc.set_label(id, Quarantined);
    }
    assert_eq!(
        r.current(),
        [
            ("dose 1".to_owned(), Accepted),
            ("dose 2".to_owned(), Quarantined),
            ("dose 3".to_owned(), Quarantined)
        ],
        "quarantined ones stay visible, marked, and supersede nothing"
    );
    r.doc.set_label(by_b.id(), Accepted);
    assert_eq!(r.current(), [("dose 2".to_owned(), Accepted), ("dose 3".to_owned(), Quarantined)]);
}

#[test]
fn what_was_never_labelled_supersedes_nothing() {
    let (mut a, mut b) = (Author::new(1), Author::new(2));
    let old = a.says("dose 1");
    let new = b.corrects(&old.facts, "dose 2");
    let mut gate = Gate::new(DOC);
    let mut doc = Document::new(DOC);
    let admitted = [&old, &new].map(|s| match gate.offer(&s.arrival, &s.plaintext).0 {
        Verdict::Admitted(admitted) => admitted,
        other => panic!("{other:?}"),
    });
    doc.fold(admitted);
    assert!(doc.facts().all(|f| f.label == Quarantined));
    assert_eq!(doc.current().count(), 2);
}

#[test]
fn a_change_sent_twice_is_one_fact_under_its_best_label() {
    let mut a = Author::new(1);
    let first = a.says("un");
    let again = a.send(&[&first.chunk()], Vec::new());
    let mut views = Vec::new();
    for order in [[&first, &again], [&again, &first]] {
        let mut r = Replica::new();
        r.takes([order[0]]);
        r.takes([order[1]]);
        r.doc.set_label(again.id(), Quarantined);
        assert_eq!(r.shown(), [("un".to_owned(), Accepted)]);
        assert_eq!(r.doc.facts().next().unwrap().envelope, first.id());
        views.push(r.doc.canonical_view());
    }
    assert_eq!(views[0], views[1]);
}

#[test]
fn forks_of_forks_are_all_shown() {
    let mut root = Author::new(1);
    let mut sent = vec![root.says("r")];
    let mut frontier = vec![root];
    for depth in 0..3 {
        frontier = frontier
            .iter()
            .flat_map(|a| (0..3).map(|i| (i, a.clone())).collect::<Vec<_>>())
            .map(|(i, mut a)| {
                sent.push(a.says(&format!("{depth}/{i}")));
                a
            })
            .collect();
    }
    assert_eq!(sent.len(), 1 + 3 + 9 + 27);
    let mut rng = Rng(26);
    let mut views = BTreeSet::new();
    for step in [1, 7, 40] {
        rng.shuffle(&mut sent);
        let mut r = Replica::new();
        for part in sent.chunks(step) {
            assert_eq!(r.takes(part), Folded::default());
        }
        assert_eq!(r.shown().len(), 40);
        views.insert(r.doc.canonical_view());
    }
    assert_eq!(views.len(), 1);
}

#[test]
fn a_change_of_ten_thousand_facts_passes() {
    let mut a = Author::new(1);
    let facts: Vec<FactBody> = (0..10_000u32).map(|i| FactBody::resource(i.to_be_bytes().to_vec())).collect();
    let written = a.chain.next(&facts).unwrap();
    assert_eq!(outline(&written.chunk, &a.actor()).unwrap().ops, 10_000);
    assert_eq!(a.chain.next(&[&facts[..], &facts[..1]].concat()).err(), Some(WriteError::Size));
    let facts: Vec<FactBody> = facts.into_iter().take(3_000).collect();
    let sent = a.writes(&facts);
    let mut r = Replica::new();
    assert_eq!(r.takes([&sent]), Folded::default());
    assert_eq!(r.doc.facts().count(), 3_000);
}

#[test]
fn the_longest_fact_fits_an_envelope() {
    let noise: Vec<u8> = (0..MAX_FACT_BODY as u32 / 32)
        .flat_map(|i| *blake3::hash(&i.to_be_bytes()).as_bytes())
        .collect();
    let sent = Author::new(1).writes(&[FactBody::resource(noise.clone())]);
    let mut r = Replica::new();
    r.takes([&sent]);
    assert_eq!(r.doc.facts().next().unwrap().body, noise);
}

#[test]
fn every_arrival_order_and_batching_gives_one_view() {
    let mut rng = Rng(7);
    let mut authors: Vec<Author> = (1..=6).map(Author::new).collect();
    authors.push(Author::in_incarnation(1, 2));
    let mut fork = authors[3].clone();
    let mut sent: Vec<Sent> = Vec::new();
    for i in 0..120 {
        let known: Vec<FactId> = sent.iter().flat_map(|s| s.facts.clone()).collect();
        let old: Vec<FactId> = (0..rng.below(3))
            .filter(|_| !known.is_empty())
            .map(|_| known[rng.below(known.len())])
            .collect();
        let writer = rng.below(authors.len() + 1);
        let author = authors.get_mut(writer).unwrap_or(&mut fork);
        sent.push(author.corrects(&old, &format!("fait {i}")));
    }
    let attacks = [
        forged(&Author::new(60), |p| p.start_op = 9),
        forged(&Author::new(61), |p| p.timestamp = 9),
    ];
    sent.extend(attacks);
    let labels: Vec<(ItemId, Label)> = sent
        .iter()
        .map(|s| (s.id(), if rng.below(5) == 0 { Quarantined } else { Accepted }))
        .collect();
    let mut views = BTreeSet::new();
    for round in 0..12 {
        rng.shuffle(&mut sent);
        let mut r = Replica::new();
        for part in sent.chunks([1, 5, 30, 1000][round % 4]) {
            r.takes(part);
        }
        for (envelope, label) in &labels {
            r.doc.set_label(*envelope, *label);
        }
        assert_eq!(r.doc.facts().count(), 120);
        assert_eq!(r.refused.len(), 2);
        let found: BTreeSet<Label> = r.doc.facts().map(|f| f.label).collect();
        assert_eq!(found, BTreeSet::from([Accepted, Quarantined, Disputed]));
        views.insert(r.doc.canonical_view());
    }
    assert_eq!(views.len(), 1);
}

#[test]
fn two_thousand_changes_fold_in_one_batch() {
    let mut authors: Vec<Author> = (0..20).map(Author::new).collect();
    let sent: Vec<Sent> = (0..2_000).map(|i| authors[i % 20].says(&format!("fait {i}"))).collect();
    let mut r = Replica::new();
    assert_eq!(r.takes(&sent), Folded::default());
    assert_eq!(r.doc.changes(), 2_000);
}
