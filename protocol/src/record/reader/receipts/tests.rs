//! Receipts among real readers: what an author may believe, and what says nothing.

use super::super::tests::{add, create, new, share, these};
use super::*;
use crate::access::matrix::Compartment;
use crate::crypto::Secret;
use crate::identity::{FacilityKind, Profession};
use crate::ids::{GrantId, Kid, RecordId};
use crate::record::Label;
use crate::store::{Batch, LocalWrite};
use crate::testing::{Place, territory};

/// A clinic with a record that a pharmacy and nurses can read.
fn three() -> (Vec<Place>, RecordId) {
    let mut places = territory(&[
        ("clinic", FacilityKind::Clinic, Profession::Doctor),
        ("pharmacy", FacilityKind::Pharmacy, Profession::Pharmacist),
        ("nurses", FacilityKind::Clinic, Profession::Nurse),
    ]);
    let [clinic, pharmacy, nurses] = these(&mut places);
    let record = create(clinic);
    share(clinic, record, pharmacy.facility);
    share(clinic, record, nurses.facility);
    clinic.meet(pharmacy);
    clinic.meet(nurses);
    (places, record)
}

fn doc_of(place: &Place, record: RecordId, compartment: Compartment) -> DocId {
    let mut all = place.reader().compartments(&record);
    all.find(|(c, _)| *c == compartment).expect("readable").1
}

fn acknowledge(place: &mut Place, doc: DocId, state: Seen) -> Result<bool, WriteRefused> {
    let reader = place.reader.take().unwrap();
    let write = reader.acknowledge(place.now, doc, state, &place.registry, &mut place.entropy);
    place.reader = Some(reader);
    Ok(write?.map(|write| place.save(write)).is_some())
}

/// The envelope of the fact with this text.
fn envelope(place: &Place, doc: DocId, text: &str) -> ItemId {
    let mut facts = place.reader().document(&doc).expect("readable").facts();
    facts.find(|f| f.body == text.as_bytes()).expect("written").envelope
}

fn write(place: &mut Place, record: RecordId, compartment: Compartment, text: &str) {
    let written = add(place, record, compartment, text).unwrap();
    place.save(written);
}

fn said(place: &Place, doc: DocId, item: &ItemId) -> (Vec<SeatKey>, Vec<SeatKey>) {
    let all = place.reader().receipts(&doc, item);
    (all.received.into_keys().collect(), all.read.into_keys().collect())
}

#[test]
fn an_author_learns_who_received_and_who_read_up_to_where() {
    let (mut places, record) = three();
    let [clinic, pharmacy, nurses] = these(&mut places);
    let doc = doc_of(clinic, record, Compartment::Medication);
    let first = envelope(clinic, doc, "metformin");
    assert_eq!(said(clinic, doc, &first), (vec![], vec![]));
    let counts = clinic.reader().counts();

    assert_eq!(acknowledge(pharmacy, doc, Seen::Received), Ok(true));
    assert_eq!(acknowledge(pharmacy, doc, Seen::Received), Ok(false), "nothing new");
    pharmacy.meet(clinic);
    let (her, them) = (pharmacy.reader().seat(), nurses.reader().seat());
    assert_eq!(said(clinic, doc, &first), (vec![her], vec![]));
    assert_eq!(clinic.reader().receipts(&doc, &first).received[&her].millis(), pharmacy.now);

    assert_eq!(acknowledge(pharmacy, doc, Seen::Read), Ok(true));
    assert_eq!(acknowledge(nurses, doc, Seen::Read), Ok(true));
    write(clinic, record, Compartment::Medication, "aspirin");
    pharmacy.meet(clinic);
    nurses.meet(clinic);
    let mut both = vec![her, them];
    both.sort();
    assert_eq!(said(clinic, doc, &first), (both.clone(), both), "whoever has read has received");
    let second = envelope(clinic, doc, "aspirin");
    assert_eq!(said(clinic, doc, &second), (vec![], vec![]), "written after they looked");
    assert_eq!(acknowledge(pharmacy, doc, Seen::Received), Ok(true));
    pharmacy.meet(clinic);
    assert_eq!(said(clinic, doc, &second), (vec![her], vec![]));

    // A receipt is no content: nobody counts it, shows it or acknowledges it.
    let now = clinic.reader().counts();
    assert_eq!((now.readable, now.sealed, now.refused), (counts.readable + 1, 0, 0));
    assert_eq!(clinic.reader().history(&record).count(), 4);
    for state in [Seen::Received, Seen::Read] {
        assert_eq!(acknowledge(clinic, doc, state), Ok(false), "one's own work, and receipts");
    }
}

#[test]
fn a_mere_reader_writes_receipts_and_no_facts() {
    let (mut places, record) = three();
    let [clinic, _, nurses] = these(&mut places);
    let doc = doc_of(clinic, record, Compartment::Identity);
    assert_eq!(
        add(nurses, record, Compartment::Identity, "x").err(),
        Some(WriteRefused::NotAllowed),
        "rank 9"
    );
    assert_eq!(acknowledge(nurses, doc, Seen::Read), Ok(true));
    nurses.meet(clinic);
    let item = envelope(clinic, doc, "identity of Awa");
    assert_eq!(said(clinic, doc, &item).1, [nurses.reader().seat()]);
}

#[test]
fn nothing_is_acknowledged_beyond_a_gap() {
    let (mut places, record) = three();
    let [clinic, pharmacy, _] = these(&mut places);
    let doc = doc_of(clinic, record, Compartment::Medication);
    assert_eq!(acknowledge(pharmacy, doc, Seen::Received), Ok(true));
    // Three in a row; the one between, in another lane, is still on its way.
    let mut made = Vec::new();
    for (lane, text) in [(Lane::Today, "one"), (Lane::Rest, "two"), (Lane::Today, "three")] {
        let reader = clinic.reader.take().unwrap();
        let facts = [new(Compartment::Medication, text)];
        let written = reader.add(clinic.now, lane, record, &facts, &clinic.registry, &mut clinic.entropy);
        clinic.reader = Some(reader);
        made.push(clinic.save(written.unwrap()).items);
    }
    let ids = ["one", "two", "three"].map(|text| envelope(clinic, doc, text));
    pharmacy.store(&[made[0].clone(), made[2].clone()].concat());
    assert!(envelope(pharmacy, doc, "three") == ids[2], "it opens");
    assert_eq!(acknowledge(pharmacy, doc, Seen::Received), Ok(true));
    clinic.store(&pharmacy.items());
    let seats = |place: &Place| ids.map(|id| said(place, doc, &id).0.len());
    assert_eq!(seats(clinic), [1, 0, 0]);
    assert_eq!(acknowledge(pharmacy, doc, Seen::Received), Ok(false));
    pharmacy.store(&made[1]);
    assert_eq!(acknowledge(pharmacy, doc, Seen::Received), Ok(true));
    clinic.store(&pharmacy.items());
    assert_eq!(seats(clinic), [1, 1, 1]);
}

/// A receipt as a seat could sign it with whatever key and authority it has at hand.
fn forge(place: &mut Place, doc: DocId, (kid, key): (Kid, &Secret), authority: &[GrantId], text: &[u8]) {
    let reader = place.reader.take().unwrap();
    let mut writing = reader.begin(place.now);
    let header = writing
        .pen
        .header(place.now, Kind::Receipt, Lane::Today, doc, kid, authority.to_vec());
    let written = header.seal(&reader.me.signing, &reader.network, key, text).unwrap();
    writing.push(doc, written);
    let write = writing.finish(Vec::new(), None);
    place.reader = Some(reader);
    place.save(write);
}

#[test]
fn t71_a_receipt_by_somebody_who_may_not_read_says_nothing() {
    let (mut places, record) = three();
    let [clinic, pharmacy, nurses] = these(&mut places);
    let doc = doc_of(clinic, record, Compartment::Clinical);
    let item = envelope(clinic, doc, "note");
    let link = clinic.reader().docs[&doc].records[&item].link;
    let line = Line {
        state: Seen::Read,
        author: link.seat,
        incarnation: link.incarnation,
        seq: link.seq,
    };
    let text = receipt::encode(&[line]).unwrap();
    let key = nurses.reader().ring.epochs(doc).next().expect("nurses read it").clone();
    let view = nurses.reader().access(&doc).expect("open");
    let cited = view.may(&nurses.reader().seat(), Act::Read, nurses.now).expect("a reader");
    // The key leaked to the pharmacist, who cites what a nurse may cite, or nothing.
    let leaked = (key.kid(), key.secret());
    forge(pharmacy, doc, leaked, &cited, &text);
    forge(pharmacy, doc, leaked, &[], &text);
    // Without the key it doesn't even open; with it, rubbish isn't read.
    forge(pharmacy, doc, (key.kid(), &Secret([5; 32])), &cited, &text);
    forge(nurses, doc, leaked, &cited, &[text, vec![0]].concat());
    pharmacy.meet(nurses);
    nurses.meet(clinic);
    assert_eq!(said(clinic, doc, &item), (vec![], vec![]));
    assert_eq!(clinic.reader().docs[&doc].receipts.len(), 2, "opened, and not believed");
    let blamed = clinic.reader().to_blame();
    assert_eq!((blamed[&pharmacy.reader().seat()], blamed[&nurses.reader().seat()]), (1, 1));
    // The same words by a reader count.
    assert_eq!(acknowledge(nurses, doc, Seen::Read), Ok(true));
    nurses.meet(clinic);
    assert_eq!(said(clinic, doc, &item).1, [nurses.reader().seat()]);
}

#[test]
fn nobody_acknowledges_what_was_founded_in_a_record_s_name_by_a_stranger_to_it() {
    let (mut places, record) = three();
    let [clinic, pharmacy, _] = these(&mut places);
    let doc = doc_of(pharmacy, record, Compartment::Medication);
    let filed = pharmacy.reader.as_mut().unwrap().docs.get_mut(&doc).unwrap();
    filed.filed.as_mut().unwrap().is_trusted = false;
    assert_eq!(acknowledge(pharmacy, doc, Seen::Read), Ok(false));
    assert!(clinic.reader().document(&doc).unwrap().facts().all(|f| f.label == Label::Accepted));
}

#[test]
fn receipts_are_there_when_a_seat_opens_again_also_after_a_death() {
    let (mut places, record) = three();
    let [clinic, pharmacy, _] = these(&mut places);
    let doc = doc_of(clinic, record, Compartment::Medication);
    let item = envelope(clinic, doc, "metformin");
    acknowledge(pharmacy, doc, Seen::Read).unwrap();
    pharmacy.meet(clinic);
    for died in [false, true] {
        if died {
            let mark = LocalWrite {
                key: b"reader/opening".to_vec(),
                value: Some(vec![1]),
            };
            let batch = Batch {
                items: Vec::new(),
                local: vec![mark],
            };
            clinic.store.commit(&batch).unwrap();
        }
        let again = Reader::open(clinic.secrets.clone(), 900, &mut clinic.store, &clinic.registry, clinic.now);
        clinic.reader = Some(again.unwrap());
        assert_eq!(said(clinic, doc, &item).1, [pharmacy.reader().seat()]);
    }
    // And the reader, opened again, doesn't say it twice.
    let again = Reader::open(pharmacy.secrets.clone(), 901, &mut pharmacy.store, &pharmacy.registry, pharmacy.now);
    pharmacy.reader = Some(again.unwrap());
    assert_eq!(acknowledge(pharmacy, doc, Seen::Read), Ok(false));
}

#[test]
fn a_node_holds_what_is_at_or_before_the_tips_it_names() {
    let (mut places, record) = three();
    let [clinic, _, _] = these(&mut places);
    let doc = doc_of(clinic, record, Compartment::Clinical);
    for text in ["one", "two"] {
        write(clinic, record, Compartment::Clinical, text);
    }
    let [note, one, two] = ["note", "one", "two"].map(|text| envelope(clinic, doc, text));
    let (early, late, elsewhere) = (NodeKey([1; 32]), NodeKey([2; 32]), NodeKey([3; 32]));
    let (of_early, of_late, of_elsewhere) = ([one], [two], [ItemId([9; 32])]);
    let held = [(early, &of_early[..]), (late, &of_late[..]), (elsewhere, &of_elsewhere[..])];
    let all = BTreeSet::from([note, one, two]);
    let holders = clinic.reader().holders_of(&clinic.reader().seat(), &all, held.into_iter());
    assert_eq!(holders[&note], BTreeSet::from([early, late]));
    assert_eq!(holders[&one], BTreeSet::from([early, late]));
    assert_eq!(holders[&two], BTreeSet::from([late]));
}
