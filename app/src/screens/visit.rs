//! A visit: why, what was measured, what was found. Kept as a draft while it is written, saved in one piece.

use bocage_protocol::clinical::news2::{Band, Parameter};
use bocage_protocol::clinical::vitals::Sign;
use egui::Ui;

use super::words;
use crate::i18n::Lang;
use crate::state::form::SIGNS;
use crate::state::{Action, Field, State};
use crate::theme::tokens::{Tone, Type, Weight, size, space};
use crate::theme::{icon, palette, text};
use crate::widgets;

/// Signs before those that no score is made of.
const SCORED: usize = 6;
/// Lines of the note's field, beside the measures and above them.
const NOTE_ROWS: usize = 10;
const NARROW_NOTE_ROWS: usize = 6;

pub(super) fn show(ui: &mut Ui, state: &State, patient: &str, out: &mut Vec<Action>) {
    let mut said = Vec::new();
    widgets::page_with_foot(
        ui,
        "visit",
        |ui| foot(ui, state, &mut said),
        |ui| {
            head(ui, state, patient, out);
            ui.add_space(space::M);
            let mut beside = Vec::new();
            widgets::columns(
                ui,
                size::LEFT,
                |ui| {
                    widgets::card(ui, |ui| words_of_visit(ui, state, out));
                    if !widgets::is_narrow(ui) {
                        ui.add_space(space::M);
                        score(ui, state, out);
                    }
                },
                |ui| {
                    widgets::card(ui, |ui| measures(ui, state, &mut beside));
                    if widgets::is_narrow(ui) {
                        ui.add_space(space::M);
                        score(ui, state, &mut beside);
                    }
                },
            );
            out.extend(beside);
        },
    );
    out.extend(said);
}

/// Always in sight: signing, and how safe what is typed is.
fn foot(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    if let Some(problem) = &state.visit.problem {
        widgets::sentence_of(ui, lang, problem);
        widgets::small(ui, &lang.t("visit-not-signed"));
        ui.add_space(space::S);
    }
    ui.horizontal_wrapped(|ui| {
        let words = lang.t(if state.visit.working { "saving" } else { "save-visit" });
        let kind = widgets::ButtonKind::Primary;
        let pressed = widgets::button(ui, kind, icon::SIGNATURE, &words, !state.visit.working);
        if pressed.on_hover_text("Ctrl+Enter").clicked() {
            out.push(Action::SaveVisit);
        }
        super::drop_form(ui, state, state.visit.dropping, "drop-draft", out);
        let wrong = SIGNS.into_iter().filter(|s| state.wrong(Field::Vital(*s)).is_some()).count() as u64;
        if wrong > 0 {
            widgets::chip(
                ui,
                Tone::Danger,
                icon::WARNING_CIRCLE,
                &lang.tv("visit-wrong", &[("n", wrong.into())]),
            );
        }
        draft(ui, state);
    });
}

fn words_of_visit(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    let hint = lang.t("hint-reason");
    let rows = if widgets::is_narrow(ui) { NARROW_NOTE_ROWS } else { NOTE_ROWS };
    widgets::text_field(ui, state, Field::Reason, &lang.t("field-reason"), &hint, out);
    ui.add_space(space::S);
    widgets::area(ui, state, Field::Note, &lang.t("field-note"), &lang.t("hint-note"), rows, out);
}

fn head(ui: &mut Ui, state: &State, patient: &str, out: &mut Vec<Action>) {
    let lang = state.lang();
    let record = state.record_of(patient);
    let name = record.map(|r| r.patient.name()).unwrap_or_default();
    super::back(ui, state, out);
    ui.horizontal_wrapped(|ui| {
        widgets::title(ui, &lang.tv("visit-of", &[("name", name.into())]));
        if let Some(record) = record {
            super::record::alerts(ui, state, record);
        }
    });
}

fn measures(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::heading(ui, &lang.t("tab-vitals"));
    ui.add_space(space::S);
    let typed: Vec<Sign> = SIGNS.into_iter().filter(|s| *s != Sign::Consciousness).collect();
    // Whatever the score needs comes first.
    let (scored, others) = typed.split_at(SCORED);
    signs(ui, state, scored, out);
    // In words: whoever measures need not know the letters.
    let consciousness = Field::Vital(Sign::Consciousness);
    let level = state.text(consciousness).to_owned();
    let levels = ["A", "C", "V", "P", "U"].map(|letter| (letter, lang.t(&format!("acvpu-{}", letter.to_lowercase()))));
    let chosen = levels.iter().map(|(letter, _)| *letter).find(|letter| *letter == level);
    let name = lang.t(words::sign(Sign::Consciousness));
    widgets::choice(ui, &name, &levels, chosen, |letter| {
        // Chosen once more, it is as if nobody had looked.
        let text = if chosen == Some(letter) { "" } else { letter };
        out.push(Action::Type(consciousness, text.to_owned()));
    });
    ui.add_space(space::XS);
    let breathing = [(false, lang.t("on-air")), (true, lang.t("on-oxygen"))];
    widgets::choice(ui, &lang.t("breathing"), &breathing, state.visit.oxygen, |on| {
        out.push(Action::Oxygen(on));
    });
    ui.add_space(space::S);
    signs(ui, state, others, out);
}

fn signs(ui: &mut Ui, state: &State, signs: &[Sign], out: &mut Vec<Action>) {
    let lang = state.lang();
    for pair in signs.chunks(2) {
        ui.columns(2, |columns| {
            for (column, sign) in columns.iter_mut().zip(pair) {
                let label = words::labelled_sign(lang, *sign);
                widgets::text_field(column, state, Field::Vital(*sign), &label, &hint(lang, *sign), out);
            }
        });
    }
}

/// An example of what is typed.
fn hint(lang: Lang, sign: Sign) -> String {
    match sign {
        Sign::BloodPressure => "120/80".to_owned(),
        Sign::Glucose => lang.t("hint-glucose"),
        _ => String::new(),
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
        Parameter::Oxygen => "news2-breathing",
        Parameter::Systolic => "systolic",
        other => other.sign().map_or("news2-breathing", words::sign),
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
