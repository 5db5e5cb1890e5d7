//! From a file to facts.
//!
//! Three readings, each in bounded memory: a survey finds the patients and where they stand; the patients are filed first, so that a
//! record exists before anything that belongs to it; then everything else in the file's order. (Deferring what precedes its patient would be
//! one reading less and no bound.) So a source must be able to seek.
//!
//! One bad resource is refused with its place and reason and blocks nothing. A file that stops being JSON keeps what came before. Nothing
//! already here is overwritten: a changed resource is a new version, one that was seen before, in whatever version, changes nothing (an old
//! file read again doesn't undo a correction), and a patient whose name *and* birth date differ from those under the same key is refused.
//!
//! A file names resources by `Type/id` when nothing better is there, which another system may use for another person: give its
//! [`Importer::origin`].

use super::MAX_RESOURCE;
use super::bundle::{Content, Entries, Entry};
use super::filing::{self, Compartment, Keys, Owner, PatientRef, Patients};
use super::mapping::{self, MAPPED, PatientView, View};
use super::report::{Note, Reason, Report, Warning};
use super::scan::ScanError;
use bocage_protocol::clinical::text::fold;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Seek, SeekFrom};

/// Patients of one file. A territory has 5,000; their names and places are what the survey holds.
pub const MAX_PATIENTS: usize = 200_000;
/// Resources of one file whose keys are compared with each other (16 bytes each).
const MAX_COMPARED: usize = 4_000_000;
/// serde_json's own marks for exact numbers and raw values: in a file they would be read as such.
const MARK: &[u8] = b"$serde_json::private";

/// A resource ready to be written as a fact. No `Debug`: it is a patient's data.
pub struct ImportItem {
    /// Where it stood: `entry[3]`, `line 2`.
    pub path: String,
    pub resource_type: String,
    /// How the same resource is known again: see [`filing`].
    pub source: String,
    /// Its full URL in the bundle: to be kept beside the fact, so that an export's references resolve.
    pub full_url: Option<String>,
    /// All that references may call it (`Type/id`, full URL, identifiers): for [`ImportSink::patient_of`].
    pub names: Vec<String>,
    /// `None` for the library and what is unfiled. For a Patient, itself.
    pub patient: Option<PatientRef>,
    pub compartment: Compartment,
    /// The exact bytes of the file.
    pub json: Vec<u8>,
    pub warnings: Vec<Warning>,
}

/// What became of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Created,
    Updated,
    Unchanged,
}

/// Where facts are written. An `Err` refuses one item.
pub trait ImportSink {
    /// All versions known under this key, the current one last.
    fn existing(&mut self, patient: Option<&PatientRef>, source: &str) -> Result<Vec<Vec<u8>>, Reason>;

    /// Writes the item, superseding what was current under its key.
    fn put(&mut self, item: &ImportItem) -> Result<Outcome, Reason>;

    /// The patient that a name leads to, or whose the resource of that name is, among what was filed before.
    fn patient_of(&mut self, _name: &str) -> Option<PatientRef> {
        None
    }
}

/// Reads FHIR files.
#[derive(Clone, Default, Debug)]
pub struct Importer {
    /// Name of the system that the files come from: makes their `Type/id` distinct from other systems'.
    pub origin: Option<String>,
}

struct Found {
    entry: Entry,
    offset: u64,
    length: usize,
}

impl Importer {
    /// Files everything in `input` with `sink`; the report says what became of each resource.
    pub fn import<R: Read + Seek>(&self, mut input: R, sink: &mut dyn ImportSink) -> Report {
        let mut run = Run {
            origin: self.origin.as_deref(),
            sink,
            report: Report::default(),
            patients: Patients::default(),
            seen: HashMap::new(),
        };
        let start = match input.stream_position() {
            Ok(start) => start,
            Err(source) => {
                return Report {
                    stopped: Some(Reason::stopped(&ScanError::Io { line: 0, source })),
                    ..run.report
                };
            }
        };
        if let Err(error) = self.read(&mut input, start, &mut run) {
            run.report.stopped = Some(Reason::stopped(&error));
        }
        run.report
    }

    fn read<R: Read + Seek>(&self, input: &mut R, start: u64, run: &mut Run<'_>) -> Result<(), ScanError> {
        let found = match survey(&mut *input, start)? {
            Ok(found) => found,
            Err(history) => {
                run.report.stopped = Some(history);
                return Ok(());
            }
        };
        for patient in found {
            let mut json = vec![0; patient.length];
            rewind(input, patient.offset)?;
            input.read_exact(&mut json).map_err(|source| ScanError::Io { line: 0, source })?;
            run.file(&patient.entry, json, true);
        }
        rewind(input, start)?;
        let mut entries = Entries::new(&mut *input);
        while let Some(mut entry) = entries.next()? {
            match std::mem::replace(&mut entry.content, Content::Nothing) {
                Content::Resource(kept) => match kept.json {
                    Ok(json) if kind_of(&json).as_deref() == Some("Patient") => {}
                    Ok(json) => run.file(&entry, json, false),
                    Err(unfit) => run.report.refuse(entry.path, String::new(), Reason::from(unfit)),
                },
                Content::Nothing => run.report.warn(entry.path, String::new(), Note::NoResource),
                Content::BadLine(error) => run.report.refuse(entry.path, String::new(), Reason::stopped(&error)),
            }
        }
        Ok(())
    }
}

/// The patients of a file, as far as it can be read. The inner error: a file that must not be filed at all.
fn survey<R: Read + Seek>(input: &mut R, start: u64) -> Result<Result<Vec<Found>, Reason>, ScanError> {
    rewind(input, start)?;
    let mut found = Vec::new();
    let mut entries = Entries::new(input);
    // What stops this reading stops the last one at the same place, and is reported there.
    while let Ok(Some(mut entry)) = entries.next() {
        if let Content::Resource(kept) = std::mem::replace(&mut entry.content, Content::Nothing)
            && let Ok(json) = kept.json
            && kind_of(&json).as_deref() == Some("Patient")
            && found.len() < MAX_PATIENTS
        {
            found.push(Found {
                entry,
                offset: start + kept.offset,
                length: json.len(),
            });
        }
        if entries.bundle_type() == Some("history") {
            return Ok(Err(Reason::History));
        }
    }
    if entries.bundle_type() == Some("history") {
        Ok(Err(Reason::History))
    } else {
        Ok(Ok(found))
    }
}

fn rewind<R: Seek>(input: &mut R, to: u64) -> Result<(), ScanError> {
    input
        .seek(SeekFrom::Start(to))
        .map(|_| ())
        .map_err(|source| ScanError::Io { line: 0, source })
}

fn kind_of(json: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Head {
        #[serde(rename = "resourceType")]
        kind: String,
    }
    serde_json::from_slice::<Head>(json).ok().map(|h| h.kind)
}

/// Type and id of a resource, whatever else is wrong with it; empty if either is missing or unlawful.
fn name_of(json: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Head {
        #[serde(rename = "resourceType")]
        kind: String,
        id: String,
    }
    let head = serde_json::from_slice::<Head>(json).ok();
    let head = head.filter(|h| filing::is_type_name(&h.kind) && filing::is_id(&h.id));
    head.map(|h| format!("{}/{}", h.kind, h.id)).unwrap_or_default()
}

struct Run<'a> {
    origin: Option<&'a str>,
    sink: &'a mut dyn ImportSink,
    report: Report,
    patients: Patients,
    /// Hash of a source key → hash of the resource's own name, for identifiers that two resources share.
    seen: HashMap<u64, u64>,
}

impl Run<'_> {
    /// Files one resource or refuses it.
    fn file(&mut self, entry: &Entry, json: Vec<u8>, is_patient: bool) {
        let name = name_of(&json);
        match self.try_file(entry, json, &name) {
            Ok((kind, compartment, outcome)) => self.report.filed(&kind, compartment, outcome, MAPPED.contains(&kind.as_str())),
            Err(reason) => {
                if is_patient {
                    self.patients.add_refused(entry.bundle);
                }
                self.report.refuse(entry.path.clone(), name, reason);
            }
        }
    }

    fn try_file(&mut self, entry: &Entry, json: Vec<u8>, name: &str) -> Result<(String, Compartment, Outcome), Reason> {
        let (kind, resource, view) = check(&json)?;
        let mut warnings = doubtful_numbers(view.as_ref());
        let full_url = entry.full_url.as_deref();
        let keys = Keys::of(&kind, &resource, &json, full_url, self.origin);
        let source = self.source(&keys, &mut warnings);
        let (patient, compartment) = if kind == "Patient" {
            (Some(PatientRef { source: source.clone() }), Compartment::Identity)
        } else {
            let sink = &mut *self.sink;
            let owner = self
                .patients
                .owner(&kind, &resource, full_url, entry.bundle, &mut |name| sink.patient_of(name));
            match owner {
                Owner::Patient(patient) => (Some(patient), filing::compartment(&kind, &resource)),
                Owner::Nobody => (None, Compartment::Library),
                Owner::Unknown => {
                    warnings.push(Warning::new(Note::NoPatient));
                    (None, Compartment::Unfiled)
                }
            }
        };
        let versions = self.sink.existing(patient.as_ref(), &source)?;
        if let (Some(View::Patient(new)), Some(current)) = (&view, versions.last()) {
            same_person(new, current)?;
        }
        let same = |old: &Vec<u8>| *old == json || serde_json::from_slice::<Value>(old).is_ok_and(|old| old == resource);
        let seen_at = versions.iter().rposition(same);
        if seen_at.is_some_and(|at| at + 1 < versions.len()) {
            warnings.push(Warning::new(Note::OlderVersion));
        }
        let path = entry.path.clone();
        let item = ImportItem {
            path,
            resource_type: kind,
            source,
            full_url: entry.full_url.clone(),
            names: keys.names,
            patient,
            compartment,
            json,
            warnings,
        };
        let outcome = match seen_at {
            Some(_) => Outcome::Unchanged,
            None => self.sink.put(&item)?,
        };
        if let (Some(patient), "Patient") = (&item.patient, item.resource_type.as_str()) {
            self.patients.add(patient.clone(), &item.names, entry.bundle);
        }
        for warning in item.warnings {
            self.report.warn(item.path.clone(), name.to_owned(), warning.note);
        }
        Ok((item.resource_type, item.compartment, outcome))
    }

    /// The best key that no other resource of this file has.
    fn source(&mut self, keys: &Keys, warnings: &mut Vec<Warning>) -> String {
        let own = hash(&keys.own);
        for (i, source) in keys.sources.iter().enumerate() {
            if self.seen.len() >= MAX_COMPARED {
                return source.clone();
            }
            let is_mine = match self.seen.entry(hash(source)) {
                Slot::Vacant(slot) => {
                    slot.insert(own);
                    true
                }
                Slot::Occupied(slot) => *slot.get() == own,
            };
            if is_mine {
                if i > 0 && keys.sources[0].contains("?identifier=") {
                    warnings.push(Warning::new(Note::SharedIdentifier));
                }
                return source.clone();
            }
        }
        keys.sources[keys.sources.len() - 1].clone()
    }
}

/// Well-formed, of a type, with a lawful id, and readable where it is understood.
fn check(json: &[u8]) -> Result<(String, Value, Option<View>), Reason> {
    debug_assert!(json.len() <= MAX_RESOURCE, "the scanner keeps no more");
    if json.windows(MARK.len()).any(|w| w == MARK) {
        return Err(Reason::ReservedName);
    }
    let resource: Value = serde_json::from_slice(json).map_err(|e| Reason::NotJson { what: e.to_string() })?;
    if !resource.is_object() {
        return Err(Reason::NotAnObject);
    }
    let kind = match &resource["resourceType"] {
        Value::Null => return Err(Reason::NoType),
        Value::String(kind) if filing::is_type_name(kind) => kind.clone(),
        _ => return Err(Reason::BadType),
    };
    match &resource["id"] {
        Value::Null => {}
        Value::String(id) if filing::is_id(id) => {}
        _ => return Err(Reason::BadId),
    }
    let view = mapping::of_value(&resource).map_err(|e| Reason::Invalid {
        path: e.path,
        what: e.what,
    })?;
    Ok((kind, resource, view))
}

fn doubtful_numbers(view: Option<&View>) -> Vec<Warning> {
    let identifiers = match view {
        Some(View::Patient(v)) => &v.identifiers,
        Some(View::Practitioner(v)) => &v.identifiers,
        Some(View::Organization(v)) => &v.identifiers,
        _ => return Vec::new(),
    };
    identifiers
        .iter()
        .filter(|i| !i.sound)
        .map(|i| {
            Warning::new(Note::DoubtfulNumber {
                system: i.system.clone().unwrap_or_default(),
            })
        })
        .collect()
}

/// Refuses to make one person of two: birth date and name both differ.
fn same_person(new: &PatientView, current: &[u8]) -> Result<(), Reason> {
    let Ok(Some(View::Patient(old))) = mapping::of(current) else {
        return Ok(());
    };
    let differ = |a: Option<&String>, b: Option<&String>| matches!((a, b), (Some(a), Some(b)) if fold(a) != fold(b));
    let birth = differ(new.birth_date.as_ref(), old.birth_date.as_ref());
    let name = differ(new.family.as_ref(), old.family.as_ref()) || differ(new.given.first(), old.given.first());
    if birth && name { Err(Reason::OtherPerson) } else { Ok(()) }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
