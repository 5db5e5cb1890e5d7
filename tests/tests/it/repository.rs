//! The repository as data: its files, read once, and the few readings of them that the checks share.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Directories that hold nothing written by hand.
const SKIPPED: [&str; 6] = ["target", ".git", "node_modules", "venv", ".venv", "__pycache__"];
/// Kinds of files that are read as text.
const TEXT: [&str; 9] = ["rs", "toml", "md", "sh", "py", "js", "json", "txt", "yml"];

/// A text file, by its path from the root with `/`.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate is a folder of the repository")
}

/// Every text file of the repository, sorted by path.
pub(crate) fn sources() -> &'static [Source] {
    static ALL: OnceLock<Vec<Source>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut paths = Vec::new();
        walk(root(), &mut paths);
        paths.sort();
        let read = |p: PathBuf| {
            let path = p
                .strip_prefix(root())
                .expect("walked from the root")
                .to_string_lossy()
                .replace('\\', "/");
            fs::read_to_string(&p).ok().map(|text| Source { path, text })
        };
        paths.into_iter().filter_map(read).collect()
    })
}

/// Rust files, in all crates, sources and tests.
pub(crate) fn rust() -> impl Iterator<Item = &'static Source> {
    sources().iter().filter(|s| s.path.ends_with(".rs"))
}

/// One file that must exist.
pub(crate) fn required(path: &str) -> &'static str {
    let found = sources().iter().find(|s| s.path == path);
    &found.unwrap_or_else(|| panic!("{path} is missing from the repository")).text
}

/// A line without its `//` comment; a `//` inside an address (`https://…`) is left alone.
pub(crate) fn code(line: &str) -> &str {
    let mut from = 0;
    while let Some(at) = line[from..].find("//").map(|i| i + from) {
        if !line[..at].ends_with(':') {
            return &line[..at];
        }
        from = at + 2;
    }
    line
}

/// Names of everything the sources define: items, and variants and fields, by their first word on a line.
pub(crate) fn defined_names() -> &'static BTreeSet<&'static str> {
    static NAMES: OnceLock<BTreeSet<&'static str>> = OnceLock::new();
    NAMES.get_or_init(|| rust().flat_map(|s| s.text.lines()).filter_map(|l| defined_name(code(l))).collect())
}

fn defined_name(line: &str) -> Option<&str> {
    const BEFORE: [&str; 10] = ["pub", "const", "async", "unsafe", "fn", "struct", "enum", "trait", "type", "mod"];
    let mut rest = line.trim_start();
    rest = rest
        .strip_prefix("pub(crate)")
        .or_else(|| rest.strip_prefix("pub(super)"))
        .unwrap_or(rest);
    let mut item = false;
    loop {
        rest = rest.trim_start();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        if word.is_empty() {
            return None;
        }
        if word == "static" || BEFORE.contains(&word) {
            item = true;
            rest = tail;
            continue;
        }
        // Without a keyword before it, only what a variant or field looks like.
        let variant =
            matches!(tail.trim_start().chars().next(), None | Some(',' | '(' | '{' | '=' | ':')) && !tail.trim_start().starts_with("::");
        return (item || variant).then_some(word);
    }
}

fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    for path in entries.map(|e| e.expect("the directory stays readable").path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() {
            if !SKIPPED.contains(&name.as_str()) {
                walk(&path, out);
            }
        } else if path.extension().is_some_and(|e| TEXT.iter().any(|t| e == *t))
            || dir.file_name().is_some_and(|n| n == ".ci")
            || name.starts_with("LICENSE")
        {
            out.push(path);
        }
    }
}

#[test]
fn definitions_are_recognised() {
    for (line, name) in [
        ("pub struct Envelope {", Some("Envelope")),
        ("    pub(crate) async fn serve(x: u8) {", Some("serve")),
        ("    KeyEpoch = 0x15,", Some("KeyEpoch")),
        ("    Wrap(Sealed),", Some("Wrap")),
        ("pub const MAX_BODY: usize = 1;", Some("MAX_BODY")),
        ("pub mod wire;", Some("wire")),
        ("        Self::Charter => 1,", None),
        ("    let x = 1;", None),
        ("}", None),
    ] {
        assert_eq!(defined_name(line), name, "{line}");
    }
    assert_eq!(code("let a = 1; // why"), "let a = 1; ");
    assert_eq!(code("\"https://example.org\" // x"), "\"https://example.org\" ");
}
