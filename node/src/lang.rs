//! French and English, side by side where the text is used: whoever changes one sees the other.

use std::fmt;
use std::str::FromStr;

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

    /// The text in this language.
    pub fn pick<'a>(self, en: &'a str, fr: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::Fr => fr,
        }
    }
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
