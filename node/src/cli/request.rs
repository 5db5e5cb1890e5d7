//! `bocage request`: what was typed, as a request to the node.

use super::args::{Part, RequestKind, Requests};
use crate::client::Request;
use crate::client::requests::NewRequest;

pub(super) fn of(what: Requests) -> Request {
    let (step, request, text) = match what {
        Requests::Send {
            patient,
            to,
            kind,
            urgent,
            parts,
            days,
            text,
        } => {
            return Request::RequestOpen(NewRequest {
                patient,
                kind: kind_name(kind).to_owned(),
                to,
                question: text.join(" "),
                urgent,
                parts: parts.into_iter().map(|p| part_name(p).to_owned()).collect(),
                days,
            });
        }
        Requests::Recipients { query } => return Request::Recipients { query: query.join(" ") },
        Requests::List => return Request::Requests {},
        Requests::Show { request } => return Request::RequestShow { request },
        Requests::Read { request } => return Request::RequestRead { request },
        Requests::Accept { request, text } => ("accept", request, text),
        Requests::Ask { request, text } => ("ask", request, text),
        Requests::Reply { request, text } => ("reply", request, text),
        Requests::Answer { request, text } => ("answer", request, text),
        Requests::Decline { request, text } => ("decline", request, text),
        Requests::Close { request, text } => ("close", request, text),
        Requests::Cancel { request, text } => ("cancel", request, text),
    };
    Request::RequestStep {
        request,
        step: step.to_owned(),
        text: text.join(" "),
    }
}

fn kind_name(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::Referral => "referral",
        RequestKind::TeleExpertise => "tele-expertise",
    }
}

fn part_name(part: Part) -> &'static str {
    match part {
        Part::Emergency => "emergency",
        Part::Medication => "medication",
        Part::Clinical => "clinical",
    }
}
