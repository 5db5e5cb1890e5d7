//! What one unlocked seat can open: its own secret, and every epoch key that follows from it.
//!
//! Epochs and late wraps are offered in any order; whatever a new key opens is opened at once: the epochs before it, and through
//! a team's deposit key the epochs of other documents. Without recursion, so that no chain is too long.
//!
//! Invariants:
//! * a key stands under (document, kid) only where the kid was recomputed from it, so no order and no author can make another
//!   stand there;
//! * an item that doesn't open is tried again only with a secret that is new and that it names: at most once per wrap;
//! * one author's items for one document are counted, so a flood waits in nobody else's place;
//! * secrets are boxed (a map that grows leaves no copies) and wiped by [`KeyRing::lock`] and on drop.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};
use std::fmt;

use super::epochs::{EpochFault, EpochKey, History, KeyEpoch, Wrap, open_epoch};
use crate::crypto::KemSecret;
use crate::ids::{DocId, ItemId, KemPublic, Kid, NetworkId, SeatKey};

/// Epochs and wraps that one author may offer for one document: as many access ops as its chain may carry there.
pub const MAX_PER_AUTHOR: u16 = 512;

/// The keys of one unlocked seat.
pub struct KeyRing {
    network: NetworkId,
    secrets: BTreeMap<KemPublic, Box<KemSecret>>,
    keys: BTreeMap<(DocId, Kid), Box<EpochKey>>,
    /// Documents with a key that nobody has asked about yet.
    fresh: BTreeSet<DocId>,
    /// Every item that was ever offered.
    seen: BTreeSet<ItemId>,
    spent: BTreeMap<(DocId, SeatKey), u16>,
    /// Items that haven't opened.
    waiting: BTreeMap<ItemId, Waiting>,
    /// Waiting items by a recipient whose secret we lack.
    by_recipient: BTreeMap<KemPublic, BTreeSet<ItemId>>,
    /// Waiting items by the key they are about.
    by_kid: BTreeMap<(DocId, Kid), BTreeSet<ItemId>>,
    faults: BTreeSet<Complaint>,
}

/// What became of an offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offered {
    /// Its key is in the ring.
    Opened,
    /// Kept until a secret or a key comes that opens it.
    Waiting,
    /// A wrap that was for us and false; see [`KeyRing::faults`].
    Refused,
    /// Its author has offered [`MAX_PER_AUTHOR`] items for this document: not kept.
    OverQuota,
}

/// Something false that an author signed, found by opening it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Complaint {
    pub doc: DocId,
    pub author: SeatKey,
    pub kid: Kid,
    /// The envelope of the epoch or wrap.
    pub item: ItemId,
    pub fault: EpochFault,
}

struct Waiting {
    doc: DocId,
    author: SeatKey,
    what: What,
}

enum What {
    Epoch(KeyEpoch),
    Wrap(Wrap),
}

/// Work that a new secret, key or item gives.
enum Step {
    Secret(Box<KemSecret>),
    Key(DocId, Box<EpochKey>),
    /// Try a waiting item: with the secret of this recipient, or with all we have.
    Try(ItemId, Option<KemPublic>),
}

impl KeyRing {
    pub fn new(network: NetworkId) -> Self {
        Self {
            network,
            secrets: BTreeMap::new(),
            keys: BTreeMap::new(),
            fresh: BTreeSet::new(),
            seen: BTreeSet::new(),
            spent: BTreeMap::new(),
            waiting: BTreeMap::new(),
            by_recipient: BTreeMap::new(),
            by_kid: BTreeMap::new(),
            faults: BTreeSet::new(),
        }
    }

    /// Adds the seat's own secret (or a card's, or a recovery seat's) and opens what waited for it.
    pub fn add_secret(&mut self, secret: KemSecret) {
        self.settle(Step::Secret(Box::new(secret)));
    }

    /// Adds the key of an epoch that this seat has just made.
    pub fn add_key(&mut self, doc: DocId, key: EpochKey) {
        self.settle(Step::Key(doc, Box::new(key)));
    }

    /// Offers an epoch of `doc`; `item` is its envelope (its genesis, for a first one). Offering again changes nothing.
    pub fn offer(&mut self, doc: DocId, author: SeatKey, item: ItemId, epoch: &KeyEpoch) -> Offered {
        let kid = epoch.kid;
        if self.seen.contains(&item) {
            return self.fate(item, (doc, kid));
        }
        if !self.admit(doc, author, item) {
            return Offered::OverQuota;
        }
        let what = What::Epoch(epoch.clone());
        self.wait(item, Waiting { doc, author, what });
        self.settle(Step::Try(item, None));
        self.fate(item, (doc, kid))
    }

    /// Offers a late wrap of `doc`, signed by `author`.
    pub fn offer_wrap(&mut self, doc: DocId, author: SeatKey, item: ItemId, wrap: &Wrap) -> Offered {
        let at = (doc, wrap.kid);
        if self.seen.contains(&item) {
            return self.fate(item, at);
        }
        if !self.admit(doc, author, item) {
            return Offered::OverQuota;
        }
        let what = What::Wrap(*wrap);
        self.wait(item, Waiting { doc, author, what });
        self.settle(Step::Try(item, None));
        self.fate(item, at)
    }

    /// The key of an epoch: what its envelopes open with.
    pub fn key(&self, doc: DocId, kid: Kid) -> Option<&EpochKey> {
        self.keys.get(&(doc, kid)).map(Box::as_ref)
    }

    /// All keys of a document, ascending by kid.
    pub fn epochs(&self, doc: DocId) -> impl Iterator<Item = &EpochKey> {
        self.keys.range((doc, Kid::ZERO)..=(doc, Kid([0xff; Kid::LEN]))).map(|(_, k)| &**k)
    }

    /// Documents that have got a key since this was asked last.
    pub fn take_fresh(&mut self) -> BTreeSet<DocId> {
        std::mem::take(&mut self.fresh)
    }

    /// The secret of a key that something may be sealed to: the seat's own, or a known epoch's deposit key.
    pub fn secret(&self, public: &KemPublic) -> Option<&KemSecret> {
        self.secrets.get(public).map(Box::as_ref)
    }

    /// Epochs that were offered and have no key here: what to send a `KeyRequest` for, where the seat is a live reader.
    pub fn missing(&self) -> Vec<(DocId, Kid)> {
        let is_epoch = |item| matches!(self.waiting.get(item), Some(w) if matches!(w.what, What::Epoch(_)));
        let asked = self.by_kid.iter().filter(|(_, items)| items.iter().any(is_epoch));
        asked.map(|(at, _)| *at).collect()
    }

    /// What authors signed and didn't hold. What was never opened was never judged.
    pub fn faults(&self) -> impl Iterator<Item = &Complaint> {
        self.faults.iter()
    }

    /// Wipes everything. After unlocking, add the secret and offer the epochs again.
    pub fn lock(&mut self) {
        *self = Self::new(self.network);
    }

    fn admit(&mut self, doc: DocId, author: SeatKey, item: ItemId) -> bool {
        let spent = self.spent.entry((doc, author)).or_default();
        if *spent >= MAX_PER_AUTHOR {
            return false;
        }
        *spent += 1;
        self.seen.insert(item)
    }

    fn fate(&self, item: ItemId, at: (DocId, Kid)) -> Offered {
        match (self.keys.contains_key(&at), self.waiting.contains_key(&item)) {
            (true, _) => Offered::Opened,
            (false, true) => Offered::Waiting,
            (false, false) => Offered::Refused,
        }
    }

    fn wait(&mut self, item: ItemId, waiting: Waiting) {
        for recipient in waiting.recipients() {
            if !self.secrets.contains_key(&recipient) {
                self.by_recipient.entry(recipient).or_default().insert(item);
            }
        }
        self.by_kid.entry((waiting.doc, waiting.kid())).or_default().insert(item);
        self.waiting.insert(item, waiting);
    }

    /// Takes an item that has opened (or never will) out of the indices.
    fn done(&mut self, item: ItemId, waiting: &Waiting) {
        for recipient in waiting.recipients() {
            remove_from(&mut self.by_recipient, &recipient, item);
        }
        remove_from(&mut self.by_kid, &(waiting.doc, waiting.kid()), item);
    }

    fn settle(&mut self, first: Step) {
        let mut todo = vec![first];
        while let Some(step) = todo.pop() {
            match step {
                Step::Secret(secret) => {
                    let public = secret.public();
                    if self.secrets.insert(public, secret).is_none() {
                        let items = self.by_recipient.remove(&public).unwrap_or_default();
                        todo.extend(items.into_iter().map(|item| Step::Try(item, Some(public))));
                    }
                }
                Step::Key(doc, key) => {
                    let at = (doc, key.kid());
                    if let Entry::Vacant(place) = self.keys.entry(at) {
                        todo.push(Step::Secret(Box::new(key.deposit())));
                        place.insert(key);
                        self.fresh.insert(doc);
                        todo.extend(self.by_kid.get(&at).into_iter().flatten().map(|item| Step::Try(*item, None)));
                    }
                }
                Step::Try(item, with) => {
                    if let Some(waiting) = self.waiting.remove(&item) {
                        if self.attempt(item, &waiting, with, &mut todo) {
                            self.done(item, &waiting);
                        } else {
                            self.waiting.insert(item, waiting);
                        }
                    }
                }
            }
        }
    }

    /// True where nothing is left to wait for.
    fn attempt(&mut self, item: ItemId, waiting: &Waiting, with: Option<KemPublic>, todo: &mut Vec<Step>) -> bool {
        let Waiting { doc, author, what } = waiting;
        let secret = |public: &KemPublic| match with {
            Some(only) if only != *public => None,
            _ => self.secrets.get(public).map(Box::as_ref),
        };
        let kid = waiting.kid();
        let known = self.keys.get(&(*doc, kid));
        let found = match (what, known) {
            (What::Epoch(epoch), Some(key)) => Ok((None, epoch.history(&self.network, doc, key))),
            (What::Epoch(epoch), None) => open_epoch(&self.network, doc, author, epoch, secret).map(|o| (Some(o.key), o.history)),
            (What::Wrap(wrap), _) => match secret(&wrap.key.recipient) {
                Some(secret) => wrap
                    .open(&self.network, doc, author, secret)
                    .map(|key| (Some(key), History::default())),
                None if known.is_some() => Ok((None, History::default())),
                None => Err(EpochFault::NotForUs),
            },
        };
        let complaint = |fault| Complaint {
            doc: *doc,
            author: *author,
            kid,
            item,
            fault,
        };
        match found {
            Ok((key, history)) => {
                self.faults.extend(history.faults.into_iter().map(complaint));
                todo.extend(key.into_iter().chain(history.predecessors).map(|k| Step::Key(*doc, Box::new(k))));
                true
            }
            Err(EpochFault::NotForUs) => false,
            Err(fault) => {
                self.faults.insert(complaint(fault));
                matches!(what, What::Wrap(_))
            }
        }
    }
}

impl Waiting {
    fn kid(&self) -> Kid {
        match &self.what {
            What::Epoch(epoch) => epoch.kid,
            What::Wrap(wrap) => wrap.kid,
        }
    }

    fn recipients(&self) -> BTreeSet<KemPublic> {
        match &self.what {
            What::Epoch(epoch) => epoch.recipients().collect(),
            What::Wrap(wrap) => BTreeSet::from([wrap.key.recipient]),
        }
    }
}

/// Counts only: which documents a seat can open is itself a secret.
impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[ring of {} keys, {} items waiting]", self.keys.len(), self.waiting.len())
    }
}

fn remove_from<K: Ord>(index: &mut BTreeMap<K, BTreeSet<ItemId>>, key: &K, item: ItemId) {
    if let Some(items) = index.get_mut(key) {
        items.remove(&item);
        if items.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
