//! A small territory for tests: facilities with practitioners, enrolled in one network, each with a store of its own.
//!
//! Real keys, real seals, real registry; only entropy is a counter, so that a failure repeats.

use ed25519_dalek::SigningKey;

use crate::access::epochs::make_epoch;
use crate::access::ops::{DocumentKind, Genesis, Op, Rank, Subject, Terms};
use crate::access::team::found_team;
use crate::crypto::{Entropy, KemSecret, derive};
use crate::envelope::{Envelope, Kind, Lane, Verified};
use crate::identity::{Charter, FacilityKind, MatrixVersion, OpBody, Profession, Registry, RegistryOp, Validity, op::REGISTRY_OP};
use crate::ids::{DocId, FacilityKey, Hlc, Kid, NetworkId, NodeKey, PractitionerKey, SeatKey};
use crate::record::{Pen, Reader, SeatSecrets, Write};
use crate::store::{Batch, MemoryStore, OrderKey, Ordered, Store, StoredItem};

pub(crate) const NOW: u64 = 1_795_000_000_000;
pub(crate) const ALWAYS: Validity = Validity {
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

/// A facility as it was enrolled: its secrets, and its certificates and team as canonical items.
pub(crate) struct Founded {
    pub(crate) facility: SigningKey,
    pub(crate) node: SigningKey,
    /// One per practitioner, all of one profession; the first founded the team.
    pub(crate) seats: Vec<SeatSecrets>,
    pub(crate) items: Vec<Vec<u8>>,
}

impl Founded {
    pub(crate) fn node_key(&self) -> NodeKey {
        NodeKey(self.node.verifying_key().to_bytes())
    }

    pub(crate) fn facility_key(&self) -> FacilityKey {
        FacilityKey(self.facility.verifying_key().to_bytes())
    }
}

/// Issues an op as its issuer would.
pub(crate) fn issue(network: &NetworkId, hlc: u64, issuer: &SigningKey, others: &[&SigningKey], body: OpBody) -> Vec<u8> {
    let op = RegistryOp::issue(network, Hlc(hlc), issuer, others, body).expect("test bodies are sound");
    op.to_bytes().to_vec()
}

/// Enrols a facility with one practitioner and his team.
pub(crate) fn found(charter: &Charter, name: &str, kind: FacilityKind, profession: Profession) -> Founded {
    found_with(charter, name, kind, profession, 1)
}

/// Enrols a facility whose team has `members` practitioners, each with a seat. A mobile one has no team.
pub(crate) fn found_with(charter: &Charter, name: &str, kind: FacilityKind, profession: Profession, members: usize) -> Founded {
    let network = charter.network_id();
    let (facility, node) = (key(name), key(&format!("{name}/node")));
    let facility_key = FacilityKey(facility.verifying_key().to_bytes());
    let mobile = kind == FacilityKind::Mobile;
    let certificate = OpBody::Facility {
        key: facility_key,
        kind,
        name: name.into(),
        finess: String::new(),
        town: String::new(),
        validity: ALWAYS,
    };
    let kem = |name: &str| KemSecret::from_seed(&derive("bocage 2026-11 test kem", &[name.as_bytes()]));
    let machine = OpBody::Node {
        key: NodeKey(node.verifying_key().to_bytes()),
        kem: kem(name).public(),
        validity: ALWAYS,
    };
    let mut items = vec![
        issue(&network, 1, &key("authority"), &[&facility], certificate),
        issue(&network, 3, &facility, &[&node], machine),
    ];
    let mut seats = Vec::new();
    for n in 0..members {
        let name = if n == 0 { name.to_owned() } else { format!("{name} {n}") };
        let (person, seat) = (key(&format!("{name}/person")), key(&format!("{name}/seat")));
        let practitioner = PractitionerKey(person.verifying_key().to_bytes());
        let card = OpBody::Practitioner {
            key: practitioner,
            profession,
            rpps: String::new(),
            name: format!("Dr {name}"),
            validity: ALWAYS,
        };
        let desk = OpBody::Seat {
            key: SeatKey(seat.verifying_key().to_bytes()),
            kem: kem(&name).public(),
            facility: facility_key,
            mobile,
            validity: ALWAYS,
        };
        items.push(issue(&network, 2, &facility, &[&person], card));
        items.push(issue(&network, 4, &person, &[&seat, &facility], desk));
        seats.push(SeatSecrets {
            signing: seat,
            kem: kem(&name),
            practitioner: Some(practitioner),
            facility: facility_key,
        });
    }
    if !mobile {
        let mut entropy = Counter(derive("bocage 2026-11 test start", &[name.as_bytes()])[0].into());
        let genesis = team_of(&network, &seats, &mut entropy);
        let doc = genesis.header.doc;
        let team = RegistryOp::issue(&network, Hlc(5), &facility, &[], OpBody::Team { doc, profession }).expect("sound");
        items.push(issue(&network, 6, &key("authority"), &[], OpBody::Endorse { what: team.id() }));
        items.push(team.to_bytes().to_vec());
        items.push(genesis.to_bytes());
    }
    Founded {
        facility,
        node,
        seats,
        items,
    }
}

/// The genesis of a team, its epoch sealed to every member.
fn team_of(network: &NetworkId, seats: &[SeatSecrets], entropy: &mut Counter) -> Verified {
    let founder = &seats[0];
    let mut pen = Pen::new(founder.key(), 1);
    if let [alone] = seats {
        let practitioner = alone.practitioner.expect("a practitioner's seat");
        return found_team(network, founder, practitioner, &mut pen, NOW, entropy)
            .expect("one founder")
            .1;
    }
    let member = |seat: &SeatSecrets| Terms {
        subject: Subject::Practitioner(seat.practitioner.expect("a practitioner's seat")),
        rank: Rank::steward(1).expect("above writers"),
        not_before_ms: 0,
        not_after_ms: u64::MAX,
        consent_hash: [0; 32],
    };
    let mut genesis = Genesis {
        kind: DocumentKind::Team,
        nonce: entropy.random32(),
        custodian: founder.facility,
        grants: seats.iter().map(member).collect(),
        epoch: Vec::new(),
    };
    let doc = genesis.doc_id(network, &founder.key());
    let recipients = seats.iter().map(|seat| seat.kem.public()).collect();
    let (epoch, _) = make_epoch(
        network,
        &doc,
        &founder.key(),
        &founder.signing.to_bytes(),
        &recipients,
        &[],
        entropy,
    )
    .expect("few members");
    genesis.epoch = epoch.encode();
    let header = pen.header(NOW, Kind::Genesis, Lane::Today, doc, Kid::ZERO, Vec::new());
    let body = Op::Genesis(genesis).encode().expect("few members");
    header.clear(&founder.signing, network, body).expect("in bounds")
}

pub(crate) fn charter() -> Charter {
    charter_named("Vallée")
}

pub(crate) fn charter_named(name: &str) -> Charter {
    let matrix = MatrixVersion {
        number: crate::access::matrix::VERSION,
        hash: [0; 32],
    };
    Charter::found(name, &[key("authority")], 1, matrix, &mut Counter(0)).expect("one founder")
}

/// Facilities of one network that all know each other's certificates and nothing else.
pub(crate) fn territory(places: &[(&str, FacilityKind, Profession)]) -> Vec<Place> {
    let charter = charter();
    let made: Vec<_> = places
        .iter()
        .map(|(name, kind, profession)| found(&charter, name, *kind, *profession))
        .collect();
    let all: Vec<Vec<u8>> = made.iter().flat_map(|f| f.items.clone()).collect();
    made.into_iter()
        .enumerate()
        .map(|(i, mut founded)| {
            let secrets = founded.seats.remove(0);
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
            let pen_reader = Reader::open(place.secrets.clone(), 100 + i as u64, &mut place.store, &place.registry, NOW);
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

/// A reproducible stream of numbers (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}
