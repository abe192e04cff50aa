//! The program `tracklite`. Everything it does is in the library `tracklite_cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(tracklite_cli::run(std::env::args_os()))
}
