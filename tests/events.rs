//! Events of the background go to the `log` facade.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::common::TestDatabase;

/// Keeps the events of this process.
struct Kept(Mutex<Vec<String>>);

static KEPT: Kept = Kept(Mutex::new(Vec::new()));

impl log::Log for Kept {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "tracklite"
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.lock().unwrap().push(format!("{}: {}", record.level(), record.args()));
        }
    }

    fn flush(&self) {}
}

#[test]
fn a_file_that_disappears_is_reported() {
    log::set_logger(&KEPT).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let database = TestDatabase::new();
    database.default_experiment().unwrap().start_run("").unwrap();
    std::fs::remove_file(database.path()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let is_reported = |event: &String| event.starts_with("WARN: background work (watch) failed");
    while !KEPT.0.lock().unwrap().iter().any(is_reported) {
        assert!(Instant::now() < deadline, "{:?}", KEPT.0.lock().unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
}
