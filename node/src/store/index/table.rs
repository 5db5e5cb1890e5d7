//! A sorted table of entries of one length in pages, with the first entry of each page in memory: about one byte of memory an entry.
//!
//! Invariants: byte order is the order of entries; a page holds 1 to [`Table::MOST`] of them, and pages are in order.

use bocage_protocol::wire::{Reader, WireError, Writer};

use super::Broken;
use super::pages::{PAGE, Pages};

/// What is known of the entries of a page without reading it: nothing, or a sum.
pub(super) trait Sum: Copy + Default {
    const LEN: usize;

    fn of<const W: usize>(entries: &[[u8; W]]) -> Self;

    fn to_bytes(&self) -> Vec<u8>;

    /// Of [`Self::LEN`] bytes.
    fn from_bytes(bytes: &[u8]) -> Self;
}

impl Sum for () {
    const LEN: usize = 0;

    fn of<const W: usize>(_: &[[u8; W]]) -> Self {}

    fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    fn from_bytes(_: &[u8]) -> Self {}
}

#[derive(Clone, Copy)]
pub(super) struct Head<const W: usize, S> {
    pub(super) first: [u8; W],
    page: u32,
    crc: u32,
    len: u16,
    pub(super) sum: S,
}

pub(super) struct Table<const W: usize, S> {
    heads: Vec<Head<W, S>>,
}

impl<const W: usize, S: Sum> Table<W, S> {
    /// Most entries in a page.
    pub(super) const MOST: usize = PAGE / W;

    pub(super) fn new() -> Self {
        Self { heads: Vec::new() }
    }

    pub(super) fn heads(&self) -> &[Head<W, S>] {
        &self.heads
    }

    /// What is to be known of the pages, in values of at most `most` bytes: of each page its number, checksum, length, first entry and sum.
    pub(super) fn save(&self, most: usize) -> Vec<Vec<u8>> {
        let mut values = vec![Writer::new()];
        let (size, mut left) = (4 + 4 + 2 + W + S::LEN, most);
        for head in &self.heads {
            if left < size {
                values.push(Writer::new());
                left = most;
            }
            left -= size;
            let w = values.last_mut().expect("starts with one");
            w.u32(head.page)
                .u32(head.crc)
                .u16(head.len)
                .bytes(&head.first)
                .bytes(&head.sum.to_bytes());
        }
        values.into_iter().map(Writer::finish).filter(|value| !value.is_empty()).collect()
    }

    /// Takes up what [`Self::save`] wrote, value by value.
    pub(super) fn load(&mut self, value: &[u8]) -> Result<(), WireError> {
        let mut r = Reader::new(value);
        while !r.rest().is_empty() {
            let (page, crc, len) = (r.u32()?, r.u32()?, r.u16()?);
            let first = r.array()?;
            let sum = S::from_bytes(r.take(S::LEN)?);
            let follows = self.heads.last().is_none_or(|last| last.first <= first);
            if len == 0 || usize::from(len) > Self::MOST || !follows {
                return Err(WireError::OutOfBounds("page"));
            }
            self.heads.push(Head {
                first,
                page,
                crc,
                len,
                sum,
            });
        }
        Ok(())
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.heads.iter().map(|head| head.page)
    }

    /// Number of entries.
    pub(super) fn len(&self) -> u64 {
        self.heads.iter().map(|head| u64::from(head.len)).sum()
    }

    /// The page whose first entry is the last one not above `key`.
    pub(super) fn page_of(&self, key: &[u8]) -> Option<usize> {
        self.heads.partition_point(|head| head.first.as_slice() <= key).checked_sub(1)
    }

    pub(super) fn entries(&self, pages: &Pages, at: usize) -> Result<Vec<[u8; W]>, Broken> {
        let Some(head) = self.heads.get(at) else { return Ok(Vec::new()) };
        head.read(pages)
    }

    /// Entries from the first one not below `key` on.
    pub(super) fn from<'a>(&'a self, pages: &'a Pages, key: impl AsRef<[u8]> + 'a) -> impl Iterator<Item = Result<[u8; W], Broken>> + 'a {
        let start = self.page_of(key.as_ref()).unwrap_or(0);
        let lists = (start..self.heads.len()).map(move |at| self.entries(pages, at));
        let entries = lists.flat_map(|list| {
            let (list, broken) = match list {
                Ok(list) => (list, None),
                Err(broken) => (Vec::new(), Some(Err(broken))),
            };
            list.into_iter().map(Ok).chain(broken)
        });
        entries.skip_while(move |entry| entry.as_ref().is_ok_and(|e| e.as_slice() < key.as_ref()))
    }

    /// Adds entries, sorted and none of them there already.
    pub(super) fn merge(&mut self, pages: &mut Pages, added: &[[u8; W]]) -> Result<(), Broken> {
        let old = std::mem::take(&mut self.heads);
        let mut heads = Vec::with_capacity(old.len() + added.len() / Self::MOST + 1);
        let mut added = added;
        if old.is_empty() {
            self.heads = heads;
            return self.append(pages, added);
        }
        for (at, head) in old.iter().enumerate() {
            let is_last = at + 1 == old.len();
            // What comes before the very first entry goes to its page as well.
            let n = old
                .get(at + 1)
                .map_or(added.len(), |next| added.partition_point(|entry| *entry < next.first));
            let (here, rest) = added.split_at(n);
            added = rest;
            if here.is_empty() {
                heads.push(*head);
                continue;
            }
            let mut all = head.read(pages)?;
            all.extend_from_slice(here);
            all.sort_unstable();
            let parts = all.len().div_ceil(Self::MOST);
            // An appended page stays full, any other is shared out evenly.
            let size = if is_last { Self::MOST } else { all.len().div_ceil(parts) };
            for (i, part) in all.chunks(size).enumerate() {
                let page = if i == 0 { head.page } else { pages.take_number() };
                heads.push(put(pages, page, part)?);
            }
        }
        self.heads = heads;
        Ok(())
    }

    /// Adds entries that stand, sorted, above all that are there.
    pub(super) fn append(&mut self, pages: &mut Pages, entries: &[[u8; W]]) -> Result<(), Broken> {
        for part in entries.chunks(Self::MOST) {
            let page = pages.take_number();
            self.heads.push(put(pages, page, part)?);
        }
        Ok(())
    }

    /// Takes the first entry out that begins so; false if there is none.
    pub(super) fn remove(&mut self, pages: &mut Pages, key: &[u8]) -> Result<bool, Broken> {
        let at = self.page_of(key).unwrap_or(0);
        // The page before may end right below it.
        for at in [at, at + 1] {
            let mut entries = self.entries(pages, at)?;
            let Some(i) = entries.iter().position(|entry| entry.starts_with(key)) else {
                continue;
            };
            entries.remove(i);
            let page = self.heads[at].page;
            if entries.is_empty() {
                pages.give_back(page);
                self.heads.remove(at);
            } else {
                self.heads[at] = put(pages, page, &entries)?;
            }
            return Ok(true);
        }
        Ok(false)
    }
}

impl<const W: usize, S> Head<W, S> {
    fn read(&self, pages: &Pages) -> Result<Vec<[u8; W]>, Broken> {
        let payload = pages.read(self.page, usize::from(self.len) * W, self.crc)?;
        let entries = payload.as_chunks::<W>().0;
        Ok(entries.to_vec())
    }
}

fn put<const W: usize, S: Sum>(pages: &mut Pages, page: u32, entries: &[[u8; W]]) -> Result<Head<W, S>, Broken> {
    Ok(Head {
        first: entries[0],
        page,
        crc: pages.write(page, entries.as_flattened().to_vec())?,
        len: entries.len() as u16,
        sum: S::of(entries),
    })
}
