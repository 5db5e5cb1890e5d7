//! A score rests on measures: where one that it names is corrected or withdrawn, the score is made anew in the same write, or withdrawn with
//! it. A NEWS2 that no longer follows from what stands beside it would be believed. Scores that name no measures, or were made by a method
//! that isn't ours, are left as they are.

use std::collections::BTreeMap;

use bocage_protocol::clinical::news2::{News2, Readings, Scale};
use bocage_protocol::ids::{DocId, FactId, RecordId};
use bocage_protocol::record::{FactBody, Label, NewFact, RecordFact};
use serde_json::Value;

use super::Service;
use super::acts::patient_reference;
use super::entry::typed;
use crate::client::{Clinical, Failure};
use crate::fhir::mapping::{self, View, correct, write};

impl Service {
    /// New versions of the scores that rest on a changed entry, if they are other ones now. `new`: what the entry says from now on.
    pub(super) fn rescored(&self, record: RecordId, changed: FactId, new: &[u8]) -> Result<Vec<NewFact>, Failure> {
        let reader = self.reader()?;
        let Some(changed_id) = resource_id(new) else {
            return Ok(Vec::new());
        };
        let current: Vec<RecordFact<'_>> = reader.current(&record).filter(|f| f.fact.label == Label::Accepted).collect();
        // Versions of one score that stand side by side get one successor.
        let mut scores: BTreeMap<(DocId, String), Vec<&RecordFact<'_>>> = BTreeMap::new();
        for found in current.iter().filter(|f| f.fact.id != changed && is_score(f.fact.body)) {
            if let (true, Some(id)) = (derived_from(found.fact.body).contains(&changed_id), resource_id(found.fact.body)) {
                scores.entry((found.doc, id)).or_default().push(found);
            }
        }
        let mut versions: BTreeMap<String, Vec<&[u8]>> = BTreeMap::new();
        for found in &current {
            let says = if found.fact.id == changed { new } else { found.fact.body };
            if let Some(id) = resource_id(says) {
                let known = versions.entry(id).or_default();
                if !known.contains(&says) {
                    known.push(says);
                }
            }
        }
        let mut made = Vec::new();
        for side_by_side in scores.into_values() {
            let Some(newest) = side_by_side.iter().max_by_key(|f| f.fact.hlc) else {
                continue;
            };
            let Some(body) = self.score_again(record, newest.fact.body, &versions) else {
                continue;
            };
            if side_by_side.iter().all(|f| says_the_same(f.fact.body, &body)) {
                continue;
            }
            let fact = FactBody {
                source: newest.fact.source.to_owned(),
                supersedes: side_by_side.iter().map(|f| f.fact.id).collect(),
                ..FactBody::resource(body)
            };
            let compartment = newest.compartment;
            made.push(NewFact { compartment, fact });
        }
        Ok(made)
    }

    /// The score as it follows from the measures that it names; withdrawn, where they no longer make one. `None`: not a score of ours.
    fn score_again(&self, record: RecordId, old: &[u8], versions: &BTreeMap<String, Vec<&[u8]>>) -> Option<Vec<u8>> {
        let resource: Value = serde_json::from_slice(old).ok()?;
        let scale = match resource["method"]["text"].as_str()? {
            "SpO2 scale 1" => Scale::One,
            "SpO2 scale 2" => Scale::Two,
            _ => return None,
        };
        let made = score_of(&derived_from(old), versions, scale);
        let made = made.and_then(|(score, rests_on)| self.write_score(record, &resource, &score, scale, &rests_on));
        made.or_else(|| correct::withdraw(old).ok())
    }

    fn write_score(&self, record: RecordId, old: &Value, score: &News2, scale: Scale, rests_on: &[String]) -> Option<Vec<u8>> {
        let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
        let (id, effective, encounter) = (
            text(&old["id"]),
            text(&old["effectiveDateTime"]),
            text(&old["encounter"]["reference"]),
        );
        let subject = patient_reference(self.reader().ok()?, record)?;
        let (name, rpps) = self.practitioner().map(|p| (p.name.clone(), p.rpps.clone())).unwrap_or_default();
        let act = write::Act {
            id: &id,
            patient: &subject,
            encounter: Some(&encounter).filter(|e| !e.is_empty()).map(String::as_str),
            by: Some(write::By { name: &name, rpps: &rpps }).filter(|b| !b.name.is_empty()),
            effective: &effective,
            ..write::Act::default()
        };
        write::news2(&act, score, scale, rests_on).ok()
    }
}

fn is_score(body: &[u8]) -> bool {
    matches!(typed(body).clinical, Some(Clinical::News2 { .. }))
}

fn resource_id(body: &[u8]) -> Option<String> {
    let resource: Value = serde_json::from_slice(body).ok()?;
    resource["id"].as_str().map(str::to_owned)
}

/// Ids of the measures that a score names.
fn derived_from(body: &[u8]) -> Vec<String> {
    let resource: Value = serde_json::from_slice(body).unwrap_or_default();
    let named = resource["derivedFrom"].as_array().into_iter().flatten();
    let ids = named.filter_map(|reference| reference["reference"].as_str()?.strip_prefix("urn:uuid:"));
    ids.map(str::to_owned).collect()
}

fn says_the_same(old: &[u8], new: &[u8]) -> bool {
    let read = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap_or_default();
    let (old, new) = (read(old), read(new));
    let parts = ["status", "valueQuantity", "component", "interpretation"];
    parts.iter().all(|part| old[*part] == new[*part])
}

/// The score of these measures, and the ids of those that count. `None` where one is missing, or stands in two versions that differ.
fn score_of(ids: &[String], versions: &BTreeMap<String, Vec<&[u8]>>, scale: Scale) -> Option<(News2, Vec<String>)> {
    let (mut readings, mut rests_on) = (Readings::default(), Vec::new());
    for id in ids {
        let [body] = versions.get(id).map_or(&[][..], Vec::as_slice) else {
            continue;
        };
        let typed = typed(body);
        let counted = match typed.clinical.filter(|_| !typed.in_error) {
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
        if counted {
            rests_on.push(id.clone());
        }
    }
    let score = readings.score(scale);
    score.total().is_some().then_some((score, rests_on))
}
