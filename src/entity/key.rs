//! The rule for keys of metrics, params and tags, with MLflow's error texts.

use std::fmt;

use crate::entity::wording::{invalid_value, python};
use crate::error::Result;

const CHARACTERS: &str = "Names may only contain alphanumerics, underscores (_), dashes (-), \
                          periods (.), spaces ( ), colon(:) and slashes (/).";

/// The place of a text among the arguments, in MLflow's notation: `key`, or `params[0].key`.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// The name of the list, and the index in it.
    pub(crate) item: Option<(&'static str, usize)>,
    /// The name of the text.
    pub(crate) part: &'static str,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.item {
            Some((list, index)) => write!(f, "{list}[{index}].{}", self.part),
            None => f.write_str(self.part),
        }
    }
}

/// Checks a key: letters and digits of any script, spaces and `_ - . : /`.
///
/// Read as a path, it must be normalized: no `/` at either end, no empty, `.` or `..` segment. It
/// must not begin with `..`.
pub(crate) fn check_key(place: Place, key: &str) -> Result<()> {
    if !key.chars().all(is_key_character) {
        return Err(invalid_value(place, key, CHARACTERS));
    }
    let is_path = key.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    if !is_path || key.starts_with("..") {
        return Err(invalid_value(place, key, &resolves(key)));
    }
    Ok(())
}

/// Returns MLflow's text for a name that is not normalized as a path.
pub(crate) fn resolves(name: &str) -> String {
    format!(
        "Names may be treated as files in certain cases, and must not resolve to other names when \
         treated as such. This name would resolve to {}",
        python(&normalized(name))
    )
}

/// Returns whether a key may contain this character.
///
/// Letters and digits are Unicode's, including the combining vowel signs that MLflow refuses.
fn is_key_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | ' ' | ':' | '/')
}

/// Returns a path without redundant parts, by the rules of POSIX.
fn normalized(path: &str) -> String {
    let slashes = path.len() - path.trim_start_matches('/').len();
    // Exactly two have a meaning of their own.
    let root = match slashes {
        2 => "//",
        0 => "",
        _ => "/",
    };
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." if segments.last().is_some_and(|last| *last != "..") => {
                segments.pop();
            }
            ".." if !root.is_empty() => {}
            _ => segments.push(segment),
        }
    }
    match format!("{root}{}", segments.join("/")) {
        empty if empty.is_empty() => ".".to_owned(),
        normalized => normalized,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_texts_of_mlflow() {
        let key = |key: &str| {
            let place = Place { item: Some(("params", 2)), part: "key" };
            check_key(place, key).unwrap_err().message().to_owned()
        };
        assert_eq!(
            key("a*\u{fc}"),
            "Invalid value \"a*\\u00fc\" for parameter 'params[2].key' supplied: Names may only \
             contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) \
             and slashes (/)."
        );
        assert_eq!(
            key("a//b"),
            "Invalid value \"a//b\" for parameter 'params[2].key' supplied: Names may be treated \
             as files in certain cases, and must not resolve to other names when treated as such. \
             This name would resolve to 'a/b'"
        );
        let error = check_key(Place { item: None, part: "name" }, "").unwrap_err();
        assert!(error.message().starts_with("Invalid value \"\" for parameter 'name' supplied: "));
    }

    #[test]
    fn paths_are_normalized_like_in_python() {
        for (path, normal) in [
            ("", "."),
            ("/a", "/a"),
            ("//a", "//a"),
            ("///a/", "/a"),
            ("./a/../..", ".."),
            ("../../a", "../../a"),
            ("/../a", "/a"),
            ("a/./b//c/..", "a/b"),
        ] {
            assert_eq!(normalized(path), normal, "{path}");
        }
    }
}
