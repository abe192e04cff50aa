//! Lookups from memory while tables change, and reads that skip blocks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use tracklite::Database;
use tracklite::feature::{FeatureLookup, JoinOptions};
use tracklite::table::{Column, ColumnType, StoredTable, Table, TableSpec, Value, Values};

use crate::common::{TestDatabase, open_quietly};
use crate::stored_tables::Random;

const NAME: &str = "ml.features.shops";
const KEYS: usize = 400;

fn shops(database: &Database) -> StoredTable {
    let spec = TableSpec::new()
        .column("shop", ColumnType::Long)
        .column("time", ColumnType::Timestamp)
        .column("a", ColumnType::Double)
        .column("b", ColumnType::Double)
        .primary_key(["shop"])
        .timestamp("time");
    database.tables().create(NAME, &spec).unwrap()
}

fn table(columns: Vec<(&str, Column)>) -> Table {
    let mut table = Table::new();
    for (name, column) in columns {
        table.add_column(name, column).unwrap();
    }
    table
}

fn keys(keys: &[i64]) -> Column {
    Values::from(keys.to_vec()).into()
}

/// Draws rows with distinct keys, and some of the columns.
fn drawn(random: &mut Random, most: usize) -> Table {
    let rows: BTreeMap<i64, i64> = (0..1 + random.below(most))
        .map(|_| (random.below(KEYS) as i64, random.below(50) as i64 * 1000))
        .collect();
    let shops: Vec<i64> = rows.keys().copied().collect();
    let mut columns = vec![
        ("shop", keys(&shops)),
        ("time", Column::Time(Values::from(rows.values().copied().collect::<Vec<i64>>()))),
    ];
    let values = |random: &mut Random| -> Column {
        let value = |_| (random.below(9) > 0).then(|| random.below(1_000_000) as f64);
        rows.iter().map(value).collect::<Values<f64>>().into()
    };
    let which = random.below(3);
    if which != 1 {
        columns.push(("a", values(random)));
    }
    if which != 2 {
        columns.push(("b", values(random)));
    }
    table(columns)
}

/// Changes the table in any way.
fn change(shops: &StoredTable, random: &mut Random) {
    match random.below(40) {
        0 => drop(shops.overwrite(&drawn(random, KEYS)).unwrap()),
        1..4 => {
            let mut rows = drawn(random, 20);
            rows.retain_columns(|name, _| name == "shop");
            drop(shops.delete(&rows).unwrap());
        }
        // Another merge of the files may come first.
        4 => drop(shops.compact()),
        _ => drop(shops.merge(&drawn(random, 30)).unwrap()),
    }
}

/// Keys that were looked up, and the values found for each.
type Seen = (Vec<i64>, Vec<[Option<u64>; 2]>);

fn bits(table: &Table) -> Vec<[Option<u64>; 2]> {
    let column = |name: &str| match table.column(name) {
        Some(Column::Float(values)) => values.clone(),
        other => panic!("{other:?}"),
    };
    let (a, b) = (column("a"), column("b"));
    a.iter().zip(b.iter()).map(|(a, b)| [a.map(f64::to_bits), b.map(f64::to_bits)]).collect()
}

/// The fewest versions that lookups see.
const VERSIONS: usize = 4;

/// Looks up random keys until there are enough, and enough versions, while another thread changes
/// the table. Returns what was found by version.
fn lookups_during_changes(database: &Database, amount: usize) -> BTreeMap<u64, Seen> {
    let lookup = FeatureLookup::new(NAME, ["id"]).features(["a", "b"]);
    let online = database.features().online(&[lookup]).unwrap();
    let other = open_quietly(database.path());
    let stop = AtomicBool::new(false);
    let mut seen: BTreeMap<u64, Seen> = BTreeMap::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let shops = other.tables().get(NAME).unwrap();
            let mut random = Random(5);
            while !stop.load(Ordering::Relaxed) {
                change(&shops, &mut random);
            }
        });
        let (mut random, mut done) = (Random(6), 0);
        while done < amount || seen.len() < VERSIONS {
            let ids: Vec<i64> =
                (0..1 + random.below(40)).map(|_| random.below(KEYS + 9) as i64).collect();
            let found = online.look_up_known(&table(vec![("id", keys(&ids))])).unwrap();
            let entry = seen.entry(found.lookups[0].version).or_default();
            done += ids.len();
            entry.0.extend(ids);
            entry.1.extend(bits(&found.table));
        }
        stop.store(true, Ordering::Relaxed);
    });
    seen
}

#[test]
fn lookups_during_changes_are_those_of_their_version() {
    let amount = std::env::var("TRACKLITE_LOOKUPS").ok().and_then(|text| text.parse().ok());
    let amount: usize = amount.unwrap_or(20_000);
    let database = TestDatabase::quiet();
    let shops = shops(&database);
    shops.merge(&drawn(&mut Random(4), KEYS)).unwrap();
    let seen = lookups_during_changes(&database, amount);
    let mut checked = 0;
    for (version, (ids, found)) in &seen {
        let lookup = FeatureLookup::new(NAME, ["id"]).features(["a", "b"]).version(*version);
        let rows = table(vec![("id", keys(ids))]);
        let joined = database.features().join(&rows, &[lookup], &JoinOptions::new()).unwrap();
        assert_eq!(&bits(&joined.table), found, "version {version}");
        checked += ids.len();
    }
    println!("{checked} lookups at {} versions", seen.len());
    assert!(checked >= amount, "{checked}");
}

#[test]
fn changes_of_few_keys_are_seen_from_memory() {
    let database = TestDatabase::quiet();
    let shops = shops(&database);
    let mut random = Random(8);
    let all: Vec<i64> = (0..KEYS as i64).collect();
    let rows = table(vec![("id", keys(&all))]);
    shops.merge(&drawn(&mut random, KEYS)).unwrap();
    let lookup = FeatureLookup::new(NAME, ["id"]).features(["a", "b"]);
    let online = database.features().online(std::slice::from_ref(&lookup)).unwrap();
    for step in 0..60 {
        change(&shops, &mut random);
        std::thread::sleep(std::time::Duration::from_millis(21));
        let found = online.look_up_known(&rows).unwrap();
        let join =
            database.features().join(&rows, std::slice::from_ref(&lookup), &JoinOptions::new());
        let join = join.unwrap();
        assert_eq!(found.lookups[0].version, join.versions[0], "step {step}");
        assert_eq!(bits(&found.table), bits(&join.table), "step {step}");
        let times = found.lookups[0].times.as_ref().unwrap();
        let missed = times.values().filter(|time| matches!(time, Value::Null)).count() as u64;
        assert_eq!(missed, join.misses[0], "step {step}");
    }
}

#[test]
fn reads_that_skip_blocks_find_the_same_rows() {
    const ROWS: i64 = 150_000;
    let database = TestDatabase::quiet();
    let shops = shops(&database);
    let all: Vec<i64> = (0..ROWS).collect();
    let numbers: Vec<f64> = all.iter().map(|number| *number as f64).collect();
    let time = |rows: usize| Column::Time(Values::from(vec![0_i64; rows]));
    let written = |name, step: usize| {
        let some = |values: &[f64]| values.iter().copied().step_by(step).collect::<Vec<f64>>();
        let shops: Vec<i64> = all.iter().copied().step_by(step).collect();
        let values = Column::from(Values::from(some(&numbers)));
        table(vec![("time", time(shops.len())), ("shop", keys(&shops)), (name, values)])
    };
    // The second write has a part of the rows, and another column.
    shops.merge(&written("a", 1)).unwrap();
    shops.merge(&written("b", 2)).unwrap();
    for is_merged in [false, true] {
        if is_merged {
            shops.compact().unwrap();
        }
        for (from, to) in [(5, 7), (70_000, 70_001), (65_535, 65_536), (149_999, 200_000), (7, 5)] {
            let range = (Value::Integer(from), Value::Integer(to));
            let found = shops.read().columns(["b", "a"]).between("shop", range.0, range.1);
            let wanted = (from..=to.min(ROWS - 1)).map(|number| {
                let value = (number as f64).to_bits();
                [Some(value), (number % 2 == 0).then_some(value)]
            });
            let wanted: Vec<_> = wanted.collect();
            assert_eq!(bits(&found.table().unwrap()), wanted, "{from} to {to}");
            let ids: Vec<i64> = (from..=to).rev().collect();
            let lookup = FeatureLookup::new(NAME, ["id"]).features(["a", "b"]);
            let rows = table(vec![("id", keys(&ids))]);
            let joined = database.features().join(&rows, &[lookup], &JoinOptions::new());
            let mut found = bits(&joined.unwrap().table);
            found.reverse();
            found.truncate(wanted.len());
            assert_eq!(found, wanted, "{from} to {to}");
        }
    }
}
