//! The index against a plain sorted map, through merges, removals, stops and damage.

use std::collections::BTreeMap;

use bocage_protocol::store::StoredItem;
use bocage_protocol::store::conformance::item;

use super::super::segment::Entry;
use super::*;

fn place(n: u64) -> Position {
    Position {
        segment: 1 + (n >> 20) as u32,
        offset: n as u32,
        len: 100,
    }
}

fn found(item: &StoredItem, n: u64) -> Found {
    Found::new(item.key, &item.bytes, place(n))
}

/// What a walk through the log would gather of these, in order of arrival.
fn rows<'a>(items: impl IntoIterator<Item = &'a (u64, StoredItem)>) -> Rows {
    let mut rows = Rows::default();
    for (n, item) in items {
        let entry = Entry::Item {
            key: item.key,
            doc: item.doc,
            bytes: &item.bytes,
        };
        rows.take(&entry, place(*n));
    }
    rows
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % n
    }
}

fn compare(index: &Index, plain: &BTreeMap<OrderKey, (u64, StoredItem)>, dice: &mut Dice) {
    let keys: Vec<OrderKey> = plain.keys().copied().collect();
    assert_eq!(
        index.total(),
        Fingerprint::of_all(&keys.iter().map(OrderKey::to_bytes).collect::<Vec<_>>())
    );
    assert_eq!(index.range(Bound::Unbounded, usize::MAX).unwrap(), keys);
    for _ in 0..40 {
        let some = item(dice.below(4_000)).key;
        let lower: Vec<Packed> = plain.range(..some).map(|(key, _)| key.to_bytes()).collect();
        assert_eq!(index.below(&some).unwrap(), Fingerprint::of_all(&lower));
        assert_eq!(index.rank(&some).unwrap(), lower.len() as u64);
        for from in [Bound::Included(some), Bound::Excluded(some)] {
            let limit = dice.below(200) as usize;
            let expected: Vec<_> = plain.range((from, Bound::Unbounded)).take(limit).map(|(key, _)| *key).collect();
            assert_eq!(index.range(from, limit).unwrap(), expected);
        }
        let n = dice.below(keys.len() as u64 + 3);
        assert_eq!(index.nth(n).unwrap(), keys.get(n as usize).copied(), "{n} of {}", keys.len());
        let here = index.find(&some.id).unwrap();
        assert_eq!(here, plain.get(&some).map(|(n, item)| found(item, *n)));
    }
    for doc in 0..7 {
        let doc = item((0..).find(|n| item(*n).doc.0[0] == doc).unwrap()).doc;
        let of_it: Vec<_> = plain.iter().filter(|(_, (_, i))| i.doc == doc).map(|(key, _)| *key).collect();
        assert_eq!(index.of_document(&doc).unwrap(), of_it);
    }
    let begins: Beginning = *item(0).bytes.first_chunk().unwrap();
    let so = plain.values().filter(|(_, i)| i.bytes.starts_with(&begins)).count() as u64;
    assert_eq!(index.beginning(begins), so);
}

#[test]
fn answers_are_those_of_a_plain_sorted_map_and_rebuilt_is_persisted() {
    for (seed, on_disk) in [(1, true), (2, false), (3, true)] {
        let dir = tempfile::tempdir().unwrap();
        let mut dice = Dice(seed);
        let pages = match on_disk {
            true => Pages::create(&dir.path().join(PAGES)).unwrap(),
            false => Pages::in_memory(),
        };
        let (mut index, mut plain) = (Index::over(pages), BTreeMap::new());
        for round in 0..60 {
            for _ in 0..dice.below(120) {
                // Mostly anywhere, now and then in order, as an import brings them.
                let n = if round % 5 == 4 {
                    4_000 + plain.len() as u64
                } else {
                    dice.below(4_000)
                };
                let item = item(n);
                if index.find(&item.key.id).unwrap().is_none() {
                    index.insert(item.doc, found(&item, n)).unwrap();
                    plain.insert(item.key, (n, item));
                }
            }
            for _ in 0..dice.below(12) {
                let some = item(dice.below(4_000)).key;
                assert_eq!(index.remove(&some.id).unwrap(), plain.remove(&some).is_some());
            }
            if round % 6 == 0 {
                compare(&index, &plain, &mut dice);
            }
            if on_disk && round % 20 == 19 {
                index.locals.insert(vec![b'x'; 200], place(round));
                let (crc, locals) = (index.save(dir.path()).unwrap(), index.locals.clone());
                assert!(Index::load(dir.path(), crc ^ 1).is_err());
                index = Index::load(dir.path(), crc).unwrap();
                assert_eq!(index.locals, locals);
                compare(&index, &plain, &mut dice);
                index.locals.clear();
            }
        }
        let mut again = rows(plain.values());
        assert!(again.agree_with(&mut index).unwrap());
        assert!(again.missing(&mut index).unwrap().is_empty());
        let last = plain.pop_last().unwrap();
        let mut without = rows(plain.values());
        assert!(!without.agree_with(&mut index).unwrap());
        assert_eq!(without.missing(&mut index).unwrap(), [found(&last.1.1, last.1.0)]);
        let built = again.index_in(tempfile::tempdir().unwrap().path()).unwrap();
        plain.insert(last.0, last.1);
        compare(&built, &plain, &mut dice);
    }
}

#[test]
fn of_two_entries_with_one_id_the_first_is_kept() {
    let twice: Vec<(u64, StoredItem)> = (0..300).map(|n| (n, item(n % 200))).collect();
    let mut index = Index::empty();
    for (n, item) in &twice[..200] {
        index.insert(item.doc, found(item, *n)).unwrap();
    }
    assert!(rows(&twice).agree_with(&mut index).unwrap());
}

#[test]
fn a_page_that_is_missing_or_another_is_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let items: Vec<(u64, StoredItem)> = (0..500).map(|n| (n, item(n))).collect();
    let built = || rows(&items).index_in(dir.path()).unwrap();
    let asked = |index: &Index| items.iter().filter(|(_, item)| index.find(&item.key.id).is_err()).count();
    assert_eq!(asked(&built()), 0);
    for table in [TABLES[0], TABLES[1]] {
        let mut index = built();
        let number = if table == TABLES[0] {
            index.order.numbers().nth(1)
        } else {
            index.ids.numbers().nth(1)
        };
        index.pages.spoil(number.unwrap());
        assert!(asked(&index) > 0);
    }
    let mut index = built();
    index.pages.lose();
    assert_eq!(asked(&index), items.len());
    let mut index = built();
    let number = index.docs.numbers().next().unwrap();
    index.pages.spoil(number);
    assert!(items.iter().any(|(_, item)| index.of_document(&item.doc).is_err()));
}

/// Neither pages of another time nor sled's files of another time pass for this one's.
#[test]
fn what_was_saved_at_another_time_is_no_answer() {
    let (dir, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let items: Vec<(u64, StoredItem)> = (0..500).map(|n| (n, item(n))).collect();
    let mut index = rows(&items).index_in(dir.path()).unwrap();
    let first = index.save(dir.path()).unwrap();
    std::fs::copy(dir.path().join(PAGES), old.path().join(PAGES)).unwrap();
    for n in 500..600 {
        index.insert(item(n).doc, found(&item(n), n)).unwrap();
    }
    let second = index.save(dir.path()).unwrap();
    assert!(Index::load(dir.path(), first).is_err());
    std::fs::copy(old.path().join(PAGES), dir.path().join(PAGES)).unwrap();
    let mixed = Index::load(dir.path(), second).unwrap();
    assert!((0..600).any(|n| mixed.find(&item(n).key.id).is_err()));
}
