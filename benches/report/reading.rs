//! Reading a series of a million points, unsealed and sealed, and opening a file with many runs.

use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use tracklite::{Database, IndexPlace, MetricHistory, MetricPoint, Run, Timestamp};

use crate::common::{Curve, curve, times};
use crate::{create, print};

const POINTS: usize = 1_000_000;
const RUNS: usize = 20_000;
/// Must match the settings for blocks in `src/format/block`.
const PCO_LEVEL: usize = 7;
const PCO_CHUNK_POINTS: usize = 1 << 14;

pub(crate) fn report() {
    series();
    opening();
}

fn median(times: usize, mut work: impl FnMut()) -> Duration {
    let mut took: Vec<Duration> = (0..times)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    took.sort();
    took[times / 2]
}

fn log_series(run: &Run) {
    let metric = run.metric("loss").expect("define a metric");
    let (values, times) = (curve(Curve::ALL[0], 1, POINTS), times(2, POINTS));
    for step in 0..POINTS {
        let time = Timestamp::from_nanos(times[step]);
        metric.log_at(values[step], step as i64, time).expect("log a point");
    }
}

fn series() {
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let path = folder.path().join("runs.tracklite");
    let builder = Database::builder().create(true).index(IndexPlace::InMemory).background(false);
    let database = builder.open(&path).expect("create the database");
    let run = crate::start_run(&database);
    log_series(&run);
    let took = median(9, || {
        assert_eq!(run.history("loss").expect("read the history").len(), POINTS);
    });
    print("1 M points unsealed: slots, fresh columns", &gigabytes(POINTS * 32, took));
    let mut history = MetricHistory::default();
    let took = median(9, || {
        run.read_history("loss", &mut history).expect("read the history");
        assert_eq!(history.len(), POINTS);
    });
    print("1 M points unsealed: slots, reused columns", &gigabytes(POINTS * 32, took));
    let took = median(9, || read_file(&path));
    let length = std::fs::metadata(&path).expect("read the size of the file").len() as usize;
    print("  floor: reading the file", &gigabytes(length, took));
    let took = median(9, fill_columns);
    print("  floor: filling fresh columns", &gigabytes(POINTS * 32, took));
    database.tick().expect("run a tick");
    drop(database);
    let id = run.id();
    drop(run);
    let database = create(&path);
    let run = database.run(id).expect("find the run");
    sealed(&run, &mut history);
    floor();
}

/// Reads sealed points. Each consists of three numbers: step, time and value.
fn sealed(run: &Run, history: &mut MetricHistory) {
    let took = median(9, || {
        assert_eq!(run.history("loss").expect("read the history").len(), POINTS);
    });
    print("1 M points sealed: fresh columns", &millions(took));
    let took = median(9, || {
        run.read_history("loss", history).expect("read the history");
        assert_eq!(history.len(), POINTS);
    });
    print("1 M points sealed: reused columns", &millions(took));
}

/// Measures the floor: decompression of the same steps, times and values by bare pco, in chunks of
/// the same size as in a block.
fn floor() {
    let config = pco::ChunkConfig::default()
        .with_compression_level(PCO_LEVEL)
        .with_paging_spec(pco::PagingSpec::EqualPagesUpTo(PCO_CHUNK_POINTS));
    let steps: Vec<i64> = (0..POINTS as i64).collect();
    let pack = |numbers: &[i64]| pco::standalone::simple_compress(numbers, &config);
    let integers = [steps, times(2, POINTS)].map(|numbers| pack(&numbers).expect("compress"));
    let values = curve(Curve::ALL[0], 1, POINTS);
    let values = pco::standalone::simple_compress(&values, &config).expect("compress");
    let took = median(9, || {
        for packed in &integers {
            let back: Vec<i64> = pco::standalone::simple_decompress(packed).expect("decompress");
            assert_eq!(back.len(), POINTS);
        }
        let back: Vec<f64> = pco::standalone::simple_decompress(&values).expect("decompress");
        assert_eq!(back.len(), POINTS);
    });
    print("  floor: pco alone, fresh columns", &millions(took));
    let mut integer_columns = [vec![0_i64; POINTS], vec![0_i64; POINTS]];
    let mut value_column = vec![0_f64; POINTS];
    let took = median(9, || {
        for (packed, column) in integers.iter().zip(&mut integer_columns) {
            let progress = pco::standalone::simple_decompress_into(packed, column);
            assert_eq!(progress.expect("decompress").n_processed, POINTS);
        }
        let progress = pco::standalone::simple_decompress_into(&values, &mut value_column);
        assert_eq!(progress.expect("decompress").n_processed, POINTS);
    });
    print("  floor: pco alone, reused columns", &millions(took));
}

/// Formats points per second and numbers per second. A point is three numbers.
fn millions(took: Duration) -> String {
    let points = POINTS as f64 / took.as_secs_f64() / 1e6;
    format!("{points:.0} M points/s = {:.0} M numbers/s", 3.0 * points)
}

fn gigabytes(bytes: usize, took: Duration) -> String {
    format!("{:.2} GB/s", bytes as f64 / took.as_secs_f64() / 1e9)
}

/// Fills the three columns of a history without reading anything.
fn fill_columns() {
    let mut history = MetricHistory::default();
    for step in 0..POINTS as i64 {
        history.push(MetricPoint { step, time: Timestamp::from_nanos(step), value: 0.5 });
    }
    std::hint::black_box(&history);
}

fn read_file(path: &Path) {
    let mut file = std::fs::File::open(path).expect("open the file");
    let mut buffer = vec![0; 256 * 1024];
    while file.read(&mut buffer).expect("read the file") > 0 {}
}

/// Measures how long SQLite takes to copy the rows of an index into tables and indexes like it.
fn copy_by_sqlite(index: &Path, copy: &Path) -> Duration {
    let sqlite = rusqlite::Connection::open(index).expect("open the index");
    sqlite.execute("ATTACH ?1 AS copy", [copy.to_str()]).expect("attach the copy");
    let texts = |kind: &str| {
        let mut listed = sqlite
            .prepare("SELECT name, sql FROM main.sqlite_schema WHERE type = ?1 AND sql NOT NULL")
            .expect("prepare the statement");
        let rows = listed.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.expect("query the schema").collect::<Result<Vec<(String, String)>, _>>().expect("rows")
    };
    let tables: Vec<_> =
        texts("table").into_iter().filter(|(name, _)| !name.starts_with("sqlite_")).collect();
    let mut script = String::from("PRAGMA copy.synchronous = OFF; BEGIN;\n");
    for (kind, text) in tables
        .iter()
        .map(|(_, text)| ("TABLE", text))
        .chain(texts("index").iter().map(|(_, text)| ("INDEX", text)))
    {
        let text = text.replacen(&format!("{kind} "), &format!("{kind} copy."), 1);
        script.push_str(&format!("{text};\n"));
    }
    for (name, _) in &tables {
        let columns = stored_columns(&sqlite, name);
        script.push_str(&format!(
            "INSERT INTO copy.{name} ({columns}) SELECT {columns} FROM main.{name};\n"
        ));
    }
    script.push_str("COMMIT;");
    let began = Instant::now();
    sqlite.execute_batch(&script).expect("copy the rows");
    began.elapsed()
}

/// Returns the columns of a table except the computed ones.
fn stored_columns(sqlite: &rusqlite::Connection, table: &str) -> String {
    let mut listed = sqlite
        .prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")
        .expect("prepare the statement");
    let names = listed.query_map([table], |row| row.get(0)).expect("query the columns");
    names.collect::<Result<Vec<String>, _>>().expect("read the names").join(", ")
}

fn opening() {
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let path = folder.path().join("runs.tracklite");
    let cache = folder.path().join("cache");
    let open = || {
        let place = IndexPlace::Directory(cache.clone());
        Database::builder().create(true).index(place).open(&path).expect("open the database")
    };
    let database = open();
    let experiment = database.experiment("/bench").expect("open the experiment");
    for number in 0..RUNS {
        let params = (0..20).map(|param| (format!("param-{param}"), number * param));
        let run = experiment.new_run().params(params).start().expect("start a run");
        run.log_metrics(&[("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 4.0), ("e", 5.0)], 0)
            .expect("log a row");
    }
    drop(experiment);
    database.close().expect("close the database");
    let look = |database: &Database| {
        let table = database.sql("SELECT count(*) FROM params").expect("count the params");
        assert_eq!(table.rows.len(), 1);
    };
    let began = Instant::now();
    let database = open();
    look(&database);
    let rows = RUNS * 27;
    let rate = rows as f64 / began.elapsed().as_secs_f64();
    print("20,000 runs: index rebuilt", &format!("{:.0} k rows/s", rate / 1e3));
    let index = database.info().expect("read the facts").index_path.expect("an index on disk");
    drop(database);
    let rate = rows as f64 / copy_by_sqlite(&index, &folder.path().join("copy")).as_secs_f64();
    print("  floor: SQLite copies the tables", &format!("{:.0} k rows/s", rate / 1e3));
    let took = median(9, || {
        read_file(&path);
        let sqlite = rusqlite::Connection::open(&index).expect("open the index");
        let count = sqlite.query_row("SELECT count(*) FROM experiments", (), |row| row.get(0));
        assert!(count.is_ok_and(|count: i64| count > 1));
    });
    print("  floor: file read once, index queried by SQLite", &format!("{took:.2?}"));
    let took = median(9, || {
        let database = open();
        database.sql("SELECT 1").expect("run a query");
    });
    print("20,000 runs: open and close, index in place", &format!("{took:.2?}"));
    let took = median(9, || {
        let reader = Database::builder().read_only(true);
        let reader = reader.index(IndexPlace::Directory(cache.clone())).open(&path);
        reader.expect("open to read").sql("SELECT 1").expect("run a query");
    });
    print("20,000 runs: open to read, index in place", &format!("{took:.2?}"));
}
