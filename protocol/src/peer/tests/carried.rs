//! Nodes that never meet: what a file brings counts as what a peer brings, and says who holds what as a peer would.

use std::collections::BTreeSet;

use super::harness::{CLINIC, Cast, NURSES, Net, PHARMACY, id_of};
use super::{first_facts, new};
use crate::access::matrix::Compartment;
use crate::envelope::{Envelope, VERSION};
use crate::peer::{Event, Held, Input};
use crate::record::Label;
use crate::store::Ordered;
use crate::testing::Random;

/// What `from` would put into a file for `to`.
fn packed(net: &mut Net, from: usize, to: &[usize]) -> (Vec<Vec<u8>>, Vec<Held>) {
    let nodes: Vec<_> = to.iter().map(|n| net.nodes[*n].key).collect();
    let now = net.now;
    let node = &mut net.nodes[from];
    let statements = node.peer.statements(now);
    let there = node.peer.known_there(&nodes, &node.store);
    let id = |item: &[u8]| id_of(&node.peer.registry().network_id(), item);
    let items = node.items().into_iter().filter(|item| !there.holds(&id(item), item)).collect();
    (items, statements)
}

/// Places whose seats go on from the founding of their team, on one line.
fn places(cast: Cast<'_>) -> Net {
    let mut net = Net::new(cast);
    for n in 0..net.nodes.len() {
        let founding = Envelope::parse(net.nodes[n].founded.items.last().unwrap()).unwrap();
        net.go_on_from(n, &founding);
    }
    net
}

fn carry(net: &mut Net, from: usize, to: usize) -> usize {
    let (items, statements) = packed(net, from, &[to]);
    let carried = items.len();
    for item in &items {
        assert!(net.nodes[to].peer.judge(item, &net.nodes[to].store).is_ok());
    }
    net.input(to, Input::Carried { items, statements });
    net.run();
    carried
}

fn texts(net: &Net, n: usize, record: &crate::ids::RecordId) -> BTreeSet<String> {
    net.nodes[n].texts(record).into_iter().map(|(text, _)| text).collect()
}

#[test]
fn two_who_never_meet_read_each_other_and_know_what_the_other_holds() {
    let mut net = places(&[CLINIC, PHARMACY, NURSES]);
    let record = net.create(0, &first_facts("Awa"));
    net.run();
    net.share(0, record, 1).unwrap();
    net.run();
    let whole = carry(&mut net, 0, 1);
    assert!(
        texts(&net, 1, &record).contains("Medication Awa"),
        "{:?}",
        net.nodes[1].texts(&record)
    );
    net.add(1, record, &[new(Compartment::Medication, "dispensed")]).unwrap();
    net.run();
    net.nodes[0].events.clear();
    carry(&mut net, 1, 0);
    assert_eq!(
        net.nodes[0].texts(&record).into_iter().find(|(text, _)| text == "dispensed"),
        Some(("dispensed".to_owned(), Label::Accepted))
    );
    assert_eq!(net.roots().len(), 2, "the nurses have heard of nothing");
    // The clinic knows by the pharmacy's own signature that it holds the record, and takes along only what is new from now on.
    let author = net.nodes[0].founded.seats[0].key();
    assert!(net.nodes[0].events.contains(&Event::HeldChanged { author }));
    assert!(net.nodes[0].peer.holders(&author).any(|(node, _)| node == net.nodes[1].key));
    net.add(0, record, &[new(Compartment::Clinical, "seen again")]).unwrap();
    net.run();
    let (news, _) = packed(&mut net, 0, &[1]);
    let envelopes = news.iter().filter(|i| i[0] == VERSION).count();
    assert_eq!(envelopes, 1, "and not the {whole} items again");
    // For the nurses, who have said nothing, everything goes along; for both, too.
    let all = net.nodes[0].items().len();
    assert_eq!(packed(&mut net, 0, &[2]).0.len(), all);
    assert_eq!(packed(&mut net, 0, &[1, 2]).0.len(), all);
    assert_eq!(packed(&mut net, 0, &[]).0.len(), all);
}

/// Two lines of one incarnation, as an old disk image makes them: numbers say nothing of the other line.
#[test]
fn of_a_chain_that_forks_the_other_line_is_taken_along() {
    let mut net = places(&[CLINIC, PHARMACY]);
    let record = net.create(0, &first_facts("Awa"));
    net.run();
    net.share(0, record, 1).unwrap();
    net.run();
    let before = net.nodes[0].items();
    for n in 0..4 {
        net.add(0, record, &[new(Compartment::Medication, &format!("line {n}"))]).unwrap();
        net.run();
    }
    carry(&mut net, 0, 1);
    carry(&mut net, 1, 0);
    assert!(
        packed(&mut net, 0, &[1]).0.iter().all(|item| item[0] != VERSION),
        "all of it is there"
    );
    let seat = net.nodes[0].founded.seats[0].key();
    let own = before.iter().filter(|i| i[0] == VERSION).map(|i| Envelope::parse(i).unwrap());
    let fork = own.filter(|e| e.header.seat == seat).max_by_key(|e| e.header.hlc).unwrap();
    net.go_on_from(0, &fork);
    net.add(0, record, &[new(Compartment::Medication, "the other line")]).unwrap();
    net.run();
    carry(&mut net, 0, 1);
    assert_eq!(net.nodes[1].store.root(), net.nodes[0].store.root());
}

/// The same stick twice, two sticks mixed up, pages in any order: the same set, read the same.
#[test]
fn t41_a_stick_that_mixes_doubles_and_reorders_changes_nothing_of_what_is_read() {
    let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
    let record = net.create(0, &first_facts("Awa"));
    net.run();
    for n in 1..3 {
        net.share(0, record, n).unwrap();
        net.run();
    }
    for n in 0..30 {
        net.add(0, record, &[new(Compartment::Medication, &format!("line {n}"))]).unwrap();
        net.run();
    }
    carry(&mut net, 0, 1);
    let mut random = Random::new(41);
    let (items, statements) = packed(&mut net, 0, &[2]);
    let mut mixed: Vec<Vec<u8>> = items.iter().chain(items.iter().step_by(3)).cloned().collect();
    for i in (1..mixed.len()).rev() {
        mixed.swap(i, random.below(i as u64 + 1) as usize);
    }
    for part in mixed.chunks(7) {
        let statements = statements.iter().rev().cloned().collect();
        net.input(
            2,
            Input::Carried {
                items: part.to_vec(),
                statements,
            },
        );
        net.run();
    }
    let tail = |n: usize| net.nodes[n].store.root();
    assert_eq!(tail(2), tail(0));
    assert_eq!(texts(&net, 2, &record), texts(&net, 0, &record));
    assert_eq!(texts(&net, 1, &record).len(), 32, "identity, medication and its thirty lines");
}

/// A carrier leaves out the end of a chain: it isn't claimed to be held, and the next path brings it.
#[test]
fn t40_a_tail_that_a_stick_leaves_out_is_not_claimed_and_comes_by_another_path() {
    let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
    let record = net.create(0, &first_facts("Awa"));
    net.run();
    for n in 0..5 {
        net.add(0, record, &[new(Compartment::Clinical, &format!("note {n}"))]).unwrap();
        net.run();
    }
    let author = net.nodes[0].founded.seats[0].key();
    let (mut items, statements) = packed(&mut net, 0, &[1]);
    // The last two, and one in the middle.
    items.truncate(items.len() - 2);
    items.remove(items.len() - 2);
    net.input(1, Input::Carried { items, statements });
    net.run();
    let end = |net: &Net, n: usize| {
        net.nodes[n]
            .peer
            .holders(&author)
            .map(|(_, tips)| tips.to_vec())
            .collect::<Vec<_>>()
    };
    let told = net.nodes[1]
        .peer
        .statements(net.now)
        .into_iter()
        .find(|h| h.holder == net.nodes[1].key && h.author == author);
    let (own, claimed) = (end(&net, 1), told.expect("it holds something").tips);
    assert!(!own.is_empty() && !own.contains(&claimed), "it claims less than the clinic does");
    // A file made for it on the strength of that claim holds all that is missing.
    let said = net.nodes[1].peer.statements(net.now);
    net.input(
        0,
        Input::Carried {
            items: Vec::new(),
            statements: said,
        },
    );
    net.run();
    assert!(carry(&mut net, 0, 1) < net.nodes[0].items().len());
    assert_eq!(net.nodes[1].store.root(), net.nodes[0].store.root());
}

#[test]
fn a_forged_statement_or_item_in_a_file_says_nothing() {
    let mut net = places(&[CLINIC, PHARMACY]);
    let record = net.create(0, &first_facts("Awa"));
    net.run();
    let author = net.nodes[0].founded.seats[0].key();
    let (mut items, _) = packed(&mut net, 0, &[1]);
    let own = net.nodes[0].peer.statements(net.now).into_iter().find(|held| held.author == author);
    let (node, network) = (net.nodes[1].founded.node.clone(), net.nodes[0].peer.registry().network_id());
    let sound = Held::sign(&node, &network, author, net.now, own.expect("its own").tips);
    let mut forged = sound.clone();
    forged.signature[0] ^= 1;
    let last = items.last_mut().unwrap();
    let end = last.len() - 1;
    last[end] ^= 1;
    let before = net.nodes[1].store.root();
    assert!(net.nodes[1].peer.judge(items.last().unwrap(), &net.nodes[1].store).is_err());
    net.input(
        1,
        Input::Carried {
            items: vec![items.pop().unwrap()],
            statements: Vec::new(),
        },
    );
    assert_eq!(net.nodes[1].store.root(), before);
    let mut holders_after = |held: Held| {
        let (items, statements) = (Vec::new(), vec![held]);
        net.input(0, Input::Carried { items, statements });
        net.run();
        let holders = net.nodes[0].peer.holders(&author);
        holders.filter(|(node, _)| *node == net.nodes[1].key).count()
    };
    assert_eq!((holders_after(forged), holders_after(sound)), (0, 1));
    assert!(net.nodes[0].texts(&record).len() >= 3);
}
