//! Every format of SPEC.md as frozen bytes: `vectors/*.txt`, recomputed here from fixed inputs and compared to the last digit.
//!
//! A difference means that other implementations and stored records no longer understand this one. Nothing here writes a file. Where
//! a change of format is wanted (with its version number), print what a file would become, read the difference, and put it there:
//!
//! ```sh
//! PRINT_VECTORS=envelope cargo test -p bocage-protocol --test it vectors:: -- --nocapture | grep -E '^#|^[a-z0-9_.]+ = '
//! ```
//!
//! Inputs: a key or secret "of n" is, or comes from the seed of, 32 bytes of that value; entropy gives 32 bytes of 1, of 2, and so on.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt::Write as _;

use bocage_protocol::access::deposit::{open_deposit, seal_deposit};
use bocage_protocol::access::epochs::{EpochKey, KeyEpoch, KeyRequest, Wrap, make_epoch, make_wrap, open_epoch};
use bocage_protocol::access::matrix;
use bocage_protocol::access::ops::{
    Adopt, DocumentKind, Endorse, Genesis, Grant, Head, Op, Rank, Revoke, Subject, Terms, genesis_grant_id, grant_id,
};
use bocage_protocol::clinical::request::Addressee;
use bocage_protocol::crypto::{Entropy, KemSecret, Secret, SignUse, context, derive, hedged, hpke_open, hpke_seal, sign};
use bocage_protocol::envelope::{Envelope, HEADER_BASE, Header, Kind, Lane, Verified, padded_len};
use bocage_protocol::identity::enrol::{self, Admission, Invitation, Part, Request};
use bocage_protocol::identity::{
    Authorities, Charter, FacilityKind, KeptHead, MatrixVersion, OpBody, Profession, RegistryOp, Revoked, Validity,
};
use bocage_protocol::ids::{
    AuthorityKey, DocId, FacilityKey, GrantId, Hlc, ItemId, Kid, NetworkId, NodeKey, PractitionerKey, RecordId, SeatKey, hex, unhex,
};
use bocage_protocol::mule::{self, Entry, Manifest, Packer, Unpacker};
use bocage_protocol::peer::{Held, Hello};
use bocage_protocol::record::{
    Arrival, Document, FactBody, FactKind, Gate, Label, OwnChain, RecordHead, RequestHead, Verdict, fact_id, payload, record_id,
};
use bocage_protocol::store::{OrderKey, Ordered, SetIndex};
use bocage_protocol::sync::codec::{Decoder, Encoder};
use bocage_protocol::sync::frames::{Done, Frame, Refusal, Status};
use bocage_protocol::sync::reconcile::{Salt, Scope, answer, opening, parse};
use bocage_protocol::wire::{Reader, Writer};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use ed25519_dalek::SigningKey;
use hpke::{Kem as _, OpModeS, Serializable as _, aead::ChaCha20Poly1305, kdf::HkdfSha256, kem::X25519HkdfSha256};

/// A file of vectors: its name, its text, and what computes it.
type File = (&'static str, &'static str, fn(&mut Vectors));

const PRIMITIVES: File = ("primitives", include_str!("../../vectors/primitives.txt"), primitives);
const ENVELOPE: File = ("envelope", include_str!("../../vectors/envelope.txt"), envelope);
const EPOCHS: File = ("epochs", include_str!("../../vectors/epochs.txt"), epochs);
const ACCESS: File = ("access", include_str!("../../vectors/access.txt"), access);
const IDENTITY: File = ("identity", include_str!("../../vectors/identity.txt"), identity);
const ENROLMENT: File = ("enrolment", include_str!("../../vectors/enrolment.txt"), enrolment);
const RECORD: File = ("record", include_str!("../../vectors/record.txt"), record);
const MULE: File = ("mule", include_str!("../../vectors/mule.txt"), mule);
const SESSION: File = ("session", include_str!("../../vectors/session.txt"), session);

/// The lines of a file as they are computed: `name = hex`, and `# …` for readers.
#[derive(Default)]
struct Vectors(String);

impl Vectors {
    fn note(&mut self, text: &str) {
        writeln!(self.0, "# {text}").expect("a string takes it");
    }

    fn put(&mut self, name: &str, bytes: impl AsRef<[u8]>) {
        writeln!(self.0, "{name} = {}", hex(bytes.as_ref())).expect("a string takes it");
    }

    /// What another document gives as the answer.
    fn known(&mut self, name: &str, computed: impl AsRef<[u8]>, published: &str) {
        assert_eq!(hex(computed.as_ref()), published, "{name} is not what its source says");
        self.put(name, computed);
    }
}

/// Fails with every line that differs, old and new.
fn check((name, frozen, compute): File) {
    let mut computed = Vectors::default();
    compute(&mut computed);
    if std::env::var("PRINT_VECTORS").is_ok_and(|wanted| wanted == name) {
        println!("\n{}", computed.0);
    }
    let faults = differences(frozen, &computed.0);
    assert!(
        faults.is_empty(),
        "vectors/{name}.txt is no longer what the code computes (how to print it: top of this test's file)\n{}",
        faults.join("\n")
    );
}

fn differences(frozen: &str, computed: &str) -> Vec<String> {
    let (mut old, mut new) = (frozen.lines(), computed.lines());
    let mut faults = Vec::new();
    loop {
        match (old.next(), new.next()) {
            (None, None) => return faults,
            (old, new) if old == new => {}
            (old, new) => faults.push(format!("- {}\n+ {}", old.unwrap_or_default(), new.unwrap_or_default())),
        }
    }
}

/// A frozen value, as another implementation would read it.
fn frozen((file, text, _): File, name: &str) -> Vec<u8> {
    let mut found = text.lines().filter_map(|l| l.strip_prefix(name)?.strip_prefix(" = "));
    let value = found.next().unwrap_or_else(|| panic!("{file} has {name}"));
    assert!(found.next().is_none(), "{file} has {name} once");
    unhex(value).unwrap_or_else(|| panic!("{file}: {name} is hexadecimal"))
}

fn frozen32(file: File, name: &str) -> [u8; 32] {
    frozen(file, name).try_into().unwrap_or_else(|_| panic!("{name} has 32 bytes"))
}

#[test]
fn one_changed_digit_fails() {
    let (_, text, compute) = PRIMITIVES;
    let mut computed = Vectors::default();
    compute(&mut computed);
    assert_eq!(differences(text, &computed.0), [] as [String; 0]);
    let at = text.rfind(" = ").expect("there are vectors") + 3;
    let other = if text.as_bytes()[at] == b'0' { "1" } else { "0" };
    let mut changed = text.to_owned();
    changed.replace_range(at..=at, other);
    assert_eq!(differences(&changed, &computed.0).len(), 1);
    assert_eq!(differences(&text[..at - 1], &computed.0).len(), 1, "a line cut short");
    assert_eq!(differences(&format!("{text}more = 00\n"), &computed.0).len(), 1, "a line too many");
}

// ---- Fixed inputs.

const NET: NetworkId = NetworkId([0x99; 32]);
const DOC: DocId = DocId([0xd0; 32]);
/// 2026-11-01T08:00:00Z.
const NOW: u64 = 1_793_520_000_000;
const YEAR: u64 = 365 * 86_400_000;
const TERM: Validity = Validity {
    not_before: NOW,
    not_after: NOW + YEAR,
};

struct Counting(u8);

impl Entropy for Counting {
    fn random32(&mut self) -> [u8; 32] {
        self.0 += 1;
        [self.0; 32]
    }
}

fn signer(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn public(n: u8) -> [u8; 32] {
    signer(n).verifying_key().to_bytes()
}

fn kem(n: u8) -> KemSecret {
    KemSecret::from_seed(&[n; 32])
}

const AUTHORITIES: [u8; 3] = [0x01, 0x02, 0x03];
const FACILITY: u8 = 0x11;
const PRACTITIONER: u8 = 0x12;
const NODE: u8 = 0x13;
const SEAT: u8 = 0x14;
const DEVICE: u8 = 0x15;
/// Seeds of wrap keys: a seat's, another reader's.
const READER: u8 = 0x24;
const OTHER: u8 = 0x26;

fn seat() -> SeatKey {
    SeatKey(public(SEAT))
}

fn header(kind: Kind, seq: u64, prev: ItemId) -> Header {
    let sealed = matches!(kind, Kind::Content | Kind::Receipt);
    Header {
        kind,
        lane: Lane::Today,
        doc: DOC,
        seat: seat(),
        incarnation: 7,
        seq,
        prev,
        hlc: Hlc(Hlc::from_millis(NOW).0 + seq),
        kid: if sealed { Kid([0xc1; 16]) } else { Kid::ZERO },
        authority: vec![GrantId([0xa1; 32])],
    }
}

// ---- Primitives: published answers first, then this protocol's uses of them.

#[test]
fn primitives_give_the_published_answers_and_keep_their_contexts() {
    check(PRIMITIVES);
    let sealed = frozen(PRIMITIVES, "hpke.sealed").try_into().expect("80 bytes");
    assert_eq!(hpke_open(&kem(READER), b"info", &sealed).expect("opens").0, [0x42; 32]);
}

fn primitives(v: &mut Vectors) {
    v.note("BLAKE3 derive_key: official test vectors, input of 0 and of 1 byte (00)");
    const OFFICIAL: &str = "BLAKE3 2019-12-27 16:29:52 test vectors context";
    v.known(
        "blake3.derive_key.0",
        derive(OFFICIAL, &[]),
        "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d",
    );
    v.known(
        "blake3.derive_key.1",
        derive(OFFICIAL, &[&[0]]),
        "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c",
    );

    v.note("Ed25519: RFC 8032, 7.1, TEST 1");
    let seed = unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").expect("hexadecimal");
    let key = SigningKey::from_bytes(&seed.try_into().expect("32 bytes"));
    v.known(
        "rfc8032.test1.public",
        key.verifying_key().to_bytes(),
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    );
    v.known(
        "rfc8032.test1.signature",
        ed25519_dalek::Signer::sign(&key, b"").to_bytes(),
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    );

    v.note("XChaCha20-Poly1305: draft-irtf-cfrg-xchacha-03, A.3.1; ciphertext and tag");
    let key: Vec<u8> = (0x80..=0x9f).collect();
    let nonce: Vec<u8> = (0x40..=0x57).collect();
    let sunscreen = Payload {
        msg: b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
        aad: &unhex("50515253c0c1c2c3c4c5c6c7").expect("hexadecimal"),
    };
    let sealed = XChaCha20Poly1305::new_from_slice(&key)
        .expect("32 bytes")
        .encrypt(&XNonce::try_from(&nonce[..]).expect("24 bytes"), sunscreen);
    v.known(
        "xchacha20poly1305.a31",
        sealed.expect("short"),
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49",
    );

    v.note("HPKE: RFC 9180, A.2.1 (base mode, X25519, HKDF-SHA256, ChaCha20Poly1305), sequence number 0");
    let ikm_r: [u8; 32] = unhex("1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df")
        .and_then(|b| b.try_into().ok())
        .expect("32 bytes");
    let ikm_e = unhex("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b").expect("hexadecimal");
    v.known(
        "rfc9180.a21.pkrm",
        KemSecret::from_seed(&ikm_r).public().0,
        "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a",
    );
    let (enc, ct) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &X25519HkdfSha256::derive_keypair(&ikm_r).1,
        b"Ode on a Grecian Urn",
        b"Beauty is truth, truth beauty",
        b"Count-0",
        &mut Ikm(ikm_e),
    )
    .expect("a sound recipient");
    v.known(
        "rfc9180.a21.enc",
        enc.to_bytes(),
        "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
    );
    v.known(
        "rfc9180.a21.ct",
        ct,
        "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28",
    );

    v.note("derive(context, nothing), for each context");
    for (name, context) in [
        ("network_id", context::NETWORK_ID),
        ("envelope_key", context::ENVELOPE_KEY),
        ("envelope_siv", context::ENVELOPE_SIV),
        ("envelope_aead", context::ENVELOPE_AEAD),
        ("envelope_id", context::ENVELOPE_ID),
        ("clear_body", context::CLEAR_BODY),
        ("registry_id", context::REGISTRY_ID),
        ("doc_id", context::DOC_ID),
        ("grant_id", context::GRANT_ID),
        ("kid", context::KID),
        ("epoch_deposit", context::EPOCH_DEPOSIT),
        ("epoch_predecessor", context::EPOCH_PREDECESSOR),
        ("actor_id", context::ACTOR_ID),
        ("fact_id", context::FACT_ID),
        ("hedge", context::HEDGE),
        ("set_fingerprint", context::SET_FINGERPRINT),
        ("short_id", context::SHORT_ID),
        ("keystore", context::KEYSTORE),
        ("invitation", context::INVITATION),
        ("local_seal", context::LOCAL_SEAL),
        ("words", context::WORDS),
    ] {
        v.put(&format!("context.{name}"), derive(context, &[]));
    }
    v.note("signature of 'message' by the key of 07 in the network of 99, for each use");
    for (name, purpose) in [
        ("charter", SignUse::Charter),
        ("registry", SignUse::Registry),
        ("countersign", SignUse::Countersign),
        ("envelope", SignUse::Envelope),
        ("hello", SignUse::Hello),
        ("request", SignUse::Request),
        ("admission", SignUse::Admission),
        ("address", SignUse::Address),
    ] {
        v.put(&format!("sign.{name}"), sign(&signer(7), purpose, &NET, b"message"));
    }
    v.note("hedged(secret of 05, 'purpose', 'message', entropy of 01)");
    v.put("hedged", hedged(&[5; 32], b"purpose", b"message", &mut Counting(0)).0);
    v.note("the secret of 42 sealed to the wrap key of 24 with info 'info' and the ephemeral seed of 33");
    v.put("hpke.recipient", kem(READER).public().0);
    v.put(
        "hpke.sealed",
        hpke_seal(&kem(READER).public(), b"info", &[0x42; 32], &Secret([0x33; 32])).expect("a sound recipient"),
    );
}

/// Gives the HPKE library the input keying material that its random numbers would be.
struct Ikm(Vec<u8>);

impl rand_core::TryRng for Ikm {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("the library asks for bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("the library asks for bytes")
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        dst.copy_from_slice(&self.0.split_off(self.0.len() - dst.len()));
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Ikm {}

// ---- V1: envelopes.

#[test]
fn v01_envelopes_keep_their_bytes_and_open() {
    check(ENVELOPE);
    let read = |name: &str| {
        let envelope = Envelope::parse(&frozen(ENVELOPE, &format!("{name}.bytes"))).expect("canonical");
        assert_eq!(envelope.id().0, frozen32(ENVELOPE, &format!("{name}.id")));
        envelope.verify(&NET).expect("its signature holds")
    };
    let key = Secret([4; 32]);
    assert_eq!(read("sealed").open(&key).expect("opens").bytes(), b"tension 13/8");
    assert_eq!(read("long").open(&key).expect("opens").bytes(), [0xab; 700]);
    assert_eq!(read("clear").body, frozen(EPOCHS, "request"));
    let reader = kem(READER);
    let opened = open_deposit(&NET, &read("deposit"), |k| (*k == reader.public()).then_some(&reader));
    assert_eq!(opened.expect("sealed to this reader").bytes(), b"glycemie 1,04 g/L");
}

/// What is written in SPEC.md, once more and without the envelope's own code.
#[test]
fn v01_a_sealed_envelope_follows_from_the_layout_alone() {
    let bytes = frozen(ENVELOPE, "sealed.bytes");
    let (header, rest) = bytes.split_at(HEADER_BASE + 32);
    let (siv, rest) = rest.split_at(32);
    let (body, signature) = rest.split_at(rest.len() - 64);
    let mut padded = vec![0, 0, 0, 12];
    padded.extend_from_slice(b"tension 13/8");
    padded.resize(32, 0);
    let k = derive(context::ENVELOPE_KEY, &[&[4; 32], header]);
    assert_eq!(
        blake3::keyed_hash(&derive(context::ENVELOPE_SIV, &[&k]), &padded).as_bytes()[..],
        *siv
    );
    let aead = XChaCha20Poly1305::new(&derive(context::ENVELOPE_AEAD, &[&k, siv]).into());
    let payload = Payload {
        msg: &padded,
        aad: &[header, siv].concat(),
    };
    assert_eq!(aead.encrypt(&XNonce::default(), payload).expect("short"), body);
    let id = derive(context::ENVELOPE_ID, &[header, siv, body]);
    assert_eq!(id, frozen32(ENVELOPE, "sealed.id"));
    let signed = [b"bocage/v1/envelope\0", &NET.0[..], &id].concat();
    assert_eq!(ed25519_dalek::Signer::sign(&signer(SEAT), &signed).to_bytes()[..], *signature);
}

fn envelopes() -> [(&'static str, Verified); 4] {
    let (author, key) = (signer(SEAT), Secret([4; 32]));
    let sealed = header(Kind::Content, 1, ItemId::ZERO)
        .seal(&author, &NET, &key, b"tension 13/8")
        .expect("in bounds");
    let long = Header {
        lane: Lane::Urgent,
        authority: vec![GrantId([0xa1; 32]), GrantId([0xa2; 32])],
        ..header(Kind::Content, 2, sealed.id())
    };
    let long = long.seal(&author, &NET, &key, &[0xab; 700]).expect("in bounds");
    let clear = Header {
        authority: vec![],
        ..header(Kind::KeyRequest, 3, long.id())
    };
    let clear = clear.clear(&author, &NET, request().encode()).expect("in bounds");
    let deposit = Header {
        authority: vec![],
        ..header(Kind::Deposit, 4, clear.id())
    };
    let recipients = BTreeSet::from([kem(READER).public(), kem(OTHER).public()]);
    let deposit = seal_deposit(deposit, &author, &NET, &recipients, b"glycemie 1,04 g/L", &mut Counting(0)).expect("in bounds");
    [("sealed", sealed), ("long", long), ("clear", clear), ("deposit", deposit)]
}

fn envelope(v: &mut Vectors) {
    v.note("network of 99, document of d0, seat key of 14, incarnation 7, sequence 1 to 4, epoch key of 04 under the kid of c1");
    for (name, envelope) in envelopes() {
        v.put(&format!("{name}.id"), envelope.id().0);
        v.put(&format!("{name}.bytes"), envelope.to_bytes());
    }
    v.note("how the first one comes about: header, k, siv");
    let (_, sealed) = &envelopes()[0];
    let header = &sealed.to_bytes()[..HEADER_BASE + 32];
    v.put("sealed.header", header);
    v.put("sealed.k", derive(context::ENVELOPE_KEY, &[&[4; 32], header]));
    v.put("sealed.siv", sealed.siv);
    v.note("padded lengths: length and prefix before, after");
    for n in [1, 32, 33, 512, 513, 544, 545, 1_025, 65_541, 200_000] {
        v.put(&format!("padded.{n}"), (padded_len(n) as u32).to_be_bytes());
    }
}

// ---- V2, V3, V4: epochs, wraps, deposit keys.

#[test]
fn v02_v03_v04_epochs_keep_their_bytes_and_open_back_to_the_first() {
    check(EPOCHS);
    let second = KeyEpoch::decode(&frozen(EPOCHS, "second.body")).expect("canonical");
    let reader = kem(READER);
    let opened = open_epoch(&NET, &DOC, &seat(), &second, |k| (*k == reader.public()).then_some(&reader)).expect("opens");
    assert_eq!(opened.key.secret().0, frozen32(EPOCHS, "second.key"));
    assert_eq!(opened.history.faults, []);
    assert_eq!(opened.history.predecessors[0].secret().0, frozen32(EPOCHS, "first.key"));
    assert_eq!(opened.key.deposit().public().0, frozen32(EPOCHS, "second.deposit"));

    let wrap = Wrap::decode(&frozen(EPOCHS, "wrap")).expect("canonical");
    let late = wrap.open(&NET, &DOC, &seat(), &kem(OTHER)).expect("opens");
    assert_eq!(late.secret().0, frozen32(EPOCHS, "first.key"));
    assert_eq!(KeyRequest::decode(&frozen(EPOCHS, "request")), Ok(request()));

    let number = 2u32.to_be_bytes();
    let kid = derive(context::KID, &[&NET.0, &DOC.0, &number, &opened.key.secret().0]);
    assert_eq!(kid[..16], frozen(EPOCHS, "second.kid")[..], "the key id follows from the layout");
    let seed = derive(context::EPOCH_DEPOSIT, &[&opened.key.secret().0]);
    assert_eq!(KemSecret::from_seed(&seed).public(), opened.key.deposit().public());
}

fn request() -> KeyRequest {
    KeyRequest {
        kid: Kid([0xc1; 16]),
        recipient: kem(OTHER).public(),
    }
}

fn first_epoch(doc: &DocId) -> (KeyEpoch, EpochKey) {
    let recipients = BTreeSet::from([kem(READER).public()]);
    make_epoch(&NET, doc, &seat(), &[SEAT; 32], &recipients, &[], &mut Counting(0)).expect("one recipient")
}

fn epochs(v: &mut Vectors) {
    v.note("network of 99, document of d0, author's seat key of 14; first epoch for the wrap key of 24, second for 24 and 26");
    let (first, first_key) = first_epoch(&DOC);
    let recipients = BTreeSet::from([kem(READER).public(), kem(OTHER).public()]);
    let (second, second_key) =
        make_epoch(&NET, &DOC, &seat(), &[SEAT; 32], &recipients, &[&first_key], &mut Counting(0x40)).expect("two recipients");
    for (name, epoch, key) in [("first", &first, &first_key), ("second", &second, &second_key)] {
        v.put(&format!("{name}.key"), key.secret().0);
        v.put(&format!("{name}.kid"), epoch.kid.0);
        v.put(&format!("{name}.deposit"), epoch.deposit.0);
        v.put(&format!("{name}.body"), epoch.encode());
    }
    v.note("the first epoch's key for the wrap key of 26, and a request for it");
    let other = kem(OTHER).public();
    let wrap = make_wrap(&NET, &DOC, &seat(), &[SEAT; 32], &first_key, other, &mut Counting(0)).expect("a sound recipient");
    v.put("wrap", wrap.encode());
    v.put("request", request().encode());
}

// ---- Access operations and the role matrix.

#[test]
fn access_operations_keep_their_bytes() {
    check(ACCESS);
    for (name, kind) in [
        ("genesis", Kind::Genesis),
        ("grant", Kind::Grant),
        ("revoke", Kind::Revoke),
        ("endorse", Kind::Endorse),
        ("adopt", Kind::Adopt),
    ] {
        let body = frozen(ACCESS, name);
        let op = Op::decode(kind, &body).expect("canonical");
        assert_eq!(op.encode().expect("in bounds"), body);
        if let Op::Genesis(genesis) = op {
            let doc = genesis.doc_id(&NET, &seat());
            assert_eq!(doc.0, frozen32(ACCESS, "genesis.doc"));
            let epoch = KeyEpoch::decode(&genesis.epoch).expect("canonical");
            let reader = kem(READER);
            assert!(open_epoch(&NET, &doc, &seat(), &epoch, |k| (*k == reader.public()).then_some(&reader)).is_ok());
        }
    }
}

fn terms(subject: Subject, rank: Rank) -> Terms {
    Terms {
        subject,
        rank,
        not_before_ms: NOW,
        not_after_ms: NOW + YEAR,
        consent_hash: [0x5a; 32],
    }
}

fn access(v: &mut Vectors) {
    let practitioner = Subject::Practitioner(PractitionerKey(public(PRACTITIONER)));
    let head = |incarnation, seq, id| Head {
        incarnation,
        seq,
        id: ItemId([id; 32]),
    };
    v.note("genesis by the seat key of 14 in the network of 99: nonce of 77, custodian key of 11, a practitioner and a team");
    let mut genesis = Genesis {
        kind: DocumentKind::Record,
        nonce: [0x77; 32],
        custodian: FacilityKey(public(FACILITY)),
        grants: vec![
            terms(practitioner, Rank::steward(1).expect("1 is a steward's")),
            terms(Subject::Team(DocId([0xd1; 32])), Rank::WRITER),
        ],
        epoch: Vec::new(),
    };
    let doc = genesis.doc_id(&NET, &seat());
    genesis.epoch = first_epoch(&doc).0.encode();
    v.put("genesis.doc", doc.0);
    for index in 0..=2 {
        v.put(&format!("genesis.grant.{index}"), genesis_grant_id(&doc, index).0);
    }
    v.note("the id of a grant made in document d0 by the envelope of 0e");
    v.put("grant.id", grant_id(&DOC, &ItemId([0x0e; 32])).0);
    let ops = [
        ("genesis", Op::Genesis(genesis)),
        (
            "grant",
            Op::Grant(Grant {
                terms: terms(Subject::Seat(seat()), Rank::READER),
                answers: vec![ItemId([1; 32]), ItemId([2; 32])],
            }),
        ),
        (
            "revoke",
            Op::Revoke(Revoke {
                subject: practitioner,
                reason: 3,
                keep: vec![(seat(), vec![head(7, 4, 0x0a), head(8, 1, 0x0b)])],
            }),
        ),
        (
            "endorse",
            Op::Endorse(Endorse {
                grant: GrantId([0xa1; 32]),
            }),
        ),
        (
            "adopt",
            Op::Adopt(Adopt {
                ids: vec![ItemId([1; 32]), ItemId([2; 32])],
            }),
        ),
    ];
    for (name, op) in ops {
        v.put(name, op.encode().expect("in bounds"));
    }
    v.note("role matrix, version 2");
    v.put("matrix.hash", matrix::hash());
}

// ---- V5, V6: charter, certificates, registry operations.

#[test]
fn v05_v06_charter_and_registry_keep_their_bytes() {
    check(IDENTITY);
    let charter = Charter::parse(&frozen(IDENTITY, "charter")).expect("its founders signed it");
    assert_eq!(charter.network_id().0, frozen32(IDENTITY, "network"));
    for (name, ..) in ops() {
        let bytes = frozen(IDENTITY, &format!("{name}.bytes"));
        let op = RegistryOp::parse(&charter.network_id(), &bytes).expect("its signers signed it");
        assert_eq!(op.id().0, frozen32(IDENTITY, &format!("{name}.id")), "{name}");
    }
}

const MATRIX: MatrixVersion = MatrixVersion {
    number: 1,
    hash: [0x3a; 32],
};

fn charter() -> Charter {
    Charter::found("Vallée", &AUTHORITIES.map(signer), 2, MATRIX, &mut Counting(0)).expect("three founders")
}

fn facility_body() -> OpBody {
    OpBody::Facility {
        key: FacilityKey(public(FACILITY)),
        kind: FacilityKind::Clinic,
        name: "Cabinet des Tilleuls".into(),
        finess: "010000001".into(),
        town: "Saint-Avit".into(),
        validity: TERM,
    }
}

fn node_body() -> OpBody {
    OpBody::Node {
        key: NodeKey(public(NODE)),
        kem: kem(0x23).public(),
        validity: TERM,
    }
}

/// Name, issuer, countersigners, body.
fn ops() -> [(&'static str, u8, Vec<u8>, OpBody); 13] {
    let kept = |id| KeptHead {
        seat: seat(),
        incarnation: 7,
        seq: 4,
        id: ItemId([id; 32]),
    };
    let revoke = |who, keep| OpBody::Revoke { who, reason: 1, keep };
    let mut authorities = [0x02, 0x03, 0x04].map(|n| AuthorityKey(public(n)));
    authorities.sort();
    let practitioner = OpBody::Practitioner {
        key: PractitionerKey(public(PRACTITIONER)),
        profession: Profession::Nurse,
        rpps: "10000000001".into(),
        name: "Maëlle Test".into(),
        validity: TERM,
    };
    let seat_body = OpBody::Seat {
        key: seat(),
        kem: kem(READER).public(),
        facility: FacilityKey(public(FACILITY)),
        mobile: true,
        validity: TERM,
    };
    let device = OpBody::DeviceSeat {
        key: SeatKey(public(DEVICE)),
        kem: kem(0x25).public(),
        validity: TERM,
    };
    let team = OpBody::Team {
        doc: DocId([0xd1; 32]),
        profession: Profession::Doctor,
    };
    let amend = OpBody::Amend {
        number: 1,
        authorities: Authorities::new(authorities.to_vec(), 2).expect("two of three"),
        matrix: MATRIX,
    };
    let what = ItemId([0x0e; 32]);
    [
        ("facility", 0x01, vec![FACILITY], facility_body()),
        ("practitioner", FACILITY, vec![PRACTITIONER], practitioner),
        ("node", FACILITY, vec![NODE], node_body()),
        ("seat", PRACTITIONER, vec![SEAT, FACILITY], seat_body),
        ("device", FACILITY, vec![DEVICE], device),
        ("team", FACILITY, vec![], team),
        ("endorse", 0x01, vec![], OpBody::Endorse { what }),
        ("approve", 0x02, vec![], OpBody::Approve { what }),
        ("amend", 0x01, vec![], amend),
        (
            "revoke.seat",
            FACILITY,
            vec![],
            revoke(Revoked::Seat(seat()), vec![kept(0x0a), kept(0x0b)]),
        ),
        (
            "revoke.node",
            FACILITY,
            vec![],
            revoke(Revoked::Node(NodeKey(public(NODE))), vec![]),
        ),
        (
            "revoke.practitioner",
            FACILITY,
            vec![],
            revoke(Revoked::Practitioner(PractitionerKey(public(PRACTITIONER))), vec![kept(0x0a)]),
        ),
        (
            "revoke.facility",
            0x01,
            vec![],
            revoke(Revoked::Facility(FacilityKey(public(FACILITY))), vec![]),
        ),
    ]
}

fn issue(network: &NetworkId, hlc: u64, issuer: u8, others: &[u8], body: OpBody) -> RegistryOp {
    let others: Vec<SigningKey> = others.iter().map(|n| signer(*n)).collect();
    let others: Vec<&SigningKey> = others.iter().collect();
    RegistryOp::issue(network, Hlc(Hlc::from_millis(NOW).0 + hlc), &signer(issuer), &others, body).expect("sound")
}

fn identity(v: &mut Vectors) {
    v.note("charter 'Vallée': authority keys of 01, 02, 03, two must agree; matrix 1 with the hash of 3a; nonce of 01");
    v.put("charter", charter().to_bytes());
    v.put("network", charter().network_id().0);
    v.note("operations in that network: facility key of 11, practitioner of 12, node of 13, seat of 14, device seat of 15; ten kinds");
    for (n, (name, issuer, others, body)) in ops().into_iter().enumerate() {
        let op = issue(&charter().network_id(), n as u64, issuer, &others, body);
        v.put(&format!("{name}.id"), op.id().0);
        v.put(&format!("{name}.bytes"), op.to_bytes());
    }
}

// ---- V7: enrolment.

#[test]
fn v07_enrolment_messages_keep_their_bytes_and_open() {
    check(ENROLMENT);
    let invitation = Invitation::parse(&frozen(ENROLMENT, "invitation")).expect("a signed charter");
    assert_eq!(invitation.tag()[..], frozen(ENROLMENT, "tag")[..]);
    let opened = |part, name| enrol::open(&invitation.secret, part, &frozen(ENROLMENT, name)).expect("of this invitation");
    let request = Request::parse(&opened(Part::Request, "request.sealed")).expect("canonical");
    assert_eq!(request.to_bytes(), frozen(ENROLMENT, "request"));
    assert_eq!(enrol::comparison(&request), frozen32(ENROLMENT, "words"));
    assert_eq!(request.check(&invitation.charter).expect("its own").0.len(), 1);
    assert!(
        request.admit(&invitation.charter, &signer(0x01), Hlc(0)).is_ok(),
        "it holds its key"
    );
    let admission = Admission::parse(&opened(Part::Admission, "admission.sealed")).expect("canonical");
    assert_eq!(admission.to_bytes(), frozen(ENROLMENT, "admission"));
}

fn enrolment(v: &mut Vectors) {
    let (charter, secret) = (charter(), Secret([0x66; 32]));
    let network = charter.network_id();
    let addresses = vec!["/ip4/192.0.2.1/tcp/4242".to_owned()];
    v.note("the charter of identity.txt; authority key of 01, inviting node key of 13, secret of 66");
    let invitation = Invitation {
        charter,
        authority: AuthorityKey(public(0x01)),
        node: NodeKey(public(NODE)),
        addresses: addresses.clone(),
        expires_ms: NOW + enrol::INVITATION_LIFE_MS,
        secret: secret.clone(),
    };
    v.put("invitation", invitation.to_bytes());
    v.put("tag", invitation.tag());
    let hlc = Hlc::from_millis(NOW);
    let request = Request {
        hlc,
        facility: facility_body(),
        possession: RegistryOp::countersign(&network, hlc, &public(0x01), &facility_body(), &signer(FACILITY)),
        items: vec![issue(&network, 0, FACILITY, &[NODE], node_body()).to_bytes().to_vec()],
        addresses: addresses.clone(),
    };
    v.put("request", request.to_bytes());
    v.put("words", enrol::comparison(&request));
    v.put(
        "request.sealed",
        enrol::seal(&secret, Part::Request, &request.to_bytes(), &mut Counting(0)),
    );
    let admission = Admission {
        items: vec![issue(&network, 0, 0x01, &[FACILITY], facility_body()).to_bytes().to_vec()],
        addresses,
    };
    v.put("admission", admission.to_bytes());
    v.put(
        "admission.sealed",
        enrol::seal(&secret, Part::Admission, &admission.to_bytes(), &mut Counting(0)),
    );
}

// ---- Facts, changes, payloads.

/// A payload deflated by another program: which bytes a compressor chooses is no part of the format, what they inflate to is.
const DEFLATED: &str = "01fbc154ad54945a9c5f5a949c1a525990aa64a5e49f549c5a54965892999fa7a4a3545c9258525a0c144ecbcc4bcc51aa1d554e25e500";

/// The same behind the dictionary, by zlib.
const DEFLATED_BEHIND: &str = "018b2626d5182699a41a592425ea1aa5251aea9a18a618e95a5818a7e91a18189aa5182727279a189963a6ac5a00";

#[test]
fn facts_and_changes_keep_their_bytes_and_pass_the_gate() {
    check(RECORD);
    let mut gate = Gate::new(DOC);
    let mut document = Document::new(DOC);
    let mut arrival = Arrival {
        author: seat(),
        doc: DOC,
        incarnation: 7,
        lane: Lane::Today,
        envelope: ItemId([1; 32]),
        hlc: Hlc(1),
    };
    for (envelope, name) in [(1, "payload"), (2, "payload.next")] {
        arrival.envelope = ItemId([envelope; 32]);
        document.set_label(arrival.envelope, Label::Accepted);
        let (Verdict::Admitted(admitted), _) = gate.offer(&arrival, &frozen(RECORD, name)) else {
            panic!("{name} passes the gate")
        };
        document.fold([admitted]);
    }
    let ids: BTreeSet<Vec<u8>> = document.facts().map(|f| f.id.0.to_vec()).collect();
    let expected = ["fact.head.id", "fact.import.id", "fact.correction.id"].map(|name| frozen(RECORD, name));
    assert_eq!(ids, BTreeSet::from(expected));
    assert_eq!(document.current().count(), 2, "the correction supersedes the import");
}

fn facts() -> [FactBody; 2] {
    let head = RecordHead {
        record: RecordId([0x0c; 32]),
        compartment: 3,
        salt: None,
    };
    let import = FactBody {
        source: "Observation/42".into(),
        ..FactBody::resource(br#"{"resourceType":"Observation","status":"final"}"#.to_vec())
    };
    [head.to_fact(), import]
}

/// The key that an operation's place and bytes give, from the layout alone.
fn fact_key(actor: &[u8], op: u64, value: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let hash = derive("bocage 2026-11 fact key v1", &[actor, &op.to_be_bytes(), value]);
    let mut bits = hash[..12].iter().fold(0u128, |bits, b| bits << 8 | u128::from(*b));
    let mut key: Vec<u8> = (0..16).map(|_| (ALPHABET[(bits & 63) as usize], bits >>= 6).0).collect();
    key.reverse();
    String::from_utf8(key).expect("an alphabet of ASCII")
}

fn record(v: &mut Vectors) {
    v.note("seat key of 14, document of d0, incarnation 7, lane 2");
    let actor = &derive(context::ACTOR_ID, &[&seat().0, &DOC.0, &7u64.to_be_bytes(), &[2]])[..16];
    v.put("actor", actor);
    let (network, salt) = (NetworkId([0x0e; 32]), [0x0f; 32]);
    let record = record_id(&network, &seat(), &salt);
    assert_eq!(record.0, derive("bocage 2026-11 record id v1", &[&network.0, &seat().0, &salt]));
    v.put("record.id", record.0);
    let head = RecordHead {
        record,
        compartment: 1,
        salt: Some(salt),
    };
    v.put("creator.head.body", head.to_fact().encode().expect("in bounds"));
    v.note("request head to the team of document 21, and its mark on a grant in document 22; the request's own is that of all files");
    let request = RequestHead {
        addressee: Addressee::Team(DocId([0x21; 32])),
        salt: [0x0f; 32],
    };
    let body = request.to_fact().encode().expect("in bounds");
    assert_eq!(body[4..], [&[1][..], &[0x21; 32], &[0x0f; 32]].concat());
    v.put("request.head.body", body);
    let mark = request.consent(&DOC, &DocId([0x22; 32]));
    let parts: [&[u8]; 3] = [&[0x0f; 32], &DOC.0, &[0x22; 32]];
    assert_eq!(mark, derive("bocage 2026-11 request consent v1", &parts));
    v.put("request.consent", mark);
    let mut chain = OwnChain::new(seat(), DOC, 7, Lane::Today);
    let first = chain.next(&facts()).expect("in bounds");
    chain.advance(&first);
    let correction = FactBody {
        supersedes: vec![first.facts[1]],
        ..FactBody::resource(br#"{"resourceType":"Observation","status":"amended"}"#.to_vec())
    };
    let second = chain.next(std::slice::from_ref(&correction)).expect("in bounds");
    v.note("facts: body, key, id; operations 1, 2 and 3 of the actor");
    let [head, import] = facts();
    let ids = [first.facts[0], first.facts[1], second.facts[0]];
    for (op, (name, fact)) in (1..).zip([("head", head), ("import", import), ("correction", correction)]) {
        let body = fact.encode().expect("in bounds");
        assert_eq!(
            FactBody::decode(&body).expect("canonical").kind == FactKind::RecordHead,
            name == "head"
        );
        let key = fact_key(actor, op, &body);
        let id = fact_id(&seat(), &DOC, &key);
        assert_eq!(id, ids[op as usize - 1], "the key follows from the layout");
        v.put(&format!("fact.{name}.body"), body);
        v.put(&format!("fact.{name}.key"), key);
        v.put(&format!("fact.{name}.id"), id.0);
    }
    v.note("changes: the first two facts, then the correction behind them; each as a payload");
    v.put("change", &first.chunk);
    v.put("payload", plain(&first.chunk));
    v.put("change.next", &second.chunk);
    v.put("payload.next", plain(&second.chunk));
    v.note("a deflated payload (by another program) and the one chunk in it");
    let deflated = unhex(DEFLATED).expect("hexadecimal");
    v.put("payload.deflated", &deflated);
    let chunks = payload::decode(&deflated).expect("inflates");
    assert_eq!(chunks.len(), 1);
    v.put("payload.deflated.chunk", &chunks[0]);
    v.note("another that reaches back into the dictionary, and the one chunk in it");
    let deflated = unhex(DEFLATED_BEHIND).expect("hexadecimal");
    v.put("payload.behind", &deflated);
    let chunks = payload::decode(&deflated).expect("inflates");
    assert_eq!(chunks.len(), 1);
    v.put("payload.behind.chunk", &chunks[0]);
}

/// One chunk, not compressed: what a compressor makes of it is its own affair.
fn plain(chunk: &[u8]) -> Vec<u8> {
    let mut w = Writer::new();
    w.u8(0).varint(chunk.len() as u64).bytes(chunk);
    let plain = w.finish();
    assert_eq!(payload::decode(&plain).expect("canonical"), [chunk]);
    plain
}

// ---- Sessions.

#[test]
fn session_bytes_are_kept_and_items_come_back() {
    check(SESSION);
    let mut decoder = Decoder::default();
    for (n, item) in items().iter().enumerate() {
        let short = frozen(SESSION, &format!("short.{n}"));
        let mut r = Reader::new(&short);
        let decoded = decoder.decode(&mut r).expect("what an encoder wrote");
        r.end().expect("nothing left");
        assert_eq!(decoded.bytes, *item, "item {n}");
    }
    for name in ["status", "ranges", "items", "part", "ack", "done", "refused"] {
        let bytes = frozen(SESSION, &format!("frame.{name}"));
        assert_eq!(Frame::decode(&bytes).expect("canonical").encode(), bytes);
    }
    assert_eq!(Hello::parse(&frozen(SESSION, "hello")).expect("canonical").network, NET);
}

/// A registry op, then the four envelopes of V1: the first with nothing known, the others on the same chain.
fn items() -> Vec<Vec<u8>> {
    let op = issue(&NET, 0, FACILITY, &[NODE], node_body());
    let mut items = vec![op.to_bytes().to_vec()];
    items.extend(envelopes().iter().map(|(_, e)| e.to_bytes()));
    let (_, deposit) = &envelopes()[3];
    let again = header(Kind::Content, 5, deposit.id()).seal(&signer(SEAT), &NET, &Secret([4; 32]), b"poids 71 kg");
    items.push(again.expect("in bounds").to_bytes());
    items
}

fn key(lane: u8, time: u64, id: u8) -> OrderKey {
    OrderKey {
        lane,
        time: Hlc(time),
        id: ItemId([id; 32]),
    }
}

fn session(v: &mut Vectors) {
    v.note("hello in the network of 99, salt of 5a");
    let hello = Hello {
        network: NET,
        salt: [0x5a; 32],
        clock_ms: NOW,
    };
    v.put("hello", hello.to_bytes());
    v.note("frames");
    let status = Status {
        store: 9,
        all: [0xaa; 16],
        control: [0xbb; 16],
        count: 300,
    };
    let done = Done {
        pass: 3,
        gives_up: false,
        mark: [0xcc; 16],
        sent: 500,
        durable: 6,
        heard: 7,
    };
    let ranges = Frame::Ranges {
        pass: 2,
        scope: Scope::Rest,
        claims: &[1, 2, 3],
    };
    for (name, frame) in [
        ("status", Frame::Status(status)),
        ("ranges", ranges),
        ("items", Frame::Items(&[1, 2, 3])),
        (
            "part",
            Frame::Part {
                last: true,
                bytes: &[1, 2, 3],
            },
        ),
        ("ack", Frame::Ack { durable: 1_000 }),
        ("done", Frame::Done(done)),
        ("refused", Frame::Refused(Refusal::DiskFull)),
    ] {
        v.put(&format!("frame.{name}"), frame.encode());
    }

    v.note("short forms, one after the other in one direction: a registry op (node), the four envelopes of envelope.txt, one more");
    let mut encoder = Encoder::default();
    for (n, item) in items().iter().enumerate() {
        let mut w = Writer::new();
        encoder.encode(item, &mut w).expect("canonical");
        v.put(&format!("short.{n}"), w.finish());
    }

    v.note("the set of (lane 0, time 5, id of 01), (2, 2^16, 02), (2, 2^16 + 1, 03): order key, sums and counts, root");
    let keys = [key(0, 5, 1), key(2, 1 << 16, 2), key(2, (1 << 16) + 1, 3)];
    let index = SetIndex::from_iter(keys);
    v.put("order_key", keys[2].to_bytes());
    v.put("fingerprint.first", SetIndex::from_iter([keys[0]]).total().to_bytes());
    v.put("fingerprint.all", index.total().to_bytes());
    v.put("root", index.root());

    v.note("salts: initiator of 01, responder of 02; mark in STATUS and DONE, then mark and short id of the first item in pass 1");
    let salt = Salt::agree(&[1; 32], &[2; 32]);
    let pass = salt.of_pass(1);
    v.put("mark", salt.mark(&index.total()));
    v.put("mark.pass", pass.mark(&index.total()));
    v.put("short_id.pass", pass.short(&keys[0].id).to_be_bytes());

    v.note("claims in pass 1: this set opens; one that holds (2, 2^16, 02) and (3, 1, 04) answers");
    let other = SetIndex::from_iter([keys[1], key(3, 1, 4)]);
    let first = opening(&index, &pass, &OrderKey::MIN, &OrderKey::END).unwrap();
    let second = answer(&other, &pass, &parse(&first).expect("well-formed")).unwrap();
    let third = answer(&index, &pass, &parse(&second.message).expect("well-formed")).unwrap();
    v.put("claims.opening", &first);
    v.put("claims.answer", &second.message);
    assert!(third.message.is_empty(), "nothing is disputed any more");
    assert_eq!(third.missing, [keys[0], keys[2]], "asked for by bitmap");
    v.note("the opening of 100 items (lane 3, time n, id of n), n = 1 to 100: marks of older ranges before the newest ones' list");
    let many = SetIndex::from_iter((1..=100).map(|n| key(3, u64::from(n), n)));
    v.put("claims.many", opening(&many, &pass, &OrderKey::MIN, &OrderKey::END).unwrap());
}

#[test]
fn mule_files_are_frozen_and_open() {
    check(MULE);
    let (file, key) = (frozen(MULE, "file"), KemSecret::from_seed(&[7; 32]));
    let slots = mule::slots(file.first_chunk().expect("a head")).expect("a head");
    let (head, block) = file.split_at(mule::HEAD + mule::slots_len(slots));
    let (length, sealed) = block.split_first_chunk::<4>().expect("a block");
    assert_eq!(u32::from_be_bytes(*length) as usize, sealed.len(), "one block");
    let (entries, manifest) = Unpacker::open(head, &key, NET).expect("for us").last(sealed).expect("whole");
    assert_eq!((entries, manifest), (carried(), made()));
}

fn made() -> Manifest {
    Manifest {
        network: NET,
        maker: NodeKey([0x22; 32]),
        made_ms: NOW,
    }
}

fn carried() -> Vec<Entry> {
    let node = SigningKey::from_bytes(&[0x33; 32]);
    let held = Held::sign(&node, &NET, SeatKey([0x44; 32]), 5, vec![ItemId([0x55; 32]), ItemId([0x66; 32])]);
    vec![Entry::Statement(held), Entry::Item(b"an item".to_vec())]
}

fn mule(v: &mut Vectors) {
    v.note("a statement of the node of 33 about the seat of 44");
    if let Entry::Statement(held) = &carried()[0] {
        v.put("held", held.to_bytes());
    }
    v.note("a mule file of the network of 99 for the KEM key of 7, made by the node of 22: that statement, then \"an item\"");
    let recipients = [KemSecret::from_seed(&[7; 32]).public()].into();
    let (mut file, mut packer) = Packer::new(&recipients, &made(), &[8; 32], &mut Counting(0)).expect("one recipient");
    for entry in carried() {
        file.extend(packer.push(&entry));
    }
    file.extend(packer.finish());
    v.put("file", file);
}
