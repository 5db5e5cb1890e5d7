//! One record: who it is, what matters first, the latest measures, what happened.

use std::collections::BTreeSet;

use bocage_protocol::clinical::vitals::{Reading, Sign};
use egui::{Align, Layout, Ui};

use super::words;
use crate::state::form::SIGNS;
use crate::state::{Action, Field, Route, State, Tab};
use crate::theme::tokens::{Tone, Type, Weight, size, space};
use crate::theme::{icon, palette, text};
use crate::view::{Entry, ReaderRow, Record, Trust, What};
use crate::widgets::{self, chart::Series};

/// Signs that have a tile on the summary.
const TILES: [Sign; 5] = [
    Sign::BloodPressure,
    Sign::HeartRate,
    Sign::OxygenSaturation,
    Sign::Temperature,
    Sign::Weight,
];

pub(super) fn show(ui: &mut Ui, state: &State, patient: &str, tab: Tab, out: &mut Vec<Action>) {
    let lang = state.lang();
    widgets::page(ui, "record", |ui| {
        if let Some(problem) = state.record.problem() {
            widgets::sentence_of(ui, lang, problem);
        }
        let Some(record) = state.record_of(patient) else {
            widgets::muted(ui, &lang.t("loading"));
            return;
        };
        header(ui, state, record, out);
        ui.add_space(space::M);
        ui.horizontal(|ui| {
            for each in Tab::ALL {
                let id = match each {
                    Tab::Summary => "tab-summary",
                    Tab::History => "tab-history",
                    Tab::Vitals => "tab-vitals",
                    Tab::Treatments => "tab-treatments",
                    Tab::Readers => "tab-readers",
                };
                if widgets::tab(ui, &lang.t(id), each == tab).clicked() {
                    let patient = patient.to_owned();
                    out.push(Action::Go(Route::Record { patient, tab: each }));
                }
            }
        });
        ui.add_space(space::S);
        match tab {
            Tab::Summary => summary(ui, state, record, out),
            Tab::History => timeline(ui, state, record, usize::MAX),
            Tab::Vitals => vitals(ui, state, record),
            Tab::Treatments => treatments(ui, state, record, out),
            Tab::Readers => readers(ui, state, record),
        }
    });
}

fn header(ui: &mut Ui, state: &State, record: &Record, out: &mut Vec<Action>) {
    let lang = state.lang();
    let p = palette(ui);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(size::AVATAR), egui::Sense::hover());
        ui.painter().circle_filled(rect.center(), size::AVATAR / 2.0, p.primary_soft);
        let font = egui::FontId::proportional(Type::Lead.points());
        ui.painter().text(
            rect.center(),
            egui::Align2::CENTER_CENTER,
            record.patient.initials(),
            font,
            p.primary,
        );
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let visit = widgets::primary(ui, icon::STETHOSCOPE, &lang.t("new-visit")).on_hover_text("Ctrl+N");
            if visit.clicked() {
                let patient = record.patient.id.clone();
                out.push(Action::Go(Route::Visit { patient }));
            }
            if widgets::secondary(ui, icon::CHATS, &lang.t("ask-colleague")).clicked() {
                let patient = record.patient.id.clone();
                out.push(Action::Go(Route::Compose { patient }));
            }
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                widgets::title(ui, &record.patient.name());
                widgets::muted(ui, &words::particulars(state, &record.patient));
            });
        });
    });
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().interact_size.y = 0.0;
        let allergies = allergies(record);
        for entry in &allergies {
            widgets::chip(ui, Tone::Danger, icon::WARNING, &words::allergy(lang, entry));
        }
        if !reads_treatments(state, record) {
            widgets::chip(ui, Tone::Warning, icon::EYE_SLASH, &lang.t("allergies-unread"));
        } else if allergies.is_empty() {
            widgets::chip(ui, Tone::Plain, icon::INFO, &lang.t("no-allergy"));
        }
        if !record.patient.ins.is_empty() {
            let number = words::ins(&record.patient.ins);
            let words = lang.tv("ins-test", &[("number", number.into())]);
            widgets::chip(ui, Tone::Plain, icon::IDENTIFICATION_CARD, &words);
        }
    });
}

/// Allergies and treatments are a part of their own: where it isn't shared nothing is known of it, and "none" would be a lie. Whoever
/// reads the record without an end would read that part too, as soon as there is one.
pub(super) fn reads_treatments(state: &State, record: &Record) -> bool {
    let belongs = |r: &ReaderRow| r.facility == state.place.facility && r.until_ms.is_none();
    record.parts.iter().any(|p| p == "medication") || record.readers.iter().any(belongs)
}

/// Each substance once, however often it was noted.
pub(super) fn allergies(record: &Record) -> Vec<&Entry> {
    let mut seen = BTreeSet::new();
    let all = record.entries.iter().filter(|e| matches!(e.what, What::Allergy { .. }));
    all.filter(|e| seen.insert(e.title.to_lowercase())).collect()
}

fn summary(ui: &mut Ui, state: &State, record: &Record, out: &mut Vec<Action>) {
    let lang = state.lang();
    let wide = (ui.available_width() - (TILES.len() as f32 - 1.0) * space::M) / TILES.len() as f32;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::M;
        for sign in TILES {
            ui.vertical(|ui| {
                ui.set_width(wide);
                tile(ui, state, record, sign);
            });
        }
    });
    ui.add_space(space::M);
    let left = ui.available_width() * 0.58;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::M;
        ui.vertical(|ui| {
            ui.set_width(left);
            let sign = if record.series(Sign::BloodPressure).len() > 1 {
                Some(Sign::BloodPressure)
            } else {
                SIGNS.into_iter().find(|s| record.series(*s).len() > 1)
            };
            match sign {
                Some(sign) => widgets::card(ui, |ui| sign_chart(ui, state, record, sign, 300.0)),
                None => widgets::card(ui, |ui| {
                    widgets::heading(ui, &lang.t("tab-vitals"));
                    widgets::empty(ui, icon::CHART_LINE, &lang.t("vitals-few"), |ui| {
                        if widgets::secondary(ui, icon::STETHOSCOPE, &lang.t("new-visit")).clicked() {
                            let patient = record.patient.id.clone();
                            out.push(Action::Go(Route::Visit { patient }));
                        }
                    });
                }),
            }
        });
        ui.vertical(|ui| {
            ui.set_width(ui.available_width());
            widgets::card(ui, |ui| {
                widgets::heading(ui, &lang.t("tab-history"));
                ui.add_space(space::S);
                entries(ui, state, record, 6);
            });
        });
    });
}

fn tile(ui: &mut Ui, state: &State, record: &Record, sign: Sign) {
    let lang = state.lang();
    let p = palette(ui);
    let series = record.series(sign);
    widgets::card(ui, |ui| {
        ui.spacing_mut().item_spacing.y = space::XS;
        ui.spacing_mut().interact_size.y = 0.0;
        ui.horizontal(|ui| {
            widgets::hidden_glyph(ui, words::sign_icon(sign), Type::Body.points(), p.text_muted);
            widgets::small(ui, &lang.t(words::sign(sign)));
        });
        let Some((at, last)) = series.last().copied() else {
            ui.label(text("–", Type::Title, Weight::Normal, p.text_muted));
            widgets::small(ui, &lang.t("never-measured"));
            ui.add_space(space::XL + space::XS);
            return;
        };
        ui.horizontal(|ui| {
            ui.label(text(words::value(lang, last), Type::Title, Weight::Strong, p.text));
            widgets::small(ui, words::unit(sign));
        });
        widgets::small(ui, &lang.recent(at, state.now_ms, state.offset));
        let points: Vec<f64> = series.iter().rev().take(12).rev().filter_map(|(_, m)| words::number(*m)).collect();
        let wide = ui.available_width();
        widgets::chart::sparkline(ui, &points, p.primary, wide);
    });
}

fn sign_chart(ui: &mut Ui, state: &State, record: &Record, sign: Sign, height: f32) {
    let lang = state.lang();
    let series = record.series(sign);
    let name = lang.t(words::sign(sign));
    let Some((at, last)) = series.last().copied() else { return };
    let sentence = lang.tv(
        "chart-sentence",
        &[
            ("sign", name.as_str().into()),
            ("value", words::measure(lang, last).into()),
            ("at", lang.date(at, state.offset).into()),
            ("n", (series.len() as u64).into()),
        ],
    );
    widgets::heading(ui, &name);
    widgets::muted(ui, &sentence);
    let lines = if sign == Sign::BloodPressure {
        let part = |pick: fn(i32, i32) -> i32| {
            let point = |(at, m): &(u64, bocage_protocol::clinical::vitals::Measure)| match m.reading() {
                Reading::Pressure { systolic, diastolic } => Some((*at, f64::from(pick(systolic, diastolic)))),
                _ => None,
            };
            series.iter().filter_map(point).collect()
        };
        vec![
            Series {
                name: lang.t("systolic"),
                points: part(|s, _| s),
            },
            Series {
                name: lang.t("diastolic"),
                points: part(|_, d| d),
            },
        ]
    } else {
        let points = series.iter().filter_map(|(at, m)| Some((*at, words::number(*m)?))).collect();
        vec![Series {
            name: String::new(),
            points,
        }]
    };
    let id = words::sign(sign);
    widgets::chart::chart(ui, id, height, &lines, &sentence, (lang, state.offset));
}

fn vitals(ui: &mut Ui, state: &State, record: &Record) {
    let lang = state.lang();
    let mut any = false;
    for sign in SIGNS.into_iter().chain([Sign::Bmi]) {
        let series = record.series(sign);
        if series.is_empty() {
            continue;
        }
        any = true;
        widgets::card(ui, |ui| {
            if series.len() > 1 && words::number(series[0].1).is_some() {
                sign_chart(ui, state, record, sign, 220.0);
            } else {
                widgets::heading(ui, &lang.t(words::sign(sign)));
            }
            for (at, measure) in series.iter().rev().take(5) {
                let at = lang.date_time(*at, state.offset);
                widgets::body(ui, &format!("{} · {at}", words::measure(lang, *measure)));
            }
        });
        ui.add_space(space::S);
    }
    if !any {
        widgets::empty(ui, icon::HEARTBEAT, &lang.t("vitals-none"), |_| {});
    }
}

fn timeline(ui: &mut Ui, state: &State, record: &Record, most: usize) {
    widgets::card(ui, |ui| entries(ui, state, record, most));
}

/// What happened, newest first, each with who wrote it and how far it went. A visit is one thing that happened.
fn entries(ui: &mut Ui, state: &State, record: &Record, most: usize) {
    let lang = state.lang();
    let happened = happened(record);
    for group in happened.iter().take(most) {
        happening(ui, state, group);
        ui.add_space(space::S);
    }
    if happened.is_empty() {
        widgets::empty(ui, icon::CLOCK_COUNTER_CLOCKWISE, &lang.t("history-none"), |_| {});
    }
}

/// Entries by what they belong to: a visit first, then what was found in it.
fn happened(record: &Record) -> Vec<Vec<&Entry>> {
    let mut groups: Vec<Vec<&Entry>> = Vec::new();
    for entry in record.entries.iter().filter(|e| e.what != What::Patient) {
        let same = |g: &&mut Vec<&Entry>| !entry.visit.is_empty() && g[0].visit == entry.visit;
        match groups.iter_mut().find(same) {
            Some(group) if entry.what == What::Visit => group.insert(0, entry),
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    groups
}

fn happening(ui: &mut Ui, state: &State, group: &[&Entry]) {
    let lang = state.lang();
    let p = palette(ui);
    let [first, found @ ..] = group else { return };
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(space::XXL), egui::Sense::hover());
        let (ink, soft) = p.tone(tone_of(first));
        ui.painter().circle_filled(rect.center(), space::L, soft);
        let font = egui::FontId::new(size::ICON, crate::theme::icons());
        ui.painter()
            .text(rect.center(), egui::Align2::CENTER_CENTER, words::icon_of(&first.what), font, ink);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.spacing_mut().interact_size.y = 0.0;
            widgets::strong(ui, &title(state, first));
            let by = [first.author.as_str(), first.facility.as_str()];
            let mut line = vec![lang.recent(first.at_ms, state.now_ms, state.offset)];
            line.extend(by.into_iter().filter(|s| !s.is_empty()).map(str::to_owned));
            widgets::small(ui, &line.join(" · "));
            let findings: Vec<String> = found.iter().filter(|e| e.what != What::Note).map(|e| title(state, e)).collect();
            if !findings.is_empty() {
                widgets::body(ui, &findings.join(" · "));
            }
            for note in group.iter().filter(|e| e.what == What::Note && !e.text.is_empty()) {
                widgets::body(ui, &note.text);
            }
            standing(ui, state, group);
        });
    });
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
        let versions: u64 = group.iter().map(|e| e.versions).sum();
        if versions > 0 {
            let words = lang.tv("entry-corrected", &[("n", versions.into())]);
            widgets::chip(ui, Tone::Plain, icon::CLOCK_COUNTER_CLOCKWISE, &words);
        }
        let own = group.iter().filter(|e| e.own);
        match own.map(|e| e.held.unwrap_or(0)).min() {
            Some(0) => widgets::chip(ui, Tone::Plain, icon::CHECK_CIRCLE, &lang.t("saved-here")),
            Some(n) => widgets::chip(ui, Tone::Success, icon::CLOUD_CHECK, &lang.tv("held-by", &[("n", n.into())])),
            None => {}
        }
    });
}

fn title(state: &State, entry: &Entry) -> String {
    let lang = state.lang();
    match &entry.what {
        What::Vital(measure) => {
            let name = lang.t(words::sign(measure.sign()));
            format!("{name} {}", words::measure(lang, *measure))
        }
        What::Note => lang.t("entry-note"),
        What::Visit => lang.tv("entry-visit", &[("reason", entry.title.as_str().into())]),
        What::Allergy { .. } => words::allergy(lang, entry),
        _ if entry.title.is_empty() => lang.t("entry-other"),
        _ => entry.title.clone(),
    }
}

fn tone_of(entry: &Entry) -> Tone {
    match entry.what {
        What::Allergy { .. } => Tone::Danger,
        What::Vital(_) | What::Visit | What::Note => Tone::Primary,
        What::Treatment => Tone::Success,
        What::Request => Tone::Info,
        _ => Tone::Plain,
    }
}

fn treatments(ui: &mut Ui, state: &State, record: &Record, out: &mut Vec<Action>) {
    let lang = state.lang();
    let of = |wanted: fn(&What) -> bool| record.entries.iter().filter(move |e| wanted(&e.what)).collect::<Vec<_>>();
    for (title_id, none_id, found) in [
        ("allergies", "allergies-none", allergies(record)),
        ("treatments", "treatments-none", of(|w| *w == What::Treatment)),
    ] {
        widgets::card(ui, |ui| {
            widgets::heading(ui, &lang.t(title_id));
            ui.add_space(space::XS);
            if found.is_empty() {
                let id = if reads_treatments(state, record) {
                    none_id
                } else {
                    "treatments-unread"
                };
                widgets::muted(ui, &lang.t(id));
            }
            for entry in found {
                widgets::strong(ui, &title(state, entry));
                let at = lang.date(entry.at_ms, state.offset);
                widgets::small(ui, &format!("{at} · {} · {}", entry.author, entry.facility));
            }
            ui.add_space(space::S);
            if title_id == "allergies" {
                add_allergy(ui, state, out);
            } else {
                add_treatment(ui, state, out);
            }
        });
        ui.add_space(space::M);
    }
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

/// Who can read this record, in words that can be read to the patient.
fn readers(ui: &mut Ui, state: &State, record: &Record) {
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
                let until = match reader.until_ms {
                    Some(at) => lang.tv("reader-until", &[("at", lang.date(at, state.offset).into())]),
                    None => lang.t("reader-open"),
                };
                widgets::muted(ui, &until);
            });
        }
        ui.add_space(space::S);
        let parts: Vec<String> = record.parts.iter().map(|p| lang.t(words::part(p))).collect();
        widgets::small(ui, &lang.tv("parts-here", &[("parts", parts.join(", ").into())]));
    });
}
