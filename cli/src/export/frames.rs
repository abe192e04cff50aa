//! Parquet and Arrow IPC files, written by polars.

use polars::prelude::{
    CompatLevel, DataFrame, IpcWriter, ParquetCompression, ParquetWriter, SerWriter as _,
};
use tracklite::table::Table;
use tracklite::{Error, ErrorKind, Result};

use super::output::Output;
use crate::common_args::ExportFormat;

/// Writes a table in a binary format.
pub(super) fn write(table: Table, format: ExportFormat, out: &mut Output<'_>) -> Result<()> {
    let mut frame: DataFrame = table.try_into()?;
    let written = match format {
        ExportFormat::Parquet => parquet(&mut frame, out),
        ExportFormat::Arrow => arrow(&mut frame, out),
        _ => Err(Error::new(ErrorKind::InvalidInput, "not a binary format")),
    };
    written.map_err(|error| error.with_path(out.name()))
}

/// Compresses with zstd at its default level 3.
fn parquet(frame: &mut DataFrame, out: &mut Output<'_>) -> Result<()> {
    let writer = ParquetWriter::new(out).with_compression(ParquetCompression::Zstd(None));
    writer.finish(frame).map(drop).map_err(failed)
}

/// Uses layouts that old readers can read.
fn arrow(frame: &mut DataFrame, out: &mut Output<'_>) -> Result<()> {
    let mut writer = IpcWriter::new(out).with_compat_level(CompatLevel::oldest());
    writer.finish(frame).map_err(failed)
}

fn failed(source: polars::error::PolarsError) -> Error {
    Error::new(ErrorKind::Io, "writing the table").with_source(source)
}
