//! Features joined by key and time: each rule, and random cases against nested loops.

#[path = "features/online.rs"]
mod online;

use std::time::Duration;

use tracklite::feature::{DefaultValue, FeatureLookup, JoinOptions};
use tracklite::table::{Column, ColumnType, StoredTable, Table, TableSpec, Texts, Value, Values};
use tracklite::{Database, ErrorKind, Timestamp};

use crate::common::{TestDatabase, error_kind, error_message, open_quietly};
use crate::stored_tables::Random;

const NAME: &str = "ml.features.users";
/// Stored times are in microseconds.
const UNIT: i64 = 1000;

fn users(database: &Database) -> StoredTable {
    let spec = TableSpec::new()
        .column("user", ColumnType::Long)
        .column("time", ColumnType::Timestamp)
        .column("spend", ColumnType::Double)
        .column("city", ColumnType::String)
        .primary_key(["user"])
        .timestamp("time");
    database.tables().create(NAME, &spec).unwrap()
}

fn integers(values: &[i64]) -> Column {
    Values::from(values.to_vec()).into()
}

fn times(values: &[Option<i64>]) -> Column {
    Column::Time(values.iter().map(|time| time.map(|time| time * UNIT)).collect())
}

fn table(columns: Vec<(&str, Column)>) -> Table {
    let mut table = Table::new();
    for (name, column) in columns {
        table.add_column(name, column).unwrap();
    }
    table
}

fn merge(users: &StoredTable, rows: &[(i64, i64, f64)]) -> u64 {
    let spend: Values<f64> = rows.iter().map(|row| Some(row.2)).collect();
    let rows = table(vec![
        ("user", integers(&rows.iter().map(|row| row.0).collect::<Vec<_>>())),
        ("time", times(&rows.iter().map(|row| Some(row.1)).collect::<Vec<_>>())),
        ("spend", spend.into()),
    ]);
    users.merge(&rows).unwrap().version
}

fn labels(rows: &[(i64, Option<i64>)]) -> Table {
    table(vec![
        ("id", integers(&rows.iter().map(|row| row.0).collect::<Vec<_>>())),
        ("at", times(&rows.iter().map(|row| row.1).collect::<Vec<_>>())),
    ])
}

fn lookup() -> FeatureLookup {
    FeatureLookup::new(NAME, ["id"]).features(["spend"])
}

fn joined(database: &Database, labels: &Table, lookup: FeatureLookup) -> Vec<Option<f64>> {
    let joined = database.features().join(labels, &[lookup], &JoinOptions::new()).unwrap();
    assert_eq!(joined.table.len(), labels.len());
    floats(joined.table.column("spend").unwrap())
}

fn floats(column: &Column) -> Vec<Option<f64>> {
    let Column::Float(values) = column else { panic!("{column:?}") };
    values.iter().collect()
}

#[test]
fn a_row_gets_the_newest_values_up_to_its_time() {
    let database = TestDatabase::quiet();
    let users = users(&database);
    merge(&users, &[(1, 10, 1.0), (1, 20, 2.0), (2, 15, 3.0)]);
    let rows = labels(&[
        (1, Some(9)),
        (1, Some(10)),
        (1, Some(19)),
        (1, Some(99)),
        (2, Some(14)),
        (3, Some(50)),
        (1, None),
    ]);
    let found = joined(&database, &rows, lookup().at("at"));
    assert_eq!(found, [None, Some(1.0), Some(1.0), Some(2.0), None, None, None]);
    // Without a time, a row gets the newest values.
    let newest = joined(&database, &rows, lookup());
    let two = Some(2.0);
    assert_eq!(newest, [two, two, two, two, Some(3.0), None, two]);
    // A time within a microsecond is rounded down, that of the table too.
    let mut finer = labels(&[(1, Some(10))]);
    finer.retain_columns(|name, _| name == "id");
    finer.add_column("at", Column::Time(Values::from(vec![10 * UNIT - 1]))).unwrap();
    assert_eq!(joined(&database, &finer, lookup().at("at")), [None]);
}

#[test]
fn a_window_includes_both_ends() {
    let database = TestDatabase::quiet();
    merge(&users(&database), &[(1, 10, 1.0)]);
    let rows = labels(&[(1, Some(10)), (1, Some(15)), (1, Some(16))]);
    let window = |micros| lookup().at("at").lookback(Duration::from_micros(micros));
    assert_eq!(joined(&database, &rows, window(5)), [Some(1.0), Some(1.0), None]);
    assert_eq!(joined(&database, &rows, window(0)), [Some(1.0), None, None]);
    let without = database.features().join(
        &rows,
        &[lookup().lookback(Duration::from_micros(1))],
        &JoinOptions::new(),
    );
    let message = error_message(without, ErrorKind::InvalidInput);
    assert!(message.contains("lookback window but no time"), "{message}");
}

#[test]
fn nulls_get_defaults_and_nan_does_not() {
    let database = TestDatabase::quiet();
    let users = users(&database);
    let cities: Texts = [None, Some("Rome")].into_iter().collect();
    let rows = table(vec![
        ("user", integers(&[1, 2])),
        ("time", times(&[Some(1), Some(1)])),
        ("spend", Values::from(vec![f64::NAN, 2.0]).into()),
        ("city", cities.into()),
    ]);
    users.merge(&rows).unwrap();
    let lookup = FeatureLookup::new(NAME, ["id"])
        .rename("city", "town")
        .default_value("city", DefaultValue::Text("?".to_owned()))
        .default_value("spend", DefaultValue::Integer(-1));
    let rows = table(vec![(
        "id",
        [Some(1), Some(2), Some(3), None].into_iter().collect::<Values<i64>>().into(),
    )]);
    let joined = database.features().join(&rows, &[lookup], &JoinOptions::new()).unwrap();
    assert_eq!(joined.table.names(), ["id", "spend", "town"]);
    let value = |name: &str| joined.table.column(name).unwrap().values().collect::<Vec<_>>();
    assert_eq!(value("spend"), [f64::NAN, 2.0, -1.0, -1.0].map(Value::Float));
    assert_eq!(value("town"), ["?", "Rome", "?", "?"].map(Value::Text));
    assert_eq!(joined.misses, [2]);
}

#[test]
fn a_given_column_wins_only_if_that_is_wanted() {
    let database = TestDatabase::quiet();
    merge(&users(&database), &[(1, 10, 1.0)]);
    let spend: Values<f64> = [Some(7.0), None].into_iter().collect();
    let rows = table(vec![("id", integers(&[1, 1])), ("spend", spend.into())]);
    let join = |options: JoinOptions| database.features().join(&rows, &[lookup()], &options);
    let message = error_message(join(JoinOptions::new()), ErrorKind::InvalidInput);
    assert!(message.contains("rename it"), "{message}");
    let joined = join(JoinOptions::new().prefer_given(true)).unwrap();
    assert_eq!(floats(joined.table.column("spend").unwrap()), [Some(7.0), None]);
}

#[test]
fn a_training_set_is_the_same_at_any_later_time() {
    let database = TestDatabase::quiet();
    let users = users(&database);
    let version = merge(&users, &[(1, 10, 1.0), (2, 10, 2.0)]);
    let rows = labels(&[(1, Some(12)), (2, Some(12))]);
    merge(&users, &[(1, 10, 9.0), (1, 11, 8.0)]);
    let mut keys = Table::new();
    keys.add_column("user", integers(&[2])).unwrap();
    users.delete(&keys).unwrap();
    users.compact().unwrap();
    assert_eq!(joined(&database, &rows, lookup().at("at")), [Some(8.0), None]);
    let path = database.path().to_owned();
    drop(users);
    let folder = database.close();
    Database::vacuum(&path).unwrap();
    let database = open_quietly(&path);
    let then = joined(&database, &rows, lookup().at("at").version(version));
    assert_eq!(then, [Some(1.0), Some(2.0)]);
    drop((database, folder));
}

#[test]
fn writes_after_a_time_can_be_ignored() {
    let database = TestDatabase::quiet();
    let users = users(&database);
    let before = Timestamp::now();
    merge(&users, &[(1, 10, 1.0)]);
    let middle = users.writes().unwrap()[0].time;
    merge(&users, &[(1, 10, 2.0), (1, 11, 3.0)]);
    let mut rows = labels(&[(1, Some(12)); 4]);
    let known = [Some(before), Some(middle), Some(Timestamp::now()), None];
    let known = known.map(|time| time.map(Timestamp::as_nanos));
    rows.add_column("known", Column::Time(known.into_iter().collect())).unwrap();
    let lookups = [lookup().at("at")];
    let join = |options| database.features().join(&rows, &lookups, &options).unwrap().table;
    let each = join(JoinOptions::new().known_at_column("known"));
    let found = floats(each.column("spend").unwrap());
    assert_eq!(found, [None, Some(1.0), Some(3.0), Some(3.0)]);
    let all = join(JoinOptions::new().known_at(middle));
    assert_eq!(floats(all.column("spend").unwrap()), [Some(1.0); 4]);
}

#[test]
fn versions_whose_history_was_removed_are_refused() {
    let database = TestDatabase::quiet();
    let users = users(&database);
    merge(&users, &[(1, 10, 1.0)]);
    let before = Timestamp::now();
    merge(&users, &[(1, 10, 2.0)]);
    merge(&users, &[(1, 10, 3.0)]);
    users.remove_history(2).unwrap();
    let rows = labels(&[(1, Some(10))]);
    assert_eq!(joined(&database, &rows, lookup().at("at").version(2)), [Some(2.0)]);
    assert_eq!(joined(&database, &rows, lookup().at("at")), [Some(3.0)]);
    let early = lookup().at("at").version(1);
    for (lookup, options) in [
        (early, JoinOptions::new()),
        (lookup().at("at"), JoinOptions::new().known_at(before)),
        (lookup().at("at"), JoinOptions::new().known_at_column("at")),
    ] {
        let refused = database.features().join(&rows, &[lookup], &options);
        let message = error_message(refused, ErrorKind::InvalidInput);
        assert!(message.contains("was removed: the first one that can be read is 2"), "{message}");
    }
    let refused = users.remove_history(9);
    assert!(error_message(refused, ErrorKind::InvalidInput).contains("has no version 9"));
    users.remove_history(1).unwrap();
    users.delete(&table(vec![("user", integers(&[1]))])).unwrap();
    users.remove_history(4).unwrap();
    assert!(users.read().table().unwrap().is_empty());
    merge(&users, &[(2, 1, 5.0)]);
    assert_eq!(users.read().table().unwrap().len(), 1);
    let path = database.path().to_owned();
    let folder = database.close();
    assert!(Database::verify(&path).unwrap().is_sound());
    drop(folder);
}

#[test]
fn wrong_lookups_are_refused_in_words() {
    let database = TestDatabase::quiet();
    users(&database);
    let spec = TableSpec::new().column("a", ColumnType::Long).primary_key(["a"]);
    database.tables().create("ml.features.timeless", &spec).unwrap();
    let rows = table(vec![
        ("id", integers(&[1])),
        ("text", [Some("1")].into_iter().collect::<Texts>().into()),
        ("day", Column::Date(Values::from(vec![1]))),
        ("at", times(&[Some(1)])),
    ]);
    let timeless = |key: &str| FeatureLookup::new("ml.features.timeless", [key]);
    for (lookup, word) in [
        (FeatureLookup::new(NAME, ["id", "id"]), "expected a column for each of (user)"),
        (FeatureLookup::new(NAME, ["missing"]), "not a column of the rows"),
        (FeatureLookup::new(NAME, ["text"]), "has texts"),
        (lookup().at("day"), "has dates"),
        (lookup().at("missing"), "not a column of the rows"),
        (lookup().features(["missing"]), "no column \"missing\""),
        (lookup().rename("city", "town"), "is not looked up"),
        (lookup().rename("spend", "id"), "which another column has"),
        (lookup().default_value("spend", DefaultValue::Bool(true)), "does not fit"),
        (timeless("id").at("at"), "no timestamp column"),
        (lookup().version(1), "no version 1"),
    ] {
        let refused = database.features().join(&rows, &[lookup], &JoinOptions::new());
        let message = error_message(refused, ErrorKind::InvalidInput);
        assert!(message.contains(word) && message.contains("ml.features"), "{message}");
    }
    let unknown = FeatureLookup::new("ml.features.unknown", ["id"]);
    let refused = database.features().join(&rows, &[unknown], &JoinOptions::new());
    assert_eq!(error_kind(refused), ErrorKind::NotFound);
    let twice = [lookup(), lookup()];
    let refused = database.features().join(&rows, &twice, &JoinOptions::new());
    assert_eq!(error_kind(refused), ErrorKind::InvalidInput);
}

#[test]
fn lookups_from_memory_see_the_newest_values() {
    let database = TestDatabase::quiet();
    let users = users(&database);
    merge(&users, &[(1, 10, 1.0), (1, 20, 2.0), (2, 15, 3.0)]);
    let online = database.features().online(&[lookup()]).unwrap();
    let keys: Values<i64> = [Some(1), Some(2), Some(3), None].into_iter().collect();
    let rows = table(vec![("id", keys.into())]);
    let found = |rows: &Table| floats(online.look_up(rows).unwrap().column("spend").unwrap());
    assert_eq!(found(&rows), [Some(2.0), Some(3.0), None, None]);
    let other = open_quietly(database.path());
    merge(&other.tables().get(NAME).unwrap(), &[(3, 1, 9.0), (1, 5, 8.0)]);
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(found(&rows), [Some(2.0), Some(3.0), Some(9.0), None]);
    let given = table(vec![("id", integers(&[1])), ("spend", Values::from(vec![7.0]).into())]);
    assert_eq!(found(&given), [Some(7.0)]);
    let wrong = table(vec![("id", [Some("1")].into_iter().collect::<Texts>().into())]);
    assert_eq!(error_kind(online.look_up(&wrong)), ErrorKind::InvalidInput);
    users.drop().unwrap();
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(error_kind(online.look_up(&rows)), ErrorKind::NotFound);
}

/// The join in plain loops: all images of a key and time, the newest one counts.
fn brute_force(
    writes: &[Vec<(i64, i64, f64)>],
    (key, time): (Option<i64>, Option<i64>),
    window: Option<i64>,
) -> Option<f64> {
    let (key, time) = (key?, time?);
    let mut best: Option<(i64, usize, f64)> = None;
    for (version, rows) in writes.iter().enumerate() {
        for &(row_key, row_time, value) in rows {
            let is_in = row_time <= time && window.is_none_or(|window| row_time >= time - window);
            let is_newer = best.is_none_or(|(at, by, _)| (row_time, version) >= (at, by));
            if row_key == key && is_in && is_newer {
                best = Some((row_time, version, value));
            }
        }
    }
    best.map(|(.., value)| value)
}

#[test]
fn random_joins_agree_with_nested_loops() {
    let mut random = Random(17);
    for case in 0..60 {
        let database = TestDatabase::quiet();
        let users = users(&database);
        let mut writes: Vec<Vec<(i64, i64, f64)>> = Vec::new();
        for _ in 0..1 + random.below(4) {
            let mut rows: Vec<(i64, i64, f64)> = (0..random.below(40))
                .map(|_| {
                    let number = random.below(1000) as f64;
                    (random.below(6) as i64, random.below(30) as i64 - 15, number)
                })
                .collect();
            rows.sort_by_key(|row| (row.0, row.1));
            rows.dedup_by_key(|row| (row.0, row.1));
            merge(&users, &rows);
            writes.push(rows);
        }
        if random.below(2) == 0 {
            users.compact().unwrap();
        }
        let key = |random: &mut Random| (random.below(9) > 0).then(|| random.below(8) as i64 - 1);
        let time =
            |random: &mut Random| (random.below(9) > 0).then(|| random.below(40) as i64 - 20);
        let rows: Vec<(Option<i64>, Option<i64>)> =
            (0..100).map(|_| (key(&mut random), time(&mut random))).collect();
        let left = table(vec![
            ("id", rows.iter().map(|row| row.0).collect::<Values<i64>>().into()),
            ("at", times(&rows.iter().map(|row| row.1).collect::<Vec<_>>())),
        ]);
        let window = [None, Some(0), Some(1), Some(7), Some(i64::MAX / UNIT)][random.below(5)];
        let mut lookup = lookup().at("at");
        if let Some(window) = window {
            lookup = lookup.lookback(Duration::from_micros(window as u64));
        }
        let found = joined(&database, &left, lookup);
        let window = window.filter(|window| *window < 1000);
        for (at, row) in rows.iter().enumerate() {
            assert_eq!(found[at], brute_force(&writes, *row, window), "case {case}, row {row:?}");
        }
    }
}
