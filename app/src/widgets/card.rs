//! Grounds to stand on: cards, banners, what is empty, what is being worked on, messages.

use egui::accesskit::Role;
use egui::{Align, CornerRadius, Frame, Id, Layout, Margin, Stroke, Ui};

use super::{body, heading, hidden_glyph, icon_button, muted};
use crate::i18n::Lang;
use crate::state::{Action, State, Toast};
use crate::theme::tokens::{Tone, Type, Weight, size, space};
use crate::theme::{icon, palette, text};
use crate::view::Problem;

pub fn card<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    let p = palette(ui);
    Frame::new()
        .fill(p.surface)
        .stroke(Stroke::new(1.0, p.border))
        .corner_radius(CornerRadius::same(size::CARD_RADIUS))
        .inner_margin(Margin::same(space::L as i8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            add(ui)
        })
        .inner
}

/// A sentence in a tone across the width, with what can be done about it at its right.
pub fn banner(ui: &mut Ui, tone: Tone, icon: &str, words: &str, actions: impl FnOnce(&mut Ui)) {
    let p = palette(ui);
    let (ink, soft) = p.tone(tone);
    Frame::new()
        .fill(soft)
        .corner_radius(CornerRadius::same(size::CARD_RADIUS))
        .inner_margin(Margin::symmetric(space::L as i8, space::M as i8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().interact_size.y = 0.0;
            ui.horizontal(|ui| {
                hidden_glyph(ui, icon, size::ICON, ink);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    actions(ui);
                    ui.with_layout(Layout::left_to_right(Align::Center).with_main_wrap(true), |ui| {
                        let said = ui.add(egui::Label::new(text(words, Type::Body, Weight::Normal, p.text)).wrap());
                        let role = if tone == Tone::Danger { Role::Alert } else { Role::Status };
                        ui.ctx().accesskit_node_builder(said.id, |node| {
                            node.set_role(role);
                            node.set_label(words.to_owned());
                        });
                    });
                });
            });
        });
}

/// A problem as a banner: what happened, what is safe, what to do.
pub fn sentence_of(ui: &mut Ui, lang: Lang, problem: &Problem) {
    banner(ui, Tone::Danger, icon::WARNING_CIRCLE, lang.pick(&problem.en, &problem.fr), |_| {});
}

/// Nothing here: one sentence, and the next thing to do.
pub fn empty(ui: &mut Ui, icon: &str, words: &str, action: impl FnOnce(&mut Ui)) {
    ui.vertical_centered(|ui| {
        ui.add_space(space::XXL);
        hidden_glyph(ui, icon, Type::Display.points() + space::M, palette(ui).border_strong);
        ui.add_space(space::S);
        muted(ui, words);
        ui.add_space(space::M);
        action(ui);
        ui.add_space(space::XXL);
    });
}

/// Work of known length, or a sentence while it isn't known.
pub fn working(ui: &mut Ui, words: &str, done: u64, total: u64) {
    body(ui, words);
    if total > 0 {
        let bar = egui::ProgressBar::new(done as f32 / total as f32)
            .desired_height(space::S)
            .fill(palette(ui).primary);
        let response = ui.add(bar);
        response.widget_info(|| egui::WidgetInfo::labeled(Role::ProgressIndicator, true, words));
    }
}

/// A question before anything else can go on. Esc leaves it.
pub fn modal(ui: &Ui, id: &str, words: &str, leave: impl FnOnce(), add: impl FnOnce(&mut Ui)) {
    let frame = Frame::popup(ui.style()).inner_margin(Margin::same(space::XL as i8));
    let shown = egui::Modal::new(Id::unique(id)).frame(frame).show(ui.ctx(), |ui| {
        ui.set_width(size::FORM);
        heading(ui, words);
        ui.add_space(space::S);
        add(ui);
    });
    if shown.should_close() {
        leave();
    }
}

/// Messages, one above the other in a corner of `within`; spoken to whoever can't see them.
pub fn toasts(ui: &mut Ui, state: &State, within: egui::Rect, corner: egui::Align2, out: &mut Vec<Action>) {
    if state.toasts.is_empty() {
        return;
    }
    egui::Area::new(Id::unique("toasts"))
        .pivot(corner)
        .fixed_pos(corner.pos_in_rect(&within))
        .order(egui::Order::Foreground)
        .show(ui.ctx(), |ui| {
            egui::ScrollArea::vertical()
                .max_height(within.height())
                .min_scrolled_height(within.height())
                .stick_to_bottom(true)
                .max_width(within.width())
                .show(ui, |ui| {
                    for shown in &state.toasts {
                        toast(ui, state, shown, within.width(), out);
                    }
                });
        });
}

fn toast(ui: &mut Ui, state: &State, toast: &Toast, wide: f32, out: &mut Vec<Action>) {
    let p = palette(ui);
    let (ink, _) = p.tone(toast.tone);
    let inner = wide - 2.0 * space::S - 2.0;
    Frame::new()
        .fill(p.surface)
        .stroke(Stroke::new(1.0, ink))
        .corner_radius(CornerRadius::same(size::CARD_RADIUS))
        .inner_margin(Margin::symmetric(space::S as i8, space::XS as i8))
        .show(ui, |ui| {
            ui.set_max_width(inner);
            ui.horizontal(|ui| {
                let icon = match toast.tone {
                    Tone::Success => icon::CHECK_CIRCLE,
                    Tone::Danger => icon::WARNING_CIRCLE,
                    _ => icon::INFO,
                };
                hidden_glyph(ui, icon, size::ICON, ink);
                let room = ui.available_width() - size::TARGET - space::S;
                let said = ui.scope(|ui| {
                    ui.set_max_width(room);
                    ui.add(egui::Label::new(text(&toast.text, Type::Small, Weight::Normal, p.text)).wrap())
                });
                let role = if toast.tone == Tone::Danger { Role::Alert } else { Role::Status };
                ui.ctx().accesskit_node_builder(said.inner.id, |node| {
                    node.set_role(role);
                    node.set_label(toast.text.clone());
                });
                if icon_button(ui, icon::X, &state.lang().t("close")).clicked() {
                    out.push(Action::CloseToast(toast.id));
                }
            });
        });
}
