//! Who exists: the charter that founds a network, the certificates and revocations of its registry, and enrolment.
//!
//! Nothing here knows of records. Dates are data: membership in the set never depends on them.

pub mod charter;
pub mod enrol;
pub mod op;
pub mod registry;
#[cfg(test)]
mod tests;

pub use charter::{Authorities, Charter, CharterError, MatrixVersion};
pub use op::{FacilityKind, KeptHead, OpBody, OpError, Profession, RegistryOp, Revoked, Validity};
pub use registry::{Facility, Node, Practitioner, Registry, Seat, SeatCut, Team};
