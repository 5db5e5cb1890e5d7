//! A new record: who it is, checked as it is typed, and whoever here may be the same person.

use egui::Ui;

use super::words;
use crate::state::{Action, Field, Route, State, Tab};
use crate::theme::icon;
use crate::theme::tokens::{Tone, size, space};
use crate::view::Sex;
use crate::widgets::{self, Row};

pub(super) fn show(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::page(ui, "new-patient", |ui| {
        ui.set_max_width(size::READING.min(ui.available_width()));
        super::back(ui, state, out);
        widgets::title(ui, &lang.t("new-patient"));
        ui.add_space(space::S);
        widgets::banner(ui, Tone::Info, icon::INFO, &lang.t("test-identities"), |_| {});
        ui.add_space(space::M);
        widgets::card(ui, |ui| {
            ui.columns(2, |columns| {
                widgets::text_field(&mut columns[0], state, Field::Family, &lang.t("field-family"), "", out);
                widgets::text_field(&mut columns[1], state, Field::Given, &lang.t("field-given"), "", out);
            });
            ui.add_space(space::S);
            ui.columns(2, |columns| {
                let hint = lang.t("hint-birth");
                widgets::text_field(&mut columns[0], state, Field::Birth, &lang.t("field-birth"), &hint, out);
                let sexes = Sex::ALL.map(|s| (s, lang.t(words::sex(s))));
                widgets::choice(&mut columns[1], &lang.t("field-sex"), &sexes, state.new_patient.sex, |s| {
                    out.push(Action::Sex(s));
                });
            });
            ui.add_space(space::S);
            let hint = lang.t("hint-ins");
            widgets::text_field(ui, state, Field::Ins, &lang.t("field-ins"), &hint, out);
        });
        ui.add_space(space::M);
        twins(ui, state, out);
        if let Some(problem) = &state.new_patient.problem {
            widgets::sentence_of(ui, lang, problem);
            ui.add_space(space::M);
        }
        ui.horizontal_wrapped(|ui| {
            let certain = state.new_patient.twins.is_empty();
            let words = if certain {
                lang.t("create-record")
            } else {
                lang.t("create-anyway")
            };
            let missing = state.missing_of_patient();
            let ready = missing.is_empty() && state.new_patient.sex.is_some() && !state.new_patient.working;
            let kind = if certain {
                widgets::ButtonKind::Primary
            } else {
                widgets::ButtonKind::Secondary
            };
            let pressed = widgets::button(ui, kind, icon::CHECK, &words, ready);
            let pressed = if certain { pressed.on_hover_text("Ctrl+Enter") } else { pressed };
            if pressed.clicked() {
                out.push(Action::CreatePatient { anyway: !certain });
            }
            if !state.is_new_patient_empty() {
                super::drop_form(ui, state, state.new_patient.dropping, "drop-new-patient", out);
            }
        });
        let missing = state.missing_of_patient();
        let incomplete = [Field::Family, Field::Given, Field::Birth]
            .into_iter()
            .any(|f| missing.contains(&f));
        if incomplete || state.new_patient.sex.is_none() {
            ui.add_space(space::XS);
            widgets::small(ui, &lang.t("patient-missing"));
        }
    });
}

/// The same person is registered once: whoever looks alike is shown before anything is saved.
fn twins(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    if state.new_patient.twins.is_empty() {
        return;
    }
    let count = state.new_patient.twins.len() as u64;
    let words = lang.tv("twins", &[("n", count.into())]);
    widgets::banner(ui, Tone::Warning, icon::USERS, &words, |_| {});
    widgets::card(ui, |ui| {
        for (patient, why) in &state.new_patient.twins {
            let why = match why.as_str() {
                "ins" => lang.t("twin-ins"),
                "name" => lang.t("twin-name"),
                _ => lang.t("twin-similar"),
            };
            let name = format!("{}, {}, {why}", patient.name(), words::particulars(state, patient));
            let row = Row {
                name: &name,
                selected: false,
                height: size::ROW,
            };
            let pressed = widgets::row(ui, row, |ui| {
                widgets::strong(ui, &patient.name());
                widgets::muted(ui, &words::particulars(state, patient));
                widgets::chip(ui, Tone::Warning, "", &why);
            });
            if pressed.clicked() {
                let patient = patient.id.clone();
                let tab = Tab::Summary;
                out.push(Action::Go(Route::Record { patient, tab }));
            }
        }
    });
    ui.add_space(space::M);
}
