//! Page tokens: the query and the offset at which its next page begins.

use super::base64;
use crate::entity::wording::python_bytes;
use crate::error::{Error, ErrorKind, Result};

/// The longest token accepted, in bytes. Generated tokens have fewer than 80.
const TOKEN_BYTES_MAX: usize = 256;

/// The start of a page.
///
/// Encoded as base64 of `{"offset": 1000, "query": "0123456789abcdef"}`. MLflow's tokens, which
/// have no `query`, are accepted as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageToken {
    /// The number of results before the page, at least 1.
    pub offset: u64,
    /// The [`Fingerprint`] of the query, if known.
    pub query: Option<Fingerprint>,
}

/// A 64-bit hash that distinguishes queries. It is the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// Returns the fingerprint (FNV-1a) of a query given as a sequence of texts.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        for part in parts {
            part.bytes().for_each(&mut add);
            // This byte never occurs in UTF-8, so it separates the parts: ("a", "b") differs from
            // ("ab").
            add(0xff);
        }
        Fingerprint(hash)
    }
}

impl PageToken {
    /// Returns the offset at which the page of `query` begins. An empty text means 0.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the token is malformed or belongs to another query.
    pub fn offset_in(text: &str, query: Fingerprint) -> Result<u64> {
        if text.is_empty() {
            return Ok(0);
        }
        let token = PageToken::decode(text)?;
        match token.query {
            Some(own) if own != query => Err(invalid("it belongs to another query")),
            _ => Ok(token.offset),
        }
    }

    /// Encodes the token as text.
    #[must_use]
    pub fn encode(&self) -> String {
        let json = match self.query {
            Some(Fingerprint(query)) => {
                format!("{{\"offset\": {}, \"query\": \"{query:016x}\"}}", self.offset)
            }
            None => format!("{{\"offset\": {}}}", self.offset),
        };
        base64::encode(json.as_bytes())
    }

    /// Decodes a token.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the text is not a page token.
    pub fn decode(text: &str) -> Result<Self> {
        if text.len() > TOKEN_BYTES_MAX {
            let reason = format!("could not base64-decode: longer than {TOKEN_BYTES_MAX} bytes");
            return Err(invalid(&reason));
        }
        let bytes = base64::decode(text);
        let bytes = bytes.ok_or_else(|| invalid("could not base64-decode"))?;
        let decoded = || format!("decoded value={}", python_bytes(&bytes));
        let json =
            str::from_utf8(&bytes).map_err(|_| invalid(&format!("{}: not UTF-8", decoded())))?;
        // Python's literals have the other quotes.
        let parsed = |reason: &str| {
            invalid(&format!("parsed value={}: {reason}", json.trim().replace('"', "'")))
        };
        let is_object = json.trim().starts_with('{') && json.trim().ends_with('}');
        let is_other = || match is_object {
            true => parsed("not an object with an offset"),
            false => invalid(&format!("{}: not an object", decoded())),
        };
        let (offset, query) = fields(json).ok_or_else(is_other)?;
        let offset = offset.filter(|offset| !offset.is_empty());
        let offset = offset.ok_or_else(|| parsed("no offset"))?;
        // SQL and MLflow's clients use 63-bit offsets.
        let number = offset.parse::<u64>().ok().filter(|number| i64::try_from(*number).is_ok());
        let offset = number.ok_or_else(|| invalid(&format!("not stringable {offset}")))?;
        if offset == 0 {
            return Err(parsed("the offset is 0"));
        }
        let query = match query {
            Some(hex) if hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                u64::from_str_radix(hex, 16).ok().map(Fingerprint)
            }
            Some(_) => return Err(parsed("the query is not 16 hexadecimal digits")),
            None => None,
        };
        Ok(PageToken { offset, query })
    }
}

#[cold]
fn invalid(reason: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("Invalid page token, {reason}"))
}

/// Returns the values of `offset` and `query`. Rejects objects with other or duplicate keys.
fn fields(json: &str) -> Option<(Option<&str>, Option<&str>)> {
    let body = json.trim().strip_prefix('{')?.strip_suffix('}')?;
    let (mut offset, mut query) = (None, None);
    if body.trim().is_empty() {
        return Some((None, None));
    }
    for member in body.split(',') {
        let (key, value) = member.split_once(':')?;
        let value = value.trim();
        let place = match key.trim() {
            "\"offset\"" => {
                // Like MLflow, accept the number as a string, too.
                let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
                offset.replace(in_quotes(value).or(is_number.then_some(value))?)
            }
            "\"query\"" => query.replace(in_quotes(value)?),
            _ => return None,
        };
        if place.is_some() {
            return None;
        }
    }
    Some((offset, query))
}

fn in_quotes(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}
