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
use super::op::{self, MAX_REGISTRY_OP, OpBody, OpError, RegistryOp};
use crate::crypto::{self, Entropy, Secret, context, derive};
use crate::envelope::{Envelope, MAX_ENVELOPE};
use crate::ids::{AuthorityKey, Hlc, NodeKey};
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

    /// Checks that everything brought along was issued by the newcomer itself, and returns it parsed.
    ///
    /// # Errors
    /// An op by somebody else, or of a kind that isn't a newcomer's to issue.
    pub fn check(&self, charter: &Charter) -> Result<(Vec<RegistryOp>, Vec<Envelope>), EnrolError> {
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
                envelopes.push(Envelope::parse(item)?);
            }
        }
        Ok((ops, envelopes))
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
