//! The arguments of `tracklite importance`.

use clap::Args;

use crate::common_args::{FileArg, JsonFlag, SelectionArgs};

#[derive(Debug, Args)]
pub(crate) struct ImportanceArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Objective: metrics.KEY, or a statistic such as best.KEY
    pub(crate) objective: String,
    /// Use only the runs that match this filter
    #[arg(long, short, value_name = "FILTER", default_value = "", hide_default_value = true)]
    pub(crate) filter: String,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Take the logarithm of the objective
    #[arg(long)]
    pub(crate) log: bool,
    /// Params to leave out
    #[arg(long, short = 'x', value_name = "A,B,C", value_delimiter = ',')]
    pub(crate) exclude: Vec<String>,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}
