//! Text that stands where the address of a model, a signature or the path of an artifact should be.
//!
//! Whatever it is, reading it ends without a panic; what is read is printed so that it reads back
//! the same, and a path that is taken stays in its folder, decoded or not.

use std::path::{Component, Path};

use tracklite::internals::artifact_path::check_path;
use tracklite::{Error, ErrorKind, ModelUri, Signature};

tracklite_fuzz::fuzz_program!(run, seeds);

/// The longest message: the text is shown up to some 300 characters, each escaped.
const MESSAGE_BYTES_MAX: usize = 8000;

fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    address(&text);
    signature(&text);
    path(&text);
}

fn address(text: &str) {
    let uri = match text.parse::<ModelUri>() {
        Ok(uri) => uri,
        Err(error) => return check_refusal(&error),
    };
    assert!(ModelUri::is_claimed_by(text));
    let printed = uri.to_string();
    assert_eq!(printed.parse::<ModelUri>().ok().as_ref(), Some(&uri), "{printed:?}");
    assert!(uri.path.is_empty() || stays_inside(&uri.path), "{uri:?}");
}

fn signature(text: &str) {
    let signature = match Signature::parse(text) {
        Ok(signature) => signature,
        Err(error) => return check_refusal(&error),
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
        Err(error) => check_refusal(&error),
    }
}

/// Whether each part of the path is a name.
fn stays_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    !path.contains(['\\', '\0']) && parts.all(|part| matches!(part, Component::Normal(_)))
}

fn check_refusal(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let length = error.to_string().len();
    assert!(length <= MESSAGE_BYTES_MAX, "a message of {length} bytes");
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
