//! `delivery`: how far an entry has come, never more than is proven.

use super::{moment, word};
use crate::client::{Delivery, SeenRow};
use crate::lang::{Lang, wrap};

/// Columns before what is said.
const LABEL: usize = 12;

pub(super) fn write(out: &mut String, d: &Delivery, lang: Lang) {
    let written = if d.own {
        ["Saved here", "Enregistré"]
    } else {
        ["Written", "Écrit"]
    };
    line(out, lang.pick(written[0], written[1]), &moment(d.saved_ms));
    let held = lang.pick("Held by", "Détenu par");
    if d.holders.is_empty() {
        let nobody = lang.pick(
            "no other node, as far as is known here",
            "aucun autre nœud, pour autant qu'on le sache ici",
        );
        line(out, held, nobody);
    }
    for (n, holder) in d.holders.iter().enumerate() {
        let label = if n == 0 { held } else { "" };
        line(
            out,
            label,
            &format!("{} ({}, {})", holder.facility, word(&holder.kind, lang), holder.node),
        );
    }
    people(out, lang.pick("Received by", "Reçu par"), &d.received, lang);
    people(out, lang.pick("Read by", "Lu par"), &d.read, lang);
}

fn people(out: &mut String, label: &str, rows: &[SeenRow], lang: Lang) {
    if rows.is_empty() {
        line(out, label, lang.pick("nobody who has said so yet", "personne qui l'ait dit"));
    }
    for (n, row) in rows.iter().enumerate() {
        let label = if n == 0 { label } else { "" };
        line(out, label, &format!("{} ({}), {}", row.name, row.facility, moment(row.at_ms)));
    }
}

fn line(out: &mut String, label: &str, text: &str) {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    out.push_str(&wrap(&format!("{label:<LABEL$}"), &text, LABEL));
}
