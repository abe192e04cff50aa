//! Versions row by row, for whoever keeps them by column.

use crate::entity::ModelVersionInfo;
use crate::error::Result;

use super::{Index, registry};

/// What one version is searched by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VersionRow<'a> {
    /// The index's own number of it.
    pub(crate) entry: i64,
    /// Its number.
    pub(crate) version: i64,
    /// When it was created, in milliseconds.
    pub(crate) created: i64,
    /// When it was last changed, in milliseconds.
    pub(crate) updated: i64,
    /// The name of its model.
    pub(crate) name: &'a str,
    /// Where it comes from.
    pub(crate) source: &'a str,
    /// The id of its run.
    pub(crate) run: Option<&'a str>,
}

impl Index {
    /// Visits all versions in the order of a search that asks for none: about 1 us for each.
    pub(crate) fn each_version(&self, mut visit: impl FnMut(VersionRow<'_>)) -> Result<()> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT entry, version, created / 1000000 - (created % 1000000 < 0),
                 updated_millis, name, source, run_id FROM model_versions
                 ORDER BY updated_millis DESC, name ASC, version DESC",
            )?;
            let mut rows = select.query(())?;
            while let Some(row) = rows.next()? {
                visit(VersionRow {
                    entry: row.get(0)?,
                    version: row.get(1)?,
                    created: row.get(2)?,
                    updated: row.get(3)?,
                    name: row.get_ref(4)?.as_str()?,
                    source: row.get_ref(5)?.as_str()?,
                    run: row.get_ref(6)?.as_str_or_null()?,
                });
            }
            Ok(())
        })
    }

    /// Visits all tags of versions: entry, key and value.
    pub(crate) fn each_version_tag(&self, mut visit: impl FnMut(i64, &str, &str)) -> Result<()> {
        self.read(|connection| {
            let mut select =
                connection.prepare_cached("SELECT entry, key, value FROM model_version_tags")?;
            let mut rows = select.query(())?;
            while let Some(row) = rows.next()? {
                visit(row.get(0)?, row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
            }
            Ok(())
        })
    }

    /// The versions of these entries in their order, as far as they are there.
    pub(crate) fn versions_of_entries(&self, entries: &[i64]) -> Result<Vec<ModelVersionInfo>> {
        self.read(|connection| registry::versions_of(connection, entries))
    }
}
