//! Items out and in: what fits the peer's window, the short form, long items in parts, acknowledgements.

use super::{
    Arrived, COMPARE_EVERY, Event, MIN_PART, Misbehaviour, Received, SHORT_FORM_SLACK, Session, SessionOutput, Ticket, WINDOW_BYTES,
    WINDOW_ITEMS,
};
use crate::store::{MAX_ITEM, OrderKey};
use crate::sync::codec::{Decoded, decode_whole};
use crate::sync::frames::Frame;
use crate::wire::{Reader, WireError, Writer};

impl Session {
    pub(super) fn next_items(&mut self, now_ms: u64, budget: usize) -> Option<Vec<u8>> {
        if !self.begun {
            return None;
        }
        let cap = self.pace.longest_frame(self.settings.bulk).min(budget.max(MIN_PART));
        let urgent = |part: &OrderKey, next: Option<u8>| next.is_some_and(|lane| lane < part.lane);
        if let Some((key, ..)) = &self.part_out
            && !urgent(key, self.outbox.next_lane())
        {
            return self.next_part(now_ms, cap);
        }
        let mut body = Vec::new();
        while let Some(len) = self.outbox.peek() {
            let fits = 1 + body.len() + len + SHORT_FORM_SLACK <= cap || body.is_empty();
            let whole = 1 + len + SHORT_FORM_SLACK <= self.settings.bulk;
            if !self.pace.has_room(len) || !fits || (!whole && !body.is_empty()) {
                break;
            }
            if !whole && self.part_out.is_some() {
                return self.next_part(now_ms, cap);
            }
            let (key, item) = self.outbox.pop()?;
            if !whole {
                self.part_out = Some((key, item, 0));
                return self.next_part(now_ms, cap);
            }
            let mut w = Writer::new();
            // What the store gives back damaged isn't passed on.
            if self.encoder.encode(&item, &mut w).is_ok() {
                body.extend(w.finish());
                self.count_sent(now_ms, item.len());
            }
        }
        match (body.is_empty(), &self.part_out) {
            (false, _) => Some(Frame::Items(&body).encode()),
            (true, Some(_)) => self.next_part(now_ms, cap),
            (true, None) => None,
        }
    }

    pub(super) fn next_part(&mut self, now_ms: u64, cap: usize) -> Option<Vec<u8>> {
        let (_, item, at) = self.part_out.as_mut()?;
        let end = item.len().min(*at + cap - 2);
        let last = end == item.len();
        let frame = Frame::Part {
            last,
            bytes: &item[*at..end],
        }
        .encode();
        *at = end;
        if last {
            let len = end;
            self.part_out = None;
            self.count_sent(now_ms, len);
        }
        Some(frame)
    }

    pub(super) fn count_sent(&mut self, now_ms: u64, len: usize) {
        self.statistics.items_sent += 1;
        self.pace.sent(now_ms, len);
    }

    pub(super) fn on_items(&mut self, bytes: &[u8], out: &mut SessionOutput) -> Result<(), Misbehaviour> {
        let (mut r, mut items) = (Reader::new(bytes), Vec::new());
        while !r.rest().is_empty() {
            items.push(self.decoder.decode(&mut r)?);
        }
        if items.is_empty() {
            return Err(Misbehaviour::Malformed(WireError::Truncated));
        }
        self.receive(items, out)
    }

    pub(super) fn on_part(&mut self, last: bool, bytes: &[u8], out: &mut SessionOutput) -> Result<(), Misbehaviour> {
        if bytes.is_empty() || self.part_in.len() + bytes.len() > MAX_ITEM {
            return Err(Misbehaviour::Malformed(WireError::OutOfBounds("part")));
        }
        self.part_in.extend_from_slice(bytes);
        if last {
            let item = decode_whole(std::mem::take(&mut self.part_in))?;
            self.receive(vec![item], out)?;
        }
        Ok(())
    }

    pub(super) fn receive(&mut self, items: Vec<Decoded>, out: &mut SessionOutput) -> Result<(), Misbehaviour> {
        for id in items.iter().filter_map(|item| item.id) {
            self.outbox.mark_known(&id);
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.arrived.push_back(Arrived {
            ticket,
            items: items.len() as u64,
            bytes: items.iter().map(|item| item.bytes.len()).sum(),
            durable: false,
        });
        let (count, bytes) = self.arrived.iter().fold((0, 0), |(n, b), a| (n + a.items, b + a.bytes));
        if bytes > WINDOW_BYTES + 2 * MAX_ITEM || count > WINDOW_ITEMS as u64 + 1 {
            return Err(Misbehaviour::Overrun);
        }
        self.statistics.items_received += items.len() as u64;
        self.idle_rounds = 0;
        let items = items.into_iter().map(|item| item.bytes).collect();
        out.received.push(Received { items, ticket });
        self.progress(out);
        Ok(())
    }

    pub(super) fn on_ack(&mut self, now_ms: u64, durable: u64, out: &mut SessionOutput) -> Result<(), Misbehaviour> {
        let before = self.statistics.items_sent - self.pace.items() as u64;
        if durable < before || durable > self.statistics.items_sent {
            return Err(Misbehaviour::FalseAck);
        }
        self.pace.acknowledged(now_ms, (durable - before) as usize);
        self.idle_rounds = 0;
        self.count_moved(durable - before);
        self.progress(out);
        Ok(())
    }

    pub(super) fn count_moved(&mut self, items: u64) {
        self.since_compared += items;
        if self.since_compared >= COMPARE_EVERY {
            self.since_compared = 0;
            self.settling = true;
        }
    }

    pub(super) fn progress(&self, out: &mut SessionOutput) {
        out.events.push(Event::Progress {
            received: self.statistics.items_received,
            sent: self.statistics.items_sent - self.pace.items() as u64,
        });
    }
}
