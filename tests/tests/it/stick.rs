//! By USB stick alone: places that no cable ever joins.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::territory::{Territory, files_under, text};

fn stick(t: &Territory) -> PathBuf {
    let dir = t.path("stick");
    fs::create_dir_all(&dir).unwrap();
    dir
}

fn out(t: &Territory, place: &str, dir: &Path) -> Value {
    t.json(place, &["carry", "out", &dir.display().to_string()])
}

fn bring_in(t: &Territory, place: &str, dir: &Path) -> Value {
    t.json(place, &["carry", "in", &dir.display().to_string()])
}

/// What a stick brought, file by file: (new, why it was refused).
fn brought(reply: &Value) -> Vec<(u64, String)> {
    let files = reply["files"].as_array().unwrap();
    files.iter().map(|f| (f["new"].as_u64().unwrap(), text(&f["refused"]))).collect()
}

/// Clinic, mobile doctor and cabin, none of them running; they know one another, and nothing else.
fn apart() -> Territory {
    let mut t = Territory::new().founded();
    for place in ["mobile", "cabin"] {
        t.enrol(place);
    }
    t
}

#[test]
fn a_question_is_asked_read_answered_and_closed_though_no_network_ever_is() {
    let t = apart();
    let stick = stick(&t);
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    t.json("clinic", &["note", "add", &patient, "Dizzy since Monday."]);
    let asked = t.json(
        "clinic",
        &[
            "request",
            "send",
            &patient,
            "--to",
            "Luc Petit",
            "--part",
            "clinical",
            "Which dressing?",
        ],
    );
    let request = text(&asked["request"]);
    let written = out(&t, "clinic", &stick);
    assert!(written["items"].as_u64() > Some(5), "{written}");

    // The stick is driven to the mobile doctor, who takes it in and answers on it.
    let taken = bring_in(&t, "mobile", &stick);
    assert!(
        brought(&taken)[0].0 > 5 && text(&taken["files"][0]["from"]) == "Maison de santé",
        "{taken}"
    );
    let shown = t.json("mobile", &["request", "show", &request]);
    assert_eq!(shown["question"], "Which dressing?");
    assert!(t.entries("mobile", &patient).iter().any(|e| e.contains("Dizzy since Monday.")));
    t.json("mobile", &["request", "read", &request]);
    t.json("mobile", &["request", "answer", &request, "Silver, for a week."]);
    out(&t, "mobile", &stick);

    // And back.
    let taken = bring_in(&t, "clinic", &stick);
    assert!(brought(&taken).iter().all(|(_, refused)| refused.is_empty()), "{taken}");
    let shown = t.json("clinic", &["request", "show", &request]);
    assert_eq!(shown["answers"][0]["text"], "Silver, for a week.");
    let question = text(&shown["messages"][0]["fact"]);
    let delivery = t.json("clinic", &["delivery", &patient, &question]);
    assert_eq!(delivery["holders"][0]["facility"], "Tournée Petit", "{delivery}");
    assert_eq!(delivery["read"][0]["name"], "Luc Petit", "{delivery}");
    t.json("clinic", &["request", "close", &request]);

    // What the doctor is known to hold stays at home; the cabin, who has said nothing, would get all of it.
    let only = |to: &str| t.json("clinic", &["carry", "out", &stick.display().to_string(), "--for", to]);
    let (doctor, cabin) = (only("Tournée Petit"), only("Cabine de la mairie"));
    assert!(doctor["held_there"].as_u64() > Some(5), "{doctor}");
    assert_eq!(cabin["held_there"], 0, "{cabin}");
    // The last one on the stick was for the cabin: it carries, the doctor can't open it.
    assert!(brought(&bring_in(&t, "cabin", &stick)).iter().any(|(new, _)| *new > 5));
    let others = t.at("mobile", &["carry", "in", &stick.display().to_string()]);
    assert!(others.done().contains("for other nodes, left as it is"), "{others}");
    // Twice changes nothing.
    let root = text(&t.status("cabin")["root"]);
    assert!(brought(&bring_in(&t, "cabin", &stick)).iter().all(|(new, _)| *new == 0));
    assert_eq!(text(&t.status("cabin")["root"]), root);
}

#[test]
fn a_lost_stick_says_neither_whose_records_it_holds_nor_who_belongs() {
    let t = apart();
    let stick = stick(&t);
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    t.json("clinic", &["note", "add", &patient, "Dizzy since Monday."]);
    out(&t, "clinic", &stick);
    bring_in(&t, "mobile", &stick);
    out(&t, "mobile", &stick);
    let mut secret: Vec<Vec<u8>> = ["Lenoir", "Jeanne", "Dizzy", "Maison de sant", "Petit", "Cabine", "Vall"]
        .map(|s| s.as_bytes().to_vec())
        .into();
    let status = t.status("clinic");
    let raw = |hex: &str| {
        (0..hex.len() / 2)
            .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
            .collect::<Vec<u8>>()
    };
    // Record, network, and every key that peers show.
    secret.push(raw(&patient)[..8].to_vec());
    let peers = status["peers"].as_array().unwrap();
    secret.extend(peers.iter().map(|p| raw(&text(&p["facility_key"]))[..8].to_vec()));
    let files = files_under(&stick);
    assert!(files.len() >= 3, "two cargoes and a receipt: {files:?}");
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.starts_with("bocage-"), "{name}");
        let bytes = fs::read(&file).unwrap();
        for known in &secret {
            assert!(!bytes.windows(known.len()).any(|w| w == known), "{name} holds {known:02x?}");
        }
    }
}

#[test]
fn damaged_cut_off_foreign_and_empty_sticks_change_nothing_and_say_why() {
    let t = apart();
    let stick = stick(&t);
    let nothing = t.at("mobile", &["carry", "in", &stick.display().to_string()]);
    assert!(nothing.failed(1).contains("no file for this node"), "{nothing}");
    let absent = t.at("mobile", &["carry", "in", &t.path("nowhere").display().to_string()]);
    absent.failed(1);
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    for n in 0..40 {
        t.json("clinic", &["note", "add", &patient, &format!("Note {n}: {}", "x".repeat(3_000))]);
    }
    let written = out(&t, "clinic", &stick);
    let name = text(&written["files"][0]);
    let good = fs::read(stick.join(&name)).unwrap();
    let before = text(&t.status("mobile")["root"]);
    let middle = good.len() / 2;
    let turned = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let other_network = {
        let mut other = Territory::new().founded();
        other.enrol("mobile");
        let dir = other.path("stick");
        fs::create_dir_all(&dir).unwrap();
        let written = out(&other, "clinic", &dir);
        fs::read(dir.join(text(&written["files"][0]))).unwrap()
    };
    for (what, bytes, why) in [
        ("cut in the middle", good[..middle].to_vec(), "damaged"),
        ("cut by one byte", good[..good.len() - 1].to_vec(), "damaged"),
        ("a bit in its body", turned(middle), "damaged"),
        ("a bit in its head", turned(20), "damaged"),
        ("empty", Vec::new(), "no mule file"),
        ("a photo", b"\xff\xd8\xff\xe0 not ours".repeat(100), "no mule file"),
    ] {
        fs::write(stick.join(&name), &bytes).unwrap();
        let ran = t.at("mobile", &["carry", "in", &stick.display().to_string()]);
        assert_eq!(ran.code, 3, "{what}: {ran}");
        let said = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(why) && said.contains("nothing of it was taken"), "{what}: {ran}");
        assert_eq!(text(&t.status("mobile")["root"]), before, "{what}");
    }
    fs::write(stick.join(&name), &other_network).unwrap();
    let ran = t.at("mobile", &["carry", "in", &stick.display().to_string()]);
    assert!(ran.done().contains("for other nodes"), "{ran}");
    assert_eq!(text(&t.status("mobile")["root"]), before);
    // A good one beside a bad one is taken.
    fs::write(stick.join("bocage-00000000.mule"), &good[..middle]).unwrap();
    fs::write(stick.join(&name), &good).unwrap();
    let ran = t.at("mobile", &["carry", "in", &stick.display().to_string(), "--lang", "fr"]);
    assert_eq!(ran.code, 3, "{ran}");
    assert!(
        ran.out.contains("éléments nouveaux") && ran.out.contains("abîmé ou incomplet"),
        "{ran}"
    );
    assert_eq!(text(&t.status("mobile")["root"]), text(&t.status("clinic")["root"]));
}

/// A clinic that runs, and goes on syncing, fills and reads sticks just the same.
#[test]
fn a_running_node_takes_a_stick_in_and_hands_on_what_it_brought() {
    let mut t = apart();
    let stick = stick(&t);
    // Who is who comes first.
    out(&t, "clinic", &stick);
    bring_in(&t, "mobile", &stick);
    let patient = t.patient("mobile", "Morel", "Anne");
    t.json("mobile", &["share", &patient, "Maison de santé"]);
    out(&t, "mobile", &stick);
    t.run("clinic", &[]);
    t.run("cabin", &["clinic"]);
    t.settle(&["clinic", "cabin"]);
    bring_in(&t, "clinic", &stick);
    assert_eq!(t.families("clinic"), ["Morel"]);
    // Others' items are offered on by comparison.
    let root = text(&t.status("clinic")["root"]);
    t.until("the cabin has what the stick brought", |t| text(&t.status("cabin")["root"]) == root);
}

/// A stick that somebody prepared, or that refuses a file: nothing beside it is touched, nothing half-written stays, and what came is kept.
#[test]
fn what_lies_on_a_stick_already_is_neither_followed_nor_trusted() {
    let t = apart();
    let stick = stick(&t);
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    t.json("clinic", &["note", "add", &patient, "Dizzy since Monday."]);
    // Each has its own file: one for the cabin doesn't take the place of the doctor's.
    let only = |to: &str| {
        let written = t.json("clinic", &["carry", "out", &stick.display().to_string(), "--for", to]);
        text(&written["files"][0])
    };
    let (doctor, cabin) = (only("Tournée Petit"), only("Cabine de la mairie"));
    assert_ne!(doctor, cabin);
    assert_eq!(only("Tournée Petit"), doctor, "a new one takes the old one's place");
    assert_eq!(files_under(&stick).len(), 2);

    // A link in a file's place is replaced, not written through; what a pulled stick kept half-written goes.
    let kept = t.path("kept");
    fs::write(&kept, "mine").unwrap();
    let own = &doctor[.."bocage-00000000".len()];
    let half = stick.join(format!("{own}.partial"));
    for link in [stick.join(&doctor), half.clone()] {
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(&kept, &link).unwrap();
    }
    assert_eq!(only("Tournée Petit"), doctor);
    assert_eq!(fs::read_to_string(&kept).unwrap(), "mine");
    assert!(!half.exists() && !stick.join(&doctor).is_symlink());

    // The receipt's place is taken by what can't be replaced: what the stick brought is told and kept.
    let receipt = stick.join(text(&bring_in(&t, "mobile", &stick)["receipt"]));
    fs::remove_file(&receipt).unwrap();
    fs::create_dir_all(receipt.join("in the way")).unwrap();
    t.json("clinic", &["note", "add", &patient, "Better on Friday."]);
    only("Tournée Petit");
    let taken = bring_in(&t, "mobile", &stick);
    assert!(brought(&taken).iter().any(|(new, _)| *new > 0), "{taken}");
    assert!(taken["receipt"].is_null() && !text(&taken["no_receipt"]).is_empty(), "{taken}");
    let partial = |path: &PathBuf| path.to_string_lossy().ends_with(".partial");
    assert!(!files_under(&stick).iter().any(partial), "nothing half-written stays");
    let said = t.at("mobile", &["carry", "in", &stick.display().to_string()]);
    let words: Vec<&str> = said.done().split_whitespace().collect();
    assert!(words.join(" ").contains("no receipt could be written"), "{said}");
}
