//! The look: one family of type, one accent, light and dark. The only place, with `widgets`, that names colours and sizes.

use std::sync::Arc;

use egui::epaint::text::VariationCoords;
use egui::{
    Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, RichText, Stroke, Style, TextStyle, Theme, Ui, Visuals,
};

pub mod icon;
pub mod tokens;

use tokens::{DARK, LIGHT, Palette, Type, Weight, size, space};

/// Installs fonts and both looks; the context chooses by its theme preference.
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    ctx.set_style_of(Theme::Light, style(&LIGHT, Visuals::light()));
    ctx.set_style_of(Theme::Dark, style(&DARK, Visuals::dark()));
}

/// The colours in use.
pub fn palette(ui: &Ui) -> &'static Palette {
    if ui.visuals().dark_mode { &DARK } else { &LIGHT }
}

/// Text in the house's type.
pub fn text(text: impl Into<String>, height: Type, weight: Weight, color: Color32) -> RichText {
    RichText::new(text)
        .font(FontId::proportional(height.points()))
        .variation(b"wght", weight.axis())
        .color(color)
}

/// A glyph of the icon font; never read aloud.
pub fn glyph(icon: &str, points: f32, color: Color32) -> RichText {
    RichText::new(icon).font(FontId::new(points, icons())).color(color)
}

pub fn icons() -> FontFamily {
    FontFamily::Name("icons".into())
}

/// The one family, and the icons.
pub fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let mut text = FontData::from_static(include_bytes!("../../assets/fonts/Bocage.ttf"));
    text.tweak.coords = VariationCoords::new([(b"wght", Weight::Normal.axis())]);
    let icon = FontData::from_static(include_bytes!("../../assets/fonts/Icons.ttf"));
    fonts.font_data.insert("text".to_owned(), Arc::new(text));
    fonts.font_data.insert("icon".to_owned(), Arc::new(icon));
    fonts.families.insert(FontFamily::Proportional, vec!["text".to_owned()]);
    fonts.families.insert(FontFamily::Monospace, vec!["text".to_owned()]);
    fonts.families.insert(icons(), vec!["icon".to_owned()]);
    fonts
}

fn style(p: &Palette, visuals: Visuals) -> Style {
    let mut style = Style {
        visuals,
        ..Style::default()
    };
    for (name, height) in [
        (TextStyle::Small, Type::Small),
        (TextStyle::Body, Type::Body),
        (TextStyle::Button, Type::Body),
        (TextStyle::Monospace, Type::Body),
        (TextStyle::Heading, Type::Title),
    ] {
        style.text_styles.insert(name, FontId::proportional(height.points()));
    }
    style.spacing.item_spacing = egui::vec2(space::S, space::S);
    style.spacing.interact_size = egui::vec2(size::TARGET, size::TARGET);
    style.spacing.button_padding = egui::vec2(space::L, space::S);
    style.spacing.window_margin = Margin::same(space::XL as i8);
    style.spacing.scroll.bar_width = space::S;
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.6;
    let v = &mut style.visuals;
    v.override_text_color = Some(p.text);
    v.weak_text_color = Some(p.text_muted);
    v.panel_fill = p.bg;
    v.window_fill = p.surface;
    v.window_stroke = Stroke::new(1.0, p.border);
    v.window_corner_radius = CornerRadius::same(size::CARD_RADIUS);
    v.menu_corner_radius = CornerRadius::same(size::RADIUS);
    v.extreme_bg_color = p.surface;
    v.text_edit_bg_color = Some(p.surface);
    v.faint_bg_color = p.sunken;
    v.code_bg_color = p.sunken;
    v.hyperlink_color = p.primary;
    v.warn_fg_color = p.warning;
    v.error_fg_color = p.danger;
    v.selection.bg_fill = p.primary_soft;
    v.selection.stroke = Stroke::new(size::FOCUS_RING, p.focus);
    v.text_cursor.stroke = Stroke::new(2.0, p.text);
    // A cursor that blinks would wake a resting machine.
    v.text_cursor.blink = false;
    let corner = CornerRadius::same(size::RADIUS);
    for (widget, fill, line) in [
        (&mut v.widgets.noninteractive, p.surface, p.border),
        (&mut v.widgets.inactive, p.surface, p.border_strong),
        (&mut v.widgets.hovered, p.hover, p.border_strong),
        (&mut v.widgets.active, p.primary_soft, p.primary),
        (&mut v.widgets.open, p.hover, p.border_strong),
    ] {
        widget.bg_fill = fill;
        widget.weak_bg_fill = fill;
        widget.bg_stroke = Stroke::new(1.0, line);
        widget.fg_stroke = Stroke::new(1.0, p.text);
        widget.corner_radius = corner;
        widget.expansion = 0.0;
    }
    // The handle of a scroll bar is drawn in these: it has to be seen.
    v.widgets.inactive.bg_fill = p.border_strong;
    v.widgets.hovered.bg_fill = p.text_muted;
    v.widgets.active.bg_fill = p.primary;
    style
}
