//! Requests between practitioners: one document each, founded by who asks, in which whoever is asked writes too.
//!
//! A request opens named parts of the record to whom it is addressed, to read and for days only: *referrals*, each marked with the
//! request's consent hash. When the request ends, whoever made a referral takes it back; where that would also hit what
//! somebody has by another way, the date ends it. In the request's own document nobody is ever shut out: an answer that comes by car
//! months later counts.
//!
//! Which side an act is on is said by the grant that it cites, so it stays true when people come and go.

use std::collections::BTreeSet;

use super::Reader;
use super::write::{Write, WriteRefused};
use crate::access::matrix::Compartment;
use crate::access::ops::{MAX_INITIAL_GRANTS, Subject, genesis_grant_id};
use crate::access::view::{AccessView, Act, GrantView};
use crate::clinical::request::{Addressee, Parties, Party};
use crate::crypto::Entropy;
use crate::envelope::Lane;
use crate::identity::Registry;
use crate::ids::{DocId, GrantId, ItemId, PractitionerKey, RecordId, SeatKey};
use crate::record::{FactBody, FactKind, RequestHead};

mod asking;
mod ending;
#[cfg(test)]
mod tests;

pub use asking::{Attached, MAX_REQUEST_DAYS, NewRequest};

/// The document of a request, as its founder made it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    pub request: DocId,
    pub record: RecordId,
    pub founder: SeatKey,
    pub head: RequestHead,
    /// Its founder could make one for this record; else it is shown apart and takes no step.
    pub is_trusted: bool,
}

impl Reader {
    /// Requests that this seat can read, whatever their state.
    pub fn requests(&self) -> impl Iterator<Item = Asked> {
        self.docs.keys().filter_map(|doc| self.request(doc))
    }

    /// One request, if it can be read.
    pub fn request(&self, request: &DocId) -> Option<Asked> {
        let doc = self.docs.get(request)?;
        let filed = doc.filed.filter(|f| f.compartment == Compartment::Request)?;
        let founder = doc.founder?;
        let facts = self.document(request)?.facts();
        let head = facts
            .filter(|f| f.kind == FactKind::RequestHead && f.author == founder)
            .min_by_key(|f| (f.label, f.id))
            .and_then(|f| RequestHead::parse(f.body).ok())?;
        Some(Asked {
            request: *request,
            record: filed.record,
            founder,
            head,
            is_trusted: filed.is_trusted,
        })
    }

    /// On which sides of a request this seat may write now.
    pub fn sides(&self, asked: &Asked, registry: &Registry, now_ms: u64) -> Parties {
        let can = |party| self.may_step(asked, party, registry, now_ms).is_some();
        Parties {
            requester: can(Party::Requester),
            recipient: can(Party::Recipient),
        }
    }

    /// The sides under whose grants an envelope of the request was written.
    pub fn sides_of(&self, asked: &Asked, envelope: &ItemId, registry: &Registry) -> Parties {
        let mut sides = Parties::default();
        let cited = self.docs.get(&asked.request).and_then(|d| d.records.get(envelope));
        for id in cited.into_iter().flat_map(|r| &r.authority) {
            let side = self.side_of_grant(asked, id, registry);
            sides.requester |= side.requester;
            sides.recipient |= side.recipient;
        }
        sides
    }

    /// Only what the founder granted when asking puts anybody on a side.
    fn side_of_grant(&self, asked: &Asked, id: &GrantId, registry: &Registry) -> Parties {
        let Some(grant) = self.access(&asked.request).and_then(|v| v.grants().iter().find(|g| g.id == *id)) else {
            return Parties::default();
        };
        let founder = registry.seat(&asked.founder);
        if *id == genesis_grant_id(&asked.request, 0) {
            return Parties {
                requester: true,
                recipient: false,
            };
        }
        let from_the_first = (1..=MAX_INITIAL_GRANTS as u8).any(|n| genesis_grant_id(&asked.request, n) == *id);
        if !from_the_first {
            return Parties::default();
        }
        let facility = match &grant.terms.subject {
            Subject::Team(team) => registry.team(team).map(|t| t.facility),
            Subject::Seat(seat) => registry.seat(seat).map(|s| s.facility),
            Subject::Practitioner(_) => None,
        };
        let is_recipient = match (&asked.head.addressee, &grant.terms.subject) {
            (Addressee::Practitioner(whom), Subject::Practitioner(key)) => whom == key,
            (Addressee::Team(whom), Subject::Team(team)) => whom == team,
            (Addressee::Facility(whom), _) => Some(*whom) == facility,
            _ => false,
        };
        let is_requester = match &grant.terms.subject {
            Subject::Practitioner(key) => founder.and_then(|s| s.practitioner) == Some(*key),
            Subject::Team(_) => facility.is_some() && founder.map(|s| s.facility) == facility,
            Subject::Seat(_) => false,
        };
        Parties {
            requester: is_requester,
            recipient: is_recipient,
        }
    }

    fn may_step(&self, asked: &Asked, party: Party, registry: &Registry, now_ms: u64) -> Option<Vec<GrantId>> {
        let on_side = |id: &GrantId| self.side_of_grant(asked, id, registry).contains(party);
        let view = self.access(&asked.request).filter(|_| asked.is_trusted)?;
        view.may_under(&self.pen.seat, Act::Write, now_ms, on_side)
    }

    /// Writes facts into the document of a request, and nowhere else, on one side of it; takes back what `ended` requests opened.
    /// Also the way for receipts of a request: they are facts of its document.
    ///
    /// # Errors
    /// No such request, another's side, a key missing, or a fact out of bounds.
    pub fn add_to(
        &self,
        now_ms: u64,
        lane: Lane,
        (request, party): (DocId, Party),
        facts: &[FactBody],
        ended: &BTreeSet<DocId>,
        registry: &Registry,
        entropy: &mut dyn Entropy,
    ) -> Result<Write, WriteRefused> {
        let asked = self.request(&request).ok_or(WriteRefused::NoSuchRequest)?;
        let authority = self.may_step(&asked, party, registry, now_ms).ok_or(WriteRefused::NoSuchRequest)?;
        let mut writing = self.begin(now_ms);
        let key = self.epoch_for_writing(&mut writing, request, lane, registry, &BTreeSet::new(), entropy)?;
        let ids = writing.content(&self.me, &self.network, (request, lane), &key, &authority, facts)?;
        self.take_back(&mut writing, ended, registry)?;
        Ok(writing.finish(ids, Some(asked.record)))
    }

    /// The live referrals of a request, by whoever made them, with the part that each opens.
    pub fn opened_by(&self, asked: &Asked, now_ms: u64) -> Vec<(Compartment, &GrantView)> {
        let mut found = Vec::new();
        for (part, doc) in self.compartments(&asked.record) {
            let mark = asked.head.consent(&asked.request, &doc);
            let grants = self.access(&doc).into_iter().flat_map(AccessView::grants);
            found.extend(
                grants
                    .filter(|g| g.terms.consent_hash == mark && g.is_live(now_ms))
                    .map(|g| (part, g)),
            );
        }
        found
    }

    fn person(&self, seat: &SeatKey, registry: &Registry) -> Option<PractitionerKey> {
        registry.seat(seat)?.practitioner
    }
}
