//! Records that others opened to this place and nobody here has looked at: sharing alone asks nothing of anybody, and would go unnoticed.
//!
//! A record stops being new when somebody of this place says that he has read it ([`Service::read`]), or when all that are here are
//! said to be seen. What came with a question isn't told twice: the question says it.

use std::collections::BTreeSet;

use bocage_protocol::access::matrix::Compartment;
use bocage_protocol::access::ops::Subject;
use bocage_protocol::access::view::GrantView;
use bocage_protocol::envelope::Envelope;
use bocage_protocol::ids::{DocId, FacilityKey, SeatKey};
use bocage_protocol::store::{LocalWrite, Store as _};

use super::{Service, patient_row, store_failure};
use crate::client::{ArrivalRow, Failure, Reply};
use crate::core::now_ms;
use crate::place;

/// Rows that are told; the rest is counted.
const SHOWN: usize = 50;
/// Arrivals whose moment is looked up; of more the order isn't told.
const LOOKED_AT: usize = 200;
/// Marks written in one batch.
const AT_ONCE: usize = 512;
/// Local record of a record that was said to be seen; its id follows.
const SEEN: &[u8] = b"arrivals-seen/";

impl Service {
    /// The latest first.
    pub(super) fn arrivals(&self) -> Result<Reply, Failure> {
        let reader = self.reader()?;
        let registry = self.core.registry();
        let Some(own) = registry.node(&place::node_key(&self.keys)).map(|n| n.facility) else {
            return Ok(Reply::Arrivals {
                arrivals: Vec::new(),
                total: 0,
            });
        };
        let ours: BTreeSet<SeatKey> = registry.seats().filter(|(_, s)| s.facility == own).map(|(key, _)| *key).collect();
        let seen: BTreeSet<Vec<u8>> = self
            .core
            .store
            .local_prefix(SEEN)
            .map_err(|e| store_failure(&e))?
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        let (mut total, mut arrivals) = (0, Vec::new());
        for record in reader.records() {
            if seen.contains(&[SEEN, &record.0].concat()) {
                continue;
            }
            let identity = reader.compartments(&record).filter(|(part, _)| *part == Compartment::Identity);
            let Some(grant) = identity.filter_map(|(_, doc)| self.opened_by_others(doc, own, &ours)).last() else {
                continue;
            };
            // Whichever version of the identity was read: a name put right later is no news.
            let mut versions = reader.history(&record).filter(|f| f.compartment == Compartment::Identity);
            let is_read = versions.any(|f| {
                let acknowledged = reader.receipts(&f.doc, &f.fact.envelope);
                acknowledged.read.keys().any(|seat| ours.contains(seat))
            });
            if is_read {
                continue;
            }
            total += 1;
            // When is read from the disk: of those that may be shown.
            if arrivals.len() < LOOKED_AT {
                arrivals.push((self.moment_of(grant).unwrap_or_default(), grant.issuer, record));
            }
        }
        arrivals.sort_unstable_by(|a, b| b.cmp(a));
        let rows = arrivals.into_iter().filter_map(|(at_ms, by, record)| {
            let seat = registry.seat(&by)?;
            Some(ArrivalRow {
                patient: patient_row(reader, record)?,
                by: seat
                    .practitioner
                    .and_then(|p| registry.practitioner(&p))
                    .map(|p| p.name.clone())
                    .unwrap_or_default(),
                facility: registry.facility(&seat.facility).map(|f| f.name.clone()).unwrap_or_default(),
                at_ms,
            })
        });
        Ok(Reply::Arrivals {
            arrivals: rows.take(SHOWN).collect(),
            total,
        })
    }

    /// All that is here now is no news any more; what comes later is, whenever its author says that it was opened.
    pub(super) fn arrivals_seen(&mut self) -> Result<Reply, Failure> {
        let all: Vec<LocalWrite> = self
            .reader()?
            .records()
            .map(|record| [SEEN, &record.0].concat())
            .filter(|key| self.core.store.local(key).is_ok_and(|kept| kept.is_none()))
            .map(|key| LocalWrite {
                key,
                value: Some(Vec::new()),
            })
            .collect();
        for some in all.chunks(AT_ONCE) {
            self.core.save_local(some.to_vec()).map_err(|e| store_failure(&e))?;
        }
        Ok(Reply::Done)
    }

    /// The grant by which somebody of another place opened this document to this one.
    fn opened_by_others(&self, doc: DocId, own: FacilityKey, ours: &BTreeSet<SeatKey>) -> Option<&GrantView> {
        let registry = self.core.registry();
        let to_us = |subject: &Subject| match subject {
            Subject::Seat(seat) => ours.contains(seat),
            Subject::Team(team) => registry.team(team).is_some_and(|t| t.facility == own),
            Subject::Practitioner(key) => registry.practitioner(key).is_some_and(|p| p.facility == own),
        };
        // What a question opens rests on a consent of its own.
        let counts = |g: &&GrantView| {
            !ours.contains(&g.issuer)
                && g.terms.consent_hash == [0; 32]
                && g.terms.rank.may_read()
                && to_us(&g.terms.subject)
                && g.is_live(now_ms())
        };
        self.core.reader.as_ref()?.access(&doc)?.grants().iter().rfind(counts)
    }

    /// When its author says that he made it, milliseconds since 1970.
    fn moment_of(&self, grant: &GrantView) -> Option<u64> {
        let bytes = self.core.store.get(&grant.envelope).ok()??;
        Some(Envelope::parse(&bytes).ok()?.header.hlc.millis())
    }
}
