//! The attack table of the design against gate and fold, whole: bytes in, facts out.

use automerge::{Automerge, Change, ReadDoc};
use std::collections::BTreeSet;

use super::preflight::{Preflight, outline};
use super::testing::*;
use super::*;
use crate::envelope::Lane;
use crate::ids::{FactId, ItemId};
use Label::{Accepted, Disputed, Quarantined};

fn refusal(sent: &Sent) -> Refusal {
    match Gate::new(DOC).offer(&sent.arrival, &sent.plaintext).0 {
        Verdict::Refused(why) => why,
        other => panic!("{other:?}"),
    }
}

/// What `author` would send to have `alter` done to its first change.
pub(super) fn forged(author: &Author, alter: impl FnOnce(&mut Parts)) -> Sent {
    let mut author = author.clone();
    let honest = author.says("allergie: pénicilline");
    let mut parts = Parts::of(&honest.chunk());
    assert_eq!(parts.chunk(), honest.chunk(), "the surgeon puts back what she took out");
    alter(&mut parts);
    author.send(&[&parts.chunk()], Vec::new())
}

#[test]
fn panics_unwind() {
    const { assert!(cfg!(panic = "unwind"), "the gate relies on catch_unwind") };
    assert!(std::panic::catch_unwind(|| panic!("caught")).is_err());
}

#[test]
fn t26_equivocation_shows_both_dosages_disputed_and_touches_nobody_else() {
    let mut a = Author::new(1);
    let mut b = Author::new(2);
    let before = a.says("avant");
    let mut clone = a.clone();
    let low = a.says("amoxicilline 500 mg");
    let high = clone.says("amoxicilline 5000 mg");
    let after_low = a.says("suite");
    let honest = b.corrects(&before.facts, "avant, corrigé");
    let mut views = BTreeSet::new();
    for order in [
        [&before, &low, &high, &after_low, &honest],
        [&before, &high, &low, &after_low, &honest],
        [&honest, &after_low, &high, &low, &before],
    ] {
        for at_once in [true, false] {
            let mut r = Replica::new();
            if at_once {
                r.takes(order);
            } else {
                for s in order {
                    r.takes([s]);
                }
            }
            assert_eq!(
                r.shown(),
                [
                    ("amoxicilline 500 mg".to_owned(), Disputed),
                    ("amoxicilline 5000 mg".to_owned(), Disputed),
                    ("avant".to_owned(), Accepted),
                    ("avant, corrigé".to_owned(), Accepted),
                    ("suite".to_owned(), Disputed),
                ]
            );
            views.insert(r.doc.canonical_view());
        }
    }
    assert_eq!(views.len(), 1);
    assert_ne!(low.facts, high.facts, "each branch's fact can be named, and settled, on its own");
}

#[test]
fn t27_a_late_fork_at_the_start_of_a_long_chain_hides_nothing() {
    let mut a = Author::new(1);
    let mut thief = a.clone();
    let history: Vec<Sent> = (0..300).map(|i| a.says(&format!("jour {i:03}"))).collect();
    let mut fork = vec![thief.says("jour 000 bis")];
    fork.push(thief.corrects(&history[7].facts, "jour 007 falsifié"));
    let honest = Author::new(2).says("autre");

    let mut late = Replica::new();
    late.takes(history.iter().chain([&honest]));
    let before = late.shown();
    assert!(before.iter().all(|(_, label)| *label == Accepted));
    late.takes(&fork);
    assert_eq!(late.shown().len(), 303);
    assert_eq!(late.current().len(), 303, "a disputed correction hides nothing");
    let undisputed: Vec<_> = late.shown().into_iter().filter(|f| f.1 == Accepted).collect();
    assert_eq!(undisputed, [("autre".to_owned(), Accepted)]);

    let mut early = Replica::new();
    early.takes(&fork);
    early.takes(history.iter().rev());
    early.takes([&honest]);
    assert_eq!(early.doc.canonical_view(), late.doc.canonical_view());
}

/// A thief who holds a revoked seat's key signs a second history from its first number on. The owner's own corrections were kept;
/// were they disputed now, every corrected dose would be current again. He even repeats some of their facts, byte for byte, in
/// changes cut otherwise.
#[test]
fn t17_t27_a_fork_that_the_cut_leaves_out_undoes_no_correction() {
    let mut a = Author::new(1);
    let mut thief = a.clone();
    let mut history: Vec<Sent> = (0..10).map(|i| a.says(&format!("jour {i:03}"))).collect();
    history.push(a.corrects(&history[3].facts, "jour 003 corrigé"));
    // The same first two facts under the same operation numbers, in one change instead of two.
    let texts = ["jour 000", "jour 001"].map(|text| FactBody::resource(text.as_bytes().to_vec()));
    let fork = [
        thief.writes(&texts),
        thief.says("falsifié"),
        thief.corrects(&history[7].facts, "jour 007 falsifié"),
    ];
    assert_eq!(fork[0].facts[0], history[0].facts[0], "one id in both histories");
    let all: Vec<Sent> = history.iter().chain(&fork).cloned().collect();
    let honest: Vec<(String, Label)> = {
        let mut alone = Replica::new();
        alone.takes(&history);
        alone.current()
    };
    assert_eq!(honest.len(), 10);
    assert!(honest.iter().all(|(text, label)| text != "jour 003" && *label == Accepted));

    let mut rng = Rng(17);
    let mut views = BTreeSet::new();
    for round in 0..12 {
        let mut order = all.clone();
        rng.shuffle(&mut order);
        let mut r = Replica::new();
        // Before anybody revokes the seat nobody can tell the histories apart: all is shown, nothing supersedes.
        for part in order.chunks([1, 4, 20][round % 3]) {
            r.takes(part);
        }
        assert!(r.current().contains(&("jour 003".to_owned(), Disputed)));
        assert!(r.shown().iter().all(|(_, label)| *label == Disputed));
        // The cut, in either of the two ways it can come: before the envelopes, or after.
        for sent in &fork {
            r.doc.set_label(sent.id(), Quarantined);
        }
        if round % 2 == 0 {
            let mut gate = Gate::new(DOC);
            let mut doc = Document::new(DOC);
            history.iter().for_each(|s| doc.set_label(s.id(), Accepted));
            let verdicts = all.iter().map(|s| gate.offer(&s.arrival, &s.plaintext).0);
            let admitted = verdicts.map(|verdict| match verdict {
                Verdict::Admitted(admitted) => admitted,
                other => panic!("{other:?}"),
            });
            doc.fold(admitted);
            r.doc = doc;
        }
        let current = r.current();
        let accepted: Vec<_> = current.iter().filter(|f| f.1 == Accepted).cloned().collect();
        assert_eq!(accepted, honest, "what was kept, as if the thief had never written");
        assert!(
            !current.iter().any(|(text, _)| text == "jour 003"),
            "the corrected one stays corrected"
        );
        assert_eq!(
            current.iter().filter(|f| f.1 == Quarantined).count(),
            4,
            "shown, and not acknowledged"
        );
        views.insert(r.doc.canonical_view());
    }
    assert_eq!(views.len(), 1);
}

#[test]
fn a_fork_is_one_only_while_both_its_sides_are_acknowledged() {
    let mut a = Author::new(1);
    let before = a.says("avant");
    let (mut b, mut c) = (a.clone(), a.clone());
    let (one, two, three) = (a.says("un"), b.says("deux"), c.says("trois"));
    let mut r = Replica::new();
    r.takes([&before, &one, &two, &three]);
    let label = |r: &Replica, text: &str| r.shown().into_iter().find(|f| f.0 == text).unwrap().1;
    let labels = |r: &Replica| ["avant", "un", "deux", "trois"].map(|text| label(r, text));
    assert_eq!(labels(&r), [Accepted, Disputed, Disputed, Disputed]);
    r.doc.set_label(three.id(), Quarantined);
    assert_eq!(labels(&r), [Accepted, Disputed, Disputed, Quarantined]);
    r.doc.set_label(two.id(), Quarantined);
    assert_eq!(labels(&r), [Accepted, Accepted, Quarantined, Quarantined]);
    // The evaluator may know better, from the envelopes: the seat forked in another document.
    r.doc.set_label(one.id(), Disputed);
    assert_eq!(labels(&r), [Accepted, Disputed, Quarantined, Quarantined]);
    r.doc.set_label(two.id(), Disputed);
    assert_eq!(labels(&r), [Accepted, Disputed, Disputed, Quarantined]);
    r.doc.set_label(one.id(), Quarantined);
    r.doc.set_label(two.id(), Accepted);
    assert_eq!(
        labels(&r),
        [Accepted, Quarantined, Accepted, Quarantined],
        "either side may be the one that stands"
    );
    // A change that its author sent twice counts by the better of its envelopes.
    let again = c.send(&[&three.chunk()], Vec::new());
    r.takes([&again]);
    assert_eq!(labels(&r), [Accepted, Quarantined, Disputed, Disputed]);
}

#[test]
fn a_thousand_forks_of_a_long_chain_do_not_cost_a_thousand_long_chains() {
    let mut a = Author::new(1);
    let chain: Vec<Sent> = (0..600).map(|i| a.says(&format!("jour {i}"))).collect();
    let forks: Vec<Sent> = (0..1_000).map(|i| a.clone().says(&format!("fourche {i}"))).collect();
    let mut r = Replica::new();
    r.takes(&chain);
    for part in forks.chunks(100) {
        assert_eq!(r.takes(part), Folded::default());
    }
    let shown = r.shown();
    assert_eq!(shown.iter().filter(|f| f.1 == Accepted).count(), 600);
    assert_eq!(shown.iter().filter(|f| f.1 == Disputed).count(), 1_000);
}

#[test]
fn t28_a_restored_backup_goes_on_in_a_new_incarnation_without_a_fork() {
    let mut a = Author::new(1);
    let one = a.says("avant la sauvegarde");
    let two = a.says("après la sauvegarde");
    let three = Author::in_incarnation(1, 2).says("restauré");
    let mut r = Replica::new();
    r.takes([&three, &one, &two]);
    assert!(r.current().iter().all(|(_, label)| *label == Accepted));
    assert_eq!(r.current().len(), 3);
}

#[test]
fn t29_deflated_chunks_and_columns_never_reach_an_inflater() {
    let mut a = Author::new(1);
    let bomb = miniz_oxide::deflate::compress_to_vec(&vec![0; 30 << 20], 6);
    let chunk = chunk_of(2, &bomb);
    assert_eq!(outline(&chunk, &a.actor()), Err(Preflight::ChunkType(2)));
    assert_eq!(refusal(&a.send(&[&chunk], Vec::new())), Preflight::ChunkType(2).into());
    for kind in [0, 3, 4, 0xff] {
        assert_eq!(outline(&chunk_of(kind, b"x"), &a.actor()), Err(Preflight::ChunkType(kind)));
    }
    for column in 0..6 {
        let sent = forged(&a, |p| {
            p.columns[column].0 |= 8;
            p.columns[column].1.clone_from(&bomb);
        });
        assert_eq!(refusal(&sent), Preflight::Deflated.into());
    }
}

#[test]
fn t30_millions_of_operations_in_a_hundred_bytes_are_refused_unparsed() {
    let a = Author::new(1);
    for ops in [10_001u64, 5_000_000, 1_000_000_000_000, i64::MAX as u64] {
        let sent = forged(&a, |p| {
            let mut run = crate::wire::Writer::new();
            if ops < 1 << 62 {
                // One zero bit on top keeps the sign of the signed form.
                let mut v = ops;
                while v >= 0x40 {
                    run.u8(v as u8 | 0x80);
                    v >>= 7;
                }
                run.u8(v as u8);
            } else {
                run.bytes(&[0xff; 9]).u8(0);
            }
            run.u8(1);
            *p.column(0x42) = run.finish();
            *p.column(0x15) = [&[2, 1, b'k'][..]].concat();
            *p.column(0x56) = vec![2, 7];
            *p.column(0x57) = Vec::new();
        });
        let chunk = sent.chunk();
        assert!(chunk.len() <= 113, "{}", chunk.len());
        assert_eq!(outline(&chunk, &a.actor()), Err(Preflight::Ops));
        assert_eq!(refusal(&sent), Preflight::Ops.into());
    }
    // The same amplification by another column: a predecessor count without end.
    let sent = forged(&a, |p| {
        *p.column(0x70) = vec![0x7f, 0xff, 0xff, 0xff, 0xff, 0x7f];
        p.columns.push((0x71, vec![0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]));
        p.columns.push((0x73, vec![0xff, 0xff, 0xff, 0xff, 0xff, 0, 1]));
    });
    assert_eq!(refusal(&sent), Preflight::Columns.into());
}

#[test]
fn t31_a_change_that_panics_is_poisoned_and_the_process_lives() {
    let (mut a, mut b) = (Author::new(1), Author::new(2));
    let mut sent: Vec<Sent> = (0..40).map(|i| b.says(&format!("b{i:02}"))).collect();
    let good = a.says("a1");
    let bad = a.says("a2");
    let behind = a.says("a3");
    mark(Stage::Apply, bad.hash());
    sent.extend([good.clone(), bad.clone(), behind.clone()]);
    let mut rng = Rng(31);
    let mut views = BTreeSet::new();
    for step in [43, 43, 10, 1] {
        rng.shuffle(&mut sent);
        let mut r = Replica::new();
        let (mut poisoned, mut stranded) = (BTreeSet::new(), BTreeSet::new());
        for part in sent.chunks(step) {
            let folded = r.takes(part);
            poisoned.extend(folded.poisoned);
            stranded.extend(folded.stranded);
        }
        assert_eq!(poisoned, BTreeSet::from([(bad.id(), bad.arrival.author)]));
        assert_eq!(stranded, BTreeSet::from([behind.id()]));
        assert_eq!(r.shown().len(), 41, "everybody else, and the author's own past");
        views.insert(r.doc.canonical_view());
    }
    assert_eq!(views.len(), 1);
}

#[test]
fn t31_a_change_that_panics_the_decoder_is_refused_and_others_go_on() {
    let (mut a, mut b) = (Author::new(1), Author::new(2));
    let (bad, behind, honest) = (a.says("a1"), a.says("a2"), b.says("b1"));
    mark(Stage::Decode, bad.hash());
    for order in [[&bad, &behind, &honest], [&honest, &behind, &bad]] {
        let mut r = Replica::new();
        assert_eq!(r.takes(order), Folded::default());
        assert_eq!(r.refused, [(bad.id(), Refusal::Panicked)]);
        assert_eq!(r.shown(), [("b1".to_owned(), Accepted)]);
        assert_eq!(r.gate.waiting().collect::<Vec<_>>(), [behind.id()]);
    }
}

#[test]
fn t32_another_actor_than_the_authors_own_is_refused() {
    let (a, mut b) = (Author::new(1), Author::new(2));
    let foreign = b.says("b");
    let stolen = a.clone().send(&[&foreign.chunk()], Vec::new());
    assert_eq!(
        refusal(&stolen),
        Preflight::Actor.into(),
        "another author's change in an own envelope"
    );
    let other_run = Author::in_incarnation(1, 2).says("a");
    assert_eq!(
        refusal(&a.clone().send(&[&other_run.chunk()], Vec::new())),
        Preflight::Actor.into(),
        "an actor of another incarnation"
    );
    let mut other_lane = a.clone().says("a");
    other_lane.arrival.lane = Lane::Rest;
    assert_eq!(refusal(&other_lane), Preflight::Actor.into());
    let short = forged(&a, |p| p.actor.truncate(15));
    assert_eq!(refusal(&short), Preflight::Actor.into());
    let mut elsewhere = a.clone().says("a");
    elsewhere.arrival.doc = crate::ids::DocId([1; 32]);
    assert_eq!(refusal(&elsewhere), Refusal::OtherDocument);
    let other_actor = b.actor().to_vec();
    assert_eq!(refusal(&forged(&a, |p| p.others.push(other_actor))), Preflight::OtherActors.into());
}

#[test]
fn t61_operation_numbers_cannot_be_used_up() {
    let a = Author::new(1);
    for start in [0xffff_fff0u64, u64::from(u32::MAX), u64::MAX] {
        let why = refusal(&forged(&a, |p| p.start_op = start));
        assert!(matches!(why, Refusal::Chain | Refusal::Preflight(Preflight::StartOp)), "{why:?}");
    }
    assert_eq!(refusal(&forged(&a, |p| p.start_op = 2)), Refusal::Chain);
    assert_eq!(refusal(&forged(&a, |p| p.start_op = 0)), Preflight::StartOp.into());
    assert_eq!(refusal(&forged(&a, |p| p.seq = 2)), Refusal::Chain);
    assert_eq!(refusal(&forged(&a, |p| p.seq = 0)), Refusal::Chain);
    // A second change that starts over would collide with the first one's operations.
    let mut twice = a.clone();
    let first = twice.says("un");
    let mut parts = Parts::of(&twice.says("deux").chunk());
    parts.start_op = 1;
    let second = twice.send(&[&parts.chunk()], Vec::new());
    let later = Author::new(2).says("après");
    let mut r = Replica::new();
    r.takes([&first, &second, &later]);
    assert_eq!(r.refused, [(second.id(), Refusal::Chain)]);
    assert_eq!(r.shown().len(), 2);
}

#[test]
fn anything_a_change_could_carry_besides_facts_is_refused() {
    let a = Author::new(1);
    type Case = (&'static str, Refusal, fn(&mut Parts));
    let cases: [Case; 9] = [
        ("timestamp", Preflight::Timestamp.into(), |p| p.timestamp = 1),
        ("message", Preflight::Message.into(), |p| p.message = b"m".to_vec()),
        ("trailing bytes", Preflight::Length.into(), |p| p.tail = vec![0]),
        ("two dependencies", Preflight::Deps.into(), |p| p.deps = vec![[1; 32], [2; 32]]),
        ("an object", Preflight::Columns.into(), |p| p.columns.insert(0, (1, vec![0x7f, 0]))),
        ("an unknown column", Preflight::Columns.into(), |p| p.columns.push((0xf5, vec![1]))),
        ("a delete", Preflight::Action.into(), |p| *p.column(0x42) = vec![0x7f, 3]),
        ("an insert", Refusal::NotAFact, |p| *p.column(0x34) = vec![0, 1]),
        ("text for bytes", Refusal::NotAFact, |p| p.column(0x56)[1] ^= 1),
    ];
    for (what, why, alter) in cases {
        assert_eq!(refusal(&forged(&a, alter)), why, "{what}");
    }
    let other_key = forged(&a, |p| *p.column(0x15).last_mut().unwrap() ^= 1);
    assert_eq!(refusal(&other_key), Refusal::NotAFact, "a key of one's choice could be somebody's");
    let unmatched = forged(&a, |p| *p.column(0x57).last_mut().unwrap() ^= 1);
    assert_eq!(refusal(&unmatched), Refusal::NotAFact, "the key commits to the content");
    let padded = forged(&a, |p| *p.column(0x42) = vec![1, 1]);
    assert_eq!(
        refusal(&padded),
        Refusal::NotCanonical,
        "a run of one, where Automerge writes a literal"
    );
    let mut bad_sum = a.clone().says("x").chunk();
    bad_sum[5] ^= 1;
    assert_eq!(refusal(&a.clone().send(&[&bad_sum], Vec::new())), Refusal::NotCanonical);
}

#[test]
fn t65_a_quarantined_or_withheld_change_hides_none_of_fifty_later_facts() {
    let mut a = Author::new(1);
    let first = a.says("en quarantaine");
    let withheld = a.says("retenu");
    let behind = a.says("derrière");
    let honest: Vec<Sent> = (0..50u8)
        .map(|i| Author::new(100 + i).corrects(&first.facts, &format!("fait {i:02}")))
        .collect();
    let mut r = Replica::new();
    r.takes([&first, &behind]);
    r.doc.set_label(first.id(), Quarantined);
    r.takes(&honest);
    let current = r.current();
    assert_eq!(current.iter().filter(|f| f.0.starts_with("fait") && f.1 == Accepted).count(), 50);
    assert_eq!(
        r.gate.waiting().collect::<Vec<_>>(),
        [behind.id()],
        "the withheld change holds up its author alone"
    );
    r.takes([&withheld]);
    assert!(r.shown().contains(&("derrière".to_owned(), Accepted)));
    assert_eq!(r.gate.waiting().count(), 0);
}

#[test]
fn waiting_is_bounded_per_author_and_takes_no_content() {
    let mut flood = Author::new(1);
    flood.says("retenu");
    let one = flood.says("suite");
    let mut gate = Gate::new(DOC);
    for i in 0..MAX_WAITING as u32 + 10 {
        let mut arrival = one.arrival;
        arrival.envelope = ItemId(*blake3::hash(&i.to_be_bytes()).as_bytes());
        assert!(matches!(gate.offer(&arrival, &one.plaintext).0, Verdict::Waiting(_)));
    }
    assert_eq!(gate.waiting().count(), MAX_WAITING);
    let mut other = Author::new(2);
    other.says("retenu");
    let two = other.says("suite");
    gate.offer(&two.arrival, &two.plaintext);
    assert!(
        gate.waiting().any(|id| id == two.id()),
        "one author's flood takes no one else's place"
    );
}

#[test]
fn t67_a_foreign_predecessor_deletes_nothing_in_either_order() {
    let (mut victim, attacker) = (Author::new(1), Author::new(2));
    let allergy = victim.says("allergie: pénicilline");
    let key = Parts::of(&allergy.chunk()).column(0x15).clone();
    let victim_actor = victim.actor().to_vec();
    let attacks = [
        // A delete of the victim's operation 1, as Automerge would write it.
        forged(&attacker, |p| {
            p.others = vec![victim_actor.clone()];
            p.columns = vec![
                (0x15, key.clone()),
                (0x34, vec![1]),
                (0x42, vec![0x7f, 3]),
                (0x56, vec![0x7f, 0]),
                (0x70, vec![0x7f, 1]),
                (0x71, vec![0x7f, 1]),
                (0x73, vec![0x7f, 1]),
            ];
        }),
        // The same without naming the victim: an actor index out of the table.
        forged(&attacker, |p| {
            *p.column(0x15) = key.clone();
            *p.column(0x70) = vec![0x7f, 1];
            p.columns.push((0x71, vec![0x7f, 1]));
            p.columns.push((0x73, vec![0x7f, 1]));
        }),
        // A put over the victim's key.
        forged(&attacker, |p| *p.column(0x15) = key.clone()),
    ];
    let chunk = attacks[0].chunk();
    let as_automerge_sees_it = Change::try_from(&chunk[..]).unwrap();
    let mut naked = Automerge::new();
    naked.apply_changes([Change::try_from(&allergy.chunk()[..]).unwrap()]).unwrap();
    assert_eq!(naked.length(automerge::ROOT), 1);
    naked.apply_changes([as_automerge_sees_it]).unwrap();
    assert_eq!(naked.length(automerge::ROOT), 0, "without the gate the attack works");
    for attack in &attacks {
        for order in [[attack, &allergy], [&allergy, attack]] {
            let mut r = Replica::new();
            r.takes(order);
            assert_eq!(r.current(), [("allergie: pénicilline".to_owned(), Accepted)]);
            assert_eq!(r.refused.len(), 1);
        }
    }
}

#[test]
fn ten_thousand_altered_changes_never_get_past_the_gate_as_a_panic_and_what_passes_applies() {
    let mut rng = Rng(10_000);
    let mut base = Author::new(1);
    let small = base.says("allergie: pénicilline").chunk();
    let large = {
        let mut author = Author::new(1);
        author
            .writes(&[
                FactBody::resource(b"a".to_vec()),
                RecordHead {
                    record: crate::ids::RecordId([1; 32]),
                    compartment: 1,
                    salt: None,
                }
                .to_fact(),
                FactBody::resource(b"bb".to_vec()),
            ])
            .chunk()
    };
    let (mut admitted, mut decoded, mut panics) = (0, 0, 0);
    for round in 0..10_000 {
        let mut author = Author::new(1);
        let sent = if round % 20 == 0 {
            // An author who plays by the rules, with contents that don't.
            let facts: Vec<FactBody> = (0..=rng.below(4))
                .map(|_| FactBody {
                    kind: FactKind::from_u8(rng.next() as u8),
                    source: "é".repeat(rng.below(4)),
                    supersedes: (0..rng.below(3)).map(|_| FactId([rng.next() as u8; 16])).collect(),
                    body: (0..rng.below(40)).map(|_| rng.next() as u8).collect(),
                })
                .collect();
            author.writes(&facts)
        } else {
            let source = if round % 2 == 0 { &small } else { &large };
            let mut data = source[9 + 1 + usize::from(source.len() > 137)..].to_vec();
            for _ in 0..=rng.below(3) {
                let at = rng.below(data.len());
                match rng.below(6) {
                    0 => drop(data.remove(at)),
                    1 => data.insert(at, rng.next() as u8),
                    2 => data[at] = 0xff,
                    3 => data[at] ^= 1 << rng.below(8),
                    _ => data[at] = rng.next() as u8,
                }
            }
            author.send(&[&chunk_of(1, &data)], Vec::new())
        };
        let mut gate = Gate::new(DOC);
        match gate.offer(&sent.arrival, &sent.plaintext).0 {
            Verdict::Admitted(change) => {
                admitted += 1;
                let mut doc = Document::new(DOC);
                assert_eq!(doc.fold([change]), Folded::default(), "round {round}");
                assert!(doc.facts().count() > 0);
            }
            Verdict::Refused(Refusal::Panicked) => panics += 1,
            Verdict::Refused(Refusal::Preflight(_)) | Verdict::Waiting(_) => {}
            Verdict::Refused(_) => decoded += 1,
        }
    }
    assert!(admitted >= 500, "{admitted}");
    assert!(decoded >= 500, "enough got as far as Automerge: {decoded}");
    println!("{admitted} admitted, {decoded} refused behind the preflight, {panics} panics contained");
}

#[test]
fn surgery_repairs_checksums_as_automerge_computes_them() {
    assert_eq!(
        crate::ids::hex(&sha256(b"abc")),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    let chunk = Author::new(1).says("x").chunk();
    let hash = Change::try_from(&chunk[..]).unwrap().hash();
    assert_eq!(chunk[4..8], hash.0[..4]);
}
