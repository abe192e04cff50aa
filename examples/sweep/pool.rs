//! The worker processes as the coordinator sees them.

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use crate::Result;
use crate::messages::{Order, Report};

/// An event of a worker, with the worker's number.
pub(crate) enum Event {
    /// It reported progress.
    Report(usize, Report),
    /// Its process ended, or it printed an invalid line. No more reports follow.
    Ended(usize),
}

/// All worker processes that were started, numbered from 0.
pub(crate) struct Pool {
    file: PathBuf,
    workers: Vec<Worker>,
    sender: Sender<Event>,
    events: Receiver<Event>,
}

struct Worker {
    process: Child,
    /// Its standard input, for orders. Closed when there is no more work.
    orders: Option<ChildStdin>,
}

impl Pool {
    /// Creates a pool without workers. Each will open this file.
    pub(crate) fn new(file: &Path) -> Self {
        let (sender, events) = mpsc::channel();
        Pool { file: file.to_owned(), workers: Vec::new(), sender, events }
    }

    /// Starts this program again as a worker. Returns its number.
    pub(crate) fn start(&mut self) -> Result<usize> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--worker").arg(&self.file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let (orders, reports) = (process.stdin.take(), process.stdout.take());
        let number = self.workers.len();
        self.workers.push(Worker { process, orders });
        let reports = reports.ok_or("the worker has no standard output")?;
        let sender = self.sender.clone();
        let listener = thread::Builder::new().name(format!("worker-{number}"));
        listener.spawn(move || listen(number, reports, &sender))?;
        Ok(number)
    }

    /// Waits for the next event of any worker.
    pub(crate) fn next_event(&self) -> Result<Event> {
        Ok(self.events.recv()?)
    }

    /// Sends a training to a worker. A failed write is ignored, because the end of a dead worker's
    /// process arrives as an event.
    pub(crate) fn order(&mut self, worker: usize, order: &Order) {
        if let Some(orders) = &mut self.workers[worker].orders {
            let _ = writeln!(orders, "{order}");
        }
    }

    /// Closes the worker's standard input, so that it closes the file and exits.
    pub(crate) fn dismiss(&mut self, worker: usize) {
        self.workers[worker].orders = None;
    }

    /// Kills the process of a worker, as `kill -9` does.
    pub(crate) fn kill(&mut self, worker: usize) -> Result<()> {
        Ok(self.workers[worker].process.kill()?)
    }

    /// Waits for the end of a worker. Returns its process id and exit status.
    pub(crate) fn end(&mut self, worker: usize) -> Result<(u32, ExitStatus)> {
        self.dismiss(worker);
        let process = &mut self.workers[worker].process;
        Ok((process.id(), process.wait()?))
    }

    /// Dismisses all workers and waits until each has closed the file.
    pub(crate) fn end_all(mut self) -> Result<()> {
        for number in 0..self.workers.len() {
            self.end(number)?;
        }
        Ok(())
    }
}

/// Forwards a worker's reports until it ends or prints an invalid line.
fn listen(number: usize, reports: ChildStdout, sender: &Sender<Event>) {
    let lines = BufReader::new(reports).lines();
    let reports = lines.map_while(io::Result::ok).map_while(|line| line.parse::<Report>().ok());
    for report in reports {
        if sender.send(Event::Report(number, report)).is_err() {
            return;
        }
    }
    // The receiver may be gone: the sweep is over.
    let _ = sender.send(Event::Ended(number));
}
