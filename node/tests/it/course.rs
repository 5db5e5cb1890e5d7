//! What becomes of an entry: a problem that passes, a treatment that is stopped, an identity put right, a visit that was a mistake.

use std::fs;

use bocage_node::client::{Change, Clinical, Entry, Failure, Reply, Request};
use bocage_protocol::identity::Profession;
use serde_json::json;

use super::desk::Desk;

fn problem(patient: &str, label: &str, since: &str, is_over: bool) -> Request {
    Request::ProblemAdd {
        patient: patient.to_owned(),
        label: label.to_owned(),
        cim10: None,
        since: Some(since).filter(|s| !s.is_empty()).map(str::to_owned),
        is_over,
    }
}

fn end(patient: &str, fact: &str, reason: &str) -> Request {
    end_on(patient, fact, "", reason)
}

fn end_on(patient: &str, fact: &str, on: &str, reason: &str) -> Request {
    Request::End {
        patient: patient.to_owned(),
        fact: fact.to_owned(),
        on: Some(on.to_owned()),
        reason: Some(reason.to_owned()),
    }
}

fn saved(reply: Result<Reply, Failure>) -> String {
    match reply {
        Ok(Reply::Saved { fact, .. }) => fact,
        other => panic!("{other:?}"),
    }
}

fn status_of(entries: &[Entry], id: &str) -> String {
    match entries.iter().find(|e| e.fact == id).and_then(|e| e.clinical.clone()) {
        Some(Clinical::Problem { status, .. } | Clinical::Treatment { status, .. } | Clinical::Allergy { status, .. }) => status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn problems_pass_and_treatments_are_stopped_and_each_says_so_once() {
    let mut desk = Desk::of(Profession::Doctor);
    let patient = desk.patient("Lenoir", "Jeanne", "1948-03-12");
    let asthma = saved(desk.ask(problem(&patient, "Asthme", "1961-05", false)));
    let appendix = saved(desk.ask(problem(&patient, "Appendicectomie", "1998", true)));
    let medicine = saved(desk.ask(Request::TreatmentAdd {
        patient: patient.clone(),
        medicine: "Metformine 500 mg".into(),
        dosage: "1 le soir".into(),
    }));
    for (label, since, said) in [("", "1998", "problem"), ("Asthme", "avant", "since"), ("Asthme", "2999", "future")] {
        let refused = desk.ask(problem(&patient, label, since, false)).unwrap_err();
        assert!(refused.message.contains(said), "{}", refused.message);
    }
    let record = desk.record(&patient);
    assert_eq!(status_of(&record.entries, &asthma), "active");
    assert_eq!(status_of(&record.entries, &appendix), "resolved");
    let is_there = |e: &&Entry| matches!(&e.clinical, Some(Clinical::Problem { since, .. }) if since == "1961-05");
    assert_eq!(record.entries.iter().filter(is_there).count(), 1);

    for (on, said) in [("2999-01-01", "future"), ("hier", "YYYY")] {
        let refused = desk.ask(end_on(&patient, &medicine, on, "")).unwrap_err();
        assert!(refused.message.contains(said), "{}", refused.message);
    }
    let stopped = saved(desk.ask(end_on(&patient, &medicine, "2026-10", "Diarrhée")));
    let resolved = saved(desk.ask(end(&patient, &asthma, " ")));
    let record = desk.record(&patient);
    assert_eq!(status_of(&record.entries, &stopped), "stopped");
    assert_eq!(status_of(&record.entries, &resolved), "resolved");
    let said = record.entries.iter().find(|e| e.fact == stopped).unwrap();
    assert_eq!((said.versions, said.is_over, &said.over_because[..]), (1, true, "Diarrhée"));
    assert_eq!(said.over_on, "2026-10");
    assert!(
        matches!(&said.clinical, Some(Clinical::Treatment { dosage, .. }) if dosage == "1 le soir"),
        "what was taken stays"
    );
    for over in [&stopped, &resolved, &appendix] {
        let refused = desk.ask(end(&patient, over, "")).unwrap_err();
        assert!(refused.message.contains("over already"), "{}", refused.message);
    }
    let asked = saved(desk.ask(Request::AllergyNone { patient: patient.clone() }));
    let said = desk.record(&patient).entries.into_iter().find(|e| e.fact == asked).unwrap();
    assert_eq!(
        (said.clinical, &said.compartment[..]),
        (Some(Clinical::NoKnownAllergy), "medication")
    );
    assert!(said.fields.is_empty(), "there is no substance to put right");
    let identity = record.entries.iter().find(|e| e.resource_type == "Patient").unwrap().fact.clone();
    assert!(desk.ask(end(&patient, &identity, "")).unwrap_err().message.contains("doesn't end"));
}

#[test]
fn an_identity_is_put_right_by_plain_names_and_found_under_the_new_ones() {
    let mut desk = Desk::of(Profession::Nurse);
    let patient = desk.patient("Lenoir", "Jeane", "1984-03-12");
    let identity = desk.record(&patient).entries[0].fact.clone();
    let correct = |changes: &[(&str, &str)]| Request::Correct {
        patient: patient.clone(),
        fact: identity.clone(),
        changes: changes
            .iter()
            .map(|(field, value)| Change {
                field: (*field).to_owned(),
                value: (*value).to_owned(),
            })
            .collect(),
    };
    for (field, value) in [
        ("family", " "),
        ("birth-date", "2999-01-01"),
        ("birth-date", "1948-02-30"),
        ("sex", "femme"),
        ("ins", "292037512345637"),
    ] {
        let items = desk.items();
        desk.ask(correct(&[("given", "Jeanne"), (field, value)])).unwrap_err();
        assert_eq!(desk.items(), items, "all of it or nothing: {field} {value}");
    }
    desk.ask(correct(&[
        ("given", "Jeanne"),
        ("birth-date", "1948-03-12"),
        ("ins", "292037512345636"),
        ("sex", "female"),
    ]))
    .unwrap();
    let record = desk.record(&patient);
    let row = &record.patient;
    assert_eq!(
        [&row.family, &row.given, &row.birth_date, &row.sex, &row.ins],
        ["Lenoir", "Jeanne", "1948-03-12", "female", "292037512345636"]
    );
    let found = |desk: &mut Desk, query: &str| {
        let (query, limit, offset) = (query.to_owned(), None, 0);
        match desk.ask(Request::PatientSearch { query, limit, offset }) {
            Ok(Reply::Patients { total, .. }) => total,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((found(&mut desk, "jeanne 1948"), found(&mut desk, "1984")), (1, 0));
}

/// A visit was opened in the wrong record; the allergy that came to light in it is true all the same.
#[test]
fn a_withdrawn_visit_takes_its_findings_along_and_leaves_what_is_true_without_it() {
    let mut desk = Desk::of(Profession::Doctor);
    let subject = json!({ "reference": "Patient/p" });
    let encounter = json!({ "reference": "Encounter/e" });
    let in_words = |text: &str| json!({ "text": text });
    let resources = [
        json!({ "resourceType": "Patient", "id": "p", "name": [{ "family": "Lenoir", "given": ["Jeanne"] }], "birthDate": "1948-03-12" }),
        json!({ "resourceType": "Encounter", "id": "e", "status": "finished", "class": { "code": "AMB" }, "subject": subject }),
        json!({ "resourceType": "Observation", "id": "o", "status": "final", "subject": subject, "encounter": encounter,
            "code": { "coding": [{ "system": "http://loinc.org", "code": "8867-4" }] },
            "valueQuantity": { "value": 72, "system": "http://unitsofmeasure.org", "code": "/min" } }),
        json!({ "resourceType": "AllergyIntolerance", "id": "a", "patient": subject, "encounter": encounter, "code": in_words("Latex") }),
        json!({ "resourceType": "Condition", "id": "c", "subject": subject, "encounter": encounter, "code": in_words("Asthme") }),
        json!({ "resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "plan", "subject": subject,
            "encounter": encounter, "medicationCodeableConcept": in_words("Salbutamol") }),
    ];
    let entries: Vec<_> = resources.iter().map(|r| json!({ "resource": r })).collect();
    let file = desk.dir.path().join("visit.json");
    fs::write(
        &file,
        json!({ "resourceType": "Bundle", "type": "collection", "entry": entries }).to_string(),
    )
    .unwrap();
    desk.ask(Request::Import { files: vec![file] }).unwrap();
    let patient = {
        let (query, limit, offset) = ("lenoir".to_owned(), None, 0);
        match desk.ask(Request::PatientSearch { query, limit, offset }) {
            Ok(Reply::Patients { patients, .. }) => patients[0].patient.clone(),
            other => panic!("{other:?}"),
        }
    };
    let of = |desk: &mut Desk, kind: &str| {
        let record = desk.record(&patient);
        record.entries.into_iter().find(|e| e.resource_type == kind).expect("imported")
    };
    let visit = of(&mut desk, "Encounter");
    assert!(
        ["AllergyIntolerance", "Condition", "MedicationRequest"]
            .iter()
            .all(|k| of(&mut desk, k).visit == visit.visit)
    );
    desk.ask(Request::Withdraw {
        patient: patient.clone(),
        fact: visit.fact,
    })
    .unwrap();
    for (kind, in_error) in [
        ("Encounter", true),
        ("Observation", true),
        ("AllergyIntolerance", false),
        ("Condition", false),
        ("MedicationRequest", false),
    ] {
        assert_eq!(of(&mut desk, kind).in_error, in_error, "{kind}");
    }
}
