//! The project's own tasks: `cargo xtask test`, `cargo xtask wheel` and `cargo xtask long ...`.

mod full_disk;
mod licences;
mod long;
mod python;
mod runner;
mod steps;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test [STEP ...]   all checks in order, or only the steps that are named
cargo xtask steps             the names of the steps and what each of them proves
cargo xtask wheel             the Python package alone: built, and installed where it can be tried
cargo xtask long [WORK ...]   hours of simulator, kill, points, fuzz; cold builds; or all of them
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
        _ => Err(format!("what is to be done?\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\n{message}");
            ExitCode::FAILURE
        }
    }
}
