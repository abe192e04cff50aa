//! Applies records about webhooks. Records of unknown or deleted webhooks are ignored.

use rusqlite::ToSql;

use crate::entity::WebhookId;
use crate::format::record::{Record, WebhookCreated, WebhookUpdated};

use super::Applier;

impl Applier<'_> {
    /// Applies the record. Returns false if it does not concern webhooks.
    pub(super) fn apply_to_webhooks(&self, record: &Record) -> rusqlite::Result<bool> {
        match record {
            Record::WebhookCreated(record) => self.webhook_created(record)?,
            Record::WebhookUpdated(record) => self.webhook_updated(record)?,
            Record::WebhookDeleted(record) => self.webhook_deleted(record.webhook)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn webhook_created(&self, record: &WebhookCreated) -> rusqlite::Result<()> {
        let id = record.webhook.to_string();
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO webhooks
             (webhook_id, name, url, description, status, secret, created, updated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
        )?;
        let inserted = insert.execute((
            &id,
            &record.name,
            &record.url,
            &record.description,
            record.status.as_str(),
            &record.secret,
            record.time,
        ))?;
        if inserted > 0 { self.set_events(&id, &record.events) } else { Ok(()) }
    }

    fn webhook_updated(&self, record: &WebhookUpdated) -> rusqlite::Result<()> {
        let id = record.webhook.to_string();
        let set = |column: &str, value: &dyn ToSql| {
            let sql = format!("UPDATE webhooks SET {column} = ?2 WHERE webhook_id = ?1");
            self.execute(&sql, (&id, value))
        };
        if let Some(name) = &record.name {
            set("name", name)?;
        }
        if let Some(url) = &record.url {
            set("url", url)?;
        }
        if let Some(description) = &record.description {
            set("description", description)?;
        }
        if let Some(status) = record.status {
            set("status", &status.as_str())?;
        }
        if let Some(secret) = &record.secret {
            set("secret", secret)?;
        }
        if let Some(events) = &record.events {
            self.delete_events(&id)?;
            self.set_events(&id, events)?;
        }
        set("updated", &record.time)
    }

    fn webhook_deleted(&self, id: WebhookId) -> rusqlite::Result<()> {
        let id = id.to_string();
        self.delete_events(&id)?;
        self.execute("DELETE FROM webhooks WHERE webhook_id = ?1", [&id])
    }

    fn set_events(&self, id: &str, events: &[String]) -> rusqlite::Result<()> {
        events.iter().try_for_each(|event| {
            self.execute(
                "INSERT OR IGNORE INTO webhook_events
                 SELECT webhook, ?2 FROM webhooks WHERE webhook_id = ?1",
                (id, event),
            )
        })
    }

    fn delete_events(&self, id: &str) -> rusqlite::Result<()> {
        self.execute(
            "DELETE FROM webhook_events WHERE webhook IN
             (SELECT webhook FROM webhooks WHERE webhook_id = ?1)",
            [id],
        )
    }
}
