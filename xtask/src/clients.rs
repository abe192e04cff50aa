//! Clients that others wrote, against the server: MLflow, Databricks's SDK, Spark, schemathesis.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages;
use crate::python::Environment;
use crate::runner::{Context, Outcome, StepResult, output_of, run_command};
use crate::steps::WORKSPACE;

/// The packages of the clients.
pub(crate) const REQUIREMENTS: &str = "server/tests/clients/requirements.txt";

/// Builds the program and the wheel, and runs the tests of the clients against them.
pub(crate) fn check(context: &Context) -> StepResult {
    // The selection of the other steps, so that nothing is built twice.
    let words = format!("build --release --locked {WORKSPACE} --bin tracklite");
    run_command(&mut context.cargo(&words))?;
    let environment = Environment::prepare(context)?;
    environment.add(context, Path::new(REQUIREMENTS))?;
    environment.install_wheel(context)?;
    let types = "--strict --allow-untyped-calls server/tests/clients tests/guide";
    let configuration = context.root.join("python/pyproject.toml");
    let mut mypy = environment.program(context, "mypy");
    mypy.current_dir(&context.root).arg("--config-file").arg(configuration);
    run_command(mypy.args(types.split(' ')))?;
    find_java();
    let mut pytest = environment.program(context, "pytest");
    pytest.current_dir(context.root.join("server/tests/clients"));
    pytest.env("TRACKLITE_PROGRAM", context.target.join("release").join("tracklite"));
    if let Some(guide) = guide(context) {
        pytest.env("TRACKLITE_GUIDE", guide);
    }
    // `-rs` lists what is skipped, with the reasons.
    let words = "-q -rs --disable-warnings --durations=10 -p no:cacheprovider";
    run_command(pytest.args(words.split(' ')))?;
    Ok(Outcome::Passed)
}

/// The variable with the number of requests to each model.
pub(crate) const BODIES: &str = "TRACKLITE_SCORING_BODIES";

/// Compares endpoints with `mlflow models serve`, with this number of requests to each model.
pub(crate) fn scoring(context: &Context, bodies: &str) -> StepResult {
    run_file(context, "test_scoring.py", (BODIES, bodies))
}

/// Serves models in environments whose packages are installed from PyPI.
pub(crate) fn environments(context: &Context) -> StepResult {
    run_file(context, "test_environments.py", ("TRACKLITE_PACKAGES", "1"))
}

/// Runs one file of tests with a variable.
fn run_file(context: &Context, file: &str, (name, value): (&str, &str)) -> StepResult {
    let words = format!("build --release --locked {WORKSPACE} --bin tracklite");
    run_command(&mut context.cargo(&words))?;
    let environment = Environment::prepare(context)?;
    environment.add(context, Path::new(REQUIREMENTS))?;
    environment.install_wheel(context)?;
    let mut pytest = environment.program(context, "pytest");
    pytest.current_dir(context.root.join("server/tests/clients")).env(name, value);
    pytest.env("TRACKLITE_PROGRAM", context.target.join("release").join("tracklite"));
    run_command(pytest.args(["-q", "-s", "-p", "no:cacheprovider", file]))?;
    Ok(Outcome::Passed)
}

/// Returns the guide, whose programs run if it is beside the repository.
fn guide(context: &Context) -> Option<PathBuf> {
    let guide = context.root.join("../shared/reference/guide.md");
    if guide.exists() {
        return Some(guide);
    }
    println!("!! SKIPPED the blocks of the guide: {} does not exist", guide.display());
    None
}

/// The package of Debian with the Java of Spark 4.
const JAVA: &str = "openjdk-17-jre-headless";

/// Installs Java for Spark if it lacks. The tests of Spark are skipped without it.
fn find_java() {
    if let Err(why) = packages::find(&[JAVA], has_java) {
        println!("!! SKIPPED the programs of Spark, which need Java 17: {why}");
    }
}

fn has_java() -> bool {
    output_of(Command::new("java").arg("-version")).is_ok()
}
