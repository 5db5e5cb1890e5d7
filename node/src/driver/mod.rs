//! The loop of a running node: network events in, frames out, requests answered, one thing at a time. Long work takes turns.
//!
//! Invariants: nothing queues here but one frame per link that the network hadn't room for; no line that is logged names a patient.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bocage_protocol::ids::NodeKey;
use bocage_protocol::peer::{Event, Input};
use bocage_protocol::store::{LocalWrite, Store};
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

use crate::client::{Asked, Call, Failure, Reply, Request};
use crate::core::{Outcome, now_ms};
use crate::network::{LinkId, NetworkConfig, NetworkEvent, NetworkHandle, PeerAddr, Profile, SendError, spawn};
use crate::place;
use crate::service::{Service, Step, Turns, is_long, long, needs_seat, unseal};

mod socket;
mod strangers;

use socket::serve;
use strangers::{ANSWERS, Welcome};
pub use strangers::{Answer, ask_for_admission};

/// Bytes asked of the engine for one frame.
const FRAME_BUDGET: usize = 60 * 1024;

/// How a node runs.
pub struct Options {
    pub listen: Vec<PeerAddr>,
    pub peers: Vec<PeerAddr>,
    pub mdns: bool,
    /// A window runs it: whoever attaches is told.
    pub in_window: bool,
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
    /// Counts changes of what could be shown, for whoever watches.
    revision: watch::Sender<u64>,
    /// Whether a seat was open when that was looked at last.
    seat_open: bool,
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
        service.live.in_window = options.in_window;
        let (revision, revisions) = watch::channel(0);
        let seat_open = service.core.reader.is_some();
        let calls = serve(&service, revisions).map_err(|e| Failure {
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
            revision,
            seat_open,
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
            let open = self.service.core.reader.is_some();
            if std::mem::replace(&mut self.seat_open, open) != open {
                self.changed();
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
                    seat_of: needs_seat(&request).then_some(call.session),
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
                // Stored nowhere that would say so itself.
                let unseen = matches!(request, Request::DraftSave { .. } | Request::DraftDrop { .. });
                self.service.live.listening = self.listening();
                let mut progress = |done, total| drop(call.replies.send(Reply::Progress { done, total }));
                let reply = self
                    .service
                    .handle(call.session, request, &mut progress)
                    .unwrap_or_else(Reply::Failed);
                // What was saved goes out whether or not anybody still waits for the answer.
                self.carry_out_pending().await;
                drop(call.replies.send(reply));
                if unseen {
                    self.changed();
                }
            }
        }
    }

    /// Something that could be shown is otherwise now.
    fn changed(&self) {
        self.revision.send_modify(|n| *n += 1);
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
                self.changed();
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
                tracing::info!(%peer, ?why, "{} has gone", self.facility_of(&peer));
                self.changed();
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
                self.changed();
            }
        }
    }

    async fn carry_out_pending(&mut self) {
        for outcome in std::mem::take(&mut self.service.pending) {
            self.carry_out(outcome).await;
        }
    }

    async fn carry_out(&mut self, outcome: Outcome) {
        if !outcome.events.is_empty() {
            self.changed();
        }
        let mut registry_changed = false;
        for event in &outcome.events {
            match event {
                Event::RegistryChanged => registry_changed = true,
                Event::Admitted { peer, clock_ahead_ms, .. } => {
                    tracing::info!(%peer, "{} is here", self.facility_of(peer));
                    self.service.live.peers.entry(*peer).or_default().clock_ahead_ms = Some(*clock_ahead_ms);
                }
                Event::Settled { peer, .. } => tracing::info!(%peer, "in step with {}", self.facility_of(peer)),
                Event::Diverged { peer, .. } => {
                    tracing::warn!(%peer, "sets differ from that of {} after a complete session; compared again", self.facility_of(peer));
                }
                Event::Unreadable { why, .. } => tracing::error!(%why, "a link was closed: what is stored can't be read"),
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

    /// A node's facility, for people who read the log.
    fn facility_of(&self, node: &NodeKey) -> String {
        let registry = self.service.core.registry();
        let facility = registry.node(node).and_then(|n| registry.facility(&n.facility));
        facility.map_or_else(|| "a node not known yet".to_owned(), |f| f.name.clone())
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
