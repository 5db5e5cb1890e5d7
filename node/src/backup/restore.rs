//! A place that comes back from its backup.
//!
//! The whole backup is read before anything is made; the directory counts as a node's only at the very end.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use bocage_protocol::crypto::KemSecret;
use bocage_protocol::identity::Charter;
use bocage_protocol::mule::Entry;
use bocage_protocol::peer::Input;
use bocage_protocol::store::{Ordered as _, Store as _};

use super::{CARGO, Contents, FORMAT, Layout, MAX_DRAFTS, Notes, RECORDS};
use crate::client::{Failure, Restored};
use crate::core::Core;
use crate::home::Home;
use crate::keystore::{NodeKeyFile, NodeKeys, SeatKeystore, file};
use crate::mule_file::{MuleFile, Refusal, part_of};
use crate::place;
use crate::store::LogStore;

/// Parts of a backup that are looked at: a terabyte.
const MAX_PARTS: usize = 1_024;
/// Longest `contents.json`.
const MAX_CONTENTS: u64 = 1 << 20;

/// Makes the place of a backup anew in `home`.
///
/// # Errors
/// A node is in `home` already, the passphrase is wrong, something of the backup is missing or damaged, or the disk refused. Nothing
/// that counts was made; the backup is as it was.
pub fn restore(home: &Home, from: &Path, passphrase: &str, progress: &mut dyn FnMut(u64, u64)) -> Result<Restored, Failure> {
    place::refuse_if_settled(home, home.unfinished().exists())?;
    home.check_length()?;
    let backup = Backup::open(from, passphrase)?;
    let total = 2 * backup.bytes();
    let mut read = 0;
    let mut tell = |bytes: u64| {
        read += bytes;
        progress(read.min(total), total);
    };
    let found = backup.count(&mut tell)?;
    if found != backup.contents.items {
        return Err(incomplete(from, &format!("{found}/{}", backup.contents.items)));
    }
    home.make().map_err(|e| Failure::file(home.root(), &e))?;
    let mark = place::begin(home, false)?;
    NodeKeyFile::restore(&home.node_key(), &backup.keys).map_err(|e| Failure::of("keys", &e))?;
    if let Some(seat) = &backup.seat {
        file::replace(&home.seat_key(), seat).map_err(|e| Failure::file(&home.seat_key(), &e))?;
    }
    let store = LogStore::open(&home.store(), &mut |_, _| {}).map_err(|e| Failure::of("store", &e))?;
    let core = Core::open(store, place::node_signing(&backup.keys), backup.charter.clone());
    let mut core = core.map_err(|e| Failure::of("store", &e))?;
    backup.take_in(&mut core, &mut tell)?;
    if core.store.len() < backup.contents.items {
        // What came before its author's certificate, and found no room to wait for it, comes in now.
        backup.take_in(&mut core, &mut |_| {})?;
    }
    // A certificate that arrived while the backup was being written isn't in it: whoever else holds what needs it brings both.
    let items = core.store.len();
    let missing = backup.contents.items.saturating_sub(items);
    core.save_local(backup.notes.0.clone()).map_err(|e| Failure::of("store", &e))?;
    let registry = core.registry();
    let own = registry.node(&place::node_key(&backup.keys)).map(|n| n.facility);
    let facility = own.and_then(|f| registry.facility(&f)).map(|f| f.name.clone());
    let drafts = backup.restore_drafts(home)?;
    core.stop();
    Box::new(core.store).close().map_err(|e| Failure::of("store", &e))?;
    file::replace(&home.charter(), backup.charter.to_bytes()).map_err(|e| Failure::file(&home.charter(), &e))?;
    place::finish(home, mark)?;
    Ok(Restored {
        facility: facility.unwrap_or_default(),
        items,
        missing,
        drafts,
        made_ms: backup.contents.made_ms,
    })
}

/// A backup whose keys are open.
struct Backup<'a> {
    dir: &'a Path,
    contents: Contents,
    charter: Charter,
    keys: NodeKeys,
    /// The seat's keystore as it is.
    seat: Option<Vec<u8>>,
    notes: Notes,
}

impl<'a> Backup<'a> {
    fn open(dir: &'a Path, passphrase: &str) -> Result<Self, Failure> {
        let layout = Layout(dir);
        let contents = contents(&layout)?;
        let charter = read(&layout.charter())?;
        let charter = Charter::parse(&charter).map_err(|e| Failure::of("damaged", &e))?;
        let unlocked = SeatKeystore::open(&layout.node_keys()).and_then(|file| file.unlock(passphrase));
        let unlocked = unlocked.map_err(|e| Failure::of("passphrase", &e))?;
        let keys = NodeKeys::of_unlocked(&unlocked).ok_or_else(|| damaged(&layout.node_keys()))?;
        let mut seat = None;
        if contents.seat {
            seat = Some(read(&layout.seat_key())?);
            let opened = SeatKeystore::open(&layout.seat_key()).and_then(|file| file.unlock(passphrase));
            opened.map_err(|e| Failure::of("passphrase", &e))?;
        }
        let notes = Notes::open(&read(&layout.notes())?, &keys).ok_or_else(|| damaged(&layout.notes()))?;
        let names: BTreeSet<&String> = contents.records.iter().collect();
        let sound = |name: &&String| {
            let path = Path::new(name.as_str());
            path.extension().is_some_and(|e| e == CARGO) && part_of(path).0 == RECORDS && path.components().count() == 1
        };
        if names.is_empty() || names.len() > MAX_PARTS || names.len() != contents.records.len() || !names.iter().all(sound) {
            return Err(damaged(&layout.contents()));
        }
        if let Some(missing) = names.iter().find(|name| !dir.join(name).is_file()) {
            return Err(incomplete(dir, missing));
        }
        Ok(Self {
            dir,
            charter,
            keys,
            seat,
            notes,
            contents,
        })
    }

    /// Of the files that hold the set.
    fn bytes(&self) -> u64 {
        let sizes = self
            .contents
            .records
            .iter()
            .map(|name| self.dir.join(name).metadata().map_or(0, |m| m.len()));
        sizes.fold(0, u64::saturating_add)
    }

    /// Reads every file of the set; says how many items there are.
    fn count(&self, tell: &mut dyn FnMut(u64)) -> Result<u64, Failure> {
        let mut items = 0;
        self.each(tell, &mut |entries| {
            items += entries.iter().filter(|e| matches!(e, Entry::Item(_))).count() as u64;
            Ok(())
        })?;
        Ok(items)
    }

    fn take_in(&self, core: &mut Core, tell: &mut dyn FnMut(u64)) -> Result<(), Failure> {
        self.each(tell, &mut |entries| {
            let (mut items, mut statements) = (Vec::new(), Vec::new());
            for entry in entries {
                match entry {
                    Entry::Item(bytes) => items.push(bytes),
                    Entry::Statement(held) => statements.push(held),
                }
            }
            let outcome = core.input(Input::Carried { items, statements });
            outcome.refused.map_or(Ok(()), |error| Err(Failure::of("store", &error)))
        })
    }

    fn each(&self, tell: &mut dyn FnMut(u64), take: &mut dyn FnMut(Vec<Entry>) -> Result<(), Failure>) -> Result<(), Failure> {
        let key = KemSecret::from_seed(&self.keys.kem.0);
        for name in &self.contents.records {
            let path = self.dir.join(name);
            let file = MuleFile {
                path: &path,
                key: &key,
                network: self.charter.network_id(),
            };
            let read = file.read(|entries| take(entries).map(|()| None), tell);
            let manifest = read.map_err(|refusal| match refusal {
                Refusal::Own(failure) => failure,
                Refusal::ForOthers => damaged(&path),
                Refusal::File(en, fr) => Failure::new(
                    "damaged",
                    format!("{}: {en}; nothing was made and the backup is as it was", path.display()),
                    format!("{} : {fr} ; rien n'a été créé et la sauvegarde est telle quelle", path.display()),
                ),
            })?;
            if manifest.maker != place::node_key(&self.keys) {
                return Err(damaged(&path));
            }
        }
        Ok(())
    }

    /// A draft that can't be copied is missed, and no reason to be without everything else.
    fn restore_drafts(&self, home: &Home) -> Result<u64, Failure> {
        let mut restored = 0;
        let entries = fs::read_dir(Layout(self.dir).drafts()).into_iter().flatten().flatten();
        for entry in entries.take(MAX_DRAFTS) {
            let is_draft = entry
                .file_name()
                .to_str()
                .is_some_and(|name| bocage_protocol::ids::unhex(name).is_some());
            let Some(bytes) = file::read(&entry.path()).ok().filter(|_| is_draft) else {
                continue;
            };
            let path = home.drafts().join(entry.file_name());
            file::replace(&path, &bytes).map_err(|e| Failure::file(&path, &e))?;
            restored += 1;
        }
        Ok(restored)
    }
}

fn contents(layout: &Layout<'_>) -> Result<Contents, Failure> {
    let path = layout.contents();
    let bytes = match fs::metadata(&path) {
        Ok(meta) if meta.len() > MAX_CONTENTS => return Err(damaged(&path)),
        Ok(_) => read_all(&path)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::new(
                "nothing",
                format!(
                    "{}: this is no backup (no contents.json is there); name the directory that `bocage backup` printed",
                    layout.0.display()
                ),
                format!(
                    "{} : ce n'est pas une sauvegarde (contents.json n'y est pas) ; donnez le répertoire que `bocage backup` a indiqué",
                    layout.0.display()
                ),
            ));
        }
        Err(e) => return Err(Failure::file(&path, &e)),
    };
    let contents: Contents = serde_json::from_slice(&bytes).map_err(|_| damaged(&path))?;
    if contents.format > FORMAT {
        return Err(Failure::new(
            "newer",
            format!(
                "this backup has format {}, and this program knows {FORMAT}: update it; nothing was made",
                contents.format
            ),
            format!(
                "cette sauvegarde a le format {}, et ce programme connaît le {FORMAT} : mettez-le à jour ; rien n'a été créé",
                contents.format
            ),
        ));
    }
    Ok(contents)
}

/// A small file of the backup; one that isn't there is named as missing.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    file::read(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => incomplete(
            path.parent().unwrap_or(path),
            &path.file_name().unwrap_or_default().to_string_lossy(),
        ),
        _ => Failure::file(path, &e),
    })
}

fn read_all(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|e| Failure::file(path, &e))
}

fn damaged(path: &Path) -> Failure {
    Failure::new(
        "damaged",
        format!(
            "{}: damaged, or of another place; nothing was made: take another backup",
            path.display()
        ),
        format!(
            "{} : abîmé, ou d'un autre lieu ; rien n'a été créé : prenez une autre sauvegarde",
            path.display()
        ),
    )
}

fn incomplete(dir: &Path, what: &str) -> Failure {
    Failure::new(
        "damaged",
        format!(
            "{}: this backup isn't whole ({what}); nothing was made: take another one",
            dir.display()
        ),
        format!(
            "{} : cette sauvegarde n'est pas entière ({what}) ; rien n'a été créé : prenez-en une autre",
            dir.display()
        ),
    )
}
