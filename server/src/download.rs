//! Files as answers: whole or a range of bytes, in blocks and never whole in memory.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderName, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::unfold;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracklite::artifact::{ArtifactInfo, ArtifactReader};

use crate::dates::{from_http, http_date};
use crate::failure::{Failure, Outcome};
use crate::shared::Shared;
use crate::target::Target;
use crate::transfer::IDLE_TIMEOUT;

/// The number of bytes that are read at a time.
const BLOCK_BYTES: u64 = 1024 * 1024;
/// The number of blocks that wait for the connection.
const BLOCKS_MAX: usize = 2;
/// The characters of a file name that need no escape in `Content-Disposition`.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The request of a file: its method and headers.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
}

/// The facts and bytes to send, found on a thread of the pool.
struct Found {
    info: ArtifactInfo,
    part: Part,
    content: Content,
}

enum Content {
    /// For HEAD, and for answers without bytes of the file.
    Nothing,
    Whole(Bytes),
    Blocks(ArtifactReader, u64),
}

/// The bytes of the file to send.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Bytes(Range<u64>),
    /// The range begins after the end of the file.
    Beyond,
    /// The file changed after the time that the client has.
    Changed,
}

/// Answers with the file that `find` returns.
pub(crate) async fn send(
    shared: &Arc<Shared>,
    asked: Asked,
    find: impl FnOnce(&Shared) -> Outcome<Target> + Send + 'static,
) -> Outcome<Response> {
    let finder = Arc::clone(shared);
    let Found { info, part, content } =
        shared.pool.run(move || found(&find(&finder)?.file()?, &asked)).await??;
    let size = info.size.unwrap_or_default();
    let (status, range) = match &part {
        Part::Whole => (StatusCode::OK, 0..size),
        Part::Bytes(range) => (StatusCode::PARTIAL_CONTENT, range.clone()),
        Part::Beyond => return Ok(beyond(size)),
        Part::Changed => return Err(changed(&info)),
    };
    let body = match content {
        Content::Nothing => Body::empty(),
        Content::Whole(bytes) => Body::from(bytes),
        Content::Blocks(reader, length) => blocks(Arc::clone(shared), reader, length),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    describe(response.headers_mut(), &info);
    let length = HeaderValue::from(range.end - range.start);
    response.headers_mut().insert(CONTENT_LENGTH, length);
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
        set(response.headers_mut(), CONTENT_RANGE, &range);
    }
    Ok(response)
}

fn found(target: &Target, asked: &Asked) -> Outcome<Found> {
    let Target { artifacts, path } = target;
    if asked.method == Method::HEAD {
        let info = artifacts.info(path)?;
        let part = part(&asked.headers, &info);
        return Ok(Found { info, part, content: Content::Nothing });
    }
    let mut reader = artifacts.open(path)?;
    let info = reader.info().clone();
    let part = part(&asked.headers, &info);
    let range = match &part {
        Part::Whole => 0..reader.len(),
        Part::Bytes(range) => range.clone(),
        Part::Beyond | Part::Changed => {
            return Ok(Found { info, part, content: Content::Nothing });
        }
    };
    reader.seek(SeekFrom::Start(range.start)).map_err(unreadable)?;
    let length = range.end - range.start;
    let content = match length <= BLOCK_BYTES {
        true => Content::Whole(block(&mut reader, length).map_err(unreadable)?),
        false => Content::Blocks(reader, length),
    };
    Ok(Found { info, part, content })
}

fn unreadable(error: io::Error) -> Failure {
    match error.downcast::<tracklite::Error>() {
        Ok(error) => error.into(),
        Err(error) => Failure::internal(format!("the file cannot be read: {error}")),
    }
}

/// Reads a block, which must have this length.
fn block(reader: &mut ArtifactReader, length: u64) -> io::Result<Bytes> {
    // At most the length of a block.
    let mut block = vec![0; length as usize];
    reader.read_exact(&mut block)?;
    Ok(block.into())
}

/// Returns a body that reads its blocks while they are sent. Each is read on the pool, so that a
/// slow client occupies no thread.
fn blocks(shared: Arc<Shared>, reader: ArtifactReader, length: u64) -> Body {
    let (sender, receiver) = mpsc::channel(BLOCKS_MAX);
    tokio::spawn(read_blocks(shared, reader, length, sender));
    Body::from_stream(unfold(receiver, |mut receiver| async {
        let block = receiver.recv().await?;
        Some((block, receiver))
    }))
}

async fn read_blocks(
    shared: Arc<Shared>,
    mut reader: ArtifactReader,
    mut left: u64,
    sender: mpsc::Sender<io::Result<Bytes>>,
) {
    while left > 0 {
        let length = left.min(BLOCK_BYTES);
        let read = shared.pool.run(move || {
            let block = block(&mut reader, length);
            (reader, block)
        });
        let Ok((back, block)) = read.await else { return };
        reader = back;
        left -= length;
        if let Err(error) = &block {
            log::error!("a download of {:?} was cut off: {error}", reader.info().path);
            left = 0;
        }
        // The client has gone, or does not read.
        if !matches!(timeout(IDLE_TIMEOUT, sender.send(block)).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// Sets the headers that describe a file.
///
/// A browser must save a file and never show it, because anybody who logs artifacts could run
/// scripts in the name of this server.
fn describe(headers: &mut HeaderMap, info: &ArtifactInfo) {
    let name = info.path.rsplit('/').next().unwrap_or_default();
    let escaped = utf8_percent_encode(name, NAME);
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let disposition = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{escaped}");
    set(headers, CONTENT_DISPOSITION, &disposition);
    set(headers, CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'");
    let media_type = info.media_type.as_deref().unwrap_or("application/octet-stream");
    set(headers, CONTENT_TYPE, media_type);
    set(headers, ACCEPT_RANGES, "bytes");
    set(headers, LAST_MODIFIED, &http_date(written(info)));
    if let Some(tag) = tag(info) {
        set(headers, ETAG, &tag);
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ' ')
}

/// Sets a header. Text that a header cannot have is left out.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn tag(info: &ArtifactInfo) -> Option<String> {
    info.digest.as_ref().map(|digest| format!("\"{digest}\""))
}

/// Returns the second in which a file was written.
fn written(info: &ArtifactInfo) -> u64 {
    u64::try_from(info.written.as_millis() / 1000).unwrap_or_default()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Returns the part of a file that the headers of a request ask for.
fn part(headers: &HeaderMap, info: &ArtifactInfo) -> Part {
    let since = text(headers, &IF_UNMODIFIED_SINCE).and_then(from_http);
    if since.is_some_and(|since| written(info) > since) {
        return Part::Changed;
    }
    if let Some(condition) = text(headers, &IF_RANGE) {
        let is_same =
            tag(info).as_deref() == Some(condition) || from_http(condition) == Some(written(info));
        if !is_same {
            return Part::Whole;
        }
    }
    let size = info.size.unwrap_or_default();
    text(headers, &RANGE).map_or(Part::Whole, |range| range_of(range, size))
}

/// Parses a range. Another unit, several ranges and other text mean the whole file, as if there
/// were no header.
fn range_of(text: &str, size: u64) -> Part {
    let parsed = text.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'));
    let Some((first, last)) = parsed else { return Part::Whole };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(count)) if first.is_empty() => size.saturating_sub(count)..size,
        _ => return Part::Whole,
    };
    if range.start >= size { Part::Beyond } else { Part::Bytes(range) }
}

/// The answer to a range that has no byte.
fn beyond(size: u64) -> Response {
    use axum::response::IntoResponse as _;

    let message = format!("the range begins after the end of the file, which has {size} bytes");
    let status = StatusCode::RANGE_NOT_SATISFIABLE;
    let mut response = Failure::new(status, "INVALID_PARAMETER_VALUE", message).into_response();
    set(response.headers_mut(), CONTENT_RANGE, &format!("bytes */{size}"));
    response
}

fn changed(info: &ArtifactInfo) -> Failure {
    let message = format!("the file {:?} was replaced meanwhile: begin again", info.path);
    Failure::new(StatusCode::PRECONDITION_FAILED, "FAILED_PRECONDITION", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_parsed() {
        for (text, part) in [
            ("bytes=0-0", Part::Bytes(0..1)),
            ("bytes=2-5", Part::Bytes(2..6)),
            ("bytes=2-", Part::Bytes(2..10)),
            ("bytes=-3", Part::Bytes(7..10)),
            ("bytes=-30", Part::Bytes(0..10)),
            ("bytes=9-18446744073709551615", Part::Bytes(9..10)),
            ("bytes=10-", Part::Beyond),
            ("bytes=-0", Part::Beyond),
            ("bytes=10-12", Part::Beyond),
            ("bytes=5-2", Part::Whole),
            ("bytes=0-1,4-5", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=-", Part::Whole),
            ("lines=0-1", Part::Whole),
        ] {
            assert_eq!(range_of(text, 10), part, "{text}");
        }
        assert_eq!(range_of("bytes=0-", 0), Part::Beyond);
    }
}
