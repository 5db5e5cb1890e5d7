//! The resources of a file, one at a time: a Bundle's entries, a single resource, or one of either per line (NDJSON).
//!
//! Members may come in any order, so an object's type may be known only at its end: until then its bytes are recorded as if it were a
//! single resource, and its entries, if it has any, are read as a Bundle's.

use super::LIMITS;
use super::scan::{Kept, ScanError, Scanner, Unfit};
use std::io::Read;

/// One resource of the file, or one place where there is none.
pub struct Entry {
    /// Where it stands: `entry[3]`, `line 2`, `line 2: entry[0]`.
    pub path: String,
    pub full_url: Option<String>,
    /// Number of the bundle it stands in, counted from 0; `None` outside a bundle.
    pub bundle: Option<u64>,
    pub content: Content,
}

pub enum Content {
    Resource(Kept),
    /// An entry without a resource (a deletion, a search's note).
    Nothing,
    /// A line of NDJSON that isn't JSON; the next ones are read all the same.
    BadLine(ScanError),
}

/// Reads a file's entries in order.
pub struct Entries<R> {
    scanner: Scanner<R>,
    state: State,
    /// Top-level values begun.
    values: u64,
    head: Head,
}

enum State {
    Start,
    Between,
    Members { first: bool },
    Elements { index: u64 },
}

/// What is known of the top-level object being read.
#[derive(Default)]
struct Head {
    kind: Option<String>,
    bundle_type: Option<String>,
    has_entries: bool,
    offset: u64,
    line: u64,
}

impl<R: Read> Entries<R> {
    pub fn new(input: R) -> Self {
        Self {
            scanner: Scanner::new(input, LIMITS),
            state: State::Start,
            values: 0,
            head: Head::default(),
        }
    }

    /// `Bundle.type` of the bundle being read or just read, as far as it is known.
    pub fn bundle_type(&self) -> Option<&str> {
        self.head.bundle_type.as_deref()
    }

    /// The next entry; `None` at the end of the file.
    ///
    /// # Errors
    /// Not JSON from here on. What came before was complete.
    #[expect(clippy::should_implement_trait, reason = "after an error there is no next item")]
    pub fn next(&mut self) -> Result<Option<Entry>, ScanError> {
        match self.advance() {
            Err(error @ ScanError::Syntax { line, .. }) if self.values > 1 && line == self.head.line && !self.head.has_entries => {
                self.scanner.skip_line()?;
                self.state = State::Between;
                Ok(Some(self.entry(format!("line {line}"), None, Content::BadLine(error))))
            }
            other => other,
        }
    }

    fn advance(&mut self) -> Result<Option<Entry>, ScanError> {
        loop {
            match self.state {
                State::Start => {
                    self.scanner.byte_order_mark()?;
                    self.state = State::Between;
                }
                State::Between => match self.scanner.next_byte()? {
                    None if self.values == 0 => return Err(self.scanner.error("the file is empty")),
                    None => return Ok(None),
                    Some(first) => {
                        self.values += 1;
                        let (offset, line) = (self.scanner.offset(), self.scanner.line());
                        self.head = Head {
                            offset,
                            line,
                            ..Head::default()
                        };
                        if first == b'<' {
                            return Err(self.scanner.error("this is XML; only FHIR's JSON form is read"));
                        }
                        self.scanner.record();
                        self.scanner.open(b'{')?;
                        self.state = State::Members { first: true };
                    }
                },
                State::Members { first } => match self.scanner.member(first)? {
                    Some(name) => self.member(&name)?,
                    None => {
                        self.state = State::Between;
                        if let Some(entry) = self.close()? {
                            return Ok(Some(entry));
                        }
                    }
                },
                State::Elements { index } => {
                    if self.scanner.element(index == 0)? {
                        self.state = State::Elements { index: index + 1 };
                        return self.element(index).map(Some);
                    }
                    self.state = State::Members { first: false };
                }
            }
        }
    }

    fn member(&mut self, name: &[u8]) -> Result<(), ScanError> {
        self.state = State::Members { first: false };
        let may_be_bundle = self.head.kind.as_deref().is_none_or(|k| k == "Bundle");
        match name {
            b"resourceType" => {
                self.head.kind = string(&self.scanner.keep()?);
                if self.head.kind.as_deref() == Some("Bundle") {
                    self.scanner.recorded();
                }
            }
            b"type" if may_be_bundle => self.head.bundle_type = string(&self.scanner.keep()?),
            b"entry" if may_be_bundle && self.scanner.next_byte()? == Some(b'[') => {
                self.scanner.open(b'[')?;
                self.head.has_entries = true;
                self.state = State::Elements { index: 0 };
            }
            _ => self.scanner.skip()?,
        }
        Ok(())
    }

    /// The end of a top-level object: a bundle's entries have been given, anything else is given now.
    fn close(&mut self) -> Result<Option<Entry>, ScanError> {
        let recorded = self.scanner.recorded();
        if self.head.kind.as_deref() == Some("Bundle") {
            return Ok(None);
        }
        let (offset, line) = (self.head.offset, self.head.line);
        let kept = match recorded {
            Some(bytes) => Kept {
                offset,
                line,
                ..Scanner::new(bytes.as_slice(), LIMITS).keep()?
            },
            None => Kept {
                json: Err(Unfit::TooLarge(self.scanner.offset() - offset)),
                offset,
                line,
            },
        };
        Ok(Some(self.entry(format!("line {line}"), None, Content::Resource(kept))))
    }

    fn element(&mut self, index: u64) -> Result<Entry, ScanError> {
        let path = match self.values {
            1 => format!("entry[{index}]"),
            _ => format!("line {}: entry[{index}]", self.head.line),
        };
        let (mut full_url, mut content) = (None, Content::Nothing);
        if self.scanner.next_byte()? == Some(b'{') {
            self.scanner.open(b'{')?;
            let mut first = true;
            while let Some(name) = self.scanner.member(first)? {
                first = false;
                match name.as_slice() {
                    b"fullUrl" => full_url = string(&self.scanner.keep()?),
                    b"resource" => content = Content::Resource(self.scanner.keep()?),
                    _ => self.scanner.skip()?,
                }
            }
        } else {
            self.scanner.skip()?;
        }
        Ok(self.entry(path, full_url, content))
    }

    fn entry(&self, path: String, full_url: Option<String>, content: Content) -> Entry {
        Entry {
            path,
            full_url,
            bundle: self.head.has_entries.then(|| self.values - 1),
            content,
        }
    }
}

fn string(kept: &Kept) -> Option<String> {
    serde_json::from_slice(kept.json.as_ref().ok()?).ok()
}
