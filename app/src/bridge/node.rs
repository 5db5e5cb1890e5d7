//! The node behind the window: attached to where one runs on the directory, else started here.

use std::path::PathBuf;

use bocage_node::client::{Client, Failure};
use bocage_node::driver::{self, Driver};
use bocage_node::home::Home;
use bocage_node::network::{DEFAULT_PORT, PeerAddr};
use bocage_node::service::Service;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Where the node lives and how it runs if it is started here.
#[derive(Clone, Default)]
pub struct Options {
    /// The data directory; `None`: the platform's.
    pub data: Option<PathBuf>,
    pub listen: Vec<String>,
    pub peers: Vec<String>,
    pub mdns: bool,
    /// Opens the seat without asking: for the demonstration, and where `BOCAGE_PASSPHRASE` is set.
    pub passphrase: Option<String>,
    /// Everything is invented, and goes with the window.
    pub demo: bool,
    /// Where settings are kept; `None`: nowhere.
    pub settings: Option<PathBuf>,
}

/// A node that this window started.
pub(super) struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Failure>>,
}

impl Running {
    /// Stops it and waits until everything is closed.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        if let Ok(Err(failure)) = self.task.await {
            tracing::warn!(%failure, "the node did not stop cleanly");
        }
    }
}

/// Attaches to the node on this directory, starting it if none runs.
pub(super) async fn open(
    home: &Home,
    options: &Options,
    progress: impl Fn(u64, u64) + Send + 'static,
) -> Result<(Client, Option<Running>), Failure> {
    if let Some(client) = Client::attach(&home.socket()).await {
        return Ok((client, None));
    }
    let addresses = |texts: &[String]| {
        let parse = |text: &String| text.parse::<PeerAddr>().map_err(|e| Failure::of("usage", &e));
        texts.iter().map(parse).collect::<Result<Vec<_>, _>>()
    };
    let mut listen = addresses(&options.listen)?;
    if listen.is_empty() {
        listen = PeerAddr::everywhere(DEFAULT_PORT);
    }
    let peers = addresses(&options.peers)?;
    let at = home.clone();
    let opened = tokio::task::spawn_blocking(move || Service::open(at, &mut |done, total| progress(done, total)));
    let service = opened.await.map_err(|e| gone(&e.to_string()))??;
    let driver = Driver::start(
        service,
        driver::Options {
            listen,
            peers,
            mdns: options.mdns,
            in_window: true,
        },
    )
    .await?;
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(driver.run(async {
        let _ = stopped.await;
    }));
    let client = Client::attach(&home.socket()).await.ok_or_else(|| gone("no socket"))?;
    Ok((client, Some(Running { stop, task })))
}

fn gone(why: &str) -> Failure {
    Failure::new(
        "gone",
        format!("the node could not be started; nothing is lost: close this window and open it again ({why})"),
        format!("le nœud n'a pas pu démarrer ; rien n'est perdu : fermez cette fenêtre et rouvrez-la ({why})"),
    )
}
