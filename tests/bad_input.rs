//! What is wrong is refused with the path, the thing and the rule, and costs nothing that was
//! logged; what is strange and allowed is kept as it is.

#[path = "bad_input/opening.rs"]
mod opening;

use std::fs;
use std::path::{Path, PathBuf};

use tracklite::{
    Database, Error, ErrorKind, ExperimentId, IndexPlace, Limits, MetricPoint, Run, RunId,
    RunStatus, Step, Timestamp,
};

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("runs.tracklite")
    }

    fn open(&self) -> Database {
        let builder = Database::builder().create(true).index(IndexPlace::InMemory);
        builder.open(self.file()).unwrap()
    }

    /// A closed file with a run that has points, params and tags; its bytes.
    fn closed_file(&self) -> (RunId, Vec<u8>) {
        let database = self.open();
        let run = start(&database);
        run.log_params([("rate", "0.1"), ("depth", "3")]).unwrap();
        run.set_tag("note", "kept").unwrap();
        for step in 0..10_000 {
            run.log_metrics(&[("loss", f64::from(step) * 0.7), ("acc", 0.5)], step).unwrap();
        }
        let id = run.id();
        run.finish().unwrap();
        database.close().unwrap();
        (id, fs::read(self.file()).unwrap())
    }
}

fn start(database: &Database) -> Run {
    database.default_experiment().unwrap().start_run("").unwrap()
}

fn open_to_read(path: &Path) -> tracklite::Result<Database> {
    Database::builder().read_only(true).index(IndexPlace::InMemory).open(path)
}

/// Every way of opening fails so, naming the file, and nothing is written.
fn refused(path: &Path, kinds: &[ErrorKind], words: &str) {
    let before = fs::read(path).ok();
    let out = path.with_extension("out");
    let errors = [
        ("open", Database::open(path).map(drop).unwrap_err()),
        ("read", open_to_read(path).map(drop).unwrap_err()),
        ("create", Database::create(path).map(drop).unwrap_err()),
        ("verify", Database::verify(path).map(drop).unwrap_err()),
        ("salvage", Database::salvage(path, &out).map(drop).unwrap_err()),
        ("vacuum", Database::vacuum(path).map(drop).unwrap_err()),
        ("dump", Database::dump(path, &mut Vec::new()).unwrap_err()),
    ];
    for (call, error) in errors {
        let text = whole_text(&error);
        assert!(kinds.contains(&error.kind()), "{call}: {:?} {text}", error.kind());
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(text.contains(name), "{call}: the path is not in {text}");
        assert!(text.contains(words), "{call}: {words:?} is not in {text}");
    }
    assert!(fs::read(path).ok() == before, "the file was altered");
    assert!(!out.exists(), "salvage left a file");
}

/// The message with its causes.
fn whole_text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// The error is of this kind and its text has these words.
#[track_caller]
fn fails<T>(outcome: tracklite::Result<T>, kind: ErrorKind, words: &[&str]) {
    let Err(error) = outcome else { panic!("it succeeded") };
    let text = whole_text(&error);
    assert_eq!(error.kind(), kind, "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

#[test]
fn what_is_no_tracklite_file_is_refused() {
    let place = Place::new();
    let contents: [(&str, Vec<u8>); 6] = [
        ("empty", Vec::new()),
        ("byte", vec![0x89]),
        ("text", b"a line of text\n".repeat(20_000)),
        ("zeros", vec![0; 300_000]),
        ("sqlite", b"SQLite format 3\0".repeat(8000)),
        ("magic", b"\x89TRK\r\n\x1a\n".to_vec()),
    ];
    for (name, bytes) in contents {
        let path = place.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        refused(&path, &[ErrorKind::NotTracklite], "tracklite file");
    }
    let folder = place.folder.path().join("folder");
    fs::create_dir(&folder).unwrap();
    refused(&folder, &[ErrorKind::NotTracklite], "folder");
}

#[test]
fn what_is_no_file_at_all_is_refused() {
    let place = Place::new();
    let missing = place.folder.path().join("missing");
    for outcome in [Database::open(&missing), open_to_read(&missing)] {
        fails(outcome, ErrorKind::NotFound, &["missing", "no such file"]);
    }
    fails(Database::verify(&missing), ErrorKind::NotFound, &["missing"]);
    fails(Database::vacuum(&missing), ErrorKind::NotFound, &["missing"]);
    assert!(!missing.exists());
    let below = missing.join("runs.tracklite");
    fails(Database::create(&below), ErrorKind::NotFound, &["missing"]);
    fails(Database::create(""), ErrorKind::InvalidInput, &["empty path"]);
    let device = Path::new("/dev/null");
    fails(Database::open(device), ErrorKind::InvalidInput, &["/dev/null", "regular file"]);
    fails(Database::create(device), ErrorKind::InvalidInput, &["/dev/null", "regular file"]);
}

#[test]
fn keys_break_rules_and_are_told_which() {
    let place = Place::new();
    let database = place.open();
    let run = start(&database);
    let invalid = ErrorKind::InvalidInput;
    let long = "k".repeat(251);
    let bad = [
        ("", "empty"),
        (long.as_str(), "251 characters, at most 250"),
        ("a*b", "only letters"),
        ("a\nb", "only letters"),
        ("a\0b", "only letters"),
        ("\u{1f600}", "only letters"),
        ("/a", "segment"),
        ("a/../b", "segment"),
        ("a//b", "segment"),
    ];
    for (key, rule) in bad {
        let told = ["runs.tracklite", rule];
        fails(run.log_metric(key, 1.0, 0), invalid, &told);
        fails(run.log_metrics(&[("fine", 1.0), (key, 2.0)], 0), invalid, &told);
        fails(run.metric(key), invalid, &told);
        fails(run.log_param(key, "v"), invalid, &told);
        fails(run.log_params([("fine", "v"), (key, "v")]), invalid, &told);
        fails(run.set_tag(key, "v"), invalid, &told);
        fails(database.default_experiment().unwrap().set_tag(key, "v"), invalid, &told);
        let builder = database.default_experiment().unwrap().new_run().param(key, "v");
        fails(builder.start(), invalid, &told);
    }
    assert_eq!(run.metrics().unwrap().len(), 0, "a refused row logs nothing");
    assert_eq!(run.params().unwrap().len(), 0, "a refused batch sets nothing");
    assert_eq!(database.runs().unwrap().len(), 1, "a refused run is not started");
    run.log_metric(&"k".repeat(250), 1.0, 0).unwrap();
    let row = run.log_metrics(&[("a", 1.0), ("b", 1.0), ("a", 2.0)], 0);
    fails(row, invalid, &["\"a\"", "twice"]);
    let row = run.metric_row(&["a", "b"]).unwrap();
    fails(row.log(&[1.0], 0), invalid, &["1 values for 2 metrics"]);
    fails(run.metric_row(&[]), invalid, &["0 values"]);
}

#[test]
fn names_break_rules_and_are_told_which() {
    let place = Place::new();
    let database = place.open();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.start_run("").unwrap();
    assert!(!run.name().unwrap().is_empty(), "an empty name is generated");
    let long = "n".repeat(501);
    for (name, rule) in
        [(" ", "blank"), ("a\u{7}", "control character"), (long.as_str(), "at most 500")]
    {
        let told = ["runs.tracklite", rule];
        fails(experiment.start_run(name), ErrorKind::InvalidInput, &told);
        fails(run.set_name(name), ErrorKind::InvalidInput, &told);
        if rule != "control character" {
            fails(database.experiment(name), ErrorKind::InvalidInput, &told);
        }
    }
    fails(database.experiment(""), ErrorKind::InvalidInput, &["blank"]);
    assert_eq!(database.experiments().unwrap().len(), 1);
}

#[test]
fn names_of_any_script_are_kept() {
    let place = Place::new();
    let names = [
        "\u{dc}bergr\u{f6}\u{df}e \u{e9}\u{301}",
        "\u{4e2d}\u{6587}/\u{65e5}\u{672c}\u{8a9e}",
        "\u{627}\u{644}\u{639}\u{631}\u{628}\u{64a}\u{629}",
        "\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}",
        "\u{5e2}\u{5d1}\u{5e8}\u{5d9}\u{5ea}",
        "\u{1d4d0}\u{1d4d1}",
    ];
    let mut ids = Vec::new();
    let database = place.open();
    for name in names {
        let experiment = database.experiment(&format!("/{name}")).unwrap();
        let run = experiment.new_run().name(name).param("p", name).tag("t", name).start().unwrap();
        run.set_tag("emoji", "\u{1f600}\0\u{7}").unwrap();
        ids.push((name, run.id()));
    }
    // Marks (the vowel signs of Devanagari) are no letters: as in MLflow, such keys are refused.
    let keys = [names[1], names[2], names[4], names[5]];
    for (_, id) in &ids {
        for key in keys {
            database.run(*id).unwrap().log_metric(key, 1.0, 0).unwrap();
        }
    }
    database.close().unwrap();
    let database = place.open();
    for (name, id) in ids {
        let record = database.run(id).unwrap().record().unwrap();
        assert_eq!((record.info.name.as_str(), record.params["p"].as_str()), (name, name));
        assert_eq!((record.tags["t"].as_str(), record.tags["emoji"].len()), (name, 6));
        assert_eq!(record.metrics.len(), keys.len());
        assert!(database.find_experiment(&format!("/{name}")).unwrap().is_some());
    }
}

#[test]
fn unknown_things_are_not_found() {
    let place = Place::new();
    let database = place.open();
    let id = RunId::from_random(42);
    let text = id.to_string();
    let told = ["runs.tracklite", text.as_str()];
    let missing = ErrorKind::NotFound;
    fails(database.run(id), missing, &told);
    fails(database.resume_run(id), missing, &told);
    fails(database.delete_run(id), missing, &told);
    fails(database.restore_run(id), missing, &told);
    fails(database.find_run(&text[..8]), missing, &["runs.tracklite", &text[..8]]);
    let child = database.default_experiment().unwrap().new_run().parent(id).start();
    fails(child, missing, &told);
    fails(database.experiment_by_id(ExperimentId::new(7)), missing, &["runs.tracklite", "7"]);
    assert!(database.find_experiment("/none").unwrap().is_none());
    let run = start(&database);
    fails(run.delete_tag("none"), missing, &["runs.tracklite", "none"]);
    assert!(run.history("none").unwrap().is_empty());
    assert!(run.statistics("none").unwrap().is_none());
    fails("xyz".parse::<RunId>(), ErrorKind::InvalidInput, &["xyz"]);
    fails("done".parse::<RunStatus>(), ErrorKind::InvalidInput, &["done"]);
    fails(run.clone().finish_as(RunStatus::Running), ErrorKind::InvalidInput, &["RUNNING"]);
    fails(database.sql("DELETE FROM runs"), ErrorKind::InvalidInput, &["runs.tracklite"]);
    fails(database.sql("SELECT nothing FROM nowhere"), ErrorKind::InvalidInput, &["nowhere"]);
    assert_eq!(database.runs().unwrap().len(), 1);
}

#[test]
fn what_is_settled_or_gone_is_not_changed() {
    let place = Place::new();
    let database = place.open();
    let run = start(&database);
    let id = run.id().to_string();
    let invalid = ErrorKind::InvalidState;
    run.log_param("rate", 0.1).unwrap();
    let told = ["runs.tracklite", "rate", "0.1", "0.2", &id];
    fails(run.log_param("rate", 0.2), ErrorKind::InvalidInput, &told);
    fails(run.log_params([("new", "1"), ("rate", "0.2")]), ErrorKind::InvalidInput, &told);
    assert_eq!(run.params().unwrap().len(), 1);
    let twice = database.default_experiment().unwrap().new_run().param("a", 1).param("a", 2);
    fails(twice.start(), ErrorKind::InvalidInput, &["\"a\"", "twice"]);
    let metric = run.metric("loss").unwrap();
    metric.log(1.0, 0).unwrap();
    let other = database.run(run.id()).unwrap();
    database.delete_run(run.id()).unwrap();
    let told = ["runs.tracklite", &id, "deleted"];
    fails(metric.log(2.0, 1), invalid, &told);
    fails(run.log_metric("new", 2.0, 1), invalid, &told);
    fails(other.log_metric("loss", 2.0, 1), invalid, &told);
    fails(run.log_param("b", 1), invalid, &told);
    fails(run.set_tag("b", 1), invalid, &told);
    fails(run.set_name("b"), invalid, &told);
    fails(other.finish(), invalid, &told);
    fails(database.resume_run(run.id()), invalid, &told);
    let child = database.default_experiment().unwrap().new_run().parent(run.id()).start();
    fails(child, invalid, &told);
    let default = database.default_experiment().unwrap();
    fails(default.delete(), invalid, &["default"]);
    database.restore_run(run.id()).unwrap();
    metric.log(2.0, 1).unwrap();
    assert_eq!(run.history("loss").unwrap().values, [1.0, 2.0], "nothing was lost or added");
}

#[test]
fn any_step_value_and_time_is_kept_exactly() {
    let place = Place::new();
    let database = place.open();
    let run = start(&database);
    let metric = run.metric("loss").unwrap();
    let nan = f64::from_bits(0x7FF8_0000_0000_1234);
    let mut points = Vec::new();
    // The clock goes back, stands still, and jumps from one end of all times to the other.
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
    database.close().unwrap();
    check(&place.open());
}

#[test]
fn times_out_of_range_are_an_error_and_no_other_time() {
    let far = i64::MAX / 1_000_000;
    assert_eq!(Timestamp::from_millis(far).unwrap().as_millis(), far);
    assert_eq!(Timestamp::from_millis(-far).unwrap().as_millis(), -far);
    for millis in [far + 1, -far - 1, i64::MAX, i64::MIN] {
        let told = [&*millis.to_string(), "1677 to 2262"];
        fails(Timestamp::from_millis(millis), ErrorKind::InvalidInput, &told);
    }
}

/// A million of them; `TRACKLITE_KEYS=10000` where that takes too long.
#[test]
fn very_many_keys_in_one_run() {
    let count = std::env::var("TRACKLITE_KEYS").map_or(1_000_000, |text| text.parse().unwrap());
    let place = Place::new();
    let database = place.open();
    let run = start(&database);
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
    database.close().unwrap();
    check(&place.open());
    assert!(Database::verify(place.file()).unwrap().is_sound());
}

#[test]
fn large_values_up_to_the_bound_and_not_beyond() {
    let place = Place::new();
    let builder = Database::builder().create(true).index(IndexPlace::InMemory);
    let database = builder.limits(Limits::unlimited()).open(place.file()).unwrap();
    let run = start(&database);
    let large = "\u{fc}".repeat(1 << 19);
    run.set_tag("large", &large).unwrap();
    run.log_param("large", &large).unwrap();
    let most = "x".repeat(16 << 20);
    run.set_tag("most", &most).unwrap();
    let over = "x".repeat(17 << 20);
    let told = ["runs.tracklite", "over", "17825792 bytes", "16777216"];
    fails(run.set_tag("over", &over), ErrorKind::InvalidInput, &told);
    fails(run.log_param("over", &over), ErrorKind::InvalidInput, &told);
    let builder = database.default_experiment().unwrap().new_run().tag("over", &over);
    fails(builder.start(), ErrorKind::InvalidInput, &told);
    // Each may be set, but not all of them as one.
    let many = (0..3).map(|number| (format!("part {number}"), most.clone()));
    fails(run.set_tags(many), ErrorKind::InvalidInput, &["runs.tracklite", "bytes"]);
    run.set_tag("after", "all").unwrap();
    let id = run.id();
    drop(run);
    database.close().unwrap();
    let database = place.open();
    let tags = database.run(id).unwrap().tags().unwrap();
    assert_eq!(tags.keys().collect::<Vec<_>>(), ["after", "large", "mlflow.runName", "most"]);
    assert!(tags["large"] == large && tags["most"] == most);
    assert!(Database::verify(place.file()).unwrap().is_sound());
}

#[test]
fn wide_rows_up_to_the_bound_and_not_beyond() {
    let place = Place::new();
    let database = place.open();
    let run = start(&database);
    let names: Vec<String> = (0..300_000).map(|number| format!("w{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let values: Vec<f64> = (0..300_000).map(f64::from).collect();
    let invalid = ErrorKind::InvalidInput;
    fails(run.metric_row(&names), invalid, &["runs.tracklite", "300000 values", "262144"]);
    let whole: Vec<(&str, f64)> = names.iter().copied().zip(values.iter().copied()).collect();
    fails(run.log_metrics(&whole, 0), invalid, &["300000 values"]);
    assert_eq!(run.metrics().unwrap().len(), 0, "a refused row logs nothing");
    let row = run.metric_row(&names[..100_000]).unwrap();
    for step in 0..3 {
        row.log(&values[..100_000], step).unwrap();
    }
    run.log_metric("narrow", 1.0, Step::NEXT).unwrap();
    let widest = run.metric_row(&names[..262_144]).unwrap();
    // More than the description of one pass of sealing could hold.
    for step in 9..15 {
        widest.log(&values[..262_144], step).unwrap();
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
    database.close().unwrap();
    check(&place.open());
    assert!(Database::verify(place.file()).unwrap().is_sound());
}
