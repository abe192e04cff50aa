//! The signature in the file `MLmodel` of a model, which MLflow writes as YAML.

use tracklite::logged_model::Signature;
use tracklite::registry::ModelVersion;

/// The largest `MLmodel` that is read.
const BYTES_MAX: u64 = 1024 * 1024;

/// Returns the signature of a version, if its files have a valid one.
pub(super) fn signature_of(version: &ModelVersion) -> Option<Signature> {
    let artifacts = version.artifacts();
    let size = artifacts.info("MLmodel").ok()?.size?;
    let bytes = if size <= BYTES_MAX { artifacts.read("MLmodel").ok()? } else { return None };
    signature_in(std::str::from_utf8(&bytes).ok()?)
}

/// Returns the signature in the text of an `MLmodel`. Its parts are JSON in quotes.
fn signature_in(text: &str) -> Option<Signature> {
    let mut lines = text.lines().skip_while(|line| line.trim_end() != "signature:").skip(1);
    let mut parts = serde_json::Map::new();
    while let Some(line) = lines.next() {
        if !line.starts_with(' ') {
            break;
        }
        let Some((key, value)) = line.trim_start().split_once(": ") else { continue };
        if let Some(quoted) = value.strip_prefix('\'') {
            parts.insert(key.to_owned(), unquoted(quoted, &mut lines)?.into());
        }
    }
    let text = serde_json::Value::Object(parts).to_string();
    Signature::parse(&text).ok()
}

/// Reads a text up to its closing quote. A line break in it is a space, and two quotes are one.
fn unquoted<'a>(first: &'a str, lines: &mut impl Iterator<Item = &'a str>) -> Option<String> {
    let mut text = first.trim_end().to_owned();
    loop {
        let quotes = text.len() - text.trim_end_matches('\'').len();
        if quotes % 2 == 1 {
            text.pop();
            return Some(text.replace("''", "'"));
        }
        text.push(' ');
        text.push_str(lines.next()?.trim());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_read_from_folded_lines() {
        let text = "mlflow_version: 3.17.2\nsignature:\n  inputs: '[{\"type\": \"double\", \
                    \"name\": \"a''b\",\n    \"required\": true}]'\n  outputs: '[{\"type\": \
                    \"long\", \"required\": true}]'\n  params: null\ntype_hint: false\n";
        let signature = signature_in(text).expect("it is valid");
        assert!(signature.is_complete());
        let inputs = signature.inputs.unwrap_or_default();
        assert_eq!(inputs[0].name.as_deref(), Some("a'b"));
    }

    #[test]
    fn other_texts_have_no_complete_signature() {
        for text in
            ["", "a: b", "signature:\n  inputs: '[", "signature:\n  inputs: 'no'\n", "signature:\n"]
        {
            let found = signature_in(text).is_some_and(|signature| signature.is_complete());
            assert!(!found, "{text:?}");
        }
    }
}
