//! Every word that is shown, in French and English, from the files in `locales/`; numbers, dates and decimals as each language writes them.
//!
//! A missing text is a bug: debug builds stop there, release builds show its id. A test holds both files to the same ids and variables,
//! and every id in the sources to the files.

use std::borrow::Cow;
use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use time::{OffsetDateTime, UtcOffset};
use unic_langid::LanguageIdentifier;

/// Before units and after numbers, where a line must not break.
pub const NBSP: char = '\u{a0}';
/// Between groups of digits.
const THIN: char = '\u{202f}';

/// The language of the window.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Lang {
    #[default]
    Fr,
    En,
    /// English with accents and brackets: what isn't translated, or gets cut off, shows. For tests and translators.
    Pseudo,
}

type Bundle = FluentBundle<FluentResource>;

/// A value in a text.
pub type Value<'a> = FluentValue<'a>;

impl Lang {
    /// From `LC_ALL`, `LC_MESSAGES` or `LANG`.
    pub fn of_environment() -> Self {
        Self::of(bocage_node::lang::Lang::of_environment())
    }

    /// As the command line has it.
    pub fn of(lang: bocage_node::lang::Lang) -> Self {
        match lang {
            bocage_node::lang::Lang::Fr => Self::Fr,
            bocage_node::lang::Lang::En => Self::En,
        }
    }

    /// The language's code, as settings keep it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Fr => "fr",
            Self::En => "en",
            Self::Pseudo => "en-XA",
        }
    }

    pub fn of_code(code: &str) -> Option<Self> {
        [Self::Fr, Self::En, Self::Pseudo].into_iter().find(|l| l.code() == code)
    }

    /// The text of an id.
    pub fn t(self, id: &str) -> String {
        self.tv(id, &[])
    }

    /// The text of an id with its variables.
    pub fn tv(self, id: &str, values: &[(&str, Value<'_>)]) -> String {
        let bundle = self.bundle();
        let Some(pattern) = bundle.get_message(id).and_then(|m| m.value()) else {
            debug_assert!(false, "no text for {id}");
            return id.to_owned();
        };
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set(*name, value.clone());
        }
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
        debug_assert!(errors.is_empty(), "{id}: {errors:?}");
        if self == Self::Pseudo { format!("[{text}]") } else { text }
    }

    /// One of the two sentences that the node sends.
    pub fn pick<'a>(self, en: &'a str, fr: &'a str) -> &'a str {
        if self == Self::Fr { fr } else { en }
    }

    fn bundle(self) -> &'static Bundle {
        static BUNDLES: OnceLock<[Bundle; 3]> = OnceLock::new();
        let bundles = BUNDLES.get_or_init(|| [Self::Fr, Self::En, Self::Pseudo].map(make));
        &bundles[self as usize]
    }

    // ---- numbers and dates

    /// `12 345`, in groups of three.
    pub fn int(self, n: u64) -> String {
        let digits = n.to_string();
        let mut out = String::with_capacity(digits.len() + 4);
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                out.push(THIN);
            }
            out.push(digit);
        }
        out
    }

    /// A decimal number written with a point, as this language writes it.
    pub fn decimal(self, number: &str) -> String {
        if self == Self::Fr {
            number.replace('.', ",")
        } else {
            number.to_owned()
        }
    }

    /// A number of bytes: `1,2 Mo`, `1.2 MB`.
    pub fn bytes(self, n: u64) -> String {
        let units = if self == Self::Fr {
            ["octets", "ko", "Mo", "Go"]
        } else {
            ["bytes", "kB", "MB", "GB"]
        };
        let (mut rest, mut unit) = (n as f64, 0);
        while rest >= 1_000.0 && unit < units.len() - 1 {
            rest /= 1_000.0;
            unit += 1;
        }
        let number = if unit == 0 {
            n.to_string()
        } else {
            self.decimal(&format!("{rest:.1}"))
        };
        let one = if n < 2 { units[unit].trim_end_matches('s') } else { units[unit] };
        format!("{number}{NBSP}{one}")
    }

    /// `18 nov. 2026`.
    pub fn date(self, ms: u64, offset: UtcOffset) -> String {
        let at = moment(ms, offset);
        self.day(at.year(), u8::from(at.month()), at.day())
    }

    /// `09:40`.
    pub fn clock(self, ms: u64, offset: UtcOffset) -> String {
        let at = moment(ms, offset);
        format!("{:02}:{:02}", at.hour(), at.minute())
    }

    /// `18 nov. 2026, 09:40`.
    pub fn date_time(self, ms: u64, offset: UtcOffset) -> String {
        format!("{}, {}", self.date(ms, offset), self.clock(ms, offset))
    }

    /// The clock for today, the date before.
    pub fn recent(self, ms: u64, now_ms: u64, offset: UtcOffset) -> String {
        if moment(ms, offset).date() == moment(now_ms, offset).date() {
            self.clock(ms, offset)
        } else {
            self.date(ms, offset)
        }
    }

    /// A date as records hold it (`1992-03-12`, `1992-03`, `1992`).
    pub fn iso_date(self, text: &str) -> String {
        let parts: Vec<u16> = text.split('-').filter_map(|p| p.parse().ok()).collect();
        match parts[..] {
            [year, month @ 1..=12, day @ 1..=31] => self.day(i32::from(year), month as u8, day as u8),
            [year, month @ 1..=12] => format!("{}{NBSP}{year}", self.month(month as u8)),
            _ => text.to_owned(),
        }
    }

    /// The weekday and day: `dimanche 22 novembre`.
    pub fn today(self, now_ms: u64, offset: UtcOffset) -> String {
        let at = moment(now_ms, offset);
        let weekday = self.t(&format!("weekday-{}", at.weekday().number_from_monday()));
        let month = self.t(&format!("month-{}", u8::from(at.month())));
        self.tv(
            "today",
            &[
                ("weekday", weekday.into()),
                ("day", at.day().to_string().into()),
                ("month", month.into()),
            ],
        )
    }

    fn day(self, year: i32, month: u8, day: u8) -> String {
        let first = if self == Self::Fr && day == 1 { "er" } else { "" };
        format!("{day}{first}{NBSP}{}{NBSP}{year}", self.month(month))
    }

    fn month(self, month: u8) -> String {
        const FR: [&str; 12] = [
            "janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.",
        ];
        const EN: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let names = if self == Self::Fr { FR } else { EN };
        names[usize::from(month.clamp(1, 12)) - 1].to_owned()
    }
}

/// Whole years from a birth date (`1992-03-12`) to a day; `None` where the date is not that exact, or later.
pub fn age(birth_date: &str, now_ms: u64, offset: UtcOffset) -> Option<u16> {
    let mut parts = birth_date.split('-').map(|p| p.parse::<i32>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let today = moment(now_ms, offset);
    let had = (i32::from(u8::from(today.month())), i32::from(today.day())) >= (month, day);
    u16::try_from(today.year() - year - i32::from(!had)).ok()
}

/// A day as records hold it: `2026-11-18`.
pub fn iso_day(ms: u64, offset: UtcOffset) -> String {
    let at = moment(ms, offset);
    format!("{:04}-{:02}-{:02}", at.year(), u8::from(at.month()), at.day())
}

fn moment(ms: u64, offset: UtcOffset) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp((ms / 1_000) as i64)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .to_offset(offset)
}

fn make(lang: Lang) -> Bundle {
    let (id, source) = match lang {
        Lang::Fr => ("fr", include_str!("../locales/fr.ftl")),
        Lang::En | Lang::Pseudo => ("en", include_str!("../locales/en.ftl")),
    };
    let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, errors)| {
        debug_assert!(errors.is_empty(), "{}.ftl: {errors:?}", lang.code());
        resource
    });
    let mut bundle = Bundle::new_concurrent(vec![id.parse::<LanguageIdentifier>().unwrap_or_default()]);
    // Marks of direction around each value would be drawn as boxes.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(|value, _| match value {
        FluentValue::Number(n) if n.value >= 0.0 => Some(Lang::default().int(n.value as u64)),
        _ => None,
    }));
    match lang {
        Lang::Fr => bundle.set_transform(Some(typeset)),
        Lang::Pseudo => bundle.set_transform(Some(accented)),
        Lang::En => {}
    }
    let added = bundle.add_resource(resource);
    debug_assert!(added.is_ok(), "{}.ftl: {added:?}", lang.code());
    bundle
}

/// French as it is printed: a line doesn't break before a colon, semicolon, question or exclamation mark, nor inside quotes.
pub fn typeset(text: &str) -> Cow<'_, str> {
    if !text.contains([':', ';', '?', '!', '»', '«', '%']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let space = match (c, chars.peek()) {
            (' ', Some(':' | '»' | '%')) => Some(NBSP),
            (' ', Some(';' | '?' | '!')) => Some(THIN),
            _ if c == ' ' && out.ends_with('«') => Some(NBSP),
            _ => None,
        };
        out.push(space.unwrap_or(c));
    }
    Cow::Owned(out)
}

/// Longer, and unmistakable: what a translation may become.
fn accented(text: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        out.push(match c {
            'a' => 'á',
            'e' => 'é',
            'i' => 'ï',
            'o' => 'ó',
            'u' => 'ü',
            'A' => 'Å',
            'E' => 'É',
            'n' => 'ñ',
            'c' => 'ç',
            other => other,
        });
        if matches!(c, 'a' | 'e' | 'o') && out.len().is_multiple_of(3) {
            out.push('·');
        }
    }
    Cow::Owned(out)
}

/// The first of the typed invitation words that is in neither language's list.
pub fn unlisted_word(typed: &str) -> Option<String> {
    bocage_node::words::Words::first_unknown(typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 18 November 2026, 09:40 UTC.
    const NOW: u64 = 1_794_994_800_000;

    #[test]
    fn numbers_dates_and_ages_read_as_people_write_them() {
        assert_eq!(Lang::Fr.int(100_000), "100\u{202f}000");
        assert_eq!(Lang::Fr.int(12), "12");
        assert_eq!(Lang::Fr.decimal("37.1"), "37,1");
        assert_eq!(Lang::Fr.bytes(1_234_567), "1,2\u{a0}Mo");
        assert_eq!(Lang::Fr.bytes(0), "0\u{a0}octet");
        assert_eq!(Lang::Fr.iso_date("2011-03-01"), "1er\u{a0}mars\u{a0}2011");
        assert_eq!(Lang::En.bytes(999), "999\u{a0}bytes");
        assert_eq!(Lang::En.decimal("37.1"), "37.1");
        assert_eq!(Lang::Fr.date_time(NOW, UtcOffset::UTC), "18\u{a0}nov.\u{a0}2026, 09:40");
        assert_eq!(Lang::En.iso_date("1992-03-12"), "12\u{a0}Mar\u{a0}1992");
        assert_eq!(Lang::En.iso_date("1992"), "1992");
        assert_eq!(Lang::Fr.today(NOW, UtcOffset::UTC), "mercredi 18 novembre");
        assert_eq!(
            typeset("Grave : « non » ; sûr ? 5 % oui !"),
            "Grave\u{a0}: «\u{a0}non\u{a0}»\u{202f}; sûr\u{202f}? 5\u{a0}% oui\u{202f}!"
        );
        assert_eq!(age("1992-11-18", NOW, UtcOffset::UTC), Some(34));
        assert_eq!(age("1992-11-19", NOW, UtcOffset::UTC), Some(33));
        assert_eq!(age("1992", NOW, UtcOffset::UTC), None);
        assert_eq!(age("2027-01-01", NOW, UtcOffset::UTC), None);
    }
}
