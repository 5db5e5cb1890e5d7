//! House rules that no compiler checks: who may depend on whom, what the protocol may not name, how a file opens.
//!
//! Each test gathers every fault before it fails, so that one run shows all there is to do.

use super::repository::{code, required, root, rust, sources};

/// Each crate of the house and those it may depend on.
const DIRECTION: [(&str, &[&str]); 5] = [
    ("protocol", &[]),
    ("simulations", &["bocage-protocol"]),
    ("node", &["bocage-protocol"]),
    ("app", &["bocage-node", "bocage-protocol"]),
    ("tests", &["bocage-app", "bocage-node", "bocage-protocol", "bocage-simulations"]),
];

/// What would give the protocol a clock, a socket, a thread, a disk or chance of its own, or an order that differs between runs.
const IMPURE: [&str; 16] = [
    "SystemTime",
    "Instant",
    "std::thread",
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "tokio",
    "getrandom",
    "OsRng",
    "SysRng",
    "thread_rng",
    "ActorId::random",
    "HashMap",
    "HashSet",
    "verify_batch",
];

#[test]
fn dependencies_run_one_way() {
    let mut faults = Vec::new();
    for (krate, allowed) in DIRECTION {
        let Some(manifest) = sources().iter().find(|s| s.path == format!("{krate}/Cargo.toml")) else {
            continue;
        };
        // What a crate tests itself with may look further down, never up: the same rule holds for dev-dependencies.
        for name in house_dependencies(&manifest.text) {
            if !allowed.contains(&name) {
                faults.push(format!("{krate}/Cargo.toml depends on {name}"));
            }
        }
    }
    let members = required("Cargo.toml")
        .lines()
        .find(|l| l.starts_with("members"))
        .expect("the workspace lists its members");
    for member in members.split('"').skip(1).step_by(2) {
        if !DIRECTION.iter().any(|(krate, _)| *krate == member) {
            faults.push(format!("{member} is a member without a place in the order of dependencies"));
        }
    }
    none(faults);
}

#[test]
fn the_protocol_depends_on_nothing_impure() {
    let manifest = required("protocol/Cargo.toml");
    let shipped = manifest.split("[dev-dependencies]").next().expect("a split has a first part");
    let impure = [
        "tokio",
        "libp2p",
        "sled",
        "getrandom",
        "rand",
        "serde",
        "serde_json",
        "futures",
        "tracing",
        "chrono",
        "time",
    ];
    none(
        dependency_names(shipped)
            .filter(|name| impure.contains(name))
            .map(|name| format!("protocol depends on {name}"))
            .collect(),
    );
}

#[test]
fn the_protocol_names_no_clock_socket_thread_disk_or_chance() {
    let mut faults = Vec::new();
    for source in rust().filter(|s| s.path.starts_with("protocol/src/") && !s.path.ends_with("tests.rs")) {
        // Tests may take time: what refuses a bomb must refuse it quickly.
        let shipped = source
            .text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .expect("a split has a first part");
        for (i, line) in shipped.lines().enumerate() {
            for word in IMPURE.iter().filter(|w| has_word(code(line), w)) {
                faults.push(format!("{}:{}: {word}", source.path, i + 1));
            }
        }
        // A document without an actor of its author's draws a random one.
        for (at, _) in source.text.match_indices("AutoCommit::new()") {
            let next: String = source.text[at..].chars().take(160).collect();
            if !next.contains("with_actor(") && !next.contains("set_actor(") {
                faults.push(format!("{}: AutoCommit::new() without an actor", source.path));
            }
        }
    }
    none(faults);
}

#[test]
fn every_file_says_why_it_exists() {
    none(
        rust()
            .filter(|s| !s.text.starts_with("//! ") || s.text.starts_with("//! ("))
            .map(|s| format!("{} doesn't open with a reason (//!)", s.path))
            .collect(),
    );
}

#[test]
fn nothing_is_left_for_later() {
    // Written in two halves, so that this file passes its own check.
    let marks = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("#[ig", "nore"),
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
        concat!("(being ", "written)"),
    ];
    // A test may be left out where another one runs it, as a child process.
    let run_by_another = concat!("#[ig", "nore = \"run by ");
    none(
        mentions(&marks, |path| path.ends_with(".rs"))
            .into_iter()
            .filter(|fault| !fault.contains(run_by_another))
            .collect(),
    );
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    let places = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("/Us", "ers/"),
    ];
    none(mentions(&places, |path| path != "Cargo.lock"));
}

/// A hostile Automerge change can panic its decoder: `catch_unwind` must hold in what is shipped.
#[test]
fn panics_unwind_in_every_profile() {
    let mut faults = Vec::new();
    for path in ["Cargo.toml", ".cargo/config.toml"] {
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        let aborts = text
            .lines()
            .map(|l| l.replace(' ', ""))
            .any(|l| l.contains("panic=\"abort\"") || l.contains("panic=abort"));
        if aborts {
            faults.push(format!("{path} makes panics abort"));
        }
    }
    none(faults);
    assert!(std::panic::catch_unwind(|| panic!("expected by this test")).is_err());
}

#[test]
fn every_crate_obeys_the_shared_lints() {
    none(
        DIRECTION
            .iter()
            .filter_map(|(krate, _)| sources().iter().find(|s| s.path == format!("{krate}/Cargo.toml")))
            .filter(|manifest| !manifest.text.replace(' ', "").contains("[lints]\nworkspace=true"))
            .map(|manifest| format!("{} doesn't take the workspace's lints", manifest.path))
            .collect(),
    );
}

/// Fails with every fault, one a line.
pub(crate) fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "{} found:\n  {}", faults.len(), faults.join("\n  "));
}

fn mentions(needles: &[&str], wanted: fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|s| wanted(&s.path)) {
        for (i, line) in source.text.lines().enumerate() {
            if needles.iter().any(|n| line.contains(n)) {
                faults.push(format!("{}:{}: {}", source.path, i + 1, line.trim()));
            }
        }
    }
    faults
}

/// True if `word` stands in `line` with no letter, digit or underscore on either side.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part))
}

/// Names under any `[…dependencies]` table.
fn dependency_names(manifest: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    manifest.lines().filter_map(move |line| {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
            return None;
        }
        let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
        (inside && !name.is_empty() && !name.starts_with('#')).then_some(name)
    })
}

fn house_dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    dependency_names(manifest).filter(|name| name.starts_with("bocage-"))
}

#[test]
fn the_readings_of_this_file_find_what_they_look_for() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\nbocage-node.workspace = true\n# tokio\nserde = \"1\"\n\n[lints]\nworkspace = true\n[target.'cfg(unix)'.dev-dependencies]\nbocage-app = { path = \"../app\" }\n";
    assert_eq!(house_dependencies(manifest).collect::<Vec<_>>(), ["bocage-node", "bocage-app"]);
    assert_eq!(dependency_names(manifest).count(), 3);
    assert!(has_word("use std::time::Instant;", "Instant"));
    assert!(!has_word("struct InstantReply;", "Instant"));
    assert!(!has_word("let hash_map = 1;", "HashMap"));
}
