//! The task that owns the swarm: it turns libp2p's events into links, and the engine's wishes into dials and hang-ups.
//!
//! Invariants: it never waits for the engine (what the engine is to hear waits in a bounded outbox or in a link's own task); every
//! deadline is one entry in [`Switch::deadlines`]; of two links to a peer, the node with the greater key decides which lives (the
//! newer), so that the two ends never hang up on each other's choice.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bocage_protocol::ids::NodeKey;
use futures::StreamExt;
use libp2p::core::ConnectedPoint;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError, ListenError, Swarm, SwarmEvent};
use libp2p::{Stream, mdns, ping};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::address::{PeerAddr, node_key, peer_id};
use super::admission::{self, Purpose};
use super::behaviour::{self, Behaviour, BehaviourEvent};
use super::dialer::{Dialer, MAX_ADDRESSES, Target};
use super::enrol::{ENROL_TIME, EnrolError, EnrolStream, KNOCK_TIME};
use super::link::{Link, Pulse, Queues, Turn};
use super::listen::{explain, listen};
use super::{CloseReason, Command, LinkId, NetworkConfig, NetworkError, NetworkEvent};

/// A dialled member that hasn't opened the stream by then won't.
const STREAM_TIME: Duration = Duration::from_secs(30);

/// How long the node that doesn't decide keeps an older link, in case the other one is about to choose.
const GRACE: Duration = Duration::from_secs(10);

/// Ping failures reported in a row, without a frame in between, after which a link is dead (each stands for about 35 s).
const MAX_PING_FAILURES: u8 = 2;

/// Notices for a slow engine. Beyond it they are left out: all are hints that come again.
const OUTBOX: usize = 256;

/// Peers taken from one batch of announcements.
const MAX_ANNOUNCED: usize = 64;

/// Bounds on the goodbye: links writing out, then connections closing.
const FAREWELL: Duration = Duration::from_secs(3);

type EnrolReply = oneshot::Sender<Result<EnrolStream, EnrolError>>;

pub(super) struct Switch {
    swarm: Swarm<Behaviour>,
    me: NodeKey,
    events: mpsc::Sender<NetworkEvent>,
    outbox: VecDeque<NetworkEvent>,
    queues: Queues,
    listening: Arc<Mutex<Vec<PeerAddr>>>,
    dialer: Dialer,
    dials: HashMap<ConnectionId, Dial>,
    enrolling: HashMap<ConnectionId, EnrolReply>,
    connections: HashMap<ConnectionId, Connection>,
    links: BTreeMap<LinkId, LinkState>,
    next_link: u64,
    deadlines: BTreeMap<ConnectionId, Instant>,
    tasks: JoinSet<Done>,
}

struct Dial {
    target: Target,
    addrs: Vec<PeerAddr>,
}

struct Connection {
    peer: NodeKey,
    addr: PeerAddr,
    outbound: bool,
}

struct LinkState {
    peer: NodeKey,
    connection: ConnectionId,
    since: Instant,
    rest: Duration,
    /// Taken when the task has been told to end.
    stop: Option<oneshot::Sender<CloseReason>>,
    turn: Turn,
    pulse: Arc<Pulse>,
    ping_failures: u8,
    frames_at_last_failure: u64,
}

impl LinkState {
    fn stop(&mut self, why: CloseReason) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(why);
        }
    }
}

/// What a side task came back with.
enum Done {
    Link(LinkId),
    Resolved(Dial, Vec<Multiaddr>),
    ResolvedToEnrol(Option<NodeKey>, Vec<Multiaddr>, EnrolReply),
    Knock { connection: ConnectionId, accepted: bool },
}

impl Switch {
    /// Binds the ports; everything else happens in [`Self::run`].
    pub(super) fn start(
        config: &NetworkConfig,
        events: mpsc::Sender<NetworkEvent>,
        queues: Queues,
        listening: Arc<Mutex<Vec<PeerAddr>>>,
    ) -> Result<Self, NetworkError> {
        let mut swarm = behaviour::build(config)?;
        let me = node_key(swarm.local_peer_id()).expect("the swarm was built from an Ed25519 key");
        listen(&mut swarm, &config.listen)?;
        Ok(Self {
            swarm,
            me,
            events,
            outbox: VecDeque::new(),
            queues,
            listening,
            dialer: Dialer::default(),
            dials: HashMap::new(),
            enrolling: HashMap::new(),
            connections: HashMap::new(),
            links: BTreeMap::new(),
            next_link: 0,
            deadlines: BTreeMap::new(),
            tasks: JoinSet::new(),
        })
    }

    pub(super) fn node_key(&self) -> NodeKey {
        self.me
    }

    /// Runs until told to shut down, or until nobody holds a handle or listens to events any more.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let events = self.events.clone();
        let farewell = loop {
            self.dial_due();
            let wake = self.next_wake();
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                command = commands.recv() => match command {
                    Some(Command::Shutdown(reply)) => break Some(reply),
                    Some(command) => self.on_command(command),
                    None => break None,
                },
                Some(done) = self.tasks.join_next() => self.on_done(done),
                Ok(room) = events.reserve(), if !self.outbox.is_empty() => {
                    if let Some(event) = self.outbox.pop_front() {
                        room.send(event);
                    }
                }
                () = sleep_until(wake) => self.expire(),
                () = events.closed() => break None,
            }
        };
        self.wind_down().await;
        drop(self.swarm);
        if let Some(reply) = farewell {
            let _ = reply.send(());
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Allow(members) => self.allow(members),
            Command::Know(peer, addrs) => {
                if peer != self.me {
                    self.dialer.know(peer, addrs);
                }
            }
            Command::Dial(addr, reply) => {
                let taken = match addr.node_key() {
                    Some(peer) => {
                        self.dialer.know_one(peer, addr);
                        true
                    }
                    None => self.dialer.seed(addr),
                };
                let _ = reply.send(taken);
            }
            Command::Redial => self.dialer.hurry(),
            Command::Close(link, rest) => {
                self.queues.shut(link);
                if let Some(state) = self.links.get_mut(&link) {
                    state.rest = rest;
                    state.stop(CloseReason::Requested);
                }
            }
            Command::Enrolment(open) => self.swarm.behaviour_mut().admission.set_enrolment(open),
            Command::Enrol { addr, expected, reply } => {
                self.tasks
                    .spawn(async move { Done::ResolvedToEnrol(expected, addr.resolve().await, reply) });
            }
            Command::Shutdown(_) => {}
        }
    }

    fn allow(&mut self, members: BTreeSet<NodeKey>) {
        self.dialer.set_members(&members);
        for state in self.links.values_mut().filter(|state| !members.contains(&state.peer)) {
            state.stop(CloseReason::Removed);
        }
        let admission = &mut self.swarm.behaviour_mut().admission;
        let removed = self
            .connections
            .iter()
            .filter(|(id, connection)| !members.contains(&connection.peer) && !admission.is_enrolling(**id));
        let removed: Vec<ConnectionId> = removed.map(|(id, _)| *id).collect();
        admission.set_members(members);
        for connection in removed {
            self.swarm.close_connection(connection);
        }
    }

    // Dialling.

    fn dial_due(&mut self) {
        for (target, addrs) in self.dialer.due(Instant::now()) {
            self.tasks.spawn(async move {
                let found = futures::future::join_all(addrs.iter().map(PeerAddr::resolve)).await;
                Done::Resolved(Dial { target, addrs }, found.into_iter().flatten().collect())
            });
        }
    }

    fn dial(&mut self, dial: Dial, addrs: Vec<Multiaddr>) {
        if addrs.is_empty() {
            return self.dial_failed(dial, "the name is not known here".into());
        }
        let peer = match &dial.target {
            Target::Peer(peer) => Some(*peer),
            Target::Seed(_) => None,
        };
        match self.swarm_dial(peer, addrs, false) {
            Ok(connection) => {
                self.dials.insert(connection, dial);
            }
            Err(why) => self.dial_failed(dial, why),
        }
    }

    /// Always from a new port: reusing the listening one makes two nodes that dial each other collide.
    fn swarm_dial(&mut self, peer: Option<NodeKey>, mut addrs: Vec<Multiaddr>, to_enrol: bool) -> Result<ConnectionId, String> {
        let opts = match peer {
            Some(peer) => {
                let peer = peer_id(&peer).ok_or("the member's key is not an Ed25519 key")?;
                DialOpts::peer_id(peer)
                    .condition(PeerCondition::Always)
                    .addresses(addrs)
                    .allocate_new_port()
                    .build()
            }
            None => {
                // Without a key only one address can be tried at a time; over the attempts each gets its turn.
                let choice = (jitter() * addrs.len() as f64) as usize;
                let addr = addrs.swap_remove(choice.min(addrs.len() - 1));
                DialOpts::unknown_peer_id().address(addr).allocate_new_port().build()
            }
        };
        let connection = opts.connection_id();
        if to_enrol {
            self.swarm.behaviour_mut().admission.expect_enrolment(connection);
        }
        self.swarm.dial(opts).map_err(|error| explain(&error))?;
        Ok(connection)
    }

    fn dial_failed(&mut self, dial: Dial, why: String) {
        let retry_in = self.dialer.failed(&dial.target, Instant::now(), jitter());
        let peer = match &dial.target {
            Target::Peer(peer) => Some(*peer),
            Target::Seed(_) => None,
        };
        tracing::debug!(?peer, addrs = ?dial.addrs, why, ?retry_in, "dial failed");
        self.notice(NetworkEvent::Unreachable {
            peer,
            addrs: dial.addrs,
            why,
            retry_in,
        });
    }

    fn dial_to_enrol(&mut self, expected: Option<NodeKey>, addrs: Vec<Multiaddr>, reply: EnrolReply) {
        let dialled = if addrs.is_empty() {
            Err("the name is not known here".to_owned())
        } else {
            self.swarm_dial(expected, addrs, true)
        };
        match dialled {
            Ok(connection) => {
                self.enrolling.insert(connection, reply);
            }
            Err(why) => {
                let _ = reply.send(Err(EnrolError::Unreachable(why)));
            }
        }
    }

    // What the swarm says.

    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Admission(event)) => self.on_admission(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => self.on_ping(event),
            SwarmEvent::Behaviour(BehaviourEvent::Mdns(mdns::Event::Discovered(found))) => self.on_discovered(found),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                let (addr, outbound) = match &endpoint {
                    ConnectedPoint::Dialer { address, .. } => (address, true),
                    ConnectedPoint::Listener { send_back_addr, .. } => (send_back_addr, false),
                };
                let (Some(peer), Some(addr)) = (node_key(&peer_id), PeerAddr::from_multiaddr(addr)) else {
                    self.swarm.close_connection(connection_id);
                    return;
                };
                let stranger = !outbound && self.swarm.behaviour().admission.is_enrolling(connection_id);
                let patience = if stranger { KNOCK_TIME } else { STREAM_TIME };
                self.deadlines.insert(connection_id, Instant::now() + patience);
                self.connections.insert(connection_id, Connection { peer, addr, outbound });
            }
            SwarmEvent::ConnectionClosed { connection_id, .. } => {
                self.connections.remove(&connection_id);
                self.deadlines.remove(&connection_id);
                // A link that was shown reads what had arrived, then finds the end by itself; one that was waiting never will be shown.
                let unseen = |state: &&mut LinkState| state.connection == connection_id && !state.pulse.is_shown();
                self.links
                    .values_mut()
                    .filter(unseen)
                    .for_each(|state| state.stop(CloseReason::HungUp));
                self.given_up(connection_id, "the node there does not admit this one".into());
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let (DialError::WrongPeerId { address, .. }, Some(dial)) = (&error, self.dials.get(&connection_id))
                    && let Some(addr) = PeerAddr::from_multiaddr(address)
                {
                    self.dialer.answered_by_another(&dial.target, &addr);
                }
                self.given_up(connection_id, explain(&error));
            }
            SwarmEvent::IncomingConnectionError {
                error,
                peer_id,
                send_back_addr,
                ..
            } => {
                tracing::debug!(%error, "incoming connection failed");
                if let (ListenError::Denied { cause }, Some(peer)) = (&error, peer_id.as_ref().and_then(node_key))
                    && cause.downcast_ref::<admission::NotAMember>().is_some()
                    && let Some(addr) = PeerAddr::from_multiaddr(&send_back_addr)
                {
                    self.notice(NetworkEvent::Stranger { peer, addr });
                }
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                if let Some(addr) = PeerAddr::from_multiaddr(&address) {
                    self.listening().push(addr.clone());
                    // A new address of ours is a new network: whoever was out of reach may be in reach now.
                    self.dialer.hurry();
                    self.notice(NetworkEvent::Listening(addr));
                }
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                let gone = PeerAddr::from_multiaddr(&address);
                self.listening().retain(|addr| Some(addr) != gone.as_ref());
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::warn!(?addresses, ?reason, "stopped listening");
                let gone: Vec<_> = addresses.iter().filter_map(PeerAddr::from_multiaddr).collect();
                self.listening().retain(|addr| !gone.contains(addr));
            }
            SwarmEvent::ListenerError { error, .. } => tracing::debug!(%error, "listener"),
            _ => {}
        }
    }

    fn on_admission(&mut self, event: admission::Event) {
        match event {
            admission::Event::Opened {
                peer,
                connection,
                purpose: Purpose::Sync,
                stream,
            } => self.link_up(peer, connection, stream),
            admission::Event::Opened {
                peer,
                connection,
                purpose: Purpose::Enrol,
                stream,
            } => self.enrol(peer, connection, stream),
            admission::Event::Failed { connection } => {
                self.swarm.close_connection(connection);
            }
        }
    }

    fn enrol(&mut self, peer: NodeKey, connection: ConnectionId, stream: Stream) {
        let Some(Connection { addr, outbound, .. }) = self.connections.get(&connection) else {
            return;
        };
        let (addr, outbound) = (addr.clone(), *outbound);
        let mut stream = EnrolStream::new(peer, stream);
        if outbound {
            self.deadlines.insert(connection, Instant::now() + ENROL_TIME);
            if let Some(reply) = self.enrolling.remove(&connection) {
                let _ = reply.send(Ok(stream));
            }
        } else if self.swarm.behaviour().admission.enrolment_open() && self.gives_way(connection) {
            self.deadlines.entry(connection).or_insert(Instant::now() + KNOCK_TIME);
            let events = self.events.clone();
            self.tasks.spawn(async move {
                let accepted = match stream.receive_request().await {
                    Ok(request) => events.send(NetworkEvent::Enrolment { request, addr, stream }).await.is_ok(),
                    Err(error) => {
                        tracing::debug!(%peer, %error, "no enrolment request");
                        false
                    }
                };
                Done::Knock { connection, accepted }
            });
        } else {
            self.swarm.close_connection(connection);
        }
    }

    /// A member is offered a link as soon as it is there; one that asks to enrol instead doesn't want it. True unless it used it.
    fn gives_way(&mut self, connection: ConnectionId) -> bool {
        match self.links.values_mut().find(|state| state.connection == connection) {
            Some(state) if state.pulse.received() > 0 => false,
            Some(state) => {
                state.stop(CloseReason::HungUp);
                true
            }
            None => true,
        }
    }

    fn on_ping(&mut self, event: ping::Event) {
        let Some(state) = self.links.values_mut().find(|state| state.connection == event.connection) else {
            return;
        };
        let frames = state.pulse.received();
        if event.result.is_ok() || frames != state.frames_at_last_failure {
            state.ping_failures = 0;
        }
        if event.result.is_err() {
            state.frames_at_last_failure = frames;
            state.ping_failures += 1;
            if state.ping_failures >= MAX_PING_FAILURES {
                state.stop(CloseReason::Silent);
            }
        }
    }

    fn on_discovered(&mut self, found: Vec<(libp2p::PeerId, Multiaddr)>) {
        let mut announced: BTreeMap<NodeKey, Vec<PeerAddr>> = BTreeMap::new();
        for (peer, addr) in found {
            let (Some(peer), Some(addr)) = (node_key(&peer), PeerAddr::from_multiaddr(&addr)) else {
                continue;
            };
            if peer == self.me || (announced.len() >= MAX_ANNOUNCED && !announced.contains_key(&peer)) {
                continue;
            }
            let addrs = announced.entry(peer).or_default();
            if addrs.len() < MAX_ADDRESSES && !addrs.contains(&addr) {
                self.dialer.heard(peer, addr.clone());
                addrs.push(addr);
            }
        }
        for (peer, addrs) in announced {
            self.notice(NetworkEvent::Discovered { peer, addrs });
        }
    }

    /// A dial or an enrolment that waited for this connection waits in vain.
    fn given_up(&mut self, connection: ConnectionId, why: String) {
        if let Some(reply) = self.enrolling.remove(&connection) {
            let _ = reply.send(Err(EnrolError::Unreachable(why.clone())));
        }
        if let Some(dial) = self.dials.remove(&connection) {
            self.dial_failed(dial, why);
        }
    }

    // Links.

    fn link_up(&mut self, peer: NodeKey, connection: ConnectionId, stream: Stream) {
        let Some(Connection { addr, outbound, .. }) = self.connections.get(&connection) else {
            return;
        };
        if !self.swarm.behaviour().admission.is_member(&peer) {
            self.swarm.close_connection(connection);
            return;
        }
        let (addr, outbound) = (addr.clone(), *outbound);
        self.deadlines.remove(&connection);
        if let Some(dial) = self.dials.remove(&connection) {
            self.dialer.reached(&dial.target, peer, addr.clone());
        }
        self.dialer.linked(peer);
        let turn = self.retire_older(peer);
        let id = LinkId(self.next_link);
        self.next_link += 1;
        let (link, running) = Link::new((id, peer, addr, outbound), stream, turn.clone(), &self.queues, self.events.clone());
        self.tasks.spawn(async move { Done::Link(link.run().await) });
        let state = LinkState {
            peer,
            connection,
            since: Instant::now(),
            rest: Duration::ZERO,
            stop: Some(running.stop),
            turn,
            pulse: running.pulse,
            ping_failures: 0,
            frames_at_last_failure: 0,
        };
        self.links.insert(id, state);
    }

    /// Makes room for a newer link to `peer`: the node with the greater key hangs up on the older one now, the other gives it time to.
    /// Returns the turn the newer link has to wait for.
    fn retire_older(&mut self, peer: NodeKey) -> Turn {
        let decides = self.me > peer;
        let mut turn = Turn::default();
        for state in self.links.values_mut().filter(|state| state.peer == peer) {
            if decides {
                state.stop(CloseReason::Superseded);
            } else {
                self.deadlines.entry(state.connection).or_insert(Instant::now() + GRACE);
            }
            turn = state.turn.clone();
        }
        turn
    }

    fn on_done(&mut self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(Done::Link(link)) => self.link_down(link),
            Ok(Done::Resolved(dial, addrs)) => self.dial(dial, addrs),
            Ok(Done::ResolvedToEnrol(expected, addrs, reply)) => self.dial_to_enrol(expected, addrs, reply),
            Ok(Done::Knock {
                connection,
                accepted: true,
            }) => {
                if self.connections.contains_key(&connection) {
                    self.deadlines.insert(connection, Instant::now() + ENROL_TIME);
                }
            }
            Ok(Done::Knock {
                connection,
                accepted: false,
            }) => {
                self.swarm.close_connection(connection);
            }
            Err(error) => tracing::error!(%error, "a network task ended abnormally"),
        }
    }

    fn link_down(&mut self, link: LinkId) {
        self.queues.shut(link);
        let Some(state) = self.links.remove(&link) else { return };
        self.after_link(&state);
        if !self.links.values().any(|other| other.peer == state.peer) {
            let now = Instant::now();
            self.dialer.unlinked(state.peer, now, now - state.since, state.rest, jitter());
        }
    }

    /// A connection ends with its link, unless its other end turned the link down in order to enrol, or may be about to.
    fn after_link(&mut self, state: &LinkState) {
        let admission = &self.swarm.behaviour().admission;
        if admission.is_enrolling(state.connection) {
            return;
        }
        let inbound = self
            .connections
            .get(&state.connection)
            .is_some_and(|connection| !connection.outbound);
        let turned_down = inbound && state.stop.is_some() && state.pulse.received() == 0;
        if turned_down && admission.enrolment_open() {
            self.deadlines.insert(state.connection, state.since + KNOCK_TIME);
        } else {
            self.deadlines.remove(&state.connection);
            self.swarm.close_connection(state.connection);
        }
    }

    // Time.

    fn next_wake(&self) -> Instant {
        let now = Instant::now();
        let idle = now + Duration::from_secs(3600);
        let deadline = self.deadlines.values().min().copied().unwrap_or(idle);
        deadline.min(self.dialer.next_due(now).unwrap_or(idle))
    }

    fn expire(&mut self) {
        let now = Instant::now();
        let over: Vec<ConnectionId> = self.deadlines.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        for connection in over {
            self.deadlines.remove(&connection);
            match self
                .links
                .iter()
                .find(|(_, state)| state.connection == connection)
                .map(|(link, state)| (*link, state.peer))
            {
                None => {
                    self.swarm.close_connection(connection);
                }
                Some((link, peer)) => {
                    let superseded = self.links.iter().any(|(other, state)| *other > link && state.peer == peer);
                    if let Some(state) = self.links.get_mut(&link).filter(|_| superseded) {
                        state.stop(CloseReason::Superseded);
                    }
                }
            }
        }
    }

    async fn wind_down(&mut self) {
        for (link, state) in &mut self.links {
            self.queues.shut(*link);
            state.stop(CloseReason::Shutdown);
        }
        let by = Instant::now() + FAREWELL;
        while !self.links.is_empty() {
            tokio::select! {
                Some(done) = self.tasks.join_next() => if let Ok(Done::Link(link)) = done {
                    self.links.remove(&link);
                },
                _ = self.swarm.select_next_some() => {}
                () = sleep_until(by) => break,
            }
        }
        let open: Vec<ConnectionId> = self.connections.keys().copied().collect();
        let mut open: BTreeSet<ConnectionId> = open.into_iter().filter(|id| self.swarm.close_connection(*id)).collect();
        let by = Instant::now() + FAREWELL;
        while !open.is_empty() {
            match timeout_at(by, self.swarm.select_next_some()).await {
                Ok(SwarmEvent::ConnectionClosed { connection_id, .. }) => {
                    open.remove(&connection_id);
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
    }

    fn notice(&mut self, event: NetworkEvent) {
        if self.outbox.len() < OUTBOX {
            self.outbox.push_back(event);
        }
    }

    fn listening(&self) -> MutexGuard<'_, Vec<PeerAddr>> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Uniform in [0, 1). Not a secret: if the system has no randomness, nodes merely redial in step.
fn jitter() -> f64 {
    let mut bytes = [0; 2];
    let _ = getrandom::fill(&mut bytes);
    f64::from(u16::from_le_bytes(bytes)) / 65_536.0
}
