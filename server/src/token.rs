//! Tokens of pages that are an offset, in MLflow's form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// Returns the offset in a token. The token of the first page is empty.
pub(crate) fn offset(token: &str) -> Outcome<usize> {
    if token.is_empty() {
        return Ok(0);
    }
    let decoded = STANDARD.decode(token).ok();
    let decoded = decoded.and_then(|json| serde_json::from_slice::<Value>(&json).ok());
    let offset = decoded.as_ref().and_then(|token| token.get("offset")?.as_u64());
    let offset = offset.and_then(|offset| usize::try_from(offset).ok());
    offset.ok_or_else(|| {
        Failure::invalid(
            "Invalid page token, could not base64-decode: use the token of the page before",
        )
    })
}

/// Returns the token of an offset.
pub(crate) fn of_offset(offset: usize) -> String {
    STANDARD.encode(format!("{{\"offset\": {offset}}}"))
}
