//! `tracklite importance`.

use tracklite::Database;

use super::Sample;

/// Adds runs whose loss follows from the rate alone.
fn sweep(sample: &Sample) {
    let database = Database::open(&sample.file).unwrap();
    let experiment = database.experiment("/sweep").unwrap();
    for number in 0..60_u32 {
        let run = experiment.start_run("").unwrap();
        run.log_params([("rate", number % 6), ("seed", number * 7 % 60)]).unwrap();
        run.log_metric("loss", f64::from(number % 6), 0).unwrap();
    }
    database.close().unwrap();
}

#[test]
fn params_are_ranked() {
    let sample = Sample::new();
    sweep(&sample);
    let arguments = ["metrics.loss", "--experiment", "/sweep"];
    let printed = sample.print("importance", &arguments);
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[1].starts_with("rate ") && lines[1].contains("+1.00"), "{printed}");
    assert!(lines[2].starts_with("seed "), "{printed}");
    assert!(printed.contains("60 runs; the params explain"), "{printed}");
    let object = sample.json("importance", &arguments);
    assert_eq!(
        (object["runs"].as_u64(), object["params"][0]["key"].as_str()),
        (Some(60), Some("rate"))
    );
    let without = sample.json("importance", &[&arguments[..], &["-x", "rate"]].concat());
    assert_eq!(without["params"].as_array().map(Vec::len), Some(1));
    assert!(without["explained"].as_f64() < Some(0.1), "{without}");
    let printed = sample.print("importance", &[&arguments[..], &["-x", "rate"]].concat());
    assert!(printed.contains("too little to say"), "{printed}");
}

#[test]
fn few_runs_have_no_importance() {
    let sample = Sample::new();
    let message = sample.failure("importance", &["metrics.loss"]);
    assert!(message.contains("at least 20 are needed"), "{message}");
}
