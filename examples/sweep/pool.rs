//! The worker processes as the coordinator sees them.

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use crate::Result;
use crate::messages::{Order, Report};

/// Something that a worker did; the number is the worker's.
pub(crate) enum Event {
    /// It said something.
    Report(usize, Report),
    /// It will say nothing more: its process has ended.
    Ended(usize),
}

/// All worker processes that were ever started, numbered from 0.
pub(crate) struct Pool {
    file: PathBuf,
    workers: Vec<Worker>,
    sender: Sender<Event>,
    events: Receiver<Event>,
}

struct Worker {
    process: Child,
    /// Where it reads its orders; closed when there is nothing more for it to do.
    orders: Option<ChildStdin>,
}

impl Pool {
    /// No worker yet; each will open this file.
    pub(crate) fn new(file: &Path) -> Self {
        let (sender, events) = mpsc::channel();
        Pool { file: file.to_owned(), workers: Vec::new(), sender, events }
    }

    /// Starts this program once more, as a worker; gives its number.
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

    /// Waits for what any worker does next.
    pub(crate) fn next_event(&self) -> Result<Event> {
        Ok(self.events.recv()?)
    }

    /// Hands a training to a worker. One that has died meanwhile does not get it; that it ended
    /// is the next that is heard of it.
    pub(crate) fn order(&mut self, worker: usize, order: &Order) {
        if let Some(orders) = &mut self.workers[worker].orders {
            let _ = writeln!(orders, "{order}");
        }
    }

    /// Tells a worker that nothing is left to do, so that it closes the file and ends.
    pub(crate) fn dismiss(&mut self, worker: usize) {
        self.workers[worker].orders = None;
    }

    /// Kills the process of a worker, as `kill -9` does.
    pub(crate) fn kill(&mut self, worker: usize) -> Result<()> {
        Ok(self.workers[worker].process.kill()?)
    }

    /// The process id of a worker, and how it ended; waits until it has.
    pub(crate) fn end(&mut self, worker: usize) -> Result<(u32, ExitStatus)> {
        self.dismiss(worker);
        let process = &mut self.workers[worker].process;
        Ok((process.id(), process.wait()?))
    }

    /// Dismisses all workers and waits until the last has closed the file.
    pub(crate) fn end_all(mut self) -> Result<()> {
        for number in 0..self.workers.len() {
            self.end(number)?;
        }
        Ok(())
    }
}

/// Passes on what a worker says, until it ends or talks nonsense.
fn listen(number: usize, reports: ChildStdout, sender: &Sender<Event>) {
    let lines = BufReader::new(reports).lines();
    let reports = lines.map_while(io::Result::ok).map_while(|line| line.parse::<Report>().ok());
    for report in reports {
        if sender.send(Event::Report(number, report)).is_err() {
            return;
        }
    }
    // Nobody hears it once the sweep is over: that is as it should be.
    let _ = sender.send(Event::Ended(number));
}
