//! Versions row by row, for whoever keeps them by column.

use rusqlite::Rows;

use crate::entity::ModelVersionInfo;
use crate::entity::id::RegisteredModelId;
use crate::error::Result;

use super::{Index, registry};

/// What one version is searched by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VersionRow<'a> {
    /// The index's own number of it.
    pub(crate) entry: i64,
    /// The index's own number of its model.
    pub(crate) model: i64,
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
    /// Visits all versions in the order of a search that asks for none: about 1 us for each.
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

    /// Visits all registered models: their ids, and the index's own numbers of them.
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

    /// Visits the tags of one version: key and value.
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
