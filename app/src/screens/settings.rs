//! Settings of this window: language and look. What the node is stands on the network's screen.

use egui::Ui;

use crate::i18n::Lang;
use crate::state::{Action, Look, State};
use crate::theme::icon;
use crate::theme::tokens::{Tone, size, space};
use crate::widgets;

pub(super) fn show(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::page(ui, "settings", |ui| {
        ui.set_max_width(size::READING.min(ui.available_width()));
        widgets::title(ui, &lang.t("nav-settings"));
        ui.add_space(space::M);
        widgets::card(ui, |ui| {
            let languages = [(Lang::Fr, "Français".to_owned()), (Lang::En, "English".to_owned())];
            widgets::choice(ui, &lang.t("language"), &languages, Some(lang), |l| {
                out.push(Action::Language(l));
            });
            ui.add_space(space::M);
            let looks = Look::ALL.map(|l| (l, lang.t(&format!("look-{}", l.code()))));
            widgets::choice(ui, &lang.t("look"), &looks, Some(state.settings.look), |l| {
                out.push(Action::Look(l));
            });
        });
        widgets::small(
            ui,
            &lang.tv("locks-after", &[("minutes", (crate::app::LOCK_AFTER_MS / 60_000).into())]),
        );
        ui.add_space(space::M);
        widgets::card(ui, |ui| {
            widgets::heading(ui, &lang.t("about"));
            widgets::body(ui, &lang.tv("about-version", &[("version", env!("CARGO_PKG_VERSION").into())]));
            ui.add_space(space::S);
            widgets::banner(ui, Tone::Warning, icon::WARNING, &lang.t("not-certified"), |_| {});
            ui.add_space(space::S);
            widgets::small(ui, &lang.t("about-fonts"));
            if widgets::secondary(ui, icon::KEYBOARD, &lang.t("help")).clicked() {
                out.push(Action::Help(true));
            }
        });
    });
}
