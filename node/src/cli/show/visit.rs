//! What a visit became, or would become: its faults by field, its early warning score and what that is made of.

use std::fmt::Write as _;

use bocage_protocol::clinical::news2::Band;
use bocage_protocol::clinical::vitals::Sign;

use super::record::sign_in_words;
use crate::client::{Judgement, News2Row};
use crate::lang::{Lang, wrap};
use crate::service::summary::sign_name;

pub(super) fn saved(out: &mut String, facts: &[String], news2: &News2Row, lang: Lang) -> std::fmt::Result {
    let entries = lang.count(facts.len() as u64, ["entry", "entries"], ["élément", "éléments"]);
    let first = facts.first().and_then(|f| f.get(..12)).unwrap_or_default();
    writeln!(
        out,
        "{} {first} ({entries})",
        lang.pick("Saved here. Visit", "Enregistré ici. Visite")
    )?;
    score(out, news2, lang);
    Ok(())
}

pub(super) fn judged(out: &mut String, judgement: &Judgement, lang: Lang) -> std::fmt::Result {
    for fault in &judgement.fields {
        out.push_str(&wrap(
            "",
            &format!("✗ {}{}{}", fault.field, lang.pick(": ", " : "), lang.pick(&fault.en, &fault.fr)),
            2,
        ));
    }
    if let Some(refusal) = &judgement.refusal {
        out.push_str(&wrap("", &format!("✗ {}", refusal.text(lang)), 2));
    }
    if judgement.fields.is_empty() && judgement.refusal.is_none() {
        writeln!(
            out,
            "{}",
            lang.pick("✓ This visit can be saved.", "✓ Cette visite peut être enregistrée.")
        )?;
    }
    score(out, &judgement.news2, lang);
    Ok(())
}

fn score(out: &mut String, row: &News2Row, lang: Lang) {
    if !row.not_for.is_empty() {
        return out.push_str(&wrap("", lang.pick(&row.not_for, &row.not_for_fr), 2));
    }
    let name = |sign: &str| {
        let known = Sign::all().find(|s| sign_name(*s) == sign);
        known.map_or(lang.pick("air or oxygen", "air ou oxygène"), |s| sign_in_words(s, lang))
    };
    let listed = |missing: bool| {
        let parts = row.parts.iter().filter(|p| p.points.is_none() == missing);
        let word = |p: &crate::client::News2Part| match p.points {
            Some(points) => format!("{} {points}", name(&p.sign)),
            None => name(&p.sign).to_owned(),
        };
        parts.map(word).collect::<Vec<_>>().join(", ")
    };
    let colon = lang.pick(": ", " : ");
    match row.total {
        Some(total) => {
            let said = format!("NEWS2 {total}, {} ({})", band(&row.band, lang), listed(false));
            out.push_str(&wrap("", &said, 2));
        }
        // Of nothing measured there is nothing to say.
        None if row.parts.iter().all(|p| p.points.is_none()) => {}
        None => {
            let said = lang.pick("no NEWS2, not taken", "pas de NEWS2, il manque");
            out.push_str(&wrap("", &format!("{said}{colon}{}", listed(true)), 2));
        }
    }
}

pub(super) fn band(name: &str, lang: Lang) -> &'static str {
    let of = |band: Band| match band {
        Band::Low => lang.pick("low", "faible"),
        Band::LowMedium => lang.pick("low-medium: one reading scores 3", "faible à modéré : une mesure vaut 3"),
        Band::Medium => lang.pick("medium", "modéré"),
        Band::High => lang.pick("HIGH: call 15", "ÉLEVÉ : appelez le 15"),
    };
    let all = [Band::Low, Band::LowMedium, Band::Medium, Band::High];
    all.into_iter().find(|b| b.name() == name).map_or("", of)
}
