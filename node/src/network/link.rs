//! One link: the task that moves frames between a sync stream and the engine.
//!
//! Invariants: every event of a link comes from its own task, in order (`Connected`, frames, `Closed`; each of the two exactly once);
//! at most [`QUEUE`] frames wait to be written, so a slow reader costs [`QUEUE`] × 64 KiB and no more; the reader stops reading when
//! the engine stops listening; a link that replaces another is shown only after the other's `Closed`.

use std::collections::HashMap;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bocage_protocol::ids::NodeKey;
use futures::io::BufReader;
use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::Stream;
use tokio::sync::{mpsc, oneshot};

use super::address::PeerAddr;
use super::frames::{self, FrameError, MAX_FRAME};
use super::{CloseReason, LinkId, NetworkEvent, SendError};

/// Frames queued a link. Small, because what is queued can't be overtaken by something urgent.
pub(super) const QUEUE: usize = 4;

/// How long a link that is closed on purpose may take to write what it had accepted.
const DRAIN: Duration = Duration::from_secs(2);

/// The writing ends of all links, shared with the handle.
#[derive(Clone, Default)]
pub(super) struct Queues(Arc<Mutex<HashMap<LinkId, Queue>>>);

struct Queue {
    frames: mpsc::Sender<Vec<u8>>,
    pulse: Arc<Pulse>,
}

/// What the link's task tells without an event.
#[derive(Default)]
pub(super) struct Pulse {
    /// Frames received so far: a peer whose frames arrive is alive, whatever its pings say.
    received: AtomicU64,
    /// The engine met a full queue and waits for `Ready`.
    starved: AtomicBool,
    /// The link has had its turn: the engine knows of it.
    shown: AtomicBool,
}

impl Pulse {
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn is_shown(&self) -> bool {
        self.shown.load(Ordering::Relaxed)
    }
}

impl Queues {
    /// Accepts a frame if the link has room for it; otherwise gives it back, and `Ready` will follow.
    pub(super) fn try_send(&self, link: LinkId, frame: Vec<u8>) -> Result<(), SendError> {
        if frame.is_empty() || frame.len() > MAX_FRAME {
            return Err(SendError::BadLength(frame.len()));
        }
        let queues = self.lock();
        let queue = queues.get(&link).ok_or(SendError::Closed)?;
        let refused = match queue.frames.try_send(frame) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(SendError::Closed),
            Err(mpsc::error::TrySendError::Full(frame)) => frame,
        };
        // The writer may have emptied the queue before it could see the flag, so look again after raising it.
        queue.pulse.starved.store(true, Ordering::SeqCst);
        queue.frames.try_send(refused).map_err(|error| match error {
            mpsc::error::TrySendError::Full(frame) => SendError::Full(frame),
            mpsc::error::TrySendError::Closed(_) => SendError::Closed,
        })
    }

    /// No more frames are accepted for `link`; what is queued may still leave.
    pub(super) fn shut(&self, link: LinkId) {
        self.lock().remove(&link);
    }

    fn open(&self, link: LinkId, queue: Queue) {
        self.lock().insert(link, queue);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LinkId, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The switch's hold on a running link.
pub(super) struct Running {
    /// Ends the task, with the reason the engine will read.
    pub(super) stop: oneshot::Sender<CloseReason>,
    pub(super) pulse: Arc<Pulse>,
}

/// Held by the one link of a peer that the engine sees; links that are to replace it queue for it.
pub(super) type Turn = Arc<tokio::sync::Mutex<()>>;

/// What a link's task needs.
pub(super) struct Link {
    id: LinkId,
    peer: NodeKey,
    addr: PeerAddr,
    outbound: bool,
    stream: Stream,
    turn: Turn,
    queue: mpsc::Receiver<Vec<u8>>,
    pulse: Arc<Pulse>,
    stop: oneshot::Receiver<CloseReason>,
    events: mpsc::Sender<NetworkEvent>,
}

impl Link {
    /// Prepares the task; all links of a peer share its `turn`.
    pub(super) fn new(
        (id, peer, addr, outbound): (LinkId, NodeKey, PeerAddr, bool),
        stream: Stream,
        turn: Turn,
        queues: &Queues,
        events: mpsc::Sender<NetworkEvent>,
    ) -> (Self, Running) {
        let (frames, queue) = mpsc::channel(QUEUE);
        let (stop, stopped) = oneshot::channel();
        let pulse = Arc::new(Pulse::default());
        queues.open(
            id,
            Queue {
                frames,
                pulse: pulse.clone(),
            },
        );
        let running = Running {
            stop,
            pulse: pulse.clone(),
        };
        let link = Self {
            id,
            peer,
            addr,
            outbound,
            stream,
            turn,
            queue,
            pulse,
            stop: stopped,
            events,
        };
        (link, running)
    }

    /// Runs until the stream ends, the peer misbehaves or the switch says stop.
    pub(super) async fn run(mut self) -> LinkId {
        let (id, peer) = (self.id, self.peer);
        let _turn = tokio::select! {
            biased;
            _ = &mut self.stop => return id,
            turn = self.turn.lock_owned() => turn,
        };
        self.pulse.shown.store(true, Ordering::Relaxed);
        let connected = NetworkEvent::Connected {
            peer,
            link: id,
            addr: self.addr.clone(),
            outbound: self.outbound,
        };
        if self.events.send(connected).await.is_err() {
            return id;
        }
        let (reader, writer) = self.stream.split();
        let mut read = pin!(read(reader, id, peer, &self.pulse, &self.events));
        let mut write = pin!(write(writer, id, &mut self.queue, &self.pulse, &self.events));
        let why = tokio::select! {
            biased;
            why = &mut self.stop => {
                let why = why.unwrap_or(CloseReason::Shutdown);
                if matches!(why, CloseReason::Requested | CloseReason::Shutdown) {
                    // Until the peer has hung up, too: a connection that is closed while something of the peer's is unread is reset, and
                    // a reset takes away what the peer hasn't read yet.
                    let drained = async {
                        (&mut write).await;
                        (&mut read).await;
                    };
                    let _ = tokio::time::timeout(DRAIN, drained).await;
                }
                why
            }
            why = &mut read => why,
            why = &mut write => self.stop.try_recv().unwrap_or(why),
        };
        let _ = self.events.send(NetworkEvent::Closed { peer, link: id, why }).await;
        id
    }
}

async fn read<R: futures::AsyncRead + Unpin>(
    stream: R,
    link: LinkId,
    peer: NodeKey,
    pulse: &Pulse,
    events: &mpsc::Sender<NetworkEvent>,
) -> CloseReason {
    let mut stream = BufReader::with_capacity(8 * 1024, stream);
    loop {
        match frames::read(&mut stream, MAX_FRAME).await {
            Ok(Some(bytes)) => {
                pulse.received.fetch_add(1, Ordering::Relaxed);
                if events.send(NetworkEvent::Frame { peer, link, bytes }).await.is_err() {
                    return CloseReason::Shutdown;
                }
            }
            Ok(None) => return CloseReason::HungUp,
            Err(FrameError::Io(error)) => return CloseReason::Lost(error.to_string()),
            Err(error) => return CloseReason::Misbehaved(error.to_string()),
        }
    }
}

/// Ends when the queue is shut and empty, or when the stream breaks.
async fn write<W: futures::AsyncWrite + Unpin>(
    mut stream: W,
    link: LinkId,
    queue: &mut mpsc::Receiver<Vec<u8>>,
    pulse: &Pulse,
    events: &mpsc::Sender<NetworkEvent>,
) -> CloseReason {
    let pumped: io::Result<()> = async {
        // The side that opened the stream has only promised its protocol until something is flushed.
        stream.flush().await?;
        while let Some(frame) = queue.recv().await {
            if pulse.starved.swap(false, Ordering::SeqCst) && events.send(NetworkEvent::Ready { link }).await.is_err() {
                break;
            }
            stream.write_all(&frames::encode(&frame)).await?;
            if queue.is_empty() {
                stream.flush().await?;
            }
        }
        stream.close().await
    }
    .await;
    match pumped {
        Ok(()) => CloseReason::Requested,
        Err(error) => CloseReason::Lost(error.to_string()),
    }
}
