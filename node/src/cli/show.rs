//! Replies as text for people (fr, en; 80 columns) or as JSON for scripts.

use std::fmt::Write as _;

use crate::client::{Reply, Status};
use crate::fhir::Language;
use crate::lang::{Lang, wrap};

mod moment;
mod record;

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
        Reply::Peers { peers } => {
            if peers.is_empty() {
                return writeln!(
                    out,
                    "{}",
                    lang.pick("No other node in this network yet.", "Aucun autre nœud dans ce réseau.")
                );
            }
            for peer in peers {
                let kind = word(&peer.kind, lang);
                let state = match (peer.connected, peer.settled) {
                    (true, true) => lang.pick("connected, in step", "connecté, à jour"),
                    (true, false) => lang.pick("connected, exchanging", "connecté, échange en cours"),
                    _ => lang.pick("not connected", "non connecté"),
                };
                let clock = peer
                    .clock_ahead_ms
                    .filter(|ms| ms.abs() > 5 * 60_000)
                    .map_or("", |_| lang.pick("  (clock to check)", "  (horloge à vérifier)"));
                writeln!(out, "{:<28} {kind:<10} {:<10} {state}{clock}", cut(&peer.facility, 28), peer.node)?;
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
        Reply::Patients { patients } => {
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
        Reply::Shared { facility, documents: 0 } => writeln!(
            out,
            "{facility}{}",
            lang.pick(": reads this record already", " : lit déjà ce dossier")
        ),
        Reply::Shared { facility, documents } => {
            let shared = lang.count(
                *documents,
                ["document shared", "documents shared"],
                ["document partagé", "documents partagés"],
            );
            writeln!(out, "{facility}{}{shared}", lang.pick(": ", " : "))
        }
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
        Reply::Invitation { .. } | Reply::Waiting { .. } => Ok(()),
        Reply::Admission { facility, words, .. } => writeln!(out, "{} {facility} ({words})", lang.pick("Admitted:", "Admise :")),
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
    row(lang.pick("envelopes", "enveloppes"), s.envelopes.to_string())?;
    row(
        lang.pick("readable", "lisibles"),
        s.readable
            .map_or_else(|| lang.pick("no seat open", "aucun poste ouvert").to_owned(), |n| n.to_string()),
    )?;
    row(lang.pick("sealed", "scellées"), s.sealed.to_string())?;
    if let Some(records) = s.records {
        row(lang.pick("records", "dossiers"), records.to_string())?;
    }
    row(lang.pick("root", "empreinte"), s.root.clone())?;
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
