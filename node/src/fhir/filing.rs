//! Where a resource belongs: its key in its source system, its patient, its compartment.
//!
//! The source key is how the same resource is known again in the next file. It is the strongest name the resource has: a business
//! identifier in FHIR's own notation (`Patient?identifier=system|value`, the type included, since an encounter and its patient may share a
//! number), else its full URL, else `Type/id`, else a hash of its bytes.
//!
//! A resource is shared beyond its patient's record only if its type can hold no patient's data. One that should have a patient and has none
//! is kept *unfiled*, for a person to sort: never in the library, where everybody reads.

use bocage_protocol::crypto::derive;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Longest key or reference that is kept.
const MAX_KEY: usize = 512;
/// Identifiers of one patient that others may refer to it by.
const MAX_NAMES: usize = 16;
/// Context of the key of a resource that has no name.
const HASH: &str = "bocage 2026-11 fhir source v1";

/// A patient by the source key of their Patient resource.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct PatientRef {
    pub source: String,
}

/// The part of a record that a resource goes to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Compartment {
    Identity,
    /// Prescriptions, dispensing, allergies.
    Medication,
    /// All other care.
    Clinical,
    /// Labelled restricted by its author.
    Sensitive,
    /// No patient's: professionals, facilities, terminology.
    Library,
    /// A patient's, but nobody knows whose.
    Unfiled,
}

/// What a resource is called.
pub(super) struct Keys {
    /// Best first, never empty.
    pub(super) sources: Vec<String>,
    /// What references to it may look like.
    pub(super) names: Vec<String>,
    /// Tells apart two resources of one file that share an identifier.
    pub(super) own: String,
}

impl Keys {
    pub(super) fn of(kind: &str, resource: &Value, json: &[u8], full_url: Option<&str>, origin: Option<&str>) -> Self {
        let identifiers = match &resource["identifier"] {
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut names: Vec<String> = identifiers.iter().filter_map(|i| identifier_key(kind, i)).take(MAX_NAMES).collect();
        let mut sources: Vec<String> = names.first().cloned().into_iter().collect();
        if let Some(url) = full_url.filter(|u| u.len() <= MAX_KEY && u.contains(':')) {
            sources.push(url.to_owned());
            names.push(url.to_owned());
        }
        if let Some(id) = resource["id"].as_str() {
            let local = format!("{kind}/{id}");
            sources.push(origin.map_or_else(|| local.clone(), |o| format!("{o}/{local}")));
            names.push(local);
        }
        let hash = derive(HASH, &[json]);
        sources.push(format!("hash:{}", bocage_protocol::ids::hex(&hash[..16])));
        let own = resource["id"]
            .as_str()
            .or(full_url)
            .map_or_else(|| sources[sources.len() - 1].clone(), str::to_owned);
        Self { sources, names, own }
    }
}

/// `Type?identifier=system|value`; `None` without both or if overlong.
fn identifier_key(kind: &str, identifier: &Value) -> Option<String> {
    let (system, value) = (identifier["system"].as_str()?, identifier["value"].as_str()?);
    let key = source_of_identifier(kind, system.trim(), value.trim());
    (!system.trim().is_empty() && !value.trim().is_empty() && key.len() <= MAX_KEY).then_some(key)
}

/// The source key of a resource whose first identifier is this one.
pub fn source_of_identifier(kind: &str, system: &str, value: &str) -> String {
    format!("{kind}?identifier={system}|{value}")
}

/// The patients of one file and what they are called there.
#[derive(Default)]
pub(super) struct Patients {
    known: Vec<PatientRef>,
    /// Name → patient; `None` if two patients share it.
    by_name: HashMap<String, Option<usize>>,
    /// Bundle → its only patient; `None` if it has several.
    alone: BTreeMap<u64, Option<usize>>,
}

/// Whose a resource is.
pub(super) enum Owner {
    Patient(PatientRef),
    Nobody,
    Unknown,
}

impl Patients {
    pub(super) fn add(&mut self, patient: PatientRef, names: &[String], bundle: Option<u64>) {
        let index = self.known.len();
        let same = |other: &Option<usize>, known: &[PatientRef]| other.is_some_and(|o| known[o] == patient);
        for name in names {
            let entry = self.by_name.entry(name.clone()).or_insert(Some(index));
            if *entry != Some(index) && !same(entry, &self.known) {
                *entry = None;
            }
        }
        if let Some(bundle) = bundle {
            let entry = self.alone.entry(bundle).or_insert(Some(index));
            if *entry != Some(index) && !same(entry, &self.known) {
                *entry = None;
            }
        }
        self.known.push(patient);
    }

    /// A patient of the bundle that couldn't be filed: the others aren't alone in it.
    pub(super) fn add_refused(&mut self, bundle: Option<u64>) {
        if let Some(bundle) = bundle {
            self.alone.insert(bundle, None);
        }
    }

    /// Whose `resource` is. `elsewhere` answers for references that lead out of the file.
    pub(super) fn owner(
        &self,
        kind: &str,
        resource: &Value,
        full_url: Option<&str>,
        bundle: Option<u64>,
        elsewhere: &mut dyn FnMut(&str) -> Option<PatientRef>,
    ) -> Owner {
        let mut find = |reference: &Value| self.resolve(reference, full_url, elsewhere);
        // A named subject decides, even when it leads nowhere: guessing another would misfile.
        for field in ["subject", "patient", "beneficiary", "for", "individual", "candidate"] {
            let references = as_list(&resource[field]);
            if references.iter().any(|r| r["reference"].is_string() || r["identifier"].is_object()) {
                return one(references.iter().map(&mut find));
            }
        }
        if DIRECTORY.contains(&kind) {
            return Owner::Nobody;
        }
        let nested = [
            ("participant", "actor"),
            ("entity", "what"),
            ("link", "target"),
            ("member", "entity"),
        ];
        let around: Vec<PatientRef> = ["target", "actor", "securityContext"]
            .iter()
            .flat_map(|field| as_list(&resource[*field]))
            .chain(
                nested
                    .iter()
                    .flat_map(|(list, field)| as_list(&resource[*list]).iter().map(|e| &e[*field])),
            )
            .filter_map(&mut find)
            .collect();
        if !around.is_empty() {
            return one(around.into_iter().map(Some));
        }
        match bundle.and_then(|b| self.alone.get(&b)) {
            Some(Some(only)) => Owner::Patient(self.known[*only].clone()),
            _ if SUBSTANCES.contains(&kind) => Owner::Nobody,
            _ => Owner::Unknown,
        }
    }

    fn resolve(&self, reference: &Value, from: Option<&str>, elsewhere: &mut dyn FnMut(&str) -> Option<PatientRef>) -> Option<PatientRef> {
        let literal = match reference["reference"].as_str() {
            Some(text) => text.split("/_history/").next().unwrap_or(text).to_owned(),
            None => identifier_key("Patient", &reference["identifier"])?,
        };
        if literal.starts_with('#') || literal.len() > MAX_KEY {
            return None;
        }
        let based = from.and_then(base).map(|base| format!("{base}/{literal}"));
        for name in based.iter().chain([&literal]) {
            match self.by_name.get(name) {
                Some(Some(index)) => return Some(self.known[*index].clone()),
                Some(None) => return None,
                None => {}
            }
        }
        elsewhere(&literal)
    }
}

/// The compartment of a patient's resource.
pub(super) fn compartment(kind: &str, resource: &Value) -> Compartment {
    let restricted = as_list(&resource["meta"]["security"]).iter().any(|label| {
        label["system"].as_str().is_some_and(|s| s.ends_with("/v3-Confidentiality")) && matches!(label["code"].as_str(), Some("R" | "V"))
    });
    match kind {
        "Patient" => Compartment::Identity,
        _ if restricted => Compartment::Sensitive,
        "RelatedPerson" | "Person" | "Coverage" | "Account" => Compartment::Identity,
        "AllergyIntolerance"
        | "Medication"
        | "MedicationAdministration"
        | "MedicationDispense"
        | "MedicationRequest"
        | "MedicationStatement" => Compartment::Medication,
        _ => Compartment::Clinical,
    }
}

/// True for a name that may be a resource type.
pub(super) fn is_type_name(kind: &str) -> bool {
    (2..=64).contains(&kind.len()) && kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.bytes().all(|b| b.is_ascii_alphabetic())
}

/// FHIR: `[A-Za-z0-9\-\.]{1,64}`.
pub(super) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// Types that can hold no patient's data (FHIR's foundation, terminology, directory and definitional resources).
const DIRECTORY: [&str; 47] = [
    "ActivityDefinition",
    "CapabilityStatement",
    "CatalogEntry",
    "ChargeItemDefinition",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "DeviceDefinition",
    "EffectEvidenceSynthesis",
    "Endpoint",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "GraphDefinition",
    "HealthcareService",
    "ImplementationGuide",
    "InsurancePlan",
    "Library",
    "Location",
    "Measure",
    "MedicationKnowledge",
    "MedicinalProduct",
    "MedicinalProductAuthorization",
    "MedicinalProductContraindication",
    "MedicinalProductIndication",
    "MedicinalProductIngredient",
    "MedicinalProductInteraction",
    "MedicinalProductManufactured",
    "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical",
    "MedicinalProductUndesirableEffect",
    "MessageDefinition",
    "NamingSystem",
    "ObservationDefinition",
    "OperationDefinition",
    "Organization",
    "OrganizationAffiliation",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Questionnaire",
    "ResearchDefinition",
    "SearchParameter",
    "StructureDefinition",
    "TerminologyCapabilities",
    "ValueSet",
];
/// Types that describe a thing, and belong to a patient only in that patient's own bundle.
const SUBSTANCES: [&str; 2] = ["Medication", "Substance"];

fn as_list(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(list) => list,
        one => std::slice::from_ref(one),
    }
}

/// The one patient that all lead to.
fn one(mut found: impl Iterator<Item = Option<PatientRef>>) -> Owner {
    match found.next().flatten() {
        Some(first) if found.all(|other| other.as_ref() == Some(&first)) => Owner::Patient(first),
        _ => Owner::Unknown,
    }
}

/// `https://server/fhir/Observation/1` → `https://server/fhir`.
fn base(full_url: &str) -> Option<&str> {
    let (rest, _id) = full_url.rsplit_once('/').filter(|_| full_url.starts_with("http"))?;
    let (base, kind) = rest.rsplit_once('/')?;
    is_type_name(kind).then_some(base)
}
