//! Jobs: `w.jobs.create`, `get`, `list`, `update`, `reset`, `delete`, and their permissions.

use serde_json::{Map, Value, json};
use tracklite::job::{JobInfo, JobLevel, JobSettings};

use super::grants::ENTRIES;
use super::job_found::{job_id, jobs, refused};
use super::job_objects::{AnyJson, CreatedJob, Job, JobList, object_of};
use super::job_rights::{given, is_visible, must};
use crate::access::Scope::{Admin, Read};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, Read as _, any, flag, object, objects, text, texts, whole};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

/// The members of settings that clients must send in the right form. All others are kept too.
const SETTINGS: &[Field] = &[text("name"), objects("tasks", &[]), object("schedule", &[])];
const CREATE: &[Field] = &[
    text("name"),
    objects("tasks", &[]),
    object("schedule", &[]),
    objects("access_control_list", ENTRIES),
];
const ONE: &[Field] = &[whole("job_id").required()];

/// Makes the same routes for each version of the API.
macro_rules! in_all_versions {
    ($($tail:literal: $method:ident, $needs:ident, $takes:expr, $returns:ty, $handler:expr;)*) => {
        &[$(
            Route {
                method: Verb::$method,
                path: concat!("/api/2.0/jobs/", $tail),
                needs: $needs,
                takes: $takes,
                returns: shape::<$returns>(),
                handler: $handler,
            },
            Route {
                method: Verb::$method,
                path: concat!("/api/2.1/jobs/", $tail),
                needs: $needs,
                takes: $takes,
                returns: shape::<$returns>(),
                handler: $handler,
            },
            Route {
                method: Verb::$method,
                path: concat!("/api/2.2/jobs/", $tail),
                needs: $needs,
                takes: $takes,
                returns: shape::<$returns>(),
                handler: $handler,
            },
        )*]
    };
}

pub(super) use in_all_versions;

// The code of a job runs on the machine of the server, so only admins create jobs, and only those
// change one to whom an admin gave the right.
pub(super) const ROUTES: &[Route] = in_all_versions! {
    "create": Post, Admin, CREATE, CreatedJob, create;
    "get": Get, Read, &[whole("job_id").required(), text("page_token")], Job, get;
    "list": Get, Read, LIST, JobList, list;
    "update": Post, Read, UPDATE, Nothing, update;
    "reset": Post, Read, RESET, Nothing, reset;
    "delete": Post, Read, ONE, Nothing, delete;
};

const LIST: &[Field] =
    &[whole("limit"), whole("offset"), text("name"), flag("expand_tasks"), text("page_token")];
const UPDATE: &[Field] =
    &[whole("job_id").required(), object("new_settings", SETTINGS), texts("fields_to_remove")];
const RESET: &[Field] = &[whole("job_id").required(), object("new_settings", SETTINGS).required()];

/// The largest page of jobs, and the default one.
const PAGE_MAX: i64 = 100;
const PAGE: i64 = 20;

/// Returns the job that a request names, if the caller has this right to it.
pub(super) fn known(call: &Call, needs: JobLevel) -> Outcome<JobInfo> {
    let info = jobs(call).get(job_id(call)?).map_err(refused)?;
    must(&call.caller, &info, needs)?;
    Ok(info)
}

fn create(call: &Call) -> Outcome<Reply> {
    let mut settings = call.args.clone();
    settings.remove("access_control_list");
    let (settings, grants) = (Value::Object(settings).to_string(), given(&call.args)?);
    let info = jobs(call).create_with_grants(&settings, &grants).map_err(refused)?;
    Ok(Reply::json(&CreatedJob { job_id: info.id.get() }))
}

fn get(call: &Call) -> Outcome<Reply> {
    Ok(Reply::json(&job(&known(call, JobLevel::View)?, true)))
}

fn job(info: &JobInfo, with_tasks: bool) -> Job {
    let mut settings = object_of(&info.settings);
    if let Value::Object(settings) = &mut settings {
        settings.entry("name").or_insert_with(|| "Untitled".into());
        settings.entry("max_concurrent_runs").or_insert_with(|| 1.into());
        settings.entry("format").or_insert_with(|| "MULTI_TASK".into());
        if !with_tasks {
            settings.remove("tasks");
        }
    }
    Job {
        job_id: info.id.get(),
        creator_user_name: info.creator.clone(),
        run_as_user_name: info.creator.clone(),
        created_time: info.created.as_millis(),
        settings: AnyJson(settings),
    }
}

/// Returns the bounds of a page: the first place, and the number of results.
pub(super) fn page(call: &Call, most: i64) -> Outcome<(usize, usize)> {
    let limit = match call.args.whole("limit") {
        None | Some(0) => PAGE.min(most),
        Some(limit) if (1..=most).contains(&limit) => limit,
        Some(limit) => {
            return Err(Failure::invalid(format!("'limit' is {limit}, expected 1 to {most}")));
        }
    };
    let offset = match call.args.text("page_token") {
        Some(token) => token.parse().map_err(|_| {
            Failure::invalid(format!("{token:?} is not a page_token: use one of an earlier answer"))
        })?,
        None => {
            call.args.whole("offset").and_then(|offset| usize::try_from(offset).ok()).unwrap_or(0)
        }
    };
    Ok((offset, usize::try_from(limit).unwrap_or(1)))
}

fn list(call: &Call) -> Outcome<Reply> {
    let (offset, limit) = page(call, PAGE_MAX)?;
    let name = call.args.text("name");
    let mut all = jobs(call).list()?;
    all.retain(|info| is_visible(&call.caller, info));
    if let Some(name) = name {
        all.retain(|info| {
            let settings = JobSettings::from_json(&info.settings).unwrap_or_default();
            settings.title().eq_ignore_ascii_case(name)
        });
    }
    let with_tasks = call.args.flag("expand_tasks") == Some(true);
    let found = all.iter().skip(offset).take(limit).map(|info| job(info, with_tasks));
    let has_more = all.len() > offset.saturating_add(limit);
    let next_page_token = has_more.then(|| (offset + limit).to_string());
    Ok(Reply::json(&JobList { jobs: found.collect(), has_more, next_page_token }))
}

fn new_settings(call: &Call) -> String {
    let nothing = Map::new();
    json!(call.args.object("new_settings").unwrap_or(&nothing)).to_string()
}

fn update(call: &Call) -> Outcome<Reply> {
    let removed = call.args.texts("fields_to_remove");
    let job = known(call, JobLevel::Manage)?.id;
    jobs(call).update(job, &new_settings(call), &removed).map_err(refused)?;
    Ok(Reply::done())
}

fn reset(call: &Call) -> Outcome<Reply> {
    let job = known(call, JobLevel::Manage)?.id;
    jobs(call).reset(job, &new_settings(call)).map_err(refused)?;
    Ok(Reply::done())
}

fn delete(call: &Call) -> Outcome<Reply> {
    jobs(call).delete(known(call, JobLevel::Manage)?.id).map_err(refused)?;
    Ok(Reply::done())
}

/// Keeps an argument of any form.
pub(super) const fn kept(name: &'static str) -> Field {
    any(name)
}
