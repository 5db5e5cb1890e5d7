//! The default role matrix: which rank each actor gets in each compartment of a new record.
//!
//! Data, not rules: the evaluator knows ranks only. The charter names the matrix by version and hash, so two nodes of a network
//! never create records by different tables. Source: security design § 5.4.

use crate::access::ops::Rank;
use crate::crypto::derive;
pub use crate::identity::Profession;

/// Changes with any cell.
pub const VERSION: u16 = 2;

const CONTEXT: &str = "bocage 2026-11 role matrix v1";

/// A document of a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Compartment {
    Identity = 0,
    /// The emergency sheet.
    Emergency = 1,
    /// Prescriptions, dispensing, allergies.
    Medication = 2,
    /// Notes, results, vaccinations.
    Clinical = 3,
    /// One document per masked topic.
    Sensitive = 4,
    /// Who opened what.
    Trace = 5,
    /// One document per question to another practitioner, with what was answered.
    Request = 6,
}

impl Compartment {
    pub const ALL: [Self; 7] = [
        Self::Identity,
        Self::Emergency,
        Self::Medication,
        Self::Clinical,
        Self::Sensitive,
        Self::Trace,
        Self::Request,
    ];

    /// Sharing a record opens it too. A request stays between who asks and who is asked.
    pub fn goes_with_the_record(self) -> bool {
        self != Self::Request
    }
}

/// A column of the matrix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Actor {
    /// The doctor whose patient it is.
    TreatingDoctor,
    /// Members of the care team, by profession.
    Team(Profession),
    /// The device seat of a teleconsultation cabin.
    Cabin,
    /// Break-glass-capable seats of a fixed node.
    OnCall,
    /// The patient's card.
    Card,
}

impl Actor {
    pub const ALL: [Self; 7] = [
        Self::TreatingDoctor,
        Self::Team(Profession::Doctor),
        Self::Team(Profession::Nurse),
        Self::Team(Profession::Pharmacist),
        Self::Cabin,
        Self::OnCall,
        Self::Card,
    ];

    fn column(self) -> usize {
        match self {
            Self::TreatingDoctor => 0,
            Self::Team(Profession::Doctor) => 1,
            Self::Team(Profession::Nurse) => 2,
            Self::Team(Profession::Pharmacist) => 3,
            Self::Cabin => 4,
            Self::OnCall => 5,
            Self::Card => 6,
        }
    }
}

/// Below the creator's rank 0, which stands for a seat; above every other steward.
const STEWARD: Option<Rank> = Rank::steward(1);
const RW: Option<Rank> = Some(Rank::WRITER);
const R: Option<Rank> = Some(Rank::READER);
/// Deposits, and appends to the trace, are written for readers one isn't among.
const D: Option<Rank> = Some(Rank::DEPOSITOR);
const NONE: Option<Rank> = None;

#[rustfmt::skip]
const TABLE: [[Option<Rank>; 7]; 7] = [
    // treating  doctor  nurse  pharmacist  cabin  on call  card
    [STEWARD,    RW,     R,     R,          NONE,  NONE,    NONE], // identity
    [STEWARD,    RW,     R,     R,          NONE,  R,       R   ], // emergency
    [STEWARD,    RW,     RW,    RW,         NONE,  NONE,    NONE], // medication
    [STEWARD,    RW,     RW,    NONE,       D,     NONE,    NONE], // clinical
    [NONE,       NONE,   NONE,  NONE,       NONE,  NONE,    NONE], // sensitive: see NAMED_IN_SENSITIVE
    [RW,         D,      D,     D,          D,     D,       NONE], // trace
    [STEWARD,    RW,     RW,    NONE,       NONE,  NONE,    NONE], // request: see ON_EITHER_SIDE_OF_A_REQUEST
];

/// What a doctor named in a masked topic gets there; its author is its founder, everybody else has nothing.
pub const NAMED_IN_SENSITIVE: Rank = Rank::WRITER;

/// What both sides of a request get there: whom it is addressed to, and the founder's own person and profession. The row gives the
/// rest of the founder's facility, so that a question about a treatment is a pharmacist's to ask and a pharmacist of a clinic
/// doesn't read what its doctors write.
pub const ON_EITHER_SIDE_OF_A_REQUEST: Rank = Rank::WRITER;

/// The rank that `actor` is granted in this compartment of a new record; `None`: no grant.
pub fn default_rank(compartment: Compartment, actor: Actor) -> Option<Rank> {
    TABLE[compartment as usize][actor.column()]
}

/// Names the matrix in a charter: version, then a byte per cell row by row (rank, or 255 for none), then the ranks that aren't in it.
pub fn hash() -> [u8; 32] {
    let cells: Vec<u8> = TABLE.iter().flatten().map(|cell| cell.map_or(255, Rank::to_u8)).collect();
    let apart = [NAMED_IN_SENSITIVE, ON_EITHER_SIDE_OF_A_REQUEST].map(Rank::to_u8);
    derive(CONTEXT, &[&VERSION.to_be_bytes(), &cells, &apart])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(compartment: Compartment) -> Vec<String> {
        Actor::ALL
            .iter()
            .map(|actor| match default_rank(compartment, *actor) {
                Some(rank) if rank.is_steward() => "steward".into(),
                Some(Rank::WRITER) => "RW".into(),
                Some(Rank::READER) => "R".into(),
                Some(_) => "deposit".into(),
                None => "–".to_string(),
            })
            .collect()
    }

    #[test]
    fn every_row_is_the_published_one() {
        for (compartment, expected) in Compartment::ALL.into_iter().zip([
            ["steward", "RW", "R", "R", "–", "–", "–"],
            ["steward", "RW", "R", "R", "–", "R", "R"],
            ["steward", "RW", "RW", "RW", "–", "–", "–"],
            ["steward", "RW", "RW", "–", "deposit", "–", "–"],
            ["–", "–", "–", "–", "–", "–", "–"],
            ["RW", "deposit", "deposit", "deposit", "deposit", "deposit", "–"],
            ["steward", "RW", "RW", "–", "–", "–", "–"],
        ]) {
            assert_eq!(row(compartment), expected, "{compartment:?}");
        }
        assert!(NAMED_IN_SENSITIVE.may_write() && ON_EITHER_SIDE_OF_A_REQUEST.may_write());
    }

    #[test]
    fn nobody_but_the_creator_starts_as_founder_and_a_cabin_never_reads() {
        for compartment in Compartment::ALL {
            for actor in Actor::ALL {
                assert_ne!(default_rank(compartment, actor), Some(Rank::FOUNDER));
            }
            assert!(
                !default_rank(compartment, Actor::Cabin).is_some_and(Rank::may_read),
                "{compartment:?}"
            );
        }
    }

    #[test]
    fn the_hash_is_pinned_until_the_version_changes() {
        assert_eq!(crate::ids::hex(&hash()[..8]), "76747c06d7e59598");
    }
}
