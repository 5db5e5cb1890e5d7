//! USB sticks: what others may lack goes out in files sealed to them, what such files bring comes in, and receipts go back.
//!
//! A stick is a hostile peer. A file is read twice: first as a whole, each item judged by its bytes, then again to take it in; so what is
//! damaged, cut off, foreign or forged changes nothing. Whatever was taken before a cut is known the next time, and skipped. No seat is
//! needed: cabins do it too.

mod bring;
mod load;
mod out;

pub(super) use bring::bring_in;
pub(super) use load::Load;
pub(super) use out::{out, pour};

use std::io;
use std::path::Path;

use crate::client::Failure;
use crate::lang::Bilingual;

/// Endings of the two kinds of file.
const CARGO: &str = "mule";
const RECEIPT: &str = "receipt";

pub(super) fn on_stick(dir: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound {
        return Failure::new(
            "file",
            format!(
                "{}: there is no such folder; is the stick plugged in? Nothing was written",
                dir.display()
            ),
            format!(
                "{} : ce dossier n'existe pas ; la clé est-elle branchée ? Rien n'a été écrit",
                dir.display()
            ),
        );
    }
    Failure::new(
        "file",
        format!("{}: {error}; nothing in the store was lost", dir.display()),
        format!("{} : {} ; rien n'a été perdu dans les dossiers", dir.display(), error.french()),
    )
}
