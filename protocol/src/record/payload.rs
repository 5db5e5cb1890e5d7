//! The plaintext of a content envelope: change chunks, compressed as a whole or not at all.
//!
//! Layout: flag u8 (0 plain, 1 deflate), then 1..64 chunks, each behind its varint length. Compression spans one author's own
//! facts only, and never reaches Automerge: chunks inside are uncompressed by rule ([`super::preflight`]).
//!
//! A deflate stream goes on where [`DICTIONARY`] ends, as if both had been compressed together: one small resource repeats little of
//! itself, and nearly all of what every one of its kind says.

use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use thiserror::Error;

use crate::wire::{Reader, WireError, Writer};

/// Changes in one envelope.
pub const MAX_CHUNKS: usize = 64;
/// Bytes of all chunks once inflated: a deflate bomb stops here.
pub const MAX_INFLATED: usize = 1024 * 1024;
/// The longest payload whose padded, sealed form fits an envelope's body.
pub const MAX_PAYLOAD: usize = 248 * 1024;
/// miniz level: 6 of 10, the usual trade.
const LEVEL: u8 = 6;
/// What resources of this program look like, without anybody's data. It is part of the format: not a byte of it may change.
const DICTIONARY: &[u8] = include_bytes!("dictionary.txt");

/// Why a payload was refused or could not be made.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum PayloadError {
    /// Not laid out as a payload.
    #[error("payload: {0}")]
    Wire(#[from] WireError),
    /// The deflate stream is broken, is not used up, or inflates beyond [`MAX_INFLATED`].
    #[error("payload does not inflate within bounds")]
    Inflate,
}

/// Joins chunks; keeps the deflated form only where it is smaller.
///
/// # Errors
/// No chunk or more than [`MAX_CHUNKS`], or the result is too long for an envelope.
pub fn encode<C: AsRef<[u8]>>(chunks: &[C]) -> Result<Vec<u8>, PayloadError> {
    if chunks.is_empty() || chunks.len() > MAX_CHUNKS {
        return Err(WireError::OutOfBounds("chunks").into());
    }
    let mut w = Writer::new();
    w.u8(0);
    for chunk in chunks {
        w.varint(chunk.as_ref().len() as u64).bytes(chunk.as_ref());
    }
    let mut plain = w.finish();
    if plain.len() > MAX_INFLATED {
        return Err(WireError::OutOfBounds("payload").into());
    }
    let deflated = deflate(&plain[1..]);
    if deflated.len() + 1 < plain.len() {
        plain.truncate(1);
        plain[0] = 1;
        plain.extend_from_slice(&deflated);
    }
    if plain.len() > MAX_PAYLOAD {
        return Err(WireError::OutOfBounds("payload").into());
    }
    Ok(plain)
}

/// Splits a payload into its chunks. Says nothing about what is in them.
pub fn decode(payload: &[u8]) -> Result<Vec<Vec<u8>>, PayloadError> {
    let (flag, rest) = payload.split_first().ok_or(WireError::Truncated)?;
    match flag {
        0 => split(rest),
        1 => {
            let inflated = inflate(rest)?;
            if inflated.len() <= rest.len() {
                return Err(WireError::NotCanonical("compression").into());
            }
            split(&inflated)
        }
        _ => Err(WireError::Unknown("payload flag").into()),
    }
}

fn split(bytes: &[u8]) -> Result<Vec<Vec<u8>>, PayloadError> {
    let mut r = Reader::new(bytes);
    let mut chunks = Vec::new();
    while !r.rest().is_empty() {
        if chunks.len() == MAX_CHUNKS {
            return Err(WireError::OutOfBounds("chunks").into());
        }
        let len = usize::try_from(r.varint()?).map_err(|_| WireError::OutOfBounds("chunk"))?;
        chunks.push(r.take(len)?.to_vec());
    }
    if chunks.is_empty() {
        Err(WireError::Truncated.into())
    } else {
        Ok(chunks)
    }
}

/// One stream behind the dictionary: what the dictionary itself becomes is let go of, up to a byte's end.
fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut state = CompressorOxide::new(create_comp_flags_from_zip_params(LEVEL.into(), 0, 0));
    let mut run = |input: &[u8], flush, keep: &mut dyn FnMut(&[u8])| {
        let mut sink = |bytes: &[u8]| {
            keep(bytes);
            true
        };
        compress_to_output(&mut state, input, flush, &mut sink);
    };
    run(DICTIONARY, TDEFLFlush::Sync, &mut |_| {});
    let mut out = Vec::new();
    run(plain, TDEFLFlush::Finish, &mut |bytes| out.extend_from_slice(bytes));
    out
}

/// Inflates the whole of `input`: grows with what really comes out, up to [`MAX_INFLATED`], and refuses bytes after the stream.
fn inflate(mut input: &[u8]) -> Result<Vec<u8>, PayloadError> {
    const MOST: usize = DICTIONARY.len() + MAX_INFLATED;
    let mut state = Box::<DecompressorOxide>::default();
    let mut out = DICTIONARY.to_vec();
    let mut filled = out.len();
    out.resize(filled + (input.len() * 6).clamp(1024, MAX_INFLATED), 0);
    loop {
        let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, read, written) = decompress(&mut state, input, &mut out, filled, flags);
        filled += written;
        input = input.get(read..).ok_or(PayloadError::Inflate)?;
        match status {
            TINFLStatus::Done if input.is_empty() => {
                out.truncate(filled);
                return Ok(out.split_off(DICTIONARY.len()));
            }
            TINFLStatus::HasMoreOutput if out.len() < MOST => {
                let longer = (out.len() * 2).min(MOST);
                out.resize(longer, 0);
            }
            _ => return Err(PayloadError::Inflate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_back_and_only_smaller_results_are_kept() {
        let text = vec![b"{\"resourceType\":\"Observation\",\"status\":\"final\"}".repeat(20)];
        let packed = encode(&text).unwrap();
        assert_eq!(packed[0], 1);
        assert!(packed.len() < text[0].len() / 5);
        assert_eq!(decode(&packed).unwrap(), text);

        let noise: Vec<Vec<u8>> = (0..3u8).map(|i| blake3::hash(&[i]).as_bytes().to_vec()).collect();
        let packed = encode(&noise).unwrap();
        assert_eq!((packed[0], packed.len()), (0, 1 + 3 * 33));
        assert_eq!(decode(&packed).unwrap(), noise);
    }

    /// A small resource whose like the dictionary knows becomes what is its own; one that repeats nothing of it comes back as well.
    #[test]
    fn what_every_resource_says_costs_nothing() {
        let observation = br#"{"resourceType":"Observation","id":"9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital Signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}]},"subject":{"reference":"urn:uuid:1b4e28ba-2fa1-41d2-883f-0016d3cca427"},"effectiveDateTime":"2026-12-05T09:11:08Z","performer":[{"type":"Practitioner","identifier":{"system":"https://rpps.esante.gouv.fr","value":"10000000108"},"display":"Luc Petit"}],"valueQuantity":{"value":66,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}"#;
        let packed = encode(&[observation]).unwrap();
        assert!(packed.len() < 140, "{} of {} bytes", packed.len(), observation.len());
        assert_eq!(decode(&packed).unwrap(), [observation]);
        for n in [1, 2, 3, 40_000, 900_000] {
            let letters: Vec<u8> = (0..n).map(|i: u64| b'a' + (i * i % 23) as u8).collect();
            assert_eq!(decode(&encode(&[&letters]).unwrap()).unwrap(), [letters]);
        }
        // A stream of another program, without the dictionary.
        let mut plain = vec![1];
        let chunk = [&[200, 1][..], &[7; 200]].concat();
        plain.extend(miniz_oxide::deflate::compress_to_vec(&chunk, 6));
        assert_eq!(decode(&plain).unwrap(), [vec![7; 200]]);
    }

    /// Not a byte of it may change: what was sealed behind it would open no more.
    #[test]
    fn the_dictionary_is_the_one_that_was_frozen() {
        let hash = blake3::hash(DICTIONARY).to_hex();
        assert_eq!(
            (DICTIONARY.len(), hash.as_str()),
            (14_281, "44e662e00e9f46d8f0e22be74e5a5d6a0835ed70330ec5dd515575f0f649be66")
        );
    }

    #[test]
    fn a_bomb_stops_at_the_bound() {
        let mut bomb = vec![1];
        bomb.extend(miniz_oxide::deflate::compress_to_vec(&vec![0; 40 * MAX_INFLATED], 6));
        assert!(bomb.len() < MAX_PAYLOAD);
        assert_eq!(decode(&bomb), Err(PayloadError::Inflate));
    }

    #[test]
    fn payloads_have_one_length_and_one_end() {
        let packed = encode(&[vec![7; 500]]).unwrap();
        assert_eq!(packed[0], 1);
        for n in 0..packed.len() {
            assert!(decode(&packed[..n]).is_err(), "{n}");
        }
        assert_eq!(decode(&[&packed[..], &[0]].concat()), Err(PayloadError::Inflate));
        assert_eq!(decode(&[2, 1, 1]), Err(WireError::Unknown("payload flag").into()));
        assert_eq!(decode(&[0, 5, 1]), Err(WireError::Truncated.into()));
        assert_eq!(decode(&[0]), Err(WireError::Truncated.into()));
        let mut grown = vec![1];
        grown.extend(miniz_oxide::deflate::compress_to_vec(&[1, 9], 6));
        assert_eq!(
            decode(&grown),
            Err(WireError::NotCanonical("compression").into()),
            "compressed to something longer"
        );
    }

    #[test]
    fn counts_and_sizes_are_bounded() {
        assert!(encode::<Vec<u8>>(&[]).is_err());
        assert!(encode(&[[1u8]; MAX_CHUNKS]).is_ok());
        assert!(encode(&[[1u8]; MAX_CHUNKS + 1]).is_err());
        let many = [&[0][..], &[1, 5].repeat(MAX_CHUNKS + 1)].concat();
        assert_eq!(decode(&many), Err(WireError::OutOfBounds("chunks").into()));
        let noise: Vec<u8> = (0..MAX_PAYLOAD as u32 / 32 + 1)
            .flat_map(|i| *blake3::hash(&i.to_be_bytes()).as_bytes())
            .collect();
        assert_eq!(encode(&[noise]), Err(WireError::OutOfBounds("payload").into()));
        let padded = crate::envelope::padded_len(MAX_PAYLOAD + 4) + crate::envelope::TAG;
        assert!(padded <= crate::envelope::MAX_BODY, "what is encoded can be sealed");
    }
}
