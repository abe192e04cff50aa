//! The project's tasks: `cargo xtask test`, `cargo xtask wheel` and `cargo xtask long ...`.

mod clients;
mod full_disk;
mod licences;
mod long;
mod packages;
mod python;
mod quartz;
mod runner;
mod steps;
mod web;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test [STEP ...]   Run all checks in order, or only the named steps
cargo xtask steps             List the steps and what each of them checks
cargo xtask wheel             Build the Python package and install it into an environment
cargo xtask long [WORK ...]   Run simulator, kill, jobs, points, quartz, fuzz or all, for hours
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test", names @ ..] => runner::run(&steps::chosen(steps::STEPS, names), "xtask test"),
        ["long", names @ ..] => runner::run(&steps::chosen(long::WORKS, names), "xtask long"),
        ["wheel"] => python::install(),
        ["steps"] => {
            steps::print(steps::STEPS);
            Ok(())
        }
        _ => Err(format!("unknown command; usage:\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\n{message}");
            ExitCode::FAILURE
        }
    }
}
