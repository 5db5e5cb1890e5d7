//! The window: state, bridge, and one frame after the other.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::UtcOffset;

use crate::bridge::{Bridge, Options, load_settings};
use crate::i18n::Lang;
use crate::state::{Action, Command, Field, Look, Phase, Settings, State, TextSize};
use crate::{screens, theme};

/// Changes that come together are shown together.
const BURST: Duration = Duration::from_millis(10);

/// A window that nobody has touched for so long isn't being read, though it has the keyboard: "read" is never said for an empty chair.
const ATTENTION_MS: u64 = 120_000;

/// A desk that nobody has touched for so long locks itself: drafts are kept, keys leave the node's memory.
pub const LOCK_AFTER_MS: u64 = 15 * 60_000;

/// The whole program behind the window.
pub struct Desk {
    state: State,
    bridge: Bridge,
    look: Option<Look>,
    size: Option<TextSize>,
    /// When somebody last did anything in this window.
    touched_ms: u64,
    /// The place that the window's title names.
    titled: String,
    /// The seat was open at the last frame.
    open: bool,
    /// A clock that stands still, for pictures.
    frozen_ms: Option<u64>,
    frames: u64,
}

impl Desk {
    /// # Errors
    /// The system gives no thread for the bridge.
    pub fn new(ctx: &egui::Context, options: Options, offset: UtcOffset) -> std::io::Result<Self> {
        theme::install(ctx);
        let settings = load_settings(options.settings.as_deref());
        let demo = options.demo;
        let wake = ctx.clone();
        let bridge = Bridge::start(options, Arc::new(move || wake.request_repaint_after(BURST)))?;
        bridge.send(Command::Start);
        let mut state = State::new(settings, now_ms(), offset);
        state.demo = demo;
        Ok(Self {
            state,
            bridge,
            look: None,
            size: None,
            touched_ms: 0,
            titled: String::new(),
            open: false,
            frozen_ms: None,
            frames: 0,
        })
    }

    /// Other settings than the stored ones.
    pub fn set(&mut self, settings: Settings) {
        self.state.settings = settings;
    }

    /// Another language for this run; the stored choice stays as it is.
    pub fn speak(&mut self, lang: Lang) {
        self.state.settings.lang = lang;
        self.state.settings.lang_is_chosen = false;
    }

    /// Stops the clock that is shown.
    pub fn freeze(&mut self, now_ms: u64) {
        self.frozen_ms = Some(now_ms);
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// Frames drawn so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    fn send(&self, commands: Vec<Command>) {
        commands.into_iter().for_each(|c| self.bridge.send(c));
    }

    /// Takes in what came, without drawing.
    pub fn think(&mut self, ctx: &egui::Context) {
        let commands = self.state.tick(self.frozen_ms.unwrap_or_else(now_ms));
        self.send(commands);
        let now = self.state.now_ms;
        let (focused, touched) = ctx.input(|i| (i.viewport().focused.unwrap_or(true), i.events.iter().any(is_somebody)));
        if touched {
            self.touched_ms = now;
        }
        if self.touched_ms == 0 {
            self.touched_ms = now;
        }
        let idle = now.saturating_sub(self.touched_ms);
        let watched = focused && idle < ATTENTION_MS;
        self.state.watch(watched);
        if touched && watched {
            let commands = self.state.touched();
            self.send(commands);
        }
        let mut heard = false;
        while let Some(event) = self.bridge.try_recv() {
            heard = true;
            let commands = self.state.receive(event);
            self.send(commands);
        }
        if heard {
            // Panels take the size of what they hold a frame later.
            ctx.request_repaint();
        }
        for file in ctx.input(|i| i.raw.dropped_files.clone()) {
            if let Phase::FirstRun(_) = &self.state.phase {
                let path = file.path().display().to_string();
                self.state.apply(Action::Type(Field::InvitationFile, path));
            }
        }
        let place = &self.state.place.facility;
        if *place != self.titled {
            self.titled.clone_from(place);
            ctx.send_viewport_cmd(egui::ViewportCommand::Title(format!("Bocage – {place}")));
        }
        if self.open && self.state.phase != Phase::Open {
            // What was typed also lies in the fields' own memory, for undoing.
            ctx.memory_mut(|m| m.data.clear());
        }
        self.open = self.state.phase == Phase::Open;
        if self.look != Some(self.state.settings.look) {
            self.look = Some(self.state.settings.look);
            // Where the machine doesn't say: a clinic is a bright place.
            ctx.options_mut(|o| o.fallback_theme = egui::Theme::Light);
            ctx.set_theme(match self.state.settings.look {
                Look::System => egui::ThemePreference::System,
                Look::Light => egui::ThemePreference::Light,
                Look::Dark => egui::ThemePreference::Dark,
            });
        }
        // Ctrl and + or - go on from there.
        if self.size.replace(self.state.settings.size) != Some(self.state.settings.size) || std::mem::take(&mut self.state.resized) {
            ctx.set_zoom_factor(self.state.settings.size.factor());
        }
        let locks = self.state.phase == Phase::Open && !self.state.demo && !self.state.place.carries_only;
        if locks && idle >= LOCK_AFTER_MS {
            let commands = self.state.apply(Action::Lock);
            self.send(commands);
        }
        let lock = locks.then(|| LOCK_AFTER_MS.saturating_sub(idle).max(1));
        if let (Some(ms), None) = (self.state.next_wake_ms().into_iter().chain(lock).min(), self.frozen_ms) {
            ctx.request_repaint_after(Duration::from_millis(ms));
        }
    }

    /// Draws, then applies what the person did.
    pub fn draw(&mut self, ui: &mut egui::Ui) {
        self.frames += 1;
        let mut out = Vec::new();
        screens::show(ui, &self.state, &mut out);
        self.state.focus = None;
        self.state.patients.fresh = false;
        if !out.is_empty() {
            ui.ctx().request_repaint();
        }
        for action in out {
            let commands = self.state.apply(action);
            self.send(commands);
        }
    }
}

impl eframe::App for Desk {
    fn logic(&mut self, ctx: &egui::Context, _: &mut eframe::Frame) {
        self.think(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        self.draw(ui);
    }

    /// Behind whatever is drawn, also while the window is being resized.
    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    /// A window that closes leaves no draft behind.
    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        let commands = self.state.drafts_now();
        self.send(commands);
    }
}

/// A person, or whatever speaks for one.
fn is_somebody(event: &egui::Event) -> bool {
    use egui::Event;
    matches!(
        event,
        Event::Key { .. }
            | Event::Text(_)
            | Event::PointerMoved(_)
            | Event::PointerButton { .. }
            | Event::MouseWheel { .. }
            | Event::Touch { .. }
            | Event::AccessKitActionRequest(_)
    )
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}
