//! `tracklite view`: saved views, which a team shares.

use std::io;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};
use tracklite::view::SavedView;
use tracklite::{Database, Error, ErrorKind};

use crate::common_args::{FileArg, FileArgs, JsonFlag};
use crate::json;
use crate::table::Table;
use crate::terminal::Terminal;
use crate::{Exit, Outcome, text};

/// Means that the state is read from standard input.
const STANDARD_INPUT: &str = "-";

#[derive(Debug, Subcommand)]
pub(crate) enum ViewCommand {
    /// List views
    Ls(FileArgs),
    /// Print the state of a view
    Show(ShowArgs),
    /// Save a view, or replace the revision that --expects names
    Save(SaveArgs),
    /// Remove a view permanently
    Rm(RemoveArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    file: FileArg,
    /// Name of the view
    name: String,
    #[command(flatten)]
    output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct SaveArgs {
    #[command(flatten)]
    file: FileArg,
    /// Name of the view
    name: String,
    /// State as a JSON object, or - to read it from standard input
    state: String,
    /// Revision to replace, as in `view ls` [default: the view must be new]
    #[arg(long, short, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    expects: u64,
    /// User who saves the view [default: you]
    #[arg(long, short, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    #[command(flatten)]
    file: FileArg,
    /// Name of the view
    name: String,
    /// Revision to remove, as in `view ls` [default: the present one]
    #[arg(long, short, value_name = "REVISION")]
    expects: Option<u64>,
    /// User who removes the view [default: you]
    #[arg(long, short, value_name = "NAME")]
    user: Option<String>,
}

#[derive(Serialize)]
struct ViewObject<'a> {
    name: &'a str,
    state: Map<String, Value>,
    user_id: &'a str,
    revision: u64,
    creation_time: i64,
    last_updated_time: i64,
}

impl<'a> ViewObject<'a> {
    fn new(view: &'a SavedView) -> Result<Self, Error> {
        let state = serde_json::from_str(&view.state).map_err(|error| {
            let message = format!("the state of view {:?} is not a JSON object", view.name);
            Error::new(ErrorKind::InvalidState, message).with_source(error)
        })?;
        Ok(ViewObject {
            name: &view.name,
            state,
            user_id: &view.author,
            revision: view.revision,
            creation_time: view.created.as_millis(),
            last_updated_time: view.updated.as_millis(),
        })
    }
}

/// Runs a command for saved views.
pub(crate) fn view(command: &ViewCommand, terminal: &mut Terminal) -> Outcome {
    match command {
        ViewCommand::Ls(args) => list(args, terminal),
        ViewCommand::Show(args) => show(args, terminal),
        ViewCommand::Save(args) => save(args, terminal),
        ViewCommand::Rm(args) => remove(args, terminal),
    }
}

fn list(args: &FileArgs, terminal: &mut Terminal) -> Outcome {
    let views = Database::open_read_only(&args.file.path)?.views()?;
    if args.output.json {
        json::print_array(terminal, views.iter().map(|view| Ok(ViewObject::new(view)?)))?;
        return Ok(Exit::Success);
    }
    if views.is_empty() {
        terminal.line("no views")?;
        return Ok(Exit::Success);
    }
    let mut table = Table::default();
    table.long_text("name", 20, views.iter().map(|view| &view.name));
    table.long_text("author", 12, views.iter().map(|view| &view.author));
    table.numbers("revision", views.iter().map(|view| view.revision.to_string()));
    table.words("saved (UTC)", views.iter().map(|view| text::date(view.updated)));
    table.print(terminal)?;
    Ok(Exit::Success)
}

fn show(args: &ShowArgs, terminal: &mut Terminal) -> Outcome {
    let view = Database::open_read_only(&args.file.path)?.view(&args.name)?;
    match args.output.json {
        true => json::print(terminal, &ViewObject::new(&view)?)?,
        false => terminal.line(&view.state)?,
    }
    Ok(Exit::Success)
}

fn save(args: &SaveArgs, terminal: &mut Terminal) -> Outcome {
    let state = match args.state.as_str() {
        STANDARD_INPUT => io::read_to_string(io::stdin())
            .map_err(|error| Error::io("reading the state from standard input", error))?,
        given => given.to_owned(),
    };
    let database = Database::open(&args.file.path)?;
    let view = match &args.user {
        Some(user) => database.save_view_as(user, &args.name, &state, args.expects)?,
        None => database.save_view(&args.name, &state, args.expects)?,
    };
    database.close()?;
    match args.output.json {
        true => json::print(terminal, &ViewObject::new(&view)?)?,
        false => terminal.line(&format!("view {:?} has revision {}", view.name, view.revision))?,
    }
    Ok(Exit::Success)
}

fn remove(args: &RemoveArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open(&args.file.path)?;
    let expects = match args.expects {
        Some(expects) => expects,
        None => database.view(&args.name)?.revision,
    };
    match &args.user {
        Some(user) => database.delete_view_as(user, &args.name, expects)?,
        None => database.delete_view(&args.name, expects)?,
    }
    database.close()?;
    terminal.line(&format!("view {:?} is removed", args.name))?;
    Ok(Exit::Success)
}
