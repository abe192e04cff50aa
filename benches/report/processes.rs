//! Many processes: a burst of 16 at once, a thousand in turn, and the memory of one.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tracklite::{Database, IndexPlace};

use crate::{allocated, create, print};

const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Does the work of a worker process, if this is one.
pub(crate) fn is_worker(arguments: &[String]) -> bool {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["worker-burst", path, seconds] => burst_worker(Path::new(path), seconds),
        ["worker-turn", path] => turn_worker(Path::new(path)),
        ["worker-memory", path] => memory_worker(Path::new(path)),
        _ => return false,
    }
    true
}

fn start(words: &[&str], path: &Path) -> Child {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.arg(words[0]).arg(path).args(&words[1..]).stdout(Stdio::piped());
    command.spawn().expect("a worker")
}

fn output_of(child: Child) -> String {
    let output = child.wait_with_output().expect("a worker's output");
    assert!(output.status.success(), "a worker failed");
    String::from_utf8(output.stdout).expect("text")
}

pub(crate) fn burst() {
    for seconds in ["2", "60"] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runs.tracklite");
        drop(create(&path));
        let workers: Vec<Child> =
            (0..16).map(|_| start(&["worker-burst", seconds], &path)).collect();
        let mut sum = [0.0; 4];
        for worker in workers {
            let text = output_of(worker);
            for (sum, word) in sum.iter_mut().zip(text.split_whitespace()) {
                *sum += word.parse::<f64>().expect("a number");
            }
        }
        let [rate, unsealed, logging, background] = sum;
        let (rate, unsealed) = (rate / 1e6, unsealed / 16.0 / f64::from(1 << 20));
        print(
            &format!("16 processes, rows of 8, {seconds} s"),
            &format!("{rate:.1} M points/s, {unsealed:.0} MiB unsealed at the end"),
        );
        print(
            "  CPU of the logging and of the background threads",
            &format!("{logging:.1} s / {background:.1} s"),
        );
    }
}

fn burst_worker(path: &Path, seconds: &str) {
    let length = Duration::from_secs(seconds.parse().expect("seconds"));
    let database = create(path);
    let run = database.default_experiment().and_then(|it| it.start_run("")).expect("a run");
    let row = run.metric_row(&KEYS).expect("a row");
    let began = Instant::now();
    let mut rows = 0_i64;
    while began.elapsed() < length {
        for _ in 0..1000 {
            row.log(&[0.5; 8], rows).expect("logged");
            rows += 1;
        }
    }
    let rate = rows as f64 * 8.0 / began.elapsed().as_secs_f64();
    let unsealed = database.info().expect("what is in the file").unsealed_bytes;
    let [logging, background] = seconds_by_thread();
    println!("{rate} {unsealed} {logging} {background}");
    // Not closed: sealing what is left would take longer than the burst.
    std::process::exit(0);
}

/// The CPU seconds of this process's first thread, and of its others.
fn seconds_by_thread() -> [f64; 2] {
    let own = std::process::id().to_string();
    let mut seconds = [0.0; 2];
    for entry in std::fs::read_dir("/proc/self/task").expect("threads").flatten() {
        let text = std::fs::read_to_string(entry.path().join("stat")).expect("thread facts");
        // What follows the name, which may hold anything: state, then numbers.
        let (_, facts) = text.rsplit_once(')').expect("a name in brackets");
        let ticks = |at| facts.split_whitespace().nth(at).and_then(|it| it.parse::<f64>().ok());
        let (user, system) = (ticks(11).expect("a number"), ticks(12).expect("a number"));
        seconds[usize::from(*entry.file_name() != *own)] += (user + system) / 100.0;
    }
    seconds
}

pub(crate) fn in_turn() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("runs.tracklite");
    drop(create(&path));
    let before = allocated(&path);
    let began = Instant::now();
    for _ in 0..1000 {
        output_of(start(&["worker-turn"], &path));
    }
    let grown = allocated(&path).saturating_sub(before) as f64 / 1000.0;
    let took = began.elapsed() / 1000;
    let what = "1,000 processes in turn, a run each (20 params, 5 x 100)";
    print(what, &format!("{:.2} KiB and {took:.1?} a run", grown / 1024.0));
}

fn turn_worker(path: &Path) {
    let database = create(path);
    let params = (0..20).map(|it| (format!("param-{it}"), it * 7));
    let experiment = database.default_experiment().expect("an experiment");
    let run = experiment.new_run().params(params).start().expect("a run");
    for step in 0..100 {
        let value = |key: u32| 1.0 / f64::from((step + key) as f32 + 1.5);
        let row = [0, 1, 2, 3, 4].map(|key| (KEYS[key as usize], value(key)));
        run.log_metrics(&row, i64::from(step)).expect("logged");
    }
    run.finish().expect("finished");
    drop(experiment);
    database.close().expect("closed");
}

pub(crate) fn memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let path: PathBuf = folder.path().join("runs.tracklite");
    let text = output_of(start(&["worker-memory"], &path));
    print("memory of a writer, private and anonymous", text.trim());
}

fn memory_worker(path: &Path) {
    let idle = anonymous_kib();
    let builder = Database::builder().create(true).index(IndexPlace::InMemory);
    let database = builder.open(path).expect("a database");
    let run = database.default_experiment().and_then(|it| it.start_run("")).expect("a run");
    let row = run.metric_row(&KEYS).expect("a row");
    let mut peak = 0;
    for step in 0..2_000_000_i64 {
        row.log(&[step as f64, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], step).expect("logged");
        if step % 20_000 == 0 {
            peak = peak.max(anonymous_kib());
        }
    }
    std::thread::sleep(Duration::from_secs(3));
    let rest = anonymous_kib();
    let mib = |kib: u64| kib.saturating_sub(idle) as f64 / 1024.0;
    println!("{:.2} MiB at rest, {:.2} MiB while sealing 16 M points", mib(rest), mib(peak));
}

/// Anonymous memory of this process in KiB.
fn anonymous_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("memory facts");
    let line = text.lines().find(|line| line.starts_with("Anonymous:")).expect("a line");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}
