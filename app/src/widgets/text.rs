//! Text by its rank.

use egui::accesskit::Role;
use egui::{Label, Response, Ui};

use crate::theme::tokens::{Type, Weight};
use crate::theme::{glyph, palette, text};

pub fn title(ui: &mut Ui, words: &str) -> Response {
    ranked(ui, words, Type::Title)
}

pub fn heading(ui: &mut Ui, words: &str) -> Response {
    ranked(ui, words, Type::Lead)
}

pub fn lead(ui: &mut Ui, words: &str) -> Response {
    plain(ui, words, Type::Lead, Weight::Normal, false)
}

pub fn body(ui: &mut Ui, words: &str) -> Response {
    plain(ui, words, Type::Body, Weight::Normal, false)
}

pub fn strong(ui: &mut Ui, words: &str) -> Response {
    plain(ui, words, Type::Body, Weight::Strong, false)
}

pub fn muted(ui: &mut Ui, words: &str) -> Response {
    plain(ui, words, Type::Body, Weight::Normal, true)
}

pub fn small(ui: &mut Ui, words: &str) -> Response {
    plain(ui, words, Type::Small, Weight::Normal, true)
}

/// An icon beside words that say the same.
pub fn hidden_glyph(ui: &mut Ui, icon: &str, points: f32, color: egui::Color32) {
    let response = ui.add(Label::new(glyph(icon, points, color)));
    ui.ctx().accesskit_node_builder(response.id, egui::accesskit::Node::set_hidden);
}

fn ranked(ui: &mut Ui, words: &str, height: Type) -> Response {
    let response = ui.add(Label::new(text(words, height, Weight::Strong, palette(ui).text)).wrap());
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(Role::Heading);
        // A label's words are its value; a heading is asked for its name.
        node.set_label(words.to_owned());
    });
    response
}

fn plain(ui: &mut Ui, words: &str, height: Type, weight: Weight, faint: bool) -> Response {
    let p = palette(ui);
    let color = if faint { p.text_muted } else { p.text };
    ui.add(Label::new(text(words, height, weight, color)).wrap())
}
