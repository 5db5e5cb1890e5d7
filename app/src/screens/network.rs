//! The network: who is here, who was, what waits, what is carried unread; inviting and admitting.

use egui::Ui;

use super::{stick, words};
use crate::state::{Action, Field, State};
use crate::theme::tokens::{Tone, size, space};
use crate::theme::{icon, palette};
use crate::view::{Network, Peer};
use crate::widgets;

/// Clocks that differ by more are worth a word.
const CLOCK_TO_CHECK_MS: u64 = 5 * 60 * 1_000;

pub(super) fn show(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::page(ui, "network", |ui| {
        ui.horizontal(|ui| {
            widgets::title(ui, &lang.t("nav-network"));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if widgets::secondary(ui, icon::ARROWS_CLOCKWISE, &lang.t("redial")).clicked() {
                    out.push(Action::Redial);
                }
            });
        });
        if let Some(problem) = state.network.problem() {
            widgets::sentence_of(ui, lang, problem);
        }
        let Some(n) = state.network.value() else {
            widgets::muted(ui, &lang.t("loading"));
            return;
        };
        widgets::muted(
            ui,
            &lang.tv(
                "network-you",
                &[("facility", n.facility.as_str().into()), ("network", n.network.as_str().into())],
            ),
        );
        ui.add_space(space::M);
        newcomers(ui, state, n, out);
        peers(ui, state, n);
        ui.add_space(space::M);
        carried(ui, state, n);
        ui.add_space(space::M);
        stick::show(ui, state, out);
        ui.add_space(space::M);
        invite(ui, state, out);
    });
}

/// One sentence on how it stands with a peer.
pub(super) fn state_of(state: &State, peer: &Peer) -> String {
    let lang = state.lang();
    match (peer.connected, peer.settled, peer.last_seen_ms) {
        (true, true, _) => lang.t("peer-settled"),
        (true, false, _) => lang.t("peer-exchanging"),
        (false, _, Some(at)) => {
            let at = lang.recent(at, state.now_ms, state.offset);
            lang.tv("peer-seen", &[("at", at.into())])
        }
        (false, _, None) => lang.t("peer-never"),
    }
}

/// A place, how it stands with it, and what else there is to say of it.
pub(super) fn peer_line(ui: &mut Ui, state: &State, peer: &Peer, more: impl FnOnce(&mut Ui)) {
    let p = palette(ui);
    let (icon, ink) = if peer.connected {
        (icon::CLOUD_CHECK, p.success)
    } else {
        (icon::CLOUD_SLASH, p.warning)
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().interact_size.y = 0.0;
        widgets::hidden_glyph(ui, icon, size::ICON, ink);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.horizontal_wrapped(|ui| {
                widgets::strong(ui, &peer.facility);
                more(ui);
            });
            widgets::small(ui, &state_of(state, peer));
        });
    });
}

fn peers(ui: &mut Ui, state: &State, n: &Network) {
    let lang = state.lang();
    widgets::card(ui, |ui| {
        widgets::heading(ui, &lang.t("peers"));
        ui.add_space(space::S);
        if n.peers.is_empty() {
            widgets::empty(ui, icon::BUILDINGS, &lang.t("network-alone"), |_| {});
        }
        for peer in &n.peers {
            peer_line(ui, state, peer, |ui| {
                widgets::small(ui, &lang.t(words::facility_kind(&peer.kind)));
                if peer.clock_ahead_ms.is_some_and(|ms| ms.unsigned_abs() > CLOCK_TO_CHECK_MS) {
                    widgets::chip(ui, Tone::Warning, icon::CLOCK, &lang.t("clock-to-check"));
                }
            });
            ui.add_space(space::S);
        }
    });
}

fn carried(ui: &mut Ui, state: &State, n: &Network) {
    let lang = state.lang();
    widgets::card(ui, |ui| {
        widgets::heading(ui, &lang.t("carried"));
        ui.add_space(space::S);
        for (id, number) in [
            ("carried-records", n.records),
            ("carried-items", n.items),
            ("carried-sealed", n.sealed),
        ] {
            widgets::body(ui, &lang.tv(id, &[("n", number.into())]));
        }
        if n.waiting > 0 {
            widgets::body(ui, &lang.tv("carried-waiting", &[("n", n.waiting.into())]));
        }
        ui.add_space(space::S);
        let traffic = [n.bytes_sent, n.bytes_received].map(|b| lang.bytes(b));
        let [sent, received] = traffic;
        widgets::small(ui, &lang.tv("traffic", &[("sent", sent.into()), ("received", received.into())]));
        widgets::small(ui, &lang.tv("node-key", &[("key", n.node.as_str().into())]));
        let typed: Vec<String> = n
            .listening
            .iter()
            .map(|a| words::address(a))
            .filter(|a| !a.starts_with('/'))
            .collect();
        let shown = if typed.is_empty() { &n.listening } else { &typed };
        for address in shown {
            widgets::small(ui, &lang.tv("listens", &[("address", address.as_str().into())]));
        }
    });
}

fn newcomers(ui: &mut Ui, state: &State, n: &Network, out: &mut Vec<Action>) {
    let lang = state.lang();
    for newcomer in &n.newcomers {
        widgets::card(ui, |ui| {
            let words = lang.tv("newcomer-waits", &[("facility", newcomer.facility.as_str().into())]);
            widgets::heading(ui, &words);
            let mut who = newcomer.practitioners.clone();
            who.extend(Some(newcomer.town.clone()).filter(|t| !t.is_empty()));
            widgets::body(ui, &who.join(" · "));
            if newcomer.same_name {
                widgets::banner(ui, Tone::Warning, icon::WARNING, &lang.t("newcomer-same-name"), |_| {});
            }
            ui.add_space(space::S);
            widgets::small(ui, &lang.t("newcomer-words"));
            widgets::heading(ui, &newcomer.words);
            ui.add_space(space::S);
            if widgets::primary(ui, icon::CHECK, &lang.t("newcomer-admit")).clicked() {
                out.push(Action::Admit(newcomer.request.clone()));
            }
        });
        ui.add_space(space::M);
    }
}

fn invite(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::card(ui, |ui| {
        widgets::heading(ui, &lang.t("invite-place"));
        widgets::muted(ui, &lang.t("invite-what"));
        ui.add_space(space::S);
        if let Some((file, words)) = state.invitation.value() {
            widgets::small(ui, &lang.t("invite-file"));
            widgets::strong(ui, file);
            ui.horizontal_wrapped(|ui| {
                if widgets::quiet(ui, icon::COPY, &lang.t("copy-file")).clicked() {
                    ui.ctx().copy_text(file.clone());
                }
                for stick in &state.sticks {
                    let name = stick.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    let words = lang.tv("copy-to", &[("folder", name.into())]);
                    if widgets::quiet(ui, icon::DOWNLOAD_SIMPLE, &words).clicked() {
                        out.push(Action::CopyInvitation(stick.clone()));
                    }
                }
            });
            widgets::small(ui, &lang.t("invite-words"));
            let said = widgets::heading(ui, words);
            // It has just come: what is to be said by phone isn't left below the window's edge.
            if state.focus == Some(Field::Address) {
                said.scroll_to_me(Some(egui::Align::Center));
            }
            ui.add_space(space::S);
            if widgets::secondary(ui, icon::PLUS, &lang.t("invite-another")).clicked() {
                out.push(Action::InviteAnother);
            }
            return;
        }
        let hint = lang.t("hint-address");
        widgets::text_field(ui, state, Field::Address, &lang.t("field-address"), &hint, out);
        if let Some(problem) = state.invitation.problem() {
            widgets::sentence_of(ui, lang, problem);
        }
        let busy = matches!(state.invitation, crate::state::Remote::Loading { .. });
        let kind = widgets::ButtonKind::Secondary;
        if widgets::button(ui, kind, icon::USERS_THREE, &lang.t("invite"), !busy).clicked() {
            out.push(Action::Invite);
        }
    });
}
