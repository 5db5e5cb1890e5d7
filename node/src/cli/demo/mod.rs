//! `bocage demo`: a valley in a minute. Four processes, a cut, a laptop that carries what cables don't, a healing; then a table and
//! checks. Everything is real: processes, sockets, keys, disks; only the patients are invented.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use super::args::Demo;
use crate::client::{Change, Failure, PatientRow, Record, Reply, Request};
use crate::fhir::generate::Generator;
use crate::lang::{Bilingual, Lang, wrap};

mod cast;
mod wires;

use cast::{Actor, cast, in_step, parted, unexpected};
use wires::{Pair, Wires};

const CLINIC: usize = 0;
const PHARMACY: usize = 1;
const CABIN: usize = 2;
const MOBILE: usize = 3;
const ALL: [usize; 4] = [CLINIC, PHARMACY, CABIN, MOBILE];

/// Cables, the dialer first. The village (pharmacy, cabin) and the town (clinic) are joined by two, the laptop reaches all.
const PAIRS: [Pair; 6] = [
    (PHARMACY, CLINIC),
    (CABIN, CLINIC),
    (CABIN, PHARMACY),
    (MOBILE, CLINIC),
    (MOBILE, PHARMACY),
    (MOBILE, CABIN),
];

/// Patients of the mobile doctor's round.
const ROUND: usize = 5;
/// Resources of one generated patient.
const RESOURCES: usize = 14;
/// Bytes of hellos, comparisons and acknowledgements that all nodes together may take besides.
const TALK: u64 = 64 * 1024;

pub(super) async fn run(demo: Demo, lang: Lang, json: bool) -> Result<u8, Failure> {
    let begun = Instant::now();
    let root = demo
        .keep
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("bocage-demo-{}", std::process::id())));
    if root.exists() && std::fs::read_dir(&root).is_ok_and(|mut d| d.next().is_some()) {
        return Err(Failure::new(
            "usage",
            format!("{} isn't empty; nothing was changed: choose another --keep", root.display()),
            format!(
                "{} n'est pas vide ; rien n'a été changé : choisissez un autre --keep",
                root.display()
            ),
        ));
    }
    std::fs::create_dir_all(&root).map_err(|e| Failure::file(&root, &e))?;
    let mut play = Play {
        actors: cast(&root, lang),
        lang,
        json,
        step: 0,
        nodes: Vec::new(),
        verdicts: Vec::new(),
    };
    let played = play.perform(&root, demo.patients as usize).await;
    for actor in &mut play.actors {
        actor.stop().await;
    }
    if played.is_ok() {
        play.check_disks(&root);
    }
    let ended = played.map(|()| play.conclude(begun, demo.keep.as_deref()));
    if demo.keep.is_some() {
        play.say(&format!("{} {}", lang.pick("Kept in", "Conservé dans"), root.display()));
    } else {
        let _ = std::fs::remove_dir_all(&root);
    }
    ended
}

struct Play {
    actors: [Actor; 4],
    lang: Lang,
    json: bool,
    step: u32,
    nodes: Vec<Node>,
    verdicts: Vec<Verdict>,
}

/// A row of the table. Bytes that had to be sent: every envelope once to every node that lacked it.
#[derive(Serialize)]
struct Node {
    facility: String,
    records: Option<u64>,
    readable: Option<u64>,
    sealed: u64,
    bytes_sent: u64,
    bytes_needed: u64,
}

#[derive(Serialize)]
struct Verdict {
    holds: bool,
    check: &'static str,
    check_fr: &'static str,
}

impl Play {
    /// For people; scripts wait for the end.
    fn say(&self, text: &str) {
        if !self.json {
            println!("{text}");
        }
    }

    fn tell(&mut self, en: &str, fr: &str) {
        self.step += 1;
        self.say(wrap(&format!("{}. ", self.step), self.lang.pick(en, fr), 3).trim_end());
    }

    fn check(&mut self, holds: bool, check: &'static str, check_fr: &'static str) {
        self.verdicts.push(Verdict { holds, check, check_fr });
    }

    async fn perform(&mut self, root: &Path, patients: usize) -> Result<(), Failure> {
        let wires = self.enrol().await?;
        let rows = self.import(root, patients).await?;
        let shared = patients / 2;
        self.share(&rows, shared).await?;
        let agreed = in_step(&mut self.actors, &ALL).await;
        self.check(
            agreed.is_ok(),
            "all four nodes hold the same set",
            "les quatre nœuds détiennent le même ensemble",
        );
        agreed?;
        self.check_readers(&rows, shared).await?;
        self.cut_and_carry(&wires, &rows).await?;
        self.heal(&wires, &rows).await
    }

    async fn enrol(&mut self) -> Result<Wires, Failure> {
        self.tell(
            "A clinic founds the network; a pharmacy, a cabin and a mobile doctor join it.",
            "Une maison de santé fonde le réseau ; une pharmacie, une cabine et un médecin mobile le rejoignent.",
        );
        let io = |e: std::io::Error| cast::failed(&e.to_string(), &e.french());
        let ports = free_ports(4).map_err(io)?;
        let wires = Wires::lay(&PAIRS, &ports).await.map_err(io)?;
        self.actors[CLINIC].found()?;
        for i in ALL {
            if i != CLINIC {
                let (host, guests) = self.actors.split_at_mut(1);
                guests[i - 1]
                    .join(&mut host[0], format!("/ip4/127.0.0.1/tcp/{}", wires.port((i, CLINIC))))
                    .await?;
            }
            let peers: Vec<u16> = PAIRS.iter().filter(|p| p.0 == i).map(|p| wires.port(*p)).collect();
            self.actors[i].start(ports[i], &peers).await?;
        }
        in_step(&mut self.actors, &ALL).await?;
        Ok(wires)
    }

    async fn import(&mut self, root: &Path, patients: usize) -> Result<Vec<PatientRow>, Failure> {
        self.tell(
            "The clinic imports its patients from a FHIR file (invented people, test identifiers).",
            "La maison de santé importe ses patients d'un fichier FHIR (personnes inventées, identifiants de test).",
        );
        let file = root.join("patients.json");
        let written = std::fs::File::create(&file)
            .and_then(|f| Generator::new(2026).write_bundle(std::io::BufWriter::new(f), patients as u64, RESOURCES));
        written.map_err(|e| Failure::file(&file, &e))?;
        let files = vec![file];
        let first = imported(self.actors[CLINIC].ask(Request::Import { files: files.clone() }).await?)?;
        let second = imported(self.actors[CLINIC].ask(Request::Import { files }).await?)?;
        let filed = self.lang.count(
            first.0,
            ["resource filed", "resources filed"],
            ["ressource classée", "ressources classées"],
        );
        self.say(&format!("   {filed}"));
        self.check(
            first.1 == 0 && second.0 == 0,
            "importing the same file twice changes nothing",
            "importer deux fois le même fichier ne change rien",
        );
        match self.actors[CLINIC].ask(everybody()).await? {
            Reply::Patients { patients, .. } => Ok(patients),
            _ => Err(unexpected()),
        }
    }

    async fn share(&mut self, rows: &[PatientRow], shared: usize) -> Result<(), Failure> {
        self.tell(
            "Half of the records are shared with the pharmacy, a few with the mobile doctor, none with the cabin.",
            "La moitié des dossiers est partagée avec la pharmacie, quelques-uns avec le médecin mobile, aucun avec la cabine.",
        );
        let (pharmacy, mobile) = (self.actors[PHARMACY].facility, self.actors[MOBILE].facility);
        for (i, row) in rows.iter().enumerate() {
            let with = [(i < shared).then_some(pharmacy), (i < ROUND).then_some(mobile)];
            for facility in with.into_iter().flatten() {
                let request = Request::Share {
                    patient: row.patient.clone(),
                    facility: facility.to_owned(),
                };
                self.actors[CLINIC].ask(request).await?;
            }
        }
        Ok(())
    }

    async fn check_readers(&mut self, rows: &[PatientRow], shared: usize) -> Result<(), Failure> {
        let readable = self.records(PHARMACY).await?;
        let exact = readable.len() == shared
            && rows[..shared]
                .iter()
                .all(|r| readable.get(&r.patient).is_some_and(|d| d == &["identity", "medication"]));
        self.check(
            exact,
            "the pharmacist reads identity and medication of the shared records, nothing else",
            "le pharmacien lit l'identité et les traitements des dossiers partagés, rien d'autre",
        );
        let readable = self.records(MOBILE).await?;
        let exact = readable.len() == ROUND && rows[..ROUND].iter().all(|r| readable.contains_key(&r.patient));
        self.check(
            exact,
            "the mobile doctor reads the records of the round, and carries the others sealed",
            "le médecin mobile lit les dossiers de sa tournée et transporte les autres scellés",
        );
        let cabin = self.actors[CABIN].status().await?;
        let refused = self.actors[CABIN].ask(everybody()).await.is_err();
        self.check(
            refused && cabin.readable.is_none() && cabin.sealed > 0,
            "the cabin carries every record and opens none",
            "la cabine transporte tous les dossiers et n'en ouvre aucun",
        );
        Ok(())
    }

    async fn cut_and_carry(&mut self, wires: &Wires, rows: &[PatientRow]) -> Result<(), Failure> {
        self.tell(
            "The line between town and village is cut. Both sides go on working.",
            "La ligne entre le bourg et le village est coupée. Des deux côtés, le travail continue.",
        );
        let in_village = |i: usize| i == PHARMACY || i == CABIN;
        wires.plug(|(a, b)| in_village(a) == in_village(b));
        parted(&mut self.actors, &[CLINIC, MOBILE], &[PHARMACY, CABIN]).await?;
        let before = wires.bytes((PHARMACY, CLINIC)) + wires.bytes((CABIN, CLINIC));
        let patient = rows[0].patient.clone();
        self.note(CLINIC, &patient, "Écrit au bourg pendant la coupure").await?;
        self.note(PHARMACY, &patient, "Écrit au village pendant la coupure").await?;
        self.correct_dose(CLINIC, &patient, "1 comprimé le matin").await?;
        self.correct_dose(PHARMACY, &patient, "1 comprimé le soir").await?;
        in_step(&mut self.actors, &[CLINIC, MOBILE]).await?;
        in_step(&mut self.actors, &[PHARMACY, CABIN]).await?;
        let apart = self.actors[CLINIC].status().await?.root != self.actors[PHARMACY].status().await?.root;
        self.check(
            apart,
            "during the cut the two sides really differ",
            "pendant la coupure, les deux côtés diffèrent vraiment",
        );

        self.tell(
            "The doctor's laptop leaves the clinic, drives to the village, and meets the pharmacy.",
            "L'ordinateur du médecin quitte la maison de santé, va au village et rencontre la pharmacie.",
        );
        wires.plug(|(a, b)| (a, b) == (MOBILE, PHARMACY) || (a, b) == (CABIN, PHARMACY));
        in_step(&mut self.actors, &[MOBILE, PHARMACY]).await?;
        let seen = self.texts(PHARMACY, &patient).await?;
        let doses = seen.iter().filter(|t| t.contains("1 comprimé le")).count();
        self.check(
            doses >= 2,
            "what the clinic wrote reached the pharmacy in the laptop; both doses stand side by side",
            "ce que le bourg a écrit est arrivé à la pharmacie dans l'ordinateur ; les deux doses sont côte à côte",
        );

        self.tell(
            "The laptop drives back to the clinic.",
            "L'ordinateur revient à la maison de santé.",
        );
        wires.plug(|(a, b)| (a, b) == (MOBILE, CLINIC) || (a, b) == (CABIN, PHARMACY));
        in_step(&mut self.actors, &[MOBILE, CLINIC]).await?;
        let crossed = wires.bytes((PHARMACY, CLINIC)) + wires.bytes((CABIN, CLINIC)) - before;
        let seen = self.texts(CLINIC, &patient).await?;
        self.check(
            seen.iter().any(|t| t.contains("au village")) && crossed == 0,
            "what the pharmacy wrote reached the clinic though no byte crossed the cut line",
            "ce que la pharmacie a écrit est arrivé au bourg sans qu'un octet passe la ligne coupée",
        );
        Ok(())
    }

    async fn heal(&mut self, wires: &Wires, rows: &[PatientRow]) -> Result<(), Failure> {
        self.tell("The line is repaired.", "La ligne est réparée.");
        wires.plug(|_| true);
        let agreed = in_step(&mut self.actors, &ALL).await;
        self.check(
            agreed.is_ok(),
            "after healing all four hold the same set again",
            "après réparation, les quatre détiennent à nouveau le même ensemble",
        );
        agreed?;
        let patient = &rows[0].patient;
        let (clinic, mobile) = (self.texts(CLINIC, patient).await?, self.texts(MOBILE, patient).await?);
        self.check(
            clinic == mobile,
            "two doctors who read the same record see the same record",
            "deux médecins qui lisent le même dossier voient le même dossier",
        );
        self.table().await
    }

    /// What each node holds and sent.
    async fn table(&mut self) -> Result<(), Failure> {
        self.say(&format!(
            "\n   {:<22}{:>9}{:>10}{:>9}{:>13}{:>13}",
            "",
            self.lang.pick("records", "dossiers"),
            self.lang.pick("readable", "lisibles"),
            self.lang.pick("sealed", "scellés"),
            self.lang.pick("bytes sent", "oct. envoyés"),
            self.lang.pick("had to be", "nécessaires"),
        ));
        let mut all = Vec::new();
        for i in ALL {
            all.push(self.actors[i].status().await?);
        }
        let (received, new) = all
            .iter()
            .fold((0, 0), |(r, n), s| (r + s.item_bytes_received, n + s.item_bytes_new));
        let needed = |bytes: u64| bytes * new / received.max(1);
        let (mut sent, mut had_to) = (0, 0);
        for s in &all {
            sent += s.bytes_sent;
            had_to += needed(s.item_bytes_sent);
            self.say(&format!(
                "   {:<22}{:>9}{:>10}{:>9}{:>13}{:>13}",
                s.facility,
                s.records.map_or("–".to_owned(), |n| n.to_string()),
                s.readable.unwrap_or(0),
                s.sealed,
                s.bytes_sent,
                needed(s.item_bytes_sent)
            ));
            self.nodes.push(Node {
                facility: s.facility.clone(),
                records: s.records,
                readable: s.readable,
                sealed: s.sealed,
                bytes_sent: s.bytes_sent,
                bytes_needed: needed(s.item_bytes_sent),
            });
        }
        self.say("");
        let read = self.lang.pick(
            "Records: patients that can be opened there. Readable, sealed: what that place can read, and what it only carries for the others. Had to be: the bytes without which somebody would lack something.",
            "Dossiers : les patients qu'on peut y ouvrir. Lisibles, scellés : ce que ce lieu peut lire, et ce qu'il ne fait que transporter pour les autres. Nécessaires : les octets sans lesquels il manquerait quelque chose à quelqu'un.",
        );
        self.say(&wrap("   ", read, 3));
        self.check(
            sent <= had_to + had_to / 2 + TALK,
            "hardly anything was sent twice",
            "presque rien n'a été envoyé deux fois",
        );
        Ok(())
    }

    /// Names and numbers of patients must stand nowhere on the disks: not where they can't be read, nor in clear where they can.
    fn check_disks(&mut self, root: &Path) {
        let bundle = std::fs::read_to_string(root.join("patients.json")).unwrap_or_default();
        let markers = markers(&bundle);
        let mut scanned = 0;
        let mut found = 0;
        let logs = ALL.map(|i| self.actors[i].home.root().with_extension("log"));
        let files: Vec<PathBuf> = self.actors.iter().flat_map(Actor::files).chain(logs).collect();
        for file in files {
            let bytes = std::fs::read(&file).unwrap_or_default();
            scanned += bytes.len();
            found += markers.iter().filter(|m| bytes.windows(m.len()).any(|w| w == m.as_bytes())).count();
        }
        self.check(
            found == 0 && scanned > 0 && markers.len() > 20,
            "no patient's name or number stands in any of the four data directories or logs",
            "aucun nom ni numéro de patient ne figure dans les quatre répertoires de données ni dans les journaux",
        );
    }

    fn conclude(&self, begun: Instant, kept: Option<&Path>) -> u8 {
        let failed = self.verdicts.iter().filter(|v| !v.holds).count();
        let seconds = begun.elapsed().as_secs();
        if self.json {
            let all = serde_json::json!({
                "answer": "demo", "holds": failed == 0, "nodes": self.nodes, "checks": self.verdicts, "seconds": seconds, "kept": kept,
            });
            println!("{all:#}");
            return u8::from(failed > 0);
        }
        for verdict in &self.verdicts {
            let mark = if verdict.holds { " ✓ " } else { " ✗ " };
            self.say(wrap(mark, self.lang.pick(verdict.check, verdict.check_fr), 3).trim_end());
        }
        let held = (self.verdicts.len() - failed) as u64;
        let held = match failed {
            0 => self.lang.count(
                held,
                ["check, it holds", "checks, all hold"],
                ["vérification, tenue", "vérifications, toutes tenues"],
            ),
            _ => self.lang.count(
                held,
                ["check holds, others DON'T", "checks hold, others DON'T"],
                ["vérification tenue, d'autres NON", "vérifications tenues, d'autres NON"],
            ),
        };
        self.say(&format!("\n{held} · {seconds} s"));
        let next = match kept {
            None => self.lang.pick(
                "Next: `bocage demo --keep DIR` keeps the four places; README.md founds them by hand.",
                "Ensuite : `bocage demo --keep RÉPERTOIRE` conserve les quatre lieux ; README.md les fonde à la main.",
            ),
            Some(_) => self.lang.pick(
                "Next: README.md founds four such places by hand, command by command.",
                "Ensuite : README.md fonde quatre lieux pareils à la main, commande par commande.",
            ),
        };
        self.say(wrap("", next, 2).trim_end());
        u8::from(failed > 0)
    }

    // ---- asking the actors

    /// Readable records with their compartments.
    async fn records(&mut self, who: usize) -> Result<BTreeMap<String, Vec<String>>, Failure> {
        let Reply::Patients { patients, .. } = self.actors[who].ask(everybody()).await? else {
            return Err(unexpected());
        };
        let mut records = BTreeMap::new();
        for row in patients {
            let record = self.record(who, &row.patient).await?;
            records.insert(row.patient, record.documents.into_iter().map(|d| d.compartment).collect());
        }
        Ok(records)
    }

    async fn record(&mut self, who: usize, patient: &str) -> Result<Record, Failure> {
        match self.actors[who]
            .ask(Request::PatientShow {
                patient: patient.to_owned(),
                history: false,
            })
            .await?
        {
            Reply::Record(record) => Ok(record),
            _ => Err(unexpected()),
        }
    }

    /// What a record shows, sorted.
    async fn texts(&mut self, who: usize, patient: &str) -> Result<Vec<String>, Failure> {
        let mut texts: Vec<String> = self.record(who, patient).await?.entries.into_iter().map(|e| e.summary).collect();
        texts.sort();
        Ok(texts)
    }

    async fn note(&mut self, who: usize, patient: &str, text: &str) -> Result<(), Failure> {
        self.actors[who]
            .ask(Request::NoteAdd {
                patient: patient.to_owned(),
                text: text.to_owned(),
            })
            .await
            .map(drop)
    }

    /// Corrects the dose of one prescription line: the same line on both sides of a cut.
    async fn correct_dose(&mut self, who: usize, patient: &str, dose: &str) -> Result<(), Failure> {
        let record = self.record(who, patient).await?;
        let line = record
            .entries
            .iter()
            .filter(|e| e.resource_type == "MedicationRequest")
            .min_by(|a, b| a.fact.cmp(&b.fact));
        let fact = line
            .ok_or_else(|| {
                cast::failed(
                    "the first patient has no prescription",
                    "le premier patient n'a pas de prescription",
                )
            })?
            .fact
            .clone();
        let request = Request::Correct {
            patient: patient.to_owned(),
            fact,
            changes: vec![Change {
                field: "dosage".to_owned(),
                value: dose.to_owned(),
            }],
        };
        self.actors[who].ask(request).await.map(drop)
    }
}

/// Resources filed anew, and refused.
fn imported(reply: Reply) -> Result<(u64, u64), Failure> {
    let Reply::Imported { files } = reply else {
        return Err(unexpected());
    };
    Ok(files.iter().fold((0, 0), |(new, refused), (_, r)| {
        (new + r.created + r.updated, refused + r.refused_count)
    }))
}

/// Family names and national numbers of a generated bundle.
fn markers(bundle: &str) -> Vec<String> {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(bundle) else {
        return Vec::new();
    };
    let mut markers = Vec::new();
    for entry in value["entry"].as_array().into_iter().flatten() {
        let resource = &entry["resource"];
        if resource["resourceType"] == "Patient" {
            let family = resource["name"][0]["family"].as_str();
            let given = resource["name"][0]["given"][0].as_str();
            markers.extend(family.zip(given).map(|(f, g)| format!("{f} {g}")));
            markers.extend(family.filter(|f| f.len() > 5).map(str::to_owned));
            markers.extend(resource["identifier"][0]["value"].as_str().map(str::to_owned));
        }
    }
    markers
}

/// Ports that nobody listens on now.
fn free_ports(count: usize) -> std::io::Result<Vec<u16>> {
    let held: Vec<_> = (0..count)
        .map(|_| std::net::TcpListener::bind(("127.0.0.1", 0)))
        .collect::<Result<_, _>>()?;
    held.iter().map(|l| Ok(l.local_addr()?.port())).collect()
}

fn everybody() -> Request {
    Request::PatientSearch {
        query: String::new(),
        limit: None,
        offset: 0,
    }
}
