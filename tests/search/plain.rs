//! The search language as plain code over records. Each random clause carries the function that
//! evaluates it.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use tracklite::{ExperimentId, Lifecycle, RunId, RunRecord, View};

use super::is_like;
use super::world::{METRICS, NUMBERS, PARAMS, PATH, TEXTS, USERS};

/// A function from a run to a value.
struct RunFunction<T>(Arc<dyn Fn(&RunRecord) -> T>);

impl<T> RunFunction<T> {
    fn new(function: impl Fn(&RunRecord) -> T + 'static) -> Self {
        RunFunction(Arc::new(function))
    }

    fn call(&self, run: &RunRecord) -> T {
        (self.0)(run)
    }
}

impl<T> Clone for RunFunction<T> {
    fn clone(&self) -> Self {
        RunFunction(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for RunFunction<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function")
    }
}

/// A clause of a filter and its evaluation.
#[derive(Clone)]
pub(super) struct Clause {
    text: String,
    passes: RunFunction<bool>,
}

impl fmt::Debug for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A value to sort by.
enum Sorted {
    Number(Option<f64>),
    Text(Option<String>),
}

/// A field of an order and its evaluation.
#[derive(Clone)]
pub(super) struct SortKey {
    pub(super) text: String,
    is_descending: bool,
    value: RunFunction<Sorted>,
}

impl fmt::Debug for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

pub(super) fn clause() -> impl Strategy<Value = Clause> {
    prop_oneof![
        metric_clause(),
        text_clause(),
        null_clause(),
        time_clause(),
        list_clause(),
        dataset_clause(),
    ]
}

fn metric_clause() -> impl Strategy<Value = Clause> {
    let finite: Vec<f64> = NUMBERS.into_iter().filter(|number| number.is_finite()).collect();
    (select(&METRICS[..]), select(finite), comparison()).prop_map(|(key, number, operator)| {
        Clause {
            text: format!("metrics.`{key}` {operator} {number:?}"),
            passes: RunFunction::new(move |run| {
                run.metrics.get(key).is_some_and(|point| compare(point.value, operator, number))
            }),
        }
    })
}

fn time_clause() -> impl Strategy<Value = Clause> {
    (time_field(), 0..4_i64, comparison()).prop_map(|((field, value), millis, operator)| Clause {
        text: format!("attributes.{field} {operator} {millis}"),
        passes: RunFunction::new(move |run| {
            value.call(run).is_some_and(|time| compare(time, operator, millis as f64))
        }),
    })
}

fn time_field() -> impl Strategy<Value = (&'static str, RunFunction<Option<f64>>)> {
    let started = RunFunction::new(|run| Some(run.info.started.as_millis() as f64));
    let ended = RunFunction::new(|run| run.info.ended.map(|time| time.as_millis() as f64));
    let duration = RunFunction::new(|run: &RunRecord| {
        run.info.ended.map(|end| (end.as_millis() - run.info.started.as_millis()) as f64)
    });
    prop_oneof![
        Just(("start_time", started)),
        Just(("end_time", ended)),
        Just(("duration", duration))
    ]
}

fn comparison() -> impl Strategy<Value = &'static str> {
    select(vec!["=", "!=", "<", "<=", ">", ">="])
}

fn compare(left: f64, operator: &str, right: f64) -> bool {
    match operator {
        "=" => left == right,
        "!=" => left != right,
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        _ => left >= right,
    }
}

/// The name of a field, and its text, which may be missing.
type TextField = (String, RunFunction<Option<String>>);

fn text_field() -> impl Strategy<Value = TextField> {
    let always = |name: &str, value: fn(&RunRecord) -> String| {
        Just((name.to_owned(), RunFunction::new(move |run| Some(value(run)))))
    };
    prop_oneof![
        2 => select(&PARAMS[..]).prop_map(|key| {
            let value = RunFunction::new(move |run| run.params.get(key).cloned());
            (format!("params.\"{key}\""), value)
        }),
        2 => select(&PARAMS[..]).prop_map(|key| {
            let value = RunFunction::new(move |run| run.tags.get(key).cloned());
            (format!("tags.`{key}`"), value)
        }),
        1 => always("attributes.status", |run| run.info.status.to_string()),
        1 => always("user_id", |run| run.info.user.clone()),
        1 => always("artifact_uri", |run| {
            format!("tracklite://{PATH}/{}/{}/artifacts", run.info.experiment, run.info.id)
        }),
    ]
}

/// The name of a run: the value of its tag in filters, its stored name in orders.
fn name_field(is_tag: bool) -> impl Strategy<Value = TextField> {
    let tag = |run: &RunRecord| run.tags.get("mlflow.runName").cloned();
    let value =
        RunFunction::new(move |run| if is_tag { tag(run) } else { Some(run.info.name.clone()) });
    Just(("run_name".to_owned(), value))
}

fn text_clause() -> impl Strategy<Value = Clause> {
    let patterns = ["%", "_", "a%", "%b", "_b", "FINI%", "t_o", "%%a", "%0/artifacts", "one"];
    let texts: Vec<&str> = TEXTS.into_iter().chain(USERS).chain(patterns).collect();
    let operator = select(vec!["=", "!=", "LIKE", "ilike"]);
    let field = prop_oneof![3 => text_field(), 1 => name_field(true)];
    (field, select(texts), operator).prop_map(|((field, value), text, operator)| {
        let quote = if text.contains('\'') { '"' } else { '\'' };
        Clause {
            text: format!("{field} {operator} {quote}{text}{quote}"),
            passes: RunFunction::new(move |run| {
                value.call(run).is_some_and(|found| compare_texts(&found, operator, text))
            }),
        }
    })
}

fn compare_texts(found: &str, operator: &str, text: &str) -> bool {
    match operator {
        "=" => found == text,
        "!=" => found != text,
        "LIKE" => is_like(text, found),
        _ => is_like(&text.to_ascii_lowercase(), &found.to_ascii_lowercase()),
    }
}

fn null_clause() -> impl Strategy<Value = Clause> {
    (select(&PARAMS[..]), any::<bool>(), any::<bool>()).prop_map(|(key, is_tag, is_null)| Clause {
        text: format!(
            "{}.`{key}` IS {}",
            if is_tag { "tag" } else { "param" },
            if is_null { "NULL" } else { "not null" }
        ),
        passes: RunFunction::new(move |run| {
            let pairs = if is_tag { &run.tags } else { &run.params };
            pairs.contains_key(key) != is_null
        }),
    })
}

fn dataset_clause() -> impl Strategy<Value = Clause> {
    let field = select(vec!["name", "digest", "context"]);
    let operator = select(vec!["=", "!=", "like", "IN", "NOT IN"]);
    (field, operator, select(vec!["digits", "ab", "A", "%i%", "none"])).prop_map(
        |(field, operator, text)| {
            let passes = move |found: &str| match operator {
                "=" | "IN" => found == text,
                "like" => is_like(text, found),
                _ => found != text,
            };
            let value =
                if operator.ends_with("IN") { format!("('{text}')") } else { format!("'{text}'") };
            Clause {
                text: format!("dataset.{field} {operator} {value}"),
                passes: RunFunction::new(move |run| {
                    run.datasets.iter().any(|input| match field {
                        "name" => passes(&input.dataset.name),
                        "digest" => passes(&input.dataset.digest),
                        _ => input.tags.get("mlflow.data.context").is_some_and(|text| passes(text)),
                    })
                }),
            }
        },
    )
}

/// A list without the id of any run.
fn list_clause() -> impl Strategy<Value = Clause> {
    any::<bool>().prop_map(|is_in| Clause {
        text: format!("run_id {} ('a', 'b')", if is_in { "IN" } else { "not in" }),
        passes: RunFunction::new(move |_| !is_in),
    })
}

/// A clause about the ids of these runs. Ids are known only once the runs are started.
#[derive(Clone, Debug)]
pub(super) struct IdClause {
    operator: &'static str,
    at: Vec<usize>,
}

pub(super) fn id_clause() -> impl Strategy<Value = IdClause> {
    let operator = select(vec!["=", "!=", "LIKE", "ILIKE", "IN", "NOT IN"]);
    let at = prop::collection::vec(0..16_usize, 1..5);
    (operator, at).prop_map(|(operator, at)| IdClause { operator, at })
}

impl IdClause {
    pub(super) fn clause(self, ids: &[RunId]) -> Clause {
        let IdClause { operator, at } = self;
        let named = at.iter().filter_map(|at| ids.get(*at)).map(ToString::to_string);
        let mut named: Vec<String> = named.collect();
        named.push("none".to_owned());
        let first = match operator {
            "LIKE" => format!("{}%", &named[0][..2]),
            "ILIKE" => format!("%{}", named[0][3..].to_ascii_uppercase()),
            _ => named[0].clone(),
        };
        let text = match operator {
            "IN" | "NOT IN" => format!("run_id {operator} ('{}')", named.join("', '")),
            _ => format!("run_id {operator} '{first}'"),
        };
        let passes = RunFunction::new(move |run| {
            let id = run.info.id.to_string();
            match operator {
                "IN" => named.contains(&id),
                "NOT IN" => !named.contains(&id),
                _ => compare_texts(&id, operator, &first),
            }
        });
        Clause { text, passes }
    }
}

pub(super) fn filter_of(clauses: &[Clause]) -> String {
    clauses.iter().map(|clause| clause.text.as_str()).collect::<Vec<_>>().join(" and ")
}

pub(super) fn order() -> impl Strategy<Value = Vec<SortKey>> {
    let keys = prop::collection::vec(sort_key(), 0..4);
    keys.prop_map(|keys| {
        let mut kept: Vec<SortKey> = Vec::new();
        for key in keys {
            let field = |key: &SortKey| key.text.split(" DESC").next().map(str::to_owned);
            if !kept.iter().any(|other| field(other) == field(&key)) {
                kept.push(key);
            }
        }
        kept
    })
}

fn sort_key() -> impl Strategy<Value = SortKey> {
    let id = RunFunction::new(|run| Some(run.info.id.to_string()));
    let id = Just(("run_id".to_owned(), id));
    let texts = prop_oneof![4 => text_field(), 1 => name_field(false), 1 => id];
    let field = prop_oneof![
        2 => select(&METRICS[..]).prop_map(|key| {
            let latest = move |run: &RunRecord| run.metrics.get(key).map(|point| point.value);
            let value = RunFunction::new(move |run| Sorted::Number(latest(run)));
            (format!("metric.`{key}`"), value)
        }),
        3 => texts.prop_map(|(text, value)| {
            let value = RunFunction::new(move |run| Sorted::Text(value.call(run)));
            (text, value)
        }),
        1 => time_field().prop_map(|(text, value)| {
            let value = RunFunction::new(move |run| Sorted::Number(value.call(run)));
            (text.to_owned(), value)
        }),
    ];
    (field, any::<bool>()).prop_map(|((text, value), is_descending)| SortKey {
        text: format!("{text}{}", if is_descending { " DESC" } else { "" }),
        is_descending,
        value,
    })
}

/// Returns the runs in the view that pass all clauses, sorted. Ties are sorted by start and id.
pub(super) fn search(
    runs: &[RunRecord],
    clauses: &[Clause],
    order: &[SortKey],
    view: View,
    experiments: Option<&[ExperimentId]>,
) -> Vec<RunRecord> {
    let is_in_view = |run: &RunRecord| match view {
        View::ActiveOnly => run.info.lifecycle == Lifecycle::Active,
        View::DeletedOnly => run.info.lifecycle == Lifecycle::Deleted,
        View::All => true,
    };
    let is_in_scope = |run: &RunRecord| {
        is_in_view(run) && experiments.is_none_or(|ids| ids.contains(&run.info.experiment))
    };
    let mut found: Vec<RunRecord> = runs
        .iter()
        .filter(|run| is_in_scope(run) && clauses.iter().all(|clause| clause.passes.call(run)))
        .cloned()
        .collect();
    found.sort_by(|left, right| {
        let mut ordering = Ordering::Equal;
        for key in order {
            ordering = ordering.then_with(|| compare_by(key, left, right));
        }
        let by_start = right.info.started.as_millis().cmp(&left.info.started.as_millis());
        ordering
            .then(by_start)
            .then_with(|| left.info.id.to_string().cmp(&right.info.id.to_string()))
    });
    found
}

fn compare_by(key: &SortKey, left: &RunRecord, right: &RunRecord) -> Ordering {
    let directed = |order: Ordering| if key.is_descending { order.reverse() } else { order };
    match (key.value.call(left), key.value.call(right)) {
        (Sorted::Number(left), Sorted::Number(right)) => {
            // 0: a number, 1: NaN, 2: missing.
            let rank = |value: Option<f64>| value.map_or(2, |value| i32::from(value.is_nan()));
            let by_rank = rank(left).cmp(&rank(right));
            by_rank.then_with(|| directed(left.partial_cmp(&right).unwrap_or(Ordering::Equal)))
        }
        (Sorted::Text(left), Sorted::Text(right)) => match (left, right) {
            (Some(left), Some(right)) => directed(left.cmp(&right)),
            (left, right) => left.is_none().cmp(&right.is_none()),
        },
        _ => Ordering::Equal,
    }
}
