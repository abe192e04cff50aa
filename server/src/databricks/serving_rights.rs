//! The rights to endpoints, and Databricks's calls for them.
//!
//! A token with the scope `admin` may do everything. Without grants, a token that reads may see and
//! ask. With grants, only those who are named may.

use serde::Serialize;
use tracklite::endpoint::{
    EndpointGrant, EndpointInfo, EndpointLevel, EndpointPrincipal, EndpointSettings,
};
use utoipa::ToSchema;

use super::serving_found::{endpoints, missing};
use crate::access::{Caller, Scope};
use crate::call::{Args, Call};
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, Read as _, objects, text};
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

const PATH: &str = "/api/2.0/permissions/serving-endpoints/{id}";

const GRANTS: &[Field] = &[objects(
    "access_control_list",
    &[
        text("user_name"),
        text("group_name"),
        text("service_principal_name"),
        text("permission_level").required(),
    ],
)];

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
        returns: shape::<Levels>(),
        handler: levels,
    },
];

/// The rights to an endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointPermissions)]
struct Permissions {
    object_id: String,
    object_type: &'static str,
    access_control_list: Vec<Entry>,
}

/// A user, group or service, and its rights.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = ServingEndpointAccess)]
struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_principal_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    all_permissions: Vec<Permission>,
}

/// A right.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointPermission)]
struct Permission {
    permission_level: &'static str,
    /// Whether it comes with the scope of a token.
    inherited: bool,
}

/// The levels of rights.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointPermissionLevels)]
struct Levels {
    permission_levels: Vec<Level>,
}

/// A level of rights.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointPermissionLevel)]
struct Level {
    permission_level: &'static str,
    description: &'static str,
}

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
    let described = |level: EndpointLevel| Level {
        permission_level: level.as_str(),
        description: match level {
            EndpointLevel::View => "Can see the endpoint",
            EndpointLevel::Query => "Can send requests to the endpoint",
            EndpointLevel::Manage => "Can change and delete the endpoint",
        },
    };
    let permission_levels = EndpointLevel::ALL.map(described).into();
    Ok(Reply::json(&Levels { permission_levels }))
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
    let grant = |entry: &Args| {
        let names = (
            entry.text("user_name"),
            entry.text("group_name"),
            entry.text("service_principal_name"),
        );
        let principal = match names {
            (Some(name), None, None) => EndpointPrincipal::User(name.to_owned()),
            (None, Some(name), None) => EndpointPrincipal::Group(name.to_owned()),
            (None, None, Some(name)) => EndpointPrincipal::Service(name.to_owned()),
            _ => {
                return Err(Failure::invalid(
                    "an entry of 'access_control_list' must have exactly one of 'user_name', \
                     'group_name' and 'service_principal_name'",
                ));
            }
        };
        Ok(EndpointGrant { principal, level: entry.need("permission_level")?.parse()? })
    };
    args.objects("access_control_list").into_iter().map(grant).collect()
}

fn shown(info: &EndpointInfo) -> Permissions {
    let entry = |grant: &EndpointGrant| {
        let name = Some(grant.principal.name().to_owned());
        let all_permissions =
            vec![Permission { permission_level: grant.level.as_str(), inherited: false }];
        let entry = Entry { all_permissions, ..Entry::default() };
        match grant.principal {
            EndpointPrincipal::User(_) => {
                Entry { user_name: name.clone(), display_name: name, ..entry }
            }
            EndpointPrincipal::Group(_) => Entry { group_name: name, ..entry },
            EndpointPrincipal::Service(_) => Entry { service_principal_name: name, ..entry },
        }
    };
    let manage = EndpointLevel::Manage.as_str();
    let admins = Entry {
        group_name: Some("admins".to_owned()),
        all_permissions: vec![Permission { permission_level: manage, inherited: true }],
        ..Entry::default()
    };
    Permissions {
        object_id: format!("/serving-endpoints/{}", info.id),
        object_type: "serving-endpoint",
        access_control_list: info.state.grants.iter().map(entry).chain([admins]).collect(),
    }
}
