//! Files that people hand over: where they look for them, and where they find what was made for them.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The ending of everything that a person hands over by file.
const ENDING: &str = "bocage";
/// Files looked at in each folder.
const LOOKED_AT: usize = 2_000;
/// Found files that are shown.
const SHOWN: usize = 8;
/// An invitation is small: what is larger is something else.
const MOST_BYTES: u64 = 64 * 1024;

/// Files that may be invitations, the newest first: in the folders where mail and browsers put them, and on what is plugged in.
pub(super) fn invitations() -> Vec<PathBuf> {
    let mut found: Vec<(SystemTime, PathBuf)> = folders().iter().flat_map(|folder| in_folder(folder)).collect();
    found.sort_by(|a, b| b.cmp(a));
    found.dedup_by(|a, b| a.1 == b.1);
    found.into_iter().map(|(_, path)| path).take(SHOWN).collect()
}

/// A name that nothing has yet, where people look for files: never among the keys.
pub(super) fn fresh(name: &str, beside: &Path) -> PathBuf {
    let home = std::env::home_dir().filter(|h| h.is_dir());
    let documents = home.as_ref().map(|h| h.join("Documents")).filter(|d| d.is_dir());
    fresh_in(&documents.or(home).unwrap_or_else(|| beside.to_owned()), name)
}

/// A copy of a file in another folder, under a name that nothing has there yet; durable before this returns.
pub(super) fn copy(file: &Path, folder: &Path) -> std::io::Result<PathBuf> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let bytes = std::fs::read(file)?;
    let to = fresh_in(folder, &name);
    let mut out = std::fs::File::create_new(&to)?;
    std::io::Write::write_all(&mut out, &bytes)?;
    out.sync_all()?;
    Ok(to)
}

fn fresh_in(folder: &Path, name: &str) -> PathBuf {
    let numbered = |n: u64| {
        folder.join(if n == 1 {
            format!("{name}.{ENDING}")
        } else {
            format!("{name}-{n}.{ENDING}")
        })
    };
    (1..).map(numbered).find(|path| !path.exists()).expect("numbers don't end")
}

fn folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(home) = std::env::home_dir() {
        let named = ["Documents", "Downloads", "Téléchargements", "Desktop", "Bureau"];
        folders.extend(named.iter().map(|name| home.join(name)));
        folders.push(home);
    }
    folders.extend(std::env::current_dir());
    folders.extend(plugged_in());
    folders
}

/// Folders of USB sticks and the like.
pub(super) fn sticks() -> Vec<PathBuf> {
    let mut found = plugged_in();
    found.truncate(SHOWN);
    found
}

/// What is plugged in: /media/PERSON/STICK, /run/media/PERSON/STICK, or one level less.
fn plugged_in() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for root in ["/media", "/run/media"] {
        for one in inside(Path::new(root)) {
            let within = inside(&one);
            // A person's folder holds sticks, a stick holds files.
            if within.is_empty() { found.push(one) } else { found.extend(within) }
        }
    }
    found
}

fn inside(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().take(LOOKED_AT).flatten();
    entries.map(|e| e.path()).filter(|p| p.is_dir()).collect()
}

fn in_folder(folder: &Path) -> Vec<(SystemTime, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().take(LOOKED_AT).flatten();
    let fits = |entry: std::fs::DirEntry| {
        let path = entry.path();
        path.extension().filter(|e| e.eq_ignore_ascii_case(ENDING))?;
        let about = path.metadata().ok().filter(|m| m.is_file() && m.len() <= MOST_BYTES)?;
        Some((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), path))
    };
    entries.filter_map(fits).collect()
}
