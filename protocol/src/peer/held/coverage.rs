//! What some nodes have said that they hold already, so that a file for them need not take it along.
//!
//! Counted only where it is as good as certain: nothing of the author's chain is missing here, and their tip is here. Of one incarnation numbers
//! tell what is behind the tip; of another, where all lies on one line, the chain's own clock. A seat that numbers or dates dishonestly keeps
//! back its own envelopes, and nobody else's. All else is taken along: a file too long loses nothing.

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
    tips: Vec<Number>,
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
    fn covers(&self, other: &Number) -> bool {
        self.tips.iter().any(|tip| {
            if tip.incarnation == other.incarnation {
                other.sequence <= tip.sequence
            } else {
                self.in_one_line && other.time < tip.time
            }
        })
    }
}

impl Coverage {
    pub(in crate::peer) fn of(held: &Holdings, nodes: &[NodeKey], store: &dyn Store) -> Self {
        let authors: Vec<(SeatKey, bool)> = held.chains.whole().collect();
        let reached = |node: &NodeKey, (author, in_one_line): (SeatKey, bool)| {
            let tips = held.said(node, &author).into_iter().flat_map(|said| &said.tips);
            let tips = tips.filter_map(|tip| Number::of(&store.get(tip).ok().flatten()?));
            let tips: Vec<Number> = tips.filter(|n| n.seat == author).collect();
            (author, Reached { tips, in_one_line })
        };
        let of_one = |node: &NodeKey| authors.iter().map(|author| reached(node, *author)).collect();
        Self(nodes.iter().map(of_one).collect())
    }

    /// True iff all of them hold this item, by their own word. Registry ops are always worth taking along.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        let Some(number) = Number::of(bytes) else { return false };
        let by = |one: &BTreeMap<SeatKey, Reached>| one.get(&number.seat).is_some_and(|reached| reached.covers(&number));
        !self.0.is_empty() && self.0.iter().all(by)
    }
}
