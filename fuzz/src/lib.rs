//! Shared by the fuzz targets: inputs as choices, the plain model, and the replay on stable.
//!
//! Under `cargo fuzz` each target is a libFuzzer program. Otherwise it has a plain `main` that
//! replays its saved inputs (`fuzz/corpus/TARGET`, or the named files). It tries each input
//! unchanged and with a fixed number of reproducible pseudorandom changes.

mod choices;
mod endpoints;
mod model;
mod models;
mod replay;
mod sparse;
mod tokens;
mod views;
mod webhooks;

pub use choices::Choices;
pub use endpoints::ModelEndpoint;
pub use model::{Model, ModelExperiment, ModelRun};
pub use models::{Files, ModelLogged, ModelRegistered, ModelVersionState};
pub use replay::replay;
pub use sparse::{pack, unpack};
pub use tokens::ModelToken;
pub use views::ModelView;
pub use webhooks::ModelWebhook;

/// Creates a folder that is deleted when dropped, in memory if possible.
///
/// # Panics
///
/// If no temporary folder can be created.
#[must_use]
pub fn temporary_folder() -> tempfile::TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    in_memory.expect("create a temporary folder")
}

/// Defines the program of a target from a function of the input and a function of named seeds.
#[macro_export]
macro_rules! fuzz_program {
    ($target:path, $seeds:path) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|input: &[u8]| $target(input));

        #[cfg(not(fuzzing))]
        fn main() -> std::process::ExitCode {
            $crate::replay(env!("CARGO_BIN_NAME"), $target, $seeds)
        }

        #[cfg(fuzzing)]
        const _: fn() -> Vec<(&'static str, Vec<u8>)> = $seeds;
    };
}
