//! Requests between practitioners: made, listed, shown, taken a step further, and shut when they have ended.
//!
//! What a request amounts to is read anew from its facts each time ([`read`]); every act is one durable write. Everything that is
//! said in a step stands in the facts that the step's Task names, by the same author.

use std::collections::BTreeSet;

use bocage_protocol::access::matrix::Compartment;
use bocage_protocol::clinical::request::{Addressee, Kind, Party, Step, Urgency, next};
use bocage_protocol::clinical::text;
use bocage_protocol::envelope::Lane;
use bocage_protocol::ids::{DocId, RecordId};
use bocage_protocol::record::{Asked, FactBody, MAX_SUPERSEDES, NewRequest as Wanted, Seen};

use super::acts::{patient_reference, random16};
use super::{Service, in_words, record, refused, summary};
use crate::client::requests::{NewRequest, RecipientRow, RequestRow, RequestShown, Requested};
use crate::client::{Failure, Reply};
use crate::core::now_ms;
use crate::fhir::mapping::request::write::{Question, To, message, stepped};
use crate::fhir::mapping::write;
use crate::keystore::OsEntropy;

mod read;
mod recipients;

use read::Standing;

/// Characters of an id that name a request, if it is the only one.
const MIN_START: usize = 4;

impl Service {
    pub(super) fn request_open(&mut self, new: &NewRequest) -> Result<Reply, Failure> {
        let record = self.find(&new.patient)?;
        let kind = Kind::of_code(&new.kind).ok_or_else(|| {
            let what = &new.kind;
            Failure::new(
                "usage",
                format!("{what} is no kind of request: choose referral or tele-expertise; nothing was sent"),
                format!("{what} n'est pas une sorte de demande : choisissez referral ou tele-expertise ; rien n'a été envoyé"),
            )
        })?;
        if new.days == 0 {
            return Err(Failure::new(
                "usage",
                "what goes with a request is open for a day at least; nothing was sent",
                "ce qui accompagne une demande est ouvert un jour au moins ; rien n'a été envoyé",
            ));
        }
        let (to, addressee) = self.recipient(&new.to)?;
        let parts = new.parts.iter().map(|p| part(p)).collect::<Result<BTreeSet<_>, _>>()?;
        let wanted = Wanted {
            record,
            addressee,
            parts,
            days: new.days,
        };
        let registry = self.core.registry();
        let attached = self.reader()?.attach(now_ms(), &wanted, registry).map_err(|e| refused(&e))?;
        let urgency = if new.urgent { Urgency::Urgent } else { Urgency::Routine };
        let end = attached.ends_ms.map(summary::instant);
        let words: Vec<(&str, &str)> = attached
            .parts
            .iter()
            .map(|p| (record::compartment_name(*p), in_words(*p)[1]))
            .collect();
        let (what, name) = match &addressee {
            Addressee::Practitioner(_) => ("Practitioner", to.name.clone()),
            Addressee::Team(_) => ("CareTeam", format!("{} ({})", to.facility, profession_in_french(&to.profession))),
            Addressee::Facility(_) => ("Organization", to.name.clone()),
        };
        let task = write::uuid(random16());
        let facts = self.drawn(record, |act| {
            Question {
                act: *act,
                task: &task,
                kind,
                urgency,
                question: &new.question,
                to: To {
                    what,
                    key: &to.id,
                    name: &name,
                },
                parts: &words,
                end: end.as_deref(),
            }
            .resources()
        })?;
        let facts = facts.map(FactBody::resource);
        let lane = lane(urgency);
        let made = self
            .reader()?
            .ask(now_ms(), lane, &attached, &facts, self.core.registry(), &mut OsEntropy);
        let (request, write) = made.map_err(|e| refused(&e))?;
        self.save(&write)?;
        Ok(Reply::Requested(Requested {
            request: request.to_hex(),
            patient: record.to_hex(),
            status: "requested".to_owned(),
            parts: words.iter().map(|(code, _)| (*code).to_owned()).collect(),
            until_ms: attached.ends_ms,
        }))
    }

    pub(super) fn request_step(&mut self, start: &str, step: &str, said: &str) -> Result<Reply, Failure> {
        let asked = self.find_request(start)?;
        let step = Step::of_code(step).ok_or_else(|| {
            let all = Step::ALL.map(Step::code).join(", ");
            Failure::new(
                "usage",
                format!("{step} is no step of a request: choose one of {all}; nothing was changed"),
                format!("{step} n'est pas une étape d'une demande : choisissez parmi {all} ; rien n'a été changé"),
            )
        })?;
        let said = said.trim();
        if step.needs_text() && said.is_empty() {
            return Err(Failure::new(
                "usage",
                format!("{step} says something: add the text; nothing was changed"),
                format!("{step} demande un texte : ajoutez-le ; rien n'a été changé"),
            ));
        }
        let Some(standing) = Standing::of(self.reader()?, &asked, self.core.registry()).filter(Standing::is_open) else {
            return Err(refused(&bocage_protocol::record::WriteRefused::NoSuchRequest));
        };
        let party = step.party();
        let sides = self.reader()?.sides(&asked, self.core.registry(), now_ms());
        let other = match party {
            Party::Requester => Party::Recipient,
            Party::Recipient => Party::Requester,
        };
        let as_whom = if sides.contains(party) { party } else { other };
        let status = next(standing.status(), step, as_whom).map_err(|e| Failure::of("not-now", &e))?;
        let mut facts = Vec::new();
        let id = write::uuid(random16());
        if step == Step::Answer {
            facts.push(self.drawn_as(asked.record, &id, |act| write::consult_note(act, "Réponse", said))?);
        } else if !said.is_empty() {
            let about = standing.service_request.as_deref().unwrap_or_default();
            facts.push(self.drawn_as(asked.record, &id, |act| message(act, about, said))?);
        }
        let message = (step != Step::Answer && !said.is_empty()).then_some(&id[..]);
        let answer = (step == Step::Answer).then_some(&id[..]);
        let version = stepped(&standing.task, step, status, &summary::instant(now_ms()), message, answer);
        let version = version.map_err(|e| Failure::of("usage", &e))?;
        let mut facts: Vec<FactBody> = facts.into_iter().map(FactBody::resource).collect();
        facts.push(FactBody {
            supersedes: standing.course.heads.keys().copied().take(MAX_SUPERSEDES).collect(),
            ..FactBody::resource(version)
        });
        let mut ended = BTreeSet::new();
        if status.ends_access() {
            ended = self.ended_requests();
            ended.insert(asked.request);
        }
        let (place, lane) = ((asked.request, party), lane(standing.urgency));
        let made = self
            .reader()?
            .add_to(now_ms(), lane, place, &facts, &ended, self.core.registry(), &mut OsEntropy);
        let write = made.map_err(|e| refused(&e))?;
        self.save(&write)?;
        let row = self.request_row(&self.find_request(&asked.request.to_hex())?)?;
        Ok(Reply::Requested(Requested {
            request: row.request,
            patient: asked.record.to_hex(),
            status: row.status,
            parts: Vec::new(),
            until_ms: row.until_ms,
        }))
    }

    /// Those that wait for this seat first, then by when they were asked, the newest first.
    pub(super) fn requests(&self) -> Result<Vec<RequestRow>, Failure> {
        let asked: Vec<Asked> = self.reader()?.requests().collect();
        let mut rows = asked.iter().map(|a| self.request_row(a)).collect::<Result<Vec<_>, _>>()?;
        let rank = |row: &RequestRow| (!row.trusted, row.steps.is_empty(), !row.urgent);
        rows.sort_by(|a, b| {
            rank(a)
                .cmp(&rank(b))
                .then(b.asked_ms.cmp(&a.asked_ms))
                .then_with(|| a.request.cmp(&b.request))
        });
        Ok(rows)
    }

    pub(super) fn request_show(&self, start: &str) -> Result<RequestShown, Failure> {
        let asked = self.find_request(start)?;
        self.shown(&asked)
    }

    /// A person has looked at a request: whoever wrote in it is told.
    pub(super) fn request_read(&mut self, start: &str) -> Result<Reply, Failure> {
        let asked = self.find_request(start)?;
        let documents = self.acknowledge(&[asked.request], Seen::Read)?;
        Ok(Reply::Acknowledged { documents })
    }

    /// What this seat opened of requests has been received: their authors are told, without anybody having to look.
    pub(super) fn receive_requests(&mut self) {
        let Some(reader) = &self.core.reader else { return };
        let requests: Vec<DocId> = reader.requests().filter(|a| a.is_trusted).map(|a| a.request).collect();
        if let Err(error) = self.acknowledge(&requests, Seen::Received) {
            tracing::warn!(%error, "that requests were received could not be written; it is tried again");
        }
    }

    /// Shuts what ended requests opened by this seat, whoever ended them.
    pub(super) fn shut_ended_requests(&mut self) {
        let Some(reader) = &self.core.reader else { return };
        let ended = self.ended_requests();
        if ended.is_empty() {
            return;
        }
        match reader.shut(now_ms(), &ended, self.core.registry()) {
            Ok(None) => {}
            Ok(Some(write)) => {
                if let Err(error) = self.save(&write) {
                    tracing::warn!(%error, "what an ended request had opened could not be shut; it is tried again");
                }
            }
            Err(error) => tracing::warn!(%error, "what an ended request had opened could not be shut; its date will"),
        }
    }

    /// Requests that have ended while something is still open by them.
    fn ended_requests(&self) -> BTreeSet<DocId> {
        let Some(reader) = &self.core.reader else { return BTreeSet::new() };
        let now = now_ms();
        let open = reader.requests().filter(|a| a.is_trusted && !reader.opened_by(a, now).is_empty());
        let ended = open.filter(|a| Standing::of(reader, a, self.core.registry()).is_some_and(|s| s.is_open() && s.status().ends_access()));
        ended.map(|a| a.request).collect()
    }

    /// A request by its whole id or the start of it.
    fn find_request(&self, start: &str) -> Result<Asked, Failure> {
        let wanted = start.to_lowercase();
        let mut found: Vec<Asked> = self
            .reader()?
            .requests()
            .filter(|a| a.request.to_hex().starts_with(&wanted))
            .collect();
        match (found.pop(), found.len()) {
            (Some(one), 0) if wanted.len() >= MIN_START => Ok(one),
            (None, _) => Err(Failure::new(
                "not-found",
                format!("no request begins with {start} among those that can be read here: see `bocage request list`"),
                format!("aucune demande lisible ici ne commence par {start} : voyez `bocage request list`"),
            )),
            (Some(_), n) => Err(Failure::new(
                "ambiguous",
                format!("{start} doesn't name one request ({} begin so): give more of the id", n + 1),
                format!(
                    "{start} ne désigne pas une seule demande ({} commencent ainsi) : donnez plus de caractères",
                    n + 1
                ),
            )),
        }
    }

    /// Makes resources about a patient, by whoever works here.
    fn drawn<T>(&self, record: RecordId, make: impl FnOnce(&write::Act<'_>) -> Result<T, write::WriteError>) -> Result<T, Failure> {
        self.drawn_as(record, &write::uuid(random16()), make)
    }

    fn drawn_as<T>(
        &self,
        record: RecordId,
        id: &str,
        make: impl FnOnce(&write::Act<'_>) -> Result<T, write::WriteError>,
    ) -> Result<T, Failure> {
        let subject = patient_reference(self.reader()?, record).ok_or_else(super::acts::no_identity)?;
        let effective = summary::instant(now_ms());
        let (name, rpps) = self.practitioner().map(|p| (p.name.clone(), p.rpps.clone())).unwrap_or_default();
        let act = write::Act {
            id,
            patient: &subject,
            by: Some(write::By { name: &name, rpps: &rpps }).filter(|b| !b.name.is_empty()),
            effective: &effective,
            ..write::Act::default()
        };
        make(&act).map_err(|e| Failure::of("usage", &e))
    }

    /// Whom a text names: an id, its start, or a name.
    fn recipient(&self, to: &str) -> Result<(RecipientRow, Addressee), Failure> {
        let (start, folded) = (to.to_lowercase(), text::fold(to));
        let all = self.addressees()?;
        let begins = |row: &RecipientRow| start.len() >= MIN_START && row.id.starts_with(&start);
        let named = |row: &RecipientRow| row.kind != "team" && text::fold(&row.name) == folded;
        let mut found: Vec<_> = all.into_iter().filter(|(row, _)| begins(row) || named(row)).collect();
        match (found.pop(), found.len()) {
            (Some(one), 0) => Ok(one),
            (None, _) => Err(Failure::new(
                "not-found",
                format!("nobody called {to} can be asked: see `bocage request recipients`; nothing was sent"),
                format!("personne à qui s'adresser ne s'appelle {to} : voyez `bocage request recipients` ; rien n'a été envoyé"),
            )),
            (Some(_), n) => Err(Failure::new(
                "ambiguous",
                format!(
                    "{} are called {to}: name one by its id (`bocage request recipients`); nothing was sent",
                    n + 1
                ),
                format!(
                    "{} s'appellent {to} : donnez l'identifiant (`bocage request recipients`) ; rien n'a été envoyé",
                    n + 1
                ),
            )),
        }
    }
}

/// Urgent requests travel first.
fn lane(urgency: Urgency) -> Lane {
    match urgency {
        Urgency::Urgent => Lane::Urgent,
        Urgency::Routine => Lane::Today,
    }
}

fn part(name: &str) -> Result<Compartment, Failure> {
    let attachable = [
        Compartment::Identity,
        Compartment::Emergency,
        Compartment::Medication,
        Compartment::Clinical,
    ];
    attachable
        .into_iter()
        .find(|p| record::compartment_name(*p) == name)
        .ok_or_else(|| {
            Failure::new(
                "usage",
                format!("{name} is no part that goes with a request: choose emergency, medication or clinical; nothing was sent"),
                format!("{name} n'est pas une partie à joindre : choisissez emergency, medication ou clinical ; rien n'a été envoyé"),
            )
        })
}

fn profession_in_french(profession: &str) -> &str {
    match profession {
        "doctor" => "médecins",
        "nurse" => "infirmiers",
        _ => "pharmaciens",
    }
}
