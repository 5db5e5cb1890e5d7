//! A score rests on measures: where one of them is corrected or withdrawn, the score of that visit is made anew in the same write, or
//! withdrawn with it. A NEWS2 that no longer follows from what stands beside it would be believed.

use bocage_protocol::clinical::news2::{News2, Readings, Scale};
use bocage_protocol::ids::{FactId, RecordId};
use bocage_protocol::record::{FactBody, Label, NewFact, RecordFact};
use serde_json::Value;

use super::Service;
use super::acts::patient_reference;
use super::entry::typed;
use crate::client::{Clinical, Failure};
use crate::fhir::mapping::{self, View, correct, write};

impl Service {
    /// New versions of the scores of the visit that a changed entry belongs to, if they are other ones now. `new`: what the entry says from now on.
    pub(super) fn rescored(&self, record: RecordId, changed: FactId, new: &[u8]) -> Result<Vec<NewFact>, Failure> {
        let visit = typed(new).visit;
        if visit.is_empty() {
            return Ok(Vec::new());
        }
        let reader = self.reader()?;
        let of_visit = |f: &RecordFact<'_>| f.fact.label == Label::Accepted && typed(f.fact.body).visit == visit;
        let current: Vec<RecordFact<'_>> = reader.current(&record).filter(of_visit).collect();
        let says = |f: &RecordFact<'_>| if f.fact.id == changed { new.to_vec() } else { f.fact.body.to_vec() };
        let bodies: Vec<Vec<u8>> = current.iter().map(says).collect();
        let is_score = |body: &[u8]| matches!(typed(body).clinical, Some(Clinical::News2 { .. }));
        let mut scores = Vec::new();
        for old in current.iter().filter(|f| f.fact.id != changed && is_score(f.fact.body)) {
            if let Some(body) = self.score_again(record, old.fact.body, &bodies)? {
                let fact = FactBody {
                    source: old.fact.source.to_owned(),
                    supersedes: vec![old.fact.id],
                    ..FactBody::resource(body)
                };
                let compartment = old.compartment;
                scores.push(NewFact { compartment, fact });
            }
        }
        Ok(scores)
    }

    /// The score as it follows from these entries; `None` where it says just that.
    fn score_again(&self, record: RecordId, old: &[u8], bodies: &[Vec<u8>]) -> Result<Option<Vec<u8>>, Failure> {
        let resource: Value = serde_json::from_slice(old).unwrap_or_default();
        let scale = match resource["method"]["text"].as_str() {
            Some(text) if text.ends_with(" 2") => Scale::Two,
            _ => Scale::One,
        };
        let (score, rests_on) = score_of(bodies, scale);
        if score.total().is_none() {
            return correct::withdraw(old).map(Some).map_err(|e| Failure::of("usage", &e));
        }
        let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
        let (id, effective, encounter) = (
            text(&resource["id"]),
            text(&resource["effectiveDateTime"]),
            text(&resource["encounter"]["reference"]),
        );
        let subject = patient_reference(self.reader()?, record).ok_or_else(super::acts::no_identity)?;
        let (name, rpps) = self.practitioner().map(|p| (p.name.clone(), p.rpps.clone())).unwrap_or_default();
        let act = write::Act {
            id: &id,
            patient: &subject,
            encounter: Some(&encounter).filter(|e| !e.is_empty()).map(String::as_str),
            by: Some(write::By { name: &name, rpps: &rpps }).filter(|b| !b.name.is_empty()),
            effective: &effective,
            ..write::Act::default()
        };
        let new = write::news2(&act, &score, scale, &rests_on).map_err(|e| Failure::of("usage", &e))?;
        let made: Value = serde_json::from_slice(&new).unwrap_or_default();
        let same = ["valueQuantity", "component", "interpretation"]
            .iter()
            .all(|part| made[*part] == resource[*part]);
        Ok((!same).then_some(new))
    }
}

/// The score of these entries, and the ids of those that count.
fn score_of(bodies: &[Vec<u8>], scale: Scale) -> (News2, Vec<String>) {
    let (mut readings, mut rests_on) = (Readings::default(), Vec::new());
    for body in bodies {
        let counted = match typed(body).clinical {
            Some(Clinical::Oxygen { given }) => {
                readings.oxygen = Some(given);
                true
            }
            Some(Clinical::Vital { .. }) => match mapping::of(body) {
                Ok(Some(View::Observation(o))) => o.measure().is_some_and(|measure| readings.take(measure)),
                _ => false,
            },
            _ => false,
        };
        let resource: Value = serde_json::from_slice(body).unwrap_or_default();
        rests_on.extend(resource["id"].as_str().filter(|_| counted).map(str::to_owned));
    }
    (readings.score(scale), rests_on)
}
