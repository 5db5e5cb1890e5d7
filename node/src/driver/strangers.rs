//! Who isn't known yet: introductions between members that haven't heard of each other, and requests that answer an invitation.
//!
//! A stranger gets one answer on the enrolment stream, where the network's bounds are small, and nothing else. Believing an
//! introduction is the registry's affair: what is said there are signed ops.

use std::time::{Duration, Instant};

use bocage_protocol::ids::NodeKey;
use bocage_protocol::peer::Input;
use bocage_protocol::wire::{Reader as WireReader, Writer as WireWriter};
use zeroize::Zeroizing;

use super::Driver;
use crate::client::{Failure, Reply};
use crate::core::now_ms;
use crate::network::{EnrolError, EnrolStream, MAX_REQUEST, NetworkConfig, PeerAddr, Profile, spawn};
use crate::place;

/// An address that refused us is introduced to at most this often.
const INTRODUCE_EVERY: Duration = Duration::from_secs(20);
/// Answers to introductions that the loop hasn't looked at yet.
pub(super) const ANSWERS: usize = 8;
/// First byte of a stranger's message.
const INTRODUCTION: u8 = b'I';
const REQUEST: u8 = b'R';
/// Answers to a stranger. A welcome is followed by an introduction: who was a stranger may know us no better.
const WELCOME: u8 = b'W';
const ADMITTED: u8 = b'A';
const LATER: u8 = b'L';
/// Followed by a word that says why.
const REFUSED: u8 = b'N';

/// What a joiner was told.
pub enum Answer {
    /// The sealed admission.
    Admitted(Vec<u8>),
    /// The request is known there; somebody has to admit it.
    Later,
    /// Not with this invitation.
    Refused(Failure),
}

/// A member that welcomed us, and the ops with which it introduced itself.
pub(super) struct Welcome {
    peer: NodeKey,
    ops: Vec<Vec<u8>>,
}

impl Driver {
    /// A member that hasn't heard of us refuses us as a stranger: our certificates change that.
    pub(super) fn introduce(&mut self, peer: Option<NodeKey>, addrs: &[PeerAddr]) {
        if peer.is_some_and(|p| self.service.core.registry().node(&p).is_none()) {
            return;
        }
        let Some(addr) = addrs.first().cloned() else { return };
        let recent = self.introduced.get(addr.as_str()).is_some_and(|at| at.elapsed() < INTRODUCE_EVERY);
        let met = peer.is_some_and(|p| self.service.core.peer.sessions().any(|(_, node, _)| node == p));
        if recent || met {
            return;
        }
        self.introduced.retain(|_, at| at.elapsed() < INTRODUCE_EVERY);
        self.introduced.insert(addr.to_string(), Instant::now());
        let message = introduction(INTRODUCTION, &self.service.introduction());
        let (network, welcomed) = (self.network.clone(), self.welcomed.clone());
        tokio::spawn(async move {
            let conversation = async {
                let mut stream = network.enrol(&addr, peer).await?;
                stream.send(&message).await?;
                Ok::<_, EnrolError>((stream.peer(), stream.receive().await?))
            };
            let (peer, answer) = match tokio::time::timeout(INTRODUCE_EVERY, conversation).await {
                Ok(Ok(answered)) => answered,
                Ok(Err(error)) => return tracing::debug!(%error, "not introduced"),
                Err(_) => return tracing::debug!("not introduced: no answer"),
            };
            if let Some((&WELCOME, rest)) = answer.split_first()
                && answer.len() <= MAX_REQUEST
            {
                let ops = parse_introduction(rest);
                let _ = welcomed.send(Welcome { peer, ops }).await;
            }
        });
    }

    /// A member knows us now. Once we know it too there is nothing left to wait for.
    pub(super) async fn welcome(&mut self, Welcome { peer, ops }: Welcome) {
        let outcome = self.service.core.input(Input::Introduction { ops });
        self.carry_out(outcome).await;
        if self.service.core.registry().serves(&peer, now_ms()) {
            let _ = self.network.redial_now().await;
        }
    }

    pub(super) async fn stranger(&mut self, request: &[u8], mut stream: EnrolStream) {
        let answer = match request.split_first() {
            Some((&INTRODUCTION, rest)) => {
                let ops = parse_introduction(rest);
                let outcome = self.service.core.input(Input::Introduction { ops });
                self.carry_out(outcome).await;
                let known = self.service.core.registry().serves(&stream.peer(), now_ms());
                known.then(|| {
                    let answer = introduction(WELCOME, &self.service.introduction());
                    if answer.len() <= MAX_REQUEST { answer } else { vec![WELCOME] }
                })
            }
            Some((&REQUEST, sealed)) => Some(self.enrolment(sealed).await),
            _ => None,
        };
        let Some(answer) = answer else { return };
        tokio::spawn(async move {
            if stream.send(&answer).await.is_ok() {
                let _ = stream.finish().await;
            }
        });
    }

    /// Whoever holds an invitation is admitted at once where the authority's seat is open; else the request waits here.
    async fn enrolment(&mut self, sealed: &[u8]) -> Vec<u8> {
        let admitted = if self.service.can_admit() || self.service.is_admitted(sealed) {
            self.service.admit(sealed, false).map(Some)
        } else {
            self.service
                .admit(sealed, true)
                .and_then(|_| self.service.keep_waiting(sealed))
                .map(|()| None)
        };
        self.carry_out_pending().await;
        // Somebody may wait to be admitted.
        self.changed();
        match admitted {
            Ok(Some(Reply::Admission { bytes, newcomer, words })) => {
                tracing::info!(facility = %newcomer.facility, %words, "a facility was admitted by its invitation");
                let bytes = bocage_protocol::ids::unhex(&bytes).unwrap_or_default();
                [&[ADMITTED][..], &bytes].concat()
            }
            Ok(_) => {
                tracing::info!("a facility answers an invitation and waits to be admitted: bocage admit");
                vec![LATER]
            }
            Err(failure) => {
                tracing::warn!(%failure, "an enrolment was refused");
                [&[REFUSED][..], failure.code.as_bytes()].concat()
            }
        }
    }
}

/// Asks the inviting node for admission, over the network.
///
/// # Errors
/// Nobody answered at any address; the request can still travel as a file.
pub async fn ask_for_admission(
    seed: Zeroizing<[u8; 32]>,
    inviter: NodeKey,
    addresses: &[String],
    sealed: &[u8],
) -> Result<Answer, Failure> {
    let config = NetworkConfig {
        identity_seed: seed,
        listen: Vec::new(),
        mdns: false,
        profile: Profile::Lan,
    };
    let (network, mut events) = spawn(config).map_err(|e| Failure::of("network", &e))?;
    let drain = tokio::spawn(async move { while events.recv().await.is_some() {} });
    let unreachable = |en: String, fr: String| Failure::new("unreachable", en, fr);
    let mut last = unreachable(
        "the invitation names no address".to_owned(),
        "l'invitation ne donne aucune adresse".to_owned(),
    );
    for address in addresses {
        let Ok(addr) = address.parse::<PeerAddr>() else { continue };
        let conversation = async {
            let mut stream = network.enrol(&addr, Some(inviter)).await?;
            stream.send(&[&[REQUEST][..], sealed].concat()).await?;
            stream.receive().await
        };
        let answer = tokio::time::timeout(Duration::from_secs(30), conversation).await;
        match answer {
            Ok(Ok(bytes)) => {
                network.shutdown().await;
                drain.abort();
                return match bytes.split_first() {
                    Some((&ADMITTED, admission)) => Ok(Answer::Admitted(admission.to_vec())),
                    Some((&REFUSED, why)) => Ok(Answer::Refused(refusal(why))),
                    _ => Ok(Answer::Later),
                };
            }
            Ok(Err(error)) => last = Failure::of("unreachable", &error),
            Err(_) => {
                last = unreachable(
                    format!("{address}: no answer within 30 seconds"),
                    format!("{address} : pas de réponse en 30 secondes"),
                );
            }
        }
    }
    network.shutdown().await;
    drain.abort();
    Err(last)
}

fn refusal(why: &[u8]) -> Failure {
    match why {
        b"expired" => place::expired(),
        b"spent-invitation" | b"unknown-invitation" => Failure::new(
            "spent-invitation",
            "the inviting node refuses: this invitation has let somebody in already, or is older than 72 hours; ask for a new one",
            "le nœud qui invite refuse : cette invitation a déjà servi, ou a plus de 72 heures ; demandez-en une nouvelle",
        ),
        _ => Failure::new(
            "refused",
            "the inviting node refuses this request; ask whoever invited you to look at its log, and for a new invitation",
            "le nœud qui invite refuse cette demande ; faites regarder son journal, et demandez une nouvelle invitation",
        ),
    }
}

/// What is said first, and what a welcome says back. Over [`MAX_REQUEST`] bytes it isn't listened to.
fn introduction(first: u8, ops: &[Vec<u8>]) -> Vec<u8> {
    let mut w = WireWriter::new();
    w.u8(first).u8(ops.len() as u8);
    for op in ops {
        w.sized(op);
    }
    w.finish()
}

fn parse_introduction(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut r = WireReader::new(bytes);
    let Ok(count) = r.count(16, "introduction") else {
        return Vec::new();
    };
    (0..count).map_while(|_| r.sized(4_096, "op").ok().map(<[u8]>::to_vec)).collect()
}
