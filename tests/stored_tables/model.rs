//! Random writes, compared with a plain map after each step, after merges and after reopening.

use std::collections::BTreeMap;

use tracklite::table::{Column, ColumnType, StoredTable, Table, TableSpec, Texts, Value, Values};
use tracklite::{Database, ErrorKind};

use super::Random;
use crate::common::{TestDatabase, error_kind, open_quietly};

/// Key and time of a row, and the values of its columns.
type Rows = BTreeMap<(String, i64, Option<i64>), [Option<f64>; 3]>;

/// A row of a write: its key, its time, and the columns that the write has.
#[derive(Clone, Debug)]
struct Written {
    key: (String, i64),
    time: Option<i64>,
    values: [Option<f64>; 3],
}

#[derive(Clone, Debug)]
enum Change {
    Merge { columns: [bool; 3], rows: Vec<Written> },
    Overwrite(Vec<Written>),
    Delete { with_time: bool, rows: Vec<Written> },
}

const NAMES: [&str; 3] = ["a", "b", "c"];

fn spec(has_time: bool) -> TableSpec {
    let spec = TableSpec::new()
        .column("shop", ColumnType::String)
        .column("user", ColumnType::Int)
        .column("a", ColumnType::Double)
        .column("time", ColumnType::Timestamp)
        .column("b", ColumnType::Double)
        .column("c", ColumnType::Double)
        .primary_key(["shop", "user"]);
    if has_time { spec.timestamp("time") } else { spec }
}

fn drawn_rows(random: &mut Random, has_time: bool) -> Vec<Written> {
    let mut rows: BTreeMap<(String, i64, Option<i64>), Written> = BTreeMap::new();
    for _ in 0..random.below(9) {
        let key = (["x", "", "yy"][random.below(3)].to_owned(), random.below(3) as i64 - 1);
        let time = has_time.then(|| 1000 * (random.below(5) as i64 - 2));
        let value = |random: &mut Random| match random.below(4) {
            0 => None,
            1 => Some(f64::NAN),
            _ => Some(random.below(100) as f64),
        };
        let values = std::array::from_fn(|_| value(random));
        rows.insert((key.0.clone(), key.1, time), Written { key, time, values });
    }
    let mut rows: Vec<Written> = rows.into_values().collect();
    for at in (1..rows.len()).rev() {
        rows.swap(at, random.below(at + 1));
    }
    rows
}

fn drawn(random: &mut Random, has_time: bool) -> Change {
    match random.below(10) {
        0 => Change::Overwrite(drawn_rows(random, has_time)),
        1 | 2 => {
            let with_time = has_time && random.below(2) == 0;
            let mut rows = drawn_rows(random, has_time);
            if !with_time {
                rows.sort_by(|left, right| left.key.cmp(&right.key));
                rows.dedup_by(|left, right| left.key == right.key);
            }
            Change::Delete { with_time, rows }
        }
        _ => {
            let columns = std::array::from_fn(|_| random.below(3) > 0);
            Change::Merge { columns, rows: drawn_rows(random, has_time) }
        }
    }
}

/// The plain rules: what a change makes of the rows.
fn apply(rows: &mut Rows, change: &Change, has_time: bool) {
    let place = |row: &Written| (row.key.0.clone(), row.key.1, row.time.filter(|_| has_time));
    match change {
        Change::Overwrite(written) => {
            rows.clear();
            rows.extend(written.iter().map(|row| (place(row), row.values)));
        }
        Change::Delete { with_time: true, rows: written } => {
            written.iter().for_each(|row| {
                rows.remove(&place(row));
            });
        }
        Change::Delete { with_time: false, rows: written } => {
            let gone = |key: &(String, i64, Option<i64>)| {
                written.iter().any(|row| (&row.key.0, row.key.1) == (&key.0, key.1))
            };
            rows.retain(|key, _| !gone(key));
        }
        Change::Merge { columns, rows: written } => {
            for row in written {
                let values = rows.entry(place(row)).or_default();
                for at in (0..3).filter(|at| columns[*at]) {
                    values[at] = row.values[at];
                }
            }
        }
    }
}

fn table_of(rows: &[Written], columns: [bool; 3], with_time: bool) -> Table {
    let mut table = Table::new();
    let shops: Texts = rows.iter().map(|row| Some(row.key.0.as_str())).collect();
    // Columns come in any order.
    for at in (0..3).rev().filter(|at| columns[*at]) {
        let values: Values<f64> = rows.iter().map(|row| row.values[at]).collect();
        table.add_column(NAMES[at], values).unwrap();
    }
    let users: Values<i64> = rows.iter().map(|row| Some(row.key.1)).collect();
    table.add_column("user", users).unwrap();
    table.add_column("shop", shops).unwrap();
    if with_time {
        let times = rows.iter().map(|row| row.time).collect();
        table.add_column("time", Column::Time(times)).unwrap();
    }
    table
}

fn perform(table: &StoredTable, change: &Change, has_time: bool) -> u64 {
    let all = [true; 3];
    let write = match change {
        Change::Overwrite(rows) => table.overwrite(&table_of(rows, all, has_time)),
        Change::Merge { columns, rows } => table.merge(&table_of(rows, *columns, has_time)),
        Change::Delete { with_time, rows } => table.delete(&table_of(rows, [false; 3], *with_time)),
    };
    write.unwrap().version
}

/// Fails unless the table has exactly these rows, in order.
fn check(table: &StoredTable, version: u64, wanted: &Rows) {
    let found = table.read().version(version).table().unwrap();
    let columns = ["shop", "user", "time", "a", "b", "c"].map(|name| found.column(name).unwrap());
    assert_eq!(found.len(), wanted.len(), "version {version}: {found:?} {wanted:?}");
    for (at, ((shop, user, time), values)) in wanted.iter().enumerate() {
        let value = |value: Option<f64>| value.map_or(Value::Null, Value::Float);
        let time =
            time.map_or(Value::Null, |time| Value::Time(tracklite::Timestamp::from_nanos(time)));
        let wanted = [
            Value::Text(shop),
            Value::Integer(*user),
            time,
            value(values[0]),
            value(values[1]),
            value(values[2]),
        ];
        let found = columns.map(|column| column.value(at));
        assert_eq!(found, wanted, "version {version}, row {at}");
    }
}

fn walk(seed: u64) {
    let mut random = Random(seed);
    let database = TestDatabase::quiet();
    let has_time = random.below(3) > 0;
    let name = "ml.features.users";
    let mut table = database.tables().create(name, &spec(has_time)).unwrap();
    let mut versions = vec![Rows::new()];
    let mut floor = 0;
    let mut other: Option<Database> = None;
    for _ in 0..25 {
        let change = drawn(&mut random, has_time);
        let mut rows = versions.last().unwrap().clone();
        apply(&mut rows, &change, has_time);
        versions.push(rows);
        let version = perform(&table, &change, has_time);
        assert_eq!(version as usize, versions.len() - 1);
        check(&table, version, &versions[version as usize]);
        match random.below(8) {
            0 => table.compact().unwrap(),
            1 => {
                // Another handle of the file writes too.
                let opened = other.get_or_insert_with(|| open_quietly(database.path()));
                table = opened.tables().get(name).unwrap();
            }
            2 => {
                floor += random.below(versions.len() - floor);
                table.remove_history(floor as u64).unwrap();
                check(&table, floor as u64, &versions[floor]);
            }
            _ => {
                let version = floor + random.below(versions.len() - floor);
                check(&table, version as u64, &versions[version]);
            }
        }
    }
    let path = database.path().to_owned();
    drop((table, other));
    let folder = database.close();
    let copy = path.with_extension("copy");
    open_quietly(&path).backup(&copy).unwrap();
    for path in [&path, &copy] {
        let report = Database::verify(path).unwrap();
        assert!(report.is_sound(), "{:?}", report.damages);
        let reopened = open_quietly(path);
        let table = reopened.tables().get(name).unwrap();
        for (version, rows) in versions.iter().enumerate().skip(floor) {
            check(&table, version as u64, rows);
        }
        for version in 0..floor {
            let read = table.read().version(version as u64).table();
            assert_eq!(error_kind(read), ErrorKind::InvalidInput, "version {version}");
        }
    }
    drop(folder);
}

#[test]
fn random_writes_give_the_rows_of_a_plain_map() {
    for seed in 1..=24 {
        walk(seed);
    }
}
