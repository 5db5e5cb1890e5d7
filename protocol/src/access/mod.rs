//! Who may do what in a document: the operations that say so, and one pure function that reads them.
//!
//! Nothing here refuses an envelope: what belongs to the set is decided by bytes alone. Access *labels* what is in the set, the same
//! on every node that holds the same set, in whatever order it came. Ambiguity always resolves toward less authority.
//!
//! Read first: [`ops`] (what is signed), [`evaluate`] (the rules), [`view`] (the answers).

pub mod body;
pub mod chain;
pub mod deposit;
mod directory;
pub mod epochs;
pub mod evaluate;
pub mod keyring;
pub mod matrix;
pub mod ops;
pub mod team;
pub mod view;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use crate::ids::{DocId, FacilityKey, ItemId, KemPublic, PractitionerKey, SeatKey};
use ops::Head;

/// What the evaluator must know from the registry. Answers may only grow with the registry: a certificate, a cut, a listing or an
/// ambiguity that was once there stays.
pub trait Directory {
    /// The seat's certificate, dates judged by the caller; `None` while its chain isn't here.
    fn seat(&self, seat: &SeatKey) -> Option<SeatInfo>;

    /// Every seat ever certified for this practitioner, revoked ones included.
    fn seats_of(&self, practitioner: &PractitionerKey) -> Vec<SeatKey>;

    /// Every practitioner this seat was ever certified for: what denies one of them denies it.
    fn practitioners_of(&self, seat: &SeatKey) -> Vec<PractitionerKey>;

    /// Effective revocations of this seat, those of its practitioner or facility included. Beyond their kept heads nothing counts.
    fn seat_cuts(&self, seat: &SeatKey) -> Vec<RegistryCut>;

    /// Suspended by a sibling seat of the same practitioner: it may make no new grant and no new epoch.
    fn is_suspended(&self, seat: &SeatKey) -> bool;

    /// The facility of a team that the registry lists, with the endorsement a listing needs.
    fn team(&self, team: &DocId) -> Option<FacilityKey>;

    /// True iff a network authority endorsed this grant of a team (the way of a facility with one practitioner).
    fn is_authority_endorsed(&self, grant: &ItemId) -> bool;
}

/// A certified seat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeatInfo {
    /// `None` for the device seat of a cabin, which may only deposit, and for an ambiguous seat.
    pub practitioner: Option<PractitionerKey>,
    pub facility: FacilityKey,
    /// Certified for two practitioners or two facilities: nothing that it signs has effect.
    pub ambiguous: bool,
    /// A mobile seat is never a member of a team.
    pub mobile: bool,
    pub kem: KemPublic,
    pub not_before_ms: u64,
    pub not_after_ms: u64,
}

/// A revocation of a seat in the registry, as it bears on that seat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistryCut {
    /// The registry op.
    pub id: ItemId,
    /// The last envelopes that count, one per branch of the seat's chain; empty: nothing counts.
    pub keep: Vec<Head>,
}
