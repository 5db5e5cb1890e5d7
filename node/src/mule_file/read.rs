//! Reading: a block at a time, within the bounds of [`bocage_protocol::mule`].

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use bocage_protocol::crypto::KemSecret;
use bocage_protocol::ids::NetworkId;
use bocage_protocol::mule::{self, Entry, Manifest, MuleError, Unpacker};

use crate::client::Failure;
use crate::lang::Bilingual;

/// Why a file was not taken in.
pub(crate) enum Refusal {
    ForOthers,
    /// It is the file's fault: said in English and French, and the others are taken.
    File(String, String),
    /// It is ours: the disk refused, the node stops.
    Own(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Own(failure)
    }
}

impl From<MuleError> for Refusal {
    fn from(error: MuleError) -> Self {
        if error == MuleError::NotForUs {
            return Self::ForOthers;
        }
        Self::File(error.to_string(), error.french())
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return MuleError::Damaged.into();
        }
        Self::File(error.to_string(), error.french())
    }
}

/// One file, and whose key opens it.
pub(crate) struct MuleFile<'a> {
    pub(crate) path: &'a Path,
    pub(crate) key: &'a KemSecret,
    pub(crate) network: NetworkId,
}

impl MuleFile<'_> {
    /// Reads the whole file; `take` says what is wrong with a block's entries, if anything is.
    pub(crate) fn read(
        &self,
        mut take: impl FnMut(Vec<Entry>) -> Result<Option<String>, Failure>,
        tell: &mut dyn FnMut(u64),
    ) -> Result<Manifest, Refusal> {
        let mut file = BufReader::new(File::open(self.path)?);
        let mut head = vec![0; mule::HEAD];
        file.read_exact(&mut head).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => MuleError::Foreign.into(),
            _ => Refusal::from(error),
        })?;
        let slots = mule::slots(head.first_chunk().expect("just this long"))?;
        head.resize(mule::HEAD + mule::slots_len(slots), 0);
        file.read_exact(&mut head[mule::HEAD..])?;
        let mut unpacker = Unpacker::open(&head, self.key, self.network)?;
        let mut next = block(&mut file)?.ok_or(MuleError::Damaged)?;
        loop {
            let after = block(&mut file)?;
            tell(next.len() as u64);
            let Some(after) = after else {
                let (entries, manifest) = unpacker.last(&next)?;
                not_belonging(take(entries)?)?;
                return Ok(manifest);
            };
            not_belonging(take(unpacker.block(&next)?)?)?;
            next = after;
        }
    }
}

fn not_belonging(why: Option<String>) -> Result<(), Refusal> {
    match why {
        None => Ok(()),
        Some(why) => Err(Refusal::File(
            format!("this file holds what doesn't belong in one: {why}"),
            format!("ce fichier contient ce qui n'y a pas sa place ({why})"),
        )),
    }
}

/// The next sealed block; `None` at the end of the file.
fn block(file: &mut impl Read) -> Result<Option<Vec<u8>>, Refusal> {
    let mut length = [0; 4];
    let mut read = 0;
    while read < length.len() {
        match file.read(&mut length[read..])? {
            0 if read == 0 => return Ok(None),
            0 => return Err(MuleError::Damaged.into()),
            n => read += n,
        }
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > mule::MAX_BLOCK {
        return Err(MuleError::Damaged.into());
    }
    let mut sealed = vec![0; length];
    file.read_exact(&mut sealed)?;
    Ok(Some(sealed))
}
