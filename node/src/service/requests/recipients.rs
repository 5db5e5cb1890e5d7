//! Whom a request can be addressed to: practitioners, teams and facilities of the registry, but oneself.

use bocage_protocol::clinical::request::Addressee;
use bocage_protocol::clinical::text;
use bocage_protocol::identity::Registry;
use bocage_protocol::ids::FacilityKey;

use super::super::{Service, profession_name};
use crate::client::Failure;
use crate::client::requests::RecipientRow;

impl Service {
    pub(in crate::service) fn recipients(&self, query: &str) -> Result<Vec<RecipientRow>, Failure> {
        let query = text::fold(query);
        let words = |r: &RecipientRow| text::index(&format!("{} {} {} {}", r.name, r.facility, r.profession, r.town));
        let mut rows: Vec<RecipientRow> = self.addressees()?.into_iter().map(|(row, _)| row).collect();
        rows.retain(|row| text::matches(&words(row), &query));
        rows.sort_by_cached_key(|r| (text::fold(&r.facility), r.kind.clone(), text::fold(&r.name), r.id.clone()));
        Ok(rows)
    }

    /// Everybody whom something can be sealed to.
    pub(super) fn addressees(&self) -> Result<Vec<(RecipientRow, Addressee)>, Failure> {
        let registry = self.core.registry();
        let own = registry.seat(&self.reader()?.seat()).map(|s| (s.practitioner, s.facility));
        let (me, here) = own.map_or((None, None), |(me, here)| (me, Some(here)));
        let practises = |key| registry.seats().any(|(_, s)| s.practitioner == Some(key) && !s.ambiguous);
        let people = registry.practitioners().filter(|(key, _)| Some(**key) != me && practises(**key));
        let people = people.map(|(key, _)| Addressee::Practitioner(*key));
        let mut found: Vec<Addressee> = people.collect();
        for (key, _) in registry.facilities() {
            found.extend(registry.teams_of(key).map(|(team, _)| Addressee::Team(*team)));
            let mobile = registry
                .seats()
                .any(|(_, s)| s.facility == *key && s.mobile && s.practitioner.is_some());
            if Some(*key) != here && (mobile || registry.teams_of(key).next().is_some()) {
                found.push(Addressee::Facility(*key));
            }
        }
        Ok(found.into_iter().map(|whom| (row_of(registry, &whom), whom)).collect())
    }
}

/// How an addressee is shown; by its id only where the registry doesn't know it yet.
pub(super) fn row_of(registry: &Registry, whom: &Addressee) -> RecipientRow {
    let place = |key: &FacilityKey| registry.facility(key).map(|f| (f.name.clone(), f.town.clone())).unwrap_or_default();
    match whom {
        Addressee::Practitioner(key) => {
            let known = registry.practitioner(key);
            let (facility, town) = known.map(|p| place(&p.facility)).unwrap_or_default();
            RecipientRow {
                id: key.to_hex(),
                kind: "practitioner".to_owned(),
                name: known.map(|p| p.name.clone()).unwrap_or_default(),
                profession: known.map_or("", |p| profession_name(p.profession)).to_owned(),
                facility,
                town,
            }
        }
        Addressee::Team(doc) => {
            let known = registry.team(doc);
            let (facility, town) = known.map(|t| place(&t.facility)).unwrap_or_default();
            RecipientRow {
                id: doc.to_hex(),
                kind: "team".to_owned(),
                name: facility.clone(),
                profession: known.map_or("", |t| profession_name(t.profession)).to_owned(),
                facility,
                town,
            }
        }
        Addressee::Facility(key) => {
            let (facility, town) = place(key);
            RecipientRow {
                id: key.to_hex(),
                kind: "facility".to_owned(),
                name: facility.clone(),
                profession: String::new(),
                facility,
                town,
            }
        }
    }
}
