//! The jobs that requests name.

use tracklite::ErrorKind;
use tracklite::job::{JobId, Jobs};

use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, missing};

pub(super) fn jobs(call: &Call) -> Jobs {
    call.database().jobs().acting_for(&call.caller.user)
}

/// Returns a job or run that does not exist as the SDK expects: as a wrong argument.
pub(super) fn refused(error: tracklite::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => Failure::invalid(error.message()),
        _ => error.into(),
    }
}

pub(super) fn job_id(call: &Call) -> Outcome<JobId> {
    let id = call.args.whole("job_id").ok_or_else(|| missing("job_id"))?;
    job_number(&id.to_string())
}

/// Reads the id of a job.
pub(super) fn job_number(text: &str) -> Outcome<JobId> {
    let number = text.parse::<u64>();
    number.map(JobId::new).map_err(|_| Failure::invalid(format!("Job {text} does not exist.")))
}
