//! Arguments from the query and from the body.

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::call::Args;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, Kind};

/// The types of content that a form of any web page can send. They are refused, because a browser
/// sends them to other origins without asking.
const FORMS: &[&str] = &["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

/// Returns the arguments of a query. Repeated names make a list where a list is declared.
pub(crate) fn query(query: &str, takes: &[Field]) -> Outcome<Args> {
    let mut args = Args::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name)?, decoded(value)?);
        let kind = takes.iter().find(|field| field.name == name).map(|field| field.kind);
        match kind {
            Some(Kind::Texts) => match args.entry(name).or_insert_with(|| Value::Array(vec![])) {
                Value::Array(all) => all.push(value.into()),
                other => *other = value.into(),
            },
            Some(Kind::Flag) => {
                args.insert(name, flag(&value)?.into());
            }
            _ => {
                args.insert(name, value.into());
            }
        }
    }
    Ok(args)
}

fn flag(text: &str) -> Outcome<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Failure::invalid(format!(
            "Invalid boolean value: {text}, must be 'true' or 'false'."
        ))),
    }
}

/// Decodes a part of a query. A plus sign is a space.
fn decoded(text: &str) -> Outcome<String> {
    let spaced = text.replace('+', " ");
    let bytes = percent_decode_str(&spaced).decode_utf8();
    bytes.map(std::borrow::Cow::into_owned).map_err(|_| {
        Failure::invalid("the query is not valid UTF-8; encode its text as UTF-8, then as %XX")
    })
}

/// Returns the arguments of a body with a JSON object. An empty body has none.
pub(crate) fn json(headers: &HeaderMap, body: &[u8]) -> Outcome<Args> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Args::new());
    }
    check_type(headers)?;
    match parsed(body)? {
        Value::Object(args) => Ok(args),
        // Old clients send their JSON as a text of JSON.
        Value::String(text) => match parsed(text.as_bytes())? {
            Value::Object(args) => Ok(args),
            _ => Err(not_an_object()),
        },
        Value::Null => Ok(Map::new()),
        _ => Err(not_an_object()),
    }
}

fn check_type(headers: &HeaderMap) -> Outcome<()> {
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = declared.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    // A page can also send a body without a type to other origins.
    let is_hidden = kind.is_empty() && headers.contains_key(ORIGIN);
    if is_hidden || FORMS.iter().any(|form| kind.eq_ignore_ascii_case(form)) {
        return Err(Failure::invalid(
            "Bad Request. Content-Type must be one of ['application/json'].",
        ));
    }
    Ok(())
}

fn not_an_object() -> Failure {
    Failure::bad_request("the body is not a JSON object; send one, such as {\"name\": \"a\"}")
}

/// Parses JSON. Python's `NaN`, `Infinity` and `-Infinity` are numbers, as in MLflow.
fn parsed(body: &[u8]) -> Outcome<Value> {
    let error = match serde_json::from_slice(body) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let again = quoted_specials(body).and_then(|body| serde_json::from_slice(&body).ok());
    again.ok_or_else(|| Failure::bad_request(format!("the body is not valid JSON: {error}")))
}

/// Puts the numbers that JSON does not have into quotes. Returns `None` if there are none.
fn quoted_specials(body: &[u8]) -> Option<Vec<u8>> {
    const SPECIALS: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];
    let mut out = Vec::with_capacity(body.len() + 16);
    let (mut at, mut in_text, mut found) = (0, false, false);
    while let Some(&byte) = body.get(at) {
        let rest = body.get(at..).unwrap_or_default();
        if in_text && byte == b'\\' {
            out.extend(rest.iter().take(2));
            at += 2;
            continue;
        }
        in_text ^= byte == b'"';
        let special = SPECIALS.iter().find(|word| !in_text && rest.starts_with(word));
        match special {
            Some(word) => {
                out.push(b'"');
                out.extend_from_slice(word);
                out.push(b'"');
                (at, found) = (at + word.len(), true);
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    found.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{flag, text, texts};

    #[test]
    fn numbers_of_python_are_read() {
        let args = json(&HeaderMap::new(), br#"{"a": NaN, "b": [-Infinity], "c": "NaN \" NaN"}"#);
        let args = args.expect("it is valid");
        assert_eq!(args["a"], "NaN");
        assert_eq!(args["b"][0], "-Infinity");
        assert_eq!(args["c"], "NaN \" NaN");
    }

    #[test]
    fn a_query_has_lists_only_where_they_are_declared() {
        let takes = [texts("ids"), text("name"), flag("all")];
        let args = query("ids=1&ids=2&name=a+%C3%A9&name=b&all=True", &takes).expect("valid");
        assert_eq!(args["ids"], serde_json::json!(["1", "2"]));
        assert_eq!(args["name"], "b");
        assert_eq!(args["all"], true);
        assert!(query("all=1", &takes).is_err());
        assert!(query("name=%FF", &takes).is_err());
    }

    #[test]
    fn other_bodies_are_refused() {
        let none = HeaderMap::new();
        for body in ["[]", "3", "{", "{\"a\": nan}", "\"[]\""] {
            assert!(json(&none, body.as_bytes()).is_err(), "{body}");
        }
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        assert!(json(&none, deep.as_bytes()).is_err());
        let mut form = HeaderMap::new();
        form.insert(CONTENT_TYPE, axum::http::HeaderValue::from_static("text/plain; charset=x"));
        assert!(json(&form, b"{}").is_err());
    }
}
