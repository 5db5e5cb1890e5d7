//! One node as a state machine: what it carries, to whom it talks, what it believes.
//!
//! Contract: [`Peer::handle`] takes one input and the current time and adds to [`Effects`]; the driver carries them out. Writes are
//! *requested* ([`Effects::commits`]) and count only after the driver reports them durable ([`Input::Committed`]): acknowledgements
//! and "saved" go out then and not before. Frames are *pulled* ([`Peer::next_frame`]) when a link has room, so nothing queues here.
//!
//! Architecture invariant: this module never sees plaintext or a reading key; a cabin's carrier is exactly this.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::envelope::{Envelope, Kind};
use crate::ids::{DocId, Hlc, ItemId, NetworkId, NodeKey};
use crate::identity::{Charter, RegistryOp, op::REGISTRY_OP};
use crate::identity::Registry;
use crate::store::{Batch, LocalWrite, OrderKey, Store, StoreError, StoredItem};
use crate::sync::{SetIndex, Session, SessionEvent, SessionOutput, Settings, Ticket};

mod hello;
mod intake;

pub use hello::Hello;
use intake::{Examined, Intake};

/// One connection, named by the driver.
pub type LinkId = u64;

/// One requested write, named by the engine.
pub type BatchNo = u64;

/// A local write, named by the caller.
pub type WriteTicket = u64;

/// What happens to a node.
pub enum Input {
    /// The transport has authenticated this peer's node key. Says nothing about membership yet.
    LinkUp { link: LinkId, peer: NodeKey },
    LinkDown { link: LinkId },
    Frame { link: LinkId, bytes: Vec<u8> },
    /// Items of our own, already signed, with local records that must become durable with them.
    Write { ticket: WriteTicket, items: Vec<Vec<u8>>, local: Vec<LocalWrite> },
    /// Ops that a stranger presented to be believed (its certificate chain); nothing else is taken from a stranger.
    Introduction { ops: Vec<Vec<u8>> },
    /// The batch is durable; for each of its items whether it was new.
    Committed { batch: BatchNo, new: Vec<bool> },
    /// The disk refused the batch; nothing of it counts.
    CommitFailed { batch: BatchNo },
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
    pub refused: u64,
}

struct Link {
    peer: NodeKey,
    salt: [u8; 16],
    hello_sent: bool,
    session: Option<Session>,
}

struct PendingBatch {
    keys: Vec<OrderKey>,
    /// Sessions to acknowledge, and from whom the items came.
    from: Option<(LinkId, Ticket)>,
    ticket: Option<WriteTicket>,
}

/// A node: its registry, its set, its links.
pub struct Peer {
    own: NodeKey,
    registry: Registry,
    index: SetIndex,
    intake: Intake,
    links: BTreeMap<LinkId, Link>,
    pending: BTreeMap<BatchNo, PendingBatch>,
    next_batch: BatchNo,
    settings: Settings,
    traffic: Traffic,
    /// The largest time seen: a clock set back doesn't revive a certificate.
    latest_ms: u64,
}

impl Peer {
    /// Rebuilds a node's view from what is stored.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn open(own: NodeKey, charter: Charter, store: &dyn Store, settings: Settings) -> Result<Self, StoreError> {
        let mut registry = Registry::new(charter);
        let mut index = SetIndex::default();
        let network = registry.network_id();
        let mut ops = Vec::new();
        let mut from = std::ops::Bound::Unbounded;
        loop {
            let keys = store.range(from, 4_096)?;
            let Some(last) = keys.last() else { break };
            from = std::ops::Bound::Excluded(*last);
            for key in keys {
                index.insert(key);
                if key.lane == 0
                    && let Some(bytes) = store.get(&key.id)?
                    && bytes.first() == Some(&REGISTRY_OP)
                    && let Ok(op) = RegistryOp::parse(&network, &bytes)
                {
                    ops.push(op);
                }
            }
        }
        registry.extend(ops);
        Ok(Self {
            own,
            registry,
            index,
            intake: Intake::default(),
            links: BTreeMap::new(),
            pending: BTreeMap::new(),
            next_batch: 1,
            settings,
            traffic: Traffic::default(),
            latest_ms: 0,
        })
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn index(&self) -> &SetIndex {
        &self.index
    }

    pub fn traffic(&self) -> Traffic {
        let mut total = self.traffic;
        for session in self.links.values().filter_map(|l| l.session.as_ref()) {
            let s = session.stats();
            total.item_bytes_sent += s.item_bytes_sent;
            total.items_sent += s.items_sent;
            total.items_received += s.items_received;
        }
        total
    }

    /// Items that wait, unstored, for their author's certificates.
    pub fn waiting(&self) -> usize {
        self.intake.waiting()
    }

    /// Node keys whose connections are to be accepted now.
    pub fn allowed(&self, now_ms: u64) -> BTreeSet<NodeKey> {
        let now = now_ms.max(self.latest_ms);
        self.registry.nodes().map(|(k, _)| *k).filter(|k| *k != self.own && self.registry.serves(k, now)).collect()
    }

    /// Links with a session, and whether it has settled.
    pub fn sessions(&self) -> impl Iterator<Item = (LinkId, NodeKey, bool)> {
        self.links.iter().filter_map(|(id, l)| Some((*id, l.peer, l.session.as_ref()?.is_settled())))
    }

    /// Takes one input. `now_ms` is the wall clock, `salt` fresh randomness for a new link (unused otherwise).
    pub fn handle(&mut self, now_ms: u64, input: Input, salt: [u8; 16], store: &dyn Store, out: &mut Effects) {
        self.latest_ms = self.latest_ms.max(now_ms);
        match input {
            Input::LinkUp { link, peer } => {
                if !self.registry.serves(&peer, self.latest_ms) {
                    out.close.push(link);
                    return;
                }
                self.links.insert(link, Link { peer, salt, hello_sent: false, session: None });
                out.ready.insert(link);
            }
            Input::LinkDown { link } => self.drop_link(link),
            Input::Frame { link, bytes } => self.frame(now_ms, link, &bytes, store, out),
            Input::Write { ticket, items, local } => self.write(ticket, items, local, store, out),
            Input::Introduction { ops } => self.introduction(ops, store, out),
            Input::Committed { batch, new } => self.committed(batch, &new, out),
            Input::CommitFailed { batch } => self.commit_failed(batch, out),
        }
    }

    /// The next frame for a link that has room for one, or nothing to say.
    pub fn next_frame(&mut self, now_ms: u64, link: LinkId, store: &dyn Store, budget: usize) -> Option<Vec<u8>> {
        let network = self.registry.network_id();
        let own = self.links.get_mut(&link)?;
        let frame = if own.hello_sent {
            let fetch = |id: &ItemId| store.get(id).ok().flatten();
            own.session.as_mut()?.next_frame(&self.index, &fetch, budget)?
        } else {
            own.hello_sent = true;
            Hello { network, salt: own.salt, clock_ms: now_ms }.to_bytes()
        };
        self.traffic.bytes_sent += frame.len() as u64;
        Some(frame)
    }

    fn frame(&mut self, now_ms: u64, link: LinkId, bytes: &[u8], store: &dyn Store, out: &mut Effects) {
        self.traffic.bytes_received += bytes.len() as u64;
        let Some(own) = self.links.get_mut(&link) else { return };
        let peer = own.peer;
        let Some(session) = own.session.as_mut() else {
            match Hello::parse(bytes) {
                Ok(hello) if hello.network == self.registry.network_id() => {
                    let salt = hello::session_salt(&self.own, &own.salt, &peer, &hello.salt);
                    own.session = Some(Session::new(salt, self.settings.clone()));
                    let clock_ahead_ms = hello.clock_ms as i64 - now_ms as i64;
                    out.events.push(Event::Admitted { link, peer, clock_ahead_ms });
                    out.ready.insert(link);
                }
                Ok(_) => self.misbehaved(link, "belongs to another network".into(), out),
                Err(e) => self.misbehaved(link, format!("hello: {e}"), out),
            }
            return;
        };
        let mut output = SessionOutput::default();
        let handled = session.handle(bytes, &self.index, &mut output);
        out.ready.insert(link);
        for event in output.events {
            match event {
                SessionEvent::Received { items, ticket } => self.received(link, items, ticket, store, out),
                SessionEvent::Settled => out.events.push(Event::Settled { link, peer }),
                SessionEvent::Diverged => out.events.push(Event::Diverged { link, peer }),
                _ => {}
            }
        }
        if let Err(why) = handled {
            self.misbehaved(link, why.to_string(), out);
        }
    }

    fn received(&mut self, link: LinkId, items: Vec<Vec<u8>>, ticket: Ticket, store: &dyn Store, out: &mut Effects) {
        let (stored, registry_changed, refused) = self.examine(items, store);
        if registry_changed {
            out.events.push(Event::RegistryChanged);
        }
        self.request(stored, Vec::new(), Some((link, ticket)), None, out);
        if let Some(why) = refused {
            self.traffic.refused += 1;
            self.misbehaved(link, why, out);
        }
    }

    fn write(&mut self, ticket: WriteTicket, items: Vec<Vec<u8>>, local: Vec<LocalWrite>, store: &dyn Store, out: &mut Effects) {
        let count = items.len();
        let (stored, registry_changed, refused) = self.examine(items, store);
        if registry_changed {
            out.events.push(Event::RegistryChanged);
        }
        if refused.is_some() || (stored.len() < count && self.intake.waiting() > 0 && stored.is_empty()) {
            out.events.push(Event::NotSaved { ticket });
            return;
        }
        self.request(stored, local, None, Some(ticket), out);
    }

    fn introduction(&mut self, ops: Vec<Vec<u8>>, store: &dyn Store, out: &mut Effects) {
        let only_ops: Vec<_> = ops.into_iter().filter(|b| b.first() == Some(&REGISTRY_OP)).collect();
        let (stored, changed, _) = self.examine(only_ops, store);
        if changed {
            out.events.push(Event::RegistryChanged);
        }
        self.request(stored, Vec::new(), None, None, out);
    }

    /// Sorts items into those to store, those that wait, and the first reason to refuse.
    fn examine(&mut self, items: Vec<Vec<u8>>, store: &dyn Store) -> (Vec<StoredItem>, bool, Option<String>) {
        let mut stored = Vec::new();
        let mut refused = None;
        let (mut envelopes, mut ops) = (Vec::new(), Vec::new());
        for bytes in items {
            match intake::examine(&self.registry.network_id(), bytes, store) {
                Ok(Examined::Known) => {}
                Ok(Examined::Op(op)) => ops.push(op),
                Ok(Examined::Envelope(envelope)) => envelopes.push(*envelope),
                Err(why) => refused = Some(why),
            }
        }
        let changed = !ops.is_empty();
        if changed {
            ops.extend(self.intake.take_ops());
            let all: Vec<_> = ops.iter().map(|op| (op.id(), op.clone())).collect();
            let waiting: BTreeSet<ItemId> = self.registry.extend(ops.iter().cloned()).iter().map(RegistryOp::id).collect();
            for (id, op) in all {
                if waiting.contains(&id) {
                    self.intake.keep_op(op);
                } else {
                    let key = OrderKey { lane: 0, time: op.hlc, id };
                    stored.push(StoredItem { key, doc: DocId::ZERO, bytes: Arc::from(op.to_bytes()) });
                }
            }
            envelopes.extend(self.intake.take_envelopes(&self.registry));
        }
        for envelope in envelopes {
            if self.registry.seat(&envelope.header.seat).is_some() {
                let header = &envelope.header;
                let key = OrderKey { lane: header.lane as u8, time: header.hlc, id: envelope.id() };
                stored.push(StoredItem { key, doc: header.doc, bytes: Arc::from(envelope.to_bytes()) });
            } else {
                self.intake.keep_envelope(envelope);
            }
        }
        (stored, changed, refused)
    }

    fn request(
        &mut self,
        items: Vec<StoredItem>,
        local: Vec<LocalWrite>,
        from: Option<(LinkId, Ticket)>,
        ticket: Option<WriteTicket>,
        out: &mut Effects,
    ) {
        let batch = self.next_batch;
        self.next_batch += 1;
        let keys = items.iter().map(|i| i.key).collect();
        self.pending.insert(batch, PendingBatch { keys, from, ticket });
        out.commits.push((batch, Batch { items, local }));
    }

    fn committed(&mut self, batch: BatchNo, new: &[bool], out: &mut Effects) {
        let Some(done) = self.pending.remove(&batch) else { return };
        let fresh: Vec<OrderKey> = done.keys.iter().zip(new).filter(|(_, new)| **new).map(|(k, _)| *k).collect();
        for key in &fresh {
            self.index.insert(*key);
        }
        let source = done.from.map(|(link, _)| link);
        for (id, link) in &mut self.links {
            let Some(session) = link.session.as_mut() else { continue };
            for key in &fresh {
                if source != Some(*id) {
                    session.on_stored(key);
                }
            }
            out.ready.insert(*id);
        }
        if let Some((link, ticket)) = done.from
            && let Some(session) = self.links.get_mut(&link).and_then(|l| l.session.as_mut())
        {
            session.durable(ticket);
        }
        if !fresh.is_empty() {
            out.events.push(Event::Stored { keys: fresh });
        }
        if let Some(ticket) = done.ticket {
            out.events.push(Event::Saved { ticket });
        }
    }

    fn commit_failed(&mut self, batch: BatchNo, out: &mut Effects) {
        let Some(failed) = self.pending.remove(&batch) else { return };
        if let Some(ticket) = failed.ticket {
            out.events.push(Event::NotSaved { ticket });
        }
        // Without an acknowledgement the peer keeps its items; a new session asks for them again.
        if let Some((link, _)) = failed.from {
            out.close.push(link);
            self.drop_link(link);
        }
    }

    fn misbehaved(&mut self, link: LinkId, why: String, out: &mut Effects) {
        if let Some(found) = self.links.get(&link) {
            out.events.push(Event::Misbehaved { link, peer: found.peer, why });
        }
        out.close.push(link);
        self.drop_link(link);
    }

    fn drop_link(&mut self, link: LinkId) {
        if let Some(session) = self.links.remove(&link).and_then(|l| l.session) {
            let s = session.stats();
            self.traffic.item_bytes_sent += s.item_bytes_sent;
            self.traffic.items_sent += s.items_sent;
            self.traffic.items_received += s.items_received;
        }
    }
}
