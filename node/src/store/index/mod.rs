//! Where everything lies: the order of items, their ids, their documents, and the local records.
//!
//! Three sorted tables in pages on the disk, and a tail in memory of what came last, merged into them when it has grown: a million items
//! cost a few megabytes of memory. Holds no truth: a clean stop saves it, and a walk through the log makes it anew.
//!
//! ```text
//! order   key 41 | how the item begins 2 | segment 4 | offset 4 | length 4       with the sum of each page in memory
//! ids     first 8 of the id | lane 1 | time 8                                    leads to the order
//! docs    document 32 | key 41
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::path::Path;

use bocage_protocol::ids::{DocId, Hlc, ItemId};
use bocage_protocol::store::{Fingerprint, MAX_LOCAL_KEY, OrderKey, Ordered as _, Packed, SetIndex, StoreError};
use bocage_protocol::wire::{Reader, WireError, Writer};

use super::segment::Position;
use pages::Pages;
use table::{Sum, Table};

mod build;
mod pages;
mod saved;
mod table;

pub(super) use build::Rows;

/// Items that lie in memory before they are merged into the tables.
const TAIL: usize = if cfg!(test) { 64 } else { 8_192 };
/// Below the store's directory: sled's, and the file of pages.
const SAVED: &str = "index";
const PAGES: &str = "pages";
const KEY: usize = 41;
const ORDER: usize = KEY + 2 + 12;
const ID: usize = 8 + 1 + 8;
const DOC: usize = DocId::LEN + KEY;
const LOCALS: u8 = b'l';
const BEGINNINGS: u8 = b'b';
/// Letters of the tables where they are saved.
const TABLES: [u8; 3] = [b'o', b'i', b'd'];

/// Why the index isn't believed.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<WireError> for Broken {
    fn from(error: WireError) -> Self {
        Self(error.to_string())
    }
}

/// The first two bytes of an item: what kind of thing it is, without reading it.
pub(super) type Beginning = [u8; 2];

/// Where an item lies, and under which key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) key: OrderKey,
    pub(super) beginning: Beginning,
    pub(super) at: Position,
}

impl Found {
    pub(super) fn new(key: OrderKey, bytes: &[u8], at: Position) -> Self {
        Self {
            key,
            beginning: bytes.first_chunk().copied().unwrap_or_default(),
            at,
        }
    }

    fn to_bytes(self) -> [u8; ORDER] {
        let mut out = [0; ORDER];
        out[..KEY].copy_from_slice(&self.key.to_bytes());
        out[KEY..KEY + 2].copy_from_slice(&self.beginning);
        for (place, n) in out[KEY + 2..]
            .chunks_exact_mut(4)
            .zip([self.at.segment, self.at.offset, self.at.len])
        {
            place.copy_from_slice(&n.to_be_bytes());
        }
        out
    }

    fn from_bytes(bytes: &[u8; ORDER]) -> Self {
        let n = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        Self {
            key: key_in(bytes),
            beginning: [bytes[KEY], bytes[KEY + 1]],
            at: Position {
                segment: n(KEY + 2),
                offset: n(KEY + 6),
                len: n(KEY + 10),
            },
        }
    }
}

/// The key that an entry of the order begins with.
fn key_in(entry: &[u8; ORDER]) -> OrderKey {
    OrderKey::from_bytes(packed(entry))
}

fn packed(entry: &[u8; ORDER]) -> &Packed {
    entry.first_chunk().expect("an entry begins with its key")
}

fn id_entry(key: &OrderKey) -> [u8; ID] {
    let mut out = [0; ID];
    out[..8].copy_from_slice(&key.id.0[..8]);
    out[8] = key.lane;
    out[9..].copy_from_slice(&key.time.0.to_be_bytes());
    out
}

fn doc_entry(doc: &DocId, key: &OrderKey) -> [u8; DOC] {
    let mut out = [0; DOC];
    out[..DocId::LEN].copy_from_slice(&doc.0);
    out[DocId::LEN..].copy_from_slice(&key.to_bytes());
    out
}

impl Sum for Fingerprint {
    const LEN: usize = 40;

    fn to_bytes(&self) -> Vec<u8> {
        Self::to_bytes(self).to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        Self::from_bytes(bytes.try_into().expect("of its length"))
    }

    fn of<const W: usize>(entries: &[[u8; W]]) -> Self {
        Self::of_all(
            entries
                .iter()
                .map(|entry| entry.first_chunk().expect("an entry begins with its key")),
        )
    }
}

/// What came since the last merge.
#[derive(Default)]
struct Tail {
    order: SetIndex,
    items: HashMap<ItemId, (DocId, Found)>,
    docs: BTreeSet<(DocId, OrderKey)>,
}

pub(super) struct Index {
    pages: Pages,
    order: Table<ORDER, Fingerprint>,
    /// Count and sum of the pages of `order` before each, and of all at the end.
    before: Vec<Fingerprint>,
    ids: Table<ID, ()>,
    docs: Table<DOC, ()>,
    tail: Tail,
    /// How many items begin so.
    beginnings: BTreeMap<Beginning, u64>,
    pub(super) locals: BTreeMap<Vec<u8>, Position>,
}

impl Index {
    /// In memory, with nothing in it.
    pub(super) fn empty() -> Self {
        Self::over(Pages::in_memory())
    }

    fn over(pages: Pages) -> Self {
        Self {
            pages,
            order: Table::new(),
            before: vec![Fingerprint::default()],
            ids: Table::new(),
            docs: Table::new(),
            tail: Tail::default(),
            beginnings: BTreeMap::new(),
            locals: BTreeMap::new(),
        }
    }

    /// What [`Self::save`] left below this directory, if its files still have this checksum.
    pub(super) fn load(dir: &Path, files_crc: u32) -> Result<Self, Broken> {
        let mut index = Self::empty();
        let Self {
            order,
            ids,
            docs,
            beginnings,
            locals,
            ..
        } = &mut index;
        saved::read(&dir.join(SAVED), files_crc, |letter, value| {
            match letter {
                LOCALS => read_locals(value, locals)?,
                BEGINNINGS => read_beginnings(value, beginnings)?,
                _ if letter == TABLES[0] => order.load(value)?,
                _ if letter == TABLES[1] => ids.load(value)?,
                _ if letter == TABLES[2] => docs.load(value)?,
                _ => return Err(Broken("an unknown table".into())),
            }
            Ok(())
        })?;
        let used = index
            .order
            .numbers()
            .chain(index.ids.numbers())
            .chain(index.docs.numbers())
            .collect();
        index.pages = Pages::reopen(&dir.join(PAGES), used)?;
        index.add_up();
        let items = index.total().count;
        if [index.ids.len(), index.docs.len(), index.beginnings.values().sum()] != [items; 3] {
            return Err(Broken("its tables disagree".into()));
        }
        Ok(index)
    }

    /// Writes everything to the disk; returns the checksum over sled's files for the mark of a clean stop.
    pub(super) fn save(&mut self, dir: &Path) -> Result<u32, Broken> {
        self.merge()?;
        self.pages.sync()?;
        let beginnings: Vec<u8> = self
            .beginnings
            .iter()
            .flat_map(|(b, n)| [&b[..], &n.to_be_bytes()].concat())
            .collect();
        let beginnings = beginnings.chunks(saved::VALUE / 10 * 10).map(<[u8]>::to_vec).collect();
        let lists = [
            (TABLES[0], self.order.save(saved::VALUE)),
            (TABLES[1], self.ids.save(saved::VALUE)),
            (TABLES[2], self.docs.save(saved::VALUE)),
            (BEGINNINGS, beginnings),
            (LOCALS, locals_values(&self.locals)),
        ];
        saved::write(&dir.join(SAVED), &lists)
    }

    pub(super) fn total(&self) -> Fingerprint {
        self.before
            .last()
            .expect("one more than there are pages")
            .plus(&self.tail.order.total())
    }

    /// How many items begin so.
    pub(super) fn beginning(&self, beginning: Beginning) -> u64 {
        self.beginnings.get(&beginning).copied().unwrap_or(0)
    }

    pub(super) fn find(&self, id: &ItemId) -> Result<Option<Found>, Broken> {
        if let Some((_, found)) = self.tail.items.get(id) {
            return Ok(Some(*found));
        }
        let prefix = &id.0[..8];
        for entry in self.ids.from(&self.pages, prefix) {
            let entry = entry?;
            if !entry.starts_with(prefix) {
                break;
            }
            let key = OrderKey {
                lane: entry[8],
                time: Hlc(u64::from_be_bytes(entry[9..].try_into().expect("eight of 17 bytes"))),
                id: *id,
            };
            if let Some(found) = self.at(&key)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// In the tables, under this very key.
    fn at(&self, key: &OrderKey) -> Result<Option<Found>, Broken> {
        let packed = key.to_bytes();
        let first = self.order.from(&self.pages, packed).next().transpose()?;
        Ok(first
            .filter(|entry| entry.starts_with(&packed))
            .map(|entry| Found::from_bytes(&entry)))
    }

    /// Lists an item whose id isn't listed.
    pub(super) fn insert(&mut self, doc: DocId, found: Found) -> Result<(), Broken> {
        self.tail.order.insert(&found.key);
        self.tail.docs.insert((doc, found.key));
        self.tail.items.insert(found.key.id, (doc, found));
        *self.beginnings.entry(found.beginning).or_default() += 1;
        if self.tail.items.len() >= TAIL { self.merge() } else { Ok(()) }
    }

    /// Takes an item off every list, so that it can be fetched and stored again. False if it isn't listed.
    pub(super) fn remove(&mut self, id: &ItemId) -> Result<bool, Broken> {
        let Some(found) = self.find(id)? else { return Ok(false) };
        if let Some((doc, _)) = self.tail.items.remove(id) {
            self.tail.order.remove(&found.key);
            self.tail.docs.remove(&(doc, found.key));
        } else {
            let key = found.key.to_bytes();
            self.order.remove(&mut self.pages, &key)?;
            self.ids.remove(&mut self.pages, &id_entry(&found.key))?;
            // Rare, and its document may be unreadable with it: looked for in all.
            let of_any = self
                .docs
                .from(&self.pages, [])
                .find(|entry| entry.as_ref().map_or(true, |e| e.ends_with(&key)));
            if let Some(entry) = of_any.transpose()? {
                self.docs.remove(&mut self.pages, &entry)?;
            }
            self.add_up();
        }
        if let Some(n) = self.beginnings.get_mut(&found.beginning) {
            *n -= 1;
        }
        Ok(true)
    }

    // ---- in order

    /// Count and sum of all keys below this one.
    pub(super) fn below(&self, key: &OrderKey) -> Result<Fingerprint, Broken> {
        let tail = self.tail.order.below(key).map_err(in_memory)?;
        let packed = key.to_bytes();
        let Some(at) = self.order.page_of(&packed) else { return Ok(tail) };
        let entries = self.order.entries(&self.pages, at)?;
        let lower = entries.partition_point(|entry| entry[..KEY] < packed[..]);
        // The shorter side is hashed.
        let page = if 2 * lower <= entries.len() {
            self.before[at].plus(&Sum::of(&entries[..lower]))
        } else {
            self.before[at + 1].minus(&Sum::of(&entries[lower..]))
        };
        Ok(page.plus(&tail))
    }

    pub(super) fn rank(&self, key: &OrderKey) -> Result<u64, Broken> {
        let tail = self.tail.order.rank(key).map_err(in_memory)?;
        let packed = key.to_bytes();
        let Some(at) = self.order.page_of(&packed) else { return Ok(tail) };
        let entries = self.order.entries(&self.pages, at)?;
        let lower = entries.partition_point(|entry| entry[..KEY] < packed[..]);
        Ok(self.before[at].count + lower as u64 + tail)
    }

    /// The key with `n` keys below it.
    pub(super) fn nth(&self, n: u64) -> Result<Option<OrderKey>, Broken> {
        if n >= self.total().count {
            return Ok(None);
        }
        let rank = |at: usize| {
            let tail = self.tail.order.rank(&key_in(&self.order.heads()[at].first)).map_err(in_memory)?;
            Ok::<_, Broken>(self.before[at].count + tail)
        };
        // The last page whose first key has at most n keys below it.
        let (mut low, mut high) = (0, self.order.heads().len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if rank(middle)? <= n { low = middle + 1 } else { high = middle }
        }
        let (from, skip) = match low.checked_sub(1) {
            Some(at) => (Bound::Included(key_in(&self.order.heads()[at].first)), n - rank(at)?),
            None => (Bound::Unbounded, n),
        };
        self.keys(from).nth(skip as usize).transpose()
    }

    pub(super) fn range(&self, from: Bound<OrderKey>, limit: usize) -> Result<Vec<OrderKey>, Broken> {
        self.keys(from).take(limit).collect()
    }

    /// Keys of a document's items, in order.
    pub(super) fn of_document(&self, doc: &DocId) -> Result<Vec<OrderKey>, Broken> {
        let mut keys = Vec::new();
        for entry in self.docs.from(&self.pages, doc.0) {
            let entry = entry?;
            match entry.strip_prefix(&doc.0) {
                Some(key) => keys.push(OrderKey::from_bytes(key.try_into().expect("a key follows its document"))),
                None => break,
            }
        }
        let tail = self.tail.docs.range((*doc, OrderKey::MIN)..);
        keys.extend(tail.take_while(|(of, _)| of == doc).map(|(_, key)| *key));
        keys.sort_unstable();
        Ok(keys)
    }

    /// Where up to `limit` items lie, in order from `from` on.
    pub(super) fn places(&self, from: Bound<OrderKey>, limit: usize) -> Result<Vec<Found>, Broken> {
        self.found_from(from).take(limit).collect()
    }

    fn keys(&self, from: Bound<OrderKey>) -> impl Iterator<Item = Result<OrderKey, Broken>> + '_ {
        self.found_from(from).map(|found| Ok(found?.key))
    }

    fn found_from(&self, from: Bound<OrderKey>) -> impl Iterator<Item = Result<Found, Broken>> + '_ {
        let start = match from {
            Bound::Unbounded => OrderKey::MIN,
            Bound::Included(key) | Bound::Excluded(key) => key,
        };
        let paged = self.order.from(&self.pages, start.to_bytes());
        let mut paged = paged.map(|entry| entry.map(|e| Found::from_bytes(&e))).peekable();
        let tail = self.tail.order.iter_from(from);
        let mut tail = tail.filter_map(|key| Some(self.tail.items.get(&key.id)?.1)).peekable();
        let merged = std::iter::from_fn(move || match (paged.peek(), tail.peek()) {
            (Some(Ok(old)), Some(new)) if new.key < old.key => tail.next().map(Ok),
            (None, Some(_)) => tail.next().map(Ok),
            _ => paged.next(),
        });
        merged.skip_while(move |found| matches!((found, from), (Ok(found), Bound::Excluded(start)) if found.key == start))
    }

    // ---- the tail

    /// Merges the tail into the tables.
    fn merge(&mut self) -> Result<(), Broken> {
        if self.tail.items.is_empty() {
            return Ok(());
        }
        let Tail { items, docs, .. } = std::mem::take(&mut self.tail);
        let mut order: Vec<[u8; ORDER]> = items.values().map(|(_, found)| found.to_bytes()).collect();
        order.sort_unstable();
        self.order.merge(&mut self.pages, &order)?;
        let mut ids: Vec<[u8; ID]> = items.values().map(|(_, found)| id_entry(&found.key)).collect();
        ids.sort_unstable();
        self.ids.merge(&mut self.pages, &ids)?;
        let docs: Vec<[u8; DOC]> = docs.iter().map(|(doc, key)| doc_entry(doc, key)).collect();
        self.docs.merge(&mut self.pages, &docs)?;
        self.add_up();
        Ok(())
    }

    fn add_up(&mut self) {
        let mut sum = Fingerprint::default();
        self.before.clear();
        self.before.push(sum);
        for head in self.order.heads() {
            sum = sum.plus(&head.sum);
            self.before.push(sum);
        }
    }
}

#[cfg(test)]
impl Index {
    /// As a disk may, or sled.
    pub(super) fn lose_a_page(&mut self) {
        self.merge().unwrap();
        let number = self.order.numbers().nth(1).expect("a second page");
        self.pages.spoil(number);
    }

    pub(super) fn lose_itself(&mut self) {
        self.merge().unwrap();
        self.pages.lose();
    }
}

fn in_memory(error: StoreError) -> Broken {
    Broken(error.to_string())
}

/// Local records in values: length of the name 2, name, segment 4, offset 4, length 4.
fn locals_values(locals: &BTreeMap<Vec<u8>, Position>) -> Vec<Vec<u8>> {
    let mut pages = vec![Writer::new()];
    let mut room = saved::VALUE;
    for (key, at) in locals {
        let need = 2 + key.len() + 12;
        if need > room {
            pages.push(Writer::new());
            room = saved::VALUE;
        }
        room -= need;
        let w = pages.last_mut().expect("starts with one");
        w.u16(key.len() as u16).bytes(key);
        w.u32(at.segment).u32(at.offset).u32(at.len);
    }
    pages.into_iter().map(Writer::finish).filter(|page| !page.is_empty()).collect()
}

fn read_beginnings(value: &[u8], beginnings: &mut BTreeMap<Beginning, u64>) -> Result<(), WireError> {
    let mut r = Reader::new(value);
    while !r.rest().is_empty() {
        let beginning = r.array()?;
        beginnings.insert(beginning, r.u64()?);
    }
    Ok(())
}

fn read_locals(payload: &[u8], locals: &mut BTreeMap<Vec<u8>, Position>) -> Result<(), WireError> {
    let mut r = Reader::new(payload);
    while !r.rest().is_empty() {
        let n = usize::from(r.u16()?);
        if n > MAX_LOCAL_KEY {
            return Err(WireError::OutOfBounds("local key"));
        }
        let key = r.take(n)?.to_vec();
        let (segment, offset, len) = (r.u32()?, r.u32()?, r.u32()?);
        locals.insert(key, Position { segment, offset, len });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
