//! Who holds what, proven: each node signs how far it durably holds each seat's chain, and statements travel on from node to node.
//!
//! An author whose facility C never met thus learns that C carries his envelope. Acknowledgements of a session say less: an envelope
//! that waits for a certificate is acknowledged while it is only in memory.
//!
//! Invariants: nothing is stated before it is durable ([`Holdings::stored`] is called with committed items only), nor across a gap
//! ([`chains`]). A statement causes others only by moving a tip of ours, or, once per author, by being our own and not true any more:
//! so a network in which nobody writes becomes quiet.

mod book;
mod chains;
mod coverage;
mod gossip;
mod statement;

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;

use super::LinkId;
use crate::identity::{Registry, Revoked};
use crate::ids::{FacilityKey, ItemId, NodeKey, SeatKey};
use crate::store::{LocalWrite, OrderKey, Store, StoreError};
use crate::wire::Reader;

use book::Book;
use chains::Chains;
pub(super) use chains::Place;
pub use coverage::Coverage;
use gossip::{Frame, Gossip};
pub use statement::{Held, MAX_TIPS};

/// One author's chain is stated anew at most this often.
const STATE_EVERY_MS: u64 = 2_000;
/// Statements that were learned are written down at least this often, and at a clean stop.
const KEEP_EVERY_MS: u64 = 10 * 60_000;
/// Local record of the tips, for the set whose root it names.
const CHAINS: &[u8] = b"held/chains";
/// Local records of statements: this, then holder and author.
const BY: &[u8] = b"held/by/";

/// What this node holds and has heard about others.
pub(super) struct Holdings {
    node: SigningKey,
    own: NodeKey,
    chains: Chains,
    book: Book,
    links: BTreeMap<LinkId, Gossip>,
    /// Authors about whose chains there is something new to say.
    unsaid: BTreeSet<SeatKey>,
    said_ms: BTreeMap<SeatKey, u64>,
    /// The greatest revision that was ever signed with our key, as far as we have heard.
    revision: u64,
    /// Authors about whom we have taken back what we, or a copy of us, had said.
    taken_back: BTreeSet<SeatKey>,
    /// Learned from others and not passed on yet, with the links whose peers have it.
    fresh: BTreeMap<(NodeKey, SeatKey), BTreeSet<LinkId>>,
    unkept: BTreeSet<(NodeKey, SeatKey)>,
    kept_ms: u64,
    /// The set whose tips are written down.
    kept_root: Option<[u8; 32]>,
}

impl Holdings {
    /// Believes what was written down at a clean stop if it is about this very set; else looks through the store.
    pub(super) fn open(node: SigningKey, store: &dyn Store, registry: &Registry) -> Result<Self, StoreError> {
        let known = store.local(CHAINS)?.and_then(|bytes| Chains::decode(&bytes, &store.root()).ok());
        let kept_root = known.is_some().then(|| store.root());
        let mut holdings = Self {
            own: NodeKey(node.verifying_key().to_bytes()),
            node,
            chains: known.map_or_else(|| Chains::scan(store), Ok)?,
            book: Book::default(),
            links: BTreeMap::new(),
            unsaid: BTreeSet::new(),
            said_ms: BTreeMap::new(),
            revision: 0,
            taken_back: BTreeSet::new(),
            fresh: BTreeMap::new(),
            unkept: BTreeSet::new(),
            kept_ms: 0,
            kept_root,
        };
        for (key, value) in store.local_prefix(BY)? {
            let bytes = [&key[BY.len()..], &value].concat();
            let mut r = Reader::new(&bytes);
            let read = Held::read(&mut r).ok().filter(|_| r.rest().is_empty());
            let Some(held) = read.filter(|held| held.is_signed(&registry.network_id())) else {
                continue;
            };
            if let Some(facility) = counts(registry, &held.holder) {
                holdings.book.keep(held, facility);
            }
        }
        holdings.revision = holdings.book.newest(&holdings.own);
        // What a crash or a damaged disk has changed since.
        let own = holdings.book.by(&holdings.own);
        let untrue = own
            .filter(|held| holdings.chains.tips(&held.author) != held.tips)
            .map(|held| held.author);
        let silent = holdings.chains.seats().filter(|seat| holdings.is_unsaid(seat));
        holdings.unsaid = untrue.chain(silent.copied()).collect();
        Ok(holdings)
    }

    fn is_unsaid(&self, seat: &SeatKey) -> bool {
        self.book.get(&self.own, seat).is_none() && !self.chains.tips(seat).is_empty()
    }

    /// Other nodes that hold a chain of this seat, up to which envelopes. Revoked ones don't count.
    pub(super) fn holders<'a>(&'a self, author: &'a SeatKey, registry: &'a Registry) -> impl Iterator<Item = (NodeKey, &'a [ItemId])> {
        let others = self
            .book
            .about(author)
            .filter(|held| held.holder != self.own && !held.tips.is_empty());
        others
            .filter(|held| counts(registry, &held.holder).is_some())
            .map(|held| (held.holder, &held.tips[..]))
    }

    /// An envelope is durable. `taken` is true of what is stored and was taken note of before.
    pub(super) fn stored(&mut self, id: ItemId, place: &Place, store: &dyn Store, taken: &dyn Fn(&OrderKey) -> bool) {
        if self.chains.take(id, place, store, taken) {
            self.unsaid.insert(place.seat());
        }
    }

    /// Signs what is due and hands it to every link; returns the links with something to say. With `tick`, passes on what others said.
    pub(super) fn speak(&mut self, now_ms: u64, registry: &Registry, tick: bool) -> Vec<LinkId> {
        if let Some(facility) = counts(registry, &self.own) {
            let rested = |author: &SeatKey| self.said_ms.get(author).is_none_or(|at| now_ms.abs_diff(*at) >= STATE_EVERY_MS);
            for author in self.unsaid.iter().copied().filter(rested).collect::<Vec<_>>() {
                self.unsaid.remove(&author);
                self.state(author, now_ms, registry, facility);
            }
        }
        if tick {
            for ((holder, author), knowing) in std::mem::take(&mut self.fresh) {
                let others = self.links.iter_mut().filter(|(link, _)| !knowing.contains(link));
                others.for_each(|(_, gossip)| gossip.push(holder, author));
            }
        }
        self.links
            .iter()
            .filter(|(_, g)| g.has_something())
            .map(|(link, _)| *link)
            .collect()
    }

    /// Signs whatever is new, however recently something was said.
    pub(super) fn speak_all(&mut self, now_ms: u64, registry: &Registry) {
        let Some(facility) = counts(registry, &self.own) else { return };
        for author in std::mem::take(&mut self.unsaid) {
            self.state(author, now_ms, registry, facility);
        }
    }

    /// The latest of every (holder, author).
    pub(super) fn statements(&self) -> impl Iterator<Item = &Held> {
        self.book.all()
    }

    /// The latest word of these nodes about one author's chain; `None` for who said nothing.
    pub(super) fn said(&self, holder: &NodeKey, author: &SeatKey) -> Option<&Held> {
        self.book.get(holder, author)
    }

    /// A statement that came in a file. True if another node is now known to hold more, or less.
    pub(super) fn carried(&mut self, held: Held, registry: &Registry) -> bool {
        // A false signature was put there by whoever made the file: it says nothing.
        self.hear(None, held, registry).unwrap_or(false)
    }

    fn state(&mut self, author: SeatKey, now_ms: u64, registry: &Registry, facility: FacilityKey) {
        let tips = self.chains.tips(&author);
        let said = self.book.get(&self.own, &author).map(|held| &held.tips);
        if said.map_or(tips.is_empty(), |said| *said == tips) || registry.seat(&author).is_none() {
            return;
        }
        self.revision = now_ms.max(self.revision.saturating_add(1));
        self.said_ms.insert(author, now_ms);
        let held = Held::sign(&self.node, &registry.network_id(), author, self.revision, tips);
        if self.book.keep(held, facility) {
            self.unkept.insert((self.own, author));
            self.links.values_mut().for_each(|gossip| gossip.push(self.own, author));
        }
    }

    // ---- links

    /// Both salts of the session, the dialler's first.
    pub(super) fn meet(&mut self, link: LinkId, salts: [&[u8; 32]; 2]) {
        let salt = crate::crypto::derive(crate::crypto::context::HELD_MARK, &[salts[0], salts[1]]);
        self.links.insert(link, Gossip::new(salt));
    }

    /// Certificates are in step as far as they will be.
    pub(super) fn begin(&mut self, link: LinkId) {
        if let Some(gossip) = self.links.get_mut(&link) {
            gossip.begin();
        }
    }

    pub(super) fn part(&mut self, link: LinkId) {
        self.links.remove(&link);
    }

    /// True iff a frame that begins so is one of these.
    pub(super) fn is_frame(bytes: &[u8]) -> bool {
        Frame::is_one(bytes.first())
    }

    pub(super) fn next_frame(&mut self, link: LinkId) -> Option<Vec<u8>> {
        let gossip = self.links.get_mut(&link).filter(|g| g.has_something())?;
        gossip.next_frame(&self.book).map(|frame| frame.encode())
    }

    /// Takes one of these frames. Returns the authors of whom something new is known.
    ///
    /// # Errors
    /// Malformed, out of turn or falsely signed: the peer misbehaves.
    pub(super) fn frame(&mut self, link: LinkId, bytes: &[u8], registry: &Registry) -> Result<BTreeSet<SeatKey>, String> {
        let frame = Frame::decode(bytes).map_err(|e| format!("statements: {e}"))?;
        let Some(gossip) = self.links.get_mut(&link) else {
            return Ok(BTreeSet::new());
        };
        let mut news = BTreeSet::new();
        match frame {
            Frame::Mark(mark) => gossip.on_mark(mark)?,
            Frame::List(list) => gossip.on_list(&list, &self.book)?,
            Frame::Statements(all) => {
                for held in all {
                    let author = held.author;
                    if self.hear(Some(link), held, registry)? {
                        news.insert(author);
                    }
                }
            }
        }
        Ok(news)
    }

    /// True if another node is now known to hold more, or less.
    fn hear(&mut self, link: Option<LinkId>, held: Held, registry: &Registry) -> Result<bool, String> {
        let what = (held.holder, held.author);
        let known = self.book.get(&held.holder, &held.author).map(|known| known.revision);
        if known.is_some_and(|known| known >= held.revision) {
            if let Some(link) = link.filter(|_| known == Some(held.revision)) {
                self.has(link, what);
            }
            return Ok(false);
        }
        // Their certificates may come later, and statements with them: nobody's fault.
        let (Some(facility), true) = (counts(registry, &held.holder), registry.seat(&held.author).is_some()) else {
            return Ok(false);
        };
        if !held.is_signed(&registry.network_id()) {
            return Err("a statement with a false signature".into());
        }
        let own = held.holder == self.own;
        if own {
            self.revision = self.revision.max(held.revision);
            // Said before a crash, or by a copy of this node: not true of this disk. Once, so that two copies don't argue for ever.
            if held.tips != self.chains.tips(&held.author) && self.taken_back.insert(held.author) {
                self.unsaid.insert(held.author);
            }
        }
        if !self.book.keep(held, facility) {
            return Ok(false);
        }
        self.unkept.insert(what);
        let knowing = self.fresh.entry(what).or_default();
        if let Some(link) = link {
            knowing.insert(link);
            self.has(link, what);
        }
        Ok(!own)
    }

    /// The peer of this link has the latest statement.
    fn has(&mut self, link: LinkId, what: (NodeKey, SeatKey)) {
        if let Some(gossip) = self.links.get_mut(&link) {
            gossip.withdraw(what.0, what.1);
        }
        if let Some(knowing) = self.fresh.get_mut(&what) {
            knowing.insert(link);
        }
    }

    /// Certificates or revocations came: statements of revoked nodes are forgotten.
    pub(super) fn registry_changed(&mut self, registry: &Registry) {
        let gone = self.book.retain(|holder| counts(registry, holder).is_some());
        for what in gone {
            self.fresh.remove(&what);
            self.unkept.insert(what);
        }
    }

    // ---- what outlives the process

    /// What was learned since it was last written down, if that is long ago.
    pub(super) fn due_for_keeping(&mut self, now_ms: u64) -> Vec<LocalWrite> {
        if self.kept_ms == 0 || self.unkept.is_empty() {
            self.kept_ms = now_ms.max(1);
        }
        if now_ms.abs_diff(self.kept_ms) < KEEP_EVERY_MS {
            return Vec::new();
        }
        self.kept_ms = now_ms;
        self.keep()
    }

    /// Everything worth keeping over a clean stop.
    pub(super) fn stop(&mut self, root: &[u8; 32]) -> Vec<LocalWrite> {
        let mut local = self.keep();
        if self.kept_root.replace(*root) != Some(*root) {
            local.push(LocalWrite {
                key: CHAINS.to_vec(),
                value: self.chains.encode(root),
            });
        }
        local
    }

    fn keep(&mut self) -> Vec<LocalWrite> {
        let changed = std::mem::take(&mut self.unkept);
        let record = |(holder, author): (NodeKey, SeatKey)| LocalWrite {
            key: [BY, &holder.0, &author.0].concat(),
            // Holder and author stand in the name.
            value: self.book.get(&holder, &author).map(|held| held.to_bytes().split_off(64)),
        };
        changed.into_iter().map(record).collect()
    }
}

/// The facility of a node whose word counts: certified, neither it nor its facility revoked. Dates play no part: it held what it held.
fn counts(registry: &Registry, node: &NodeKey) -> Option<FacilityKey> {
    let found = registry.node(node)?;
    let revoked = registry.is_revoked(&Revoked::Node(*node)) || registry.is_revoked(&Revoked::Facility(found.facility));
    (!revoked && registry.facility(&found.facility).is_some()).then_some(found.facility)
}
