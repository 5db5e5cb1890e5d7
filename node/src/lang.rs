//! French and English, side by side where the text is used: whoever changes one sees the other.

use std::fmt;
use std::str::FromStr;

mod errors;

pub use errors::request_in_french;

/// Columns of a terminal that nobody has widened.
pub const WIDTH: usize = 80;

/// An error with a sentence in each language; its `Display` is the English one.
pub trait Bilingual: fmt::Display {
    fn french(&self) -> String;
}

/// The language that people read. Data and `--json` never depend on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lang {
    #[default]
    En,
    Fr,
}

impl Lang {
    /// From `LC_ALL`, `LC_MESSAGES` or `LANG`; English when none says French.
    pub fn of_environment() -> Self {
        let set = |name| std::env::var(name).ok().filter(|v: &String| !v.is_empty());
        match set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG")) {
            Some(v) if v.starts_with("fr") => Self::Fr,
            _ => Self::En,
        }
    }

    /// The language of a command line that isn't parsed yet: `--lang`, or the environment's.
    pub fn of_arguments<S: AsRef<str>>(args: impl IntoIterator<Item = S>) -> Self {
        let mut args = args.into_iter().take_while(|a| a.as_ref() != "--");
        while let Some(arg) = args.next() {
            let given = match arg.as_ref().strip_prefix("--lang") {
                Some("") => args.next().and_then(|v| v.as_ref().parse().ok()),
                Some(rest) => rest.strip_prefix('=').and_then(|v| v.parse().ok()),
                None => None,
            };
            if let Some(lang) = given {
                return lang;
            }
        }
        Self::of_environment()
    }

    /// A number with its noun: `1 document`, `2 documents`. French counts none as one.
    pub fn count(self, n: u64, en: [&str; 2], fr: [&str; 2]) -> String {
        match self {
            Self::En => self.number(n, en),
            Self::Fr => self.number(n, fr),
        }
    }

    /// As [`Self::count`], with the noun of this language alone: one, several.
    pub fn number(self, n: u64, noun: [&str; 2]) -> String {
        let several = if self == Self::En { n != 1 } else { n > 1 };
        format!("{n} {}", noun[usize::from(several)])
    }

    /// The text in this language.
    pub fn pick<'a>(self, en: &'a str, fr: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::Fr => fr,
        }
    }
}

/// `label` then `text`, broken at spaces before [`WIDTH`], continued under `indent` columns; ends with a newline. French sets a space
/// before some marks: they stay with their word.
pub fn wrap(label: &str, text: &str, indent: usize) -> String {
    let mut out = label.to_owned();
    let mut column = label.chars().count();
    let mut gap = "";
    let mut rest = text.split(' ').peekable();
    while let Some(word) = rest.next() {
        let mut word = word.to_owned();
        while let Some(mark) = rest.next_if(|next| [":", ";", "!", "?", "»"].iter().any(|m| next.starts_with(m)) || word == "«") {
            word = format!("{word} {mark}");
        }
        let width = word.chars().count();
        if column + gap.len() + width > WIDTH && !gap.is_empty() {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            (column, gap) = (indent, "");
        }
        out.push_str(gap);
        out.push_str(&word);
        column += gap.len() + width;
        gap = " ";
    }
    out.push('\n');
    out
}

impl FromStr for Lang {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "en" => Ok(Self::En),
            "fr" => Ok(Self::Fr),
            _ => Err("choose fr or en".to_owned()),
        }
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pick("en", "fr"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_none_as_each_language_has_it() {
        let documents = |lang: Lang, n| lang.count(n, ["document", "documents"], ["document", "documents"]);
        assert_eq!(
            [0, 1, 2].map(|n| documents(Lang::En, n)),
            ["0 documents", "1 document", "2 documents"]
        );
        assert_eq!(
            [0, 1, 2].map(|n| documents(Lang::Fr, n)),
            ["0 document", "1 document", "2 documents"]
        );
    }

    #[test]
    fn a_line_breaks_before_eighty_columns_and_never_before_a_mark() {
        let words = "« a ; b ? » ".repeat(20);
        let wrapped = wrap("", words.trim_end(), 4);
        assert!(wrapped.lines().count() > 2);
        for line in wrapped.lines() {
            assert!(
                line.chars().count() <= WIDTH && !line.trim_start().starts_with([';', '?', '»']),
                "{line}"
            );
            assert!(!line.ends_with('«'), "{line}");
        }
        assert_eq!(
            wrapped.split_whitespace().collect::<Vec<_>>(),
            words.split_whitespace().collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_language_is_known_before_the_rest_of_the_line_is_understood() {
        assert_eq!(Lang::of_arguments(["bocage", "--help", "--lang", "fr"]), Lang::Fr);
        assert_eq!(Lang::of_arguments(["bocage", "--lang=fr", "nonsense"]), Lang::Fr);
        let other = Lang::of_environment();
        assert_eq!(
            Lang::of_arguments(["note", "add", "--", "--lang", if other == Lang::Fr { "en" } else { "fr" }]),
            other
        );
        assert_eq!(Lang::of_arguments(["--lang"]), other);
    }
}
