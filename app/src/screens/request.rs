//! One request: the question, what was said since, how far each word of mine has come, and what I can do.

use bocage_protocol::clinical::request::{Kind, Status, Step};
use egui::{Frame, Margin, Stroke, Ui};

use super::requests::{kind as kind_of, recipient, status_of};
use super::words;
use crate::state::{Action, Field, Route, State, Tab};
use crate::theme::tokens::{Tone, size, space};
use crate::theme::{icon, palette};
use crate::view::{Delivery, Message, Request, RequestRow, Trust};
use crate::widgets::{self, ButtonKind};

pub(super) fn show(ui: &mut Ui, state: &State, request: &str, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::page(ui, "request", |ui| {
        super::back(ui, state, out);
        if let Some(problem) = state.request.problem() {
            widgets::sentence_of(ui, lang, problem);
        }
        let Some(shown) = state.request.value().filter(|r| r.row.id == request) else {
            widgets::muted(ui, &lang.t("loading"));
            return;
        };
        header(ui, state, shown);
        ui.add_space(space::M);
        let mut beside = Vec::new();
        widgets::columns(
            ui,
            size::WIDER_LEFT,
            |ui| {
                let mut wanted = false;
                for message in &shown.messages {
                    said(ui, state, message, shown.row.kind, wanted);
                    wanted = words::is_wanted(wanted, message.step);
                    ui.add_space(space::S);
                }
                answer(ui, state, shown, out);
            },
            |ui| aside(ui, state, shown, &mut beside),
        );
        out.extend(beside);
    });
}

fn header(ui: &mut Ui, state: &State, shown: &Request) {
    let lang = state.lang();
    let row = &shown.row;
    ui.horizontal_wrapped(|ui| {
        let words = lang.tv(
            "request-title",
            &[("kind", lang.t(kind_of(row.kind)).into()), ("name", row.patient.name().into())],
        );
        widgets::title(ui, &words);
        let (tone, status) = status_of(row);
        widgets::chip(ui, tone, "", &lang.t(status));
        if row.urgent {
            widgets::chip(ui, Tone::Danger, icon::SIREN, &lang.t("urgent"));
        }
    });
    let from = format!("{}, {}", row.from.name, row.from.facility);
    let line = lang.tv("request-line", &[("from", from.into()), ("to", recipient(state, &row.to).into())]);
    widgets::muted(ui, &line);
}

/// One thing said, and how far it has come. `wanted`: somebody had asked for it.
fn said(ui: &mut Ui, state: &State, message: &Message, kind: Kind, wanted: bool) {
    let lang = state.lang();
    let p = palette(ui);
    let own = message.delivery.is_some();
    let title = words::said(message.step, kind, wanted);
    let fill = if message.step == Some(Step::Answer) {
        p.success_soft
    } else {
        p.surface
    };
    Frame::new()
        .fill(fill)
        .stroke(Stroke::new(1.0, p.border))
        .corner_radius(egui::CornerRadius::same(size::CARD_RADIUS))
        .inner_margin(Margin::same(space::L as i8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().interact_size.y = 0.0;
            ui.horizontal_wrapped(|ui| {
                widgets::strong(ui, &lang.t(title));
                let at = lang.recent(message.at_ms, state.now_ms, state.offset);
                widgets::small(ui, &format!("{}, {} · {at}", message.author.name, message.author.facility));
            });
            if message.trust != Trust::Accepted {
                widgets::chip(ui, Tone::Warning, icon::WARNING, &lang.t("entry-quarantined"));
            }
            if !message.text.is_empty() {
                widgets::lead(ui, &message.text);
            }
            if let (true, Some(delivery)) = (own, &message.delivery) {
                ui.add_space(space::XS);
                how_far(ui, state, delivery);
            }
        });
}

/// Saved here, held by others, received, read: the furthest that is proven, and who.
fn how_far(ui: &mut Ui, state: &State, delivery: &Delivery) {
    let lang = state.lang();
    ui.horizontal_wrapped(|ui| {
        widgets::chip(ui, Tone::Plain, icon::CHECK, &lang.t("saved-here"));
        if !delivery.holders.is_empty() {
            let n = delivery.holders.len() as u64;
            widgets::chip(ui, Tone::Info, icon::CLOUD_CHECK, &lang.tv("held-by", &[("n", n.into())]));
        }
        let read: Vec<&str> = delivery.read.iter().map(|(who, _)| who.name.as_str()).collect();
        for (who, at) in &delivery.received {
            if !read.contains(&who.name.as_str()) {
                let words = said_by(state, "received-by", &who.name, *at);
                widgets::chip(ui, Tone::Info, icon::TRAY_ARROW_DOWN, &words);
            }
        }
        for (who, at) in &delivery.read {
            let words = said_by(state, "read-by", &who.name, *at);
            widgets::chip(ui, Tone::Success, icon::EYE, &words);
        }
    });
}

fn said_by(state: &State, id: &str, name: &str, at_ms: u64) -> String {
    let lang = state.lang();
    let at = lang.recent(at_ms, state.now_ms, state.offset);
    lang.tv(id, &[("name", name.into()), ("at", at.into())])
}

/// What I can say and do now.
fn answer(ui: &mut Ui, state: &State, shown: &Request, out: &mut Vec<Action>) {
    let lang = state.lang();
    let row = &shown.row;
    if row.steps.is_empty() {
        return;
    }
    if row.status == Status::Answered && row.steps.contains(&Step::Answer) && !state.saying_more {
        if widgets::secondary(ui, icon::PLUS, &lang.t("say-more")).clicked() {
            out.push(Action::SayMore);
        }
        return;
    }
    let asks = !row.steps.contains(&Step::Answer);
    let field = match row.status {
        Status::MoreAsked if asks => "field-reply",
        Status::Answered if asks => "field-follow-up",
        Status::Declined => "field-message",
        _ if asks => "field-addition",
        _ => "field-answer",
    };
    let rows = if asks { 3 } else { 5 };
    widgets::card(ui, |ui| {
        widgets::area(ui, state, Field::Message, &lang.t(field), "", rows, out);
        if let Some(problem) = &state.step_problem {
            widgets::sentence_of(ui, lang, problem);
        }
        ui.add_space(space::S);
        if state.closing {
            let words = lang.tv("close-means", &[("name", row.to.name.as_str().into())]);
            widgets::banner(ui, Tone::Warning, icon::LOCK, &words, |_| {});
            ui.add_space(space::S);
        }
        let main = state.main_step();
        ui.horizontal_wrapped(|ui| {
            for (step, icon) in [
                (Step::Answer, icon::SIGNATURE),
                (Step::Reply, icon::ARROW_BEND_UP_LEFT),
                (Step::AskMore, icon::QUESTION),
                (Step::Close, icon::CHECK_CIRCLE),
                (Step::Decline, icon::X_CIRCLE),
                (Step::Cancel, icon::X_CIRCLE),
                // Last: it goes once it is pressed, and nothing slides under the pointer.
                (Step::Accept, icon::CHECK),
            ] {
                if !row.steps.contains(&step) {
                    continue;
                }
                let kind = match step {
                    _ if main == Some(step) => ButtonKind::Primary,
                    Step::Decline | Step::Cancel => ButtonKind::Quiet,
                    _ => ButtonKind::Secondary,
                };
                let pressed = widgets::button(ui, kind, icon, &lang.t(name(step, row, state.closing)), !state.stepping);
                let pressed = if main == Some(step) && step.needs_text() {
                    pressed.on_hover_text("Ctrl+Enter")
                } else {
                    pressed
                };
                if pressed.clicked() {
                    out.push(Action::Step(step));
                }
            }
        });
    });
}

/// The id of what a step's button says while a request stands so.
fn name(step: Step, row: &RequestRow, closing: bool) -> &'static str {
    let referral = row.kind == Kind::Referral;
    match (step, row.status) {
        (Step::Answer, Status::Requested | Status::Accepted | Status::MoreAsked) if referral => "step-answer-referral",
        (Step::Answer, Status::Answered) => "step-answer-more",
        (Step::Answer, _) => "step-answer",
        (Step::Reply, Status::MoreAsked) => "step-reply",
        (Step::Reply, Status::Answered) => "step-follow-up",
        (Step::Reply, _) => "step-add",
        (Step::Accept, _) => "step-accept",
        (Step::AskMore, _) => "step-ask",
        (Step::Close, _) if closing => "step-close-sure",
        (Step::Close, _) => "step-close",
        (Step::Decline, _) => "step-decline",
        (Step::Cancel, _) => "step-cancel",
    }
}

/// The patient, what is opened and until when, who took it.
fn aside(ui: &mut Ui, state: &State, shown: &Request, out: &mut Vec<Action>) {
    let lang = state.lang();
    let row = &shown.row;
    widgets::card(ui, |ui| {
        widgets::heading(ui, &row.patient.name());
        widgets::muted(ui, &words::particulars(state, &row.patient));
        ui.add_space(space::S);
        if widgets::secondary(ui, icon::FOLDER_OPEN, &lang.t("open-record")).clicked() {
            let patient = row.patient.id.clone();
            let tab = Tab::Summary;
            out.push(Action::Go(Route::Record { patient, tab }));
        }
    });
    ui.add_space(space::M);
    widgets::card(ui, |ui| {
        widgets::heading(ui, &lang.t("request-opens"));
        let parts: Vec<String> = shown.parts.iter().map(|p| lang.t(words::part(p))).collect();
        widgets::body(ui, &parts.join(", "));
        let until = match row.until_ms {
            Some(at) => lang.tv("request-until", &[("at", lang.date_time(at, state.offset).into())]),
            None if row.status.ends_access() => lang.t("request-shut"),
            None => lang.t("request-known"),
        };
        widgets::small(ui, &until);
        if let [claim] = &row.claims[..] {
            widgets::small(ui, &lang.tv("claimed-by", &[("name", claim.name.as_str().into())]));
        }
        if row.claims.len() > 1 {
            ui.add_space(space::S);
            let names: Vec<&str> = row.claims.iter().map(|c| c.name.as_str()).collect();
            let words = lang.tv("request-claims", &[("names", names.join(", ").into())]);
            widgets::banner(ui, Tone::Warning, icon::USERS, &words, |_| {});
        }
    });
}
