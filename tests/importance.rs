//! The importance of params: what matters is found, and what does not is not.

use tracklite::importance::{Importance, ImportanceQuery};
use tracklite::{Database, ErrorKind, RunSearch};

use crate::common::{TestDatabase, error_message};

/// Logs runs whose loss follows from the rate and the optimizer, but from nothing else.
fn sweep(database: &Database, runs: u32) {
    let experiment = database.default_experiment().unwrap();
    let mut mixed = 1_u32;
    let mut next = |below: u32| {
        mixed = mixed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (mixed >> 16) % below
    };
    for number in 0..runs {
        let (rate, optimizer, seed) =
            (next(8), ["adam", "sgd", "lion"][next(3) as usize], next(99));
        let of_optimizer = if optimizer == "sgd" { 2.0 } else { 0.0 };
        let noise = f64::from(next(100)) / 500.0;
        let run = experiment.start_run("").unwrap();
        run.log_param("rate", 10.0_f64.powi(-(rate as i32))).unwrap();
        run.log_param("optimizer", optimizer).unwrap();
        run.log_param("seed", seed).unwrap();
        run.log_param("name", format!("run {number}")).unwrap();
        run.log_param("same", 1).unwrap();
        if number % 3 == 0 {
            run.log_param("rare", next(2)).unwrap();
        }
        let loss = f64::from(rate) + of_optimizer + noise;
        run.log_metric("loss", if number % 50 == 7 { f64::NAN } else { loss }, 0).unwrap();
        run.log_metric("power", 10.0_f64.powf(loss - 3.0), 0).unwrap();
    }
}

fn keys(found: &Importance) -> Vec<&str> {
    found.params.iter().map(|param| param.key.as_str()).collect()
}

#[test]
fn what_matters_comes_first() {
    let database = TestDatabase::quiet();
    sweep(&database, 400);
    let query = ImportanceQuery::new("metrics.loss").dependence("optimizer");
    let found = database.importance(&RunSearch::new(), &query).unwrap();
    assert_eq!(found.runs, 392);
    assert_eq!(keys(&found)[..2], ["rate", "optimizer"]);
    assert_eq!(found.params.len(), 5, "a constant param does not count");
    assert!(found.explained > 0.9, "{}", found.explained);
    let [rate, optimizer, ..] = found.params.as_slice() else { panic!("{found:?}") };
    assert!(rate.importance > optimizer.importance + 3.0 * optimizer.error, "{found:?}");
    assert!(found.params[2..].iter().all(|param| param.importance.abs() < 0.03), "{found:?}");
    // The loss rises as the rate falls.
    assert!(rate.correlation.unwrap() < -0.8);
    assert_eq!(optimizer.correlation, None);
    let rare = found.params.iter().find(|param| param.key == "rare").unwrap();
    assert!((120..140).contains(&rare.runs));
    let mean = |text: &str| {
        let of = found.dependence.iter().find(|place| place.text.as_deref() == Some(text));
        of.unwrap().mean
    };
    assert!((mean("sgd") - mean("adam") - 2.0).abs() < 0.4, "{:?}", found.dependence);
    assert!((mean("lion") - mean("adam")).abs() < 0.4, "{:?}", found.dependence);
}

#[test]
fn equal_questions_have_equal_answers_in_any_order() {
    let database = TestDatabase::quiet();
    sweep(&database, 60);
    let query = ImportanceQuery::new("metrics.loss");
    let found = database.importance(&RunSearch::new(), &query).unwrap();
    let ordered = RunSearch::new().order_by("params.name").filter("params.same = '1'");
    assert_eq!(database.importance(&ordered, &query).unwrap(), found);
}

#[test]
fn params_are_left_out_and_objectives_may_be_logarithms() {
    let database = TestDatabase::quiet();
    sweep(&database, 200);
    let query = ImportanceQuery::new("metrics.power").log().exclude("name").exclude("rate");
    let found = database.importance(&RunSearch::new(), &query).unwrap();
    assert!(!keys(&found).contains(&"name") && !keys(&found).contains(&"rate"));
    assert_eq!(keys(&found)[0], "optimizer");
    let all = ImportanceQuery::new("max.power").log();
    let found = database.importance(&RunSearch::new(), &all).unwrap();
    assert!(found.explained > 0.9, "the logarithm of the objective is learned");
    // The same without the logarithm is ruled by the largest values.
    let raw = database.importance(&RunSearch::new(), &ImportanceQuery::new("max.power")).unwrap();
    assert!(raw.explained < found.explained);
}

#[test]
fn few_runs_and_other_objectives_are_refused() {
    let database = TestDatabase::quiet();
    sweep(&database, 20);
    let refused = |objective: &str| {
        let found = database.importance(&RunSearch::new(), &ImportanceQuery::new(objective));
        error_message(found, ErrorKind::InvalidInput)
    };
    let message = refused("metrics.loss");
    assert!(message.contains("19 runs have a usable value of metrics.loss"), "{message}");
    assert!(refused("params.rate").contains("is not a metric"));
    assert!(refused("loss").contains("unknown column"));
    assert_eq!(
        database
            .importance(&RunSearch::new(), &ImportanceQuery::new("metrics.power"))
            .unwrap()
            .runs,
        20
    );
}

#[test]
fn an_objective_that_does_not_vary_has_no_important_param() {
    let database = TestDatabase::quiet();
    for number in 0..30_u32 {
        let run = database.default_experiment().unwrap().start_run("").unwrap();
        run.log_param("a", number).unwrap();
        run.log_metric("loss", 1.0, 0).unwrap();
    }
    let query = ImportanceQuery::new("metrics.loss");
    let found = database.importance(&RunSearch::new(), &query).unwrap();
    assert_eq!((found.explained, found.params[0].importance), (0.0, 0.0));
    assert_eq!(found.params[0].correlation, None);
}
