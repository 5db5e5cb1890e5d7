//! Four places and their records: what README.md tells people to type, who can open what, what is carried for others, what is left
//! on disks, and files of patients in and out.

use std::collections::BTreeSet;
use std::fs;

use bocage_node::fhir::generate::Generator;
use bocage_node::keystore::{KeyName, NodeKeyFile, SeatKeystore};
use bocage_protocol::clinical::identifiers::ins_key_for;
use bocage_protocol::ids::hex;
use serde_json::{Value, json};

use super::day::{self, holds, ward};
use super::repository::required;
use super::territory::{Line, Territory, files_under, text};

/// Every command that needs somebody who practises, on a record known elsewhere.
const OF_A_SEAT: [&[&str]; 19] = [
    &["patient", "search"],
    &["patient", "show", "PATIENT"],
    &["patient", "create", "--family", "A", "--given", "B", "--birth-date", "1950-01-01"],
    &["note", "add", "PATIENT", "text"],
    &["vital", "add", "PATIENT", "heart-rate", "72"],
    &["allergy", "add", "PATIENT", "substance"],
    &["treatment", "add", "PATIENT", "medicine", "dosage"],
    &["visit", "add", "PATIENT", "--reason", "reason"],
    &["correct", "PATIENT", "FACT", "status", "final"],
    &["withdraw", "PATIENT", "FACT"],
    &["share", "PATIENT", "Cabine de la mairie"],
    &["delivery", "PATIENT", "FACT"],
    &["read", "PATIENT"],
    &["request", "send", "PATIENT", "--to", "Anne Morel", "text"],
    &["request", "recipients"],
    &["request", "list"],
    &["request", "accept", "PATIENT"],
    &["import", "patients.json"],
    &["export", "--out", "stolen"],
];

#[test]
fn four_nodes_by_the_readme_s_commands_hold_the_same_set() {
    let mut t = Territory::new();
    let blocks = readme_blocks("## Four nodes by hand");
    assert!(blocks.len() >= 5, "the section's blocks were found");
    fs::write(t.path("patients.json"), ward().to_string()).unwrap();
    let mut guide = Guide::default();
    // The way without a network has a test of its own.
    for block in blocks
        .iter()
        .filter(|b| b.iter().all(|line| !line.contains(&"--offline".to_owned())))
    {
        for line in block {
            guide.follow(&mut t, line);
        }
    }
    assert_eq!(
        guide.done,
        [
            "init", "run", "invite", "join", "run", "invite", "join", "run", "invite", "join", "run", "patient", "patient", "note",
            "vital", "allergy", "visit", "patient", "share", "patient", "note", "patient", "share", "patient", "invite", "import",
            "export", "leave", "status", "peers", "doctor"
        ]
    );
    let all = ["clinic", "pharmacy", "cabin", "mobile"];
    t.settle(&all);
    let patient = guide.patient;

    // What the README then says.
    assert_eq!(t.entries("mobile", &patient), t.entries("clinic", &patient));
    assert_eq!(
        t.entries("mobile", &patient).len(),
        9,
        "identity, two notes, blood pressure, allergy, a visit with two measures and what was breathed"
    );
    assert_eq!(t.families("pharmacy"), ["Lenoir"], "what was imported was shared with nobody");
    assert_eq!(
        t.compartments("pharmacy", &patient),
        ["identity", "medication"].map(str::to_owned).into(),
        "the allergy, and nothing of the visit"
    );
    assert_eq!(t.families("mobile"), ["Lenoir"], "what was imported was shared with nobody");
    t.stop("clinic");
    t.json("mobile", &["note", "add", &patient, "Walks again."]);
    t.run("clinic", &[]);
    t.settle(&all);
    assert_eq!(t.entries("clinic", &patient)[0], "Note: Walks again.");
    t.settle(&all);
    day::live(&mut t);
}

#[test]
fn each_role_opens_what_the_matrix_gives_it_and_a_cabin_nothing() {
    let mut t = Territory::new().founded();
    let all = ["clinic", "pharmacy", "cabin", "mobile"];
    for place in &all[1..] {
        t.enrol(place);
    }
    t.run("clinic", &[]);
    for place in &all[1..] {
        t.run(place, &["clinic"]);
    }
    fs::write(t.path("patients.json"), ward().to_string()).unwrap();
    t.json("clinic", &["import", "patients.json"]);
    let found = t.json("clinic", &["patient", "search", "Sorel"]);
    let patient = text(&found["patients"][0]["patient"]);
    t.settle(&all);
    for place in ["pharmacy", "mobile"] {
        assert!(t.families(place).is_empty(), "nothing is shared implicitly");
        assert!(t.status(place)["sealed"].as_u64().unwrap() >= 3, "it carries what it can't read");
    }

    t.json("clinic", &["share", &patient, "pharmacie du pont"]);
    t.settle(&all);
    assert!(t.families("mobile").is_empty(), "shared with one isn't shared with the other");
    let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(t.compartments("pharmacy", &patient), set(&["identity", "medication"]));
    assert_eq!(t.families("pharmacy"), ["Sorel"], "this record, and not the ward's other one");
    t.at("pharmacy", &["share", &patient, "Cabine de la mairie"]).failed(1);
    let shown = t.json("pharmacy", &["patient", "show", &patient]);
    let mut entries = shown["entries"].as_array().unwrap().iter();
    let identity = text(&entries.find(|e| e["compartment"] == "identity").unwrap()["fact"]);
    let refused = t.at("pharmacy", &["correct", &patient, &identity, "birthDate", "1951-07-03"]);
    assert!(refused.failed(1).contains("part: identity"), "{refused}");

    t.json("clinic", &["share", &patient, "Tournée Petit"]);
    t.settle(&all);
    assert_eq!(t.compartments("mobile", &patient), t.compartments("clinic", &patient));
    t.json("mobile", &["vital", "add", &patient, "heart-rate", "64"]);
    t.settle(&all);
    assert!(t.entries("clinic", &patient)[0].contains("64"));

    let before = t.status("cabin");
    assert_eq!(before["readable"], Value::Null);
    for command in OF_A_SEAT {
        let command: Vec<&str> = command.iter().map(|a| if *a == "PATIENT" { &patient } else { *a }).collect();
        let refused = t.at("cabin", &command);
        assert!(refused.failed(1).contains("nobody practises"), "{refused}");
        assert!(refused.out.is_empty(), "{refused}");
    }
    assert!(!t.path("stolen").exists(), "no file was begun");
    let shared = t.at("clinic", &["share", &patient, "Cabine de la mairie"]);
    shared.failed(1);
    assert_eq!(t.status("cabin")["root"], before["root"]);
}

#[test]
fn what_was_shared_before_a_note_existed_is_shared_with_the_note() {
    let mut t = Territory::new().founded();
    t.enrol("mobile");
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    t.json("clinic", &["share", &patient, "Tournée Petit"]);
    t.json("clinic", &["note", "add", &patient, "Written after sharing."]);
    t.run("clinic", &[]);
    t.run("mobile", &["clinic"]);
    t.settle(&["clinic", "mobile"]);
    assert_eq!(t.entries("mobile", &patient), t.entries("clinic", &patient));
}

#[test]
fn a_doctor_s_laptop_carries_sealed_what_the_pharmacy_then_opens() {
    let mut t = Territory::new().founded();
    t.enrol("pharmacy");
    t.enrol("mobile");
    fs::write(t.path("patients.json"), ward().to_string()).unwrap();
    t.json("clinic", &["import", "patients.json"]);
    let patient = text(&t.json("clinic", &["patient", "search", "Sorel"])["patients"][0]["patient"]);
    t.json("clinic", &["share", &patient, "Pharmacie du Pont"]);

    // On a table at the clinic; the pharmacy is out of reach.
    t.run("clinic", &[]);
    t.run("mobile", &["clinic"]);
    let carried = t.settle(&["clinic", "mobile"]);
    t.stop("clinic");
    assert!(t.families("mobile").is_empty(), "it can't open what it carries");

    // At the counter of the pharmacy; the clinic is out of reach.
    t.run("pharmacy", &["mobile"]);
    assert_eq!(t.settle(&["pharmacy", "mobile"]), carried);
    assert_eq!(t.families("pharmacy"), ["Sorel"]);
    assert!(t.entries("pharmacy", &patient).iter().any(|e| e.contains("Amoxicilline")));

    // The pharmacy's answer goes home the same way.
    let allergy = json!({ "resourceType": "AllergyIntolerance", "id": "al-1", "patient": { "reference": "Patient/p-1" },
        "code": { "text": "Pénicilline" } });
    fs::write(t.path("allergy.json"), allergy.to_string()).unwrap();
    assert_eq!(imported(&t.json("pharmacy", &["import", "allergy.json"]), "created"), 1);
    t.settle(&["pharmacy", "mobile"]);
    t.stop("pharmacy");
    t.run("clinic", &[]);
    t.settle(&["clinic", "mobile"]);
    assert!(t.entries("clinic", &patient).iter().any(|e| e.contains("Pénicilline")));
}

#[test]
fn two_members_who_were_never_introduced_show_each_other_their_certificates() {
    let mut t = Territory::new().founded();
    t.enrol("pharmacy");
    t.enrol("mobile");
    t.run("clinic", &[]);
    t.run("mobile", &["clinic"]);
    t.settle(&["clinic", "mobile"]);
    t.stop("clinic");
    // The mobile doctor has heard of the pharmacy; the pharmacy, which was admitted earlier, not of the mobile doctor.
    t.run("pharmacy", &["mobile"]);
    t.settle(&["pharmacy", "mobile"]);
}

#[test]
fn t50_no_disk_and_no_log_holds_a_name_a_number_a_note_or_a_secret_key() {
    let mut t = Territory::talkative().founded();
    t.enrol("pharmacy");
    t.enrol("cabin");
    t.run("clinic", &[]);
    t.run("pharmacy", &["clinic"]);
    t.run("cabin", &["clinic"]);
    let first = "2480363220777";
    let ins = format!("{first}{}", ins_key_for(first).unwrap());
    let args = [
        "--family",
        "Zyxoquine",
        "--given",
        "Wyvernette",
        "--birth-date",
        "1948-03-27",
        "--ins",
        &ins,
    ];
    let patient = text(&t.json("clinic", &[&["patient", "create"][..], &args].concat())["patient"]);
    t.json("clinic", &["note", "add", &patient, "Vertiges-kwaxtl au lever depuis lundi"]);
    t.json("clinic", &["vital", "add", &patient, "blood-pressure", "131/87"]);
    let mut ward = ward();
    ward["entry"][0]["resource"]["name"][0]["family"] = json!("Zyxoquine-Sorel");
    ward["entry"][1]["resource"]["medicationCodeableConcept"]["text"] = json!("Brovixamol");
    fs::write(t.path("patients.json"), ward.to_string()).unwrap();
    t.json("clinic", &["import", "patients.json"]);
    t.json("clinic", &["share", &patient, "Pharmacie du Pont"]);
    t.settle(&["clinic", "pharmacy", "cabin"]);
    // Everybody who may has everything open once.
    assert_eq!(t.families("pharmacy"), ["Zyxoquine"]);
    t.entries("clinic", &patient);
    t.at("clinic", &["patient", "search", "zyxoquine"]).done();
    t.at("cabin", &["patient", "show", &patient]).failed(1);
    t.json("clinic", &["export", "--out", "fhir"]);
    for place in ["clinic", "pharmacy", "cabin"] {
        t.stop(place);
    }

    let markers = [
        "Zyxoquine",
        "zyxoquine",
        "Wyvernette",
        "wyvernette",
        &ins,
        "kwaxtl",
        "131/87",
        "1948-03-27",
        "Brovixamol",
    ];
    let clear: Vec<u8> = files_under(&t.path("fhir")).iter().flat_map(|f| fs::read(f).unwrap()).collect();
    for marker in ["Zyxoquine", "Wyvernette", &ins, "1948-03-27", "Brovixamol"] {
        assert!(holds(&clear, marker.as_bytes()), "the scan finds {marker} where it is in clear");
    }
    let mut secrets: Vec<Vec<u8>> = vec![t.passphrase().as_bytes().to_vec()];
    let mut of_nodes: Vec<Vec<u8>> = Vec::new();
    for place in ["clinic", "pharmacy", "cabin"] {
        let node = NodeKeyFile::open(&t.path(place).join("node.key")).unwrap();
        of_nodes.extend([node.network.0, node.local_seal.0, node.kem.0].map(|s| s.to_vec()));
        let seat = SeatKeystore::open(&t.path(place).join("seat.key")).unwrap();
        let seat = seat.unlock(t.passphrase()).unwrap();
        let names: Vec<KeyName> = seat.names().collect();
        assert!(!names.is_empty());
        secrets.extend(names.into_iter().map(|n| seat.secret(n).unwrap().0.to_vec()));
    }
    let mut faults = Vec::new();
    let mut scan = |what: String, bytes: &[u8], is_node_key: bool| {
        for marker in markers.iter().filter(|m| holds(bytes, m.as_bytes())) {
            faults.push(format!("{what} holds {marker}"));
        }
        // The node's own keys lie in one file, on purpose: it runs unattended. Nothing else lies there.
        let hidden = secrets.iter().chain(of_nodes.iter().filter(|_| !is_node_key));
        let bares = |secret: &Vec<u8>| holds(bytes, secret) || holds(bytes, hex(secret).as_bytes());
        if hidden.into_iter().any(bares) {
            faults.push(format!("{what} holds a secret key or the passphrase"));
        }
    };
    let mut scanned = 0;
    for place in ["clinic", "pharmacy", "cabin"] {
        for file in files_under(&t.path(place)) {
            scan(file.display().to_string(), &fs::read(&file).unwrap(), file.ends_with("node.key"));
            scanned += 1;
        }
        let log = fs::read(t.output_of(place)).unwrap();
        assert!(log.len() > 10_000, "it was talkative");
        scan(format!("what {place} logged"), &log, false);
    }
    assert!(scanned > 20, "logs and indices were scanned");
    scan("what commands logged".into(), t.murmur().as_bytes(), false);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_imported_file_comes_back_byte_for_byte_and_with_its_correction() {
    let t = Territory::new().founded();
    let generator = Generator::new(7);
    let mut bundle = Vec::new();
    generator.write_bundle(&mut bundle, 3, 24).unwrap();
    fs::write(t.path("ward.json"), &bundle).unwrap();
    let sent: Vec<Vec<u8>> = std::iter::once(generator.library())
        .chain((0..3).map(|i| generator.patient(i, 24)))
        .flatten()
        .map(|g| g.json)
        .collect();
    let first = t.json("clinic", &["import", "ward.json"]);
    assert_eq!(imported(&first, "created"), sent.len() as u64, "{first}");
    let root = t.status("clinic")["root"].clone();
    let second = t.json("clinic", &["import", "ward.json"]);
    assert_eq!(imported(&second, "unchanged"), sent.len() as u64, "{second}");
    assert_eq!(t.status("clinic")["root"], root, "importing twice changes nothing");

    t.json("clinic", &["export", "--out", "before"]);
    let before = exported(&t, "before");
    for json in &sent {
        let json = std::str::from_utf8(json).unwrap();
        assert!(before.contains(json), "verbatim: {json}");
    }

    // A pulse of one patient was typed wrong.
    let patient = text(&t.json("clinic", &["patient", "search"])["patients"][0]["patient"]);
    let shown = t.json("clinic", &["patient", "show", &patient]);
    let entries = shown["entries"].as_array().unwrap();
    let pulse = entries
        .iter()
        .find(|e| text(&e["summary"]).starts_with("heart-rate"))
        .expect("a pulse");
    t.json("clinic", &["correct", &patient, &text(&pulse["fact"]), "valueQuantity.value", "41"]);
    t.json("clinic", &["export", "--out", "after"]);
    let after = exported(&t, "after");
    let changed: Vec<Value> = sent
        .iter()
        .filter(|json| !after.contains(std::str::from_utf8(json).unwrap()))
        .map(|json| serde_json::from_slice(json).unwrap())
        .collect();
    let [mut wanted] = <[Value; 1]>::try_from(changed).expect("everything else is as it came");
    wanted["valueQuantity"]["value"] = json!(41);
    let all: Vec<Value> = files_under(&t.path("after"))
        .iter()
        .map(|f| serde_json::from_slice::<Value>(&fs::read(f).unwrap()).unwrap())
        .flat_map(|bundle| bundle["entry"].as_array().cloned().unwrap_or_default())
        .map(|entry| entry["resource"].clone())
        .filter(|r| r["id"] == wanted["id"])
        .collect();
    assert_eq!(all, [wanted], "the corrected version, and not the old one beside it");

    let third = t.json("clinic", &["import", "ward.json"]);
    assert_eq!(
        imported(&third, "created") + imported(&third, "updated"),
        0,
        "a correction isn't undone: {third}"
    );
}

#[test]
fn a_node_that_imports_goes_on_answering() {
    // The story: a status waited half a minute for an import to end, and no peer was served meanwhile.
    let mut t = Territory::new().founded();
    let mut bundle = Vec::new();
    Generator::new(11).write_bundle(&mut bundle, 40, 60).unwrap();
    fs::write(t.path("ward.json"), &bundle).unwrap();
    t.run("clinic", &[]);
    let [mut importing, mut asking] = [(); 2].map(|()| Line::open(&t, "clinic"));
    assert!(importing.say(&json!({ "do": "import", "files": [t.path("ward.json")] })));
    assert_eq!(importing.hear().expect("it runs")["answer"], "progress");
    let meanwhile = asking.ask(&json!({ "do": "status" })).expect("an answer");
    let done = std::iter::from_fn(|| importing.hear())
        .find(|said| said["answer"] != "progress")
        .unwrap();
    assert_eq!((&done["answer"], imported(&done, "refused_count")), (&json!("imported"), 0));
    let after = t.status("clinic");
    assert!(
        meanwhile["items"].as_u64() < after["items"].as_u64(),
        "answered in the middle of it"
    );
    t.stop("clinic");
}

/// One count of the only file of an import.
fn imported(reply: &Value, count: &str) -> u64 {
    reply["files"][0][1][count]
        .as_u64()
        .unwrap_or_else(|| panic!("no {count}: {reply}"))
}

fn exported(t: &Territory, dir: &str) -> String {
    files_under(&t.path(dir)).iter().map(|f| fs::read_to_string(f).unwrap()).collect()
}

// ---- README.md as a person follows it

/// Somebody who types what the README shows, in this order.
#[derive(Default)]
struct Guide {
    words: String,
    patient: String,
    done: Vec<String>,
}

impl Guide {
    fn follow(&mut self, t: &mut Territory, line: &[String]) {
        let said_words = line.first().filter(|w| w.starts_with("BOCAGE_WORDS="));
        let line = if said_words.is_some() { &line[1..] } else { line };
        if line.first().is_none_or(|w| w != "bocage") {
            return;
        }
        let args: Vec<String> = line[1..].iter().map(|arg| self.here(t, arg)).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let data = args.iter().position(|a| *a == "--data").expect("the README names a directory");
        let place = args[data + 1];
        self.done.push(args[0].to_owned());
        let mut command = t.command(&args);
        if args[0] == "run" {
            return t.start(place, command);
        }
        if said_words.is_some() {
            command.env("BOCAGE_WORDS", &self.words);
        }
        let running: Vec<&str> = ["clinic", "pharmacy", "cabin", "mobile"]
            .into_iter()
            .filter(|p| t.runs(p))
            .collect();
        if running.len() > 1 {
            t.settle(&running);
        }
        if args[..] == ["patient", "search", "--data", "pharmacy", "lenoir"] {
            let nobody = t.finish(command);
            return assert!(nobody.done().contains("No patient"), "{nobody}");
        }
        let ran = t.finish(command);
        let out = ran.done();
        match &args[..2] {
            ["invite", _] => self.words = out.lines().find_map(|l| l.strip_prefix("    ")).expect("six words").to_owned(),
            ["join", _] => assert!(out.contains("Joined Vallée"), "{ran}"),
            ["patient", "create"] => self.patient = out.split_whitespace().nth(2).expect("a number").to_owned(),
            ["patient", _] => assert!(out.contains("LENOIR"), "{ran}"),
            _ => {}
        }
    }

    /// The README's ports and words, on this machine.
    fn here(&self, t: &mut Territory, arg: &str) -> String {
        let mut arg = arg.replace("PATIENT", &self.patient);
        for (shown, place) in [("4517", "clinic"), ("4518", "pharmacy"), ("4519", "cabin"), ("4520", "mobile")] {
            arg = arg.replace(&format!("127.0.0.1:{shown}"), &t.address(place));
        }
        arg
    }
}

/// The shell blocks under a heading, as lines of words.
fn readme_blocks(heading: &str) -> Vec<Vec<Vec<String>>> {
    let (_, section) = required("README.md").split_once(heading).expect("the README has this section");
    let section = section.split("\n## ").next().unwrap_or(section);
    let shell = section.split("```sh\n").skip(1).filter_map(|b| b.split("```").next());
    shell.map(|b| b.replace("\\\n", " ").lines().map(shell_words).collect()).collect()
}

/// A line's words; double quotes hold them together, `#` begins a comment.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted && word.is_empty() => break,
            c if c.is_whitespace() && !quoted => words.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty())),
            c => word.push(c),
        }
    }
    words.extend(Some(word).filter(|w| !w.is_empty()));
    words
}

#[test]
fn the_readme_is_split_as_a_shell_splits_it() {
    assert_eq!(shell_words("A=\"b c\" bocage  x \"d é\" # e"), ["A=b c", "bocage", "x", "d é"]);
}
