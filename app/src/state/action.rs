//! What a person can do: where to, what is typed, which button.

use bocage_protocol::clinical::request::{Kind, Step};
use bocage_protocol::clinical::vitals::Sign;

use super::form::{FacilityKind, Profession};
use crate::i18n::Lang;
use crate::view::{Recipient, Sex};

/// Everything that is typed has its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Field {
    Passphrase,
    PassphraseAgain,
    /// The one that is about to be replaced.
    OldPassphrase,
    Network,
    Facility,
    Town,
    Finess,
    Practitioner,
    Rpps,
    InvitationFile,
    Words,
    Address,
    Search,
    Family,
    Given,
    Birth,
    Ins,
    Reason,
    Note,
    Vital(Sign),
    Substance,
    Reaction,
    Medicine,
    Dosage,
    Question,
    Recipient,
    Message,
    Problem,
    Since,
    /// Since when something is over; why.
    EndDay,
    EndReason,
    /// A field of the entry that is being corrected, by its place.
    Correction(u8),
    /// The folder of a USB stick.
    Stick,
}

impl Field {
    /// Never kept longer than its form.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Passphrase | Self::PassphraseAgain | Self::OldPassphrase | Self::Words)
    }
}

/// Where one is in the window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Route {
    Home,
    Patients,
    NewPatient,
    Record {
        patient: String,
        tab: Tab,
    },
    Visit {
        patient: String,
    },
    Requests(Shelf),
    /// A question about a patient, being written.
    Compose {
        patient: String,
    },
    Request {
        request: String,
    },
    Network,
    Settings,
}

impl Route {
    /// True iff it differs in the part of a screen that is shown, at most.
    pub fn is_same_screen(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Record { patient, .. }, Self::Record { patient: also, .. }) => patient == also,
            (Self::Requests(_), Self::Requests(_)) => true,
            _ => self == other,
        }
    }
}

/// Parts of a record's screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tab {
    #[default]
    Summary,
    History,
    Vitals,
    Treatments,
    Readers,
}

impl Tab {
    pub const ALL: [Self; 5] = [Self::Summary, Self::History, Self::Vitals, Self::Treatments, Self::Readers];
}

/// Where requests lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Shelf {
    #[default]
    Received,
    Sent,
    Ended,
}

impl Shelf {
    pub const ALL: [Self; 3] = [Self::Received, Self::Sent, Self::Ended];
}

/// Light, dark, or as the machine has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Look {
    #[default]
    System,
    Light,
    Dark,
}

impl Look {
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub fn code(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.code() == code)
    }
}

/// How large text is, and with it all else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TextSize {
    #[default]
    Normal,
    Large,
    Larger,
}

impl TextSize {
    pub const ALL: [Self; 3] = [Self::Normal, Self::Large, Self::Larger];

    pub fn code(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Large => "large",
            Self::Larger => "larger",
        }
    }

    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Over the usual size.
    pub fn factor(self) -> f32 {
        match self {
            Self::Normal => 1.0,
            Self::Large => 1.15,
            Self::Larger => 1.3,
        }
    }
}

/// What a person did.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    Type(Field, String),
    Go(Route),
    Back,
    /// The keyboard goes there, and what shows it.
    Focus(Field),
    Language(Lang),
    Look(Look),
    TextSize(TextSize),
    /// Opens the form for another passphrase, or closes it.
    RekeyForm(bool),
    Rekey,
    /// All records that others opened to this place are no news any more.
    ArrivalsSeen,
    CloseToast(u64),
    Help(bool),

    /// First run: found (`true`) or join.
    Founding(bool),
    /// An invitation among those that were found on this machine.
    InvitationFile(std::path::PathBuf),
    Kind(FacilityKind),
    Profession(Profession),
    SetupNext,
    SetupBack,
    Unlock,
    Lock,
    /// After a failed start.
    Retry,

    PatientsAt(u64),
    Cursor(u64),
    Sex(Sex),
    /// `anyway`: although somebody much alike is here.
    CreatePatient {
        anyway: bool,
    },

    Oxygen(bool),
    ScaleTwo(bool),
    SaveVisit,
    /// Gives up what is being written; asked twice.
    DropDraft,
    AddAllergy {
        severe: bool,
    },
    /// Somebody asked: no allergy is known.
    NoAllergy,
    AddTreatment,
    AddProblem {
        is_over: bool,
    },
    /// A treatment is about to be stopped, a problem or an allergy said to be over: by its id.
    End(String),
    ConfirmEnd,
    /// A stopped treatment is written into the form again, to be signed as a new one: by its id.
    Resume(String),
    /// Opens one thing that happened, or shuts it: by the id of its first entry.
    Unfold(String),
    /// An entry is about to be corrected, by its id.
    Correct(String),
    Severe(bool),
    /// Of an identity that is being corrected.
    CorrectSex(Sex),
    SaveCorrection,
    /// Says that the entry was made in error; asked twice.
    Withdraw,
    /// Leaves a correction or a sharing as it was.
    LeaveDialog,
    /// The record is about to be shared with a facility: its key and name.
    Share {
        key: String,
        facility: String,
    },
    ConfirmShare,

    RequestKind(Kind),
    Urgent(bool),
    /// The keyboard's place among those whom the search finds.
    RecipientCursor(u64),
    Recipient(Recipient),
    Part(&'static str),
    SendRequest,
    Step(Step),
    /// More is to be said by whoever answered already.
    SayMore,

    /// The stick at this place, among those that are plugged in.
    Stick(std::path::PathBuf),
    CarryOut,
    CarryIn,
    Redial,
    Invite,
    InviteAnother,
    /// The invitation's file into this folder.
    CopyInvitation(std::path::PathBuf),
    Admit(String),
}
