//! Queries about the events at which jobs run.

use rusqlite::Row;

use crate::entity::JobId;
use crate::entity::id::Timestamp;
use crate::error::Result;

use super::{Index, unsigned};

/// An event, such as the last setting of an alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexedEvent {
    /// The name of the model or table.
    pub(crate) name: String,
    /// The alias.
    pub(crate) detail: String,
    pub(crate) version: u64,
    pub(crate) time: Timestamp,
    /// The number of its record in the order of the chain.
    pub(crate) place: i64,
}

/// The events that a job has run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventMark {
    /// The number of the record since which events count.
    pub(crate) place: i64,
    /// The time of the last run for an event.
    pub(crate) last_run: Option<Timestamp>,
}

impl Index {
    /// Returns since when events count for a job.
    pub(crate) fn event_mark(&self, job: JobId) -> Result<EventMark> {
        self.read(|connection| {
            let sql = "SELECT max(ifnull(since_place, 0), ifnull(event_place, 0)), event_time
                 FROM jobs LEFT JOIN job_fires ON job_fires.job = jobs.job WHERE jobs.job = ?1";
            let mut select = connection.prepare_cached(sql)?;
            select.query_row([job.get().cast_signed()], |row| {
                let last_run: Option<i64> = row.get(1)?;
                Ok(EventMark { place: row.get(0)?, last_run: last_run.map(Timestamp::from_nanos) })
            })
        })
    }

    /// Returns the last events of a kind after a place, about a model or the models of a catalog or
    /// schema, newest first.
    pub(crate) fn model_events(
        &self,
        kind: &str,
        name: &str,
        after: i64,
    ) -> Result<Vec<IndexedEvent>> {
        let sql = "SELECT name, detail, version, time, place FROM job_events
             JOIN registered_models ON model_id = object
             WHERE kind = ?1 AND place > ?3 AND (?2 = '' OR name = ?2
             OR substr(name, 1, length(?2) + 1) = ?2 || '.') ORDER BY place DESC";
        self.read(|connection| {
            let mut select = connection.prepare_cached(sql)?;
            select.query_map((kind, name, after), event)?.collect()
        })
    }

    /// Returns the last write to a table after a place.
    pub(crate) fn table_event(&self, name: &str, after: i64) -> Result<Option<IndexedEvent>> {
        let sql = "SELECT stored_tables.name, detail, version, time, place FROM job_events
             JOIN stored_tables ON table_id = object
             WHERE kind = 'TABLE' AND stored_tables.name = ?1 AND place > ?2";
        self.read(|connection| {
            let mut select = connection.prepare_cached(sql)?;
            select.query_map((name, after), event)?.next().transpose()
        })
    }
}

fn event(row: &Row<'_>) -> rusqlite::Result<IndexedEvent> {
    Ok(IndexedEvent {
        name: row.get(0)?,
        detail: row.get(1)?,
        version: unsigned(row.get::<_, Option<i64>>(2)?.unwrap_or(0)),
        time: Timestamp::from_nanos(row.get(3)?),
        place: row.get(4)?,
    })
}
