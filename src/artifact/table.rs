//! Tables among the artifacts: polars frames, stored as Parquet.

use polars::prelude::{DataFrame, ParquetCompression, ParquetWriter};

use crate::artifact::Artifacts;
use crate::error::{Error, ErrorKind, Result};
use crate::run::Run;

impl Artifacts {
    /// Logs a polars frame as Parquet, packed by zstd; `path` should end in `.parquet`. Takes
    /// memory for the packed table.
    ///
    /// A frame that Parquet cannot tell is [`ErrorKind::InvalidInput`].
    pub fn log_table(&self, path: &str, table: &DataFrame) -> Result<()> {
        let mut bytes = Vec::new();
        let writer = ParquetWriter::new(&mut bytes);
        let writer = writer.with_compression(ParquetCompression::Zstd(None));
        writer.finish(&mut table.clone()).map_err(|source| {
            let message = format!("the table {path:?} cannot be told as Parquet");
            Error::new(ErrorKind::InvalidInput, message).with_source(source)
        })?;
        self.log_bytes(path, &bytes)
    }
}

impl Run {
    /// Logs a polars frame as an artifact in Parquet; see [`Artifacts::log_table`].
    pub fn log_table(&self, path: &str, table: &DataFrame) -> Result<()> {
        self.artifacts().log_table(path, table)
    }
}
