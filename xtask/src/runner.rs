//! Runs steps one after the other, times them, and stops at the first that fails.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What became of a step that did not fail.
pub(crate) enum Outcome {
    Passed,
    /// Nothing was proven; the reason is printed loudly, and again at the end.
    Skipped(String),
}

pub(crate) type StepResult = Result<Outcome, String>;

/// One thing that is checked.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) proves: &'static str,
    pub(crate) run: fn(&Context) -> StepResult,
}

/// Where things are.
pub(crate) struct Context {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Build output and scratch files: outside of the repository unless `CARGO_TARGET_DIR` says so.
    pub(crate) target: PathBuf,
}

impl Context {
    pub(crate) fn new() -> Result<Self, String> {
        // As it is now: clones that share a target folder share this program too.
        let now = std::env::var_os("CARGO_MANIFEST_DIR");
        let manifest = now.as_deref().map_or(Path::new(env!("CARGO_MANIFEST_DIR")), Path::new);
        let root = manifest.parent().ok_or("xtask lies in no folder")?.to_owned();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(folder).map_err(|error| error.to_string())?,
            None => cache_folder()?.join("tracklite").join("target"),
        };
        Ok(Context { root, target })
    }

    /// `cargo` with these words, in the repository, building into the common folder.
    pub(crate) fn cargo(&self, words: &str) -> Command {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(program);
        command.args(words.split_whitespace()).current_dir(&self.root);
        command.env("CARGO_TARGET_DIR", &self.target);
        // Where the indexes of the tests' databases go: not among those of the user.
        command.env("XDG_CACHE_HOME", self.target.join("xtask").join("cache"));
        command
    }

    /// An empty scratch folder of this name, below the build output.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf, String> {
        let folder = self.target.join("xtask").join(name);
        let told = |error| format!("{}: {error}", folder.display());
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(told)?;
        }
        std::fs::create_dir_all(&folder).map_err(told)?;
        Ok(folder)
    }
}

fn cache_folder() -> Result<PathBuf, String> {
    if let Some(folder) = std::env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let home = std::env::var_os("HOME").ok_or("neither CARGO_TARGET_DIR nor HOME is set")?;
    Ok(Path::new(&home).join(".cache"))
}

/// Runs a command to its end; its output goes where ours goes.
pub(crate) fn run_command(command: &mut Command) -> Result<(), String> {
    let told = tell(command);
    println!("   $ {told}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{told}` failed: {status}")),
        Err(error) => Err(format!("`{told}` cannot be run: {error}")),
    }
}

/// What a command prints to standard output.
pub(crate) fn output_of(command: &mut Command) -> Result<String, String> {
    let told = tell(command);
    let output = command.output().map_err(|error| format!("`{told}` cannot be run: {error}"))?;
    if !output.status.success() {
        let [printed, errors] =
            [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
        return Err(format!("`{told}` failed: {}\n{printed}{errors}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as one would type it.
fn tell(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = command.get_args().map(|word| word.to_string_lossy());
    let words: Vec<_> = std::iter::once(program.to_string_lossy()).chain(words).collect();
    words.join(" ")
}

/// Runs all steps in order; the message of an error is the last thing to print.
pub(crate) fn run(steps: &Result<Vec<&Step>, String>, title: &str) -> Result<(), String> {
    let steps = steps.as_ref().map_err(Clone::clone)?;
    let context = Context::new()?;
    context.scratch("cache")?;
    println!("{title}: {} steps, building into {}", steps.len(), context.target.display());
    let started = Instant::now();
    let mut lines = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!("\n== {}/{} {}: {}", index + 1, steps.len(), step.name, step.proves);
        let begun = Instant::now();
        let result = (step.run)(&context);
        let line =
            |what: &str| format!("{:>8}  {:<14} {what}", told_time(begun.elapsed()), step.name);
        match result {
            Ok(Outcome::Passed) => lines.push(line("passed")),
            Ok(Outcome::Skipped(why)) => {
                println!("!! SKIPPED {}: {why}", step.name);
                lines.push(line(&format!("SKIPPED: {why}")));
            }
            Err(why) => {
                lines.push(line("FAILED"));
                print_table(&lines, started.elapsed());
                return Err(format!("FAILED at {}: {why}", step.name));
            }
        }
        println!("{}", lines.last().map_or("", String::as_str));
    }
    print_table(&lines, started.elapsed());
    Ok(())
}

fn print_table(lines: &[String], total: Duration) {
    println!("\n    time  step");
    for line in lines {
        println!("{line}");
    }
    println!("{:>8}  in all", told_time(total));
}

fn told_time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{:.0} m {:02.0} s", (seconds / 60.0).floor(), (seconds % 60.0).floor())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never(_: &Context) -> StepResult {
        panic!("this step comes after one that failed")
    }

    #[test]
    fn the_first_failure_ends_the_run() {
        let step = |name, run| Step { name, proves: "", run };
        let skipped = step("one", |_| Ok(Outcome::Skipped("no loop devices".to_owned())));
        let failing = step("two", |_| Err("as it should".to_owned()));
        let after = step("three", never);
        let steps = Ok(vec![&skipped, &failing, &after]);
        assert_eq!(run(&steps, "test"), Err("FAILED at two: as it should".to_owned()));
    }

    #[test]
    fn a_command_that_fails_is_an_error_with_its_words() {
        let error = run_command(Command::new("false").arg("now")).err().unwrap_or_default();
        assert!(error.contains("false now"), "{error}");
        assert!(output_of(&mut Command::new("false")).is_err());
    }

    #[test]
    fn times_are_told_as_a_person_would() {
        assert_eq!(told_time(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(told_time(Duration::from_secs(125)), "2 m 05 s");
    }
}
