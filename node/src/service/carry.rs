//! USB sticks: what others may lack goes out in files sealed to them, what such files bring comes in, and receipts go back.
//!
//! A stick is a hostile peer. A file is read twice: first as a whole, each item judged by its bytes, then again to take it in; so what is
//! damaged, cut off, foreign or forged changes nothing. Whatever was taken before a cut is known the next time, and skipped. No seat is
//! needed: cabins do it too.

mod bring;
mod load;
mod out;

pub(super) use bring::bring_in;
use load::Load;
pub(super) use out::out;

use std::io;
use std::path::Path;

use crate::client::Failure;
use crate::lang::Bilingual;

/// Endings of the two kinds of file.
const CARGO: &str = "mule";
const RECEIPT: &str = "receipt";
/// Ending of a file that isn't whole yet.
const PARTIAL: &str = ".partial";

/// Where a file stands among the parts of one cargo: `name.mule`, `name-2.mule` and so on.
fn part_name(name: &str, number: usize, ending: &str) -> String {
    match number {
        1 => format!("{name}.{ending}"),
        n => format!("{name}-{n}.{ending}"),
    }
}

/// The other way round: cargoes by name, each with its parts in the order they were written.
fn part_of(path: &Path) -> (String, usize) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match stem.rsplit_once('-') {
        Some((name, number)) if number.len() < 5 && number.parse::<usize>().is_ok_and(|n| n > 1) => {
            (name.to_owned(), number.parse().unwrap_or(1))
        }
        _ => (stem.into_owned(), 1),
    }
}

fn on_stick(dir: &Path, error: &io::Error) -> Failure {
    Failure::new(
        "file",
        format!("{}: {error}; nothing in the store was lost", dir.display()),
        format!("{} : {} ; rien n'a été perdu dans les dossiers", dir.display(), error.french()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_cargo_come_in_the_order_they_were_written() {
        let mut names: Vec<String> = [11, 2, 1, 10].map(|n| part_name("bocage-00000001-00000002", n, CARGO)).into();
        names.push(part_name("bocage-00000001-00000001", 1, CARGO));
        names.sort_by_key(|name| part_of(Path::new(name)));
        let expected = [
            "bocage-00000001-00000001.mule",
            "bocage-00000001-00000002.mule",
            "bocage-00000001-00000002-2.mule",
            "bocage-00000001-00000002-10.mule",
            "bocage-00000001-00000002-11.mule",
        ];
        assert_eq!(names, expected);
    }
}
