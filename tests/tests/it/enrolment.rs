//! Joining a network by files alone, and everything that must not let anybody in.

use super::day;
use super::territory::{Territory, text};

#[test]
fn enrolled_by_files_alone_a_pharmacy_is_a_member_without_any_node_running() {
    let mut t = Territory::new().founded();
    let words = t.invite("pharmacy");
    let joined = t.join("pharmacy", &words, &["--offline"]);
    let compared = joined
        .done()
        .lines()
        .find_map(|l| l.strip_prefix("Words to compare: "))
        .expect("words to compare")
        .to_owned();
    assert_eq!(compared.split_whitespace().count(), 5);
    let waiting = t.at("pharmacy", &["status"]);
    assert!(waiting.failed(1).contains("isn't admitted yet"), "{waiting}");

    let admitted = t.json("clinic", &["admit", "pharmacy/request.bocage", "--yes", "--out", "adm.bocage"]);
    assert_eq!(text(&admitted["words"]), compared, "both screens show the same words");
    assert_eq!(admitted["facility"], "Pharmacie du Pont");
    t.at("pharmacy", &["join", "adm.bocage"]).done();
    let again = t.at("pharmacy", &["join", "adm.bocage"]);
    assert!(again.failed(1).contains("belongs to a network already"), "{again}");

    assert_eq!(t.status("pharmacy")["network_id"], t.status("clinic")["network_id"]);
    assert_eq!(t.json("clinic", &["peers"])["peers"][0]["facility"], "Pharmacie du Pont");
    assert_eq!(t.json("pharmacy", &["peers"])["peers"][0]["facility"], "Maison de santé");
    t.run("clinic", &[]);
    t.run("pharmacy", &["clinic"]);
    t.settle(&["clinic", "pharmacy"]);
}

#[test]
fn four_places_enrolled_by_files_alone_live_the_same_day() {
    let mut t = Territory::new().founded();
    for place in ["pharmacy", "cabin", "mobile"] {
        t.enrol(place);
    }
    t.run("clinic", &[]);
    for place in ["pharmacy", "cabin", "mobile"] {
        t.run(place, &["clinic"]);
    }
    day::live(&mut t);
}

#[test]
fn t55_an_invitation_serves_once() {
    let mut t = Territory::new().founded();
    let words = t.invite("pharmacy");
    t.join("pharmacy", &words, &["--offline"]).done();
    // The same invitation, answered by somebody else before the pharmacy's request arrives.
    std::fs::copy(t.path("inv-pharmacy.bocage"), t.path("inv-cabin.bocage")).unwrap();
    t.join("cabin", &words, &["--offline"]).done();
    t.at("clinic", &["admit", "cabin/request.bocage", "--yes"]).done();
    let refused = t.at("clinic", &["admit", "pharmacy/request.bocage", "--yes", "--out", "never.bocage"]);
    assert!(refused.failed(1).contains("has let somebody in already"), "{refused}");
    assert!(!t.path("never.bocage").exists());
    // An admission that was lost on its way is given again, to the request that it answers.
    let again = ["admit", "cabin/request.bocage", "--yes", "--out", "again.bocage"];
    t.at("clinic", &again).done();
    let others = t.at("pharmacy", &["join", "again.bocage"]);
    assert!(others.failed(1).contains("answers another request"), "{others}");
    t.at("cabin", &["join", "again.bocage"]).done();

    t.run("clinic", &[]);
    std::fs::copy(t.path("inv-pharmacy.bocage"), t.path("inv-mobile.bocage")).unwrap();
    let over_the_network = t.join("mobile", &words, &[]);
    assert!(over_the_network.failed(1).contains("ask for a new one"), "{over_the_network}");
    assert!(t.at("mobile", &["status"]).failed(1).contains("isn't admitted yet"));
    let known = t.json("clinic", &["peers"]);
    assert_eq!(known["peers"].as_array().unwrap().len(), 1, "only whoever was admitted: {known}");
}

#[test]
fn an_admission_opens_with_the_invitation_that_it_answers_and_no_other() {
    let mut t = Territory::new().founded();
    for place in ["pharmacy", "cabin"] {
        let words = t.invite(place);
        t.join(place, &words, &["--offline"]).done();
        let out = format!("adm-{place}.bocage");
        t.at("clinic", &["admit", &format!("{place}/request.bocage"), "--yes", "--out", &out])
            .done();
    }
    t.at("pharmacy", &["join", "adm-cabin.bocage"]).failed(1);
    t.at("pharmacy", &["join", "adm-pharmacy.bocage"]).done();
    t.at("cabin", &["join", "adm-cabin.bocage"]).done();
}

#[test]
fn without_the_words_an_invitation_stays_shut() {
    let mut t = Territory::new().founded();
    let words = t.invite("pharmacy");
    let other = t.invite("cabin");
    let wrong = t.join("pharmacy", &other, &["--offline"]);
    wrong.failed(1);
    let few = words.rsplit_once(' ').unwrap().0.to_owned();
    assert!(t.join("pharmacy", &few, &["--offline"]).failed(2).contains("6 words"));
    let misspelt = format!("{few} qqqq");
    let refused = t.join("pharmacy", &misspelt, &["--offline"]);
    assert!(
        refused.failed(2).contains('6') && !refused.err.contains("qqqq"),
        "the place of the word, not the word: {refused}"
    );
    assert!(!t.path("pharmacy").exists(), "nothing was made");
    t.join("pharmacy", &words.to_uppercase(), &["--offline"]).done();
}

#[test]
fn only_where_the_network_was_founded_somebody_is_admitted() {
    let mut t = Territory::new().founded();
    t.enrol("pharmacy");
    let refused = t.at("pharmacy", &["invite", "--out", "inv-cabin.bocage"]);
    assert!(refused.failed(1).contains("where the network was founded"), "{refused}");
    assert!(!t.path("inv-cabin.bocage").exists());
    let words = t.invite("cabin");
    t.join("cabin", &words, &["--offline"]).done();
    let refused = t.at("pharmacy", &["admit", "cabin/request.bocage", "--yes"]);
    assert!(refused.failed(1).contains("answers no open invitation"), "{refused}");
    let nonsense = t.at("clinic", &["admit", "inv-cabin.bocage", "--yes"]);
    nonsense.failed(1);
}

#[test]
fn asking_twice_asks_the_same_and_one_admission_serves() {
    // The story: joining once more, because nothing seemed to happen, made new keys; the admission of the first request then
    // left a store without a charter, and a dead facility in the registry.
    let mut t = Territory::new().founded();
    let words = t.invite("cabin");
    t.join("cabin", &words, &["--offline"]).done();
    let request = std::fs::read(t.path("cabin/request.bocage")).unwrap();
    t.join("cabin", &words, &["--offline"]).done();
    assert_eq!(std::fs::read(t.path("cabin/request.bocage")).unwrap(), request);
    t.at("clinic", &["admit", "cabin/request.bocage", "--yes", "--out", "adm.bocage"])
        .done();
    t.at("cabin", &["join", "adm.bocage"]).done();
    t.status("cabin");
}

#[test]
fn a_clinic_without_its_passphrase_keeps_who_asks_until_somebody_admits() {
    let mut t = Territory::new().founded();
    let words = t.invite("pharmacy");
    let address = t.address("clinic");
    let mut unattended = t.command(&["run", "--data", "clinic", "--no-mdns", "--listen", &address]);
    unattended.env_remove("BOCAGE_PASSPHRASE");
    t.start("clinic", unattended);
    let asked = t.join("pharmacy", &words, &[]);
    assert!(asked.done().contains("still has to admit"), "{asked}");
    let admitted = t.json("clinic", &["admit", "--yes"]);
    assert_eq!(admitted["facilities"], serde_json::json!(["Pharmacie du Pont"]));
    assert_eq!(t.json("clinic", &["admit", "--yes"])["facilities"], serde_json::json!([]));
    let joined = t.join("pharmacy", &words, &[]);
    assert!(joined.done().contains("Joined Vallée"), "{joined}");
    t.run("pharmacy", &["clinic"]);
    t.settle(&["clinic", "pharmacy"]);
}
