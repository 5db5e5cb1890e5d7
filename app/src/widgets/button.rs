//! Buttons: one main action a screen, the others outlined; an icon is never a button's whole name.

use egui::accesskit::Role;
use egui::{Align2, CornerRadius, FontId, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, vec2};

use super::focus_ring;
use crate::theme::tokens::{Type, Weight, size, space};
use crate::theme::{icons, palette, text};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Primary,
    Secondary,
    Quiet,
    Danger,
}

/// The one thing this screen is for.
pub fn primary(ui: &mut Ui, icon: &str, words: &str) -> Response {
    button(ui, Kind::Primary, icon, words, true)
}

pub fn secondary(ui: &mut Ui, icon: &str, words: &str) -> Response {
    button(ui, Kind::Secondary, icon, words, true)
}

pub fn quiet(ui: &mut Ui, icon: &str, words: &str) -> Response {
    button(ui, Kind::Quiet, icon, words, true)
}

/// A quiet button among others of the same words: its name says which it is.
pub fn quiet_named(ui: &mut Ui, icon: &str, words: &str, name: &str) -> Response {
    let response = quiet(ui, icon, words);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    response
}

pub fn danger(ui: &mut Ui, icon: &str, words: &str) -> Response {
    button(ui, Kind::Danger, icon, words, true)
}

/// A button of an icon (may be empty) and words. Pressed by mouse, touch, Enter, Space, or a screen reader.
pub fn button(ui: &mut Ui, kind: Kind, icon: &str, words: &str, enabled: bool) -> Response {
    let p = palette(ui);
    let galley = egui::WidgetText::from(text(words, Type::Body, Weight::Strong, p.text)).into_galley(
        ui,
        Some(egui::TextWrapMode::Extend),
        f32::INFINITY,
        FontId::proportional(Type::Body.points()),
    );
    let glyph = if icon.is_empty() { 0.0 } else { size::ICON + space::S };
    let side = if kind == Kind::Quiet { space::S } else { space::L };
    let wanted = vec2(galley.size().x + glyph + 2.0 * side, size::TARGET);
    let sense = if enabled { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(wanted, sense);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, words));
    if ui.is_rect_visible(rect) {
        let hot = enabled && (response.hovered() || response.is_pointer_button_down_on());
        let (fill, line, ink) = match kind {
            Kind::Primary if hot => (p.primary_hover, Stroke::NONE, p.on_primary),
            Kind::Primary => (p.primary, Stroke::NONE, p.on_primary),
            Kind::Secondary => (if hot { p.hover } else { p.surface }, Stroke::new(1.0, p.border_strong), p.text),
            Kind::Quiet => (if hot { p.hover } else { egui::Color32::TRANSPARENT }, Stroke::NONE, p.primary),
            Kind::Danger => (if hot { p.danger_soft } else { p.surface }, Stroke::new(1.0, p.danger), p.danger),
        };
        let (fill, ink) = if enabled { (fill, ink) } else { (p.sunken, p.text_muted) };
        let corner = CornerRadius::same(size::RADIUS);
        ui.painter().rect(rect, corner, fill, line, StrokeKind::Inside);
        let mut x = rect.left() + side;
        if !icon.is_empty() {
            let at = egui::pos2(x, rect.center().y);
            ui.painter()
                .text(at, Align2::LEFT_CENTER, icon, FontId::new(size::ICON, icons()), ink);
            x += glyph;
        }
        let at = egui::pos2(x, rect.center().y - galley.size().y / 2.0);
        ui.painter().galley_with_override_text_color(at, galley, ink);
        focus_ring(ui, &response, rect);
    }
    response
}

/// A button of a glyph alone: its words are its name and its tooltip.
pub fn icon_button(ui: &mut Ui, icon: &str, words: &str) -> Response {
    let p = palette(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(size::TARGET), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, words));
    if response.hovered() {
        ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS), p.hover);
    }
    ui.painter().text(
        rect.center(),
        Align2::CENTER_CENTER,
        icon,
        FontId::new(size::ICON, icons()),
        p.text_muted,
    );
    focus_ring(ui, &response, rect);
    response.on_hover_text(words)
}

/// One of several, of which one is chosen: a segment of a switch.
pub fn switch(ui: &mut Ui, group: &str, words: &str, chosen: bool) -> Response {
    let p = palette(ui);
    let galley = egui::WidgetText::from(text(words, Type::Body, Weight::Normal, p.text)).into_galley(
        ui,
        Some(egui::TextWrapMode::Extend),
        f32::INFINITY,
        FontId::proportional(Type::Body.points()),
    );
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + 2.0 * space::M, size::TARGET), Sense::click());
    let name = if group.is_empty() {
        words.to_owned()
    } else {
        format!("{group} : {words}")
    };
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, chosen, &name));
    let (fill, line, ink) = if chosen {
        (p.primary_soft, p.primary, p.primary)
    } else if response.hovered() {
        (p.hover, p.border_strong, p.text)
    } else {
        (p.surface, p.border_strong, p.text)
    };
    ui.painter().rect(
        rect,
        CornerRadius::same(size::RADIUS),
        fill,
        Stroke::new(1.0, line),
        StrokeKind::Inside,
    );
    let at = Rect::from_center_size(rect.center(), galley.size()).min;
    ui.painter().galley_with_override_text_color(at, galley, ink);
    focus_ring(ui, &response, rect);
    response
}
