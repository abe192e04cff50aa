//! The arguments of `tracklite tables`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::common_args::{ExportFormat, FileArg, FileArgs, JsonFlag};

#[derive(Debug, Subcommand)]
pub(crate) enum TablesCommand {
    /// List tables
    Ls(FileArgs),
    /// Print the columns of a table
    Show(NameArgs),
    /// Print the writes of a table
    History(NameArgs),
    /// Print or save the rows of a table
    Read(ReadArgs),
    /// Merge the segments of a table, so that reads are faster
    Compact(NameArgs),
    /// Remove versions of a table permanently
    Forget(ForgetArgs),
    /// Drop a table with all its rows permanently
    Drop(NameArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Name of the table: catalog.schema.table
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    #[command(flatten)]
    pub(crate) table: NameArgs,
    /// The first version that stays readable, as in `tables history`
    #[arg(long, value_name = "NUMBER")]
    pub(crate) before: u64,
}

#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Name of the table: catalog.schema.table
    pub(crate) name: String,
    /// Columns, separated by commas [default: all]
    #[arg(long, short, value_delimiter = ',')]
    pub(crate) columns: Option<Vec<String>>,
    /// Rows as they were after the write with this number, as in `tables history`
    #[arg(long, short, value_name = "NUMBER")]
    pub(crate) version: Option<u64>,
    /// Format [default: by the extension of --out, or csv]
    #[arg(long, short)]
    pub(crate) format: Option<ExportFormat>,
    /// File to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
}
