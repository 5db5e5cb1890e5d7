//! ServiceRequest, Task, Communication: a question to another practitioner, where it stands, and what is said about it.
//!
//! The words for status, step and kind are ours (in code systems of our own), beside FHIR's nearest: `businessStatus` says where a
//! request stands and `statusReason` by which step, so that both are known again exactly. Resources of other houses are read too;
//! what they call things is theirs.

pub mod write;

use super::read::{Concept, Fields, ViewError};
use bocage_protocol::clinical::request::{Kind, Status, Step};

/// Where a request stands.
pub const STATUS: &str = "https://bocage.invalid/fhir/CodeSystem/request-status";
/// The step that led there.
pub const STEP: &str = "https://bocage.invalid/fhir/CodeSystem/request-step";
/// Referral or tele-expertise.
pub const KIND: &str = "https://bocage.invalid/fhir/CodeSystem/request-kind";
/// A part of a record.
pub const PART: &str = "https://bocage.invalid/fhir/CodeSystem/record-part";
/// The key of a practitioner, team or facility in the registry.
pub const KEY: &str = "https://bocage.invalid/fhir/NamingSystem/registry-key";

/// A question, with what goes with it.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceRequestView {
    pub status: Option<String>,
    pub intent: Option<String>,
    /// `None` where another house means something else.
    pub kind: Option<Kind>,
    pub code: Option<Concept>,
    pub priority: Option<String>,
    pub subject: Option<String>,
    pub authored: Option<String>,
    /// Names of whom it is addressed to.
    pub performers: Vec<String>,
    pub notes: Vec<String>,
    /// Codes of the parts of the record that it opens.
    pub parts: Vec<String>,
}

/// Where a request stands, in one version.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskView {
    pub id: Option<String>,
    pub status: Option<String>,
    pub business_status: Option<Status>,
    pub step: Option<Step>,
    pub focus: Option<String>,
    pub patient: Option<String>,
    pub owner: Option<String>,
    pub authored: Option<String>,
    /// When what the request opened is shut.
    pub end: Option<String>,
    /// References to what is said by this step.
    pub said: Vec<String>,
    /// References to what answers it.
    pub answers: Vec<String>,
}

/// One message.
#[derive(Clone, PartialEq, Eq)]
pub struct CommunicationView {
    pub id: Option<String>,
    pub status: Option<String>,
    pub subject: Option<String>,
    pub based_on: Vec<String>,
    pub sent: Option<String>,
    /// Texts, in their order.
    pub texts: Vec<String>,
}

impl ServiceRequestView {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ViewError> {
        for name in ["status", "intent", "subject"] {
            fields.require(name)?;
        }
        let categories = fields.objects("category", Concept::read)?;
        let kind = categories.iter().find_map(|c| c.code(KIND)).and_then(Kind::of_code);
        let notes = fields.objects("note", |n| n.owned("text"))?;
        let parts = fields.objects("supportingInfo", |r| {
            r.object("identifier", |i| Ok((i.owned("system")?, i.owned("value")?)))
                .map(Option::unwrap_or_default)
        })?;
        Ok(Self {
            status: fields.code("status")?,
            intent: fields.code("intent")?,
            kind,
            code: fields.concept("code")?,
            priority: fields.code("priority")?,
            subject: fields.reference("subject")?,
            authored: fields.date_time("authoredOn")?,
            performers: fields.objects("performer", |p| p.owned("display"))?.into_iter().flatten().collect(),
            notes: notes.into_iter().flatten().collect(),
            parts: parts
                .into_iter()
                .filter(|(s, _)| s.as_deref() == Some(PART))
                .filter_map(|(_, v)| v)
                .collect(),
        })
    }
}

impl TaskView {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ViewError> {
        for name in ["status", "intent"] {
            fields.require(name)?;
        }
        let own = |name, system| Ok(fields.concept(name)?.and_then(|c: Concept| c.code(system).map(str::to_owned)));
        let restriction = fields.object("restriction", |r| r.object("period", |p| p.date_time("end")));
        Ok(Self {
            id: fields.owned("id")?,
            status: fields.code("status")?,
            business_status: own("businessStatus", STATUS)?.and_then(|c: String| Status::of_code(&c)),
            step: own("statusReason", STEP)?.and_then(|c: String| Step::of_code(&c)),
            focus: fields.reference("focus")?,
            patient: fields.reference("for")?,
            owner: fields.object("owner", |o| o.owned("display"))?.flatten(),
            authored: fields.date_time("authoredOn")?,
            end: restriction?.flatten().flatten(),
            said: references(fields, "input")?,
            answers: references(fields, "output")?,
        })
    }
}

impl CommunicationView {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ViewError> {
        fields.require("status")?;
        let texts = fields.objects("payload", |p| p.owned("contentString"))?;
        Ok(Self {
            id: fields.owned("id")?,
            status: fields.code("status")?,
            subject: fields.reference("subject")?,
            based_on: fields.objects("basedOn", |r| r.owned("reference"))?.into_iter().flatten().collect(),
            sent: fields.date_time("sent")?,
            texts: texts.into_iter().flatten().collect(),
        })
    }
}

fn references(fields: &Fields<'_>, list: &str) -> Result<Vec<String>, ViewError> {
    let found = fields.objects(list, |i| i.reference("valueReference"))?;
    Ok(found.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::write::*;
    use super::*;
    use crate::fhir::mapping::write::{Act, By, WriteError};
    use crate::fhir::mapping::{self, View};
    use bocage_protocol::clinical::request::Urgency;
    use serde_json::{Value, json};

    const ID: &str = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
    const TASK: &str = "6ba7b811-9dad-41d1-80b4-00c04fd430c8";

    fn act() -> Act<'static> {
        Act {
            id: ID,
            patient: "urn:uuid:6ba7b812-9dad-41d1-80b4-00c04fd430c8",
            by: Some(By {
                name: "Anne Morel",
                rpps: "10000000017",
            }),
            effective: "2026-11-22T10:00:00Z",
            ..Act::default()
        }
    }

    fn question(question: &str) -> Question<'_> {
        Question {
            act: act(),
            task: TASK,
            kind: Kind::TeleExpertise,
            urgency: Urgency::Urgent,
            question,
            to: To {
                what: "CareTeam",
                key: "ab12",
                name: "Dermatologie, Alençon",
            },
            parts: &[("identity", "identité"), ("clinical", "clinique")],
            end: Some("2026-11-29T10:00:00Z"),
        }
    }

    #[test]
    fn a_question_is_read_back_as_it_was_asked() {
        let [request, task] = question("Cette plaie ?\nDepuis mardi.").resources().unwrap();
        let Ok(Some(View::ServiceRequest(request))) = mapping::of(&request) else {
            panic!("a view")
        };
        assert_eq!(request.kind, Some(Kind::TeleExpertise));
        assert_eq!(request.notes, ["Cette plaie ?\nDepuis mardi."]);
        assert_eq!(
            (request.priority.as_deref(), request.intent.as_deref()),
            (Some("urgent"), Some("proposal"))
        );
        assert_eq!(request.parts, ["identity", "clinical"]);
        assert_eq!(request.performers, ["Dermatologie, Alençon"]);
        let Ok(Some(View::Task(first))) = mapping::of(&task) else {
            panic!("a view")
        };
        assert_eq!((first.business_status, first.step), (Some(Status::Requested), None));
        assert_eq!(first.focus, Some(format!("urn:uuid:{ID}")));
        assert_eq!(first.end.as_deref(), Some("2026-11-29T10:00:00Z"));
    }

    #[test]
    fn every_status_and_step_is_known_again_and_has_a_status_of_fhir_s() {
        let [_, task] = question("?").resources().unwrap();
        for (step, status, fhir) in [
            (Step::Accept, Status::Accepted, "accepted"),
            (Step::AskMore, Status::MoreAsked, "on-hold"),
            (Step::Reply, Status::Requested, "requested"),
            (Step::Answer, Status::Answered, "completed"),
            (Step::Decline, Status::Declined, "rejected"),
            (Step::Cancel, Status::Cancelled, "cancelled"),
            (Step::Close, Status::Closed, "completed"),
        ] {
            let next = stepped(&task, step, status, "2026-11-23T10:00:00Z", Some(ID), Some(ID)).unwrap();
            let Ok(Some(View::Task(view))) = mapping::of(&next) else {
                panic!("a view")
            };
            assert_eq!(
                (view.step, view.business_status, view.status.as_deref()),
                (Some(step), Some(status), Some(fhir))
            );
            assert_eq!(view.id.as_deref(), Some(TASK));
            let reference = format!("urn:uuid:{ID}");
            assert_eq!((&view.said, &view.answers), (&vec![reference.clone()], &vec![reference]));
            // What an earlier step said stays with that step.
            let after = stepped(&next, Step::Close, Status::Closed, "2026-11-24T10:00:00Z", None, None).unwrap();
            let Ok(Some(View::Task(view))) = mapping::of(&after) else {
                panic!("a view")
            };
            assert!(view.said.is_empty() && view.answers.is_empty());
        }
        assert!(
            stepped(b"{}", Step::Accept, Status::Accepted, "2026-11-23", None, None).is_err(),
            "not a task"
        );
    }

    #[test]
    fn empty_and_endless_texts_are_refused() {
        assert_eq!(question(" \n").resources().err(), Some(WriteError::Missing("text")));
        assert_eq!(
            question(&"x".repeat(MAX_MESSAGE + 1)).resources().err(),
            Some(WriteError::TooLong("text"))
        );
        assert_eq!(message(&act(), ID, "\t").err(), Some(WriteError::Missing("text")));
        assert!(message(&act(), ID, &"x".repeat(MAX_MESSAGE)).is_ok());
        let said = message(&act(), ID, "Quelle taille ?").unwrap();
        let Ok(Some(View::Communication(said))) = mapping::of(&said) else {
            panic!("a view")
        };
        assert_eq!(
            (said.texts, said.based_on),
            (vec!["Quelle taille ?".to_owned()], vec![format!("urn:uuid:{ID}")])
        );
    }

    #[test]
    fn what_is_mapped_is_read_strictly() {
        for (resource, path) in [
            (json!({ "resourceType": "Task", "status": "requested" }), "Task.intent"),
            (
                json!({ "resourceType": "Task", "status": "x", "intent": "order", "restriction": { "period": { "end": "soon" } } }),
                "Task.restriction.period.end",
            ),
            (
                json!({ "resourceType": "Task", "status": "x", "intent": "order", "input": [{ "valueReference": 7 }] }),
                "Task.input[0].valueReference",
            ),
            (
                json!({ "resourceType": "ServiceRequest", "status": "active", "intent": "order" }),
                "ServiceRequest.subject",
            ),
            (json!({ "resourceType": "Communication" }), "Communication.status"),
            (
                json!({ "resourceType": "Communication", "status": "completed", "payload": [{ "contentString": 1 }] }),
                "Communication.payload[0].contentString",
            ),
        ] {
            let resource: Value = resource;
            assert_eq!(mapping::of_value(&resource).err().unwrap().path, path);
        }
        let foreign = json!({ "resourceType": "Task", "status": "draft", "intent": "plan", "businessStatus": { "text": "waiting" } });
        let Ok(Some(View::Task(view))) = mapping::of_value(&foreign) else {
            panic!("a view")
        };
        assert_eq!((view.business_status, view.step), (None, None));
    }
}
