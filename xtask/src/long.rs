//! `cargo xtask long`: the checks of the tests, for hours.
//!
//! Environment variables set the amount of work. The defaults are those of docs/benchmarks.md.

use std::collections::HashSet;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::runner::{Context, Outcome, Step, StepResult, run_command};
use crate::steps::{WORKSPACE, fuzz_targets};
use crate::{clients, python, quartz};

/// The checks that can run for hours.
pub(crate) const WORKS: &[Step] = &[
    Step {
        name: "simulator",
        proves: "power cuts in 10^7 states (TRACKLITE_SIMULATOR_STATES)",
        run: |context| test(context, "simulator", "TRACKLITE_SIMULATOR_STATES", "10000000"),
    },
    Step {
        name: "kill",
        proves: "10^5 kills (TRACKLITE_KILLS)",
        run: |context| test(context, "kill", "TRACKLITE_KILLS", "100000"),
    },
    Step {
        name: "jobs",
        proves: "four killed schedulers in ten simulated years lose and double nothing \
                 (TRACKLITE_JOB_DAYS)",
        run: jobs,
    },
    Step { name: "points", proves: "10^8 points in one file (TRACKLITE_POINTS)", run: points },
    Step {
        name: "quartz",
        proves: "10^4 schedules in 12 zones fire when Quartz's do (TRACKLITE_QUARTZ_EXPRESSIONS)",
        run: |context| quartz::compare(context, &amount(quartz::EXPRESSIONS, "10000")),
    },
    Step {
        name: "scoring",
        proves: "500 requests to each of five models, beside MLflow's (TRACKLITE_SCORING_BODIES)",
        run: |context| clients::scoring(context, &amount(clients::BODIES, "500")),
    },
    Step {
        name: "environments",
        proves: "models are served in environments whose packages are installed from PyPI",
        run: clients::environments,
    },
    Step {
        name: "joins",
        proves: "10^5 joins, beside loops, polars and DuckDB (TRACKLITE_JOIN_CASES)",
        run: |context| python::joins(context, &amount(python::CASES, "100000")),
    },
    Step {
        name: "lookups",
        proves: "10^6 lookups during writes, recomputed as known then (TRACKLITE_LOOKUPS)",
        run: lookups,
    },
    Step {
        name: "fuzz",
        proves: "one hour per fuzz target with cargo-fuzz (TRACKLITE_FUZZ_SECONDS)",
        run: fuzz,
    },
    Step {
        name: "cold",
        proves: "time and disk space of first builds: `cargo sweep`, `cargo tracklite`, all tests",
        run: cold,
    },
];

/// The block size of `stat`.
const BLOCK_BYTES: u64 = 512;

/// Returns the value of the variable, or else the default.
fn amount(variable: &str, usual: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| usual.to_owned())
}

fn test(context: &Context, target: &str, variable: &str, usual: &str) -> StepResult {
    let words = format!("test --release --locked {WORKSPACE} --test {target} -- --nocapture");
    run_command(context.cargo(&words).env(variable, amount(variable, usual)))?;
    Ok(Outcome::Passed)
}

fn lookups(context: &Context) -> StepResult {
    let filter = "lookups_during_changes_are_those_of_their_version";
    let words = format!("test --release --locked --test main -- --nocapture {filter}");
    let count = amount("TRACKLITE_LOOKUPS", "1000000");
    run_command(context.cargo(&words).env("TRACKLITE_LOOKUPS", count))?;
    Ok(Outcome::Passed)
}

fn jobs(context: &Context) -> StepResult {
    let words = format!("test --release --locked {WORKSPACE} --test kill -- schedulers");
    let days = amount("TRACKLITE_JOB_DAYS", "3652");
    run_command(context.cargo(&words).env("TRACKLITE_JOB_DAYS", days))?;
    Ok(Outcome::Passed)
}

fn points(context: &Context) -> StepResult {
    let words = "bench --profile release --locked --all-features --bench report points";
    let count = amount("TRACKLITE_POINTS", "100000000");
    run_command(context.cargo(words).env("TRACKLITE_POINTS", count))?;
    Ok(Outcome::Passed)
}

fn fuzz(context: &Context) -> StepResult {
    let seconds = amount("TRACKLITE_FUZZ_SECONDS", "3600");
    for target in fuzz_targets(context)? {
        let mut command = Command::new("cargo");
        command.args(["+nightly", "fuzz", "run", &target, "--"]).current_dir(&context.root);
        command.arg(format!("-max_total_time={seconds}"));
        command.env("CARGO_TARGET_DIR", context.target.join("fuzz"));
        run_command(command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO"))?;
    }
    Ok(Outcome::Passed)
}

/// Measures builds, each group in an empty folder. Includes downloads of crates that are not cached
/// yet.
fn cold(context: &Context) -> StepResult {
    let sweep = "build --release --locked --package tracklite-examples --example sweep";
    let program = "build --release --locked --package tracklite-cli --bin tracklite";
    let tests = format!("test --release --locked {WORKSPACE} --no-run");
    let mut lines = Vec::new();
    for group in [
        [("first build of cargo sweep", sweep), ("then of cargo tracklite", program)].as_slice(),
        &[("first build of all tests", &tests)],
    ] {
        let folder = context.scratch("cold")?;
        let locate = |error: io::Error| format!("{}: {error}", folder.display());
        for (what, words) in group {
            let began = Instant::now();
            run_command(context.cargo(words).env("CARGO_TARGET_DIR", &folder))?;
            let seconds = began.elapsed().as_secs_f64();
            let size = bytes_below(&folder, &mut HashSet::new()).map_err(locate)? >> 20;
            lines.push(format!("   {what}: {seconds:.0} s, {size} MiB in its folder"));
        }
        std::fs::remove_dir_all(&folder).map_err(locate)?;
    }
    println!("{}", lines.join("\n"));
    Ok(Outcome::Passed)
}

/// Returns the disk space of all files below a folder. Counts hard links, which cargo creates, only
/// once.
fn bytes_below(folder: &Path, seen: &mut HashSet<(u64, u64)>) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let facts = entry.metadata()?;
        if facts.is_dir() {
            bytes += bytes_below(&entry.path(), seen)?;
        } else if seen.insert((facts.dev(), facts.ino())) {
            bytes += facts.blocks() * BLOCK_BYTES;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_two_names_counts_once() {
        let folder = std::env::temp_dir().join(format!("tracklite-xtask-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("below")).unwrap();
        let count = || bytes_below(&folder, &mut HashSet::new()).unwrap();
        assert_eq!(count(), 0);
        std::fs::write(folder.join("one"), vec![1; 100_000]).unwrap();
        let once = count();
        std::fs::hard_link(folder.join("one"), folder.join("below/same")).unwrap();
        assert_eq!(count(), once);
        std::fs::write(folder.join("below/two"), vec![1; 100_000]).unwrap();
        let twice = count();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(once > 0 && twice > once, "{once} {twice}");
    }
}
