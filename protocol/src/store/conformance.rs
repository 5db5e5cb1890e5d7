//! What every store must do, as functions that take one. Run by the in-memory twin here and by the real store in `node`.
//!
//! A subject is two closures: one makes an empty store, the other stops a store and opens the same place again. Whoever stops it
//! by pulling the plug passes the same suite as whoever closes it: that is the point.

use std::ops::Bound;
use std::sync::Arc;

use super::{
    Batch, Fingerprint, LocalRecord, LocalWrite, MAX_BATCH, MAX_ITEM, MAX_LOCAL_KEY, MAX_LOCAL_VALUE, OrderKey, Store, StoreError,
    StoredItem,
};
use crate::ids::{DocId, Hlc, ItemId};

/// Runs everything. Panics, with the name of the broken rule, on the first store that breaks one.
pub fn suite<S: Store>(fresh: &mut dyn FnMut() -> S, reopen: &mut dyn FnMut(S) -> S) {
    an_empty_store_answers(fresh());
    what_was_committed_is_read_back(fresh(), reopen);
    items_come_in_order_of_lane_time_and_id(fresh(), reopen);
    a_range_starts_where_it_is_told_and_stops_at_its_limit(fresh());
    documents_list_their_own_items_only(fresh(), reopen);
    committing_again_changes_nothing(fresh(), reopen);
    local_records_are_replaced_removed_and_found_by_prefix(fresh(), reopen);
    a_batch_out_of_bounds_leaves_no_trace(fresh(), reopen);
    the_largest_writes_fit(fresh(), reopen);
    it_stays_what_it_was_through_many_stops(fresh(), reopen);
}

/// A made-up item, the same for the same `n`: lanes, times and documents are spread so that no two orders coincide.
pub fn item(n: u64) -> StoredItem {
    let mixed = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut id = [0; 32];
    id[..8].copy_from_slice(&mixed.to_be_bytes());
    id[24..].copy_from_slice(&n.to_be_bytes());
    let mut doc = [0; 32];
    doc[0] = (mixed >> 40) as u8 % 7;
    let bytes: Vec<u8> = (0..40 + mixed % 400).map(|i| (mixed >> (i % 57)) as u8 ^ i as u8).collect();
    StoredItem {
        key: OrderKey {
            lane: (mixed >> 20) as u8 % 6,
            time: Hlc(mixed >> 50),
            id: ItemId(id),
        },
        doc: DocId(doc),
        bytes: bytes.into(),
    }
}

/// A batch of made-up items.
pub fn items(numbers: impl IntoIterator<Item = u64>) -> Batch {
    Batch {
        items: numbers.into_iter().map(item).collect(),
        local: Vec::new(),
    }
}

/// A batch with one local record.
pub fn local(key: &[u8], value: Option<&[u8]>) -> Batch {
    Batch {
        items: Vec::new(),
        local: vec![LocalWrite {
            key: key.to_vec(),
            value: value.map(<[u8]>::to_vec),
        }],
    }
}

/// Everything a store answers, to compare two of them.
#[derive(PartialEq, Eq, Debug)]
pub struct Contents {
    pub items: Vec<(OrderKey, Arc<[u8]>)>,
    pub local: Vec<LocalRecord>,
}

/// Reads a whole store, checking on the way that its answers agree with each other.
pub fn contents(store: &dyn Store) -> Contents {
    let keys = store.range(Bound::Unbounded, usize::MAX).expect("range");
    assert_eq!(keys.len() as u64, store.len(), "the order lists every item once");
    assert!(keys.windows(2).all(|w| w[0] < w[1]), "the order is strict");
    let read = |key: &OrderKey| (*key, store.get(&key.id).expect("get").expect("what is listed is there"));
    let mut shown: Vec<(OrderKey, Arc<[u8]>)> = Vec::new();
    let mut next = Bound::Unbounded;
    while let Some(last) = store
        .read(next, 100, &mut |key, bytes| shown.push((*key, Arc::from(bytes))))
        .expect("read")
    {
        next = Bound::Excluded(last);
    }
    assert!(shown.iter().map(|(key, _)| key).eq(&keys), "each item is shown in order");
    assert!(shown.iter().all(|(key, bytes)| read(key).1 == *bytes), "with its bytes");
    assert_eq!(
        store.total(),
        Fingerprint::of_all(&keys.iter().map(OrderKey::to_bytes).collect::<Vec<_>>()),
        "the sum is that of the keys"
    );
    let local = store.local_prefix(b"").expect("local_prefix");
    for (key, value) in &local {
        assert_eq!(
            store.local(key).expect("local").as_ref(),
            Some(value),
            "both ways to a local record agree"
        );
    }
    Contents {
        items: keys.iter().map(read).collect(),
        local,
    }
}

fn an_empty_store_answers(mut store: impl Store) {
    assert!(store.is_empty());
    assert_eq!(store.get(&item(1).key.id).unwrap(), None);
    assert!(!store.contains(&item(1).key.id).unwrap());
    assert_eq!(store.range(Bound::Unbounded, 10).unwrap(), []);
    assert_eq!(store.of_document(&item(1).doc).unwrap(), []);
    assert_eq!(store.local(b"counter").unwrap(), None);
    assert_eq!(store.commit(&Batch::default()).unwrap(), Vec::<bool>::new());
    assert_eq!(store.verify().unwrap().items, 0);
    Box::new(store).close().unwrap();
}

fn what_was_committed_is_read_back<S: Store>(mut store: S, reopen: &mut dyn FnMut(S) -> S) {
    let mut batch = items(0..50);
    batch.local = local(b"counter/a", Some(b"50")).local;
    assert_eq!(store.commit(&batch).unwrap(), vec![true; 50]);
    for round in 0..3 {
        assert_eq!(store.len(), 50, "round {round}");
        for item in &batch.items {
            assert_eq!(store.get(&item.key.id).unwrap().as_ref(), Some(&item.bytes));
            assert!(store.contains(&item.key.id).unwrap());
        }
        assert_eq!(store.get(&item(50).key.id).unwrap(), None);
        assert_eq!(store.local(b"counter/a").unwrap().as_deref(), Some(&b"50"[..]));
        let report = store.verify().unwrap();
        let bytes = batch.items.iter().map(|i| i.bytes.len() as u64).sum::<u64>();
        assert_eq!(
            (report.items, report.bytes, report.damaged, report.index_rebuilt),
            (50, bytes, 0, false)
        );
        store = reopen(store);
    }
}

fn items_come_in_order_of_lane_time_and_id<S: Store>(mut store: S, reopen: &mut dyn FnMut(S) -> S) {
    for n in 0..300 {
        store.commit(&items([n * 7 % 300])).unwrap();
    }
    let mut expected: Vec<_> = (0..300).map(|n| item(n).key).collect();
    expected.sort();
    assert_eq!(store.range(Bound::Unbounded, usize::MAX).unwrap(), expected);
    let store = reopen(store);
    assert_eq!(store.range(Bound::Unbounded, usize::MAX).unwrap(), expected);
}

fn a_range_starts_where_it_is_told_and_stops_at_its_limit(mut store: impl Store) {
    store.commit(&items(0..40)).unwrap();
    let all = store.range(Bound::Unbounded, 100).unwrap();
    assert_eq!(store.range(Bound::Included(OrderKey::MIN), 100).unwrap(), all);
    assert_eq!(store.range(Bound::Included(all[11]), 5).unwrap(), all[11..16]);
    assert_eq!(store.range(Bound::Excluded(all[11]), 5).unwrap(), all[12..17]);
    assert_eq!(store.range(Bound::Excluded(all[39]), 5).unwrap(), []);
    assert_eq!(store.range(Bound::Unbounded, 0).unwrap(), []);
    let absent = item(1_000).key;
    assert_eq!(
        store.range(Bound::Included(absent), 100).unwrap(),
        all.iter().copied().filter(|k| *k > absent).collect::<Vec<_>>()
    );
}

fn documents_list_their_own_items_only<S: Store>(mut store: S, reopen: &mut dyn FnMut(S) -> S) {
    store.commit(&items(0..60)).unwrap();
    store.commit(&items(60..120)).unwrap();
    for _ in 0..2 {
        for n in 0..7 {
            let doc = item(n).doc;
            let mut expected: Vec<_> = (0..120).map(item).filter(|i| i.doc == doc).map(|i| i.key).collect();
            expected.sort();
            assert_eq!(store.of_document(&doc).unwrap(), expected);
        }
        assert_eq!(store.of_document(&DocId([99; 32])).unwrap(), []);
        store = reopen(store);
    }
}

fn committing_again_changes_nothing<S: Store>(mut store: S, reopen: &mut dyn FnMut(S) -> S) {
    let twice = Batch {
        items: vec![item(1), item(2), item(1)],
        local: Vec::new(),
    };
    assert_eq!(
        store.commit(&twice).unwrap(),
        [true, true, false],
        "a repetition within a batch is not new"
    );
    let before = contents(&store);
    assert_eq!(store.commit(&twice).unwrap(), [false; 3]);
    let mut other = item(1);
    other.bytes = Arc::from(&b"other bytes under a known id"[..]);
    other.key.lane ^= 1;
    other.doc = DocId([9; 32]);
    let forged = Batch {
        items: vec![other, item(3)],
        local: Vec::new(),
    };
    assert_eq!(store.commit(&forged).unwrap(), [false, true], "the first bytes under an id stay");
    assert_eq!(store.get(&item(1).key.id).unwrap(), Some(item(1).bytes));
    assert_eq!(store.of_document(&DocId([9; 32])).unwrap(), []);
    let mut store = reopen(store);
    assert_eq!(store.len(), 3);
    assert_eq!(store.commit(&twice).unwrap(), [false; 3]);
    assert!(before.items.iter().all(|i| contents(&store).items.contains(i)));
}

fn local_records_are_replaced_removed_and_found_by_prefix<S: Store>(mut store: S, reopen: &mut dyn FnMut(S) -> S) {
    let pair = |k: &str, v: &str| (k.as_bytes().to_vec(), v.as_bytes().to_vec());
    for (key, value) in [
        ("draft/b", "1"),
        ("draft/a", "2"),
        ("drafu", "3"),
        ("draf", "4"),
        ("draft/b", "5"),
        ("x", ""),
    ] {
        store.commit(&local(key.as_bytes(), Some(value.as_bytes()))).unwrap();
    }
    store.commit(&local(&[0xff, 0xff], Some(b"last"))).unwrap();
    for _ in 0..2 {
        assert_eq!(store.local_prefix(b"draft/").unwrap(), [pair("draft/a", "2"), pair("draft/b", "5")]);
        assert_eq!(store.local_prefix(b"").unwrap().len(), 6);
        assert_eq!(store.local_prefix(&[0xff]).unwrap().len(), 1, "the highest prefix has no successor");
        assert_eq!(store.local(b"x").unwrap().as_deref(), Some(&b""[..]), "an empty value is a value");
        store = reopen(store);
    }
    store.commit(&local(b"draft/a", None)).unwrap();
    store.commit(&local(b"never there", None)).unwrap();
    let mut both = local(b"y", Some(b"1"));
    both.local.extend(local(b"y", Some(b"2")).local);
    both.local.extend(local(b"x", Some(b"back")).local);
    both.local.extend(local(b"x", None).local);
    store.commit(&both).unwrap();
    for _ in 0..2 {
        assert_eq!(store.local_prefix(b"draft/").unwrap(), [pair("draft/b", "5")]);
        assert_eq!(
            store.local(b"y").unwrap().as_deref(),
            Some(&b"2"[..]),
            "the last write of a batch holds"
        );
        assert_eq!(store.local(b"x").unwrap(), None);
        store = reopen(store);
    }
    assert_eq!(store.len(), 0, "local records are not items");
}

fn a_batch_out_of_bounds_leaves_no_trace<S: Store>(mut store: S, reopen: &mut dyn FnMut(S) -> S) {
    store.commit(&items([1])).unwrap();
    let before = contents(&store);
    let mut long = items([2, 3]);
    long.items[1].bytes = vec![0; MAX_ITEM + 1].into();
    let name = Batch {
        items: vec![item(4)],
        ..local(&[b'k'; MAX_LOCAL_KEY + 1], Some(b""))
    };
    let value = Batch {
        items: vec![item(5)],
        ..local(b"k", Some(&vec![0; MAX_LOCAL_VALUE + 1]))
    };
    let mut heavy = items(0..(MAX_BATCH / MAX_ITEM + 1) as u64);
    let bytes: Arc<[u8]> = vec![0; MAX_ITEM].into();
    heavy.items.iter_mut().for_each(|i| i.bytes = bytes.clone());
    for (batch, what) in [(long, "item"), (name, "local record"), (value, "local record"), (heavy, "batch")] {
        assert!(
            matches!(store.commit(&batch), Err(StoreError::OutOfBounds(found)) if found == what),
            "{what}"
        );
    }
    assert_eq!(contents(&store), before, "nothing of a refused batch is there");
    assert_eq!(contents(&reopen(store)), before);
}

fn the_largest_writes_fit<S: Store>(mut store: S, reopen: &mut dyn FnMut(S) -> S) {
    let mut batch = items([1]);
    batch.items[0].bytes = vec![7; MAX_ITEM].into();
    batch.local = local(&[b'k'; MAX_LOCAL_KEY], Some(&vec![8; MAX_LOCAL_VALUE])).local;
    store.commit(&batch).unwrap();
    let mut empty = items([2]);
    empty.items[0].bytes = Arc::from([]);
    store.commit(&empty).unwrap();
    let store = reopen(store);
    assert_eq!(store.get(&batch.items[0].key.id).unwrap().unwrap().len(), MAX_ITEM);
    assert_eq!(store.local(&batch.local[0].key).unwrap().unwrap().len(), MAX_LOCAL_VALUE);
    assert_eq!(store.get(&empty.items[0].key.id).unwrap().as_deref(), Some(&[][..]));
}

fn it_stays_what_it_was_through_many_stops<S: Store>(mut store: S, reopen: &mut dyn FnMut(S) -> S) {
    let mut twin = super::MemoryStore::default();
    for round in 0..12u64 {
        let mut batch = items(round * 20..round * 20 + 25);
        batch.local = local(&[b'c', round as u8 % 3], (round % 4 != 3).then_some(&[round as u8])).local;
        assert_eq!(store.commit(&batch).unwrap(), twin.commit(&batch).unwrap(), "round {round}");
        store = reopen(store);
        assert_eq!(contents(&store), contents(&twin), "round {round}");
    }
    Box::new(store).close().unwrap();
}
