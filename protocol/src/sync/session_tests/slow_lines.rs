//! Two sessions over a line of a rate and a round trip, in virtual time, with buffers that swallow whatever they are given.

use super::*;

/// Frames that are under way in one direction.
struct Line {
    bytes_per_second: u64,
    one_way_ms: u64,
    free_ms: u64,
    under_way: std::collections::VecDeque<(u64, Vec<u8>)>,
}

impl Line {
    fn new(bytes_per_second: u64, one_way_ms: u64) -> Self {
        Self {
            bytes_per_second,
            one_way_ms,
            free_ms: 0,
            under_way: std::collections::VecDeque::new(),
        }
    }

    fn push(&mut self, now_ms: u64, frame: Vec<u8>) {
        let takes = frame.len() as u64 * 1_000 / self.bytes_per_second;
        self.free_ms = self.free_ms.max(now_ms) + takes;
        self.under_way.push_back((self.free_ms + self.one_way_ms, frame));
    }

    fn arrived(&mut self, now_ms: u64) -> Option<Vec<u8>> {
        self.under_way.pop_front_if(|(at, _)| *at <= now_ms).map(|(_, frame)| frame)
    }
}

/// What became of a transfer.
#[derive(Default)]
struct Outcome {
    all_ms: u64,
    /// Of items, as they were encoded.
    bytes: u64,
    /// How long what was written at `WRITTEN_MS` took to the other side.
    urgent_ms: u64,
}

const WRITTEN_MS: u64 = 20_000;

/// `bulk` items cross; something urgent of a kilobyte is written twenty seconds later.
fn cross(bytes_per_second: u64, one_way_ms: u64, bulk: &[Item], urgent: &Item) -> Outcome {
    let mut pair = Pair::new(bulk, &[]);
    let (mut there, mut back) = (Line::new(bytes_per_second, one_way_ms), Line::new(bytes_per_second, one_way_ms));
    let mut outcome = Outcome::default();
    for now_ms in (0..10_000_000).step_by(5) {
        (pair.a.now_ms, pair.b.now_ms) = (now_ms, now_ms);
        if now_ms == WRITTEN_MS {
            pair.a.store(urgent);
        }
        while let Some(frame) = there.arrived(now_ms) {
            pair.b.receive(&frame).unwrap();
        }
        while let Some(frame) = back.arrived(now_ms) {
            pair.a.receive(&frame).unwrap();
        }
        while let Some(frame) = pair.a.send(60 * 1024) {
            there.push(now_ms, frame);
        }
        while let Some(frame) = pair.b.send(60 * 1024) {
            back.push(now_ms, frame);
        }
        if outcome.urgent_ms == 0 && pair.b.index.contains(&urgent.0) {
            outcome.urgent_ms = now_ms - WRITTEN_MS;
        }
        let others = pair.b.index.len() - u64::from(pair.b.index.contains(&urgent.0));
        if outcome.all_ms == 0 && others == bulk.len() as u64 {
            outcome.all_ms = now_ms;
        }
        if outcome.all_ms > 0 && outcome.urgent_ms > 0 {
            outcome.bytes = pair.a.statistics().item_bytes_sent;
            return outcome;
        }
    }
    panic!("it never ended");
}

#[test]
fn what_is_urgent_waits_behind_a_second_of_what_is_not_and_the_line_stays_full() {
    let mut territory = Territory::new(5, 24, 100);
    let bulk: Vec<Item> = (0..6_000)
        .map(|_| territory.write(Kind::Content, Lane::Rest, padded_len(700) + TAG))
        .collect();
    let urgent = territory.write(Kind::Content, Lane::Urgent, padded_len(1_000) + TAG);
    for (kbit, one_way_ms) in [(64, 150), (256, 150), (256, 400), (1_000, 50), (4_000, 300), (20_000, 20)] {
        let rate = kbit * 1_000 / 8;
        let loaded = cross(rate, one_way_ms, &bulk, &urgent);
        let alone = cross(rate, one_way_ms, &[], &urgent);
        let later = loaded.urgent_ms.saturating_sub(alone.urgent_ms);
        println!(
            "{kbit} kbit/s, {} ms: all of {} kB in {:.1} s, the line alone needs {:.1}; urgent after {} ms, {} on an empty line",
            2 * one_way_ms,
            loaded.bytes / 1_000,
            loaded.all_ms as f64 / 1_000.0,
            loaded.bytes as f64 / rate as f64,
            loaded.urgent_ms,
            alone.urgent_ms
        );
        let most = if kbit < 128 { 6_000 } else { 3_000 };
        assert!(loaded.all_ms < WRITTEN_MS || later <= most, "{kbit} kbit/s: {later} ms later");
        assert!(loaded.bytes > 4_500_000);
        let needed_ms = loaded.bytes * 1_000 / rate + 4 * one_way_ms;
        assert!(
            loaded.all_ms * 4 <= needed_ms * 5,
            "{kbit} kbit/s: {} for {needed_ms} ms",
            loaded.all_ms
        );
    }
}
