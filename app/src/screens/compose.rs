//! A question to a colleague: to whom, about what, with which parts of the record, for how long.

use bocage_protocol::clinical::request::Kind;
use egui::Ui;

use super::requests::{kind, recipient};
use super::words;
use crate::state::form::PARTS;
use crate::state::{Action, Field, State};
use crate::theme::icon;
use crate::theme::tokens::{Tone, size, space};
use crate::widgets::{self, Row, Steered};

/// Lines of the question's field.
const QUESTION_ROWS: usize = 6;
/// Recipients shown at once; typing finds the others.
const SHOWN: usize = 6;

pub(super) fn show(ui: &mut Ui, state: &State, patient: &str, out: &mut Vec<Action>) {
    let mut sent = Vec::new();
    widgets::page_with_foot(ui, "compose", |ui| foot(ui, state, &mut sent), |ui| form(ui, state, patient, out));
    out.extend(sent);
}

/// Always in sight: sending, and what keeps it from being sent.
fn foot(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    if let Some(problem) = &state.compose.problem {
        widgets::sentence_of(ui, lang, problem);
        ui.add_space(space::S);
    }
    let ready = state.compose.to.is_some() && !state.text(Field::Question).trim().is_empty();
    ui.horizontal_wrapped(|ui| {
        let words = lang.t(if state.compose.working { "sending" } else { "send-request" });
        let kind = widgets::ButtonKind::Primary;
        let pressed = widgets::button(ui, kind, icon::SIGNATURE, &words, ready && !state.compose.working);
        if pressed.on_hover_text("Ctrl+Enter").clicked() {
            out.push(Action::SendRequest);
        }
        super::drop_form(ui, state, state.compose.dropping, "drop-question", out);
        if !ready {
            widgets::small(ui, &lang.t("request-missing"));
        }
    });
}

fn form(ui: &mut Ui, state: &State, patient: &str, out: &mut Vec<Action>) {
    let lang = state.lang();
    super::back(ui, state, out);
    let name = state.record_of(patient).map(|r| r.patient.name()).unwrap_or_default();
    let title = if state.compose.kind == Kind::Referral {
        "compose-referral"
    } else {
        "compose-title"
    };
    widgets::title(ui, &lang.tv(title, &[("name", name.into())]));
    ui.add_space(space::M);
    let mut chosen = Vec::new();
    widgets::columns(
        ui,
        size::WIDER_LEFT,
        |ui| widgets::card(ui, |ui| question(ui, state, out)),
        |ui| parts(ui, state, patient, &mut chosen),
    );
    out.extend(chosen);
}

fn question(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    let kinds = [Kind::TeleExpertise, Kind::Referral].map(|k| (k, lang.t(kind(k))));
    widgets::choice(ui, &lang.t("field-request-kind"), &kinds, Some(state.compose.kind), |k| {
        out.push(Action::RequestKind(k));
    });
    let what = match state.compose.kind {
        Kind::Referral => "request-referral-what",
        Kind::TeleExpertise => "request-tele-expertise-what",
    };
    widgets::small(ui, &lang.t(what));
    ui.add_space(space::S);
    to(ui, state, out);
    ui.add_space(space::S);
    let (label, hint) = match state.compose.kind {
        Kind::Referral => ("field-letter", "hint-letter"),
        Kind::TeleExpertise => ("field-question", "hint-question"),
    };
    widgets::area(ui, state, Field::Question, &lang.t(label), &lang.t(hint), QUESTION_ROWS, out);
    ui.add_space(space::S);
    if let Some(urgent) = widgets::toggle(ui, &lang.t("urgent-what"), state.compose.urgent) {
        out.push(Action::Urgent(urgent));
    }
}

fn to(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    if let Some(to) = &state.compose.to {
        widgets::labelled(ui, &lang.t("field-recipient"), |ui| {
            let words = recipient(state, to);
            widgets::banner(ui, Tone::Primary, icon::USER_CIRCLE, &words, |_| {});
        });
    }
    let label = lang.t(if state.compose.to.is_some() {
        "field-other-recipient"
    } else {
        "field-recipient"
    });
    let hint = lang.t("hint-recipient");
    let field = widgets::text_field(ui, state, Field::Recipient, &label, &hint, out);
    let shown = state.compose.recipients.len().min(SHOWN) as u64;
    if field.has_focus() || field.lost_focus() {
        match widgets::steer(ui, state.compose.cursor, shown) {
            Some(Steered::To(at)) => out.push(Action::RecipientCursor(at)),
            Some(Steered::Take(at)) => {
                let chosen = state.compose.recipients.get(at as usize);
                out.extend(chosen.cloned().map(Action::Recipient));
            }
            None => {}
        }
    }
    if state.compose.to.is_some() && state.text(Field::Recipient).is_empty() {
        return;
    }
    if state.compose.recipients.is_empty() {
        widgets::small(ui, &lang.t("recipients-none"));
    }
    for (at, each) in (0..).zip(state.compose.recipients.iter().take(SHOWN)) {
        let words = recipient(state, each);
        let name = format!("{words} {}", each.town);
        let row = Row {
            name: name.trim(),
            selected: state
                .compose
                .cursor
                .map_or(state.compose.to.as_ref() == Some(each), |cursor| cursor == at),
            height: size::TARGET + space::XS,
        };
        let pressed = widgets::row(ui, row, |ui| {
            let p = crate::theme::palette(ui);
            let icon = match each.kind.as_str() {
                "practitioner" => icon::USER_CIRCLE,
                "team" => icon::USERS_THREE,
                _ => icon::BUILDINGS,
            };
            widgets::hidden_glyph(ui, icon, size::ICON, p.primary);
            widgets::body(ui, &words);
            widgets::small(ui, &each.town);
        });
        if pressed.clicked() {
            out.push(Action::Recipient(each.clone()));
        }
    }
}

fn parts(ui: &mut Ui, state: &State, patient: &str, out: &mut Vec<Action>) {
    let lang = state.lang();
    let begun = |part: &str| state.record_of(patient).is_some_and(|r| r.is_begun(part));
    widgets::card(ui, |ui| {
        widgets::heading(ui, &lang.t("request-parts"));
        widgets::muted(ui, &lang.t("request-parts-what"));
        ui.add_space(space::S);
        let identity = lang.t("part-identity");
        widgets::small(ui, &lang.tv("part-always", &[("part", identity.into())]));
        for part in PARTS {
            if !begun(part) {
                // Nothing here begins an emergency sheet yet: it would only be wondered about.
                if part != "emergency" {
                    widgets::small(ui, &lang.tv("part-empty", &[("part", lang.t(words::part(part)).into())]));
                }
                continue;
            }
            let on = state.compose.parts.contains(part);
            if widgets::toggle(ui, &lang.t(words::part(part)), on).is_some() {
                out.push(Action::Part(part));
            }
            explained(ui, state, part);
        }
    });
}

/// What stands in a part: its name alone isn't everybody's.
fn explained(ui: &mut Ui, state: &State, part: &str) {
    let Some(id) = words::part_holds(part) else { return };
    ui.scope(|ui| {
        ui.visuals_mut().indent_has_left_vline = false;
        ui.indent(part, |ui| widgets::small(ui, &state.lang().t(id)));
    });
}
