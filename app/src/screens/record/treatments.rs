//! What stays true between visits: allergies, treatments, problems and antecedents. Pharmacists read the first two as well.

use egui::Ui;

use super::super::words;
use super::{allergies, none_known};
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
            entries: allergies(record)
                .into_iter()
                .chain(none_known(record))
                .chain(past_allergies(record))
                .collect(),
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
    if widgets::is_narrow(ui) {
        statement(ui, state, entry);
        ui.horizontal(|ui| acts(ui, state, record, entry, out));
    } else {
        ui.horizontal(|ui| {
            ui.vertical(|ui| statement(ui, state, entry));
            acts(ui, state, record, entry, out);
        });
    }
    ui.add_space(space::XS);
}

/// What it says, who said so and when, and why it is over if it is.
fn statement(ui: &mut Ui, state: &State, entry: &Entry) {
    let lang = state.lang();
    let words = words::bare(state, entry);
    ui.spacing_mut().item_spacing.y = 2.0;
    ui.horizontal(|ui| {
        ui.spacing_mut().interact_size.y = 0.0;
        if entry.over {
            widgets::muted(ui, &words);
            let words = match (&entry.what, words::over_on(state, entry)) {
                (What::Treatment, Some(at)) => lang.tv("stopped-at", &[("at", at.into())]),
                (What::Treatment, None) => lang.t("stopped"),
                (_, Some(at)) => lang.tv("over-at", &[("at", at.into())]),
                _ => lang.t("over"),
            };
            widgets::chip(ui, Tone::Plain, "", &words);
        } else {
            widgets::strong(ui, &words);
        }
    });
    let at = lang.date(entry.at_ms, state.offset);
    widgets::small(ui, &format!("{at} · {} · {}", entry.author, entry.facility));
    if !entry.over_because.is_empty() {
        widgets::small(ui, &lang.tv("because", &[("reason", entry.over_because.as_str().into())]));
    }
}

/// What can be done about it.
fn acts(ui: &mut Ui, state: &State, record: &Record, entry: &Entry, out: &mut Vec<Action>) {
    let lang = state.lang();
    let words = words::bare(state, entry);
    if !record.is_writable(&entry.part) {
        return;
    }
    if words::can_be_corrected(entry) {
        let name = lang.tv("correct-named", &[("entry", words.as_str().into())]);
        if widgets::quiet_named(ui, icon::PENCIL_SIMPLE, &lang.t("correct"), &name).clicked() {
            out.push(Action::Correct(entry.id.clone()));
        }
    }
    if entry.over && entry.what == What::Treatment {
        let name = format!("{}, {words}", lang.t("resume"));
        if widgets::quiet_named(ui, icon::ARROW_CLOCKWISE, &lang.t("resume"), &name).clicked() {
            out.push(Action::Resume(entry.id.clone()));
        }
    }
    if !entry.over {
        let id = match entry.what {
            What::Treatment => "stop",
            What::Allergy { .. } | What::NoAllergy => "no-longer",
            _ => "is-over",
        };
        let name = format!("{}, {words}", lang.t(id));
        if widgets::quiet_named(ui, icon::PROHIBIT, &lang.t(id), &name).clicked() {
            out.push(Action::End(entry.id.clone()));
        }
    }
}

fn add_allergy(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    let record = state.record.value();
    let is_unasked = record.is_some_and(|r| allergies(r).is_empty() && none_known(r).is_none());
    let mut last = false;
    ui.columns(2, |columns| {
        widgets::text_field(&mut columns[0], state, Field::Substance, &lang.t("field-substance"), "", out);
        last = widgets::text_field(&mut columns[1], state, Field::Reaction, &lang.t("field-reaction"), "", out).lost_focus();
    });
    let ready = !state.text(Field::Substance).trim().is_empty();
    ui.horizontal(|ui| {
        let kind = widgets::ButtonKind::Secondary;
        if widgets::button(ui, kind, icon::PLUS, &lang.t("add-allergy"), ready).clicked() || ready && entered(ui, last) {
            out.push(Action::AddAllergy { severe: false });
        }
        let kind = widgets::ButtonKind::Danger;
        if widgets::button(ui, kind, icon::WARNING, &lang.t("add-severe-allergy"), ready).clicked() {
            out.push(Action::AddAllergy { severe: true });
        }
        if is_unasked && widgets::quiet(ui, icon::SHIELD_CHECK, &lang.t("allergy-none-known")).clicked() {
            out.push(Action::NoAllergy);
        }
    });
}

fn add_treatment(ui: &mut Ui, state: &State, out: &mut Vec<Action>) {
    let lang = state.lang();
    let mut last = false;
    ui.columns(2, |columns| {
        widgets::text_field(&mut columns[0], state, Field::Medicine, &lang.t("field-medicine"), "", out);
        last = widgets::text_field(&mut columns[1], state, Field::Dosage, &lang.t("field-dosage"), "", out).lost_focus();
    });
    let ready = [Field::Medicine, Field::Dosage].iter().all(|f| !state.text(*f).trim().is_empty());
    if !ready && !state.text(Field::Medicine).trim().is_empty() {
        widgets::small(ui, &lang.t("treatment-missing"));
    }
    let against = state.allergy_named();
    let (kind, icon, id) = match against {
        None => (widgets::ButtonKind::Secondary, icon::PLUS, "add-treatment"),
        Some(_) => (widgets::ButtonKind::Danger, icon::WARNING, "add-treatment-anyway"),
    };
    if let Some(allergy) = against {
        let words = lang.tv("allergy-named", &[("to", allergy.title.as_str().into())]);
        widgets::banner(ui, Tone::Danger, icon::WARNING, &words, |_| {});
    }
    // What is warned of is never added by a key alone.
    if widgets::button(ui, kind, icon, &lang.t(id), ready).clicked() || ready && against.is_none() && entered(ui, last) {
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

/// Enter in the last field is as good as the button.
fn entered(ui: &Ui, left: bool) -> bool {
    left && ui.input(|i| i.key_pressed(egui::Key::Enter))
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
    let is_allergy = matches!(entry.what, What::Allergy { .. });
    let title = match entry.what {
        _ if is_treatment => "stop-title",
        _ if is_allergy => "no-longer-title",
        _ => "over-title",
    };
    let title = lang.tv(title, &[("entry", words::bare(state, entry).into())]);
    let mut leave = false;
    widgets::modal(
        ui,
        "end",
        &title,
        || leave = true,
        |ui| {
            widgets::muted(ui, &lang.t("end-what"));
            ui.add_space(space::S);
            widgets::text_field(
                ui,
                state,
                Field::EndReason,
                &lang.t(if is_allergy { "field-end-why" } else { "field-end-reason" }),
                "",
                out,
            );
            // FHIR has no day on which an allergy passes.
            if !is_allergy {
                ui.add_space(space::S);
                widgets::text_field(ui, state, Field::EndDay, &lang.t("field-end-day"), &lang.t("hint-since"), out);
            }
            if let Some(problem) = &ending.problem {
                ui.add_space(space::S);
                widgets::sentence_of(ui, lang, problem);
            }
            ui.add_space(space::M);
            ui.horizontal(|ui| {
                let words = lang.t(if is_treatment { "stop-sign" } else { "over-sign" });
                let ready = state.end_is_ready();
                let sign = widgets::button(ui, widgets::ButtonKind::Primary, icon::SIGNATURE, &words, ready);
                if sign.on_hover_text("Ctrl+Enter").clicked() {
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
