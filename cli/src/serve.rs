//! The server: `tracklite serve` and `tracklite run`.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::Command;

use tracklite::endpoint::ServedModel;
use tracklite::{Database, Error, ErrorKind, Result};
use tracklite_server::{Server, StopSignals, command};

use crate::serve_args::{RunCommandArgs, ServeArgs};
use crate::terminal::Terminal;
use crate::{Exit, Outcome, warnings};

/// Serves a file until a signal.
pub(crate) fn serve(args: &ServeArgs, terminal: &mut Terminal) -> Outcome {
    warnings::print();
    let database = if args.read_only {
        Database::open_read_only(&args.file)?
    } else {
        Database::builder().create(true).open(&args.file)?
    };
    let scored =
        args.model.as_deref().map(|address| endpoint_of(&database, address)).transpose()?;
    let mut server = Server::builder(database).host(&args.host).port(args.port);
    if let Some(name) = scored {
        server = server.scored(name);
    }
    if args.models_with_network {
        server = server.models_with_network();
    }
    for name in &args.allow_host {
        server = server.allow_host(name);
    }
    if args.unsafe_without_tokens {
        server = server.unsafe_without_tokens();
    }
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        server = server.tls(certificate, key);
    }
    if let Some(folder) = &args.mlflow_ui {
        server = server.mlflow_ui(folder);
    }
    if let Some(folder) = &args.assets {
        server = server.assets(folder);
    }
    if let Some(python) = &args.python {
        server = server.python(python);
    }
    if !args.without_jobs {
        server = server.run_jobs(args.workspace_folder.clone());
    }
    if args.webhooks_to_this_machine {
        server = server.webhooks_to_this_machine();
    }
    if !args.quiet {
        // If standard error is closed, there is nowhere to print the line.
        server = server.log(|line| drop(writeln!(std::io::stderr().lock(), "{line}")));
    }
    let server = server.start()?;
    let signals = StopSignals::watch()?;
    writeln!(terminal, "{}", server.url())?;
    terminal.flush()?;
    server.run_until(signals);
    Ok(Exit::Success)
}

/// Returns the name of the endpoint of a model, which is created if there is none.
fn endpoint_of(database: &Database, address: &str) -> Result<String> {
    Ok(database.endpoints().ensure(ServedModel::at(address)?)?.name)
}

/// The variables that the clients of Databricks would take for another way to sign in.
const OTHER_SIGN_INS: &[&str] = &[
    "DATABRICKS_CLIENT_ID",
    "DATABRICKS_CLIENT_SECRET",
    "DATABRICKS_CONFIG_FILE",
    "DATABRICKS_CONFIG_PROFILE",
    "DATABRICKS_PASSWORD",
    "DATABRICKS_USERNAME",
    "DATABRICKS_WORKSPACE_ID",
];

/// Runs a command beside a server of its own, and returns the exit code of the command.
pub(crate) fn run(args: &RunCommandArgs, _terminal: &mut Terminal) -> Outcome {
    let database = Database::builder().create(true).open(&args.file)?;
    let tracking = database.address();
    let token = command::new_token()?;
    let server = Server::builder(database).port(0).token(&token).start()?;
    let mut child = program(&args.command)?;
    for name in OTHER_SIGN_INS {
        child.env_remove(name);
    }
    child.env("MLFLOW_TRACKING_URI", tracking);
    child.env("DATABRICKS_HOST", server.url());
    child.env("DATABRICKS_TOKEN", token);
    child.env("DATABRICKS_AUTH_TYPE", "pat");
    for name in ["NO_PROXY", "no_proxy"] {
        child.env(name, without_proxy(name));
    }
    let status = command::run(&mut child);
    server.stop();
    Ok(Exit::Code(status?))
}

fn program(words: &[OsString]) -> Result<Command> {
    let (name, arguments) = words.split_first().ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, "there is no command to run: write it after the file")
    })?;
    let mut command = Command::new(name);
    command.args(arguments);
    Ok(command)
}

/// Returns the list of hosts that need no proxy, with this machine.
fn without_proxy(name: &str) -> String {
    let known = std::env::var(name).unwrap_or_default();
    if known.is_empty() { "127.0.0.1".to_owned() } else { format!("{known},127.0.0.1") }
}
