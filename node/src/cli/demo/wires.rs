//! The demonstration's cables: each pair of nodes talks through a forwarder here, so that cutting a cable really severs the
//! connections, and the bytes on each are counted. The nodes know nothing of it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Two nodes by their place in the cast, the dialer first.
pub(super) type Pair = (usize, usize);

/// All cables of the demonstration.
pub(super) struct Wires(BTreeMap<Pair, Wire>);

struct Wire {
    port: u16,
    plugged: watch::Sender<bool>,
    bytes: Arc<AtomicU64>,
}

impl Wires {
    /// A cable for each pair; `ports` are where the nodes listen.
    pub(super) async fn lay(pairs: &[Pair], ports: &[u16]) -> io::Result<Self> {
        let mut wires = BTreeMap::new();
        for (from, to) in pairs {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let port = listener.local_addr()?.port();
            let (plugged, state) = watch::channel(true);
            let bytes = Arc::new(AtomicU64::new(0));
            tokio::spawn(forward(listener, ports[*to], state, bytes.clone()));
            wires.insert((*from, *to), Wire { port, plugged, bytes });
        }
        Ok(Self(wires))
    }

    /// Where `from` dials to reach `to`.
    pub(super) fn port(&self, pair: Pair) -> u16 {
        self.0[&pair].port
    }

    /// Plugs exactly the cables that `wanted` names; connections on all others break at once.
    pub(super) fn plug(&self, wanted: impl Fn(Pair) -> bool) {
        for (pair, wire) in &self.0 {
            wire.plugged.send_replace(wanted(*pair));
        }
    }

    /// Bytes that have crossed a cable, both ways.
    pub(super) fn bytes(&self, pair: Pair) -> u64 {
        self.0[&pair].bytes.load(Ordering::Relaxed)
    }
}

async fn forward(listener: TcpListener, to: u16, plugged: watch::Receiver<bool>, bytes: Arc<AtomicU64>) {
    while let Ok((near, _)) = listener.accept().await {
        if !*plugged.borrow() {
            continue;
        }
        let (mut plugged, bytes) = (plugged.clone(), bytes.clone());
        tokio::spawn(async move {
            let Ok(far) = TcpStream::connect(("127.0.0.1", to)).await else {
                return;
            };
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            tokio::select! {
                () = pour(near_in, far_out, &bytes) => {}
                () = pour(far_in, near_out, &bytes) => {}
                _ = plugged.wait_for(|plugged| !plugged) => {}
            }
        });
    }
}

async fn pour(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, bytes: &AtomicU64) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(n) = from.read(&mut buffer).await {
        if n == 0 || to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
        bytes.fetch_add(n as u64, Ordering::Relaxed);
    }
}
