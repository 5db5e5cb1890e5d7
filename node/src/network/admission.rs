//! Who gets a stream: the allow-list as a libp2p behaviour, and the one stream each connection carries.
//!
//! Written here rather than taken from `libp2p-stream`, whose streams don't say which connection they belong to (two connections to a
//! peer can't be told apart), which offers every protocol to every peer, drops inbound streams while nobody polls, and keeps an entry
//! for each connection ever made.
//!
//! Invariants:
//! * a peer that is no member is offered the enrolment protocol while enrolment is open, otherwise it isn't offered a connection;
//! * a member is offered it too, because it may not know us yet and then has no use for a link; the places are the same few;
//! * the *callee* opens the sync stream, so a dialer has a link only if it was admitted ("connected" alone means nothing), and the
//!   callee's HELLO leaves with the end of the handshake;
//! * each stream is opened at most once per connection and per life of the connection.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};

use bocage_protocol::ids::NodeKey;

use futures::future;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{DeniedUpgrade, ReadyUpgrade};
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::derive_prelude::Either;
use libp2p::swarm::handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour, SubstreamProtocol, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, Stream, StreamProtocol};
use thiserror::Error;

use super::address::node_key;

const SYNC: StreamProtocol = StreamProtocol::new("/bocage/sync/1");
const ENROL: StreamProtocol = StreamProtocol::new("/bocage/enrol/1");

/// Strangers connected, and members that introduce themselves, at a time while enrolment is open.
const MAX_STRANGERS: usize = 4;

/// Handshakes in progress from one address: a clinic behind one router has a few nodes, a flood has thousands of sockets.
const MAX_PENDING_PER_IP: usize = 8;

/// What the stream of a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Sync,
    Enrol,
}

impl Purpose {
    fn protocol(self) -> StreamProtocol {
        match self {
            Self::Sync => SYNC,
            Self::Enrol => ENROL,
        }
    }
}

/// What became of a connection's stream.
#[derive(Debug)]
pub(super) enum Event {
    Opened {
        peer: NodeKey,
        connection: ConnectionId,
        purpose: Purpose,
        stream: Stream,
    },
    Failed {
        connection: ConnectionId,
    },
}

/// The peer is no member, and enrolment is not open (or its places are taken).
#[derive(Debug, Error)]
#[error("not a member of this network")]
pub(super) struct NotAMember;

#[derive(Debug, Error)]
#[error("too many handshakes from this address")]
struct TooManyHandshakes;

#[derive(Default)]
pub(super) struct Behaviour {
    members: BTreeSet<NodeKey>,
    enrolment_open: bool,
    /// Connections we dialled in order to enrol, members or not.
    enrolling: HashSet<ConnectionId>,
    /// Connections others dialled in order to enrol, members or not.
    strangers: HashSet<ConnectionId>,
    handshakes: HashMap<ConnectionId, IpAddr>,
    events: VecDeque<Event>,
}

impl Behaviour {
    pub(super) fn set_members(&mut self, members: BTreeSet<NodeKey>) {
        self.members = members;
    }

    pub(super) fn is_member(&self, peer: &NodeKey) -> bool {
        self.members.contains(peer)
    }

    pub(super) fn set_enrolment(&mut self, open: bool) {
        self.enrolment_open = open;
    }

    pub(super) fn enrolment_open(&self) -> bool {
        self.enrolment_open
    }

    /// The dial with this id is to enrol: whoever answers is talked to, about that only.
    pub(super) fn expect_enrolment(&mut self, connection: ConnectionId) {
        self.enrolling.insert(connection);
    }

    pub(super) fn is_enrolling(&self, connection: ConnectionId) -> bool {
        self.enrolling.contains(&connection) || self.strangers.contains(&connection)
    }

    fn has_room_for_strangers(&self) -> bool {
        self.enrolment_open && self.strangers.len() < MAX_STRANGERS
    }

    fn is_member_id(&self, peer: &PeerId) -> bool {
        node_key(peer).is_some_and(|key| self.members.contains(&key))
    }

    fn forget(&mut self, connection: ConnectionId) {
        self.handshakes.remove(&connection);
        self.enrolling.remove(&connection);
        self.strangers.remove(&connection);
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let Some(ip) = ip(remote) else { return Ok(()) };
        if self.handshakes.values().filter(|other| **other == ip).count() >= MAX_PENDING_PER_IP {
            return Err(ConnectionDenied::new(TooManyHandshakes));
        }
        self.handshakes.insert(connection, ip);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if self.is_member_id(&peer) {
            return Ok(Handler::new(Some(Purpose::Sync), self.enrolment_open.then_some(Purpose::Enrol)));
        }
        if self.has_room_for_strangers() && node_key(&peer).is_some() {
            return Ok(Handler::new(None, Some(Purpose::Enrol)));
        }
        Err(ConnectionDenied::new(NotAMember))
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        match peer {
            Some(peer) if !self.is_member_id(&peer) && !self.enrolling.contains(&connection) => Err(ConnectionDenied::new(NotAMember)),
            _ => Ok(Vec::new()),
        }
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if self.enrolling.contains(&connection) && node_key(&peer).is_some() {
            return Ok(Handler::new(Some(Purpose::Enrol), None));
        }
        if self.is_member_id(&peer) {
            return Ok(Handler::new(None, Some(Purpose::Sync)));
        }
        Err(ConnectionDenied::new(NotAMember))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(event) => {
                self.handshakes.remove(&event.connection_id);
                if !event.endpoint.is_dialer() && !self.is_member_id(&event.peer_id) {
                    self.strangers.insert(event.connection_id);
                }
            }
            FromSwarm::ConnectionClosed(event) => self.forget(event.connection_id),
            FromSwarm::DialFailure(event) => self.forget(event.connection_id),
            FromSwarm::ListenFailure(event) => self.forget(event.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, outcome: THandlerOutEvent<Self>) {
        let event = match (outcome, node_key(&peer)) {
            // A member takes its place among the strangers only now: until then it was as likely to want a link.
            (Outcome::Opened(Purpose::Enrol, _), _) if !self.is_enrolling(connection) && !self.has_room_for_strangers() => {
                Event::Failed { connection }
            }
            (Outcome::Opened(purpose, stream), Some(peer)) => Event::Opened {
                peer,
                connection,
                purpose,
                stream,
            },
            _ => Event::Failed { connection },
        };
        if matches!(
            &event,
            Event::Opened {
                purpose: Purpose::Enrol,
                ..
            }
        ) && !self.enrolling.contains(&connection)
        {
            self.strangers.insert(connection);
        }
        self.events.push_back(event);
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        match self.events.pop_front() {
            Some(event) => Poll::Ready(ToSwarm::GenerateEvent(event)),
            None => Poll::Pending,
        }
    }
}

#[derive(Debug)]
pub(super) enum Outcome {
    Opened(Purpose, Stream),
    Failed,
}

/// The streams of a connection: one we open, one we wait for; what is not, or no longer, is `None`.
pub(super) struct Handler {
    to_open: Option<Purpose>,
    opening: Option<Purpose>,
    awaited: Option<Purpose>,
    /// One at most for each of the two streams.
    outcomes: VecDeque<Outcome>,
}

impl Handler {
    fn new(to_open: Option<Purpose>, awaited: Option<Purpose>) -> Self {
        Self {
            to_open,
            opening: None,
            awaited,
            outcomes: VecDeque::new(),
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Outcome;
    type InboundProtocol = Either<ReadyUpgrade<StreamProtocol>, DeniedUpgrade>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        let offer = match self.awaited {
            Some(purpose) => Either::Left(ReadyUpgrade::new(purpose.protocol())),
            None => Either::Right(DeniedUpgrade),
        };
        SubstreamProtocol::new(offer, ())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Self::ToBehaviour>> {
        if let Some(outcome) = self.outcomes.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(outcome));
        }
        if let Some(purpose) = self.to_open.take() {
            self.opening = Some(purpose);
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(purpose.protocol()), ());
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: future::Either::Left(stream),
                ..
            }) => {
                // A second stream negotiated in the same breath as the first is dropped.
                if let Some(purpose) = self.awaited.take() {
                    self.outcomes.push_back(Outcome::Opened(purpose, stream));
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: stream, .. }) => {
                if let Some(purpose) = self.opening.take() {
                    self.outcomes.push_back(Outcome::Opened(purpose, stream));
                }
            }
            ConnectionEvent::DialUpgradeError(_) => self.outcomes.push_back(Outcome::Failed),
            _ => {}
        }
    }
}

fn ip(addr: &Multiaddr) -> Option<IpAddr> {
    addr.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.into()),
        _ => None,
    })
}
