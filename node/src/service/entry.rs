//! What an entry of a record says, typed: so that a screen needs to know no FHIR.
//!
//! Read anew from the resource's own bytes each time; what isn't understood is left to the entry's line of words.

use serde_json::Value;
use time::{Date, Month};

use super::summary;
use crate::client::Clinical;
use crate::fhir::mapping::acts::{NEWS2_TOTAL, NO_KNOWN_ALLERGY, ObservedValue, PATIENT_ON_OXYGEN, SNOMED};
use crate::fhir::mapping::correct::{self, END_REASON};
use crate::fhir::mapping::read::{Concept, is_date_time};
use crate::fhir::mapping::{self, ObservationView, View};

/// An entry's moment, visit and meaning.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) effective: String,
    pub(super) effective_ms: Option<i64>,
    pub(super) visit: String,
    pub(super) clinical: Option<Clinical>,
    /// Its author, or a colleague, says that it was a mistake.
    pub(super) in_error: bool,
    pub(super) is_over: bool,
    pub(super) over_because: String,
    pub(super) over_on: String,
}

pub(super) fn typed(json: &[u8]) -> Typed {
    let Ok(resource) = serde_json::from_slice::<Value>(json) else {
        return Typed::default();
    };
    let effective = moment(&resource).unwrap_or_default().to_owned();
    let is_over = is_over(&resource);
    let notes = resource["note"].as_array().map_or(&[][..], Vec::as_slice);
    let why = notes.iter().rfind(|note| note["id"] == END_REASON).map(|note| &note["text"]);
    let because = match resource["resourceType"].as_str() {
        Some("MedicationRequest") => Some(&resource["statusReason"]["text"]),
        _ => why,
    };
    let because = because.filter(|_| is_over).and_then(Value::as_str);
    Typed {
        is_over,
        over_because: because.unwrap_or_default().to_owned(),
        over_on: correct::end_of(&resource).filter(|_| is_over).unwrap_or_default().to_owned(),
        effective_ms: milliseconds(&effective),
        effective,
        visit: visit(&resource).unwrap_or_default().to_owned(),
        in_error: in_error(&resource),
        clinical: mapping::of_value(&resource)
            .ok()
            .flatten()
            .and_then(|view| clinical(&resource, view)),
    }
}

fn clinical(resource: &Value, view: View) -> Option<Clinical> {
    let label = |concept: &Option<Concept>| concept.as_ref().and_then(Concept::label).unwrap_or_default().to_owned();
    Some(match view {
        View::Observation(o) => observation(resource, &o)?,
        View::Allergy(a) if a.code.as_ref().and_then(|c| c.code(SNOMED)) == Some(NO_KNOWN_ALLERGY) => Clinical::NoKnownAllergy,
        View::Allergy(a) => Clinical::Allergy {
            substance: label(&a.code),
            criticality: a.criticality.unwrap_or_default(),
            status: a.clinical_status.unwrap_or_default(),
            reactions: a.reactions.iter().filter_map(Concept::label).map(str::to_owned).collect(),
        },
        View::MedicationRequest(m) => Clinical::Treatment {
            medicine: match label(&m.medication) {
                known if !known.is_empty() => known,
                _ => resource["medicationReference"]["display"].as_str().unwrap_or_default().to_owned(),
            },
            dosage: m.dosages.join("; "),
            status: m.status.unwrap_or_default(),
            intent: m.intent.unwrap_or_default(),
        },
        View::Condition(c) => Clinical::Problem {
            label: label(&c.code),
            cim10: c.cim10.unwrap_or_default(),
            status: c.clinical_status.unwrap_or_default(),
            since: c.onset.unwrap_or_default(),
        },
        View::Encounter(e) => Clinical::Encounter {
            class: e.class.unwrap_or_default(),
            reason: e.reasons.iter().find_map(Concept::label).unwrap_or_default().to_owned(),
            status: e.status.unwrap_or_default(),
        },
        View::ServiceRequest(r) => Clinical::Question {
            kind: r.kind.map(|k| k.code().to_owned()).unwrap_or_default(),
            text: r.notes.first().cloned().unwrap_or_default(),
        },
        View::Task(t) => Clinical::RequestStep {
            step: t.step.map(|s| s.code().to_owned()).unwrap_or_default(),
            status: t.business_status.map(|s| s.code().to_owned()).unwrap_or_default(),
        },
        View::Communication(c) => Clinical::Message {
            text: c.texts.first().cloned().unwrap_or_default(),
            step: String::new(),
        },
        View::Patient(_) | View::Practitioner(_) | View::Organization(_) => return None,
    })
}

fn observation(resource: &Value, o: &ObservationView) -> Option<Clinical> {
    // What was entered in error isn't a measure any more.
    if matches!(o.status.as_deref(), Some("entered-in-error" | "cancelled")) {
        return None;
    }
    if let (Some(sign), Some(measure)) = (o.sign, o.measure()) {
        return Some(Clinical::Vital {
            sign: summary::sign_name(sign).to_owned(),
            value: measure.to_string(),
            unit: summary::plain_units(sign.row().unit),
        });
    }
    match (o.code.code(SNOMED)?, o.value.as_ref()?) {
        (PATIENT_ON_OXYGEN, ObservedValue::Boolean(given)) => Some(Clinical::Oxygen { given: *given }),
        (NEWS2_TOTAL, ObservedValue::Quantity { number: Some(n), .. }) => Some(Clinical::News2 {
            total: n.parse().ok().filter(|n| *n <= bocage_protocol::clinical::news2::MAX_TOTAL)?,
            band: resource["interpretation"][0]["text"].as_str().unwrap_or_default().to_owned(),
        }),
        _ => None,
    }
}

/// The types that have a status say it there, allergies and problems in their verification.
fn in_error(resource: &Value) -> bool {
    let said = [&resource["status"], &resource["verificationStatus"]["coding"][0]["code"]];
    said.into_iter().any(|code| code == "entered-in-error")
}

/// A status that isn't known here isn't an end.
fn is_over(resource: &Value) -> bool {
    let status = match resource["resourceType"].as_str() {
        Some("MedicationRequest") => &resource["status"],
        Some("Condition" | "AllergyIntolerance") => &resource["clinicalStatus"]["coding"][0]["code"],
        _ => return false,
    };
    matches!(
        status.as_str(),
        Some("inactive" | "remission" | "resolved" | "stopped" | "completed" | "cancelled")
    )
}

/// When a person says it happened, in whatever field this type of resource has for it.
fn moment(resource: &Value) -> Option<&str> {
    let top = [
        "effectiveDateTime",
        "effectiveInstant",
        "authoredOn",
        "onsetDateTime",
        "recordedDate",
        "date",
        "performedDateTime",
        "occurrenceDateTime",
        "issued",
    ];
    let nested = ["effectivePeriod", "period", "performedPeriod", "onsetPeriod"];
    let found = top.iter().filter_map(|f| resource[*f].as_str());
    let mut all = found.chain(nested.iter().filter_map(|f| resource[*f]["start"].as_str()));
    all.find(|text| is_date_time(text))
}

/// The id of the encounter that an entry belongs to, or is.
fn visit(resource: &Value) -> Option<&str> {
    if resource["resourceType"] == "Encounter" {
        return resource["id"].as_str();
    }
    let context = &resource["context"]["encounter"];
    let reference = [&resource["encounter"], &resource["context"], &context[0], context]
        .into_iter()
        .find_map(|r| r["reference"].as_str())?;
    Some(reference.rsplit(['/', ':']).next().unwrap_or(reference))
}

/// Milliseconds since 1970 of a FHIR date or date and time; a date alone, or less, is its first midnight in UTC.
fn milliseconds(text: &str) -> Option<i64> {
    if !is_date_time(text) {
        return None;
    }
    let (date, time) = text.split_once('T').map_or((text, None), |(d, t)| (d, Some(t)));
    let mut parts = date.split('-');
    let year = parts.next()?.parse().ok()?;
    let month = Month::try_from(parts.next().unwrap_or("01").parse::<u8>().ok()?).ok()?;
    let date = Date::from_calendar_date(year, month, parts.next().unwrap_or("01").parse().ok()?).ok()?;
    let midnight = i64::from(date.to_julian_day() - Date::from_calendar_date(1970, Month::January, 1).ok()?.to_julian_day()) * 86_400_000;
    let Some(time) = time else { return Some(midnight) };
    let (clock, zone) = time.split_at(time.find(['Z', '+', '-'])?);
    let minutes = |text: &str| {
        let (hours, minutes) = text.split_once(':')?;
        Some(hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)
    };
    let (seconds, fraction) = clock.get(6..)?.split_once('.').unwrap_or((clock.get(6..)?, ""));
    let thousandths = format!("{:0<3}", fraction.get(..3.min(fraction.len()))?);
    let ahead = match zone.split_at_checked(1)? {
        ("+", offset) => minutes(offset)?,
        ("-", offset) => -minutes(offset)?,
        _ => 0,
    };
    let of_day = (minutes(clock.get(..5)?)? - ahead) * 60_000 + seconds.parse::<i64>().ok()? * 1_000;
    Some(midnight + of_day + thousandths.parse::<i64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_number_whatever_its_zone_and_precision() {
        for (text, ms) in [
            ("2026-11-18T11:06:40Z", Some(1_795_000_000_000)),
            ("2026-11-18T12:06:40.1239+01:00", Some(1_795_000_000_123)),
            ("2026-11-18T05:36:40.5-05:30", Some(1_795_000_000_500)),
            ("1970", Some(0)),
            ("1970-02", Some(31 * 86_400_000)),
            ("1969-12-31", Some(-86_400_000)),
            ("2026-11-18T12:06", None),
            ("", None),
            ("hier", None),
        ] {
            assert_eq!(milliseconds(text), ms, "{text}");
        }
    }

    #[test]
    fn entries_say_what_they_are() {
        let of = |json: &str| typed(json.as_bytes());
        let heart = of(
            r#"{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},
            "effectiveDateTime":"2026-11-18T11:06:40Z","encounter":{"reference":"urn:uuid:e-1"},
            "valueQuantity":{"value":72,"system":"http://unitsofmeasure.org","code":"/min"}}"#,
        );
        let vital = |sign: &str, value: &str, unit: &str| {
            Some(Clinical::Vital {
                sign: sign.into(),
                value: value.into(),
                unit: unit.into(),
            })
        };
        assert_eq!(heart.clinical, vital("heart-rate", "72", "/min"));
        assert_eq!((heart.effective_ms, &heart.visit[..]), (Some(1_795_000_000_000), "e-1"));
        let mistaken = of(r#"{"resourceType":"Observation","status":"entered-in-error",
            "code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},
            "valueQuantity":{"value":72,"system":"http://unitsofmeasure.org","code":"/min"}}"#);
        assert_eq!((mistaken.clinical, mistaken.in_error), (None, true));
        let fahrenheit = of(
            r#"{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8310-5"}]},
            "valueQuantity":{"value":98.6,"system":"http://unitsofmeasure.org","code":"[degF]"}}"#,
        );
        assert_eq!(fahrenheit.clinical, None, "in another unit it is left to its own words");
        let visit = of(r#"{"resourceType":"Encounter","id":"e-1","status":"finished","class":{"code":"HH"},
            "period":{"start":"2026-11-18"},"reasonCode":[{"text":"Chute"}]}"#);
        assert_eq!(visit.visit, heart.visit);
        let Some(Clinical::Encounter { class, reason, .. }) = visit.clinical else {
            panic!()
        };
        assert_eq!((&class[..], &reason[..]), ("HH", "Chute"));
        let elsewhere = of(r#"{"resourceType":"DocumentReference","context":{"encounter":[{"reference":"Encounter/7"}]}}"#);
        assert_eq!((&elsewhere.visit[..], elsewhere.clinical), ("7", None));
        assert!(of("{").clinical.is_none() && of("[]").clinical.is_none());
    }
}
