//! `bocage-app`: opens the window.

use std::process::ExitCode;

use bocage_app::app::Desk;
use bocage_app::bridge::Options;
use bocage_app::demo::{self, Demo};
use bocage_app::i18n::Lang;
use bocage_app::options::Arguments;
use bocage_app::theme::tokens::size;
use time::UtcOffset;

fn main() -> ExitCode {
    let arguments = Arguments::read();
    let lang = arguments.lang;
    // Asked before any thread is there: later the system won't say.
    let offset = UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC);
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Bocage")
            .with_app_id("bocage")
            .with_inner_size(size::WINDOW)
            .with_min_inner_size(size::MIN_WINDOW),
        ..eframe::NativeOptions::default()
    };
    let mut options = Options::default();
    let demo = if arguments.demo { Some(Demo::start()) } else { None };
    match &demo {
        None => options = arguments.options(),
        Some(Ok(demo)) => {
            options.data = Some(demo.data.clone());
            options.listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
            options.peers.clone_from(&demo.peers);
            options.passphrase = Some(demo::PASSPHRASE.to_owned());
            options.demo = true;
        }
        Some(Err(failure)) => {
            let lang = lang.map_or_else(Lang::of_environment, Lang::of);
            eprintln!("bocage-app: {}", lang.pick(&failure.message, &failure.message_fr));
            return ExitCode::FAILURE;
        }
    }
    let opened = eframe::run_native(
        "bocage",
        native,
        Box::new(move |context| {
            let mut desk = Desk::new(&context.egui_ctx, options, offset)?;
            if let Some(lang) = lang {
                desk.speak(Lang::of(lang));
            }
            Ok(Box::new(desk))
        }),
    );
    // The window's own node has stopped with it; now the others may.
    drop(demo);
    match opened {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let words = match lang.map_or_else(Lang::of_environment, Lang::of) {
                Lang::Fr => {
                    "aucune fenêtre n'a pu s'ouvrir ; rien n'est perdu. Il faut un écran (X11 ou Wayland) et OpenGL 2.1. Sans eux : bocage --help"
                }
                _ => {
                    "no window could be opened; nothing is lost. A display (X11 or Wayland) and OpenGL 2.1 are needed. Without them: bocage --help"
                }
            };
            eprintln!("bocage-app: {words} ({error})");
            ExitCode::FAILURE
        }
    }
}
