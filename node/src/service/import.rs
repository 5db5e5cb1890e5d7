//! Imported resources become facts: one record a patient, one library a facility.
//!
//! What was read is buffered per record and saved in batches; the report is given only when everything in it is durable.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use bocage_protocol::access::matrix::Compartment;
use bocage_protocol::crypto::derive;
use bocage_protocol::envelope::Lane;
use bocage_protocol::ids::{FactId, RecordId};
use bocage_protocol::record::{FactBody, FactKind, MAX_SOURCE, NewFact, Reader};
use bocage_protocol::store::{LocalWrite, Store};

use super::turns::Turns;
use super::{Service, URL_MARK, refused, store_failure, summary};
use crate::client::{Failure, Reply};
use crate::core::now_ms;
use crate::fhir::filing::Compartment as Filed;
use crate::fhir::report::Reason;
use crate::fhir::{ImportItem, ImportSink, Importer, Language, Outcome, PatientRef, Report};
use crate::keystore::OsEntropy;
use crate::lang::Bilingual;
use crate::place::internal;

/// Facts and bytes buffered before they are saved.
const BUFFERED_FACTS: usize = 2_000;
const BUFFERED_BYTES: usize = 8 * 1024 * 1024;

/// Imports files in this order. Long: see [`Turns`].
pub(super) fn import(turns: Turns<'_>, files: &[PathBuf], progress: &mut dyn FnMut(u64, u64)) -> Result<Reply, Failure> {
    let mut sink = Sink::new(turns, progress)?;
    let (mut reports, mut unread) = (Vec::new(), Vec::new());
    for path in files {
        let name = path
            .file_name()
            .map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        let report = match open(path) {
            Ok(file) => {
                let report = Importer::default().import(file, &mut sink);
                if let Some(reason) = report.stopped.as_ref().filter(|_| report.is_nothing()) {
                    let [en, fr] = [Language::English, Language::French].map(|l| reason.text(l));
                    unread.push(Failure::new(
                        "file",
                        format!("{}: {en}", path.display()),
                        format!("{} : {fr}", path.display()),
                    ));
                }
                report
            }
            Err(error) => {
                unread.push(Failure::file(path, &error));
                Report {
                    stopped: Some(Reason::NotOpened {
                        what: error.to_string(),
                        what_fr: error.french(),
                    }),
                    ..Report::default()
                }
            }
        };
        reports.push((name, report));
    }
    sink.flush()?;
    // One bad file among several is reported beside the others; with nothing read there is nothing to report.
    if unread.len() == files.len() {
        let all = |text: fn(&Failure) -> &str| unread.iter().map(text).collect::<Vec<_>>().join("; ");
        return Err(Failure::new("file", all(|f| &f.message), all(|f| &f.message_fr)));
    }
    Ok(Reply::Imported { files: reports })
}

/// A file to read; a directory is none, though it can be opened.
fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

/// One version of a resource that is stored already.
struct Version {
    at: (RecordId, Compartment),
    /// `None` while it waits in the buffer.
    fact: Option<FactId>,
    json: Vec<u8>,
    current: bool,
}

struct Sink<'a> {
    turns: Turns<'a>,
    progress: &'a mut dyn FnMut(u64, u64),
    versions: HashMap<String, Vec<Version>>,
    /// Source key of a patient → record.
    patients: HashMap<String, RecordId>,
    /// What references may call a patient or a patient's resource → source key of the patient.
    names: HashMap<String, String>,
    buffer: BTreeMap<RecordId, Vec<(NewFact, String)>>,
    buffered: (usize, usize),
    /// Records of this facility for what is no patient's, by name.
    shelves: HashMap<&'static str, RecordId>,
    done: u64,
}

/// What is stored of one record: its versions by key, its patient's key, and what references may call either.
struct Known {
    record: RecordId,
    owner: Option<String>,
    names: Vec<String>,
    versions: Vec<(String, Version)>,
}

impl<'a> Sink<'a> {
    fn new(mut turns: Turns<'a>, progress: &'a mut dyn FnMut(u64, u64)) -> Result<Self, Failure> {
        let records: Vec<RecordId> = turns.take(|service| Ok(service.reader()?.records().collect()))?;
        let mut sink = Self {
            turns,
            progress,
            versions: HashMap::new(),
            patients: HashMap::new(),
            names: HashMap::new(),
            buffer: BTreeMap::new(),
            buffered: (0, 0),
            shelves: HashMap::new(),
            done: 0,
        };
        for record in records {
            let known = sink.turns.take(move |service| Ok(known(service.reader()?, record)))?;
            sink.learn(known);
        }
        Ok(sink)
    }

    fn learn(&mut self, known: Known) {
        if let Some(owner) = known.owner {
            for name in known.names {
                self.names.insert(name, owner.clone());
            }
            self.patients.insert(owner, known.record);
        }
        for (key, version) in known.versions {
            let of_source = self.versions.entry(key).or_default();
            of_source.push(version);
            of_source.sort_by_key(|v| v.current);
        }
    }

    /// Saves what is buffered, a record at a time.
    fn flush(&mut self) -> Result<(), Failure> {
        for (record, facts) in std::mem::take(&mut self.buffer) {
            let (facts, keys): (Vec<NewFact>, Vec<String>) = facts.into_iter().unzip();
            let (facts, ids) = self.turns.take(move |service| {
                let registry = service.core.registry();
                let write = service
                    .reader()?
                    .add(now_ms(), Lane::Rest, record, &facts, registry, &mut OsEntropy)
                    .map_err(|e| service.refused_in(record, &facts, &e))?;
                service.save(&write)?;
                Ok((facts, write.facts))
            })?;
            for ((key, fact), id) in keys.iter().zip(&facts).zip(&ids) {
                let waiting = self
                    .versions
                    .get_mut(key)
                    .into_iter()
                    .flatten()
                    .find(|v| v.fact.is_none() && v.json == fact.fact.body);
                if let Some(version) = waiting {
                    version.fact = Some(*id);
                }
            }
        }
        self.buffered = (0, 0);
        Ok(())
    }

    /// A record of this facility for what is no patient's.
    fn shelf(&mut self, name: &'static str) -> Result<RecordId, Failure> {
        if let Some(record) = self.shelves.get(name) {
            return Ok(*record);
        }
        let record = self.turns.take(move |service| shelf(service, name))?;
        self.shelves.insert(name, record);
        Ok(record)
    }

    fn try_put(&mut self, item: &ImportItem) -> Result<Outcome, Failure> {
        let place = self.place(item)?;
        let known = self.versions.get(&item.source).map_or(&[][..], Vec::as_slice);
        let same = known.iter().find(|v| v.json == item.json);
        // Known already, and where it belongs: what came unfiled goes to its patient once the patient is known.
        if same.is_some_and(|v| !v.current || place.is_none_or(|place| place == v.at)) {
            return Ok(Outcome::Unchanged);
        }
        let outcome = if known.is_empty() { Outcome::Created } else { Outcome::Updated };
        if known.iter().any(|v| v.current && v.fact.is_none()) {
            self.flush()?;
        }
        let known = self.versions.get(&item.source).map_or(&[][..], Vec::as_slice);
        let current: Vec<_> = known.iter().filter(|v| v.current).filter_map(|v| Some((v.at, v.fact?))).collect();
        let (here, elsewhere): (Vec<_>, Vec<_>) = current.into_iter().partition(|(at, _)| Some(*at) == place);
        let source = match &item.full_url {
            Some(url) if item.source.len() + url.len() < MAX_SOURCE => format!("{}{URL_MARK}{url}", item.source),
            _ => item.source.clone(),
        };
        let supersedes = here.iter().map(|(_, fact)| *fact).collect();
        let fact = FactBody {
            source,
            supersedes,
            ..FactBody::resource(item.json.clone())
        };
        let (at, fact) = match place {
            Some(at) => {
                self.enter(at, fact, item.source.clone());
                (at, None)
            }
            None => {
                let (record, fact) = self.turns.take(move |service| create(service, Compartment::Identity, fact))?;
                if let Some(patient) = &item.patient {
                    self.patients.insert(patient.source.clone(), record);
                }
                ((record, Compartment::Identity), fact)
            }
        };
        // A document's facts supersede in that document only: where an older version stood elsewhere, it says that it moved.
        for (at, old) in elsewhere {
            let moved = FactBody {
                kind: FactKind::Moved,
                supersedes: vec![old],
                ..FactBody::resource(Vec::new())
            };
            self.enter(at, moved, String::new());
        }
        if let Some(patient) = &item.patient {
            for name in &item.names {
                self.names.insert(name.clone(), patient.source.clone());
            }
        }
        let versions = self.versions.entry(item.source.clone()).or_default();
        versions.iter_mut().for_each(|v| v.current = false);
        versions.push(Version {
            at,
            fact,
            json: item.json.clone(),
            current: true,
        });
        if self.buffered.0 >= BUFFERED_FACTS || self.buffered.1 >= BUFFERED_BYTES {
            self.flush()?;
        }
        Ok(outcome)
    }

    fn enter(&mut self, (record, compartment): (RecordId, Compartment), fact: FactBody, key: String) {
        self.buffered.0 += 1;
        self.buffered.1 += fact.body.len();
        self.buffer.entry(record).or_default().push((NewFact { compartment, fact }, key));
    }

    /// The record an item belongs to, and where in it.
    fn place(&mut self, item: &ImportItem) -> Result<Option<(RecordId, Compartment)>, Failure> {
        let compartment = match item.compartment {
            Filed::Identity | Filed::Library => Compartment::Identity,
            Filed::Medication => Compartment::Medication,
            Filed::Clinical | Filed::Unfiled => Compartment::Clinical,
            Filed::Sensitive => Compartment::Sensitive,
        };
        let record = match (&item.patient, item.compartment) {
            (Some(patient), _) => match self.patients.get(&patient.source) {
                Some(record) => *record,
                None => return Ok(None),
            },
            (None, Filed::Unfiled) => self.shelf("unfiled")?,
            (None, _) => self.shelf("library")?,
        };
        Ok(Some((record, compartment)))
    }
}

impl ImportSink for Sink<'_> {
    fn existing(&mut self, _: Option<&PatientRef>, source: &str) -> Result<Vec<Vec<u8>>, Reason> {
        Ok(self.versions.get(source).into_iter().flatten().map(|v| v.json.clone()).collect())
    }

    fn put(&mut self, item: &ImportItem) -> Result<Outcome, Reason> {
        self.done += 1;
        if self.done.is_multiple_of(100) {
            (self.progress)(self.done, 0);
        }
        self.try_put(item).map_err(|e| Reason::Store {
            what: e.message,
            what_fr: e.message_fr,
        })
    }

    fn patient_of(&mut self, name: &str) -> Option<PatientRef> {
        self.names.get(name).map(|source| PatientRef { source: source.clone() })
    }
}

/// A new record with one fact.
fn create(service: &mut Service, compartment: Compartment, fact: FactBody) -> Result<(RecordId, Option<FactId>), Failure> {
    let registry = service.core.registry();
    let write = service
        .reader()?
        .create_record(now_ms(), Lane::Rest, &[NewFact { compartment, fact }], registry, &mut OsEntropy)
        .map_err(|e| refused(&e))?;
    service.save(&write)?;
    let record = write.record.ok_or_else(|| internal("a new record has no id"))?;
    Ok((record, write.facts.first().copied()))
}

fn shelf(service: &mut Service, name: &str) -> Result<RecordId, Failure> {
    let local = [b"shelf/", name.as_bytes()].concat();
    if let Some(id) = service.core.store.local(&local).map_err(|e| store_failure(&e))?
        && let Ok(id) = <[u8; 32]>::try_from(id)
        && service.reader()?.records().any(|r| r == RecordId(id))
    {
        return Ok(RecordId(id));
    }
    let what = serde_json::json!({ "resourceType": "Basic", "code": { "text": name } });
    let fact = FactBody {
        source: format!("bocage:{name}"),
        ..FactBody::resource(what.to_string().into_bytes())
    };
    let (record, _) = create(service, Compartment::Identity, fact)?;
    let write = LocalWrite {
        key: local,
        value: Some(record.0.to_vec()),
    };
    service.core.save_local(vec![write]).map_err(|e| store_failure(&e))?;
    Ok(record)
}

fn known(reader: &Reader, record: RecordId) -> Known {
    let current: HashSet<FactId> = reader.current(&record).map(|f| f.fact.id).collect();
    let (mut names, mut versions) = (Vec::new(), Vec::new());
    for found in reader.history(&record) {
        let (source, url) = split(found.fact.source);
        names.push(source.to_owned());
        names.extend(url.map(str::to_owned));
        names.extend(local_name(found.fact.body));
        let version = Version {
            at: (record, found.compartment),
            fact: Some(found.fact.id),
            json: found.fact.body.to_vec(),
            current: current.contains(&found.fact.id),
        };
        versions.push((key(source, found.fact.body), version));
    }
    Known {
        record,
        owner: patient_source(reader, record),
        names,
        versions,
    }
}

/// The source key of a record's patient; of one registered here, the reference that its own resources use.
fn patient_source(reader: &Reader, record: RecordId) -> Option<String> {
    let mut identity = reader.current(&record).filter(|f| f.compartment == Compartment::Identity);
    let patient = identity.find(|f| summary::resource_type(f.fact.body) == "Patient")?;
    let (source, _) = split(patient.fact.source);
    Some(if source.is_empty() {
        super::patient_reference(reader, record)?
    } else {
        source.to_owned()
    })
}

/// Facts written here have no source: they are told apart by their bytes.
fn key(source: &str, json: &[u8]) -> String {
    if source.is_empty() {
        let hash = derive("bocage 2026-11 unsourced fact v1", &[json]);
        return format!("here:{}", bocage_protocol::ids::hex(&hash[..16]));
    }
    source.to_owned()
}

fn split(source: &str) -> (&str, Option<&str>) {
    source.split_once(URL_MARK).map_or((source, None), |(key, url)| (key, Some(url)))
}

fn local_name(json: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(json).ok()?;
    Some(format!("{}/{}", value["resourceType"].as_str()?, value["id"].as_str()?))
}
