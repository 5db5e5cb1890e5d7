//! The clear bodies that say who may do what, in one canonical form each.
//!
//! A carrier reads these without any key, so they name keys, documents and dates, and nothing about a patient. Lists whose order
//! means nothing are strictly ascending; everything is bounded before it is allocated; no byte may follow the last field.

use crate::crypto::{context, derive};
use crate::envelope::{Envelope, Kind};
use crate::ids::{DocId, FacilityKey, GrantId, ItemId, NetworkId, PractitionerKey, SeatKey};
use crate::wire::{Reader, WireError, Writer, strictly_ascending};

/// Grants a genesis may carry besides its creator's: the teams of one facility by role, and a few named readers.
pub const MAX_INITIAL_GRANTS: usize = 16;
/// The first epoch inside a genesis: 256 wraps of 113 bytes and its frame fit twice.
pub const MAX_FIRST_EPOCH: usize = 64 * 1024;
/// Revoking seats that one grant can answer.
pub const MAX_ANSWERS: usize = 64;
/// Seats whose work one revocation can keep: 256 × (8 × 48 + 33) bytes stay within a body.
pub const MAX_KEPT_SEATS: usize = 256;
/// Branches of one seat's chain that a cut can keep: each restore from a backup makes one.
pub const MAX_HEADS: usize = 8;
/// Envelopes lifted out of quarantine by one op.
pub const MAX_ADOPTED: usize = 32;

/// What a document is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum DocumentKind {
    /// One compartment of one record.
    Record = 0,
    /// Seats that are granted to, and wrapped to, as one.
    Team = 1,
}

/// Seniority and power in a document; the smaller number is the more senior.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Rank(u8);

impl Rank {
    /// The creator's: nobody can grant it, nobody else can revoke it.
    pub const FOUNDER: Self = Self(0);
    pub const WRITER: Self = Self(8);
    pub const READER: Self = Self(9);
    /// Writes without reading.
    pub const DEPOSITOR: Self = Self(10);

    /// A steward of level 0..=7; `None` beyond.
    pub const fn steward(level: u8) -> Option<Self> {
        if level < Self::WRITER.0 { Some(Self(level)) } else { None }
    }

    pub fn from_u8(v: u8) -> Result<Self, WireError> {
        if v <= Self::DEPOSITOR.0 {
            Ok(Self(v))
        } else {
            Err(WireError::Unknown("rank"))
        }
    }

    pub fn to_u8(self) -> u8 {
        self.0
    }

    /// Grants, revokes, adopts.
    pub fn is_steward(self) -> bool {
        self < Self::WRITER
    }

    /// Writes content, rotates keys, refers.
    pub fn may_write(self) -> bool {
        self <= Self::WRITER
    }

    pub fn may_read(self) -> bool {
        self <= Self::READER
    }
}

/// Who a grant is for, or a revocation against.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    Practitioner(PractitionerKey),
    Team(DocId),
    Seat(SeatKey),
}

impl Subject {
    fn encode(&self, w: &mut Writer) {
        let (tag, key) = match self {
            Self::Practitioner(key) => (0, &key.0),
            Self::Team(doc) => (1, &doc.0),
            Self::Seat(key) => (2, &key.0),
        };
        w.u8(tag).bytes(key);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let (tag, key) = (r.u8()?, r.array()?);
        Ok(match tag {
            0 => Self::Practitioner(PractitionerKey(key)),
            1 => Self::Team(DocId(key)),
            2 => Self::Seat(SeatKey(key)),
            _ => return Err(WireError::Unknown("subject")),
        })
    }
}

/// What is granted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    pub subject: Subject,
    pub rank: Rank,
    /// Milliseconds since 1970, both ends included. Dates bound new wraps and grants, never reading or recording care.
    pub not_before_ms: u64,
    pub not_after_ms: u64,
    /// Salted hash of the consent this grant rests on; zero for a team.
    pub consent_hash: [u8; 32],
}

impl Terms {
    fn encode(&self, w: &mut Writer) {
        self.subject.encode(w);
        w.u8(self.rank.0)
            .u64(self.not_before_ms)
            .u64(self.not_after_ms)
            .bytes(&self.consent_hash);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let terms = Self {
            subject: Subject::decode(r)?,
            rank: Rank::from_u8(r.u8()?)?,
            not_before_ms: r.u64()?,
            not_after_ms: r.u64()?,
            consent_hash: r.array()?,
        };
        terms.check()?;
        Ok(terms)
    }

    fn check(&self) -> Result<(), WireError> {
        if self.rank == Rank::FOUNDER {
            return Err(WireError::OutOfBounds("granted rank"));
        }
        if self.not_before_ms > self.not_after_ms {
            return Err(WireError::OutOfBounds("dates"));
        }
        Ok(())
    }
}

/// Creates a document. Its author is steward of rank 0 by seat, without being listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Genesis {
    pub kind: DocumentKind,
    pub nonce: [u8; 32],
    /// Answers for the document: may ask for its erasure.
    pub custodian: FacilityKey,
    /// In the order of their indices, from 1.
    pub grants: Vec<Terms>,
    /// The encoded first key epoch.
    pub epoch: Vec<u8>,
}

impl Genesis {
    /// The id of the document this genesis by `author` creates.
    pub fn doc_id(&self, network: &NetworkId, author: &SeatKey) -> DocId {
        doc_id(network, author, self.kind, &self.custodian, &self.nonce, &self.grants)
    }
}

/// A document's id. Binds whatever two geneses could disagree about, except the first epoch, which needs the id to be made.
pub fn doc_id(
    network: &NetworkId,
    author: &SeatKey,
    kind: DocumentKind,
    custodian: &FacilityKey,
    nonce: &[u8; 32],
    grants: &[Terms],
) -> DocId {
    let mut listed = Writer::new();
    encode_terms(grants, &mut listed);
    DocId(derive(
        context::DOC_ID,
        &[&network.0, nonce, &author.0, &[kind as u8], &custodian.0, &listed.finish()],
    ))
}

/// The id of a grant made by the genesis: index 0 is its author's own, its listed grants follow from 1.
pub fn genesis_grant_id(doc: &DocId, index: u8) -> GrantId {
    GrantId(derive(context::GRANT_ID, &[&doc.0, &[0], &[index]]))
}

/// The id of the grant that `envelope` makes in `doc`.
pub fn grant_id(doc: &DocId, envelope: &ItemId) -> GrantId {
    GrantId(derive(context::GRANT_ID, &[&doc.0, &[1], &envelope.0]))
}

/// A later grant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    pub terms: Terms,
    /// One head per revoking seat: this grant was made knowing all denials by that seat up to there. Strictly ascending.
    pub answers: Vec<ItemId>,
}

/// A place in a seat's chain. Names its envelope by id, so that no other branch passes for it, and by number, so that what lies
/// beyond it is known for such even where the envelope itself is not here yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Head {
    pub incarnation: u64,
    pub seq: u64,
    pub id: ItemId,
}

impl Head {
    pub fn encode(&self, w: &mut Writer) {
        w.u64(self.incarnation).u64(self.seq).bytes(&self.id.0);
    }

    pub fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            incarnation: r.u64()?,
            seq: r.u64()?,
            id: ItemId(r.array()?),
        })
    }
}

/// Denies the subject, keeping what its seats wrote up to the kept heads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revoke {
    pub subject: Subject,
    /// For display; decides nothing.
    pub reason: u8,
    /// Strictly ascending by seat, each with 1..=8 strictly ascending heads. A seat that isn't listed has nothing kept.
    pub keep: Vec<(SeatKey, Vec<Head>)>,
}

/// A second practitioner stands for a new member of a team.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Endorse {
    pub grant: GrantId,
}

/// Lifts envelopes out of quarantine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Adopt {
    /// 1..=32, strictly ascending.
    pub ids: Vec<ItemId>,
}

/// Any clear body that bears on access.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    Genesis(Genesis),
    Grant(Grant),
    Revoke(Revoke),
    Endorse(Endorse),
    Adopt(Adopt),
}

impl Op {
    /// Reads the body of `envelope`; `None` for kinds that aren't access ops.
    pub fn of(envelope: &Envelope) -> Result<Option<Self>, WireError> {
        match envelope.header.kind {
            kind @ (Kind::Genesis | Kind::Grant | Kind::Revoke | Kind::Endorse | Kind::Adopt) => {
                Self::decode(kind, &envelope.body).map(Some)
            }
            _ => Ok(None),
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Genesis(_) => Kind::Genesis,
            Self::Grant(_) => Kind::Grant,
            Self::Revoke(_) => Kind::Revoke,
            Self::Endorse(_) => Kind::Endorse,
            Self::Adopt(_) => Kind::Adopt,
        }
    }

    /// # Errors
    /// A list is too long or out of order, a rank or date can't be granted: what [`Self::decode`] would refuse.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        self.check()?;
        let mut w = Writer::new();
        match self {
            Self::Genesis(op) => {
                w.u8(op.kind as u8).bytes(&op.nonce).bytes(&op.custodian.0);
                encode_terms(&op.grants, &mut w);
                w.sized(&op.epoch);
            }
            Self::Grant(op) => {
                op.terms.encode(&mut w);
                encode_ids(&op.answers, &mut w);
            }
            Self::Revoke(op) => {
                op.subject.encode(&mut w);
                w.u8(op.reason).u16(op.keep.len() as u16);
                for (seat, heads) in &op.keep {
                    w.bytes(&seat.0).u8(heads.len() as u8);
                    heads.iter().for_each(|head| head.encode(&mut w));
                }
            }
            Self::Endorse(op) => {
                w.bytes(&op.grant.0);
            }
            Self::Adopt(op) => encode_ids(&op.ids, &mut w),
        }
        Ok(w.finish())
    }

    pub fn decode(kind: Kind, body: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(body);
        let op = match kind {
            Kind::Genesis => Self::Genesis(Genesis {
                kind: match r.u8()? {
                    0 => DocumentKind::Record,
                    1 => DocumentKind::Team,
                    _ => return Err(WireError::Unknown("document kind")),
                },
                nonce: r.array()?,
                custodian: FacilityKey(r.array()?),
                grants: {
                    let n = r.count(MAX_INITIAL_GRANTS, "initial grants")?;
                    (0..n).map(|_| Terms::decode(&mut r)).collect::<Result<_, _>>()?
                },
                epoch: r.sized(MAX_FIRST_EPOCH, "first epoch")?.to_vec(),
            }),
            Kind::Grant => Self::Grant(Grant {
                terms: Terms::decode(&mut r)?,
                answers: decode_ids(&mut r, MAX_ANSWERS, "answers")?,
            }),
            Kind::Revoke => Self::Revoke(Revoke {
                subject: Subject::decode(&mut r)?,
                reason: r.u8()?,
                keep: {
                    let n = r.count16(MAX_KEPT_SEATS, "kept seats")?;
                    (0..n).map(|_| decode_kept(&mut r)).collect::<Result<_, _>>()?
                },
            }),
            Kind::Endorse => Self::Endorse(Endorse {
                grant: GrantId(r.array()?),
            }),
            Kind::Adopt => Self::Adopt(Adopt {
                ids: decode_ids(&mut r, MAX_ADOPTED, "adopted ids")?,
            }),
            _ => return Err(WireError::Unknown("access op")),
        };
        r.end()?;
        op.check()?;
        Ok(op)
    }

    /// What encoder and decoder agree to refuse.
    fn check(&self) -> Result<(), WireError> {
        match self {
            Self::Genesis(op) => {
                bound(op.grants.len(), MAX_INITIAL_GRANTS, "initial grants")?;
                bound(op.epoch.len(), MAX_FIRST_EPOCH, "first epoch")?;
                op.grants.iter().try_for_each(Terms::check)
            }
            Self::Grant(op) => {
                op.terms.check()?;
                bound(op.answers.len(), MAX_ANSWERS, "answers")?;
                strictly_ascending(&op.answers, "answers")
            }
            Self::Revoke(op) => {
                bound(op.keep.len(), MAX_KEPT_SEATS, "kept seats")?;
                if !op.keep.windows(2).all(|pair| pair[0].0 < pair[1].0) {
                    return Err(WireError::NotCanonical("kept seats"));
                }
                op.keep.iter().try_for_each(|(_, heads)| check_heads(heads))
            }
            Self::Endorse(_) => Ok(()),
            Self::Adopt(op) => {
                bound(op.ids.len(), MAX_ADOPTED, "adopted ids")?;
                if op.ids.is_empty() {
                    return Err(WireError::OutOfBounds("adopted ids"));
                }
                strictly_ascending(&op.ids, "adopted ids")
            }
        }
    }
}

fn encode_terms(grants: &[Terms], w: &mut Writer) {
    w.u8(grants.len() as u8);
    grants.iter().for_each(|terms| terms.encode(w));
}

fn encode_ids(ids: &[ItemId], w: &mut Writer) {
    w.u8(ids.len() as u8);
    for id in ids {
        w.bytes(&id.0);
    }
}

fn decode_ids(r: &mut Reader<'_>, max: usize, what: &'static str) -> Result<Vec<ItemId>, WireError> {
    let n = r.count(max, what)?;
    (0..n).map(|_| r.array().map(ItemId)).collect()
}

fn decode_kept(r: &mut Reader<'_>) -> Result<(SeatKey, Vec<Head>), WireError> {
    let seat = SeatKey(r.array()?);
    let n = r.count(MAX_HEADS, "kept heads")?;
    Ok((seat, (0..n).map(|_| Head::decode(r)).collect::<Result<_, _>>()?))
}

/// Nothing kept is said by not listing the seat, so a listed one has a head.
fn check_heads(heads: &[Head]) -> Result<(), WireError> {
    if heads.is_empty() {
        return Err(WireError::NotCanonical("kept heads"));
    }
    bound(heads.len(), MAX_HEADS, "kept heads")?;
    strictly_ascending(heads, "kept heads")
}

fn bound(len: usize, max: usize, what: &'static str) -> Result<(), WireError> {
    if len > max { Err(WireError::OutOfBounds(what)) } else { Ok(()) }
}
