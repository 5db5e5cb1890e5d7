//! The real store against its fault model: the conformance suite, killed processes, cut files, flipped bits, a full disk, two
//! processes, and sled's directory in every bad state. What each test tries to break is "nothing acknowledged is lost, nothing
//! wrong is served".

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bocage_node::store::{Config, LogStore, Report, Start};
use bocage_protocol::ids::ItemId;
use bocage_protocol::store::conformance::{self, Contents, contents, item, items, local};
use bocage_protocol::store::{Batch, MemoryStore, Ordered as _, Store, StoreError};
use tempfile::TempDir;

const SMALL: Config = Config {
    segment_bytes: 4096,
    reserve_bytes: 0,
};

fn open(dir: &Path) -> LogStore {
    LogStore::open_with(dir, SMALL, &mut |_, _| {}).expect("opens")
}

fn close(store: LogStore) {
    Box::new(store).close().expect("closes");
}

/// A directory of its own, in memory where there is such a place: none of these tests pulls a real plug, and thousands of real
/// syncs take minutes.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Batch `n` of the stores that are hurt here: three items, a counter, and a record of its own.
fn numbered(n: u64) -> Batch {
    let mut batch = items(n * 3..n * 3 + 3);
    batch.local = local(b"counter", Some(&n.to_be_bytes())).local;
    batch
        .local
        .extend(local(format!("own/{n:04}").as_bytes(), Some(&n.to_be_bytes())).local);
    batch
}

/// A closed store of `batches` numbered batches.
fn filled(batches: u64) -> TempDir {
    let dir = scratch();
    let mut store = open(dir.path());
    for n in 0..batches {
        store.commit(&numbered(n)).unwrap();
    }
    close(store);
    dir
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let list = fs::read_dir(dir.join("log")).unwrap().map(|f| f.unwrap().path());
    let mut list: Vec<_> = list.filter(|p| p.extension().is_some_and(|e| e == "seg")).collect();
    list.sort();
    list
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn snapshot(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut out = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(snapshot(&path));
        } else {
            out.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    out
}

/// A small deterministic stream of numbers: a failure names its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[test]
fn closed_and_opened_again_it_is_a_store() {
    let mut dirs = Vec::new();
    let mut fresh = || {
        dirs.push(scratch());
        open(dirs.last().unwrap().path())
    };
    conformance::suite(&mut fresh, &mut |store| {
        let dir = store.dir().to_owned();
        close(store);
        let store = open(&dir);
        assert_eq!(store.report().start, Start::Clean);
        store
    });
}

#[test]
fn dropped_without_a_close_and_opened_again_it_is_a_store() {
    let mut dirs = Vec::new();
    let mut fresh = || {
        dirs.push(scratch());
        open(dirs.last().unwrap().path())
    };
    conformance::suite(&mut fresh, &mut |store| {
        let dir = store.dir().to_owned();
        drop(store);
        let store = open(&dir);
        assert!(matches!(store.report().start, Start::Rebuilt(_)));
        assert!(!store.report().locals_may_be_stale());
        store
    });
}

/// The child of the test below: commits in a loop, stops and starts now and then, and says what is acknowledged.
#[test]
#[ignore = "run by a_killed_process_loses_nothing_it_acknowledged"]
fn child_that_commits_until_it_is_killed() {
    let Ok(dir) = std::env::var("BOCAGE_TEST_STORE") else { return };
    let mut store = open(Path::new(&dir));
    let mut n = store.len() / 3;
    loop {
        store.commit(&numbered(n)).unwrap();
        let mut out = std::io::stdout();
        writeln!(out, "saved {n}").and_then(|()| out.flush()).unwrap();
        n += 1;
        if n.is_multiple_of(23) {
            close(store);
            store = open(Path::new(&dir));
        }
    }
}

#[test]
fn a_killed_process_loses_nothing_it_acknowledged() {
    let dir = scratch();
    let mut dice = Dice(2026);
    let mut saved = 0;
    for round in 0..20 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::child_that_commits_until_it_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env("BOCAGE_TEST_STORE", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acknowledgements = 1 + dice.below(40);
        let mut note = |line: std::io::Result<String>| {
            if let Some(n) = line.unwrap().strip_prefix("saved ") {
                saved = n.parse::<u64>().unwrap() + 1;
                return true;
            }
            false
        };
        let mut heard = 0;
        while heard < acknowledgements {
            heard += u64::from(note(lines.next().expect("the child goes on until it is killed")));
        }
        // Somewhere within the next few writes, not always right after one.
        let spin = dice.below(3_000_000);
        (0..spin).for_each(|i| {
            std::hint::black_box(i);
        });
        child.kill().unwrap();
        child.wait().unwrap();
        lines.for_each(|line| {
            note(line);
        });
        let store = open(dir.path());
        let found = store.len() / 3;
        assert!(store.len().is_multiple_of(3), "round {round}: no half batch");
        assert!(
            found == saved || found == saved + 1,
            "round {round}: {saved} acknowledged, {found} there"
        );
        let mut twin = MemoryStore::default();
        (0..found).for_each(|n| {
            twin.commit(&numbered(n)).unwrap();
        });
        assert_eq!(contents(&store), contents(&twin), "round {round}");
        assert_eq!(store.report().damaged + store.report().lost_batches, 0, "round {round}");
        saved = found;
    }
    assert!(saved > 100);
}

#[test]
fn cut_anywhere_in_its_last_records_it_keeps_the_ones_before() {
    let dir = scratch();
    let config = Config {
        segment_bytes: 1 << 20,
        ..SMALL
    };
    let mut ends = Vec::new();
    let mut states = Vec::new();
    let mut store = LogStore::open_with(dir.path(), config, &mut |_, _| {}).unwrap();
    for n in 0..4 {
        store.commit(&numbered(n)).unwrap();
        ends.push(store.report().log_bytes);
        states.push(contents(&store));
    }
    close(store);
    let whole = fs::read(&segments(dir.path())[0]).unwrap();
    for length in ends[1] as usize..whole.len() {
        fs::write(&segments(dir.path())[0], &whole[..length]).unwrap();
        let store = LogStore::open_with(dir.path(), config, &mut |_, _| {}).unwrap();
        let kept = ends.iter().filter(|end| **end <= length as u64).count();
        assert_eq!(contents(&store), states[kept - 1], "cut at {length}");
        let report = store.report();
        assert_eq!(
            (report.cut_bytes, report.damaged),
            (length as u64 - ends[kept - 1], 0),
            "cut at {length}"
        );
    }
    let mut store = LogStore::open_with(dir.path(), config, &mut |_, _| {}).unwrap();
    store.commit(&numbered(9)).unwrap();
    drop(store);
    let store = LogStore::open_with(dir.path(), config, &mut |_, _| {}).unwrap();
    assert!(
        store.contains(&numbered(9).items[0].key.id).unwrap(),
        "it goes on writing after a cut"
    );
    assert_eq!(store.report().cut_bytes, 0);
}

#[test]
fn a_batch_torn_by_a_power_cut_is_there_whole_or_not_at_all() {
    // Sectors of an unsynced write reach the disk in any order, or not at all, while the file has its new length already.
    const SECTOR: usize = 64;
    let dir = scratch();
    let config = Config {
        segment_bytes: 1 << 20,
        ..SMALL
    };
    let reopen = || LogStore::open_with(dir.path(), config, &mut |_, _| {}).unwrap();
    let mut store = reopen();
    (0..5).for_each(|n| {
        store.commit(&numbered(n)).unwrap();
    });
    let (before, start) = (contents(&store), store.report().log_bytes as usize);
    store.commit(&numbered(5)).unwrap();
    let after = contents(&store);
    drop(store);
    let path = &segments(dir.path())[0];
    let whole = fs::read(path).unwrap();
    let mut dice = Dice(11);
    let mut torn = 0;
    for round in 0..120 {
        let mut bytes = whole.clone();
        for sector in bytes[start..].chunks_mut(SECTOR) {
            match dice.below(8) {
                0 => sector.fill(0),
                1 => sector.iter_mut().for_each(|b| *b = dice.below(256) as u8),
                _ => {}
            }
        }
        fs::write(path, &bytes).unwrap();
        let store = reopen();
        let expected = if bytes == whole { &after } else { &before };
        assert_eq!(&contents(&store), expected, "round {round}");
        assert!(!store.report().locals_may_be_stale(), "round {round}: a torn write is no damage");
        torn += u32::from(bytes != whole);
    }
    assert!(torn > 60);
}

/// Whatever a hurt store serves is what was written; only a report of damage may excuse an earlier value of a local record.
fn serves_nothing_wrong(store: &LogStore, batches: u64, what: &str) -> u64 {
    let mut present = 0;
    for n in 0..batches {
        for item in numbered(n).items {
            match store.get(&item.key.id) {
                Ok(Some(bytes)) => {
                    assert_eq!(bytes, item.bytes, "{what}");
                    present += 1;
                }
                Ok(None) | Err(StoreError::Damaged(_)) => {}
                Err(e) => panic!("{what}: {e}"),
            }
        }
        match store.local(format!("own/{n:04}").as_bytes()) {
            Ok(Some(value)) => assert_eq!(value, n.to_be_bytes(), "{what}"),
            Ok(None) => assert!(store.report().locals_may_be_stale(), "{what}"),
            Err(StoreError::Damaged(_)) => {}
            Err(e) => panic!("{what}: {e}"),
        }
    }
    match store.local(b"counter") {
        Ok(Some(value)) => {
            let value = u64::from_be_bytes(value.try_into().unwrap());
            assert!(
                value == batches - 1 || (value < batches && store.report().locals_may_be_stale()),
                "{what}: {value}"
            );
        }
        Ok(None) => assert!(store.report().locals_may_be_stale(), "{what}"),
        Err(StoreError::Damaged(_)) => {}
        Err(e) => panic!("{what}: {e}"),
    }
    present
}

#[test]
fn flipped_bits_are_left_out_counted_and_never_served() {
    const BATCHES: u64 = 30;
    let original = filled(BATCHES);
    let list = segments(original.path());
    assert!(list.len() > 3, "the damage spreads over several segments");
    let mut dice = Dice(7);
    let mut lost = 0;
    let everything = (0..BATCHES).map(numbered).fold(Batch::default(), |mut all, batch| {
        all.items.extend(batch.items);
        all.local.extend(batch.local);
        all
    });
    for round in 0..240 {
        let work = scratch();
        copy_dir(original.path(), work.path());
        let path = &segments(work.path())[dice.below(list.len() as u64) as usize];
        let mut bytes = fs::read(path).unwrap();
        let bit = dice.below(bytes.len() as u64 * 8) as usize;
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(path, bytes).unwrap();
        let what = format!("round {round}, bit {bit} of {path:?}");
        // Every other round finds it by reading after a clean start, the others while making the index again.
        if round % 2 == 1 {
            fs::remove_dir_all(work.path().join("index")).unwrap();
        }
        let mut store = open(work.path());
        let present = serves_nothing_wrong(&store, BATCHES, &what);
        assert!(present >= BATCHES * 3 - 3, "{what}: one batch at most is hurt, {present} left");
        lost += BATCHES * 3 - present;
        store.verify().unwrap();
        assert!(
            store.range(std::ops::Bound::Unbounded, 1_000).unwrap().len() as u64 == store.len(),
            "{what}"
        );
        // Fetched again from a peer, everything is there again and stays.
        store.commit(&everything).unwrap();
        for _ in 0..2 {
            assert_eq!(serves_nothing_wrong(&store, BATCHES, &what), BATCHES * 3, "{what}");
            assert_eq!(store.len(), BATCHES * 3, "{what}");
            assert_eq!(store.verify().unwrap().damaged, 0, "{what}");
            drop(store);
            store = open(work.path());
        }
    }
    assert!(lost > 100, "the flips did hurt: {lost}");
}

#[test]
fn holes_and_garbage_in_the_middle_cost_only_what_they_cover() {
    const BATCHES: u64 = 30;
    let original = filled(BATCHES);
    let mut dice = Dice(8);
    for round in 0..40 {
        let work = scratch();
        copy_dir(original.path(), work.path());
        let list = segments(work.path());
        // A last segment that ends early looks like an older image of itself; no store can tell by itself.
        let path = &list[dice.below(list.len() as u64 - 1) as usize];
        let mut bytes = fs::read(path).unwrap();
        let from = dice.below(bytes.len() as u64) as usize;
        let to = (from + dice.below(600) as usize).min(bytes.len());
        match round % 4 {
            0 => bytes[from..to].fill(0),
            1 => bytes[from..to].iter_mut().for_each(|b| *b = dice.below(256) as u8),
            2 => bytes.truncate(from),
            _ => drop(bytes.drain(from..to)),
        }
        fs::write(path, bytes).unwrap();
        let what = format!("round {round}, {from}..{to} of {path:?}");
        let store = open(work.path());
        let present = serves_nothing_wrong(&store, BATCHES, &what);
        assert!(present >= BATCHES * 2, "{what}: {present} left");
        if present < BATCHES * 3 {
            assert!(store.report().locals_may_be_stale(), "{what}: damage is reported");
        }
    }
    let work = scratch();
    copy_dir(original.path(), work.path());
    fs::remove_file(&segments(work.path())[1]).unwrap();
    let store = open(work.path());
    serves_nothing_wrong(&store, BATCHES, "a segment is missing");
    assert!(store.report().lost_batches > 0);
}

#[test]
fn whatever_happens_to_sled_the_content_stays() {
    const BATCHES: u64 = 40;
    let original = filled(BATCHES);
    let expected: Contents = {
        let mut twin = MemoryStore::default();
        (0..BATCHES).for_each(|n| {
            twin.commit(&numbered(n)).unwrap();
        });
        contents(&twin)
    };
    let index_file = |dir: &Path, dice: &mut Dice| {
        let files: Vec<_> = snapshot(&dir.join("index")).into_iter().filter(|(_, b)| !b.is_empty()).collect();
        files[dice.below(files.len() as u64) as usize].clone()
    };
    let mut dice = Dice(9);
    for round in 0..40 {
        let work = scratch();
        copy_dir(original.path(), work.path());
        let index = work.path().join("index");
        match round {
            0 => fs::remove_dir_all(&index).unwrap(),
            1 => {
                fs::remove_dir_all(&index).unwrap();
                fs::write(&index, b"not a directory").unwrap();
            }
            2 => fs::write(index.join("stray"), b"?").unwrap(),
            _ => {
                let (path, mut bytes) = index_file(work.path(), &mut dice);
                let at = dice.below(bytes.len() as u64) as usize;
                match round % 3 {
                    0 => bytes[at] ^= 1 << dice.below(8),
                    1 => bytes.truncate(at),
                    _ => bytes.iter_mut().for_each(|b| *b = dice.below(256) as u8),
                }
                fs::write(path, bytes).unwrap();
            }
        }
        let mut told = (0, 0);
        let store = LogStore::open_with(work.path(), SMALL, &mut |done, total| told = (done, total)).unwrap();
        assert!(matches!(store.report().start, Start::Rebuilt(_)), "round {round}");
        assert!(told.0 == told.1 && told.1 > 0, "round {round}: progress ends at the end");
        assert_eq!(contents(&store), expected, "round {round}");
        close(store);
        let store = open(work.path());
        assert_eq!(store.report().start, Start::Clean, "round {round}: and the new index holds");
        assert_eq!(contents(&store), expected, "round {round}");
    }
}

#[test]
fn an_index_of_another_time_is_not_believed() {
    let dir = filled(5);
    let old = scratch();
    copy_dir(&dir.path().join("index"), &old.path().join("index"));
    let mut store = open(dir.path());
    store.commit(&numbered(5)).unwrap();
    let expected = contents(&store);
    close(store);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    copy_dir(&old.path().join("index"), &dir.path().join("index"));
    let store = open(dir.path());
    assert!(matches!(store.report().start, Start::Rebuilt(_)));
    assert_eq!(contents(&store), expected);
}

#[test]
fn a_second_process_is_told_and_waits_for_nobody() {
    let dir = filled(2);
    let first = open(dir.path());
    assert!(matches!(LogStore::open(dir.path(), &mut |_, _| {}), Err(StoreError::Locked)));
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::child_that_finds_the_directory_taken", "--ignored", "--nocapture"])
        .env("BOCAGE_TEST_STORE", dir.path())
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&other.stdout).contains("another process is using"),
        "{other:?}"
    );
    drop(first);
    open(dir.path());
}

#[test]
#[ignore = "run by a_second_process_is_told_and_waits_for_nobody"]
fn child_that_finds_the_directory_taken() {
    let Ok(dir) = std::env::var("BOCAGE_TEST_STORE") else { return };
    match LogStore::open(Path::new(&dir), &mut |_, _| {}) {
        Ok(_) => println!("opened"),
        Err(e) => println!("{e}"),
    }
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_touched() {
    let dir = filled(30);
    let last = segments(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&last).unwrap();
    bytes[8..12].copy_from_slice(&2u32.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[..32]);
    bytes[32..36].copy_from_slice(&crc.to_be_bytes());
    fs::write(&last, bytes).unwrap();
    let before = snapshot(dir.path());
    assert!(matches!(LogStore::open(dir.path(), &mut |_, _| {}), Err(StoreError::Newer(2))));
    assert_eq!(snapshot(dir.path()), before);
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_directory() {
    use std::os::unix::fs::PermissionsExt;
    let outer = scratch();
    let dir = outer.path().join("data");
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, PermissionsExt::from_mode(0o755)).unwrap();
    let mut store = LogStore::open(&dir, &mut |_, _| {}).unwrap();
    store.commit(&numbered(0)).unwrap();
    close(store);
    let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let files = snapshot(&dir);
    assert!(files.len() > 3, "log, lock, reserve, sled");
    for path in files.keys() {
        assert_eq!(mode(path), 0o600, "{path:?}");
    }
}

/// A file system of 4 MiB, unmounted in the end. `None` where that isn't allowed.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = scratch();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=4m", "bocage-test"])
            .arg(dir.path())
            .stderr(Stdio::null());
        mount.status().is_ok_and(|s| s.success()).then(|| Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_refuses_stays_readable_and_still_takes_a_revocation() {
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: needs root");
        return;
    };
    let ballast = disk.0.path().join("ballast");
    fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let dir = disk.0.path().join("data");
    let config = Config {
        segment_bytes: 512 * 1024,
        reserve_bytes: 256 * 1024,
    };
    let open = || LogStore::open_with(&dir, config, &mut |_, _| {}).unwrap();
    let mut store = open();
    let mut twin = MemoryStore::default();
    let on_lane = |n: u64, lane: u8| {
        let mut batch = items([n]);
        batch.items[0].key.lane = lane;
        batch.items[0].bytes = vec![n as u8; 20_000].into();
        batch
    };
    let full = loop {
        let batch = on_lane(store.len(), 3);
        match store.commit(&batch) {
            Ok(_) => twin.commit(&batch).unwrap(),
            Err(e) => break e,
        };
    };
    assert!(matches!(full, StoreError::Full), "{full}");
    let small = || on_lane(10_000, 3);
    assert!(matches!(store.commit(&small()), Err(StoreError::Full)), "again, not worse");
    assert_eq!(contents(&store), contents(&twin), "it stays readable and serves no half batch");
    let held = store.report().reserve_bytes;
    assert_eq!(held, 256 * 1024);
    for n in 20_000..20_003 {
        store.commit(&on_lane(n, 0)).expect("a revocation finds room");
        twin.commit(&on_lane(n, 0)).unwrap();
    }
    assert!(store.report().reserve_bytes < held);
    drop(store);
    let mut store = open();
    assert_eq!(contents(&store), contents(&twin), "a full disk is no obstacle to a start");
    fs::remove_file(ballast).unwrap();
    store.commit(&small()).expect("room has come back");
    twin.commit(&small()).unwrap();
    assert_eq!(contents(&store), contents(&twin));
    let report: Report = store.report();
    assert_eq!((report.damaged, report.lost_batches, report.poisoned), (0, 0, 0));
    drop(store);
    assert_eq!(contents(&open()), contents(&twin));
}

#[test]
fn an_index_is_made_again_in_near_linear_time() {
    // The target is 100,000 items a second; on a shared machine in a debug build the bound is one that only a change of complexity
    // breaks.
    let dir = scratch();
    let mut store = LogStore::open(dir.path(), &mut |_, _| {}).unwrap();
    for chunk in 0..25u64 {
        store.commit(&items(chunk * 2_000..(chunk + 1) * 2_000)).unwrap();
    }
    drop(store);
    let start = std::time::Instant::now();
    let store = LogStore::open(dir.path(), &mut |_, _| {}).unwrap();
    let rate = 50_000.0 / start.elapsed().as_secs_f64();
    println!("{rate:.0} items a second");
    assert_eq!(store.len(), 50_000);
    assert!(rate > 20_000.0, "{rate:.0} items a second");
    assert_eq!(store.get(&ItemId(item(49_999).key.id.0)).unwrap(), Some(item(49_999).bytes));
}
