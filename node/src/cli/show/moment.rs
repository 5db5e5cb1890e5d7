//! Moments as people read them: day before month, on the clock of this machine's wall; UTC, and labelled so, where that isn't known.

use time::{OffsetDateTime, UtcOffset};

/// `21/11/2026 22:49`.
pub(in crate::cli) fn moment(ms: u64) -> String {
    let utc = i64::try_from(ms / 1_000)
        .ok()
        .and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    let utc = utc.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    written(utc, UtcOffset::local_offset_at(utc).ok())
}

fn written(utc: OffsetDateTime, offset: Option<UtcOffset>) -> String {
    let at = utc.checked_to_offset(offset.unwrap_or(UtcOffset::UTC)).unwrap_or(utc);
    let label = if at.offset().is_utc() { " UTC" } else { "" };
    let (day, month, year) = (at.day(), u8::from(at.month()), at.year());
    format!("{day:02}/{month:02}/{year:04} {:02}:{:02}{label}", at.hour(), at.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_on_the_wall_s_clock_or_says_that_it_is_not() {
        let at = OffsetDateTime::from_unix_timestamp(1_795_301_340).unwrap();
        assert_eq!(written(at, None), "21/11/2026 22:49 UTC");
        assert_eq!(written(at, UtcOffset::from_hms(2, 0, 0).ok()), "22/11/2026 00:49");
    }
}
