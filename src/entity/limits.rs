//! What names, keys and values may look like. The rules are MLflow's (`utils/validation.py`).

use crate::error::{Error, ErrorKind, Result};

/// The greatest number of bytes in any text: 16 MiB.
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The greatest number of bytes in a key; the keys of many metrics stand in one column block.
pub const KEY_BYTES_MAX: usize = 4096;

/// Declares [`Limits`]: each limit with MLflow's number, which is the default.
macro_rules! limits {
    ($($(#[$meta:meta])* $name:ident = $default:expr;)*) => {
        /// How long texts may be, and how many items a batch may have; what is over a limit is
        /// [`ErrorKind::InvalidInput`] and never cut short.
        ///
        /// The default has MLflow's numbers for texts, counted in characters, and no limits for
        /// batches. Whatever the limits are, a text has at most 16 MiB and a key 4096 bytes. They
        /// are looked at when something is written: what is in a file is read whatever they are.
        ///
        /// ```
        /// # let folder = tempfile::tempdir()?;
        /// # let path = folder.path().join("runs.tracklite");
        /// use tracklite::{Database, ErrorKind, Limits};
        ///
        /// let limits = Limits::default().tag_value(1_000_000);
        /// let database = Database::builder().create(true).limits(limits).open(&path)?;
        /// let run = database.default_experiment()?.start_run("")?;
        /// run.set_tag("notebook", "#".repeat(100_000))?;
        /// let error = run.log_param("notebook", "#".repeat(100_000)).unwrap_err();
        /// assert_eq!(error.kind(), ErrorKind::InvalidInput);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[must_use = "limits are given to `DatabaseBuilder::limits`"]
        pub struct Limits {
            $($name: usize,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Limits { $($name: $default,)* }
            }
        }

        impl Limits {
            /// No limits but those of the engine: 16 MiB for a text, 4096 bytes for a key.
            pub fn unlimited() -> Self {
                Limits { $($name: usize::MAX,)* }
            }

            $($(#[$meta])*
            pub fn $name(mut self, most: usize) -> Self {
                self.$name = most;
                self
            })*
        }
    };
}

limits! {
    /// Characters in the key of a metric, param or tag. Default: 250.
    key = 250;
    /// Characters in the value of a param. Default: 6000.
    param_value = 6000;
    /// Characters in the value of a run's tag. Default: 8000.
    tag_value = 8000;
    /// Characters in the key of an experiment's tag. Default: 250.
    experiment_tag_key = 250;
    /// Characters in the value of an experiment's tag. Default: 20,000.
    experiment_tag_value = 20_000;
    /// Characters in the path of an experiment. Default: 500.
    experiment_name = 500;
    /// Characters in the name of a run. Default: 500.
    run_name = 500;
    /// Characters in the user of a run. Default: 256.
    user = 256;
    /// Characters in the name of a dataset. Default: 500.
    dataset_name = 500;
    /// Characters in the digest of a dataset. Default: 36.
    dataset_digest = 36;
    /// Characters in the source of a dataset, and in the type of it. Default: 65,535.
    dataset_source = 65_535;
    /// Characters in the schema of a dataset. Default: 1,048,575.
    dataset_schema = 1_048_575;
    /// Characters in the profile of a dataset. Default: 16,777,215.
    dataset_profile = 16_777_215;
    /// Characters in the key of a tag of a dataset input. Default: 255.
    input_tag_key = 255;
    /// Characters in the value of a tag of a dataset input. Default: 500.
    input_tag_value = 500;
    /// Characters in the id of a logged model. Default: 250.
    model_id = 250;
    /// Characters in the name of a logged model. Default: 500.
    logged_model_name = 500;
    /// Characters in the key of a param or tag of a logged model. Default: 255.
    logged_model_key = 255;
    /// Characters in the name of a registered model. Default: 256.
    registered_model_name = 256;
    /// Characters in the description of a registered model or of a version. Default: 5000.
    registry_description = 5000;
    /// Characters in the key of a tag of a registered model or of a version. Default: 250.
    registry_tag_key = 250;
    /// Characters in the value of a tag of a registered model or of a version. Default: 100,000.
    registry_tag_value = 100_000;
    /// Characters in an alias. Default: 255.
    alias = 255;
    /// Points in one batch. Default: no limit; MLflow's REST server takes 1000.
    batch_metrics = usize::MAX;
    /// Params in one batch. Default: no limit; MLflow's REST server takes 100.
    batch_params = usize::MAX;
    /// Tags in one batch. Default: no limit; MLflow's REST server takes 100.
    batch_tags = usize::MAX;
    /// Points, params and tags in one batch together. Default: no limit; MLflow's REST server takes
    /// 1000.
    batch_items = usize::MAX;
}

/// What holds for pairs of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PairRule {
    what: &'static str,
    key: usize,
    value: usize,
}

/// How long the texts of a dataset, and the id of a model, may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DatasetSizes {
    pub(crate) name: usize,
    pub(crate) digest: usize,
    pub(crate) source: usize,
    pub(crate) schema: usize,
    pub(crate) profile: usize,
    pub(crate) model: usize,
}

impl Limits {
    /// With the limits that MLflow's REST server has for one batch: 1000 points, 100 params, 100
    /// tags, and 1000 of them together.
    pub fn mlflow_batches(self) -> Self {
        self.batch_metrics(1000).batch_params(100).batch_tags(100).batch_items(1000)
    }

    pub(crate) fn params(&self) -> PairRule {
        PairRule { what: "param", key: self.key, value: self.param_value }
    }

    pub(crate) fn tags(&self) -> PairRule {
        PairRule { what: "tag", key: self.key, value: self.tag_value }
    }

    pub(crate) fn experiment_tags(&self) -> PairRule {
        let (key, value) = (self.experiment_tag_key, self.experiment_tag_value);
        PairRule { what: "experiment tag", key, value }
    }

    pub(crate) fn input_tags(&self) -> PairRule {
        let (key, value) = (self.input_tag_key, self.input_tag_value);
        PairRule { what: "tag of a dataset input", key, value }
    }

    pub(crate) fn registry_tags(&self) -> PairRule {
        let (key, value) = (self.registry_tag_key, self.registry_tag_value);
        PairRule { what: "tag of a model", key, value }
    }

    pub(crate) fn logged_model_pairs(&self, what: &'static str) -> PairRule {
        PairRule { what, key: self.logged_model_key, value: usize::MAX }
    }

    /// What is said of a registered model or of a version: any text.
    pub(crate) fn check_description(&self, text: Option<&str>) -> Result<()> {
        check_text("the description", text.unwrap_or_default(), self.registry_description)
    }

    /// The name of a logged model: not all blank, and none of `/ : . % " '`.
    pub(crate) fn check_logged_model_name(&self, name: &str) -> Result<()> {
        if let Some(bad) = name.chars().find(|it| "/:.%\"'".contains(*it)) {
            let message = format!("logged model name {:?}: it has a {bad:?}", shortened(name));
            return Err(invalid(message));
        }
        check_name("logged model name", name, self.logged_model_name)
    }

    /// The name of a registered model: not all blank, no `/` or `:`, not `.` or `..`.
    pub(crate) fn check_model_name(&self, name: &str) -> Result<()> {
        if name.contains(['/', ':']) || matches!(name, "." | "..") {
            let message = format!(
                "registered model name {:?}: it has a `/` or `:`, or stands for a folder",
                shortened(name)
            );
            return Err(invalid(message));
        }
        check_name("registered model name", name, self.registered_model_name)
    }

    /// An alias: letters, digits, `_` and `-`; not what addresses of models have a meaning for,
    /// `latest` and `v1`.
    pub(crate) fn check_alias(&self, alias: &str) -> Result<()> {
        let is_allowed = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-');
        let number = alias.strip_prefix(['v', 'V']).unwrap_or_default();
        let is_version = !number.is_empty() && number.chars().all(char::is_numeric);
        let rule = if alias.is_empty() {
            "it is empty"
        } else if !alias.chars().all(is_allowed) {
            "only letters, digits, _ and - are allowed"
        } else if is_version || alias.eq_ignore_ascii_case("latest") {
            "it is reserved"
        } else {
            return check_text(&format!("the alias {:?}", shortened(alias)), alias, self.alias);
        };
        Err(invalid(format!("alias {:?}: {rule}", shortened(alias))))
    }

    pub(crate) fn check_batch(&self, metrics: usize, params: usize, tags: usize) -> Result<()> {
        let counts = [
            ("points", metrics, self.batch_metrics),
            ("params", params, self.batch_params),
            ("tags", tags, self.batch_tags),
            ("points, params and tags", metrics + params + tags, self.batch_items),
        ];
        match counts.into_iter().find(|(_, count, most)| count > most) {
            None => Ok(()),
            Some((what, count, most)) => Err(invalid(format!(
                "a batch of {count} {what}, at most {most} are allowed (`DatabaseBuilder::limits` \
                 sets that)"
            ))),
        }
    }

    pub(crate) fn dataset(&self) -> DatasetSizes {
        DatasetSizes {
            name: self.dataset_name,
            digest: self.dataset_digest,
            source: self.dataset_source,
            schema: self.dataset_schema,
            profile: self.dataset_profile,
            model: self.model_id,
        }
    }

    /// Name and digest of a dataset, none of them blank.
    pub(crate) fn check_dataset(&self, name: &str, digest: &str) -> Result<()> {
        check_name("dataset name", name, self.dataset_name)?;
        check_name("dataset digest", digest, self.dataset_digest)
    }

    /// The key of a metric, see [`check_key`].
    pub(crate) fn check_metric_key(&self, key: &str) -> Result<()> {
        check_key("metric", key, self.key)
    }

    /// The path of an experiment: any characters, not all blank.
    pub(crate) fn check_experiment_path(&self, path: &str) -> Result<()> {
        check_name("experiment path", path, self.experiment_name)
    }

    /// The name of a run: not all blank, no control characters.
    pub(crate) fn check_run_name(&self, name: &str) -> Result<()> {
        if name.chars().any(char::is_control) {
            let message = format!("run name {:?}: it has a control character", shortened(name));
            return Err(invalid(message));
        }
        check_name("run name", name, self.run_name)
    }

    /// The user of a run: any text.
    pub(crate) fn check_user(&self, user: &str) -> Result<()> {
        check_text("the user of a run", user, self.user)
    }
}

impl PairRule {
    /// Keys and values as text, each checked.
    pub(crate) fn collect<K: AsRef<str>, V: ToString>(
        self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Vec<(String, String)>> {
        let mut all = Vec::new();
        for (key, value) in pairs {
            let (key, value) = (key.as_ref(), value.to_string());
            self.check(key, &value)?;
            all.push((key.to_owned(), value));
        }
        Ok(all)
    }

    /// A key as [`check_key`] has it, and any text as value.
    pub(crate) fn check(self, key: &str, value: &str) -> Result<()> {
        check_key(self.what, key, self.key)?;
        check_text(&format!("the value of {} {key:?}", self.what), value, self.value)
    }
}

/// A key is one or more letters, digits, `_ - . : /` and spaces of any script, and as a path it is
/// in its shortest form: no leading or trailing `/`, no empty, `.` or `..` segment. None begins
/// with `..`.
fn check_key(what: &str, key: &str, most: usize) -> Result<()> {
    let rule = if key.is_empty() {
        "it is empty"
    } else if !key.chars().all(is_key_character) {
        "only letters, digits, spaces and _ - . : / are allowed"
    } else if key.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        "as a path it has an empty, `.` or `..` segment"
    } else if key.starts_with("..") {
        "it begins with `..`"
    } else if key.len() > KEY_BYTES_MAX {
        "it has more than 4096 bytes"
    } else {
        return check_text(&format!("the {what} key {:?}", shortened(key)), key, most);
    };
    Err(invalid(format!("{what} key {:?}: {rule}", shortened(key))))
}

/// Letters and digits of any script as Unicode has them: with the signs that stand for vowels in
/// some scripts, which MLflow refuses.
fn is_key_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | ' ' | ':' | '/')
}

/// A text that is not all blank.
pub(crate) fn check_name(what: &str, name: &str, most: usize) -> Result<()> {
    if name.trim().is_empty() {
        return Err(invalid(format!("{what} {:?}: it is blank", shortened(name))));
    }
    check_text(&format!("the {what} {:?}", shortened(name)), name, most)
}

/// Any text of at most so many characters, and 16 MiB.
pub(crate) fn check_text(what: &str, text: &str, most: usize) -> Result<()> {
    let bytes = text.len();
    if bytes > TEXT_BYTES_MAX {
        return Err(invalid(format!(
            "{what} has {bytes} bytes, at most {TEXT_BYTES_MAX} are kept (log it as an artifact \
             instead)"
        )));
    }
    // A character has at least one byte.
    let characters = if bytes > most { text.chars().count() } else { 0 };
    if characters > most {
        return Err(invalid(format!(
            "{what} has {characters} characters, at most {most} are allowed \
             (`DatabaseBuilder::limits` sets that)"
        )));
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_rules() {
        let limits = Limits::default();
        for good in [
            "loss",
            "train/loss",
            "a b",
            "x:y",
            "grad.norm-2",
            ".a",
            "a/..b",
            "\u{645}\u{642}",
            "\u{fc}",
        ] {
            assert!(limits.check_metric_key(good).is_ok(), "{good}");
        }
        let long = "k".repeat(251);
        for bad in [
            "", "/a", "a/", "a//b", "./a", "..", "..foo", "...", "..a/b", "a\nb", "a*b", "a\\b",
            &long,
        ] {
            let error = limits.check_metric_key(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad}");
        }
        assert!(limits.check_metric_key(&"\u{fc}".repeat(250)).is_ok());
        assert!(Limits::unlimited().check_metric_key(&long).is_ok());
        assert!(Limits::unlimited().check_metric_key(&"k".repeat(4097)).is_err());
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert!(check_text("it", "\u{1f600}\u{1f600}", 2).is_ok());
        assert!(check_text("it", "abc", 2).is_err());
        assert!(check_text("it", "", 0).is_ok());
    }
}
