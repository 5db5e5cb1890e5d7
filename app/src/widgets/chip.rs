//! A state in an icon, words and a colour, all three.

use egui::accesskit::Role;
use egui::{Align2, CornerRadius, FontId, Response, Sense, TextWrapMode, Ui, WidgetInfo, WidgetText, pos2, vec2};

use crate::theme::tokens::{Tone, Type, Weight, size, space};
use crate::theme::{icons, palette, text};

/// Drawn as one piece, so that it wraps and lines up as a word does.
pub fn chip(ui: &mut Ui, tone: Tone, icon: &str, words: &str) {
    draw(ui, tone, icon, words);
}

/// A chip that says what it rests on to whoever points at it, and to a screen reader.
pub fn chip_because(ui: &mut Ui, tone: Tone, icon: &str, words: &str, why: &str) {
    let drawn = draw(ui, tone, icon, words);
    ui.ctx().accesskit_node_builder(drawn.id, |node| node.set_description(why));
    drawn.on_hover_text(why);
}

fn draw(ui: &mut Ui, tone: Tone, icon: &str, words: &str) -> Response {
    let (ink, soft) = palette(ui).tone(tone);
    let words_in_ink = WidgetText::from(text(words, Type::Small, Weight::Strong, ink));
    let most = ui.available_width().max(size::ROW);
    let galley = words_in_ink.into_galley(ui, Some(TextWrapMode::Truncate), most, FontId::proportional(Type::Small.points()));
    let glyph = if icon.is_empty() { 0.0 } else { Type::Body.points() + space::XS };
    let wanted = vec2(galley.size().x + glyph + 2.0 * space::S, galley.size().y + 2.0 * space::XS);
    let (rect, response) = ui.allocate_exact_size(wanted, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
    ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS), soft);
    let mut x = rect.left() + space::S;
    if !icon.is_empty() {
        let font = FontId::new(Type::Body.points(), icons());
        ui.painter().text(pos2(x, rect.center().y), Align2::LEFT_CENTER, icon, font, ink);
        x += glyph;
    }
    ui.painter().galley(pos2(x, rect.center().y - galley.size().y / 2.0), galley, ink);
    response
}
