//! Words that several screens say.

use bocage_protocol::clinical::request::{Kind, Status, Step};
use bocage_protocol::clinical::vitals::{Measure, Reading, Sign};

use crate::i18n::{Lang, NBSP};
use crate::state::State;
use crate::theme::icon;
use crate::view::{Earlier, Entry, PatientRow, Sex, What};

/// The reason of a visit for which nobody gave one.
const UNSAID: &str = "Consultation";

/// The id of a sign's name.
pub(super) fn sign(sign: Sign) -> &'static str {
    match sign {
        Sign::RespiratoryRate => "sign-respiratory-rate",
        Sign::HeartRate => "sign-heart-rate",
        Sign::OxygenSaturation => "sign-spo2",
        Sign::Temperature => "sign-temperature",
        Sign::BloodPressure => "sign-blood-pressure",
        Sign::Weight => "sign-weight",
        Sign::Height => "sign-height",
        Sign::Bmi => "sign-bmi",
        Sign::Pain => "sign-pain",
        Sign::Consciousness => "sign-consciousness",
        Sign::Glucose => "sign-glucose",
        Sign::Hba1c => "sign-hba1c",
        Sign::WoundLength => "sign-wound-length",
        Sign::WoundWidth => "sign-wound-width",
        Sign::WoundDepth => "sign-wound-depth",
    }
}

/// The id of a sign's name where there is little room.
pub(super) fn short_sign(of: Sign) -> &'static str {
    match of {
        Sign::RespiratoryRate => "sign-respiratory-rate-short",
        other => sign(other),
    }
}

/// A unit as people write it; empty where there is none.
pub(super) fn unit(lang: Lang, sign: Sign) -> &'static str {
    if in_grams(lang, sign) {
        return "g/L";
    }
    match sign.row().unit {
        "Cel" => "°C",
        "mm[Hg]" => "mmHg",
        "kg/m2" => "kg/m²",
        "{score}" => "/10",
        other => other,
    }
}

/// In one gram a litre.
const MILLIGRAMS_A_DECILITRE: u8 = 100;

/// French laboratories write a glucose in grams a litre.
fn in_grams(lang: Lang, sign: Sign) -> bool {
    lang == Lang::Fr && sign == Sign::Glucose
}

/// The value alone, in this language.
pub(super) fn value(lang: Lang, measure: Measure) -> String {
    match measure.reading() {
        Reading::Scalar(_) if in_grams(lang, measure.sign()) => {
            let grams = number(measure).unwrap_or_default() / f64::from(MILLIGRAMS_A_DECILITRE);
            lang.decimal(&format!("{grams:.2}"))
        }
        Reading::Consciousness(level) => lang.t(&format!("acvpu-{}", level.letter().to_ascii_lowercase())),
        _ => lang.decimal(&measure.to_string()),
    }
}

/// Value and unit, on one line.
pub(super) fn measure(lang: Lang, measure: Measure) -> String {
    let unit = unit(lang, measure.sign());
    let value = value(lang, measure);
    if unit.is_empty() { value } else { format!("{value}{NBSP}{unit}") }
}

/// What a chart draws: for a pressure its systolic part.
pub(super) fn number(measure: Measure) -> Option<f64> {
    let decimals = i32::from(measure.sign().row().decimals);
    match measure.reading() {
        Reading::Scalar(v) => Some(f64::from(v) / 10_f64.powi(decimals)),
        Reading::Pressure { systolic, .. } => Some(f64::from(systolic)),
        Reading::Consciousness(_) => None,
    }
}

/// `34 ans · F · né(e) le 12 mars 1992`.
pub(super) fn particulars(state: &State, patient: &PatientRow) -> String {
    let lang = state.lang();
    let mut parts = Vec::new();
    if let Some(age) = crate::i18n::age(&patient.birth_date, state.now_ms, state.offset) {
        parts.push(lang.tv("age", &[("n", u64::from(age).into())]));
    }
    parts.push(lang.t(sex(patient.sex)));
    let born = lang.iso_date(&patient.birth_date);
    let id = match patient.sex {
        Sex::Female => "born-f",
        Sex::Male => "born-m",
        _ => "born",
    };
    parts.push(lang.tv(id, &[("date", born.into())]));
    parts.join(" · ")
}

pub(super) fn sex(sex: Sex) -> &'static str {
    match sex {
        Sex::Female => "sex-female",
        Sex::Male => "sex-male",
        Sex::Other => "sex-other",
        Sex::Unknown => "sex-unknown",
    }
}

/// An INS in the groups in which it is printed.
pub(super) fn ins(number: &str) -> String {
    const GROUPS: [usize; 7] = [1, 2, 2, 2, 3, 3, 2];
    let mut rest = number;
    let mut out = Vec::new();
    for size in GROUPS {
        let Some((group, after)) = rest.split_at_checked(size) else {
            return number.to_owned();
        };
        out.push(group);
        rest = after;
    }
    if rest.is_empty() { out.join("\u{a0}") } else { number.to_owned() }
}

pub(super) fn icon_of(what: &What) -> &'static str {
    match what {
        What::Patient => icon::IDENTIFICATION_CARD,
        What::Note => icon::NOTE,
        What::Vital(_) => icon::HEARTBEAT,
        What::Allergy { .. } => icon::WARNING,
        What::NoAllergy => icon::SHIELD_CHECK,
        What::Treatment => icon::PILL,
        What::Problem => icon::FIRST_AID,
        What::Visit => icon::STETHOSCOPE,
        What::Question(_) | What::Step(_) | What::Message(_) => icon::PAPER_PLANE_TILT,
        What::Oxygen(_) => icon::WIND,
        What::News2 { .. } => icon::GAUGE,
        What::Other => icon::FILE_TEXT,
    }
}

/// The icon of a sign.
pub(super) fn sign_icon(sign: Sign) -> &'static str {
    match sign {
        Sign::RespiratoryRate => icon::WIND,
        Sign::OxygenSaturation | Sign::Glucose | Sign::Hba1c => icon::DROP,
        Sign::Temperature => icon::THERMOMETER_SIMPLE,
        Sign::Weight | Sign::Bmi => icon::SCALES,
        Sign::Height | Sign::WoundLength | Sign::WoundWidth | Sign::WoundDepth => icon::RULER,
        Sign::Consciousness => icon::BRAIN,
        Sign::Pain => icon::LIGHTNING,
        Sign::HeartRate | Sign::BloodPressure => icon::HEARTBEAT,
    }
}

/// The id of a kind of facility's name.
pub(super) fn facility_kind(kind: &str) -> &'static str {
    match kind {
        "pharmacy" => "place-pharmacy",
        "cabin" => "place-cabin",
        "mobile" => "place-mobile",
        _ => "place-clinic",
    }
}

/// The id of a part of a record's name.
pub(super) fn part(compartment: &str) -> &'static str {
    match compartment {
        "identity" => "part-identity",
        "emergency" => "part-emergency",
        "medication" => "part-medication",
        "sensitive" => "part-sensitive",
        "trace" => "part-trace",
        "request" => "part-request",
        _ => "part-clinical",
    }
}

/// The id of what stands in a part of a record, where its name doesn't say it.
pub(super) fn part_holds(compartment: &str) -> Option<&'static str> {
    match compartment {
        "emergency" => Some("part-emergency-what"),
        "clinical" => Some("part-clinical-what"),
        _ => None,
    }
}

/// An allergy as it is shown everywhere: how grave it is stands in the words.
pub(super) fn allergy(lang: Lang, entry: &Entry) -> String {
    allergy_to(lang, entry.what == (What::Allergy { severe: true }), &entry.title, &entry.text)
}

fn allergy_to(lang: Lang, severe: bool, substance: &str, reactions: &str) -> String {
    let id = if severe { "allergy-severe" } else { "allergy" };
    let to = if reactions.is_empty() {
        substance.to_owned()
    } else {
        format!("{substance} ({reactions})")
    };
    lang.tv(id, &[("to", to.into())])
}

/// A sign's name with the unit in which it is typed.
pub(super) fn labelled_sign(lang: Lang, of: Sign) -> String {
    let (name, unit) = (lang.t(sign(of)), unit(lang, of));
    if unit.is_empty() { name } else { format!("{name} ({unit})") }
}

/// True iff there is anything about an entry of the history that can be put right from there. The identity is, from the record's head.
pub(super) fn can_be_corrected(entry: &Entry) -> bool {
    !matches!(
        entry.what,
        What::Patient | What::Question(_) | What::Step(_) | What::Message(_) | What::News2 { .. }
    )
}

/// An entry in one line without what has become of it: its list says that.
pub(super) fn bare(state: &State, entry: &Entry) -> String {
    in_one_line(state.lang(), &entry.what, &entry.title, &entry.text)
}

/// An entry in one line, in this language as far as it is understood.
pub(super) fn entry(state: &State, entry: &Entry) -> String {
    let words = in_one_line(state.lang(), &entry.what, &entry.title, &entry.text);
    let id = match entry.what {
        _ if entry.in_error => "entry-mistaken",
        What::Treatment if entry.over => "entry-stopped",
        What::Treatment => "entry-treatment",
        What::Allergy { .. } if entry.over => "entry-over",
        What::Problem if entry.over => "entry-antecedent",
        What::Patient => "entry-identity",
        _ => return words,
    };
    state.lang().tv(id, &[("entry", words.into())])
}

/// Since when an entry is over, as it says itself; else when somebody said so.
pub(super) fn over_on(state: &State, entry: &Entry) -> Option<String> {
    let lang = state.lang();
    match entry.over_on.as_str() {
        "" => entry.over_ms.map(|at| lang.date(at, state.offset)),
        day => Some(lang.iso_date(day)),
    }
}

/// What stood there before, who wrote it and when; a note whole.
pub(super) fn earlier(state: &State, before: &Earlier) -> String {
    let lang = state.lang();
    let words = match before.what {
        What::Note => before.text.clone(),
        _ => in_one_line(lang, &before.what, &before.title, &before.text),
    };
    let at = lang.recent(before.at_ms, state.now_ms, state.offset);
    let author = before.author.as_str();
    lang.tv(
        "entry-before",
        &[("entry", words.into()), ("author", author.into()), ("at", at.into())],
    )
}

fn in_one_line(lang: Lang, what: &What, title: &str, text: &str) -> String {
    match what {
        What::Vital(measured) => format!("{} {}", lang.t(sign(measured.sign())), measure(lang, *measured)),
        What::Oxygen(given) => lang.t(if *given { "entry-oxygen" } else { "entry-air" }),
        What::News2 { total, band } => {
            let band = match band.as_str() {
                "low" => lang.t("news2-low"),
                "low-medium" => lang.t("news2-low-medium"),
                "medium" => lang.t("news2-medium"),
                "high" => lang.t("news2-high"),
                _ => String::new(),
            };
            let total = u64::from(*total);
            if band.is_empty() {
                lang.tv("entry-news2", &[("total", total.into())])
            } else {
                lang.tv("entry-news2-band", &[("total", total.into()), ("band", band.into())])
            }
        }
        What::Note => lang.t("entry-note"),
        What::Visit if title == UNSAID => lang.t("entry-visit-plain"),
        What::Visit => lang.tv("entry-visit", &[("reason", title.into())]),
        What::NoAllergy => lang.t("allergy-none-known"),
        What::Allergy { severe } => allergy_to(lang, *severe, title, text),
        What::Problem if !text.is_empty() => lang.tv("problem-since", &[("problem", title.into()), ("since", lang.iso_date(text).into())]),
        What::Treatment if !text.is_empty() => format!("{title}, {text}"),
        What::Question(Some(kind)) => lang.tv("entry-question", &[("kind", lang.t(super::requests::kind(*kind)).into())]),
        What::Step(Some((step, status))) => lang.t(step_taken(*step, *status)),
        What::Message(None) => lang.t("entry-message"),
        What::Message(step) => lang.t(said(*step, Kind::TeleExpertise, false)),
        _ if title.is_empty() => lang.t("entry-other"),
        _ => title.to_owned(),
    }
}

/// The id of what something is called that was said with a step of a request. `wanted`: somebody had asked for it.
pub(super) fn said(step: Option<Step>, kind: Kind, wanted: bool) -> &'static str {
    match step {
        None => "said-question",
        Some(Step::AskMore) => "said-ask",
        Some(Step::Reply) if wanted => "said-reply",
        Some(Step::Reply) => "said-addition",
        Some(Step::Answer) if kind == Kind::Referral => "said-answer-referral",
        Some(Step::Answer) => "said-answer",
        Some(Step::Decline) => "said-decline",
        Some(Step::Accept) => "said-accept",
        Some(Step::Close) => "said-close",
        Some(Step::Cancel) => "said-cancel",
    }
}

/// True iff somebody has asked for more once this is said, and nobody has said it.
pub(super) fn is_wanted(wanted: bool, said: Option<Step>) -> bool {
    said == Some(Step::AskMore) || wanted && said != Some(Step::Reply)
}

/// The id of what was done with a request.
fn step_taken(step: Option<Step>, status: Status) -> &'static str {
    match (step, status) {
        (Some(Step::Accept), _) => "entry-step-accept",
        (Some(Step::AskMore), _) => "entry-step-ask",
        (Some(Step::Reply), _) => "entry-step-reply",
        (Some(Step::Answer), _) | (None, Status::Answered) => "entry-step-answer",
        (Some(Step::Decline), _) | (None, Status::Declined) => "entry-step-decline",
        (Some(Step::Close), _) | (None, Status::Closed) => "entry-step-close",
        (Some(Step::Cancel), _) | (None, Status::Cancelled) => "entry-step-cancel",
        (None, _) => "entry-step-sent",
    }
}

/// An address as it is typed in an invitation: `192.168.1.20:4517`; what has no such form stays as it is.
pub(super) fn address(listening: &str) -> String {
    let parts: Vec<&str> = listening.split('/').collect();
    match parts[..] {
        ["", "ip4" | "dns4", host, "tcp", port] => format!("{host}:{port}"),
        _ => listening.to_owned(),
    }
}
