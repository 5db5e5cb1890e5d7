//! The power fails while people write: what was reported as saved is there afterwards, here and where it was sent.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::territory::{Line, Territory, text};

const KILLS: u32 = 20;
/// Notes acknowledged before each kill, at least.
const NOTES: u32 = 5;

#[test]
fn killed_twenty_times_while_writing_nothing_acknowledged_is_lost() {
    let mut t = Territory::new().founded();
    t.enrol("mobile");
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    t.json("clinic", &["note", "add", &patient, "The first one."]);
    t.json("clinic", &["share", &patient, "Tournée Petit"]);
    t.run("mobile", &["clinic"]);

    let mut saved = BTreeSet::new();
    for round in 0..KILLS {
        t.run("clinic", &[]);
        let mut line = Line::open(&t, "clinic");
        let there = facts(&line.ask(&json!({ "do": "patient-show", "patient": patient })).expect("it answers"));
        let lost: Vec<&String> = saved.difference(&there).collect();
        assert!(
            lost.is_empty(),
            "after kill {round}, {} of {} saved notes are gone",
            lost.len(),
            saved.len()
        );
        for n in 0..NOTES {
            let reply = line.ask(&note(&patient, round, n)).expect("it answers");
            assert_eq!(reply["answer"], "saved", "{reply}");
            saved.insert(text(&reply["fact"]));
        }
        // Struck at another moment of the next writes each time; sometimes the receiving side too.
        for n in NOTES..NOTES + 3 {
            line.say(&note(&patient, round, n));
        }
        let strike = Instant::now() + Duration::from_micros(u64::from(round) * 700);
        while Instant::now() < strike {
            std::hint::spin_loop();
        }
        let both = round % 4 == 3;
        if both {
            t.kill("mobile");
        }
        t.kill("clinic");
        while let Some(reply) = line.hear() {
            assert_eq!(reply["answer"], "saved", "{reply}");
            saved.insert(text(&reply["fact"]));
        }
        if both {
            t.run("mobile", &["clinic"]);
        }
    }
    assert!(saved.len() >= (KILLS * NOTES) as usize);

    t.run("clinic", &[]);
    t.settle(&["clinic", "mobile"]);
    for place in ["clinic", "mobile"] {
        let shown = t.json(place, &["patient", "show", &patient]);
        assert!(facts(&shown).is_superset(&saved), "{place} holds every saved note");
        let checks = t.json(place, &["doctor"]);
        assert!(checks["checks"].as_array().unwrap().iter().all(|c| c["good"] == true), "{checks}");
    }
}

#[test]
fn a_command_cut_short_leaves_a_directory_that_opens() {
    let t = Territory::new().founded();
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    let mut saved = 0;
    for round in 0..8 {
        let mut command = t.command(&["note", "add", &patient, "text", "--data", "clinic", "--json"]);
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let strike = Instant::now() + Duration::from_millis(60 * round);
        while Instant::now() < strike {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        let out = child.wait_with_output().unwrap().stdout;
        saved += usize::from(serde_json::from_slice::<Value>(&out).is_ok_and(|r| r["answer"] == "saved"));
    }
    t.json("clinic", &["note", "add", &patient, "The last one."]);
    let entries = t.entries("clinic", &patient);
    assert!(entries.len() >= saved + 2, "identity, what was saved, the last one: {entries:?}");
    t.at("clinic", &["doctor"]).done();
}

fn note(patient: &str, round: u32, n: u32) -> Value {
    json!({ "do": "note-add", "patient": patient, "text": format!("Round {round}, note {n}.") })
}

fn facts(record: &Value) -> BTreeSet<String> {
    let entries = record["entries"].as_array().unwrap_or_else(|| panic!("no record: {record}"));
    entries.iter().map(|e| text(&e["fact"])).collect()
}
