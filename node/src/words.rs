//! Words that people say on the phone and compare on two screens.
//!
//! The lists are BIP-39's (French and English, 2,048 words each, told apart by their first four letters without accents; crate
//! `bip39`): 11 bits a word. Six random words seal an invitation file; with Argon2id in front, 66 bits are out of reach for the 72
//! hours it lives. Five words of a hash are compared at enrolment: 55 bits, to be taken over values that both sides contributed to.
//!
//! What is typed is forgiven case, accents, spaces, hyphens and numbering. Errors name the position of a word, never the word.

use bip39::Language;
use bocage_protocol::crypto::{Entropy, Secret, context, derive, hedged};
use bocage_protocol::wire::{Reader, WireError};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use thiserror::Error;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use zeroize::Zeroizing;

use crate::keystore::{Argon2Cost, CostRefused, Frame, FrameError, StretchError};

/// Words that seal an invitation.
pub const INVITATION_WORDS: usize = 6;
/// Words of a keystore's recovery slot: 132 bits.
pub const RECOVERY_WORDS: usize = 12;
/// Words compared on two screens.
pub const COMPARISON_WORDS: usize = 5;
/// Longest content of a file sealed with words.
pub const MAX_SEALED: usize = 64 * 1024;

/// `BOCWORDS` version 1: Argon2 cost 9, salt 16, nonce 24, ciphertext u32 length. All before the nonce is associated data.
const FRAME: Frame = Frame {
    magic: b"BOCWORDS",
    version: 1,
};

/// Whose words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tongue {
    #[default]
    French,
    English,
}

impl Tongue {
    fn list(self) -> &'static [&'static str; 2048] {
        match self {
            Self::French => Language::French.word_list(),
            Self::English => Language::English.word_list(),
        }
    }
}

/// Secret words, all of one known list. No `Debug`: they open something.
pub struct Words(Vec<&'static str>);

/// Why typed words are not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum WordsError {
    /// Too few or too many.
    #[error("{expected} words are needed, these are {found}")]
    Count { expected: usize, found: usize },
    /// A slip of the pen: no list has this word. Counted from 1.
    #[error("word {0} isn't in the list: check its spelling")]
    Unknown(usize),
}

/// Why a file sealed with words didn't open. The file is unchanged in all cases.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum OpenError {
    /// Other words, or someone altered the file.
    #[error("these words don't open this file: ask for them again, word by word")]
    WrongWords,
    /// Not a file sealed with words.
    #[error("this isn't a file sealed with words: check that it's the one you were sent")]
    Foreign,
    /// Cut short or changed on its way.
    #[error("this file is damaged: ask for it again")]
    Damaged,
    /// From a later version.
    #[error("this file was made by a newer Bocage (layout {0}): update Bocage")]
    Newer(u16),
    /// Parameters that Bocage never writes; refused without allocating.
    #[error("this file was altered: {0}; nothing was opened")]
    Cost(#[from] CostRefused),
    /// The machine can't open it now.
    #[error("{0}: close other programs and try again")]
    Stretch(#[from] StretchError),
}

/// More than [`MAX_SEALED`] bytes to seal, or no memory to do it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SealError {
    #[error("{0} bytes are more than a file sealed with words may hold")]
    TooLong(usize),
    #[error("{0}: close other programs and try again")]
    Stretch(#[from] StretchError),
}

impl Words {
    /// Draws `count` words, each independently.
    pub fn random(count: usize, tongue: Tongue, entropy: &mut dyn Entropy) -> Self {
        let draw = |_| {
            let fresh = Secret(entropy.random32());
            tongue.list()[word_index(&fresh.0, 0)]
        };
        Self((0..count).map(draw).collect())
    }

    /// Reads `expected` words as people type them, of either list.
    pub fn parse(typed: &str, expected: usize) -> Result<Self, WordsError> {
        let folded = Zeroizing::new(fold(typed));
        let tokens: Vec<&str> = folded.split(|c: char| !c.is_alphabetic()).filter(|t| !t.is_empty()).collect();
        if tokens.len() != expected {
            return Err(WordsError::Count {
                expected,
                found: tokens.len(),
            });
        }
        let known = |token: &str| {
            let mut both = Tongue::French.list().iter().chain(Tongue::English.list());
            both.find(|word| fold(word) == token).copied()
        };
        let words = tokens
            .iter()
            .enumerate()
            .map(|(i, token)| known(token).ok_or(WordsError::Unknown(i + 1)));
        Ok(Self(words.collect::<Result<_, _>>()?))
    }

    /// The first word that no list has, as it was typed; one that is still being typed may become one.
    pub fn first_unknown(typed: &str) -> Option<String> {
        let folded = Zeroizing::new(fold(typed));
        let is_done = folded.ends_with(|c: char| !c.is_alphabetic());
        let tokens: Vec<&str> = folded.split(|c: char| !c.is_alphabetic()).filter(|t| !t.is_empty()).collect();
        let (last, whole) = tokens.split_last()?;
        let listed = |fits: &dyn Fn(&str) -> bool| {
            let mut both = Tongue::French.list().iter().chain(Tongue::English.list());
            both.any(|word| fits(&fold(word)))
        };
        let unknown = whole.iter().find(|token| !listed(&|word| word == **token));
        let last_fits = listed(&|word| if is_done { word == *last } else { word.starts_with(last) });
        unknown.or((!last_fits).then_some(last)).map(|token| (*token).to_owned())
    }

    /// To be shown or said, with their accents.
    pub fn spoken(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.join(" ").nfc().collect())
    }

    /// The one spelling that keys come from: lower case, no accents, single spaces.
    pub fn canonical(&self) -> Zeroizing<String> {
        Zeroizing::new(fold(&self.0.join(" ")))
    }
}

/// Five words for two people to compare, of `material` that both sides contributed to.
pub fn comparison_words(material: &[u8], tongue: Tongue) -> [&'static str; COMPARISON_WORDS] {
    let digest = derive(context::WORDS, &[material]);
    std::array::from_fn(|i| tongue.list()[word_index(&digest, i)])
}

/// Seals a file that `words` open. Invitations use [`Argon2Cost::FLOOR`]: the other side's machine is unknown.
pub fn seal_with_words(words: &Words, plaintext: &[u8], cost: Argon2Cost, entropy: &mut dyn Entropy) -> Result<Vec<u8>, SealError> {
    if plaintext.len() > MAX_SEALED {
        return Err(SealError::TooLong(plaintext.len()));
    }
    let mut salt = [0; 16];
    salt.copy_from_slice(&Secret(entropy.random32()).0[..16]);
    let key = cost.stretch(context::INVITATION, words.canonical().as_bytes(), &salt)?;
    let mut nonce = [0; 24];
    nonce.copy_from_slice(&hedged(&key.0, b"sealed with words", plaintext, entropy).0[..24]);

    let aad = header(cost, &salt);
    let ciphertext = XChaCha20Poly1305::new(&key.0.into())
        .encrypt(&nonce.into(), Payload { msg: plaintext, aad: &aad })
        .expect("64 KiB are within the cipher's bounds");
    let mut w = FRAME.head();
    cost.write(&mut w);
    w.bytes(&salt).bytes(&nonce).sized(&ciphertext);
    Ok(Frame::close(w))
}

/// Opens what [`seal_with_words`] made.
pub fn open_with_words(words: &Words, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let body = FRAME.body(sealed)?;
    let mut r = Reader::new(body);
    let cost = Argon2Cost::read(&mut r)??;
    let salt = r.array()?;
    let nonce: [u8; 24] = r.array()?;
    let ciphertext = r.sized(MAX_SEALED + 16, "sealed content")?;
    r.end()?;
    let key = cost.stretch(context::INVITATION, words.canonical().as_bytes(), &salt)?;
    let aad = header(cost, &salt);
    XChaCha20Poly1305::new(&key.0.into())
        .decrypt(
            &nonce.into(),
            Payload {
                msg: ciphertext,
                aad: &aad,
            },
        )
        .map(Zeroizing::new)
        .map_err(|_| OpenError::WrongWords)
}

impl From<FrameError> for OpenError {
    fn from(e: FrameError) -> Self {
        match e {
            FrameError::Foreign => Self::Foreign,
            FrameError::Newer(v) => Self::Newer(v),
            FrameError::Damaged => Self::Damaged,
        }
    }
}

impl From<WireError> for OpenError {
    fn from(_: WireError) -> Self {
        Self::Damaged
    }
}

fn header(cost: Argon2Cost, salt: &[u8; 16]) -> Vec<u8> {
    let mut w = FRAME.head();
    cost.write(&mut w);
    w.bytes(salt);
    w.finish()
}

/// The `i`-th group of 11 bits (i < 5), from the front.
fn word_index(bytes: &[u8; 32], i: usize) -> usize {
    let front = u64::from_be_bytes(*bytes.first_chunk().expect("32 bytes hold 8"));
    (front >> (64 - 11 * (i + 1))) as usize & 0x7ff
}

/// Lower case without accents.
fn fold(text: &str) -> String {
    text.nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keystore::OsEntropy;
    use std::collections::BTreeSet;

    #[test]
    fn a_word_that_no_list_has_is_known_as_it_is_typed() {
        for (typed, unknown) in [
            ("", None),
            ("abai", None),
            ("Abaisser ABANDON abdi", None),
            ("abaisser abandn abdi", Some("abandn")),
            ("abaisser abandon abdi ", Some("abdi")),
            ("abaisser xyz", Some("xyz")),
            // English, without the accent that nobody typed on purpose.
            ("zoo zébra", None),
        ] {
            assert_eq!(Words::first_unknown(typed).as_deref(), unknown, "{typed}");
        }
    }

    #[test]
    fn words_said_on_the_phone_open_the_invitation() {
        let words = Words::random(INVITATION_WORDS, Tongue::French, &mut OsEntropy);
        let sealed = seal_with_words(&words, b"come in", Argon2Cost::FLOOR, &mut OsEntropy).unwrap();
        let typed = format!("  {} ", words.spoken().to_uppercase().replace(' ', " - "));
        let heard = Words::parse(&typed, INVITATION_WORDS).unwrap();
        assert_eq!(open_with_words(&heard, &sealed).unwrap().as_slice(), b"come in");
        assert!(!sealed.windows(7).any(|w| w == b"come in"));

        let other = Words::random(INVITATION_WORDS, Tongue::French, &mut OsEntropy);
        assert_eq!(open_with_words(&other, &sealed).err(), Some(OpenError::WrongWords));
    }

    #[test]
    fn typing_is_forgiven_but_a_word_outside_the_list_is_named_by_its_place() {
        let parsed = |text| Words::parse(text, 3).map(|w| w.canonical().to_string());
        let plain = parsed("academie abeille zoologie").unwrap();
        assert_eq!(plain, "academie abeille zoologie");
        for typed in [
            "ACADÉMIE Abeille  zoologie",
            "1. académie\n2. abeille\n3. zoologie",
            "acade\u{301}mie-abeille-zoologie",
        ] {
            assert_eq!(parsed(typed).as_deref(), Ok(plain.as_str()));
        }
        assert_eq!(
            parsed("abandon zoo zoologie").as_deref(),
            Ok("abandon zoo zoologie"),
            "lists may be mixed"
        );
        assert_eq!(parsed("academie abelile zoologie").err(), Some(WordsError::Unknown(2)));
        assert_eq!(parsed("academie abeille").err(), Some(WordsError::Count { expected: 3, found: 2 }));
    }

    #[test]
    fn every_word_can_be_typed_back_and_no_two_are_alike() {
        for tongue in [Tongue::French, Tongue::English] {
            let folded: BTreeSet<String> = tongue.list().iter().map(|w| fold(w)).collect();
            assert_eq!(folded.len(), 2048);
            assert!(folded.iter().all(|w| w.bytes().all(|b| b.is_ascii_lowercase())));
            let starts: BTreeSet<&str> = folded.iter().map(|w| &w[..w.len().min(4)]).collect();
            assert_eq!(starts.len(), 2048, "four letters tell words apart");
        }
        assert_eq!(*Words(vec!["académie"]).spoken(), "académie".nfc().collect::<String>());
    }

    #[test]
    fn comparison_words_follow_from_the_material_alone() {
        let words = comparison_words(b"both keys and nonces", Tongue::French);
        assert_eq!(words, comparison_words(b"both keys and nonces", Tongue::French));
        assert_ne!(words, comparison_words(b"both keys and noncez", Tongue::French));
        let mut ones = [0; 32];
        ones[..2].copy_from_slice(&[0xff, 0xe0]);
        assert_eq!(
            [0, 1, 4].map(|i| word_index(&ones, i)),
            [2047, 0, 0],
            "groups of eleven bits from the front"
        );
    }

    #[test]
    fn hostile_sealed_files_are_refused_cheaply() {
        let words = Words::random(INVITATION_WORDS, Tongue::English, &mut OsEntropy);
        let good = seal_with_words(&words, b"x", Argon2Cost::FLOOR, &mut OsEntropy).unwrap();
        let cost_at = 10;
        for memory in [8u32, 64 * 1024 * 1024] {
            let mut bad = good[..good.len() - 4].to_vec();
            bad[cost_at..cost_at + 4].copy_from_slice(&memory.to_be_bytes());
            bad.extend_from_slice(&crc32c::crc32c(&bad).to_be_bytes());
            assert!(matches!(open_with_words(&words, &bad), Err(OpenError::Cost(_))));
        }
        for cut in 0..good.len() {
            assert!(open_with_words(&words, &good[..cut]).is_err());
        }
        let long = vec![0; MAX_SEALED + 1];
        assert_eq!(
            seal_with_words(&words, &long, Argon2Cost::FLOOR, &mut OsEntropy),
            Err(SealError::TooLong(MAX_SEALED + 1))
        );
    }
}
