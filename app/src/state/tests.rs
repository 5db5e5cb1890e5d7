//! The state without a window: what people do and what the node says, in orders that a window rarely meets.

use bocage_protocol::clinical::news2::Band;
use bocage_protocol::clinical::vitals::Sign;
use time::UtcOffset;

use super::*;
use crate::view::{Entry, PatientPage};

/// 22 November 2026, 09:55 UTC.
const NOW: u64 = 1_795_341_300_000;

fn open() -> State {
    let mut state = State::new(Settings::default(), NOW, UtcOffset::UTC);
    state.phase = Phase::Open;
    state
}

fn row(id: &str) -> PatientRow {
    PatientRow {
        id: id.to_owned(),
        family: "Diallo".to_owned(),
        given: "Awa".to_owned(),
        birth_date: "1992-03-12".to_owned(),
        ..PatientRow::default()
    }
}

fn page(offset: u64, total: u64, rows: &[&str]) -> PatientPage {
    PatientPage {
        offset,
        total,
        rows: rows.iter().map(|id| row(id)).collect(),
    }
}

fn on_visit() -> State {
    let mut state = open();
    state.record = Remote::Ready(Record {
        patient: row("p"),
        ..Record::default()
    });
    state.apply(Action::Go(Route::Visit { patient: "p".to_owned() }));
    state
}

fn typed(state: &mut State, field: Field, text: &str) -> Vec<Command> {
    state.apply(Action::Type(field, text.to_owned()))
}

#[test]
fn an_answer_to_an_older_search_is_dropped() {
    let mut state = open();
    let first = typed(&mut state, Field::Search, "a");
    let second = typed(&mut state, Field::Search, "ab");
    let seq = |commands: &[Command]| match commands {
        [Command::Patients { seq, .. }] => *seq,
        other => panic!("{other:?}"),
    };
    let (first, second) = (seq(&first), seq(&second));
    state.receive(Event::Patients {
        seq: second,
        page: Ok(page(0, 1, &["ab"])),
    });
    state.receive(Event::Patients {
        seq: first,
        page: Ok(page(0, 2, &["a", "ab"])),
    });
    assert_eq!(state.patients.total, Some(1));
    assert_eq!(state.patients.rows[&0].id, "ab");
}

#[test]
fn a_window_of_a_long_list_is_asked_for_once() {
    let mut state = open();
    typed(&mut state, Field::Search, "d");
    assert_eq!(state.apply(Action::PatientsAt(PAGE)).len(), 1);
    assert_eq!(state.apply(Action::PatientsAt(PAGE)), []);
}

#[test]
fn a_draft_is_saved_within_a_second_of_the_first_key_and_again_on_leaving() {
    let mut state = on_visit();
    typed(&mut state, Field::Note, "Œdème");
    let due = state.next_wake_ms().expect("a draft is due");
    assert!(due <= 1_000, "{due}");
    // More keys don't put it off.
    state.tick(NOW + 600);
    typed(&mut state, Field::Note, "Œdème des chevilles");
    let saved = state.tick(NOW + 1_000);
    assert!(matches!(&saved[..], [Command::SaveDraft { patient, text, .. }] if patient == "p" && text.contains("chevilles")));
    assert_eq!(state.tick(NOW + 5_000), [], "nothing new was typed");
    typed(&mut state, Field::Vital(Sign::Temperature), "37,2");
    let left = state.apply(Action::Go(Route::Home));
    assert!(matches!(&left[0], Command::SaveDraft { text, .. } if text.contains("37,2")));
}

#[test]
fn a_draft_fills_the_form_again_and_what_was_typed_meanwhile_wins() {
    let mut state = on_visit();
    typed(&mut state, Field::Note, "Note");
    typed(&mut state, Field::Vital(Sign::HeartRate), "84");
    state.tick(NOW + 1_000);
    // What is chosen counts as much as what is typed.
    state.apply(Action::Oxygen(false));
    let Some(Command::SaveDraft { text, .. }) = state.tick(NOW + 2_000).pop() else {
        panic!("no draft")
    };
    let mut later = on_visit();
    typed(&mut later, Field::Vital(Sign::HeartRate), "90");
    let patient = "p".to_owned();
    let text = Some(text);
    let draft = Draft::Visit;
    later.receive(Event::Draft { patient, draft, text });
    assert_eq!(later.text(Field::Note), "Note");
    assert_eq!(later.text(Field::Vital(Sign::HeartRate)), "90");
    assert_eq!(later.visit.oxygen, Some(false));
}

#[test]
fn a_visit_with_a_wrong_measure_goes_nowhere_and_says_where_it_is_wrong() {
    let mut state = on_visit();
    typed(&mut state, Field::Note, "Note");
    typed(&mut state, Field::Vital(Sign::Temperature), "47");
    assert_eq!(state.apply(Action::SaveVisit), []);
    assert_eq!(state.focus, Some(Field::Vital(Sign::Temperature)));
    assert_eq!(state.wrong(Field::Vital(Sign::Temperature)).map(|w| w.id), Some("wrong-limits"));
    typed(&mut state, Field::Vital(Sign::Temperature), "37");
    assert!(matches!(&state.apply(Action::SaveVisit)[..], [Command::SaveVisit(v)] if v.vitals.len() == 1));
}

#[test]
fn a_score_needs_all_seven_and_an_adult() {
    let mut state = on_visit();
    for (sign, text) in [
        (Sign::RespiratoryRate, "25"),
        (Sign::OxygenSaturation, "91"),
        (Sign::BloodPressure, "90/60"),
        (Sign::HeartRate, "131"),
        (Sign::Consciousness, "U"),
        (Sign::Temperature, "35"),
    ] {
        typed(&mut state, Field::Vital(sign), text);
    }
    assert_eq!(state.score().unwrap().total(), None, "nobody said what is breathed");
    state.apply(Action::Oxygen(true));
    let score = state.score().unwrap();
    assert_eq!((score.total(), score.band()), (Some(20), Some(Band::High)));
    if let Remote::Ready(record) = &mut state.record {
        record.patient.birth_date = "2015-01-01".to_owned();
    }
    assert_eq!(state.score(), None);
}

#[test]
fn locking_leaves_nothing_of_a_patient_in_memory() {
    let mut state = on_visit();
    typed(&mut state, Field::Note, "Œdème des chevilles");
    typed(&mut state, Field::Search, "Diallo");
    let asked = state.apply(Action::Lock);
    assert!(matches!(&asked[..], [Command::SaveDraft { .. }, Command::Lock]), "the draft first");
    state.receive(Event::Locked);
    let all = format!("{state:?}");
    assert!(!all.contains("Diallo") && !all.contains("chevilles"), "{all}");
}

#[test]
fn what_comes_for_a_screen_that_was_left_changes_nothing() {
    let mut state = open();
    let record = Record {
        patient: row("p"),
        entries: Vec::<Entry>::new(),
        ..Record::default()
    };
    let patient = "p".to_owned();
    state.receive(Event::Record {
        patient,
        record: Ok(record),
    });
    assert_eq!(state.record, Remote::Idle);
}

#[test]
fn a_question_needs_somebody_to_ask_and_a_step_its_words() {
    let mut state = open();
    state.apply(Action::Go(Route::Compose { patient: "p".to_owned() }));
    typed(&mut state, Field::Question, "Faut-il l’adresser ?");
    assert_eq!(state.apply(Action::SendRequest), []);
    assert_eq!(state.focus, Some(Field::Recipient));
}

#[test]
fn a_cabin_opens_on_the_network_and_asks_for_no_passphrase() {
    let mut state = State::new(Settings::default(), NOW, UtcOffset::UTC);
    let place = Place {
        carries_only: true,
        ..Place::default()
    };
    assert_eq!(state.receive(Event::Started(place)), [Command::Network]);
    assert_eq!((&state.phase, &state.route), (&Phase::Open, &Route::Network));
    assert_eq!(
        state.receive(Event::Changed),
        [Command::Network],
        "there is nothing else to ask a cabin"
    );
}

/// A screen that nobody stands before has read nothing, whatever comes to it.
#[test]
fn what_comes_to_an_open_request_is_read_once_somebody_does_anything() {
    let mut state = open();
    let request = "cd".repeat(32);
    let read = Command::ReadRequest(request.clone());
    let arrived = state.apply(Action::Go(Route::Request { request }));
    assert!(arrived.contains(&read), "whoever comes here comes to read");
    assert!(state.touched().is_empty(), "there is nothing new");
    assert!(!state.receive(Event::Changed).contains(&read));
    assert_eq!(state.touched(), std::slice::from_ref(&read));
    assert!(state.touched().is_empty(), "said once");
    // The window was covered, and comes back.
    state.watch(false);
    state.watch(true);
    assert_eq!(state.touched(), [read]);
    state.receive(Event::Changed);
    state.apply(Action::Go(Route::Home));
    assert!(state.touched().is_empty(), "it isn't on the screen any more");
}

#[test]
fn a_medicine_named_as_an_allergy_of_the_record_is_noticed() {
    let mut state = open();
    let allergy = |title: &str, over: bool| Entry {
        what: crate::view::What::Allergy { severe: false },
        title: title.to_owned(),
        over,
        over_ms: None,
        id: title.to_owned(),
        text: String::new(),
        author: String::new(),
        facility: String::new(),
        at_ms: NOW,
        trust: crate::view::Trust::Accepted,
        versions: 0,
        act: String::new(),
        earlier: Vec::new(),
        part: "medication".to_owned(),
        in_error: false,
        over_because: String::new(),
        over_on: String::new(),
        written_ms: NOW,
        fields: Vec::new(),
        own: true,
        held: None,
    };
    state.route = Route::Record {
        patient: "p".to_owned(),
        tab: Tab::Treatments,
    };
    state.record = Remote::Ready(Record {
        patient: row("p"),
        entries: vec![allergy("Pénicilline", false), allergy("Iode", false), allergy("Latex", true)],
        ..Record::default()
    });
    for (medicine, named) in [
        ("Penicilline V 1 MUI x3/j", Some("Pénicilline")),
        ("PENICILLINS", Some("Pénicilline")),
        ("Povidone iode", Some("Iode")),
        ("Periciazine", None),
        ("Iodure", None),
        ("Gants latex", None),
        ("", None),
    ] {
        typed(&mut state, Field::Medicine, medicine);
        assert_eq!(state.allergy_named().map(|e| &e.title[..]), named, "{medicine}");
    }
}

/// A disk without room refused a draft, and its form was left since: it waits here until the disk takes it, or the form is opened again;
/// a lock by itself doesn't lose it either.
#[test]
fn a_draft_that_the_disk_refuses_is_kept_until_it_does_not() {
    let mut state = open();
    let visit = |patient: &str| Route::Visit {
        patient: patient.to_owned(),
    };
    let saves = |commands: &[Command]| -> Vec<(String, String)> {
        let kept = commands.iter().filter_map(|c| match c {
            Command::SaveDraft { patient, text, .. } => Some((patient.clone(), text.clone())),
            _ => None,
        });
        kept.collect()
    };
    let refused = |patient: &str, text: &str| Event::DraftSaved {
        patient: patient.to_owned(),
        draft: Draft::Visit,
        text: text.to_owned(),
        saved: Err(Problem::default()),
    };
    state.apply(Action::Go(visit("p")));
    typed(&mut state, Field::Note, "Chute dans l'escalier");
    let left = saves(&state.apply(Action::Go(visit("q"))));
    let [(patient, text)] = &left[..] else { panic!("{left:?}") };
    assert!(patient == "p" && text.contains("Chute"));
    state.receive(refused(patient, text));
    typed(&mut state, Field::Note, "Toux");
    let due = saves(&state.tick(state.now_ms + DRAFT_AGAIN_MS));
    assert!(
        due.contains(&left[0]) && due.len() == 2,
        "tried again beside what is typed now: {due:?}"
    );
    // Both are refused when the window locks: it has both when it opens again.
    for (patient, text) in &due {
        state.receive(refused(patient, text));
    }
    state.receive(Event::Locked);
    assert!(
        saves(&state.tick(state.now_ms + DRAFT_AGAIN_MS)).is_empty(),
        "the node has no key now"
    );
    state.receive(Event::Unlocked(Ok(Place::default())));
    assert_eq!(saves(&state.tick(state.now_ms + 1)).len(), 2);
    state.apply(Action::Go(visit("p")));
    assert_eq!(state.text(Field::Note), "Chute dans l'escalier");
    assert_eq!(saves(&state.drafts_now()), left, "and is to be saved from its form");
    state.receive(Event::DraftSaved {
        patient: "q".to_owned(),
        draft: Draft::Visit,
        text: String::new(),
        saved: Ok(1),
    });
    assert!(saves(&state.tick(state.now_ms + 2 * DRAFT_AGAIN_MS)).is_empty(), "saved at last");
}

/// What is typed about one person never stands ready to be signed in somebody else's record; it waits for its own.
#[test]
fn what_is_typed_in_a_record_stays_with_it() {
    let mut state = open();
    let record = |patient: &str| Route::Record {
        patient: patient.to_owned(),
        tab: Tab::Treatments,
    };
    let additions = |patient: &str| Draft::Additions {
        patient: patient.to_owned(),
    };
    state.apply(Action::Go(record("p")));
    typed(&mut state, Field::Substance, "Iode");
    let left = state.apply(Action::Go(record("q")));
    let kept = left.iter().find_map(|c| match c {
        Command::SaveDraft { patient, draft, text } if *draft == additions("p") => Some((patient.clone(), text.clone())),
        _ => None,
    });
    let (patient, text) = kept.expect("it is kept");
    assert!(patient == "p" && text.contains("Iode"));
    assert!(state.text(Field::Substance).is_empty());
    let comes = |patient: &str, text: &str| Event::Draft {
        patient: patient.to_owned(),
        draft: additions(patient),
        text: Some(text.to_owned()),
    };
    // An answer that comes late is another record's.
    state.receive(comes("p", &text));
    assert!(state.text(Field::Substance).is_empty());
    let back = state.apply(Action::Back);
    assert!(
        back.iter()
            .any(|c| matches!(c, Command::LoadDraft { draft, .. } if *draft == additions("p")))
    );
    state.receive(comes("p", &text));
    assert_eq!(state.text(Field::Substance), "Iode");
    // Refused, it is still there; added, it is no draft any more.
    let added = |added| Event::Added {
        patient: "p".to_owned(),
        added,
    };
    state.apply(Action::AddAllergy { severe: false });
    assert!(state.apply(Action::AddAllergy { severe: false }).is_empty(), "once");
    state.receive(added(Err(Problem::default())));
    assert_eq!(state.text(Field::Substance), "Iode");
    state.apply(Action::AddAllergy { severe: false });
    state.receive(added(Ok(())));
    assert!(state.text(Field::Substance).is_empty());
    let saved = state.drafts_now();
    assert!(
        matches!(&saved[..], [Command::SaveDraft { text, .. }] if text.is_empty()),
        "{saved:?}"
    );
}

/// A place is founded where another program has its port: the start fails, and the passphrase that was to open the desk is refused after it.
/// What broke stays on the screen, with its way out.
#[test]
fn a_start_that_failed_is_not_followed_by_a_lock_screen() {
    let mut state = open();
    let taken = Problem {
        code: "port".to_owned(),
        ..Problem::default()
    };
    state.receive(Event::Broken(taken.clone()));
    state.receive(Event::Unlocked(Err(Problem::default())));
    assert_eq!(state.phase, Phase::Broken(taken));
    assert_eq!(state.apply(Action::Retry), [Command::Start]);
}

/// A list was asked for a moment before the desk was locked.
#[test]
fn what_a_locked_desk_can_not_answer_is_no_failure() {
    let mut state = open();
    state.receive(Event::Locked);
    state.receive(Event::Failed(Problem {
        code: "locked".to_owned(),
        ..Problem::default()
    }));
    assert!(state.toasts.is_empty());
}
