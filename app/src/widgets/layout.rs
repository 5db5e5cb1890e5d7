//! How things stand on a screen: beside one another where there is room, below where there isn't.

use egui::{Align, Align2, CornerRadius, FontId, Frame, Layout, Margin, Panel, ScrollArea, Sense, Stroke, Ui, Vec2};

use crate::theme::tokens::{Tone, Type, size, space};
use crate::theme::{icons, palette};

/// A screen's own part of the window, with its margins; scrolls.
pub fn page<R>(ui: &mut Ui, id: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    ScrollArea::vertical()
        .id_salt(id)
        .auto_shrink([false, false])
        .show(ui, |ui| {
            Frame::new().inner_margin(Margin::same(space::XL as i8)).show(ui, add).inner
        })
        .inner
}

/// As [`page`], with what must never scroll out of sight at its head.
pub fn page_with_head(ui: &mut Ui, id: &str, head: impl FnOnce(&mut Ui), add: impl FnOnce(&mut Ui)) {
    let margin = Margin {
        bottom: 0,
        ..Margin::same(space::XL as i8)
    };
    Panel::top(format!("{id}-head"))
        .resizable(false)
        .show_separator_line(false)
        .frame(Frame::new().inner_margin(margin))
        .show(ui, head);
    page(ui, id, add);
}

/// As [`page`], with what the screen is for always in sight at its foot.
pub fn page_with_foot(ui: &mut Ui, id: &str, foot: impl FnOnce(&mut Ui), add: impl FnOnce(&mut Ui)) {
    let p = palette(ui);
    let frame = Frame::new()
        .fill(p.surface)
        .inner_margin(Margin::symmetric(space::XL as i8, space::M as i8));
    Panel::bottom(format!("{id}-foot"))
        .resizable(false)
        .show_separator_line(false)
        .frame(frame)
        .show(ui, |ui| {
            let above = ui.max_rect().top() - space::M;
            let line = ui.clip_rect().x_range();
            ui.painter().hline(line, above, Stroke::new(1.0, p.border));
            foot(ui);
        });
    page(ui, id, add);
}

/// True iff columns stand one below the other in this window.
pub fn is_narrow(ui: &Ui) -> bool {
    ui.ctx().content_rect().width() - size::SIDEBAR - 2.0 * space::XL < size::STACKED_BELOW
}

/// Two columns, of which the left has this share of the width; one below the other where that would be too narrow.
pub fn columns(ui: &mut Ui, share: f32, left: impl FnOnce(&mut Ui), right: impl FnOnce(&mut Ui)) {
    let wide = ui.available_width();
    if is_narrow(ui) {
        left(ui);
        ui.add_space(space::M);
        right(ui);
        return;
    }
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::M;
        ui.vertical(|ui| {
            ui.set_width(wide * share - space::M);
            left(ui);
        });
        ui.vertical(|ui| {
            ui.set_width(ui.available_width());
            right(ui);
        });
    });
}

/// Tiles of one width, as many in a row as can be read.
pub fn tiles(ui: &mut Ui, count: usize, mut add: impl FnMut(&mut Ui, usize)) {
    let gap = space::M;
    let fits = ((ui.available_width() + gap) / (size::TILE + gap)) as usize;
    // Rows of like length: five are three and two, not four and one.
    let rows = count.div_ceil(fits.clamp(1, count.max(1)));
    let per_row = count.div_ceil(rows.max(1));
    let wide = (ui.available_width() - (per_row as f32 - 1.0) * gap) / per_row as f32;
    for row in 0..rows {
        if row > 0 {
            ui.add_space(gap);
        }
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = gap;
            for n in row * per_row..((row + 1) * per_row).min(count) {
                ui.vertical(|ui| {
                    ui.set_width(wide);
                    add(ui, n);
                });
            }
        });
    }
}

/// Whom a screen is about: a round mark, words, and at the right what can be done, from right to left.
pub fn person_head(ui: &mut Ui, initials: &str, words: impl FnOnce(&mut Ui), actions: impl FnOnce(&mut Ui)) {
    let p = palette(ui);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(size::AVATAR), Sense::hover());
        ui.painter().circle_filled(rect.center(), size::AVATAR / 2.0, p.primary_soft);
        let font = FontId::proportional(Type::Lead.points());
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, initials, font, p.primary);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            actions(ui);
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                words(ui);
            });
        });
    });
}

/// One thing that happened: a round mark and what there is to say.
pub fn milestone(ui: &mut Ui, tone: Tone, icon: &str, add: impl FnOnce(&mut Ui)) {
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(space::XXL), Sense::hover());
        let (ink, soft) = palette(ui).tone(tone);
        ui.painter().circle_filled(rect.center(), space::L, soft);
        let font = FontId::new(size::ICON, icons());
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, icon, font, ink);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.spacing_mut().interact_size.y = 0.0;
            add(ui);
        });
    });
}

/// A sentence across the top of the window that stays.
pub fn strip(ui: &mut Ui, tone: Tone, icon: &str, words: &str) {
    let (ink, soft) = palette(ui).tone(tone);
    Frame::new()
        .fill(soft)
        .corner_radius(CornerRadius::ZERO)
        .inner_margin(Margin::symmetric(space::XL as i8, space::XS as i8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().interact_size.y = 0.0;
            ui.horizontal(|ui| {
                super::hidden_glyph(ui, icon, Type::Body.points(), ink);
                super::small(ui, words);
            });
        });
}
