pub mod fhir;
