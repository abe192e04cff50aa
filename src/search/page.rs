//! Page tokens: where the next page of a result begins, and of which query.

use super::base64;
use crate::error::{Error, ErrorKind, Result};

/// The longest token that is read, in bytes; those that are made have fewer than 80.
const TOKEN_BYTES_MAX: usize = 256;

/// Where a page begins.
///
/// As text it is base64 of `{"offset": 1000, "query": "0123456789abcdef"}`. Tokens of MLflow,
/// which lack the query, are read as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageToken {
    /// How many results come before the page; at least 1.
    pub offset: u64,
    /// The [`Fingerprint`] of the query, when it is known.
    pub query: Option<Fingerprint>,
}

/// A number by which two queries can be told apart: 64 bits, the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint of a query that consists of these texts, in this order (FNV-1a).
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        for part in parts {
            part.bytes().for_each(&mut add);
            // No UTF-8 holds this byte: it keeps ("a", "b") from being ("ab").
            add(0xff);
        }
        Fingerprint(hash)
    }
}

impl PageToken {
    /// The offset that this text asks for in this query: 0 for an empty text.
    ///
    /// A forged token, or one of another query, is [`ErrorKind::InvalidInput`].
    pub fn offset_in(text: &str, query: Fingerprint) -> Result<u64> {
        if text.is_empty() {
            return Ok(0);
        }
        let token = PageToken::decode(text)?;
        match token.query {
            Some(own) if own != query => Err(invalid("it was made for another query")),
            _ => Ok(token.offset),
        }
    }

    /// Cuts results, of which there is at least one more when there is another page, to one page;
    /// gives the token of the next one. `offset` is how many came before.
    pub fn cut<T>(
        results: &mut Vec<T>,
        offset: u64,
        limit: usize,
        query: Fingerprint,
    ) -> Option<String> {
        if results.len() <= limit {
            return None;
        }
        results.truncate(limit);
        let next = PageToken { offset: offset + limit as u64, query: Some(query) };
        Some(next.encode())
    }

    /// As [`PageToken::cut`] for all results of a query, also those that come before the page.
    pub fn cut_out<T>(
        results: &mut Vec<T>,
        offset: u64,
        limit: usize,
        query: Fingerprint,
    ) -> Option<String> {
        let before = usize::try_from(offset).unwrap_or(usize::MAX).min(results.len());
        results.drain(..before);
        PageToken::cut(results, offset, limit, query)
    }

    /// The token as text.
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

    /// Reads a token; any other text is [`ErrorKind::InvalidInput`].
    pub fn decode(text: &str) -> Result<Self> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(invalid("it is longer than any token"));
        }
        let bytes = base64::decode(text).ok_or_else(|| invalid("it is not base64"))?;
        let json = str::from_utf8(&bytes).map_err(|_| invalid("it does not hold text"))?;
        let (offset, query) = fields(json)
            .ok_or_else(|| invalid("it does not hold an object with `offset` and `query`"))?;
        let offset = offset.ok_or_else(|| invalid("it holds no `offset`"))?;
        let offset: u64 =
            offset.parse().map_err(|_| invalid("its `offset` is not a number of results"))?;
        // SQL and MLflow's clients count in 63 bits.
        if offset == 0 || i64::try_from(offset).is_err() {
            return Err(invalid("its `offset` is out of range"));
        }
        let query = match query {
            Some(hex) if hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                u64::from_str_radix(hex, 16).ok().map(Fingerprint)
            }
            Some(_) => return Err(invalid("its `query` is not 16 hexadecimal digits")),
            None => None,
        };
        Ok(PageToken { offset, query })
    }
}

#[cold]
fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("invalid page token: {what}"))
}

/// The values of `offset` and `query` in an object that has no other keys, and neither twice.
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
                // MLflow's reader takes the number as a text, too.
                let number = in_quotes(value).unwrap_or(value);
                offset.replace(number.bytes().all(|byte| byte.is_ascii_digit()).then_some(number)?)
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
