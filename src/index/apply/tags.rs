//! Applies records about tags of runs, and keeps the name and parent of the run in sync.

use crate::entity::id::RunId;
use crate::entity::{PARENT_RUN_TAG, RUN_NAME_TAG};

use super::Applier;

impl Applier<'_> {
    pub(super) fn tags_set(
        &mut self,
        id: RunId,
        tags: &[(String, String)],
    ) -> rusqlite::Result<()> {
        let Some(run) = self.run(id)? else { return Ok(()) };
        for (key, value) in tags {
            self.set_tag(run, key, value)?;
            match key.as_str() {
                RUN_NAME_TAG => self.set_name(run, value)?,
                // A value that is not a run id is an ordinary tag, and the run has no parent.
                PARENT_RUN_TAG => self.set_parent(run, value.parse().ok())?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Deletes a tag. The name survives the loss of its tag (MLflow's rule), the parent does not.
    pub(super) fn tag_deleted(&mut self, id: RunId, key: &str) -> rusqlite::Result<()> {
        let Some(run) = self.run(id)? else { return Ok(()) };
        self.execute("DELETE FROM tags WHERE run = ?1 AND key = ?2", (run, key))?;
        if key == PARENT_RUN_TAG { self.set_parent(run, None) } else { Ok(()) }
    }

    pub(super) fn set_tag(&self, run: i64, key: &str, value: &str) -> rusqlite::Result<()> {
        self.execute("INSERT OR REPLACE INTO tags VALUES (?1, ?2, ?3)", (run, key, value))
    }

    pub(super) fn set_name(&self, run: i64, name: &str) -> rusqlite::Result<()> {
        self.execute("UPDATE runs SET name = ?2 WHERE run = ?1", (run, name))
    }

    fn set_parent(&self, run: i64, parent: Option<RunId>) -> rusqlite::Result<()> {
        let parent = parent.map(|parent| parent.to_string());
        self.execute("UPDATE runs SET parent = ?2 WHERE run = ?1", (run, parent))
    }
}
