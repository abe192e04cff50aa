//! Tests of the index. `files.rs` tests its files.

mod files;
mod points;

use crate::entity::id::{ExperimentId, RunId, Timestamp};
use crate::entity::{ExperimentInfo, Lifecycle, MetricPoint, RunStatus};
use crate::error::ErrorKind;
use crate::format::record::{
    ExperimentCreated, ExperimentLifecycleSet, ExperimentRenamed, ExperimentTagDeleted,
    ExperimentTagsSet, Incarnation, ParamsSet, Position, Purged, Record, RunLifecycleSet,
    RunResumed, RunStarted, RunUpdated, TagDeleted, TagsSet, WriterClosed, WriterOpened,
};

use super::{ChainFrame, Index, IndexKey, IndexPlace, RunScope, SqlValue};

const WRITER: Incarnation = Incarnation(u64::MAX - 1);
const CHURN: ExperimentId = ExperimentId::new(1);

fn key() -> IndexKey {
    IndexKey { file_id: 1, device: 2, inode: 3, boot_id: 4, format_level: 0 }
}

fn in_memory() -> Index {
    Index::open(&key(), &IndexPlace::InMemory).unwrap()
}

fn run(number: u128) -> RunId {
    RunId::from_random(number)
}

/// Returns a frame at this position, with a hash unique to it.
fn frame(position: u64, records: Vec<Record>) -> ChainFrame {
    ChainFrame { position: Position(position), hash: !position, records }
}

/// Applies the records as the next frame.
fn feed(index: &mut Index, records: Vec<Record>) {
    let position = index.cursor().unwrap().map_or(0, |(position, _)| position.0) + 8;
    index.apply(&[frame(position, records)]).unwrap();
}

fn writer_opened(incarnation: Incarnation, byte: u16) -> Record {
    let host = "node".to_owned();
    let (boot_id, floor, process, time) = (4, 0, 99, 1_000);
    Record::WriterOpened(WriterOpened { incarnation, byte, boot_id, floor, process, host, time })
}

fn experiment_created(experiment: ExperimentId, path: &str) -> Record {
    let path = path.to_owned();
    Record::ExperimentCreated(ExperimentCreated { experiment, path, time: 2_000 })
}

fn run_started(run: RunId, experiment: ExperimentId, time: i64) -> Record {
    Record::RunStarted(RunStarted {
        run,
        experiment,
        incarnation: Some(WRITER),
        name: format!("run-{time}"),
        parent: None,
        user: "ada".to_owned(),
        time,
    })
}

fn run_lifecycle(run: RunId, lifecycle: Lifecycle) -> Record {
    Record::RunLifecycleSet(RunLifecycleSet { run, lifecycle, time: 9_000 })
}

fn experiment_lifecycle(experiment: ExperimentId, lifecycle: Lifecycle) -> Record {
    Record::ExperimentLifecycleSet(ExperimentLifecycleSet { experiment, lifecycle, time: 9_000 })
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Returns an index with two runs in an experiment, and one in the default experiment.
fn with_runs() -> Index {
    let mut index = in_memory();
    feed(
        &mut index,
        vec![
            writer_opened(WRITER, 7),
            experiment_created(CHURN, "/team/churn"),
            run_started(run(1), CHURN, 10),
            run_started(run(2), CHURN, 30),
            run_started(run(3), ExperimentId::DEFAULT, 20),
        ],
    );
    index
}

fn ids(index: &Index, scope: RunScope) -> Vec<RunId> {
    index.run_infos(scope).unwrap().into_iter().map(|info| info.id).collect()
}

fn experiment_of(index: &Index, path: &str) -> Option<ExperimentInfo> {
    index.experiments().unwrap().into_iter().find(|experiment| experiment.path == path)
}

#[test]
fn the_default_experiment_exists_without_a_record() {
    let mut index = in_memory();
    let found = index.experiment(ExperimentId::DEFAULT).unwrap().unwrap();
    assert_eq!((found.path.as_str(), found.lifecycle), ("Default", Lifecycle::Active));
    assert_eq!(index.cursor().unwrap(), None);
    feed(&mut index, vec![writer_opened(WRITER, 7)]);
    feed(&mut index, vec![writer_opened(Incarnation(5), 8)]);
    let found = experiment_of(&index, "Default").unwrap();
    assert_eq!(found.created, Timestamp::from_nanos(1_000));
    assert_eq!(index.experiments().unwrap(), [found]);
}

#[test]
fn setting_tags_does_not_change_the_update_time() {
    let mut index = with_runs();
    let tags = pairs(&[("stage", "a"), ("owner", "ada"), ("stage", "b")]);
    feed(
        &mut index,
        vec![
            Record::ExperimentTagsSet(ExperimentTagsSet { experiment: CHURN, tags, time: 3_000 }),
            Record::ExperimentTagDeleted(ExperimentTagDeleted {
                experiment: CHURN,
                key: "owner".to_owned(),
                time: 4_000,
            }),
        ],
    );
    let found = index.experiment(CHURN).unwrap().unwrap();
    assert_eq!(found.tags.into_iter().collect::<Vec<_>>(), pairs(&[("stage", "b")]));
    assert_eq!((found.created.as_nanos(), found.updated.as_nanos()), (2_000, 2_000));
    let path = "/team/loss".to_owned();
    let renamed = ExperimentRenamed { experiment: CHURN, path, time: 5_000 };
    feed(&mut index, vec![Record::ExperimentRenamed(renamed)]);
    assert_eq!(experiment_of(&index, "/team/churn"), None);
    let found = experiment_of(&index, "/team/loss").unwrap();
    assert_eq!((found.id, found.updated.as_nanos()), (CHURN, 5_000));
}

#[test]
fn runs_are_listed_newest_first_and_by_experiment() {
    let index = with_runs();
    assert_eq!(ids(&index, RunScope::All), [run(2), run(3), run(1)]);
    assert_eq!(ids(&index, RunScope::ActiveOf(CHURN)), [run(2), run(1)]);
    assert_eq!(ids(&index, RunScope::One(run(3))), [run(3)]);
    let info = index.run_info(run(2)).unwrap().unwrap();
    assert_eq!((info.status, info.ended, info.parent), (RunStatus::Running, None, None));
    assert_eq!((info.name.as_str(), info.user.as_str()), ("run-30", "ada"));
    assert_eq!(index.run_info(run(4)).unwrap(), None);
}

#[test]
fn deleting_an_experiment_cascades_and_restoring_restores_all() {
    let mut index = with_runs();
    feed(&mut index, vec![run_lifecycle(run(1), Lifecycle::Deleted)]);
    assert_eq!(ids(&index, RunScope::Active), [run(2), run(3)]);
    feed(&mut index, vec![experiment_lifecycle(CHURN, Lifecycle::Deleted)]);
    assert_eq!(ids(&index, RunScope::Active), [run(3)]);
    assert_eq!(index.experiment(CHURN).unwrap().unwrap().lifecycle, Lifecycle::Deleted);
    feed(&mut index, vec![experiment_lifecycle(CHURN, Lifecycle::Active)]);
    assert_eq!(ids(&index, RunScope::ActiveOf(CHURN)), [run(2), run(1)]);
    assert_eq!(index.experiment(CHURN).unwrap().unwrap().updated.as_nanos(), 9_000);
}

#[test]
fn a_run_restored_in_a_deleted_experiment_is_not_active() {
    let mut index = with_runs();
    feed(
        &mut index,
        vec![
            experiment_lifecycle(CHURN, Lifecycle::Deleted),
            run_lifecycle(run(1), Lifecycle::Active),
        ],
    );
    assert_eq!(ids(&index, RunScope::Active), [run(3)]);
    assert_eq!(ids(&index, RunScope::ActiveOf(CHURN)), [run(1)]);
}

#[test]
fn a_run_update_keeps_the_fields_it_does_not_set() {
    let mut index = with_runs();
    let update = |name: Option<&str>, status, ended| {
        let name = name.map(ToOwned::to_owned);
        vec![Record::RunUpdated(RunUpdated { run: run(1), name, status, ended })]
    };
    feed(&mut index, update(None, Some(RunStatus::Finished), Some(Some(77))));
    feed(&mut index, update(Some("best"), None, None));
    let info = index.run_info(run(1)).unwrap().unwrap();
    assert_eq!((info.name.as_str(), info.status), ("best", RunStatus::Finished));
    assert_eq!(info.ended, Some(Timestamp::from_nanos(77)));
    feed(&mut index, update(None, None, Some(None)));
    assert_eq!(index.run_info(run(1)).unwrap().unwrap().ended, None);
}

#[test]
fn a_resumed_run_is_running_and_has_another_writer() {
    let mut index = with_runs();
    let (ended, status) = (Some(Some(77)), Some(RunStatus::Failed));
    let second = Incarnation(5);
    feed(
        &mut index,
        vec![
            Record::RunUpdated(RunUpdated { run: run(1), name: None, status, ended }),
            Record::WriterClosed(WriterClosed { incarnation: WRITER }),
            writer_opened(second, 7),
            Record::RunResumed(RunResumed { run: run(1), incarnation: second, time: 90 }),
        ],
    );
    let info = index.run_info(run(1)).unwrap().unwrap();
    assert_eq!((info.status, info.ended), (RunStatus::Running, None));
    let writers = index.writers_of(run(1)).unwrap();
    let states: Vec<_> =
        writers.iter().map(|writer| (writer.incarnation, writer.closed, writer.replaced)).collect();
    assert_eq!(states, [(WRITER, true, true), (second, false, false)]);
    assert_eq!((writers[0].byte, writers[0].boot_id, writers[0].process), (7, 4, 99));
    assert_eq!(index.open_writers().unwrap(), writers[1..]);
    assert_eq!(index.writers_of(run(2)).unwrap(), writers[..1]);
}

#[test]
fn params_are_set_once_and_tags_change() {
    let mut index = with_runs();
    let params = pairs(&[("lr", "0.1"), ("note", "")]);
    let tags = pairs(&[("stage", "a"), ("stage", "b"), ("gone", "x")]);
    feed(
        &mut index,
        vec![
            Record::ParamsSet(ParamsSet { run: run(1), params: params.clone() }),
            Record::ParamsSet(ParamsSet { run: run(1), params: pairs(&[("lr", "0.2")]) }),
            Record::TagsSet(TagsSet { run: run(1), tags }),
            Record::TagDeleted(TagDeleted { run: run(1), key: "gone".to_owned() }),
            Record::TagsSet(TagsSet { run: run(9), tags: pairs(&[("of", "nobody")]) }),
        ],
    );
    assert_eq!(index.params(run(1)).unwrap().into_iter().collect::<Vec<_>>(), params);
    let tags: Vec<_> = index.tags(run(1)).unwrap().into_iter().collect();
    let name = index.run_info(run(1)).unwrap().unwrap().name;
    assert_eq!(tags, pairs(&[("mlflow.runName", &name), ("stage", "b")]));
    let records = index.run_records(RunScope::All).unwrap();
    let sizes: Vec<_> =
        records.iter().map(|record| (record.params.len(), record.tags.len())).collect();
    assert_eq!(sizes, [(0, 1), (0, 1), (2, 2)]);
    assert_eq!(index.run_records(RunScope::One(run(1))).unwrap().last(), records.last());
}

#[test]
fn runs_are_found_by_prefix_and_by_parent() {
    let mut index = with_runs();
    let child = |number, parent| {
        let Record::RunStarted(started) = run_started(run(number), CHURN, 40) else { panic!() };
        Record::RunStarted(RunStarted { parent: Some(parent), ..started })
    };
    feed(&mut index, vec![child(6, run(1)), child(5, run(1)), child(7, run(6))]);
    assert_eq!(index.children(run(1)).unwrap(), [run(6), run(5)]);
    assert_eq!(index.run_info(run(7)).unwrap().unwrap().parent, Some(run(6)));
    assert_eq!(index.runs_by_prefix(&run(2).to_string()).unwrap(), [run(2)]);
    assert_eq!(index.runs_by_prefix("0000").unwrap().len(), 2);
    assert_eq!(index.runs_by_prefix("f").unwrap(), []);
    feed(&mut index, vec![run_started(RunId::from_random(0xAB << 120), CHURN, 50)]);
    assert_eq!(index.runs_by_prefix("AB").unwrap(), [RunId::from_random(0xAB << 120)]);
}

#[test]
fn purged_runs_and_experiments_are_gone() {
    let mut index = with_runs();
    let tags = pairs(&[("a", "b")]);
    feed(
        &mut index,
        vec![
            Record::ParamsSet(ParamsSet { run: run(1), params: tags.clone() }),
            Record::TagsSet(TagsSet { run: run(1), tags: tags.clone() }),
            Record::ExperimentTagsSet(ExperimentTagsSet { experiment: CHURN, tags, time: 1 }),
        ],
    );
    let runs = vec![run(1), run(2), run(8)];
    feed(&mut index, vec![Record::Purged(Purged { runs, experiments: vec![CHURN] })]);
    assert_eq!(ids(&index, RunScope::All), [run(3)]);
    assert_eq!(index.experiments().unwrap().len(), 1);
    for table in ["params", "tags", "experiment_tags"] {
        let left = index.sql(&format!("SELECT count(*) FROM {table}")).unwrap();
        // The remaining run has the tag for its name.
        let is_left = i64::from(table == "tags");
        assert_eq!(left.rows, [[SqlValue::Integer(is_left)]], "{table}");
    }
    let counts = index.counts().unwrap();
    assert_eq!((counts.experiments, counts.runs), (1, 1));
}

#[test]
fn a_purged_default_experiment_is_recreated_empty() {
    let mut index = with_runs();
    let tags = pairs(&[("a", "b")]);
    let experiment = ExperimentId::DEFAULT;
    feed(
        &mut index,
        vec![
            Record::ExperimentTagsSet(ExperimentTagsSet { experiment, tags, time: 1 }),
            experiment_lifecycle(experiment, Lifecycle::Deleted),
            Record::Purged(Purged { runs: vec![run(3)], experiments: vec![experiment] }),
        ],
    );
    let found = index.experiment(experiment).unwrap().unwrap();
    assert_eq!((found.lifecycle, found.tags.len()), (Lifecycle::Active, 0));
    assert_eq!(found.created.as_nanos(), 1_000);
}

#[test]
fn sql_is_read_only() {
    let mut index = with_runs();
    let params = pairs(&[("lr", "0.1")]);
    feed(&mut index, vec![Record::ParamsSet(ParamsSet { run: run(1), params })]);
    let table = index.sql("SELECT run_id, key, value, 1.5 AS half FROM run_params").unwrap();
    assert_eq!(table.columns, ["run_id", "key", "value", "half"]);
    let text = |text: &str| SqlValue::Text(text.to_owned());
    let id = run(1).to_string();
    assert_eq!(table.rows, [[text(&id), text("lr"), text("0.1"), SqlValue::Real(1.5)]]);
    let recursive = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3)
                     SELECT max(i), NULL FROM n";
    assert_eq!(index.sql(recursive).unwrap().rows, [[SqlValue::Integer(3), SqlValue::Null]]);
    for refused in [
        "DELETE FROM runs",
        "UPDATE runs SET name = 'x'",
        "INSERT INTO experiments VALUES (9, 'x', 'active', 0, 0)",
        "CREATE TABLE mine (a)",
        "CREATE TEMP TABLE mine (a)",
        "DROP VIEW run_params",
        "ATTACH ':memory:' AS other",
        "PRAGMA user_version = 7",
        "PRAGMA query_only = 1",
        "BEGIN",
        "VACUUM",
        "SELECT load_extension('x')",
        "SELECT 1; DELETE FROM runs",
        "SELEC 1",
    ] {
        let error = index.sql(refused).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{refused}");
    }
    assert_eq!(index.sql("SELECT * FROM runs").unwrap().rows.len(), 3);
    feed(&mut index, vec![run_started(run(4), CHURN, 60)]);
    assert_eq!(ids(&index, RunScope::All).len(), 4);
}

/// Returns a point at time 0.
fn point(step: i64, value: f64) -> MetricPoint {
    MetricPoint { step, time: Timestamp::from_nanos(0), value }
}
