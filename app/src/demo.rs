//! A small living network for whoever wants to look before installing anything: the window is the clinic's; a hospital, a pharmacy and a
//! cabin run beside it, with real keys, disks and sockets. Only the patients are invented. Everything goes when the window closes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bocage_node::client::requests::NewRequest;
use bocage_node::client::{Client, Failure, PatientRow, Reply, Request};
use bocage_node::driver::{Driver, Options};
use bocage_node::fhir::generate::Generator;
use bocage_node::home::Home;
use bocage_node::network::PeerAddr;
use bocage_node::place::Description;
use bocage_node::service::{Service, found_network};
use bocage_protocol::identity::{FacilityKind, Profession};
use tokio::sync::oneshot;

/// What opens every seat of the demonstration.
pub const PASSPHRASE: &str = "haie vive et chemin creux";
const PATIENTS: u64 = 24;
const RESOURCES: usize = 60;
const SEED: u64 = 2026;
/// Until the hospital asks something: long enough to have looked around.
const FIRST_QUESTION: Duration = Duration::from_secs(8);
/// Until a colleague does what comes next.
const THINKING: Duration = Duration::from_secs(6);
const ANSWER: &str = "Avis de démonstration : tracé relu, rien d’inquiétant. Contrôle dans un mois, plus tôt en cas de douleur.";

/// The places of the demonstration; the first is the window's.
pub fn cast() -> [Description; 4] {
    let place = |facility: &str, kind, town: &str, who: Option<(&str, Profession)>| Description {
        facility: facility.to_owned(),
        kind,
        finess: String::new(),
        town: town.to_owned(),
        practitioner: who.map(|(name, profession)| (name.to_owned(), profession, String::new())),
    };
    [
        place(
            "Centre de santé de Saint-Aubin",
            FacilityKind::Clinic,
            "Saint-Aubin",
            Some(("Dr Élise Marchand", Profession::Doctor)),
        ),
        place(
            "Hôpital de Figeac, cardiologie",
            FacilityKind::Clinic,
            "Figeac",
            Some(("Dr Claire Petit", Profession::Doctor)),
        ),
        place(
            "Pharmacie du Bourg",
            FacilityKind::Pharmacy,
            "Saint-Aubin",
            Some(("Paul Garnier", Profession::Pharmacist)),
        ),
        place("Cabine de Gramat", FacilityKind::Cabin, "Gramat", None),
    ]
}

/// A running demonstration, without the window's own node.
pub struct Demo {
    root: PathBuf,
    /// The window's data directory.
    pub data: PathBuf,
    /// Where the others listen.
    pub peers: Vec<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Demo {
    /// Makes the network and starts the other places.
    ///
    /// # Errors
    /// The disk or the network of this machine refused.
    pub fn start() -> Result<Self, Failure> {
        let root = std::env::temp_dir().join(format!("bocage-app-demo-{}", std::process::id()));
        std::fs::create_dir_all(&root).map_err(|e| Failure::file(&root, &e))?;
        let homes = found_network(&root, "Réseau de soins du Quercy", &cast(), PASSPHRASE)?;
        let shared = fill(&root, &homes[0])?;
        let data = homes[0].root().to_owned();
        let (stop, stopped) = oneshot::channel();
        let (said, heard) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() else {
                return;
            };
            runtime.block_on(others(homes, shared, said, stopped));
        });
        let peers = heard.recv_timeout(Duration::from_secs(30)).map_err(|_| unexpected())??;
        Ok(Self {
            root,
            data,
            peers,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

/// Imports invented patients at the clinic and shares a few with the hospital and the pharmacy. Returns one that the hospital asks about.
fn fill(root: &Path, clinic: &Home) -> Result<String, Failure> {
    let file = root.join("patients.json");
    let disk = |e: std::io::Error| Failure::file(&file, &e);
    let out = std::fs::File::create(&file).map_err(disk)?;
    Generator::new(SEED)
        .write_bundle(std::io::BufWriter::new(out), PATIENTS, RESOURCES)
        .map_err(disk)?;
    let mut service = Service::open(clinic.clone(), &mut |_, _| {})?;
    let mut ask = |request| service.handle(0, request, &mut |_, _| {});
    ask(Request::Unlock {
        passphrase: PASSPHRASE.to_owned(),
    })?;
    ask(Request::Import { files: vec![file.clone()] })?;
    let rows = search(ask(Request::PatientSearch {
        query: String::new(),
        limit: None,
        offset: 0,
    })?);
    let shared: Vec<String> = rows.iter().take(4).map(|row| row.patient.clone()).collect();
    for patient in &shared {
        for facility in [&cast()[1].facility, &cast()[2].facility] {
            let (patient, facility) = (patient.clone(), facility.clone());
            ask(Request::Share { patient, facility })?;
        }
    }
    service.close()?;
    shared.into_iter().next().ok_or_else(unexpected)
}

fn search(reply: Reply) -> Vec<PatientRow> {
    match reply {
        Reply::Patients { patients, .. } => patients,
        _ => Vec::new(),
    }
}

/// Runs the other places; the hospital's doctor asks something after a while.
async fn others(
    homes: Vec<Home>,
    shared: String,
    said: std::sync::mpsc::Sender<Result<Vec<String>, Failure>>,
    stopped: oneshot::Receiver<()>,
) {
    let mut addresses: Vec<PeerAddr> = Vec::new();
    let mut running = Vec::new();
    for home in &homes[1..] {
        match run(home, addresses.clone()).await {
            Ok((address, stop, task)) => {
                addresses.push(address);
                running.push((stop, task));
            }
            Err(failure) => {
                let _ = said.send(Err(failure));
                return;
            }
        }
    }
    let _ = said.send(Ok(addresses.iter().map(ToString::to_string).collect()));
    let asking = tokio::spawn(colleague(homes[1].clone(), shared));
    let _ = stopped.await;
    asking.abort();
    for (stop, task) in running {
        let _ = stop.send(());
        let _ = task.await;
    }
}

type Task = tokio::task::JoinHandle<Result<(), Failure>>;

async fn run(home: &Home, peers: Vec<PeerAddr>) -> Result<(PeerAddr, oneshot::Sender<()>, Task), Failure> {
    let service = Service::open(home.clone(), &mut |_, _| {})?;
    let listen = "/ip4/127.0.0.1/tcp/0".parse().map_err(|e| Failure::of("network", &e))?;
    let options = Options {
        listen: vec![listen],
        peers,
        mdns: false,
        in_window: false,
    };
    let driver = Driver::start(service, options).await?;
    let address = loop {
        if let Some(address) = driver.listening().first() {
            break address.parse().map_err(|e| Failure::of("network", &e))?;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let (stop, told) = oneshot::channel();
    let task = tokio::spawn(driver.run(async {
        let _ = told.await;
    }));
    Ok((address, stop, task))
}

/// The hospital's doctor: asks the window's about a shared patient, then reads what comes and answers what is asked, as a colleague would.
async fn colleague(hospital: Home, patient: String) -> Option<()> {
    tokio::time::sleep(FIRST_QUESTION).await;
    let mut client = Client::attach(&hospital.socket()).await?;
    let unlock = Request::Unlock {
        passphrase: PASSPHRASE.to_owned(),
    };
    client.ask(unlock, |_, _| {}).await.ok()?;
    ask_something(&mut client, patient).await?;
    let mut watch = Client::attach(&hospital.socket()).await?.watch().await.ok()?;
    loop {
        watch.changed().await.ok()?;
        let Reply::Requests { requests } = client.ask(Request::Requests {}, |_, _| {}).await.ok()? else {
            return None;
        };
        for row in requests.into_iter().filter(|r| r.trusted) {
            // Reading what was read already says nothing new.
            let read = Request::RequestRead {
                request: row.request.clone(),
            };
            client.ask(read, |_, _| {}).await.ok()?;
            let may = |step: &str| row.steps.iter().any(|s| s == step);
            let step = match (&row.direction[..], &row.status[..]) {
                ("in", "requested") if may("accept") => ("accept", String::new()),
                ("in", "accepted") if may("answer") => ("answer", ANSWER.to_owned()),
                ("out", "answered") if may("close") => ("close", "Merci, bonne réception.".to_owned()),
                _ => continue,
            };
            tokio::time::sleep(THINKING).await;
            let (step, text) = (step.0.to_owned(), step.1);
            let request = row.request;
            // It may have gone on meanwhile: then the next change says so.
            let _ = client.ask(Request::RequestStep { request, step, text }, |_, _| {}).await;
        }
    }
}

/// As soon as the record has come.
async fn ask_something(client: &mut Client, patient: String) -> Option<()> {
    let mut wait = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..120 {
        wait.tick().await;
        let asked = client
            .ask(
                Request::RequestOpen(NewRequest {
                    patient: patient.clone(),
                    kind: "referral".to_owned(),
                    to: cast()[0].practitioner.as_ref()?.0.clone(),
                    question:
                        "Sortie d’hospitalisation demain. Pouvez-vous revoir ce patient sous huit jours : tension, poids, observance ?"
                            .to_owned(),
                    urgent: false,
                    parts: vec!["clinical".to_owned()],
                    days: 7,
                }),
                |_, _| {},
            )
            .await;
        if asked.is_ok() {
            return Some(());
        }
    }
    None
}

fn unexpected() -> Failure {
    Failure::new(
        "demo",
        "the demonstration could not be set up",
        "la démonstration n'a pas pu être préparée",
    )
}
