//! Who is let in: invitations made here, what they are answered with, and what the newcomer is told.
//!
//! An invitation stands under its tag until it expires. Beside it stands what became of it: a request that waits for somebody to
//! admit it, or the admission. So an answer that was lost on its way is given again, and only to the request it answered.

use std::path::Path;

use bocage_protocol::clinical::text::fold;
use bocage_protocol::crypto::{Entropy, Secret, derive};
use bocage_protocol::identity::enrol::{self, Admission, INVITATION_LIFE_MS, Invitation, Part, Request as JoinRequest};
use bocage_protocol::ids::{AuthorityKey, Hlc, hex, unhex};
use bocage_protocol::store::{LocalWrite, Store};
use ed25519_dalek::SigningKey;

use super::{Service, kind_name, profession_name, store_failure};
use crate::client::{Failure, Newcomer, Practitioner, Reply, Request, WaitingRequest};
use crate::core::now_ms;
use crate::home::Home;
use crate::keystore::{Argon2Cost, KeyName, OsEntropy};
use crate::place::{self, Description};
use crate::words::{Tongue, comparison_words};

/// Local record of an invitation, sealed under the node's key; its tag follows.
const INVITATION: &[u8] = b"invitation/";
/// Local record of what became of it.
const ENROLMENT: &[u8] = b"enrolment/";

/// What became of an invitation.
enum Answered {
    /// A sealed request that came over the network when nobody could admit it.
    Waits(Vec<u8>),
    /// The request that was admitted, by its hash, and the sealed admission.
    Admitted([u8; 32], Vec<u8>),
}

/// Founds a network at the first of these places and lets the others join it, by invitations that never leave this process: for
/// demonstrations and measurements, with the cheapest keys. Returns their directories, in order.
///
/// # Errors
/// The disk refused.
pub fn found_network(root: &Path, network: &str, places: &[Description], passphrase: &str) -> Result<Vec<Home>, Failure> {
    let homes: Vec<Home> = (0..places.len()).map(|n| Home::new(root.join(format!("place-{n}")))).collect();
    let [first, others @ ..] = &homes[..] else { return Ok(homes) };
    place::found(first, network, &places[0], passphrase, Argon2Cost::FLOOR)?;
    let mut service = Service::open(first.clone(), &mut |_, _| {})?;
    let mut ask = |request| service.handle(0, request, &mut |_, _| {});
    ask(Request::Unlock {
        passphrase: passphrase.to_owned(),
    })?;
    for (home, description) in others.iter().zip(&places[1..]) {
        let Reply::Invitation { bytes, .. } = ask(Request::Invite { addresses: Vec::new() })? else {
            return Err(place::internal("an answer to another question"));
        };
        let invitation = Invitation::parse(&unhex(&bytes).unwrap_or_default()).map_err(place::enrolment)?;
        let sealed = place::ask(home, &invitation, description, passphrase, Argon2Cost::FLOOR)?;
        let request = hex(&sealed);
        let Reply::Admission { bytes, .. } = ask(Request::Admit { request, preview: false })? else {
            return Err(place::internal("an answer to another question"));
        };
        place::complete(home, &unhex(&bytes).unwrap_or_default())?;
    }
    service.close()?;
    Ok(homes)
}

impl Service {
    pub(super) fn invite(&mut self, mut addresses: Vec<String>) -> Result<Reply, Failure> {
        let authority = AuthorityKey(self.authority()?.verifying_key().to_bytes());
        self.forget_expired()?;
        addresses.extend(
            self.live
                .listening
                .iter()
                .filter(|a| !a.contains("/127.0.0.1/") && !a.contains("/::1/"))
                .cloned(),
        );
        addresses.truncate(enrol::MAX_ADDRESSES);
        let invitation = Invitation {
            charter: self.core.registry().charter().clone(),
            authority,
            node: place::node_key(&self.keys),
            addresses,
            expires_ms: now_ms() + INVITATION_LIFE_MS,
            secret: Secret(OsEntropy.random32()),
        };
        let value = enrol::seal(&self.keys.local_seal, Part::Request, &invitation.to_bytes(), &mut OsEntropy);
        self.note(INVITATION, &invitation.tag(), Some(value))?;
        Ok(Reply::Invitation {
            bytes: hex(&invitation.to_bytes()),
            expires_ms: invitation.expires_ms,
        })
    }

    /// True iff a request over the network could be admitted without anybody at the keyboard.
    pub fn can_admit(&self) -> bool {
        self.authority().is_ok()
    }

    fn authority(&self) -> Result<SigningKey, Failure> {
        let secret = self.unlocked.as_ref().and_then(|u| u.secret(KeyName::Authority));
        let key = secret.map(|s| SigningKey::from_bytes(&s.0)).ok_or_else(|| {
            Failure::new(
                "no-authority",
                "no authority of the network is in this keystore: invite and admit where the network was founded",
                "ce poste n'a pas l'autorité d'inviter ni d'admettre : faites-le là où le réseau a été fondé",
            )
        })?;
        let own = AuthorityKey(key.verifying_key().to_bytes());
        if self.core.registry().authorities().keys.contains(&own) {
            Ok(key)
        } else {
            Err(Failure::new(
                "no-authority",
                "the authority in this keystore was replaced",
                "l'autorité de ce poste a été remplacée par une autre : admettez depuis le poste qui l'a maintenant",
            ))
        }
    }

    /// Admits a facility: its certificate, its teams' endorsement and everything it brought along become durable here, and the
    /// answer is sealed for it. The same request gets the same answer again.
    ///
    /// # Errors
    /// No open invitation, somebody else answered it, or no authority is in this keystore.
    pub fn admit(&mut self, sealed: &[u8], preview: bool) -> Result<Reply, Failure> {
        let (invitation, request) = self.read_request(sealed)?;
        let tag = invitation.tag();
        let (newcomer, words) = self.described(&request)?;
        let hash = derive("bocage 2026-11 enrolment request v1", &[sealed]);
        let bytes = match self.answered(&tag)? {
            Some(Answered::Admitted(whose, _)) if whose != hash => return Err(spent()),
            Some(Answered::Admitted(_, bytes)) => bytes,
            _ if preview => Vec::new(),
            _ => {
                let bytes = self.sign(&invitation, &request)?;
                let kept = [&b"A"[..], &hash, &bytes].concat();
                self.note(ENROLMENT, &tag, Some(kept))?;
                bytes
            }
        };
        Ok(Reply::Admission {
            bytes: if preview { String::new() } else { hex(&bytes) },
            newcomer,
            words,
        })
    }

    /// Keeps a request that came over the network until somebody admits it.
    ///
    /// # Errors
    /// As [`Self::admit`].
    pub fn keep_waiting(&mut self, sealed: &[u8]) -> Result<(), Failure> {
        let (invitation, _) = self.read_request(sealed)?;
        let kept = [&b"W"[..], sealed].concat();
        self.note(ENROLMENT, &invitation.tag(), Some(kept))
    }

    /// Requests that came over the network and wait for somebody to admit them.
    pub(super) fn waiting(&mut self) -> Result<Vec<WaitingRequest>, Failure> {
        self.forget_expired()?;
        let kept = self.core.store.local_prefix(ENROLMENT).map_err(|e| store_failure(&e))?;
        let mut waiting = Vec::new();
        for (_, value) in kept {
            if let Some(Answered::Waits(sealed)) = parse(&value)
                && let Ok((_, request)) = self.read_request(&sealed)
            {
                let (newcomer, words) = self.described(&request)?;
                let request = hex(&sealed);
                waiting.push(WaitingRequest { request, newcomer, words });
            }
        }
        Ok(waiting)
    }

    /// Who asks, and the words that both screens show.
    fn described(&self, request: &JoinRequest) -> Result<(Newcomer, String), Failure> {
        let registry = self.core.registry();
        let asks = request.newcomer(registry.charter()).map_err(place::enrolment)?;
        let words = comparison_words(&enrol::comparison(request), Tongue::French).join(" ");
        let folded = fold(&asks.name);
        let newcomer = Newcomer {
            same_name: registry.facilities().any(|(_, f)| fold(&f.name) == folded),
            facility: asks.name,
            kind: kind_name(asks.kind).to_owned(),
            town: asks.town,
            finess: asks.finess,
            practitioners: asks
                .practitioners
                .into_iter()
                .map(|(name, profession, rpps)| Practitioner {
                    name,
                    profession: profession_name(profession).to_owned(),
                    rpps,
                })
                .collect(),
        };
        Ok((newcomer, words))
    }

    /// Whether this very request was admitted before.
    pub fn is_admitted(&self, sealed: &[u8]) -> bool {
        let hash = derive("bocage 2026-11 enrolment request v1", &[sealed]);
        let tag = enrol::sealed_tag(sealed).map(|(_, tag)| tag);
        let answered = tag.ok().and_then(|tag| self.answered(&tag).ok()).flatten();
        matches!(answered, Some(Answered::Admitted(whose, _)) if whose == hash)
    }

    fn sign(&mut self, invitation: &Invitation, request: &JoinRequest) -> Result<Vec<u8>, Failure> {
        let authority = self.authority()?;
        let signed = request
            .admit(self.core.registry().charter(), &authority, Hlc::from_millis(now_ms()))
            .map_err(place::enrolment)?;
        let mut answer: Vec<Vec<u8>> = signed.iter().map(|op| op.to_bytes().to_vec()).collect();
        let items = answer.iter().cloned().chain(request.items.clone()).collect();
        let outcome = self.core.save_items(items, Vec::new()).map_err(|e| store_failure(&e))?;
        self.pending.push(outcome);
        answer.extend(self.introduction());
        let admission = Admission {
            items: answer,
            // The invitation named the addresses that its maker wants to be reached at; others may not be reachable from there.
            addresses: Vec::new(),
        };
        Ok(enrol::seal(
            &invitation.secret,
            Part::Admission,
            &admission.to_bytes(),
            &mut OsEntropy,
        ))
    }

    fn read_request(&self, sealed: &[u8]) -> Result<(Invitation, JoinRequest), Failure> {
        let (_, tag) = enrol::sealed_tag(sealed).map_err(place::enrolment)?;
        let key = [INVITATION, &tag].concat();
        let stored = self.core.store.local(&key).map_err(|e| store_failure(&e))?;
        let stored = stored.ok_or_else(|| {
            Failure::new(
                "unknown-invitation",
                "this answers no open invitation of this node: each serves one facility, for 72 hours",
                "ceci ne répond à aucune invitation ouverte de ce nœud : chacune sert à une structure, pendant 72 heures",
            )
        })?;
        let invitation = enrol::open(&self.keys.local_seal, Part::Request, &stored)
            .and_then(|bytes| Invitation::parse(&bytes))
            .map_err(place::enrolment)?;
        if invitation.expires_ms < now_ms() {
            return Err(place::expired());
        }
        let plain = enrol::open(&invitation.secret, Part::Request, sealed).map_err(place::enrolment)?;
        let request = JoinRequest::parse(&plain).map_err(place::enrolment)?;
        Ok((invitation, request))
    }

    fn answered(&self, tag: &[u8; 16]) -> Result<Option<Answered>, Failure> {
        let kept = self.core.store.local(&[ENROLMENT, tag].concat()).map_err(|e| store_failure(&e))?;
        Ok(kept.and_then(|value| parse(&value)))
    }

    fn note(&mut self, kind: &[u8], tag: &[u8], value: Option<Vec<u8>>) -> Result<(), Failure> {
        let key = [kind, tag].concat();
        self.core.save_local(vec![LocalWrite { key, value }]).map_err(|e| store_failure(&e))
    }

    /// Invitations that have expired go, with what became of them.
    fn forget_expired(&mut self) -> Result<(), Failure> {
        let stored = self.core.store.local_prefix(INVITATION).map_err(|e| store_failure(&e))?;
        for (key, value) in stored {
            let invitation = enrol::open(&self.keys.local_seal, Part::Request, &value).and_then(|bytes| Invitation::parse(&bytes));
            if invitation.is_ok_and(|i| i.expires_ms < now_ms()) {
                let tag = &key[INVITATION.len()..];
                self.note(ENROLMENT, tag, None)?;
                self.note(INVITATION, tag, None)?;
            }
        }
        Ok(())
    }

    /// The ops that let a stranger believe in this node.
    pub fn introduction(&self) -> Vec<Vec<u8>> {
        let chain = self.core.registry().chain_of(&place::node_key(&self.keys));
        chain.iter().map(|op| op.to_bytes().to_vec()).collect()
    }
}

fn parse(kept: &[u8]) -> Option<Answered> {
    match kept.split_first()? {
        (b'W', sealed) => Some(Answered::Waits(sealed.to_vec())),
        (b'A', rest) => {
            let (hash, admission) = rest.split_first_chunk()?;
            Some(Answered::Admitted(*hash, admission.to_vec()))
        }
        _ => None,
    }
}

/// Somebody else was admitted by this invitation.
fn spent() -> Failure {
    Failure::new(
        "spent-invitation",
        "this invitation has let somebody in already: each serves one facility; make a new one",
        "cette invitation a déjà servi à une autre demande : chacune sert à une structure ; faites-en une nouvelle",
    )
}
