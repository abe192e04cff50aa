//! Queries of runs: a selection under a handle, and windows of it.

use std::ops::Range;

use serde::Serialize;
use serde_json::{Value, json};
use tracklite::groups::{GroupColumn, RunGroup, RunGroups};
use tracklite::{Database, ExperimentId, RunSearch, View};
use utoipa::ToSchema;

use super::frame::{FRAME_TYPE, Frame};
use super::names;
use super::selection::{Selection, new_handle};
use super::window;
use crate::access::Scope;
use crate::call::{Args, Call};
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, any, text, texts, whole};
use crate::mlflow::queries;
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/runs/query",
        needs: Scope::Read,
        takes: &[
            texts("experiments"),
            text("under"),
            text("filter"),
            texts("order"),
            text("view"),
            any("group"),
            texts("columns"),
            whole("offset"),
            whole("limit"),
        ],
        returns: shape::<Nothing>().sent_as(FRAME_TYPE),
        handler: create,
    },
    Route {
        method: Verb::Get,
        path: "/runs/query/{handle}",
        needs: Scope::Read,
        takes: &[whole("offset"), whole("limit"), whole("group")],
        returns: shape::<Nothing>().sent_as(FRAME_TYPE),
        handler: read,
    },
    Route {
        method: Verb::Get,
        path: "/runs/query/{handle}/position",
        needs: Scope::Read,
        takes: &[text("run").required()],
        returns: shape::<Place>(),
        handler: position,
    },
];

/// The default number of rows of a window.
const WINDOW: usize = 200;
/// The most rows of a window.
const WINDOW_MAX: usize = 100_000;

/// The place of a run in a selection.
#[derive(Serialize, ToSchema)]
#[schema(as = PagePlace)]
struct Place {
    /// The row of the run, or of its group.
    row: Option<usize>,
}

fn create(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let bounds = bounds(args)?;
    let database = call.database();
    let question = question(args);
    // Before the rest, so that no later change is missed.
    let cursor = database.changes(None)?.cursor;
    let selections = &call.shared.selections;
    let selection = match selections.known(&question, &cursor) {
        Some(known) => known,
        None => {
            let columns = args.texts("columns").into_iter().map(str::to_owned).collect();
            selections.keep(Selection { question, cursor, ..select(database, args, columns)? })
        }
    };
    answer(database, &selection, None, bounds)
}

/// Finds the runs that a request asks for.
pub(super) fn select(database: &Database, args: &Args, columns: Vec<String>) -> Outcome<Selection> {
    let cursor = database.changes(None)?.cursor;
    let (handle, search) = (new_handle()?, search(database, args)?);
    window::check(&columns)?;
    let runs = database.search_run_ids(&search)?;
    let groups = groups(database, args, &search, &columns)?;
    let (question, keys) = (String::new(), std::sync::OnceLock::new());
    Ok(Selection { handle, question, cursor, search, columns, runs, groups, keys })
}

/// Returns the arguments that decide which runs are found, and in which columns.
fn question(args: &Args) -> String {
    let names = ["experiments", "under", "filter", "order", "view", "group", "columns"];
    let parts: Vec<Option<&Value>> = names.iter().map(|name| args.get(*name)).collect();
    json!(parts).to_string()
}

fn read(call: &Call) -> Outcome<Reply> {
    let selection = call.shared.selections.get(call.args.need("handle")?)?;
    let group = call.args.whole("group").map(|group| {
        let found = usize::try_from(group).ok().zip(selection.groups.as_ref());
        let found = found.and_then(|(at, grouped)| grouped.groups.get(at));
        found.ok_or_else(|| Failure::invalid(format!("the list has no group {group}")))
    });
    answer(call.database(), &selection, group.transpose()?, bounds(&call.args)?)
}

fn position(call: &Call) -> Outcome<Reply> {
    let selection = call.shared.selections.get(call.args.need("handle")?)?;
    let run = queries::run_id(call.args.need("run")?)?;
    let row = match &selection.groups {
        None => selection.runs.iter().position(|id| *id == run),
        Some(grouped) => grouped.groups.iter().position(|group| group.runs.contains(&run)),
    };
    Ok(Reply::json(&Place { row }))
}

fn bounds(args: &Args) -> Outcome<Range<usize>> {
    let number = |name: &str, default: usize| match args.whole(name) {
        None => Ok(default),
        Some(given) => usize::try_from(given).map_err(|_| {
            Failure::invalid(format!("{name} is {given}: expected a number of rows, from 0"))
        }),
    };
    let (offset, limit) = (number("offset", 0)?, number("limit", WINDOW)?.min(WINDOW_MAX));
    Ok(offset..offset.saturating_add(limit))
}

/// Returns the part of a list within bounds that may be beyond its end.
fn part<'a, T>(all: &'a [T], bounds: &Range<usize>) -> &'a [T] {
    let end = bounds.end.min(all.len());
    all.get(bounds.start.min(end)..end).unwrap_or_default()
}

fn search(database: &Database, args: &Args) -> Outcome<RunSearch> {
    let view = match args.text("view") {
        None | Some("active") => View::ActiveOnly,
        Some("deleted") => View::DeletedOnly,
        Some("all") => View::All,
        Some(other) => {
            return Err(Failure::invalid(format!(
                "unknown view {other:?}: expected \"active\", \"deleted\" or \"all\""
            )));
        }
    };
    let mut search = RunSearch::new().filter(args.text_or_empty("filter")).view(view);
    let mut experiments = queries::experiment_ids(args, "experiments")?;
    let named = args.get("experiments").is_some_and(|given| !given.is_null());
    if let Some(under) = args.text("under") {
        let below = below(database, under)?;
        match named {
            true => experiments.retain(|id| below.contains(id)),
            false => experiments = below,
        }
        search = search.experiments(experiments);
    } else if named {
        search = search.experiments(experiments);
    }
    Ok(names::ordered(search, &args.texts("order")))
}

/// Returns the experiments at a path and in the folders below it.
fn below(database: &Database, path: &str) -> Outcome<Vec<ExperimentId>> {
    let path = path.trim_end_matches('/');
    let is_below = |other: &str| {
        let rest = other.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || path.is_empty())
    };
    let found = database.experiments()?.into_iter();
    Ok(found.filter(|info| is_below(&info.path)).map(|info| info.id).collect())
}

/// Groups the runs of a search, if the request asks for it.
fn groups(
    database: &Database,
    args: &Args,
    search: &RunSearch,
    columns: &[String],
) -> Outcome<Option<RunGroups>> {
    let keys = match args.get("group") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(word)) if word == "auto" => database.params_but_seeds(search)?,
        Some(Value::Array(keys)) if keys.iter().all(Value::is_string) => {
            let keys = keys.iter().filter_map(Value::as_str);
            keys.map(names::column).collect()
        }
        Some(other) => {
            return Err(Failure::invalid(format!(
                "group is {other}: expected null, \"auto\" or a list of columns"
            )));
        }
    };
    window::check(&keys)?;
    // The order is by columns too, which need not be shown.
    let order = args.texts("order").into_iter().map(names::column_of_order);
    let order: Vec<(String, bool)> = order.filter(|(name, _)| window::is_measure(name)).collect();
    let mut wanted: Vec<String> = columns.iter().map(|name| names::column(name)).collect();
    wanted.extend(order.iter().map(|(name, _)| name.clone()));
    let mut found = database.group_runs(search, &keys, &wanted)?;
    sort(&mut found, columns.len(), &order);
    Ok(Some(found))
}

/// Sorts groups by the means of the columns from `first` on. Groups without a mean come last.
fn sort(found: &mut RunGroups, first: usize, order: &[(String, bool)]) {
    let mean = |group: &RunGroup, at: usize| match group.columns.get(first + at) {
        Some(GroupColumn::Numbers(spread)) => spread.mean,
        _ => f64::NAN,
    };
    found.groups.sort_by(|left, right| {
        let compared = order.iter().enumerate().map(|(at, (_, is_descending))| {
            let (left, right) = (mean(left, at), mean(right, at));
            let sorted = left.partial_cmp(&right).map(|sorted| match is_descending {
                true => sorted.reverse(),
                false => sorted,
            });
            sorted.unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
        });
        compared.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
}

fn answer(
    database: &Database,
    selection: &Selection,
    group: Option<&RunGroup>,
    bounds: Range<usize>,
) -> Outcome<Reply> {
    window(database, selection, group, bounds)?.into_reply()
}

/// Returns a window of a selection or of one of its groups.
pub(super) fn window(
    database: &Database,
    selection: &Selection,
    group: Option<&RunGroup>,
    bounds: Range<usize>,
) -> Outcome<Frame> {
    let mut frame = match (&selection.groups, group) {
        (Some(grouped), None) => frame_of_groups(grouped, &selection.columns, &bounds),
        (_, group) => {
            let runs = group.map_or(&selection.runs, |group| &group.runs);
            window::frame(database, part(runs, &bounds), &selection.columns)?
        }
    };
    let groups = selection.groups.as_ref();
    frame.meta("handle", &selection.handle);
    frame.meta("total", group.map_or(selection.runs.len(), |group| group.runs.len()));
    frame.meta("position", selection.cursor.to_string());
    frame.meta("offset", bounds.start);
    frame.meta("group", groups.map_or(Value::Null, |groups| json!(groups.keys)));
    frame.meta("groups", groups.map_or(0, |groups| groups.groups.len()));
    Ok(frame)
}

fn frame_of_groups(grouped: &RunGroups, columns: &[String], bounds: &Range<usize>) -> Frame {
    let groups = part(&grouped.groups, bounds);
    let mut frame = Frame::new(groups.len());
    for at in 0..grouped.keys.len() {
        let values = groups.iter().map(|group| group.values.get(at).cloned().flatten());
        frame.dict(&format!("key{at}"), values);
    }
    let mut counts = |name: &str, count: fn(&RunGroup) -> usize| {
        let counts = groups.iter().map(count);
        frame.u32(name, counts.map(|count| u32::try_from(count).unwrap_or(u32::MAX)));
    };
    counts("runs", |group| group.runs.len());
    counts("running", |group| group.running);
    counts("failed", |group| group.failed);
    for (at, name) in columns.iter().enumerate() {
        add_spread(&mut frame, name, groups, at);
    }
    frame
}

fn add_spread(frame: &mut Frame, name: &str, groups: &[RunGroup], at: usize) {
    let is_number =
        |group: &RunGroup| matches!(group.columns.get(at), Some(GroupColumn::Numbers(_)));
    if !groups.iter().any(is_number) {
        let texts = groups.iter().map(|group| match group.columns.get(at) {
            Some(GroupColumn::Text(text)) => text.clone(),
            _ => None,
        });
        return frame.dict(name, texts);
    }
    for word in ["mean", "std", "min", "max"] {
        let numbers: Vec<Option<f64>> = groups
            .iter()
            .map(|group| match group.columns.get(at) {
                Some(GroupColumn::Numbers(spread)) if spread.count > 0 => Some(match word {
                    "mean" => spread.mean,
                    "std" => spread.deviation,
                    "min" => spread.min,
                    _ => spread.max,
                }),
                _ => None,
            })
            .collect();
        frame.f64_or_missing(&format!("{name}|{word}"), &numbers);
    }
}
