//! Files in memory, processes that can be killed, and all that a file tells as plain values.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tracklite::internals::header::Header;
use tracklite::internals::new_file;
use tracklite::storage::simulated::SimulatedDisk;
use tracklite::storage::{Failure, Fault, FaultPlan, FaultStorage, MemoryFile, Storage};
use tracklite::{
    Database, IndexPlace, Lifecycle, Limits, MetricHistory, MetricPoint, MetricStatistics, Result,
    RunId, RunRecord, RunStatus, VerifyReport,
};

/// A new file.
pub fn create(id: u128) -> MemoryFile {
    let mut header = Header { file: tracklite::internals::new_header(id).file, created: 0 };
    header.created = 1_700_000_000_000_000_000;
    MemoryFile::with_bytes(&new_file(header))
}

/// A file that several processes can open.
pub trait File {
    /// As a process of its own sees it.
    fn storage(&self) -> Arc<dyn Storage>;

    /// All its bytes.
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

/// A disk that can lose power, with a file of these bytes.
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
    /// Whether each tick syncs what is not synced.
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

/// The switch that ends a process as `kill -9` does.
#[derive(Clone, Debug, Default)]
pub struct Kill(FaultPlan);

impl Kill {
    /// Nothing that the process does reaches the file any more. Its locks end with its storage:
    /// when its last handle is dropped.
    pub fn kill(&self) {
        self.kill_at(1);
    }

    /// As [`Kill::kill`], at the `nth` call of the storage from now on.
    pub fn kill_at(&self, nth: u64) {
        self.0.arm(Fault { kind: None, nth, failure: Failure::Io, for_ever: true });
    }

    /// Whether it has come to that.
    pub fn is_dead(&self) -> bool {
        self.0.failures() > 0
    }
}

/// Opens the file like a process of its own, whose calls fail as `faults` says.
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

/// A folder for files that need a real path; in memory where there is such a place.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Reads everything of a file on the disk.
pub fn read_path(path: &Path) -> Result<Content> {
    let builder = Database::builder().read_only(true).index(IndexPlace::InMemory);
    read(&builder.open(path)?)
}

/// The engine's own verification.
pub fn verify(file: &impl File) -> Result<VerifyReport> {
    tracklite::internals::verify_storage(file.storage())
}

/// A point as (time, step, bits of the value), so that points can be ordered and compared.
pub type Point = (i64, i64, u64);

/// An experiment as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExperimentContent {
    pub path: String,
    pub lifecycle: Lifecycle,
    pub tags: BTreeMap<String, String>,
}

/// A run as it is told, with all its points.
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

/// All that a file tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    pub experiments: BTreeMap<u64, ExperimentContent>,
    pub runs: BTreeMap<RunId, RunContent>,
}

impl Content {
    /// The number of points.
    pub fn points(&self) -> usize {
        self.runs.values().flat_map(|run| run.metrics.values()).map(Vec::len).sum()
    }
}

/// Reads everything, and checks that latest points and statistics agree with the points.
pub fn read(database: &Database) -> Result<Content> {
    read_where(database, |_| true)
}

/// As [`read`], but of metrics only those whose key is wanted.
pub fn read_where(database: &Database, is_wanted: impl Fn(&str) -> bool) -> Result<Content> {
    let mut content = Content::default();
    for info in database.experiments()? {
        let told =
            ExperimentContent { path: info.path, lifecycle: info.lifecycle, tags: info.tags };
        content.experiments.insert(info.id.get(), told);
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
        let told = RunContent {
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
        content.runs.insert(id, told);
    }
    Ok(content)
}

/// The tags without those that say again what the name and the parent are.
fn own_tags(record: &RunRecord) -> BTreeMap<String, String> {
    let mut tags = record.tags.clone();
    assert_eq!(tags.remove("mlflow.runName").as_ref(), Some(&record.info.name));
    let parent = record.info.parent.map(|parent| parent.to_string());
    assert_eq!(tags.remove("mlflow.parentRunId"), parent);
    tags
}

/// Opens the file for reading and reads everything.
pub fn read_file(file: &impl File) -> Result<Content> {
    read(&open(file, &Opening::read(), &FaultPlan::new()).0?)
}

/// The points of a history.
pub fn points_of(history: &MetricHistory) -> Vec<Point> {
    history.iter().map(|it| (it.time.as_nanos(), it.step, it.value.to_bits())).collect()
}

fn check_summary(
    history: &MetricHistory,
    latest: MetricPoint,
    statistics: Option<MetricStatistics>,
) {
    let places: Vec<_> = history.iter().map(|it| (it.time, it.step)).collect();
    assert!(places.is_sorted(), "the points of a history stand by time and step");
    let expected = history.iter().max_by(MetricPoint::latest_order).unwrap();
    assert!(expected.latest_order(&latest).is_eq(), "latest {latest:?}, points {expected:?}");
    let mut points = history.iter().map(MetricStatistics::of_point);
    let first = points.next().unwrap();
    let expected = points.fold(first, MetricStatistics::with);
    let told = statistics.unwrap();
    let numbers = |it: MetricStatistics| (it.count, it.nan_count, it.first_step, it.last_step);
    assert_eq!(numbers(told), numbers(expected));
    // Which of -0 and 0 is the smaller one depends on the order of adding.
    let same = |left: f64, right: f64| left == right || (left.is_nan() && right.is_nan());
    assert!(same(told.min, expected.min) && same(told.max, expected.max), "{told:?}");
}
