//! The first look at a change chunk, with our own parser, before Automerge sees a byte of it.
//!
//! Automerge parses honest changes well. A hostile one of 113 bytes can hold millions of operations (run-length columns), one of
//! 95 bytes can use up a document's operation numbers, a deflated one can inflate without bound, and a foreign `pred` deletes
//! another author's fact. All of these are visible in the raw bytes, so they are refused there: no allocation depends on what a
//! chunk claims, and the work is linear in its length.
//!
//! ```text
//! magic 4 · checksum 4 · type u8 = 1 · length uleb · deps: count uleb, hash 32 each · actor: length uleb, bytes · seq uleb
//! · start_op uleb · timestamp sleb · message: length uleb, bytes · other actors: count uleb, … · columns: count uleb,
//! (spec uleb, length uleb) each · column data · nothing after it
//! ```

use automerge::ChangeHash;
use thiserror::Error;

use crate::wire::{Reader, WireError};

/// Operations in one change.
pub const MAX_OPS: u64 = 10_000;
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// Automerge's chunk type of an uncompressed change.
const CHANGE: u8 = 1;
/// Bit of a column spec: the column is deflated.
const DEFLATED: u64 = 0b1000;
/// Automerge's action number of `put`.
const PUT: u64 = 1;
/// The columns of root puts without predecessors: key string, insert, action, value metadata, value, predecessor count. An object,
/// an element key, a predecessor, a mark would need another column.
const COLUMNS: [u64; 6] = [0x15, 0x34, 0x42, 0x56, 0x57, 0x70];
const ACTION: usize = 2;

/// Why a chunk doesn't reach Automerge. All of these blame its author.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum Preflight {
    /// Truncated, or an integer not in its shortest form.
    #[error("change: {0}")]
    Wire(#[from] WireError),
    /// Doesn't start like an Automerge chunk.
    #[error("not an Automerge chunk")]
    Magic,
    /// A document, a deflated change, a bundle, or unknown.
    #[error("chunk type {0} is not a plain change")]
    ChunkType(u8),
    /// The chunk's length isn't that of its slice, or bytes follow the columns.
    #[error("length does not match")]
    Length,
    /// A column is deflated.
    #[error("deflated column")]
    Deflated,
    /// More than one dependency: not an own-chain change.
    #[error("depends on more than its author's previous change")]
    Deps,
    /// Written as another actor than its author's own in this document, incarnation and lane.
    #[error("written as a foreign actor")]
    Actor,
    /// Names another actor: the way to reach somebody else's facts.
    #[error("names a foreign actor")]
    OtherActors,
    /// Operation numbers start at 1 and stay within 32 bits.
    #[error("operation numbers out of bounds")]
    StartOp,
    /// Automerge's wall clock is not used.
    #[error("carries a timestamp")]
    Timestamp,
    /// Automerge's commit message is not used.
    #[error("carries a message")]
    Message,
    /// Other columns than those of root puts without predecessors.
    #[error("columns are not those of facts")]
    Columns,
    /// An action other than put.
    #[error("does something else than putting facts")]
    Action,
    /// No operation, or more than [`MAX_OPS`].
    #[error("number of operations out of bounds")]
    Ops,
}

/// What the raw bytes of a chunk say, once they have been found harmless.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outline {
    /// The previous change of this actor; `None` for its first.
    pub prev: Option<ChangeHash>,
    /// Place in the actor's chain, from 1.
    pub seq: u64,
    /// Number of the first operation, from 1.
    pub start_op: u64,
    /// Operations, 1..=[`MAX_OPS`].
    pub ops: u64,
}

/// Checks a chunk that must be an own-chain change of `actor`, in time linear in its length and without allocating.
pub fn outline(chunk: &[u8], actor: &[u8; 16]) -> Result<Outline, Preflight> {
    let mut r = Reader::new(chunk);
    if r.array()? != MAGIC {
        return Err(Preflight::Magic);
    }
    let _checksum: [u8; 4] = r.array()?;
    match r.u8()? {
        CHANGE => {}
        other => return Err(Preflight::ChunkType(other)),
    }
    if r.varint()? != r.rest().len() as u64 {
        return Err(Preflight::Length);
    }
    let prev = match r.varint()? {
        0 => None,
        1 => Some(ChangeHash(r.array()?)),
        _ => return Err(Preflight::Deps),
    };
    if r.varint()? != actor.len() as u64 || r.take(actor.len())? != actor {
        return Err(Preflight::Actor);
    }
    let (seq, start_op) = (r.varint()?, r.varint()?);
    if r.u8()? != 0 {
        return Err(Preflight::Timestamp);
    }
    if r.u8()? != 0 {
        return Err(Preflight::Message);
    }
    if r.u8()? != 0 {
        return Err(Preflight::OtherActors);
    }
    let ops = operations(columns(&mut r)?)?;
    if start_op == 0 || start_op > u64::from(u32::MAX) - ops {
        return Err(Preflight::StartOp);
    }
    Ok(Outline { prev, seq, start_op, ops })
}

/// Reads column headers and gives the action column's bytes; the columns must fill the rest exactly.
fn columns<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], Preflight> {
    let count = r.varint()?;
    let mut lengths = [0usize; COLUMNS.len()];
    let mut expected = true;
    for i in 0..count {
        let (spec, len) = (r.varint()?, r.varint()?);
        if spec & DEFLATED != 0 {
            return Err(Preflight::Deflated);
        }
        match usize::try_from(i).ok().filter(|i| COLUMNS.get(*i) == Some(&spec)) {
            Some(i) => lengths[i] = usize::try_from(len).map_err(|_| Preflight::Length)?,
            None => expected = false,
        }
    }
    if !expected || count != COLUMNS.len() as u64 {
        return Err(Preflight::Columns);
    }
    let mut action: &[u8] = &[];
    for (i, len) in lengths.into_iter().enumerate() {
        let data = r.take(len).map_err(|_| Preflight::Length)?;
        if i == ACTION {
            action = data;
        }
    }
    if r.rest().is_empty() { Ok(action) } else { Err(Preflight::Length) }
}

/// Σ run lengths of the action column, every one of them a put.
fn operations(column: &[u8]) -> Result<u64, Preflight> {
    let mut r = Reader::new(column);
    let mut total = 0u64;
    while !r.rest().is_empty() {
        let run = signed(&mut r)?;
        total = total.saturating_add(run.unsigned_abs());
        if total > MAX_OPS {
            return Err(Preflight::Ops);
        }
        // Positive: one value, repeated. Negative: that many values. Zero: a run of nulls, which no operation has.
        let values = match run {
            0 => return Err(Preflight::Action),
            1.. => 1,
            _ => run.unsigned_abs(),
        };
        for _ in 0..values {
            if r.varint()? != PUT {
                return Err(Preflight::Action);
            }
        }
    }
    if total == 0 { Err(Preflight::Ops) } else { Ok(total) }
}

/// Signed LEB128; longer than the shortest form is refused.
fn signed(r: &mut Reader<'_>) -> Result<i64, WireError> {
    let mut v = 0i64;
    let mut before = 0u8;
    for shift in (0..64).step_by(7) {
        let b = r.u8()?;
        v |= i64::from(b & 0x7f) << shift;
        if b & 0x80 == 0 {
            if shift == 63 && b != 0 && b != 0x7f {
                return Err(WireError::OutOfBounds("signed varint"));
            }
            if shift > 0 && (b == 0 && before & 0x40 == 0 || b == 0x7f && before & 0x40 != 0) {
                return Err(WireError::NotCanonical("signed varint"));
            }
            if shift < 57 && b & 0x40 != 0 {
                v |= -1 << (shift + 7);
            }
            return Ok(v);
        }
        before = b;
    }
    Err(WireError::OutOfBounds("signed varint"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_varints_have_one_form() {
        for (bytes, v) in [
            (&[0][..], 0),
            (&[0x7f], -1),
            (&[0x3f], 63),
            (&[0x40], -64),
            (&[0x80, 1], 128),
            (&[0xff, 0x3f], 8191),
            (&[0x80, 0x40], -8192),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0], i64::MAX),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f], i64::MIN),
        ] {
            let mut r = Reader::new(bytes);
            assert_eq!(signed(&mut r), Ok(v), "{bytes:x?}");
            r.end().unwrap();
        }
        for bytes in [&[0xbf, 0][..], &[0x81, 0xff, 0x7f], &[0x80, 0], &[0xff, 0x7f]] {
            assert_eq!(
                signed(&mut Reader::new(bytes)),
                Err(WireError::NotCanonical("signed varint")),
                "{bytes:x?}"
            );
        }
        for bytes in [[0xff; 11], [0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 1, 0]] {
            assert_eq!(signed(&mut Reader::new(&bytes)), Err(WireError::OutOfBounds("signed varint")));
        }
    }

    #[test]
    fn runs_are_added_without_overflow_and_without_walking_them() {
        assert_eq!(operations(&[0x7f, 1]), Ok(1));
        assert_eq!(operations(&[5, 1, 0x7e, 1, 1]), Ok(7));
        let huge = [&[0xff; 9][..], &[0, 1]].concat();
        assert_eq!(operations(&huge), Err(Preflight::Ops));
        assert_eq!(operations(&huge.repeat(3)), Err(Preflight::Ops));
        let lowest = [&[0x80; 9][..], &[0x7f]].concat();
        assert_eq!(operations(&lowest), Err(Preflight::Ops), "|i64::MIN| doesn't overflow");
        assert_eq!(operations(&[]), Err(Preflight::Ops));
        assert_eq!(operations(&[0, 5]), Err(Preflight::Action), "nulls");
        assert_eq!(operations(&[3, 3]), Err(Preflight::Action), "deletes");
    }
}
