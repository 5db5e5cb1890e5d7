//! What a node does when asked: the requests of [`crate::client`] over engine, store and the open seat.
//!
//! One way for all: CLI, app and tests ask here. A request that touches records needs the seat's passphrase in the same session;
//! what is reported as saved has been fsynced.

use std::collections::{BTreeMap, BTreeSet};

use bocage_protocol::access::matrix::Compartment;
use bocage_protocol::envelope::Kind;
use bocage_protocol::identity::{FacilityKind, Profession};
use bocage_protocol::ids::{NodeKey, hex, unhex};
use bocage_protocol::record::{Reader, WriteRefused};
use bocage_protocol::store::{LocalWrite, Ordered as _, Store};
use zeroize::Zeroizing;

use crate::client::{Failure, PeerRow, Reply, Request, Status};
use crate::core::{Core, Outcome, now_ms};
use crate::fhir::mapping::write;
use crate::home::Home;
use crate::invitation;
use crate::keystore::{NodeKeys, OsEntropy, SeatKeystore, SlotKind, UnlockedSeat};
use crate::lang::Bilingual;
use crate::place::{self, internal};

mod acts;
mod arrivals;
mod backup;
mod carry;
mod delivery;
mod doctor;
mod drafts;
mod enrolment;
mod entry;
mod export;
mod import;
mod people;
mod record;
mod requests;
mod rescore;
pub mod summary;
mod turns;
mod visit;

use acts::{birth_date, measure, no_measure, past_date, patient_reference, patient_row, since_date};
pub use enrolment::found_network;
use people::People;
pub(crate) use record::in_words;
pub(crate) use turns::{Step, Turns};

/// Splits a fact's source from the full URL under which its resource was imported.
const URL_MARK: char = '\u{1f}';

/// Begins the local record of when a peer was last met; its key follows.
const MET: &[u8] = b"met/";
/// It is written anew at most this often.
const MET_EVERY_MS: u64 = 60_000;

/// A node that answers requests.
pub struct Service {
    pub home: Home,
    pub core: Core,
    keys: NodeKeys,
    unlocked: Option<UnlockedSeat>,
    /// Whom the open seat can find.
    people: People,
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
    pub in_window: bool,
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
            people: People::default(),
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
            self.people = People::default();
        }
    }

    /// Carries out one request.
    ///
    /// # Errors
    /// As people read them: what happened, what is safe, what to do.
    pub fn handle(&mut self, session: u64, request: Request, progress: &mut dyn FnMut(u64, u64)) -> Result<Reply, Failure> {
        match request {
            Request::Status => {
                // Counted as the list counts them; without a seat there is nobody to count for.
                let _ = self.people();
                Ok(Reply::Status(self.status()?))
            }
            Request::Peers => Ok(Reply::Peers { peers: self.peers() }),
            Request::Unlock { passphrase } => self.unlock(session, &passphrase),
            Request::Invite { addresses } => {
                self.require_open(session)?;
                self.invite(addresses)
            }
            Request::Waiting => Ok(Reply::Waiting { requests: self.waiting()? }),
            long_work if is_long(&long_work) => {
                if needs_seat(&long_work) {
                    self.require_open(session)?;
                }
                long(Turns::Own(self), long_work, progress)
            }
            // The driver does the dialling; without one there is nobody to dial.
            Request::Redial => Ok(Reply::Done),
            // The socket answers it; without a running node nothing changes by itself.
            Request::Watch => Ok(Reply::Changed { revision: 0 }),
            Request::Doctor => Ok(Reply::Doctor { checks: self.doctor() }),
            Request::Admit { request, preview } => {
                self.require_open(session)?;
                let sealed = unhex(&request)
                    .ok_or_else(|| Failure::new("usage", "the request isn't hexadecimal", "la demande n'est pas en hexadécimal"))?;
                self.admit(&sealed, preview)
            }
            other => {
                self.require_open(session)?;
                self.with_records(other)
            }
        }
    }

    fn with_records(&mut self, request: Request) -> Result<Reply, Failure> {
        match request {
            Request::PatientCreate(new) => self.patient_create(&new),
            Request::PatientSearch { query, limit, offset } => self.patient_search(&query, limit, offset),
            Request::PatientTwins {
                family,
                given,
                birth_date,
                ins,
            } => Ok(Reply::Twins {
                twins: self.patient_twins(&family, &given, &birth_date, ins.as_deref())?,
            }),
            Request::DraftSave { patient, kind, text } => self.draft_save(&patient, &kind, text),
            Request::DraftLoad { patient, kind } => self.draft_load(&patient, &kind),
            Request::DraftDrop { patient, kind } => self.draft_drop(&patient, &kind),
            Request::Drafts => self.drafts(),
            Request::PatientShow { patient, history } => {
                let record = self.find(&patient)?;
                Ok(Reply::Record(self.show(record, history)?))
            }
            Request::NoteAdd { patient, text } => self.act(&patient, |act| write::note(act, "Note", &text)),
            Request::VitalAdd { patient, sign, value } => {
                let measure = measure(&sign, &value)?;
                self.act(&patient, |act| write::vital(act, measure))
            }
            Request::AllergyAdd {
                patient,
                substance,
                criticality,
                reaction,
            } => {
                let bedside = self.bedside(&patient)?;
                self.act_in(&bedside, Compartment::Medication, |act| {
                    write::allergy(act, &substance, &criticality, reaction.as_deref())
                })
            }
            Request::AllergyNone { patient } => {
                let bedside = self.bedside(&patient)?;
                self.act_in(&bedside, Compartment::Medication, write::no_known_allergy)
            }
            Request::TreatmentAdd { patient, medicine, dosage } => {
                let bedside = self.bedside(&patient)?;
                self.act_in(&bedside, Compartment::Medication, |act| write::treatment(act, &medicine, &dosage))
            }
            Request::ProblemAdd {
                patient,
                label,
                cim10,
                since,
                is_over,
            } => {
                if let Some(since) = &since {
                    since_date(since, now_ms())?;
                }
                let new = write::NewProblem {
                    label: &label,
                    cim10: cim10.as_deref(),
                    since: since.as_deref(),
                    is_over,
                };
                self.act(&patient, |act| write::condition(act, &new))
            }
            Request::End { patient, fact, on, reason } => self.end(&patient, &fact, on.as_deref(), reason.as_deref()),
            Request::Arrivals => self.arrivals(),
            Request::ArrivalsSeen => self.arrivals_seen(),
            Request::VisitCheck(visit) => self.visit_check(&visit),
            Request::VisitSave(visit) => self.visit_save(&visit),
            Request::Correct { patient, fact, changes } => self.correct(&patient, &fact, &changes),
            Request::Withdraw { patient, fact } => self.withdraw(&patient, &fact),
            Request::Share { patient, facility } => self.share(&patient, &facility),
            Request::Delivery { patient, fact } => self.delivery(&patient, &fact),
            Request::Read { patient } => self.read(&patient),
            Request::RequestOpen(new) => self.request_open(&new),
            Request::Requests {} => Ok(Reply::Requests {
                requests: self.requests()?,
            }),
            Request::RequestShow { request } => Ok(Reply::RequestShown(Box::new(self.request_show(&request)?))),
            Request::RequestRead { request } => self.request_read(&request),
            Request::RequestStep { request, step, text } => self.request_step(&request, &step, &text),
            Request::Recipients { query } => Ok(Reply::Recipients {
                recipients: self.recipients(&query)?,
            }),
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
        // The first search then finds its table laid.
        let _ = self.people();
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
        self.core.reader.as_ref().ok_or_else(nobody_practises)
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
        let items = self.core.store.len();
        let ops = registry.ops().count() as u64;
        let traffic = self.core.peer.traffic();
        // Version, then kind: the two first bytes of an envelope.
        let content = self.core.store.beginning([1, Kind::Content as u8]);
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
            records: counts.map(|_| self.people.count()),
            root: hex(&self.core.store.root()),
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
            in_window: self.live.in_window,
        })
    }

    /// Envelopes with sealed content, whoever can open them.
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

    fn save(&mut self, write: &bocage_protocol::record::Write) -> Result<(), Failure> {
        let outcome = self.core.save(write).map_err(|e| store_failure(&e))?;
        self.pending.push(outcome);
        Ok(())
    }

    /// Key requests to send and to answer; called by the driver after what arrives.
    pub fn chores(&mut self) {
        self.remember_met(MET_EVERY_MS);
        // What came since the last tick is found at once.
        let _ = self.people();
        self.shut_ended_requests();
        self.receive_requests();
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
        self.core.stop();
        Box::new(self.core.store).close().map_err(|e| store_failure(&e))
    }
}

fn nobody_practises() -> Failure {
    Failure::new(
        "no-seat",
        "nobody practises at this node: it carries records and can't read them",
        "personne n'exerce sur ce nœud : il transporte les dossiers et ne peut pas les lire",
    )
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

/// Seals the seat's keys under another passphrase. Takes two or three seconds on purpose, and needs no service.
///
/// # Errors
/// Nobody practises here, the old one is wrong, the new one too easy to guess, or the disk refused: then the old one holds.
fn change_passphrase(home: &Home, old: &str, new: &str) -> Result<(), Failure> {
    if !home.seat_key().exists() {
        return Err(nobody_practises());
    }
    invitation::strong(new)?;
    let mut unlocked = unseal(home, old)?;
    let changed = unlocked.change_passphrase(SlotKind::Passphrase, new, invitation::cost(), &mut OsEntropy);
    changed.map_err(|e| Failure::of("passphrase", &e))
}

/// True iff a request is carried out by [`long`], in turns.
pub(crate) fn is_long(request: &Request) -> bool {
    matches!(
        request,
        Request::Import { .. }
            | Request::Export { .. }
            | Request::CarryOut { .. }
            | Request::CarryIn { .. }
            | Request::Backup { .. }
            | Request::Passphrase { .. }
    )
}

/// True iff long work is about what a seat reads; what carries is everybody's.
pub(crate) fn needs_seat(request: &Request) -> bool {
    matches!(request, Request::Import { .. } | Request::Export { .. })
}

/// Carries out a request that reads or writes much.
///
/// # Errors
/// As [`Service::handle`]; what was reported as saved stays saved.
pub(crate) fn long(mut turns: Turns<'_>, request: Request, progress: &mut dyn FnMut(u64, u64)) -> Result<Reply, Failure> {
    match request {
        Request::Import { files } => import::import(turns, &files, progress),
        Request::Export { out, patient } => export::export(turns, &out, patient, progress),
        Request::CarryOut { to, dir } => carry::out(turns, to, &dir, progress),
        Request::CarryIn { dir } => carry::bring_in(turns, &dir, progress),
        Request::Backup { into, passphrase } => backup::backup(turns, &into, &passphrase, progress),
        Request::Passphrase { old, new } => {
            let (old, new) = (Zeroizing::new(old), Zeroizing::new(new));
            let home = turns.take(|service| Ok(service.home.clone()))?;
            change_passphrase(&home, &old, &new)?;
            Ok(Reply::Done)
        }
        _ => Err(internal("a request was not routed")),
    }
}

fn refused(error: &WriteRefused) -> Failure {
    Failure::new(
        "refused",
        format!("{error}; nothing of it was saved"),
        format!("{} ; rien n'en a été enregistré", error.french()),
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
