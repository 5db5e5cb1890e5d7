//! From the node's replies to what screens show.

use bocage_node::client::{self, Failure, Newcomer, Status, WaitingRequest};
use bocage_protocol::clinical::vitals::{Measure, Sign};

use crate::view::{self, Entry, PatientRow, Problem, Record, Sex, Trust, What};

pub(super) fn problem(failure: Failure) -> Problem {
    Problem {
        code: failure.code,
        en: sentence(&failure.message),
        fr: sentence(&failure.message_fr),
    }
}

pub(super) fn system(error: &std::io::Error) -> Problem {
    Problem {
        code: "system".to_owned(),
        en: sentence(&error.to_string()),
        fr: sentence(&error.to_string()),
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

pub(super) fn record(record: client::Record, place: &view::Place) -> Record {
    Record {
        patient: patient(record.patient),
        entries: record.entries.into_iter().map(|e| entry(e, place)).collect(),
        readers: record
            .readers
            .into_iter()
            .map(|r| view::ReaderRow {
                facility: r.facility,
                until_ms: r.until_ms,
            })
            .collect(),
        parts: record.documents.into_iter().map(|d| d.compartment).collect(),
    }
}

fn entry(entry: client::Entry, place: &view::Place) -> Entry {
    let what = match entry.resource_type.as_str() {
        "Patient" => What::Patient,
        "DocumentReference" => What::Note,
        "Observation" => measure(&entry).map_or(What::Other, What::Vital),
        "AllergyIntolerance" => What::Allergy { severe: false },
        "MedicationRequest" => What::Treatment,
        "Condition" => What::Problem,
        "Encounter" => What::Visit,
        "ServiceRequest" | "Task" | "Communication" => What::Request,
        _ => What::Other,
    };
    Entry {
        id: entry.fact,
        what,
        title: entry.summary,
        text: entry.text,
        own: entry.author == place.practitioner && entry.facility == place.facility,
        author: entry.author,
        facility: entry.facility,
        at_ms: entry.written_ms,
        trust: match entry.label.as_str() {
            "quarantined" => Trust::Quarantined,
            "disputed" => Trust::Disputed,
            _ => Trust::Accepted,
        },
        versions: entry.versions,
        held: None,
    }
}

fn measure(entry: &client::Entry) -> Option<Measure> {
    let _ = entry;
    let _ = Sign::Weight;
    None
}
