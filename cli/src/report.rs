//! `tracklite report`: a view in one HTML file, which opens without a server.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use tracklite::{Database, Error};

use crate::common_args::FileArg;
use crate::new_file::NewFile;
use crate::terminal::Terminal;
use crate::{Exit, Outcome};

/// The state of a view that shows all runs.
const EVERYTHING: &str = "{}";

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    file: FileArg,
    /// Name of a saved view, as in `view ls` [default: all runs]
    #[arg(long, value_name = "NAME")]
    view: Option<String>,
    /// Write to this file, which appears only when it is complete
    #[arg(long, short, value_name = "OUT", default_value = "report.html")]
    out: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// Writes a report.
pub(crate) fn report(args: &ReportArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open_read_only(&args.file.path)?;
    let (name, state) = match &args.view {
        Some(name) => (name.as_str(), database.view(name)?.state),
        None => ("", EVERYTHING.to_owned()),
    };
    let page = tracklite_server::report(&database, name, &state)
        .map_err(|error| error.with_path(&args.file.path))?;
    let mut out = NewFile::create(&args.out, args.force, &args.file.path)?;
    out.write_all(page.as_bytes())
        .map_err(|source| Error::io("writing", source).with_path(&args.out))?;
    out.finish()?;
    terminal.line(&args.out.display().to_string())?;
    Ok(Exit::Success)
}
