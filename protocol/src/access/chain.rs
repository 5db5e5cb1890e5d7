//! Where an envelope stands on its seat's chain: the one thing a cut and a fork are judged by.
//!
//! A chain is a tree: restoring a backup begins a new incarnation on an older envelope, and a dishonest seat branches at will. `prev`
//! is part of what an id hashes, so whoever names a head has named everything behind it and nothing else: a backdated envelope can
//! claim any number and any date, but it isn't behind a head that was signed before it. Dates play no part.

use std::collections::BTreeMap;

use crate::access::ops::Head;
use crate::ids::{ItemId, SeatKey};

/// What is left of an envelope when only its place matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChainLink {
    pub id: ItemId,
    pub seat: SeatKey,
    pub incarnation: u64,
    pub seq: u64,
    pub prev: ItemId,
}

impl ChainLink {
    pub fn head(&self) -> Head {
        Head {
            incarnation: self.incarnation,
            seq: self.seq,
            id: self.id,
        }
    }

    /// True iff `self` may name `before` as its previous envelope.
    fn continues(&self, before: &Self) -> bool {
        self.seat == before.seat
            && if self.incarnation == before.incarnation {
                before.seq.checked_add(1) == Some(self.seq)
            } else {
                self.seq == 1
            }
    }
}

/// An envelope relative to a cut, from best to worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Position {
    /// At or before a kept head.
    Inside,
    /// It may be behind a kept head whose chain isn't whole here.
    Unknown,
    /// Certainly not behind any kept head, whatever else arrives.
    Outside,
}

/// A numbered place in the tree of a seat's chain.
pub(crate) struct Node {
    link: ChainLink,
    /// Depth-first numbering: `a` is behind `b` iff `a.enter <= b.enter < a.leave`.
    enter: usize,
    leave: usize,
    /// Nothing can turn up behind it: its branch is here down to its beginning.
    whole: bool,
}

impl Node {
    fn is_at_or_before(&self, later: &Self) -> bool {
        self.enter <= later.enter && later.enter < self.leave
    }
}

/// Envelopes by one seat with one number, two or more: they prove that it signed two histories.
type Twins = Vec<ItemId>;

/// The twins of a seat that count, by the first and the last of them in depth-first order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fork {
    first: usize,
    last: usize,
}

/// The chains of all seats in a set.
pub(crate) struct Chains {
    nodes: BTreeMap<ItemId, Node>,
    twins: BTreeMap<SeatKey, Vec<Twins>>,
}

impl Chains {
    pub(crate) fn new<'a>(links: impl Iterator<Item = &'a ChainLink>) -> Self {
        let links: BTreeMap<ItemId, &ChainLink> = links.map(|link| (link.id, link)).collect();
        let mut places = Vec::with_capacity(links.len());
        let mut steps = Vec::with_capacity(links.len());
        let mut roots = Vec::new();
        for link in links.values().copied() {
            places.push(((link.seat, link.incarnation, link.seq), link.id));
            match links.get(&link.prev) {
                Some(before) if link.continues(before) => steps.push((before.id, link)),
                found => roots.push((link, found.is_some() || link.prev.is_zero())),
            }
        }
        places.sort();
        steps.sort_by_key(|(before, link)| (*before, link.id));

        let mut twins: BTreeMap<SeatKey, Vec<Twins>> = BTreeMap::new();
        for same in places.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
            let ((seat, ..), _) = same[0];
            twins.entry(seat).or_default().push(same.iter().map(|(_, id)| *id).collect());
        }

        let mut nodes: BTreeMap<ItemId, Node> = BTreeMap::new();
        let mut clock = 0;
        for (root, whole) in roots {
            // Entered twice: the second time, all that follows has been numbered.
            let mut stack = vec![(root, false)];
            while let Some((link, done)) = stack.pop() {
                if done {
                    nodes.get_mut(&link.id).expect("entered before it is left").leave = clock;
                    continue;
                }
                let node = Node {
                    link: *link,
                    enter: clock,
                    leave: clock,
                    whole,
                };
                nodes.insert(link.id, node);
                clock += 1;
                stack.push((link, true));
                let next = steps.partition_point(|(before, _)| *before < link.id);
                let next = steps[next..].iter().take_while(|(before, _)| *before == link.id);
                stack.extend(next.map(|(_, next)| (*next, false)));
            }
        }
        Self { nodes, twins }
    }

    /// Two envelopes of each place that was taken twice, whether a cut has answered it since or not.
    pub(crate) fn forks(&self) -> impl Iterator<Item = (ItemId, ItemId)> {
        self.twins.values().flatten().map(|twins| (twins[0], twins[1]))
    }

    pub(crate) fn is_forked(&self, seat: &SeatKey) -> bool {
        self.twins.contains_key(seat)
    }

    /// The forks of `seat` with two twins or more that count.
    pub(crate) fn fork(&self, seat: &SeatKey, counts: impl Fn(&Node) -> bool) -> Option<Fork> {
        let places = self.twins.get(seat)?.iter();
        let counted = places.map(|twins| twins.iter().filter_map(|id| self.nodes.get(id)).filter(|node| counts(node)));
        let forked = counted.filter(|twins| twins.clone().nth(1).is_some()).flatten();
        let span = |span: Option<Fork>, node: &Node| {
            let (first, last) = span.map_or((node.enter, node.enter), |s| (s.first.min(node.enter), s.last.max(node.enter)));
            Some(Fork { first, last })
        };
        forked.fold(None, span)
    }

    /// True iff it was certainly signed before the seat forked: every twin that counts stands behind it. A branch that leaves the
    /// chain before a fork proves nothing, nor does a lower number: whoever forks could have signed either afterwards.
    pub(crate) fn is_before(&self, node: Option<&Node>, fork: Fork) -> bool {
        node.is_some_and(|node| node.enter < fork.first && fork.last < node.leave)
    }

    /// True iff `earlier` is `later` or certainly behind it.
    pub(crate) fn is_at_or_before(&self, earlier: &ItemId, later: &ItemId) -> bool {
        match (self.nodes.get(earlier), self.nodes.get(later)) {
            (Some(a), Some(b)) => a.is_at_or_before(b),
            _ => earlier == later,
        }
    }

    pub(crate) fn node(&self, id: &ItemId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// Where `node` stands relative to a cut that keeps `heads` of its seat. Outside without one: its links run in a circle.
    pub(crate) fn position(&self, node: Option<&Node>, heads: &[Head]) -> Position {
        let behind = |node| heads.iter().map(|head| self.behind(node, head)).min();
        node.and_then(behind).unwrap_or(Position::Outside)
    }

    fn behind(&self, node: &Node, head: &Head) -> Position {
        let link = &node.link;
        if link.incarnation == head.incarnation && link.seq >= head.seq && link.id != head.id {
            return Position::Outside;
        }
        match self.nodes.get(&head.id) {
            None => Position::Unknown,
            Some(kept) if kept.link.head() != *head || kept.link.seat != link.seat => Position::Outside,
            Some(kept) if node.is_at_or_before(kept) => Position::Inside,
            Some(kept) if kept.whole => Position::Outside,
            Some(_) => Position::Unknown,
        }
    }
}
