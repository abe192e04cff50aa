//! The feature store: merges, joins as of the time of each row, and lookups from memory.
//!
//! `python/benches/features.py` measures the same beside other programs.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may panic")]

mod common;

use std::time::{Duration, Instant};

use tracklite::Database;
use tracklite::feature::{FeatureLookup, JoinOptions, OnlineFeatures};
use tracklite::table::{Column, ColumnType, StoredTable, Table, TableSpec, Value, Values};

use common::Random;

const NAME: &str = "ml.features.customers";
const FEATURES: usize = 10;
const ROWS: usize = 2_000_000;
const CUSTOMERS: u64 = 100_000;
const LABELS: usize = 200_000;
const YEAR_SECONDS: u64 = 365 * 24 * 3600;
const RUNS: usize = 3;
const LOOKUPS: usize = 50_000;

fn names() -> Vec<String> {
    (0..FEATURES).map(|number| format!("f{number}")).collect()
}

fn create(database: &Database) -> StoredTable {
    let spec = TableSpec::new()
        .column("customer", ColumnType::Long)
        .column("at", ColumnType::Timestamp)
        .primary_key(["customer"])
        .timestamp("at");
    let spec = names().iter().fold(spec, |spec, name| spec.column(name, ColumnType::Double));
    database.tables().create(NAME, &spec).unwrap()
}

/// Amounts, counts and slowly moving averages of customers at random times.
fn features(random: &mut Random) -> Table {
    let second = |random: &mut Random| (random.bits() % YEAR_SECONDS).cast_signed();
    let draw = |random: &mut Random| ((random.bits() % CUSTOMERS).cast_signed(), second(random));
    let mut places: Vec<(i64, i64)> = (0..ROWS).map(|_| draw(random)).collect();
    places.sort_unstable();
    places.dedup();
    let mut table = Table::new();
    let keys: Vec<i64> = places.iter().map(|place| place.0).collect();
    let times: Vec<i64> = places.iter().map(|place| place.1 * 1_000_000_000).collect();
    table.add_column("customer", Values::from(keys)).unwrap();
    table.add_column("at", Column::Time(Values::from(times))).unwrap();
    for (number, name) in names().iter().enumerate() {
        let mut walk = 0.0;
        let mut value = || {
            walk += random.normal();
            match number % 3 {
                0 => (walk * 100.0_f64).abs().round() / 100.0,
                1 => (random.unit() * 10.0).floor(),
                _ => (walk / 50.0).round() / 4.0,
            }
        };
        let values: Vec<f64> = places.iter().map(|_| value()).collect();
        table.add_column(name, Values::from(values)).unwrap();
    }
    table
}

fn labels(random: &mut Random) -> Table {
    let mut table = Table::new();
    let keys = (0..LABELS).map(|_| (random.bits() % CUSTOMERS).cast_signed());
    table.add_column("id", Values::from(keys.collect::<Vec<i64>>())).unwrap();
    let times = (0..LABELS).map(|_| (random.bits() % YEAR_SECONDS).cast_signed() * 1_000_000_000);
    let times = Values::from(times.collect::<Vec<i64>>());
    table.add_column("when", Column::Time(times)).unwrap();
    table
}

fn median(mut work: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[RUNS / 2]
}

fn line(what: &str, value: f64, unit: &str) {
    println!("{what:58} {value:10.3} {unit}");
}

/// Prints the median and the 99th percentile of lookups of some keys.
fn look_up(online: &OnlineFeatures, random: &mut Random, keys: usize) {
    let mut took: Vec<Duration> = (0..LOOKUPS / keys)
        .map(|_| {
            let ids = (0..keys).map(|_| (random.bits() % CUSTOMERS).cast_signed());
            let mut rows = Table::new();
            rows.add_column("id", Values::from(ids.collect::<Vec<i64>>())).unwrap();
            let start = Instant::now();
            let found = online.look_up(&rows).unwrap();
            let took = start.elapsed();
            assert_eq!(found.width(), 1 + FEATURES);
            took
        })
        .collect();
    took.sort_unstable();
    for (word, at) in [("p50", took.len() / 2), ("p99", took.len() * 99 / 100)] {
        let what = format!("lookup of {keys} keys, 10 features each: {word}");
        line(&what, took[at].as_secs_f64() * 1e6, "us");
    }
}

/// Prints how long it takes until a merge by another handle is seen, after its call returned.
fn freshness(database: &Database, online: &OnlineFeatures) {
    let other = Database::open(database.path()).unwrap();
    let table = other.tables().get(NAME).unwrap();
    let mut took: Vec<f64> = (0..21)
        .map(|round| {
            let mut rows = Table::new();
            let key = Values::from(vec![round * 4000]);
            rows.add_column("customer", key.clone()).unwrap();
            let time = Values::from(vec![(YEAR_SECONDS.cast_signed() + round) * 1_000_000_000]);
            rows.add_column("at", Column::Time(time)).unwrap();
            rows.add_column("f0", Values::from(vec![-1.0])).unwrap();
            table.merge(&rows).unwrap();
            let start = Instant::now();
            let mut asked = Table::new();
            asked.add_column("id", key).unwrap();
            while online.look_up(&asked).unwrap().column("f0").unwrap().value(0)
                != Value::Float(-1.0)
            {}
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    took.sort_by(f64::total_cmp);
    line("merge of one row is seen: p50", took[10], "ms");
    line("merge of one row is seen: worst of 21", took[20], "ms");
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create(folder.path().join("runs.tracklite")).unwrap();
    let mut random = Random::new(7);
    let (table, rows) = (create(&database), features(&mut random));
    let start = Instant::now();
    table.merge(&rows).unwrap();
    line("merge", rows.len() as f64 / start.elapsed().as_secs_f64() / 1e6, "million rows/s");
    let (labels, lookup) = (labels(&mut random), FeatureLookup::new(NAME, ["id"]));
    let join = |lookup: &FeatureLookup| {
        let lookups = std::slice::from_ref(lookup);
        drop(database.features().join(&labels, lookups, &JoinOptions::new()).unwrap());
    };
    line("join of 200 k rows as of their times", median(|| join(&lookup.clone().at("when"))), "s");
    line("join of 200 k rows with the newest", median(|| join(&lookup)), "s");
    let mut one = Table::new();
    one.add_column("id", Values::from(vec![77_i64])).unwrap();
    let few =
        || drop(database.features().join(&one, std::slice::from_ref(&lookup), &JoinOptions::new()));
    line("join of one row", median(few) * 1e3, "ms");
    let start = Instant::now();
    let online = database.features().online(std::slice::from_ref(&lookup)).unwrap();
    line("reading all keys into memory", start.elapsed().as_secs_f64(), "s");
    look_up(&online, &mut random, 1);
    look_up(&online, &mut random, 100);
    freshness(&database, &online);
}
