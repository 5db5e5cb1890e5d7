//! Replies as text for people (fr, en; 80 columns) or as JSON for scripts.

use std::fmt::Write as _;

use crate::client::{Newcomer, Reply, Status};
use crate::fhir::Language;
use crate::lang::{Lang, wrap};

mod backup;
mod carry;
mod delivery;
mod moment;
mod record;
mod request;
mod visit;

pub(super) use moment::moment;

/// The reply as it is printed, with a final newline.
pub(super) fn reply(reply: &Reply, json: bool, lang: Lang) -> String {
    if json {
        return serde_json::to_string_pretty(reply).expect("replies are plain data") + "\n";
    }
    let mut out = String::new();
    write_reply(&mut out, reply, lang).expect("writing to a string doesn't fail");
    plain(&out)
}

/// Text that can't move the cursor, colour the screen or turn the line around, whoever wrote it: control characters (C0, C1, DEL) but
/// line breaks, and marks of direction, become `\u{fffd}`. Everything that a person is shown passes here; JSON escapes by itself.
pub(super) fn plain(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' => c,
        '\t' => ' ',
        c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => '\u{fffd}',
        c => c,
    };
    text.replace("\r\n", "\n").chars().map(shown).collect()
}

fn write_reply(out: &mut String, reply: &Reply, lang: Lang) -> std::fmt::Result {
    match reply {
        Reply::Done | Reply::Progress { .. } => Ok(()),
        Reply::Status(status) => write_status(out, status, lang),
        Reply::BackedUp(done) => {
            backup::written(out, done, lang);
            Ok(())
        }
        Reply::Restored(done) => {
            backup::restored(out, done, lang);
            Ok(())
        }
        Reply::Delivery(entry) => {
            delivery::write(out, entry, lang);
            Ok(())
        }
        Reply::Acknowledged { documents: 0 } => writeln!(
            out,
            "{}",
            lang.pick("Nothing new to acknowledge.", "Rien de nouveau à signaler comme lu.")
        ),
        Reply::Acknowledged { documents } => writeln!(
            out,
            "{} {}",
            lang.pick("Saved: read, in", "Enregistré : lu, dans"),
            lang.count(
                *documents,
                ["part of the record", "parts of the record"],
                ["partie du dossier", "parties du dossier"]
            )
        ),
        Reply::Arrivals { arrivals, total } => {
            for a in arrivals {
                let by = if a.by.is_empty() { &a.facility } else { &a.by };
                let name = format!("{} {}", a.patient.family.to_uppercase(), a.patient.given);
                let opened = format!("{}, {by}", cut(&name, 28));
                writeln!(out, "{}  {}  {}", &a.patient.patient[..12], moment(a.at_ms), cut(&opened, 46))?;
            }
            let count = ["record opened to this place", "records opened to this place"];
            let compte = ["dossier ouvert à ce lieu", "dossiers ouverts à ce lieu"];
            let more = lang.pick("not read here yet", "pas encore lus ici");
            writeln!(out, "{}, {more}", lang.count(*total, count, compte))
        }
        Reply::Peers { peers } => {
            if peers.is_empty() {
                return writeln!(
                    out,
                    "{}",
                    lang.pick("No other node in this network yet.", "Aucun autre nœud dans ce réseau.")
                );
            }
            let heads = [
                ["facility", "kind", "key", "node", "last met"],
                ["structure", "type", "clé", "nœud", "vue"],
            ];
            let [facility, kind, key, node, met] = heads[usize::from(lang == Lang::Fr)];
            writeln!(out, "{facility:<22} {kind:<9} {key:<8} {node:<8} {met}")?;
            for peer in peers {
                let state = match (peer.connected, peer.settled, peer.last_seen_ms) {
                    (true, true, _) => lang.pick("connected, in step", "connectée, à jour").to_owned(),
                    (true, false, _) => lang.pick("connected, exchanging", "connectée, échange").to_owned(),
                    (false, _, Some(ms)) => moment(ms),
                    (false, _, None) => lang.pick("not met yet", "pas encore vue").to_owned(),
                };
                let (kind, key) = (word(&peer.kind, lang), peer.facility_key.get(..8).unwrap_or_default());
                writeln!(out, "{:<22} {kind:<9} {key:<8} {:<8} {state}", cut(&peer.facility, 22), peer.node)?;
                if peer.clock_ahead_ms.is_some_and(|ms| ms.abs() > 5 * 60_000) {
                    let apart = lang.pick(
                        "its clock differs from ours: check both",
                        "son horloge diffère de la nôtre : vérifiez les deux",
                    );
                    writeln!(out, "  {apart}")?;
                }
            }
            Ok(())
        }
        Reply::Unlocked { practitioner, facility } => writeln!(out, "{practitioner}, {facility}"),
        Reply::Patient { patient, documents } => writeln!(
            out,
            "{} {patient}\n{}, {}",
            lang.pick("Saved. Patient", "Enregistré. Patient"),
            lang.count(*documents, ["document", "documents"], ["document", "documents"]),
            lang.pick(
                "readable by this facility's teams only",
                "à lire par les seules équipes de cette structure"
            ),
        ),
        Reply::Patients { patients, .. } => {
            if patients.is_empty() {
                return writeln!(
                    out,
                    "{}",
                    lang.pick("No patient found that this seat can read.", "Aucun patient lisible trouvé.")
                );
            }
            for p in patients {
                let line = format!(
                    "{}  {:<36} {}  {}",
                    &p.patient[..12],
                    cut(&format!("{} {}", p.family.to_uppercase(), p.given), 36),
                    p.birth_date,
                    p.ins
                );
                writeln!(out, "{}", line.trim_end())?;
            }
            let count = lang.count(patients.len() as u64, ["patient", "patients"], ["patient", "patients"]);
            writeln!(out, "{count}")
        }
        Reply::Record(record) => record::write(out, record, lang),
        Reply::Saved { fact, .. } => writeln!(out, "{} {}", lang.pick("Saved here. Entry", "Enregistré ici. Élément"), &fact[..12]),
        Reply::Visit { facts, news2, .. } => visit::saved(out, facts, news2, lang),
        Reply::Judgement(judgement) => visit::judged(out, judgement, lang),
        Reply::Shared {
            facility,
            documents,
            until_ms,
        } => {
            let said = match documents {
                0 => lang
                    .pick("could read it already; nothing changed", "pouvait déjà le lire ; rien n'a changé")
                    .to_owned(),
                n => lang.count(
                    *n,
                    ["document shared", "documents shared"],
                    ["document partagé", "documents partagés"],
                ),
            };
            let until = match until_ms {
                Some(ms) => format!("{} {}", lang.pick("until", "jusqu'au"), moment(*ms)),
                None => lang.pick("without an end", "sans limite de temps").to_owned(),
            };
            out.push_str(&wrap("", &format!("{facility}{}{said} ({until})", lang.pick(": ", " : ")), 2));
            Ok(())
        }
        Reply::Requested(done) => request::done(out, done, lang),
        Reply::Requests { requests } => request::list(out, requests, lang),
        Reply::RequestShown(shown) => request::show(out, shown, lang),
        Reply::Recipients { recipients } => request::recipients(out, recipients, lang),
        Reply::Imported { files } => {
            let language = if lang == Lang::Fr { Language::French } else { Language::English };
            for (i, (name, report)) in files.iter().enumerate() {
                let gap = if i == 0 { "" } else { "\n" };
                write!(out, "{gap}{name}\n{}", report.text(language))?;
            }
            Ok(())
        }
        Reply::Exported { files, resources } => writeln!(
            out,
            "{}, {}",
            lang.count(*files, ["file written", "files written"], ["fichier écrit", "fichiers écrits"]),
            lang.count(*resources, ["resource", "resources"], ["ressource", "ressources"])
        ),
        Reply::CarriedOut(carried) => carry::out(out, carried, lang),
        Reply::CarriedIn(brought) => carry::brought(out, brought, lang),
        // Printed by the commands that ask for them.
        Reply::Invitation { .. } | Reply::Waiting { .. } | Reply::Admission { .. } => Ok(()),
        // Asked for by a window only.
        Reply::Twins { .. } | Reply::Draft { .. } | Reply::Drafts { .. } | Reply::Changed { .. } => Ok(()),
        Reply::Doctor { checks } => {
            for check in checks {
                let name = lang.pick(&check.name, &check.name_fr);
                let label = format!("{} {name:<14} ", if check.good { "✓" } else { "✗" });
                out.push_str(&wrap(&label, lang.pick(&check.detail, &check.detail_fr), 17));
            }
            Ok(())
        }
        Reply::Failed(failure) => writeln!(out, "{}", failure.text(lang)),
    }
}

/// Whom somebody vouches for who admits.
pub(super) fn newcomer(n: &Newcomer, lang: Lang) -> String {
    let place = [word(&n.kind, lang), &n.town]
        .into_iter()
        .filter(|t| !t.is_empty())
        .collect::<Vec<_>>();
    let mut out = format!("{} ({})\n", n.facility, place.join(", "));
    if !n.finess.is_empty() {
        let _ = writeln!(out, "    FINESS {}", n.finess);
    }
    for who in &n.practitioners {
        let rpps = match &who.rpps[..] {
            "" => lang.pick("no RPPS given", "sans RPPS").to_owned(),
            number => format!("RPPS {number}"),
        };
        let _ = writeln!(out, "    {}, {}, {rpps}", who.name, word(&who.profession, lang));
    }
    if n.practitioners.is_empty() {
        let _ = writeln!(out, "    {}", lang.pick("nobody practises there", "personne n'y exerce"));
    }
    if n.same_name {
        out.push_str(lang.pick(
            "Careful: a facility of this name is a member already.\n",
            "Attention : une structure de ce nom est déjà membre.\n",
        ));
    }
    out
}

fn write_status(out: &mut String, s: &Status, lang: Lang) -> std::fmt::Result {
    let mut row = |name: &str, value: String| writeln!(out, "{name:<14} {value}");
    row(lang.pick("network", "réseau"), format!("{}  ({})", s.network, s.network_id))?;
    row(
        lang.pick("facility", "structure"),
        format!("{}  ({})", s.facility, word(&s.kind, lang)),
    )?;
    row(lang.pick("node", "nœud"), s.node.clone())?;
    row(
        lang.pick("running", "en service"),
        if s.running {
            s.listening.join("\n               ")
        } else {
            lang.pick("no", "non").to_owned()
        },
    )?;
    // The four add up.
    row(lang.pick("holds", "détient"), s.items.to_string())?;
    row(lang.pick("  registry", "  registre"), s.registry.to_string())?;
    row(lang.pick("  access, keys", "  accès, clés"), s.access.to_string())?;
    row(
        lang.pick("  readable", "  lisibles"),
        match (s.readable, s.seat.as_str()) {
            (Some(n), _) => n.to_string(),
            (None, "nobody") => lang.pick("none: nobody practises here", "aucun : personne n'exerce ici").to_owned(),
            (None, _) => lang.pick("none: seat locked", "aucun : poste verrouillé").to_owned(),
        },
    )?;
    row(lang.pick("  sealed", "  scellés"), s.sealed.to_string())?;
    if let Some(records) = s.records {
        row(lang.pick("records", "dossiers"), records.to_string())?;
    }
    row(lang.pick("fingerprint", "empreinte"), s.root.clone())?;
    let connected = s.peers.iter().filter(|p| p.connected).count();
    row(lang.pick("peers", "pairs"), format!("{connected} / {}", s.peers.len()))?;
    row(
        lang.pick("sent", "envoyé"),
        format!(
            "{} {} ({} {})",
            s.bytes_sent,
            lang.pick("bytes", "octets"),
            s.item_bytes_sent,
            lang.pick("of envelopes", "d'enveloppes")
        ),
    )?;
    if s.waiting + s.refused > 0 {
        row(lang.pick("waiting", "en attente"), s.waiting.to_string())?;
        row(lang.pick("refused", "refusées"), s.refused.to_string())?;
    }
    Ok(())
}

/// A word of the API as people read it.
fn word(word: &str, lang: Lang) -> &str {
    let french = match word {
        "clinic" => "soins",
        "pharmacy" => "pharmacie",
        "cabin" => "cabine",
        "mobile" => "mobile",
        "identity" => "identité",
        "emergency" => "urgence",
        "medication" => "traitements",
        "clinical" => "clinique",
        "sensitive" => "sensible",
        "trace" => "traces",
        "request" => "demande",
        "doctor" => "médecin",
        "nurse" => "infirmier",
        "pharmacist" => "pharmacien",
        "female" => "femme",
        "male" => "homme",
        "other" => "autre",
        "unknown" => "inconnu",
        other => other,
    };
    lang.pick(word, french)
}

/// At most `width` characters, with an ellipsis when cut.
fn cut(text: &str, width: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= width {
        return line;
    }
    line.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_commands_a_terminal_is_left_in_a_text() {
        let hostile = "a\u{1b}[31mb\u{9b}2Jc\u{7f}\u{202e}d\u{2069}\re\r\nf\tg — é";
        assert_eq!(
            plain(hostile),
            "a\u{fffd}[31mb\u{fffd}2Jc\u{fffd}\u{fffd}d\u{fffd}\u{fffd}e\nf g — é"
        );
        let reply = Reply::Unlocked {
            practitioner: "\u{1b}]0;x\u{7}".into(),
            facility: String::new(),
        };
        assert!(!super::reply(&reply, false, Lang::En).contains(['\u{1b}', '\u{7}']));
    }
}
