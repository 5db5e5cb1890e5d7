//! A USB stick, for places that no cable joins: written here, read there, and back.

use egui::Ui;

use crate::state::{Action, Field, State};
use crate::theme::icon;
use crate::theme::tokens::{Tone, size, space};
use crate::view::{Carried, CarriedFile};
use crate::widgets::{self, ButtonKind, Row};

pub(super) fn show(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::card(ui, |ui| {
        widgets::heading(ui, &lang.t("stick"));
        widgets::muted(ui, &lang.t("stick-what"));
        ui.add_space(space::S);
        for folder in &state.sticks {
            let name = folder.display().to_string();
            let row = Row {
                name: &name,
                selected: state.text(Field::Stick) == name,
                height: size::TARGET,
            };
            if widgets::row(ui, row, |ui| drop(widgets::body(ui, &name))).clicked() {
                out.push(Action::Stick(folder.clone()));
            }
        }
        let hint = lang.t("hint-stick");
        widgets::text_field(ui, state, Field::Stick, &lang.t("field-stick"), &hint, out);
        ui.add_space(space::S);
        let free = state.carrying.is_none();
        ui.horizontal_wrapped(|ui| {
            if widgets::button(ui, ButtonKind::Secondary, icon::UPLOAD_SIMPLE, &lang.t("stick-out"), free).clicked() {
                out.push(Action::CarryOut);
            }
            if widgets::button(ui, ButtonKind::Secondary, icon::DOWNLOAD_SIMPLE, &lang.t("stick-in"), free).clicked() {
                out.push(Action::CarryIn);
            }
        });
        if let Some((done, total)) = state.carrying {
            widgets::working(ui, &lang.t("stick-working"), done, total);
        }
        if let Some(problem) = state.carried.problem() {
            ui.add_space(space::S);
            widgets::sentence_of(ui, lang, problem);
        }
        if let (true, Some(carried)) = (free, state.carried.value()) {
            ui.add_space(space::S);
            told(ui, state, carried);
        }
    });
}

/// What was done, in words that can be acted on.
fn told(ui: &mut Ui, state: &State, carried: &Carried) {
    let lang = state.lang();
    match carried {
        Carried::Out {
            to,
            items,
            held_there,
            bytes,
        } => {
            let words = lang.tv(
                "stick-written",
                &[
                    ("n", (*items).into()),
                    ("size", lang.bytes(*bytes).into()),
                    ("to", to.join(", ").into()),
                ],
            );
            widgets::banner(ui, Tone::Success, icon::CHECK_CIRCLE, &words, |_| {});
            if *held_there > 0 {
                widgets::small(ui, &lang.tv("stick-held-there", &[("n", (*held_there).into())]));
            }
        }
        Carried::In {
            files,
            has_receipt,
            no_receipt,
        } => {
            for file in files {
                let (tone, icon, words) = line(state, file);
                widgets::banner(ui, tone, icon, &words, |_| {});
                ui.add_space(space::XS);
            }
            if *has_receipt {
                widgets::small(ui, &lang.t("stick-receipt"));
            }
            if let Some(problem) = no_receipt {
                let words = lang.tv("stick-no-receipt", &[("why", state.say(problem).into())]);
                widgets::banner(ui, Tone::Warning, icon::WARNING_CIRCLE, &words, |_| {});
            }
        }
    }
}

fn line(state: &State, file: &CarriedFile) -> (Tone, &'static str, String) {
    let lang = state.lang();
    let name = || file.name.as_str().into();
    if let Some(problem) = &file.refused {
        let words = match file.new {
            0 => lang.tv("stick-refused", &[("file", name()), ("why", state.say(problem).into())]),
            n => lang.tv(
                "stick-broken-off",
                &[("file", name()), ("why", state.say(problem).into()), ("n", n.into())],
            ),
        };
        return (Tone::Danger, icon::WARNING_CIRCLE, words);
    }
    if file.for_others {
        return (Tone::Plain, icon::INFO, lang.tv("stick-for-others", &[("file", name())]));
    }
    let from = if file.from.is_empty() { &file.name } else { &file.from };
    let words = lang.tv("stick-brought", &[("n", file.new.into()), ("from", from.as_str().into())]);
    (Tone::Success, icon::CHECK_CIRCLE, words)
}
