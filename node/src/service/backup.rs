//! Writing a backup: see [`crate::backup`].

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use bocage_protocol::crypto::KemSecret;
use bocage_protocol::mule::Entry;

use super::carry::{Load, on_stick, pour};
use super::{Service, Turns, internal, store_failure, summary};
use crate::backup::{CARGO, Contents, FORMAT, Layout, MAX_DRAFTS, Notes, READ_ME};
use crate::client::{BackedUp, Failure, Reply};
use crate::core::now_ms;
use crate::home::Home;
use crate::keystore::{Argon2Cost, NodeKeys, OsEntropy, SeatKeystore, file};
use crate::mule_file::{MuleFile, MuleWriter, Refusal};

/// Taken from the node at one moment, before its records: what is written meanwhile comes on top.
struct Begun {
    home: Home,
    keys: NodeKeys,
    kem: KemSecret,
    charter: Vec<u8>,
    notes: Vec<u8>,
    load: Load,
}

/// Writes a backup into a new directory below `into`, and reads it back. Long: see [`Turns`].
pub(super) fn backup(mut turns: Turns<'_>, into: &Path, passphrase: &str, progress: &mut dyn FnMut(u64, u64)) -> Result<Reply, Failure> {
    let begun = turns.take(Begun::of)?;
    let failed = |e: &std::io::Error| on_stick(into, e);
    if begun.home.seat_key().exists() {
        // One passphrase for both: whoever forgot it would find out too late.
        let opened = SeatKeystore::open(&begun.home.seat_key()).and_then(|seat| seat.unlock(passphrase));
        opened.map_err(|e| Failure::of("passphrase", &e))?;
    }
    let name = format!("bocage-backup-{}", stamp(now_ms()));
    let (whole, partial) = (into.join(&name), into.join(format!("{name}.partial")));
    if whole.exists() {
        return Err(Failure::new(
            "exists",
            format!(
                "{}: a backup of this very second is there already; it was left as it is",
                whole.display()
            ),
            format!(
                "{} : une sauvegarde de cette même seconde est déjà là ; elle a été laissée",
                whole.display()
            ),
        ));
    }
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(|e| failed(&e))?;
    }
    DirBuilder::new().mode(0o700).create(&partial).map_err(|e| failed(&e))?;
    let written = begun.write(&mut turns, &partial, passphrase, progress);
    let written = written.inspect_err(|_| {
        // What isn't whole would only mislead.
        let _ = fs::remove_dir_all(&partial);
    })?;
    fs::rename(&partial, &whole).map_err(|e| failed(&e))?;
    File::open(into).and_then(|dir| dir.sync_all()).map_err(|e| failed(&e))?;
    Ok(Reply::BackedUp(BackedUp {
        dir: whole.display().to_string(),
        ..written
    }))
}

impl Begun {
    fn of(service: &mut Service) -> Result<Self, Failure> {
        let kem = KemSecret::from_seed(&service.keys.kem.0);
        let notes = Notes::of(&service.core.store).map_err(|e| store_failure(&e))?;
        let charter = fs::read(service.home.charter()).map_err(|e| Failure::file(&service.home.charter(), &e))?;
        Ok(Self {
            home: service.home.clone(),
            keys: service.keys.copied(),
            notes: notes.seal(&service.keys),
            load: Load::everything(service, BTreeSet::from([kem.public()])),
            charter,
            kem,
        })
    }

    fn write(&self, turns: &mut Turns<'_>, dir: &Path, passphrase: &str, progress: &mut dyn FnMut(u64, u64)) -> Result<BackedUp, Failure> {
        let failed = |e: &std::io::Error| on_stick(dir, e);
        let layout = Layout(dir);
        let network = self.load.sealing.manifest.network;
        // Half of the work is reading it back.
        let total = 2 * self.load.total;
        let mut writer = MuleWriter::begin(dir, &self.load.sealing, CARGO).map_err(|e| failed(&e))?;
        let (items, _) = pour(turns, &mut writer, &self.load, dir, &mut |done, _| progress(done, total.max(done)))?;
        for held in &self.load.statements {
            writer.push(&Entry::Statement(held.clone())).map_err(|e| failed(&e))?;
        }
        let (records, bytes) = writer.finish().map_err(|e| failed(&e))?;
        let keys = SeatKeystore::create(
            &layout.node_keys(),
            passphrase,
            self.keys.to_secrets(),
            Argon2Cost::calibrated(),
            &mut OsEntropy,
        );
        drop(keys.map_err(|e| Failure::of("passphrase", &e))?);
        let put = |path: &Path, bytes: &[u8]| file::replace(path, bytes).map_err(|e| on_stick(dir, &e));
        put(&layout.charter(), &self.charter)?;
        put(&layout.notes(), &self.notes)?;
        let seat = match fs::read(self.home.seat_key()) {
            Ok(bytes) => {
                put(&layout.seat_key(), &bytes)?;
                true
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
            Err(e) => return Err(Failure::file(&self.home.seat_key(), &e)),
        };
        let drafts = self.copy_drafts(&layout)?;
        let contents = Contents {
            format: FORMAT,
            made_ms: self.load.sealing.manifest.made_ms,
            items,
            records,
            drafts,
            seat,
        };
        let mut read_back = 0;
        for name in &contents.records {
            let path = dir.join(name);
            let file = MuleFile {
                path: &path,
                key: &self.kem,
                network,
            };
            let count = |entries: Vec<Entry>| {
                read_back += entries.iter().filter(|e| matches!(e, Entry::Item(_))).count() as u64;
                progress((items + read_back).min(total), total);
                Ok(None)
            };
            file.read(count, &mut |_| {}).map_err(|refusal| unreadable(dir, &refusal))?;
        }
        if read_back != items {
            return Err(unreadable(dir, &Refusal::ForOthers));
        }
        let json = serde_json::to_string_pretty(&contents).map_err(|e| internal(&e.to_string()))?;
        let mut read_me = File::create_new(layout.read_me()).map_err(|e| failed(&e))?;
        read_me.write_all(READ_ME.as_bytes()).map_err(|e| failed(&e))?;
        read_me.sync_all().map_err(|e| failed(&e))?;
        // Last: what has no contents is no backup.
        put(&layout.contents(), json.as_bytes())?;
        Ok(BackedUp {
            dir: String::new(),
            items,
            bytes,
            drafts,
        })
    }

    fn copy_drafts(&self, layout: &Layout<'_>) -> Result<u64, Failure> {
        let mut copied = 0;
        for entry in fs::read_dir(self.home.drafts()).into_iter().flatten().flatten().take(MAX_DRAFTS) {
            let Ok(bytes) = file::read(&entry.path()) else { continue };
            let path = layout.drafts().join(entry.file_name());
            file::replace(&path, &bytes).map_err(|e| on_stick(layout.0, &e))?;
            copied += 1;
        }
        Ok(copied)
    }
}

/// The medium doesn't give back what it was given.
fn unreadable(dir: &Path, refusal: &Refusal) -> Failure {
    let (en, fr) = match refusal {
        Refusal::File(en, fr) => (en.as_str(), fr.as_str()),
        Refusal::Own(failure) => (failure.message.as_str(), failure.message_fr.as_str()),
        Refusal::ForOthers => ("it is incomplete", "elle est incomplète"),
    };
    Failure::new(
        "file",
        format!(
            "{}: what was written could not be read back ({en}); there is no backup there: take another disk",
            dir.display()
        ),
        format!(
            "{} : ce qui a été écrit n'a pas pu être relu ({fr}) ; il n'y a pas de sauvegarde là : prenez un autre disque",
            dir.display()
        ),
    )
}

/// `20261126-223105`, in UTC.
fn stamp(now_ms: u64) -> String {
    let digits: String = summary::instant(now_ms).chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, time) = digits.split_at(8.min(digits.len()));
    format!("{day}-{time}")
}
