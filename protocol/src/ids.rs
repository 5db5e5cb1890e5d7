//! Identifiers as distinct types, so that a document can't be taken for a seat. All are opaque bytes; none is derived from
//! anything about a patient.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// All bits zero: "none" where a field is optional by layout.
            pub const ZERO: Self = Self([0; $len]);

            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            pub fn is_zero(&self) -> bool {
                self.0 == [0; $len]
            }

            /// Lower-case hexadecimal, whole.
            pub fn to_hex(&self) -> String {
                hex(&self.0)
            }

            /// Parses whole lower- or upper-case hexadecimal; `None` on any other length or character.
            pub fn from_hex(text: &str) -> Option<Self> {
                let bytes = unhex(text)?;
                Some(Self(bytes.try_into().ok()?))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), &self.to_hex()[..8])
            }
        }

        /// The first eight hexadecimal digits: enough to tell apart in a log, never used to look up.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex()[..8])
            }
        }
    };
}

id!(/// Hash of the charter: names a network.
    NetworkId, 32);
id!(/// A document: one compartment of one record, or a team.
    DocId, 32);
id!(/// An item of the synced set: an envelope or a registry op.
    ItemId, 32);
id!(/// A record: all documents of one patient. Known only inside sealed content.
    RecordId, 32);
id!(/// A grant: hash of (document, index in its genesis or envelope id).
    GrantId, 32);
id!(/// Ed25519 public key of a seat (practitioner × device).
    SeatKey, 32);
id!(/// Ed25519 public key of a practitioner (kept offline with the recovery seed).
    PractitionerKey, 32);
id!(/// Ed25519 public key of a facility.
    FacilityKey, 32);
id!(/// Ed25519 public key of a node: its libp2p identity. Signs nothing clinical.
    NodeKey, 32);
id!(/// Ed25519 public key of an authority of the charter.
    AuthorityKey, 32);
id!(/// X25519 public key that something is wrapped to: a seat's, a node's, or a team epoch's deposit key.
    KemPublic, 32);
id!(/// Key id of an epoch: derived from its key, so a wrong key is noticed before it is used.
    Kid, 16);
id!(/// A fact in a record, bound to its author: nobody else can make one with this id.
    FactId, 16);

/// Hybrid logical clock: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16. Orders display and recency;
/// decides nothing else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Hlc(pub u64);

impl Hlc {
    pub fn from_millis(millis: u64) -> Self {
        Self(millis << 16)
    }

    pub fn millis(self) -> u64 {
        self.0 >> 16
    }

    /// The next stamp for a write at wall-clock `now_millis`: later than `self`, at least now.
    pub fn next(self, now_millis: u64) -> Self {
        Self::from_millis(now_millis).max(Self(self.0.saturating_add(1)))
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The inverse of [`hex`]; `None` unless every character is a hexadecimal digit and the length is even.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok())
        .collect()
}
