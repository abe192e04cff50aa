//! Load of the machine as metrics of a run, by a thread in the background.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use sysinfo::{Disk, DiskRefreshKind, Disks, Networks, System};

use crate::error::{Error, ErrorKind, Result};
use crate::run::Run;
use crate::run::keys::Step;
use crate::run::metric::MetricRow;

/// MLflow's names, in the order of [`Machine::sample`].
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
/// MLflow's megabyte.
const MEGABYTE: f64 = 1e6;

/// The thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Sampler {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    process: u32,
}

impl Sampler {
    /// Starts to log a row of metrics at once and then at every interval.
    pub(super) fn start(run: &Run, interval: Duration) -> Result<Sampler> {
        if interval.is_zero() {
            let message = "an interval of zero between system metrics: give some milliseconds";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let row = run.metric_row(&KEYS)?;
        let mut machine = Machine::new(run.database().path());
        // Part of what is written before the call returns, however short the run is.
        row.log(&machine.sample(), Step::NEXT)?;
        let (stop, stopped) = channel();
        let sample = move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                // The run was finished or deleted, or the disk is full: nobody is here to tell.
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
        // A forked child has no such thread, and would wait for ever for it, or for a lock that it
        // held.
        if self.process != std::process::id() {
            std::mem::forget((self.stop.take(), self.thread.take()));
            return;
        }
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It does not panic; if it did, its run would still be good.
            thread.join().ok();
        }
    }
}

/// What is looked at.
struct Machine {
    system: System,
    networks: Networks,
    disk: Disks,
    place: PathBuf,
}

impl Machine {
    /// The machine, and the disk on which this path is.
    fn new(path: &Path) -> Machine {
        let place = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let mut system = System::new();
        system.refresh_cpu_usage();
        Machine { system, networks: Networks::new_with_refreshed_list(), disk: Disks::new(), place }
    }

    /// A value for each of the keys; those of the processor and the network are since the last
    /// time. What the system does not tell is NaN.
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

    /// Size and free bytes of the disk that holds the database.
    fn space(&self) -> (u64, u64) {
        let holds = |disk: &&Disk| self.place.starts_with(disk.mount_point());
        let disks = self.disk.list().iter().filter(holds);
        // The mount point that is nearest.
        let nearest = disks.max_by_key(|disk| disk.mount_point().as_os_str().len());
        nearest.map_or((0, 0), |disk| (disk.total_space(), disk.available_space()))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a measure of load is no exact number")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / MEGABYTE
}

#[expect(clippy::cast_precision_loss, reason = "a measure of load is no exact number")]
fn percentage(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64 * 100.0
}
