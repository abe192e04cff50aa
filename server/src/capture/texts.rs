//! The bodies of requests and answers, as the texts of a row.

use serde_json::{Value, json};

/// The largest body that is written as it is. The limit is Databricks's.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The texts of a row that come from its bodies.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) request: String,
    pub(super) response: String,
    /// A list in JSON, unless both bodies are complete.
    pub(super) codes: Option<String>,
    pub(super) client_request_id: Option<String>,
}

impl Texts {
    /// Returns the texts of two bodies, the first one also as parsed.
    pub(super) fn new(request: &[u8], response: &[u8], parsed: Option<&Value>) -> Texts {
        let mut codes = Vec::new();
        let request = shown(request, ["MAX_REQUEST_SIZE_EXCEEDED", "REQUEST_NOT_TEXT"], &mut codes);
        let response =
            shown(response, ["MAX_RESPONSE_SIZE_EXCEEDED", "RESPONSE_NOT_TEXT"], &mut codes);
        let id = parsed.and_then(|body| body.get("client_request_id")).and_then(Value::as_str);
        Texts {
            request,
            response,
            codes: (!codes.is_empty()).then(|| json!(codes).to_string()),
            client_request_id: id.map(str::to_owned),
        }
    }
}

/// Returns the body as a text, or its hash and the code for the reason.
fn shown(body: &[u8], codes: [&'static str; 2], found: &mut Vec<&'static str>) -> String {
    let [too_large, not_text] = codes;
    if body.len() > BODY_BYTES_MAX {
        found.push(too_large);
        return hashed(body);
    }
    match std::str::from_utf8(body) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            found.push(not_text);
            hashed(body)
        }
    }
}

fn hashed(body: &[u8]) -> String {
    json!({"blake3": blake3::hash(body).to_hex().as_str(), "bytes": body.len()}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_that_are_no_short_texts_are_hashed() {
        let parsed = json!({"client_request_id": "c7"});
        let texts = Texts::new(b"{}", b"[1]", Some(&parsed));
        assert_eq!((&*texts.request, &*texts.response, texts.codes), ("{}", "[1]", None));
        assert_eq!(texts.client_request_id.as_deref(), Some("c7"));
        let most = vec![b'x'; BODY_BYTES_MAX];
        let texts = Texts::new(&most, b"\xff", None);
        assert_eq!(texts.request.len(), BODY_BYTES_MAX);
        assert_eq!(texts.codes.as_deref(), Some("[\"RESPONSE_NOT_TEXT\"]"));
        let more = vec![b'x'; BODY_BYTES_MAX + 1];
        let texts = Texts::new(&more, &more, None);
        let hash = blake3::hash(&more).to_hex();
        let wanted = format!("{{\"blake3\":\"{hash}\",\"bytes\":1048577}}");
        assert_eq!((&texts.request, &texts.response), (&wanted, &wanted));
        let codes = "[\"MAX_REQUEST_SIZE_EXCEEDED\",\"MAX_RESPONSE_SIZE_EXCEEDED\"]";
        assert_eq!(texts.codes.as_deref(), Some(codes));
    }
}
