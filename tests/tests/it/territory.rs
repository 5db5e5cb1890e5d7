//! A network of real processes in a directory of its own: what the tests that run the command `bocage` share.
//!
//! A place is a data directory, called by its name. Nothing waits for a fixed time: what has to happen is polled for until a
//! deadline, and a failure shows what every node last said. Processes die with the [`Territory`].

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take that should take a second.
const DEADLINE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(40);

/// Several places on this machine.
pub(crate) struct Territory {
    dir: TempDir,
    passphrase: String,
    log: &'static str,
    running: BTreeMap<String, Child>,
    ports: BTreeMap<String, u16>,
    /// Standard error of every command, by place.
    murmur: RefCell<String>,
}

/// What a command did.
pub(crate) struct Ran {
    line: String,
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Territory {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::Builder::new().prefix("bocage").tempdir().expect("a temporary directory"),
            passphrase: "trois hérons sous la pluie".into(),
            log: "warn",
            running: BTreeMap::new(),
            ports: BTreeMap::new(),
            murmur: RefCell::default(),
        }
    }

    /// Everything logged that can be.
    pub(crate) fn talkative() -> Self {
        let mut territory = Self::new();
        territory.log = "trace";
        territory
    }

    /// The usual clinic, where the network is founded; not running.
    pub(crate) fn founded(self) -> Self {
        self.at(
            "clinic",
            &[
                "init",
                "--network",
                "Vallée",
                "--facility",
                "Maison de santé",
                "--kind",
                "clinic",
                "--practitioner",
                "Anne Morel",
                "--role",
                "doctor",
                "--rpps",
                "10000000017",
            ],
        )
        .done();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn passphrase(&self) -> &str {
        &self.passphrase
    }

    // ---- commands

    /// A command as this territory runs it: in its directory, with its passphrase, and nothing of this terminal.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bocage-under-test"));
        // Not the copy's name, which `--help` would show.
        command
            .arg0("bocage")
            .args(args)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .env("BOCAGE_PASSPHRASE", &self.passphrase)
            .env("BOCAGE_FAST_KEYS", "1")
            .env("BOCAGE_LOG", self.log)
            .env("LANG", "C")
            .env_remove("LC_ALL")
            .env_remove("LC_MESSAGES")
            .env_remove("BOCAGE_DATA")
            .env_remove("BOCAGE_WORDS");
        command
    }

    pub(crate) fn bocage(&self, args: &[&str]) -> Ran {
        self.finish(self.command(args))
    }

    /// Runs a command of [`Self::command`] to its end.
    pub(crate) fn finish(&self, mut command: Command) -> Ran {
        let args: Vec<_> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        let Output { status, stdout, stderr } = command.output().expect("the command starts");
        let ran = Ran {
            line: format!("bocage {}", args.join(" ")),
            code: status.code().unwrap_or(-1),
            out: String::from_utf8(stdout).expect("output is UTF-8"),
            err: String::from_utf8(stderr).expect("output is UTF-8"),
        };
        self.murmur.borrow_mut().push_str(&ran.err);
        assert!(!ran.err.contains("panicked"), "{ran}");
        ran
    }

    pub(crate) fn at(&self, place: &str, args: &[&str]) -> Ran {
        self.bocage(&[args, &["--data", place]].concat())
    }

    /// The answer of a command that must succeed.
    pub(crate) fn json(&self, place: &str, args: &[&str]) -> Value {
        let ran = self.at(place, &[args, &["--json"]].concat());
        let out = ran.done();
        serde_json::from_str(out).unwrap_or_else(|e| panic!("not JSON ({e}): {ran}"))
    }

    /// What commands have said on standard error so far.
    pub(crate) fn murmur(&self) -> String {
        self.murmur.borrow().clone()
    }

    // ---- running nodes

    pub(crate) fn port(&mut self, place: &str) -> u16 {
        *self.ports.entry(place.to_owned()).or_insert_with(free_port)
    }

    pub(crate) fn address(&mut self, place: &str) -> String {
        format!("127.0.0.1:{}", self.port(place))
    }

    /// Starts a node that keeps in touch with these places, and waits until it answers.
    pub(crate) fn run(&mut self, place: &str, peers: &[&str]) {
        let mut args = vec!["run".to_owned(), "--data".into(), place.into(), "--no-mdns".into()];
        args.extend(["--listen".into(), self.address(place)]);
        for peer in peers {
            args.extend(["--peer".into(), self.address(peer)]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let command = self.command(&args);
        self.start(place, command);
    }

    /// Starts a `bocage run`, and waits until it answers.
    pub(crate) fn start(&mut self, place: &str, mut command: Command) {
        assert!(!self.running.contains_key(place), "{place} runs already");
        let output = File::options()
            .create(true)
            .append(true)
            .open(self.output_of(place))
            .expect("its output");
        let child = command
            .stdout(output.try_clone().expect("one file twice"))
            .stderr(output)
            .spawn()
            .expect("the command starts");
        self.running.insert(place.to_owned(), child);
        self.until(&format!("{place} answers"), |t| {
            let child = t.running.get_mut(place).expect("just started");
            if let Some(status) = child.try_wait().expect("a child of ours") {
                panic!("{place} ended with {status}:\n{}", t.said(place));
            }
            UnixStream::connect(t.path(place).join("bocage.sock")).is_ok()
        });
    }

    pub(crate) fn runs(&self, place: &str) -> bool {
        self.running.contains_key(place)
    }

    /// Ctrl-C, and everything is closed.
    pub(crate) fn stop(&mut self, place: &str) {
        let mut child = self.running.remove(place).expect("it runs");
        let asked = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status();
        assert!(asked.expect("sh").success());
        let status = child.wait().expect("a child of ours");
        assert!(status.success(), "{place} ended with {status}:\n{}", self.said(place));
    }

    /// The power fails: `kill -9`.
    pub(crate) fn kill(&mut self, place: &str) {
        let mut child = self.running.remove(place).expect("it runs");
        child.kill().expect("a child of ours");
        child.wait().expect("a child of ours");
    }

    pub(crate) fn output_of(&self, place: &str) -> PathBuf {
        self.path(&format!("{place}.out"))
    }

    /// The end of what a running node has printed.
    pub(crate) fn said(&self, place: &str) -> String {
        let all = String::from_utf8_lossy(&fs::read(self.output_of(place)).unwrap_or_default()).into_owned();
        let lines: Vec<&str> = all.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    pub(crate) fn status(&self, place: &str) -> Value {
        self.json(place, &["status"])
    }

    /// Waits until it is true.
    pub(crate) fn until(&mut self, what: &str, mut good: impl FnMut(&mut Self) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !good(self) {
            if Instant::now() > end {
                let places: Vec<String> = self.running.keys().cloned().collect();
                let said = places.iter().map(|p| format!("--- {p}\n{}\n", self.said(p)));
                panic!("not within {DEADLINE:?}: {what}\n{}", said.collect::<String>());
            }
            std::thread::sleep(POLL);
        }
    }

    /// Waits until these nodes hold the same set; returns its fingerprint.
    pub(crate) fn settle(&mut self, places: &[&str]) -> String {
        let mut root = String::new();
        self.until(&format!("{} hold the same set", places.join(", ")), |t| {
            let roots: BTreeSet<String> = places.iter().map(|p| text(&t.status(p)["root"])).collect();
            root = roots.first().cloned().expect("some place");
            roots.len() == 1
        });
        root
    }

    // ---- what tests do over and over

    /// Makes an invitation for a place; returns its words. The file is `inv-PLACE.bocage`.
    pub(crate) fn invite(&mut self, place: &str) -> String {
        let address = self.address("clinic");
        let out = format!("inv-{place}.bocage");
        text(&self.json("clinic", &["invite", "--out", &out, "--address", &address])["words"])
    }

    /// Answers `inv-PLACE.bocage` with these words.
    pub(crate) fn join(&self, place: &str, words: &str, more: &[&str]) -> Ran {
        let file = format!("inv-{place}.bocage");
        let described: &[&str] = match place {
            "pharmacy" => &[
                "--facility",
                "Pharmacie du Pont",
                "--kind",
                "pharmacy",
                "--practitioner",
                "Paul Girard",
                "--role",
                "pharmacist",
            ],
            "mobile" => &[
                "--facility",
                "Tournée Petit",
                "--kind",
                "mobile",
                "--practitioner",
                "Luc Petit",
                "--role",
                "doctor",
            ],
            _ => &["--facility", "Cabine de la mairie", "--kind", "cabin"],
        };
        let mut command = self.command(&[&["join", &file, "--data", place], described, more].concat());
        command.env("BOCAGE_WORDS", words);
        self.finish(command)
    }

    /// Enrols a place by files alone, with the clinic running or not.
    pub(crate) fn enrol(&mut self, place: &str) {
        let words = self.invite(place);
        self.join(place, &words, &["--offline"]).done();
        let (request, admission) = (format!("{place}/request.bocage"), format!("adm-{place}.bocage"));
        self.at("clinic", &["admit", &request, "--yes", "--out", &admission]).done();
        self.at(place, &["join", &admission]).done();
    }

    /// Registers a patient; returns the record's id.
    pub(crate) fn patient(&self, place: &str, family: &str, given: &str) -> String {
        let args = [
            "patient",
            "create",
            "--family",
            family,
            "--given",
            given,
            "--birth-date",
            "1948-03-12",
        ];
        text(&self.json(place, &args)["patient"])
    }

    /// Records that the practitioner of a place can open, by family name.
    pub(crate) fn families(&self, place: &str) -> Vec<String> {
        let found = self.json(place, &["patient", "search"]);
        found["patients"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|p| text(&p["family"]))
            .collect()
    }

    /// Compartments of a record that a place can open.
    pub(crate) fn compartments(&self, place: &str, patient: &str) -> BTreeSet<String> {
        let shown = self.json(place, &["patient", "show", patient]);
        let documents = shown["documents"].as_array().expect("a list");
        documents.iter().map(|d| text(&d["compartment"])).collect()
    }

    /// One line for each entry of a record that a place can open.
    pub(crate) fn entries(&self, place: &str, patient: &str) -> Vec<String> {
        let shown = self.json(place, &["patient", "show", patient]);
        shown["entries"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|e| text(&e["summary"]))
            .collect()
    }
}

impl Drop for Territory {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Ran {
    /// What it printed; it must have succeeded.
    pub(crate) fn done(&self) -> &str {
        assert_eq!(self.code, 0, "{self}");
        &self.out
    }

    /// The sentence with which it failed, and with no other word than that.
    pub(crate) fn failed(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{self}");
        let sentence = self.err.lines().last().unwrap_or_default();
        let said = sentence.strip_prefix("bocage: ").unwrap_or_else(|| panic!("no sentence: {self}"));
        assert!(said.split_whitespace().count() >= 3, "a sentence, not a word: {self}");
        said
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "$ {}\n[exit {}]\n{}{}", self.line, self.code, self.out, self.err)
    }
}

/// A connection to a running node, for what is asked many times.
pub(crate) struct Line(BufReader<UnixStream>);

impl Line {
    /// Attaches, and opens the seat.
    pub(crate) fn open(territory: &Territory, place: &str) -> Self {
        let mut line = Self::unopened(territory, place);
        let opened = line.ask(&json!({ "do": "unlock", "passphrase": territory.passphrase() }));
        assert_eq!(opened.expect("an answer")["answer"], "unlocked");
        line
    }

    /// Attaches, and leaves the seat as it is.
    pub(crate) fn unopened(territory: &Territory, place: &str) -> Self {
        let stream = UnixStream::connect(territory.path(place).join("bocage.sock")).expect("the node runs");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        Self(BufReader::new(stream))
    }

    /// Says something without waiting for the answer; false if nobody listens any more.
    pub(crate) fn say(&mut self, request: &Value) -> bool {
        self.0.get_mut().write_all(format!("{request}\n").as_bytes()).is_ok()
    }

    /// The next answer; `None` if the node is gone.
    pub(crate) fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(n) if n > 0 && line.ends_with('\n') => Some(serde_json::from_str(&line).expect("an answer is a line of JSON")),
            _ => None,
        }
    }

    pub(crate) fn ask(&mut self, request: &Value) -> Option<Value> {
        self.say(request).then(|| self.hear()).flatten()
    }
}

/// A JSON string's text; it must be one.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}

/// Every file under a directory.
pub(crate) fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let kind = path.symlink_metadata().expect("it exists").file_type();
        if kind.is_dir() {
            all.extend(files_under(&path));
        } else if kind.is_file() {
            all.push(path);
        }
    }
    all
}

/// A port free for TCP and UDP, given once, below those that the system hands out by itself.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let port = 10_000 + (std::process::id() as u16 % 100 * 200 + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let host = Ipv4Addr::LOCALHOST;
        if TcpListener::bind((host, port)).is_ok() && UdpSocket::bind((host, port)).is_ok() {
            return port;
        }
    }
}
