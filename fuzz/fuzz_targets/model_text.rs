//! Parses arbitrary text as a model URI, a signature and an artifact path.
//!
//! Parsing must end without a panic, and a valid value must survive a round trip. An accepted path
//! must stay inside its folder, percent-decoded or not.

use std::path::{Component, Path};

use tracklite::internals::artifact_path::check_path;
use tracklite::logged_model::Signature;
use tracklite::registry::ModelUri;
use tracklite::{Error, ErrorKind};

tracklite_fuzz::fuzz_program!(run, seeds);

/// The maximum length of an error message. It shows about 300 characters of the text, escaped.
const MESSAGE_BYTES_MAX: usize = 8000;

fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    model_uri(&text);
    signature(&text);
    path(&text);
}

fn model_uri(text: &str) {
    let uri = match text.parse::<ModelUri>() {
        Ok(uri) => uri,
        Err(error) => return check_rejection(&error),
    };
    assert!(ModelUri::is_claimed_by(text));
    let printed = uri.to_string();
    assert_eq!(printed.parse::<ModelUri>().ok().as_ref(), Some(&uri), "{printed:?}");
    assert!(uri.path.is_empty() || stays_inside(&uri.path), "{uri:?}");
}

fn signature(text: &str) {
    let signature = match Signature::parse(text) {
        Ok(signature) => signature,
        Err(error) => return check_rejection(&error),
    };
    let printed = signature.to_json();
    assert_eq!(Signature::parse(&printed).ok().as_ref(), Some(&signature), "{printed}");
}

fn path(text: &str) {
    match check_path(text) {
        Ok(()) => {
            assert!(stays_inside(text), "{text:?}");
            let decoded = text.replace("%2e", ".").replace("%2E", ".").replace("%5c", "\\");
            assert!(stays_inside(&decoded.replace("%2F", "/").replace("%2f", "/")), "{text:?}");
        }
        Err(error) => check_rejection(&error),
    }
}

/// Returns whether each part of the path is a plain name.
fn stays_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    !path.contains(['\\', '\0']) && parts.all(|part| matches!(part, Component::Normal(_)))
}

fn check_rejection(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let length = error.to_string().len();
    assert!(length <= MESSAGE_BYTES_MAX, "the message has {length} bytes");
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let columns = r#"{"inputs": [{"name": "a", "type": "long", "required": false}, {"name": "b",
        "type": "array", "items": {"type": "map", "values": {"type": "object", "properties":
        {"x": {"type": "datetime"}, "y": {"type": "binary", "required": false}}}}}],
        "outputs": "[{\"type\": \"double\"}]", "params": [{"name": "t", "type": "double",
        "default": 0.5, "shape": null}, {"name": "w", "type": "string", "default": ["a"],
        "shape": [-1]}]}"#;
    let tensors = r#"{"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "float32",
        "shape": [-1, 28, 28]}}], "outputs": null}"#;
    let texts = [
        ("version", "models:/ml.production.digits/3"),
        ("alias", "models:/a@b@Champion/data/weights.bin"),
        ("latest", "models:/churn/LATEST/x"),
        ("stage", "models:/churn/production"),
        ("logged-model", "models:/m-0123456789abcdef0123456789abcdef/MLmodel"),
        ("run", "runs:/0123456789abcdef0123456789abcdef/model"),
        ("columns", columns),
        ("tensors", tensors),
        ("path", "model/data/100%25 of it/weights.bin"),
        ("escapes", "a/%252e%252e%252fb%5c%00"),
        ("drive", "C:/a/../b#c"),
    ];
    texts.into_iter().map(|(name, text)| (name, text.as_bytes().to_vec())).collect()
}
