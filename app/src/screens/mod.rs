//! The screens. Each is a function of the state that pushes what the person did; none changes anything.

mod compose;
mod first_run;
mod home;
mod lock;
mod network;
mod new_patient;
mod patients;
mod record;
mod request;
mod requests;
mod settings;
mod shell;
mod stick;
mod visit;
mod words;

use egui::{Align2, Ui};

use crate::state::{Action, Phase, Route, State};
use crate::theme::icon;
use crate::theme::tokens::{size, space};
use crate::widgets;

/// Draws the window.
pub fn show(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    match &state.phase {
        Phase::Starting { .. } | Phase::Broken(_) | Phase::Locked { .. } => lock::show(ui, state, out),
        Phase::FirstRun(setup) => first_run::show(ui, state, setup, out),
        Phase::Open => return shell::show(ui, state, out),
    }
    let mut aside = ui.ctx().content_rect().shrink(space::L);
    aside.set_left(aside.left().max(aside.right() - size::FORM));
    widgets::toasts(ui, state, aside, Align2::RIGHT_BOTTOM, out);
}

/// Giving up what is being written: asked twice, as nothing brings it back.
fn drop_form(ui: &mut Ui, state: &State, asked: bool, words: &str, out: &mut Vec<Action>) {
    let lang = state.lang();
    let pressed = if asked {
        widgets::danger(ui, icon::TRASH, &lang.t("drop-sure"))
    } else {
        widgets::quiet(ui, icon::TRASH, &lang.t(words))
    };
    if pressed.clicked() {
        out.push(Action::DropDraft);
    }
}

/// The way back to where one came from, by its name.
fn back(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let id = match state.behind.last() {
        Some(Route::Home) => "back-to-home",
        Some(Route::Patients) => "back-to-patients",
        Some(Route::Requests(_)) => "back-to-requests",
        Some(Route::Request { .. }) => "back-to-request",
        Some(Route::Record { .. } | Route::Visit { .. } | Route::Compose { .. }) => "back-to-record",
        Some(_) => "back",
        None => return,
    };
    if widgets::quiet(ui, icon::ARROW_LEFT, &state.lang().t(id)).clicked() {
        out.push(Action::Back);
    }
}
