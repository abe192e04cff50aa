//! Finding the Python that runs the workers.

use std::path::{Path, PathBuf};

/// Returns the path of a program: as it is if it has several parts, else searched in `PATH`.
///
/// Links are not resolved, because a virtual environment is found by the path of its link.
pub(crate) fn found(program: &Path) -> Result<PathBuf, String> {
    if program.components().count() > 1 {
        return std::path::absolute(program).map_err(|error| missing(program, &error.to_string()));
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&folders).map(|folder| folder.join(program));
    let place = places.find(|place| place.is_file());
    place.ok_or_else(|| missing(program, "no folder of the variable PATH has it"))
}

fn missing(program: &Path, reason: &str) -> String {
    format!(
        "there is no Python {:?} ({reason}): set `--python` or TRACKLITE_PYTHON to one that has \
         mlflow",
        program.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_searched_in_the_path() {
        let shell = found(Path::new("sh")).unwrap();
        assert!(shell.is_absolute() && shell.ends_with("sh"), "{shell:?}");
        assert_eq!(found(&shell), Ok(shell));
        assert!(found(Path::new("a/b")).unwrap().is_absolute());
        let message = found(Path::new("no-such-program")).unwrap_err();
        assert!(message.contains("--python"), "{message}");
    }
}
