//! Logs the load of the machine as metrics of a run, from a background thread.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use sysinfo::{Disk, DiskRefreshKind, Disks, Networks, System};

use crate::error::{Error, ErrorKind, Result};
use crate::run::Run;
use crate::run::keys::Step;
use crate::run::metric::MetricRow;

/// The metric keys, named like MLflow's, in the order of [`Machine::sample`].
const KEYS: [&str; 8] = [
    "system/cpu_utilization_percentage",
    "system/system_memory_usage_megabytes",
    "system/system_memory_usage_percentage",
    "system/network_receive_megabytes",
    "system/network_transmit_megabytes",
    "system/disk_usage_megabytes",
    "system/disk_usage_percentage",
    "system/disk_available_megabytes",
];
/// MLflow's megabyte in bytes.
const MEGABYTE: f64 = 1e6;

/// The background thread. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Sampler {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    process: u32,
}

impl Sampler {
    /// Logs a row of metrics now, and then one at every interval.
    pub(super) fn start(run: &Run, interval: Duration) -> Result<Sampler> {
        if interval.is_zero() {
            let message = "system metrics interval is zero: expected at least a few milliseconds";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let row = run.metric_row(&KEYS)?;
        let mut machine = Machine::new(run.database().path());
        // The first row is logged before this returns, so that even a short run has one.
        row.log(&machine.sample(), Step::NEXT)?;
        let (stop, stopped) = channel();
        let sample = move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                // The run was finished or deleted, or the disk is full. There is nobody to report
                // it to.
                if log(&row, &mut machine).is_err() {
                    return;
                }
            }
        };
        let thread = Builder::new().name("tracklite-capture".to_owned()).spawn(sample);
        let thread = thread.map_err(|error| Error::io("starting a thread", error))?;
        Ok(Sampler { stop: Some(stop), thread: Some(thread), process: std::process::id() })
    }
}

fn log(row: &MetricRow, machine: &mut Machine) -> Result<()> {
    row.log(&machine.sample(), Step::NEXT)
}

impl Drop for Sampler {
    fn drop(&mut self) {
        // A forked child does not have this thread. Joining would wait forever, and so would a lock
        // that the thread held.
        if self.process != std::process::id() {
            std::mem::forget((self.stop.take(), self.thread.take()));
            return;
        }
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // The thread does not panic. If it did, the run would still be intact.
            thread.join().ok();
        }
    }
}

/// The observed machine.
struct Machine {
    system: System,
    networks: Networks,
    disk: Disks,
    place: PathBuf,
}

impl Machine {
    /// Observes the machine, and the disk that holds `path`.
    fn new(path: &Path) -> Machine {
        let place = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let mut system = System::new();
        system.refresh_cpu_usage();
        Machine { system, networks: Networks::new_with_refreshed_list(), disk: Disks::new(), place }
    }

    /// Returns a value for each of the keys. Processor and network values cover the time since the
    /// previous sample. NaN means unknown.
    fn sample(&mut self) -> [f64; 8] {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.networks.refresh(true);
        self.disk.refresh_specifics(true, DiskRefreshKind::nothing().with_storage());
        let sum = |each: fn(&sysinfo::NetworkData) -> u64| self.networks.values().map(each).sum();
        let (total, used) = (self.system.total_memory(), self.system.used_memory());
        let (space, left) = self.space();
        [
            f64::from(self.system.global_cpu_usage()),
            megabytes(used),
            percentage(used, total),
            megabytes(sum(sysinfo::NetworkData::received)),
            megabytes(sum(sysinfo::NetworkData::transmitted)),
            megabytes(space.saturating_sub(left)),
            percentage(space.saturating_sub(left), space),
            megabytes(left),
        ]
    }

    /// Returns the size and the free space, in bytes, of the disk that holds the database.
    fn space(&self) -> (u64, u64) {
        let holds = |disk: &&Disk| self.place.starts_with(disk.mount_point());
        let disks = self.disk.list().iter().filter(holds);
        // The longest matching mount point.
        let nearest = disks.max_by_key(|disk| disk.mount_point().as_os_str().len());
        nearest.map_or((0, 0), |disk| (disk.total_space(), disk.available_space()))
    }
}

#[expect(clippy::cast_precision_loss, reason = "load is not measured exactly")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / MEGABYTE
}

#[expect(clippy::cast_precision_loss, reason = "load is not measured exactly")]
fn percentage(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64 * 100.0
}
