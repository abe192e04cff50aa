//! Many processes: 16 at once in a burst, a thousand one after another, and the memory of one.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tracklite::internals::record::{Incarnation, SeriesId};
use tracklite::internals::slot::{SlotSeed, row_slots, row_words};
use tracklite::internals::storage::{Access, FileStorage, Storage as _};
use tracklite::internals::{FileId, new_file, new_header};
use tracklite::{Database, IndexPlace, SqlValue, WritePath};

use crate::{allocated, create, print};

const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
/// The number of processes that log at once in a burst.
const BURST_PROCESSES: usize = 16;
/// The unit of times in `/proc`: `USER_HZ`, which is 100 on all but a few old machines.
const TICKS_A_SECOND: f64 = 100.0;

/// Runs the work of a worker process, if this is one. Returns whether it is.
pub(crate) fn is_worker(arguments: &[String]) -> bool {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["worker-burst", path, seconds] => burst_worker(Path::new(path), seconds),
        ["worker-floor", path, seconds] => floor_worker(Path::new(path), seconds),
        ["worker-turn", path] => turn_worker(Path::new(path)),
        ["worker-memory", path] => memory_worker(Path::new(path)),
        _ => return false,
    }
    true
}

fn start(words: &[&str], path: &Path) -> Child {
    let program = std::env::current_exe().expect("find this program");
    let mut command = Command::new(program);
    command.arg(words[0]).arg(path).args(&words[1..]).stdout(Stdio::piped());
    command.spawn().expect("start a worker")
}

fn output_of(child: Child) -> String {
    let output = child.wait_with_output().expect("wait for a worker");
    assert!(output.status.success(), "a worker failed");
    String::from_utf8(output.stdout).expect("parse the output as UTF-8")
}

/// Measures for 2 s and for 60 s, or for `TRACKLITE_BURST_SECONDS`.
pub(crate) fn burst() {
    let asked = std::env::var("TRACKLITE_BURST_SECONDS");
    let usual = |_| vec!["2".to_owned(), "60".to_owned()];
    let lengths = asked.map_or_else(usual, |seconds| vec![seconds]);
    for seconds in lengths {
        burst_of(&seconds);
    }
}

fn burst_of(seconds: &str) {
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let path = folder.path().join("runs.tracklite");
    drop(create(&path));
    let start_one = |_| start(&["worker-burst", seconds], &path);
    let mut workers: Vec<Child> = (0..BURST_PROCESSES).map(start_one).collect();
    let backlogs = watch_backlog(&path, &mut workers);
    let mut sums = [0.0; 5];
    for worker in workers {
        let text = output_of(worker);
        for (sum, word) in sums.iter_mut().zip(text.split_whitespace()) {
            *sum += word.parse::<f64>().expect("parse a number of a worker");
        }
    }
    let [rate, logging_user, logging_system, background_user, background_system] = sums;
    let mib = |bytes: Option<&u64>| *bytes.expect("at least one measurement") >> 20;
    let (peak, last) = (mib(backlogs.iter().max()), mib(backlogs.last()));
    print(
        &format!("{BURST_PROCESSES} processes, rows of 8, {seconds} s"),
        &format!("{:.1} M points/s", rate / 1e6),
    );
    print("  unsealed, sampled each second", &format!("peak {peak} MiB, at the end {last} MiB"));
    let times = |user: f64, system: f64| format!("{user:.1} s user, {system:.1} s system");
    print("  CPU of the logging threads", &times(logging_user, logging_system));
    print("  CPU of the background threads", &times(background_user, background_system));
    drop(folder);
    floor_of(seconds);
}

/// Measures the floor: the same rows and checksums, stored into fresh pages of a file per process.
fn floor_of(seconds: &str) {
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let place = |number| folder.path().join(format!("{number}.floor"));
    let start_one = |number| start(&["worker-floor", seconds], &place(number));
    let workers: Vec<Child> = (0..BURST_PROCESSES).map(start_one).collect();
    let rate = |worker| output_of(worker).trim().parse::<f64>().expect("parse a worker's rate");
    let rate: f64 = workers.into_iter().map(rate).sum();
    let rate = format!("{:.1} M points/s", rate / 1e6);
    print("  floor: stores and checksums into fresh pages", &rate);
}

fn floor_worker(path: &Path, seconds: &str) {
    /// As long as an extent, because the log opens one extent after another.
    const REGION_BYTES: u64 = 1024 * 1024;
    /// The log limits its unsealed bytes to this size. Beyond it, the floor reuses the file.
    const FILE_BYTES: u64 = 512 * 1024 * 1024;
    let length = Duration::from_secs(seconds.parse().expect("parse the seconds"));
    FileStorage::create_new(path, &new_file(new_header(1))).expect("create a file");
    let storage = FileStorage::open(path, Access::ReadWrite, WritePath::Mapped);
    let storage = storage.expect("open the file");
    let slots = row_slots(KEYS.len()) as u32;
    let rows_per_region = REGION_BYTES as u32 / 32 / slots;
    let values = [0.5_f64.to_bits(); 8];
    let (began, mut rows, mut unit) = (Instant::now(), 0_u64, 2_u64);
    while began.elapsed() < length {
        let start = unit * REGION_BYTES % FILE_BYTES;
        if start == 0 {
            storage.punch(REGION_BYTES, FILE_BYTES).expect("punch a hole");
        }
        storage.allocate(start + REGION_BYTES, REGION_BYTES).expect("allocate space");
        let region = storage.region(start + REGION_BYTES, REGION_BYTES).expect("map the region");
        let seed = SlotSeed::new(FileId(1), unit as u32, Incarnation(3));
        for index in (0..rows_per_region).map(|row| row * slots) {
            let (step, time) = (rows as i64, rows as i64);
            let words = row_words(seed, index, SeriesId(1), step, time, KEYS.len(), &values);
            region.store_row(index as usize * 32, &words, &values).expect("store a row");
            rows += 1;
        }
        unit += 1;
    }
    println!("{}", rows as f64 * 8.0 / began.elapsed().as_secs_f64());
    // Exit without cleanup, like the other worker.
    std::process::exit(0);
}

/// Samples the unsealed bytes each second while the workers live, and once after all have ended.
fn watch_backlog(path: &Path, workers: &mut [Child]) -> Vec<u64> {
    let reader = Database::builder().read_only(true).index(IndexPlace::InMemory);
    let reader = reader.open(path).expect("open the file to read");
    let mut backlogs = Vec::new();
    let mut is_running = true;
    while is_running {
        std::thread::sleep(Duration::from_secs(1));
        is_running = workers
            .iter_mut()
            .any(|worker| worker.try_wait().expect("check on a worker").is_none());
        // `DatabaseInfo::unsealed_bytes` has this too, but it reads the whole backlog.
        let table = reader.sql("SELECT coalesce(sum(units), 0) * 65536 FROM extents");
        let [SqlValue::Integer(bytes)] = table.expect("query the extents").rows[0][..] else {
            panic!("the sum is not an integer")
        };
        backlogs.push(bytes.cast_unsigned());
    }
    backlogs
}

fn burst_worker(path: &Path, seconds: &str) {
    let length = Duration::from_secs(seconds.parse().expect("parse the seconds"));
    let database = create(path);
    let run = crate::start_run(&database);
    let row = run.metric_row(&KEYS).expect("define a row");
    let began = Instant::now();
    let mut rows = 0_i64;
    while began.elapsed() < length {
        for _ in 0..1000 {
            row.log(&[0.5; 8], rows).expect("log a row");
            rows += 1;
        }
    }
    let rate = rows as f64 * 8.0 / began.elapsed().as_secs_f64();
    let [logging, background] = seconds_by_thread();
    println!("{rate} {} {} {} {}", logging[0], logging[1], background[0], background[1]);
    // Exit without closing, because sealing the rest would take longer than the burst.
    std::process::exit(0);
}

/// Returns user and system CPU seconds of this process's first thread and of all others.
fn seconds_by_thread() -> [[f64; 2]; 2] {
    let own = std::process::id().to_string();
    let mut seconds = [[0.0; 2]; 2];
    for entry in std::fs::read_dir("/proc/self/task").expect("list the threads").flatten() {
        let text = std::fs::read_to_string(entry.path().join("stat"));
        let text = text.expect("read the thread's statistics");
        // The name in brackets may contain anything. After it come the state and numbers.
        let (_, facts) = text.rsplit_once(')').expect("find the name in brackets");
        let fields = || facts.split_whitespace();
        let ticks = |at| fields().nth(at).and_then(|text| text.parse::<f64>().ok());
        let of_thread = &mut seconds[usize::from(*entry.file_name() != *own)];
        // Fields 14 and 15 of proc_pid_stat(5), counted from the state, which is field 3.
        for (sum, at) in of_thread.iter_mut().zip([11, 12]) {
            *sum += ticks(at).expect("parse a time") / TICKS_A_SECOND;
        }
    }
    seconds
}

pub(crate) fn in_turn() {
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let path = folder.path().join("runs.tracklite");
    drop(create(&path));
    let before = allocated(&path);
    let began = Instant::now();
    for _ in 0..1000 {
        output_of(start(&["worker-turn"], &path));
    }
    let grown = allocated(&path).saturating_sub(before) as f64 / 1000.0;
    let took = began.elapsed() / 1000;
    let what = "1,000 processes in turn, one run each (20 params, 5 x 100)";
    print(what, &format!("{:.2} KiB and {took:.1?} per run", grown / 1024.0));
}

fn turn_worker(path: &Path) {
    let database = create(path);
    let params = (0..20).map(|number| (format!("param-{number}"), number * 7));
    let experiment = database.default_experiment().expect("open the experiment");
    let run = experiment.new_run().params(params).start().expect("start a run");
    for step in 0..100 {
        let value = |key: u32| 1.0 / f64::from((step + key) as f32 + 1.5);
        let row = [0, 1, 2, 3, 4].map(|key| (KEYS[key as usize], value(key)));
        run.log_metrics(&row, i64::from(step)).expect("log a row");
    }
    run.finish().expect("finish the run");
    drop(experiment);
    database.close().expect("close the database");
}

pub(crate) fn memory() {
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let path: PathBuf = folder.path().join("runs.tracklite");
    let text = output_of(start(&["worker-memory"], &path));
    print("memory of a writer, private and anonymous", text.trim());
}

fn memory_worker(path: &Path) {
    let idle = anonymous_kib();
    let database = create(path);
    let run = crate::start_run(&database);
    let row = run.metric_row(&KEYS).expect("define a row");
    let mut peak = 0;
    for step in 0..2_000_000_i64 {
        let values = [step as f64, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        row.log(&values, step).expect("log a row");
        if step % 20_000 == 0 {
            peak = peak.max(anonymous_kib());
        }
    }
    std::thread::sleep(Duration::from_secs(3));
    let rest = anonymous_kib();
    let mib = |kib: u64| kib.saturating_sub(idle) as f64 / 1024.0;
    println!("{:.2} MiB at rest, {:.2} MiB while sealing 16 M points", mib(rest), mib(peak));
}

/// Returns the anonymous memory of this process in KiB.
fn anonymous_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("read the memory use");
    let line = text.lines().find(|line| line.starts_with("Anonymous:")).expect("find the line");
    let number = line.split_whitespace().nth(1).expect("find the number");
    number.parse().expect("parse the number")
}
