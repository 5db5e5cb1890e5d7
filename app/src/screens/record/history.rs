//! What happened, newest first, each with who wrote it and how far it went. A visit is one thing that happened.

use bocage_protocol::clinical::request::{Kind, Step};
use egui::Ui;

use super::super::words;
use crate::i18n::NBSP;
use crate::state::form::SIGNS;
use crate::state::{Action, State};
use crate::theme::icon;
use crate::theme::tokens::{Tone, space};
use crate::view::{Entry, Record, Trust, What};
use crate::widgets;

pub(super) fn show(ui: &mut Ui, state: &State, record: &Record, out: &mut Vec<Action>) {
    widgets::card(ui, |ui| {
        let happened = happened(record);
        for group in &happened {
            happening(ui, state, group);
            details(ui, state, record, group, out);
            ui.add_space(space::S);
        }
        nothing(ui, state, &happened);
    });
}

/// The last few, without their details.
pub(super) fn latest(ui: &mut Ui, state: &State, record: &Record, most: usize) {
    let happened = happened(record);
    for group in happened.iter().take(most) {
        happening(ui, state, group);
        ui.add_space(space::S);
    }
    nothing(ui, state, &happened);
}

fn nothing(ui: &mut Ui, state: &State, happened: &[Vec<&Entry>]) {
    if happened.is_empty() {
        widgets::empty(ui, icon::CLOCK_COUNTER_CLOCKWISE, &state.lang().t("history-none"), |_| {});
    }
}

/// Entries by what they belong to: a visit first, then what was found in it, in the order in which it is taken; a question first, then what
/// was said to it.
fn happened(record: &Record) -> Vec<Vec<&Entry>> {
    let mut groups: Vec<Vec<&Entry>> = Vec::new();
    // Who it is stands above; that it was put right belongs to the history.
    for entry in record.entries.iter().filter(|e| e.what != What::Patient || !e.earlier.is_empty()) {
        let same = |g: &&mut Vec<&Entry>| !entry.act.is_empty() && g[0].act == entry.act;
        match groups.iter_mut().find(same) {
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    for group in &mut groups {
        group.sort_by_key(|e| (rank(&e.what), e.at_ms));
    }
    // By the date that is shown; a question by the last thing said to it.
    groups.sort_by_cached_key(|group| {
        let last = group.iter().map(|e| e.at_ms).max().unwrap_or(0);
        std::cmp::Reverse(if is_request(group) { last } else { group[0].at_ms })
    });
    groups
}

fn rank(what: &What) -> usize {
    match what {
        What::Visit | What::Question(_) => 0,
        What::Vital(measure) => 1 + SIGNS.iter().position(|s| *s == measure.sign()).unwrap_or(SIGNS.len()),
        What::Oxygen(_) => SIGNS.len() + 2,
        What::News2 { .. } => SIGNS.len() + 3,
        _ => SIGNS.len() + 4,
    }
}

fn happening(ui: &mut Ui, state: &State, group: &[&Entry]) {
    let [first, found @ ..] = group else { return };
    widgets::milestone(ui, tone_of(first), words::icon_of(&first.what), |ui| {
        widgets::strong(ui, &words::entry(state, first));
        widgets::small(ui, &signed(state, first));
        if is_request(group) {
            course(ui, state, group);
        } else {
            let counts = |e: &&&Entry| e.what != What::Note && !e.in_error;
            let findings: Vec<String> = found.iter().filter(counts).map(|e| words::entry(state, e)).collect();
            if !findings.is_empty() {
                // A point doesn't begin a line.
                widgets::body(ui, &findings.join(&format!("{NBSP}· ")));
            }
            if let Some(begun) = first.earlier.last().filter(|_| first.over) {
                let at = state.lang().date(begun.at_ms, state.offset);
                widgets::small(
                    ui,
                    &state
                        .lang()
                        .tv("begun-at", &[("at", at.into()), ("author", begun.author.as_str().into())]),
                );
            }
            if let (true, Some(at)) = (!first.over_on.is_empty(), words::over_on(state, first)) {
                widgets::small(ui, &state.lang().tv("over-since", &[("at", at.into())]));
            }
            if !first.over_because.is_empty() {
                widgets::body(ui, &state.lang().tv("because", &[("reason", first.over_because.as_str().into())]));
            }
            for entry in group.iter().filter(|e| e.what == What::Note && !e.text.is_empty() && !e.in_error) {
                widgets::body(ui, &entry.text);
            }
        }
        standing(ui, state, group);
    });
}

/// When, by whom, where.
fn signed(state: &State, entry: &Entry) -> String {
    let mut line = vec![state.lang().recent(entry.at_ms, state.now_ms, state.offset)];
    let by = [entry.author.as_str(), entry.facility.as_str()];
    line.extend(by.into_iter().filter(|s| !s.is_empty()).map(str::to_owned));
    line.join(" · ")
}

fn is_request(group: &[&Entry]) -> bool {
    group.iter().any(|e| e.part == "request")
}

/// What was asked, what was said to it, and where it stands.
fn course(ui: &mut Ui, state: &State, group: &[&Entry]) {
    let asked = group.iter().find_map(|e| match e.what {
        What::Question(kind) => kind,
        _ => None,
    });
    let kind = asked.unwrap_or(Kind::TeleExpertise);
    let mut wanted = false;
    for entry in group {
        match &entry.what {
            What::Question(_) => drop(widgets::body(ui, &entry.text)),
            What::Note | What::Message(_) if !entry.text.is_empty() => {
                let step = match entry.what {
                    What::Message(step) => step,
                    _ => Some(Step::Answer),
                };
                let id = step.map_or("entry-message", |step| words::said(Some(step), kind, wanted));
                wanted = words::is_wanted(wanted, step);
                widgets::small(ui, &format!("{} · {}", state.lang().t(id), signed(state, entry)));
                widgets::body(ui, &entry.text);
            }
            What::Step(Some(_)) => drop(widgets::small(ui, &words::entry(state, entry))),
            _ => {}
        }
    }
}

/// How far own entries went, the least far of them, and what is doubtful about any.
fn standing(ui: &mut Ui, state: &State, group: &[&Entry]) {
    let lang = state.lang();
    ui.horizontal_wrapped(|ui| {
        if group.iter().any(|e| e.trust == Trust::Quarantined) {
            widgets::chip(ui, Tone::Warning, icon::WARNING, &lang.t("entry-quarantined"));
        }
        if group.iter().any(|e| e.trust == Trust::Disputed) {
            widgets::chip(ui, Tone::Warning, icon::WARNING, &lang.t("entry-disputed"));
        }
        let mistaken = group.iter().filter(|e| e.in_error).count() as u64;
        if mistaken > 0 {
            let words = lang.tv("entry-in-error", &[("n", mistaken.into())]);
            widgets::chip(ui, Tone::Warning, icon::X_CIRCLE, &words);
        }
        // The steps of a request aren't corrections of one another.
        let corrected = group
            .iter()
            .filter(|e| !e.in_error && !matches!(e.what, What::Step(_) | What::News2 { .. }));
        // That something was stopped is its last version, and no correction.
        let versions: u64 = corrected.map(|e| e.versions.saturating_sub(u64::from(e.over))).sum();
        if versions > 0 {
            let words = lang.tv("entry-corrected", &[("n", versions.into())]);
            widgets::chip(ui, Tone::Plain, icon::CLOCK_COUNTER_CLOCKWISE, &words);
        }
        let own = group.iter().filter(|e| e.own);
        match own.map(|e| e.held.unwrap_or(0)).min() {
            Some(0) => widgets::chip(ui, Tone::Plain, icon::CHECK_CIRCLE, &lang.t("saved-here")),
            Some(n) => {
                let words = lang.tv("held-sealed", &[("n", n.into())]);
                widgets::chip_because(ui, Tone::Success, icon::CLOUD_CHECK, &words, &lang.t("held-what"));
            }
            None => {}
        }
    });
}

/// The entries one by one, each with the way to put it right; folded until somebody asks.
fn details(ui: &mut Ui, state: &State, record: &Record, group: &[&Entry], out: &mut Vec<Action>) {
    let lang = state.lang();
    let right = |e: &Entry| record.is_writable(&e.part) && !e.in_error && words::can_be_corrected(e);
    let Some(first) = group.first().filter(|_| !is_request(group)) else {
        return;
    };
    if !group.iter().any(|e| right(e) || !e.earlier.is_empty()) {
        return;
    }
    let open = state.unfolded.contains(&first.id);
    ui.horizontal(|ui| {
        ui.add_space(space::XXL + space::S);
        let (icon, id) = match open {
            true => (icon::CARET_UP, "fold"),
            false if group.iter().any(|e| right(e)) => (icon::CARET_DOWN, "unfold"),
            false => (icon::CARET_DOWN, "unfold-earlier"),
        };
        // Several of these are on the screen: each says of what.
        let name = format!("{}, {}", lang.t(id), words::entry(state, first));
        if widgets::quiet_named(ui, icon, &lang.t(id), &name).clicked() {
            out.push(Action::Unfold(first.id.clone()));
        }
    });
    if !open {
        return;
    }
    for entry in group.iter().filter(|e| right(e) || !e.earlier.is_empty()) {
        ui.horizontal(|ui| {
            ui.add_space(space::XXL + space::L);
            let words = words::entry(state, entry);
            if right(entry) {
                let name = lang.tv("correct-named", &[("entry", words.as_str().into())]);
                if widgets::quiet_named(ui, icon::PENCIL_SIMPLE, &lang.t("correct"), &name).clicked() {
                    out.push(Action::Correct(entry.id.clone()));
                }
            }
            if entry.earlier.is_empty() {
                widgets::body(ui, &words);
                return;
            }
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                widgets::body(ui, &words);
                for before in &entry.earlier {
                    widgets::small(ui, &words::earlier(state, before));
                }
            });
        });
    }
}

fn tone_of(entry: &Entry) -> Tone {
    match entry.what {
        _ if entry.in_error || entry.over => Tone::Plain,
        What::Allergy { .. } => Tone::Danger,
        What::Vital(_) | What::Visit | What::Note => Tone::Primary,
        What::Treatment | What::NoAllergy => Tone::Success,
        What::Question(_) | What::Step(_) | What::Message(_) => Tone::Info,
        _ => Tone::Plain,
    }
}
