//! Making a place: its keys, its certificates, its teams, and the three steps of enrolment as files.
//!
//! The joiner makes every key itself; what leaves the machine is public. Facility, practitioner and seat keys live in the seat
//! keystore behind the passphrase, never in the node's own key file.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use bocage_protocol::access::matrix;
use bocage_protocol::access::team::found_team;
use bocage_protocol::clinical::identifiers::{self, IdentifierError};
use bocage_protocol::crypto::{Entropy, KemSecret, Secret, derive};
use bocage_protocol::identity::enrol::{self, Admission, Invitation, Part, Request};
use bocage_protocol::identity::{Charter, FacilityKind, MatrixVersion, OpBody, Profession, RegistryOp, Validity, op::REGISTRY_OP};
use bocage_protocol::ids::{FacilityKey, Hlc, NetworkId, NodeKey, PractitionerKey, SeatKey};
use bocage_protocol::record::{Pen, SeatSecrets};
use bocage_protocol::store::{Batch, LocalWrite, Store};
use ed25519_dalek::SigningKey;

use crate::client::Failure;
use crate::core::{Core, now_ms, random_u64};
use crate::home::Home;
use crate::keystore::{Argon2Cost, KeyName, NodeKeyFile, NodeKeys, OsEntropy, SeatKeystore, SecretSet, UnlockedSeat, file};
use crate::lang::Bilingual;
use crate::store::LogStore;

const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// Largest file that a person hands over for enrolment.
const MAX_NAMED: u64 = 1024 * 1024;

/// What the person at the keyboard says about this place.
#[derive(Clone, Debug)]
pub struct Description {
    pub facility: String,
    pub kind: FacilityKind,
    pub finess: String,
    pub town: String,
    pub practitioner: Option<(String, Profession, String)>,
}

impl Description {
    /// Checks numbers as they are typed: a wrong key is an error here.
    ///
    /// # Errors
    /// A FINESS or RPPS number whose key is wrong, or an empty name.
    pub fn check(&self) -> Result<(), Failure> {
        if self.facility.trim().is_empty() {
            return Err(Failure::new("usage", "the facility needs a name", "la structure doit avoir un nom"));
        }
        if !self.finess.is_empty() {
            identifiers::Kind::Finess
                .entered(&self.finess)
                .map_err(|e| wrong_number("FINESS", &self.finess, &e))?;
        }
        if let Some((name, _, rpps)) = &self.practitioner {
            if name.trim().is_empty() {
                return Err(Failure::new(
                    "usage",
                    "the practitioner needs a name",
                    "le praticien doit avoir un nom",
                ));
            }
            if !rpps.is_empty() {
                identifiers::Kind::Rpps.entered(rpps).map_err(|e| wrong_number("RPPS", rpps, &e))?;
            }
        }
        Ok(())
    }
}

fn wrong_number(what: &str, number: &str, error: &IdentifierError) -> Failure {
    Failure::new(
        "usage",
        format!("{what} {number}: {error}; nothing was changed: check the number"),
        format!("{what} {number} : {} ; rien n'a été changé : vérifiez le numéro", error.french()),
    )
}

/// Keys and certificates of a place that no authority has signed yet.
struct Made {
    facility: SigningKey,
    body: OpBody,
    hlc: Hlc,
    secrets: SecretSet,
    /// Certificates that the facility issues itself, and its team.
    items: Vec<Vec<u8>>,
    team: Option<RegistryOp>,
    local: Vec<LocalWrite>,
}

/// Founds a network here with one authority, which lives in this place's keystore. Interrupted, it may simply be run again.
///
/// # Errors
/// A network exists here already, numbers are wrong, the passphrase is weak, the disk refused.
pub fn found(home: &Home, network: &str, description: &Description, passphrase: &str, cost: Argon2Cost) -> Result<Charter, Failure> {
    refuse_if_settled(home, home.unfinished().exists())?;
    description.check()?;
    home.check_length()?;
    let mut entropy = OsEntropy;
    let authority = Secret(entropy.random32());
    let authority_key = SigningKey::from_bytes(&authority.0);
    let version = MatrixVersion {
        number: matrix::VERSION,
        hash: matrix::hash(),
    };
    let charter =
        Charter::found(network, std::slice::from_ref(&authority_key), 1, version, &mut entropy).map_err(|e| Failure::of("usage", &e))?;
    home.make().map_err(disk)?;
    let mark = begin(home, false)?;
    let node = NodeKeyFile::create(&home.node_key(), &mut entropy).map_err(keys)?;
    let id = charter.network_id();
    let made = make(&id, &node, description)?;
    let sign =
        |others: &[&SigningKey], body| RegistryOp::issue(&id, made.hlc, &authority_key, others, body).map_err(|e| Failure::of("usage", &e));
    let mut items = vec![sign(&[&made.facility], made.body.clone())?.to_bytes().to_vec()];
    if let Some(team) = &made.team {
        items.push(sign(&[], OpBody::Endorse { what: team.id() })?.to_bytes().to_vec());
    }
    items.extend(made.items);
    let secrets = made.secrets.with(KeyName::Authority, authority);
    SeatKeystore::create(&home.seat_key(), passphrase, secrets, cost, &mut entropy).map_err(keys)?;
    settle(home, &charter, &node, items, made.local)?;
    finish(home, mark)?;
    Ok(charter)
}

/// Marks the directory while keys are made in it. What counts (charter, request) is written before the mark goes: what stands beside
/// a mark without a charter was never finished, belongs to nobody, and is removed, as is what the caller `replaces`. The lock tells a
/// mark that was left from one of a command at work.
pub(crate) fn begin(home: &Home, replaces: bool) -> Result<File, Failure> {
    let path = home.unfinished();
    let (mark, left) = match File::create_new(&path) {
        Ok(mark) => (mark, false),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => (File::options().append(true).open(&path).map_err(disk)?, true),
        Err(e) => return Err(disk(e)),
    };
    let busy = || {
        about(
            home,
            "busy",
            "another `bocage init` or `join` is at work in this directory; nothing was changed: let it finish",
            "une autre commande `bocage init` ou `join` est à l'œuvre dans ce répertoire ; rien n'a été changé : laissez-la finir",
        )
    };
    mark.try_lock().map_err(|e| match e {
        TryLockError::WouldBlock => busy(),
        TryLockError::Error(e) => disk(e),
    })?;
    // The other one has finished since: its mark is gone, and what it made counts.
    if left && !path.exists() {
        return Err(busy());
    }
    let again = left || replaces;
    if let Err(settled) = refuse_if_settled(home, again) {
        if !left {
            fs::remove_file(&path).map_err(disk)?;
        }
        return Err(settled);
    }
    if again {
        for file in [home.node_key(), home.seat_key(), home.joining()].iter().filter(|f| f.exists()) {
            fs::remove_file(file).map_err(disk)?;
        }
        if home.store().exists() {
            fs::remove_dir_all(home.store()).map_err(disk)?;
        }
    }
    Ok(mark)
}

pub(crate) fn finish(home: &Home, mark: File) -> Result<(), Failure> {
    fs::remove_file(home.unfinished()).map_err(disk)?;
    drop(mark);
    Ok(())
}

/// The request that was made here for this invitation and isn't answered yet: asking again asks the same.
///
/// # Errors
/// The notes of a join are here and can't be read.
pub fn asked(home: &Home, invitation: &Invitation) -> Result<Option<Vec<u8>>, Failure> {
    let Ok(sealed) = fs::read(home.joining()) else { return Ok(None) };
    if home.is_founded() || home.unfinished().exists() {
        return Ok(None);
    }
    let node = NodeKeyFile::open(&home.node_key()).map_err(keys)?;
    let pending = Pending::open(&sealed, &node)?;
    Ok((pending.invitation.tag() == invitation.tag()).then_some(pending.request))
}

/// Answers an invitation: makes this place's keys and returns the sealed request.
///
/// # Errors
/// As [`found`], or the invitation has expired.
pub fn ask(
    home: &Home,
    invitation: &Invitation,
    description: &Description,
    passphrase: &str,
    cost: Argon2Cost,
) -> Result<Vec<u8>, Failure> {
    // An earlier attempt, interrupted or not yet admitted, may begin again; one that is being completed may not.
    let replaces = home.joining().exists() && !home.store().exists();
    refuse_if_settled(home, replaces || home.unfinished().exists())?;
    description.check()?;
    if invitation.expires_ms < now_ms() {
        return Err(expired());
    }
    let mut entropy = OsEntropy;
    let network = invitation.charter.network_id();
    home.check_length()?;
    home.make().map_err(disk)?;
    let mark = begin(home, replaces)?;
    let node = NodeKeyFile::create(&home.node_key(), &mut entropy).map_err(keys)?;
    let made = make(&network, &node, description)?;
    let possession = RegistryOp::countersign(&network, made.hlc, &invitation.authority.0, &made.body, &made.facility);
    let request = Request {
        hlc: made.hlc,
        facility: made.body,
        possession,
        items: made.items.clone(),
        addresses: Vec::new(),
    };
    SeatKeystore::create(&home.seat_key(), passphrase, made.secrets, cost, &mut entropy).map_err(keys)?;
    let sealed = enrol::seal(&invitation.secret, Part::Request, &request.to_bytes(), &mut entropy);
    let pending = Pending {
        invitation: invitation.clone(),
        request: sealed.clone(),
        items: made.items,
        local: made.local,
    };
    file::replace(&home.joining(), &pending.seal(&node)).map_err(disk)?;
    finish(home, mark)?;
    Ok(sealed)
}

/// Completes what [`ask`] began: this place becomes a member.
///
/// # Errors
/// Nothing was asked here, the admission belongs to another invitation, or the disk refused.
pub fn complete(home: &Home, admission: &[u8]) -> Result<Charter, Failure> {
    // Interrupted after its store was begun, it is completed by the same admission.
    refuse_if_settled(home, home.joining().exists())?;
    let sealed = fs::read(home.joining()).map_err(|_| {
        Failure::new(
            "usage",
            "no invitation is being answered here: run `bocage join` with the invitation first",
            "aucune invitation n'est en cours ici : lancez d'abord `bocage join` avec l'invitation",
        )
    })?;
    let node = NodeKeyFile::open(&home.node_key()).map_err(keys)?;
    let pending = Pending::open(&sealed, &node)?;
    let plain = enrol::open(&pending.invitation.secret, Part::Admission, admission).map_err(enrolment)?;
    let admission = Admission::parse(&plain).map_err(enrolment)?;
    pending.check(&admission)?;
    let mut local = pending.local;
    let inviter = pending.invitation.node;
    let addresses: Vec<String> = pending.invitation.addresses.iter().chain(&admission.addresses).cloned().collect();
    local.push(address_record(&inviter, &addresses));
    let items = admission.items.into_iter().chain(pending.items).collect();
    settle(home, &pending.invitation.charter, &node, items, local)?;
    let _ = fs::remove_file(home.joining());
    Ok(pending.invitation.charter)
}

/// Opens the node on this directory: no passphrase needed.
///
/// # Errors
/// Nothing founded here, another process holds it, or the disk refused.
pub fn open(home: &Home, progress: &mut dyn FnMut(u64, u64)) -> Result<(Core, NodeKeys), Failure> {
    if !home.is_founded() {
        let (en, fr) = if home.unfinished().exists() {
            (
                "making this node was interrupted and nothing of value is here: run `bocage init` or `bocage join` again",
                "la création de ce nœud a été interrompue et rien ici n'a de valeur : relancez `bocage init` ou `bocage join`",
            )
        } else if home.joining().exists() {
            (
                "this node has asked to join and isn't admitted yet: run `bocage join` with the admission",
                "ce nœud a demandé à rejoindre un réseau et n'est pas encore admis : lancez `bocage join` avec l'admission",
            )
        } else if home.store().exists() {
            NO_CHARTER
        } else {
            (
                "there is no node in this directory yet: run `bocage init` or `bocage join`",
                "il n'y a pas encore de nœud dans ce répertoire : lancez `bocage init` ou `bocage join`",
            )
        };
        return Err(about(home, "not-founded", en, fr));
    }
    // Of an `init` that was interrupted at its last step.
    let _ = fs::remove_file(home.unfinished());
    let node = NodeKeyFile::open(&home.node_key()).map_err(keys)?;
    let charter = Charter::parse(&fs::read(home.charter()).map_err(disk)?).map_err(|e| Failure::of("damaged", &e))?;
    let store = LogStore::open(&home.store(), progress).map_err(|e| Failure::of("store", &e))?;
    let core = Core::open(store, node_signing(&node), charter).map_err(|e| Failure::of("store", &e))?;
    Ok((core, node))
}

/// The node's public key.
pub fn node_key(node: &NodeKeys) -> NodeKey {
    NodeKey(node_signing(node).verifying_key().to_bytes())
}

/// What the node signs with: that it is itself, and what it holds.
pub(crate) fn node_signing(node: &NodeKeys) -> SigningKey {
    SigningKey::from_bytes(&node.network.0)
}

/// The practitioner's seat in an unlocked keystore; `None` where nobody practises (a cabin).
pub fn seat_of(unlocked: &UnlockedSeat) -> Option<SeatSecrets> {
    let facility = SigningKey::from_bytes(&unlocked.secret(KeyName::Facility)?.0);
    let practitioner = SigningKey::from_bytes(&unlocked.secret(KeyName::Practitioner)?.0);
    Some(SeatSecrets {
        signing: SigningKey::from_bytes(&unlocked.secret(KeyName::SeatSigning)?.0),
        kem: KemSecret::from_seed(&unlocked.secret(KeyName::SeatKem)?.0),
        practitioner: Some(PractitionerKey(practitioner.verifying_key().to_bytes())),
        facility: FacilityKey(facility.verifying_key().to_bytes()),
    })
}

/// The local record of a node's last good addresses.
pub fn address_record(node: &NodeKey, addresses: &[String]) -> LocalWrite {
    LocalWrite {
        key: [b"addr/", &node.0[..]].concat(),
        value: Some(addresses.join("\n").into_bytes()),
    }
}

fn make(network: &NetworkId, node: &NodeKeys, description: &Description) -> Result<Made, Failure> {
    let mut entropy = OsEntropy;
    let now = now_ms();
    let hlc = Hlc::from_millis(now);
    let months = |n: u64| Validity {
        not_before: now,
        not_after: now + n * 30 * DAY_MS,
    };
    let facility_secret = Secret(entropy.random32());
    let facility = SigningKey::from_bytes(&facility_secret.0);
    let facility_key = FacilityKey(facility.verifying_key().to_bytes());
    let body = OpBody::Facility {
        key: facility_key,
        kind: description.kind,
        name: description.facility.clone(),
        finess: description.finess.clone(),
        town: description.town.clone(),
        validity: months(36),
    };
    let issue = |issuer: &SigningKey, others: &[&SigningKey], body| {
        RegistryOp::issue(network, hlc, issuer, others, body).map_err(|e| Failure::of("usage", &e))
    };
    let network_key = SigningKey::from_bytes(&node.network.0);
    let node_body = OpBody::Node {
        key: node_key(node),
        kem: KemSecret::from_seed(&node.kem.0).public(),
        validity: months(12),
    };
    let mut items = vec![issue(&facility, &[&network_key], node_body)?.to_bytes().to_vec()];
    let mut secrets = SecretSet::new().with(KeyName::Facility, facility_secret);
    let (mut team, mut local) = (None, Vec::new());
    if let Some((name, profession, rpps)) = &description.practitioner {
        let (person, signing, kem) = (Secret(entropy.random32()), Secret(entropy.random32()), Secret(entropy.random32()));
        let (person_key, seat) = (SigningKey::from_bytes(&person.0), SigningKey::from_bytes(&signing.0));
        let practitioner = PractitionerKey(person_key.verifying_key().to_bytes());
        let body = OpBody::Practitioner {
            key: practitioner,
            profession: *profession,
            rpps: rpps.clone(),
            name: name.clone(),
            validity: months(24),
        };
        items.push(issue(&facility, &[&person_key], body)?.to_bytes().to_vec());
        let mobile = description.kind == FacilityKind::Mobile;
        let kem_secret = KemSecret::from_seed(&kem.0);
        let body = OpBody::Seat {
            key: SeatKey(seat.verifying_key().to_bytes()),
            kem: kem_secret.public(),
            facility: facility_key,
            mobile,
            validity: months(12),
        };
        items.push(issue(&person_key, &[&seat, &facility], body)?.to_bytes().to_vec());
        if !mobile {
            let me = SeatSecrets {
                signing: seat,
                kem: kem_secret,
                practitioner: Some(practitioner),
                facility: facility_key,
            };
            let mut pen = Pen::new(me.key(), random_u64());
            let (doc, genesis) =
                found_team(network, &me, practitioner, &mut pen, now, &mut entropy).map_err(|e| internal(&e.to_string()))?;
            let op = issue(
                &facility,
                &[],
                OpBody::Team {
                    doc,
                    profession: *profession,
                },
            )?;
            items.push(op.to_bytes().to_vec());
            items.push(genesis.to_bytes());
            local.push(pen.to_local());
            team = Some(op);
        }
        secrets = secrets
            .with(KeyName::Practitioner, person)
            .with(KeyName::SeatSigning, signing)
            .with(KeyName::SeatKem, kem);
    } else {
        // A cabin's own seat may only deposit; it opens unattended, so it comes from the node's keys.
        let (seat, kem) = device_seat(node);
        let body = OpBody::DeviceSeat {
            key: SeatKey(seat.verifying_key().to_bytes()),
            kem: kem.public(),
            validity: months(12),
        };
        items.push(issue(&facility, &[&seat], body)?.to_bytes().to_vec());
    }
    Ok(Made {
        facility,
        body,
        hlc,
        secrets,
        items,
        team,
        local,
    })
}

/// The seat of a machine where nobody practises.
pub fn device_seat(node: &NodeKeys) -> (SigningKey, KemSecret) {
    let signing = derive("bocage 2026-11 device seat v1", &[&node.network.0]);
    let kem = derive("bocage 2026-11 device seat kem v1", &[&node.kem.0]);
    (SigningKey::from_bytes(&signing), KemSecret::from_seed(&kem))
}

/// Writes the first items, then the charter: its presence says that all is there.
fn settle(home: &Home, charter: &Charter, node: &NodeKeys, items: Vec<Vec<u8>>, local: Vec<LocalWrite>) -> Result<(), Failure> {
    let store = LogStore::open(&home.store(), &mut |_, _| {}).map_err(|e| Failure::of("store", &e))?;
    let mut core = Core::open(store, node_signing(node), charter.clone()).map_err(|e| Failure::of("store", &e))?;
    let (ops, envelopes): (Vec<_>, Vec<_>) = items.into_iter().partition(|i| i.first() == Some(&REGISTRY_OP));
    core.save_items(ops, Vec::new()).map_err(|e| Failure::of("store", &e))?;
    core.save_items(envelopes, Vec::new()).map_err(|e| Failure::of("store", &e))?;
    core.store
        .commit(&Batch { items: Vec::new(), local })
        .map_err(|e| Failure::of("store", &e))?;
    Box::new(core.store).close().map_err(|e| Failure::of("store", &e))?;
    file::replace(&home.charter(), charter.to_bytes()).map_err(disk)
}

/// An invitation being answered, between request and admission.
struct Pending {
    invitation: Invitation,
    /// Sealed, as it was sent.
    request: Vec<u8>,
    items: Vec<Vec<u8>>,
    local: Vec<LocalWrite>,
}

impl Pending {
    /// An admission certifies the facility whose keys lie here, or answers another request.
    fn check(&self, admission: &Admission) -> Result<(), Failure> {
        let network = self.invitation.charter.network_id();
        let ops = |items: &[Vec<u8>]| -> Vec<RegistryOp> { items.iter().filter_map(|i| RegistryOp::parse(&network, i).ok()).collect() };
        let brought = ops(&self.items);
        let is_ours = |op: &RegistryOp| match &op.body {
            OpBody::Facility { key, .. } => brought.iter().any(|b| matches!(b.body, OpBody::Node { .. }) && b.issuer == key.0),
            _ => false,
        };
        if ops(&admission.items).iter().any(is_ours) {
            return Ok(());
        }
        Err(Failure::new(
            "other-request",
            "this admission answers another request than the one made here; nothing was changed: have request.bocage of this directory admitted",
            "cette admission répond à une autre demande que celle d'ici ; rien n'a été changé : faites admettre le request.bocage de ce répertoire",
        ))
    }

    /// Sealed under the node's own key: the invitation's secret must not lie about in clear.
    fn seal(&self, node: &NodeKeys) -> Vec<u8> {
        let locals: Vec<Vec<u8>> = self
            .local
            .iter()
            .flat_map(|l| [l.key.clone(), l.value.clone().unwrap_or_default()])
            .collect();
        let inner = Admission {
            items: self.items.iter().chain(&locals).cloned().collect(),
            addresses: Vec::new(),
        };
        let mut w = bocage_protocol::wire::Writer::new();
        w.u8(self.items.len() as u8)
            .sized(&self.invitation.to_bytes())
            .sized(&self.request)
            .sized(&inner.to_bytes());
        enrol::seal(&node.local_seal, Part::Admission, &w.finish(), &mut OsEntropy)
    }

    fn open(sealed: &[u8], node: &NodeKeys) -> Result<Self, Failure> {
        let plain = enrol::open(&node.local_seal, Part::Admission, sealed).map_err(enrolment)?;
        let broken = |_| {
            Failure::new(
                "damaged",
                "the notes of this join are damaged: begin again with a new invitation",
                "les notes de cette adhésion sont abîmées : recommencez avec une nouvelle invitation",
            )
        };
        let mut r = bocage_protocol::wire::Reader::new(&plain);
        let count = r.u8().map_err(broken)? as usize;
        let invitation = Invitation::parse(r.sized(enrol::MAX_MESSAGE, "invitation").map_err(broken)?).map_err(enrolment)?;
        let request = r.sized(enrol::MAX_MESSAGE, "request").map_err(broken)?.to_vec();
        let inner = Admission::parse(r.sized(enrol::MAX_MESSAGE, "items").map_err(broken)?).map_err(enrolment)?;
        let mut items = inner.items;
        let locals = items.split_off(count.min(items.len()));
        let local = locals
            .chunks_exact(2)
            .map(|kv| LocalWrite {
                key: kv[0].clone(),
                value: Some(kv[1].clone()),
            })
            .collect();
        Ok(Self {
            invitation,
            request,
            items,
            local,
        })
    }
}

/// A store without its charter: of an `init` or a `join` that never finished, or of a node that lost a file.
const NO_CHARTER: (&str, &str) = (
    "there is a store but no file `charter`; nothing was changed. If `init` or `join` never finished here, nothing of value is in \
     this directory: delete it and begin again. If this node has worked before, put `charter` back from a copy (any node of the \
     network has the same)",
    "il y a des données mais pas de fichier `charter` ; rien n'a été changé. Si `init` ou `join` n'est jamais allé au bout ici, ce \
     répertoire ne contient rien de précieux : supprimez-le et recommencez. Si ce nœud a déjà servi, remettez `charter` depuis une \
     copie (tous les nœuds du réseau ont le même)",
);

/// Something is here that must not be overwritten, unless it is the rest of what is being done `again`.
pub(crate) fn refuse_if_settled(home: &Home, again: bool) -> Result<(), Failure> {
    if home.is_founded() {
        return Err(about(
            home,
            "exists",
            "this directory belongs to a network already; nothing was changed: choose another --data",
            "ce répertoire appartient déjà à un réseau ; rien n'a été changé : choisissez un autre --data",
        ));
    }
    if !again && home.store().exists() {
        return Err(about(home, "damaged", NO_CHARTER.0, NO_CHARTER.1));
    }
    if !again && (home.node_key().exists() || home.seat_key().exists()) {
        return Err(about(
            home,
            "exists",
            "keys are here already and were left as they are: choose another --data, or delete this directory if no node has ever worked here",
            "des clés sont déjà ici et ont été laissées telles quelles : choisissez un autre --data, ou supprimez ce répertoire si aucun nœud n'y a jamais servi",
        ));
    }
    Ok(())
}

/// A sentence about the data directory.
fn about(home: &Home, code: &str, en: &str, fr: &str) -> Failure {
    let root = home.root().display();
    Failure::new(code, format!("{root}: {en}"), format!("{root} : {fr}"))
}

pub(crate) fn expired() -> Failure {
    Failure::new(
        "expired",
        "this invitation has expired; ask for a new one",
        "cette invitation a expiré ; demandez-en une nouvelle",
    )
}

/// What can't happen, and is said rather than panicked about.
pub(crate) fn internal(what: &str) -> Failure {
    Failure::new(
        "internal",
        format!("{what}; what was saved before is safe"),
        format!("erreur interne du programme ; ce qui était enregistré est intact ({what})"),
    )
}

fn disk(error: std::io::Error) -> Failure {
    Failure::new(
        "disk",
        format!("the disk refused: {error}; everything saved before is safe"),
        format!("le disque refuse : {} ; tout ce qui était enregistré est intact", error.french()),
    )
}

fn keys(error: crate::keystore::KeystoreError) -> Failure {
    Failure::of("keys", &error)
}

/// What an enrolment message is refused for, for people.
pub fn enrolment(error: enrol::EnrolError) -> Failure {
    Failure::of("enrolment", &error)
}

/// Reads a file that a person named.
///
/// # Errors
/// Names the file and what the system said.
pub fn read_named(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_NAMED + 1).read_to_end(&mut bytes));
    read.map_err(|e| Failure::file(path, &e))?;
    if bytes.len() as u64 > MAX_NAMED {
        return Err(Failure::new(
            "file",
            format!(
                "{}: too large for an invitation, a request or an admission; is it another file?",
                path.display()
            ),
            format!(
                "{} : trop gros pour une invitation, une demande ou une admission ; est-ce un autre fichier ?",
                path.display()
            ),
        ));
    }
    Ok(bytes)
}
