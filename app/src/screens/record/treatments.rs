//! What stays true between visits: allergies, treatments, problems and antecedents. Pharmacists read the first two as well.

use egui::Ui;

use super::super::words;
use super::allergies;
use crate::state::{Action, Field, State};
use crate::theme::icon;
use crate::theme::tokens::{Tone, space};
use crate::view::{Entry, Record, Sight, What};
use crate::widgets;

/// One of the lists: what it is called, where in the record it stands, how something is added to it.
struct List<'a> {
    title: &'static str,
    none: &'static str,
    part: &'static str,
    entries: Vec<&'a Entry>,
    add: fn(&mut Ui, &State, &mut Vec<Action>),
}

pub(super) fn show(ui: &mut Ui, state: &State, record: &Record, out: &mut Vec<Action>) {
    let lists = [
        List {
            title: "allergies",
            none: "allergies-none",
            part: "medication",
            entries: allergies(record).into_iter().chain(past_allergies(record)).collect(),
            add: add_allergy,
        },
        List {
            title: "treatments",
            none: "treatments-none",
            part: "medication",
            entries: now_then_over(record, &What::Treatment),
            add: add_treatment,
        },
        List {
            title: "problems",
            none: "problems-none",
            part: "clinical",
            entries: now_then_over(record, &What::Problem),
            add: add_problem,
        },
    ];
    for list in lists {
        widgets::card(ui, |ui| {
            let lang = state.lang();
            widgets::heading(ui, &lang.t(list.title));
            ui.add_space(space::XS);
            if list.entries.is_empty() {
                let id = match record.sight(list.part) {
                    Sight::Open => list.none,
                    Sight::Shut => "treatments-shut",
                    Sight::Unread => "treatments-unread",
                };
                widgets::muted(ui, &lang.t(id));
            }
            for entry in list.entries {
                line(ui, state, record, entry, out);
            }
            if record.is_writable(list.part) {
                ui.add_space(space::S);
                (list.add)(ui, state, out);
            }
        });
        ui.add_space(space::M);
    }
}

/// Entries of one kind, those that are over last; what was noted in error isn't one.
pub(super) fn now_then_over<'a>(record: &'a Record, what: &What) -> Vec<&'a Entry> {
    let mut found: Vec<&Entry> = record.entries.iter().filter(|e| e.what == *what && !e.in_error).collect();
    found.sort_by_key(|e| e.over);
    found
}

fn past_allergies(record: &Record) -> impl Iterator<Item = &Entry> {
    let past = |e: &&Entry| matches!(e.what, What::Allergy { .. }) && e.over && !e.in_error;
    record.entries.iter().filter(past)
}

fn line(ui: &mut Ui, state: &State, record: &Record, entry: &Entry, out: &mut Vec<Action>) {
    let lang = state.lang();
    let words = words::entry(state, entry);
    ui.horizontal(|ui| {
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.horizontal(|ui| {
                ui.spacing_mut().interact_size.y = 0.0;
                if entry.over {
                    widgets::muted(ui, &words);
                    let at = lang.date(entry.written_ms, state.offset);
                    let id = if entry.what == What::Treatment { "stopped-at" } else { "over" };
                    widgets::chip(ui, Tone::Plain, "", &lang.tv(id, &[("at", at.into())]));
                } else {
                    widgets::strong(ui, &words);
                }
            });
            // A problem began long before anybody wrote it down here.
            let at = if entry.what == What::Problem {
                entry.written_ms
            } else {
                entry.at_ms
            };
            let at = lang.date(at, state.offset);
            widgets::small(ui, &format!("{at} · {} · {}", entry.author, entry.facility));
            if !entry.over_because.is_empty() {
                widgets::body(ui, &entry.over_because);
            }
        });
        if !record.is_writable(&entry.part) {
            return;
        }
        if words::can_be_corrected(entry) {
            let name = lang.tv("correct-named", &[("entry", words.as_str().into())]);
            if widgets::quiet_named(ui, icon::PENCIL_SIMPLE, &lang.t("correct"), &name).clicked() {
                out.push(Action::Correct(entry.id.clone()));
            }
        }
        if !entry.over {
            let id = if entry.what == What::Treatment { "stop" } else { "is-over" };
            let name = format!("{}, {words}", lang.t(id));
            if widgets::quiet_named(ui, icon::PROHIBIT, &lang.t(id), &name).clicked() {
                out.push(Action::End(entry.id.clone()));
            }
        }
    });
    ui.add_space(space::XS);
}

fn add_allergy(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    ui.columns(2, |columns| {
        widgets::text_field(&mut columns[0], state, Field::Substance, &lang.t("field-substance"), "", out);
        widgets::text_field(&mut columns[1], state, Field::Reaction, &lang.t("field-reaction"), "", out);
    });
    let ready = !state.text(Field::Substance).trim().is_empty();
    ui.horizontal(|ui| {
        let kind = widgets::ButtonKind::Secondary;
        if widgets::button(ui, kind, icon::PLUS, &lang.t("add-allergy"), ready).clicked() {
            out.push(Action::AddAllergy { severe: false });
        }
        let kind = widgets::ButtonKind::Danger;
        if widgets::button(ui, kind, icon::WARNING, &lang.t("add-severe-allergy"), ready).clicked() {
            out.push(Action::AddAllergy { severe: true });
        }
    });
}

fn add_treatment(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    ui.columns(2, |columns| {
        widgets::text_field(&mut columns[0], state, Field::Medicine, &lang.t("field-medicine"), "", out);
        widgets::text_field(&mut columns[1], state, Field::Dosage, &lang.t("field-dosage"), "", out);
    });
    let ready = [Field::Medicine, Field::Dosage].iter().all(|f| !state.text(*f).trim().is_empty());
    let kind = widgets::ButtonKind::Secondary;
    if widgets::button(ui, kind, icon::PLUS, &lang.t("add-treatment"), ready).clicked() {
        out.push(Action::AddTreatment);
    }
}

fn add_problem(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    ui.columns(2, |columns| {
        widgets::text_field(&mut columns[0], state, Field::Problem, &lang.t("field-problem"), "", out);
        let hint = lang.t("hint-since");
        widgets::text_field(&mut columns[1], state, Field::Since, &lang.t("field-since"), &hint, out);
    });
    let ready = !state.text(Field::Problem).trim().is_empty() && state.wrong(Field::Since).is_none();
    ui.horizontal(|ui| {
        let kind = widgets::ButtonKind::Secondary;
        for (id, is_over) in [("add-problem", false), ("add-antecedent", true)] {
            if widgets::button(ui, kind, icon::PLUS, &lang.t(id), ready).clicked() {
                out.push(Action::AddProblem { is_over });
            }
        }
    });
}

/// Before it is signed: why, if anybody wants to say it.
pub(super) fn dialog(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    let Some(ending) = &state.ending else { return };
    let entry = state.record_of(&ending.patient);
    let Some(entry) = entry.and_then(|r| r.entries.iter().find(|e| e.id == ending.entry)) else {
        return;
    };
    let is_treatment = entry.what == What::Treatment;
    let title = if is_treatment { "stop-title" } else { "over-title" };
    let title = lang.tv(title, &[("entry", words::entry(state, entry).into())]);
    let mut leave = false;
    widgets::modal(
        ui,
        "end",
        &title,
        || leave = true,
        |ui| {
            widgets::muted(ui, &lang.t("end-what"));
            ui.add_space(space::S);
            widgets::text_field(ui, state, Field::EndReason, &lang.t("field-end-reason"), "", out);
            if let Some(problem) = &ending.problem {
                ui.add_space(space::S);
                widgets::sentence_of(ui, lang, problem);
            }
            ui.add_space(space::M);
            ui.horizontal(|ui| {
                let words = lang.t(if is_treatment { "stop-sign" } else { "over-sign" });
                if widgets::button(ui, widgets::ButtonKind::Primary, icon::SIGNATURE, &words, !ending.working).clicked() {
                    out.push(Action::ConfirmEnd);
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
