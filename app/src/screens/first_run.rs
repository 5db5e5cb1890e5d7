//! The first run: found a network, or join one by an invitation, in four steps with a way back.

use egui::Ui;

use super::lock::{brand, middle};
use crate::state::form::{FacilityKind, Profession, Setup, Step};
use crate::state::{Action, Field, State};
use crate::theme::tokens::{Tone, size, space};
use crate::theme::{icon, palette};
use crate::widgets;

/// Fields of one line: Enter goes on from them.
const FIELDS: [Field; 10] = [
    Field::Network,
    Field::Facility,
    Field::Town,
    Field::Finess,
    Field::Practitioner,
    Field::Rpps,
    Field::InvitationFile,
    Field::Words,
    Field::Passphrase,
    Field::PassphraseAgain,
];

pub(super) fn show(ui: &mut Ui, state: &State, setup: &Setup, out: &mut Vec<Action>) {
    let lang = state.lang();
    // Asked before the field gives the keyboard up.
    let enter = ui.input(|i| i.key_pressed(egui::Key::Enter)) && FIELDS.into_iter().any(|f| widgets::has_keyboard(ui, f));
    middle(ui, |ui| {
        ui.horizontal(|ui| {
            brand(ui, state);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let other = if lang == crate::i18n::Lang::Fr {
                    crate::i18n::Lang::En
                } else {
                    crate::i18n::Lang::Fr
                };
                // In its own words: who needs it doesn't read the present ones.
                let words = if other == crate::i18n::Lang::Fr { "Français" } else { "English" };
                if widgets::quiet(ui, icon::TRANSLATE, words).clicked() {
                    out.push(Action::Language(other));
                }
            });
        });
        ui.add_space(space::L);
        if let Some(words) = &setup.waiting {
            waiting(ui, state, words, out);
            return;
        }
        match setup.step {
            Step::Choose => choose(ui, state, out),
            Step::Invitation => invitation(ui, state, setup, out),
            Step::Place => place(ui, state, setup, out),
            Step::Person => person(ui, state, setup, out),
            Step::Passphrase => passphrase(ui, state, setup, out),
        }
        if let Some(problem) = &setup.problem {
            ui.add_space(space::M);
            widgets::sentence_of(ui, lang, problem);
        }
        if setup.step != Step::Choose {
            if setup.tried && !state.step_is_complete(setup) {
                ui.add_space(space::M);
                let missing: Vec<String> = state.missing_of_step(setup).into_iter().map(|id| lang.t(id)).collect();
                let words = lang.tv("setup-incomplete", &[("fields", missing.join(", ").into())]);
                widgets::banner(ui, Tone::Warning, icon::INFO, &words, |_| {});
            }
            ui.add_space(space::L);
            ui.horizontal(|ui| {
                let last = setup.step == Step::Passphrase;
                let words = match (setup.working, last, setup.founding) {
                    (true, false, _) => "setup-checking",
                    (true, true, _) => "setup-working",
                    (_, true, true) => "setup-found",
                    (_, true, false) => "setup-join",
                    _ => "setup-next",
                };
                let kind = widgets::ButtonKind::Primary;
                let pressed = widgets::button(ui, kind, icon::CHECK, &lang.t(words), !setup.working).clicked();
                if pressed || enter && !setup.working {
                    out.push(Action::SetupNext);
                }
                if !setup.working && widgets::quiet(ui, icon::ARROW_LEFT, &lang.t("back")).clicked() {
                    out.push(Action::SetupBack);
                }
            });
        }
    });
}

fn choose(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::title(ui, &lang.t("welcome"));
    widgets::muted(ui, &lang.t("welcome-what"));
    ui.add_space(space::L);
    widgets::heading(ui, &lang.t("join-title"));
    widgets::body(ui, &lang.t("join-what"));
    if widgets::primary(ui, icon::ENVELOPE_SIMPLE_OPEN, &lang.t("join")).clicked() {
        out.push(Action::Founding(false));
    }
    ui.add_space(space::L);
    widgets::heading(ui, &lang.t("found-title"));
    widgets::body(ui, &lang.t("found-what"));
    if widgets::secondary(ui, icon::PLUS, &lang.t("found")).clicked() {
        out.push(Action::Founding(true));
    }
    ui.add_space(space::L);
    widgets::banner(ui, Tone::Warning, icon::WARNING, &lang.t("not-certified"), |_| {});
}

fn invitation(ui: &mut Ui, state: &State, setup: &Setup, out: &mut Vec<Action>) {
    let lang = state.lang();
    step(ui, state, setup, "setup-invitation");
    widgets::muted(ui, &lang.t("invitation-what"));
    ui.add_space(space::S);
    found(ui, state, setup, out);
    let hint = lang.t("hint-invitation");
    widgets::text_field(ui, state, Field::InvitationFile, &lang.t("field-invitation"), &hint, out);
    widgets::small(ui, &lang.t("invitation-drop"));
    ui.add_space(space::S);
    let hint = lang.t("hint-words");
    widgets::text_field(ui, state, Field::Words, &lang.t("field-words"), &hint, out);
}

fn place(ui: &mut Ui, state: &State, setup: &Setup, out: &mut Vec<Action>) {
    let lang = state.lang();
    step(ui, state, setup, "setup-place");
    if let Some(invited) = &setup.invited {
        let until = lang.date_time(invited.until_ms, state.offset);
        let words = lang.tv(
            "invitation-good",
            &[("network", invited.network.as_str().into()), ("until", until.into())],
        );
        widgets::banner(ui, Tone::Success, icon::CHECK_CIRCLE, &words, |_| {});
        ui.add_space(space::S);
    }
    if setup.founding {
        let hint = lang.t("hint-network");
        widgets::text_field(ui, state, Field::Network, &lang.t("field-network"), &hint, out);
    }
    let kinds = FacilityKind::ALL.map(|k| (k, lang.t(k.text())));
    widgets::choice(ui, &lang.t("field-kind"), &kinds, Some(setup.kind), |k| {
        out.push(Action::Kind(k));
    });
    let hint = lang.t("hint-facility");
    widgets::text_field(ui, state, Field::Facility, &lang.t("field-facility"), &hint, out);
    ui.columns(2, |columns| {
        widgets::text_field(&mut columns[0], state, Field::Town, &lang.t("field-town"), "", out);
        widgets::text_field(&mut columns[1], state, Field::Finess, &lang.t("field-finess"), "", out);
    });
}

/// Invitations that lie on this machine or on what is plugged in: most people need not type where.
fn found(ui: &mut Ui, state: &State, setup: &Setup, out: &mut Vec<Action>) {
    let lang = state.lang();
    if setup.found.is_empty() {
        return;
    }
    widgets::labelled(ui, &lang.t("invitation-found"), |ui| {
        for path in &setup.found {
            let whole = path.display().to_string();
            let row = widgets::Row {
                name: &whole,
                selected: state.text(Field::InvitationFile) == whole,
                height: size::TARGET,
            };
            let pressed = widgets::row(ui, row, |ui| {
                let ink = palette(ui).primary;
                widgets::hidden_glyph(ui, icon::ENVELOPE_SIMPLE, size::ICON, ink);
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                widgets::body(ui, &name);
                let folder = path.parent().and_then(|p| p.file_name()).unwrap_or_default();
                widgets::small(ui, &folder.to_string_lossy());
            });
            if pressed.clicked() {
                out.push(Action::InvitationFile(path.clone()));
            }
        }
    });
    ui.add_space(space::S);
}

fn person(ui: &mut Ui, state: &State, setup: &Setup, out: &mut Vec<Action>) {
    let lang = state.lang();
    step(ui, state, setup, "setup-person");
    if setup.kind == FacilityKind::Cabin {
        widgets::body(ui, &lang.t("cabin-nobody"));
        return;
    }
    widgets::muted(ui, &lang.t("person-what"));
    let hint = lang.t("hint-practitioner");
    widgets::text_field(ui, state, Field::Practitioner, &lang.t("field-practitioner"), &hint, out);
    let all = Profession::ALL.map(|p| (p, lang.t(p.text())));
    widgets::choice(ui, &lang.t("field-profession"), &all, setup.profession, |p| {
        out.push(Action::Profession(p));
    });
    widgets::text_field(ui, state, Field::Rpps, &lang.t("field-rpps"), "", out);
}

fn passphrase(ui: &mut Ui, state: &State, setup: &Setup, out: &mut Vec<Action>) {
    let lang = state.lang();
    step(ui, state, setup, "setup-passphrase");
    widgets::muted(ui, &lang.t("passphrase-what"));
    widgets::secret(ui, state, Field::Passphrase, &lang.t("field-new-passphrase"), out);
    widgets::secret(ui, state, Field::PassphraseAgain, &lang.t("field-passphrase-again"), out);
    ui.add_space(space::S);
    widgets::banner(ui, Tone::Warning, icon::KEY, &lang.t("passphrase-lost"), |_| {});
}

fn waiting(ui: &mut Ui, state: &State, words: &str, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::title(ui, &lang.t("waiting-title"));
    widgets::body(ui, &lang.t("waiting-what"));
    ui.add_space(space::M);
    widgets::card(ui, |ui| {
        widgets::small(ui, &lang.t("waiting-words"));
        widgets::heading(ui, words);
    });
    ui.add_space(space::M);
    if widgets::primary(ui, icon::ARROW_CLOCKWISE, &lang.t("waiting-again")).clicked() {
        out.push(Action::SetupNext);
    }
}

fn step(ui: &mut Ui, state: &State, setup: &Setup, title: &str) {
    let lang = state.lang();
    let (n, of) = setup.progress();
    widgets::small(ui, &lang.tv("setup-step", &[("n", n.into()), ("of", of.into())]));
    widgets::title(ui, &lang.t(title));
    ui.add_space(space::S);
}
