//! Files of [`bocage_protocol::mule`] on a disk: what a stick carries, and what a backup keeps.

mod read;
mod write;

use std::path::Path;

pub(crate) use read::{MuleFile, Refusal};
pub(crate) use write::{MuleWriter, Sealing};

/// Ending of a file that isn't whole yet.
const PARTIAL: &str = ".partial";

/// Where a file stands among the parts of one cargo: `name.mule`, `name-2.mule` and so on.
pub(crate) fn part_name(name: &str, number: usize, ending: &str) -> String {
    match number {
        1 => format!("{name}.{ending}"),
        n => format!("{name}-{n}.{ending}"),
    }
}

/// The other way round: cargoes by name, each with its parts in the order they were written.
pub(crate) fn part_of(path: &Path) -> (String, usize) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match stem.rsplit_once('-') {
        Some((name, number)) if number.len() < 5 && number.parse::<usize>().is_ok_and(|n| n > 1) => {
            (name.to_owned(), number.parse().unwrap_or(1))
        }
        _ => (stem.into_owned(), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_cargo_come_in_the_order_they_were_written() {
        let mut names: Vec<String> = [11, 2, 1, 10].map(|n| part_name("bocage-00000001-00000002", n, "mule")).into();
        names.push(part_name("bocage-00000001-00000001", 1, "mule"));
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
