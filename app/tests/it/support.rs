//! Windows without a screen, and the network behind them.

use std::time::{Duration, Instant};

use bocage_app::app::Desk;
use bocage_app::bridge::Options;
use bocage_app::i18n::Lang;
use bocage_app::state::{Look, Settings};
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::NodeT as _;
use time::UtcOffset;

/// The passphrase of every seat in these tests.
pub(crate) const PASSPHRASE: &str = "quatre mots pris au hasard";
/// Longer than anything takes on a busy machine; what is waited for comes much sooner.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) type Window = Harness<'static, Desk>;

/// Opens a window with these options.
pub(crate) fn window(options: Options, settings: Settings) -> Window {
    Harness::builder()
        .with_size([1280.0, 800.0])
        .with_max_steps(16)
        .build_eframe(move |context| {
            let mut desk = Desk::new(&context.egui_ctx, options, UtcOffset::UTC).expect("a thread for the bridge");
            desk.set(settings);
            desk
        })
}

pub(crate) fn french() -> Settings {
    Settings {
        lang: Lang::Fr,
        lang_is_chosen: true,
        look: Look::Light,
        size: bocage_app::state::TextSize::Normal,
    }
}

/// Draws until something is so.
pub(crate) fn until(window: &mut Window, what: &str, so: impl Fn(&Window) -> bool) {
    let began = Instant::now();
    loop {
        window.run_ok();
        if so(window) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not reached: {what}\n{}", told(window));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Draws until these words are on the screen.
pub(crate) fn until_shown(window: &mut Window, words: &str) {
    until(window, words, |w| told(w).contains(words));
}

/// Presses what bears this name, as soon as it is there.
pub(crate) fn press(window: &mut Window, name: &str) {
    until(window, name, |w| pressable(w, name).is_some());
    pressable(window, name).expect("it was there").click_accesskit();
    window.run_ok();
}

/// Presses the row whose sentence begins so, as soon as it is there.
pub(crate) fn press_row(window: &mut Window, begins: &str) {
    let name = |w: &Window| {
        let said = told(w);
        let mut rows = said.lines().filter_map(|l| l.strip_prefix("Row: "));
        rows.find(|l| l.starts_with(begins)).map(str::to_owned)
    };
    until(window, begins, |w| name(w).is_some());
    let whole = name(window).expect("it was there");
    press(window, &whole);
}

/// A heading may say the same as the button under it.
fn pressable<'w>(window: &'w Window, name: &'w str) -> Option<egui_kittest::Node<'w>> {
    let text = |role| matches!(role, Role::Label | Role::Heading | Role::Status | Role::Alert | Role::TextRun);
    window.root().children_recursive().find(|node| {
        let node = node.accesskit_node();
        !text(node.role()) && node.label().is_some_and(|label| plain(&label) == name)
    })
}

/// Types into the field of this name, behind what is there.
pub(crate) fn fill(window: &mut Window, name: &str, text: &str) {
    until(window, name, |w| field(w, name).is_some());
    field(window, name).expect("it was there").focus();
    window.run_ok();
    field(window, name).expect("it was there").type_text(text);
    window.run_ok();
}

/// Types into the field of this name, instead of what is there, or comes to be there meanwhile: a stick that is plugged in proposes itself.
pub(crate) fn refill(window: &mut Window, name: &str, text: &str) {
    until(window, name, |w| field(w, name).is_some());
    let holds = |w: &Window| field(w, name).and_then(|f| f.accesskit_node().value()).is_some_and(|v| v == text);
    for _ in 0..3 {
        field(window, name).expect("it was there").focus();
        window.run_ok();
        window.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
        window.run_ok();
        field(window, name).expect("it was there").type_text(text);
        window.run_ok();
        if holds(window) {
            return;
        }
    }
    panic!("{name} doesn't hold {text}");
}

fn field<'w>(window: &'w Window, name: &'w str) -> Option<egui_kittest::Node<'w>> {
    let is_field = |role| matches!(role, Role::TextInput | Role::PasswordInput | Role::MultilineTextInput);
    window.root().children_recursive().find(|node| {
        let node = node.accesskit_node();
        is_field(node.role()) && node.label().is_some_and(|label| plain(&label).contains(name))
    })
}

/// Everything that a screen reader would find, a line each.
pub(crate) fn told(window: &Window) -> String {
    let mut out = String::new();
    for node in window.root().children_recursive() {
        let node = node.accesskit_node();
        for text in [node.label(), node.value()].into_iter().flatten().filter(|t| !t.is_empty()) {
            out.push_str(&format!("{:?}: {}\n", node.role(), plain(&text)));
        }
    }
    out
}

/// With spaces as they are typed in tests: on the screen many don't break.
fn plain(text: &str) -> String {
    text.replace(['\u{a0}', '\u{202f}'], " ")
}
