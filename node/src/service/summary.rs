//! One line of words for a resource: what a list shows.

use bocage_protocol::clinical::request::{Kind, Status};
use bocage_protocol::clinical::vitals::Sign;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::fhir::mapping::{self, ObservationView, View, acts::ObservedValue, write::note_text};

/// The FHIR type of a resource, or `?`.
pub fn resource_type(json: &[u8]) -> String {
    let value: Option<serde_json::Value> = serde_json::from_slice(json).ok();
    value
        .and_then(|v| v["resourceType"].as_str().map(str::to_owned))
        .unwrap_or_else(|| "?".to_owned())
}

/// What it says, as far as this program understands it; empty otherwise.
pub fn one_line(json: &[u8]) -> String {
    if let Some((title, text)) = note_text(json) {
        return format!("{title}: {text}");
    }
    match mapping::of(json) {
        Ok(Some(view)) => line(&view).unwrap_or_default(),
        _ => String::new(),
    }
}

fn line(view: &View) -> Option<String> {
    Some(match view {
        View::Patient(p) => format!("{}  {}", p.display_name(), p.birth_date.as_deref().unwrap_or("")),
        View::Practitioner(p) => format!("{} {}", p.family.as_deref().unwrap_or(""), p.given.join(" ")),
        View::Organization(o) => o.name.clone()?,
        View::Encounter(e) => e.reasons.iter().find_map(|r| r.label()).or(e.class.as_deref()).map(str::to_owned)?,
        View::Observation(o) => observation(o)?,
        View::Condition(c) => c.code.as_ref()?.label()?.to_owned(),
        View::Allergy(a) => a.code.as_ref()?.label()?.to_owned(),
        View::MedicationRequest(m) => {
            let medicine = m.medication.as_ref().and_then(|c| c.label()).unwrap_or("");
            format!("{medicine}  {}", m.dosages.first().map_or("", String::as_str))
        }
        View::ServiceRequest(r) => {
            let what = r.kind.map(Kind::code).or(r.code.as_ref().and_then(|c| c.label())).unwrap_or("");
            format!("{what}: {}", r.notes.first().map_or("", String::as_str))
        }
        View::Task(t) => {
            let stands = t.business_status.map(Status::code).or(t.status.as_deref()).unwrap_or("");
            format!("{stands}  {}", t.owner.as_deref().unwrap_or(""))
        }
        View::Communication(c) => c.texts.first()?.clone(),
    })
}

fn observation(o: &ObservationView) -> Option<String> {
    if let (Some(sign), Some(measure)) = (o.sign, o.measure()) {
        let words = plain_units(&format!("{} {measure} {}", sign_name(sign), sign.row().unit));
        return Some(words.trim_end().to_owned());
    }
    let label = o.code.label()?;
    Some(match &o.value {
        Some(ObservedValue::Quantity {
            number: Some(number),
            unit,
            ..
        }) => plain_units(&format!("{label} {number} {}", unit.as_deref().unwrap_or("")))
            .trim_end()
            .to_owned(),
        Some(ObservedValue::Concept(concept)) => format!("{label}: {}", concept.label().unwrap_or("")),
        Some(ObservedValue::Text(text)) => format!("{label}: {text}"),
        Some(ObservedValue::Boolean(true)) => format!("{label}: yes"),
        Some(ObservedValue::Boolean(false)) => format!("{label}: no"),
        _ => label.to_owned(),
    })
}

/// Units as people write them, where UCUM's own spelling is for machines.
pub fn plain_units(text: &str) -> String {
    text.replace("Cel", "°C")
        .replace("mm[Hg]", "mmHg")
        .replace(" {score}", "")
        .replace("{score}", "")
}

/// The word for a sign on the command line.
pub fn sign_name(sign: Sign) -> &'static str {
    match sign {
        Sign::RespiratoryRate => "respiratory-rate",
        Sign::HeartRate => "heart-rate",
        Sign::OxygenSaturation => "spo2",
        Sign::Temperature => "temperature",
        Sign::BloodPressure => "blood-pressure",
        Sign::Weight => "weight",
        Sign::Height => "height",
        Sign::Bmi => "bmi",
        Sign::Pain => "pain",
        Sign::Consciousness => "consciousness",
        Sign::Glucose => "glucose",
        Sign::Hba1c => "hba1c",
        Sign::WoundLength => "wound-length",
        Sign::WoundWidth => "wound-width",
        Sign::WoundDepth => "wound-depth",
    }
}

/// Unit and limits of what is typed for a sign, in English and French.
pub fn range(sign: Sign) -> [String; 2] {
    let [unit, low, high] = limits(sign);
    match sign {
        Sign::Bmi => ["computed".to_owned(), "calculé".to_owned()],
        Sign::Consciousness => ["one of A, C, V, P, U".to_owned(), "A, C, V, P ou U".to_owned()],
        Sign::BloodPressure => ["mmHg, as 130/80".to_owned(), "mmHg, comme 130/80".to_owned()],
        Sign::Pain => ["0 to 10".to_owned(), "de 0 à 10".to_owned()],
        _ => {
            let also = if sign == Sign::Glucose {
                ["; or write 1.2 g/L", " ; ou écrivez 1,2 g/L"]
            } else {
                [""; 2]
            };
            [
                format!("{unit}, {low} to {high}{}", also[0]),
                format!("{unit}, de {} à {}{}", low.replace('.', ","), high.replace('.', ","), also[1]),
            ]
        }
    }
}

/// Unit, lowest and highest of what is typed for a sign, as people write them; of a pressure, of either number.
pub fn limits(sign: Sign) -> [String; 3] {
    let row = sign.row();
    let number = |n: i32| {
        let text = format!(
            "{:.*}",
            usize::from(row.decimals.min(1)),
            f64::from(n) / 10_f64.powi(row.decimals.into())
        );
        text.trim_end_matches(".0").to_owned()
    };
    let (low, high) = match sign {
        Sign::Consciousness => Default::default(),
        _ => (number(row.low), number(row.high)),
    };
    [plain_units(row.unit), low, high]
}

/// A moment as FHIR writes it, in UTC.
pub fn instant(ms: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp((ms / 1_000) as i64).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_fhir_wants_it() {
        assert_eq!(instant(1_795_000_000_123), "2026-11-18T11:06:40Z");
    }
}
