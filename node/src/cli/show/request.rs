//! Requests between practitioners as people read them: lists, one with all that was said, and what was just done.

use std::fmt::Write as _;

use bocage_protocol::clinical::request::Status;

use super::{cut, moment, word};
use crate::client::requests::{Author, Event, Message, RecipientRow, RequestRow, RequestShown, Requested};
use crate::lang::{Lang, request_in_french, wrap};

/// Characters of an id that are typed to name it.
const ID: usize = 12;
const INDENT: &str = "    ";

/// Answers that are shown in a list: what is said last, on one line.
const LAST: usize = 70;

pub(super) fn done(out: &mut String, done: &Requested, lang: Lang) -> std::fmt::Result {
    let id = start(&done.request);
    let saved = lang.pick("Saved here. Request", "Enregistré ici. Demande");
    writeln!(out, "{saved} {id}{}{}", lang.pick(": ", " : "), status(&done.status, lang))?;
    if !done.parts.is_empty() {
        let parts: Vec<&str> = done.parts.iter().map(|p| word(p, lang)).collect();
        let until = done
            .until_ms
            .map(|ms| format!(" {} {}", lang.pick("until", "jusqu'au"), moment(ms)));
        let goes = lang.pick("Goes with it: ", "Joint : ");
        out.push_str(&wrap(goes, &format!("{}{}", parts.join(", "), until.unwrap_or_default()), 4));
    }
    Ok(())
}

pub(super) fn list(out: &mut String, rows: &[RequestRow], lang: Lang) -> std::fmt::Result {
    if rows.is_empty() {
        return writeln!(out, "{}", lang.pick("No request yet.", "Aucune demande."));
    }
    for row in rows {
        head(out, row, lang)?;
        if let Some(last) = &row.last {
            writeln!(out, "{INDENT}{}", cut(&last.text, LAST))?;
        }
        steps(out, row, lang);
    }
    writeln!(
        out,
        "{}",
        lang.count(rows.len() as u64, ["request", "requests"], ["demande", "demandes"])
    )
}

pub(super) fn show(out: &mut String, shown: &RequestShown, lang: Lang) -> std::fmt::Result {
    let row = &shown.row;
    head(out, row, lang)?;
    let parts: Vec<&str> = shown.parts.iter().map(|p| word(p, lang)).collect();
    let until = match row.until_ms {
        Some(ms) => format!(" ({} {})", lang.pick("open until", "ouvert jusqu'au"), moment(ms)),
        None => String::new(),
    };
    if !parts.is_empty() {
        out.push_str(&wrap(
            INDENT,
            &format!("{} {}{until}", lang.pick("with", "avec"), parts.join(", ")),
            INDENT.len(),
        ));
    }
    let dossier = lang.pick("record", "dossier");
    writeln!(out, "{INDENT}{dossier} {}", start(&row.patient.patient))?;
    for message in &shown.messages {
        out.push('\n');
        said(out, message, lang)?;
    }
    writeln!(out, "\n{}", lang.pick("Steps", "Étapes"))?;
    for event in &shown.history {
        step(out, event, lang);
    }
    if !shown.set_aside.is_empty() {
        writeln!(out, "\n{}", lang.pick("Without effect", "Sans effet"))?;
        for event in &shown.set_aside {
            step(out, event, lang);
        }
    }
    steps(out, row, lang);
    Ok(())
}

pub(super) fn recipients(out: &mut String, rows: &[RecipientRow], lang: Lang) -> std::fmt::Result {
    if rows.is_empty() {
        return writeln!(out, "{}", lang.pick("Nobody found.", "Personne trouvé."));
    }
    for row in rows {
        writeln!(out, "{}  {}", start(&row.id), whom(row, lang))?;
    }
    Ok(())
}

fn head(out: &mut String, row: &RequestRow, lang: Lang) -> std::fmt::Result {
    let way = match row.direction.as_str() {
        "in" => lang.pick("received", "reçue"),
        _ => lang.pick("sent", "envoyée"),
    };
    let kind = match row.kind.as_str() {
        "referral" => lang.pick("referral", "adressage"),
        "tele-expertise" => lang.pick("tele-expertise", "télé-expertise"),
        other => other,
    };
    let urgent = if row.urgent { lang.pick(", URGENT", ", URGENT") } else { "" };
    let colon = lang.pick(": ", " : ");
    let name = format!("{} {}", row.patient.family.to_uppercase(), row.patient.given);
    writeln!(
        out,
        "{}  {}",
        start(&row.request),
        cut(&format!("{name}, {kind}{urgent}{colon}{}", status(&row.status, lang)), 64)
    )?;
    let between = format!("{way} {}, {} → {}", moment(row.asked_ms), by(&row.from), whom(&row.to, lang));
    out.push_str(&wrap(INDENT, &between, INDENT.len()));
    if !row.trusted {
        let mark = lang.pick(
            "[not acknowledged: whoever sent it was not given this record]",
            "[non reconnue : qui l'a envoyée n'a pas reçu ce dossier]",
        );
        out.push_str(&wrap(INDENT, mark, INDENT.len()));
    }
    if row.claims.len() > 1 {
        let names: Vec<String> = row.claims.iter().map(|c| by(&c.author)).collect();
        let both = lang.pick("taken by several at once: ", "prise par plusieurs à la fois : ");
        out.push_str(&wrap(INDENT, &format!("{both}{}", names.join(" ; ")), INDENT.len()));
    }
    for other in &row.others {
        let beside = format!(
            "{} {} ({})",
            lang.pick("at the same time:", "en même temps :"),
            status(&other.status, lang),
            by(&other.author)
        );
        out.push_str(&wrap(INDENT, &beside, INDENT.len()));
    }
    Ok(())
}

fn steps(out: &mut String, row: &RequestRow, lang: Lang) {
    if !row.steps.is_empty() {
        let now = lang.pick("possible now: ", "possible à présent : ");
        out.push_str(&wrap(INDENT, &format!("{now}{}", row.steps.join(", ")), INDENT.len()));
    }
}

fn said(out: &mut String, message: &Message, lang: Lang) -> std::fmt::Result {
    let what = said_with(&message.step, lang);
    writeln!(
        out,
        "{}  {}",
        moment(message.written_ms),
        cut(&format!("{what}, {}", by(&message.author)), 60)
    )?;
    for line in message.text.lines() {
        out.push_str(&wrap(INDENT, line.trim_end(), INDENT.len()));
    }
    Ok(())
}

/// What something said with a step of a request is called.
pub(super) fn said_with(step: &str, lang: Lang) -> &str {
    match step {
        "" => lang.pick("question", "question"),
        "ask" => lang.pick("question back", "question en retour"),
        "reply" => lang.pick("reply", "réponse à la question"),
        "answer" => lang.pick("answer", "avis"),
        other => other,
    }
}

fn step(out: &mut String, event: &Event, lang: Lang) {
    let what = if event.step.is_empty() {
        lang.pick("sent", "envoi")
    } else {
        &event.step
    };
    let led = match (event.status.as_str(), lang.pick(&event.set_aside, &event.set_aside_fr)) {
        ("", "") => String::new(),
        ("", why) => format!(" ({why})"),
        (to, _) => format!(" → {}", status(to, lang)),
    };
    let line = format!("{}  {what}{led}, {}", moment(event.written_ms), by(&event.author));
    out.push_str(&wrap("  ", &line, 4));
}

pub(super) fn status(code: &str, lang: Lang) -> &str {
    lang.pick(code, Status::of_code(code).map_or(code, |s| request_in_french(s)))
}

fn by(author: &Author) -> String {
    match (author.name.as_str(), author.facility.as_str()) {
        ("", "") => "?".to_owned(),
        (name, "") => name.to_owned(),
        (name, facility) => format!("{name} ({facility})"),
    }
}

fn whom(row: &RecipientRow, lang: Lang) -> String {
    let team = match row.profession.as_str() {
        "doctor" => lang.pick("doctors", "médecins"),
        "nurse" => lang.pick("nurses", "infirmiers"),
        _ => lang.pick("pharmacists", "pharmaciens"),
    };
    match row.kind.as_str() {
        "practitioner" => format!("{}, {} ({})", row.name, word(&row.profession, lang), row.facility),
        "team" => format!("{} ({team})", row.facility),
        _ => format!("{} ({})", row.name, lang.pick("everybody there", "tous")),
    }
}

fn start(id: &str) -> &str {
    id.get(..ID).unwrap_or(id)
}
