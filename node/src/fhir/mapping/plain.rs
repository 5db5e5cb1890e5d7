//! Fields by the names that people use (`value`, `text`, `substance` …), instead of paths inside a resource.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bocage_protocol::clinical::vitals::{DIASTOLIC, Measure, Reading, SYSTOLIC, Sign, VitalError};
use serde_json::{Value, json};
use thiserror::Error;

use super::correct::{CorrectError, correct};
use super::read::Concept;
use super::write::{MAX_NOTE, WriteError, named, note_text, quantity};
use super::{View, of_value};

/// Why a field can't take what was typed. The old version stands.
#[derive(Debug, Error, PartialEq)]
pub enum PlainError {
    #[error("{0:?}: {1}")]
    Measure(Sign, VitalError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Correct(#[from] CorrectError),
}

/// Names that this resource's fields go by.
pub fn names(json: &[u8]) -> &'static [&'static str] {
    let resource: Value = serde_json::from_slice(json).unwrap_or_default();
    match resource["resourceType"].as_str() {
        Some("Observation") if sign_of(&resource).is_some() => &["value"],
        Some("DocumentReference") if text_at(&resource).is_some() => &["text"],
        Some("AllergyIntolerance") => &["substance", "criticality", "reaction"],
        Some("MedicationRequest") => &["medicine", "dosage"],
        Some("Encounter") => &["reason"],
        _ => &[],
    }
}

/// Every field that goes by a name, with what it says now, as it would be typed.
pub fn fields(json: &[u8]) -> Vec<(&'static str, String)> {
    let view = super::of(json).ok().flatten();
    let label = |concept: Option<&Concept>| concept.and_then(Concept::label).unwrap_or_default().to_owned();
    let said = |name: &str| match (&view, name) {
        (Some(View::Observation(o)), _) => o.measure().map(|m| m.to_string()).unwrap_or_default(),
        (Some(View::Allergy(a)), "substance") => label(a.code.as_ref()),
        (Some(View::Allergy(a)), "criticality") => a.criticality.clone().unwrap_or_default(),
        (Some(View::Allergy(a)), _) => label(a.reactions.first()),
        (Some(View::MedicationRequest(m)), "medicine") => label(m.medication.as_ref()),
        (Some(View::MedicationRequest(m)), _) => m.dosages.first().cloned().unwrap_or_default(),
        (Some(View::Encounter(e)), _) => label(e.reasons.first()),
        _ => note_text(json).map(|(_, text)| text).unwrap_or_default(),
    };
    names(json).iter().map(|name| (*name, said(name))).collect()
}

/// A new version in which the field of this name says what was typed, everything that isn't understood kept; `None` where the resource
/// has no field of this name, or it is a path as well.
pub fn corrected(json: &[u8], name: &str, typed: &str) -> Option<Result<Vec<u8>, PlainError>> {
    if !names(json).contains(&name) || name == "criticality" {
        return None;
    }
    let resource: Value = serde_json::from_slice(json).ok()?;
    let changes = match name {
        "value" => measured(&resource, sign_of(&resource)?, typed),
        "text" => note(text_at(&resource)?, typed),
        "substance" => texted("substance", "code", typed),
        "medicine" => texted("medicine", "medicationCodeableConcept", typed),
        "reaction" => named("reaction", typed)
            .map(|t| vec![("reaction".to_owned(), json!([{ "manifestation": [{ "text": t }] }]))])
            .map_err(PlainError::from),
        "reason" => named("reason", typed)
            .map(|t| vec![("reasonCode".to_owned(), json!([{ "text": t }]))])
            .map_err(PlainError::from),
        _ => named("dosage", typed)
            .map(|t| vec![("dosageInstruction".to_owned(), json!([{ "text": t }]))])
            .map_err(PlainError::from),
    };
    Some(changes.and_then(|changes| {
        let changes: Vec<(&str, Value)> = changes.iter().map(|(path, value)| (&path[..], value.clone())).collect();
        Ok(correct(json, &changes)?)
    }))
}

type Changes = Result<Vec<(String, Value)>, PlainError>;

/// A concept in words alone: a code of the old one would contradict them.
fn texted(what: &'static str, path: &str, typed: &str) -> Changes {
    Ok(vec![(path.to_owned(), json!({ "text": named(what, typed)? }))])
}

fn measured(resource: &Value, sign: Sign, typed: &str) -> Changes {
    let measure = Measure::parse(sign, typed.trim()).map_err(|e| PlainError::Measure(sign, e))?;
    let unit = sign.row().unit;
    Ok(match measure.reading() {
        Reading::Scalar(_) => vec![("valueQuantity".to_owned(), quantity(&measure.to_string(), unit))],
        Reading::Consciousness(level) => vec![("valueCodeableConcept".to_owned(), json!({ "text": level.letter().to_string() }))],
        Reading::Pressure { systolic, diastolic } => {
            let components = resource["component"].as_array().map_or(&[][..], Vec::as_slice);
            let of = |loinc: &str| {
                let is = |c: &Value| {
                    c["code"]["coding"]
                        .as_array()
                        .is_some_and(|all| all.iter().any(|x| x["code"] == loinc))
                };
                components.iter().position(is)
            };
            let mut changes = Vec::new();
            for (loinc, number) in [(SYSTOLIC, systolic), (DIASTOLIC, diastolic)] {
                let at = of(loinc).ok_or_else(|| CorrectError::NoSuchField("value".to_owned()))?;
                changes.push((format!("component[{at}].valueQuantity"), quantity(&number.to_string(), unit)));
            }
            changes
        }
    })
}

fn note(at: usize, typed: &str) -> Changes {
    if typed.trim().is_empty() {
        return Err(WriteError::Missing("text").into());
    }
    if typed.len() > MAX_NOTE {
        return Err(WriteError::TooLong("text").into());
    }
    Ok(vec![(format!("content[{at}].attachment.data"), json!(STANDARD.encode(typed)))])
}

fn sign_of(resource: &Value) -> Option<Sign> {
    match of_value(resource) {
        Ok(Some(View::Observation(o))) => o.sign.filter(|sign| *sign != Sign::Bmi),
        _ => None,
    }
}

/// Where the plain text of a note stands. One whose bytes are counted or hashed in another field is left to paths.
fn text_at(resource: &Value) -> Option<usize> {
    let plain = |content: &Value| {
        let attachment = &content["attachment"];
        let is_text = attachment["contentType"].as_str().is_some_and(|t| t.starts_with("text/plain"));
        is_text && attachment["data"].is_string() && attachment["hash"].is_null() && attachment["size"].is_null()
    };
    resource["content"].as_array()?.iter().position(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn becomes(json: &str, name: &str, typed: &str) -> String {
        String::from_utf8(corrected(json.as_bytes(), name, typed).expect("a field").expect("a version")).unwrap()
    }

    const PRESSURE: &str = r#"{"resourceType":"Observation","id":"p","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},
        "component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":80,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
        {"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":130,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}],"x":1.50}"#;

    #[test]
    fn a_measure_is_corrected_as_it_is_typed() {
        let text = becomes(PRESSURE, "value", "145/95");
        let diastolic = text.find("8462-4").unwrap();
        assert!(text[diastolic..].starts_with(r#"8462-4"}]},"valueQuantity":{"value":95"#), "{text}");
        assert!(text.contains(r#""value":145"#) && text.ends_with(r#""x":1.50}"#), "{text}");
        let error = corrected(PRESSURE.as_bytes(), "value", "13/8").unwrap();
        assert!(matches!(error, Err(PlainError::Measure(Sign::BloodPressure, _))), "{error:?}");
        assert!(corrected(PRESSURE.as_bytes(), "text", "x").is_none(), "it has no text");
        assert_eq!(fields(PRESSURE.as_bytes()), [("value", "130/80".to_owned())]);
    }

    #[test]
    fn a_note_an_allergy_a_treatment_and_a_visit_are_corrected_in_words() {
        let note = r#"{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"contentType":"application/pdf","data":"AAAA"}},
            {"attachment":{"contentType":"text/plain","data":"YQ==","title":"Note"}}]}"#;
        let new = becomes(note, "text", "deux\nlignes, été");
        assert_eq!(
            note_text(new.as_bytes()).unwrap(),
            ("Note".to_owned(), "deux\nlignes, été".to_owned())
        );
        assert!(new.contains("AAAA"), "the rest is kept");
        let hashed = note.replace(r#""title":"Note""#, r#""hash":"x""#);
        assert!(names(hashed.as_bytes()).is_empty(), "its hash would lie");
        let allergy = r#"{"resourceType":"AllergyIntolerance","code":{"coding":[{"code":"old"}],"text":"Penicilin"},"patient":{"reference":"Patient/1"},"criticality":"high"}"#;
        let new = becomes(allergy, "substance", "Pénicilline");
        assert!(new.contains(r#""code":{"text":"Pénicilline"}"#) && new.contains("high"), "{new}");
        let line = r#"{"resourceType":"MedicationRequest","status":"active","intent":"plan","subject":{"reference":"Patient/1"},"medicationCodeableConcept":{"text":"Metformin"}}"#;
        assert_eq!(
            fields(line.as_bytes()),
            [("medicine", "Metformin".to_owned()), ("dosage", String::new())]
        );
        assert!(becomes(line, "dosage", "1 comprimé").contains(r#""dosageInstruction":[{"text":"1 comprimé"}]"#));
        assert!(matches!(
            corrected(line.as_bytes(), "medicine", " "),
            Some(Err(PlainError::Write(_)))
        ));
        let visit = r#"{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"reasonCode":[{"text":"Toux"}]}"#;
        assert!(becomes(visit, "reason", "Toux sèche").contains("Toux sèche"));
    }
}
