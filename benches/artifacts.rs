//! Artifacts compared with the disk: one large file, the same file again, and many small files.
//!
//! `cargo bench --bench artifacts [MEBIBYTES]` uses a file of that size (default 1,024) in the
//! folder for temporary files (`TMPDIR`). Each result is one line. The floor is a copy of the same
//! file with one sync, in the same process. It is measured before and after, and the better result
//! counts.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench may panic")]

#[path = "common/mod.rs"]
mod common;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracklite::artifact::Artifacts;
use tracklite::{Database, IndexPlace};

use crate::common::Random;

const MIB: u64 = 1024 * 1024;
const SMALL_FILES: u64 = 10_000;

/// The peak anonymous memory in bytes since the last [`peak_memory`] call.
static PEAK: AtomicU64 = AtomicU64::new(0);
static IS_DONE: AtomicBool = AtomicBool::new(false);

fn main() {
    let size = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let size: u64 = size.unwrap_or(1024) * MIB;
    let watch = std::thread::spawn(watch_memory);
    let folder = tempfile::tempdir().expect("create a temporary folder");
    large(folder.path(), size);
    small(folder.path());
    IS_DONE.store(true, Ordering::Relaxed);
    watch.join().expect("join the memory watch");
}

fn print(what: &str, value: &str) {
    println!("{what:<58} {value}");
}

fn rate(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let value = work();
    (began.elapsed(), value)
}

fn write_noise(path: &Path, size: u64, seed: u64) {
    let mut random = Random::new(seed);
    let mut file = File::create(path).expect("a file");
    let mut left = size;
    while left > 0 {
        let words = (0..MIB / 8).flat_map(|_| random.bits().to_le_bytes());
        let bytes: Vec<u8> = words.take(left.min(MIB) as usize).collect();
        file.write_all(&bytes).expect("written");
        left -= bytes.len() as u64;
    }
    file.sync_all().expect("synced");
}

fn create(path: &Path) -> Database {
    let builder = Database::builder().create(true).index(IndexPlace::InMemory);
    builder.open(path).expect("create the database")
}

fn artifacts(database: &Database) -> Artifacts {
    let experiment = database.default_experiment().expect("open the experiment");
    experiment.start_run("").expect("start a run").artifacts()
}

fn copy(from: &Path, to: &Path) -> Duration {
    let (time, ()) = timed(|| {
        let mut source = File::open(from).expect("the source");
        let mut target = File::create(to).expect("the copy");
        let mut buffer = vec![0; MIB as usize];
        loop {
            let got = source.read(&mut buffer).expect("read");
            if got == 0 {
                break;
            }
            target.write_all(&buffer[..got]).expect("written");
        }
        target.sync_all().expect("synced");
    });
    fs::remove_file(to).expect("removed");
    time
}

fn large(folder: &Path, size: u64) {
    let (local, target) = (folder.join("weights.bin"), folder.join("copy.bin"));
    write_noise(&local, size, 1);
    let mebibytes = size / MIB;
    let first = copy(&local, &target);
    let file = folder.join("runs.tracklite");
    let database = create(&file);
    let [one, two] = [(); 2].map(|()| artifacts(&database));
    database.sync().expect("synced");
    let idle = peak_memory();
    let (logged, ()) = timed(|| one.log_file(&local, "weights.bin").expect("logged"));
    let logging_memory = peak_memory();
    let before = length(&file);
    let (again, ()) = timed(|| two.log_file(&local, "weights.bin").expect("logged"));
    let again_memory = peak_memory();
    let growth = length(&file) - before;
    let mut times = Vec::new();
    for _ in 0..3 {
        times.push(timed(|| read(&one)).0);
    }
    let reading_memory = peak_memory();
    let floor = first.min(copy(&local, &target));
    let share = 100.0 * floor.as_secs_f64() / logged.as_secs_f64();
    print(&format!("copy of {mebibytes} MiB with a sync (floor)"), &mb(rate(size, floor)));
    let of_floor = format!("{}, {share:.0} % of the floor", mb(rate(size, logged)));
    print("the same file logged, random bytes", &of_floor);
    let faster = logged.as_secs_f64() / again.as_secs_f64();
    let growth = 100.0 * growth as f64 / size as f64;
    let result =
        format!("{}, {faster:.1} times as fast, growth {growth:.3} %", mb(rate(size, again)));
    print("logged again by another run", &result);
    let best = times.into_iter().min().unwrap_or_default();
    print("read back from the page cache, best of 3", &mb(rate(size, best)));
    let above = |peak: u64| format!("{:.1}", peak.saturating_sub(idle) as f64 / MIB as f64);
    let memory =
        [logging_memory, again_memory, reading_memory].map(above).join(" / ") + " MiB above idle";
    print("anonymous memory: log, log again, read", &memory);
}

fn mb(rate: f64) -> String {
    format!("{rate:.0} MB/s")
}

fn length(file: &Path) -> u64 {
    fs::metadata(file).expect("the file").len()
}

fn read(artifacts: &Artifacts) -> u64 {
    let mut reader = artifacts.open("weights.bin").expect("opened");
    let mut buffer = vec![0; MIB as usize];
    let mut total = 0;
    loop {
        match reader.read(&mut buffer).expect("read") {
            0 => return total,
            got => total += got as u64,
        }
    }
}

fn small(folder: &Path) {
    let local = folder.join("small");
    for number in 0..SMALL_FILES {
        let folder = local.join((number % 100).to_string());
        fs::create_dir_all(&folder).expect("a folder");
        let mut random = Random::new(number);
        let bytes: Vec<u8> = (0..128).flat_map(|_| random.bits().to_le_bytes()).collect();
        fs::write(folder.join(format!("{number}.bin")), bytes).expect("written");
    }
    let file = folder.join("small.tracklite");
    let database = create(&file);
    let target = artifacts(&database);
    database.sync().expect("synced");
    // Flush the pending writes of the files themselves, to exclude them from the measurement.
    rustix::fs::sync();
    let blocks = || fs::metadata(&file).expect("the file").blocks() * 512;
    let (before, allocated) = (length(&file), blocks());
    let idle = peak_memory();
    let (time, ()) = timed(|| target.log_folder(&local, "").expect("logged"));
    let memory = peak_memory().saturating_sub(idle) as f64 / MIB as f64;
    let [grown, taken] = [length(&file) - before, blocks().saturating_sub(allocated)]
        .map(|bytes| bytes as f64 / MIB as f64);
    let result = format!(
        "{:.2} s, growth {grown:.1} MiB of length, {taken:.1} of space, {memory:.1} MiB of memory",
        time.as_secs_f64()
    );
    print("10,000 files of 1 KiB logged as a folder", &result);
    let (time, found) = timed(|| target.list("17").expect("listed").len());
    print(&format!("listing {found} of them"), &format!("{:.1} ms", time.as_secs_f64() * 1e3));
}

/// Returns the peak since the last call and starts a new measurement.
fn peak_memory() -> u64 {
    std::thread::sleep(Duration::from_millis(20));
    PEAK.swap(0, Ordering::Relaxed)
}

fn watch_memory() {
    while !IS_DONE.load(Ordering::Relaxed) {
        PEAK.fetch_max(anonymous_memory(), Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the anonymous memory of this process in bytes, or 0 if the system does not report it.
fn anonymous_memory() -> u64 {
    let facts = fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = facts.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}
