//! Runs the jobs of a tracklite file: a clock that fires schedules, and the processes of tasks.
//!
//! A [`Runner`] has threads of its own, and no HTTP. Several runners, also in several processes, may
//! run the jobs of one file. The file decides which of them fires, and which runs a task.
//!
//! Each task is a process group. It ends whole: with its runner, after its timeout, or when its run
//! is canceled. It runs as the user of the runner, so only those who may use the machine should be
//! allowed to define jobs.

mod arrivals;
mod command;
mod environment;
mod execution;
mod notify;
mod output;
mod process;
mod register;
mod runner;
mod workspace;

pub use crate::environment::{Environment, FileEnvironment, Lease};
pub use crate::notify::Notifier;
pub use crate::runner::{Runner, RunnerBuilder};
