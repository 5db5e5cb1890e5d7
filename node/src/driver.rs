//! The loop of a running node: network events in, frames out, requests answered, one thing at a time. Long work takes turns.
//!
//! Invariants: nothing queues here but one frame per link that the network hadn't room for; strangers get an introduction or an
//! enrolment and nothing else; no line that is logged names a patient.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use bocage_protocol::ids::NodeKey;
use bocage_protocol::peer::{Event, Input};
use bocage_protocol::store::{LocalWrite, Store};
use bocage_protocol::wire::{Reader as WireReader, Writer as WireWriter};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::client::{Asked, Call, Failure, MAX_LINE, Reply, Request};
use crate::core::{Outcome, now_ms};
use crate::network::{
    EnrolError, EnrolStream, LinkId, MAX_REQUEST, NetworkConfig, NetworkEvent, NetworkHandle, PeerAddr, Profile, SendError, spawn,
};
use crate::place;
use crate::service::{Service, Step, Turns, is_long, long, unseal};

/// Bytes asked of the engine for one frame.
const FRAME_BUDGET: usize = 60 * 1024;
/// An address that refused us is introduced to at most this often.
const INTRODUCE_EVERY: Duration = Duration::from_secs(20);
/// Answers to introductions that the loop hasn't looked at yet.
const ANSWERS: usize = 8;
/// First byte of a stranger's message.
const INTRODUCTION: u8 = b'I';
const REQUEST: u8 = b'R';
/// Answers to a stranger. A welcome is followed by an introduction: who was a stranger may know us no better.
const WELCOME: u8 = b'W';
const ADMITTED: u8 = b'A';
const LATER: u8 = b'L';
/// Followed by a word that says why.
const REFUSED: u8 = b'N';

/// How a node runs.
pub struct Options {
    pub listen: Vec<PeerAddr>,
    pub peers: Vec<PeerAddr>,
    pub mdns: bool,
}

/// What a joiner was told.
pub enum Answer {
    /// The sealed admission.
    Admitted(Vec<u8>),
    /// The request is known there; somebody has to admit it.
    Later,
    /// Not with this invitation.
    Refused(Failure),
}

/// A running node.
pub struct Driver {
    service: Service,
    network: NetworkHandle,
    events: mpsc::Receiver<NetworkEvent>,
    calls: mpsc::Receiver<Call>,
    /// Engine's name of a link → the network's, and the frame that found no room.
    links: BTreeMap<u64, Line>,
    numbers: BTreeMap<LinkId, u64>,
    next_link: u64,
    introduced: BTreeMap<String, Instant>,
    /// Members that welcomed us, and the ops with which they introduce themselves.
    welcomes: mpsc::Receiver<Welcome>,
    welcomed: mpsc::Sender<Welcome>,
    /// Turns of long work, which waits for each.
    steps: mpsc::Receiver<Step>,
    steps_in: mpsc::Sender<Step>,
}

struct Welcome {
    peer: NodeKey,
    ops: Vec<Vec<u8>>,
}

struct Line {
    link: LinkId,
    stuck: Option<Vec<u8>>,
}

impl Driver {
    /// Opens sockets and starts to serve the local API. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// A port in use, an address that isn't ours, a socket that can't be made.
    pub async fn start(mut service: Service, options: Options) -> Result<Self, Failure> {
        let config = NetworkConfig {
            identity_seed: Zeroizing::new(service.keys().network.0),
            listen: options.listen,
            mdns: options.mdns,
            profile: Profile::Lan,
        };
        let failed = |e: crate::network::NetworkError| Failure::of("network", &e);
        let (network, events) = spawn(config).map_err(failed)?;
        network.set_enrolment(true).await.map_err(failed)?;
        network.allow(service.core.peer.allowed(now_ms())).await.map_err(failed)?;
        for (key, value) in service.core.store.local_prefix(b"addr/").unwrap_or_default() {
            let Ok(node) = <[u8; 32]>::try_from(&key[5..]) else { continue };
            let known = String::from_utf8_lossy(&value).lines().filter_map(|a| a.parse().ok()).collect();
            network.add_known(NodeKey(node), known).await.map_err(failed)?;
        }
        for peer in options.peers {
            network.dial(peer).await.map_err(failed)?;
        }
        service.live.running = true;
        let calls = serve(&service).map_err(|e| Failure {
            code: "socket".to_owned(),
            ..Failure::file(&service.home.socket(), &e)
        })?;
        let (welcomed, welcomes) = mpsc::channel(ANSWERS);
        let (steps_in, steps) = mpsc::channel(1);
        Ok(Self {
            service,
            network,
            events,
            calls,
            links: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next_link: 1,
            introduced: BTreeMap::new(),
            welcomes,
            welcomed,
            steps,
            steps_in,
        })
    }

    /// Where this node listens by now.
    pub fn listening(&self) -> Vec<String> {
        self.network.listen_addrs().iter().map(ToString::to_string).collect()
    }

    /// Runs until `stop` is done, then stops cleanly.
    ///
    /// # Errors
    /// The store couldn't be closed cleanly (nothing is lost: the index is rebuilt at the next start).
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        tokio::pin!(stop);
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(event) = self.events.recv() => self.network_event(event).await,
                Some(call) = self.calls.recv() => self.call(call).await,
                Some(welcome) = self.welcomes.recv() => self.welcome(welcome).await,
                Some(step) = self.steps.recv() => {
                    step(&mut self.service);
                    self.carry_out_pending().await;
                }
                _ = tick.tick() => self.tick().await,
            }
        }
        self.network.shutdown().await;
        let _ = std::fs::remove_file(self.service.home.socket());
        self.service.close()
    }

    async fn tick(&mut self) {
        self.service.live.listening = self.listening();
        self.service.chores();
        let outcome = self.service.core.input(Input::Tick);
        self.service.pending.push(outcome);
        self.carry_out_pending().await;
    }

    async fn call(&mut self, call: Call) {
        match call.what {
            Asked::Gone => self.service.end_session(call.session),
            Asked::Request(Request::Unlock { passphrase }) => self.unlock(call.session, passphrase, call.replies),
            Asked::Request(request) if is_long(&request) => {
                let turns = Turns::Shared {
                    session: call.session,
                    steps: self.steps_in.clone(),
                };
                tokio::task::spawn_blocking(move || {
                    let mut progress = |done, total| drop(call.replies.send(Reply::Progress { done, total }));
                    let reply = long(turns, request, &mut progress).unwrap_or_else(Reply::Failed);
                    drop(call.replies.send(reply));
                });
            }
            Asked::Request(request) => {
                if matches!(request, Request::Redial) {
                    let _ = self.network.redial_now().await;
                }
                self.service.live.listening = self.listening();
                let mut progress = |done, total| drop(call.replies.send(Reply::Progress { done, total }));
                let reply = self
                    .service
                    .handle(call.session, request, &mut progress)
                    .unwrap_or_else(Reply::Failed);
                // What was saved goes out whether or not anybody still waits for the answer.
                self.carry_out_pending().await;
                drop(call.replies.send(reply));
            }
        }
    }

    /// Making a key of a passphrase takes a second: the loop goes on meanwhile.
    fn unlock(&self, session: u64, passphrase: String, replies: mpsc::UnboundedSender<Reply>) {
        let passphrase = Zeroizing::new(passphrase);
        let (home, steps) = (self.service.home.clone(), self.steps_in.clone());
        tokio::task::spawn_blocking(move || {
            let step: Step = match unseal(&home, &passphrase) {
                Ok(keys) => Box::new(move |service: &mut Service| {
                    let reply = service.unlock_with(session, keys).unwrap_or_else(Reply::Failed);
                    drop(replies.send(reply));
                }),
                Err(failure) => return drop(replies.send(Reply::Failed(failure))),
            };
            drop(steps.blocking_send(step));
        });
    }

    async fn network_event(&mut self, event: NetworkEvent) {
        match event {
            NetworkEvent::Connected {
                peer,
                link,
                addr,
                outbound,
            } => {
                let number = self.next_link;
                self.next_link += 1;
                self.links.insert(number, Line { link, stuck: None });
                self.numbers.insert(link, number);
                let live = self.service.live.peers.entry(peer).or_default();
                live.address = addr.to_string();
                live.last_seen_ms = Some(now_ms());
                if outbound {
                    self.remember(peer, &addr);
                }
                let outcome = self.service.core.input(Input::LinkUp {
                    link: number,
                    peer,
                    dialled: outbound,
                });
                self.carry_out(outcome).await;
            }
            NetworkEvent::Frame { peer, link, bytes } => {
                let Some(number) = self.numbers.get(&link).copied() else { return };
                self.service.live.peers.entry(peer).or_default().last_seen_ms = Some(now_ms());
                let outcome = self.service.core.input(Input::Frame { link: number, bytes });
                self.carry_out(outcome).await;
            }
            NetworkEvent::Ready { link } => {
                if let Some(number) = self.numbers.get(&link).copied() {
                    self.pump(number).await;
                }
            }
            NetworkEvent::Closed { peer, link, why } => {
                tracing::info!(%peer, ?why, "link closed");
                if let Some(number) = self.numbers.remove(&link) {
                    self.links.remove(&number);
                    let outcome = self.service.core.input(Input::LinkDown { link: number });
                    self.carry_out(outcome).await;
                }
            }
            NetworkEvent::Discovered { peer, addrs } => {
                // Anybody can announce any key: only members are dialled, and they prove themselves.
                if self.service.core.registry().node(&peer).is_some() {
                    let _ = self.network.add_known(peer, addrs.clone()).await;
                }
                self.introduce(Some(peer), &addrs);
            }
            NetworkEvent::Unreachable { peer, addrs, why, .. } => {
                tracing::debug!(?peer, %why, "not reached");
                self.introduce(peer, &addrs);
            }
            NetworkEvent::Enrolment { request, stream, .. } => self.stranger(&request, stream).await,
            NetworkEvent::Listening(_) | NetworkEvent::Stranger { .. } => {
                self.service.live.listening = self.listening();
            }
        }
    }

    /// A member that hasn't heard of us refuses us as a stranger: our certificates change that.
    fn introduce(&mut self, peer: Option<NodeKey>, addrs: &[PeerAddr]) {
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
    async fn welcome(&mut self, Welcome { peer, ops }: Welcome) {
        let outcome = self.service.core.input(Input::Introduction { ops });
        self.carry_out(outcome).await;
        if self.service.core.registry().serves(&peer, now_ms()) {
            let _ = self.network.redial_now().await;
        }
    }

    async fn stranger(&mut self, request: &[u8], mut stream: EnrolStream) {
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

    async fn carry_out_pending(&mut self) {
        for outcome in std::mem::take(&mut self.service.pending) {
            self.carry_out(outcome).await;
        }
    }

    async fn carry_out(&mut self, outcome: Outcome) {
        let mut registry_changed = false;
        for event in &outcome.events {
            match event {
                Event::RegistryChanged => registry_changed = true,
                Event::Admitted { peer, clock_ahead_ms, .. } => {
                    tracing::info!(%peer, "session begins");
                    self.service.live.peers.entry(*peer).or_default().clock_ahead_ms = Some(*clock_ahead_ms);
                }
                Event::Settled { peer, .. } => tracing::info!(%peer, "in step"),
                Event::Diverged { peer, .. } => tracing::warn!(%peer, "sets differ after a complete session; compared again"),
                Event::Misbehaved { peer, why, .. } => tracing::warn!(%peer, %why, "a peer broke the protocol"),
                _ => {}
            }
        }
        if registry_changed {
            let allowed = self.service.core.peer.allowed(now_ms());
            let _ = self.network.allow(allowed).await;
        }
        for number in outcome.close {
            if let Some(line) = self.links.get(&number) {
                let _ = self.network.close(line.link, Duration::from_secs(2)).await;
            }
        }
        for number in outcome.ready {
            Box::pin(self.pump(number)).await;
        }
    }

    /// Sends while the link has room and the engine something to say.
    async fn pump(&mut self, number: u64) {
        loop {
            let Some(line) = self.links.get_mut(&number) else { return };
            let frame = match line.stuck.take() {
                Some(frame) => frame,
                None => {
                    let (frame, outcome) = self.service.core.next_frame(number, FRAME_BUDGET);
                    if !outcome.events.is_empty() || !outcome.close.is_empty() {
                        Box::pin(self.carry_out(outcome)).await;
                    }
                    match frame {
                        Some(frame) => frame,
                        None => return,
                    }
                }
            };
            let Some(line) = self.links.get_mut(&number) else { return };
            match self.network.try_send(line.link, frame) {
                Ok(()) => {}
                Err(SendError::Full(frame)) => {
                    line.stuck = Some(frame);
                    return;
                }
                Err(error) => {
                    tracing::debug!(%error, "frame not sent");
                    return;
                }
            }
        }
    }

    /// Where a member was reached last, for the next start.
    fn remember(&mut self, peer: NodeKey, addr: &PeerAddr) {
        let mut record: LocalWrite = place::address_record(&peer, &[addr.without_node_key().to_string()]);
        let known = self.service.core.store.local(&record.key).ok().flatten().unwrap_or_default();
        let mut lines: Vec<String> = String::from_utf8_lossy(&known).lines().map(str::to_owned).collect();
        let this = addr.without_node_key().to_string();
        if lines.first() == Some(&this) {
            return;
        }
        lines.retain(|l| *l != this);
        lines.insert(0, this);
        lines.truncate(8);
        record.value = Some(lines.join("\n").into_bytes());
        if let Err(error) = self.service.core.save_local(vec![record]) {
            tracing::warn!(%error, "an address was not remembered");
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

/// Serves the local API: one task a connection, one line a message.
fn serve(service: &Service) -> std::io::Result<mpsc::Receiver<Call>> {
    let path = service.home.socket();
    // Whoever holds the store's lock owns the socket's name: what is left here is from a process that died.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let (calls, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        let mut session = 0;
        while let Ok((stream, _)) = listener.accept().await {
            session += 1;
            tokio::spawn(connection(stream, session, calls.clone()));
        }
    });
    Ok(receiver)
}

async fn connection(stream: UnixStream, session: u64, calls: mpsc::Sender<Call>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = Zeroizing::new(Vec::new());
        match (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line).await {
            Ok(n) if n > 0 && line.ends_with(b"\n") => {}
            _ => break,
        }
        let (replies, mut answers) = mpsc::unbounded_channel();
        match serde_json::from_slice(&line) {
            Ok(request) => {
                if calls
                    .send(Call {
                        session,
                        what: Asked::Request(request),
                        replies,
                    })
                    .await
                    .is_err()
                {
                    break;
                }
            }
            Err(error) => drop(replies.send(Reply::Failed(Failure::new(
                "usage",
                format!("not a request: {error}"),
                format!("ce n'est pas une demande que ce nœud connaît ({error})"),
            )))),
        }
        while let Some(reply) = answers.recv().await {
            let Ok(mut bytes) = serde_json::to_vec(&reply) else { break };
            bytes.push(b'\n');
            if write.write_all(&bytes).await.is_err() {
                break;
            }
        }
    }
    let (replies, _) = mpsc::unbounded_channel();
    let _ = calls
        .send(Call {
            session,
            what: Asked::Gone,
            replies,
        })
        .await;
}
