//! What a frame costs with 100,000 patients, beside the same with 20: scrolling, and typing in the search. CPU only, no GPU.
//!
//! `cargo run --release -p bocage-app --example frames`

use std::time::{Duration, Instant};

use bocage_app::state::{Action, Event, Field, PAGE, Phase, Route, Settings, State};
use bocage_app::view::{PatientPage, PatientRow, Sex};
use bocage_app::{screens, theme};
use time::UtcOffset;

const FRAMES: usize = 400;
const MANY: u64 = 100_000;
const FEW: u64 = 20;

fn main() {
    for total in [FEW, MANY] {
        let mut desk = Bench::new(total);
        report(&format!("{total} patients, scrolling"), desk.scroll());
        report(&format!("{total} patients, typing"), desk.type_in_search());
    }
}

fn report(what: &str, mut frames: Vec<Duration>) {
    frames.sort();
    let at = |part: f64| frames[((frames.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "{what:28} median {:6.2} ms   p95 {:6.2} ms   max {:6.2} ms",
        at(0.5),
        at(0.95),
        at(1.0)
    );
}

struct Bench {
    ctx: egui::Context,
    state: State,
    total: u64,
    time: f64,
}

impl Bench {
    fn new(total: u64) -> Self {
        let ctx = egui::Context::default();
        theme::install(&ctx);
        let mut state = State::new(Settings::default(), 1_795_341_300_000, UtcOffset::UTC);
        state.phase = Phase::Open;
        let mut bench = Self {
            ctx,
            state,
            total,
            time: 0.0,
        };
        let asked = bench.state.apply(Action::Go(Route::Patients));
        bench.answer(asked);
        for _ in 0..10 {
            bench.frame(Vec::new());
        }
        bench
    }

    /// What the node would say, at once: the window's cost alone is measured.
    fn answer(&mut self, commands: Vec<bocage_app::state::Command>) {
        for command in commands {
            if let bocage_app::state::Command::Patients { seq, offset, .. } = command {
                let rows = (offset..(offset + PAGE).min(self.total)).map(row).collect();
                let total = self.total;
                let page = Ok(PatientPage { offset, total, rows });
                self.state.receive(Event::Patients { seq, page });
            }
        }
    }

    fn frame(&mut self, events: Vec<egui::Event>) -> Duration {
        self.time += 1.0 / 60.0;
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1280.0, 800.0))),
            time: Some(self.time),
            events,
            ..egui::RawInput::default()
        };
        let mut out = Vec::new();
        let began = Instant::now();
        let mut shown = self.ctx.run_ui(input, |ui| screens::show(ui, &self.state, &mut out));
        // Uploading textures is the GPU's business.
        shown.textures_delta.clear();
        let triangles = self.ctx.tessellate(std::mem::take(&mut shown.shapes), shown.pixels_per_point);
        self.state.focus = None;
        self.state.patients.fresh = false;
        let asked: Vec<_> = out.into_iter().flat_map(|a| self.state.apply(a)).collect();
        let spent = began.elapsed();
        assert!(!triangles.is_empty(), "something is drawn");
        self.answer(asked);
        spent
    }

    fn scroll(&mut self) -> Vec<Duration> {
        let over = egui::Event::PointerMoved(egui::pos2(700.0, 500.0));
        self.frame(vec![over]);
        (0..FRAMES)
            .map(|_| {
                self.frame(vec![egui::Event::MouseWheel {
                    unit: egui::MouseWheelUnit::Point,
                    delta: egui::vec2(0.0, -900.0),
                    phase: egui::TouchPhase::Move,
                    source: egui::MouseWheelSource::Unknown,
                    modifiers: egui::Modifiers::NONE,
                }])
            })
            .collect()
    }

    fn type_in_search(&mut self) -> Vec<Duration> {
        self.state.focus = Some(Field::Search);
        self.frame(Vec::new());
        let letters: Vec<char> = "diallo awa ".chars().collect();
        (0..FRAMES)
            .map(|i| self.frame(vec![egui::Event::Text(letters[i % letters.len()].to_string())]))
            .collect()
    }
}

fn row(n: u64) -> PatientRow {
    const FAMILIES: [&str; 8] = [
        "Diallo",
        "N’Diaye",
        "Ouédraogo",
        "Le Goff",
        "Garnier",
        "Koné",
        "Tchatchoua",
        "Traoré",
    ];
    const GIVEN: [&str; 6] = ["Awa", "Jean-Pierre", "Ibrahima", "Élise", "Noémie", "Aïcha"];
    PatientRow {
        shut: false,
        id: format!("{n:064x}"),
        family: format!("{} {n}", FAMILIES[n as usize % FAMILIES.len()]),
        given: GIVEN[n as usize % GIVEN.len()].to_owned(),
        birth_date: format!("{}-{:02}-{:02}", 1930 + n % 90, 1 + n % 12, 1 + n % 28),
        sex: if n.is_multiple_of(2) { Sex::Female } else { Sex::Male },
        ins: "295109912611193".to_owned(),
    }
}
