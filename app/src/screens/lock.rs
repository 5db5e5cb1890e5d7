//! Before the desk: starting, broken, locked.

use egui::{Key, Ui};

use crate::state::{Action, Field, Phase, State};
use crate::theme::tokens::{Tone, Type, size, space};
use crate::theme::{icon, palette};
use crate::widgets;

pub(super) fn show(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    middle(ui, |ui| {
        brand(ui, state);
        ui.add_space(space::XL);
        match &state.phase {
            Phase::Starting { done, total } => widgets::working(ui, &lang.t("starting"), *done, *total),
            Phase::Broken(problem) => {
                widgets::heading(ui, &lang.t("broken-title"));
                ui.add_space(space::S);
                widgets::sentence_of(ui, lang, problem);
                ui.add_space(space::M);
                if widgets::primary(ui, icon::ARROW_CLOCKWISE, &lang.t("retry")).clicked() {
                    out.push(Action::Retry);
                }
            }
            Phase::Locked { working, problem } => {
                widgets::title(ui, &state.place.facility);
                let line = lang.tv("lock-network", &[("network", state.place.network.as_str().into())]);
                widgets::muted(ui, &line);
                ui.add_space(space::L);
                if state.demo {
                    let words = lang.tv("demo-passphrase", &[("passphrase", crate::demo::PASSPHRASE.into())]);
                    widgets::banner(ui, Tone::Info, icon::FLASK, &words, |_| {});
                    ui.add_space(space::S);
                }
                let field = widgets::secret(ui, state, Field::Passphrase, &lang.t("field-passphrase"), out);
                if let Some(problem) = problem {
                    ui.add_space(space::XS);
                    widgets::sentence_of(ui, lang, problem);
                }
                ui.add_space(space::M);
                let enter = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
                let words = lang.t(if *working { "unlocking" } else { "unlock" });
                let pressed = widgets::button(ui, widgets::ButtonKind::Primary, icon::LOCK_OPEN, &words, !working);
                if !working && (pressed.clicked() || enter) {
                    out.push(Action::Unlock);
                }
                ui.add_space(space::L);
                widgets::banner(ui, Tone::Plain, icon::SHARE_NETWORK, &lang.t("locked-carries"), |_| {});
                if state.place.is_second {
                    ui.add_space(space::S);
                    widgets::banner(ui, Tone::Warning, icon::WARNING, &lang.t("second-window"), |_| {});
                    widgets::small(ui, &lang.t("second-locked"));
                }
            }
            _ => {}
        }
    });
}

/// The mark and name of the program.
pub(super) fn brand(ui: &mut Ui, state: &State) {
    ui.horizontal(|ui| {
        widgets::hidden_glyph(ui, icon::HAND_HEART, Type::Display.points(), palette(ui).primary);
        widgets::heading(ui, &state.lang().t("app-name"));
    });
}

/// A column in the middle of the window.
pub(super) fn middle(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    let ground = palette(ui).bg;
    ui.painter().rect_filled(ui.max_rect(), egui::CornerRadius::ZERO, ground);
    widgets::page(ui, "middle", |ui| {
        let side = ((ui.available_width() - size::FORM) / 2.0).max(0.0);
        ui.add_space(space::XXL);
        ui.horizontal_top(|ui| {
            ui.add_space(side);
            ui.vertical(|ui| {
                ui.set_width(size::FORM.min(ui.available_width()));
                widgets::card(ui, add);
            });
        });
    });
}
