//! Every widget on one page, in both looks: `cargo run -p bocage-app --example gallery`.

use bocage_app::i18n::Lang;
use bocage_app::state::{Action, Field, Settings, State};
use bocage_app::theme::{self, icon, tokens::Tone};
use bocage_app::view::Problem;
use bocage_app::widgets::{self, ButtonKind, Row, chart::Series};
use time::UtcOffset;

const DAY: u64 = 24 * 3_600 * 1_000;

fn main() -> eframe::Result {
    let mut state = State::new(Settings::default(), 0, UtcOffset::UTC);
    let mut dark = false;
    let mut ready = false;
    eframe::run_ui_native("Bocage: gallery", eframe::NativeOptions::default(), move |ui, _| {
        if !ready {
            theme::install(ui.ctx());
            ready = true;
        }
        ui.ctx().set_theme(if dark { egui::Theme::Dark } else { egui::Theme::Light });
        let mut out = Vec::new();
        egui::CentralPanel::default().show(ui, |ui| {
            widgets::page(ui, "gallery", |ui| {
                if let Some(on) = widgets::toggle(ui, "Dark", dark) {
                    dark = on;
                }
                page(ui, &state, &mut out);
            });
        });
        for action in out {
            state.apply(action);
        }
    })
}

fn page(ui: &mut egui::Ui, state: &State, out: &mut Vec<Action>) {
    widgets::title(ui, "Title");
    widgets::heading(ui, "Heading");
    widgets::lead(ui, "Lead: what a colleague wrote");
    widgets::body(ui, "Body: l ≠ I ≠ 1, œ, SpO₂, 12 345, 37,1 °C");
    widgets::muted(ui, "Muted");
    widgets::small(ui, "Small");
    ui.horizontal(|ui| {
        for kind in [ButtonKind::Primary, ButtonKind::Secondary, ButtonKind::Quiet, ButtonKind::Danger] {
            widgets::button(ui, kind, icon::CHECK, &format!("{kind:?}"), true);
        }
        widgets::button(ui, ButtonKind::Primary, icon::CHECK, "Disabled", false);
        widgets::icon_button(ui, icon::X, "Close");
    });
    let tones = [Tone::Plain, Tone::Primary, Tone::Info, Tone::Success, Tone::Warning, Tone::Danger];
    ui.horizontal(|ui| {
        for tone in tones {
            widgets::chip(ui, tone, icon::INFO, &format!("{tone:?}"));
        }
    });
    for tone in tones {
        widgets::banner(ui, tone, icon::INFO, &format!("A banner: {tone:?}"), |ui| {
            widgets::secondary(ui, icon::ARROW_CLOCKWISE, "Do something");
        });
    }
    widgets::card(ui, |ui| {
        widgets::text_field(ui, state, Field::Family, "A line", "an example", out);
        widgets::secret(ui, state, Field::Passphrase, "A passphrase", out);
        widgets::area(ui, state, Field::Note, "Several lines", "an example", 3, out);
        widgets::choice(ui, "One of a few", &[(1, "One".to_owned()), (2, "Two".to_owned())], Some(1), |_| {});
        widgets::sentence_of(
            ui,
            Lang::En,
            &Problem {
                en: "What happened, what is safe, what to do.".to_owned(),
                ..Problem::default()
            },
        );
        widgets::working(ui, "Work of known length", 12, 40);
        for selected in [false, true] {
            let row = Row {
                name: "A row",
                selected,
                height: theme::tokens::size::ROW,
            };
            widgets::row(ui, row, |ui| {
                widgets::strong(ui, "A row");
            });
        }
        widgets::empty(ui, icon::TRAY, "Nothing here: one sentence, and what to do.", |_| {});
    });
    let series = |name: &str, from: f64| Series {
        name: name.to_owned(),
        points: (0..6).map(|i| (i * 30 * DAY, from + (i % 3) as f64 * 4.0)).collect(),
    };
    widgets::card(ui, |ui| {
        let lines = [series("One", 120.0), series("Two", 80.0)];
        widgets::chart::chart(ui, "chart", 240.0, &lines, "Two lines", (Lang::En, UtcOffset::UTC));
    });
}
