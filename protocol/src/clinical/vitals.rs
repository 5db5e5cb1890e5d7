//! Vital signs: LOINC code, UCUM unit, hard entry limits, exact numbers.
//!
//! A value is an integer in the sign's smallest unit (tenths of a degree, grams), so that what is signed, compared and shown is
//! what was read. The limits refuse slips of the finger, not illness. Sources: LOINC, UCUM; limits marked *general knowledge* are
//! defaults of this table, not a standard.

use std::fmt;
use thiserror::Error;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Sign {
    RespiratoryRate,
    HeartRate,
    OxygenSaturation,
    Temperature,
    /// A panel of two: [`Reading::Pressure`].
    BloodPressure,
    Weight,
    Height,
    /// Computed by [`bmi`], never typed.
    Bmi,
    Pain,
    /// ACVPU: [`Reading::Consciousness`].
    Consciousness,
    Glucose,
    Hba1c,
    WoundLength,
    WoundWidth,
    WoundDepth,
}

/// One row of the table. `low` and `high` are inclusive and in units of 10^-`decimals`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    pub sign: Sign,
    pub loinc: &'static str,
    /// LOINC's English name, for the `display` of a coding.
    pub display: &'static str,
    /// UCUM code; empty where the value is a code.
    pub unit: &'static str,
    pub decimals: u8,
    pub low: i32,
    pub high: i32,
    /// Other ways of writing the unit that are accepted after a number.
    spellings: &'static [&'static str],
}

/// LOINC of the systolic component, `mm[Hg]`.
pub const SYSTOLIC: &str = "8480-6";
/// LOINC of the diastolic component, `mm[Hg]`.
pub const DIASTOLIC: &str = "8462-4";
/// Blood pressure as old data codes it: read as 85354-9.
pub const OLD_BLOOD_PRESSURE: &str = "55284-4";
/// SpO2 is coded twice, as 59408-5 (by pulse oximetry) and as this one.
pub const OXYGEN_SATURATION_ARTERIAL: &str = "2708-6";
const SYSTOLIC_LIMITS: (i32, i32) = (40, 300);
const DIASTOLIC_LIMITS: (i32, i32) = (20, 200);
/// Nobody types more; a longer text is not a number.
const MAX_TEXT: usize = 32;

/// The whole table.
#[rustfmt::skip]
pub const TABLE: [Row; 15] = [
    row(Sign::RespiratoryRate, "9279-1", "Respiratory rate", "/min", 0, 1, 80, &["min", "rpm", "/mn"]),
    row(Sign::HeartRate, "8867-4", "Heart rate", "/min", 0, 15, 300, &["bpm", "/mn"]),
    row(Sign::OxygenSaturation, "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%", 0, 40, 100, &[]),
    row(Sign::Temperature, "8310-5", "Body temperature", "Cel", 1, 250, 450, &["°c", "c", "°"]),
    row(Sign::BloodPressure, "85354-9", "Blood pressure panel with all children optional", "mm[Hg]", 0, 20, 300, &["mmhg"]),
    row(Sign::Weight, "29463-7", "Body weight", "kg", 3, 300, 400_000, &[]),
    row(Sign::Height, "8302-2", "Body height", "cm", 1, 300, 2500, &[]),
    // General knowledge: limits of the rows below but pain and consciousness.
    row(Sign::Bmi, "39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", 1, 30, 2500, &["kg/m²"]),
    row(Sign::Pain, "72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported", "{score}", 0, 0, 10, &["/10"]),
    row(Sign::Consciousness, "80288-4", "Level of consciousness", "", 0, 0, 0, &[]),
    row(Sign::Glucose, "2339-0", "Glucose [Mass/volume] in Blood", "mg/dL", 0, 10, 2000, &[]),
    row(Sign::Hba1c, "4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 1, 20, 250, &[]),
    row(Sign::WoundLength, "39126-8", "Length of Wound", "cm", 1, 0, 1000, &[]),
    row(Sign::WoundWidth, "39125-0", "Width of Wound", "cm", 1, 0, 1000, &[]),
    row(Sign::WoundDepth, "39127-6", "Depth of Wound", "cm", 1, 0, 1000, &[]),
];

const fn row(
    sign: Sign,
    loinc: &'static str,
    display: &'static str,
    unit: &'static str,
    decimals: u8,
    low: i32,
    high: i32,
    spellings: &'static [&'static str],
) -> Row {
    Row {
        sign,
        loinc,
        display,
        unit,
        decimals,
        low,
        high,
        spellings,
    }
}

impl Sign {
    /// All signs, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.sign)
    }

    pub fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The sign of a LOINC code, old codes included.
    pub fn of_loinc(code: &str) -> Option<Self> {
        match code {
            OLD_BLOOD_PRESSURE => Some(Self::BloodPressure),
            OXYGEN_SATURATION_ARTERIAL => Some(Self::OxygenSaturation),
            code => TABLE.iter().find(|row| row.loinc == code).map(|row| row.sign),
        }
    }
}

/// Level of consciousness.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acvpu {
    Alert,
    Confusion,
    Voice,
    Pain,
    Unresponsive,
}

impl Acvpu {
    pub fn letter(self) -> char {
        match self {
            Self::Alert => 'A',
            Self::Confusion => 'C',
            Self::Voice => 'V',
            Self::Pain => 'P',
            Self::Unresponsive => 'U',
        }
    }

    pub fn of_letter(letter: char) -> Option<Self> {
        [Self::Alert, Self::Confusion, Self::Voice, Self::Pain, Self::Unresponsive]
            .into_iter()
            .find(|a| a.letter() == letter.to_ascii_uppercase())
    }
}

/// A measurement within its limits: made only by the constructors below and [`bmi`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measure(Inner);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Inner {
    Scalar(Sign, i32),
    Pressure { systolic: i32, diastolic: i32 },
    Consciousness(Acvpu),
}

/// What a [`Measure`] holds, to match on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// In units of 10^-`decimals` of the sign's row.
    Scalar(i32),
    /// `mm[Hg]`.
    Pressure {
        systolic: i32,
        diastolic: i32,
    },
    Consciousness(Acvpu),
}

/// Why a text is not a measurement. The interface says it in the reader's language; nothing was stored.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum VitalError {
    /// Nothing was typed.
    #[error("nothing entered")]
    Empty,
    /// Not a number (for a pressure: not two, as in 120/80).
    #[error("not a number")]
    NotANumber,
    /// More decimals than the sign is recorded with.
    #[error("at most {decimals} decimals")]
    TooPrecise { decimals: u8 },
    /// Another unit than the sign's.
    #[error("the unit is {unit}")]
    WrongUnit { unit: &'static str },
    /// Beyond the limits, which are in units of 10^-`decimals`.
    #[error("between {} and {} {unit}", Fixed(*.low, *.decimals), Fixed(*.high, *.decimals))]
    OutOfLimits {
        low: i32,
        high: i32,
        decimals: u8,
        unit: &'static str,
    },
    /// The lower pressure must be below the upper.
    #[error("diastolic must be below systolic")]
    DiastolicNotBelowSystolic,
    /// Not one of A, C, V, P, U.
    #[error("one of A, C, V, P, U")]
    NotAcvpu,
    /// The sign is computed from others.
    #[error("computed, not entered")]
    Computed,
}

impl Measure {
    /// Reads what someone typed: decimal comma or point, with or without the unit; `120/80` for a pressure; `1,26 g/L` for
    /// glucose; a letter for consciousness.
    pub fn parse(sign: Sign, text: &str) -> Result<Self, VitalError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(VitalError::Empty);
        }
        if text.len() > MAX_TEXT {
            return Err(VitalError::NotANumber);
        }
        match sign {
            Sign::Bmi => Err(VitalError::Computed),
            Sign::Consciousness => {
                let mut letters = text.chars();
                match (letters.next().and_then(Acvpu::of_letter), letters.next()) {
                    (Some(level), None) => Ok(Self(Inner::Consciousness(level))),
                    _ => Err(VitalError::NotAcvpu),
                }
            }
            Sign::BloodPressure => {
                let (systolic, rest) = text.split_once('/').ok_or(VitalError::NotANumber)?;
                let (diastolic, unit) = split_unit(rest);
                check_unit(sign.row(), diastolic, unit)?;
                Self::pressure(scaled(systolic.trim(), 0)?, scaled(diastolic, 0)?)
            }
            _ => {
                let row = sign.row();
                let (number, unit) = split_unit(text);
                if sign == Sign::Glucose && unit.eq_ignore_ascii_case("g/l") {
                    return Self::scalar(sign, scaled(number, 2)?);
                }
                check_unit(row, number, unit)?;
                Self::scalar(sign, scaled(number, row.decimals)?)
            }
        }
    }

    /// Reads the decimal number of a measurement made elsewhere, in the sign's own unit: rounded to its precision, computed signs too.
    pub fn received(sign: Sign, number: &str) -> Result<Self, VitalError> {
        let places = usize::from(sign.row().decimals);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let Some((kept, rest)) = fraction.split_at_checked(places) else {
            return Self::scalar(sign, scaled(number, sign.row().decimals)?);
        };
        if !rest.bytes().all(|b| b.is_ascii_digit()) {
            return Err(VitalError::NotANumber);
        }
        let value = if places == 0 {
            scaled(whole, 0)?
        } else {
            scaled(&format!("{whole}.{kept}"), sign.row().decimals)?
        };
        Self::scalar(sign, value + i32::from(rest.as_bytes().first().is_some_and(|d| *d >= b'5')))
    }

    /// A measurement of one number, in units of 10^-`decimals` of the sign's row.
    pub fn scalar(sign: Sign, value: i32) -> Result<Self, VitalError> {
        let row = sign.row();
        match sign {
            Sign::BloodPressure => Err(VitalError::NotANumber),
            Sign::Consciousness => Err(VitalError::NotAcvpu),
            _ => within(value, (row.low, row.high), row).map(|()| Self(Inner::Scalar(sign, value))),
        }
    }

    /// `mm[Hg]`.
    pub fn pressure(systolic: i32, diastolic: i32) -> Result<Self, VitalError> {
        let row = Sign::BloodPressure.row();
        within(systolic, SYSTOLIC_LIMITS, row)?;
        within(diastolic, DIASTOLIC_LIMITS, row)?;
        if diastolic >= systolic {
            return Err(VitalError::DiastolicNotBelowSystolic);
        }
        Ok(Self(Inner::Pressure { systolic, diastolic }))
    }

    pub fn consciousness(level: Acvpu) -> Self {
        Self(Inner::Consciousness(level))
    }

    pub fn sign(self) -> Sign {
        match self.0 {
            Inner::Scalar(sign, _) => sign,
            Inner::Pressure { .. } => Sign::BloodPressure,
            Inner::Consciousness(_) => Sign::Consciousness,
        }
    }

    pub fn reading(self) -> Reading {
        match self.0 {
            Inner::Scalar(_, value) => Reading::Scalar(value),
            Inner::Pressure { systolic, diastolic } => Reading::Pressure { systolic, diastolic },
            Inner::Consciousness(level) => Reading::Consciousness(level),
        }
    }
}

/// The value with a decimal point and without its unit, as FHIR writes it: `37.0`, `72.5`, `120/80`, `A`.
impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Inner::Scalar(Sign::Weight, grams) => {
                let text = Fixed(grams, 3).to_string();
                f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
            }
            Inner::Scalar(sign, value) => Fixed(value, sign.row().decimals).fmt(f),
            Inner::Pressure { systolic, diastolic } => write!(f, "{systolic}/{diastolic}"),
            Inner::Consciousness(level) => write!(f, "{}", level.letter()),
        }
    }
}

/// Body mass index of a weight and a height, rounded to the nearest tenth; `None` for other signs or beyond belief.
pub fn bmi(weight: Measure, height: Measure) -> Option<Measure> {
    let (Inner::Scalar(Sign::Weight, grams), Inner::Scalar(Sign::Height, millimetres)) = (weight.0, height.0) else {
        return None;
    };
    let (grams, square) = (i64::from(grams), i64::from(millimetres).pow(2));
    let tenths = (grams * 10_000 + square / 2) / square;
    Measure::scalar(Sign::Bmi, i32::try_from(tenths).ok()?).ok()
}

/// A decimal number as an integer of 10^-`.1`.
struct Fixed(i32, u8);

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10i32.pow(u32::from(self.1));
        match self.1 {
            0 => write!(f, "{}", self.0),
            n => write!(f, "{}.{:0width$}", self.0 / unit, self.0 % unit, width = usize::from(n)),
        }
    }
}

fn within(value: i32, (low, high): (i32, i32), row: &Row) -> Result<(), VitalError> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(VitalError::OutOfLimits {
            low,
            high,
            decimals: row.decimals,
            unit: row.unit,
        })
    }
}

/// `37,2 °C` → (`37,2`, `°C`).
fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

fn check_unit(row: &'static Row, number: &str, unit: &str) -> Result<(), VitalError> {
    if number.is_empty() {
        return Err(VitalError::NotANumber);
    }
    let unit = unit.to_lowercase();
    if unit.is_empty() || unit == row.unit.to_lowercase() || row.spellings.contains(&unit.as_str()) {
        Ok(())
    } else {
        Err(VitalError::WrongUnit { unit: row.unit })
    }
}

/// An unsigned decimal as an integer of 10^-`decimals`. Trailing zeros beyond the precision are no precision.
fn scaled(text: &str, decimals: u8) -> Result<i32, VitalError> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || (fraction.is_empty() && text.len() != whole.len()) {
        return Err(VitalError::NotANumber);
    }
    let fraction = fraction.trim_end_matches('0');
    let places = usize::from(decimals);
    if fraction.len() > places {
        return Err(VitalError::TooPrecise { decimals });
    }
    // Six digits before the point are beyond every limit; the check keeps the product within i32.
    let whole = whole.trim_start_matches('0');
    if whole.len() > 6 {
        return Err(VitalError::NotANumber);
    }
    let number = format!("{whole}{fraction:0<places$}");
    if number.is_empty() {
        Ok(0)
    } else {
        number.parse().map_err(|_| VitalError::NotANumber)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sign: Sign, text: &str) -> String {
        Measure::parse(sign, text).map_or_else(|e| format!("! {e}"), |m| m.to_string())
    }

    #[test]
    fn the_table_is_in_the_order_of_the_signs_and_codes_are_unique() {
        for (i, row) in TABLE.iter().enumerate() {
            assert_eq!(row.sign as usize, i);
            assert_eq!(Sign::of_loinc(row.loinc), Some(row.sign));
            assert!(row.low <= row.high);
        }
        assert_eq!(Sign::of_loinc("55284-4"), Some(Sign::BloodPressure));
        assert_eq!(Sign::of_loinc("2708-6"), Some(Sign::OxygenSaturation));
        assert_eq!(Sign::of_loinc("0-0"), None);
    }

    #[test]
    fn what_people_type_is_read() {
        for (sign, text, value) in [
            (Sign::Temperature, "37,2 °C", "37.2"),
            (Sign::Temperature, "37", "37.0"),
            (Sign::Temperature, "38.50", "38.5"),
            (Sign::HeartRate, "072 bpm", "72"),
            (Sign::OxygenSaturation, "98 %", "98"),
            (Sign::Weight, "3,245", "3.245"),
            (Sign::Weight, "70 kg", "70"),
            (Sign::Weight, "72.50kg", "72.5"),
            (Sign::BloodPressure, "120 / 80 mmHg", "120/80"),
            (Sign::Glucose, "1,26 g/L", "126"),
            (Sign::Glucose, "126 mg/dL", "126"),
            (Sign::Pain, "3/10", "3"),
            (Sign::Consciousness, "c", "C"),
            (Sign::WoundDepth, "0", "0.0"),
            (Sign::Height, "1725", "! between 30.0 and 250.0 cm"),
        ] {
            assert_eq!(read(sign, text), value, "{sign:?} {text}");
        }
    }

    #[test]
    fn limits_are_inclusive_on_both_sides() {
        for (sign, low, below, high, above) in [
            (Sign::RespiratoryRate, "1", "0", "80", "81"),
            (Sign::HeartRate, "15", "14", "300", "301"),
            (Sign::OxygenSaturation, "40", "39", "100", "101"),
            (Sign::Temperature, "25.0", "24.9", "45.0", "45.1"),
            (Sign::Weight, "0.3", "0.299", "400", "400.001"),
            (Sign::Height, "30", "29.9", "250", "250.1"),
            (Sign::BloodPressure, "40/20", "39/20", "300/200", "301/200"),
            (Sign::BloodPressure, "60/20", "60/19", "201/200", "250/201"),
        ] {
            assert!(Measure::parse(sign, low).is_ok() && Measure::parse(sign, high).is_ok(), "{sign:?}");
            for outside in [below, above] {
                assert!(
                    matches!(Measure::parse(sign, outside), Err(VitalError::OutOfLimits { .. })),
                    "{sign:?} {outside}"
                );
            }
        }
        assert!(Measure::parse(Sign::Pain, "10").is_ok() && Measure::parse(Sign::Pain, "11").is_err());
    }

    #[test]
    fn errors_say_what_is_wrong() {
        use VitalError::{Computed, DiastolicNotBelowSystolic, Empty, NotANumber, NotAcvpu, TooPrecise, WrongUnit};
        for (sign, text, error) in [
            (Sign::HeartRate, "  ", Empty),
            (Sign::HeartRate, "abc", NotANumber),
            (Sign::HeartRate, "-5", NotANumber),
            (Sign::HeartRate, "7.", NotANumber),
            (Sign::HeartRate, "1e3", WrongUnit { unit: "/min" }),
            (Sign::HeartRate, "99999999999999999999", NotANumber),
            (Sign::HeartRate, "72.5", TooPrecise { decimals: 0 }),
            (Sign::Temperature, "37.25", TooPrecise { decimals: 1 }),
            (Sign::Temperature, "98.6 °F", WrongUnit { unit: "Cel" }),
            (Sign::Temperature, "3.7.0", NotANumber),
            (Sign::BloodPressure, "120", NotANumber),
            (Sign::BloodPressure, "80/120", DiastolicNotBelowSystolic),
            (Sign::BloodPressure, "100/100", DiastolicNotBelowSystolic),
            (Sign::Consciousness, "X", NotAcvpu),
            (Sign::Consciousness, "AV", NotAcvpu),
            (Sign::Bmi, "22", Computed),
        ] {
            assert_eq!(Measure::parse(sign, text), Err(error), "{sign:?} {text}");
        }
    }

    #[test]
    fn a_number_from_elsewhere_is_rounded_to_the_precision_of_its_sign() {
        for (sign, number, value) in [
            (Sign::Temperature, "36.9734", "37.0"),
            (Sign::Temperature, "37", "37.0"),
            (Sign::HeartRate, "71.5", "72"),
            (Sign::HeartRate, "71.49", "71"),
            (Sign::Bmi, "22.857", "22.9"),
            (Sign::Weight, "72.5", "72.5"),
            (Sign::Weight, "72.50049", "72.5"),
        ] {
            assert_eq!(Measure::received(sign, number).unwrap().to_string(), value, "{number}");
        }
        for number in ["", "1e2", "-3", "7.x", "98.6F", "é.é"] {
            assert!(Measure::received(Sign::HeartRate, number).is_err(), "{number}");
        }
        assert!(matches!(
            Measure::received(Sign::Temperature, "98.6"),
            Err(VitalError::OutOfLimits { .. })
        ));
        assert!(Measure::received(Sign::Consciousness, "1").is_err());
    }

    #[test]
    fn bmi_is_computed_and_rounded() {
        let kg = |t| Measure::parse(Sign::Weight, t).unwrap();
        let cm = |t| Measure::parse(Sign::Height, t).unwrap();
        assert_eq!(bmi(kg("70"), cm("175")).unwrap().to_string(), "22.9");
        assert_eq!(bmi(kg("3.5"), cm("50")).unwrap().to_string(), "14.0");
        assert_eq!(bmi(kg("400"), cm("30")), None, "beyond belief");
        assert_eq!(bmi(cm("175"), kg("70")), None);
    }
}
