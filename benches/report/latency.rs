//! How long single appends take at worst, paced like a training loop, while syncs go on.

use std::time::{Duration, Instant};

use crate::{create, print};

const PACE: Duration = Duration::from_micros(100);
const APPENDS: usize = 100_000;

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
