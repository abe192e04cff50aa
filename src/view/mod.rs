//! Saved views: named states of the web page and of the command line, which a team shares.
//!
//! [`Database::save_view`] saves one. [`Database::view`] and [`Database::views`] read them.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::database::Database;
use crate::engine::Engine;
use crate::entity::id::Timestamp;
use crate::entity::limits::check_author;
use crate::entity::wording::invalid;
use crate::entity::{ViewChange, check_view_name};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{Record, VIEW_KINDS, ViewDeleted, ViewSaved};
use crate::index::Index;
use crate::sys::user::user_name;

pub use crate::entity::SavedView;

/// The kinds of records that a change of a view depends on.
const KINDS: [RangeInclusive<u16>; 1] = [VIEW_KINDS];
/// The maximum bytes of a state.
const STATE_BYTES_MAX: usize = 256 * 1024;
/// The maximum revision. The index has signed numbers.
const REVISION_MAX: u64 = i64::MAX as u64;

/// Saved views.
///
/// A view has a name and a state, which is any JSON object. A change names the revision that the
/// caller last saw, so that nobody replaces a revision unseen. Each change is synced before the
/// call returns.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("runs.tracklite");
/// use tracklite::{Database, ErrorKind};
///
/// let database = Database::create(path)?;
/// let first = database.save_view("best runs", r#"{"order": "metrics.loss"}"#, 0)?;
/// let second = database.save_view("best runs", r#"{"order": "metrics.auc"}"#, first.revision)?;
/// assert_eq!(database.view("best runs")?, second);
/// let late = database.save_view("best runs", "{}", first.revision).unwrap_err();
/// assert_eq!(late.kind(), ErrorKind::Conflict);
/// database.delete_view("best runs", second.revision)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Database {
    /// Returns all views, ordered by name.
    pub fn views(&self) -> Result<Vec<SavedView>> {
        self.engine().with_index(|index, _| index.views())
    }

    /// Returns the view with this name.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such view.
    pub fn view(&self, name: &str) -> Result<SavedView> {
        let found = self.engine().with_index(|index, _| index.view(name))?;
        found.ok_or_else(|| self.engine().locate(no_such_view(name)))
    }

    /// Saves a view atomically if its revision is still `expects`. Creates it with 0.
    ///
    /// The author is the user of this process. If several processes save the same revision at
    /// once, only one succeeds.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Conflict`] if the view has another revision, exists although `expects` is 0,
    ///   or does not exist although it is not 0. The text names the user and the time of the last
    ///   change. Nothing is changed.
    /// - [`ErrorKind::InvalidInput`] if the name is blank, has a control character or more than 250
    ///   bytes.
    /// - [`ErrorKind::InvalidInput`] if the state is not a JSON object, or has more than 256 KiB.
    pub fn save_view(&self, name: &str, state: &str, expects: u64) -> Result<SavedView> {
        self.save_view_as(&user_name(), name, state, expects)
    }

    /// Saves a view like [`Database::save_view`], for another user than that of this process.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the name of the user is blank, has a control character or
    ///   more than 255 characters.
    /// - Those of [`Database::save_view`].
    pub fn save_view_as(
        &self,
        user: &str,
        name: &str,
        state: &str,
        expects: u64,
    ) -> Result<SavedView> {
        let engine = self.engine();
        let checked = check_view_name(name).and_then(|()| check_state(state));
        engine.located(checked.and_then(|()| check_author(user)))?;
        change(engine, |index| {
            let last = index.view_change(name)?;
            if current(last.as_ref()) != expects {
                return Err(changed(name, expects, last.as_ref()));
            }
            let time = Timestamp::now();
            let view = SavedView {
                name: name.to_owned(),
                state: state.to_owned(),
                author: user.to_owned(),
                revision: next_revision(name, last.as_ref())?,
                created: last.and_then(|last| last.created).unwrap_or(time),
                updated: time,
            };
            Ok((record(&view), view))
        })
    }

    /// Deletes a view permanently if its revision is still `expects`.
    ///
    /// A later view with this name begins above that revision, so that no revision is used twice.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such view.
    /// - [`ErrorKind::Conflict`] if it has another revision. The text names the user and the time.
    pub fn delete_view(&self, name: &str, expects: u64) -> Result<()> {
        self.delete_view_as(&user_name(), name, expects)
    }

    /// Deletes a view like [`Database::delete_view`], for another user than that of this process.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the name of the user is not legal.
    /// - Those of [`Database::delete_view`].
    pub fn delete_view_as(&self, user: &str, name: &str, expects: u64) -> Result<()> {
        let engine = self.engine();
        engine.located(check_author(user))?;
        change(engine, |index| {
            let last = index.view_change(name)?;
            match current(last.as_ref()) {
                0 => return Err(no_such_view(name)),
                revision if revision != expects => {
                    return Err(changed(name, expects, last.as_ref()));
                }
                _ => {}
            }
            let deleted = ViewDeleted {
                name: name.to_owned(),
                author: user.to_owned(),
                revision: next_revision(name, last.as_ref())?,
                time: Timestamp::now_nanos(),
            };
            Ok((deleted.into(), ()))
        })
    }
}

/// Appends the record that `build` returns for the index, then syncs.
fn change<T>(engine: &Engine, mut build: impl FnMut(&Index) -> Result<(Record, T)>) -> Result<T> {
    engine.append_synced(&KINDS, |index| {
        let (record, value) = build(index)?;
        Ok((vec![record], value))
    })
}

fn record(view: &SavedView) -> Record {
    ViewSaved {
        name: view.name.clone(),
        state: view.state.clone(),
        author: view.author.clone(),
        revision: view.revision,
        created: view.created.as_nanos(),
        time: view.updated.as_nanos(),
    }
    .into()
}

/// Returns the revision of an existing view, and 0 for a missing one.
fn current(last: Option<&ViewChange>) -> u64 {
    last.filter(|last| last.created.is_some()).map_or(0, |last| last.revision)
}

fn next_revision(name: &str, last: Option<&ViewChange>) -> Result<u64> {
    let revision = last.map_or(0, |last| last.revision);
    if revision >= REVISION_MAX {
        let message = format!("view {name:?} has the highest revision: use another name");
        return Err(Error::new(ErrorKind::InvalidState, message));
    }
    Ok(revision + 1)
}

/// Checks that a state is a JSON object and not too long.
fn check_state(state: &str) -> Result<()> {
    if state.len() > STATE_BYTES_MAX {
        let bytes = state.len();
        return Err(invalid(format!(
            "the state of the view has {bytes} bytes, at most {STATE_BYTES_MAX} are allowed"
        )));
    }
    let parsed = serde_json::from_str::<Map<String, Value>>(state);
    parsed.map(drop).map_err(|error| {
        invalid(format!("the state of the view is not a JSON object: {error}")).with_source(error)
    })
}

#[cold]
fn no_such_view(name: &str) -> Error {
    let message = format!("there is no view {name:?}: `tracklite view ls` lists all views");
    Error::new(ErrorKind::NotFound, message)
}

/// Returns the conflict with the last change of a view.
#[cold]
fn changed(name: &str, expects: u64, last: Option<&ViewChange>) -> Error {
    let expected = match expects {
        0 => "no such view".to_owned(),
        revision => format!("revision {revision}"),
    };
    let found = match last {
        None => "it does not exist".to_owned(),
        Some(ViewChange { author, time, created: None, .. }) => {
            format!("{author:?} deleted it at {time}")
        }
        Some(ViewChange { author, time, revision, .. }) => {
            format!("{author:?} saved revision {revision} at {time}")
        }
    };
    let message = format!(
        "view {name:?} is not as expected: {found}, expected {expected}; read it again, then retry"
    );
    Error::new(ErrorKind::Conflict, message)
}
