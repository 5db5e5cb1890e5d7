//! The frames of a session, from STATUS on (HELLO is admission's). First byte the type, then its fields; integers are varints
//! unless said otherwise; whatever is left over or unknown is refused.
//!
//! | type | frame | fields |
//! |---|---|---|
//! | 1 | Status | store incarnation 8, salted mark of the set 16, of lane 0 16, count |
//! | 2 | Ranges | pass, scope u8, claims ([`reconcile`](super::reconcile)) |
//! | 3 | Items | items in short form ([`codec`](super::codec)) to the end |
//! | 4 | Part | last u8, bytes of one item, unabridged |
//! | 5 | Ack | items durable so far |
//! | 6 | Done | pass, gives up u8, salted mark of the pass's scope 16, items sent, items durable, Ranges heard |
//! | 7 | Refused | reason u8 |
//!
//! There is no Want frame: what is missing is asked for inside Ranges, as a bitmap over the list that named it.

use super::reconcile::Scope;
use crate::wire::{Reader, WireError, Writer};

/// Longest frame, its type included.
pub const MAX_FRAME: usize = 64 * 1024;

/// Why a session is turned down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Refusal {
    /// The peer broke the protocol.
    Misbehaviour = 1,
    /// The peer's certificate was revoked meanwhile.
    Revoked = 2,
    /// No room on this disk; try later.
    DiskFull = 3,
    /// This node is stopping or too busy; try later.
    Busy = 4,
}

impl Refusal {
    fn from_u8(v: u8) -> Result<Self, WireError> {
        [Self::Misbehaviour, Self::Revoked, Self::DiskFull, Self::Busy]
            .into_iter()
            .find(|reason| *reason as u8 == v)
            .ok_or(WireError::Unknown("refusal"))
    }
}

/// What a side holds when the session begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status {
    /// Changes when a store is created, restored or rebuilt.
    pub store: u64,
    pub all: [u8; 16],
    pub control: [u8; 16],
    pub count: u64,
}

/// "For my part all is settled": what is compared in the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Done {
    pub pass: u64,
    /// The initiator's marks differ from the peer's and it won't open another pass.
    pub gives_up: bool,
    pub mark: [u8; 16],
    pub sent: u64,
    pub durable: u64,
    pub heard: u64,
}

/// A parsed frame; long fields borrow from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Frame<'a> {
    Status(Status),
    Ranges { pass: u64, scope: Scope, claims: &'a [u8] },
    Items(&'a [u8]),
    Part { last: bool, bytes: &'a [u8] },
    Ack { durable: u64 },
    Done(Done),
    Refused(Refusal),
}

impl<'a> Frame<'a> {
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        match self {
            Self::Status(s) => w.u8(1).u64(s.store).bytes(&s.all).bytes(&s.control).varint(s.count),
            Self::Ranges { pass, scope, claims } => w.u8(2).varint(*pass).u8(*scope as u8).bytes(claims),
            Self::Items(bytes) => w.u8(3).bytes(bytes),
            Self::Part { last, bytes } => w.u8(4).u8(u8::from(*last)).bytes(bytes),
            Self::Ack { durable } => w.u8(5).varint(*durable),
            Self::Done(d) => {
                w.u8(6).varint(d.pass).u8(u8::from(d.gives_up)).bytes(&d.mark);
                w.varint(d.sent).varint(d.durable).varint(d.heard)
            }
            Self::Refused(reason) => w.u8(7).u8(*reason as u8),
        };
        w.finish()
    }

    /// # Errors
    /// Longer than [`MAX_FRAME`], unknown, truncated or with bytes left over.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        if bytes.len() > MAX_FRAME {
            return Err(WireError::OutOfBounds("frame"));
        }
        let mut r = Reader::new(bytes);
        let frame = match r.u8()? {
            1 => Self::Status(Status {
                store: r.u64()?,
                all: r.array()?,
                control: r.array()?,
                count: r.varint()?,
            }),
            2 => Self::Ranges {
                pass: r.varint()?,
                scope: match r.u8()? {
                    0 => Scope::Control,
                    1 => Scope::Rest,
                    2 => Scope::All,
                    _ => return Err(WireError::Unknown("scope")),
                },
                claims: r.take(r.rest().len())?,
            },
            3 => Self::Items(r.take(r.rest().len())?),
            4 => Self::Part {
                last: flag(&mut r)?,
                bytes: r.take(r.rest().len())?,
            },
            5 => Self::Ack { durable: r.varint()? },
            6 => Self::Done(Done {
                pass: r.varint()?,
                gives_up: flag(&mut r)?,
                mark: r.array()?,
                sent: r.varint()?,
                durable: r.varint()?,
                heard: r.varint()?,
            }),
            7 => Self::Refused(Refusal::from_u8(r.u8()?)?),
            _ => return Err(WireError::Unknown("frame")),
        };
        r.end()?;
        Ok(frame)
    }
}

fn flag(r: &mut Reader<'_>) -> Result<bool, WireError> {
    match r.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(WireError::Unknown("flag")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::testing::Random;

    #[test]
    fn frames_have_one_form() {
        let status = Status {
            store: 9,
            all: [1; 16],
            control: [2; 16],
            count: 300,
        };
        let done = Done {
            pass: 3,
            gives_up: true,
            mark: [4; 16],
            sent: 500,
            durable: 6,
            heard: 7,
        };
        for frame in [
            Frame::Status(status),
            Frame::Ranges {
                pass: 2,
                scope: Scope::Rest,
                claims: b"claims",
            },
            Frame::Items(b"items"),
            Frame::Part {
                last: true,
                bytes: b"part",
            },
            Frame::Ack { durable: 1_000 },
            Frame::Done(done),
            Frame::Refused(Refusal::DiskFull),
        ] {
            let bytes = frame.encode();
            assert_eq!(Frame::decode(&bytes), Ok(frame));
        }
        assert_eq!(
            Frame::decode(&[Frame::Ack { durable: 1 }.encode(), vec![0]].concat()),
            Err(WireError::Trailing)
        );
        assert_eq!(Frame::decode(&[8, 0]), Err(WireError::Unknown("frame")));
        assert_eq!(Frame::decode(&[]), Err(WireError::Truncated));
        assert_eq!(Frame::decode(&[3; MAX_FRAME + 1]), Err(WireError::OutOfBounds("frame")));
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes() {
        let mut random = Random::new(8);
        for _ in 0..20_000 {
            let n = random.below(60) as usize;
            let mut noise = random.bytes(n + 1);
            noise[0] %= 9;
            if let Ok(frame) = Frame::decode(&noise) {
                assert_eq!(frame.encode(), noise);
            }
        }
    }
}
