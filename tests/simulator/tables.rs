//! Stored tables: after a power cut, each write is there whole or not at all, and synced ones are.

use tracklite::internals::storage::simulated::{Random, SimulatedDisk};
use tracklite::table::{Column, ColumnType, StoredTable, Table, TableSpec, Value, Values};
use tracklite::{Database, ErrorKind, Result};

use crate::engine;
use crate::rules::{CREATE, context, open};
use crate::world::{Verdict, describe};

const NAME: &str = "ml.features.users";
/// The number of users in each write.
const ROWS: i64 = 20;

/// Merges rows, deletes some, merges segments, removes history and collects garbage until the
/// process dies. Then cuts the power and reads.
pub fn table_writes(seed: u64) -> Verdict<()> {
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (database, control) = open(&disk, CREATE)?;
    let table = context(create(&database), "creating the table")?;
    control.kill_after(random.below(400) as u64);
    let mut known = 0;
    let mut pending = 0;
    let mut highest = 0;
    for version in 1..40 {
        pending = version;
        let done = match random.below(10) {
            0 => table.compact().and_then(|()| write(&table, version)),
            1 => database.gc().and_then(|_| write(&table, version)),
            2 => {
                let before = random.below(version as usize) as u64;
                highest = highest.max(before);
                table.remove_history(before).and_then(|()| write(&table, version))
            }
            _ => write(&table, version),
        };
        match done {
            Ok(()) => known = version,
            Err(_) if control.is_dead() => break,
            Err(error) => return Err(describe("writing rows", &error)),
        }
    }
    control.kill();
    let image = disk.crash_image(&mut random);
    let seen = engine::with_reader(&image, rows).map_err(|error| describe("a reader", &error))?;
    let Some(last) = seen.last().map(|(version, _)| *version) else {
        return Err("no version of the table".to_owned());
    };
    if last != known && last != pending {
        return Err(format!("found version {last} after {known} and perhaps {pending}"));
    }
    // The last removal may not have happened, and an earlier one may have gone further.
    if let Some(first) = seen.first().filter(|(version, _)| *version > highest) {
        return Err(format!("the first version is {}, removed until {highest}", first.0));
    }
    match seen.iter().find(|(version, found)| *found != expected(*version)) {
        None => Ok(()),
        Some((version, found)) => {
            Err(format!("version {version}: {found:?}, expected {:?}", expected(*version)))
        }
    }
}

fn create(database: &Database) -> Result<StoredTable> {
    let spec = TableSpec::new()
        .column("user", ColumnType::Long)
        .column("value", ColumnType::Double)
        .primary_key(["user"]);
    let table = database.tables().create(NAME, &spec)?;
    database.sync()?;
    Ok(table)
}

/// Returns the users that a write changes: each third one, from another start each time.
fn users(version: u64) -> Vec<i64> {
    (version as i64 % 3..ROWS).step_by(3).collect()
}

/// Merges rows, or deletes them in each fifth write.
fn write(table: &StoredTable, version: u64) -> Result<()> {
    let users = users(version);
    let values = vec![version as f64; users.len()];
    let mut rows = Table::new();
    rows.add_column("user", Values::from(users))?;
    if version.is_multiple_of(5) {
        return table.delete(&rows).map(drop);
    }
    rows.add_column("value", Values::from(values))?;
    table.merge(&rows).map(drop)
}

/// Returns the rows after a write, by user.
fn expected(version: u64) -> Vec<(i64, f64)> {
    let value = |user: &i64| {
        let last = (1..=version).rev().find(|version| users(*version).contains(user))?;
        (!last.is_multiple_of(5)).then_some((*user, last as f64))
    };
    (0..ROWS).filter_map(|user| value(&user)).collect()
}

/// The rows of a version, by user.
type Version = (u64, Vec<(i64, f64)>);

/// Reads the rows of all versions that can be read.
fn rows(database: &Database) -> Result<Vec<Version>> {
    let table = database.tables().get(NAME)?;
    let mut all = Vec::new();
    for version in 0..=table.info()?.version {
        let found = match table.read().version(version).table() {
            // Its history was removed.
            Err(error) if all.is_empty() && error.kind() == ErrorKind::InvalidInput => continue,
            found => found?,
        };
        let (Some(Column::Integer(users)), Some(values)) =
            (found.column("user"), found.column("value"))
        else {
            return Ok(Vec::new());
        };
        let number =
            |value: Value<'_>| if let Value::Float(number) = value { number } else { -1.0 };
        let rows = users.iter().flatten().zip(values.values().map(number));
        all.push((version, rows.collect()));
    }
    Ok(all)
}
