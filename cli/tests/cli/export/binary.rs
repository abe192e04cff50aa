//! Parquet and Arrow IPC, read back by polars.

use std::fs;

use polars::prelude::{
    AnyValue, DataFrame, DataType, IpcReader, ParquetReader, SerReader as _, TimeUnit, TimeZone,
};

use super::{MISSING, TABLES, Texts, as_number, careful, csv_texts};

/// Formats a value like a CSV field.
fn text(value: &AnyValue<'_>) -> String {
    match value {
        AnyValue::Null => MISSING.to_owned(),
        AnyValue::String(text) => (*text).to_owned(),
        AnyValue::StringOwned(text) => text.to_string(),
        AnyValue::Int64(number) => number.to_string(),
        AnyValue::Float64(number) if number.is_nan() => "NaN".to_owned(),
        AnyValue::Float64(number) if number.is_infinite() => {
            (if *number > 0.0 { "Infinity" } else { "-Infinity" }).to_owned()
        }
        AnyValue::Float64(number) => format!("float {number:?}"),
        AnyValue::Datetime(nanos, TimeUnit::Nanoseconds, Some(zone)) if **zone == TimeZone::UTC => {
            format!("nanos {nanos}")
        }
        other => panic!("unexpected value {other:?}"),
    }
}

/// Parses a time of this century in a CSV field to nanoseconds.
fn nanos(field: &str) -> String {
    let number = |range: std::ops::Range<usize>| -> i64 { field[range].parse().expect("digits") };
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let is_leap = |year: i64| year % 4 == 0;
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30];
    let months: i64 = lengths.iter().take(usize::try_from(month - 1).unwrap()).sum();
    let years: i64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let hours = (years + months + day - 1) * 24 + number(11..13);
    let seconds = (hours * 60 + number(14..16)) * 60 + number(17..19);
    format!("nanos {}", seconds * 1_000_000_000 + number(20..29))
}

fn texts(frame: &DataFrame) -> Texts {
    let names = frame.get_column_names().iter().map(ToString::to_string).collect();
    let row = |at| {
        let values = frame.columns().iter().map(|column| column.get(at).expect("a row"));
        values.map(|value| text(&value)).collect()
    };
    Texts { names, rows: (0..frame.height()).map(row).collect() }
}

fn read(bytes: Vec<u8>, format: &str) -> DataFrame {
    let cursor = std::io::Cursor::new(bytes);
    let frame = match format {
        "parquet" => ParquetReader::new(cursor).finish(),
        _ => IpcReader::new(cursor).finish(),
    };
    frame.expect("the file can be read back")
}

#[test]
fn binary_formats_have_the_same_values_as_csv() {
    let sample = careful();
    for table in TABLES {
        let mut wanted = csv_texts(&sample.export(table, &["--deleted"]));
        for row in &mut wanted.rows {
            for (name, field) in wanted.names.iter().zip(row) {
                let is_time = ["timestamp", "start_time", "end_time"].contains(&name.as_str());
                *field = if is_time && field != MISSING {
                    nanos(field)
                } else {
                    as_number(table, name, field)
                };
            }
        }
        for format in ["parquet", "arrow"] {
            let out = sample.path(&format!("{table}.{format}"));
            let path = out.to_str().expect("the path is UTF-8");
            sample.export(table, &["--deleted", "-o", path]);
            let bytes = fs::read(&out).expect("the file exists");
            assert_eq!(texts(&read(bytes.clone(), format)), wanted, "{table} as {format}");
            let printed = sample.run("export", &[table, "--deleted", "--format", format]).stdout;
            assert!(printed == bytes, "{table} as {format} in a pipe");
        }
    }
}

#[test]
fn an_export_without_rows_has_its_columns_and_types() {
    let sample = careful();
    for format in ["parquet", "arrow"] {
        let columns = "run_id,start_time,metrics.loss,params.rate";
        let arguments = ["runs", "run_name = ''", "--columns", columns, "--format", format];
        let frame = read(sample.run("export", &arguments).stdout, format);
        assert_eq!(frame.height(), 0);
        let time = DataType::Datetime(TimeUnit::Nanoseconds, Some(TimeZone::UTC));
        let wanted = [DataType::String, time, DataType::Float64, DataType::String];
        assert_eq!(frame.dtypes(), wanted, "{format}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_in_each_format() {
    let sample = careful();
    for format in ["csv", "jsonl", "parquet", "arrow"] {
        let full = fs::File::options().write(true).open("/dev/full").expect("Linux has this");
        let mut command = super::super::program(sample.folder.path());
        command.arg("export").arg(&sample.file).args(["runs", "--format", format]);
        let output = command.stdout(full).output().expect("the program runs");
        let message = super::super::failure_of(&output);
        assert!(message.contains("standard output"), "{format}: {message}");
    }
}
