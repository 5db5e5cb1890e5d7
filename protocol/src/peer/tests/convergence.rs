//! Whatever happens to links, disks and processes, all end with the same set and show the same records.

use super::harness::{CLINIC, Disk, NURSES, Net, PHARMACY};
use super::{first_facts, new};
use crate::access::matrix::Compartment;
use crate::identity::{FacilityKind, Profession};
use crate::ids::RecordId;
use crate::peer::Event;
use crate::store::Ordered;
use crate::testing::Random;

/// Two clinics of doctors (equal readers once both are shared with), nurses, pharmacists.
const CAST: [(&str, FacilityKind, Profession, usize); 4] =
    [CLINIC, ("other", FacilityKind::Clinic, Profession::Doctor, 1), PHARMACY, NURSES];

fn one_of(random: &mut Random, n: usize) -> usize {
    random.below(n as u64) as usize
}

/// A node writes whatever it may: what is refused for want of a key or a grant stays unwritten.
fn write_something(net: &mut Net, n: usize, random: &mut Random) {
    if net.nodes[n].is_writing() {
        return;
    }
    let records: Vec<RecordId> = net.nodes[n].reader().records().collect();
    let text = format!("fact {}", random.next());
    match random.below(6) {
        0 if records.len() < 6 => drop(net.create(n, &first_facts(&text))),
        1 => assert!(!net.chores(n) || !net.nodes[n].events.is_empty()),
        2 if !records.is_empty() => {
            let with = one_of(random, net.nodes.len());
            if with != n {
                let _ = net.share(n, records[one_of(random, records.len())], with);
            }
        }
        _ if !records.is_empty() => {
            let compartment = [Compartment::Identity, Compartment::Medication, Compartment::Clinical][one_of(random, 3)];
            let _ = net.add(n, records[one_of(random, records.len())], &[new(compartment, &text)]);
        }
        _ => {}
    }
}

fn disturb(net: &mut Net, random: &mut Random) {
    let (n, links) = (one_of(random, net.nodes.len()), net.links());
    match random.below(400) {
        0..=99 if !links.is_empty() => drop(net.pull(links[one_of(random, links.len())], one_of(random, 2))),
        100..=219 if !links.is_empty() => drop(net.deliver(links[one_of(random, links.len())], one_of(random, 2))),
        220..=329 => drop(net.commit_one(n, random.below(40) != 0)),
        330..=339 => {
            let other = one_of(random, net.nodes.len());
            if n != other && !net.are_linked(n, other) {
                net.connect(n, other);
            }
        }
        340..=343 if !links.is_empty() => net.cut(links[one_of(random, links.len())]),
        344..=345 => net.restart(n),
        346 => net.nodes[n].disk = [Disk::AtOnce, Disk::Late][one_of(random, 2)],
        347..=360 => write_something(net, n, random),
        _ => net.now += random.below(5_000),
    }
}

#[test]
fn four_nodes_end_equal_whatever_happens_to_links_disks_and_processes() {
    for seed in 0..6 {
        let mut random = Random::new(seed);
        let mut net = Net::new(&CAST);
        net.create(0, &first_facts("the first"));
        for _ in 0..4_000 {
            disturb(&mut net, &mut random);
        }
        net.assert_saved();
        net.nodes.iter_mut().for_each(|n| n.disk = Disk::AtOnce);
        for n in 0..4 {
            while net.commit_one(n, true) {}
        }
        for link in net.links() {
            net.cut(link);
        }
        // Everything becomes everybody's, and who shall read the same reads the same.
        net.meet_all();
        for n in [0, 1] {
            let records: Vec<RecordId> = net.nodes[n].reader().records().collect();
            for record in records {
                let _ = net.share(n, record, 1 - n);
            }
        }
        for _ in 0..3 {
            net.meet_all();
            for n in 0..4 {
                net.chores(n);
            }
        }
        net.meet_all();
        assert_eq!(net.roots().len(), 1, "seed {seed}");
        net.assert_saved();
        let everywhere = net.nodes[3].store.len();
        assert!(everywhere > 60, "seed {seed}: something was written, {everywhere}");
        let saved = net.nodes.iter().flat_map(|n| &n.saved);
        for id in saved {
            let missing = net
                .nodes
                .iter()
                .filter(|n| !crate::store::Store::contains(&n.store, id).unwrap())
                .count();
            assert_eq!(missing, 0, "seed {seed}: what one saved, all hold");
        }
        let views: Vec<_> = net.nodes.iter().map(super::harness::Node::view).collect();
        assert!(!views[0].is_empty());
        for (a, b) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
            for (at, view) in views[a].iter().filter(|(at, _)| views[b].contains_key(at)) {
                assert_eq!(view, &views[b][at], "seed {seed}: {a} and {b} show one document differently");
            }
        }
        // What a restart shows is what was shown.
        for n in 0..4 {
            let before = net.nodes[n].view();
            net.restart(n);
            assert_eq!(net.nodes[n].view(), before, "seed {seed}: node {n} after a restart");
        }
        let diverged = net
            .nodes
            .iter()
            .flat_map(|n| &n.events)
            .any(|e| matches!(e, Event::Diverged { .. } | Event::Misbehaved { .. }));
        assert!(!diverged, "seed {seed}: honest nodes never diverge or accuse each other");
    }
}

#[test]
fn a_cut_at_any_frame_loses_nothing() {
    let cast = [CLINIC, PHARMACY];
    for at in 0..24 {
        let mut net = Net::new(&cast);
        let record = net.create(0, &first_facts("x"));
        net.share(0, record, 1).unwrap();
        for i in 0..6 {
            net.add(0, record, &[new(Compartment::Medication, &format!("line {i}"))]).unwrap();
        }
        let link = net.connect(0, 1);
        let mut frames = 0;
        while frames < at && net.is_up(link) {
            let before = frames;
            for side in [0, 1] {
                net.pull(link, side);
                frames += usize::from(net.deliver(link, side));
            }
            if frames == before {
                break;
            }
        }
        net.cut(link);
        net.meet(0, 1);
        assert_eq!(net.roots().len(), 1, "cut after {at} frames");
        assert_eq!(net.nodes[1].texts(&record).len(), 8, "identity, medication and six lines");
    }
}
