//! Facts about the program and the machine that do not change during a run.

/// The maximum characters of a tag value here, below every limit on tags.
const CHARACTERS_MAX: usize = 4000;

/// A tag.
type Tag = (String, String);

/// The crate from which a program was built, and how. Created by
/// [`build_facts!`](crate::build_facts).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildFacts {
    /// The name of the crate.
    pub name: String,
    /// The version of the crate.
    pub version: String,
    /// `release`, or `debug` for a build with debug assertions.
    pub profile: String,
    /// The enabled features, among those asked for.
    pub features: Vec<String>,
}

impl BuildFacts {
    /// Creates the facts of a crate.
    #[must_use]
    pub fn new(name: &str, version: &str, profile: &str, features: &[&str]) -> Self {
        BuildFacts {
            name: name.to_owned(),
            version: version.to_owned(),
            profile: profile.to_owned(),
            features: features.iter().map(|&feature| feature.to_owned()).collect(),
        }
    }

    pub(super) fn tags(&self) -> Vec<Tag> {
        let Self { name, version, profile, features } = self;
        let facts = [("crate", name), ("version", version), ("profile", profile)];
        let tag = |(key, value): (&str, &String)| (format!("tracklite.build.{key}"), value.clone());
        let mut tags: Vec<Tag> = facts.into_iter().map(tag).collect();
        if !features.is_empty() {
            tags.push(("tracklite.build.features".to_owned(), features.join(" ")));
        }
        tags
    }
}

/// Returns the [`BuildFacts`] of the calling crate. Includes the listed features that are enabled.
///
/// ```
/// let facts = tracklite::build_facts!();
/// assert!(["debug", "release"].contains(&facts.profile.as_str()));
/// ```
///
/// `build_facts!("cuda", "mkl")` checks two features of the crate.
#[macro_export]
macro_rules! build_facts {
    ($($feature:literal),* $(,)?) => {
        $crate::capture::BuildFacts::new(
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
            if cfg!(debug_assertions) { "debug" } else { "release" },
            &[$((cfg!(feature = $feature), $feature)),*]
                .into_iter()
                .filter(|(is_on, _): &(bool, &str)| *is_on)
                .map(|(_, name)| name)
                .collect::<Vec<&str>>(),
        )
    };
}

/// Returns the tags for the program and its command line.
pub(super) fn command(given: Option<&[String]>) -> Vec<Tag> {
    let own = || std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let words: Vec<String> = given.map_or_else(own, <[String]>::to_vec);
    let mut tags = vec![("mlflow.source.type".to_owned(), "LOCAL".to_owned())];
    if let Some(program) = words.first() {
        tags.push(("mlflow.source.name".to_owned(), shortened(program)));
    }
    let line: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    tags.push(("tracklite.command".to_owned(), shortened(&line.join(" "))));
    tags
}

/// Returns the tag for the host name, if the host has one.
pub(super) fn host() -> Option<Tag> {
    sysinfo::System::host_name().map(|name| ("tracklite.host".to_owned(), name))
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain =
        |character: char| character.is_alphanumeric() || "_-./=:,+@%".contains(character);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Truncates a text to the length of a tag value.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("--rate=0.1"), "--rate=0.1");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "ä".repeat(CHARACTERS_MAX + 1);
        assert_eq!(shortened(&long).chars().count(), CHARACTERS_MAX + 3);
        assert_eq!(shortened(&long[2..]), long[2..]);
    }

    #[test]
    fn features_become_a_tag_if_there_are_any() {
        let facts = BuildFacts::new("churn", "1.2.3", "release", &["cuda", "mkl"]);
        let tags = facts.tags();
        assert_eq!(tags[1], ("tracklite.build.version".to_owned(), "1.2.3".to_owned()));
        assert_eq!(tags[3].1, "cuda mkl");
        assert_eq!(BuildFacts::new("churn", "1", "debug", &[]).tags().len(), 3);
    }
}
