//! What the first look at a hostile change costs, in bytes asked of the allocator: a file of its own, because a counting allocator is
//! one per program.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bocage_protocol::envelope::Lane;
use bocage_protocol::ids::{DocId, Hlc, ItemId, SeatKey};
use bocage_protocol::record::preflight::{Preflight, outline};
use bocage_protocol::record::{Arrival, FactBody, Gate, OwnChain, Refusal, Verdict, payload};
use bocage_protocol::wire::{Reader, Writer};

/// Counts all bytes that the current thread ever asked for.
struct Counting;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "a counting allocator can't be written otherwise; it only forwards")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread being torn down no longer counts.
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + layout.size() as u64));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn cost<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = ASKED.get();
    let done = work();
    (done, ASKED.get() - before)
}

const SEAT: SeatKey = SeatKey([5; 32]);
const DOC: DocId = DocId([6; 32]);
const INCARNATION: u64 = 7;

/// What an honest author writes, taken apart: everything up to the columns, and those.
struct Honest {
    chunk: Vec<u8>,
    actor: [u8; 16],
    prefix: Vec<u8>,
    columns: Vec<(u64, Vec<u8>)>,
}

fn honest() -> Honest {
    let chain = OwnChain::new(SEAT, DOC, INCARNATION, Lane::Today);
    let chunk = chain.next(&[FactBody::resource(b"{}".to_vec())]).unwrap().chunk;
    let mut r = Reader::new(&chunk);
    r.take(9).unwrap();
    r.varint().unwrap();
    let data = r.rest();
    assert_eq!((r.varint().unwrap(), r.varint().unwrap()), (0, 16), "no dependency, an actor");
    let actor = r.array().unwrap();
    // Number 1, operations from 1, no time, no message, no other actor.
    assert_eq!(r.take(5).unwrap(), [1, 1, 0, 0, 0]);
    let prefix = data[..data.len() - r.rest().len()].to_vec();
    let specs: Vec<(u64, u64)> = (0..r.varint().unwrap())
        .map(|_| (r.varint().unwrap(), r.varint().unwrap()))
        .collect();
    let columns = specs
        .iter()
        .map(|(spec, len)| (*spec, r.take(*len as usize).unwrap().to_vec()))
        .collect();
    r.end().unwrap();
    Honest {
        actor,
        prefix,
        columns,
        chunk,
    }
}

impl Honest {
    fn with(&self, alter: impl FnOnce(&mut Vec<(u64, Vec<u8>)>)) -> Vec<u8> {
        let mut columns = self.columns.clone();
        alter(&mut columns);
        let mut w = Writer::new();
        w.bytes(&self.prefix).varint(columns.len() as u64);
        columns.iter().for_each(|(spec, data)| {
            w.varint(*spec).varint(data.len() as u64);
        });
        columns.iter().for_each(|(_, data)| {
            w.bytes(data);
        });
        chunk(1, &w.finish())
    }
}

/// Its checksum is false: nobody gets as far as looking at it.
fn chunk(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut w = Writer::new();
    w.bytes(&[0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0]).u8(kind);
    w.varint(data.len() as u64).bytes(data);
    w.finish()
}

/// A positive run of `n` of one value, as Automerge's columns write it: signed LEB128, then the value.
fn run(mut n: u64, value: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x40 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.extend([n as u8, value]);
    bytes
}

fn offer(chunk: &[u8]) -> (Verdict, u64) {
    let plaintext = payload::encode(&[chunk]).unwrap();
    let arrival = Arrival {
        author: SEAT,
        doc: DOC,
        incarnation: INCARNATION,
        lane: Lane::Today,
        envelope: ItemId([1; 32]),
        hlc: Hlc::from_millis(1),
    };
    let mut gate = Gate::new(DOC);
    let ((verdict, _), cost) = cost(|| gate.offer(&arrival, &plaintext));
    (verdict, cost)
}

fn refused(chunk: &[u8], actor: &[u8; 16], why: Preflight, most: u64) {
    let (found, asked) = cost(|| outline(chunk, actor));
    assert_eq!((found, asked), (Err(why), 0), "the first look asks for nothing");
    let (verdict, asked) = offer(chunk);
    assert!(
        matches!(verdict, Verdict::Refused(Refusal::Preflight(found)) if found == why),
        "{verdict:?}"
    );
    assert!(asked < most, "{asked} bytes");
}

/// A hostile author sends 30 MiB of zeros in 30 KiB of deflate, as a chunk and in each column: inflating it would be the attack.
#[test]
fn t29_a_deflate_bomb_costs_less_than_a_mebibyte() {
    let honest = honest();
    let bomb = miniz_oxide::deflate::compress_to_vec(&vec![0; 30 << 20], 6);
    refused(&chunk(2, &bomb), &honest.actor, Preflight::ChunkType(2), 1 << 20);
    for at in 0..honest.columns.len() {
        let deflated = honest.with(|columns| {
            columns[at].0 |= 8;
            columns[at].1.clone_from(&bomb);
        });
        refused(&deflated, &honest.actor, Preflight::Deflated, 1 << 20);
    }
}

/// A hundred bytes say that they are five million operations, or 10¹²: whoever makes room for them is out of memory.
#[test]
fn t30_a_claim_of_millions_of_operations_costs_no_more_than_its_bytes() {
    let honest = honest();
    for ops in [10_001, 5_000_000, 1_000_000_000_000, 1 << 61] {
        let hostile = honest.with(|columns| {
            columns.iter_mut().find(|(spec, _)| *spec == 0x42).unwrap().1 = run(ops, 1);
            columns.iter_mut().find(|(spec, _)| *spec == 0x57).unwrap().1.clear();
        });
        assert!(hostile.len() < 200);
        refused(&hostile, &honest.actor, Preflight::Ops, 64 << 10);
    }
}

#[test]
fn an_honest_change_is_outlined_without_asking_and_the_counter_counts() {
    let honest = honest();
    assert_eq!(honest.with(|_| {})[9..], honest.chunk[9..], "put back as it was");
    let (outlined, asked) = cost(|| outline(&honest.chunk, &honest.actor).unwrap());
    assert_eq!((outlined.ops, asked), (1, 0));
    let (verdict, asked) = offer(&honest.chunk);
    assert!(matches!(verdict, Verdict::Admitted(_)));
    assert!(asked > 0);
    assert!(cost(|| vec![0u8; 1 << 20]).1 >= 1 << 20);
}
