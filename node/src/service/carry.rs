//! USB sticks: what others may lack goes out in files sealed to them, what such files bring comes in, and receipts go back.
//!
//! A stick is a hostile peer. A file is read twice: first as a whole, each item judged by its bytes, then again to take it in; so what is
//! damaged, cut off, foreign or forged changes nothing. Whatever was taken before a cut is known the next time, and skipped. No seat is
//! needed: cabins do it too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::Bound;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bocage_protocol::clinical::text;
use bocage_protocol::crypto::{KemSecret, derive};
use bocage_protocol::ids::{KemPublic, NetworkId, NodeKey, hex};
use bocage_protocol::mule::{self, Entry, Manifest, MuleError, Packer, Unpacker};
use bocage_protocol::peer::{Coverage, Held, Input};
use bocage_protocol::store::{OrderKey, Store as _};

use super::{Service, Turns, store_failure};
use crate::client::{CarriedFile, CarriedIn, CarriedOut, Failure, Reply};
use crate::core::now_ms;
use crate::keystore::OsEntropy;
use crate::lang::Bilingual;
use crate::place;

/// Endings of the two kinds of file.
const CARGO: &str = "mule";
const RECEIPT: &str = "receipt";
/// Items looked at in one turn.
const TURN: usize = 512;
/// A file is closed here and another one begun: sticks as they are sold hold no file over 4 GiB.
const PART: u64 = 1 << 30;
/// Files of a directory that are looked at.
const MAX_FILES: usize = 256;
/// Characters of a node's key that name it.
const MIN_START: usize = 4;
const NAME: &str = "bocage 2026-11 mule file name v1";

/// Writes the files. Long: see [`Turns`].
pub(super) fn out(mut turns: Turns<'_>, to: Vec<String>, dir: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Reply, Failure> {
    let load = turns.take(move |service| Load::of(service, &to))?;
    let failed = |e: &io::Error| on_stick(dir, e);
    let mut writer = StickWriter::begin(dir, &load).map_err(|e| failed(&e))?;
    for held in &load.statements {
        writer.push(&Entry::Statement(held.clone())).map_err(|e| failed(&e))?;
    }
    let (mut from, mut done) = (Bound::Unbounded, 0);
    let (mut items, mut held_there) = (0, 0);
    loop {
        let coverage = Arc::clone(&load.coverage);
        let part = turns.take(move |service| next_items(service, from, &coverage))?;
        let Some(last) = part.last else { break };
        from = Bound::Excluded(last);
        done += part.looked_at;
        held_there += part.looked_at - part.items.len() as u64;
        items += part.items.len() as u64;
        for item in part.items {
            writer.push(&Entry::Item(item)).map_err(|e| failed(&e))?;
        }
        progress(done, load.total.max(done));
    }
    let (files, bytes) = writer.finish().map_err(|e| failed(&e))?;
    Ok(Reply::CarriedOut(CarriedOut {
        files,
        to: load.names.into_iter().collect(),
        items,
        held_there,
        statements: load.statements.len() as u64,
        bytes,
    }))
}

/// What goes out, and for whom.
struct Load {
    recipients: BTreeSet<KemPublic>,
    names: BTreeSet<String>,
    manifest: Manifest,
    coverage: Arc<Coverage>,
    statements: Vec<Held>,
    total: u64,
    hedge: [u8; 32],
    name: String,
}

impl Load {
    fn of(service: &mut Service, to: &[String]) -> Result<Self, Failure> {
        let nodes = service.recipients_of_cargo(to)?;
        let keys: Vec<NodeKey> = nodes.keys().copied().collect();
        let coverage = service.core.peer.known_there(&keys, &service.core.store);
        Ok(Self {
            recipients: nodes.values().map(|(kem, _)| *kem).collect(),
            names: nodes.into_values().map(|(_, name)| name).collect(),
            coverage: Arc::new(coverage),
            statements: service.core.peer.statements(now_ms()),
            total: service.core.peer.index().len() as u64,
            ..Self::empty(service)
        })
    }

    /// For nobody yet, with nothing in it.
    fn empty(service: &Service) -> Self {
        let own = place::node_key(&service.keys);
        // The same on every stick of this node, and nothing that names it: a new file takes the old one's place.
        let name = derive(NAME, &[&service.keys.local_seal.0]);
        Self {
            recipients: BTreeSet::new(),
            names: BTreeSet::new(),
            manifest: Manifest {
                network: service.core.registry().network_id(),
                maker: own,
                made_ms: now_ms(),
            },
            coverage: Arc::default(),
            statements: Vec::new(),
            total: 0,
            hedge: service.keys.local_seal.0,
            name: format!("bocage-{}", &hex(&name)[..8]),
        }
    }
}

struct Part {
    items: Vec<Vec<u8>>,
    looked_at: u64,
    last: Option<OrderKey>,
}

fn next_items(service: &mut Service, from: Bound<OrderKey>, coverage: &Coverage) -> Result<Part, Failure> {
    let store = &service.core.store;
    let keys = store.range(from, TURN).map_err(|e| store_failure(&e))?;
    let mut items = Vec::new();
    for key in &keys {
        let bytes = store.get(&key.id).map_err(|e| store_failure(&e))?;
        items.extend(bytes.filter(|b| !coverage.holds(b)).map(|b| b.to_vec()));
    }
    Ok(Part {
        items,
        looked_at: keys.len() as u64,
        last: keys.last().copied(),
    })
}

impl Service {
    /// The facility that a node belongs to; empty where it isn't known here.
    fn name_of(&self, node: &NodeKey) -> String {
        let registry = self.core.registry();
        let facility = registry.node(node).and_then(|n| registry.facility(&n.facility));
        facility.map(|f| f.name.clone()).unwrap_or_default()
    }

    /// Nodes that a file is for, with the key that it is sealed to and the facility's name.
    fn recipients_of_cargo(&self, to: &[String]) -> Result<BTreeMap<NodeKey, (KemPublic, String)>, Failure> {
        let (own, registry, now) = (place::node_key(&self.keys), self.core.registry(), now_ms());
        let others: Vec<(NodeKey, KemPublic, String)> = registry
            .nodes()
            .filter(|(key, _)| **key != own && registry.serves(key, now))
            .filter_map(|(key, node)| Some((*key, node.kem, registry.facility(&node.facility)?.name.clone())))
            .collect();
        let mut found = BTreeMap::new();
        for wanted in to {
            let (folded, start) = (text::fold(wanted), wanted.to_lowercase());
            let fits = |(key, _, name): &&(NodeKey, KemPublic, String)| {
                text::fold(name) == folded || start.len() >= MIN_START && key.to_hex().starts_with(&start)
            };
            let before = found.len();
            found.extend(others.iter().filter(fits).map(|(key, kem, name)| (*key, (*kem, name.clone()))));
            if found.len() == before {
                return Err(Failure::new(
                    "not-found",
                    format!("no other node of the network is {wanted}: see `bocage peers`; nothing was written"),
                    format!("aucun autre nœud du réseau n'est {wanted} : voyez `bocage peers` ; rien n'a été écrit"),
                ));
            }
        }
        if to.is_empty() {
            found = others.into_iter().map(|(key, kem, name)| (key, (kem, name))).collect();
        }
        if found.is_empty() {
            return Err(Failure::new(
                "alone",
                "this place is alone in its network: there is nobody to carry anything to",
                "ce lieu est seul dans son réseau : il n'y a personne à qui porter quoi que ce soit",
            ));
        }
        Ok(found)
    }
}

type Open = (BufWriter<File>, Packer);

/// Files on their way onto a stick: each appears under its name only once it is whole and on the medium.
struct StickWriter<'a> {
    dir: &'a Path,
    load: &'a Load,
    ending: &'static str,
    /// The file being written; always there until the end.
    open: Option<Open>,
    /// Bytes of the file being written, and of all before it.
    written: u64,
    bytes: u64,
    done: Vec<String>,
}

impl<'a> StickWriter<'a> {
    fn begin(dir: &'a Path, load: &'a Load) -> io::Result<Self> {
        Self::of_kind(dir, load, CARGO)
    }

    fn of_kind(dir: &'a Path, load: &'a Load, ending: &'static str) -> io::Result<Self> {
        let mut writer = Self {
            dir,
            load,
            ending,
            open: None,
            written: 0,
            bytes: 0,
            done: Vec::new(),
        };
        writer.next_file()?;
        Ok(writer)
    }

    fn next_file(&mut self) -> io::Result<()> {
        let path = partial(self.dir, &file_name(self.load, self.ending, self.done.len()));
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let mut file = BufWriter::new(file);
        let Load {
            recipients,
            manifest,
            hedge,
            ..
        } = self.load;
        let (head, packer) = Packer::new(recipients, manifest, hedge, &mut OsEntropy).map_err(|e| io::Error::other(e.to_string()))?;
        file.write_all(&head)?;
        self.written = head.len() as u64;
        self.open = Some((file, packer));
        Ok(())
    }

    fn push(&mut self, entry: &Entry) -> io::Result<()> {
        if self.written > PART {
            self.close()?;
            self.next_file()?;
        }
        let Some((file, packer)) = &mut self.open else { return Ok(()) };
        let bytes = packer.push(entry);
        file.write_all(&bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// The last bytes, the medium's word that it has them, and only then the name.
    fn close(&mut self) -> io::Result<()> {
        let Some((mut file, packer)) = self.open.take() else {
            return Ok(());
        };
        let end = packer.finish();
        file.write_all(&end)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        let name = file_name(self.load, self.ending, self.done.len());
        let path = self.dir.join(&name);
        fs::rename(partial(self.dir, &name), &path)?;
        self.bytes += path.metadata()?.len();
        self.done.push(name);
        Ok(())
    }

    /// Names and bytes of what was written; parts of an earlier, longer cargo of ours are taken away.
    fn finish(mut self) -> io::Result<(Vec<String>, u64)> {
        self.close()?;
        for number in self.done.len().. {
            if fs::remove_file(self.dir.join(file_name(self.load, self.ending, number))).is_err() {
                break;
            }
        }
        File::open(self.dir)?.sync_all()?;
        Ok((self.done, self.bytes))
    }
}

fn file_name(load: &Load, ending: &str, number: usize) -> String {
    match number {
        0 => format!("{}.{ending}", load.name),
        n => format!("{}-{}.{ending}", load.name, n + 1),
    }
}

fn partial(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.partial"))
}

/// Takes in what is in a directory. Long: see [`Turns`].
pub(super) fn bring_in(mut turns: Turns<'_>, dir: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Reply, Failure> {
    let (own, key, network) = turns.take(|service| {
        let own = Load::empty(service).name;
        let key = KemSecret::from_seed(&service.keys.kem.0);
        Ok((own, key, service.core.registry().network_id()))
    })?;
    let paths = cargo_in(dir, &own).map_err(|e| on_stick(dir, &e))?;
    if paths.is_empty() {
        return Err(Failure::new(
            "nothing",
            format!(
                "{}: no file for this node is there (they end in .{CARGO} or .{RECEIPT})",
                dir.display()
            ),
            format!(
                "{} : aucun fichier pour ce nœud (ils finissent par .{CARGO} ou .{RECEIPT})",
                dir.display()
            ),
        ));
    }
    let total: u64 = 2 * paths.iter().map(|p| p.metadata().map_or(0, |m| m.len())).sum::<u64>();
    let mut read = 0;
    let mut files = Vec::new();
    let mut makers = BTreeSet::new();
    for path in &paths {
        let mut tell = |bytes: u64| {
            read += bytes;
            progress(read.min(total), total);
        };
        let cargo = Cargo { path, key: &key, network };
        let mut file = CarriedFile {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            ..CarriedFile::default()
        };
        match cargo.take_in(&mut turns, &mut file, &mut tell) {
            Ok(manifest) => {
                file.made_ms = manifest.made_ms;
                file.from = turns.take(move |service| Ok(service.name_of(&manifest.maker)))?;
                makers.insert(manifest.maker);
            }
            Err(Refusal::ForOthers) => file.for_others = true,
            Err(Refusal::File(en, fr)) => (file.refused, file.refused_fr) = (en, fr),
            Err(Refusal::Own(failure)) => return Err(failure),
        }
        files.push(file);
    }
    let load = turns.take(move |service| {
        service.chores();
        Ok(Load::receipt(service, &makers))
    })?;
    let receipt = match load {
        Some(load) => Some(write_receipt(dir, &load).map_err(|e| on_stick(dir, &e))?),
        None => None,
    };
    Ok(Reply::CarriedIn(CarriedIn { files, receipt }))
}

impl Load {
    /// What this node holds, for those who sent it something; `None` where none of them can be written to.
    fn receipt(service: &mut Service, makers: &BTreeSet<NodeKey>) -> Option<Self> {
        let own = place::node_key(&service.keys);
        let statements = service.core.peer.statements(now_ms());
        let registry = service.core.registry();
        let recipients: BTreeSet<KemPublic> = makers.iter().filter_map(|m| registry.node(m)).map(|n| n.kem).collect();
        (!recipients.is_empty()).then(|| Self {
            recipients,
            statements: statements.into_iter().filter(|held| held.holder == own).collect(),
            ..Self::empty(service)
        })
    }
}

fn write_receipt(dir: &Path, load: &Load) -> io::Result<String> {
    let mut writer = StickWriter::of_kind(dir, load, RECEIPT)?;
    for held in &load.statements {
        writer.push(&Entry::Statement(held.clone()))?;
    }
    let (mut files, _) = writer.finish()?;
    Ok(files.remove(0))
}

/// Files in a directory that others may have left for this node, in the order of their names.
fn cargo_in(dir: &Path, own: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)?.take(16 * MAX_FILES) {
        let path = entry?.path();
        let fits = path.extension().is_some_and(|e| e == CARGO || e == RECEIPT);
        let ours = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(own));
        if fits && !ours && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found.truncate(MAX_FILES);
    Ok(found)
}

/// Why a file was not taken in.
enum Refusal {
    ForOthers,
    /// It is the file's fault: said in English and French, and the others are taken.
    File(String, String),
    /// It is ours: the disk refused, the node stops.
    Own(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Own(failure)
    }
}

impl From<MuleError> for Refusal {
    fn from(error: MuleError) -> Self {
        if error == MuleError::NotForUs {
            return Self::ForOthers;
        }
        Self::File(error.to_string(), error.french())
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return MuleError::Damaged.into();
        }
        Self::File(error.to_string(), error.french())
    }
}

/// One file.
struct Cargo<'a> {
    path: &'a Path,
    key: &'a KemSecret,
    network: NetworkId,
}

impl Cargo<'_> {
    fn take_in(&self, turns: &mut Turns<'_>, file: &mut CarriedFile, tell: &mut dyn FnMut(u64)) -> Result<Manifest, Refusal> {
        let judge = |entries: Vec<Entry>| {
            turns.take(move |service| {
                let items = entries.iter().filter_map(|e| match e {
                    Entry::Item(bytes) => Some(bytes),
                    Entry::Statement(_) => None,
                });
                let mut faults = items.filter_map(|bytes| service.core.peer.judge(bytes, &service.core.store).err());
                Ok(faults.next())
            })
        };
        let manifest = self.read(judge, tell)?;
        self.read(
            |entries| {
                let (mut items, mut statements) = (Vec::new(), Vec::new());
                for entry in entries {
                    match entry {
                        Entry::Item(bytes) => items.push(bytes),
                        Entry::Statement(held) => statements.push(held),
                    }
                }
                file.statements += statements.len() as u64;
                let brought = items.len() as u64;
                let new = turns.take(move |service| {
                    let before = service.core.peer.index().len();
                    let outcome = service.core.input(Input::Carried { items, statements });
                    let refused = outcome.refused.as_ref().map(store_failure);
                    service.pending.push(outcome);
                    match refused {
                        Some(failure) => Err(failure),
                        None => Ok((service.core.peer.index().len() - before) as u64),
                    }
                })?;
                file.new += new;
                file.known += brought.saturating_sub(new);
                Ok(None)
            },
            tell,
        )?;
        Ok(manifest)
    }

    /// Reads the whole file; `take` says what is wrong with a block's entries, if anything is.
    fn read(
        &self,
        mut take: impl FnMut(Vec<Entry>) -> Result<Option<String>, Failure>,
        tell: &mut dyn FnMut(u64),
    ) -> Result<Manifest, Refusal> {
        let mut file = BufReader::new(File::open(self.path)?);
        let mut head = vec![0; mule::HEAD];
        file.read_exact(&mut head).map_err(|_| MuleError::Foreign)?;
        let slots = mule::slots(head.first_chunk().expect("just this long"))?;
        head.resize(mule::HEAD + mule::slots_len(slots), 0);
        file.read_exact(&mut head[mule::HEAD..])?;
        let mut unpacker = Unpacker::open(&head, self.key, self.network)?;
        let mut next = block(&mut file)?.ok_or(MuleError::Damaged)?;
        loop {
            let after = block(&mut file)?;
            tell(next.len() as u64);
            let Some(after) = after else {
                let (entries, manifest) = unpacker.last(&next)?;
                not_belonging(take(entries)?)?;
                return Ok(manifest);
            };
            not_belonging(take(unpacker.block(&next)?)?)?;
            next = after;
        }
    }
}

fn not_belonging(why: Option<String>) -> Result<(), Refusal> {
    match why {
        None => Ok(()),
        Some(why) => Err(Refusal::File(
            format!("this file holds what doesn't belong in one: {why}"),
            format!("ce fichier contient ce qui n'y a pas sa place ({why})"),
        )),
    }
}

/// The next sealed block; `None` at the end of the file.
fn block(file: &mut impl Read) -> Result<Option<Vec<u8>>, Refusal> {
    let mut length = [0; 4];
    let mut read = 0;
    while read < length.len() {
        match file.read(&mut length[read..])? {
            0 if read == 0 => return Ok(None),
            0 => return Err(MuleError::Damaged.into()),
            n => read += n,
        }
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > mule::MAX_BLOCK {
        return Err(MuleError::Damaged.into());
    }
    let mut sealed = vec![0; length];
    file.read_exact(&mut sealed)?;
    Ok(Some(sealed))
}

fn on_stick(dir: &Path, error: &io::Error) -> Failure {
    Failure::new(
        "file",
        format!("{}: {error}; nothing in the store was lost", dir.display()),
        format!("{} : {} ; rien n'a été perdu dans les dossiers", dir.display(), error.french()),
    )
}
