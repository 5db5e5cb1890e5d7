//! `leave`: everything that this seat can read, taken out of Bocage: as FHIR for another program, and as files for people.
//!
//! In clear, for this account's eyes only. The place itself stays as it is: nothing is deleted, and nobody is told.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Session, show};
use crate::client::{Client, Failure, PatientRow, Reply, Request};

/// Longest part of a file's name that comes from a record, in bytes: systems take 255.
const MAX_NAME: usize = 160;
/// Digits of a record's id that tell two people of one name apart.
const ID: usize = 8;

/// How many of each were written.
#[derive(Default)]
struct Written {
    patients: u64,
    resources: u64,
    attachments: u64,
    /// Attachments that aren't what they say: they stay in the FHIR file alone.
    unread: u64,
}

impl Session {
    pub(super) async fn leave(&self, out: &Path) -> Result<u8, Failure> {
        let (fhir, readable) = (out.join("fhir"), out.join("readable"));
        if readable.exists() || fhir.exists() {
            return Err(Failure::new(
                "exists",
                format!(
                    "{}: an export is there already; nothing was written: name another directory",
                    out.display()
                ),
                format!(
                    "{} : un export y est déjà ; rien n'a été écrit : donnez un autre répertoire",
                    out.display()
                ),
            ));
        }
        make(out).map_err(|e| Failure::file(out, &e))?;
        let mut client = self.client(true).await?;
        let written = self.take_out(&mut client, &fhir, &readable).await;
        let written = written.inspect_err(|_| {
            // Half of it, in clear, is of no use to anybody.
            let _ = fs::remove_dir_all(&fhir);
            let _ = fs::remove_dir_all(&readable);
        })?;
        self.close(client)?;
        let Written {
            patients,
            resources,
            attachments,
            unread,
        } = written;
        let english = format!(
            "Patients written: {patients}; {resources} FHIR resources in fhir/, each record as a text with \
             {attachments} attached files in readable/. They lie there in clear: keep them as you keep paper records.\n\
             Nothing was deleted here and nobody was told: what you shared stays with those who have it. To end this place, ask whoever \
             keeps the network's authority to withdraw it, then delete its data directory; until then it goes on carrying for the others."
        );
        let french = format!(
            "Patients écrits : {patients} ; {resources} ressources FHIR dans fhir/, chaque dossier en texte avec {attachments} \
             pièces jointes dans readable/. Tout y est en clair : gardez-le comme des dossiers papier.\n\
             Rien n'a été supprimé ici et personne n'a été prévenu : ce que vous avez partagé reste chez ceux qui l'ont. Pour clore ce \
             lieu, demandez son retrait à qui détient l'autorité du réseau, puis supprimez son répertoire de données ; d'ici là il \
             continue de transporter pour les autres."
        );
        let words = self.lang.pick(&english, &french).to_owned();
        let words = match unread {
            0 => words,
            n => format!(
                "{words}\n{n} {}",
                self.lang.pick(
                    "attachments aren't what they say they are: they are in the FHIR files alone.",
                    "pièces jointes ne sont pas ce qu'elles disent : elles sont dans les seuls fichiers FHIR.",
                )
            ),
        };
        let text: Vec<String> = words.lines().map(|line| crate::lang::wrap("", line, 0)).collect();
        self.tell(
            &json!({ "answer": "left", "patients": patients, "resources": resources, "attachments": attachments, "unread": unread, "out": out }),
            text.concat().trim_end(),
        );
        Ok(0)
    }

    async fn take_out(&self, client: &mut Client, fhir: &Path, readable: &Path) -> Result<Written, Failure> {
        let request = Request::Export {
            out: fhir.to_owned(),
            patient: None,
        };
        let Reply::Exported { resources, .. } = self.request(client, request).await? else {
            return Err(unexpected());
        };
        let written = self.readable(client, fhir, readable).await?;
        Ok(Written { resources, ..written })
    }

    /// A folder a patient, and an index of all.
    async fn readable(&self, client: &mut Client, fhir: &Path, readable: &Path) -> Result<Written, Failure> {
        make(readable).map_err(|e| Failure::file(readable, &e))?;
        let all = Request::PatientSearch {
            query: String::new(),
            limit: None,
            offset: 0,
        };
        let Reply::Patients { patients, .. } = self.request(client, all).await? else {
            return Err(unexpected());
        };
        let (mut written, mut index) = (Written::default(), String::new());
        for row in patients {
            let folder = name_of(&row);
            let dir = readable.join(&folder);
            let failed = |e: io::Error| Failure::file(&dir, &e);
            let patient = row.patient.clone();
            let record = self.request(client, Request::PatientShow { patient, history: true }).await?;
            make(&dir).map_err(failed)?;
            put(&dir.join("record.txt"), show::reply(&record, false, self.lang).as_bytes()).map_err(failed)?;
            // Somebody may have come in meanwhile: his record is in words, his file in the next export.
            let bundle = match fs::read(fhir.join(format!("{}.json", row.patient))) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
                other => other.map_err(failed)?,
            };
            let (attached, unread) = attachments(&bundle, &dir).map_err(failed)?;
            written.attachments += attached;
            written.unread += unread;
            sync(&dir).map_err(failed)?;
            written.patients += 1;
            index.push_str(&format!("{folder}\t{}\t{}\n", row.ins, row.patient));
        }
        let path = readable.join("index.txt");
        put(&path, index.as_bytes())
            .and_then(|()| sync(readable))
            .map_err(|e| Failure::file(&path, &e))?;
        Ok(written)
    }
}

/// What is attached to the entries of a bundle, each as the file it was; returns how many, and how many can't be read.
fn attachments(bundle: &[u8], dir: &Path) -> io::Result<(u64, u64)> {
    let bundle: Value = serde_json::from_slice(bundle).unwrap_or_default();
    let resources = bundle["entry"].as_array().into_iter().flatten().map(|e| &e["resource"]);
    let (mut count, mut unread) = (0, 0);
    for attachment in resources
        .filter_map(|r| r["content"].as_array())
        .flatten()
        .map(|c| &c["attachment"])
    {
        let Some(data) = attachment["data"].as_str() else { continue };
        // FHIR allows white space in it.
        let data: String = data.split_whitespace().collect();
        let Ok(bytes) = STANDARD.decode(data) else {
            unread += 1;
            continue;
        };
        count += 1;
        let title = safe(attachment["title"].as_str().unwrap_or("note"));
        let ending = ending(attachment["contentType"].as_str().unwrap_or_default());
        put(&dir.join(format!("{count:04} {title}.{ending}")), &bytes)?;
    }
    Ok((count, unread))
}

fn ending(content_type: &str) -> &'static str {
    match content_type.split(';').next().unwrap_or_default().trim() {
        "text/plain" => "txt",
        "text/html" => "html",
        "application/pdf" => "pdf",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "application/json" => "json",
        "application/xml" | "text/xml" => "xml",
        _ => "bin",
    }
}

/// `LENOIR Jeanne 1948-03-12 3f2a91bc`.
fn name_of(row: &PatientRow) -> String {
    let id = row.patient.get(..ID).unwrap_or(&row.patient);
    safe(&format!("{} {} {} {id}", row.family.to_uppercase(), row.given, row.birth_date))
}

/// A name that any system takes and that leads nowhere else; its end tells people of one name apart.
fn safe(name: &str) -> String {
    let plain = |c: char| {
        if c.is_alphanumeric() || matches!(c, '-' | '_' | '\'') {
            c
        } else {
            ' '
        }
    };
    let words: String = name.chars().map(plain).collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut from = words.len().saturating_sub(MAX_NAME);
    while !words.is_char_boundary(from) {
        from += 1;
    }
    match &words[from..] {
        "" => "file".to_owned(),
        kept => kept.to_owned(),
    }
}

fn make(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn put(path: &PathBuf, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Before it is said to be there, it is on the medium.
fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn unexpected() -> Failure {
    Failure::new(
        "answer",
        "the node answers as another version would: update both",
        "le nœud répond comme une autre version : mettez les deux à jour",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        assert_eq!(safe("../../etc/passwd"), "etc passwd");
        assert_eq!(safe("D'ARTAGNAN  Zoé\n1948-03-12 3f2a91bc"), "D'ARTAGNAN Zoé 1948-03-12 3f2a91bc");
        assert_eq!(safe("/…/"), "file");
        let long = safe(&format!("{} 3f2a91bc", "x".repeat(300)));
        assert!(long.len() == MAX_NAME && long.ends_with(" 3f2a91bc"));
        assert!(safe(&"\u{1d400}".repeat(80)).len() <= MAX_NAME);
    }
}
