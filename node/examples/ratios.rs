//! What taking in records and saving an act cost, each beside what nobody can do without, in the same run: signatures verified and nothing
//! else; one sync of the disk and nothing else.
//!
//! `cargo run --release -p bocage-node --example ratios -- [PATIENTS]`

use std::fs::{self, File};
use std::io::Write as _;
use std::ops::Bound;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bocage_node::client::{NewPatient, Reply, Request};
use bocage_node::core::Core;
use bocage_node::fhir::generate::Generator;
use bocage_node::place::Description;
use bocage_node::service::{Service, found_network};
use bocage_node::store::LogStore;
use bocage_protocol::identity::{Charter, FacilityKind, Profession};
use bocage_protocol::peer::Input;
use bocage_protocol::store::{Ordered as _, Store as _};
use ed25519_dalek::{Signer as _, SigningKey};

const PASSPHRASE: &str = "quatre mots pris au hasard";
const PATIENTS: u64 = 1_000;
const RESOURCES: usize = 20;
/// Items given to the engine at a time, as a stick's blocks bring them.
const BLOCK: usize = 256;
const ACTS: usize = 200;

fn main() -> anyhow::Result<()> {
    let patients = std::env::args().nth(1).map_or(Ok(PATIENTS), |n| n.parse()).context("PATIENTS")?;
    let root = std::env::temp_dir().join(format!("bocage-ratios-{}", std::process::id()));
    fs::create_dir_all(&root)?;
    let done = measure(&root, patients);
    let _ = fs::remove_dir_all(&root);
    done
}

fn measure(root: &Path, patients: u64) -> anyhow::Result<()> {
    let place = Description {
        facility: "Centre de Saint-Aubin".to_owned(),
        kind: FacilityKind::Clinic,
        finess: String::new(),
        town: String::new(),
        practitioner: Some(("Dr Élise Marchand".to_owned(), Profession::Doctor, String::new())),
    };
    let homes = found_network(root, "Quercy", &[place], PASSPHRASE)?;
    let mut service = Service::open(homes[0].clone(), &mut |_, _| {})?;
    let mut ask = |request| service.handle(0, request, &mut |_, _| {});
    ask(Request::Unlock {
        passphrase: PASSPHRASE.to_owned(),
    })?;
    acts(root, &mut ask)?;
    let file = root.join("patients.json");
    Generator::new(1).write_bundle(File::create(&file)?, patients, RESOURCES)?;
    let began = Instant::now();
    ask(Request::Import { files: vec![file] })?;
    println!(
        "{patients} patients of {RESOURCES} resources imported in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    service.close()?;
    ingest(root, &homes[0])
}

/// A measure of the heart rate, from the call to its durable answer, beside a few hundred bytes appended to a file and synced.
fn acts(root: &Path, ask: &mut impl FnMut(Request) -> Result<Reply, bocage_node::client::Failure>) -> anyhow::Result<()> {
    let new = NewPatient {
        family: "Lenoir".to_owned(),
        given: "Jeanne".to_owned(),
        birth_date: "1948-03-12".to_owned(),
        sex: "female".to_owned(),
        ..NewPatient::default()
    };
    let Reply::Patient { patient, .. } = ask(Request::PatientCreate(new))? else {
        bail!("another answer");
    };
    let mut file = File::create(root.join("beside"))?;
    let (mut saved, mut synced) = (Vec::new(), Vec::new());
    for _ in 0..ACTS {
        let began = Instant::now();
        ask(Request::VitalAdd {
            patient: patient.clone(),
            sign: "heart-rate".to_owned(),
            value: "72".to_owned(),
        })?;
        saved.push(began.elapsed());
        let began = Instant::now();
        file.write_all(&[7; 640])?;
        file.sync_data()?;
        synced.push(began.elapsed());
    }
    let (act, sync) = (median(saved), median(synced));
    println!(
        "an act, durable: {:.2} ms; one sync of the disk: {:.2} ms; ratio {:.2}",
        millis(act),
        millis(sync),
        act.as_secs_f64() / sync.as_secs_f64()
    );
    Ok(())
}

/// The whole set into a node that has nothing, disk and all, beside as many strict verifications.
fn ingest(root: &Path, from: &bocage_node::home::Home) -> anyhow::Result<()> {
    let store = LogStore::open(&from.store(), &mut |_, _| {})?;
    let mut items = Vec::new();
    let mut at = Bound::Unbounded;
    loop {
        let keys = store.range(at, BLOCK)?;
        let Some(last) = keys.last() else { break };
        at = Bound::Excluded(*last);
        for key in keys {
            items.push(store.get(&key.id)?.context("an item that was listed")?.to_vec());
        }
    }
    let charter = Charter::parse(&fs::read(from.charter())?)?;
    let store = LogStore::open(&root.join("carrier"), &mut |_, _| {})?;
    let mut core = Core::open(store, SigningKey::from_bytes(&[9; 32]), charter)?;
    let bytes: usize = items.iter().map(Vec::len).sum();
    let began = Instant::now();
    for block in items.chunks(BLOCK) {
        let outcome = core.input(Input::Carried {
            items: block.to_vec(),
            statements: Vec::new(),
        });
        if let Some(error) = outcome.refused {
            bail!(error);
        }
    }
    let taken = began.elapsed();
    if core.store.len() != items.len() as u64 {
        bail!("{} of {} items were taken", core.store.len(), items.len());
    }
    let key = SigningKey::from_bytes(&[3; 32]);
    let message = [5; 96];
    let (public, signature) = (key.verifying_key(), key.sign(&message));
    let began = Instant::now();
    for _ in 0..items.len() {
        public.verify_strict(&message, &signature)?;
    }
    let bare = began.elapsed();
    println!(
        "{} items ({:.1} MB) taken in: {:.0} a second; bare verify_strict: {:.0} a second; ratio {:.2}",
        items.len(),
        bytes as f64 / 1e6,
        items.len() as f64 / taken.as_secs_f64(),
        items.len() as f64 / bare.as_secs_f64(),
        taken.as_secs_f64() / bare.as_secs_f64()
    );
    Ok(())
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
