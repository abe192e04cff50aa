//! Queries about saved views.

use rusqlite::{OptionalExtension as _, Row};

use crate::entity::id::Timestamp;
use crate::entity::{SavedView, ViewChange};
use crate::error::Result;

use super::{Index, unsigned};

const VIEW: &str = "SELECT name, state, author, revision, created, updated FROM saved_views
     WHERE state IS NOT NULL";

impl Index {
    /// Returns a view.
    pub(crate) fn view(&self, name: &str) -> Result<Option<SavedView>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!("{VIEW} AND name = ?1"))?;
            select.query_row([name], saved_view).optional()
        })
    }

    /// Returns all views, ordered by name.
    pub(crate) fn views(&self) -> Result<Vec<SavedView>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!("{VIEW} ORDER BY name"))?;
            select.query_map((), saved_view)?.collect()
        })
    }

    /// Returns the last change of a view, also if it deleted the view.
    pub(crate) fn view_change(&self, name: &str) -> Result<Option<ViewChange>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT revision, author, updated, created FROM saved_views WHERE name = ?1",
            )?;
            let change = |row: &Row<'_>| {
                let created: Option<i64> = row.get(3)?;
                Ok(ViewChange {
                    revision: unsigned(row.get(0)?),
                    author: row.get(1)?,
                    time: Timestamp::from_nanos(row.get(2)?),
                    created: created.map(Timestamp::from_nanos),
                })
            };
            select.query_row([name], change).optional()
        })
    }
}

fn saved_view(row: &Row<'_>) -> rusqlite::Result<SavedView> {
    Ok(SavedView {
        name: row.get(0)?,
        state: row.get(1)?,
        author: row.get(2)?,
        revision: unsigned(row.get(3)?),
        created: Timestamp::from_nanos(row.get(4)?),
        updated: Timestamp::from_nanos(row.get(5)?),
    })
}
