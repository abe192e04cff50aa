//! Lists of rights as Databricks's calls have them, for all kinds of objects.

use serde::Serialize;
use tracklite::endpoint::EndpointPrincipal;
use utoipa::ToSchema;

use crate::call::Args;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, Read as _, objects, text};

/// The entries of a list of rights.
pub(super) const ENTRIES: &[Field] = &[
    text("user_name"),
    text("group_name"),
    text("service_principal_name"),
    text("permission_level").required(),
];

/// The fields of a request that sets or adds rights.
pub(super) const GRANTS: &[Field] = &[objects("access_control_list", ENTRIES)];

/// The rights to an object.
#[derive(Serialize, ToSchema)]
pub(super) struct Permissions {
    object_id: String,
    object_type: &'static str,
    access_control_list: Vec<AccessEntry>,
}

/// A user, group or service, and its rights.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct AccessEntry {
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
struct Permission {
    permission_level: &'static str,
    /// Whether it comes with the scope of a token.
    inherited: bool,
}

/// The levels of rights to a kind of objects.
#[derive(Serialize, ToSchema)]
pub(super) struct PermissionLevels {
    permission_levels: Vec<PermissionLevel>,
}

/// A level of rights.
#[derive(Serialize, ToSchema)]
struct PermissionLevel {
    permission_level: &'static str,
    description: &'static str,
}

impl Permissions {
    /// Returns the rights to an object, those of admins after the others. `object_type` is the word
    /// of the calls, like `job`, and `path` the object's, like `/jobs/1`.
    pub(super) fn new(
        object_type: &'static str,
        path: String,
        entries: impl Iterator<Item = AccessEntry>,
    ) -> Permissions {
        let admins = AccessEntry {
            group_name: Some("admins".to_owned()),
            all_permissions: vec![Permission { permission_level: "CAN_MANAGE", inherited: true }],
            ..AccessEntry::default()
        };
        let access_control_list = entries.chain([admins]).collect();
        Permissions { object_id: path, object_type, access_control_list }
    }
}

impl AccessEntry {
    /// Returns the entry of a right that was granted.
    pub(super) fn new(principal: &EndpointPrincipal, level: &'static str) -> AccessEntry {
        let name = Some(principal.name().to_owned());
        let all_permissions = vec![Permission { permission_level: level, inherited: false }];
        let entry = AccessEntry { all_permissions, ..AccessEntry::default() };
        match principal {
            EndpointPrincipal::User(_) => {
                AccessEntry { user_name: name.clone(), display_name: name, ..entry }
            }
            EndpointPrincipal::Group(_) => AccessEntry { group_name: name, ..entry },
            EndpointPrincipal::Service(_) => AccessEntry { service_principal_name: name, ..entry },
        }
    }
}

impl PermissionLevels {
    /// Returns the levels with what each of them allows.
    pub(super) fn new<const N: usize>(levels: [(&'static str, &'static str); N]) -> Self {
        let level =
            |(permission_level, description)| PermissionLevel { permission_level, description };
        PermissionLevels { permission_levels: levels.map(level).into() }
    }
}

/// Reads a list of rights. `grant` makes one from a principal and the word of a level.
pub(super) fn given<T>(
    args: &Args,
    grant: impl Fn(EndpointPrincipal, &str) -> Outcome<T>,
) -> Outcome<Vec<T>> {
    let read = |entry: &Args| grant(principal(entry)?, entry.need("permission_level")?);
    args.objects("access_control_list").into_iter().map(read).collect()
}

fn principal(entry: &Args) -> Outcome<EndpointPrincipal> {
    let names =
        (entry.text("user_name"), entry.text("group_name"), entry.text("service_principal_name"));
    match names {
        (Some(name), None, None) => Ok(EndpointPrincipal::User(name.to_owned())),
        (None, Some(name), None) => Ok(EndpointPrincipal::Group(name.to_owned())),
        (None, None, Some(name)) => Ok(EndpointPrincipal::Service(name.to_owned())),
        _ => Err(Failure::invalid(
            "an entry of 'access_control_list' must have exactly one of 'user_name', \
             'group_name' and 'service_principal_name'",
        )),
    }
}
