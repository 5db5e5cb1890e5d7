//! The network on real sockets: two nodes, or a node and somebody who means harm, on 127.0.0.1.
//!
//! Nobody sleeps here: every wait is for an event, with [`PATIENCE`] as the bound that turns a hang into a failure.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use bocage_node::network::{
    CloseReason, ENROL_BUDGET, EnrolError, LinkId, MAX_FRAME, NetworkConfig, NetworkError, NetworkEvent, NetworkHandle, PeerAddr, Profile,
    SendError, spawn,
};
use bocage_protocol::ids::NodeKey;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

struct Node {
    handle: NetworkHandle,
    events: mpsc::Receiver<NetworkEvent>,
    key: NodeKey,
    /// The link seen last, while it lives.
    live: Option<LinkId>,
    /// `Closed` because a newer link took over, on either end.
    replaced: usize,
}

fn config(seed: u8, listen: &[&str]) -> NetworkConfig {
    NetworkConfig {
        identity_seed: [seed; 32].into(),
        listen: listen.iter().map(|addr| addr.parse().unwrap()).collect(),
        mdns: false,
        profile: Profile::Lan,
    }
}

const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

impl Node {
    fn start(seed: u8, listen: &[&str]) -> Self {
        let (handle, events) = spawn(config(seed, listen)).unwrap();
        let key = handle.node_key();
        Self {
            handle,
            events,
            key,
            live: None,
            replaced: 0,
        }
    }

    /// The next event, after checking what must hold of any sequence of events.
    async fn event(&mut self) -> NetworkEvent {
        let event = timeout(PATIENCE, self.events.recv())
            .await
            .expect("an event in time")
            .expect("a running network");
        match &event {
            NetworkEvent::Connected { link, .. } => {
                assert_eq!(self.live.replace(*link), None, "a second link to a peer that has one");
            }
            NetworkEvent::Frame { link, .. } => assert_eq!(self.live, Some(*link), "a frame of a link that isn't up"),
            NetworkEvent::Closed { link, .. } => {
                assert_eq!(self.live.take(), Some(*link), "the end of a link that isn't up");
                self.replaced += 1;
            }
            _ => {}
        }
        event
    }

    async fn wait<T>(&mut self, mut wanted: impl FnMut(NetworkEvent) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.event().await) {
                return found;
            }
        }
    }

    async fn listening(&mut self) -> PeerAddr {
        self.wait(|event| match event {
            NetworkEvent::Listening(addr) => Some(addr),
            _ => None,
        })
        .await
    }

    async fn connected(&mut self) -> LinkId {
        self.wait(|event| match event {
            NetworkEvent::Connected { link, .. } => Some(link),
            _ => None,
        })
        .await
    }

    async fn frame(&mut self) -> Vec<u8> {
        self.wait(|event| match event {
            NetworkEvent::Frame { bytes, .. } => Some(bytes),
            NetworkEvent::Closed { why, .. } => panic!("closed while waiting for a frame: {why:?}"),
            _ => None,
        })
        .await
    }

    async fn closed(&mut self) -> CloseReason {
        self.wait(|event| match event {
            NetworkEvent::Closed { why, .. } => Some(why),
            _ => None,
        })
        .await
    }

    async fn allow(&self, peers: &[NodeKey]) {
        self.handle.allow(peers.iter().copied().collect()).await.unwrap();
    }

    async fn dial(&self, peer: NodeKey, addr: &PeerAddr) {
        self.handle.add_known(peer, vec![addr.clone()]).await.unwrap();
    }
}

/// Two members; the first listens, the second has dialled it.
async fn pair(listen: &str) -> (Node, Node, LinkId, LinkId) {
    let (mut a, mut b) = (Node::start(1, &[listen]), Node::start(2, &[]));
    let addr = a.listening().await;
    a.allow(&[b.key]).await;
    b.allow(&[a.key]).await;
    b.dial(a.key, &addr).await;
    let (link_a, link_b) = tokio::join!(a.connected(), b.connected());
    (a, b, link_a, link_b)
}

async fn frames_pass_both_ways(listen: &str) {
    let (mut a, mut b, link_a, link_b) = pair(listen).await;
    b.handle.try_send(link_b, b"hello".to_vec()).unwrap();
    assert_eq!(a.frame().await, b"hello");
    let largest: Vec<u8> = (0..MAX_FRAME).map(|n| n as u8).collect();
    a.handle.try_send(link_a, largest.clone()).unwrap();
    a.handle.try_send(link_a, vec![9]).unwrap();
    assert_eq!(b.frame().await, largest);
    assert_eq!(b.frame().await, [9]);
    assert_eq!(
        a.handle.try_send(link_a, vec![0; MAX_FRAME + 1]),
        Err(SendError::BadLength(MAX_FRAME + 1))
    );
    assert_eq!(a.handle.try_send(link_a, Vec::new()), Err(SendError::BadLength(0)));
}

#[tokio::test]
async fn frames_up_to_64_kib_pass_both_ways_over_tcp() {
    frames_pass_both_ways(TCP).await;
}

#[tokio::test]
async fn frames_up_to_64_kib_pass_both_ways_over_quic() {
    frames_pass_both_ways(QUIC).await;
}

#[tokio::test]
async fn an_address_without_a_key_leads_to_the_member_living_there() {
    let (mut a, mut b) = (Node::start(1, &[TCP]), Node::start(2, &[]));
    let port = a.listening().await.port();
    a.allow(&[b.key]).await;
    b.allow(&[a.key]).await;
    b.handle.dial(format!("localhost:{port}").parse().unwrap()).await.unwrap();
    let found = b
        .wait(|event| match event {
            NetworkEvent::Connected {
                peer,
                addr,
                outbound: true,
                ..
            } => Some((peer, addr.port())),
            _ => None,
        })
        .await;
    assert_eq!(found, (a.key, port));
}

#[tokio::test]
async fn a_node_that_is_not_on_the_list_gets_no_link_and_neither_end_sees_one() {
    let (mut a, mut b) = (Node::start(1, &[TCP]), Node::start(2, &[]));
    let addr = a.listening().await;
    b.allow(&[a.key]).await;
    b.dial(a.key, &addr).await;
    let a_saw = a.event().await;
    assert!(matches!(a_saw, NetworkEvent::Stranger { peer, .. } if peer == b.key), "{a_saw:?}");
    let b_saw = b.event().await;
    assert!(
        matches!(b_saw, NetworkEvent::Unreachable { peer: Some(peer), .. } if peer == a.key),
        "{b_saw:?}"
    );
    // Once it is on the list it needs no other doing: the dialer hasn't given up.
    a.allow(&[b.key]).await;
    tokio::join!(a.connected(), b.connected());
}

#[tokio::test]
async fn a_dialer_drops_whoever_answers_without_being_on_its_own_list() {
    let (mut a, mut b) = (Node::start(1, &[TCP]), Node::start(2, &[]));
    let addr = a.listening().await;
    b.handle.dial(addr).await.unwrap();
    let b_saw = b.event().await;
    let NetworkEvent::Unreachable { peer: None, why, .. } = b_saw else {
        panic!("{b_saw:?}")
    };
    assert!(why.contains("not a member"), "{why}");
}

#[tokio::test]
async fn a_member_taken_off_the_list_loses_its_link_at_once() {
    let (mut a, mut b, link, _) = pair(TCP).await;
    a.allow(&[]).await;
    assert_eq!(a.closed().await, CloseReason::Removed);
    assert!(matches!(b.closed().await, CloseReason::HungUp | CloseReason::Lost(_)));
    assert_eq!(a.handle.try_send(link, vec![1]), Err(SendError::Closed));
    let refused = |event| matches!(event, NetworkEvent::Stranger { .. }).then_some(());
    let retry = b.handle.redial_now();
    let (retried, ()) = tokio::join!(retry, a.wait(refused));
    retried.unwrap();
}

#[tokio::test]
async fn a_node_that_comes_back_on_its_port_is_found_again() {
    let (mut a, b, ..) = pair(TCP).await;
    let Node { handle, events, key, .. } = b;
    drop((handle, events));
    assert!(matches!(a.closed().await, CloseReason::HungUp | CloseReason::Lost(_)));

    // The other way round: the listener dies, the dialer finds its successor on the same port.
    let mut b = Node::start(2, &[TCP]);
    assert_eq!(b.key, key);
    let addr = b.listening().await;
    b.allow(&[a.key]).await;
    a.dial(b.key, &addr).await;
    tokio::join!(a.connected(), b.connected());
    b.handle.shutdown().await;
    assert!(matches!(a.closed().await, CloseReason::HungUp | CloseReason::Lost(_)));
    let mut b = Node::start(2, &[addr.as_str()]);
    b.allow(&[a.key]).await;
    tokio::join!(a.connected(), b.connected());
}

#[tokio::test]
async fn a_slow_reader_makes_the_sender_wait_instead_of_growing() {
    let (a, mut b, link_a, _) = pair(TCP).await;
    let mut a = a;
    // b's engine reads nothing: events, windows and kernel buffers fill, then the queue does.
    let mut sent = 0u32;
    loop {
        match a.handle.try_send(link_a, numbered(sent)) {
            Ok(()) => sent += 1,
            Err(SendError::Full(frame)) => {
                assert_eq!(frame, numbered(sent), "the frame comes back");
                // Full may only mean that the writer hasn't had its turn: it is final when no `Ready` follows.
                let ready = timeout(Duration::from_secs(2), a.event()).await;
                match ready {
                    Ok(NetworkEvent::Ready { .. }) => {}
                    Ok(other) => panic!("{other:?}"),
                    Err(_) => break,
                }
            }
            Err(error) => panic!("{error}"),
        }
        assert!(sent < 1024, "64 MiB were taken for a peer that reads nothing");
    }
    assert!(sent > 0);
    // The reader wakes up: everything taken arrives in order, and the sender hears of the room.
    let receive = async {
        for n in 0..sent {
            assert_eq!(b.frame().await, numbered(n));
        }
    };
    let ready = a.wait(|event| matches!(event, NetworkEvent::Ready { link } if link == link_a).then_some(()));
    tokio::join!(receive, ready);
}

fn numbered(n: u32) -> Vec<u8> {
    let mut frame = vec![0; MAX_FRAME];
    frame[..4].copy_from_slice(&n.to_be_bytes());
    frame
}

#[tokio::test]
async fn a_link_closed_on_purpose_writes_out_what_it_had_accepted() {
    let (mut a, mut b, link, _) = pair(TCP).await;
    for n in 0..3 {
        a.handle.try_send(link, numbered(n)).unwrap();
    }
    a.handle.close(link, Duration::from_secs(3600)).await.unwrap();
    for n in 0..3 {
        assert_eq!(b.frame().await, numbered(n));
    }
    assert_eq!(b.closed().await, CloseReason::HungUp);
    assert_eq!(a.closed().await, CloseReason::Requested);
    // b is the one that dials, and wasn't asked to rest.
    tokio::join!(a.connected(), b.connected());
}

/// Both ends dial each other in the same instant; on a real LAN this is every power cut. At no moment does either engine see two
/// links ([`Node::event`] asserts it), and the ends must agree on the survivor: numbers pass on it.
#[tokio::test]
async fn simultaneous_dials_end_with_one_link_that_both_ends_use() {
    let mut replaced = 0;
    for round in 0..8u8 {
        let listen = if round % 2 == 0 { TCP } else { QUIC };
        let (mut a, mut b) = (Node::start(10 + round, &[listen]), Node::start(100 + round, &[listen]));
        let (addr_a, addr_b) = (a.listening().await, b.listening().await);
        a.allow(&[b.key]).await;
        b.allow(&[a.key]).await;
        tokio::join!(a.dial(b.key, &addr_b), b.dial(a.key, &addr_a));
        let (mut quiet, mut number) = (0, 0u32);
        while quiet < 50 {
            number += 1;
            quiet = if arrives(&mut a, &mut b, number).await { quiet + 1 } else { 0 };
        }
        assert!(a.live.is_some() && b.live.is_some());
        replaced += a.replaced + b.replaced;
    }
    assert!(replaced > 0, "no round had two connections to choose from: this test shows nothing");
}

/// Sends a number from `a` to `b` on the links they have; false if one of the links ended before it arrived.
async fn arrives(a: &mut Node, b: &mut Node, number: u32) -> bool {
    while a.live.is_none() {
        a.event().await;
    }
    while b.live.is_none() {
        b.event().await;
    }
    let number = number.to_be_bytes().to_vec();
    let link = a.live.expect("just waited for");
    while a.handle.try_send(link, number.clone()).is_err() {
        if let NetworkEvent::Closed { .. } = a.event().await {
            return false;
        }
    }
    loop {
        let event = tokio::select! { event = a.event() => event, event = b.event() => event };
        match event {
            NetworkEvent::Frame { bytes, .. } if bytes == number => return true,
            NetworkEvent::Closed { .. } => return false,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_do() {
    for listen in [TCP, QUIC] {
        let mut a = Node::start(1, &[listen]);
        let addr = a.listening().await;
        let error = spawn(config(2, &[addr.as_str()])).err().expect("the port is taken");
        assert!(matches!(error, NetworkError::PortInUse { port, .. } if port == addr.port()));
        let text = error.to_string();
        assert!(text.contains(&addr.port().to_string()) && text.contains("--listen"), "{text}");
    }
}

#[tokio::test]
async fn shutdown_frees_the_ports_and_ends_the_events() {
    let (a, mut b, ..) = pair(TCP).await;
    let addr = a.handle.listen_addrs().remove(0);
    let Node { handle, mut events, .. } = a;
    let drain = async { while events.recv().await.is_some() {} };
    let (_, ()) = timeout(PATIENCE, async { tokio::join!(handle.shutdown(), drain) }).await.unwrap();
    assert!(matches!(b.closed().await, CloseReason::HungUp | CloseReason::Lost(_)));
    Node::start(3, &[addr.as_str()]).listening().await;
}

// Enrolment.

#[tokio::test]
async fn a_stranger_enrols_while_enrolment_is_open_and_only_then() {
    let (mut a, b) = (Node::start(1, &[TCP]), Node::start(2, &[]));
    let addr = a.listening().await;
    let closed = async {
        let refused = match b.handle.enrol(&addr, None).await {
            Ok(mut stream) => stream.receive().await.map(drop),
            Err(error) => Err(error),
        };
        assert!(refused.is_err());
    };
    timeout(PATIENCE, closed).await.unwrap();

    a.handle.set_enrolment(true).await.unwrap();
    let mut joiner = timeout(PATIENCE, b.handle.enrol(&addr, Some(a.key))).await.unwrap().unwrap();
    assert_eq!(joiner.peer(), a.key);
    joiner.send(b"keys and nonce").await.unwrap();
    let (request, mut admin) = a
        .wait(|event| match event {
            NetworkEvent::Enrolment { request, stream, .. } => Some((request, stream)),
            NetworkEvent::Connected { .. } => panic!("a stranger got a link"),
            _ => None,
        })
        .await;
    assert_eq!((request.as_slice(), admin.peer()), (&b"keys and nonce"[..], b.key));
    admin.send(b"certificate").await.unwrap();
    assert_eq!(joiner.receive().await.unwrap(), b"certificate");
    joiner.send(b"thank you").await.unwrap();
    assert_eq!(admin.receive().await.unwrap(), b"thank you");
    let (first, second) = tokio::join!(joiner.finish(), admin.finish());
    first.unwrap();
    second.unwrap();
}

#[tokio::test]
async fn an_enrolment_carries_64_kib_and_no_more() {
    let (mut a, b) = (Node::start(1, &[QUIC]), Node::start(2, &[]));
    let addr = a.listening().await;
    a.handle.set_enrolment(true).await.unwrap();
    let mut joiner = b.handle.enrol(&addr, None).await.unwrap();
    joiner.send(&[1; 1024]).await.unwrap();
    let mut admin = a
        .wait(|event| match event {
            NetworkEvent::Enrolment { stream, .. } => Some(stream),
            _ => None,
        })
        .await;
    assert!(
        matches!(admin.send(&vec![0; ENROL_BUDGET]).await, Err(EnrolError::OverBudget)),
        "the request counts too"
    );
    joiner.send(&vec![2; ENROL_BUDGET - 1024]).await.unwrap();
    assert!(matches!(joiner.send(&[3]).await, Err(EnrolError::OverBudget)));
    assert_eq!(admin.receive().await.unwrap().len(), ENROL_BUDGET - 1024);
    assert!(matches!(admin.send(&[4]).await, Err(EnrolError::OverBudget)));
}

#[tokio::test]
async fn enrolling_with_another_node_than_expected_fails() {
    let (mut a, b, c) = (Node::start(1, &[TCP]), Node::start(2, &[]), Node::start(3, &[]));
    let addr = a.listening().await;
    a.handle.set_enrolment(true).await.unwrap();
    let error = timeout(PATIENCE, b.handle.enrol(&addr, Some(c.key))).await.unwrap().unwrap_err();
    assert!(
        matches!(&error, EnrolError::Unreachable(why) if why.contains("another node")),
        "{error}"
    );
}

#[tokio::test]
async fn a_member_that_does_not_know_us_yet_enrols_instead_of_getting_a_link() {
    for listen in [TCP, QUIC] {
        let (mut a, mut b) = (Node::start(1, &[listen]), Node::start(2, &[]));
        let addr = a.listening().await;
        a.handle.set_enrolment(true).await.unwrap();
        a.allow(&[b.key]).await;
        let mut stranger = timeout(PATIENCE, b.handle.enrol(&addr, None)).await.unwrap().unwrap();
        stranger.send(b"my certificates").await.unwrap();
        let (request, mut member) = a
            .wait(|event| match event {
                NetworkEvent::Enrolment { request, stream, .. } => Some((request, stream)),
                _ => None,
            })
            .await;
        assert_eq!((request.as_slice(), member.peer()), (&b"my certificates"[..], b.key));
        member.send(b"and mine").await.unwrap();
        assert_eq!(stranger.receive().await.unwrap(), b"and mine");
        // What is left of the link that was offered meanwhile is no obstacle to the one that both want.
        b.allow(&[a.key]).await;
        b.dial(a.key, &addr).await;
        let link = b.connected().await;
        b.handle.try_send(link, b"hello".to_vec()).unwrap();
        let heard = |event| match event {
            NetworkEvent::Frame { bytes, .. } => Some(bytes),
            _ => None,
        };
        assert_eq!(a.wait(heard).await, b"hello");
    }
}

#[tokio::test]
async fn t52_members_that_introduce_themselves_share_the_few_places_of_strangers() {
    let mut a = Node::start(1, &[TCP]);
    let addr = a.listening().await;
    a.handle.set_enrolment(true).await.unwrap();
    let others: Vec<Node> = (2..=6).map(|seed| Node::start(seed, &[])).collect();
    a.allow(&others.iter().map(|node| node.key).collect::<Vec<_>>()).await;
    let mut talking = Vec::new();
    for node in &others[..4] {
        let mut mine = node.handle.enrol(&addr, None).await.unwrap();
        mine.send(b"me").await.unwrap();
        let theirs = loop {
            // Several links are offered and turned down here: more than the check of one pair's events is made for.
            match timeout(PATIENCE, a.events.recv()).await.unwrap().unwrap() {
                NetworkEvent::Enrolment { stream, .. } => break stream,
                _ => continue,
            }
        };
        talking.push((mine, theirs));
    }
    let mut fifth = others[4].handle.enrol(&addr, None).await.unwrap();
    let refused = async {
        let _ = fifth.send(b"me too").await;
        fifth.receive().await
    };
    assert!(timeout(PATIENCE, refused).await.unwrap().is_err());
}

#[tokio::test]
async fn t52_a_member_that_wants_no_link_and_says_nothing_else_is_dropped_in_five_seconds() {
    let mut a = Node::start(1, &[TCP]);
    let addr = a.listening().await;
    a.handle.set_enrolment(true).await.unwrap();
    a.allow(&[key_of_seed(66), key_of_seed(67)]).await;
    let start = tokio::time::Instant::now();
    let mut mute = Attacker::connect(66, a.key, &addr).await;
    let mut slow = Attacker::connect(67, a.key, &addr).await;
    let mut stream = slow.open("/bocage/enrol/1").await.unwrap();
    stream.write_all(&[0x80]).await.unwrap();
    stream.flush().await.unwrap();
    tokio::join!(mute.dropped(), slow.dropped());
    assert!(start.elapsed() < Duration::from_secs(15), "dropped after {:?}", start.elapsed());
}

// Somebody who speaks libp2p, but not our way.

struct Attacker {
    control: libp2p_stream::Control,
    /// One entry each time a connection to the victim ends.
    dropped: mpsc::Receiver<()>,
    key: NodeKey,
    victim: libp2p::PeerId,
}

impl Attacker {
    /// Connects to `victim` at `addr` with a well-formed handshake.
    async fn connect(seed: u8, victim: NodeKey, addr: &PeerAddr) -> Self {
        let keys = libp2p::identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap();
        let key = NodeKey(keys.public().try_into_ed25519().unwrap().to_bytes());
        let victim = libp2p::identity::ed25519::PublicKey::try_from_bytes(victim.as_bytes()).unwrap();
        let victim = libp2p::identity::PublicKey::from(victim).to_peer_id();
        let mut swarm = libp2p::SwarmBuilder::with_existing_identity(keys)
            .with_tokio()
            .with_tcp(
                libp2p::tcp::Config::default(),
                libp2p::noise::Config::new,
                libp2p::yamux::Config::default,
            )
            .unwrap()
            .with_quic()
            .with_behaviour(|_| libp2p_stream::Behaviour::new())
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(PATIENCE))
            .build();
        let control = swarm.behaviour().new_control();
        swarm.dial(addr.as_str().parse::<libp2p::Multiaddr>().unwrap()).unwrap();
        let (drops, dropped) = mpsc::channel(16);
        let (up, is_up) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let mut up = Some(up);
            loop {
                match swarm.select_next_some().await {
                    libp2p::swarm::SwarmEvent::ConnectionEstablished { .. } => {
                        let _ = up.take().map(|up| up.send(()));
                    }
                    libp2p::swarm::SwarmEvent::ConnectionClosed { .. } => {
                        let _ = drops.send(()).await;
                    }
                    _ => {}
                }
            }
        });
        timeout(PATIENCE, is_up).await.unwrap().unwrap();
        Self {
            control,
            dropped,
            key,
            victim,
        }
    }

    async fn dropped(&mut self) {
        timeout(PATIENCE, self.dropped.recv()).await.expect("dropped in time").unwrap();
    }

    async fn open(&mut self, protocol: &'static str) -> Result<libp2p::Stream, libp2p_stream::OpenStreamError> {
        timeout(
            PATIENCE,
            self.control.open_stream(self.victim, libp2p::StreamProtocol::new(protocol)),
        )
        .await
        .unwrap()
    }
}

fn key_of_seed(seed: u8) -> NodeKey {
    let keys = libp2p::identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap();
    NodeKey(keys.public().try_into_ed25519().unwrap().to_bytes())
}

#[tokio::test]
async fn a_member_that_announces_a_frame_over_64_kib_is_hung_up_on() {
    let mut a = Node::start(1, &[TCP]);
    let addr = a.listening().await;
    a.allow(&[key_of_seed(66)]).await;
    // The order of listening before connecting matters: the node opens the stream with the end of the handshake.
    let keys = libp2p::identity::Keypair::ed25519_from_bytes([66; 32]).unwrap();
    let mut swarm = libp2p::SwarmBuilder::with_existing_identity(keys)
        .with_tokio()
        .with_tcp(
            libp2p::tcp::Config::default(),
            libp2p::noise::Config::new,
            libp2p::yamux::Config::default,
        )
        .unwrap()
        .with_behaviour(|_| libp2p_stream::Behaviour::new())
        .unwrap()
        .build();
    let mut streams = swarm
        .behaviour()
        .new_control()
        .accept(libp2p::StreamProtocol::new("/bocage/sync/1"))
        .unwrap();
    swarm.dial(addr.as_str().parse::<libp2p::Multiaddr>().unwrap()).unwrap();
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    let (_, mut stream) = timeout(PATIENCE, streams.next()).await.unwrap().unwrap();
    a.connected().await;
    stream.write_all(&[0x81, 0x80, 0x04]).await.unwrap();
    stream.flush().await.unwrap();
    let why = a.closed().await;
    assert!(matches!(&why, CloseReason::Misbehaved(what) if what.contains("65536")), "{why:?}");
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the connection ends");
}

#[tokio::test]
async fn t52_with_enrolment_closed_an_unknown_peer_is_dropped_after_the_handshake() {
    let mut a = Node::start(1, &[TCP]);
    let addr = a.listening().await;
    let mut attacker = Attacker::connect(66, a.key, &addr).await;
    attacker.dropped().await;
    let seen = a.event().await;
    assert!(
        matches!(seen, NetworkEvent::Stranger { peer, .. } if peer == attacker.key),
        "{seen:?}"
    );
}

#[tokio::test]
async fn t52_an_unknown_peer_that_floods_its_request_is_cut_at_4_kib() {
    let mut a = Node::start(1, &[TCP]);
    let addr = a.listening().await;
    a.handle.set_enrolment(true).await.unwrap();
    let mut attacker = Attacker::connect(66, a.key, &addr).await;
    assert!(
        attacker.open("/bocage/sync/1").await.is_err(),
        "a stranger was offered the sync protocol"
    );
    let mut stream = attacker.open("/bocage/enrol/1").await.unwrap();
    // A request of 4097 bytes: the announcement is enough, the flood behind it is never read.
    let _ = stream.write_all(&[0x81, 0x20]).await;
    let flood = async { while stream.write_all(&[0; 4096]).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("the flood is cut");
    attacker.dropped().await;
    // The node is as before: the next thing it reports is a well-behaved joiner.
    let b = Node::start(2, &[]);
    let mut joiner = b.handle.enrol(&addr, None).await.unwrap();
    joiner.send(b"me").await.unwrap();
    let seen = a.event().await;
    assert!(
        matches!(seen, NetworkEvent::Enrolment { ref request, .. } if request == b"me"),
        "{seen:?}"
    );
}

#[tokio::test]
async fn t52_an_unknown_peer_that_says_nothing_is_dropped_in_five_seconds() {
    let mut a = Node::start(1, &[TCP]);
    let addr = a.listening().await;
    a.handle.set_enrolment(true).await.unwrap();
    let start = tokio::time::Instant::now();
    let mut mute = Attacker::connect(66, a.key, &addr).await;
    let mut slow = Attacker::connect(67, a.key, &addr).await;
    let mut stream = slow.open("/bocage/enrol/1").await.unwrap();
    stream.write_all(&[0x80]).await.unwrap();
    stream.flush().await.unwrap();
    tokio::join!(mute.dropped(), slow.dropped());
    assert!(start.elapsed() < Duration::from_secs(15), "dropped after {:?}", start.elapsed());
}

#[tokio::test]
async fn garbage_and_silent_sockets_are_dropped_and_disturb_nobody() {
    let (mut a, mut b, link_a, link_b) = pair(TCP).await;
    let target = a.handle.listen_addrs()[0].socket_addr().unwrap();
    let mut garbage = tokio::net::TcpStream::connect(target).await.unwrap();
    garbage.write_all(&[0xa5; 4096]).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, garbage.read_to_end(&mut answer))
        .await
        .expect("garbage is hung up on");

    // A hundred sockets of one address that never finish a handshake: all but a few are dropped at once.
    let mut silent = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut stream = socket.connect(target).await.unwrap();
        silent.spawn(async move {
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes).await;
        });
    }
    for _ in 0..90 {
        timeout(Duration::from_secs(20), silent.join_next())
            .await
            .expect("more than a few silent sockets are kept")
            .unwrap()
            .unwrap();
    }

    // Meanwhile members talk, and a new one gets in.
    a.handle.try_send(link_a, b"still here".to_vec()).unwrap();
    assert_eq!(b.frame().await, b"still here");
    b.handle.try_send(link_b, b"so am I".to_vec()).unwrap();
    assert_eq!(a.frame().await, b"so am I");
    let mut c = Node::start(3, &[]);
    a.live = None;
    a.allow(&[b.key, c.key]).await;
    c.allow(&[a.key]).await;
    c.dial(a.key, &PeerAddr::tcp(target)).await;
    tokio::join!(a.connected(), c.connected());
}

// Discovery: mDNS never works on loopback, so two processes talk over a veth pair between two network namespaces.

const INSIDE: &str = "BOCAGE_TEST_MDNS_SEEDS";

#[test]
fn members_on_one_lan_find_each_other_without_addresses() {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
    let lan = if is_root { Lan::build() } else { None };
    let Some(lan) = lan else {
        println!("skipped: needs root");
        return;
    };
    let inside = |namespace: &str, seeds: &str| {
        Command::new("ip")
            .args(["netns", "exec", namespace])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "network::inside_a_namespace", "--ignored", "--nocapture"])
            .env(INSIDE, seeds)
            .spawn()
            .unwrap()
    };
    let (mut first, mut second) = (inside(&lan.names[0], "1,2"), inside(&lan.names[1], "2,1"));
    let (first, second) = (first.wait().unwrap(), second.wait().unwrap());
    assert!(first.success() && second.success());
}

#[tokio::test]
#[ignore = "run by members_on_one_lan_find_each_other_without_addresses inside a network namespace"]
async fn inside_a_namespace() {
    let Ok(seeds) = std::env::var(INSIDE) else {
        println!("skipped: needs a network namespace");
        return;
    };
    let (mine, other) = seeds.split_once(',').unwrap();
    let settings = NetworkConfig {
        mdns: true,
        ..config(mine.parse().unwrap(), &["/ip4/0.0.0.0/tcp/4517", "/ip4/0.0.0.0/udp/4517/quic-v1"])
    };
    let (handle, events) = spawn(settings).unwrap();
    let mut node = Node {
        key: handle.node_key(),
        handle,
        events,
        live: None,
        replaced: 0,
    };
    let other = key_of_seed(other.parse().unwrap());
    node.handle.allow(BTreeSet::from([other])).await.unwrap();
    // Both find each other at once, so the first link may give way to a second: say it again on each. Whoever was answered has itself
    // answered on that link, and may leave.
    loop {
        match node.event().await {
            NetworkEvent::Connected { link, .. } => drop(node.handle.try_send(link, b"found".to_vec())),
            NetworkEvent::Frame { link, bytes, .. } if bytes == b"found" => drop(node.handle.try_send(link, b"seen".to_vec())),
            NetworkEvent::Frame { bytes, .. } if bytes == b"seen" => break,
            _ => {}
        }
    }
    node.handle.shutdown().await;
}

/// Two namespaces and the cable between them; removed on drop.
struct Lan {
    names: [String; 2],
}

impl Lan {
    /// `None` where the kernel or a missing `ip` doesn't let us.
    fn build() -> Option<Self> {
        let id = std::process::id() % 100_000;
        let lan = Self {
            names: [format!("bocage{id}a"), format!("bocage{id}b")],
        };
        let [a, b] = &lan.names;
        let (va, vb) = (format!("bv{id}a"), format!("bv{id}b"));
        let mut steps = vec![
            format!("netns add {a}"),
            format!("netns add {b}"),
            format!("link add {va} netns {a} type veth peer name {vb} netns {b}"),
        ];
        for (name, veth, ip) in [(a, &va, "10.99.0.1/24"), (b, &vb, "10.99.0.2/24")] {
            steps.push(format!("-n {name} addr add {ip} dev {veth}"));
            steps.push(format!("-n {name} link set {veth} up"));
            steps.push(format!("-n {name} link set lo up"));
            steps.push(format!("-n {name} route add 224.0.0.0/4 dev {veth}"));
        }
        steps.iter().all(|step| run(step)).then_some(lan)
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for name in &self.names {
            run(&format!("netns del {name}"));
        }
    }
}

fn run(arguments: &str) -> bool {
    Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .is_ok_and(|out| out.status.success())
}
