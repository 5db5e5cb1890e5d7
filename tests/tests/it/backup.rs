//! A place that loses its machine and comes back from a backup on another one.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::territory::{Territory, files_under, text};

/// A disk to keep backups on.
fn disk(t: &Territory) -> PathBuf {
    let dir = t.path("disk");
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// Backs a place up; returns what it answered and where the backup lies.
fn backup(t: &Territory, place: &str) -> (Value, PathBuf) {
    let done = t.json(place, &["backup", &disk(t).display().to_string()]);
    let dir = PathBuf::from(text(&done["dir"]));
    (done, dir)
}

fn restore(from: &str) -> [&str; 2] {
    ["restore", from]
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

/// The clinic burns down a day after its last backup. What it had written by then, what it wrote since and had handed on, and its place in
/// the network are there again; what it writes from then on collides with nothing (T-28).
#[test]
fn a_burnt_clinic_comes_back_and_what_it_wrote_since_comes_from_the_others() {
    let mut t = Territory::new().founded();
    t.enrol("pharmacy");
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    t.json("clinic", &["note", "add", &patient, "Dizzy since Monday."]);
    t.run("clinic", &[]);
    t.run("pharmacy", &["clinic"]);
    t.json("clinic", &["share", &patient, "pharmacie du pont"]);
    t.settle(&["clinic", "pharmacy"]);
    // It runs meanwhile, and goes on.
    let (done, dir) = backup(&t, "clinic");
    assert!(done["items"].as_u64() > Some(10), "{done}");
    let late = t.json("clinic", &["treatment", "add", &patient, "Metformine 500 mg", "1 le soir"]);
    t.settle(&["clinic", "pharmacy"]);
    t.stop("clinic");
    fs::rename(t.path("clinic"), t.path("ashes")).unwrap();

    let back = t.json("clinic", &restore(&name(&dir)));
    assert_eq!(
        (back["items"].clone(), text(&back["facility"])),
        (done["items"].clone(), "Maison de santé".to_owned())
    );
    let shown = t.json("clinic", &["patient", "show", &patient]);
    let has = |shown: &Value, fact: &Value| shown["entries"].as_array().unwrap().iter().any(|e| e["fact"] == *fact);
    assert!(!has(&shown, &late["fact"]), "it was written after the backup");
    // Before it has met anybody it writes on, as it must.
    let note = t.json("clinic", &["note", "add", &patient, "Back at work."]);
    t.run("clinic", &["pharmacy"]);
    t.settle(&["clinic", "pharmacy"]);
    let shown = t.json("clinic", &["patient", "show", &patient]);
    for fact in [&late["fact"], &note["fact"]] {
        assert!(has(&shown, fact), "{shown}");
    }
    assert!(
        shown["entries"].as_array().unwrap().iter().all(|e| e["label"] == "accepted"),
        "{shown}"
    );
    let further = t.json("clinic", &["treatment", "add", &patient, "Fer 80 mg", "1 le soir"]);
    t.settle(&["clinic", "pharmacy"]);
    let there = t.json("pharmacy", &["patient", "show", &patient]);
    assert!(has(&there, &late["fact"]) && has(&there, &further["fact"]), "{there}");
    for place in ["clinic", "pharmacy"] {
        let checks = t.json(place, &["doctor"]);
        assert!(checks["checks"].as_array().unwrap().iter().all(|c| c["good"] == true), "{checks}");
    }
}

#[test]
fn a_backup_shows_nothing_and_opens_with_its_passphrase_whole_or_not_at_all() {
    let t = Territory::new().founded();
    let patient = t.patient("clinic", "Kwaxtl", "Jeanne");
    t.json("clinic", &["note", "add", &patient, "Vertiges-kwaxtl depuis lundi."]);
    let (_, dir) = backup(&t, "clinic");
    let key_of_node = fs::read(t.path("clinic").join("node.key")).unwrap();
    for file in files_under(&dir) {
        let bytes = fs::read(&file).unwrap();
        let holds = |planted: &[u8]| bytes.windows(planted.len()).any(|w| w.eq_ignore_ascii_case(planted));
        assert!(!holds(b"kwaxtl") && !holds(patient.as_bytes()), "{}", file.display());
        assert!(!holds(&key_of_node[10..42]) && !holds(&key_of_node[42..74]), "{}", file.display());
        assert_eq!(fs::metadata(&file).unwrap().len(), bytes.len() as u64);
    }
    let again = |place: &str| t.at(place, &restore(&name(&dir)));
    assert!(again("clinic").failed(1).contains("already"), "never over a place that is there");

    let mut wrong = t.command(&["--data", "elsewhere", "restore", &name(&dir)]);
    wrong.env("BOCAGE_PASSPHRASE", "quatre hérons sous la pluie");
    assert!(t.finish(wrong).failed(1).contains("passphrase"));
    assert!(t.at("elsewhere", &["restore", &name(&disk(&t))]).failed(1).contains("no backup"));
    // A missing or damaged file is noticed before anything is made.
    for file in ["records.mule", "node.keys", "seat.key", "notes", "charter", "contents.json"] {
        let path = dir.join(file);
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        t.at("elsewhere", &restore(&name(&dir))).failed(1);
        let mut turned = whole.clone();
        let middle = turned.len() / 2;
        turned[middle] ^= 4;
        fs::write(&path, &turned).unwrap();
        t.at("elsewhere", &restore(&name(&dir))).failed(1);
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        t.at("elsewhere", &restore(&name(&dir))).failed(1);
        fs::write(&path, &whole).unwrap();
        assert!(!t.path("elsewhere").join("charter").exists());
    }
    again("elsewhere").done();
    let shown = t.json("elsewhere", &["patient", "show", &patient]);
    assert!(shown.to_string().contains("Vertiges-kwaxtl"), "{shown}");
    assert_eq!(t.json("elsewhere", &["status"])["root"], t.json("clinic", &["status"])["root"]);
    for lang in ["en", "fr"] {
        let ran = t.at("clinic", &["backup", &name(&disk(&t)), "--lang", lang]);
        let said = ran.done();
        // The directory's name is shown whole, to be copied.
        let text = said.lines().filter(|l| !l.starts_with('/'));
        assert!(text.clone().count() > 2 && text.clone().all(|l| l.chars().count() <= 80), "{said}");
    }
}

/// With the node stopped, and while it runs; a backup made before keeps the passphrase that it was made with.
#[test]
fn another_passphrase_opens_a_place_and_its_backups_from_then_on() {
    const ANOTHER: &str = "cinq autres mots pris au hasard";
    let mut t = Territory::new().founded();
    let first = t.passphrase().to_owned();
    let (_, before) = backup(&t, "clinic");
    let change = |t: &Territory, old: &str, new: &str| {
        let mut command = t.command(&["--data", "clinic", "passphrase"]);
        command.env("BOCAGE_PASSPHRASE", old).env("BOCAGE_NEW_PASSPHRASE", new);
        t.finish(command)
    };
    let opens = |t: &Territory, place: &str, args: &[&str], passphrase: &str| {
        let mut command = t.command(&[&["--data", place], args].concat());
        command.env("BOCAGE_PASSPHRASE", passphrase);
        t.finish(command)
    };
    let search = ["patient", "search"];
    assert!(change(&t, "pas la bonne phrase", ANOTHER).failed(1).contains("passphrase"));
    change(&t, &first, "abc").failed(2);
    opens(&t, "clinic", &search, &first).done();
    change(&t, &first, ANOTHER).done();
    assert!(opens(&t, "clinic", &search, &first).failed(1).contains("passphrase"));
    opens(&t, "clinic", &search, ANOTHER).done();
    change(&t, ANOTHER, &first).done();
    t.run("clinic", &[]);
    change(&t, &first, ANOTHER).done();
    assert!(opens(&t, "clinic", &search, &first).failed(1).contains("passphrase"));
    opens(&t, "clinic", &search, ANOTHER).done();
    opens(&t, "elsewhere", &restore(&name(&before)), ANOTHER).failed(1);
    opens(&t, "elsewhere", &restore(&name(&before)), &first).done();
}

/// Nobody practises in a cabin: its backup has a passphrase of its own.
#[test]
fn a_cabin_comes_back_too() {
    let mut t = Territory::new().founded();
    t.enrol("cabin");
    let (done, dir) = backup(&t, "cabin");
    fs::rename(t.path("cabin"), t.path("broken")).unwrap();
    t.at("cabin", &restore(&name(&dir))).done();
    t.run("clinic", &[]);
    t.run("cabin", &["clinic"]);
    t.settle(&["clinic", "cabin"]);
    assert!(t.status("cabin")["items"].as_u64() >= done["items"].as_u64());
}

/// Whoever leaves takes the records along: for another program, and for people who have none.
#[test]
fn a_place_that_leaves_takes_along_what_it_can_read() {
    let t = Territory::new().founded();
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    t.json("clinic", &["note", "add", &patient, "Dizzy since Monday."]);
    t.json("clinic", &["problem", "add", &patient, "Asthme", "--since", "1998"]);
    let left = t.json("clinic", &["leave", "--out", "gone"]);
    assert_eq!((left["patients"].clone(), left["attachments"].clone()), (1.into(), 1.into()));
    let folder = t
        .path("gone")
        .join("readable")
        .join(format!("LENOIR Jeanne 1948-03-12 {}", &patient[..8]));
    let record = fs::read_to_string(folder.join("record.txt")).unwrap();
    for said in ["Dizzy since Monday.", "Asthme", "Anne Morel", "since 1998"] {
        assert!(record.contains(said), "{record}");
    }
    assert_eq!(fs::read_to_string(folder.join("0001 Note.txt")).unwrap(), "Dizzy since Monday.");
    // What another program needs: it is imported elsewhere as it was.
    let file = t.path("gone").join("fhir").join(format!("{patient}.json"));
    let elsewhere = t.at(
        "other",
        &[
            "init",
            "--network",
            "Autre",
            "--facility",
            "Cabinet",
            "--kind",
            "clinic",
            "--practitioner",
            "Paul Roux",
            "--role",
            "doctor",
        ],
    );
    elsewhere.done();
    let imported = t.json("other", &["import", &name(&file)]);
    assert!(!imported.to_string().contains("\"refused\":[{"), "{imported}");
    assert_eq!(t.families("other"), ["Lenoir"]);
    for file in files_under(&t.path("gone")) {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{}", file.display());
    }
    t.at("clinic", &["leave", "--out", "gone"]).failed(1);
}
