//! What is being filled in: rules of the fields, without a window and without the node.

use std::collections::BTreeSet;
use std::path::PathBuf;

use bocage_protocol::clinical::identifiers::{IdentifierError, Kind as Number};
use bocage_protocol::clinical::news2::{self, News2, Readings, Scale};
use bocage_protocol::clinical::request::Kind;
use bocage_protocol::clinical::vitals::{Measure, Sign, VitalError};

use super::State;
use super::{Field, Founding, Secret};
use crate::view::{FieldNow, Invited, Problem, Recipient, Sex};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FacilityKind {
    #[default]
    Clinic,
    Pharmacy,
    Cabin,
    Mobile,
}

impl FacilityKind {
    pub const ALL: [Self; 4] = [Self::Clinic, Self::Pharmacy, Self::Cabin, Self::Mobile];

    /// The id of its name.
    pub fn text(self) -> &'static str {
        match self {
            Self::Clinic => "kind-clinic",
            Self::Pharmacy => "kind-pharmacy",
            Self::Cabin => "kind-cabin",
            Self::Mobile => "kind-mobile",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profession {
    Doctor,
    Nurse,
    Pharmacist,
}

impl Profession {
    pub const ALL: [Self; 3] = [Self::Doctor, Self::Nurse, Self::Pharmacist];

    pub fn text(self) -> &'static str {
        match self {
            Self::Doctor => "profession-doctor",
            Self::Nurse => "profession-nurse",
            Self::Pharmacist => "profession-pharmacist",
        }
    }
}

/// The first run: found a network or join one.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Setup {
    pub step: Step,
    pub founding: bool,
    pub kind: FacilityKind,
    pub profession: Option<Profession>,
    pub working: bool,
    pub problem: Option<Problem>,
    /// Fields that were left in a state which can't be sent: shown after the first try to go on.
    pub tried: bool,
    /// Words that the inviting place has to compare.
    pub waiting: Option<String>,
    /// Files on this machine that may be invitations.
    pub found: Vec<PathBuf>,
    /// What the invitation says, once its words opened it.
    pub invited: Option<Invited>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Step {
    #[default]
    Choose,
    /// Of joining alone.
    Invitation,
    Place,
    Person,
    Passphrase,
}

impl Step {
    /// Those of a founding, or of a joining, in order.
    pub fn all(founding: bool) -> &'static [Self] {
        if founding {
            &[Self::Choose, Self::Place, Self::Person, Self::Passphrase]
        } else {
            &[Self::Choose, Self::Invitation, Self::Place, Self::Person, Self::Passphrase]
        }
    }
}

impl Setup {
    /// The step before and the step after.
    pub fn neighbours(&self) -> (Option<Step>, Option<Step>) {
        let all = Step::all(self.founding);
        let at = all.iter().position(|s| *s == self.step).unwrap_or(0);
        (at.checked_sub(1).map(|before| all[before]), all.get(at + 1).copied())
    }

    /// Which step this is, and of how many.
    pub fn progress(&self) -> (u64, u64) {
        let all = Step::all(self.founding);
        let at = all.iter().position(|s| *s == self.step).unwrap_or(0);
        (at as u64, all.len() as u64 - 1)
    }
}

/// The visit that is being written.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Visit {
    pub patient: String,
    /// Breathing air or oxygen, once somebody has looked.
    pub oxygen: Option<bool>,
    pub scale_two: bool,
    pub working: bool,
    /// Whether to give it up has been asked once.
    pub dropping: bool,
    pub problem: Option<Problem>,
    pub draft_saved_ms: Option<u64>,
    /// What the node found wrong in a field.
    pub refused: Vec<(Field, Problem)>,
}

/// Parts of a record that can go with a question, besides the identity.
pub const PARTS: [&str; 3] = ["clinical", "medication", "emergency"];

/// Those that a colleague needs to give an opinion: what happened, and what may not be prescribed.
pub const USUAL_PARTS: [&str; 2] = ["clinical", "medication"];

/// The question that is being written.
#[derive(Clone, PartialEq, Debug)]
pub struct Compose {
    pub patient: String,
    pub kind: Kind,
    pub urgent: bool,
    pub to: Option<Recipient>,
    pub parts: BTreeSet<&'static str>,
    /// Somebody chose the parts; until then they are what a colleague needs, as far as there is any.
    pub parts_chosen: bool,
    /// Whether to give it up has been asked once.
    pub dropping: bool,
    /// Whom the search finds.
    pub recipients: Vec<Recipient>,
    /// The keyboard's place among them.
    pub cursor: Option<u64>,
    pub working: bool,
    pub problem: Option<Problem>,
}

impl Default for Compose {
    fn default() -> Self {
        Self {
            patient: String::new(),
            kind: Kind::TeleExpertise,
            urgent: false,
            to: None,
            parts: BTreeSet::new(),
            parts_chosen: false,
            dropping: false,
            recipients: Vec::new(),
            cursor: None,
            working: false,
            problem: None,
        }
    }
}

/// An entry that is being corrected, or withdrawn.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Correction {
    pub patient: String,
    pub entry: String,
    /// Of a measure.
    pub sign: Option<Sign>,
    /// What can be typed anew, with what it says now; what is chosen among a few (how grave an allergy is, a sex) is apart.
    pub fields: Vec<FieldNow>,
    /// Of an allergy.
    pub severe: Option<bool>,
    pub severe_changed: bool,
    /// Of an identity.
    pub sex: Option<Sex>,
    /// Whether it was made in error has been asked once.
    pub withdrawing: bool,
    pub working: bool,
    pub problem: Option<Problem>,
}

/// A treatment that is about to be stopped, a problem or an allergy about to be said to be over.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Ending {
    pub patient: String,
    pub entry: String,
    pub working: bool,
    pub problem: Option<Problem>,
}

/// Another passphrase, being typed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rekeying {
    pub working: bool,
    pub problem: Option<Problem>,
}

/// A facility that the record is about to be shared with.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sharing {
    pub key: String,
    pub facility: String,
    pub working: bool,
    pub problem: Option<Problem>,
}

/// Signs of a visit's form, in the order in which they are taken.
pub const SIGNS: [Sign; 11] = [
    Sign::BloodPressure,
    Sign::HeartRate,
    Sign::RespiratoryRate,
    Sign::OxygenSaturation,
    Sign::Temperature,
    Sign::Consciousness,
    Sign::Pain,
    Sign::Weight,
    Sign::Height,
    Sign::Glucose,
    Sign::Hba1c,
];

/// Characters that a new passphrase has at least: as the keystore has it.
pub const SHORTEST_PASSPHRASE: usize = 12;

/// What is wrong with a field, as the id of a text and its variables.
#[derive(Clone, PartialEq, Debug)]
pub struct Wrong {
    pub id: &'static str,
    pub values: Vec<(&'static str, String)>,
    /// What was very likely meant, as it is typed.
    pub instead: Option<String>,
}

impl Wrong {
    fn of(id: &'static str) -> Self {
        Self {
            id,
            values: Vec::new(),
            instead: None,
        }
    }
}

impl State {
    /// What is wrong with what is typed in a field, if it is more than begun.
    pub fn wrong(&self, field: Field) -> Option<Wrong> {
        let text = self.text(field).trim();
        if text.is_empty() {
            return None;
        }
        match field {
            Field::Vital(sign) => self.measure(sign)?.err().map(|e| vital_wrong(sign, text, e)),
            Field::Birth => self.date_wrong(text),
            Field::Since | Field::EndDay => self.since_wrong(text),
            Field::Correction(place) => {
                let correction = self.correction.as_ref()?;
                let before = correction.fields.get(usize::from(place))?;
                // What came so stays so: only what is typed anew is judged.
                if before.value.trim() == text {
                    return None;
                }
                match before.name.as_str() {
                    "birth-date" => self.date_wrong(text),
                    "since" => self.since_wrong(text),
                    "ins" => number(Number::Ins, text),
                    "value" => {
                        let sign = correction.sign?;
                        let measured = Measure::parse(sign, &self.with_unit(sign, text));
                        measured.err().map(|e| vital_wrong(sign, text, e))
                    }
                    _ => None,
                }
            }
            Field::Words => crate::i18n::unlisted_word(self.text(field)).map(|word| Wrong {
                values: vec![("word", word)],
                ..Wrong::of("wrong-word")
            }),
            Field::Ins => number(Number::Ins, text),
            Field::Rpps => number(Number::Rpps, text),
            Field::Finess => number(Number::Finess, text),
            Field::Passphrase if self.is_choosing_passphrase() && text.chars().count() < SHORTEST_PASSPHRASE => {
                Some(Wrong::of("wrong-passphrase-short"))
            }
            Field::PassphraseAgain if text != self.text(Field::Passphrase).trim() => Some(Wrong::of("wrong-passphrase-again")),
            _ => None,
        }
    }

    /// A new one is typed: the one that opens the desk is judged by the keystore.
    fn is_choosing_passphrase(&self) -> bool {
        self.rekeying.is_some() || matches!(self.phase, super::Phase::FirstRun(_))
    }

    /// Why this is no day in the past.
    fn date_wrong(&self, text: &str) -> Option<Wrong> {
        let today = crate::i18n::iso_day(self.now_ms, self.offset);
        match birth_date(text) {
            Some(date) => (date.as_str() > today.as_str()).then(|| Wrong::of("wrong-future")),
            None => Some(two_digit_year(text, &today).unwrap_or_else(|| Wrong::of("wrong-date"))),
        }
    }

    /// As [`Self::date_wrong`], for what is often known to the month or the year alone.
    fn since_wrong(&self, text: &str) -> Option<Wrong> {
        match since_date(text) {
            Some(date) => (date.as_str() > crate::i18n::iso_day(self.now_ms, self.offset).as_str()).then(|| Wrong::of("wrong-future")),
            None => Some(Wrong::of("wrong-since")),
        }
    }

    /// The measure typed for a sign, or why it is none; `None` where nothing is typed.
    pub fn measure(&self, sign: Sign) -> Option<Result<Measure, VitalError>> {
        let text = self.text(Field::Vital(sign)).trim();
        (!text.is_empty()).then(|| Measure::parse(sign, &self.with_unit(sign, text)))
    }

    /// A glucose as it is typed in French is in grams a litre, as its field says; milligrams are never so few.
    pub fn with_unit(&self, sign: Sign, text: &str) -> String {
        let grams = self.lang() == crate::i18n::Lang::Fr && sign == Sign::Glucose;
        match spoken_glucose(text).filter(|_| grams) {
            Some(with_unit) => with_unit,
            None => text.to_owned(),
        }
    }

    /// NEWS2 of what is typed so far; `None` for a child, where the age isn't known, and where nothing that is scored was taken.
    pub fn score(&self) -> Option<News2> {
        let patient = &self.record_of(&self.visit.patient)?.patient;
        let age = crate::i18n::age(&patient.birth_date, self.now_ms, self.offset)?;
        let mut readings = Readings::default();
        readings.oxygen = self.visit.oxygen;
        let measures: Vec<Measure> = SIGNS.into_iter().filter_map(|s| self.measure(s)?.ok()).collect();
        let scored = measures.into_iter().filter(|m| readings.take(*m)).count();
        let scale = if self.visit.scale_two { Scale::Two } else { Scale::One };
        (age >= u16::from(news2::FROM_AGE) && scored > 0).then(|| readings.score(scale))
    }

    /// Fields of this step of the first run that must be filled in.
    pub fn required(&self, setup: &Setup) -> Vec<Field> {
        match setup.step {
            Step::Choose => Vec::new(),
            Step::Place if setup.founding => vec![Field::Network, Field::Facility],
            Step::Invitation => vec![Field::InvitationFile, Field::Words],
            Step::Place => vec![Field::Facility],
            Step::Person if setup.kind == FacilityKind::Cabin => Vec::new(),
            Step::Person => vec![Field::Practitioner],
            Step::Passphrase => vec![Field::Passphrase, Field::PassphraseAgain],
        }
    }

    /// True iff this step of the first run can be left forwards.
    pub fn step_is_complete(&self, setup: &Setup) -> bool {
        self.missing_of_step(setup).is_empty()
    }

    /// Names of what has to be filled in or put right before this step of the first run can be left forwards.
    pub fn missing_of_step(&self, setup: &Setup) -> Vec<&'static str> {
        if setup.step == Step::Choose {
            return Vec::new();
        }
        let empty = self.required(setup).into_iter().filter(|f| self.text(*f).trim().is_empty());
        let mut missing: Vec<&str> = empty
            .map(|f| match f {
                Field::Network => "field-network",
                Field::Facility => "field-facility",
                Field::InvitationFile => "field-invitation",
                Field::Words => "field-words",
                Field::Practitioner => "field-practitioner",
                Field::Passphrase => "field-new-passphrase",
                _ => "field-passphrase-again",
            })
            .collect();
        if setup.step == Step::Person && setup.kind != FacilityKind::Cabin && setup.profession.is_none() {
            missing.push("field-profession");
        }
        let typed = [
            (Field::Finess, "field-finess"),
            (Field::Rpps, "field-rpps"),
            (Field::PassphraseAgain, "field-passphrase-again"),
        ];
        missing.extend(typed.into_iter().filter(|(f, _)| self.wrong(*f).is_some()).map(|(_, id)| id));
        missing
    }

    pub(super) fn founding(&self, setup: &Setup) -> Founding {
        let typed = |f: Field| self.text(f).trim().to_owned();
        Founding {
            network: typed(Field::Network),
            facility: typed(Field::Facility),
            kind: setup.kind,
            town: typed(Field::Town),
            finess: typed(Field::Finess),
            practitioner: if setup.kind == FacilityKind::Cabin {
                String::new()
            } else {
                typed(Field::Practitioner)
            },
            profession: setup.profession.filter(|_| setup.kind != FacilityKind::Cabin),
            rpps: typed(Field::Rpps),
            passphrase: Secret::new(self.text(Field::Passphrase).to_owned()),
        }
    }
}

fn number(kind: Number, text: &str) -> Option<Wrong> {
    let id = match kind.entered(text) {
        Ok(_) => return None,
        Err(IdentifierError::Key) => "wrong-key",
        Err(_) => match kind {
            Number::Ins => "wrong-ins",
            Number::Rpps => "wrong-rpps",
            _ => "wrong-finess",
        },
    };
    Some(Wrong::of(id))
}

fn vital_wrong(sign: Sign, text: &str, error: VitalError) -> Wrong {
    let meant = match sign {
        Sign::BloodPressure => spoken_pressure(text),
        Sign::Glucose => spoken_glucose(text),
        Sign::Height => spoken_height(text),
        _ => None,
    };
    if let Some(meant) = meant {
        return Wrong {
            values: vec![("value", meant.clone())],
            instead: Some(meant),
            ..Wrong::of("wrong-spoken")
        };
    }
    match error {
        VitalError::OutOfLimits { low, high, decimals, .. } => Wrong {
            id: "wrong-limits",
            instead: None,
            values: vec![("low", limit(low, decimals)), ("high", limit(high, decimals))],
        },
        VitalError::DiastolicNotBelowSystolic => Wrong::of("wrong-diastolic"),
        VitalError::NotAcvpu => Wrong::of("wrong-acvpu"),
        VitalError::TooPrecise { decimals: 0 } => Wrong::of("wrong-whole"),
        VitalError::TooPrecise { decimals } => Wrong {
            id: "wrong-precise",
            instead: None,
            values: vec![("decimals", decimals.to_string())],
        },
        _ if sign == Sign::BloodPressure => Wrong::of("wrong-pressure"),
        _ => Wrong::of("wrong-number"),
    }
}

/// A pressure as it is said in French, in centimetres of mercury (`13/8`, `14,5/9`), as it is written.
fn spoken_pressure(text: &str) -> Option<String> {
    let spoken = |part: &str| {
        let value: f64 = part.trim().replace(',', ".").parse().ok()?;
        (3.0..30.0).contains(&value).then(|| format!("{:.0}", value * 10.0))
    };
    let (systolic, diastolic) = text.split_once('/')?;
    Some(format!("{}/{}", spoken(systolic)?, spoken(diastolic)?))
}

/// A glucose as it is said in French, in grams a litre without saying so (`1,2`), as it can be written.
fn spoken_glucose(text: &str) -> Option<String> {
    let grams = text.trim().replace(',', ".");
    let value: f64 = grams.parse().ok()?;
    (0.2..8.0).contains(&value).then(|| format!("{grams} g/L"))
}

/// A height in metres (`1,72`), in centimetres.
fn spoken_height(text: &str) -> Option<String> {
    let value: f64 = text.trim().replace(',', ".").parse().ok()?;
    (0.4..2.5).contains(&value).then(|| format!("{:.0}", value * 100.0))
}

fn limit(value: i32, decimals: u8) -> String {
    let text = format!("{:.*}", usize::from(decimals), f64::from(value) / 10_f64.powi(decimals.into()));
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole.to_owned(),
        _ => text,
    }
}

/// A birth date as people type it (`12/03/1992`, `12.3.1992`, `12031992`, `1992-03-12`, or a year alone), as FHIR writes it.
pub fn birth_date(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(['/', '.', '-', ' ']).filter(|p| !p.is_empty()).collect();
    let (year, month, day) = match parts[..] {
        [year, month, day] if year.len() == 4 => (year, month, day),
        [day, month, year] if year.len() == 4 => (year, month, day),
        [all] if all.len() == 8 && all.is_ascii() => (&all[4..], &all[2..4], &all[..2]),
        [year] if year.len() == 4 => return year.parse::<u16>().ok().filter(|y| *y > 1800).map(|y| y.to_string()),
        _ => return None,
    };
    let (y, m, d) = (year.parse::<i32>().ok()?, month.parse::<u8>().ok()?, day.parse::<u8>().ok()?);
    let date = time::Date::from_calendar_date(y, time::Month::try_from(m).ok()?, d).ok()?;
    (date.year() > 1800).then(|| format!("{y:04}-{m:02}-{d:02}"))
}

/// A date whose year has two digits: which year is meant, where only one can be; else both that can.
fn two_digit_year(text: &str, today: &str) -> Option<Wrong> {
    let (before, year) = text.trim().rsplit_once(['/', '.', '-', ' '])?;
    if year.len() != 2 || !year.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let parts: Vec<&str> = before.split(['/', '.', '-', ' ']).filter(|p| !p.is_empty()).collect();
    let of = |century: &str| format!("{}/{century}{year}", parts.join("/"));
    let is_past = |date: &String| birth_date(date).is_some_and(|iso| iso.as_str() <= today);
    match (is_past(&of("19")), is_past(&of("20"))) {
        (true, false) => Some(Wrong {
            instead: Some(of("19")),
            ..Wrong::of("wrong-year")
        }),
        (_, true) => Some(Wrong {
            values: vec![("one", of("19")), ("other", of("20"))],
            ..Wrong::of("wrong-century")
        }),
        _ => None,
    }
}

/// As [`birth_date`], or a month of a year: `03/1998`, `1998-03`.
pub(super) fn since_date(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(['/', '.', '-', ' ']).filter(|p| !p.is_empty()).collect();
    let (year, month) = match parts[..] {
        [year, month] if year.len() == 4 => (year, month),
        [month, year] if year.len() == 4 => (year, month),
        _ => return birth_date(text),
    };
    let (year, month) = (year.parse::<u16>().ok()?, month.parse::<u8>().ok()?);
    (year > 1800 && (1..=12).contains(&month)).then(|| format!("{year:04}-{month:02}"))
}

/// A date in the form in which it is typed here: `12/03/1992`; a year, or a year and month, as it is.
pub(super) fn typed_date(iso: &str) -> String {
    match iso.split('-').collect::<Vec<_>>()[..] {
        _ if iso.contains('T') => iso.to_owned(),
        [year, month, day] => format!("{day}/{month}/{year}"),
        [year, month] => format!("{month}/{year}"),
        _ => iso.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pressure_as_it_is_said_is_answered_with_how_it_is_written() {
        assert_eq!(spoken_pressure("13/8").as_deref(), Some("130/80"));
        assert_eq!(spoken_pressure("14,5/9").as_deref(), Some("145/90"));
        for text in ["130/80", "13", "13/80", "a/b"] {
            assert_eq!(spoken_pressure(text), None, "{text}");
        }
        assert_eq!(spoken_glucose("1,2").as_deref(), Some("1.2 g/L"));
        assert_eq!(spoken_height("1,72").as_deref(), Some("172"));
        assert_eq!(spoken_glucose("110"), None);
    }

    #[test]
    fn a_year_of_two_digits_is_answered_with_the_years_that_can_be_meant() {
        let wrong = |text: &str| two_digit_year(text, "2026-11-26");
        assert_eq!(wrong("12/03/92").unwrap().instead.as_deref(), Some("12/03/1992"));
        assert_eq!(wrong("12.3.92").unwrap().instead.as_deref(), Some("12/3/1992"));
        let both = wrong("12/03/25").unwrap();
        assert_eq!((both.id, both.instead), ("wrong-century", None));
        assert_eq!(
            wrong("30/11/26").unwrap().instead.as_deref(),
            Some("30/11/1926"),
            "2026 is still to come"
        );
        for text in ["31/02/92", "92", "12/03/1992", "12/03/9x", "a/b/92"] {
            assert_eq!(wrong(text), None, "{text}");
        }
        assert_eq!(typed_date("1992-03-12"), "12/03/1992");
        for (text, date) in [
            ("03/1998", "1998-03"),
            ("1998-3", "1998-03"),
            ("1998", "1998"),
            ("12/03/1998", "1998-03-12"),
        ] {
            assert_eq!(since_date(text).as_deref(), Some(date), "{text}");
        }
        assert_eq!((since_date("13/1998"), since_date("mars 98")), (None, None));
        assert_eq!(typed_date("1998-03"), "03/1998");
        assert_eq!(typed_date("1998-03-12T10:00:00+01:00"), "1998-03-12T10:00:00+01:00");
        assert_eq!(typed_date("1992"), "1992");
    }

    #[test]
    fn birth_dates_are_read_as_people_type_them() {
        for text in ["12/03/1992", "12.3.1992", "12 3 1992", "12031992", "1992-03-12"] {
            assert_eq!(birth_date(text).as_deref(), Some("1992-03-12"), "{text}");
        }
        assert_eq!(birth_date("1992").as_deref(), Some("1992"));
        for text in ["31/02/1992", "12/03/92", "03/1992", "hier", "12/13/1992", "é2031992", "123456789"] {
            assert_eq!(birth_date(text), None, "{text}");
        }
    }
}
