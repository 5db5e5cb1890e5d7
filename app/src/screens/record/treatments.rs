//! Allergies and treatments: a part of the record that pharmacists read, too.

use egui::Ui;

use super::super::words;
use super::allergies;
use crate::state::{Action, Field, State};
use crate::theme::icon;
use crate::theme::tokens::space;
use crate::view::{Entry, Record, Sight, What};
use crate::widgets;

/// The part of the record that this screen shows.
const PART: &str = "medication";

pub(super) fn show(ui: &mut Ui, state: &State, record: &Record, out: &mut Vec<Action>) {
    let lang = state.lang();
    let treatments = record.entries.iter().filter(|e| e.what == What::Treatment && !e.in_error).collect();
    for (title_id, none_id, found, add) in [
        (
            "allergies",
            "allergies-none",
            allergies(record),
            add_allergy as fn(&mut Ui, &State, &mut Vec<Action>),
        ),
        ("treatments", "treatments-none", treatments, add_treatment),
    ] {
        widgets::card(ui, |ui| {
            widgets::heading(ui, &lang.t(title_id));
            ui.add_space(space::XS);
            if found.is_empty() {
                let id = match record.sight(PART) {
                    Sight::Open => none_id,
                    Sight::Shut => "treatments-shut",
                    Sight::Unread => "treatments-unread",
                };
                widgets::muted(ui, &lang.t(id));
            }
            for entry in found {
                line(ui, state, record, entry, out);
            }
            if record.is_writable(PART) {
                ui.add_space(space::S);
                add(ui, state, out);
            }
        });
        ui.add_space(space::M);
    }
}

fn line(ui: &mut Ui, state: &State, record: &Record, entry: &Entry, out: &mut Vec<Action>) {
    let lang = state.lang();
    let words = words::entry(state, entry);
    ui.horizontal(|ui| {
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            widgets::strong(ui, &words);
            let at = lang.date(entry.at_ms, state.offset);
            widgets::small(ui, &format!("{at} · {} · {}", entry.author, entry.facility));
        });
        if record.is_writable(PART) && words::can_be_corrected(entry) {
            let name = lang.tv("correct-named", &[("entry", words.as_str().into())]);
            if widgets::quiet_named(ui, icon::PENCIL_SIMPLE, &lang.t("correct"), &name).clicked() {
                out.push(Action::Correct(entry.id.clone()));
            }
        }
    });
    ui.add_space(space::XS);
}

fn add_allergy(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    ui.columns(2, |columns| {
        widgets::text_field(&mut columns[0], state, Field::Substance, &lang.t("field-substance"), "", out);
        widgets::text_field(&mut columns[1], state, Field::Reaction, &lang.t("field-reaction"), "", out);
    });
    let ready = !state.text(Field::Substance).trim().is_empty();
    ui.horizontal(|ui| {
        let kind = widgets::ButtonKind::Secondary;
        if widgets::button(ui, kind, icon::PLUS, &lang.t("add-allergy"), ready).clicked() {
            out.push(Action::AddAllergy { severe: false });
        }
        let kind = widgets::ButtonKind::Danger;
        if widgets::button(ui, kind, icon::WARNING, &lang.t("add-severe-allergy"), ready).clicked() {
            out.push(Action::AddAllergy { severe: true });
        }
    });
}

fn add_treatment(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    ui.columns(2, |columns| {
        widgets::text_field(&mut columns[0], state, Field::Medicine, &lang.t("field-medicine"), "", out);
        widgets::text_field(&mut columns[1], state, Field::Dosage, &lang.t("field-dosage"), "", out);
    });
    let ready = [Field::Medicine, Field::Dosage].iter().all(|f| !state.text(*f).trim().is_empty());
    let kind = widgets::ButtonKind::Secondary;
    if widgets::button(ui, kind, icon::PLUS, &lang.t("add-treatment"), ready).clicked() {
        out.push(Action::AddTreatment);
    }
}
