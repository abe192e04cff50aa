//! Helper processes. Each runs this test binary again with one task.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tracklite::{Database, ErrorKind};

use crate::common::{open, start_run};

const TASK: &str = "TRACKLITE_FILES_TASK";
const FILE: &str = "TRACKLITE_FILES_FILE";

/// A helper process, killed when dropped.
pub(crate) struct Helper {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Helper {
    /// Starts a process that runs this task on this file.
    pub(crate) fn start(task: &str, file: &Path) -> Helper {
        let mut command = Command::new(env::current_exe().expect("the program has a path"));
        command.args(["--exact", "files::helper::helper_that_runs_its_task", "--nocapture"]);
        command.env(TASK, task).env(FILE, file).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().expect("a process can be started");
        let output = BufReader::new(process.stdout.take().expect("the output is piped"));
        Helper { process, output }
    }

    /// Waits until the process prints a line with this word, and returns the rest of the line.
    pub(crate) fn wait_for(&mut self, word: &str) -> String {
        let mut line = String::new();
        while self.output.read_line(&mut line).expect("the helper writes text") > 0 {
            if let Some(at) = line.find(word) {
                return line[at + word.len()..].trim().to_owned();
            }
            line.clear();
        }
        panic!("the helper ended without printing {word:?}");
    }

    pub(super) fn process_id(&self) -> u32 {
        self.process.id()
    }

    pub(super) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("a process id"), signal).expect("the process is ours");
    }

    /// Waits until the process ends, which must succeed.
    pub(crate) fn finish(mut self) {
        let status = self.process.wait().expect("a child can be waited for");
        assert!(status.success(), "a helper ended with {status}");
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // The process may already have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs the task when this binary is started as a helper, and does nothing otherwise.
#[test]
fn helper_that_runs_its_task() {
    let (Ok(task), Some(file)) = (env::var(TASK), env::var_os(FILE)) else { return };
    let file = Path::new(&file);
    match task.as_str() {
        "create" => create(file),
        "log forever" => log_forever(file),
        "vacuum repeatedly" => vacuum_repeatedly(file),
        "die in an upload" => crate::artifacts::die_in_an_upload(&open(file)),
        "log the same artifacts" => crate::artifacts::log_the_same(&open(file)),
        #[cfg(feature = "internals")]
        "hold the metadata lock" => internal::hold(file, 0),
        #[cfg(feature = "internals")]
        "hold all liveness bytes" => internal::hold_liveness(file),
        #[cfg(feature = "internals")]
        "lose its descriptors" => internal::lose_descriptors(file),
        #[cfg(feature = "internals")]
        "fork" => internal::fork(file),
        #[cfg(feature = "internals")]
        "fork while threads wait" => internal::fork_while_threads_wait(file),
        #[cfg(feature = "internals")]
        "fork while a metric is defined" => internal::fork_while_defining(file),
        other => panic!("unknown task {other:?}"),
    }
}

fn create(file: &Path) {
    let database = open(file);
    let name = std::process::id().to_string();
    let run = start_run(&database, &name);
    for step in 0..10 {
        run.log_metric("loss", f64::from(step), step).unwrap();
    }
    drop(run);
    database.close().unwrap();
}

/// Vacuums whenever no other process has the file open, until a stop file appears.
fn vacuum_repeatedly(file: &Path) {
    let mut vacuumed = 0;
    while !file.with_extension("stop").exists() {
        match Database::vacuum(file) {
            Ok(_) => vacuumed += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Locked, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("vacuumed {vacuumed}");
}

fn log_forever(file: &Path) {
    let database = open(file);
    let run = start_run(&database, "helper");
    println!("run {}", run.id());
    for step in 0_i64.. {
        run.log_metric("loss", 1.0, step).unwrap();
        if step % 10 == 0 {
            run.set_tag("step", step).unwrap();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(feature = "internals")]
mod internal {
    use std::fs;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use tracklite::internals::forking;
    use tracklite::internals::storage::{
        Access, FileStorage, LockMode, LockRange, Storage, WritePath,
    };
    use tracklite::{DatabaseBuilder, IndexPlace, Metric, Run};

    use super::*;

    /// Holds one of the file's lock bytes until the process is killed.
    pub(super) fn hold(file: &Path, byte: u64) {
        let storage = FileStorage::open(file, Access::ReadWrite, WritePath::Positioned).unwrap();
        assert!(storage.try_lock(LockRange::byte(byte), LockMode::Exclusive).unwrap());
        println!("ready");
        loop {
            std::thread::park();
        }
    }

    /// Holds the locks of a vacuum until the process is killed.
    pub(super) fn hold_liveness(file: &Path) {
        let storage = FileStorage::open(file, Access::ReadWrite, WritePath::Positioned).unwrap();
        let all = LockRange { start: 4096, length: 4096 };
        assert!(storage.try_lock(all, LockMode::Exclusive).unwrap());
        println!("ready");
        loop {
            std::thread::park();
        }
    }

    /// Closes all descriptors like a careless library, opens other files, and keeps logging until
    /// an error.
    pub(super) fn lose_descriptors(file: &Path) {
        let database = open(file);
        let run = start_run(&database, "careless");
        let loss = run.metric("loss").unwrap();
        let mut logged: i64 = 0;
        while logged < 100 {
            loss.log(1.0, logged).unwrap();
            logged += 1;
        }
        forking::close_descriptors_from(3);
        // These files get the descriptors that the engine had.
        let other: Vec<_> = (0..40).map(|number| file.with_extension(number.to_string())).collect();
        let opened: Vec<_> = other.iter().map(|path| fs::File::create_new(path).unwrap()).collect();
        let failure = log_until_failure(&loss, &mut logged);
        assert!(matches!(failure.kind(), ErrorKind::Io | ErrorKind::Poisoned), "{failure}");
        let tagged = run.set_tag("a", "b").unwrap_err();
        let reason = std::error::Error::source(&tagged).map(ToString::to_string);
        let reason = format!("{tagged} {}", reason.unwrap_or_default());
        assert!(reason.contains("closed by other code"), "{reason}");
        drop(opened);
        for path in &other {
            assert_eq!(fs::metadata(path).unwrap().len(), 0, "another file was written");
        }
        println!("logged {logged} {}", run.id());
        std::thread::sleep(Duration::from_secs(600));
    }

    fn log_until_failure(loss: &Metric, logged: &mut i64) -> tracklite::Error {
        loop {
            match loss.log(1.0, *logged) {
                Ok(()) => *logged += 1,
                Err(error) => return error,
            }
        }
    }

    /// Checks in a forked child that inherited handles fail, then logs through a new database.
    fn use_in_child(
        builder: DatabaseBuilder,
        database: &Database,
        run: &Run,
        loss: &Metric,
    ) -> bool {
        let check_forked = |error: tracklite::Error| {
            assert_eq!(error.kind(), ErrorKind::Forked, "{error}");
        };
        check_forked(loss.log(1.0, 1).unwrap_err());
        check_forked(run.set_tag("a", "b").unwrap_err());
        check_forked(run.history("loss").unwrap_err());
        check_forked(database.sync().unwrap_err());
        check_forked(database.runs().unwrap_err());
        let reopened = builder.open(database.path()).unwrap();
        // SQLite would take the locks of the parent for the child's own.
        let index = reopened.info().unwrap().index_path;
        assert_eq!(index, None, "a child must not share an SQLite file with its parent");
        let own = start_run(&reopened, "child");
        own.log_metric("loss", 2.0, 0).unwrap();
        let parent = reopened.run(run.id()).unwrap();
        parent.set_tag("child", "was here").unwrap();
        assert!(parent.is_alive().unwrap());
        drop((own, parent));
        let closed = reopened.close();
        closed.inspect_err(|error| eprintln!("closing in the child: {error:?}")).is_ok()
    }

    /// Forks a child that opens the file itself, while the parent keeps logging.
    pub(super) fn fork(file: &Path) {
        let index = IndexPlace::Directory(file.with_extension("index"));
        let builder = Database::builder().create(true).index(index);
        let database = builder.clone().open(file).unwrap();
        assert!(database.info().unwrap().index_path.is_some());
        let run = start_run(&database, "parent");
        let loss = run.metric("loss").unwrap();
        loss.log(0.0, 0).unwrap();
        let child = forking::start(|| use_in_child(builder, &database, &run, &loss));
        for step in 1..100 {
            loss.log(f64::from(step), step).unwrap();
        }
        assert!(forking::wait(child), "the child failed");
        run.set_tag("after", "fork").unwrap();
        assert_eq!(run.tags().unwrap().len(), 3);
        assert_eq!(run.history("loss").unwrap().len(), 100);
        assert!(run.is_alive().unwrap());
        drop((run, loss));
        database.close().unwrap();
    }

    /// Forks repeatedly while threads of the parent wait for each other. Each child opens the file
    /// itself and runs threads that wait for each other.
    pub(super) fn fork_while_threads_wait(file: &Path) {
        const FORKS: usize = 20;
        let database = open(file);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| contend(&database, || is_over.load(Ordering::Relaxed)));
            for _ in 0..FORKS {
                std::thread::sleep(Duration::from_millis(5));
                let child = forking::start(|| {
                    std::thread::spawn(|| {
                        std::thread::sleep(Duration::from_secs(60));
                        std::process::exit(1); // The child hangs.
                    });
                    let (began, reopened) = (Instant::now(), open(file));
                    contend(&reopened, || began.elapsed() > Duration::from_millis(50));
                    reopened.close().is_ok()
                });
                let succeeded = forking::wait(child);
                is_over.fetch_or(!succeeded, Ordering::Relaxed);
                assert!(succeeded, "the child failed");
            }
            is_over.store(true, Ordering::Relaxed);
        });
        database.close().unwrap();
    }

    /// Logs to one run, defines metrics and sets tags in several threads until `is_over`.
    fn contend(database: &Database, is_over: impl Fn() -> bool + Sync) {
        let run = start_run(database, "busy");
        let log = |thread: usize| {
            for step in 0.. {
                run.log_metric(&format!("metric {thread} {}", step / 10), 1.0, step).unwrap();
                run.set_tag(&format!("tag {thread}"), step).unwrap();
                if is_over() {
                    break;
                }
            }
        };
        std::thread::scope(|scope| {
            (0..6).for_each(|thread| drop(scope.spawn(move || log(thread))));
        });
    }

    /// Forks while a thread of the parent locks the run's table of metrics. The child must get
    /// [`ErrorKind::Forked`], and dropping its handles must not affect the parent.
    pub(super) fn fork_while_defining(file: &Path) {
        let folder = file.with_extension("index");
        let builder = Database::builder().create(true).index(IndexPlace::Directory(folder));
        let database = builder.clone().open(file).unwrap();
        assert!(database.info().unwrap().index_path.is_some());
        let run = start_run(&database, "parent");
        let storage = FileStorage::open(file, Access::ReadWrite, WritePath::Positioned).unwrap();
        let metadata = LockRange::byte(0);
        assert!(storage.try_lock(metadata, LockMode::Exclusive).unwrap());
        let defining = run.clone();
        let definer = std::thread::spawn(move || defining.metric("slow").map(drop));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!definer.is_finished(), "the metric was defined although the lock is held");
        // The child drops the only handle of this database, and so its whole engine.
        let other = builder.open(file.with_extension("other")).unwrap();
        assert!(other.info().unwrap().index_path.is_some());
        let inherited = (database.clone(), run.clone());
        let child = forking::start(move || {
            let (database, run) = inherited;
            drop(other);
            let results = [
                run.log_metric("loss", 1.0, 0).map(drop),
                run.metric("loss").map(drop),
                run.metric_row(&["loss"]).map(drop),
                run.log_metrics(&[("loss", 1.0)], 0),
            ];
            drop(run);
            let mut results = results.into_iter().chain([database.close()]);
            results.all(|result| result.is_err_and(|error| error.kind() == ErrorKind::Forked))
        });
        assert!(forking::wait(child), "a call in the child did not fail as forked");
        storage.unlock(metadata).unwrap();
        definer.join().unwrap().unwrap();
        run.log_metric("slow", 1.0, 0).unwrap();
    }
}
