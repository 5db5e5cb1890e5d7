//! What a thief, a careless editor and a failing disk get out of key files: nothing.

use super::cost::{MAX_MEMORY_KIB, MIN_MEMORY_KIB};
use super::*;
use bocage_protocol::crypto::Secret;
use std::fs;
use std::time::{Duration, Instant};

const PASS: &str = "girafe bambou velours tracteur olive";
const SECOND: &str = "canal menhir bocage talus fougère";
const FLOOR: Argon2Cost = Argon2Cost::FLOOR;

/// Where the first slot's fields stand: magic 8, version 2, count 1, kind 1, then memory 4, passes 4, lanes 1, salt 16.
const MEMORY_AT: usize = 12;
const PASSES_AT: usize = 16;
const LANES_AT: usize = 20;
const SALT_AT: usize = 21;

fn marked(byte: u8) -> Secret {
    Secret([byte; 32])
}

fn secrets() -> SecretSet {
    SecretSet::new()
        .with(KeyName::SeatSigning, marked(0xa1))
        .with(KeyName::SeatKem, marked(0xa2))
        .with(KeyName::Facility, marked(0xa3))
}

fn created() -> (tempfile::TempDir, PathBuf, UnlockedSeat) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("seats/duval.keys");
    let seat = SeatKeystore::create(&path, PASS, secrets(), FLOOR, &mut OsEntropy).unwrap();
    (dir, path, seat)
}

fn unlock(path: &Path, passphrase: &str) -> Result<UnlockedSeat, KeystoreError> {
    SeatKeystore::open(path)?.unlock(passphrase)
}

fn refusal(path: &Path, passphrase: &str) -> KeystoreError {
    unlock(path, passphrase).err().expect("this must not open")
}

/// Edits a file as an attacker would: the checksum holds again.
fn rewrite(path: &Path, edit: impl FnOnce(&mut [u8])) {
    let mut bytes = fs::read(path).unwrap();
    let end = bytes.len() - 4;
    edit(&mut bytes[..end]);
    let sum = crc32c::crc32c(&bytes[..end]).to_be_bytes();
    bytes[end..].copy_from_slice(&sum);
    fs::write(path, bytes).unwrap();
}

fn put_u32(bytes: &mut [u8], at: usize, v: u32) {
    bytes[at..at + 4].copy_from_slice(&v.to_be_bytes());
}

#[test]
fn t49_a_wrong_passphrase_or_an_edited_slot_opens_nothing() {
    let (_dir, path, seat) = created();
    drop(seat);
    let original = fs::read(&path).unwrap();
    assert!(matches!(
        refusal(&path, "girafe bambou velours tracteur olives"),
        KeystoreError::WrongPassphrase
    ));

    let edits: [(&str, fn(&mut [u8])); 4] = [
        ("slot kind", |b| b[11] = SlotKind::SecondPassphrase as u8),
        ("passes", |b| put_u32(b, PASSES_AT, 4)),
        ("lanes", |b| b[LANES_AT] = 2),
        ("salt", |b| b[SALT_AT] ^= 1),
    ];
    for (what, edit) in edits {
        rewrite(&path, edit);
        assert!(matches!(refusal(&path, PASS), KeystoreError::WrongPassphrase), "edited {what}");
        fs::write(&path, &original).unwrap();
    }
    assert!(unlock(&path, PASS).is_ok(), "the untouched file still opens");
}

#[test]
fn t49_a_slot_that_asks_for_too_little_or_too_much_is_refused_without_allocating() {
    let (_dir, path, seat) = created();
    drop(seat);
    let asks: [(usize, u32); 6] = [
        (MEMORY_AT, 8), // 8 KiB: guesses for free
        (MEMORY_AT, MIN_MEMORY_KIB - 1),
        (MEMORY_AT, MAX_MEMORY_KIB + 1),
        (MEMORY_AT, 64 * 1024 * 1024), // 64 GiB: takes the machine down
        (PASSES_AT, 1),
        (PASSES_AT, u32::MAX),
    ];
    let original = fs::read(&path).unwrap();
    let started = Instant::now();
    for (at, value) in asks {
        rewrite(&path, |b| put_u32(b, at, value));
        // Refused by `open`, which is given no passphrase and derives no key: nothing could be allocated for it.
        assert!(
            matches!(SeatKeystore::open(&path).err(), Some(KeystoreError::Cost { .. })),
            "{value} at {at}"
        );
        fs::write(&path, &original).unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(Argon2Cost::new(MIN_MEMORY_KIB, 3, 0).is_err());
    assert!(Argon2Cost::new(MAX_MEMORY_KIB, 10, 4).is_ok());
}

#[test]
fn t50_a_keystore_on_a_stolen_disk_holds_no_secret_in_the_clear() {
    let (_dir, path, seat) = created();
    let disk = fs::read(&path).unwrap();
    for mark in [0xa1, 0xa2, 0xa3] {
        assert!(!disk.windows(8).any(|w| w == [mark; 8]));
    }
    assert!(!disk.windows(6).any(|w| PASS.as_bytes().windows(6).any(|p| p == w)));
    drop(seat);

    // The search does find what is in the clear: a node key file is, by design.
    let node = path.with_file_name("node.key");
    let keys = NodeKeyFile::create(&node, &mut OsEntropy).unwrap();
    assert!(fs::read(&node).unwrap().windows(32).any(|w| w == keys.network.0));
}

#[test]
fn a_seat_unlocks_to_the_secrets_it_was_created_with() {
    let (_dir, path, seat) = created();
    drop(seat);
    let seat = unlock(&path, PASS).unwrap();
    assert_eq!(seat.secret(KeyName::SeatKem).unwrap().0, [0xa2; 32]);
    assert_eq!(
        seat.names().collect::<Vec<_>>(),
        [KeyName::SeatSigning, KeyName::SeatKem, KeyName::Facility]
    );
    assert!(seat.secret(KeyName::Authority).is_none());
}

#[test]
fn a_second_passphrase_and_recovery_words_open_the_same_seat() {
    let (_dir, path, mut seat) = created();
    let words = crate::words::Words::random(crate::words::RECOVERY_WORDS, crate::words::Tongue::French, &mut OsEntropy);
    seat.add_slot(SlotKind::Recovery, &words.canonical(), FLOOR, &mut OsEntropy)
        .unwrap();
    seat.add_slot(SlotKind::SecondPassphrase, SECOND, FLOOR, &mut OsEntropy).unwrap();
    assert!(matches!(
        seat.add_slot(SlotKind::Recovery, SECOND, FLOOR, &mut OsEntropy),
        Err(KeystoreError::SlotTaken(SlotKind::Recovery))
    ));
    drop(seat);
    for passphrase in [PASS, SECOND, &words.canonical()] {
        assert_eq!(
            unlock(&path, passphrase).unwrap().secret(KeyName::SeatSigning).unwrap().0,
            [0xa1; 32]
        );
    }
    let kinds: Vec<_> = SeatKeystore::open(&path).unwrap().slots().collect();
    assert_eq!(kinds, [SlotKind::Passphrase, SlotKind::SecondPassphrase, SlotKind::Recovery]);
}

#[test]
fn a_changed_passphrase_opens_and_the_old_one_no_more() {
    let (_dir, path, mut seat) = created();
    assert!(matches!(
        seat.change_passphrase(SlotKind::Passphrase, "trop court", FLOOR, &mut OsEntropy),
        Err(KeystoreError::Weak(WeakPassphrase::Short))
    ));
    seat.change_passphrase(SlotKind::Passphrase, SECOND, FLOOR, &mut OsEntropy).unwrap();
    assert!(matches!(refusal(&path, PASS), KeystoreError::WrongPassphrase));
    assert!(unlock(&path, SECOND).is_ok());
    assert!(matches!(
        seat.remove_slot(SlotKind::Passphrase, &mut OsEntropy),
        Err(KeystoreError::LastSlot(SlotKind::Passphrase))
    ));
}

#[test]
fn a_slot_that_was_replaced_cannot_be_put_back() {
    let (_dir, path, mut seat) = created();
    let old = fs::read(&path).unwrap();
    seat.change_passphrase(SlotKind::Passphrase, SECOND, FLOOR, &mut OsEntropy).unwrap();
    seat.insert(KeyName::Authority, marked(0xa4), &mut OsEntropy).unwrap();
    let slot = 11..11 + 1 + 9 + 16 + 24 + 48;
    rewrite(&path, |b| b[slot.clone()].copy_from_slice(&old[slot.clone()]));
    assert!(matches!(refusal(&path, PASS), KeystoreError::Damaged { .. }));
}

#[test]
fn secrets_are_added_and_taken_out_durably() {
    let (_dir, path, mut seat) = created();
    seat.insert(KeyName::Recovery, marked(0xa5), &mut OsEntropy).unwrap();
    assert_eq!(unlock(&path, PASS).unwrap().secret(KeyName::Recovery).unwrap().0, [0xa5; 32]);
    seat.remove(KeyName::Recovery, &mut OsEntropy).unwrap();
    assert!(unlock(&path, PASS).unwrap().secret(KeyName::Recovery).is_none());
}

#[test]
fn two_programs_never_overwrite_each_other() {
    let (_dir, path, mut seat) = created();
    let mut other = unlock(&path, PASS).unwrap();
    seat.insert(KeyName::Cache, marked(1), &mut OsEntropy).unwrap();
    assert!(matches!(
        other.insert(KeyName::Cache, marked(2), &mut OsEntropy),
        Err(KeystoreError::ChangedMeanwhile(_))
    ));
    assert!(
        other.secret(KeyName::Cache).is_none(),
        "what wasn't saved isn't kept in memory either"
    );
    assert_eq!(unlock(&path, PASS).unwrap().secret(KeyName::Cache).unwrap().0, [1; 32]);
}

#[test]
fn creating_never_overwrites_and_a_weak_passphrase_writes_nothing() {
    let (dir, path, seat) = created();
    let before = fs::read(&path).unwrap();
    let again = SeatKeystore::create(&path, PASS, secrets(), FLOOR, &mut OsEntropy);
    assert!(matches!(again.err(), Some(KeystoreError::Exists(_))));
    drop(seat);
    assert_eq!(fs::read(&path).unwrap(), before);

    let fresh = dir.path().join("other.keys");
    let weak = SeatKeystore::create(&fresh, "123456", secrets(), FLOOR, &mut OsEntropy);
    assert!(matches!(weak.err(), Some(KeystoreError::Weak(_))));
    assert!(!fresh.exists());
    assert!(matches!(SeatKeystore::open(&fresh).err(), Some(KeystoreError::Missing(_))));
}

#[test]
fn no_flipped_bit_or_cut_opens_and_none_panics() {
    let (_dir, path, seat) = created();
    drop(seat);
    let good = fs::read(&path).unwrap();
    for cut in (0..good.len()).step_by(3) {
        fs::write(&path, &good[..cut]).unwrap();
        assert!(SeatKeystore::open(&path).is_err(), "cut at {cut}");
    }
    // With the checksum mended, layouts that still parse are for the ciphers to refuse.
    let mut reached_the_ciphers = 0;
    for at in (0..good.len() - 4).step_by(5) {
        fs::write(&path, &good).unwrap();
        rewrite(&path, |b| b[at] ^= 0x40);
        if let Ok(file) = SeatKeystore::open(&path) {
            reached_the_ciphers += 1;
            if reached_the_ciphers % 8 == 1 {
                assert!(file.unlock(PASS).is_err(), "flip at {at}");
            }
        }
    }
    assert!(reached_the_ciphers > 20);
}

#[test]
fn a_file_from_a_newer_version_is_left_alone() {
    let (_dir, path, seat) = created();
    drop(seat);
    rewrite(&path, |b| b[9] = 2);
    let said = refusal(&path, PASS).to_string();
    assert!(
        said.contains("newer Bocage (layout 2)") && said.contains("nothing was changed"),
        "{said}"
    );
    fs::write(&path, b"not a keystore").unwrap();
    assert!(matches!(refusal(&path, PASS), KeystoreError::Foreign(_)));
}

#[test]
fn a_node_key_opens_unattended_and_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys/node.key");
    let made = NodeKeyFile::create(&path, &mut OsEntropy).unwrap();
    let opened = NodeKeyFile::open(&path).unwrap();
    assert_eq!(
        (made.network.0, made.kem.0, made.local_seal.0),
        (opened.network.0, opened.kem.0, opened.local_seal.0)
    );
    assert_ne!(opened.network.0, opened.kem.0);
    assert!(matches!(
        NodeKeyFile::create(&path, &mut OsEntropy).err(),
        Some(KeystoreError::Exists(_))
    ));
    let good = fs::read(&path).unwrap();
    for cut in 0..good.len() {
        fs::write(&path, &good[..cut]).unwrap();
        assert!(NodeKeyFile::open(&path).is_err());
    }
    // A seat's file isn't a node's.
    let seat = dir.path().join("keys/seat.keys");
    drop(SeatKeystore::create(&seat, PASS, secrets(), FLOOR, &mut OsEntropy).unwrap());
    assert!(matches!(NodeKeyFile::open(&seat).err(), Some(KeystoreError::Foreign(_))));
}

/// Compiles only while none of these types can be printed, copied or serialised: with such an impl, `_` has two answers.
#[test]
fn secrets_cannot_be_printed_copied_or_serialised() {
    trait Lacks<Marker> {
        const HOLDS: bool = true;
    }
    struct Printed;
    struct Cloned;
    struct Serialised;
    impl<T: ?Sized> Lacks<()> for T {}
    impl<T: ?Sized + std::fmt::Debug> Lacks<Printed> for T {}
    impl<T: Clone> Lacks<Cloned> for T {}
    impl<T: ?Sized + serde::Serialize> Lacks<Serialised> for T {}
    macro_rules! opaque {
        ($($t:ty),*) => { $(assert!(<$t as Lacks<_>>::HOLDS);)* };
    }
    opaque!(NodeKeys, SecretSet, UnlockedSeat, SeatKeystore, crate::words::Words);
}
