//! `tracklite jobs daemon`: runs the jobs of a file without a server.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tracklite::Database;
use tracklite_jobs::Runner;
use tracklite_server::{JobWebhooks, StopSignals};

use crate::common_args::FileArg;
use crate::terminal::Terminal;
use crate::{Exit, Outcome, warnings};

#[derive(Debug, Args)]
pub(crate) struct DaemonArgs {
    #[command(flatten)]
    file: FileArg,
    /// Folder with the notebooks and files of the workspace
    #[arg(long, value_name = "FOLDER")]
    workspace_folder: Option<PathBuf>,
    /// Python of the tasks; by default that of the variable TRACKLITE_PYTHON, else python3
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
    /// Run at most N tasks at once
    #[arg(long, short = 'n', value_name = "N", default_value_t = 16)]
    parallel: usize,
    /// Permit webhooks to this machine, also over http
    #[arg(long)]
    webhooks_to_this_machine: bool,
}

/// Runs the jobs of a file until a signal.
pub(crate) fn daemon(args: &DaemonArgs, terminal: &mut Terminal) -> Outcome {
    warnings::print();
    let database = Database::open(&args.file.path)?;
    let signals = StopSignals::watch()?;
    let python =
        args.python.clone().or_else(|| std::env::var_os("TRACKLITE_PYTHON").map(Into::into));
    let mut runner = Runner::builder(database.clone()).workspace(args.workspace_folder.clone());
    if let Some(python) = python {
        runner = runner.python(python);
    }
    let webhooks = JobWebhooks::start(database.clone(), args.webhooks_to_this_machine)?;
    let runner = runner.notifier(Arc::new(webhooks)).parallel(args.parallel).start()?;
    terminal.line(&format!("running the jobs of {}", args.file.path.display()))?;
    terminal.flush()?;
    signals.wait();
    runner.stop();
    database.close()?;
    Ok(Exit::Success)
}
