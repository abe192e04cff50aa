//! Files in memory, processes that can be killed, and the contents of a file as plain values.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tracklite::internals::header::Header;
use tracklite::internals::new_file;
use tracklite::internals::storage::simulated::SimulatedDisk;
use tracklite::internals::storage::{Failure, Fault, FaultPlan, FaultStorage, MemoryFile, Storage};
use tracklite::upkeep::VerifyReport;
use tracklite::{
    Database, IndexPlace, Lifecycle, Limits, MetricHistory, MetricPoint, MetricStatistics, Result,
    RunId, RunRecord, RunStatus,
};

/// Creates a file.
pub fn create(id: u128) -> MemoryFile {
    let mut header = Header { file: tracklite::internals::new_header(id).file, created: 0 };
    header.created = 1_700_000_000_000_000_000;
    MemoryFile::with_bytes(&new_file(header))
}

/// A file that several processes can open.
pub trait File {
    /// Opens the file as a separate process.
    fn storage(&self) -> Arc<dyn Storage>;

    /// Reads all bytes.
    fn bytes(&self) -> Vec<u8> {
        let storage = self.storage();
        let mut bytes = vec![0; usize::try_from(storage.len().unwrap()).unwrap()];
        let mut read = 0;
        while read < bytes.len() {
            let count = storage.read_at(read as u64, &mut bytes[read..]).unwrap();
            assert!(count > 0, "the file ends at {read} of {}", bytes.len());
            read += count;
        }
        bytes
    }
}

impl File for MemoryFile {
    fn storage(&self) -> Arc<dyn Storage> {
        Arc::new(self.open())
    }
}

impl File for SimulatedDisk {
    fn storage(&self) -> Arc<dyn Storage> {
        Arc::new(self.attach())
    }
}

/// Creates a disk that can lose power, and that contains a file with these bytes.
pub fn disk_with(bytes: &[u8], seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    let storage = disk.attach();
    storage.write_at(0, bytes).unwrap();
    storage.sync().unwrap();
    disk
}

/// How a process opens a file.
#[derive(Clone, Debug)]
pub struct Opening {
    pub read_only: bool,
    /// Whether each tick syncs pending data.
    pub tick_syncs: bool,
    pub index: IndexPlace,
}

impl Opening {
    pub fn write() -> Self {
        Opening { read_only: false, tick_syncs: true, index: IndexPlace::InMemory }
    }

    pub fn read() -> Self {
        Opening { read_only: true, ..Self::write() }
    }
}

/// A switch that ends a process like `kill -9`.
#[derive(Clone, Debug, Default)]
pub struct Kill(FaultPlan);

impl Kill {
    /// Kills the process: no later call reaches the file. Its locks end when its last handle is
    /// dropped.
    pub fn kill(&self) {
        self.kill_at(1);
    }

    /// Like [`Kill::kill`], at the `nth` storage call from now on.
    pub fn kill_at(&self, nth: u64) {
        self.0.arm(Fault { kind: None, nth, failure: Failure::Io, for_ever: true });
    }

    /// Returns whether the process has died.
    pub fn is_dead(&self) -> bool {
        self.0.failures() > 0
    }
}

/// Opens the file as a separate process with planned storage faults.
pub fn open(file: &impl File, opening: &Opening, faults: &FaultPlan) -> (Result<Database>, Kill) {
    let kill = Kill::default();
    let storage = FaultStorage::new(file.storage(), faults);
    let storage = FaultStorage::new(Arc::new(storage), &kill.0);
    let database = Database::builder()
        .read_only(opening.read_only)
        .background(false)
        .sync_interval(opening.tick_syncs.then_some(Duration::from_secs(1)))
        .index(opening.index.clone())
        .lock_timeout(Duration::from_millis(5))
        .limits(Limits::unlimited())
        .open_storage(Path::new("memory"), Arc::new(storage));
    (database, kill)
}

/// Creates a folder for files that need a real path, in memory if possible.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Reads the contents of a file on disk.
pub fn read_path(path: &Path) -> Result<Content> {
    let builder = Database::builder().read_only(true).index(IndexPlace::InMemory);
    read(&builder.open(path)?)
}

/// Runs the engine's own verification.
pub fn verify(file: &impl File) -> Result<VerifyReport> {
    tracklite::internals::verify_storage(file.storage())
}

/// A point as (time, step, bits of the value), which can be sorted and compared.
pub type Point = (i64, i64, u64);

/// The contents of an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExperimentContent {
    pub path: String,
    pub lifecycle: Lifecycle,
    pub tags: BTreeMap<String, String>,
}

/// The contents of a run, with all its points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunContent {
    pub experiment: u64,
    pub name: String,
    pub parent: Option<RunId>,
    pub status: RunStatus,
    pub has_ended: bool,
    pub lifecycle: Lifecycle,
    pub params: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    pub metrics: BTreeMap<String, Vec<Point>>,
}

/// The contents of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    pub experiments: BTreeMap<u64, ExperimentContent>,
    pub runs: BTreeMap<RunId, RunContent>,
}

impl Content {
    /// Returns the number of points.
    pub fn points(&self) -> usize {
        self.runs.values().flat_map(|run| run.metrics.values()).map(Vec::len).sum()
    }
}

/// Reads everything. Checks that latest points and statistics agree with the points.
pub fn read(database: &Database) -> Result<Content> {
    read_where(database, |_| true)
}

/// Like [`read`], but only with metrics whose key is wanted.
pub fn read_where(database: &Database, is_wanted: impl Fn(&str) -> bool) -> Result<Content> {
    let mut content = Content::default();
    for info in database.experiments()? {
        let found =
            ExperimentContent { path: info.path, lifecycle: info.lifecycle, tags: info.tags };
        content.experiments.insert(info.id.get(), found);
    }
    for record in database.all_runs()? {
        let (id, info) = (record.info.id, record.info.clone());
        let run = database.run(id)?;
        let mut metrics = BTreeMap::new();
        for (key, latest) in record.metrics.iter().filter(|(key, _)| is_wanted(key)) {
            let history = run.history(key)?;
            check_summary(&history, *latest, run.statistics(key)?);
            metrics.insert(key.clone(), points_of(&history));
        }
        let found = RunContent {
            experiment: info.experiment.get(),
            name: info.name,
            parent: info.parent,
            status: info.status,
            has_ended: info.ended.is_some(),
            lifecycle: info.lifecycle,
            tags: own_tags(&record),
            params: record.params,
            metrics,
        };
        content.runs.insert(id, found);
    }
    Ok(content)
}

/// Returns the tags except those that repeat the name and the parent.
fn own_tags(record: &RunRecord) -> BTreeMap<String, String> {
    let mut tags = record.tags.clone();
    assert_eq!(tags.remove("mlflow.runName").as_ref(), Some(&record.info.name));
    let parent = record.info.parent.map(|parent| parent.to_string());
    assert_eq!(tags.remove("mlflow.parentRunId"), parent);
    tags
}

/// Opens the file read-only and reads everything.
pub fn read_file(file: &impl File) -> Result<Content> {
    read(&open(file, &Opening::read(), &FaultPlan::new()).0?)
}

/// Returns the points of a history.
pub fn points_of(history: &MetricHistory) -> Vec<Point> {
    let point = |point: MetricPoint| (point.time.as_nanos(), point.step, point.value.to_bits());
    history.iter().map(point).collect()
}

fn check_summary(
    history: &MetricHistory,
    latest: MetricPoint,
    statistics: Option<MetricStatistics>,
) {
    let places: Vec<_> = history.iter().map(|point| (point.time, point.step)).collect();
    assert!(places.is_sorted(), "the points of a history are not sorted by time and step");
    let expected = history.iter().max_by(MetricPoint::latest_order).unwrap();
    assert!(expected.latest_order(&latest).is_eq(), "latest {latest:?}, points {expected:?}");
    let mut points = history.iter().map(MetricStatistics::of_point);
    let first = points.next().unwrap();
    let expected = points.fold(first, MetricStatistics::with);
    let reported = statistics.unwrap();
    let numbers = |it: MetricStatistics| (it.count, it.nan_count, it.first_step, it.last_step);
    assert_eq!(numbers(reported), numbers(expected));
    // Whether -0 or 0 is the minimum depends on the order of addition.
    let same = |left: f64, right: f64| left == right || (left.is_nan() && right.is_nan());
    let is_equal = same(reported.min, expected.min) && same(reported.max, expected.max);
    assert!(is_equal, "statistics {reported:?}, points {expected:?}");
}
