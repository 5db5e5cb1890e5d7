//! Measures over time: a line with a marker of its own for each series, its last value beside it, and the whole said in one sentence.

use egui::accesskit::Role;
use egui::{Align2, Color32, Pos2, Shape, Stroke, Ui, Vec2b, WidgetInfo, vec2};
use egui_plot::{AxisHints, GridMark, Line, LineStyle, MarkerShape, Plot, PlotPoint, PlotPoints, Points, Text};
use time::UtcOffset;

use crate::i18n::Lang;
use crate::theme::tokens::{Type, Weight, space};
use crate::theme::{palette, text};

/// One line of a chart; moments in milliseconds since 1970, ascending.
pub struct Series {
    pub name: String,
    pub points: Vec<(u64, f64)>,
}

/// Part of a value that a small line shows over its whole height at the least.
const STEEPEST: f64 = 0.1;
const DAY_MS: f64 = 86_400_000.0;
const MARKERS: [MarkerShape; 4] = [MarkerShape::Circle, MarkerShape::Diamond, MarkerShape::Square, MarkerShape::Up];

/// A chart of up to four series. `sentence` says what it shows to whoever can't see it.
pub fn chart(ui: &mut Ui, id: &str, height: f32, series: &[Series], sentence: &str, (lang, offset): (Lang, UtcOffset)) {
    let p = palette(ui);
    let all = || series.iter().flat_map(|s| s.points.iter());
    let (first, last) = (
        all().map(|(at, _)| *at).min().unwrap_or(0),
        all().map(|(at, _)| *at).max().unwrap_or(0),
    );
    let span = ((last - first) as f64).max(DAY_MS);
    // Room for the last values' words.
    // Measures of one visit stand in the middle of their day.
    let early = ((DAY_MS - (last - first) as f64) / 2.0).max(0.0);
    let (from, to) = (first as f64 - early - span * 0.04, first as f64 - early + span * 1.28);
    let shown = Plot::new(id)
        .height(height)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .allow_axis_zoom_drag(false)
        .show_background(false)
        .show_x(false)
        .show_y(false)
        .auto_bounds(Vec2b::new(false, true))
        .default_x_bounds(from, to)
        .set_margin_fraction(vec2(0.0, 0.18))
        .grid_color(p.border)
        .grid_fade(0.0)
        .show_grid(Vec2b::new(false, true))
        .label_formatter(|_| None)
        .y_grid_spacer(|input| {
            let (low, high) = input.bounds;
            let rough = (high - low) / 5.0;
            let ten = 10_f64.powf(rough.max(f64::MIN_POSITIVE).log10().floor());
            let step = [1.0, 2.0, 5.0, 10.0]
                .into_iter()
                .map(|n| n * ten)
                .find(|s| *s >= rough)
                .unwrap_or(ten);
            let first = (low / step).ceil() as i64;
            let last = (high / step).floor() as i64;
            (first..=last.min(first + 20))
                .map(|i| GridMark {
                    value: i as f64 * step,
                    step_size: step,
                })
                .collect()
        })
        .custom_y_axes(vec![
            AxisHints::new_y()
                .tick_label_color(p.text_muted)
                .formatter(move |mark, _| lang.decimal(&trimmed(mark.value))),
        ])
        .custom_x_axes(vec![
            AxisHints::new_x()
                .tick_label_color(p.text_muted)
                .formatter(move |mark, _| lang.date(mark.value.max(0.0) as u64, offset)),
        ])
        .x_grid_spacer(move |_| {
            let step = (span / 3.0 / DAY_MS).ceil().max(1.0) * DAY_MS;
            (0..4)
                .map(|i| GridMark {
                    value: first as f64 + f64::from(i) * step,
                    step_size: step,
                })
                .filter(|m| m.value <= last as f64 + DAY_MS)
                .collect()
        })
        .show(ui, |plot| {
            plot.set_plot_bounds_x(from..=to);
            for (i, s) in series.iter().enumerate().take(p.series.len()) {
                let color = p.series[i];
                let points: Vec<[f64; 2]> = s.points.iter().map(|(at, v)| [*at as f64, *v]).collect();
                let Some(end) = points.last().copied() else { continue };
                plot.line(
                    Line::new(s.name.clone(), PlotPoints::from(points.clone()))
                        .color(color)
                        .width(2.0)
                        .style(LineStyle::Solid),
                );
                plot.points(
                    Points::new(s.name.clone(), PlotPoints::from(points))
                        .color(color)
                        .shape(MARKERS[i])
                        .radius(4.0)
                        .filled(true),
                );
                let words = format!("  {} {}", s.name, lang.decimal(&trimmed(end[1])));
                plot.text(
                    Text::new(
                        s.name.clone(),
                        PlotPoint::new(end[0], end[1]),
                        text(words, Type::Small, Weight::Strong, color),
                    )
                    .anchor(Align2::LEFT_CENTER),
                );
            }
        });
    shown.response.widget_info(|| WidgetInfo::labeled(Role::Image, true, sentence));
}

/// The course of the last measures, small, beside their value; says nothing to a screen reader, the value does.
pub fn sparkline(ui: &mut Ui, points: &[f64], color: Color32, wide: f32) {
    let (rect, _) = ui.allocate_exact_size(vec2(wide, space::XL), egui::Sense::hover());
    let (low, high) = points
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    if points.len() < 2 {
        return;
    }
    let inside = rect.shrink2(vec2(space::XS, space::XS));
    // A tenth of the value fills the height at most: 130 to 125 is no plunge.
    let least = (high.abs() * STEEPEST).max(f64::EPSILON);
    let (low, high) = match high - low {
        range if range < least => (low - (least - range) / 2.0, high + (least - range) / 2.0),
        _ => (low, high),
    };
    let range = high - low;
    let place = |(i, v): (usize, &f64)| {
        let x = i as f32 / (points.len() - 1) as f32;
        let y = ((v - low) / range) as f32;
        Pos2::new(inside.left() + x * inside.width(), inside.bottom() - y * inside.height())
    };
    let line: Vec<Pos2> = points.iter().enumerate().map(place).collect();
    let end = *line.last().expect("two points at least");
    ui.painter().add(Shape::line(line, Stroke::new(2.0, color)));
    ui.painter().circle_filled(end, 3.0, color);
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}
