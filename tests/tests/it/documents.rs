//! Documents name only what exists: a map that lies is worse than none.

use std::collections::BTreeSet;

use super::repository::{defined_names, required, root, sources};
use super::tidy::none;

/// Names of the field and of other people's crates that ARCHITECTURE.md may set in code type without our defining them.
const FOREIGN: [&str; 6] = ["PeerId", "Arc", "Vec", "BTreeMap", "BTreeSet", "Automerge"];

#[test]
fn architecture_names_only_what_exists() {
    let text = required("ARCHITECTURE.md");
    none(
        code_spans(text)
            .into_iter()
            .filter(|span| !resolves(span))
            .map(|span| format!("ARCHITECTURE.md names `{span}`, which isn't in the repository"))
            .collect(),
    );
}

#[test]
fn architecture_has_a_place_for_every_module() {
    let text = required("ARCHITECTURE.md");
    let mut faults = Vec::new();
    for krate in ["protocol", "node", "app", "simulations"] {
        let Some(lib) = sources().iter().find(|s| s.path == format!("{krate}/src/lib.rs")) else {
            continue;
        };
        let modules = lib
            .text
            .lines()
            .filter_map(|l| l.strip_prefix("pub mod "))
            .map(|m| m.trim_end_matches(';'));
        let named = |m: &str| {
            [format!("`{m}`"), format!("`{m}/`"), format!("/{m}/"), format!("{m}.rs")]
                .iter()
                .any(|n| text.contains(n))
        };
        faults.extend(
            modules
                .filter(|m| !named(m))
                .map(|m| format!("ARCHITECTURE.md doesn't mention {krate}'s module {m}")),
        );
    }
    none(faults);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut faults = Vec::new();
    for page in sources().iter().filter(|s| s.path.ends_with(".md")) {
        let folder = root().join(&page.path);
        for target in links(&page.text) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !folder.with_file_name("").join(file).exists() {
                faults.push(format!("{} links to {target}", page.path));
            }
        }
    }
    none(faults);
}

#[test]
fn readme_shows_only_commands_that_exist() {
    let known = subcommands(required("node/src/cli/args.rs"));
    assert!(known.len() > 3, "the list of subcommands was read");
    let gate = required(".ci/run");
    let mut faults = Vec::new();
    for line in shell_lines(required("README.md")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(at) = words.iter().position(|w| *w == "bocage" || w.ends_with("/bocage")) {
            let command = words[at + 1..].iter().find(|w| w.starts_with(|c: char| c.is_ascii_lowercase()));
            if let Some(unknown) = command.filter(|c| !known.contains(**c)) {
                faults.push(format!("README.md shows `{line}`, but bocage has no command {unknown}"));
            }
        }
        if ["cargo test", "cargo clippy", "cargo fmt"].iter().any(|c| line.starts_with(c)) && !gate.contains(line) {
            faults.push(format!("README.md shows `{line}`, which .ci/run doesn't run"));
        }
    }
    none(faults);
}

/// A path from the root, a type, or a `module::item`; anything else in code type is free.
fn resolves(span: &str) -> bool {
    if is_path(span) {
        return root().join(span.trim_end_matches('/')).exists();
    }
    let segments: Vec<&str> = span.trim_end_matches("()").split("::").collect();
    let names = segments
        .iter()
        .all(|s| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    if !names || (segments.len() == 1 && !is_type(span)) {
        return true;
    }
    let last = segments[segments.len() - 1];
    FOREIGN.contains(&segments[0]) || defined_names().contains(last)
}

fn is_path(span: &str) -> bool {
    let plain = span.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    let file = [".rs", ".md", ".toml", ".lock", ".sh"].iter().any(|e| span.ends_with(e));
    plain && (file || (span.contains('/') && !span.starts_with('/')))
}

/// Upper-case first, some lower case: `Envelope`, not `UCUM`.
fn is_type(span: &str) -> bool {
    span.starts_with(|c: char| c.is_ascii_uppercase()) && span.contains(|c: char| c.is_ascii_lowercase())
}

/// What stands between single backticks, outside fenced blocks.
fn code_spans(markdown: &str) -> BTreeSet<&str> {
    let outside = markdown.split("```").step_by(2);
    outside
        .flat_map(str::lines)
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// Targets of `[text](target)` within the repository.
fn links(markdown: &str) -> impl Iterator<Item = &str> {
    markdown
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
        .filter(|t| !t.contains("://") && !t.starts_with('#') && !t.starts_with("mailto:"))
}

/// Commands in ```sh blocks, without prompts and comments.
fn shell_lines(markdown: &str) -> impl Iterator<Item = &str> {
    let blocks = markdown.split("```").skip(1).step_by(2);
    blocks
        .filter_map(|b| b.strip_prefix("sh\n"))
        .flat_map(str::lines)
        .map(|l| l.trim_start_matches("$ ").split(" #").next().unwrap_or_default().trim())
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
}

/// The variants of `enum Command`, as they are typed.
fn subcommands(args: &str) -> BTreeSet<String> {
    let body = args.split_once("pub enum Command {").map_or("", |(_, rest)| rest);
    let body = body.split("\n}").next().unwrap_or_default();
    // Variants stand at one level of indentation; their fields and attributes don't, or don't begin in upper case.
    let variants = body
        .lines()
        .filter_map(|l| l.strip_prefix("    "))
        .filter(|l| l.starts_with(|c: char| c.is_ascii_uppercase()));
    variants.filter_map(|l| l.split(['(', ',', ' ', '{']).next()).map(kebab).collect()
}

fn kebab(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[test]
fn the_readings_of_this_file_find_what_they_look_for() {
    assert!(resolves("protocol/src/wire.rs") && resolves("protocol/") && resolves("Envelope") && resolves("wire::Reader"));
    assert!(!resolves("protocol/src/wired.rs") && !resolves("Enveloppe") && !resolves("envelope::reveal"));
    assert!(
        resolves("NEWS2") && resolves("handle(now, input)") && resolves("tokio"),
        "not claims about the repository"
    );
    assert_eq!(code_spans("a `B` c\n```\n`D`\n```\n`E`"), ["B", "E"].into());
    assert_eq!(links("[a](b.md#c) [d](https://e.f) [g](#h)").collect::<Vec<_>>(), ["b.md#c"]);
    assert_eq!(
        shell_lines("```sh\n$ bocage demo # watch\n\n```\n```text\nx\n```").collect::<Vec<_>>(),
        ["bocage demo"]
    );
    let args = "pub enum Command {\n    /// Found\n    Init(Init),\n    KeyRequest {\n        Out: u8,\n    },\n    Status,\n}\nenum X {\n    No,\n}";
    assert_eq!(subcommands(args), ["init", "key-request", "status"].map(String::from).into());
}
