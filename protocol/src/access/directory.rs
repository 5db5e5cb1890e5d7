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
            mobile: found.mobile,
            kem: found.kem,
            not_before_ms: found.validity.not_before,
            not_after_ms: found.validity.not_after,
        })
    }

    fn seats_of(&self, practitioner: &PractitionerKey) -> Vec<SeatKey> {
        self.seats()
            .filter(|(_, s)| s.practitioner == Some(*practitioner))
            .map(|(k, _)| *k)
            .collect()
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
