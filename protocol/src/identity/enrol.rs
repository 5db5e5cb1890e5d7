//! Enrolment as three messages: invitation → request → admission. The same bytes travel by file or over a LAN.
//!
//! The invitation carries a random secret (the file itself is sealed under six words said by phone); request and admission are
//! sealed under keys derived from it. The joiner makes all its keys itself and proves possession of each; all that the network's
//! authority signs is the facility's certificate and the endorsement of its teams.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use ed25519_dalek::SigningKey;
use thiserror::Error;

use super::charter::{Charter, CharterError, MAX_CHARTER};
use super::op::{self, FacilityKind, MAX_REGISTRY_OP, OpBody, OpError, Profession, RegistryOp};
use crate::access::body::check_body;
use crate::access::ops::{DocumentKind, Op, Subject};
use crate::crypto::{self, Entropy, Secret, context, derive};
use crate::envelope::{Envelope, MAX_ENVELOPE, Verified};
use crate::ids::{AuthorityKey, DocId, FacilityKey, Hlc, NetworkId, NodeKey, SeatKey};
use crate::wire::{Reader, WireError, Writer};

/// An invitation may be used for this long.
pub const INVITATION_LIFE_MS: u64 = 72 * 3_600 * 1_000;
/// Addresses an invitation, a request or an admission may name.
pub const MAX_ADDRESSES: usize = 16;
/// Longest address, in bytes.
pub const MAX_ADDRESS: usize = 256;
/// First items a newcomer brings: its own certificates, its teams.
pub const MAX_ITEMS: usize = 32;
/// Longest enrolment message.
pub const MAX_MESSAGE: usize = 60 * 1024;

const VERSION: u8 = 1;

/// Why an enrolment message was refused. Nothing was changed; a new invitation can always be made.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum EnrolError {
    #[error("the file is damaged or isn't what it should be: {0}")]
    Malformed(#[from] WireError),
    #[error(transparent)]
    Charter(#[from] CharterError),
    #[error(transparent)]
    Op(#[from] OpError),
    /// Sealed under another invitation's secret.
    #[error("this file belongs to another invitation")]
    OtherInvitation,
    #[error("this invitation has expired; ask for a new one")]
    Expired,
    /// The request asks for something that a newcomer may not have.
    #[error("the request holds {0}, which a newcomer may not bring")]
    Unwanted(&'static str),
}

/// What a newcomer needs to ask: where, whom, and a secret that proves it was invited.
#[derive(Clone, Debug)]
pub struct Invitation {
    pub charter: Charter,
    /// The authority that will sign the facility's certificate.
    pub authority: AuthorityKey,
    pub node: NodeKey,
    pub addresses: Vec<String>,
    pub expires_ms: u64,
    pub secret: Secret,
}

impl Invitation {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(VERSION)
            .sized(self.charter.to_bytes())
            .bytes(&self.authority.0)
            .bytes(&self.node.0);
        write_addresses(&mut w, &self.addresses);
        w.u64(self.expires_ms).bytes(&self.secret.0);
        w.finish()
    }

    /// # Errors
    /// Malformed, or a charter whose signatures don't hold.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnrolError> {
        let mut r = Reader::new(bytes);
        version(&mut r)?;
        let charter = Charter::parse(r.sized(MAX_CHARTER, "charter")?)?;
        let authority = AuthorityKey(r.array()?);
        let node = NodeKey(r.array()?);
        let addresses = read_addresses(&mut r)?;
        let invitation = Self {
            charter,
            authority,
            node,
            addresses,
            expires_ms: r.u64()?,
            secret: Secret(r.array()?),
        };
        r.end()?;
        Ok(invitation)
    }

    /// Public name of this invitation: lets the inviter find the secret a request is sealed under.
    pub fn tag(&self) -> [u8; 16] {
        tag(&self.secret)
    }
}

/// The public name of the invitation with this secret.
pub fn tag(secret: &Secret) -> [u8; 16] {
    let hash = derive(context::INVITATION, &[b"tag", &secret.0]);
    hash[..16].try_into().expect("16 of 32 bytes")
}

/// Who and what a request would let in, for the person who decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    pub name: String,
    pub kind: FacilityKind,
    pub finess: String,
    pub town: String,
    /// Name, profession and RPPS number as claimed; the facility vouches for them.
    pub practitioners: Vec<(String, Profession, String)>,
    /// Teams that the authority endorses by admitting it.
    pub teams: Vec<(DocId, Profession)>,
    pub nodes: usize,
    /// Seats of practitioners.
    pub seats: usize,
    /// Seats of machines that may only deposit.
    pub device_seats: usize,
}

/// What a newcomer asks for, with everything it has already signed itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub hlc: Hlc,
    /// The facility's certificate as it shall be; the authority completes it.
    pub facility: OpBody,
    /// Proof that the newcomer holds the facility's key.
    pub possession: [u8; 64],
    /// Its own certificates (node, practitioner, seats, teams) and the geneses of its teams, as canonical items.
    pub items: Vec<Vec<u8>>,
    pub addresses: Vec<String>,
}

impl Request {
    /// Canonical bytes, before sealing.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(VERSION).u64(self.hlc.0).u8(op::kind_of(&self.facility));
        op::write_body(&mut w, &self.facility);
        w.bytes(&self.possession);
        write_items(&mut w, &self.items);
        write_addresses(&mut w, &self.addresses);
        w.finish()
    }

    /// # Errors
    /// Malformed, or it asks for anything but a facility.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnrolError> {
        let mut r = Reader::new(bytes);
        version(&mut r)?;
        let hlc = Hlc(r.u64()?);
        let kind = r.u8()?;
        let facility = op::read_body(&mut r, kind)?;
        if !matches!(facility, OpBody::Facility { .. }) {
            return Err(EnrolError::Unwanted("a certificate that isn't a facility's"));
        }
        let request = Self {
            hlc,
            facility,
            possession: r.array()?,
            items: read_items(&mut r)?,
            addresses: read_addresses(&mut r)?,
        };
        r.end()?;
        Ok(request)
    }

    /// Checks that everything brought along was issued by the newcomer itself, and returns it parsed. Each team comes with the
    /// genesis of a document of its own: the authority's endorsement would hand it anybody's.
    ///
    /// # Errors
    /// An op by somebody else, or of a kind that isn't a newcomer's to issue; an envelope that isn't sound; a team that isn't its own.
    pub fn check(&self, charter: &Charter) -> Result<(Vec<RegistryOp>, Vec<Verified>), EnrolError> {
        let network = charter.network_id();
        let OpBody::Facility { key: facility, .. } = &self.facility else {
            return Err(EnrolError::Unwanted("a certificate that isn't a facility's"));
        };
        let (mut ops, mut envelopes) = (Vec::new(), Vec::new());
        for item in &self.items {
            if item.first() == Some(&op::REGISTRY_OP) {
                let op = RegistryOp::parse(&network, item)?;
                let own = match &op.body {
                    OpBody::Seat { facility: of, .. } => of == facility,
                    OpBody::Practitioner { .. } | OpBody::Node { .. } | OpBody::DeviceSeat { .. } | OpBody::Team { .. } => {
                        op.issuer == facility.0
                    }
                    _ => false,
                };
                if !own {
                    return Err(EnrolError::Unwanted("an op that isn't its own"));
                }
                ops.push(op);
            } else {
                let envelope = Envelope::parse(item)?.verify(&network);
                envelopes.push(envelope.map_err(|_| EnrolError::Unwanted("an envelope whose signature doesn't hold"))?);
            }
        }
        for op in &ops {
            if let OpBody::Team { doc, .. } = &op.body
                && !envelopes
                    .iter()
                    .any(|e| e.header.doc == *doc && founds_own_team(&network, facility, &ops, e))
            {
                return Err(EnrolError::Unwanted("a team that isn't its own"));
            }
        }
        Ok((ops, envelopes))
    }

    /// What would be admitted, to be shown before it is.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn newcomer(&self, charter: &Charter) -> Result<Newcomer, EnrolError> {
        let (ops, _) = self.check(charter)?;
        let OpBody::Facility {
            kind, name, finess, town, ..
        } = &self.facility
        else {
            return Err(EnrolError::Unwanted("a certificate that isn't a facility's"));
        };
        let mut newcomer = Newcomer {
            name: name.clone(),
            kind: *kind,
            finess: finess.clone(),
            town: town.clone(),
            practitioners: Vec::new(),
            teams: Vec::new(),
            nodes: 0,
            seats: 0,
            device_seats: 0,
        };
        for op in ops {
            match op.body {
                OpBody::Practitioner {
                    profession, rpps, name, ..
                } => newcomer.practitioners.push((name, profession, rpps)),
                OpBody::Team { doc, profession } => newcomer.teams.push((doc, profession)),
                OpBody::Node { .. } => newcomer.nodes += 1,
                OpBody::Seat { .. } => newcomer.seats += 1,
                OpBody::DeviceSeat { .. } => newcomer.device_seats += 1,
                _ => {}
            }
        }
        Ok(newcomer)
    }

    /// The authority's part: the facility's certificate, and an endorsement of each team brought along.
    ///
    /// # Errors
    /// As [`Self::check`], or the newcomer doesn't hold the facility's key.
    pub fn admit(&self, charter: &Charter, authority: &SigningKey, now: Hlc) -> Result<Vec<RegistryOp>, EnrolError> {
        let network = charter.network_id();
        let (ops, _) = self.check(charter)?;
        let mut out = vec![RegistryOp::issue_countersigned(
            &network,
            self.hlc,
            authority,
            &self.facility,
            &self.possession,
        )?];
        for op in ops {
            if matches!(op.body, OpBody::Team { .. }) {
                out.push(RegistryOp::issue(&network, now, authority, &[], OpBody::Endorse { what: op.id() })?);
            }
        }
        Ok(out)
    }
}

/// True iff this is the genesis of a team in the newcomer's care, written from the seat of somebody, and for people, that it brings along.
fn founds_own_team(network: &NetworkId, facility: &FacilityKey, ops: &[RegistryOp], envelope: &Verified) -> bool {
    let Ok(Some(Op::Genesis(genesis))) = Op::of(envelope) else {
        return false;
    };
    let person = |of: &[u8; 32]| {
        ops.iter()
            .any(|op| matches!(&op.body, OpBody::Practitioner { key, .. } if key.0 == *of))
    };
    let seat = |of: &SeatKey| {
        ops.iter()
            .any(|op| matches!(&op.body, OpBody::Seat { key, .. } if key == of) && person(&op.issuer))
    };
    let brought = |subject: &Subject| match subject {
        Subject::Practitioner(key) => person(&key.0),
        Subject::Seat(key) => seat(key),
        Subject::Team(_) => false,
    };
    genesis.kind == DocumentKind::Team
        && genesis.custodian == *facility
        && check_body(network, envelope).is_ok()
        && seat(&envelope.header.seat)
        && genesis.grants.iter().all(|terms| brought(&terms.subject))
}

/// The authority's answer: ops that make the newcomer a member and let it recognise the node that admitted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    pub items: Vec<Vec<u8>>,
    pub addresses: Vec<String>,
}

impl Admission {
    /// Canonical bytes, before sealing.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(VERSION);
        write_items(&mut w, &self.items);
        write_addresses(&mut w, &self.addresses);
        w.finish()
    }

    /// # Errors
    /// Malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnrolError> {
        let mut r = Reader::new(bytes);
        version(&mut r)?;
        let admission = Self {
            items: read_items(&mut r)?,
            addresses: read_addresses(&mut r)?,
        };
        r.end()?;
        Ok(admission)
    }
}

/// Which of the sealed messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Request,
    Admission,
}

/// Seals a request or an admission under the invitation's secret. Layout: part 1, tag 16, nonce 24, ciphertext.
pub fn seal(secret: &Secret, part: Part, plaintext: &[u8], entropy: &mut dyn Entropy) -> Vec<u8> {
    let head = [&[part as u8 + 1][..], &tag(secret)].concat();
    let fresh = crypto::hedged(&secret.0, &head, plaintext, entropy);
    let nonce = XNonce::try_from(&fresh.0[..24]).expect("24 of 32 bytes");
    let body = cipher(secret, part)
        .encrypt(
            &nonce,
            Payload {
                msg: plaintext,
                aad: &head,
            },
        )
        .expect("bounded plaintext always encrypts");
    [&head[..], &nonce, &body].concat()
}

/// The tag of the invitation that a sealed message names, without opening it.
///
/// # Errors
/// Too short, too long, or not an enrolment message.
pub fn sealed_tag(bytes: &[u8]) -> Result<(Part, [u8; 16]), EnrolError> {
    if bytes.len() > MAX_MESSAGE {
        return Err(WireError::OutOfBounds("enrolment message").into());
    }
    let mut r = Reader::new(bytes);
    let part = match r.u8()? {
        1 => Part::Request,
        2 => Part::Admission,
        _ => return Err(WireError::Unknown("enrolment message").into()),
    };
    Ok((part, r.array()?))
}

/// Opens what [`seal`] made.
///
/// # Errors
/// Another part, another invitation, or damaged.
pub fn open(secret: &Secret, part: Part, bytes: &[u8]) -> Result<Vec<u8>, EnrolError> {
    let (found, found_tag) = sealed_tag(bytes)?;
    if found != part {
        return Err(WireError::Unknown("enrolment message").into());
    }
    if found_tag != tag(secret) {
        return Err(EnrolError::OtherInvitation);
    }
    let (head, rest) = bytes.split_at(17);
    let (nonce, body) = rest.split_at_checked(24).ok_or(WireError::Truncated)?;
    let nonce = XNonce::try_from(nonce).map_err(|_| WireError::Truncated)?;
    cipher(secret, part)
        .decrypt(&nonce, Payload { msg: body, aad: head })
        .map_err(|_| EnrolError::OtherInvitation)
}

/// What both screens compare as words: a hash of the request.
pub fn comparison(request: &Request) -> [u8; 32] {
    derive(context::WORDS, &[&request.to_bytes()])
}

fn cipher(secret: &Secret, part: Part) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&derive(context::INVITATION, &[b"key", &secret.0, &[part as u8 + 1]]).into())
}

fn version(r: &mut Reader<'_>) -> Result<(), WireError> {
    if r.u8()? == VERSION {
        Ok(())
    } else {
        Err(WireError::Unknown("enrolment version"))
    }
}

fn write_addresses(w: &mut Writer, addresses: &[String]) {
    w.u8(addresses.len() as u8);
    for address in addresses {
        w.text(address);
    }
}

fn read_addresses(r: &mut Reader<'_>) -> Result<Vec<String>, WireError> {
    let n = r.count(MAX_ADDRESSES, "addresses")?;
    (0..n).map(|_| Ok(r.text(MAX_ADDRESS, "address")?.to_owned())).collect()
}

fn write_items(w: &mut Writer, items: &[Vec<u8>]) {
    w.u8(items.len() as u8);
    for item in items {
        w.sized(item);
    }
}

fn read_items(r: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, WireError> {
    let n = r.count(MAX_ITEMS, "items")?;
    (0..n)
        .map(|_| Ok(r.sized(MAX_ENVELOPE.max(MAX_REGISTRY_OP), "item")?.to_vec()))
        .collect()
}
