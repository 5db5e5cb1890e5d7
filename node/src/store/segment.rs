//! The segment codec: how batches lie in a file. Knows no directory, no index and no engine, so that the log, a USB file and a
//! backup are one format with one verifier.
//!
//! ```text
//! segment = header record*
//! header  = magic 8 | version 4 | number 4 | first batch 8 | sync 8 | crc 4              the same 36 bytes in every version
//! record  = sync 8 | batch 8 | entries 4 | body length 4 | crc 4 | body | crc 4          one record is one atomic batch
//! body    = entry*
//! entry   = kind 1 | length 4 | payload | crc 4                                          one entry is what a reader fetches
//! ```
//!
//! Integers are big-endian, checksums CRC-32C. Invariants:
//! * A record whose outer checksum holds is a whole batch; its batch number is one more than the one before.
//! * `sync` is drawn at random for each segment, opens every record and seeds every checksum of an entry. Peers never see it, so
//!   an envelope can't carry bytes that would pass for a record when a damaged segment is searched for the next whole one.
//! * A record's checksum covers its offset, an item's bytes are found only under its own id: misplaced bytes are not served.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use bocage_protocol::ids::{DocId, Hlc, ItemId};
use bocage_protocol::store::{MAX_BATCH, MAX_LOCAL_KEY, OrderKey};
use bocage_protocol::wire::Reader;
use crc32c::{crc32c, crc32c_append};

/// The version this build writes; it reads no newer one.
pub const VERSION: u32 = 1;
/// Length of a segment's header.
pub const HEADER: usize = 36;
/// Length of what a record has around its body.
pub const FRAME: usize = FRAME_HEAD + CRC;

const MAGIC: [u8; 8] = *b"\x8bBOCAGE\n";
const FRAME_HEAD: usize = 28;
const ENTRY_HEAD: usize = 5;
const CRC: usize = 4;

/// First bytes of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub number: u32,
    /// Number of the first batch written here. An earlier segment may hold an attempt at this batch that was never acknowledged.
    pub first_batch: u64,
    /// Random.
    pub sync: [u8; 8],
}

/// Why a segment's first bytes were refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeaderError {
    /// A sound header of a later format.
    Newer(u32),
    /// Anything else.
    Damaged,
}

impl Header {
    pub fn to_bytes(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_be_bytes());
        out[12..16].copy_from_slice(&self.number.to_be_bytes());
        out[16..24].copy_from_slice(&self.first_batch.to_be_bytes());
        out[24..32].copy_from_slice(&self.sync);
        let crc = crc32c(&out[..32]);
        out[32..].copy_from_slice(&crc.to_be_bytes());
        out
    }

    pub fn parse(bytes: &[u8; HEADER]) -> Result<Self, HeaderError> {
        let mut r = Reader::new(&bytes[8..]);
        let fields = (|| Ok::<_, bocage_protocol::wire::WireError>((r.u32()?, r.u32()?, r.u64()?, r.array()?, r.u32()?)))();
        match fields {
            Ok((version, number, first_batch, sync, crc)) if bytes[..8] == MAGIC && crc == crc32c(&bytes[..32]) => match version {
                VERSION => Ok(Self { number, first_batch, sync }),
                0 => Err(HeaderError::Damaged),
                newer => Err(HeaderError::Newer(newer)),
            },
            _ => Err(HeaderError::Damaged),
        }
    }

    /// Makes up for a damaged header from the first record, which repeats what matters of it.
    pub fn recover(number: u32, first_record: &[u8]) -> Option<Self> {
        let sync = *first_record.first_chunk()?;
        let guess = Self {
            number,
            first_batch: 0,
            sync,
        };
        let frame = Frame::parse(first_record.first_chunk()?, &guess, HEADER as u64)?;
        let first_batch = frame.batch;
        Some(Self { first_batch, ..guess })
    }

    fn entry_crc(&self, entry: &[u8]) -> u32 {
        crc32c_append(crc32c(&self.sync), entry)
    }
}

/// Where an entry lies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    pub segment: u32,
    pub offset: u32,
    /// Of the whole entry; never zero.
    pub len: u32,
}

/// What a clean stop leaves as the last record, for the next start to compare with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stop {
    /// Count and sum of all items: [`bocage_protocol::store::Fingerprint::to_bytes`].
    pub set: [u8; 40],
    pub locals: u64,
    /// Checksum of the persisted index, file by file.
    pub index_crc: u32,
    /// Bytes in all segments before this record.
    pub log_bytes: u64,
    /// Damage known so far: see [`super::Report`].
    pub damaged: u64,
    pub lost_batches: u64,
}

/// What an item's entry takes on the disk besides the item's own bytes.
pub const ITEM_FRAME: usize = ENTRY_HEAD + 41 + DocId::LEN + CRC;

/// One write of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry<'a> {
    Item { key: OrderKey, doc: DocId, bytes: &'a [u8] },
    Put { key: &'a [u8], value: &'a [u8] },
    Remove { key: &'a [u8] },
    Stop(Stop),
}

impl<'a> Entry<'a> {
    /// Reads one whole entry and holds its checksum against it; `None` if anything is off.
    pub fn parse(bytes: &'a [u8], header: &Header) -> Option<Self> {
        let (sealed, crc) = bytes.split_last_chunk::<CRC>()?;
        (u32::from_be_bytes(*crc) == header.entry_crc(sealed)).then_some(())?;
        Self::decode(sealed)
    }

    fn decode(sealed: &'a [u8]) -> Option<Self> {
        let mut r = Reader::new(sealed);
        let kind = r.u8().ok()?;
        (r.u32().ok()? as usize == r.rest().len()).then_some(())?;
        Some(match kind {
            1 => Self::Item {
                key: OrderKey {
                    lane: r.u8().ok()?,
                    time: Hlc(r.u64().ok()?),
                    id: ItemId(r.array().ok()?),
                },
                doc: DocId(r.array().ok()?),
                bytes: r.rest(),
            },
            2 => {
                let n = r.u16().ok()? as usize;
                (n <= MAX_LOCAL_KEY).then_some(())?;
                let key = r.take(n).ok()?;
                Self::Put { key, value: r.rest() }
            }
            3 if r.rest().len() <= MAX_LOCAL_KEY => Self::Remove { key: r.rest() },
            4 => {
                let stop = Stop {
                    set: r.array().ok()?,
                    locals: r.u64().ok()?,
                    index_crc: r.u32().ok()?,
                    log_bytes: r.u64().ok()?,
                    damaged: r.u64().ok()?,
                    lost_batches: r.u64().ok()?,
                };
                r.end().ok()?;
                Self::Stop(stop)
            }
            _ => return None,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Item { key, doc, bytes } => {
                out.extend(key.to_bytes());
                out.extend(doc.0);
                out.extend_from_slice(bytes);
            }
            Self::Put { key, value } => {
                out.extend((key.len() as u16).to_be_bytes());
                out.extend_from_slice(key);
                out.extend_from_slice(value);
            }
            Self::Remove { key } => out.extend_from_slice(key),
            Self::Stop(stop) => {
                out.extend(stop.set);
                out.extend(stop.locals.to_be_bytes());
                out.extend(stop.index_crc.to_be_bytes());
                out.extend(stop.log_bytes.to_be_bytes());
                out.extend(stop.damaged.to_be_bytes());
                out.extend(stop.lost_batches.to_be_bytes());
            }
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Item { .. } => 1,
            Self::Put { .. } => 2,
            Self::Remove { .. } => 3,
            Self::Stop(_) => 4,
        }
    }
}

/// Length of the record of a clean stop.
pub const STOP_RECORD: usize = FRAME + ENTRY_HEAD + 40 + 8 + 4 + 8 + 8 + 8 + CRC;

/// A batch being laid out for one place of one segment.
pub struct Record {
    header: Header,
    batch: u64,
    offset: u64,
    bytes: Vec<u8>,
    spans: Vec<Position>,
}

impl Record {
    pub fn new(header: &Header, batch: u64, offset: u64) -> Self {
        Self {
            header: *header,
            batch,
            offset,
            bytes: vec![0; FRAME_HEAD],
            spans: Vec::new(),
        }
    }

    pub fn push(&mut self, entry: &Entry<'_>) {
        let from = self.bytes.len();
        self.bytes.extend([entry.kind(), 0, 0, 0, 0]);
        entry.encode(&mut self.bytes);
        let length = (self.bytes.len() - from - ENTRY_HEAD) as u32;
        self.bytes[from + 1..from + ENTRY_HEAD].copy_from_slice(&length.to_be_bytes());
        let crc = self.header.entry_crc(&self.bytes[from..]);
        self.bytes.extend(crc.to_be_bytes());
        self.spans.push(Position {
            segment: self.header.number,
            offset: u32::try_from(self.offset + from as u64).expect("a segment rolls long before 4 GiB"),
            len: (self.bytes.len() - from) as u32,
        });
    }

    /// The bytes to write at the record's offset, and where each entry will lie.
    pub fn finish(mut self) -> (Vec<u8>, Vec<Position>) {
        let frame = Frame {
            batch: self.batch,
            entries: self.spans.len() as u32,
            body: (self.bytes.len() - FRAME_HEAD) as u32,
        };
        self.bytes[..FRAME_HEAD].copy_from_slice(&frame.to_bytes(&self.header, self.offset));
        let crc = crc32c(&self.bytes);
        self.bytes.extend(crc.to_be_bytes());
        (self.bytes, self.spans)
    }
}

struct Frame {
    batch: u64,
    entries: u32,
    body: u32,
}

impl Frame {
    fn to_bytes(&self, header: &Header, offset: u64) -> [u8; FRAME_HEAD] {
        let mut out = [0; FRAME_HEAD];
        out[..8].copy_from_slice(&header.sync);
        out[8..16].copy_from_slice(&self.batch.to_be_bytes());
        out[16..20].copy_from_slice(&self.entries.to_be_bytes());
        out[20..24].copy_from_slice(&self.body.to_be_bytes());
        let crc = crc32c_append(crc32c(&offset.to_be_bytes()), &out[..24]);
        out[24..].copy_from_slice(&crc.to_be_bytes());
        out
    }

    fn parse(bytes: &[u8; FRAME_HEAD], header: &Header, offset: u64) -> Option<Self> {
        let mut r = Reader::new(&bytes[8..]);
        let frame = Self {
            batch: r.u64().ok()?,
            entries: r.u32().ok()?,
            body: r.u32().ok()?,
        };
        (frame.body as usize <= MAX_BATCH && frame.to_bytes(header, offset) == *bytes).then_some(frame)
    }

    fn end(&self, offset: u64) -> u64 {
        offset + FRAME as u64 + u64::from(self.body)
    }
}

/// What lies next in a segment.
pub enum Block<'a> {
    Record(Found<'a>),
    /// Bytes that are no record: torn, or damaged beyond recognition.
    Gap {
        from: u64,
        to: u64,
    },
}

/// A record as found.
pub struct Found<'a> {
    header: &'a Header,
    pub offset: u64,
    pub end: u64,
    pub batch: u64,
    /// Entries written.
    pub entries: u32,
    /// The outer checksum holds.
    pub whole: bool,
    body: &'a [u8],
}

impl<'a> Found<'a> {
    /// The entries whose own checksum holds, and their places: all of them if the record is whole.
    pub fn read(&self) -> impl Iterator<Item = (Entry<'a>, Position)> {
        let (body, header, whole) = (self.body, *self.header, self.whole);
        let base = self.offset + FRAME_HEAD as u64;
        let mut at = 0;
        std::iter::from_fn(move || {
            loop {
                let rest = body.get(at..)?;
                let length = u32::from_be_bytes(*rest.get(1..ENTRY_HEAD)?.first_chunk()?) as usize;
                let len = length.checked_add(ENTRY_HEAD + CRC)?;
                let bytes = rest.get(..len)?;
                let offset = u32::try_from(base + at as u64).ok()?;
                at += len;
                let entry = match whole {
                    true => Entry::decode(&bytes[..len - CRC]),
                    false => Entry::parse(bytes, &header),
                };
                let segment = header.number;
                let len = len as u32;
                if let Some(entry) = entry {
                    return Some((entry, Position { segment, offset, len }));
                }
            }
        })
    }
}

/// Walks a segment from its first record to its end, over whatever damage there is. Holds one record in memory.
pub struct Scanner<R> {
    source: BufReader<R>,
    header: Header,
    at: u64,
    len: u64,
    body: Vec<u8>,
}

impl<R: Read + Seek> Scanner<R> {
    /// `len` is the length of the segment in bytes, header included.
    pub fn new(mut source: R, header: Header, len: u64) -> io::Result<Self> {
        source.seek(SeekFrom::Start(HEADER as u64))?;
        Ok(Self {
            source: BufReader::with_capacity(1 << 20, source),
            header,
            at: HEADER as u64,
            len,
            body: Vec::new(),
        })
    }

    /// How far it has come, in bytes.
    pub fn at(&self) -> u64 {
        self.at
    }

    pub fn next_block(&mut self) -> io::Result<Option<Block<'_>>> {
        let from = self.at;
        if from >= self.len {
            return Ok(None);
        }
        let mut head = [0; FRAME_HEAD];
        let frame = if self.len - from >= FRAME as u64 {
            self.source.read_exact(&mut head)?;
            Frame::parse(&head, &self.header, from)
        } else {
            None
        };
        match frame {
            Some(frame) if frame.end(from) <= self.len => {
                let end = frame.end(from);
                self.body.resize(frame.body as usize, 0);
                self.source.read_exact(&mut self.body)?;
                let mut crc = [0; CRC];
                self.source.read_exact(&mut crc)?;
                self.at = end;
                Ok(Some(Block::Record(Found {
                    header: &self.header,
                    offset: from,
                    end,
                    batch: frame.batch,
                    entries: frame.entries,
                    whole: crc32c_append(crc32c(&head), &self.body) == u32::from_be_bytes(crc),
                    body: &self.body,
                })))
            }
            // A sound frame that promises more than there is: its batch was being written when the power went.
            Some(_) => {
                self.at = self.len;
                Ok(Some(Block::Gap { from, to: self.len }))
            }
            None => {
                let to = self.resynchronise(from + 1)?;
                self.source.seek(SeekFrom::Start(to))?;
                self.at = to;
                Ok(Some(Block::Gap { from, to }))
            }
        }
    }

    /// Offset of the next sound frame from `from` on, or the end.
    fn resynchronise(&mut self, mut from: u64) -> io::Result<u64> {
        const WINDOW: usize = 256 * 1024;
        let mut window = vec![0; WINDOW];
        while from + FRAME as u64 <= self.len {
            let n = WINDOW.min((self.len - from) as usize);
            self.source.seek(SeekFrom::Start(from))?;
            self.source.read_exact(&mut window[..n])?;
            let last = n - FRAME_HEAD;
            let hit = (0..=last).find(|&i| {
                window[i] == self.header.sync[0]
                    && window[i..n]
                        .first_chunk()
                        .is_some_and(|head| Frame::parse(head, &self.header, from + i as u64).is_some())
            });
            match hit {
                Some(i) => return Ok(from + i as u64),
                None => from += last as u64 + 1,
            }
        }
        Ok(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    const HEAD: Header = Header {
        number: 3,
        first_batch: 10,
        sync: *b"\x01\x02\x03\x04\x05\x06\x07\x08",
    };

    fn segment(batches: &[&[Entry<'_>]]) -> Vec<u8> {
        let mut out = HEAD.to_bytes().to_vec();
        for (n, entries) in batches.iter().enumerate() {
            let mut record = Record::new(&HEAD, 10 + n as u64, out.len() as u64);
            entries.iter().for_each(|e| record.push(e));
            out.extend(record.finish().0);
        }
        out
    }

    /// (batch, whole, readable entries) of each record, and the gaps as batch zero.
    fn walk(bytes: &[u8]) -> Vec<(u64, bool, usize)> {
        let mut scanner = Scanner::new(Cursor::new(bytes), HEAD, bytes.len() as u64).unwrap();
        let mut out = Vec::new();
        while let Some(block) = scanner.next_block().unwrap() {
            out.push(match block {
                Block::Record(found) => (found.batch, found.whole, found.read().count()),
                Block::Gap { .. } => (0, false, 0),
            });
        }
        out
    }

    const PUT: Entry<'static> = Entry::Put {
        key: b"k",
        value: b"value",
    };

    #[test]
    fn every_entry_comes_back_as_it_went_and_is_found_at_its_place() {
        let item = Entry::Item {
            key: OrderKey {
                lane: 4,
                time: Hlc(7),
                id: ItemId([1; 32]),
            },
            doc: DocId([2; 32]),
            bytes: b"sealed",
        };
        let stop = Entry::Stop(Stop {
            set: [5; 40],
            locals: 4,
            index_crc: 6,
            log_bytes: 3,
            damaged: 2,
            lost_batches: 1,
        });
        let all = [item, PUT, Entry::Remove { key: b"k" }, stop];
        let bytes = segment(&[&all, &[stop]]);
        let mut scanner = Scanner::new(Cursor::new(&bytes), HEAD, bytes.len() as u64).unwrap();
        let Some(Block::Record(found)) = scanner.next_block().unwrap() else {
            panic!("a record")
        };
        let read: Vec<_> = found.read().collect();
        assert!(found.whole && read.iter().map(|(e, _)| *e).eq(all));
        for (entry, at) in read {
            let range = at.offset as usize..(at.offset + at.len) as usize;
            assert_eq!(Entry::parse(&bytes[range], &HEAD), Some(entry));
        }
        let Some(Block::Record(last)) = scanner.next_block().unwrap() else {
            panic!("a record")
        };
        assert_eq!((last.end - last.offset) as usize, STOP_RECORD);
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed_and_its_neighbours_survive() {
        let bytes = segment(&[&[PUT, PUT], &[PUT, PUT, PUT], &[PUT]]);
        assert_eq!(walk(&bytes), [(10, true, 2), (11, true, 3), (12, true, 1)]);
        let second = HEADER + FRAME + 2 * 17;
        let third = second + FRAME + 3 * 17;
        for bit in second * 8..third * 8 {
            let mut hurt = bytes.clone();
            hurt[bit / 8] ^= 1 << (bit % 8);
            let blocks = walk(&hurt);
            assert_eq!(blocks.first(), Some(&(10, true, 2)), "bit {bit}");
            assert_eq!(blocks.last(), Some(&(12, true, 1)), "bit {bit}");
            assert!(
                blocks.len() == 3 && !blocks[1].1 && (blocks[1].2 <= 2 || bit >= (third - CRC) * 8),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn every_truncation_leaves_the_records_before_it() {
        let bytes = segment(&[&[PUT], &[PUT, PUT]]);
        let second = HEADER + FRAME + 17;
        for n in second..bytes.len() {
            let blocks = walk(&bytes[..n]);
            assert_eq!(blocks[0], (10, true, 1), "{n}");
            assert!(
                blocks[1..].iter().all(|b| *b == (0, false, 0)) && blocks.len() == 1 + usize::from(n > second),
                "{n}"
            );
        }
    }

    #[test]
    fn an_envelope_that_carries_a_record_is_not_taken_for_one() {
        // The hostile bytes are a perfect record of the right offset: only the random sync word is not theirs to know.
        let stranger = Header {
            sync: *b"guessed!",
            ..HEAD
        };
        let at = HEADER + FRAME_HEAD + ENTRY_HEAD + 2 + 1;
        let mut record = Record::new(&stranger, 11, at as u64);
        record.push(&Entry::Put {
            key: b"own counter",
            value: b"0",
        });
        let hostile = record.finish().0;
        let mut bytes = segment(&[
            &[Entry::Put {
                key: b"k",
                value: &hostile,
            }],
            &[PUT],
        ]);
        bytes[HEADER + 9] ^= 1;
        assert_eq!(walk(&bytes), [(0, false, 0), (11, true, 1)]);
        let own = Record::new(&HEAD, 11, at as u64).finish().0;
        let mut known = segment(&[&[Entry::Put { key: b"k", value: &own }], &[PUT]]);
        known[HEADER + 9] ^= 1;
        assert_eq!(walk(&known).len(), 4, "and with the sync word it would have been");
    }

    #[test]
    fn headers_are_recognised_refused_or_recovered() {
        let bytes = HEAD.to_bytes();
        assert_eq!(Header::parse(&bytes), Ok(HEAD));
        for bit in 0..HEADER * 8 {
            let mut hurt = bytes;
            hurt[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::parse(&hurt), Err(HeaderError::Damaged), "bit {bit}");
        }
        let mut newer = bytes;
        newer[11] = 9;
        let crc = crc32c(&newer[..32]);
        newer[32..].copy_from_slice(&crc.to_be_bytes());
        assert_eq!(Header::parse(&newer), Err(HeaderError::Newer(9)));
        let whole = segment(&[&[PUT]]);
        assert_eq!(Header::recover(3, &whole[HEADER..]), Some(HEAD));
        assert_eq!(Header::recover(3, &whole[HEADER + 1..]), None);
    }
}
