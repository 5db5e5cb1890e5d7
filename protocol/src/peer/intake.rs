//! What happens to bytes before they belong: parse, static checks, signature. And a bounded room where items wait for their
//! author's certificates.
//!
//! Invariant: the verdict depends on the bytes and the registry alone, never on access, clocks or quotas.

use std::collections::BTreeMap;

use crate::access::body::check_body;
use crate::envelope::{Envelope, Verified};
use crate::identity::{Registry, RegistryOp, op::REGISTRY_OP};
use crate::ids::{ItemId, NetworkId};
use crate::store::{OrderKey, Store};

/// Items that may wait for certificates, and their bytes. What doesn't fit is dropped and offered again by a later session.
const MAX_WAITING: usize = 2_048;
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;

/// Bytes that passed every check that bytes alone allow.
pub(super) enum Examined {
    /// Stored already, at this place.
    Known(OrderKey),
    Op(Box<RegistryOp>),
    Envelope(Box<Verified>),
}

/// Parse → known? → static body → signature, cheapest first.
pub(super) fn examine(network: &NetworkId, bytes: &[u8], store: &dyn Store) -> Result<Examined, String> {
    if bytes.first() == Some(&REGISTRY_OP) {
        let op = RegistryOp::parse(network, bytes).map_err(|e| e.to_string())?;
        let known = store.contains(&op.id()).unwrap_or(false);
        return Ok(if known {
            Examined::Known(place_of_op(&op))
        } else {
            Examined::Op(Box::new(op))
        });
    }
    let envelope = Envelope::parse(bytes).map_err(|e| format!("envelope: {e}"))?;
    if store.contains(&envelope.id()).unwrap_or(false) {
        return Ok(Examined::Known(place_of(&envelope)));
    }
    check_body(network, &envelope).map_err(|e| format!("body: {e}"))?;
    let verified = envelope.verify(network).map_err(|e| e.to_string())?;
    Ok(Examined::Envelope(Box::new(verified)))
}

/// Where an envelope stands in the set.
pub(super) fn place_of(envelope: &Envelope) -> OrderKey {
    OrderKey {
        lane: envelope.header.lane as u8,
        time: envelope.header.hlc,
        id: envelope.id(),
    }
}

/// Registry ops are control: lane 0.
pub(super) fn place_of_op(op: &RegistryOp) -> OrderKey {
    OrderKey {
        lane: 0,
        time: op.hlc,
        id: op.id(),
    }
}

/// The waiting room.
#[derive(Default)]
pub(super) struct Intake {
    ops: BTreeMap<ItemId, RegistryOp>,
    envelopes: BTreeMap<ItemId, Verified>,
    bytes: usize,
}

impl Intake {
    pub(super) fn waiting(&self) -> usize {
        self.ops.len() + self.envelopes.len()
    }

    pub(super) fn keep_op(&mut self, op: RegistryOp) {
        if self.has_room(op.to_bytes().len()) && !self.ops.contains_key(&op.id()) {
            self.bytes += op.to_bytes().len();
            self.ops.insert(op.id(), op);
        }
    }

    pub(super) fn keep_envelope(&mut self, envelope: Verified) {
        if self.has_room(envelope.encoded_len()) && !self.envelopes.contains_key(&envelope.id()) {
            self.bytes += envelope.encoded_len();
            self.envelopes.insert(envelope.id(), envelope);
        }
    }

    /// All waiting ops: to be tried again with new ones.
    pub(super) fn take_ops(&mut self) -> Vec<RegistryOp> {
        let ops: Vec<_> = std::mem::take(&mut self.ops).into_values().collect();
        self.bytes -= ops.iter().map(|op| op.to_bytes().len()).sum::<usize>();
        ops
    }

    /// Envelopes whose author is known by now.
    pub(super) fn take_envelopes(&mut self, registry: &Registry) -> Vec<Verified> {
        let (now, later) = std::mem::take(&mut self.envelopes)
            .into_iter()
            .partition(|(_, e)| registry.seat(&e.header.seat).is_some());
        self.envelopes = later;
        let now: BTreeMap<ItemId, Verified> = now;
        self.bytes -= now.values().map(|e| e.encoded_len()).sum::<usize>();
        now.into_values().collect()
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.waiting() < MAX_WAITING && self.bytes + bytes <= MAX_WAITING_BYTES
    }
}
