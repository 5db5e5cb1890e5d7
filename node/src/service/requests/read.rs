//! What a request says, from the facts of its document: the course of its steps, and what was said in each.

use std::collections::BTreeMap;

use bocage_protocol::clinical::request::{Course, Party, SetAside, Status, Urgency, Version, possible};
use bocage_protocol::identity::Registry;
use bocage_protocol::ids::{FactId, SeatKey};
use bocage_protocol::record::{Asked, FactKind, FactView, Label, Reader};

use super::super::{Service, patient_row, profession_name, record};
use super::recipients::row_of;
use crate::client::requests::{Author, Event, Message, RequestRow, RequestShown};
use crate::client::{Failure, PatientRow};
use crate::core::now_ms;
use crate::fhir::mapping::{self, ServiceRequestView, TaskView, View, write};
use crate::lang::Bilingual as _;

/// A request as its facts have it.
pub(super) struct Standing<'a> {
    pub(super) course: Course,
    /// The opening's Task: later versions are made of it.
    pub(super) task: Vec<u8>,
    /// Id of the ServiceRequest.
    pub(super) service_request: Option<String>,
    pub(super) urgency: Urgency,
    question: Option<(FactView<'a>, ServiceRequestView)>,
    opening: FactView<'a>,
    /// Versions by fact.
    versions: BTreeMap<FactId, (FactView<'a>, TaskView)>,
    /// What can be said in a step, by `urn:uuid:` reference and author: nobody puts words into another's mouth.
    said: BTreeMap<(String, SeatKey), (FactView<'a>, String)>,
}

impl<'a> Standing<'a> {
    /// `None` without an opening by its founder.
    pub(super) fn of(reader: &'a Reader, asked: &Asked, registry: &Registry) -> Option<Self> {
        let facts = reader.document(&asked.request)?.facts().filter(|f| f.kind == FactKind::Resource);
        let (mut tasks, mut questions, mut said) = (Vec::new(), Vec::new(), BTreeMap::new());
        for fact in facts {
            if let Some((_, text)) = write::note_text(fact.body)
                && let Some(id) = id_of(fact.body)
            {
                said.insert((format!("urn:uuid:{id}"), fact.author), (fact, text));
                continue;
            }
            match mapping::of(fact.body) {
                Ok(Some(View::Task(task))) => tasks.push((fact, *task)),
                Ok(Some(View::ServiceRequest(question))) if fact.author == asked.founder => questions.push((fact, *question)),
                Ok(Some(View::Communication(message))) => {
                    if let Some(id) = message.id {
                        said.insert((format!("urn:uuid:{id}"), fact.author), (fact, message.texts.join("\n")));
                    }
                }
                _ => {}
            }
        }
        let opens =
            |(fact, task): &&(FactView<'a>, TaskView)| fact.author == asked.founder && task.step.is_none() && fact.supersedes.is_empty();
        let (opening, first) = tasks.iter().filter(opens).min_by_key(|(f, _)| (f.label, f.id)).cloned()?;
        // Another Task, by whomever, is no version of this one.
        tasks.retain(|(_, task)| task.id == first.id);
        let versions: Vec<Version> = tasks
            .iter()
            .map(|(fact, task)| Version {
                id: fact.id,
                step: task.step,
                by: reader.sides_of(asked, &fact.envelope, registry),
                is_accepted: fact.label == Label::Accepted,
                supersedes: fact.supersedes.to_vec(),
            })
            .collect();
        let id = first.focus.as_deref().and_then(|f| f.strip_prefix("urn:uuid:")).map(str::to_owned);
        let question = questions.into_iter().find(|(fact, _)| id.is_some() && id_of(fact.body) == id);
        let priority = question.as_ref().and_then(|(_, q)| q.priority.as_deref());
        Some(Self {
            course: Course::of(opening.id, &versions),
            task: opening.body.to_vec(),
            urgency: priority.and_then(Urgency::of_code).unwrap_or(Urgency::Routine),
            service_request: id,
            question,
            opening,
            versions: tasks.into_iter().map(|(fact, task)| (fact.id, (fact, task))).collect(),
            said,
        })
    }

    /// It counts for its record.
    pub(super) fn is_open(&self) -> bool {
        self.course.merged().is_some()
    }

    /// Where it stands; where nothing of it counts, as it was sent.
    pub(super) fn status(&self) -> Status {
        self.course.merged().map_or(Status::Requested, |m| m.primary.1)
    }

    /// What a version says by itself.
    fn messages_of(&self, registry: &Registry, id: &FactId) -> Vec<Message> {
        let Some((fact, task)) = self.versions.get(id) else {
            return Vec::new();
        };
        let step = task.step.map_or("", |s| s.code());
        let named = task.said.iter().chain(&task.answers);
        let found = named.filter_map(|reference| self.said.get(&(reference.clone(), fact.author)));
        found.map(|(fact, text)| message(registry, fact, step, text.clone())).collect()
    }

    fn question(&self, registry: &Registry) -> Option<Message> {
        let (fact, view) = self.question.as_ref()?;
        Some(message(registry, fact, "", view.notes.join("\n")))
    }
}

impl Service {
    pub(super) fn request_row(&self, asked: &Asked) -> Result<RequestRow, Failure> {
        let (reader, registry) = (self.reader()?, self.core.registry());
        let patient = patient_row(reader, asked.record).unwrap_or_else(|| PatientRow {
            patient: asked.record.to_hex(),
            ..PatientRow::default()
        });
        let mut row = RequestRow {
            request: asked.request.to_hex(),
            patient,
            to: row_of(registry, &asked.head.addressee),
            from: author(registry, &asked.founder),
            trusted: asked.is_trusted,
            ..RequestRow::default()
        };
        let sides = reader.sides(asked, registry, now_ms());
        let person = |seat: &SeatKey| registry.seat(seat).and_then(|s| s.practitioner);
        let is_asker = person(&reader.seat()).is_some() && person(&reader.seat()) == person(&asked.founder);
        let is_colleague = registry.seat(&reader.seat()).map(|s| s.facility) == registry.seat(&asked.founder).map(|s| s.facility);
        row.direction = if is_asker || is_colleague && !sides.recipient {
            "out"
        } else {
            "in"
        }
        .to_owned();
        row.until_ms = reader.opened_by(asked, now_ms()).iter().map(|(_, g)| g.terms.not_after_ms).min();
        let Some(standing) = Standing::of(reader, asked, registry) else {
            return Ok(row);
        };
        row.kind = standing
            .question
            .as_ref()
            .and_then(|(_, q)| q.kind)
            .map_or("", |k| k.code())
            .to_owned();
        row.urgent = standing.urgency == Urgency::Urgent;
        row.asked_ms = standing.opening.hlc.millis();
        row.status = standing.status().code().to_owned();
        row.last = standing.question(registry);
        if let Some(merged) = standing.course.merged() {
            let parties = [Party::Requester, Party::Recipient].into_iter().filter(|p| sides.contains(*p));
            let steps = parties.flat_map(|p| possible(merged.primary.1, p));
            row.steps = steps.map(|s| s.code().to_owned()).collect();
            row.others = merged.others.iter().filter_map(|(id, _)| event(&standing, registry, id)).collect();
            let mut claims: Vec<FactId> = standing.course.claims().map(|t| t.id).collect();
            claims.sort();
            row.claims = claims.iter().filter_map(|id| event(&standing, registry, id)).collect();
            let spoken = standing.course.taken.iter().rev();
            if let Some(last) = spoken.flat_map(|t| standing.messages_of(registry, &t.id)).next() {
                row.last = Some(last);
            }
        }
        Ok(row)
    }

    pub(super) fn shown(&self, asked: &Asked) -> Result<RequestShown, Failure> {
        let (reader, registry) = (self.reader()?, self.core.registry());
        let mut shown = RequestShown {
            row: self.request_row(asked)?,
            ..RequestShown::default()
        };
        let Some(standing) = Standing::of(reader, asked, registry) else {
            return Ok(shown);
        };
        if let Some((_, view)) = &standing.question {
            shown.question = view.notes.join("\n");
            shown.parts = view.parts.clone();
        }
        shown.messages.extend(standing.question(registry));
        for taken in &standing.course.taken {
            shown.history.extend(event(&standing, registry, &taken.id));
            let said = standing.messages_of(registry, &taken.id);
            if taken.to == Status::Answered {
                shown.answers.extend(said.clone());
            }
            shown.messages.extend(said);
        }
        shown.set_aside = standing
            .course
            .set_aside
            .keys()
            .filter_map(|id| event(&standing, registry, id))
            .collect();
        Ok(shown)
    }
}

fn event(standing: &Standing<'_>, registry: &Registry, id: &FactId) -> Option<Event> {
    let (fact, task) = standing.versions.get(id)?;
    let [set_aside, set_aside_fr] = standing.course.set_aside.get(id).map(why).unwrap_or_default();
    let taken = standing.course.taken.iter().find(|t| t.id == *id);
    Some(Event {
        fact: id.to_hex(),
        step: task.step.map_or("", |s| s.code()).to_owned(),
        status: taken.map_or("", |t| t.to.code()).to_owned(),
        author: author(registry, &fact.author),
        written_ms: fact.hlc.millis(),
        set_aside,
        set_aside_fr,
    })
}

fn why(reason: &SetAside) -> [String; 2] {
    let [en, fr] = match reason {
        SetAside::Refused(why) => return [why.to_string(), why.french()],
        SetAside::NotAcknowledged => ["not acknowledged", "non reconnue"],
        SetAside::Waiting => [
            "waits for an earlier step that is still on its way",
            "attend une étape antérieure, encore en route",
        ],
        SetAside::Stray => ["follows nothing of this request", "ne suit rien de cette demande"],
        SetAside::TooMany => ["one step too many", "une étape de trop"],
    };
    [en.to_owned(), fr.to_owned()]
}

fn message(registry: &Registry, fact: &FactView<'_>, step: &str, text: String) -> Message {
    Message {
        fact: fact.id.to_hex(),
        step: step.to_owned(),
        text,
        author: author(registry, &fact.author),
        written_ms: fact.hlc.millis(),
        label: record::label_name(fact.label).to_owned(),
    }
}

fn author(registry: &Registry, seat: &SeatKey) -> Author {
    let seat = registry.seat(seat);
    let practitioner = seat.and_then(|s| registry.practitioner(&s.practitioner?));
    let facility = seat.and_then(|s| registry.facility(&s.facility));
    Author {
        name: practitioner.map(|p| p.name.clone()).unwrap_or_default(),
        profession: practitioner.map_or("", |p| profession_name(p.profession)).to_owned(),
        facility: facility.map(|f| f.name.clone()).unwrap_or_default(),
    }
}

fn id_of(json: &[u8]) -> Option<String> {
    let resource: serde_json::Value = serde_json::from_slice(json).ok()?;
    resource["id"].as_str().map(str::to_owned)
}
