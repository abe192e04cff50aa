//! The program `tracklite`; everything it does is in `tracklite::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tracklite::cli::run()
}
