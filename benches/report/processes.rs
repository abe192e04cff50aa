//! Many processes: a burst of 16 at once, a thousand in turn, and the memory of one.

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
/// How many processes log at once in a burst.
const BURST_PROCESSES: usize = 16;
/// In which `/proc` tells times: `USER_HZ`, which is 100 on all but a few old machines.
const TICKS_A_SECOND: f64 = 100.0;

/// Does the work of a worker process, if this is one.
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

/// For 2 s and for 60 s, or for `TRACKLITE_BURST_SECONDS`.
pub(crate) fn burst() {
    let asked = std::env::var("TRACKLITE_BURST_SECONDS");
    let lengths = asked.map_or_else(|_| vec!["2".to_owned(), "60".to_owned()], |it| vec![it]);
    for seconds in lengths {
        burst_of(&seconds);
    }
}

fn burst_of(seconds: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("runs.tracklite");
    drop(create(&path));
    let start_one = |_| start(&["worker-burst", seconds], &path);
    let mut workers: Vec<Child> = (0..BURST_PROCESSES).map(start_one).collect();
    let backlogs = watch_backlog(&path, &mut workers);
    let mut sums = [0.0; 5];
    for worker in workers {
        let text = output_of(worker);
        for (sum, word) in sums.iter_mut().zip(text.split_whitespace()) {
            *sum += word.parse::<f64>().expect("a number");
        }
    }
    let [rate, logging_user, logging_system, background_user, background_system] = sums;
    let mib = |bytes: Option<&u64>| *bytes.expect("a look at the file") >> 20;
    let (peak, last) = (mib(backlogs.iter().max()), mib(backlogs.last()));
    print(
        &format!("{BURST_PROCESSES} processes, rows of 8, {seconds} s"),
        &format!("{:.1} M points/s", rate / 1e6),
    );
    print("  unsealed, looked at each second", &format!("peak {peak} MiB, at the end {last} MiB"));
    let told = |user: f64, system: f64| format!("{user:.1} s user, {system:.1} s system");
    print("  CPU of the logging threads", &told(logging_user, logging_system));
    print("  CPU of the background threads", &told(background_user, background_system));
    drop(folder);
    floor_of(seconds);
}

/// The same rows, stored with their checksums into fresh pages of a file of each process.
fn floor_of(seconds: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |number| folder.path().join(format!("{number}.floor"));
    let start_one = |number| start(&["worker-floor", seconds], &place(number));
    let workers: Vec<Child> = (0..BURST_PROCESSES).map(start_one).collect();
    let rate = |worker| output_of(worker).trim().parse::<f64>().expect("a number");
    let rate: f64 = workers.into_iter().map(rate).sum();
    let rate = format!("{:.1} M points/s", rate / 1e6);
    print("  floor: stores and checksums into fresh pages", &rate);
}

fn floor_worker(path: &Path, seconds: &str) {
    /// As long as an extent, of which the log opens one after the other.
    const REGION_BYTES: u64 = 1024 * 1024;
    /// What is not sealed takes no more of the disk than this: then the file is begun anew.
    const FILE_BYTES: u64 = 512 * 1024 * 1024;
    let length = Duration::from_secs(seconds.parse().expect("seconds"));
    FileStorage::create_new(path, &new_file(new_header(1))).expect("a file");
    let storage = FileStorage::open(path, Access::ReadWrite, WritePath::Mapped).expect("opened");
    let slots = row_slots(KEYS.len()) as u32;
    let rows_per_region = REGION_BYTES as u32 / 32 / slots;
    let values = [0.5_f64.to_bits(); 8];
    let (began, mut rows, mut unit) = (Instant::now(), 0_u64, 2_u64);
    while began.elapsed() < length {
        let start = unit * REGION_BYTES % FILE_BYTES;
        if start == 0 {
            storage.punch(REGION_BYTES, FILE_BYTES).expect("punched");
        }
        storage.allocate(start + REGION_BYTES, REGION_BYTES).expect("room");
        let region = storage.region(start + REGION_BYTES, REGION_BYTES).expect("mapped");
        let seed = SlotSeed::new(FileId(1), unit as u32, Incarnation(3));
        for index in (0..rows_per_region).map(|row| row * slots) {
            let (step, time) = (rows as i64, rows as i64);
            let words = row_words(seed, index, SeriesId(1), step, time, KEYS.len(), &values);
            region.store_row(index as usize * 32, &words, &values).expect("stored");
            rows += 1;
        }
        unit += 1;
    }
    println!("{}", rows as f64 * 8.0 / began.elapsed().as_secs_f64());
    // Like the other worker, without taking anything down.
    std::process::exit(0);
}

/// The bytes that are not sealed yet, each second while the workers live, and when all have ended.
fn watch_backlog(path: &Path, workers: &mut [Child]) -> Vec<u64> {
    let reader = Database::builder().read_only(true).index(IndexPlace::InMemory);
    let reader = reader.open(path).expect("a reader");
    let mut backlogs = Vec::new();
    let mut is_running = true;
    while is_running {
        std::thread::sleep(Duration::from_secs(1));
        is_running =
            workers.iter_mut().any(|worker| worker.try_wait().expect("a worker").is_none());
        // `DatabaseInfo::unsealed_bytes`, without counting points, which reads the whole backlog.
        let table = reader.sql("SELECT coalesce(sum(units), 0) * 65536 FROM extents");
        let [SqlValue::Integer(bytes)] = table.expect("an answer").rows[0][..] else {
            panic!("no number of bytes")
        };
        backlogs.push(bytes.cast_unsigned());
    }
    backlogs
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
    let [logging, background] = seconds_by_thread();
    println!("{rate} {} {} {} {}", logging[0], logging[1], background[0], background[1]);
    // Not closed: sealing what is left would take longer than the burst.
    std::process::exit(0);
}

/// The CPU seconds of this process's first thread, and of its others: as user and in the system.
fn seconds_by_thread() -> [[f64; 2]; 2] {
    let own = std::process::id().to_string();
    let mut seconds = [[0.0; 2]; 2];
    for entry in std::fs::read_dir("/proc/self/task").expect("threads").flatten() {
        let text = std::fs::read_to_string(entry.path().join("stat")).expect("thread facts");
        // What follows the name, which may hold anything: state, then numbers.
        let (_, facts) = text.rsplit_once(')').expect("a name in brackets");
        let ticks = |at| facts.split_whitespace().nth(at).and_then(|it| it.parse::<f64>().ok());
        let of_thread = &mut seconds[usize::from(*entry.file_name() != *own)];
        // Fields 14 and 15 of proc_pid_stat(5), here without the two before the state.
        for (sum, at) in of_thread.iter_mut().zip([11, 12]) {
            *sum += ticks(at).expect("a number") / TICKS_A_SECOND;
        }
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
