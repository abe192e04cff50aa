//! Results as polars data frames: columns, types, order, and missing values.

use polars::prelude::{AnyValue, DataFrame, DataType, PlSmallStr, TimeUnit, TimeZone};
use tracklite::inputs::{Dataset, DatasetInput};
use tracklite::lineage::{LineageDirection, LineageNode};
use tracklite::{Database, ErrorKind, Run, RunId, RunSearch, Timestamp};

use crate::common::{TestDatabase, builder};

const UNKNOWN: RunId = RunId::from_bits(7);
const USUAL: [&str; 7] =
    ["run_id", "run_name", "experiment_id", "status", "artifact_uri", "start_time", "end_time"];

fn instant() -> DataType {
    DataType::Datetime(TimeUnit::Nanoseconds, Some(TimeZone::UTC))
}

/// Creates a database without a background thread, so that points stay live until it is closed.
fn new_database() -> TestDatabase {
    TestDatabase::build(builder().background(false))
}

fn start(database: &Database, name: &str, started: i64) -> Run {
    let experiment = database.default_experiment().unwrap();
    let time = Timestamp::from_nanos(started);
    experiment.new_run().name(name).started(time).start().unwrap()
}

fn names(frame: &DataFrame) -> Vec<&str> {
    frame.get_column_names().into_iter().map(PlSmallStr::as_str).collect()
}

fn texts(frame: &DataFrame, column: &str) -> Vec<Option<String>> {
    let column = frame.column(column).unwrap().str().unwrap();
    column.iter().map(|text| text.map(str::to_owned)).collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

fn floats(frame: &DataFrame, column: &str) -> Vec<Option<f64>> {
    frame.column(column).unwrap().f64().unwrap().iter().collect()
}

fn steps(frame: &DataFrame) -> Vec<i64> {
    frame.column("step").unwrap().i64().unwrap().iter().map(Option::unwrap).collect()
}

fn nanos(frame: &DataFrame, column: &str) -> Vec<Option<i64>> {
    let column = frame.column(column).unwrap();
    let value = |at| match column.get(at).unwrap() {
        AnyValue::Datetime(nanos, TimeUnit::Nanoseconds, _) => Some(nanos),
        AnyValue::Null => None,
        other => panic!("{other:?} is not a time"),
    };
    (0..column.len()).map(value).collect()
}

fn found(database: &Database, search: &RunSearch) -> DataFrame {
    database.search_runs_frame(search).unwrap()
}

/// Creates two runs: `one` is finished, sealed and has all kinds of values, and `two` is live.
fn two_runs() -> (TestDatabase, RunId, RunId) {
    let database = new_database();
    let one = start(&database, "one", 1_000_000_001);
    one.log_param("rate", 0.1).unwrap();
    one.log_param("same", "yes").unwrap();
    one.log_metric("loss", f64::NAN, 0).unwrap();
    one.log_metric("acc", 0.5, 0).unwrap();
    one.set_tag("note", "").unwrap();
    let first = one.id();
    one.finish().unwrap();
    let database = database.reopen();
    let two = start(&database, "two", 2_000_000_002);
    two.log_param("same", "yes").unwrap();
    two.log_metric("loss", 0.25, 3).unwrap();
    let second = two.id();
    (database, first, second)
}

#[test]
fn runs_have_the_columns_and_types_of_mlflow() {
    let (database, ..) = two_runs();
    let frame = found(&database, &RunSearch::new().order_by("run_name"));
    let keyed = ["metrics.acc", "metrics.loss", "params.rate", "params.same"];
    let all: Vec<&str> = names(&frame);
    assert_eq!(all[..7], USUAL);
    assert_eq!(all[7..11], keyed);
    assert!(all[11..].iter().all(|name| name.starts_with("tags.")), "{all:?}");
    assert!(all[11..].is_sorted() && all[11..].contains(&"tags.mlflow.runName"), "{all:?}");
    for (name, dtype) in all.iter().zip(frame.dtypes()) {
        let wanted = match *name {
            "start_time" | "end_time" => instant(),
            name if name.starts_with("metrics.") => DataType::Float64,
            _ => DataType::String,
        };
        assert_eq!(dtype, wanted, "{name}");
    }
}

#[test]
fn runs_have_their_ids_statuses_times_and_addresses() {
    let (database, first, second) = two_runs();
    let frame = found(&database, &RunSearch::new().order_by("run_name"));
    assert_eq!(texts(&frame, "run_id"), some(&[&first.to_string(), &second.to_string()]));
    assert_eq!(texts(&frame, "status"), some(&["FINISHED", "RUNNING"]));
    assert_eq!(texts(&frame, "experiment_id"), some(&["0", "0"]));
    assert_eq!(nanos(&frame, "start_time"), [Some(1_000_000_001), Some(2_000_000_002)]);
    let ended = nanos(&frame, "end_time");
    assert!(ended[0].is_some() && ended[1].is_none(), "{ended:?}");
    let uri = texts(&frame, "artifact_uri")[0].clone().unwrap();
    assert!(uri.starts_with("tracklite:///") && uri.ends_with(&format!("{first}/artifacts")));
}

#[test]
fn nan_stays_nan_and_missing_values_are_null() {
    let (database, ..) = two_runs();
    let frame = found(&database, &RunSearch::new().order_by("run_name"));
    let loss = floats(&frame, "metrics.loss");
    assert!(loss[0].is_some_and(f64::is_nan), "{loss:?}");
    assert_eq!(loss[1], Some(0.25), "a live point");
    assert_eq!(floats(&frame, "metrics.acc"), [Some(0.5), None]);
    assert_eq!(texts(&frame, "params.rate"), [Some("0.1".to_owned()), None]);
    assert_eq!(texts(&frame, "tags.note"), [Some(String::new()), None]);
}

#[test]
fn a_frame_without_runs_has_its_columns_and_types() {
    let database = new_database();
    let frame = found(&database, &RunSearch::new());
    assert_eq!((names(&frame), frame.height()), (USUAL.to_vec(), 0));
    assert_eq!(frame.dtypes()[5..], [instant(), instant()]);
    let columns = ["metrics.loss", "params.rate", "tags.*", "end_time", "parent_run_id"];
    let frame = found(&database, &RunSearch::new().columns(columns));
    assert_eq!(names(&frame), ["metrics.loss", "params.rate", "end_time", "parent_run_id"]);
    let wanted = [DataType::Float64, DataType::String, instant(), DataType::String];
    assert_eq!(frame.dtypes(), wanted);
    let none = RunSearch::new().columns([""; 0]);
    assert_eq!(found(&database, &none).shape(), (0, 0));
}

#[test]
fn a_frame_has_each_named_column_once() {
    let (database, ..) = two_runs();
    let search = RunSearch::new().order_by("run_name");
    let columns =
        ["metrics.loss", "run_name", "metrics.*", "params.none", "metrics.none", "run_name"];
    let frame = found(&database, &search.columns(columns));
    let wanted = ["metrics.loss", "run_name", "metrics.acc", "params.none", "metrics.none"];
    assert_eq!(names(&frame), wanted);
    assert_eq!(floats(&frame, "metrics.none"), [None, None]);
    assert_eq!(texts(&frame, "params.none"), [None, None]);
}

#[test]
fn attributes_can_be_chosen_as_columns() {
    let (database, first, _) = two_runs();
    let search = RunSearch::new().order_by("run_name");
    let others = ["user_id", "lifecycle_stage", "parent_run_id"];
    let frame = found(&database, &search.clone().columns(others));
    assert_eq!(names(&frame), others);
    assert_eq!(texts(&frame, "lifecycle_stage"), some(&["active", "active"]));
    let child = database.default_experiment().unwrap().new_run().name("zed").parent(first);
    let _child = child.start().unwrap();
    let frame = found(&database, &search.columns(["parent_run_id"]));
    assert_eq!(texts(&frame, "parent_run_id"), [None, None, Some(first.to_string())]);
}

#[test]
fn a_wildcard_adds_only_keys_of_the_found_runs() {
    let (database, ..) = two_runs();
    let search = RunSearch::new().order_by("run_name");
    let live = search.filter("run_name = 'two'").columns(["metrics.*", "params.*"]);
    assert_eq!(names(&found(&database, &live)), ["metrics.loss", "params.same"]);
}

#[test]
fn an_unknown_column_is_rejected_with_a_suggestion() {
    let (database, ..) = two_runs();
    for (column, suggestion) in [
        ("run_nam", "\"run_name\""),
        ("metrcs.loss", "\"metrics.loss\""),
        ("loss", "metrics.KEY"),
        ("", "metrics.KEY"),
        ("metrics.", "metrics"),
    ] {
        let search = RunSearch::new().columns(["run_id", column]);
        let error = database.search_runs_frame(&search).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{column}");
        assert!(error.to_string().contains(suggestion), "{error}");
        assert!(error.path().is_some());
    }
}

#[test]
fn each_valid_key_has_its_own_column() {
    let database = new_database();
    let keys = ["Loss", "loss", "LOSS", "a_-. :/b", "a.b.c", "0", "\u{e4}"];
    let run = start(&database, "keys", 1);
    for (value, key) in (0_i32..).zip(keys) {
        run.log_metric(key, f64::from(value), 0).unwrap();
        run.log_param(key, value).unwrap();
        run.set_tag(key, value).unwrap();
    }
    let frame = found(&database, &RunSearch::new());
    let named: Vec<String> = keys.iter().map(|key| format!("metrics.{key}")).collect();
    let only = found(&database, &RunSearch::new().columns(&named));
    for (value, key) in (0_i32..).zip(keys) {
        for frame in [&frame, &only] {
            let metric = floats(frame, &format!("metrics.{key}"));
            assert_eq!(metric, [Some(f64::from(value))], "{key}");
        }
        for kind in ["params", "tags"] {
            let text = texts(&frame, &format!("{kind}.{key}"));
            assert_eq!(text, some(&[&value.to_string()]), "{kind} {key}");
        }
    }
    assert_eq!(names(&only), named);
    let history = database.wide_history_frame(&[run.id()], &keys).unwrap();
    assert_eq!(names(&history)[3..], keys);
}

#[test]
fn a_frame_has_all_runs_by_default() {
    let database = new_database();
    for at in 0..1_100 {
        start(&database, &format!("{at:04}"), at);
    }
    assert_eq!(found(&database, &RunSearch::new().columns(["run_id"])).height(), 1_100);
}

#[test]
fn a_frame_can_be_read_in_pages() {
    let database = new_database();
    for at in 0..6 {
        start(&database, &format!("{at:04}"), at);
    }
    let search = RunSearch::new().order_by("run_name").max_results(3).columns(["run_name"]);
    let frame = found(&database, &search);
    assert_eq!(texts(&frame, "run_name"), some(&["0000", "0001", "0002"]));
    let token = database.search_runs(&search).unwrap().next_page_token.unwrap();
    let next = found(&database, &search.clone().page_token(token));
    assert_eq!(texts(&next, "run_name"), some(&["0003", "0004", "0005"]));
    for bad in [0, 50_001] {
        let error = database.search_runs_frame(&search.clone().max_results(bad)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let bad = database.search_runs_frame(&search.page_token("x")).unwrap_err();
    assert_eq!(bad.kind(), ErrorKind::InvalidInput);
}

/// Creates a run with sealed points of one writer and live points of another. At step 1, `loss` has
/// three points and `acc` has one. A second run has no points.
fn histories() -> (TestDatabase, RunId, RunId) {
    let database = new_database();
    let run = start(&database, "both", 1);
    let other = start(&database, "other", 2).id();
    let log = |run: &Run, key: &str, points: &[(i64, i64, f64)]| {
        let metric = run.metric(key).unwrap();
        for (step, time, value) in points {
            metric.log_at(*value, *step, Timestamp::from_nanos(*time)).unwrap();
        }
    };
    log(&run, "loss", &[(0, 10, 3.0), (1, 20, 2.0), (1, 21, f64::NAN)]);
    let id = run.id();
    drop(run);
    let database = database.reopen();
    let run = database.run(id).unwrap();
    log(&run, "loss", &[(1, 15, 1.5), (-4, 5, 9.0)]);
    log(&run, "acc", &[(1, 12, 0.5), (7, 70, 0.75)]);
    (database, id, other)
}

#[test]
fn a_long_history_has_one_row_per_point() {
    let (database, id, other) = histories();
    let frame = database.history_frame(&[other, id], &["loss", "acc", "loss", "none"]).unwrap();
    assert_eq!(names(&frame), ["run_id", "key", "step", "timestamp", "value"]);
    let types = [DataType::String, DataType::String, DataType::Int64, instant(), DataType::Float64];
    assert_eq!(frame.dtypes(), types);
    assert_eq!(texts(&frame, "key"), some(&["loss", "loss", "loss", "loss", "loss", "acc", "acc"]));
    assert_eq!(steps(&frame), [-4, 0, 1, 1, 1, 1, 7]);
    let times: Vec<i64> = nanos(&frame, "timestamp").into_iter().map(Option::unwrap).collect();
    assert_eq!(times, [5, 10, 15, 20, 21, 12, 70]);
    let values = floats(&frame, "value");
    assert_eq!(values[..4], [Some(9.0), Some(3.0), Some(1.5), Some(2.0)]);
    assert!(values[4].is_some_and(f64::is_nan) && values[6] == Some(0.75), "{values:?}");
    assert!(texts(&frame, "run_id").iter().all(|text| *text == Some(id.to_string())));
}

#[test]
fn a_long_history_has_all_keys_if_none_is_named() {
    let (database, id, _) = histories();
    let all = database.history_frame(&[id, id], &[]).unwrap();
    let wanted = ["acc", "acc", "loss", "loss", "loss", "loss", "loss"];
    assert_eq!(texts(&all, "key"), some(&wanted), "a run that is named twice counts once");
}

#[test]
fn a_long_history_without_points_has_its_types() {
    let (database, _, other) = histories();
    let types = [DataType::String, DataType::String, DataType::Int64, instant(), DataType::Float64];
    for frame in [database.history_frame(&[other], &[]), database.history_frame(&[], &["loss"])] {
        let frame = frame.unwrap();
        assert_eq!((frame.height(), frame.dtypes()), (0, types.to_vec()));
    }
}

#[test]
fn a_wide_history_has_one_row_per_step_and_repetition() {
    let (database, id, other) = histories();
    let run = database.run(other).unwrap();
    run.metric("acc").unwrap().log_at(0.1, 1, Timestamp::from_nanos(99)).unwrap();
    let frame = database.wide_history_frame(&[id, other, id], &["loss", "none", "acc"]).unwrap();
    assert_eq!(names(&frame), ["run_id", "step", "timestamp", "loss", "none", "acc"]);
    let ids: Vec<Option<String>> =
        [id, id, id, id, id, id, other].iter().map(|id| Some(id.to_string())).collect();
    assert_eq!(texts(&frame, "run_id"), ids);
    assert_eq!(steps(&frame), [-4, 0, 1, 1, 1, 7, 1]);
    let times: Vec<i64> = nanos(&frame, "timestamp").into_iter().map(Option::unwrap).collect();
    assert_eq!(times, [5, 10, 12, 20, 21, 70, 99]);
    let loss = floats(&frame, "loss");
    assert_eq!(loss[..4], [Some(9.0), Some(3.0), Some(1.5), Some(2.0)]);
    assert!(loss[4].is_some_and(f64::is_nan) && loss[5..] == [None, None], "{loss:?}");
    assert_eq!(floats(&frame, "none"), [None; 7]);
    let acc = [None, None, Some(0.5), None, None, Some(0.75), Some(0.1)];
    assert_eq!(floats(&frame, "acc"), acc);
}

#[test]
fn a_wide_history_has_all_keys_if_none_is_named() {
    let (database, id, other) = histories();
    let run = database.run(other).unwrap();
    run.metric("acc").unwrap().log_at(0.1, 1, Timestamp::from_nanos(99)).unwrap();
    let all = database.wide_history_frame(&[other, id], &[]).unwrap();
    assert_eq!(names(&all)[3..], ["acc", "loss"]);
}

#[test]
fn a_wide_history_without_runs_has_its_columns_and_types() {
    let (database, ..) = histories();
    let none = database.wide_history_frame(&[], &["loss"]).unwrap();
    assert_eq!((names(&none), none.height()), (vec!["run_id", "step", "timestamp", "loss"], 0));
    assert_eq!(none.dtypes()[3], DataType::Float64);
}

#[test]
fn a_wide_history_renames_metrics_that_clash_with_its_columns() {
    let database = new_database();
    let run = start(&database, "names", 1);
    let keys = ["step", "run_id", "timestamp", "metrics.step", "loss"];
    for (value, key) in (0_i32..).zip(keys) {
        run.log_metric(key, f64::from(value), 5).unwrap();
    }
    let frame = database.wide_history_frame(&[run.id()], &keys).unwrap();
    let own =
        ["metrics.metrics.step", "metrics.run_id", "metrics.timestamp", "metrics.step", "loss"];
    assert_eq!(names(&frame)[3..], own);
    for (value, name) in (0_i32..).zip(own) {
        assert_eq!(floats(&frame, name), [Some(f64::from(value))], "{name}");
    }
    assert_eq!(steps(&frame), [5]);
}

#[test]
fn each_param_has_a_row() {
    let (database, first, second) = two_runs();
    let (one, two) = (first.to_string(), second.to_string());
    let params = database.params_frame(&[second, first]).unwrap();
    assert_eq!(names(&params), ["run_id", "key", "value"]);
    assert_eq!(params.dtypes(), [DataType::String, DataType::String, DataType::String]);
    assert_eq!(texts(&params, "run_id"), some(&[&two, &one, &one]));
    assert_eq!(texts(&params, "key"), some(&["same", "rate", "same"]));
    assert_eq!(texts(&params, "value"), some(&["yes", "0.1", "yes"]));
    let none = database.params_frame(&[]).unwrap();
    assert_eq!(names(&none), ["run_id", "key", "value"]);
}

#[test]
fn each_tag_has_a_row() {
    let (database, first, _) = two_runs();
    let tags = database.tags_frame(&[first]).unwrap();
    let keys = texts(&tags, "key");
    assert!(keys.is_sorted(), "{keys:?}");
    let note = keys.iter().position(|key| key.as_deref() == Some("note")).unwrap();
    assert_eq!(texts(&tags, "value")[note], Some(String::new()));
    let none = database.tags_frame(&[]).unwrap();
    assert_eq!(names(&none), ["run_id", "key", "value"]);
}

#[test]
fn each_dataset_of_a_run_has_a_row() {
    let (database, first, second) = two_runs();
    let run = database.run(second).unwrap();
    let input = |name: &str| DatasetInput::new(Dataset::new(name, "9f86", "local", "here"));
    let train = Dataset::new("b", "1", "s3", "s").schema("[]").profile("{}");
    run.log_inputs(&[DatasetInput::new(train).context("train"), input("a")], &[]).unwrap();

    let datasets = database.datasets_frame(&[first, second, second]).unwrap();
    let columns =
        ["run_id", "name", "digest", "source_type", "source", "schema", "profile", "context"];
    assert_eq!(names(&datasets), columns);
    assert!(datasets.dtypes().iter().all(|dtype| *dtype == DataType::String));
    let two = second.to_string();
    let ids = texts(&datasets, "run_id");
    assert_eq!(ids, some(&[&two, &two]), "a run that is named twice counts once");
    assert_eq!(texts(&datasets, "name"), some(&["b", "a"]), "rows must be in logging order");
    assert_eq!(texts(&datasets, "schema"), [Some("[]".to_owned()), None]);
    assert_eq!(texts(&datasets, "context"), [Some("train".to_owned()), None]);
    assert_eq!(database.datasets_frame(&[first]).unwrap().shape(), (0, 8));
}

#[test]
fn a_comparison_has_only_columns_that_differ() {
    let (database, first, second) = two_runs();
    for id in [first, second] {
        let run = database.run(id).unwrap();
        run.log_metric("nan", f64::NAN, 0).unwrap();
        run.log_metric("inf", f64::INFINITY, 0).unwrap();
    }
    let frame = database.comparison_frame(&[second, first]).unwrap();
    assert_eq!(texts(&frame, "run_name"), some(&["two", "one"]));
    let differ = ["metrics.acc", "metrics.loss", "params.rate", "tags.note"];
    let attributes = ["run_id", "run_name", "status", "start_time", "end_time"];
    assert_eq!(names(&frame), [&attributes[..], &differ].concat());
    assert_eq!(floats(&frame, "metrics.acc"), [None, Some(0.5)]);
    let alone = database.comparison_frame(&[first, first]).unwrap();
    assert_eq!((names(&alone), alone.height()), (vec!["run_id", "run_name"], 1));
    let none = database.comparison_frame(&[]).unwrap();
    assert_eq!((names(&none), none.height()), (vec!["run_id", "run_name"], 0));
}

#[test]
fn every_frame_rejects_an_unknown_run() {
    let (database, first, _) = two_runs();
    let runs = [first, UNKNOWN];
    for frame in [
        database.comparison_frame(&runs),
        database.params_frame(&runs),
        database.tags_frame(&runs),
        database.datasets_frame(&runs),
        database.history_frame(&runs, &["loss"]),
        database.wide_history_frame(&runs, &[]),
    ] {
        let error = frame.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains(&UNKNOWN.to_string()), "{error}");
        assert!(error.path().is_some());
    }
}

#[test]
fn a_lineage_frame_has_one_row_per_step() {
    let database = new_database();
    let run = start(&database, "training", 0);
    let registry = database.registry();
    let model = registry.create_model("churn").unwrap();
    model.new_version(&format!("runs:/{}/model", run.id())).create().unwrap();
    model.set_alias("champion", 1).unwrap();
    let of_run = LineageNode::Run(run.id());
    let frame = database.lineage_frame(&of_run, LineageDirection::Downstream).unwrap();
    let wanted = [
        ("from_kind", ["run", "model version"]),
        ("from", [&run.id().to_string(), "models:/churn/1"]),
        ("from_name", ["training", "churn version 1"]),
        ("kind", ["registered", "named"]),
        ("to_kind", ["model version", "alias"]),
        ("to", ["models:/churn/1", "models:/churn@champion"]),
        ("to_name", ["churn version 1", "churn@champion"]),
    ];
    assert_eq!(names(&frame), wanted.each_ref().map(|(name, _)| *name));
    for (name, values) in wanted {
        assert_eq!(texts(&frame, name), some(&values), "{name}");
    }
    let nothing = database.lineage_frame(&of_run, LineageDirection::Upstream).unwrap();
    assert_eq!((nothing.height(), nothing.width()), (0, 7));
    let missing = database.lineage_frame(&LineageNode::Run(UNKNOWN), LineageDirection::Both);
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
}
