//! Whether lower or higher values of a metric are better, by experiment.

use std::collections::BTreeMap;

use super::MetricGoal;
use super::id::ExperimentId;

/// The prefix of the tags of an experiment with the goals of metrics.
///
/// The key of a metric follows, and the value is `lower` or `higher`. Any other value counts as no
/// tag. Without a tag, the words of the key decide ([`MetricGoal::of`]).
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// use tracklite::{GOAL_TAG_PREFIX, MetricGoal};
///
/// let experiment = database.default_experiment()?;
/// experiment.set_tag(&format!("{GOAL_TAG_PREFIX}speed"), "lower")?;
/// let goals = database.metric_goals()?;
/// assert_eq!(goals.of(experiment.id(), "speed"), MetricGoal::Lower);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const GOAL_TAG_PREFIX: &str = "tracklite.goal.";

/// The goals of metrics that experiments set with tags. See [`GOAL_TAG_PREFIX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricGoals(BTreeMap<String, BTreeMap<ExperimentId, MetricGoal>>);

impl MetricGoals {
    /// Reads the tags of experiments that begin with [`GOAL_TAG_PREFIX`].
    pub(crate) fn of_tags(tags: impl IntoIterator<Item = (ExperimentId, String, String)>) -> Self {
        let mut goals = MetricGoals::default();
        for (experiment, tag, value) in tags {
            let goal = match value.as_str() {
                "lower" => MetricGoal::Lower,
                "higher" => MetricGoal::Higher,
                _ => continue,
            };
            if let Some(key) = tag.strip_prefix(GOAL_TAG_PREFIX) {
                goals.0.entry(key.to_owned()).or_default().insert(experiment, goal);
            }
        }
        goals
    }

    /// Returns the goal of a metric in an experiment. Guesses it from the key without a tag.
    #[must_use]
    pub fn of(&self, experiment: ExperimentId, key: &str) -> MetricGoal {
        self.tagged(experiment, key).unwrap_or_else(|| MetricGoal::of(key))
    }

    /// Returns the goal like [`MetricGoals::of`], or `None` without a tag or a known word.
    #[must_use]
    pub fn known(&self, experiment: ExperimentId, key: &str) -> Option<MetricGoal> {
        self.tagged(experiment, key).or_else(|| MetricGoal::known(key))
    }

    /// Returns the goal of a metric over all experiments: the one of their tags, if all tags of
    /// this key agree. Otherwise the words of the key decide, or it is `None`.
    #[must_use]
    pub fn overall(&self, key: &str) -> Option<MetricGoal> {
        let mut tagged = self.0.get(key).into_iter().flat_map(BTreeMap::values).copied();
        match tagged.next() {
            Some(goal) if tagged.all(|other| other == goal) => Some(goal),
            _ => MetricGoal::known(key),
        }
    }

    fn tagged(&self, experiment: ExperimentId, key: &str) -> Option<MetricGoal> {
        self.0.get(key)?.get(&experiment).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_before_the_words_of_a_key() {
        let [one, two, three] = [1, 2, 3].map(ExperimentId::new);
        let tag = |experiment, key: &str, value: &str| {
            (experiment, format!("tracklite.goal.{key}"), value.to_owned())
        };
        let goals = MetricGoals::of_tags([
            tag(one, "loss", "higher"),
            tag(two, "loss", "upward"),
            tag(one, "speed", "lower"),
            tag(two, "speed", "lower"),
            tag(one, "width", "lower"),
            tag(two, "width", "higher"),
        ]);
        assert_eq!(goals.of(one, "loss"), MetricGoal::Higher);
        assert_eq!(goals.of(two, "loss"), MetricGoal::Lower);
        assert_eq!(goals.of(three, "speed"), MetricGoal::Higher);
        assert_eq!(goals.known(three, "speed"), None);
        assert_eq!(goals.known(two, "speed"), Some(MetricGoal::Lower));
        assert_eq!(goals.overall("speed"), Some(MetricGoal::Lower));
        assert_eq!(goals.overall("width"), None);
        assert_eq!(goals.overall("error"), Some(MetricGoal::Lower));
    }
}
