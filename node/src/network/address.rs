//! Where a node can be reached, as text that people read aloud, print in a QR code and store in a registry hint.
//!
//! Invariant: a [`PeerAddr`] always names one of the two transports this node speaks (TCP, QUIC over UDP) at an IP address or a DNS
//! name. Relays, web sockets and whatever else a multiaddr can say are refused on entry, so that nothing downstream has to.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use bocage_protocol::ids::NodeKey;
use libp2p::identity::{PublicKey, ed25519};
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::{PeerId, multihash::Multihash};
use thiserror::Error;

/// The port of a Bocage node, TCP and UDP alike: one number to open in a clinic's router.
pub const DEFAULT_PORT: u16 = 4517;

/// Longest accepted text: a DNS name is at most 253 characters, the rest of a multiaddr less than 100.
const MAX_TEXT: usize = 400;

/// A resolver that doesn't answer in this time is treated as a name that doesn't exist.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a text isn't an address. The message is shown to whoever typed it.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum AddressError {
    /// Neither a multiaddr nor a host with an optional port.
    #[error("{0:?} is not an address; write HOST, HOST:PORT or a multiaddr such as /ip4/192.168.1.20/tcp/4517")]
    Unreadable(String),
    /// A multiaddr of a transport this node doesn't speak.
    #[error("{0} names a transport other than TCP and QUIC, or a node key that is not Ed25519")]
    Unsupported(String),
}

/// One address of one node, with or without the node's key (`/p2p/…`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddr(String);

impl PeerAddr {
    pub fn tcp(socket: SocketAddr) -> Self {
        Self(Multiaddr::from(socket.ip()).with(Protocol::Tcp(socket.port())).to_string())
    }

    pub fn quic(socket: SocketAddr) -> Self {
        Self(
            Multiaddr::from(socket.ip())
                .with(Protocol::Udp(socket.port()))
                .with(Protocol::QuicV1)
                .to_string(),
        )
    }

    /// Every interface, both transports, IPv4 and IPv6: what a node listens on unless told otherwise.
    pub fn everywhere(port: u16) -> Vec<Self> {
        let sockets = [
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
        ];
        sockets
            .into_iter()
            .flat_map(|socket| [Self::quic(socket), Self::tcp(socket)])
            .collect()
    }

    /// The key in the address, when it carries one.
    pub fn node_key(&self) -> Option<NodeKey> {
        self.multiaddr().iter().find_map(|part| match part {
            Protocol::P2p(peer) => node_key(&peer),
            _ => None,
        })
    }

    /// The same address saying which node must answer there. `None` if `key` is not a point of the curve.
    pub fn with_node_key(&self, key: &NodeKey) -> Option<Self> {
        let peer = peer_id(key)?;
        Some(Self(without_key(self.multiaddr()).with(Protocol::P2p(peer)).to_string()))
    }

    /// The same address without a key.
    pub fn without_node_key(&self) -> Self {
        Self(without_key(self.multiaddr()).to_string())
    }

    /// The socket, unless the address holds a DNS name.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match (self.host(), self.port()) {
            (Host::Ip(ip), port) => Some(SocketAddr::new(ip, port)),
            (Host::Name(_), _) => None,
        }
    }

    pub fn port(&self) -> u16 {
        let port = self.multiaddr().iter().find_map(|part| match part {
            Protocol::Tcp(port) | Protocol::Udp(port) => Some(port),
            _ => None,
        });
        port.unwrap_or(DEFAULT_PORT)
    }

    pub fn is_quic(&self) -> bool {
        self.multiaddr().iter().any(|part| part == Protocol::QuicV1)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn multiaddr(&self) -> Multiaddr {
        self.0.parse().expect("a PeerAddr is made only from a parsed multiaddr")
    }

    /// Takes what the swarm or an announcement says, without the key. `None` for transports this node doesn't speak.
    pub(super) fn from_multiaddr(addr: &Multiaddr) -> Option<Self> {
        let bare = without_key(addr.clone());
        is_spoken(&bare).then(|| Self(bare.to_string()))
    }

    /// Addresses that can be dialled: names looked up through the operating system (so that a laptop that changes networks follows
    /// the new resolver), keys stripped. Empty when the name doesn't resolve.
    pub(super) async fn resolve(&self) -> Vec<Multiaddr> {
        let bare = without_key(self.multiaddr());
        let Host::Name(name) = self.host() else {
            return vec![bare];
        };
        let found = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((name.as_str(), self.port()))).await;
        let Ok(Ok(found)) = found else {
            return Vec::new();
        };
        let ips: BTreeSet<IpAddr> = found.map(|socket| socket.ip()).collect();
        ips.into_iter()
            .take(4)
            .map(|ip| bare.replace(0, |_| Some(Protocol::from(ip))).unwrap_or_else(|| bare.clone()))
            .collect()
    }

    fn host(&self) -> Host {
        match self.multiaddr().iter().next() {
            Some(Protocol::Ip4(ip)) => Host::Ip(ip.into()),
            Some(Protocol::Ip6(ip)) => Host::Ip(ip.into()),
            Some(Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name)) => Host::Name(name.into_owned()),
            _ => Host::Name(String::new()),
        }
    }
}

enum Host {
    Ip(IpAddr),
    Name(String),
}

impl FromStr for PeerAddr {
    type Err = AddressError;

    /// Reads a multiaddr, `HOST:PORT` or `HOST`; the last two mean TCP, which passes more firewalls than UDP.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let unreadable = || AddressError::Unreadable(text.chars().take(80).collect());
        if text.is_empty() || text.len() > MAX_TEXT {
            return Err(unreadable());
        }
        if text.starts_with('/') {
            let addr: Multiaddr = text.parse().map_err(|_| unreadable())?;
            return if is_spoken(&addr) {
                Ok(Self(addr.to_string()))
            } else {
                Err(AddressError::Unsupported(text.to_owned()))
            };
        }
        if let Ok(socket) = text.parse::<SocketAddr>() {
            return Ok(Self::tcp(socket));
        }
        if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Self::tcp(SocketAddr::new(ip, DEFAULT_PORT)));
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| unreadable())?),
            None => (text, DEFAULT_PORT),
        };
        if !is_host_name(host) {
            return Err(unreadable());
        }
        Ok(Self(
            Multiaddr::empty()
                .with(Protocol::Dns(host.into()))
                .with(Protocol::Tcp(port))
                .to_string(),
        ))
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_host_name(host: &str) -> bool {
    let label =
        |label: &str| !label.is_empty() && label.len() <= 63 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(label)
}

/// HOST / tcp / PORT or HOST / udp / PORT / quic-v1, then perhaps a key.
fn is_spoken(addr: &Multiaddr) -> bool {
    let mut parts = addr.iter();
    let host = match parts.next() {
        Some(Protocol::Ip4(_) | Protocol::Ip6(_)) => true,
        Some(Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name)) => is_host_name(&name),
        _ => false,
    };
    let transport = match parts.next() {
        Some(Protocol::Tcp(_)) => true,
        Some(Protocol::Udp(_)) => parts.next() == Some(Protocol::QuicV1),
        _ => false,
    };
    let key = match parts.next() {
        None => true,
        Some(Protocol::P2p(peer)) => node_key(&peer).is_some(),
        Some(_) => false,
    };
    host && transport && key && parts.next().is_none()
}

fn without_key(addr: Multiaddr) -> Multiaddr {
    addr.into_iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect()
}

/// The key inside a peer id. `None` for identities that aren't Ed25519: no member has one.
pub(super) fn node_key(peer: &PeerId) -> Option<NodeKey> {
    let hash: &Multihash<64> = peer.as_ref();
    let key = PublicKey::try_decode_protobuf(hash.digest()).ok()?.try_into_ed25519().ok()?;
    Some(NodeKey(key.to_bytes()))
}

/// `None` if the bytes are not a point of the curve: such a member can never connect.
pub(super) fn peer_id(key: &NodeKey) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(key.as_bytes()).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PeerAddr, AddressError> {
        text.parse()
    }

    #[test]
    fn what_people_type_becomes_a_tcp_address_on_the_default_port() {
        assert_eq!(read("192.168.1.20").unwrap().as_str(), "/ip4/192.168.1.20/tcp/4517");
        assert_eq!(read(" 192.168.1.20:80 ").unwrap().as_str(), "/ip4/192.168.1.20/tcp/80");
        assert_eq!(read("[::1]:80").unwrap().as_str(), "/ip6/::1/tcp/80");
        assert_eq!(read("::1").unwrap().as_str(), "/ip6/::1/tcp/4517");
        assert_eq!(read("carrier.example.org").unwrap().as_str(), "/dns/carrier.example.org/tcp/4517");
        assert_eq!(read("carrier.example.org:99").unwrap().as_str(), "/dns/carrier.example.org/tcp/99");
    }

    #[test]
    fn multiaddrs_keep_their_transport_and_key() {
        let key = NodeKey(ed25519::Keypair::generate().public().to_bytes());
        let quic = PeerAddr::quic("10.0.0.1:4517".parse().unwrap());
        assert!(quic.is_quic());
        let keyed = quic.with_node_key(&key).unwrap();
        assert_eq!(read(keyed.as_str()).unwrap().node_key(), Some(key));
        assert_eq!(keyed.without_node_key(), quic);
        assert_eq!(keyed.socket_addr(), Some("10.0.0.1:4517".parse().unwrap()));
    }

    #[test]
    fn other_transports_and_nonsense_are_refused() {
        for text in [
            "/ip4/1.2.3.4/tcp/1/ws",
            "/ip4/1.2.3.4/udp/1",
            "/dnsaddr/a.org",
            "/ip4/1.2.3.4/tcp/1/p2p-circuit",
        ] {
            assert!(matches!(read(text), Err(AddressError::Unsupported(_))), "{text}");
        }
        for text in [
            "",
            "/ip4/1.2.3/tcp/1",
            "a b",
            "host:port",
            "host:70000",
            "a..b",
            "../../x",
            &"a".repeat(500),
        ] {
            assert!(matches!(read(text), Err(AddressError::Unreadable(_))), "{text}");
        }
    }

    #[test]
    fn a_peer_id_that_is_not_ed25519_has_no_node_key() {
        assert_eq!(node_key(&PeerId::random()), None);
    }
}
