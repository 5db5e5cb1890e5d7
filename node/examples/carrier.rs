//! A node that carries a territory's envelopes and reads none: how long it takes to start, after a clean stop and after a crash, and how
//! much memory it needs.
//!
//! `cargo run --release -p bocage-node --example carrier -- [ENVELOPES]`

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, bail};
use bocage_node::home::Home;
use bocage_node::keystore::Argon2Cost;
use bocage_node::place::{Description, found, open};
use bocage_node::store::{LogStore, Start};
use bocage_protocol::crypto::Secret;
use bocage_protocol::envelope::{Header, Kind, Lane};
use bocage_protocol::identity::{Charter, FacilityKind, Profession};
use bocage_protocol::ids::{DocId, Hlc, ItemId, Kid, SeatKey};
use bocage_protocol::store::{Batch, LocalWrite, OrderKey, Ordered as _, Store as _, StoredItem};
use ed25519_dalek::SigningKey;

const ENVELOPES: u64 = 1_000_000;
const SEATS: u64 = 24;
/// Envelopes of one document: a patient's part of a record, a year long.
const OF_ONE_DOCUMENT: u64 = 60;
/// Of a small resource, deflated.
const PLAINTEXT: usize = 300;
const BATCH: u64 = 2_000;
const FIRST_MS: u64 = 1_760_000_000_000;
const APART_MS: u64 = 20_000;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [how, data] = &arguments[..] {
        return start(how, Path::new(data));
    }
    let envelopes = arguments.first().map_or(Ok(ENVELOPES), |n| n.parse()).context("ENVELOPES")?;
    let root = std::env::temp_dir().join(format!("bocage-carrier-{}", std::process::id()));
    fs::create_dir_all(&root)?;
    let done = measure(&root, envelopes);
    let _ = fs::remove_dir_all(&root);
    done
}

fn measure(root: &Path, envelopes: u64) -> anyhow::Result<()> {
    let home = Home::new(root.join("place"));
    let place = Description {
        facility: "Centre de Saint-Aubin".to_owned(),
        kind: FacilityKind::Clinic,
        finess: String::new(),
        town: String::new(),
        practitioner: Some(("Dr Élise Marchand".to_owned(), Profession::Doctor, String::new())),
    };
    let charter = found(&home, "Quercy", &place, "quatre mots pris au hasard", Argon2Cost::FLOOR)?;
    fill(&home, &charter, envelopes)?;
    // In processes of their own: what the filling needed isn't the carrier's.
    for how in ["stop", "stop", "crash", "crash", "stop"] {
        let status = Command::new(std::env::current_exe()?).arg(how).arg(home.root()).status()?;
        if how == "stop" && !status.success() {
            bail!("it ended with {status}");
        }
    }
    Ok(())
}

/// Sealed and signed envelopes of seats that nobody here knows, one chain each, in the order of their clocks.
fn fill(home: &Home, charter: &Charter, envelopes: u64) -> anyhow::Result<()> {
    let mut store = LogStore::open(&home.store(), &mut |_, _| {})?;
    let seats: Vec<SigningKey> = (0..SEATS).map(|n| SigningKey::from_bytes(&[n as u8 + 1; 32])).collect();
    let mut last = vec![(0, ItemId::ZERO); seats.len()];
    let mut dice = 1_u64;
    let began = Instant::now();
    let mut committing = 0.0;
    for first in (0..envelopes).step_by(BATCH as usize) {
        let mut batch = Batch::default();
        for n in first..envelopes.min(first + BATCH) {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let seat = (dice >> 33) as usize % seats.len();
            let (seq, prev) = last[seat];
            let document = (dice >> 20) % (1 + envelopes / OF_ONE_DOCUMENT);
            let mut doc = [7; 32];
            doc[..8].copy_from_slice(&document.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
            let header = Header {
                kind: Kind::Content,
                lane: [Lane::Urgent, Lane::Today, Lane::Rest, Lane::Rest][(dice >> 45) as usize % 4],
                doc: DocId(doc),
                seat: SeatKey(seats[seat].verifying_key().to_bytes()),
                incarnation: 1,
                seq: seq + 1,
                prev,
                hlc: Hlc::from_millis(FIRST_MS + n * APART_MS),
                kid: Kid([1; 16]),
                authority: Vec::new(),
            };
            let sealed = header.seal(
                &seats[seat],
                &charter.network_id(),
                &Secret([1; 32]),
                &[(dice >> 50) as u8; PLAINTEXT],
            )?;
            last[seat] = (seq + 1, sealed.id());
            batch.items.push(StoredItem {
                key: OrderKey {
                    lane: sealed.header.lane as u8,
                    time: sealed.header.hlc,
                    id: sealed.id(),
                },
                doc: sealed.header.doc,
                bytes: sealed.to_bytes().into(),
            });
        }
        let before = Instant::now();
        store.commit(&batch)?;
        committing += before.elapsed().as_secs_f64();
    }
    println!(
        "{} envelopes, {:.0} MB of log; stored {:.0} a second, {BATCH} at a time, each batch synced (made, signed and stored in {:.0} s)",
        store.len(),
        store.report().log_bytes as f64 / 1e6,
        envelopes as f64 / committing,
        began.elapsed().as_secs_f64()
    );
    Ok(Box::new(store).close()?)
}

fn start(how: &str, data: &Path) -> anyhow::Result<()> {
    let began = Instant::now();
    let (mut core, _) = open(&Home::new(data), &mut |_, _| {})?;
    let took = began.elapsed().as_secs_f64();
    let report = core.store.report();
    let after = match report.start {
        Start::Rebuilt(_) => "a crash",
        _ => "a clean stop",
    };
    println!(
        "start after {after}: {took:.2} s, {:.0} envelopes a second; {} MB resident, {} MB at most meanwhile",
        report.items as f64 / took,
        of_this_process("VmRSS:")? / 1_000,
        of_this_process("VmHWM:")? / 1_000,
    );
    if how == "crash" {
        core.save_local(vec![LocalWrite {
            key: b"carrier/crash".to_vec(),
            value: Some(Vec::new()),
        }])?;
        std::process::abort();
    }
    let began = Instant::now();
    core.stop();
    Box::new(core.store).close()?;
    println!("stop: {:.2} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// In kB.
fn of_this_process(what: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)).context("no such line")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
