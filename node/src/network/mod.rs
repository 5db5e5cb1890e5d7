//! libp2p as an authenticated pipe: this module carries frames between members and decides nothing else.
//!
//! What to send, to whom, how fast and what a HELLO must hold is the engine's; whom to dial and when is decided here, from the
//! allow-list and the addresses the engine gives. No libp2p type leaves this module: peers are [`NodeKey`]s, addresses
//! [`PeerAddr`]s, links [`LinkId`]s.
//!
//! Invariants:
//! * only keys of the allow-list get a link; everybody else gets at most an [`EnrolStream`], and only while enrolment is open. A member
//!   that doesn't know us yet may ask for one instead of a link: the two then introduce themselves to each other;
//! * the engine sees at most one link per peer at a time, `Connected` before its frames, `Closed` after them, each once;
//! * no queue here is unbounded: a slow peer makes [`NetworkHandle::try_send`] say `Full`, a slow engine makes the readers pause.
//!
//! *Connected* means that both ends have each other's key on their lists, or, of a link that nothing arrived on yet, that ours has.
//! It is not admission: that is the engine's, after HELLO.
//!
//! Read first: [`spawn`], [`NetworkEvent`], [`NetworkHandle`].

mod address;
mod admission;
mod behaviour;
mod dialer;
mod enrol;
mod frames;
mod link;
mod listen;
mod switch;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bocage_protocol::ids::NodeKey;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

pub use address::{AddressError, DEFAULT_PORT, PeerAddr};
pub use enrol::{BUDGET as ENROL_BUDGET, ENROL_TIME, EnrolError, EnrolStream, MAX_REQUEST};
pub use frames::MAX_FRAME;

/// Events waiting for the engine. With frames of 64 KiB this is 4 MiB at worst.
const EVENTS: usize = 64;

/// Commands waiting for the switch, which never waits for the engine.
const COMMANDS: usize = 64;

/// What a node needs to be on the network.
pub struct NetworkConfig {
    /// Ed25519 seed of the node's network key; never one that signs anything clinical.
    pub identity_seed: Zeroizing<[u8; 32]>,
    /// Where to listen; empty for a node that only dials. See [`PeerAddr::everywhere`].
    pub listen: Vec<PeerAddr>,
    /// Announce and look for members on the local network. Shows the node's key to everybody there; never works on loopback.
    pub mdns: bool,
    pub profile: Profile,
}

/// What the line costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// Cable, fibre, local network: links stay up and are checked every 15 s.
    #[default]
    Lan,
    /// Pay by the megabyte: checked every minute; the engine closes links with a rest when it has nothing to say.
    Metered,
}

/// One link of this run of the node; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u64);

/// What the network tells the engine.
#[derive(Debug)]
pub enum NetworkEvent {
    /// The node can be reached here (with a real port where 0 was asked for).
    Listening(PeerAddr),
    /// A link with a member is up: frames may be sent until `Full`. Both keys are proven; HELLO is still to come.
    Connected {
        peer: NodeKey,
        link: LinkId,
        /// Where the peer is. Worth remembering when `outbound`, otherwise a passing port.
        addr: PeerAddr,
        outbound: bool,
    },
    /// One frame, 1 to [`MAX_FRAME`] bytes.
    Frame { peer: NodeKey, link: LinkId, bytes: Vec<u8> },
    /// After a `Full`: there is room again.
    Ready { link: LinkId },
    /// The link is gone. A member is dialled again by itself.
    Closed { peer: NodeKey, link: LinkId, why: CloseReason },
    /// A node announced itself on the local network. Unproven: anybody can announce any key.
    Discovered { peer: NodeKey, addrs: Vec<PeerAddr> },
    /// A dial led to no link; the next one follows by itself. May be left out when the engine is slow.
    Unreachable {
        /// `None` for an address given without a key.
        peer: Option<NodeKey>,
        addrs: Vec<PeerAddr>,
        why: String,
        retry_in: Duration,
    },
    /// A node that is no member proved its key and was refused. May be left out when the engine is slow.
    Stranger { peer: NodeKey, addr: PeerAddr },
    /// A node asks to become a member, or shows that it is one and asks whether we are. Dropping the stream refuses it.
    Enrolment {
        request: Vec<u8>,
        addr: PeerAddr,
        stream: EnrolStream,
    },
}

/// Why a link ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer ended it.
    HungUp,
    /// The line broke.
    Lost(String),
    /// Neither pings nor frames came through any more.
    Silent,
    /// A newer link to the same peer takes over.
    Superseded,
    /// The peer is no longer on the allow-list.
    Removed,
    /// The peer's bytes are not frames.
    Misbehaved(String),
    /// [`NetworkHandle::close`].
    Requested,
    /// The network stops.
    Shutdown,
}

/// Why the network didn't start, or didn't do what was asked.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// Another program, perhaps another Bocage, holds the port. Nothing was changed.
    #[error(
        "port {port} is already in use ({addr}): another program, perhaps another bocage, listens there; stop it, or choose another port with --listen"
    )]
    PortInUse { port: u16, addr: PeerAddr },
    /// The address isn't one of this machine, or the system refuses it.
    #[error("cannot listen on {addr}: {why}; choose an address of this machine, or 0.0.0.0 for all, with --listen")]
    Listen { addr: PeerAddr, why: String },
    /// The transports could not be set up.
    #[error("cannot set up the network: {0}")]
    Setup(String),
    /// The bound on addresses without a key is reached; forget some first.
    #[error("too many addresses are being tried already ({0})")]
    TooManyAddresses(usize),
    /// The network task has ended.
    #[error("the network is stopped")]
    Stopped,
}

/// Why a frame wasn't taken.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SendError {
    /// The queue is full; the frame comes back, and [`NetworkEvent::Ready`] will follow.
    #[error("the link is busy")]
    Full(Vec<u8>),
    /// The link has ended; its `Closed` event is on the way or was already read.
    #[error("the link is closed")]
    Closed,
    /// A bug of the caller: empty, or over [`MAX_FRAME`].
    #[error("a frame of {0} bytes, outside 1..={MAX_FRAME}")]
    BadLength(usize),
}

enum Command {
    Allow(BTreeSet<NodeKey>),
    Know(NodeKey, Vec<PeerAddr>),
    Dial(PeerAddr, oneshot::Sender<bool>),
    Redial,
    Close(LinkId, Duration),
    Enrolment(bool),
    Enrol {
        addr: PeerAddr,
        expected: Option<NodeKey>,
        reply: oneshot::Sender<Result<EnrolStream, EnrolError>>,
    },
    Shutdown(oneshot::Sender<()>),
}

/// Steers the network task. Cheap to clone; when the last one is dropped the network shuts down.
#[derive(Clone)]
pub struct NetworkHandle {
    commands: mpsc::Sender<Command>,
    queues: link::Queues,
    listening: Arc<Mutex<Vec<PeerAddr>>>,
    me: NodeKey,
}

/// Starts the network task on the current tokio runtime. The allow-list is empty until [`NetworkHandle::allow`].
///
/// The receiver must be read continuously: readers pause while it is full. Dropping it stops the network.
pub fn spawn(config: NetworkConfig) -> Result<(NetworkHandle, mpsc::Receiver<NetworkEvent>), NetworkError> {
    let (events, receiver) = mpsc::channel(EVENTS);
    let (commands, orders) = mpsc::channel(COMMANDS);
    let queues = link::Queues::default();
    let listening = Arc::new(Mutex::new(Vec::new()));
    let switch = switch::Switch::start(&config, events, queues.clone(), listening.clone())?;
    let handle = NetworkHandle {
        commands,
        queues,
        listening,
        me: switch.node_key(),
    };
    tokio::spawn(switch.run(orders));
    Ok((handle, receiver))
}

impl NetworkHandle {
    /// The key this node proves to others.
    pub fn node_key(&self) -> NodeKey {
        self.me
    }

    /// Replaces the allow-list. Links to keys no longer on it are closed at once; keys that are new on it are dialled where known.
    /// A frame read before the change may still be in the event channel.
    pub async fn allow(&self, members: BTreeSet<NodeKey>) -> Result<(), NetworkError> {
        self.order(Command::Allow(members)).await
    }

    /// Replaces the addresses known for a peer (at most 8 are kept). It is dialled there once it is a member.
    pub async fn add_known(&self, peer: NodeKey, addrs: Vec<PeerAddr>) -> Result<(), NetworkError> {
        self.order(Command::Know(peer, addrs)).await
    }

    /// Dials an address now and keeps trying for ever. With a key in it, it is added to what is known of that peer; without, whoever
    /// answers must be a member.
    pub async fn dial(&self, addr: PeerAddr) -> Result<(), NetworkError> {
        let (reply, taken) = oneshot::channel();
        self.order(Command::Dial(addr, reply)).await?;
        match taken.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(NetworkError::TooManyAddresses(dialer::MAX_SEEDS)),
            Err(_) => Err(NetworkError::Stopped),
        }
    }

    /// Tries everybody missing now, without waiting for the back-off: the user asks, or the network changed.
    pub async fn redial_now(&self) -> Result<(), NetworkError> {
        self.order(Command::Redial).await
    }

    /// Queues a frame on a link, if there is room. Never waits.
    pub fn try_send(&self, link: LinkId, frame: Vec<u8>) -> Result<(), SendError> {
        self.queues.try_send(link, frame)
    }

    /// Writes what was accepted (at most 2 s), then ends the link. The peer isn't dialled again before `rest` has passed, nor ever
    /// sooner than the back-off allows; it may dial us.
    pub async fn close(&self, link: LinkId, rest: Duration) -> Result<(), NetworkError> {
        self.order(Command::Close(link, rest)).await
    }

    /// Lets nodes that are no members ask for admission, or stops that. Conversations under way go on.
    pub async fn set_enrolment(&self, open: bool) -> Result<(), NetworkError> {
        self.order(Command::Enrolment(open)).await
    }

    /// Opens an enrolment with whoever is at `addr`; with `expected`, or a key in the address, only with that node. The other side has
    /// agreed to it only once something is received.
    pub async fn enrol(&self, addr: &PeerAddr, expected: Option<NodeKey>) -> Result<EnrolStream, EnrolError> {
        let (reply, opened) = oneshot::channel();
        let expected = expected.or(addr.node_key());
        let order = Command::Enrol {
            addr: addr.without_node_key(),
            expected,
            reply,
        };
        self.order(order).await.map_err(|_| EnrolError::Stopped)?;
        opened.await.map_err(|_| EnrolError::Stopped)?
    }

    /// Where this node listens at the moment.
    pub fn listen_addrs(&self) -> Vec<PeerAddr> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes out what links have accepted, says goodbye, frees the ports; a few seconds at most. Keep reading events meanwhile.
    pub async fn shutdown(self) {
        let (reply, done) = oneshot::channel();
        if self.order(Command::Shutdown(reply)).await.is_ok() {
            let _ = done.await;
        }
    }

    async fn order(&self, command: Command) -> Result<(), NetworkError> {
        self.commands.send(command).await.map_err(|_| NetworkError::Stopped)
    }
}
