//! How far an entry has come, among real processes: held by whom, received, read; and what a restart still knows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::territory::{Territory, text};

/// Names in one of a delivery's lists.
fn names(delivery: &Value, list: &str, field: &str) -> BTreeSet<String> {
    let rows = delivery[list].as_array().expect("a list");
    rows.iter().map(|row| text(&row[field])).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

/// A colleague opens a record and says nothing: whoever it is opened to finds it among what is new.
#[test]
fn a_record_that_is_opened_to_a_place_is_news_there_until_somebody_has_read_it() {
    let mut t = Territory::new().founded();
    t.enrol("pharmacy");
    let own = t.json("pharmacy", &["arrivals"]);
    assert_eq!(own["total"], 0);
    let names = ["Jeanne", "Paul"];
    let [jeanne, paul] = names.map(|given| t.patient("clinic", "Lenoir", given));
    t.run("clinic", &[]);
    t.run("pharmacy", &["clinic"]);
    for patient in [&jeanne, &paul] {
        t.json("clinic", &["share", patient, "pharmacie du pont"]);
    }
    t.settle(&["clinic", "pharmacy"]);
    let news = t.json("pharmacy", &["arrivals"]);
    assert_eq!(news["total"], 2);
    let ids: BTreeSet<String> = news["arrivals"].as_array().unwrap().iter().map(|a| text(&a["patient"])).collect();
    assert_eq!(ids, [jeanne.clone(), paul.clone()].into());
    assert_eq!(news["arrivals"][0]["facility"], t.json("clinic", &["status"])["facility"]);
    assert_eq!(t.json("clinic", &["arrivals"])["total"], 0, "nothing was opened to its own place");
    let ran = t.at("pharmacy", &["arrivals"]);
    let said = ran.done();
    assert!(
        said.contains("2 records opened") && said.lines().all(|l| l.chars().count() <= 80),
        "{said}"
    );

    t.json("pharmacy", &["read", &jeanne]);
    assert_eq!(t.json("pharmacy", &["arrivals"])["arrivals"][0]["patient"], json!(paul));
    t.json("pharmacy", &["arrivals", "--seen"]);
    assert_eq!(t.json("pharmacy", &["arrivals"])["total"], 0);
    let third = t.patient("clinic", "Lenoir", "Zoé");
    t.json("clinic", &["share", &third, "pharmacie du pont"]);
    t.settle(&["clinic", "pharmacy"]);
    assert_eq!(t.json("pharmacy", &["arrivals"])["total"], 1, "what comes later is news again");
}

#[test]
fn an_author_sees_who_holds_and_who_read_an_entry_and_so_after_a_restart() {
    let mut t = Territory::new().founded();
    for place in ["pharmacy", "cabin"] {
        t.enrol(place);
    }
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    let shown = t.json("clinic", &["patient", "show", &patient]);
    let fact = text(&shown["entries"][0]["fact"]);
    assert_eq!(shown["entries"][0]["held_by"], json!(0));
    let alone = t.json("clinic", &["delivery", &patient, &fact[..12]]);
    assert_eq!(
        (text(&alone["answer"]), text(&alone["fact"])),
        ("delivery".to_owned(), fact.clone())
    );
    for list in ["holders", "received", "read"] {
        assert_eq!(alone[list], json!([]), "{list}: never more than is proven");
    }

    t.run("clinic", &[]);
    t.run("cabin", &["clinic"]);
    t.run("pharmacy", &["clinic"]);
    t.json("clinic", &["share", &patient, "pharmacie du pont"]);
    let both = set(&["Pharmacie du Pont", "Cabine de la mairie"]);
    t.until("both others are known to hold it", |t| {
        names(&t.json("clinic", &["delivery", &patient, &fact]), "holders", "facility") == both
    });
    let held = t.json("clinic", &["delivery", &patient, &fact]);
    assert_eq!(
        (held["received"].clone(), held["read"].clone()),
        (json!([]), json!([])),
        "held isn't read"
    );

    t.settle(&["clinic", "pharmacy", "cabin"]);
    assert_eq!(t.json("pharmacy", &["read", &patient])["documents"], 1);
    assert_eq!(t.json("pharmacy", &["read", &patient])["documents"], 0, "said already");
    assert!(t.at("pharmacy", &["read", &patient]).done().contains("Nothing new"));
    t.until("the pharmacist's receipt has come", |t| {
        !names(&t.json("clinic", &["delivery", &patient, &fact]), "read", "name").is_empty()
    });
    let read = t.json("clinic", &["delivery", &patient, &fact]);
    assert_eq!(names(&read, "read", "facility"), set(&["Pharmacie du Pont"]));
    assert_eq!(read["received"], read["read"], "whoever has read has received");

    // Nobody else is there any more to ask.
    for place in ["pharmacy", "cabin", "clinic"] {
        t.stop(place);
    }
    let again = t.json("clinic", &["delivery", &patient, &fact]);
    assert_eq!(names(&again, "holders", "facility"), both);
    assert_eq!(again["read"], read["read"]);
    for (lang, label) in [("en", "Held by"), ("fr", "Détenu par")] {
        let ran = t.at("clinic", &["delivery", &patient, &fact, "--lang", lang]);
        let said = ran.done();
        assert!(said.contains(label) && said.contains("Cabine de la mairie"), "{said}");
        assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    }
    assert!(
        t.at("clinic", &["patient", "show", &patient])
            .done()
            .contains("held by 2 other nodes")
    );
    t.at("clinic", &["delivery", &patient, "ffffffff"]).failed(1);
}
