//! `tracklite info`: what the file holds.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tracklite::upkeep::DatabaseInfo;
use tracklite::{Database, Timestamp};

use crate::args::FileArgs;
use crate::table::{Cell, Table};
use crate::terminal::{Style, Terminal};
use crate::{Exit, Failure, Outcome, json, text};

#[derive(Serialize)]
struct InfoObject<'a> {
    path: &'a Path,
    file_id: String,
    format_version: u16,
    file_bytes: u64,
    allocated_bytes: u64,
    chain_bytes: u64,
    unsealed_bytes: u64,
    creation_time: i64,
    experiments: u64,
    runs: u64,
    points: u64,
    writers: Vec<WriterObject<'a>>,
    index_path: Option<&'a PathBuf>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct WriterObject<'a> {
    process: u32,
    host: &'a str,
    opened_time: i64,
    is_alive: bool,
}

impl<'a> From<&'a DatabaseInfo> for InfoObject<'a> {
    fn from(info: &'a DatabaseInfo) -> Self {
        let writers = info.writers.iter().map(|writer| WriterObject {
            process: writer.process,
            host: &writer.host,
            opened_time: writer.opened.as_millis(),
            is_alive: writer.alive,
        });
        InfoObject {
            path: &info.path,
            file_id: format!("{:032x}", info.file_id),
            format_version: info.format_version,
            file_bytes: info.file_bytes,
            allocated_bytes: info.allocated_bytes,
            chain_bytes: info.chain_bytes,
            unsealed_bytes: info.unsealed_bytes,
            creation_time: info.created.as_millis(),
            experiments: info.experiments,
            runs: info.runs,
            points: info.points,
            writers: writers.collect(),
            index_path: info.index_path.as_ref(),
            warnings: &info.warnings,
        }
    }
}

/// Prints what the file holds, its size and its writers.
pub(crate) fn info(args: &FileArgs, terminal: &mut Terminal) -> Outcome {
    let info = Database::open_read_only(&args.file.path)?.info()?;
    if args.output.json {
        json::print(terminal, &InfoObject::from(&info))?;
    } else {
        print_info(&info, terminal)?;
    }
    Ok(Exit::Success)
}

fn print_info(info: &DatabaseInfo, terminal: &mut Terminal) -> Result<(), Failure> {
    let index = info.index_path.as_ref();
    let index = index.map_or("in memory".to_owned(), |path| path.display().to_string());
    let size = format!(
        "{} on disk, {} long",
        text::bytes(info.allocated_bytes),
        text::bytes(info.file_bytes)
    );
    let parts = format!(
        "{} metadata, {} points that are not packed yet",
        text::bytes(info.chain_bytes),
        text::bytes(info.unsealed_bytes)
    );
    let alive = info.writers.iter().filter(|writer| writer.alive).count();
    let facts = [
        ("file", info.path.display().to_string()),
        ("file id", format!("{:032x}", info.file_id)),
        ("format", format!("version {}", info.format_version)),
        ("created", format!("{} UTC", text::date(info.created))),
        ("experiments", text::count(info.experiments)),
        ("runs", text::count(info.runs)),
        ("points", text::count(info.points)),
        ("size", size),
        ("of which", parts),
        ("index", index),
        ("writers", format!("{alive} alive")),
    ];
    let mut table = Table::default();
    table.words("", facts.iter().map(|fact| fact.0));
    table.whole_text(facts.iter().map(|fact| &fact.1));
    table.print(terminal)?;
    print_writers(info, terminal)?;
    for warning in &info.warnings {
        let word = terminal.paint(Style::Warning, "warning").into_owned();
        terminal.line(&format!("{word}: {}", text::printable(warning)))?;
    }
    Ok(())
}

fn print_writers(info: &DatabaseInfo, terminal: &mut Terminal) -> Result<(), Failure> {
    if info.writers.is_empty() {
        return Ok(());
    }
    let now = Timestamp::now();
    let writers = || info.writers.iter();
    let mut table = Table::indented(2);
    table.numbers("process", writers().map(|writer| writer.process.to_string()));
    table.long_text("host", 12, writers().map(|writer| &writer.host));
    table.numbers("open for", writers().map(|writer| text::age(writer.opened, now)));
    table.words(
        "state",
        writers().map(|writer| match writer.alive {
            true => Cell::styled(Style::Good, "alive"),
            false => Cell::styled(Style::Bad, "dead"),
        }),
    );
    table.print(terminal)?;
    Ok(())
}
