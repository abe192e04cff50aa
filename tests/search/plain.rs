//! The search language once more, as plain code over records: each clause is made together with
//! the function that says what it means.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use tracklite::{Lifecycle, RunRecord, View};

use super::{METRICS, NUMBERS, PARAMS, TEXTS};

/// A function of a run.
struct Of<T>(Arc<dyn Fn(&RunRecord) -> T>);

impl<T> Of<T> {
    fn new(function: impl Fn(&RunRecord) -> T + 'static) -> Self {
        Of(Arc::new(function))
    }

    fn call(&self, run: &RunRecord) -> T {
        (self.0)(run)
    }
}

impl<T> Clone for Of<T> {
    fn clone(&self) -> Self {
        Of(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Of<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function")
    }
}

/// A clause of a filter and what it means.
#[derive(Clone)]
pub(super) struct Clause {
    text: String,
    passes: Of<bool>,
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

/// A field of an order and what it means.
#[derive(Clone)]
pub(super) struct SortKey {
    pub(super) text: String,
    is_descending: bool,
    value: Of<Sorted>,
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
            passes: Of::new(move |run| {
                run.metrics.get(key).is_some_and(|point| compare(point.value, operator, number))
            }),
        }
    })
}

fn time_clause() -> impl Strategy<Value = Clause> {
    (0..4_i64, comparison()).prop_map(|(millis, operator)| Clause {
        text: format!("attributes.start_time {operator} {millis}"),
        passes: Of::new(move |run| {
            compare(run.info.started.as_millis() as f64, operator, millis as f64)
        }),
    })
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

fn text_field() -> impl Strategy<Value = (String, Of<Option<String>>)> {
    prop_oneof![
        select(&PARAMS[..]).prop_map(|key| {
            let value = Of::new(move |run| run.params.get(key).cloned());
            (format!("params.\"{key}\""), value)
        }),
        select(&PARAMS[..]).prop_map(|key| {
            let value = Of::new(move |run| run.tags.get(key).cloned());
            (format!("tags.`{key}`"), value)
        }),
        Just(()).prop_map(|()| {
            let value = Of::new(|run| Some(run.info.name.clone()));
            ("run_name".to_owned(), value)
        }),
        Just(()).prop_map(|()| {
            let value = Of::new(|run| Some(run.info.status.to_string()));
            ("attributes.status".to_owned(), value)
        }),
    ]
}

fn text_clause() -> impl Strategy<Value = Clause> {
    let texts: Vec<&str> =
        TEXTS.into_iter().chain(["%", "_", "a%", "%b", "_b", "FINI%", "t_o", "%%a"]).collect();
    let operator = select(vec!["=", "!=", "LIKE", "ilike"]);
    (text_field(), select(texts), operator).prop_map(|((field, value), text, operator)| {
        let quote = if text.contains('\'') { '"' } else { '\'' };
        let passes = move |found: &str| match operator {
            "=" => found == text,
            "!=" => found != text,
            "LIKE" => is_like(text, found),
            _ => is_like(&text.to_ascii_lowercase(), &found.to_ascii_lowercase()),
        };
        Clause {
            text: format!("{field} {operator} {quote}{text}{quote}"),
            passes: Of::new(move |run| value.call(run).is_some_and(|found| passes(&found))),
        }
    })
}

fn null_clause() -> impl Strategy<Value = Clause> {
    (select(&PARAMS[..]), any::<bool>(), any::<bool>()).prop_map(|(key, is_tag, is_null)| Clause {
        text: format!(
            "{}.`{key}` IS {}",
            if is_tag { "tag" } else { "param" },
            if is_null { "NULL" } else { "not null" }
        ),
        passes: Of::new(move |run| {
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
                passes: Of::new(move |run| {
                    run.datasets.iter().any(|input| match field {
                        "name" => passes(&input.dataset.name),
                        "digest" => passes(&input.dataset.digest),
                        _ => input.tags.get("mlflow.data.context").is_some_and(|it| passes(it)),
                    })
                }),
            }
        },
    )
}

/// Ids are not known beforehand: a list that holds none of them.
fn list_clause() -> impl Strategy<Value = Clause> {
    any::<bool>().prop_map(|is_in| Clause {
        text: format!("run_id {} ('a', 'b')", if is_in { "IN" } else { "not in" }),
        passes: Of::new(move |_| !is_in),
    })
}

/// By trying every length that `%` could take.
pub(super) fn is_like(pattern: &str, text: &str) -> bool {
    let mut characters = pattern.chars();
    match characters.next() {
        None => text.is_empty(),
        Some('%') => (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .any(|at| is_like(characters.as_str(), &text[at..])),
        Some(wanted) => {
            let mut rest = text.chars();
            rest.next().is_some_and(|found| wanted == '_' || found == wanted)
                && is_like(characters.as_str(), rest.as_str())
        }
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
            if !kept.iter().any(|it| field(it) == field(&key)) {
                kept.push(key);
            }
        }
        kept
    })
}

fn sort_key() -> impl Strategy<Value = SortKey> {
    let field = prop_oneof![
        select(&METRICS[..]).prop_map(|key| {
            let value =
                Of::new(move |run| Sorted::Number(run.metrics.get(key).map(|point| point.value)));
            (format!("metric.`{key}`"), value)
        }),
        text_field().prop_map(|(text, value)| {
            let value = Of::new(move |run| Sorted::Text(value.call(run)));
            (text, value)
        }),
    ];
    (field, any::<bool>()).prop_map(|((text, value), is_descending)| SortKey {
        text: format!("{text}{}", if is_descending { " DESC" } else { "" }),
        is_descending,
        value,
    })
}

/// The runs of the view that pass all clauses, in the order, ties by start and id.
pub(super) fn search(
    runs: &[RunRecord],
    clauses: &[Clause],
    order: &[SortKey],
    view: View,
) -> Vec<RunRecord> {
    let is_meant = |run: &RunRecord| match view {
        View::ActiveOnly => run.info.lifecycle == Lifecycle::Active,
        View::DeletedOnly => run.info.lifecycle == Lifecycle::Deleted,
        View::All => true,
    };
    let mut found: Vec<RunRecord> = runs
        .iter()
        .filter(|run| is_meant(run) && clauses.iter().all(|clause| clause.passes.call(run)))
        .cloned()
        .collect();
    found.sort_by(|left, right| {
        let mut verdict = Ordering::Equal;
        for key in order {
            verdict = verdict.then_with(|| compare_by(key, left, right));
        }
        let by_start = right.info.started.as_millis().cmp(&left.info.started.as_millis());
        verdict
            .then(by_start)
            .then_with(|| left.info.id.to_string().cmp(&right.info.id.to_string()))
    });
    found
}

fn compare_by(key: &SortKey, left: &RunRecord, right: &RunRecord) -> Ordering {
    let turn = |it: Ordering| if key.is_descending { it.reverse() } else { it };
    match (key.value.call(left), key.value.call(right)) {
        (Sorted::Number(left), Sorted::Number(right)) => {
            // 0: a number, 1: NaN, 2: missing.
            let rank = |it: Option<f64>| it.map_or(2, |it| i32::from(it.is_nan()));
            let by_rank = rank(left).cmp(&rank(right));
            by_rank.then_with(|| turn(left.partial_cmp(&right).unwrap_or(Ordering::Equal)))
        }
        (Sorted::Text(left), Sorted::Text(right)) => match (left, right) {
            (Some(left), Some(right)) => turn(left.cmp(&right)),
            (left, right) => left.is_none().cmp(&right.is_none()),
        },
        _ => Ordering::Equal,
    }
}
