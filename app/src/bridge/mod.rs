//! Between the window and the node: commands go one way, events the other, on a thread with a runtime of its own. The window never
//! waits; what arrives wakes it.
//!
//! The node may be this process's or another's: either way it is asked over its local socket, as the command line does.

use std::sync::Arc;
use std::sync::mpsc as sync;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

mod convert;
mod files;
mod node;
mod settings;
mod setup;
mod worker;

pub use node::Options;
pub use settings::{SettingsFile, load as load_settings};

use crate::state::{Command, Event};
use worker::Worker;

/// Wakes the window.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// How long the node may take to stop cleanly when the window closes.
const STOP: Duration = Duration::from_secs(20);

/// The window's end.
pub struct Bridge {
    commands: Option<mpsc::UnboundedSender<Command>>,
    events: sync::Receiver<Event>,
    thread: Option<(thread::JoinHandle<()>, sync::Receiver<()>)>,
}

/// The worker's way to the window.
#[derive(Clone)]
pub(crate) struct Window {
    events: sync::Sender<Event>,
    wake: Wake,
}

impl Window {
    /// Says something; a window that has gone hears nothing.
    pub(crate) fn say(&self, event: Event) {
        if self.events.send(event).is_ok() {
            (self.wake)();
        }
    }
}

impl Bridge {
    /// Starts the thread; nothing is opened before [`Command::Start`].
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(options: Options, wake: Wake) -> std::io::Result<Self> {
        let (commands, asked) = mpsc::unbounded_channel();
        let (said, events) = sync::channel();
        let (ended, end) = sync::channel();
        let window = Window { events: said, wake };
        let thread = thread::Builder::new().name("bridge".to_owned()).spawn(move || {
            match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
                Ok(runtime) => runtime.block_on(Worker::new(options, window).run(asked)),
                Err(error) => window.say(Event::Broken(convert::system(&error))),
            }
            let _ = ended.send(());
        })?;
        Ok(Self {
            commands: Some(commands),
            events,
            thread: Some((thread, end)),
        })
    }

    pub fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            // A worker that has gone said why.
            let _ = commands.send(command);
        }
    }

    pub fn try_recv(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }
}

/// Whatever was asked is carried out first, then the node stops cleanly.
impl Drop for Bridge {
    fn drop(&mut self) {
        self.commands = None;
        if let Some((thread, end)) = self.thread.take()
            && end.recv_timeout(STOP).is_ok()
        {
            drop(thread.join());
        }
    }
}
