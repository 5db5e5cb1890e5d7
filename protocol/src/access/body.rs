//! Static checks of clear bodies: what every node, carrier or reader, demands of them before they belong to the set.

use thiserror::Error;

use super::deposit::Deposit;
use super::epochs::{KeyEpoch, KeyRequest, Wrap};
use super::ops::{Op, Subject};
use crate::envelope::{Envelope, Kind};
use crate::ids::NetworkId;
use crate::wire::WireError;

/// Why a body doesn't belong; blames its author, the same on every node.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum BodyError {
    #[error(transparent)]
    Malformed(#[from] WireError),
    /// A genesis must hash to the document it creates, and cite nothing.
    #[error("a genesis of another document")]
    OtherDocument,
    /// A document can't be its own team.
    #[error("contradicts itself")]
    Contradiction,
}

/// Checks what a carrier can check of a body.
///
/// # Errors
/// The body isn't the canonical form of its kind, or contradicts its header.
pub fn check_body(network: &NetworkId, envelope: &Envelope) -> Result<(), BodyError> {
    let header = &envelope.header;
    match header.kind {
        Kind::Genesis | Kind::Grant | Kind::Revoke | Kind::Endorse | Kind::Adopt => match Op::of(envelope)? {
            Some(Op::Genesis(genesis)) => {
                if genesis.doc_id(network, &header.seat) != header.doc || !header.authority.is_empty() {
                    return Err(BodyError::OtherDocument);
                }
                KeyEpoch::decode(&genesis.epoch)?;
            }
            Some(Op::Grant(grant)) if grant.terms.subject == Subject::Team(header.doc) => return Err(BodyError::Contradiction),
            _ => {}
        },
        Kind::KeyEpoch => drop(KeyEpoch::decode(&envelope.body)?),
        Kind::KeyRequest => drop(KeyRequest::decode(&envelope.body)?),
        Kind::Wrap => drop(Wrap::decode(&envelope.body)?),
        Kind::Deposit => drop(Deposit::parse(envelope)?),
        Kind::Content | Kind::Receipt => {}
    }
    Ok(())
}
