//! The resources that acts made here become.
//!
//! What is typed here is checked as local entry (a wrong check digit is an error) and written as the smallest resource that says it all. Ids are
//! UUIDs drawn by the caller and references `urn:uuid:…`, so that a bundle of them is complete in itself.
//!
//! A note is a `DocumentReference` with its text attached: FHIR's own home for clinical notes, typed by LOINC, with author, date and
//! encounter, and accepted by both validators. `Communication` is kept for messages between people; `Composition` would demand sections in XHTML.

use super::acts::{LOINC, NEWS2_TOTAL, NO_KNOWN_ALLERGY, PATIENT_ON_OXYGEN, SNOMED, UCUM};
use super::read::{is_date, is_date_time};
use base64::{Engine, engine::general_purpose::STANDARD};
use bocage_protocol::clinical::identifiers::{IdentifierError, Kind, system};
use bocage_protocol::clinical::news2::{News2, Parameter, Scale};
use bocage_protocol::clinical::vitals::{DIASTOLIC, Measure, OXYGEN_SATURATION_ARTERIAL, Reading, SYSTOLIC, Sign};
use serde_json::{Value, json};
use thiserror::Error;

/// Longest free text of a note, in bytes: its resource stays well below the size of an import.
pub const MAX_NOTE: usize = 96 * 1024;
/// LOINC "Note".
pub const NOTE_TYPE: &str = "34109-9";
/// LOINC "Consult note".
pub const CONSULT_NOTE_TYPE: &str = "11488-4";
const MAX_NAME: usize = 200;
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

/// Why an act can't be written. Nothing was stored.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum WriteError {
    /// An obligatory text is empty or only spaces.
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is too long")]
    TooLong(&'static str),
    /// Not a FHIR date (and time with zone).
    #[error("{0} is not a date")]
    NotADate(&'static str),
    /// A name with a line break, a tab or an escape in it.
    #[error("{0} has a control character in it (a line break, a tab, an escape): type it anew")]
    Control(&'static str),
    #[error("{0} is not one of the codes allowed there")]
    NotACode(&'static str),
    #[error("{0}: {1}")]
    Identifier(&'static str, IdentifierError),
    /// The id isn't a UUID.
    #[error("not a UUID")]
    NotAUuid,
}

/// A random UUID of 16 random bytes.
pub fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = bocage_protocol::ids::hex(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// True for a lower-case UUID in its usual form.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
        })
}

/// What is asked to register a person.
#[derive(Clone, Copy, Default)]
pub struct NewPatient<'a> {
    pub id: &'a str,
    pub family: &'a str,
    pub given: &'a [&'a str],
    pub birth_date: &'a str,
    /// `male`, `female`, `other`, `unknown`.
    pub sex: &'a str,
    /// System (`urn:oid:…`) and number.
    pub ins: Option<(&'a str, &'a str)>,
    pub phone: Option<&'a str>,
    pub address: Option<NewAddress<'a>>,
}

#[derive(Clone, Copy)]
pub struct NewAddress<'a> {
    pub line: &'a str,
    pub postal_code: &'a str,
    pub city: &'a str,
}

/// `Patient`.
pub fn patient(new: &NewPatient<'_>) -> Result<Vec<u8>, WriteError> {
    let mut resource = start("Patient", new.id)?;
    if let Some((ins_system, number)) = new.ins {
        if !system::is_ins(ins_system) {
            return Err(WriteError::NotACode("INS system"));
        }
        let value = Kind::Ins.entered(number).map_err(|e| WriteError::Identifier("INS", e))?;
        resource["identifier"] = json!([{ "use": "official", "system": ins_system, "value": value }]);
    }
    resource["active"] = json!(true);
    let given = new.given.iter().map(|g| named("given name", g)).collect::<Result<Vec<_>, _>>()?;
    resource["name"] = json!([{ "use": "official", "family": named("family name", new.family)? }]);
    if !given.is_empty() {
        resource["name"][0]["given"] = json!(given);
    }
    if let Some(phone) = new.phone {
        resource["telecom"] = json!([{ "system": "phone", "value": named("phone", phone)? }]);
    }
    one_of("sex", new.sex, &["male", "female", "other", "unknown"])?;
    resource["gender"] = json!(new.sex);
    if !is_date(new.birth_date) {
        return Err(WriteError::NotADate("birth date"));
    }
    resource["birthDate"] = json!(new.birth_date);
    if let Some(a) = new.address {
        let (line, city) = (named("street", a.line)?, named("town", a.city)?);
        resource["address"] =
            json!([{ "line": [line], "city": city, "postalCode": named("postal code", a.postal_code)?, "country": "FR" }]);
    }
    Ok(bytes(&resource))
}

/// Who, where, when: what every act carries. References are `urn:uuid:…` or whatever the record already uses.
#[derive(Clone, Copy, Default)]
pub struct Act<'a> {
    pub id: &'a str,
    pub patient: &'a str,
    pub author: Option<&'a str>,
    /// Who wrote it, where no resource stands for that person.
    pub by: Option<By<'a>>,
    pub encounter: Option<&'a str>,
    pub device: Option<&'a str>,
    /// When a person says it happened: date and time with zone.
    pub effective: &'a str,
}

/// A practitioner by name.
#[derive(Clone, Copy)]
pub struct By<'a> {
    pub name: &'a str,
    /// Empty where it isn't known.
    pub rpps: &'a str,
}

/// A vital sign: `Observation` under the vital-signs category; a pressure is a panel of two components.
pub fn vital(act: &Act<'_>, measure: Measure) -> Result<Vec<u8>, WriteError> {
    let row = measure.sign().row();
    let mut coding = vec![json!({ "system": LOINC, "code": row.loinc, "display": row.display })];
    if row.sign == Sign::OxygenSaturation {
        coding.push(json!({ "system": LOINC, "code": OXYGEN_SATURATION_ARTERIAL, "display": "Oxygen saturation in Arterial blood" }));
    }
    let mut resource = observed(act, ["vital-signs", "Vital Signs"], json!({ "coding": coding }))?;
    match measure.reading() {
        Reading::Scalar(_) => resource["valueQuantity"] = quantity(&measure.to_string(), row.unit),
        Reading::Consciousness(level) => resource["valueCodeableConcept"] = json!({ "text": level.letter().to_string() }),
        Reading::Pressure { systolic, diastolic } => {
            let part = |loinc, display, value: i32| {
                json!({
                    "code": { "coding": [{ "system": LOINC, "code": loinc, "display": display }] },
                    "valueQuantity": quantity(&value.to_string(), row.unit),
                })
            };
            resource["component"] = json!([
                part(SYSTOLIC, "Systolic blood pressure", systolic),
                part(DIASTOLIC, "Diastolic blood pressure", diastolic),
            ]);
        }
    }
    if let Some(device) = act.device {
        resource["device"] = json!({ "reference": device });
    }
    Ok(bytes(&resource))
}

/// A signed free text: `DocumentReference`. `effective` must have a time.
pub fn note(act: &Act<'_>, title: &str, text: &str) -> Result<Vec<u8>, WriteError> {
    note_of((NOTE_TYPE, "Note"), act, title, text)
}

/// What a practitioner answers who was asked for an opinion: a note that says so.
pub fn consult_note(act: &Act<'_>, title: &str, text: &str) -> Result<Vec<u8>, WriteError> {
    note_of((CONSULT_NOTE_TYPE, "Consult note"), act, title, text)
}

fn note_of((code, display): (&str, &str), act: &Act<'_>, title: &str, text: &str) -> Result<Vec<u8>, WriteError> {
    if text.trim().is_empty() {
        return Err(WriteError::Missing("text"));
    }
    if text.len() > MAX_NOTE {
        return Err(WriteError::TooLong("text"));
    }
    if !act.effective.contains('T') {
        return Err(WriteError::NotADate("effective"));
    }
    let mut resource = start("DocumentReference", act.id)?;
    resource["status"] = json!("current");
    resource["docStatus"] = json!("final");
    resource["type"] = json!({ "coding": [{ "system": LOINC, "code": code, "display": display }] });
    act.write(&mut resource, "", "date")?;
    if let Some(author) = act.written_by() {
        resource["author"] = json!([author]);
    }
    resource["content"] = json!([{ "attachment": {
        "contentType": "text/plain; charset=utf-8",
        "data": STANDARD.encode(text),
        "title": named("title", title)?,
        "creation": act.effective,
    } }]);
    if let Some(encounter) = act.encounter {
        resource["context"] = json!({ "encounter": [{ "reference": encounter }] });
    }
    Ok(bytes(&resource))
}

/// Title and text of a note written by [`note`] or of any other `DocumentReference` with plain text in it.
pub fn note_text(json: &[u8]) -> Option<(String, String)> {
    let resource: Value = serde_json::from_slice(json).ok()?;
    if resource["resourceType"] != "DocumentReference" {
        return None;
    }
    resource["content"].as_array()?.iter().find_map(|content| {
        let attachment = &content["attachment"];
        attachment["contentType"].as_str().filter(|t| t.starts_with("text/plain"))?;
        let text = String::from_utf8(STANDARD.decode(attachment["data"].as_str()?).ok()?).ok()?;
        Some((attachment["title"].as_str().unwrap_or_default().to_owned(), text))
    })
}

/// A problem, or what the patient has had before.
#[derive(Clone, Copy, Default)]
pub struct NewProblem<'a> {
    pub label: &'a str,
    /// Its CIM-10 code, where it is known.
    pub cim10: Option<&'a str>,
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, where it is known.
    pub since: Option<&'a str>,
    /// It is over: an antecedent.
    pub is_over: bool,
}

/// A problem or an antecedent, confirmed.
pub fn condition(act: &Act<'_>, new: &NewProblem<'_>) -> Result<Vec<u8>, WriteError> {
    let mut resource = start("Condition", act.id)?;
    statuses(&mut resource, "condition-clinical", "condition-ver-status");
    if new.is_over {
        resource["clinicalStatus"] = status("condition-clinical", "resolved");
    }
    resource["code"] = json!({ "text": named("problem", new.label)? });
    if let Some(cim10) = new.cim10 {
        let code = Kind::Cim10.entered(cim10).map_err(|e| WriteError::Identifier("CIM-10", e))?;
        resource["code"] = json!({ "coding": [{ "system": system::CIM10, "code": code }], "text": resource["code"]["text"] });
    }
    if let Some(since) = new.since {
        if !is_date(since) {
            return Err(WriteError::NotADate("since"));
        }
        resource["onsetDateTime"] = json!(since);
    }
    act.write(&mut resource, "encounter", "recordedDate")?;
    if let Some(author) = act.written_by() {
        resource["recorder"] = author;
    }
    Ok(bytes(&resource))
}

/// An allergy or intolerance, active and confirmed. `criticality`: `low`, `high`, `unable-to-assess`.
pub fn allergy(act: &Act<'_>, substance: &str, criticality: &str, reaction: Option<&str>) -> Result<Vec<u8>, WriteError> {
    one_of("criticality", criticality, &["low", "high", "unable-to-assess"])?;
    let mut resource = start("AllergyIntolerance", act.id)?;
    statuses(&mut resource, "allergyintolerance-clinical", "allergyintolerance-verification");
    resource["criticality"] = json!(criticality);
    resource["code"] = json!({ "text": named("substance", substance)? });
    resource["patient"] = json!({ "reference": act.patient });
    if let Some(encounter) = act.encounter {
        resource["encounter"] = json!({ "reference": encounter });
    }
    resource["recordedDate"] = json!(act.time()?);
    if let Some(author) = act.written_by() {
        resource["recorder"] = author;
    }
    if let Some(reaction) = reaction {
        resource["reaction"] = json!([{ "manifestation": [{ "text": named("reaction", reaction)? }] }]);
    }
    Ok(bytes(&resource))
}

/// Somebody asked, and there is no allergy that anybody knows of: not the same as nothing noted.
pub fn no_known_allergy(act: &Act<'_>) -> Result<Vec<u8>, WriteError> {
    let mut resource = start("AllergyIntolerance", act.id)?;
    statuses(&mut resource, "allergyintolerance-clinical", "allergyintolerance-verification");
    resource["code"] = json!({
        "coding": [{ "system": SNOMED, "code": NO_KNOWN_ALLERGY, "display": "No known allergy" }],
        "text": "No known allergy",
    });
    resource["patient"] = json!({ "reference": act.patient });
    resource["recordedDate"] = json!(act.time()?);
    if let Some(author) = act.written_by() {
        resource["recorder"] = author;
    }
    Ok(bytes(&resource))
}

/// One line of a prescription: an active order. `repeats`: dispenses allowed after the first.
pub fn prescription_line(act: &Act<'_>, group: &str, medicine: &str, dosage: &str, repeats: u32) -> Result<Vec<u8>, WriteError> {
    let mut resource = start("MedicationRequest", act.id)?;
    resource["status"] = json!("active");
    resource["intent"] = json!("order");
    resource["medicationCodeableConcept"] = json!({ "text": named("medicine", medicine)? });
    act.write(&mut resource, "encounter", "authoredOn")?;
    if let Some(author) = act.written_by() {
        resource["requester"] = author;
    }
    resource["groupIdentifier"] = json!({ "system": "urn:ietf:rfc:3986", "value": named("prescription", group)? });
    resource["dosageInstruction"] = json!([{ "text": named("dosage", dosage)? }]);
    resource["dispenseRequest"] = json!({ "numberOfRepeatsAllowed": repeats });
    Ok(bytes(&resource))
}

/// A medicine that the patient takes, noted by whoever writes: no order, and nothing to dispense on.
pub fn treatment(act: &Act<'_>, medicine: &str, dosage: &str) -> Result<Vec<u8>, WriteError> {
    let mut resource = start("MedicationRequest", act.id)?;
    resource["status"] = json!("active");
    resource["intent"] = json!("plan");
    resource["reportedBoolean"] = json!(true);
    resource["medicationCodeableConcept"] = json!({ "text": named("medicine", medicine)? });
    act.write(&mut resource, "encounter", "authoredOn")?;
    if let Some(author) = act.written_by() {
        resource["recorder"] = author;
    }
    resource["dosageInstruction"] = json!([{ "text": named("dosage", dosage)? }]);
    Ok(bytes(&resource))
}

/// Whether supplemental oxygen was given when the other readings were taken.
pub fn oxygen(act: &Act<'_>, given: bool) -> Result<Vec<u8>, WriteError> {
    let code = json!({ "coding": [{ "system": SNOMED, "code": PATIENT_ON_OXYGEN, "display": "Patient on oxygen" }], "text": "Supplemental oxygen" });
    let mut resource = observed(act, ["exam", "Exam"], code)?;
    resource["valueBoolean"] = json!(given);
    Ok(bytes(&resource))
}

/// A NEWS2 total with its parts, and the ids of the readings it was made of. LOINC has no code for it; the Royal College's is SNOMED's.
pub fn news2(act: &Act<'_>, score: &News2, scale: Scale, readings: &[String]) -> Result<Vec<u8>, WriteError> {
    let (Some(total), Some(band)) = (score.total(), score.band()) else {
        return Err(WriteError::Missing("NEWS2"));
    };
    let code = json!({
        "coding": [{ "system": SNOMED, "code": NEWS2_TOTAL, "display": "Royal College of Physicians NEWS2 (National Early Warning Score 2) total score" }],
        "text": "NEWS2",
    });
    let mut resource = observed(act, ["survey", "Survey"], code)?;
    resource["valueQuantity"] = quantity(&total.to_string(), "{score}");
    resource["interpretation"] = json!([{ "text": band.name() }]);
    resource["method"] = json!({ "text": format!("SpO2 scale {}", scale.number()) });
    if !readings.is_empty() {
        let reference = |id: &String| json!({ "reference": format!("urn:uuid:{id}") });
        resource["derivedFrom"] = readings.iter().map(reference).collect();
    }
    let part = |p: Parameter| {
        let points = score.points(p).unwrap_or_default().to_string();
        json!({ "code": { "text": part_name(p) }, "valueQuantity": quantity(&points, "{score}") })
    };
    resource["component"] = Parameter::ALL.into_iter().map(part).collect();
    Ok(bytes(&resource))
}

fn part_name(parameter: Parameter) -> &'static str {
    match parameter {
        Parameter::Respiration => "respiration",
        Parameter::Saturation => "SpO2",
        Parameter::Oxygen => "air or oxygen",
        Parameter::Systolic => "systolic pressure",
        Parameter::Pulse => "pulse",
        Parameter::Consciousness => "consciousness",
        Parameter::Temperature => "temperature",
    }
}

/// A final observation in this category, without its value yet.
fn observed(act: &Act<'_>, [category, display]: [&str; 2], code: Value) -> Result<Value, WriteError> {
    let mut resource = start("Observation", act.id)?;
    resource["status"] = json!("final");
    resource["category"] = json!([{ "coding": [{ "system": CATEGORY, "code": category, "display": display }] }]);
    resource["code"] = code;
    act.write(&mut resource, "encounter", "effectiveDateTime")?;
    if let Some(author) = act.written_by() {
        resource["performer"] = json!([author]);
    }
    Ok(resource)
}

/// A finished encounter. `class`: `AMB` at the practice, `HH` at home, `VR` by tele-consultation.
pub fn encounter(act: &Act<'_>, class: &str, reason: &str) -> Result<Vec<u8>, WriteError> {
    one_of("class", class, &["AMB", "HH", "VR", "EMER", "FLD"])?;
    let mut resource = start("Encounter", act.id)?;
    resource["status"] = json!("finished");
    resource["class"] = json!({ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class });
    resource["subject"] = json!({ "reference": act.patient });
    if let Some(author) = act.written_by() {
        resource["participant"] = json!([{ "individual": author }]);
    }
    resource["period"] = json!({ "start": act.time()? });
    resource["reasonCode"] = json!([{ "text": named("reason", reason)? }]);
    Ok(bytes(&resource))
}

/// A health professional with an RPPS number.
pub fn practitioner(id: &str, rpps: &str, family: &str, given: &str) -> Result<Vec<u8>, WriteError> {
    let value = Kind::Rpps.entered(rpps).map_err(|e| WriteError::Identifier("RPPS", e))?;
    let mut resource = start("Practitioner", id)?;
    resource["identifier"] = json!([{ "system": system::RPPS, "value": value }]);
    resource["name"] = json!([{ "family": named("family name", family)?, "given": [named("given name", given)?] }]);
    Ok(bytes(&resource))
}

/// A facility with a FINESS number.
pub fn organization(id: &str, finess: &str, name: &str) -> Result<Vec<u8>, WriteError> {
    let value = Kind::Finess.entered(finess).map_err(|e| WriteError::Identifier("FINESS", e))?;
    let mut resource = start("Organization", id)?;
    resource["identifier"] = json!([{ "system": system::FINESS, "value": value }]);
    resource["name"] = json!(named("name", name)?);
    Ok(bytes(&resource))
}

impl Act<'_> {
    /// A FHIR reference to who wrote it: to a resource, or by name and number.
    pub(super) fn written_by(&self) -> Option<Value> {
        if let Some(author) = self.author {
            return Some(json!({ "reference": author }));
        }
        let By { name, rpps } = self.by?;
        let mut by = json!({ "type": "Practitioner" });
        if !rpps.is_empty() {
            by["identifier"] = json!({ "system": system::RPPS, "value": rpps });
        }
        by["display"] = json!(name);
        Some(by)
    }

    fn time(&self) -> Result<&str, WriteError> {
        if is_date_time(self.effective) {
            Ok(self.effective)
        } else {
            Err(WriteError::NotADate("effective"))
        }
    }

    /// Subject, encounter (unless its field is empty) and time.
    pub(super) fn write(&self, resource: &mut Value, encounter: &str, time: &str) -> Result<(), WriteError> {
        if self.patient.is_empty() {
            return Err(WriteError::Missing("patient"));
        }
        resource["subject"] = json!({ "reference": self.patient });
        if let Some(reference) = self.encounter
            && !encounter.is_empty()
        {
            resource[encounter] = json!({ "reference": reference });
        }
        resource[time] = json!(self.time()?);
        Ok(())
    }
}

pub(super) fn start(kind: &str, id: &str) -> Result<Value, WriteError> {
    if is_uuid(id) {
        Ok(json!({ "resourceType": kind, "id": id }))
    } else {
        Err(WriteError::NotAUuid)
    }
}

/// Active and confirmed, in the code systems of this kind of entry.
fn statuses(resource: &mut Value, clinical: &str, verification: &str) {
    resource["clinicalStatus"] = status(clinical, "active");
    resource["verificationStatus"] = status(verification, "confirmed");
}

/// A status of a problem or an allergy, from one of HL7's lists.
pub(super) fn status(list: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": format!("http://terminology.hl7.org/CodeSystem/{list}"), "code": code }] })
}

/// A number with its unit. `number` comes from a [`Measure`].
pub(super) fn quantity(number: &str, ucum: &str) -> Value {
    let number: serde_json::Number = number.parse().expect("a measure displays as a JSON number");
    json!({ "value": number, "unit": ucum, "system": UCUM, "code": ucum })
}

pub(crate) fn named(what: &'static str, text: &str) -> Result<String, WriteError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(WriteError::Missing(what));
    }
    if text.len() > MAX_NAME {
        return Err(WriteError::TooLong(what));
    }
    if text.chars().any(char::is_control) {
        return Err(WriteError::Control(what));
    }
    Ok(text.to_owned())
}

pub(super) fn one_of(what: &'static str, code: &str, allowed: &[&str]) -> Result<(), WriteError> {
    if allowed.contains(&code) {
        Ok(())
    } else {
        Err(WriteError::NotACode(what))
    }
}

pub(super) fn bytes(resource: &Value) -> Vec<u8> {
    resource.to_string().into_bytes()
}
