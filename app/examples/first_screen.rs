//! From the passphrase to the first screen that can be used, on a store with many patients: a real node on a real disk, its keys as costly to
//! guess as on any machine. Beside it the same with a hundredth of the patients, in the same run.
//!
//! `cargo run --release -p bocage-app --example first_screen -- [PATIENTS]`

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bocage_app::bridge::{Bridge, Options};
use bocage_app::state::{Action, Field, Phase, Settings, State};
use bocage_app::{screens, theme};
use bocage_node::client::{Failure, Request};
use bocage_node::fhir::generate::Generator;
use bocage_node::home::Home;
use bocage_node::invitation;
use bocage_node::keystore::SeatKeystore;
use bocage_node::place::{self, Description};
use bocage_node::service::Service;
use bocage_protocol::identity::{FacilityKind, Profession};
use time::UtcOffset;

const PASSPHRASE: &str = "quatre mots pris au hasard";
const PATIENTS: u64 = 1_000;
const RESOURCES: usize = 20;
/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(300);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if let (Some("measure"), Some(data), Some(patients)) = (first.as_deref(), arguments.next(), arguments.next()) {
        return measure(&Home::new(data), patients.parse().expect("a number"));
    }
    let patients = first.and_then(|n| n.parse().ok()).unwrap_or(PATIENTS);
    for patients in [patients / 100, patients] {
        let root = std::env::temp_dir().join(format!("bocage-first-screen-{}", std::process::id()));
        let home = Home::new(root.join("place"));
        if let Err(failure) = fill(&root, &home, patients) {
            eprintln!("the store could not be made: {failure}");
            std::process::exit(1);
        }
        // In a process of its own: what the import needed isn't the window's.
        let own = std::env::current_exe().expect("this program");
        let data = home.root().as_os_str();
        let measured = std::process::Command::new(own)
            .arg("measure")
            .arg(data)
            .arg(patients.to_string())
            .status();
        assert!(measured.expect("it starts").success());
        let _ = std::fs::remove_dir_all(&root);
    }
}

fn fill(root: &Path, home: &Home, patients: u64) -> Result<(), Failure> {
    std::fs::create_dir_all(root).map_err(|e| Failure::file(root, &e))?;
    let description = Description {
        facility: "Centre de Saint-Aubin".to_owned(),
        kind: FacilityKind::Clinic,
        finess: String::new(),
        town: String::new(),
        practitioner: Some(("Dr Élise Marchand".to_owned(), Profession::Doctor, String::new())),
    };
    place::found(home, "Quercy", &description, PASSPHRASE, invitation::cost())?;
    let file = root.join("patients.json");
    let out = std::fs::File::create(&file).map_err(|e| Failure::file(&file, &e))?;
    Generator::new(1)
        .write_bundle(std::io::BufWriter::new(out), patients, RESOURCES)
        .map_err(|e| Failure::file(&file, &e))?;
    let mut service = Service::open(home.clone(), &mut |_, _| {})?;
    let passphrase = PASSPHRASE.to_owned();
    service.handle(0, Request::Unlock { passphrase }, &mut |_, _| {})?;
    service.handle(0, Request::Import { files: vec![file] }, &mut |_, _| {})?;
    service.close()
}

fn measure(home: &Home, patients: u64) {
    let options = Options {
        data: Some(home.root().to_owned()),
        listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
        ..Options::default()
    };
    let bridge = Bridge::start(options, Arc::new(|| {})).expect("a thread");
    let mut window = Window {
        ctx: egui::Context::default(),
        state: State::new(Settings::default(), 1_795_341_300_000, UtcOffset::UTC),
        bridge,
    };
    theme::install(&window.ctx);
    let began = Instant::now();
    window.bridge.send(bocage_app::state::Command::Start);
    window.until(|s| matches!(s.phase, Phase::Locked { .. }));
    let opened = began.elapsed();
    window.state.texts.set(Field::Passphrase, PASSPHRASE.to_owned());
    let began = Instant::now();
    let commands = window.state.apply(Action::Unlock);
    commands.into_iter().for_each(|c| window.bridge.send(c));
    // The home screen with what waits, and the list of patients behind it.
    window.until(|s| s.phase == Phase::Open && s.requests.value().is_some() && s.patients.total == Some(patients));
    let desk = began.elapsed();
    let resident = resident_mb();
    // What every guess of a thief costs, too: the same on a store of any size.
    let began = Instant::now();
    let keystore = SeatKeystore::open(&home.seat_key()).expect("a keystore");
    drop(keystore.unlock(PASSPHRASE).expect("the passphrase"));
    let key = began.elapsed();
    println!(
        "{patients:>6} patients: lock screen {:.2} s after the start; {:.2} s after the passphrase the desk, of which {:.2} s for the key of it; {resident} MB",
        opened.as_secs_f64(),
        desk.as_secs_f64(),
        key.as_secs_f64(),
    );
}

struct Window {
    ctx: egui::Context,
    state: State,
    bridge: Bridge,
}

impl Window {
    /// Takes in what comes and draws it, as the window does.
    fn until(&mut self, so: impl Fn(&State) -> bool) {
        let began = Instant::now();
        while !so(&self.state) {
            assert!(began.elapsed() < PATIENCE, "{:?}", self.state.phase);
            let mut heard = false;
            while let Some(event) = self.bridge.try_recv() {
                heard = true;
                let commands = self.state.receive(event);
                commands.into_iter().for_each(|c| self.bridge.send(c));
            }
            if heard {
                let input = egui::RawInput {
                    screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1280.0, 800.0))),
                    ..egui::RawInput::default()
                };
                let mut shown = self.ctx.run_ui(input, |ui| screens::show(ui, &self.state, &mut Vec::new()));
                shown.textures_delta.clear();
            } else {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS"));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
