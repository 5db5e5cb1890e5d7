//! How the command behaves: exit codes, sentences instead of codes, two languages, JSON for scripts, 80 columns.

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};

use super::territory::{Ran, Territory, text};

const WIDTH: usize = 80;

#[test]
fn every_subcommand_explains_itself() {
    let t = Territory::new();
    let mut asked = 0;
    let mut paths = vec![Vec::<String>::new()];
    while let Some(path) = paths.pop() {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        let ran = t.bocage(&[&words, &["--help"][..]].concat());
        let help = ran.done();
        assert!(
            help.contains("Usage: bocage") && help.lines().next().is_some_and(|l| l.len() > 10),
            "{ran}"
        );
        asked += 1;
        let listed = help.split("Commands:\n").nth(1).unwrap_or_default();
        for line in listed.lines().take_while(|l| !l.is_empty()) {
            let name = line.split_whitespace().next().unwrap_or_default();
            if line.starts_with("  ") && !line.starts_with("   ") && name != "help" {
                paths.push([&path[..], &[name.to_owned()]].concat());
            }
        }
    }
    assert!(asked >= 20, "{asked} helps");
    assert_eq!(
        t.bocage(&["--version"]).done().trim(),
        concat!("bocage ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn exit_codes_tell_done_failed_wrong_usage_and_partly_refused_apart() {
    let t = Territory::new().founded();
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    t.at("clinic", &["status"]).done();

    t.at("nowhere", &["status"]).failed(1);
    assert!(t.at("nowhere", &["status"]).err.contains("bocage init"), "it says what to do");
    t.at("clinic", &["patient", "show", "ffffffff"]).failed(1);
    t.at("clinic", &["import", "missing.json"]).failed(1);

    for wrong in [
        &["frobnicate"][..],
        &["status", "--frobnicate"],
        &["patient", "create", "--family", "A"],
        &["status", "--lang", "de"],
    ] {
        let ran = t.at("clinic", wrong);
        assert_eq!(ran.code, 2, "{ran}");
        assert!(ran.err.contains("error:"), "{ran}");
    }
    t.at("clinic", &["vital", "add", &patient, "mood", "5"]).failed(2);
    t.at("clinic", &["vital", "add", &patient, "heart-rate", "fast"]).failed(2);
    t.at("clinic", &["invite", "--out", "x", "--address", "not an address"]).failed(2);
    t.at(
        "clinic",
        &["patient", "create", "--family", "A", "--given", "B", "--birth-date", "12/03/1948"],
    )
    .failed(2);
    let wrong_key = [
        "--family",
        "A",
        "--given",
        "B",
        "--birth-date",
        "1948-03-12",
        "--ins",
        "206127511100565",
    ];
    t.at("clinic", &[&["patient", "create"][..], &wrong_key].concat()).failed(2);
    let mut weak = t.command(&["init", "--data", "weak", "--network", "N", "--facility", "F", "--kind", "clinic"]);
    weak.env("BOCAGE_PASSPHRASE", "aaaa");
    t.finish(weak).failed(2);
    assert!(!t.path("weak").exists());
    assert_eq!(t.families("clinic"), ["Lenoir"], "nothing of all that was written");

    let good =
        json!({ "resourceType": "Patient", "id": "a", "name": [{ "family": "Sorel", "given": ["Odile"] }], "birthDate": "1951-07-02" });
    let bad = json!({ "resourceType": "Patient", "id": "b", "birthDate": "the second of July" });
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": bad }, { "resource": good }] });
    fs::write(t.path("half.json"), bundle.to_string()).unwrap();
    let half = t.at("clinic", &["import", "half.json"]);
    assert_eq!(half.code, 3, "{half}");
    assert!(half.out.contains("half.json"), "{half}");
    assert_eq!(
        t.families("clinic"),
        ["Lenoir", "Sorel"],
        "one bad resource doesn't stop the others"
    );
    let again = t.at("clinic", &["import", "half.json", "--json"]);
    assert_eq!(again.code, 3, "{again}");
    let report: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(report["files"][0][1]["refused_count"], 1);
    assert_eq!(report["files"][0][1]["unchanged"], 1);
}

#[test]
fn a_wrong_passphrase_is_a_sentence_with_and_without_a_running_node() {
    let mut t = Territory::new().founded();
    let attempt = |t: &Territory, json: &[&str]| {
        let mut command = t.command(&[&["patient", "search", "--data", "clinic"], json].concat());
        command.env("BOCAGE_PASSPHRASE", "quatre hérons sous la pluie");
        t.finish(command)
    };
    let alone = attempt(&t, &[]).failed(1).to_owned();
    t.run("clinic", &[]);
    assert_eq!(attempt(&t, &[]).failed(1), alone);
    let script = attempt(&t, &["--json"]);
    assert_eq!(script.code, 1);
    let reply: Value = serde_json::from_str(&script.out).unwrap();
    assert_eq!(
        (reply["answer"].as_str(), reply["code"].as_str()),
        (Some("failed"), Some("passphrase"))
    );
    assert_eq!(text(&reply["message"]), alone);

    let mut nobody = t.command(&["patient", "search", "--data", "clinic"]);
    nobody.env_remove("BOCAGE_PASSPHRASE");
    let ran = t.finish(nobody);
    assert!(ran.code != 0 && ran.err.contains("BOCAGE_PASSPHRASE"), "{ran}");
}

#[test]
fn one_directory_runs_once_and_a_taken_port_is_said_so() {
    let mut t = Territory::new().founded();
    t.enrol("cabin");
    t.run("clinic", &[]);
    let (clinic, other) = (t.address("clinic"), t.address("elsewhere"));
    let twice = t.at("clinic", &["run", "--no-mdns", "--listen", &other]);
    assert!(twice.failed(1).contains("another process is using this data directory"), "{twice}");
    let same_port = t.at("cabin", &["run", "--no-mdns", "--listen", &clinic]);
    let said = same_port.failed(1);
    assert!(said.contains("already in use") && said.contains("--listen"), "{same_port}");
    let taken = TcpListener::bind(&other).unwrap();
    let foreign = t.at(
        "cabin",
        &[
            "run",
            "--no-mdns",
            "--listen",
            &format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port()),
        ],
    );
    assert!(foreign.failed(1).contains("already in use"), "{foreign}");
    t.status("clinic");
    t.stop("clinic");
    assert!(!t.path("clinic").join("bocage.sock").exists(), "a clean stop leaves no socket");
}

#[test]
fn every_answer_is_json_when_asked_for() {
    let mut t = Territory::new().founded();
    let address = t.address("clinic");
    let words = text(&t.json("clinic", &["invite", "--out", "inv-mobile.bocage", "--address", &address])["words"]);
    t.join("mobile", &words, &["--offline"]).done();
    t.json("clinic", &["admit", "mobile/request.bocage", "--yes", "--out", "adm.bocage"]);
    t.at("mobile", &["join", "adm.bocage"]).done();
    fs::write(
        t.path("one.json"),
        r#"{"resourceType":"Patient","id":"x","name":[{"family":"Sorel"}]}"#,
    )
    .unwrap();
    for running in [false, true] {
        if running {
            t.run("clinic", &[]);
        }
        let created = t.json(
            "clinic",
            &[
                "patient",
                "create",
                "--family",
                "Lenoir",
                "--given",
                "Jeanne",
                "--birth-date",
                "1948-03-12",
            ],
        );
        let patient = text(&created["patient"]);
        let saved = t.json("clinic", &["note", "add", &patient, "Dizzy", "on", "standing."]);
        let fact = text(&saved["fact"]);
        for (answer, args) in [
            ("status", &["status"][..]),
            ("peers", &["peers"]),
            ("patients", &["patient", "search"]),
            ("record", &["patient", "show", &patient]),
            ("saved", &["vital", "add", &patient, "blood-pressure", "130/80"]),
            ("saved", &["correct", &patient, &fact, "description", "Note of Monday"]),
            ("shared", &["share", &patient, "Tournée Petit"]),
            ("imported", &["import", "one.json"]),
            ("exported", &["export", "--out", "fhir"]),
            ("doctor", &["doctor"]),
        ] {
            assert_eq!(t.json("clinic", args)["answer"], answer, "{args:?}");
        }
    }
    let refused = t.at("nowhere", &["status", "--json"]);
    assert_eq!(refused.code, 1);
    let reply: Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!(
        (reply["answer"].as_str(), reply["code"].as_str()),
        (Some("failed"), Some("not-founded"))
    );
}

#[test]
fn people_read_their_language_in_eighty_columns() {
    let mut t = Territory::new().founded();
    t.enrol("pharmacy");
    t.enrol("mobile");
    t.run("clinic", &[]);
    t.run("mobile", &["clinic"]);
    let patient = t.patient(
        "clinic",
        "Lenoir-Vandenbroucke de la Haute-Vallée",
        "Jeanne Marie-Madeleine Antoinette",
    );
    let long = "Vertiges au lever depuis lundi, sans chute ; tension prise couchée puis debout, à revoir jeudi. ".repeat(3);
    t.json("clinic", &["note", "add", &patient, &long]);
    t.json("clinic", &["share", &patient, "Tournée Petit"]);
    t.json("clinic", &["share", &patient, "Pharmacie du Pont"]);
    t.settle(&["clinic", "mobile"]);
    for (lang, words) in [
        ("fr", ["structure", "Pharmacie du Pont", "peuvent lire", "✓ store"]),
        ("en", ["facility", "connected", "may read", "✓ store"]),
    ] {
        let shown = [
            t.at("clinic", &["status", "--lang", lang]),
            t.at("clinic", &["peers", "--lang", lang]),
            t.at("clinic", &["patient", "show", &patient, "--lang", lang]),
            t.at("clinic", &["doctor", "--lang", lang]),
        ];
        for (ran, word) in shown.iter().zip(words) {
            assert!(ran.done().contains(word), "{ran}");
            fits(ran);
        }
        fits(&t.at("clinic", &["patient", "search", "lenoir", "--lang", lang]));
    }
    let mut french = t.command(&["peers", "--data", "clinic"]);
    french.env("LANG", "fr_FR.UTF-8");
    assert!(t.finish(french).done().contains("non connecté"), "the language of the terminal");
}

fn fits(ran: &Ran) {
    let wide: Vec<&str> = ran.done().lines().filter(|l| l.chars().count() > WIDTH).collect();
    assert!(wide.is_empty(), "wider than {WIDTH} columns: {wide:#?}\n{ran}");
}
