//! Paths of artifacts: what they may look like, and what their endings say.
//!
//! The rules are those of MLflow's `validate_path_is_safe`: a path that is safe here stays so when
//! a server or a browser has decoded it.

use crate::error::{Error, ErrorKind, Result};

/// The most bytes that a path has.
const PATH_BYTES_MAX: usize = 1000;

/// A path relative to its owner, with `/` between its parts, all of them names.
///
/// Anything else is [`ErrorKind::InvalidInput`]: an empty one, an absolute one, a part that is
/// empty, `.` or `..`, a drive letter, a backslash, a control character, `#`, and whatever becomes
/// one of these by decoding `%` escapes.
pub(crate) fn check_path(path: &str) -> Result<()> {
    check_kept_path(path)?;
    let refuse = |what: &str| Err(bad_path(path, what));
    // The names of images are made by MLflow, or by `Artifacts::log_image`: in them `%` and `#`
    // stand for themselves.
    if path.starts_with("images/") {
        return Ok(());
    }
    if path.contains('#') {
        return refuse("it contains '#', with which the fragment of an address begins");
    }
    let mut form = path.to_owned();
    while let Some(decoded) = decoded(&form) {
        if let Some(what) = fault(&decoded) {
            return refuse(&format!("decoded, as {decoded:?}, {what}"));
        }
        if decoded.matches('/').count() > form.matches('/').count() {
            return refuse("it contains an escaped '/'");
        }
        form = decoded;
    }
    Ok(())
}

/// As [`check_path`] for paths made here, whose `%` and `#` stand for themselves.
pub(crate) fn check_kept_path(path: &str) -> Result<()> {
    if path.len() > PATH_BYTES_MAX {
        let message = format!(
            "an artifact's path of {} bytes, at most {PATH_BYTES_MAX} are allowed",
            path.len()
        );
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    fault(path).map_or(Ok(()), |what| Err(bad_path(path, what)))
}

fn bad_path(path: &str, what: &str) -> Error {
    let message = format!("{path:?} is no path of an artifact: {what}");
    Error::new(ErrorKind::InvalidInput, message)
}

fn fault(path: &str) -> Option<&'static str> {
    let is_drive =
        |path: &str| matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    let parts = || path.split('/');
    match path {
        "" => Some("it is empty"),
        path if path.starts_with('/') => Some("it is absolute"),
        path if path.contains('\\') => Some("it contains a backslash"),
        path if path.contains(|it: char| it.is_control() || it == char::MAX) => {
            Some("it contains a control character")
        }
        path if is_drive(path) => Some("it begins with a drive letter"),
        _ if parts().any(|part| matches!(part, "." | "..")) => Some("it has a part '.' or '..'"),
        _ if parts().any(str::is_empty) => Some("it has an empty part"),
        _ => None,
    }
}

/// The text with its `%` escapes decoded, if it has any.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    let hex = |byte: u8| char::from(byte).to_digit(16);
    while let Some((&first, tail)) = rest.split_first() {
        let escape = match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                hex(*high).zip(hex(*low)).map(|(high, low)| (high * 16 + low, after))
            }
            _ => None,
        };
        // Two hexadecimal digits are a byte.
        let (byte, after) = escape.map_or((first, tail), |(byte, after)| (byte as u8, after));
        bytes.push(byte);
        rest = after;
    }
    (bytes.len() < text.len()).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// What kind of file it is, by the ending of its path.
pub(crate) fn media_type(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let (_, ending) = name.rsplit_once('.')?;
    let ending = ending.to_ascii_lowercase();
    MEDIA_TYPES.iter().find(|(known, _)| *known == ending).map(|(_, media_type)| *media_type)
}

const MEDIA_TYPES: &[(&str, &str)] = &[
    ("bin", "application/octet-stream"),
    ("bmp", "image/bmp"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ipynb", "application/x-ipynb+json"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("jsonl", "application/jsonl"),
    ("log", "text/plain"),
    ("md", "text/markdown"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("onnx", "application/onnx"),
    ("parquet", "application/vnd.apache.parquet"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("py", "text/x-python"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("toml", "application/toml"),
    ("tsv", "text/tab-separated-values"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webp", "image/webp"),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zip", "application/zip"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_could_lead_elsewhere_are_refused() {
        let bad = [
            "",
            "/etc/passwd",
            "a//b",
            "a/",
            "./a",
            "a/..",
            "../a",
            "a/./b",
            "C:/a",
            "c:a",
            "a\\b",
            "a\0b",
            "a\nb",
            "\u{10ffff}",
            "a#b",
            "%2e%2e/a",
            "a/%2E%2e",
            "%2fa",
            "a%2fb",
            "%5ca",
            "a%00",
            "%252e%252e/a",
            "a%250a",
            "%43:/a",
            "a/.%2e/b",
        ];
        for path in bad {
            let error = check_path(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path:?}");
        }
        assert!(check_path(&"x".repeat(1001)).is_err());
        for path in ["a", "a/b.txt", "...", "a b/\u{e4}.bin", "100%", "50%zz", "a%20b", "x:y"] {
            assert!(check_path(path).is_ok() == (path != "x:y"), "{path:?}");
        }
        assert!(check_path("images/train#loss%step%1%timestamp%1700%x.png").is_ok());
        assert!(check_path("images/../x").is_err() && check_path("image/a%00").is_err());
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(decoded("a%20b%c3%a4%"), Some("a b\u{e4}%".to_owned()));
        assert_eq!(decoded("100%"), None);
    }

    #[test]
    fn endings_say_what_a_file_is() {
        assert_eq!(media_type("a.b/model.JSON"), Some("application/json"));
        assert_eq!(media_type("a.json/model"), None);
        assert!(MEDIA_TYPES.is_sorted());
    }
}
