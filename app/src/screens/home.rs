//! Today: what waits for me.

use egui::Ui;

use super::requests;
use crate::state::{Action, Field, Route, Shelf, State, Tab};
use crate::theme::icon;
use crate::theme::tokens::{Tone, size, space};
use crate::view::DraftForm;
use crate::widgets::{self, Row};

/// Opened records that are named; the others are counted.
const ARRIVALS: usize = 5;

pub(super) fn show(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::page(ui, "home", |ui| {
        ui.horizontal(|ui| {
            let hello = lang.tv("hello", &[("name", state.place.practitioner.as_str().into())]);
            widgets::title(ui, &hello);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                widgets::muted(ui, &lang.today(state.now_ms, state.offset));
            });
        });
        ui.add_space(space::M);
        newcomers(ui, state, out);
        let mut beside = Vec::new();
        widgets::columns(
            ui,
            size::WIDER_LEFT,
            |ui| {
                waiting(ui, state, out);
                arrivals(ui, state, out);
            },
            |ui| begin(ui, state, &mut beside),
        );
        out.extend(beside);
    });
}

/// Requests that wait for me, then drafts to be finished.
fn waiting(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    let requests = state.waiting_requests();
    // What was opened to this place has a card of its own.
    if requests.is_empty() && state.drafts.is_empty() && state.arrivals.total > 0 {
        return;
    }
    widgets::card(ui, |ui| {
        widgets::heading(ui, &lang.t("home-waiting"));
        ui.add_space(space::S);
        if requests.is_empty() && state.drafts.is_empty() {
            widgets::empty(ui, icon::CHECK_CIRCLE, &lang.t("home-nothing"), |_| {});
        }
        for row in requests {
            requests::line(ui, state, row, out);
        }
        for draft in &state.drafts {
            let at = lang.recent(draft.saved_ms, state.now_ms, state.offset);
            let (row_id, at_id) = match draft.form {
                DraftForm::Question => ("question-row", "question-at"),
                DraftForm::Visit => ("draft-row", "draft-at"),
                DraftForm::NewPatient => ("new-patient-row", "draft-at"),
                DraftForm::Additions => ("additions-row", "additions-at"),
                DraftForm::Message => ("message-row", "message-at"),
            };
            let name = lang.tv(row_id, &[("name", draft.name.as_str().into()), ("at", at.as_str().into())]);
            let row = Row {
                name: &name,
                selected: false,
                height: size::ROW,
            };
            let pressed = widgets::row(ui, row, |ui| {
                widgets::hidden_glyph(ui, icon::NOTE_PENCIL, size::ICON, crate::theme::palette(ui).warning);
                ui.add_space(space::S);
                if draft.form == DraftForm::NewPatient {
                    widgets::strong(ui, &lang.t("new-patient"));
                } else {
                    widgets::strong(ui, &draft.name);
                }
                widgets::muted(ui, &lang.tv(at_id, &[("at", at.as_str().into())]));
            });
            if pressed.clicked() {
                let patient = draft.patient.clone();
                let route = match draft.form {
                    DraftForm::Question => Route::Compose { patient },
                    DraftForm::Visit => Route::Visit { patient },
                    DraftForm::NewPatient => Route::NewPatient,
                    DraftForm::Additions => Route::Record {
                        patient,
                        tab: Tab::Treatments,
                    },
                    DraftForm::Message => {
                        let mut all = state.requests.value().into_iter().flatten();
                        match all.find(|r| r.id.starts_with(&draft.request)) {
                            Some(row) => Route::Request { request: row.id.clone() },
                            None => Route::Requests(Shelf::default()),
                        }
                    }
                };
                out.push(Action::Go(route));
            }
        }
    });
}

/// Records that colleagues opened to this place and nobody here has looked at.
fn arrivals(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    let arrivals = &state.arrivals;
    if arrivals.total == 0 {
        return;
    }
    if !state.waiting_requests().is_empty() || !state.drafts.is_empty() {
        ui.add_space(space::M);
    }
    widgets::card(ui, |ui| {
        widgets::heading(ui, &lang.tv("arrivals", &[("n", arrivals.total.into())]));
        ui.add_space(space::S);
        for arrival in arrivals.rows.iter().take(ARRIVALS) {
            let at = lang.recent(arrival.at_ms, state.now_ms, state.offset);
            let by = [arrival.by.name.as_str(), arrival.by.facility.as_str()];
            let by = by.into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(", ");
            let opened = lang.tv("arrival-by", &[("by", by.into()), ("at", at.into())]);
            let name = format!("{}, {opened}", arrival.patient.name());
            let row = Row {
                name: &name,
                selected: false,
                height: size::ROW,
            };
            let pressed = widgets::row(ui, row, |ui| {
                widgets::hidden_glyph(ui, icon::FOLDER_OPEN, size::ICON, crate::theme::palette(ui).primary);
                ui.add_space(space::S);
                widgets::strong(ui, &arrival.patient.name());
                widgets::muted(ui, &opened);
            });
            if pressed.clicked() {
                let (patient, tab) = (arrival.patient.id.clone(), Tab::Summary);
                out.push(Action::Go(Route::Record { patient, tab }));
            }
        }
        ui.add_space(space::XS);
        if widgets::quiet(ui, icon::CHECK, &lang.t("arrivals-seen")).clicked() {
            out.push(Action::ArrivalsSeen);
        }
    });
}

fn begin(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::card(ui, |ui| {
        widgets::heading(ui, &lang.t("home-begin"));
        ui.add_space(space::S);
        if widgets::primary(ui, icon::MAGNIFYING_GLASS, &lang.t("find-patient")).clicked() {
            out.push(Action::Go(Route::Patients));
        }
        if widgets::secondary(ui, icon::USER_PLUS, &lang.t("new-patient")).clicked() {
            out.push(Action::Go(Route::NewPatient));
        }
    });
    ui.add_space(space::M);
    let Some(n) = state.network.value() else { return };
    widgets::card(ui, |ui| {
        widgets::heading(ui, &lang.t("nav-network"));
        ui.add_space(space::S);
        if n.peers.is_empty() {
            widgets::body(ui, &lang.t("network-alone"));
            if widgets::secondary(ui, icon::USERS_THREE, &lang.t("invite-place")).clicked() {
                // The form is below what else the network's screen says.
                out.extend([Action::Go(Route::Network), Action::Focus(Field::Address)]);
            }
        }
        for peer in n.peers.iter().take(6) {
            super::network::peer_line(ui, state, peer, |_| {});
            ui.add_space(space::XS);
        }
    });
}

/// Places that wait to be admitted.
fn newcomers(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    for newcomer in state.network.value().into_iter().flat_map(|n| &n.newcomers) {
        let words = lang.tv("newcomer-waits", &[("facility", newcomer.facility.as_str().into())]);
        widgets::banner(ui, Tone::Info, icon::HAND_WAVING, &words, |ui| {
            if widgets::secondary(ui, icon::EYE, &lang.t("look-at")).clicked() {
                out.push(Action::Go(Route::Network));
            }
        });
        ui.add_space(space::S);
    }
}
