//! One record: who it is, what matters first, the latest measures, what happened.

use std::collections::BTreeSet;

use egui::Ui;

use super::words;
use crate::state::{Action, Route, State, Tab};
use crate::theme::icon;
use crate::theme::tokens::{Tone, size, space};
use crate::view::{Entry, Record, Sight, What};
use crate::widgets;

mod correct;
mod history;
mod readers;
mod summary;
mod treatments;
mod vitals;

pub(super) fn show(ui: &mut Ui, state: &State, patient: &str, tab: Tab, out: &mut Vec<Action>) {
    let Some(record) = state.record_of(patient) else {
        return widgets::page(ui, "record", |ui| {
            super::back(ui, state, out);
            match state.record.problem() {
                Some(problem) => widgets::sentence_of(ui, state.lang(), problem),
                None => drop(widgets::muted(ui, &state.lang().t("loading"))),
            }
        });
    };
    let mut pressed = Vec::new();
    // Each tab is scrolled by itself.
    let place = format!("record-{tab:?}");
    widgets::page_with_head(
        ui,
        &place,
        |ui| {
            super::back(ui, state, &mut pressed);
            if let Some(problem) = state.record.problem() {
                widgets::sentence_of(ui, state.lang(), problem);
            }
            header(ui, state, record, &mut pressed);
            ui.add_space(space::S);
            tabs(ui, state, patient, tab, &mut pressed);
        },
        |ui| match tab {
            Tab::Summary => summary::show(ui, state, record, out),
            Tab::History => history::show(ui, state, record, out),
            Tab::Vitals => vitals::show(ui, state, record),
            Tab::Treatments => treatments::show(ui, state, record, out),
            Tab::Readers => readers::show(ui, state, record, out),
        },
    );
    out.extend(pressed);
    correct::dialog(ui, state, out);
    treatments::dialog(ui, state, out);
    readers::dialog(ui, state, out);
}

fn tabs(ui: &mut Ui, state: &State, patient: &str, tab: Tab, out: &mut Vec<Action>) {
    ui.horizontal_wrapped(|ui| {
        for each in Tab::ALL {
            let id = match each {
                Tab::Summary => "tab-summary",
                Tab::History => "tab-history",
                Tab::Vitals => "tab-vitals",
                Tab::Treatments => "tab-treatments",
                Tab::Readers => "tab-readers",
            };
            if widgets::tab(ui, &state.lang().t(id), each == tab).clicked() {
                let patient = patient.to_owned();
                out.push(Action::Go(Route::Record { patient, tab: each }));
            }
        }
    });
}

fn header(ui: &mut Ui, state: &State, record: &Record, out: &mut Vec<Action>) {
    let lang = state.lang();
    let (mut pressed, mut correct) = (None, None);
    widgets::person_head(
        ui,
        &record.patient.initials(),
        |ui| {
            widgets::title(ui, &record.patient.name());
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().interact_size.y = 0.0;
                widgets::muted(ui, &words::particulars(state, &record.patient));
                let identity = record.entries.iter().find(|e| e.what == What::Patient);
                if let Some(identity) = identity.filter(|e| record.is_writable(&e.part)) {
                    let name = lang.t("correct-identity");
                    if widgets::quiet_named(ui, icon::PENCIL_SIMPLE, &lang.t("correct"), &name).clicked() {
                        correct = Some(identity.id.clone());
                    }
                }
            });
        },
        |ui| {
            let patient = record.patient.id.clone();
            if record.is_writable("clinical") {
                let visit = widgets::primary(ui, icon::STETHOSCOPE, &lang.t("new-visit")).on_hover_text("Ctrl+N");
                if visit.clicked() {
                    pressed = Some(Route::Visit { patient: patient.clone() });
                }
            }
            // Whoever may not read it any more has nothing to open to anybody.
            if !record.is_shut() && widgets::secondary(ui, icon::CHATS, &lang.t("ask-colleague")).clicked() {
                pressed = Some(Route::Compose { patient });
            }
        },
    );
    out.extend(pressed.map(Action::Go));
    out.extend(correct.map(Action::Correct));
    if record.is_shut() {
        ui.add_space(space::S);
        widgets::banner(ui, Tone::Warning, icon::LOCK, &shut(state, record), |_| {});
        ui.add_space(space::S);
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().interact_size.y = 0.0;
        alerts(ui, state, record);
        if !record.is_shut() && !record.is_writable("clinical") && !record.is_writable("medication") {
            let own = record.readers.iter().find(|r| r.facility == state.place.facility);
            let words = match own.and_then(|r| r.until_ms) {
                Some(at) => lang.tv("read-only-until", &[("at", lang.date_time(at, state.offset).into())]),
                None => lang.t("read-only"),
            };
            widgets::chip(ui, Tone::Info, icon::EYE, &words);
        }
        if !record.patient.ins.is_empty() {
            let number = words::ins(&record.patient.ins);
            let words = lang.tv("ins-test", &[("number", number.into())]);
            widgets::chip(ui, Tone::Plain, icon::IDENTIFICATION_CARD, &words);
        }
    });
}

/// A record that isn't open to this seat any more is an old one: until when is said before anything else.
fn shut(state: &State, record: &Record) -> String {
    let lang = state.lang();
    match record.entries.iter().map(|e| e.at_ms).filter(|at| *at <= state.now_ms).max() {
        Some(at) => lang.tv("record-shut-since", &[("at", lang.date_time(at, state.offset).into())]),
        None => lang.t("record-shut"),
    }
}

/// What has to be known before anything is prescribed: allergies, or that they aren't known.
pub(super) fn alerts(ui: &mut Ui, state: &State, record: &Record) {
    let lang = state.lang();
    let allergies = allergies(record);
    for entry in &allergies {
        widgets::chip(ui, Tone::Danger, icon::WARNING, &words::allergy(lang, entry));
    }
    match record.sight("medication") {
        Sight::Unread => widgets::chip(ui, Tone::Warning, icon::EYE_SLASH, &lang.t("allergies-unread")),
        Sight::Shut if allergies.is_empty() => widgets::chip(ui, Tone::Warning, icon::EYE_SLASH, &lang.t("allergies-unread-since")),
        Sight::Open if allergies.is_empty() => match none_known(record) {
            Some(entry) => {
                let at = lang.date(entry.at_ms, state.offset);
                let words = lang.tv("allergy-none-since", &[("at", at.into())]);
                widgets::chip(ui, Tone::Success, icon::SHIELD_CHECK, &words);
            }
            None => widgets::chip(ui, Tone::Plain, icon::INFO, &lang.t("no-allergy")),
        },
        _ => {}
    }
}

/// That somebody asked and none is known, as said last; nothing where one was noted.
pub(super) fn none_known(record: &Record) -> Option<&Entry> {
    let said = |e: &&Entry| e.what == What::NoAllergy && !e.in_error && !e.over;
    record.entries.iter().find(said).filter(|_| allergies(record).is_empty())
}

/// Each substance once, however often it was noted; what was noted in error isn't one.
pub(super) fn allergies(record: &Record) -> Vec<&Entry> {
    let mut seen = BTreeSet::new();
    let noted = |e: &&Entry| matches!(e.what, What::Allergy { .. }) && !e.in_error && !e.over;
    let mut all: Vec<&Entry> = record.entries.iter().filter(noted).collect();
    // The graver word about a substance is the one that is shown.
    all.sort_by_key(|e| e.what != What::Allergy { severe: true });
    all.retain(|e| seen.insert(e.title.to_lowercase()));
    all
}

/// Two columns, one below the other where the window is narrow.
fn side_by_side(ui: &mut Ui, left: impl FnOnce(&mut Ui), right: impl FnOnce(&mut Ui)) {
    widgets::columns(ui, size::WIDER_LEFT, left, right);
}
