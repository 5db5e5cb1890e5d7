//! Statements over one link: a mark of each side's book; if they differ, a list of marks holder by holder; then what the other lacks.
//! Afterwards what changes is pushed.
//!
//! Invariants: each side marks and lists once per link; everything that waits for a link is bounded, and what finds no room is found by
//! the next meeting's marks.

use std::collections::BTreeSet;

use super::book::{Book, HolderMark, MAX_HOLDERS};
use super::statement::{Held, MAX_STATEMENT};
use crate::ids::{NodeKey, SeatKey};
use crate::wire::{Reader, WireError, Writer, strictly_ascending};

/// Statements that wait for one link.
const MAX_DUE: usize = 4_096;
/// Bytes of statements in a frame.
const MAX_STATEMENTS_BYTES: usize = 16 * 1024;

/// The frames of this exchange. Types go on where the session's end.
///
/// | type | frame | fields |
/// |---|---|---|
/// | 8 | Mark | salted mark of the book 8 |
/// | 9 | List | (holder 32, greatest revision u64, salted mark 8), ascending, to the end |
/// | 10 | Statements | one or more [`Held`], to the end |
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Frame {
    Mark([u8; 8]),
    List(Vec<HolderMark>),
    Statements(Vec<Held>),
}

impl Frame {
    /// True iff this exchange understands a frame that begins so.
    pub(super) fn is_one(first: Option<&u8>) -> bool {
        first.is_some_and(|t| (8..=10).contains(t))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        match self {
            Self::Mark(mark) => drop(w.u8(8).bytes(mark)),
            Self::List(holders) => {
                w.u8(9);
                for h in holders {
                    w.bytes(&h.holder.0).u64(h.newest).bytes(&h.mark);
                }
            }
            Self::Statements(all) => {
                w.u8(10);
                for held in all {
                    w.bytes(&held.to_bytes());
                }
            }
        }
        w.finish()
    }

    /// # Errors
    /// Malformed or longer than an honest side writes it.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let frame = match r.u8()? {
            8 => Self::Mark(r.array()?),
            9 => {
                let mut holders = Vec::new();
                while !r.rest().is_empty() {
                    if holders.len() == MAX_HOLDERS {
                        return Err(WireError::OutOfBounds("holders"));
                    }
                    holders.push(HolderMark {
                        holder: NodeKey(r.array()?),
                        newest: r.u64()?,
                        mark: r.array()?,
                    });
                }
                let keys: Vec<NodeKey> = holders.iter().map(|h| h.holder).collect();
                strictly_ascending(&keys, "holders")?;
                Self::List(holders)
            }
            10 => {
                if bytes.len() > 1 + MAX_STATEMENTS_BYTES {
                    return Err(WireError::OutOfBounds("statements"));
                }
                let mut all = vec![Held::read(&mut r)?];
                while !r.rest().is_empty() {
                    all.push(Held::read(&mut r)?);
                }
                Self::Statements(all)
            }
            _ => return Err(WireError::Unknown("frame")),
        };
        r.end()?;
        Ok(frame)
    }
}

/// One side of one link.
pub(super) struct Gossip {
    salt: [u8; 32],
    /// From here on changes are pushed.
    begun: bool,
    ours: Option<[u8; 8]>,
    theirs: Option<[u8; 8]>,
    list_due: bool,
    list_heard: bool,
    due: BTreeSet<(NodeKey, SeatKey)>,
}

impl Gossip {
    pub(super) fn new(salt: [u8; 32]) -> Self {
        Self {
            salt,
            begun: false,
            ours: None,
            theirs: None,
            list_due: false,
            list_heard: false,
            due: BTreeSet::new(),
        }
    }

    /// Both sides know the same certificates, or as good as: statements make sense now.
    pub(super) fn begin(&mut self) {
        self.begun = true;
    }

    pub(super) fn push(&mut self, holder: NodeKey, author: SeatKey) {
        if self.ours.is_some() && self.due.len() < MAX_DUE {
            self.due.insert((holder, author));
        }
    }

    /// The other side has it.
    pub(super) fn withdraw(&mut self, holder: NodeKey, author: SeatKey) {
        self.due.remove(&(holder, author));
    }

    /// # Errors
    /// A second mark.
    pub(super) fn on_mark(&mut self, mark: [u8; 8]) -> Result<(), &'static str> {
        if self.theirs.replace(mark).is_some() {
            return Err("a second mark of statements");
        }
        self.compare();
        Ok(())
    }

    /// Of holders whom we know better, what was said since; where both know the same latest word and not the same, everything.
    ///
    /// # Errors
    /// A second list, or one before the marks were found to differ.
    pub(super) fn on_list(&mut self, list: &[HolderMark], book: &Book) -> Result<(), &'static str> {
        let differ = self.theirs.is_some() && self.ours.is_some() && self.ours != self.theirs;
        if !differ || std::mem::replace(&mut self.list_heard, true) {
            return Err("a list of statements out of turn");
        }
        let salt = self.salt;
        for ours in book.marks(&salt) {
            let theirs = list.binary_search_by_key(&ours.holder, |h| h.holder).ok().map(|at| list[at]);
            let since = match theirs {
                Some(theirs) if theirs == ours || theirs.newest > ours.newest => continue,
                Some(theirs) if theirs.newest < ours.newest => theirs.newest + 1,
                _ => 0,
            };
            for held in book.by(&ours.holder).filter(|held| held.revision >= since) {
                self.push(held.holder, held.author);
            }
        }
        Ok(())
    }

    pub(super) fn has_something(&self) -> bool {
        self.begun && (self.ours.is_none() || self.list_due || !self.due.is_empty())
    }

    pub(super) fn next_frame(&mut self, book: &Book) -> Option<Frame> {
        if !self.begun {
            return None;
        }
        if self.ours.is_none() {
            let mark = book.mark(&self.salt);
            self.ours = Some(mark);
            self.compare();
            return Some(Frame::Mark(mark));
        }
        if std::mem::take(&mut self.list_due) {
            return Some(Frame::List(book.marks(&self.salt).collect()));
        }
        let mut waiting: Vec<&Held> = self.due.iter().filter_map(|(h, a)| book.get(h, a)).collect();
        if waiting.is_empty() {
            self.due.clear();
            return None;
        }
        // In the order in which they were said: a link that dies leaves no gap behind what it brought.
        waiting.sort_by_key(|held| (held.revision, held.holder));
        waiting.truncate(MAX_STATEMENTS_BYTES / MAX_STATEMENT);
        let now: Vec<Held> = waiting.into_iter().cloned().collect();
        for held in &now {
            self.withdraw(held.holder, held.author);
        }
        Some(Frame::Statements(now))
    }

    fn compare(&mut self) {
        if let (Some(ours), Some(theirs)) = (self.ours, self.theirs) {
            self.list_due |= ours != theirs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn what_decodes_encodes_to_the_same_bytes() {
        let mut random = Random::new(9);
        let (mut marks, mut lists) = (0, 0);
        for _ in 0..20_000 {
            let mut noise = vec![8 + random.below(3) as u8];
            let len = [8, 48, 96, 137, 169][random.below(5) as usize];
            noise.extend((0..len).map(|_| random.next() as u8));
            if noise[0] == 10 && len >= 137 {
                noise[73] = (len - 137) as u8 / 32;
            }
            if let Ok(frame) = Frame::decode(&noise) {
                assert_eq!(frame.encode(), noise);
                marks += usize::from(matches!(frame, Frame::Mark(_)));
                lists += usize::from(matches!(frame, Frame::List(_)));
            }
        }
        assert!(marks > 100 && lists > 100);
        assert_eq!(Frame::decode(&[10]), Err(WireError::Truncated));
        assert_eq!(Frame::decode(&[9]), Ok(Frame::List(Vec::new())));
        assert_eq!(Frame::decode(&[8; 10]), Err(WireError::Trailing));
        assert_eq!(Frame::decode(&[11, 0]), Err(WireError::Unknown("frame")));
        let mut long = vec![9];
        for n in 0..=MAX_HOLDERS as u32 {
            long.extend([&n.to_be_bytes()[..], &[0; 44]].concat());
        }
        assert_eq!(Frame::decode(&long), Err(WireError::OutOfBounds("holders")));
    }
}
