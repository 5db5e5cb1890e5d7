//! Files that are whole, cut, turned, foreign, or written by somebody who means harm.

use super::*;
use crate::testing::{Counter, Random};

const NETWORK: NetworkId = NetworkId([7; 32]);

fn key(n: u8) -> KemSecret {
    KemSecret::from_seed(&[n; 32])
}

fn manifest() -> Manifest {
    Manifest {
        network: NETWORK,
        maker: NodeKey([9; 32]),
        made_ms: 1_795_000_000_000,
    }
}

/// A file for these, with items of these lengths.
fn file(recipients: &[u8], lengths: &[usize]) -> Vec<u8> {
    let all = recipients.iter().map(|n| key(*n).public()).collect();
    let (mut out, mut packer) = Packer::new(&all, &manifest(), &[3; 32], &mut Counter(5)).unwrap();
    for length in lengths {
        out.extend(packer.push(&Entry::Item(vec![*length as u8; *length])));
    }
    out.extend(packer.finish());
    out
}

/// Reads a whole file as a node does.
fn read(bytes: &[u8], who: u8) -> Result<Vec<usize>, MuleError> {
    let head = bytes.first_chunk().ok_or(MuleError::Damaged)?;
    let head_len = HEAD + slots_len(slots(head)?);
    let (head, mut rest) = bytes.split_at_checked(head_len).ok_or(MuleError::Damaged)?;
    let mut unpacker = Unpacker::open(head, &key(who), NETWORK)?;
    let mut lengths = Vec::new();
    let mut note = |entries: Vec<Entry>| {
        for entry in entries {
            let Entry::Item(bytes) = entry else { panic!("an item") };
            lengths.push(bytes.len());
        }
    };
    loop {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(MuleError::Damaged)?;
        let length = u32::from_be_bytes(*length) as usize;
        if length > MAX_BLOCK {
            return Err(MuleError::Damaged);
        }
        let (sealed, after) = after.split_at_checked(length).ok_or(MuleError::Damaged)?;
        rest = after;
        if rest.is_empty() {
            note(unpacker.last(sealed)?.0);
            return Ok(lengths);
        }
        note(unpacker.block(sealed)?);
    }
}

#[test]
fn whoever_it_is_for_reads_it_and_nobody_else() {
    let lengths = [100, 0, MAX_ITEM, 5_000, MAX_ITEM, 1];
    let bytes = file(&[1, 2], &lengths);
    assert_eq!(read(&bytes, 1).unwrap(), lengths);
    assert_eq!(read(&bytes, 2).unwrap(), lengths);
    assert_eq!(read(&bytes, 3).err(), Some(MuleError::NotForUs));
    assert_eq!(read(&file(&[1], &[]), 1).unwrap(), [0; 0]);
}

#[test]
fn its_head_names_nobody_and_tells_no_exact_number() {
    let one = file(&[1], &[10]);
    let seven = file(&[1, 2, 3, 4, 5, 6, 7], &[10]);
    let nine = file(&[1, 2, 3, 4, 5, 6, 7, 8, 9], &[10]);
    assert_eq!(one.len(), seven.len());
    assert_eq!(nine.len(), seven.len() + SLOTS * SEALED_SECRET_LEN);
    for n in 1..=9 {
        let public = key(n).public().0;
        assert!(!nine.windows(32).any(|w| w == public || w == NETWORK.0 || w == [9; 32]));
    }
}

#[test]
fn a_cut_or_turned_bit_anywhere_is_found() {
    let bytes = file(&[1], &[300_000, 300_000, 50]);
    let mut random = Random::new(1);
    for cut in (0..HEAD + 700).chain((0..200).map(|_| random.below(bytes.len() as u64) as usize)) {
        assert!(read(&bytes[..cut.min(bytes.len() - 1)], 1).is_err(), "cut at {cut}");
    }
    for n in 0..HEAD + 300 {
        let at = if n < HEAD { n } else { random.below(bytes.len() as u64) as usize };
        let mut turned = bytes.clone();
        turned[at] ^= 1 << random.below(8);
        // Somebody else's slot is in the head, too, which every block is bound to.
        assert!(read(&turned, 1).is_err(), "turned at {at}");
    }
    // Two whole blocks, and the last one gone: the end is missed.
    let mut blocks = Vec::new();
    let mut at = HEAD + slots_len(SLOTS);
    while at < bytes.len() {
        blocks.push(at);
        at += 4 + u32::from_be_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
    }
    assert!(blocks.len() > 2);
    for end in &blocks[1..] {
        assert_eq!(read(&bytes[..*end], 1).err(), Some(MuleError::Damaged));
    }
    assert_eq!(read(&[&bytes[..], &[0, 0, 0, 0]].concat(), 1).err(), Some(MuleError::Damaged));
}

/// Whoever knows a node's public key, that is every member, can seal anything to it.
#[test]
fn t53_a_member_s_hostile_file_is_bounded() {
    let sealed = |plains: &[&[u8]]| {
        let all = [key(1).public()].into();
        let (head, packer) = Packer::new(&all, &manifest(), &[3; 32], &mut Counter(8)).unwrap();
        let Packer { mut stream, head: aad, .. } = packer;
        let mut out = head;
        let (last, others) = plains.split_last().unwrap();
        for plain in others {
            let payload = Payload { msg: plain, aad: &aad };
            out.extend(framed(&stream.encrypt_next(payload).unwrap()));
        }
        let payload = Payload { msg: last, aad: &aad };
        out.extend(framed(&stream.encrypt_last(payload).unwrap()));
        out
    };
    let first = |network: NetworkId| {
        let m = Manifest { network, ..manifest() };
        let bytes = m.to_bytes();
        [&[0][..], &(bytes.len() as u32).to_be_bytes(), &bytes].concat()
    };
    let good = first(NETWORK);
    assert_eq!(read(&sealed(&[&deflated(&good)]), 1), Ok(Vec::new()));
    let other = first(NetworkId([8; 32]));
    assert_eq!(read(&sealed(&[&deflated(&other)]), 1), Err(MuleError::OtherNetwork));
    let content = |plain: &[u8]| read(&sealed(&[&deflated(plain)]), 1);
    // A bomb of a thousand to one.
    assert_eq!(
        content(&vec![0; 64 << 20]),
        Err(MuleError::Content(WireError::OutOfBounds("block")))
    );
    // A length that nothing could satisfy, a length over the bound, a kind that there isn't, no manifest.
    let entry = |kind: u8, length: u32| [&good[..], &[kind], &length.to_be_bytes(), b"x"].concat();
    assert_eq!(content(&entry(1, 1_000)), Err(MuleError::Content(WireError::Truncated)));
    assert_eq!(
        content(&entry(1, u32::MAX)),
        Err(MuleError::Content(WireError::OutOfBounds("item")))
    );
    assert_eq!(content(&entry(7, 1)), Err(MuleError::Content(WireError::Unknown("entry"))));
    assert_eq!(content(&entry(2, 1)), Err(MuleError::Content(WireError::Truncated)));
    assert_eq!(
        content(&entry(1, 1)[good.len()..]),
        Err(MuleError::Content(WireError::Unknown("first entry")))
    );
    // A million empty items: each block is bounded, and the first that isn't an item of the set ends the reading (see the node).
    let tiny: Vec<u8> = std::iter::repeat_n([1, 0, 0, 0, 0], 1_000_000).flatten().collect();
    assert_eq!(
        content(&[&good[..], &tiny].concat()),
        Err(MuleError::Content(WireError::OutOfBounds("block")))
    );
    assert_eq!(
        read(&sealed(&[b"\xff\xff no deflate"]), 1),
        Err(MuleError::Content(WireError::OutOfBounds("block")))
    );
}

#[test]
fn noise_is_refused() {
    let mut random = Random::new(77);
    let good = file(&[1], &[40]);
    for _ in 0..2_000 {
        let mut noise: Vec<u8> = (0..random.below(900)).map(|_| random.next() as u8).collect();
        let keep = random.below(HEAD as u64 + 1) as usize;
        if noise.len() > keep {
            noise[..keep].copy_from_slice(&good[..keep]);
        }
        assert!(read(&noise, 1).is_err());
    }
    let mut newer = good.clone();
    newer[11] = 2;
    assert_eq!(read(&newer, 1), Err(MuleError::Newer(2)));
    assert_eq!(
        Packer::new(&BTreeSet::new(), &manifest(), &[0; 32], &mut Counter(0)).err(),
        Some(MuleError::Recipients)
    );
}

/// A machine restored from an image draws the same numbers again: its files still differ in key, nonce and slots as soon as they differ in
/// moment or recipients, and it differs from a machine with another secret.
#[test]
fn repeated_randomness_repeats_no_key() {
    let head = |who: &[u8], made_ms: u64, hedge: u8| {
        let all = who.iter().map(|n| key(*n).public()).collect();
        let manifest = Manifest { made_ms, ..manifest() };
        let (head, _) = Packer::new(&all, &manifest, &[hedge; 32], &mut Counter(5)).unwrap();
        head
    };
    let first = head(&[1], 1_795_000_000_000, 3);
    assert_eq!(first, head(&[1], 1_795_000_000_000, 3), "the same file is the same");
    let pieces = |head: &[u8]| -> BTreeSet<Vec<u8>> {
        let (fixed, slots) = head.split_at(HEAD);
        let nonce = fixed[HEAD - 9..HEAD - 2].to_vec();
        slots.chunks(SEALED_SECRET_LEN).map(<[u8]>::to_vec).chain([nonce]).collect()
    };
    for other in [
        head(&[1], 1_795_000_000_001, 3),
        head(&[1, 2], 1_795_000_000_000, 3),
        head(&[1], 1_795_000_000_000, 4),
    ] {
        assert!(pieces(&first).is_disjoint(&pieces(&other)));
        // What opens one head opens nothing of the other's blocks: the key is another.
        let (mut mixed, own) = (first.clone(), other);
        mixed[HEAD - 9..HEAD - 2].copy_from_slice(&own[HEAD - 9..HEAD - 2]);
        assert!(Unpacker::open(&mixed, &key(1), NETWORK).is_err());
    }
}
