//! `carry`: what went onto a stick, and what came from one.

use std::fmt::Write as _;

use crate::client::{CarriedFile, CarriedIn, CarriedOut};
use crate::lang::{Lang, wrap};

pub(super) fn out(out: &mut String, carried: &CarriedOut, lang: Lang) -> std::fmt::Result {
    for file in &carried.files {
        writeln!(out, "{} {file}", lang.pick("Written:", "Écrit :"))?;
    }
    let kilobytes = carried.bytes.div_ceil(1_000);
    let items = lang.count(carried.items, ["item", "items"], ["élément", "éléments"]);
    writeln!(out, "{items}, {kilobytes} {}", lang.pick("kB", "ko"))?;
    if carried.held_there > 0 {
        let held = lang.count(carried.held_there, ["item", "items"], ["élément", "éléments"]);
        writeln!(
            out,
            "{held} {}",
            lang.pick("held there already, left out", "déjà détenus là-bas, non emportés")
        )?;
    }
    let to = carried.to.join(", ");
    let line = format!("{} {to}", lang.pick("Can be opened by:", "Pourra être ouvert par :"));
    out.push_str(&wrap("", &line, 2));
    Ok(())
}

pub(super) fn brought(out: &mut String, brought: &CarriedIn, lang: Lang) -> std::fmt::Result {
    for file in &brought.files {
        out.push_str(&wrap("", &line(file, lang), 2));
    }
    if let Some(receipt) = &brought.receipt {
        writeln!(out)?;
        let said = lang.pick(
            "left on the stick for whoever made these: it tells them what is held here",
            "laissé sur la clé pour leurs auteurs : il leur dit ce qui est détenu ici",
        );
        out.push_str(&wrap("", &format!("{receipt} {said}"), 2));
    }
    if !brought.no_receipt.is_empty() {
        let why = lang.pick(&brought.no_receipt, &brought.no_receipt_fr);
        let said = lang.pick(
            "no receipt could be written; what came is kept all the same",
            "aucun reçu n'a pu être écrit ; ce qui est venu est gardé quand même",
        );
        out.push_str(&wrap("", &format!("{why}{}{said}", lang.pick(": ", " : ")), 2));
    }
    Ok(())
}

fn line(file: &CarriedFile, lang: Lang) -> String {
    if file.for_others {
        let others = lang.pick("for other nodes, left as it is", "pour d'autres nœuds, laissé tel quel");
        return format!("{}{}{others}", file.file, lang.pick(": ", " : "));
    }
    if !file.refused.is_empty() {
        let why = lang.pick(&file.refused, &file.refused_fr);
        let taken = match file.new {
            0 => lang.pick("nothing of it was taken", "rien n'en a été pris").to_owned(),
            n => format!(
                "{} {}",
                lang.count(n, ["item", "items"], ["élément", "éléments"]),
                lang.pick("had been taken before", "en avaient été pris avant")
            ),
        };
        return format!("{}{}{why}{}{taken}", file.file, lang.pick(": ", " : "), lang.pick("; ", " ; "));
    }
    let new = lang.count(file.new, ["new item", "new items"], ["élément nouveau", "éléments nouveaux"]);
    let known = lang.count(file.known, ["known already", "known already"], ["déjà connu", "déjà connus"]);
    let from = match file.from.as_str() {
        "" => String::new(),
        from => format!(", {} {from}", lang.pick("from", "de")),
    };
    let waiting = match file.waiting {
        0 => String::new(),
        n => format!(
            ", {} {}",
            lang.count(n, ["item", "items"], ["élément", "éléments"]),
            lang.pick("by authors not known here yet", "d'auteurs encore inconnus ici")
        ),
    };
    format!("{}{}{new}, {known}{waiting}{from}", file.file, lang.pick(": ", " : "))
}
