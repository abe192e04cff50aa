//! The rights to endpoints, and Databricks's calls for them.
//!
//! A token with the scope `admin` may do everything. Without grants, a token that reads may see and
//! ask. With grants, only those who are named may.

use tracklite::endpoint::{EndpointGrant, EndpointInfo, EndpointLevel, EndpointSettings};

use super::grants::{self, AccessEntry, GRANTS, PermissionLevels, Permissions};
use super::serving_found::{endpoints, missing};
use crate::access::{Caller, Scope};
use crate::call::{Args, Call};
use crate::failure::{Failure, Outcome};
use crate::fields::Read as _;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

const PATH: &str = "/api/2.0/permissions/serving-endpoints/{id}";

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
        path: "/api/2.0/permissions/serving-endpoints/{id}/permissionLevels",
        needs: Scope::Read,
        takes: &[],
        returns: shape::<PermissionLevels>(),
        handler: levels,
    },
];

/// Returns the highest level that a caller has.
pub(crate) fn level_of(caller: &Caller, info: &EndpointInfo) -> Option<EndpointLevel> {
    if caller.scope >= Scope::Admin {
        return Some(EndpointLevel::Manage);
    }
    if caller.scope < Scope::Read {
        return None;
    }
    let has = |level: &&EndpointLevel| {
        // The code of other models runs on this machine, so an admin must have allowed it.
        let is_given = **level < EndpointLevel::Manage || !info.state.grants.is_empty();
        is_given && info.allows(&caller.user, **level)
    };
    EndpointLevel::ALL.iter().rev().find(has).copied()
}

/// Refuses a caller with a lower level.
pub(super) fn must(caller: &Caller, info: &EndpointInfo, needs: EndpointLevel) -> Outcome<()> {
    caller.must(Scope::Read)?;
    let found = level_of(caller, info);
    if found >= Some(needs) {
        return Ok(());
    }
    let found = found.map_or("no right", EndpointLevel::as_str);
    Err(Failure::forbidden(format!(
        "this call needs {needs} on the endpoint '{}' or the scope \"admin\", but user '{}' has \
         {found}",
        info.name, caller.user
    )))
}

/// Returns the endpoint that the path names, if the caller has this right to it.
pub(crate) fn known(call: &Call, needs: EndpointLevel) -> Outcome<EndpointInfo> {
    let info = endpoints(call).get(call.args.need("name")?)?;
    must(&call.caller, &info, needs)?;
    Ok(info)
}

/// Finds an endpoint by its id.
fn found(call: &Call, needs: EndpointLevel) -> Outcome<EndpointInfo> {
    let id = call.args.need("id")?;
    let all = endpoints(call).list()?;
    let info = all.into_iter().find(|info| info.id.to_string() == id);
    let info = info.ok_or_else(|| missing(id))?;
    must(&call.caller, &info, needs)?;
    Ok(info)
}

fn get(call: &Call) -> Outcome<Reply> {
    Ok(Reply::json(&shown(&found(call, EndpointLevel::View)?)))
}

fn levels(call: &Call) -> Outcome<Reply> {
    found(call, EndpointLevel::View)?;
    let described = |level: EndpointLevel| {
        let description = match level {
            EndpointLevel::View => "Can see the endpoint",
            EndpointLevel::Query => "Can send requests to the endpoint",
            EndpointLevel::Manage => "Can change and delete the endpoint",
        };
        (level.as_str(), description)
    };
    Ok(Reply::json(&PermissionLevels::new(EndpointLevel::ALL.map(described))))
}

fn replace(call: &Call) -> Outcome<Reply> {
    let info = found(call, EndpointLevel::Manage)?;
    set(call, &info, given(&call.args)?)
}

fn add(call: &Call) -> Outcome<Reply> {
    let info = found(call, EndpointLevel::Manage)?;
    let mut grants = info.state.grants.clone();
    for grant in given(&call.args)? {
        match grants.iter_mut().find(|known| known.principal == grant.principal) {
            Some(known) => known.level = grant.level,
            None => grants.push(grant),
        }
    }
    set(call, &info, grants)
}

fn set(call: &Call, info: &EndpointInfo, grants: Vec<EndpointGrant>) -> Outcome<Reply> {
    let settings = EndpointSettings::new().grants(grants);
    let info = endpoints(call).set(&info.name, &settings, Some(info.revision))?;
    call.shared.serving.look();
    Ok(Reply::json(&shown(&info)))
}

fn given(args: &Args) -> Outcome<Vec<EndpointGrant>> {
    grants::given(args, |principal, level| Ok(EndpointGrant { principal, level: level.parse()? }))
}

fn shown(info: &EndpointInfo) -> Permissions {
    let entry = |grant: &EndpointGrant| AccessEntry::new(&grant.principal, grant.level.as_str());
    let entries = info.state.grants.iter().map(entry);
    Permissions::new("serving-endpoint", format!("/serving-endpoints/{}", info.id), entries)
}
