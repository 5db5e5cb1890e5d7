//! What people do with records: register a patient, find one, write, share.

use std::collections::BTreeSet;

use bocage_protocol::access::matrix::Compartment;
use bocage_protocol::access::view::Act;
use bocage_protocol::clinical::vitals::{Measure, Sign, VitalError};
use bocage_protocol::clinical::{identifiers, text};
use bocage_protocol::crypto::Entropy as _;
use bocage_protocol::envelope::Lane;
use bocage_protocol::identity::Profession;
use bocage_protocol::identity::registry::Practitioner;
use bocage_protocol::ids::{FacilityKey, FactId, RecordId};
use bocage_protocol::record::{FactBody, NewFact, ROUND_MS, Reader, WriteRefused};

use super::{Service, URL_MARK, record, refused, summary};
use crate::client::{Failure, NewPatient, PatientRow, Reply};
use crate::core::now_ms;
use crate::fhir::mapping::{self, View, write};
use crate::keystore::OsEntropy;
use crate::lang::Bilingual as _;

/// Characters of an id that name a record, if it is the only one.
const MIN_START: usize = 4;

impl Service {
    pub(super) fn patient_create(&mut self, new: &NewPatient) -> Result<Reply, Failure> {
        birth_date(&new.birth_date, now_ms())?;
        if !new.anyway {
            self.refuse_twin(new)?;
        }
        let id = write::uuid(random16());
        let given: Vec<&str> = new.given.split_whitespace().collect();
        // The software isn't certified: what is typed in here is a test identity, whoever it names.
        let ins_system = identifiers::system::INS_TEST;
        let json = write::patient(&write::NewPatient {
            id: &id,
            family: &new.family,
            given: &given,
            birth_date: &new.birth_date,
            sex: &new.sex,
            ins: new.ins.as_deref().map(|number| (ins_system, number)),
            phone: None,
            address: None,
        })
        .map_err(|e| Failure::of("usage", &e))?;
        let facts = [NewFact {
            compartment: Compartment::Identity,
            fact: FactBody::resource(json),
        }];
        let write = self
            .reader()?
            .create_record(now_ms(), Lane::Today, &facts, self.core.registry(), &mut OsEntropy)
            .map_err(|e| refused(&e))?;
        let (record, documents) = (write.record, write.documents.len() as u64);
        self.save(&write)?;
        Ok(Reply::Patient {
            patient: record.map(|r| r.to_hex()).unwrap_or_default(),
            documents,
        })
    }

    /// Somebody of this name, born that day, is here already: most often the same person.
    pub(super) fn refuse_twin(&mut self, new: &NewPatient) -> Result<(), Failure> {
        let Some(twin) = self.twin(&new.family, &new.given, &new.birth_date)? else {
            return Ok(());
        };
        let (name, born, id) = (format!("{} {}", twin.family, twin.given), &twin.birth_date, &twin.patient[..12]);
        Err(Failure::new(
            "exists",
            format!(
                "{name}, born {born}, is here already as {id}; nothing was saved: write in that record, or add --anyway if this is somebody else"
            ),
            format!(
                "{name}, date de naissance {born}, est déjà ici sous {id} ; rien n'a été enregistré : écrivez dans ce dossier, ou ajoutez --anyway si c'est quelqu'un d'autre"
            ),
        ))
    }

    /// A record by its whole id or the start of it.
    pub(super) fn find(&self, start: &str) -> Result<RecordId, Failure> {
        let reader = self.reader()?;
        let wanted = start.to_lowercase();
        let found: Vec<RecordId> = reader.records().filter(|r| begins(&r.0, &wanted)).collect();
        match found[..] {
            [one] if wanted.len() >= MIN_START => Ok(one),
            [] => Err(Failure::new(
                "not-found",
                format!(
                    "no record begins with {start} among those that can be read here: search for the patient, or wait for the next exchange"
                ),
                format!("aucun dossier lisible ici ne commence par {start} : cherchez le patient, ou attendez le prochain échange"),
            )),
            [_] => Err(Failure::new(
                "ambiguous",
                format!("{start} is too short to name a record: give at least {MIN_START} characters of its id"),
                format!("{start} est trop court pour désigner un dossier : donnez au moins {MIN_START} caractères de son identifiant"),
            )),
            _ => Err(Failure::new(
                "ambiguous",
                format!("{} records begin with {start}: give more of the id", found.len()),
                format!(
                    "{} dossiers commencent par {start} : donnez plus de caractères de l'identifiant",
                    found.len()
                ),
            )),
        }
    }

    /// Writes one act as a resource of its own: among the clinical notes, or where this profession writes.
    pub(super) fn act(
        &mut self,
        patient: &str,
        make: impl FnOnce(&write::Act<'_>) -> Result<Vec<u8>, write::WriteError>,
    ) -> Result<Reply, Failure> {
        let bedside = self.bedside(patient)?;
        self.act_in(&bedside, bedside.compartment, make)
    }

    /// As [`Self::act`], in this part of the record.
    pub(super) fn act_in(
        &mut self,
        bedside: &Bedside,
        compartment: Compartment,
        make: impl FnOnce(&write::Act<'_>) -> Result<Vec<u8>, write::WriteError>,
    ) -> Result<Reply, Failure> {
        let id = write::uuid(random16());
        let json = make(&bedside.act(&id, None)).map_err(|e| Failure::of("usage", &e))?;
        let fact = FactBody::resource(json);
        self.add(bedside.record, vec![NewFact { compartment, fact }])
    }

    /// Who writes about whom, now.
    pub(super) fn bedside(&self, patient: &str) -> Result<Bedside, Failure> {
        let record = self.find(patient)?;
        let subject = patient_reference(self.reader()?, record).ok_or_else(no_identity)?;
        let (name, rpps) = self.practitioner().map(|p| (p.name.clone(), p.rpps.clone())).unwrap_or_default();
        let compartment = match self.profession() {
            Some(Profession::Pharmacist) => Compartment::Medication,
            _ => Compartment::Clinical,
        };
        Ok(Bedside {
            record,
            compartment,
            subject,
            name,
            rpps,
            effective: summary::instant(now_ms()),
        })
    }

    pub(super) fn profession(&self) -> Option<Profession> {
        Some(self.practitioner()?.profession)
    }

    /// Whose seat is open.
    pub(super) fn practitioner(&self) -> Option<&Practitioner> {
        let registry = self.core.registry();
        let practitioner = registry.seat(&self.core.reader.as_ref()?.seat())?.practitioner?;
        registry.practitioner(&practitioner)
    }

    pub(super) fn add(&mut self, record: RecordId, facts: Vec<NewFact>) -> Result<Reply, Failure> {
        let write = self
            .reader()?
            .add(now_ms(), Lane::Today, record, &facts, self.core.registry(), &mut OsEntropy)
            .map_err(|e| self.refused_in(record, &facts, &e))?;
        let fact = write.facts.first().map(FactId::to_hex).unwrap_or_default();
        self.save(&write)?;
        Ok(Reply::Saved {
            patient: record.to_hex(),
            fact,
        })
    }

    /// As [`refused`], with the parts of the record in which this seat may not write.
    pub(super) fn refused_in(&self, record: RecordId, facts: &[NewFact], error: &WriteRefused) -> Failure {
        let mut failure = refused(error);
        let Some(reader) = self.core.reader.as_ref().filter(|_| *error == WriteRefused::NotAllowed) else {
            return failure;
        };
        let barred = |part: &Compartment| {
            let mut docs = reader.compartments(&record).filter(|(c, _)| c == part);
            !docs.any(|(_, doc)| {
                reader
                    .access(&doc)
                    .is_some_and(|v| v.may(&reader.seat(), Act::Write, now_ms()).is_some())
            })
        };
        let parts: BTreeSet<Compartment> = facts.iter().map(|f| f.compartment).filter(barred).collect();
        let words = |fr: usize| parts.iter().map(|p| record::in_words(*p)[fr]).collect::<Vec<_>>().join(", ");
        if !parts.is_empty() {
            failure.message = format!("{} (part: {})", failure.message, words(0));
            failure.message_fr = format!("{} (partie : {})", failure.message_fr, words(1));
        }
        failure
    }

    pub(super) fn share(&mut self, patient: &str, facility: &str) -> Result<Reply, Failure> {
        let record = self.find(patient)?;
        let registry = self.core.registry();
        let folded = text::fold(facility);
        let start = facility.to_lowercase();
        let begins = |id: String| start.len() >= MIN_START && id.starts_with(&start);
        let by_node: BTreeSet<FacilityKey> = registry
            .nodes()
            .filter(|(key, _)| begins(key.to_hex()))
            .map(|(_, node)| node.facility)
            .collect();
        let found: Vec<(FacilityKey, String)> = registry
            .facilities()
            .filter(|(key, f)| text::fold(&f.name) == folded || begins(key.to_hex()) || by_node.contains(key))
            .map(|(key, f)| (*key, f.name.clone()))
            .collect();
        let [(key, name)] = &found[..] else {
            let known: Vec<_> = registry.facilities().map(|(_, f)| f.name.as_str()).collect();
            let known = known.join(", ");
            return Err(match found.len() {
                0 => Failure::new(
                    "not-found",
                    format!("no facility is called {facility}; known are: {known}"),
                    format!("aucune structure ne s'appelle {facility} ; le réseau connaît : {known}"),
                ),
                n => {
                    let keys: Vec<String> = found.iter().map(|(key, _)| key.to_string()).collect();
                    let keys = keys.join(", ");
                    Failure::new(
                        "ambiguous",
                        format!("{n} facilities are called {facility}: name it by its key, one of {keys} (`bocage peers` shows whose)"),
                        format!("{n} structures s'appellent {facility} : désignez-la par sa clé, parmi {keys} (`bocage peers` dit à qui)"),
                    )
                }
            });
        };
        let (key, name) = (*key, name.clone());
        let write = self
            .reader()?
            .share(now_ms(), record, key, ROUND_MS, registry, &mut OsEntropy)
            .map_err(|e| refused(&e))?;
        let documents = write.documents.len() as u64;
        if !write.items.is_empty() {
            self.save(&write)?;
        }
        let readers = self.readers_of(record)?;
        let until_ms = readers.iter().find(|r| r.key == key.to_hex()).and_then(|r| r.until_ms);
        Ok(Reply::Shared {
            facility: name,
            documents,
            until_ms,
        })
    }
}

/// What all resources of one act share.
pub(super) struct Bedside {
    pub(super) record: RecordId,
    /// Where this profession writes.
    pub(super) compartment: Compartment,
    subject: String,
    name: String,
    rpps: String,
    effective: String,
}

impl Bedside {
    pub(super) fn act<'a>(&'a self, id: &'a str, encounter: Option<&'a str>) -> write::Act<'a> {
        let by = write::By {
            name: &self.name,
            rpps: &self.rpps,
        };
        write::Act {
            id,
            patient: &self.subject,
            by: Some(by).filter(|b| !b.name.is_empty()),
            encounter,
            effective: &self.effective,
            ..write::Act::default()
        }
    }
}

pub(super) fn patient_row(reader: &Reader, record: RecordId) -> Option<PatientRow> {
    let mut found = reader.current(&record).filter(|f| f.compartment == Compartment::Identity);
    found.find_map(|f| row_of(record, f.fact.body))
}

/// The row of a Patient resource; `None` of any other.
pub(super) fn row_of(record: RecordId, body: &[u8]) -> Option<PatientRow> {
    let Ok(Some(View::Patient(view))) = mapping::of(body) else {
        return None;
    };
    Some(PatientRow {
        patient: record.to_hex(),
        shut: false,
        family: view.family.clone().unwrap_or_else(|| view.name_text.clone().unwrap_or_default()),
        given: view.given.join(" "),
        birth_date: view.birth_date.clone().unwrap_or_default(),
        sex: view.sex.clone().unwrap_or_default(),
        ins: view.ins.as_ref().map(|i| i.value.clone()).unwrap_or_default(),
    })
}

/// True iff these bytes, in hexadecimal, begin so: without writing them out a hundred thousand times.
fn begins(id: &[u8], start: &str) -> bool {
    let digits = id.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    start.len() <= 2 * id.len()
        && start
            .chars()
            .zip(digits)
            .all(|(c, digit)| char::from_digit(digit.into(), 16) == Some(c))
}

/// How resources of a record refer to its patient: the full URL it came with, or its id.
pub(super) fn patient_reference(reader: &Reader, record: RecordId) -> Option<String> {
    reader
        .current(&record)
        .filter(|f| f.compartment == Compartment::Identity)
        .find_map(|f| {
            let Ok(Some(View::Patient(view))) = mapping::of(f.fact.body) else {
                return None;
            };
            if let Some((_, url)) = f.fact.source.split_once(URL_MARK) {
                return Some(url.to_owned());
            }
            let id = view.id?;
            Some(if write::is_uuid(&id) {
                format!("urn:uuid:{id}")
            } else {
                format!("Patient/{id}")
            })
        })
}

pub(super) fn measure(sign: &str, value: &str) -> Result<Measure, Failure> {
    let found = known_sign(sign).map_err(|[en, fr]| Failure::new("usage", en, fr))?;
    Measure::parse(found, value).map_err(|e| no_measure(found, value, &e))
}

/// The sign of this name, or why there is none, in English and French.
pub(super) fn known_sign(sign: &str) -> Result<Sign, [String; 2]> {
    Sign::all().find(|s| summary::sign_name(*s) == sign).ok_or_else(|| {
        // Computed ones are never typed.
        let all: Vec<_> = Sign::all().filter(|s| *s != Sign::Bmi).map(summary::sign_name).collect();
        let all = all.join(", ");
        [
            format!("{sign} is no sign known here; choose one of {all}"),
            format!("{sign} n'est pas un signe connu ; choisissez parmi {all}"),
        ]
    })
}

/// Why a value isn't a measure of this sign, with the unit and range it is expected in.
pub(super) fn no_measure(sign: Sign, value: &str, error: &VitalError) -> Failure {
    let name = [summary::sign_name(sign), value].join(" ");
    let name = name.trim_end();
    let [en, fr] = not_a_measure(sign, error);
    Failure::new(
        "usage",
        format!("{name}: {en}; nothing was saved"),
        format!("{name} : {fr} ; rien n'a été enregistré"),
    )
}

/// The same for who sees the field itself, in English and French.
pub(super) fn not_a_measure(sign: Sign, error: &VitalError) -> [String; 2] {
    let [en, fr] = if matches!(error, VitalError::OutOfLimits { .. } | VitalError::NotAcvpu | VitalError::Computed) {
        Default::default()
    } else {
        summary::range(sign).map(|r| format!(" ({r})"))
    };
    let units = |text: String| summary::plain_units(&text).trim_end().to_owned();
    [
        format!("{}{en}", units(error.to_string())),
        format!("{}{fr}", units(error.french())),
    ]
}

/// A date that somebody alive can be born on: real, not to come anywhere on earth, not before 1850. FHIR's shorter forms (a year, a
/// year and month) are for those who know no more.
pub(super) fn birth_date(text: &str, now_ms: u64) -> Result<(), Failure> {
    past_date(["birth date", "date de naissance"], text, now_ms)
}

/// Since when somebody has, or had, a problem: as [`birth_date`].
pub(super) fn since_date(text: &str, now_ms: u64) -> Result<(), Failure> {
    past_date(["since", "depuis"], text, now_ms)
}

/// A date that isn't in the future, nor before anybody's life.
pub(super) fn past_date([en_name, fr_name]: [&str; 2], text: &str, now_ms: u64) -> Result<(), Failure> {
    let refuse = |en: &str, fr: &str| {
        Err(Failure::new(
            "usage",
            format!("{en_name} {text}: {en}; nothing was saved"),
            format!("{fr_name} {text} : {fr} ; rien n'a été enregistré"),
        ))
    };
    let mut parts = text.split('-').map(|p| (p.len(), p.parse::<u16>().ok()));
    let date = match (
        parts.next(),
        parts.next().unwrap_or((2, Some(1))),
        parts.next().unwrap_or((2, Some(1))),
        parts.next(),
    ) {
        (Some((4, Some(year))), (2, Some(month)), (2, Some(day)), None) => u8::try_from(month)
            .ok()
            .and_then(|m| time::Month::try_from(m).ok())
            .zip(u8::try_from(day).ok())
            .and_then(|(m, d)| time::Date::from_calendar_date(i32::from(year), m, d).ok()),
        _ => return refuse("write YYYY-MM-DD, as 1948-03-12", "écrivez AAAA-MM-JJ, comme 1948-03-12"),
    };
    let tomorrow = time::OffsetDateTime::UNIX_EPOCH + std::time::Duration::from_millis(now_ms) + time::Duration::hours(14);
    match date {
        None => refuse("there is no such day", "ce jour n'existe pas"),
        Some(date) if date > tomorrow.date() => refuse("it is in the future", "elle est dans le futur"),
        Some(date) if date.year() < 1850 => refuse("it is before 1850", "elle est avant 1850"),
        Some(_) => Ok(()),
    }
}

pub(super) fn no_identity() -> Failure {
    Failure::new(
        "not-found",
        "the patient's identity hasn't arrived here yet: try again after the next exchange",
        "l'identité du patient n'est pas encore arrivée ici : recommencez après le prochain échange",
    )
}

pub(super) fn random16() -> [u8; 16] {
    *OsEntropy.random32().first_chunk().expect("16 of 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::begins;

    #[test]
    fn an_id_begins_as_its_hexadecimal_does() {
        let id = [0x0a, 0xbc, 0xff];
        for (start, expected) in [
            ("", true),
            ("0", true),
            ("0ab", true),
            ("0abcff", true),
            ("0abcff0", false),
            ("1", false),
            ("0ac", false),
            ("0é", false),
        ] {
            assert_eq!(begins(&id, start), expected, "{start}");
        }
    }
}
