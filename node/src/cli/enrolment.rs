//! Founding, inviting, joining, admitting: what is typed, asked and shown on the way.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bocage_protocol::clinical::identifiers::Kind as Number;
use bocage_protocol::identity::enrol;
use bocage_protocol::identity::{Charter, FacilityKind, Profession};
use bocage_protocol::ids::{hex, unhex};
use serde_json::json;
use zeroize::Zeroizing;

use super::args;
use super::{Session, prompt, show, unexpected};
use crate::client::{Client, Failure, Newcomer, Reply, Request};
use crate::driver::{Answer, ask_for_admission};
use crate::invitation::{self, cost};
use crate::keystore::{NodeKeyFile, file};
use crate::lang::Bilingual as _;
use crate::network::PeerAddr;
use crate::place::{self, Description};

/// Between two questions whether this place is admitted by now.
const ASK_AGAIN: Duration = Duration::from_secs(2);

impl Session {
    pub(super) async fn invite(&self, out: &Path, addresses: Vec<String>) -> Result<u8, Failure> {
        for address in &addresses {
            address.parse::<PeerAddr>().map_err(|e| Failure::of("usage", &e))?;
        }
        let mut client = self.client(true).await?;
        let reply = self.request(&mut client, Request::Invite { addresses }).await?;
        self.close(client)?;
        let Reply::Invitation { bytes, expires_ms } = reply else {
            return Err(unexpected());
        };
        let words = invitation::write(&bytes, out)?;
        self.tell(
            &json!({ "answer": "invitation", "file": out, "words": *words, "expires_ms": expires_ms }),
            &format!(
                "{} {}\n{}\n\n    {}\n",
                self.lang.pick("Invitation written to", "Invitation écrite dans"),
                out.display(),
                self.lang.pick(
                    "Valid 72 hours, for one facility. Say these six words by phone,\ndon't write them beside the file:",
                    "Valable 72 heures, pour une structure. Dites ces six mots au téléphone,\nne les joignez pas au fichier :",
                ),
                *words
            ),
        );
        Ok(0)
    }

    pub(super) async fn join(&self, join: args::Join) -> Result<u8, Failure> {
        let bytes = place::read_named(&join.file)?;
        if enrol::sealed_tag(&bytes).is_ok() {
            let charter = place::complete(&self.home, &bytes)?;
            return Ok(self.joined(&charter, None));
        }
        let typed = match &join.words {
            Some(words) => Zeroizing::new(words.clone()),
            None => Zeroizing::new(prompt(self.lang.pick("The six words: ", "Les six mots : "), true)?),
        };
        let invitation = invitation::read(&bytes, &typed)?;
        let sealed = match place::asked(&self.home, &invitation)? {
            Some(sealed) => sealed,
            None => {
                let description = describe(join.place)?;
                let passphrase = self.new_passphrase()?;
                self.working(self.lang.pick("making keys…", "création des clés…"));
                place::ask(&self.home, &invitation, &description, &passphrase, cost())?
            }
        };
        let request = join.request.unwrap_or_else(|| self.home.root().join("request.bocage"));
        file::replace(&request, &sealed).map_err(|e| Failure::file(&request, &e))?;
        let words = invitation::comparison(&invitation, &sealed)?;
        // What is left to do if nobody admits this place now.
        let mut outcome = json!({ "answer": "requested", "file": request, "words": words });
        if !join.offline {
            self.working(self.lang.pick("asking the inviting node…", "demande au nœud qui invite…"));
            let node = NodeKeyFile::open(&self.home.node_key()).map_err(|e| Failure::of("keys", &e))?;
            loop {
                let seed = Zeroizing::new(node.network.0);
                match ask_for_admission(seed, invitation.node, &invitation.addresses, &sealed).await {
                    Ok(Answer::Admitted(admission)) => {
                        let charter = place::complete(&self.home, &admission)?;
                        return Ok(self.joined(&charter, Some(&words)));
                    }
                    Ok(Answer::Refused(failure)) => return Err(failure),
                    Ok(Answer::Later) if join.wait => tokio::time::sleep(ASK_AGAIN).await,
                    Ok(Answer::Later) => {
                        outcome["answer"] = "waiting".into();
                        self.say(self.lang.pick(
                            "The inviting node has the request; its administrator still has to admit it\n\
                             (there: bocage admit). Then run this command once more.",
                            "Le nœud qui invite a la demande ; son administrateur doit encore l'admettre\n\
                             (là-bas : bocage admit). Ensuite, relancez cette commande.",
                        ));
                        break;
                    }
                    Err(failure) => {
                        outcome["unreached"] = json!(failure);
                        self.say(&format!(
                            "{} ({})",
                            self.lang.pick("Not reached over the network", "Non joint par le réseau"),
                            failure.text(self.lang)
                        ));
                        break;
                    }
                }
            }
        }
        self.tell(
            &outcome,
            &format!(
                "{} {words}\n{} {}\n{}",
                self.lang.pick("Words to compare:", "Mots à comparer :"),
                self.lang.pick("Request written to", "Demande écrite dans"),
                request.display(),
                self.lang.pick(
                    "By files:  there  bocage admit FILE    then here  bocage join ADMISSION",
                    "Par fichiers :  là-bas  bocage admit FICHIER    puis ici  bocage join ADMISSION",
                )
            ),
        );
        Ok(0)
    }

    /// The words to compare, if this invocation has just made the request.
    pub(super) fn joined(&self, charter: &Charter, words: Option<&str>) -> u8 {
        self.tell(
            &json!({
                "answer": "joined",
                "network": charter.name,
                "network_id": charter.network_id().to_string(),
                "words": words,
                "data": self.home.root(),
            }),
            &format!(
                "{} {}.\n{}",
                self.lang.pick("Joined", "Membre du réseau"),
                charter.name,
                self.next()
            ),
        );
        0
    }

    pub(super) fn next(&self) -> String {
        format!(
            "{} bocage run --data {}",
            self.lang.pick("Next:", "Ensuite :"),
            self.home.root().display()
        )
    }

    /// Admits by a request file, or whoever asked over the network and waits.
    pub(super) async fn admit(&self, path: Option<PathBuf>, out: Option<PathBuf>, yes: bool) -> Result<u8, Failure> {
        let mut client = self.client(true).await?;
        let Some(path) = path else {
            let Reply::Waiting { requests } = self.request(&mut client, Request::Waiting).await? else {
                return Err(unexpected());
            };
            let mut admitted = Vec::new();
            for waiting in requests {
                self.agree(&waiting.newcomer, &waiting.words, yes)?;
                admitted.push(self.admission(&mut client, waiting.request).await?.1);
            }
            self.close(client)?;
            let text = match admitted[..] {
                [] => self
                    .lang
                    .pick("Nobody waits to be admitted.", "Personne n'attend d'être admis.")
                    .to_owned(),
                _ => format!(
                    "{} {}\n{}",
                    self.lang.pick("Admitted:", "Admises :"),
                    admitted.join(", "),
                    self.lang
                        .pick("There:  run bocage join once more", "Là-bas :  relancer bocage join")
                ),
            };
            self.tell(&json!({ "answer": "admitted", "facilities": admitted }), &text);
            return Ok(0);
        };
        let request = hex(&place::read_named(&path)?);
        let preview = Request::Admit {
            request: request.clone(),
            preview: true,
        };
        let Reply::Admission { newcomer, words, .. } = self.request(&mut client, preview).await? else {
            return Err(unexpected());
        };
        self.agree(&newcomer, &words, yes)?;
        let (bytes, facility) = self.admission(&mut client, request).await?;
        self.close(client)?;
        let out = out.unwrap_or_else(|| path.with_file_name("admission.bocage"));
        file::replace(&out, &bytes).map_err(|e| Failure::file(&out, &e))?;
        self.tell(
            &json!({ "answer": "admitted", "facility": facility, "words": words, "file": out }),
            &format!(
                "{} {facility} ({words})\n{} {}",
                self.lang.pick("Admitted:", "Admise :"),
                self.lang.pick("Admission written to", "Admission écrite dans"),
                out.display()
            ),
        );
        Ok(0)
    }

    pub(super) async fn admission(&self, client: &mut Client, request: String) -> Result<(Vec<u8>, String), Failure> {
        let reply = self.request(client, Request::Admit { request, preview: false }).await?;
        let Reply::Admission { bytes, newcomer, .. } = reply else {
            return Err(unexpected());
        };
        Ok((unhex(&bytes).ok_or_else(unexpected)?, newcomer.facility))
    }

    /// Somebody has compared the words of both screens, and knows whom he vouches for.
    pub(super) fn agree(&self, newcomer: &Newcomer, words: &str, yes: bool) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        let question = self
            .lang
            .pick("Same words on both screens? [y/N] ", "Mêmes mots sur les deux écrans ? [o/N] ");
        let who = show::newcomer(newcomer, self.lang);
        let answer = prompt(&show::plain(&format!("{who}\n    {words}\n\n{question}")), false)?;
        if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "o" | "oui") {
            return Ok(());
        }
        Err(Failure::new(
            "refused",
            "not admitted; nothing was changed",
            "pas d'admission ; rien n'a été changé",
        ))
    }
}

pub(super) fn describe(place: args::Place) -> Result<Description, Failure> {
    let (Some(facility), Some(kind)) = (place.facility, place.kind) else {
        return Err(Failure::new(
            "usage",
            "with an invitation, say who joins: --facility NAME --kind clinic|pharmacy|cabin|mobile",
            "avec une invitation, dites qui adhère : --facility NOM --kind clinic|pharmacy|cabin|mobile",
        ));
    };
    for (option, name) in [
        ("--facility", Some(&facility)),
        ("--town", place.town.as_ref()),
        ("--practitioner", place.practitioner.as_ref()),
    ] {
        one_line(option, name.map_or("", |n| n))?;
    }
    let kind = match kind {
        args::Kind::Clinic => FacilityKind::Clinic,
        args::Kind::Pharmacy => FacilityKind::Pharmacy,
        args::Kind::Cabin => FacilityKind::Cabin,
        args::Kind::Mobile => FacilityKind::Mobile,
    };
    for (what, kind, number) in [("RPPS", Number::Rpps, &place.rpps), ("FINESS", Number::Finess, &place.finess)] {
        if let Some(Err(error)) = number.as_ref().map(|n| kind.entered(n)) {
            let number = number.as_deref().unwrap_or_default();
            return Err(Failure::new(
                "usage",
                format!("{what} {number}: {error}; nothing was changed"),
                format!("{what} {number} : {} ; rien n'a été changé", error.french()),
            ));
        }
    }
    let practitioner = match (place.practitioner, place.role) {
        (Some(name), Some(role)) => {
            let profession = match role {
                args::Role::Doctor => Profession::Doctor,
                args::Role::Nurse => Profession::Nurse,
                args::Role::Pharmacist => Profession::Pharmacist,
            };
            Some((name, profession, place.rpps.unwrap_or_default()))
        }
        (None, None) if kind == FacilityKind::Cabin => None,
        (None, None) => {
            return Err(Failure::new(
                "usage",
                "say who practises there, or nobody could read or write: --practitioner NAME --role doctor|nurse|pharmacist (only a cabin has nobody)",
                "dites qui y exerce, sinon personne ne pourrait lire ni écrire : --practitioner NOM --role doctor|nurse|pharmacist (seule une cabine n'a personne)",
            ));
        }
        _ => {
            return Err(Failure::new(
                "usage",
                "--practitioner and --role go together",
                "--practitioner et --role vont ensemble",
            ));
        }
    };
    Ok(Description {
        facility,
        kind,
        finess: place.finess.unwrap_or_default(),
        town: place.town.unwrap_or_default(),
        practitioner,
    })
}

/// A name that stands in everybody's lists.
pub(super) fn one_line(option: &str, name: &str) -> Result<(), Failure> {
    if !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Failure::new(
        "usage",
        format!("{option}: this name has a control character in it (a line break, a tab, an escape); nothing was changed: type it anew"),
        format!(
            "{option} : ce nom contient un caractère de contrôle (saut de ligne, tabulation, échappement) ; rien n'a été changé : retapez-le"
        ),
    ))
}
