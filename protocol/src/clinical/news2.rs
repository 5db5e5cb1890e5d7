//! NEWS2: how ill an adult is, from seven readings at one bedside.
//!
//! Source: Royal College of Physicians, *National Early Warning Score (NEWS) 2*, 2017. Made for people of 16 and over who aren't
//! pregnant: the caller knows both and asks for no score of anybody else. What wasn't measured is never taken for normal: without all
//! seven there is no total, only the points of what is there.

use super::vitals::{Acvpu, Measure, Reading, Sign};

/// Age from which the score applies, in years.
pub const FROM_AGE: u8 = 16;
/// The highest total.
pub const MAX_TOTAL: u8 = 20;

/// What is scored, in the order of the chart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Parameter {
    Respiration,
    Saturation,
    /// Whether the person breathes air or supplemental oxygen.
    Oxygen,
    Systolic,
    Pulse,
    Consciousness,
    Temperature,
}

impl Parameter {
    pub const ALL: [Self; 7] = [
        Self::Respiration,
        Self::Saturation,
        Self::Oxygen,
        Self::Systolic,
        Self::Pulse,
        Self::Consciousness,
        Self::Temperature,
    ];

    /// The sign that is measured for it; oxygen is a yes or no.
    pub fn sign(self) -> Option<Sign> {
        match self {
            Self::Respiration => Some(Sign::RespiratoryRate),
            Self::Saturation => Some(Sign::OxygenSaturation),
            Self::Oxygen => None,
            Self::Systolic => Some(Sign::BloodPressure),
            Self::Pulse => Some(Sign::HeartRate),
            Self::Consciousness => Some(Sign::Consciousness),
            Self::Temperature => Some(Sign::Temperature),
        }
    }
}

/// Which saturations are right for this person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scale {
    /// Everybody's.
    #[default]
    One,
    /// Target 88–92 %, in hypercapnic respiratory failure: a prescriber's decision only.
    Two,
}

impl Scale {
    pub fn of_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            _ => None,
        }
    }

    pub fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// What the total asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Band {
    /// 0 to 4.
    Low,
    /// 0 to 4, with a 3 in one parameter.
    LowMedium,
    /// 5 or 6.
    Medium,
    /// 7 and over: in a village, call 15.
    High,
}

impl Band {
    /// The word in `--json` and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::LowMedium => "low-medium",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Readings of one moment, as far as they were taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Readings {
    respiration: Option<i32>,
    saturation: Option<i32>,
    systolic: Option<i32>,
    pulse: Option<i32>,
    consciousness: Option<Acvpu>,
    /// Tenths of a degree.
    temperature: Option<i32>,
    /// Supplemental oxygen, if somebody looked.
    pub oxygen: Option<bool>,
}

impl Readings {
    /// Takes a measure into account; a later one of the same sign replaces it. False for a sign that isn't scored.
    pub fn take(&mut self, measure: Measure) -> bool {
        match (measure.sign(), measure.reading()) {
            (Sign::RespiratoryRate, Reading::Scalar(n)) => self.respiration = Some(n),
            (Sign::OxygenSaturation, Reading::Scalar(n)) => self.saturation = Some(n),
            (Sign::HeartRate, Reading::Scalar(n)) => self.pulse = Some(n),
            (Sign::Temperature, Reading::Scalar(tenths)) => self.temperature = Some(tenths),
            (_, Reading::Pressure { systolic, .. }) => self.systolic = Some(systolic),
            (_, Reading::Consciousness(level)) => self.consciousness = Some(level),
            _ => return false,
        }
        true
    }

    pub fn score(&self, scale: Scale) -> News2 {
        let points = Parameter::ALL.map(|parameter| match parameter {
            Parameter::Respiration => self.respiration.map(respiration),
            Parameter::Saturation => self.saturation.and_then(|percent| match scale {
                Scale::One => Some(saturation_1(percent)),
                Scale::Two => saturation_2(percent, self.oxygen),
            }),
            Parameter::Oxygen => self.oxygen.map(|on| if on { 2 } else { 0 }),
            Parameter::Systolic => self.systolic.map(systolic),
            Parameter::Pulse => self.pulse.map(pulse),
            Parameter::Consciousness => self.consciousness.map(|level| if level == Acvpu::Alert { 0 } else { 3 }),
            Parameter::Temperature => self.temperature.map(temperature),
        });
        News2 { points }
    }
}

/// Points by parameter, and their sum once all are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct News2 {
    points: [Option<u8>; 7],
}

impl News2 {
    /// 0 to 3; `None` if it wasn't measured, or (saturation on scale 2) can't be judged without knowing about oxygen.
    pub fn points(&self, parameter: Parameter) -> Option<u8> {
        self.points[parameter as usize]
    }

    /// What has to be measured still.
    pub fn missing(&self) -> impl Iterator<Item = Parameter> {
        Parameter::ALL.into_iter().filter(|p| self.points(*p).is_none())
    }

    /// 0 to 20; `None` while anything is missing.
    pub fn total(&self) -> Option<u8> {
        self.points.iter().try_fold(0, |sum, points| Some(sum + (*points)?))
    }

    pub fn band(&self) -> Option<Band> {
        Some(match self.total()? {
            7.. => Band::High,
            5..=6 => Band::Medium,
            _ if self.points.contains(&Some(3)) => Band::LowMedium,
            _ => Band::Low,
        })
    }
}

// The chart, column by column from low to high.

fn respiration(per_minute: i32) -> u8 {
    match per_minute {
        ..=8 => 3,
        9..=11 => 1,
        12..=20 => 0,
        21..=24 => 2,
        25.. => 3,
    }
}

fn saturation_1(percent: i32) -> u8 {
    match percent {
        ..=91 => 3,
        92..=93 => 2,
        94..=95 => 1,
        96.. => 0,
    }
}

/// From 93 % on, what is too much depends on whether oxygen is given.
fn saturation_2(percent: i32, oxygen: Option<bool>) -> Option<u8> {
    Some(match percent {
        ..=83 => 3,
        84..=85 => 2,
        86..=87 => 1,
        88..=92 => 0,
        _ if !oxygen? => 0,
        93..=94 => 1,
        95..=96 => 2,
        97.. => 3,
    })
}

fn systolic(mm_hg: i32) -> u8 {
    match mm_hg {
        ..=90 => 3,
        91..=100 => 2,
        101..=110 => 1,
        111..=219 => 0,
        220.. => 3,
    }
}

fn pulse(per_minute: i32) -> u8 {
    match per_minute {
        ..=40 => 3,
        41..=50 => 1,
        51..=90 => 0,
        91..=110 => 1,
        111..=130 => 2,
        131.. => 3,
    }
}

fn temperature(tenths: i32) -> u8 {
    match tenths {
        ..=350 => 3,
        351..=360 => 1,
        361..=380 => 0,
        381..=390 => 1,
        391.. => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a vector is written: respiration, saturation, oxygen, systolic, pulse, consciousness, temperature.
    #[derive(Clone, Copy)]
    struct Line(&'static str, &'static str, bool, i32, &'static str, &'static str, &'static str);

    const BASE: Line = Line("16", "98", false, 120, "70", "A", "37.0");

    fn readings(line: Line) -> Readings {
        let Line(respiration, saturation, oxygen, systolic, pulse, level, temperature) = line;
        let mut readings = Readings {
            oxygen: Some(oxygen),
            ..Readings::default()
        };
        for (sign, text) in [
            (Sign::RespiratoryRate, respiration),
            (Sign::OxygenSaturation, saturation),
            (Sign::HeartRate, pulse),
            (Sign::Consciousness, level),
            (Sign::Temperature, temperature),
        ] {
            assert!(readings.take(Measure::parse(sign, text).unwrap()), "{sign:?}");
        }
        assert!(readings.take(Measure::pressure(systolic, 30).unwrap()));
        readings
    }

    fn scored(line: Line, scale: Scale) -> (u8, Band) {
        let score = readings(line).score(scale);
        assert_eq!(score.missing().count(), 0);
        (score.total().unwrap(), score.band().unwrap())
    }

    #[test]
    fn the_published_vectors() {
        use Band::{High, Low, LowMedium, Medium};
        let Line(r, s, o, p, h, a, t) = BASE;
        let one = |line, expected| assert_eq!(scored(line, Scale::One), expected);
        let two = |line, expected| assert_eq!(scored(line, Scale::Two), expected);
        one(BASE, (0, Low));
        for (respiration, expected) in [
            ("8", (3, LowMedium)),
            ("9", (1, Low)),
            ("11", (1, Low)),
            ("12", (0, Low)),
            ("20", (0, Low)),
            ("21", (2, Low)),
            ("24", (2, Low)),
            ("25", (3, LowMedium)),
        ] {
            one(Line(respiration, s, o, p, h, a, t), expected);
        }
        one(Line(r, "91", o, p, h, a, t), (3, LowMedium));
        one(Line(r, "92", o, p, h, a, t), (2, Low));
        one(Line(r, "94", o, p, h, a, t), (1, Low));
        one(Line(r, "96", true, p, h, a, t), (2, Low));
        for (saturation, oxygen, expected) in [
            ("83", false, (3, LowMedium)),
            ("85", false, (2, Low)),
            ("87", false, (1, Low)),
            ("88", false, (0, Low)),
            ("93", false, (0, Low)),
            ("93", true, (3, Low)),
            ("95", true, (4, Low)),
            ("97", true, (5, Medium)),
            ("99", false, (0, Low)),
        ] {
            two(Line(r, saturation, oxygen, p, h, a, t), expected);
        }
        for (systolic, total) in [(90, 3), (100, 2), (110, 1), (219, 0), (220, 3)] {
            assert_eq!(scored(Line(r, s, o, systolic, h, a, t), Scale::One).0, total, "{systolic}");
        }
        for (pulse, total) in [("40", 3), ("50", 1), ("91", 1), ("111", 2), ("131", 3)] {
            assert_eq!(scored(Line(r, s, o, p, pulse, a, t), Scale::One).0, total, "{pulse}");
        }
        for level in ["C", "V", "P", "U"] {
            one(Line(r, s, o, p, h, level, t), (3, LowMedium));
        }
        for (temperature, total) in [("35.0", 3), ("36.0", 1), ("38.1", 1), ("39.1", 2)] {
            assert_eq!(scored(Line(r, s, o, p, h, a, temperature), Scale::One).0, total, "{temperature}");
        }
        one(Line("26", "92", true, 95, "118", "C", "39.2"), (16, High));
        one(Line("25", "91", true, 90, "131", "U", "35.0"), (MAX_TOTAL, High));
        two(Line("22", "90", true, 115, "98", "A", "37.6"), (5, Medium));
        one(Line("21", "95", false, 108, "102", "A", "38.4"), (6, Medium));
    }

    /// Both edges of every cell of the chart, and the limits of what can be entered.
    #[test]
    fn every_cell_ends_where_the_chart_says() {
        type Cells = &'static [(i32, i32, u8)];
        let one = |sign, cells: Cells| (sign, Scale::One, None, cells);
        let charts = [
            one(
                Sign::RespiratoryRate,
                &[(1, 8, 3), (9, 11, 1), (12, 20, 0), (21, 24, 2), (25, 80, 3)][..],
            ),
            one(Sign::OxygenSaturation, &[(40, 91, 3), (92, 93, 2), (94, 95, 1), (96, 100, 0)]),
            one(
                Sign::HeartRate,
                &[(15, 40, 3), (41, 50, 1), (51, 90, 0), (91, 110, 1), (111, 130, 2), (131, 300, 3)],
            ),
            one(
                Sign::Temperature,
                &[(250, 350, 3), (351, 360, 1), (361, 380, 0), (381, 390, 1), (391, 450, 2)],
            ),
            one(
                Sign::BloodPressure,
                &[(40, 90, 3), (91, 100, 2), (101, 110, 1), (111, 219, 0), (220, 300, 3)],
            ),
            (
                Sign::OxygenSaturation,
                Scale::Two,
                Some(false),
                &[(40, 83, 3), (84, 85, 2), (86, 87, 1), (88, 100, 0)],
            ),
            (
                Sign::OxygenSaturation,
                Scale::Two,
                Some(true),
                &[
                    (40, 83, 3),
                    (84, 85, 2),
                    (86, 87, 1),
                    (88, 92, 0),
                    (93, 94, 1),
                    (95, 96, 2),
                    (97, 100, 3),
                ],
            ),
        ];
        for (sign, scale, oxygen, cells) in charts {
            let parameter = Parameter::ALL.into_iter().find(|p| p.sign() == Some(sign)).unwrap();
            for (low, high, points) in cells {
                for value in [*low, *high] {
                    let mut readings = Readings {
                        oxygen,
                        ..Readings::default()
                    };
                    let measure = match sign {
                        Sign::BloodPressure => Measure::pressure(value, 20),
                        _ => Measure::scalar(sign, value),
                    };
                    assert!(readings.take(measure.unwrap()));
                    assert_eq!(
                        readings.score(scale).points(parameter),
                        Some(*points),
                        "{sign:?} {value} {oxygen:?}"
                    );
                }
            }
            let neighbours = cells.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0);
            assert!(neighbours, "{sign:?}: no value lies between two cells");
        }
    }

    #[test]
    fn what_is_missing_is_never_taken_for_normal() {
        let full = readings(BASE);
        for parameter in Parameter::ALL {
            let mut partial = Readings { ..full };
            match parameter {
                Parameter::Respiration => partial.respiration = None,
                Parameter::Saturation => partial.saturation = None,
                Parameter::Oxygen => partial.oxygen = None,
                Parameter::Systolic => partial.systolic = None,
                Parameter::Pulse => partial.pulse = None,
                Parameter::Consciousness => partial.consciousness = None,
                Parameter::Temperature => partial.temperature = None,
            }
            let score = partial.score(Scale::One);
            assert_eq!((score.total(), score.band()), (None, None), "{parameter:?}");
            assert_eq!(score.missing().collect::<Vec<_>>(), [parameter]);
            assert_eq!(Parameter::ALL.iter().filter(|p| score.points(**p).is_some()).count(), 6);
        }
        // On scale 2 the saturation itself can't be judged without knowing about oxygen.
        let mut unknown = full;
        unknown.oxygen = None;
        let missing: Vec<_> = unknown.score(Scale::Two).missing().collect();
        assert_eq!(missing, [Parameter::Saturation, Parameter::Oxygen]);
        assert_eq!(Readings::default().score(Scale::One).missing().count(), 7);
    }

    #[test]
    fn other_signs_are_not_scored_and_a_later_reading_replaces_an_earlier() {
        let mut readings = readings(BASE);
        let before = readings;
        for (sign, text) in [(Sign::Pain, "10"), (Sign::Weight, "80"), (Sign::Glucose, "500")] {
            assert!(!readings.take(Measure::parse(sign, text).unwrap()));
        }
        assert_eq!(readings, before);
        assert!(readings.take(Measure::parse(Sign::HeartRate, "140").unwrap()));
        assert_eq!(readings.score(Scale::One).points(Parameter::Pulse), Some(3));
        assert_eq!(
            [0, 1, 2, 3].map(|n| Scale::of_number(n).map(Scale::number)),
            [None, Some(1), Some(2), None]
        );
    }
}
