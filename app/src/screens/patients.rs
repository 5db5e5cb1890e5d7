//! The list of patients: searched as one types, as long as it may be.

use egui::{Align, Layout, Margin, ScrollArea, Ui};

use super::words;
use crate::state::{Action, Field, PAGE, Route, State};
use crate::theme::icon;
use crate::theme::tokens::{size, space};
use crate::view::PatientRow;
use crate::widgets::{self, Row, Steered};

pub(super) fn show(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    egui::Frame::new().inner_margin(Margin::same(space::XL as i8)).show(ui, |ui| {
        ui.horizontal(|ui| {
            widgets::title(ui, &lang.t("nav-patients"));
            if let Some(total) = state.patients.total {
                widgets::muted(ui, &lang.tv("patients-total", &[("n", total.into())]));
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if widgets::primary(ui, icon::PLUS, &lang.t("new-patient")).clicked() {
                    out.push(Action::Go(Route::NewPatient));
                }
            });
        });
        ui.add_space(space::S);
        let hint = lang.t("search-hint");
        let search = widgets::text_field(ui, state, Field::Search, &lang.t("search"), &hint, out);
        steer(ui, state, search.has_focus() || search.lost_focus(), out);
        ui.add_space(space::S);
        if let Some(problem) = &state.patients.problem {
            widgets::sentence_of(ui, lang, problem);
        }
        widgets::card(ui, |ui| {
            if state.patients.total == Some(0) {
                let words = lang.t(if state.text(Field::Search).is_empty() {
                    "patients-none"
                } else {
                    "patients-not-found"
                });
                widgets::empty(ui, icon::USERS, &words, |ui| {
                    if widgets::secondary(ui, icon::USER_PLUS, &lang.t("new-patient")).clicked() {
                        out.push(Action::Go(Route::NewPatient));
                    }
                });
            } else {
                header(ui, state);
                list(ui, state, out);
            }
        });
    });
}

/// Keys of the list while one types in the search.
fn steer(ui: &Ui, state: &State, searching: bool, out: &mut Vec<Action>) {
    let total = state.patients.total.unwrap_or(0);
    if !searching || total == 0 {
        return;
    }
    match widgets::steer(ui, state.patients.cursor, total) {
        Some(Steered::To(row)) => out.push(Action::Cursor(row)),
        Some(Steered::Take(row)) => out.extend(state.patients.rows.get(&row).map(open)),
        None => {}
    }
}

fn header(ui: &mut Ui, state: &State) {
    let lang = state.lang();
    let inset = Margin::symmetric(space::M as i8, 0);
    egui::Frame::new().inner_margin(inset).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().interact_size.y = 0.0;
            ui.set_height(space::XL);
            cells(
                ui,
                ["column-name", "column-birth", "column-sex", "column-ins"].map(|id| lang.t(id)),
                widgets::small,
                widgets::small,
            );
        });
    });
}

fn list(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    let total = state.patients.total.unwrap_or(0);
    let mut scroll = ScrollArea::vertical().id_salt("patients").auto_shrink([false, false]);
    if state.patients.fresh && state.patients.cursor.is_none() {
        scroll = scroll.vertical_scroll_offset(0.0);
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    scroll.show_rows(ui, size::ROW, total as usize, |ui, rows| {
        let first = rows.start as u64 / PAGE * PAGE;
        let last = rows.end as u64 / PAGE * PAGE;
        for page in [first, last] {
            if page < total && !state.patients.rows.contains_key(&page) && !state.patients.asked.contains(&page) {
                out.push(Action::PatientsAt(page));
            }
        }
        for at in rows.start as u64..rows.end as u64 {
            let Some(patient) = state.patients.rows.get(&at) else {
                ui.add_space(size::ROW);
                continue;
            };
            let selected = state.patients.cursor == Some(at);
            let birth = lang.iso_date(&patient.birth_date);
            let filed = format!("{} {}", patient.family, patient.given);
            let mut name = format!("{filed}, {birth}, {}", lang.t(words::sex(patient.sex)));
            if patient.shut {
                name = format!("{name}, {}", lang.t("row-shut"));
            }
            // As French records are filed, whichever way it was typed.
            let mut filed = format!("{} {}", patient.family.to_uppercase(), patient.given);
            if patient.shut {
                filed = format!("{filed} ({})", lang.t("row-shut"));
            }
            let cell = [filed, birth, lang.t(words::sex(patient.sex)), words::ins(&patient.ins)];
            let row = Row {
                name: &name,
                selected,
                height: size::ROW,
            };
            let pressed = widgets::row(ui, row, |ui| cells(ui, cell, widgets::strong, widgets::muted));
            if selected && state.patients.cursor.is_some() {
                pressed.scroll_to_me(None);
            }
            if pressed.clicked() {
                out.push(open(patient));
            }
        }
    });
}

/// Exact widths: a list doesn't jump when a longer name scrolls in.
fn cells(ui: &mut Ui, texts: [String; 4], first: Cell, others: Cell) {
    let columns = size::PATIENT_COLUMNS;
    let fixed: f32 = columns.iter().sum();
    let name = (ui.available_width() - fixed - columns.len() as f32 * ui.spacing().item_spacing.x).max(0.0);
    let high = ui.available_height().min(size::ROW);
    for (i, (width, text)) in std::iter::once(name).chain(columns).zip(texts).enumerate() {
        let (rect, _) = ui.allocate_exact_size(egui::vec2(width, high), egui::Sense::hover());
        let builder = egui::UiBuilder::new().max_rect(rect).layout(Layout::left_to_right(Align::Center));
        let mut inner = ui.new_child(builder);
        inner.set_clip_rect(rect.intersect(ui.clip_rect()));
        let cell = if i == 0 { first } else { others };
        cell(&mut inner, &text);
    }
}

type Cell = fn(&mut Ui, &str) -> egui::Response;

fn open(patient: &PatientRow) -> Action {
    Action::Go(Route::Record {
        patient: patient.id.clone(),
        tab: crate::state::Tab::Summary,
    })
}
