//! Bytes besides the items, length prefixes, statuses, acknowledgements and Done included, and an oracle for what is exchanged.

use negentropy::{Id, Negentropy, NegentropyStorageVector};

use super::*;
use crate::ids::Hlc;
use crate::sync::reconcile;

/// Keys of a set of `n`, a minute apart, in one lane or spread over three.
fn keys(n: u64, lanes: u64, random: &mut Random) -> Vec<OrderKey> {
    (0..n)
        .map(|i| OrderKey {
            lane: if lanes == 1 { 2 } else { 1 + random.below(lanes) as u8 },
            time: Hlc((1_790_000_000_000 + i * 60_000 + random.below(50_000)) << 16),
            id: ItemId(random.bytes32()),
        })
        .collect()
}

/// Claims back and forth between two fixed sets until nobody has any: frame lengths, and what each side would send.
fn exchange(a: &SetIndex, b: &SetIndex) -> (Vec<usize>, [BTreeSet<OrderKey>; 2]) {
    let salt = Salt::agree(&[1; 32], &[2; 32]).of_pass(1);
    let mut message = reconcile::opening(a, &salt, &OrderKey::MIN, &OrderKey::END).unwrap();
    let (mut sizes, mut sends) = (Vec::new(), [BTreeSet::new(), BTreeSet::new()]);
    for side in [b, a].into_iter().cycle() {
        if message.is_empty() {
            break;
        }
        // Type, pass, scope and the transport's length.
        sizes.push(message.len() + 3 + 2);
        assert!(message.len() <= reconcile::MAX_MESSAGE && sizes.len() < 500);
        let answer = reconcile::answer(side, &salt, &reconcile::parse(&message).unwrap()).unwrap();
        let to_send = &mut sends[usize::from(std::ptr::eq(side, b))];
        to_send.extend(answer.missing);
        for mut span in answer.spans {
            loop {
                let (keys, rest) = span.take(side, 100).unwrap();
                to_send.extend(keys);
                match rest {
                    Some(rest) => span = rest,
                    None => break,
                }
            }
        }
        message = answer.message;
    }
    (sizes, sends)
}

/// Deals the newest `differing` keys to one side each; `to_a` in 100 go to A.
fn recent(all: &[OrderKey], differing: usize, to_a: u64, random: &mut Random) -> (SetIndex, SetIndex) {
    let (shared, new) = all.split_at(all.len() - differing);
    let (mut a, mut b) = (shared.to_vec(), shared.to_vec());
    for key in new {
        if random.below(100) < to_a { &mut a } else { &mut b }.push(*key);
    }
    (a.into_iter().collect(), b.into_iter().collect())
}

/// Statuses and Dones of both sides around the claims, as the session sends them.
const FRAMING: usize = 2 * 44 + 2 * 26;

fn measure(n: u64, differing: usize, lanes: u64) -> usize {
    let mut random = Random::new(n + differing as u64);
    let all = keys(n, lanes, &mut random);
    let mut worst = 0;
    for to_a in [0, 10, 50, 90, 100] {
        let (a, b) = recent(&all, differing, to_a, &mut random);
        let (sizes, [from_a, from_b]) = exchange(&a, &b);
        assert_eq!(from_a.len() + from_b.len(), differing);
        let bytes: usize = sizes.iter().sum::<usize>() + FRAMING;
        println!("{differing} recent in {n}, {lanes} lane(s), {to_a} % at the initiator: {bytes} B, messages {sizes:?}");
        worst = worst.max(bytes);
    }
    worst
}

#[test]
fn a_hundred_recent_differences_in_100_000_cost_at_most_1_kb() {
    assert!(measure(100_000, 100, 1) <= 1_024);
    measure(100_000, 100, 3);
}

#[test]
fn a_thousand_recent_differences_in_100_000_cost_at_most_8_kb() {
    assert!(measure(100_000, 1_000, 1) <= 8 * 1_024);
    assert!(measure(100_000, 1_000, 3) <= 8 * 1_024);
}

#[test]
fn ten_recent_differences_in_a_million_cost_a_few_hundred_bytes() {
    let bytes = measure(1_000_000, 10, 1);
    assert!(bytes <= 512, "{bytes}");
}

#[test]
fn exchanges_are_those_of_negentropy() {
    for seed in 0..25 {
        let mut random = Random::new(seed);
        let n = [0, 3, 100, 2_000, 6_000][seed as usize % 5];
        let shared = [0, 50, 99][seed as usize % 3];
        let (mut a, mut b) = (BTreeSet::new(), BTreeSet::new());
        for key in keys(n, 3, &mut random) {
            let dice = random.below(200);
            if dice < 2 * shared || dice.is_multiple_of(2) {
                a.insert(key);
            }
            if dice < 2 * shared || dice % 2 == 1 {
                b.insert(key);
            }
        }
        let (_, [from_a, from_b]) = exchange(&a.iter().copied().collect(), &b.iter().copied().collect());
        let (have, need) = oracle(&a, &b);
        assert_eq!(from_a.iter().map(|key| key.id).collect::<BTreeSet<_>>(), have);
        assert_eq!(from_b.iter().map(|key| key.id).collect::<BTreeSet<_>>(), need);
    }
}

/// What the negentropy crate says that A has and B lacks, and the reverse.
fn oracle(a: &BTreeSet<OrderKey>, b: &BTreeSet<OrderKey>) -> (BTreeSet<ItemId>, BTreeSet<ItemId>) {
    let storage = |set: &BTreeSet<OrderKey>| {
        let mut storage = NegentropyStorageVector::new();
        for key in set {
            storage.insert(key.time.0, Id::from_slice(&key.id.0).unwrap()).unwrap();
        }
        storage.seal().unwrap();
        storage
    };
    let (a, b) = (storage(a), storage(b));
    let mut client = Negentropy::borrowed(&a, 0).unwrap();
    let mut server = Negentropy::borrowed(&b, 0).unwrap();
    let (mut have, mut need) = (Vec::new(), Vec::new());
    let mut query = Some(client.initiate().unwrap());
    while let Some(message) = query {
        let response = server.reconcile(&message).unwrap();
        query = client.reconcile_with_ids(&response, &mut have, &mut need).unwrap();
    }
    let ids = |list: Vec<Id>| list.into_iter().map(|id| ItemId(id.to_bytes())).collect();
    (ids(have), ids(need))
}
