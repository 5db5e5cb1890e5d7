//! Fields by the names that people use (`value`, `text`, `substance` …), instead of paths inside a resource.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bocage_protocol::clinical::identifiers::{Kind, system};
use bocage_protocol::clinical::vitals::{DIASTOLIC, Measure, Reading, SYSTOLIC, Sign, VitalError};
use serde_json::{Value, json};
use thiserror::Error;

use super::acts::NO_KNOWN_ALLERGY;
use super::correct::{CorrectError, correct};
use super::people::rank;
use super::read::{Concept, is_date};
use super::write::{MAX_NOTE, WriteError, named, note_text, one_of, quantity};
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
        // That there is none has no substance to put right.
        Some("AllergyIntolerance") if resource["code"]["coding"][0]["code"] == NO_KNOWN_ALLERGY => &[],
        Some("AllergyIntolerance") => &["substance", "criticality", "reaction"],
        Some("MedicationRequest") => &["medicine", "dosage"],
        Some("Encounter") => &["reason"],
        Some("Condition") => &["problem", "since"],
        Some("Patient") => &["family", "given", "birth-date", "sex", "ins"],
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
        (Some(View::Condition(c)), "problem") => label(c.code.as_ref()),
        (Some(View::Condition(c)), _) => c.onset.clone().unwrap_or_default(),
        (Some(View::Patient(p)), "family") => p.family.clone().unwrap_or_default(),
        (Some(View::Patient(p)), "given") => p.given.join(" "),
        (Some(View::Patient(p)), "birth-date") => p.birth_date.clone().unwrap_or_default(),
        (Some(View::Patient(p)), "sex") => p.sex.clone().unwrap_or_default(),
        (Some(View::Patient(p)), _) => p.ins.as_ref().map(|i| i.value.clone()).unwrap_or_default(),
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
        "problem" => texted("problem", "code", typed),
        "since" => dated("since", "onsetDateTime", !resource["onsetDateTime"].is_null(), typed),
        "birth-date" if typed.trim().is_empty() => Err(WriteError::Missing("birth date").into()),
        "birth-date" => dated("birth date", "birthDate", true, typed),
        "sex" => one_of("sex", typed.trim(), &["male", "female", "other", "unknown"])
            .map(|()| vec![("gender".to_owned(), json!(typed.trim()))])
            .map_err(PlainError::from),
        "family" | "given" => person_named(&resource, name, typed),
        "ins" => numbered(&resource, typed),
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

/// A date in the form that FHIR writes; an empty one takes the field away.
fn dated(what: &'static str, path: &str, is_there: bool, typed: &str) -> Changes {
    match typed.trim() {
        "" if is_there => Ok(vec![(path.to_owned(), Value::Null)]),
        "" => Ok(Vec::new()),
        date if is_date(date) => Ok(vec![(path.to_owned(), json!(date))]),
        _ => Err(WriteError::NotADate(what).into()),
    }
}

/// A part of the name that is shown. Where it stood as one text as well, that goes: it would say the old name.
fn person_named(resource: &Value, part: &str, typed: &str) -> Changes {
    let names = resource["name"].as_array().map_or(&[][..], Vec::as_slice);
    let shown = (0..names.len()).min_by_key(|i| rank(names[*i]["use"].as_str()));
    let new = if part == "family" {
        json!(named("family name", typed)?)
    } else {
        let given = typed.split_whitespace().map(|g| named("given name", g));
        given.collect::<Result<Vec<_>, _>>()?.into()
    };
    let is_empty = new.as_array().is_some_and(Vec::is_empty);
    let Some(at) = shown else {
        return Ok(vec![("name".to_owned(), json!([{ part: new }]))]);
    };
    let mut changes = Vec::new();
    if !names[at]["text"].is_null() {
        changes.push((format!("name[{at}].text"), Value::Null));
    }
    match is_empty {
        true if names[at][part].is_null() => {}
        true => changes.push((format!("name[{at}].{part}"), Value::Null)),
        false => changes.push((format!("name[{at}].{part}"), new)),
    }
    Ok(changes)
}

/// The national health identifier; an empty one takes it away. A new one is of the test series: the software isn't certified.
fn numbered(resource: &Value, typed: &str) -> Changes {
    let all = resource["identifier"].as_array().map_or(&[][..], Vec::as_slice);
    let at = all.iter().position(|i| i["system"].as_str().is_some_and(system::is_ins));
    let digits: String = typed.split_whitespace().collect();
    if digits.is_empty() {
        return Ok(at.map(|at| (format!("identifier[{at}]"), Value::Null)).into_iter().collect());
    }
    let number = Kind::Ins.entered(&digits).map_err(|e| WriteError::Identifier("INS", e))?;
    let new = json!({ "use": "official", "system": system::INS_TEST, "value": number });
    Ok(vec![match at {
        Some(at) => (format!("identifier[{at}].value"), json!(number)),
        None if resource["identifier"].is_array() => (format!("identifier[{}]", all.len()), new),
        None => ("identifier".to_owned(), json!([new])),
    }])
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
        let problem =
            r#"{"resourceType":"Condition","code":{"coding":[{"code":"I10"}],"text":"Hypertension"},"subject":{"reference":"Patient/1"}}"#;
        assert!(becomes(problem, "since", "1998").ends_with(r#","onsetDateTime":"1998"}"#));
        assert_eq!(becomes(problem, "since", ""), problem, "nothing to take away");
        assert!(matches!(
            corrected(problem.as_bytes(), "since", "avant"),
            Some(Err(PlainError::Write(_)))
        ));
        let visit = r#"{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"reasonCode":[{"text":"Toux"}]}"#;
        assert!(becomes(visit, "reason", "Toux sèche").contains("Toux sèche"));
    }

    #[test]
    fn an_identity_is_corrected_in_the_name_that_is_shown() {
        const PERSON: &str = r#"{"resourceType":"Patient","name":[{"use":"maiden","family":"Petit"},{"use":"official","family":"Dupond","given":["Awa"],"text":"Awa Dupond"}],"birthDate":"1992-03-12","gender":"female"}"#;
        assert_eq!(
            fields(PERSON.as_bytes()),
            [
                ("family", "Dupond"),
                ("given", "Awa"),
                ("birth-date", "1992-03-12"),
                ("sex", "female"),
                ("ins", "")
            ]
            .map(|(name, value)| (name, value.to_owned()))
        );
        let new = becomes(PERSON, "family", "Dupont");
        assert!(new.contains("Dupont") && new.contains("Petit") && !new.contains("Dupond"), "{new}");
        assert!(becomes(PERSON, "given", "Awa  Marie").contains(r#""given":["Awa","Marie"]"#));
        assert!(!becomes(PERSON, "given", " ").contains("given"));
        assert!(becomes(PERSON, "sex", "unknown").contains(r#""gender":"unknown""#));
        assert!(becomes(PERSON, "birth-date", "1993").contains(r#""birthDate":"1993""#));
        let numbered = becomes(PERSON, "ins", "2 92 03 75 123 456 36");
        assert!(numbered.contains(r#""system":"urn:oid:1.2.250.1.213.1.4.10""#), "{numbered}");
        assert!(!becomes(&numbered, "ins", "").contains("292037512345636"));
        for (name, typed) in [
            ("family", ""),
            ("birth-date", ""),
            ("birth-date", "hier"),
            ("sex", "x"),
            ("ins", "292037512345637"),
        ] {
            let refused = corrected(PERSON.as_bytes(), name, typed);
            assert!(matches!(refused, Some(Err(PlainError::Write(_)))), "{name} {typed}");
        }
    }
}
