//! JSON read one value at a time, in bounded memory, byte for byte.
//!
//! A 700 MB bundle must not be held, one resource of 700 MB must not either, and what is kept must be the sender's bytes. serde's
//! streaming gives the first only (a `RawValue` grows with its text), so the outer structure is walked here: this scanner knows JSON's
//! grammar, positions and bounds, and nothing of FHIR. What it keeps goes to serde afterwards.
//!
//! Invariants: never more than [`Limits::value`] bytes of a value are held; a value that is too large, too deep or ambiguous is skipped to its
//! end, so the next one can be read; a syntax error has a line and a column.

use std::collections::BTreeSet;
use std::io::{self, Read};
use thiserror::Error;

/// Nesting beyond which even skipping stops: the stack of open brackets is the only thing that grows with depth.
const HARD_DEPTH: usize = 4096;
/// Longest property name that is kept to be compared; the longest in HL7's own examples has 67 letters.
const MAX_NAME: usize = 256;
const BUFFER: usize = 64 * 1024;

/// How much of one value is accepted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a kept value.
    pub value: usize,
    /// Levels of brackets.
    pub depth: usize,
}

/// Where and why reading stopped. Lines and columns (bytes) count from 1.
#[derive(Debug, Error)]
pub enum ScanError {
    /// The file is not JSON from here on.
    #[error("line {line}, column {column}: {what}")]
    Syntax { line: u64, column: u64, what: &'static str },
    /// The disk, not the file's author.
    #[error("line {line}: {source}")]
    Io { line: u64, source: io::Error },
}

/// Why a well-formed value is not kept.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum Unfit {
    #[error("{0} bytes, more than a resource may have")]
    TooLarge(u64),
    #[error("nested too deeply")]
    TooDeep,
    /// FHIR: a name occurs once. Two readers would see two different resources.
    #[error("the name {0} occurs twice in one object")]
    DuplicateName(String),
    /// Could hide a duplicate; no FHIR name needs an escape.
    #[error("an escaped or overlong property name")]
    OddName,
}

/// One value of the file.
#[derive(Debug)]
pub struct Kept {
    /// The bytes as they stand in the file, unless unfit.
    pub json: Result<Vec<u8>, Unfit>,
    /// Byte offset of the value in the file.
    pub offset: u64,
    /// Line on which the value begins.
    pub line: u64,
}

/// A pull reader over JSON text.
pub struct Scanner<R> {
    input: R,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    read: u64,
    line: u64,
    line_start: u64,
    /// Bytes since [`Scanner::record`], until they exceed the limit.
    recording: Option<Vec<u8>>,
    /// Bytes of the value being kept, until they exceed the limit.
    keeping: Option<Vec<u8>>,
    limits: Limits,
}

impl<R: Read> Scanner<R> {
    pub fn new(input: R, limits: Limits) -> Self {
        Self {
            input,
            buffer: vec![0; BUFFER],
            at: 0,
            end: 0,
            read: 0,
            line: 1,
            line_start: 0,
            recording: None,
            keeping: None,
            limits,
        }
    }

    /// Byte offset of the next byte.
    pub fn offset(&self) -> u64 {
        self.read - (self.end - self.at) as u64
    }

    pub fn line(&self) -> u64 {
        self.line
    }

    /// Keeps all bytes from here on, as long as they fit in one value.
    pub fn record(&mut self) {
        self.recording = Some(Vec::new());
    }

    /// What was recorded; `None` if it was too long.
    pub fn recorded(&mut self) -> Option<Vec<u8>> {
        self.recording.take()
    }

    /// An error at the present position.
    pub fn error(&self, what: &'static str) -> ScanError {
        ScanError::Syntax {
            line: self.line,
            column: self.offset() - self.line_start + 1,
            what,
        }
    }

    /// Skips a UTF-8 byte order mark at the start of a file.
    pub fn byte_order_mark(&mut self) -> Result<(), ScanError> {
        for expected in [0xef, 0xbb, 0xbf] {
            match self.peek()? {
                Some(b) if b == expected => self.bump(),
                _ if expected == 0xef => return Ok(()),
                _ => return Err(self.error("not UTF-8")),
            }
        }
        Ok(())
    }

    /// The next byte that is not white space; it stays unread.
    pub fn next_byte(&mut self) -> Result<Option<u8>, ScanError> {
        while let Some(b) = self.peek()? {
            match b {
                b'\n' => {
                    self.bump();
                    self.line += 1;
                    self.line_start = self.offset();
                }
                b' ' | b'\t' | b'\r' => self.bump(),
                b => return Ok(Some(b)),
            }
        }
        Ok(None)
    }

    /// Enters an object or array.
    pub fn open(&mut self, bracket: u8) -> Result<(), ScanError> {
        self.expect(
            bracket,
            if bracket == b'{' {
                "expected an object"
            } else {
                "expected an array"
            },
        )
    }

    /// Moves to the next member of the object being read and returns its name, with the value next; `None` at its end.
    pub fn member(&mut self, first: bool) -> Result<Option<Vec<u8>>, ScanError> {
        if !self.more(first, b'}')? {
            return Ok(None);
        }
        Ok(Some(self.name()?.0))
    }

    /// Moves to the next element of the array being read; false at its end.
    pub fn element(&mut self, first: bool) -> Result<bool, ScanError> {
        self.more(first, b']')
    }

    /// Reads past a value without keeping it.
    pub fn skip(&mut self) -> Result<(), ScanError> {
        self.walk(false).map(|_| ())
    }

    /// Reads a value and keeps its bytes, if they are fit to be kept.
    pub fn keep(&mut self) -> Result<Kept, ScanError> {
        self.next_byte()?;
        let (offset, line) = (self.offset(), self.line);
        self.keeping = Some(Vec::new());
        let unfit = self.walk(true)?;
        let length = self.offset() - offset;
        let json = match (self.keeping.take(), unfit) {
            (None, _) => Err(Unfit::TooLarge(length)),
            (Some(_), Some(unfit)) => Err(unfit),
            (Some(bytes), None) => Ok(bytes),
        };
        Ok(Kept { json, offset, line })
    }

    /// Drops the rest of the line: the next value begins on a fresh one.
    pub fn skip_line(&mut self) -> Result<(), ScanError> {
        (self.keeping, self.recording) = (None, None);
        while let Some(b) = self.peek()? {
            if b == b'\n' {
                break;
            }
            self.bump();
        }
        Ok(())
    }

    /// One whole value by its grammar, without recursion. With `checked`, says why it is unfit to be kept.
    fn walk(&mut self, checked: bool) -> Result<Option<Unfit>, ScanError> {
        let mut open: Vec<Level> = Vec::new();
        let mut unfit = None;
        loop {
            if let Some(level) = open.last_mut() {
                let first = std::mem::replace(&mut level.first, false);
                if !self.more(first, level.closing)? {
                    open.pop();
                    if open.is_empty() {
                        return Ok(unfit);
                    }
                    continue;
                }
                if level.closing == b'}' {
                    let (name, odd) = self.name()?;
                    if checked && unfit.is_none() && self.keeping.is_some() {
                        unfit = level.note(name, odd);
                    }
                }
            }
            match self.next_byte()? {
                Some(bracket @ (b'{' | b'[')) => {
                    self.bump();
                    let closing = if bracket == b'{' { b'}' } else { b']' };
                    open.push(Level {
                        closing,
                        first: true,
                        names: BTreeSet::new(),
                    });
                    if open.len() > HARD_DEPTH {
                        return Err(self.error("nested too deeply"));
                    }
                    if open.len() > self.limits.depth && unfit.is_none() {
                        unfit = Some(Unfit::TooDeep);
                    }
                }
                Some(_) => {
                    self.scalar()?;
                    if open.is_empty() {
                        return Ok(unfit);
                    }
                }
                None => return Err(self.error("the file ends in the middle of a value")),
            }
        }
    }

    /// After a bracket (`first`) or a value: true if another value follows, false if the container closed.
    fn more(&mut self, first: bool, closing: u8) -> Result<bool, ScanError> {
        match self.next_byte()? {
            Some(b) if b == closing => {
                self.bump();
                Ok(false)
            }
            Some(_) if first => Ok(true),
            Some(b',') => {
                self.bump();
                Ok(true)
            }
            Some(_) if closing == b'}' => Err(self.error("expected , or }")),
            Some(_) => Err(self.error("expected , or ]")),
            None => Err(self.error("the file ends in the middle of a value")),
        }
    }

    /// A property name and its colon; true if it is too long or escaped to be compared.
    fn name(&mut self) -> Result<(Vec<u8>, bool), ScanError> {
        let (mut name, mut odd) = (Vec::new(), false);
        if self.next_byte()? != Some(b'"') {
            return Err(self.error("expected a property name"));
        }
        self.string(|b| {
            odd |= b == b'\\' || name.len() == MAX_NAME;
            if !odd {
                name.push(b);
            }
        })?;
        self.next_byte()?;
        self.expect(b':', "expected :")?;
        Ok((name, odd))
    }

    /// A string with its quotes; `each` sees the bytes between them.
    fn string(&mut self, mut each: impl FnMut(u8)) -> Result<(), ScanError> {
        self.expect(b'"', "expected a string")?;
        loop {
            let b = self.must("the file ends in the middle of a string")?;
            match b {
                b'"' => {
                    self.bump();
                    return Ok(());
                }
                0..0x20 => return Err(self.error("control character in a string")),
                b'\\' => {
                    self.bump();
                    each(b);
                    match self.must("the file ends in the middle of a string")? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                        b'u' => {
                            for _ in 0..4 {
                                self.bump();
                                if !self.must("the file ends in the middle of a string")?.is_ascii_hexdigit() {
                                    return Err(self.error("bad \\u escape"));
                                }
                            }
                        }
                        _ => return Err(self.error("bad escape")),
                    }
                    self.bump();
                }
                b => {
                    self.bump();
                    each(b);
                }
            }
        }
    }

    fn scalar(&mut self) -> Result<(), ScanError> {
        match self.peek()? {
            Some(b'"') => self.string(|_| {}),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.error("expected a value")),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), ScanError> {
        word.iter().try_for_each(|b| self.expect(*b, "expected a value"))
    }

    /// `-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?`
    fn number(&mut self) -> Result<(), ScanError> {
        if self.peek()? == Some(b'-') {
            self.bump();
        }
        if self.peek()? == Some(b'0') {
            self.bump();
        } else {
            self.digits()?;
        }
        if self.peek()? == Some(b'.') {
            self.bump();
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek()? {
            self.bump();
            if let Some(b'+' | b'-') = self.peek()? {
                self.bump();
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        if !self.must("the file ends in the middle of a number")?.is_ascii_digit() {
            return Err(self.error("expected a digit"));
        }
        while self.peek()?.is_some_and(|b| b.is_ascii_digit()) {
            self.bump();
        }
        Ok(())
    }

    fn expect(&mut self, expected: u8, what: &'static str) -> Result<(), ScanError> {
        if self.peek()? != Some(expected) {
            return Err(self.error(what));
        }
        self.bump();
        Ok(())
    }

    fn must(&mut self, at_end: &'static str) -> Result<u8, ScanError> {
        self.peek()?.ok_or_else(|| self.error(at_end))
    }

    #[inline]
    fn peek(&mut self) -> Result<Option<u8>, ScanError> {
        if self.at == self.end {
            (self.at, self.end) = (0, self.fill()?);
            self.read += self.end as u64;
        }
        Ok((self.at < self.end).then(|| self.buffer[self.at]))
    }

    fn fill(&mut self) -> Result<usize, ScanError> {
        loop {
            match self.input.read(&mut self.buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ScanError::Io { line: self.line, source }),
                Ok(n) => return Ok(n),
            }
        }
    }

    /// Takes the byte that [`Self::peek`] showed.
    #[inline]
    fn bump(&mut self) {
        let b = self.buffer[self.at];
        self.at += 1;
        for kept in [&mut self.recording, &mut self.keeping] {
            if let Some(bytes) = kept {
                if bytes.len() < self.limits.value {
                    bytes.push(b);
                } else {
                    *kept = None;
                }
            }
        }
    }
}

/// An open bracket.
struct Level {
    closing: u8,
    first: bool,
    /// Names met so far, where they are compared.
    names: BTreeSet<Vec<u8>>,
}

impl Level {
    fn note(&mut self, name: Vec<u8>, odd: bool) -> Option<Unfit> {
        if odd {
            return Some(Unfit::OddName);
        }
        if self.names.contains(&name) {
            return Some(Unfit::DuplicateName(String::from_utf8_lossy(&name).into_owned()));
        }
        self.names.insert(name);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { value: 64, depth: 8 };

    fn keep(text: &str) -> Result<Kept, ScanError> {
        Scanner::new(text.as_bytes(), LIMITS).keep()
    }

    #[test]
    fn what_is_kept_is_what_was_written() {
        for text in [
            "{ \"a\" : [1.50, -0e+3, \"\\u00e9\\n\", {}, [ ]],\n \"b\":null }",
            "[]",
            "\"x\"",
            "-0.0",
            "true",
        ] {
            assert_eq!(keep(&format!(" \n{text} ,")).unwrap().json.unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn grammar_errors_have_a_line_and_a_column() {
        for (text, line, column) in [
            ("{\"a\" 1}", 1, 6),
            ("{\"a\":1\n,}", 2, 2),
            ("[1,]", 1, 4),
            ("[1 2]", 1, 4),
            ("{\"a\":tru}", 1, 9),
            ("01a", 0, 0),
            ("[-]", 1, 3),
            ("[1.]", 1, 4),
            ("\"a\nb\"", 1, 3),
            ("\"\\x\"", 1, 3),
            ("{\"a\":", 1, 6),
            ("\"abc", 1, 5),
            ("", 1, 1),
        ] {
            match keep(text) {
                Err(ScanError::Syntax { line: l, column: c, .. }) => assert_eq!((l, c), (line, column), "{text}"),
                other => assert!(line == 0 && other.is_ok(), "{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn an_unfit_value_is_skipped_to_its_end() {
        let deep = format!("{}{}", "[".repeat(9), "]".repeat(9));
        let large = format!("\"{}\"", "x".repeat(63));
        let text = format!("[{large},{{\"a\":1,\"a\":2}},{deep},{{\"\\u0061\":1}},7]");
        let mut scanner = Scanner::new(text.as_bytes(), LIMITS);
        scanner.open(b'[').unwrap();
        let mut seen = Vec::new();
        while scanner.element(seen.is_empty()).unwrap() {
            seen.push(scanner.keep().unwrap().json);
        }
        assert_eq!(
            seen,
            [
                Err(Unfit::TooLarge(65)),
                Err(Unfit::DuplicateName("a".into())),
                Err(Unfit::TooDeep),
                Err(Unfit::OddName),
                Ok(b"7".to_vec())
            ]
        );
    }

    #[test]
    fn endless_brackets_stop_the_reading() {
        assert!(matches!(
            keep(&"[".repeat(1_000_000)),
            Err(ScanError::Syntax {
                what: "nested too deeply",
                ..
            })
        ));
    }
}
