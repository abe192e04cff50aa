//! Rules for names, keys and values. They are MLflow's (`utils/validation.py`).

use std::collections::HashSet;
use std::fmt::Display;

use crate::entity::key::{Place, check_key, resolves};
use crate::entity::wording::{
    invalid, invalid_value, missing_value, python, python_list, shortened,
};
use crate::error::Result;

/// The largest text in bytes: 16 MiB.
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The largest key in bytes. Bounded because one column block holds the keys of many metrics.
pub const KEY_BYTES_MAX: usize = 4096;

/// Declares [`Limits`]. Each limit has MLflow's number as its default.
macro_rules! limits {
    ($($(#[$meta:meta])* $name:ident = $default:expr;)*) => {
        /// Limits on the length of texts and the size of batches. Input over a limit is refused
        /// with [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput), never truncated.
        ///
        /// By default, texts have MLflow's limits, counted in characters, and batches have none. A
        /// text never exceeds 16 MiB and a key never exceeds 4096 bytes, whatever the limits.
        ///
        /// Limits apply to writes only. Reading ignores them.
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
            /// Removes all limits except those of the engine: 16 MiB per text, 4096 bytes per key.
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
    /// Sets the maximum characters in the key of a metric, param or tag. Default: 250.
    key = 250;
    /// Sets the maximum characters in the value of a param. Default: 6000.
    param_value = 6000;
    /// Sets the maximum characters in the value of a run's tag. Default: 8000.
    tag_value = 8000;
    /// Sets the maximum characters in the key of an experiment's tag. Default: 250.
    experiment_tag_key = 250;
    /// Sets the maximum characters in the value of an experiment's tag. Default: 20,000.
    experiment_tag_value = 20_000;
    /// Sets the maximum characters in the path of an experiment. Default: 500.
    experiment_name = 500;
    /// Sets the maximum characters in the name of a run. Default: 500.
    run_name = 500;
    /// Sets the maximum characters in the user of a run. Default: 256.
    user = 256;
    /// Sets the maximum characters in the name of a dataset. Default: 500.
    dataset_name = 500;
    /// Sets the maximum characters in the digest of a dataset. Default: 36.
    dataset_digest = 36;
    /// Sets the maximum characters in the source and in the source type of a dataset. Default:
    /// 65,535.
    dataset_source = 65_535;
    /// Sets the maximum characters in the schema of a dataset. Default: 1,048,575.
    dataset_schema = 1_048_575;
    /// Sets the maximum characters in the profile of a dataset. Default: 16,777,215.
    dataset_profile = 16_777_215;
    /// Sets the maximum characters in the key of a dataset input's tag. Default: 255.
    input_tag_key = 255;
    /// Sets the maximum characters in the value of a dataset input's tag. Default: 500.
    input_tag_value = 500;
    /// Sets the maximum characters in the id of a logged model. Default: 250.
    model_id = 250;
    /// Sets the maximum characters in the name of a logged model. Default: 500.
    logged_model_name = 500;
    /// Sets the maximum characters in the key of a logged model's param or tag. Default: 255.
    logged_model_key = 255;
    /// Sets the maximum characters in the name of a registered model. Default: 256.
    registered_model_name = 256;
    /// Sets the maximum characters in the description of a registered model or version. Default:
    /// 5000.
    registry_description = 5000;
    /// Sets the maximum characters in the key of a registered model's or version's tag. Default:
    /// 250.
    registry_tag_key = 250;
    /// Sets the maximum characters in the value of a registered model's or version's tag. Default:
    /// 100,000.
    registry_tag_value = 100_000;
    /// Sets the maximum characters in an alias. Default: 255.
    alias = 255;
    /// Sets the maximum points in a batch. Default: no limit. MLflow's REST server allows 1000.
    batch_metrics = usize::MAX;
    /// Sets the maximum params in a batch. Default: no limit. MLflow's REST server allows 100.
    batch_params = usize::MAX;
    /// Sets the maximum tags in a batch. Default: no limit. MLflow's REST server allows 100.
    batch_tags = usize::MAX;
    /// Sets the maximum points, params and tags in a batch, counted together. Default: no limit.
    /// MLflow's REST server allows 1000.
    batch_items = usize::MAX;
}

/// The limits for key-value pairs of one kind, and how MLflow's texts name them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PairRule {
    list: &'static str,
    key: usize,
    value: usize,
    /// The names of key and value in texts about their length. `None` means their places.
    names: Option<(&'static str, &'static str)>,
}

/// The maximum lengths of a dataset's texts and of a model id.
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
    /// Sets the batch limits of MLflow's REST server: 1000 points, 100 params, 100 tags, and 1000
    /// items in total.
    pub fn mlflow_batches(self) -> Self {
        self.batch_metrics(1000).batch_params(100).batch_tags(100).batch_items(1000)
    }

    pub(crate) fn params(&self) -> PairRule {
        let names = Some(("Param key", "Param value"));
        PairRule { list: "params", key: self.key, value: self.param_value, names }
    }

    pub(crate) fn tags(&self) -> PairRule {
        pairs("tags", self.key, self.tag_value)
    }

    pub(crate) fn experiment_tags(&self) -> PairRule {
        pairs("tags", self.experiment_tag_key, self.experiment_tag_value)
    }

    pub(crate) fn input_tags(&self) -> PairRule {
        pairs("tags", self.input_tag_key, self.input_tag_value)
    }

    pub(crate) fn registry_tags(&self) -> PairRule {
        pairs("tags", self.registry_tag_key, self.registry_tag_value)
    }

    pub(crate) fn logged_model_pairs(&self, list: &'static str) -> PairRule {
        pairs(list, self.logged_model_key, usize::MAX)
    }

    /// Checks the description of a registered model or version. Any text is allowed.
    pub(crate) fn check_description(&self, text: Option<&str>) -> Result<()> {
        check_text("description", text.unwrap_or_default(), self.registry_description)
    }

    /// Checks the name of a logged model: not blank, without any of `/ : . % " '`.
    pub(crate) fn check_logged_model_name(&self, name: &str) -> Result<()> {
        if name.trim().is_empty() || name.contains(['/', ':', '.', '%', '"', '\'']) {
            let name = python(name);
            return Err(invalid(format!(
                "Invalid model name ({name}) provided. Model name must be a non-empty string and \
                 cannot contain the following characters: ('/', ':', '.', '%', '\"', \"'\")"
            )));
        }
        check_text("name", name, self.logged_model_name)
    }

    /// Checks the name of a registered model: not blank, without `/` and `:`, and not `.` or `..`.
    pub(crate) fn check_model_name(&self, name: &str) -> Result<()> {
        if name.trim().is_empty() {
            return Err(missing_value("name"));
        }
        if name.contains(['/', ':']) {
            let name = shortened(name);
            let message = format!("Invalid model name '{name}'. Names cannot contain '/' or ':'.");
            return Err(invalid(message));
        }
        if matches!(name, "." | "..") {
            return Err(invalid_value("name", name, &resolves(name)));
        }
        check_text("name", name, self.registered_model_name)
    }

    /// Checks an alias: letters, digits, `_` and `-`. Words with a meaning in model addresses,
    /// `latest` and `v1`, are reserved.
    pub(crate) fn check_alias(&self, alias: &str) -> Result<()> {
        if alias.is_empty() {
            return Err(invalid("Registered model alias name cannot be empty.".to_owned()));
        }
        let is_allowed = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
        if !alias.chars().all(is_allowed) {
            return Err(invalid(format!(
                "Invalid alias name: '{}'. Names may only contain alphanumerics, underscores (_), \
                 and dashes (-).",
                shortened(alias)
            )));
        }
        check_text("Registered model alias name", alias, self.alias)?;
        if alias.eq_ignore_ascii_case("latest") {
            let message = "'latest' alias name (case insensitive) is reserved.";
            return Err(invalid(message.to_owned()));
        }
        let number = alias.strip_prefix(['v', 'V']).unwrap_or_default();
        if !number.is_empty() && number.chars().all(char::is_numeric) {
            return Err(invalid(format!("Version alias name '{alias}' is reserved.")));
        }
        Ok(())
    }

    pub(crate) fn check_batch(&self, metrics: usize, params: usize, tags: usize) -> Result<()> {
        let counts = [
            ("metrics", metrics, self.batch_metrics),
            ("params", params, self.batch_params),
            ("tags", tags, self.batch_tags),
            ("metrics, params, and tags", metrics + params + tags, self.batch_items),
        ];
        match counts.into_iter().find(|(_, count, most)| count > most) {
            None => Ok(()),
            Some((items, count, most)) => Err(invalid(format!(
                "A batch logging request can contain at most {most} {items}. Got {count} {items}. \
                 Please split up {items} across multiple requests and try again, or change \
                 `DatabaseBuilder::limits`"
            ))),
        }
    }

    /// Checks that each param of a batch is in it once.
    pub(crate) fn check_unique<'a>(&self, keys: impl Iterator<Item = &'a str>) -> Result<()> {
        let mut seen = HashSet::new();
        let duplicates: Vec<&str> = keys.filter(|key| !seen.insert(*key)).collect();
        if duplicates.is_empty() {
            return Ok(());
        }
        Err(invalid(format!(
            "Duplicate parameter keys have been submitted: {}. Please ensure the request contains \
             only one param value per param key.",
            python_list(duplicates)
        )))
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

    /// Checks the name and digest of a dataset. Neither may be blank.
    pub(crate) fn check_dataset(&self, name: &str, digest: &str) -> Result<()> {
        check_name("name", name, self.dataset_name)?;
        check_name("digest", digest, self.dataset_digest)
    }

    /// Checks the key of a metric by the rules of [`check_key`]. `index` is its index in a batch.
    pub(crate) fn check_metric_key(&self, key: &str, index: Option<usize>) -> Result<()> {
        check_key(Place { item: index.map(|index| ("metrics", index)), part: "name" }, key)?;
        check_key_length("Metric name", key, self.key)
    }

    /// Checks the path of an experiment: any characters, not blank.
    pub(crate) fn check_experiment_path(&self, path: &str) -> Result<()> {
        if path.trim().is_empty() {
            return Err(invalid(format!("Invalid experiment name: '{}'", shortened(path))));
        }
        check_text("name", path, self.experiment_name)
    }

    /// Checks the name of a run: not blank, without control characters.
    pub(crate) fn check_run_name(&self, name: &str) -> Result<()> {
        if name.chars().any(char::is_control) {
            return Err(invalid_value("run_name", name, "it contains a control character"));
        }
        check_name("run_name", name, self.run_name)
    }

    /// Checks the user of a run. Any text is allowed.
    pub(crate) fn check_user(&self, user: &str) -> Result<()> {
        check_text("user", user, self.user)
    }
}

impl PairRule {
    /// Converts pairs to text and checks each.
    pub(crate) fn collect<K: AsRef<str>, V: ToString>(
        self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Vec<(String, String)>> {
        let pairs = pairs.into_iter();
        let all = pairs.map(|(key, value)| (key.as_ref().to_owned(), value.to_string()));
        let all: Vec<(String, String)> = all.collect();
        for (index, (key, value)) in all.iter().enumerate() {
            self.check((all.len() > 1).then_some(index), key, value)?;
        }
        Ok(all)
    }

    /// Checks a key by the rules of [`check_key`], and a value, which may be any text. `index` is
    /// the index of the pair, if it is one of several.
    pub(crate) fn check(self, index: Option<usize>, key: &str, value: &str) -> Result<()> {
        let item = index.map(|index| (self.list, index));
        let (of_key, of_value) = (Place { item, part: "key" }, Place { item, part: "value" });
        check_key(of_key, key)?;
        match self.names {
            Some((key_name, value_name)) => {
                check_key_length(key_name, key, self.key)?;
                check_text(value_name, value, self.value)
            }
            None => {
                check_key_length(of_key, key, self.key)?;
                check_text(of_value, value, self.value)
            }
        }
    }
}

/// Returns the limits of pairs that MLflow's texts name by their places.
fn pairs(list: &'static str, key: usize, value: usize) -> PairRule {
    PairRule { list, key, value, names: None }
}

fn check_key_length(what: impl Display, key: &str, most: usize) -> Result<()> {
    if key.len() > KEY_BYTES_MAX {
        let bytes = key.len();
        return Err(invalid(format!(
            "'{what}' exceeds the maximum length of {KEY_BYTES_MAX} bytes: it has {bytes}"
        )));
    }
    check_text(what, key, most)
}

/// Checks that a name is not blank and not too long.
pub(crate) fn check_name(what: &str, name: &str, most: usize) -> Result<()> {
    if name.trim().is_empty() {
        return Err(invalid_value(what, name, "it is blank"));
    }
    check_text(what, name, most)
}

/// Checks the name of the user who changes or owns something.
pub(crate) fn check_author(user: &str) -> Result<()> {
    const USER_MAX: usize = 255;
    if user.chars().any(char::is_control) {
        return Err(invalid_value("user", user, "it contains a control character"));
    }
    check_name("user", user, USER_MAX)
}

/// Checks that a text has at most `most` characters and 16 MiB.
pub(crate) fn check_text(what: impl Display, text: &str, most: usize) -> Result<()> {
    let bytes = text.len();
    if bytes > TEXT_BYTES_MAX {
        return Err(invalid(format!(
            "'{what}' exceeds the maximum length of {TEXT_BYTES_MAX} bytes: it has {bytes} (log it \
             as an artifact instead)"
        )));
    }
    // Every character has at least one byte, so a short text need not be counted.
    let characters = if bytes > most { text.chars().count() } else { 0 };
    if characters > most {
        return Err(invalid(format!(
            "'{what}' exceeds the maximum length of {most} characters: it has {characters} (change \
             this with `DatabaseBuilder::limits`)"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn keys_follow_the_rules() {
        let limits = Limits::default();
        for valid in [
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
            assert!(limits.check_metric_key(valid, None).is_ok(), "{valid}");
        }
        let long = "k".repeat(251);
        for bad in [
            "", "/a", "a/", "a//b", "./a", "..", "..foo", "...", "..a/b", "a\nb", "a*b", "a\\b",
            &long,
        ] {
            let error = limits.check_metric_key(bad, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad}");
        }
        assert!(limits.check_metric_key(&"\u{fc}".repeat(250), None).is_ok());
        assert!(Limits::unlimited().check_metric_key(&long, None).is_ok());
        assert!(Limits::unlimited().check_metric_key(&"k".repeat(4097), None).is_err());
    }

    #[test]
    fn limits_count_characters_not_bytes() {
        assert!(check_text("it", "\u{1f600}\u{1f600}", 2).is_ok());
        assert!(check_text("it", "abc", 2).is_err());
        assert!(check_text("it", "", 0).is_ok());
    }
}
