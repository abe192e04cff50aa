//! Takes a sweep to a model in production. The best run's network becomes a registered model, a
//! better one replaces it, and `@Champion` serves predictions. Uses the file of `cargo sweep`. In
//! a file without a sweep it first trains four small networks.
//!
//! Can run again on the same file: new challengers then try to beat the champion.

mod candidate;
mod challenger;
#[path = "../digits/mod.rs"]
#[allow(dead_code, reason = "the example `sweep` uses the rest of it")]
mod digits;
mod options;
mod production;
mod report;
mod short_sweep;

use std::path::Path;
use std::process::ExitCode;

use tracklite::Database;

pub(crate) use crate::digits::Result;
use crate::digits::data::Digits;
use crate::digits::text::print;
use crate::options::{Command, HELP};
use crate::production::Production;

fn main() -> ExitCode {
    let done = match options::parse(std::env::args_os().skip(1)) {
        Ok(Command::Run(file)) => run(&file),
        Ok(Command::Help) => print(HELP),
        Err(problem) => Err(problem),
    };
    digits::ended("registry", done)
}

fn run(file: &Path) -> Result<()> {
    let database = Database::create(file)?;
    let lineage = run_steps(&database, &Digits::load()?)?;
    database.close()?;
    print(&lineage)?;
    print(&report::next_commands(file)?)
}

/// Runs all steps and prints each result. Returns the lineage, to print after closing the file.
fn run_steps(database: &Database, digits: &Digits) -> Result<String> {
    if !candidate::has_sweep(database)? {
        short_sweep::train(database, digits)?;
    }
    let production = Production::open(database, digits)?;
    let best = candidate::best_of_sweep(database)?;
    print(&report::best(&best)?)?;
    let first = production.register(&best)?;
    production.crown_first(first.version())?;
    print(&production.describe(&first)?)?;

    let champion = production.load("@Champion")?;
    match challenger::train_better(database, digits, &champion)? {
        Some(better) => {
            let second = production.register(&better)?;
            print(&production.describe(&second)?)?;
            print(&production.replace(champion.version, second.version())?)?;
        }
        None => print("\nNo challenger was better. The champion stays.\n")?,
    }
    print(&production.predict()?)?;
    report::lineage(database, &production.champion_node())
}
