//! What an open database costs a process that logs nothing.

use std::time::Duration;

use crate::{create, print};

const LENGTH: Duration = Duration::from_secs(20);

pub(crate) fn report() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = create(&folder.path().join("runs.tracklite"));
    let run = database.default_experiment().and_then(|it| it.start_run("")).expect("a run");
    run.log_metric("loss", 0.5, 0).expect("a point");
    std::thread::sleep(Duration::from_secs(3));
    let before = nanoseconds_on_processor();
    std::thread::sleep(LENGTH);
    let took = nanoseconds_on_processor() - before;
    let a_second = took as f64 / 1e3 / LENGTH.as_secs_f64();
    print("processor time of an idle writer", &format!("{a_second:.0} us a second"));
}

/// By all threads of this process so far.
fn nanoseconds_on_processor() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("threads").flatten();
    let told = |thread: std::fs::DirEntry| -> u64 {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).expect("thread facts");
        let number = text.split_whitespace().next().expect("a number");
        number.parse().expect("a number")
    };
    threads.map(told).sum()
}
