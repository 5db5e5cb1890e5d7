//! Writing: an author's own chain of changes in one document.
//!
//! Automerge encodes each change; all it needs of the past is the previous change's hash, the sequence number and the next
//! operation number, because a chain depends on nothing but itself. Each process start is a new incarnation and so a new actor
//! with no dependency: nothing has to be read back before writing.

use automerge::legacy::{Key, ObjectId, Op, OpType, SortedVec};
use automerge::{ActorId, Change, ChangeHash, ExpandedChange, ScalarValue};
use std::num::NonZeroU64;
use thiserror::Error;

use super::fact::{Actor, FactBody, actor_id, fact_id, fact_key};
use super::gate::Link;
use super::payload;
use super::preflight::MAX_OPS;
use crate::envelope::Lane;
use crate::ids::{DocId, FactId, SeatKey};
use crate::wire::WireError;

/// Where one author stands in one document, incarnation and lane.
#[derive(Clone, Debug)]
pub struct OwnChain {
    author: SeatKey,
    doc: DocId,
    actor: Actor,
    prev: Option<ChangeHash>,
    at: Link,
}

/// A change that is ready to be sealed.
#[derive(Clone)]
pub struct Written {
    /// The change chunk, for [`payload::encode`].
    pub chunk: Vec<u8>,
    /// The ids of its facts, in the order they were given.
    pub facts: Vec<FactId>,
    hash: ChangeHash,
    after: Link,
}

/// Why facts can't be written as one change. Nothing has changed.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum WriteError {
    /// A fact is out of its bounds.
    #[error(transparent)]
    Fact(#[from] WireError),
    /// No fact, or more facts or bytes than one change holds: write several.
    #[error("a change holds 1..=10,000 facts and at most 1 MiB")]
    Size,
    /// The chain has used up its operation numbers: start a new incarnation.
    #[error("chain is full")]
    Full,
}

impl OwnChain {
    /// The start of a chain: `incarnation` must be fresh.
    pub fn new(author: SeatKey, doc: DocId, incarnation: u64, lane: Lane) -> Self {
        Self {
            author,
            doc,
            actor: actor_id(&author, &doc, incarnation, lane),
            prev: None,
            at: Link::START,
        }
    }

    /// The next change, holding `facts`. The chain moves only with [`Self::advance`], once the envelope is durable.
    ///
    /// Whether it fits one envelope shows in [`payload::encode`]; where it doesn't, write fewer facts at a time.
    ///
    /// # Errors
    /// A fact or their sum is out of bounds.
    pub fn next(&self, facts: &[FactBody]) -> Result<Written, WriteError> {
        let values = facts.iter().map(FactBody::encode).collect::<Result<Vec<_>, _>>()?;
        let ops = values.len() as u64;
        if ops == 0 || ops > MAX_OPS || values.iter().map(Vec::len).sum::<usize>() > payload::MAX_INFLATED - 64 * values.len() - 1024 {
            return Err(WriteError::Size);
        }
        if self.at.ops + ops >= u64::from(u32::MAX) {
            return Err(WriteError::Full);
        }
        let keys: Vec<String> = (self.at.ops + 1..)
            .zip(&values)
            .map(|(op, value)| fact_key(&self.actor, op, value))
            .collect();
        let facts = keys.iter().map(|key| fact_id(&self.author, &self.doc, key)).collect();
        let change = encode(&self.actor, self.prev, self.at, keys.into_iter().zip(values));
        Ok(Written {
            facts,
            hash: change.hash(),
            after: self.at.after(ops),
            chunk: change.raw_bytes().to_vec(),
        })
    }

    /// Goes on behind `written`.
    pub fn advance(&mut self, written: &Written) {
        self.prev = Some(written.hash);
        self.at = written.after;
    }
}

/// The one encoding of a change of `actor` behind `prev` at `at` that puts `entries`: Automerge's own.
pub(super) fn encode(actor: &Actor, prev: Option<ChangeHash>, at: Link, entries: impl Iterator<Item = (String, Vec<u8>)>) -> Change {
    let operations = entries
        .map(|(key, value)| Op {
            action: OpType::Put(ScalarValue::Bytes(value)),
            obj: ObjectId::Root,
            key: Key::Map(key.into()),
            pred: SortedVec::new(),
            insert: false,
        })
        .collect();
    Change::from(ExpandedChange {
        operations,
        actor_id: ActorId::from(actor),
        hash: None,
        seq: at.seq + 1,
        start_op: NonZeroU64::MIN.saturating_add(at.ops),
        time: 0,
        message: None,
        deps: prev.into_iter().collect(),
        extra_bytes: Vec::new(),
        author: None,
    })
}
