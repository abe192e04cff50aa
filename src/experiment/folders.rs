//! Experiments by the folders of their paths.

use std::ops::RangeInclusive;

use crate::database::Database;
use crate::entity::id::Timestamp;
use crate::entity::{ExperimentFolder, ExperimentInfo, Lifecycle};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    ExperimentCreated, ExperimentLifecycleSet, FOLDER_KINDS, FolderMade, FolderRemoved, Purged,
    Record,
};
use crate::index::Index;

/// The kinds of records that a change of a folder depends on.
const KINDS: [RangeInclusive<u16>; 3] = [
    FOLDER_KINDS,
    ExperimentCreated::KIND..=ExperimentLifecycleSet::KIND,
    Purged::KIND..=Purged::KIND,
];

impl Database {
    /// Makes a folder that exists without any experiment in it, with the folders above it.
    ///
    /// A folder with experiments needs no such call. A folder that exists stays as it is.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::AlreadyExists`] if the path or one above it is an experiment.
    /// - [`ErrorKind::InvalidInput`] if the path does not begin with `/`, has no name after it, or
    ///   is longer than that of an experiment may be.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// database.create_folder("/Shared/team")?;
    /// assert_eq!(database.experiment_folder("/Shared")?.folders, ["/Shared/team"]);
    /// database.delete_folder("/Shared/team")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_folder(&self, path: &str) -> Result<()> {
        self.engine().located(self.check_folder(path))?;
        let path = joined(&segments(path));
        self.change_folders(|index| {
            let is_above = |other: &str| other == path || below(&segments(other), &path).is_some();
            let found = index.experiments_where(is_above)?;
            let mut found = found.iter().filter(|info| info.lifecycle == Lifecycle::Active);
            if let Some(taken) = found.find(|info| info.path.starts_with('/')) {
                let message = format!("{:?} is an experiment, not a folder", taken.path);
                return Err(Error::new(ErrorKind::AlreadyExists, message));
            }
            let (made, time) = (index.folders()?, Timestamp::now_nanos());
            let missing = with_parents(&path).filter(|path| !made.contains(path));
            Ok(missing.map(|path| FolderMade { path, time }.into()).collect())
        })
    }

    /// Deletes a folder that is empty.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such folder.
    /// - [`ErrorKind::InvalidState`] if there are experiments or folders in it.
    pub fn delete_folder(&self, path: &str) -> Result<()> {
        let path = joined(&segments(path));
        self.change_folders(|index| {
            let folder = segments(&path);
            let is_below = |other: &str| below(&folder, other).is_some();
            let mut inside = index.experiments_where(is_below)?;
            inside.retain(|info| info.lifecycle == Lifecycle::Active);
            let made = index.folders()?;
            if !inside.is_empty() || made.iter().any(|other| is_below(other)) {
                let message = format!("folder {path:?} is not empty: delete its content first");
                return Err(Error::new(ErrorKind::InvalidState, message));
            }
            if !made.contains(&path) {
                let message = format!("there is no folder {path:?}");
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            Ok(vec![FolderRemoved { path: path.clone(), time: Timestamp::now_nanos() }.into()])
        })
    }

    /// Returns the paths of the folders that were made by [`Database::create_folder`], sorted.
    pub fn folders(&self) -> Result<Vec<String>> {
        self.engine().with_index(|index, _| index.folders())
    }

    fn change_folders(&self, mut build: impl FnMut(&Index) -> Result<Vec<Record>>) -> Result<()> {
        self.engine().append_decided(&KINDS, |index| Ok((build(index)?, ())))
    }

    fn check_folder(&self, path: &str) -> Result<()> {
        self.engine().limits.check_experiment_path(path)?;
        if path.starts_with('/') && !segments(path).is_empty() {
            return Ok(());
        }
        let message = format!("folder {path:?} must begin with a slash, such as /Shared/team");
        Err(Error::new(ErrorKind::InvalidInput, message))
    }

    /// Returns the experiments below a folder at any depth, deleted ones too, ordered by path.
    ///
    /// Paths are compared by segments, so `/a/bc` and `/a/b` itself are not below `/a/b`. Leading,
    /// trailing and repeated slashes are ignored. The folder `/` has all experiments.
    ///
    /// # Performance
    ///
    /// Takes a few microseconds for each experiment of the database.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// for path in ["/Shared/team/churn", "/Shared/team/a/b", "/Shared/teams"] {
    ///     database.experiment(path)?;
    /// }
    /// let found = database.experiments_under("/Shared/team")?;
    /// let paths: Vec<&str> = found.iter().map(|info| info.path.as_str()).collect();
    /// assert_eq!(paths, ["/Shared/team/a/b", "/Shared/team/churn"]);
    /// let folder = database.experiment_folder("/Shared")?;
    /// assert_eq!(folder.folders, ["/Shared/team"]);
    /// assert_eq!(folder.experiments[0].path, "/Shared/teams");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn experiments_under(&self, folder: &str) -> Result<Vec<ExperimentInfo>> {
        let folder = segments(folder);
        let is_below = |path: &str| below(&folder, path).is_some();
        self.engine().with_index(|index, _| index.experiments_where(is_below))
    }

    /// Returns the folders and experiments directly in a folder, ordered by path.
    ///
    /// An unknown folder is empty. Paths are compared as in [`Database::experiments_under`], at the
    /// same cost.
    pub fn experiment_folder(&self, folder: &str) -> Result<ExperimentFolder> {
        let folder = segments(folder);
        let mut listed = ExperimentFolder {
            path: joined(&folder),
            folders: Vec::new(),
            experiments: Vec::new(),
        };
        let child = |first: &str| format!("{}/{first}", joined(&folder).trim_end_matches('/'));
        let mut folders = Vec::new();
        listed.experiments = self.engine().with_index(|index, _| {
            folders.clear();
            for made in index.folders()? {
                folders.extend(below(&folder, &made).map(|below| child(below[0])));
            }
            index.experiments_where(|path| match below(&folder, path).as_deref() {
                Some([_]) => true,
                Some([first, ..]) => {
                    folders.push(child(first));
                    false
                }
                _ => false,
            })
        })?;
        folders.sort_unstable();
        folders.dedup();
        listed.folders = folders;
        Ok(listed)
    }
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

/// Returns the folders above a folder, then the folder itself.
fn with_parents(path: &str) -> impl Iterator<Item = String> {
    let segments = segments(path);
    (1..=segments.len()).map(move |count| joined(&segments[..count]))
}

fn joined(segments: &[&str]) -> String {
    format!("/{}", segments.join("/"))
}

/// Returns the segments of the path below the folder, or `None` if it is not below the folder.
fn below<'p>(folder: &[&str], path: &'p str) -> Option<Vec<&'p str>> {
    let segments = segments(path);
    let is_below = segments.starts_with(folder) && segments.len() > folder.len();
    is_below.then(|| segments[folder.len()..].to_vec())
}
