//! How the command behaves: exit codes, sentences instead of codes, two languages, JSON for scripts, 80 columns.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};

use super::territory::{Ran, Territory, text};

const WIDTH: usize = 80;

#[test]
fn every_subcommand_explains_itself() {
    let t = Territory::new();
    for (lang, usage, commands) in [
        ("en", "Usage: bocage", "Commands:\n"),
        ("fr", "Utilisation : bocage", "Commandes :\n"),
    ] {
        let mut asked = 0;
        let mut paths = vec![Vec::<String>::new()];
        while let Some(path) = paths.pop() {
            let words: Vec<&str> = path.iter().map(String::as_str).collect();
            let ran = t.bocage(&[&words, &["--lang", lang, "--help"][..]].concat());
            let help = ran.done();
            assert!(help.contains(usage) && help.lines().next().is_some_and(|l| l.len() > 10), "{ran}");
            fits(&ran);
            asked += 1;
            let listed = help.split(commands).nth(1).unwrap_or_default();
            for line in listed.lines().take_while(|l| !l.is_empty()) {
                let name = line.split_whitespace().next().unwrap_or_default();
                if line.starts_with("  ") && !line.starts_with("   ") && name != "help" {
                    paths.push([&path[..], &[name.to_owned()]].concat());
                }
            }
        }
        assert!(asked >= 20, "{asked} helps");
    }
    let mut french = t.command(&["help", "import"]);
    french.env("LC_ALL", "fr_FR.UTF-8");
    assert!(t.finish(french).done().contains("Importer"), "the language of the terminal");
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
        let script = t.at("clinic", &[wrong, &["--json"]].concat());
        assert_eq!(script.code, 2, "{script}");
        assert_eq!(serde_json::from_str::<Value>(&script.out).unwrap()["code"], "usage", "{script}");
    }
    t.at("clinic", &["vital", "add", &patient, "mood", "5"]).failed(2);
    t.at("clinic", &["vital", "add", &patient, "heart-rate", "fast"]).failed(2);
    t.at("clinic", &["invite", "--out", "x", "--address", "not an address"]).failed(2);
    t.at(
        "clinic",
        &["patient", "create", "--family", "A", "--given", "B", "--birth-date", "12/03/1948"],
    )
    .failed(2);
    for unborn in ["2950-01-01", "1849-12-31", "1981-02-29", "1981-13-01", "+1981-1-1", "81-02-03"] {
        let args = ["patient", "create", "--family", "A", "--given", "B", "--birth-date", unborn];
        let refused = t.at("clinic", &args);
        assert!(refused.failed(2).contains(unborn), "{refused}");
    }
    let known_by_year = ["patient", "create", "--family", "A", "--given", "B", "--birth-date", "1948"];
    t.at(
        "plain",
        &[
            "init",
            "--network",
            "P",
            "--facility",
            "F",
            "--kind",
            "clinic",
            "--practitioner",
            "C",
            "--role",
            "nurse",
        ],
    )
    .done();
    t.at("plain", &known_by_year).done();
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
    let mut weak = t.command(&["init", "--data", "weak", "--network", "N", "--facility", "F", "--kind", "cabin"]);
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
fn a_file_that_cannot_be_read_does_not_stop_the_others() {
    let t = Territory::new().founded();
    fs::write(
        t.path("one.json"),
        r#"{"resourceType":"Patient","id":"x","name":[{"family":"Sorel"}]}"#,
    )
    .unwrap();
    fs::create_dir(t.path("folder")).unwrap();
    let some = t.at("clinic", &["import", "missing.json", "one.json", "folder", "--json"]);
    assert_eq!(some.code, 3, "{some}");
    let files = &serde_json::from_str::<Value>(&some.out).unwrap()["files"];
    assert_eq!(files[0][1]["stopped"]["code"], "not_opened", "{some}");
    assert_eq!(files[1][1]["created"], 1, "{some}");
    assert_eq!(files[2][1]["stopped"]["code"], "not_opened", "{some}");
    assert_eq!(t.families("clinic"), ["Sorel"]);
    let french = t.at("clinic", &["import", "missing.json", "one.json", "--lang", "fr"]);
    assert!(
        french.code == 3 && french.out.contains("Non lu : ce fichier n'existe pas") && french.out.contains("inchangée"),
        "{french}"
    );
    let none = t.at("clinic", &["import", "missing.json", "folder"]);
    assert!(none.failed(1).contains("missing.json") && none.err.contains("folder"), "{none}");
}

#[test]
fn the_start_of_an_id_that_fits_none_is_not_said_to_fit_several() {
    let t = Territory::new().founded();
    // Of seventeen ids two begin with the same digit.
    let people = (0..17).map(|i| json!({ "resourceType": "Patient", "id": format!("p{i}"), "name": [{ "family": "Lenoir" }] }).to_string());
    fs::write(t.path("people.ndjson"), people.collect::<Vec<_>>().join("\n")).unwrap();
    t.json("clinic", &["import", "people.ndjson"]);
    let found = t.json("clinic", &["patient", "search"]);
    let mut starts = BTreeMap::<String, usize>::new();
    for patient in found["patients"].as_array().unwrap() {
        *starts.entry(text(&patient["patient"])[..1].to_owned()).or_default() += 1;
    }
    let (start, count) = starts.iter().find(|(_, count)| **count > 1).expect("seventeen records");
    let several = t.at("clinic", &["patient", "show", start]);
    assert!(
        several.failed(1).contains(&format!("{count} records begin with {start}")),
        "{several}"
    );
    let none = t.at("clinic", &["patient", "show", "zz"]);
    assert!(none.failed(1).starts_with("no record begins with zz"), "{none}");
    let alone = Territory::new().founded();
    let only = alone.patient("clinic", "Lenoir", "Jeanne");
    let short = alone.at("clinic", &["patient", "show", &only[..2], "--lang", "fr"]);
    assert!(short.failed(1).contains("est trop court"), "{short}");
    alone.at("clinic", &["patient", "show", &only[..4]]).done();
}

#[test]
fn a_failure_is_a_sentence_in_french_and_scripts_get_both() {
    let mut t = Territory::new().founded();
    let words = t.invite("pharmacy");
    t.patient("clinic", "Lenoir", "Jeanne");
    let patient = text(&t.json("clinic", &["patient", "search"])["patients"][0]["patient"]);
    let wrong_number = [
        "--family",
        "A",
        "--given",
        "B",
        "--birth-date",
        "1948-03-12",
        "--ins",
        "206127511100565",
    ];
    for (code, said, args) in [
        (1, "aucun dossier", &["patient", "show", "ffffffff"][..]),
        (2, "n'est pas un signe connu", &["vital", "add", &patient, "mood", "5"]),
        (2, "la valeur doit être entre", &["vital", "add", &patient, "temperature", "72"]),
        (2, "ce n'est pas un nombre", &["vital", "add", &patient, "heart-rate", "fast"]),
        (2, "la clé ne correspond pas", &[&["patient", "create"][..], &wrong_number].concat()),
        (1, "aucune structure", &["share", &patient, "Hôpital"]),
        (2, "n'est pas une adresse", &["invite", "--out", "x", "--address", "not an address"]),
        (1, "n'existe pas", &["admit", "missing.bocage"]),
    ] {
        let french = t.at("clinic", &[args, &["--lang", "fr"]].concat()).failed(code).to_owned();
        assert!(french.contains(said), "{french}");
        let [english, in_french] = ["en", "fr"].map(|lang| {
            let ran = t.at("clinic", &[args, &["--json", "--lang", lang]].concat());
            assert_eq!(ran.code, code, "{ran}");
            serde_json::from_str::<Value>(&ran.out).unwrap()
        });
        assert_eq!(english, in_french, "JSON doesn't depend on the language");
        assert_eq!(text(&english["message_fr"]), french);
        assert_ne!(text(&english["message"]), french);
    }
    for (words, code, said) in [
        ("abeille", 2, "il faut 6 mots"),
        ("abeille abeille abeille abeille abeille abeille", 1, "redemandez-les"),
    ] {
        let refused = t.join("pharmacy", words, &["--offline", "--lang", "fr"]);
        assert!(refused.failed(code).contains(said), "{refused}");
    }
    let mut weak = t.command(&[
        "init",
        "--data",
        "w",
        "--network",
        "N",
        "--facility",
        "F",
        "--kind",
        "cabin",
        "--lang",
        "fr",
    ]);
    weak.env("BOCAGE_PASSPHRASE", "aaaa");
    let weak = t.finish(weak);
    assert!(weak.failed(2).contains("moins de 12 caractères"), "{weak}");
    t.join("pharmacy", &words, &["--offline"]).done();
    t.at("clinic", &["admit", "pharmacy/request.bocage", "--yes"]).done();
    fs::copy(t.path("inv-pharmacy.bocage"), t.path("inv-cabin.bocage")).unwrap();
    t.join("cabin", &words, &["--offline"]).done();
    let used = t.at("clinic", &["admit", "cabin/request.bocage", "--yes", "--lang", "fr"]);
    assert!(used.failed(1).contains("a déjà servi"), "{used}");
}

#[test]
fn the_demonstration_is_one_json_value_for_scripts() {
    let t = Territory::new();
    let ran = t.bocage(&["demo", "--patients", "20", "--json"]);
    let all: Value = serde_json::from_str(ran.done()).unwrap_or_else(|e| panic!("not JSON ({e}): {ran}"));
    assert_eq!((&all["answer"], &all["holds"]), (&json!("demo"), &json!(true)));
    assert_eq!(all["nodes"].as_array().unwrap().len(), 4);
    let checks = all["checks"].as_array().unwrap();
    assert!(checks.len() >= 10 && checks.iter().all(|c| c["holds"] == true), "{all:#}");
    assert!(all["nodes"].as_array().unwrap().iter().any(|n| n["bytes_sent"].as_u64() > Some(0)));
}

#[test]
fn an_interrupted_init_is_simply_run_again_and_a_finished_one_never_overwritten() {
    let t = Territory::new();
    let init = |name: &str| {
        let args = [
            "init",
            "--data",
            name,
            "--network",
            "Vallée",
            "--facility",
            "Maison de santé",
            "--kind",
            "clinic",
            "--practitioner",
            "Anne Morel",
            "--role",
            "doctor",
        ];
        t.bocage(&args)
    };
    init("clinic").done();
    let keys = fs::read(t.path("clinic/node.key")).unwrap();
    // Keys alone, of whatever: left as they are, however often it is tried.
    fs::create_dir(t.path("keys")).unwrap();
    fs::write(t.path("keys/node.key"), &keys).unwrap();
    for _ in 0..2 {
        assert!(init("keys").failed(1).contains("left as they are"));
    }
    assert_eq!(fs::read(t.path("keys/node.key")).unwrap(), keys);
    assert!(init("clinic").failed(1).contains("belongs to a network already"));
    // A node that lost its charter: nothing says that its keys are worthless.
    fs::rename(t.path("clinic/charter"), t.path("kept")).unwrap();
    let lost = init("clinic");
    assert!(
        lost.failed(1).contains("no file `charter`") && lost.err.contains("delete it and begin again"),
        "{lost}"
    );
    assert_eq!(fs::read(t.path("clinic/node.key")).unwrap(), keys);
    // The power failed before the charter was written.
    let mark = fs::File::create(t.path("clinic/unfinished")).unwrap();
    mark.lock().unwrap();
    assert!(init("clinic").failed(1).contains("is at work"), "another one isn't disturbed");
    drop(mark);
    let waiting = t.at("clinic", &["status"]);
    assert!(waiting.failed(1).contains("run `bocage init`"), "{waiting}");
    init("clinic").done();
    assert_ne!(fs::read(t.path("clinic/node.key")).unwrap(), keys);
    assert!(!t.path("clinic/unfinished").exists());
    t.at("clinic", &["doctor"]).done();
    // It failed after: the mark goes, the keys stay.
    fs::write(t.path("clinic/unfinished"), "").unwrap();
    assert!(init("clinic").failed(1).contains("belongs to a network already"));
    t.at("clinic", &["status"]).done();
    assert!(!t.path("clinic/unfinished").exists());
}

#[test]
fn an_admission_that_was_interrupted_is_completed_by_the_same_file() {
    let mut t = Territory::new().founded();
    let words = t.invite("pharmacy");
    t.join("pharmacy", &words, &["--offline"]).done();
    t.at("clinic", &["admit", "pharmacy/request.bocage", "--yes", "--out", "adm.bocage"])
        .done();
    let joining = fs::read(t.path("pharmacy/joining")).unwrap();
    t.at("pharmacy", &["join", "adm.bocage"]).done();
    fs::remove_file(t.path("pharmacy/charter")).unwrap();
    fs::write(t.path("pharmacy/joining"), joining).unwrap();
    let request = fs::read(t.path("pharmacy/request.bocage")).unwrap();
    t.join("pharmacy", &words, &["--offline"]).done();
    let again = fs::read(t.path("pharmacy/request.bocage")).unwrap();
    assert_eq!(again, request, "keys that were admitted aren't thrown away");
    t.at("pharmacy", &["join", "adm.bocage"]).done();
    assert_eq!(t.status("pharmacy")["network_id"], t.status("clinic")["network_id"]);
    t.at("pharmacy", &["doctor"]).done();
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
    let invited = t.json("clinic", &["invite", "--out", "inv-mobile.bocage", "--address", &address]);
    assert_eq!(invited["answer"], "invitation");
    let words = text(&invited["words"]);
    let answer = |ran: Ran| serde_json::from_str::<Value>(ran.done()).unwrap_or_else(|e| panic!("{e}: {ran}"));
    let requested = answer(t.join("mobile", &words, &["--offline", "--json"]));
    assert_eq!(
        (&requested["answer"], &requested["file"]),
        (&json!("requested"), &json!("mobile/request.bocage"))
    );
    let unreached = answer(t.join("mobile", &words, &["--json"]));
    assert_eq!(
        (&unreached["answer"], &unreached["unreached"]["code"]),
        (&json!("requested"), &json!("unreachable"))
    );
    let admitted = t.json("clinic", &["admit", "mobile/request.bocage", "--yes", "--out", "adm.bocage"]);
    assert_eq!((&admitted["answer"], &admitted["words"]), (&json!("admitted"), &unreached["words"]));
    assert_eq!(t.json("mobile", &["join", "adm.bocage"])["answer"], "joined");
    let place = ["--network", "Plaine", "--facility", "Cabine", "--kind", "cabin"];
    let founded = t.json("plain", &[&["init"][..], &place].concat());
    assert_eq!((&founded["answer"], &founded["network"]), (&json!("founded"), &json!("Plaine")));
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
                "--anyway",
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
    let (cabin, pharmacy) = (t.invite("cabin"), t.invite("pharmacy"));
    let joined = answer(t.join("cabin", &cabin, &["--json"]));
    assert_eq!((&joined["answer"], &joined["network"]), (&json!("joined"), &json!("Vallée")));
    t.stop("clinic");
    let everywhere = format!("0.0.0.0:{}", t.port("clinic"));
    let mut unattended = t.command(&["run", "--data", "clinic", "--no-mdns", "--listen", &everywhere, "--json"]);
    unattended.env_remove("BOCAGE_PASSPHRASE");
    let said = fs::read_to_string(t.output_of("clinic")).unwrap();
    t.start("clinic", unattended);
    t.until("the node has said that it listens", |t| {
        fs::read_to_string(t.output_of("clinic")).unwrap().len() > said.len()
    });
    let waiting = answer(t.join("pharmacy", &pharmacy, &["--json"]));
    assert_eq!(
        (&waiting["answer"], &waiting["file"]),
        (&json!("waiting"), &json!("pharmacy/request.bocage"))
    );
    t.stop("clinic");
    let all = fs::read_to_string(t.output_of("clinic")).unwrap();
    let [line] = all[said.len()..].lines().collect::<Vec<_>>()[..] else {
        panic!("more than a line: {}", &all[said.len()..]);
    };
    let running: Value = serde_json::from_str(line).unwrap();
    assert_eq!(running["answer"], "running");
    let port = t.port("clinic").to_string();
    let listening = running["listening"].as_array().unwrap();
    assert!(listening.iter().any(|a| text(a).contains(&port)), "{running}");

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
        ("fr", ["structure", "pharmacie", "Lu par", "✓ données"]),
        ("en", ["facility", "connected", "May be read by", "✓ store"]),
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
    assert!(t.finish(french).done().contains("pas encore vue"), "the language of the terminal");
}

#[test]
fn a_record_is_shown_whole_with_who_wrote_it_where_and_what_was_corrected() {
    let mut t = Territory::new().founded();
    t.enrol("mobile");
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    let lines =
        "First line of the note.\n\nLast line, after an empty one, long enough that it has to be broken before its very last word: END";
    let note = text(&t.json("clinic", &["note", "add", &patient, lines])["fact"]);
    let wrong = text(&t.json("clinic", &["vital", "add", &patient, "temperature", "38,5"])["fact"]);
    let right = text(&t.json("clinic", &["correct", &patient, &wrong[..12], "valueQuantity.value", "37.5"])["fact"]);
    t.json("clinic", &["share", &patient, "Tournée Petit"]);

    let shown = t.at("clinic", &["patient", "show", &patient]);
    let out = shown.done();
    fits(&shown);
    for part in [
        "LENOIR Jeanne, born 1948-03-12",
        "May be read by\n  Maison de santé\n  Tournée Petit (Luc Petit), until ",
        "Dr Anne Morel (Maison de santé), clinical",
        "    First line of the note.\n\n    Last line",
        "END\n",
        "[corrected, 1 earlier version]\n    temperature 37.5 °C\n",
    ] {
        assert!(out.contains(part), "{part} in {shown}");
    }
    assert!(
        out.contains(&right[..12]) && out.contains(&note[..12]) && !out.contains(&wrong[..12]),
        "{shown}"
    );
    let history = t.at("clinic", &["patient", "show", &patient, "--history", "--lang", "fr"]);
    fits(&history);
    let old = format!("[ancienne version, corrigée par {}]\n    température 38,5 °C\n", &right[..12]);
    assert!(history.done().contains(&old) && history.out.contains("jusqu'au "), "{history}");

    let json = t.json("clinic", &["patient", "show", &patient]);
    let entry = json["entries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["fact"] == right.as_str())
        .unwrap();
    assert_eq!((&entry["versions"], &entry["profession"]), (&json!(1), &json!("doctor")));
    let until = json["readers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["facility"] == "Tournée Petit")
        .unwrap();
    assert!(until["until_ms"].as_u64() > Some(0), "{json}");
    let again = t.at("clinic", &["correct", &patient, &wrong, "valueQuantity.value", "38"]);
    assert!(again.failed(1).contains(&format!("was corrected by {}", &right[..12])), "{again}");
}

#[test]
fn a_text_from_a_record_cannot_command_the_terminal() {
    let t = Territory::new().founded();
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    let hostile = "\u{1b}[31mred\u{1b}]0;title\u{7} \u{9b}2J \u{202e}turned";
    t.json("clinic", &["note", "add", &patient, hostile]);
    let planted = json!({ "resourceType": "Patient", "id": "x", "name": [{ "family": "So\u{1b}[2Jrel" }] });
    fs::write(t.path("planted.json"), planted.to_string()).unwrap();
    t.json("clinic", &["import", "planted.json"]);
    for args in [&["patient", "show", &patient][..], &["patient", "search"]] {
        let ran = t.at("clinic", args);
        let commands = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!ran.done().contains(commands), "{ran:}");
    }
    let json = t.json("clinic", &["patient", "show", &patient]);
    assert!(
        json["entries"].as_array().unwrap().iter().any(|e| e["text"] == hostile),
        "data is kept as it was written"
    );
    let name = [
        "patient",
        "create",
        "--family",
        "A\u{1b}[31m",
        "--given",
        "B",
        "--birth-date",
        "1948-03-12",
    ];
    assert!(t.at("clinic", &name).failed(2).contains("control character"));
    assert!(
        t.at("clinic", &[&name[..], &["--lang", "fr"]].concat())
            .failed(2)
            .contains("caractère de contrôle")
    );
    let place = ["init", "--network", "N", "--facility", "F\nG", "--kind", "cabin"];
    assert!(t.at("elsewhere", &place).failed(2).contains("control character"));
}

#[test]
fn a_correction_is_checked_as_what_is_entered_is() {
    let t = Territory::new().founded();
    let ins = ["--ins", "206127511100564"];
    let create = [
        "patient",
        "create",
        "--family",
        "Diallo",
        "--given",
        "Awa",
        "--birth-date",
        "1980-02-03",
    ];
    let patient = text(&t.json("clinic", &[&create[..], &ins].concat())["patient"]);
    let fever = text(&t.json("clinic", &["vital", "add", &patient, "temperature", "38.5"])["fact"]);
    let pressure = text(&t.json("clinic", &["vital", "add", &patient, "blood-pressure", "130/80"])["fact"]);
    let shown = t.json("clinic", &["patient", "show", &patient]);
    let identity = shown["entries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["resource_type"] == "Patient")
        .unwrap();
    let identity = text(&identity["fact"]);
    for (fact, field, value, said) in [
        (&fever, "valueQuantity.value", "385", "between 25.0 and 45.0 °C"),
        (&fever, "value", "385", "between 25.0 and 45.0 °C"),
        (&fever, "text", "hot", "no field text"),
        (&pressure, "value", "80/130", "diastolic must be below systolic"),
        (&fever, "valueQuantity.valeu", "37.5", "no field valueQuantity.valeu"),
        (&fever, "valueQuantity.code", "kg", "no measure in its unit (°C)"),
        (&fever, "birthDate", "1980-02-04", "valueQuantity.value"),
        (
            &pressure,
            "component[0].valueQuantity.value",
            "70",
            "diastolic must be below systolic",
        ),
        (&identity, "birthDate", "2980-02-03", "in the future"),
        (&identity, "birthdate", "1980-02-04", "no field birthdate"),
        (&identity, "identifier[0].value", "206127511100565", "INS"),
        (&identity, "name[0].family", "Dia\tllo", "control character"),
    ] {
        let refused = t.at("clinic", &["correct", &patient, fact, field, value]);
        assert!(refused.failed(2).contains(said), "{refused}");
    }
    assert_eq!(t.entries("clinic", &patient), {
        let entries = shown["entries"].as_array().unwrap();
        entries.iter().map(|e| text(&e["summary"])).collect::<Vec<_>>()
    });
    t.json("clinic", &["correct", &patient, &fever, "valueQuantity.value", "37.5"]);
    t.json("clinic", &["correct", &patient, &identity, "birthDate", "1980-02-04"]);
    assert_eq!(t.json("clinic", &["patient", "search"])["patients"][0]["birth_date"], "1980-02-04");
}

/// A note could be corrected as base64 only, and nothing could be said to have been a mistake.
#[test]
fn what_is_written_is_corrected_as_it_was_typed_or_said_to_be_a_mistake() {
    let t = Territory::new().founded();
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    let fact = |args: &[&str]| text(&t.json("clinic", args)["fact"]);
    let pressure = fact(&["vital", "add", &patient, "blood-pressure", "130/80"]);
    let note = fact(&["note", "add", &patient, "Dizzy since Monday."]);
    let pulse = fact(&["vital", "add", &patient, "heart-rate", "172"]);
    let allergy = fact(&["allergy", "add", &patient, "Penicilin", "--criticality", "high"]);
    t.json("clinic", &["correct", &patient, &pressure, "value", "145/95"]);
    t.json("clinic", &["correct", &patient, &note, "text", "Dizzy since Tuesday.\nNot Monday."]);
    t.json("clinic", &["correct", &patient, &allergy, "substance", "Penicillin"]);
    t.json("clinic", &["withdraw", &patient, &pulse]);
    let shown = t.at("clinic", &["patient", "show", &patient]);
    let shown = shown.done();
    for said in [
        "blood pressure 145/95 mmHg",
        "Dizzy since Tuesday.\n    Not Monday.",
        "Penicillin",
        "made in error",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    let entries = t.json("clinic", &["patient", "show", &patient])["entries"].clone();
    let withdrawn: Vec<_> = entries.as_array().unwrap().iter().filter(|e| e["in_error"] == true).collect();
    assert_eq!(withdrawn.len(), 1);
    assert!(withdrawn[0]["clinical"].is_null(), "no chart draws it");
    let identity = entries
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["resource_type"] == "Patient")
        .unwrap();
    let refused = t.at("clinic", &["withdraw", &patient, &text(&identity["fact"])]);
    assert!(refused.failed(2).contains("can't be withdrawn"), "{refused}");
}

#[test]
fn what_is_exported_in_clear_is_for_this_account_alone() {
    use std::os::unix::fs::PermissionsExt;
    let t = Territory::new().founded();
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    let mode = |name: &str| fs::metadata(t.path(name)).unwrap().permissions().mode() & 0o777;
    let file = format!("fhir/{patient}.json");
    for _ in 0..2 {
        t.json("clinic", &["export", "--out", "fhir"]);
        assert_eq!((mode("fhir"), mode(&file)), (0o700, 0o600));
        // As it might lie there from elsewhere.
        fs::set_permissions(t.path(&file), fs::Permissions::from_mode(0o644)).unwrap();
    }
}

#[test]
fn a_second_patient_of_the_same_name_and_birth_date_is_meant() {
    let t = Territory::new().founded();
    let patient = t.patient("clinic", "N'Diaye", "Élise Awa");
    let twin = [
        "patient",
        "create",
        "--family",
        "n’diaye",
        "--given",
        "elise  awa",
        "--birth-date",
        "1948-03-12",
    ];
    let refused = t.at("clinic", &twin);
    assert!(
        refused.failed(1).contains(&patient[..12]) && refused.err.contains("--anyway"),
        "{refused}"
    );
    let script = t.at("clinic", &[&twin[..], &["--json"]].concat());
    let reply: Value = serde_json::from_str(&script.out).unwrap();
    assert_eq!((script.code, &reply["code"]), (1, &json!("exists")));
    let other_day = [
        "patient",
        "create",
        "--family",
        "N'Diaye",
        "--given",
        "Élise Awa",
        "--birth-date",
        "1948-03-13",
    ];
    t.at("clinic", &other_day).done();
    t.at("clinic", &[&twin[..], &["--anyway"]].concat()).done();
    assert_eq!(t.families("clinic").len(), 3);
}

#[test]
fn two_facilities_of_one_name_are_told_apart_by_key_or_node() {
    let mut t = Territory::new().founded();
    for place in ["east", "west"] {
        let words = t.invite(place);
        let file = format!("inv-{place}.bocage");
        let person = ["--practitioner", "Paul Girard", "--role", "pharmacist"];
        let pharmacy = [
            "join",
            &file,
            "--data",
            place,
            "--offline",
            "--facility",
            "Pharmacie du Pont",
            "--kind",
            "pharmacy",
        ];
        let mut join = t.command(&[&pharmacy[..], &person].concat());
        join.env("BOCAGE_WORDS", &words);
        t.finish(join).done();
        let (request, out) = (format!("{place}/request.bocage"), format!("adm-{place}.bocage"));
        t.at("clinic", &["admit", &request, "--yes", "--out", &out]).done();
        t.at(place, &["join", &out]).done();
    }
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    let peers = t.json("clinic", &["peers"]);
    let [one, other] = [0, 1].map(|i| &peers["peers"][i]);
    let several = t.at("clinic", &["share", &patient, "Pharmacie du Pont"]);
    let (key, node) = (&text(&one["facility_key"])[..8], text(&other["node"]));
    assert!(several.failed(1).contains(key), "{several}");
    let listed = t.at("clinic", &["peers"]);
    assert!(
        listed.done().contains(key) && listed.out.contains(&node) && listed.out.contains("not met yet"),
        "{listed}"
    );
    for name in [key, &node] {
        assert_eq!(t.json("clinic", &["share", &patient, name])["answer"], "shared", "{name}");
    }
    let again = t.at("clinic", &["share", &patient, key]);
    assert!(again.done().contains("could read it already"), "{again}");
    let readers = t.json("clinic", &["patient", "show", &patient])["readers"].clone();
    assert_eq!(readers.as_array().unwrap().len(), 3, "{readers}");
}

#[test]
fn sharing_says_until_when_and_a_status_adds_up() {
    let mut t = Territory::new().founded();
    t.enrol("mobile");
    t.enrol("cabin");
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    let shared = t.at("clinic", &["share", &patient, "Tournée Petit", "--lang", "fr"]);
    assert!(shared.done().contains("jusqu'au "), "{shared}");
    let readers = &t.json("clinic", &["patient", "show", &patient])["readers"];
    assert_eq!(
        (&readers[0]["until_ms"], readers[1]["until_ms"].is_u64()),
        (&Value::Null, true),
        "48 hours, and not for ever"
    );
    t.run("clinic", &[]);
    t.run("cabin", &["clinic"]);
    t.settle(&["clinic", "cabin"]);
    for place in ["clinic", "cabin"] {
        let s = t.status(place);
        let number = |key: &str| s[key].as_u64().unwrap_or(0);
        let parts = number("registry") + number("access") + number("readable") + number("sealed");
        assert_eq!(number("items"), parts, "{s}");
    }
    let cabin = t.at("cabin", &["status"]);
    assert!(
        cabin.done().contains("nobody practises here") && cabin.out.contains("fingerprint"),
        "{cabin}"
    );
    t.stop("clinic");
    assert!(t.said("clinic").contains("network Vallée (seat open)") && t.said("clinic").ends_with("stopped; everything saved"));
    assert_eq!(t.status("clinic")["seat"], "open", "the passphrase is at hand");
    let mut locked = t.command(&["status", "--data", "clinic"]);
    locked.env_remove("BOCAGE_PASSPHRASE");
    assert!(t.finish(locked).done().contains("seat locked"));
    let met = t.json("clinic", &["peers"])["peers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|p| p["last_seen_ms"].is_u64())
        .count();
    assert_eq!(met, 1, "remembered when the node no longer runs");
}

#[test]
fn what_is_refused_is_named_as_people_name_it() {
    let t = Territory::new().founded();
    fs::write(t.path("empty.json"), "").unwrap();
    let empty = t.at("clinic", &["import", "empty.json"]);
    assert!(empty.failed(1).contains("the file is empty"), "{empty}");
    let bad = json!({ "resourceType": "Patient", "id": "p-2", "birthDate": "the second of July" });
    let good = json!({ "resourceType": "Patient", "id": "p-1", "name": [{ "family": "Sorel" }] });
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": good }, { "resource": bad }] });
    fs::write(t.path("half.json"), bundle.to_string()).unwrap();
    let half = t.at("clinic", &["import", "half.json"]);
    assert!(half.code == 3 && half.out.contains("entry 2, Patient/p-2"), "{half}");
    let french = t.at("clinic", &["import", "half.json", "--lang", "fr"]);
    assert!(french.out.contains("entrée 2, Patient/p-2"), "{french}");

    for kind in ["clinic", "pharmacy", "mobile"] {
        let nobody = ["init", "--network", "N", "--facility", "F", "--kind", kind];
        assert!(t.at("elsewhere", &nobody).failed(2).contains("--practitioner"), "{kind}");
    }
    let mistyped = ["--practitioner", "A", "--role", "doctor", "--rpps", "10000000018"];
    let place = ["init", "--network", "N", "--facility", "F", "--kind", "clinic"];
    assert!(
        t.at("elsewhere", &[&place[..], &mistyped].concat())
            .failed(2)
            .contains("a digit is mistyped")
    );
    assert!(!t.path("elsewhere").exists());

    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    for (sign, value, said) in [
        ("glucose", "1200 mmol", "mg/dL"),
        ("temperature", "385", "temperature 385: between 25.0 and 45.0 °C"),
        ("heart-rate", "fast", "heart-rate fast: not a number (/min, 15 to 300)"),
        ("consciousness", "Z", "one of A, C, V, P, U;"),
    ] {
        let refused = t.at("clinic", &["vital", "add", &patient, sign, value]);
        assert!(refused.failed(2).contains(said), "{refused}");
    }
    t.at("clinic", &["vital", "add", &patient, "glucose", "1.2 g/L"]).done();
    t.at("clinic", &["vital", "add", &patient, "consciousness", "a"]).done();
    let entries = t.entries("clinic", &patient);
    assert_eq!(
        entries[..2]
            .iter()
            .filter(|e| *e == "consciousness A" || *e == "glucose 120 mg/dL")
            .count(),
        2,
        "{entries:?}"
    );
}

fn fits(ran: &Ran) {
    let wide: Vec<&str> = ran.done().lines().filter(|l| l.chars().count() > WIDTH).collect();
    assert!(wide.is_empty(), "wider than {WIDTH} columns: {wide:#?}\n{ran}");
}
