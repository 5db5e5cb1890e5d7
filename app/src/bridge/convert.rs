//! From the node's replies to what screens show.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bocage_node::client::requests::{self, Author, RecipientRow};
use bocage_node::client::{self, Clinical, Failure, Newcomer, Status, WaitingRequest};
use bocage_node::service::summary;
use bocage_protocol::clinical::request::{Kind, Status as RequestStatus, Step};
use bocage_protocol::clinical::vitals::{Measure, Sign};

use crate::i18n::typeset;
use crate::view::{self, Earlier, Entry, FieldNow, PatientRow, Person, Problem, Recipient, Record, RequestRow, Sex, Sight, Trust, What};

pub(super) fn problem(failure: Failure) -> Problem {
    Problem {
        code: failure.code,
        en: sentence(&failure.message),
        fr: typeset(&sentence(&failure.message_fr)).into_owned(),
    }
}

pub(super) fn system(error: &std::io::Error) -> Problem {
    Problem {
        code: "system".to_owned(),
        en: sentence(&error.to_string()),
        fr: sentence(&error.to_string()),
    }
}

/// A file that people hand over didn't get into a folder; it is where it was.
pub(super) fn not_copied(folder: &Path, error: &std::io::Error) -> Problem {
    let folder = folder.display();
    Problem {
        code: "system".to_owned(),
        en: sentence(&format!(
            "the invitation wasn't copied to {folder} ({error}); its first file is still where it was"
        )),
        fr: sentence(&format!(
            "l’invitation n’a pas été copiée dans {folder} ({error}) ; son premier fichier est toujours à sa place"
        )),
    }
}

/// As a sentence on a screen begins and ends.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return String::new() };
    let mut out: String = first.to_uppercase().chain(chars).collect();
    if !out.ends_with(['.', '!', '?', ')', '…']) {
        out.push('.');
    }
    out.replace('\'', "’")
}

pub(super) fn patient(row: client::PatientRow) -> PatientRow {
    PatientRow {
        id: row.patient,
        family: row.family,
        given: row.given,
        birth_date: row.birth_date,
        sex: Sex::of_code(&row.sex),
        ins: row.ins,
        shut: row.shut,
    }
}

pub(super) fn network(status: Status, waiting: Vec<WaitingRequest>) -> view::Network {
    view::Network {
        network: status.network,
        facility: status.facility,
        node: status.node,
        listening: status.listening,
        peers: status.peers.into_iter().map(peer).collect(),
        items: status.items,
        sealed: status.sealed,
        records: status.records.unwrap_or(0),
        bytes_sent: status.bytes_sent,
        bytes_received: status.bytes_received,
        waiting: status.waiting,
        newcomers: waiting.into_iter().map(newcomer).collect(),
    }
}

fn peer(row: client::PeerRow) -> view::Peer {
    view::Peer {
        facility: row.facility,
        key: row.facility_key,
        kind: row.kind,
        node: row.node,
        connected: row.connected,
        settled: row.settled,
        last_seen_ms: row.last_seen_ms,
        clock_ahead_ms: row.clock_ahead_ms,
    }
}

fn newcomer(waiting: WaitingRequest) -> view::Newcomer {
    let Newcomer {
        facility,
        town,
        practitioners,
        same_name,
        ..
    } = waiting.newcomer;
    view::Newcomer {
        request: waiting.request,
        facility,
        town,
        practitioners: practitioners.into_iter().map(|p| p.name).collect(),
        words: waiting.words,
        same_name,
    }
}

pub(super) fn record(record: client::Record) -> Record {
    let replaced: BTreeMap<String, String> = record
        .entries
        .iter()
        .filter_map(|e| Some((e.fact.clone(), e.replaced_by.clone()?)))
        .collect();
    // Which entry of today a version led to. A chain of corrections ends; a forged circle leads nowhere.
    let now = |fact: &str| {
        let mut at = fact.to_owned();
        for _ in 0..=replaced.len() {
            match replaced.get(&at) {
                Some(next) => at.clone_from(next),
                None => return Some(at),
            }
        }
        None
    };
    let begun: BTreeSet<String> = record.documents.iter().map(|d| d.compartment.clone()).collect();
    let (old, current): (Vec<_>, Vec<_>) = record.entries.into_iter().partition(|e| e.replaced_by.is_some());
    let mut earlier: BTreeMap<String, Vec<Earlier>> = BTreeMap::new();
    for version in old {
        let Some(leads_to) = now(&version.fact) else { continue };
        let written = version.written_ms;
        let version = entry(version);
        earlier.entry(leads_to).or_default().push(Earlier {
            what: version.what,
            title: version.title,
            text: version.text,
            author: version.author,
            at_ms: written,
            over: version.over,
        });
    }
    let mut entries: Vec<Entry> = current.into_iter().map(entry).collect();
    for entry in &mut entries {
        entry.earlier = earlier.remove(&entry.id).unwrap_or_default();
        entry.earlier.sort_by_key(|e| std::cmp::Reverse(e.at_ms));
        // The first of the versions that say so, if one before it said otherwise.
        let over = entry
            .earlier
            .iter()
            .take_while(|e| e.over)
            .last()
            .map_or(entry.written_ms, |e| e.at_ms);
        if entry.over && entry.earlier.iter().any(|e| !e.over) {
            entry.over_ms = Some(over);
            entry.at_ms = over;
        }
    }
    entries.sort_by_key(|e| std::cmp::Reverse(e.at_ms));
    let reader = |r: client::ReaderRow| view::ReaderRow {
        facility: r.facility,
        key: r.key,
        until_ms: r.until_ms,
        people: r.people,
    };
    let part = |p: client::PartRow| view::Part {
        is_begun: begun.contains(&p.compartment),
        name: p.compartment,
        sight: match p.sight.as_str() {
            "open" => Sight::Open,
            "shut" => Sight::Shut,
            _ => Sight::Unread,
        },
        writable: p.writable,
    };
    Record {
        patient: patient(record.patient),
        entries,
        readers: record.readers.into_iter().map(reader).collect(),
        parts: record.parts.into_iter().map(part).collect(),
    }
}

fn entry(entry: client::Entry) -> Entry {
    let mut text = entry.text;
    let is_timeless = matches!(entry.clinical, Some(Clinical::Problem { .. }));
    let (what, title) = match entry.clinical {
        Some(Clinical::Vital { sign, value, .. }) => match measure(&sign, &value) {
            Some(measure) => (What::Vital(measure), String::new()),
            None => (What::Other, entry.summary),
        },
        Some(Clinical::News2 { total, band }) => (What::News2 { total, band }, String::new()),
        Some(Clinical::Oxygen { given }) => (What::Oxygen(given), String::new()),
        Some(Clinical::Allergy {
            substance,
            criticality,
            reactions,
            ..
        }) => {
            text = reactions.join(", ");
            let severe = criticality == "high";
            (What::Allergy { severe }, substance)
        }
        Some(Clinical::NoKnownAllergy) => (What::NoAllergy, String::new()),
        Some(Clinical::Treatment { medicine, dosage, .. }) => {
            text = dosage;
            (What::Treatment, medicine)
        }
        Some(Clinical::Problem { label, since, .. }) => {
            text = since;
            (What::Problem, label)
        }
        Some(Clinical::Encounter { reason, .. }) => (What::Visit, reason),
        Some(Clinical::Question { kind, text: asked }) => {
            let kind = Kind::of_code(&kind);
            let title = if kind.is_some() { String::new() } else { entry.summary };
            text = asked;
            (What::Question(kind), title)
        }
        Some(Clinical::RequestStep { step, status }) => {
            let known = RequestStatus::of_code(&status).map(|status| (Step::of_code(&step), status));
            let title = if known.is_some() { String::new() } else { entry.summary };
            (What::Step(known), title)
        }
        Some(Clinical::Message { text: said, step }) => {
            text = said;
            (What::Message(Step::of_code(&step)), String::new())
        }
        None => {
            let what = match entry.resource_type.as_str() {
                "Patient" => What::Patient,
                "DocumentReference" => What::Note,
                _ => What::Other,
            };
            (what, entry.summary)
        }
    };
    Entry {
        id: entry.fact,
        what,
        title,
        text,
        act: if entry.request.is_empty() { entry.visit } else { entry.request },
        earlier: Vec::new(),
        part: entry.compartment,
        in_error: entry.in_error,
        over: entry.is_over,
        over_ms: None,
        over_because: entry.over_because,
        over_on: entry.over_on,
        written_ms: entry.written_ms,
        fields: entry
            .fields
            .into_iter()
            .map(|f| FieldNow {
                name: f.field,
                value: f.value,
            })
            .collect(),
        own: entry.own,
        author: entry.author,
        facility: entry.facility,
        // A problem began long before anybody wrote it down.
        at_ms: match entry.effective_ms.and_then(|ms| u64::try_from(ms).ok()) {
            Some(effective) if !is_timeless => effective,
            _ => entry.written_ms,
        },
        trust: trust(&entry.label),
        versions: entry.versions,
        held: entry.held_by,
    }
}

fn trust(label: &str) -> Trust {
    match label {
        "quarantined" => Trust::Quarantined,
        "disputed" => Trust::Disputed,
        _ => Trust::Accepted,
    }
}

fn measure(sign: &str, value: &str) -> Option<Measure> {
    let sign = sign_of(sign)?;
    Measure::received(sign, value).or_else(|_| Measure::parse(sign, value)).ok()
}

/// A sign by its word on the command line.
pub(super) fn sign_of(name: &str) -> Option<Sign> {
    Sign::all().find(|s| summary::sign_name(*s) == name)
}

fn person(author: Author) -> Person {
    Person {
        name: author.name,
        facility: author.facility,
    }
}

pub(super) fn recipient(row: RecipientRow) -> Recipient {
    Recipient {
        id: row.id,
        kind: row.kind,
        name: row.name,
        profession: row.profession,
        facility: row.facility,
        town: row.town,
    }
}

/// `None` for a kind or status of a later version: it is not shown as something else.
pub(super) fn request_row(row: requests::RequestRow) -> Option<RequestRow> {
    Some(RequestRow {
        id: row.request,
        patient: patient(row.patient),
        kind: Kind::of_code(&row.kind)?,
        urgent: row.urgent,
        incoming: row.direction == "in",
        from: person(row.from),
        to: recipient(row.to),
        status: RequestStatus::of_code(&row.status)?,
        asked_ms: row.asked_ms,
        claims: row.claims.into_iter().map(|e| person(e.author)).collect(),
        last: row.last.and_then(|m| Step::of_code(&m.step)),
        until_ms: row.until_ms,
        steps: row.steps.iter().filter_map(|s| Step::of_code(s)).collect(),
        trusted: row.trusted,
    })
}

/// Messages come with their facts' ids: how far each has come is asked for apart.
pub(super) fn request(shown: requests::RequestShown) -> Option<(view::Request, Vec<String>)> {
    let facts = shown.messages.iter().map(|m| m.fact.clone()).collect();
    let messages = shown.messages.into_iter().map(|m| view::Message {
        step: Step::of_code(&m.step),
        text: m.text,
        author: person(m.author),
        at_ms: m.written_ms,
        trust: trust(&m.label),
        delivery: None,
    });
    let shown = view::Request {
        messages: messages.collect(),
        parts: shown.parts,
        row: request_row(shown.row)?,
    };
    Some((shown, facts))
}

pub(super) fn delivery(delivery: client::Delivery) -> view::Delivery {
    let seen = |rows: Vec<client::SeenRow>| {
        let person = |r: client::SeenRow| {
            let who = Person {
                name: r.name,
                facility: r.facility,
            };
            (who, r.at_ms)
        };
        rows.into_iter().map(person).collect()
    };
    view::Delivery {
        saved_ms: delivery.saved_ms,
        holders: delivery.holders.into_iter().map(|h| h.facility).collect(),
        received: seen(delivery.received),
        read: seen(delivery.read),
    }
}

pub(super) fn arrival(row: client::ArrivalRow) -> view::Arrival {
    view::Arrival {
        patient: patient(row.patient),
        by: Person {
            name: row.by,
            facility: row.facility,
        },
        at_ms: row.at_ms,
    }
}

/// `None`: the answer to something else.
pub(super) fn carried(reply: client::Reply) -> Option<view::Carried> {
    match reply {
        client::Reply::CarriedOut(out) => Some(view::Carried::Out {
            to: out.to,
            items: out.items,
            held_there: out.held_there,
            bytes: out.bytes,
        }),
        client::Reply::CarriedIn(brought) => Some(view::Carried::In {
            has_receipt: brought.receipt.is_some(),
            no_receipt: stick_problem(&brought.no_receipt, &brought.no_receipt_fr),
            files: brought.files.into_iter().map(carried_file).collect(),
        }),
        _ => None,
    }
}

fn carried_file(file: client::CarriedFile) -> view::CarriedFile {
    view::CarriedFile {
        refused: stick_problem(&file.refused, &file.refused_fr),
        name: file.file,
        from: file.from,
        new: file.new,
        known: file.known,
        for_others: file.for_others,
    }
}

/// `None`: nothing was wrong.
fn stick_problem(en: &str, fr: &str) -> Option<Problem> {
    (!en.is_empty()).then(|| Problem {
        code: "file".to_owned(),
        en: sentence(en),
        fr: typeset(&sentence(fr)).into_owned(),
    })
}
