//! One node as a state machine: what it carries, to whom it talks, what it believes.
//!
//! Contract: [`Peer::handle`] takes one input and the current time and adds to [`Effects`]; the driver carries them out. Writes are
//! *requested* ([`Effects::commits`]) and count only after the driver reports them durable ([`Input::Committed`]): acknowledgements
//! and "saved" go out then and not before. Frames are *pulled* ([`Peer::next_frame`]) when a link has room, so nothing queues here.
//!
//! Architecture invariant: this module never sees plaintext or a reading key; a cabin's carrier is exactly this.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ed25519_dalek::SigningKey;

use crate::envelope::Lane;
use crate::identity::{Charter, Registry, RegistryOp, op::REGISTRY_OP};
use crate::ids::{DocId, ItemId, NodeKey, SeatKey};
use crate::store::{Batch, LocalWrite, OrderKey, Store, StoreError, StoredItem};
use crate::sync::{Event as SyncEvent, Received, Role, Session, SessionError, SessionOutput, SessionSettings, Statistics, Ticket};

mod held;
mod hello;
mod intake;
#[cfg(test)]
mod tests;

pub use held::{Coverage, Held, MAX_TIPS};
use held::{Holdings, Place};
pub use hello::Hello;
use intake::{Examined, Intake};

/// One connection, named by the driver.
pub type LinkId = u64;

/// One requested write, named by the engine.
pub type BatchNo = u64;

/// A local write, named by the caller.
pub type WriteTicket = u64;

/// How long items of others wait before a comparison offers them on.
const RELAY_AFTER_MS: u64 = 1_000;

/// What happens to a node.
pub enum Input {
    /// The transport has authenticated this peer's node key. Says nothing about membership yet.
    /// `dialled`: this side opened the connection, and so opens the passes of a session.
    LinkUp {
        link: LinkId,
        peer: NodeKey,
        dialled: bool,
    },
    LinkDown {
        link: LinkId,
    },
    Frame {
        link: LinkId,
        bytes: Vec<u8>,
    },
    /// Items of our own, already signed, with local records that must become durable with them.
    Write {
        ticket: WriteTicket,
        items: Vec<Vec<u8>>,
        local: Vec<LocalWrite>,
    },
    /// What a file brought ([`crate::mule`]): items of others, each checked before ([`Peer::judge`]), and statements of what nodes hold.
    Carried {
        items: Vec<Vec<u8>>,
        statements: Vec<Held>,
    },
    /// Ops that a stranger presented to be believed (its certificate chain); nothing else is taken from a stranger.
    Introduction {
        ops: Vec<Vec<u8>>,
    },
    /// The batch is durable; for each of its items whether it was new.
    Committed {
        batch: BatchNo,
        new: Vec<bool>,
    },
    /// The disk refused the batch; nothing of it counts.
    CommitFailed {
        batch: BatchNo,
    },
    /// Time passes: due about once a second.
    Tick,
}

/// What people and the reading storey may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A local write is durable: "saved here" may be shown.
    Saved { ticket: WriteTicket },
    /// A local write was not saved.
    NotSaved { ticket: WriteTicket },
    /// New items are durable, own or received, in the order they came.
    Stored { keys: Vec<OrderKey> },
    /// The registry changed: allow-list, names, teams.
    RegistryChanged,
    /// Both sides proved membership.
    Admitted { link: LinkId, peer: NodeKey, clock_ahead_ms: i64 },
    /// Both sides hold the same set.
    Settled { link: LinkId, peer: NodeKey },
    /// A complete session ended with different sets: shown, and healed by the next reconciliation.
    Diverged { link: LinkId, peer: NodeKey },
    /// More, or less, is known about which other nodes hold this seat's chain ([`Peer::holders`]).
    HeldChanged { author: SeatKey },
    /// What is stored couldn't be read: the link is closed, and nothing is said of its peer.
    Unreadable { link: LinkId, why: String },
    /// A peer broke the protocol or sent what doesn't belong.
    Misbehaved { link: LinkId, peer: NodeKey, why: String },
}

/// What the driver must do.
#[derive(Default)]
pub struct Effects {
    /// Writes to make durable, in order; the driver may merge several into one.
    pub commits: Vec<(BatchNo, Batch)>,
    pub events: Vec<Event>,
    /// Links to close.
    pub close: Vec<LinkId>,
    /// Links that may have something to send.
    pub ready: BTreeSet<LinkId>,
}

/// Bytes and counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub bytes_sent: u64,
    pub bytes_received: u64,
    /// Of the bytes sent, those of items: what had to cross.
    pub item_bytes_sent: u64,
    pub items_sent: u64,
    pub items_received: u64,
    /// Canonical bytes of items received, and of those that weren't held yet.
    pub received: u64,
    pub new: u64,
    pub refused: u64,
}

impl Traffic {
    fn add(&mut self, session: Statistics) {
        self.item_bytes_sent += session.item_bytes_sent;
        self.items_sent += session.items_sent;
        self.items_received += session.items_received;
    }
}

struct Link {
    peer: NodeKey,
    dialled: bool,
    salt: [u8; 32],
    hello_sent: bool,
    session: Option<Session>,
    settled: bool,
    /// Something of others arrived meanwhile: compare when this time comes.
    relay_at_ms: Option<u64>,
    /// The session spoke last: a statement may go before its next frame, so that a long transfer holds none up.
    statement_next: bool,
}

struct PendingBatch {
    keys: Vec<OrderKey>,
    /// Canonical lengths, in the order of the keys.
    lengths: Vec<u64>,
    /// Where each stands on its seat's chain.
    places: Vec<Option<Place>>,
    origin: Origin,
}

/// Whose items a batch holds.
enum Origin {
    /// Written here, or presented by whoever is being admitted: every peer is to have them at once.
    Own(Option<WriteTicket>),
    /// The session to acknowledge, and the places of all that came with this ticket, known items included.
    Link(LinkId, Ticket, Vec<OrderKey>),
    File,
}

/// What a bunch of bytes amounted to.
#[derive(Default)]
struct Sorted {
    store: Vec<StoredItem>,
    known: Vec<OrderKey>,
    registry_changed: bool,
}

/// What becomes of items whose issuer or author isn't certified yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Early {
    Waits,
    /// A stranger fills no room.
    Dropped,
}

/// A node: its registry, its set, its links.
pub struct Peer {
    own: NodeKey,
    registry: Registry,
    intake: Intake,
    held: Holdings,
    links: BTreeMap<LinkId, Link>,
    pending: BTreeMap<BatchNo, PendingBatch>,
    /// What pending batches hold: it may lie in the store already, and nobody here has taken note of it.
    untaken: BTreeSet<OrderKey>,
    next_batch: BatchNo,
    settings: SessionSettings,
    traffic: Traffic,
    /// The largest time seen: a clock set back doesn't revive a certificate.
    latest_ms: u64,
}

impl Peer {
    /// Rebuilds a node's view from what is stored. With its own key the node signs what it holds, and nothing else here.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn open(node: SigningKey, charter: Charter, store: &dyn Store, settings: SessionSettings) -> Result<Self, StoreError> {
        let mut registry = Registry::new(charter);
        let network = registry.network_id();
        let mut ops = Vec::new();
        let mut from = std::ops::Bound::Unbounded;
        'lane_zero: loop {
            let keys = store.range(from, 4_096)?;
            let Some(last) = keys.last() else { break };
            from = std::ops::Bound::Excluded(*last);
            for key in keys {
                if key.lane > 0 {
                    break 'lane_zero;
                }
                if let Some(bytes) = store.get(&key.id)?
                    && bytes.first() == Some(&REGISTRY_OP)
                    && let Ok(op) = RegistryOp::parse(&network, &bytes)
                {
                    ops.push(op);
                }
            }
        }
        // Stored before a failed commit took their issuers away again: they wait for them anew.
        let mut intake = Intake::default();
        registry.extend(ops).into_iter().for_each(|op| intake.keep_op(op));
        Ok(Self {
            own: NodeKey(node.verifying_key().to_bytes()),
            held: Holdings::open(node, store, &registry)?,
            registry,
            intake,
            links: BTreeMap::new(),
            pending: BTreeMap::new(),
            untaken: BTreeSet::new(),
            next_batch: 1,
            settings,
            traffic: Traffic::default(),
            latest_ms: 0,
        })
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn traffic(&self) -> Traffic {
        let mut total = self.traffic;
        for session in self.links.values().filter_map(|l| l.session.as_ref()) {
            total.add(session.statistics());
        }
        total
    }

    /// Items that wait, unstored, for their author's certificates.
    pub fn waiting(&self) -> usize {
        self.intake.waiting()
    }

    /// Other nodes known to hold this seat's chain, each up to which envelopes: everything behind those by `prev` is held there too.
    pub fn holders<'a>(&'a self, author: &'a SeatKey) -> impl Iterator<Item = (NodeKey, &'a [ItemId])> {
        self.held.holders(author, &self.registry)
    }

    /// Local records that spare the next start work, for a clean stop. What isn't kept is found out again.
    pub fn stop(&mut self, store: &dyn Store) -> Vec<LocalWrite> {
        self.held.stop(&store.root())
    }

    /// Node keys whose connections are to be accepted now.
    pub fn allowed(&self, now_ms: u64) -> BTreeSet<NodeKey> {
        let now = now_ms.max(self.latest_ms);
        self.registry
            .nodes()
            .map(|(k, _)| *k)
            .filter(|k| *k != self.own && self.registry.serves(k, now))
            .collect()
    }

    /// Links with a session, and whether it has settled.
    pub fn sessions(&self) -> impl Iterator<Item = (LinkId, NodeKey, bool)> {
        self.links
            .iter()
            .filter_map(|(id, l)| Some((*id, l.peer, l.settled && l.session.as_ref()?.in_flight() == 0)))
    }

    /// Takes one input. `now_ms` is the wall clock, `salt` fresh randomness for a new link (unused otherwise).
    pub fn handle(&mut self, now_ms: u64, input: Input, salt: [u8; 32], store: &dyn Store, out: &mut Effects) {
        self.latest_ms = self.latest_ms.max(now_ms);
        match input {
            Input::LinkUp { link, peer, dialled } => {
                if !self.registry.serves(&peer, self.latest_ms) {
                    out.close.push(link);
                    return;
                }
                self.links.insert(
                    link,
                    Link {
                        peer,
                        dialled,
                        salt,
                        hello_sent: false,
                        session: None,
                        settled: false,
                        relay_at_ms: None,
                        statement_next: false,
                    },
                );
                out.ready.insert(link);
            }
            Input::LinkDown { link } => self.drop_link(link),
            Input::Frame { link, bytes } => self.frame(now_ms, link, &bytes, store, out),
            Input::Write { ticket, items, local } => self.write(ticket, items, local, store, out),
            Input::Carried { items, statements } => self.carried(items, statements, store, out),
            Input::Introduction { ops } => self.introduction(ops, store, out),
            Input::Committed { batch, new } => self.committed(now_ms, batch, &new, store, out),
            Input::CommitFailed { batch } => self.commit_failed(batch, out),
            Input::Tick => self.tick(now_ms, out),
        }
    }

    /// The next frame for a link that has room for one, or nothing to say.
    pub fn next_frame(&mut self, now_ms: u64, link: LinkId, store: &dyn Store, budget: usize, out: &mut Effects) -> Option<Vec<u8>> {
        let network = self.registry.network_id();
        let own = self.links.get_mut(&link)?;
        let frame = if own.hello_sent {
            own.statement_next = !own.statement_next;
            let statement = own.statement_next.then(|| self.held.next_frame(link)).flatten();
            match statement {
                Some(frame) => frame,
                None => match self.session_frame(now_ms, link, store, budget, out) {
                    Some(frame) => frame,
                    None => self.held.next_frame(link)?,
                },
            }
        } else {
            own.hello_sent = true;
            Hello {
                network,
                salt: own.salt,
                clock_ms: now_ms,
            }
            .to_bytes()
        };
        self.traffic.bytes_sent += frame.len() as u64;
        Some(frame)
    }

    fn session_frame(&mut self, now_ms: u64, link: LinkId, store: &dyn Store, budget: usize, out: &mut Effects) -> Option<Vec<u8>> {
        let fetch = |id: &ItemId| store.get(id).ok().flatten();
        let mut output = SessionOutput::default();
        let session = self.links.get_mut(&link)?.session.as_mut()?;
        let frame = session.next_frame(now_ms, store, &fetch, budget, &mut output);
        self.session_events(link, &output.events, out);
        frame.unwrap_or_else(|error| {
            self.unreadable(link, &error, out);
            None
        })
    }

    fn frame(&mut self, now_ms: u64, link: LinkId, bytes: &[u8], store: &dyn Store, out: &mut Effects) {
        self.traffic.bytes_received += bytes.len() as u64;
        let Some(own) = self.links.get_mut(&link) else { return };
        if !self.registry.serves(&own.peer, self.latest_ms) {
            out.close.push(link);
            self.drop_link(link);
            return;
        }
        out.ready.insert(link);
        let Some(session) = own.session.as_mut() else {
            match Hello::parse(bytes) {
                Ok(hello) if hello.network == self.registry.network_id() => {
                    let role = if own.dialled { Role::Initiator } else { Role::Responder };
                    own.session = Some(Session::new(role, &own.salt, &hello.salt, self.settings));
                    let salts = if own.dialled {
                        [&own.salt, &hello.salt]
                    } else {
                        [&hello.salt, &own.salt]
                    };
                    self.held.meet(link, salts);
                    // A peer may claim any clock.
                    let clock_ahead_ms = (hello.clock_ms as i64).saturating_sub(now_ms as i64);
                    out.events.push(Event::Admitted {
                        link,
                        peer: own.peer,
                        clock_ahead_ms,
                    });
                }
                Ok(_) => self.misbehaved(link, "belongs to another network".into(), out),
                Err(e) => self.misbehaved(link, format!("hello: {e}"), out),
            }
            return;
        };
        if Holdings::is_frame(bytes) {
            match self.held.frame(link, bytes, &self.registry) {
                Ok(news) => out.events.extend(news.into_iter().map(|author| Event::HeldChanged { author })),
                Err(why) => self.misbehaved(link, why, out),
            }
            return;
        }
        let mut output = SessionOutput::default();
        let handled = session.handle(now_ms, bytes, store, &mut output);
        self.session_events(link, &output.events, out);
        for Received { items, ticket } in output.received {
            self.received(link, items, ticket, store, out);
        }
        match handled {
            Ok(()) => {}
            Err(SessionError::Misbehaviour(why)) => self.misbehaved(link, why.to_string(), out),
            Err(SessionError::Store(error)) => self.unreadable(link, &error, out),
        }
    }

    fn session_events(&mut self, link: LinkId, events: &[SyncEvent], out: &mut Effects) {
        let Some(own) = self.links.get_mut(&link) else { return };
        let peer = own.peer;
        for event in events {
            match event {
                SyncEvent::Settled => {
                    own.settled = true;
                    out.events.push(Event::Settled { link, peer });
                }
                SyncEvent::Diverged => {
                    own.settled = false;
                    out.events.push(Event::Diverged { link, peer });
                }
                SyncEvent::Refused(_) => out.close.push(link),
                SyncEvent::LaneZeroDone => {
                    self.held.begin(link);
                    out.ready.insert(link);
                }
                SyncEvent::Progress { .. } => {}
            }
        }
    }

    fn received(&mut self, link: LinkId, items: Vec<Vec<u8>>, ticket: Ticket, store: &dyn Store, out: &mut Effects) {
        self.traffic.received += items.iter().map(|i| i.len() as u64).sum::<u64>();
        let (examined, refused) = self.examine(items, store);
        let sorted = self.sort(examined, Early::Waits);
        if sorted.registry_changed {
            self.registry_changed(out);
        }
        let keys = sorted.known.iter().copied().chain(sorted.store.iter().map(|s| s.key)).collect();
        self.request(sorted.store, Vec::new(), Origin::Link(link, ticket, keys), out);
        if let Some(why) = refused {
            self.traffic.refused += 1;
            self.misbehaved(link, why, out);
        }
    }

    /// All or nothing: what isn't stored now must never surface later, or its seat would have signed one number twice.
    fn write(&mut self, ticket: WriteTicket, items: Vec<Vec<u8>>, local: Vec<LocalWrite>, store: &dyn Store, out: &mut Effects) {
        let (examined, refused) = self.examine(items, store);
        if refused.is_some() || !self.belong_together(&examined) {
            out.events.push(Event::NotSaved { ticket });
            return;
        }
        let sorted = self.sort(examined, Early::Waits);
        if sorted.registry_changed {
            self.registry_changed(out);
        }
        self.request(sorted.store, local, Origin::Own(Some(ticket)), out);
    }

    /// As from a peer, but that there is nobody to acknowledge to or to hang up on.
    fn carried(&mut self, items: Vec<Vec<u8>>, statements: Vec<Held>, store: &dyn Store, out: &mut Effects) {
        self.traffic.received += items.iter().map(|i| i.len() as u64).sum::<u64>();
        let (examined, refused) = self.examine(items, store);
        self.traffic.refused += u64::from(refused.is_some());
        let sorted = self.sort(examined, Early::Waits);
        if sorted.registry_changed {
            self.registry_changed(out);
        }
        self.request(sorted.store, Vec::new(), Origin::File, out);
        for held in statements {
            let author = held.author;
            if self.held.carried(held, &self.registry) {
                out.events.push(Event::HeldChanged { author });
            }
        }
    }

    /// What bytes alone say of an item that a file brings: whether it is here already, or why it can't belong.
    ///
    /// # Errors
    /// No honest node would have stored it.
    pub fn judge(&self, bytes: &[u8], store: &dyn Store) -> Result<bool, String> {
        let examined = intake::examine(&self.registry.network_id(), bytes, store)?;
        Ok(matches!(examined, Examined::Known(_)))
    }

    /// Everything that is known about which nodes hold what, our own word included and up to date: for a file to take along.
    pub fn statements(&mut self, now_ms: u64) -> Vec<Held> {
        self.held.speak_all(now_ms.max(self.latest_ms), &self.registry);
        self.held.statements().cloned().collect()
    }

    /// What these nodes, all of them, have said that they hold: such items needn't be taken along for them.
    pub fn known_there(&self, nodes: &[NodeKey], store: &dyn Store) -> Coverage {
        Coverage::of(&self.held, nodes, store)
    }

    /// True iff each of these is certified by the registry or by the others.
    fn belong_together(&self, examined: &[Examined]) -> bool {
        let ops: Vec<RegistryOp> = examined
            .iter()
            .filter_map(|e| match e {
                Examined::Op(op) => Some((**op).clone()),
                _ => None,
            })
            .collect();
        let certified = |registry: &Registry| {
            examined.iter().all(|e| match e {
                Examined::Envelope(envelope) => registry.seat(&envelope.header.seat).is_some(),
                _ => true,
            })
        };
        if ops.is_empty() {
            return certified(&self.registry);
        }
        let mut trial = self.registry.clone();
        trial.extend(ops).is_empty() && certified(&trial)
    }

    fn introduction(&mut self, ops: Vec<Vec<u8>>, store: &dyn Store, out: &mut Effects) {
        let only_ops: Vec<_> = ops.into_iter().filter(|b| b.first() == Some(&REGISTRY_OP)).collect();
        let sorted = self.sort(self.examine(only_ops, store).0, Early::Dropped);
        if sorted.registry_changed {
            self.registry_changed(out);
        }
        if !sorted.store.is_empty() {
            self.request(sorted.store, Vec::new(), Origin::Own(None), out);
        }
    }

    /// What bytes alone say; the last reason to refuse.
    fn examine(&self, items: Vec<Vec<u8>>, store: &dyn Store) -> (Vec<Examined>, Option<String>) {
        let (mut examined, mut refused) = (Vec::with_capacity(items.len()), None);
        for bytes in items {
            match intake::examine(&self.registry.network_id(), &bytes, store) {
                Ok(item) => examined.push(item),
                Err(why) => refused = Some(why),
            }
        }
        (examined, refused)
    }

    /// Sorts items into what is known, what to store and what is too early for its certificates.
    fn sort(&mut self, items: Vec<Examined>, early_ones: Early) -> Sorted {
        let mut sorted = Sorted::default();
        let (mut envelopes, mut ops) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Examined::Known(key) => sorted.known.push(key),
                Examined::Op(op) => ops.push(*op),
                Examined::Envelope(envelope) => envelopes.push(*envelope),
            }
        }
        if !ops.is_empty() {
            sorted.registry_changed = true;
            let waited = self.intake.take_ops();
            let keep: BTreeSet<ItemId> = waited.iter().map(RegistryOp::id).collect();
            ops.extend(waited);
            let early: BTreeSet<ItemId> = self.registry.extend(ops.iter().cloned()).iter().map(RegistryOp::id).collect();
            for op in ops {
                if early.contains(&op.id()) {
                    if early_ones == Early::Waits || keep.contains(&op.id()) {
                        self.intake.keep_op(op);
                    }
                } else {
                    sorted.store.push(StoredItem {
                        key: intake::place_of_op(&op),
                        doc: DocId::ZERO,
                        bytes: Arc::from(op.to_bytes()),
                    });
                }
            }
            envelopes.extend(self.intake.take_envelopes(&self.registry));
        }
        for envelope in envelopes {
            if self.registry.seat(&envelope.header.seat).is_some() {
                let (key, doc) = (intake::place_of(&envelope), envelope.header.doc);
                sorted.store.push(StoredItem {
                    key,
                    doc,
                    bytes: Arc::from(envelope.to_bytes()),
                });
            } else {
                self.intake.keep_envelope(envelope);
            }
        }
        sorted
    }

    fn request(&mut self, items: Vec<StoredItem>, local: Vec<LocalWrite>, origin: Origin, out: &mut Effects) {
        let batch = self.next_batch;
        self.next_batch += 1;
        let keys: Vec<OrderKey> = items.iter().map(|i| i.key).collect();
        self.untaken.extend(&keys);
        let lengths = items.iter().map(|i| i.bytes.len() as u64).collect();
        let places = items.iter().map(|i| Place::of(&i.bytes)).collect();
        self.pending.insert(
            batch,
            PendingBatch {
                keys,
                lengths,
                places,
                origin,
            },
        );
        out.commits.push((batch, Batch { items, local }));
    }

    fn committed(&mut self, now_ms: u64, batch: BatchNo, new: &[bool], store: &dyn Store, out: &mut Effects) {
        let Some(done) = self.pending.remove(&batch) else { return };
        let (mut fresh, mut places) = (Vec::new(), Vec::new());
        for ((key, place), _) in done.keys.iter().zip(&done.places).zip(new).filter(|(_, new)| **new) {
            fresh.push(*key);
            places.push(*place);
        }
        let own = matches!(done.origin, Origin::Own(_));
        for key in &done.keys {
            self.untaken.remove(key);
        }
        let mut rest: BTreeSet<OrderKey> = fresh.iter().copied().collect();
        for (key, place) in fresh.iter().zip(&places) {
            rest.remove(key);
            if let Some(place) = place {
                // Batches are committed together and taken one after the other.
                self.held.stored(key.id, place, store, &|other| {
                    !rest.contains(other) && !self.untaken.contains(other)
                });
            }
            for link in self.links.values_mut() {
                let Some(session) = link.session.as_mut() else { continue };
                // Own items and what is urgent go out at once. Others' have very likely reached this peer from their author: a
                // comparison a moment later finds what hasn't, instead of everybody sending everything to everybody.
                if own || key.lane <= Lane::Urgent as u8 {
                    session.on_stored(key);
                } else {
                    link.relay_at_ms.get_or_insert(now_ms + RELAY_AFTER_MS);
                }
            }
        }
        if !own {
            self.traffic.new += done
                .lengths
                .iter()
                .zip(new)
                .filter(|(_, new)| **new)
                .map(|(length, _)| length)
                .sum::<u64>();
        }
        if let Origin::Link(link, ticket, keys) = &done.origin
            && let Some(session) = self.links.get_mut(link).and_then(|l| l.session.as_mut())
        {
            session.durable(*ticket, keys);
        }
        self.held.speak(now_ms, &self.registry, false);
        out.ready.extend(self.links.keys());
        if !fresh.is_empty() {
            out.events.push(Event::Stored { keys: fresh });
        }
        if let Origin::Own(Some(ticket)) = done.origin {
            out.events.push(Event::Saved { ticket });
        }
    }

    fn tick(&mut self, now_ms: u64, out: &mut Effects) {
        for (id, link) in &mut self.links {
            if link.relay_at_ms.take_if(|at| *at <= now_ms).is_some()
                && let Some(session) = link.session.as_mut()
            {
                session.compare_roots();
                out.ready.insert(*id);
            }
        }
        out.ready.extend(self.held.speak(now_ms, &self.registry, true));
        let local = self.held.due_for_keeping(now_ms);
        if !local.is_empty() {
            self.request(Vec::new(), local, Origin::Own(None), out);
        }
    }

    fn commit_failed(&mut self, batch: BatchNo, out: &mut Effects) {
        let Some(failed) = self.pending.remove(&batch) else { return };
        for key in &failed.keys {
            self.untaken.remove(key);
        }
        match failed.origin {
            Origin::Own(Some(ticket)) => out.events.push(Event::NotSaved { ticket }),
            // Without an acknowledgement the peer keeps its items; a new session asks for them again.
            Origin::Link(link, ..) => {
                out.close.push(link);
                self.drop_link(link);
            }
            Origin::Own(None) | Origin::File => {}
        }
    }

    /// Whoever isn't served any more is hung up on.
    fn registry_changed(&mut self, out: &mut Effects) {
        out.events.push(Event::RegistryChanged);
        self.held.registry_changed(&self.registry);
        let gone = |l: &Link| !self.registry.serves(&l.peer, self.latest_ms);
        let unserved: Vec<LinkId> = self.links.iter().filter(|(_, l)| gone(l)).map(|(id, _)| *id).collect();
        for link in unserved {
            out.close.push(link);
            self.drop_link(link);
        }
    }

    fn misbehaved(&mut self, link: LinkId, why: String, out: &mut Effects) {
        if let Some(found) = self.links.get(&link) {
            out.events.push(Event::Misbehaved {
                link,
                peer: found.peer,
                why,
            });
        }
        out.close.push(link);
        self.drop_link(link);
    }

    /// What is stored can't be read: the next link finds out again what this one had to say.
    fn unreadable(&mut self, link: LinkId, error: &StoreError, out: &mut Effects) {
        out.events.push(Event::Unreadable {
            link,
            why: error.to_string(),
        });
        out.close.push(link);
        self.drop_link(link);
    }

    fn drop_link(&mut self, link: LinkId) {
        self.held.part(link);
        if let Some(session) = self.links.remove(&link).and_then(|l| l.session) {
            self.traffic.add(session.statistics());
        }
    }
}
