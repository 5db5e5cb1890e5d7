//! Texts that were begun and not saved: on this machine only, one sealed file each, gone when they are dropped or their visit is saved.
//!
//! A file is named by a keyed hash of record and form, so that a directory says neither; it is sealed under a key of the seat, with that
//! name as associated data, so that it opens in its own place only. Layout (`BOCDRAFT`, version 1): nonce 24, then XChaCha20-Poly1305 of
//! record 32, kind (u8 length), moment u64, text (u32 length), zeros up to a multiple of [`PAGE`]; CRC-32C u32 over all before.
//! Files, not local records of the store: its log keeps every version of what is written ten times a minute.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use bocage_protocol::crypto::{Secret, derive, hedged};
use bocage_protocol::ids::{RecordId, hex, unhex};
use bocage_protocol::wire::{Reader as WireReader, WireError, Writer};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use zeroize::Zeroizing;

use super::Service;
use crate::client::{DraftRow, Failure, Reply};
use crate::core::now_ms;
use crate::keystore::{Frame, KeyName, OsEntropy, file};
use crate::lang::Bilingual as _;

/// Longest text of a draft, in bytes: that of a note.
const MAX_DRAFT: usize = 96 * 1024;
/// Most drafts kept at a time.
const MAX_DRAFTS: usize = 256;
/// Longest name of a form.
const MAX_KIND: usize = 32;
/// A draft's length is told to this many bytes.
const PAGE: usize = 4096;
const FRAME: Frame = Frame {
    magic: b"BOCDRAFT",
    version: 1,
};
const KEY: &str = "bocage 2026-11 draft key v1";
const NAME: &str = "bocage 2026-11 draft name v1";
const NO_RECORD: RecordId = RecordId([0; RecordId::LEN]);

/// What a draft says. No `Debug`: it holds a patient's words.
struct Draft {
    record: RecordId,
    kind: String,
    saved_ms: u64,
    text: Zeroizing<String>,
}

impl Draft {
    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::new();
        w.bytes(&self.record.0).u8(self.kind.len() as u8).bytes(self.kind.as_bytes());
        w.u64(self.saved_ms).u32(self.text.len() as u32).bytes(self.text.as_bytes());
        let mut bytes = Zeroizing::new(w.finish());
        let whole = bytes.len().next_multiple_of(PAGE);
        bytes.resize(whole, 0);
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = WireReader::new(bytes);
        let record = RecordId(r.array()?);
        let kind = words(&mut r, |r| Ok(usize::from(r.u8()?)), MAX_KIND)?;
        let saved_ms = r.u64()?;
        let text = Zeroizing::new(words(&mut r, |r| Ok(r.u32()? as usize), MAX_DRAFT)?);
        Ok(Self {
            record,
            kind,
            saved_ms,
            text,
        })
    }
}

fn words(
    r: &mut WireReader<'_>,
    length: impl Fn(&mut WireReader<'_>) -> Result<usize, WireError>,
    most: usize,
) -> Result<String, WireError> {
    let length = length(r)?;
    if length > most {
        return Err(WireError::OutOfBounds("draft"));
    }
    let bytes = r.take(length)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| WireError::NotCanonical("draft"))
}

fn not_kept(error: &io::Error) -> Failure {
    Failure::new(
        "draft",
        format!("the draft could not be kept on this machine ({error}); what is signed is safe, what is being typed is only in the window"),
        format!(
            "le brouillon n'a pas pu être gardé sur cette machine ({}) ; ce qui est signé est en sûreté, ce qui est en cours n'est que dans la fenêtre",
            error.french()
        ),
    )
}

/// The drafts of one open seat.
struct Drawer {
    dir: PathBuf,
    key: Secret,
}

impl Drawer {
    fn name(&self, record: &RecordId, kind: &str) -> [u8; 32] {
        derive(NAME, &[&self.key.0, &record.0, kind.as_bytes()])
    }

    fn path(&self, name: &[u8; 32]) -> PathBuf {
        self.dir.join(hex(name))
    }

    fn save(&self, draft: &Draft) -> io::Result<()> {
        let name = self.name(&draft.record, &draft.kind);
        let aad = bound_to(&name);
        let plain = draft.to_bytes();
        let fresh = hedged(&self.key.0, b"draft nonce", &[&aad[..], &plain].concat(), &mut OsEntropy);
        let nonce: [u8; 24] = *fresh.0.first_chunk().expect("24 of 32 bytes");
        let payload = Payload { msg: &plain, aad: &aad };
        let sealed = XChaCha20Poly1305::new(&self.key.0.into())
            .encrypt(&nonce.into(), payload)
            .expect("a hundred kilobytes are within the cipher's bounds");
        let mut w = FRAME.head();
        w.bytes(&nonce).bytes(&sealed);
        file::replace(&self.path(&name), &Frame::close(w))
    }

    /// The draft of this name; `None` where there is none that this seat wrote there.
    fn open(&self, name: &[u8; 32]) -> Option<Draft> {
        let bytes = file::read(&self.path(name)).ok()?;
        let (nonce, sealed) = FRAME.body(&bytes).ok()?.split_first_chunk::<24>()?;
        let aad = bound_to(name);
        let payload = Payload { msg: sealed, aad: &aad };
        let plain = XChaCha20Poly1305::new(&self.key.0.into()).decrypt(&(*nonce).into(), payload).ok()?;
        let draft = Draft::parse(&Zeroizing::new(plain)).ok()?;
        (self.name(&draft.record, &draft.kind) == *name).then_some(draft)
    }

    fn drop_one(&self, name: &[u8; 32]) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            Err(_) => Ok(()),
            Ok(()) => File::open(&self.dir)?.sync_all(),
        }
    }

    /// Names of the files there, in one order and bounded.
    fn names(&self) -> Vec<[u8; 32]> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().take(4 * MAX_DRAFTS).flatten();
        let mut names: Vec<[u8; 32]> = entries.filter_map(|e| unhex(e.file_name().to_str()?)?.try_into().ok()).collect();
        names.sort_unstable();
        names
    }
}

/// What a draft is sealed to: this kind of file, and its place.
fn bound_to(name: &[u8; 32]) -> Vec<u8> {
    let mut w = FRAME.head();
    w.bytes(name);
    w.finish()
}

impl Service {
    /// Keeps a text, durable on return; an empty one is dropped.
    pub(super) fn draft_save(&self, patient: &str, kind: &str, text: String) -> Result<Reply, Failure> {
        let (record, drawer) = self.draft_place(patient, kind)?;
        if text.len() > MAX_DRAFT {
            return Err(Failure::new(
                "usage",
                format!("this draft is longer than {} KiB; the earlier one was kept", MAX_DRAFT / 1024),
                format!("ce brouillon dépasse {} Kio ; le précédent a été conservé", MAX_DRAFT / 1024),
            ));
        }
        let text = Zeroizing::new(text);
        let name = drawer.name(&record, kind);
        if text.is_empty() {
            drawer.drop_one(&name).map_err(|e| Failure::file(&drawer.dir, &e))?;
            return Ok(Reply::Done);
        }
        let names = drawer.names();
        if names.len() >= MAX_DRAFTS && !names.contains(&name) {
            return Err(Failure::new(
                "usage",
                format!("{MAX_DRAFTS} drafts are kept already; this one was not: finish or drop some"),
                format!("{MAX_DRAFTS} brouillons sont déjà conservés ; celui-ci ne l'a pas été : achevez-en ou supprimez-en"),
            ));
        }
        let draft = Draft {
            record,
            kind: kind.to_owned(),
            saved_ms: now_ms(),
            text,
        };
        drawer.save(&draft).map_err(|e| not_kept(&e))?;
        Ok(Reply::Done)
    }

    pub(super) fn draft_load(&self, patient: &str, kind: &str) -> Result<Reply, Failure> {
        let (record, drawer) = self.draft_place(patient, kind)?;
        let draft = drawer.open(&drawer.name(&record, kind));
        Ok(Reply::Draft {
            saved_ms: draft.as_ref().map(|d| d.saved_ms),
            text: draft.map(|d| d.text.to_string()),
        })
    }

    pub(super) fn draft_drop(&self, patient: &str, kind: &str) -> Result<Reply, Failure> {
        let (record, drawer) = self.draft_place(patient, kind)?;
        let dropped = drawer.drop_one(&drawer.name(&record, kind));
        dropped.map_err(|e| Failure::file(&drawer.dir, &e))?;
        Ok(Reply::Done)
    }

    /// All drafts of this seat, the latest first.
    pub(super) fn drafts(&self) -> Result<Reply, Failure> {
        let drawer = self.drawer()?;
        let row = |d: Draft| DraftRow {
            patient: if d.record == NO_RECORD { String::new() } else { d.record.to_hex() },
            kind: d.kind,
            saved_ms: d.saved_ms,
            bytes: d.text.len() as u64,
        };
        let mut drafts: Vec<DraftRow> = drawer.names().iter().filter_map(|n| drawer.open(n)).map(row).collect();
        drafts.sort_by(|a, b| {
            b.saved_ms
                .cmp(&a.saved_ms)
                .then_with(|| (&a.patient, &a.kind).cmp(&(&b.patient, &b.kind)))
        });
        Ok(Reply::Drafts { drafts })
    }

    /// After what it was a draft of has been saved. What can't be removed is shown again: a nuisance, not a loss.
    pub(super) fn draft_done(&self, record: &RecordId, kind: &str) {
        let Ok(drawer) = self.drawer() else { return };
        if let Err(error) = drawer.drop_one(&drawer.name(record, kind)) {
            tracing::warn!(%error, "a draft could not be removed");
        }
    }

    /// A form without a patient yet has drafts too.
    fn draft_place(&self, patient: &str, kind: &str) -> Result<(RecordId, Drawer), Failure> {
        let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if kind.is_empty() || kind.len() > MAX_KIND || !kind.bytes().all(is_word) {
            return Err(Failure::new(
                "usage",
                "a draft's kind is a word of a-z, 0-9 and -; nothing was saved",
                "le type d'un brouillon est un mot fait de a-z, 0-9 et - ; rien n'a été enregistré",
            ));
        }
        let record = if patient.is_empty() { NO_RECORD } else { self.find(patient)? };
        Ok((record, self.drawer()?))
    }

    fn drawer(&self) -> Result<Drawer, Failure> {
        let secret = self.unlocked.as_ref().and_then(|seat| seat.secret(KeyName::SeatSigning));
        let secret = secret.ok_or_else(super::nobody_practises)?;
        Ok(Drawer {
            dir: self.home.drafts(),
            key: Secret(derive(KEY, &[&secret.0])),
        })
    }
}
