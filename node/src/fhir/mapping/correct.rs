//! Changing a resource without losing what isn't understood.
//!
//! A correction is a whole new version of the resource: the named fields change, all others keep their order, unknown members and the
//! digits of their numbers. (White space, escapes and the case of an exponent's E are written anew: the same JSON, not the same bytes.) The old version stays where it is; the caller writes the new one as superseding it.

use super::write::status;
use super::{ViewError, of_value};
use serde_json::{Map, Value, json};
use thiserror::Error;

/// Changes in one correction.
const MAX_CHANGES: usize = 64;
/// Levels of a path; FHIR fields are rarely deeper than eight.
const MAX_STEPS: usize = 16;

/// Why a correction can't be made. The old version stands.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CorrectError {
    /// The stored bytes aren't a JSON object.
    #[error("not a resource")]
    NotAResource,
    /// Type and id name the resource: they don't change.
    #[error("{0} can't be corrected")]
    Fixed(String),
    /// The path leads through something that isn't there.
    #[error("there is no {0}")]
    NoSuchField(String),
    /// More changes or steps than one correction has.
    #[error("too many changes")]
    TooMany,
    /// The result isn't a valid resource.
    #[error(transparent)]
    Invalid(#[from] ViewError),
    /// It was said before, or the entry was a mistake.
    #[error("this {0} is over already")]
    OverAlready(String),
    /// The type has no way to say that it is over.
    #[error("a {0} doesn't end")]
    NoEnd(String),
    /// The type has no way to say that it was a mistake.
    #[error("a {0} can't be withdrawn")]
    NoWithdrawal(String),
}

/// A new version of `json` with `changes`: FHIR paths without the type (`name[0].family`, `birthDate`,
/// `component[1].valueQuantity.value`) and their new values; null takes a field away. The last step may name a new field or the next element
/// of a list.
pub fn correct(json: &[u8], changes: &[(&str, Value)]) -> Result<Vec<u8>, CorrectError> {
    if changes.len() > MAX_CHANGES {
        return Err(CorrectError::TooMany);
    }
    let mut resource = parse(json)?;
    for (path, value) in changes {
        change(&mut resource, path, value.clone())?;
    }
    of_value(&resource)?;
    Ok(resource.to_string().into_bytes())
}

/// What stands at a path of a resource.
pub fn value_at(json: &[u8], path: &str) -> Option<Value> {
    let mut at = parse(json).ok()?;
    for step in steps(path)? {
        at = match step {
            Step::Name(name) => at.as_object_mut()?.swap_remove(name)?,
            Step::Index(i) => (i < at.as_array()?.len()).then(|| at[i].take())?,
        };
    }
    Some(at)
}

/// True iff a correction of this path is no slip: something stands there, or it is the next element of a list, or an element that FHIR
/// knows at the root of this type.
pub fn takes(json: &[u8], path: &str) -> bool {
    if value_at(json, path).is_some() {
        return true;
    }
    if let Some((list, index)) = path.strip_suffix(']').and_then(|p| p.rsplit_once('[')) {
        let length = value_at(json, list).and_then(|v| v.as_array().map(Vec::len));
        return length.is_some() && index.parse().ok() == length;
    }
    let kind = value_at(json, "resourceType");
    let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
    ELEMENTS.iter().any(|(of, elements)| *of == kind && elements.contains(&path))
}

/// Elements of FHIR R4 that may be added to a resource that came without them. What a person would correct, not the whole standard.
const ELEMENTS: [(&str, &[&str]); 7] = [
    (
        "Patient",
        &[
            "active",
            "name",
            "identifier",
            "gender",
            "birthDate",
            "telecom",
            "address",
            "deceasedBoolean",
            "deceasedDateTime",
        ],
    ),
    (
        "Observation",
        &[
            "effectiveDateTime",
            "issued",
            "interpretation",
            "note",
            "bodySite",
            "method",
            "device",
            "performer",
        ],
    ),
    ("DocumentReference", &["description", "docStatus", "date", "author", "context"]),
    (
        "Condition",
        &[
            "clinicalStatus",
            "verificationStatus",
            "severity",
            "onsetDateTime",
            "abatementDateTime",
            "recordedDate",
            "note",
        ],
    ),
    (
        "AllergyIntolerance",
        &[
            "clinicalStatus",
            "verificationStatus",
            "criticality",
            "onsetDateTime",
            "recordedDate",
            "note",
            "reaction",
        ],
    ),
    (
        "MedicationRequest",
        &[
            "statusReason",
            "authoredOn",
            "note",
            "dosageInstruction",
            "dispenseRequest",
            "reasonCode",
        ],
    ),
    ("Encounter", &["period", "reasonCode", "participant", "type", "serviceType"]),
];

/// Paths of everything in a resource that holds a plain value, in its order.
pub fn fields(json: &[u8]) -> Vec<String> {
    fn walk(value: &Value, path: String, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let dot = if path.is_empty() { "" } else { "." };
                    walk(value, format!("{path}{dot}{name}"), found);
                }
            }
            Value::Array(list) => {
                for (i, value) in list.iter().enumerate() {
                    walk(value, format!("{path}[{i}]"), found);
                }
            }
            _ => found.push(path),
        }
    }
    let mut found = Vec::new();
    if let Ok(resource) = parse(json) {
        walk(&resource, String::new(), &mut found);
    }
    found.retain(|path| path != "resourceType" && path != "id");
    found
}

/// A new version that says the resource was entered in error.
pub fn withdraw(json: &[u8]) -> Result<Vec<u8>, CorrectError> {
    let resource = parse(json)?;
    let kind = resource["resourceType"].as_str().unwrap_or_default().to_owned();
    let in_error = |list: &str| {
        let mut changes = vec![("verificationStatus", status(list, "entered-in-error"))];
        // FHIR allows no clinical status on an entry in error (con-5, ait-2).
        if resource["clinicalStatus"].is_object() {
            changes.push(("clinicalStatus", Value::Null));
        }
        correct(json, &changes)
    };
    match kind.as_str() {
        "Condition" => in_error("condition-ver-status"),
        "AllergyIntolerance" => in_error("allergyintolerance-verification"),
        "Patient" | "Practitioner" | "Organization" => Err(CorrectError::NoWithdrawal(kind)),
        _ if resource["status"].is_string() => correct(json, &[("status", json!("entered-in-error"))]),
        _ => Err(CorrectError::NoWithdrawal(kind)),
    }
}

/// Id of the note that says why a problem or an allergy is over, among others that say something else.
pub const END_REASON: &str = "end-reason";

/// A new version that says: stopped (a treatment), or over (a problem, an allergy), since `day` where FHIR has a place for it (not in an
/// allergy), and why if it is said.
pub fn ended(json: &[u8], day: &str, reason: Option<&str>) -> Result<Vec<u8>, CorrectError> {
    let resource = parse(json)?;
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    let now = match kind {
        "MedicationRequest" => resource["status"].as_str(),
        _ => resource["clinicalStatus"]["coding"][0]["code"].as_str(),
    };
    let in_error = resource["verificationStatus"]["coding"][0]["code"] == "entered-in-error";
    if in_error
        || matches!(
            now,
            Some("inactive" | "remission" | "resolved" | "stopped" | "completed" | "cancelled" | "entered-in-error")
        )
    {
        return Err(CorrectError::OverAlready(kind.to_owned()));
    }
    let list = match kind {
        "MedicationRequest" => {
            let reason = reason.map(|text| ("statusReason", json!({ "text": text })));
            let changes = [("status", json!("stopped")), ("dosageInstruction", bounded(&resource, day))];
            return correct(json, &changes.into_iter().chain(reason).collect::<Vec<_>>());
        }
        "Condition" => "condition-clinical",
        "AllergyIntolerance" => "allergyintolerance-clinical",
        _ => return Err(CorrectError::NoEnd(kind.to_owned())),
    };
    let mut changes = vec![("clinicalStatus", status(list, "resolved"))];
    if kind == "Condition" {
        changes.push(("abatementDateTime", json!(day)));
    }
    if let Some(text) = reason {
        let notes = resource["note"].as_array().cloned().unwrap_or_default();
        changes.push((
            "note",
            notes.into_iter().chain([json!({ "id": END_REASON, "text": text })]).collect(),
        ));
    }
    correct(json, &changes)
}

/// Dosages that end on `day`: whatever bounds they had before are overruled by it.
fn bounded(resource: &Value, day: &str) -> Value {
    let mut dosages = resource["dosageInstruction"].as_array().cloned().unwrap_or_default();
    dosages.retain(Value::is_object);
    if dosages.is_empty() {
        dosages.push(json!({}));
    }
    for dosage in &mut dosages {
        if !dosage["timing"].is_object() {
            dosage["timing"] = json!({});
        }
        let timing = &mut dosage["timing"];
        if !timing["repeat"].is_object() {
            timing["repeat"] = json!({});
        }
        if let Some(repeat) = timing["repeat"].as_object_mut() {
            repeat.remove("boundsDuration");
            repeat.remove("boundsRange");
            let period = repeat.entry("boundsPeriod").or_insert_with(|| json!({}));
            if !period.is_object() {
                *period = json!({});
            }
            period["end"] = json!(day);
        }
    }
    dosages.into()
}

/// Since when something is over, where it says so.
pub fn end_of(resource: &Value) -> Option<&str> {
    match resource["resourceType"].as_str()? {
        "MedicationRequest" => {
            let dosages = resource["dosageInstruction"].as_array()?;
            dosages.iter().find_map(|d| d["timing"]["repeat"]["boundsPeriod"]["end"].as_str())
        }
        "Condition" => resource["abatementDateTime"].as_str(),
        _ => None,
    }
}

fn parse(json: &[u8]) -> Result<Value, CorrectError> {
    serde_json::from_slice(json)
        .ok()
        .filter(Value::is_object)
        .ok_or(CorrectError::NotAResource)
}

enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

fn change(resource: &mut Value, path: &str, new: Value) -> Result<(), CorrectError> {
    let nowhere = || CorrectError::NoSuchField(path.to_owned());
    let steps = steps(path).ok_or_else(nowhere)?;
    if steps.len() > MAX_STEPS {
        return Err(CorrectError::TooMany);
    }
    let (last, way) = steps.split_last().ok_or_else(nowhere)?;
    if let (Step::Name(name @ ("resourceType" | "id")), true) = (last, way.is_empty()) {
        return Err(CorrectError::Fixed((*name).to_owned()));
    }
    let mut at = resource;
    for step in way {
        at = match step {
            Step::Name(name) => at.as_object_mut().and_then(|o| o.get_mut(*name)),
            Step::Index(i) => at.as_array_mut().and_then(|a| a.get_mut(*i)),
        }
        .ok_or_else(nowhere)?;
    }
    match (last, at) {
        (Step::Name(name), Value::Object(members)) => set_member(members, name, new),
        (Step::Index(i), Value::Array(list)) if *i < list.len() && new.is_null() => {
            list.remove(*i);
            Ok(())
        }
        (Step::Index(i), Value::Array(list)) if *i < list.len() => {
            list[*i] = new;
            Ok(())
        }
        (Step::Index(i), Value::Array(list)) if *i == list.len() && !new.is_null() => {
            list.push(new);
            Ok(())
        }
        _ => Err(nowhere()),
    }
}

/// Replaces in place (the order stays), adds at the end, or takes away.
fn set_member(members: &mut Map<String, Value>, name: &str, new: Value) -> Result<(), CorrectError> {
    if new.is_null() {
        return match members.shift_remove(name) {
            Some(_) => Ok(()),
            None => Err(CorrectError::NoSuchField(name.to_owned())),
        };
    }
    members.insert(name.to_owned(), new);
    Ok(())
}

/// `name[0].family` → name, 0, family.
fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (name, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return None;
        }
        steps.push(Step::Name(name));
        while !rest.is_empty() {
            let (index, tail) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(Step::Index(index.parse().ok()?));
            rest = tail;
        }
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: &str = r#"{"zeta":1.50,"resourceType":"Patient","id":"p","name":[{"family":"Durand","given":["Léa"],"_x":1e+2}],"birthDate":"1970","big":123456789012345678901234567890.10}"#;

    #[test]
    fn a_correction_keeps_order_unknown_fields_and_digits() {
        let new = correct(
            PATIENT.as_bytes(),
            &[("name[0].family", json!("Durant")), ("birthDate", json!("1971-02-03"))],
        )
        .unwrap();
        let expected = PATIENT.replace("Durand", "Durant").replace("\"1970\"", "\"1971-02-03\"");
        assert_eq!(String::from_utf8(new).unwrap(), expected);
    }

    #[test]
    fn fields_are_added_and_taken_away() {
        let new = correct(
            PATIENT.as_bytes(),
            &[
                ("name[0].given[1]", json!("Zoé")),
                ("zeta", Value::Null),
                ("gender", json!("female")),
            ],
        );
        let text = String::from_utf8(new.unwrap()).unwrap();
        assert!(
            text.starts_with("{\"resourceType\"") && text.ends_with(",\"gender\":\"female\"}") && text.contains("[\"Léa\",\"Zoé\"]"),
            "{text}"
        );
    }

    #[test]
    fn a_misspelt_field_is_told_from_one_that_may_be_added() {
        for path in ["birthDate", "name[0].family", "name[0].given[0]", "name[0].given[1]", "gender"] {
            assert!(takes(PATIENT.as_bytes(), path), "{path}");
        }
        for path in [
            "birthdate",
            "name[0].familly",
            "name[0].given[2]",
            "name[2]",
            "valueQuantity",
            "name[0].gender",
            "",
            "name[",
        ] {
            assert!(!takes(PATIENT.as_bytes(), path), "{path}");
        }
        assert_eq!(value_at(PATIENT.as_bytes(), "name[0].given[0]"), Some(json!("Léa")));
        assert_eq!(
            fields(PATIENT.as_bytes()),
            ["zeta", "name[0].family", "name[0].given[0]", "name[0]._x", "birthDate", "big"]
        );
    }

    #[test]
    fn a_correction_that_makes_no_sense_is_refused() {
        for (path, value) in [
            ("resourceType", json!("Group")),
            ("id", json!("q")),
            ("birthDate", json!("yesterday")),
            ("name", json!("Durand")),
            ("name[7].family", json!("x")),
            ("name[0].given[3]", json!("x")),
            ("gender", Value::Null),
            ("", json!(1)),
            ("name[", json!(1)),
            ("name[0]x", json!(1)),
        ] {
            assert!(correct(PATIENT.as_bytes(), &[(path, value)]).is_err(), "{path}");
        }
        assert_eq!(correct(b"[]", &[]), Err(CorrectError::NotAResource));
    }

    #[test]
    fn what_is_over_says_since_when_and_why() {
        let text = |json: &str, reason| String::from_utf8(ended(json.as_bytes(), "2026-11-26", reason).unwrap()).unwrap();
        let line = r#"{"resourceType":"MedicationRequest","status":"active","intent":"plan","subject":{"reference":"Patient/1"},"medicationCodeableConcept":{"text":"Metformine"}}"#;
        let stopped = text(line, Some("Diarrhée"));
        assert!(
            stopped.contains(r#""status":"stopped""#) && stopped.ends_with(r#""statusReason":{"text":"Diarrhée"}}"#),
            "{stopped}"
        );
        let problem = r#"{"resourceType":"Condition","clinicalStatus":{"coding":[{"code":"active"}]},"subject":{"reference":"Patient/1"},"note":[{"text":"a"}]}"#;
        let over = text(problem, Some("b"));
        for part in [
            "\"resolved\"",
            r#""abatementDateTime":"2026-11-26""#,
            r#""note":[{"text":"a"},{"id":"end-reason","text":"b"}]"#,
        ] {
            assert!(over.contains(part), "{over}");
        }
        let allergy =
            r#"{"resourceType":"AllergyIntolerance","clinicalStatus":{"coding":[{"code":"active"}]},"patient":{"reference":"Patient/1"}}"#;
        assert!(text(allergy, None).contains("allergyintolerance-clinical"));
        for again in [&stopped, &over] {
            let refused = ended(again.as_bytes(), "2026-11-27", None);
            assert!(matches!(refused, Err(CorrectError::OverAlready(_))), "{again}");
        }
        assert!(matches!(ended(PATIENT.as_bytes(), "2026-11-26", None), Err(CorrectError::NoEnd(_))));
    }

    #[test]
    fn what_was_entered_in_error_says_so() {
        let observation = br#"{"resourceType":"Observation","status":"final","code":{"text":"x"}}"#;
        assert!(
            String::from_utf8(withdraw(observation).unwrap())
                .unwrap()
                .contains("\"status\":\"entered-in-error\"")
        );
        let condition = br#"{"resourceType":"Condition","clinicalStatus":{"text":"a"},"subject":{"reference":"Patient/1"}}"#;
        let text = String::from_utf8(withdraw(condition).unwrap()).unwrap();
        assert!(text.contains("condition-ver-status") && !text.contains("clinicalStatus"));
        assert!(matches!(withdraw(PATIENT.as_bytes()), Err(CorrectError::NoWithdrawal(_))));
    }
}
