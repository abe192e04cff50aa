//! Reads model versions row by row, to be stored by column.

use rusqlite::Rows;

use crate::entity::ModelVersionInfo;
use crate::entity::id::RegisteredModelId;
use crate::error::Result;

use super::{Index, registry};

/// The searchable fields of a version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VersionRow<'a> {
    /// The row id of the version.
    pub(crate) entry: i64,
    /// The row id of its model.
    pub(crate) model: i64,
    /// The version number.
    pub(crate) version: i64,
    /// The creation time in milliseconds.
    pub(crate) created: i64,
    /// The time of the last change in milliseconds.
    pub(crate) updated: i64,
    /// The name of its model.
    pub(crate) name: &'a str,
    /// The source of its files.
    pub(crate) source: &'a str,
    /// The id of its run.
    pub(crate) run: Option<&'a str>,
}

const SELECT: &str = "SELECT entry, model, version, created / 1000000 - (created % 1000000 < 0),
     updated_millis, name, source, run_id FROM model_versions";

fn visit_rows(mut rows: Rows<'_>, visit: &mut impl FnMut(VersionRow<'_>)) -> rusqlite::Result<()> {
    while let Some(row) = rows.next()? {
        visit(VersionRow {
            entry: row.get(0)?,
            model: row.get(1)?,
            version: row.get(2)?,
            created: row.get(3)?,
            updated: row.get(4)?,
            name: row.get_ref(5)?.as_str()?,
            source: row.get_ref(6)?.as_str()?,
            run: row.get_ref(7)?.as_str_or_null()?,
        });
    }
    Ok(())
}

impl Index {
    /// Visits all versions in the default order of searches. Takes about 1 us per version.
    pub(crate) fn each_version(&self, mut visit: impl FnMut(VersionRow<'_>)) -> Result<()> {
        self.read(|connection| {
            let order = "ORDER BY updated_millis DESC, name ASC, version DESC";
            let mut select = connection.prepare_cached(&format!("{SELECT} {order}"))?;
            visit_rows(select.query(())?, &mut visit)
        })
    }

    /// Visits the versions of one model, in any order.
    pub(crate) fn each_version_of(
        &self,
        model: RegisteredModelId,
        mut visit: impl FnMut(VersionRow<'_>),
    ) -> Result<()> {
        self.read(|connection| {
            let of = "WHERE model = (SELECT model FROM registered_models WHERE model_id = ?1)";
            let mut select = connection.prepare_cached(&format!("{SELECT} {of}"))?;
            visit_rows(select.query([super::hex(model.to_bits())])?, &mut visit)
        })
    }

    /// Visits all registered models: their ids and row ids.
    pub(crate) fn each_model_number(
        &self,
        mut visit: impl FnMut(RegisteredModelId, i64),
    ) -> Result<()> {
        self.read(|connection| {
            let mut select =
                connection.prepare_cached("SELECT model_id, model FROM registered_models")?;
            let mut rows = select.query(())?;
            while let Some(row) = rows.next()? {
                visit(registry::model_id(row, 0)?, row.get(1)?);
            }
            Ok(())
        })
    }

    /// Visits the tags of a version: key and value.
    pub(crate) fn each_tag_of_version(
        &self,
        entry: i64,
        mut visit: impl FnMut(&str, &str),
    ) -> Result<()> {
        self.read(|connection| {
            let mut select = connection
                .prepare_cached("SELECT key, value FROM model_version_tags WHERE entry = ?1")?;
            let mut rows = select.query([entry])?;
            while let Some(row) = rows.next()? {
                visit(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
            }
            Ok(())
        })
    }

    /// Visits the tags of all versions: row id of the version, key and value.
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

    /// Returns the versions with these row ids in the same order. Missing ones are skipped.
    pub(crate) fn versions_of_entries(&self, entries: &[i64]) -> Result<Vec<ModelVersionInfo>> {
        self.read(|connection| registry::versions_of(connection, entries))
    }
}
