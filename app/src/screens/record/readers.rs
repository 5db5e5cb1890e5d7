//! Who can read this record, in words that can be read to the patient, and opening it to one more place.

use std::collections::BTreeSet;

use egui::Ui;

use super::super::words;
use crate::state::{Action, State};
use crate::theme::tokens::{Tone, size, space};
use crate::theme::{icon, palette};
use crate::view::{Peer, Record, Sight};
use crate::widgets;

pub(super) fn show(ui: &mut Ui, state: &State, record: &Record, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::card(ui, |ui| {
        widgets::heading(ui, &lang.t("readers-title"));
        widgets::muted(ui, &lang.t("readers-what"));
        ui.add_space(space::S);
        for reader in &record.readers {
            ui.horizontal(|ui| {
                ui.spacing_mut().interact_size.y = 0.0;
                let ink = palette(ui).primary;
                widgets::hidden_glyph(ui, icon::BUILDINGS, size::ICON, ink);
                widgets::strong(ui, &reader.facility);
                if !reader.people.is_empty() {
                    widgets::body(ui, &reader.people.join(", "));
                }
                let until = match reader.until_ms {
                    Some(at) => lang.tv("reader-until", &[("at", lang.date_time(at, state.offset).into())]),
                    None => lang.t("reader-open"),
                };
                widgets::muted(ui, &until);
            });
        }
        ui.add_space(space::S);
        for (sight, id) in [(Sight::Open, "parts-here"), (Sight::Shut, "parts-shut")] {
            let parts = record.parts.iter().filter(|p| p.sight == sight && p.is_begun);
            let parts: Vec<String> = parts.map(|p| lang.t(words::part(&p.name))).collect();
            if !parts.is_empty() {
                widgets::small(ui, &lang.tv(id, &[("parts", parts.join(", ").into())]));
            }
        }
    });
    ui.add_space(space::M);
    if !record.is_shut() {
        open_to(ui, state, record, out);
    }
}

/// Places that don't read it without an end yet. A cabin reads nothing.
fn others<'s>(state: &'s State, record: &Record) -> Vec<&'s Peer> {
    let mut seen = BTreeSet::new();
    let lasting = record.readers.iter().filter(|r| r.until_ms.is_none());
    let lasting: BTreeSet<&str> = lasting.map(|r| r.key.as_str()).collect();
    let peers = state.network.value().into_iter().flat_map(|n| &n.peers);
    peers
        .filter(|p| p.kind != "cabin" && p.facility != state.place.facility)
        .filter(|p| !lasting.contains(p.key.as_str()) && seen.insert(p.key.as_str()))
        .collect()
}

fn open_to(ui: &mut Ui, state: &State, record: &Record, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::card(ui, |ui| {
        widgets::heading(ui, &lang.t("share-title"));
        widgets::muted(ui, &lang.t("share-what"));
        ui.add_space(space::S);
        let others = others(state, record);
        if others.is_empty() {
            widgets::muted(ui, &lang.t("share-nobody"));
        }
        for peer in others {
            ui.horizontal(|ui| {
                let name = lang.tv("share-with", &[("facility", peer.facility.as_str().into())]);
                if widgets::quiet_named(ui, icon::SHARE_NETWORK, &lang.t("share"), &name).clicked() {
                    out.push(Action::Share {
                        key: peer.key.clone(),
                        facility: peer.facility.clone(),
                    });
                }
                widgets::strong(ui, &peer.facility);
                widgets::small(ui, &lang.t(words::facility_kind(&peer.kind)));
            });
        }
    });
}

/// Before it is done: for whom, and that it can't be unsaid.
pub(super) fn dialog(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    let (Some(sharing), Some(record)) = (&state.sharing, state.record.value()) else {
        return;
    };
    let facility = sharing.facility.as_str();
    let mut leave = false;
    let title = lang.tv("share-with", &[("facility", facility.into())]);
    widgets::modal(
        ui,
        "share",
        &title,
        || leave = true,
        |ui| {
            let name = record.patient.name();
            widgets::body(
                ui,
                &lang.tv("share-sure", &[("name", name.as_str().into()), ("facility", facility.into())]),
            );
            ui.add_space(space::S);
            widgets::banner(ui, Tone::Warning, icon::WARNING, &lang.t("share-lasts"), |_| {});
            if let Some(problem) = &sharing.problem {
                ui.add_space(space::S);
                widgets::sentence_of(ui, lang, problem);
            }
            ui.add_space(space::M);
            ui.horizontal(|ui| {
                let words = lang.tv("share-confirm", &[("name", name.as_str().into())]);
                if widgets::button(ui, widgets::ButtonKind::Primary, icon::SIGNATURE, &words, !sharing.working).clicked() {
                    out.push(Action::ConfirmShare);
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
