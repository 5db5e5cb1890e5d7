//! Reading FHIR datatypes out of JSON, each field with its path.
//!
//! Absent and null are the same; a primitive whose value is replaced by an extension (`_birthDate`) counts as present but unread.

use bocage_protocol::clinical::identifiers::{Kind, system};
use serde_json::{Map, Value};
use thiserror::Error;

/// Longest list that is read of one field; longer ones are refused, a resource can't hold many more anyway.
const MAX_ELEMENTS: usize = 4096;

/// A mapped field that can't be read. Blames the sender.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
#[error("{path}: {what}")]
pub struct ViewError {
    /// FHIR path, as in `Patient.name[0].family`.
    pub path: String,
    pub what: String,
}

impl ViewError {
    pub(super) fn at(path: &str, what: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            what: what.into(),
        }
    }

    pub(super) fn under(self, parent: &str) -> Self {
        let path = if self.path.is_empty() {
            parent.to_owned()
        } else {
            format!("{parent}.{}", self.path)
        };
        Self { path, ..self }
    }
}

/// The members of one JSON object.
#[derive(Clone, Copy)]
pub struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// # Errors
    /// Not an object.
    pub fn of_resource(value: &'a Value) -> Result<Self, ViewError> {
        value.as_object().map(Self).ok_or_else(|| ViewError::at("", "expected an object"))
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|v| !v.is_null())
    }

    /// True if the field has a value or an extension in place of one.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some() || self.get(&format!("_{name}")).is_some()
    }

    pub(super) fn require(&self, name: &str) -> Result<(), ViewError> {
        if self.has(name) {
            Ok(())
        } else {
            Err(ViewError::at(name, "required and missing"))
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, ViewError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(ViewError::at(name, "expected a string")),
        }
    }

    pub(super) fn owned(&self, name: &str) -> Result<Option<String>, ViewError> {
        Ok(self.text(name)?.map(str::to_owned))
    }

    /// A code: no outer or doubled spaces.
    pub(super) fn code(&self, name: &str) -> Result<Option<String>, ViewError> {
        match self.text(name)? {
            Some(c) if c.trim() != c || c.contains("  ") || c.contains(['\n', '\t', '\r']) => Err(ViewError::at(name, "expected a code")),
            other => Ok(other.map(str::to_owned)),
        }
    }

    pub(super) fn required_code(&self, name: &str) -> Result<&'a str, ViewError> {
        self.text(name)?.ok_or_else(|| ViewError::at(name, "required and missing"))
    }

    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, ViewError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(b)) => Ok(Some(*b)),
            Some(_) => Err(ViewError::at(name, "expected true or false")),
        }
    }

    /// A decimal, as the text it was written with.
    pub(super) fn decimal(&self, name: &str) -> Result<Option<String>, ViewError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Number(n)) => Ok(Some(n.to_string())),
            Some(_) => Err(ViewError::at(name, "expected a number")),
        }
    }

    /// Year, month or day: `1970`, `1970-05`, `1970-05-01`.
    pub(super) fn date(&self, name: &str) -> Result<Option<String>, ViewError> {
        match self.text(name)? {
            Some(t) if !is_date(t) => Err(ViewError::at(name, "expected a date")),
            other => Ok(other.map(str::to_owned)),
        }
    }

    /// A date, or a date with time and zone.
    pub(super) fn date_time(&self, name: &str) -> Result<Option<String>, ViewError> {
        match self.text(name)? {
            Some(t) if !is_date_time(t) => Err(ViewError::at(name, "expected a date or date and time with zone")),
            other => Ok(other.map(str::to_owned)),
        }
    }

    pub(super) fn object<T>(&self, name: &str, read: impl FnOnce(&Self) -> Result<T, ViewError>) -> Result<Option<T>, ViewError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(map)) => read(&Fields(map)).map(Some).map_err(|e| e.under(name)),
            Some(_) => Err(ViewError::at(name, "expected an object")),
        }
    }

    pub(super) fn objects<T>(&self, name: &str, mut read: impl FnMut(&Self) -> Result<T, ViewError>) -> Result<Vec<T>, ViewError> {
        self.elements(name)?
            .map(|(path, value)| match value {
                Value::Object(map) => read(&Fields(map)).map_err(|e| e.under(&path)),
                _ => Err(ViewError::at(&path, "expected an object")),
            })
            .collect()
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, ViewError> {
        self.elements(name)?
            .map(|(path, value)| {
                value
                    .as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| ViewError::at(&path, "expected a string"))
            })
            .collect()
    }

    fn elements(&self, name: &str) -> Result<impl Iterator<Item = (String, &'a Value)>, ViewError> {
        let list = match self.get(name) {
            None => &[][..],
            Some(Value::Array(list)) if list.len() <= MAX_ELEMENTS => list,
            Some(_) => return Err(ViewError::at(name, "expected a list")),
        };
        let name = name.to_owned();
        Ok(list
            .iter()
            .enumerate()
            .filter(|(_, v)| !v.is_null())
            .map(move |(i, v)| (format!("{name}[{i}]"), v)))
    }

    /// The literal reference in a Reference.
    pub(super) fn reference(&self, name: &str) -> Result<Option<String>, ViewError> {
        self.object(name, |r| r.owned("reference")).map(Option::flatten)
    }

    pub(super) fn concept(&self, name: &str) -> Result<Option<Concept>, ViewError> {
        self.object(name, Concept::read)
    }
}

/// A coding as it stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coding {
    pub system: Option<String>,
    pub code: Option<String>,
    pub display: Option<String>,
}

impl Coding {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ViewError> {
        Ok(Self {
            system: fields.owned("system")?,
            code: fields.code("code")?,
            display: fields.owned("display")?,
        })
    }
}

/// A CodeableConcept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Concept {
    pub codings: Vec<Coding>,
    pub text: Option<String>,
}

impl Concept {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ViewError> {
        Ok(Self {
            codings: fields.objects("coding", Coding::read)?,
            text: fields.owned("text")?,
        })
    }

    /// The code in one system.
    pub fn code(&self, system: &str) -> Option<&str> {
        self.codings.iter().find(|c| c.system.as_deref() == Some(system))?.code.as_deref()
    }

    /// The first code, of whatever system.
    pub fn first_code(&self) -> Option<&str> {
        self.codings.iter().find_map(|c| c.code.as_deref())
    }

    /// What to show: the author's words, else a display, else a code.
    pub fn label(&self) -> Option<&str> {
        let display = || self.codings.iter().find_map(|c| c.display.as_deref());
        self.text.as_deref().or_else(display).or_else(|| self.first_code())
    }
}

/// An identifier with a system and a value.
#[derive(Clone, PartialEq, Eq)]
pub struct Identifier {
    pub system: Option<String>,
    pub value: Option<String>,
    /// False if this is a national number whose format or key doesn't hold.
    pub sound: bool,
}

impl Identifier {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ViewError> {
        let (system, value) = (fields.owned("system")?, fields.owned("value")?);
        let sound = match (system.as_deref().and_then(Kind::of_system), &value) {
            (Some(kind), Some(value)) => kind.received(value).is_ok_and(|r| r.key_holds),
            _ => true,
        };
        Ok(Self { system, value, sound })
    }

    pub fn is_ins(&self) -> bool {
        self.system.as_deref().is_some_and(system::is_ins)
    }
}

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, with a day that exists.
pub fn is_date(text: &str) -> bool {
    let number = |part: &str, width: usize| -> Option<u32> {
        (part.len() == width && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let parts: Vec<&str> = text.splitn(4, '-').collect();
    let year = number(parts[0], 4).filter(|y| *y > 0);
    let month = parts.get(1).map(|m| number(m, 2).filter(|m| (1..=12).contains(m)));
    let day = parts.get(2).map(|d| number(d, 2).filter(|d| *d >= 1));
    match (year, month, day, parts.len()) {
        (Some(_), None, None, 1) | (Some(_), Some(Some(_)), None, 2) => true,
        (Some(y), Some(Some(m)), Some(Some(d)), 3) => d <= days_in(y, m),
        _ => false,
    }
}

/// A date, or a whole date with `T`, time with seconds, optional fraction, and zone.
pub fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once('T') else {
        return is_date(text);
    };
    if date.len() != 10 || !is_date(date) {
        return false;
    }
    let Some(zone_at) = time.find(['Z', '+', '-']) else { return false };
    let (clock, zone) = time.split_at(zone_at);
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(c, f)| (c, Some(f)));
    let pair = |b: &[u8], most: u8| b.len() == 2 && b.iter().all(u8::is_ascii_digit) && (b[0] - b'0') * 10 + b[1] - b'0' <= most;
    let hm = |b: &[u8], most| b.len() == 5 && pair(&b[..2], most) && b[2] == b':' && pair(&b[3..], 59);
    let c = clock.as_bytes();
    c.len() == 8
        && hm(&c[..5], 23)
        && c[5] == b':'
        && pair(&c[6..], 60)
        && fraction.is_none_or(|f| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()))
        && (zone == "Z" || hm(&zone.as_bytes()[1..], 14))
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_fhir_dates() {
        for good in [
            "1970",
            "1970-05",
            "2024-02-29",
            "2026-11-21T10:00:00+01:00",
            "2026-11-21T23:59:60.123Z",
        ] {
            assert!(is_date_time(good), "{good}");
        }
        for bad in [
            "",
            "70",
            "0000",
            "1970-13",
            "1970-5",
            "2023-02-29",
            "1970-01-01-01",
            "2026-11-21T10:00",
            "2026-11-21T10:00:00",
            "2026-11T10:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T10:00:00.Z",
            "2026-11-21T10:00:00+1:00",
            "2026-11-21T10:00:00Zé",
            "21/11/2026",
        ] {
            assert!(!is_date_time(bad), "{bad}");
        }
    }
}
