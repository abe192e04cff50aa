//! Applies records about the model registry. Records of unknown or deleted models and versions are
//! ignored.

use rusqlite::{OptionalExtension as _, Params, ToSql};

use crate::entity::ArtifactOwner;
use crate::entity::id::{RegisteredModelId, Timestamp};
use crate::entity::{ModelStage, ModelVersionStatus};
use crate::format::record::{
    AliasSet, CatalogRenamed, ModelVersionCreated, ModelVersionDeleted, ModelVersionFinalized,
    ModelVersionUpdated, Record, RegisteredModelCreated,
};
use crate::mutant::fault;

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
            Record::RegisteredModelCreated(record) => self.model_created(record),
            Record::RegisteredModelRenamed(record) => {
                self.model_renamed(record.model, &record.name, record.time)
            }
            Record::RegisteredModelUpdated(record) => self.execute(
                "UPDATE registered_models SET description = ?2, updated = ?3 WHERE model_id = ?1",
                (text(record.model), &record.description, record.time),
            ),
            Record::RegisteredModelDeleted(record) => self.model_deleted(record.model),
            Record::RegisteredModelTagsSet(record) => {
                let Some(model) = self.registered_model(record.model)? else { return Ok(()) };
                self.pairs(
                    "INSERT OR REPLACE INTO registered_model_tags VALUES (?1, ?2, ?3)",
                    model,
                    &record.tags,
                )
            }
            Record::RegisteredModelTagDeleted(record) => {
                let Some(model) = self.registered_model(record.model)? else { return Ok(()) };
                self.execute(
                    "DELETE FROM registered_model_tags WHERE model = ?1 AND key = ?2",
                    (model, &record.key),
                )
            }
            Record::ModelVersionCreated(record) => self.version_created(record),
            Record::ModelVersionUpdated(record) => self.version_updated(record),
            Record::ModelVersionFinalized(record) => self.version_finalized(record),
            Record::ModelVersionDeleted(record) => self.version_deleted(record),
            Record::ModelVersionTagsSet(record) => {
                let Some(entry) = self.entry(record.model, record.version)? else { return Ok(()) };
                self.pairs(
                    "INSERT OR REPLACE INTO model_version_tags VALUES (?1, ?2, ?3)",
                    entry,
                    &record.tags,
                )
            }
            Record::ModelVersionTagDeleted(record) => {
                let Some(entry) = self.entry(record.model, record.version)? else { return Ok(()) };
                self.execute(
                    "DELETE FROM model_version_tags WHERE entry = ?1 AND key = ?2",
                    (entry, &record.key),
                )
            }
            Record::AliasSet(record) => self.alias_set(record),
            Record::AliasDeleted(record) => {
                let Some(model) = self.registered_model(record.model)? else { return Ok(()) };
                self.execute(
                    "DELETE FROM model_aliases WHERE model = ?1 AND alias = ?2",
                    (model, &record.alias),
                )
            }
            other => self.apply_to_catalogs(other),
        }
    }

    fn apply_to_catalogs(&self, record: &Record) -> rusqlite::Result<()> {
        match record {
            Record::RegistryModeSet(record) => self.execute(
                "INSERT OR REPLACE INTO registry_mode VALUES (0, ?1)",
                [record.mode.as_str()],
            ),
            Record::CatalogCreated(record) => self.execute(
                "INSERT OR IGNORE INTO catalogs VALUES (?1, ?2, ?3, ?4, ?4)",
                (&record.catalog, &record.owner, &record.comment, record.time),
            ),
            Record::CatalogUpdated(record) => self.execute(
                "UPDATE catalogs SET comment = ?2, updated = ?3 WHERE name = ?1",
                (&record.catalog, &record.comment, record.time),
            ),
            Record::CatalogDropped(record) => {
                self.execute("DELETE FROM catalogs WHERE name = ?1", [&record.catalog])
            }
            Record::SchemaCreated(record) => self.execute(
                "INSERT OR IGNORE INTO catalog_schemas VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
                (&record.catalog, &record.schema, &record.owner, &record.comment, record.time),
            ),
            Record::SchemaUpdated(record) => self.execute(
                "UPDATE catalog_schemas SET comment = ?3, updated = ?4
                 WHERE catalog = ?1 AND name = ?2",
                (&record.catalog, &record.schema, &record.comment, record.time),
            ),
            Record::SchemaDropped(record) => self.execute(
                "DELETE FROM catalog_schemas WHERE catalog = ?1 AND name = ?2",
                (&record.catalog, &record.schema),
            ),
            other => self.apply_to_levels(other),
        }
    }

    /// Applies new names and owners of catalogs and schemas. A taken name changes nothing.
    fn apply_to_levels(&self, record: &Record) -> rusqlite::Result<()> {
        match record {
            Record::CatalogRenamed(record) => self.catalog_renamed(record),
            Record::SchemaRenamed(record) => self.execute(
                "UPDATE OR IGNORE catalog_schemas SET name = ?3, updated = ?4
                 WHERE catalog = ?1 AND name = ?2",
                (&record.catalog, &record.schema, &record.name, record.time),
            ),
            Record::CatalogOwnerSet(record) => self.execute(
                "UPDATE catalogs SET owner = ?2, updated = ?3 WHERE name = ?1",
                (&record.catalog, &record.owner, record.time),
            ),
            Record::SchemaOwnerSet(record) => self.execute(
                "UPDATE catalog_schemas SET owner = ?3, updated = ?4
                 WHERE catalog = ?1 AND name = ?2",
                (&record.catalog, &record.schema, &record.owner, record.time),
            ),
            _ => Ok(()),
        }
    }

    fn catalog_renamed(&self, record: &CatalogRenamed) -> rusqlite::Result<()> {
        let CatalogRenamed { catalog, name, time } = record;
        let mut update = self.connection.prepare_cached(
            "UPDATE OR IGNORE catalogs SET name = ?2, updated = ?3 WHERE name = ?1",
        )?;
        if update.execute((catalog, name, time))? == 0 {
            return Ok(());
        }
        self.execute(
            "UPDATE OR IGNORE catalog_schemas SET catalog = ?2 WHERE catalog = ?1",
            (catalog, name),
        )
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

    fn model_created(&self, record: &RegisteredModelCreated) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO registered_models
             (model_id, name, description, created, updated, last_version)
             VALUES (?1, ?2, ?3, ?4, ?4, 0)",
        )?;
        if insert.execute((text(record.model), &record.name, &record.description, record.time))?
            == 0
        {
            return Ok(());
        }
        let model = self.connection.last_insert_rowid();
        self.job_event("CREATED", (&text(record.model), ""), 0, record.time)?;
        self.pairs(
            "INSERT OR REPLACE INTO registered_model_tags VALUES (?1, ?2, ?3)",
            model,
            &record.tags,
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

    fn version_created(&self, record: &ModelVersionCreated) -> rusqlite::Result<()> {
        let Some(model) = self.registered_model(record.model)? else { return Ok(()) };
        let version = record.version.cast_signed();
        let (copied_model, copied_version) =
            record.copied_from.map(|(model, version)| (text(model), version.cast_signed())).unzip();
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
            &record.time,
            &millis(record.time),
            &record.description,
            &record.user,
            &ModelStage::None.as_str(),
            &record.source,
            &record.location,
            &record.run,
            &record.run_link,
            &record.logged_model.map(|model| model.to_string()),
            &copied_model,
            &copied_version,
            &record.status.as_str(),
            &record.signature,
            &record.digest,
        ];
        // Version numbers are never reused.
        if insert.execute(values)? == 0 {
            return Ok(());
        }
        let entry = self.connection.last_insert_rowid();
        if record.status == ModelVersionStatus::Ready {
            self.job_event("READY", (&text(record.model), ""), record.version, record.time)?;
        }
        self.pairs(
            "INSERT OR REPLACE INTO model_version_tags VALUES (?1, ?2, ?3)",
            entry,
            &record.tags,
        )?;
        self.execute(
            "UPDATE registered_models SET last_version = ?2, updated = ?3 WHERE model = ?1",
            (model, version, record.time),
        )
    }

    fn version_updated(&self, record: &ModelVersionUpdated) -> rusqlite::Result<()> {
        let Some(entry) = self.entry(record.model, record.version)? else { return Ok(()) };
        if let Some(description) = &record.description {
            self.execute(
                "UPDATE model_versions SET description = ?2 WHERE entry = ?1",
                (entry, description),
            )?;
        }
        if let Some((status, message)) = &record.status {
            if *status == ModelVersionStatus::Ready {
                self.job_event("READY", (&text(record.model), ""), record.version, record.time)?;
            }
            self.execute(
                "UPDATE model_versions SET status = ?2, status_message = ?3 WHERE entry = ?1",
                (entry, status.as_str(), message),
            )?;
        }
        if let Some(stage) = record.stage {
            self.execute(
                "UPDATE model_versions SET stage = ?2 WHERE entry = ?1",
                (entry, stage.as_str()),
            )?;
            self.execute(
                "UPDATE registered_models SET updated = ?2 WHERE model_id = ?1",
                (text(record.model), record.time),
            )?;
        }
        self.execute(
            "UPDATE model_versions SET updated = ?2, updated_millis = ?3 WHERE entry = ?1",
            (entry, record.time, millis(record.time)),
        )
    }

    fn version_finalized(&self, record: &ModelVersionFinalized) -> rusqlite::Result<()> {
        let Some(entry) = self.entry(record.model, record.version)? else { return Ok(()) };
        self.job_event("READY", (&text(record.model), ""), record.version, record.time)?;
        self.execute(
            "UPDATE model_versions SET status = ?2, status_message = NULL, digest = ?3,
             signature = ifnull(?4, signature), updated = ?5, updated_millis = ?6
             WHERE entry = ?1",
            (
                entry,
                ModelVersionStatus::Ready.as_str(),
                &record.digest,
                &record.signature,
                record.time,
                millis(record.time),
            ),
        )
    }

    fn version_deleted(&self, record: &ModelVersionDeleted) -> rusqlite::Result<()> {
        let Some(entry) = self.entry(record.model, record.version)? else { return Ok(()) };
        let Some(model) = self.registered_model(record.model)? else { return Ok(()) };
        self.execute(
            "DELETE FROM model_aliases WHERE model = ?1 AND version = ?2",
            (model, record.version.cast_signed()),
        )?;
        self.execute("DELETE FROM model_version_tags WHERE entry = ?1", [entry])?;
        self.execute("DELETE FROM model_versions WHERE entry = ?1", [entry])?;
        let owner = ArtifactOwner::ModelVersion { model: record.model, version: record.version };
        self.artifacts_deleted(&owner, "")?;
        if fault!(ReusedVersion) {
            self.execute(
                "UPDATE registered_models SET last_version = (SELECT ifnull(max(version), 0)
                 FROM model_versions WHERE model = ?1) WHERE model = ?1",
                [model],
            )?;
        }
        self.model_touched(model, record.time)
    }

    /// Sets an alias, if the version exists.
    fn alias_set(&self, record: &AliasSet) -> rusqlite::Result<()> {
        let model = text(record.model);
        self.job_event("ALIAS", (&model, &record.alias), record.version, record.time)?;
        self.execute(
            "INSERT OR REPLACE INTO model_aliases
             SELECT model, ?2, version FROM registered_models JOIN model_versions USING (model)
             WHERE model_id = ?1 AND version = ?3",
            (text(record.model), &record.alias, record.version.cast_signed()),
        )
    }
}
