//! The tree of the workspace: experiments by their paths, and the folders above them.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::Serialize;
use tracklite::{ErrorKind, Lifecycle};
use utoipa::ToSchema;

use crate::access::Scope::{Read, Write};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, Read as _, flag, text, whole};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

const PATH: &[Field] = &[text("path").required()];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/api/2.0/workspace/get-status",
        needs: Read,
        takes: PATH,
        returns: shape::<Object>(),
        handler: get_status,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/workspace/list",
        needs: Read,
        takes: &[text("path").required(), whole("notebooks_modified_after")],
        returns: shape::<Objects>(),
        handler: list,
    },
    Route {
        method: Verb::Post,
        path: "/api/2.0/workspace/mkdirs",
        needs: Write,
        takes: PATH,
        returns: shape::<Nothing>(),
        handler: mkdirs,
    },
    Route {
        method: Verb::Post,
        path: "/api/2.0/workspace/delete",
        needs: Write,
        takes: &[text("path").required(), flag("recursive")],
        returns: shape::<Nothing>(),
        handler: delete,
    },
];

/// An experiment or a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WorkspaceObject)]
struct Object {
    path: String,
    object_type: &'static str,
    object_id: u64,
    resource_id: String,
}

/// The content of a folder.
#[derive(Serialize, ToSchema)]
#[schema(as = WorkspaceObjects)]
struct Objects {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    objects: Vec<Object>,
}

/// The tree: each path with the id of its experiment, or without one for a folder.
type Tree = BTreeMap<String, Option<u64>>;

/// Returns the experiments whose names are paths, and all folders.
fn tree(call: &Call) -> Outcome<Tree> {
    let mut tree = Tree::new();
    for folder in ["/Shared", "/Users", &format!("/Users/{}", call.caller.user)] {
        tree.insert(folder.to_owned(), None);
    }
    tree.extend(call.database().folders()?.into_iter().map(|folder| (folder, None)));
    for info in call.database().experiments()? {
        if info.lifecycle == Lifecycle::Active && info.path.starts_with('/') {
            add_folders(&mut tree, &info.path);
            tree.insert(info.path, Some(info.id.get()));
        }
    }
    tree.insert("/".to_owned(), None);
    Ok(tree)
}

/// Adds the folders above a path.
fn add_folders(tree: &mut Tree, path: &str) {
    for (end, _) in path.match_indices('/').filter(|(end, _)| *end > 0) {
        if let Some(folder) = path.get(..end) {
            tree.entry(folder.to_owned()).or_insert(None);
        }
    }
}

/// The longest path of a folder, in bytes.
const PATH_BYTES_MAX: usize = 1000;
/// The most levels of a folder.
const LEVELS_MAX: usize = 50;

/// Returns the path of a request without a slash at its end.
fn path(call: &Call) -> Outcome<&str> {
    let path = call.args.need("path")?;
    if path.len() > PATH_BYTES_MAX || path.split('/').count() > LEVELS_MAX {
        return Err(Failure::invalid(format!(
            "the path has more than {PATH_BYTES_MAX} bytes or {LEVELS_MAX} levels"
        )));
    }
    let is_plain = path.split('/').skip(1).all(|part| !matches!(part, "." | ".."));
    if !path.starts_with('/') || !is_plain {
        return Err(Failure::invalid(format!(
            "Path ({path}) must be absolute, such as /Users/me/folder"
        )));
    }
    Ok(if path.len() > 1 { path.trim_end_matches('/') } else { path })
}

fn object(path: &str, experiment: Option<u64>) -> Object {
    let object_id = experiment.unwrap_or_else(|| number_of(path));
    Object {
        path: path.to_owned(),
        object_type: if experiment.is_some() { "MLFLOW_EXPERIMENT" } else { "DIRECTORY" },
        object_id,
        resource_id: object_id.to_string(),
    }
}

/// Returns a number made from a path, above the ids of experiments.
fn number_of(path: &str) -> u64 {
    let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash % 4_000_000_000_000_000 + 4_000_000_000_000_000
}

fn missing(path: &str) -> Failure {
    Failure::missing(format!("Path ({path}) doesn't exist."))
}

fn get_status(call: &Call) -> Outcome<Reply> {
    let path = path(call)?;
    let tree = tree(call)?;
    let found = tree.get(path).ok_or_else(|| missing(path))?;
    Ok(Reply::json(&object(path, *found)))
}

fn list(call: &Call) -> Outcome<Reply> {
    let path = path(call)?;
    let objects = within(&tree(call)?, path).ok_or_else(|| missing(path))?;
    Ok(Reply::json(&Objects { objects }))
}

/// Returns what is directly in a folder, or an experiment itself.
fn within(tree: &Tree, path: &str) -> Option<Vec<Object>> {
    let found = tree.get(path)?;
    if found.is_some() {
        return Some(vec![object(path, *found)]);
    }
    let below = if path == "/" { "/".to_owned() } else { format!("{path}/") };
    let is_direct = |name: &String| {
        name.strip_prefix(&below).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
    };
    let all = tree.iter().filter(|(name, _)| is_direct(name));
    Some(all.map(|(name, experiment)| object(name, *experiment)).collect())
}

fn mkdirs(call: &Call) -> Outcome<Reply> {
    let path = path(call)?;
    // Folders with experiments, and those of users, need not be made.
    if tree(call)?.get(path).is_some_and(Option::is_none) {
        return Ok(Reply::done());
    }
    call.database().create_folder(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            let message = format!("Path ({path}) already exists, and is not a folder.");
            Failure::new(StatusCode::BAD_REQUEST, "RESOURCE_ALREADY_EXISTS", message)
        }
        _ => error.into(),
    })?;
    Ok(Reply::done())
}

/// Deletes an experiment, or a folder.
fn delete(call: &Call) -> Outcome<Reply> {
    let path = path(call)?;
    let tree = tree(call)?;
    let found = tree.get(path).ok_or_else(|| missing(path))?;
    if found.is_some() {
        call.database().experiment(path)?.delete()?;
        return Ok(Reply::done());
    }
    let below = format!("{path}/");
    let inside: Vec<&String> = tree.keys().filter(|other| other.starts_with(&below)).collect();
    if !inside.is_empty() && call.args.flag("recursive") != Some(true) {
        let message = format!("Folder ({path}) is not empty");
        return Err(Failure::new(StatusCode::BAD_REQUEST, "DIRECTORY_NOT_EMPTY", message));
    }
    delete_all(call, &tree, inside.into_iter().rev().chain([&path.to_owned()]))
}

/// Deletes experiments and folders, those inside first.
fn delete_all<'a>(
    call: &Call,
    tree: &Tree,
    paths: impl Iterator<Item = &'a String>,
) -> Outcome<Reply> {
    let made = call.database().folders()?;
    for path in paths {
        match tree.get(path) {
            Some(Some(_)) => call.database().experiment(path)?.delete()?,
            _ if made.contains(path) => call.database().delete_folder(path)?,
            _ => {}
        }
    }
    Ok(Reply::done())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_what_is_directly_in_it() {
        let mut tree = Tree::from([("/".to_owned(), None)]);
        for (path, id) in [("/Users/ada/digits", 1), ("/Users/ada/deep/iris", 2), ("/top", 3)] {
            add_folders(&mut tree, path);
            tree.insert(path.to_owned(), Some(id));
        }
        let names = |path: &str| -> Vec<String> {
            let found = within(&tree, path).unwrap_or_default().into_iter();
            found.map(|object| format!("{} {}", object.object_type, object.path)).collect()
        };
        assert_eq!(names("/"), ["DIRECTORY /Users", "MLFLOW_EXPERIMENT /top"]);
        assert_eq!(
            names("/Users/ada"),
            ["DIRECTORY /Users/ada/deep", "MLFLOW_EXPERIMENT /Users/ada/digits"]
        );
        assert_eq!(names("/top"), ["MLFLOW_EXPERIMENT /top"]);
        assert_eq!(within(&tree, "/unknown"), None);
    }
}
