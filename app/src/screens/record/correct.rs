//! Putting an entry right: what it says is typed anew, or it is said to be a mistake. What stood there stays in the history.

use egui::Ui;

use super::super::words;
use crate::state::{Action, Field, State};
use crate::theme::icon;
use crate::theme::tokens::{Tone, space};
use crate::view::{Entry, Sex, What};
use crate::widgets::{self, ButtonKind};

/// Lines of a note's field.
const NOTE_ROWS: usize = 8;

pub(super) fn dialog(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    let Some(correction) = &state.correction else { return };
    let entry = state.record_of(&correction.patient);
    let entry = entry.and_then(|r| r.entries.iter().find(|e| e.id == correction.entry));
    let Some(entry) = entry else { return };
    let mut leave = false;
    let is_identity = entry.what == What::Patient;
    let title = if is_identity {
        lang.t("correct-identity")
    } else {
        lang.tv("correct-title", &[("entry", words::entry(state, entry).into())])
    };
    widgets::modal(
        ui,
        "correct",
        &title,
        || leave = true,
        |ui| {
            widgets::muted(ui, &lang.t("correct-what"));
            ui.add_space(space::S);
            for (place, field) in (0..).zip(&correction.fields) {
                let label = label(state, entry, &field.name);
                let field_of = Field::Correction(place);
                if field.name == "text" {
                    widgets::area(ui, state, field_of, &label, "", NOTE_ROWS, out);
                } else {
                    widgets::text_field(ui, state, field_of, &label, "", out);
                }
                ui.add_space(space::S);
            }
            if let (true, Some(sex)) = (is_identity, correction.sex) {
                let sexes = Sex::ALL.map(|s| (s, lang.t(words::sex(s))));
                widgets::choice(ui, &lang.t("field-sex"), &sexes, Some(sex), |s| out.push(Action::CorrectSex(s)));
                ui.add_space(space::S);
            }
            if let Some(severe) = correction.severe
                && let Some(severe) = widgets::toggle(ui, &lang.t("severe"), severe)
            {
                out.push(Action::Severe(severe));
            }
            if entry.what == What::Treatment
                && let Some(allergy) = state.allergy_named()
            {
                let words = lang.tv("allergy-named", &[("to", allergy.title.as_str().into())]);
                widgets::banner(ui, Tone::Danger, icon::WARNING, &words, |_| {});
            }
            if entry.what == What::Visit {
                widgets::small(ui, &lang.t("withdraw-visit"));
            }
            if let Some(problem) = &correction.problem {
                ui.add_space(space::S);
                widgets::sentence_of(ui, lang, problem);
            }
            ui.add_space(space::M);
            ui.horizontal_wrapped(|ui| {
                if !correction.fields.is_empty() {
                    let ready = !correction.working && !state.changes().is_empty();
                    let words = lang.t("correct-sign");
                    if widgets::button(ui, ButtonKind::Primary, icon::SIGNATURE, &words, ready).clicked() {
                        out.push(Action::SaveCorrection);
                    }
                }
                // Somebody was registered: that isn't unsaid by saying so here.
                let words = lang.t(if correction.withdrawing { "withdraw-sure" } else { "withdraw" });
                if !is_identity && widgets::button(ui, ButtonKind::Danger, icon::X_CIRCLE, &words, !correction.working).clicked() {
                    out.push(Action::Withdraw);
                }
                if widgets::quiet(ui, "", &lang.t("leave")).clicked() {
                    out.push(Action::LeaveDialog);
                }
            });
        },
    );
    if leave {
        out.push(Action::LeaveDialog);
    }
}

fn label(state: &State, entry: &Entry, name: &str) -> String {
    let lang = state.lang();
    match (name, &entry.what) {
        ("value", What::Vital(measure)) => words::labelled_sign(lang, measure.sign()),
        ("text", _) => lang.t("field-note"),
        ("substance", _) => lang.t("field-substance"),
        ("reaction", _) => lang.t("field-reaction"),
        ("medicine", _) => lang.t("field-medicine"),
        ("dosage", _) => lang.t("field-dosage"),
        ("problem", _) => lang.t("field-problem"),
        ("since", _) => lang.t("field-since"),
        ("family", _) => lang.t("field-family"),
        ("given", _) => lang.t("field-given"),
        ("birth-date", _) => lang.t("field-birth"),
        ("ins", _) => lang.t("field-ins"),
        _ => lang.t("field-reason"),
    }
}
