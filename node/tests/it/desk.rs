//! The practitioners' desk over a real data directory: visits, allergies and treatments, drafts, finding people.

use bocage_node::client::{Clinical, Entry, Failure, Judgement, NewPatient, News2Row, Record, Reply, Request, Visit, Vital};
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

    fn record(&mut self, patient: &str) -> Record {
        let (patient, history) = (patient.to_owned(), false);
        match self.ask(Request::PatientShow { patient, history }) {
            Ok(Reply::Record(record)) => record,
            other => panic!("{other:?}"),
        }
    }

    fn items(&mut self) -> u64 {
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
