//! How long single appends take at worst, paced like a training loop, while syncs go on; and what
//! of a call is the pages of the file.

use std::time::{Duration, Instant};

use crate::{create, print};

const PACE: Duration = Duration::from_micros(100);
const APPENDS: usize = 100_000;
const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

pub(crate) fn report() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = create(&folder.path().join("runs.tracklite"));
    // Only this thread: what begins after this would have to share the core with one that spins.
    pin_to_one_core();
    let floor = quantiles(|| {});
    print("latency, floor: two looks at the clock, p50 / p99.9", &floor);
    let run = database.default_experiment().and_then(|it| it.start_run("")).expect("a run");
    let loss = run.metric("loss").expect("a metric");
    let appended = quantiles(|| loss.log(0.5, 1).expect("a point"));
    print("latency of an append at 10 kHz, 1 s sync, p50 / p99.9", &appended);
    let (mut step, row) = (0, run.metric_row(&KEYS).expect("a row"));
    let mut next = || {
        step += 1;
        step
    };
    let points = stretches(|| loss.log(0.5, next()).expect("a point"));
    print("a point by handle, in stretches of 1000: least / median", &points);
    let rows = stretches(|| row.log(&[0.5; 8], next()).expect("a row"));
    print("a row of 8 by handle, in stretches of 1000: least / median", &rows);
    #[cfg(feature = "internals")]
    print("a page of a file that is touched first, 64 MiB of them", &first_touch(folder.path()));
}

/// Calls `work` without a pause; the time of one in the quickest thousand and in the median one.
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

/// What the first store into a page of the file costs whose space is allocated.
#[cfg(feature = "internals")]
fn first_touch(folder: &std::path::Path) -> String {
    use tracklite::WritePath;
    use tracklite::storage::{Access, FileStorage, Storage as _};
    const PAGE: u64 = 4096;
    /// 64 MiB.
    const PAGES: u64 = 16 * 1024;
    let path = folder.join("pages");
    std::fs::write(&path, [0]).expect("a file");
    let storage = FileStorage::open(&path, Access::ReadWrite, WritePath::Automatic);
    let storage = storage.expect("a storage");
    storage.allocate(0, PAGES * PAGE).expect("space");
    let region = storage.region(0, PAGES * PAGE).expect("a region");
    let began = Instant::now();
    for page in 0..PAGES {
        region.store((page * PAGE) as usize, &[1]).expect("stored");
    }
    format!("{} ns", began.elapsed().as_nanos() / u128::from(PAGES))
}

/// Calls `work` every 100 us, spinning in between; the median and the 99.9 % quantile.
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
    // Where there is one core only, the measurement is of what there is.
    let _ = rustix::thread::sched_setaffinity(None, &core);
}
