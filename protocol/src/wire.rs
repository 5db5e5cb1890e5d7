//! Canonical bytes: one way to write each value, bounds on everything that is read.
//!
//! What is signed or hashed is written by hand with these two types: fixed-width big-endian integers, lengths before variable
//! parts, no trailing bytes. A reader never allocates by a length it has not compared with a bound.

use thiserror::Error;

/// Why bytes were refused. All of these blame the sender.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum WireError {
    /// Fewer bytes than the layout needs.
    #[error("truncated")]
    Truncated,
    /// Bytes left after the last field.
    #[error("trailing bytes")]
    Trailing,
    /// A length or count beyond its bound.
    #[error("{0} is out of bounds")]
    OutOfBounds(&'static str),
    /// A field holds a value that this version doesn't define.
    #[error("unknown {0}")]
    Unknown(&'static str),
    /// The same value could be written another way (unsorted list, padded integer …).
    #[error("{0} is not canonical")]
    NotCanonical(&'static str),
}

/// Appends canonical fields to a buffer.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn u8(&mut self, v: u8) -> &mut Self {
        self.0.push(v);
        self
    }

    pub fn u16(&mut self, v: u16) -> &mut Self {
        self.bytes(&v.to_be_bytes())
    }

    pub fn u32(&mut self, v: u32) -> &mut Self {
        self.bytes(&v.to_be_bytes())
    }

    pub fn u64(&mut self, v: u64) -> &mut Self {
        self.bytes(&v.to_be_bytes())
    }

    /// Unsigned LEB128, shortest form.
    pub fn varint(&mut self, mut v: u64) -> &mut Self {
        while v >= 0x80 {
            self.0.push(v as u8 | 0x80);
            v >>= 7;
        }
        self.0.push(v as u8);
        self
    }

    /// Raw bytes, no length: for fixed-width fields.
    pub fn bytes(&mut self, v: &[u8]) -> &mut Self {
        self.0.extend_from_slice(v);
        self
    }

    /// u32 length, then bytes.
    pub fn sized(&mut self, v: &[u8]) -> &mut Self {
        self.u32(v.len() as u32).bytes(v)
    }

    /// u16 length, then UTF-8.
    pub fn text(&mut self, v: &str) -> &mut Self {
        self.u16(v.len() as u16).bytes(v.as_bytes())
    }

    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Takes canonical fields off a slice.
#[derive(Clone)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Bytes not yet read.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub fn take(&mut self, n: usize) -> Result<&'a [u8], WireError> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(WireError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(WireError::Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    pub fn u8(&mut self) -> Result<u8, WireError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16, WireError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// Unsigned LEB128; longer than the shortest form is refused.
    pub fn varint(&mut self) -> Result<u64, WireError> {
        let mut v = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.u8()?;
            let part = u64::from(b & 0x7f);
            if shift == 63 && part > 1 {
                return Err(WireError::OutOfBounds("varint"));
            }
            v |= part << shift;
            if b & 0x80 == 0 {
                return if b == 0 && shift > 0 {
                    Err(WireError::NotCanonical("varint"))
                } else {
                    Ok(v)
                };
            }
        }
        Err(WireError::OutOfBounds("varint"))
    }

    /// u32 length ≤ `max`, then bytes.
    pub fn sized(&mut self, max: usize, what: &'static str) -> Result<&'a [u8], WireError> {
        let n = self.u32()? as usize;
        if n > max {
            return Err(WireError::OutOfBounds(what));
        }
        self.take(n)
    }

    /// u16 length ≤ `max`, then UTF-8.
    pub fn text(&mut self, max: usize, what: &'static str) -> Result<&'a str, WireError> {
        let n = self.u16()? as usize;
        if n > max {
            return Err(WireError::OutOfBounds(what));
        }
        std::str::from_utf8(self.take(n)?).map_err(|_| WireError::Unknown(what))
    }

    /// A u8 count ≤ `max`.
    pub fn count(&mut self, max: usize, what: &'static str) -> Result<usize, WireError> {
        let n = self.u8()? as usize;
        if n > max { Err(WireError::OutOfBounds(what)) } else { Ok(n) }
    }

    /// A u16 count ≤ `max`.
    pub fn count16(&mut self, max: usize, what: &'static str) -> Result<usize, WireError> {
        let n = self.u16()? as usize;
        if n > max { Err(WireError::OutOfBounds(what)) } else { Ok(n) }
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<(), WireError> {
        if self.0.is_empty() { Ok(()) } else { Err(WireError::Trailing) }
    }
}

/// Refuses lists that are not strictly ascending: one order, no duplicates.
pub fn strictly_ascending<T: Ord>(list: &[T], what: &'static str) -> Result<(), WireError> {
    if list.windows(2).all(|w| w[0] < w[1]) {
        Ok(())
    } else {
        Err(WireError::NotCanonical(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_have_one_form() {
        for v in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut w = Writer::new();
            w.varint(v);
            let bytes = w.finish();
            let mut r = Reader::new(&bytes);
            assert_eq!(r.varint(), Ok(v));
            r.end().unwrap();
        }
        assert_eq!(Reader::new(&[0x80, 0]).varint(), Err(WireError::NotCanonical("varint")));
        assert_eq!(Reader::new(&[0xff; 10]).varint(), Err(WireError::OutOfBounds("varint")));
    }

    #[test]
    fn a_length_beyond_its_bound_is_refused_before_reading() {
        let bytes = [0xff, 0xff, 0xff, 0xff];
        assert_eq!(Reader::new(&bytes).sized(16, "body"), Err(WireError::OutOfBounds("body")));
        assert_eq!(Reader::new(&[0, 0, 0, 2, 1]).sized(16, "body"), Err(WireError::Truncated));
    }
}
