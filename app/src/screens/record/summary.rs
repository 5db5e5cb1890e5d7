//! The first look: latest measures, the course of one, the last things that happened.

use bocage_protocol::clinical::vitals::Sign;
use egui::Ui;

use super::super::words;
use super::{history, side_by_side, treatments, vitals};
use crate::state::form::SIGNS;
use crate::state::{Action, Route, State};
use crate::theme::tokens::{Type, Weight, size, space};
use crate::theme::{icon, palette, text};
use crate::view::{Entry, Record, What};
use crate::widgets;

/// Signs that have a tile.
const TILES: [Sign; 5] = [
    Sign::BloodPressure,
    Sign::HeartRate,
    Sign::RespiratoryRate,
    Sign::OxygenSaturation,
    Sign::Temperature,
];
/// Things that happened on the first look.
const LATEST: usize = 6;
/// Problems and treatments on the first look.
const BACKGROUND: usize = 8;
/// Points of a tile's line.
const SPARK: usize = 12;

pub(super) fn show(ui: &mut Ui, state: &State, record: &Record, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::tiles(ui, TILES.len(), |ui, n| tile(ui, state, record, TILES[n]));
    ui.add_space(space::M);
    let mut pressed = Vec::new();
    side_by_side(
        ui,
        |ui| {
            let sign = if record.series(Sign::BloodPressure).len() > 1 {
                Some(Sign::BloodPressure)
            } else {
                SIGNS.into_iter().find(|s| record.series(*s).len() > 1)
            };
            match sign {
                Some(sign) => widgets::card(ui, |ui| vitals::chart(ui, state, record, sign, size::CHART)),
                None => widgets::card(ui, |ui| {
                    widgets::heading(ui, &lang.t("tab-vitals"));
                    widgets::empty(ui, icon::CHART_LINE, &lang.t("vitals-few"), |ui| {
                        if record.is_writable("clinical") && widgets::secondary(ui, icon::STETHOSCOPE, &lang.t("new-visit")).clicked() {
                            let patient = record.patient.id.clone();
                            pressed.push(Action::Go(Route::Visit { patient }));
                        }
                    });
                }),
            }
        },
        |ui| {
            background(ui, state, record);
            widgets::card(ui, |ui| {
                widgets::heading(ui, &lang.t("tab-history"));
                ui.add_space(space::S);
                history::latest(ui, state, record, LATEST);
            });
        },
    );
    out.extend(pressed);
}

/// What stays true between visits, as far as it isn't over; an antecedent is just that.
fn background(ui: &mut Ui, state: &State, record: &Record) {
    let problems = treatments::now_then_over(record, &What::Problem);
    let taken = treatments::now_then_over(record, &What::Treatment);
    let lines: Vec<&Entry> = problems.into_iter().chain(taken.into_iter().filter(|e| !e.over)).collect();
    if lines.is_empty() {
        return;
    }
    widgets::card(ui, |ui| {
        widgets::heading(ui, &state.lang().t("background"));
        ui.add_space(space::XS);
        ui.spacing_mut().interact_size.y = 0.0;
        for entry in &lines[..lines.len().min(BACKGROUND)] {
            ui.horizontal(|ui| {
                let ink = palette(ui).text_muted;
                widgets::hidden_glyph(ui, words::icon_of(&entry.what), Type::Body.points(), ink);
                let words = if entry.over {
                    words::entry(state, entry)
                } else {
                    words::bare(state, entry)
                };
                if entry.over {
                    widgets::muted(ui, &words)
                } else {
                    widgets::body(ui, &words)
                }
            });
        }
        if let Some(more) = lines.len().checked_sub(BACKGROUND).filter(|n| *n > 0) {
            widgets::small(ui, &state.lang().tv("and-more", &[("n", (more as u64).into())]));
        }
    });
    ui.add_space(space::M);
}

fn tile(ui: &mut Ui, state: &State, record: &Record, sign: Sign) {
    let lang = state.lang();
    let p = palette(ui);
    let series = record.series(sign);
    widgets::card(ui, |ui| {
        ui.spacing_mut().item_spacing.y = space::XS;
        ui.spacing_mut().interact_size.y = 0.0;
        ui.horizontal(|ui| {
            widgets::hidden_glyph(ui, words::sign_icon(sign), Type::Body.points(), p.text_muted);
            widgets::small(ui, &lang.t(words::short_sign(sign)));
        });
        let Some((at, last)) = series.last().copied() else {
            ui.horizontal(|ui| ui.label(text("–", Type::Title, Weight::Strong, p.text_muted)));
            widgets::small(ui, &lang.t("never-measured"));
            let wide = ui.available_width();
            widgets::chart::sparkline(ui, &[], p.primary, wide);
            return;
        };
        ui.horizontal(|ui| {
            ui.label(text(words::value(lang, last), Type::Title, Weight::Strong, p.text));
            widgets::small(ui, words::unit(lang, sign));
        });
        widgets::small(ui, &lang.recent(at, state.now_ms, state.offset));
        let points: Vec<f64> = series
            .iter()
            .rev()
            .take(SPARK)
            .rev()
            .filter_map(|(_, m)| words::number(*m))
            .collect();
        let wide = ui.available_width();
        widgets::chart::sparkline(ui, &points, p.primary, wide);
    });
}
