//! Records that others opened to this place and nobody here has looked at: sharing alone asks nothing of anybody, and would go unnoticed.
//!
//! A record stops being new when somebody of this place says that he has read it ([`Service::read`]), or when all that came up to now
//! are said to be seen. What came with a question isn't told twice: the question says it.

use std::collections::BTreeSet;

use bocage_protocol::access::matrix::Compartment;
use bocage_protocol::access::ops::Subject;
use bocage_protocol::access::view::GrantView;
use bocage_protocol::envelope::Envelope;
use bocage_protocol::ids::{DocId, FacilityKey, RecordId, SeatKey};
use bocage_protocol::store::{LocalWrite, Store as _};

use super::{Service, patient_row, store_failure};
use crate::client::{ArrivalRow, Failure, Reply};
use crate::core::now_ms;
use crate::place;

/// Rows that are told; the rest is counted.
const SHOWN: usize = 50;
/// The key of the moment up to which all is seen: milliseconds since 1970, big endian.
const SEEN: &[u8] = b"arrivals-seen";

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
        let seen = self.seen_until()?;
        let mut arrivals: Vec<(u64, SeatKey, RecordId)> = Vec::new();
        for record in reader.records() {
            let opened = reader
                .compartments(&record)
                .filter(|(part, _)| *part == Compartment::Identity)
                .filter_map(|(_, doc)| self.opened_by_others(doc, own, &ours, seen))
                .max();
            let Some((at, by)) = opened else { continue };
            let mut identity = reader.current(&record).filter(|f| f.compartment == Compartment::Identity);
            let is_read = identity.any(|f| {
                let acknowledged = reader.receipts(&f.doc, &f.fact.envelope);
                acknowledged.read.keys().any(|seat| ours.contains(seat))
            });
            if !is_read {
                arrivals.push((at, by, record));
            }
        }
        arrivals.sort_unstable_by(|a, b| b.cmp(a));
        let total = arrivals.len() as u64;
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

    /// All that came up to now is no news any more.
    pub(super) fn arrivals_seen(&mut self) -> Result<Reply, Failure> {
        self.reader()?;
        let now = LocalWrite {
            key: SEEN.to_vec(),
            value: Some(now_ms().to_be_bytes().to_vec()),
        };
        self.core.save_local(vec![now]).map_err(|e| store_failure(&e))?;
        Ok(Reply::Done)
    }

    fn seen_until(&self) -> Result<u64, Failure> {
        let kept = self.core.store.local(SEEN).map_err(|e| store_failure(&e))?;
        Ok(kept.and_then(|at| at.try_into().ok()).map_or(0, u64::from_be_bytes))
    }

    /// When somebody of another place opened this document to this one, and who: the latest time, if it is later than what was seen.
    fn opened_by_others(&self, doc: DocId, own: FacilityKey, ours: &BTreeSet<SeatKey>, seen: u64) -> Option<(u64, SeatKey)> {
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
        let grants = self.core.reader.as_ref()?.access(&doc)?.grants().iter().filter(counts);
        let moment = |g: &GrantView| {
            let bytes = self.core.store.get(&g.envelope).ok()??;
            Some((Envelope::parse(&bytes).ok()?.header.hlc.millis(), g.issuer))
        };
        grants.filter_map(moment).max().filter(|(at, _)| *at > seen)
    }
}
