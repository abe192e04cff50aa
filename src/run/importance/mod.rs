//! How much each param matters for a metric, over many runs.

mod features;
mod forest;
mod random;

use std::collections::BTreeSet;

use crate::columns::{Keys, RunColumns};
use crate::database::Database;
use crate::error::{Error, ErrorKind, Result};
use crate::run::search::RunSearch;
use crate::search::RunColumn;

use self::features::{Label, Param, rank_correlation};
use self::forest::{Feature, Forest, variance};

/// A question about the importance of params: the objective, and what to leave out.
///
/// ```
/// use tracklite::importance::ImportanceQuery;
///
/// let query = ImportanceQuery::new("best.loss").log().exclude("seed");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportanceQuery {
    objective: String,
    is_log: bool,
    excluded: BTreeSet<String>,
    dependence: Option<String>,
}

impl ImportanceQuery {
    /// The fewest runs of an answer.
    pub const RUNS_MIN: usize = 20;

    /// Creates a query for an objective: `metrics.KEY`, or a statistic such as `best.KEY`.
    #[must_use]
    pub fn new(objective: impl Into<String>) -> Self {
        let (objective, excluded) = (objective.into(), BTreeSet::new());
        ImportanceQuery { objective, is_log: false, excluded, dependence: None }
    }

    /// Takes the logarithm of the objective. Runs whose value is not above 0 are left out.
    #[must_use]
    pub fn log(mut self) -> Self {
        self.is_log = true;
        self
    }

    /// Leaves a param out. Further calls leave out more.
    #[must_use]
    pub fn exclude(mut self, param: impl Into<String>) -> Self {
        self.excluded.insert(param.into());
        self
    }

    /// Also computes how the objective depends on this param.
    #[must_use]
    pub fn dependence(mut self, param: impl Into<String>) -> Self {
        self.dependence = Some(param.into());
        self
    }
}

/// How much the params of some runs matter for an objective.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Importance {
    /// The number of runs with a value of the objective.
    pub runs: usize,
    /// The share of the variance that the params explain in runs that were not learned from.
    ///
    /// At most 1. If it is near 0 or below it, the params say nothing about the objective, and
    /// their importance means nothing.
    pub explained: f64,
    /// The params that differ between the runs, the most important one first.
    pub params: Vec<ParamImportance>,
    /// How the objective depends on the param that the query names. Empty without one.
    pub dependence: Vec<Dependence>,
}

/// How much a param matters for an objective.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ParamImportance {
    /// The key of the param.
    pub key: String,
    /// The share of the variance that is lost when the values of this param are mixed up.
    ///
    /// About 0 if the param does not matter. Shares of params that act together add up to more
    /// than 1.
    pub importance: f64,
    /// The standard error of the importance over the trees of the forest.
    pub error: f64,
    /// Spearman's rank correlation with the objective, from -1 to 1. `None` for texts.
    pub correlation: Option<f64>,
    /// The number of runs that have the param.
    pub runs: usize,
}

/// The mean of the objective if a param had the same value in all runs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Dependence {
    /// The value as a number, if all values of the param are numbers. Near values are one.
    pub number: Option<f64>,
    /// The value as a text. `None` for numbers, and for all texts that are not frequent.
    pub text: Option<String>,
    /// The mean that the forest predicts, in the unit of the objective or of its logarithm.
    pub mean: f64,
}

/// The objective and the params of the runs.
struct Data {
    targets: Vec<f64>,
    params: Vec<Param>,
}

impl Database {
    /// Returns how much each param matters for a metric, over the runs that a search finds.
    ///
    /// A small forest of trees learns the objective from the params. The importance of a param is
    /// what the forest loses when the values of that param are mixed up between runs that it has
    /// not learned from. Numbers count by their order, so their scale does not matter. The same
    /// runs always have the same answer.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::RunSearch;
    /// use tracklite::importance::ImportanceQuery;
    ///
    /// for at in 0..60_u32 {
    ///     let run = database.default_experiment()?.start_run("")?;
    ///     run.log_params([("rate", at % 10), ("seed", at * 7 % 60)])?;
    ///     run.log_metric("loss", f64::from(at % 10), 0)?;
    /// }
    /// let query = ImportanceQuery::new("metrics.loss");
    /// let found = database.importance(&RunSearch::new(), &query)?;
    /// assert_eq!(found.params[0].key, "rate");
    /// assert!(found.params[0].importance > 0.5 && found.params[1].importance < 0.1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if fewer than [`ImportanceQuery::RUNS_MIN`] runs have a finite
    ///   value of the objective, or if it is not a metric.
    /// - [`ErrorKind::InvalidInput`] if the filter or order of the search is not valid.
    ///
    /// # Performance
    ///
    /// Each tree learns from up to 2,048 runs. The time grows little beyond that.
    pub fn importance(&self, search: &RunSearch, query: &ImportanceQuery) -> Result<Importance> {
        let data = self.importance_data(search, query);
        self.engine().located(data.and_then(|data| importance(data, query)))
    }

    fn importance_data(&self, search: &RunSearch, query: &ImportanceQuery) -> Result<Data> {
        let objective = RunColumn::parse(&query.objective)?;
        if !matches!(objective, RunColumn::Metric(_) | RunColumn::Statistic(..)) {
            let name = &query.objective;
            let message = format!(
                "the objective {name:?} is not a metric: use metrics.KEY or a statistic, such as \
                 best.KEY"
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let limit = search.wanted_results().unwrap_or(usize::MAX);
        let keys = Keys::shown_in(&[objective.clone(), RunColumn::AllParams]);
        let found =
            self.find(search, limit, &keys, |runs, rows| Ok(read(runs, rows, &objective, query)));
        found.map(|(data, _)| data)
    }
}

/// Reads the objective and the params of the runs that have a finite value.
fn read(runs: &RunColumns, rows: &[u32], objective: &RunColumn, query: &ImportanceQuery) -> Data {
    let value = |row: u32| match objective {
        RunColumn::Statistic(statistic, key) => runs.statistic(row, *statistic, key),
        RunColumn::Metric(key) => Some(runs.metrics().get(key)?.get(row)?.value),
        _ => None,
    };
    let target = |row: &u32| {
        let value = value(*row)?;
        let value = if query.is_log { value.ln() } else { value };
        value.is_finite().then_some((*row, value))
    };
    let mut found: Vec<(u32, f64)> = rows.iter().filter_map(target).collect();
    // The answer does not depend on the order of the search.
    found.sort_by_key(|(row, _)| *row);
    let (rows, targets): (Vec<u32>, Vec<f64>) = found.into_iter().unzip();
    let wanted = runs.params().iter().filter(|(key, _)| !query.excluded.contains(*key));
    let params = wanted.filter_map(|(key, column)| {
        let values: Vec<Option<&str>> = column.of_rows(&rows).collect();
        if values.is_empty() { None } else { Param::new(key, &values) }
    });
    Data { params: params.collect(), targets }
}

fn importance(data: Data, query: &ImportanceQuery) -> Result<Importance> {
    let Data { targets, params } = data;
    let runs = targets.len();
    if runs < ImportanceQuery::RUNS_MIN {
        let (min, objective) = (ImportanceQuery::RUNS_MIN, &query.objective);
        let message = format!(
            "{runs} runs have a usable value of {objective}, and at least {min} are needed to \
             compare params: search for more runs"
        );
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    if variance(&targets) <= 0.0 || params.is_empty() {
        return Ok(Importance {
            runs,
            explained: 0.0,
            params: params.iter().map(|param| described(param, &targets)).collect(),
            dependence: Vec::new(),
        });
    }
    let features: Vec<Feature> = params.iter().map(|param| param.feature.clone()).collect();
    let mut forest = Forest::grow(&features, &targets);
    let (worths, explained) = forest.worths();
    let mut described: Vec<ParamImportance> = params
        .iter()
        .zip(worths)
        .map(|(param, worth)| ParamImportance {
            importance: worth.mean,
            error: worth.error,
            ..described(param, &targets)
        })
        .collect();
    described.sort_by(|left, right| right.importance.total_cmp(&left.importance));
    let asked = params.iter().position(|param| query.dependence.as_ref() == Some(&param.key));
    let dependence = asked.map(|at| dependence(&forest, at, &params[at])).unwrap_or_default();
    Ok(Importance { runs, explained, params: described, dependence })
}

/// Returns what is known about a param without a forest.
fn described(param: &Param, targets: &[f64]) -> ParamImportance {
    let pairs = param.numbers.as_ref().map(|numbers| {
        let pairs = numbers.iter().copied().zip(targets.iter().copied());
        pairs.filter(|(number, _)| !number.is_nan()).collect::<Vec<(f64, f64)>>()
    });
    ParamImportance {
        key: param.key.clone(),
        importance: 0.0,
        error: 0.0,
        correlation: pairs.and_then(|pairs| rank_correlation(&pairs)),
        runs: param.runs(),
    }
}

fn dependence(forest: &Forest<'_>, at: usize, param: &Param) -> Vec<Dependence> {
    let of = |(bin, label): &(u8, Label)| {
        let mean = forest.dependence(at, *bin);
        match label {
            Label::Number(number) => Dependence { number: Some(*number), text: None, mean },
            Label::Text(text) => Dependence { number: None, text: text.clone(), mean },
        }
    };
    param.labels.iter().map(of).collect()
}
