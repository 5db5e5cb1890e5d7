//! What is read stays where it may be read: no frame, and no disk of somebody who only carries, holds a word of it.

use super::harness::{CLINIC, NURSES, Net, PHARMACY, contains};
use super::new;
use crate::access::matrix::Compartment;
use crate::store::Store;

const NAME: &str = "Aminata Traoré-Lefèvre";
const INS: &str = "urn:oid:1.2.250.1.213.1.4.10|285097512345623";
const NOTE: &str = "douleur thoracique depuis trois jours";

#[test]
fn t50_no_frame_and_no_carrier_s_disk_holds_a_name_an_ins_a_note_or_a_key() {
    let mut net = Net::new(&[CLINIC, PHARMACY, NURSES]);
    net.secret = [NAME, INS, NOTE].map(|s| s.as_bytes().to_vec()).to_vec();
    let facts = [
        new(Compartment::Identity, &format!("{NAME} {INS}")),
        new(Compartment::Medication, &format!("amoxicilline pour {NAME}")),
        // Long and repetitive, so that it is compressed before it is sealed.
        new(Compartment::Clinical, &NOTE.repeat(200)),
    ];
    let record = net.create(0, &facts);
    net.share(0, record, 2).unwrap();
    // Record ids and other documents' ids are secret too: they link a person's documents.
    let docs: Vec<_> = net.nodes[0].reader().compartments(&record).collect();
    net.secret.push(record.0.to_vec());
    // Keys of epochs cross and lie on disks wrapped, and no other way.
    let keys = docs.iter().flat_map(|(_, doc)| net.nodes[0].reader().epoch_secrets(doc));
    let keys: Vec<Vec<u8>> = keys.collect();
    assert_eq!(keys.len(), docs.len());
    net.secret.extend(keys.clone());
    net.meet_all();
    net.add(2, record, &[new(Compartment::Clinical, &format!("{NAME}: {NOTE}"))])
        .unwrap();
    net.meet_all();
    assert_eq!(net.roots().len(), 1);
    assert!(net.frames > 30, "frames were looked at: {}", net.frames);
    assert_eq!(net.nodes[2].texts(&record).len(), 4, "who may read, reads");

    let carrier = &net.nodes[1];
    for bytes in carrier.items() {
        assert!(net.secret.iter().all(|secret| !contains(&bytes, secret)));
    }
    for (key, value) in carrier.store.local_prefix(b"").unwrap() {
        assert!(net.secret.iter().all(|secret| !contains(&key, secret) && !contains(&value, secret)));
    }
    assert_eq!(carrier.reader().records().count(), 0, "without a wrap nothing opens");
    assert_eq!((carrier.reader().counts().readable, carrier.reader().counts().sealed), (0, 4));

    for node in &net.nodes {
        let disk = node
            .store
            .local_prefix(b"")
            .unwrap()
            .into_iter()
            .flat_map(|(key, value)| [key, value]);
        for bytes in node.items().into_iter().map(|i| i.to_vec()).chain(disk) {
            assert!(
                keys.iter().all(|key| !contains(&bytes, key)),
                "who may read has keys in memory, not on disk"
            );
        }
    }

    // The pharmacist is let in to what is a pharmacist's: no readable content names another document.
    net.share(0, record, 1).unwrap();
    net.meet_all();
    let pharmacist = net.nodes[1].reader();
    let seen: Vec<Compartment> = pharmacist.compartments(&record).map(|(c, _)| c).collect();
    assert_eq!(seen, [Compartment::Identity, Compartment::Medication]);
    let readable: Vec<u8> = docs
        .iter()
        .filter_map(|(_, doc)| pharmacist.document(doc))
        .flat_map(|d| d.facts().flat_map(|f| f.body.to_vec()).collect::<Vec<_>>())
        .collect();
    assert!(contains(&readable, INS.as_bytes()), "it is readable now");
    for (compartment, doc) in docs {
        assert!(!contains(&readable, &doc.0), "{compartment:?} is named in readable content");
        assert!(!contains(&readable, doc.to_hex().as_bytes()));
    }
}
