//! One record as a seat reads it, and corrections to it.
//!
//! A correction is held to what entering the same thing would be: a vital sign to its limits, an identity to its checks. A field that
//! the resource doesn't have is a slip of the finger, unless FHIR knows it there.

use std::collections::{BTreeMap, BTreeSet};

use bocage_protocol::access::matrix::Compartment;
use bocage_protocol::access::ops::Subject;
use bocage_protocol::access::view::Recipient;
use bocage_protocol::clinical::identifiers::{self, system};
use bocage_protocol::clinical::request::Step;
use bocage_protocol::clinical::text;
use bocage_protocol::clinical::vitals::Sign;
use bocage_protocol::identity::Registry;
use bocage_protocol::ids::{FacilityKey, FactId, RecordId, SeatKey};
use bocage_protocol::record::{FactBody, Label, NewFact, PartStanding, RecordFact, Sight, WriteRefused};
use serde_json::Value;

use super::entry::typed;
use super::{Service, birth_date, past_date, patient_row, since_date, summary};
use crate::client::{Change, Clinical, DocumentRow, Entry, Failure, PartRow, PatientRow, ReaderRow, Record, Reply};
use crate::core::now_ms;
use crate::fhir::mapping::plain::{self, PlainError};
use crate::fhir::mapping::{self, ObservationView, View, correct, write};
use crate::lang::Bilingual;

/// Fields that are named when one is not found.
const FIELDS_NAMED: usize = 12;

/// Parts of a record that are told apart on a screen, whether they have been begun or not.
const PARTS: [Compartment; 4] = [
    Compartment::Identity,
    Compartment::Emergency,
    Compartment::Medication,
    Compartment::Clinical,
];

/// To whom of a facility a record is open.
#[derive(Default)]
struct Opened {
    until: u64,
    to_team: bool,
    people: BTreeSet<String>,
}

/// With which step of a request something was said, by `urn:uuid:` reference and author: nobody puts words into another's mouth.
struct Steps(BTreeMap<(String, SeatKey), Step>);

impl Steps {
    fn of<'a>(history: impl Iterator<Item = RecordFact<'a>>) -> Self {
        let mut steps = BTreeMap::new();
        for RecordFact { fact, .. } in history.filter(|f| f.compartment == Compartment::Request) {
            if let Ok(Some(View::Task(task))) = mapping::of(fact.body)
                && let Some(step) = task.step
            {
                steps.extend(task.said.into_iter().map(|reference| ((reference, fact.author), step)));
            }
        }
        Self(steps)
    }

    fn told(&self, found: &RecordFact<'_>, mut entry: Entry) -> Entry {
        if let Some(Clinical::Message { step, .. }) = &mut entry.clinical
            && let Ok(Some(View::Communication(said))) = mapping::of(found.fact.body)
            && let Some(id) = said.id
            && let Some(with) = self.0.get(&(format!("urn:uuid:{id}"), found.fact.author))
        {
            with.code().clone_into(step);
        }
        entry
    }
}

/// Which facts correct which, of one record.
struct Versions {
    /// Fact → what it supersedes.
    earlier: BTreeMap<FactId, Vec<FactId>>,
    /// Fact → the accepted one that supersedes it.
    replaced_by: BTreeMap<FactId, FactId>,
}

impl Versions {
    fn of<'a>(history: impl Iterator<Item = RecordFact<'a>>) -> Self {
        let (mut earlier, mut replaced_by) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
        for RecordFact { fact, .. } in history {
            earlier.entry(fact.id).or_default().extend(fact.supersedes);
            if fact.label == Label::Accepted {
                replaced_by.extend(fact.supersedes.iter().map(|old| (*old, fact.id)));
            }
        }
        Self { earlier, replaced_by }
    }

    /// Versions known here that led to this one.
    fn count(&self, fact: FactId) -> u64 {
        let (mut seen, mut next) = (BTreeSet::new(), vec![fact]);
        while let Some(old) = next.pop().and_then(|id| self.earlier.get(&id)) {
            next.extend(old.iter().filter(|o| self.earlier.contains_key(o) && seen.insert(**o)));
        }
        seen.len() as u64
    }
}

impl Service {
    /// What the open seat reads of a record, newest first; with `history`, corrected versions too.
    pub(super) fn show(&self, record: RecordId, history: bool) -> Result<Record, Failure> {
        let reader = self.reader()?;
        let registry = self.core.registry();
        let patient = patient_row(reader, record).unwrap_or_else(|| PatientRow {
            patient: record.to_hex(),
            ..PatientRow::default()
        });
        let versions = Versions::of(reader.history(&record));
        let mut facts: BTreeMap<Compartment, u64> = reader.compartments(&record).map(|(c, _)| (c, 0)).collect();
        let me = reader.seat();
        let held_by = self.held_by(record)?;
        let entry = |found: &RecordFact<'_>, replaced_by| Entry {
            request: if found.compartment == Compartment::Request {
                found.doc.to_hex()
            } else {
                String::new()
            },
            own: found.fact.author == me,
            held_by: held_by.get(&found.fact.envelope).copied(),
            ..entry(registry, found, versions.count(found.fact.id), replaced_by)
        };
        let steps = Steps::of(reader.history(&record));
        let entry = |found: &RecordFact<'_>, replaced_by| steps.told(found, entry(found, replaced_by));
        let mut entries = Vec::new();
        for found in reader.current(&record) {
            *facts.entry(found.compartment).or_default() += 1;
            entries.push(entry(&found, None));
        }
        if history {
            for found in reader.history(&record) {
                if let Some(by) = versions.replaced_by.get(&found.fact.id) {
                    entries.push(entry(&found, Some(*by)));
                }
            }
        }
        entries.sort_by(|a, b| b.written_ms.cmp(&a.written_ms).then_with(|| a.fact.cmp(&b.fact)));
        let documents = facts.iter().map(|(c, facts)| DocumentRow {
            compartment: compartment_name(*c).to_owned(),
            facts: *facts,
        });
        let of_interest = PARTS
            .into_iter()
            .chain(facts.keys().copied().filter(|c| *c == Compartment::Sensitive));
        let parts = of_interest.map(|part| {
            let PartStanding { sight, writable } = reader.standing(&record, part, registry, now_ms());
            PartRow {
                compartment: compartment_name(part).to_owned(),
                sight: match sight {
                    Sight::Open => "open",
                    Sight::Shut => "shut",
                    Sight::Unread => "unread",
                }
                .to_owned(),
                writable,
            }
        });
        Ok(Record {
            patient,
            documents: documents.collect(),
            parts: parts.collect(),
            entries,
            readers: self.readers_of(record)?,
        })
    }

    /// Facilities that may read at least one document of a record now, and until when.
    pub(super) fn readers_of(&self, record: RecordId) -> Result<Vec<ReaderRow>, Failure> {
        let reader = self.reader()?;
        let registry = self.core.registry();
        let mut facilities: BTreeMap<FacilityKey, Opened> = BTreeMap::new();
        // Who takes part in a request reads that for good, and the record only as long as it is open to them.
        for (_, doc) in reader.compartments(&record).filter(|(c, _)| c.goes_with_the_record()) {
            let Some(view) = reader.access(&doc) else { continue };
            let live: BTreeSet<FacilityKey> = view
                .live_readers(now_ms())
                .iter()
                .filter_map(|recipient| match recipient {
                    Recipient::Seat(seat) => registry.seat(seat).map(|s| s.facility),
                    Recipient::Team(team) => registry.team(team).map(|t| t.facility),
                })
                .collect();
            for grant in view.grants().iter().filter(|g| g.is_live(now_ms()) && g.terms.rank.may_read()) {
                let (facility, person) = match &grant.terms.subject {
                    Subject::Seat(key) => registry.seat(key).map(|s| (s.facility, s.practitioner)).unzip(),
                    Subject::Team(team) => (registry.team(team).map(|t| t.facility), None),
                    Subject::Practitioner(key) => (registry.practitioner(key).map(|p| p.facility), Some(Some(*key))),
                };
                let Some(facility) = facility.filter(|f| live.contains(f)) else {
                    continue;
                };
                let opened = facilities.entry(facility).or_default();
                opened.until = grant.terms.not_after_ms.max(opened.until);
                match person.flatten().and_then(|key| registry.practitioner(&key)) {
                    Some(person) => drop(opened.people.insert(person.name.clone())),
                    None => opened.to_team = true,
                }
            }
        }
        let row = |(key, opened): (FacilityKey, Opened)| {
            registry.facility(&key).map(|f| ReaderRow {
                facility: f.name.clone(),
                key: key.to_hex(),
                until_ms: (opened.until != u64::MAX).then_some(opened.until),
                people: opened.people.into_iter().filter(|_| !opened.to_team).collect(),
            })
        };
        let mut rows: Vec<ReaderRow> = facilities.into_iter().filter_map(row).collect();
        rows.sort_by_cached_key(|r| (text::fold(&r.facility), r.key.clone()));
        Ok(rows)
    }

    pub(super) fn correct(&mut self, patient: &str, fact: &str, changes: &[Change]) -> Result<Reply, Failure> {
        self.supersede(patient, fact, |old| {
            let mut new = old.to_vec();
            for Change { field, value } in changes {
                new = changed(&new, field, value)?;
            }
            if new == old {
                return Err(Failure::new(
                    "usage",
                    "nothing would be different: nothing was written",
                    "rien ne changerait : rien n'a été écrit",
                ));
            }
            Ok(new)
        })
    }

    /// A new version of an entry that says it was made in error; the old one stays in the history.
    /// Of a visit, what was measured and noted in it goes with it.
    pub(super) fn withdraw(&mut self, patient: &str, fact: &str) -> Result<Reply, Failure> {
        let record = self.find(patient)?;
        let old = self.entry_of(record, fact)?;
        let visit = typed(old.fact.body).visit;
        if summary::resource_type(old.fact.body) != "Encounter" || visit.is_empty() {
            return self.supersede(patient, fact, |old| correct::withdraw(old).map_err(|e| Failure::of("usage", &e)));
        }
        let first = old.fact.id;
        // An allergy, a treatment or a diagnosis stands though the visit in which it was written down was a mistake: each has its own button.
        let of_visit = |f: &RecordFact<'_>| {
            let found = matches!(summary::resource_type(f.fact.body).as_str(), "Observation" | "DocumentReference");
            f.fact.id == first || found && typed(f.fact.body).visit == visit && !typed(f.fact.body).in_error
        };
        let mut all: Vec<RecordFact<'_>> = self.reader()?.current(&record).filter(of_visit).collect();
        all.sort_by_key(|f| f.fact.id != first);
        let withdrawn = |f: &RecordFact<'_>| {
            let body = correct::withdraw(f.fact.body).map_err(|e| Failure::of("usage", &e))?;
            let fact = FactBody {
                source: f.fact.source.to_owned(),
                supersedes: vec![f.fact.id],
                ..FactBody::resource(body)
            };
            Ok(NewFact {
                compartment: f.compartment,
                fact,
            })
        };
        let facts = all.iter().map(withdrawn).collect::<Result<Vec<_>, Failure>>()?;
        self.add(record, facts)
    }

    /// A treatment is stopped, a problem or an allergy over: since a day that is said, or from today on.
    pub(super) fn end(&mut self, patient: &str, fact: &str, on: Option<&str>, reason: Option<&str>) -> Result<Reply, Failure> {
        let on = on.map(str::trim).filter(|day| !day.is_empty());
        if let Some(day) = on {
            past_date(["on", "date de fin"], day, now_ms())?;
        }
        let reason = reason.map(str::trim).filter(|r| !r.is_empty());
        let reason = reason.map(|r| write::named("reason", r)).transpose();
        let reason = reason.map_err(|e| Failure::of("usage", &e))?;
        let now = summary::instant(now_ms());
        let day = on.or_else(|| now.split('T').next()).unwrap_or(&now);
        self.supersede(patient, fact, |old| {
            correct::ended(old, day, reason.as_deref()).map_err(|e| Failure::of("usage", &e))
        })
    }

    fn supersede(&mut self, patient: &str, fact: &str, make: impl FnOnce(&[u8]) -> Result<Vec<u8>, Failure>) -> Result<Reply, Failure> {
        let record = self.find(patient)?;
        let old = self.entry_of(record, fact)?;
        let (compartment, source, id) = (old.compartment, old.fact.source.to_owned(), old.fact.id);
        if compartment == Compartment::Request {
            return Err(super::refused(&WriteRefused::OwnStepsOnly));
        }
        let new = make(old.fact.body)?;
        let scores = self.rescored(record, id, &new)?;
        let fact = FactBody {
            source,
            supersedes: vec![id],
            ..FactBody::resource(new)
        };
        self.add(record, std::iter::once(NewFact { compartment, fact }).chain(scores).collect())
    }

    /// A current entry by its id or the start of it.
    fn entry_of(&self, record: RecordId, start: &str) -> Result<RecordFact<'_>, Failure> {
        let reader = self.reader()?;
        let wanted = start.to_lowercase();
        let fits = |f: &RecordFact<'_>| f.fact.id.to_hex().starts_with(&wanted);
        let found: Vec<_> = reader.current(&record).filter(fits).collect();
        if let [one] = found[..] {
            return Ok(one);
        }
        if !found.is_empty() {
            return Err(Failure::new(
                "ambiguous",
                format!("{} entries of this record begin with {start}: give more of the id", found.len()),
                format!(
                    "{} éléments de ce dossier commencent par {start} : donnez plus de caractères",
                    found.len()
                ),
            ));
        }
        let versions = Versions::of(reader.history(&record));
        let mut last = reader.history(&record).find(fits).map(|f| f.fact.id);
        let mut seen = BTreeSet::new();
        while let Some(newer) = last.and_then(|id| versions.replaced_by.get(&id)).filter(|id| seen.insert(**id)) {
            last = Some(*newer);
        }
        Err(match last {
            Some(newer) if !seen.is_empty() => {
                let newer = &newer.to_hex()[..12];
                Failure::new(
                    "corrected",
                    format!("entry {start} was corrected by {newer}; nothing was changed: correct {newer} instead"),
                    format!("l'élément {start} a été corrigé par {newer} ; rien n'a été changé : corrigez plutôt {newer}"),
                )
            }
            _ => Failure::new(
                "not-found",
                format!("no entry of this record begins with {start}: see `bocage patient show`"),
                format!("aucun élément de ce dossier ne commence par {start} : voyez `bocage patient show`"),
            ),
        })
    }
}

fn entry(registry: &Registry, found: &RecordFact<'_>, versions: u64, replaced_by: Option<FactId>) -> Entry {
    let fact = found.fact;
    let seat = registry.seat(&fact.author);
    let practitioner = seat.and_then(|s| registry.practitioner(&s.practitioner?));
    let facility = seat.and_then(|s| registry.facility(&s.facility));
    let typed = typed(fact.body);
    Entry {
        fact: fact.id.to_hex(),
        compartment: compartment_name(found.compartment).to_owned(),
        resource_type: summary::resource_type(fact.body),
        summary: summary::one_line(fact.body),
        text: write::note_text(fact.body).map(|(_, text)| text).unwrap_or_default(),
        author: practitioner.map(|p| p.name.clone()).unwrap_or_default(),
        profession: practitioner.map_or("", |p| super::profession_name(p.profession)).to_owned(),
        facility: facility.map(|f| f.name.clone()).unwrap_or_default(),
        written_ms: fact.hlc.millis(),
        effective: typed.effective,
        effective_ms: typed.effective_ms,
        visit: typed.visit,
        clinical: typed.clinical,
        in_error: typed.in_error,
        is_over: typed.is_over,
        over_because: typed.over_because,
        over_on: typed.over_on,
        request: String::new(),
        fields: plain::fields(fact.body)
            .into_iter()
            .map(|(field, value)| Change {
                field: field.to_owned(),
                value,
            })
            .collect(),
        own: false,
        label: label_name(fact.label).to_owned(),
        versions,
        replaced_by: replaced_by.map(|id| id.to_hex()),
        held_by: None,
    }
}

/// What was typed, as the field has it: a text stays one though it looks like a number.
fn as_typed(body: &[u8], field: &str, value: &str) -> Value {
    let is_text = correct::value_at(body, field).is_some_and(|v| v.is_string());
    match serde_json::from_str(value) {
        Ok(json @ (Value::String(_) | Value::Null)) => json,
        Ok(json) if !is_text => json,
        _ => Value::String(value.to_owned()),
    }
}

fn known_field(body: &[u8], field: &str) -> Result<(), Failure> {
    if correct::takes(body, field) {
        return Ok(());
    }
    let mut fields: Vec<String> = plain::names(body).iter().map(|name| (*name).to_owned()).collect();
    fields.extend(
        correct::fields(body)
            .into_iter()
            .filter(|f| !plain::names(body).contains(&&f[..]))
            .collect::<Vec<_>>(),
    );
    // Nobody means the codes and links behind the words.
    fields.retain(|f| !f.contains("coding[") && ![".system", ".type", ".reference"].iter().any(|end| f.ends_with(end)));
    let more = if fields.len() > FIELDS_NAMED { ", …" } else { "" };
    fields.truncate(FIELDS_NAMED);
    let fields = fields.join(", ");
    Err(Failure::new(
        "usage",
        format!("this entry has no field {field}; nothing was changed. It has {fields}{more}"),
        format!("cet élément n'a pas de champ {field} ; rien n'a été changé. Il a {fields}{more}"),
    ))
}

/// A resource with one field changed, held to what is asked of what is entered here.
fn changed(body: &[u8], field: &str, value: &str) -> Result<Vec<u8>, Failure> {
    if let Some(new) = plain::corrected(body, field, value) {
        let new = new.map_err(|e| not_plain(value, &e))?;
        match field {
            "birth-date" => birth_date(value.trim(), now_ms())?,
            "since" if !value.trim().is_empty() => since_date(value.trim(), now_ms())?,
            _ => {}
        }
        return Ok(new);
    }
    known_field(body, field)?;
    let new = correct::correct(body, &[(field, as_typed(body, field, value))]).map_err(|e| Failure::of("usage", &e))?;
    check(body, &new, field, value)?;
    Ok(new)
}

fn not_plain(typed: &str, error: &PlainError) -> Failure {
    match error {
        PlainError::Measure(sign, error) => super::no_measure(*sign, typed, error),
        PlainError::Write(error) => Failure::of("usage", error),
        PlainError::Correct(error) => Failure::of("usage", error),
    }
}

/// Holds a corrected resource to what is asked of one entered here, where the correction touches it.
fn check(old: &[u8], new: &[u8], field: &str, value: &str) -> Result<(), Failure> {
    let unchanged = |en: &str, fr: &str| {
        Failure::new(
            "usage",
            format!("{field} {value}: {en}; nothing was changed"),
            format!("{field} {value} : {fr} ; rien n'a été changé"),
        )
    };
    match (mapping::of(old), mapping::of(new)) {
        (Ok(Some(View::Observation(old))), Ok(Some(View::Observation(new))))
            if field.starts_with("value") || field.starts_with("component") =>
        {
            measured(&old, &new)
        }
        (_, Ok(Some(View::Patient(new)))) if field == "birthDate" => birth_date(new.birth_date.as_deref().unwrap_or_default(), now_ms()),
        (_, Ok(Some(View::Patient(new)))) if field.starts_with("identifier") => {
            let ins = new.identifiers.iter().filter(|i| i.system.as_deref().is_some_and(system::is_ins));
            for number in ins.filter_map(|i| i.value.as_deref()) {
                identifiers::Kind::Ins
                    .entered(number)
                    .map_err(|e| unchanged(&format!("INS: {e}"), &format!("INS : {}", e.french())))?;
            }
            Ok(())
        }
        (_, Ok(Some(View::Patient(_)))) if value.chars().any(char::is_control) => {
            let error = write::WriteError::Control("text");
            Err(unchanged(&error.to_string(), &error.french()))
        }
        _ => Ok(()),
    }
}

/// A vital sign stays one, within its limits.
fn measured(old: &ObservationView, new: &ObservationView) -> Result<(), Failure> {
    let Some(sign) = old.sign.or(new.sign) else { return Ok(()) };
    match new.measured() {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(super::no_measure(sign, "", &error)),
        None if old.measure().is_none() => Ok(()),
        None => {
            let unit = match sign {
                Sign::Consciousness => "A, C, V, P, U".to_owned(),
                _ => summary::plain_units(sign.row().unit),
            };
            let name = summary::sign_name(sign);
            Err(Failure::new(
                "usage",
                format!("{name}: this would be no measure in its unit ({unit}) any more; nothing was changed"),
                format!("{name} : ce ne serait plus une mesure dans son unité ({unit}) ; rien n'a été changé"),
            ))
        }
    }
}

pub(super) fn compartment_name(compartment: Compartment) -> &'static str {
    match compartment {
        Compartment::Identity => "identity",
        Compartment::Emergency => "emergency",
        Compartment::Medication => "medication",
        Compartment::Clinical => "clinical",
        Compartment::Sensitive => "sensitive",
        Compartment::Trace => "trace",
        Compartment::Request => "request",
    }
}

/// A part of a record as people call it, in English and French.
pub(crate) fn in_words(compartment: Compartment) -> [&'static str; 2] {
    match compartment {
        Compartment::Identity => ["identity", "identité"],
        Compartment::Emergency => ["emergency", "urgence"],
        Compartment::Medication => ["medication", "traitements"],
        Compartment::Clinical => ["clinical", "clinique"],
        Compartment::Sensitive => ["sensitive", "sensible"],
        Compartment::Trace => ["trace", "traces"],
        Compartment::Request => ["request", "demande"],
    }
}

pub(super) fn label_name(label: Label) -> &'static str {
    match label {
        Label::Accepted => "accepted",
        Label::Quarantined => "quarantined",
        Label::Disputed => "disputed",
    }
}
