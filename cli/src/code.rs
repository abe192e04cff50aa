//! The code and the packages of compared runs.

use std::collections::BTreeMap;

use tracklite::comparison::{CodeDiff, DiffLine};
use tracklite::{Database, ErrorKind, Result, RunId, RunRecord};

use crate::Failure;
use crate::columns::{Listed, short_id};
use crate::terminal::{Style, Terminal};
use crate::text::printable;

/// The tag with the commit of the code.
const COMMIT_TAG: &str = "mlflow.source.git.commit";
/// The patch of uncommitted changes, as a capture logs it.
const PATCH_FILE: &str = "git/dirty.patch";

/// The known facts about the code of a run.
#[derive(Debug, Default)]
pub(crate) struct Code {
    /// The packages and their versions.
    pub(crate) packages: BTreeMap<String, String>,
    pub(crate) commit: Option<String>,
    /// The hash of the patch of uncommitted changes.
    pub(crate) patch: Option<String>,
}

impl Code {
    pub(crate) fn of(database: &Database, record: &RunRecord) -> Result<Code> {
        let run = database.run(record.info.id)?;
        let patch = match run.artifacts().info(PATCH_FILE) {
            Ok(info) => info.digest,
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let commit = record.tags.get(COMMIT_TAG).cloned();
        Ok(Code { packages: run.packages()?.unwrap_or_default(), commit, patch })
    }
}

/// Prints how the code of each run differs from that of the first.
pub(crate) fn print_diffs(
    database: &Database,
    runs: &[Listed],
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let Some((first, others)) = runs.split_first() else { return Ok(()) };
    for other in others {
        let (before, after) = (first.record.info.id, other.record.info.id);
        print(&database.code_diff(before, after)?, (before, after), terminal)?;
    }
    Ok(())
}

fn print(
    diff: &CodeDiff,
    (before, after): (RunId, RunId),
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let ids = format!("{} and {}", short_id(before, 8), short_id(after, 8));
    if diff.is_same() {
        terminal.line(&format!("\nthe code of {ids} is the same"))?;
        return Ok(());
    }
    terminal.line(&format!("\nuncommitted code of {ids}"))?;
    let (commit, other) = (diff.commits.0.as_deref(), diff.commits.1.as_deref());
    if commit != other {
        let (old, new) = (commit.unwrap_or("unknown"), other.unwrap_or("unknown"));
        terminal.line(&format!("commit {old} became {new}"))?;
    }
    for hunk in &diff.hunks {
        let place = format!("@@ -{} +{} @@", hunk.before, hunk.after);
        let place = terminal.paint(Style::Faint, &place).into_owned();
        terminal.line(&place)?;
        for line in &hunk.lines {
            let (mark, text) = match line {
                DiffLine::Removed(text) => ('-', text),
                DiffLine::Added(text) => ('+', text),
                DiffLine::Same(text) => (' ', text),
                _ => continue,
            };
            terminal.line(&format!("{mark}{}", printable(text)))?;
        }
    }
    Ok(())
}
