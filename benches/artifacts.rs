//! Artifacts beside what the disk gives: a large file in, in again and out, and many small ones.
//!
//! `cargo bench --bench artifacts [MEBIBYTES]` measures with a file of that size, 1,024 unless said
//! otherwise, in the folder for temporary files (`TMPDIR`), and prints a line each. The floor is a
//! copy of the same file with one sync, measured in the same run, before and after: the better one
//! counts.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench may stop short")]

#[path = "common/mod.rs"]
mod common;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracklite::{Artifacts, Database, IndexPlace};

use crate::common::Random;

const MIB: u64 = 1024 * 1024;
const SMALL_FILES: u64 = 10_000;

/// The most anonymous memory that the process had since it was asked last, in bytes.
static PEAK: AtomicU64 = AtomicU64::new(0);
static IS_DONE: AtomicBool = AtomicBool::new(false);

fn main() {
    let size = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let size: u64 = size.unwrap_or(1024) * MIB;
    let watch = std::thread::spawn(watch_memory);
    let folder = tempfile::tempdir().expect("a folder");
    large(folder.path(), size);
    small(folder.path());
    IS_DONE.store(true, Ordering::Relaxed);
    watch.join().expect("the watch ends");
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
    Database::builder().create(true).index(IndexPlace::InMemory).open(path).expect("a database")
}

fn artifacts(database: &Database) -> Artifacts {
    database.default_experiment().and_then(|it| it.start_run("")).expect("a run").artifacts()
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
    print("the same logged, random bytes", &of_floor);
    let faster = logged.as_secs_f64() / again.as_secs_f64();
    let growth = 100.0 * growth as f64 / size as f64;
    let told =
        format!("{}, {faster:.1} times as fast, growth {growth:.3} %", mb(rate(size, again)));
    print("logged again by another run", &told);
    let best = times.into_iter().min().unwrap_or_default();
    print("read back, warm, best of 3", &mb(rate(size, best)));
    let above = |peak: u64| format!("{:.1}", peak.saturating_sub(idle) as f64 / MIB as f64);
    let memory =
        [logging_memory, again_memory, reading_memory].map(above).join(" / ") + " MiB above idle";
    print("anonymous memory: logging, again, reading", &memory);
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
    // What the files themselves have still to be written is not counted.
    rustix::fs::sync();
    let blocks = || fs::metadata(&file).expect("the file").blocks() * 512;
    let (before, allocated) = (length(&file), blocks());
    let idle = peak_memory();
    let (time, ()) = timed(|| target.log_folder(&local, "").expect("logged"));
    let memory = peak_memory().saturating_sub(idle) as f64 / MIB as f64;
    let [grown, taken] = [length(&file) - before, blocks().saturating_sub(allocated)]
        .map(|it| it as f64 / MIB as f64);
    let told = format!(
        "{:.2} s, growth {grown:.1} MiB of length, {taken:.1} of space, {memory:.1} MiB of memory",
        time.as_secs_f64()
    );
    print("10,000 files of 1 KiB logged as a folder", &told);
    let (time, found) = timed(|| target.list("17").expect("listed").len());
    print(&format!("listing {found} of them"), &format!("{:.1} ms", time.as_secs_f64() * 1e3));
}

/// The most since the last time; begins anew.
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

/// Anonymous memory of this process, in bytes; 0 where the system does not tell.
fn anonymous_memory() -> u64 {
    let facts = fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = facts.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}
