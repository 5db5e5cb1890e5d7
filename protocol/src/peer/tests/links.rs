//! Whose connections are served, and what breaks one.

use super::first_facts;
use super::harness::{CLINIC, NURSES, Net, PHARMACY};
use crate::crypto::derive;
use crate::identity::{OpBody, Registry, RegistryOp, Revoked, Validity};
use crate::ids::NodeKey;
use crate::peer::{Effects, Event, Hello, Input, Peer};
use crate::store::{MemoryStore, Ordered};
use crate::sync::SessionSettings;
use crate::testing::{NOW, Random, charter_named, key};

const DAY: u64 = 24 * 3_600_000;

fn revoke(who: Revoked) -> OpBody {
    OpBody::Revoke {
        who,
        reason: 1,
        keep: Vec::new(),
    }
}

#[test]
fn a_revoked_node_is_hung_up_on_and_refused_from_then_on() {
    let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
    net.meet_all();
    let (stolen, honest) = (net.connect(1, 0), net.connect(2, 0));
    net.run();
    // Written here: at once.
    let (facility, node) = (net.nodes[1].founded.facility.clone(), net.nodes[1].key);
    net.publish(0, &facility, &[], revoke(Revoked::Node(node)));
    assert!(!net.is_up(stolen), "hung up on");
    assert!(net.is_up(honest));
    let again = net.connect(1, 0);
    assert!(!net.is_up(again), "refused");
    // Received from another node: just so.
    let elsewhere = net.connect(1, 2);
    assert!(net.nodes[2].peer.registry().is_revoked(&Revoked::Node(node)) || net.is_up(elsewhere));
    net.run();
    assert!(net.nodes[2].peer.registry().is_revoked(&Revoked::Node(node)));
    assert!(!net.is_up(elsewhere) && net.is_up(honest));
    assert!(!net.nodes[2].peer.allowed(net.now).contains(&node));
}

#[test]
fn the_revocation_of_a_facility_reaches_its_machines() {
    let mut net = Net::new(&[CLINIC, PHARMACY]);
    net.meet_all();
    let link = net.connect(0, 1);
    net.run();
    let facility = net.nodes[1].founded.facility_key();
    net.publish(0, &key("authority"), &[], revoke(Revoked::Facility(facility)));
    assert!(!net.is_up(link));
}

#[test]
fn t12_an_expired_machine_has_no_session_and_what_it_wrote_still_belongs() {
    let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
    net.meet_all();
    let (facility, node) = (net.nodes[1].founded.facility.clone(), net.nodes[1].founded.node.clone());
    let kem = net.nodes[1].founded.seats[0].kem.public();
    let certificate = OpBody::Node {
        key: NodeKey(node.verifying_key().to_bytes()),
        kem,
        validity: Validity {
            not_before: 0,
            not_after: NOW + DAY,
        },
    };
    net.publish(0, &facility, &[&node], certificate);
    net.meet(0, 1);
    net.meet(0, 2);
    let open = net.connect(0, 1);
    net.run();
    assert!(net.is_up(open));
    net.now += 3 * DAY;
    // An open session ends with the next frame, a new one isn't begun, and a clock set back revives nothing.
    let record = net.create(1, &first_facts("late"));
    net.run();
    assert!(!net.is_up(open), "out of date in the middle of a session");
    let link = net.connect(1, 0);
    assert!(!net.is_up(link));
    net.now -= 3 * DAY;
    let link = net.connect(1, 0);
    assert!(!net.is_up(link));
    // Its clock was wrong or its authority slow: its work isn't lost, somebody else carries it.
    let items = net.nodes[1].items();
    net.write_items(2, items);
    net.meet(2, 0);
    assert_eq!(net.nodes[0].store.root(), net.nodes[1].store.root());
    assert_eq!(net.nodes[1].texts(&record).len(), 3);
}

#[test]
fn t13_a_peer_of_another_charter_is_hung_up_on_and_leaves_nothing() {
    let mut net = Net::new(&[CLINIC, PHARMACY]);
    net.meet_all();
    let before = net.nodes[0].store.root();
    // Its key is in nobody's registry.
    let stranger = NodeKey(key("a stranger").verifying_key().to_bytes());
    let mut out = Effects::default();
    let node = &mut net.nodes[0];
    let up = |peer| Input::LinkUp {
        link: 900,
        peer,
        dialled: false,
    };
    node.peer.handle(net.now, up(stranger), [1; 32], &node.store, &mut out);
    assert_eq!(out.close, [900]);
    // A machine that is a member of both networks and says hello from the other one.
    let other = charter_named("Autre vallée").network_id();
    let mut out = Effects::default();
    let member = net.nodes[1].key;
    let node = &mut net.nodes[0];
    node.peer.handle(net.now, up(member), [1; 32], &node.store, &mut out);
    let hello = Hello {
        network: other,
        salt: [3; 32],
        clock_ms: NOW,
    };
    let frame = |bytes| Input::Frame { link: 900, bytes };
    node.peer.handle(net.now, frame(hello.to_bytes()), [1; 32], &node.store, &mut out);
    assert_eq!(out.close, [900]);
    assert!(matches!(&out.events[..], [Event::Misbehaved { .. }]));
    assert!(
        node.peer.next_frame(net.now, 900, &node.store, 1_000, &mut out).is_none(),
        "not another word"
    );
    // Its items don't even parse: every signature names its network.
    let foreign = crate::testing::found(&charter_named("Autre vallée"), "elsewhere", CLINIC.1, CLINIC.2);
    let mut out = Effects::default();
    node.peer
        .handle(net.now, Input::Introduction { ops: foreign.items }, [1; 32], &node.store, &mut out);
    assert!(out.commits.is_empty());
    assert_eq!((node.store.root(), node.peer.waiting()), (before, 0));
}

#[test]
fn a_first_frame_that_is_no_hello_of_this_version_ends_the_link() {
    let mut random = Random::new(1);
    let mut net = Net::new(&[CLINIC, PHARMACY]);
    let hello = Hello {
        network: net.nodes[0].peer.registry().network_id(),
        salt: [3; 32],
        clock_ms: NOW,
    }
    .to_bytes();
    let mut wrong: Vec<Vec<u8>> = vec![vec![], vec![0x48], hello[..73].to_vec(), [&hello[..], &[0]].concat()];
    for (at, value) in [(0, 0x49), (1, 0), (1, 2), (1, 255)] {
        let mut altered = hello.clone();
        altered[at] = value;
        wrong.push(altered);
    }
    wrong.extend((0..200).map(|n| (0..n).map(|_| random.next() as u8).collect()));
    for bytes in wrong {
        let member = net.nodes[1].key;
        let node = &mut net.nodes[0];
        let mut out = Effects::default();
        let up = Input::LinkUp {
            link: 900,
            peer: member,
            dialled: true,
        };
        node.peer.handle(NOW, up, [1; 32], &node.store, &mut out);
        node.peer
            .handle(NOW, Input::Frame { link: 900, bytes }, [1; 32], &node.store, &mut out);
        assert_eq!(out.close, [900]);
        assert_eq!(node.peer.sessions().count(), 0);
    }
}

#[test]
fn any_clock_in_a_hello_is_shown_and_harms_nothing() {
    let mut net = Net::new(&[CLINIC, PHARMACY]);
    for clock_ms in [0, 1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
        let network = net.nodes[0].peer.registry().network_id();
        let member = net.nodes[1].key;
        let node = &mut net.nodes[0];
        let mut out = Effects::default();
        let up = Input::LinkUp {
            link: 900,
            peer: member,
            dialled: true,
        };
        node.peer.handle(NOW, up, [1; 32], &node.store, &mut out);
        let hello = Hello {
            network,
            salt: [3; 32],
            clock_ms,
        };
        let bytes = hello.to_bytes();
        node.peer
            .handle(NOW, Input::Frame { link: 900, bytes }, [1; 32], &node.store, &mut out);
        assert!(matches!(out.events[..], [Event::Admitted { .. }]));
        assert!(node.peer.allowed(NOW).contains(&member), "nobody's dates moved");
    }
}

#[test]
fn random_frames_after_the_hello_end_the_link_and_never_the_process() {
    let mut net = Net::new(&[CLINIC, PHARMACY]);
    net.create(0, &first_facts("x"));
    let before = net.nodes[0].store.root();
    let member = net.nodes[1].key;
    let mut random = Random::new(7);
    let mut ended = 0;
    for round in 0..600 {
        let link = 1_000 + round;
        net.input(
            0,
            Input::LinkUp {
                link,
                peer: member,
                dialled: round % 2 == 0,
            },
        );
        let hello = Hello {
            network: net.nodes[0].peer.registry().network_id(),
            salt: derive("bocage 2026-11 test salt", &[&round.to_be_bytes()]),
            clock_ms: NOW,
        };
        net.input(
            0,
            Input::Frame {
                link,
                bytes: hello.to_bytes(),
            },
        );
        for _ in 0..20 {
            let len = random.below(60);
            let mut bytes: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
            // The type bytes that exist are more interesting than the others.
            if let Some(first) = bytes.first_mut() {
                *first = random.below(9) as u8;
            }
            net.input(0, Input::Frame { link, bytes });
        }
        ended += usize::from(net.nodes[0].peer.sessions().all(|(id, ..)| id != link));
        net.input(0, Input::LinkDown { link });
    }
    assert!(ended > 590, "{ended} of 600");
    assert_eq!(net.nodes[0].store.root(), before);
    net.meet_all();
    assert_eq!(net.roots().len(), 1, "and honest links work as ever");
}

#[test]
fn what_is_stored_is_what_a_restart_believes() {
    let mut net = Net::new(&[CLINIC, PHARMACY]);
    net.create(0, &first_facts("x"));
    let node = &net.nodes[0];
    let again = Peer::open(
        node.founded.node.clone(),
        node.peer.registry().charter().clone(),
        &node.store,
        SessionSettings::default(),
    )
    .unwrap();
    let ops = |r: &Registry| r.ops().map(RegistryOp::id).collect::<Vec<_>>();
    assert_eq!(ops(again.registry()), ops(node.peer.registry()));
    let empty = Peer::open(
        node.founded.node.clone(),
        node.peer.registry().charter().clone(),
        &MemoryStore::default(),
        SessionSettings::default(),
    )
    .unwrap();
    assert!(empty.allowed(NOW).is_empty());
}
