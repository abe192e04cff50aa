//! `tracklite export`: runs, points, params, tags or datasets for other programs.
//!
//! All formats have the same columns and values. CSV and JSON lines are written by
//! [`Table::write_csv`](tracklite::table::Table::write_csv) and
//! [`Table::write_json_lines`](tracklite::table::Table::write_json_lines).

#[cfg(feature = "polars")]
mod frames;
mod output;

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use tracklite::table::Table;
use tracklite::{Database, Error, ErrorKind, Result, RunSearch};

use self::output::Output;
use crate::args::{ExportArgs, ExportTable};
use crate::columns::export_name;
use crate::common_args::ExportFormat;
use crate::search::run_search;
use crate::terminal::Terminal;
use crate::{Exit, Outcome};

/// Writes a table to a file or to standard output.
pub(super) fn export(args: &ExportArgs, terminal: &mut Terminal) -> Outcome {
    let format = format_of(args.format, args.out.as_deref())?;
    check(args, format)?;
    let database = Database::open_read_only(&args.file.path)?;
    let selection = &args.selection;
    let mut search = run_search(&database, &args.filter, selection)?;
    if let Some(limit) = selection.limit {
        search = search.max_results(limit);
    }
    if let Some(columns) = &args.columns {
        search = search.columns(named_columns(columns));
    }
    let mut out = Output::open(args.out.as_deref(), args.force, &args.file.path, terminal)?;
    let keys = distinct(args.keys.as_deref().unwrap_or_default());
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    if args.table == ExportTable::Metrics && is_text(format) {
        write_points(&database, &search, &keys, format, &mut out)?;
    } else {
        write(read(&database, &search, args.table, &keys)?, format, &mut out)?;
    }
    let flushed = out.flush();
    flushed.map_err(|source| out.error(source))?;
    out.finish()?;
    Ok(Exit::Success)
}

/// Where and how a table is written.
pub(crate) struct Target<'a> {
    pub(crate) format: Option<ExportFormat>,
    pub(crate) out: Option<&'a Path>,
    pub(crate) force: bool,
    /// The database, which must not be replaced.
    pub(crate) database: &'a Path,
}

/// Writes a table that `read` returns to a file or to standard output.
pub(crate) fn write_table(
    target: &Target<'_>,
    read: impl FnOnce() -> Result<Table>,
    terminal: &mut Terminal,
) -> Outcome {
    let format = format_of(target.format, target.out)?;
    check_format(format, target.out)?;
    let table = read()?;
    let mut out = Output::open(target.out, target.force, target.database, terminal)?;
    write(table, format, &mut out)?;
    let flushed = out.flush();
    flushed.map_err(|source| out.error(source))?;
    out.finish()?;
    Ok(Exit::Success)
}

/// Reads the table to export, for the runs that a search finds.
fn read(
    database: &Database,
    search: &RunSearch,
    table: ExportTable,
    keys: &[&str],
) -> Result<Table> {
    if table == ExportTable::Runs {
        return database.runs_table(search);
    }
    let runs = database.search_run_ids(search)?;
    match table {
        ExportTable::Runs | ExportTable::Metrics => database.history_table(&runs, keys),
        ExportTable::Params => database.params_table(&runs),
        ExportTable::Tags => database.tags_table(&runs),
        ExportTable::Datasets => database.datasets_table(&runs),
    }
}

#[cfg_attr(
    not(feature = "polars"),
    expect(clippy::needless_pass_by_value, reason = "a data frame takes the table over")
)]
fn write(table: Table, format: ExportFormat, out: &mut Output<'_>) -> Result<()> {
    let written = match format {
        ExportFormat::Csv => table.write_csv(out),
        ExportFormat::Jsonl => table.write_json_lines(out),
        #[cfg(feature = "polars")]
        ExportFormat::Parquet | ExportFormat::Arrow => return frames::write(table, format, out),
        // `check` rejects these formats.
        #[cfg(not(feature = "polars"))]
        ExportFormat::Parquet | ExportFormat::Arrow => Ok(()),
    };
    written.map_err(|source| out.error(source))
}

/// Writes the points run by run, so that memory holds the points of one run only.
fn write_points(
    database: &Database,
    search: &RunSearch,
    keys: &[&str],
    format: ExportFormat,
    out: &mut Output<'_>,
) -> Result<()> {
    let runs = database.search_run_ids(search)?;
    // An empty table writes the line of names in CSV.
    write(database.history_table(&[], keys)?, format, out)?;
    runs.iter().try_for_each(|run| {
        let points = database.history_table(&[*run], keys)?;
        let written = match format {
            ExportFormat::Csv => points.write_csv_rows(out),
            _ => points.write_json_lines(out),
        };
        written.map_err(|source| out.error(source))
    })
}

fn is_text(format: ExportFormat) -> bool {
    matches!(format, ExportFormat::Csv | ExportFormat::Jsonl)
}

/// Returns the columns. Names in tables and blanks around commas are allowed.
fn named_columns(names: &[String]) -> Vec<String> {
    let names = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
    names.map(|name| export_name(name).to_owned()).collect()
}

/// Returns the keys, each once. A blank beside a comma may be part of a key, so both are keys: the
/// one that does not exist has no points.
fn distinct(keys: &[String]) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for key in keys.iter().flat_map(|key| [key.trim(), key.as_str()]) {
        if !distinct.iter().any(|known| known == key) {
            distinct.push(key.to_owned());
        }
    }
    distinct
}

/// Returns the requested format, or that of the file extension, or CSV for standard output.
fn format_of(format: Option<ExportFormat>, out: Option<&Path>) -> Result<ExportFormat> {
    if let Some(format) = format {
        return Ok(format);
    }
    let Some(out) = out else { return Ok(ExportFormat::Csv) };
    let extension = out.extension().and_then(|name| name.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "csv" => Ok(ExportFormat::Csv),
        "jsonl" | "ndjson" => Ok(ExportFormat::Jsonl),
        "parquet" => Ok(ExportFormat::Parquet),
        "arrow" | "ipc" | "feather" => Ok(ExportFormat::Arrow),
        _ => {
            let message = "unknown file extension: choose a format with --format";
            Err(Error::new(ErrorKind::InvalidInput, message).with_path(out))
        }
    }
}

/// Rejects a format that this program does not write, or not to a terminal.
fn check_format(format: ExportFormat, out: Option<&Path>) -> Result<()> {
    let name = match format {
        ExportFormat::Csv | ExportFormat::Jsonl => return Ok(()),
        ExportFormat::Parquet => "Parquet",
        ExportFormat::Arrow => "Arrow IPC",
    };
    let message = if cfg!(not(feature = "polars")) {
        format!(
            "this program was built without {name}: install it with \
             cargo install tracklite-cli --features polars, or export to csv or jsonl"
        )
    } else if out.is_none() && std::io::stdout().is_terminal() {
        format!("{name} cannot be printed to a terminal: use -o FILE")
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::InvalidInput, message))
}

/// Rejects invalid combinations of arguments before any file is opened.
fn check(args: &ExportArgs, format: ExportFormat) -> Result<()> {
    check_format(format, args.out.as_deref())?;
    let refused = |message: String| Err(Error::new(ErrorKind::InvalidInput, message));
    if args.columns.is_some() && args.table != ExportTable::Runs {
        return refused("--columns is only for runs".to_owned());
    }
    if args.keys.is_some() && args.table != ExportTable::Metrics {
        return refused("--keys is only for metrics".to_owned());
    }
    Ok(())
}
