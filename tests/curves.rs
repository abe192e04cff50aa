//! Curves and bands compared with plain code over all points.

use proptest::prelude::*;
use tracklite::curve::{BandKind, Curve, CurveAxis, CurveQuery, Smoothing};
use tracklite::{Database, ErrorKind, MetricPoint, Run, RunId, Timestamp};

use crate::common::{TestDatabase, error_message, start_run};

/// A point with its place on the axis.
type Placed = (f64, MetricPoint);

/// Returns the points of a metric by place. Points at one place stay in the order of the history.
fn placed(run: &Run, key: &str, axis: &CurveAxis) -> Vec<Placed> {
    let started = run.info().unwrap().started.as_nanos();
    let place = |point: &MetricPoint| match axis {
        CurveAxis::Step => point.step as f64,
        CurveAxis::Time => {
            let nanos = point.time.as_nanos();
            (nanos / 1_000_000) as f64 + (nanos % 1_000_000) as f64 / 1e6
        }
        _ => (point.time.as_nanos() - started) as f64 / 1e9,
    };
    let history = run.history(key).unwrap();
    let mut points: Vec<Placed> = history.iter().map(|point| (place(&point), point)).collect();
    points.sort_by(|left, right| left.0.total_cmp(&right.0));
    points
}

/// Checks a curve against all points: counts, extremes, and that each point is inside of the
/// envelope of its column or of the one before.
fn assert_draws(curve: &Curve, points: &[Placed], (from, to): (f64, f64), columns: usize) {
    let inside: Vec<&Placed> = points.iter().filter(|p| from <= p.0 && p.0 <= to).collect();
    let of_nan = inside.iter().filter(|point| point.1.value.is_nan()).count();
    assert_eq!(curve.points, inside.len() as u64);
    assert_eq!(curve.nan_count, of_nan as u64);
    assert_eq!(curve.counts.iter().map(|count| u64::from(*count)).sum::<u64>(), curve.points);
    let nan_steps = inside.iter().filter(|p| p.1.value.is_nan()).map(|p| p.1.step);
    assert_eq!(curve.first_nan_step, nan_steps.min());
    let values = inside.iter().map(|point| point.1.value);
    let lowest = values.clone().reduce(f64::min).unwrap();
    let highest = values.reduce(f64::max).unwrap();
    assert_eq!(curve.min.map(|point| point.value), (!lowest.is_nan()).then_some(lowest));
    assert_eq!(curve.max.map(|point| point.value), (!highest.is_nan()).then_some(highest));
    let places = inside.iter().map(|point| point.0);
    let span = places.fold((f64::MAX, f64::MIN), |span, at| (span.0.min(at), span.1.max(at)));
    assert_eq!(curve.range, span);
    assert!(inside.iter().any(|point| point.0 == curve.last_place && point.1 == curve.last));
    assert_eq!(curve.is_exact, inside.len() <= 4 * columns);
    if curve.is_exact {
        let bits = |value: f64| value.to_bits();
        let found = curve.places.iter().zip(&curve.last_values);
        let wanted = inside.iter().map(|(place, point)| (*place, bits(point.value)));
        assert!(found.map(|(place, value)| (*place, bits(*value))).eq(wanted));
        return;
    }
    assert!(curve.places.len() <= columns);
    let width = (to - from) / columns as f64;
    let column = |place: f64| (((place - from) / width) as usize).min(columns - 1);
    let rows: Vec<(usize, f64, f64)> = (0..curve.places.len())
        .map(|row| {
            let start = curve.from_places[row].min(curve.places[row]);
            (column(start), curve.min_values[row], curve.max_values[row])
        })
        .collect();
    for (place, point) in inside.iter().filter(|point| !point.1.value.is_nan()) {
        let own = column(*place);
        let near = rows.iter().filter(|row| own.abs_diff(row.0) <= 1);
        let mut covering = near.filter(|row| row.1 <= point.value && point.value <= row.2);
        assert!(covering.next().is_some(), "{point:?} at {place} is outside of the envelope");
    }
}

/// Logs a series with spikes, NaN and a rewound part. Some of it is sealed, the end is live.
fn log_series(database: TestDatabase, points: usize, seed: u64) -> (TestDatabase, RunId) {
    let value = |at: usize| match (at as u64).wrapping_mul(seed | 1).wrapping_mul(2_654_435_761) {
        mixed if mixed % 997 == 0 => f64::NAN,
        mixed if mixed % 1009 == 0 => 1e6,
        mixed => (mixed % 1000) as f64 / 1000.0,
    };
    let run = start_run(&database, "curve");
    let start = Timestamp::from_nanos(1_700_000_000_000_000_000);
    let loss = run.metric("loss").unwrap();
    let log = |at: usize, step: usize, metric: &tracklite::Metric| {
        let time = Timestamp::from_nanos(start.as_nanos() + at as i64 * 1_000_000);
        metric.log_at(value(at), step, time).unwrap();
    };
    let sealed = points * 3 / 4;
    (0..sealed).for_each(|at| log(at, at, &loss));
    let id = run.id();
    drop((loss, run));
    let database = database.reopen();
    let loss = database.run(id).unwrap().metric("loss").unwrap();
    // The run continues from an earlier step.
    (sealed..points).for_each(|at| log(at, at - points / 10, &loss));
    drop(loss);
    (database, id)
}

#[test]
fn a_curve_has_every_extreme_of_its_columns() {
    for (points, seed) in [(60_000, 1), (20_000, 7), (3, 9)] {
        let (database, id) = log_series(TestDatabase::quiet(), points, seed);
        let run = database.run(id).unwrap();
        for axis in [CurveAxis::Step, CurveAxis::Time, CurveAxis::Relative] {
            let all = placed(&run, "loss", &axis);
            let (first, last) = (all[0].0, all[all.len() - 1].0);
            let part = |share: f64| first + share * (last - first);
            for columns in [1, 7, 50, 300, 5000] {
                let query = CurveQuery::new(columns).axis(axis.clone());
                let curves = database.curves(&[id], &["loss"], &query).unwrap();
                assert_draws(&curves[0], &all, (first, last), columns);
                for (from, to) in [(0.0, 0.5), (0.3, 0.31), (0.6, 0.9), (0.74, 0.76), (0.2, 0.2)] {
                    let (from, to) = (part(from), part(to));
                    let query = query.clone().range(from, to);
                    let curves = database.curves(&[id], &["loss"], &query).unwrap();
                    let is_any = all.iter().any(|point| from <= point.0 && point.0 <= to);
                    assert_eq!(curves.len(), usize::from(is_any), "{from} {to}");
                    curves.iter().for_each(|curve| {
                        assert_draws(curve, &all, (from, to), columns);
                    });
                }
            }
        }
    }
}

#[test]
fn curves_follow_points_that_are_sealed_while_they_are_read() {
    let database = TestDatabase::quiet();
    let run = start_run(&database, "live");
    let loss = run.metric("loss").unwrap();
    let query = CurveQuery::new(10);
    for round in 1..=8_u64 {
        (0..5_000).for_each(|_| loss.log(round as f64, tracklite::Step::NEXT).unwrap());
        for _ in 0..2 {
            let curves = database.curves(&[run.id()], &["loss"], &query).unwrap();
            assert_eq!(curves[0].points, round * 5_000);
            assert_eq!(curves[0].max.unwrap().value, round as f64);
            database.tick().unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_window_of_any_series_is_drawn(
        values in prop::collection::vec((0_i64..3000, prop_oneof![
            8 => -1.0..1.0_f64, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(1e9),
        ]), 1..2000),
        sealed in any::<bool>(),
        columns in 1..200_usize,
        window in (0.0..1.0_f64, 0.0..1.0_f64),
    ) {
        let database = TestDatabase::quiet();
        let run = start_run(&database, "");
        for (step, value) in &values {
            run.log_metric("m", *value, *step).unwrap();
        }
        let id = run.id();
        drop(run);
        let database = if sealed { database.reopen() } else { database };
        let run = database.run(id).unwrap();
        let all = placed(&run, "m", &CurveAxis::Step);
        let (from, to) = (window.0.min(window.1) * 3000.0, window.0.max(window.1) * 3000.0);
        let query = CurveQuery::new(columns).range(from, to);
        let curves = database.curves(&[id], &["m"], &query).unwrap();
        for curve in &curves {
            assert_draws(curve, &all, (from, to), columns);
        }
        prop_assert_eq!(curves.len(), usize::from(all.iter().any(|p| from <= p.0 && p.0 <= to)));
    }
}

/// Logs two short runs whose metrics are easy to do by hand.
fn two_runs(database: &Database) -> Vec<RunId> {
    let mut ids = Vec::new();
    for (name, values) in [("a", [1.0, 2.0, 3.0]), ("b", [3.0, 6.0, 5.0])] {
        let run = start_run(database, name);
        for (step, value) in (0_i64..).zip(values) {
            run.log_metric("loss", value, step).unwrap();
            run.log_metric("accuracy", 1.0 - value / 10.0, step).unwrap();
        }
        ids.push(run.id());
    }
    ids
}

#[test]
fn curves_of_a_metric_share_their_range() {
    let database = TestDatabase::quiet();
    let ids = two_runs(&database);
    database.run(ids[1]).unwrap().log_metric("loss", 9.0, 30).unwrap();
    // With one column, all points of the first run are in the column of steps 0 to 30.
    let query = CurveQuery::new(10);
    let keys = ["loss", "accuracy", "loss", "none"];
    let curves = database.curves(&ids, &keys, &query).unwrap();
    let found: Vec<(RunId, &str)> =
        curves.iter().map(|curve| (curve.run, curve.key.as_str())).collect();
    assert_eq!(
        found,
        [(ids[0], "loss"), (ids[1], "loss"), (ids[0], "accuracy"), (ids[1], "accuracy")]
    );
    assert_eq!(curves[1].places, [0.0, 1.0, 2.0, 30.0]);
    assert_eq!(curves[0].last.value, 3.0);
}

#[test]
fn a_metric_may_be_the_axis() {
    let database = TestDatabase::quiet();
    let ids = two_runs(&database);
    let run = database.run(ids[0]).unwrap();
    run.log_metric("loss", 4.0, 7).unwrap();
    run.log_metric("loss", 0.5, -1).unwrap();
    let axis = CurveAxis::Metric("accuracy".to_owned());
    let query = CurveQuery::new(100).axis(axis);
    let curve = &database.curves(&ids[..1], &["loss"], &query).unwrap()[0];
    // Step 7 is placed by the accuracy of step 2. No accuracy is known at step -1.
    assert_eq!(curve.places, [0.7, 0.7, 0.8, 0.9]);
    assert_eq!(curve.last_values, [3.0, 4.0, 2.0, 1.0]);
}

#[test]
fn a_curve_over_another_metric_has_all_points() {
    let database = TestDatabase::quiet();
    let run = start_run(&database, "");
    let place = |step: u64| (step * 7_919 % 10_007) as f64 / 10.0;
    for step in 0..20_000_u64 {
        // The place is logged at every second step only, and it is not always a number.
        if step % 2 == 1 {
            let is_lost = step % 501 == 0;
            run.log_metric("place", if is_lost { f64::NAN } else { place(step) }, step).unwrap();
        }
        let value = if step == 4_000 { 50.0 } else { (step % 100) as f64 };
        run.log_metric("loss", value, step).unwrap();
    }
    let mut points: Vec<Placed> = Vec::new();
    let mut known = None;
    for (step, point) in (0..).zip(run.history("loss").unwrap().iter()) {
        if step % 2 == 1 && step % 501 != 0 {
            known = Some(place(step));
        }
        points.extend(known.map(|place| (place, point)));
    }
    points.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    let axis = CurveAxis::Metric("place".to_owned());
    for columns in [1, 30, 300, 6_000] {
        let query = CurveQuery::new(columns).axis(axis.clone());
        let curves = database.curves(&[run.id()], &["loss"], &query).unwrap();
        assert_draws(&curves[0], &points, (first, last), columns);
        for (from, to) in [(0.0, 500.0), (400.0, 405.0)] {
            let query = query.clone().range(from, to);
            let curves = database.curves(&[run.id()], &["loss"], &query).unwrap();
            assert_draws(&curves[0], &points, (from, to), columns);
        }
    }
}

#[test]
fn a_formula_is_drawn_like_a_metric() {
    let database = TestDatabase::quiet();
    let ids = two_runs(&database);
    let key = "=2 * metrics.loss + metrics.accuracy";
    let curves = database.curves(&ids, &[key, "loss"], &CurveQuery::new(100)).unwrap();
    let found: Vec<(&str, Vec<f64>)> =
        curves.iter().map(|curve| (curve.key.as_str(), curve.last_values.clone())).collect();
    assert_eq!(found[0], (key, vec![2.9, 4.8, 6.7]));
    assert_eq!((found[2].0, curves[0].places.as_slice()), ("loss", &[0.0, 1.0, 2.0][..]));
    let bands =
        database.bands(std::slice::from_ref(&ids), &[key], &CurveQuery::new(9), BandKind::Extremes);
    assert_eq!(bands.unwrap()[0].highs[0], 6.7);
    let other = CurveQuery::new(9).axis(CurveAxis::Metric("=metrics.loss * 10".to_owned()));
    let curve = &database.curves(&ids[..1], &["loss"], &other).unwrap()[0];
    assert_eq!(curve.places, [10.0, 20.0, 30.0]);
    let none = database.curves(&ids, &["=metrics.loss - metrics.none"], &CurveQuery::new(9));
    assert!(none.unwrap().is_empty());
    let found = database.curves(&ids, &["=metrics.loss -"], &CurveQuery::new(9));
    let message = error_message(found, ErrorKind::InvalidInput);
    assert!(message.contains("is not valid at character 15"), "{message}");
}

#[test]
fn smoothing_does_not_depend_on_the_width() {
    let (database, id) = log_series(TestDatabase::quiet(), 30_000, 3);
    for smoothing in [
        Smoothing::Average { weight: 0.99 },
        Smoothing::HalfLife { half_life: 300.0 },
        Smoothing::Gaussian { sigma: 200.0 },
        Smoothing::Window { points: 101 },
    ] {
        let draw = |columns| {
            let query = CurveQuery::new(columns).axis(CurveAxis::Time).smoothing(smoothing);
            database.curves(&[id], &["loss"], &query).unwrap().remove(0)
        };
        let (thin, exact) = (draw(100), draw(20_000));
        assert!(exact.is_exact && !thin.is_exact);
        for (place, value) in thin.places.iter().zip(&thin.smooth_values) {
            let at = exact.places.iter().rposition(|other| other == place).unwrap();
            let before = exact.smooth_values[..=at].iter().rev().find(|value| !value.is_nan());
            assert_eq!(value.to_bits(), before.unwrap().to_bits(), "{smoothing:?} at {place}");
        }
    }
}

#[test]
fn bands_are_over_all_runs_of_a_group() {
    let database = TestDatabase::quiet();
    let ids = two_runs(&database);
    let query = CurveQuery::new(50);
    let groups = [ids.clone(), vec![ids[1]], Vec::new()];
    let bands = database.bands(&groups, &["loss", "none"], &query, BandKind::Extremes).unwrap();
    assert_eq!(bands.iter().map(|band| band.group).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(bands[0].places, [0.0, 1.0, 2.0]);
    assert_eq!(bands[0].means, [2.0, 4.0, 4.0]);
    assert_eq!(
        (&bands[0].lows[..], &bands[0].highs[..]),
        (&[1.0, 2.0, 3.0][..], &[3.0, 6.0, 5.0][..])
    );
    assert_eq!((&bands[0].runs[..], &bands[1].runs[..]), (&[2, 2, 2][..], &[1, 1, 1][..]));
    // A group's band is the same beside another group and alone.
    let alone = database.bands(&groups[1..2], &["loss"], &query, BandKind::Extremes).unwrap();
    assert_eq!(alone[0].means, bands[1].means);
}

#[test]
fn queries_that_are_not_valid_are_refused() {
    let database = TestDatabase::quiet();
    let ids = two_runs(&database);
    let refused = |query: CurveQuery, words: &str| {
        let found = database.curves(&ids, &["loss"], &query);
        let message = error_message(found, ErrorKind::InvalidInput);
        assert!(message.contains(words), "{message}");
    };
    refused(CurveQuery::new(0), "a curve has 0 columns: use 1 to 20000");
    refused(CurveQuery::new(20_001), "20001 columns");
    refused(CurveQuery::new(10).range(2.0, 1.0), "the range from 2 to 1 is not valid");
    refused(CurveQuery::new(10).range(f64::NAN, 1.0), "the range from NaN");
    refused(CurveQuery::new(10).range(0.0, f64::INFINITY), "the range from 0 to inf");
    for smoothing in [
        Smoothing::Average { weight: 1.0 },
        Smoothing::Average { weight: f64::NAN },
        Smoothing::HalfLife { half_life: 0.0 },
        Smoothing::Gaussian { sigma: -1.0 },
        Smoothing::Window { points: 0 },
    ] {
        refused(CurveQuery::new(10).smoothing(smoothing), "is not a valid smoothing");
    }
    let unknown: RunId = "00000000000000000000000000000001".parse().unwrap();
    let found = database.curves(&[unknown], &["loss"], &CurveQuery::new(10));
    error_message(found, ErrorKind::NotFound);
}
