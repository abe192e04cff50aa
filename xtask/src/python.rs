//! The Python package: builds its wheel, installs it into a separate environment, and tests it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::runner::{Context, Outcome, StepResult, run_command};

/// Builds the wheel with the release profile and runs the package's tests against it.
pub(crate) fn check(context: &Context) -> StepResult {
    let words = "clippy --release --locked --package tracklite-python --all-targets -- -D warnings";
    run_command(&mut context.cargo(words))?;
    let environment = Environment::prepare(context)?;
    environment.install_wheel(context)?;
    let tests = ["-p", "no:cacheprovider"];
    run_command(environment.program(context, "pytest").args(tests))?;
    let stubs = "tracklite --mypy-config-file pyproject.toml --allowlist stubtest-allowlist.txt";
    run_command(environment.program(context, "stubtest").args(stubs.split(' ')))?;
    // Separate runs, because both test folders contain a `conftest`.
    for types in ["python/tracklite tests benches --exclude tests/mlflow", "tests/mlflow"] {
        let mut mypy = environment.program(context, "mypy");
        run_command(mypy.args(["--strict", "--allow-untyped-calls"]).args(types.split(' ')))?;
    }
    Ok(Outcome::Passed)
}

/// The variable with the number of random joins.
pub(crate) const CASES: &str = "TRACKLITE_JOIN_CASES";

/// Compares random joins with nested loops, polars and DuckDB.
pub(crate) fn joins(context: &Context, cases: &str) -> StepResult {
    let environment = Environment::prepare(context)?;
    environment.install_wheel(context)?;
    let mut tests = environment.program(context, "pytest");
    tests.args(["-p", "no:cacheprovider", "tests/test_join_property.py"]);
    run_command(tests.env(CASES, cases))?;
    Ok(Outcome::Passed)
}

/// Builds the wheel, installs it into the environment, and prints how to try it.
pub(crate) fn install() -> Result<(), String> {
    let context = Context::new()?;
    let environment = Environment::prepare(&context)?;
    environment.install_wheel(&context)?;
    println!("installed: try {}", environment.python().display());
    Ok(())
}

/// A virtual environment below the build output.
pub(crate) struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// Returns the environment with everything that the tests need. Creates it again if
    /// `requirements.txt` has changed.
    pub(crate) fn prepare(context: &Context) -> Result<Environment, String> {
        let environment = Environment { folder: context.target.join("python").join("venv") };
        let list = context.root.join("python").join("requirements.txt");
        let wanted = fs::read_to_string(&list).map_err(|error| locate(&list, &error))?;
        let stamp = environment.folder.join("installed.txt");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(environment);
        }
        let mut command = Command::new("python3");
        run_command(command.args(["-m", "venv", "--clear"]).arg(&environment.folder))?;
        let words = ["install", "--quiet", "--disable-pip-version-check", "-r"];
        run_command(environment.program(context, "pip").args(words).arg(&list))?;
        fs::write(&stamp, wanted).map_err(|error| locate(&stamp, &error))?;
        Ok(environment)
    }

    /// Installs what another list names too, unless it is installed already.
    pub(crate) fn add(&self, context: &Context, list: &Path) -> Result<(), String> {
        let list = context.root.join(list);
        let wanted = fs::read_to_string(&list).map_err(|error| locate(&list, &error))?;
        let stamp = self.folder.join("added.txt");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        let words = ["install", "--quiet", "--disable-pip-version-check", "-r"];
        run_command(self.program(context, "pip").args(words).arg(&list))?;
        fs::write(&stamp, wanted).map_err(|error| locate(&stamp, &error))
    }

    /// Returns its Python.
    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("bin").join("python")
    }

    /// Returns a command for a program of the environment, started in the folder of the package.
    /// `python -m` would import the package from that folder, which has no native module.
    pub(crate) fn program(&self, context: &Context, name: &str) -> Command {
        let mut command = Command::new(self.folder.join("bin").join(name));
        command.current_dir(context.root.join("python"));
        command.env("CARGO_TARGET_DIR", &context.target);
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("MYPY_CACHE_DIR", self.folder.join("mypy"));
        // Keep the indexes of test databases out of the user's cache.
        command.env("XDG_CACHE_HOME", context.target.join("xtask").join("cache"));
        command
    }

    /// Builds the wheel from the current sources and installs it, replacing any other.
    pub(crate) fn install_wheel(&self, context: &Context) -> Result<(), String> {
        let wheels = context.scratch("wheels")?;
        let words = "build --release --locked --compatibility linux --interpreter";
        let mut command = self.program(context, "maturin");
        command.args(words.split(' ')).arg(self.python());
        run_command(command.arg("--out").arg(&wheels))?;
        let entries = fs::read_dir(&wheels).map_err(|error| locate(&wheels, &error))?;
        let wheel = entries.flatten().map(|entry| entry.path()).next();
        let wheel =
            wheel.ok_or_else(|| format!("maturin left no wheel in {}", wheels.display()))?;
        let words = "install --quiet --disable-pip-version-check --no-deps --force-reinstall";
        run_command(self.program(context, "pip").args(words.split(' ')).arg(wheel))
    }
}

fn locate(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
