//! The list of patients: searched as one types, as long as it may be.

use egui::{Align, Key, Layout, Margin, ScrollArea, Ui};

use super::words;
use crate::state::{Action, Field, PAGE, Route, State};
use crate::theme::icon;
use crate::theme::tokens::{size, space};
use crate::view::PatientRow;
use crate::widgets::{self, Row};

/// Columns after the name: birth, sex, INS.
const COLUMNS: [f32; 3] = [140.0, 90.0, 200.0];

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
    let at = state.patients.cursor;
    let moved = ui.input(|i| {
        if i.key_pressed(Key::ArrowDown) {
            Some(at.map_or(0, |at| (at + 1).min(total - 1)))
        } else if i.key_pressed(Key::ArrowUp) {
            at.map(|at| at.saturating_sub(1))
        } else {
            None
        }
    });
    if let Some(row) = moved {
        out.push(Action::Cursor(row));
    }
    if ui.input(|i| i.key_pressed(Key::Enter))
        && let Some(patient) = state.patients.rows.get(&at.unwrap_or(0))
        && (at.is_some() || total == 1)
    {
        out.push(open(patient));
    }
}

fn header(ui: &mut Ui, state: &State) {
    let lang = state.lang();
    ui.horizontal(|ui| {
        ui.spacing_mut().interact_size.y = 0.0;
        ui.add_space(space::M);
        cells(
            ui,
            |ui| {
                widgets::small(ui, &lang.t("column-name"));
            },
            ["column-birth", "column-sex", "column-ins"].map(|id| lang.t(id)),
        );
    });
}

fn list(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    let total = state.patients.total.unwrap_or(0);
    let mut scroll = ScrollArea::vertical().id_salt("patients").auto_shrink([false, false]);
    if state.patients.fresh && state.patients.cursor.is_none() {
        scroll = scroll.vertical_scroll_offset(0.0);
    } else if let Some(row) = state.patients.cursor {
        // The cursor stays in sight.
        let _ = row;
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
            let cell = [birth, lang.t(words::sex(patient.sex)), words::ins(&patient.ins)];
            let name = format!("{} {}, {}, {}", patient.family, patient.given, cell[0], cell[1]);
            let row = Row {
                name: &name,
                selected,
                height: size::ROW,
            };
            let pressed = widgets::row(ui, row, |ui| {
                cells(
                    ui,
                    |ui| {
                        widgets::strong(ui, &format!("{} {}", patient.family, patient.given));
                    },
                    cell,
                );
            });
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
fn cells(ui: &mut Ui, name: impl FnOnce(&mut Ui), rest: [String; 3]) {
    let wide = (ui.available_width() - COLUMNS.iter().sum::<f32>() - 3.0 * space::S).max(0.0);
    let cell = |ui: &mut Ui, wide: f32, add: &mut dyn FnMut(&mut Ui)| {
        let (rect, _) = ui.allocate_exact_size(egui::vec2(wide, ui.available_height().min(size::ROW)), egui::Sense::hover());
        let mut inner = ui.new_child(egui::UiBuilder::new().max_rect(rect).layout(Layout::left_to_right(Align::Center)));
        inner.set_clip_rect(rect.intersect(ui.clip_rect()));
        add(&mut inner);
    };
    let mut name = Some(name);
    cell(ui, wide, &mut |ui| {
        if let Some(name) = name.take() {
            name(ui);
        }
    });
    for (width, text) in COLUMNS.into_iter().zip(rest) {
        cell(ui, width, &mut |ui| {
            widgets::muted(ui, &text);
        });
    }
}

fn open(patient: &PatientRow) -> Action {
    Action::Go(Route::Record {
        patient: patient.id.clone(),
        tab: crate::state::Tab::Summary,
    })
}
