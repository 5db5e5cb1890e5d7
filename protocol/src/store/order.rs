//! The order of the set, and what reconciliation asks of it: counts and sums over ranges, never the items themselves.

use std::ops::Bound;
use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

use super::StoreError;
use crate::crypto::{context, derive};
use crate::ids::{Hlc, ItemId};

/// Keys asked for at a time while a range is walked through: at first, and at most.
const STRIDE: [usize; 2] = [128, 1_024];

/// Where an item stands in the synced set: lane first, then its author's clock, then its id. 41 bytes when packed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OrderKey {
    pub lane: u8,
    pub time: Hlc,
    pub id: ItemId,
}

/// A packed [`OrderKey`]: byte order is key order.
pub type Packed = [u8; 41];

impl OrderKey {
    /// Below every item.
    pub const MIN: Self = Self {
        lane: 0,
        time: Hlc(0),
        id: ItemId([0; 32]),
    };

    /// Above every item: the exclusive end of the whole set.
    pub const END: Self = Self {
        lane: u8::MAX,
        ..Self::MIN
    };

    /// At or below every item of `lane`, above those of the lanes before.
    pub fn lane_start(lane: u8) -> Self {
        Self { lane, ..Self::MIN }
    }

    /// Lane 1, time 8, id 32, big-endian: byte order is key order.
    pub fn to_bytes(&self) -> Packed {
        let mut out = [0; 41];
        out[0] = self.lane;
        out[1..9].copy_from_slice(&self.time.0.to_be_bytes());
        out[9..].copy_from_slice(&self.id.0);
        out
    }

    /// What [`Self::to_bytes`] packed.
    pub fn from_bytes(bytes: &Packed) -> Self {
        let [lane, rest @ ..] = bytes;
        let (time, id) = rest.split_at(8);
        Self {
            lane: *lane,
            time: Hlc(u64::from_be_bytes(time.try_into().expect("eight of 41 bytes"))),
            id: ItemId(id.try_into().expect("the last 32 of 41 bytes")),
        }
    }
}

/// How many items, and the sum of their hashes mod 2^256. Equal sums mean equal sets, up to a 2^-128 that nobody can prepare
/// across a salted comparison.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Fingerprint {
    pub count: u64,
    /// Least significant limb first.
    sum: [u64; 4],
}

static CONTEXT: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(context::SET_FINGERPRINT));

impl Fingerprint {
    /// One item's: the derived hash of its packed order key.
    pub fn of(key: &Packed) -> Self {
        let hash = *blake3::Hasher::new_from_context_key(&CONTEXT).update(key).finalize().as_bytes();
        let limb = |i: usize| u64::from_le_bytes(hash[8 * i..8 * i + 8].try_into().expect("eight of 32 bytes"));
        Self {
            count: 1,
            sum: [limb(0), limb(1), limb(2), limb(3)],
        }
    }

    /// Of distinct items.
    pub fn of_all<'a>(keys: impl IntoIterator<Item = &'a Packed>) -> Self {
        keys.into_iter().fold(Self::default(), |sum, key| sum.plus(&Self::of(key)))
    }

    /// Of two sets without a common item.
    pub fn plus(&self, other: &Self) -> Self {
        let (mut sum, mut carry) = ([0; 4], false);
        for (i, limb) in sum.iter_mut().enumerate() {
            let (a, over) = self.sum[i].overflowing_add(other.sum[i]);
            let (b, again) = a.overflowing_add(u64::from(carry));
            (*limb, carry) = (b, over || again);
        }
        Self {
            count: self.count + other.count,
            sum,
        }
    }

    /// Of a set without one that is part of it.
    pub fn minus(&self, other: &Self) -> Self {
        let (mut sum, mut borrow) = ([0; 4], false);
        for (i, limb) in sum.iter_mut().enumerate() {
            let (a, under) = self.sum[i].overflowing_sub(other.sum[i]);
            let (b, again) = a.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (b, under || again);
        }
        Self {
            count: self.count - other.count,
            sum,
        }
    }

    /// What [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8; 40]) -> Self {
        let limb = |i: usize| u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().expect("eight of 40 bytes"));
        Self {
            count: u64::from_be_bytes(bytes[32..].try_into().expect("the last eight of 40 bytes")),
            sum: [limb(0), limb(1), limb(2), limb(3)],
        }
    }

    /// Sum 32 (little-endian), count 8 (big-endian).
    pub fn to_bytes(&self) -> [u8; 40] {
        let mut out = [0; 40];
        for (i, limb) in self.sum.iter().enumerate() {
            out[8 * i..8 * i + 8].copy_from_slice(&limb.to_le_bytes());
        }
        out[32..].copy_from_slice(&self.count.to_be_bytes());
        out
    }
}

/// A set of items in order. The answers depend on the set, never on how it came about.
///
/// # Errors
/// Of each method that has any: keys that lie on a disk can't be read.
pub trait Ordered {
    /// Count and sum of the whole set.
    fn total(&self) -> Fingerprint;

    /// Count and sum of all keys below this one.
    fn below(&self, key: &OrderKey) -> Result<Fingerprint, StoreError>;

    /// How many keys stand below this one.
    fn rank(&self, key: &OrderKey) -> Result<u64, StoreError> {
        Ok(self.below(key)?.count)
    }

    /// The key with `n` keys below it.
    fn nth(&self, n: u64) -> Result<Option<OrderKey>, StoreError>;

    /// Up to `limit` keys in order from `from` on.
    fn range(&self, from: Bound<OrderKey>, limit: usize) -> Result<Vec<OrderKey>, StoreError>;

    /// Number of items.
    fn len(&self) -> u64 {
        self.total().count
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// 32 bytes that name the whole set.
    fn root(&self) -> [u8; 32] {
        derive(context::SET_FINGERPRINT, &[&self.total().to_bytes()])
    }

    /// Count and sum of `from ≤ key < to`; empty if the bounds are in the wrong order.
    fn between(&self, from: &OrderKey, to: &OrderKey) -> Result<Fingerprint, StoreError> {
        if from >= to {
            return Ok(Fingerprint::default());
        }
        Ok(self.below(to)?.minus(&self.below(from)?))
    }

    /// Shows the keys of `from ≤ key < to` in order until `each` has seen enough and says so.
    fn walk(&self, from: &OrderKey, to: &OrderKey, each: &mut dyn FnMut(OrderKey) -> Walk) -> Result<(), StoreError> {
        let (mut next, [mut stride, longest]) = (Bound::Included(*from), STRIDE);
        loop {
            let keys = self.range(next, stride)?;
            stride = longest.min(2 * stride);
            let Some(last) = keys.last() else { return Ok(()) };
            next = Bound::Excluded(*last);
            for key in keys {
                if key >= *to || each(key) == Walk::Stop {
                    return Ok(());
                }
            }
        }
    }
}

/// Whether a walk through the set goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Walk {
    On,
    Stop,
}
