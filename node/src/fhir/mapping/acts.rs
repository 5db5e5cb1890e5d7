//! Encounter, Observation, Condition, AllergyIntolerance, MedicationRequest.

use super::read::{Concept, Fields, ViewError};
use bocage_protocol::clinical::identifiers::system;
use bocage_protocol::clinical::vitals::{self, Acvpu, Measure, Sign, VitalError};

/// System of LOINC codes.
pub const LOINC: &str = "http://loinc.org";
/// System of UCUM units.
pub const UCUM: &str = "http://unitsofmeasure.org";

/// System of SNOMED CT codes.
pub const SNOMED: &str = "http://snomed.info/sct";
/// SNOMED CT, United Kingdom edition: NEWS2 total score.
pub const NEWS2_TOTAL: &str = "1104051000000101";
/// SNOMED CT: no known allergy.
pub const NO_KNOWN_ALLERGY: &str = "716186003";
/// SNOMED CT: patient on oxygen.
pub const PATIENT_ON_OXYGEN: &str = "371825009";

/// A visit, call or stay.
#[derive(Clone, PartialEq, Eq)]
pub struct EncounterView {
    pub status: Option<String>,
    /// `AMB`, `VR` (tele-consultation), `HH` …
    pub class: Option<String>,
    pub subject: Option<String>,
    pub start: Option<String>,
    pub end: Option<String>,
    pub reasons: Vec<Concept>,
}

/// One measurement or finding.
#[derive(Clone, PartialEq)]
pub struct ObservationView {
    pub status: Option<String>,
    pub code: Concept,
    /// LOINC code; old ones are given as their successor (55284-4 as 85354-9).
    pub loinc: Option<String>,
    /// The vital sign, if it is one.
    pub sign: Option<Sign>,
    pub value: Option<ObservedValue>,
    pub components: Vec<Component>,
    pub subject: Option<String>,
    /// When it was measured, as a person says.
    pub effective: Option<String>,
    pub performers: Vec<String>,
    pub device: Option<String>,
}

#[derive(Clone, PartialEq)]
pub struct Component {
    pub code: Concept,
    pub value: Option<ObservedValue>,
}

/// `value[x]`, where it is of a kind that is understood.
#[derive(Clone, PartialEq)]
pub enum ObservedValue {
    /// Number as written, unit code (UCUM where the sender says so) and unit text.
    Quantity {
        number: Option<String>,
        ucum: Option<String>,
        unit: Option<String>,
        comparator: Option<String>,
    },
    Concept(Concept),
    Text(String),
    Boolean(bool),
}

/// A problem or diagnosis.
#[derive(Clone, PartialEq, Eq)]
pub struct ConditionView {
    pub code: Option<Concept>,
    pub cim10: Option<String>,
    pub clinical_status: Option<String>,
    pub verification_status: Option<String>,
    pub subject: Option<String>,
    pub onset: Option<String>,
    pub recorded: Option<String>,
}

/// An allergy or intolerance.
#[derive(Clone, PartialEq, Eq)]
pub struct AllergyView {
    pub code: Option<Concept>,
    pub clinical_status: Option<String>,
    pub verification_status: Option<String>,
    pub criticality: Option<String>,
    pub patient: Option<String>,
    pub reactions: Vec<Concept>,
}

/// One line of a prescription.
#[derive(Clone, PartialEq, Eq)]
pub struct MedicationRequestView {
    pub status: Option<String>,
    pub intent: Option<String>,
    /// The medicine as a concept…
    pub medication: Option<Concept>,
    /// … or as a reference.
    pub medication_reference: Option<String>,
    pub subject: Option<String>,
    pub requester: Option<String>,
    pub authored: Option<String>,
    pub dosages: Vec<String>,
    /// Repeats allowed after the first dispense.
    pub repeats: Option<u32>,
    pub group: Option<String>,
}

impl EncounterView {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ViewError> {
        fields.require("status")?;
        fields.require("class")?;
        let period = fields.object("period", |p| Ok((p.date_time("start")?, p.date_time("end")?)))?;
        let (start, end) = period.unwrap_or_default();
        Ok(Self {
            status: fields.code("status")?,
            class: fields.object("class", |c| c.code("code"))?.flatten(),
            subject: fields.reference("subject")?,
            start,
            end,
            reasons: fields.objects("reasonCode", Concept::read)?,
        })
    }
}

impl ObservationView {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ViewError> {
        fields.require("status")?;
        let code = fields
            .concept("code")?
            .ok_or_else(|| ViewError::at("code", "required and missing"))?;
        let effective = match fields.date_time("effectiveDateTime")? {
            None => fields.object("effectivePeriod", |p| p.date_time("start"))?.flatten(),
            some => some,
        };
        let sign = sign_of(&code);
        let loinc = match sign {
            Some(sign) => Some(sign.row().loinc.to_owned()),
            None => code.code(LOINC).map(str::to_owned),
        };
        Ok(Self {
            status: fields.code("status")?,
            loinc,
            sign,
            value: ObservedValue::read(fields)?,
            components: fields.objects("component", |c| {
                let code = c.concept("code")?.ok_or_else(|| ViewError::at("code", "required and missing"))?;
                Ok(Component {
                    code,
                    value: ObservedValue::read(c)?,
                })
            })?,
            code,
            subject: fields.reference("subject")?,
            effective: match effective {
                None => fields.date_time("effectiveInstant")?,
                some => some,
            },
            performers: fields
                .objects("performer", |p| p.owned("reference"))?
                .into_iter()
                .flatten()
                .collect(),
            device: fields.reference("device")?,
        })
    }

    /// The measurement, if this is a vital sign in its own unit and within belief. `None` otherwise: show the resource's own words.
    pub fn measure(&self) -> Option<Measure> {
        self.measured()?.ok()
    }

    /// As [`Self::measure`], with what is wrong with a number in the sign's own unit.
    pub fn measured(&self) -> Option<Result<Measure, VitalError>> {
        let sign = self.sign?;
        Some(match sign {
            Sign::BloodPressure => {
                let part = |loinc| {
                    let component = self.components.iter().find(|c| c.code.code(LOINC) == Some(loinc))?;
                    component.value.as_ref()?.number_in("mm[Hg]")?.split('.').next()?.parse().ok()
                };
                Measure::pressure(part(vitals::SYSTOLIC)?, part(vitals::DIASTOLIC)?)
            }
            Sign::Consciousness => {
                let ObservedValue::Concept(level) = self.value.as_ref()? else {
                    return None;
                };
                let mut letters = level.text.as_deref()?.chars();
                let level = Acvpu::of_letter(letters.next()?)?;
                if letters.next().is_some() {
                    return None;
                }
                Ok(Measure::consciousness(level))
            }
            _ => Measure::received(sign, self.value.as_ref()?.number_in(sign.row().unit)?),
        })
    }
}

impl ObservedValue {
    fn read(fields: &Fields<'_>) -> Result<Option<Self>, ViewError> {
        let quantity = fields.object("valueQuantity", |q| {
            Ok(Self::Quantity {
                number: q.decimal("value")?,
                ucum: q.code("code")?.filter(|_| q.text("system").is_ok_and(|s| s == Some(UCUM))),
                unit: q.owned("unit")?,
                comparator: q.code("comparator")?,
            })
        })?;
        if quantity.is_some() {
            return Ok(quantity);
        }
        if let Some(number) = fields.decimal("valueInteger")? {
            return Ok(Some(Self::Quantity {
                number: Some(number),
                ucum: None,
                unit: None,
                comparator: None,
            }));
        }
        if let Some(concept) = fields.concept("valueCodeableConcept")? {
            return Ok(Some(Self::Concept(concept)));
        }
        if let Some(text) = fields.owned("valueString")? {
            return Ok(Some(Self::Text(text)));
        }
        Ok(fields.boolean("valueBoolean")?.map(Self::Boolean))
    }

    /// The exact number, if its unit is this one.
    fn number_in(&self, unit: &str) -> Option<&str> {
        match self {
            Self::Quantity {
                number: Some(number),
                ucum: Some(ucum),
                comparator: None,
                ..
            } if ucum == unit => Some(number),
            _ => None,
        }
    }
}

impl ConditionView {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ViewError> {
        fields.require("subject")?;
        let code = fields.concept("code")?;
        Ok(Self {
            cim10: code.as_ref().and_then(|c| c.code(system::CIM10)).map(str::to_owned),
            code,
            clinical_status: status(fields, "clinicalStatus")?,
            verification_status: status(fields, "verificationStatus")?,
            subject: fields.reference("subject")?,
            onset: fields.date_time("onsetDateTime")?,
            recorded: fields.date_time("recordedDate")?,
        })
    }
}

impl AllergyView {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ViewError> {
        fields.require("patient")?;
        let reactions = fields.objects("reaction", |r| r.objects("manifestation", Concept::read))?;
        Ok(Self {
            code: fields.concept("code")?,
            clinical_status: status(fields, "clinicalStatus")?,
            verification_status: status(fields, "verificationStatus")?,
            criticality: fields.code("criticality")?,
            patient: fields.reference("patient")?,
            reactions: reactions.into_iter().flatten().collect(),
        })
    }
}

impl MedicationRequestView {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ViewError> {
        for name in ["status", "intent", "subject"] {
            fields.require(name)?;
        }
        if !fields.has("medicationCodeableConcept") && !fields.has("medicationReference") {
            return Err(ViewError::at("medication[x]", "required and missing"));
        }
        let repeats = fields.object("dispenseRequest", |d| d.decimal("numberOfRepeatsAllowed"))?.flatten();
        Ok(Self {
            status: fields.code("status")?,
            intent: fields.code("intent")?,
            medication: fields.concept("medicationCodeableConcept")?,
            medication_reference: fields.reference("medicationReference")?,
            subject: fields.reference("subject")?,
            requester: fields.reference("requester")?,
            authored: fields.date_time("authoredOn")?,
            dosages: fields
                .objects("dosageInstruction", |d| d.owned("text"))?
                .into_iter()
                .flatten()
                .collect(),
            repeats: match repeats {
                None => None,
                Some(n) => Some(
                    n.parse()
                        .map_err(|_| ViewError::at("dispenseRequest.numberOfRepeatsAllowed", "expected a whole number"))?,
                ),
            },
            group: fields.object("groupIdentifier", |g| g.owned("value"))?.flatten(),
        })
    }
}

fn sign_of(code: &Concept) -> Option<Sign> {
    let loinc = code.codings.iter().filter(|c| c.system.as_deref() == Some(LOINC));
    loinc.filter_map(|c| c.code.as_deref()).find_map(Sign::of_loinc)
}

/// The first code of a status concept.
fn status(fields: &Fields<'_>, name: &str) -> Result<Option<String>, ViewError> {
    Ok(fields.concept(name)?.and_then(|c| c.first_code().map(str::to_owned)))
}
