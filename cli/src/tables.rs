//! `tracklite tables`: stored tables, such as features and inference logs.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklite::Database;
use tracklite::table::{StoredTable, StoredTableInfo, TableColumn, TableWrite};

use crate::common_args::FileArgs;
use crate::export::{Target, write_table};
use crate::json;
use crate::table::Table;
use crate::tables_args::{NameArgs, ReadArgs, TablesCommand};
use crate::terminal::Terminal;
use crate::{Exit, Outcome, text};

#[derive(Serialize)]
struct TableObject<'a> {
    name: &'a str,
    table_id: String,
    owner: &'a str,
    description: Option<&'a str>,
    columns: Vec<ColumnObject<'a>>,
    primary_key: &'a [String],
    timestamp: Option<&'a str>,
    tags: &'a BTreeMap<String, String>,
    version: u64,
    creation_time: i64,
    last_updated_time: i64,
}

#[derive(Serialize)]
struct ColumnObject<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    comment: Option<&'a str>,
}

#[derive(Serialize)]
struct WriteObject<'a> {
    version: u64,
    time: i64,
    user_id: &'a str,
    mode: &'static str,
    rows: u64,
}

impl<'a> WriteObject<'a> {
    fn new(write: &'a TableWrite) -> Self {
        WriteObject {
            version: write.version,
            time: write.time.as_millis(),
            user_id: &write.author,
            mode: write.mode.as_str(),
            rows: write.rows,
        }
    }
}

impl<'a> TableObject<'a> {
    fn new(info: &'a StoredTableInfo) -> Self {
        let column = |column: &'a TableColumn| ColumnObject {
            name: &column.name,
            kind: column.kind.as_str(),
            comment: column.comment.as_deref(),
        };
        TableObject {
            name: &info.name,
            table_id: info.id.to_string(),
            owner: &info.state.owner,
            description: info.state.description.as_deref(),
            columns: info.state.columns.iter().map(column).collect(),
            primary_key: &info.state.primary_key,
            timestamp: info.state.timestamp.as_deref(),
            tags: &info.state.tags,
            version: info.version,
            creation_time: info.created.as_millis(),
            last_updated_time: info.updated.as_millis(),
        }
    }
}

/// Runs a command for stored tables.
pub(crate) fn tables(command: &TablesCommand, terminal: &mut Terminal) -> Outcome {
    match command {
        TablesCommand::Ls(args) => list(args, terminal),
        TablesCommand::Show(args) => show(args, terminal),
        TablesCommand::History(args) => history(args, terminal),
        TablesCommand::Read(args) => read(args, terminal),
        TablesCommand::Compact(args) => change(args, terminal, "compacted", StoredTable::compact),
        TablesCommand::Forget(args) => {
            let forget = |table: &StoredTable| table.remove_history(args.before);
            change(&args.table, terminal, "without its history", forget)
        }
        TablesCommand::Drop(args) => change(args, terminal, "dropped", StoredTable::drop),
    }
}

fn list(args: &FileArgs, terminal: &mut Terminal) -> Outcome {
    let tables = Database::open_read_only(&args.file.path)?.tables().list("")?;
    if args.output.json {
        json::print_array(terminal, tables.iter().map(|info| Ok(TableObject::new(info))))?;
        return Ok(Exit::Success);
    }
    if tables.is_empty() {
        terminal.line("no tables")?;
        return Ok(Exit::Success);
    }
    let mut table = Table::default();
    table.long_text("name", 24, tables.iter().map(|info| &info.name));
    table.long_text("key", 12, tables.iter().map(|info| info.state.primary_key.join(", ")));
    table.numbers("columns", tables.iter().map(|info| info.state.columns.len().to_string()));
    table.numbers("version", tables.iter().map(|info| info.version.to_string()));
    table.words("changed (UTC)", tables.iter().map(|info| text::date(info.updated)));
    table.print(terminal)?;
    Ok(Exit::Success)
}

fn show(args: &NameArgs, terminal: &mut Terminal) -> Outcome {
    let info = Database::open_read_only(&args.file.path)?.tables().get(&args.name)?.info()?;
    if args.output.json {
        json::print(terminal, &TableObject::new(&info))?;
        return Ok(Exit::Success);
    }
    if let Some(description) = &info.state.description {
        terminal.line(description)?;
    }
    let role = |name: &String| match () {
        () if info.state.primary_key.contains(name) => "key",
        () if info.state.timestamp.as_ref() == Some(name) => "timestamp",
        () => "",
    };
    let columns = &info.state.columns;
    let mut table = Table::default();
    table.long_text("column", 20, columns.iter().map(|column| &column.name));
    table.words("type", columns.iter().map(|column| column.kind.as_str().to_owned()));
    table.words("role", columns.iter().map(|column| role(&column.name).to_owned()));
    let comments = columns.iter().map(|column| column.comment.clone().unwrap_or_default());
    table.long_text("comment", 20, comments);
    table.print(terminal)?;
    Ok(Exit::Success)
}

fn history(args: &NameArgs, terminal: &mut Terminal) -> Outcome {
    let writes = Database::open_read_only(&args.file.path)?.tables().get(&args.name)?.writes()?;
    if args.output.json {
        json::print_array(terminal, writes.iter().map(|write| Ok(WriteObject::new(write))))?;
        return Ok(Exit::Success);
    }
    let mut table = Table::default();
    table.numbers("version", writes.iter().map(|write| write.version.to_string()));
    table.words("mode", writes.iter().map(|write| write.mode.as_str().to_owned()));
    table.numbers("rows", writes.iter().map(|write| write.rows.to_string()));
    table.long_text("user", 12, writes.iter().map(|write| &write.author));
    table.words("written (UTC)", writes.iter().map(|write| text::date(write.time)));
    table.print(terminal)?;
    Ok(Exit::Success)
}

fn read(args: &ReadArgs, terminal: &mut Terminal) -> Outcome {
    let table = Database::open_read_only(&args.file.path)?.tables().get(&args.name)?;
    let mut read = table.read();
    if let Some(columns) = &args.columns {
        read = read.columns(columns.iter().map(|name| name.trim()));
    }
    if let Some(version) = args.version {
        read = read.version(version);
    }
    let target = Target {
        format: args.format,
        out: args.out.as_deref(),
        force: args.force,
        database: &args.file.path,
    };
    write_table(&target, || read.table(), terminal)
}

fn change(
    args: &NameArgs,
    terminal: &mut Terminal,
    done: &str,
    act: impl Fn(&StoredTable) -> tracklite::Result<()>,
) -> Outcome {
    let database = Database::open(&args.file.path)?;
    act(&database.tables().get(&args.name)?)?;
    database.close()?;
    match args.output.json {
        true => json::print(terminal, &serde_json::json!({ "name": args.name, "done": done }))?,
        false => terminal.line(&format!("table {:?} is {done}", args.name))?,
    }
    Ok(Exit::Success)
}
