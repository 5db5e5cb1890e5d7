//! Questions to colleagues, and their steps.

use bocage_protocol::clinical::request::{Status, Step};

use super::super::{Command, Field, RequestDraft, State};

impl State {
    pub(super) fn send_request(&mut self) -> Vec<Command> {
        let question = self.text(Field::Question).trim().to_owned();
        let Some(to) = &self.compose.to else {
            self.focus = Some(Field::Recipient);
            return Vec::new();
        };
        if question.is_empty() {
            self.focus = Some(Field::Question);
            return Vec::new();
        }
        let draft = RequestDraft {
            patient: self.compose.patient.clone(),
            kind: self.compose.kind,
            urgent: self.compose.urgent,
            to: to.id.clone(),
            question,
            parts: self.compose.parts.iter().map(|p| (*p).to_owned()).collect(),
        };
        self.compose.working = true;
        vec![Command::OpenRequest(draft)]
    }

    /// What Ctrl+Enter does with an open request: the one thing that whoever writes there means.
    pub fn main_step(&self) -> Option<Step> {
        let row = &self.request.value()?.row;
        let may = |step: &Step| row.steps.contains(step);
        match row.status {
            Status::Answered if self.saying_more => Some(Step::Answer).filter(may),
            Status::Answered | Status::Declined => Some(Step::Close).filter(may),
            _ => [Step::Answer, Step::Reply].into_iter().find(may),
        }
    }

    pub(super) fn step(&mut self, step: Step) -> Vec<Command> {
        let Some(shown) = self.request.value() else { return Vec::new() };
        let text = self.text(Field::Message).trim().to_owned();
        if step.needs_text() && text.is_empty() {
            self.focus = Some(Field::Message);
            return Vec::new();
        }
        let request = shown.row.id.clone();
        self.stepping = true;
        self.step_problem = None;
        vec![Command::Step { request, step, text }]
    }
}
