//! An emulated line of a rate and a round trip between two real nodes: real disks, real libp2p, every byte on the socket counted.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bocage_node::client::{Client, Reply, Request, Status};
use bocage_node::driver::{Driver, Options};
use bocage_node::home::Home;
use bocage_node::place::Description;
use bocage_node::service::{Service, found_network};
use bocage_protocol::identity::{FacilityKind, Profession};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

const PASSPHRASE: &str = "quatre mots pris au hasard";
/// A packet of the emulated line.
const PACKET: usize = 1_400;
/// What a router in between keeps waiting, in packets: a quarter of a second at 256 kbit/s would be six.
const QUEUE: usize = 24;

/// A clinic and a cabin that know each other, and nothing else.
pub(crate) fn clinic_and_cabin(root: &Path) -> anyhow::Result<Vec<Home>> {
    let place = |facility: &str, who: Option<&str>| Description {
        facility: facility.to_owned(),
        kind: if who.is_some() { FacilityKind::Clinic } else { FacilityKind::Cabin },
        finess: String::new(),
        town: String::new(),
        practitioner: who.map(|name| (name.to_owned(), Profession::Doctor, String::new())),
    };
    let places = [
        place("Centre de Saint-Aubin", Some("Dr Élise Marchand")),
        place("Cabine de Gramat", None),
    ];
    Ok(found_network(root, "Quercy", &places, PASSPHRASE)?)
}

/// The emulated line.
pub(crate) struct Line {
    pub(crate) bytes_per_second: f64,
    pub(crate) one_way: Duration,
    pub(crate) crossed: Arc<AtomicU64>,
}

impl Line {
    /// Lays it to this port; returns where it begins.
    pub(crate) async fn lay(&self, to: u16) -> anyhow::Result<u16> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (rate, one_way, crossed) = (self.bytes_per_second, self.one_way, Arc::clone(&self.crossed));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", to)).await else {
                    continue;
                };
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                for (from, to) in [(near_in, far_out), (far_in, near_out)] {
                    let (sent, queue) = mpsc::channel(QUEUE);
                    tokio::spawn(enter(from, sent, rate, one_way, Arc::clone(&crossed)));
                    tokio::spawn(leave(queue, to));
                }
            }
        });
        Ok(port)
    }

    /// Lets the far node meet the near one until both hold the same.
    pub(crate) async fn meet(&self, near: &Node, far: &Home, dial: &[String]) -> anyhow::Result<Crossing> {
        let before = self.crossed.load(Ordering::Relaxed);
        let items = near.status().await?.item_bytes_sent;
        let began = Instant::now();
        let far = Node::start(far, dial.to_vec()).await?;
        while far.status().await?.root != near.status().await?.root || far.status().await?.peers.iter().all(|p| !p.settled) {
            sleep(Duration::from_millis(10)).await;
        }
        let seconds = began.elapsed().as_secs_f64();
        let bytes = self.crossed.load(Ordering::Relaxed) - before;
        let encoded = near.status().await?.item_bytes_sent - items;
        far.stop().await?;
        let needed = bytes as f64 / self.bytes_per_second + 4.0 * self.one_way.as_secs_f64();
        Ok(Crossing {
            seconds,
            needed,
            bytes,
            encoded,
        })
    }
}

/// What one meeting took.
pub(crate) struct Crossing {
    pub(crate) seconds: f64,
    /// What the line itself needs for these bytes, with two round trips.
    pub(crate) needed: f64,
    /// On the socket, both ways, handshakes and all.
    pub(crate) bytes: u64,
    /// Of envelopes and registry ops among them.
    pub(crate) encoded: u64,
}

type Packet = (Instant, Vec<u8>);

/// Each packet waits for the one before it, then takes its time to be sent and to arrive.
async fn enter(mut from: OwnedReadHalf, queue: mpsc::Sender<Packet>, rate: f64, one_way: Duration, crossed: Arc<AtomicU64>) {
    let mut buffer = vec![0; PACKET];
    let mut free = Instant::now();
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        crossed.fetch_add(n as u64, Ordering::Relaxed);
        free = free.max(Instant::now()) + Duration::from_secs_f64(n as f64 / rate);
        if queue.send((free + one_way, buffer[..n].to_vec())).await.is_err() {
            return;
        }
    }
}

async fn leave(mut queue: mpsc::Receiver<Packet>, mut to: OwnedWriteHalf) {
    while let Some((at, packet)) = queue.recv().await {
        sleep_until(at).await;
        if to.write_all(&packet).await.is_err() {
            return;
        }
    }
}

/// A node in this process, with its own runtime task, disk and socket.
pub(crate) struct Node {
    home: Home,
    listening: Vec<String>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<(), bocage_node::client::Failure>>,
}

impl Node {
    pub(crate) async fn start(home: &Home, peers: Vec<String>) -> anyhow::Result<Self> {
        let service = Service::open(home.clone(), &mut |_, _| {})?;
        let options = Options {
            listen: vec!["/ip4/127.0.0.1/tcp/0".parse()?],
            peers: peers.iter().map(|p| p.parse()).collect::<Result<_, _>>()?,
            mdns: false,
            in_window: false,
        };
        let driver = Driver::start(service, options).await?;
        while driver.listening().is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
        let listening = driver.listening();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(driver.run(async {
            let _ = stopped.await;
        }));
        Ok(Self {
            home: home.clone(),
            listening,
            stop,
            task,
        })
    }

    pub(crate) fn port(&self) -> anyhow::Result<u16> {
        let port = self.listening.iter().find_map(|a| a.rsplit('/').next()?.parse().ok());
        port.context("no port in what it listens on")
    }

    async fn client(&self) -> anyhow::Result<Client> {
        Client::attach(&self.home.socket()).await.context("the node doesn't answer")
    }

    pub(crate) async fn status(&self) -> anyhow::Result<Status> {
        match self.client().await?.ask(Request::Status, |_, _| {}).await? {
            Reply::Status(status) => Ok(status),
            _ => bail!("another answer"),
        }
    }

    /// With its seat open.
    pub(crate) async fn desk(&self) -> anyhow::Result<Client> {
        let mut client = self.client().await?;
        let passphrase = PASSPHRASE.to_owned();
        client.ask(Request::Unlock { passphrase }, |_, _| {}).await?;
        Ok(client)
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let _ = self.stop.send(());
        Ok(self.task.await??)
    }
}
