//! Deposits as they should open, and as a thief or a bungler would have them.

use super::*;
use crate::access::epochs::make_epoch;
use crate::access::keyring::KeyRing;
use crate::envelope::Lane;
use crate::ids::{DocId, Hlc, ItemId, Kid, SeatKey};

const NET: NetworkId = NetworkId([9; 32]);
const DOC: DocId = DocId([1; 32]);
const STEWARD: SeatKey = SeatKey([0xa1; 32]);

struct Dead;

impl Entropy for Dead {
    fn random32(&mut self) -> [u8; 32] {
        [0; 32]
    }
}

fn cabin() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

fn header(seq: u64) -> Header {
    Header {
        kind: Kind::Deposit,
        lane: Lane::Today,
        doc: DOC,
        seat: SeatKey(cabin().verifying_key().to_bytes()),
        incarnation: 7,
        seq,
        prev: ItemId::ZERO,
        hlc: Hlc::from_millis(1_000),
        kid: Kid::ZERO,
        authority: vec![],
    }
}

fn reader(n: u8) -> KemSecret {
    KemSecret::from_seed(&[n; 32])
}

fn sealed_to(recipients: &[&KemSecret], seq: u64) -> Verified {
    let recipients = recipients.iter().map(|r| r.public()).collect();
    seal_deposit(header(seq), &cabin(), &NET, &recipients, b"tension 13/8", &mut Dead).unwrap()
}

fn open(envelope: &Verified, with: &KemSecret) -> Result<Plaintext, DepositError> {
    open_deposit(&NET, envelope, |k| (*k == with.public()).then_some(with))
}

#[test]
fn t39_a_cabin_deposits_and_cannot_read_it_back() {
    let (epoch, key) = make_epoch(
        &NET,
        &DOC,
        &STEWARD,
        &[7; 32],
        &BTreeSet::from([reader(1).public()]),
        &[],
        &mut Dead,
    )
    .unwrap();
    let deposit = seal_deposit(
        header(1),
        &cabin(),
        &NET,
        &BTreeSet::from([epoch.deposit]),
        b"tension 13/8",
        &mut Dead,
    )
    .unwrap();
    let carried = Envelope::parse(&deposit.to_bytes()).unwrap().verify(&NET).unwrap();

    let mut ring = KeyRing::new(NET);
    ring.add_secret(reader(1));
    ring.offer(DOC, STEWARD, ItemId([1; 32]), &epoch);
    let read = open_deposit(&NET, &carried, |k| ring.secret(k)).unwrap();
    assert_eq!(read.bytes(), b"tension 13/8");

    // All that a seized cabin holds: its seed, as a signing key or as anything else, and a generator known to be dead.
    let own = KemSecret::from_seed(cabin().as_bytes());
    assert_eq!(open(&carried, &own).unwrap_err(), DepositError::NotForUs);
    for guess in [b"".as_slice(), b"tension 13/9"] {
        let again = seal_deposit(header(1), &cabin(), &NET, &BTreeSet::from([own.public()]), guess, &mut Dead).unwrap();
        let wrap = Deposit::parse(&again).unwrap().wraps[0];
        let key = wrap.open(&place(&NET, &again.header), &own).unwrap();
        let ciphertext = Deposit::parse(&carried).unwrap().ciphertext;
        assert_eq!(carried.open_with(&key, ciphertext), Err(OpenError::WrongKey));
    }
    assert!(
        carried.open(key.secret()).is_err(),
        "nor does the epoch's key itself open a deposit"
    );
}

#[test]
fn t70_a_removed_reader_opens_no_deposit_made_after() {
    let seal = |to: &BTreeSet<KemPublic>| seal_deposit(header(1), &cabin(), &NET, to, b"tension 13/8", &mut Dead).unwrap();
    let (old, old_key) = make_epoch(
        &NET,
        &DOC,
        &STEWARD,
        &[7; 32],
        &[reader(1).public(), reader(2).public()].into(),
        &[],
        &mut Dead,
    )
    .unwrap();
    let (new, _) = make_epoch(&NET, &DOC, &STEWARD, &[7; 32], &[reader(1).public()].into(), &[&old_key], &mut Dead).unwrap();
    let rings = [1, 2].map(|n| {
        let mut ring = KeyRing::new(NET);
        ring.add_secret(reader(n));
        ring.offer(DOC, STEWARD, ItemId([1; 32]), &old);
        ring.offer(DOC, STEWARD, ItemId([2; 32]), &new);
        ring
    });
    let (before, after) = (seal(&[old.deposit].into()), seal(&[new.deposit].into()));
    let opens = rings
        .each_ref()
        .map(|ring| [&before, &after].map(|d| open_deposit(&NET, d, |k| ring.secret(k)).is_ok()));
    assert_eq!(opens, [[true, true], [true, false]]);
}

#[test]
fn every_reader_opens_and_nobody_else() {
    let (a, b, stranger) = (reader(1), reader(2), reader(3));
    let deposit = sealed_to(&[&a, &b], 1);
    assert_eq!(open(&deposit, &a).unwrap().bytes(), b"tension 13/8");
    assert_eq!(open(&deposit, &b).unwrap().bytes(), b"tension 13/8");
    assert_eq!(open(&deposit, &stranger).unwrap_err(), DepositError::NotForUs);
    assert_eq!(Deposit::parse(&deposit).unwrap().wraps.len(), 2);
    assert_eq!(deposit.body.len(), 1 + 2 * 113 + 32 + TAG);
}

#[test]
fn t36_a_deposits_wrap_serves_no_other_deposit() {
    let a = reader(1);
    let (first, second) = (sealed_to(&[&a], 1), sealed_to(&[&a], 2));
    let (one, two) = (Deposit::parse(&first).unwrap(), Deposit::parse(&second).unwrap());
    assert_ne!(
        one.wraps[0].sealed[..32],
        two.wraps[0].sealed[..32],
        "even a dead generator repeats nothing"
    );
    let mut head = Writer::new();
    head.u8(1);
    one.wraps[0].write(&mut head);
    let stolen = Envelope::assemble(
        second.header.clone(),
        second.siv,
        [&head.finish(), two.ciphertext].concat(),
        [0; 64],
    )
    .unwrap();
    assert!(stolen.clone().verify(&NET).is_err(), "it takes the author to swap them");
    let place = place(&NET, &stolen.header);
    assert!(Deposit::parse(&stolen).unwrap().wraps[0].open(&place, &a).is_err());
    let elsewhere = NetworkId([8; 32]);
    assert_eq!(open_deposit(&elsewhere, &first, |_| Some(&a)).unwrap_err(), DepositError::BadWrap);
}

#[test]
fn a_wrap_to_the_wrong_key_is_an_error_that_names_its_cause() {
    let a = reader(1);
    let key = crate::crypto::Secret([3; 32]);
    let wrong = crate::crypto::Secret([4; 32]);
    let header = header(1);
    let wrap = SealedKey::seal(&place(&NET, &header), a.public(), &wrong, &[5; 32], &mut Dead).unwrap();
    let mut head = Writer::new();
    head.u8(1);
    wrap.write(&mut head);
    let deposit = header.clone().seal_behind(&cabin(), &NET, &key, head.finish(), b"x").unwrap();
    assert_eq!(open(&deposit, &a).unwrap_err(), DepositError::Content(OpenError::WrongKey));
}

#[test]
fn bodies_have_one_form_and_every_truncation_is_refused() {
    let deposit = sealed_to(&[&reader(1), &reader(2)], 1);
    let with = |body: Vec<u8>| Envelope::assemble(header(1), deposit.siv, body, [0; 64]).unwrap();
    let refused = |body: Vec<u8>| Deposit::parse(&with(body)).unwrap_err();
    assert!(Deposit::parse(&with(deposit.body.clone())).is_ok());
    for n in 0..deposit.body.len() {
        assert!(Deposit::parse(&with(deposit.body[..n].to_vec())).is_err(), "{n}");
    }
    assert_eq!(
        refused([&deposit.body[..], &[0]].concat()),
        WireError::NotCanonical("padding"),
        "a carrier refuses what could leak an exact length"
    );
    let (first, rest) = deposit.body[1..].split_at(113);
    let (second, ciphertext) = rest.split_at(113);
    assert_eq!(
        refused([&[2], second, first, ciphertext].concat()),
        WireError::NotCanonical("recipients")
    );
    assert_eq!(
        refused([&[2], first, first, ciphertext].concat()),
        WireError::NotCanonical("recipients")
    );
    assert_eq!(refused([&[0], ciphertext].concat()), WireError::OutOfBounds("recipients"));
    let content = Header {
        kind: Kind::Content,
        kid: Kid([1; 16]),
        ..header(1)
    };
    let content = content.seal(&cabin(), &NET, &crate::crypto::Secret([1; 32]), b"x").unwrap();
    assert_eq!(Deposit::parse(&content).unwrap_err(), WireError::Unknown("deposit kind"));
}

#[test]
fn what_cannot_be_a_deposit_is_not_sealed() {
    let to: BTreeSet<KemPublic> = [reader(1).public()].into();
    let seal = |header: Header, to: &BTreeSet<KemPublic>, plain: &[u8]| seal_deposit(header, &cabin(), &NET, to, plain, &mut Dead);
    let grant = Header {
        kind: Kind::Grant,
        ..header(1)
    };
    assert_eq!(seal(grant, &to, b"x").unwrap_err(), WireError::Unknown("deposit kind"));
    assert_eq!(
        seal(header(1), &BTreeSet::new(), b"x").unwrap_err(),
        WireError::OutOfBounds("recipients")
    );
    assert_eq!(seal(header(1), &to, &[0; 256 * 1024]).unwrap_err(), WireError::OutOfBounds("body"));
}
