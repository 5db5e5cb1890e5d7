//! What some nodes have said that they hold already, so that a file for them need not take it along.
//!
//! Counted only where it is as good as certain: nothing of the author's chain is missing here, and their tip is here. Where all of the chain
//! lies on one line, numbers tell what is behind a tip of the same incarnation, and the chain's own clock what is behind one of another; where
//! it forks, the tip alone is counted. A seat that numbers or dates dishonestly keeps back its own envelopes, and nobody else's. All else is
//! taken along: a file too long loses nothing.

use std::collections::BTreeMap;

use super::Holdings;
use crate::envelope::VERSION;
use crate::ids::{Hlc, ItemId, NodeKey, SeatKey};
use crate::store::Store;
use crate::wire::Reader;

/// For each of the nodes, how far it holds each author's chain.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Coverage(Vec<BTreeMap<SeatKey, Reached>>);

/// How far one node holds one author's chain.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Reached {
    tips: Vec<(ItemId, Number)>,
    in_one_line: bool,
}

/// Where an envelope stands on its seat's chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Number {
    seat: SeatKey,
    incarnation: u64,
    sequence: u64,
    time: Hlc,
}

impl Number {
    /// Of canonical bytes; `None` for a registry op.
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut r = Reader::new(bytes);
        if r.u8().ok()? != VERSION {
            return None;
        }
        r.take(4 + 1 + 32).ok()?;
        let (seat, incarnation, sequence) = (SeatKey(r.array().ok()?), r.u64().ok()?, r.u64().ok()?);
        r.take(ItemId::LEN).ok()?;
        Some(Self {
            seat,
            incarnation,
            sequence,
            time: Hlc(r.u64().ok()?),
        })
    }
}

impl Reached {
    /// True iff the other is at or behind one of the tips.
    fn covers(&self, id: &ItemId, other: &Number) -> bool {
        let behind = |tip: &Number| match tip.incarnation == other.incarnation {
            true => other.sequence <= tip.sequence,
            false => other.time < tip.time,
        };
        self.tips.iter().any(|(at, tip)| at == id || self.in_one_line && behind(tip))
    }
}

impl Coverage {
    pub(in crate::peer) fn of(held: &Holdings, nodes: &[NodeKey], store: &dyn Store) -> Self {
        let authors: Vec<(SeatKey, bool)> = held.chains.whole().collect();
        let reached = |node: &NodeKey, (author, in_one_line): (SeatKey, bool)| {
            let tips = held.said(node, &author).into_iter().flat_map(|said| &said.tips);
            let tips = tips.filter_map(|tip| Some((*tip, Number::of(&store.get(tip).ok().flatten()?)?)));
            let tips: Vec<(ItemId, Number)> = tips.filter(|(_, n)| n.seat == author).collect();
            (!tips.is_empty()).then_some((author, Reached { tips, in_one_line }))
        };
        let mut all = Vec::new();
        for node in nodes {
            let one: BTreeMap<_, _> = authors.iter().filter_map(|author| reached(node, *author)).collect();
            if one.is_empty() {
                // Whoever has said nothing needs everything.
                return Self::default();
            }
            all.push(one);
        }
        Self(all)
    }

    /// True iff all of them hold this item, by their own word. Registry ops are always worth taking along.
    pub fn holds(&self, id: &ItemId, bytes: &[u8]) -> bool {
        let Some(number) = Number::of(bytes) else { return false };
        let by = |one: &BTreeMap<SeatKey, Reached>| one.get(&number.seat).is_some_and(|reached| reached.covers(id, &number));
        !self.0.is_empty() && self.0.iter().all(by)
    }
}
