//! Queries about webhooks.

use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::entity::id::Timestamp;
use crate::entity::{WebhookEvent, WebhookId, WebhookInfo};
use crate::error::Result;

use super::Index;
use super::query::parsed;

const WEBHOOK: &str = "SELECT webhook, webhook_id, name, url, description, status,
     secret IS NOT NULL, created, updated FROM webhooks";

impl Index {
    /// Returns a webhook.
    pub(crate) fn webhook(&self, id: WebhookId) -> Result<Option<WebhookInfo>> {
        self.read(|connection| {
            let mut select =
                connection.prepare_cached(&format!("{WEBHOOK} WHERE webhook_id = ?1"))?;
            let found = select.query_row([id.to_string()], webhook_info).optional()?;
            found.map(|found| complete(connection, found)).transpose()
        })
    }

    /// Returns the sealed secret of a webhook. The outer `None` means that there is no such
    /// webhook.
    pub(crate) fn webhook_secret(&self, id: WebhookId) -> Result<Option<Option<Vec<u8>>>> {
        self.read(|connection| {
            let mut select =
                connection.prepare_cached("SELECT secret FROM webhooks WHERE webhook_id = ?1")?;
            select.query_row([id.to_string()], |row| row.get(0)).optional()
        })
    }

    /// Returns webhooks, the newest first. With `event`, only those that wait for it.
    pub(crate) fn webhooks(
        &self,
        event: Option<WebhookEvent>,
        offset: u64,
        limit: usize,
    ) -> Result<Vec<WebhookInfo>> {
        let event = event.map(|event| event.to_string());
        let (offset, limit) = (i64::try_from(offset), i64::try_from(limit));
        let bounds = (limit.unwrap_or(i64::MAX), offset.unwrap_or(i64::MAX));
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!(
                "{WEBHOOK} WHERE ?1 IS NULL OR webhook IN
                 (SELECT webhook FROM webhook_events WHERE event = ?1)
                 ORDER BY created DESC, webhook DESC LIMIT ?2 OFFSET ?3"
            ))?;
            let found = select.query_map((&event, bounds.0, bounds.1), webhook_info)?;
            found.map(|found| complete(connection, found?)).collect()
        })
    }
}

/// Returns the webhook without events, with its row id.
fn webhook_info(row: &Row<'_>) -> rusqlite::Result<(i64, WebhookInfo)> {
    let info = WebhookInfo {
        id: parsed(row, 1)?,
        name: row.get(2)?,
        url: row.get(3)?,
        events: Vec::new(),
        description: row.get(4)?,
        status: parsed(row, 5)?,
        has_secret: row.get(6)?,
        created: Timestamp::from_nanos(row.get(7)?),
        updated: Timestamp::from_nanos(row.get(8)?),
    };
    Ok((row.get(0)?, info))
}

/// Adds the events that this build knows.
fn complete(
    connection: &Connection,
    (webhook, mut info): (i64, WebhookInfo),
) -> rusqlite::Result<WebhookInfo> {
    let mut select =
        connection.prepare_cached("SELECT event FROM webhook_events WHERE webhook = ?1")?;
    let events = select.query_map([webhook], |row| row.get(0))?;
    let events: Vec<String> = events.collect::<rusqlite::Result<_>>()?;
    info.events = events.iter().filter_map(|event| event.parse().ok()).collect();
    info.events.sort_unstable();
    Ok(info)
}
