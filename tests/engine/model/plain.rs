//! The plain model: maps in memory, and the rules of the API.

use std::collections::BTreeMap;

use tracklite::{ErrorKind, Lifecycle, RunId, RunStatus};

use crate::support::{Content, ExperimentContent, Point, RunContent};

/// The result of a call: nothing, or the kind of its error.
pub type Answer = Result<(), ErrorKind>;

/// The expected contents of a file.
#[derive(Clone, Debug)]
pub struct Plain {
    pub content: Content,
    /// All runs ever started, in order, including purged ones.
    pub started: Vec<RunId>,
    /// All experiments ever created.
    pub created: Vec<u64>,
}

impl Plain {
    pub fn new() -> Self {
        let mut content = Content::default();
        let default = ExperimentContent {
            path: "Default".to_owned(),
            lifecycle: Lifecycle::Active,
            tags: BTreeMap::new(),
        };
        content.experiments.insert(0, default);
        Plain { content, started: Vec::new(), created: vec![0] }
    }

    /// Returns the experiment with this path, or `None` if it can be created.
    pub fn experiment(&mut self, path: &str) -> Result<Option<u64>, ErrorKind> {
        let found = self.content.experiments.iter().find(|(_, known)| known.path == path);
        match found {
            Some((_, known)) if known.lifecycle == Lifecycle::Deleted => {
                Err(ErrorKind::InvalidState)
            }
            Some((id, _)) => Ok(Some(*id)),
            None => Ok(None),
        }
    }

    pub fn created(&mut self, id: u64, path: &str) {
        let experiment = ExperimentContent {
            path: path.to_owned(),
            lifecycle: Lifecycle::Active,
            tags: BTreeMap::new(),
        };
        self.content.experiments.insert(id, experiment);
        self.created.push(id);
    }

    fn writable_experiment(&mut self, id: u64) -> Result<&mut ExperimentContent, ErrorKind> {
        let found = self.content.experiments.get_mut(&id).ok_or(ErrorKind::NotFound)?;
        match found.lifecycle {
            Lifecycle::Active => Ok(found),
            Lifecycle::Deleted => Err(ErrorKind::InvalidState),
        }
    }

    pub fn rename_experiment(&mut self, id: u64, path: &str) -> Answer {
        self.writable_experiment(id)?;
        let mut known = self.content.experiments.iter();
        let is_taken = known.any(|(other, known)| *other != id && known.path == path);
        if is_taken {
            return Err(ErrorKind::AlreadyExists);
        }
        path.clone_into(&mut self.writable_experiment(id)?.path);
        Ok(())
    }

    pub fn set_experiment_lifecycle(&mut self, id: u64, lifecycle: Lifecycle) -> Answer {
        let found = self.content.experiments.get_mut(&id).ok_or(ErrorKind::NotFound)?;
        if found.lifecycle == lifecycle {
            return Err(ErrorKind::NotFound);
        }
        found.lifecycle = lifecycle;
        let runs = self.content.runs.values_mut().filter(|run| run.experiment == id);
        runs.for_each(|run| run.lifecycle = lifecycle);
        Ok(())
    }

    pub fn set_experiment_tag(&mut self, id: u64, key: &str, value: &str) -> Answer {
        let tags = &mut self.writable_experiment(id)?.tags;
        tags.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    pub fn delete_experiment_tag(&mut self, id: u64, key: &str) -> Answer {
        let tags = &mut self.writable_experiment(id)?.tags;
        tags.remove(key).map(drop).ok_or(ErrorKind::NotFound)
    }

    /// Returns whether a run can be started in the experiment. The experiment is checked first.
    pub fn may_start(&mut self, experiment: u64, parent: Option<RunId>) -> Answer {
        self.writable_experiment(experiment)?;
        parent.map_or(Ok(()), |parent| self.writable_run(parent).map(drop))
    }

    pub fn started(&mut self, id: RunId, run: RunContent) {
        self.content.runs.insert(id, run);
        self.started.push(id);
    }

    pub fn run(&mut self, id: RunId) -> Result<&mut RunContent, ErrorKind> {
        self.content.runs.get_mut(&id).ok_or(ErrorKind::NotFound)
    }

    pub fn writable_run(&mut self, id: RunId) -> Result<&mut RunContent, ErrorKind> {
        let run = self.run(id)?;
        match run.lifecycle {
            Lifecycle::Active => Ok(run),
            Lifecycle::Deleted => Err(ErrorKind::InvalidState),
        }
    }

    pub fn log_param(&mut self, id: RunId, key: &str, value: &str) -> Answer {
        let params = &mut self.writable_run(id)?.params;
        match params.get(key) {
            Some(known) if known == value => Ok(()),
            Some(_) => Err(ErrorKind::InvalidInput),
            None => {
                params.insert(key.to_owned(), value.to_owned());
                Ok(())
            }
        }
    }

    pub fn set_tag(&mut self, id: RunId, key: &str, value: &str) -> Answer {
        self.writable_run(id)?.tags.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    pub fn delete_tag(&mut self, id: RunId, key: &str) -> Answer {
        self.writable_run(id)?.tags.remove(key).map(drop).ok_or(ErrorKind::NotFound)
    }

    pub fn set_name(&mut self, id: RunId, name: &str) -> Answer {
        name.clone_into(&mut self.writable_run(id)?.name);
        Ok(())
    }

    pub fn set_status(&mut self, id: RunId, status: RunStatus) -> Answer {
        let run = self.writable_run(id)?;
        run.status = status;
        run.has_ended = status.is_terminated();
        Ok(())
    }

    pub fn log(&mut self, id: RunId, key: &str, point: Point) -> Answer {
        self.writable_run(id)?.metrics.entry(key.to_owned()).or_default().push(point);
        Ok(())
    }

    pub fn set_run_lifecycle(&mut self, id: RunId, lifecycle: Lifecycle) -> Answer {
        self.run(id)?.lifecycle = lifecycle;
        Ok(())
    }

    pub fn gc(&mut self) {
        let gone: Vec<u64> = self
            .content
            .experiments
            .iter()
            .filter(|(_, experiment)| experiment.lifecycle == Lifecycle::Deleted)
            .map(|(id, _)| *id)
            .collect();
        // The default experiment loses only its runs.
        self.content.experiments.retain(|id, _| *id == 0 || !gone.contains(id));
        self.content
            .runs
            .retain(|_, run| run.lifecycle == Lifecycle::Active && !gone.contains(&run.experiment));
    }

    /// Returns the contents with points in the order in which the API returns them.
    pub fn sorted(&self) -> Content {
        let mut content = self.content.clone();
        for points in content.runs.values_mut().flat_map(|run| run.metrics.values_mut()) {
            points.sort_by(|left, right| {
                let by_place = (left.0, left.1).cmp(&(right.0, right.1));
                by_place.then_with(|| f64::from_bits(left.2).total_cmp(&f64::from_bits(right.2)))
            });
        }
        content
    }
}
