//! What is looked at when somebody asks whether all is well: store, keys, certificate, clock. Nothing is repaired here but the index.

use bocage_protocol::envelope::Lane;
use bocage_protocol::record::Reader;
use bocage_protocol::store::{OrderKey, Ordered as _, Store};

use super::Service;
use crate::client::Check;
use crate::core::now_ms;
use crate::keystore::permission_warning;
use crate::lang::{Bilingual, Lang};
use crate::place;

impl Service {
    pub(super) fn doctor(&mut self) -> Vec<Check> {
        let check = |(name, name_fr): (&str, &str), good, (detail, detail_fr): (String, String)| Check {
            name: name.to_owned(),
            name_fr: name_fr.to_owned(),
            good,
            detail,
            detail_fr,
        };
        let both = |en: &str, fr: &str| (en.to_owned(), fr.to_owned());
        let mut checks = Vec::new();
        let stored = match self.core.store.verify() {
            Ok(report) => {
                let rebuilt = if report.index_rebuilt {
                    (", index rebuilt", ", index reconstruit")
                } else {
                    ("", "")
                };
                let (items, bytes, damaged) = (report.items, report.bytes, report.damaged);
                let en = Lang::En.number(items, ["item", "items"]);
                let fr = [
                    Lang::Fr.number(items, ["élément", "éléments"]),
                    Lang::Fr.number(damaged, ["abîmé", "abîmés"]),
                ];
                let detail = (
                    format!("{en}, {bytes} bytes, {damaged} damaged{}", rebuilt.0),
                    format!("{}, {bytes} octets, {}{}", fr[0], fr[1], rebuilt.1),
                );
                (damaged == 0, detail)
            }
            Err(error) => (false, (error.to_string(), error.french())),
        };
        checks.push(check(("store", "données"), stored.0, stored.1));
        for (name, path) in [
            (("node key", "clé du nœud"), self.home.node_key()),
            (("seat key", "clé du poste"), self.home.seat_key()),
        ] {
            let (good, detail) = match permission_warning(&path) {
                Some(exposed) => (false, (exposed.to_string(), exposed.french())),
                None if path.exists() => (true, both("private", "privée")),
                None => (
                    false,
                    both("missing: put it back from a copy", "absente : remettez-la depuis une copie"),
                ),
            };
            checks.push(check(name, good, detail));
        }
        let own = place::node_key(&self.keys);
        let served = self.core.registry().serves(&own, now_ms());
        let detail = if served {
            both("in date, not revoked", "en cours de validité, non révoqué")
        } else {
            both(
                "not valid now: renew or check the clock",
                "pas valable actuellement : renouvelez-le, ou vérifiez l'horloge",
            )
        };
        checks.push(check(("certificate", "certificat"), served, detail));
        let blamed = self.blamed();
        if !blamed.is_empty() {
            let detail = (
                format!("unreadable ones by {blamed}: have that machine looked at, or its seat revoked"),
                format!("certains, illisibles, viennent de {blamed} : faites examiner ce poste, ou révoquez-le"),
            );
            checks.push(check(("envelopes", "envois"), false, detail));
        }
        let (good, detail) = self.clock();
        checks.push(check(("clock", "horloge"), good, detail));
        checks
    }

    /// A clock before the last thing written here, or far from what peers say, is to be checked. It changes nothing but dates shown.
    fn clock(&self) -> (bool, (String, String)) {
        // The last of each lane.
        let last = |lane: u8| {
            let store = &self.core.store;
            let end = store.rank(&OrderKey::lane_start(lane + 1)).ok()?;
            store.nth(end.checked_sub(1)?).ok().flatten()
        };
        let newest = (0..=Lane::Originals as u8).filter_map(last).map(|key| key.time.millis()).max();
        let behind = newest.filter(|n| *n > now_ms() + 5 * 60_000);
        let apart = self
            .live
            .peers
            .values()
            .filter_map(|p| p.clock_ahead_ms)
            .find(|ms| ms.abs() > 5 * 60_000);
        match (behind, apart) {
            (Some(_), _) => (
                false,
                (
                    "behind the newest envelope held: check date and time".to_owned(),
                    "en retard sur la dernière enveloppe reçue : vérifiez date et heure".to_owned(),
                ),
            ),
            (None, Some(ms)) => (
                false,
                (
                    format!("{} minutes apart from a peer's: check date and time", ms.abs() / 60_000),
                    format!("{} minutes d'écart avec un autre nœud : vérifiez date et heure", ms.abs() / 60_000),
                ),
            ),
            (None, None) => (true, ("plausible".to_owned(), "plausible".to_owned())),
        }
    }

    /// Who signed content that opens to nothing sound: name and facility, as far as they are known.
    fn blamed(&self) -> String {
        let registry = self.core.registry();
        let of = |seat| {
            let seat = registry.seat(seat)?;
            let facility = registry.facility(&seat.facility).map(|f| f.name.clone()).unwrap_or_default();
            let who = seat.practitioner.and_then(|p| registry.practitioner(&p));
            Some(who.map_or_else(|| facility.clone(), |p| format!("{} ({facility})", p.name)))
        };
        let blamed = self.core.reader.as_ref().map(Reader::to_blame).unwrap_or_default();
        let names: Vec<String> = blamed.keys().filter_map(of).collect();
        names.join(", ")
    }
}
