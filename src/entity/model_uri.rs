//! Addresses of models, such as `models:/churn@champion`.

use std::fmt;
use std::str::FromStr;

use crate::entity::ModelStage;
use crate::entity::id::{LoggedModelId, RunId};
use crate::error::{Error, ErrorKind, Result};

/// The longest address accepted, in bytes.
const URI_BYTES_MAX: usize = 64 * 1024;

/// The address of a model, or of a file in a model or run.
///
/// ```
/// use tracklite::registry::{ModelTarget, ModelUri};
///
/// let uri: ModelUri = "models:/churn@champion/MLmodel".parse()?;
/// let (name, alias) = ("churn".to_owned(), "champion".to_owned());
/// assert_eq!(uri.target, ModelTarget::Alias { name, alias });
/// assert_eq!((uri.path.as_str(), uri.to_string().as_str()),
///            ("MLmodel", "models:/churn@champion/MLmodel"));
/// # Ok::<(), tracklite::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ModelUri {
    /// The model or run.
    pub target: ModelTarget,
    /// The path of a file or folder in it, with `/` between its parts. Empty for the root.
    pub path: String,
}

/// The target of an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModelTarget {
    /// `models:/name/3`
    Version {
        /// The registered model.
        name: String,
        /// The version number.
        version: u64,
    },
    /// `models:/name@alias`. The alias follows the last `@`.
    Alias {
        /// The registered model.
        name: String,
        /// The alias.
        alias: String,
    },
    /// `models:/name/latest`, ignoring case: the version with the highest number.
    Latest {
        /// The registered model.
        name: String,
    },
    /// `models:/name/Production`, ignoring case: the highest version in the stage.
    Stage {
        /// The registered model.
        name: String,
        /// The stage.
        stage: ModelStage,
    },
    /// `models:/m-` and 32 hexadecimal digits.
    LoggedModel(LoggedModelId),
    /// `runs:/` and the id of the run.
    Run(RunId),
}

impl ModelUri {
    /// Returns whether a text begins like a model address, even if the rest is invalid.
    #[must_use]
    pub fn is_claimed_by(text: &str) -> bool {
        text.starts_with("models:") || text.starts_with("runs:")
    }
}

impl FromStr for ModelUri {
    type Err = Error;

    /// Parses an address. The name before an alias or version may contain `@`: `models:/a@b/3` is
    /// version 3 of `a@b`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the text is not an address, or if its path has an empty,
    ///   `.` or `..` part, a backslash, a NUL or an escape such as `%2e`.
    fn from_str(text: &str) -> Result<Self> {
        let refuse = |reason: &str| Err(invalid(text, reason));
        if text.len() > URI_BYTES_MAX {
            return refuse(&format!("it is longer than {URI_BYTES_MAX} bytes"));
        }
        let Some((scheme @ ("models" | "runs"), rest)) = text.split_once(":/") else {
            return refuse("expected models:/ or runs:/ at the start");
        };
        if rest.starts_with('/') {
            return refuse("servers are not supported");
        }
        let (first, after) = split(rest);
        let (target, path) = match scheme {
            "runs" => (ModelTarget::Run(first.parse()?), after),
            _ => models(text, first, after)?,
        };
        if path.is_some_and(|path| !is_plain(path)) {
            return refuse(
                "the path has an empty, `.` or `..` part, a backslash, a NUL or a % escape",
            );
        }
        Ok(ModelUri { target, path: path.unwrap_or_default().to_owned() })
    }
}

/// Parses the parts of a `models:/` address into its target and the remaining path.
fn models<'a>(
    text: &str,
    first: &str,
    after: Option<&'a str>,
) -> Result<(ModelTarget, Option<&'a str>)> {
    let refuse = |reason: &str| Err(invalid(text, reason));
    if first.is_empty() {
        return refuse("the model name is missing");
    }
    if first.contains(':') {
        return refuse("a model name cannot contain a colon");
    }
    let alias =
        first.rsplit_once('@').filter(|(name, alias)| !name.is_empty() && !alias.is_empty());
    let second = after.map(split);
    let named = second.and_then(|(word, path)| Some((chosen(first, word)?, path)));
    match (alias, named, second) {
        (Some(_), Some((target, None)), _) | (None, Some((target, None)), _) => Ok((target, None)),
        (Some((name, alias)), _, _) => {
            let (name, alias) = (name.to_owned(), alias.to_owned());
            Ok((ModelTarget::Alias { name, alias }, after))
        }
        (None, Some((target, path)), _) => Ok((target, path)),
        (None, None, _) if first.starts_with("m-") => match first.parse() {
            Ok(id) => Ok((ModelTarget::LoggedModel(id), after)),
            Err(_) => refuse("expected 32 hexadecimal digits after m-"),
        },
        (None, None, Some(_)) => refuse("expected a version, a stage or latest after the name"),
        (None, None, None) => {
            refuse("expected a version, a stage, latest or an alias after the name")
        }
    }
}

/// Returns the version that a word after the name refers to.
fn chosen(name: &str, word: &str) -> Option<ModelTarget> {
    let name = || name.to_owned();
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.parse().ok().map(|version| ModelTarget::Version { name: name(), version });
    }
    if word.eq_ignore_ascii_case("latest") {
        return Some(ModelTarget::Latest { name: name() });
    }
    word.parse().ok().map(|stage| ModelTarget::Stage { name: name(), stage })
}

fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (text, None),
    }
}

fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.contains(['\\', '\0'])
        && !has_escape(path)
}

fn has_escape(path: &str) -> bool {
    let after = path.split('%').skip(1);
    after.into_iter().any(|rest| {
        let mut digits = rest.bytes().take(2);
        digits.len() == 2 && digits.all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cold]
fn invalid(text: &str, reason: &str) -> Error {
    let shown: String = text.chars().take(200).collect();
    Error::new(ErrorKind::InvalidInput, format!("invalid model address {shown:?}: {reason}"))
}

impl fmt::Display for ModelTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelTarget::Version { name, version } => write!(f, "models:/{name}/{version}"),
            ModelTarget::Alias { name, alias } => write!(f, "models:/{name}@{alias}"),
            ModelTarget::Latest { name } => write!(f, "models:/{name}/latest"),
            ModelTarget::Stage { name, stage } => write!(f, "models:/{name}/{stage}"),
            ModelTarget::LoggedModel(id) => write!(f, "models:/{id}"),
            ModelTarget::Run(id) => write!(f, "runs:/{id}"),
        }
    }
}

impl fmt::Display for ModelUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "{}", self.target),
            path => write!(f, "{}/{path}", self.target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (ModelTarget, String) {
        let uri: ModelUri = text.parse().unwrap();
        assert_eq!(uri.to_string().parse::<ModelUri>().unwrap(), uri, "{text}");
        (uri.target, uri.path)
    }

    fn version(name: &str, version: u64) -> ModelTarget {
        ModelTarget::Version { name: name.to_owned(), version }
    }

    fn alias(name: &str, alias: &str) -> ModelTarget {
        ModelTarget::Alias { name: name.to_owned(), alias: alias.to_owned() }
    }

    #[test]
    fn each_form_is_parsed() {
        assert_eq!(read("models:/churn/3"), (version("churn", 3), String::new()));
        assert_eq!(read("models:/churn/3/a/b"), (version("churn", 3), "a/b".to_owned()));
        assert_eq!(read("models:/c.s.m@Champion"), (alias("c.s.m", "Champion"), String::new()));
        assert_eq!(read("models:/a@b@c/x"), (alias("a@b", "c"), "x".to_owned()));
        assert_eq!(read("models:/a@b/3"), (version("a@b", 3), String::new()));
        let latest = ModelTarget::Latest { name: "m".to_owned() };
        assert_eq!(read("models:/m/LaTest").0, latest);
        let stage = ModelTarget::Stage { name: "m".to_owned(), stage: ModelStage::Staging };
        assert_eq!(read("models:/m/staging/x"), (stage, "x".to_owned()));
        let id = format!("m-{:032x}", 7);
        let logged = ModelTarget::LoggedModel(LoggedModelId::from_bits(7));
        assert_eq!(read(&format!("models:/{id}/x")), (logged, "x".to_owned()));
        let run = format!("runs:/{:032x}/model", 9);
        assert_eq!(read(&run), (ModelTarget::Run(RunId::from_bits(9)), "model".to_owned()));
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in [
            "",
            "models",
            "models:",
            "models:/",
            "models:/m",
            "models:/m/",
            "models:/m/three",
            "models://m/3",
            "models:///m/3",
            "models:/m:n/3",
            "models:/m-12",
            "models:/@a",
            "models:/m@",
            "models:/m/3/../x",
            "models:/m/3//x",
            "models:/m/3/",
            "runs:/12/a",
            "models:/m/3/%2e%2e/x",
            "models:/m/3/a\\b",
            "models:/m/99999999999999999999",
            "file:/m/3",
            "Models:/m/3",
            "models:/m@a/../b",
        ] {
            let refused = text.parse::<ModelUri>();
            assert_eq!(
                refused.map_err(|error| error.kind()),
                Err(ErrorKind::InvalidInput),
                "{text}"
            );
        }
    }
}
