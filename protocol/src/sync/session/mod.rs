//! One side of one connection, from STATUS to the comparison of roots and on into live mode. No socket, no store: frames
//! go in, frames are pulled out, items are handed to the engine with a ticket.
//!
//! Invariants: what a peer is sent counts as held there only after its durable acknowledgement; an acknowledgement leaves only for
//! items that the engine called durable; everything a peer makes us remember, compute or buffer is bounded. A session that dies
//! forgets all: the next one finds by comparison what was lost.
//!
//! Passes: the initiator opens each one; lane 0 is a pass of its own if it differs, and until it is settled both sides hold the
//! other lanes back. When a side has nothing left to send, to wait for or to answer it says Done with its mark and its counts; the
//! other judges once its own counts say that nothing is on the way. Marks that differ start another pass under another salt; a
//! pass that moves nothing twice in a row is [`Event::Diverged`].

mod pace;
mod passes;
mod transfer;

use std::collections::VecDeque;
use std::sync::Arc;
use thiserror::Error;

use crate::store::{OrderKey, Ordered, StoreError};
use crate::sync::codec::{Decoder, Encoder};
use crate::sync::frames::{Done, Frame, MAX_FRAME, Refusal, Status};
use crate::sync::outbox::{Fetch, Outbox};
use crate::sync::reconcile::{self, Salt, Scope};
use crate::wire::WireError;
use pace::Pace;

/// Bytes of items on the way, not yet acknowledged, at most: `Pace` holds slow lines to less.
pub const WINDOW_BYTES: usize = 1024 * 1024;
/// Items on the way.
pub const WINDOW_ITEMS: usize = 4_096;
/// Rounds of ranges in a row that move no item: a set of a million halves its doubt sixteenfold in each.
const MAX_IDLE_ROUNDS: u32 = 256;
/// Keys that ranges may make us hash one by one, for each item held or moved, and at least.
const WORK: (u64, u64) = (64, 1 << 22);
/// Passes in a row that end in different marks, even if each moved something.
const MAX_PASSES: u32 = 8;
/// Passes in a row that moved nothing and still end in different marks.
const MAX_FRUITLESS: u32 = 2;
/// Items exchanged in live mode between two comparisons.
const COMPARE_EVERY: u64 = 64;
/// An item never takes more than this over its canonical length in short form.
const SHORT_FORM_SLACK: usize = 24;
/// Least bytes of an item in a part.
const MIN_PART: usize = 512;

/// Who opens passes: the dialer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Initiator,
    Responder,
}

/// What the engine chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionSettings {
    /// This store's incarnation.
    pub store: u64,
    /// Longest frame of items in bytes: 16 KiB below 1 Mbit/s; at most [`MAX_FRAME`].
    pub bulk: usize,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { store: 0, bulk: 16 * 1024 }
    }
}

/// Names a batch of received items until it is durable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticket(u64);

/// Items to verify and commit; then [`Session::durable`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// Canonical bytes; well-formed, signatures not yet checked.
    pub items: Vec<Vec<u8>>,
    pub ticket: Ticket,
}

/// What the engine may want to know or show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Items arrived and items acknowledged in this session so far.
    Progress { received: u64, sent: u64 },
    /// Both sides hold the same lane 0 (or could not agree on it and went on).
    LaneZeroDone,
    /// Both sides hold the same set, as far as each has told the other.
    Settled,
    /// Nothing is on the way and the sets still differ: to be logged and shown.
    Diverged,
    /// The peer turned the session down.
    Refused(Refusal),
}

/// Effects of one call, appended.
#[derive(Default, Debug)]
pub struct SessionOutput {
    pub received: Vec<Received>,
    pub events: Vec<Event>,
}

/// The peer broke the protocol: the engine ends the session, nothing stored is touched.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum Misbehaviour {
    /// A frame or an item in it is malformed, or names an alias that was never given.
    #[error("malformed: {0}")]
    Malformed(#[from] WireError),
    /// A frame that can't come now.
    #[error("{0} out of turn")]
    OutOfTurn(&'static str),
    /// It acknowledges what it was never sent, or takes an acknowledgement back.
    #[error("acknowledges what was not sent")]
    FalseAck,
    /// More items on the way than the window allows.
    #[error("sends beyond the window")]
    Overrun,
    /// Ranges go back and forth without end or cost too much.
    #[error("reconciliation that never ends")]
    Endless,
}

/// Why a session can't go on.
#[derive(Debug, Error)]
pub enum SessionError {
    #[error(transparent)]
    Misbehaviour(#[from] Misbehaviour),
    /// Nothing is said of the peer: a new session finds again what this one had to say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Counted since the session began; frame bytes without the transport's length prefix.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Statistics {
    pub control_bytes_sent: u64,
    pub item_bytes_sent: u64,
    pub control_bytes_received: u64,
    pub item_bytes_received: u64,
    pub items_sent: u64,
    pub items_received: u64,
    pub ranges_sent: u64,
    pub passes: u64,
}

struct Arrived {
    ticket: Ticket,
    items: u64,
    bytes: usize,
    durable: bool,
}

/// One side of one connection.
pub struct Session {
    role: Role,
    settings: SessionSettings,
    salt: Salt,
    ours: Option<Status>,
    theirs: Option<Status>,
    begun: bool,
    ended: bool,
    refusal: Option<Refusal>,

    pass: u64,
    scope: Scope,
    /// The initiator is to open `pass`.
    opens: bool,
    /// Claims to send once the outbox has room.
    reply: Option<Vec<u8>>,
    /// The peer has yet to react to our last claims (a responder: to open).
    awaiting: bool,
    ranges_heard: u64,
    idle_rounds: u32,
    work: u64,

    outbox: Outbox,
    encoder: Encoder,
    part_out: Option<(OrderKey, Arc<[u8]>, usize)>,
    /// Items sent and not acknowledged.
    pace: Pace,

    decoder: Decoder,
    part_in: Vec<u8>,
    arrived: VecDeque<Arrived>,
    next_ticket: u64,
    durable: u64,
    acknowledged: u64,

    /// Roots are to be compared.
    settling: bool,
    done_due: bool,
    last_done: Option<Done>,
    their_done: Option<Done>,
    /// What the peer said last, also after it was judged: something new wants an answer, even if ours is the old one.
    heard_done: Option<Done>,
    since_compared: u64,
    lane_zero_done: bool,
    diverged: bool,
    settled: Option<[u8; 16]>,
    /// Pass and items moved when marks last differed.
    judged: Option<(u64, u64)>,
    fruitless: u32,
    unequal: u32,

    statistics: Statistics,
}

impl Session {
    /// `ours` and `theirs` are 32 random bytes each side gave in its HELLO.
    pub fn new(role: Role, ours: &[u8; 32], theirs: &[u8; 32], settings: SessionSettings) -> Self {
        let salt = match role {
            Role::Initiator => Salt::agree(ours, theirs),
            Role::Responder => Salt::agree(theirs, ours),
        };
        Self::with_salt(role, salt, settings)
    }

    pub(super) fn with_salt(role: Role, salt: Salt, settings: SessionSettings) -> Self {
        Self {
            role,
            settings: SessionSettings {
                bulk: settings.bulk.clamp(2 * MIN_PART, MAX_FRAME - 1),
                ..settings
            },
            outbox: Outbox::new(salt.clone()),
            salt,
            ours: None,
            theirs: None,
            begun: false,
            ended: false,
            refusal: None,
            pass: 0,
            scope: Scope::All,
            opens: false,
            reply: None,
            awaiting: false,
            ranges_heard: 0,
            idle_rounds: 0,
            work: 0,
            encoder: Encoder::default(),
            part_out: None,
            pace: Pace::default(),
            decoder: Decoder::default(),
            part_in: Vec::new(),
            arrived: VecDeque::new(),
            next_ticket: 0,
            durable: 0,
            acknowledged: 0,
            settling: false,
            done_due: false,
            last_done: None,
            their_done: None,
            heard_done: None,
            since_compared: 0,
            lane_zero_done: false,
            diverged: false,
            settled: None,
            judged: None,
            fruitless: 0,
            unequal: 0,
            statistics: Statistics::default(),
        }
    }

    /// Takes a frame off the wire. `now_ms` may be any clock that goes on: only spans of it are looked at.
    ///
    /// # Errors
    /// The peer misbehaves, or the set can't be read: end the session (its last frame had no effect that needs undoing).
    pub fn handle(&mut self, now_ms: u64, frame: &[u8], index: &dyn Ordered, out: &mut SessionOutput) -> Result<(), SessionError> {
        if self.ended || self.refusal.is_some() {
            return Ok(());
        }
        let parsed = Frame::decode(frame).map_err(Misbehaviour::from)?;
        let bytes = match parsed {
            Frame::Items(_) | Frame::Part { .. } => &mut self.statistics.item_bytes_received,
            _ => &mut self.statistics.control_bytes_received,
        };
        *bytes += frame.len() as u64;
        match parsed {
            Frame::Refused(reason) => {
                self.ended = true;
                out.events.push(Event::Refused(reason));
                return Ok(());
            }
            Frame::Status(status) => {
                if self.theirs.replace(status).is_some() {
                    return Err(Misbehaviour::OutOfTurn("status").into());
                }
                self.begin(out);
            }
            _ if !self.begun => return Err(Misbehaviour::OutOfTurn("a frame before status").into()),
            Frame::Ranges { pass, scope, claims } => self.on_ranges(pass, scope, claims, index, out)?,
            Frame::Items(bytes) => self.on_items(bytes, out)?,
            Frame::Part { last, bytes } => self.on_part(last, bytes, out)?,
            Frame::Ack { durable } => self.on_ack(now_ms, durable, out)?,
            Frame::Done(done) => self.on_done(done)?,
        }
        Ok(self.judge(index, out)?)
    }

    /// The engine committed a batch. `keys` are the items' places in the set (those that were known already included): the peer
    /// has them, they are not sent back. Order of tickets is free; the acknowledgement is cumulative.
    pub fn durable(&mut self, ticket: Ticket, keys: &[OrderKey]) {
        for key in keys {
            self.outbox.withdraw(key);
        }
        if let Some(arrived) = self.arrived.iter_mut().find(|arrived| arrived.ticket == ticket) {
            arrived.durable = true;
        }
        while let Some(arrived) = self.arrived.pop_front_if(|arrived| arrived.durable) {
            self.durable += arrived.items;
            self.count_moved(arrived.items);
        }
    }

    /// An item was stored, whoever it came from. To be called with the index's own insertion, before any other call.
    pub fn on_stored(&mut self, key: &OrderKey) {
        // Before our status is taken comparison will find it.
        if self.ours.is_some() && !self.outbox.push(*key) {
            self.settling = true;
        }
    }

    /// Asks for a comparison of roots once nothing is on the way, also after [`Event::Diverged`].
    pub fn compare_roots(&mut self) {
        self.settling = self.begun;
        (self.diverged, self.settled, self.judged, self.last_done) = (false, None, None, None);
        (self.fruitless, self.unequal) = (0, 0);
    }

    /// Turns the session down: one last frame, then silence.
    pub fn refuse(&mut self, reason: Refusal) {
        self.refusal.get_or_insert(reason);
    }

    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// What the peer held at the beginning.
    pub fn their_status(&self) -> Option<Status> {
        self.theirs
    }

    /// Items sent and not yet acknowledged.
    pub fn in_flight(&self) -> usize {
        self.pace.items()
    }

    /// The next frame to send, or `None` if there is nothing to say now. A frame that was returned must be sent, in this order, or
    /// the session ended. It may exceed `budget_bytes` by one item of up to the bulk size, or by one frame of claims.
    ///
    /// # Errors
    /// The set can't be read: end the session.
    pub fn next_frame(
        &mut self,
        now_ms: u64,
        index: &dyn Ordered,
        fetch: Fetch<'_>,
        budget_bytes: usize,
        out: &mut SessionOutput,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if self.ended || budget_bytes == 0 {
            return Ok(None);
        }
        let frame = match self.refusal {
            Some(reason) => {
                self.ended = true;
                Some(Frame::Refused(reason).encode())
            }
            None => self.next_control(index, fetch, out)?,
        };
        if let Some(frame) = frame {
            self.statistics.control_bytes_sent += frame.len() as u64;
            return Ok(Some(frame));
        }
        let frame = self.next_items(now_ms, budget_bytes);
        self.statistics.item_bytes_sent += frame.as_ref().map_or(0, Vec::len) as u64;
        Ok(frame)
    }

    fn next_control(&mut self, index: &dyn Ordered, fetch: Fetch<'_>, out: &mut SessionOutput) -> Result<Option<Vec<u8>>, StoreError> {
        if self.ours.is_none() {
            let status = self.status(index)?;
            self.ours = Some(status);
            self.begin(out);
            return Ok(Some(Frame::Status(status).encode()));
        }
        if !self.begun {
            return Ok(None);
        }
        self.outbox.stage(index, fetch, self.last_lane())?;
        self.judge(index, out)?;
        if self.acknowledged < self.durable {
            self.acknowledged = self.durable;
            return Ok(Some(Frame::Ack { durable: self.durable }.encode()));
        }
        if self.opens {
            self.opens = false;
            let (from, to) = self.scope.bounds();
            let claims = reconcile::opening(index, &self.salt.of_pass(self.pass), &from, &to)?;
            return Ok(Some(self.ranges(&claims)));
        }
        if let Some(claims) = self.reply.take_if(|_| !self.outbox.is_full()) {
            return Ok(Some(self.ranges(&claims)));
        }
        if (self.settling || self.done_due) && self.is_quiet() && !self.awaiting {
            self.done_due = false;
            let done = Done {
                pass: self.pass,
                gives_up: self.diverged && self.role == Role::Initiator,
                mark: self.mark(index)?,
                sent: self.statistics.items_sent,
                durable: self.durable,
                heard: self.ranges_heard,
            };
            if self.last_done.replace(done) != Some(done) {
                return Ok(Some(Frame::Done(done).encode()));
            }
        }
        Ok(None)
    }

    #[cfg(test)]
    pub(super) fn state(&self) -> String {
        format!(
            "{:?} pass {} {:?} opens {} reply {} awaiting {} settling {} due {} quiet {} flight {} arrived {} outbox empty {} last {:?} their {:?} judged {:?} {:?}",
            self.role,
            self.pass,
            self.scope,
            self.opens,
            self.reply.is_some(),
            self.awaiting,
            self.settling,
            self.done_due,
            self.is_quiet(),
            self.pace.items(),
            self.arrived.len(),
            self.outbox.is_empty(self.last_lane()),
            self.last_done,
            self.their_done,
            self.judged,
            self.statistics
        )
    }
}
