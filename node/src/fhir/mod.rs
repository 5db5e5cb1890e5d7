//! FHIR R4 files in and out.
//!
//! The facts of a record *are* FHIR resources, stored as the bytes they arrived in. So this module parses to understand and to check,
//! and never to store: [`import`] files verbatim slices under the patient they belong to, [`mapping`] reads typed views of them and makes
//! resources of acts done here, [`export`] puts the same bytes into a bundle. [`generate`] invents patients for demonstration and tests.
//!
//! Knows nothing of records, keys or disks: the caller's [`ImportSink`] writes facts.

pub mod bundle;
pub mod export;
pub mod filing;
pub mod generate;
pub mod import;
pub mod mapping;
pub mod report;
pub mod scan;

pub use filing::{Compartment, PatientRef};
pub use import::{ImportItem, ImportSink, Importer, Outcome};
pub use report::{Language, Report};

/// Largest resource that is accepted, in bytes as written: a fact must fit in an envelope's body (256 KiB) with its framing.
pub const MAX_RESOURCE: usize = 192 * 1024;
/// Levels of brackets in a resource. The deepest of HL7's own examples has 21.
pub const MAX_DEPTH: usize = 64;

/// What [`scan`] accepts of one resource.
pub(crate) const LIMITS: scan::Limits = scan::Limits {
    value: MAX_RESOURCE,
    depth: MAX_DEPTH,
};
