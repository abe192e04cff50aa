//! Applies records about the model registry. Records of unknown or deleted models and versions are
//! ignored.

use rusqlite::{OptionalExtension as _, Params, ToSql};

use crate::entity::ArtifactOwner;
use crate::entity::ModelStage;
use crate::format::record::{
    AliasSet, ModelVersionCreated, ModelVersionDeleted, ModelVersionUpdated, Record,
    RegisteredModelCreated,
};
use crate::id::{RegisteredModelId, Timestamp};
use crate::mutant::{self, Mutant};

use super::Applier;

/// Returns a model id as stored in the index: 32 hexadecimal digits.
fn text(id: RegisteredModelId) -> String {
    super::super::hex(id.to_bits())
}

fn millis(time: i64) -> i64 {
    Timestamp::from_nanos(time).as_millis()
}

impl Applier<'_> {
    pub(super) fn apply_to_registry(&self, record: &Record) -> rusqlite::Result<()> {
        match record {
            Record::RegisteredModelCreated(it) => self.model_created(it),
            Record::RegisteredModelRenamed(it) => self.model_renamed(it.model, &it.name, it.time),
            Record::RegisteredModelUpdated(it) => self.execute(
                "UPDATE registered_models SET description = ?2, updated = ?3 WHERE model_id = ?1",
                (text(it.model), &it.description, it.time),
            ),
            Record::RegisteredModelDeleted(it) => self.model_deleted(it.model),
            Record::RegisteredModelTagsSet(it) => {
                let Some(model) = self.registered_model(it.model)? else { return Ok(()) };
                self.pairs(
                    "INSERT OR REPLACE INTO registered_model_tags VALUES (?1, ?2, ?3)",
                    model,
                    &it.tags,
                )
            }
            Record::RegisteredModelTagDeleted(it) => {
                let Some(model) = self.registered_model(it.model)? else { return Ok(()) };
                self.execute(
                    "DELETE FROM registered_model_tags WHERE model = ?1 AND key = ?2",
                    (model, &it.key),
                )
            }
            Record::ModelVersionCreated(it) => self.version_created(it),
            Record::ModelVersionUpdated(it) => self.version_updated(it),
            Record::ModelVersionDeleted(it) => self.version_deleted(it),
            Record::ModelVersionTagsSet(it) => {
                let Some(entry) = self.entry(it.model, it.version)? else { return Ok(()) };
                self.pairs(
                    "INSERT OR REPLACE INTO model_version_tags VALUES (?1, ?2, ?3)",
                    entry,
                    &it.tags,
                )
            }
            Record::ModelVersionTagDeleted(it) => {
                let Some(entry) = self.entry(it.model, it.version)? else { return Ok(()) };
                self.execute(
                    "DELETE FROM model_version_tags WHERE entry = ?1 AND key = ?2",
                    (entry, &it.key),
                )
            }
            Record::AliasSet(it) => self.alias_set(it),
            Record::AliasDeleted(it) => {
                let Some(model) = self.registered_model(it.model)? else { return Ok(()) };
                self.execute(
                    "DELETE FROM model_aliases WHERE model = ?1 AND alias = ?2",
                    (model, &it.alias),
                )
            }
            other => self.apply_to_catalogs(other),
        }
    }

    fn apply_to_catalogs(&self, record: &Record) -> rusqlite::Result<()> {
        match record {
            Record::RegistryModeSet(it) => self
                .execute("INSERT OR REPLACE INTO registry_mode VALUES (0, ?1)", [it.mode.as_str()]),
            Record::CatalogCreated(it) => self.execute(
                "INSERT OR IGNORE INTO catalogs VALUES (?1, ?2, ?3, ?4, ?4)",
                (&it.catalog, &it.owner, &it.comment, it.time),
            ),
            Record::CatalogUpdated(it) => self.execute(
                "UPDATE catalogs SET comment = ?2, updated = ?3 WHERE name = ?1",
                (&it.catalog, &it.comment, it.time),
            ),
            Record::CatalogDropped(it) => {
                self.execute("DELETE FROM catalogs WHERE name = ?1", [&it.catalog])
            }
            Record::SchemaCreated(it) => self.execute(
                "INSERT OR IGNORE INTO catalog_schemas VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
                (&it.catalog, &it.schema, &it.owner, &it.comment, it.time),
            ),
            Record::SchemaUpdated(it) => self.execute(
                "UPDATE catalog_schemas SET comment = ?3, updated = ?4
                 WHERE catalog = ?1 AND name = ?2",
                (&it.catalog, &it.schema, &it.comment, it.time),
            ),
            Record::SchemaDropped(it) => self.execute(
                "DELETE FROM catalog_schemas WHERE catalog = ?1 AND name = ?2",
                (&it.catalog, &it.schema),
            ),
            _ => Ok(()),
        }
    }

    fn found(&self, sql: &str, params: impl Params) -> rusqlite::Result<Option<i64>> {
        self.connection.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()
    }

    fn registered_model(&self, id: RegisteredModelId) -> rusqlite::Result<Option<i64>> {
        self.found("SELECT model FROM registered_models WHERE model_id = ?1", [text(id)])
    }

    fn entry(&self, id: RegisteredModelId, version: u64) -> rusqlite::Result<Option<i64>> {
        self.found(
            "SELECT entry FROM registered_models JOIN model_versions USING (model)
             WHERE model_id = ?1 AND version = ?2",
            (text(id), version.cast_signed()),
        )
    }

    fn pairs(&self, insert: &str, of: i64, pairs: &[(String, String)]) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached(insert)?;
        pairs.iter().try_for_each(|(key, value)| insert.execute((of, key, value)).map(drop))
    }

    fn model_created(&self, it: &RegisteredModelCreated) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO registered_models
             (model_id, name, description, created, updated, last_version)
             VALUES (?1, ?2, ?3, ?4, ?4, 0)",
        )?;
        if insert.execute((text(it.model), &it.name, &it.description, it.time))? == 0 {
            return Ok(());
        }
        let model = self.connection.last_insert_rowid();
        self.pairs(
            "INSERT OR REPLACE INTO registered_model_tags VALUES (?1, ?2, ?3)",
            model,
            &it.tags,
        )
    }

    fn model_touched(&self, model: i64, time: i64) -> rusqlite::Result<()> {
        self.execute("UPDATE registered_models SET updated = ?2 WHERE model = ?1", (model, time))
    }

    fn model_renamed(&self, id: RegisteredModelId, name: &str, time: i64) -> rusqlite::Result<()> {
        let Some(model) = self.registered_model(id)? else { return Ok(()) };
        self.execute(
            "UPDATE registered_models SET name = ?2, updated = ?3 WHERE model = ?1",
            (model, name, time),
        )?;
        self.execute(
            "UPDATE model_versions SET name = ?2, updated = ?3, updated_millis = ?4
             WHERE model = ?1",
            (model, name, time, millis(time)),
        )
    }

    fn model_deleted(&self, id: RegisteredModelId) -> rusqlite::Result<()> {
        let Some(model) = self.registered_model(id)? else { return Ok(()) };
        self.artifacts_of_model_deleted(id)?;
        self.execute(
            "DELETE FROM model_version_tags WHERE entry IN
             (SELECT entry FROM model_versions WHERE model = ?1)",
            [model],
        )?;
        let tables =
            ["model_aliases", "model_versions", "registered_model_tags", "registered_models"];
        tables.iter().try_for_each(|table| {
            self.execute(&format!("DELETE FROM {table} WHERE model = ?1"), [model])
        })
    }

    fn version_created(&self, it: &ModelVersionCreated) -> rusqlite::Result<()> {
        let Some(model) = self.registered_model(it.model)? else { return Ok(()) };
        let version = it.version.cast_signed();
        let (copied_model, copied_version) =
            it.copied_from.map(|(model, version)| (text(model), version.cast_signed())).unzip();
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO model_versions
             (model, version, name, created, updated, updated_millis, description, user, stage,
              source, location, run_id, run_link, logged_model, copied_model, copied_version,
              status, signature, digest)
             SELECT ?1, ?2, name, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
             ?16, ?17 FROM registered_models WHERE model = ?1 AND last_version < ?2",
        )?;
        let values: [&dyn ToSql; 17] = [
            &model,
            &version,
            &it.time,
            &millis(it.time),
            &it.description,
            &it.user,
            &ModelStage::None.as_str(),
            &it.source,
            &it.location,
            &it.run.map(|run| run.to_string()),
            &it.run_link,
            &it.logged_model.map(|model| model.to_string()),
            &copied_model,
            &copied_version,
            &it.status.as_str(),
            &it.signature,
            &it.digest,
        ];
        // Version numbers are never reused.
        if insert.execute(values)? == 0 {
            return Ok(());
        }
        let entry = self.connection.last_insert_rowid();
        self.pairs(
            "INSERT OR REPLACE INTO model_version_tags VALUES (?1, ?2, ?3)",
            entry,
            &it.tags,
        )?;
        self.execute(
            "UPDATE registered_models SET last_version = ?2, updated = ?3 WHERE model = ?1",
            (model, version, it.time),
        )
    }

    fn version_updated(&self, it: &ModelVersionUpdated) -> rusqlite::Result<()> {
        let Some(entry) = self.entry(it.model, it.version)? else { return Ok(()) };
        if let Some(description) = &it.description {
            self.execute(
                "UPDATE model_versions SET description = ?2 WHERE entry = ?1",
                (entry, description),
            )?;
        }
        if let Some((status, message)) = &it.status {
            self.execute(
                "UPDATE model_versions SET status = ?2, status_message = ?3 WHERE entry = ?1",
                (entry, status.as_str(), message),
            )?;
        }
        if let Some(stage) = it.stage {
            self.execute(
                "UPDATE model_versions SET stage = ?2 WHERE entry = ?1",
                (entry, stage.as_str()),
            )?;
            self.execute(
                "UPDATE registered_models SET updated = ?2 WHERE model_id = ?1",
                (text(it.model), it.time),
            )?;
        }
        self.execute(
            "UPDATE model_versions SET updated = ?2, updated_millis = ?3 WHERE entry = ?1",
            (entry, it.time, millis(it.time)),
        )
    }

    fn version_deleted(&self, it: &ModelVersionDeleted) -> rusqlite::Result<()> {
        let Some(entry) = self.entry(it.model, it.version)? else { return Ok(()) };
        let Some(model) = self.registered_model(it.model)? else { return Ok(()) };
        self.execute(
            "DELETE FROM model_aliases WHERE model = ?1 AND version = ?2",
            (model, it.version.cast_signed()),
        )?;
        self.execute("DELETE FROM model_version_tags WHERE entry = ?1", [entry])?;
        self.execute("DELETE FROM model_versions WHERE entry = ?1", [entry])?;
        let owner = ArtifactOwner::ModelVersion { model: it.model, version: it.version };
        self.artifacts_deleted(&owner, "")?;
        if mutant::is_active(Mutant::ReusedVersion) {
            self.execute(
                "UPDATE registered_models SET last_version = (SELECT ifnull(max(version), 0)
                 FROM model_versions WHERE model = ?1) WHERE model = ?1",
                [model],
            )?;
        }
        self.model_touched(model, it.time)
    }

    /// Sets an alias, if the version exists.
    fn alias_set(&self, it: &AliasSet) -> rusqlite::Result<()> {
        self.execute(
            "INSERT OR REPLACE INTO model_aliases
             SELECT model, ?2, version FROM registered_models JOIN model_versions USING (model)
             WHERE model_id = ?1 AND version = ?3",
            (text(it.model), &it.alias, it.version.cast_signed()),
        )
    }
}
