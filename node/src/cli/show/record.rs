//! `patient show`: who it is, who may read it, and what was written, newest first, whole, with who wrote it and where.

use std::fmt::Write as _;

use bocage_protocol::clinical::vitals::Sign;

use super::{cut, moment, word};
use crate::client::{Clinical, Entry, Record};
use crate::lang::{Lang, WIDTH, wrap};
use crate::service::summary::sign_name;

/// Characters of an entry's id that are typed to name it.
const ID: usize = 12;
const INDENT: &str = "    ";

pub(super) fn write(out: &mut String, r: &Record, lang: Lang) -> std::fmt::Result {
    let p = &r.patient;
    let name = format!("{} {}", p.family.to_uppercase(), p.given);
    let born = match p.birth_date.as_str() {
        "" => String::new(),
        date => format!(
            "{} {date}",
            match (lang, p.sex.as_str()) {
                (Lang::En, _) => "born",
                (Lang::Fr, "female") => "née le",
                (Lang::Fr, "male") => "né le",
                (Lang::Fr, _) => "né(e) le",
            }
        ),
    };
    let ins = if p.ins.is_empty() {
        String::new()
    } else {
        format!("INS {}", p.ins)
    };
    let sex = if p.sex == "unknown" { "" } else { word(&p.sex, lang) };
    let about = [name.trim(), &born, sex, &ins];
    let about: Vec<&str> = about.into_iter().filter(|s| !s.is_empty()).collect();
    out.push_str(&wrap("", &about.join(", "), 4));
    writeln!(out, "{} {}", lang.pick("record", "dossier"), p.patient)?;

    writeln!(out, "\n{}", lang.pick("May be read by", "Lu par"))?;
    for reader in &r.readers {
        let until = reader
            .until_ms
            .map(|ms| format!(", {} {}", lang.pick("until", "jusqu'au"), moment(ms)));
        let people = match reader.people.join(", ") {
            none if none.is_empty() => none,
            people => format!(" ({})", one_line(&people)),
        };
        out.push_str(&wrap(
            "  ",
            &format!("{}{people}{}", one_line(&reader.facility), until.unwrap_or_default()),
            4,
        ));
    }

    writeln!(out, "\n{}", lang.pick("Open here", "Ouvert ici"))?;
    let parts = r.documents.iter().map(|d| {
        let entries = lang.count(d.facts, ["entry", "entries"], ["élément", "éléments"]);
        format!("{} ({entries})", word(&d.compartment, lang))
    });
    out.push_str(&wrap("  ", &parts.collect::<Vec<_>>().join(", "), 4));
    let shut: Vec<&str> = r
        .parts
        .iter()
        .filter(|p| p.sight == "shut")
        .map(|p| word(&p.compartment, lang))
        .collect();
    if !shut.is_empty() {
        let said = lang.pick(
            "No longer opened to you, what has been written since isn't shown",
            "Plus ouvert pour vous, ce qui a été écrit depuis n'est pas montré",
        );
        out.push_str(&wrap("  ", &format!("{said}{}{}", lang.pick(": ", " : "), shut.join(", ")), 4));
    }

    for e in &r.entries {
        out.push('\n');
        write_entry(out, e, lang)?;
    }
    Ok(())
}

fn write_entry(out: &mut String, e: &Entry, lang: Lang) -> std::fmt::Result {
    let title = if e.profession == "doctor" && !e.author.starts_with("Dr") {
        "Dr "
    } else {
        ""
    };
    let author = match e.author.as_str() {
        "" => lang.pick("author not known here yet", "auteur pas encore connu ici"),
        author => author,
    };
    let place = if e.facility.is_empty() {
        String::new()
    } else {
        format!(" ({})", e.facility)
    };
    let head = format!("{title}{author}{place}, {}", word(&e.compartment, lang));
    let at = moment(e.written_ms);
    let width = WIDTH - ID - at.chars().count() - 4;
    writeln!(out, "{at}  {:<width$}  {}", cut(&head, width), e.fact.get(..ID).unwrap_or(&e.fact))?;
    let marks = marks(e, lang);
    if !marks.is_empty() {
        out.push_str(&wrap(INDENT, &format!("[{}]", marks.join(" ; ")), 5));
    }
    for line in text(e, lang).lines() {
        match line.trim() {
            "" => out.push('\n'),
            _ => out.push_str(&wrap(INDENT, &broken(line.trim_end()), INDENT.len())),
        }
    }
    if let (Some(nodes), None) = (e.held_by, &e.replaced_by) {
        out.push_str(&wrap(INDENT, &format!("[{}]", held_by(nodes, lang)), 5));
    }
    Ok(())
}

fn held_by(nodes: u64, lang: Lang) -> String {
    if nodes == 0 {
        let here = lang.pick(
            "on this machine only, as far as is known",
            "sur cette machine seulement, à notre connaissance",
        );
        return here.to_owned();
    }
    let nodes = lang.count(nodes, ["other node", "other nodes"], ["autre nœud", "autres nœuds"]);
    format!("{} {nodes}", lang.pick("held by", "détenu par"))
}

/// What has to be known of an entry besides what it says.
fn marks(e: &Entry, lang: Lang) -> Vec<String> {
    let mut marks = Vec::new();
    if let Some(by) = &e.replaced_by {
        let by = by.get(..ID).unwrap_or(by);
        marks.push(format!(
            "{} {by}",
            lang.pick("old version, corrected by", "ancienne version, corrigée par")
        ));
    } else if e.versions > 0 {
        let versions = lang.count(
            e.versions,
            ["earlier version", "earlier versions"],
            ["version antérieure", "versions antérieures"],
        );
        marks.push(format!("{}, {versions}", lang.pick("corrected", "corrigé")));
    }
    if e.in_error {
        marks.push(lang.pick("made in error", "saisi par erreur").to_owned());
    }
    if !e.over_because.is_empty() {
        marks.push(format!("{}{}", lang.pick("over: ", "terminé : "), one_line(&e.over_because)));
    }
    if !e.over_on.is_empty() {
        marks.push(format!("{}{}", lang.pick("until ", "jusqu'à "), one_line(&e.over_on)));
    }
    match e.label.as_str() {
        "quarantined" => marks.push(lang.pick("not acknowledged yet", "pas encore reconnu").to_owned()),
        "disputed" => {
            let said = lang.pick("its author signed two histories", "son auteur a signé deux historiques");
            marks.push(said.to_owned());
        }
        _ => {}
    }
    marks
}

/// What an entry says: a note whole, anything else in a line, with what it is where the line doesn't tell.
fn text(e: &Entry, lang: Lang) -> String {
    if !e.text.is_empty() {
        return e.text.clone();
    }
    let kind = match e.resource_type.as_str() {
        "Patient" => lang.pick("Identity", "Identité"),
        "Condition" if e.is_over => lang.pick("Antecedent", "Antécédent"),
        "Condition" => lang.pick("Problem", "Problème"),
        "AllergyIntolerance" if e.clinical == Some(Clinical::NoKnownAllergy) => {
            return lang.pick("No known allergy", "Aucune allergie connue").to_owned();
        }
        "AllergyIntolerance" => match &e.clinical {
            Some(Clinical::Allergy { criticality, .. }) if criticality == "high" => lang.pick("Severe allergy", "Allergie grave"),
            _ => lang.pick("Allergy", "Allergie"),
        },
        "MedicationRequest" => match &e.clinical {
            Some(Clinical::Treatment { .. }) if e.is_over => lang.pick("Stopped", "Arrêté"),
            Some(Clinical::Treatment { intent, .. }) if intent == "plan" => lang.pick("Takes", "Prend"),
            _ => lang.pick("Prescription", "Prescription"),
        },
        "Encounter" => lang.pick("Visit", "Visite"),
        "ServiceRequest" => lang.pick("Request", "Demande"),
        "Task" => lang.pick("Request stands", "État de la demande"),
        "Communication" => match &e.clinical {
            Some(Clinical::Message { step, .. }) if !step.is_empty() => super::request::said_with(step, lang),
            _ => "Message",
        },
        "Observation" => "",
        other => other,
    };
    match &e.clinical {
        Some(Clinical::Oxygen { given: true }) => return lang.pick("on supplemental oxygen", "sous oxygène").to_owned(),
        Some(Clinical::Oxygen { given: false }) => return lang.pick("breathing air", "à l'air ambiant").to_owned(),
        Some(Clinical::News2 { total, band }) => {
            let band = super::visit::band(band, lang);
            return format!("NEWS2 {total}{}{band}", if band.is_empty() { "" } else { ", " });
        }
        _ => {}
    }
    let said = match Sign::all().find_map(|s| Some((s, e.summary.strip_prefix(sign_name(s))?.strip_prefix(' ')?))) {
        Some((sign, value)) if e.resource_type == "Observation" => {
            let value = if lang == Lang::Fr {
                value.replace('.', ",")
            } else {
                value.to_owned()
            };
            format!("{} {value}", sign_in_words(sign, lang))
        }
        _ if e.resource_type == "Task" => match e.summary.split_once(' ') {
            Some((code, whom)) => format!("{}, {}", super::request::status(code, lang), one_line(whom)),
            None => e.summary.clone(),
        },
        _ => match &e.clinical {
            Some(Clinical::Problem { since, .. }) if !since.is_empty() => {
                format!("{}, {} {since}", one_line(&e.summary), lang.pick("since", "depuis"))
            }
            _ => one_line(&e.summary),
        },
    };
    match (kind, said.as_str()) {
        ("", "") => e.resource_type.clone(),
        ("", _) => said,
        (_, "") => kind.to_owned(),
        _ => format!("{kind}{}{said}", lang.pick(": ", " : ")),
    }
}

pub(super) fn sign_in_words(sign: Sign, lang: Lang) -> &'static str {
    let [en, fr] = match sign {
        Sign::RespiratoryRate => ["respiratory rate", "fréquence respiratoire"],
        Sign::HeartRate => ["heart rate", "fréquence cardiaque"],
        Sign::OxygenSaturation => ["SpO2", "SpO2"],
        Sign::Temperature => ["temperature", "température"],
        Sign::BloodPressure => ["blood pressure", "tension artérielle"],
        Sign::Weight => ["weight", "poids"],
        Sign::Height => ["height", "taille"],
        Sign::Bmi => ["BMI", "IMC"],
        Sign::Pain => ["pain (of 10)", "douleur (sur 10)"],
        Sign::Consciousness => ["consciousness (ACVPU)", "conscience (ACVPU)"],
        Sign::Glucose => ["glucose", "glycémie"],
        Sign::Hba1c => ["HbA1c", "HbA1c"],
        Sign::WoundLength => ["wound length", "longueur de la plaie"],
        Sign::WoundWidth => ["wound width", "largeur de la plaie"],
        Sign::WoundDepth => ["wound depth", "profondeur de la plaie"],
    };
    lang.pick(en, fr)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line whose words all fit on a screen: longer ones are broken.
fn broken(line: &str) -> String {
    let width = WIDTH - INDENT.len();
    let mut out = String::with_capacity(line.len());
    let mut column = 0;
    for c in line.chars() {
        column = if c == ' ' { 0 } else { column + 1 };
        if column > width {
            out.push(' ');
            column = 1;
        }
        out.push(c);
    }
    out
}
