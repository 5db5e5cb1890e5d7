//! Frames on a stream: unsigned varint length, then the body. The length is judged before a byte is allocated for it.

use std::io;

use futures::{AsyncRead, AsyncReadExt};
use thiserror::Error;

/// Largest frame, in bytes: part of the protocol, not a setting (a larger envelope spans several).
pub const MAX_FRAME: usize = 64 * 1024;

/// A length that needs more bytes than this is beyond any bound used here.
const MAX_PREFIX: usize = 3;

/// Why no frame could be read. All but `Io` blame the peer.
#[derive(Debug, Error)]
pub(super) enum FrameError {
    /// The announced length is over the bound; nothing was allocated and nothing more is read.
    #[error("a frame over {0} bytes was announced")]
    TooLong(usize),
    /// Nothing in the protocol is said by an empty frame, and a million of them would cost more than they weigh.
    #[error("an empty frame")]
    Empty,
    /// A length not in its shortest form.
    #[error("a frame length that is not canonical")]
    NotCanonical,
    /// The stream broke, possibly inside a frame.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads one frame of at most `max` bytes; `None` if the stream ended between two frames.
pub(super) async fn read<R: AsyncRead + Unpin>(stream: &mut R, max: usize) -> Result<Option<Vec<u8>>, FrameError> {
    let Some(length) = read_length(stream, max).await? else {
        return Ok(None);
    };
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(body))
}

async fn read_length<R: AsyncRead + Unpin>(stream: &mut R, max: usize) -> Result<Option<usize>, FrameError> {
    let mut length = 0usize;
    for index in 0..MAX_PREFIX {
        let mut byte = [0];
        if stream.read(&mut byte).await? == 0 {
            return if index == 0 {
                Ok(None)
            } else {
                Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
            };
        }
        length |= usize::from(byte[0] & 0x7f) << (7 * index);
        if byte[0] & 0x80 == 0 {
            return match length {
                _ if byte[0] == 0 && index > 0 => Err(FrameError::NotCanonical),
                0 => Err(FrameError::Empty),
                _ if length > max => Err(FrameError::TooLong(max)),
                _ => Ok(Some(length)),
            };
        }
    }
    Err(FrameError::TooLong(max))
}

/// Length and body in one buffer, so that they leave in one write. The caller has checked the length.
pub(super) fn encode(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(MAX_PREFIX + body.len());
    let mut length = body.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use futures::io::Cursor;

    fn decode(bytes: &[u8]) -> Result<Option<Vec<u8>>, FrameError> {
        block_on(read(&mut Cursor::new(bytes), MAX_FRAME))
    }

    #[test]
    fn frames_of_every_prefix_length_come_back() {
        for length in [1, 127, 128, 16_383, 16_384, MAX_FRAME] {
            let body = vec![7; length];
            assert_eq!(decode(&encode(&body)).unwrap(), Some(body));
        }
    }

    #[test]
    fn a_length_over_the_bound_is_refused_before_the_body_is_looked_at() {
        let over = encode(&vec![0; MAX_FRAME + 1]);
        assert!(
            matches!(decode(&over[..3]), Err(FrameError::TooLong(MAX_FRAME))),
            "the prefix alone decides"
        );
        assert!(matches!(decode(&[0xff; 10]), Err(FrameError::TooLong(_))));
    }

    #[test]
    fn empty_padded_and_cut_frames_are_refused() {
        assert!(matches!(decode(&[0]), Err(FrameError::Empty)));
        assert!(matches!(decode(&[0x81, 0x00, 1]), Err(FrameError::NotCanonical)));
        assert!(matches!(decode(&[0x81]), Err(FrameError::Io(_))));
        assert!(matches!(decode(&[2, 1]), Err(FrameError::Io(_))));
        assert!(matches!(decode(&[]), Ok(None)));
    }
}
