//! The practitioners' desk over a real data directory: visits, allergies and treatments, drafts, finding people.

use std::fs;
use std::path::PathBuf;

use bocage_node::client::{
    Change, Clinical, DraftRow, Entry, Failure, Judgement, NewPatient, News2Row, Record, Reply, Request, Visit, Vital,
};
use bocage_node::home::Home;
use bocage_node::keystore::Argon2Cost;
use bocage_node::place::{Description, found};
use bocage_node::service::Service;
use bocage_protocol::identity::{FacilityKind, Profession};
use tempfile::TempDir;

const PASSPHRASE: &str = "trois hérons sous la pluie";

/// One place with its practitioner at work.
pub(crate) struct Desk {
    pub(crate) dir: TempDir,
    pub(crate) service: Service,
}

impl Desk {
    pub(crate) fn of(profession: Profession) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let description = Description {
            facility: "Maison de santé".into(),
            kind: FacilityKind::Clinic,
            finess: String::new(),
            town: String::new(),
            practitioner: Some(("Anne Morel".into(), profession, "10000000017".into())),
        };
        found(&Home::new(dir.path()), "Essai", &description, PASSPHRASE, Argon2Cost::FLOOR).unwrap();
        let mut desk = Self {
            service: Service::open(Home::new(dir.path()), &mut |_, _| {}).unwrap(),
            dir,
        };
        desk.unlock();
        desk
    }

    pub(crate) fn unlock(&mut self) {
        let passphrase = PASSPHRASE.into();
        self.ask(Request::Unlock { passphrase }).unwrap();
    }

    pub(crate) fn ask(&mut self, request: Request) -> Result<Reply, Failure> {
        self.service.handle(0, request, &mut |_, _| {})
    }

    pub(crate) fn patient(&mut self, family: &str, given: &str, birth_date: &str) -> String {
        let new = NewPatient {
            family: family.into(),
            given: given.into(),
            birth_date: birth_date.into(),
            sex: "unknown".into(),
            ..NewPatient::default()
        };
        match self.ask(Request::PatientCreate(new)) {
            Ok(Reply::Patient { patient, .. }) => patient,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn record(&mut self, patient: &str) -> Record {
        let (patient, history) = (patient.to_owned(), false);
        match self.ask(Request::PatientShow { patient, history }) {
            Ok(Reply::Record(record)) => record,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn items(&mut self) -> u64 {
        match self.ask(Request::Status) {
            Ok(Reply::Status(status)) => status.items,
            other => panic!("{other:?}"),
        }
    }

    fn judge(&mut self, visit: Visit) -> Judgement {
        match self.ask(Request::VisitCheck(visit)) {
            Ok(Reply::Judgement(judgement)) => judgement,
            other => panic!("{other:?}"),
        }
    }

    fn visit(&mut self, visit: Visit) -> (Vec<String>, News2Row) {
        match self.ask(Request::VisitSave(visit)) {
            Ok(Reply::Visit { facts, news2, .. }) => (facts, news2),
            other => panic!("{other:?}"),
        }
    }
}

fn visit(patient: &str, vitals: &[(&str, &str)]) -> Visit {
    let vital = |(sign, value): &(&str, &str)| Vital {
        sign: (*sign).to_owned(),
        value: (*value).to_owned(),
    };
    Visit {
        patient: patient.to_owned(),
        reason: "Malaise".into(),
        note: "Vertiges au lever.\nÀ revoir.".into(),
        vitals: vitals.iter().map(vital).collect(),
        oxygen: Some(true),
        ..Visit::default()
    }
}

/// Sixteen, on oxygen.
const ILL: [(&str, &str); 6] = [
    ("respiratory-rate", "26"),
    ("spo2", "92"),
    ("blood-pressure", "95/60"),
    ("heart-rate", "118"),
    ("consciousness", "C"),
    ("temperature", "39,2"),
];

fn kinds(entries: &[Entry]) -> Vec<&str> {
    let mut kinds: Vec<_> = entries.iter().map(|e| &e.resource_type[..]).collect();
    kinds.sort_unstable();
    kinds
}

#[test]
fn a_visit_is_one_act_whose_entries_know_it() {
    let mut desk = Desk::of(Profession::Nurse);
    let patient = desk.patient("Lenoir", "Jeanne", "1948-03-12");
    let before = desk.items();
    let (facts, news2) = desk.visit(visit(&patient, &ILL));
    assert_eq!((news2.total, &news2.band[..]), (Some(16), "high"));
    // A document is begun once, then all facts lie in one envelope.
    assert_eq!(desk.items() - before, 2);
    let record = desk.record(&patient);
    let entries: Vec<Entry> = record.entries.into_iter().filter(|e| e.compartment == "clinical").collect();
    assert_eq!(entries.len(), facts.len());
    let mut expected = vec!["Observation"; 8];
    expected.splice(0..0, ["DocumentReference", "Encounter"]);
    assert_eq!(kinds(&entries), expected);
    let encounter = entries.iter().find(|e| e.fact == facts[0]).unwrap();
    let Some(Clinical::Encounter { class, reason, .. }) = &encounter.clinical else {
        panic!("{encounter:?}")
    };
    assert_eq!((&class[..], &reason[..]), ("AMB", "Malaise"));
    for entry in &entries {
        assert_eq!(entry.visit, encounter.visit, "{entry:?}");
        assert_eq!(entry.effective, encounter.effective);
        let apart = entry.effective_ms.unwrap() - i64::try_from(entry.written_ms).unwrap();
        assert!((-2_000..=0).contains(&apart), "{apart} ms");
    }
    assert!(!encounter.visit.is_empty());
    let said: Vec<&Clinical> = entries.iter().filter_map(|e| e.clinical.as_ref()).collect();
    let temperature = Clinical::Vital {
        sign: "temperature".into(),
        value: "39.2".into(),
        unit: "°C".into(),
    };
    let score = Clinical::News2 {
        total: 16,
        band: "high".into(),
    };
    for wanted in [&temperature, &score, &Clinical::Oxygen { given: true }] {
        assert!(said.contains(&wanted), "{wanted:?} in {said:?}");
    }

    // Another one, at home, with less: it is another visit, and without all seven there is no score.
    let second = Visit {
        home: true,
        oxygen: None,
        note: String::new(),
        ..visit(&patient, &ILL)
    };
    let before = desk.items();
    let (facts, news2) = desk.visit(second);
    assert_eq!((facts.len(), desk.items() - before), (7, 1));
    assert_eq!((news2.total, &news2.band[..]), (None, ""));
    let missing: Vec<_> = news2.parts.iter().filter(|p| p.points.is_none()).map(|p| &p.sign[..]).collect();
    assert_eq!(missing, ["oxygen"]);
    let record = desk.record(&patient);
    let visits: std::collections::BTreeSet<_> = record.entries.iter().map(|e| &e.visit).filter(|v| !v.is_empty()).collect();
    assert_eq!(visits.len(), 2);
}

#[test]
fn every_wrong_field_is_named_and_nothing_is_written() {
    let mut desk = Desk::of(Profession::Doctor);
    let patient = desk.patient("Lenoir", "Jeanne", "1948-03-12");
    let before = desk.items();
    let wrong = Visit {
        reason: "  ".into(),
        note: "n".repeat(97 * 1024),
        news2_scale: Some(3),
        ..visit(
            &patient,
            &[
                ("temperature", "50"),
                ("spo2", "98"),
                ("spo2", "97"),
                ("heart-rate", " "),
                ("mood", "good"),
                ("blood-pressure", "80/120"),
            ],
        )
    };
    let judgement = desk.judge(wrong.clone());
    let Err(failure) = desk.ask(Request::VisitSave(wrong)) else {
        panic!("saved")
    };
    assert_eq!(failure.code, "usage");
    let fields: Vec<_> = failure.fields.iter().map(|f| &f.field[..]).collect();
    let expected = ["news2_scale", "temperature", "spo2", "mood", "blood-pressure", "reason", "note"];
    assert_eq!(fields, expected);
    assert_eq!(judgement.fields, failure.fields, "checking and saving judge alike");
    for fault in &failure.fields {
        assert!(
            failure.message.contains(&fault.en) && failure.message_fr.contains(&fault.fr),
            "{fault:?}"
        );
    }
    assert!(failure.message.ends_with("nothing was saved"), "{}", failure.message);
    assert_eq!(desk.items(), before);
    let round_trip: Failure = serde_json::from_str(&serde_json::to_string(&failure).unwrap()).unwrap();
    assert_eq!(round_trip.fields, failure.fields);

    let many = visit(&patient, &[("pain", "3"); 33]);
    assert!(desk.judge(many).fields.iter().any(|f| f.field == "vitals"), "bounded");
    let Err(nobody) = desk.ask(Request::VisitCheck(visit("ffffffff", &ILL))) else {
        panic!("nobody")
    };
    assert_eq!(nobody.code, "not-found");
}

#[test]
fn checking_writes_nothing_and_says_what_is_missing_and_allowed() {
    let mut desk = Desk::of(Profession::Doctor);
    let patient = desk.patient("Lenoir", "Jeanne", "1948-03-12");
    let before = desk.items();
    let judgement = desk.judge(visit(&patient, &ILL[..2]));
    assert!(judgement.fields.is_empty() && judgement.refusal.is_none());
    assert_eq!(desk.items(), before);
    let points: Vec<_> = judgement.news2.parts.iter().map(|p| (&p.sign[..], p.points)).collect();
    let expected = [
        ("respiratory-rate", Some(3)),
        ("spo2", Some(2)),
        ("oxygen", Some(2)),
        ("blood-pressure", None),
        ("heart-rate", None),
        ("consciousness", None),
        ("temperature", None),
    ];
    assert_eq!(points, expected);
    let limits = |sign: &str| judgement.limits.iter().find(|l| l.sign == sign).unwrap();
    let temperature = limits("temperature");
    assert_eq!(
        (&temperature.low[..], &temperature.high[..], &temperature.unit[..]),
        ("25", "45", "°C")
    );
    assert!(limits("consciousness").low.is_empty());
    assert_eq!(judgement.limits.len(), 14);

    // What isn't allowed is said before it is typed to its end.
    let Reply::Judgement(refused) = ({
        let mut pharmacist = Desk::of(Profession::Pharmacist);
        let patient = pharmacist.patient("Lenoir", "Jeanne", "1948-03-12");
        pharmacist.ask(Request::VisitCheck(visit(&patient, &ILL))).unwrap()
    }) else {
        panic!("a judgement")
    };
    assert!(refused.refusal.is_none(), "a pharmacist writes among the treatments: {refused:?}");
}

#[test]
fn news2_is_made_of_nobody_it_is_not_made_for() {
    let mut desk = Desk::of(Profession::Doctor);
    let child = desk.patient("Petit", "Zoé", "2019-05-01");
    let adult = desk.patient("Grand", "Zoé", "1990-05-01");
    let sometime = desk.patient("Inconnu", "Zoé", "2010");
    let pregnant = Visit {
        pregnant: true,
        ..visit(&adult, &ILL)
    };
    for (who, asked) in [
        ("child", visit(&child, &ILL)),
        ("year", visit(&sometime, &ILL)),
        ("pregnant", pregnant),
    ] {
        let (facts, news2) = desk.visit(asked);
        assert_eq!(facts.len(), 9, "{who}");
        assert!(
            !news2.not_for.is_empty() && !news2.not_for_fr.is_empty() && news2.parts.is_empty(),
            "{who}"
        );
    }
    let second = Visit {
        news2_scale: Some(2),
        oxygen: Some(false),
        ..visit(&adult, &ILL)
    };
    let (facts, news2) = desk.visit(second);
    assert_eq!((facts.len(), news2.scale, news2.total), (10, 2, Some(12)));
}

#[test]
fn allergies_and_treatments_stand_where_a_pharmacist_reads_them() {
    for profession in [Profession::Doctor, Profession::Nurse, Profession::Pharmacist] {
        let mut desk = Desk::of(profession);
        let patient = desk.patient("Lenoir", "Jeanne", "1948-03-12");
        let allergy = |substance: &str, criticality: &str| Request::AllergyAdd {
            patient: patient.clone(),
            substance: substance.into(),
            criticality: criticality.into(),
            reaction: Some("Urticaire".into()),
        };
        desk.ask(allergy("Pénicilline", "high")).unwrap();
        for (substance, criticality, said) in [("", "high", "substance"), ("Noix", "terrible", "criticality")] {
            let Err(failure) = desk.ask(allergy(substance, criticality)) else {
                panic!("saved")
            };
            assert!(failure.message.contains(said), "{}", failure.message);
        }
        desk.ask(Request::TreatmentAdd {
            patient: patient.clone(),
            medicine: "Amlodipine 5 mg".into(),
            dosage: "1 le matin".into(),
        })
        .unwrap();
        let record = desk.record(&patient);
        let added: Vec<&Entry> = record.entries.iter().filter(|e| e.resource_type != "Patient").collect();
        assert_eq!(added.len(), 2);
        for entry in added {
            assert_eq!((&entry.compartment[..], &entry.author[..]), ("medication", "Anne Morel"));
            match entry.clinical.as_ref().unwrap() {
                Clinical::Allergy {
                    substance,
                    criticality,
                    status,
                    reactions,
                } => {
                    assert_eq!((&substance[..], &criticality[..], &status[..]), ("Pénicilline", "high", "active"));
                    assert_eq!(reactions, &["Urticaire"]);
                }
                Clinical::Treatment {
                    medicine, dosage, status, ..
                } => {
                    assert_eq!(
                        (&medicine[..], &dosage[..], &status[..]),
                        ("Amlodipine 5 mg", "1 le matin", "active")
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

// ---- the passphrase

#[test]
fn another_passphrase_opens_the_seat_and_the_old_one_no_longer_does() {
    const ANOTHER: &str = "cinq autres mots pris au hasard";
    let mut desk = Desk::of(Profession::Doctor);
    let patient = desk.patient("Lenoir", "Jeanne", "1948-03-12");
    let change = |old: &str, new: &str| Request::Passphrase {
        old: old.into(),
        new: new.into(),
    };
    assert_eq!(desk.ask(change("pas la bonne phrase", ANOTHER)).unwrap_err().code, "passphrase");
    assert_eq!(desk.ask(change(PASSPHRASE, "abc")).unwrap_err().code, "usage");
    desk.ask(change(PASSPHRASE, PASSPHRASE)).unwrap();
    desk.ask(change(PASSPHRASE, ANOTHER)).unwrap();
    let unlock = |passphrase: &str| Request::Unlock {
        passphrase: passphrase.into(),
    };
    assert_eq!(desk.ask(unlock(PASSPHRASE)).unwrap_err().code, "passphrase");
    desk.ask(unlock(ANOTHER)).unwrap();
    assert_eq!(desk.record(&patient).patient.family, "Lenoir");
}

// ---- drafts

const WORDS: &str = "Vertiges-kwaxtl au lever, à compléter";

impl Desk {
    fn draft(&mut self, patient: &str, kind: &str, text: &str) -> Result<Reply, Failure> {
        self.ask(Request::DraftSave {
            patient: patient.into(),
            kind: kind.into(),
            text: text.into(),
        })
    }

    fn loaded(&mut self, patient: &str, kind: &str) -> Option<String> {
        let (patient, kind) = (patient.into(), kind.into());
        match self.ask(Request::DraftLoad { patient, kind }) {
            Ok(Reply::Draft { text, .. }) => text,
            other => panic!("{other:?}"),
        }
    }

    fn listed(&mut self) -> Vec<DraftRow> {
        match self.ask(Request::Drafts) {
            Ok(Reply::Drafts { drafts }) => drafts,
            other => panic!("{other:?}"),
        }
    }

    fn draft_files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.dir.path().join("drafts")).into_iter().flatten();
        let mut files: Vec<_> = files.map(|f| f.unwrap().path()).collect();
        files.sort();
        files
    }

    /// Stops and starts, as after a power cut: nothing is closed.
    fn restart(self) -> Self {
        let Self { dir, service } = self;
        drop(service);
        let service = Service::open(Home::new(dir.path()), &mut |_, _| {}).unwrap();
        Self { dir, service }
    }
}

fn files_under(dir: &std::path::Path) -> Vec<PathBuf> {
    let inside = fs::read_dir(dir).unwrap().map(|f| f.unwrap().path());
    inside
        .flat_map(|path| if path.is_dir() { files_under(&path) } else { vec![path] })
        .collect()
}

#[test]
fn a_draft_outlives_a_power_cut_sealed_and_goes_when_its_visit_is_saved() {
    let mut desk = Desk::of(Profession::Doctor);
    let patient = desk.patient("Lenoir", "Jeanne", "1948-03-12");
    let items = desk.items();
    desk.draft(&patient, "visit", "court").unwrap();
    desk.draft(&patient, "visit", WORDS).unwrap();
    desk.draft(&patient, "note", "autre-kwaxtl").unwrap();
    desk.draft("", "patient", "Inconnue-kwaxtl").unwrap();
    assert_eq!(desk.items(), items, "never synced");

    let mut desk = desk.restart();
    let Err(locked) = desk.ask(Request::Drafts) else { panic!("locked") };
    assert_eq!(locked.code, "locked");
    let files = files_under(desk.dir.path());
    assert!(desk.draft_files().len() == 3 && files.len() > 5);
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let shown = file.display().to_string();
        for hidden in ["kwaxtl", "Vertiges", &patient] {
            assert!(!bytes.windows(hidden.len()).any(|w| w == hidden.as_bytes()), "{hidden} in {shown}");
        }
        assert!(!shown.contains(&patient) && !shown.contains("visit"), "{shown}");
    }

    desk.unlock();
    assert_eq!(desk.loaded(&patient, "visit").as_deref(), Some(WORDS));
    assert_eq!(desk.loaded("", "patient").as_deref(), Some("Inconnue-kwaxtl"));
    assert_eq!(desk.loaded(&patient, "other"), None);
    let listed: Vec<_> = desk.listed().into_iter().map(|d| (d.patient, d.kind, d.bytes)).collect();
    assert_eq!(listed.len(), 3);
    assert!(
        listed.contains(&(patient.clone(), "visit".into(), WORDS.len() as u64)),
        "{listed:?}"
    );

    // A visit that is refused takes nothing with it.
    let unsaid = Visit {
        reason: String::new(),
        ..visit(&patient, &ILL)
    };
    desk.ask(Request::VisitSave(unsaid)).unwrap_err();
    assert!(desk.loaded(&patient, "visit").is_some());
    desk.visit(visit(&patient, &ILL));
    assert_eq!(desk.loaded(&patient, "visit"), None);
    desk.draft("", "patient", "").unwrap();
    let (patient, kind) = (patient, "note".to_owned());
    desk.ask(Request::DraftDrop { patient, kind }).unwrap();
    assert!(desk.listed().is_empty() && desk.draft_files().is_empty());
}

#[test]
fn a_draft_opens_in_its_own_place_only_and_has_its_bounds() {
    let mut desk = Desk::of(Profession::Doctor);
    let patient = desk.patient("Lenoir", "Jeanne", "1948-03-12");
    let other = desk.patient("Morel", "Luc", "1950-01-01");
    desk.draft(&patient, "visit", WORDS).unwrap();
    let of_patient = desk.draft_files();
    desk.draft(&other, "visit", "de Luc").unwrap();
    let of_other = desk.draft_files().into_iter().find(|f| !of_patient.contains(f)).unwrap();
    // Whoever has the disk puts one patient's draft in the other's place: it opens nowhere.
    fs::copy(&of_patient[0], &of_other).unwrap();
    assert_eq!(desk.loaded(&other, "visit"), None);
    assert_eq!(desk.loaded(&patient, "visit").as_deref(), Some(WORDS));
    let mut bytes = fs::read(&of_patient[0]).unwrap();
    let last = bytes.len() - 9;
    bytes[last] ^= 1;
    fs::write(&of_patient[0], &bytes).unwrap();
    assert_eq!(desk.loaded(&patient, "visit"), None, "damaged");
    fs::write(desk.dir.path().join("drafts").join("not-a-draft"), "x").unwrap();
    assert!(desk.listed().is_empty());

    let longest = "é".repeat(48 * 1024);
    desk.draft(&patient, "visit", &longest).unwrap();
    assert_eq!(desk.loaded(&patient, "visit"), Some(longest.clone()));
    desk.draft(&patient, "visit", &(longest.clone() + "x")).unwrap_err();
    assert_eq!(desk.loaded(&patient, "visit"), Some(longest), "the earlier one was kept");
    for kind in ["", "Visit", "../x", "a/b", &"v".repeat(33)] {
        assert_eq!(desk.draft(&patient, kind, "x").unwrap_err().code, "usage", "{kind}");
    }
    assert_eq!(desk.draft("ffffffff", "visit", "x").unwrap_err().code, "not-found");
    let same_length = |desk: &mut Desk, text: &str| {
        desk.draft(&patient, "visit", text).unwrap();
        fs::metadata(&of_patient[0]).unwrap().len()
    };
    assert_eq!(same_length(&mut desk, "oui"), same_length(&mut desk, &"non ".repeat(100)), "padded");
}

// ---- finding people

impl Desk {
    fn search(&mut self, query: &str, limit: Option<u32>, offset: u32) -> (Vec<String>, u64) {
        let query = query.to_owned();
        match self.ask(Request::PatientSearch { query, limit, offset }) {
            Ok(Reply::Patients { patients, total }) => (patients.into_iter().map(|p| p.family).collect(), total),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_list_follows_what_is_written_and_goes_with_the_seat() {
    let mut desk = Desk::of(Profession::Doctor);
    assert_eq!(desk.search("", None, 0), (Vec::new(), 0));
    let patient = desk.patient("Lenoir", "Jeanne", "1948-03-12");
    desk.patient("Morel", "Luc", "1950-01-01");
    let families = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    assert_eq!(desk.search("", None, 0), (families(&["Lenoir", "Morel"]), 2));
    match desk.ask(Request::Status) {
        Ok(Reply::Status(status)) => assert_eq!(status.records, Some(2)),
        other => panic!("{other:?}"),
    }
    assert_eq!(desk.search("", Some(1), 1), (families(&["Morel"]), 2));
    let record = desk.record(&patient);
    let identity = record.entries.iter().find(|e| e.resource_type == "Patient").unwrap().fact.clone();
    desk.ask(Request::Correct {
        patient: patient.clone(),
        fact: identity,
        changes: vec![Change {
            field: "name[0].family".into(),
            value: "Zola".into(),
        }],
    })
    .unwrap();
    assert_eq!(desk.search("", None, 0), (families(&["Morel", "Zola"]), 2));
    assert_eq!(desk.search("lenoir", None, 0).1, 0);
    desk.visit(visit(&patient, &ILL));
    assert_eq!(desk.search("zola", None, 0).1, 1);

    let twins = |desk: &mut Desk, family: &str, given: &str| {
        let request = Request::PatientTwins {
            family: family.into(),
            given: given.into(),
            birth_date: "1948-03-12".into(),
            ins: None,
        };
        match desk.ask(request) {
            Ok(Reply::Twins { twins }) => twins.into_iter().map(|t| (t.row.family, t.why)).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(twins(&mut desk, "Jeanne", "Zolà"), [("Zola".to_owned(), "swapped".to_owned())]);
    assert_eq!(twins(&mut desk, "Lenoir", "Jeanne"), []);
    let exact = NewPatient {
        family: "zola".into(),
        given: "JEANNE".into(),
        birth_date: "1948-03-12".into(),
        sex: "female".into(),
        ..NewPatient::default()
    };
    assert_eq!(desk.ask(Request::PatientCreate(exact.clone())).unwrap_err().code, "exists");
    let anyway = NewPatient { anyway: true, ..exact };
    desk.ask(Request::PatientCreate(anyway)).unwrap();
    assert_eq!(desk.search("zola jeanne", None, 0).1, 2);

    let mut desk = desk.restart();
    desk.unlock();
    assert_eq!(desk.search("", None, 0).1, 3);
    desk.service.end_session(0);
    let (query, limit, offset) = (String::new(), None, 0);
    let locked = desk.ask(Request::PatientSearch { query, limit, offset }).unwrap_err();
    assert_eq!(locked.code, "locked");
    desk.unlock();
    assert_eq!(desk.search("zola", None, 0).1, 2);
}

/// A corrected pulse stood beside a score of five that had been made of the wrong one.
#[test]
fn a_score_follows_the_measures_that_it_rests_on() {
    let mut desk = Desk::of(Profession::Doctor);
    let patient = desk.patient("Lenoir", "Jeanne", "1948-03-12");
    desk.visit(visit(&patient, &ILL));
    let scores = |desk: &mut Desk| -> Vec<(u8, bool)> {
        let entries = desk.record(&patient).entries;
        let score = |e: &Entry| match &e.clinical {
            Some(Clinical::News2 { total, .. }) => Some((*total, e.in_error)),
            _ => e.summary.contains("NEWS2").then_some((0, e.in_error)),
        };
        entries.iter().filter_map(score).collect()
    };
    let measured = |desk: &mut Desk, wanted: &str| {
        let entries = desk.record(&patient).entries;
        let found = entries
            .into_iter()
            .find(|e| matches!(&e.clinical, Some(Clinical::Vital { sign, .. }) if sign == wanted));
        found.expect("measured").fact
    };
    let before = scores(&mut desk);
    assert_eq!(before.len(), 1);
    let correct = |desk: &mut Desk, sign: &str, value: &str| {
        let fact = measured(desk, sign);
        let patient = patient.clone();
        let changes = vec![Change {
            field: "value".into(),
            value: value.into(),
        }];
        desk.ask(Request::Correct { patient, fact, changes }).unwrap();
    };
    // All in range but for whatever else ILL has: each correction takes its points away.
    correct(&mut desk, "heart-rate", "72");
    correct(&mut desk, "respiratory-rate", "16");
    correct(&mut desk, "temperature", "37");
    let after = scores(&mut desk);
    assert_eq!(after.len(), 1, "one score, not two side by side");
    assert!(after[0].0 < before[0].0, "{before:?} {after:?}");
    // What isn't scored changes nothing; a measure withdrawn takes the total with it.
    let history = |desk: &mut Desk| match desk.ask(Request::PatientShow {
        patient: patient.clone(),
        history: true,
    }) {
        Ok(Reply::Record(record)) => record.entries.len(),
        other => panic!("{other:?}"),
    };
    let entries = history(&mut desk);
    correct(&mut desk, "temperature", "37.1");
    assert_eq!(history(&mut desk), entries + 1, "the score was right already");
    let fact = measured(&mut desk, "heart-rate");
    desk.ask(Request::Withdraw {
        patient: patient.clone(),
        fact,
    })
    .unwrap();
    assert_eq!(scores(&mut desk), [(0, true)], "without all seven there is none");

    // A visit of the wrong patient goes as a whole.
    let (facts, _) = desk.visit(visit(&patient, &ILL));
    desk.ask(Request::Withdraw {
        patient: patient.clone(),
        fact: facts[0].clone(),
    })
    .unwrap();
    let left: Vec<Entry> = desk
        .record(&patient)
        .entries
        .into_iter()
        .filter(|e| e.compartment == "clinical" && !e.in_error)
        .collect();
    let corrected = left.iter().find(|e| e.summary.contains("37.1")).expect("the first visit's");
    assert!(
        left.iter().all(|e| e.visit == corrected.visit),
        "what is left is the first visit's: {left:?}"
    );
    assert_eq!(left.len(), 8, "but for its pulse and its score: {left:?}");
}

/// A score follows what it names, and nothing else: not the same sign of another visit.
#[test]
fn a_score_of_another_visit_stays_as_it_is() {
    let mut desk = Desk::of(Profession::Doctor);
    let patient = desk.patient("Lenoir", "Jeanne", "1948-03-12");
    desk.visit(visit(&patient, &ILL));
    desk.visit(visit(&patient, &ILL));
    let scores = |desk: &mut Desk| -> Vec<(String, String, u8)> {
        let score = |e: Entry| match e.clinical {
            Some(Clinical::News2 { total, .. }) => Some((e.visit, e.fact, total)),
            _ => None,
        };
        let mut all: Vec<_> = desk.record(&patient).entries.into_iter().filter_map(score).collect();
        all.sort();
        all
    };
    let before = scores(&mut desk);
    assert_eq!(before.len(), 2);
    let corrected = &before[0].0;
    let pulse = desk
        .record(&patient)
        .entries
        .into_iter()
        .find(|e| e.visit == *corrected && matches!(&e.clinical, Some(Clinical::Vital { sign, .. }) if sign == "heart-rate"));
    desk.ask(Request::Correct {
        patient: patient.clone(),
        fact: pulse.expect("measured").fact,
        changes: vec![Change {
            field: "value".into(),
            value: "72".into(),
        }],
    })
    .unwrap();
    let after = scores(&mut desk);
    assert_eq!(after[1], before[1], "the other visit's");
    assert_ne!(after[0].1, before[0].1);
    assert!(after[0].2 < before[0].2, "{before:?} {after:?}");
}
