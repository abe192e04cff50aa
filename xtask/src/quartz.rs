//! Schedules against Quartz itself, which is in Debian.

use std::path::Path;
use std::process::Command;

use crate::packages;
use crate::runner::{Context, Outcome, StepResult, output_of, run_command};
use crate::steps::WORKSPACE;

/// The packages of Debian with Quartz and a compiler of Java.
const PACKAGES: [&str; 2] = ["libquartz2-java", "openjdk-17-jdk-headless"];

/// The variable with the number of random expressions.
pub(crate) const EXPRESSIONS: &str = "TRACKLITE_QUARTZ_EXPRESSIONS";

/// Compares the fires of this number of random expressions.
pub(crate) fn compare(context: &Context, expressions: &str) -> StepResult {
    if let Err(why) = packages::find(&PACKAGES, has_quartz) {
        return Ok(Outcome::Skipped(format!("Quartz cannot be installed: {why}")));
    }
    let words = format!("test --release --locked {WORKSPACE} --test quartz -- --nocapture");
    let mut command = context.cargo(&words);
    command.env(EXPRESSIONS, expressions).env("TRACKLITE_QUARTZ_NEEDED", "1");
    run_command(&mut command)?;
    Ok(Outcome::Passed)
}

fn has_quartz() -> bool {
    let has_compiler = output_of(Command::new("javac").arg("-version")).is_ok();
    has_compiler && Path::new("/usr/share/java/quartz2.jar").exists()
}
