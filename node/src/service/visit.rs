//! A visit in one act: encounter, note, measures and score, judged whole and written whole.
//!
//! Every fault is named at once, by field, and nothing is written while there is one. A score is made only of what was measured in this
//! visit, by somebody who looked, for a person it is made for.

use bocage_protocol::clinical::news2::{FROM_AGE, News2, Parameter, Readings, Scale};
use bocage_protocol::clinical::vitals::{Measure, Sign};
use bocage_protocol::envelope::Lane;
use bocage_protocol::ids::FactId;
use bocage_protocol::record::{FactBody, NewFact};
use time::{Date, Month, OffsetDateTime};

use super::acts::{Bedside, known_sign, not_a_measure, patient_row, random16};
use super::{Service, summary};
use crate::client::{Failure, FieldFault, Judgement, Limits, MAX_VITALS, News2Part, News2Row, Reply, Visit};
use crate::core::now_ms;
use crate::fhir::mapping::write;
use crate::keystore::OsEntropy;
use crate::lang::Bilingual as _;

/// What a visit says, once it is understood.
struct Read {
    measures: Vec<Measure>,
    oxygen: Option<bool>,
    scale: Scale,
    score: News2,
    /// Why there is no score for this person, in English and French.
    not_for: Option<[String; 2]>,
}

impl Service {
    /// What saving would do; nothing is written.
    pub(super) fn visit_check(&self, visit: &Visit) -> Result<Reply, Failure> {
        let bedside = self.bedside(&visit.patient)?;
        let (read, faults) = self.read_visit(visit, &bedside);
        let (facts, fields) = match facts(visit, &read, &bedside) {
            Ok(facts) if faults.is_empty() => (facts, faults),
            Ok(_) => (Vec::new(), faults),
            Err(more) => (Vec::new(), [faults, more].concat()),
        };
        let refusal = if facts.is_empty() {
            None
        } else {
            let trial = self
                .reader()?
                .add(now_ms(), Lane::Today, bedside.record, &facts, self.core.registry(), &mut OsEntropy);
            trial.err().map(|e| self.refused_in(bedside.record, &facts, &e))
        };
        Ok(Reply::Judgement(Judgement {
            fields,
            refusal,
            limits: limits(),
            news2: row(&read),
        }))
    }

    /// Writes it all, or names every field that is at fault.
    pub(super) fn visit_save(&mut self, visit: &Visit) -> Result<Reply, Failure> {
        let bedside = self.bedside(&visit.patient)?;
        let (read, mut faults) = self.read_visit(visit, &bedside);
        let facts = match facts(visit, &read, &bedside) {
            Ok(facts) => facts,
            Err(more) => {
                faults.extend(more);
                Vec::new()
            }
        };
        if !faults.is_empty() {
            return Err(at_fault(faults));
        }
        let write = self
            .reader()?
            .add(now_ms(), Lane::Today, bedside.record, &facts, self.core.registry(), &mut OsEntropy)
            .map_err(|e| self.refused_in(bedside.record, &facts, &e))?;
        self.save(&write)?;
        self.draft_done(&bedside.record, "visit");
        Ok(Reply::Visit {
            patient: bedside.record.to_hex(),
            facts: write.facts.iter().map(FactId::to_hex).collect(),
            news2: row(&read),
        })
    }

    fn read_visit(&self, visit: &Visit, bedside: &Bedside) -> (Read, Vec<FieldFault>) {
        let mut faults = Vec::new();
        let mut fault = |field: &str, [en, fr]: [String; 2]| {
            faults.push(FieldFault {
                field: field.to_owned(),
                en,
                fr,
            });
        };
        let scale = visit.news2_scale.map_or(Some(Scale::One), Scale::of_number);
        if scale.is_none() {
            fault("news2_scale", ["1 or 2".to_owned(), "1 ou 2".to_owned()]);
        }
        if visit.vitals.len() > MAX_VITALS {
            fault(
                "vitals",
                [format!("at most {MAX_VITALS} measures"), format!("au plus {MAX_VITALS} mesures")],
            );
        }
        let mut measures: Vec<Measure> = Vec::new();
        for vital in visit.vitals.iter().take(MAX_VITALS).filter(|v| !v.value.trim().is_empty()) {
            let sign = match known_sign(&vital.sign) {
                Ok(sign) => sign,
                Err(words) => {
                    fault(&vital.sign, words);
                    continue;
                }
            };
            match Measure::parse(sign, &vital.value) {
                Err(error) => fault(&vital.sign, not_a_measure(sign, &error)),
                Ok(_) if measures.iter().any(|m| m.sign() == sign) => {
                    let words = ["measured twice in one visit", "mesuré deux fois dans une visite"];
                    fault(&vital.sign, words.map(str::to_owned));
                }
                Ok(measure) => measures.push(measure),
            }
        }
        let mut readings = Readings::default();
        for measure in &measures {
            readings.take(*measure);
        }
        readings.oxygen = visit.oxygen;
        let scale = scale.unwrap_or_default();
        let read = Read {
            measures,
            oxygen: visit.oxygen,
            scale,
            score: readings.score(scale),
            not_for: self.not_for(visit, bedside),
        };
        (read, faults)
    }

    /// Why NEWS2 isn't made for this person.
    fn not_for(&self, visit: &Visit, bedside: &Bedside) -> Option<[String; 2]> {
        let words = |en: &str, fr: &str| Some([en.to_owned(), fr.to_owned()]);
        if visit.pregnant {
            return words("NEWS2 isn't made for pregnancy", "NEWS2 n'est pas fait pour la grossesse");
        }
        let born = patient_row(self.reader().ok()?, bedside.record)
            .map(|row| row.birth_date)
            .unwrap_or_default();
        let today = (OffsetDateTime::UNIX_EPOCH + std::time::Duration::from_millis(now_ms())).date();
        match at_least(&born, FROM_AGE, today) {
            Some(true) => None,
            Some(false) => words("NEWS2 is made for people of 16 and over", "NEWS2 est fait à partir de 16 ans"),
            None => words(
                "NEWS2 is made for people of 16 and over, and the birth date here doesn't tell",
                "NEWS2 est fait à partir de 16 ans, et la date de naissance connue ici ne le dit pas",
            ),
        }
    }
}

/// All resources of a visit, the encounter first; or the fields that can't be written.
fn facts(visit: &Visit, read: &Read, bedside: &Bedside) -> Result<Vec<NewFact>, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let mut resources = Vec::new();
    let mut put = |field: &str, made: Result<Vec<u8>, write::WriteError>| match made {
        Ok(json) => resources.push(json),
        Err(error) => faults.push(FieldFault {
            field: field.to_owned(),
            en: error.to_string(),
            fr: error.french(),
        }),
    };
    let encounter = write::uuid(random16());
    let reference = format!("urn:uuid:{encounter}");
    let class = if visit.home { "HH" } else { "AMB" };
    put("reason", write::encounter(&bedside.act(&encounter, None), class, &visit.reason));
    if !visit.note.trim().is_empty() {
        let id = write::uuid(random16());
        put("note", write::note(&bedside.act(&id, Some(&reference)), "Note", &visit.note));
    }
    let mut scored = Vec::new();
    for measure in &read.measures {
        let id = write::uuid(random16());
        let sign = measure.sign();
        put(
            summary::sign_name(sign),
            write::vital(&bedside.act(&id, Some(&reference)), *measure),
        );
        if Parameter::ALL.iter().any(|p| p.sign() == Some(sign)) {
            scored.push(id);
        }
    }
    if let Some(given) = read.oxygen {
        let id = write::uuid(random16());
        put("oxygen", write::oxygen(&bedside.act(&id, Some(&reference)), given));
        scored.push(id);
    }
    if read.not_for.is_none() && read.score.total().is_some() {
        let id = write::uuid(random16());
        let act = bedside.act(&id, Some(&reference));
        put("news2_scale", write::news2(&act, &read.score, read.scale, &scored));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let fact = |json| NewFact {
        compartment: bedside.compartment,
        fact: FactBody::resource(json),
    };
    Ok(resources.into_iter().map(fact).collect())
}

/// One sentence that names every field, and the list of them.
fn at_fault(fields: Vec<FieldFault>) -> Failure {
    // Words that don't name their field themselves.
    let bare = |f: &FieldFault| known_sign(&f.field).is_ok() || ["vitals", "news2_scale"].contains(&&f.field[..]);
    let said = |f: &FieldFault, colon: &str, words: &str| match bare(f) {
        true => format!("{}{colon}{words}", f.field),
        false => words.to_owned(),
    };
    let en: Vec<_> = fields.iter().map(|f| said(f, ": ", &f.en)).collect();
    let fr: Vec<_> = fields.iter().map(|f| said(f, " : ", &f.fr)).collect();
    let mut failure = Failure::new(
        "usage",
        format!("{}; nothing was saved", en.join("; ")),
        format!("{} ; rien n'a été enregistré", fr.join(" ; ")),
    );
    failure.fields = fields;
    failure
}

fn limits() -> Vec<Limits> {
    let row = |sign: Sign| {
        let [unit, low, high] = summary::limits(sign);
        let [en, fr] = summary::range(sign);
        Limits {
            sign: summary::sign_name(sign).to_owned(),
            unit,
            low,
            high,
            decimals: sign.row().decimals,
            en,
            fr,
        }
    };
    Sign::all().filter(|s| *s != Sign::Bmi).map(row).collect()
}

fn row(read: &Read) -> News2Row {
    let mut row = News2Row {
        scale: read.scale.number(),
        ..News2Row::default()
    };
    if let Some([en, fr]) = &read.not_for {
        (row.not_for, row.not_for_fr) = (en.clone(), fr.clone());
        return row;
    }
    let part = |parameter: Parameter| News2Part {
        sign: parameter.sign().map_or("oxygen", summary::sign_name).to_owned(),
        points: read.score.points(parameter),
    };
    row.parts = Parameter::ALL.into_iter().map(part).collect();
    row.total = read.score.total();
    row.band = read.score.band().map_or("", |band| band.name()).to_owned();
    row
}

/// True iff somebody born then (`YYYY`, `YYYY-MM` or a date) has this age on this day; `None` where the date can't tell.
fn at_least(born: &str, age: u8, today: Date) -> Option<bool> {
    let mut parts = born.split('-');
    let year: i32 = parts.next()?.parse().ok()?;
    let month: Option<u8> = parts.next().map(str::parse).transpose().ok()?;
    let day: Option<u8> = parts.next().map(str::parse).transpose().ok()?;
    let months: Vec<u8> = month.map_or_else(|| vec![1, 12], |m| vec![m]);
    let mut answers = months.into_iter().flat_map(|m| {
        let days = day.map_or_else(|| vec![1, 31], |d| vec![d]);
        days.into_iter().map(move |d| (m, d))
    });
    // On 29 February one comes of age on 1 March where there is no such day; a month's 31st is its last day or later.
    let grown = |(m, d): (u8, u8)| (today.year() - i32::from(age), u8::from(today.month()), today.day()) >= (year, m, d);
    Month::try_from(month.unwrap_or(1)).ok()?;
    let first = grown(answers.next()?);
    answers.all(|a| grown(a) == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_by_what_is_known_of_a_birth_date() {
        let today = Date::from_calendar_date(2026, Month::November, 22).unwrap();
        for (born, expected) in [
            ("2010-11-22", Some(true)),
            ("2010-11-23", Some(false)),
            ("2010-10", Some(true)),
            ("2010-12", Some(false)),
            ("2010-11", None),
            ("2010", None),
            ("2009", Some(true)),
            ("2011", Some(false)),
            ("1948-03-12", Some(true)),
            ("", None),
            ("x", None),
            ("2010-13-01", None),
        ] {
            assert_eq!(at_least(born, FROM_AGE, today), expected, "{born}");
        }
    }

    #[test]
    fn every_fault_is_named_with_its_field_in_both_languages() {
        let fault = |field: &str, en: &str, fr: &str| FieldFault {
            field: field.to_owned(),
            en: en.to_owned(),
            fr: fr.to_owned(),
        };
        let failure = at_fault(vec![
            fault("reason", "reason is missing", "le motif : à remplir"),
            fault("spo2", "not a number", "pas un nombre"),
        ]);
        assert_eq!(failure.message, "reason is missing; spo2: not a number; nothing was saved");
        assert_eq!(
            failure.message_fr,
            "le motif : à remplir ; spo2 : pas un nombre ; rien n'a été enregistré"
        );
        assert_eq!(failure.fields.len(), 2);
    }
}
