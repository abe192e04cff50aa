//! The jobs of a file and their runs, for its copies and its checks.

use std::collections::{HashMap, HashSet};

use crate::entity::{JobId, JobRunId};
use crate::format::record::Record;

/// The jobs and runs that exist after the applied records.
#[derive(Debug, Default)]
pub(crate) struct KnownJobs {
    /// The highest revision of each job, also of deleted ones.
    revisions: HashMap<JobId, u64>,
    /// The highest revision of the rights to each job.
    grants: HashMap<JobId, u64>,
    /// The runs, with those that were deleted.
    runs: HashSet<JobRunId>,
    deleted: HashSet<JobRunId>,
}

/// A record that does not fit to those before it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// The job has this revision, and the record a lower or the same one.
    Overtaken { job: JobId, known: u64, revision: u64 },
    /// There is no such run.
    UnknownRun(JobRunId),
}

impl Misfit {
    /// Returns the place, the expected and the found value.
    pub(crate) fn words(self) -> (String, String, String) {
        match self {
            Misfit::Overtaken { job, known, revision } => {
                let wanted = format!("a revision above {known}");
                (format!("change of job {job}"), wanted, revision.to_string())
            }
            Misfit::UnknownRun(run) => {
                let place = format!("change of run {run} of a job");
                (place, "a run from an earlier record".to_owned(), "an unknown run".to_owned())
            }
        }
    }
}

impl KnownJobs {
    /// Applies a record.
    pub(crate) fn note(&mut self, record: &Record) {
        if let Some((job, revision)) = revision_of(record) {
            let known = self.revisions.entry(job).or_default();
            *known = revision.max(*known);
        }
        match record {
            Record::JobGrantsSet(change) => {
                let known = self.grants.entry(change.job).or_default();
                *known = change.revision.max(*known);
            }
            Record::JobRunCreated(change) => {
                self.runs.insert(change.run);
            }
            Record::JobRunDeleted(change) => {
                self.runs.remove(&change.run);
                self.deleted.insert(change.run);
            }
            _ => {}
        }
    }

    /// Returns whether a copy needs the record: it is the last one of its job, or of a run that
    /// exists.
    ///
    /// Deletions are kept, so that the copy does not use a revision again, and does not make up for
    /// a fire whose run was deleted.
    pub(crate) fn keeps(&self, record: &Record) -> bool {
        if let Some((job, revision)) = revision_of(record) {
            return self.revisions.get(&job) == Some(&revision);
        }
        match record {
            Record::JobGrantsSet(change) => self.grants.get(&change.job) == Some(&change.revision),
            Record::JobRunDeleted(_) => true,
            other => run_of(other).is_none_or(|run| self.runs.contains(&run)),
        }
    }

    /// Returns why a record does not fit to those before it.
    pub(crate) fn misfit(&self, record: &Record) -> Option<Misfit> {
        if let Some((job, revision)) = revision_of(record) {
            let known = *self.revisions.get(&job)?;
            return (revision <= known).then_some(Misfit::Overtaken { job, known, revision });
        }
        if let Record::JobGrantsSet(change) = record {
            let (job, revision, known) =
                (change.job, change.revision, *self.grants.get(&change.job)?);
            return (revision <= known).then_some(Misfit::Overtaken { job, known, revision });
        }
        let run = run_of(record)?;
        // A copy keeps the deletion of a run without the run.
        let needs_none = matches!(record, Record::JobRunCreated(_) | Record::JobRunDeleted(_));
        let is_known = self.runs.contains(&run) || self.deleted.contains(&run);
        (!needs_none && !is_known).then_some(Misfit::UnknownRun(run))
    }
}

fn revision_of(record: &Record) -> Option<(JobId, u64)> {
    match record {
        Record::JobSaved(change) => Some((change.job, change.revision)),
        Record::JobDeleted(change) => Some((change.job, change.revision)),
        _ => None,
    }
}

fn run_of(record: &Record) -> Option<JobRunId> {
    match record {
        Record::JobRunCreated(change) => Some(change.run),
        Record::JobAttemptStarted(change) => Some(change.run),
        Record::JobAttemptEnded(change) => Some(change.run),
        Record::JobRunEnded(change) => Some(change.run),
        Record::JobRunCanceled(change) => Some(change.run),
        Record::JobRunRepaired(change) => Some(change.run),
        Record::JobRunDeleted(change) => Some(change.run),
        Record::JobRunNotified(change) => Some(change.run),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::{JobResult, JobTrigger};
    use crate::format::record::{JobDeleted, JobRunCreated, JobRunDeleted, JobRunEnded};

    fn deleted(revision: u64) -> Record {
        JobDeleted { job: JobId::new(1), author: "ada".to_owned(), revision, time: 1 }.into()
    }

    fn created(run: u64) -> Record {
        JobRunCreated {
            run: JobRunId::new(run),
            job: Some(JobId::new(1)),
            number: 1,
            trigger: JobTrigger::OneTime,
            nominal: None,
            token: None,
            settings: "{}".to_owned(),
            request: "{}".to_owned(),
            zones: None,
            author: "ada".to_owned(),
            time: 1,
        }
        .into()
    }

    fn ended(run: u64) -> Record {
        let (run, message) = (JobRunId::new(run), String::new());
        JobRunEnded { run, result: JobResult::Success, message, time: 2 }.into()
    }

    fn run_deleted(run: u64) -> Record {
        let (run, job, author) = (JobRunId::new(run), None, "ada".to_owned());
        JobRunDeleted { run, job, number: 1, nominal: None, author, time: 3 }.into()
    }

    #[test]
    fn a_copy_needs_the_last_record_of_a_job_and_the_runs_that_exist() {
        let records = [
            deleted(1),
            deleted(2),
            created(5),
            ended(5),
            created(6),
            run_deleted(6),
            ended(6),
            ended(7),
        ];
        let mut known = KnownJobs::default();
        records.iter().for_each(|record| known.note(record));
        let kept: Vec<bool> = records.iter().map(|record| known.keeps(record)).collect();
        assert_eq!(kept, [false, true, true, true, false, true, false, false]);
    }

    #[test]
    fn a_record_that_does_not_fit_is_noticed() {
        let mut known = KnownJobs::default();
        assert_eq!(known.misfit(&deleted(3)), None);
        known.note(&deleted(3));
        let (job, revision) = (JobId::new(1), 3);
        let overtaken = Misfit::Overtaken { job, known: 3, revision };
        assert_eq!(known.misfit(&deleted(3)), Some(overtaken));
        assert_eq!(known.misfit(&ended(5)), Some(Misfit::UnknownRun(JobRunId::new(5))));
        known.note(&created(5));
        assert_eq!(known.misfit(&ended(5)), None);
        assert_eq!(known.misfit(&run_deleted(9)), None);
    }
}
