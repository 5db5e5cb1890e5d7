//! The stream of a node that isn't a member yet: small, slow to abuse, and handed to whoever decides about admission.
//!
//! Invariants: a stranger's first message is at most [`MAX_REQUEST`] bytes and must be complete within [`KNOCK_TIME`] of the
//! handshake; after that both directions together carry at most [`BUDGET`] bytes in at most [`ENROL_TIME`].

use std::io;
use std::time::Duration;

use bocage_protocol::ids::NodeKey;
use futures::AsyncWriteExt;
use libp2p::Stream;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use super::frames::{self, FrameError};

/// What an unknown peer may say before somebody looks at it, in bytes (T-52).
pub const MAX_REQUEST: usize = 4 * 1024;

/// Bytes one enrolment may carry, both directions together.
pub const BUDGET: usize = 64 * 1024;

/// An unknown peer that hasn't made its request by then is dropped (T-52).
pub(super) const KNOCK_TIME: Duration = Duration::from_secs(5);

/// The admission window after first contact.
pub const ENROL_TIME: Duration = Duration::from_secs(600);

/// Why an enrolment stopped. The invitation is untouched by any of these; it may be tried again.
#[derive(Debug, Error)]
pub enum EnrolError {
    /// Nobody answered, or somebody else than expected, or enrolment is not open there.
    #[error("no enrolment at this address: {0}")]
    Unreachable(String),
    /// The message is empty or larger than what is left of the budget; or the peer announced one that is.
    #[error("the enrolment message is empty or exceeds the {BUDGET} bytes an enrolment may carry")]
    OverBudget,
    /// The window of ten minutes has passed.
    #[error("the enrolment window has passed; start again with the same invitation")]
    TimedOut,
    /// The other side hung up.
    #[error("the other side ended the enrolment")]
    HungUp,
    /// The line broke.
    #[error("the line broke: {0}")]
    Lost(#[source] io::Error),
    /// The peer's bytes are not frames.
    #[error("the other side doesn't follow the protocol: {0}")]
    Misbehaved(String),
    /// The network task has stopped.
    #[error("the network is stopped")]
    Stopped,
}

/// A conversation with a peer whose key is proven and whose right to be here isn't. Dropping it ends it.
#[derive(Debug)]
pub struct EnrolStream {
    peer: NodeKey,
    stream: Stream,
    left: usize,
    ends: Instant,
}

impl EnrolStream {
    pub(super) fn new(peer: NodeKey, stream: Stream) -> Self {
        Self {
            peer,
            stream,
            left: BUDGET,
            ends: Instant::now() + ENROL_TIME,
        }
    }

    /// The key the other side proved in the handshake.
    pub fn peer(&self) -> NodeKey {
        self.peer
    }

    /// The next message of the other side.
    pub async fn receive(&mut self) -> Result<Vec<u8>, EnrolError> {
        self.receive_at_most(self.left, self.ends).await
    }

    /// Sends one message.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), EnrolError> {
        if message.is_empty() || message.len() > self.left {
            return Err(EnrolError::OverBudget);
        }
        self.left -= message.len();
        let sent = timeout_at(self.ends, async {
            self.stream.write_all(&frames::encode(message)).await?;
            self.stream.flush().await
        });
        sent.await.map_err(|_| EnrolError::TimedOut)?.map_err(EnrolError::Lost)
    }

    /// Says that nothing follows, and waits until the other side has said so too.
    pub async fn finish(mut self) -> Result<(), EnrolError> {
        timeout_at(self.ends, self.stream.close())
            .await
            .map_err(|_| EnrolError::TimedOut)?
            .map_err(EnrolError::Lost)?;
        match self.receive().await {
            Err(EnrolError::HungUp) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(EnrolError::Misbehaved("a message after the end".into())),
        }
    }

    /// The first message of a stranger.
    pub(super) async fn receive_request(&mut self) -> Result<Vec<u8>, EnrolError> {
        self.receive_at_most(MAX_REQUEST, Instant::now() + KNOCK_TIME).await
    }

    async fn receive_at_most(&mut self, max: usize, by: Instant) -> Result<Vec<u8>, EnrolError> {
        let message = match timeout_at(by, frames::read(&mut self.stream, max)).await {
            Err(_) => return Err(EnrolError::TimedOut),
            Ok(Ok(Some(message))) => message,
            Ok(Ok(None)) => return Err(EnrolError::HungUp),
            Ok(Err(FrameError::Io(error))) => return Err(EnrolError::Lost(error)),
            Ok(Err(FrameError::TooLong(_))) => return Err(EnrolError::OverBudget),
            Ok(Err(error)) => return Err(EnrolError::Misbehaved(error.to_string())),
        };
        self.left = self.left.saturating_sub(message.len());
        Ok(message)
    }
}
