//! Differences between two runs: their uncommitted code and their packages.

mod lines;
mod packages;

pub use self::lines::{DiffLine, Hunk, diff_lines};
pub use self::packages::{ChangedPackage, PackageDiff};

use std::collections::BTreeMap;

use crate::database::Database;
use crate::entity::id::RunId;
use crate::error::{ErrorKind, Result};
use crate::run::Run;

/// The patch of uncommitted changes, as `tracklite::capture` logs it.
const PATCH_FILE: &str = "git/dirty.patch";
/// The largest patch that is compared, in bytes. A capture logs no larger one.
const PATCH_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The tag with the commit of the code.
const COMMIT_TAG: &str = "mlflow.source.git.commit";
/// The places of a list of packages among the artifacts of a run.
const PACKAGE_FILES: &[&str] = &["requirements.txt", "model/requirements.txt"];
/// The largest list of packages that is read, in bytes.
const PACKAGES_BYTES_MAX: u64 = 64 * 1024;
/// The number of equal lines around a change.
const CONTEXT: usize = 3;

/// The difference between the code of two runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodeDiff {
    /// The commits of both runs, if they are known.
    pub commits: (Option<String>, Option<String>),
    /// Whether the runs have a patch of uncommitted changes.
    pub has_patch: (bool, bool),
    /// The differences between both patches. A run without one counts as one with an empty patch.
    pub hunks: Vec<Hunk>,
}

impl CodeDiff {
    /// Returns whether both runs had the same commit and patch. Unknown ones count as equal.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.commits.0 == self.commits.1 && self.hunks.is_empty()
    }
}

impl Run {
    /// Returns the packages of this run: their names, and what follows in the list, such as
    /// `2.1.0` or `>=2,<3`. `None` if the run has no list.
    ///
    /// The list is the artifact `requirements.txt`, or that of a logged model,
    /// `model/requirements.txt`. Names are written as Python's index does: in lower case, with `-`
    /// for `_` and `.`. A list of more than 64 KiB counts as none, and so does one that is stored
    /// elsewhere.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the run does not exist.
    /// - [`ErrorKind::Damaged`] if the list cannot be read.
    ///
    /// # Performance
    ///
    /// Reads a file of the run.
    pub fn packages(&self) -> Result<Option<BTreeMap<String, String>>> {
        for path in PACKAGE_FILES {
            if let Some(text) = self.text_of(path, PACKAGES_BYTES_MAX)? {
                return Ok(Some(packages::parse(&text)));
            }
        }
        Ok(None)
    }

    /// Reads a file of at most this size, if there is one in the database.
    fn text_of(&self, path: &str, bytes_max: u64) -> Result<Option<String>> {
        let artifacts = self.artifacts();
        let info = match artifacts.info(path) {
            Ok(info) => info,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if info.uri.is_some() || info.size.is_none_or(|size| size > bytes_max) {
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(&artifacts.read(path)?).into_owned()))
    }
}

impl Database {
    /// Returns the difference between the code of two runs: their commits, and their patches of
    /// uncommitted changes line by line.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// let experiment = database.default_experiment()?;
    /// let (before, after) = (experiment.start_run("a")?, experiment.start_run("b")?);
    /// after.log_text("+rate = 0.2\n", "git/dirty.patch")?;
    /// let diff = database.code_diff(before.id(), after.id())?;
    /// assert_eq!((diff.hunks.len(), diff.has_patch), (1, (false, true)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if a run does not exist.
    /// - [`ErrorKind::Damaged`] if a patch cannot be read.
    ///
    /// # Performance
    ///
    /// Reads both patches, up to 16 MiB each. The time is about the product of the lines and the
    /// differences.
    pub fn code_diff(&self, before: RunId, after: RunId) -> Result<CodeDiff> {
        let code = |run: RunId| -> Result<(Option<String>, Option<String>)> {
            let run = self.run(run)?;
            let commit = run.tags()?.remove(COMMIT_TAG);
            Ok((commit, run.text_of(PATCH_FILE, PATCH_BYTES_MAX)?))
        };
        let ((old, patch), (new, other)) = (code(before)?, code(after)?);
        let has_patch = (patch.is_some(), other.is_some());
        let hunks = diff_lines(&patch.unwrap_or_default(), &other.unwrap_or_default(), CONTEXT);
        Ok(CodeDiff { commits: (old, new), has_patch, hunks })
    }

    /// Returns the difference between the packages of two runs. See [`Run::packages`].
    ///
    /// `None` if one of the runs has no list of packages.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// let experiment = database.default_experiment()?;
    /// let (before, after) = (experiment.start_run("a")?, experiment.start_run("b")?);
    /// before.log_text("numpy==2.1.0\n", "requirements.txt")?;
    /// after.log_text("numpy==2.2.0\npolars==1.0\n", "requirements.txt")?;
    /// let diff = database.package_diff(before.id(), after.id())?.expect("both have a list");
    /// assert_eq!(diff.added, [("polars".to_owned(), "1.0".to_owned())]);
    /// let numpy = &diff.changed[0];
    /// assert_eq!((numpy.before.as_str(), numpy.after.as_str()), ("2.1.0", "2.2.0"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if a run does not exist.
    /// - [`ErrorKind::Damaged`] if a list cannot be read.
    pub fn package_diff(&self, before: RunId, after: RunId) -> Result<Option<PackageDiff>> {
        let (before, after) = (self.run(before)?.packages()?, self.run(after)?.packages()?);
        Ok(before.zip(after).map(|(before, after)| PackageDiff::of(&before, &after)))
    }
}
