//! Several nodes in one process: peers with stores and readers, links as queues of frames, a clock that only the test moves.
//!
//! Every frame is looked at before it is delivered, every "settled" is checked when it is said, every "saved" is remembered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::envelope::Envelope;
use crate::identity::{Charter, FacilityKind, OpBody, Profession};
use crate::ids::{DocId, ItemId, NodeKey, RecordId};
use crate::peer::{BatchNo, Effects, Event, Input, LinkId, Peer, WriteTicket};
use crate::record::{NewFact, Pen, Reader, SeatSecrets, Write, WriteRefused};
use crate::store::{Batch, Fingerprint, LocalWrite, MemoryStore, Ordered, Store};
use crate::sync::SessionSettings;
use crate::testing::{Counter, Founded, NOW, charter, found_with};

/// Frames that a link holds in one direction.
const LINK: usize = 4;

/// How a node's disk behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Disk {
    AtOnce,
    /// Until [`Net::commit_one`].
    Late,
    Full,
}

pub(super) struct Node {
    pub(super) peer: Peer,
    pub(super) store: MemoryStore,
    pub(super) reader: Option<Reader>,
    pub(super) founded: Founded,
    pub(super) key: NodeKey,
    pub(super) disk: Disk,
    pub(super) entropy: Counter,
    pub(super) events: Vec<Event>,
    /// Items that were shown as saved here.
    pub(super) saved: BTreeSet<ItemId>,
    commits: VecDeque<(BatchNo, Batch)>,
    writing: BTreeMap<WriteTicket, (Option<Write>, Vec<Vec<u8>>)>,
    /// Every set this node has ever held.
    held: Vec<Fingerprint>,
    starts: u64,
}

impl Node {
    fn new(charter: Charter, founded: Founded, n: u64) -> Self {
        let key = founded.node_key();
        let store = MemoryStore::default();
        let peer = Peer::open(founded.node.clone(), charter, &store, settings(n)).expect("memory can be read");
        Self {
            held: vec![store.total()],
            peer,
            store,
            reader: None,
            founded,
            key,
            disk: Disk::AtOnce,
            entropy: Counter(10_000 * (n + 1)),
            events: Vec::new(),
            saved: BTreeSet::new(),
            commits: VecDeque::new(),
            writing: BTreeMap::new(),
            // Incarnation 1 signed the team.
            starts: n * 1_000 + 100,
        }
    }

    pub(super) fn reader(&self) -> &Reader {
        self.reader.as_ref().expect("unlocked")
    }

    pub(super) fn is_writing(&self) -> bool {
        !self.writing.is_empty()
    }

    pub(super) fn items(&self) -> Vec<Vec<u8>> {
        let keys = self.store.range(std::ops::Bound::Unbounded, usize::MAX).expect("memory");
        keys.iter()
            .map(|k| self.store.get(&k.id).expect("memory").expect("listed").to_vec())
            .collect()
    }

    /// Text and label of what a record shows here.
    pub(super) fn texts(&self, record: &RecordId) -> Vec<(String, crate::record::Label)> {
        let facts = self.reader().current(record);
        let mut all: Vec<_> = facts
            .map(|f| (String::from_utf8_lossy(f.fact.body).into_owned(), f.fact.label))
            .collect();
        all.sort();
        all
    }

    /// Everything this seat can read, as bytes that are equal for equal readers of equal sets.
    pub(super) fn view(&self) -> BTreeMap<(RecordId, DocId), Vec<u8>> {
        let reader = self.reader();
        let mut views = BTreeMap::new();
        for record in reader.records() {
            for (_, doc) in reader.compartments(&record) {
                views.insert((record, doc), reader.document(&doc).expect("listed").canonical_view());
            }
        }
        views
    }
}

fn settings(n: u64) -> SessionSettings {
    SessionSettings {
        store: n,
        ..SessionSettings::default()
    }
}

struct Wire {
    ends: [usize; 2],
    queues: [VecDeque<Vec<u8>>; 2],
    /// Bytes pulled so far in each direction, the first frames (hello) counted apart.
    bytes: [u64; 2],
    hello: [u64; 2],
    frames: [u64; 2],
    /// Of statements about what is held: their exchange is counted apart too.
    held: [u64; 2],
    held_frames: [u64; 2],
}

pub(super) struct Net {
    pub(super) nodes: Vec<Node>,
    pub(super) now: u64,
    wires: BTreeMap<LinkId, Wire>,
    next: u64,
    /// No frame may hold any of these.
    pub(super) secret: Vec<Vec<u8>>,
    pub(super) frames: u64,
}

/// Who takes part: name, kind, profession, seats.
pub(super) type Cast<'a> = &'a [(&'a str, FacilityKind, Profession, usize)];

/// The three kinds of place most tests need.
pub(super) const CLINIC: (&str, FacilityKind, Profession, usize) = ("clinic", FacilityKind::Clinic, Profession::Doctor, 1);
pub(super) const PHARMACY: (&str, FacilityKind, Profession, usize) = ("pharmacy", FacilityKind::Pharmacy, Profession::Pharmacist, 1);
pub(super) const NURSES: (&str, FacilityKind, Profession, usize) = ("nurses", FacilityKind::Clinic, Profession::Nurse, 1);

impl Net {
    /// Nodes that know all certificates and nothing else, each with its first seat unlocked.
    pub(super) fn new(cast: Cast<'_>) -> Self {
        let mut net = Self::strangers(cast);
        let all: Vec<Vec<u8>> = net.nodes.iter().flat_map(|n| n.founded.items.clone()).collect();
        for n in 0..net.nodes.len() {
            net.write_items(n, all.clone());
            net.unlock(n, 0);
        }
        net
    }

    /// Nodes that know nobody, nobody unlocked.
    pub(super) fn strangers(cast: Cast<'_>) -> Self {
        let charter = charter();
        let made = cast
            .iter()
            .map(|(name, kind, profession, seats)| found_with(&charter, name, *kind, *profession, *seats));
        let nodes = made.zip(0..).map(|(founded, n)| Node::new(charter.clone(), founded, n));
        Self {
            nodes: nodes.collect(),
            now: NOW,
            wires: BTreeMap::new(),
            next: 1,
            secret: Vec::new(),
            frames: 0,
        }
    }

    pub(super) fn unlock(&mut self, n: usize, seat: usize) {
        let secrets = self.nodes[n].founded.seats[seat].clone();
        self.unlock_as(n, secrets);
    }

    pub(super) fn unlock_as(&mut self, n: usize, secrets: SeatSecrets) {
        let node = &mut self.nodes[n];
        node.starts += 1;
        let reader = Reader::open(secrets, node.starts, &mut node.store, node.peer.registry(), self.now);
        node.reader = Some(reader.expect("memory can be read"));
    }

    /// A seat goes on from another end of its chain, as after an old image of its disk, and even counts its starts as it did then.
    pub(super) fn go_on_from(&mut self, n: usize, end: &Envelope) {
        let network = self.nodes[n].peer.registry().network_id();
        let end = end.clone().verify(&network).expect("sound");
        let node = &mut self.nodes[n];
        let mut pen = Pen::new(end.header.seat, 1);
        pen.observe(end.header.hlc, self.now);
        pen.advance(&end);
        let local = vec![pen.to_local()];
        node.store.commit(&Batch { items: Vec::new(), local }).expect("memory takes it");
        node.starts -= 1;
        self.unlock(n, 0);
    }

    /// The process dies and starts again on what was durable.
    pub(super) fn restart(&mut self, n: usize) {
        let links: Vec<LinkId> = self.links_of(n);
        links.into_iter().for_each(|link| self.cut(link));
        let node = &mut self.nodes[n];
        node.commits.clear();
        node.writing.clear();
        let charter = node.peer.registry().charter().clone();
        node.peer = Peer::open(node.founded.node.clone(), charter, &node.store, settings(n as u64)).expect("memory can be read");
        if node.reader.take().is_some() {
            self.unlock(n, 0);
        }
    }

    /// The process stops cleanly.
    pub(super) fn stop(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        let items = Vec::new();
        let local = node.peer.stop(&node.store);
        node.store.commit(&Batch { items, local }).expect("memory takes it");
    }

    pub(super) fn links_of(&self, n: usize) -> Vec<LinkId> {
        self.wires.iter().filter(|(_, w)| w.ends.contains(&n)).map(|(id, _)| *id).collect()
    }

    pub(super) fn links(&self) -> Vec<LinkId> {
        self.wires.keys().copied().collect()
    }

    pub(super) fn is_up(&self, link: LinkId) -> bool {
        self.wires.contains_key(&link)
    }

    pub(super) fn are_linked(&self, a: usize, b: usize) -> bool {
        self.wires.values().any(|w| w.ends == [a, b] || w.ends == [b, a])
    }

    pub(super) fn connect(&mut self, a: usize, b: usize) -> LinkId {
        let link = self.next;
        self.next += 1;
        let wire = Wire {
            ends: [a, b],
            queues: Default::default(),
            bytes: [0; 2],
            hello: [0; 2],
            frames: [0; 2],
            held: [0; 2],
            held_frames: [0; 2],
        };
        self.wires.insert(link, wire);
        for (n, other, dialled) in [(a, b, true), (b, a, false)] {
            let peer = self.nodes[other].key;
            self.input(n, Input::LinkUp { link, peer, dialled });
        }
        link
    }

    /// Whatever is on the way is lost.
    pub(super) fn cut(&mut self, link: LinkId) {
        if let Some(wire) = self.wires.remove(&link) {
            wire.ends.into_iter().for_each(|n| self.input(n, Input::LinkDown { link }));
        }
    }

    pub(super) fn input(&mut self, n: usize, input: Input) {
        self.next += 1;
        let salt = crate::crypto::derive("bocage 2026-11 test salt", &[&self.next.to_be_bytes()]);
        let (now, mut out) = (self.now, Effects::default());
        let node = &mut self.nodes[n];
        node.peer.handle(now, input, salt, &node.store, &mut out);
        self.carry_out(n, out);
    }

    fn carry_out(&mut self, n: usize, out: Effects) {
        let node = &mut self.nodes[n];
        node.commits.extend(out.commits);
        for event in out.events {
            self.happened(n, event);
        }
        for link in out.close {
            self.cut(link);
        }
        while self.nodes[n].disk != Disk::Late && self.commit_one(n, self.nodes[n].disk == Disk::AtOnce) {}
    }

    fn happened(&mut self, n: usize, event: Event) {
        match &event {
            Event::Stored { keys } => {
                let node = &mut self.nodes[n];
                if let Some(reader) = node.reader.as_mut() {
                    reader.absorb(keys, &node.store, node.peer.registry(), self.now).expect("memory");
                }
            }
            Event::RegistryChanged => {
                let node = &mut self.nodes[n];
                if let Some(reader) = node.reader.as_mut() {
                    reader.registry_changed(&node.store, node.peer.registry()).expect("memory");
                }
            }
            Event::Saved { ticket } => {
                let node = &mut self.nodes[n];
                let (write, items) = node.writing.remove(ticket).expect("asked for");
                if let (Some(reader), Some(write)) = (node.reader.as_mut(), &write) {
                    reader.saved(write);
                }
                for bytes in items {
                    let id = id_of(&node.peer.registry().network_id(), &bytes);
                    assert!(node.store.contains(&id).expect("memory"), "saved and not there");
                    node.saved.insert(id);
                }
            }
            Event::NotSaved { ticket } => drop(self.nodes[n].writing.remove(ticket).expect("asked for")),
            Event::Settled { link, .. } => {
                // What the other side told was true when it said so, and is what this side holds now.
                let Some(wire) = self.wires.get(link) else { return };
                let other = wire.ends[usize::from(wire.ends[0] == n)];
                let ours = self.nodes[n].store.total();
                assert!(self.nodes[other].held.contains(&ours), "settled on different sets");
            }
            _ => {}
        }
        self.nodes[n].events.push(event);
    }

    /// Makes the oldest requested write durable, or fails it. False: there was none.
    pub(super) fn commit_one(&mut self, n: usize, works: bool) -> bool {
        let node = &mut self.nodes[n];
        let Some((batch, content)) = node.commits.pop_front() else {
            return false;
        };
        if works {
            let new = node.store.commit(&content).expect("memory takes it");
            let (now, mut out) = (self.now, Effects::default());
            node.peer
                .handle(now, Input::Committed { batch, new }, [0; 32], &node.store, &mut out);
            node.held.push(node.store.total());
            self.carry_out(n, out);
        } else {
            self.input(n, Input::CommitFailed { batch });
        }
        true
    }

    /// Pulls one frame if there is room for it.
    pub(super) fn pull(&mut self, link: LinkId, side: usize) -> bool {
        let Some(wire) = self.wires.get(&link) else { return false };
        let n = wire.ends[side];
        if wire.queues[side].len() >= LINK {
            return false;
        }
        let (now, mut out) = (self.now, Effects::default());
        let node = &mut self.nodes[n];
        let frame = node.peer.next_frame(now, link, &node.store, 16 * 1024, &mut out);
        if let Some(frame) = &frame {
            for secret in &self.secret {
                assert!(!contains(frame, secret), "a frame holds what nobody may read");
            }
            self.frames += 1;
            let wire = self.wires.get_mut(&link).expect("looked up above");
            if wire.frames[side] > 0 && matches!(frame.first(), Some(8..=10)) {
                wire.held[side] += frame.len() as u64;
                wire.held_frames[side] += 1;
                wire.queues[side].push_back(frame.clone());
                self.carry_out(n, out);
                return true;
            }
            if wire.frames[side] == 0 {
                wire.hello[side] = frame.len() as u64;
            } else {
                wire.bytes[side] += frame.len() as u64;
            }
            wire.frames[side] += 1;
            wire.queues[side].push_back(frame.clone());
        }
        self.carry_out(n, out);
        frame.is_some()
    }

    /// Delivers the oldest frame that `side` sent.
    pub(super) fn deliver(&mut self, link: LinkId, side: usize) -> bool {
        let Some(wire) = self.wires.get_mut(&link) else { return false };
        let to = wire.ends[1 - side];
        let Some(bytes) = wire.queues[side].pop_front() else {
            return false;
        };
        self.input(to, Input::Frame { link, bytes });
        true
    }

    /// Until nobody has anything to say or to store, also after a moment.
    pub(super) fn run(&mut self) {
        let mut waited = false;
        for round in 0.. {
            assert!(round < 200_000, "the exchange never ends");
            let mut moved = false;
            for link in self.links() {
                for side in [0, 1] {
                    moved |= self.pull(link, side);
                    moved |= self.deliver(link, side);
                }
            }
            for n in 0..self.nodes.len() {
                moved |= self.nodes[n].disk == Disk::Late && self.commit_one(n, true);
            }
            if !moved && waited {
                return;
            }
            waited = !moved;
            if !moved {
                self.now += 1_100;
                (0..self.nodes.len()).for_each(|n| self.input(n, Input::Tick));
            }
        }
    }

    /// Two nodes meet until they have nothing more to say, and part.
    pub(super) fn meet(&mut self, a: usize, b: usize) {
        let link = self.connect(a, b);
        self.run();
        self.cut(link);
    }

    /// Everybody meets everybody until all hold the same set.
    pub(super) fn meet_all(&mut self) {
        for _ in 0..self.nodes.len() {
            for a in 0..self.nodes.len() {
                for b in a + 1..self.nodes.len() {
                    self.meet(a, b);
                }
            }
            if self.roots().len() == 1 {
                return;
            }
        }
    }

    pub(super) fn roots(&self) -> BTreeSet<[u8; 32]> {
        self.nodes.iter().map(|n| n.store.root()).collect()
    }

    /// Bytes and frames since the hello, per direction.
    pub(super) fn traffic(&self, link: LinkId) -> ([u64; 2], [u64; 2]) {
        let wire = &self.wires[&link];
        (wire.bytes, wire.frames.map(|n| n.saturating_sub(1)))
    }

    /// Bytes and frames of statements, per direction.
    pub(super) fn statements(&self, link: LinkId) -> ([u64; 2], [u64; 2]) {
        let wire = &self.wires[&link];
        (wire.held, wire.held_frames)
    }

    pub(super) fn write_items(&mut self, n: usize, items: Vec<Vec<u8>>) -> WriteTicket {
        self.submit(n, None, items, Vec::new())
    }

    fn submit(&mut self, n: usize, write: Option<Write>, items: Vec<Vec<u8>>, local: Vec<LocalWrite>) -> WriteTicket {
        let ticket = self.next;
        self.next += 1;
        self.nodes[n].writing.insert(ticket, (write, items.clone()));
        self.input(n, Input::Write { ticket, items, local });
        ticket
    }

    pub(super) fn save(&mut self, n: usize, write: Write) -> WriteTicket {
        let (items, local) = (write.items.clone(), vec![write.local.clone()]);
        self.submit(n, Some(write), items, local)
    }

    pub(super) fn create(&mut self, n: usize, facts: &[NewFact]) -> RecordId {
        let node = &mut self.nodes[n];
        let reader = node.reader.as_ref().expect("unlocked");
        let write = reader
            .create_record(
                self.now,
                crate::envelope::Lane::Today,
                facts,
                node.peer.registry(),
                &mut node.entropy,
            )
            .expect("an enrolled seat writes");
        let record = write.record.expect("a record's write");
        self.save(n, write);
        record
    }

    pub(super) fn add(&mut self, n: usize, record: RecordId, facts: &[NewFact]) -> Result<(), WriteRefused> {
        let node = &mut self.nodes[n];
        let reader = node.reader.as_ref().expect("unlocked");
        let write = reader.add(
            self.now,
            crate::envelope::Lane::Today,
            record,
            facts,
            node.peer.registry(),
            &mut node.entropy,
        )?;
        self.save(n, write);
        Ok(())
    }

    pub(super) fn share(&mut self, n: usize, record: RecordId, with: usize) -> Result<(), WriteRefused> {
        let facility = self.nodes[with].founded.facility_key();
        let node = &mut self.nodes[n];
        let reader = node.reader.as_ref().expect("unlocked");
        let write = reader.share(
            self.now,
            record,
            facility,
            crate::record::ROUND_MS,
            node.peer.registry(),
            &mut node.entropy,
        )?;
        self.save(n, write);
        Ok(())
    }

    /// One round of key requests and answers; true if there was anything to do.
    pub(super) fn chores(&mut self, n: usize) -> bool {
        let node = &mut self.nodes[n];
        let Some(reader) = node.reader.as_mut() else { return false };
        let Some(write) = reader.chores(self.now, node.peer.registry(), &mut node.entropy) else {
            return false;
        };
        self.save(n, write);
        true
    }

    /// An op of the registry, written at `n`.
    pub(super) fn publish(&mut self, n: usize, by: &ed25519_dalek::SigningKey, others: &[&ed25519_dalek::SigningKey], body: OpBody) {
        let network = self.nodes[n].peer.registry().network_id();
        let op = crate::testing::issue(&network, 100 + self.next, by, others, body);
        self.write_items(n, vec![op]);
    }

    /// Nothing that was shown as saved is missing where it was shown.
    pub(super) fn assert_saved(&self) {
        for node in &self.nodes {
            assert!(
                node.saved.iter().all(|id| node.store.contains(id).expect("memory")),
                "saved is lost"
            );
        }
    }
}

pub(super) fn contains(bytes: &[u8], secret: &[u8]) -> bool {
    bytes.windows(secret.len()).any(|w| w == secret)
}

pub(super) fn id_of(network: &crate::ids::NetworkId, bytes: &[u8]) -> ItemId {
    if bytes.first() == Some(&crate::identity::op::REGISTRY_OP) {
        return crate::identity::RegistryOp::parse(network, bytes).expect("sound").id();
    }
    Envelope::parse(bytes).expect("sound").id()
}
