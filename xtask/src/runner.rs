//! Runs steps in order, times them, and stops at the first failure.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The result of a step that did not fail.
pub(crate) enum Outcome {
    Passed,
    /// Nothing was checked. The reason is printed at once and again at the end.
    Skipped(String),
}

pub(crate) type StepResult = Result<Outcome, String>;

/// One check.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) proves: &'static str,
    pub(crate) run: fn(&Context) -> StepResult,
}

/// The folders that steps work in.
pub(crate) struct Context {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Build output and scratch files. Outside the repository, unless `CARGO_TARGET_DIR` is inside.
    pub(crate) target: PathBuf,
}

impl Context {
    pub(crate) fn new() -> Result<Self, String> {
        // Read at run time, because clones that share a target folder share this binary.
        let now = std::env::var_os("CARGO_MANIFEST_DIR");
        let manifest = now.as_deref().map_or(Path::new(env!("CARGO_MANIFEST_DIR")), Path::new);
        let root = manifest.parent().ok_or("the folder of xtask has no parent")?.to_owned();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(folder).map_err(|error| error.to_string())?,
            None => cache_folder()?.join("tracklite").join("target"),
        };
        Ok(Context { root, target })
    }

    /// Returns a `cargo` command with these words, which runs in the repository.
    pub(crate) fn cargo(&self, words: &str) -> Command {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(program);
        command.args(words.split_whitespace()).current_dir(&self.root);
        command.env("CARGO_TARGET_DIR", &self.target);
        // Keep the indexes of test databases out of the user's cache.
        command.env("XDG_CACHE_HOME", self.target.join("xtask").join("cache"));
        command
    }

    /// Creates an empty scratch folder with this name below the build output.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf, String> {
        let folder = self.target.join("xtask").join(name);
        let locate = |error| format!("{}: {error}", folder.display());
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(locate)?;
        }
        std::fs::create_dir_all(&folder).map_err(locate)?;
        Ok(folder)
    }
}

fn cache_folder() -> Result<PathBuf, String> {
    if let Some(folder) = std::env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let home = std::env::var_os("HOME").ok_or("set CARGO_TARGET_DIR or HOME")?;
    Ok(Path::new(&home).join(".cache"))
}

/// Runs a command to its end. It inherits standard output and standard error.
pub(crate) fn run_command(command: &mut Command) -> Result<(), String> {
    let line = command_line(command);
    println!("   $ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` failed: {status}")),
        Err(error) => Err(format!("cannot run `{line}`: {error}")),
    }
}

/// Runs a command and returns its standard output.
pub(crate) fn output_of(command: &mut Command) -> Result<String, String> {
    let line = command_line(command);
    let output = command.output().map_err(|error| format!("cannot run `{line}`: {error}"))?;
    if !output.status.success() {
        let [printed, errors] =
            [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        return Err(format!("`{line}` failed: {}\n{printed}{errors}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Formats the command as a user would type it.
fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = command.get_args().map(|word| word.to_string_lossy());
    let words: Vec<_> = std::iter::once(program.to_string_lossy()).chain(words).collect();
    words.join(" ")
}

/// Runs all steps in order. The caller prints a returned error last.
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
            |what: &str| format!("{:>8}  {:<14} {what}", human_time(begun.elapsed()), step.name);
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
    println!("{:>8}  total", human_time(total));
}

fn human_time(time: Duration) -> String {
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
        panic!("this step follows a failed one")
    }

    #[test]
    fn the_first_failure_ends_the_run() {
        let step = |name, run| Step { name, proves: "", run };
        let skipped = step("one", |_| Ok(Outcome::Skipped("no loop devices".to_owned())));
        let failing = step("two", |_| Err("expected".to_owned()));
        let after = step("three", never);
        let steps = Ok(vec![&skipped, &failing, &after]);
        assert_eq!(run(&steps, "test"), Err("FAILED at two: expected".to_owned()));
    }

    #[test]
    fn the_error_of_a_failed_command_contains_its_words() {
        let error = run_command(Command::new("false").arg("now")).err().unwrap_or_default();
        assert!(error.contains("false now"), "{error}");
        assert!(output_of(&mut Command::new("false")).is_err());
    }

    #[test]
    fn times_are_easy_to_read() {
        assert_eq!(human_time(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(human_time(Duration::from_secs(125)), "2 m 05 s");
    }
}
