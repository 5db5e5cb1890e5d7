//! A question to a colleague between real nodes that never meet: asked, carried, taken, answered and closed, and what stays shut.

use serde_json::{Value, json};

use super::territory::{Territory, text};

const QUESTION: &str = "Quel pansement pour cette plaie ?";

/// Clinic, mobile doctor, cabin and pharmacy, and a patient with a note; nothing runs.
fn asked_about() -> (Territory, String) {
    let mut t = Territory::new().founded();
    for place in ["mobile", "cabin", "pharmacy"] {
        t.enrol(place);
    }
    // Everybody learns who there is.
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    t.json("clinic", &["note", "add", &patient, "Plaie du talon, 3 cm."]);
    meet(&mut t, "clinic", "cabin");
    meet(&mut t, "cabin", "mobile");
    meet(&mut t, "cabin", "clinic");
    (t, patient)
}

/// Two places meet, alone, until they hold the same, and part.
fn meet(t: &mut Territory, one: &str, other: &str) {
    t.run(one, &[]);
    t.run(other, &[one]);
    t.settle(&[one, other]);
    t.stop(one);
    t.stop(other);
}

/// From one to the other and back, on a third's disk.
fn carried(t: &mut Territory, from: &str, to: &str) {
    meet(t, from, "cabin");
    meet(t, "cabin", to);
}

fn send(t: &Territory, patient: &str, more: &[&str]) -> String {
    let args = ["request", "send", patient, "--to", "Luc Petit", "--part", "clinical", QUESTION];
    text(&t.json("clinic", &[&args, more].concat())["request"])
}

fn shown(t: &Territory, place: &str, request: &str) -> Value {
    t.json(place, &["request", "show", request])
}

fn step(t: &Territory, place: &str, step: &str, request: &str, said: &str) -> String {
    let mut args = vec!["request", step, &request[..12]];
    if !said.is_empty() {
        args.push(said);
    }
    text(&t.json(place, &args)["status"])
}

fn steps_of(shown: &Value) -> Vec<String> {
    shown["history"].as_array().unwrap().iter().map(|e| text(&e["step"])).collect()
}

#[test]
fn a_question_is_answered_by_a_doctor_whom_the_clinic_never_meets() {
    let (mut t, patient) = asked_about();
    let request = send(&t, &patient, &["--urgent"]);
    carried(&mut t, "clinic", "mobile");

    let inbox = t.json("mobile", &["request", "list"]);
    let row = &inbox["requests"][0];
    assert_eq!(
        [
            &row["direction"],
            &row["status"],
            &row["kind"],
            &row["patient"]["family"],
            &row["from"]["name"]
        ],
        ["in", "requested", "tele-expertise", "Lenoir", "Anne Morel"]
    );
    assert_eq!((&row["urgent"], &row["trusted"]), (&json!(true), &json!(true)));
    assert_eq!(row["steps"], json!(["accept", "ask", "answer", "decline"]));
    assert!(row["until_ms"].as_u64().is_some(), "a week");
    assert_eq!(row["last"]["text"], QUESTION);
    let parts = ["clinical", "identity", "request"].map(str::to_owned);
    assert_eq!(t.compartments("mobile", &patient), parts.into());
    assert_eq!(t.families("mobile"), ["Lenoir"]);
    let refused = t.at("cabin", &["request", "list"]);
    assert!(refused.failed(1).contains("nobody practises"), "{refused}");

    assert_eq!(step(&t, "mobile", "accept", &request, ""), "accepted");
    assert_eq!(step(&t, "mobile", "ask", &request, "Diabétique ?"), "more-asked");
    let refused = t.at("mobile", &["request", "close", &request]);
    assert!(refused.failed(1).contains("only the side that asked"), "{refused}");
    carried(&mut t, "mobile", "clinic");
    let row = &t.json("clinic", &["request", "list"])["requests"][0];
    assert_eq!(
        [&row["direction"], &row["status"], &row["last"]["text"]],
        ["out", "more-asked", "Diabétique ?"]
    );
    let refused = t.at("clinic", &["request", "answer", &request, "x"]);
    assert!(refused.failed(1).contains("addressed to"), "{refused}");
    let refused = t.at("clinic", &["request", "close", &request]);
    assert!(refused.failed(1).contains("possible now: reply, cancel"), "{refused}");
    assert_eq!(step(&t, "clinic", "reply", &request, "Oui, type 2."), "accepted");
    carried(&mut t, "clinic", "mobile");
    assert_eq!(
        step(&t, "mobile", "answer", &request, "Hydrocellulaire, décharge.\nRevoir à J7."),
        "answered"
    );
    carried(&mut t, "mobile", "clinic");

    let answered = shown(&t, "clinic", &request);
    assert_eq!(steps_of(&answered), ["", "accept", "ask", "reply", "answer"]);
    assert_eq!(answered["set_aside"], json!([]));
    let answer = &answered["answers"][0];
    assert_eq!(answer["text"], "Hydrocellulaire, décharge.\nRevoir à J7.");
    assert_eq!([&answer["label"], &answer["author"]["name"]], ["accepted", "Luc Petit"]);
    let said: Vec<String> = answered["messages"].as_array().unwrap().iter().map(|m| text(&m["text"])).collect();
    assert_eq!(said.len(), 4, "question, question back, reply, answer");
    // In the record's own history each message says with which step it was said.
    let entries = t.json("clinic", &["patient", "show", &patient])["entries"].clone();
    let messages = entries.as_array().unwrap().iter().map(|e| &e["clinical"]);
    let mut steps: Vec<_> = messages
        .filter(|c| c["is"] == "message")
        .map(|c| (text(&c["step"]), text(&c["text"])))
        .collect();
    steps.sort();
    assert_eq!(
        steps,
        [
            ("ask".to_owned(), "Diabétique ?".to_owned()),
            ("reply".to_owned(), "Oui, type 2.".to_owned())
        ]
    );
    assert_eq!(said[..3], [QUESTION, "Diabétique ?", "Oui, type 2."]);
    let entries = t.entries("clinic", &patient);
    assert!(
        entries.iter().any(|e| e.contains("Hydrocellulaire")),
        "it stands in the record: {entries:?}"
    );

    assert_eq!(step(&t, "clinic", "close", &request, ""), "closed");
    t.json("clinic", &["note", "add", &patient, "Après la clôture."]);
    carried(&mut t, "clinic", "mobile");
    let after = t.entries("mobile", &patient);
    assert!(after.iter().any(|e| e.contains("Plaie du talon")), "what they had stays: {after:?}");
    assert!(!after.iter().any(|e| e.contains("Après la clôture")), "{after:?}");
    let closed = shown(&t, "mobile", &request);
    assert_eq!(
        [&closed["status"], &closed["steps"], &closed["until_ms"]],
        [&json!("closed"), &json!([]), &Value::Null]
    );
    assert_eq!(shown(&t, "mobile", &request)["answers"][0]["label"], "accepted");
    // Nothing of it came from or went to anybody else.
    meet(&mut t, "cabin", "pharmacy");
    assert!(t.families("pharmacy").is_empty());
    assert_eq!(t.json("pharmacy", &["request", "list"])["requests"], json!([]));
}

#[test]
fn an_answer_that_crosses_a_cancellation_is_seen_and_a_declined_question_is_shut() {
    let (mut t, patient) = asked_about();
    let [crossed, declined] = [send(&t, &patient, &[]), send(&t, &patient, &["--kind", "referral"])];
    carried(&mut t, "clinic", "mobile");
    assert_eq!(step(&t, "clinic", "cancel", &crossed, "Vue aux urgences."), "cancelled");
    assert_eq!(step(&t, "mobile", "answer", &crossed, "Cicatrisation dirigée."), "answered");
    assert_eq!(step(&t, "mobile", "decline", &declined, "Je suis absent."), "declined");
    carried(&mut t, "mobile", "clinic");
    for place in ["clinic", "mobile"] {
        let both = shown(&t, place, &crossed);
        if place == "clinic" {
            assert_eq!([&both["status"], &both["others"][0]["status"]], ["answered", "cancelled"]);
            assert_eq!(both["steps"], json!(["reply", "close"]));
        }
        assert_eq!(both["answers"][0]["text"], "Cicatrisation dirigée.");
    }
    assert_eq!(step(&t, "clinic", "close", &crossed, ""), "closed");
    let row = shown(&t, "clinic", &declined);
    assert_eq!([&row["status"], &row["last"]["text"]], ["declined", "Je suis absent."]);
    assert_eq!(
        row["until_ms"],
        Value::Null,
        "what a declined question had opened is shut without being asked"
    );
    t.json("clinic", &["note", "add", &patient, "Pour personne d'autre."]);
    carried(&mut t, "clinic", "mobile");
    let after = t.entries("mobile", &patient);
    assert!(!after.iter().any(|e| e.contains("Pour personne d'autre")), "{after:?}");
    assert_eq!(
        shown(&t, "mobile", &crossed)["status"],
        "closed",
        "whoever has seen both settles it"
    );
}

#[test]
fn a_question_is_refused_with_what_is_missing_and_nothing_is_sent() {
    let mut t = Territory::new().founded();
    t.enrol("mobile");
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    let root = t.status("clinic")["root"].clone();
    let long = "x".repeat(8 * 1024 + 1);
    let to = ["request", "send", &patient, "--to"];
    for (args, code, why) in [
        (vec!["Luc Petit", " "], 2, "text is missing"),
        (vec!["Luc Petit", &long], 2, "text is too long"),
        (vec!["Personne", "?"], 1, "nobody called Personne"),
        (vec!["Anne Morel", "?"], 1, "nobody called Anne Morel"),
        (vec!["Maison de santé", "?"], 1, "nobody called Maison"),
        (vec!["Luc Petit", "--part", "clinical", "?"], 1, "no clinical part"),
        (vec!["Luc Petit", "--part", "sensitive", "?"], 2, ""),
        (vec!["Luc Petit", "--days", "31", "?"], 2, ""),
    ] {
        let ran = t.at("clinic", &[&to[..], &args].concat());
        assert_eq!(ran.code, code, "{ran}");
        assert!(ran.err.contains(why), "{ran}");
    }
    let french = t.at("clinic", &[&to[..], &["Personne", "?", "--lang", "fr"]].concat());
    assert!(french.failed(1).contains("rien n'a été envoyé"), "{french}");
    assert_eq!(t.status("clinic")["root"], root);
    let offered = t.json("clinic", &["request", "recipients", "petit"]);
    let offered: Vec<String> = offered["recipients"].as_array().unwrap().iter().map(|r| text(&r["kind"])).collect();
    assert_eq!(offered, ["facility", "practitioner"]);
    t.at("clinic", &["request", "show", "ffff"]).failed(1);

    let request = text(&t.json("clinic", &["request", "send", &patient, "--to", "Tournée Petit", QUESTION])["request"]);
    let entries = t.json("clinic", &["patient", "show", &patient])["entries"].clone();
    let task = entries.as_array().unwrap().iter().find(|e| e["resource_type"] == "Task").unwrap();
    let refused = t.at("clinic", &["correct", &patient, &text(&task["fact"]), "status", "completed"]);
    assert!(refused.failed(1).contains("its own steps"), "{refused}");
    let seen = t.at("clinic", &["request", "show", &request, "--lang", "fr"]);
    for words in [
        "LENOIR Jeanne",
        "télé-expertise",
        "envoyée",
        QUESTION,
        "Tournée Petit",
        "(tous)",
        "télé-expertise : envoyée",
        "reply, cancel",
    ] {
        assert!(seen.done().contains(words), "{words} in {seen}");
    }
    let listed = t.at("clinic", &["request", "list"]);
    assert!(
        listed.done().contains("possible now: reply, cancel") && listed.out.lines().all(|l| l.chars().count() <= 80),
        "{listed}"
    );
    let empty = t.at("clinic", &["request", "reply", &request, " "]);
    assert!(empty.failed(2).contains("add the text"), "{empty}");
}
