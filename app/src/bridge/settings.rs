//! The window's settings: language, look and size of text, in a small file of its own. Nothing that is typed is ever kept there.

use std::path::{Path, PathBuf};

use crate::i18n::Lang;
use crate::state::{Look, Settings, TextSize};

/// Where settings are kept.
pub struct SettingsFile;

impl SettingsFile {
    /// In the platform's directory for settings.
    pub fn default_path() -> Option<PathBuf> {
        std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::home_dir().map(|h| h.join(".config")))
            .map(|dir| dir.join("bocage").join("window.json"))
    }
}

/// What was chosen the last time; the machine's own language and look where nothing was, or the file can't be read.
pub fn load(path: Option<&Path>) -> Settings {
    let json = path.map(kept).unwrap_or_default();
    let chosen = json["language"].as_str().and_then(Lang::of_code);
    Settings {
        lang: chosen.unwrap_or_else(Lang::of_environment),
        lang_is_chosen: chosen.is_some(),
        look: json["look"].as_str().and_then(Look::of_code).unwrap_or_default(),
        size: json["text-size"].as_str().and_then(TextSize::of_code).unwrap_or_default(),
    }
}

fn kept(path: &Path) -> serde_json::Value {
    let bytes = std::fs::read(path).ok().filter(|bytes| bytes.len() < 4_096);
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Keeps what was chosen; a language chosen earlier stays where this run had another.
///
/// # Errors
/// The disk refused: the choice holds until the window is closed.
pub(super) fn save(path: &Path, settings: Settings) -> std::io::Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let language = match settings.lang_is_chosen {
        true => settings.lang.code().into(),
        false => kept(path)["language"].clone(),
    };
    let json = serde_json::json!({
        "language": language,
        "look": settings.look.code(),
        "text-size": settings.size.code(),
    });
    let beside = path.with_extension("new");
    std::fs::write(&beside, format!("{json:#}\n"))?;
    std::fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_and_a_damaged_file_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/window.json");
        let chosen = Settings {
            lang: Lang::En,
            lang_is_chosen: true,
            look: Look::Dark,
            size: TextSize::Large,
        };
        save(&path, chosen).unwrap();
        assert_eq!(load(Some(&path)), chosen);
        let followed = Settings {
            lang_is_chosen: false,
            ..chosen
        };
        let other = dir.path().join("other.json");
        save(&other, followed).unwrap();
        let loaded = load(Some(&other));
        assert_eq!(
            (loaded.look, loaded.lang_is_chosen),
            (Look::Dark, false),
            "the machine's language is followed"
        );
        save(&path, followed).unwrap();
        assert!(load(Some(&path)).lang_is_chosen, "an earlier choice stays");
        std::fs::write(&path, b"{").unwrap();
        assert_eq!(load(Some(&path)).look, Look::System);
    }
}
