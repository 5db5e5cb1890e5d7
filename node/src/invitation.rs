//! Invitations as people hand them over: a file sealed under six words that are said by phone, and the words by which two screens are
//! compared. The command line and the window do exactly this.

use std::path::Path;

use bocage_protocol::identity::enrol::{self, Invitation};
use bocage_protocol::ids::unhex;
use zeroize::Zeroizing;

use crate::client::Failure;
use crate::keystore::{Argon2Cost, OsEntropy, Strength, estimate_strength, file};
use crate::lang::Bilingual as _;
use crate::place::{self, internal};
use crate::words::{INVITATION_WORDS, Tongue, Words, comparison_words, open_with_words, seal_with_words};

/// Seals what [`crate::client::Reply::Invitation`] brought into a file. Returns the six words.
///
/// # Errors
/// The file can't be written.
pub fn write(invitation: &str, out: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = Zeroizing::new(unhex(invitation).ok_or_else(|| internal("an invitation isn't in base 16"))?);
    let words = Words::random(INVITATION_WORDS, Tongue::French, &mut OsEntropy);
    let sealed = seal_with_words(&words, &bytes, Argon2Cost::FLOOR, &mut OsEntropy).map_err(|e| Failure::of("internal", &e))?;
    file::replace(out, &sealed).map_err(|e| Failure::file(out, &e))?;
    Ok(words.spoken())
}

/// Opens an invitation's bytes with the words as typed.
///
/// # Errors
/// Not six words, not these words, or no invitation.
pub fn read(bytes: &[u8], typed: &str) -> Result<Invitation, Failure> {
    let words = Words::parse(typed, INVITATION_WORDS).map_err(|e| Failure::of("usage", &e))?;
    let plain = open_with_words(&words, bytes).map_err(|e| Failure::of("words", &e))?;
    Invitation::parse(&plain).map_err(place::enrolment)
}

/// The words that both screens show for a sealed request.
///
/// # Errors
/// The request doesn't answer this invitation.
pub fn comparison(invitation: &Invitation, sealed: &[u8]) -> Result<String, Failure> {
    let plain = enrol::open(&invitation.secret, enrol::Part::Request, sealed);
    let request = plain.and_then(|p| enrol::Request::parse(&p)).map_err(place::enrolment)?;
    Ok(comparison_words(&enrol::comparison(&request), Tongue::French).join(" "))
}

/// Refuses a passphrase that could be guessed.
///
/// # Errors
/// Why it could.
pub fn strong(passphrase: &str) -> Result<(), Failure> {
    match estimate_strength(passphrase) {
        Strength::Refused(why) => Err(Failure::new(
            "usage",
            format!("this passphrase isn't accepted: {why}; nothing was changed"),
            format!("cette phrase de passe n'est pas acceptée : {} ; rien n'a été changé", why.french()),
        )),
        _ => Ok(()),
    }
}

/// How costly guessing a passphrase is made on this machine; small where `BOCAGE_FAST_KEYS` says that it is a test.
pub fn cost() -> Argon2Cost {
    if std::env::var_os("BOCAGE_FAST_KEYS").is_some() {
        Argon2Cost::FLOOR
    } else {
        Argon2Cost::calibrated()
    }
}
