//! What the fuzz targets share: the choices that an input stands for, and the replay on stable.
//!
//! Under `cargo fuzz` each target is a libFuzzer program. Built as usual it has a plain `main` that
//! replays its saved inputs (`fuzz/corpus/TARGET`, or the files that are named), each as it is and
//! changed in a fixed number of pseudo-random ways, so that the same run always tries the same.

mod choices;
mod model;
mod models;
mod replay;
mod sparse;

pub use choices::Choices;
pub use model::{Model, ModelExperiment, ModelRun};
pub use models::{Files, ModelLogged, ModelRegistered, ModelVersionState};
pub use replay::replay;
pub use sparse::{pack, unpack};

/// A folder that goes away when dropped, in memory where there is one.
///
/// # Panics
///
/// When there is no room for a folder anywhere.
#[must_use]
pub fn temporary_folder() -> tempfile::TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    in_memory.expect("a temporary folder")
}

/// Makes a program of a target: a function of the input, and the inputs to begin with by name.
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
