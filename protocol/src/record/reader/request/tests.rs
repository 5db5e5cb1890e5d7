//! What a request opens and to whom, what its end shuts, and what neither side can do to the other.

use super::super::tests::{add, chores, create, doc_of, fact, forge, new, share, sign, texts, these};
use super::super::write::open_ended;
use super::asking::DAY_MS;
use super::*;
use crate::access::ops::{Grant, Op, Rank, Terms};
use crate::access::view::{GrantState, Verdict};
use crate::envelope::Kind;
use crate::identity::{FacilityKind, Profession};
use crate::record::{Label, PartStanding, RecordHead, Sight};
use crate::testing::{Place, territory};

const DAY: u64 = DAY_MS;

/// A clinic, a specialist, and a doctor's practice; all know one another and share nothing.
fn town() -> Vec<Place> {
    territory(&[
        ("clinic", FacilityKind::Clinic, Profession::Doctor),
        ("specialist", FacilityKind::Clinic, Profession::Doctor),
        ("practice", FacilityKind::Clinic, Profession::Doctor),
    ])
}

fn team_of(place: &Place) -> DocId {
    *place.registry.teams_of(&place.facility).next().expect("it has one").0
}

fn wanted(record: RecordId, addressee: Addressee, parts: &[Compartment], days: u64) -> NewRequest {
    NewRequest {
        record,
        addressee,
        parts: parts.iter().copied().collect(),
        days,
    }
}

fn try_ask(place: &mut Place, new: &NewRequest) -> Result<DocId, WriteRefused> {
    let attached = place.reader().attach(place.now, new, &place.registry)?;
    let reader = place.reader.take().unwrap();
    let asked = reader.ask(
        place.now,
        Lane::Today,
        &attached,
        &[fact("the question")],
        &place.registry,
        &mut place.entropy,
    );
    place.reader = Some(reader);
    let (request, write) = asked?;
    place.save(write);
    Ok(request)
}

fn ask(place: &mut Place, record: RecordId, of: &Place, parts: &[Compartment]) -> DocId {
    try_ask(place, &wanted(record, Addressee::Team(team_of(of)), parts, 7)).unwrap()
}

fn write(place: &mut Place, request: DocId, party: Party, text: &str, ended: &[DocId]) -> Result<(), WriteRefused> {
    let reader = place.reader.take().unwrap();
    let ended = ended.iter().copied().collect();
    let write = reader.add_to(
        place.now,
        Lane::Today,
        (request, party),
        &[fact(text)],
        &ended,
        &place.registry,
        &mut place.entropy,
    );
    place.reader = Some(reader);
    place.save(write?);
    Ok(())
}

fn shut(place: &mut Place, ended: &[DocId]) -> usize {
    let ended = ended.iter().copied().collect();
    let write = place.reader().shut(place.now, &ended, &place.registry).unwrap();
    write.map_or(0, |w| place.save(w).items.len())
}

fn says(place: &mut Place, record: RecordId, compartment: Compartment, text: &str) {
    let write = add(place, record, compartment, text).unwrap();
    place.save(write);
}

fn label(place: &Place, record: &RecordId, text: &str) -> Option<Label> {
    let mut found = place.reader().history(record).filter(|f| f.fact.body == text.as_bytes());
    found.next().map(|f| f.fact.label)
}

fn sides_of(place: &Place, request: &DocId, text: &str) -> Parties {
    let asked = place.reader().request(request).unwrap();
    let mut facts = place.reader().document(request).unwrap().facts();
    let envelope = facts.find(|f| f.body == text.as_bytes()).unwrap().envelope;
    place.reader().sides_of(&asked, &envelope, &place.registry)
}

const ASKS: Parties = Parties {
    requester: true,
    recipient: false,
};
const IS_ASKED: Parties = Parties {
    requester: false,
    recipient: true,
};

#[test]
fn a_request_opens_exactly_its_parts_and_its_answer_comes_back() {
    let mut places = town();
    let [clinic, specialist, practice] = these(&mut places);
    let record = create(clinic);
    let request = ask(clinic, record, specialist, &[Compartment::Medication]);
    clinic.meet(practice);
    practice.meet(specialist);
    assert_eq!(texts(specialist, &record), ["identity of Awa", "metformin", "the question"]);
    assert_eq!(practice.reader().records().count(), 0, "who carries it reads nothing");

    let asked = specialist.reader().request(&request).unwrap();
    assert!(asked.is_trusted && asked.record == record);
    let now = specialist.now;
    assert_eq!(specialist.reader().sides(&asked, &specialist.registry, now), IS_ASKED);
    assert_eq!(clinic.reader().sides(&asked, &clinic.registry, now), ASKS);
    assert_eq!(sides_of(specialist, &request, "the question"), ASKS);

    // Long after the parts were shut by their date, with a clock of its own.
    specialist.now += 90 * DAY;
    write(specialist, request, Party::Recipient, "the answer", &[]).unwrap();
    specialist.meet(practice);
    practice.meet(clinic);
    assert_eq!(label(clinic, &record, "the answer"), Some(Label::Accepted));
    assert_eq!(sides_of(clinic, &request, "the answer"), IS_ASKED);
    let parts: Vec<Compartment> = specialist.reader().compartments(&record).map(|(c, _)| c).collect();
    assert_eq!(parts, [Compartment::Identity, Compartment::Medication, Compartment::Request]);
}

#[test]
fn what_is_written_after_the_end_stays_shut_and_what_was_had_stays_open() {
    let mut places = town();
    let [clinic, specialist, _] = these(&mut places);
    let record = create(clinic);
    let request = ask(clinic, record, specialist, &[Compartment::Medication]);
    says(clinic, record, Compartment::Medication, "while it is open");
    clinic.meet(specialist);
    assert!(texts(specialist, &record).contains(&"while it is open".to_owned()));
    write(specialist, request, Party::Recipient, "the answer", &[]).unwrap();
    specialist.meet(clinic);

    let asked = clinic.reader().request(&request).unwrap();
    let opened = clinic.reader().opened_by(&asked, clinic.now);
    assert_eq!(
        opened.iter().map(|(c, _)| *c).collect::<Vec<_>>(),
        [Compartment::Identity, Compartment::Medication]
    );
    write(clinic, request, Party::Requester, "closed", &[request]).unwrap();
    assert!(clinic.reader().opened_by(&asked, clinic.now).is_empty());
    assert_eq!(shut(clinic, &[request]), 0, "nothing is taken back twice");
    says(clinic, record, Compartment::Medication, "after the end");
    says(clinic, record, Compartment::Identity, "a new address");
    clinic.meet(specialist);
    assert_eq!(
        texts(specialist, &record),
        [
            "closed",
            "identity of Awa",
            "metformin",
            "the answer",
            "the question",
            "while it is open"
        ]
    );
    for place in [&*clinic, &*specialist] {
        assert_eq!(label(place, &record, "the answer"), Some(Label::Accepted));
        assert!(place.reader().request(&request).unwrap().is_trusted);
    }
    // The seat asks for the keys that it lacks, and nobody gives them.
    for _ in 0..2 {
        chores(specialist);
        specialist.meet(clinic);
        chores(clinic);
        clinic.meet(specialist);
    }
    assert_eq!(label(specialist, &record, "after the end"), None);
    // A late word in the request still counts: nobody is shut out of it.
    write(specialist, request, Party::Recipient, "one more thing", &[]).unwrap();
    specialist.meet(clinic);
    assert_eq!(label(clinic, &record, "one more thing"), Some(Label::Accepted));
}

/// A colleague whom a request opened a record to went on seeing it as if it were the present one after the request had ended.
#[test]
fn a_part_is_known_to_be_shut_once_its_request_has_ended() {
    let mut places = town();
    let [clinic, specialist, practice] = these(&mut places);
    let record = create(clinic);
    let standing = |place: &Place, part| {
        let PartStanding { sight, writable } = place.reader().standing(&record, part, &place.registry, place.now);
        (sight, writable)
    };
    // Nobody has written an emergency sheet yet: the record's own people would read it, and may begin it.
    for part in [Compartment::Identity, Compartment::Medication, Compartment::Emergency] {
        assert_eq!(standing(clinic, part), (Sight::Open, true), "{part:?}");
    }
    let request = ask(clinic, record, specialist, &[Compartment::Medication]);
    clinic.meet(specialist);
    for part in [Compartment::Identity, Compartment::Medication] {
        assert_eq!(
            standing(specialist, part),
            (Sight::Open, false),
            "{part:?}: a request is for reading"
        );
    }
    // Something of their own beside it doesn't make it seen.
    says(specialist, record, Compartment::Clinical, "seen today");
    for part in [Compartment::Clinical, Compartment::Emergency] {
        assert_eq!(standing(specialist, part), (Sight::Unread, true), "{part:?} was not attached");
    }
    write(specialist, request, Party::Recipient, "the answer", &[]).unwrap();
    specialist.meet(clinic);
    write(clinic, request, Party::Requester, "closed", &[request]).unwrap();
    clinic.meet(specialist);
    for part in [Compartment::Identity, Compartment::Medication] {
        assert_eq!(standing(specialist, part), (Sight::Shut, false), "{part:?}");
        assert_eq!(standing(clinic, part), (Sight::Open, true), "{part:?}: its own people lose nothing");
    }
    assert_eq!(standing(specialist, Compartment::Emergency), (Sight::Unread, false));
    clinic.meet(practice);
    assert_eq!(standing(practice, Compartment::Identity), (Sight::Unread, false));
    share(clinic, record, practice.facility);
    clinic.meet(practice);
    assert_eq!(
        standing(practice, Compartment::Emergency),
        (Sight::Open, true),
        "shared without an end"
    );
}

#[test]
fn its_date_ends_a_request_that_nobody_closes() {
    let mut places = territory(&[
        ("clinic", FacilityKind::Clinic, Profession::Doctor),
        ("specialist", FacilityKind::Clinic, Profession::Doctor),
        ("car", FacilityKind::Mobile, Profession::Doctor),
    ]);
    let [clinic, specialist, car] = these(&mut places);
    let record = create(clinic);
    ask(clinic, record, specialist, &[Compartment::Clinical]);
    let addressee = Addressee::Facility(car.facility);
    try_ask(clinic, &wanted(record, addressee, &[Compartment::Clinical], 7)).unwrap();
    clinic.meet(specialist);
    clinic.meet(car);
    assert!(texts(specialist, &record).contains(&"note".to_owned()) && texts(car, &record).contains(&"note".to_owned()));
    clinic.now += 40 * DAY;
    says(clinic, record, Compartment::Clinical, "forty days later");
    clinic.meet(specialist);
    clinic.meet(car);
    assert_eq!(label(specialist, &record, "forty days later"), None);
    assert_eq!(label(car, &record, "forty days later"), None);
}

#[test]
fn a_share_that_stood_before_a_request_stands_after_it() {
    let mut places = town();
    let [clinic, specialist, _] = these(&mut places);
    let record = create(clinic);
    share(clinic, record, specialist.facility);
    let person = specialist.secrets.practitioner.unwrap();
    for addressee in [
        Addressee::Team(team_of(specialist)),
        Addressee::Facility(specialist.facility),
        Addressee::Practitioner(person),
    ] {
        let new = wanted(record, addressee, &[Compartment::Medication], 7);
        let attached = clinic.reader().attach(clinic.now, &new, &clinic.registry).unwrap();
        assert_eq!(attached.ends_ms, None, "they read it already");
        let request = try_ask(clinic, &new).unwrap();
        write(clinic, request, Party::Requester, "closed", &[request]).unwrap();
    }
    says(clinic, record, Compartment::Medication, "after the end");
    clinic.meet(specialist);
    assert_eq!(label(specialist, &record, "after the end"), Some(Label::Accepted));
    says(specialist, record, Compartment::Medication, "their own line");
    specialist.meet(clinic);
    assert_eq!(
        label(clinic, &record, "their own line"),
        Some(Label::Accepted),
        "no denial hits them"
    );
}

#[test]
fn one_who_got_more_by_another_way_meanwhile_loses_nothing_by_the_end() {
    let mut places = town();
    let [clinic, specialist, _] = these(&mut places);
    let record = create(clinic);
    let person = specialist.secrets.practitioner.unwrap();
    let new = wanted(record, Addressee::Practitioner(person), &[Compartment::Medication], 7);
    let request = try_ask(clinic, &new).unwrap();
    // The person was referred to; now the record is shared with the whole team.
    share(clinic, record, specialist.facility);
    clinic.meet(specialist);
    write(clinic, request, Party::Requester, "closed", &[request]).unwrap();
    says(clinic, record, Compartment::Medication, "after the end");
    clinic.meet(specialist);
    assert_eq!(label(specialist, &record, "after the end"), Some(Label::Accepted));
}

#[test]
fn two_requests_to_the_same_people_end_one_after_the_other_and_a_third_opens_again() {
    let mut places = town();
    let [clinic, specialist, _] = these(&mut places);
    let record = create(clinic);
    let parts = [Compartment::Medication];
    let first = ask(clinic, record, specialist, &parts);
    let second = ask(clinic, record, specialist, &parts);
    write(clinic, first, Party::Requester, "closed", &[first]).unwrap();
    says(clinic, record, Compartment::Medication, "for the second");
    clinic.meet(specialist);
    assert_eq!(
        label(specialist, &record, "for the second"),
        Some(Label::Accepted),
        "the other one is open"
    );
    assert!(shut(clinic, &[first, second]) > 0);
    says(clinic, record, Compartment::Medication, "for nobody");
    let third = ask(clinic, record, specialist, &[]);
    clinic.meet(specialist);
    assert_eq!(label(specialist, &record, "for nobody"), None);
    let fourth = ask(clinic, record, specialist, &parts);
    clinic.meet(specialist);
    assert_eq!(
        label(specialist, &record, "for nobody"),
        Some(Label::Accepted),
        "a new request answers the end of the old"
    );
    assert_ne!(third, fourth);
}

#[test]
fn a_writer_refers_for_a_week_and_takes_it_back_without_touching_others() {
    let mut places = town();
    let [clinic, specialist, practice] = these(&mut places);
    let record = create(clinic);
    share(clinic, record, practice.facility);
    clinic.meet(practice);
    let new = wanted(record, Addressee::Team(team_of(specialist)), &[Compartment::Medication], 30);
    let attached = practice.reader().attach(practice.now, &new, &practice.registry).unwrap();
    assert_eq!(attached.ends_ms, Some(practice.now + 7 * DAY), "not a steward there");
    let attached = clinic.reader().attach(clinic.now, &new, &clinic.registry).unwrap();
    assert_eq!(attached.ends_ms, Some(clinic.now + 30 * DAY));

    let theirs = try_ask(practice, &new).unwrap();
    practice.meet(specialist);
    assert!(
        specialist.reader().request(&theirs).unwrap().is_trusted,
        "founded by a reader of the identity"
    );
    assert_eq!(texts(specialist, &record), ["identity of Awa", "metformin", "the question"]);
    practice.meet(clinic);
    assert!(clinic.reader().request(&theirs).is_none(), "it is between the two of them");
    let own = ask(clinic, record, specialist, &[Compartment::Medication]);
    clinic.meet(practice);
    clinic.meet(specialist);
    write(practice, theirs, Party::Requester, "closed", &[theirs]).unwrap();
    practice.meet(clinic);
    says(clinic, record, Compartment::Medication, "for the clinic's request");
    clinic.meet(specialist);
    assert_eq!(label(specialist, &record, "for the clinic's request"), Some(Label::Accepted));
    write(clinic, own, Party::Requester, "closed", &[own]).unwrap();
    says(clinic, record, Compartment::Medication, "for nobody");
    clinic.meet(specialist);
    assert_eq!(label(specialist, &record, "for nobody"), None);
    clinic.meet(practice);
    try_ask(practice, &new).unwrap();
    practice.meet(specialist);
    assert_eq!(
        label(specialist, &record, "for nobody"),
        Some(Label::Accepted),
        "no end is anybody else's to lift"
    );
}

#[test]
fn t38_what_is_begun_after_a_request_is_not_opened_by_it() {
    let mut places = town();
    let [clinic, specialist, _] = these(&mut places);
    let reader = clinic.reader.take().unwrap();
    let facts = [new(Compartment::Identity, "Awa")];
    let write = reader
        .create_record(clinic.now, Lane::Today, &facts, &clinic.registry, &mut clinic.entropy)
        .unwrap();
    clinic.reader = Some(reader);
    let record = clinic.save(write).record.unwrap();
    let person = Addressee::Practitioner(specialist.secrets.practitioner.unwrap());
    for addressee in [person, Addressee::Team(team_of(specialist))] {
        try_ask(clinic, &wanted(record, addressee, &[], 7)).unwrap();
    }
    says(clinic, record, Compartment::Clinical, "a first note");
    clinic.meet(specialist);
    assert_eq!(texts(specialist, &record), ["Awa", "the question", "the question"]);
}

#[test]
fn t38_a_stranger_who_knows_the_record_founds_no_request_that_counts() {
    let mut places = town();
    let [clinic, specialist, practice] = these(&mut places);
    let record = create(clinic);
    let clinics = Subject::Team(team_of(clinic));
    clinic.meet(practice);
    let mut forged = DocId::ZERO;
    let registry = practice.registry.clone();
    forge(practice, |reader, writing, entropy| {
        let grants = vec![open_ended(clinics, Rank::WRITER)];
        let (doc, key) = reader.found_for(writing, record, grants, Lane::Today, &registry, entropy).unwrap();
        let Subject::Team(team) = clinics else { unreachable!() };
        let head = RequestHead {
            addressee: Addressee::Team(team),
            salt: [1; 32],
        };
        let filed = RecordHead {
            record,
            compartment: Compartment::Request as u8,
            salt: None,
        };
        let bodies = [filed.to_fact(), head.to_fact(), fact("send me everything")];
        let authority = [genesis_grant_id(&doc, 0)];
        writing
            .content(&reader.me, &reader.network, (doc, Lane::Today), &key, &authority, &bodies)
            .unwrap();
        forged = doc;
    });
    practice.meet(clinic);
    let asked = clinic.reader().request(&forged).unwrap();
    assert!(!asked.is_trusted, "shown, and marked");
    assert_eq!(label(clinic, &record, "send me everything"), Some(Label::Quarantined));
    assert_eq!(clinic.reader().sides(&asked, &clinic.registry, clinic.now), Parties::default());
    assert_eq!(
        write(clinic, forged, Party::Recipient, "here", &[]),
        Err(WriteRefused::NoSuchRequest)
    );
    // The same by somebody who was asked and could read the identity: that one counts.
    let real = ask(clinic, record, specialist, &[]);
    clinic.meet(specialist);
    assert!(specialist.reader().request(&real).unwrap().is_trusted);
}

#[test]
fn t23_who_was_asked_opens_nothing_of_the_record_to_anybody() {
    let mut places = town();
    let [clinic, specialist, practice] = these(&mut places);
    let record = create(clinic);
    let request = ask(clinic, record, specialist, &[Compartment::Medication]);
    clinic.meet(specialist);
    let onward = wanted(record, Addressee::Team(team_of(practice)), &[], 7);
    assert_eq!(
        try_ask(specialist, &onward).err(),
        Some(WriteRefused::CannotRefer(Compartment::Identity)),
        "a referral isn't transferable"
    );
    // A program that asks nobody signs it all the same.
    let (identity, team, now) = (
        doc_of(specialist, &record, Compartment::Identity),
        team_of(practice),
        specialist.now,
    );
    let mut id = GrantId([0; 32]);
    let forged = forge(specialist, |reader, writing, _| {
        let authority = reader.access(&identity).unwrap().may(&reader.pen.seat, Act::Read, now).unwrap();
        let terms = Terms {
            not_before_ms: now,
            not_after_ms: now + DAY,
            ..open_ended(Subject::Team(team), Rank::READER)
        };
        let body = Op::Grant(Grant { terms, answers: vec![] }).encode().unwrap();
        sign(reader, writing, (Kind::Grant, Lane::Urgent), identity, authority, body);
        id = crate::access::ops::grant_id(&identity, &writing.items.last().unwrap().id());
    });
    assert_eq!(forged.len(), 1);
    specialist.meet(clinic);
    for place in [&*clinic, &*specialist] {
        let view = place.reader().access(&identity).unwrap();
        let grant = view.grants().iter().find(|g| g.id == id).unwrap();
        assert!(matches!(grant.state, GrantState::Invalid(_)));
    }
    says(clinic, record, Compartment::Identity, "a new address");
    clinic.meet(practice);
    assert_eq!(practice.reader().records().count(), 0);
    // Nor does the right to write in the request make them its requester, or anybody else a party.
    assert_eq!(
        write(specialist, request, Party::Requester, "x", &[]),
        Err(WriteRefused::NoSuchRequest)
    );
    write(specialist, request, Party::Recipient, "taken", &[]).unwrap();
    specialist.meet(clinic);
    assert_eq!(sides_of(clinic, &request, "taken"), IS_ASKED);
    assert_eq!(shut(specialist, &[request]), 0, "nor can they take back what they got");
}

#[test]
fn a_grant_made_later_puts_nobody_on_a_side() {
    let mut places = town();
    let [clinic, specialist, practice] = these(&mut places);
    let record = create(clinic);
    let request = ask(clinic, record, specialist, &[]);
    let (team, now) = (team_of(practice), clinic.now);
    let keys = clinic.reader().team_keys(&team, &clinic.registry, now);
    let registry = clinic.registry.clone();
    forge(clinic, |reader, writing, entropy| {
        for (doc, rank) in [(request, Rank::WRITER), (reader.identities(&record).next().unwrap(), Rank::READER)] {
            let authority = reader.access(&doc).unwrap().may(&reader.pen.seat, Act::Grant(rank), now).unwrap();
            let body = Op::Grant(Grant {
                terms: open_ended(Subject::Team(team), rank),
                answers: vec![],
            });
            sign(reader, writing, (Kind::Grant, Lane::Urgent), doc, authority, body.encode().unwrap());
            reader.open_to(writing, doc, &keys, &registry, entropy).unwrap();
        }
    });
    clinic.meet(practice);
    let asked = practice.reader().request(&request).unwrap();
    assert_eq!(
        practice.reader().sides(&asked, &practice.registry, now),
        Parties::default(),
        "they may look on"
    );
    assert_eq!(
        write(practice, request, Party::Recipient, "x", &[]),
        Err(WriteRefused::NoSuchRequest)
    );
}

#[test]
fn entries_of_the_record_never_land_in_a_request_nor_a_step_elsewhere() {
    let mut places = town();
    let [clinic, specialist, _] = these(&mut places);
    let record = create(clinic);
    let first = ask(clinic, record, specialist, &[]);
    let second = ask(clinic, record, specialist, &[]);
    says(clinic, record, Compartment::Clinical, "a note");
    assert_eq!(
        add(clinic, record, Compartment::Request, "x").err(),
        Some(WriteRefused::OwnStepsOnly)
    );
    write(clinic, second, Party::Requester, "for the second", &[]).unwrap();
    let of = |doc: &DocId| -> Vec<String> {
        let facts = clinic.reader().document(doc).unwrap().facts();
        let said = facts
            .filter(|f| f.kind == FactKind::Resource)
            .map(|f| String::from_utf8(f.body.to_vec()).unwrap());
        said.collect()
    };
    assert_eq!(of(&first), ["the question"]);
    assert_eq!(of(&second).len(), 2);
    // Sharing the record leaves a request between the two.
    share(clinic, record, specialist.facility);
    let view = clinic.reader().access(&first).unwrap();
    assert!(view.verdicts().all(|(_, v)| *v == Verdict::Accepted));
    assert_eq!(view.grants().len(), 4, "founder, own team and person, and whom it was addressed to");
}

#[test]
fn a_request_needs_somebody_else_and_parts_that_are_there() {
    let mut places = town();
    let [clinic, specialist, practice] = these(&mut places);
    let record = create(clinic);
    let mut refused = |addressee, parts: &[Compartment]| try_ask(clinic, &wanted(record, addressee, parts, 7)).unwrap_err();
    let team = Addressee::Team(team_of(specialist));
    assert_eq!(
        refused(team, &[Compartment::Emergency]),
        WriteRefused::PartMissing(Compartment::Emergency)
    );
    assert_eq!(
        refused(team, &[Compartment::Sensitive]),
        WriteRefused::CannotRefer(Compartment::Sensitive)
    );
    assert_eq!(refused(Addressee::Team(DocId([7; 32])), &[]), WriteRefused::NobodyThere);
    assert_eq!(
        refused(Addressee::Practitioner(PractitionerKey([7; 32])), &[]),
        WriteRefused::NobodyThere
    );
    let (me, facility) = (clinic.secrets.practitioner.unwrap(), clinic.facility);
    assert_eq!(
        try_ask(clinic, &wanted(record, Addressee::Practitioner(me), &[], 7)),
        Err(WriteRefused::OwnRequest)
    );
    assert_eq!(
        try_ask(clinic, &wanted(record, Addressee::Facility(facility), &[], 7)),
        Err(WriteRefused::OwnRequest)
    );
    assert_eq!(
        try_ask(practice, &wanted(record, team, &[], 7)),
        Err(WriteRefused::NotAllowed),
        "nobody gave them the record"
    );
}

#[test]
fn what_a_request_amounts_to_is_the_same_in_whatever_order_it_comes() {
    let mut places = town();
    let [clinic, specialist, practice] = these(&mut places);
    let record = create(clinic);
    share(clinic, record, practice.facility);
    clinic.meet(practice);
    let first = ask(clinic, record, specialist, &[Compartment::Medication]);
    clinic.meet(specialist);
    write(specialist, first, Party::Recipient, "an answer", &[]).unwrap();
    specialist.meet(clinic);
    write(clinic, first, Party::Requester, "closed", &[first]).unwrap();
    says(clinic, record, Compartment::Medication, "after the end");
    let second = ask(clinic, record, specialist, &[Compartment::Medication]);
    clinic.meet(practice);
    says(practice, record, Compartment::Medication, "by a third");
    try_ask(practice, &wanted(record, Addressee::Facility(specialist.facility), &[], 7)).unwrap();
    practice.meet(clinic);
    clinic.meet(specialist);
    write(specialist, second, Party::Recipient, "a second answer", &[]).unwrap();
    specialist.meet(clinic);
    let all = specialist.items();
    let seen = |place: &Place| {
        let reader = place.reader();
        let views: Vec<Vec<u8>> = reader
            .compartments(&record)
            .map(|(_, doc)| reader.document(&doc).unwrap().canonical_view())
            .collect();
        let asked: Vec<Asked> = reader.requests().collect();
        let now = place.now;
        let open: Vec<usize> = asked.iter().map(|a| reader.opened_by(a, now).len()).collect();
        (views, asked, open)
    };
    let expected = seen(specialist);
    assert_eq!(expected.1.len(), 3);
    for seed in 0..12 {
        let mut random = crate::testing::Random::new(seed);
        let mut items = all.clone();
        random.shuffle(&mut items);
        let mut others = town();
        let [_, other, _] = these(&mut others);
        for item in &items {
            other.store(std::slice::from_ref(item));
        }
        assert!(seen(other) == expected, "order {seed}");
    }
}
