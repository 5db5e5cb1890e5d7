//! What can be typed after `bocage-app`, with its help in French and English.

use std::path::PathBuf;

use bocage_node::lang::Lang;
use clap::{Arg, ArgAction, Command, CommandFactory as _, FromArgMatches as _, Parser};

use crate::bridge::{Options, SettingsFile};

/// The desk of a Bocage node. It starts the node on its data directory, or attaches to the one running there.
#[derive(Parser, Debug)]
#[command(name = "bocage-app", version, max_term_width = 80)]
pub struct Arguments {
    /// Data directory of the node [default: the platform's, shared with `bocage`]
    #[arg(long, env = "BOCAGE_DATA", hide_env = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address to listen on, if the node is started here (may be repeated)
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<String>,
    /// Address of another node to call, if the node is started here (may be repeated)
    #[arg(long, value_name = "ADDRESS")]
    pub peer: Vec<String>,
    /// Look around in a demonstration: a clinic, a hospital, a pharmacy, a cabin and invented patients; nothing is kept
    #[arg(long, conflicts_with_all = ["data", "listen", "peer"])]
    pub demo: bool,
    /// Don't look for other nodes on the local network
    #[arg(long)]
    pub no_mdns: bool,
    /// Language of the window, fr or en [default: what was chosen in it, else from LANG]
    #[arg(long, value_name = "LANG")]
    pub lang: Option<Lang>,
}

/// As clap ends on a line that it doesn't understand.
const USAGE: i32 = 2;
const ABOUT: &str = "Le bureau d'un nœud Bocage. Il démarre le nœud sur son répertoire de données, ou se joint à celui qui y tourne.";
const TEMPLATE: &str = "{about}\n\nUtilisation : bocage-app [OPTIONS]\n\nOptions :\n{options}";

/// Name of the argument, of its value, and what it is.
const IN_FRENCH: [(&str, &str, &str); 8] = [
    (
        "data",
        "RÉPERTOIRE",
        "Répertoire de données du nœud [défaut : celui du système, commun avec `bocage`]",
    ),
    (
        "listen",
        "ADRESSE",
        "Adresse d'écoute, si le nœud est démarré ici (peut se répéter)",
    ),
    (
        "peer",
        "ADRESSE",
        "Adresse d'un autre nœud à appeler, si le nœud est démarré ici (peut se répéter)",
    ),
    (
        "demo",
        "",
        "Visiter une démonstration : une maison de santé, un hôpital, une pharmacie, une cabine et des patients inventés ; rien n'est gardé",
    ),
    ("no_mdns", "", "Ne pas chercher d'autres nœuds sur le réseau local"),
    (
        "lang",
        "LANGUE",
        "Langue de la fenêtre, fr ou en [défaut : celle qui y a été choisie, sinon selon LANG]",
    ),
    ("help", "", "Afficher cette aide"),
    ("version", "", "Afficher la version"),
];

/// The command line with its help in this language.
fn command(lang: Lang) -> Command {
    let command = Arguments::command();
    if lang == Lang::En {
        return command;
    }
    let said = |id: &str| IN_FRENCH.iter().find(|(name, ..)| *name == id);
    let in_french = |arg: Arg| match said(arg.get_id().as_str()) {
        Some((_, "", help)) => arg.help(*help),
        Some((_, value, help)) => arg.help(*help).value_name(*value),
        None => arg,
    };
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help);
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
    command
        .about(ABOUT)
        .help_template(TEMPLATE)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args([help, version])
        .mut_args(in_french)
}

impl Arguments {
    /// Reads the command line; help and mistakes end the process.
    pub fn read() -> Self {
        let typed: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
        let lang = Lang::of_arguments(&typed);
        let matches = command(lang).try_get_matches();
        match matches.and_then(|matches| Self::from_arg_matches(&matches)) {
            Ok(arguments) => arguments,
            // Clap's own words are English.
            Err(error) if lang == Lang::Fr && error.use_stderr() => {
                let text = error.to_string();
                let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
                eprintln!("bocage-app : cette ligne n'est pas comprise ; voyez bocage-app --help ({what})");
                std::process::exit(USAGE)
            }
            Err(error) => error.exit(),
        }
    }

    pub fn options(self) -> Options {
        Options {
            data: self.data,
            listen: self.listen,
            peers: self.peer,
            mdns: !self.no_mdns,
            demo: false,
            passphrase: std::env::var("BOCAGE_PASSPHRASE").ok(),
            settings: SettingsFile::default_path(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_whole_in_both_languages_and_fits_a_terminal() {
        for (lang, said) in [(Lang::En, "Options:"), (Lang::Fr, "Options :")] {
            let help = command(lang).term_width(80).render_help().to_string();
            assert!(help.contains(said) && help.lines().all(|l| l.chars().count() <= 80), "{help}");
        }
        let french = command(Lang::Fr).render_help().to_string();
        let mut built = command(Lang::Fr);
        built.build();
        for arg in built.get_arguments() {
            assert!(IN_FRENCH.iter().any(|(id, ..)| *id == arg.get_id().as_str()), "{}", arg.get_id());
        }
        for english in ["Address", "Print", "Usage", "Data directory", "ADDRESS"] {
            assert!(!french.contains(english), "{english}: {french}");
        }
        let parsed = command(Lang::Fr)
            .try_get_matches_from(["bocage-app", "--lang", "en", "--data", "x"])
            .unwrap();
        assert_eq!(Arguments::from_arg_matches(&parsed).unwrap().lang, Some(Lang::En));
    }
}
