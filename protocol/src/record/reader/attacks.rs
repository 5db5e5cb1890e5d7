//! What members do who found, forge and flood: nothing is drawn out of a record, and nobody is kept busy.

use std::cell::Cell;
use std::ops::Bound;
use std::sync::Arc;

use super::tests::{add, chores, create, doc_of, fact, forge, new, share, shared_record, sign, texts, these, trio, two_rounds};
use super::write::open_ended;
use super::*;
use crate::access::epochs::make_epoch;
use crate::access::ops::{DocumentKind, Genesis, Rank, Revoke, Subject, genesis_grant_id};
use crate::access::view::Act;
use crate::crypto::{Entropy, Secret};
use crate::identity::{FacilityKind, Profession};
use crate::ids::{Hlc, KemPublic};
use crate::record::{Label, RecordHead};
use crate::store::{Batch, Fingerprint, LocalRecord, Ordered, VerifyReport};
use crate::testing::{Place, territory};

/// Clinic, pharmacy, and a doctor's practice that nothing is shared with.
fn town() -> Vec<Place> {
    territory(&[
        ("clinic", FacilityKind::Clinic, Profession::Doctor),
        ("pharmacy", FacilityKind::Pharmacy, Profession::Pharmacist),
        ("practice", FacilityKind::Clinic, Profession::Doctor),
    ])
}

fn team_of(place: &Place) -> DocId {
    *place.registry.teams_of(&place.facility).next().expect("it has one").0
}

/// A record with an identity only, shared with the pharmacy.
fn identity_only(clinic: &mut Place, pharmacy: &mut Place) -> RecordId {
    let reader = clinic.reader.take().unwrap();
    let facts = [new(Compartment::Identity, "Awa")];
    let write = reader
        .create_record(clinic.now, Lane::Today, &facts, &clinic.registry, &mut clinic.entropy)
        .unwrap();
    clinic.reader = Some(reader);
    let record = clinic.save(write).record.unwrap();
    share(clinic, record, pharmacy.facility);
    clinic.meet(pharmacy);
    record
}

fn head_of(place: &Place, record: &RecordId) -> RecordHead {
    let doc = doc_of(place, record, Compartment::Identity);
    let facts = place.reader().document(&doc).unwrap().facts();
    let mut heads = facts.filter(|f| f.kind == FactKind::RecordHead);
    RecordHead::parse(heads.next().unwrap().body).unwrap()
}

/// A document for this record, founded by somebody whose program asks no matrix: the teams may write there, and its id comes before
/// `below`. Its head repeats whatever the real one says.
fn bait(place: &mut Place, head: RecordHead, compartment: Compartment, teams: &[DocId], below: Option<DocId>, text: &str) {
    let now = place.now;
    let known = teams.iter().flat_map(|team| place.reader().team_keys(team, &place.registry, now));
    let mut to: BTreeSet<KemPublic> = known.collect();
    forge(place, |reader, writing, entropy| {
        let mut genesis = Genesis {
            kind: DocumentKind::Record,
            nonce: [0; 32],
            custodian: reader.me.facility,
            grants: teams.iter().map(|t| open_ended(Subject::Team(*t), Rank::WRITER)).collect(),
            epoch: Vec::new(),
        };
        let doc = loop {
            genesis.nonce = entropy.random32();
            let doc = genesis.doc_id(&reader.network, &reader.pen.seat);
            if below.is_none_or(|below| doc < below) {
                break doc;
            }
        };
        to.insert(reader.me.kem.public());
        let (epoch, key) = make_epoch(&reader.network, &doc, &reader.pen.seat, &reader.me.hedge(), &to, &[], entropy).unwrap();
        genesis.epoch = epoch.encode();
        let body = Op::Genesis(genesis).encode().unwrap();
        sign(reader, writing, (Kind::Genesis, Lane::Today), doc, Vec::new(), body);
        let head = RecordHead {
            compartment: compartment as u8,
            ..head
        };
        let authority = [genesis_grant_id(&doc, 0)];
        writing
            .content(
                &reader.me,
                &reader.network,
                (doc, Lane::Today),
                &key,
                &authority,
                &[head.to_fact(), fact(text)],
            )
            .unwrap();
    });
}

fn label_of(place: &Place, record: &RecordId, text: &str) -> Option<Label> {
    let mut found = place.reader().history(record).filter(|f| f.fact.body == text.as_bytes());
    found.next().map(|f| f.fact.label)
}

#[test]
fn t38_no_document_that_a_pharmacist_founds_draws_in_what_the_clinic_writes() {
    // The story: whoever ever read a record knows its id. A document "for" it with the clinic among its writers drew in the next
    // masked note, sealed to its founder.
    for compartment in [Compartment::Sensitive, Compartment::Clinical] {
        let mut places = town();
        let [clinic, pharmacy, _] = these(&mut places);
        let record = identity_only(clinic, pharmacy);
        let head = head_of(pharmacy, &record);
        bait(pharmacy, head, compartment, &[team_of(clinic)], None, "write your notes here");
        clinic.meet(pharmacy);
        let shown = label_of(clinic, &record, "write your notes here");
        assert_eq!(shown, Some(Label::Quarantined), "shown, and marked");
        let write = add(clinic, record, compartment, "HIV positive").unwrap();
        clinic.save(write);
        two_rounds(clinic, pharmacy);
        assert!(!texts(pharmacy, &record).contains(&"HIV positive".to_owned()));
        assert_eq!(label_of(clinic, &record, "HIV positive"), Some(Label::Accepted));
    }
}

#[test]
fn t38_a_doctor_whom_nobody_gave_the_record_draws_in_nothing_though_his_document_comes_first() {
    let mut places = town();
    let [clinic, pharmacy, practice] = these(&mut places);
    let record = create(clinic);
    share(clinic, record, pharmacy.facility);
    clinic.meet(pharmacy);
    let real = doc_of(clinic, &record, Compartment::Clinical);
    // The pharmacist tells a friend, with all that she can read of the record.
    let head = head_of(pharmacy, &record);
    bait(
        practice,
        head,
        Compartment::Clinical,
        &[team_of(clinic)],
        Some(real),
        "a friend's note",
    );
    clinic.meet(practice);
    assert_eq!(label_of(clinic, &record, "a friend's note"), Some(Label::Quarantined));
    let write = add(clinic, record, Compartment::Clinical, "secret").unwrap();
    assert_eq!(write.documents, [real].into());
    clinic.save(write);
    two_rounds(clinic, practice);
    assert_eq!(texts(practice, &record), ["a friend's note"]);
}

#[test]
fn t38_a_second_identity_document_brings_nobody_in() {
    let mut places = town();
    let [clinic, pharmacy, practice] = these(&mut places);
    let record = identity_only(clinic, pharmacy);
    let head = head_of(pharmacy, &record);
    let teams = [team_of(clinic), team_of(practice)];
    bait(pharmacy, head, Compartment::Identity, &teams, None, "another Awa");
    clinic.meet(pharmacy);
    // The clinic's first note: its readers are those of the real identity.
    let write = add(clinic, record, Compartment::Clinical, "secret").unwrap();
    clinic.save(write);
    clinic.meet(practice);
    two_rounds(clinic, practice);
    assert!(!texts(practice, &record).contains(&"secret".to_owned()));
    // Nor does sharing go on into it.
    share(clinic, record, practice.facility);
    clinic.meet(practice);
    let shown = texts(practice, &record);
    assert!(
        shown.contains(&"secret".to_owned()) && shown.contains(&"Awa".to_owned()),
        "{shown:?}"
    );
}

#[test]
fn t14_who_was_denied_founds_nothing_that_counts_and_what_he_founded_before_stays() {
    let mut places = trio();
    let [clinic, pharmacy, nurses] = these(&mut places);
    let record = identity_only(clinic, pharmacy);
    share(clinic, record, nurses.facility);
    clinic.meet(nurses);
    // A nurse begins the clinical part: by the role matrix she writes there.
    let write = add(nurses, record, Compartment::Clinical, "dressing changed").unwrap();
    nurses.save(write);
    clinic.meet(nurses);
    assert_eq!(label_of(clinic, &record, "dressing changed"), Some(Label::Accepted));
    let write = add(clinic, record, Compartment::Clinical, "seen today").unwrap();
    clinic.save(write);
    clinic.meet(nurses);
    assert!(texts(nurses, &record).contains(&"seen today".to_owned()), "one document for both");

    // The clinic denies the nurses; what they had written by then is kept.
    let identity = doc_of(clinic, &record, Compartment::Identity);
    let team = team_of(nurses);
    let heads = clinic.reader().links[&nurses.secrets.key()].links.values().map(ChainLink::head);
    let keep: Vec<_> = heads.max_by_key(|h| h.seq).into_iter().collect();
    let (seat, now) = (nurses.secrets.key(), clinic.now);
    forge(clinic, |reader, writing, _| {
        let authority = reader
            .access(&identity)
            .unwrap()
            .may(&reader.pen.seat, Act::Revoke(Rank::READER), now)
            .unwrap();
        let keep = vec![(seat, keep.clone())];
        let subject = Subject::Team(team);
        let body = Op::Revoke(Revoke { subject, reason: 0, keep }).encode().unwrap();
        sign(reader, writing, (Kind::Revoke, Lane::Control), identity, authority, body);
    });
    assert_eq!(label_of(clinic, &record, "dressing changed"), Some(Label::Accepted), "kept");
    let write = add(clinic, record, Compartment::Clinical, "after the denial").unwrap();
    clinic.save(write);
    clinic.meet(nurses);
    two_rounds(clinic, nurses);
    assert!(
        !texts(nurses, &record).contains(&"after the denial".to_owned()),
        "their document draws in nothing more"
    );
    // And what they found from now on doesn't count.
    let head = RecordHead {
        record,
        compartment: 0,
        salt: None,
    };
    bait(nurses, head, Compartment::Medication, &[team_of(clinic)], None, "take ten of these");
    clinic.meet(nurses);
    assert_eq!(label_of(clinic, &record, "take ten of these"), Some(Label::Quarantined));
}

#[test]
fn t35_an_epoch_by_somebody_without_a_grant_makes_nobody_rotate() {
    let mut places = trio();
    let record = shared_record(&mut places);
    let [clinic, pharmacy, _] = these(&mut places);
    let doc = doc_of(clinic, &record, Compartment::Clinical);
    let present = clinic.reader().ring.epochs(doc).next().unwrap().clone();
    let stranger = pharmacy.secrets.kem.public();
    // It names the present epoch as its predecessor, cites nothing, and is sealed to a stranger. Then once more with the present
    // epoch's own name.
    for reuse in [false, true] {
        forge(pharmacy, |reader, writing, entropy| {
            let seat = reader.pen.seat;
            let made = make_epoch(
                &reader.network,
                &doc,
                &seat,
                &reader.me.hedge(),
                &[stranger].into(),
                &[&present],
                entropy,
            );
            let mut epoch = made.unwrap().0;
            if reuse {
                epoch.kid = present.kid();
            }
            sign(reader, writing, (Kind::KeyEpoch, Lane::Today), doc, Vec::new(), epoch.encode());
        });
    }
    clinic.meet(pharmacy);
    let write = add(clinic, record, Compartment::Clinical, "on").unwrap();
    assert_eq!(write.items.len(), 1, "the note, and no epoch before it");
}

#[test]
fn t63_an_epoch_with_a_false_deposit_key_is_found_out_and_written_over() {
    let mut places = trio();
    let record = shared_record(&mut places);
    let [clinic, _, nurses] = these(&mut places);
    let doc = doc_of(clinic, &record, Compartment::Clinical);
    let now = nurses.now;
    let to = nurses
        .reader()
        .recipients(nurses.reader().access(&doc).unwrap(), &nurses.registry, now);
    forge(nurses, |reader, writing, entropy| {
        let view = reader.access(&doc).unwrap();
        let held: Vec<_> = reader.ring.epochs(doc).collect();
        let seat = reader.pen.seat;
        let (mut epoch, _) = make_epoch(&reader.network, &doc, &seat, &reader.me.hedge(), &to, &held, entropy).unwrap();
        epoch.deposit = reader.me.kem.public();
        let authority = view.may(&seat, Act::Rotate, now).unwrap();
        sign(reader, writing, (Kind::KeyEpoch, Lane::Today), doc, authority, epoch.encode());
    });
    clinic.meet(nurses);
    let write = add(clinic, record, Compartment::Clinical, "on").unwrap();
    let kinds: Vec<Kind> = write.items.iter().map(|i| Envelope::parse(i).unwrap().header.kind).collect();
    assert_eq!(
        kinds,
        [Kind::KeyEpoch, Kind::Content],
        "the clinic opened it and doesn't write under it"
    );
}

#[test]
fn t63_a_team_with_a_false_deposit_key_is_renewed_by_its_members_and_outsiders_follow() {
    let mut places = trio();
    let record = shared_record(&mut places);
    let [clinic, pharmacy, nurses] = these(&mut places);
    let team = team_of(nurses);
    let (stranger, now) = (pharmacy.secrets.kem.public(), nurses.now);
    // A nurse's stolen seat says that what is for the team is to be sealed to a stranger.
    forge(nurses, |reader, writing, entropy| {
        let held: Vec<_> = reader.ring.epochs(team).collect();
        let (seat, to) = (reader.pen.seat, [reader.me.kem.public()].into());
        let (mut epoch, _) = make_epoch(&reader.network, &team, &seat, &reader.me.hedge(), &to, &held, entropy).unwrap();
        epoch.deposit = stranger;
        let authority = reader.access(&team).unwrap().may(&seat, Act::Rotate, now).unwrap();
        sign(reader, writing, (Kind::KeyEpoch, Lane::Today), team, authority, epoch.encode());
    });
    clinic.meet(nurses);
    assert!(
        clinic.reader().team_keys(&team, &clinic.registry, now).contains(&stranger),
        "an outsider can't tell yet"
    );
    assert_eq!(chores(nurses), 1, "a member opens it, and rotates");
    assert_eq!(chores(nurses), 0, "once");
    clinic.meet(nurses);
    let keys = clinic.reader().team_keys(&team, &clinic.registry, now);
    assert!(!keys.is_empty() && !keys.contains(&stranger));
    let write = add(clinic, record, Compartment::Clinical, "for the team").unwrap();
    let epoch = write
        .items
        .iter()
        .map(|i| Envelope::parse(i).unwrap())
        .find(|e| e.header.kind == Kind::KeyEpoch);
    let sealed_to: BTreeSet<KemPublic> = KeyEpoch::decode(&epoch.expect("a new one").body).unwrap().recipients().collect();
    assert!(!sealed_to.contains(&stranger) && keys.is_subset(&sealed_to));
}

#[test]
fn t06_a_ciphertext_that_somebody_else_signed_opens_to_nothing_and_the_signer_is_known() {
    let mut places = trio();
    let record = shared_record(&mut places);
    let [clinic, _, nurses] = these(&mut places);
    let write = add(clinic, record, Compartment::Clinical, "by the doctor").unwrap();
    let original = Envelope::parse(write.items.last().unwrap()).unwrap();
    clinic.save(write);
    clinic.meet(nurses);
    let (doc, now) = (original.header.doc, nurses.now);
    forge(nurses, |reader, writing, _| {
        let authority = reader.access(&doc).unwrap().may(&reader.pen.seat, Act::Write, now).unwrap();
        let mut header = writing
            .pen
            .header(now, Kind::Content, Lane::Today, doc, original.header.kid, authority);
        header.hlc = Hlc(original.header.hlc.0 + 1);
        let stolen = header.sign(&reader.me.signing, &reader.network, original.siv, original.body.clone());
        let stolen = Envelope::parse(&stolen.unwrap().to_bytes()).unwrap().verify(&reader.network);
        writing.push(doc, stolen.unwrap());
    });
    let before = texts(clinic, &record);
    clinic.meet(nurses);
    assert_eq!(texts(clinic, &record), before);
    assert_eq!(clinic.reader().to_blame(), [(nurses.secrets.key(), 1)].into());
}

/// A store that counts what is read.
struct Counting<'a>(&'a dyn Store, Cell<usize>);

impl Store for Counting<'_> {
    fn commit(&mut self, _: &Batch) -> Result<Vec<bool>, StoreError> {
        unreachable!("reading only")
    }
    fn get(&self, id: &ItemId) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.1.set(self.1.get() + 1);
        self.0.get(id)
    }
    fn contains(&self, id: &ItemId) -> Result<bool, StoreError> {
        self.0.contains(id)
    }
    fn of_document(&self, doc: &DocId) -> Result<Vec<OrderKey>, StoreError> {
        self.0.of_document(doc)
    }
    fn local(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.local(key)
    }
    fn local_prefix(&self, prefix: &[u8]) -> Result<Vec<LocalRecord>, StoreError> {
        self.0.local_prefix(prefix)
    }
    fn verify(&mut self) -> Result<VerifyReport, StoreError> {
        unreachable!("reading only")
    }
    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Ordered for Counting<'_> {
    fn total(&self) -> Fingerprint {
        self.0.total()
    }
    fn below(&self, key: &OrderKey) -> Result<Fingerprint, StoreError> {
        self.0.below(key)
    }
    fn nth(&self, n: u64) -> Result<Option<OrderKey>, StoreError> {
        self.0.nth(n)
    }
    fn range(&self, from: Bound<OrderKey>, limit: usize) -> Result<Vec<OrderKey>, StoreError> {
        self.0.range(from, limit)
    }
}

#[test]
fn t65_content_that_nobody_can_open_is_looked_at_once() {
    let mut places = trio();
    let record = shared_record(&mut places);
    let [clinic, pharmacy, _] = these(&mut places);
    let doc = doc_of(clinic, &record, Compartment::Clinical);
    for n in 1..=200u8 {
        forge(pharmacy, |reader, writing, _| {
            let kid = Kid([n; Kid::LEN]);
            let header = writing.pen.header(writing.now_ms, Kind::Content, Lane::Rest, doc, kid, Vec::new());
            let sealed = header
                .seal(&reader.me.signing, &reader.network, &Secret([n; 32]), b"nothing")
                .unwrap();
            writing.push(doc, sealed);
        });
    }
    clinic.meet(pharmacy);
    assert!(clinic.reader().counts().sealed >= 200);
    let write = add(clinic, record, Compartment::Clinical, "one more").unwrap();
    let id = Envelope::parse(&write.items[0]).unwrap().id();
    let mut reader = clinic.reader.take().unwrap();
    clinic.store(&write.items);
    reader.saved(&write);
    let key = OrderKey {
        lane: Lane::Today as u8,
        time: Hlc::from_millis(clinic.now),
        id,
    };
    let store = Counting(&clinic.store, Cell::new(0));
    reader.absorb(&[key], &store, &clinic.registry, clinic.now).unwrap();
    assert!(store.1.get() <= 4, "{} envelopes read for one", store.1.get());
    clinic.reader = Some(reader);
    assert!(texts(clinic, &record).contains(&"one more".to_owned()));
}
