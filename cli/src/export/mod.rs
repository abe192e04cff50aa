//! `tracklite export`: runs, points, params, tags or datasets for other programs.
//!
//! The same columns and values in each format. In text, be it CSV or JSON lines, times are
//! RFC 3339 in UTC with nanoseconds, numbers the shortest text that reads back as the same number,
//! and what is no number `NaN`, `Infinity` or `-Infinity` (strings in JSON). What is missing is
//! null in JSON and nothing in CSV, where an empty text is `""`.

#[cfg(feature = "polars")]
mod frames;
mod new_file;
mod output;

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use self::output::Output;
use super::args::{ExportArgs, ExportFormat, ExportTable};
use super::columns::export_word;
use super::search::run_search;
use super::terminal::Terminal;
use super::{Exit, Outcome};
use tracklite::{Database, Error, ErrorKind, Result, RunSearch, Table};

/// Writes what was asked for to a file or to standard output.
pub(super) fn export(args: &ExportArgs, terminal: &mut Terminal) -> Outcome {
    let format = format_of(args)?;
    check(args, format)?;
    let database = Database::open_read_only(&args.file)?;
    let choice = &args.choice;
    let mut search = run_search(&database, &args.filter, choice)?;
    if let Some(limit) = choice.limit {
        search = search.max_results(limit);
    }
    if let Some(columns) = &args.columns {
        search = search.columns(named_columns(columns));
    }
    let mut out = Output::open(args.out.as_deref(), args.force, &args.file, terminal)?;
    let keys = distinct(args.keys.as_deref().unwrap_or_default());
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    if args.what == ExportTable::Metrics && is_text(format) {
        write_points(&database, &search, &keys, format, &mut out)?;
    } else {
        write(table(&database, &search, args.what, &keys)?, format, &mut out)?;
    }
    let flushed = out.flush();
    flushed.map_err(|source| out.error(source))?;
    out.finish()?;
    Ok(Exit::Good)
}

/// Reads what is exported of the runs that a search finds.
fn table(
    database: &Database,
    search: &RunSearch,
    what: ExportTable,
    keys: &[&str],
) -> Result<Table> {
    if what == ExportTable::Runs {
        return database.search_runs_table(search);
    }
    let runs = database.search_run_ids(search)?;
    match what {
        ExportTable::Runs | ExportTable::Metrics => database.history_table(&runs, keys),
        ExportTable::Params => database.params_table(&runs),
        ExportTable::Tags => database.tags_table(&runs),
        ExportTable::Datasets => database.datasets_table(&runs),
    }
}

fn write(table: Table, format: ExportFormat, out: &mut Output<'_>) -> Result<()> {
    let written = match format {
        ExportFormat::Csv => table.write_csv(out),
        ExportFormat::Jsonl => table.write_json_lines(out),
        #[cfg(feature = "polars")]
        ExportFormat::Parquet | ExportFormat::Arrow => return frames::write(table, format, out),
        // Refused before anything is opened.
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
    // The names of the columns, if the format has them apart from the rows.
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

/// The columns that are meant: the words of tables are understood too, and blanks after commas.
fn named_columns(names: &[String]) -> Vec<String> {
    let names = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
    names.map(|name| export_word(name).to_owned()).collect()
}

/// The keys, each once. One that begins or ends with a blank is meant as it is, or the blank
/// belongs to the comma beside it: of whichever is no key there are no points.
fn distinct(keys: &[String]) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for key in keys.iter().flat_map(|key| [key.trim(), key.as_str()]) {
        if !distinct.iter().any(|known| known == key) {
            distinct.push(key.to_owned());
        }
    }
    distinct
}

/// The format that was named, else the one by which the file's name ends, else CSV for standard
/// output.
fn format_of(args: &ExportArgs) -> Result<ExportFormat> {
    if let Some(format) = args.format {
        return Ok(format);
    }
    let Some(out) = &args.out else { return Ok(ExportFormat::Csv) };
    let ending = out.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "csv" => Ok(ExportFormat::Csv),
        "jsonl" | "ndjson" => Ok(ExportFormat::Jsonl),
        "parquet" => Ok(ExportFormat::Parquet),
        "arrow" | "ipc" | "feather" => Ok(ExportFormat::Arrow),
        _ => Err(not_so(out, "its name does not tell the format: say --format")),
    }
}

fn not_so(out: &Path, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, message).with_path(out)
}

/// Refuses what cannot be done, before anything is opened.
fn check(args: &ExportArgs, format: ExportFormat) -> Result<()> {
    let name = match format {
        ExportFormat::Csv | ExportFormat::Jsonl => "text",
        ExportFormat::Parquet => "Parquet",
        ExportFormat::Arrow => "Arrow IPC",
    };
    let refused = |message: String| Err(Error::new(ErrorKind::InvalidInput, message));
    if !is_text(format) && cfg!(not(feature = "polars")) {
        return refused(format!(
            "this program was built without {name}: install it with \
             cargo install tracklite-cli --features polars, or export to csv or jsonl"
        ));
    }
    if !is_text(format) && args.out.is_none() && std::io::stdout().is_terminal() {
        return refused(format!("{name} is not for a terminal: say -o FILE"));
    }
    if args.columns.is_some() && args.what != ExportTable::Runs {
        return refused("--columns is for runs".to_owned());
    }
    if args.keys.is_some() && args.what != ExportTable::Metrics {
        return refused("--keys is for metrics".to_owned());
    }
    Ok(())
}
