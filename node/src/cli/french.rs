//! The help in French: what [`super::args`] says in English, page by page. A test walks both and finds what is missing in either.
//!
//! Errors about the line itself ("unexpected argument …") are clap's own and stay English.

use clap::{Arg, ArgAction, Command, CommandFactory};

use super::args::Cli;
use crate::lang::{Lang, wrap};

/// The command line with its help in this language.
pub(super) fn command(lang: Lang) -> Command {
    let mut command = match lang {
        Lang::En => Cli::command(),
        Lang::Fr => page(Cli::command(), ""),
    };
    // Only now the commands called `help` exist, and each knows its usage.
    command.build();
    finish(command, lang)
}

/// One command: its path below `bocage`, what it does, what stands under its options, and its arguments by id.
struct Page {
    path: &'static str,
    about: &'static str,
    after: &'static str,
    args: &'static [(&'static str, &'static str)],
}

const LONG_ABOUT: &str = "\
Des dossiers de patients scellés qui circulent entre maisons de santé, pharmacies, cabines et médecins mobiles, sans serveur central.

Chaque lieu fait tourner un nœud sur son propre répertoire de données. Les nœuds qui se rencontrent échangent des enveloppes \
scellées ; chacun transporte pour les autres ce qu'il ne peut pas lire. Ce n'est pas un dispositif médical certifié, et ce n'est pas \
encore fait pour de vrais patients.";

const RECORD: (&str, &str) = ("patient", "Identifiant du dossier, ou son début");
const FACT: (&str, &str) = ("fact", "L'élément, comme `patient show` le nomme");
const REQUEST: (&str, &str) = ("request", "Identifiant de la demande, ou son début");
const PLACE: [(&str, &str); 7] = [
    ("facility", "Nom de cette structure"),
    ("kind", "Ce qu'est ce lieu"),
    ("finess", "Numéro FINESS de la structure"),
    ("town", "Commune de la structure"),
    ("practitioner", "Nom du praticien qui travaille sur cette machine"),
    ("role", "Profession du praticien"),
    ("rpps", "Numéro RPPS du praticien (11 chiffres)"),
];

const PAGES: [Page; 58] = [
    Page {
        path: "",
        about: "Des dossiers de patients scellés qui circulent entre lieux de soins, sans serveur central",
        after: "\
Codes de sortie : 0 fait · 1 échec · 2 mauvais usage · 3 refusé en partie.
La phrase de passe est demandée, ou lue dans BOCAGE_PASSPHRASE.
Pour commencer :  bocage demo",
        args: &[
            (
                "data",
                "Répertoire de données du nœud [défaut : `bocage` parmi les données du compte]",
            ),
            ("json", "Écrire du JSON pour les scripts, et non du texte"),
            ("lang", "Langue de ce qui s'affiche : fr ou en [défaut : selon LANG]"),
        ],
    },
    Page {
        path: "init",
        about: "Fonder un réseau ici : la première structure, avec son premier praticien",
        after: "\
Exemple :
  bocage init --network Vallée --facility \"Maison de santé\" --kind clinic \\
      --practitioner \"Anne Morel\" --role doctor --rpps 10000000017",
        args: &[
            ("network", "Nom du réseau"),
            PLACE[0],
            PLACE[1],
            PLACE[2],
            PLACE[3],
            PLACE[4],
            PLACE[5],
            PLACE[6],
        ],
    },
    Page {
        path: "invite",
        about: "Inviter une structure : écrit un fichier scellé par six mots à dire au téléphone",
        after: "",
        args: &[
            ("out", "Où écrire l'invitation"),
            (
                "address",
                "Une adresse où joindre ce nœud, par exemple 192.168.1.20:4517 (peut se répéter)",
            ),
        ],
    },
    Page {
        path: "join",
        about: "Rejoindre un réseau : d'abord avec l'invitation, puis (sans réseau) avec l'admission",
        after: "\
Avec une invitation (--facility et --kind disent qui adhère) : crée les clés de
ce nœud, demande l'admission par le réseau au nœud qui invite, et écrit aussi la
demande dans un fichier qui peut voyager par tout autre moyen.
Avec une admission : achève ce que l'invitation a commencé.",
        args: &[
            ("file", "L'invitation, ou l'admission"),
            PLACE[0],
            PLACE[1],
            PLACE[2],
            PLACE[3],
            PLACE[4],
            PLACE[5],
            PLACE[6],
            ("words", "Les six mots de l'invitation [défaut : demandés]"),
            (
                "request",
                "Où écrire la demande [défaut : `request.bocage` dans le répertoire de données]",
            ),
            ("offline", "Ne pas essayer le réseau : écrire seulement la demande"),
            ("wait", "Attendre que quelqu'un, là-bas, ait admis cette structure"),
        ],
    },
    Page {
        path: "admit",
        about: "Admettre une structure invitée",
        after: "\
Sans fichier : qui a demandé par le réseau et attend ; il relance ensuite son
join. Avec un fichier : lit la demande, écrit l'admission.",
        args: &[
            ("file", "Le fichier de la demande [défaut : qui a demandé par le réseau]"),
            ("out", "Où écrire l'admission [défaut : à côté de la demande]"),
            ("yes", "Ne pas demander si les deux écrans montrent les mêmes mots"),
        ],
    },
    Page {
        path: "run",
        about: "Faire tourner le nœud : transporter, échanger, servir l'application et les commandes",
        after: "\
Tourne sans personne : transporter ne demande pas de phrase de passe. Avec
BOCAGE_PASSPHRASE, le poste du praticien est ouvert aussi, et les structures
invitées sont admises aussitôt. Arrêter avec Ctrl-C ; tout ce qui a été annoncé
comme enregistré est en sécurité.",
        args: &[
            (
                "listen",
                "Adresse d'écoute, par exemple 0.0.0.0:4517 ou /ip4/127.0.0.1/tcp/4517 (peut se répéter) [défaut : port 4517, TCP et UDP]",
            ),
            ("peer", "Adresse d'un nœud avec lequel rester en contact (peut se répéter)"),
            ("no_mdns", "Ne pas s'annoncer ni chercher de nœuds sur le réseau local"),
        ],
    },
    Page {
        path: "status",
        about: "Ce que ce nœud détient, lit et transporte",
        after: "",
        args: &[],
    },
    Page {
        path: "peers",
        about: "Les structures du réseau, et quand elles ont été vues",
        after: "",
        args: &[("now", "Essayer d'abord tous les absents, sans attendre")],
    },
    Page {
        path: "patient",
        about: "Créer, chercher et afficher des patients",
        after: "",
        args: &[],
    },
    Page {
        path: "patient create",
        about: "Créer un patient, que seules les équipes de cette structure pourront lire",
        after: "",
        args: &[
            ("family", "Nom de famille"),
            ("given", "Prénoms"),
            ("birth_date", "Date de naissance, AAAA-MM-JJ"),
            ("sex", "Comme sur la pièce d'identité"),
            ("ins", "Identité nationale de santé, 15 caractères ; sa clé est vérifiée"),
            ("anyway", "Bien que quelqu'un de ce nom, né ce jour-là, soit déjà lisible ici"),
        ],
    },
    Page {
        path: "patient search",
        about: "Chercher par nom, dans n'importe quel ordre, sans accents",
        after: "",
        args: &[(
            "query",
            "Des mots du nom, une date de naissance, un numéro ; rien affiche tout le monde",
        )],
    },
    Page {
        path: "patient show",
        about: "Afficher ce que ce poste peut lire d'un dossier",
        after: "",
        args: &[RECORD, ("history", "Montrer aussi les versions corrigées depuis")],
    },
    Page {
        path: "note",
        about: "Les notes d'un dossier",
        after: "",
        args: &[],
    },
    Page {
        path: "note add",
        about: "Ajouter une note à un dossier",
        after: "",
        args: &[
            RECORD,
            (
                "text",
                "Ce qu'il faut écrire ; les notes d'un pharmacien vont parmi les traitements",
            ),
        ],
    },
    Page {
        path: "vital",
        about: "Les signes vitaux d'un dossier",
        after: "",
        args: &[],
    },
    Page {
        path: "vital add",
        about: "Ajouter un signe vital, par exemple `vital add 3f2a… heart-rate 72`",
        after: "\
Signes : respiratory-rate (respirations/min), heart-rate (battements/min),
spo2 (%), temperature (°C), blood-pressure (tension, par exemple 130/80),
weight (poids, kg), height (taille, cm), pain (douleur, 0–10),
consciousness (conscience : A, C, V, P ou U), glucose (mg/dL, ou 1,2 g/L),
hba1c (%), wound-length, wound-width, wound-depth (plaie, cm)",
        args: &[
            RECORD,
            ("sign", "Quel signe (ci-dessous)"),
            ("value", "La mesure, telle qu'elle est lue"),
        ],
    },
    Page {
        path: "allergy",
        about: "Les allergies et intolérances d'un dossier",
        after: "",
        args: &[],
    },
    Page {
        path: "allergy add",
        about: "Ajouter une allergie ou intolérance ; elle va parmi les traitements",
        after: "",
        args: &[
            RECORD,
            ("substance", "Ce que le patient ne supporte pas"),
            ("criticality", "Danger d'un prochain contact"),
            ("reaction", "Ce qui s'est passé"),
        ],
    },
    Page {
        path: "allergy none",
        about: "Noter que la question a été posée, et qu'aucune allergie n'est connue",
        after: "",
        args: &[RECORD],
    },
    Page {
        path: "treatment",
        about: "Les médicaments que prend un patient",
        after: "",
        args: &[],
    },
    Page {
        path: "treatment add",
        about: "Noter un médicament que prend le patient ; cela ne prescrit rien",
        after: "",
        args: &[RECORD, ("medicine", "Le médicament"), ("dosage", "Comment il se prend")],
    },
    Page {
        path: "treatment stop",
        about: "Dire qu'un médicament n'est plus pris",
        after: "",
        args: &[
            RECORD,
            FACT,
            ("on", "Depuis quand, si ce n'est pas aujourd'hui : AAAA, AAAA-MM ou AAAA-MM-JJ"),
            ("reason", "Pourquoi"),
        ],
    },
    Page {
        path: "problem",
        about: "Les problèmes et antécédents d'un dossier",
        after: "",
        args: &[],
    },
    Page {
        path: "problem add",
        about: "Noter un problème du patient, ou avec --over un antécédent",
        after: "\
Exemple :
  bocage problem add 3f2a… \"Appendicectomie\" --since 1998 --over",
        args: &[
            RECORD,
            ("label", "Le problème, en mots"),
            ("cim10", "Son code CIM-10"),
            ("since", "Depuis quand : AAAA, AAAA-MM ou AAAA-MM-JJ"),
            ("over", "Il est passé : un antécédent"),
        ],
    },
    Page {
        path: "problem resolve",
        about: "Dire qu'un problème ou une allergie est terminé",
        after: "",
        args: &[
            RECORD,
            FACT,
            ("on", "Depuis quand, si ce n'est pas aujourd'hui : AAAA, AAAA-MM ou AAAA-MM-JJ"),
            ("reason", "Pourquoi"),
        ],
    },
    Page {
        path: "visit",
        about: "Les visites : motif, note, mesures et score en un seul acte",
        after: "",
        args: &[],
    },
    Page {
        path: "visit add",
        about: "Ajouter une visite : tout est enregistré, ou rien",
        after: "\
Exemple :
  bocage visit add 3f2a… --reason Malaise --vital temperature=38,4 \\
      --vital spo2=95 --air
Avec respiratory-rate, spo2, blood-pressure, heart-rate, consciousness,
temperature et --air ou --oxygen, le NEWS2 est enregistré aussi.",
        args: &[
            RECORD,
            ("reason", "Pourquoi le patient est vu"),
            ("note", "Ce qu'il faut écrire"),
            (
                "vital",
                "Une mesure, par exemple temperature=37,2 (peut se répéter ; signes : `bocage help vital add`)",
            ),
            ("oxygen", "Mesuré sous oxygène"),
            ("air", "Mesuré à l'air ambiant"),
            (
                "scale",
                "Échelle du NEWS2 pour la saturation ; 2 sur décision d'un prescripteur seulement",
            ),
            ("pregnant", "La patiente est enceinte : pas de NEWS2"),
            ("home", "Au domicile du patient"),
            ("check", "Dire seulement ce qui serait refusé, et où en est le NEWS2"),
        ],
    },
    Page {
        path: "correct",
        about: "Corriger un champ d'un élément : une nouvelle version, l'ancienne reste dans l'historique",
        after: "\
Exemples :
  bocage correct 3f2a… 91bc… value 72
  bocage correct 3f2a… 91bc… text \"Vertiges depuis mardi, et non lundi.\"
  bocage correct 3f2a… 91bc… birth-date 1948-03-21",
        args: &[
            RECORD,
            FACT,
            (
                "field",
                "value (mesure), text (note), substance, criticality, reaction, medicine, dosage, problem, since ou reason ; d'une identité family, given, birth-date, sex ou ins ; ou un chemin dans la ressource",
            ),
            ("value", "La nouvelle valeur, en JSON ou en texte simple"),
        ],
    },
    Page {
        path: "withdraw",
        about: "Dire qu'un élément a été saisi par erreur : il est montré comme tel et reste dans l'historique",
        after: "",
        args: &[RECORD, FACT],
    },
    Page {
        path: "share",
        about: "Laisser les praticiens d'une structure lire un dossier, chacun selon son rôle dans la matrice",
        after: "",
        args: &[
            RECORD,
            ("facility", "Nom de la structure, ou début de sa clé ou de son nœud (voir `peers`)"),
        ],
    },
    Page {
        path: "arrivals",
        about: "Les dossiers que d'autres ont ouverts à ce lieu et que personne ici n'a lus",
        after: "Un dossier quitte la liste quand quelqu'un ici dit l'avoir lu (`bocage read`),\nou tous avec --seen.",
        args: &[("seen", "Plus aucun n'est une nouvelle")],
    },
    Page {
        path: "delivery",
        about: "Montrer où en est un élément : qui le détient, qui l'a reçu, qui l'a lu",
        after: "",
        args: &[RECORD, FACT],
    },
    Page {
        path: "read",
        about: "Dire à ceux qui ont écrit dans un dossier que vous l'avez lu",
        after: "",
        args: &[RECORD],
    },
    Page {
        path: "request",
        about: "Interroger un autre praticien sur un patient : adressage et télé-expertise",
        after: "",
        args: &[],
    },
    Page {
        path: "request send",
        about: "Envoyer une question avec des parties d'un dossier, ouvertes quelques jours",
        after: "\
Exemple :
  bocage request send 3f2a… --to \"Dr Claire Petit\" --part clinical \\
      \"Quel pansement pour cette plaie ?\"
L'identité est toujours jointe. --part ouvre en plus emergency, medication ou
clinical : à lire, jusqu'à la fin de la demande, une semaine au plus (un mois si
le dossier a été créé ici).",
        args: &[
            RECORD,
            (
                "to",
                "Praticien, équipe ou structure : un nom ou le début d'un identifiant (voir `request recipients`)",
            ),
            ("kind", "Sa nature"),
            ("urgent", "Voyage avant tout le reste et s'affiche en premier"),
            ("parts", "Une partie du dossier à joindre (peut se répéter)"),
            ("days", "Jours d'ouverture des parties"),
            ("text", "La question"),
        ],
    },
    Page {
        path: "request recipients",
        about: "À qui une question peut être envoyée",
        after: "",
        args: &[(
            "query",
            "Des mots d'un nom, d'une structure, d'une commune, d'une profession ; rien affiche tout",
        )],
    },
    Page {
        path: "request list",
        about: "Les questions reçues et envoyées ; d'abord celles qui attendent ce poste",
        after: "",
        args: &[],
    },
    Page {
        path: "request show",
        about: "Tout d'une question : ce qui a été demandé, dit, répondu, et par qui",
        after: "",
        args: &[REQUEST],
    },
    Page {
        path: "request read",
        about: "Dire à ceux qui ont écrit dans une question que vous l'avez lue",
        after: "",
        args: &[REQUEST],
    },
    Page {
        path: "request accept",
        about: "Prendre une question en charge",
        after: "",
        args: &[REQUEST, ("text", "Ce qu'il faut dire avec")],
    },
    Page {
        path: "request ask",
        about: "Poser une question en retour",
        after: "",
        args: &[REQUEST, ("text", "Ce qui est demandé")],
    },
    Page {
        path: "request reply",
        about: "Compléter sa question, ou répondre à celle posée en retour",
        after: "",
        args: &[REQUEST, ("text", "Ce qu'il faut dire")],
    },
    Page {
        path: "request answer",
        about: "Donner son avis, sous sa signature",
        after: "",
        args: &[REQUEST, ("text", "L'avis")],
    },
    Page {
        path: "request decline",
        about: "Rendre une question",
        after: "",
        args: &[REQUEST, ("text", "Pourquoi")],
    },
    Page {
        path: "request close",
        about: "Clore une question répondue ou déclinée : ses parties sont refermées",
        after: "",
        args: &[REQUEST, ("text", "Ce qu'il faut dire avec")],
    },
    Page {
        path: "request cancel",
        about: "Retirer une question sans réponse : ses parties sont refermées",
        after: "",
        args: &[REQUEST, ("text", "Pourquoi")],
    },
    Page {
        path: "import",
        about: "Importer des fichiers FHIR R4 (Bundle, ressource seule, NDJSON)",
        after: "\
Importer deux fois un fichier ne change rien. Une ressource ou un fichier refusé
n'arrête pas les autres : le compte rendu nomme chacun avec sa place et la
raison, et le code de sortie est 3.",
        args: &[("files", "Fichiers à lire, dans cet ordre")],
    },
    Page {
        path: "carry",
        about: "Porter des dossiers par clé USB, scellés, entre lieux qu'aucun câble ne relie",
        after: "",
        args: &[],
    },
    Page {
        path: "carry out",
        about: "Écrire sur une clé ce qui peut manquer aux autres, scellé pour eux",
        after: "\
Une clé perdue ne montre ni de qui sont les dossiers, ni qui est du réseau. Ce
que les autres ont dit détenir n'est pas emporté ; un nouveau fichier prend la
place de celui que ce nœud y avait laissé pour eux. Aucune phrase de passe n'est
demandée.

Exemple :
  bocage carry out /media/cle --for \"Pharmacie du Pont\"",
        args: &[
            ("dir", "Le répertoire de la clé"),
            (
                "to",
                "Une structure, ou le début de la clé d'un nœud (peut se répéter) [par défaut : tous les autres nœuds]",
            ),
        ],
    },
    Page {
        path: "carry in",
        about: "Prendre ce qu'une clé apporte, et y laisser un reçu",
        after: "\
Un fichier abîmé, coupé ou falsifié ne change rien ; chacun est nommé avec sa
raison, et le code de sortie est 3. Un fichier pour d'autres est laissé tel
quel. En prendre un deux fois ne change rien. Le reçu dit à leurs auteurs, quand
la clé revient, ce qui est détenu ici.",
        args: &[("dir", "Le répertoire de la clé")],
    },
    Page {
        path: "backup",
        about: "Écrire tout ce lieu, scellé, dans un nouveau répertoire d'un autre disque",
        after: "\
Elle contient les clés, tout l'ensemble et les brouillons, sous la phrase de
passe de ce lieu ; là où personne n'exerce, sous une phrase qui est demandée.
Elle est relue avant de compter. Le nœud peut tourner pendant ce temps.

Exemple :
  bocage backup /media/disque",
        args: &[("into", "Où créer le répertoire de la sauvegarde")],
    },
    Page {
        path: "passphrase",
        about: "Choisir une autre phrase de passe pour les clés de ce lieu",
        after: "\
L'ancienne est demandée, ou prise de BOCAGE_PASSPHRASE ; la nouvelle est
demandée deux fois, ou prise de BOCAGE_NEW_PASSPHRASE. Les sauvegardes déjà
faites s'ouvrent encore avec l'ancienne : faites-en une nouvelle, détruisez les
autres.",
        args: &[],
    },
    Page {
        path: "restore",
        about: "Retrouver un lieu depuis sa sauvegarde, dans un nouveau répertoire",
        after: "\
Rien n'est créé avant que toute la sauvegarde ait été lue. Ne laissez plus
jamais tourner l'ancienne machine : deux machines d'un même lieu se
contrediraient. Ce qui a été écrit depuis la sauvegarde revient des autres.

Exemple :
  bocage restore /media/disque/bocage-backup-20261126-223105 --data clinique",
        args: &[("from", "Le répertoire que `backup` a indiqué")],
    },
    Page {
        path: "export",
        about: "Exporter en FHIR R4 ce que ce poste peut lire, un Bundle par patient",
        after: "",
        args: &[("out", "Où écrire ; créé s'il n'existe pas"), ("patient", "Ce patient seulement")],
    },
    Page {
        path: "leave",
        about: "Sortir de Bocage tout ce que ce poste peut lire : en FHIR, et en fichiers lisibles",
        after: "\
Un répertoire par patient, en clair : record.txt, avec tout ce qui est écrit et
par qui, et chaque pièce jointe. Rien n'est supprimé et personne n'est prévenu.",
        args: &[("out", "Où écrire ; créé s'il n'existe pas")],
    },
    Page {
        path: "doctor",
        about: "Vérifier les données, les clés et l'horloge",
        after: "",
        args: &[],
    },
    Page {
        path: "demo",
        about: "Regarder quatre nœuds vivre une coupure, un voyage et une réparation",
        after: "",
        args: &[
            ("keep", "Conserver ici les quatre répertoires de données"),
            ("patients", "Patients inventés"),
        ],
    },
    // What clap itself adds to the pages above.
    Page {
        path: "help",
        about: "Afficher cette aide, ou celle d'une commande",
        after: "",
        args: &[("help", "Afficher l'aide"), ("version", "Afficher la version")],
    },
];

/// Placeholders of values.
const VALUES: [(&str, &str); 42] = [
    ("ADDR", "ADRESSE"),
    ("BIRTH_DATE", "DATE"),
    ("CODE", "CODE"),
    ("CRITICALITY", "GRAVITÉ"),
    ("DATE", "DATE"),
    ("DAYS", "JOURS"),
    ("DIR", "RÉPERTOIRE"),
    ("DOSAGE", "POSOLOGIE"),
    ("FACILITY", "STRUCTURE"),
    ("FACT", "ÉLÉMENT"),
    ("FAMILY", "NOM"),
    ("FIELD", "CHAMP"),
    ("FILE", "FICHIER"),
    ("FILES", "FICHIERS"),
    ("FINESS", "FINESS"),
    ("FROM", "SAUVEGARDE"),
    ("GIVEN", "PRÉNOMS"),
    ("ID", "ID"),
    ("INS", "INS"),
    ("INTO", "RÉPERTOIRE"),
    ("KIND", "TYPE"),
    ("LABEL", "PROBLÈME"),
    ("LANG", "LANGUE"),
    ("MEDICINE", "MÉDICAMENT"),
    ("NAME", "NOM"),
    ("NODE", "NŒUD"),
    ("PART", "PARTIE"),
    ("PATIENT", "DOSSIER"),
    ("PATIENTS", "NOMBRE"),
    ("QUERY", "RECHERCHE"),
    ("REQUEST", "DEMANDE"),
    ("ROLE", "RÔLE"),
    ("RPPS", "RPPS"),
    ("SCALE", "ÉCHELLE"),
    ("SEX", "SEXE"),
    ("SIGN", "SIGNE"),
    ("SIGN=VALUE", "SIGNE=VALEUR"),
    ("SUBSTANCE", "SUBSTANCE"),
    ("TEXT", "TEXTE"),
    ("VALUE", "VALEUR"),
    ("WHO", "QUI"),
    ("WORDS", "MOTS"),
];

const USAGE: [&str; 2] = ["Usage: ", "Utilisation : "];
const TEMPLATE: &str = "{before-help}{about-with-newline}\nUtilisation : {usage}\n\n{all-args}{after-help}";

fn of(path: &str) -> Option<&'static Page> {
    PAGES.iter().find(|p| p.path == path)
}

fn page(command: Command, path: &str) -> Command {
    let text = of(path).map_or(("", ""), |p| (p.about, p.after));
    let mut place = 0;
    let mut command = command
        .about(text.0)
        .help_template(TEMPLATE)
        .subcommand_help_heading("Commandes ")
        .subcommand_value_name("COMMANDE")
        .mut_args(|arg| {
            place += 1;
            let arg = in_french(arg, path);
            if arg.is_positional() { arg.display_order(place) } else { arg }
        })
        .mut_subcommands(|sub| {
            let path = [path, sub.get_name()].join(" ");
            page(sub, path.trim_start())
        })
        .disable_help_flag(true)
        .disable_version_flag(true)
        .arg(in_french(
            Arg::new("help").short('h').long("help").action(ArgAction::Help).display_order(900),
            "help",
        ))
        .arg(in_french(
            Arg::new("version")
                .short('V')
                .long("version")
                .action(ArgAction::Version)
                .display_order(901),
            "help",
        ));
    if path.is_empty() {
        command = command.long_about(LONG_ABOUT);
    }
    if text.1.is_empty() { command } else { command.after_help(text.1) }
}

/// Clap adds values, defaults and variables in English: here they are part of the text. Headings end in a space before the colon.
fn in_french(mut arg: Arg, path: &str) -> Arg {
    let mut text = said(path, arg.get_id().as_str()).unwrap_or_default().to_owned();
    if let Some(name) = value_name(&arg) {
        let values: Vec<String> = arg.get_possible_values().iter().map(|v| v.get_name().to_owned()).collect();
        let defaults: Vec<String> = arg.get_default_values().iter().map(|v| v.to_string_lossy().into_owned()).collect();
        let variable: Vec<String> = arg.get_env().map(|v| v.to_string_lossy().into_owned()).into_iter().collect();
        for (what, said) in [("variable", variable), ("défaut", defaults), ("valeurs", values)] {
            if !said.is_empty() {
                text = format!("{text} [{what} : {}]", said.join(", "));
            }
        }
        arg = arg.hide_possible_values(true).hide_default_value(true).hide_env(true);
        if let Some((_, french)) = VALUES.iter().find(|(english, _)| *english == name) {
            arg = arg.value_name(*french);
        }
    }
    let heading = if arg.is_positional() { "Arguments " } else { "Options " };
    arg.help(text).help_heading(heading)
}

fn said(path: &str, id: &str) -> Option<&'static str> {
    of(path)?.args.iter().find(|(name, _)| *name == id).map(|(_, text)| *text)
}

/// As clap shows it: what the argument says, or its name.
fn value_name(arg: &Arg) -> Option<String> {
    arg.get_action().takes_values().then(|| match arg.get_value_names() {
        Some([name, ..]) => name.to_string(),
        _ => arg.get_id().as_str().to_uppercase(),
    })
}

/// What can be said only of a command that is built.
fn finish(mut command: Command, lang: Lang) -> Command {
    // An option stays beside its value.
    let usage = command.render_usage().to_string().replace(" <", "\u{a0}<");
    let label = lang.pick(USAGE[0], USAGE[1]);
    let usage = wrap(label, usage.trim_start_matches(USAGE[0]), label.chars().count()).replace('\u{a0}', " ");
    let usage = usage[label.len()..].trim_end().to_owned();
    command
        .override_usage(usage)
        .mut_subcommands(|sub| match (sub.get_name(), of("help")) {
            ("help", Some(page)) if lang == Lang::Fr => sub.about(page.about),
            ("help", _) => sub,
            _ => finish(sub, lang),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::WIDTH;
    use std::collections::BTreeSet;

    /// Path, id and placeholder of everything that clap knows.
    fn walk(command: &Command, path: &str, pages: &mut BTreeSet<String>, args: &mut BTreeSet<String>, values: &mut BTreeSet<String>) {
        pages.insert(path.to_owned());
        for arg in command.get_arguments() {
            args.insert(format!("{path}/{}", arg.get_id()));
            values.extend(value_name(arg));
        }
        for sub in command.get_subcommands() {
            walk(sub, [path, sub.get_name()].join(" ").trim(), pages, args, values);
        }
    }

    #[test]
    fn every_command_and_argument_has_its_french_and_no_french_is_left_over() {
        let (mut pages, mut args, mut values) = Default::default();
        walk(&Cli::command(), "", &mut pages, &mut args, &mut values);
        assert!(pages.len() > 20 && args.len() > 40, "the tree was walked");
        pages.insert("help".to_owned());
        args.extend(["help/help".to_owned(), "help/version".to_owned()]);
        let known: BTreeSet<String> = PAGES.iter().map(|p| p.path.to_owned()).collect();
        assert_eq!(pages, known);
        let known = |p: &'static Page| p.args.iter().map(move |(id, _)| format!("{}/{id}", p.path));
        assert_eq!(args, PAGES.iter().flat_map(known).collect());
        assert_eq!(values, VALUES.iter().map(|(en, _)| (*en).to_owned()).collect());
        assert!(
            PAGES
                .iter()
                .all(|p| !p.about.is_empty() && p.args.iter().all(|(_, text)| !text.is_empty()))
        );
    }

    #[test]
    fn what_follows_the_options_is_said_in_both_languages() {
        fn compare(english: &Command, path: &str) {
            let page = of(path).expect("every command has its page");
            let after = english.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert_eq!(after.is_empty(), page.after.is_empty(), "{path}");
            for line in after.lines().chain(page.after.lines()) {
                assert!(line.chars().count() <= WIDTH, "{path}: {line}");
            }
            for sub in english.get_subcommands() {
                compare(sub, [path, sub.get_name()].join(" ").trim());
            }
        }
        compare(&Cli::command(), "");
    }

    #[test]
    fn help_fits_eighty_columns_and_french_help_has_no_english_frame() {
        fn check(command: &mut Command, lang: Lang) {
            for help in [command.render_help().to_string(), command.render_long_help().to_string()] {
                let wide: Vec<&str> = help.lines().filter(|l| l.chars().count() > WIDTH).collect();
                assert!(wide.is_empty(), "{wide:#?}");
                let orphan = help.lines().find(|l| l.trim_start().starts_with([':', ';', '?', '!', '»']));
                assert_eq!(orphan, None, "a mark stays with its word");
                for frame in [
                    "Usage",
                    "Commands:",
                    "Options:",
                    "Arguments:",
                    "[default",
                    "[possible",
                    "[env",
                    "Print ",
                ] {
                    assert!(lang == Lang::En || !help.contains(frame), "{frame} in\n{help}");
                }
            }
            for sub in command.get_subcommands_mut().filter(|s| s.get_name() != "help") {
                check(sub, lang);
            }
        }
        for lang in [Lang::En, Lang::Fr] {
            let mut command = command(lang);
            command.build();
            check(&mut command, lang);
        }
    }
}
