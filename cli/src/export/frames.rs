//! Data frames as files: Parquet and Arrow IPC.

use polars::prelude::DataFrame;
use polars::prelude::{CompatLevel, IpcWriter, SerWriter as _};
use polars::prelude::{ParquetCompression, ParquetWriter};

use super::super::args::ExportFormat;
use super::output::Output;
use tracklite::{Error, ErrorKind, Result, Table};

/// Writes a table in a binary format.
pub(super) fn write(table: Table, format: ExportFormat, out: &mut Output<'_>) -> Result<()> {
    let mut frame = table.try_into()?;
    let written = match format {
                ExportFormat::Parquet => parquet(&mut frame, out),
                ExportFormat::Arrow => arrow(&mut frame, out),
        _ => Err(Error::new(ErrorKind::InvalidInput, "frames have no such format")),
    };
    written.map_err(|error| error.with_path(out.name()))
}

/// Packed by zstd at its own level, which is 3.
fn parquet(frame: &mut DataFrame, out: &mut Output<'_>) -> Result<()> {
    let writer = ParquetWriter::new(out).with_compression(ParquetCompression::Zstd(None));
    writer.finish(frame).map(drop).map_err(failed)
}

/// With the layouts that older readers know, too.
fn arrow(frame: &mut DataFrame, out: &mut Output<'_>) -> Result<()> {
    let mut writer = IpcWriter::new(out).with_compat_level(CompatLevel::oldest());
    writer.finish(frame).map_err(failed)
}

fn failed(source: polars::error::PolarsError) -> Error {
    Error::new(ErrorKind::Io, "writing the frame").with_source(source)
}
