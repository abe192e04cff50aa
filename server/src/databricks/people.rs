//! Users and groups, as SCIM describes them: the users of tokens, and the caller.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklite::Timestamp;
use tracklite::token::TokenScope;
use utoipa::ToSchema;

use crate::access::Scope::{self, Read};
use crate::call::{Args, Call};
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, Read as _, text, whole};
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

const LIST: &[Field] = &[
    whole("startIndex"),
    whole("count"),
    text("filter"),
    text("attributes"),
    text("excludedAttributes"),
    text("sortBy"),
    text("sortOrder"),
];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/api/2.0/preview/scim/v2/Me",
        needs: Read,
        takes: &[],
        returns: shape::<User>(),
        handler: me,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/preview/scim/v2/Users",
        needs: Read,
        takes: LIST,
        returns: shape::<UserPage>(),
        handler: list_users,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/preview/scim/v2/Users/{id}",
        needs: Read,
        takes: &[],
        returns: shape::<User>(),
        handler: get_user,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/preview/scim/v2/Groups",
        needs: Read,
        takes: LIST,
        returns: shape::<GroupPage>(),
        handler: list_groups,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/preview/scim/v2/Groups/{id}",
        needs: Read,
        takes: &[],
        returns: shape::<Group>(),
        handler: get_group,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/preview/scim/v2/ServicePrincipals",
        needs: Read,
        takes: LIST,
        returns: shape::<UserPage>(),
        handler: list_principals,
    },
];

/// A user.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = ScimUser)]
#[serde(rename_all = "camelCase")]
struct User {
    schemas: [&'static str; 1],
    id: String,
    user_name: String,
    display_name: String,
    active: bool,
    emails: Vec<Email>,
    groups: Vec<Member>,
}

/// An address of a user. It is the name, because there is no other.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = ScimEmail)]
struct Email {
    value: String,
    #[serde(rename = "type")]
    kind: &'static str,
    primary: bool,
}

/// A reference to a user or a group.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = ScimMember)]
struct Member {
    value: String,
    display: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

/// A group.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = ScimGroup)]
#[serde(rename_all = "camelCase")]
struct Group {
    schemas: [&'static str; 1],
    id: String,
    display_name: String,
    members: Vec<Member>,
}

/// A page of users.
#[derive(Serialize, ToSchema)]
#[schema(as = ScimUserPage)]
#[serde(rename_all = "camelCase")]
struct UserPage {
    schemas: [&'static str; 1],
    total_results: usize,
    start_index: usize,
    items_per_page: usize,
    #[serde(rename = "Resources")]
    resources: Vec<User>,
}

/// A page of groups.
#[derive(Serialize, ToSchema)]
#[schema(as = ScimGroupPage)]
#[serde(rename_all = "camelCase")]
struct GroupPage {
    schemas: [&'static str; 1],
    total_results: usize,
    start_index: usize,
    items_per_page: usize,
    #[serde(rename = "Resources")]
    resources: Vec<Group>,
}

const USER_SCHEMA: [&str; 1] = ["urn:ietf:params:scim:schemas:core:2.0:User"];
const GROUP_SCHEMA: [&str; 1] = ["urn:ietf:params:scim:schemas:core:2.0:Group"];
const LIST_SCHEMA: [&str; 1] = ["urn:ietf:params:scim:api:messages:2.0:ListResponse"];
/// The groups that every workspace has, with their ids.
const ADMINS: (&str, &str) = ("2", "admins");
const USERS: (&str, &str) = ("3", "users");

/// Returns the users by name, and whether each may do everything.
fn users(call: &Call) -> Outcome<BTreeMap<String, bool>> {
    let caller = &call.caller;
    let mut users = BTreeMap::from([(caller.user.clone(), caller.scope == Scope::Admin)]);
    let now = Timestamp::now();
    for token in call.database().tokens()? {
        if token.is_live(now) {
            let is_admin = users.entry(token.user.clone()).or_default();
            *is_admin |= token.allows(TokenScope::Admin);
        }
    }
    Ok(users)
}

/// Returns the id of a user, which is made from the name. So it is the same at each start.
fn id_of(name: &str) -> String {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // 16 digits, like the ids of Databricks. It is above those of the groups.
    (hash % 9_000_000_000_000_000 + 1_000_000_000_000_000).to_string()
}

fn user(name: &str, is_admin: bool) -> User {
    let groups = if is_admin { vec![ADMINS, USERS] } else { vec![USERS] };
    let member = |(value, display): (&str, &str)| Member {
        value: value.to_owned(),
        display: display.to_owned(),
        kind: Some("direct"),
    };
    User {
        schemas: USER_SCHEMA,
        id: id_of(name),
        user_name: name.to_owned(),
        display_name: name.to_owned(),
        active: true,
        emails: vec![Email { value: name.to_owned(), kind: "work", primary: true }],
        groups: groups.into_iter().map(member).collect(),
    }
}

fn groups(users: &BTreeMap<String, bool>) -> Vec<Group> {
    let group = |(id, name): (&str, &str), of: &dyn Fn(bool) -> bool| Group {
        schemas: GROUP_SCHEMA,
        id: id.to_owned(),
        display_name: name.to_owned(),
        members: users
            .iter()
            .filter(|(_, is_admin)| of(**is_admin))
            .map(|(name, _)| Member { value: id_of(name), display: name.clone(), kind: None })
            .collect(),
    };
    vec![group(ADMINS, &|is_admin| is_admin), group(USERS, &|_| true)]
}

fn me(call: &Call) -> Outcome<Reply> {
    Ok(Reply::json(&user(&call.caller.user, call.caller.scope == Scope::Admin)))
}

fn list_users(call: &Call) -> Outcome<Reply> {
    let all = users(call)?.into_iter().map(|(name, is_admin)| user(&name, is_admin));
    let all = filtered(all.collect(), &call.args, "userName", |user| &user.user_name)?;
    Ok(Reply::json(&user_page(all, &call.args)?))
}

fn user_page(all: Vec<User>, args: &Args) -> Outcome<UserPage> {
    let total_results = all.len();
    let (start_index, resources) = page(all, args)?;
    Ok(UserPage {
        schemas: LIST_SCHEMA,
        total_results,
        start_index,
        items_per_page: resources.len(),
        resources,
    })
}

fn get_user(call: &Call) -> Outcome<Reply> {
    let id = call.args.need("id")?;
    let found = users(call)?.into_iter().find(|(name, _)| id_of(name) == id);
    let (name, is_admin) =
        found.ok_or_else(|| Failure::missing(format!("User with id {id} not found.")))?;
    Ok(Reply::json(&user(&name, is_admin)))
}

fn list_groups(call: &Call) -> Outcome<Reply> {
    let all = groups(&users(call)?);
    let all = filtered(all, &call.args, "displayName", |group| &group.display_name)?;
    let total_results = all.len();
    let (start_index, resources) = page(all, &call.args)?;
    Ok(Reply::json(&GroupPage {
        schemas: LIST_SCHEMA,
        total_results,
        start_index,
        items_per_page: resources.len(),
        resources,
    }))
}

fn get_group(call: &Call) -> Outcome<Reply> {
    let id = call.args.need("id")?;
    let found = groups(&users(call)?).into_iter().find(|group| group.id == id);
    let group = found.ok_or_else(|| Failure::missing(format!("Group with id {id} not found.")))?;
    Ok(Reply::json(&group))
}

/// There are none: every token is one of a user.
fn list_principals(call: &Call) -> Outcome<Reply> {
    Ok(Reply::json(&user_page(Vec::new(), &call.args)?))
}

/// Applies a filter such as `userName eq "ada"`.
fn filtered<T>(
    all: Vec<T>,
    args: &Args,
    field: &str,
    value: impl Fn(&T) -> &String,
) -> Outcome<Vec<T>> {
    let Some(filter) = args.text("filter") else { return Ok(all) };
    let mut words = filter.trim().splitn(3, ' ');
    let (name, operator) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let wanted = words.next().unwrap_or_default().trim().trim_matches('"');
    let fits: fn(&str, &str) -> bool = match operator {
        "eq" => |value, wanted| value.eq_ignore_ascii_case(wanted),
        "ne" => |value, wanted| !value.eq_ignore_ascii_case(wanted),
        "co" => |value, wanted| value.contains(wanted),
        "sw" => |value, wanted| value.starts_with(wanted),
        _ => return Err(bad_filter(filter, field)),
    };
    if !name.eq_ignore_ascii_case(field) && !name.eq_ignore_ascii_case("displayName") {
        return Err(bad_filter(filter, field));
    }
    Ok(all.into_iter().filter(|item| fits(value(item), wanted)).collect())
}

fn bad_filter(filter: &str, field: &str) -> Failure {
    Failure::invalid(format!(
        "the filter {filter:?} is not supported: expected, for example, {field} eq \"name\""
    ))
}

/// Cuts a page. Clients continue until a page is empty, so an index beyond the end has none.
fn page<T>(all: Vec<T>, args: &Args) -> Outcome<(usize, Vec<T>)> {
    const COUNT_MAX: i64 = 10_000;
    let start = args.whole("startIndex").unwrap_or(1).max(1);
    let count = args.whole("count").unwrap_or(COUNT_MAX);
    let count = usize::try_from(count.min(COUNT_MAX))
        .map_err(|_| Failure::invalid("'count' must not be negative"))?;
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    Ok((start, all.into_iter().skip(start - 1).take(count).collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cut(args: &serde_json::Value) -> Vec<u32> {
        page(vec![1, 2, 3], args.as_object().expect("an object")).expect("a page").1
    }

    #[test]
    fn an_index_beyond_the_end_has_an_empty_page() {
        assert_eq!(cut(&json!({})), [1, 2, 3]);
        assert_eq!(cut(&json!({"startIndex": "2", "count": "1"})), [2]);
        assert_eq!(cut(&json!({"startIndex": 4, "count": 10000})), [] as [u32; 0]);
        assert_eq!(cut(&json!({"startIndex": 0, "count": 0})), [] as [u32; 0]);
    }

    #[test]
    fn filters_compare_names() {
        let names = || vec!["ada".to_owned(), "bob".to_owned()];
        let found = |filter: &str| {
            let args = json!({"filter": filter});
            filtered(names(), args.as_object().expect("an object"), "userName", |name| name)
        };
        assert_eq!(found("userName eq \"Ada\"").expect("valid"), ["ada"]);
        assert_eq!(found("userName sw b").expect("valid"), ["bob"]);
        assert!(found("other eq \"ada\"").is_err() && found("userName gt 3").is_err());
    }
}
