//! Settings of this window: language, look, size of text; and the passphrase of this place. What the node is stands on the network's screen.

use egui::Ui;

use crate::i18n::Lang;
use crate::state::{Action, Field, Look, State, TextSize};
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
            ui.add_space(space::M);
            let sizes = TextSize::ALL.map(|s| (s, lang.t(&format!("text-size-{}", s.code()))));
            // By the keyboard it may have become another one since.
            let zoom = ui.ctx().zoom_factor();
            let shown = TextSize::ALL.into_iter().find(|s| (s.factor() - zoom).abs() < 0.01);
            widgets::choice(ui, &lang.t("key-zoom"), &sizes, shown, |s| {
                out.push(Action::TextSize(s));
            });
        });
        ui.add_space(space::M);
        if !state.place.carries_only {
            locking(ui, state, out);
            ui.add_space(space::M);
        }
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

/// Of another passphrase's form.
const FIELDS: [Field; 3] = [Field::OldPassphrase, Field::Passphrase, Field::PassphraseAgain];

/// When this desk locks, and what opens it.
fn locking(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::card(ui, |ui| {
        widgets::heading(ui, &lang.t("field-passphrase"));
        let minutes = crate::app::LOCK_AFTER_MS / 60_000;
        widgets::muted(ui, &lang.tv("locks-after", &[("minutes", minutes.into())]));
        ui.add_space(space::S);
        let Some(rekeying) = &state.rekeying else {
            if widgets::secondary(ui, icon::KEY, &lang.t("rekey")).clicked() {
                out.push(Action::RekeyForm(true));
            }
            return;
        };
        let enter = ui.input(|i| i.key_pressed(egui::Key::Enter)) && FIELDS.into_iter().any(|f| widgets::has_keyboard(ui, f));
        widgets::secret(ui, state, Field::OldPassphrase, &lang.t("field-old-passphrase"), out);
        widgets::secret(ui, state, Field::Passphrase, &lang.t("field-new-passphrase"), out);
        widgets::small(ui, &lang.t("passphrase-what"));
        widgets::secret(ui, state, Field::PassphraseAgain, &lang.t("field-passphrase-again"), out);
        widgets::small(ui, &lang.t("rekey-what"));
        if let Some(problem) = &rekeying.problem {
            ui.add_space(space::S);
            widgets::sentence_of(ui, lang, problem);
        }
        ui.add_space(space::M);
        ui.horizontal(|ui| {
            let words = lang.t(if rekeying.working { "rekey-working" } else { "rekey-do" });
            let ready = !rekeying.working && state.rekey_missing().is_none();
            if widgets::button(ui, widgets::ButtonKind::Primary, icon::KEY, &words, ready).clicked() || enter && ready {
                out.push(Action::Rekey);
            }
            if widgets::quiet(ui, "", &lang.t("leave")).clicked() {
                out.push(Action::RekeyForm(false));
            }
        });
    });
}
