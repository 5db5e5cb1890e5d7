//! What an import did, for a screen of 80 columns (French, English) and for `--json`.
//!
//! Lists are bounded, their counts are not: a file of a million bad resources makes a short report. No reason repeats a patient's data.

use super::filing::Compartment;
use super::import::Outcome;
use super::scan::{ScanError, Unfit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

use crate::lang::wrap;

/// Refusals and warnings that are listed one by one.
const MAX_LISTED: usize = 500;
/// Type names that are counted apart; a file may invent any number.
const MAX_TYPES: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    French,
    English,
}

/// What became of a file.
#[derive(Clone, Default, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Report {
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub refused_count: u64,
    pub refused: Vec<Refused>,
    pub warning_count: u64,
    pub warnings: Vec<Warned>,
    /// Kept, but nobody knows whose.
    pub unfiled: u64,
    /// In the library.
    pub library: u64,
    /// What was filed, by type.
    pub types: BTreeMap<String, u64>,
    /// Of these, the types that are kept verbatim but not understood.
    pub unknown_types: BTreeMap<String, u64>,
    /// Why reading ended before the end. What came before is filed.
    pub stopped: Option<Reason>,
}

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Refused {
    pub path: String,
    /// `Patient/p`, where it says so itself.
    #[serde(default)]
    pub name: String,
    pub reason: Reason,
}

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Warned {
    pub path: String,
    /// As of a refused one.
    #[serde(default)]
    pub name: String,
    pub note: Note,
}

/// What is doubtful about an item that was filed.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Warning {
    pub note: Note,
}

impl Warning {
    pub(super) fn new(note: Note) -> Self {
        Self { note }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Note {
    /// A national number whose format or key is wrong.
    DoubtfulNumber { system: String },
    /// Should be a patient's, and isn't known to be anybody's.
    NoPatient,
    /// Another resource of the file has the same identifier: known by its URL or id instead.
    SharedIdentifier,
    /// Superseded here since: the newer version stands.
    OlderVersion,
    /// An entry with no resource in it.
    NoResource,
}

/// Why a resource is refused, or a file's reading ended.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    /// Not JSON, at a place in the file.
    Syntax {
        line: u64,
        column: u64,
        what: String,
    },
    /// Not JSON to the last letter (encoding, numbers), inside a resource.
    NotJson {
        what: String,
    },
    /// Not legible.
    Disk {
        what: String,
    },
    TooLarge {
        bytes: u64,
    },
    TooDeep,
    DuplicateName {
        name: String,
    },
    OddName,
    ReservedName,
    NotAnObject,
    NoType,
    BadType,
    BadId,
    /// A field with a FHIR path.
    Invalid {
        path: String,
        what: String,
    },
    /// Name and birth date both differ from those known under this key.
    OtherPerson,
    /// Old versions must not be filed as new ones.
    History,
    /// The file couldn't be opened: nothing of it was read.
    NotOpened {
        what: String,
        what_fr: String,
    },
    /// The store's own words.
    Store {
        what: String,
        what_fr: String,
    },
}

impl From<Unfit> for Reason {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::TooLarge(bytes) => Self::TooLarge { bytes },
            Unfit::TooDeep => Self::TooDeep,
            Unfit::DuplicateName(name) => Self::DuplicateName { name },
            Unfit::OddName => Self::OddName,
        }
    }
}

impl Reason {
    pub(super) fn stopped(error: &ScanError) -> Self {
        match error {
            ScanError::Syntax { line, column, what } => Self::Syntax {
                line: *line,
                column: *column,
                what: (*what).into(),
            },
            ScanError::Io { source, .. } => Self::Disk { what: source.to_string() },
        }
    }

    /// One sentence.
    pub fn text(&self, language: Language) -> String {
        let fr = language == Language::French;
        let say = |french: &str, english: &str| if fr { french.to_owned() } else { english.to_owned() };
        match self {
            Self::Syntax { line, column, what } if fr => format!("JSON invalide, ligne {line}, colonne {column} : {}", french(what)),
            Self::Syntax { line, column, what } => format!("invalid JSON, line {line}, column {column}: {what}"),
            Self::NotJson { what } => format!("{}{what}", say("JSON invalide : ", "invalid JSON: ")),
            Self::Disk { what } => format!("{}{what}", say("lecture impossible : ", "can't be read: ")),
            Self::TooLarge { bytes } if fr => format!("{} Kio, plus que les 192 Kio admis", bytes.div_ceil(1024)),
            Self::TooLarge { bytes } => format!("{} KiB, more than the 192 KiB allowed", bytes.div_ceil(1024)),
            Self::TooDeep => say("trop d'imbrications", "nested too deeply"),
            Self::DuplicateName { name } if fr => format!("le champ « {name} » figure deux fois"),
            Self::DuplicateName { name } => format!("the field \"{name}\" occurs twice"),
            Self::OddName => say("nom de champ échappé ou trop long", "an escaped or overlong field name"),
            Self::ReservedName => say("nom de champ réservé", "a reserved field name"),
            Self::NotAnObject => say("ce n'est pas un objet", "not an object"),
            Self::NoType => say("resourceType absent", "resourceType is missing"),
            Self::BadType => say("resourceType n'est pas un type de ressource", "resourceType is not a resource type"),
            Self::BadId => say("id n'est pas un identifiant FHIR", "id is not a FHIR id"),
            Self::Invalid { path, what } if fr => format!("{path} : {}", french(what)),
            Self::Invalid { path, what } => format!("{path}: {what}"),
            Self::OtherPerson => say(
                "même clé, mais ni le nom ni la date de naissance ne concordent : autre personne ?",
                "same key, but neither name nor birth date agree: another person?",
            ),
            Self::History => say(
                "historique (Bundle history) : demandez un export des versions courantes",
                "a history bundle: ask for an export of current versions",
            ),
            Self::NotOpened { what, what_fr } | Self::Store { what, what_fr } => say(what_fr, what),
        }
    }
}

impl Note {
    /// One sentence.
    pub fn text(&self, language: Language) -> String {
        let fr = language == Language::French;
        let say = |french: &str, english: &str| if fr { french.to_owned() } else { english.to_owned() };
        match self {
            Self::DoubtfulNumber { system } => format!("{}{system}", say("clé ou format à vérifier : ", "check the number: ")),
            Self::NoPatient => say("patient inconnu : conservé, à classer", "patient unknown: kept, to be filed"),
            Self::SharedIdentifier => say(
                "identifiant partagé avec une autre ressource",
                "identifier shared with another resource",
            ),
            Self::OlderVersion => say("version déjà remplacée ici : ignorée", "a version superseded here since: ignored"),
            Self::NoResource => say("entrée sans ressource", "entry without a resource"),
        }
    }
}

impl Report {
    pub(super) fn filed(&mut self, kind: &str, compartment: Compartment, outcome: Outcome, understood: bool) {
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
        }
        match compartment {
            Compartment::Unfiled => self.unfiled += 1,
            Compartment::Library => self.library += 1,
            _ => {}
        }
        count(&mut self.types, kind);
        if !understood {
            count(&mut self.unknown_types, kind);
        }
    }

    pub(super) fn refuse(&mut self, path: String, name: String, reason: Reason) {
        self.refused_count += 1;
        if self.refused.len() < MAX_LISTED {
            self.refused.push(Refused { path, name, reason });
        }
    }

    pub(super) fn warn(&mut self, path: String, name: String, note: Note) {
        self.warning_count += 1;
        if self.warnings.len() < MAX_LISTED {
            self.warnings.push(Warned { path, name, note });
        }
    }

    /// True if every resource of the file was filed.
    pub fn is_complete(&self) -> bool {
        self.refused_count == 0 && self.stopped.is_none()
    }

    /// True if nothing was found in the file, good or bad.
    pub fn is_nothing(&self) -> bool {
        self.created + self.updated + self.unchanged + self.refused_count + self.warning_count == 0
    }

    /// The whole report, at most 80 columns wide where words allow.
    pub fn text(&self, language: Language) -> String {
        let fr = language == Language::French;
        let say = |french: &'static str, english: &'static str| if fr { french } else { english };
        let mut out = String::new();
        if let (Some(reason), true) = (&self.stopped, self.is_nothing()) {
            return wrap(say("Non lu : ", "Not read: "), &reason.text(language), 4);
        }
        let one = |n: u64, one: &'static str, several: &'static str| if fr && n < 2 { one } else { several };
        let counts = [
            (say(one(self.created, "créée", "créées"), "created"), self.created),
            (say(one(self.updated, "mise à jour", "mises à jour"), "updated"), self.updated),
            (say(one(self.unchanged, "inchangée", "inchangées"), "unchanged"), self.unchanged),
            (say(one(self.refused_count, "refusée", "refusées"), "refused"), self.refused_count),
            (say("à classer", "to be filed"), self.unfiled),
        ];
        for (label, n) in counts {
            let _ = writeln!(out, "{n:>9}  {label}");
        }
        if !self.unknown_types.is_empty() {
            let list: Vec<String> = self.unknown_types.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
            let label = say("Conservées sans être interprétées : ", "Kept verbatim, not interpreted: ");
            out.push_str(&wrap(label, &list.join(", "), 4));
        }
        section(
            &mut out,
            say("Refusées", "Refused"),
            self.refused_count,
            self.refused.iter().map(|r| (place(&r.path, &r.name, fr), r.reason.text(language))),
            fr,
        );
        section(
            &mut out,
            say("À vérifier", "To be checked"),
            self.warning_count,
            self.warnings.iter().map(|w| (place(&w.path, &w.name, fr), w.note.text(language))),
            fr,
        );
        if let Some(reason) = &self.stopped {
            let label = say(
                "Lecture interrompue ; ce qui précède est enregistré : ",
                "Reading stopped; what came before is kept: ",
            );
            out.push_str(&wrap(label, &reason.text(language), 4));
        }
        out
    }
}

/// Lines listed on a screen; `--json` has more.
const SHOWN: usize = 20;

fn section(out: &mut String, title: &str, count: u64, lines: impl Iterator<Item = (String, String)>, fr: bool) {
    if count == 0 {
        return;
    }
    let _ = writeln!(out, "{title}{} {count}", if fr { " :" } else { ":" });
    let mut shown = 0;
    for (path, text) in lines.take(SHOWN) {
        out.push_str(&wrap(&format!("  {path}  "), &text, 4));
        shown += 1;
    }
    if count > shown {
        let _ = writeln!(out, "  … {} {}", count - shown, if fr { "de plus" } else { "more" });
    }
}

/// Where an item stood, as people count: from one; with its name, if it has one.
fn place(path: &str, name: &str, fr: bool) -> String {
    let mut place = path.to_owned();
    if let Some((before, rest)) = path.split_once("entry[")
        && let Some((index, after)) = rest.split_once(']')
        && let Ok(index) = index.parse::<u64>()
    {
        let word = if fr { "entrée" } else { "entry" };
        place = format!("{before}{word} {}{after}", index.saturating_add(1));
    }
    if fr {
        place = place.replace("line ", "ligne ");
    }
    if name.is_empty() { place } else { format!("{place}, {name}") }
}

fn count(types: &mut BTreeMap<String, u64>, kind: &str) {
    let kind = if types.len() < MAX_TYPES || types.contains_key(kind) {
        kind
    } else {
        "…"
    };
    *types.entry(kind.to_owned()).or_default() += 1;
}

/// The French of this module's own error texts.
pub(crate) fn french(what: &str) -> &str {
    match what {
        "required and missing" => "obligatoire et absent",
        "expected an object" => "un objet est attendu",
        "expected an array" | "expected a list" => "une liste est attendue",
        "expected a string" => "un texte est attendu",
        "expected a code" => "un code est attendu",
        "expected a number" => "un nombre est attendu",
        "expected a whole number" => "un nombre entier est attendu",
        "expected a date" => "une date est attendue",
        "expected a date or date and time with zone" => "une date, ou une date et heure avec fuseau, est attendue",
        "expected true or false" => "vrai ou faux est attendu",
        "expected male, female, other or unknown" => "male, female, other ou unknown est attendu",
        "expected a property name" => "un nom de champ est attendu",
        "expected a value" => "une valeur est attendue",
        "expected a digit" => "un chiffre est attendu",
        "expected :" => "« : » attendu",
        "expected , or }" => "« , » ou « } » attendu",
        "expected , or ]" => "« , » ou « ] » attendu",
        "control character in a string" => "caractère de contrôle dans un texte",
        "bad escape" | "bad \\u escape" => "échappement invalide",
        "the file is empty" => "le fichier est vide",
        "the file ends in the middle of a value" => "le fichier s'arrête au milieu d'une valeur",
        "the file ends in the middle of a string" => "le fichier s'arrête au milieu d'un texte",
        "the file ends in the middle of a number" => "le fichier s'arrête au milieu d'un nombre",
        "this is XML; only FHIR's JSON form is read" => "c'est du XML ; seule la forme JSON de FHIR est lue",
        "nested too deeply" => "trop d'imbrications",
        "not UTF-8" => "pas de l'UTF-8",
        other => other,
    }
}
