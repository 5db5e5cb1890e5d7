//! A window that watches a running node learns of changes as they happen, and isn't buried in them.

use std::time::Instant;

use serde_json::json;

use super::territory::{Line, Territory};

/// The next revision that a watcher is told.
fn revision(line: &mut Line) -> u64 {
    let told = line.hear().expect("the node runs, and something changed within the deadline");
    assert_eq!(told["answer"], "changed", "{told}");
    told["revision"].as_u64().expect("a number")
}

/// The revision as somebody who has just come is told it.
fn revision_now(t: &Territory) -> u64 {
    let mut line = Line::unopened(t, "clinic");
    line.say(&json!({ "do": "watch" }));
    revision(&mut line)
}

/// Hears until `seen` holds: what a window does, which looks anew whenever it is told.
fn until(watcher: &mut Line, mut seen: impl FnMut() -> bool) {
    while !seen() {
        revision(watcher);
    }
}

#[test]
fn a_watcher_is_told_what_a_peer_brings_and_when_it_goes() {
    let mut t = Territory::new().founded();
    t.enrol("mobile");
    // Nobody's seat stays open there.
    let address = t.address("clinic");
    let mut unattended = t.command(&["run", "--data", "clinic", "--no-mdns", "--listen", &address]);
    unattended.env_remove("BOCAGE_PASSPHRASE");
    t.start("clinic", unattended);
    let patient = t.patient("clinic", "Lenoir", "Jeanne");
    t.json("clinic", &["share", &patient, "Tournée Petit"]);

    let mut desk = Line::open(&t, "clinic");
    let mut watcher = Line::unopened(&t, "clinic");
    watcher.say(&json!({ "do": "watch" }));
    let first = revision(&mut watcher);
    // Being told always comes after what it tells of: whoever looks then, sees it.
    let peers = |desk: &mut Line| desk.ask(&json!({ "do": "peers" })).expect("an answer")["peers"][0]["settled"].clone();
    assert_eq!(peers(&mut desk), json!(false));

    // A peer comes.
    t.run("mobile", &["clinic"]);
    until(&mut watcher, || peers(&mut desk) == json!(true));
    // It brings something.
    t.json("mobile", &["note", "add", &patient, "Vu ce matin."]);
    let shown = |desk: &mut Line| {
        let shown = desk.ask(&json!({ "do": "patient-show", "patient": patient })).expect("an answer");
        shown["entries"]
            .as_array()
            .is_some_and(|all| all.iter().any(|e| e["text"] == "Vu ce matin."))
    };
    until(&mut watcher, || shown(&mut desk));
    // It goes.
    t.stop("mobile");
    let away = |desk: &mut Line| desk.ask(&json!({ "do": "peers" })).expect("an answer")["peers"][0]["connected"] == json!(false);
    until(&mut watcher, || away(&mut desk));

    // A draft is kept by somebody else, and the last seat is locked.
    let mut other = Line::open(&t, "clinic");
    let drafts = |desk: &mut Line| desk.ask(&json!({ "do": "drafts" })).expect("an answer")["drafts"].clone();
    other.say(&json!({ "do": "draft-save", "patient": patient, "kind": "note", "text": "À" }));
    until(&mut watcher, || drafts(&mut desk) != json!([]));
    drop((desk, other));
    let mut stranger = Line::unopened(&t, "clinic");
    let seat = |line: &mut Line| line.ask(&json!({ "do": "status" })).expect("an answer")["seat"].clone();
    until(&mut watcher, || seat(&mut stranger) == json!("locked"));
    assert!(revision_now(&t) > first);

    // The same connection may ask something else, and then watches no more.
    watcher.say(&json!({ "do": "status" }));
    let answers = std::iter::from_fn(|| watcher.hear());
    let other = answers.map(|a| a["answer"].clone()).find(|a| a != "changed");
    assert_eq!(other, Some(json!("status")));
    t.stop("clinic");
    assert_eq!(watcher.hear(), None, "the node has stopped");
}

#[test]
fn changes_in_a_row_are_told_as_few() {
    let mut t = Territory::new().founded();
    t.run("clinic", &[]);
    let mut desk = Line::open(&t, "clinic");
    let mut watcher = Line::unopened(&t, "clinic");
    watcher.say(&json!({ "do": "watch" }));
    let first = revision(&mut watcher);
    let began = Instant::now();
    for n in 0..200 {
        let saved = desk.ask(&json!({ "do": "draft-save", "patient": "", "kind": "patient", "text": format!("texte {n}") }));
        assert_eq!(saved.expect("an answer")["answer"], "done");
    }
    let mut told = 0;
    let mut last = first;
    while last < first + 200 {
        last = revision(&mut watcher);
        told += 1;
    }
    let most = began.elapsed().as_millis() / 50 + 1;
    assert!(told <= most, "{told} in {:?}", began.elapsed());
    assert!(told < 200, "many changes were told as one");
}
