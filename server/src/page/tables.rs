//! Stored tables: their columns, their versions, and their rows by window.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklite::ErrorKind;
use tracklite::table::{
    Column, List, StoredTable, StoredTableInfo, TableColumn, TableWrite, Value,
};
use utoipa::ToSchema;

use super::frame::{FRAME_TYPE, Frame};
use crate::access::Scope;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, flag, whole};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/tables",
        needs: Scope::Read,
        takes: &[],
        returns: shape::<Listing>(),
        handler: list,
    },
    Route {
        method: Verb::Get,
        path: "/tables/{name}",
        needs: Scope::Read,
        takes: &[],
        returns: shape::<Whole>(),
        handler: get,
    },
    Route {
        method: Verb::Get,
        path: "/tables/{name}/rows",
        needs: Scope::Read,
        takes: &[whole("version"), whole("offset"), whole("limit"), flag("newest")],
        returns: shape::<Nothing>().sent_as(FRAME_TYPE),
        handler: rows,
    },
];

/// The rows of a window, by default and at most.
const WINDOW: usize = 200;
const WINDOW_MAX: usize = 1000;
/// The columns of a window at most. Others are read by programs.
const COLUMNS_MAX: usize = 200;
/// A table to which more rows were written is not read for a window, because a window reads it
/// as a whole.
const ROWS_MAX: u64 = 2_000_000;
/// The versions that the page shows.
const WRITES_MAX: usize = 1000;
/// A longer text of a cell is cut.
const TEXT_MAX: usize = 2000;
/// The numbers of a list that a cell shows.
const NUMBERS_MAX: usize = 16;
const DAY_MILLIS: f64 = 86_400_000.0;

/// All tables.
#[derive(Serialize, ToSchema)]
#[schema(as = PageTables)]
struct Listing {
    tables: Vec<Line>,
}

/// A table.
#[derive(Serialize, ToSchema)]
#[schema(as = PageTable)]
struct Line {
    name: String,
    description: Option<String>,
    owner: String,
    created: i64,
    updated: i64,
    /// The number of the last write.
    version: u64,
    key: Vec<String>,
    timestamp: Option<String>,
    columns: Vec<Shown>,
    tags: BTreeMap<String, String>,
}

/// A column.
#[derive(Serialize, ToSchema)]
#[schema(as = PageTableColumn)]
struct Shown {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    comment: Option<String>,
}

/// A table with its versions.
#[derive(Serialize, ToSchema)]
#[schema(as = PageTableVersions)]
struct Whole {
    table: Line,
    /// The newest writes, newest first.
    writes: Vec<Write>,
}

/// A write: a version.
#[derive(Serialize, ToSchema)]
#[schema(as = PageTableWrite)]
struct Write {
    version: u64,
    time: i64,
    user: String,
    mode: &'static str,
    rows: u64,
}

fn line(info: &StoredTableInfo) -> Line {
    let column = |column: &TableColumn| Shown {
        name: column.name.clone(),
        kind: column.kind.as_str(),
        comment: column.comment.clone(),
    };
    Line {
        name: info.name.clone(),
        description: info.state.description.clone(),
        owner: info.state.owner.clone(),
        created: info.created.as_millis(),
        updated: info.updated.as_millis(),
        version: info.version,
        key: info.state.primary_key.clone(),
        timestamp: info.state.timestamp.clone(),
        columns: info.state.columns.iter().map(column).collect(),
        tags: info.state.tags.clone(),
    }
}

fn list(call: &Call) -> Outcome<Reply> {
    let tables = call.database().tables().list("")?;
    Ok(Reply::json(&Listing { tables: tables.iter().map(line).collect() }))
}

fn asked(call: &Call) -> Outcome<StoredTable> {
    let name = call.args.need("name")?;
    call.database().tables().get(name).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::missing(error.message()),
        _ => error.into(),
    })
}

fn get(call: &Call) -> Outcome<Reply> {
    let table = asked(call)?;
    let write = |write: &TableWrite| Write {
        version: write.version,
        time: write.time.as_millis(),
        user: write.author.clone(),
        mode: write.mode.as_str(),
        rows: write.rows,
    };
    let writes = table.writes()?;
    let writes = writes.iter().rev().take(WRITES_MAX).map(write).collect();
    Ok(Reply::json(&Whole { table: line(&table.info()?), writes }))
}

/// Returns an argument that is a number from zero.
fn number(call: &Call, name: &str) -> Outcome<Option<u64>> {
    let Some(given) = call.args.whole(name) else { return Ok(None) };
    u64::try_from(given)
        .map(Some)
        .map_err(|_| Failure::invalid(format!("{name} is {given}: expected a number from 0")))
}

/// Answers with a window of the rows of a version, in the order of the table, or from its end.
fn rows(call: &Call) -> Outcome<Reply> {
    let table = asked(call)?;
    let info = table.info()?;
    let version = number(call, "version")?.unwrap_or(info.version);
    let offset = number(call, "offset")?.and_then(|from| usize::try_from(from).ok()).unwrap_or(0);
    let limit = number(call, "limit")?.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(WINDOW).clamp(1, WINDOW_MAX);
    check_size(&table, version)?;
    let columns: Vec<&TableColumn> = info.state.columns.iter().take(COLUMNS_MAX).collect();
    let names = columns.iter().map(|column| column.name.clone());
    let read = table.read().columns(names).version(version).table()?;
    let total = read.len();
    let is_newest = call.args.flag("newest") == Some(true);
    let place = |row: usize| if is_newest { total - 1 - row } else { row };
    let places: Vec<usize> = (offset..total.min(offset.saturating_add(limit))).map(place).collect();
    let mut frame = Frame::new(places.len());
    frame.meta("total", total);
    frame.meta("offset", offset);
    frame.meta("version", version);
    frame.meta("left_out", info.state.columns.len() - columns.len());
    for column in columns {
        add(&mut frame, &column.name, read.column(&column.name), &places);
    }
    frame.into_reply()
}

/// Refuses a table that is too large to be read for a page.
fn check_size(table: &StoredTable, version: u64) -> Outcome<()> {
    let writes = table.writes()?;
    let written = writes.iter().filter(|write| write.version <= version);
    let rows: u64 = written.map(|write| write.rows).sum();
    if rows <= ROWS_MAX {
        return Ok(());
    }
    Err(Failure::invalid(format!(
        "{rows} rows were written to the table, a page shows tables of at most {ROWS_MAX}: read it \
         with `tracklite tables read`"
    )))
}

/// Adds the values of some rows. Numbers stay numbers if a browser can hold them exactly.
fn add(frame: &mut Frame, name: &str, column: Option<&Column>, places: &[usize]) {
    let Some(column) = column else { return };
    let values = places.iter().map(|place| column.value(*place));
    match column {
        Column::Float(_) | Column::Time(_) | Column::Date(_) => {
            let numbers: Vec<Option<f64>> = values.map(real).collect();
            frame.f64_or_missing(name, &numbers);
        }
        _ => frame.dict(name, values.map(text)),
    }
}

/// Returns a number. Times and dates are milliseconds.
fn real(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Float(number) => Some(number),
        Value::Time(time) => Some(time.as_nanos() as f64 / 1e6),
        Value::Date(days) => Some(f64::from(days) * DAY_MILLIS),
        _ => None,
    }
}

fn text(value: Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some(cut(text)),
        Value::Integer(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Bytes(bytes) => Some(format!("{} bytes", bytes.len())),
        Value::List(list) => Some(listed(list)),
        other => real(other).map(|number| number.to_string()),
    }
}

fn listed(list: List<'_>) -> String {
    let items = list.items().take(NUMBERS_MAX).filter_map(text);
    let mut items: Vec<String> = items.collect();
    if list.len() > NUMBERS_MAX {
        items.push(format!("\u{2026} {} in all", list.len()));
    }
    format!("[{}]", items.join(", "))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}\u{2026}", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
