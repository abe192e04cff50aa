//! Invalid input fails with an error that names the file, the value and the rule, and loses no
//! logged data. Unusual but valid input is stored unchanged.

#[path = "bad_input/opening.rs"]
mod opening;

use std::fs;
use std::path::Path;

use tracklite::{
    Database, Error, ErrorKind, ExperimentId, Limits, MetricPoint, RunId, RunStatus, Step,
    Timestamp,
};

use crate::common::{TestDatabase, TestFolder, builder, open, start_run, try_open_read_only};

/// Creates a file with a run that has points, params and tags, and returns its bytes.
fn closed_file(folder: &TestFolder) -> (RunId, Vec<u8>) {
    let database = open(&folder.file());
    let run = start_run(&database, "");
    run.log_params([("rate", "0.1"), ("depth", "3")]).unwrap();
    run.set_tag("note", "kept").unwrap();
    for step in 0..10_000 {
        run.log_metrics(&[("loss", f64::from(step) * 0.7), ("acc", 0.5)], step).unwrap();
    }
    let id = run.id();
    run.finish().unwrap();
    database.close().unwrap();
    (id, fs::read(folder.file()).unwrap())
}

/// Checks that every way to open the file fails, names the file and writes nothing.
fn check_not_opened(path: &Path, kinds: &[ErrorKind], words: &str) {
    let before = fs::read(path).ok();
    let out = path.with_extension("out");
    let errors = [
        ("open", Database::open(path).map(drop).unwrap_err()),
        ("read", try_open_read_only(path).map(drop).unwrap_err()),
        ("create", Database::create(path).map(drop).unwrap_err()),
        ("verify", Database::verify(path).map(drop).unwrap_err()),
        ("salvage", Database::salvage(path, &out).map(drop).unwrap_err()),
        ("vacuum", Database::vacuum(path).map(drop).unwrap_err()),
        ("dump", Database::dump(path, &mut Vec::new()).unwrap_err()),
    ];
    for (call, error) in errors {
        let text = full_message(&error);
        assert!(kinds.contains(&error.kind()), "{call}: {:?} {text}", error.kind());
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(text.contains(name), "{call}: the path is not in {text}");
        assert!(text.contains(words), "{call}: {words:?} is not in {text}");
    }
    assert!(fs::read(path).ok() == before, "the file was changed");
    assert!(!out.exists(), "salvage left a file");
}

/// Returns the message of an error with all its causes.
fn full_message(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// Checks that a call failed with this kind of error and a message with these words.
#[track_caller]
fn check_error<T>(outcome: tracklite::Result<T>, kind: ErrorKind, words: &[&str]) {
    let Err(error) = outcome else { panic!("the call must fail") };
    let text = full_message(&error);
    assert_eq!(error.kind(), kind, "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

#[test]
fn files_of_other_formats_and_folders_are_rejected() {
    let folder = TestFolder::new();
    let contents: [(&str, Vec<u8>); 6] = [
        ("empty", Vec::new()),
        ("byte", vec![0x89]),
        ("text", b"a line of text\n".repeat(20_000)),
        ("zeros", vec![0; 300_000]),
        ("sqlite", b"SQLite format 3\0".repeat(8000)),
        ("magic", b"\x89TRK\r\n\x1a\n".to_vec()),
    ];
    for (name, bytes) in contents {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        check_not_opened(&path, &[ErrorKind::NotTracklite], "tracklite file");
    }
    let path = folder.join("folder");
    fs::create_dir(&path).unwrap();
    check_not_opened(&path, &[ErrorKind::NotTracklite], "folder");
}

#[test]
fn missing_files_are_not_found_or_created() {
    let folder = TestFolder::new();
    let missing = folder.join("missing");
    for outcome in [Database::open(&missing), try_open_read_only(&missing)] {
        check_error(outcome, ErrorKind::NotFound, &["missing", "no such file"]);
    }
    check_error(Database::verify(&missing), ErrorKind::NotFound, &["missing"]);
    check_error(Database::vacuum(&missing), ErrorKind::NotFound, &["missing"]);
    assert!(!missing.exists());
}

#[test]
fn invalid_paths_and_devices_are_rejected() {
    let folder = TestFolder::new();
    let missing = folder.join("missing");
    let below = missing.join("runs.tracklite");
    check_error(Database::create(&below), ErrorKind::NotFound, &["missing"]);
    check_error(Database::create(""), ErrorKind::InvalidInput, &["empty path"]);
    let device = Path::new("/dev/null");
    check_error(Database::open(device), ErrorKind::InvalidInput, &["/dev/null", "regular file"]);
    check_error(Database::create(device), ErrorKind::InvalidInput, &["/dev/null", "regular file"]);
}

#[test]
fn an_error_names_the_rule_that_a_key_breaks() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let invalid = ErrorKind::InvalidInput;
    let long = "k".repeat(251);
    let bad = [
        ("", "would resolve to '.'"),
        (long.as_str(), "exceeds the maximum length of 250 characters: it has 251"),
        ("a*b", "Names may only contain alphanumerics"),
        ("a\nb", "Names may only contain alphanumerics"),
        ("a\0b", "Names may only contain alphanumerics"),
        ("\u{1f600}", "Names may only contain alphanumerics"),
        ("/a", "would resolve to '/a'"),
        ("a/../b", "would resolve to 'b'"),
        ("a//b", "would resolve to 'a/b'"),
    ];
    for (key, rule) in bad {
        let words = ["runs.tracklite", rule];
        check_error(run.log_metric(key, 1.0, 0), invalid, &words);
        check_error(run.log_metrics(&[("fine", 1.0), (key, 2.0)], 0), invalid, &words);
        check_error(run.metric(key), invalid, &words);
        check_error(run.log_param(key, "v"), invalid, &words);
        check_error(run.log_params([("fine", "v"), (key, "v")]), invalid, &words);
        check_error(run.set_tag(key, "v"), invalid, &words);
        check_error(database.default_experiment().unwrap().set_tag(key, "v"), invalid, &words);
        let builder = database.default_experiment().unwrap().new_run().param(key, "v");
        check_error(builder.start(), invalid, &words);
    }
    assert_eq!(run.metrics().unwrap().len(), 0, "a rejected row must log nothing");
    assert_eq!(run.params().unwrap().len(), 0, "a rejected batch must set nothing");
    assert_eq!(database.runs().unwrap().len(), 1, "a rejected run must not be started");
    run.log_metric(&"k".repeat(250), 1.0, 0).unwrap();
}

#[test]
fn rows_with_duplicate_keys_or_a_wrong_number_of_values_are_rejected() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let invalid = ErrorKind::InvalidInput;
    let row = run.log_metrics(&[("a", 1.0), ("b", 1.0), ("a", 2.0)], 0);
    check_error(row, invalid, &["duplicate metric \"a\""]);
    let row = run.metric_row(&["a", "b"]).unwrap();
    check_error(row.log(&[1.0], 0), invalid, &["the row has 1 values, expected 2"]);
    check_error(run.metric_row(&[]), invalid, &["0 values"]);
}

#[test]
fn an_error_names_the_rule_that_a_name_breaks() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.start_run("").unwrap();
    assert!(!run.name().unwrap().is_empty(), "a run without a name must get one");
    let long = "n".repeat(501);
    for (name, rule) in
        [(" ", "\" \""), ("a\u{7}", "control character"), (long.as_str(), "length of 500")]
    {
        let words = ["runs.tracklite", rule];
        check_error(experiment.start_run(name), ErrorKind::InvalidInput, &words);
        check_error(run.set_name(name), ErrorKind::InvalidInput, &words);
        if rule == "length of 500" {
            check_error(database.experiment(name), ErrorKind::InvalidInput, &words);
        }
    }
    let words = ["Invalid experiment name: ''"];
    check_error(database.experiment(""), ErrorKind::InvalidInput, &words);
    let words = ["Invalid experiment name: ' '"];
    check_error(database.experiment(" "), ErrorKind::InvalidInput, &words);
    assert_eq!(database.experiments().unwrap().len(), 1);
}

#[test]
fn names_in_any_script_are_stored_unchanged() {
    let names = [
        "\u{dc}bergr\u{f6}\u{df}e \u{e9}\u{301}",
        "\u{4e2d}\u{6587}/\u{65e5}\u{672c}\u{8a9e}",
        "\u{627}\u{644}\u{639}\u{631}\u{628}\u{64a}\u{629}",
        "\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}",
        "\u{5e2}\u{5d1}\u{5e8}\u{5d9}\u{5ea}",
        "\u{1d4d0}\u{1d4d1}",
    ];
    let mut ids = Vec::new();
    let database = TestDatabase::new();
    for name in names {
        let experiment = database.experiment(&format!("/{name}")).unwrap();
        let run = experiment.new_run().name(name).param("p", name).tag("t", name).start().unwrap();
        run.set_tag("emoji", "\u{1f600}\0\u{7}").unwrap();
        ids.push((name, run.id()));
    }
    // Combining marks such as the vowel signs of Devanagari are not letters. Like in MLflow, keys
    // with them are rejected.
    let keys = [names[1], names[2], names[4], names[5]];
    for (_, id) in &ids {
        for key in keys {
            database.run(*id).unwrap().log_metric(key, 1.0, 0).unwrap();
        }
    }
    let database = database.reopen();
    for (name, id) in ids {
        let record = database.run(id).unwrap().record().unwrap();
        assert_eq!((record.info.name.as_str(), record.params["p"].as_str()), (name, name));
        assert_eq!((record.tags["t"].as_str(), record.tags["emoji"].len()), (name, 6));
        assert_eq!(record.metrics.len(), keys.len());
        assert!(database.find_experiment(&format!("/{name}")).unwrap().is_some());
    }
}

#[test]
fn unknown_runs_experiments_and_tags_are_not_found() {
    let database = TestDatabase::new();
    let id = RunId::from_random(42);
    let text = id.to_string();
    let words = ["runs.tracklite", text.as_str()];
    let missing = ErrorKind::NotFound;
    check_error(database.run(id), missing, &words);
    check_error(database.resume_run(id), missing, &words);
    check_error(database.delete_run(id), missing, &words);
    check_error(database.restore_run(id), missing, &words);
    check_error(database.run_by_prefix(&text[..8]), missing, &["runs.tracklite", &text[..8]]);
    let child = database.default_experiment().unwrap().new_run().parent(id).start();
    check_error(child, missing, &words);
    check_error(database.experiment_by_id(ExperimentId::new(7)), missing, &["runs.tracklite", "7"]);
    assert!(database.find_experiment("/none").unwrap().is_none());
    assert!(database.runs().unwrap().is_empty());
    let run = start_run(&database, "");
    check_error(run.delete_tag("none"), missing, &["runs.tracklite", "none"]);
}

#[test]
fn an_unknown_metric_is_empty() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    assert!(run.history("none").unwrap().is_empty());
    assert!(run.statistics("none").unwrap().is_none());
}

#[test]
fn malformed_ids_statuses_and_queries_are_rejected() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    check_error("xyz".parse::<RunId>(), ErrorKind::InvalidInput, &["xyz"]);
    check_error("done".parse::<RunStatus>(), ErrorKind::InvalidInput, &["done"]);
    check_error(run.clone().finish_as(RunStatus::Running), ErrorKind::InvalidInput, &["RUNNING"]);
    check_error(database.sql("DELETE FROM runs"), ErrorKind::InvalidInput, &["runs.tracklite"]);
    check_error(database.sql("SELECT nothing FROM nowhere"), ErrorKind::InvalidInput, &["nowhere"]);
    assert_eq!(database.runs().unwrap().len(), 1);
}

#[test]
fn a_param_cannot_be_changed() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let id = run.id().to_string();
    run.log_param("rate", 0.1).unwrap();
    let message = format!(
        "Changing param values is not allowed. Param with key='rate' was already logged with \
         value='0.1' for run ID='{id}'. Attempted logging new value '0.2'."
    );
    let words = ["runs.tracklite", &message];
    check_error(run.log_param("rate", 0.2), ErrorKind::InvalidInput, &words);
    let message = format!(
        "Changing param values is not allowed. Params were already logged='[{{'key': 'rate', \
         'old_value': '0.1', 'new_value': '0.2'}}]' for run ID='{id}'."
    );
    let words = ["runs.tracklite", &message];
    check_error(run.log_params([("new", "1"), ("rate", "0.2")]), ErrorKind::InvalidInput, &words);
    assert_eq!(run.params().unwrap().len(), 1);
    let twice = database.default_experiment().unwrap().new_run().param("a", 1).param("a", 2);
    check_error(twice.start(), ErrorKind::InvalidInput, &["'old_value': '1'", "for the new run."]);
}

#[test]
fn a_param_of_another_type_reports_value_and_type() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    run.log_params([("rate", "0.1"), ("depth", "3")]).unwrap();
    assert_eq!(run.param::<f32>("rate").unwrap(), Some(0.1));
    assert_eq!(run.param::<String>("depth").unwrap().as_deref(), Some("3"));
    assert_eq!(run.param::<u8>("missing").unwrap(), None);
    let words = ["runs.tracklite", "param \"rate\"", &run.id().to_string(), "\"0.1\", not a u32"];
    check_error(run.param::<u32>("rate"), ErrorKind::InvalidInput, &words);
}

#[test]
fn a_deleted_run_cannot_be_written() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let id = run.id().to_string();
    let invalid = ErrorKind::InvalidState;
    let metric = run.metric("loss").unwrap();
    metric.log(1.0, 0).unwrap();
    let other = database.run(run.id()).unwrap();
    database.delete_run(run.id()).unwrap();
    let words = ["runs.tracklite", &id, "deleted"];
    check_error(metric.log(2.0, 1), invalid, &words);
    check_error(run.log_metric("new", 2.0, 1), invalid, &words);
    check_error(other.log_metric("loss", 2.0, 1), invalid, &words);
    check_error(run.log_param("b", 1), invalid, &words);
    check_error(run.set_tag("b", 1), invalid, &words);
    check_error(run.set_name("b"), invalid, &words);
    check_error(other.finish(), invalid, &words);
    check_error(database.resume_run(run.id()), invalid, &words);
    let child = database.default_experiment().unwrap().new_run().parent(run.id()).start();
    check_error(child, invalid, &words);

    database.restore_run(run.id()).unwrap();
    metric.log(2.0, 1).unwrap();
    assert_eq!(run.history("loss").unwrap().values, [1.0, 2.0], "rejected points must not count");
}

#[test]
fn any_step_value_and_time_is_stored_exactly() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let metric = run.metric("loss").unwrap();
    let nan = f64::from_bits(0x7FF8_0000_0000_1234);
    let mut points = Vec::new();
    // Times go back, repeat, and jump between the extremes.
    for (step, nanos, value) in [
        (0, 5000, 1.0),
        (1, 4000, 2.0),
        (1, 4000, 2.0),
        (-7, -3000, nan),
        (i64::MAX, i64::MAX, f64::INFINITY),
        (i64::MIN, i64::MIN, f64::NEG_INFINITY),
        (3, 0, -0.0),
        (4, 0, f64::MIN_POSITIVE / 8.0),
    ] {
        let point = MetricPoint { step, time: Timestamp::from_nanos(nanos), value };
        metric.log_at(value, step, point.time).unwrap();
        points.push(point);
    }
    let early = Timestamp::from_nanos(-1);
    let started = database.default_experiment().unwrap().new_run().started(early).start().unwrap();
    points.sort_by_key(|point| (point.time, point.step));
    let id = run.id();
    let check = |database: &Database| {
        let run = database.run(id).unwrap();
        assert!(run.history("loss").unwrap().iter().eq(points.iter().copied()));
        assert_eq!(run.latest("loss").unwrap().unwrap().step, i64::MAX);
        let statistics = run.statistics("loss").unwrap().unwrap();
        assert_eq!((statistics.count, statistics.nan_count), (8, 1));
        assert_eq!((statistics.first_step, statistics.last_step), (i64::MIN, i64::MAX));
    };
    check(&database);
    assert_eq!(started.info().unwrap().started, early);
    drop((metric, run, started));
    check(&database.reopen());
}

#[test]
fn a_time_out_of_range_is_an_error() {
    let far = i64::MAX / 1_000_000;
    assert_eq!(Timestamp::from_millis(far).unwrap().as_millis(), far);
    assert_eq!(Timestamp::from_millis(-far).unwrap().as_millis(), -far);
    for millis in [far + 1, -far - 1, i64::MAX, i64::MIN] {
        let words = [&*millis.to_string(), "1677 to 2262"];
        check_error(Timestamp::from_millis(millis), ErrorKind::InvalidInput, &words);
    }
}

/// Logs a million keys, or `TRACKLITE_KEYS` if that takes too long.
#[test]
fn a_run_may_have_a_million_keys() {
    let count = std::env::var("TRACKLITE_KEYS").map_or(1_000_000, |text| text.parse().unwrap());
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let id = run.id();
    for number in 0..count {
        run.log_metric(&format!("key/{number}"), number as f64, number).unwrap();
    }
    let check = |database: &Database| {
        let run = database.run(id).unwrap();
        let metrics = run.metrics().unwrap();
        assert_eq!(metrics.len(), usize::try_from(count).unwrap());
        assert_eq!(metrics[&format!("key/{}", count - 1)].step, count - 1);
        assert_eq!(run.history("key/77").unwrap().values, [77.0]);
    };
    check(&database);
    drop(run);
    let database = database.reopen();
    check(&database);
    assert!(Database::verify(database.path()).unwrap().is_sound());
}

#[test]
fn values_beyond_the_format_limit_are_rejected() {
    let database = TestDatabase::build(builder().limits(Limits::unlimited()));
    let run = start_run(&database, "");
    let over = "x".repeat(17 << 20);
    let words = ["runs.tracklite", "value", "17825792", "16777216"];
    check_error(run.set_tag("over", &over), ErrorKind::InvalidInput, &words);
    check_error(run.log_param("over", &over), ErrorKind::InvalidInput, &words);
    let builder = database.default_experiment().unwrap().new_run().tag("over", &over);
    check_error(builder.start(), ErrorKind::InvalidInput, &words);
    // Each tag fits on its own, but not all of them in one frame.
    let tags = (0..3).map(|number| (format!("part {number}"), "x".repeat(16 << 20)));
    check_error(run.set_tags(tags), ErrorKind::InvalidInput, &["runs.tracklite", "bytes"]);
    assert_eq!(run.tags().unwrap().keys().collect::<Vec<_>>(), ["mlflow.runName"]);
    assert!(run.params().unwrap().is_empty());
}

#[test]
fn values_up_to_the_format_limit_are_stored() {
    let database = TestDatabase::build(builder().limits(Limits::unlimited()));
    let run = start_run(&database, "");
    let large = "\u{fc}".repeat(1 << 19);
    run.set_tag("large", &large).unwrap();
    run.log_param("large", &large).unwrap();
    let largest = "x".repeat(16 << 20);
    run.set_tag("largest", &largest).unwrap();
    run.set_tag("after", "the largest").unwrap();
    let id = run.id();
    drop(run);
    let database = database.reopen();
    let run = database.run(id).unwrap();
    let tags = run.tags().unwrap();
    assert_eq!(tags.keys().collect::<Vec<_>>(), ["after", "large", "largest", "mlflow.runName"]);
    assert!(tags["large"] == large && tags["largest"] == largest);
    assert!(run.params().unwrap()["large"] == large);
    assert!(Database::verify(database.path()).unwrap().is_sound());
}

fn wide_keys(count: u32) -> Vec<String> {
    (0..count).map(|number| format!("w{number}")).collect()
}

#[test]
fn rows_with_too_many_values_are_rejected() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let names = wide_keys(300_000);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let values: Vec<f64> = (0..300_000).map(f64::from).collect();
    let invalid = ErrorKind::InvalidInput;
    check_error(run.metric_row(&names), invalid, &["runs.tracklite", "300000 values", "262144"]);
    let row: Vec<(&str, f64)> = names.iter().copied().zip(values.iter().copied()).collect();
    check_error(run.log_metrics(&row, 0), invalid, &["300000 values"]);
    assert_eq!(run.metrics().unwrap().len(), 0, "a rejected row must log nothing");
}

#[test]
fn rows_up_to_the_maximum_width_are_stored() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let names = wide_keys(262_144);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let values: Vec<f64> = (0..262_144).map(f64::from).collect();
    let row = run.metric_row(&names[..100_000]).unwrap();
    for step in 0..3 {
        row.log(&values[..100_000], step).unwrap();
    }
    run.log_metric("narrow", 1.0, Step::NEXT).unwrap();
    let widest = run.metric_row(&names).unwrap();
    // These values do not fit into the description of one sealing pass.
    for step in 9..15 {
        widest.log(&values, step).unwrap();
    }
    let id = run.id();
    let check = |database: &Database| {
        let run = database.run(id).unwrap();
        assert_eq!(run.history("w99999").unwrap().values, [99_999.0; 9]);
        assert_eq!(run.history("w262143").unwrap().steps, (9..15).collect::<Vec<_>>());
        assert_eq!(run.history("narrow").unwrap().len(), 1);
    };
    check(&database);
    drop((row, widest, run));
    let database = database.reopen();
    check(&database);
    assert!(Database::verify(database.path()).unwrap().is_sound());
}
