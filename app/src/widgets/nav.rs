//! Ways about the window: the sidebar's items, a screen's tabs.

use egui::accesskit::Role;
use egui::{Align2, CornerRadius, FontId, Rect, Response, Sense, Ui, WidgetInfo, pos2, vec2};

use super::focus_ring;
use crate::theme::tokens::{Tone, Type, Weight, size, space};
use crate::theme::{icons, palette, text};

/// An item of the sidebar, with how many things wait there.
pub fn nav_item(ui: &mut Ui, icon: &str, words: &str, waiting: u64, here: bool, keys: &str) -> Response {
    let p = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), size::TARGET + space::XS), Sense::click());
    let name = if waiting > 0 {
        format!("{words}, {waiting}")
    } else {
        words.to_owned()
    };
    response.widget_info(|| WidgetInfo::selected(Role::Link, true, here, &name));
    let fill = if here {
        p.primary_soft
    } else if response.hovered() {
        p.hover
    } else {
        egui::Color32::TRANSPARENT
    };
    let ink = if here { p.primary } else { p.text };
    ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS), fill);
    if here {
        let mark = Rect::from_min_size(rect.min + vec2(0.0, space::S), vec2(3.0, rect.height() - 2.0 * space::S));
        ui.painter().rect_filled(mark, CornerRadius::same(2), p.primary);
    }
    let at = pos2(rect.left() + space::L, rect.center().y);
    ui.painter()
        .text(at, Align2::LEFT_CENTER, icon, FontId::new(size::ICON + 2.0, icons()), ink);
    let weight = if here { Weight::Strong } else { Weight::Normal };
    draw(
        ui,
        words,
        weight,
        ink,
        pos2(at.x + size::ICON + space::L, at.y),
        Align2::LEFT_CENTER,
    );
    if waiting > 0 {
        let (ink, soft) = p.tone(Tone::Warning);
        let count = waiting.to_string();
        let wide = space::XL + space::XS * (count.len() as f32 - 1.0) * 2.0;
        let mark = Rect::from_center_size(pos2(rect.right() - space::L - wide / 2.0 + space::S, at.y), vec2(wide, space::XL));
        ui.painter().rect_filled(mark, CornerRadius::same(12), soft);
        draw(ui, &count, Weight::Strong, ink, mark.center(), Align2::CENTER_CENTER);
    }
    focus_ring(ui, &response, rect.shrink(size::FOCUS_GAP));
    if keys.is_empty() { response } else { response.on_hover_text(keys) }
}

/// One part of a screen.
pub fn tab(ui: &mut Ui, words: &str, here: bool) -> Response {
    let p = palette(ui);
    let weight = if here { Weight::Strong } else { Weight::Normal };
    let galley = galley(ui, words, weight);
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + 2.0 * space::M, size::TARGET), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Tab, true, here, words));
    let ink = if here { p.primary } else { p.text_muted };
    if response.hovered() && !here {
        ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS), p.hover);
    }
    let at = Rect::from_center_size(rect.center(), galley.size()).min;
    ui.painter().galley_with_override_text_color(at, galley, ink);
    if here {
        let line = Rect::from_min_max(pos2(rect.left(), rect.bottom() - 2.0), rect.max);
        ui.painter().rect_filled(line, CornerRadius::ZERO, p.primary);
    }
    focus_ring(ui, &response, rect.shrink(size::FOCUS_GAP));
    response
}

fn galley(ui: &Ui, words: &str, weight: Weight) -> std::sync::Arc<egui::Galley> {
    egui::WidgetText::from(text(words, Type::Body, weight, palette(ui).text)).into_galley(
        ui,
        Some(egui::TextWrapMode::Extend),
        f32::INFINITY,
        FontId::proportional(Type::Body.points()),
    )
}

fn draw(ui: &Ui, words: &str, weight: Weight, ink: egui::Color32, at: egui::Pos2, align: Align2) {
    let galley = galley(ui, words, weight);
    let at = align.anchor_size(at, galley.size()).min;
    ui.painter().galley_with_override_text_color(at, galley, ink);
}
