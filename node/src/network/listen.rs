//! Opening the ports, and saying in a person's words why a port or a dial failed.

use std::io;
use std::net::{TcpListener, UdpSocket};

use libp2p::TransportError;
use libp2p::swarm::{DialError, Swarm};

use super::address::{PeerAddr, node_key};
use super::behaviour::Behaviour;
use super::{NetworkError, admission};

/// Binds every address or none. libp2p shares a TCP port with any program of the same user that shares it too (`SO_REUSEPORT`), a
/// second node would thus start and steal connections; so each port is tried without sharing first.
pub(super) fn listen(swarm: &mut Swarm<Behaviour>, addrs: &[PeerAddr]) -> Result<(), NetworkError> {
    let mut usable = Vec::new();
    for addr in addrs {
        match probe(addr) {
            Ok(()) => usable.push(addr),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(NetworkError::PortInUse {
                    port: addr.port(),
                    addr: addr.clone(),
                });
            }
            // A machine without IPv6 is none the worse for it.
            Err(error)
                if addr
                    .socket_addr()
                    .is_some_and(|socket| socket.is_ipv6() && socket.ip().is_unspecified()) =>
            {
                tracing::debug!(%addr, %error, "no IPv6 here");
            }
            Err(error) => {
                return Err(NetworkError::Listen {
                    addr: addr.clone(),
                    why: error.to_string(),
                });
            }
        }
    }
    for addr in usable {
        swarm.listen_on(addr.without_node_key().multiaddr()).map_err(|error| match error {
            TransportError::Other(error) if error.kind() == io::ErrorKind::AddrInUse => NetworkError::PortInUse {
                port: addr.port(),
                addr: addr.clone(),
            },
            error => NetworkError::Listen {
                addr: addr.clone(),
                why: error.to_string(),
            },
        })?;
    }
    Ok(())
}

fn probe(addr: &PeerAddr) -> io::Result<()> {
    let socket = addr
        .socket_addr()
        .ok_or_else(|| io::Error::other("a name is no address to listen on"))?;
    if addr.is_quic() {
        UdpSocket::bind(socket).map(drop)
    } else {
        TcpListener::bind(socket).map(drop)
    }
}

/// What a person can do something with, out of what libp2p says.
pub(super) fn explain(error: &DialError) -> String {
    match error {
        DialError::Denied { cause } if cause.downcast_ref::<admission::NotAMember>().is_some() => {
            "the node there is not a member of this network".into()
        }
        DialError::WrongPeerId { obtained, .. } => match node_key(obtained) {
            Some(key) => format!("another node ({key}) answers there"),
            None => "something else than a node of this kind answers there".into(),
        },
        DialError::LocalPeerId { .. } => "this is the node itself".into(),
        DialError::Transport(errors) => match errors.first() {
            Some((_, TransportError::Other(error))) => root_cause(error),
            Some((_, error)) => error.to_string(),
            None => "no answer".into(),
        },
        error => error.to_string(),
    }
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
