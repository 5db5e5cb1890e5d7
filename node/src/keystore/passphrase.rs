//! What is accepted as a passphrase, and one way to turn typed text into bytes.
//!
//! The estimate is simple and says no more than it knows: it counts. It can't see that a sentence is from a song.

use std::collections::BTreeSet;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Fewer characters are refused.
pub const MIN_CHARACTERS: usize = 12;
/// Fewer different characters are refused: `aaaaaaaaaaaa` is not long.
pub const MIN_DISTINCT: usize = 6;
/// As many random words (about 11 bits each, stretched) are recommended.
pub const RECOMMENDED_WORDS: usize = 5;

/// A judgement by length and word count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strength {
    /// Not accepted for a new slot.
    Refused(WeakPassphrase),
    /// Accepted; [`RECOMMENDED_WORDS`] random words would be better.
    Fair,
    /// As many different words as recommended. Good only if they were drawn at random.
    Good,
}

/// Why a new passphrase is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum WeakPassphrase {
    /// Too short to resist guessing on a stolen disk.
    #[error("it has fewer than {MIN_CHARACTERS} characters; five random words are easy to remember and hard to guess")]
    Short,
    /// The same few characters again and again.
    #[error("it repeats the same few characters; five random words are easy to remember and hard to guess")]
    Repetitive,
}

/// Judges a passphrase that somebody is about to choose.
pub fn estimate_strength(passphrase: &str) -> Strength {
    let text = normalised(passphrase);
    if text.chars().count() < MIN_CHARACTERS {
        return Strength::Refused(WeakPassphrase::Short);
    }
    if text.chars().collect::<BTreeSet<_>>().len() < MIN_DISTINCT {
        return Strength::Refused(WeakPassphrase::Repetitive);
    }
    let words: BTreeSet<&str> = text
        .split(|c: char| !c.is_alphabetic())
        .filter(|w| w.chars().count() >= 3)
        .collect();
    if words.len() >= RECOMMENDED_WORDS {
        Strength::Good
    } else {
        Strength::Fair
    }
}

/// NFKC without outer spaces: `é` is the same on every keyboard and system.
pub(crate) fn normalised(passphrase: &str) -> Zeroizing<String> {
    // Room for the worst case, so that growing leaves no copy behind: NFKC makes at most 18 times as many bytes as UTF-8.
    let mut out = Zeroizing::new(String::with_capacity(18 * passphrase.len()));
    out.extend(passphrase.trim().nfkc());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_repetitive_passphrases_are_refused_and_five_words_are_good() {
        assert_eq!(estimate_strength("médecin2026"), Strength::Refused(WeakPassphrase::Short));
        assert_eq!(
            estimate_strength("   court      "),
            Strength::Refused(WeakPassphrase::Short),
            "outer spaces don't count"
        );
        assert_eq!(estimate_strength("abababababababab"), Strength::Refused(WeakPassphrase::Repetitive));
        assert_eq!(estimate_strength("k7#pQ!x9zT2&"), Strength::Fair);
        assert_eq!(
            estimate_strength("pomme pomme pomme pomme pomme verte"),
            Strength::Fair,
            "a repeated word counts once"
        );
        assert_eq!(estimate_strength("girafe-bambou-velours-tracteur-olive"), Strength::Good);
    }

    #[test]
    fn an_accent_is_the_same_composed_or_not() {
        assert_eq!(*normalised("e\u{301}toile "), *normalised("étoile"));
        assert_ne!(*normalised("etoile"), *normalised("étoile"));
    }
}
