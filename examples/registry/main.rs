//! From a sweep to a model in production: the best run's network becomes a registered model, a
//! better one takes its place, and whoever asks for `@Champion` predicts with that. It goes on with
//! the file of `cargo sweep`; where there is none it trains four small networks first.
//!
//! All of it may be run again on the same file: then the next challengers try to beat the champion.

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
    let lineage = tell_all(&database, &Digits::load()?)?;
    database.close()?;
    print(&lineage)?;
    print(&report::next_commands(file)?)
}

/// The whole way, told step by step; gives what is said of the end of it.
fn tell_all(database: &Database, digits: &Digits) -> Result<String> {
    if !candidate::has_sweep(database)? {
        short_sweep::train(database, digits)?;
    }
    let production = Production::open(database, digits)?;
    let best = candidate::best_of_sweep(database)?;
    print(&report::best(&best)?)?;
    let first = production.register(&best)?;
    production.crown_first(first.version())?;
    print(&production.tell_version(&first)?)?;

    let champion = production.load("@Champion")?;
    match challenger::train_better(database, digits, &champion)? {
        Some(better) => {
            let second = production.register(&better)?;
            print(&production.tell_version(&second)?)?;
            print(&production.replace(champion.version, second.version())?)?;
        }
        None => print("\nNo challenger was better: Champion stays where it is.\n")?,
    }
    print(&production.predict()?)?;
    report::lineage(database, &production.champion_node())
}
