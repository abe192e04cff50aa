//! The processor time of an open database in a process that logs nothing.

use std::time::Duration;

use crate::{create, print};

const LENGTH: Duration = Duration::from_secs(20);

pub(crate) fn report() {
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let database = create(&folder.path().join("runs.tracklite"));
    let run = crate::start_run(&database);
    run.log_metric("loss", 0.5, 0).expect("log a point");
    std::thread::sleep(Duration::from_secs(3));
    let before = nanoseconds_on_processor();
    std::thread::sleep(LENGTH);
    let took = nanoseconds_on_processor() - before;
    let per_second = took as f64 / 1e3 / LENGTH.as_secs_f64();
    print("processor time of an idle writer", &format!("{per_second:.0} us per second"));
}

/// Returns the processor time of all threads of this process so far.
fn nanoseconds_on_processor() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("list the threads").flatten();
    let time_of = |thread: std::fs::DirEntry| -> u64 {
        let path = thread.path().join("schedstat");
        let text = std::fs::read_to_string(path).expect("read the thread's statistics");
        let number = text.split_whitespace().next().expect("find the first number");
        number.parse().expect("parse the first number")
    };
    threads.map(time_of).sum()
}
