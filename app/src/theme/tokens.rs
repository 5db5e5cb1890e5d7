//! Design tokens: colours, distances and sizes by what they are for. Screens name these, never a number.
//!
//! Contrast of every pair that is used is held by the tests of this module (WCAG 2.2).

use egui::Color32;

/// Colours of one look.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Palette {
    /// The window.
    pub bg: Color32,
    /// Cards and fields.
    pub surface: Color32,
    /// Wells.
    pub sunken: Color32,
    /// A row or button under the pointer.
    pub hover: Color32,
    /// Decorative lines only: too faint to mean anything.
    pub border: Color32,
    /// Outlines of fields and buttons: 3:1 at least.
    pub border_strong: Color32,
    /// Body text: 7:1 at least.
    pub text: Color32,
    /// Secondary text: 4.5:1 at least.
    pub text_muted: Color32,
    /// The main action, and what is selected.
    pub primary: Color32,
    pub primary_hover: Color32,
    /// Text on `primary`.
    pub on_primary: Color32,
    /// Selected rows, avatars.
    pub primary_soft: Color32,
    pub info: Color32,
    pub info_soft: Color32,
    /// Saved, delivered, in range.
    pub success: Color32,
    pub success_soft: Color32,
    /// Not sent yet, to be reviewed.
    pub warning: Color32,
    pub warning_soft: Color32,
    /// Clinical danger, and nothing else but deletion.
    pub danger: Color32,
    pub danger_soft: Color32,
    /// The ring around what has the keyboard.
    pub focus: Color32,
    /// Lines of charts, each with a marker of its own besides.
    pub series: [Color32; 4],
}

pub const LIGHT: Palette = Palette {
    bg: Color32::from_rgb(0xF4, 0xF7, 0xF8),
    surface: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    sunken: Color32::from_rgb(0xEA, 0xF0, 0xF2),
    hover: Color32::from_rgb(0xE3, 0xEB, 0xEE),
    border: Color32::from_rgb(0xD3, 0xDD, 0xE1),
    border_strong: Color32::from_rgb(0x73, 0x84, 0x8D),
    text: Color32::from_rgb(0x13, 0x23, 0x2B),
    text_muted: Color32::from_rgb(0x48, 0x5A, 0x64),
    primary: Color32::from_rgb(0x0A, 0x68, 0x70),
    primary_hover: Color32::from_rgb(0x07, 0x54, 0x5B),
    on_primary: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    primary_soft: Color32::from_rgb(0xDC, 0xEF, 0xF0),
    info: Color32::from_rgb(0x1D, 0x5A, 0x9E),
    info_soft: Color32::from_rgb(0xE4, 0xEE, 0xF9),
    success: Color32::from_rgb(0x1B, 0x6B, 0x3F),
    success_soft: Color32::from_rgb(0xE0, 0xF2, 0xE7),
    warning: Color32::from_rgb(0x85, 0x50, 0x00),
    warning_soft: Color32::from_rgb(0xFB, 0xEF, 0xD6),
    danger: Color32::from_rgb(0xAE, 0x24, 0x1C),
    danger_soft: Color32::from_rgb(0xFB, 0xE7, 0xE5),
    focus: Color32::from_rgb(0x1D, 0x5A, 0x9E),
    series: [
        Color32::from_rgb(0x0A, 0x68, 0x70),
        Color32::from_rgb(0xB0, 0x4A, 0x12),
        Color32::from_rgb(0x5B, 0x4B, 0xB5),
        Color32::from_rgb(0x2F, 0x6F, 0xB7),
    ],
};

pub const DARK: Palette = Palette {
    bg: Color32::from_rgb(0x0F, 0x17, 0x19),
    surface: Color32::from_rgb(0x18, 0x22, 0x25),
    sunken: Color32::from_rgb(0x0B, 0x12, 0x14),
    hover: Color32::from_rgb(0x23, 0x30, 0x34),
    border: Color32::from_rgb(0x2E, 0x3D, 0x42),
    border_strong: Color32::from_rgb(0x7B, 0x8E, 0x96),
    text: Color32::from_rgb(0xE8, 0xEF, 0xF1),
    text_muted: Color32::from_rgb(0xAA, 0xB9, 0xBF),
    primary: Color32::from_rgb(0x5C, 0xC4, 0xCC),
    primary_hover: Color32::from_rgb(0x7A, 0xD4, 0xDA),
    on_primary: Color32::from_rgb(0x06, 0x28, 0x2B),
    primary_soft: Color32::from_rgb(0x13, 0x39, 0x3D),
    info: Color32::from_rgb(0x90, 0xC0, 0xF4),
    info_soft: Color32::from_rgb(0x15, 0x30, 0x4D),
    success: Color32::from_rgb(0x82, 0xD6, 0xA3),
    success_soft: Color32::from_rgb(0x13, 0x3A, 0x26),
    warning: Color32::from_rgb(0xF2, 0xC0, 0x6E),
    warning_soft: Color32::from_rgb(0x3E, 0x2E, 0x0F),
    danger: Color32::from_rgb(0xFF, 0x9F, 0x96),
    danger_soft: Color32::from_rgb(0x4A, 0x1F, 0x1C),
    focus: Color32::from_rgb(0x90, 0xC0, 0xF4),
    series: [
        Color32::from_rgb(0x5C, 0xC4, 0xCC),
        Color32::from_rgb(0xF2, 0xA3, 0x6E),
        Color32::from_rgb(0xB5, 0xA8, 0xF5),
        Color32::from_rgb(0x90, 0xC0, 0xF4),
    ],
};

/// What a message is about: one colour, and its soft ground.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    Plain,
    Primary,
    Info,
    Success,
    Warning,
    Danger,
}

impl Palette {
    /// Text and ground of a tone.
    pub fn tone(&self, tone: Tone) -> (Color32, Color32) {
        match tone {
            Tone::Plain => (self.text_muted, self.sunken),
            Tone::Primary => (self.primary, self.primary_soft),
            Tone::Info => (self.info, self.info_soft),
            Tone::Success => (self.success, self.success_soft),
            Tone::Warning => (self.warning, self.warning_soft),
            Tone::Danger => (self.danger, self.danger_soft),
        }
    }
}

/// Distances, in points.
pub mod space {
    pub const XS: f32 = 4.0;
    pub const S: f32 = 8.0;
    pub const M: f32 = 12.0;
    pub const L: f32 = 16.0;
    pub const XL: f32 = 24.0;
    pub const XXL: f32 = 32.0;
}

/// Sizes, in points.
pub mod size {
    pub const RADIUS: u8 = 6;
    pub const CARD_RADIUS: u8 = 10;
    /// Everything that can be pressed is at least this high.
    pub const TARGET: f32 = 36.0;
    pub const ROW: f32 = 52.0;
    pub const SIDEBAR: f32 = 224.0;
    /// Text is not read along longer lines.
    pub const READING: f32 = 720.0;
    pub const FORM: f32 = 520.0;
    /// Columns narrower than this together stand one below the other.
    pub const STACKED_BELOW: f32 = 760.0;
    /// Share of the width that the left of two columns has: a little or much more than the right.
    pub const LEFT: f32 = 0.55;
    pub const WIDER_LEFT: f32 = 0.63;
    /// A tile holds the longest measure in words.
    pub const TILE: f32 = 150.0;
    pub const CHART: f32 = 300.0;
    pub const SMALL_CHART: f32 = 220.0;
    /// Columns of the patient list after the name: birth, sex, INS.
    pub const PATIENT_COLUMNS: [f32; 3] = [140.0, 90.0, 200.0];
    pub const WINDOW: [f32; 2] = [1200.0, 720.0];
    pub const MIN_WINDOW: [f32; 2] = [960.0, 640.0];
    pub const ICON: f32 = 18.0;
    pub const AVATAR: f32 = 44.0;
    pub const FOCUS_RING: f32 = 2.0;
    pub const FOCUS_GAP: f32 = 3.0;
}

/// Heights of text, in points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    Small,
    Body,
    Lead,
    Title,
    Display,
}

impl Type {
    pub fn points(self) -> f32 {
        match self {
            Self::Small => 13.0,
            Self::Body => 15.0,
            Self::Lead => 17.0,
            Self::Title => 22.0,
            Self::Display => 28.0,
        }
    }
}

/// Weights of the one family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    Normal,
    Strong,
}

impl Weight {
    pub fn axis(self) -> f32 {
        match self {
            Self::Normal => 450.0,
            Self::Strong => 600.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(c: Color32) -> f64 {
        let part = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(c.r()) + 0.7152 * part(c.g()) + 0.0722 * part(c.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_pair_of_both_palettes_can_be_read() {
        for p in [LIGHT, DARK] {
            let grounds = [p.bg, p.surface, p.sunken, p.hover, p.primary_soft];
            let mut pairs = Vec::new();
            for ground in grounds {
                pairs.extend([(p.text, ground, 7.0), (p.text_muted, ground, 4.5), (p.primary, ground, 4.5)]);
            }
            for tone in [Tone::Info, Tone::Success, Tone::Warning, Tone::Danger] {
                let (text, soft) = p.tone(tone);
                pairs.extend([(text, soft, 4.5), (text, p.surface, 4.5), (text, p.bg, 4.5), (p.text, soft, 7.0)]);
            }
            pairs.extend([(p.on_primary, p.primary, 4.5), (p.on_primary, p.primary_hover, 4.5)]);
            for ground in [p.bg, p.surface] {
                pairs.extend([(p.border_strong, ground, 3.0), (p.focus, ground, 3.0)]);
                pairs.extend(p.series.map(|s| (s, p.surface, 4.5)));
            }
            for (ink, ground, least) in pairs {
                let found = contrast(ink, ground);
                assert!(found >= least, "{ink:?} on {ground:?}: {found:.2}, wanted {least}");
            }
        }
    }
}
