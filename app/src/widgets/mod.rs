//! The house's widgets: each one has a role and a name for whoever can't see it, a ring for whoever has no mouse, and takes colours and
//! sizes from the theme alone.

mod button;
mod card;
pub mod chart;
mod chip;
mod field;
mod layout;
mod list;
mod nav;
mod text;

pub use button::{Kind as ButtonKind, button, danger, icon_button, primary, quiet, quiet_named, secondary, switch};
pub use card::{banner, card, empty, modal, sentence_of, toasts, working};
pub use chip::{chip, chip_because};
pub use field::{area, choice, has_keyboard, labelled, secret, text_field, toggle};
pub use layout::{columns, is_narrow, milestone, page, page_with_foot, page_with_head, person_head, strip, tiles};
pub use list::{Row, Steered, row, steer};
pub use nav::{nav_item, tab};
pub use text::{body, heading, hidden_glyph, lead, muted, small, strong, title};

use egui::{CornerRadius, Rect, Response, Stroke, StrokeKind, Ui};

use crate::theme::{palette, tokens::size};

/// The ring around what has the keyboard.
pub(crate) fn focus_ring(ui: &Ui, response: &Response, rect: Rect) {
    if response.gained_focus() {
        // Whoever goes on by the keyboard sees where that leads.
        response.scroll_to_me(None);
    }
    if response.has_focus() {
        let ring = rect.expand(size::FOCUS_GAP);
        let corner = CornerRadius::same(size::RADIUS + size::FOCUS_GAP as u8);
        ui.painter()
            .rect_stroke(ring, corner, Stroke::new(size::FOCUS_RING, palette(ui).focus), StrokeKind::Outside);
    }
}
