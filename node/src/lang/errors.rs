//! French sentences of the errors that people meet. Protocol and keystore say theirs in English where they are defined; here the
//! French stands beside them, variant by variant, so that a new variant doesn't compile without its sentence.
//!
//! What only a developer can act on stays English, in parentheses.

use std::io;

use bocage_protocol::clinical::identifiers::IdentifierError;
use bocage_protocol::clinical::request::{NotNow, Party, Status};
use bocage_protocol::clinical::vitals::VitalError;
use bocage_protocol::identity::enrol::EnrolError as Enrolment;
use bocage_protocol::identity::{CharterError, OpError};
use bocage_protocol::mule::{MAX_RECIPIENTS, MuleError};
use bocage_protocol::record::WriteRefused;
use bocage_protocol::store::StoreError;

use super::Bilingual;
use crate::fhir::export::ExportError;
use crate::fhir::mapping::ViewError;
use crate::fhir::mapping::correct::CorrectError;
use crate::fhir::mapping::write::WriteError;
use crate::fhir::report::french;
use crate::keystore::{CostRefused, Exposed, KeystoreError, MIN_CHARACTERS, SlotKind, StretchError, WeakPassphrase};
use crate::network::{AddressError, EnrolError, NetworkError};
use crate::service::in_words;
use crate::words::{OpenError, SealError, WordsError};

const CLOSE_PROGRAMS: &str = "fermez d'autres programmes et recommencez";

impl Bilingual for io::Error {
    fn french(&self) -> String {
        let what = match self.kind() {
            io::ErrorKind::NotFound => "ce fichier n'existe pas ; vérifiez le chemin",
            io::ErrorKind::PermissionDenied => "ce compte n'a pas le droit d'y accéder",
            io::ErrorKind::AlreadyExists => "il existe déjà",
            io::ErrorKind::IsADirectory => "c'est un répertoire, pas un fichier",
            io::ErrorKind::NotADirectory => "ce n'est pas un répertoire",
            io::ErrorKind::StorageFull => "le disque est plein",
            io::ErrorKind::ReadOnlyFilesystem => "ce disque est en lecture seule",
            _ => return format!("le système refuse ({self})"),
        };
        what.to_owned()
    }
}

// ---- keys and words

impl Bilingual for WeakPassphrase {
    fn french(&self) -> String {
        let what = match self {
            Self::Short => format!("elle a moins de {MIN_CHARACTERS} caractères"),
            Self::Repetitive => "elle répète toujours les mêmes caractères".to_owned(),
        };
        format!("{what} ; cinq mots tirés au hasard se retiennent bien et se devinent mal")
    }
}

impl Bilingual for CostRefused {
    fn french(&self) -> String {
        "ses paramètres sont hors des bornes admises".to_owned()
    }
}

impl Bilingual for StretchError {
    fn french(&self) -> String {
        let Self::OutOfMemory(mib) = self;
        format!("il faut {mib} Mio de mémoire, qui ne sont pas libres")
    }
}

impl Bilingual for SlotKind {
    fn french(&self) -> String {
        let what = match self {
            Self::Passphrase => "phrase de passe",
            Self::SecondPassphrase => "seconde phrase de passe",
            Self::Recovery => "série de mots de secours",
        };
        what.to_owned()
    }
}

impl Bilingual for KeystoreError {
    fn french(&self) -> String {
        match self {
            Self::WrongPassphrase => "phrase de passe fausse : recommencez".to_owned(),
            Self::Weak(why) => format!(
                "cette phrase de passe ne protégerait pas un dossier : {} ; rien n'a été changé",
                why.french()
            ),
            Self::Damaged { path, what } => format!(
                "{} est abîmé ; rien n'a été changé : remettez-le depuis une copie, ou inscrivez un nouveau poste ({what})",
                path.display()
            ),
            Self::Foreign(path) => format!(
                "{} n'est pas un fichier de clés de Bocage ; rien n'a été changé : vérifiez le chemin",
                path.display()
            ),
            Self::Newer { path, version } => format!(
                "{} vient d'une version plus récente (format {version}) ; rien n'a été changé : mettez Bocage à jour",
                path.display()
            ),
            Self::Cost { path, cost } => format!(
                "{} a été modifié : {} ; rien n'a été ouvert : remettez-le depuis une copie",
                path.display(),
                cost.french()
            ),
            Self::Stretch(why) => format!("{} ; rien n'a été changé : {CLOSE_PROGRAMS}", why.french()),
            Self::Exists(path) => format!("{} existe déjà et a été laissé tel quel", path.display()),
            Self::Missing(path) => format!("{} n'existe pas : créez-le, ou vérifiez le chemin", path.display()),
            Self::ChangedMeanwhile(path) => format!(
                "un autre programme a modifié {} entre-temps ; rien n'a été écrit : verrouillez, déverrouillez et recommencez",
                path.display()
            ),
            Self::SlotTaken(kind) => format!("il y a déjà une {} ; rien n'a été changé : modifiez-la plutôt", kind.french()),
            Self::SlotMissing(kind) => format!("il n'y a pas de {} ; rien n'a été changé", kind.french()),
            Self::LastSlot(kind) => format!(
                "la {} est le seul moyen d'entrer ; rien n'a été changé : ajoutez-en d'abord un autre",
                kind.french()
            ),
            Self::Io { path, source } => format!("{} : {} ; ce qui était enregistré est intact", path.display(), source.french()),
        }
    }
}

impl Bilingual for Exposed {
    fn french(&self) -> String {
        match self {
            Self::File(path) => format!(
                "d'autres comptes de cette machine peuvent lire {0} ; tapez : chmod 600 '{0}'",
                path.display()
            ),
            Self::Folder(path) => format!(
                "d'autres comptes de cette machine peuvent remplacer des fichiers de {0} ; tapez : chmod 700 '{0}'",
                path.display()
            ),
        }
    }
}

impl Bilingual for WordsError {
    fn french(&self) -> String {
        match self {
            Self::Count { expected, found } => format!("il faut {expected} mots, il y en a {found}"),
            Self::Unknown(place) => format!("le mot n° {place} n'est pas dans la liste : vérifiez son orthographe"),
        }
    }
}

impl Bilingual for OpenError {
    fn french(&self) -> String {
        match self {
            Self::WrongWords => "ces mots n'ouvrent pas ce fichier : redemandez-les, mot par mot".to_owned(),
            Self::Foreign => "ce fichier n'est pas une invitation : vérifiez que c'est bien celui qui vous a été envoyé".to_owned(),
            Self::Damaged => "ce fichier est abîmé : redemandez-le".to_owned(),
            Self::Newer(version) => format!("ce fichier vient d'un Bocage plus récent (format {version}) : mettez Bocage à jour"),
            Self::Cost(why) => format!("ce fichier a été modifié : {} ; rien n'a été ouvert", why.french()),
            Self::Stretch(why) => format!("{} : {CLOSE_PROGRAMS}", why.french()),
        }
    }
}

impl Bilingual for SealError {
    fn french(&self) -> String {
        match self {
            Self::TooLong(bytes) => format!("{bytes} octets sont plus que ce qu'un fichier scellé par des mots peut contenir"),
            Self::Stretch(why) => format!("{} : {CLOSE_PROGRAMS}", why.french()),
        }
    }
}

// ---- the network and its members

impl Bilingual for Enrolment {
    fn french(&self) -> String {
        match self {
            Self::Malformed(why) => format!("le fichier est abîmé ou n'est pas celui qu'il faut ; rien n'a été changé ({why})"),
            Self::Charter(why) => why.french(),
            Self::Op(why) => why.french(),
            Self::OtherInvitation => "ce fichier répond à une autre invitation ; rien n'a été changé".to_owned(),
            Self::Expired => "cette invitation a expiré : demandez-en une nouvelle".to_owned(),
            Self::Unwanted(what) => {
                format!("la demande contient ce qu'un nouveau membre n'a pas à apporter ; rien n'a été changé ({what})")
            }
        }
    }
}

impl Bilingual for CharterError {
    fn french(&self) -> String {
        match self {
            Self::Malformed(why) => format!("la charte du réseau est mal formée ({why})"),
            Self::BadSignature => "la signature d'un fondateur sur la charte du réseau n'est pas valable".to_owned(),
        }
    }
}

impl Bilingual for OpError {
    fn french(&self) -> String {
        match self {
            Self::Malformed(why) => format!("un acte du registre est mal formé : un nom est-il vide ou trop long ? ({why})"),
            Self::BadSignature => "une signature du registre n'est pas valable".to_owned(),
        }
    }
}

impl Bilingual for AddressError {
    fn french(&self) -> String {
        match self {
            Self::Unreadable(text) => {
                format!("« {text} » n'est pas une adresse ; écrivez MACHINE, MACHINE:PORT ou par exemple /ip4/192.168.1.20/tcp/4517")
            }
            Self::Unsupported(text) => {
                format!("« {text} » demande autre chose que TCP ou QUIC, ou une clé de nœud qui n'est pas de type Ed25519")
            }
        }
    }
}

impl Bilingual for NetworkError {
    fn french(&self) -> String {
        match self {
            Self::PortInUse { port, addr } => format!(
                "le port {port} est déjà pris ({addr}) : un autre programme, peut-être un autre bocage, y écoute ; arrêtez-le, ou choisissez un autre port avec --listen"
            ),
            Self::Listen { addr, why } => format!(
                "impossible d'écouter sur {addr} : choisissez avec --listen une adresse de cette machine, ou 0.0.0.0 pour toutes ({why})"
            ),
            Self::Setup(why) => format!("le réseau de cette machine ne peut pas être utilisé ({why})"),
            Self::TooManyAddresses(count) => format!("trop d'adresses sont déjà essayées ({count})"),
            Self::Stopped => "le réseau est arrêté".to_owned(),
        }
    }
}

impl Bilingual for EnrolError {
    fn french(&self) -> String {
        match self {
            Self::Unreachable(why) => format!("personne n'admet à cette adresse ({why})"),
            Self::OverBudget => "la demande est vide ou trop longue".to_owned(),
            Self::TimedOut => "le délai est passé ; recommencez avec la même invitation".to_owned(),
            Self::HungUp => "l'autre côté a mis fin à l'échange".to_owned(),
            Self::Lost(why) => format!("la liaison a été coupée ({why})"),
            Self::Misbehaved(why) => format!("l'autre côté ne suit pas le protocole ({why})"),
            Self::Stopped => "le réseau est arrêté".to_owned(),
        }
    }
}

// ---- records

impl Bilingual for StoreError {
    fn french(&self) -> String {
        match self {
            Self::Io(why) => format!("le disque refuse : {} ; ce qui était enregistré est intact", why.french()),
            Self::Full => "le disque est plein ; tout ce qui était enregistré est intact".to_owned(),
            Self::Damaged(what) => {
                format!("des données enregistrées sont abîmées ; elles sont écartées et redemandées aux autres nœuds ({what})")
            }
            Self::Locked => "un autre programme utilise ce répertoire de données".to_owned(),
            Self::Newer(version) => {
                format!("ce répertoire de données vient d'une version plus récente ({version}) ; mettez Bocage à jour, rien n'a été changé")
            }
            Self::OutOfBounds(what) => format!("une limite est dépassée ; rien n'a été changé ({what})"),
        }
    }
}

impl Bilingual for WriteRefused {
    fn french(&self) -> String {
        match self {
            Self::NotAllowed => "ce poste n'a pas le droit d'écrire dans cette partie du dossier".to_owned(),
            Self::NoIdentity => "un dossier commence par l'identité du patient".to_owned(),
            Self::NoSuchRecord => "ce dossier n'existe pas, ou n'a pas été partagé avec ce poste".to_owned(),
            Self::KeyMissing => "une clé de ce document est encore en route ; recommencez après le prochain échange".to_owned(),
            Self::NobodyThere => "cette structure n'a encore aucun praticien au registre".to_owned(),
            Self::OwnRequest => "une demande s'adresse à quelqu'un d'autre : un collègue, une équipe ou une autre structure".to_owned(),
            Self::PartMissing(part) => format!("ce dossier n'a pas de partie {} lisible ici", in_words(*part)[1]),
            Self::CannotRefer(part) => format!("ce poste ne peut pas leur ouvrir la partie {} du dossier", in_words(*part)[1]),
            Self::NoSuchRequest => "aucune demande de ce nom à laquelle ce poste prenne part".to_owned(),
            Self::OwnStepsOnly => "une demande avance par ses propres étapes, pas par un ajout au dossier".to_owned(),
            Self::Fact(why) => format!("cet ajout ne peut pas être enregistré ({why})"),
            Self::Payload(why) => format!("cet ajout ne peut pas être enregistré ({why})"),
            Self::Bounds(why) => format!("cet ajout dépasse une limite ({why})"),
        }
    }
}

impl Bilingual for NotNow {
    fn french(&self) -> String {
        match self {
            Self::NotYours { step } => {
                let whose = match step.party() {
                    Party::Requester => "ceux qui ont demandé",
                    Party::Recipient => "ceux à qui la demande est adressée",
                };
                format!("{step} : seuls {whose} le peuvent")
            }
            Self::NotHere { step, status, instead } => {
                let instead: Vec<&str> = instead.iter().map(|s| s.code()).collect();
                let instead = if instead.is_empty() {
                    "rien".to_owned()
                } else {
                    instead.join(", ")
                };
                let status = request_in_french(*status);
                format!("{step} n'est pas possible : la demande est {status} ; possible à présent : {instead}")
            }
        }
    }
}

/// Where a request stands, in French.
pub fn request_in_french(status: Status) -> &'static str {
    match status {
        Status::Requested => "envoyée",
        Status::Accepted => "acceptée",
        Status::MoreAsked => "en attente de précisions",
        Status::Answered => "répondue",
        Status::Declined => "déclinée",
        Status::Cancelled => "annulée",
        Status::Closed => "close",
    }
}

impl Bilingual for IdentifierError {
    fn french(&self) -> String {
        let what = match self {
            Self::Format => "le format n'est pas le bon",
            Self::Key => "un chiffre est faux (la clé ne correspond pas aux autres)",
            Self::Ucd => "c'est un code UCD, pas un CIP",
        };
        what.to_owned()
    }
}

impl Bilingual for VitalError {
    fn french(&self) -> String {
        match self {
            Self::Empty => "rien n'a été saisi".to_owned(),
            Self::NotANumber => "ce n'est pas un nombre".to_owned(),
            Self::TooPrecise { decimals: 0 } => "un nombre entier est attendu".to_owned(),
            Self::TooPrecise { decimals: 1 } => "au plus une décimale".to_owned(),
            Self::TooPrecise { decimals } => format!("au plus {decimals} décimales"),
            Self::WrongUnit { unit } => format!("l'unité est {unit}"),
            Self::OutOfLimits { .. } => {
                // Numbers are the same but for the decimal comma.
                let english = self.to_string().replace('.', ",");
                english
                    .replacen("between", "la valeur doit être entre", 1)
                    .replacen(" and ", " et ", 1)
            }
            Self::DiastolicNotBelowSystolic => "la diastolique doit être inférieure à la systolique".to_owned(),
            Self::NotAcvpu => "une lettre est attendue : A, C, V, P ou U".to_owned(),
            Self::Computed => "ce signe est calculé, il ne se saisit pas".to_owned(),
        }
    }
}

impl Bilingual for WriteError {
    fn french(&self) -> String {
        let field = |what: &str| match what {
            "family name" => "le nom de famille".to_owned(),
            "given name" => "le prénom".to_owned(),
            "birth date" => "la date de naissance".to_owned(),
            "sex" => "le sexe".to_owned(),
            "phone" => "le téléphone".to_owned(),
            "street" => "la rue".to_owned(),
            "town" => "la ville".to_owned(),
            "postal code" => "le code postal".to_owned(),
            "text" => "le texte".to_owned(),
            "patient" => "le patient".to_owned(),
            "effective" => "la date de l'acte".to_owned(),
            "reason" => "le motif".to_owned(),
            "substance" => "la substance".to_owned(),
            "criticality" => "la gravité".to_owned(),
            "reaction" => "la réaction".to_owned(),
            "medicine" => "le médicament".to_owned(),
            "dosage" => "la posologie".to_owned(),
            "problem" => "le problème".to_owned(),
            "since" => "depuis quand".to_owned(),
            other => format!("le champ « {other} »"),
        };
        match self {
            Self::Missing(what) => format!("{} : à remplir", field(what)),
            Self::TooLong(what) => format!("{} : trop long", field(what)),
            Self::NotADate(what) => format!("{} : une date est attendue, comme 1948-03-12", field(what)),
            Self::Control(what) => format!(
                "{} : un caractère de contrôle s'y trouve (saut de ligne, tabulation, échappement) : retapez-le",
                field(what)
            ),
            Self::NotACode(what) => format!("{} : cette valeur n'est pas admise", field(what)),
            Self::Identifier(what, why) => format!("{what} : {}", why.french()),
            Self::NotAUuid => "cet identifiant n'est pas un UUID".to_owned(),
        }
    }
}

impl Bilingual for ViewError {
    fn french(&self) -> String {
        format!("{} : {}", self.path, french(&self.what))
    }
}

impl Bilingual for CorrectError {
    fn french(&self) -> String {
        match self {
            Self::NotAResource => "cet élément n'est pas une ressource".to_owned(),
            Self::Fixed(field) => format!("{field} ne se corrige pas"),
            Self::NoSuchField(field) => format!("il n'y a pas de champ {field}"),
            Self::TooMany => "trop de changements à la fois".to_owned(),
            Self::Invalid(why) => format!("la valeur ne convient pas, {}", why.french()),
            Self::OverAlready(kind) => format!("cette ressource {kind} est déjà terminée"),
            Self::NoEnd(kind) => format!("une ressource {kind} ne se termine pas"),
            Self::NoWithdrawal(kind) => format!("une ressource {kind} ne se retire pas"),
        }
    }
}

impl Bilingual for MuleError {
    fn french(&self) -> String {
        match self {
            Self::Foreign => "ce n'est pas un fichier de transport".to_owned(),
            Self::Newer(version) => format!("ce fichier est d'une version plus récente ({version}) ; mettez ce programme à jour"),
            Self::Damaged => "ce fichier est abîmé ou incomplet".to_owned(),
            Self::NotForUs => "ce fichier est pour d'autres nœuds".to_owned(),
            Self::Content(why) => format!("ce fichier contient ce qui n'y a pas sa place ({why})"),
            Self::OtherNetwork => "ce fichier appartient à un autre réseau".to_owned(),
            Self::Recipients => format!("un fichier de transport est pour {MAX_RECIPIENTS} nœuds au plus, et pour un au moins"),
        }
    }
}

impl Bilingual for ExportError {
    fn french(&self) -> String {
        match self {
            Self::Io(why) => why.french(),
            Self::Damaged(place) => format!("l'élément {place} de ce dossier est abîmé"),
        }
    }
}
