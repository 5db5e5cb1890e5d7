//! What crosses a slow line between two nodes, and how long it takes, beside what the line itself needs: an emulated link of a rate and a
//! round trip, real nodes on real disks behind it, every byte on the socket counted.
//!
//! `cargo run --release -p bocage-node --example link -- [KBIT_PER_S] [ROUND_TRIP_MS] [PATIENTS]`

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bocage_node::client::{Reply, Request};
use bocage_node::fhir::generate::Generator;

use line::{Crossing, Line, Node, clinic_and_cabin};

mod line;

const RESOURCES: usize = 20;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|n| n.parse::<u64>());
    let mut next = |default| numbers.next().unwrap_or(Ok(default)).context("a whole number");
    let (kbit, round_trip, patients) = (next(256)?, next(300)?, next(50)?);
    let root = std::env::temp_dir().join(format!("bocage-link-{}", std::process::id()));
    fs::create_dir_all(&root)?;
    let line = Line {
        bytes_per_second: kbit as f64 * 1_000.0 / 8.0,
        one_way: Duration::from_millis(round_trip / 2),
        crossed: Arc::default(),
    };
    println!("{kbit} kbit/s, {round_trip} ms there and back");
    let done = measure(&root, &line, patients).await;
    let _ = fs::remove_dir_all(&root);
    done
}

async fn measure(root: &Path, line: &Line, patients: u64) -> anyhow::Result<()> {
    let homes = clinic_and_cabin(root)?;
    let file = root.join("patients.json");
    Generator::new(1).write_bundle(File::create(&file)?, patients, RESOURCES)?;
    let near = Node::start(&homes[0], Vec::new()).await?;
    let port = line.lay(near.port()?).await?;
    let dial = vec![format!("/ip4/127.0.0.1/tcp/{port}")];

    let mut desk = near.desk().await?;
    desk.ask(Request::Import { files: vec![file] }, |_, _| {}).await?;
    report(
        &format!("first sync of {patients} patients of {RESOURCES} resources"),
        &line.meet(&near, &homes[1], &dial).await?,
    );
    report("a meeting with nothing new", &line.meet(&near, &homes[1], &dial).await?);
    let Reply::Patients { patients: rows, .. } = desk
        .ask(
            Request::PatientSearch {
                query: String::new(),
                limit: Some(10),
                offset: 0,
            },
            |_, _| {},
        )
        .await?
    else {
        bail!("another answer");
    };
    for row in rows.iter().cycle().take(10) {
        let observed = Request::VitalAdd {
            patient: row.patient.clone(),
            sign: "heart-rate".to_owned(),
            value: "72".to_owned(),
        };
        desk.ask(observed, |_, _| {}).await?;
    }
    report("ten new observations", &line.meet(&near, &homes[1], &dial).await?);
    near.stop().await
}

fn report(what: &str, crossing: &Crossing) {
    let Crossing {
        seconds,
        needed,
        bytes,
        encoded,
    } = crossing;
    let ratio = seconds / needed;
    println!(
        "{what}: {seconds:.2} s ({ratio:.2} x what the line needs for it with two round trips); {bytes} bytes on the socket, {encoded} of them items"
    );
}
