//! Queries about lineage: the direct neighbours of a node, upstream and downstream.

use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use crate::entity::id::{ExperimentId, LoggedModelId, RunId};
use crate::entity::{LineageEdge, LineageKind, LineageNode};
use crate::error::Result;

use super::lineage_rooms::{
    BELOW_TABLE, Neighbours, above_dataset, above_endpoint, above_table, below_endpoint,
    endpoints_below,
};
use super::query::parsed;
use super::{Index, unsigned};

/// The version that another one was copied from, if it still exists.
const COPIED: &str = "(SELECT s.entry FROM registered_models o JOIN model_versions s
    ON s.model = o.model WHERE o.model_id = v.copied_model AND s.version = v.copied_version)";

impl Index {
    /// Returns the display name of a node. `None` if it does not exist.
    pub(crate) fn lineage_label(&self, node: &LineageNode) -> Result<Option<String>> {
        self.read(|connection| {
            match node {
            LineageNode::Dataset { experiment, name, digest } => label(
                connection,
                "SELECT name || ' (' || digest || ')' FROM datasets
                 WHERE experiment_id = ?1 AND name = ?2 AND digest = ?3",
                (experiment.get().cast_signed(), name, digest),
            ),
            LineageNode::Run(id) => {
                label(connection, "SELECT name FROM runs WHERE run_id = ?1", [id.to_string()])
            }
            LineageNode::LoggedModel(id) => label(
                connection,
                "SELECT name FROM logged_models WHERE model_id = ?1",
                [id.to_string()],
            ),
            LineageNode::ModelVersion { name, version } => label(
                connection,
                "SELECT name || ' version ' || version FROM model_versions
                 WHERE name = ?1 AND version = ?2",
                (name, version.cast_signed()),
            ),
            LineageNode::Alias { name, alias } => label(
                connection,
                "SELECT name || '@' || alias FROM registered_models JOIN model_aliases USING (model)
                 WHERE name = ?1 AND alias = ?2",
                (name, alias),
            ),
            LineageNode::Table(name) => {
                label(connection, "SELECT name FROM stored_tables WHERE name = ?1", [name])
            }
            LineageNode::Endpoint(name) => label(
                connection,
                "SELECT name FROM endpoints WHERE name = ?1 AND state IS NOT NULL",
                [name],
            ),
        }
        })
    }

    /// Returns the edges to the origins of a node.
    pub(crate) fn upstream(&self, node: &LineageNode) -> Result<Vec<LineageEdge>> {
        let edge = |(kind, from)| LineageEdge { from, to: node.clone(), kind };
        Ok(self.read(|connection| above(connection, node))?.into_iter().map(edge).collect())
    }

    /// Returns the edges to what was made from a node.
    pub(crate) fn downstream(&self, node: &LineageNode) -> Result<Vec<LineageEdge>> {
        let edge = |(kind, to)| LineageEdge { from: node.clone(), to, kind };
        Ok(self.read(|connection| below(connection, node))?.into_iter().map(edge).collect())
    }
}

fn label(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<Option<String>> {
    connection.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()
}

fn above(connection: &Connection, node: &LineageNode) -> rusqlite::Result<Neighbours> {
    let mut found = Neighbours::new();
    let mut add = |kind, sql: &str, params: &[&dyn rusqlite::ToSql], read: Read| {
        add(connection, &mut found, kind, sql, params, read)
    };
    match node {
        LineageNode::Table(name) => return above_table(connection, name),
        LineageNode::Endpoint(name) => return above_endpoint(connection, name),
        LineageNode::Dataset { experiment, name, digest } => {
            return above_dataset(connection, (experiment.get().cast_signed(), name, digest));
        }
        LineageNode::Run(id) => {
            let id = id.to_string();
            add(
                LineageKind::Input,
                "SELECT datasets.experiment_id, datasets.name, digest FROM runs
                 JOIN dataset_inputs USING (run) JOIN datasets USING (dataset) WHERE run_id = ?1",
                &[&id],
                dataset,
            )?;
            add(
                LineageKind::Input,
                "SELECT model_id FROM runs JOIN model_inputs i USING (run)
                 JOIN logged_models ON model_id = i.model WHERE run_id = ?1",
                &[&id],
                logged_model,
            )?;
        }
        LineageNode::LoggedModel(id) => add(
            LineageKind::Output,
            "SELECT run_id FROM logged_models JOIN runs ON run_id = source_run WHERE model_id = ?1
             UNION SELECT run_id FROM model_outputs JOIN runs USING (run) WHERE model = ?1",
            &[&id.to_string()],
            run,
        )?,
        LineageNode::ModelVersion { name, version } => {
            let of: [&dyn rusqlite::ToSql; 2] = [name, &version.cast_signed()];
            let which = "v.name = ?1 AND v.version = ?2";
            add(
                LineageKind::Copied,
                &format!(
                    "SELECT b.name, b.version FROM model_versions v JOIN model_versions b
                     ON b.entry = {COPIED} WHERE {which}"
                ),
                &of,
                model_version,
            )?;
            add(
                LineageKind::Registered,
                &format!(
                    "SELECT l.model_id FROM model_versions v JOIN logged_models l
                     ON l.model_id = v.logged_model WHERE {which} AND {COPIED} IS NULL"
                ),
                &of,
                logged_model,
            )?;
            add(
                LineageKind::Registered,
                &format!(
                    "SELECT r.run_id FROM model_versions v JOIN runs r ON r.run_id = v.run_id
                     WHERE {which} AND {COPIED} IS NULL AND NOT EXISTS
                     (SELECT 1 FROM logged_models WHERE model_id = v.logged_model)"
                ),
                &of,
                run,
            )?;
        }
        LineageNode::Alias { name, alias } => add(
            LineageKind::Named,
            "SELECT name, version FROM registered_models JOIN model_aliases USING (model)
             WHERE name = ?1 AND alias = ?2",
            &[name, alias],
            model_version,
        )?,
    }
    Ok(found)
}

fn below(connection: &Connection, node: &LineageNode) -> rusqlite::Result<Neighbours> {
    let mut found = Neighbours::new();
    let mut add = |kind, sql: &str, params: &[&dyn rusqlite::ToSql], read: Read| {
        add(connection, &mut found, kind, sql, params, read)
    };
    match node {
        LineageNode::Table(name) => add(LineageKind::Read, BELOW_TABLE, &[name], dataset)?,
        LineageNode::Endpoint(name) => return below_endpoint(connection, name),
        LineageNode::Dataset { experiment, name, digest } => add(
            LineageKind::Input,
            "SELECT run_id FROM datasets JOIN dataset_inputs USING (dataset) JOIN runs USING (run)
             WHERE datasets.experiment_id = ?1 AND datasets.name = ?2 AND digest = ?3",
            &[&experiment.get().cast_signed(), name, digest],
            run,
        )?,
        LineageNode::Run(id) => {
            let id = id.to_string();
            add(
                LineageKind::Output,
                "SELECT model_id FROM logged_models WHERE source_run = ?1
                 UNION SELECT model_id FROM runs JOIN model_outputs o USING (run)
                 JOIN logged_models ON model_id = o.model WHERE run_id = ?1",
                &[&id],
                logged_model,
            )?;
            add(
                LineageKind::Registered,
                &format!(
                    "SELECT v.name, v.version FROM model_versions v WHERE v.run_id = ?1
                     AND {COPIED} IS NULL AND NOT EXISTS
                     (SELECT 1 FROM logged_models WHERE model_id = v.logged_model)"
                ),
                &[&id],
                model_version,
            )?;
        }
        LineageNode::LoggedModel(id) => {
            let id = id.to_string();
            add(
                LineageKind::Input,
                "SELECT run_id FROM model_inputs JOIN runs USING (run) WHERE model = ?1",
                &[&id],
                run,
            )?;
            add(
                LineageKind::Registered,
                &format!(
                    "SELECT v.name, v.version FROM model_versions v
                     WHERE v.logged_model = ?1 AND {COPIED} IS NULL"
                ),
                &[&id],
                model_version,
            )?;
        }
        LineageNode::ModelVersion { name, version } => {
            let of: [&dyn rusqlite::ToSql; 2] = [name, &version.cast_signed()];
            add(
                LineageKind::Copied,
                "SELECT c.name, c.version FROM model_versions v
                 JOIN registered_models m ON m.model = v.model
                 JOIN model_versions c ON c.copied_model = m.model_id
                 AND c.copied_version = v.version WHERE v.name = ?1 AND v.version = ?2",
                &of,
                model_version,
            )?;
            add(
                LineageKind::Named,
                "SELECT name, alias FROM registered_models JOIN model_aliases USING (model)
                 WHERE name = ?1 AND version = ?2",
                &of,
                alias,
            )?;
            found.extend(endpoints_below(connection, node)?);
        }
        LineageNode::Alias { .. } => return endpoints_below(connection, node),
    }
    Ok(found)
}

type Read = fn(&Row<'_>) -> rusqlite::Result<LineageNode>;

fn add(
    connection: &Connection,
    found: &mut Neighbours,
    kind: LineageKind,
    sql: &str,
    params: &[&dyn rusqlite::ToSql],
    read: Read,
) -> rusqlite::Result<()> {
    let mut select = connection.prepare_cached(sql)?;
    for node in select.query_map(params, read)? {
        found.push((kind, node?));
    }
    Ok(())
}

fn dataset(row: &Row<'_>) -> rusqlite::Result<LineageNode> {
    let experiment = ExperimentId::new(unsigned(row.get(0)?));
    Ok(LineageNode::Dataset { experiment, name: row.get(1)?, digest: row.get(2)? })
}

fn run(row: &Row<'_>) -> rusqlite::Result<LineageNode> {
    parsed::<RunId>(row, 0).map(LineageNode::Run)
}

fn logged_model(row: &Row<'_>) -> rusqlite::Result<LineageNode> {
    parsed::<LoggedModelId>(row, 0).map(LineageNode::LoggedModel)
}

fn model_version(row: &Row<'_>) -> rusqlite::Result<LineageNode> {
    Ok(LineageNode::ModelVersion { name: row.get(0)?, version: unsigned(row.get(1)?) })
}

fn alias(row: &Row<'_>) -> rusqlite::Result<LineageNode> {
    Ok(LineageNode::Alias { name: row.get(0)?, alias: row.get(1)? })
}
