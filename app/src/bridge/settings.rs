//! The window's settings: language and look, in a small file of its own. Nothing that is typed is ever kept there.

use std::path::{Path, PathBuf};

use crate::i18n::Lang;
use crate::state::{Look, Settings};

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
    let json: serde_json::Value = path
        .and_then(|p| std::fs::read(p).ok())
        .filter(|bytes| bytes.len() < 4_096)
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    Settings {
        lang: json["language"]
            .as_str()
            .and_then(Lang::of_code)
            .unwrap_or_else(Lang::of_environment),
        look: json["look"].as_str().and_then(Look::of_code).unwrap_or_default(),
    }
}

/// Keeps what was chosen.
///
/// # Errors
/// The disk refused: the choice holds until the window is closed.
pub(super) fn save(path: &Path, settings: Settings) -> std::io::Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let json = serde_json::json!({ "language": settings.lang.code(), "look": settings.look.code() });
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
            look: Look::Dark,
        };
        save(&path, chosen).unwrap();
        assert_eq!(load(Some(&path)), chosen);
        std::fs::write(&path, b"{").unwrap();
        assert_eq!(load(Some(&path)).look, Look::System);
    }
}
