//! Whom to dial, where and when: the address book and its back-off, without a socket or a clock of its own.
//!
//! Invariants: only members are dialled by key; at most one dial per target and [`MAX_IN_FLIGHT`] in all; a target that fails is tried
//! again for ever, at most every 7½ minutes (5 min + 50 %); whatever a stranger announces on the LAN can neither displace an address
//! the engine gave nor grow the book.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bocage_protocol::ids::NodeKey;
use tokio::time::Instant;

use super::address::PeerAddr;

/// First pause after a failure; doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LAST_PAUSE: Duration = Duration::from_secs(300);

/// A link that lived less than this was no success: a peer that admits and hangs up at once isn't dialled every two seconds.
const PROVEN_LIFE: Duration = Duration::from_secs(10);

/// A peer that was just here is likely to come back (a restart, a cable): so long after its link ended, pauses don't grow.
const RETURN: Duration = Duration::from_secs(15);

/// Dials at a time: enough for a clinic, few enough for a 256 kbit/s line.
pub(super) const MAX_IN_FLIGHT: usize = 8;

/// Addresses kept a peer, of each kind (given, heard on the LAN, found wrong).
pub(super) const MAX_ADDRESSES: usize = 8;

/// Addresses typed by the operator without a key.
pub(super) const MAX_SEEDS: usize = 64;

/// What one dial is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A member, at any of its addresses.
    Peer(NodeKey),
    /// Whoever lives at an address given without a key.
    Seed(PeerAddr),
}

#[derive(Default)]
pub(super) struct Dialer {
    members: BTreeSet<NodeKey>,
    peers: BTreeMap<NodeKey, Known>,
    seeds: BTreeMap<PeerAddr, Seed>,
}

#[derive(Default)]
struct Known {
    given: Vec<PeerAddr>,
    heard: VecDeque<PeerAddr>,
    last_good: Option<PeerAddr>,
    /// Addresses where somebody else answered; a spoofed announcement must not win every race.
    wrong: VecDeque<PeerAddr>,
    linked: bool,
    course: Course,
}

#[derive(Default)]
struct Seed {
    /// Who answered there last. A seed that led to a member sleeps: the member's own entry dials.
    found: Option<NodeKey>,
    course: Course,
}

#[derive(Default)]
struct Course {
    failures: u32,
    not_before: Option<Instant>,
    /// When the last link ended.
    lost: Option<Instant>,
    in_flight: bool,
}

impl Course {
    fn is_due(&self, now: Instant) -> bool {
        !self.in_flight && self.not_before.is_none_or(|at| at <= now)
    }

    fn fail(&mut self, now: Instant, jitter: f64) -> Duration {
        let pause = if self.lost.is_some_and(|lost| now.saturating_duration_since(lost) < RETURN) {
            return_pause(jitter)
        } else {
            let pause = pause(self.failures, jitter);
            self.failures = self.failures.saturating_add(1);
            pause
        };
        self.not_before = Some(now + pause);
        self.in_flight = false;
        pause
    }

    /// The last link ended after `lived`. One that lived too short is a failure, and pauses grow from one such link to the next.
    fn lose(&mut self, now: Instant, lived: Duration, jitter: f64) {
        let pause = if lived >= PROVEN_LIFE {
            self.failures = 0;
            return_pause(jitter)
        } else {
            let pause = pause(self.failures, jitter);
            self.failures = self.failures.saturating_add(1);
            pause
        };
        self.not_before = Some(now + pause);
        self.lost = Some(now);
    }

    fn hurry(&mut self) {
        self.failures = 0;
        self.not_before = None;
    }
}

impl Known {
    /// Linked there; or, while it is missing, believed to be there by whoever gave the address or by its last answer. What is heard on the
    /// LAN keeps nobody from dialling.
    fn is_at(&self, addr: &PeerAddr) -> bool {
        let last = self.last_good.as_ref() == Some(addr);
        last || !self.linked && self.given.contains(addr) && !self.wrong.contains(addr)
    }

    /// Best first: where it last answered, then what was given, then what was heard.
    fn addresses(&self) -> Vec<PeerAddr> {
        let mut out: Vec<PeerAddr> = Vec::new();
        for addr in self.last_good.iter().chain(&self.given).chain(&self.heard) {
            if !out.contains(addr) && !self.wrong.contains(addr) {
                out.push(addr.clone());
            }
        }
        out
    }
}

impl Dialer {
    pub(super) fn set_members(&mut self, members: &BTreeSet<NodeKey>) {
        self.members.clone_from(members);
        self.peers
            .retain(|peer, known| members.contains(peer) || known.linked || !known.given.is_empty());
        for seed in self.seeds.values_mut() {
            seed.found = seed.found.filter(|peer| members.contains(peer));
        }
    }

    /// Replaces the addresses the engine knows for a peer; new ones are tried at once.
    pub(super) fn know(&mut self, peer: NodeKey, addrs: Vec<PeerAddr>) {
        let known = self.peers.entry(peer).or_default();
        let mut given: Vec<PeerAddr> = Vec::new();
        for addr in addrs.iter().map(PeerAddr::without_node_key) {
            if !given.contains(&addr) && given.len() < MAX_ADDRESSES {
                given.push(addr);
            }
        }
        if given.iter().any(|addr| !known.given.contains(addr)) {
            known.course.hurry();
        }
        known.wrong.retain(|addr| !given.contains(addr));
        known.given = given;
    }

    /// Adds one address the engine or the operator knows for a peer, and tries it at once.
    pub(super) fn know_one(&mut self, peer: NodeKey, addr: PeerAddr) {
        let mut addrs = vec![addr];
        addrs.extend(self.peers.get(&peer).map(|known| known.given.clone()).unwrap_or_default());
        self.know(peer, addrs);
        if let Some(known) = self.peers.get_mut(&peer) {
            known.course.hurry();
        }
    }

    /// An announcement on the LAN: worth a try, never worth forgetting anything else for.
    pub(super) fn heard(&mut self, peer: NodeKey, addr: PeerAddr) {
        if !self.members.contains(&peer) {
            return;
        }
        let known = self.peers.entry(peer).or_default();
        if known.heard.contains(&addr) || known.wrong.contains(&addr) {
            return;
        }
        push_bounded(&mut known.heard, addr);
        known.course.hurry();
    }

    /// Dials an address given without a key, for ever. False when there are too many.
    pub(super) fn seed(&mut self, addr: PeerAddr) -> bool {
        if self.seeds.len() >= MAX_SEEDS && !self.seeds.contains_key(&addr) {
            return false;
        }
        // Kept for a member, it is dialled as the member's, and now.
        let (members, peers) = (&self.members, &mut self.peers);
        for (_, known) in peers
            .iter_mut()
            .filter(|(peer, known)| members.contains(peer) && known.is_at(&addr))
        {
            known.course.hurry();
        }
        self.seeds.entry(addr).or_default().course.hurry();
        true
    }

    /// Targets to dial now; each is reported back exactly once, by [`Self::failed`] or [`Self::reached`].
    pub(super) fn due(&mut self, now: Instant) -> Vec<(Target, Vec<PeerAddr>)> {
        let mut free = MAX_IN_FLIGHT.saturating_sub(self.in_flight());
        let mut out = Vec::new();
        for (target, at) in self.waiting() {
            if free == 0 {
                break;
            }
            if at.is_none_or(|at| at <= now) {
                let addrs = match &target {
                    Target::Peer(peer) => self.peers.get(peer).map(Known::addresses).unwrap_or_default(),
                    Target::Seed(addr) => vec![addr.clone()],
                };
                if let Some(course) = self.course(&target)
                    && course.is_due(now)
                {
                    course.in_flight = true;
                    free -= 1;
                    out.push((target, addrs));
                }
            }
        }
        out
    }

    /// When [`Self::due`] has something to say next. `None` while every slot is taken or nobody is missing.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        if self.in_flight() >= MAX_IN_FLIGHT {
            return None;
        }
        self.waiting().into_iter().map(|(_, at)| at.unwrap_or(now)).min()
    }

    /// The dial led nowhere. Returns the pause before the next.
    pub(super) fn failed(&mut self, target: &Target, now: Instant, jitter: f64) -> Duration {
        self.course(target).map(|course| course.fail(now, jitter)).unwrap_or_default()
    }

    /// Another node answered at this address than the one it was kept for.
    pub(super) fn answered_by_another(&mut self, target: &Target, addr: &PeerAddr) {
        if let Target::Peer(peer) = target
            && let Some(known) = self.peers.get_mut(peer)
        {
            known.heard.retain(|heard| heard != addr);
            known.last_good = known.last_good.take().filter(|good| good != addr);
            push_bounded(&mut known.wrong, addr.clone());
        }
        if let Some(seed) = self.seeds.get_mut(addr) {
            seed.found = None;
        }
    }

    /// The dial ended in a link with `peer`.
    pub(super) fn reached(&mut self, target: &Target, peer: NodeKey, addr: PeerAddr) {
        if let Some(course) = self.course(target) {
            course.in_flight = false;
        }
        if let Target::Seed(seed) = target
            && let Some(seed) = self.seeds.get_mut(seed)
        {
            seed.found = Some(peer);
            seed.course.hurry();
        }
        let known = self.peers.entry(peer).or_default();
        known.wrong.retain(|wrong| *wrong != addr);
        known.last_good = Some(addr);
    }

    pub(super) fn linked(&mut self, peer: NodeKey) {
        self.peers.entry(peer).or_default().linked = true;
    }

    /// The last link to a peer ended after `lived`, and isn't wanted again before `rest` has passed.
    pub(super) fn unlinked(&mut self, peer: NodeKey, now: Instant, lived: Duration, rest: Duration, jitter: f64) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        known.linked = false;
        known.course.lose(now, lived, jitter);
        known.course.not_before = known.course.not_before.max(Some(now + rest));
        if !self.members.contains(&peer) && known.given.is_empty() {
            self.peers.remove(&peer);
        }
    }

    /// The network changed or somebody pressed the button: everybody missing is tried now.
    pub(super) fn hurry(&mut self) {
        for known in self.peers.values_mut() {
            known.wrong.clear();
            known.course.hurry();
        }
        self.seeds.values_mut().for_each(|seed| seed.course.hurry());
    }

    fn course(&mut self, target: &Target) -> Option<&mut Course> {
        match target {
            Target::Peer(peer) => self.peers.get_mut(peer).map(|known| &mut known.course),
            Target::Seed(addr) => self.seeds.get_mut(addr).map(|seed| &mut seed.course),
        }
    }

    /// The member's own entry dials it, or has: two handshakes for one link are one too many on a slow line.
    fn is_kept_for_a_member(&self, addr: &PeerAddr) -> bool {
        let mut members = self.peers.iter().filter(|(peer, _)| self.members.contains(peer));
        members.any(|(_, known)| known.is_at(addr))
    }

    fn in_flight(&self) -> usize {
        let peers = self.peers.values().filter(|known| known.course.in_flight).count();
        peers + self.seeds.values().filter(|seed| seed.course.in_flight).count()
    }

    /// Everybody missing and not being dialled, longest-waiting first, so that a crowd of the absent can't starve one peer.
    fn waiting(&self) -> Vec<(Target, Option<Instant>)> {
        let peers = self.peers.iter().filter(|(peer, known)| {
            self.members.contains(peer) && !known.linked && !known.course.in_flight && !known.addresses().is_empty()
        });
        let seeds = self
            .seeds
            .values()
            .zip(self.seeds.keys())
            .filter(|(seed, addr)| seed.found.is_none() && !seed.course.in_flight && !self.is_kept_for_a_member(addr));
        let mut out: Vec<_> = peers.map(|(peer, known)| (Target::Peer(*peer), known.course.not_before)).collect();
        out.extend(seeds.map(|(seed, addr)| (Target::Seed(addr.clone()), seed.course.not_before)));
        out.sort_by_key(|(_, at)| *at);
        out
    }
}

fn push_bounded(list: &mut VecDeque<PeerAddr>, addr: PeerAddr) {
    if list.len() >= MAX_ADDRESSES {
        list.pop_front();
    }
    list.push_back(addr);
}

/// 2 s × 2ⁿ up to 5 min, ± 50 %: `jitter` is uniform in [0, 1).
fn pause(failures: u32, jitter: f64) -> Duration {
    let base = FIRST_PAUSE.saturating_mul(1u32 << failures.min(8)).min(LAST_PAUSE);
    base.mul_f64(0.5 + jitter.clamp(0.0, 1.0))
}

/// Between 1 and 2 s.
fn return_pause(jitter: f64) -> Duration {
    Duration::from_secs(1).mul_f64(1.0 + jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn addr(n: u16) -> PeerAddr {
        PeerAddr::tcp(([10, 0, 0, 1], n).into())
    }

    fn peer(n: u8) -> NodeKey {
        NodeKey([n; 32])
    }

    fn dialer_with(peers: &[u8]) -> Dialer {
        let mut dialer = Dialer::default();
        dialer.set_members(&peers.iter().map(|n| peer(*n)).collect());
        for n in peers {
            dialer.know(peer(*n), vec![addr(u16::from(*n))]);
        }
        dialer
    }

    #[test]
    fn the_pause_doubles_from_two_seconds_to_five_minutes_and_stays() {
        assert_eq!(pause(0, 0.5), 2 * SECOND);
        assert_eq!(pause(1, 0.5), 4 * SECOND);
        assert_eq!(pause(7, 0.5), 256 * SECOND);
        assert_eq!(pause(8, 0.5), 300 * SECOND);
        assert_eq!(pause(u32::MAX, 0.0), 150 * SECOND);
        assert!(pause(u32::MAX, 1.0) <= 450 * SECOND);
    }

    #[test]
    fn a_failing_peer_is_tried_for_ever_and_hurry_forgets_the_pause() {
        let mut dialer = dialer_with(&[1]);
        let mut now = Instant::now();
        for _ in 0..100 {
            assert_eq!(dialer.due(now).len(), 1);
            assert!(dialer.due(now).is_empty(), "one dial at a time");
            dialer.failed(&Target::Peer(peer(1)), now, 0.5);
            assert!(dialer.due(now + SECOND).is_empty());
            now = dialer.next_due(now).unwrap();
        }
        dialer.due(now);
        assert_eq!(dialer.failed(&Target::Peer(peer(1)), now, 0.5), 300 * SECOND);
        dialer.hurry();
        assert_eq!(dialer.due(now).len(), 1);
    }

    #[test]
    fn only_members_are_dialled_and_a_linked_one_is_left_alone() {
        let mut dialer = dialer_with(&[1]);
        let now = Instant::now();
        dialer.know(peer(2), vec![addr(2)]);
        dialer.heard(peer(3), addr(3));
        assert_eq!(dialer.due(now), vec![(Target::Peer(peer(1)), vec![addr(1)])]);
        dialer.reached(&Target::Peer(peer(1)), peer(1), addr(1));
        dialer.linked(peer(1));
        assert_eq!(dialer.next_due(now), None);
        dialer.unlinked(peer(1), now, SECOND, Duration::ZERO, 0.5);
        assert_eq!(dialer.next_due(now), Some(now + 2 * SECOND));
        dialer.set_members(&BTreeSet::new());
        assert_eq!(dialer.next_due(now), None);
    }

    #[test]
    fn links_that_die_young_count_as_failures_and_rest_is_respected() {
        let mut dialer = dialer_with(&[1]);
        let now = Instant::now();
        for expected in [2, 4, 8] {
            dialer.linked(peer(1));
            dialer.unlinked(peer(1), now, SECOND, Duration::ZERO, 0.5);
            assert_eq!(dialer.next_due(now), Some(now + expected * SECOND));
        }
        dialer.linked(peer(1));
        dialer.unlinked(peer(1), now, PROVEN_LIFE, Duration::ZERO, 0.5);
        assert_eq!(dialer.next_due(now), Some(now + SECOND.mul_f64(1.5)));
        dialer.linked(peer(1));
        dialer.unlinked(peer(1), now, PROVEN_LIFE, 3600 * SECOND, 0.5);
        assert_eq!(dialer.next_due(now), Some(now + 3600 * SECOND));
    }

    #[test]
    fn a_peer_that_was_just_here_is_tried_every_second_or_two_for_a_quarter_of_a_minute() {
        let mut dialer = dialer_with(&[1]);
        let lost = Instant::now();
        dialer.linked(peer(1));
        dialer.unlinked(peer(1), lost, PROVEN_LIFE, Duration::ZERO, 1.0);
        let (mut now, mut pauses) = (lost, Vec::new());
        for _ in 0..12 {
            let next = dialer.next_due(now).unwrap();
            pauses.push((next - now).as_secs());
            now = next;
            assert_eq!(dialer.due(now).len(), 1);
            dialer.failed(&Target::Peer(peer(1)), now, 1.0);
        }
        assert_eq!(pauses, [2, 2, 2, 2, 2, 2, 2, 2, 3, 6, 12, 24]);
    }

    #[test]
    fn announcements_are_bounded_and_never_displace_what_was_given() {
        let mut dialer = dialer_with(&[1]);
        for n in 0..1000 {
            dialer.heard(peer(1), addr(1000 + n));
        }
        let (_, addrs) = dialer.due(Instant::now()).remove(0);
        assert_eq!(addrs.len(), 1 + MAX_ADDRESSES);
        assert_eq!(addrs[0], addr(1));
    }

    #[test]
    fn an_address_where_somebody_else_answers_is_left_out_of_the_next_race() {
        let mut dialer = dialer_with(&[1]);
        let now = Instant::now();
        dialer.heard(peer(1), addr(666));
        dialer.due(now);
        let target = Target::Peer(peer(1));
        dialer.answered_by_another(&target, &addr(666));
        dialer.failed(&target, now, 0.5);
        dialer.heard(peer(1), addr(666));
        assert_eq!(dialer.due(now + 10 * SECOND), vec![(target, vec![addr(1)])]);
    }

    #[test]
    fn a_seed_sleeps_once_it_led_to_a_member_and_wakes_when_another_answers() {
        let mut dialer = dialer_with(&[]);
        let now = Instant::now();
        dialer.set_members(&BTreeSet::from([peer(1)]));
        assert!(dialer.seed(addr(1)));
        let target = Target::Seed(addr(1));
        assert_eq!(dialer.due(now), vec![(target.clone(), vec![addr(1)])]);
        dialer.reached(&target, peer(1), addr(1));
        dialer.linked(peer(1));
        dialer.unlinked(peer(1), now, SECOND, Duration::ZERO, 0.5);
        let by_key = Target::Peer(peer(1));
        assert_eq!(dialer.due(now + 5 * SECOND), vec![(by_key.clone(), vec![addr(1)])]);
        dialer.answered_by_another(&by_key, &addr(1));
        dialer.failed(&by_key, now, 0.5);
        assert_eq!(dialer.due(now + 10 * SECOND), vec![(target, vec![addr(1)])]);
    }

    #[test]
    fn an_address_that_is_kept_for_a_member_is_dialled_once_though_it_was_typed_as_well() {
        let mut dialer = dialer_with(&[1]);
        let now = Instant::now();
        assert!(dialer.seed(addr(1)) && dialer.seed(addr(7)));
        let by_key = Target::Peer(peer(1));
        let dialled: BTreeSet<Target> = dialer.due(now).into_iter().map(|(target, _)| target).collect();
        assert_eq!(dialled, [by_key.clone(), Target::Seed(addr(7))].into());
        // Somebody else lives there now: whoever typed it meant whoever answers.
        dialer.answered_by_another(&by_key, &addr(1));
        dialer.failed(&by_key, now, 0.5);
        let targets: Vec<Target> = dialer.due(now + SECOND).into_iter().map(|(target, _)| target).collect();
        assert_eq!(targets, [Target::Seed(addr(1))]);
    }

    #[test]
    fn dials_in_flight_and_seeds_are_bounded() {
        let mut dialer = dialer_with(&(1..=50).collect::<Vec<_>>());
        assert_eq!(dialer.due(Instant::now()).len(), MAX_IN_FLIGHT);
        assert_eq!(dialer.next_due(Instant::now()), None);
        let added = (0..100).filter(|n| dialer.seed(addr(*n))).count();
        assert_eq!(added, MAX_SEEDS);
    }
}
