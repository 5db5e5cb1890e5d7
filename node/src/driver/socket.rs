//! The local API: who may open the socket's file may ask; one task a connection, one line of JSON a message.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

use crate::client::{Asked, Call, Failure, MAX_LINE, Reply, Request};
use crate::service::Service;

/// A watcher is told of changes twenty times a second at most.
const AT_MOST_EVERY: Duration = Duration::from_millis(50);

/// Opens the socket and serves it until the receiver is dropped.
pub(super) fn serve(service: &Service, revisions: watch::Receiver<u64>) -> std::io::Result<mpsc::Receiver<Call>> {
    let path = service.home.socket();
    // Whoever holds the store's lock owns the socket's name: what is left here is from a process that died.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let (calls, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        let mut session = 0;
        while let Ok((stream, _)) = listener.accept().await {
            session += 1;
            tokio::spawn(connection(stream, session, calls.clone(), revisions.clone()));
        }
    });
    Ok(receiver)
}

async fn connection(stream: UnixStream, session: u64, calls: mpsc::Sender<Call>, mut revisions: watch::Receiver<u64>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = Zeroizing::new(Vec::new());
        match (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line).await {
            Ok(n) if n > 0 && line.ends_with(b"\n") => {}
            _ => break,
        }
        let (replies, mut answers) = mpsc::unbounded_channel();
        match serde_json::from_slice(&line) {
            Ok(Request::Watch) => {
                if tell(&mut lines, &mut write, &mut revisions).await.is_err() {
                    break;
                }
                continue;
            }
            Ok(request) => {
                if calls
                    .send(Call {
                        session,
                        what: Asked::Request(request),
                        replies,
                    })
                    .await
                    .is_err()
                {
                    break;
                }
            }
            Err(error) => drop(replies.send(Reply::Failed(Failure::new(
                "usage",
                format!("not a request: {error}"),
                format!("ce n'est pas une demande que ce nœud connaît ({error})"),
            )))),
        }
        while let Some(reply) = answers.recv().await {
            if write_line(&mut write, &reply).await.is_err() {
                break;
            }
        }
    }
    let (replies, _) = mpsc::unbounded_channel();
    let _ = calls
        .send(Call {
            session,
            what: Asked::Gone,
            replies,
        })
        .await;
}

/// Tells of changes until the other side says something or goes. Nothing queues: of changes that come while nobody reads, the last is told.
async fn tell(
    lines: &mut BufReader<OwnedReadHalf>,
    write: &mut OwnedWriteHalf,
    revisions: &mut watch::Receiver<u64>,
) -> std::io::Result<()> {
    loop {
        let revision = *revisions.borrow_and_update();
        write_line(write, &Reply::Changed { revision }).await?;
        tokio::select! {
            more = lines.fill_buf() => return more.map(drop),
            next = async {
                tokio::time::sleep(AT_MOST_EVERY).await;
                revisions.changed().await
            } => next.map_err(std::io::Error::other)?,
        }
    }
}

async fn write_line(write: &mut OwnedWriteHalf, reply: &Reply) -> std::io::Result<()> {
    let mut bytes = serde_json::to_vec(reply)?;
    bytes.push(b'\n');
    write.write_all(&bytes).await
}
