//! The hand that writes: a seat's keys and its place on its one chain.
//!
//! Every envelope of a seat, in whatever document, takes the next number and names the one before. The chain's end is kept as a
//! local record *in the same batch* as the envelopes, so no crash can make a seat use a number twice; a new process begins a new
//! incarnation all the same, because it can't know whether its disk is an old image.

use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use crate::crypto::KemSecret;
use crate::envelope::{Header, Kind, Lane, Verified};
use crate::ids::{DocId, FacilityKey, GrantId, Hlc, ItemId, Kid, PractitionerKey, SeatKey};
use crate::store::{LocalWrite, Store, StoreError};

/// Who sits here, with the secrets that make it so.
#[derive(Clone)]
pub struct SeatSecrets {
    pub signing: SigningKey,
    pub kem: KemSecret,
    pub practitioner: Option<PractitionerKey>,
    pub facility: FacilityKey,
}

impl SeatSecrets {
    pub fn key(&self) -> SeatKey {
        SeatKey(self.signing.verifying_key().to_bytes())
    }

    /// What hedged randomness is bound to.
    pub(crate) fn hedge(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes())
    }
}

/// A seat's next place on its chain.
#[derive(Clone)]
pub struct Pen {
    pub seat: SeatKey,
    pub incarnation: u64,
    next_seq: u64,
    prev: ItemId,
    hlc: Hlc,
}

impl Pen {
    /// Continues behind what the store says was last durable, in a new incarnation.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn resume(seat: SeatKey, incarnation: u64, store: &dyn Store) -> Result<Self, StoreError> {
        let mut pen = Self::new(seat, incarnation);
        if let Some(value) = store.local(&local_key(&seat))?
            && let Ok(value) = <[u8; 40]>::try_from(value)
        {
            let (hlc, prev) = value.split_at(8);
            pen.hlc = Hlc(u64::from_be_bytes(hlc.try_into().expect("split at 8")));
            pen.prev = ItemId(prev.try_into().expect("40 − 8"));
        }
        Ok(pen)
    }

    /// The very first envelope of a new seat comes next.
    pub fn new(seat: SeatKey, incarnation: u64) -> Self {
        Self {
            seat,
            incarnation,
            next_seq: 1,
            prev: ItemId::ZERO,
            hlc: Hlc::default(),
        }
    }

    /// A header for the next envelope. `advance` must follow before the next header.
    pub fn header(&mut self, now_ms: u64, kind: Kind, lane: Lane, doc: DocId, kid: Kid, authority: Vec<GrantId>) -> Header {
        self.hlc = self.hlc.next(now_ms);
        Header {
            kind,
            lane,
            doc,
            seat: self.seat,
            incarnation: self.incarnation,
            seq: self.next_seq,
            prev: self.prev,
            hlc: self.hlc,
            kid,
            authority,
        }
    }

    /// Takes note of what was written.
    pub fn advance(&mut self, written: &Verified) {
        self.prev = written.id();
        self.next_seq += 1;
    }

    /// Never stamps below what was seen, unless that is more than five minutes ahead of the wall clock.
    pub fn observe(&mut self, seen: Hlc, now_ms: u64) {
        if seen.millis() <= now_ms + 5 * 60_000 {
            self.hlc = self.hlc.max(seen);
        }
    }

    /// The chain's end, to become durable with the envelopes themselves.
    pub fn to_local(&self) -> LocalWrite {
        LocalWrite {
            key: local_key(&self.seat),
            value: Some([&self.hlc.0.to_be_bytes()[..], &self.prev.0].concat()),
        }
    }
}

fn local_key(seat: &SeatKey) -> Vec<u8> {
    [b"chain/", &seat.0[..]].concat()
}
