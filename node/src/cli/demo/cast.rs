//! The four nodes of the demonstration: real processes of `bocage run`, each on a directory of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use bocage_protocol::identity::enrol::Invitation;
use bocage_protocol::identity::{FacilityKind, Profession};
use bocage_protocol::ids::unhex;
use tokio::process::{Child, Command};

use crate::client::{Client, Failure, Reply, Request, Status};
use crate::home::Home;
use crate::keystore::Argon2Cost;
use crate::lang::{Bilingual, Lang};
use crate::place::{self, Description};

/// Known to everybody: the demonstration holds invented patients only.
pub(super) const PASSPHRASE: &str = "demonstration sans aucun secret";
/// A step that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// One node.
pub(super) struct Actor {
    pub(super) name: &'static str,
    pub(super) facility: &'static str,
    pub(super) home: Home,
    child: Option<Child>,
    client: Option<Client>,
}

/// Who plays.
pub(super) fn cast(root: &Path, lang: Lang) -> [Actor; 4] {
    let actor = |name, facility| Actor {
        name,
        facility,
        home: Home::new(root.join(name)),
        child: None,
        client: None,
    };
    [
        actor("clinic", lang.pick("Health centre", "Maison de santé")),
        actor("pharmacy", lang.pick("Bridge pharmacy", "Pharmacie du Pont")),
        actor("cabin", lang.pick("Town hall cabin", "Cabine de la mairie")),
        actor("mobile", lang.pick("Dr Petit's round", "Tournée du Dr Petit")),
    ]
}

fn describe(actor: &Actor) -> Description {
    let (kind, practitioner) = match actor.name {
        "clinic" => (FacilityKind::Clinic, Some(("Anne Morel", Profession::Doctor, "10000000017"))),
        "pharmacy" => (FacilityKind::Pharmacy, Some(("Paul Girard", Profession::Pharmacist, "10100000008"))),
        "mobile" => (FacilityKind::Mobile, Some(("Jeanne Petit", Profession::Doctor, "10123456781"))),
        _ => (FacilityKind::Cabin, None),
    };
    Description {
        facility: actor.facility.to_owned(),
        kind,
        finess: String::new(),
        town: "Saint-Aubin-des-Haies".to_owned(),
        practitioner: practitioner.map(|(name, profession, rpps)| (name.to_owned(), profession, rpps.to_owned())),
    }
}

impl Actor {
    /// Founds the network here.
    pub(super) fn found(&self) -> Result<(), Failure> {
        place::found(&self.home, "Vallée", &describe(self), PASSPHRASE, Argon2Cost::FLOOR).map(drop)
    }

    /// Joins the network of `host`, which is running: invitation, request, admission.
    pub(super) async fn join(&self, host: &mut Self, address: String) -> Result<(), Failure> {
        let Reply::Invitation { bytes, .. } = host.ask(Request::Invite { addresses: vec![address] }).await? else {
            return Err(unexpected());
        };
        let invitation = Invitation::parse(&unhex(&bytes).ok_or_else(unexpected)?).map_err(place::enrolment)?;
        let request = place::ask(&self.home, &invitation, &describe(self), PASSPHRASE, Argon2Cost::FLOOR)?;
        let request = bocage_protocol::ids::hex(&request);
        let Reply::Admission { bytes, .. } = host.ask(Request::Admit { request, preview: false }).await? else {
            return Err(unexpected());
        };
        place::complete(&self.home, &unhex(&bytes).ok_or_else(unexpected)?).map(drop)
    }

    /// Starts `bocage run` and attaches to it. Nobody's seat is open at the cabin.
    pub(super) async fn start(&mut self, port: u16, peers: &[u16]) -> Result<(), Failure> {
        let system = |e: std::io::Error| failed(&format!("{}: {e}", self.name), &format!("{} : {}", self.name, e.french()));
        let log = File::create(self.home.root().with_extension("log")).map_err(system)?;
        let mut command = Command::new(std::env::current_exe().map_err(system)?);
        command.arg("run").arg("--no-mdns").arg("--data").arg(self.home.root());
        command.arg("--listen").arg(format!("/ip4/127.0.0.1/tcp/{port}"));
        for peer in peers {
            command.arg("--peer").arg(format!("/ip4/127.0.0.1/tcp/{peer}"));
        }
        command.env_remove("BOCAGE_PASSPHRASE");
        if self.name != "cabin" {
            command.env("BOCAGE_PASSPHRASE", PASSPHRASE);
        }
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(system)?)
            .stderr(log)
            .kill_on_drop(true);
        self.child = Some(command.spawn().map_err(system)?);
        let begun = Instant::now();
        let mut client = loop {
            if let Some(client) = Client::attach(&self.home.socket()).await {
                break client;
            }
            let died = self.child.as_mut().and_then(|c| c.try_wait().ok().flatten());
            if died.is_some() || begun.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(self.home.root().with_extension("log")).unwrap_or_default();
                return Err(failed(
                    &format!("the node {} did not start:\n{log}", self.name),
                    &format!("le nœud {} n'a pas démarré :\n{log}", self.name),
                ));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        if self.name != "cabin" {
            client
                .ask(
                    Request::Unlock {
                        passphrase: PASSPHRASE.to_owned(),
                    },
                    |_, _| {},
                )
                .await?;
        }
        self.client = Some(client);
        Ok(())
    }

    /// Asks the running node.
    pub(super) async fn ask(&mut self, request: Request) -> Result<Reply, Failure> {
        let client = self
            .client
            .as_mut()
            .ok_or_else(|| failed(&format!("{} isn't running", self.name), &format!("{} ne tourne pas", self.name)))?;
        client.ask(request, |_, _| {}).await
    }

    pub(super) async fn status(&mut self) -> Result<Status, Failure> {
        match self.ask(Request::Status).await? {
            Reply::Status(status) => Ok(status),
            _ => Err(unexpected()),
        }
    }

    /// Asks the process to stop, and waits for its clean end.
    pub(super) async fn stop(&mut self) {
        self.client = None;
        let Some(mut child) = self.child.take() else { return };
        if let Some(pid) = child.id() {
            let _ = Command::new("kill").arg(pid.to_string()).status().await;
        }
        if tokio::time::timeout(Duration::from_secs(10), child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
    }

    /// Every file that the node left.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let (mut files, mut folders) = (Vec::new(), vec![self.home.root().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    Ok(kind) if kind.is_file() => files.push(entry.path()),
                    _ => {}
                }
            }
        }
        files
    }
}

/// Waits until these nodes hold the same set, and returns its fingerprint.
pub(super) async fn in_step(actors: &mut [Actor], who: &[usize]) -> Result<String, Failure> {
    let begun = Instant::now();
    loop {
        let mut roots = Vec::new();
        for i in who {
            // An impatient user presses "try now": it resets every back-off.
            actors[*i].ask(Request::Redial).await?;
            roots.push(actors[*i].status().await?.root);
        }
        if roots.windows(2).all(|w| w[0] == w[1]) {
            return Ok(roots.remove(0));
        }
        if begun.elapsed() > PATIENCE {
            let names: Vec<_> = who.iter().map(|i| actors[*i].name).collect();
            let (names, seconds) = (names.join(", "), PATIENCE.as_secs());
            return Err(failed(
                &format!("{names} did not come into step within {seconds} seconds"),
                &format!("{names} ne se sont pas accordés en {seconds} secondes"),
            ));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until nobody of one side has a connection to anybody of the other.
pub(super) async fn parted(actors: &mut [Actor], one: &[usize], other: &[usize]) -> Result<(), Failure> {
    let begun = Instant::now();
    let names: Vec<&str> = other.iter().map(|i| actors[*i].facility).collect();
    for i in one {
        while actors[*i]
            .status()
            .await?
            .peers
            .iter()
            .any(|p| p.connected && names.contains(&p.facility.as_str()))
        {
            if begun.elapsed() > PATIENCE {
                return Err(failed("a connection outlived its cable", "une connexion a survécu à son câble"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

/// The demonstration can't go on.
pub(super) fn failed(en: &str, fr: &str) -> Failure {
    Failure::new("demo", en, fr)
}

pub(super) fn unexpected() -> Failure {
    failed("a node gave an unexpected answer", "un nœud a donné une réponse inattendue")
}
