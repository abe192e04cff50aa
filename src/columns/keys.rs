//! Which metrics, params and tags of runs are read.

use std::collections::BTreeSet;

use crate::search::{MetricStatistic, RunColumn};

use super::summaries::SummaryKeys;

/// Selects values of runs. The name, status, times, inputs and outputs are always included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) metrics: KeySet,
    pub(crate) params: KeySet,
    pub(crate) tags: KeySet,
    /// The metrics whose statistics are read. Never all.
    pub(crate) statistics: KeySet,
    /// The statistics that are computed from points. They are not columns that can be loaded.
    pub(crate) summaries: SummaryKeys,
}

/// A set of keys, or all keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeySet {
    All,
    Some(BTreeSet<String>),
}

impl Default for KeySet {
    fn default() -> Self {
        KeySet::Some(BTreeSet::new())
    }
}

impl KeySet {
    pub(crate) fn insert(&mut self, key: &str) {
        if let KeySet::Some(keys) = self
            && !keys.contains(key)
        {
            keys.insert(key.to_owned());
        }
    }

    /// Visits the single keys of the set.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &String> {
        match self {
            KeySet::All => None,
            KeySet::Some(keys) => Some(keys),
        }
        .into_iter()
        .flatten()
    }

    /// Returns the keys in `self` that are not in `other`.
    fn without(&self, other: &KeySet) -> KeySet {
        match (self, other) {
            (_, KeySet::All) => KeySet::default(),
            (KeySet::All, KeySet::Some(_)) => KeySet::All,
            (KeySet::Some(keys), KeySet::Some(others)) => {
                KeySet::Some(keys.difference(others).cloned().collect())
            }
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, KeySet::Some(keys) if keys.is_empty())
    }

    pub(crate) fn add(&mut self, other: &KeySet) {
        match (&mut *self, other) {
            (KeySet::All, _) => {}
            (_, KeySet::All) => *self = KeySet::All,
            (KeySet::Some(keys), KeySet::Some(others)) => keys.extend(others.iter().cloned()),
        }
    }

    /// Returns the queries needed to read the keys, one per key. `None` means all keys.
    pub(super) fn questions(&self) -> Vec<Option<&str>> {
        match self {
            KeySet::All => vec![None],
            KeySet::Some(keys) => keys.iter().map(|key| Some(key.as_str())).collect(),
        }
    }
}

impl Keys {
    /// Returns the keys shown by these columns of a table.
    pub(crate) fn shown_in(columns: &[RunColumn]) -> Self {
        let mut keys = Keys::default();
        for column in columns {
            match column {
                RunColumn::Attribute(_) => {}
                RunColumn::Metric(key) => keys.metrics.insert(key),
                RunColumn::Statistic(statistic, key) => keys.add_statistic(*statistic, key),
                RunColumn::Param(key) => keys.params.insert(key),
                RunColumn::Tag(key) => keys.tags.insert(key),
                RunColumn::AllMetrics => keys.metrics = KeySet::All,
                RunColumn::AllParams => keys.params = KeySet::All,
                RunColumn::AllTags => keys.tags = KeySet::All,
            }
        }
        keys
    }

    /// Adds a statistic of a metric.
    pub(super) fn add_statistic(&mut self, statistic: MetricStatistic, key: &str) {
        self.statistics.insert(key);
        if statistic.needs_points() {
            self.summaries.insert((statistic, key.to_owned()));
        }
    }

    /// Returns the keys without statistics, which the index does not have.
    pub(super) fn of_index(&self) -> Keys {
        Keys { statistics: KeySet::default(), summaries: SummaryKeys::new(), ..self.clone() }
    }

    /// Selects all values but statistics.
    pub(crate) fn all() -> Self {
        let (metrics, params, tags) = (KeySet::All, KeySet::All, KeySet::All);
        Keys { metrics, params, tags, ..Keys::default() }
    }

    /// Returns the keys in `self` that are not in `other`.
    pub(crate) fn without(&self, other: &Keys) -> Keys {
        Keys {
            metrics: self.metrics.without(&other.metrics),
            params: self.params.without(&other.params),
            tags: self.tags.without(&other.tags),
            statistics: self.statistics.without(&other.statistics),
            summaries: SummaryKeys::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let kinds = [&self.metrics, &self.params, &self.tags, &self.statistics];
        kinds.into_iter().all(KeySet::is_empty)
    }

    pub(crate) fn add(&mut self, other: &Keys) {
        self.metrics.add(&other.metrics);
        self.params.add(&other.params);
        self.tags.add(&other.tags);
        self.statistics.add(&other.statistics);
        self.summaries.extend(other.summaries.iter().cloned());
    }
}
