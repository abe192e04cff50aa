//! Other processes: this test binary run once more, to play one part.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tracklite::{Database, ErrorKind, IndexPlace};

const PART: &str = "TRACKLITE_FILES_PART";
const FILE: &str = "TRACKLITE_FILES_FILE";

/// A process that plays a part; killed when dropped.
pub(crate) struct Helper {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Helper {
    /// Starts a process that plays this part on this file.
    pub(crate) fn start(part: &str, file: &Path) -> Helper {
        let mut command = Command::new(env::current_exe().expect("the program has a path"));
        command.args(["--exact", "files::helper::plays_its_part", "--nocapture"]);
        command.env(PART, part).env(FILE, file).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().expect("a process can be started");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        Helper { process, output }
    }

    /// Waits for a line that the part prints; gives what follows the word.
    pub(crate) fn wait_for(&mut self, word: &str) -> String {
        let mut line = String::new();
        while self.output.read_line(&mut line).expect("the helper writes text") > 0 {
            if let Some(at) = line.find(word) {
                return line[at + word.len()..].trim().to_owned();
            }
            line.clear();
        }
        panic!("the helper ended without {word:?}");
    }

    pub(super) fn number(&self) -> u32 {
        self.process.id()
    }

    pub(super) fn signal(&self, signal: Signal) {
        let number = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        kill_process(number.expect("a process number"), signal).expect("the process is ours");
    }

    /// Waits for its end, which must be a good one.
    pub(crate) fn finish(mut self) {
        let status = self.process.wait().expect("a child can be waited for");
        assert!(status.success(), "a helper ended with {status}");
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Not a test of its own: what this binary does when it is started as a helper.
#[test]
fn plays_its_part() {
    let (Ok(part), Some(file)) = (env::var(PART), env::var_os(FILE)) else { return };
    let file = Path::new(&file);
    match part.as_str() {
        "create" => create(file),
        "log for ever" => log_for_ever(file),
        "vacuum again and again" => vacuum_again_and_again(file),
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
        #[cfg(feature = "internals")]
        "fork while threads wait" => internal::fork_while_threads_wait(file),
        #[cfg(feature = "internals")]
        "fork while a metric is defined" => internal::fork_while_defining(file),
        other => panic!("no part is called {other:?}"),
    }
}

fn open(file: &Path) -> Database {
    let builder = Database::builder().create(true).index(IndexPlace::InMemory);
    builder.open(file).expect("the helper opens the file")
}

fn create(file: &Path) {
    let database = open(file);
    let name = std::process::id().to_string();
    let run = database.default_experiment().unwrap().start_run(&name).unwrap();
    for step in 0..10 {
        run.log_metric("loss", f64::from(step), step).unwrap();
    }
    drop(run);
    database.close().unwrap();
}

/// Vacuums whenever nobody has the file open, until it is told to stop.
fn vacuum_again_and_again(file: &Path) {
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

fn log_for_ever(file: &Path) {
    let database = open(file);
    let run = database.default_experiment().unwrap().start_run("helper").unwrap();
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

    use tracklite::Metric;
    use tracklite::internals::forking;
    use tracklite::internals::storage::{
        Access, FileStorage, LockMode, LockRange, Storage, WritePath,
    };

    use super::*;

    /// Holds one of the file's lock bytes until it is killed.
    pub(super) fn hold(file: &Path, byte: u64) {
        let storage = FileStorage::open(file, Access::ReadWrite, WritePath::Positioned).unwrap();
        assert!(storage.try_lock(LockRange::byte(byte), LockMode::Exclusive).unwrap());
        println!("ready");
        loop {
            std::thread::park();
        }
    }

    /// Holds what a vacuum holds, until it is killed.
    pub(super) fn hold_liveness(file: &Path) {
        let storage = FileStorage::open(file, Access::ReadWrite, WritePath::Positioned).unwrap();
        let all = LockRange { start: 4096, length: 4096 };
        assert!(storage.try_lock(all, LockMode::Exclusive).unwrap());
        println!("ready");
        loop {
            std::thread::park();
        }
    }

    /// Logs, loses every descriptor to a careless library, opens files of its own, logs on.
    pub(super) fn lose_descriptors(file: &Path) {
        let database = open(file);
        let run = database.default_experiment().unwrap().start_run("careless").unwrap();
        let loss = run.metric("loss").unwrap();
        let mut logged: i64 = 0;
        while logged < 100 {
            loss.log(1.0, logged).unwrap();
            logged += 1;
        }
        forking::close_descriptors_from(3);
        // These get the numbers that the engine had.
        let own: Vec<_> = (0..40).map(|number| file.with_extension(number.to_string())).collect();
        let opened: Vec<_> = own.iter().map(|path| fs::File::create_new(path).unwrap()).collect();
        let failure = log_until_failure(&loss, &mut logged);
        assert!(matches!(failure.kind(), ErrorKind::Io | ErrorKind::Poisoned), "{failure}");
        let tagged = run.set_tag("a", "b").unwrap_err();
        let reason = std::error::Error::source(&tagged).map(ToString::to_string);
        let reason = format!("{tagged} {}", reason.unwrap_or_default());
        assert!(reason.contains("closed by other code"), "{reason}");
        drop(opened);
        for path in &own {
            assert_eq!(fs::metadata(path).unwrap().len(), 0, "a stranger's file was written");
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

    /// Forks; the child cannot use what it inherited, opens anew and logs; the parent goes on.
    pub(super) fn fork(file: &Path) {
        let index = IndexPlace::Directory(file.with_extension("index"));
        let builder = Database::builder().create(true).index(index);
        let database = builder.clone().open(file).unwrap();
        assert!(database.info().unwrap().index_path.is_some());
        let run = database.default_experiment().unwrap().start_run("parent").unwrap();
        let loss = run.metric("loss").unwrap();
        loss.log(0.0, 0).unwrap();
        let child = forking::start(|| {
            let refused = |error: tracklite::Error| {
                assert_eq!(error.kind(), ErrorKind::Forked, "{error}");
            };
            refused(loss.log(1.0, 1).unwrap_err());
            refused(run.set_tag("a", "b").unwrap_err());
            refused(run.history("loss").unwrap_err());
            refused(database.sync().unwrap_err());
            refused(database.runs().unwrap_err());
            let anew = builder.open(file).unwrap();
            // SQLite takes the locks of the parent for the child's own.
            assert_eq!(anew.info().unwrap().index_path, None, "two processes as one in SQLite");
            let own = anew.default_experiment().unwrap().start_run("child").unwrap();
            own.log_metric("loss", 2.0, 0).unwrap();
            let parent = anew.run(run.id()).unwrap();
            parent.set_tag("child", "was here").unwrap();
            assert!(parent.is_alive().unwrap());
            drop((own, parent));
            anew.close().inspect_err(|error| eprintln!("closing in the child: {error:?}")).is_ok()
        });
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

    /// Forks again and again while threads of the parent wait for each other; each child opens
    /// anew, and threads of its own wait for each other.
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
                        std::process::exit(1); // it hangs
                    });
                    let (began, anew) = (Instant::now(), open(file));
                    contend(&anew, || began.elapsed() > Duration::from_millis(50));
                    anew.close().is_ok()
                });
                let is_well = forking::wait(child);
                is_over.fetch_or(!is_well, Ordering::Relaxed);
                assert!(is_well, "the child failed");
            }
            is_over.store(true, Ordering::Relaxed);
        });
        database.close().unwrap();
    }

    /// Threads that log into one run, define metrics, and set tags, until it is over.
    fn contend(database: &Database, is_over: impl Fn() -> bool + Sync) {
        let run = database.default_experiment().unwrap().start_run("busy").unwrap();
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

    /// Forks while a thread of the parent holds the run's table of metrics; the child is told that
    /// it must open anew, and what it drops stays the parent's.
    pub(super) fn fork_while_defining(file: &Path) {
        let folder = file.with_extension("index");
        let builder = Database::builder().create(true).index(IndexPlace::Directory(folder));
        let database = builder.clone().open(file).unwrap();
        assert!(database.info().unwrap().index_path.is_some());
        let run = database.default_experiment().unwrap().start_run("parent").unwrap();
        let storage = FileStorage::open(file, Access::ReadWrite, WritePath::Positioned).unwrap();
        let metadata = LockRange::byte(0);
        assert!(storage.try_lock(metadata, LockMode::Exclusive).unwrap());
        let defining = run.clone();
        let definer = std::thread::spawn(move || defining.metric("slow").map(drop));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!definer.is_finished(), "the metric was defined although the lock is held");
        // The child has the only handle of this one, so that it drops the whole engine.
        let other = builder.open(file.with_extension("other")).unwrap();
        assert!(other.info().unwrap().index_path.is_some());
        let inherited = (database.clone(), run.clone());
        let child = forking::start(move || {
            let (database, run) = inherited;
            drop(other);
            let kinds = [
                run.log_metric("loss", 1.0, 0).map(drop),
                run.metric("loss").map(drop),
                run.metric_row(&["loss"]).map(drop),
                run.log_metrics(&[("loss", 1.0)], 0),
            ];
            drop(run);
            let kinds = kinds.into_iter().chain([database.close()]);
            kinds.into_iter().all(|it| it.is_err_and(|it| it.kind() == ErrorKind::Forked))
        });
        assert!(forking::wait(child), "the child was not told");
        storage.unlock(metadata).unwrap();
        definer.join().unwrap().unwrap();
        run.log_metric("slow", 1.0, 0).unwrap();
    }
}
