//! Stored tables: their columns, writes, versions, rules and copies.

#[path = "stored_tables/model.rs"]
mod model;

use std::sync::Barrier;

use tracklite::table::{
    Bytes, Column, ColumnType, Lists, StoredTable, Table, TableSpec, Texts, Value, Values,
    WriteMode,
};
use tracklite::{Database, ErrorKind, Timestamp};

use crate::common::{TestDatabase, error_kind, error_message, noise, open_quietly, open_read_only};

/// A generator of random numbers: xorshift.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
        let mut bits = self.0;
        bits ^= bits >> 29;
        bits = bits.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((bits >> 33) as usize) % bound
    }
}

const NAME: &str = "ml.features.users";

fn users(database: &Database) -> StoredTable {
    let spec = TableSpec::new()
        .column("user", ColumnType::Long)
        .column("spend", ColumnType::Double)
        .primary_key(["user"])
        .description("what users spend");
    database.tables().create(NAME, &spec).unwrap()
}

fn rows(users: &[i64], spend: &[f64]) -> Table {
    let mut table = Table::new();
    table.add_column("user", Values::from(users.to_vec())).unwrap();
    table.add_column("spend", Values::from(spend.to_vec())).unwrap();
    table
}

fn spend(table: &Table) -> Vec<f64> {
    let Some(Column::Float(values)) = table.column("spend") else { panic!("{table:?}") };
    values.values().to_vec()
}

#[test]
fn each_type_of_column_is_kept() {
    let database = TestDatabase::quiet();
    let mut spec = TableSpec::new();
    for kind in ColumnType::ALL {
        spec = spec.column(kind.as_str(), kind);
    }
    let table = database.tables().create("ml.a.all", &spec).unwrap();
    let mut rows = Table::new();
    let lists: Lists<f64> = [Some(vec![0.5, -0.0]), None, Some(vec![])].into_iter().collect();
    let integers: Lists<i64> = [Some(vec![i64::MAX]), Some(vec![]), None].into_iter().collect();
    let bytes: Bytes = [Some(vec![0, 255]), Some(vec![]), None].into_iter().collect();
    let texts: Texts = [Some("\u{1f600}"), None, Some("")].into_iter().collect();
    let longs = [Some(i64::MIN), None, Some(7)].into_iter().collect::<Values<i64>>();
    let small = |least: i64| [Some(least), None, Some(7)].into_iter().collect::<Values<i64>>();
    let floats = [Some(f64::NAN), None, Some(0.5)].into_iter().collect::<Values<f64>>();
    let columns: [(ColumnType, Column); 14] = [
        (
            ColumnType::Boolean,
            [Some(true), None, Some(false)].into_iter().collect::<Values<_>>().into(),
        ),
        (ColumnType::Byte, small(-128).into()),
        (ColumnType::Short, small(-32_768).into()),
        (ColumnType::Int, small(i64::from(i32::MIN)).into()),
        (ColumnType::Long, longs.into()),
        (ColumnType::Float, floats.clone().into()),
        (ColumnType::Double, floats.into()),
        (ColumnType::String, texts.into()),
        (ColumnType::Binary, Column::Bytes(bytes)),
        (ColumnType::Date, Column::Date([Some(-1), None, Some(20_000)].into_iter().collect())),
        (
            ColumnType::Timestamp,
            Column::Time([Some(-1000), None, Some(5000)].into_iter().collect()),
        ),
        (ColumnType::LongArray, Column::Integers(integers)),
        (ColumnType::FloatArray, Column::Floats(lists.clone())),
        (ColumnType::DoubleArray, Column::Floats(lists)),
    ];
    for (kind, column) in &columns {
        rows.add_column(kind.as_str(), column.clone()).unwrap();
    }
    let write = table.append(&rows).unwrap();
    assert_eq!((write.version, write.rows, write.mode), (1, 3, WriteMode::Append));
    let found = table.read().table().unwrap();
    for (kind, column) in &columns {
        assert!(found.column(kind.as_str()).unwrap().values().eq(column.values()), "{kind}");
    }
    let path = database.path().to_owned();
    assert_eq!(
        open_read_only(&path).tables().get("ml.a.all").unwrap().read().table().unwrap().len(),
        3
    );
}

#[test]
fn values_are_made_to_fit_their_column_or_refused() {
    let database = TestDatabase::quiet();
    let spec = TableSpec::new()
        .column("small", ColumnType::Byte)
        .column("single", ColumnType::Float)
        .column("double", ColumnType::Double)
        .column("time", ColumnType::Timestamp)
        .column("day", ColumnType::Date);
    let table = database.tables().create("ml.a.b", &spec).unwrap();
    let one = |name: &str, column: Column| {
        let mut rows = Table::new();
        rows.add_column(name, column).unwrap();
        rows
    };
    // Integers widen, times lose nanoseconds, numbers of 32 bits are rounded.
    table.append(&one("double", Values::from(vec![3_i64]).into())).unwrap();
    table.append(&one("single", Values::from(vec![0.1]).into())).unwrap();
    table.append(&one("time", Column::Time(Values::from(vec![-1])))).unwrap();
    table.append(&one("day", [None::<f64>].into_iter().collect::<Values<f64>>().into())).unwrap();
    let found = table.read().table().unwrap();
    let value = |row: usize, name: &str| found.rows().nth(row).unwrap().get(name).unwrap();
    assert_eq!(value(0, "double"), Value::Float(3.0));
    assert_eq!(value(0, "single"), Value::Null);
    assert_eq!(value(1, "single"), Value::Float(f64::from(0.1_f32)));
    assert_eq!(value(2, "time"), Value::Time(Timestamp::from_nanos(-1000)));
    for (rows, word) in [
        (one("small", Values::from(vec![128_i64]).into()), "cannot hold 128"),
        (one("small", Values::from(vec![1.0]).into()), "tinyint, found numbers"),
        (one("double", Values::from(vec![(1_i64 << 53) + 1]).into()), "cannot hold"),
        (one("time", Column::Date(Values::from(vec![1]))), "a date is not a timestamp"),
        (one("day", Column::Time(Values::from(vec![1]))), "a date is not a timestamp"),
        (one("day", Values::from(vec![true]).into()), "found booleans"),
        (one("unknown", Values::from(vec![true]).into()), "no column \"unknown\""),
    ] {
        let message = error_message(table.append(&rows), ErrorKind::InvalidInput);
        assert!(message.contains(word), "{message}");
    }
    assert_eq!(table.info().unwrap().version, 4, "what is refused writes nothing");
}

#[test]
fn wrong_keys_are_refused_and_write_nothing() {
    let database = TestDatabase::quiet();
    let table = users(&database);
    let nulls: Values<i64> = [Some(1), None].into_iter().collect();
    let mut without = Table::new();
    without.add_column("spend", Values::from(vec![1.0])).unwrap();
    let mut null = Table::new();
    null.add_column("user", nulls).unwrap();
    for (error, word) in [
        (table.merge(&without), "lack column \"user\""),
        (table.merge(&null), "1 rows have no value"),
        (table.merge(&rows(&[5, 6, 5], &[1.0, 2.0, 3.0])), "rows 0 and 2"),
        (table.append(&rows(&[5], &[1.0])), "merge rows instead"),
        (table.delete(&rows(&[5], &[1.0])), "not part of the key"),
    ] {
        let message = error_message(error, ErrorKind::InvalidInput);
        assert!(message.contains(word) && message.contains(NAME), "{message}");
    }
    let keyless = TableSpec::new().column("a", ColumnType::Long);
    let keyless = database.tables().create("ml.a.b", &keyless).unwrap();
    let mut row = Table::new();
    row.add_column("a", Values::from(vec![1_i64])).unwrap();
    for error in [keyless.merge(&row), keyless.delete(&row)] {
        let message = error_message(error, ErrorKind::InvalidInput);
        assert!(message.contains("no key"), "{message}");
    }
    assert_eq!(table.info().unwrap().version + keyless.info().unwrap().version, 0);
}

#[test]
fn names_and_columns_follow_the_rules() {
    let database = TestDatabase::quiet();
    let table = users(&database);
    let spec = TableSpec::new().column("a", ColumnType::Long);
    for bad in ["", "a", "a.b", "a.b.c.d", "a..c", "a.b.c/d", "a.b c.d", "a.b.\n"] {
        let error = database.tables().create(bad, &spec);
        assert_eq!(error_kind(error), ErrorKind::InvalidInput, "{bad:?}");
    }
    let taken = database.tables().create(NAME, &spec);
    assert_eq!(error_kind(taken), ErrorKind::AlreadyExists);
    assert_eq!(error_kind(database.tables().get("ml.a.b")), ErrorKind::NotFound);
    let added = table.update(|state| {
        let mut column = state.columns[1].clone();
        column.name = "age".to_owned();
        state.columns.push(column);
        state.tags.insert("team".to_owned(), "growth".to_owned());
    });
    assert_eq!(added.unwrap().revision, 2);
    for error in [
        table.update(|state| drop(state.columns.remove(1))),
        table.update(|state| state.columns.swap(0, 1)),
        table.update(|state| state.columns[1].kind = ColumnType::Long),
        table.update(|state| state.primary_key.clear()),
    ] {
        assert_eq!(error_kind(error), ErrorKind::InvalidInput);
    }
    table.merge(&rows(&[1], &[2.0])).unwrap();
    let read = table.read().columns(["age", "user"]).table().unwrap();
    assert_eq!(read.names(), ["age", "user"]);
    assert_eq!(read.rows().next().unwrap().get("age"), Some(Value::Null));
    assert_eq!(error_kind(table.read().columns(["b"]).table()), ErrorKind::InvalidInput);
    assert_eq!(error_kind(table.read().version(2).table()), ErrorKind::InvalidInput);
    let other = open_quietly(database.path());
    assert_eq!(other.tables().list("ml.features.").unwrap(), [table.info().unwrap()]);
    assert!(other.tables().list("ml.features.v").unwrap().is_empty());
}

#[test]
fn a_dropped_table_is_gone_and_its_name_is_free() {
    let database = TestDatabase::quiet();
    let table = users(&database);
    table.merge(&rows(&[1, 2], &[1.0, 2.0])).unwrap();
    table.rename("ml.features.renamed").unwrap();
    assert_eq!(spend(&table.read().table().unwrap()), [1.0, 2.0]);
    let again = users(&database);
    assert_eq!(error_kind(again.rename("ml.features.renamed")), ErrorKind::AlreadyExists);
    table.drop().unwrap();
    for error in [
        table.merge(&rows(&[1], &[1.0])).map(drop),
        table.read().table().map(drop),
        table.drop(),
        table.rename("ml.a.b"),
        table.compact(),
    ] {
        assert_eq!(error_kind(error), ErrorKind::NotFound);
    }
    assert!(again.read().table().unwrap().is_empty());
    assert!(database.gc().unwrap().freed_bytes > 0);
}

#[test]
fn catalogs_and_schemas_must_exist_in_a_unity_catalog() {
    let database = TestDatabase::quiet();
    database.registry().use_unity_catalog().unwrap();
    let spec = TableSpec::new().column("a", ColumnType::Long);
    assert_eq!(error_kind(database.tables().create(NAME, &spec)), ErrorKind::NotFound);
    database.registry().create_catalog("ml", None).unwrap();
    database.registry().create_schema("ml", "features", None).unwrap();
    let table = database.tables().create(NAME, &spec).unwrap();
    let error = database.registry().drop_schema("ml", "features");
    assert_eq!(error_kind(error), ErrorKind::InvalidState);
    database.registry().rename_schema("ml", "features", "live").unwrap();
    assert_eq!(table.info().unwrap().name, "ml.live.users");
    database.registry().rename_catalog("ml", "prod").unwrap();
    assert_eq!(table.info().unwrap().name, "prod.live.users");
    table.drop().unwrap();
    database.registry().drop_schema("prod", "live").unwrap();
}

#[test]
fn a_range_reads_the_same_rows_as_a_filter() {
    let database = TestDatabase::quiet();
    let spec = TableSpec::new()
        .column("at", ColumnType::Timestamp)
        .column("text", ColumnType::String)
        .column("number", ColumnType::Double);
    let table = database.tables().create("ml.logs.requests", &spec).unwrap();
    let mut random = Random(3);
    for write in 0..12_i64 {
        let times = (0..50).map(|row| Some(1000 * (write * 50 + row))).collect();
        let texts: Texts = (0..50).map(|_| Some(format!("t{}", random.below(9)))).collect();
        let numbers = (0..50).map(|_| (random.below(9) > 0).then(|| random.below(100) as f64));
        let mut rows = Table::new();
        rows.add_column("at", Column::Time(times)).unwrap();
        rows.add_column("text", texts).unwrap();
        rows.add_column("number", numbers.collect::<Values<f64>>()).unwrap();
        table.append(&rows).unwrap();
    }
    let all = table.read().table().unwrap();
    assert_eq!(all.len(), 600);
    let time = |millis: i64| Value::Time(Timestamp::from_nanos(1000 * millis));
    for (name, from, to) in [
        ("at", time(120), time(340)),
        ("at", Value::Null, time(-1)),
        ("text", Value::Text("t3"), Value::Text("t5")),
        ("number", Value::Integer(20), Value::Float(50.5)),
        ("number", Value::Float(20.0), Value::Null),
    ] {
        let found = table.read().between(name, from, to).table().unwrap();
        let between = |value: Value<'_>| match (value, from, to) {
            (Value::Time(value), Value::Null, Value::Time(to)) => value <= to,
            (Value::Time(value), Value::Time(from), Value::Time(to)) => {
                from <= value && value <= to
            }
            (Value::Text(value), Value::Text(from), Value::Text(to)) => {
                from <= value && value <= to
            }
            (Value::Float(value), _, Value::Null) => value >= 20.0,
            (Value::Float(value), ..) => (20.0..=50.5).contains(&value),
            _ => false,
        };
        let wanted = all.rows().filter(|row| between(row.get(name).unwrap()));
        let wanted: Vec<Vec<Value>> = wanted.map(|row| row.values().collect()).collect();
        let found: Vec<Vec<Value>> = found.rows().map(|row| row.values().collect()).collect();
        assert_eq!(found, wanted, "{name} {from:?} {to:?}");
        assert!(found.len() < 600);
    }
    let wrong = table.read().between("at", Value::Text("x"), Value::Null).table();
    assert_eq!(error_kind(wrong), ErrorKind::InvalidInput);
    // Segments were merged. Earlier versions are unchanged.
    let third = table.read().version(3).columns(["at"]).table().unwrap();
    assert_eq!(third.len(), 150);
    table.compact().unwrap();
    let third = table.read().version(3).columns(["at"]).table().unwrap();
    assert_eq!(third.len(), 150);
}

#[test]
fn a_time_selects_the_version_that_was_the_last_one() {
    let database = TestDatabase::quiet();
    let table = users(&database);
    let before = Timestamp::now();
    let first = table.merge(&rows(&[1], &[1.0])).unwrap();
    let second = table.merge(&rows(&[1], &[2.0])).unwrap();
    assert!(before < first.time && first.time < second.time);
    let at = |time| spend(&table.read().known_at(time).table().unwrap());
    assert_eq!(at(before), Vec::<f64>::new());
    assert_eq!(at(first.time), [1.0]);
    assert_eq!(at(second.time), [2.0]);
    assert_eq!(table.writes().unwrap(), [first, second]);
}

#[test]
fn writers_of_several_handles_lose_no_write() {
    let database = TestDatabase::quiet();
    users(&database);
    let (path, barrier) = (database.path().to_owned(), Barrier::new(4));
    std::thread::scope(|scope| {
        for writer in 0..4_i64 {
            let (path, barrier) = (&path, &barrier);
            scope.spawn(move || {
                let table = open_quietly(path).tables().get(NAME).unwrap();
                barrier.wait();
                for write in 0..12 {
                    table.merge(&rows(&[writer * 100 + write, 1000], &[1.0, 2.0])).unwrap();
                }
            });
        }
    });
    let table = database.tables().get(NAME).unwrap();
    let versions: Vec<u64> = table.writes().unwrap().iter().map(|write| write.version).collect();
    assert_eq!(versions, (1..=48).collect::<Vec<u64>>());
    assert_eq!(table.read().table().unwrap().len(), 49);
}

#[test]
fn a_salvaged_table_has_the_rows_of_its_sound_files() {
    let database = TestDatabase::quiet();
    let spec = TableSpec::new().column("raw", ColumnType::Binary);
    let table = database.tables().create("ml.a.b", &spec).unwrap();
    let bytes = [noise(40_000, 1), noise(40_000, 2)];
    for bytes in &bytes {
        let mut rows = Table::new();
        let column: Bytes = [Some(bytes)].into_iter().collect();
        rows.add_column("raw", Column::Bytes(column)).unwrap();
        table.append(&rows).unwrap();
    }
    let path = database.path().to_owned();
    drop(table);
    let folder = database.close();
    let mut file = std::fs::read(&path).unwrap();
    let place = file.windows(64).position(|window| window == &bytes[0][100..164]).unwrap();
    file[place] ^= 1;
    std::fs::write(&path, file).unwrap();
    assert!(!Database::verify(&path).unwrap().is_sound());
    let salvaged = path.with_extension("salvaged");
    let report = Database::salvage(&path, &salvaged).unwrap();
    assert_eq!(report.lost.len(), 1, "{:?}", report.lost);
    let found = Database::verify(&salvaged).unwrap();
    assert!(found.is_sound(), "{:?}", found.damages);
    let rows = open_quietly(&salvaged).tables().get("ml.a.b").unwrap().read().table().unwrap();
    assert!(rows.column("raw").unwrap().values().eq([Value::Bytes(&bytes[1])]));
    drop(folder);
}

#[test]
fn files_of_a_table_are_written_by_its_rows_only() {
    let database = TestDatabase::quiet();
    let owner = tracklite::artifact::ArtifactOwner::Table(users(&database).id());
    let artifacts = database.artifacts_of(owner);
    let refused = artifacts.and_then(|artifacts| artifacts.log_text("x", "a.txt"));
    let message = error_message(refused, ErrorKind::InvalidState);
    assert!(message.contains("write rows instead"), "{message}");
}
