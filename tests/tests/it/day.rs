//! A day that four places share, however they found each other: what everybody holds and can open at its end.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::territory::{Territory, text};

pub(crate) const ALL: [&str; 4] = ["clinic", "pharmacy", "cabin", "mobile"];
/// What no disk and no wire may show of the day's patients.
pub(crate) const MARKERS: [&str; 8] = [
    "Sorel",
    "SOREL",
    "Tavernier",
    "Odile",
    "251079935001105",
    "Amoxicilline",
    "Toux-kwaxtl depuis mardi",
    "Bronchite",
];

/// Two patients with an allergy-free past: one with a prescription and a diagnosis.
pub(crate) fn ward() -> Value {
    let person = |id: &str, family: &str, ins: &str| {
        json!({ "resource": { "resourceType": "Patient", "id": id,
            "identifier": [{ "system": "urn:oid:1.2.250.1.213.1.4.10", "value": ins }],
            "name": [{ "family": family, "given": ["Odile"] }], "gender": "female", "birthDate": "1951-07-02" } })
    };
    let of = json!({ "reference": "Patient/p-1" });
    json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        person("p-1", "Sorel", MARKERS[4]),
        { "resource": { "resourceType": "MedicationRequest", "id": "m-1", "status": "active", "intent": "order", "subject": of,
            "medicationCodeableConcept": { "text": "Amoxicilline" } } },
        { "resource": { "resourceType": "Condition", "id": "c-1", "subject": of, "code": { "text": "Bronchite" } } },
        person("p-2", "Tavernier", "251079935002275"),
    ] })
}

/// The clinic imports two patients and shares one with the pharmacy and the mobile doctor; everybody who practises writes. At the
/// end all hold the same set, each opens what its role gives it, and the cabin nothing. All four run. Returns the shared record.
pub(crate) fn live(t: &mut Territory) -> String {
    fs::write(t.path("ward.json"), ward().to_string()).unwrap();
    t.json("clinic", &["import", "ward.json"]);
    let patient = text(&t.json("clinic", &["patient", "search", "Sorel"])["patients"][0]["patient"]);
    t.json("clinic", &["note", "add", &patient, MARKERS[6]]);
    t.settle(&ALL);
    for place in ["pharmacy", "mobile"] {
        let found = t.json(place, &["patient", "search", "Sorel"]);
        assert_eq!(found["patients"], json!([]), "nothing is shared implicitly");
    }
    t.json("clinic", &["share", &patient, "Pharmacie du Pont"]);
    t.json("clinic", &["share", &patient, "Tournée Petit"]);
    t.settle(&ALL);
    t.json("pharmacy", &["note", "add", &patient, "Délivré ce jour."]);
    t.json("mobile", &["vital", "add", &patient, "heart-rate", "64"]);
    check(t, &patient);
    patient
}

/// What stands at the end of such a day.
pub(crate) fn check(t: &mut Territory, patient: &str) {
    t.settle(&ALL);
    let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(t.compartments("pharmacy", patient), set(&["identity", "medication"]));
    assert_eq!(t.compartments("mobile", patient), t.compartments("clinic", patient));
    assert_eq!(t.entries("mobile", patient), t.entries("clinic", patient));
    let both = t.entries("clinic", patient);
    for written in ["Délivré ce jour", "64", "kwaxtl", "Amoxicilline", "Bronchite"] {
        assert!(both.iter().any(|e| e.contains(written)), "{written} in {both:?}");
    }
    let counter = t.entries("pharmacy", patient);
    assert!(counter.iter().any(|e| e.contains("Amoxicilline")) && !counter.iter().any(|e| e.contains("kwaxtl")));
    let found = t.json("mobile", &["patient", "search", "Tavernier"]);
    assert_eq!(found["patients"], json!([]), "the other patient was shared with nobody");
    let (clinic, cabin) = (t.status("clinic"), t.status("cabin"));
    assert_eq!(cabin["readable"], Value::Null);
    assert_eq!(cabin["envelopes"], clinic["envelopes"], "it carries every envelope");
    let refused = t.at("cabin", &["patient", "show", patient]);
    assert!(refused.failed(1).contains("nobody practises"), "{refused}");
}

/// What of the day's patients stands in these bytes.
pub(crate) fn leaks(bytes: &[u8]) -> Vec<&'static str> {
    MARKERS.into_iter().filter(|m| holds(bytes, m.as_bytes())).collect()
}

pub(crate) fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|w| w == what)
}
