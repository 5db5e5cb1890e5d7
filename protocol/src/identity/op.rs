//! Registry ops: certificates, approvals, amendments, revocations, teams. Clear, signed by the issuing key, served only to
//! admitted nodes. Layout: SPEC.md § Registry.
//!
//! An op's id excludes its signatures (Ed25519 signatures are malleable by their maker); an op is *statically* valid by its bytes
//! alone, and whether it has effect is computed by [`super::Registry`] from the set.

use ed25519_dalek::SigningKey;
use thiserror::Error;

use super::charter::{Authorities, MatrixVersion};
use crate::crypto::{self, SignUse, context, derive};
use crate::ids::{DocId, FacilityKey, Hlc, ItemId, KemPublic, NetworkId, NodeKey, PractitionerKey, SeatKey};
use crate::wire::{Reader, WireError, Writer};

/// First byte of every registry op of version 1: no envelope begins with it.
pub const REGISTRY_OP: u8 = 0x81;
/// The longest op, signatures included.
pub const MAX_REGISTRY_OP: usize = 4_096;
/// Longest name of a person or facility, in bytes.
pub const MAX_NAME: usize = 128;
/// Branches of a seat's chain that a revocation may keep.
pub const MAX_KEPT_HEADS: usize = 8;

/// What a facility is; decides defaults, never what its members may read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum FacilityKind {
    Clinic = 1,
    Pharmacy = 2,
    Cabin = 3,
    Mobile = 4,
}

/// A practitioner's profession, as on the professional card.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Profession {
    Doctor = 1,
    Nurse = 2,
    Pharmacist = 3,
}

/// From and until, in milliseconds since 1970. Judged on the local clock, never for membership in the set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    pub not_before: u64,
    pub not_after: u64,
}

/// Who a revocation hits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Revoked {
    Seat(SeatKey),
    Node(NodeKey),
    Practitioner(PractitionerKey),
    Facility(FacilityKey),
}

/// A point on a seat's chain that a revocation keeps: everything up to and including it stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct KeptHead {
    pub seat: SeatKey,
    pub incarnation: u64,
    pub seq: u64,
    pub id: ItemId,
}

/// What an op says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OpBody {
    /// By an authority; has effect with the charter's threshold of approvals (its own signature counts as one).
    Facility {
        key: FacilityKey,
        kind: FacilityKind,
        name: String,
        finess: String,
        town: String,
        validity: Validity,
    },
    /// By a facility, after seeing card and identity document.
    Practitioner {
        key: PractitionerKey,
        profession: Profession,
        rpps: String,
        name: String,
        validity: Validity,
    },
    /// By a facility: a machine that carries. `key` is its libp2p identity.
    Node { key: NodeKey, kem: KemPublic, validity: Validity },
    /// By a practitioner, countersigned by the facility: this person at this machine.
    Seat {
        key: SeatKey,
        kem: KemPublic,
        facility: FacilityKey,
        mobile: bool,
        validity: Validity,
    },
    /// By a facility: a cabin's own seat, which may only deposit.
    DeviceSeat { key: SeatKey, kem: KemPublic, validity: Validity },
    /// By a facility: a team document is the facility's team of this profession.
    Team { doc: DocId, profession: Profession },
    /// By an authority: makes a team, or a membership granted in one, effective.
    Endorse { what: ItemId },
    /// By an authority: counts towards the threshold of the named op.
    Approve { what: ItemId },
    /// By an authority, approved by the threshold of the authorities before it. Numbers are consecutive.
    Amend {
        number: u32,
        authorities: Authorities,
        matrix: MatrixVersion,
    },
    /// By the facility concerned, or by an authority with approvals.
    Revoke { who: Revoked, reason: u8, keep: Vec<KeptHead> },
}

/// An op whose signatures have been checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistryOp {
    pub hlc: Hlc,
    /// Authority, facility or practitioner key, by the kind of the op.
    pub issuer: [u8; 32],
    pub body: OpBody,
    id: ItemId,
    bytes: Vec<u8>,
}

/// Why an op was refused; blames its sender.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum OpError {
    #[error("registry op is malformed: {0}")]
    Malformed(#[from] WireError),
    #[error("a signature on a registry op does not hold")]
    BadSignature,
}

impl RegistryOp {
    /// Signs an op. `others` sign along, in this order: the key that a certificate names (it proves possession, so nobody can
    /// certify somebody else's key as his own), then for a seat its facility.
    ///
    /// # Errors
    /// The body is out of bounds or unsound, or a needed signature is missing or by another key.
    pub fn issue(network: &NetworkId, hlc: Hlc, issuer: &SigningKey, others: &[&SigningKey], body: OpBody) -> Result<Self, OpError> {
        let unsigned = unsigned_bytes(hlc, issuer.verifying_key().as_bytes(), &body);
        let id = op_id(&unsigned);
        let mut bytes = unsigned;
        bytes.extend_from_slice(&crypto::sign(issuer, SignUse::Registry, network, &id.0));
        for other in others {
            bytes.extend_from_slice(&crypto::sign(other, SignUse::Countersign, network, &id.0));
        }
        Self::parse(network, &bytes)
    }

    /// The countersignature that a certificate's subject gives before its issuer has signed (enrolment: the request travels first).
    pub fn countersign(network: &NetworkId, hlc: Hlc, issuer: &[u8; 32], body: &OpBody, subject: &SigningKey) -> [u8; 64] {
        let id = op_id(&unsigned_bytes(hlc, issuer, body));
        crypto::sign(subject, SignUse::Countersign, network, &id.0)
    }

    /// Completes what [`Self::countersign`] began.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub fn issue_countersigned(
        network: &NetworkId,
        hlc: Hlc,
        issuer: &SigningKey,
        body: &OpBody,
        countersignature: &[u8; 64],
    ) -> Result<Self, OpError> {
        let unsigned = unsigned_bytes(hlc, issuer.verifying_key().as_bytes(), body);
        let signature = crypto::sign(issuer, SignUse::Registry, network, &op_id(&unsigned).0);
        Self::parse(network, &[&unsigned[..], &signature, countersignature].concat())
    }

    /// Parses and checks signatures. Says nothing about whether the issuer may say this.
    ///
    /// # Errors
    /// Malformed, out of bounds, an unsound key, or a bad signature.
    pub fn parse(network: &NetworkId, bytes: &[u8]) -> Result<Self, OpError> {
        if bytes.len() > MAX_REGISTRY_OP {
            return Err(WireError::OutOfBounds("registry op").into());
        }
        let mut r = Reader::new(bytes);
        if r.u8()? != REGISTRY_OP {
            return Err(WireError::Unknown("registry op version").into());
        }
        let kind = r.u8()?;
        let hlc = Hlc(r.u64()?);
        let issuer: [u8; 32] = r.array()?;
        let body = read_body(&mut r, kind)?;
        let id = op_id(&bytes[..bytes.len() - r.rest().len()]);
        let signature = r.array()?;
        if !crypto::verify(&issuer, SignUse::Registry, network, &id.0, &signature) {
            return Err(OpError::BadSignature);
        }
        for cosigner in cosigners(&body) {
            let countersignature = r.array()?;
            if !crypto::verify(&cosigner, SignUse::Countersign, network, &id.0, &countersignature) {
                return Err(OpError::BadSignature);
            }
        }
        r.end()?;
        Ok(Self {
            hlc,
            issuer,
            body,
            id,
            bytes: bytes.to_vec(),
        })
    }

    pub fn id(&self) -> ItemId {
        self.id
    }

    pub fn to_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Who must sign beside the issuer: the certified key itself, and for a seat its facility.
fn cosigners(body: &OpBody) -> Vec<[u8; 32]> {
    match body {
        OpBody::Facility { key, .. } => vec![key.0],
        OpBody::Practitioner { key, .. } => vec![key.0],
        OpBody::Node { key, .. } => vec![key.0],
        OpBody::Seat { key, facility, .. } => vec![key.0, facility.0],
        OpBody::DeviceSeat { key, .. } => vec![key.0],
        _ => Vec::new(),
    }
}

fn unsigned_bytes(hlc: Hlc, issuer: &[u8; 32], body: &OpBody) -> Vec<u8> {
    let mut w = Writer::new();
    w.u8(REGISTRY_OP).u8(kind_of(body)).u64(hlc.0).bytes(issuer);
    write_body(&mut w, body);
    w.finish()
}

fn op_id(unsigned: &[u8]) -> ItemId {
    ItemId(derive(context::REGISTRY_ID, &[unsigned]))
}

pub(super) fn kind_of(body: &OpBody) -> u8 {
    match body {
        OpBody::Facility { .. } => 1,
        OpBody::Practitioner { .. } => 2,
        OpBody::Node { .. } => 3,
        OpBody::Seat { .. } => 4,
        OpBody::DeviceSeat { .. } => 5,
        OpBody::Team { .. } => 6,
        OpBody::Endorse { .. } => 7,
        OpBody::Approve { .. } => 8,
        OpBody::Amend { .. } => 9,
        OpBody::Revoke { .. } => 10,
    }
}

pub(super) fn write_body(w: &mut Writer, body: &OpBody) {
    let validity = |w: &mut Writer, v: &Validity| {
        w.u64(v.not_before).u64(v.not_after);
    };
    match body {
        OpBody::Facility {
            key,
            kind,
            name,
            finess,
            town,
            validity: v,
        } => {
            w.bytes(&key.0).u8(*kind as u8).text(name).text(finess).text(town);
            validity(w, v);
        }
        OpBody::Practitioner {
            key,
            profession,
            rpps,
            name,
            validity: v,
        } => {
            w.bytes(&key.0).u8(*profession as u8).text(rpps).text(name);
            validity(w, v);
        }
        OpBody::Node { key, kem, validity: v } => {
            w.bytes(&key.0).bytes(&kem.0);
            validity(w, v);
        }
        OpBody::Seat {
            key,
            kem,
            facility,
            mobile,
            validity: v,
        } => {
            w.bytes(&key.0).bytes(&kem.0).bytes(&facility.0).u8(u8::from(*mobile));
            validity(w, v);
        }
        OpBody::DeviceSeat { key, kem, validity: v } => {
            w.bytes(&key.0).bytes(&kem.0);
            validity(w, v);
        }
        OpBody::Team { doc, profession } => {
            w.bytes(&doc.0).u8(*profession as u8);
        }
        OpBody::Endorse { what } | OpBody::Approve { what } => {
            w.bytes(&what.0);
        }
        OpBody::Amend {
            number,
            authorities,
            matrix,
        } => {
            w.u32(*number);
            authorities.write(w);
            w.u16(matrix.number).bytes(&matrix.hash);
        }
        OpBody::Revoke { who, reason, keep } => {
            let (tag, key) = match who {
                Revoked::Seat(k) => (1, k.0),
                Revoked::Node(k) => (2, k.0),
                Revoked::Practitioner(k) => (3, k.0),
                Revoked::Facility(k) => (4, k.0),
            };
            w.u8(tag).bytes(&key).u8(*reason).u8(keep.len() as u8);
            for head in keep {
                w.bytes(&head.seat.0).u64(head.incarnation).u64(head.seq).bytes(&head.id.0);
            }
        }
    }
}

pub(super) fn read_body(r: &mut Reader<'_>, kind: u8) -> Result<OpBody, WireError> {
    Ok(match kind {
        1 => OpBody::Facility {
            key: FacilityKey(public_key(r)?),
            kind: match r.u8()? {
                1 => FacilityKind::Clinic,
                2 => FacilityKind::Pharmacy,
                3 => FacilityKind::Cabin,
                4 => FacilityKind::Mobile,
                _ => return Err(WireError::Unknown("facility kind")),
            },
            name: name(r)?,
            finess: r.text(16, "finess")?.to_owned(),
            town: r.text(MAX_NAME, "town")?.to_owned(),
            validity: read_validity(r)?,
        },
        2 => OpBody::Practitioner {
            key: PractitionerKey(public_key(r)?),
            profession: profession(r)?,
            rpps: r.text(16, "rpps")?.to_owned(),
            name: name(r)?,
            validity: read_validity(r)?,
        },
        3 => OpBody::Node {
            key: NodeKey(public_key(r)?),
            kem: kem(r)?,
            validity: read_validity(r)?,
        },
        4 => OpBody::Seat {
            key: SeatKey(public_key(r)?),
            kem: kem(r)?,
            facility: FacilityKey(public_key(r)?),
            mobile: match r.u8()? {
                0 => false,
                1 => true,
                _ => return Err(WireError::NotCanonical("mobile")),
            },
            validity: read_validity(r)?,
        },
        5 => OpBody::DeviceSeat {
            key: SeatKey(public_key(r)?),
            kem: kem(r)?,
            validity: read_validity(r)?,
        },
        6 => OpBody::Team {
            doc: DocId(r.array()?),
            profession: profession(r)?,
        },
        7 => OpBody::Endorse { what: ItemId(r.array()?) },
        8 => OpBody::Approve { what: ItemId(r.array()?) },
        9 => OpBody::Amend {
            number: r.u32()?,
            authorities: Authorities::read(r)?,
            matrix: MatrixVersion {
                number: r.u16()?,
                hash: r.array()?,
            },
        },
        10 => {
            let tag = r.u8()?;
            let key = r.array()?;
            let who = match tag {
                1 => Revoked::Seat(SeatKey(key)),
                2 => Revoked::Node(NodeKey(key)),
                3 => Revoked::Practitioner(PractitionerKey(key)),
                4 => Revoked::Facility(FacilityKey(key)),
                _ => return Err(WireError::Unknown("revocation target")),
            };
            let reason = r.u8()?;
            let n = r.count(MAX_KEPT_HEADS, "kept heads")?;
            let head = |r: &mut Reader<'_>| {
                Ok::<_, WireError>(KeptHead {
                    seat: SeatKey(r.array()?),
                    incarnation: r.u64()?,
                    seq: r.u64()?,
                    id: ItemId(r.array()?),
                })
            };
            let keep = (0..n).map(|_| head(r)).collect::<Result<Vec<_>, _>>()?;
            crate::wire::strictly_ascending(&keep, "kept heads")?;
            OpBody::Revoke { who, reason, keep }
        }
        _ => return Err(WireError::Unknown("registry op kind")),
    })
}

/// A signing key in a certificate: sound, or the whole op is refused (T-10).
fn public_key(r: &mut Reader<'_>) -> Result<[u8; 32], WireError> {
    let key = r.array()?;
    if crypto::is_sound_public_key(&key) {
        Ok(key)
    } else {
        Err(WireError::Unknown("public key"))
    }
}

fn kem(r: &mut Reader<'_>) -> Result<KemPublic, WireError> {
    let key = KemPublic(r.array()?);
    if key.is_zero() {
        Err(WireError::Unknown("wrap key"))
    } else {
        Ok(key)
    }
}

fn name(r: &mut Reader<'_>) -> Result<String, WireError> {
    let name = r.text(MAX_NAME, "name")?;
    if name.trim().is_empty() {
        Err(WireError::OutOfBounds("name"))
    } else {
        Ok(name.to_owned())
    }
}

fn profession(r: &mut Reader<'_>) -> Result<Profession, WireError> {
    Ok(match r.u8()? {
        1 => Profession::Doctor,
        2 => Profession::Nurse,
        3 => Profession::Pharmacist,
        _ => return Err(WireError::Unknown("profession")),
    })
}

fn read_validity(r: &mut Reader<'_>) -> Result<Validity, WireError> {
    let v = Validity {
        not_before: r.u64()?,
        not_after: r.u64()?,
    };
    if v.not_before < v.not_after {
        Ok(v)
    } else {
        Err(WireError::OutOfBounds("validity"))
    }
}
