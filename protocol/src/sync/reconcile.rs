//! Range-based reconciliation of one flat, ordered set: claims about ranges go back and forth until no range is disputed.
//!
//! Each claim is about one range of order keys: its fingerprint, the short ids of everything in it, or which ids of the peer's
//! list are missing here. An answer is computed from the claims and the index alone, nothing is remembered between messages, so
//! both sets may change at any moment. What is salted (marks and short ids) can't be prepared to collide; a short id that collides
//! by chance hides an item for one pass, the roots then differ and the next pass has another salt.
//!
//! Wire form of a message: claims in ascending order of their upper bound, each range beginning where the last one ended (the
//! first at the bottom of the set). A claim is one byte (kind in the top two bits, length of the prefix that its bound shares with
//! the last bound in the others), the number of further bytes of the bound, these bytes (zeros follow), then what it claims.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::crypto::{context, derive};
use crate::ids::ItemId;
use crate::store::{Fingerprint, OrderKey, Ordered, Packed, StoreError, Walk};
use crate::wire::{Reader, WireError, Writer};

/// Longest message in bytes; what doesn't fit is claimed again as one range and settled in the next round.
pub const MAX_MESSAGE: usize = 16 * 1024 - 16;
/// Longest list in a message, and longest answer to one in bits.
const MAX_LISTED: usize = MAX_MESSAGE / 8;
/// A range of up to this many items is listed, a longer one is split.
const LIST: usize = 96;
/// Ranges that an older disputed range is split into.
const FANOUT: usize = 16;
/// The newest items of a lane that an opening lists at once.
const NEWEST: usize = 10;
/// Each range of an opening is this many times longer than the next newer one.
const GROWTH: usize = 5;
/// A disputed range up to this long whose newer neighbour is disputed too is taken for the edge of what is new: it is split like an
/// opening, fine at its newer end.
const EDGE: usize = 512;
/// Listed at once at that edge: beyond it the peer probably holds less, and its list is the cheaper one.
const EDGE_LIST: usize = 64;
/// Longest claim of an own answer: bound, count and a full list.
const LONGEST: usize = 43 + 3 + LIST * 8;

/// The session's secret for comparisons, changed in each pass.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt {
    key: [u8; 32],
    /// All ones except in tests of collisions.
    mask: u64,
}

impl Salt {
    /// Both sides contribute 32 random bytes: neither can prepare collisions alone.
    pub fn agree(initiator: &[u8; 32], responder: &[u8; 32]) -> Self {
        Self {
            key: derive(context::SHORT_ID, &[initiator, responder]),
            mask: u64::MAX,
        }
    }

    /// The salt of one pass.
    pub fn of_pass(&self, pass: u64) -> Self {
        Self {
            key: self.hash(&pass.to_be_bytes()),
            mask: if pass > 1 { u64::MAX } else { self.mask },
        }
    }

    #[cfg(test)]
    pub(super) fn weak(mask: u64) -> Self {
        Self { key: [7; 32], mask }
    }

    /// The three messages differ in length (8, 32 and 40 bytes): one is never taken for another.
    fn hash(&self, message: &[u8]) -> [u8; 32] {
        *blake3::keyed_hash(&self.key, message).as_bytes()
    }

    pub fn short(&self, id: &ItemId) -> u64 {
        u64::from_be_bytes(self.hash(&id.0)[..8].try_into().expect("eight of 32 bytes")) & self.mask
    }

    /// What goes on the wire for a fingerprint.
    pub fn mark(&self, print: &Fingerprint) -> [u8; 16] {
        self.hash(&print.to_bytes())[..16].try_into().expect("16 of 32 bytes")
    }

    /// Names a list, so that a bitmap is never applied to another one.
    fn digest(&self, shorts: &[u64]) -> [u8; 8] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(b"list");
        for short in shorts {
            hasher.update(&short.to_be_bytes());
        }
        hasher.finalize().as_bytes()[..8].try_into().expect("eight of 32 bytes")
    }
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[salt]")
    }
}

/// What one side says about one range.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Claim {
    /// Nothing: the range isn't disputed.
    Skip,
    /// All I have in it, as one mark.
    Mark([u8; 16]),
    /// All I have in it, one short id each.
    List(Vec<u64>),
    /// Of the list that you sent with this digest, the items whose bits are set are missing here. Low bit first.
    Missing { digest: [u8; 8], bits: Vec<u8> },
}

/// Writes claims over a sequence of ranges.
struct Claims {
    w: Writer,
    len: usize,
    /// Upper bound of the last claim.
    at: Packed,
    /// Whether a claim was made that wants an answer.
    asks: bool,
}

impl Claims {
    fn new() -> Self {
        Self {
            w: Writer::new(),
            len: 0,
            at: OrderKey::MIN.to_bytes(),
            asks: false,
        }
    }

    /// `from` must not lie below the last upper bound, `to` above `from`.
    fn push(&mut self, from: &OrderKey, to: &OrderKey, claim: &Claim) {
        if from.to_bytes() > self.at {
            self.put(from, &Claim::Skip);
        }
        self.put(to, claim);
    }

    fn put(&mut self, to: &OrderKey, claim: &Claim) {
        let to = to.to_bytes();
        debug_assert!(to > self.at, "claims ascend");
        let shared = shared_prefix(&self.at, &to);
        let end = to.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        let tag = match claim {
            Claim::Skip => 0,
            Claim::Mark(_) => 1,
            Claim::List(_) => 2,
            Claim::Missing { .. } => 3,
        };
        self.w.u8(tag << 6 | shared as u8).u8((end - shared) as u8).bytes(&to[shared..end]);
        self.len += 2 + end - shared;
        self.len += match claim {
            Claim::Skip => 0,
            Claim::Mark(mark) => {
                self.w.bytes(mark);
                self.asks = true;
                16
            }
            Claim::List(shorts) => {
                self.w.varint(shorts.len() as u64);
                for short in shorts {
                    self.w.u64(*short);
                }
                self.asks = true;
                3 + shorts.len() * 8
            }
            Claim::Missing { digest, bits } => {
                self.w.bytes(digest).varint(bits.len() as u64).bytes(bits);
                8 + 2 + bits.len()
            }
        };
        self.at = to;
    }
}

fn shared_prefix(a: &Packed, b: &Packed) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// The shortest bound above `below` and not above `first`.
fn separator(below: &OrderKey, first: &OrderKey) -> OrderKey {
    let (below, first) = (below.to_bytes(), first.to_bytes());
    let keep = shared_prefix(&below, &first) + 1;
    let mut out = [0; 41];
    out[..keep].copy_from_slice(&first[..keep]);
    OrderKey::from_bytes(&out)
}

/// A peer's claims, each with its range's upper bound.
#[derive(Debug)]
pub struct Heard(Vec<(OrderKey, Claim)>);

/// Parses a message. Refuses what is out of order, empty or written another way.
///
/// # Errors
/// It is malformed: its sender misbehaves.
pub fn parse(message: &[u8]) -> Result<Heard, WireError> {
    if message.len() > MAX_MESSAGE {
        return Err(WireError::OutOfBounds("ranges"));
    }
    let mut r = Reader::new(message);
    let (mut claims, mut at) = (Vec::new(), OrderKey::MIN.to_bytes());
    while !r.rest().is_empty() {
        let head = r.u8()?;
        let (tag, shared) = (head >> 6, usize::from(head & 0x3f));
        let suffix = usize::from(r.u8()?);
        let mut to = at;
        if shared + suffix > to.len() {
            return Err(WireError::OutOfBounds("range bound"));
        }
        let bytes = r.take(suffix)?;
        to[shared..].fill(0);
        to[shared..shared + suffix].copy_from_slice(bytes);
        // Rising in its first own byte and not ending in zero: ascending, and one way to write it.
        if bytes.first().is_none_or(|b| *b <= at[shared]) || bytes.last() == Some(&0) {
            return Err(WireError::NotCanonical("range bound"));
        }
        let claim = match tag {
            0 => Claim::Skip,
            1 => Claim::Mark(r.array()?),
            2 => {
                let n = r.varint()? as usize;
                // A longer list could not be answered: its bitmap is bounded.
                if n > r.rest().len() / 8 || n > MAX_LISTED {
                    return Err(WireError::OutOfBounds("list"));
                }
                Claim::List((0..n).map(|_| r.u64()).collect::<Result<_, _>>()?)
            }
            _ => {
                let digest = r.array()?;
                let n = r.varint()? as usize;
                if n > MAX_LISTED.div_ceil(8) {
                    return Err(WireError::OutOfBounds("bitmap"));
                }
                Claim::Missing {
                    digest,
                    bits: r.take(n)?.to_vec(),
                }
            }
        };
        claims.push((OrderKey::from_bytes(&to), claim));
        at = to;
    }
    Ok(Heard(claims))
}

/// A stretch of the index to send, walked lazily: handing over a million items costs one of these.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    pub next: OrderKey,
    pub end: OrderKey,
    /// Short ids that the peer has.
    pub except: BTreeSet<u64>,
    /// The salt that these are short under.
    pub salt: Salt,
}

/// What follows from a message.
#[derive(Debug, Default)]
pub struct Answer {
    /// Claims to send back; may be empty.
    pub message: Vec<u8>,
    /// The peer asked: it waits for an answer or for [`Done`](super::frames::Frame::Done).
    pub asked: bool,
    /// `message` asks in turn.
    pub asks: bool,
    /// Stretches with something in them that the peer lacks.
    pub spans: Vec<Span>,
    /// Single items that the peer said are missing there.
    pub missing: Vec<OrderKey>,
    /// Keys hashed one by one: the work this message made us do.
    pub work: u64,
}

/// The first message over `from ≤ key < to`: in each lane the newest items one by one, then ranges that grow with age.
///
/// # Errors
/// The set can't be read.
pub fn opening(index: &dyn Ordered, salt: &Salt, from: &OrderKey, to: &OrderKey) -> Result<Vec<u8>, StoreError> {
    let mut claims = Claims::new();
    for lane in from.lane..to.lane.min(6) {
        let (start, end) = (OrderKey::lane_start(lane), OrderKey::lane_start(lane + 1));
        divide_by_age(index, salt, &start, &end, &mut claims)?;
    }
    Ok(claims.w.finish())
}

/// Lists the newest items of a range and marks ranges that grow with age.
fn divide_by_age(index: &dyn Ordered, salt: &Salt, from: &OrderKey, to: &OrderKey, claims: &mut Claims) -> Result<(), StoreError> {
    let base = index.rank(from)? as usize;
    let mut cuts = Vec::new();
    let (mut size, mut left) = (NEWEST, index.rank(to)? as usize - base);
    while left > size + size / 2 {
        left -= size;
        cuts.push(base + left);
        size *= GROWTH;
    }
    cuts.reverse();
    for pair in bounds_at(index, &cuts, *from, *to)?.windows(2) {
        let list = if pair[1] == *to { NEWEST * 3 / 2 } else { 0 };
        claims.push(&pair[0], &pair[1], &claim_range(index, salt, &pair[0], &pair[1], list)?);
    }
    Ok(())
}

/// Range bounds `start`, one before each rank of `cuts`, `end`.
fn bounds_at(index: &dyn Ordered, cuts: &[usize], start: OrderKey, end: OrderKey) -> Result<Vec<OrderKey>, StoreError> {
    let mut bounds = vec![start];
    for cut in cuts {
        if let (Some(below), Some(first)) = (index.nth(*cut as u64 - 1)?, index.nth(*cut as u64)?) {
            bounds.push(separator(&below, &first));
        }
    }
    bounds.push(end);
    Ok(bounds)
}

fn claim_range(index: &dyn Ordered, salt: &Salt, from: &OrderKey, to: &OrderKey, list: usize) -> Result<Claim, StoreError> {
    let print = index.between(from, to)?;
    Ok(if print.count as usize <= list {
        let keys = index.range(Bound::Included(*from), print.count as usize)?;
        Claim::List(keys.iter().map(|key| salt.short(&key.id)).collect())
    } else {
        Claim::Mark(salt.mark(&print))
    })
}

/// Answers a peer's claims.
///
/// # Errors
/// The set can't be read.
pub fn answer(index: &dyn Ordered, salt: &Salt, Heard(claims): &Heard) -> Result<Answer, StoreError> {
    let whole_end = claims.last().map_or(OrderKey::MIN, |(to, _)| *to);
    let (mut out, mut reply) = (Answer::default(), Claims::new());
    let mut from = OrderKey::MIN;
    for (i, (to, claim)) in claims.iter().enumerate() {
        out.asked |= matches!(claim, Claim::Mark(_) | Claim::List(_));
        if reply.len + FANOUT * 61 + LONGEST + 61 > MAX_MESSAGE {
            // No room: the rest is claimed as one range and comes back in the next round.
            reply.push(&from, &whole_end, &claim_range(index, salt, &from, &whole_end, 0)?);
            break;
        }
        match claim {
            Claim::Skip => {}
            Claim::Mark(mark) => {
                let print = index.between(&from, to)?;
                out.work += 64;
                if salt.mark(&print) != *mark {
                    let edge = match claims.get(i + 1) {
                        Some((_, Claim::List(_))) => true,
                        Some((next, Claim::Mark(mark))) => salt.mark(&index.between(to, next)?) != *mark,
                        _ => false,
                    };
                    divide(index, salt, &from, to, print.count as usize, edge, &mut reply)?;
                }
            }
            Claim::List(theirs) => compare(index, salt, (&from, to), theirs, &mut out, &mut reply)?,
            Claim::Missing { digest, bits } => {
                let mut keys = index.range(Bound::Included(from), bits.len() * 8 + 1)?;
                keys.retain(|key| key < to);
                let shorts: Vec<u64> = keys.iter().map(|key| salt.short(&key.id)).collect();
                out.work += keys.len() as u64;
                if salt.digest(&shorts) == *digest {
                    let wanted = keys
                        .iter()
                        .enumerate()
                        .filter(|(i, _)| bits.get(i / 8).is_some_and(|b| b >> (i % 8) & 1 == 1));
                    out.missing.extend(wanted.map(|(_, key)| *key));
                } else {
                    // The set changed since it was listed.
                    let count = index.between(&from, to)?.count as usize;
                    divide(index, salt, &from, to, count, false, &mut reply)?;
                }
            }
        }
        from = *to;
    }
    out.asks = reply.asks;
    out.message = reply.w.finish();
    Ok(out)
}

/// A disputed range: listed if short, split otherwise.
fn divide(
    index: &dyn Ordered,
    salt: &Salt,
    from: &OrderKey,
    to: &OrderKey,
    count: usize,
    edge: bool,
    reply: &mut Claims,
) -> Result<(), StoreError> {
    let list = if edge { EDGE_LIST } else { LIST };
    if count <= list {
        reply.push(from, to, &claim_range(index, salt, from, to, list)?);
        return Ok(());
    }
    if edge && count <= EDGE {
        return divide_by_age(index, salt, from, to, reply);
    }
    let base = index.rank(from)? as usize;
    let parts = count.div_ceil(NEWEST).min(FANOUT);
    let cuts: Vec<usize> = (1..parts).map(|i| base + count * i / parts).collect();
    for pair in bounds_at(index, &cuts, *from, *to)?.windows(2) {
        reply.push(&pair[0], &pair[1], &claim_range(index, salt, &pair[0], &pair[1], 0)?);
    }
    Ok(())
}

/// A listed range: send what isn't in the list, ask for what is only there.
fn compare(
    index: &dyn Ordered,
    salt: &Salt,
    range: (&OrderKey, &OrderKey),
    theirs: &[u64],
    out: &mut Answer,
    reply: &mut Claims,
) -> Result<(), StoreError> {
    let (from, to) = range;
    let except: BTreeSet<u64> = theirs.iter().copied().collect();
    let (mut ours, mut more) = (BTreeSet::new(), false);
    if theirs.is_empty() {
        more = index.between(from, to)?.count > 0;
    } else {
        index.walk(from, to, &mut |key| {
            let short = salt.short(&key.id);
            out.work += 1;
            if except.contains(&short) {
                ours.insert(short);
            } else {
                more = true;
            }
            Walk::On
        })?;
    }
    if more {
        out.spans.push(Span {
            next: *from,
            end: *to,
            except,
            salt: salt.clone(),
        });
    }
    let mut bits = vec![0u8; theirs.len().div_ceil(8)];
    for (i, _) in theirs.iter().enumerate().filter(|(_, short)| !ours.contains(short)) {
        bits[i / 8] |= 1 << (i % 8);
    }
    if bits.iter().any(|b| *b != 0) {
        let digest = salt.digest(theirs);
        reply.push(from, to, &Claim::Missing { digest, bits });
    }
    Ok(())
}

impl Span {
    /// Takes up to `limit` keys off the front; `None` in the end means the span is used up.
    ///
    /// # Errors
    /// The set can't be read.
    pub fn take(mut self, index: &dyn Ordered, limit: usize) -> Result<(Vec<OrderKey>, Option<Self>), StoreError> {
        let (mut keys, mut next) = (Vec::new(), None);
        index.walk(&self.next, &self.end, &mut |key| {
            if keys.len() == limit {
                next = Some(key);
                return Walk::Stop;
            }
            if self.except.is_empty() || !self.except.contains(&self.salt.short(&key.id)) {
                keys.push(key);
            }
            Walk::On
        })?;
        Ok(match next {
            Some(next) => {
                self.next = next;
                (keys, Some(self))
            }
            None => (keys, None),
        })
    }
}

/// Bounds of what a pass compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Lane 0: registry, revocations, fork proofs.
    Control,
    /// Everything behind lane 0.
    Rest,
    /// Everything.
    All,
}

impl Scope {
    pub fn bounds(self) -> (OrderKey, OrderKey) {
        match self {
            Self::Control => (OrderKey::MIN, OrderKey::lane_start(1)),
            Self::Rest => (OrderKey::lane_start(1), OrderKey::END),
            Self::All => (OrderKey::MIN, OrderKey::END),
        }
    }
}
