//! The command line: parse, attach to the running node or open the directory, ask, print.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly refused.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::FromArgMatches;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::client::{Change, Client, Failure, NewPatient, Reply, Request};
use crate::driver::Driver;
use crate::home::Home;
use crate::invitation::{self, cost};

use crate::lang::Lang;
use crate::place::{self};
use crate::service::Service;

pub mod args;
mod demo;
mod enrolment;
mod french;
mod leave;
mod request;
mod serve;
mod show;
mod visit;

use args::{Carry, Cli, Command};
use enrolment::{describe, one_line};

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const PARTLY: u8 = 3;

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
            Command::Patient(args::Patient::Search { query }) => {
                let (query, limit, offset) = (query.join(" "), None, 0);
                self.ask(Request::PatientSearch { query, limit, offset }, true).await
            }
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
            Command::Allergy(args::Allergy::Add {
                patient,
                substance,
                criticality,
                reaction,
            }) => {
                let criticality = match criticality {
                    args::Criticality::Low => "low",
                    args::Criticality::High => "high",
                    args::Criticality::UnableToAssess => "unable-to-assess",
                };
                let criticality = criticality.to_owned();
                self.ask(
                    Request::AllergyAdd {
                        patient,
                        substance,
                        criticality,
                        reaction,
                    },
                    true,
                )
                .await
            }
            Command::Allergy(args::Allergy::None { patient }) => self.ask(Request::AllergyNone { patient }, true).await,
            Command::Treatment(args::Treatment::Add { patient, medicine, dosage }) => {
                self.ask(Request::TreatmentAdd { patient, medicine, dosage }, true).await
            }
            Command::Treatment(args::Treatment::Stop(end)) | Command::Problem(args::Problem::Resolve(end)) => {
                let args::End { patient, fact, on, reason } = end;
                self.ask(Request::End { patient, fact, on, reason }, true).await
            }
            Command::Problem(args::Problem::Add {
                patient,
                label,
                cim10,
                since,
                over: is_over,
            }) => {
                self.ask(
                    Request::ProblemAdd {
                        patient,
                        label,
                        cim10,
                        since,
                        is_over,
                    },
                    true,
                )
                .await
            }
            Command::Arrivals { seen: true } => self.ask(Request::ArrivalsSeen, true).await,
            Command::Arrivals { seen: false } => self.ask(Request::Arrivals, true).await,
            Command::Visit(visit) => {
                let (visit, check) = visit::typed(visit)?;
                self.ask(
                    if check {
                        Request::VisitCheck(visit)
                    } else {
                        Request::VisitSave(visit)
                    },
                    true,
                )
                .await
            }
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
                        changes: vec![Change { field, value }],
                    },
                    true,
                )
                .await
            }
            Command::Withdraw { patient, fact } => self.ask(Request::Withdraw { patient, fact }, true).await,
            Command::Share { patient, facility } => self.ask(Request::Share { patient, facility }, true).await,
            Command::Delivery { patient, fact } => self.ask(Request::Delivery { patient, fact }, true).await,
            Command::Read { patient } => self.ask(Request::Read { patient }, true).await,
            Command::Request(what) => self.ask(request::of(what), true).await,
            Command::Carry(Carry::Out { dir, to }) => {
                let dir = absolute(&dir)?;
                self.ask(Request::CarryOut { to, dir }, false).await
            }
            Command::Carry(Carry::In { dir }) => {
                // With the seat open where the passphrase is at hand: who is asked something by a stick receives it at once.
                let dir = absolute(&dir)?;
                let seat = std::env::var_os("BOCAGE_PASSPHRASE").is_some();
                self.ask(Request::CarryIn { dir }, seat).await
            }
            Command::Backup { into } => {
                let into = absolute(&into)?;
                // Where a seat is, its passphrase is checked; where there is none, a new one is chosen.
                let passphrase = if self.home.seat_key().exists() {
                    self.passphrase()?
                } else {
                    self.new_passphrase()?
                };
                let passphrase = passphrase.to_string();
                self.ask(Request::Backup { into, passphrase }, false).await
            }
            Command::Passphrase => self.change_passphrase().await,
            Command::Restore { from } => {
                let (from, passphrase) = (absolute(&from)?, self.passphrase()?);
                let bar = Bar::new(self.json);
                let restored = crate::backup::restore(&self.home, &from, &passphrase, &mut |done, total| bar.show(done, total));
                bar.clear();
                let reply = Reply::Restored(restored?);
                let _ = std::io::stdout().write_all(show::reply(&reply, self.json, self.lang).as_bytes());
                Ok(0)
            }
            Command::Leave { out } => self.leave(&absolute(&out)?).await,
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
            Reply::CarriedIn(brought) if brought.files.iter().any(|f| !f.refused.is_empty()) => PARTLY,
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
        let words = self.lang.pick("Passphrase: ", "Phrase de passe : ");
        self.chosen_passphrase("BOCAGE_PASSPHRASE", words)
    }

    async fn change_passphrase(&self) -> Result<u8, Failure> {
        let old = self.passphrase()?;
        let words = self.lang.pick("New passphrase: ", "Nouvelle phrase de passe : ");
        let new = self.chosen_passphrase("BOCAGE_NEW_PASSPHRASE", words)?;
        let mut client = self.client(false).await?;
        let (old, new) = (old.to_string(), new.to_string());
        self.request(&mut client, Request::Passphrase { old, new }).await?;
        self.close(client)?;
        self.tell(
            &json!({ "changed": true }),
            self.lang.pick(
                "The passphrase is changed. Backups made before still open with the old one.",
                "La phrase de passe est changée. Les sauvegardes déjà faites s'ouvrent encore avec l'ancienne.",
            ),
        );
        Ok(0)
    }

    /// A new passphrase, from the environment or typed twice, that is hard enough to guess.
    fn chosen_passphrase(&self, variable: &str, words: &str) -> Result<Zeroizing<String>, Failure> {
        let given = std::env::var(variable).ok();
        let passphrase = Zeroizing::new(match &given {
            Some(passphrase) => passphrase.clone(),
            None => prompt(words, true)?,
        });
        invitation::strong(&passphrase)?;
        if given.is_none() {
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

fn prompt(text: &str, hidden: bool) -> Result<String, Failure> {
    let closed = |_| {
        Failure::new(
            "usage",
            "nobody answers at this terminal: set BOCAGE_PASSPHRASE (BOCAGE_WORDS to join, BOCAGE_NEW_PASSPHRASE to change it)",
            "personne ne répond à ce terminal : donnez BOCAGE_PASSPHRASE (BOCAGE_WORDS pour rejoindre un réseau, BOCAGE_NEW_PASSPHRASE pour la changer)",
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
