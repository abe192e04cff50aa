//! Polars frames as Parquet artifacts.

use polars::prelude::{DataFrame, ParquetCompression, ParquetWriter};

use crate::artifact::Artifacts;
use crate::error::{Error, ErrorKind, Result};
use crate::run::Run;

impl Artifacts {
    /// Logs a polars frame as Parquet, compressed with zstd.
    ///
    /// The name in `path` should end in `.parquet`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if Parquet cannot store the frame.
    ///
    /// # Performance
    ///
    /// Holds the compressed table in memory.
    pub fn log_table(&self, table: &DataFrame, path: &str) -> Result<()> {
        let mut bytes = Vec::new();
        let writer = ParquetWriter::new(&mut bytes);
        let writer = writer.with_compression(ParquetCompression::Zstd(None));
        writer.finish(&mut table.clone()).map_err(|source| {
            let message = format!("cannot store the table {path:?} as Parquet");
            Error::new(ErrorKind::InvalidInput, message).with_source(source)
        })?;
        self.log_bytes(&bytes, path)
    }
}

impl Run {
    /// Logs a polars frame as a Parquet artifact, like [`Artifacts::log_table`].
    pub fn log_table(&self, table: &DataFrame, path: &str) -> Result<()> {
        self.artifacts().log_table(table, path)
    }
}
