//! `bocage run`: the node in the foreground, until it is told to stop.

use std::io::Write as _;

use serde_json::json;

use super::{Bar, Session, args, listening, stop_signal, unexpected};
use crate::client::{Failure, Reply, Request};
use crate::driver::{Driver, Options};
use crate::network::{DEFAULT_PORT, PeerAddr};
use crate::service::Service;

impl Session {
    pub(super) async fn serve(&self, run: args::Run) -> Result<u8, Failure> {
        let parse = |text: &String| text.parse::<PeerAddr>().map_err(|e| Failure::of("usage", &e));
        let mut listen = Vec::new();
        for text in &run.listen {
            let addr = parse(text)?;
            // A plain host and port means both transports there.
            if let (false, Some(socket)) = (text.starts_with('/'), addr.socket_addr()) {
                listen.push(PeerAddr::quic(socket));
            }
            listen.push(addr);
        }
        if listen.is_empty() {
            listen = PeerAddr::everywhere(DEFAULT_PORT);
        }
        let peers = run.peer.iter().map(parse).collect::<Result<_, _>>()?;
        self.reachable()?;
        let bar = Bar::new(self.json);
        let service = Service::open(self.home.clone(), &mut |done, total| bar.show(done, total));
        bar.clear();
        let mut service = service?;
        if let Ok(passphrase) = std::env::var("BOCAGE_PASSPHRASE") {
            service.keep_open(&passphrase)?;
        }
        let Reply::Status(place) = service.handle(0, Request::Status, &mut |_, _| {})? else {
            return Err(unexpected());
        };
        let driver = Driver::start(
            service,
            Options {
                listen,
                peers,
                mdns: !run.no_mdns,
                in_window: false,
            },
        )
        .await?;
        let listening = listening(&driver).await;
        if self.json {
            // One line: whoever starts a node waits for it.
            let running = json!({ "answer": "running", "listening": listening, "data": self.home.root() });
            let _ = writeln!(std::io::stdout(), "{running}").and_then(|()| std::io::stdout().flush());
        } else {
            let seat = match place.seat.as_str() {
                "open" => self.lang.pick("seat open", "poste ouvert"),
                "locked" => self.lang.pick("seat locked: it carries", "poste verrouillé : il transporte"),
                _ => self
                    .lang
                    .pick("nobody practises here: it carries", "personne n'exerce ici : il transporte"),
            };
            let network = self.lang.pick("network", "réseau");
            self.say(&format!("{}, {network} {} ({seat})", place.facility, place.network));
            for addr in &listening {
                self.say(&format!("{} {addr}", self.lang.pick("listening on", "écoute sur")));
            }
            self.say(self.lang.pick("running; stop with Ctrl-C", "en service ; arrêter avec Ctrl-C"));
        }
        driver.run(stop_signal()).await?;
        if !self.json {
            self.say(self.lang.pick("stopped; everything saved", "arrêté ; tout est enregistré"));
        }
        Ok(0)
    }
}
