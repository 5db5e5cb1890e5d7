//! How much may be on the way and not acknowledged: as much as keeps the line busy, and little more. What is urgent then waits behind about
//! a second's worth of what isn't, and not behind whatever the system's buffers would swallow.
//!
//! Nothing is measured but how long acknowledgements take. The shortest is what the line itself needs; whatever they take beyond it has
//! been spent in a queue. A queue longer than [`QUEUE_MS`] shrinks the window, a shorter one lets it grow while it is in use.

use std::collections::VecDeque;

use super::{MIN_PART, WINDOW_BYTES, WINDOW_ITEMS};

/// The queue that is aimed at: enough that the line never runs dry between two acknowledgements.
const QUEUE_MS: u64 = 700;
/// Bytes on the way at first.
const FIRST: usize = 32 * 1024;
/// Bytes on the way at least: a second at 64 kbit/s.
const LEAST: usize = 8 * 1024;
/// A correction is at most by half, or to twice as much; in 256ths.
const LIMITS: (u64, u64) = (128, 512);

struct Sent {
    bytes: usize,
    at_ms: u64,
}

pub(super) struct Pace {
    window: usize,
    flight: VecDeque<Sent>,
    bytes: usize,
    shortest_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            window: FIRST,
            flight: VecDeque::new(),
            bytes: 0,
            shortest_ms: u64::MAX,
        }
    }
}

impl Pace {
    /// Items on the way.
    pub(super) fn items(&self) -> usize {
        self.flight.len()
    }

    /// True iff an item of so many bytes may go now.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.flight.is_empty() || (self.bytes + bytes <= self.window && self.flight.len() < WINDOW_ITEMS)
    }

    /// Longest frame of items: half a window, so that one can be on the line while the other is acknowledged.
    pub(super) fn longest_frame(&self, most: usize) -> usize {
        most.min(self.window / 2).max(MIN_PART)
    }

    pub(super) fn sent(&mut self, now_ms: u64, bytes: usize) {
        self.bytes += bytes;
        self.flight.push_back(Sent { bytes, at_ms: now_ms });
    }

    /// The oldest so many items have become durable at the peer.
    pub(super) fn acknowledged(&mut self, now_ms: u64, items: usize) {
        let in_use = 2 * self.bytes >= self.window;
        let (mut bytes, mut sent_ms) = (0, None);
        for sent in self.flight.drain(..items) {
            bytes += sent.bytes;
            sent_ms = Some(sent.at_ms);
        }
        self.bytes -= bytes;
        let Some(sent_ms) = sent_ms else { return };
        let took = now_ms.saturating_sub(sent_ms);
        self.shortest_ms = self.shortest_ms.min(took);
        let factor = (256 * (self.shortest_ms + QUEUE_MS) / took.max(1)).clamp(LIMITS.0, LIMITS.1);
        let aim = self.window * factor as usize / 256;
        // By the share of a window that this acknowledges: one correction a round trip, however many acknowledgements tell of it.
        let share = bytes.min(self.window);
        let next = if aim < self.window {
            self.window - (self.window - aim) * share / self.window
        } else if in_use {
            self.window + (aim - self.window) * share / self.window
        } else {
            self.window
        };
        self.window = next.clamp(LEAST, WINDOW_BYTES);
    }
}
