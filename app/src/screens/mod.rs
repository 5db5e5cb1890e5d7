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
mod visit;
mod words;

use egui::Ui;

use crate::state::{Action, Phase, State};

/// Draws the window.
pub fn show(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    match &state.phase {
        Phase::Starting { .. } | Phase::Broken(_) | Phase::Locked { .. } => lock::show(ui, state, out),
        Phase::FirstRun(setup) => first_run::show(ui, state, setup, out),
        Phase::Open => shell::show(ui, state, out),
    }
    crate::widgets::toasts(ui, state, out);
}
