//! The registry as people use it, and as an attacker would like to.

use ed25519_dalek::SigningKey;

use super::enrol::{self, Part};
use super::*;
use crate::access::ops::{DocumentKind, Genesis, Op, Subject, Terms};
use crate::crypto::{Entropy, KemSecret, Secret};
use crate::envelope::{Envelope, Header};
use crate::ids::{AuthorityKey, DocId, FacilityKey, Hlc, NodeKey, PractitionerKey, SeatKey};
use crate::testing;
use crate::wire::{WireError, Writer};

struct Counter(u8);

impl Entropy for Counter {
    fn random32(&mut self) -> [u8; 32] {
        self.0 += 1;
        [self.0; 32]
    }
}

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn public(n: u8) -> [u8; 32] {
    key(n).verifying_key().to_bytes()
}

const MATRIX: MatrixVersion = MatrixVersion { number: 1, hash: [0; 32] };
const ALWAYS: Validity = Validity {
    not_before: 0,
    not_after: u64::MAX,
};

fn charter(founders: &[u8], threshold: u8) -> Charter {
    let keys: Vec<_> = founders.iter().map(|n| key(*n)).collect();
    Charter::found("Vallée", &keys, threshold, MATRIX, &mut Counter(0)).unwrap()
}

fn facility(charter: &Charter, authority: u8, facility: u8) -> RegistryOp {
    let body = OpBody::Facility {
        key: FacilityKey(public(facility)),
        kind: FacilityKind::Clinic,
        name: "Maison de santé".into(),
        finess: String::new(),
        town: "Saint-Aubin".into(),
        validity: ALWAYS,
    };
    RegistryOp::issue(&charter.network_id(), Hlc(1), &key(authority), &[&key(facility)], body).unwrap()
}

fn revoke(charter: &Charter, by: u8, who: Revoked, keep: Vec<KeptHead>) -> RegistryOp {
    let body = OpBody::Revoke { who, reason: 1, keep };
    RegistryOp::issue(&charter.network_id(), Hlc(9), &key(by), &[], body).unwrap()
}

fn practitioner(charter: &Charter, facility: u8, who: u8) -> RegistryOp {
    let body = OpBody::Practitioner {
        key: PractitionerKey(public(who)),
        profession: Profession::Doctor,
        rpps: "10000000017".into(),
        name: "Anne Morel".into(),
        validity: ALWAYS,
    };
    RegistryOp::issue(&charter.network_id(), Hlc(2), &key(facility), &[&key(who)], body).unwrap()
}

fn seat(charter: &Charter, facility: u8, who: u8, seat: u8) -> RegistryOp {
    seat_at(charter, 3, facility, who, seat)
}

fn seat_at(charter: &Charter, hlc: u64, facility: u8, who: u8, seat: u8) -> RegistryOp {
    let body = OpBody::Seat {
        key: SeatKey(public(seat)),
        kem: KemSecret::from_seed(&[seat; 32]).public(),
        facility: FacilityKey(public(facility)),
        mobile: false,
        validity: ALWAYS,
    };
    RegistryOp::issue(&charter.network_id(), Hlc(hlc), &key(who), &[&key(seat), &key(facility)], body).unwrap()
}

fn node(charter: &Charter, facility: u8, node: u8, validity: Validity) -> RegistryOp {
    let body = OpBody::Node {
        key: NodeKey(public(node)),
        kem: KemSecret::from_seed(&[node; 32]).public(),
        validity,
    };
    RegistryOp::issue(&charter.network_id(), Hlc(3), &key(facility), &[&key(node)], body).unwrap()
}

#[test]
fn a_charter_survives_the_wire_and_no_alteration_does() {
    let charter = charter(&[1, 2, 3], 2);
    assert_eq!(Charter::parse(charter.to_bytes()).unwrap(), charter);
    for i in 0..charter.to_bytes().len() {
        let mut altered = charter.to_bytes().to_vec();
        altered[i] ^= 1;
        assert!(Charter::parse(&altered).is_err(), "byte {i}");
        assert!(Charter::parse(&charter.to_bytes()[..i]).is_err(), "cut at {i}");
    }
    assert!(
        Charter::found("x", &[key(1), key(2)], 1, MATRIX, &mut Counter(0)).is_err(),
        "half is no majority"
    );
}

#[test]
fn certificates_form_a_chain_in_any_order_of_arrival() {
    let charter = charter(&[1], 1);
    let ops = [
        facility(&charter, 1, 10),
        practitioner(&charter, 10, 11),
        seat(&charter, 10, 11, 12),
        node(&charter, 10, 13, ALWAYS),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let mut registry = Registry::new(charter.clone());
        let mut waiting = Vec::new();
        for i in order {
            waiting.push(ops[i].clone());
            waiting = registry.extend(waiting);
        }
        assert!(waiting.is_empty());
        assert!(registry.seat(&SeatKey(public(12))).is_some());
        assert!(registry.serves(&NodeKey(public(13)), 1_000));
        let chain: Vec<_> = registry.chain_of(&NodeKey(public(13))).into_iter().cloned().collect();
        let mut stranger = Registry::new(charter.clone());
        assert!(stranger.extend(chain).is_empty());
        assert!(stranger.serves(&NodeKey(public(13)), 1_000), "an introduction is enough");
    }
}

/// The identity point, and a point in an encoding that isn't its canonical one.
fn unsound_keys() -> [[u8; 32]; 2] {
    let (mut identity, mut non_canonical) = ([0; 32], [0xff; 32]);
    identity[0] = 1;
    (non_canonical[0], non_canonical[31]) = (0xf0, 0x7f);
    [identity, non_canonical]
}

#[test]
fn t10_a_certificate_for_a_weak_or_foreign_key_is_refused() {
    let charter = charter(&[1], 1);
    let kem = KemSecret::from_seed(&[1; 32]).public();
    let good = public(13);
    let bodies = |bad: [u8; 32]| {
        let seat = |key, facility| OpBody::Seat {
            key: SeatKey(key),
            kem,
            facility: FacilityKey(facility),
            mobile: false,
            validity: ALWAYS,
        };
        [
            OpBody::Facility {
                key: FacilityKey(bad),
                kind: FacilityKind::Clinic,
                name: "Maison de santé".into(),
                finess: String::new(),
                town: String::new(),
                validity: ALWAYS,
            },
            OpBody::Practitioner {
                key: PractitionerKey(bad),
                profession: Profession::Doctor,
                rpps: String::new(),
                name: "Anne Morel".into(),
                validity: ALWAYS,
            },
            OpBody::Node {
                key: NodeKey(bad),
                kem,
                validity: ALWAYS,
            },
            seat(bad, good),
            seat(good, bad),
            OpBody::DeviceSeat {
                key: SeatKey(bad),
                kem,
                validity: ALWAYS,
            },
        ]
    };
    for bad in unsound_keys() {
        for body in bodies(bad) {
            let refused = RegistryOp::issue(&charter.network_id(), Hlc(1), &key(10), &[&key(13), &key(13)], body.clone());
            assert_eq!(refused, Err(OpError::Malformed(WireError::Unknown("public key"))), "{body:?}");
        }
        let mut keys = vec![AuthorityKey(good), AuthorityKey(bad)];
        keys.sort();
        let refused = Err(WireError::Unknown("authority key"));
        assert_eq!(Authorities::new(keys.clone(), 2), refused);
        let authorities = Authorities { keys, threshold: 2 };
        let amend = OpBody::Amend {
            number: 1,
            authorities: authorities.clone(),
            matrix: MATRIX,
        };
        let op = RegistryOp::issue(&charter.network_id(), Hlc(1), &key(1), &[], amend);
        assert_eq!(op, Err(OpError::Malformed(WireError::Unknown("authority key"))));
        // A charter as its bytes arrive, cut off where the signatures would be.
        let mut w = Writer::new();
        w.u8(1).text("Vallée");
        authorities.write(&mut w);
        w.u16(1).bytes(&[0; 32]).bytes(&[0; 32]);
        let refused = CharterError::Malformed(WireError::Unknown("authority key"));
        assert_eq!(Charter::parse(&w.finish()), Err(refused));
    }
    // Only the key was wrong with them: sound ones get as far as the signatures.
    for body in bodies(good) {
        let others: &[&SigningKey] = match body {
            OpBody::Seat { .. } => &[&key(13), &key(13)],
            _ => &[&key(13)],
        };
        assert!(RegistryOp::issue(&charter.network_id(), Hlc(1), &key(10), others, body).is_ok());
    }
    // Somebody else's key can't be certified without that key's own signature.
    let body = OpBody::Node {
        key: NodeKey(public(13)),
        kem: KemSecret::from_seed(&[1; 32]).public(),
        validity: ALWAYS,
    };
    assert_eq!(
        RegistryOp::issue(&charter.network_id(), Hlc(1), &key(10), &[&key(10)], body),
        Err(OpError::BadSignature)
    );
}

#[test]
fn t13_a_chain_to_another_charter_is_refused_by_its_signatures() {
    let (ours, theirs) = (charter(&[1], 1), charter(&[1, 2], 2));
    let foreign = facility(&theirs, 1, 10);
    assert_eq!(
        RegistryOp::parse(&ours.network_id(), foreign.to_bytes()),
        Err(OpError::BadSignature)
    );
    // A self-made authority signs well, and belongs nowhere.
    let mut registry = Registry::new(ours.clone());
    let usurper = facility(&ours, 66, 10);
    assert_eq!(registry.extend([usurper]).len(), 1);
    assert_eq!(registry.ops().count(), 0);
}

#[test]
fn t12_dates_decide_sessions_not_membership() {
    let charter = charter(&[1], 1);
    let mut registry = Registry::new(charter.clone());
    const DAY: u64 = 24 * 3_600 * 1_000;
    let short = Validity {
        not_before: 10 * DAY,
        not_after: 20 * DAY,
    };
    assert!(
        registry
            .extend([facility(&charter, 1, 10), node(&charter, 10, 13, short)])
            .is_empty(),
        "it belongs at any time"
    );
    let node = NodeKey(public(13));
    for (day, served) in [(8, false), (9, true), (15, true), (21, true), (22, false)] {
        assert_eq!(registry.serves(&node, day * DAY), served, "day {day}");
    }
}

#[test]
fn t56_one_authority_of_three_admits_nobody() {
    let charter = charter(&[1, 2, 3], 2);
    let mut registry = Registry::new(charter.clone());
    let op = facility(&charter, 1, 10);
    registry.extend([op.clone()]);
    assert!(registry.facility(&FacilityKey(public(10))).is_none());
    let approve = |n| RegistryOp::issue(&charter.network_id(), Hlc(5), &key(n), &[], OpBody::Approve { what: op.id() }).unwrap();
    registry.extend([approve(1)]);
    assert!(
        registry.facility(&FacilityKey(public(10))).is_none(),
        "approving one's own op is not a second voice"
    );
    registry.extend([approve(3)]);
    assert!(registry.facility(&FacilityKey(public(10))).is_some());
}

#[test]
fn an_amendment_needs_the_authorities_before_it_and_keeps_what_they_admitted() {
    let charter = charter(&[1], 1);
    let mut registry = Registry::new(charter.clone());
    let mut keys = vec![AuthorityKey(public(2)), AuthorityKey(public(3))];
    keys.sort();
    let authorities = Authorities::new(keys, 2).unwrap();
    let amend = |by| {
        let body = OpBody::Amend {
            number: 1,
            authorities: authorities.clone(),
            matrix: MATRIX,
        };
        RegistryOp::issue(&charter.network_id(), Hlc(6), &key(by), &[], body).unwrap()
    };
    assert_eq!(
        registry.extend([amend(2)]).len(),
        1,
        "those it would install can't install themselves"
    );
    registry.extend([facility(&charter, 1, 10), amend(1)]);
    assert_eq!(registry.authorities(), &authorities);
    assert!(registry.facility(&FacilityKey(public(10))).is_some());
}

#[test]
fn a_revoked_node_is_not_served_and_a_revoked_seat_is_cut_where_the_op_says() {
    let charter = charter(&[1], 1);
    let mut registry = Registry::new(charter.clone());
    registry.extend([
        facility(&charter, 1, 10),
        facility(&charter, 1, 20),
        practitioner(&charter, 10, 11),
        seat(&charter, 10, 11, 12),
        node(&charter, 10, 13, ALWAYS),
    ]);
    let seat = SeatKey(public(12));
    let keep = vec![KeptHead {
        seat,
        incarnation: 1,
        seq: 4,
        id: crate::ids::ItemId([4; 32]),
    }];
    registry.extend([revoke(&charter, 20, Revoked::Node(NodeKey(public(13))), vec![])]);
    assert!(registry.serves(&NodeKey(public(13)), 0), "another facility can't revoke it");
    registry.extend([
        revoke(&charter, 10, Revoked::Node(NodeKey(public(13))), vec![]),
        revoke(&charter, 10, Revoked::Seat(seat), keep.clone()),
    ]);
    assert!(!registry.serves(&NodeKey(public(13)), 0));
    assert!(registry.seat(&seat).is_some(), "its envelopes still belong to the set");
    assert_eq!(registry.cuts(&seat).len(), 1);
    assert_eq!(registry.cuts(&seat)[0].keep, keep);
}

#[test]
fn a_team_needs_an_authority_beside_its_facility() {
    let charter = charter(&[1], 1);
    let mut registry = Registry::new(charter.clone());
    let doc = DocId([5; 32]);
    let body = OpBody::Team {
        doc,
        profession: Profession::Doctor,
    };
    let team = RegistryOp::issue(&charter.network_id(), Hlc(4), &key(10), &[], body).unwrap();
    registry.extend([facility(&charter, 1, 10), practitioner(&charter, 10, 11), team.clone()]);
    let endorse = |by| RegistryOp::issue(&charter.network_id(), Hlc(5), &key(by), &[], OpBody::Endorse { what: team.id() }).unwrap();
    registry.extend([endorse(11)]);
    assert!(
        registry.team(&doc).is_none(),
        "a practitioner whom the facility made up can't vouch for its team"
    );
    registry.extend([endorse(1)]);
    assert_eq!(registry.team(&doc).map(|t| t.facility), Some(FacilityKey(public(10))));
}

#[test]
fn enrolment_by_files_makes_a_member() {
    let charter = charter(&[1], 1);
    let network = charter.network_id();
    let invitation = enrol::Invitation {
        charter: charter.clone(),
        authority: AuthorityKey(public(1)),
        node: NodeKey(public(13)),
        addresses: vec!["/ip4/192.0.2.1/tcp/4517".into()],
        expires_ms: 99,
        secret: Secret([77; 32]),
    };
    let received = enrol::Invitation::parse(&invitation.to_bytes()).unwrap();
    let body = OpBody::Facility {
        key: FacilityKey(public(20)),
        kind: FacilityKind::Pharmacy,
        name: "Pharmacie du Pont".into(),
        finess: "540002698".into(),
        town: "Saint-Aubin".into(),
        validity: ALWAYS,
    };
    let possession = RegistryOp::countersign(&network, Hlc(8), &received.authority.0, &body, &key(20));
    let own = node(&charter, 20, 23, ALWAYS);
    let request = enrol::Request {
        hlc: Hlc(8),
        facility: body,
        possession,
        items: vec![own.to_bytes().to_vec()],
        addresses: vec![],
    };
    let sealed = enrol::seal(&received.secret, Part::Request, &request.to_bytes(), &mut Counter(9));

    assert_eq!(enrol::sealed_tag(&sealed).unwrap(), (Part::Request, invitation.tag()));
    assert_eq!(
        enrol::open(&Secret([78; 32]), Part::Request, &sealed),
        Err(enrol::EnrolError::OtherInvitation)
    );
    let opened = enrol::Request::parse(&enrol::open(&invitation.secret, Part::Request, &sealed).unwrap()).unwrap();
    assert_eq!(opened, request);
    let mut registry = Registry::new(charter.clone());
    let signed = opened.admit(&charter, &key(1), Hlc(9)).unwrap();
    assert!(registry.extend(signed.into_iter().chain([own])).is_empty());
    assert!(registry.serves(&NodeKey(public(23)), 0));
}

#[test]
fn a_newcomer_cannot_bring_an_op_for_somebody_else() {
    let charter = charter(&[1], 1);
    let body = facility(&charter, 1, 20).body;
    let possession = RegistryOp::countersign(&charter.network_id(), Hlc(8), &public(1), &body, &key(20));
    let foreign = node(&charter, 10, 23, ALWAYS);
    let request = enrol::Request {
        hlc: Hlc(8),
        facility: body,
        possession,
        items: vec![foreign.to_bytes().to_vec()],
        addresses: vec![],
    };
    assert!(matches!(
        request.admit(&charter, &key(1), Hlc(9)),
        Err(enrol::EnrolError::Unwanted(_))
    ));
}

/// A request as an honest newcomer makes it: a nurse alone with her team, founded by herself.
fn request_of_a_practice(name: &str) -> (enrol::Request, DocId) {
    let charter = testing::charter();
    let founded = testing::found(&charter, name, FacilityKind::Clinic, Profession::Nurse);
    let facility = FacilityKey(founded.facility.verifying_key().to_bytes());
    let (mut doc, mut items) = (None, Vec::new());
    for item in founded.items {
        match RegistryOp::parse(&charter.network_id(), &item) {
            // The authority's part is what the request asks for.
            Ok(op) if op.issuer == testing::key("authority").verifying_key().to_bytes() => {}
            Ok(op) => {
                if let OpBody::Team { doc: team, .. } = op.body {
                    doc = Some(team);
                }
                items.push(item);
            }
            Err(_) => items.push(item),
        }
    }
    let body = OpBody::Facility {
        key: facility,
        kind: FacilityKind::Clinic,
        name: name.into(),
        finess: String::new(),
        town: String::new(),
        validity: ALWAYS,
    };
    let authority = testing::key("authority").verifying_key().to_bytes();
    let request = enrol::Request {
        hlc: Hlc(8),
        possession: RegistryOp::countersign(&charter.network_id(), Hlc(8), &authority, &body, &founded.facility),
        facility: body,
        items,
        addresses: vec![],
    };
    (request, doc.expect("a practice has a team"))
}

#[test]
fn t64_a_newcomer_brings_no_team_of_somebody_else() {
    // The story: a newcomer's request lists the team document of another facility, with the least clock and a profession of its
    // choice. The authority endorsed whatever was listed, and the earliest listing of a document wins: the team was the newcomer's.
    let (charter, authority) = (testing::charter(), testing::key("authority"));
    let (request, own) = request_of_a_practice("Cabinet Mercier");
    let (victim, theirs) = request_of_a_practice("Maison de santé");
    let signed = request.admit(&charter, &authority, Hlc(9)).unwrap();
    let mut registry = Registry::new(charter.clone());
    let ops = request
        .items
        .iter()
        .filter_map(|item| RegistryOp::parse(&charter.network_id(), item).ok());
    assert!(registry.extend(signed.into_iter().chain(ops)).is_empty());
    assert_eq!(
        registry.team(&own).map(|team| team.profession),
        Some(Profession::Nurse),
        "the honest way"
    );
    let shown = request.newcomer(&charter).unwrap();
    assert_eq!((shown.name.as_str(), shown.kind), ("Cabinet Mercier", FacilityKind::Clinic));
    assert_eq!(
        shown.practitioners,
        [("Dr Cabinet Mercier".to_owned(), Profession::Nurse, String::new())]
    );
    assert_eq!(shown.teams, [(own, Profession::Nurse)]);
    assert_eq!((shown.nodes, shown.seats, shown.device_seats), (1, 1, 0));

    let facility = testing::key("Cabinet Mercier");
    let claim = |doc| {
        let body = OpBody::Team {
            doc,
            profession: Profession::Doctor,
        };
        let op = RegistryOp::issue(&charter.network_id(), Hlc(0), &facility, &[], body).unwrap();
        op.to_bytes().to_vec()
    };
    let their_genesis = victim.items.last().expect("the genesis comes last").clone();
    let own_genesis = request.items.last().expect("the genesis comes last").clone();
    let without_genesis = |item: &Vec<u8>| *item != own_genesis;
    let is_practitioner =
        |item: &Vec<u8>| matches!(RegistryOp::parse(&charter.network_id(), item), Ok(op) if matches!(op.body, OpBody::Practitioner { .. }));
    let is_seat =
        |item: &Vec<u8>| matches!(RegistryOp::parse(&charter.network_id(), item), Ok(op) if matches!(op.body, OpBody::Seat { .. }));
    let with = |more: Vec<Vec<u8>>| request.items.iter().cloned().chain(more).collect::<Vec<_>>();
    let keeping = |keep: &dyn Fn(&Vec<u8>) -> bool| request.items.iter().filter(|i| keep(i)).cloned().collect::<Vec<_>>();
    let nurse = Subject::Practitioner(PractitionerKey(testing::key("Cabinet Mercier/person").verifying_key().to_bytes()));
    let stranger = Subject::Practitioner(PractitionerKey(public(66)));
    // Signed from the newcomer's own seat: another kind of document, another custodian, or a document that it doesn't create.
    let signed_genesis = |kind, custodian, doc: Option<DocId>, members: &[Subject]| {
        let own = Envelope::parse(&own_genesis).unwrap();
        let Ok(Some(Op::Genesis(genesis))) = Op::of(&own) else {
            panic!("a genesis")
        };
        let grants = members.iter().map(|subject| Terms {
            subject: *subject,
            ..genesis.grants[0].clone()
        });
        let grants = grants.collect();
        let genesis = Genesis {
            kind,
            custodian,
            grants,
            ..genesis
        };
        let made = genesis.doc_id(&charter.network_id(), &own.header.seat);
        let header = Header {
            doc: doc.unwrap_or(made),
            ..own.header
        };
        let body = Op::Genesis(genesis).encode().unwrap();
        let seat = testing::key("Cabinet Mercier/seat");
        let signed = header.clear(&seat, &charter.network_id(), body).unwrap();
        vec![claim(signed.header.doc), signed.to_bytes()]
    };
    let genesis_with = |kind, custodian, doc| with(signed_genesis(kind, custodian, doc, &[nurse]));
    let me = FacilityKey(facility.verifying_key().to_bytes());
    let them = FacilityKey(testing::key("Maison de santé").verifying_key().to_bytes());
    let mut again = request.clone();
    again.items = genesis_with(DocumentKind::Team, me, None);
    assert!(again.admit(&charter, &authority, Hlc(9)).is_ok(), "so far it is sound");
    let is_team =
        |item: &Vec<u8>| matches!(RegistryOp::parse(&charter.network_id(), item), Ok(op) if matches!(op.body, OpBody::Team { .. }));
    let mut by_nobody = keeping(&|i| !is_practitioner(i) && !is_team(i));
    by_nobody.extend(signed_genesis(DocumentKind::Team, me, None, &[]));
    let mut altered = own_genesis.clone();
    *altered.last_mut().expect("not empty") ^= 1;
    for (what, items) in [
        ("somebody else's document", with(vec![claim(theirs)])),
        ("and its genesis", with(vec![claim(theirs), their_genesis])),
        ("a document of nobody", with(vec![claim(DocId([5; 32]))])),
        ("under its own genesis", genesis_with(DocumentKind::Team, me, Some(theirs))),
        ("a team in somebody else's care", genesis_with(DocumentKind::Team, them, None)),
        ("a record for a team", genesis_with(DocumentKind::Record, me, None)),
        ("a founder who isn't brought", by_nobody),
        (
            "a second member who isn't brought",
            with(signed_genesis(DocumentKind::Team, me, None, &[nurse, stranger])),
        ),
        ("no genesis", keeping(&without_genesis)),
        ("a genesis from a seat that isn't brought", keeping(&|i| !is_seat(i))),
        ("a genesis that nobody signed", [keeping(&without_genesis), vec![altered]].concat()),
    ] {
        let hostile = enrol::Request { items, ..request.clone() };
        let refused = hostile.admit(&charter, &authority, Hlc(9));
        assert!(matches!(refused, Err(enrol::EnrolError::Unwanted(_))), "{what}: {refused:?}");
        assert!(hostile.newcomer(&charter).is_err(), "{what}");
    }
}

#[test]
fn a_later_certificate_by_somebody_else_lifts_no_revocation() {
    // The story: facility A revokes a stolen laptop; the thief, who holds the laptop's key, has facility B certify the same key. The
    // registry took the latest certificate's facility for the only one that may revoke, and the revocation lost its effect.
    let charter = charter(&[1], 1);
    let mut registry = Registry::new(charter.clone());
    let node_key = NodeKey(public(13));
    registry.extend([
        facility(&charter, 1, 10),
        facility(&charter, 1, 20),
        node(&charter, 10, 13, ALWAYS),
        revoke(&charter, 10, Revoked::Node(node_key), vec![]),
    ]);
    assert!(!registry.serves(&node_key, 0));
    let body = OpBody::Node {
        key: node_key,
        kem: KemSecret::from_seed(&[13; 32]).public(),
        validity: ALWAYS,
    };
    let again = RegistryOp::issue(&charter.network_id(), Hlc(99), &key(20), &[&key(13)], body).unwrap();
    registry.extend([again]);
    assert!(!registry.serves(&node_key, 0));
}

#[test]
fn a_replacement_doctor_keeps_the_seats_of_both_facilities() {
    let charter = charter(&[1], 1);
    let mut registry = Registry::new(charter.clone());
    registry.extend([
        facility(&charter, 1, 10),
        facility(&charter, 1, 20),
        practitioner(&charter, 10, 11),
        seat(&charter, 10, 11, 12),
        practitioner(&charter, 20, 11),
        seat(&charter, 20, 11, 14),
    ]);
    assert!(
        registry.seat(&SeatKey(public(12))).is_some(),
        "what belonged to the set goes on belonging to it"
    );
    assert!(registry.seat(&SeatKey(public(14))).is_some());
}

/// Facilities 10 and 20; doctors 11 and 15, both employed by both; seat 12 is doctor 11's at facility 10.
fn two_facilities(charter: &Charter) -> Registry {
    let mut registry = Registry::new(charter.clone());
    let employed = [(10, 11), (10, 15), (20, 11), (20, 15)].map(|(f, who)| practitioner(charter, f, who));
    let all = [facility(charter, 1, 10), facility(charter, 1, 20), seat(charter, 10, 11, 12)];
    assert!(registry.extend(all.into_iter().chain(employed)).is_empty());
    registry
}

#[test]
fn t16_a_seat_certified_anew_for_somebody_else_stays_cut_with_the_first() {
    // The story: a doctor, or his facility, is revoked. The key of his seat is then certified again, for a colleague or by another
    // facility, with the greatest clock. The registry believed the latest certificate only: the cut was gone, and the seat was still
    // founder of all that it had founded.
    let charter = charter(&[1], 1);
    let key = SeatKey(public(12));
    let doctor = Revoked::Practitioner(PractitionerKey(public(11)));
    let clinic = Revoked::Facility(FacilityKey(public(10)));
    let keep = vec![KeptHead {
        seat: key,
        incarnation: 1,
        seq: 4,
        id: crate::ids::ItemId([4; 32]),
    }];
    for (by, who) in [(10, doctor), (10, clinic), (1, doctor), (1, clinic)] {
        for (hlc, f, other) in [(99, 10, 15), (99, 20, 11), (99, 20, 15), (0, 20, 15)] {
            let mut registry = two_facilities(&charter);
            registry.extend([revoke(&charter, by, who, keep.clone())]);
            let before = registry.cuts(&key).to_vec();
            assert_eq!(before.len(), 1);
            registry.extend([seat_at(&charter, hlc, f, other, 12)]);
            assert_eq!(registry.cuts(&key), before, "{who:?} by {by}, again for {other} at {f}");
        }
    }
}

#[test]
fn t16_a_seat_certified_after_the_revocation_of_its_person_has_nothing_kept() {
    let charter = charter(&[1], 1);
    let mut registry = two_facilities(&charter);
    let keep = vec![KeptHead {
        seat: SeatKey(public(12)),
        incarnation: 1,
        seq: 4,
        id: crate::ids::ItemId([4; 32]),
    }];
    registry.extend([revoke(
        &charter,
        10,
        Revoked::Practitioner(PractitionerKey(public(11))),
        keep.clone(),
    )]);
    registry.extend([seat_at(&charter, 99, 10, 11, 16)]);
    assert_eq!(registry.cuts(&SeatKey(public(12)))[0].keep, keep);
    assert!(registry.cuts(&SeatKey(public(16)))[0].keep.is_empty());
}

#[test]
fn t64_a_seat_of_two_people_is_nobodys_in_any_order_and_a_renewal_is_no_second_person() {
    let charter = charter(&[1], 1);
    let first = seat(&charter, 10, 11, 12);
    for again in [seat_at(&charter, 99, 10, 15, 12), seat_at(&charter, 0, 20, 11, 12)] {
        for order in [[&first, &again], [&again, &first]] {
            let mut registry = Registry::new(charter.clone());
            registry.extend([facility(&charter, 1, 10), facility(&charter, 1, 20)]);
            registry.extend([
                practitioner(&charter, 10, 11),
                practitioner(&charter, 10, 15),
                practitioner(&charter, 20, 11),
            ]);
            registry.extend(order.map(RegistryOp::clone));
            registry.extend([seat_at(&charter, 100, 10, 11, 12)]);
            let found = registry
                .seat(&SeatKey(public(12)))
                .expect("its envelopes go on belonging to the set");
            assert!(found.ambiguous && found.practitioner.is_none(), "no renewal mends it");
        }
    }
    let mut registry = two_facilities(&charter);
    registry.extend([seat_at(&charter, 99, 10, 11, 12)]);
    let found = registry.seat(&SeatKey(public(12))).unwrap();
    assert!(!found.ambiguous && found.practitioner == Some(PractitionerKey(public(11))));
}

#[test]
fn t21_one_employer_cuts_only_its_own_seats_of_a_practitioner() {
    // The story: a replacement doctor was certified by a small facility years ago. Its owner revokes "the practitioner", keeping
    // nothing, and all that she ever wrote at every other facility was quarantined; no grant answers a cut in the registry.
    let charter = charter(&[1], 1);
    let mut registry = two_facilities(&charter);
    let doctor = Revoked::Practitioner(PractitionerKey(public(11)));
    registry.extend([seat(&charter, 20, 11, 14), revoke(&charter, 20, doctor, vec![])]);
    assert!(registry.cuts(&SeatKey(public(12))).is_empty(), "her seat elsewhere");
    assert_eq!(registry.cuts(&SeatKey(public(14))).len(), 1, "its own");
    registry.extend([seat_at(&charter, 99, 20, 11, 16)]);
    assert_eq!(registry.cuts(&SeatKey(public(16))).len(), 1, "its own, later ones too");
    registry.extend([revoke(&charter, 1, doctor, vec![])]);
    assert_eq!(registry.cuts(&SeatKey(public(12))).len(), 1, "the authorities cut everywhere");
}
