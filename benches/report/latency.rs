//! The worst-case latency of single appends, paced like a training loop, with syncs in the
//! background. Also the share of page faults in the cost of a call.

use std::time::{Duration, Instant};

use crate::{create, print};

const PACE: Duration = Duration::from_micros(100);
const APPENDS: usize = 100_000;
const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

pub(crate) fn report() {
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let database = create(&folder.path().join("runs.tracklite"));
    // Only this thread: threads started later would have to share the core with a spinning one.
    pin_to_one_core();
    let floor = quantiles(|| {});
    print("latency, floor: two clock reads, p50 / p99.9", &floor);
    let run = crate::start_run(&database);
    let loss = run.metric("loss").expect("define a metric");
    let appended = quantiles(|| loss.log(0.5, 1).expect("log a point"));
    print("latency of an append at 10 kHz, 1 s sync, p50 / p99.9", &appended);
    let (mut step, row) = (0, run.metric_row(&KEYS).expect("define a row"));
    let mut next = || {
        step += 1;
        step
    };
    let points = stretches(|| loss.log(0.5, next()).expect("log a point"));
    print("a point by handle, in stretches of 1000: min / median", &points);
    let rows = stretches(|| row.log(&[0.5; 8], next()).expect("log a row"));
    print("a row of 8 by handle, in stretches of 1000: min / median", &rows);
    #[cfg(feature = "internals")]
    print("first touch of a page of a file, over 64 MiB", &first_touch(folder.path()));
}

/// Calls `work` without a pause. Reports the time per call in the fastest and the median thousand.
fn stretches(mut work: impl FnMut()) -> String {
    let mut took: Vec<u128> = (0..2000)
        .map(|_| {
            let began = Instant::now();
            (0..1000).for_each(|_| work());
            began.elapsed().as_nanos() / 1000
        })
        .collect();
    took.sort_unstable();
    format!("{} ns / {} ns", took[0], took[took.len() / 2])
}

/// Measures the first store into a page of the file whose space is already allocated.
#[cfg(feature = "internals")]
fn first_touch(folder: &std::path::Path) -> String {
    use tracklite::WritePath;
    use tracklite::internals::storage::{Access, FileStorage, Storage as _};
    const PAGE: u64 = 4096;
    /// 64 MiB.
    const PAGES: u64 = 16 * 1024;
    let path = folder.join("pages");
    std::fs::write(&path, [0]).expect("create a file");
    let storage = FileStorage::open(&path, Access::ReadWrite, WritePath::Automatic);
    let storage = storage.expect("open the storage");
    storage.allocate(0, PAGES * PAGE).expect("allocate space");
    let region = storage.region(0, PAGES * PAGE).expect("map the region");
    let began = Instant::now();
    for page in 0..PAGES {
        region.store((page * PAGE) as usize, &[1]).expect("store a byte");
    }
    format!("{} ns", began.elapsed().as_nanos() / u128::from(PAGES))
}

/// Calls `work` every 100 us and spins in between. Reports the median and the 99.9 % quantile.
fn quantiles(mut work: impl FnMut()) -> String {
    let mut took = Vec::with_capacity(APPENDS);
    let began = Instant::now();
    for number in 0..APPENDS {
        while began.elapsed() < PACE * u32::try_from(number).expect("a small number") {
            std::hint::spin_loop();
        }
        let before = Instant::now();
        work();
        took.push(before.elapsed());
    }
    took.sort();
    let at = |share: f64| took[(APPENDS as f64 * share) as usize].as_nanos();
    format!("{} ns / {} ns", at(0.5), at(0.999))
}

fn pin_to_one_core() {
    let mut core = rustix::thread::CpuSet::new();
    core.set(1);
    // This fails on a machine with only one core. The measurement then runs on that one.
    let _ = rustix::thread::sched_setaffinity(None, &core);
}
