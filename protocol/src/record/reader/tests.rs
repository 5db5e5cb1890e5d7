//! Records among facilities: who reads what, and nothing is shared implicitly.

use super::write::Writing;
use super::*;
use crate::access::epochs::{EpochKey, make_epoch, make_wrap};
use crate::access::view::Act;
use crate::crypto::KemSecret;
use crate::identity::{FacilityKind, Profession};
use crate::ids::{FacilityKey, GrantId};
use crate::record::{FactBody, Label, RecordHead};
use crate::testing::{Place, territory};

pub(super) fn fact(text: &str) -> FactBody {
    FactBody::resource(text.as_bytes().to_vec())
}

pub(super) fn new(compartment: Compartment, text: &str) -> NewFact {
    NewFact {
        compartment,
        fact: fact(text),
    }
}

pub(super) fn create(place: &mut Place) -> RecordId {
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

pub(super) fn share(place: &mut Place, record: RecordId, with: FacilityKey) {
    let reader = place.reader.take().unwrap();
    let write = reader
        .share(place.now, record, with, ROUND_MS, &place.registry, &mut place.entropy)
        .unwrap();
    place.reader = Some(reader);
    place.save(write);
}

pub(super) fn add(place: &mut Place, record: RecordId, compartment: Compartment, text: &str) -> Result<Write, WriteRefused> {
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

pub(super) fn texts(place: &Place, record: &RecordId) -> Vec<String> {
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
    let [clinic, pharmacy, nurses] = these(&mut places);
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
    let [clinic, pharmacy] = these(&mut places);
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
    let [clinic, car] = these(&mut places);
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
    let [clinic, pharmacy] = these(&mut places);
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
    let [clinic, pharmacy] = these(&mut places);
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
    let [clinic, pharmacy] = these(&mut places);
    let record = create(clinic);
    let image = clinic.store.clone();
    let write = add(clinic, record, Compartment::Clinical, "before the restore").unwrap();
    clinic.save(write);
    clinic.meet(pharmacy);
    share(clinic, record, pharmacy.facility);
    clinic.meet(pharmacy);
    // The disk comes back as it was; a new process is a new incarnation.
    clinic.store = image;
    clinic.reader = Some(Reader::open(clinic.secrets.clone(), 999, &mut clinic.store, &clinic.registry, clinic.now).unwrap());
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

pub(super) fn trio() -> Vec<Place> {
    territory(&[
        ("clinic", FacilityKind::Clinic, Profession::Doctor),
        ("pharmacy", FacilityKind::Pharmacy, Profession::Pharmacist),
        ("nurses", FacilityKind::Clinic, Profession::Nurse),
    ])
}

/// A record that clinic and nurses read in full and the pharmacy in part, everywhere.
pub(super) fn shared_record(places: &mut [Place]) -> RecordId {
    let [clinic, pharmacy, nurses] = these(places);
    let record = create(clinic);
    share(clinic, record, pharmacy.facility);
    share(clinic, record, nurses.facility);
    clinic.meet(pharmacy);
    clinic.meet(nurses);
    record
}

pub(super) fn doc_of(place: &Place, record: &RecordId, compartment: Compartment) -> DocId {
    place.reader().compartments(record).find(|(c, _)| *c == compartment).unwrap().1
}

/// As many places as were made.
pub(super) fn these<const N: usize>(places: &mut [Place]) -> &mut [Place; N] {
    places.try_into().expect("the test names them all")
}

/// Signs a clear body as this reader's seat would.
pub(super) fn sign(reader: &Reader, writing: &mut Writing, what: (Kind, Lane), doc: DocId, authority: Vec<GrantId>, body: Vec<u8>) {
    writing.clear(&reader.me, &reader.network, what, doc, authority, body).unwrap();
}

/// Signs one envelope as this place's seat would, whatever it says.
pub(super) fn forge(place: &mut Place, make: impl FnOnce(&Reader, &mut Writing, &mut crate::testing::Counter)) -> Vec<Vec<u8>> {
    let mut reader = place.reader.take().unwrap();
    let mut writing = reader.begin(place.now);
    make(&reader, &mut writing, &mut place.entropy);
    let write = writing.finish(Vec::new(), None);
    reader.saved(&write);
    place.reader = Some(reader);
    place.store(&write.items);
    write.items
}

/// An epoch of this place's making, sealed to whomever.
fn rotate_to(place: &mut Place, doc: DocId, to: &BTreeSet<KemPublic>, spoil: Option<KemPublic>) -> Vec<Vec<u8>> {
    let now = place.now;
    forge(place, |reader, writing, entropy| {
        let view = reader.access(&doc).unwrap();
        let held: Vec<_> = reader.ring.epochs(doc).max_by_key(|k| k.number()).into_iter().collect();
        let (mut epoch, key) = make_epoch(&reader.network, &doc, &reader.pen.seat, &reader.me.hedge(), to, &held, entropy).unwrap();
        for wrap in &mut epoch.wraps {
            if Some(wrap.recipient) == spoil {
                wrap.sealed[40] ^= 1;
            }
        }
        let authority = view.may(&reader.pen.seat, Act::Rotate, now).unwrap();
        sign(
            reader,
            writing,
            (Kind::KeyEpoch, Lane::Today),
            doc,
            authority.clone(),
            epoch.encode(),
        );
        let body = FactBody::resource(b"under the new key".to_vec());
        writing
            .content(&reader.me, &reader.network, (doc, Lane::Today), &key, &authority, &[body])
            .unwrap();
    })
}

pub(super) fn chores(place: &mut Place) -> usize {
    let mut reader = place.reader.take().unwrap();
    let write = reader.chores(place.now, &place.registry, &mut place.entropy);
    place.reader = Some(reader);
    write.map_or(0, |w| place.save(w).items.len())
}

/// Two rounds of meeting and chores.
pub(super) fn two_rounds(a: &mut Place, b: &mut Place) {
    for _ in 0..2 {
        a.meet(b);
        chores(a);
        chores(b);
    }
    a.meet(b);
}

#[test]
fn t33_t34_a_reader_left_out_or_given_a_false_wrap_reads_after_two_rounds() {
    for spoil in [false, true] {
        let mut places = trio();
        let record = shared_record(&mut places);
        let [clinic, _, nurses] = these(&mut places);
        let doc = doc_of(clinic, &record, Compartment::Clinical);
        let team = nurses.reader().team_keys(
            &nurses.registry.teams_of(&nurses.facility).next().unwrap().0.to_owned(),
            &nurses.registry,
            nurses.now,
        );
        let mut to: BTreeSet<KemPublic> = [clinic.secrets.kem.public()].into();
        if spoil {
            to.extend(&team);
        }
        rotate_to(clinic, doc, &to, spoil.then(|| *team.first().unwrap()));
        clinic.meet(nurses);
        assert!(
            !texts(nurses, &record).contains(&"under the new key".to_owned()),
            "unable to decrypt"
        );
        two_rounds(nurses, clinic);
        assert!(texts(nurses, &record).contains(&"under the new key".to_owned()), "healed");
        assert_eq!((chores(nurses), chores(clinic)), (0, 0), "and nothing is left to do");
        // Who omits a reader doesn't get away with it: the next writer seals to everybody.
        let write = add(nurses, record, Compartment::Clinical, "after").unwrap();
        let epoch = write
            .items
            .iter()
            .filter_map(|i| Envelope::parse(i).ok())
            .find(|e| e.header.kind == Kind::KeyEpoch);
        if !spoil {
            let sealed_to: BTreeSet<KemPublic> = KeyEpoch::decode(&epoch.expect("she rotates").body).unwrap().recipients().collect();
            assert!(team.is_subset(&sealed_to), "the omitted team is in");
        }
        nurses.save(write);
        nurses.meet(clinic);
        assert!(texts(clinic, &record).contains(&"after".to_owned()));
    }
}

#[test]
fn t34_a_false_answer_silences_nobody_who_has_the_key() {
    let mut places = trio();
    let record = shared_record(&mut places);
    let [clinic, pharmacy, nurses] = these(&mut places);
    let doc = doc_of(clinic, &record, Compartment::Medication);
    let to = [clinic.secrets.kem.public(), pharmacy.secrets.kem.public()].into();
    let items = rotate_to(clinic, doc, &to, None);
    pharmacy.store(&items);
    nurses.store(&items);
    assert_eq!(chores(nurses), 1, "she asks");
    // The pharmacist answers first, with a wrap that opens nothing.
    nurses.meet(pharmacy);
    let (own, now) = (nurses.secrets.kem.public(), pharmacy.now);
    forge(pharmacy, |reader, writing, entropy| {
        let key = reader.ring.epochs(doc).max_by_key(|k| k.number()).unwrap();
        let mut wrap = make_wrap(&reader.network, &doc, &reader.pen.seat, &reader.me.hedge(), key, own, entropy).unwrap();
        wrap.key.sealed[40] ^= 1;
        let authority = reader.access(&doc).unwrap().may(&reader.pen.seat, Act::Read, now).unwrap();
        sign(reader, writing, (Kind::Wrap, Lane::Urgent), doc, authority, wrap.encode());
    });
    nurses.meet(pharmacy);
    two_rounds(nurses, clinic);
    assert!(
        texts(nurses, &record).contains(&"under the new key".to_owned()),
        "the clinic's answer opens"
    );
    assert_eq!(chores(nurses), 0);
}

#[test]
fn only_a_key_s_owner_is_answered_and_only_once() {
    let mut places = trio();
    let record = shared_record(&mut places);
    let [clinic, pharmacy, nurses] = these(&mut places);
    let doc = doc_of(clinic, &record, Compartment::Medication);
    let kid = clinic.reader().ring.epochs(doc).next().unwrap().kid();
    let (nurse, now) = (nurses.secrets.kem.public(), pharmacy.now);
    let ask = |place: &mut Place, recipient| {
        forge(place, |reader, writing, _| {
            let authority = reader.access(&doc).unwrap().may(&reader.pen.seat, Act::Read, now).unwrap();
            let request = KeyRequest { kid, recipient };
            sign(reader, writing, (Kind::KeyRequest, Lane::Urgent), doc, authority, request.encode());
        });
    };
    for _ in 0..20 {
        ask(pharmacy, nurse);
    }
    pharmacy.meet(clinic);
    assert_eq!(chores(clinic), 0, "asked for somebody else");
    for _ in 0..20 {
        ask(nurses, nurse);
    }
    nurses.meet(clinic);
    assert_eq!((chores(clinic), chores(clinic)), (1, 0));
}

#[test]
fn t37_after_a_revocation_nobody_who_knows_writes_under_the_old_epoch() {
    let mut places = trio();
    let record = shared_record(&mut places);
    let [clinic, pharmacy, nurses] = these(&mut places);
    let doc = doc_of(clinic, &record, Compartment::Clinical);
    let old: BTreeSet<Kid> = clinic.reader().ring.epochs(doc).map(EpochKey::kid).collect();
    let keep = pharmacy
        .items()
        .iter()
        .filter_map(|i| Envelope::parse(i).ok())
        .filter(|e| e.header.seat == nurses.secrets.key())
        .map(|e| crate::identity::KeptHead {
            seat: e.header.seat,
            incarnation: e.header.incarnation,
            seq: e.header.seq,
            id: e.id(),
        })
        .collect();
    let body = crate::identity::OpBody::Revoke {
        who: crate::identity::Revoked::Seat(nurses.secrets.key()),
        reason: 1,
        keep,
    };
    let op = crate::testing::issue(&clinic.registry.network_id(), 900, &crate::testing::key("nurses"), &[], body);
    clinic.store(&[op]);
    let write = add(clinic, record, Compartment::Clinical, "not for the thief").unwrap();
    for item in &write.items {
        let envelope = Envelope::parse(item).unwrap();
        assert!(!old.contains(&envelope.header.kid), "nothing under a key she knows");
        if envelope.header.kind == Kind::KeyEpoch {
            let epoch = KeyEpoch::decode(&envelope.body).unwrap();
            let thief: BTreeSet<KemPublic> = [nurses.secrets.kem.public()].into();
            assert!(
                epoch
                    .recipients()
                    .all(|r| !thief.contains(&r) && nurses.reader().ring.secret(&r).is_none())
            );
        }
    }
    assert_eq!(write.items.len(), 2, "one epoch, one note");
    clinic.save(write);
    clinic.meet(nurses);
    assert!(!texts(nurses, &record).contains(&"not for the thief".to_owned()));
    two_rounds(nurses, clinic);
    assert!(
        !texts(nurses, &record).contains(&"not for the thief".to_owned()),
        "asking doesn't help"
    );
    let write = add(clinic, record, Compartment::Clinical, "once more").unwrap();
    assert_eq!(write.items.len(), 1, "one rotation is enough");
}

#[test]
fn t39_a_cabin_s_deposit_is_for_the_readers_and_not_for_the_cabin() {
    let mut places = trio();
    let record = shared_record(&mut places);
    let network = places[0].registry.network_id();
    let doc = doc_of(&places[0], &record, Compartment::Clinical);
    let (cabin, secret) = (crate::testing::key("cabin device"), KemSecret::from_seed(&[77; 32]));
    let seat = SeatKey(cabin.verifying_key().to_bytes());
    let body = crate::identity::OpBody::DeviceSeat {
        key: seat,
        kem: secret.public(),
        validity: crate::testing::ALWAYS,
    };
    let certificate = crate::testing::issue(&network, 50, &crate::testing::key("clinic"), &[&cabin], body);
    let mut pen = Pen::new(seat, 1);
    let header = pen.header(places[0].now, Kind::Deposit, Lane::Today, doc, Kid::ZERO, Vec::new());
    let kid = places[0].reader().ring.epochs(doc).next().unwrap().kid();
    // The cabin knows what every carrier knows.
    let to: BTreeSet<KemPublic> = [places[1].reader().docs[&doc].deposit_keys[&kid]].into();
    let deposit = crate::access::deposit::seal_deposit(header, &cabin, &network, &to, b"13/8", &mut places[0].entropy).unwrap();
    for place in &mut places {
        place.store(&[certificate.clone(), deposit.to_bytes()]);
    }
    let opens = |ring: &KeyRing| crate::access::deposit::open_deposit(&network, &deposit, |k| ring.secret(k)).is_ok();
    assert!(opens(&places[0].reader().ring), "the doctor");
    assert!(opens(&places[2].reader().ring), "the nurse");
    assert!(!opens(&places[1].reader().ring), "not the pharmacist");
    let mut own = KeyRing::new(network);
    own.add_secret(secret.clone());
    assert!(!opens(&own), "nor the cabin itself");
    let device = SeatSecrets {
        signing: cabin,
        kem: secret,
        practitioner: None,
        facility: places[0].facility,
    };
    let clinic = &mut places[0];
    let reader = Reader::open(device, 9, &mut clinic.store, &clinic.registry, clinic.now).unwrap();
    assert_eq!((reader.records().count(), reader.counts().readable), (0, 0));
    assert!(texts(&places[0], &record).iter().all(|t| t != "13/8"), "invisible until adopted");
}

#[test]
fn t65_one_withheld_change_before_fifty_honest_facts_hides_none() {
    let mut places = trio();
    let record = shared_record(&mut places);
    let [clinic, pharmacy, nurses] = these(&mut places);
    let withheld = add(nurses, record, Compartment::Medication, "withheld").unwrap();
    nurses.save(withheld);
    clinic.meet(nurses);
    let held: Vec<_> = clinic.items();
    for i in 0..50 {
        let place = if i % 2 == 0 { &mut *clinic } else { &mut *nurses };
        let compartment = Compartment::Medication;
        let author = if i % 2 == 0 { "doctor" } else { "nurse" };
        let write = add(place, record, compartment, &format!("{author} {i}")).unwrap();
        place.save(write);
    }
    clinic.meet(nurses);
    let gone = held
        .iter()
        .find(|i| Envelope::parse(i).is_ok_and(|e| e.header.seat == nurses.secrets.key() && e.header.kind == Kind::Content));
    let items: Vec<_> = clinic.items().into_iter().filter(|i| Some(i) != gone).collect();
    pharmacy.store(&items);
    let seen = texts(pharmacy, &record);
    assert_eq!(
        seen.iter().filter(|t| t.starts_with("doctor")).count(),
        25,
        "nobody else's chain bears on a fact"
    );
    assert_eq!(
        seen.iter().filter(|t| t.starts_with("nurse")).count(),
        0,
        "her own waits for her own"
    );
    pharmacy.store(&[gone.unwrap().clone()]);
    assert_eq!(texts(pharmacy, &record).len(), 2 + 50 + 1);
}

/// Chunks that no honest program writes, sealed and signed by the nurse.
fn poison(place: &mut Place, doc: DocId, chunks: &[&[u8]]) {
    let now = place.now;
    forge(place, |reader, writing, _| {
        let authority = reader.access(&doc).unwrap().may(&reader.pen.seat, Act::Write, now).unwrap();
        let key = reader.ring.epochs(doc).max_by_key(|k| k.number()).unwrap();
        let plaintext = crate::record::payload::encode(chunks).unwrap();
        let header = writing.pen.header(now, Kind::Content, Lane::Today, doc, key.kid(), authority);
        let sealed = header.seal(&reader.me.signing, &reader.network, key.secret(), &plaintext).unwrap();
        writing.push(doc, sealed);
    });
}

#[test]
fn t31_t61_t67_what_a_hostile_author_seals_is_contained_and_everybody_else_is_shown() {
    use crate::record::testing::{Parts, Stage, mark};
    let mut places = trio();
    let record = shared_record(&mut places);
    let [clinic, _, nurses] = these(&mut places);
    let doc = doc_of(clinic, &record, Compartment::Clinical);
    let hostile = nurses.secrets.key();
    let chain = OwnChain::new(hostile, doc, 500, Lane::Today);
    let chunk = chain.next(&[fact("x")]).unwrap().chunk;
    let mut high = Parts::of(&chunk);
    high.start_op = u64::from(u32::MAX) - 3;
    let mut foreign = Parts::of(&chunk);
    foreign.actor = vec![9; 16];
    poison(nurses, doc, &[&high.chunk()]);
    poison(nurses, doc, &[&foreign.chunk()]);
    poison(nurses, doc, &[&[0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 2, 0]]);
    // One that Automerge itself panics on, once the gate has let it through.
    let write = add(nurses, record, Compartment::Clinical, "panics").unwrap();
    let seen = Envelope::parse(write.items.last().unwrap())
        .unwrap()
        .verify(&clinic.registry.network_id())
        .unwrap();
    let key = clinic.reader().ring.key(doc, seen.header.kid).unwrap().secret().clone();
    let chunk = crate::record::payload::decode(seen.open(&key).unwrap().bytes()).unwrap().remove(0);
    mark(Stage::Apply, automerge::Change::try_from(&chunk[..]).unwrap().hash());
    nurses.save(write);
    let write = add(clinic, record, Compartment::Clinical, "an honest note").unwrap();
    clinic.save(write);
    clinic.meet(nurses);
    for place in [&*clinic, &*nurses] {
        let shown = texts(place, &record);
        assert!(shown.contains(&"an honest note".to_owned()) && shown.contains(&"note".to_owned()));
        assert!(!shown.contains(&"panics".to_owned()));
        assert_eq!(
            place.reader().to_blame(),
            [(hostile, 4)].into(),
            "kept, without effect, and its author is known"
        );
    }
    // The next start lives, shows the same, and writes on.
    let before = texts(clinic, &record);
    clinic.reader = Some(Reader::open(clinic.secrets.clone(), 900, &mut clinic.store, &clinic.registry, clinic.now).unwrap());
    assert_eq!(texts(clinic, &record), before);
    let write = add(clinic, record, Compartment::Clinical, "and on").unwrap();
    clinic.save(write);
    assert!(texts(clinic, &record).contains(&"and on".to_owned()));
}

#[test]
fn t31_an_envelope_that_kills_the_process_costs_a_few_starts_and_hides_nothing_else() {
    use crate::record::testing::make_deadly;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let mut places = trio();
    let record = shared_record(&mut places);
    let [clinic, _, nurses] = these(&mut places);
    let write = add(nurses, record, Compartment::Clinical, "kills").unwrap();
    let deadly = Envelope::parse(write.items.last().unwrap()).unwrap().id();
    nurses.save(write);
    let write = add(clinic, record, Compartment::Clinical, "an honest note").unwrap();
    clinic.save(write);
    clinic.meet(nurses);
    let everything = texts(clinic, &record);
    make_deadly(deadly);
    // Each panic that leaves `Reader::open` stands for a process that died: what remains of it is its store.
    let mut starts = 0;
    let reader = loop {
        starts += 1;
        assert!(starts < 10, "a crash loop");
        let open = || {
            Reader::open(
                clinic.secrets.clone(),
                900 + starts,
                &mut clinic.store,
                &clinic.registry,
                clinic.now,
            )
        };
        if let Ok(opened) = catch_unwind(AssertUnwindSafe(open)) {
            break opened.unwrap();
        }
    };
    assert_eq!(starts, 6, "unjournalled, together, three times alone, then without it");
    clinic.reader = Some(reader);
    let mut shown = texts(clinic, &record);
    assert!(!shown.contains(&"kills".to_owned()));
    shown.push("kills".into());
    shown.sort();
    assert_eq!(shown, everything);
    assert_eq!(
        clinic.reader().to_blame(),
        [(nurses.secrets.key(), 1)].into(),
        "kept, without effect, its author known"
    );
    let write = add(clinic, record, Compartment::Clinical, "and on").unwrap();
    clinic.save(write);
    clinic.reader = Some(Reader::open(clinic.secrets.clone(), 990, &mut clinic.store, &clinic.registry, clinic.now).unwrap());
    assert!(texts(clinic, &record).contains(&"and on".to_owned()));
}

#[test]
fn a_writer_cannot_move_a_document_to_another_patient() {
    let mut places = trio();
    let record = shared_record(&mut places);
    let [clinic, _, nurses] = these(&mut places);
    let doc = doc_of(clinic, &record, Compartment::Clinical);
    let head = RecordHead {
        record: RecordId([7; 32]),
        compartment: Compartment::Clinical as u8,
        salt: None,
    };
    // Backdated, so that it would come first.
    nurses.now -= 1_000_000_000;
    let now = nurses.now;
    let network = nurses.registry.network_id();
    let mut pen = Pen::new(nurses.secrets.key(), 777);
    let reader = nurses.reader();
    let authority = reader.access(&doc).unwrap().may(&reader.pen.seat, Act::Write, now).unwrap();
    let key = reader.ring.epochs(doc).next().unwrap();
    let change = OwnChain::new(nurses.secrets.key(), doc, 777, Lane::Today)
        .next(&[head.to_fact()])
        .unwrap();
    let plaintext = crate::record::payload::encode(&[&change.chunk]).unwrap();
    let header = pen.header(now, Kind::Content, Lane::Today, doc, key.kid(), authority);
    let sealed = header
        .seal(&nurses.secrets.signing, &network, key.secret(), &plaintext)
        .unwrap()
        .to_bytes();
    clinic.store(&[sealed]);
    clinic.reader = Some(Reader::open(clinic.secrets.clone(), 900, &mut clinic.store, &clinic.registry, clinic.now).unwrap());
    assert_eq!(clinic.reader().records().collect::<Vec<_>>(), [record]);
    assert_eq!(doc_of(clinic, &record, Compartment::Clinical), doc);
}

#[test]
fn what_a_forked_or_revoked_author_founded_stays_visible_and_marked() {
    let mut places = trio();
    let record = shared_record(&mut places);
    let [clinic, _, nurses] = these(&mut places);
    let op = crate::testing::issue(
        &clinic.registry.network_id(),
        900,
        &crate::testing::key("clinic"),
        &[],
        crate::identity::OpBody::Revoke {
            who: crate::identity::Revoked::Seat(clinic.secrets.key()),
            reason: 1,
            keep: Vec::new(),
        },
    );
    let before = texts(nurses, &record);
    nurses.store(&[op]);
    assert_eq!(
        texts(nurses, &record),
        before,
        "an allergy doesn't vanish with its author's certificate"
    );
    assert!(nurses.reader().history(&record).all(|f| f.fact.label == Label::Quarantined));
    // The same for whoever learns of the revocation first.
    let shown: Vec<_> = nurses.reader().history(&record).map(|f| (f.fact.id, f.fact.label)).collect();
    nurses.reader = Some(Reader::open(nurses.secrets.clone(), 900, &mut nurses.store, &nurses.registry, nurses.now).unwrap());
    let again: Vec<_> = nurses.reader().history(&record).map(|f| (f.fact.id, f.fact.label)).collect();
    assert_eq!(again, shown);
}

#[test]
fn t38_a_pharmacist_founds_no_clinical_document_and_draws_in_no_note() {
    // The story: seeing no clinical document, the pharmacist's program founded one; the clinic's next note went into it.
    let mut places = territory(&[
        ("clinic", FacilityKind::Clinic, Profession::Doctor),
        ("pharmacy", FacilityKind::Pharmacy, Profession::Pharmacist),
    ]);
    let [clinic, pharmacy] = these(&mut places);
    let record = create(clinic);
    share(clinic, record, pharmacy.facility);
    clinic.meet(pharmacy);
    assert_eq!(
        add(pharmacy, record, Compartment::Clinical, "bait").err(),
        Some(WriteRefused::NotAllowed)
    );
    let write = add(clinic, record, Compartment::Clinical, "secret").unwrap();
    clinic.save(write);
    clinic.meet(pharmacy);
    assert_eq!(texts(pharmacy, &record), ["identity of Awa", "metformin"]);
}
