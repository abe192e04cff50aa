//! The steps of `cargo xtask test`, cheapest first.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::runner::{Context, Outcome, Step, StepResult, output_of, run_command};
use crate::{clients, full_disk, licences, python, quartz, web};

/// All checks, in order.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "format", proves: "the code is formatted", run: format },
    Step { name: "clippy", proves: "no warnings with any set of features", run: clippy },
    Step {
        name: "licences",
        proves: "dependencies have allowed licences and come from crates.io",
        run: licences::check,
    },
    Step { name: "build", proves: "all tests compile", run: build },
    Step {
        name: "tidy",
        proves: "layers, sizes, unsafe code and wording follow the rules; polars is optional",
        run: |context| test(context, "tidy"),
    },
    Step { name: "unit", proves: "the unit tests of library, program and xtask pass", run: unit },
    Step {
        name: "main",
        proves: "the public API and the short sweep work; bad input is rejected",
        run: |context| test(context, "main"),
    },
    Step {
        name: "cli",
        proves: "the command line prints what its documents show; bad input is rejected",
        run: |context| test(context, "cli"),
    },
    Step {
        name: "server",
        proves: "the server answers, refuses bad input and strangers, and streams files",
        run: |context| test(context, "server"),
    },
    Step {
        name: "serve",
        proves: "workers answer, are replaced and end; aliases move without a failed request",
        run: |context| test(context, "serve"),
    },
    Step {
        name: "engine",
        proves: "faults at each call, damaged files and random sequences are handled correctly",
        run: |context| test(context, "engine"),
    },
    Step {
        name: "simulator",
        proves: "power cuts do not lose or alter data; mutants are caught",
        run: simulator,
    },
    Step {
        name: "kill",
        proves: "kill -9 of any process loses nothing",
        run: |context| test(context, "kill"),
    },
    Step {
        name: "full-disk",
        proves: "a full tmpfs, ext4, XFS or btrfs is an error, never a signal",
        run: full_disk::check,
    },
    Step {
        name: "quartz",
        proves: "schedules fire when those of Quartz itself do; the same texts are refused",
        run: |context| quartz::compare(context, "1000"),
    },
    Step { name: "doctests", proves: "the examples in the documentation run", run: doctests },
    Step { name: "docs", proves: "the documentation builds and its links work", run: docs },
    Step {
        name: "sweep",
        proves: "the sweep is complete in its file, its best is registered; all examples run",
        run: sweep,
    },
    Step {
        name: "python",
        proves: "the wheel builds; the tests and type stubs of the Python package pass",
        run: python::check,
    },
    Step {
        name: "clients",
        proves: "clients that others wrote work with the server: MLflow, SDK, Spark, the guide",
        run: clients::check,
    },
    Step {
        name: "web",
        proves: "the bundle of the page is that of its source; the pages work in a browser",
        run: web::check,
    },
    Step { name: "fuzz", proves: "the saved fuzz inputs pass", run: fuzz },
    Step {
        name: "loom",
        proves: "append, scan, seal and punch are correct under all interleavings",
        run: loom,
    },
];

/// Returns the steps with these names, in the order of the table, or all if there are no names.
pub(crate) fn chosen<'a>(steps: &'a [Step], names: &[&str]) -> Result<Vec<&'a Step>, String> {
    let known = |name: &&&str| steps.iter().any(|step| step.name == **name);
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let all: Vec<&str> = steps.iter().map(|step| step.name).collect();
        return Err(format!("unknown step {name:?}; the steps are: {}", all.join(" ")));
    }
    Ok(steps.iter().filter(|step| names.is_empty() || names.contains(&step.name)).collect())
}

pub(crate) fn print(steps: &[Step]) {
    for step in steps {
        println!("{:<10} {}", step.name, step.proves);
    }
}

/// All members except the Python wrapper, whose dependencies would change the features of others.
/// The wrapper has a step of its own.
///
/// All steps with all features use this selection, because another one would choose other features
/// for crates that members share, and build them again.
pub(crate) const WORKSPACE: &str = "--workspace --exclude tracklite-python --all-features";

fn format(context: &Context) -> StepResult {
    run_command(&mut context.cargo("fmt --all -- --check"))?;
    run_command(&mut context.cargo("fmt --manifest-path fuzz/Cargo.toml -- --check"))?;
    Ok(Outcome::Passed)
}

fn clippy(context: &Context) -> StepResult {
    for words in [
        &format!("clippy --release --locked {WORKSPACE} --all-targets -- -D warnings"),
        "clippy --release --locked --all-targets -- -D warnings",
        "clippy --release --locked --features internals --all-targets -- -D warnings",
        "clippy --release --locked --package tracklite-cli --package tracklite-examples \
         --all-targets -- -D warnings",
        "clippy --release --locked --manifest-path fuzz/Cargo.toml -- -D warnings",
    ] {
        run_command(&mut context.cargo(words))?;
    }
    Ok(Outcome::Passed)
}

fn build(context: &Context) -> StepResult {
    run_command(&mut context.cargo(&format!("test --release --locked {WORKSPACE} --no-run")))?;
    Ok(Outcome::Passed)
}

/// Runs one of the test targets of the workspace.
fn test(context: &Context, target: &str) -> StepResult {
    let words = format!("test --release --locked {WORKSPACE} --test {target}");
    run_command(&mut context.cargo(&words))?;
    Ok(Outcome::Passed)
}

/// Shows the output: the histogram of the simulated states.
fn simulator(context: &Context) -> StepResult {
    let words = format!("test --release --locked {WORKSPACE} --test simulator -- --show-output");
    run_command(&mut context.cargo(&words))?;
    Ok(Outcome::Passed)
}

fn unit(context: &Context) -> StepResult {
    let words = format!("test --release --locked {WORKSPACE} --lib --bins");
    run_command(&mut context.cargo(&words))?;
    Ok(Outcome::Passed)
}

fn doctests(context: &Context) -> StepResult {
    run_command(&mut context.cargo(&format!("test --release --locked {WORKSPACE} --doc")))?;
    Ok(Outcome::Passed)
}

fn docs(context: &Context) -> StepResult {
    // Build what users see, without internals, because their links lead to private items.
    let words = "doc --release --locked --no-deps --lib --package tracklite \
                 --package tracklite-cli --package tracklite-jobs --package tracklite-serve \
                 --package tracklite-server \
                 --features tracklite/capture,tracklite/ipc,tracklite/schedule \
                 --features tracklite/parquet,tracklite-cli/polars";
    let mut command = context.cargo(words);
    run_command(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Outcome::Passed)
}

/// Runs the commands of a newcomer, each in an empty folder, with the aliases of the README.
fn sweep(context: &Context) -> StepResult {
    let folder = context.scratch("sweep")?;
    let file = folder.join("runs.tracklite");
    let words = "build --release --package tracklite-examples --example sweep";
    run_command(&mut context.cargo(words))?;
    let began = Instant::now();
    run_command(context.cargo("sweep --file").arg(&file))?;
    println!("   the sweep took {:.1} s after the build", began.elapsed().as_secs_f64());
    let words = format!("test --release --locked {WORKSPACE} --test main -- --ignored --exact");
    let mut command = context.cargo(&words);
    command.arg("sweep::the_whole_sweep_is_in_its_file");
    let judged = output_of(command.env("TRACKLITE_SWEEP_FILE", &file))?;
    if !judged.contains("1 passed") {
        return Err(format!("the test of the sweep's file did not run: {judged}"));
    }
    let mut command = context.cargo("tracklite runs --json");
    let listed = output_of(command.arg(&file))?;
    if !listed.trim_start().starts_with('[') || !listed.contains("\"run_id\"") {
        return Err(format!("`tracklite runs --json` lists no runs of the sweep: {listed}"));
    }
    run_command(context.cargo("registry --file").arg(&file))?;
    run_command(context.cargo("tracklite verify").arg(&file))?;
    // Each example writes a file into the current folder.
    run_example(context, "quickstart", LEAN, &folder.join("quickstart"))?;
    run_example(context, "frames", WORKSPACE, &folder.join("frames"))?;
    let printed = run_example(context, "first", LEAN, &folder.join("first"))?;
    let readme = std::fs::read_to_string(context.root.join("README.md"));
    if !readme.map_err(|error| error.to_string())?.contains(&format!("```text\n{printed}```")) {
        return Err(format!("README.md does not show the output of its first example:\n{printed}"));
    }
    Ok(Outcome::Passed)
}

/// The selection of the examples without polars, as in `.cargo/config.toml`.
const LEAN: &str = "--package tracklite-examples";

/// Builds an example with this selection of packages, and runs it in a new folder. Returns its
/// output.
fn run_example(
    context: &Context,
    name: &str,
    selection: &str,
    folder: &Path,
) -> Result<String, String> {
    std::fs::create_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let words = format!("build --release --locked {selection} --example {name}");
    run_command(&mut context.cargo(&words))?;
    let program = context.target.join("release/examples").join(name);
    let printed = output_of(Command::new(program).current_dir(folder))?;
    print!("{printed}");
    Ok(printed)
}

fn fuzz(context: &Context) -> StepResult {
    let targets = fuzz_targets(context)?;
    let words = "build --release --locked --manifest-path fuzz/Cargo.toml --bins";
    run_command(&mut context.cargo(words))?;
    for target in targets {
        let words =
            format!("run --release --locked --manifest-path fuzz/Cargo.toml --bin {target}");
        run_command(&mut context.cargo(&words))?;
    }
    Ok(Outcome::Passed)
}

/// Returns the names of the fuzz targets, one for each file in `fuzz/fuzz_targets`.
pub(crate) fn fuzz_targets(context: &Context) -> Result<Vec<String>, String> {
    let folder = context.root.join("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{folder:?}: {error}"))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut targets: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect();
    targets.sort();
    Ok(targets)
}

/// Builds into a separate folder, because the loom build flag replaces the atomics everywhere.
fn loom(context: &Context) -> StepResult {
    let manifest = std::fs::read_to_string(context.root.join("Cargo.toml"));
    if !manifest.is_ok_and(|text| text.contains("name = \"loom\"")) {
        return Ok(Outcome::Skipped("Cargo.toml has no test named loom".to_owned()));
    }
    let words = "test --release --locked --no-default-features --features internals --test loom";
    let mut command = context.cargo(words);
    command.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", context.target.join("loom"));
    run_command(&mut command)?;
    Ok(Outcome::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_selected_by_name_and_keep_their_order() {
        let names = |names: &[&str]| -> Option<Vec<&str>> {
            let steps = chosen(STEPS, names).ok()?;
            Some(steps.iter().map(|step| step.name).collect())
        };
        assert_eq!(names(&["kill", "format"]), Some(vec!["format", "kill"]));
        assert_eq!(names(&[]).map(|all| all.len()), Some(STEPS.len()));
        assert_eq!(names(&["nonsense"]), None);
    }
}
