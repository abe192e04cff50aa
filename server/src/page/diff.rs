//! Differences of code and packages between two runs.

use serde::Serialize;
use tracklite::RunId;
use tracklite::comparison::{ChangedPackage, CodeDiff, DiffLine, Hunk, PackageDiff};
use utoipa::ToSchema;

use crate::access::Scope;
use crate::call::Call;
use crate::failure::Outcome;
use crate::fields::{Read as _, text};
use crate::mlflow::queries;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/diff/code",
        needs: Scope::Read,
        takes: &[text("a").required(), text("b").required()],
        returns: shape::<Code>(),
        handler: code,
    },
    Route {
        method: Verb::Get,
        path: "/diff/packages",
        needs: Scope::Read,
        takes: &[text("a").required(), text("b").required()],
        returns: shape::<Packages>(),
        handler: packages,
    },
];

/// The most lines of an answer. The others are counted.
const LINES_MAX: usize = 20_000;

/// The difference between the code of two runs.
#[derive(Serialize, ToSchema)]
#[schema(as = PageCodeDiff)]
struct Code {
    same: bool,
    /// The commit of each run.
    commits: [Option<String>; 2],
    /// Whether each run has a patch of uncommitted changes.
    patches: [bool; 2],
    hunks: Vec<CodeHunk>,
    /// The number of lines that are left out at the end.
    left_out: usize,
}

/// Lines of both patches that belong together.
#[derive(Serialize, ToSchema)]
#[schema(as = PageCodeHunk)]
struct CodeHunk {
    /// The number of the first line in the patch of each run, from 1.
    starts: [usize; 2],
    /// The lines, each after a space, `-` or `+`.
    lines: Vec<String>,
}

/// The difference between the packages of two runs.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = PagePackageDiff)]
struct Packages {
    /// Whether both runs have a list of packages. Without, all lists are empty.
    known: bool,
    added: Vec<Package>,
    removed: Vec<Package>,
    changed: Vec<Changed>,
    same: usize,
}

/// A package that one of the runs has.
#[derive(Serialize, ToSchema)]
#[schema(as = PagePackage)]
struct Package {
    name: String,
    version: String,
}

/// A package of which the runs have different versions.
#[derive(Serialize, ToSchema)]
#[schema(as = PageChangedPackage)]
struct Changed {
    name: String,
    before: String,
    after: String,
}

fn asked(call: &Call) -> Outcome<(RunId, RunId)> {
    Ok((queries::run_id(call.args.need("a")?)?, queries::run_id(call.args.need("b")?)?))
}

fn code(call: &Call) -> Outcome<Reply> {
    let (before, after) = asked(call)?;
    let diff = call.database().code_diff(before, after)?;
    let same = diff.is_same();
    let CodeDiff { commits, has_patch, hunks, .. } = diff;
    let mut room = LINES_MAX;
    let mut left_out = 0;
    let mut shown = Vec::new();
    for Hunk { before, after, lines, .. } in hunks {
        let some = lines.len().min(room);
        left_out += lines.len() - some;
        room -= some;
        let lines: Vec<String> = lines.into_iter().take(some).map(marked).collect();
        if !lines.is_empty() {
            shown.push(CodeHunk { starts: [before, after], lines });
        }
    }
    let (commits, patches) = (commits.into(), has_patch.into());
    Ok(Reply::json(&Code { same, commits, patches, hunks: shown, left_out }))
}

fn marked(line: DiffLine) -> String {
    match line {
        DiffLine::Removed(text) => format!("-{text}"),
        DiffLine::Added(text) => format!("+{text}"),
        DiffLine::Same(text) => format!(" {text}"),
        _ => String::new(),
    }
}

fn packages(call: &Call) -> Outcome<Reply> {
    let (before, after) = asked(call)?;
    let Some(diff) = call.database().package_diff(before, after)? else {
        return Ok(Reply::json(&Packages::default()));
    };
    let PackageDiff { added, removed, changed, same, .. } = diff;
    let list = |packages: Vec<(String, String)>| {
        packages.into_iter().map(|(name, version)| Package { name, version }).collect()
    };
    let changed = changed.into_iter().map(|ChangedPackage { name, before, after, .. }| Changed {
        name,
        before,
        after,
    });
    let (added, removed, changed) = (list(added), list(removed), changed.collect());
    Ok(Reply::json(&Packages { known: true, added, removed, changed, same }))
}
