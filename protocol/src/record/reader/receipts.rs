//! Received and read: receipts written for others, and what others' receipts say of one's own.
//!
//! Invariants: a seat acknowledges only what it has opened, and nothing beyond a gap, since a missing envelope may belong to the document;
//! a receipt counts only where the access evaluator accepts it, so a stranger or a former reader has read nothing. Receipts are never
//! acknowledged themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::{Doc, Reader, Write, WriteRefused};
use crate::access::view::{Act, Verdict};
use crate::crypto::Entropy;
use crate::envelope::{Envelope, Kind, Lane};
use crate::identity::Registry;
use crate::ids::{DocId, Hlc, ItemId, NodeKey, SeatKey};
use crate::record::receipt::{self, Line, MAX_LINES, Seen};
use crate::store::{Store, StoreError};

#[cfg(test)]
mod tests;

/// An opened receipt, accepted or not.
pub(super) struct Receipt {
    by: SeatKey,
    at: Hlc,
    lines: Vec<Line>,
}

/// Which other seats have one envelope, with their clock when they first said so (for display). Whoever has read it has received it.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Acknowledged {
    pub received: BTreeMap<SeatKey, Hlc>,
    pub read: BTreeMap<SeatKey, Hlc>,
}

impl Acknowledged {
    fn note(&mut self, state: Seen, by: SeatKey, at: Hlc) {
        let first = |when: &mut BTreeMap<SeatKey, Hlc>| {
            let known = when.entry(by).or_insert(at);
            *known = at.min(*known);
        };
        first(&mut self.received);
        if state == Seen::Read {
            first(&mut self.read);
        }
    }
}

impl Reader {
    /// Tells the other authors of a document that this seat has received, or read, what they wrote there. `None`: nothing new since the
    /// last receipt. What doesn't fit into one is left to the next call.
    ///
    /// # Errors
    /// Not allowed here (any more), or a key is missing.
    pub fn acknowledge(
        &self,
        now_ms: u64,
        doc: DocId,
        state: Seen,
        registry: &Registry,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Write>, WriteRefused> {
        // Whoever founds a document in a record's name mustn't learn by it who looks at the record.
        let Some(found) = self.docs.get(&doc).filter(|d| d.filed.is_some_and(|f| f.is_trusted)) else {
            return Ok(None);
        };
        let lines = self.unacknowledged(found, state);
        if lines.is_empty() {
            return Ok(None);
        }
        let view = self.access(&doc).ok_or(WriteRefused::NoSuchRecord)?;
        let me = self.pen.seat;
        let may = view.may(&me, Act::Read, now_ms).or_else(|| view.may(&me, Act::Write, now_ms));
        let authority = may.ok_or(WriteRefused::NotAllowed)?;
        let mut writing = self.begin(now_ms);
        let lane = Lane::Today;
        let key = self.epoch_for_writing(&mut writing, doc, lane, registry, &BTreeSet::new(), entropy)?;
        let header = writing.pen.header(now_ms, Kind::Receipt, lane, doc, key.kid(), authority);
        let written = header.seal(&self.me.signing, &self.network, key.secret(), &receipt::encode(&lines)?)?;
        writing.push(doc, written);
        Ok(Some(writing.finish(Vec::new(), None)))
    }

    /// Who has received and read an envelope of this document. Nothing is said of a number that its author signed twice.
    pub fn receipts(&self, doc: &DocId, envelope: &ItemId) -> Acknowledged {
        let mut acknowledged = Acknowledged::default();
        let (Some(found), Some(view)) = (self.docs.get(doc), self.access(doc)) else {
            return acknowledged;
        };
        let Some(link) = found.records.get(envelope).map(|record| record.link) else {
            return acknowledged;
        };
        if self.at(&link.seat, link.incarnation, link.seq).nth(1).is_some() {
            return acknowledged;
        }
        for (id, said) in &found.receipts {
            let about = |line: &&Line| (line.author, line.incarnation) == (link.seat, link.incarnation) && line.seq >= link.seq;
            if said.by != link.seat && view.verdict(id) == Verdict::Accepted {
                let lines = said.lines.iter().filter(about);
                lines.for_each(|line| acknowledged.note(line.state, said.by, said.at));
            }
        }
        acknowledged
    }

    /// Which nodes hold these envelopes of one seat, by what each says of its chain ([`crate::peer::Peer::holders`]).
    pub fn holders_of<'a>(
        &self,
        author: &SeatKey,
        envelopes: &BTreeSet<ItemId>,
        held: impl Iterator<Item = (NodeKey, &'a [ItemId])>,
    ) -> BTreeMap<ItemId, BTreeSet<NodeKey>> {
        let links = self.links.get(author).into_iter().flat_map(|seat| seat.links.values());
        let before: BTreeMap<ItemId, ItemId> = links.map(|link| (link.id, link.prev)).collect();
        let mut by_tip: BTreeMap<ItemId, BTreeSet<NodeKey>> = BTreeMap::new();
        for (node, tips) in held {
            for tip in tips {
                by_tip.entry(*tip).or_default().insert(node);
            }
        }
        let mut holders: BTreeMap<ItemId, BTreeSet<NodeKey>> = BTreeMap::new();
        for (tip, nodes) in by_tip {
            let mut at = tip;
            while let Some(prev) = before.get(&at) {
                if envelopes.contains(&at) {
                    holders.entry(at).or_default().extend(&nodes);
                }
                at = *prev;
            }
        }
        holders
    }

    /// Opens the receipts of a document that a key has come for.
    pub(super) fn open_receipts(&mut self, id: DocId, store: &dyn Store) -> Result<(), StoreError> {
        let Some(doc) = self.docs.get_mut(&id) else { return Ok(()) };
        for key in self.ring.epochs(id) {
            for item in doc.sealed_receipts.remove(&key.kid()).unwrap_or_default() {
                let Some(bytes) = store.get(&item)? else { continue };
                let Some(envelope) = Envelope::parse(&bytes).ok().and_then(|e| e.verify(&self.network).ok()) else {
                    continue;
                };
                let (by, at) = (envelope.header.seat, envelope.header.hlc);
                let opened = envelope.open(key.secret()).ok();
                match opened.and_then(|plain| receipt::decode(plain.bytes()).ok()) {
                    Some(lines) => drop(doc.receipts.insert(item, Receipt { by, at, lines })),
                    None => drop(doc.refused.insert(item, by)),
                }
            }
        }
        self.dirty.insert(id);
        Ok(())
    }

    /// Per author and incarnation, the last content that can be vouched for and hasn't been yet.
    fn unacknowledged(&self, doc: &Doc, state: Seen) -> Vec<Line> {
        let me = self.pen.seat;
        let own = doc.receipts.values().filter(|r| r.by == me).flat_map(|r| &r.lines);
        let mut said: BTreeMap<(SeatKey, u64), u64> = BTreeMap::new();
        // Whoever has read has received.
        for line in own.filter(|line| line.state >= state) {
            let last = said.entry((line.author, line.incarnation)).or_default();
            *last = line.seq.max(*last);
        }
        let opened = doc.opened.iter().filter_map(|item| doc.records.get(item)).map(|r| &r.link);
        let mut newest: BTreeMap<(SeatKey, u64), u64> = BTreeMap::new();
        for link in opened.filter(|link| link.seat != me) {
            let last = newest.entry((link.seat, link.incarnation)).or_default();
            *last = link.seq.max(*last);
        }
        let mut lines = Vec::new();
        for ((author, incarnation), newest) in newest {
            let said = said.get(&(author, incarnation)).copied().unwrap_or_default();
            let seq = self.vouched(doc, &author, incarnation, said, newest);
            if seq > said && lines.len() < MAX_LINES {
                lines.push(Line {
                    state,
                    author,
                    incarnation,
                    seq,
                });
            }
        }
        lines
    }

    /// The last content after `from`, up to `to`, before which nothing of this document is missing or closed.
    fn vouched(&self, doc: &Doc, author: &SeatKey, incarnation: u64, from: u64, to: u64) -> u64 {
        let mut vouched = from;
        for seq in from.saturating_add(1)..=to {
            let mut here = self.at(author, incarnation, seq).peekable();
            if here.peek().is_none() {
                return vouched;
            }
            for id in here {
                match doc.records.get(&id).map(|record| record.kind) {
                    Some(Kind::Content | Kind::Deposit) if !doc.opened.contains(&id) => return vouched,
                    Some(Kind::Content | Kind::Deposit) => vouched = seq,
                    _ => {}
                }
            }
        }
        vouched
    }

    /// What a seat signed at this number.
    fn at(&self, seat: &SeatKey, incarnation: u64, seq: u64) -> impl Iterator<Item = ItemId> {
        let place = (incarnation, seq, ItemId::ZERO)..=(incarnation, seq, ItemId([0xff; 32]));
        let links = self.links.get(seat).map(|chain| chain.links.range(place));
        links.into_iter().flatten().map(|((.., id), _)| *id)
    }
}
