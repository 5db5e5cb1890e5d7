//! A visit: why, what was measured, what was found. Kept as a draft while it is written, saved in one piece.

use bocage_protocol::clinical::news2::{Band, Parameter};
use bocage_protocol::clinical::vitals::Sign;
use egui::Ui;

use super::words;
use crate::state::form::SIGNS;
use crate::state::{Action, Field, Route, State, Tab};
use crate::theme::tokens::{Tone, Type, Weight, size, space};
use crate::theme::{icon, palette, text};
use crate::widgets;

pub(super) fn show(ui: &mut Ui, state: &State, patient: &str, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::page(ui, "visit", |ui| {
        head(ui, state, patient, out);
        ui.add_space(space::M);
        let wide = ui.available_width();
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = space::M;
            ui.vertical(|ui| {
                ui.set_width(wide * 0.54);
                widgets::card(ui, |ui| {
                    let hint = lang.t("hint-reason");
                    widgets::text_field(ui, state, Field::Reason, &lang.t("field-reason"), &hint, out);
                    ui.add_space(space::S);
                    widgets::area(ui, state, Field::Note, &lang.t("field-note"), &lang.t("hint-note"), 14, out);
                });
            });
            ui.vertical(|ui| {
                ui.set_width(ui.available_width());
                widgets::card(ui, |ui| measures(ui, state, out));
                ui.add_space(space::M);
                score(ui, state, out);
            });
        });
        ui.add_space(space::M);
        if let Some(problem) = &state.visit.problem {
            widgets::sentence_of(ui, lang, problem);
            ui.add_space(space::S);
        }
        ui.horizontal(|ui| {
            let words = lang.t(if state.visit.working { "saving" } else { "save-visit" });
            let kind = widgets::ButtonKind::Primary;
            let pressed = widgets::button(ui, kind, icon::SIGNATURE, &words, !state.visit.working);
            if pressed.on_hover_text("Ctrl+Enter").clicked() {
                out.push(Action::SaveVisit);
            }
            if widgets::quiet(ui, icon::TRASH, &lang.t("drop-draft")).clicked() {
                out.push(Action::DropDraft);
            }
            draft(ui, state);
        });
    });
}

fn head(ui: &mut Ui, state: &State, patient: &str, out: &mut Vec<Action>) {
    let lang = state.lang();
    let record = state.record_of(patient);
    let name = record.map(|r| r.patient.name()).unwrap_or_default();
    let to = Route::Record {
        patient: patient.to_owned(),
        tab: Tab::Summary,
    };
    if widgets::quiet(ui, icon::ARROW_LEFT, &lang.t("back-to-record")).clicked() {
        out.push(Action::Go(to));
    }
    ui.horizontal_wrapped(|ui| {
        widgets::title(ui, &lang.tv("visit-of", &[("name", name.into())]));
        for entry in record.into_iter().flat_map(super::record::allergies) {
            widgets::chip(ui, Tone::Danger, icon::WARNING, &words::allergy(lang, entry));
        }
        if record.is_some_and(|r| !super::record::reads_treatments(state, r)) {
            widgets::chip(ui, Tone::Warning, icon::EYE_SLASH, &lang.t("allergies-unread"));
        }
    });
}

fn measures(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::heading(ui, &lang.t("tab-vitals"));
    ui.add_space(space::S);
    for pair in SIGNS.chunks(2) {
        ui.columns(2, |columns| {
            for (column, sign) in columns.iter_mut().zip(pair) {
                let unit = words::unit(*sign);
                let name = lang.t(words::sign(*sign));
                let label = if unit.is_empty() { name } else { format!("{name} ({unit})") };
                widgets::text_field(column, state, Field::Vital(*sign), &label, hint(*sign), out);
            }
        });
        ui.add_space(space::XS);
    }
    let breathing = [(false, lang.t("on-air")), (true, lang.t("on-oxygen"))];
    widgets::choice(ui, &lang.t("breathing"), &breathing, state.visit.oxygen, |on| {
        out.push(Action::Oxygen(on));
    });
}

/// An example of what is typed.
fn hint(sign: Sign) -> &'static str {
    match sign {
        Sign::BloodPressure => "120/80",
        Sign::Consciousness => "A, C, V, P, U",
        _ => "",
    }
}

/// NEWS2 as it stands: every parameter's points, what is missing, never a total without all.
fn score(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    let Some(score) = state.score() else { return };
    let (tone, id) = match score.band() {
        Some(Band::Low) => (Tone::Success, "news2-low"),
        Some(Band::LowMedium) => (Tone::Warning, "news2-low-medium"),
        Some(Band::Medium) => (Tone::Warning, "news2-medium"),
        Some(Band::High) => (Tone::Danger, "news2-high"),
        None => (Tone::Plain, "news2-incomplete"),
    };
    widgets::card(ui, |ui| {
        ui.horizontal(|ui| {
            widgets::heading(ui, &lang.t("news2"));
            if let Some(total) = score.total() {
                let ink = palette(ui).tone(tone).0;
                ui.label(text(total.to_string(), Type::Title, Weight::Strong, ink));
            }
            widgets::chip(ui, tone, icon::GAUGE, &lang.t(id));
        });
        if score.band() == Some(Band::High) {
            widgets::banner(ui, Tone::Danger, icon::SIREN, &lang.t("news2-call"), |_| {});
        }
        let points = |p: Parameter| Some(format!("{} +{}", lang.t(parameter(p)), score.points(p).filter(|n| *n > 0)?));
        let scored: Vec<String> = Parameter::ALL.into_iter().filter_map(points).collect();
        if !scored.is_empty() {
            widgets::body(ui, &scored.join(" · "));
        }
        let missing: Vec<String> = score.missing().map(|p| lang.t(parameter(p))).collect();
        if !missing.is_empty() {
            widgets::small(ui, &lang.tv("news2-missing", &[("signs", missing.join(", ").into())]));
        }
        widgets::small(ui, &lang.t("news2-who"));
        if let Some(two) = widgets::toggle(ui, &lang.t("news2-scale-two"), state.visit.scale_two) {
            out.push(Action::ScaleTwo(two));
        }
    });
}

fn parameter(parameter: Parameter) -> &'static str {
    match parameter {
        Parameter::Oxygen => "breathing",
        Parameter::Systolic => "systolic",
        other => other.sign().map_or("breathing", words::sign),
    }
}

fn draft(ui: &mut Ui, state: &State) {
    let lang = state.lang();
    ui.spacing_mut().interact_size.y = size::TARGET;
    let Some(at) = state.visit.draft_saved_ms else { return };
    let at = lang.clock(at, state.offset);
    let words = lang.tv("draft-saved", &[("at", at.into())]);
    widgets::chip(ui, Tone::Success, icon::CHECK, &words);
}
