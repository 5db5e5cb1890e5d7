//! Requests: what others ask of me, what I asked, what has ended.

use bocage_protocol::clinical::request::{Kind, Status, Step};
use egui::{Align, Layout, Ui};

use crate::state::{Action, Route, Shelf, State};
use crate::theme::tokens::{Tone, size, space};
use crate::theme::{icon, palette};
use crate::view::{Recipient, RequestRow};
use crate::widgets::{self, Row};

pub(super) fn show(ui: &mut Ui, state: &State, shelf: Shelf, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::page(ui, "requests", |ui| {
        widgets::title(ui, &lang.t("nav-requests"));
        ui.horizontal(|ui| {
            for each in Shelf::ALL {
                let id = match each {
                    Shelf::Received => "shelf-received",
                    Shelf::Sent => "shelf-sent",
                    Shelf::Ended => "shelf-ended",
                };
                let count = on(state, each).count() as u64;
                let words = lang.tv(id, &[("n", count.into())]);
                if widgets::tab(ui, &words, each == shelf).clicked() {
                    out.push(Action::Go(Route::Requests(each)));
                }
            }
        });
        ui.add_space(space::S);
        if let Some(problem) = state.requests.problem() {
            widgets::sentence_of(ui, lang, problem);
        }
        widgets::card(ui, |ui| {
            let rows: Vec<&RequestRow> = on(state, shelf).collect();
            if rows.is_empty() {
                let id = match shelf {
                    Shelf::Received => "requests-none-received",
                    Shelf::Sent => "requests-none-sent",
                    Shelf::Ended => "requests-none-ended",
                };
                widgets::empty(ui, icon::TRAY, &lang.t(id), |_| {});
            }
            for row in rows {
                line(ui, state, row, out);
            }
        });
    });
}

/// Requests of a shelf, what waits here first.
fn on(state: &State, shelf: Shelf) -> impl Iterator<Item = &RequestRow> {
    let ended = |r: &RequestRow| matches!(r.status, Status::Closed | Status::Cancelled);
    let rows = state.requests.value().into_iter().flatten();
    rows.filter(move |r| match shelf {
        Shelf::Received => r.incoming && !ended(r),
        Shelf::Sent => !r.incoming && !ended(r),
        Shelf::Ended => ended(r),
    })
}

/// A request as one row.
pub(super) fn line(ui: &mut Ui, state: &State, row: &RequestRow, out: &mut Vec<Action>) {
    let lang = state.lang();
    let p = palette(ui);
    let kind = lang.t(kind(row.kind));
    let (tone, status) = status_of(row);
    let status = lang.t(status);
    let at = lang.recent(row.asked_ms, state.now_ms, state.offset);
    let who = if row.incoming {
        lang.tv(
            "request-from",
            &[
                ("name", row.from.name.as_str().into()),
                ("facility", row.from.facility.as_str().into()),
            ],
        )
    } else {
        lang.tv("request-to", &[("name", recipient(state, &row.to).into())])
    };
    let urgent = if row.urgent {
        format!("{}, ", lang.t("urgent"))
    } else {
        String::new()
    };
    let name = format!("{urgent}{kind}, {}, {who}, {status}, {at}", row.patient.name());
    let shown = Row {
        name: &name,
        selected: false,
        height: size::ROW + space::L,
    };
    let pressed = widgets::row(ui, shown, |ui| {
        let icon = match row.kind {
            Kind::Referral => icon::PAPER_PLANE_TILT,
            Kind::TeleExpertise => icon::CHATS,
        };
        let ink = if row.waits_here() { p.primary } else { p.text_muted };
        widgets::hidden_glyph(ui, icon, size::ICON + space::XS, ink);
        ui.add_space(space::S);
        ui.vertical(|ui| {
            ui.add_space(space::M);
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.horizontal(|ui| {
                ui.spacing_mut().interact_size.y = 0.0;
                widgets::strong(ui, &row.patient.name());
                widgets::muted(ui, &kind);
                if row.urgent {
                    widgets::chip(ui, Tone::Danger, icon::SIREN, &lang.t("urgent"));
                }
                if !row.trusted {
                    widgets::chip(ui, Tone::Warning, icon::WARNING, &lang.t("request-untrusted"));
                }
            });
            widgets::small(ui, &format!("{who} · {at}"));
        });
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            widgets::hidden_glyph(ui, icon::CARET_RIGHT, size::ICON, p.text_muted);
            widgets::chip(ui, tone, "", &status);
        });
    });
    if pressed.clicked() {
        let request = row.id.clone();
        out.push(Action::Go(Route::Request { request }));
    }
}

/// The id of a kind's name.
pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Referral => "request-referral",
        Kind::TeleExpertise => "request-tele-expertise",
    }
}

/// How a status is shown: what one has to do in a warm tone, what the others have to do in a quiet one.
pub(super) fn status_of(row: &RequestRow) -> (Tone, &'static str) {
    match (row.status, row.incoming) {
        (Status::Requested, true) => (Tone::Warning, "status-to-answer"),
        (Status::Requested, false) => (Tone::Plain, "status-requested"),
        (Status::Accepted, true) if row.last == Some(Step::Reply) => (Tone::Warning, "status-reply-came"),
        (Status::Accepted, false) if row.last == Some(Step::Reply) => (Tone::Info, "status-replied"),
        (Status::Accepted, true) => (Tone::Warning, "status-accepted-by-me"),
        (Status::Accepted, false) => (Tone::Info, "status-accepted"),
        (Status::MoreAsked, true) => (Tone::Plain, "status-more-asked"),
        (Status::MoreAsked, false) => (Tone::Warning, "status-more-wanted"),
        (Status::Answered, _) if row.kind == Kind::Referral => (Tone::Success, "status-answered-referral"),
        (Status::Answered, _) => (Tone::Success, "status-answered"),
        (Status::Declined, _) => (Tone::Warning, "status-declined"),
        (Status::Cancelled, _) => (Tone::Plain, "status-cancelled"),
        (Status::Closed, _) => (Tone::Plain, "status-closed"),
    }
}

/// Whom something is addressed to, in words.
pub(super) fn recipient(state: &State, to: &Recipient) -> String {
    let lang = state.lang();
    match (to.kind.as_str(), to.profession.as_str()) {
        ("practitioner", _) => format!("{}, {}", to.name, to.facility),
        ("team", "doctor") => format!("{}, {}", lang.t("team-doctors"), to.facility),
        ("team", "nurse") => format!("{}, {}", lang.t("team-nurses"), to.facility),
        ("team", "pharmacist") => format!("{}, {}", lang.t("team-pharmacists"), to.facility),
        _ if to.facility.is_empty() => to.name.clone(),
        _ => to.facility.clone(),
    }
}
