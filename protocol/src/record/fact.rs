//! What a fact is: its bytes, its key in the Automerge document and its id.
//!
//! The key commits to the actor, to the position in that actor's chain and to the bytes; the id commits to author, document and
//! key. So an id names one author's one statement: nobody else can make it, and two branches of a fork never share one.

use std::fmt;

use crate::clinical::request::Addressee;
use crate::crypto::{context, derive};
use crate::envelope::Lane;
use crate::ids::{DocId, FacilityKey, FactId, NetworkId, PractitionerKey, RecordId, SeatKey};
use crate::wire::{Reader, WireError, Writer, strictly_ascending};

/// The longest body: with one fact alone in an envelope, what fits its 256 KiB with room for everything around it.
pub const MAX_FACT_BODY: usize = 192 * 1024;
/// The longest source key of an imported resource, in bytes.
pub const MAX_SOURCE: usize = 512;
/// Facts that one fact may replace.
pub const MAX_SUPERSEDES: usize = 64;

const REQUEST_CONSENT: &str = "bocage 2026-11 request consent v1";
const FACT_KEY: &str = "bocage 2026-11 fact key v1";

/// What the body of a fact holds. Kinds this version doesn't know are kept and shown as such.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FactKind {
    /// A FHIR R4 resource: JSON, byte for byte as it was imported or written.
    Resource,
    /// Ties the document to its record: a [`RecordHead`].
    RecordHead,
    /// What it supersedes now stands in another document. Empty.
    Moved,
    /// Says whom the document of a request is addressed to: a [`RequestHead`].
    RequestHead,
    /// A later version's kind.
    Other(u8),
}

impl FactKind {
    pub fn from_u8(v: u8) -> Self {
        match v {
            1 => Self::Resource,
            2 => Self::RecordHead,
            3 => Self::Moved,
            4 => Self::RequestHead,
            other => Self::Other(other),
        }
    }

    pub fn to_u8(self) -> u8 {
        match self {
            Self::Resource => 1,
            Self::RecordHead => 2,
            Self::Moved => 3,
            Self::RequestHead => 4,
            Self::Other(v) => v,
        }
    }
}

/// One immutable statement.
#[derive(Clone, PartialEq, Eq)]
pub struct FactBody {
    pub kind: FactKind,
    /// Key of the resource in the system it was imported from; empty for what was written here. At most [`MAX_SOURCE`] bytes.
    pub source: String,
    /// Facts this one replaces, once it is accepted. At most [`MAX_SUPERSEDES`], in any order; ascending after decoding.
    pub supersedes: Vec<FactId>,
    /// At most [`MAX_FACT_BODY`] bytes.
    pub body: Vec<u8>,
}

/// Shows sizes, never contents.
impl fmt::Debug for FactBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "[{:?}, {} bytes, supersedes {}]",
            self.kind,
            self.body.len(),
            self.supersedes.len()
        )
    }
}

impl FactBody {
    /// A FHIR resource written here, superseding nothing.
    pub fn resource(json: Vec<u8>) -> Self {
        Self {
            kind: FactKind::Resource,
            source: String::new(),
            supersedes: Vec::new(),
            body: json,
        }
    }

    /// Kind u8, source (u16 length), count u8, superseded ids ascending, body to the end.
    ///
    /// # Errors
    /// A field is out of its bound.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut supersedes = self.supersedes.clone();
        supersedes.sort_unstable();
        supersedes.dedup();
        check(&self.source, &supersedes, &self.body)?;
        let mut w = Writer::new();
        w.u8(self.kind.to_u8()).text(&self.source).u8(supersedes.len() as u8);
        for id in &supersedes {
            w.bytes(&id.0);
        }
        w.bytes(&self.body);
        Ok(w.finish())
    }

    /// The inverse of [`Self::encode`]; refuses what could be written another way.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let kind = FactKind::from_u8(r.u8()?);
        let source = r.text(MAX_SOURCE, "source")?;
        let count = r.count(MAX_SUPERSEDES, "supersedes")?;
        let supersedes = (0..count).map(|_| Ok(FactId(r.array()?))).collect::<Result<Vec<_>, _>>()?;
        strictly_ascending(&supersedes, "supersedes")?;
        let body = r.rest();
        check(source, &supersedes, body)?;
        Ok(Self {
            kind,
            source: source.to_owned(),
            supersedes,
            body: body.to_vec(),
        })
    }
}

fn check(source: &str, supersedes: &[FactId], body: &[u8]) -> Result<(), WireError> {
    if source.len() > MAX_SOURCE {
        return Err(WireError::OutOfBounds("source"));
    }
    if supersedes.len() > MAX_SUPERSEDES {
        return Err(WireError::OutOfBounds("supersedes"));
    }
    if body.len() > MAX_FACT_BODY {
        return Err(WireError::OutOfBounds("fact body"));
    }
    Ok(())
}

/// The fact that ties a document to its record: sealed, so that a carrier can't tell which documents belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordHead {
    pub record: RecordId,
    pub compartment: u8,
    /// In a document by the record's creator: proves that this seat made the record ([`record_id`]).
    pub salt: Option<[u8; 32]>,
}

/// A record's id names its creator to whoever knows the salt: everybody else's documents for it are told apart.
pub fn record_id(network: &NetworkId, creator: &SeatKey, salt: &[u8; 32]) -> RecordId {
    RecordId(derive(context::RECORD_ID, &[&network.0, &creator.0, salt]))
}

impl RecordHead {
    pub fn to_fact(self) -> FactBody {
        let mut w = Writer::new();
        w.bytes(&self.record.0).u8(self.compartment);
        if let Some(salt) = &self.salt {
            w.bytes(salt);
        }
        FactBody {
            kind: FactKind::RecordHead,
            source: String::new(),
            supersedes: Vec::new(),
            body: w.finish(),
        }
    }

    /// Reads the body of a [`FactKind::RecordHead`].
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(body);
        let record = RecordId(r.array()?);
        let compartment = r.u8()?;
        let salt = (body.len() > RecordId::LEN + 1).then(|| r.array()).transpose()?;
        r.end()?;
        Ok(Self { record, compartment, salt })
    }

    /// True iff `founder` of this head's document made the record.
    pub fn is_by_creator(&self, network: &NetworkId, founder: &SeatKey) -> bool {
        self.salt.is_some_and(|salt| record_id(network, founder, &salt) == self.record)
    }
}

/// Whom a request is addressed to, and the salt of the marks on what it opens. By the request's founder; sealed, so that the
/// marks, which stand in clear grants, tie documents of a record together only for who reads the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestHead {
    pub addressee: Addressee,
    pub salt: [u8; 32],
}

impl RequestHead {
    /// The `consent_hash` of a grant that `request` makes in `doc`: recognised when the request ends.
    pub fn consent(&self, request: &DocId, doc: &DocId) -> [u8; 32] {
        derive(REQUEST_CONSENT, &[&self.salt, &request.0, &doc.0])
    }

    pub fn to_fact(self) -> FactBody {
        let (tag, key) = match &self.addressee {
            Addressee::Practitioner(key) => (0, &key.0),
            Addressee::Team(doc) => (1, &doc.0),
            Addressee::Facility(key) => (2, &key.0),
        };
        let mut w = Writer::new();
        w.u8(tag).bytes(key).bytes(&self.salt);
        FactBody {
            kind: FactKind::RequestHead,
            source: String::new(),
            supersedes: Vec::new(),
            body: w.finish(),
        }
    }

    /// Reads the body of a [`FactKind::RequestHead`].
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(body);
        let (tag, key) = (r.u8()?, r.array()?);
        let addressee = match tag {
            0 => Addressee::Practitioner(PractitionerKey(key)),
            1 => Addressee::Team(DocId(key)),
            2 => Addressee::Facility(FacilityKey(key)),
            _ => return Err(WireError::Unknown("addressee")),
        };
        let salt = r.array()?;
        r.end()?;
        Ok(Self { addressee, salt })
    }
}

/// Bytes of an Automerge actor.
pub(super) type Actor = [u8; 16];

/// The one actor an author has in a document, incarnation and lane.
pub(super) fn actor_id(author: &SeatKey, doc: &DocId, incarnation: u64, lane: Lane) -> Actor {
    let long = derive(context::ACTOR_ID, &[&author.0, &doc.0, &incarnation.to_be_bytes(), &[lane as u8]]);
    *long.first_chunk().expect("16 of 32 bytes")
}

/// The key of the fact that is operation `op` of `actor`: 96 bits as 16 characters.
pub(super) fn fact_key(actor: &Actor, op: u64, value: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let hash = derive(FACT_KEY, &[actor, &op.to_be_bytes(), value]);
    hash[..12]
        .chunks_exact(3)
        .flat_map(|c| {
            let v = u32::from_be_bytes([0, c[0], c[1], c[2]]);
            [18, 12, 6, 0].map(|shift| char::from(ALPHABET[(v >> shift & 63) as usize]))
        })
        .collect()
}

/// The id of the fact that `author` put under `key` in `doc`.
pub fn fact_id(author: &SeatKey, doc: &DocId, key: &str) -> FactId {
    let long = derive(context::FACT_ID, &[&author.0, &doc.0, key.as_bytes()]);
    FactId(*long.first_chunk().expect("16 of 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_survive_the_wire_and_have_one_form() {
        let fact = FactBody {
            kind: FactKind::Other(77),
            source: "labo/2031".to_owned(),
            supersedes: vec![FactId([9; 16]), FactId([1; 16]), FactId([9; 16])],
            body: b"{\"a\": 1.10}".to_vec(),
        };
        let bytes = fact.encode().unwrap();
        let again = FactBody::decode(&bytes).unwrap();
        assert_eq!(again.supersedes, [FactId([1; 16]), FactId([9; 16])]);
        assert_eq!((again.kind, &again.source, &again.body), (fact.kind, &fact.source, &fact.body));
        assert_eq!(again.encode().unwrap(), bytes);

        let at = 1 + 2 + fact.source.len() + 1;
        let mut swapped = bytes.clone();
        swapped[at..at + 32].rotate_left(16);
        assert_eq!(FactBody::decode(&swapped), Err(WireError::NotCanonical("supersedes")));
        for n in 0..at + 32 {
            assert!(FactBody::decode(&bytes[..n]).is_err(), "{n}");
        }
    }

    #[test]
    fn bounds_hold_both_ways() {
        let long = FactBody::resource(vec![0; MAX_FACT_BODY + 1]);
        assert_eq!(long.encode(), Err(WireError::OutOfBounds("fact body")));
        let many = FactBody {
            supersedes: (0..=MAX_SUPERSEDES as u8).map(|i| FactId([i; 16])).collect(),
            ..FactBody::resource(Vec::new())
        };
        assert_eq!(many.encode(), Err(WireError::OutOfBounds("supersedes")));
        let mut bytes = FactBody::resource(vec![0; MAX_FACT_BODY]).encode().unwrap();
        assert!(FactBody::decode(&bytes).is_ok());
        bytes.push(0);
        assert_eq!(FactBody::decode(&bytes), Err(WireError::OutOfBounds("fact body")));
    }

    #[test]
    fn a_request_s_head_has_one_form_and_its_marks_differ_from_document_to_document() {
        for addressee in [
            Addressee::Practitioner(PractitionerKey([1; 32])),
            Addressee::Team(DocId([2; 32])),
            Addressee::Facility(FacilityKey([3; 32])),
        ] {
            let head = RequestHead { addressee, salt: [7; 32] };
            let body = head.to_fact().body;
            assert_eq!(RequestHead::parse(&body), Ok(head));
            assert!(RequestHead::parse(&body[1..]).is_err() && RequestHead::parse(&[&body[..], &[0]].concat()).is_err());
            let (request, doc) = (DocId([8; 32]), DocId([9; 32]));
            assert_ne!(head.consent(&request, &doc), head.consent(&request, &request));
            let other = RequestHead { salt: [6; 32], ..head };
            assert_ne!(
                head.consent(&request, &doc),
                other.consent(&request, &doc),
                "nobody guesses it without the salt"
            );
        }
        let mut unknown = RequestHead::parse(&[0; 65]).unwrap().to_fact().body;
        unknown[0] = 3;
        assert_eq!(RequestHead::parse(&unknown), Err(WireError::Unknown("addressee")));
    }

    #[test]
    fn a_debug_line_shows_no_content() {
        let line = format!("{:?}", FactBody::resource(b"penicilline".to_vec()));
        assert!(!line.contains("penicilline") && line.contains("11 bytes"), "{line}");
    }

    #[test]
    fn ids_are_bound_to_author_document_and_content() {
        let (a, b, doc) = (SeatKey([1; 32]), SeatKey([2; 32]), DocId([3; 32]));
        let actor = actor_id(&a, &doc, 7, Lane::Today);
        assert_ne!(actor, actor_id(&a, &doc, 7, Lane::Rest));
        assert_ne!(actor, actor_id(&a, &doc, 8, Lane::Today));
        assert_ne!(actor, actor_id(&b, &doc, 7, Lane::Today));
        let key = fact_key(&actor, 1, b"x");
        assert_eq!(key.len(), 16);
        assert_ne!(key, fact_key(&actor, 1, b"y"));
        assert_ne!(key, fact_key(&actor, 2, b"x"));
        assert_ne!(fact_id(&a, &doc, &key), fact_id(&b, &doc, &key));
    }
}
