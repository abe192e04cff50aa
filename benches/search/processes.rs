//! The cost of the first search in a new process, and of a search beside 16 writers.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tracklite::{Database, RunSearch};

use crate::runs;

/// Repetitions of each measurement.
const REPEATS: usize = 9;
const WRITERS: usize = 16;
/// The time between two points of a writer: 10,000 points per second.
const PACE: Duration = Duration::from_micros(100);

/// Runs the work of a child process, if this is one. Returns whether it is.
pub fn is_child(arguments: &[String]) -> bool {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["child-nothing", _] => {}
        ["child-search", path, top] => {
            let database = runs::open_to_read(Path::new(path));
            let search = runs::three_clauses(top.parse().expect("parse a number"));
            assert!(!database.search_runs(&search).expect("search the runs").items.is_empty());
        }
        ["child-frame", path] => {
            let database = runs::open_to_read(Path::new(path));
            let frame = database.search_runs_frame(&RunSearch::new()).expect("read the frame");
            assert_eq!(frame.height(), 10_000);
        }
        ["child-writer", path, seconds] => {
            write(&runs::open(Path::new(path)), seconds.parse().expect("parse a number"));
        }
        _ => return false,
    }
    true
}

/// Logs at the pace and sleeps in between, as trainings do.
fn write(database: &Database, seconds: u64) {
    let experiment = database.experiment("/writers").expect("open the experiment");
    let run = experiment.start_run("").expect("start a run");
    let metric = run.metric("loss").expect("define a metric");
    let begun = Instant::now();
    let mut step = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        let due = PACE * u32::try_from(step).expect("few steps");
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        metric.log(0.5, step).expect("log a point");
        step += 1;
    }
}

/// Prints a line for each measurement.
pub fn report() {
    for (count, top) in [(10_000, 10), (100_000, 100)] {
        let folder = tempfile::tempdir().expect("create a temporary folder");
        let path = runs::write(folder.path(), count);
        let nothing = median(|| run(&["child-nothing"], &path));
        print(&format!("{count} runs: a process that does nothing"), nothing);
        let top_text = top.to_string();
        let search = median(|| run(&["child-search", &top_text], &path));
        print(&format!("{count} runs: a process that finds the first {top}"), search);
        if count == 10_000 {
            let frame = median(|| run(&["child-frame"], &path));
            print("10000 runs: a process that reads the whole frame", frame);
            beside_writers(&path);
        }
    }
}

/// Measures the same search on a quiet file and while other processes write to it.
fn beside_writers(path: &Path) {
    let database = runs::open(path);
    let search = runs::three_clauses(10);
    let look = || {
        let begun = Instant::now();
        assert!(!database.search_runs(&search).expect("search the runs").items.is_empty());
        begun.elapsed()
    };
    // After a few searches the columns are in memory.
    for _ in 0..20 {
        look();
    }
    let quiet: Vec<Duration> = (0..200).map(|_| look()).collect();
    print_spread("10000 runs: first 10, quiet", quiet);
    let writers: Vec<Child> = (0..WRITERS).map(|_| start(&["child-writer", "10"], path)).collect();
    std::thread::sleep(Duration::from_secs(3));
    let busy: Vec<Duration> = (0..200).map(|_| look()).collect();
    print_spread("10000 runs: first 10, beside 16 writers of 10,000 points/s", busy);
    for mut writer in writers {
        assert!(writer.wait().expect("wait for a writer").success());
    }
}

fn start(words: &[&str], path: &Path) -> Child {
    let program = std::env::current_exe().expect("find this program");
    let mut command = Command::new(program);
    command.arg(words[0]).arg(path).args(&words[1..]).stdout(Stdio::null());
    command.spawn().expect("start a process")
}

fn run(words: &[&str], path: &Path) -> Duration {
    let begun = Instant::now();
    assert!(start(words, path).wait().expect("wait for a process").success());
    begun.elapsed()
}

fn median(mut once: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..REPEATS).map(|_| once()).collect();
    times.sort();
    times[REPEATS / 2]
}

fn print(what: &str, time: Duration) {
    println!("{what:<62} {:.1} ms", time.as_secs_f64() * 1e3);
}

fn print_spread(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e3;
    println!("{what:<62} {:.2} ms, 95 %: {:.2} ms", at(50), at(95));
}
