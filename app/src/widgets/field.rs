//! Fields: a label above, what is wrong below, in words.

use egui::accesskit::Role;
use egui::{Align, Layout, Margin, Response, Sense, TextEdit, Ui, WidgetInfo, vec2};

use super::{focus_ring, hidden_glyph, switch};
use crate::i18n::Value;
use crate::state::{Action, Field, State};
use crate::theme::tokens::{Type, Weight, size, space};
use crate::theme::{icon, palette, text};

/// A line of text. `hint` is an example, never the name.
pub fn text_field(ui: &mut Ui, state: &State, field: Field, label: &str, hint: &str, out: &mut Vec<Action>) -> Response {
    edit(ui, state, field, label, hint, Shape::Line, out)
}

/// A passphrase.
pub fn secret(ui: &mut Ui, state: &State, field: Field, label: &str, out: &mut Vec<Action>) -> Response {
    edit(ui, state, field, label, "", Shape::Secret, out)
}

/// Several lines.
pub fn area(ui: &mut Ui, state: &State, field: Field, label: &str, hint: &str, rows: usize, out: &mut Vec<Action>) -> Response {
    edit(ui, state, field, label, hint, Shape::Lines(rows), out)
}

enum Shape {
    Line,
    Secret,
    Lines(usize),
}

/// True iff what is typed goes into this field.
pub fn has_keyboard(ui: &Ui, field: Field) -> bool {
    ui.memory(|m| m.has_focus(id_of(field)))
}

fn id_of(field: Field) -> egui::Id {
    egui::Id::unique(format!("{field:?}"))
}

fn select_all(ui: &Ui, id: egui::Id, text: &str) {
    use egui::text::{CCursor, CCursorRange};
    let mut edited = TextEdit::load_state(ui.ctx(), id).unwrap_or_default();
    let whole = CCursorRange::two(CCursor::new(0), CCursor::new(text.chars().count()));
    edited.cursor.set_char_range(Some(whole));
    TextEdit::store_state(ui.ctx(), id, edited);
}

fn edit(ui: &mut Ui, state: &State, field: Field, label: &str, hint: &str, shape: Shape, out: &mut Vec<Action>) -> Response {
    let p = palette(ui);
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = space::XS;
        if !label.is_empty() && field != Field::Search {
            let seen = ui.label(text(label, Type::Small, Weight::Strong, p.text_muted));
            ui.ctx().accesskit_node_builder(seen.id, egui::accesskit::Node::set_hidden);
        }
        let wrong = state.wrong(field).map(|w| {
            let values: Vec<(&str, Value<'_>)> = w.values.iter().map(|(k, v)| (*k, state.lang().decimal(v).into())).collect();
            state.lang().tv(w.id, &values)
        });
        let refused = state
            .visit
            .refused
            .iter()
            .find(|(f, _)| *f == field)
            .map(|(_, why)| state.say(why).to_owned());
        let wrong = wrong.or(refused);
        let mut typed = state.text(field).to_owned();
        let hint = text(hint, Type::Body, Weight::Normal, p.text_muted);
        let id = id_of(field);
        // Whoever comes back to it types something else: the next key replaces what is there.
        let anew = matches!((&shape, field), (Shape::Line, Field::Search | Field::Correction(_)));
        let line = match shape {
            Shape::Lines(rows) => TextEdit::multiline(&mut typed).desired_rows(rows),
            Shape::Secret => TextEdit::singleline(&mut typed).password(true),
            Shape::Line => TextEdit::singleline(&mut typed),
        };
        let wide = ui.available_width();
        if wrong.is_some() {
            ui.visuals_mut().widgets.inactive.bg_stroke.color = p.danger;
        }
        let response = ui.add(
            line.id(id)
                .hint_text(hint)
                .desired_width(wide)
                .margin(Margin::symmetric(space::M as i8, space::S as i8)),
        );
        if state.focus == Some(field) {
            response.request_focus();
            if anew {
                select_all(ui, id, state.text(field));
            }
        }
        if response.gained_focus() {
            // This one is the beginning of a form, with its button below it.
            response.scroll_to_me((field == Field::Address).then_some(Align::Center));
        }
        let name = match &wrong {
            Some(wrong) => format!("{label}. {wrong}"),
            None => label.to_owned(),
        };
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.set_label(name);
            if wrong.is_some() {
                node.set_invalid(egui::accesskit::Invalid::True);
            }
        });
        if response.changed() {
            out.push(Action::Type(field, typed));
        }
        let meant = state.wrong(field).and_then(|w| w.instead);
        if let Some(meant) = &meant
            && response.lost_focus()
            && ui.input(|i| i.key_pressed(egui::Key::Enter))
        {
            out.push(Action::Type(field, meant.clone()));
        }
        let below = |ui: &mut Ui| {
            let Some(wrong) = &wrong else { return };
            hidden_glyph(ui, icon::WARNING_CIRCLE, Type::Small.points(), p.danger);
            // What was meant is known: one press writes it. Not by Tab, which goes on to the next field.
            if let Some(meant) = meant {
                let words = state.lang().tv("write-instead", &[("text", state.lang().decimal(&meant).into())]);
                let name = format!("{words}, {label}");
                let link = egui::Label::new(text(&words, Type::Small, Weight::Strong, p.danger).underline());
                let link = ui.add(link.sense(Sense::CLICK)).on_hover_text(wrong);
                link.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
                if link.clicked() {
                    out.push(Action::Type(field, meant));
                }
                return;
            }
            let sentence = egui::Label::new(text(wrong, Type::Small, Weight::Normal, p.danger));
            ui.add(if keeps_room(field) { sentence.truncate() } else { sentence.wrap() })
                .on_hover_text(wrong);
        };
        if keeps_room(field) {
            // A form that jumps puts other answers under the pointer.
            let line = vec2(wide, Type::Small.points() + space::XS);
            ui.allocate_ui_with_layout(line, Layout::left_to_right(Align::Center), |ui| {
                ui.set_min_size(line);
                ui.spacing_mut().interact_size.y = 0.0;
                below(ui);
            });
        } else if wrong.is_some() {
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().interact_size.y = 0.0;
                below(ui);
            });
        }
        response
    })
    .inner
}

/// True for fields below which the line for what is wrong is always there.
fn keeps_room(field: Field) -> bool {
    matches!(field, Field::Vital(_))
}

/// A label above anything.
pub fn labelled<R>(ui: &mut Ui, label: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    let p = palette(ui);
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = space::XS;
        let seen = ui.label(text(label, Type::Small, Weight::Strong, p.text_muted));
        ui.ctx().accesskit_node_builder(seen.id, egui::accesskit::Node::set_hidden);
        add(ui)
    })
    .inner
}

/// One of a few.
pub fn choice<T: Copy + PartialEq>(ui: &mut Ui, label: &str, among: &[(T, String)], chosen: Option<T>, act: impl FnOnce(T)) {
    let mut picked = None;
    labelled(ui, label, |ui| {
        ui.horizontal_wrapped(|ui| {
            for (value, words) in among {
                if switch(ui, label, words, chosen == Some(*value)).clicked() {
                    picked = Some(*value);
                }
            }
        });
    });
    if let Some(value) = picked {
        act(value);
    }
}

/// Yes or no.
pub fn toggle(ui: &mut Ui, words: &str, on: bool) -> Option<bool> {
    let p = palette(ui);
    let inner = ui
        .horizontal_wrapped(|ui| {
            let (rect, response) = ui.allocate_exact_size(egui::Vec2::splat(size::ICON + space::XS), Sense::click());
            let fill = if on { p.primary } else { p.surface };
            let line = if on { p.primary } else { p.border_strong };
            ui.painter().rect(
                rect,
                egui::CornerRadius::same(size::RADIUS - 2),
                fill,
                egui::Stroke::new(1.0, line),
                egui::StrokeKind::Inside,
            );
            if on {
                let font = egui::FontId::new(size::ICON - 2.0, crate::theme::icons());
                ui.painter()
                    .text(rect.center(), egui::Align2::CENTER_CENTER, icon::CHECK, font, p.on_primary);
            }
            response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, on, words));
            focus_ring(ui, &response, rect);
            let label = ui.add(egui::Label::new(text(words, Type::Body, Weight::Normal, p.text)).sense(Sense::click()));
            ui.ctx().accesskit_node_builder(label.id, egui::accesskit::Node::set_hidden);
            response.clicked() || label.clicked()
        })
        .inner;
    inner.then_some(!on)
}
