//! Records among facilities: who reads what, and nothing is shared implicitly.

use super::*;
use crate::identity::{FacilityKind, Profession};
use crate::ids::FacilityKey;
use crate::record::FactBody;
use crate::testing::{Place, territory};

fn fact(text: &str) -> FactBody {
    FactBody::resource(text.as_bytes().to_vec())
}

fn new(compartment: Compartment, text: &str) -> NewFact {
    NewFact {
        compartment,
        fact: fact(text),
    }
}

fn create(place: &mut Place) -> RecordId {
    let facts = [
        new(Compartment::Identity, "identity of Awa"),
        new(Compartment::Medication, "metformin"),
        new(Compartment::Clinical, "note"),
    ];
    let reader = place.reader.take().unwrap();
    let write = reader
        .create_record(place.now, Lane::Today, &facts, &place.registry, &mut place.entropy)
        .unwrap();
    place.reader = Some(reader);
    place.save(write).record.unwrap()
}

fn share(place: &mut Place, record: RecordId, with: FacilityKey) {
    let reader = place.reader.take().unwrap();
    let write = reader
        .share(place.now, record, with, ROUND_MS, &place.registry, &mut place.entropy)
        .unwrap();
    place.reader = Some(reader);
    place.save(write);
}

fn add(place: &mut Place, record: RecordId, compartment: Compartment, text: &str) -> Result<Write, WriteRefused> {
    let reader = place.reader.take().unwrap();
    let write = reader.add(
        place.now,
        Lane::Today,
        record,
        &[new(compartment, text)],
        &place.registry,
        &mut place.entropy,
    );
    place.reader = Some(reader);
    write
}

fn texts(place: &Place, record: &RecordId) -> Vec<String> {
    let mut all: Vec<_> = place
        .reader()
        .current(record)
        .map(|f| String::from_utf8(f.fact.body.to_vec()).unwrap())
        .collect();
    all.sort();
    all
}

#[test]
fn a_record_is_readable_where_it_was_shared_and_as_the_role_matrix_says() {
    let mut places = territory(&[
        ("clinic", FacilityKind::Clinic, Profession::Doctor),
        ("pharmacy", FacilityKind::Pharmacy, Profession::Pharmacist),
        ("nurses", FacilityKind::Clinic, Profession::Nurse),
    ]);
    let [clinic, pharmacy, nurses] = &mut places[..] else {
        unreachable!("three places")
    };
    let record = create(clinic);
    assert_eq!(texts(clinic, &record), ["identity of Awa", "metformin", "note"]);

    clinic.meet(pharmacy);
    assert_eq!(pharmacy.reader().records().count(), 0, "nothing is shared implicitly");
    assert_eq!(pharmacy.reader().counts().sealed, 3, "it carries what it can't read");

    share(clinic, record, pharmacy.facility);
    share(clinic, record, nurses.facility);
    clinic.meet(pharmacy);
    pharmacy.meet(nurses);
    assert_eq!(
        texts(pharmacy, &record),
        ["identity of Awa", "metformin"],
        "t38: no clinical document for a pharmacist"
    );
    assert_eq!(texts(nurses, &record), ["identity of Awa", "metformin", "note"]);

    assert_eq!(
        add(nurses, record, Compartment::Identity, "x").err(),
        Some(WriteRefused::NotAllowed),
        "nurses read identity"
    );
    let write = add(pharmacy, record, Compartment::Medication, "dispensed").unwrap();
    pharmacy.save(write);
    let write = add(nurses, record, Compartment::Clinical, "dressing changed").unwrap();
    nurses.save(write);
    pharmacy.meet(nurses);
    pharmacy.meet(clinic);
    assert_eq!(
        texts(clinic, &record),
        ["dispensed", "dressing changed", "identity of Awa", "metformin", "note"]
    );
    assert!(clinic.reader().current(&record).all(|f| f.fact.label == Label::Accepted));
}

#[test]
fn t38_a_pharmacist_opens_medication_and_never_the_clinical_document() {
    let mut places = territory(&[
        ("clinic", FacilityKind::Clinic, Profession::Doctor),
        ("pharmacy", FacilityKind::Pharmacy, Profession::Pharmacist),
    ]);
    let [clinic, pharmacy] = &mut places[..] else {
        unreachable!("two places")
    };
    let record = create(clinic);
    share(clinic, record, pharmacy.facility);
    clinic.meet(pharmacy);
    let seen: Vec<_> = pharmacy.reader().compartments(&record).map(|(c, _)| c).collect();
    assert_eq!(seen, [Compartment::Identity, Compartment::Medication]);
    let clinical = clinic
        .reader()
        .compartments(&record)
        .find(|(c, _)| *c == Compartment::Clinical)
        .unwrap()
        .1;
    assert!(pharmacy.reader().ring.epochs(clinical).next().is_none(), "no wrap");
    // Its id stands in no readable content: a pharmacist can't even tell that it is this patient's.
    let readable: Vec<u8> = pharmacy.reader().history(&record).flat_map(|f| f.fact.body.to_vec()).collect();
    assert!(!readable.windows(32).any(|w| w == clinical.0));
}

#[test]
fn a_mobile_doctor_reads_for_the_round_and_writes_afterwards() {
    let mut places = territory(&[
        ("clinic", FacilityKind::Clinic, Profession::Doctor),
        ("car", FacilityKind::Mobile, Profession::Doctor),
    ]);
    let [clinic, car] = &mut places[..] else {
        unreachable!("two places")
    };
    let record = create(clinic);
    share(clinic, record, car.facility);
    clinic.meet(car);
    assert_eq!(texts(car, &record).len(), 3);
    car.now += 10 * 24 * 3_600_000;
    clinic.now = car.now;
    let write = add(car, record, Compartment::Clinical, "home visit").unwrap();
    car.save(write);
    clinic.meet(car);
    assert!(
        texts(clinic, &record).contains(&"home visit".to_owned()),
        "care is recorded whatever the calendar says"
    );
}

#[test]
fn a_late_document_of_a_record_has_the_record_s_readers() {
    let mut places = territory(&[
        ("clinic", FacilityKind::Clinic, Profession::Doctor),
        ("pharmacy", FacilityKind::Pharmacy, Profession::Pharmacist),
    ]);
    let [clinic, pharmacy] = &mut places[..] else {
        unreachable!("two places")
    };
    let reader = clinic.reader.take().unwrap();
    let write = reader
        .create_record(
            clinic.now,
            Lane::Today,
            &[new(Compartment::Identity, "Awa")],
            &clinic.registry,
            &mut clinic.entropy,
        )
        .unwrap();
    clinic.reader = Some(reader);
    let record = clinic.save(write).record.unwrap();
    share(clinic, record, pharmacy.facility);
    let write = add(clinic, record, Compartment::Medication, "aspirin").unwrap();
    clinic.save(write);
    clinic.meet(pharmacy);
    assert_eq!(texts(pharmacy, &record), ["Awa", "aspirin"]);
}

#[test]
fn what_arrives_in_any_order_shows_the_same_record() {
    let mut places = territory(&[
        ("clinic", FacilityKind::Clinic, Profession::Doctor),
        ("pharmacy", FacilityKind::Pharmacy, Profession::Pharmacist),
    ]);
    let [clinic, pharmacy] = &mut places[..] else {
        unreachable!("two places")
    };
    let record = create(clinic);
    share(clinic, record, pharmacy.facility);
    for i in 0..5 {
        let write = add(clinic, record, Compartment::Medication, &format!("line {i}")).unwrap();
        clinic.save(write);
    }
    let mut items = clinic.items();
    items.reverse();
    for item in items {
        pharmacy.store(&[item]);
    }
    let view = |place: &Place| {
        let doc = place
            .reader()
            .compartments(&record)
            .find(|(c, _)| *c == Compartment::Medication)
            .unwrap()
            .1;
        place.reader().document(&doc).unwrap().canonical_view()
    };
    assert_eq!(view(clinic), view(pharmacy));
}

#[test]
fn t28_a_seat_restored_from_an_old_image_continues_without_a_fork() {
    let mut places = territory(&[
        ("clinic", FacilityKind::Clinic, Profession::Doctor),
        ("pharmacy", FacilityKind::Pharmacy, Profession::Pharmacist),
    ]);
    let [clinic, pharmacy] = &mut places[..] else {
        unreachable!("two places")
    };
    let record = create(clinic);
    let image = clinic.store.clone();
    let write = add(clinic, record, Compartment::Clinical, "before the restore").unwrap();
    clinic.save(write);
    clinic.meet(pharmacy);
    share(clinic, record, pharmacy.facility);
    clinic.meet(pharmacy);
    // The disk comes back as it was; a new process is a new incarnation.
    clinic.store = image;
    clinic.reader = Some(Reader::open(clinic.secrets.clone(), 999, &clinic.store, &clinic.registry, clinic.now).unwrap());
    let write = add(clinic, record, Compartment::Clinical, "after the restore").unwrap();
    clinic.save(write);
    clinic.meet(pharmacy);
    let all = texts(clinic, &record);
    assert!(all.contains(&"before the restore".to_owned()) && all.contains(&"after the restore".to_owned()));
    assert!(
        clinic.reader().history(&record).all(|f| f.fact.label == Label::Accepted),
        "nothing is disputed"
    );
}
