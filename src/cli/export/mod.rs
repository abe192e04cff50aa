//! `tracklite export`: runs, points, params, tags or datasets for other programs.
//!
//! The same columns and values in each format. In text, be it CSV or JSON lines, times are
//! RFC 3339 in UTC with nanoseconds, numbers the shortest text that reads back as the same number,
//! and what is no number `NaN`, `Infinity` or `-Infinity` (strings in JSON). What is missing is
//! null in JSON and nothing in CSV, where an empty text is `""`.

#[cfg(any(feature = "parquet", feature = "ipc"))]
mod frames;
mod output;
mod text;

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use self::output::Output;
use self::text::TextRows;
use super::args::{ExportArgs, ExportFormat, ExportTable};
use super::columns::export_word;
use super::search::run_search;
use super::terminal::Terminal;
use super::{Exit, Failure, Outcome};
use crate::run::rows::RowsOf;
use crate::{Database, Error, ErrorKind, Result, RunSearch};

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
    let keys = distinct(args.keys.as_deref().unwrap_or_default());
    let columns = args.columns.as_deref().map(named_columns);
    let what = match args.what {
        ExportTable::Runs => RowsOf::Runs(columns.as_deref()),
        ExportTable::Metrics => RowsOf::Metrics(&keys),
        ExportTable::Params => RowsOf::Params,
        ExportTable::Tags => RowsOf::Tags,
        ExportTable::Datasets => RowsOf::Datasets,
    };
    let mut out = Output::open(args.out.as_deref(), args.force, &args.file, terminal)?;
    write(&database, &search, what, format, &mut out)?;
    out.finish()?;
    Ok(Exit::Good)
}

fn write(
    database: &Database,
    search: &RunSearch,
    what: RowsOf<'_>,
    format: ExportFormat,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    match format {
        ExportFormat::Csv | ExportFormat::Jsonl => {
            let mut rows = match format {
                ExportFormat::Csv => TextRows::csv(out),
                _ => TextRows::lines(out),
            };
            database.write_rows(search, what, &mut rows)?;
        }
        #[cfg(any(feature = "parquet", feature = "ipc"))]
        ExportFormat::Parquet | ExportFormat::Arrow => {
            frames::write(database, search, what, format, out)?;
        }
        // Refused before anything is opened.
        #[cfg(not(any(feature = "parquet", feature = "ipc")))]
        ExportFormat::Parquet | ExportFormat::Arrow => {}
    }
    let flushed = out.flush();
    Ok(flushed.map_err(|source| out.error(source))?)
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
    let (name, feature, is_built) = match format {
        ExportFormat::Csv | ExportFormat::Jsonl => ("text", "cli", true),
        ExportFormat::Parquet => ("Parquet", "parquet", cfg!(feature = "parquet")),
        ExportFormat::Arrow => ("Arrow IPC", "ipc", cfg!(feature = "ipc")),
    };
    let refused = |message: String| Err(Error::new(ErrorKind::InvalidInput, message));
    if !is_built {
        return refused(format!(
            "this program was built without {name}: build it with the feature {feature}, such as \
             cargo install tracklite --features {feature}"
        ));
    }
    let is_binary = matches!(format, ExportFormat::Parquet | ExportFormat::Arrow);
    if is_binary && args.out.is_none() && std::io::stdout().is_terminal() {
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
