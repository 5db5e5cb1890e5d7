//! Founding a team: a document whose readers are the seats of one profession in one facility.
//!
//! Its epoch publishes a deposit key: what is wrapped to it opens for every member, so a record needs one wrap for twelve seats.

use std::collections::BTreeSet;

use super::epochs::make_epoch;
use super::ops::{DocumentKind, Genesis, Op, Rank, Subject, Terms};
use crate::crypto::{Entropy, hedged};
use crate::envelope::{Kind, Lane, Verified};
use crate::ids::{DocId, Kid, NetworkId, PractitionerKey};
use crate::record::{Pen, SeatSecrets};
use crate::wire::WireError;

/// The genesis of a team whose founder, and first member, is this seat. Other seats of the same practitioner are members too. The
/// registry still has to list it, with an authority's endorsement.
///
/// # Errors
/// Bounds, which one founder doesn't reach.
pub fn found_team(
    network: &NetworkId,
    me: &SeatSecrets,
    practitioner: PractitionerKey,
    pen: &mut Pen,
    now_ms: u64,
    entropy: &mut dyn Entropy,
) -> Result<(DocId, Verified), WireError> {
    let rank = Rank::steward(1).expect("1 is below the writer's rank");
    let colleagues = Terms {
        subject: Subject::Practitioner(practitioner),
        rank,
        not_before_ms: 0,
        not_after_ms: u64::MAX,
        consent_hash: [0; 32],
    };
    let hedge = me.hedge();
    let nonce = hedged(&hedge, b"team nonce", &practitioner.0, entropy).0;
    let mut genesis = Genesis {
        kind: DocumentKind::Team,
        nonce,
        custodian: me.facility,
        grants: vec![colleagues],
        epoch: Vec::new(),
    };
    let doc = genesis.doc_id(network, &me.key());
    let recipients = BTreeSet::from([me.kem.public()]);
    let (epoch, _) = make_epoch(network, &doc, &me.key(), &hedge, &recipients, &[], entropy)?;
    genesis.epoch = epoch.encode();
    let header = pen.header(now_ms, Kind::Genesis, Lane::Today, doc, Kid::ZERO, Vec::new());
    let written = header.clear(&me.signing, network, Op::Genesis(genesis).encode()?)?;
    pen.advance(&written);
    Ok((doc, written))
}
