//! The catalogue of keys: which params, metrics and tags runs have.

use std::sync::Arc;

use regex::RegexBuilder;
use serde::Serialize;
use tracklite::{KeyKind, KeySummary, MetricGoal, MetricGoals};
use utoipa::ToSchema;

use crate::access::Scope;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, text, whole};
use crate::mlflow::entities::Real;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[Route {
    method: Verb::Get,
    path: "/keys",
    needs: Scope::Read,
    takes: &[text("handle"), text("kind"), text("search"), whole("offset"), whole("limit")],
    returns: shape::<Listing>(),
    handler: list,
}];

/// The default number of keys of an answer.
const KEYS: usize = 200;
/// The most bytes of a search, and of its compiled form. The time for a key is about their product
/// with the length of the key.
const SEARCH_TEXT_MAX: usize = 200;
const SEARCH_BYTES_MAX: usize = 32 * 1024;

/// Keys of runs.
#[derive(Serialize, ToSchema)]
#[schema(as = PageKeys)]
struct Listing {
    /// The number of keys that the search finds.
    total: usize,
    keys: Vec<Key>,
    sections: Vec<Section>,
}

/// A key and its values in the runs.
#[derive(Serialize, ToSchema)]
#[schema(as = PageKey)]
pub(super) struct Key {
    kind: &'static str,
    key: String,
    runs: usize,
    /// The number of distinct values, counted up to 1001.
    distinct: usize,
    constant: bool,
    min: Option<Real>,
    max: Option<Real>,
    /// Whether a lower or a higher value of a metric is better, if that is known.
    direction: Option<&'static str>,
}

/// The keys with the same prefix before their first slash.
#[derive(Serialize, ToSchema)]
#[schema(as = PageKeySection)]
struct Section {
    prefix: String,
    keys: usize,
}

/// Returns the keys of a selection, or of all runs without a handle.
pub(super) fn all(call: &Call, handle: Option<&str>) -> Outcome<Arc<Vec<KeySummary>>> {
    let database = call.database();
    let Some(handle) = handle else { return call.shared.catalogue.keys(database) };
    let selection = call.shared.selections.get(handle)?;
    if let Some(keys) = selection.keys.get() {
        return Ok(Arc::clone(keys));
    }
    let keys = Arc::new(database.run_keys(&selection.search)?);
    Ok(Arc::clone(selection.keys.get_or_init(|| keys)))
}

/// Returns the word for a kind of key.
pub(super) fn kind_of(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Param => "param",
        KeyKind::Metric => "metric",
        KeyKind::Tag => "tag",
    }
}

/// Returns the part of a key before its first slash.
fn prefix(key: &str) -> &str {
    key.split_once('/').map(|(prefix, _)| prefix).unwrap_or_default()
}

pub(super) fn key(found: &KeySummary, goals: &MetricGoals) -> Key {
    let goal = goals.overall(&found.key).filter(|_| found.kind == KeyKind::Metric);
    let direction = goal.map(|goal| match goal {
        MetricGoal::Lower => "min",
        MetricGoal::Higher => "max",
    });
    Key {
        kind: kind_of(found.kind),
        key: found.key.clone(),
        runs: found.runs,
        distinct: found.distinct,
        constant: found.is_constant,
        min: found.range.map(|range| Real(range.0)),
        max: found.range.map(|range| Real(range.1)),
        direction,
    }
}

fn list(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let kind = match args.text("kind") {
        None => None,
        Some(word @ ("param" | "metric" | "tag")) => Some(word),
        Some(other) => {
            return Err(Failure::invalid(format!(
                "unknown kind {other:?}: expected \"param\", \"metric\" or \"tag\""
            )));
        }
    };
    let search = args.text("search").map(|text| {
        if text.len() > SEARCH_TEXT_MAX {
            let length = text.len();
            return Err(Failure::invalid(format!(
                "the search has {length} bytes, at most {SEARCH_TEXT_MAX} are taken"
            )));
        }
        let mut builder = RegexBuilder::new(text);
        let built = builder.case_insensitive(true).size_limit(SEARCH_BYTES_MAX).build();
        built.map_err(|error| Failure::invalid(format!("the search {text:?} is invalid: {error}")))
    });
    let search = search.transpose()?;
    let keys = all(call, args.text("handle"))?;
    let is_wanted = |found: &&KeySummary| {
        kind.is_none_or(|kind| kind == kind_of(found.kind))
            && search.as_ref().is_none_or(|search| search.is_match(&found.key))
    };
    let mut found: Vec<&KeySummary> = keys.iter().filter(is_wanted).collect();
    // The keys of a section are beside each other. Kinds keep their order.
    found.sort_by_key(|found| (rank(found.kind), prefix(&found.key), found.key.as_str()));
    let number = |name: &str| args.whole(name).map(|given| usize::try_from(given).unwrap_or(0));
    let (offset, limit) = (number("offset").unwrap_or(0), number("limit").unwrap_or(KEYS));
    let goals = call.database().metric_goals()?;
    let shown = found.iter().skip(offset).take(limit).map(|found| key(found, &goals));
    Ok(Reply::json(&Listing {
        total: found.len(),
        keys: shown.collect(),
        sections: sections(&found),
    }))
}

fn rank(kind: KeyKind) -> u8 {
    match kind {
        KeyKind::Param => 0,
        KeyKind::Metric => 1,
        KeyKind::Tag => 2,
    }
}

fn sections(found: &[&KeySummary]) -> Vec<Section> {
    let chunks = found.chunk_by(|left, right| prefix(&left.key) == prefix(&right.key));
    let section = |keys: &[&KeySummary]| Section {
        prefix: keys.first().map(|key| prefix(&key.key).to_owned()).unwrap_or_default(),
        keys: keys.len(),
    };
    chunks.map(section).collect()
}
