//! Every row of the attack table that this version claims to withstand has a test that bears its number.

use std::collections::{BTreeMap, BTreeSet};

use super::repository::{Source, required, rust};

/// Rows of the table (SPEC.md § Attacks), as inclusive ranges.
const CLAIMED: [(u32, u32); 7] = [(1, 11), (13, 23), (26, 41), (49, 50), (53, 53), (61, 65), (67, 71)];

/// In two halves, because `tidy` looks for it too.
const LEFT_OUT: &str = concat!("#[ig", "nore");

#[test]
fn every_claimed_row_has_a_test() {
    let tests = numbered_tests();
    let missing: Vec<String> = claimed().filter(|n| !tests.contains_key(n)).map(|n| format!("T-{n:02}")).collect();
    assert!(
        missing.is_empty(),
        "no test named tNN_… for {}: {}",
        missing.len(),
        missing.join(", ")
    );
}

#[test]
fn the_table_claims_these_rows_and_no_others() {
    let table = rows_of_table(required("protocol/SPEC.md"));
    assert_eq!(table, claimed().collect::<Vec<_>>(), "SPEC.md § Attacks, and CLAIMED here");
}

/// The numbers in the first column of the table of attacks, as they stand.
fn rows_of_table(spec: &str) -> Vec<u32> {
    let section = spec.split_once("\n## Attacks\n").map_or("", |(_, rest)| rest);
    let section = section.split("\n## ").next().unwrap_or_default();
    let first_cells = section.lines().filter_map(|line| line.strip_prefix("| ")?.split('|').next());
    let numbers = first_cells.map(|cell| cell.split(',').map(|n| n.trim().parse().ok()).collect::<Option<Vec<u32>>>());
    numbers.flatten().flatten().collect()
}

fn claimed() -> impl Iterator<Item = u32> {
    CLAIMED.into_iter().flat_map(|(first, last)| first..=last)
}

/// Row → where its tests are.
fn numbered_tests() -> BTreeMap<u32, Vec<String>> {
    let mut out: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for source in rust() {
        for (number, place) in tests_in(source) {
            out.entry(number).or_default().push(place);
        }
    }
    out
}

fn tests_in(source: &Source) -> Vec<(u32, String)> {
    let mut out = Vec::new();
    let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
    for (i, line) in lines.iter().enumerate() {
        let Some((_, rest)) = line.split_once("fn ") else { continue };
        let name = rest.split(['(', '<']).next().unwrap_or_default();
        let attributes = lines[..i].iter().rev().take_while(|l| l.starts_with("#[") || l.starts_with("//"));
        let any = |of: &[&str]| attributes.clone().any(|l| of.iter().any(|start| l.starts_with(start)));
        // One that is left out, or compiled for some machines only, shows nothing.
        if any(&["#[test]", "#[tokio::test"]) && !any(&[LEFT_OUT, "#[cfg"]) {
            out.extend(rows(name).map(|n| (n, format!("{}:{}", source.path, i + 1))));
        }
    }
    out
}

/// The rows a test's name begins with: `t03_t04_a_replay…` is for 3 and 4.
fn rows(name: &str) -> impl Iterator<Item = u32> {
    name.split('_')
        .map_while(|part| part.strip_prefix('t').filter(|d| d.len() == 2).and_then(|d| d.parse().ok()))
}

#[test]
fn only_tests_that_run_are_counted() {
    let source = Source {
        path: "x.rs".into(),
        text: concat!(
            "#[test]\nfn t03_t04_replay() {}\nfn t05_no_attribute() {}\n#[test]\nfn about_t06() {}\n#[tokio::test(flavor = \"x\")]\n// why\nasync fn t07_x() {}\n#[test]\n",
            "#[ig",
            "nore = \"slow\"]\nfn t08_x() {}\n#[cfg(windows)]\n#[test]\nfn t09_x() {}\n",
            "#[cfg_attr(unix, x)]\n#[test]\nfn t10_x() {}"
        )
        .into(),
    };
    let found: Vec<u32> = tests_in(&source).into_iter().map(|(n, _)| n).collect();
    assert_eq!(found, [3, 4, 7]);
    assert_eq!(claimed().count(), 11 + 11 + 16 + 2 + 1 + 5 + 5);
    let spec = "| 1 | x |\n## Attacks\n\n| T | attack |\n|---|---|\n| 01, 02 | 03 |\n| 14 | x |\n\n## More\n| 99 | x |\n";
    assert_eq!(rows_of_table(spec), [1, 2, 14]);
    assert_eq!(claimed().collect::<BTreeSet<_>>().len(), claimed().count());
}
