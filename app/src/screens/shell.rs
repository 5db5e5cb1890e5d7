//! The desk around every screen: the sidebar, the state of the network, keys that work everywhere.

use egui::{Align2, Frame, Key, KeyboardShortcut, Margin, Modifiers, Panel, Stroke, Ui};

use super::{compose, home, lock, network, new_patient, patients, record, request, requests, settings, visit};
use crate::state::{Action, Route, Shelf, State, Tab};
use crate::theme::tokens::{Tone, size, space};
use crate::theme::{icon, palette};
use crate::widgets;

pub(super) fn show(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    keys(ui, state, out);
    let p = palette(ui);
    let frame = Frame::new().fill(p.surface).inner_margin(Margin::same(space::M as i8));
    Panel::left("sidebar")
        .exact_size(size::SIDEBAR)
        .resizable(false)
        .frame(frame.stroke(Stroke::new(1.0, p.border)))
        .show(ui, |ui| sidebar(ui, state, out));
    if state.demo {
        Panel::top("demo")
            .resizable(false)
            .show_separator_line(false)
            .frame(Frame::new())
            .show(ui, |ui| widgets::strip(ui, Tone::Info, icon::FLASK, &state.lang().t("demo")));
    }
    if state.place.is_second {
        Panel::top("second")
            .resizable(false)
            .show_separator_line(false)
            .frame(Frame::new())
            .show(ui, |ui| {
                widgets::strip(ui, Tone::Warning, icon::WARNING, &state.lang().t("second-window"));
            });
    }
    egui::CentralPanel::default()
        .frame(Frame::new().fill(p.bg))
        .show(ui, |ui| match &state.route {
            Route::Home => home::show(ui, state, out),
            Route::Patients => patients::show(ui, state, out),
            Route::NewPatient => new_patient::show(ui, state, out),
            Route::Record { patient, tab } => record::show(ui, state, patient, *tab, out),
            Route::Visit { patient } => visit::show(ui, state, patient, out),
            Route::Requests(shelf) => requests::show(ui, state, *shelf, out),
            Route::Compose { patient } => compose::show(ui, state, patient, out),
            Route::Request { request } => request::show(ui, state, request, out),
            Route::Network => network::show(ui, state, out),
            Route::Settings => settings::show(ui, state, out),
        });
    if state.help {
        help(ui, state, out);
    }
}

/// The sidebar's places, with their keys.
fn places(state: &State) -> Vec<(Route, &'static str, &'static str, u64)> {
    let waiting = state.waiting_requests().len() as u64;
    // Where something waits.
    let shelf = match state.waiting_requests().first() {
        Some(row) if !row.incoming => Shelf::Sent,
        _ => Shelf::default(),
    };
    let newcomers = state.network.value().map_or(0, |n| n.newcomers.len() as u64);
    let mut places = vec![
        (Route::Home, icon::HOUSE, "nav-home", state.arrivals.total),
        (Route::Patients, icon::USERS, "nav-patients", 0),
        (Route::Requests(shelf), icon::TRAY, "nav-requests", waiting),
        (Route::Network, icon::SHARE_NETWORK, "nav-network", newcomers),
        (Route::Settings, icon::GEAR_SIX, "nav-settings", 0),
    ];
    if state.place.carries_only {
        places.retain(|(route, ..)| matches!(route, Route::Network | Route::Settings));
    }
    places
}

fn sidebar(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    let foot = Panel::bottom("sidebar-foot")
        .frame(Frame::new())
        .show_separator_line(false)
        .resizable(false)
        .show(ui, |ui| foot(ui, state, out));
    ui.add_space(space::S);
    lock::brand(ui, state);
    ui.add_space(space::M);
    for (n, (route, icon, words, waiting)) in places(state).into_iter().enumerate() {
        let here = root(&state.route).is_same_screen(&root(&route));
        let keys = format!("Ctrl+{}", n + 1);
        if widgets::nav_item(ui, icon, &lang.t(words), waiting, here, &keys).clicked() {
            out.push(Action::Go(route));
        }
    }
    // Between the places and the foot they cover nothing that could be pressed.
    let mut between = foot.response.rect;
    between.set_top(ui.cursor().top());
    between.set_bottom(foot.response.rect.top() - space::S);
    widgets::toasts(ui, state, between, Align2::LEFT_BOTTOM, out);
}

/// Whose desk it is, and what is known of the network: offline is a state, not an error.
fn foot(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    if let Some(n) = state.network.value() {
        let connected = n.connected() as u64;
        let (tone, icon, words) = if n.peers.is_empty() {
            (Tone::Plain, icon::SHARE_NETWORK, lang.t("net-alone"))
        } else if connected == 0 {
            (Tone::Warning, icon::CLOUD_SLASH, lang.t("net-offline"))
        } else {
            let of = n.peers.len() as u64;
            let words = lang.tv("net-online", &[("n", connected.into()), ("of", of.into())]);
            (Tone::Success, icon::CLOUD_CHECK, words)
        };
        let (ink, soft) = palette(ui).tone(tone);
        Frame::new()
            .fill(soft)
            .corner_radius(egui::CornerRadius::same(size::CARD_RADIUS))
            .inner_margin(Margin::same(space::M as i8))
            .show(ui, |ui| {
                ui.set_width(ui.available_width());
                ui.spacing_mut().interact_size.y = 0.0;
                ui.spacing_mut().item_spacing.y = space::XS;
                ui.horizontal(|ui| {
                    widgets::hidden_glyph(ui, icon, size::ICON, ink);
                    widgets::strong(ui, &words);
                });
                if connected == 0 && !n.peers.is_empty() {
                    widgets::small(ui, &lang.t("net-offline-what"));
                }
                if let Some(at) = n.last_exchange_ms() {
                    let at = lang.recent(at, state.now_ms, state.offset);
                    widgets::small(ui, &lang.tv("net-last", &[("at", at.into())]));
                }
            });
    }
    ui.add_space(space::S);
    if state.place.carries_only {
        widgets::strong(ui, &state.place.facility);
        widgets::small(ui, &lang.t("carries-only"));
        return;
    }
    widgets::strong(ui, &state.place.practitioner);
    widgets::small(ui, &state.place.facility);
    if widgets::quiet(ui, icon::LOCK, &lang.t("lock")).on_hover_text("Ctrl+L").clicked() {
        out.push(Action::Lock);
    }
}

/// The sidebar's place a screen belongs to.
fn root(route: &Route) -> Route {
    match route {
        Route::NewPatient | Route::Record { .. } | Route::Visit { .. } | Route::Compose { .. } => Route::Patients,
        Route::Requests(_) | Route::Request { .. } => Route::Requests(Shelf::default()),
        other => other.clone(),
    }
}

fn keys(ui: &Ui, state: &State, out: &mut Vec<Action>) {
    let pressed = |modifiers, key| ui.input_mut(|i| i.consume_shortcut(&KeyboardShortcut::new(modifiers, key)));
    let digits = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5];
    for ((route, ..), key) in places(state).into_iter().zip(digits) {
        if pressed(Modifiers::COMMAND, key) {
            out.push(Action::Go(route));
        }
    }
    if !state.place.carries_only {
        if pressed(Modifiers::COMMAND, Key::F) {
            out.push(Action::Go(Route::Patients));
        }
        if pressed(Modifiers::COMMAND, Key::L) {
            out.push(Action::Lock);
        }
        // In a record it begins a visit: see below.
        if matches!(state.route, Route::Home | Route::Patients) && pressed(Modifiers::COMMAND, Key::N) {
            out.push(Action::Go(Route::NewPatient));
        }
    }
    if pressed(Modifiers::ALT, Key::ArrowLeft) {
        out.push(Action::Back);
    }
    if pressed(Modifiers::NONE, Key::F1) {
        out.push(Action::Help(!state.help));
    }
    if pressed(Modifiers::COMMAND, Key::Enter) {
        out.extend(main_action(state));
    }
    if let Some(patient) = state.shown_patient() {
        let writable = state.record_of(&patient).is_some_and(|r| r.is_writable("clinical"));
        if pressed(Modifiers::COMMAND, Key::N) && matches!(state.route, Route::Record { .. }) && writable {
            out.push(Action::Go(Route::Visit { patient: patient.clone() }));
        }
        if let Route::Record { tab, .. } = state.route {
            let at = Tab::ALL.iter().position(|t| *t == tab).unwrap_or(0);
            let next = if pressed(Modifiers::COMMAND, Key::PageDown) {
                Some((at + 1) % Tab::ALL.len())
            } else if pressed(Modifiers::COMMAND, Key::PageUp) {
                Some((at + Tab::ALL.len() - 1) % Tab::ALL.len())
            } else {
                None
            };
            if let Some(next) = next {
                let tab = Tab::ALL[next];
                out.push(Action::Go(Route::Record { patient, tab }));
            }
        }
    }
}

/// What this screen is for, by the keyboard.
fn main_action(state: &State) -> Option<Action> {
    if state.correction.is_some() {
        return Some(Action::SaveCorrection);
    }
    if state.ending.is_some() {
        return state.end_is_ready().then_some(Action::ConfirmEnd);
    }
    match state.route {
        Route::Visit { .. } => Some(Action::SaveVisit).filter(|_| !state.visit.working),
        // Whoever may be the same person is looked at first.
        Route::NewPatient => {
            let ready = state.new_patient.twins.is_empty() && !state.new_patient.working;
            ready.then_some(Action::CreatePatient { anyway: false })
        }
        Route::Compose { .. } => Some(Action::SendRequest).filter(|_| !state.compose.working),
        // Nothing ends by a key alone.
        Route::Request { .. } => {
            let said = state.main_step().filter(|step| step.needs_text() && !state.stepping);
            said.map(Action::Step)
        }
        _ => None,
    }
}

fn help(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    let mut leave = false;
    widgets::modal(
        ui,
        "help",
        &lang.t("help"),
        || leave = true,
        |ui| {
            let enter = match lang {
                crate::i18n::Lang::Fr => ["↑ ↓ Entrée", "Ctrl+Entrée", "Ctrl+Page préc., Ctrl+Page suiv."],
                _ => ["↑ ↓ Enter", "Ctrl+Enter", "Ctrl+PageUp, Ctrl+PageDown"],
            };
            for (keys, words) in [
                ("Ctrl+1 … Ctrl+5", "key-places"),
                ("Ctrl+F", "key-search"),
                (enter[0], "key-list"),
                ("Ctrl+N", "key-visit"),
                (enter[1], "key-save"),
                (enter[2], "key-tabs"),
                ("Alt+←", "key-back"),
                ("Ctrl+L", "key-lock"),
                ("Ctrl + / Ctrl −", "key-zoom"),
                ("F1", "key-help"),
            ] {
                ui.columns(2, |columns| {
                    let left = egui::Layout::top_down(egui::Align::Min);
                    columns[0].with_layout(left, |ui| widgets::strong(ui, keys));
                    columns[1].with_layout(left, |ui| widgets::body(ui, &lang.t(words)));
                });
            }
            ui.add_space(space::M);
            if widgets::secondary(ui, icon::X, &lang.t("close")).clicked() {
                out.push(Action::Help(false));
            }
        },
    );
    if leave {
        out.push(Action::Help(false));
    }
}
