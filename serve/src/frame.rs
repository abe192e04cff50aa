//! Frames between the server and a worker: a head of fixed length, then a body.
//!
//! The other side is `worker.py`.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// The bytes of a head: length of the body (u32), kind (u8), id of the request (u64) and
/// microseconds (u64), each little-endian.
const HEAD_BYTES: usize = 21;
/// The largest body of an answer.
const BODY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A request; its microseconds are the time until its deadline.
    Request = 1,
    /// An answer; its microseconds are the time that the model took.
    Answer = 2,
    /// The model is loaded; its id is 1 if it can answer several requests at once, else 0.
    Ready = 3,
    /// The model cannot be loaded; the body is the reason.
    Failed = 4,
    /// The deadline of a request was over.
    Late = 5,
    /// Several requests follow, to be answered at once if possible. Its id is their number.
    Batch = 6,
    /// A request that is answered as MLflow's own server does.
    Exact = 7,
    /// To a worker: describe the model. From it: the description, or the reason why there is none
    /// if its id is 0.
    Describe = 8,
}

/// A frame from a worker.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    pub(crate) micros: u64,
    pub(crate) body: Vec<u8>,
}

/// Writes the frame of a request.
pub(crate) async fn write_request(
    stream: &mut UnixStream,
    kind: Kind,
    (id, micros): (u64, u64),
    content_type: &str,
    body: &[u8],
) -> io::Result<()> {
    let content = content_type.as_bytes();
    let content_length = u16::try_from(content.len()).map_err(io::Error::other)?;
    let length = u32::try_from(2 + content.len() + body.len()).map_err(io::Error::other)?;
    let mut head = Vec::with_capacity(HEAD_BYTES + 2 + content.len());
    head.extend(length.to_le_bytes());
    head.push(kind as u8);
    head.extend(id.to_le_bytes());
    head.extend(micros.to_le_bytes());
    head.extend(content_length.to_le_bytes());
    head.extend(content);
    stream.write_all(&head).await?;
    stream.write_all(body).await
}

/// Writes a frame without a body.
pub(crate) async fn write_head(stream: &mut UnixStream, kind: Kind, number: u64) -> io::Result<()> {
    let mut head = [0; HEAD_BYTES];
    let [_, _, _, _, place, id @ ..] = &mut head;
    *place = kind as u8;
    for (to, byte) in id.iter_mut().zip(number.to_le_bytes()) {
        *to = byte;
    }
    stream.write_all(&head).await
}

/// Reads a frame.
pub(crate) async fn read(stream: &mut UnixStream) -> io::Result<Frame> {
    let mut head = [0; HEAD_BYTES];
    stream.read_exact(&mut head).await?;
    let (length, kind, id, micros) = parse(&head)?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Frame { kind, id, micros, body })
}

fn parse(head: &[u8; HEAD_BYTES]) -> io::Result<(usize, Kind, u64, u64)> {
    let [l0, l1, l2, l3, kind, rest @ ..] = head;
    let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
    let (id, micros) = rest.split_at(8);
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let kind = match kind {
        2 => Kind::Answer,
        3 => Kind::Ready,
        4 => Kind::Failed,
        5 => Kind::Late,
        8 => Kind::Describe,
        other => return Err(io::Error::other(format!("a frame has the unknown kind {other}"))),
    };
    if length > BODY_BYTES_MAX {
        let text = format!("the answer has {length} bytes, at most {BODY_BYTES_MAX} are read");
        return Err(io::Error::other(text));
    }
    Ok((length, kind, number(id), number(micros)))
}

/// Returns the status, the content type and the body of an answer.
pub(crate) fn answer_of(mut body: Vec<u8>) -> Option<(u16, String, Vec<u8>)> {
    let [low, high, length, ..] = body[..] else { return None };
    let start = 3 + usize::from(length);
    let content_type = String::from_utf8(body.get(3..start)?.to_vec()).ok()?;
    body.drain(..start);
    Some((u16::from_le_bytes([low, high]), content_type, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_written_as_the_worker_reads_it() {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        write_request(&mut here, Kind::Request, (7, 1_000_000), "text/csv", b"a,b").await.unwrap();
        drop(here);
        let mut bytes = Vec::new();
        there.read_to_end(&mut bytes).await.unwrap();
        let mut wanted = vec![13, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x42, 0xf, 0, 0, 0];
        wanted.extend([0, 0, 8, 0]);
        wanted.extend(b"text/csva,b");
        assert_eq!(bytes, wanted);
    }

    #[tokio::test]
    async fn a_batch_is_announced_with_its_number() {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        write_head(&mut here, Kind::Batch, 0x102).await.unwrap();
        drop(here);
        let mut bytes = Vec::new();
        there.read_to_end(&mut bytes).await.unwrap();
        let mut wanted = vec![0, 0, 0, 0, 6, 2, 1];
        wanted.resize(HEAD_BYTES, 0);
        assert_eq!(bytes, wanted);
    }

    #[tokio::test]
    async fn frames_that_are_cut_or_strange_are_errors() {
        let head = |length: u32, kind: u8| {
            let mut head = length.to_le_bytes().to_vec();
            head.push(kind);
            head.extend([0; 16]);
            head
        };
        for bytes in [
            Vec::new(),
            head(0, 2)[..20].to_vec(),
            head(1, 2),
            head(0, 1),
            head(0, 9),
            head(u32::MAX, 2),
        ] {
            let (mut here, mut there) = UnixStream::pair().unwrap();
            here.write_all(&bytes).await.unwrap();
            drop(here);
            assert!(read(&mut there).await.is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn an_answer_has_a_status_and_a_content_type() {
        let answer = answer_of(b"\xc8\x00\x02abrest".to_vec());
        assert_eq!(answer, Some((200, "ab".to_owned(), b"rest".to_vec())));
        for bad in [&b""[..], b"\xc8\x00", b"\xc8\x00\x03ab", b"\xc8\x00\x01\xff"] {
            assert_eq!(answer_of(bad.to_vec()), None);
        }
    }
}
