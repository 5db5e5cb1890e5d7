//! Every sign that was measured, with its course.

use bocage_protocol::clinical::vitals::{Measure, Reading, Sign};
use egui::Ui;

use super::super::words;
use crate::state::State;
use crate::state::form::SIGNS;
use crate::theme::icon;
use crate::theme::tokens::{size, space};
use crate::view::Record;
use crate::widgets::{self, chart::Series};

/// Latest measures of a sign that are written out.
const LATEST: usize = 5;

pub(super) fn show(ui: &mut Ui, state: &State, record: &Record) {
    let lang = state.lang();
    let mut any = false;
    for sign in SIGNS.into_iter().chain([Sign::Bmi]) {
        let series = record.series(sign);
        if series.is_empty() {
            continue;
        }
        any = true;
        widgets::card(ui, |ui| {
            if series.len() > 1 && words::number(series[0].1).is_some() {
                chart(ui, state, record, sign, size::SMALL_CHART);
            } else {
                widgets::heading(ui, &lang.t(words::sign(sign)));
            }
            for (at, measure) in series.iter().rev().take(LATEST) {
                let at = lang.date_time(*at, state.offset);
                widgets::body(ui, &format!("{} · {at}", words::measure(lang, *measure)));
            }
        });
        ui.add_space(space::S);
    }
    if !any {
        widgets::empty(ui, icon::HEARTBEAT, &lang.t("vitals-none"), |_| {});
    }
}

pub(super) fn chart(ui: &mut Ui, state: &State, record: &Record, sign: Sign, height: f32) {
    let lang = state.lang();
    let series = record.series(sign);
    let name = words::labelled_sign(lang, sign);
    let Some((at, last)) = series.last().copied() else { return };
    let sentence = lang.tv(
        "chart-sentence",
        &[
            ("value", words::measure(lang, last).into()),
            ("at", lang.date(at, state.offset).into()),
            ("n", (series.len() as u64).into()),
        ],
    );
    widgets::heading(ui, &name);
    widgets::muted(ui, &sentence);
    let lines = if sign == Sign::BloodPressure {
        let part = |pick: fn(i32, i32) -> i32| {
            let point = |(at, m): &(u64, Measure)| match m.reading() {
                Reading::Pressure { systolic, diastolic } => Some((*at, f64::from(pick(systolic, diastolic)))),
                _ => None,
            };
            series.iter().filter_map(point).collect()
        };
        vec![
            Series {
                name: lang.t("systolic"),
                points: part(|s, _| s),
            },
            Series {
                name: lang.t("diastolic"),
                points: part(|_, d| d),
            },
        ]
    } else {
        let points = series.iter().filter_map(|(at, m)| Some((*at, words::number(*m)?))).collect();
        vec![Series {
            name: String::new(),
            points,
        }]
    };
    let id = words::sign(sign);
    widgets::chart::chart(ui, id, height, &lines, &sentence, (lang, state.offset));
}
