//! A file, processes with planned storage faults, and the journal of their calls.

use tracklite::internals::storage::{FaultPlan, MemoryFile};
use tracklite::{Database, Error, ErrorKind, Result, Run, RunId, Timestamp};

use super::journal::{Journal, Outcome, RunJournal, text_of, value_of};
use crate::support::{self, Kill, Opening};

/// Metrics per row.
pub const ROW_KEYS: usize = 24;
/// Slightly more rows than fit into an extent of one unit.
pub const ROWS_PER_EXTENT: usize = 300;

pub struct World {
    pub file: MemoryFile,
    pub faults: FaultPlan,
    pub journal: Journal,
    /// Whether a call may succeed despite a failed storage call.
    pub may_pass: bool,
    /// Whether a tick or a close may succeed despite a failed storage call.
    pub sealing_may_pass: bool,
    /// The errors of the failed calls.
    pub errors: Vec<String>,
    next_step: i64,
    row_keys: Vec<String>,
}

/// A process of the world.
pub struct Process {
    pub database: Database,
    pub kill: Kill,
}

impl World {
    pub fn new() -> Self {
        World {
            file: support::create(7),
            faults: FaultPlan::new(),
            journal: Journal::default(),
            may_pass: false,
            sealing_may_pass: false,
            errors: Vec::new(),
            next_step: 0,
            row_keys: (0..ROW_KEYS).map(|number| format!("row/{number}")).collect(),
        }
    }

    /// Makes a call. It must fail if a storage call fails, except where it may succeed. Otherwise
    /// it may fail only after an earlier fault.
    pub fn call<T>(&mut self, what: &str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        let before = self.faults.failures();
        let outcome = work();
        let was_hit = self.faults.failures() > before;
        match outcome {
            Ok(value) => {
                let seals = ["tick", "close"].contains(&what);
                let may_pass = self.may_pass || (self.sealing_may_pass && seals);
                assert!(!was_hit || may_pass, "{what} succeeded despite a storage fault");
                Some(value)
            }
            Err(error) => {
                assert!(self.faults.failures() > 0, "{what} failed without a fault: {error}");
                self.judge(what, &error);
                None
            }
        }
    }

    /// Checks that an error is informative, and does not report damage, because there is none.
    fn judge(&mut self, what: &str, error: &Error) {
        let kinds = [ErrorKind::Io, ErrorKind::StorageFull, ErrorKind::Poisoned, ErrorKind::Locked];
        let text = format!("{what}: {:?}: {error}", error.kind());
        assert!(kinds.contains(&error.kind()), "{text}");
        let source = std::error::Error::source(error);
        assert!(is_informative(error), "{text}: caused by {source:?}");
        self.errors.push(text);
    }

    /// Opens the file. Retries once.
    pub fn open(&mut self) -> Option<Process> {
        self.open_with(&Opening::write())
    }

    pub fn open_with(&mut self, opening: &Opening) -> Option<Process> {
        let (file, faults) = (self.file.clone(), self.faults.clone());
        for _ in 0..2 {
            let open = || {
                let (database, kill) = support::open(&file, opening, &faults);
                Ok(Process { database: database?, kill })
            };
            if let Some(process) = self.call("open", open) {
                return Some(process);
            }
        }
        None
    }

    pub fn start_run(&mut self, process: &Process, name: &str) -> Option<Run> {
        for attempt in 0..2 {
            let name = format!("{name} {attempt}");
            let database = &process.database;
            let start = || {
                let experiment = database.experiment("/faults")?;
                let run = experiment.new_run().name(&name).param("seed", text_of("seed"));
                run.tag("stage", text_of("stage")).start()
            };
            let run = self.call("start a run", start);
            match run {
                None => self.journal.failed_starts.push(name),
                Some(run) => {
                    let mut journal = RunJournal::default();
                    journal.params.insert("seed".to_owned(), Outcome::Acknowledged);
                    journal.tags.insert("stage".to_owned(), Outcome::Acknowledged);
                    self.journal.runs.insert(run.id(), journal);
                    return Some(run);
                }
            }
        }
        None
    }

    pub fn of(&mut self, run: RunId) -> &mut RunJournal {
        self.journal.runs.entry(run).or_default()
    }

    pub fn log_param(&mut self, run: &Run, key: &str) {
        let done = self.call("log a param", || run.log_param(key, text_of(key)));
        self.of(run.id()).params.insert(key.to_owned(), Outcome::of(done.as_ref()));
    }

    pub fn set_tag(&mut self, run: &Run, key: &str) {
        let done = self.call("set a tag", || run.set_tag(key, text_of(key)));
        self.of(run.id()).tags.insert(key.to_owned(), Outcome::of(done.as_ref()));
    }

    fn step(&mut self) -> (i64, Timestamp) {
        self.next_step += 1;
        (self.next_step, Timestamp::from_nanos(1_700_000_000_000_000_000 + self.next_step))
    }

    /// Logs points of one metric. Retries each once, at another step.
    pub fn log_points(&mut self, run: &Run, key: &str, count: usize) {
        for _ in 0..count {
            for _ in 0..2 {
                let (step, time) = self.step();
                let log = || run.metric(key)?.log_at(value_of(step), step, time);
                let done = self.call("log a point", log);
                let points = self.of(run.id()).points.entry(key.to_owned()).or_default();
                points.push((step, Outcome::of(done.as_ref())));
                if done.is_some() {
                    break;
                }
            }
        }
    }

    /// Logs rows of [`ROW_KEYS`] metrics.
    pub fn log_rows(&mut self, run: &Run, count: usize) {
        let names = self.row_keys.clone();
        let keys: Vec<&str> = names.iter().map(String::as_str).collect();
        for _ in 0..count {
            let (step, time) = self.step();
            let values = vec![value_of(step); ROW_KEYS];
            let log = || run.metric_row(&keys)?.log_at(&values, step, time);
            let done = self.call("log a row", log);
            let outcome = Outcome::of(done.as_ref());
            // The first, the middle and the last metric represent the row.
            for key in [0, ROW_KEYS / 2, ROW_KEYS - 1] {
                let key = self.row_keys[key].clone();
                self.of(run.id()).points.entry(key).or_default().push((step, outcome));
            }
        }
    }

    pub fn tick(&mut self, process: &Process) -> bool {
        self.call("tick", || process.database.tick()).is_some()
    }

    /// Syncs. This must fail if it, or the sync before it, hits a fault.
    pub fn sync(&mut self, process: &Process) -> bool {
        self.call("sync", || process.database.sync()).is_some()
    }

    pub fn finish(&mut self, run: Run) {
        let id = run.id();
        let done = self.call("finish", || run.finish());
        self.of(id).ending = Some(Outcome::of(done.as_ref()));
    }

    pub fn close(&mut self, process: Process) -> bool {
        self.call("close", || process.database.close()).is_some()
    }

    /// Ends the process like `kill -9`.
    pub fn kill(&mut self, process: Process) {
        process.kill.kill();
        drop(process);
    }

    /// Checks that everything acknowledged is there before, during and after another write.
    pub fn check(&self) -> Result<(), String> {
        self.faults.disarm();
        let describe = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
        let compare = |what: &str| -> Result<(), String> {
            let content = self.read().map_err(|error| describe(what, &error))?;
            self.journal.compare(&content).map_err(|error| describe(what, &error))?;
            let report = support::verify(&self.file).map_err(|error| describe(what, &error))?;
            if report.is_sound() {
                Ok(())
            } else {
                Err(format!("{what}: verify reports {:?}", report.damages))
            }
        };
        compare("read before recovery")?;
        let (database, _) = support::open(&self.file, &Opening::write(), &FaultPlan::new());
        let database = database.map_err(|error| describe("reopen", &error))?;
        compare("read while a writer has it open")?;
        // The first tick may find the failed sync of a dead writer. The next ones recover from it.
        for _ in 0..3 {
            database.tick().map_err(|error| describe("tick after reopening", &error))?;
        }
        database.sync().map_err(|error| describe("sync after recovery", &error))?;
        compare("read after recovery")?;
        let experiment = database.default_experiment();
        let run = experiment.and_then(|experiment| experiment.start_run("after the faults"));
        let run = run.map_err(|error| describe("start a run after the faults", &error))?;
        let id = run.id();
        drop(run);
        let purged = database.delete_run(id).and_then(|()| database.gc());
        let purged = purged.map_err(|error| describe("gc", &error))?;
        assert!(purged.runs >= 1);
        let mut after = self.journal.clone();
        for run in after.runs.values_mut().filter(|run| run.deletion.is_some()) {
            run.purge = run.deletion;
        }
        database.close().map_err(|error| describe("close", &error))?;
        let content = self.read().map_err(|error| describe("final read", &error))?;
        after.compare(&content).map_err(|error| describe("final read", &error))?;
        let report = support::verify(&self.file).map_err(|error| describe("verify", &error))?;
        if report.is_sound() {
            Ok(())
        } else {
            Err(format!("the final verify reports {:?}", report.damages))
        }
    }

    /// Reads everything, except the metrics of rows that are not in the journal.
    fn read(&self) -> Result<support::Content> {
        let (database, _) = support::open(&self.file, &Opening::read(), &FaultPlan::new());
        let recorded = [0, ROW_KEYS / 2, ROW_KEYS - 1].map(|key| self.row_keys[key].clone());
        let is_read = |key: &str| !key.starts_with("row/") || recorded.iter().any(|row| row == key);
        support::read_where(&database?, is_read)
    }
}

/// Returns whether an error names the file, the failed action and the cause.
fn is_informative(error: &Error) -> bool {
    let text = error.to_string();
    let Some(message) = text.strip_prefix("memory: ") else { return false };
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let contains = |words: &[&str]| words.iter().any(|word| message.contains(word));
    // "syncing the file failed", "writing a frame of 80 bytes at 65664"
    let names_action = message.split_whitespace().next().is_some_and(|word| word.ends_with("ing"));
    match error.kind() {
        ErrorKind::Io => names_action && cause.contains("Input/output error"),
        ErrorKind::StorageFull => names_action && cause.contains("No space left"),
        ErrorKind::Poisoned => contains(&["a sync of this file failed before"]),
        ErrorKind::Locked => contains(&["has been locked for more than"]) && contains(&[" by "]),
        _ => false,
    }
}
