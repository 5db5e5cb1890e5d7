//! Comparison: statuses, passes over lane 0 and the rest, Done on both sides, and what equal or unequal marks lead to.

use super::{Event, MAX_FRUITLESS, MAX_IDLE_ROUNDS, MAX_PASSES, Misbehaviour, Role, Session, SessionError, SessionOutput, WORK};
use crate::store::{Ordered, StoreError};
use crate::sync::frames::{Done, Frame, Status};
use crate::sync::reconcile::{self, Scope};

impl Session {
    pub(super) fn ranges(&mut self, claims: &[u8]) -> Vec<u8> {
        self.awaiting = true;
        self.statistics.ranges_sent += 1;
        let (pass, scope) = (self.pass, self.scope);
        Frame::Ranges { pass, scope, claims }.encode()
    }

    /// Both statuses are there: what differs?
    pub(super) fn begin(&mut self, out: &mut SessionOutput) {
        let (Some(ours), Some(theirs)) = (self.ours, self.theirs) else {
            return;
        };
        self.begun = true;
        if (ours.all, ours.count) == (theirs.all, theirs.count) {
            self.agree_on_lane_zero(out);
            self.settled = Some(ours.all);
            out.events.push(Event::Settled);
            return;
        }
        if ours.control == theirs.control {
            self.scope = Scope::Rest;
            self.agree_on_lane_zero(out);
        } else {
            self.scope = Scope::Control;
        }
        self.settling = true;
        match self.role {
            Role::Initiator => self.start_pass(self.scope),
            Role::Responder => self.awaiting = true,
        }
    }

    pub(super) fn start_pass(&mut self, scope: Scope) {
        self.enter_pass(self.pass + 1, scope);
        self.opens = true;
    }

    pub(super) fn enter_pass(&mut self, pass: u64, scope: Scope) {
        if scope != self.scope {
            (self.fruitless, self.unequal) = (0, 0);
        }
        (self.pass, self.scope) = (pass, scope);
        self.statistics.passes += 1;
        self.settling = true;
        self.outbox.forget_known();
    }

    pub(super) fn agree_on_lane_zero(&mut self, out: &mut SessionOutput) {
        if !self.lane_zero_done {
            self.lane_zero_done = true;
            out.events.push(Event::LaneZeroDone);
        }
    }

    pub(super) fn on_ranges(
        &mut self,
        pass: u64,
        scope: Scope,
        claims: &[u8],
        index: &dyn Ordered,
        out: &mut SessionOutput,
    ) -> Result<(), SessionError> {
        if self.reply.is_some() {
            return Err(Misbehaviour::OutOfTurn("ranges before our answer").into());
        }
        if self.role == Role::Responder && Some(pass) == self.pass.checked_add(1) {
            self.enter_pass(pass, scope);
            if scope != Scope::Control {
                self.agree_on_lane_zero(out);
            }
        }
        if (pass, scope) != (self.pass, self.scope) || self.opens {
            return Err(Misbehaviour::OutOfTurn("ranges of another pass").into());
        }
        self.ranges_heard += 1;
        self.awaiting = false;
        self.idle_rounds += 1;
        let heard = reconcile::parse(claims).map_err(Misbehaviour::from)?;
        let answer = reconcile::answer(index, &self.salt.of_pass(pass), &heard)?;
        self.work += answer.work;
        let moved = index.len() + self.durable + self.statistics.items_sent;
        if self.idle_rounds > MAX_IDLE_ROUNDS || self.work > WORK.0 * moved + WORK.1 {
            return Err(Misbehaviour::Endless.into());
        }
        // What finds no room is found again by the next pass.
        self.outbox.extend(answer.spans);
        for key in answer.missing {
            self.outbox.push(key);
        }
        self.done_due |= answer.asked;
        if !answer.message.is_empty() {
            self.reply = Some(answer.message);
        }
        Ok(())
    }

    pub(super) fn on_done(&mut self, done: Done) -> Result<(), Misbehaviour> {
        if done.durable > self.statistics.items_sent || done.sent > self.statistics.items_received {
            return Err(Misbehaviour::FalseAck);
        }
        if done.pass > self.pass || done.heard > self.statistics.ranges_sent {
            return Err(Misbehaviour::OutOfTurn("done"));
        }
        self.awaiting &= done.heard < self.statistics.ranges_sent;
        self.their_done = Some(done);
        if self.heard_done.replace(done) != Some(done) {
            self.last_done = None;
        }
        self.done_due = true;
        Ok(())
    }

    /// Compares marks, if the peer's Done speaks of the same moment as ours would now.
    pub(super) fn judge(&mut self, index: &dyn Ordered, out: &mut SessionOutput) -> Result<(), StoreError> {
        let Some(done) = self.their_done else { return Ok(()) };
        let seen = (done.pass, done.sent, done.durable, done.heard);
        if !self.is_quiet() || self.awaiting || seen != (self.pass, self.durable, self.statistics.items_sent, self.statistics.ranges_sent) {
            return Ok(());
        }
        self.their_done = None;
        if done.mark == self.mark(index)? {
            self.on_equal(done.mark, out);
        } else {
            self.on_unequal(done.gives_up, out);
        }
        Ok(())
    }

    pub(super) fn on_equal(&mut self, mark: [u8; 16], out: &mut SessionOutput) {
        (self.fruitless, self.unequal, self.idle_rounds, self.judged) = (0, 0, 0, None);
        if self.scope == Scope::Control {
            self.agree_on_lane_zero(out);
            if self.role == Role::Initiator {
                self.start_pass(Scope::Rest);
            }
            return;
        }
        (self.settling, self.diverged, self.since_compared) = (false, false, 0);
        if self.settled.replace(mark) != Some(mark) {
            out.events.push(Event::Settled);
        }
    }

    /// The initiator opens another pass, or gives up; the responder follows.
    pub(super) fn on_unequal(&mut self, given_up: bool, out: &mut SessionOutput) {
        let moved = self.durable + self.statistics.items_sent;
        if self.role == Role::Responder {
            if given_up {
                self.diverge(out);
            }
            return;
        }
        if self.judged == Some((self.pass, moved)) {
            return;
        }
        let fruitful = self.judged.map_or(0, |(_, before)| before) != moved;
        self.judged = Some((self.pass, moved));
        self.fruitless = if fruitful { 0 } else { self.fruitless + 1 };
        self.unequal += 1;
        let hopeless = self.fruitless >= MAX_FRUITLESS || self.unequal > MAX_PASSES;
        match (self.scope, hopeless) {
            (Scope::Control, false) => self.start_pass(Scope::Control),
            (Scope::Control, true) => {
                self.agree_on_lane_zero(out);
                self.start_pass(Scope::All);
            }
            (_, false) => self.start_pass(Scope::All),
            (_, true) => self.diverge(out),
        }
    }

    pub(super) fn diverge(&mut self, out: &mut SessionOutput) {
        (self.settling, self.settled) = (false, None);
        if !std::mem::replace(&mut self.diverged, true) {
            out.events.push(Event::Diverged);
        }
    }

    /// Nothing to send, to wait for or to answer, as far as this side knows.
    pub(super) fn is_quiet(&self) -> bool {
        self.begun
            && !self.opens
            && self.reply.is_none()
            && self.part_out.is_none()
            && self.part_in.is_empty()
            && self.pace.items() == 0
            && self.arrived.is_empty()
            && self.outbox.is_empty(self.last_lane())
    }

    /// The last lane that may be sent now.
    pub(super) fn last_lane(&self) -> u8 {
        if self.scope == Scope::Control { 0 } else { u8::MAX - 1 }
    }

    pub(super) fn mark(&self, index: &dyn Ordered) -> Result<[u8; 16], StoreError> {
        let print = match self.scope {
            Scope::Control => {
                let (from, to) = Scope::Control.bounds();
                index.between(&from, &to)?
            }
            Scope::Rest | Scope::All => index.total(),
        };
        Ok(self.salt.mark(&print))
    }

    pub(super) fn status(&self, index: &dyn Ordered) -> Result<Status, StoreError> {
        let (from, to) = Scope::Control.bounds();
        Ok(Status {
            store: self.settings.store,
            all: self.salt.mark(&index.total()),
            control: self.salt.mark(&index.between(&from, &to)?),
            count: index.len(),
        })
    }
}
