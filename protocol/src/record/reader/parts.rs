//! How the parts of a record stand for a seat: for screens, which offer only what can be done and never show an old state as the present one.

use super::Reader;
use super::write::profession_of;
use crate::access::matrix::{Actor, Compartment, default_rank};
use crate::access::ops::Rank;
use crate::access::view::Act;
use crate::identity::Registry;
use crate::ids::{DocId, GrantId, RecordId};

/// How one part of a record stands for this seat, here and now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartStanding {
    pub sight: Sight,
    /// An entry can be added.
    pub writable: bool,
}

/// What this seat sees of a part of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sight {
    /// What is written there is opened to this seat, or would be if there were anything.
    Open,
    /// It was opened once: what was had stays, what is written since isn't opened.
    Shut,
    /// It was never opened: whether there is anything isn't known here.
    Unread,
}

impl Reader {
    /// How a part of a record stands for this seat now.
    pub fn standing(&self, record: &RecordId, part: Compartment, registry: &Registry, now_ms: u64) -> PartStanding {
        let known = self.trusted(record, part);
        let drawing: Vec<_> = known.iter().copied().filter(|doc| self.may_draw(doc, now_ms)).collect();
        let reads = |doc: &DocId| self.access(doc).is_some_and(|v| v.may(&self.pen.seat, Act::Read, now_ms).is_some());
        // What one's own facility began beside a part that it can't see says nothing of that part.
        let theirs = |doc: &&DocId| {
            let founder = self.docs.get(doc).and_then(|d| d.founder).and_then(|seat| registry.seat(&seat));
            founder.is_none_or(|seat| seat.facility != self.me.facility)
        };
        let sight = if self.would_be_drawn_in(record, part, registry, now_ms) {
            let shut = !known.is_empty() && !known.iter().any(reads);
            if shut { Sight::Shut } else { Sight::Open }
        } else if known.iter().filter(theirs).any(reads) {
            Sight::Open
        } else if known.iter().any(|doc| theirs(&doc)) {
            Sight::Shut
        } else {
            Sight::Unread
        };
        let writable = if drawing.is_empty() {
            self.may_begin(record, part, registry, now_ms)
        } else {
            self.writable(&drawing, now_ms).is_some()
        };
        PartStanding { sight, writable }
    }

    /// True iff whoever begins this part of the record opens it to this seat, too: it reads the identity as one of the record's own
    /// readers, not by a request alone, in a role that the matrix gives this part.
    fn would_be_drawn_in(&self, record: &RecordId, part: Compartment, registry: &Registry, now_ms: u64) -> bool {
        let reads = profession_of(registry, &self.pen.seat)
            .and_then(|profession| default_rank(part, Actor::Team(profession)))
            .is_some_and(Rank::may_read);
        reads
            && self.identities(record).filter_map(|doc| self.access(&doc)).any(|view| {
                let belongs = |id: &GrantId| view.grants().iter().any(|g| g.id == *id && g.terms.consent_hash == [0; 32]);
                view.may_under(&self.pen.seat, Act::Read, now_ms, belongs).is_some()
            })
    }
}
