//! What a search means for one run: the language's verdicts over a record.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::entity::{DATA_CONTEXT_TAG, RunRecord};
use crate::search::{Condition, Field, RunFilter, RunNumber, RunOrder, RunText};

/// A search over records, for what would be too much for one SQL statement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunMatcher<'a> {
    pub(crate) filter: &'a RunFilter,
    pub(crate) order: &'a RunOrder,
    /// What comes before the run's id in the place of its artifacts, and what after it.
    pub(crate) artifacts: (&'a str, &'a str),
}

impl RunMatcher<'_> {
    /// Keeps the runs that pass, and puts them in order.
    pub(crate) fn choose(&self, runs: &mut Vec<RunRecord>) {
        runs.retain(|run| self.passes(run));
        runs.sort_by(|left, right| self.compare(left, right));
    }

    fn passes(&self, run: &RunRecord) -> bool {
        self.filter.conditions.iter().all(|condition| match condition {
            Condition::Number(field, test) => test.matches(number(run, field)),
            Condition::Text(RunText::DatasetName, test) => {
                run.datasets.iter().any(|it| test.matches(Some(&it.dataset.name)))
            }
            Condition::Text(RunText::DatasetDigest, test) => {
                run.datasets.iter().any(|it| test.matches(Some(&it.dataset.digest)))
            }
            Condition::Text(RunText::DatasetContext, test) => {
                let contexts = run.datasets.iter().filter_map(|it| it.tags.get(DATA_CONTEXT_TAG));
                contexts.into_iter().any(|context| test.matches(Some(context)))
            }
            Condition::Text(field, test) => test.matches(self.text(run, field).as_deref()),
        })
    }

    fn compare(&self, left: &RunRecord, right: &RunRecord) -> Ordering {
        let verdicts = self.order.keys.iter().map(|key| match &key.field {
            Field::Number(field) => {
                key.direction.compare_numbers(number(left, field), number(right, field))
            }
            Field::Text(field) => {
                let (left, right) = (self.text(left, field), self.text(right, field));
                key.direction.compare_texts(left.as_deref(), right.as_deref())
            }
        });
        verdicts.fold(Ordering::Equal, Ordering::then)
    }

    fn text<'r>(&self, run: &'r RunRecord, field: &RunText) -> Option<Cow<'r, str>> {
        let text = match field {
            RunText::Param(key) => run.params.get(key)?.as_str(),
            RunText::Tag(key) => run.tags.get(key)?.as_str(),
            RunText::RunName => run.info.name.as_str(),
            RunText::Status => run.info.status.as_str(),
            RunText::UserId => run.info.user.as_str(),
            RunText::RunId => return Some(Cow::Owned(run.info.id.to_string())),
            RunText::ArtifactUri => {
                let (before, after) = self.artifacts;
                return Some(Cow::Owned(format!("{before}{}{after}", run.info.id)));
            }
            // A run may have several datasets: there is no order by them.
            RunText::DatasetName | RunText::DatasetDigest | RunText::DatasetContext => return None,
        };
        Some(Cow::Borrowed(text))
    }
}

fn number(run: &RunRecord, field: &RunNumber) -> Option<f64> {
    match field {
        RunNumber::Metric(key) => run.metrics.get(key).map(|point| point.value),
        RunNumber::StartTime => Some(run.info.started.as_millis() as f64),
        RunNumber::EndTime => run.info.ended.map(|ended| ended.as_millis() as f64),
    }
}
