//! The index made at once from everything that lies in the log, sorted instead of inserted one by one.

use std::collections::BTreeMap;
use std::path::Path;

use bocage_protocol::ids::DocId;

use super::super::segment::{Entry, ITEM_FRAME, Position};
use super::pages::Pages;
use super::table::Table;
use super::{Broken, DOC, Found, ID, Index, KEY, ORDER, PAGES, SAVED, doc_entry, id_entry, key_in, saved};

/// An entry of the order, and its document.
const ROW: usize = ORDER + DocId::LEN;

/// Everything in the log, as it comes.
#[derive(Default)]
pub(in crate::store) struct Rows {
    rows: Vec<[u8; ROW]>,
    locals: BTreeMap<Vec<u8>, Position>,
}

impl Rows {
    /// Takes the next entry of the log. Of two items with one id the first is kept, of two local records the last.
    pub(in crate::store) fn take(&mut self, entry: &Entry<'_>, at: Position) {
        match entry {
            Entry::Item { key, doc, bytes } => {
                let mut row = [0; ROW];
                row[..ORDER].copy_from_slice(&Found::new(*key, bytes, at).to_bytes());
                row[ORDER..].copy_from_slice(&doc.0);
                self.rows.push(row);
            }
            Entry::Put { key, .. } => {
                self.locals.insert(key.to_vec(), at);
            }
            Entry::Remove { key } => {
                self.locals.remove(*key);
            }
            Entry::Stop(_) => {}
        }
    }

    /// The index of it below this directory, which has to be there; in memory, should the disk not take it.
    pub(in crate::store) fn index_in(mut self, dir: &Path) -> Result<Index, Broken> {
        self.sort();
        let on_disk = saved::set_aside(&dir.join(SAVED)).map_err(Broken::from);
        let on_disk = on_disk.and_then(|()| Pages::create(&dir.join(PAGES)));
        let on_disk = on_disk.and_then(|pages| self.index(pages));
        on_disk.or_else(|broken| {
            tracing::warn!("the index lies in memory until the next start: {}", broken.0);
            self.index(Pages::in_memory())
        })
    }

    /// In order, each item once: entries that begin with one key differ in their place, and the first place is kept.
    fn sort(&mut self) {
        self.rows.sort_unstable();
        self.rows.dedup_by(|next, first| next[..KEY] == first[..KEY]);
    }

    fn index(&mut self, pages: Pages) -> Result<Index, Broken> {
        self.rows.sort_unstable();
        let mut index = Index::over(pages);
        index.locals.clone_from(&self.locals);
        for row in &self.rows {
            *index.beginnings.entry(Found::from_bytes(order_of(row)).beginning).or_default() += 1;
        }
        for part in self.rows.chunks(Table::<ORDER, bocage_protocol::store::Fingerprint>::MOST) {
            let part: Vec<[u8; ORDER]> = part.iter().map(|row| *order_of(row)).collect();
            index.order.append(&mut index.pages, &part)?;
        }
        let mut ids: Vec<[u8; ID]> = self.rows.iter().map(|row| id_entry(&key_in(order_of(row)))).collect();
        ids.sort_unstable();
        index.ids.append(&mut index.pages, &ids)?;
        drop(ids);
        self.rows
            .sort_unstable_by(|a, b| (&a[ORDER..], &a[..KEY]).cmp(&(&b[ORDER..], &b[..KEY])));
        for part in self.rows.chunks(Table::<DOC, ()>::MOST) {
            let part: Vec<[u8; DOC]> = part.iter().map(doc_entry_of).collect();
            index.docs.append(&mut index.pages, &part)?;
        }
        index.add_up();
        Ok(index)
    }

    /// Bytes of the items in all, each once.
    pub(in crate::store) fn bytes(&mut self) -> u64 {
        self.sort();
        let lengths = self.rows.iter().map(|row| Found::from_bytes(order_of(row)).at.len as usize);
        lengths.map(|entry| entry.saturating_sub(ITEM_FRAME) as u64).sum()
    }

    /// What an index lists and these don't: its items are damaged.
    pub(in crate::store) fn missing(&mut self, index: &mut Index) -> Result<Vec<Found>, Broken> {
        self.sort();
        index.merge()?;
        let mut missing = Vec::new();
        let mut rows = self.rows.iter().map(|row| key_in(order_of(row))).peekable();
        for entry in index.order.from(&index.pages, []) {
            let found = Found::from_bytes(&entry?);
            while rows.next_if(|key| *key < found.key).is_some() {}
            if rows.peek() != Some(&found.key) {
                missing.push(found);
            }
        }
        Ok(missing)
    }

    /// True iff an index says the very same, table by table. These are in another order afterwards.
    pub(in crate::store) fn agree_with(&mut self, index: &mut Index) -> Result<bool, Broken> {
        self.sort();
        index.merge()?;
        let mut ids: Vec<[u8; ID]> = self.rows.iter().map(|row| id_entry(&key_in(order_of(row)))).collect();
        ids.sort_unstable();
        let same = index.locals == self.locals
            && same(index.order.from(&index.pages, []), self.rows.iter().map(|row| *order_of(row)))?
            && same(index.ids.from(&index.pages, []), ids)?;
        self.rows
            .sort_unstable_by(|a, b| (&a[ORDER..], &a[..KEY]).cmp(&(&b[ORDER..], &b[..KEY])));
        Ok(same && self::same(index.docs.from(&index.pages, []), self.rows.iter().map(doc_entry_of))?)
    }
}

fn order_of(row: &[u8; ROW]) -> &[u8; ORDER] {
    row.first_chunk().expect("a row begins with its place in the order")
}

fn doc_entry_of(row: &[u8; ROW]) -> [u8; DOC] {
    let doc = row.last_chunk().expect("a row ends with its document");
    doc_entry(&DocId(*doc), &key_in(order_of(row)))
}

/// True iff a table holds these entries and no others.
fn same<const W: usize>(
    table: impl Iterator<Item = Result<[u8; W], Broken>>,
    entries: impl IntoIterator<Item = [u8; W]>,
) -> Result<bool, Broken> {
    let mut entries = entries.into_iter();
    for listed in table {
        if entries.next() != Some(listed?) {
            return Ok(false);
        }
    }
    Ok(entries.next().is_none())
}
