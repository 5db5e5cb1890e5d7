//! FHIR files in and out, with the facts in memory.
//!
//! The run over HL7's own examples needs them on disk: `tests/fhir/fetch.sh DIR`, then `BOCAGE_FHIR_EXAMPLES=DIR`. With `BOCAGE_FHIR_OUT=DIR`
//! exports are left there for the validators in `tests/fhir`.

use bocage_node::fhir::export::{ExportError, ExportResource, export_patient};
use bocage_node::fhir::filing::source_of_identifier;
use bocage_node::fhir::generate::Generator;
use bocage_node::fhir::import::Importer;
use bocage_node::fhir::mapping::correct::{correct, ended, withdraw};
use bocage_node::fhir::mapping::write::{self, Act, NewAddress, NewPatient, NewProblem, WriteError};
use bocage_node::fhir::mapping::{self, View};
use bocage_node::fhir::report::{Language, Note, Reason, Report};
use bocage_node::fhir::{Compartment, ImportItem, ImportSink, MAX_RESOURCE, Outcome, PatientRef};
use bocage_protocol::clinical::identifiers::{IdentifierError, system};
use bocage_protocol::clinical::vitals::{Acvpu, Measure, Sign};
use serde_json::{Value, json};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufWriter, Cursor, Seek, Write};
use std::path::{Path, PathBuf};

/// Facts in memory: every version under (patient, source), and the names resources go by.
#[derive(Default)]
struct Facts {
    versions: BTreeMap<(Option<PatientRef>, String), Vec<Vec<u8>>>,
    urls: BTreeMap<(Option<PatientRef>, String), Option<String>>,
    names: BTreeMap<String, PatientRef>,
    filed: Vec<(String, Compartment, Option<String>)>,
}

impl ImportSink for Facts {
    fn existing(&mut self, patient: Option<&PatientRef>, source: &str) -> Result<Vec<Vec<u8>>, Reason> {
        Ok(self
            .versions
            .get(&(patient.cloned(), source.to_owned()))
            .cloned()
            .unwrap_or_default())
    }

    fn put(&mut self, item: &ImportItem) -> Result<Outcome, Reason> {
        let key = (item.patient.clone(), item.source.clone());
        if let Some(patient) = &item.patient {
            self.names.extend(item.names.iter().map(|n| (n.clone(), patient.clone())));
        }
        self.filed
            .push((item.path.clone(), item.compartment, item.patient.as_ref().map(|p| p.source.clone())));
        self.urls.insert(key.clone(), item.full_url.clone());
        let versions = self.versions.entry(key).or_default();
        versions.push(item.json.clone());
        Ok(if versions.len() == 1 { Outcome::Created } else { Outcome::Updated })
    }

    fn patient_of(&mut self, name: &str) -> Option<PatientRef> {
        self.names.get(name).cloned()
    }
}

impl Facts {
    fn import(&mut self, text: impl AsRef<[u8]>) -> Report {
        Importer::default().import(Cursor::new(text.as_ref()), self)
    }

    fn export(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let current = self.versions.iter().map(|(key, versions)| ExportResource {
            full_url: self.urls[key].clone(),
            json: versions.last().expect("a key has a version").clone(),
        });
        export_patient(current, &mut out).expect("stored resources are whole");
        out
    }

    /// Compartment and patient of the item at `path`.
    fn at(&self, path: &str) -> (Compartment, Option<&str>) {
        let (_, compartment, patient) = self
            .filed
            .iter()
            .find(|f| f.0 == path)
            .unwrap_or_else(|| panic!("{path} was not filed"));
        (*compartment, patient.as_deref())
    }
}

fn bundle(entries: &[Value]) -> String {
    json!({ "resourceType": "Bundle", "type": "collection", "entry": entries }).to_string()
}

fn patient(id: &str, family: &str, birth: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id, "name": [{ "family": family }], "birthDate": birth })
}

fn observation(id: &str, subject: &str) -> Value {
    json!({ "resourceType": "Observation", "id": id, "status": "final", "code": { "text": "x" }, "subject": { "reference": subject } })
}

fn reasons(report: &Report) -> Vec<(&str, &Reason)> {
    report.refused.iter().map(|r| (r.path.as_str(), &r.reason)).collect()
}

fn generated(patients: u64, resources: usize) -> Vec<u8> {
    let mut out = Vec::new();
    Generator::new(7)
        .write_bundle(&mut out, patients, resources)
        .expect("memory doesn't fail");
    out
}

const UUID: &str = "7d0f3c2a-1b44-4c8e-9a55-0c3d5f7a9b11";

fn act() -> Act<'static> {
    Act {
        id: UUID,
        patient: "urn:uuid:1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
        by: None,
        author: Some("urn:uuid:9c858901-8a57-4791-81fe-4c455b099bc9"),
        encounter: Some("urn:uuid:16fd2706-8baf-433b-82eb-8c7fada847da"),
        device: None,
        effective: "2026-11-21T10:05:00+01:00",
    }
}

#[test]
fn an_invented_territory_is_filed_and_the_same_file_again_changes_nothing() {
    let file = generated(25, 30);
    assert_eq!(file, generated(25, 30), "the same seed gives the same bytes");
    let mut facts = Facts::default();
    let report = facts.import(&file);
    assert_eq!(
        (report.created, report.refused_count, report.unfiled, report.library),
        (760, 0, 0, 10),
        "{}",
        report.text(Language::English)
    );
    assert_eq!(report.warnings, []);
    let again = facts.import(&file);
    assert_eq!((again.created, again.updated, again.unchanged), (0, 0, 760));
    let laid_out = serde_json::to_vec_pretty(&serde_json::from_slice::<Value>(&file).unwrap()).unwrap();
    assert_eq!(facts.import(&laid_out).unchanged, 760, "white space is no change");
    let text = String::from_utf8(file).unwrap();
    assert!(text.contains(system::INS_TEST) && !text.contains(system::INS_NIR) && !text.contains(system::INS_DEMO));
}

#[test]
fn patients_come_first_whatever_the_order_of_the_file() {
    let file = bundle(&[
        json!({ "resource": observation("o", "Patient/p") }),
        json!({ "resource": { "resourceType": "Organization", "name": "x" } }),
        json!({ "resource": patient("p", "Haiedel", "1970-01-02") }),
    ]);
    let mut facts = Facts::default();
    assert!(facts.import(file).is_complete());
    let order: Vec<&str> = facts.filed.iter().map(|f| f.0.as_str()).collect();
    assert_eq!(order, ["entry[2]", "entry[0]", "entry[1]"]);
    assert_eq!(facts.at("entry[0]"), (Compartment::Clinical, Some("Patient/p")));
    assert_eq!(facts.at("entry[1]"), (Compartment::Library, None));
}

#[test]
fn references_lead_to_their_patient_in_every_form() {
    let with = |id: &str, url: &str, reference: Value| {
        let mut o = observation(id, "");
        o["subject"] = reference;
        json!({ "fullUrl": url, "resource": o })
    };
    let mut first = patient("p", "Haiedel", "1970-01-02");
    first["identifier"] = json!([{ "system": "urn:a", "value": " 1 " }]);
    let base = "https://a.example/fhir";
    let file = bundle(&[
        json!({ "fullUrl": format!("{base}/Patient/p"), "resource": first }),
        json!({ "fullUrl": "urn:uuid:2", "resource": patient("q", "Lanoë", "1980-01-02") }),
        with("1", &format!("{base}/Observation/1"), json!({ "reference": "Patient/p" })),
        with("2", "urn:uuid:a", json!({ "reference": format!("{base}/Patient/p/_history/3") })),
        with("3", "urn:uuid:b", json!({ "reference": "Patient?identifier=urn:a|1" })),
        with("4", "urn:uuid:c", json!({ "identifier": { "system": "urn:a", "value": "1" } })),
        with("5", "urn:uuid:d", json!({ "reference": "urn:uuid:2" })),
        with("6", "urn:uuid:e", json!({ "reference": "https://b.example/fhir/Patient/p" })),
        with("7", "urn:uuid:f", json!({ "reference": "#p" })),
        json!({ "resource": { "resourceType": "Binary", "contentType": "image/png", "data": "AA==" } }),
        json!({ "resource": { "resourceType": "Provenance", "target": [{ "reference": "urn:uuid:2" }], "recorded": "2026-01-01T00:00:00Z" } }),
        json!({ "resource": { "resourceType": "Appointment", "participant": [{ "actor": { "reference": "Practitioner/x" } }, { "actor": { "reference": "Patient/q" } }] } }),
        json!({ "resource": { "resourceType": "Medication", "code": { "text": "x" } } }),
    ]);
    let mut facts = Facts::default();
    let report = facts.import(file);
    assert!(report.is_complete(), "{}", report.text(Language::French));
    let first = source_of_identifier("Patient", "urn:a", "1");
    for path in ["entry[2]", "entry[3]", "entry[4]", "entry[5]"] {
        assert_eq!(facts.at(path), (Compartment::Clinical, Some(first.as_str())), "{path}");
    }
    for path in ["entry[6]", "entry[10]", "entry[11]"] {
        assert_eq!(facts.at(path), (Compartment::Clinical, Some("urn:uuid:2")), "{path}");
    }
    for path in ["entry[7]", "entry[8]", "entry[9]"] {
        assert_eq!(
            facts.at(path),
            (Compartment::Unfiled, None),
            "{path}: nobody's, and never in the library"
        );
    }
    assert_eq!(facts.at("entry[12]"), (Compartment::Library, None));
    assert_eq!(report.unfiled, 3);
}

#[test]
fn everything_in_a_lone_patients_bundle_is_theirs_unless_it_says_otherwise() {
    let file = bundle(&[
        json!({ "resource": patient("p", "Haiedel", "1970-01-02") }),
        json!({ "resource": { "resourceType": "Binary", "contentType": "image/png", "data": "AA==" } }),
        json!({ "resource": { "resourceType": "Medication", "code": { "text": "x" } } }),
        json!({ "resource": { "resourceType": "Practitioner", "id": "d" } }),
        json!({ "resource": observation("o", "Patient/somebody-else") }),
        json!({ "resource": { "resourceType": "Zubstance", "new": { "field": 1.10 } } }),
        json!({ "resource": { "resourceType": "Condition", "subject": { "reference": "Patient/p" }, "meta": { "security":
            [{ "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R" }] } } }),
    ]);
    let mut facts = Facts::default();
    let report = facts.import(file);
    let paths = ["entry[1]", "entry[2]", "entry[3]", "entry[4]", "entry[5]", "entry[6]"];
    assert_eq!(
        paths.map(|p| facts.at(p).0),
        [
            Compartment::Clinical,
            Compartment::Medication,
            Compartment::Library,
            Compartment::Unfiled,
            Compartment::Clinical,
            Compartment::Sensitive
        ]
    );
    assert_eq!(report.unknown_types.get("Zubstance"), Some(&1));
}

#[test]
fn a_later_file_finds_the_patient_of_an_earlier_one() {
    let mut facts = Facts::default();
    facts.import(patient("p", "Haiedel", "1970-01-02").to_string());
    facts.import(observation("o", "Patient/p").to_string());
    facts.import(json!({ "resourceType": "Provenance", "target": [{ "reference": "Observation/o" }] }).to_string());
    assert!(
        facts.filed[1..]
            .iter()
            .all(|f| f.1 == Compartment::Clinical && f.2.as_deref() == Some("Patient/p")),
        "{:?}",
        facts.filed
    );
}

#[test]
fn one_bad_resource_blocks_nothing() {
    let big = "x".repeat(MAX_RESOURCE);
    let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
    let entries = [
        r#"{"resource":{"resourceType":"Patient","id":"p","birthDate":"1970"}}"#.to_owned(),
        r#"{"resource":{"id":"x"}}"#.to_owned(),
        r#"{"resource":{"resourceType":"patient"}}"#.to_owned(),
        r#"{"resource":{"resourceType":"Observation","id":"a b"}}"#.to_owned(),
        r#"{"resource":{"resourceType":"Observation","status":"final","code":"8867-4"}}"#.to_owned(),
        r#"{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":"72"}}}"#.to_owned(),
        r#"{"resource":{"resourceType":"Patient","name":[{"family":"x"},{"family":7}]}}"#.to_owned(),
        r#"{"resource":{"resourceType":"Patient","birthDate":"02/01/1970"}}"#.to_owned(),
        r#"{"resource":{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{"reference":"Patient/p"}}}"#.to_owned(),
        format!(r#"{{"resource":{{"resourceType":"Binary","data":"{big}"}}}}"#),
        format!(r#"{{"resource":{{"resourceType":"Basic","x":{deep}}}}}"#),
        r#"{"resource":{"resourceType":"Patient","gender":"male","gender":"female"}}"#.to_owned(),
        r#"{"resource":{"resourceType":"Patient","\u0067ender":"male"}}"#.to_owned(),
        r#"{"resource":{"resourceType":"Basic","x":{"$serde_json::private::Number":"1"}}}"#.to_owned(),
        r#"{"resource":"Patient"}"#.to_owned(),
        r#"{"request":{"method":"DELETE","url":"Patient/p"}}"#.to_owned(),
        r#""nothing""#.to_owned(),
        r#"{"resource":{"resourceType":"Basic","x":"\ud800"}}"#.to_owned(),
        r#"{"resource":{"resourceType":"Observation","id":"last","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p"}}}"#.to_owned(),
    ];
    let file = format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","));
    let mut facts = Facts::default();
    let report = facts.import(file);
    let invalid = |path: &str, what: &str| Reason::Invalid {
        path: path.into(),
        what: what.into(),
    };
    let refused = reasons(&report);
    let expected = [
        ("entry[6]", invalid("Patient.name[1].family", "expected a string")),
        ("entry[7]", invalid("Patient.birthDate", "expected a date")),
        ("entry[1]", Reason::NoType),
        ("entry[2]", Reason::BadType),
        ("entry[3]", Reason::BadId),
        ("entry[4]", invalid("Observation.code", "expected an object")),
        ("entry[5]", invalid("Observation.valueQuantity.value", "expected a number")),
        ("entry[8]", invalid("MedicationRequest.medication[x]", "required and missing")),
        (
            "entry[9]",
            Reason::TooLarge {
                bytes: MAX_RESOURCE as u64 + 35,
            },
        ),
        ("entry[10]", Reason::TooDeep),
        ("entry[11]", Reason::DuplicateName { name: "gender".into() }),
        ("entry[12]", Reason::OddName),
        ("entry[13]", Reason::ReservedName),
        ("entry[14]", Reason::NotAnObject),
    ];
    for (i, (path, reason)) in expected.iter().enumerate() {
        assert_eq!(refused[i], (*path, reason));
    }
    assert!(matches!(refused[14], ("entry[17]", Reason::NotJson { .. })));
    assert_eq!((report.created, report.refused_count, report.warning_count), (2, 15, 2));
    assert_eq!(facts.at("entry[18]"), (Compartment::Clinical, Some("Patient/p")));
    for language in [Language::French, Language::English] {
        let text = report.text(language);
        assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
    }
    assert!(
        report
            .text(Language::French)
            .contains("Patient.name[1].family : un texte est attendu")
    );
    let as_json: Value = serde_json::to_value(&report).unwrap();
    assert_eq!(as_json["refused"][0]["reason"]["code"], "invalid");
}

#[test]
fn a_file_that_stops_being_json_keeps_what_came_before() {
    let whole = bundle(&[
        json!({ "resource": patient("p", "Haiedel", "1970-01-02") }),
        json!({ "resource": observation("o", "Patient/p") }),
    ]);
    let cut = &whole[..whole.len() - 4];
    for (file, created, line, column) in [
        (whole.replace("\"}}}]}", "\"}}},\n  {\"resource\": oops}]}"), 2, 2, 16),
        (cut.to_owned(), 1, 1, cut.len() as u64 + 1),
    ] {
        let mut facts = Facts::default();
        let report = facts.import(&file);
        assert_eq!(report.created, created, "{file}");
        assert!(
            matches!(&report.stopped, Some(Reason::Syntax { line: l, column: c, .. }) if (*l, *c) == (line, column)),
            "{:?}",
            report.stopped
        );
        assert!(report.text(Language::French).contains("ce qui précède est enregistré"));
    }
    for (file, says) in [("", "empty"), ("<Patient/>", "XML"), ("[1]", "object"), ("\u{feff}{", "middle")] {
        let report = Facts::default().import(file);
        assert!(report.stopped.unwrap().text(Language::English).contains(says), "{file}");
    }
}

#[test]
fn a_history_is_not_filed_as_news() {
    for file in [
        json!({ "resourceType": "Bundle", "type": "history", "entry": [{ "resource": patient("p", "x", "1970") }] }),
        json!({ "entry": [{ "resource": patient("p", "x", "1970") }], "resourceType": "Bundle", "type": "history" }),
    ] {
        let mut facts = Facts::default();
        assert_eq!(facts.import(file.to_string()).stopped, Some(Reason::History));
        assert!(facts.filed.is_empty());
    }
}

#[test]
fn lines_of_ndjson_are_read_and_a_broken_one_is_refused_alone() {
    let file = format!(
        "\u{feff}{}\n{}\n{{\"resourceType\": \"Obs\n\n{}\r\n{}",
        observation("o", "Patient/p"),
        patient("p", "Haiedel", "1970-01-02"),
        observation("o2", "Patient/p"),
        bundle(&[json!({ "resource": observation("o3", "Patient/p") })]),
    );
    let mut facts = Facts::default();
    let report = facts.import(file);
    assert_eq!(report.created, 4, "{}", report.text(Language::English));
    assert_eq!(report.stopped, None);
    assert!(matches!(reasons(&report)[..], [("line 3", Reason::Syntax { line: 3, .. })]));
    for path in ["line 1", "line 5", "line 6: entry[0]"] {
        assert_eq!(facts.at(path), (Compartment::Clinical, Some("Patient/p")));
    }
}

#[test]
fn members_in_any_order_and_a_list_is_no_bundle() {
    let alphabetical =
        r#"{"entry":[{"resource":{"id":"p","resourceType":"Patient"}}],"id":"b","resourceType":"Bundle","type":"collection"}"#;
    assert_eq!(Facts::default().import(alphabetical).created, 1);
    let list = r#"{"entry":[{"item":{"reference":"Patient/p"}}],"mode":"snapshot","resourceType":"List","status":"current"}"#;
    let mut facts = Facts::default();
    let report = facts.import(list);
    assert_eq!((report.created, report.types.get("List")), (1, Some(&1)));
    assert_eq!(facts.versions.values().next().unwrap()[0], list.as_bytes());
}

#[test]
fn what_comes_back_is_what_was_sent() {
    let odd = "{ \"resourceType\":\"Observation\",\n\t\"status\" : \"final\", \"code\":{\"text\":\"\\u00e9\\/é\"},\"subject\":{\"reference\":\"urn:uuid:p\"},\
        \"valueQuantity\":{\"value\":1.500},\"vendor\":{\"n\":[1E+2,-0.0,123456789012345678901234567890]} }";
    let file = format!(
        "{{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":2,\"entry\":[{{\"resource\":{odd},\"fullUrl\":\"urn:uuid:o\"}},\
        {{\"fullUrl\":\"urn:uuid:p\",\"resource\":{{\"resourceType\":\"Patient\"}}}}]}}"
    );
    let mut facts = Facts::default();
    assert!(facts.import(&file).is_complete());
    let export = String::from_utf8(facts.export()).unwrap();
    assert!(
        export.contains(&format!("{{\"fullUrl\":\"urn:uuid:o\",\"resource\":{odd}}}")),
        "{export}"
    );
    let mut second = Facts::default();
    assert_eq!(second.import(&export).created, 2);
    assert_eq!(second.versions, facts.versions, "an export is an import again");
}

#[test]
fn an_old_file_read_again_does_not_undo_a_correction() {
    let mut facts = Facts::default();
    let file = patient("p", "Haidel", "1970-01-02").to_string();
    facts.import(&file);
    let versions = facts.versions.values_mut().next().unwrap();
    versions.push(correct(&versions[0], &[("name[0].family", json!("Haiedel"))]).unwrap());
    let report = facts.import(&file);
    assert_eq!((report.unchanged, report.updated), (1, 0));
    assert_eq!(report.warnings[0].note, Note::OlderVersion);
    let report = facts.import(patient("p", "Haiedel-Sureaud", "1970-01-02").to_string());
    assert_eq!(report.updated, 1);
}

#[test]
fn a_key_used_again_for_another_person_is_refused() {
    let mut facts = Facts::default();
    facts.import(patient("1", "Haiedel", "1970-01-02").to_string());
    let other = patient("1", "Lanoë", "1991-07-14").to_string();
    assert_eq!(reasons(&facts.import(&other)), [("line 1", &Reason::OtherPerson)]);
    let elsewhere = Importer {
        origin: Some("clinique-b".into()),
    };
    assert_eq!(
        elsewhere.import(Cursor::new(&other), &mut facts).created,
        1,
        "another system's ids are its own"
    );
    assert_eq!(
        facts.import(patient("1", "Haiedel", "1971-01-02").to_string()).updated,
        1,
        "a corrected birth date is the same person"
    );
}

#[test]
fn two_resources_that_share_an_identifier_stay_two() {
    let line = |id: &str| {
        json!({ "resource": { "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
            "identifier": [{ "system": "urn:rx", "value": "12" }], "subject": { "reference": "Patient/p" },
            "medicationCodeableConcept": { "text": id } } })
    };
    let file = bundle(&[json!({ "resource": patient("p", "Haiedel", "1970") }), line("a"), line("b")]);
    let mut facts = Facts::default();
    let report = facts.import(&file);
    assert_eq!((report.created, report.updated), (3, 0));
    assert_eq!(report.warnings[0].note, Note::SharedIdentifier);
    assert_eq!(facts.import(&file).unchanged, 3);
}

#[test]
fn a_wrong_national_number_is_kept_with_a_warning() {
    let mut p = patient("p", "Haiedel", "1970");
    p["identifier"] = json!([{ "system": system::INS_TEST, "value": "123456789012244" }]);
    let report = Facts::default().import(p.to_string());
    assert_eq!(report.created, 1);
    assert_eq!(
        report.warnings[0].note,
        Note::DoubtfulNumber {
            system: system::INS_TEST.into()
        }
    );
    let entered = NewPatient {
        id: UUID,
        family: "Haiedel",
        birth_date: "1970",
        sex: "male",
        ins: Some((system::INS_TEST, "123456789012244")),
        ..NewPatient::default()
    };
    assert_eq!(write::patient(&entered), Err(WriteError::Identifier("INS", IdentifierError::Key)));
}

#[test]
fn acts_made_here_read_back_as_what_they_were() {
    let json = write::patient(&NewPatient {
        id: UUID,
        family: " N’Diaye ",
        given: &["Élise", "Fatou"],
        birth_date: "1995-10-12",
        sex: "female",
        ins: Some((system::INS_TEST, "2 95 10 99 126 111 93")),
        phone: Some("06 39 98 00 01"),
        address: Some(NewAddress {
            line: "3 rue des Sureaux",
            postal_code: "99001",
            city: "Trois-Talus",
        }),
    });
    let Ok(Some(View::Patient(p))) = mapping::of(&json.unwrap()) else {
        panic!("a patient")
    };
    let ins = p.ins.clone().unwrap();
    assert_eq!(
        (p.display_name().as_str(), ins.value.as_str(), ins.key_holds),
        ("N’Diaye Élise Fatou", "295109912611193", true)
    );
    for (sign, text) in [
        (Sign::Temperature, "37.0"),
        (Sign::BloodPressure, "135/85"),
        (Sign::OxygenSaturation, "97"),
        (Sign::Weight, "3.245"),
        (Sign::Consciousness, "V"),
        (Sign::Pain, "3"),
        (Sign::WoundDepth, "0.4"),
    ] {
        let measure = Measure::parse(sign, text).unwrap();
        let json = write::vital(&act(), measure).unwrap();
        let Ok(Some(View::Observation(view))) = mapping::of(&json) else {
            panic!("an observation")
        };
        assert!(
            view.measure() == Some(measure) && view.loinc.as_deref() == Some(sign.row().loinc),
            "{text}"
        );
        assert_eq!(view.effective.as_deref(), Some("2026-11-21T10:05:00+01:00"));
    }
    let voice = write::vital(&act(), Measure::consciousness(Acvpu::Voice)).unwrap();
    assert!(
        String::from_utf8(voice)
            .unwrap()
            .contains("\"valueCodeableConcept\":{\"text\":\"V\"}")
    );
    let note = write::note(&act(), "Visite", "Va bien.\nRevoir dans 3 mois — œdème ?").unwrap();
    assert_eq!(
        write::note_text(&note),
        Some(("Visite".into(), "Va bien.\nRevoir dans 3 mois — œdème ?".into()))
    );
    assert_eq!(write::note(&act(), "Visite", " \n"), Err(WriteError::Missing("text")));
    let problem = |cim10, since| {
        let new = NewProblem {
            label: "x",
            cim10: Some(cim10),
            since: Some(since),
            ..NewProblem::default()
        };
        write::condition(&act(), &new)
    };
    assert_eq!(
        problem("I1", "1998"),
        Err(WriteError::Identifier("CIM-10", IdentifierError::Format))
    );
    assert_eq!(problem("I10", "avant"), Err(WriteError::NotADate("since")));
    let yesterday = Act {
        effective: "yesterday",
        ..act()
    };
    assert_eq!(write::encounter(&yesterday, "AMB", "x"), Err(WriteError::NotADate("effective")));
}

#[test]
fn an_old_blood_pressure_code_reads_as_the_panel() {
    let part = |code: &str, value: u32| {
        json!({ "code": { "coding": [{ "system": "http://loinc.org", "code": code }] },
            "valueQuantity": { "value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]" } })
    };
    let mut old = observation("o", "Patient/p");
    old["code"] = json!({ "coding": [{ "system": "http://loinc.org", "code": "55284-4" }] });
    old["component"] = json!([part("8462-4", 80), part("8480-6", 120)]);
    let Ok(Some(View::Observation(view))) = mapping::of(old.to_string().as_bytes()) else {
        panic!("an observation")
    };
    assert_eq!(view.loinc.as_deref(), Some("85354-9"));
    assert_eq!(view.measure(), Measure::pressure(120, 80).ok());
    old["component"] = json!([part("8462-4", 130), part("8480-6", 120)]);
    let Ok(Some(View::Observation(view))) = mapping::of(old.to_string().as_bytes()) else {
        panic!("an observation")
    };
    assert_eq!(view.measure(), None, "beyond belief: the resource's own words are shown");
}

#[test]
fn a_correction_of_a_measurement_keeps_all_else() {
    let json = write::vital(&act(), Measure::parse(Sign::Temperature, "38.0").unwrap()).unwrap();
    let number: Value = serde_json::from_str("37.50").unwrap();
    let new = correct(&json, &[("valueQuantity.value", number), ("status", json!("corrected"))]).unwrap();
    let expected = String::from_utf8(json.clone())
        .unwrap()
        .replace("38.0", "37.50")
        .replace("\"final\"", "\"corrected\"");
    assert_eq!(String::from_utf8(new).unwrap(), expected);
    let Ok(Some(View::Observation(view))) = mapping::of(&withdraw(&json).unwrap()) else {
        panic!("an observation")
    };
    assert_eq!(view.status.as_deref(), Some("entered-in-error"));
}

#[test]
fn exports_have_a_full_url_of_their_own_each() {
    let resource = |json: &str| ExportResource {
        full_url: None,
        json: json.into(),
    };
    let mut out = Vec::new();
    let all = [
        resource(&format!(r#"{{"resourceType":"Basic","id":"{UUID}"}}"#)),
        resource(r#"{"resourceType":"Basic","id":"b"}"#),
        resource(r#"{"resourceType":"Basic","id":"b"}"#),
        resource(r#"{"resourceType":"Basic"}"#),
    ];
    assert_eq!(export_patient(all.into_iter(), &mut out).unwrap(), 4);
    let value: Value = serde_json::from_slice(&out).unwrap();
    let urls: Vec<&str> = value["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["fullUrl"].as_str().unwrap())
        .collect();
    assert_eq!(
        urls[..2],
        [format!("urn:uuid:{UUID}").as_str(), "https://bocage.invalid/fhir/Basic/b"]
    );
    assert_eq!(urls.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    for damaged in ["{\"resourceType\":\"Basic\"", "{\"resourceType\":\"Basic\"},{}", "{}", ""] {
        let result = export_patient(std::iter::once(resource(damaged)), Vec::new());
        assert!(matches!(result, Err(ExportError::Damaged(0))), "{damaged}");
    }
    let mut empty = Vec::new();
    assert_eq!(export_patient(std::iter::empty(), &mut empty).unwrap(), 0);
    assert!(serde_json::from_slice::<Value>(&empty).unwrap().get("entry").is_none());
}

#[test]
fn no_damage_to_a_file_makes_a_panic_or_a_damaged_fact() {
    let whole = generated(2, 14);
    let mut seed = 1u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    for _ in 0..600 {
        let mut file = whole.clone();
        for _ in 0..=next() % 4 {
            let at = next() % file.len();
            match next() % 4 {
                0 => file[at] = b"{}[]\",:\\0x\n\xff"[next() % 12],
                1 => file.truncate(at.max(1)),
                2 => drop(file.remove(at)),
                _ => {
                    let to = (at + next() % 400).min(file.len());
                    let piece = file[at..to].to_vec();
                    file.splice(at..at, piece);
                }
            }
        }
        let mut facts = Facts::default();
        facts.import(&file);
        serde_json::from_slice::<Value>(&facts.export()).expect("what was filed is whole JSON");
    }
}

/// Counts the bytes that the current thread holds, and their highest.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread being torn down no longer counts.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

#[expect(unsafe_code, reason = "a counting allocator can't be written otherwise; it only forwards")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Keeps nothing.
#[derive(Default)]
struct Nowhere(u64);

impl ImportSink for Nowhere {
    fn existing(&mut self, _: Option<&PatientRef>, _: &str) -> Result<Vec<Vec<u8>>, Reason> {
        Ok(Vec::new())
    }

    fn put(&mut self, _: &ImportItem) -> Result<Outcome, Reason> {
        self.0 += 1;
        Ok(Outcome::Created)
    }
}

#[test]
fn a_large_file_is_read_in_bounded_memory() {
    let mut file = tempfile::tempfile().unwrap();
    let mut out = BufWriter::new(&mut file);
    out.write_all(br#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Binary","data":""#)
        .unwrap();
    let chunk = vec![b'A'; 1 << 20];
    (0..32).for_each(|_| out.write_all(&chunk).unwrap());
    out.write_all(b"\"}},\n").unwrap();
    let mut rest = Vec::new();
    Generator::new(3).write_bundle(&mut rest, 400, 60).unwrap();
    let at = rest.iter().position(|b| *b == b'[').unwrap();
    out.write_all(&rest[at + 1..]).unwrap();
    drop(out);
    drop(rest);
    file.rewind().unwrap();
    let size = file.metadata().unwrap().len();
    assert!(size > 40 << 20, "{size}");

    let mut sink = Nowhere::default();
    let before = HELD.get();
    MOST.set(before);
    let report = Importer::default().import(file, &mut sink);
    let most = (MOST.get() - before) as u64;
    assert_eq!(
        (report.created, report.refused_count, sink.0),
        (24_010, 1, 24_010),
        "{}",
        report.text(Language::English)
    );
    println!("{} KiB held at most for a file of {} MiB", most / 1024, size >> 20);
    assert!(most < 6 << 20, "{most} bytes held for a file of {size}");
}

fn json_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).expect("a readable directory") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() && path.file_name().is_some_and(|n| n != "openapi" && n != "other") {
                dirs.push(path);
            } else if path.extension().is_some_and(|e| e == "json") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Leaves a file for the validators.
fn leave(folder: &str, name: &str, bytes: &[u8]) {
    if let Some(out) = std::env::var_os("BOCAGE_FHIR_OUT") {
        let dir = Path::new(&out).join(folder);
        fs::create_dir_all(&dir).expect("a writable directory");
        fs::write(dir.join(name), bytes).expect("a writable file");
    }
}

#[test]
fn exports_for_the_validators() {
    let mut facts = Facts::default();
    assert!(facts.import(generated(20, 40)).is_complete());
    leave("made", "generated.json", &facts.export());
    let hypertension = NewProblem {
        label: "Hypertension",
        cim10: Some("I10"),
        ..NewProblem::default()
    };
    let appendix = NewProblem {
        label: "Appendicectomie",
        since: Some("1998"),
        is_over: true,
        ..NewProblem::default()
    };
    let problem = write::condition(&act(), &hypertension).unwrap();
    let treatment = write::treatment(&act(), "Metformine", "1 le soir").unwrap();
    let mut acts = vec![
        write::no_known_allergy(&act()).unwrap(),
        ended(&problem, "2026-11-26", Some("Guérie.")).unwrap(),
        ended(&treatment, "2026-11-26", Some("Diarrhée.")).unwrap(),
        problem,
        treatment,
        write::note(&act(), "Visite", "Va bien.").unwrap(),
        write::condition(&act(), &appendix).unwrap(),
        write::allergy(&act(), "Latex", "high", None).unwrap(),
        write::prescription_line(&act(), "urn:uuid:1", "Paracétamol", "1 le soir", 2).unwrap(),
        write::encounter(&act(), "VR", "Suivi").unwrap(),
        write::practitioner(UUID, "10000000017", "Ormelin", "Yann").unwrap(),
        write::organization(UUID, "540002698", "Maison de santé").unwrap(),
    ];
    for (sign, text) in [
        (Sign::Temperature, "37.0"),
        (Sign::BloodPressure, "120/80"),
        (Sign::OxygenSaturation, "97"),
        (Sign::Consciousness, "A"),
        (Sign::Pain, "0"),
    ] {
        acts.push(write::vital(&act(), Measure::parse(sign, text).unwrap()).unwrap());
    }
    for i in 0..3 {
        acts.push(withdraw(&acts[i]).unwrap());
    }
    for (i, act) in acts.iter().enumerate() {
        assert!(mapping::of(act).is_ok());
        leave("made", &format!("act-{i}.json"), act);
    }
    let mut out = Vec::new();
    export_patient(acts.into_iter().map(|json| ExportResource { full_url: None, json }), &mut out).unwrap();
    leave("made", "acts.json", &out);
}

#[test]
fn hl7_examples_come_back_as_they_were() {
    let Some(dir) = std::env::var_os("BOCAGE_FHIR_EXAMPLES") else {
        println!("skipped: BOCAGE_FHIR_EXAMPLES is not set; tests/fhir/fetch.sh fetches the examples");
        return;
    };
    let (mut files, mut filed, mut refused) = (0, 0, Vec::new());
    for path in json_files(Path::new(&dir)) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "package.json" || name.starts_with('.') {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let mut facts = Facts::default();
        let report = facts.import(&bytes);
        files += 1;
        filed += report.created;
        let stopped = report.stopped.iter().map(|r| format!("{name}: {}", r.text(Language::English)));
        refused.extend(
            stopped.chain(
                report
                    .refused
                    .iter()
                    .map(|r| format!("{name} {}: {}", r.path, r.reason.text(Language::English))),
            ),
        );
        let text = String::from_utf8(bytes.clone()).unwrap();
        // Searching each slice in the few files of tens of megabytes would take minutes.
        for versions in facts.versions.values().flatten().filter(|_| text.len() < 1 << 20) {
            assert!(text.contains(std::str::from_utf8(versions).unwrap()), "{name}: not verbatim");
        }
        let again = facts.import(&bytes);
        assert_eq!((again.created, again.updated), (0, 0), "{name}");
        let export = facts.export();
        let mut second = Facts::default();
        let back = second.import(&export);
        assert_eq!(back.refused_count, 0, "{name}: {}", back.text(Language::English));
        let all = |f: &Facts| {
            f.versions
                .values()
                .map(|v| v.last().unwrap().clone())
                .collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(all(&second), all(&facts), "{name}");
        if report.is_complete() && report.created > 0 {
            leave("examples", &name, &export);
        }
    }
    println!("{files} files, {filed} resources filed, {} refused", refused.len());
    refused.iter().for_each(|line| println!("  {line}"));
    assert!(files > 100, "the directory holds the examples");
}
