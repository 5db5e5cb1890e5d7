//! What a receipt says: "this seat has received, or read, everything by that author in this document, up to here".
//!
//! Sealed under the document's epoch, so only its readers know who read what. Cumulative within one incarnation of the author's seat: an
//! incarnation that isn't named has nothing said about it. A receipt is no content: it supersedes nothing and grants nothing.

use crate::ids::SeatKey;
use crate::wire::{Reader, WireError, Writer, strictly_ascending};

/// Lines in one receipt; what is more goes into the next.
pub const MAX_LINES: usize = 64;

/// How far something has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Seen {
    /// It opened on the reader's machine while the seat was unlocked.
    Received = 1,
    /// A person has looked.
    Read = 2,
}

/// `state u8 ‖ author 32 ‖ incarnation u64 ‖ seq u64`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Line {
    pub state: Seen,
    pub author: SeatKey,
    pub incarnation: u64,
    /// From 1, as envelopes count.
    pub seq: u64,
}

/// The plaintext of a receipt: `list 1..64` of lines, ascending by (state, author, incarnation).
///
/// # Errors
/// None or too many.
pub fn encode(lines: &[Line]) -> Result<Vec<u8>, WireError> {
    let mut w = Writer::new();
    w.u8(lines.len().min(MAX_LINES + 1) as u8);
    for line in lines {
        w.u8(line.state as u8).bytes(&line.author.0).u64(line.incarnation).u64(line.seq);
    }
    let bytes = w.finish();
    decode(&bytes)?;
    Ok(bytes)
}

/// # Errors
/// Not canonical, or out of bounds: its author's doing.
pub fn decode(bytes: &[u8]) -> Result<Vec<Line>, WireError> {
    let mut r = Reader::new(bytes);
    let count = r.count(MAX_LINES, "receipt lines")?;
    if count == 0 {
        return Err(WireError::OutOfBounds("receipt lines"));
    }
    let mut lines = Vec::with_capacity(count);
    for _ in 0..count {
        let state = match r.u8()? {
            1 => Seen::Received,
            2 => Seen::Read,
            _ => return Err(WireError::Unknown("receipt state")),
        };
        let line = Line {
            state,
            author: SeatKey(r.array()?),
            incarnation: r.u64()?,
            seq: r.u64()?,
        };
        if line.seq == 0 {
            return Err(WireError::OutOfBounds("seq"));
        }
        lines.push(line);
    }
    r.end()?;
    let keys: Vec<_> = lines.iter().map(|l| (l.state, l.author, l.incarnation)).collect();
    strictly_ascending(&keys, "receipt lines")?;
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_has_one_form_and_bounds() {
        let line = |n: u8, seq| Line {
            state: if n < 8 { Seen::Received } else { Seen::Read },
            author: SeatKey([n; 32]),
            incarnation: 3,
            seq,
        };
        let lines: Vec<Line> = (1..=MAX_LINES as u8).map(|n| line(n, 9)).collect();
        let bytes = encode(&lines).unwrap();
        assert_eq!(decode(&bytes), Ok(lines.clone()));
        for n in 0..bytes.len() {
            assert!(decode(&bytes[..n]).is_err(), "{n}");
        }
        assert_eq!(decode(&[&bytes[..], &[0]].concat()), Err(WireError::Trailing));
        assert_eq!(encode(&[]), Err(WireError::OutOfBounds("receipt lines")));
        assert_eq!(
            encode(&[&lines[..], &[line(200, 1)]].concat()),
            Err(WireError::OutOfBounds("receipt lines"))
        );
        assert_eq!(encode(&[line(1, 0)]), Err(WireError::OutOfBounds("seq")));
        assert_eq!(encode(&[line(1, 5), line(1, 6)]), Err(WireError::NotCanonical("receipt lines")));
        let mut other = bytes;
        other[1] = 3;
        assert_eq!(decode(&other), Err(WireError::Unknown("receipt state")));
    }
}
