//! Two sessions over an in-memory pipe: deterministic, and cut wherever a test wants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::frames::Frame;
use super::reconcile::Salt;
use super::session::{Event, Misbehaviour, Received, Role, Session, SessionError, SessionOutput, SessionSettings, Statistics};
use super::testing::{Item, Random, Territory, key_of};
use crate::envelope::{Kind, Lane, TAG, padded_len};
use crate::ids::ItemId;
use crate::store::{OrderKey, Ordered, SetIndex};

/// A set in memory is always read.
fn misbehaviour(result: Result<(), SessionError>) -> Result<(), Misbehaviour> {
    result.map_err(|error| match error {
        SessionError::Misbehaviour(why) => why,
        SessionError::Store(error) => panic!("{error}"),
    })
}

/// A store and its engine, reduced to what a session needs.
struct Node {
    index: SetIndex,
    bytes: BTreeMap<ItemId, Arc<[u8]>>,
    session: Session,
    now_ms: u64,
    events: Vec<Event>,
    /// Items that came again although they were stored.
    repeated: u64,
    order: Vec<OrderKey>,
}

impl Node {
    fn new(role: Role, items: &[Item]) -> Self {
        Self {
            index: items.iter().map(|(key, _)| *key).collect(),
            bytes: items.iter().map(|(key, bytes)| (key.id, bytes.clone())).collect(),
            session: session(role),
            now_ms: 0,
            events: Vec::new(),
            repeated: 0,
            order: Vec::new(),
        }
    }

    fn reconnect(&mut self, role: Role) {
        self.session = session(role);
        self.events.clear();
    }

    /// A local write, or an item from another peer.
    fn store(&mut self, (key, bytes): &Item) {
        if self.index.insert(key) {
            self.bytes.insert(key.id, bytes.clone());
            self.session.on_stored(key);
        }
    }

    fn commit(&mut self, received: Received) {
        let keys: Vec<OrderKey> = received.items.iter().map(|bytes| key_of(bytes)).collect();
        for (key, bytes) in keys.iter().zip(received.items) {
            self.order.push(*key);
            self.repeated += u64::from(self.index.contains(key));
            self.store(&(*key, bytes.into()));
        }
        self.session.durable(received.ticket, &keys);
    }

    fn send(&mut self, budget: usize) -> Option<Vec<u8>> {
        let mut out = SessionOutput::default();
        let bytes = &self.bytes;
        let fetch = |id: &ItemId| bytes.get(id).cloned();
        let frame = self
            .session
            .next_frame(self.now_ms, &self.index, &fetch, budget, &mut out)
            .expect("in memory");
        self.events.extend(out.events);
        assert!(frame.as_ref().is_none_or(|f| f.len() <= super::frames::MAX_FRAME && !f.is_empty()));
        frame
    }

    fn receive(&mut self, frame: &[u8]) -> Result<(), Misbehaviour> {
        let mut out = SessionOutput::default();
        let result = misbehaviour(self.session.handle(self.now_ms, frame, &self.index, &mut out));
        self.events.extend(out.events);
        out.received.into_iter().for_each(|received| self.commit(received));
        result
    }

    fn ids(&self) -> BTreeSet<OrderKey> {
        self.index.iter_from(std::ops::Bound::Unbounded).collect()
    }

    fn settled(&self) -> bool {
        let end = self.events.iter().rev().find(|e| matches!(e, Event::Settled | Event::Diverged));
        end == Some(&Event::Settled)
    }

    fn statistics(&self) -> Statistics {
        self.session.statistics()
    }
}

fn session(role: Role) -> Session {
    let (ours, theirs) = if role == Role::Initiator {
        ([1; 32], [2; 32])
    } else {
        ([2; 32], [1; 32])
    };
    Session::new(role, &ours, &theirs, SessionSettings::default())
}

/// What went over the pipe: frames, bytes with the transport's length prefix, turns of the direction (two are a round trip).
#[derive(Default, Debug)]
struct Traffic {
    frames: usize,
    control_bytes: usize,
    item_bytes: usize,
    turns: usize,
}

struct Pair {
    a: Node,
    b: Node,
    traffic: Traffic,
}

impl Pair {
    fn new(a: &[Item], b: &[Item]) -> Self {
        Self {
            a: Node::new(Role::Initiator, a),
            b: Node::new(Role::Responder, b),
            traffic: Traffic::default(),
        }
    }

    /// Moves frames until nobody has anything to say or `limit` frames went. `between` runs before each frame.
    fn run(&mut self, limit: usize, mut between: impl FnMut(usize, &mut Node, &mut Node)) {
        let start = self.traffic.frames;
        loop {
            let before = self.traffic.frames;
            // Both talk at once: what each says is said before it hears the other.
            let mut wire: [Vec<Vec<u8>>; 2] = [Vec::new(), Vec::new()];
            for (i, node) in [&mut self.a, &mut self.b].into_iter().enumerate() {
                while wire[i].len() < 8
                    && let Some(frame) = node.send(16 * 1024)
                {
                    wire[i].push(frame);
                }
            }
            self.traffic.turns += usize::from(wire.iter().any(|w| !w.is_empty()));
            let [from_a, from_b] = wire;
            for (frame, to_b) in from_a.iter().map(|f| (f, true)).chain(from_b.iter().map(|f| (f, false))) {
                between(self.traffic.frames, &mut self.a, &mut self.b);
                if self.traffic.frames - start == limit {
                    return;
                }
                self.traffic.frames += 1;
                let sized = frame.len() + if frame.len() < 128 { 1 } else { 2 };
                match Frame::decode(frame).unwrap() {
                    Frame::Items(_) | Frame::Part { .. } => self.traffic.item_bytes += sized,
                    _ => self.traffic.control_bytes += sized,
                }
                if to_b { &mut self.b } else { &mut self.a }.receive(frame).unwrap();
            }
            if self.traffic.frames == before {
                return;
            }
            assert!(self.traffic.frames < 200_000, "never ends");
        }
    }

    fn settle(&mut self) {
        self.run(usize::MAX, |_, _, _| {});
    }

    fn assert_converged(&self) {
        let states = || format!("{}\n{}", self.a.session.state(), self.b.session.state());
        assert_eq!(self.a.index.root(), self.b.index.root(), "{}", states());
        assert_eq!(self.a.ids(), self.b.ids());
        assert!(self.a.settled() && self.b.settled(), "{}", states());
        assert_eq!((self.a.session.in_flight(), self.b.session.in_flight()), (0, 0));
    }
}

/// Items of a territory, dealt to both sides, to one or to none of them.
fn deal(seed: u64, n: usize, both_in_eight: u64) -> (Vec<Item>, Vec<Item>) {
    let mut territory = Territory::new(seed, 7, 40);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for i in 0..n {
        let item = match i % 23 {
            0 => territory.op(),
            1 => territory.revocation(),
            _ => territory.envelope(),
        };
        let dice = territory.random.below(8);
        if dice < both_in_eight || dice.is_multiple_of(2) {
            a.push(item.clone());
        }
        if dice < both_in_eight || dice % 2 == 1 {
            b.push(item);
        }
    }
    (a, b)
}

#[test]
fn random_sets_end_as_their_union() {
    for (seed, n, both) in [
        (1, 0, 0),
        (2, 1, 0),
        (3, 40, 0),
        (4, 300, 6),
        (5, 2_000, 7),
        (6, 2_000, 0),
        (7, 3_000, 4),
    ] {
        let (a, b) = deal(seed, n, both);
        let union: BTreeSet<OrderKey> = a.iter().chain(&b).map(|(key, _)| *key).collect();
        let mut pair = Pair::new(&a, &b);
        pair.settle();
        pair.assert_converged();
        assert_eq!(pair.a.ids(), union);
        assert_eq!(pair.a.repeated + pair.b.repeated, 0, "nothing is sent that is there");
    }
}

#[test]
fn an_empty_node_is_filled_and_fills() {
    let (a, _) = deal(8, 3_000, 8);
    for (a, b) in [(&a[..], &[][..]), (&[], &a)] {
        let mut pair = Pair::new(a, b);
        pair.settle();
        pair.assert_converged();
        assert_eq!(pair.a.repeated + pair.b.repeated, 0);
        println!("3,000 items to an empty node: {:?}", pair.traffic);
    }
}

#[test]
fn nodes_that_agree_find_out_in_one_round_trip_and_100_bytes() {
    let (a, _) = deal(9, 10_000, 8);
    let mut pair = Pair::new(&a, &a);
    pair.settle();
    pair.assert_converged();
    println!("nothing differs at 10,000: {:?}", pair.traffic);
    assert!(pair.traffic.control_bytes <= 100);
    assert_eq!((pair.traffic.frames, pair.traffic.turns), (2, 1), "both statuses, at once");
}

#[test]
fn lane_zero_crosses_before_anything_else() {
    let (a, b) = deal(10, 1_500, 5);
    let mut pair = Pair::new(&a, &b);
    pair.settle();
    pair.assert_converged();
    for node in [&pair.a, &pair.b] {
        assert!(node.order.iter().any(|key| key.lane == 0));
        assert!(node.order.is_sorted_by_key(|key| key.lane > 0));
        let at = |event: Event| node.events.iter().position(|e| *e == event).unwrap();
        assert!(at(Event::LaneZeroDone) < at(Event::Settled));
    }
}

#[test]
fn a_cut_at_every_frame_loses_nothing_and_repeats_little() {
    let (a, b) = deal(11, 260, 5);
    let mut whole = Pair::new(&a, &b);
    whole.settle();
    for cut in 0..whole.traffic.frames {
        let mut pair = Pair::new(&a, &b);
        pair.run(cut, |_, _, _| {});
        pair.a.reconnect(Role::Responder);
        pair.b.reconnect(Role::Initiator);
        pair.settle();
        pair.assert_converged();
        assert_eq!(pair.a.ids(), whole.a.ids());
        assert_eq!(
            pair.a.repeated + pair.b.repeated,
            0,
            "cut after frame {cut}: what was durable isn't sent again"
        );
    }
}

#[test]
fn a_link_cut_again_and_again_still_finishes() {
    let (a, b) = deal(12, 1_200, 4);
    let mut pair = Pair::new(&a, &b);
    for round in 0.. {
        pair.run(9, |_, _, _| {});
        if pair.a.index.root() == pair.b.index.root() {
            break;
        }
        assert!(round < 400);
        pair.a.reconnect(Role::Initiator);
        pair.b.reconnect(Role::Responder);
    }
    assert_eq!(pair.a.ids(), pair.b.ids());
}

#[test]
fn local_writes_on_both_sides_in_the_middle_still_converge() {
    for seed in 0..12 {
        let (a, b) = deal(100 + seed, 600, 5);
        let mut pair = Pair::new(&a, &b);
        let (mut writes, mut dice) = (Territory::new(1_000 + seed, 5, 30), Random::new(seed));
        // Some are older than everything there, so that listed ranges change under way.
        writes.millis -= 40 * 60_000;
        pair.run(usize::MAX, |frame, a, b| {
            if frame < 60 {
                for node in [a, b] {
                    for _ in 0..dice.below(4) {
                        let item = if dice.below(9) == 0 { writes.op() } else { writes.envelope() };
                        node.store(&item);
                    }
                }
            }
        });
        for node in [&mut pair.a, &mut pair.b] {
            node.session.compare_roots();
        }
        pair.settle();
        pair.assert_converged();
        assert!(pair.a.index.len() > 650);
    }
}

#[test]
fn live_mode_pushes_once_and_never_back() {
    let (a, _) = deal(13, 50, 8);
    let mut pair = Pair::new(&a, &a);
    pair.settle();
    let mut writes = Territory::new(14, 3, 9);
    for i in 0..200 {
        let item = if i % 10 == 0 { writes.op() } else { writes.envelope() };
        if i & 1 == 0 { &mut pair.a } else { &mut pair.b }.store(&item);
        pair.settle();
    }
    pair.assert_converged();
    let sent = pair.a.statistics().items_sent + pair.b.statistics().items_sent;
    assert_eq!((sent, pair.a.repeated, pair.b.repeated), (200, 0, 0));
    println!("200 live pushes one by one: {:?}", pair.traffic);
    assert!(
        pair.traffic.control_bytes < 200 * 6 + 400,
        "an acknowledgement each, a comparison now and then"
    );
}

#[test]
fn long_items_cross_in_parts_and_urgent_ones_overtake_them() {
    let mut territory = Territory::new(15, 3, 5);
    let long = territory.write(Kind::Content, Lane::Originals, padded_len(200_000) + TAG);
    let longish = territory.write(Kind::Content, Lane::Rest, padded_len(15_000) + TAG);
    let urgent = territory.write(Kind::Content, Lane::Urgent, padded_len(300) + TAG);
    let mut pair = Pair::new(&[long.clone(), longish.clone()], &[]);
    pair.run(usize::MAX, |frame, a, _| {
        if frame == 8 {
            a.store(&urgent);
        }
    });
    pair.assert_converged();
    let order: Vec<u8> = pair.b.order.iter().map(|key| key.lane).collect();
    assert_eq!(order, [3, 1, 5], "the urgent one came while the long one was under way");
}

#[test]
fn seats_take_turns() {
    let mut territory = Territory::new(16, 1, 4);
    let mut items: Vec<Item> = (0..40).map(|_| territory.write(Kind::Content, Lane::Today, 48)).collect();
    let mut other = Territory::new(17, 9, 4);
    other.millis = territory.millis;
    let mut late: Vec<Item> = (0..15).map(|_| other.write(Kind::Content, Lane::Today, 48)).collect();
    late.retain(|(_, bytes)| bytes[38..70] != items[0].1[38..70]);
    items.extend(late.iter().cloned());
    let mut pair = Pair::new(&items, &[]);
    pair.settle();
    pair.assert_converged();
    let last = late
        .iter()
        .map(|(key, _)| pair.b.order.iter().position(|k| k == key).unwrap())
        .max()
        .unwrap();
    assert!(last < 40, "a seat's flood doesn't hold up the others: {last}");
}

#[test]
fn colliding_short_ids_cost_a_pass_and_nothing_else() {
    let (a, b) = deal(18, 400, 3);
    let mut pair = Pair::new(&a, &b);
    for (node, role) in [(&mut pair.a, Role::Initiator), (&mut pair.b, Role::Responder)] {
        node.session = Session::with_salt(role, Salt::weak(0x3f), SessionSettings::default());
    }
    pair.settle();
    pair.assert_converged();
    assert!(pair.a.statistics().passes > 2, "the first passes were blind");
}

#[test]
fn what_a_peer_acknowledges_and_does_not_hold_is_told() {
    let (a, b) = deal(19, 60, 6);
    let mut pair = Pair::new(&a, &b);
    let swallowed = a.iter().find(|(key, _)| !b.iter().any(|(k, _)| k == key)).unwrap().0;
    pair.run(usize::MAX, |_, _, b| {
        b.index.remove(&swallowed);
    });
    for node in [&pair.a, &pair.b] {
        assert_eq!(
            node.events.iter().filter(|e| **e == Event::Diverged).count(),
            1,
            "{}",
            node.session.state()
        );
    }
    assert!(pair.traffic.frames < 2_000);
}

#[test]
fn t05_the_same_item_a_thousand_times_is_one_item() {
    let mut territory = Territory::new(20, 1, 1);
    let item = territory.envelope();
    let mut pair = Pair::new(std::slice::from_ref(&item), &[]);
    pair.settle();
    let mut encoder = super::codec::Encoder::default();
    let mut first = crate::wire::Writer::new();
    encoder.encode(&item.1, &mut first).unwrap();
    for _ in 0..1_000 {
        let mut w = crate::wire::Writer::new();
        encoder.encode(&item.1, &mut w).unwrap();
        pair.b.receive(&Frame::Items(&w.finish()).encode()).unwrap();
    }
    assert_eq!((pair.b.index.len(), pair.b.repeated), (1, 1_000));
    assert!(std::iter::from_fn(|| pair.b.send(16 * 1024)).all(|f| !matches!(Frame::decode(&f), Ok(Frame::Items(_)))));
}

#[test]
fn t41_a_carrier_that_reorders_duplicates_and_mixes_changes_nothing() {
    let (mut items, _) = deal(21, 300, 8);
    let honest: SetIndex = items.iter().map(|(key, _)| *key).collect();
    let mut random = Random::new(22);
    for _ in 0..3 {
        items.extend_from_within(..items.len() / 2);
        for i in (1..items.len()).rev() {
            items.swap(i, random.below(i as u64 + 1) as usize);
        }
        let mut pair = Pair::new(&[], &[]);
        pair.settle();
        let mut encoder = super::codec::Encoder::default();
        for chunk in items.chunks(7) {
            let mut w = crate::wire::Writer::new();
            chunk.iter().for_each(|(_, bytes)| encoder.encode(bytes, &mut w).unwrap());
            pair.b.receive(&Frame::Items(&w.finish()).encode()).unwrap();
        }
        assert_eq!(pair.b.index.root(), honest.root());
    }
}

/// A settled pair whose `b` is then spoken to by hand.
fn victim(n: usize) -> Node {
    let (a, b) = deal(23, n, 6);
    let mut pair = Pair::new(&a, &b);
    pair.settle();
    pair.b
}

#[test]
fn hostile_frames_are_errors_within_bounds() {
    let mut b = victim(80);
    assert_eq!(b.receive(&Frame::Ack { durable: 1 << 40 }.encode()), Err(Misbehaviour::FalseAck));
    let mut b = victim(80);
    assert_eq!(
        b.receive(&Frame::Ack { durable: 0 }.encode()),
        Err(Misbehaviour::FalseAck),
        "taken back"
    );
    let mut b = victim(80);
    let alias = [Kind::Content as u8, Lane::Today as u8, 0x81, 0x60];
    assert!(matches!(b.receive(&Frame::Items(&alias).encode()), Err(Misbehaviour::Malformed(_))));
    let mut b = victim(80);
    assert!(matches!(b.receive(&[9, 9, 9]), Err(Misbehaviour::Malformed(_))));
    let status = Pair::new(&[], &[]).a.send(100).unwrap();
    assert_eq!(b.receive(&status), Err(Misbehaviour::OutOfTurn("status")));
    let mut fresh = Node::new(Role::Responder, &[]);
    assert!(matches!(
        fresh.receive(&Frame::Ack { durable: 0 }.encode()),
        Err(Misbehaviour::OutOfTurn(_))
    ));
    // A list that claims more ids than the frame holds, a part that never ends.
    let claims = [2 << 6, 1, 0xff, 0xff, 0xff, 0x7f];
    let mut b = victim(80);
    assert!(
        b.session
            .handle(0, &ranges(&b, &claims), &b.index, &mut SessionOutput::default())
            .is_err()
    );
    let mut b = victim(80);
    let part = Frame::Part {
        last: false,
        bytes: &[1; 60_000],
    };
    let refused = (0..10).find_map(|_| b.receive(&part.encode()).err());
    assert!(matches!(refused, Some(Misbehaviour::Malformed(_))));
}

fn ranges(b: &Node, claims: &[u8]) -> Vec<u8> {
    Frame::Ranges {
        pass: b.statistics().passes,
        scope: super::reconcile::Scope::Rest,
        claims,
    }
    .encode()
}

#[test]
fn items_beyond_the_window_are_refused_when_nothing_is_durable_yet() {
    let (a, _) = deal(24, 100, 8);
    let mut b = victim(80);
    let (mut encoder, mut out) = (super::codec::Encoder::default(), SessionOutput::default());
    let result = (0..200).try_for_each(|_| {
        let mut w = crate::wire::Writer::new();
        a.iter().for_each(|(_, bytes)| encoder.encode(bytes, &mut w).unwrap());
        let body = w.finish();
        // The victim's engine never commits.
        misbehaviour(b.session.handle(0, &Frame::Items(&body).encode(), &b.index, &mut out))
    });
    assert!(
        matches!(result, Err(Misbehaviour::Overrun | Misbehaviour::Malformed(_))),
        "{result:?}"
    );
}

#[test]
fn ranges_that_never_end_are_cut_off() {
    let mut b = victim(500);
    // A mark that never matches, over everything: each round is answered, but not for ever.
    let claims = [&[1 << 6, 1, 0xff][..], &[0xaa; 16]].concat();
    let frame = ranges(&b, &claims);
    let (mut rounds, mut answered) = (0, 0);
    let end = loop {
        match b.receive(&frame) {
            Ok(()) => rounds += 1,
            Err(end) => break end,
        }
        while let Some(frame) = b.send(16 * 1024) {
            answered += frame.len();
        }
        assert!(rounds < 100_000);
    };
    assert_eq!(end, Misbehaviour::Endless);
    assert!(rounds <= 300 && answered < 300 * 16 * 1024, "{rounds} rounds, {answered} B");
}

#[test]
fn random_bytes_in_and_around_real_frames_never_panic() {
    let (a, b) = deal(25, 200, 5);
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let mut pair = Pair::new(&a, &b);
        pair.run(random.below(12) as usize, |_, _, _| {});
        'broken: for _ in 0..400 {
            for turn in [true, false] {
                let (from, to) = if turn {
                    (&mut pair.a, &mut pair.b)
                } else {
                    (&mut pair.b, &mut pair.a)
                };
                let mut frame = from.send(16 * 1024).unwrap_or_else(|| {
                    let n = random.below(80) as usize + 2;
                    let mut noise = random.bytes(n);
                    noise[0] = 1 + noise[0] % 7;
                    noise
                });
                if random.below(3) == 0 {
                    let at = random.below(frame.len() as u64) as usize;
                    frame[at] = random.next() as u8;
                }
                let mut out = SessionOutput::default();
                if to.session.handle(0, &frame, &to.index, &mut out).is_err() {
                    break 'broken;
                }
                for received in out.received {
                    // Altered bodies parse; their signatures would not hold.
                    let keys: Vec<OrderKey> = received.items.iter().filter(|i| i.len() > 9).map(|bytes| key_of(bytes)).collect();
                    to.session.durable(received.ticket, &keys);
                }
            }
        }
    }
}

#[test]
fn a_refused_session_says_so_once_and_is_silent() {
    let (a, b) = deal(26, 50, 5);
    let mut pair = Pair::new(&a, &b);
    pair.b.session.refuse(super::frames::Refusal::Busy);
    pair.settle();
    assert_eq!(pair.a.events, [Event::Refused(super::frames::Refusal::Busy)]);
    assert!(pair.a.send(9_999).is_none() && pair.b.send(9_999).is_none());
}

mod budgets;
mod slow_lines;
