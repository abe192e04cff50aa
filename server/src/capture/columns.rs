//! Rows of requests as columns.

use tracklite::Result;
use tracklite::table::{Column, ColumnType, StoredTable, Table, TableColumn, Texts, Values};

use super::entry::Entry;
use super::parsed::{Cell, Parsed};
use super::texts::Texts as Bodies;

/// The nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;

/// A row: the facts of a request, the texts of its bodies, and its values.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) entry: Entry,
    pub(super) bodies: Bodies,
    pub(super) parsed: Parsed,
}

/// Returns rows as columns of a table, which gets those that it lacks.
pub(super) fn columns(table: &StoredTable, lines: &[Line]) -> Result<Table> {
    let mut all = Table::new();
    for (name, column) in facts(lines) {
        all.add_column(name, column)?;
    }
    for (name, kind) in named(table, lines)? {
        let cells = lines.iter().map(|line| {
            let mut cells = line.parsed.cells.iter();
            let is_own = |(own, cell): &&(String, Cell)| {
                cell.kind() == kind && (*own == name || typed(own, kind) == name)
            };
            cells.find(is_own).map(|(_, cell)| cell)
        });
        all.add_column(name.clone(), column(kind, cells))?;
    }
    Ok(all)
}

/// Returns the name that a column has if its name is taken by one of another type.
fn typed(name: &str, kind: ColumnType) -> String {
    format!("{name}_{kind}")
}

/// Returns the columns for the values of rows. Adds those that the table lacks.
fn named(table: &StoredTable, lines: &[Line]) -> Result<Vec<(String, ColumnType)>> {
    let mut wanted: Vec<(&str, ColumnType)> = Vec::new();
    for (name, cell) in lines.iter().flat_map(|line| &line.parsed.cells) {
        let pair = (name.as_str(), cell.kind());
        if !wanted.contains(&pair) {
            wanted.push(pair);
        }
    }
    let mut known = table.info()?.state.columns;
    if !wanted.iter().all(|(name, kind)| place(&known, name, *kind).is_some()) {
        let add = |columns: &mut Vec<TableColumn>| {
            for (name, kind) in &wanted {
                if place(columns, name, *kind).is_none() {
                    let is_free = columns.iter().all(|column| column.name != *name);
                    let name = if is_free { (*name).to_owned() } else { typed(name, *kind) };
                    columns.push(TableColumn { name, kind: *kind, comment: None });
                }
            }
        };
        known = table.update(|state| add(&mut state.columns))?.state.columns;
    }
    let found = wanted.iter().filter_map(|(name, kind)| {
        let column = known.get(place(&known, name, *kind)?)?;
        Some((column.name.clone(), *kind))
    });
    Ok(found.collect())
}

/// Returns the place of the column for values of a name and a type.
fn place(columns: &[TableColumn], name: &str, kind: ColumnType) -> Option<usize> {
    let is_own = |column: &TableColumn, name: &str| column.name == name && column.kind == kind;
    columns.iter().position(|column| is_own(column, name) || is_own(column, &typed(name, kind)))
}

fn column<'a>(kind: ColumnType, cells: impl Iterator<Item = Option<&'a Cell>>) -> Column {
    let mut column = Column::empty(kind);
    for cell in cells {
        match (&mut column, cell) {
            (Column::Bool(to), cell) => to.push(match cell {
                Some(Cell::Truth(is_true)) => Some(*is_true),
                _ => None,
            }),
            (Column::Integer(to), cell) => to.push(match cell {
                Some(Cell::Whole(number)) => Some(*number),
                _ => None,
            }),
            (Column::Float(to), cell) => to.push(match cell {
                Some(Cell::Number(number)) => Some(*number),
                _ => None,
            }),
            (Column::Text(to), cell) => to.push(match cell {
                Some(Cell::Text(text)) => Some(text),
                _ => None,
            }),
            (Column::Floats(to), cell) => to.push(match cell {
                Some(Cell::Numbers(numbers)) => Some(numbers),
                _ => None,
            }),
            // No cell has another type.
            _ => {}
        }
    }
    column
}

/// Returns the columns that each table of requests has.
fn facts(lines: &[Line]) -> [(&'static str, Column); 20] {
    let text = |of: &dyn Fn(&Line) -> Option<&str>| -> Column {
        let texts: Texts = lines.iter().map(of).collect();
        texts.into()
    };
    let whole = |of: &dyn Fn(&Line) -> Option<i64>| -> Column {
        let values: Values<i64> = lines.iter().map(of).collect();
        values.into()
    };
    let micros = |line: &Line| line.entry.micros.map(|micros| signed(micros.into()));
    let fraction = |line: &Line| Some(f64::from(line.entry.capture.percent) / 100.0);
    let day = |line: &Line| i32::try_from(line.entry.time.div_euclid(DAY)).ok();
    [
        ("request_date", Column::Date(lines.iter().map(day).collect())),
        ("databricks_request_id", text(&|line| Some(&line.entry.request.id))),
        ("client_request_id", text(&|line| line.bodies.client_request_id.as_deref())),
        ("request_time", Column::Time(lines.iter().map(|line| Some(line.entry.time)).collect())),
        ("status_code", whole(&|line| Some(line.entry.status.into()))),
        ("sampling_fraction", Column::Float(lines.iter().map(fraction).collect())),
        ("execution_duration_ms", whole(&|line| micros(line).map(|micros| micros / 1000))),
        ("request", text(&|line| Some(&line.bodies.request))),
        ("response", text(&|line| Some(&line.bodies.response))),
        ("logging_error_codes", text(&|line| line.bodies.codes.as_deref())),
        ("served_entity_id", text(&|line| Some(&line.entry.entity))),
        ("requester", text(&|line| Some(&line.entry.request.user))),
        ("endpoint_name", text(&|line| Some(&line.entry.endpoint))),
        ("model_name", text(&|line| Some(&line.entry.model))),
        ("model_version", whole(&|line| Some(signed(line.entry.version.into())))),
        ("is_shadow", Column::Bool(lines.iter().map(|line| Some(line.entry.is_shadow)).collect())),
        ("total_duration_us", whole(&|line| Some(signed(line.entry.took.as_micros())))),
        ("execution_duration_us", whole(&micros)),
        ("input_rows", whole(&|line| line.parsed.rows)),
        ("features", text(&|line| line.entry.features.as_deref())),
    ]
}

/// Returns a count as a number of the table. Larger ones do not occur.
fn signed(number: u128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
