//! What comes before its certificates, what the disk refuses, what doesn't belong: nothing is lost by it and nothing gets in.

use super::harness::{CLINIC, Disk, NURSES, Net, PHARMACY};
use super::{first_facts, new};
use crate::access::matrix::Compartment;
use crate::crypto::Secret;
use crate::envelope::{Header, Kind, Lane};
use crate::identity::op::REGISTRY_OP;
use crate::ids::{DocId, Hlc, ItemId, Kid, SeatKey};
use crate::peer::{Effects, Event, Hello, Input, LinkId};
use crate::store::Ordered;
use crate::sync::frames::{Frame, Status};
use crate::testing::{NOW, charter, key};

/// A peer that says what it likes: no session of its own, only frames.
pub(super) struct Hostile {
    pub(super) link: LinkId,
    victim: usize,
}

impl Hostile {
    /// Opens a session with `victim` under the node key of `as_node`.
    pub(super) fn connect(net: &mut Net, victim: usize, as_node: usize, link: LinkId) -> Self {
        let peer = net.nodes[as_node].key;
        net.input(
            victim,
            Input::LinkUp {
                link,
                peer,
                dialled: false,
            },
        );
        let hello = Hello {
            network: net.nodes[victim].peer.registry().network_id(),
            salt: [3; 32],
            clock_ms: NOW,
        };
        let status = Status {
            store: 1,
            all: [1; 16],
            control: [2; 16],
            count: 1,
        };
        let hostile = Self { link, victim };
        hostile.frame(net, hello.to_bytes());
        let node = &mut net.nodes[victim];
        while node
            .peer
            .next_frame(NOW, link, &node.store, 16_384, &mut Effects::default())
            .is_some()
        {}
        hostile.frame(net, Frame::Status(status).encode());
        hostile
    }

    pub(super) fn frame(&self, net: &mut Net, bytes: Vec<u8>) {
        net.input(self.victim, Input::Frame { link: self.link, bytes });
    }

    /// One item, whole.
    pub(super) fn send(&self, net: &mut Net, item: &[u8]) {
        let parts: Vec<&[u8]> = item.chunks(16_000).collect();
        for (i, bytes) in parts.iter().enumerate() {
            let last = i + 1 == parts.len();
            self.frame(net, Frame::Part { last, bytes }.encode());
        }
    }

    pub(super) fn is_up(&self, net: &Net) -> bool {
        net.nodes[self.victim].peer.sessions().any(|(id, ..)| id == self.link)
    }
}

/// A clinic that knows the pharmacy's machine and not yet the nurses'; their items come with `Hostile::send`.
fn before_the_nurses() -> (Net, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut net = Net::strangers(&[CLINIC, PHARMACY, NURSES]);
    let known: Vec<Vec<u8>> = net.nodes[..2].iter().flat_map(|n| n.founded.items.clone()).collect();
    for n in [0, 1] {
        net.write_items(n, known.clone());
    }
    let all = [known, net.nodes[2].founded.items.clone()].concat();
    net.write_items(2, all);
    net.unlock(2, 0);
    net.create(2, &first_facts("Awa"));
    let (ops, envelopes): (Vec<_>, Vec<_>) = net.nodes[2].items().into_iter().partition(|i| i[0] == REGISTRY_OP);
    (net, ops, envelopes)
}

#[test]
fn envelopes_wait_for_their_author_s_certificates_and_come_in_with_them() {
    let (mut net, ops, envelopes) = before_the_nurses();
    let before = net.nodes[0].store.len();
    let peer = Hostile::connect(&mut net, 0, 1, 900);
    for envelope in &envelopes {
        peer.send(&mut net, envelope);
        peer.send(&mut net, envelope);
    }
    let own = net.nodes[2].reader().seat();
    let early = envelopes
        .iter()
        .filter(|e| crate::envelope::Envelope::parse(e).unwrap().header.seat == own)
        .count();
    assert_eq!(net.nodes[0].peer.waiting(), early, "each once");
    assert_eq!(
        net.nodes[0].store.len(),
        before + (envelopes.len() - early) as u64 - 2,
        "nothing of a stranger's is stored"
    );
    // The seat's own certificate alone is too early as well: its facility isn't known.
    for op in ops.iter().rev() {
        peer.send(&mut net, op);
    }
    assert_eq!(net.nodes[0].peer.waiting(), 0);
    assert_eq!(net.nodes[0].store.root(), net.nodes[2].store.root());
    assert!(peer.is_up(&net));
}

#[test]
fn a_flood_fills_the_waiting_room_to_its_bounds_and_the_next_session_brings_what_was_dropped() {
    // So many items, or eight mebibytes, whatever comes first.
    for (len, flood, room) in [(20, 2_200, 2_048..=2_048), (200_000, 60, 30..=45)] {
        let (mut net, _, _) = before_the_nurses();
        let record = net.nodes[2].reader().records().next().unwrap();
        for i in 0..20 {
            net.add(2, record, &[new(Compartment::Clinical, &format!("{i}"))]).unwrap();
        }
        let stranger = key("a stranger");
        let network = charter().network_id();
        let peer = Hostile::connect(&mut net, 0, 1, 900);
        let before = net.nodes[0].store.len();
        for seq in 1..=flood {
            let header = Header {
                kind: Kind::Content,
                lane: Lane::Rest,
                doc: DocId([5; 32]),
                seat: SeatKey(stranger.verifying_key().to_bytes()),
                incarnation: 1,
                seq,
                prev: ItemId::ZERO,
                hlc: Hlc::from_millis(NOW + seq),
                kid: Kid([9; 16]),
                authority: Vec::new(),
            };
            let envelope = header.seal(&stranger, &network, &Secret([1; 32]), &vec![0; len]).unwrap();
            peer.send(&mut net, &envelope.to_bytes());
        }
        let full = net.nodes[0].peer.waiting();
        assert!(room.contains(&full), "{full} waiting");
        // The nurses' work comes now, and only then their certificates.
        let (ops, rest): (Vec<_>, Vec<_>) = net.nodes[2].items().into_iter().partition(|i| i[0] == REGISTRY_OP);
        for envelope in &rest {
            peer.send(&mut net, envelope);
        }
        let waiting = net.nodes[0].peer.waiting();
        assert!(waiting <= 2_048 && waiting < full + 40, "{waiting}");
        assert!(net.nodes[0].store.len() <= before + 1, "only what has its certificates");
        for op in &ops {
            peer.send(&mut net, op);
        }
        net.meet(2, 0);
        assert_eq!(net.nodes[0].store.root(), net.nodes[2].store.root());
        assert_eq!(net.nodes[0].peer.waiting(), full, "the stranger's stay out");
    }
}

#[test]
fn early_ops_sent_again_and_again_don_t_wear_the_waiting_room_out() {
    let (mut net, ops, envelopes) = before_the_nurses();
    // A seat's certificate by a practitioner nobody has heard of.
    let ours = net.nodes[1].items();
    let early = ops.iter().find(|op| op[1] == 4 && !ours.contains(op)).unwrap().clone();
    let peer = Hostile::connect(&mut net, 0, 1, 900);
    for _ in 0..200 {
        for _ in 0..4 {
            peer.send(&mut net, &early);
        }
        assert_eq!(net.nodes[0].peer.waiting(), 1);
    }
    let rest = ops.iter().filter(|op| **op != early).chain(&envelopes);
    for item in rest {
        peer.send(&mut net, item);
    }
    assert_eq!(net.nodes[0].peer.waiting(), 0);
    assert_eq!(net.nodes[0].store.root(), net.nodes[2].store.root());
}

#[test]
fn a_stranger_who_introduces_himself_takes_no_place_in_the_waiting_room() {
    let (mut net, ops, _) = before_the_nurses();
    let seat_only: Vec<Vec<u8>> = ops.iter().filter(|op| op[1] == 4).cloned().collect();
    assert!(!seat_only.is_empty());
    net.input(0, Input::Introduction { ops: seat_only });
    assert_eq!(net.nodes[0].peer.waiting(), 0);
    // With its whole chain it is believed.
    net.input(0, Input::Introduction { ops });
    assert!(net.nodes[0].peer.allowed(NOW).contains(&net.nodes[2].key));
}

#[test]
fn a_write_that_was_not_saved_never_surfaces_later() {
    let (mut net, ops, envelopes) = before_the_nurses();
    // The nurses' own node, started again on an empty disk, signs before its certificates are there.
    net.nodes[0].events.clear();
    let ticket = net.write_items(0, envelopes.clone());
    assert_eq!(net.nodes[0].events, [Event::NotSaved { ticket }]);
    assert_eq!(net.nodes[0].peer.waiting(), 0, "it would come in behind its author's back");
    // Nor does half of a write count: one item that doesn't belong undoes it all.
    let before = net.nodes[0].store.root();
    let mut bad = envelopes.last().unwrap().clone();
    *bad.last_mut().unwrap() ^= 1;
    net.write_items(0, [ops.clone(), vec![bad]].concat());
    assert!(matches!(net.nodes[0].events.last(), Some(Event::NotSaved { .. })));
    assert_eq!(net.nodes[0].store.root(), before);
    assert!(!net.nodes[0].peer.allowed(NOW).contains(&net.nodes[2].key), "not even in memory");
    net.write_items(0, [envelopes, ops].concat());
    assert!(matches!(net.nodes[0].events.last(), Some(Event::Saved { .. })));
}

#[test]
fn a_failed_commit_is_not_acknowledged_nor_shown_as_saved_and_the_next_session_heals_it() {
    let mut net = Net::new(&[CLINIC, PHARMACY]);
    net.meet_all();
    let record = net.create(0, &first_facts("x"));
    let link = net.connect(0, 1);
    net.nodes[1].disk = Disk::Full;
    net.nodes[1].events.clear();
    net.run();
    assert!(!net.is_up(link), "the link is closed");
    assert!(
        net.nodes[1]
            .events
            .iter()
            .all(|e| !matches!(e, Event::Stored { .. } | Event::Settled { .. }))
    );
    let in_flight = net.nodes[0].events.iter().rev().find(|e| matches!(e, Event::Settled { .. }));
    assert!(in_flight.is_some(), "the earlier meeting");
    net.nodes[1].disk = Disk::AtOnce;
    net.meet(0, 1);
    assert_eq!(net.roots().len(), 1);
    // A full disk of one's own: not saved, nothing advanced, and the next write is the seat's next.
    net.nodes[0].disk = Disk::Full;
    net.nodes[0].events.clear();
    net.add(0, record, &[new(Compartment::Clinical, "lost")]).unwrap();
    assert!(matches!(net.nodes[0].events[..], [Event::NotSaved { .. }]));
    net.nodes[0].disk = Disk::AtOnce;
    net.add(0, record, &[new(Compartment::Clinical, "kept")]).unwrap();
    let texts = net.nodes[0].texts(&record);
    assert!(texts.iter().any(|(t, l)| t == "kept" && *l == crate::record::Label::Accepted));
    assert!(texts.iter().all(|(t, _)| t != "lost"));
    net.assert_saved();
}

#[test]
fn certificates_whose_commit_failed_are_known_again_once_they_come_again() {
    let (mut net, ops, envelopes) = before_the_nurses();
    let peer = Hostile::connect(&mut net, 0, 1, 900);
    // The disk fills up in the middle of the chain of certificates, and the process ends.
    let ours: Vec<_> = ops.iter().filter(|op| !net.nodes[1].items().contains(op)).cloned().collect();
    let first = ours.iter().position(|op| op[1] == 1).unwrap();
    net.nodes[0].disk = Disk::Full;
    peer.send(&mut net, &ours[first]);
    net.nodes[0].disk = Disk::AtOnce;
    let peer = Hostile::connect(&mut net, 0, 1, 901);
    for (i, op) in ours.iter().enumerate() {
        if i != first {
            peer.send(&mut net, op);
        }
    }
    net.restart(0);
    let peer = Hostile::connect(&mut net, 0, 1, 902);
    peer.send(&mut net, &ours[first]);
    for envelope in &envelopes {
        peer.send(&mut net, envelope);
    }
    assert_eq!(net.nodes[0].peer.waiting(), 0);
    assert_eq!(net.nodes[0].store.root(), net.nodes[2].store.root());
    assert!(net.nodes[0].peer.allowed(NOW).contains(&net.nodes[2].key));
}

#[test]
fn a_bad_signature_ends_its_link_and_no_other() {
    let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
    net.meet_all();
    let honest = net.connect(0, 2);
    net.run();
    net.create(2, &first_facts("from the nurses"));
    let record = net.create(1, &first_facts("x"));
    let forged: Vec<Vec<u8>> = net.nodes[1]
        .items()
        .into_iter()
        .filter(|i| i[0] != REGISTRY_OP && !net.nodes[0].items().contains(i))
        .map(|mut i| {
            *i.last_mut().unwrap() ^= 1;
            i
        })
        .collect();
    let before = net.nodes[0].store.len();
    for (n, item) in forged.iter().enumerate() {
        let peer = Hostile::connect(&mut net, 0, 1, 900 + n as u64);
        assert!(peer.is_up(&net));
        peer.send(&mut net, item);
        assert!(!peer.is_up(&net), "hung up on");
    }
    assert_eq!(net.nodes[0].store.len(), before);
    assert!(net.is_up(honest));
    net.run();
    net.meet(0, 1);
    net.run();
    assert_eq!(net.roots().len(), 1);
    assert_eq!(net.nodes[1].texts(&record).len(), 3);
}
