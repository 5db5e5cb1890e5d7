//! What the engine costs in bytes, measured over frames that real peers and readers make.

use std::collections::BTreeMap;

use super::harness::{Cast, Net};
use super::{first_facts, new};
use crate::access::matrix::Compartment;
use crate::crypto::{Secret, derive};
use crate::envelope::{Envelope, Header, Kind, Lane, TAG};
use crate::identity::{FacilityKind, Profession};
use crate::ids::{DocId, Hlc, ItemId, Kid, RecordId};
use crate::store::Ordered;

/// Three facilities, four seats each.
const TWELVE: Cast<'static> = &[
    ("clinic", FacilityKind::Clinic, Profession::Doctor, 4),
    ("pharmacy", FacilityKind::Pharmacy, Profession::Pharmacist, 4),
    ("nurses", FacilityKind::Clinic, Profession::Nurse, 4),
];

#[test]
fn two_nodes_that_agree_find_out_in_one_round_trip_and_a_hundred_bytes() {
    let mut net = Net::new(&TWELVE[..2]);
    let seat = net.nodes[0].founded.seats[0].clone();
    let network = net.nodes[0].peer.registry().network_id();
    let mut prev = ItemId::ZERO;
    let items: Vec<Vec<u8>> = (1..=10_000u64)
        .map(|seq| {
            let header = Header {
                kind: Kind::Content,
                lane: Lane::Today,
                doc: DocId(derive("bocage 2026-11 test document", &[&(seq % 700).to_be_bytes()])),
                seat: seat.key(),
                incarnation: 7,
                seq,
                prev,
                hlc: Hlc::from_millis(net.now + seq),
                kid: Kid([9; 16]),
                authority: Vec::new(),
            };
            let envelope = header.seal(&seat.signing, &network, &Secret([1; 32]), b"a fact").unwrap();
            prev = envelope.id();
            envelope.to_bytes()
        })
        .collect();
    for n in [0, 1] {
        net.nodes[n].reader = None;
        net.write_items(n, items.clone());
        assert!(net.nodes[n].store.len() > 10_000);
    }
    let link = net.connect(0, 1);
    net.run();
    let (bytes, frames) = net.traffic(link);
    println!(
        "nothing differs at 10,000 envelopes: {} bytes in {frames:?} frames",
        bytes[0] + bytes[1]
    );
    assert_eq!(frames, [1, 1], "one round trip");
    assert!(bytes[0] + bytes[1] <= 100);
    assert_eq!(net.nodes[0].peer.sessions().next().map(|s| s.2), Some(true), "and both know it");
}

/// Bytes of items that cross from node 0 to node 1 until they agree.
fn item_bytes(net: &mut Net, act: impl FnOnce(&mut Net)) -> u64 {
    let sent = |net: &Net| net.nodes.iter().map(|n| n.peer.traffic().item_bytes_sent).sum::<u64>();
    let before = sent(net);
    act(net);
    net.run();
    sent(net) - before
}

#[test]
fn a_content_envelope_costs_at_most_160_bytes_over_its_padded_text_in_a_steady_session() {
    let mut net = Net::new(TWELVE);
    let records: Vec<RecordId> = (0..4).map(|i| net.create(0, &first_facts(&format!("patient {i}")))).collect();
    for record in &records {
        net.share(0, *record, 1).unwrap();
        net.share(0, *record, 2).unwrap();
    }
    net.meet_all();
    // Two machines stay connected while twelve people work.
    net.connect(0, 1);
    net.connect(0, 2);
    net.run();
    let (mut padded, mut envelopes) = (0, 0);
    let mut wire = 0;
    for n in 0..3 {
        for seat in 0..4 {
            net.unlock(n, seat);
            for round in 0..6 {
                for (i, record) in records.iter().enumerate() {
                    net.now += 20_000;
                    let text = match n {
                        1 => format!("{{\"resourceType\":\"MedicationDispense\",\"quantity\":{{\"value\":{}}}}}", 28 + i),
                        _ => format!(
                            "{{\"resourceType\":\"Observation\",\"code\":\"8867-4\",\"valueQuantity\":{{\"value\":{}}}}}",
                            60 + i + round
                        ),
                    };
                    let compartment = if n == 1 { Compartment::Medication } else { Compartment::Clinical };
                    let before = net.nodes[n].store.len();
                    wire += item_bytes(&mut net, |net| net.add(n, *record, &[new(compartment, &text)]).unwrap());
                    assert_eq!(net.nodes[n].store.len(), before + 1, "one form is one envelope");
                    let last = net.nodes[n].items().pop().expect("just written");
                    let envelope = Envelope::parse(&last).unwrap();
                    assert_eq!(envelope.header.kind, Kind::Content);
                    padded += (envelope.body.len() - TAG) as u64;
                    envelopes += 1;
                }
            }
        }
    }
    // Each act crosses one wire (from 1 or 2 to 0, and on to the other) or two (from 0): count per crossing.
    let crossings = envelopes * 2;
    let overhead = (wire as i64 - 2 * padded as i64) / crossings;
    println!(
        "content envelope in a steady session: {overhead} bytes over its padded text, {} in all",
        wire / crossings as u64
    );
    assert!(overhead <= 160, "{overhead}");
}

#[test]
fn a_record_for_three_facilities_and_twelve_seats_costs_at_most_6_kb_of_access_and_keys() {
    let mut net = Net::new(TWELVE);
    net.meet_all();
    let facility = [1, 2].map(|n| net.nodes[n].founded.facility_key());
    // A quiet node writes it all while nobody listens.
    net.create(0, &first_facts("the first, which gives the seat its short name"));
    net.connect(0, 1);
    net.run();
    let before: std::collections::BTreeSet<Vec<u8>> = net.nodes[0].items().into_iter().collect();
    net.cut(net.links()[0]);
    let record = net.create(0, &first_facts("Awa"));
    for with in facility {
        let node = &mut net.nodes[0];
        let reader = node.reader.as_ref().unwrap();
        let write = reader
            .share(
                net.now,
                record,
                with,
                crate::record::ROUND_MS,
                node.peer.registry(),
                &mut node.entropy,
            )
            .unwrap();
        net.save(0, write);
    }
    let made: Vec<Vec<u8>> = net.nodes[0].items().into_iter().filter(|i| !before.contains(i)).collect();
    let mut sizes: BTreeMap<Kind, (u64, u64)> = BTreeMap::new();
    let (mut content, mut access) = (Vec::new(), Vec::new());
    for item in made {
        let kind = Envelope::parse(&item).unwrap().header.kind;
        let size = sizes.entry(kind).or_default();
        *size = (size.0 + 1, size.1 + item.len() as u64);
        if kind == Kind::Content {
            content.push(item);
        } else {
            access.push(item);
        }
    }
    // Sent by a fresh node that holds the same, access and keys first, so that each can be counted.
    let mut fresh = Net::new(TWELVE);
    let link = fresh.connect(1, 2);
    fresh.run();
    let bytes = item_bytes(&mut fresh, |net| assert!(net.write_items(1, access) > 0));
    let sealed = item_bytes(&mut fresh, |net| assert!(net.write_items(1, content) > 0));
    assert!(fresh.is_up(link));
    assert_eq!(fresh.roots().len(), 2, "node 0 wasn't there");
    println!("a record for three facilities: {bytes} bytes of access and keys as sent, {sealed} of content; canonical {sizes:?}");
    assert!(bytes <= 6 * 1024, "{bytes}");
}
