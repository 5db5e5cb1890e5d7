//! The registry: which facilities, practitioners, machines and seats exist, computed from the set of ops.
//!
//! A pure function of the set: the order of arrival plays no part. An op *belongs* to the set once its issuer's own certificate is
//! there; whether it *has effect* (enough approvals, an endorsement, no revocation) is decided here and may come later.
//!
//! Approvals are counted against any one generation of authorities (the charter's, or that of an amendment in effect): removing
//! an authority doesn't un-admit the facilities it once helped to admit.

use std::collections::{BTreeMap, BTreeSet};

use super::charter::{Authorities, Charter};
use super::op::{FacilityKind, KeptHead, OpBody, Profession, RegistryOp, Revoked, Validity};
use crate::ids::{AuthorityKey, DocId, FacilityKey, ItemId, KemPublic, NetworkId, NodeKey, PractitionerKey, SeatKey};

/// Clocks of two machines may disagree by this much before a certificate's dates matter: 24 h.
pub const DATE_SKEW_MS: u64 = 24 * 3_600 * 1_000;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facility {
    pub kind: FacilityKind,
    pub name: String,
    pub finess: String,
    pub town: String,
    pub validity: Validity,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Practitioner {
    pub facility: FacilityKey,
    pub profession: Profession,
    pub rpps: String,
    pub name: String,
    pub validity: Validity,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    pub facility: FacilityKey,
    pub kem: KemPublic,
    pub validity: Validity,
}

/// A seat, or a cabin's device seat (then without practitioner).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seat {
    /// `None` for an ambiguous seat too: nothing may be shown in anybody's name.
    pub practitioner: Option<PractitionerKey>,
    pub facility: FacilityKey,
    /// Certified for two practitioners or two facilities, so nobody's: it acts for neither, and what hits either hits it.
    pub ambiguous: bool,
    pub kem: KemPublic,
    pub mobile: bool,
    pub validity: Validity,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Team {
    pub facility: FacilityKey,
    pub profession: Profession,
}

/// An effective revocation of a seat: what lies beyond the kept heads is quarantined, its denials without effect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeatCut {
    pub id: ItemId,
    pub keep: Vec<KeptHead>,
}

/// Who a seat certificate is for; a device seat has no practitioner.
type Holder = (Option<PractitionerKey>, FacilityKey);

/// The ops of a network and what they amount to.
#[derive(Clone, Debug)]
pub struct Registry {
    charter: Charter,
    ops: BTreeMap<ItemId, RegistryOp>,
    view: View,
}

#[derive(Clone, Default, Debug)]
struct View {
    generations: Vec<Authorities>,
    facilities: BTreeMap<FacilityKey, Facility>,
    practitioners: BTreeMap<PractitionerKey, Practitioner>,
    /// Every facility that certified a practitioner: a replacement doctor has several, and keeps the seats of each.
    employed: BTreeSet<(PractitionerKey, FacilityKey)>,
    nodes: BTreeMap<NodeKey, Node>,
    seats: BTreeMap<SeatKey, Seat>,
    /// Whom a seat key was ever certified for. More than one makes it nobody's, whatever clocks say: its signer chooses the clock.
    holders: BTreeMap<SeatKey, BTreeSet<Holder>>,
    teams: BTreeMap<DocId, Team>,
    /// Op or grant → who endorsed it with effect.
    endorsements: BTreeMap<ItemId, BTreeSet<AuthorityKey>>,
    cuts: BTreeMap<SeatKey, Vec<SeatCut>>,
    revoked: BTreeSet<Revoked>,
    /// Keys that some op of the set certifies, with effect or not: they may issue ops that belong.
    issuers: BTreeSet<[u8; 32]>,
}

impl Registry {
    pub fn new(charter: Charter) -> Self {
        let mut registry = Self {
            charter,
            ops: BTreeMap::new(),
            view: View::default(),
        };
        registry.rebuild();
        registry
    }

    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    pub fn network_id(&self) -> NetworkId {
        self.charter.network_id()
    }

    /// All ops in the order of their ids.
    pub fn ops(&self) -> impl Iterator<Item = &RegistryOp> {
        self.ops.values()
    }

    /// True iff the op's issuer is certified by the set, so that the op belongs to it. One that arrives earlier waits apart.
    pub fn admits(&self, op: &RegistryOp) -> bool {
        self.view.issuers.contains(&op.issuer)
    }

    /// Adds all ops that belong, also those that others of the same call make belong; returns the rest.
    pub fn extend(&mut self, ops: impl IntoIterator<Item = RegistryOp>) -> Vec<RegistryOp> {
        let mut waiting: Vec<_> = ops.into_iter().collect();
        loop {
            let before = waiting.len();
            let (now, later) = waiting.into_iter().partition::<Vec<_>, _>(|op| self.admits(op));
            for op in now {
                self.ops.insert(op.id(), op);
            }
            waiting = later;
            self.rebuild();
            if waiting.len() == before || waiting.is_empty() {
                return waiting;
            }
        }
    }

    /// The authorities in force.
    pub fn authorities(&self) -> &Authorities {
        self.view.generations.last().expect("rebuild puts the charter's authorities first")
    }

    pub fn facility(&self, key: &FacilityKey) -> Option<&Facility> {
        self.view.facilities.get(key)
    }

    pub fn facilities(&self) -> impl Iterator<Item = (&FacilityKey, &Facility)> {
        self.view.facilities.iter()
    }

    pub fn practitioner(&self, key: &PractitionerKey) -> Option<&Practitioner> {
        self.view.practitioners.get(key)
    }

    pub fn practitioners(&self) -> impl Iterator<Item = (&PractitionerKey, &Practitioner)> {
        self.view.practitioners.iter()
    }

    pub fn node(&self, key: &NodeKey) -> Option<&Node> {
        self.view.nodes.get(key)
    }

    pub fn nodes(&self) -> impl Iterator<Item = (&NodeKey, &Node)> {
        self.view.nodes.iter()
    }

    /// The seat if its whole chain of certificates is in the set: its envelopes belong. Dates and revocations play no part.
    pub fn seat(&self, key: &SeatKey) -> Option<&Seat> {
        self.view.seats.get(key)
    }

    pub fn seats(&self) -> impl Iterator<Item = (&SeatKey, &Seat)> {
        self.view.seats.iter()
    }

    /// Every practitioner the seat was ever certified for, ascending. More than one: it is ambiguous.
    pub fn practitioners_of(&self, seat: &SeatKey) -> impl Iterator<Item = PractitionerKey> {
        let persons: BTreeSet<PractitionerKey> = self.view.holders.get(seat).into_iter().flatten().filter_map(|(p, _)| *p).collect();
        persons.into_iter()
    }

    /// Listed and endorsed.
    pub fn team(&self, doc: &DocId) -> Option<&Team> {
        self.view.teams.get(doc)
    }

    /// Teams of a facility, in the order of their documents.
    pub fn teams_of(&self, facility: &FacilityKey) -> impl Iterator<Item = (&DocId, &Team)> {
        let facility = *facility;
        self.view.teams.iter().filter(move |(_, t)| t.facility == facility)
    }

    /// True iff an authority endorsed this op, or this membership of a team.
    pub fn is_endorsed(&self, what: &ItemId) -> bool {
        self.view.endorsements.contains_key(what)
    }

    /// Effective revocations that cut this seat, its practitioner or its facility.
    pub fn cuts(&self, seat: &SeatKey) -> &[SeatCut] {
        self.view.cuts.get(seat).map_or(&[], Vec::as_slice)
    }

    /// Revoked with effect. Of a practitioner this says nothing about where: [`Self::cuts`] does, seat by seat.
    pub fn is_revoked(&self, who: &Revoked) -> bool {
        self.view.revoked.contains(who)
    }

    /// True iff sessions with this node are served at `now_ms`: certified, not revoked (nor its facility), in date with skew.
    pub fn serves(&self, node: &NodeKey, now_ms: u64) -> bool {
        let Some(found) = self.view.nodes.get(node) else { return false };
        let Some(facility) = self.view.facilities.get(&found.facility) else {
            return false;
        };
        let in_date =
            |v: &Validity| v.not_before.saturating_sub(DATE_SKEW_MS) <= now_ms && now_ms <= v.not_after.saturating_add(DATE_SKEW_MS);
        in_date(&found.validity)
            && in_date(&facility.validity)
            && !self.is_revoked(&Revoked::Node(*node))
            && !self.is_revoked(&Revoked::Facility(found.facility))
    }

    /// Ops that a stranger needs to believe in this node: its facility's with the approvals, and its own. For an introduction.
    pub fn chain_of(&self, node: &NodeKey) -> Vec<&RegistryOp> {
        let Some(found) = self.view.nodes.get(node) else {
            return Vec::new();
        };
        let facility: BTreeSet<ItemId> = self
            .ops
            .values()
            .filter(|op| matches!(&op.body, OpBody::Facility { key, .. } if *key == found.facility))
            .map(RegistryOp::id)
            .collect();
        self.ops
            .values()
            .filter(|op| match &op.body {
                OpBody::Node { key, .. } => key == node,
                OpBody::Approve { what } => facility.contains(what),
                OpBody::Amend { .. } => true,
                _ => facility.contains(&op.id()),
            })
            .collect()
    }

    fn rebuild(&mut self) {
        let mut v = View {
            generations: vec![self.charter.authorities.clone()],
            ..View::default()
        };
        let approvals = self.approvals();
        self.amendments(&mut v, &approvals);
        let approved = |id: &ItemId, issuer: &[u8; 32]| v.generations.iter().any(|g| reaches(g, id, issuer, &approvals));
        let mut facilities = BTreeMap::new();
        // Later certificates of the same key replace earlier ones: (clock, id) is the same order everywhere.
        let mut ops: Vec<_> = self.ops.values().collect();
        ops.sort_by_key(|op| (op.hlc, op.id()));
        for op in &ops {
            if let OpBody::Facility {
                key,
                kind,
                name,
                finess,
                town,
                validity,
            } = &op.body
                && approved(&op.id(), &op.issuer)
            {
                let facility = Facility {
                    kind: *kind,
                    name: name.clone(),
                    finess: finess.clone(),
                    town: town.clone(),
                    validity: *validity,
                };
                facilities.insert(*key, facility);
            }
        }
        v.facilities = facilities;
        for op in &ops {
            if let OpBody::Practitioner {
                key,
                profession,
                rpps,
                name,
                validity,
            } = &op.body
                && v.facilities.contains_key(&FacilityKey(op.issuer))
            {
                let practitioner = Practitioner {
                    facility: FacilityKey(op.issuer),
                    profession: *profession,
                    rpps: rpps.clone(),
                    name: name.clone(),
                    validity: *validity,
                };
                v.employed.insert((*key, FacilityKey(op.issuer)));
                v.practitioners.insert(*key, practitioner);
            }
        }
        for op in &ops {
            self.machines_and_seats(&mut v, op);
        }
        self.endorsements(&mut v, &ops);
        for op in &ops {
            if let OpBody::Team { doc, profession } = &op.body
                && v.facilities.contains_key(&FacilityKey(op.issuer))
                && v.endorsements.contains_key(&op.id())
            {
                v.teams.entry(*doc).or_insert(Team {
                    facility: FacilityKey(op.issuer),
                    profession: *profession,
                });
            }
        }
        self.revocations(&mut v, &ops, &approvals);
        v.issuers = self.issuers(&v);
        self.view = v;
    }

    fn approvals(&self) -> BTreeMap<ItemId, BTreeSet<AuthorityKey>> {
        let mut approvals: BTreeMap<ItemId, BTreeSet<AuthorityKey>> = BTreeMap::new();
        for op in self.ops.values() {
            if let OpBody::Approve { what } = op.body {
                approvals.entry(what).or_default().insert(AuthorityKey(op.issuer));
            }
        }
        approvals
    }

    /// Amendments in the order of their numbers, each approved by the generation before it. Of two with one number, the smaller id.
    fn amendments(&self, v: &mut View, approvals: &BTreeMap<ItemId, BTreeSet<AuthorityKey>>) {
        loop {
            let current = v.generations.last().expect("the charter's authorities come first");
            let wanted = v.generations.len() as u32;
            let next = self.ops.values().find_map(|op| match &op.body {
                OpBody::Amend { number, authorities, .. } if *number == wanted && reaches(current, &op.id(), &op.issuer, approvals) => {
                    Some(authorities.clone())
                }
                _ => None,
            });
            match next {
                Some(authorities) => v.generations.push(authorities),
                None => return,
            }
        }
    }

    fn machines_and_seats(&self, v: &mut View, op: &RegistryOp) {
        let issuer_facility = FacilityKey(op.issuer);
        match &op.body {
            OpBody::Node { key, kem, validity } if v.facilities.contains_key(&issuer_facility) => {
                v.nodes.insert(
                    *key,
                    Node {
                        facility: issuer_facility,
                        kem: *kem,
                        validity: *validity,
                    },
                );
            }
            OpBody::DeviceSeat { key, kem, validity } if v.facilities.contains_key(&issuer_facility) => {
                let seat = Seat {
                    practitioner: None,
                    facility: issuer_facility,
                    ambiguous: false,
                    kem: *kem,
                    mobile: false,
                    validity: *validity,
                };
                v.certify(*key, seat);
            }
            OpBody::Seat {
                key,
                kem,
                facility,
                mobile,
                validity,
            } => {
                let practitioner = PractitionerKey(op.issuer);
                if v.employed.contains(&(practitioner, *facility)) {
                    let seat = Seat {
                        practitioner: Some(practitioner),
                        facility: *facility,
                        ambiguous: false,
                        kem: *kem,
                        mobile: *mobile,
                        validity: *validity,
                    };
                    v.certify(*key, seat);
                }
            }
            _ => {}
        }
    }

    /// Only an authority's endorsement counts in the registry: a facility's own key could enrol two false colleagues and let one
    /// vouch for the other. (A membership may also be endorsed inside the team's document, by a member who was vouched for.)
    fn endorsements(&self, v: &mut View, ops: &[&RegistryOp]) {
        for op in ops {
            let OpBody::Endorse { what } = op.body else { continue };
            if v.generations.iter().any(|g| g.keys.contains(&AuthorityKey(op.issuer))) {
                v.endorsements.entry(what).or_default().insert(AuthorityKey(op.issuer));
            }
        }
    }

    fn revocations(&self, v: &mut View, ops: &[&RegistryOp], approvals: &BTreeMap<ItemId, BTreeSet<AuthorityKey>>) {
        let machines: BTreeSet<(NodeKey, FacilityKey)> = ops
            .iter()
            .filter_map(|op| match &op.body {
                OpBody::Node { key, .. } => Some((*key, FacilityKey(op.issuer))),
                _ => None,
            })
            .collect();
        for op in ops {
            let OpBody::Revoke { who, keep, .. } = &op.body else { continue };
            let issuer = FacilityKey(op.issuer);
            // Whoever ever certified a key may revoke it: a later certificate by somebody else must not lift a revocation.
            let by_owner = match who {
                Revoked::Facility(k) => *k == issuer,
                Revoked::Seat(k) => v.holders.get(k).is_some_and(|all| all.iter().any(|(_, f)| *f == issuer)),
                Revoked::Node(k) => machines.contains(&(*k, issuer)),
                Revoked::Practitioner(k) => v.employed.contains(&(*k, issuer)),
            };
            let by_authorities = v.generations.iter().any(|g| reaches(g, &op.id(), &op.issuer, approvals));
            if !by_owner && !by_authorities {
                continue;
            }
            v.revoked.insert(*who);
            for (key, holders) in &v.holders {
                // One employer answers for its own seats: nothing of a document could lift a cut at the others.
                let hit = match who {
                    Revoked::Seat(k) => k == key,
                    Revoked::Practitioner(k) => holders.iter().any(|(p, f)| *p == Some(*k) && (by_authorities || *f == issuer)),
                    Revoked::Facility(k) => holders.iter().any(|(_, f)| f == k),
                    Revoked::Node(_) => false,
                };
                if hit {
                    let keep = keep.iter().filter(|h| h.seat == *key).copied().collect();
                    v.cuts.entry(*key).or_default().push(SeatCut { id: op.id(), keep });
                }
            }
        }
    }

    fn issuers(&self, v: &View) -> BTreeSet<[u8; 32]> {
        let mut issuers: BTreeSet<[u8; 32]> = v.generations.iter().flat_map(|g| g.keys.iter().map(|k| k.0)).collect();
        issuers.extend(v.facilities.keys().map(|k| k.0));
        issuers.extend(v.practitioners.keys().map(|k| k.0));
        issuers
    }
}

impl View {
    /// Of certificates for one holder the latest counts; a second holder makes the key nobody's, in any order and for good.
    fn certify(&mut self, key: SeatKey, mut seat: Seat) {
        let holders = self.holders.entry(key).or_default();
        holders.insert((seat.practitioner, seat.facility));
        if holders.len() > 1 {
            seat.ambiguous = true;
            seat.practitioner = None;
        }
        self.seats.insert(key, seat);
    }
}

fn reaches(generation: &Authorities, id: &ItemId, issuer: &[u8; 32], approvals: &BTreeMap<ItemId, BTreeSet<AuthorityKey>>) -> bool {
    let issuer = AuthorityKey(*issuer);
    let by_issuer = usize::from(generation.keys.contains(&issuer));
    let by_others = approvals
        .get(id)
        .map_or(0, |a| a.iter().filter(|k| **k != issuer && generation.keys.contains(k)).count());
    by_issuer == 1 && by_issuer + by_others >= usize::from(generation.threshold)
}
