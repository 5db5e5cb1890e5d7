//! Typed views of FHIR resources, and the resources that acts made here become.
//!
//! A fact is the resource's own bytes; a view is what this program understands of it, read anew each time and never written back.
//! Reading is strict about the datatypes of the fields it maps (a refused resource is better than a misread dose) and silent about all
//! others. [`of`] gives the view, [`mod@write`] makes resources, [`mod@correct`] changes one in place, [`plain`] by the
//! names that people use.

pub mod acts;
pub mod correct;
pub mod people;
pub mod plain;
pub mod read;
pub mod request;
pub mod write;

pub use acts::{AllergyView, ConditionView, EncounterView, MedicationRequestView, ObservationView};
pub use people::{OrganizationView, PatientView, PractitionerView};
pub use read::ViewError;
pub use request::{CommunicationView, ServiceRequestView, TaskView};

use read::Fields;
use serde_json::Value;

/// A resource of a type that is understood here.
#[derive(Clone, PartialEq)]
pub enum View {
    Patient(PatientView),
    Practitioner(PractitionerView),
    Organization(OrganizationView),
    Encounter(EncounterView),
    Observation(Box<ObservationView>),
    Condition(ConditionView),
    Allergy(AllergyView),
    MedicationRequest(Box<MedicationRequestView>),
    ServiceRequest(Box<ServiceRequestView>),
    Task(Box<TaskView>),
    Communication(CommunicationView),
}

/// The resource types that have a view.
pub const MAPPED: [&str; 11] = [
    "AllergyIntolerance",
    "Communication",
    "Condition",
    "Encounter",
    "MedicationRequest",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "ServiceRequest",
    "Task",
];

/// The view of a resource's bytes; `Ok(None)` if its type has none.
///
/// # Errors
/// Not JSON, or a mapped field with the wrong datatype, or a required one missing: with its FHIR path.
pub fn of(json: &[u8]) -> Result<Option<View>, ViewError> {
    let value: Value = serde_json::from_slice(json).map_err(|e| ViewError {
        path: String::new(),
        what: e.to_string(),
    })?;
    of_value(&value)
}

/// As [`of`], of a resource that is parsed already.
pub fn of_value(resource: &Value) -> Result<Option<View>, ViewError> {
    let fields = Fields::of_resource(resource)?;
    let kind = fields.required_code("resourceType")?.to_owned();
    let view = match kind.as_str() {
        "Patient" => PatientView::read(&fields).map(View::Patient),
        "Practitioner" => PractitionerView::read(&fields).map(View::Practitioner),
        "Organization" => OrganizationView::read(&fields).map(View::Organization),
        "Encounter" => EncounterView::read(&fields).map(View::Encounter),
        "Observation" => ObservationView::read(&fields).map(|v| View::Observation(Box::new(v))),
        "Condition" => ConditionView::read(&fields).map(View::Condition),
        "AllergyIntolerance" => AllergyView::read(&fields).map(View::Allergy),
        "MedicationRequest" => MedicationRequestView::read(&fields).map(|v| View::MedicationRequest(Box::new(v))),
        "ServiceRequest" => ServiceRequestView::read(&fields).map(|v| View::ServiceRequest(Box::new(v))),
        "Task" => TaskView::read(&fields).map(|v| View::Task(Box::new(v))),
        "Communication" => CommunicationView::read(&fields).map(View::Communication),
        _ => return Ok(None),
    };
    view.map(Some).map_err(|e| e.under(&kind))
}
