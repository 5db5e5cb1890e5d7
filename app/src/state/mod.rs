//! Everything the window knows, and the only place where it changes: [`State::apply`] for what a person did, [`State::receive`] for
//! what the node answered. Both are pure and return what is to be asked next, so that they are tested without a window.

use std::collections::{BTreeMap, BTreeSet};

use time::UtcOffset;

mod action;
mod answers;
mod apply;
mod command;
mod drafts;
mod event;
pub mod form;
mod remote;
mod secret;
#[cfg(test)]
mod tests;

pub use action::{Action, Field, Look, Route, Shelf, Tab, TextSize};
pub use command::{Command, Founding, PatientDraft, RequestDraft, VisitDraft};
pub use drafts::{ADDITIONS, Draft};
pub use event::{Event, SetupDone, VisitRefused};
pub use remote::Remote;
pub use secret::{Secret, Texts};

use crate::i18n::Lang;
use crate::view::{Arrivals, Carried, DraftRow, Network, PatientRow, Place, Problem, Record, Request, RequestRow, Sex};
use form::{Compose, Correction, Ending, Rekeying, Setup, Sharing, Visit};

/// Rows asked for at a time.
pub const PAGE: u64 = 200;
/// A draft is saved this long after a key was pressed, at the latest.
pub const DRAFT_AFTER_MS: u64 = 1_000;
/// A draft that couldn't be saved is tried again after this long.
pub const DRAFT_AGAIN_MS: u64 = 5_000;
/// A message goes by itself after this long, unless it reports a failure.
const TOAST_MS: u64 = 6_000;
const MAX_TOASTS: usize = 3;

/// How far the window has come.
#[derive(Clone, PartialEq, Debug)]
pub enum Phase {
    /// The node's store is being opened.
    Starting {
        done: u64,
        total: u64,
    },
    /// It can't be opened: a sentence and a way out.
    Broken(Problem),
    /// Nothing is founded or joined in this directory yet.
    FirstRun(Setup),
    /// A passphrase is asked for.
    Locked {
        working: bool,
        problem: Option<Problem>,
    },
    Open,
}

/// Settings that outlive the window; no patient data among them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    pub lang: Lang,
    /// Somebody chose it here; else it follows the machine.
    pub lang_is_chosen: bool,
    pub look: Look,
    pub size: TextSize,
}

/// A message that comes and goes.
#[derive(Clone, PartialEq, Debug)]
pub struct Toast {
    pub id: u64,
    pub tone: crate::theme::tokens::Tone,
    pub text: String,
    /// What went wrong, as the node names it; empty for good news.
    pub code: String,
    /// `None`: stays until it is closed.
    pub until_ms: Option<u64>,
}

/// A list of patients, window by window.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Patients {
    /// Counts what was asked: an answer to an older question is dropped.
    pub seq: u64,
    pub total: Option<u64>,
    pub rows: BTreeMap<u64, PatientRow>,
    /// Windows that were asked for and haven't come.
    pub asked: BTreeSet<u64>,
    pub problem: Option<Problem>,
    /// Place of the keyboard in the list.
    pub cursor: Option<u64>,
    /// The list begins anew: scroll to its top.
    pub fresh: bool,
}

/// A person who is about to be registered.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct NewPatient {
    pub sex: Option<Sex>,
    pub working: bool,
    /// Whether to give it up has been asked once.
    pub dropping: bool,
    pub problem: Option<Problem>,
    /// People here who may be the same, with why.
    pub twins: Vec<(PatientRow, String)>,
}

/// The whole state of the window.
#[derive(Clone, Debug)]
pub struct State {
    pub now_ms: u64,
    pub offset: UtcOffset,
    pub settings: Settings,
    pub phase: Phase,
    pub place: Place,
    pub route: Route,
    pub behind: Vec<Route>,
    /// Everything that is being typed.
    pub texts: Texts,
    /// Drafts that were typed on since they were saved last, and when they have to be saved.
    pub drafts_due: BTreeMap<Draft, u64>,
    /// Drafts by their patient that the disk refused and whose form was left since: kept here, and tried again from that moment on.
    pub drafts_refused: BTreeMap<(String, Draft), (String, u64)>,
    pub network: Remote<Network>,
    pub patients: Patients,
    pub record: Remote<Record>,
    pub new_patient: NewPatient,
    pub visit: Visit,
    /// Things that happened whose entries are shown one by one: by their first entry.
    pub unfolded: BTreeSet<String>,
    /// Fields of what is being added: they are emptied once it is saved.
    pub adding: Vec<Field>,
    pub correction: Option<Correction>,
    pub ending: Option<Ending>,
    pub sharing: Option<Sharing>,
    pub rekeying: Option<Rekeying>,
    pub drafts: Vec<DraftRow>,
    pub arrivals: Arrivals,
    pub requests: Remote<Vec<RequestRow>>,
    pub request: Remote<Request>,
    pub compose: Compose,
    /// A step on the open request is on its way.
    pub stepping: bool,
    pub step_problem: Option<Problem>,
    /// Whether to close the open request has been asked once: its addressee receives nothing more of the record then.
    pub closing: bool,
    /// The step that is on its way.
    pub stepped: Option<bocage_protocol::clinical::request::Step>,
    /// Whoever answered already has more to say.
    pub saying_more: bool,
    pub toasts: Vec<Toast>,
    pub next_toast: u64,
    /// Folders of what is plugged in.
    pub sticks: Vec<std::path::PathBuf>,
    /// How far a stick has been written or read.
    pub carrying: Option<(u64, u64)>,
    pub carried: Remote<Carried>,
    /// An invitation that was made, to be handed over: file and words.
    pub invitation: Remote<(String, String)>,
    /// A screen's field that should get the keyboard at its next frame.
    pub focus: Option<Field>,
    pub help: bool,
    /// What the desk opens with, after a founding or a joining.
    pub greeting: Option<SetupDone>,
    /// A size of text was chosen, perhaps the same one again.
    pub resized: bool,
    /// People and places are invented, and go with the window.
    pub demo: bool,
    /// The window has the keyboard, and somebody uses it.
    pub watched: bool,
    /// Something came to the open request since anybody did anything here: it isn't read until somebody does.
    pub unread: bool,
}

impl State {
    pub fn new(settings: Settings, now_ms: u64, offset: UtcOffset) -> Self {
        Self {
            now_ms,
            offset,
            settings,
            phase: Phase::Starting { done: 0, total: 0 },
            place: Place::default(),
            route: Route::Home,
            behind: Vec::new(),
            texts: Texts::default(),
            drafts_due: BTreeMap::new(),
            drafts_refused: BTreeMap::new(),
            network: Remote::Idle,
            patients: Patients::default(),
            record: Remote::Idle,
            new_patient: NewPatient::default(),
            visit: Visit::default(),
            unfolded: BTreeSet::new(),
            adding: Vec::new(),
            correction: None,
            ending: None,
            sharing: None,
            rekeying: None,
            drafts: Vec::new(),
            arrivals: Arrivals::default(),
            requests: Remote::Idle,
            request: Remote::Idle,
            compose: Compose::default(),
            stepping: false,
            step_problem: None,
            closing: false,
            stepped: None,
            saying_more: false,
            toasts: Vec::new(),
            next_toast: 0,
            sticks: Vec::new(),
            carrying: None,
            carried: Remote::Idle,
            invitation: Remote::Idle,
            focus: None,
            help: false,
            greeting: None,
            resized: false,
            demo: false,
            watched: true,
            unread: false,
        }
    }

    pub fn lang(&self) -> Lang {
        self.settings.lang
    }

    /// What is typed in a field.
    pub fn text(&self, field: Field) -> &str {
        self.texts.get(field)
    }

    /// The sentence of a problem in the window's language.
    pub fn say<'a>(&self, problem: &'a Problem) -> &'a str {
        self.lang().pick(&problem.en, &problem.fr)
    }

    /// The open record, if it is this patient's.
    pub fn record_of(&self, patient: &str) -> Option<&Record> {
        self.record.value().filter(|r| r.patient.id == patient)
    }

    /// Requests that wait for something to be done here.
    pub fn waiting_requests(&self) -> Vec<&RequestRow> {
        let rows = self.requests.value().into_iter().flatten();
        rows.filter(|r| r.trusted && r.waits_here()).collect()
    }

    /// When something changes by itself: a message goes, a draft is due.
    pub fn next_wake_ms(&self) -> Option<u64> {
        let toasts = self.toasts.iter().filter_map(|t| t.until_ms);
        toasts
            .chain(self.drafts_due.values().copied())
            .chain(
                self.drafts_refused
                    .values()
                    .map(|(_, at)| *at)
                    .filter(|_| self.phase == Phase::Open),
            )
            .min()
            .map(|at| at.saturating_sub(self.now_ms))
    }

    /// The window gets the keyboard, or loses it. What came to an open request while nobody looked is read with the next touch.
    pub fn watch(&mut self, watched: bool) {
        let before = std::mem::replace(&mut self.watched, watched);
        let back = watched && !before;
        self.unread |= back && matches!(self.route, Route::Request { .. });
    }

    /// Somebody moved the pointer or pressed a key in the window that has the keyboard: what stands in it was before their eyes.
    pub fn touched(&mut self) -> Vec<Command> {
        match &self.route {
            Route::Request { request } if self.phase == Phase::Open && std::mem::take(&mut self.unread) => {
                vec![Command::ReadRequest(request.clone())]
            }
            _ => Vec::new(),
        }
    }

    /// Time passes.
    pub fn tick(&mut self, now_ms: u64) -> Vec<Command> {
        self.now_ms = now_ms;
        self.toasts.retain(|t| t.until_ms.is_none_or(|until| until > now_ms));
        self.due_drafts()
    }

    pub(crate) fn toast(&mut self, tone: crate::theme::tokens::Tone, text: String) {
        let stays = tone == crate::theme::tokens::Tone::Danger;
        self.next_toast += 1;
        self.toasts.push(Toast {
            id: self.next_toast,
            tone,
            text,
            code: String::new(),
            until_ms: (!stays).then_some(self.now_ms + TOAST_MS),
        });
        if self.toasts.len() > MAX_TOASTS {
            self.toasts.remove(0);
        }
    }
}
