//! What can be typed after `bocage`, with help that teaches.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

use crate::lang::Lang;

/// Sealed patient records that travel between clinics, pharmacies, cabins and mobile doctors, with no central server.
///
/// Each place runs a node on a data directory of its own. Nodes that meet exchange sealed envelopes; each carries for the others
/// what it cannot read. Not a certified medical device, and not for real patients yet.
#[derive(Parser, Debug)]
#[command(
    name = "bocage",
    version,
    propagate_version = true,
    max_term_width = 80,
    after_help = "\
Exit codes: 0 done · 1 failed · 2 wrong usage · 3 partly refused.
The passphrase is asked for, or taken from BOCAGE_PASSPHRASE.
Start here:  bocage demo"
)]
pub struct Cli {
    /// The node's data directory [default: `bocage` in this account's data]
    #[arg(long, global = true, value_name = "DIR", env = "BOCAGE_DATA", display_order = 100)]
    pub data: Option<PathBuf>,

    /// Print JSON for scripts instead of text for people
    #[arg(long, global = true, display_order = 101)]
    pub json: bool,

    /// Language of what is printed: fr or en [default: from LANG]
    #[arg(long, global = true, value_name = "LANG", display_order = 102)]
    pub lang: Option<Lang>,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Found a network here: the first facility, with its first practitioner
    #[command(after_help = "Example:
  bocage init --network Vallée --facility \"Maison de santé\" --kind clinic \\
      --practitioner \"Anne Morel\" --role doctor --rpps 10000000017")]
    Init(Init),
    /// Invite a facility: writes a file sealed under six words to say by phone
    Invite {
        /// Where to write the invitation
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// An address under which this node can be reached, e.g. 192.168.1.20:4517 (repeatable)
        #[arg(long, value_name = "ADDR")]
        address: Vec<String>,
    },
    /// Join a network: first with the invitation, then (without a network) with the admission
    #[command(after_help = "With an invitation (--facility and --kind say who joins): makes this node's
keys, asks the inviting node over the network, and also writes the request as a
file that may travel by any other way.
With an admission: completes what the invitation began.")]
    Join(Join),
    /// Admit a facility that was invited
    #[command(after_help = "Without a file: whoever asked over the network and waits. They then run their
join once more. With a file: reads the request, writes the admission.")]
    Admit {
        /// The request file [default: whoever asked over the network]
        file: Option<PathBuf>,
        /// Where to write the admission [default: beside the request]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Don't ask whether both screens show the same words
        #[arg(long)]
        yes: bool,
    },
    /// Run the node: carry, sync, serve the app and other commands
    #[command(after_help = "Runs unattended: carrying needs no passphrase. With BOCAGE_PASSPHRASE set, the
practitioner's seat is open too, so that invited facilities are admitted at
once. Stop with Ctrl-C; everything reported as saved is safe.")]
    Run(Run),
    /// What this node holds, reads and carries
    Status,
    /// The facilities of the network and when they were last met
    Peers {
        /// First try everybody who is missing, without waiting
        #[arg(long)]
        now: bool,
    },
    /// Create, search and show patients
    #[command(subcommand)]
    Patient(Patient),
    /// Notes in a record
    #[command(subcommand)]
    Note(Note),
    /// Vital signs in a record
    #[command(subcommand)]
    Vital(Vital),
    /// Allergies and intolerances in a record
    #[command(subcommand)]
    Allergy(Allergy),
    /// Medicines that a patient takes
    #[command(subcommand)]
    Treatment(Treatment),
    /// Problems and antecedents in a record
    #[command(subcommand)]
    Problem(Problem),
    /// Visits: reason, note, measures and score in one act
    #[command(subcommand)]
    Visit(Visit),
    /// Correct one field of an entry: a new version, the old one stays in the history
    #[command(after_help = "Examples:
  bocage correct 3f2a… 91bc… value 72
  bocage correct 3f2a… 91bc… text \"Dizzy since Tuesday, not Monday.\"
  bocage correct 3f2a… 91bc… birth-date 1948-03-21")]
    Correct {
        /// The record's id, or its start
        patient: String,
        /// The entry, as `patient show` names it
        fact: String,
        /// value, text, substance, criticality, reaction, medicine, dosage, problem, since or reason; of an identity family, given, birth-date, sex or ins; or a path inside the resource
        field: String,
        /// The new value, as JSON or plain text
        value: String,
    },
    /// Say that an entry was made in error: it is shown as such, and stays in the history
    Withdraw {
        /// The record's id, or its start
        patient: String,
        /// The entry, as `patient show` names it
        fact: String,
    },
    /// Let a facility's practitioners read a record, each role what the role matrix gives it
    Share {
        /// The record's id, or its start
        patient: String,
        /// Name of the facility, or the start of its key or node, as `peers` shows them
        facility: String,
    },
    /// Records that others opened to this place and nobody here has read
    #[command(
        after_help = "A record leaves the list when somebody here says that he has read it\n(`bocage read`), or all of them with --seen."
    )]
    Arrivals {
        /// None of them is news any more
        #[arg(long)]
        seen: bool,
    },
    /// Show how far an entry has come: who holds it, who received it, who read it
    Delivery {
        /// The record's id, or its start
        patient: String,
        /// The entry, as `patient show` names it
        fact: String,
    },
    /// Tell those who wrote in a record that you have read it
    Read {
        /// The record's id, or its start
        patient: String,
    },
    /// Ask another practitioner about a patient: referral and tele-expertise
    #[command(subcommand)]
    Request(Requests),
    /// Import FHIR R4 files (Bundle, single resource, NDJSON)
    #[command(after_help = "Importing a file twice changes nothing. A resource or file that is refused
doesn't stop the others: the report names each with its place and reason, and
the exit code is 3.")]
    Import {
        /// Files to read, in this order
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Carry records by USB stick, sealed, between places that no cable joins
    #[command(subcommand)]
    Carry(Carry),
    /// Write all of this place, sealed, into a new directory on another disk
    #[command(after_help = "It holds the keys, the whole set and the drafts, under the passphrase of this
place; where nobody practises, under one that is asked for. It is read back
before it counts. The node may go on running meanwhile.

Example:
  bocage backup /media/disk")]
    Backup {
        /// Where to make the backup's directory
        into: PathBuf,
    },
    /// Choose another passphrase for this place's keys
    #[command(after_help = "The old one is asked for, or taken from BOCAGE_PASSPHRASE; the new one is asked
for twice, or taken from BOCAGE_NEW_PASSPHRASE. Backups made before still open
with the old one: make a new backup, and destroy the old ones.")]
    Passphrase,
    /// Bring a place back from its backup, in a new data directory
    #[command(after_help = "Nothing is made before the whole backup has been read. Never let the old machine
run again: two machines of one place would contradict each other. What was
written since the backup comes back from the others.

Example:
  bocage restore /media/disk/bocage-backup-20261126-223105 --data clinic")]
    Restore {
        /// The directory that `backup` printed
        from: PathBuf,
    },
    /// Export what this seat can read as FHIR R4, one bundle a patient
    Export {
        /// Where to write; made if it isn't there
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Only this patient
        #[arg(long = "patient", value_name = "ID")]
        patient: Option<String>,
    },
    /// Take all that this seat can read out of Bocage: as FHIR, and as files for people
    #[command(after_help = "One folder a patient, in clear: record.txt with everything and who wrote it, and
each attached file. Nothing is deleted and nobody is told.")]
    Leave {
        /// Where to write; made if it isn't there
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Check store, keys and clock
    Doctor,
    /// Watch four nodes live through a cut, a carried journey and a healing
    Demo(Demo),
}

/// This place and who works there. An admission needs none of it: the invitation's answer has said it all.
#[derive(Args, Debug, Clone)]
pub struct Place {
    /// Name of this facility
    #[arg(long, value_name = "NAME")]
    pub facility: Option<String>,
    /// What this place is
    #[arg(long, value_enum)]
    pub kind: Option<Kind>,
    /// FINESS number of the facility
    #[arg(long)]
    pub finess: Option<String>,
    /// Town of the facility
    #[arg(long, value_name = "NAME")]
    pub town: Option<String>,
    /// Name of the practitioner who works at this machine
    #[arg(long, value_name = "NAME", requires = "role")]
    pub practitioner: Option<String>,
    /// The practitioner's profession
    #[arg(long, value_enum)]
    pub role: Option<Role>,
    /// The practitioner's RPPS number (11 digits)
    #[arg(long)]
    pub rpps: Option<String>,
}

#[derive(Args, Debug)]
#[command(mut_arg("facility", |a| a.required(true)), mut_arg("kind", |a| a.required(true)))]
pub struct Init {
    /// Name of the network
    #[arg(long, value_name = "NAME")]
    pub network: String,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args, Debug)]
pub struct Join {
    /// The invitation, or the admission
    pub file: PathBuf,
    #[command(flatten)]
    pub place: Place,
    /// The six words of the invitation [default: asked for]
    #[arg(long, env = "BOCAGE_WORDS", hide_env_values = true)]
    pub words: Option<String>,
    /// Where to write the request [default: `request.bocage` in the data directory]
    #[arg(long, value_name = "FILE")]
    pub request: Option<PathBuf>,
    /// Don't try the network: only write the request
    #[arg(long)]
    pub offline: bool,
    /// Wait until somebody there has admitted this place
    #[arg(long, conflicts_with = "offline")]
    pub wait: bool,
}

#[derive(Args, Debug)]
pub struct Run {
    /// Address to listen on, e.g. 0.0.0.0:4517 or /ip4/127.0.0.1/tcp/4517 (repeatable) [default: port 4517, TCP and UDP]
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<String>,
    /// Address of a node to keep in touch with (repeatable)
    #[arg(long, value_name = "ADDR")]
    pub peer: Vec<String>,
    /// Don't announce or look for nodes on the local network
    #[arg(long)]
    pub no_mdns: bool,
}

#[derive(Subcommand, Debug)]
pub enum Patient {
    /// Create a patient, readable by this facility's own teams
    Create {
        /// Family name
        #[arg(long)]
        family: String,
        /// Given names
        #[arg(long)]
        given: String,
        /// YYYY-MM-DD
        #[arg(long)]
        birth_date: String,
        /// As on the identity document
        #[arg(long, value_enum, default_value = "unknown")]
        sex: Sex,
        /// National identifier, 15 characters; its key is checked
        #[arg(long)]
        ins: Option<String>,
        /// Although somebody of this name, born that day, can be read here already
        #[arg(long)]
        anyway: bool,
    },
    /// Search by name, in any order, without accents
    Search {
        /// Words of the name, a birth date, a number; none shows everybody
        query: Vec<String>,
    },
    /// Show what this seat can read of a record
    Show {
        /// The record's id, or its start
        patient: String,
        /// Also the versions that were corrected since
        #[arg(long)]
        history: bool,
    },
}

#[derive(Subcommand, Debug)]
pub enum Note {
    /// Add a note to a record
    Add {
        /// The record's id, or its start
        patient: String,
        /// What to write; a pharmacist's notes stand among the treatments
        #[arg(required = true)]
        text: Vec<String>,
    },
}

#[derive(Subcommand, Debug)]
pub enum Vital {
    /// Add a vital sign, e.g. `vital add 3f2a… heart-rate 72`
    #[command(after_help = "Signs: respiratory-rate (/min), heart-rate (/min), spo2 (%), temperature (°C),
blood-pressure (e.g. 130/80), weight (kg), height (cm), pain (0–10),
consciousness (A, C, V, P or U), glucose (mg/dL, or as 1.2 g/L), hba1c (%),
wound-length, wound-width, wound-depth (cm)")]
    Add {
        /// The record's id, or its start
        patient: String,
        /// Which sign (below)
        sign: String,
        /// The measure, as it is read off
        value: String,
    },
}

#[derive(Subcommand, Debug)]
pub enum Carry {
    /// Write what others may lack onto a stick, sealed to them
    #[command(after_help = "A lost stick shows neither whose records it holds nor who belongs to the
network. What the others have said they hold isn't taken along; a new file takes
the place of the one that this node left there for them. No passphrase is asked.

Example:
  bocage carry out /media/stick --for \"Pharmacie du Pont\"")]
    Out {
        /// The stick's directory
        dir: PathBuf,
        /// A facility, or the start of a node's key (may be repeated) [default: every other node]
        #[arg(long = "for", value_name = "NODE")]
        to: Vec<String>,
    },
    /// Take in what a stick brings, and leave a receipt on it
    #[command(after_help = "Files that are damaged, cut off or forged change nothing; each is named with its
reason, and the exit code is 3. Files for others are left as they are. Taking
one in twice changes nothing. The receipt tells whoever made the files, when the
stick comes back, what is held here.")]
    In {
        /// The stick's directory
        dir: PathBuf,
    },
}

#[derive(Subcommand, Debug)]
pub enum Allergy {
    /// Add an allergy or intolerance; it stands among the treatments
    Add {
        /// The record's id, or its start
        patient: String,
        /// What the patient doesn't tolerate
        substance: String,
        /// How dangerous the next contact could be
        #[arg(long, value_enum, default_value = "unable-to-assess")]
        criticality: Criticality,
        /// What happened
        #[arg(long, value_name = "TEXT")]
        reaction: Option<String>,
    },
    /// Note that the patient was asked, and that no allergy is known
    None {
        /// The record's id, or its start
        patient: String,
    },
}

#[derive(Subcommand, Debug)]
pub enum Treatment {
    /// Note a medicine that the patient takes; this prescribes nothing
    Add {
        /// The record's id, or its start
        patient: String,
        /// The medicine
        medicine: String,
        /// How it is taken
        dosage: String,
    },
    /// Say that a medicine is no longer taken
    Stop(End),
}

#[derive(Subcommand, Debug)]
pub enum Problem {
    /// Note a problem that the patient has, or with --over one that is past
    #[command(after_help = "Example:
  bocage problem add 3f2a… \"Appendicectomy\" --since 1998 --over")]
    Add {
        /// The record's id, or its start
        patient: String,
        /// The problem, in words
        label: String,
        /// Its CIM-10 code
        #[arg(long, value_name = "CODE")]
        cim10: Option<String>,
        /// Since when: YYYY, YYYY-MM or YYYY-MM-DD
        #[arg(long, value_name = "DATE")]
        since: Option<String>,
        /// It is past: an antecedent
        #[arg(long)]
        over: bool,
    },
    /// Say that a problem or an allergy is over
    Resolve(End),
}

/// What is over, since when and why.
#[derive(clap::Args, Debug)]
pub struct End {
    /// The record's id, or its start
    pub patient: String,
    /// The entry, as `patient show` names it
    pub fact: String,
    /// Since when, if not today: YYYY, YYYY-MM or YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    pub on: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

#[derive(Subcommand, Debug)]
pub enum Visit {
    /// Add a visit: all of it is saved, or nothing
    #[command(after_help = "Example:
  bocage visit add 3f2a… --reason Malaise --vital temperature=38.4 \\
      --vital spo2=95 --air
With respiratory-rate, spo2, blood-pressure, heart-rate, consciousness,
temperature and --air or --oxygen, NEWS2 is saved too.")]
    Add {
        /// The record's id, or its start
        patient: String,
        /// Why the patient is seen
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// What to write
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        note: String,
        /// A measure, e.g. temperature=37.2 (repeatable; signs: `bocage help vital add`)
        #[arg(long, value_name = "SIGN=VALUE")]
        vital: Vec<String>,
        /// Measured while supplemental oxygen was given
        #[arg(long, conflicts_with = "air")]
        oxygen: bool,
        /// Measured while breathing air
        #[arg(long)]
        air: bool,
        /// NEWS2's scale for oxygen saturation; 2 by a prescriber's decision only
        #[arg(long, value_name = "SCALE", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
        scale: u8,
        /// The patient is pregnant: no NEWS2
        #[arg(long)]
        pregnant: bool,
        /// At the patient's home
        #[arg(long)]
        home: bool,
        /// Only say what would be refused, and NEWS2 so far
        #[arg(long)]
        check: bool,
    },
}

#[derive(Subcommand, Debug)]
pub enum Requests {
    /// Send a question with parts of a record, open for some days
    #[command(after_help = "Example:
  bocage request send 3f2a… --to \"Dr Claire Petit\" --part clinical \\
      \"Which dressing for this wound?\"
The identity always goes with it. Besides, --part opens emergency, medication or
clinical: to read, until the request ends, a week at the most (a month where the
record was created here).")]
    Send {
        /// The record's id, or its start
        patient: String,
        /// Practitioner, team or facility: a name or the start of an id, as `request recipients` shows them
        #[arg(long, value_name = "WHO")]
        to: String,
        /// What is asked for
        #[arg(long, value_enum, default_value = "tele-expertise")]
        kind: RequestKind,
        /// Travels before everything else and is shown first
        #[arg(long)]
        urgent: bool,
        /// A part of the record that goes with it (repeatable)
        #[arg(long = "part", value_enum, value_name = "PART")]
        parts: Vec<Part>,
        /// How long the parts stay open
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=30))]
        days: u64,
        /// The question
        #[arg(required = true)]
        text: Vec<String>,
    },
    /// Whom a question can be sent to
    Recipients {
        /// Words of a name, a facility, a town, a profession; none shows everybody
        query: Vec<String>,
    },
    /// Questions received and sent; those that wait for this seat first
    List,
    /// Everything of one question: what was asked, said and answered, and by whom
    Show {
        /// The request's id, or its start
        request: String,
    },
    /// Tell those who wrote in a question that you have read it
    Read {
        /// The request's id, or its start
        request: String,
    },
    /// Take a question in hand
    Accept {
        /// The request's id, or its start
        request: String,
        /// What to say with it
        text: Vec<String>,
    },
    /// Ask a question back
    Ask {
        /// The request's id, or its start
        request: String,
        /// What is asked
        #[arg(required = true)]
        text: Vec<String>,
    },
    /// Add to one's own question, or reply to one asked back
    Reply {
        /// The request's id, or its start
        request: String,
        /// What to say
        #[arg(required = true)]
        text: Vec<String>,
    },
    /// Answer, under one's signature
    Answer {
        /// The request's id, or its start
        request: String,
        /// The answer
        #[arg(required = true)]
        text: Vec<String>,
    },
    /// Hand a question back
    Decline {
        /// The request's id, or its start
        request: String,
        /// Why
        #[arg(required = true)]
        text: Vec<String>,
    },
    /// End a question that was answered or declined: its parts are shut again
    Close {
        /// The request's id, or its start
        request: String,
        /// What to say with it
        text: Vec<String>,
    },
    /// Withdraw a question that wasn't answered yet: its parts are shut again
    Cancel {
        /// The request's id, or its start
        request: String,
        /// Why
        text: Vec<String>,
    },
}

#[derive(Clone, Copy, ValueEnum, Debug, PartialEq, Eq)]
pub enum Criticality {
    Low,
    High,
    UnableToAssess,
}

#[derive(Clone, Copy, ValueEnum, Debug, PartialEq, Eq)]
pub enum RequestKind {
    Referral,
    TeleExpertise,
}

#[derive(Clone, Copy, ValueEnum, Debug, PartialEq, Eq)]
pub enum Part {
    Emergency,
    Medication,
    Clinical,
}

#[derive(Args, Debug)]
pub struct Demo {
    /// Keep the four data directories here
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Generated patients
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(20..=2_000))]
    pub patients: u32,
}

#[derive(Clone, Copy, ValueEnum, Debug, PartialEq, Eq)]
pub enum Kind {
    Clinic,
    Pharmacy,
    Cabin,
    Mobile,
}

#[derive(Clone, Copy, ValueEnum, Debug, PartialEq, Eq)]
pub enum Role {
    Doctor,
    Nurse,
    Pharmacist,
}

#[derive(Clone, Copy, ValueEnum, Debug, PartialEq, Eq)]
pub enum Sex {
    Female,
    Male,
    Other,
    Unknown,
}
