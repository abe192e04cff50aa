//! The rights to jobs, and Databricks's calls for them.
//!
//! A token with the scope `admin` may do everything. Without grants, a token that reads may see
//! jobs, and one that writes may run them. With grants, only those who are named may.

use tracklite::job::{JobGrant, JobInfo, JobLevel, JobPrincipal, JobRunInfo};

use super::grants::{self, AccessEntry, GRANTS, PermissionLevels, Permissions};
use super::job_found::{job_number, jobs, refused};
use crate::access::{Caller, Scope};
use crate::call::{Args, Call};
use crate::failure::{Failure, Outcome};
use crate::fields::Read as _;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

const PATH: &str = "/api/2.0/permissions/jobs/{id}";

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: PATH,
        needs: Scope::Read,
        takes: &[],
        returns: shape::<Permissions>(),
        handler: get,
    },
    Route {
        method: Verb::Put,
        path: PATH,
        needs: Scope::Read,
        takes: GRANTS,
        returns: shape::<Permissions>(),
        handler: replace,
    },
    Route {
        method: Verb::Patch,
        path: PATH,
        needs: Scope::Read,
        takes: GRANTS,
        returns: shape::<Permissions>(),
        handler: add,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/permissions/jobs/{id}/permissionLevels",
        needs: Scope::Read,
        takes: &[],
        returns: shape::<PermissionLevels>(),
        handler: levels,
    },
];

/// Returns the highest level that a caller has.
fn level_of(caller: &Caller, info: &JobInfo) -> Option<JobLevel> {
    let most = match caller.scope {
        Scope::Admin => return Some(JobLevel::Owner),
        Scope::Nobody => return None,
        Scope::Read => JobLevel::View,
        // The code of a job runs on this machine, so an admin must have given more.
        Scope::Write if info.grants.is_empty() => JobLevel::ManageRun,
        Scope::Write => JobLevel::Owner,
    };
    if info.grants.is_empty() {
        return Some(most);
    }
    info.level_of(&caller.user).map(|level| level.min(most))
}

/// Returns whether a caller may see a job.
pub(super) fn is_visible(caller: &Caller, info: &JobInfo) -> bool {
    level_of(caller, info).is_some()
}

/// Refuses a caller with a lower level.
pub(super) fn must(caller: &Caller, info: &JobInfo, needs: JobLevel) -> Outcome<()> {
    caller.must(Scope::Read)?;
    let found = level_of(caller, info);
    if found >= Some(needs) {
        return Ok(());
    }
    let found = found.map_or("no right", JobLevel::as_str);
    let scope = caller.scope.as_str();
    Err(Failure::forbidden(format!(
        "this call needs {needs} on job {} or the scope \"admin\", but user '{}' has {found} with \
         a token of the scope {scope:?}",
        info.id, caller.user
    )))
}

/// Refuses a caller with a lower level on the job of a run. The runs of deleted jobs, and those
/// without a job, need this scope.
pub(super) fn must_for_run(
    call: &Call,
    run: &JobRunInfo,
    needs: JobLevel,
    scope: Scope,
) -> Outcome<()> {
    match run.job.map(|job| jobs(call).get(job)) {
        Some(Ok(info)) => must(&call.caller, &info, needs),
        _ => call.caller.must(scope),
    }
}

/// Finds the job that the path names, if the caller has this right to it.
fn found(call: &Call, needs: JobLevel) -> Outcome<JobInfo> {
    let info = jobs(call).get(job_number(call.args.need("id")?)?).map_err(refused)?;
    must(&call.caller, &info, needs)?;
    Ok(info)
}

fn get(call: &Call) -> Outcome<Reply> {
    Ok(Reply::json(&shown(&found(call, JobLevel::View)?)))
}

fn levels(call: &Call) -> Outcome<Reply> {
    found(call, JobLevel::View)?;
    let described = |level: JobLevel| {
        let description = match level {
            JobLevel::View => "Can see the job and its runs",
            JobLevel::ManageRun => "Can run the job, and cancel and repair its runs",
            JobLevel::Manage => "Can change and delete the job",
            JobLevel::Owner => "Owns the job",
        };
        (level.as_str(), description)
    };
    Ok(Reply::json(&PermissionLevels::new(JobLevel::ALL.map(described))))
}

fn replace(call: &Call) -> Outcome<Reply> {
    let info = found(call, JobLevel::Manage)?;
    let grants = given(&call.args)?;
    let info = jobs(call).set_grants(info.id, |_| grants.clone()).map_err(refused)?;
    Ok(Reply::json(&shown(&info)))
}

fn add(call: &Call) -> Outcome<Reply> {
    let info = found(call, JobLevel::Manage)?;
    let new = given(&call.args)?;
    let merged = |known: &[JobGrant]| {
        let is_kept = |grant: &&JobGrant| {
            // A new owner takes the place of the one before.
            !new.iter().any(|new| {
                new.principal == grant.principal
                    || (new.level == JobLevel::Owner && grant.level == JobLevel::Owner)
            })
        };
        known.iter().filter(is_kept).chain(&new).cloned().collect()
    };
    let info = jobs(call).set_grants(info.id, merged).map_err(refused)?;
    Ok(Reply::json(&shown(&info)))
}

/// Reads a list of rights.
pub(super) fn given(args: &Args) -> Outcome<Vec<JobGrant>> {
    grants::given(args, |principal, level| Ok(JobGrant::new(principal, level.parse()?)))
}

fn shown(info: &JobInfo) -> Permissions {
    let entry = |grant: &JobGrant| AccessEntry::new(&grant.principal, grant.level.as_str());
    let is_owned = info.grants.iter().any(|grant| grant.level == JobLevel::Owner);
    let creator = JobGrant::new(JobPrincipal::User(info.creator.clone()), JobLevel::Owner);
    let owner = (!is_owned).then(|| entry(&creator));
    let entries = info.grants.iter().map(entry).chain(owner);
    Permissions::new("job", format!("/jobs/{}", info.id), entries)
}
