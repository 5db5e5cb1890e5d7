//! Rows that are pressed: a role, a sentence, and whatever is drawn in them.

use egui::accesskit::Role;
use egui::{CornerRadius, Key, Response, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, vec2};

use crate::theme::palette;
use crate::theme::tokens::{size, space};

/// How a row is shown.
pub struct Row<'a> {
    /// The whole row in one sentence.
    pub name: &'a str,
    pub selected: bool,
    pub height: f32,
}

/// What a key did in a list while one types in the field above it.
pub enum Steered {
    To(u64),
    Take(u64),
}

/// Arrow keys move through `total` rows from `at`, Enter takes the row that they are on, or the only one.
pub fn steer(ui: &Ui, at: Option<u64>, total: u64) -> Option<Steered> {
    let last = total.checked_sub(1)?;
    ui.input(|i| {
        if i.key_pressed(Key::ArrowDown) {
            Some(Steered::To(at.map_or(0, |at| (at + 1).min(last))))
        } else if i.key_pressed(Key::ArrowUp) {
            at.map(|at| Steered::To(at.saturating_sub(1)))
        } else if i.key_pressed(Key::Enter) {
            at.or((last == 0).then_some(0)).map(Steered::Take)
        } else {
            None
        }
    })
}

/// A row across the width; what is drawn in it isn't read a second time.
pub fn row(ui: &mut Ui, Row { name, selected, height }: Row<'_>, add: impl FnOnce(&mut Ui)) -> Response {
    let p = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Row, true, selected, name));
    if ui.is_rect_visible(rect) {
        let fill = if selected {
            p.primary_soft
        } else if response.hovered() {
            p.hover
        } else {
            egui::Color32::TRANSPARENT
        };
        ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS), fill);
        let line = rect.translate(vec2(0.0, 0.5));
        ui.painter().hline(line.x_range(), line.top(), Stroke::new(1.0, p.border));
        if response.has_focus() {
            ui.painter().rect_stroke(
                rect.shrink(1.0),
                CornerRadius::same(size::RADIUS),
                Stroke::new(size::FOCUS_RING, p.focus),
                StrokeKind::Inside,
            );
        }
        let inside = rect.shrink2(vec2(space::M, 0.0));
        let builder = UiBuilder::new()
            .max_rect(inside)
            .layout(egui::Layout::left_to_right(egui::Align::Center));
        let mut inner = ui.new_child(builder);
        inner.spacing_mut().interact_size.y = 0.0;
        add(&mut inner);
        ui.ctx()
            .accesskit_node_builder(inner.unique_id(), egui::accesskit::Node::set_hidden);
    }
    response
}
