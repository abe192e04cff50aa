//! `cargo xtask long`: the same proofs as the tests, for hours.
//!
//! How long is said by environment variables; without them it is what the README tells of.

use std::process::Command;

use crate::runner::{Context, Outcome, Step, StepResult, run_command};
use crate::steps::fuzz_targets;

/// What can be run for long.
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
    Step { name: "points", proves: "10^8 points in one file (TRACKLITE_POINTS)", run: points },
    Step {
        name: "fuzz",
        proves: "each fuzz target for an hour (TRACKLITE_FUZZ_SECONDS), by cargo-fuzz",
        run: fuzz,
    },
];

/// What the variable says, or else what it is to be.
fn amount(variable: &str, usual: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| usual.to_owned())
}

fn test(context: &Context, target: &str, variable: &str, usual: &str) -> StepResult {
    let words = format!("test --release --locked --all-features --test {target} -- --nocapture");
    run_command(context.cargo(&words).env(variable, amount(variable, usual)))?;
    Ok(Outcome::Passed)
}

fn points(context: &Context) -> StepResult {
    let words = "bench --profile release --locked --bench report points";
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
