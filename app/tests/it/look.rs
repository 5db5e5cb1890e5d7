//! What people look at: every screen in both languages and both looks, complete for whoever can't see it; pictures compared with the
//! committed ones. Only a software Vulkan (lavapipe) draws those: elsewhere that test says that it skipped, unless
//! `BOCAGE_PICTURES=required`.

use bocage_app::i18n::Lang;
use bocage_app::state::form::{Setup, Step};
use bocage_app::state::{Action, Field, Look, Phase, Remote, Route, Settings, Shelf, State, Tab, TextSize};
use bocage_app::theme::tokens::size;
use bocage_app::view::{
    Arrival, Arrivals, Carried, CarriedFile, Delivery, DraftForm, DraftRow, Earlier, Entry, FieldNow, Invited, Message, Network, Part,
    PatientRow, Peer, Person, Place, Problem, Recipient, Record, Request, RequestRow, Sex, Sight, Trust, What,
};
use bocage_app::{screens, theme};
use bocage_protocol::clinical::request::{Kind, Status, Step as Taken};
use bocage_protocol::clinical::vitals::{Measure, Sign};
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::NodeT as _;
use time::UtcOffset;

/// 22 November 2026, 09:55 UTC.
const NOW: u64 = 1_795_341_300_000;
const DAY: u64 = 24 * 3_600 * 1_000;

fn patient(n: u64, family: &str, given: &str, sex: Sex) -> PatientRow {
    PatientRow {
        shut: n == 2,
        id: format!("{n:064x}"),
        family: family.to_owned(),
        given: given.to_owned(),
        birth_date: "1992-03-12".to_owned(),
        sex,
        ins: "292031203751290".to_owned(),
    }
}

fn person(name: &str, facility: &str) -> Person {
    Person {
        name: name.to_owned(),
        facility: facility.to_owned(),
    }
}

fn record() -> Record {
    let entry = |n: u64, what: What, title: &str, at_ms: u64| Entry {
        id: format!("{n:032x}"),
        part: if matches!(what, What::Allergy { .. } | What::Treatment) {
            "medication".to_owned()
        } else {
            "clinical".to_owned()
        },
        what,
        title: title.to_owned(),
        text: String::new(),
        author: "Dr Élise Marchand".to_owned(),
        facility: "Centre de santé de Saint-Aubin".to_owned(),
        at_ms,
        trust: Trust::Accepted,
        versions: 0,
        act: String::new(),
        earlier: Vec::new(),
        in_error: false,
        over: false,
        over_ms: None,
        over_because: String::new(),
        over_on: String::new(),
        written_ms: at_ms,
        fields: vec![FieldNow {
            name: "value".to_owned(),
            value: "151/94".to_owned(),
        }],
        own: true,
        held: Some(n % 3),
    };
    let mut entries = Vec::new();
    for (i, (systolic, diastolic)) in [(128, 78), (131, 80), (127, 79), (134, 82), (138, 84), (151, 94)]
        .into_iter()
        .enumerate()
    {
        let at = NOW - (5 - i as u64) * 30 * DAY;
        let visit = format!("visit {i}");
        let mut of_visit = |n: u64, what: What, title: &str| {
            let mut made = entry(i as u64 * 10 + n, what, title, at);
            made.act.clone_from(&visit);
            entries.push(made);
        };
        of_visit(0, What::Visit, "Suivi de grossesse");
        of_visit(1, What::Vital(Measure::pressure(systolic, diastolic).unwrap()), "");
        of_visit(2, What::Vital(Measure::scalar(Sign::HeartRate, 78 + i as i32).unwrap()), "");
        of_visit(3, What::Vital(Measure::scalar(Sign::OxygenSaturation, 98).unwrap()), "");
        of_visit(4, What::Vital(Measure::scalar(Sign::Temperature, 371).unwrap()), "");
        of_visit(6, What::Vital(Measure::scalar(Sign::RespiratoryRate, 16 + i as i32).unwrap()), "");
        of_visit(5, What::Vital(Measure::scalar(Sign::Weight, 66_000 + 500 * i as i32).unwrap()), "");
    }
    entries.push(entry(90, What::Allergy { severe: true }, "pénicilline", NOW - 400 * DAY));
    entries.push(entry(
        91,
        What::Treatment,
        "Méthyldopa 250 mg  1 comprimé 3 fois par jour",
        NOW - 20 * DAY,
    ));
    let mut stopped = entry(93, What::Treatment, "Fer 80 mg", NOW - 200 * DAY);
    stopped.text = "1 le soir".to_owned();
    stopped.over = true;
    stopped.over_because = "Hémoglobine normale.".to_owned();
    stopped.over_ms = Some(NOW - 20 * DAY);
    let mut asthma = entry(94, What::Problem, "Asthme", NOW - 400 * DAY);
    asthma.text = "2001".to_owned();
    let mut appendix = entry(95, What::Problem, "Appendicectomie", NOW - 400 * DAY);
    appendix.text = "1998-05-12".to_owned();
    appendix.over = true;
    let mut identity = entry(96, What::Patient, "", NOW - 500 * DAY);
    identity.part = "identity".to_owned();
    let said = [
        ("family", "Diallo"),
        ("given", "Awa"),
        ("birth-date", "1992-03-12"),
        ("sex", "female"),
        ("ins", "292031203751290"),
    ];
    identity.fields = said
        .map(|(name, value)| FieldNow {
            name: name.to_owned(),
            value: value.to_owned(),
        })
        .into();
    entries.extend([stopped, asthma, appendix, identity]);
    let mut note = entry(92, What::Note, "", NOW - 2 * DAY);
    note.text = "Céphalées depuis trois jours, pas de trouble visuel. À revoir dans la semaine.".to_owned();
    note.versions = 1;
    note.earlier = vec![Earlier {
        what: What::Note,
        title: String::new(),
        text: "Céphalées depuis deux jours.".to_owned(),
        author: "Dr Élise Marchand".to_owned(),
        at_ms: NOW - 2 * DAY,
        over: false,
    }];
    entries.push(note);
    entries.sort_by_key(|e| std::cmp::Reverse(e.at_ms));
    Record {
        patient: patient(1, "Diallo", "Awa", Sex::Female),
        entries,
        readers: vec![
            bocage_app::view::ReaderRow {
                facility: "Centre de santé de Saint-Aubin".to_owned(),
                key: "own".to_owned(),
                until_ms: None,
                people: Vec::new(),
            },
            bocage_app::view::ReaderRow {
                facility: "Hôpital de Figeac".to_owned(),
                key: "Hôpital de Figeac".to_owned(),
                until_ms: Some(NOW + 7 * DAY),
                people: vec!["Dr Claire Petit".to_owned()],
            },
        ],
        parts: ["identity", "emergency", "medication", "clinical"]
            .map(|name| part(name, Sight::Open))
            .into(),
    }
}

fn part(name: &str, sight: Sight) -> Part {
    Part {
        name: name.to_owned(),
        is_begun: name != "emergency",
        sight,
        writable: sight == Sight::Open,
    }
}

fn recipient() -> Recipient {
    Recipient {
        id: "ab".repeat(32),
        kind: "practitioner".to_owned(),
        name: "Dr Claire Petit".to_owned(),
        profession: "doctor".to_owned(),
        facility: "Hôpital de Figeac".to_owned(),
        town: "Figeac".to_owned(),
    }
}

fn request(incoming: bool, status: Status) -> RequestRow {
    RequestRow {
        id: "cd".repeat(32),
        patient: patient(1, "Diallo", "Awa", Sex::Female),
        kind: Kind::TeleExpertise,
        urgent: true,
        incoming,
        from: person("Dr Élise Marchand", "Centre de santé de Saint-Aubin"),
        to: recipient(),
        status,
        asked_ms: NOW - DAY,
        claims: Vec::new(),
        last: None,
        until_ms: Some(NOW + 6 * DAY),
        steps: if incoming {
            vec![Taken::Answer, Taken::Accept, Taken::AskMore, Taken::Decline]
        } else {
            vec![Taken::Close]
        },
        trusted: true,
    }
}

/// A state in which every screen has something to show.
fn full(settings: Settings) -> State {
    let mut state = State::new(settings, NOW, UtcOffset::UTC);
    state.place = Place {
        network: "Réseau de soins du Quercy".to_owned(),
        facility: "Centre de santé de Saint-Aubin".to_owned(),
        practitioner: "Dr Élise Marchand".to_owned(),
        carries_only: false,
        is_second: false,
    };
    state.phase = Phase::Open;
    let peer = |facility: &str, kind: &str, connected| Peer {
        facility: facility.to_owned(),
        key: facility.to_owned(),
        kind: kind.to_owned(),
        node: facility.to_owned(),
        connected,
        settled: connected,
        last_seen_ms: Some(NOW - if connected { 1_000 } else { 2 * DAY }),
        clock_ahead_ms: Some(if connected { 0 } else { 3 * DAY as i64 }),
    };
    state.network = Remote::Ready(Network {
        network: state.place.network.clone(),
        facility: state.place.facility.clone(),
        node: "node 7f3a".to_owned(),
        listening: vec!["/ip4/192.168.1.20/tcp/4517".to_owned()],
        peers: vec![peer("Hôpital de Figeac", "clinic", true), peer("Cabine de Gramat", "cabin", false)],
        items: 12_345,
        sealed: 678,
        records: 24,
        bytes_sent: 1_234_567,
        bytes_received: 45_678,
        waiting: 2,
        newcomers: Vec::new(),
    });
    let rows = [
        "Diallo Awa",
        "N’Diaye Jean-Pierre",
        "Ouédraogo Ibrahima",
        "Garnier Élise",
        "Le Goff Aïcha",
        "Koné Noémie",
    ];
    state.patients.total = Some(rows.len() as u64);
    state.patients.rows = (0..)
        .zip(rows.map(|name| {
            let (family, given) = name.rsplit_once(' ').unwrap();
            patient(1, family, given, Sex::Female)
        }))
        .collect();
    state.record = Remote::Ready(record());
    state.requests = Remote::Ready(vec![
        request(true, Status::Requested),
        request(false, Status::Answered),
        request(false, Status::Closed),
    ]);
    let said = |step, text: &str, author: Person, delivery| Message {
        step,
        text: text.to_owned(),
        author,
        at_ms: NOW - DAY,
        trust: Trust::Accepted,
        delivery,
    };
    let seen = |who: &str| (person(who, "Hôpital de Figeac"), NOW - DAY / 2);
    state.request = Remote::Ready(Request {
        row: request(false, Status::Answered),
        parts: vec!["identity".to_owned(), "clinical".to_owned()],
        messages: vec![
            said(
                None,
                "TA 151/94 à 28 SA, protéines + : faut-il l’adresser ?",
                person("Dr Élise Marchand", "Centre de santé de Saint-Aubin"),
                Some(Delivery {
                    saved_ms: NOW - DAY,
                    holders: vec!["Cabine de Gramat".to_owned(), "Hôpital de Figeac".to_owned()],
                    received: vec![seen("Dr Claire Petit"), seen("Dr Paul Roux")],
                    read: vec![seen("Dr Claire Petit")],
                }),
            ),
            said(
                Some(Taken::Answer),
                "Oui, consultation demain matin. Je préviens la maternité.",
                person("Dr Claire Petit", "Hôpital de Figeac"),
                None,
            ),
        ],
    });
    state
}

/// Every screen, by name.
fn all_screens(settings: Settings) -> Vec<(&'static str, State)> {
    let id = patient(1, "", "", Sex::Female).id;
    let open = |route: Route| {
        let mut state = full(settings);
        state.route = route;
        state
    };
    let record = |tab| {
        let patient = id.clone();
        open(Route::Record { patient, tab })
    };
    let before = |phase: Phase| {
        let mut state = full(settings);
        state.phase = phase;
        state
    };
    let setup = |step, founding| {
        before(Phase::FirstRun(Setup {
            step,
            founding,
            tried: true,
            ..Setup::default()
        }))
    };
    let mut visit = open(Route::Visit { patient: id.clone() });
    visit.visit.patient.clone_from(&id);
    for (field, text) in [
        (Field::Reason, "Suivi de grossesse"),
        (Field::Note, "Œdème des chevilles. Contrôle dans 48 h."),
        (Field::Vital(Sign::BloodPressure), "151/94"),
        (Field::Vital(Sign::HeartRate), "112"),
        (Field::Vital(Sign::RespiratoryRate), "25"),
        (Field::Vital(Sign::OxygenSaturation), "93"),
        (Field::Vital(Sign::Temperature), "47"),
    ] {
        visit.texts.set(field, text.to_owned());
    }
    visit.visit.draft_saved_ms = Some(NOW - 1_000);
    let mut compose = open(Route::Compose { patient: id.clone() });
    compose.compose.patient.clone_from(&id);
    compose.compose.to = Some(recipient());
    compose.compose.recipients = vec![recipient()];
    let mut new_patient = open(Route::NewPatient);
    new_patient.texts.set(Field::Ins, "295109912611199".to_owned());
    new_patient.new_patient.twins = vec![(patient(1, "Diallo", "Awa", Sex::Female), "name".to_owned())];
    let problem = Problem {
        code: "passphrase".to_owned(),
        en: "Wrong passphrase: try again.".to_owned(),
        fr: "Phrase de passe fausse : recommencez.".to_owned(),
    };
    let mut shut = record(Tab::Summary);
    if let Remote::Ready(record) = &mut shut.record {
        for part in &mut record.parts {
            part.sight = Sight::Shut;
            part.writable = false;
        }
    }
    let mut history = record(Tab::History);
    history.unfolded.insert(format!("{:032x}", 50));
    let mut correcting = record(Tab::History);
    correcting.apply(Action::Correct(format!("{:032x}", 51)));
    let mut sharing = record(Tab::Readers);
    sharing.apply(Action::Share {
        key: "Hôpital de Figeac".to_owned(),
        facility: "Hôpital de Figeac".to_owned(),
    });
    let mut invited = setup(Step::Place, false);
    if let Phase::FirstRun(setup) = &mut invited.phase {
        setup.invited = Some(Invited {
            network: "Réseau de soins du Quercy".to_owned(),
            until_ms: NOW + 3 * DAY,
        });
    }
    let mut joining = setup(Step::Invitation, false);
    if let Phase::FirstRun(setup) = &mut joining.phase {
        setup.found = vec!["/media/cle/invitation.bocage".into(), "/media/elise/CLE/invitation-2.bocage".into()];
    }
    let mut answering = open(Route::Request { request: "cd".repeat(32) });
    if let Remote::Ready(request) = &mut answering.request {
        request.row = crate::look::request(true, Status::Requested);
        request.messages.pop();
    }
    let mut demo = open(Route::Home);
    demo.demo = true;
    demo.drafts = vec![
        DraftRow {
            patient: id.clone(),
            request: String::new(),
            form: DraftForm::Visit,
            name: "Awa DIALLO".to_owned(),
            saved_ms: NOW - DAY,
        },
        DraftRow {
            patient: id.clone(),
            request: String::new(),
            form: DraftForm::Question,
            name: "Awa DIALLO".to_owned(),
            saved_ms: NOW - 2 * DAY,
        },
    ];
    let mut carried = open(Route::Network);
    carried.sticks = vec!["/media/elise/CLE".into()];
    carried.texts.set(Field::Stick, "/media/elise/CLE".to_owned());
    carried.carried = Remote::Ready(Carried::In {
        files: vec![
            CarriedFile {
                name: "bocage-334783d9.mule".to_owned(),
                from: "Hôpital de Figeac".to_owned(),
                new: 22,
                known: 5,
                ..CarriedFile::default()
            },
            CarriedFile {
                name: "bocage-00000000.mule".to_owned(),
                refused: Some(problem.clone()),
                ..CarriedFile::default()
            },
        ],
        has_receipt: true,
        no_receipt: None,
    });
    let mut identity = record(Tab::Summary);
    identity.apply(Action::Correct(format!("{:032x}", 96)));
    let mut ending = record(Tab::Treatments);
    ending.apply(Action::End(format!("{:032x}", 91)));
    let mut second = open(Route::Home);
    second.place.is_second = true;
    let arrival = |n, family, given, sex| Arrival {
        patient: patient(n, family, given, sex),
        by: person("Dr Karim Benali", "Hôpital de Figeac"),
        at_ms: NOW - n * 3_600_000,
    };
    second.arrivals = Arrivals {
        rows: vec![arrival(2, "Martin", "Paul", Sex::Male), arrival(3, "Koné", "Fatou", Sex::Female)],
        total: 2,
    };
    let mut cabin = open(Route::Network);
    cabin.place.carries_only = true;
    vec![
        ("cabin", cabin),
        ("correct-identity", identity),
        ("end", ending),
        ("second", second),
        ("demo", demo),
        ("stick", carried),
        ("record-shut", shut),
        ("correct", correcting),
        ("share", sharing),
        ("first-run-invited", invited),
        ("request-to-answer", answering),
        ("first-run", setup(Step::Choose, false)),
        ("first-run-invitation", joining),
        ("first-run-person", setup(Step::Person, true)),
        ("first-run-passphrase", setup(Step::Passphrase, true)),
        (
            "lock",
            before(Phase::Locked {
                working: false,
                problem: Some(problem.clone()),
            }),
        ),
        ("broken", before(Phase::Broken(problem))),
        ("home", open(Route::Home)),
        ("patients", open(Route::Patients)),
        ("new-patient", new_patient),
        ("record", record(Tab::Summary)),
        ("history", history),
        ("vitals", record(Tab::Vitals)),
        ("treatments", record(Tab::Treatments)),
        ("readers", record(Tab::Readers)),
        ("visit", visit),
        ("requests", open(Route::Requests(Shelf::Received))),
        ("request", open(Route::Request { request: "cd".repeat(32) })),
        ("compose", compose),
        ("network", open(Route::Network)),
        ("settings", open(Route::Settings)),
    ]
}

/// A window that stands still on one state.
struct Still(State);

impl eframe::App for Still {
    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        screens::show(ui, &self.0, &mut Vec::new());
    }
}

fn shown(state: State) -> Harness<'static, Still> {
    shown_at(size::WINDOW, state)
}

fn shown_at(size: [f32; 2], state: State) -> Harness<'static, Still> {
    let dark = state.settings.look == Look::Dark;
    let theme = if dark { egui::Theme::Dark } else { egui::Theme::Light };
    let builder = Harness::builder().with_size(size).with_theme(theme).with_max_steps(16);
    let mut harness = builder.build_eframe(move |context| {
        theme::install(&context.egui_ctx);
        Still(state)
    });
    harness.run_ok();
    harness
}

/// The same in every language.
const UNITS_AND_LANGUAGES: [&str; 3] = ["Français", "English", "mmHg"];

const BOTH: [Settings; 2] = [
    Settings {
        lang: Lang::Fr,
        lang_is_chosen: true,
        look: Look::Light,
        size: TextSize::Normal,
    },
    Settings {
        lang: Lang::En,
        lang_is_chosen: true,
        look: Look::Dark,
        size: TextSize::Normal,
    },
];

const PSEUDO: Settings = Settings {
    lang: Lang::Pseudo,
    lang_is_chosen: true,
    look: Look::Light,
    size: TextSize::Normal,
};

const FOUR: [Settings; 4] = [
    BOTH[0],
    BOTH[1],
    Settings {
        lang: Lang::Fr,
        lang_is_chosen: true,
        look: Look::Dark,
        size: TextSize::Normal,
    },
    Settings {
        lang: Lang::En,
        lang_is_chosen: true,
        look: Look::Light,
        size: TextSize::Normal,
    },
];

/// The harness itself stops at an input without a name and at a character without a glyph.
#[test]
fn every_screen_names_every_input_in_both_languages() {
    for settings in BOTH {
        for (name, state) in all_screens(settings) {
            let harness = shown(state);
            let mut inputs = 0;
            for node in harness.root().children_recursive() {
                let node = node.accesskit_node();
                let pressed = matches!(
                    node.role(),
                    Role::Button
                        | Role::Link
                        | Role::RadioButton
                        | Role::CheckBox
                        | Role::Row
                        | Role::Tab
                        | Role::TextInput
                        | Role::MultilineTextInput
                );
                if pressed && !node.is_hidden() {
                    inputs += 1;
                    let label = node.label().unwrap_or_default();
                    assert!(
                        label.chars().any(char::is_alphanumeric),
                        "{name}: {:?} is called {label:?}",
                        node.role()
                    );
                }
            }
            assert!(inputs > 0, "{name} has nothing to press");
        }
    }
}

/// In the pseudo-language every text of ours is in brackets: what isn't was never translated, or is somebody's own words.
#[test]
fn nothing_that_we_say_is_left_untranslated() {
    let settings = PSEUDO;
    let own = full(settings);
    let theirs = format!("{own:?}");
    for (name, state) in all_screens(settings) {
        // What is typed is shown by no debug output.
        let fields = [Field::Reason, Field::Note, Field::Correction(0)].map(|f| state.text(f).to_owned());
        let theirs = format!("{theirs}{state:?}{}", fields.concat());
        let harness = shown(state);
        for node in harness.root().children_recursive() {
            let node = node.accesskit_node();
            if node.is_hidden() {
                continue;
            }
            let said = node.label().or_else(|| node.value()).unwrap_or_default();
            let outside: String = outside_brackets(&said);
            let words = outside.split(|c: char| !c.is_alphabetic());
            for word in words.filter(|w| w.chars().count() > 3) {
                // A family name is shown in capitals.
                let known = theirs.contains(word) || theirs.to_uppercase().contains(word) || UNITS_AND_LANGUAGES.contains(&word);
                assert!(known, "{name}: {word:?} in {said:?} isn't translated");
            }
        }
    }
}

fn outside_brackets(text: &str) -> String {
    let mut depth = 0_i32;
    text.chars()
        .filter(|c| {
            depth += i32::from(*c == '[') - i32::from(*c == ']');
            depth == 0 && *c != ']'
        })
        .collect()
}

/// Screens with a picture of their own, in four looks; the first are on README.
const PICTURED: [&str; 8] = ["home", "patients", "record", "visit", "request", "network", "lock", "first-run"];

#[test]
fn pictures_of_screens_are_as_they_were() {
    let required = std::env::var("BOCAGE_PICTURES").is_ok_and(|v| v == "required");
    if !required && std::env::var_os("UPDATE_SNAPSHOTS").is_none() {
        println!("skipped: pictures are compared where BOCAGE_PICTURES=required (lavapipe)");
        return;
    }
    let mut results = egui_kittest::SnapshotResults::new();
    for settings in FOUR {
        let look = if settings.look == Look::Dark { "dark" } else { "light" };
        for (name, state) in all_screens(settings) {
            if PICTURED.contains(&name) {
                let mut harness = shown(state);
                results.add(harness.try_snapshot(format!("{name}-{look}-{}", settings.lang.code())));
            }
        }
    }
}

/// Every screen at both sizes, into a folder, for whoever wants to look: `BOCAGE_LOOK=target/look cargo test -p bocage-app look`.
#[test]
fn every_screen_can_be_looked_at() {
    let Some(folder) = std::env::var_os("BOCAGE_LOOK").map(std::path::PathBuf::from) else {
        return;
    };
    std::fs::create_dir_all(&folder).unwrap();
    for (lang, settings) in [("fr", BOTH[0]), ("en", BOTH[1])] {
        for (size, at) in [(size::WINDOW, "large"), (size::MIN_WINDOW, "small")] {
            for (name, state) in all_screens(settings) {
                let picture = shown_at(size, state).render().unwrap();
                picture.save(folder.join(format!("{name}-{lang}-{at}.png"))).unwrap();
            }
        }
    }
}

/// At the smallest window nothing sticks out at the right: whatever can be pressed or read ends inside.
#[test]
fn every_screen_fits_the_smallest_window() {
    let [wide, _] = size::MIN_WINDOW;
    for settings in [BOTH[0], PSEUDO] {
        for (name, state) in all_screens(settings) {
            let harness = shown_at(size::MIN_WINDOW, state);
            for node in harness.root().children_recursive() {
                let said = node.accesskit_node();
                let bounds = said.bounding_box();
                if let Some(bounds) = bounds.filter(|_| !said.is_hidden()) {
                    let label = said.label().or_else(|| said.value()).unwrap_or_default();
                    assert!(bounds.x1 <= f64::from(wide) + 0.5, "{name}: {label:?} ends at {}", bounds.x1);
                }
            }
        }
    }
}

/// Nobody types: nothing is drawn, nothing is computed.
#[test]
fn a_resting_window_asks_for_no_frame() {
    for (name, state) in all_screens(BOTH[0]) {
        let mut harness = shown(state);
        for _ in 0..3 {
            harness.step();
        }
        let delay = harness.output().viewport_output.values().map(|v| v.repaint_delay).min();
        assert!(
            delay.is_none_or(|d| d.as_secs() > 60),
            "{name} wants to be drawn again in {delay:?}"
        );
    }
}
