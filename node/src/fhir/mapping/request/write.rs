//! A request as FHIR resources: what is asked (ServiceRequest), where it stands (Task, a version a step), what is said (Communication).
//!
//! A version of the Task carries everything that its opening said, so that whoever reads only the last one has it all; what a step
//! says stands in the step's own version.

use super::{KEY, KIND, PART, STATUS, STEP};
use crate::fhir::mapping::read::is_date_time;
use crate::fhir::mapping::write::{Act, WriteError, bytes, named, start};
use bocage_protocol::clinical::request::{Kind, Status, Step, Urgency};
use serde_json::{Value, json};

/// Longest question or message, in bytes. An answer may be as long as a note.
pub const MAX_MESSAGE: usize = 8 * 1024;

/// Whom a request is addressed to.
#[derive(Clone, Copy)]
pub struct To<'a> {
    /// `Practitioner`, `CareTeam` or `Organization`.
    pub what: &'a str,
    pub key: &'a str,
    pub name: &'a str,
}

/// A request as it is made.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// Its id is the ServiceRequest's.
    pub act: Act<'a>,
    /// Id of the Task.
    pub task: &'a str,
    pub kind: Kind,
    pub urgency: Urgency,
    pub question: &'a str,
    pub to: To<'a>,
    /// Parts of the record that go with it: code and words.
    pub parts: &'a [(&'a str, &'a str)],
    /// When those are shut again.
    pub end: Option<&'a str>,
}

impl Question<'_> {
    /// ServiceRequest and Task.
    ///
    /// # Errors
    /// A text empty or too long, a bad id or date.
    pub fn resources(&self) -> Result<[Vec<u8>; 2], WriteError> {
        let question = said(self.question)?;
        let intent = match self.kind {
            Kind::Referral => "order",
            Kind::TeleExpertise => "proposal",
        };
        let kind = json!({ "coding": [{ "system": KIND, "code": self.kind.code() }], "text": words(self.kind) });
        let to = json!({
            "type": self.to.what,
            "identifier": { "system": KEY, "value": self.to.key },
            "display": named("recipient", self.to.name)?,
        });
        let mut request = start("ServiceRequest", self.act.id)?;
        request["status"] = json!("active");
        request["intent"] = json!(intent);
        request["category"] = json!([kind]);
        request["priority"] = json!(self.urgency.code());
        request["code"] = json!({ "text": words(self.kind) });
        self.act.write(&mut request, "encounter", "authoredOn")?;
        if let Some(by) = self.act.written_by() {
            request["requester"] = by;
        }
        request["performer"] = json!([to]);
        let part = |(code, words): &(&str, &str)| json!({ "identifier": { "system": PART, "value": code }, "display": words });
        if !self.parts.is_empty() {
            request["supportingInfo"] = self.parts.iter().map(part).collect();
        }
        request["note"] = json!([{ "text": question }]);

        let mut task = start("Task", self.task)?;
        set(&mut task, Status::Requested, None);
        task["intent"] = json!(intent);
        task["priority"] = json!(self.urgency.code());
        task["code"] = json!({ "text": words(self.kind) });
        task["focus"] = reference("ServiceRequest", self.act.id);
        task["for"] = json!({ "reference": self.act.patient });
        task["authoredOn"] = json!(self.act.effective);
        task["lastModified"] = json!(self.act.effective);
        if let Some(by) = self.act.written_by() {
            task["requester"] = by;
        }
        task["owner"] = to;
        if let Some(end) = self.end {
            if !is_date_time(end) {
                return Err(WriteError::NotADate("end"));
            }
            task["restriction"] = json!({ "period": { "end": end } });
        }
        Ok([bytes(&request), bytes(&task)])
    }
}

/// The next version of a Task: where a step has led. `said` and `answer` are ids of what goes with it.
///
/// # Errors
/// The earlier version isn't a Task, or the moment isn't one.
pub fn stepped(
    task: &[u8],
    step: Step,
    status: Status,
    moment: &str,
    message: Option<&str>,
    answer: Option<&str>,
) -> Result<Vec<u8>, WriteError> {
    let mut task: Value = serde_json::from_slice(task).map_err(|_| WriteError::NotACode("Task"))?;
    if task["resourceType"] != "Task" {
        return Err(WriteError::NotACode("Task"));
    }
    if !is_date_time(moment) {
        return Err(WriteError::NotADate("moment"));
    }
    set(&mut task, status, Some(step));
    task["lastModified"] = json!(moment);
    let fields = task.as_object_mut().expect("a resource is an object");
    fields.remove("input");
    fields.remove("output");
    if let Some(id) = message {
        task["input"] = json!([{ "type": { "text": step.code() }, "valueReference": reference("Communication", id) }]);
    }
    if let Some(id) = answer {
        task["output"] = json!([{ "type": { "text": "answer" }, "valueReference": reference("DocumentReference", id) }]);
    }
    Ok(bytes(&task))
}

/// What is said in a step: Communication.
///
/// # Errors
/// A text empty or too long, a bad id or date.
pub fn message(act: &Act<'_>, request: &str, text: &str) -> Result<Vec<u8>, WriteError> {
    let text = said(text)?;
    let mut resource = start("Communication", act.id)?;
    resource["basedOn"] = json!([reference("ServiceRequest", request)]);
    resource["status"] = json!("completed");
    act.write(&mut resource, "encounter", "sent")?;
    if let Some(by) = act.written_by() {
        resource["sender"] = by;
    }
    resource["payload"] = json!([{ "contentString": text }]);
    Ok(bytes(&resource))
}

fn set(task: &mut Value, status: Status, step: Option<Step>) {
    task["status"] = json!(match status {
        Status::Requested => "requested",
        Status::Accepted => "accepted",
        Status::MoreAsked => "on-hold",
        Status::Answered | Status::Closed => "completed",
        Status::Declined => "rejected",
        Status::Cancelled => "cancelled",
    });
    task["businessStatus"] = json!({ "coding": [{ "system": STATUS, "code": status.code() }] });
    if let Some(step) = step {
        task["statusReason"] = json!({ "coding": [{ "system": STEP, "code": step.code() }] });
    }
}

fn reference(kind: &str, id: &str) -> Value {
    json!({ "reference": format!("urn:uuid:{id}"), "type": kind })
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Referral => "Adressage",
        Kind::TeleExpertise => "Télé-expertise",
    }
}

fn said(text: &str) -> Result<&str, WriteError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(WriteError::Missing("text"));
    }
    if text.len() > MAX_MESSAGE {
        return Err(WriteError::TooLong("text"));
    }
    Ok(text)
}
