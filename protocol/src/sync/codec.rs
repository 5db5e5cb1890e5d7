//! The short form of items within a session: what one direction has named already is a small number from then on.
//!
//! One [`Encoder`] and the peer's [`Decoder`] walk the same items in the same order and so hold the same tables; each table is a
//! ring that overwrites its oldest entry. Left out: the envelope id, the synthetic value of clear bodies, `prev` where it is the
//! last envelope of its chain in this direction, key id and clock where they follow from the last item. The canonical bytes come
//! back exactly, or the peer is at fault.
//!
//! Layout of an envelope: kind u8; flags u8 (lane in the low three bits, [`PREV`], [`NEXT`], [`KID`], count of grants in the top
//! two); document alias; chain alias (author and incarnation); unless NEXT seq − last seq as zigzag; milliseconds since the last
//! item as zigzag; counter; unless PREV prev 32; unless KID kid alias (sealed kinds only); grant aliases; body length; siv 32
//! unless clear; body; signature 64. Alias: varint, 0 followed by the value itself, else 1 + its place. Other items: 0, length,
//! bytes.

use std::collections::BTreeMap;

use crate::crypto::{context, derive};
use crate::envelope::{Envelope, Header, Kind, Lane, MAX_AUTHORITY, MAX_BODY, Protection};
use crate::ids::{DocId, GrantId, Hlc, ItemId, Kid, SeatKey};
use crate::wire::{Reader, WireError, Writer};

/// Longest item that is no envelope (a registry op).
pub const MAX_OPAQUE: usize = 4 * 1024;
/// First byte of a registry op.
pub const OPAQUE: u8 = 0x81;
/// Entries of each table: a peer can make us hold about 2 MiB a session.
const TABLE: usize = 4_096;

/// `prev` is the last envelope of this chain seen in this direction.
const PREV: u8 = 1 << 3;
/// `seq` follows the last one of this chain seen in this direction.
const NEXT: u8 = 1 << 4;
/// The key id is the one last seen with this document.
const KID: u8 = 1 << 5;

/// Values with small numbers. Both directions' ends run the same operations on theirs.
struct Table<T> {
    places: BTreeMap<T, usize>,
    ring: Vec<T>,
    oldest: usize,
}

impl<T: Ord + Copy> Table<T> {
    fn new() -> Self {
        Self {
            places: BTreeMap::new(),
            ring: Vec::new(),
            oldest: 0,
        }
    }

    /// Names `value`; returns its place.
    fn add(&mut self, value: T) -> usize {
        let place = if self.ring.len() < TABLE {
            self.ring.push(value);
            self.ring.len() - 1
        } else {
            let place = self.oldest;
            self.places.remove(&self.ring[place]);
            self.ring[place] = value;
            self.oldest = (place + 1) % TABLE;
            place
        };
        self.places.insert(value, place);
        place
    }

    fn write(&mut self, w: &mut Writer, value: T, bytes: impl FnOnce(&mut Writer) -> &mut Writer) {
        match self.places.get(&value) {
            Some(place) => {
                w.varint(*place as u64 + 1);
            }
            None => {
                w.varint(0);
                bytes(w);
                self.add(value);
            }
        }
    }

    fn read<'a>(&mut self, r: &mut Reader<'a>, value: impl FnOnce(&mut Reader<'a>) -> Result<T, WireError>) -> Result<T, WireError> {
        match r.varint()? {
            0 => {
                let value = value(r)?;
                if self.places.contains_key(&value) {
                    return Err(WireError::NotCanonical("alias"));
                }
                self.add(value);
                Ok(value)
            }
            n => self.ring.get(n as usize - 1).copied().ok_or(WireError::Unknown("alias")),
        }
    }
}

type Chain = (SeatKey, u64);

/// What both ends know after the same items.
struct Memory {
    docs: Table<DocId>,
    chains: Table<Chain>,
    kids: Table<Kid>,
    grants: Table<GrantId>,
    /// Of the chains and documents in the tables: last seq and id, last key id. Pruned with their tables.
    last: BTreeMap<Chain, (u64, ItemId)>,
    kid_of: BTreeMap<DocId, Kid>,
    clock: Hlc,
}

impl Memory {
    fn new() -> Self {
        Self {
            docs: Table::new(),
            chains: Table::new(),
            kids: Table::new(),
            grants: Table::new(),
            last: BTreeMap::new(),
            kid_of: BTreeMap::new(),
            clock: Hlc::default(),
        }
    }

    fn learn(&mut self, envelope: &Envelope) {
        let header = &envelope.header;
        // The maps follow their tables loosely: twice a table's entries, then what the table forgot goes.
        if self.last.len() >= 2 * TABLE {
            self.last.retain(|chain, _| self.chains.places.contains_key(chain));
        }
        if self.kid_of.len() >= 2 * TABLE {
            self.kid_of.retain(|doc, _| self.docs.places.contains_key(doc));
        }
        self.last.insert((header.seat, header.incarnation), (header.seq, envelope.id()));
        if header.kind.protection() == Protection::Sealed {
            self.kid_of.insert(header.doc, header.kid);
        }
        self.clock = header.hlc;
    }
}

fn zigzag(v: i64) -> u64 {
    (v << 1 ^ v >> 63) as u64
}

fn unzigzag(v: u64) -> i64 {
    (v >> 1) as i64 ^ -((v & 1) as i64)
}

/// The sending end of one direction.
pub struct Encoder(Memory);

impl Default for Encoder {
    fn default() -> Self {
        Self(Memory::new())
    }
}

impl Encoder {
    /// Appends the short form of a stored item. What it returns must be sent, in this order, or the session ended.
    ///
    /// # Errors
    /// The bytes are neither a canonical envelope nor a registry op within [`MAX_OPAQUE`]; nothing was named.
    pub fn encode(&mut self, item: &[u8], w: &mut Writer) -> Result<(), WireError> {
        if item.first() == Some(&OPAQUE) {
            if item.len() > MAX_OPAQUE {
                return Err(WireError::OutOfBounds("registry op"));
            }
            w.u8(0).varint(item.len() as u64).bytes(item);
            return Ok(());
        }
        let envelope = Envelope::parse(item)?;
        let (memory, header) = (&mut self.0, &envelope.header);
        let protection = header.kind.protection();
        let chain = (header.seat, header.incarnation);
        let (seq, id) = memory.last.get(&chain).copied().unwrap_or_default();
        let next = header.seq.checked_sub(1) == Some(seq);
        let known_kid = protection == Protection::Sealed && memory.kid_of.get(&header.doc) == Some(&header.kid);
        let mut flags = header.lane as u8 | (header.authority.len() as u8) << 6;
        for (flag, on) in [(PREV, header.prev == id), (NEXT, next), (KID, known_kid)] {
            flags |= if on { flag } else { 0 };
        }
        w.u8(header.kind as u8).u8(flags);
        memory.docs.write(w, header.doc, |w| w.bytes(&header.doc.0));
        memory.chains.write(w, chain, |w| w.bytes(&header.seat.0).u64(header.incarnation));
        if !next {
            w.varint(zigzag(header.seq.wrapping_sub(seq) as i64));
        }
        w.varint(zigzag(header.hlc.millis() as i64 - memory.clock.millis() as i64));
        w.varint(header.hlc.0 & 0xffff);
        if flags & PREV == 0 {
            w.bytes(&header.prev.0);
        }
        if protection == Protection::Sealed && !known_kid {
            memory.kids.write(w, header.kid, |w| w.bytes(&header.kid.0));
        }
        for grant in &header.authority {
            memory.grants.write(w, *grant, |w| w.bytes(&grant.0));
        }
        w.varint(envelope.body.len() as u64);
        if protection != Protection::Clear {
            w.bytes(&envelope.siv);
        }
        w.bytes(&envelope.body).bytes(&envelope.signature);
        memory.learn(&envelope);
        Ok(())
    }
}

/// An item as it came out of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decoded {
    /// Canonical bytes.
    pub bytes: Vec<u8>,
    /// Known for envelopes; registry ops are opaque here.
    pub id: Option<ItemId>,
}

/// The receiving end of one direction. After an error it must not be used again: the tables no longer agree.
pub struct Decoder(Memory);

impl Default for Decoder {
    fn default() -> Self {
        Self(Memory::new())
    }
}

impl Decoder {
    /// Takes one item off `r`.
    ///
    /// # Errors
    /// Whatever [`Encoder::encode`] could not have written: the peer misbehaves.
    pub fn decode(&mut self, r: &mut Reader<'_>) -> Result<Decoded, WireError> {
        let kind = r.u8()?;
        if kind == 0 {
            let n = r.varint()? as usize;
            if n > MAX_OPAQUE {
                return Err(WireError::OutOfBounds("registry op"));
            }
            return opaque(r.take(n)?);
        }
        let (memory, kind, flags) = (&mut self.0, Kind::from_u8(kind)?, r.u8()?);
        let (lane, protection) = (Lane::from_u8(flags & 7)?, kind.protection());
        let doc = memory.docs.read(r, |r| Ok(DocId(r.array()?)))?;
        let chain = memory.chains.read(r, |r| Ok((SeatKey(r.array()?), r.u64()?)))?;
        let (last_seq, last_id) = memory.last.get(&chain).copied().unwrap_or_default();
        let seq = if flags & NEXT != 0 {
            last_seq.checked_add(1).ok_or(WireError::OutOfBounds("seq"))?
        } else {
            last_seq.wrapping_add(unzigzag(r.varint()?) as u64)
        };
        let millis = memory
            .clock
            .millis()
            .checked_add_signed(unzigzag(r.varint()?))
            .filter(|millis| millis >> 48 == 0)
            .ok_or(WireError::OutOfBounds("clock"))?;
        let counter = r.varint()?;
        if counter > 0xffff {
            return Err(WireError::OutOfBounds("clock"));
        }
        let prev = if flags & PREV != 0 { last_id } else { ItemId(r.array()?) };
        let kid = match (protection, flags & KID != 0) {
            (Protection::Sealed, true) => *memory.kid_of.get(&doc).ok_or(WireError::Unknown("alias"))?,
            (Protection::Sealed, false) => memory.kids.read(r, |r| Ok(Kid(r.array()?)))?,
            (_, true) => return Err(WireError::Unknown("flag")),
            (_, false) => Kid::ZERO,
        };
        let grants = usize::from(flags >> 6);
        if grants > MAX_AUTHORITY {
            return Err(WireError::OutOfBounds("authority"));
        }
        let authority = (0..grants)
            .map(|_| memory.grants.read(r, |r| Ok(GrantId(r.array()?))))
            .collect::<Result<_, _>>()?;
        let len = r.varint()? as usize;
        if len > MAX_BODY {
            return Err(WireError::OutOfBounds("body"));
        }
        let siv = if protection == Protection::Clear { None } else { Some(r.array()?) };
        let body = r.take(len)?.to_vec();
        let signature = r.array()?;
        let header = Header {
            kind,
            lane,
            doc,
            seat: chain.0,
            incarnation: chain.1,
            seq,
            prev,
            hlc: Hlc(millis << 16 | counter),
            kid,
            authority,
        };
        let siv = siv.unwrap_or_else(|| derive(context::CLEAR_BODY, &[&body]));
        let envelope = Envelope::assemble(header, siv, body, signature)?;
        memory.learn(&envelope);
        Ok(Decoded {
            bytes: envelope.to_bytes(),
            id: Some(envelope.id()),
        })
    }
}

fn opaque(bytes: &[u8]) -> Result<Decoded, WireError> {
    if bytes.first() != Some(&OPAQUE) {
        return Err(WireError::Unknown("item"));
    }
    Ok(Decoded {
        bytes: bytes.to_vec(),
        id: None,
    })
}

/// An item that came whole and unabridged (in parts, because it is long).
///
/// # Errors
/// Neither a canonical envelope nor a registry op.
pub fn decode_whole(bytes: Vec<u8>) -> Result<Decoded, WireError> {
    if bytes.first() == Some(&OPAQUE) {
        if bytes.len() > MAX_OPAQUE {
            return Err(WireError::OutOfBounds("registry op"));
        }
        return opaque(&bytes);
    }
    let id = Some(Envelope::parse(&bytes)?.id());
    Ok(Decoded { bytes, id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::testing::{Item, Random, Territory};

    fn round_trip(items: &[Item]) -> usize {
        let (mut encoder, mut decoder, mut total) = (Encoder::default(), Decoder::default(), 0);
        for (key, bytes) in items {
            let mut w = Writer::new();
            encoder.encode(bytes, &mut w).unwrap();
            let short = w.finish();
            total += short.len();
            let mut r = Reader::new(&short);
            let decoded = decoder.decode(&mut r).unwrap();
            r.end().unwrap();
            assert_eq!(decoded.bytes[..], bytes[..]);
            assert!(decoded.id.is_none_or(|id| id == key.id));
        }
        total
    }

    #[test]
    fn every_kind_comes_back_to_the_byte_in_any_order() {
        let mut territory = Territory::new(1, 5, 20);
        let kinds = [
            Kind::Receipt,
            Kind::Genesis,
            Kind::Grant,
            Kind::Revoke,
            Kind::KeyEpoch,
            Kind::Deposit,
        ];
        let mut items: Vec<Item> = (0..300).map(|_| territory.envelope()).collect();
        for kind in kinds.iter().cycle().take(200) {
            let lane = if *kind == Kind::Revoke { Lane::Control } else { Lane::Rest };
            let body = padded_body(&mut territory.random);
            items.push(territory.write(*kind, lane, body));
            items.push(territory.op());
        }
        round_trip(&items);
        let mut random = Random::new(2);
        for i in (1..items.len()).rev() {
            items.swap(i, random.below(i as u64 + 1) as usize);
        }
        items.extend_from_within(..50);
        round_trip(&items);
    }

    fn padded_body(random: &mut Random) -> usize {
        crate::envelope::padded_len(1 + random.below(900) as usize) + crate::envelope::TAG
    }

    #[test]
    fn tables_that_overflow_stay_in_step() {
        let mut territory = Territory::new(3, 5_000, 9_000);
        let items: Vec<Item> = (0..14_000).map(|_| territory.envelope()).collect();
        round_trip(&items);
    }

    #[test]
    fn a_steady_session_spends_at_most_160_bytes_an_envelope() {
        // Counted: everything on the wire of 6,000 content envelopes by 12 seats on 300 documents, first namings included, less
        // the padded plaintext (body − tag). So siv 32, tag 16 and signature 64 are in; the Items frame's own byte is not.
        let mut territory = Territory::new(4, 12, 300);
        let items: Vec<Item> = (0..6_000).map(|_| territory.envelope()).collect();
        let plain: usize = items
            .iter()
            .map(|(_, bytes)| Envelope::parse(bytes).unwrap().body.len() - crate::envelope::TAG)
            .sum();
        let overhead = (round_trip(&items) - plain) as f64 / items.len() as f64;
        println!("overhead of a content envelope: {overhead:.1} B");
        assert!(overhead <= 160.0, "{overhead}");
    }

    #[test]
    fn malformed_aliases_and_random_bytes_are_errors() {
        let unknown_doc = [Kind::Content as u8, Lane::Today as u8, 5, 0];
        assert_eq!(
            Decoder::default().decode(&mut Reader::new(&unknown_doc)),
            Err(WireError::Unknown("alias"))
        );
        let (mut random, mut territory) = (Random::new(5), Territory::new(5, 3, 3));
        let mut encoder = Encoder::default();
        let mut w = Writer::new();
        for _ in 0..20 {
            encoder.encode(&territory.envelope().1, &mut w).unwrap();
        }
        let good = w.finish();
        for _ in 0..3_000 {
            let mut bytes = good.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(600) as usize;
                bytes[at] = random.next() as u8;
            }
            bytes.truncate(random.below(good.len() as u64) as usize);
            let (mut decoder, mut r) = (Decoder::default(), Reader::new(&bytes));
            while !r.rest().is_empty() && decoder.decode(&mut r).is_ok() {}
            let n = random.below(300) as usize;
            let noise = random.bytes(n);
            let _ = Decoder::default().decode(&mut Reader::new(&noise));
        }
        assert!(Encoder::default().encode(&[OPAQUE; MAX_OPAQUE + 1], &mut Writer::new()).is_err());
        assert!(Encoder::default().encode(&random.bytes(200), &mut Writer::new()).is_err());
    }
}
