//! The messages between coordinator and workers, each one line of text.

use std::fmt;
use std::str::FromStr;

use tracklite::RunId;

use crate::digits::training::Progress;
use crate::{Failure, Result};

/// A training that the coordinator assigns.
pub(crate) struct Order {
    /// The index of the configuration in the grid.
    pub(crate) configuration: usize,
    /// The seed of the random numbers.
    pub(crate) seed: u64,
    /// Passes over the data.
    pub(crate) epochs: u32,
    /// The run of the configuration, which becomes the parent of the new run.
    pub(crate) parent: RunId,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Order { configuration, seed, epochs, parent } = self;
        write!(f, "train {configuration} {seed} {epochs} {parent}")
    }
}

impl FromStr for Order {
    type Err = Failure;

    fn from_str(line: &str) -> Result<Self> {
        let words = line.split(' ').collect::<Vec<_>>();
        let ["train", configuration, seed, epochs, parent] = words[..] else {
            return Err(format!("not an order: {line:?}").into());
        };
        Ok(Order {
            configuration: configuration.parse()?,
            seed: seed.parse()?,
            epochs: epochs.parse()?,
            parent: parent.parse()?,
        })
    }
}

/// A worker's report of progress that is already in the file.
pub(crate) enum Report {
    /// The run was started.
    Started(RunId),
    /// A pass over the data is done and logged.
    Epoch(Progress),
    /// The run is finished.
    Finished,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::Started(run) => write!(f, "started {run}"),
            Report::Epoch(Progress { epoch, step, test_accuracy }) => {
                write!(f, "epoch {epoch} {step} {test_accuracy}")
            }
            Report::Finished => write!(f, "finished"),
        }
    }
}

impl FromStr for Report {
    type Err = Failure;

    fn from_str(line: &str) -> Result<Self> {
        let words = line.split(' ').collect::<Vec<_>>();
        match words[..] {
            ["started", run] => Ok(Report::Started(run.parse()?)),
            ["epoch", epoch, step, test_accuracy] => Ok(Report::Epoch(Progress {
                epoch: epoch.parse()?,
                step: step.parse()?,
                test_accuracy: test_accuracy.parse()?,
            })),
            ["finished"] => Ok(Report::Finished),
            _ => Err(format!("not a report: {line:?}").into()),
        }
    }
}
