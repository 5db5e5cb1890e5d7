//! The command line: parse, attach to the running node or open the directory, ask, print.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly refused.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use bocage_protocol::clinical::identifiers::Kind as Number;
use bocage_protocol::identity::enrol::{self, Invitation};
use bocage_protocol::identity::{Charter, FacilityKind, Profession};
use bocage_protocol::ids::{hex, unhex};
use clap::FromArgMatches;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::client::{Client, Failure, NewPatient, Newcomer, Reply, Request};
use crate::driver::{Answer, Driver, Options, ask_for_admission};
use crate::fhir::mapping::write::said;
use crate::home::Home;
use crate::keystore::{Argon2Cost, NodeKeyFile, OsEntropy, Strength, estimate_strength, file};
use crate::lang::{Bilingual, Lang};
use crate::network::{DEFAULT_PORT, PeerAddr};
use crate::place::{self, Description};
use crate::service::Service;
use crate::words::{INVITATION_WORDS, Tongue, Words, comparison_words, open_with_words, seal_with_words};

pub mod args;
mod demo;
mod french;
mod show;

use args::{Cli, Command};

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const PARTLY: u8 = 3;
/// Between two questions whether this place is admitted by now.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // The language is needed before the line is understood: it may ask for help.
    let lang = Lang::of_arguments(std::env::args_os().map(|a| a.to_string_lossy().into_owned()));
    let line = french::command(lang).try_get_matches();
    let mut cli = line.and_then(|m| Cli::from_arg_matches(&m)).unwrap_or_else(|e| misunderstood(&e));
    let lang = cli.lang.take().unwrap_or(lang);
    log_to_stderr(matches!(cli.command, Command::Run(_)));
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("bocage: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let session = Session {
        home: Home::or_default(cli.data),
        json: cli.json,
        lang,
    };
    match runtime.block_on(session.run(cli.command)) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            if session.json {
                print_json(&Reply::Failed(failure.clone()));
            } else {
                eprintln!("bocage: {}", show::plain(failure.text(lang)));
            }
            ExitCode::from(if failure.code == "usage" { USAGE } else { FAILED })
        }
    }
}

/// Help, or what is wrong with the line, in clap's words: scripts get it as any other failure.
fn misunderstood(error: &clap::Error) -> ! {
    if error.use_stderr() && std::env::args_os().take_while(|a| a != "--").any(|a| a == "--json") {
        let text = error.to_string();
        let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        print_json(&Reply::Failed(Failure::new(
            "usage",
            format!("{what}; see `bocage --help`"),
            format!("cette ligne n'est pas comprise ; voyez `bocage --help --lang fr` ({what})"),
        )));
        std::process::exit(USAGE.into());
    }
    error.exit()
}

/// Quiet unless `BOCAGE_LOG` asks for more: standard error is for people. Who watches a node run sees who comes and goes.
fn log_to_stderr(runs: bool) {
    let watched = std::io::stderr().is_terminal();
    let quiet = if runs && watched { "warn,bocage_node::driver=info" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("BOCAGE_LOG").unwrap_or_else(|_| quiet.into());
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(watched)
        .with_target(!watched)
        .with_writer(std::io::stderr)
        .try_init();
}

struct Session {
    home: Home,
    json: bool,
    lang: Lang,
}

impl Session {
    async fn run(&self, command: Command) -> Result<u8, Failure> {
        match command {
            Command::Init(init) => {
                let description = describe(init.place)?;
                one_line("--network", &init.network)?;
                let passphrase = self.new_passphrase()?;
                self.working(self.lang.pick("making keys…", "création des clés…"));
                let charter = place::found(&self.home, &init.network, &description, &passphrase, cost())?;
                self.tell(
                    &json!({
                        "answer": "founded",
                        "network": charter.name,
                        "network_id": charter.network_id().to_string(),
                        "facility": description.facility,
                        "data": self.home.root(),
                    }),
                    &format!(
                        "{} {} ({}).\n{}",
                        self.lang.pick("Founded the network", "Réseau fondé :"),
                        charter.name,
                        charter.network_id(),
                        self.next()
                    ),
                );
                Ok(0)
            }
            Command::Invite { out, address } => self.invite(&out, address).await,
            Command::Join(join) => self.join(join).await,
            Command::Admit { file, out, yes } => self.admit(file, out, yes).await,
            Command::Run(run) => self.serve(run).await,
            Command::Demo(demo) => demo::run(demo, self.lang, self.json).await,
            Command::Status => self.status().await,
            Command::Peers { now } => {
                if now {
                    let mut client = self.client(false).await?;
                    self.request(&mut client, Request::Redial).await?;
                    self.close(client)?;
                }
                self.ask(Request::Peers, false).await
            }
            Command::Doctor => self.ask(Request::Doctor, false).await,
            Command::Patient(args::Patient::Create {
                family,
                given,
                birth_date,
                sex,
                ins,
                anyway,
            }) => {
                let sex = match sex {
                    args::Sex::Female => "female",
                    args::Sex::Male => "male",
                    args::Sex::Other => "other",
                    args::Sex::Unknown => "unknown",
                };
                self.ask(
                    Request::PatientCreate(NewPatient {
                        family,
                        given,
                        birth_date,
                        sex: sex.into(),
                        ins,
                        anyway,
                    }),
                    true,
                )
                .await
            }
            Command::Patient(args::Patient::Search { query }) => self.ask(Request::PatientSearch { query: query.join(" ") }, true).await,
            Command::Patient(args::Patient::Show { patient, history }) => self.ask(Request::PatientShow { patient, history }, true).await,
            Command::Note(args::Note::Add { patient, text }) => {
                self.ask(
                    Request::NoteAdd {
                        patient,
                        text: text.join(" "),
                    },
                    true,
                )
                .await
            }
            Command::Vital(args::Vital::Add { patient, sign, value }) => self.ask(Request::VitalAdd { patient, sign, value }, true).await,
            Command::Correct {
                patient,
                fact,
                field,
                value,
            } => {
                self.ask(
                    Request::Correct {
                        patient,
                        fact,
                        field,
                        value,
                    },
                    true,
                )
                .await
            }
            Command::Share { patient, facility } => self.ask(Request::Share { patient, facility }, true).await,
            Command::Import { files } => {
                let files = files.iter().map(|f| absolute(f)).collect::<Result<_, _>>()?;
                self.ask(Request::Import { files }, true).await
            }
            Command::Export { out, patient } => {
                self.ask(
                    Request::Export {
                        out: absolute(&out)?,
                        patient,
                    },
                    true,
                )
                .await
            }
        }
    }

    /// Asks the running node, or opens the directory for the time of one request.
    async fn ask(&self, request: Request, needs_seat: bool) -> Result<u8, Failure> {
        let mut client = self.client(needs_seat).await?;
        let reply = self.request(&mut client, request).await?;
        self.close(client)?;
        // A reader that has gone (`| head`) is no failure of ours.
        let _ = std::io::stdout().write_all(show::reply(&reply, self.json, self.lang).as_bytes());
        Ok(match &reply {
            Reply::Imported { files } if files.iter().any(|(_, r)| !r.is_complete()) => PARTLY,
            Reply::Doctor { checks } if checks.iter().any(|c| !c.good) => FAILED,
            _ => 0,
        })
    }

    /// Of a stopped node, with the seat open where the passphrase is at hand.
    async fn status(&self) -> Result<u8, Failure> {
        let mut client = self.client(false).await?;
        if let (Client::Local(service), Ok(passphrase)) = (&mut client, std::env::var("BOCAGE_PASSPHRASE")) {
            // Another place's passphrase is no reason to say nothing: the seat is then shown as locked.
            let _ = service.keep_open(&Zeroizing::new(passphrase));
        }
        let reply = self.request(&mut client, Request::Status).await?;
        self.close(client)?;
        let _ = std::io::stdout().write_all(show::reply(&reply, self.json, self.lang).as_bytes());
        Ok(0)
    }

    /// A directory of another account looks empty: said before it is taken for one.
    fn reachable(&self) -> Result<(), Failure> {
        match std::fs::metadata(self.home.charter()) {
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => Err(Failure::new(
                "file",
                format!(
                    "{} can't be read by this account: use the account that runs the node",
                    self.home.root().display()
                ),
                format!(
                    "{} ne peut pas être lu par ce compte : prenez le compte qui fait tourner le nœud",
                    self.home.root().display()
                ),
            )),
            _ => Ok(()),
        }
    }

    async fn request(&self, client: &mut Client, request: Request) -> Result<Reply, Failure> {
        let bar = Bar::new(self.json);
        let reply = client.ask(request, |done, total| bar.show(done, total)).await;
        bar.clear();
        reply
    }

    async fn client(&self, needs_seat: bool) -> Result<Client, Failure> {
        let mut client = match Client::attach(&self.home.socket()).await {
            Some(client) => client,
            None => {
                self.reachable()?;
                let bar = Bar::new(self.json);
                let service = Service::open(self.home.clone(), &mut |done, total| bar.show(done, total));
                bar.clear();
                Client::Local(Box::new(service?))
            }
        };
        if needs_seat {
            let passphrase = self.passphrase()?;
            client
                .ask(
                    Request::Unlock {
                        passphrase: passphrase.to_string(),
                    },
                    |_, _| {},
                )
                .await?;
        }
        Ok(client)
    }

    fn close(&self, client: Client) -> Result<(), Failure> {
        match client {
            Client::Local(service) => service.close(),
            Client::Socket(_) => Ok(()),
        }
    }

    // ---- enrolment

    async fn invite(&self, out: &Path, addresses: Vec<String>) -> Result<u8, Failure> {
        for address in &addresses {
            address.parse::<PeerAddr>().map_err(|e| Failure::of("usage", &e))?;
        }
        let mut client = self.client(true).await?;
        let reply = self.request(&mut client, Request::Invite { addresses }).await?;
        self.close(client)?;
        let Reply::Invitation { bytes, expires_ms } = reply else {
            return Err(unexpected());
        };
        let bytes = Zeroizing::new(unhex(&bytes).ok_or_else(unexpected)?);
        let words = Words::random(INVITATION_WORDS, Tongue::French, &mut OsEntropy);
        let sealed = seal_with_words(&words, &bytes, Argon2Cost::FLOOR, &mut OsEntropy).map_err(|e| Failure::of("internal", &e))?;
        file::replace(out, &sealed).map_err(|e| Failure::file(out, &e))?;
        self.tell(
            &json!({ "answer": "invitation", "file": out, "words": *words.spoken(), "expires_ms": expires_ms }),
            &format!(
                "{} {}\n{}\n\n    {}\n",
                self.lang.pick("Invitation written to", "Invitation écrite dans"),
                out.display(),
                self.lang.pick(
                    "Valid 72 hours, for one facility. Say these six words by phone,\ndon't write them beside the file:",
                    "Valable 72 heures, pour une structure. Dites ces six mots au téléphone,\nne les joignez pas au fichier :",
                ),
                *words.spoken()
            ),
        );
        Ok(0)
    }

    async fn join(&self, join: args::Join) -> Result<u8, Failure> {
        let bytes = place::read_named(&join.file)?;
        if enrol::sealed_tag(&bytes).is_ok() {
            let charter = place::complete(&self.home, &bytes)?;
            return Ok(self.joined(&charter, None));
        }
        let typed = match &join.words {
            Some(words) => Zeroizing::new(words.clone()),
            None => Zeroizing::new(prompt(self.lang.pick("The six words: ", "Les six mots : "), true)?),
        };
        let words = Words::parse(&typed, INVITATION_WORDS).map_err(|e| Failure::of("usage", &e))?;
        let plain = open_with_words(&words, &bytes).map_err(|e| Failure::of("words", &e))?;
        let invitation = Invitation::parse(&plain).map_err(place::enrolment)?;
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
        let words = comparison(&invitation, &sealed)?;
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
    fn joined(&self, charter: &Charter, words: Option<&str>) -> u8 {
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

    fn next(&self) -> String {
        format!(
            "{} bocage run --data {}",
            self.lang.pick("Next:", "Ensuite :"),
            self.home.root().display()
        )
    }

    /// Admits by a request file, or whoever asked over the network and waits.
    async fn admit(&self, path: Option<PathBuf>, out: Option<PathBuf>, yes: bool) -> Result<u8, Failure> {
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

    async fn admission(&self, client: &mut Client, request: String) -> Result<(Vec<u8>, String), Failure> {
        let reply = self.request(client, Request::Admit { request, preview: false }).await?;
        let Reply::Admission { bytes, newcomer, .. } = reply else {
            return Err(unexpected());
        };
        Ok((unhex(&bytes).ok_or_else(unexpected)?, newcomer.facility))
    }

    /// Somebody has compared the words of both screens, and knows whom he vouches for.
    fn agree(&self, newcomer: &Newcomer, words: &str, yes: bool) -> Result<(), Failure> {
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

    // ---- run

    async fn serve(&self, run: args::Run) -> Result<u8, Failure> {
        let parse = |text: &String| text.parse::<PeerAddr>().map_err(|e| Failure::of("usage", &e));
        let mut listen = Vec::new();
        for text in &run.listen {
            let addr = parse(text)?;
            // A plain host and port means both transports there.
            if let (false, Some(socket)) = (text.starts_with('/'), addr.socket_addr()) {
                listen.push(PeerAddr::quic(socket));
            }
            listen.push(addr);
        }
        if listen.is_empty() {
            listen = PeerAddr::everywhere(DEFAULT_PORT);
        }
        let peers = run.peer.iter().map(parse).collect::<Result<_, _>>()?;
        self.reachable()?;
        let bar = Bar::new(self.json);
        let service = Service::open(self.home.clone(), &mut |done, total| bar.show(done, total));
        bar.clear();
        let mut service = service?;
        if let Ok(passphrase) = std::env::var("BOCAGE_PASSPHRASE") {
            service.keep_open(&passphrase)?;
        }
        let Reply::Status(place) = service.handle(0, Request::Status, &mut |_, _| {})? else {
            return Err(unexpected());
        };
        let driver = Driver::start(
            service,
            Options {
                listen,
                peers,
                mdns: !run.no_mdns,
            },
        )
        .await?;
        let listening = listening(&driver).await;
        if self.json {
            // One line: whoever starts a node waits for it.
            let running = json!({ "answer": "running", "listening": listening, "data": self.home.root() });
            let _ = writeln!(std::io::stdout(), "{running}").and_then(|()| std::io::stdout().flush());
        } else {
            let seat = match place.seat.as_str() {
                "open" => self.lang.pick("seat open", "poste ouvert"),
                "locked" => self.lang.pick("seat locked: it carries", "poste verrouillé : il transporte"),
                _ => self
                    .lang
                    .pick("nobody practises here: it carries", "personne n'exerce ici : il transporte"),
            };
            let network = self.lang.pick("network", "réseau");
            self.say(&format!("{}, {network} {} ({seat})", place.facility, place.network));
            for addr in &listening {
                self.say(&format!("{} {addr}", self.lang.pick("listening on", "écoute sur")));
            }
            self.say(self.lang.pick("running; stop with Ctrl-C", "en service ; arrêter avec Ctrl-C"));
        }
        driver.run(stop_signal()).await?;
        if !self.json {
            self.say(self.lang.pick("stopped; everything saved", "arrêté ; tout est enregistré"));
        }
        Ok(0)
    }

    // ---- talking to people

    /// What a command has to say at its end: one JSON value for scripts, or text for people.
    fn tell(&self, value: &Value, text: &str) {
        if self.json {
            print_json(value);
        } else {
            self.say(text);
        }
    }

    /// On the way, for people; where a script reads standard output, they may read standard error.
    fn say(&self, text: &str) {
        let text = show::plain(text);
        let written = if self.json {
            writeln!(std::io::stderr(), "{text}")
        } else {
            writeln!(std::io::stdout(), "{text}")
        };
        let _ = written.and_then(|()| std::io::stdout().flush());
    }

    fn working(&self, text: &str) {
        if std::io::stderr().is_terminal() {
            eprintln!("{text}");
        }
    }

    fn passphrase(&self) -> Result<Zeroizing<String>, Failure> {
        match std::env::var("BOCAGE_PASSPHRASE") {
            Ok(passphrase) => Ok(Zeroizing::new(passphrase)),
            Err(_) => Ok(Zeroizing::new(prompt(self.lang.pick("Passphrase: ", "Phrase de passe : "), true)?)),
        }
    }

    fn new_passphrase(&self) -> Result<Zeroizing<String>, Failure> {
        let passphrase = self.passphrase()?;
        if let Strength::Refused(why) = estimate_strength(&passphrase) {
            return Err(Failure::new(
                "usage",
                format!("this passphrase isn't accepted: {why}; nothing was changed"),
                format!("cette phrase de passe n'est pas acceptée : {} ; rien n'a été changé", why.french()),
            ));
        }
        if std::env::var_os("BOCAGE_PASSPHRASE").is_none() {
            let again = Zeroizing::new(prompt(self.lang.pick("Again: ", "Encore une fois : "), true)?);
            if *again != *passphrase {
                return Err(Failure::new(
                    "usage",
                    "the two differ; nothing was changed",
                    "les deux saisies diffèrent ; rien n'a été changé",
                ));
            }
        }
        Ok(passphrase)
    }
}

/// Where the node listens. Of `0.0.0.0` the system names the addresses one by one, within moments.
async fn listening(driver: &Driver) -> Vec<String> {
    let mut known = driver.listening();
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = driver.listening();
        if !now.is_empty() && now == known {
            break;
        }
        known = now;
    }
    known
}

/// Ctrl-C or a service manager's request.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

fn print_json(value: &impl serde::Serialize) {
    let text = serde_json::to_string_pretty(value).expect("plain data");
    // A reader that has gone is no failure of ours.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// The words that both screens show for a request.
fn comparison(invitation: &Invitation, sealed: &[u8]) -> Result<String, Failure> {
    let plain = enrol::open(&invitation.secret, enrol::Part::Request, sealed);
    let request = plain.and_then(|p| enrol::Request::parse(&p)).map_err(place::enrolment)?;
    Ok(comparison_words(&enrol::comparison(&request), Tongue::French).join(" "))
}

fn describe(place: args::Place) -> Result<Description, Failure> {
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
                format!("{what} {number}: {}; nothing was changed", said(error)),
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
fn one_line(option: &str, name: &str) -> Result<(), Failure> {
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

/// About a second on this machine; tests and the demonstration ask for the floor.
fn cost() -> Argon2Cost {
    if std::env::var_os("BOCAGE_FAST_KEYS").is_some() {
        Argon2Cost::FLOOR
    } else {
        Argon2Cost::calibrated()
    }
}

fn prompt(text: &str, hidden: bool) -> Result<String, Failure> {
    let closed = |_| {
        Failure::new(
            "usage",
            "nobody answers at this terminal: set BOCAGE_PASSPHRASE (and BOCAGE_WORDS to join)",
            "personne ne répond à ce terminal : donnez BOCAGE_PASSPHRASE (et BOCAGE_WORDS pour rejoindre un réseau)",
        )
    };
    if hidden {
        return rpassword::prompt_password(text).map_err(closed);
    }
    // Standard output may be a script's.
    eprint!("{text}");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(closed)?;
    Ok(line)
}

/// The node may run elsewhere in the file system than the person who asks.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|e| Failure::file(path, &e))
}

fn unexpected() -> Failure {
    Failure::new(
        "answer",
        "the node gave an unexpected answer: is it another version?",
        "le nœud a donné une réponse inattendue : est-ce une autre version ?",
    )
}

/// Progress on standard error, on a terminal only.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new(json: bool) -> Self {
        let wanted = !json && std::io::stderr().is_terminal();
        Self(wanted.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(
                ProgressStyle::with_template("{spinner} {bar:40} {pos}/{len} {eta}").unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        }))
    }

    fn show(&self, done: u64, total: u64) {
        if let Some(bar) = &self.0 {
            if total > 0 {
                bar.set_length(total);
            }
            bar.set_position(done);
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
