//! The specification of a lookup.

use std::collections::BTreeMap;
use std::time::Duration;

/// The value that replaces a null of a feature.
#[derive(Clone, Debug, PartialEq)]
pub enum DefaultValue {
    /// A truth.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
}

/// Features of one table: which, and by which columns of the rows they are found.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureLookup {
    pub(crate) table: String,
    pub(crate) keys: Vec<String>,
    pub(crate) features: Option<Vec<String>>,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) time: Option<String>,
    pub(crate) lookback: Option<Duration>,
    pub(crate) defaults: BTreeMap<String, DefaultValue>,
    pub(crate) version: Option<u64>,
}

impl FeatureLookup {
    /// Looks up all columns of a table but its key and timestamp.
    ///
    /// `keys` are the columns of the rows, in the order of the table's key.
    #[must_use]
    pub fn new<S: Into<String>>(
        table: impl Into<String>,
        keys: impl IntoIterator<Item = S>,
    ) -> Self {
        FeatureLookup {
            table: table.into(),
            keys: keys.into_iter().map(Into::into).collect(),
            features: None,
            outputs: BTreeMap::new(),
            time: None,
            lookback: None,
            defaults: BTreeMap::new(),
            version: None,
        }
    }

    /// Sets the columns of the table to look up, in order.
    #[must_use]
    pub fn features<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.features = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Renames a feature in the result.
    #[must_use]
    pub fn rename(mut self, feature: impl Into<String>, name: impl Into<String>) -> Self {
        self.outputs.insert(feature.into(), name.into());
        self
    }

    /// Sets the column with the time of each row. Without it, a row gets the newest values of its
    /// key.
    #[must_use]
    pub fn at(mut self, column: impl Into<String>) -> Self {
        self.time = Some(column.into());
        self
    }

    /// Ignores values that are older than this before the time of the row. Values of exactly this
    /// age count. Default: values of any age count.
    #[must_use]
    pub fn lookback(mut self, age: Duration) -> Self {
        self.lookback = Some(age);
        self
    }

    /// Sets the value that replaces a null of a feature, also that of a row without a match.
    #[must_use]
    pub fn default_value(mut self, feature: impl Into<String>, value: DefaultValue) -> Self {
        self.defaults.insert(feature.into(), value);
        self
    }

    /// Reads the table as it was after the write with this number. Default: the last one.
    #[must_use]
    pub fn version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// Returns the name of the table.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Returns the names of the features in the result, if the lookup names its features.
    pub fn outputs(&self) -> impl Iterator<Item = String> {
        let named = self.features.iter().flatten();
        named.map(|feature| self.output(feature).to_owned())
    }

    /// Returns the name of a feature in the result.
    pub(crate) fn output<'a>(&'a self, feature: &'a str) -> &'a str {
        self.outputs.get(feature).map_or(feature, String::as_str)
    }
}
