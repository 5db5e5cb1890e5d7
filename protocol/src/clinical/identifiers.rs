//! National numbers: people (INS), practitioners (RPPS), facilities (FINESS), medicines (CIP13, CIS) and diagnoses (CIM-10).
//!
//! Each has a format and most have a key. A wrong format is always an error. A wrong key is an error where someone types it here
//! ([`Kind::entered`]: the mistake can be mended at once) and a warning where it arrives ([`Kind::received`]: refusing would lose
//! data, and official examples carry wrong keys).

use thiserror::Error;

/// FHIR systems of the national numbers.
pub mod system {
    /// INS, NIR kind.
    pub const INS_NIR: &str = "urn:oid:1.2.250.1.213.1.4.8";
    /// INS, NIA kind (awaiting a NIR).
    pub const INS_NIA: &str = "urn:oid:1.2.250.1.213.1.4.9";
    /// INS of test patients.
    pub const INS_TEST: &str = "urn:oid:1.2.250.1.213.1.4.10";
    /// INS of demonstration patients.
    pub const INS_DEMO: &str = "urn:oid:1.2.250.1.213.1.4.11";
    pub const RPPS: &str = "https://rpps.esante.gouv.fr";
    pub const FINESS: &str = "https://finess.esante.gouv.fr";
    pub const CIM10: &str = "https://smt.esante.gouv.fr/terminologie-cim-10";

    /// True for the four systems that carry an INS.
    pub fn is_ins(system: &str) -> bool {
        [INS_NIR, INS_NIA, INS_TEST, INS_DEMO].contains(&system)
    }

    /// True for the two systems that no real person has a number in.
    pub fn is_fictitious_ins(system: &str) -> bool {
        [INS_TEST, INS_DEMO].contains(&system)
    }
}

/// Which number is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// 15 characters, key modulo 97.
    Ins,
    /// 11 digits, Luhn.
    Rpps,
    /// 9 characters, Luhn; Corsican codes by format only.
    Finess,
    /// 13 digits from `3400`, EAN-13 key.
    Cip13,
    /// 8 digits, no key.
    Cis,
    /// Letter, two digits, up to four more characters; no key.
    Cim10,
}

/// Why a number was refused. Blames whoever typed or sent it.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum IdentifierError {
    /// Wrong length or characters.
    #[error("wrong format")]
    Format,
    /// The check digits don't fit the others: most often a slip of the finger.
    #[error("a digit is mistyped (the check digit doesn't fit)")]
    Key,
    /// A dispensing unit's code (`34008…`), which is not a pack's.
    #[error("a UCD code, not a CIP")]
    Ucd,
}

/// A number that arrived: kept whatever its key says.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Received {
    /// Normalised: no spaces or dots, upper case.
    pub value: String,
    /// False asks for a warning beside the number.
    pub key_holds: bool,
}

impl Kind {
    /// The kind that a FHIR identifier or coding of this system holds.
    pub fn of_system(system: &str) -> Option<Self> {
        match system {
            s if system::is_ins(s) => Some(Self::Ins),
            system::RPPS => Some(Self::Rpps),
            system::FINESS => Some(Self::Finess),
            system::CIM10 => Some(Self::Cim10),
            _ => None,
        }
    }

    /// The normalised number, if format and key hold.
    pub fn entered(self, text: &str) -> Result<String, IdentifierError> {
        let received = self.received(text)?;
        if received.key_holds {
            Ok(received.value)
        } else {
            Err(IdentifierError::Key)
        }
    }

    /// The normalised number, if its format holds, and whether its key does.
    pub fn received(self, text: &str) -> Result<Received, IdentifierError> {
        let value: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && (*c != '.' || self == Self::Cim10))
            .collect();
        let value = value.to_uppercase();
        let b = value.as_bytes();
        let key_holds = match self {
            Self::Ins => ins_key(b)? == two_digits(&b[13..]),
            Self::Rpps => digits(b, 11)? && luhn(b),
            Self::Finess if matches!(b, [b'2', b'A' | b'B', rest @ ..] if digits(rest, 7).is_ok()) => true,
            Self::Finess => digits(b, 9)? && luhn(b),
            Self::Cip13 => {
                digits(b, 13)?;
                if b.starts_with(b"34008") {
                    return Err(IdentifierError::Ucd);
                }
                b.starts_with(b"3400").then(|| ean13(b)).ok_or(IdentifierError::Format)?
            }
            Self::Cis => digits(b, 8)?,
            Self::Cim10 => cim10(b)?,
        };
        Ok(Received { value, key_holds })
    }
}

/// The two digits that complete the first 13 characters of an INS.
///
/// # Errors
/// `Format` unless `first` is 13 valid characters.
pub fn ins_key_for(first: &str) -> Result<String, IdentifierError> {
    let whole = format!("{first}00");
    Ok(format!("{:02}", ins_key(whole.as_bytes())?))
}

/// How far an identity is established: two independent facts, four words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum IdentityStatus {
    /// Neither fetched nor checked.
    Provisional,
    /// Fetched from the national service only.
    Fetched,
    /// Seen on an identity document only: the most that can be reached offline.
    Validated,
    /// Both.
    Qualified,
}

impl IdentityStatus {
    pub fn of(fetched: bool, document_checked: bool) -> Self {
        match (fetched, document_checked) {
            (false, false) => Self::Provisional,
            (true, false) => Self::Fetched,
            (false, true) => Self::Validated,
            (true, true) => Self::Qualified,
        }
    }

    pub fn fetched(self) -> bool {
        matches!(self, Self::Fetched | Self::Qualified)
    }

    pub fn document_checked(self) -> bool {
        matches!(self, Self::Validated | Self::Qualified)
    }

    /// Where two sites disagree, only what both vouch for stands.
    pub fn least(self, other: Self) -> Self {
        Self::of(
            self.fetched() && other.fetched(),
            self.document_checked() && other.document_checked(),
        )
    }

    /// The national code: `PROV`, `RECUP`, `VALI`, `QUAL`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Provisional => "PROV",
            Self::Fetched => "RECUP",
            Self::Validated => "VALI",
            Self::Qualified => "QUAL",
        }
    }

    pub fn of_code(code: &str) -> Option<Self> {
        [Self::Provisional, Self::Fetched, Self::Validated, Self::Qualified]
            .into_iter()
            .find(|s| s.code() == code)
    }
}

/// The document an identity was checked on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IdentityDocument {
    Passport,
    IdentityCard,
    BirthCertificate,
    FamilyBook,
}

impl IdentityDocument {
    /// The national code: `PA`, `CN`, `AN`, `LE`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Passport => "PA",
            Self::IdentityCard => "CN",
            Self::BirthCertificate => "AN",
            Self::FamilyBook => "LE",
        }
    }
}

/// `^[1-478]\d{4}(\d\d|2A|2B)\d{8}$`, then 97 − (first 13 mod 97) with 2A read as 19 and 2B as 18.
fn ins_key(b: &[u8]) -> Result<u64, IdentifierError> {
    if b.len() != 15 || !matches!(b[0], b'1'..=b'4' | b'7' | b'8') {
        return Err(IdentifierError::Format);
    }
    digits(&b[1..5], 4)?;
    digits(&b[7..], 8)?;
    let department = match &b[5..7] {
        b"2A" => 19,
        b"2B" => 18,
        d => digits(d, 2).map(|_| two_digits(d))?,
    };
    let number = |part: &[u8]| part.iter().fold(0u64, |n, d| n * 10 + u64::from(d - b'0'));
    let n13 = number(&b[..5]) * 100_000_000 + department * 1_000_000 + number(&b[7..13]);
    Ok(97 - n13 % 97)
}

fn two_digits(b: &[u8]) -> u64 {
    u64::from(b[0] - b'0') * 10 + u64::from(b[1] - b'0')
}

/// `Ok(true)` iff `b` is exactly `n` digits.
fn digits(b: &[u8], n: usize) -> Result<bool, IdentifierError> {
    if b.len() == n && b.iter().all(u8::is_ascii_digit) {
        Ok(true)
    } else {
        Err(IdentifierError::Format)
    }
}

/// Doubles every second digit from the right; the sum is a multiple of ten.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| {
            let d = u32::from(d - b'0') << (i % 2);
            if d > 9 { d - 9 } else { d }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Weights 1 and 3 from the left; the sum is a multiple of ten.
fn ean13(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .enumerate()
        .map(|(i, d)| u32::from(d - b'0') * (1 + 2 * (i as u32 % 2)))
        .sum();
    sum.is_multiple_of(10)
}

/// `^[A-Z]\d{2}(\.?[0-9A-Z]{1,4})?$`
fn cim10(b: &[u8]) -> Result<bool, IdentifierError> {
    let [b'A'..=b'Z', b'0'..=b'9', b'0'..=b'9', rest @ ..] = b else {
        return Err(IdentifierError::Format);
    };
    let tail = rest.strip_prefix(b".").unwrap_or(rest);
    let dangling_dot = tail.is_empty() && !rest.is_empty();
    if dangling_dot || tail.len() > 4 || !tail.iter().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()) {
        return Err(IdentifierError::Format);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use IdentifierError::{Format, Key, Ucd};

    #[test]
    fn ins_vectors() {
        for good in [
            "295109912611193",
            "253072B07300470",
            "253072A07300443",
            "206127511100564",
            "279035121518989",
        ] {
            assert_eq!(Kind::Ins.entered(good).as_deref(), Ok(good));
            let (first, key) = good.split_at(13);
            assert_eq!(ins_key_for(first).as_deref(), Ok(key));
        }
        assert_eq!(Kind::Ins.entered("2 95.10.99 126\u{a0}111 93").as_deref(), Ok("295109912611193"));
        assert_eq!(Kind::Ins.entered("253072b07300470").as_deref(), Ok("253072B07300470"));
        assert_eq!(Kind::Ins.entered("295109912611199"), Err(Key));
        assert_eq!(Kind::Ins.entered("123456789012244"), Err(Key));
        for bad in [
            "253072C07300443",
            "",
            "29510991261119",
            "2951099126111931",
            "595109912611193",
            "2A5109912611193",
            "29510991261119é",
        ] {
            assert_eq!(Kind::Ins.entered(bad), Err(Format), "{bad}");
        }
    }

    #[test]
    fn a_bad_key_is_an_error_when_typed_and_a_warning_when_received() {
        for (kind, number) in [
            (Kind::Ins, "123456789012244"),
            (Kind::Rpps, "10001234567"),
            (Kind::Finess, "458174839"),
        ] {
            assert_eq!(kind.entered(number), Err(Key));
            assert_eq!(
                kind.received(number),
                Ok(Received {
                    value: number.into(),
                    key_holds: false
                })
            );
        }
    }

    #[test]
    fn rpps_and_finess_vectors() {
        for good in ["10000000017", "10100000008", "10123456781"] {
            assert_eq!(Kind::Rpps.entered(good).as_deref(), Ok(good));
        }
        assert_eq!(Kind::Rpps.entered("10001234567"), Err(Key));
        assert_eq!(Kind::Rpps.entered("1000123456"), Err(Format));
        for good in ["540002698", "230000010", "2A0000014", "2b0000020"] {
            assert_eq!(Kind::Finess.entered(good), Ok(good.to_uppercase()));
        }
        assert_eq!(Kind::Finess.entered("458174839"), Err(Key));
        assert_eq!(Kind::Finess.entered("2C0000014"), Err(Format));
    }

    #[test]
    fn medicine_and_diagnosis_codes() {
        assert_eq!(Kind::Cip13.entered("34009 364 046 49").as_deref(), Ok("3400936404649"));
        assert_eq!(Kind::Cip13.entered("3400936404648"), Err(Key));
        assert_eq!(Kind::Cip13.entered("3400892083926"), Err(Ucd));
        assert_eq!(Kind::Cip13.entered("3500936404649"), Err(Format));
        assert_eq!(Kind::Cis.entered("60234100").as_deref(), Ok("60234100"));
        assert_eq!(Kind::Cis.entered("6023410"), Err(Format));
        for good in ["I10", "E11.9", "E119", "S72.01A"] {
            assert_eq!(Kind::Cim10.entered(good).as_deref(), Ok(good));
        }
        for bad in ["I1", "I10.", "10I", "I10.12345", "I10-1", ""] {
            assert_eq!(Kind::Cim10.entered(bad), Err(Format), "{bad}");
        }
    }

    #[test]
    fn two_bits_make_the_four_statuses_and_disagreement_keeps_what_both_vouch_for() {
        use IdentityStatus::{Fetched, Provisional, Qualified, Validated};
        let codes: Vec<_> = [(false, false), (true, false), (false, true), (true, true)]
            .map(|(f, d)| IdentityStatus::of(f, d).code())
            .into();
        assert_eq!(codes, ["PROV", "RECUP", "VALI", "QUAL"]);
        assert_eq!(Qualified.least(Validated), Validated);
        assert_eq!(Fetched.least(Validated), Provisional);
        assert_eq!(IdentityStatus::of_code("QUAL"), Some(Qualified));
        assert_eq!(IdentityStatus::of_code("qual"), None);
    }

    #[test]
    fn systems_name_their_kind() {
        assert_eq!(Kind::of_system(system::INS_TEST), Some(Kind::Ins));
        assert_eq!(Kind::of_system("urn:oid:1.2.250.1.213.1.4.1"), None);
        assert!(system::is_fictitious_ins(system::INS_DEMO) && !system::is_fictitious_ins(system::INS_NIR));
    }
}
