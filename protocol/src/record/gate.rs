//! The Automerge gate: the only way from a decrypted body to a document, in one mandatory order.
//!
//! 1. The payload splits within bounds.
//! 2. Every chunk passes [`preflight`] on raw bytes.
//! 3. The first chunk's predecessor is known, or the envelope waits (and holds up its own author only).
//! 4. Automerge decodes, inside `catch_unwind`.
//! 5. Every operation puts bytes under the root with the one key its place and content give.
//! 6. Encoding the same facts again gives the same bytes: what passes is exactly what an honest author's Automerge would write.
//!
//! The verdict depends on bytes, header and the author's own earlier changes, never on the order in which envelopes arrive. Never
//! load a document chunk, a bundle or a sync message from a peer: nothing here does.

use automerge::legacy::{Key, ObjectId, OpType};
use automerge::{Change, ChangeHash, ScalarValue};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use thiserror::Error;

use super::chain::encode;
use super::fact::{Actor, FactBody, actor_id, fact_id, fact_key};
use super::payload::{self, PayloadError};
use super::preflight::{self, Outline, Preflight};
use crate::envelope::{Envelope, Lane};
use crate::ids::{DocId, FactId, Hlc, ItemId, SeatKey};
use crate::wire::WireError;

/// Envelopes of one author that may wait in a document at a time: 80 bytes each, no content. What arrives beyond is not remembered
/// and comes in when the document is opened again.
pub const MAX_WAITING: usize = 4096;

/// What the gate needs of an envelope's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    pub author: SeatKey,
    pub doc: DocId,
    pub incarnation: u64,
    pub lane: Lane,
    pub envelope: ItemId,
    pub hlc: Hlc,
}

impl From<&Envelope> for Arrival {
    fn from(envelope: &Envelope) -> Self {
        let h = &envelope.header;
        Self {
            author: h.seat,
            doc: h.doc,
            incarnation: h.incarnation,
            lane: h.lane,
            envelope: envelope.id(),
            hlc: h.hlc,
        }
    }
}

impl Arrival {
    pub(super) fn actor(&self) -> Actor {
        actor_id(&self.author, &self.doc, self.incarnation, self.lane)
    }
}

/// Why an envelope's content is invalid. Final, the same on every replica, and its author's doing.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum Refusal {
    /// The envelope belongs to another document.
    #[error("belongs to another document")]
    OtherDocument,
    /// The payload doesn't split into chunks.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// A chunk is refused on its raw bytes.
    #[error(transparent)]
    Preflight(#[from] Preflight),
    /// A change doesn't go on where its predecessor ends: sequence or operation numbers, or the order within the payload.
    #[error("does not continue its chain")]
    Chain,
    /// Automerge can't read the change.
    #[error("not readable by Automerge")]
    Undecodable,
    /// Automerge panicked on the change: contained here, its author is to be flagged.
    #[error("made the decoder panic")]
    Panicked,
    /// An operation is something else than a root put of bytes under its own key.
    #[error("an operation is not a fact")]
    NotAFact,
    /// A fact's bytes are not a fact's.
    #[error("fact: {0}")]
    Fact(WireError),
    /// The change could be written another way.
    #[error("change is not canonical")]
    NotCanonical,
}

/// What became of an envelope at the gate.
#[derive(Debug)]
pub enum Verdict {
    /// Goes to [`super::Document::fold`].
    Admitted(Admitted),
    /// Invalid for ever. It stays in the set, without effect.
    Refused(Refusal),
    /// Its author's previous change hasn't come yet: offer it again when [`Gate::offer`] says so.
    Waiting(ChangeHash),
}

/// Changes that passed. Made by the gate only.
pub struct Admitted {
    pub(super) arrival: Arrival,
    pub(super) actor: Actor,
    pub(super) changes: Vec<AdmittedChange>,
}

/// One change with its facts already read.
pub(super) struct AdmittedChange {
    pub(super) change: Change,
    pub(super) prev: Option<ChangeHash>,
    pub(super) after: Link,
    pub(super) facts: Vec<AdmittedFact>,
}

pub(super) struct AdmittedFact {
    pub(super) id: FactId,
    pub(super) key: String,
    pub(super) fact: FactBody,
}

impl AdmittedFact {
    /// The bytes Automerge holds.
    pub(super) fn value(&self) -> Vec<u8> {
        self.fact.encode().expect("decoded from bytes within the same bounds")
    }
}

/// Shows counts, never contents.
impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}: {} changes]", self.arrival.envelope, self.changes.len())
    }
}

impl Admitted {
    pub fn envelope(&self) -> ItemId {
        self.arrival.envelope
    }

    pub fn author(&self) -> SeatKey {
        self.arrival.author
    }
}

/// Where a chain stands behind one of its changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Link {
    /// Changes so far.
    pub(super) seq: u64,
    /// Operations so far.
    pub(super) ops: u64,
}

impl Link {
    pub(super) const START: Self = Self { seq: 0, ops: 0 };

    pub(super) fn after(self, ops: u64) -> Self {
        Self {
            seq: self.seq + 1,
            ops: self.ops + ops,
        }
    }
}

/// The changes admitted of one author in one document, incarnation and lane. Where the author forked, a tree.
#[derive(Clone, Default, Debug)]
pub(super) struct Chain(BTreeMap<ChangeHash, Link>);

impl Chain {
    fn link(&self, prev: Option<ChangeHash>) -> Option<Link> {
        prev.map_or(Some(Link::START), |hash| self.0.get(&hash).copied())
    }

    fn extend(&mut self, admitted: &Admitted) {
        self.0.extend(admitted.changes.iter().map(|c| (c.change.hash(), c.after)));
    }
}

/// Judges one decrypted body: a function of bytes alone. `chain` is what has been admitted so far of the same author, document, incarnation and lane.
pub(super) fn admit(arrival: &Arrival, plaintext: &[u8], chain: &Chain) -> Verdict {
    match judge(arrival, plaintext, chain) {
        Ok(verdict) => verdict,
        Err(refusal) => Verdict::Refused(refusal),
    }
}

fn judge(arrival: &Arrival, plaintext: &[u8], chain: &Chain) -> Result<Verdict, Refusal> {
    let actor = arrival.actor();
    let chunks = payload::decode(plaintext)?;
    let outlines = chunks
        .iter()
        .map(|chunk| preflight::outline(chunk, &actor))
        .collect::<Result<Vec<_>, _>>()?;
    let mut prev = outlines.first().and_then(|o| o.prev);
    let Some(mut at) = chain.link(prev) else {
        return Ok(Verdict::Waiting(prev.expect("only a named predecessor can be missing")));
    };
    let mut changes = Vec::with_capacity(chunks.len());
    for (chunk, outline) in chunks.iter().zip(&outlines) {
        if outline.prev != prev || outline.seq != at.seq + 1 || outline.start_op != at.ops + 1 {
            return Err(Refusal::Chain);
        }
        let change = catch_unwind(AssertUnwindSafe(|| read(arrival, &actor, chunk, outline, at))).unwrap_or(Err(Refusal::Panicked))?;
        (prev, at) = (Some(change.change.hash()), change.after);
        changes.push(change);
    }
    Ok(Verdict::Admitted(Admitted {
        arrival: *arrival,
        actor,
        changes,
    }))
}

/// Steps 4 to 6 for one chunk.
fn read(arrival: &Arrival, actor: &Actor, chunk: &[u8], outline: &Outline, at: Link) -> Result<AdmittedChange, Refusal> {
    let change = Change::try_from(chunk).map_err(|_| Refusal::Undecodable)?;
    #[cfg(test)]
    super::testing::panic_if_marked(super::testing::Stage::Decode, [change.hash()]);
    if change.len() as u64 != outline.ops {
        return Err(Refusal::NotCanonical);
    }
    let mut facts = Vec::with_capacity(change.len());
    let mut entries = Vec::with_capacity(change.len());
    for (op, number) in change.decode().operations.into_iter().zip(outline.start_op..) {
        let (OpType::Put(ScalarValue::Bytes(value)), ObjectId::Root, Key::Map(key)) = (op.action, op.obj, op.key) else {
            return Err(Refusal::NotAFact);
        };
        if op.insert || !op.pred.is_empty() || key.as_str() != fact_key(actor, number, &value) {
            return Err(Refusal::NotAFact);
        }
        facts.push(AdmittedFact {
            id: fact_id(&arrival.author, &arrival.doc, &key),
            key: key.to_string(),
            fact: FactBody::decode(&value).map_err(Refusal::Fact)?,
        });
        entries.push((key.to_string(), value));
    }
    if encode(actor, outline.prev, at, entries.into_iter()).raw_bytes() != chunk {
        return Err(Refusal::NotCanonical);
    }
    Ok(AdmittedChange {
        change,
        prev: outline.prev,
        after: at.after(outline.ops),
        facts,
    })
}

/// The gate of one document: knows every author's chains, and who waits for what.
#[derive(Debug)]
pub struct Gate {
    doc: DocId,
    chains: BTreeMap<Actor, Chain>,
    waiting: BTreeMap<(Actor, ChangeHash), Vec<ItemId>>,
    waiting_by_author: BTreeMap<SeatKey, usize>,
}

impl Gate {
    pub fn new(doc: DocId) -> Self {
        Self {
            doc,
            chains: BTreeMap::new(),
            waiting: BTreeMap::new(),
            waiting_by_author: BTreeMap::new(),
        }
    }

    /// Judges one decrypted body, and names the envelopes that waited for what it brought: open and offer those next. A waiting
    /// envelope's content is not kept.
    pub fn offer(&mut self, arrival: &Arrival, plaintext: &[u8]) -> (Verdict, Vec<ItemId>) {
        if arrival.doc != self.doc {
            return (Verdict::Refused(Refusal::OtherDocument), Vec::new());
        }
        let actor = arrival.actor();
        let verdict = self.chains.get(&actor).map_or_else(
            || admit(arrival, plaintext, &Chain::default()),
            |chain| admit(arrival, plaintext, chain),
        );
        let mut released = Vec::new();
        match &verdict {
            Verdict::Admitted(admitted) => {
                self.chains.entry(actor).or_default().extend(admitted);
                for change in &admitted.changes {
                    released.extend(self.waiting.remove(&(actor, change.change.hash())).unwrap_or_default());
                }
                if let Some(count) = self.waiting_by_author.get_mut(&arrival.author) {
                    *count = count.saturating_sub(released.len());
                }
            }
            Verdict::Waiting(prev) => self.wait(arrival, actor, *prev),
            Verdict::Refused(_) => {}
        }
        (verdict, released)
    }

    /// Envelopes that wait for a predecessor.
    pub fn waiting(&self) -> impl Iterator<Item = ItemId> {
        self.waiting.values().flatten().copied()
    }

    fn wait(&mut self, arrival: &Arrival, actor: Actor, prev: ChangeHash) {
        let count = self.waiting_by_author.entry(arrival.author).or_default();
        let ids = self.waiting.entry((actor, prev)).or_default();
        if !ids.contains(&arrival.envelope) && *count < MAX_WAITING {
            ids.push(arrival.envelope);
            *count += 1;
        }
        if ids.is_empty() {
            self.waiting.remove(&(actor, prev));
        }
    }
}
