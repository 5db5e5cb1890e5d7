//! A state in an icon, words and a colour, all three.

use egui::{CornerRadius, Frame, Margin, Ui};

use super::hidden_glyph;
use crate::theme::tokens::{Tone, Type, Weight, size, space};
use crate::theme::{palette, text};

pub fn chip(ui: &mut Ui, tone: Tone, icon: &str, words: &str) {
    let (ink, soft) = palette(ui).tone(tone);
    Frame::new()
        .fill(soft)
        .corner_radius(CornerRadius::same(size::RADIUS))
        .inner_margin(Margin::symmetric(space::S as i8, space::XS as i8))
        .show(ui, |ui| {
            ui.spacing_mut().interact_size.y = 0.0;
            ui.spacing_mut().item_spacing.x = space::XS;
            ui.horizontal(|ui| {
                if !icon.is_empty() {
                    hidden_glyph(ui, icon, Type::Body.points(), ink);
                }
                ui.label(text(words, Type::Small, Weight::Strong, ink));
            });
        });
}
