//! The swarm: transports, limits and the order of behaviours. Every number here is a setting that worked on slow links or a bound.
//!
//! Invariant: limits and admission come before everything else in [`Behaviour`]; a later field that refused would leak what an earlier
//! one had built.

use std::time::Duration;

use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{NetworkBehaviour, Swarm};
use libp2p::{SwarmBuilder, connection_limits, mdns, memory_connection_limits, noise, ping, quic, tcp, yamux};

use super::{NetworkConfig, NetworkError, Profile, admission};

/// Inbound handshakes in progress, all addresses together.
const MAX_PENDING_INBOUND: u32 = 64;
/// Connections, all peers together: a district carrier with every node of the network on it.
const MAX_CONNECTIONS: u32 = 512;
/// Ghosts of a died connection count until it is noticed, so one is not enough.
const MAX_CONNECTIONS_PER_PEER: u32 = 4;
/// New connections are refused while the process holds more than this, in bytes.
const MEMORY_LIMIT: usize = 1 << 30;

/// Handshake on a lossy 256 kbit/s line, all included.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(45);
/// Sync, ping, enrolment and room to spare; each costs a peer up to a window of our memory.
const MAX_STREAMS: u32 = 32;
const QUIC_HANDSHAKE: Duration = Duration::from_secs(30);
/// With the keep-alive on both ends, a stream survives an outage of two minutes.
const QUIC_IDLE: Duration = Duration::from_secs(180);
const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(25);
const QUIC_STREAM_WINDOW: u32 = 1 << 20;
const QUIC_CONNECTION_WINDOW: u32 = 4 << 20;
/// A connection without a stream is of no use to anybody.
const IDLE_CONNECTION: Duration = Duration::from_secs(10);

#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    limits: connection_limits::Behaviour,
    memory: memory_connection_limits::Behaviour,
    pub(super) admission: admission::Behaviour,
    ping: ping::Behaviour,
    mdns: Toggle<mdns::tokio::Behaviour>,
}

/// Builds the swarm; nothing listens yet.
pub(super) fn build(config: &NetworkConfig) -> Result<Swarm<Behaviour>, NetworkError> {
    let mut seed = *config.identity_seed;
    let keys = Keypair::ed25519_from_bytes(&mut seed).expect("every 32 bytes are an Ed25519 seed");
    let behaviour = behaviour(config, &keys);
    let swarm = SwarmBuilder::with_existing_identity(keys)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux_config)
        .map_err(|error| NetworkError::Setup(error.to_string()))?
        .with_quic_config(quic_config)
        .with_behaviour(|_| behaviour)
        .map_err(|error| NetworkError::Setup(error.to_string()))?
        .with_swarm_config(|swarm| {
            swarm
                .with_substream_upgrade_protocol_override(Version::V1Lazy)
                .with_smart_dial()
                .with_max_negotiating_inbound_streams(8)
                .with_idle_connection_timeout(IDLE_CONNECTION)
        })
        .with_connection_timeout(CONNECTION_TIMEOUT)
        .build();
    Ok(swarm)
}

fn behaviour(config: &NetworkConfig, keys: &Keypair) -> Behaviour {
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(MAX_PENDING_INBOUND))
        .with_max_established(Some(MAX_CONNECTIONS))
        .with_max_established_per_peer(Some(MAX_CONNECTIONS_PER_PEER));
    let ping = match config.profile {
        Profile::Lan => ping::Config::new(),
        Profile::Metered => ping::Config::new().with_interval(Duration::from_secs(60)),
    };
    Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        memory: memory_connection_limits::Behaviour::with_max_bytes(MEMORY_LIMIT),
        admission: admission::Behaviour::default(),
        ping: ping::Behaviour::new(ping),
        mdns: Toggle::from(config.mdns.then(|| announcer(keys)).flatten()),
    }
}

/// A machine without a usable interface still starts: addresses that were typed need no discovery.
fn announcer(keys: &Keypair) -> Option<mdns::tokio::Behaviour> {
    mdns::tokio::Behaviour::new(mdns::Config::default(), keys.public().to_peer_id())
        .inspect_err(|error| tracing::warn!(%error, "no discovery on the local network"))
        .ok()
}

fn yamux_config() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(MAX_STREAMS as usize);
    config
}

fn quic_config(mut config: quic::Config) -> quic::Config {
    config.handshake_timeout = QUIC_HANDSHAKE;
    config.max_idle_timeout = QUIC_IDLE.as_millis() as u32;
    config.keep_alive_interval = QUIC_KEEP_ALIVE;
    config.max_concurrent_stream_limit = MAX_STREAMS;
    config.max_stream_data = QUIC_STREAM_WINDOW;
    config.max_connection_data = QUIC_CONNECTION_WINDOW;
    config
}
