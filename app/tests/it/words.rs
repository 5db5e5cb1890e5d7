//! Both languages are complete, and every character they use can be drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn texts(lang: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales").join(format!("{lang}.ftl"));
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let is_id = |id: &str| id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        match line.split_once(" = ") {
            Some((id, text)) if !line.starts_with([' ', '#']) => {
                assert!(is_id(id), "{lang}.ftl: {id}");
                assert!(all.insert(id.to_owned(), text.to_owned()).is_none(), "{lang}.ftl says {id} twice");
                id.clone_into(&mut last);
            }
            _ if line.starts_with(' ') => {
                let text = all.get_mut(&last).expect("a continued text has an id");
                text.push('\n');
                text.push_str(line);
            }
            _ => {}
        }
    }
    all
}

fn variables(text: &str) -> BTreeSet<String> {
    text.split('$')
        .skip(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_alphanumeric).collect())
        .collect()
}

#[test]
fn both_languages_say_the_same_things_with_the_same_variables() {
    let (fr, en) = (texts("fr"), texts("en"));
    assert_eq!(fr.keys().collect::<Vec<_>>(), en.keys().collect::<Vec<_>>());
    for (id, text) in &fr {
        assert_eq!(variables(text), variables(&en[id]), "{id}");
        assert!(!text.trim().is_empty() && !en[id].trim().is_empty(), "{id}");
        assert!(!text.contains('\''), "{id}: French apostrophes are curved");
    }
}

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Every text in quotes that is an id's whole shape and stands in the sources is used; every id asked for directly exists.
#[test]
fn every_text_is_used_and_every_text_asked_for_exists() {
    let fr = texts("fr");
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let all: String = files.iter().map(|f| std::fs::read_to_string(f).unwrap()).collect();
    for call in [".t(\"", ".tv(\""] {
        for rest in all.split(call).skip(1) {
            let id = rest.split('"').next().unwrap();
            assert!(fr.contains_key(id), "the sources ask for {id}");
        }
    }
    let made = ["weekday-", "month-", "acvpu-", "look-", "text-size-"];
    for id in fr.keys().filter(|id| !made.iter().any(|m| id.starts_with(m))) {
        assert!(all.contains(&format!("\"{id}\"")), "nobody says {id}");
    }
}

#[test]
fn every_character_of_both_languages_has_a_glyph() {
    let mut fonts = egui::epaint::text::Fonts::new(egui::epaint::TextOptions::default(), bocage_app::theme::fonts());
    for lang in ["fr", "en"] {
        for (id, text) in texts(lang) {
            for c in text.chars().filter(|c| !c.is_whitespace() && !"{}$[]*->".contains(*c)) {
                let font = egui::FontId::proportional(15.0);
                assert!(fonts.with_pixels_per_point(1.0).has_glyph(&font, c), "{lang} {id}: {c:?}");
            }
        }
    }
}

/// A screen draws what it is given, in the house's colours: it knows neither the node nor a colour by its number.
#[test]
fn screens_know_neither_the_node_nor_a_colour() {
    for (part, never) in [
        ("screens", &["bocage_node", "Color32::from", "tokio", "std::sync"][..]),
        ("state", &["bocage_node", "egui::", "tokio", "std::sync"][..]),
    ] {
        let mut files = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(part), &mut files);
        assert!(files.len() > 3, "{part} was looked for");
        for file in files {
            let source = std::fs::read_to_string(&file).unwrap();
            for word in never {
                assert!(!source.contains(word), "{} uses {word}", file.display());
            }
            // Nor a distance or size by its number: those have names in the theme.
            for (n, line) in source.lines().enumerate() {
                let digits = |word: &str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_digit());
                let sized = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').any(|word| {
                    let parts = word.split_once('.');
                    parts.is_some_and(|(whole, rest)| digits(whole) && rest.bytes().all(|b| b.is_ascii_digit()))
                });
                assert!(part != "screens" || !sized, "{}:{}: {line}", file.display(), n + 1);
            }
        }
    }
}
