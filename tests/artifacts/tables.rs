//! Data frames stored as artifacts.

use std::io::Cursor;

use polars::prelude::{DataFrame, IntoColumn, NamedFrom, ParquetReader, SerReader, Series};

use crate::common::{TestDatabase, start_run};

#[test]
fn a_table_is_stored_as_parquet_and_read_back() {
    let database = TestDatabase::quiet();
    let steps = Series::new("step".into(), (0..1000_i64).collect::<Vec<_>>());
    let loss = |step: i32| if step == 7 { None } else { Some(1.0 / f64::from(step + 1)) };
    let losses = (0..1000).map(loss);
    let losses = Series::new("loss".into(), losses.collect::<Vec<Option<f64>>>());
    let columns = vec![steps.into_column(), losses.into_column()];
    let table = DataFrame::new_infer_height(columns).unwrap();
    let run = start_run(&database, "");
    run.log_table(&table, "eval/losses.parquet").unwrap();
    let info = run.artifacts().info("eval/losses.parquet").unwrap();
    assert_eq!(info.media_type.as_deref(), Some("application/vnd.apache.parquet"));
    let bytes = run.artifacts().read("eval/losses.parquet").unwrap();
    assert!(bytes.starts_with(b"PAR1") && info.size == Some(bytes.len() as u64));
    let read = ParquetReader::new(Cursor::new(&bytes)).finish().unwrap();
    assert!(read.equals_missing(&table), "{read}");
    assert!(run.log_table(&table, "../losses.parquet").is_err());
}
