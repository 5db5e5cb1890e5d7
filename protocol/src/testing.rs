//! A small territory for tests: facilities with practitioners, enrolled in one network, each with a store of its own.
//!
//! Real keys, real seals, real registry; only entropy is a counter, so that a failure repeats.

use ed25519_dalek::SigningKey;

use crate::access::team::found_team;
use crate::crypto::{Entropy, KemSecret, derive};
use crate::envelope::Envelope;
use crate::identity::{Charter, FacilityKind, MatrixVersion, OpBody, Profession, Registry, RegistryOp, Validity, op::REGISTRY_OP};
use crate::ids::{DocId, FacilityKey, Hlc, NodeKey, PractitionerKey, SeatKey};
use crate::record::{Pen, Reader, SeatSecrets, Write};
use crate::store::{Batch, MemoryStore, OrderKey, Store, StoredItem};

pub(crate) const NOW: u64 = 1_795_000_000_000;
const ALWAYS: Validity = Validity {
    not_before: 0,
    not_after: u64::MAX,
};

/// Entropy that never repeats and always repeats: a counter, hashed.
pub(crate) struct Counter(pub(crate) u64);

impl Entropy for Counter {
    fn random32(&mut self) -> [u8; 32] {
        self.0 += 1;
        derive("bocage 2026-11 test entropy", &[&self.0.to_be_bytes()])
    }
}

pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&derive("bocage 2026-11 test key", &[name.as_bytes()]))
}

/// A place with its own store, as if it had met the others whenever [`Place::meet`] says so.
pub(crate) struct Place {
    pub(crate) facility: FacilityKey,
    pub(crate) store: MemoryStore,
    pub(crate) registry: Registry,
    pub(crate) secrets: SeatSecrets,
    pub(crate) reader: Option<Reader>,
    pub(crate) entropy: Counter,
    pub(crate) now: u64,
}

/// What founds a place: its certificates and the genesis of its team, as canonical items.
pub(crate) fn place_items(charter: &Charter, name: &str, kind: FacilityKind, profession: Profession) -> (SeatSecrets, Vec<Vec<u8>>) {
    let network = charter.network_id();
    let (facility, node, person, seat) = (
        key(name),
        key(&format!("{name}/node")),
        key(&format!("{name}/person")),
        key(&format!("{name}/seat")),
    );
    let kem = KemSecret::from_seed(&derive("bocage 2026-11 test kem", &[name.as_bytes()]));
    let facility_key = FacilityKey(facility.verifying_key().to_bytes());
    let practitioner = PractitionerKey(person.verifying_key().to_bytes());
    let mobile = kind == FacilityKind::Mobile;
    let issue = |hlc, issuer: &SigningKey, others: &[&SigningKey], body| {
        RegistryOp::issue(&network, Hlc(hlc), issuer, others, body)
            .expect("test bodies are sound")
            .to_bytes()
            .to_vec()
    };
    let mut items = vec![
        issue(
            1,
            &key("authority"),
            &[&facility],
            OpBody::Facility {
                key: facility_key,
                kind,
                name: name.into(),
                finess: String::new(),
                town: String::new(),
                validity: ALWAYS,
            },
        ),
        issue(
            2,
            &facility,
            &[&person],
            OpBody::Practitioner {
                key: practitioner,
                profession,
                rpps: String::new(),
                name: format!("Dr {name}"),
                validity: ALWAYS,
            },
        ),
        issue(
            3,
            &facility,
            &[&node],
            OpBody::Node {
                key: NodeKey(node.verifying_key().to_bytes()),
                kem: kem.public(),
                validity: ALWAYS,
            },
        ),
        issue(
            4,
            &person,
            &[&seat, &facility],
            OpBody::Seat {
                key: SeatKey(seat.verifying_key().to_bytes()),
                kem: kem.public(),
                facility: facility_key,
                mobile,
                validity: ALWAYS,
            },
        ),
    ];
    let secrets = SeatSecrets {
        signing: seat,
        kem,
        practitioner: Some(practitioner),
        facility: facility_key,
    };
    if !mobile {
        let mut pen = Pen::new(secrets.key(), 1);
        let mut entropy = Counter(derive("bocage 2026-11 test start", &[name.as_bytes()])[0].into());
        let (doc, genesis) = found_team(&network, &secrets, practitioner, &mut pen, NOW, &mut entropy).expect("one founder");
        let team = RegistryOp::issue(&network, Hlc(5), &facility, &[], OpBody::Team { doc, profession }).expect("sound");
        items.push(issue(6, &key("authority"), &[], OpBody::Endorse { what: team.id() }));
        items.push(team.to_bytes().to_vec());
        items.push(genesis.to_bytes());
    }
    (secrets, items)
}

pub(crate) fn charter() -> Charter {
    let matrix = MatrixVersion {
        number: crate::access::matrix::VERSION,
        hash: [0; 32],
    };
    Charter::found("Vallée", &[key("authority")], 1, matrix, &mut Counter(0)).expect("one founder")
}

/// Facilities of one network that all know each other's certificates and nothing else.
pub(crate) fn territory(places: &[(&str, FacilityKind, Profession)]) -> Vec<Place> {
    let charter = charter();
    let made: Vec<_> = places
        .iter()
        .map(|(name, kind, profession)| place_items(&charter, name, *kind, *profession))
        .collect();
    let all: Vec<Vec<u8>> = made.iter().flat_map(|(_, items)| items.clone()).collect();
    made.into_iter()
        .enumerate()
        .map(|(i, (secrets, _))| {
            let mut place = Place {
                facility: secrets.facility,
                store: MemoryStore::default(),
                registry: Registry::new(charter.clone()),
                secrets,
                reader: None,
                entropy: Counter(1_000 * (i as u64 + 1)),
                now: NOW,
            };
            place.store(&all);
            let pen_reader = Reader::open(place.secrets.clone(), 100 + i as u64, &place.store, &place.registry, NOW);
            place.reader = Some(pen_reader.expect("memory can be read"));
            place
        })
        .collect()
}

impl Place {
    pub(crate) fn reader(&self) -> &Reader {
        self.reader.as_ref().expect("opened by territory")
    }

    /// Makes items durable and lets the reader see them, as a node does.
    pub(crate) fn store(&mut self, items: &[Vec<u8>]) {
        let network = self.registry.network_id();
        let mut stored = Vec::new();
        for bytes in items {
            let (key, doc) = if bytes.first() == Some(&REGISTRY_OP) {
                let op = RegistryOp::parse(&network, bytes).expect("test items are sound");
                let key = OrderKey {
                    lane: 0,
                    time: op.hlc,
                    id: op.id(),
                };
                self.registry.extend([op]);
                (key, DocId::ZERO)
            } else {
                let envelope = Envelope::parse(bytes).expect("test items are sound");
                let key = OrderKey {
                    lane: envelope.header.lane as u8,
                    time: envelope.header.hlc,
                    id: envelope.id(),
                };
                (key, envelope.header.doc)
            };
            stored.push(StoredItem {
                key,
                doc,
                bytes: bytes.clone().into(),
            });
        }
        let keys: Vec<_> = stored.iter().map(|s| s.key).collect();
        let new = self
            .store
            .commit(&Batch {
                items: stored,
                local: vec![],
            })
            .expect("memory takes it");
        let fresh: Vec<_> = keys.into_iter().zip(new).filter(|(_, new)| *new).map(|(k, _)| k).collect();
        if let Some(reader) = self.reader.as_mut() {
            reader.registry_changed(&self.store, &self.registry).expect("memory can be read");
            reader
                .absorb(&fresh, &self.store, &self.registry, self.now)
                .expect("memory can be read");
        }
    }

    /// A write made durable.
    pub(crate) fn save(&mut self, write: Write) -> Write {
        self.reader.as_mut().expect("opened by territory").saved(&write);
        self.store
            .commit(&Batch {
                items: vec![],
                local: vec![write.local.clone()],
            })
            .expect("memory takes it");
        self.store(&write.items);
        write
    }

    /// Everything this place holds, in the order of the set.
    pub(crate) fn items(&self) -> Vec<Vec<u8>> {
        let keys = self
            .store
            .range(std::ops::Bound::Unbounded, usize::MAX)
            .expect("memory can be read");
        keys.iter()
            .map(|k| self.store.get(&k.id).expect("memory").expect("listed").to_vec())
            .collect()
    }

    /// Both end up with everything that either holds.
    pub(crate) fn meet(&mut self, other: &mut Self) {
        let (mine, theirs) = (self.items(), other.items());
        self.store(&theirs);
        other.store(&mine);
    }
}
