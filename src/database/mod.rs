//! The database: one file, opened once in a process however many handles there are.

pub(crate) mod builder;
pub(crate) mod deleted;
pub(crate) mod upkeep;

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use crate::database::builder::DatabaseBuilder;
use crate::database::upkeep::{DatabaseInfo, GcReport, VacuumReport};
use crate::engine::Engine;
use crate::engine::points::keep_latest;
use crate::entity::id::{ExperimentId, RunId, Timestamp};
use crate::entity::{ExperimentInfo, Lifecycle, RunRecord, RunStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::experiment::{Experiment, check_experiment_writable, no_such_experiment, path_taken};
use crate::format::record::{
    ExperimentCreated, ExperimentTagsSet, Record, RunLifecycleSet, RunResumed, RunUpdated,
};
use crate::index::{RunScope, SqlTable};
use crate::log::{Damage, State};
use crate::run::{Run, no_such_run};
use crate::verify::dump::{self, DumpedFrame};
use crate::verify::{self, SalvageReport, VerifyReport};

/// An open file of runs. Clones are the same handle; any thread may use them.
///
/// The last handle that is dropped seals what is still in extents, syncs and leaves the file;
/// [`Database::close`] does the same and says whether it went well. Runs, experiments and metric
/// handles are handles of the database too.
///
/// The same file opened twice in a process, by whatever path, is one open file; the options of
/// the first opening hold. A thread in the background syncs and seals once a second.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("runs.tracklite");
/// use tracklite::Database;
///
/// let database = Database::create(&path)?;
/// database.default_experiment()?.start_run("baseline")?;
/// database.close()?;
///
/// let database = Database::open_read_only(&path)?;
/// for run in database.runs()? {
///     println!("{} {}", run.info.id, run.info.name);
/// }
/// let table = database.sql("SELECT name FROM runs")?;
/// assert_eq!(table.rows.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Database(Arc<Engine>);

impl Database {
    /// Opens the file, creating it when there is none.
    ///
    /// Any number of processes may do so at once: one creates it, all open it. A folder that does
    /// not exist is [`ErrorKind::NotFound`]; else the errors are those of [`Database::open`].
    /// Creating costs two syncs; opening is as in [`Database::open`].
    pub fn create(path: impl AsRef<Path>) -> Result<Database> {
        Database::builder().create(true).open(path)
    }

    /// Opens the file, which must exist.
    ///
    /// No file is [`ErrorKind::NotFound`], other bytes [`ErrorKind::NotTracklite`], a newer format
    /// [`ErrorKind::UnsupportedFormat`], a damaged file [`ErrorKind::Damaged`]. One that a newer
    /// build has written so that this one may only read is [`ErrorKind::ReadOnly`]. Costs
    /// the reading of the metadata since its newest checkpoint, and of a word for each piece of it
    /// before: not of the points.
    pub fn open(path: impl AsRef<Path>) -> Result<Database> {
        Database::builder().open(path)
    }

    /// Opens the file for reading: nothing is written to it and no lock is taken, so that it may
    /// lie on read-only media. Every write fails with [`ErrorKind::ReadOnly`]. Only a backup takes
    /// a lock, where it may.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Database> {
        Database::builder().read_only(true).open(path)
    }

    /// Opens the file with options of the caller's.
    pub fn builder() -> DatabaseBuilder {
        DatabaseBuilder::new()
    }

    pub(crate) fn from_engine(engine: Arc<Engine>) -> Database {
        Database(engine)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0
    }

    /// The path by which the file was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The experiment of this path, such as `/Shared/team/churn`; it is created when there is none.
    ///
    /// A deleted one is [`ErrorKind::InvalidState`], an illegal path [`ErrorKind::InvalidInput`]:
    /// not all blank, and of at most 500 characters unless [`Limits`](crate::Limits) say
    /// otherwise. One that is new costs a record in the file.
    pub fn experiment(&self, path: &str) -> Result<Experiment> {
        self.0.limits.check_experiment_path(path).map_err(|error| self.0.locate(error))?;
        let is_known = |state: &State| -> Result<Option<ExperimentId>> {
            let Some(id) = state.experiment_of(path) else { return Ok(None) };
            check_experiment_writable(state, id).map(|()| Some(id))
        };
        let known = self.0.log.with_state(|state, _| is_known(state));
        if let Some(id) = known.and_then(|known| known).map_err(|error| self.0.locate(error))? {
            return Ok(Experiment::new(self.clone(), id));
        }
        let appended = self.0.log.append(|state, _| match is_known(state)? {
            Some(id) => Ok((Vec::new(), id)),
            None => Ok(new_experiment(state, path)),
        });
        let id = appended.map_err(|error| self.0.locate(error))?;
        Ok(Experiment::new(self.clone(), id))
    }

    /// Creates the experiment of this path, which must be new: a path that is taken, also by a
    /// deleted experiment, is [`ErrorKind::AlreadyExists`]. Of several that create it at once, one
    /// does. Otherwise as [`Database::experiment`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("runs.tracklite");
    /// use tracklite::{Database, ErrorKind};
    ///
    /// let database = Database::create(&path)?;
    /// database.create_experiment("/Shared/team/churn")?;
    /// let again = database.create_experiment("/Shared/team/churn");
    /// assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_experiment(&self, path: &str) -> Result<Experiment> {
        self.create_experiment_with::<&str, &str>(path, [])
    }

    /// As [`Database::create_experiment`], with tags, in one step.
    ///
    /// An illegal tag is [`ErrorKind::InvalidInput`].
    pub fn create_experiment_with<K: AsRef<str>, V: ToString>(
        &self,
        path: &str,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Experiment> {
        let limits = &self.0.limits;
        let checked = limits
            .check_experiment_path(path)
            .and_then(|()| limits.experiment_tags().collect(tags));
        let tags = checked.map_err(|error| self.0.locate(error))?;
        let appended = self.0.log.append(|state, _| match state.experiment_of(path) {
            Some(id) => Err(path_taken(path, id)),
            None => Ok(with_tags(new_experiment(state, path), tags.clone())),
        });
        let id = appended.map_err(|error| self.0.locate(error))?;
        Ok(Experiment::new(self.clone(), id))
    }

    /// The experiment of this path, deleted or not, if there is one. Writes nothing.
    pub fn find_experiment(&self, path: &str) -> Result<Option<Experiment>> {
        let found = self.0.log.with_state(|state, _| state.experiment_of(path));
        let found = found.map_err(|error| self.0.locate(error))?;
        Ok(found.map(|id| Experiment::new(self.clone(), id)))
    }

    /// The experiment of this id; [`ErrorKind::NotFound`] when there is none.
    pub fn experiment_by_id(&self, id: ExperimentId) -> Result<Experiment> {
        let known = self.0.log.with_state(|state, _| state.experiments.contains_key(&id));
        match known.map_err(|error| self.0.locate(error))? {
            true => Ok(Experiment::new(self.clone(), id)),
            false => Err(self.0.locate(no_such_experiment(id))),
        }
    }

    /// The experiment that every file has: id 0, named `Default`.
    pub fn default_experiment(&self) -> Result<Experiment> {
        self.experiment_by_id(ExperimentId::DEFAULT)
    }

    /// All experiments, deleted ones too, by id.
    pub fn experiments(&self) -> Result<Vec<ExperimentInfo>> {
        self.0.with_index(|index, _| index.experiments())
    }

    /// A handle of the run: reads what is there now, and writes when asked to.
    ///
    /// It writes nothing by itself, also to a run that has ended; to go on with one as its writer
    /// see [`Database::resume_run`]. No such run is [`ErrorKind::NotFound`].
    pub fn run(&self, id: RunId) -> Result<Run> {
        let (experiment, gate) = self.hold_run(id)?;
        Ok(Run::new(self.clone(), id, experiment, gate))
    }

    /// Goes on with a run: its status becomes `RUNNING`, its end is cleared, and it belongs to
    /// this process (see [`Run::is_alive`]), whoever had it before.
    ///
    /// A deleted run is [`ErrorKind::InvalidState`].
    pub fn resume_run(&self, id: RunId) -> Result<Run> {
        let run = self.run(id)?;
        let appended = self.0.log.append(|state, _| {
            crate::log::check_run_writable(state, id)?;
            let writer = self.0.log.check_usable()?;
            let time = Timestamp::now().as_nanos();
            let status = Some(RunStatus::Running);
            let updated = RunUpdated { run: id, name: None, status, ended: Some(None) };
            let resumed = RunResumed { run: id, incarnation: writer.incarnation, time };
            Ok((vec![resumed.into(), updated.into()], ()))
        });
        appended.map_err(|error| self.0.locate(error))?;
        Ok(run)
    }

    /// The run whose id begins so. None is [`ErrorKind::NotFound`], several are
    /// [`ErrorKind::InvalidInput`].
    pub fn find_run(&self, prefix: &str) -> Result<RunId> {
        let prefix = prefix.to_ascii_lowercase();
        let is_hex =
            (1..=32).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
        let found = match is_hex {
            true => self.0.with_index(|index, _| index.runs_by_prefix(&prefix))?,
            false => Vec::new(),
        };
        let (kind, message) = match found[..] {
            [id] => return Ok(id),
            [] => (ErrorKind::NotFound, format!("there is no run whose id begins with {prefix:?}")),
            _ => {
                let message = format!("several run ids begin with {prefix:?}: give more digits");
                (ErrorKind::InvalidInput, message)
            }
        };
        Err(self.0.locate(Error::new(kind, message)))
    }

    /// Active runs of active experiments, the newest first, with params, tags and latest metrics.
    pub fn runs(&self) -> Result<Vec<RunRecord>> {
        self.run_records(RunScope::Active)
    }

    /// All runs, deleted ones too, the newest first, with params, tags and latest metrics.
    pub fn all_runs(&self) -> Result<Vec<RunRecord>> {
        self.run_records(RunScope::All)
    }

    pub(crate) fn runs_of(&self, experiment: ExperimentId) -> Result<Vec<RunRecord>> {
        self.run_records(RunScope::ActiveOf(experiment))
    }

    pub(crate) fn record_of(&self, id: RunId) -> Result<RunRecord> {
        let found = self.run_records(RunScope::One(id))?;
        found.into_iter().next().ok_or_else(|| self.0.locate(no_such_run(id)))
    }

    fn run_records(&self, scope: RunScope) -> Result<Vec<RunRecord>> {
        // Live points first: one that is sealed in between is then found in the index.
        let only = if let RunScope::One(id) = scope { Some(id) } else { None };
        let live = self.0.live_latest(only)?;
        let mut records = self.0.with_index(|index, _| index.run_records(scope))?;
        for record in &mut records {
            for (key, point) in live.get(&record.info.id).into_iter().flatten() {
                keep_latest(&mut record.metrics, key, *point);
            }
        }
        Ok(records)
    }

    /// Marks a run deleted; nothing happens to one that is deleted already, nor to runs nested in
    /// it. It takes no more writes, can be read, and is restored by [`Database::restore_run`]
    /// until [`Database::gc`] removes it. No such run is [`ErrorKind::NotFound`].
    pub fn delete_run(&self, id: RunId) -> Result<()> {
        self.set_run_lifecycle(id, Lifecycle::Deleted)
    }

    /// Restores a deleted run; nothing happens to an active one.
    pub fn restore_run(&self, id: RunId) -> Result<()> {
        self.set_run_lifecycle(id, Lifecycle::Active)
    }

    fn set_run_lifecycle(&self, id: RunId, lifecycle: Lifecycle) -> Result<()> {
        let _held = self.run(id)?;
        let appended = self.0.log.append(|state, _| {
            let held = state.runs.get(&id).filter(|held| !held.purged);
            let held = held.ok_or_else(|| no_such_run(id))?;
            if held.lifecycle == lifecycle {
                return Ok((Vec::new(), ()));
            }
            let time = Timestamp::now().as_nanos();
            Ok((vec![RunLifecycleSet { run: id, lifecycle, time }.into()], ()))
        });
        appended.map_err(|error| self.0.locate(error))
    }

    /// Makes everything durable that was logged before the call, by any process; survives a power
    /// cut as far as the device honours a flush. Costs what the device takes for one.
    ///
    /// After a sync of any process has failed, or its process was killed in it, everything that is
    /// readable is written again by the processes that have the file open. This call does its
    /// part and waits for the others, usually a second; it is [`ErrorKind::Poisoned`] when they
    /// take longer than `DatabaseBuilder::lock_timeout`: one is stopped, or has no background
    /// thread and does not call `tick`. Logging goes on meanwhile.
    pub fn sync(&self) -> Result<()> {
        self.0.log.sync().map_err(|error| self.0.locate(error))
    }

    /// Does at once what the background thread does once a second: sync, seal, tend to the dead.
    ///
    /// For programs that run without it (see `DatabaseBuilder::background`).
    pub fn tick(&self) -> Result<()> {
        self.0.log.tick().map_err(|error| self.0.locate(error))
    }

    /// Answers a SQL query over the index: tables `runs`, `params`, `tags`, `metrics` and others.
    ///
    /// Anything but reading is [`ErrorKind::InvalidInput`]. Points are not in the index; the
    /// latest sealed point of each metric is.
    pub fn sql(&self, query: &str) -> Result<SqlTable> {
        self.0.with_index(|index, _| index.sql(query))
    }

    /// Facts about the file: sizes, counts, writers, warnings. Reads the live extents.
    pub fn info(&self) -> Result<DatabaseInfo> {
        upkeep::info(&self.0).map_err(|error| self.0.locate(error))
    }

    /// Purges all deleted runs and experiments for good, and gives the space of their points and
    /// artifacts back, and that of other artifacts that were deleted or replaced.
    ///
    /// Names and params of purged runs stay in the file's history until a vacuum. Others may go on
    /// writing meanwhile. Costs two syncs and the rewriting of blocks that are mostly dead.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// database.default_experiment()?.start_run("a mistake")?.delete()?;
    /// assert_eq!(database.gc()?.runs, 1);
    /// assert!(database.all_runs()?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn gc(&self) -> Result<GcReport> {
        upkeep::gc(&self.0).map_err(|error| self.0.locate(error))
    }

    /// Writes what the file holds now to a new file, while this and other processes go on writing.
    ///
    /// Every point logged before the call is in the copy, of those logged meanwhile the first ones
    /// of each process. A file that may only be read is copied while nobody writes it, else it is
    /// [`ErrorKind::Locked`].
    ///
    /// The copy is compact: its points are in column blocks. A file of that name is
    /// [`ErrorKind::AlreadyExists`]; records that only a newer build knows how to copy are
    /// [`ErrorKind::UnsupportedFormat`]. Costs the reading and writing of all that is live.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (path, copy) = (folder.path().join("runs.tracklite"), folder.path().join("copy"));
    /// use tracklite::Database;
    ///
    /// let database = Database::create(&path)?;
    /// let run = database.default_experiment()?.start_run("baseline")?;
    /// run.log_metric("loss", 0.5, 0)?;
    /// database.backup(&copy)?;
    /// assert!(Database::verify(&copy)?.is_sound());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<()> {
        upkeep::backup(&self.0, to.as_ref()).map_err(|error| self.0.locate(error))
    }

    /// Rewrites a file without what is purged or empty, so that it becomes shorter.
    ///
    /// While anybody has it open for writing it is [`ErrorKind::Locked`]; with other names (hard
    /// links) it is [`ErrorKind::InvalidState`]. Needs room for the new file beside the old one,
    /// which stays in place until the new one is whole and synced.
    ///
    /// The new file has the old one's mode and, as far as the process may give them, its owner,
    /// group, access list and other attributes. The vacuum that the last writer to close does by
    /// itself leaves a file alone that belongs to another user.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("runs.tracklite");
    /// use tracklite::Database;
    ///
    /// Database::create(&path)?.close()?;
    /// let report = Database::vacuum(&path)?;
    /// assert!(report.after_bytes <= report.before_bytes);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn vacuum(path: impl AsRef<Path>) -> Result<VacuumReport> {
        upkeep::vacuum(path.as_ref())
    }

    /// Checks every checksum of a file and that what it says fits together; names each damage, and
    /// changes nothing. Takes the time of reading and decoding the whole file.
    ///
    /// A file whose header cannot be read has no report: it is [`ErrorKind::NotTracklite`] or
    /// [`ErrorKind::Damaged`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("runs.tracklite");
    /// # tracklite::Database::create(&path)?.close()?;
    /// for damage in tracklite::Database::verify(&path)?.damages {
    ///     println!("{} at byte {}: wanted {}, got {}",
    ///              damage.place, damage.offset, damage.wanted, damage.got);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(path: impl AsRef<Path>) -> Result<VerifyReport> {
        verify::verify(path.as_ref())
    }

    /// Writes all that is still good in a damaged file to a new one, and lists what is lost.
    ///
    /// The file itself stays as it is. Others may go on writing to it: as in a backup, nothing is
    /// moved meanwhile, every point logged before the call is looked at, and what is being logged
    /// is no loss. A file that may only be read is salvaged while nobody writes it, else it is
    /// [`ErrorKind::Locked`]. `out` gets its name when it is whole and durable; a file of that name
    /// is [`ErrorKind::AlreadyExists`].
    pub fn salvage(path: impl AsRef<Path>, out: impl AsRef<Path>) -> Result<SalvageReport> {
        verify::salvage(path.as_ref(), out.as_ref())
    }

    /// Writes each frame and record of a file's metadata chain as text, for people.
    pub fn dump(path: impl AsRef<Path>, out: &mut dyn Write) -> Result<()> {
        dump::dump(path.as_ref(), out)
    }

    /// Visits each frame of a file's metadata chain that is sound by itself, in the order of the
    /// chain; gives what is damaged between them.
    ///
    /// Takes the time of reading the chain. An error of `visit` ends it.
    pub fn frames(
        path: impl AsRef<Path>,
        mut visit: impl FnMut(&DumpedFrame) -> Result<()>,
    ) -> Result<Vec<Damage>> {
        dump::frames(path.as_ref(), &mut visit)
    }

    /// Seals what is still in extents, syncs, and leaves the file. With other handles still there
    /// it only syncs.
    pub fn close(self) -> Result<()> {
        match Arc::try_unwrap(self.0) {
            Ok(engine) => engine.close(),
            Err(engine) if engine.log.writer().is_some() => {
                engine.log.sync().map_err(|error| engine.locate(error))
            }
            Err(_) => Ok(()),
        }
    }
}

/// The record of a new experiment, and its id.
fn new_experiment(state: &State, path: &str) -> (Vec<Record>, ExperimentId) {
    let (experiment, time) = (state.next_experiment(), Timestamp::now().as_nanos());
    let created = ExperimentCreated { experiment, path: path.to_owned(), time };
    (vec![created.into()], experiment)
}

fn with_tags(
    (mut records, experiment): (Vec<Record>, ExperimentId),
    tags: Vec<(String, String)>,
) -> (Vec<Record>, ExperimentId) {
    if !tags.is_empty() {
        let time = Timestamp::now().as_nanos();
        records.push(ExperimentTagsSet { experiment, tags, time }.into());
    }
    (records, experiment)
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.path()).finish()
    }
}
