//! The registry as the evaluator needs it.

use super::ops::Head;
use super::{Directory, RegistryCut, SeatInfo};
use crate::identity::Registry;
use crate::ids::{DocId, FacilityKey, ItemId, PractitionerKey, SeatKey};

impl Directory for Registry {
    fn seat(&self, seat: &SeatKey) -> Option<SeatInfo> {
        let found = Self::seat(self, seat)?;
        Some(SeatInfo {
            practitioner: found.practitioner,
            facility: found.facility,
            ambiguous: found.ambiguous,
            mobile: found.mobile,
            kem: found.kem,
            not_before_ms: found.validity.not_before,
            not_after_ms: found.validity.not_after,
        })
    }

    fn seats_of(&self, practitioner: &PractitionerKey) -> Vec<SeatKey> {
        self.seats()
            .map(|(key, _)| *key)
            .filter(|key| self.practitioners_of(key).any(|p| p == *practitioner))
            .collect()
    }

    fn practitioners_of(&self, seat: &SeatKey) -> Vec<PractitionerKey> {
        Self::practitioners_of(self, seat).collect()
    }

    fn seat_cuts(&self, seat: &SeatKey) -> Vec<RegistryCut> {
        let head = |h: &crate::identity::KeptHead| Head {
            incarnation: h.incarnation,
            seq: h.seq,
            id: h.id,
        };
        self.cuts(seat)
            .iter()
            .map(|cut| RegistryCut {
                id: cut.id,
                keep: cut.keep.iter().map(head).collect(),
            })
            .collect()
    }

    /// Suspension by a sibling seat comes with its registry op.
    fn is_suspended(&self, _: &SeatKey) -> bool {
        false
    }

    fn team(&self, team: &DocId) -> Option<FacilityKey> {
        Self::team(self, team).map(|t| t.facility)
    }

    fn is_authority_endorsed(&self, grant: &ItemId) -> bool {
        self.is_endorsed(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::super::evaluate::{AccessSet, OpRecord, evaluate};
    use super::super::ops::{Endorse, Grant, Op, Rank, Revoke, Subject, Terms, genesis_grant_id, grant_id};
    use super::super::view::{AccessView, Act, Reason, Verdict};
    use crate::envelope::{Kind, Lane};
    use crate::identity::{FacilityKind, OpBody, Profession, Registry, RegistryOp, Seat};
    use crate::ids::{GrantId, Kid};
    use crate::record::{Pen, SeatSecrets};
    use crate::testing::{self, ALWAYS, Founded, NOW};

    use super::*;

    /// A clinic whose one practitioner administers it, as its owner would run it: every key is at hand.
    struct Clinic {
        founded: Founded,
        registry: Registry,
        set: AccessSet,
        team: DocId,
    }

    impl Clinic {
        fn new() -> Self {
            let charter = testing::charter();
            let founded = testing::found(&charter, "Maison", FacilityKind::Clinic, Profession::Doctor);
            let mut clinic = Self {
                founded,
                registry: Registry::new(charter),
                set: AccessSet::default(),
                team: DocId::ZERO,
            };
            for item in clinic.founded.items.clone() {
                if item.first() == Some(&crate::identity::op::REGISTRY_OP) {
                    clinic.register(&item);
                } else {
                    let genesis = crate::envelope::Envelope::parse(&item).unwrap();
                    clinic.team = genesis.header.doc;
                    let genesis = genesis.verify(&clinic.registry.network_id()).unwrap();
                    clinic
                        .set
                        .insert(OpRecord::from_envelope(&clinic.registry.network_id(), &genesis).unwrap());
                }
            }
            clinic
        }

        fn register(&mut self, bytes: &[u8]) {
            let op = RegistryOp::parse(&self.registry.network_id(), bytes).unwrap();
            assert!(self.registry.extend([op]).is_empty());
        }

        /// The clinic certifies a person.
        fn hire(&mut self, person: &str) -> PractitionerKey {
            let (network, key) = (self.registry.network_id(), testing::key(person));
            let practitioner = PractitionerKey(key.verifying_key().to_bytes());
            let card = OpBody::Practitioner {
                key: practitioner,
                profession: Profession::Doctor,
                rpps: String::new(),
                name: person.into(),
                validity: ALWAYS,
            };
            let bytes = testing::issue(&network, 20, &self.founded.facility, &[&key], card);
            self.register(&bytes);
            practitioner
        }

        /// A person and the clinic certify a seat, new or not.
        fn seat(&mut self, hlc: u64, person: &str, seat: &SeatSecrets) {
            let network = self.registry.network_id();
            let desk = OpBody::Seat {
                key: seat.key(),
                kem: seat.kem.public(),
                facility: self.founded.facility_key(),
                mobile: false,
                validity: ALWAYS,
            };
            let bytes = testing::issue(&network, hlc, &testing::key(person), &[&seat.signing, &self.founded.facility], desk);
            self.register(&bytes);
        }

        fn write(&mut self, by: &SeatSecrets, pen: &mut Pen, cited: GrantId, op: Op) -> ItemId {
            let header = pen.header(NOW, op.kind(), Lane::Today, self.team, Kid::ZERO, vec![cited]);
            let network = self.registry.network_id();
            let written = header.clear(&by.signing, &network, op.encode().unwrap()).unwrap();
            pen.advance(&written);
            self.set.insert(OpRecord::from_envelope(&network, &written).unwrap());
            written.id()
        }

        fn view(&self) -> AccessView {
            evaluate(&self.team, &self.set, &self.registry)
        }
    }

    fn secrets(name: &str, like: &SeatSecrets) -> SeatSecrets {
        SeatSecrets {
            signing: testing::key(name),
            ..like.clone()
        }
    }

    #[test]
    fn t64_a_lone_administrator_is_no_second_practitioner_by_certifying_his_seat_for_a_fake_one() {
        // The story: P, alone in his clinic, has a founder's seat and a second one. He certifies a practitioner who doesn't exist,
        // and the founder's seat again, for that one. The founder's grant is by seat, so "somebody else" adds X to the team; P's
        // second seat stands for X. Three signatures, one man.
        let mut clinic = Clinic::new();
        let (founder, added) = (clinic.founded.seats[0].clone(), secrets("X/seat", &clinic.founded.seats[0]));
        let second = secrets("Maison/second", &founder);
        clinic.seat(21, "Maison/person", &second);
        let x = clinic.hire("X");
        clinic.seat(22, "X", &added);
        let terms = Terms {
            subject: Subject::Practitioner(x),
            rank: Rank::READER,
            not_before_ms: 0,
            not_after_ms: u64::MAX,
            consent_hash: [0; 32],
        };
        let (mut first_pen, mut second_pen) = (Pen::new(founder.key(), 5), Pen::new(second.key(), 5));
        let team = clinic.team;
        let op = Op::Grant(Grant { terms, answers: vec![] });
        let grant = clinic.write(&founder, &mut first_pen, genesis_grant_id(&team, 0), op);
        let endorse = Endorse {
            grant: grant_id(&team, &grant),
        };
        clinic.write(&second, &mut second_pen, genesis_grant_id(&team, 1), Op::Endorse(endorse));
        let honest = clinic.view();
        assert!(honest.members(&team, NOW).contains(&founder.key()));
        assert!(!honest.members(&team, NOW).contains(&added.key()), "P stands for his own grant");

        clinic.hire("F");
        clinic.seat(99, "F", &founder);
        let view = clinic.view();
        let members = view.members(&team, NOW);
        assert!(!members.contains(&added.key()), "X is no member");
        assert!(!members.contains(&founder.key()), "and the seat of two people is none either");
        assert_eq!(view.verdict(&grant), Verdict::Invalid(Reason::AmbiguousSeat));
    }

    #[test]
    fn t18_a_denial_of_a_person_hits_a_seat_that_was_ever_theirs() {
        let mut clinic = Clinic::new();
        let founder = clinic.founded.seats[0].clone();
        let (guest, doctor) = (secrets("Q/seat", &founder), clinic.hire("Q"));
        clinic.seat(21, "Q", &guest);
        let team = clinic.team;
        let mut pen = Pen::new(founder.key(), 5);
        let founding = genesis_grant_id(&team, 0);
        let terms = Terms {
            subject: Subject::Seat(guest.key()),
            rank: Rank::DEPOSITOR,
            not_before_ms: 0,
            not_after_ms: u64::MAX,
            consent_hash: [0; 32],
        };
        let what = clinic.write(&founder, &mut pen, founding, Op::Grant(Grant { terms, answers: vec![] }));
        let network = clinic.registry.network_id();
        let stand_for_it = testing::issue(&network, 30, &testing::key("authority"), &[], OpBody::Endorse { what });
        clinic.register(&stand_for_it);
        let may = |clinic: &Clinic| clinic.view().may(&guest.key(), Act::Deposit, NOW).is_some();
        assert!(may(&clinic));
        let (one_person, other) = (clinic.registry.clone(), clinic.hire("R"));
        clinic.seat(99, "R", &guest);
        assert!(!may(&clinic), "nobody's seat does nothing, not even what a cabin's may");
        clinic.registry = one_person;

        let denial = Revoke {
            subject: Subject::Practitioner(doctor),
            reason: 0,
            keep: vec![],
        };
        let header = pen.header(NOW, Kind::Revoke, Lane::Control, team, Kid::ZERO, vec![founding]);
        let denial = header
            .clear(&founder.signing, &network, Op::Revoke(denial).encode().unwrap())
            .unwrap();
        clinic.set.insert(OpRecord::from_envelope(&network, &denial).unwrap());
        let denied = |clinic: &Clinic| {
            let view = clinic.view();
            let grant = view
                .grants()
                .iter()
                .find(|g| g.terms.subject == Subject::Seat(guest.key()))
                .cloned();
            grant.expect("granted").denied_by
        };
        assert_eq!(denied(&clinic), [denial.id()]);
        assert_eq!(clinic.hire("R"), other);
        clinic.seat(99, "R", &guest);
        assert_eq!(denied(&clinic), [denial.id()], "certified for somebody else too, it isn't forgiven");
        for person in [doctor, other] {
            assert_eq!(clinic.registry.seats_of(&person), [guest.key()]);
        }
        assert!(Registry::seat(&clinic.registry, &guest.key()).is_some_and(|s: &Seat| s.ambiguous));
    }
}
