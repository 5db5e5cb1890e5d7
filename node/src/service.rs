//! What a node does when asked: the requests of [`crate::client`] over engine, store and the open seat.
//!
//! One way for all: CLI, app and tests ask here. A request that touches records needs the seat's passphrase in the same session;
//! what is reported as saved has been fsynced.

use std::collections::{BTreeMap, BTreeSet};

use bocage_protocol::access::matrix::Compartment;
use bocage_protocol::access::view::Act;
use bocage_protocol::clinical::vitals::{Measure, Sign, VitalError};
use bocage_protocol::clinical::{identifiers, text};
use bocage_protocol::crypto::Entropy;
use bocage_protocol::envelope::{Kind, Lane};
use bocage_protocol::identity::registry::Practitioner;
use bocage_protocol::identity::{FacilityKind, Profession};
use bocage_protocol::ids::{FacilityKey, FactId, NodeKey, RecordId, hex, unhex};
use bocage_protocol::record::{FactBody, NewFact, ROUND_MS, Reader, WriteRefused};
use bocage_protocol::store::{LocalWrite, Store};

use crate::client::{Failure, NewPatient, PatientRow, PeerRow, Reply, Request, Status};
use crate::core::{Core, Outcome, now_ms};
use crate::fhir::mapping::{self, View, write};
use crate::home::Home;
use crate::keystore::{NodeKeys, OsEntropy, SeatKeystore, UnlockedSeat};
use crate::lang::Bilingual;
use crate::place::{self, internal};

mod doctor;
mod enrolment;
mod export;
mod import;
mod record;
pub mod summary;
mod turns;

pub(crate) use turns::{Step, Turns};

/// Splits a fact's source from the full URL under which its resource was imported.
const URL_MARK: char = '\u{1f}';

/// Begins the local record of when a peer was last met; its key follows.
const MET: &[u8] = b"met/";
/// It is written anew at most this often.
const MET_EVERY_MS: u64 = 60_000;

/// Characters of an id that name a record, if it is the only one.
const MIN_START: usize = 4;

/// A node that answers requests.
pub struct Service {
    pub home: Home,
    pub core: Core,
    keys: NodeKeys,
    unlocked: Option<UnlockedSeat>,
    /// Sessions that have given the passphrase.
    sessions: BTreeSet<u64>,
    /// The seat stays open for the node's own work (admitting, answering key requests) when it was opened at start.
    stays_open: bool,
    /// When each peer was last met, as stored: over restarts.
    met: BTreeMap<NodeKey, u64>,
    /// What the driver adds to a status.
    pub live: Live,
    /// Side effects of requests that the driver still has to carry out.
    pub pending: Vec<Outcome>,
}

/// What only a running node knows.
#[derive(Default)]
pub struct Live {
    pub running: bool,
    pub listening: Vec<String>,
    pub peers: BTreeMap<NodeKey, LivePeer>,
}

/// A peer as last met.
#[derive(Clone, Default)]
pub struct LivePeer {
    pub address: String,
    pub clock_ahead_ms: Option<i64>,
    pub last_seen_ms: Option<u64>,
}

impl Service {
    /// Opens the node on this directory, without a seat.
    ///
    /// # Errors
    /// See [`place::open`].
    pub fn open(home: Home, progress: &mut dyn FnMut(u64, u64)) -> Result<Self, Failure> {
        let (core, keys) = place::open(&home, progress)?;
        let met = core.store.local_prefix(MET).unwrap_or_default();
        let met = met.into_iter().filter_map(|(key, at)| {
            let node = NodeKey(key.get(MET.len()..)?.try_into().ok()?);
            Some((node, u64::from_be_bytes(at.try_into().ok()?)))
        });
        Ok(Self {
            home,
            core,
            keys,
            met: met.collect(),
            unlocked: None,
            sessions: BTreeSet::new(),
            stays_open: false,
            live: Live::default(),
            pending: Vec::new(),
        })
    }

    pub fn keys(&self) -> &NodeKeys {
        &self.keys
    }

    /// Opens the seat for as long as the node runs.
    ///
    /// # Errors
    /// Wrong passphrase, or no keystore.
    pub fn keep_open(&mut self, passphrase: &str) -> Result<(), Failure> {
        self.unlock(u64::MAX, passphrase)?;
        self.stays_open = true;
        Ok(())
    }

    /// A connection ended: without anybody left, keys and documents leave memory.
    pub fn end_session(&mut self, session: u64) {
        self.sessions.remove(&session);
        if self.sessions.is_empty() && !self.stays_open {
            self.core.reader = None;
            self.unlocked = None;
        }
    }

    /// Carries out one request.
    ///
    /// # Errors
    /// As people read them: what happened, what is safe, what to do.
    pub fn handle(&mut self, session: u64, request: Request, progress: &mut dyn FnMut(u64, u64)) -> Result<Reply, Failure> {
        match request {
            Request::Status => Ok(Reply::Status(self.status()?)),
            Request::Peers => Ok(Reply::Peers { peers: self.peers() }),
            Request::Unlock { passphrase } => self.unlock(session, &passphrase),
            Request::Invite { addresses } => {
                self.require_open(session)?;
                self.invite(addresses)
            }
            Request::Waiting => Ok(Reply::Waiting { requests: self.waiting()? }),
            // The driver does the dialling; without one there is nobody to dial.
            Request::Redial => Ok(Reply::Done),
            Request::Doctor => Ok(Reply::Doctor { checks: self.doctor() }),
            Request::Admit { request, preview } => {
                self.require_open(session)?;
                let sealed = unhex(&request)
                    .ok_or_else(|| Failure::new("usage", "the request isn't hexadecimal", "la demande n'est pas en hexadécimal"))?;
                self.admit(&sealed, preview)
            }
            other => {
                self.require_open(session)?;
                self.with_records(other, progress)
            }
        }
    }

    fn with_records(&mut self, request: Request, progress: &mut dyn FnMut(u64, u64)) -> Result<Reply, Failure> {
        match request {
            Request::PatientCreate(new) => self.patient_create(&new),
            Request::PatientSearch { query } => Ok(Reply::Patients {
                patients: self.patient_search(&query)?,
            }),
            Request::PatientShow { patient, history } => {
                let record = self.find(&patient)?;
                Ok(Reply::Record(self.show(record, history)?))
            }
            Request::NoteAdd { patient, text } => self.act(&patient, |act| write::note(act, "Note", &text)),
            Request::VitalAdd { patient, sign, value } => {
                let measure = measure(&sign, &value)?;
                self.act(&patient, |act| write::vital(act, measure))
            }
            Request::Correct {
                patient,
                fact,
                field,
                value,
            } => self.correct(&patient, &fact, &field, &value),
            Request::Share { patient, facility } => self.share(&patient, &facility),
            Request::Import { .. } | Request::Export { .. } => long(Turns::Own(self), request, progress),
            _ => Err(internal("a request was not routed")),
        }
    }

    // ---- the seat

    fn unlock(&mut self, session: u64, passphrase: &str) -> Result<Reply, Failure> {
        let unlocked = unseal(&self.home, passphrase)?;
        self.unlock_with(session, unlocked)
    }

    /// Opens the seat with keys that [`unseal`] gave, for this session.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) fn unlock_with(&mut self, session: u64, unlocked: UnlockedSeat) -> Result<Reply, Failure> {
        if self.core.reader.is_none()
            && let Some(secrets) = place::seat_of(&unlocked)
        {
            self.core.unlock(secrets).map_err(|e| store_failure(&e))?;
        }
        self.unlocked = Some(unlocked);
        self.sessions.insert(session);
        let (facility, _) = self.own_facility();
        let practitioner = self.practitioner().map(|p| p.name.clone()).unwrap_or_default();
        Ok(Reply::Unlocked { practitioner, facility })
    }

    fn require_open(&self, session: u64) -> Result<(), Failure> {
        if self.sessions.contains(&session) {
            Ok(())
        } else {
            Err(Failure::new(
                "locked",
                "this needs the seat's passphrase",
                "il faut pour cela la phrase de passe du poste",
            ))
        }
    }

    fn reader(&self) -> Result<&Reader, Failure> {
        self.core.reader.as_ref().ok_or_else(|| {
            Failure::new(
                "no-seat",
                "nobody practises at this node: it carries records and can't read them",
                "personne n'exerce sur ce nœud : il transporte les dossiers et ne peut pas les lire",
            )
        })
    }

    fn own_facility(&self) -> (String, String) {
        let own = place::node_key(&self.keys);
        let registry = self.core.registry();
        registry
            .node(&own)
            .and_then(|n| registry.facility(&n.facility))
            .map_or_else(Default::default, |f| (f.name.clone(), kind_name(f.kind).to_owned()))
    }

    // ---- what everybody may ask

    fn status(&self) -> Result<Status, Failure> {
        let (facility, kind) = self.own_facility();
        let registry = self.core.registry();
        let items = self.core.peer.index().len() as u64;
        let ops = registry.ops().count() as u64;
        let traffic = self.core.peer.traffic();
        let content = self.content_envelopes()?;
        let envelopes = items - ops;
        let practised = registry.node(&place::node_key(&self.keys)).is_some_and(|n| {
            let mut seats = registry.seats();
            seats.any(|(_, s)| s.facility == n.facility && s.practitioner.is_some())
        });
        let seat = match (&self.core.reader, practised) {
            (Some(_), _) => "open",
            (None, true) => "locked",
            (None, false) => "nobody",
        };
        let counts = self.core.reader.as_ref().map(Reader::counts);
        Ok(Status {
            network: registry.charter().name.clone(),
            network_id: registry.network_id().to_string(),
            facility,
            kind,
            node: place::node_key(&self.keys).to_string(),
            items,
            registry: ops,
            envelopes,
            access: envelopes.saturating_sub(content),
            seat: seat.to_owned(),
            readable: counts.map(|c| c.readable),
            sealed: content.saturating_sub(counts.map_or(0, |c| c.readable)),
            records: counts.map(|c| c.records),
            root: hex(&self.core.peer.index().root()),
            peers: self.peers(),
            listening: self.live.listening.clone(),
            bytes_sent: traffic.bytes_sent,
            bytes_received: traffic.bytes_received,
            item_bytes_sent: traffic.item_bytes_sent,
            item_bytes_received: traffic.received,
            item_bytes_new: traffic.new,
            waiting: self.core.peer.waiting() as u64,
            refused: traffic.refused,
            running: self.live.running,
        })
    }

    /// Envelopes with sealed content, whoever can open them.
    fn content_envelopes(&self) -> Result<u64, Failure> {
        let mut count = 0;
        let mut from = std::ops::Bound::Unbounded;
        loop {
            let keys = self.core.store.range(from, 4_096).map_err(|e| store_failure(&e))?;
            let Some(last) = keys.last() else { return Ok(count) };
            from = std::ops::Bound::Excluded(*last);
            for key in keys {
                // Version, then kind: the two first bytes of an envelope.
                let bytes = self.core.store.get(&key.id).map_err(|e| store_failure(&e))?;
                count += u64::from(bytes.is_some_and(|b| b.starts_with(&[1, Kind::Content as u8])));
            }
        }
    }

    fn peers(&self) -> Vec<PeerRow> {
        let own = place::node_key(&self.keys);
        let registry = self.core.registry();
        let sessions: BTreeMap<NodeKey, bool> = self.core.peer.sessions().map(|(_, node, settled)| (node, settled)).collect();
        let mut rows = Vec::new();
        for (key, node) in registry.nodes().filter(|(k, _)| **k != own) {
            let Some(facility) = registry.facility(&node.facility) else {
                continue;
            };
            let live = self.live.peers.get(key).cloned().unwrap_or_default();
            rows.push(PeerRow {
                facility: facility.name.clone(),
                facility_key: node.facility.to_hex(),
                kind: kind_name(facility.kind).to_owned(),
                node: key.to_string(),
                connected: sessions.contains_key(key),
                settled: sessions.get(key).copied().unwrap_or(false),
                address: live.address,
                clock_ahead_ms: live.clock_ahead_ms,
                last_seen_ms: live.last_seen_ms.or_else(|| self.met.get(key).copied()),
            });
        }
        rows
    }

    // ---- records

    fn patient_create(&mut self, new: &NewPatient) -> Result<Reply, Failure> {
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
    fn refuse_twin(&self, new: &NewPatient) -> Result<(), Failure> {
        let reader = self.reader()?;
        let who = |family: &str, given: &str| (text::fold(family), text::fold(given));
        let wanted = who(&new.family, &new.given);
        let mut rows = reader.records().filter_map(|record| patient_row(reader, record));
        let Some(twin) = rows.find(|row| row.birth_date == new.birth_date && who(&row.family, &row.given) == wanted) else {
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

    fn patient_search(&self, query: &str) -> Result<Vec<PatientRow>, Failure> {
        let reader = self.reader()?;
        let query = text::fold(query);
        let mut rows: Vec<PatientRow> = reader
            .records()
            .filter_map(|record| patient_row(reader, record))
            .filter(|row| {
                text::matches(
                    &text::index(&format!("{} {} {} {}", row.family, row.given, row.ins, row.birth_date)),
                    &query,
                )
            })
            .collect();
        rows.sort_by_cached_key(|row| (text::fold(&row.family), text::fold(&row.given), row.patient.clone()));
        Ok(rows)
    }

    /// A record by its whole id or the start of it.
    fn find(&self, start: &str) -> Result<RecordId, Failure> {
        let reader = self.reader()?;
        let wanted = start.to_lowercase();
        let found: Vec<RecordId> = reader.records().filter(|r| r.to_hex().starts_with(&wanted)).collect();
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
    fn act(&mut self, patient: &str, make: impl FnOnce(&write::Act<'_>) -> Result<Vec<u8>, write::WriteError>) -> Result<Reply, Failure> {
        let record = self.find(patient)?;
        let subject = patient_reference(self.reader()?, record).ok_or_else(|| {
            Failure::new(
                "not-found",
                "the patient's identity hasn't arrived here yet: try again after the next exchange",
                "l'identité du patient n'est pas encore arrivée ici : recommencez après le prochain échange",
            )
        })?;
        let (id, effective) = (write::uuid(random16()), summary::instant(now_ms()));
        let (name, rpps) = self.practitioner().map(|p| (p.name.clone(), p.rpps.clone())).unwrap_or_default();
        let act = write::Act {
            id: &id,
            patient: &subject,
            by: Some(write::By { name: &name, rpps: &rpps }).filter(|b| !b.name.is_empty()),
            effective: &effective,
            ..write::Act::default()
        };
        let json = make(&act).map_err(|e| Failure::of("usage", &e))?;
        let compartment = match self.profession() {
            Some(Profession::Pharmacist) => Compartment::Medication,
            _ => Compartment::Clinical,
        };
        let fact = FactBody::resource(json);
        self.add(record, vec![NewFact { compartment, fact }])
    }

    fn profession(&self) -> Option<Profession> {
        Some(self.practitioner()?.profession)
    }

    /// Whose seat is open.
    fn practitioner(&self) -> Option<&Practitioner> {
        let registry = self.core.registry();
        let practitioner = registry.seat(&self.core.reader.as_ref()?.seat())?.practitioner?;
        registry.practitioner(&practitioner)
    }

    fn add(&mut self, record: RecordId, facts: Vec<NewFact>) -> Result<Reply, Failure> {
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
    fn refused_in(&self, record: RecordId, facts: &[NewFact], error: &WriteRefused) -> Failure {
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

    fn save(&mut self, write: &bocage_protocol::record::Write) -> Result<(), Failure> {
        let outcome = self.core.save(write).map_err(|e| store_failure(&e))?;
        self.pending.push(outcome);
        Ok(())
    }

    fn share(&mut self, patient: &str, facility: &str) -> Result<Reply, Failure> {
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

    /// Key requests to send and to answer; called by the driver after what arrives.
    pub fn chores(&mut self) {
        self.remember_met(MET_EVERY_MS);
        let registry = self.core.peer.registry();
        let Some(write) = self.core.reader.as_mut().and_then(|r| r.chores(now_ms(), registry, &mut OsEntropy)) else {
            return;
        };
        match self.core.save(&write) {
            Ok(outcome) => self.pending.push(outcome),
            Err(error) => tracing::warn!(%error, "key requests could not be saved; they are tried again"),
        }
    }

    /// Stores when peers were met, of those where that is older than this by so much.
    fn remember_met(&mut self, at_least_ms: u64) {
        let mut local = Vec::new();
        for (node, peer) in &self.live.peers {
            let Some(seen) = peer.last_seen_ms else { continue };
            if self.met.get(node).is_none_or(|met| seen > met.saturating_add(at_least_ms)) {
                self.met.insert(*node, seen);
                local.push(LocalWrite {
                    key: [MET, &node.0].concat(),
                    value: Some(seen.to_be_bytes().to_vec()),
                });
            }
        }
        if !local.is_empty()
            && let Err(error) = self.core.save_local(local)
        {
            tracing::warn!(%error, "when peers were met was not remembered");
        }
    }

    /// Stops cleanly.
    ///
    /// # Errors
    /// The disk refused; the next start rebuilds its index from the log.
    pub fn close(mut self) -> Result<(), Failure> {
        self.remember_met(0);
        Box::new(self.core.store).close().map_err(|e| store_failure(&e))
    }
}

/// The seat's keys. Takes about a second on purpose, and needs no service.
///
/// # Errors
/// Wrong passphrase, or no keystore.
pub(crate) fn unseal(home: &Home, passphrase: &str) -> Result<UnlockedSeat, Failure> {
    SeatKeystore::open(&home.seat_key())
        .and_then(|file| file.unlock(passphrase))
        .map_err(|e| Failure::of("passphrase", &e))
}

/// True iff a request is carried out by [`long`], in turns.
pub(crate) fn is_long(request: &Request) -> bool {
    matches!(request, Request::Import { .. } | Request::Export { .. })
}

/// Carries out a request that reads or writes much.
///
/// # Errors
/// As [`Service::handle`]; what was reported as saved stays saved.
pub(crate) fn long(turns: Turns<'_>, request: Request, progress: &mut dyn FnMut(u64, u64)) -> Result<Reply, Failure> {
    match request {
        Request::Import { files } => import::import(turns, &files, progress),
        Request::Export { out, patient } => export::export(turns, &out, patient, progress),
        _ => Err(internal("a request was not routed")),
    }
}

fn patient_row(reader: &Reader, record: RecordId) -> Option<PatientRow> {
    let mut found = reader.current(&record).filter(|f| f.compartment == Compartment::Identity);
    let view = found.find_map(|f| match mapping::of(f.fact.body) {
        Ok(Some(View::Patient(view))) => Some(view),
        _ => None,
    })?;
    Some(PatientRow {
        patient: record.to_hex(),
        family: view.family.clone().unwrap_or_else(|| view.name_text.clone().unwrap_or_default()),
        given: view.given.join(" "),
        birth_date: view.birth_date.clone().unwrap_or_default(),
        sex: view.sex.clone().unwrap_or_default(),
        ins: view.ins.as_ref().map(|i| i.value.clone()).unwrap_or_default(),
    })
}

/// How resources of a record refer to its patient: the full URL it came with, or its id.
fn patient_reference(reader: &Reader, record: RecordId) -> Option<String> {
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

fn measure(sign: &str, value: &str) -> Result<Measure, Failure> {
    let found = Sign::all().find(|s| summary::sign_name(*s) == sign).ok_or_else(|| {
        // Computed ones are never typed.
        let all: Vec<_> = Sign::all().filter(|s| *s != Sign::Bmi).map(summary::sign_name).collect();
        let all = all.join(", ");
        Failure::new(
            "usage",
            format!("{sign} is no sign known here; choose one of {all}"),
            format!("{sign} n'est pas un signe connu ; choisissez parmi {all}"),
        )
    })?;
    Measure::parse(found, value).map_err(|e| no_measure(found, value, &e))
}

/// Why a value isn't a measure of this sign, with the unit and range it is expected in.
fn no_measure(sign: Sign, value: &str, error: &VitalError) -> Failure {
    let name = [summary::sign_name(sign), value].join(" ");
    let name = name.trim_end();
    let [en, fr] = if matches!(error, VitalError::OutOfLimits { .. } | VitalError::NotAcvpu | VitalError::Computed) {
        Default::default()
    } else {
        summary::range(sign).map(|r| format!(" ({r})"))
    };
    let units = |text: String| summary::plain_units(&text).trim_end().to_owned();
    Failure::new(
        "usage",
        format!("{name}: {}{en}; nothing was saved", units(error.to_string())),
        format!("{name} : {}{fr} ; rien n'a été enregistré", units(error.french())),
    )
}

/// A date that somebody alive can be born on: real, not to come anywhere on earth, not before 1850. FHIR's shorter forms (a year, a
/// year and month) are for those who know no more.
fn birth_date(text: &str, now_ms: u64) -> Result<(), Failure> {
    let refuse = |en: &str, fr: &str| {
        Err(Failure::new(
            "usage",
            format!("birth date {text}: {en}; nothing was saved"),
            format!("date de naissance {text} : {fr} ; rien n'a été enregistré"),
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

fn random16() -> [u8; 16] {
    *OsEntropy.random32().first_chunk().expect("16 of 32 bytes")
}

fn refused(error: &WriteRefused) -> Failure {
    Failure::new(
        "refused",
        format!("{error}; nothing was changed"),
        format!("{} ; rien n'a été changé", error.french()),
    )
}

fn store_failure(error: &bocage_protocol::store::StoreError) -> Failure {
    Failure::of("store", error)
}

/// The word for a kind of facility in `--json` and on the command line.
pub fn kind_name(kind: FacilityKind) -> &'static str {
    match kind {
        FacilityKind::Clinic => "clinic",
        FacilityKind::Pharmacy => "pharmacy",
        FacilityKind::Cabin => "cabin",
        FacilityKind::Mobile => "mobile",
    }
}

/// The word for a profession in `--json` and on the command line.
pub(crate) fn profession_name(profession: Profession) -> &'static str {
    match profession {
        Profession::Doctor => "doctor",
        Profession::Nurse => "nurse",
        Profession::Pharmacist => "pharmacist",
    }
}
