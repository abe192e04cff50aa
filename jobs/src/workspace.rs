//! Paths of the workspace, which are below a folder of this machine.

use std::path::{Path, PathBuf};

/// Returns the file of a path of the workspace. A notebook may be named without its extension.
pub(crate) fn found(workspace: Option<&Path>, path: &str) -> Result<PathBuf, String> {
    let (root, inside) = place(workspace, path)?;
    let plain = root.join(inside);
    let names = ["", ".py", ".ipynb"].map(|end| PathBuf::from(format!("{}{end}", plain.display())));
    let Some(file) = names.iter().find(|name| name.is_file()) else {
        return Err(format!(
            "{path:?} does not exist in the workspace: expected {inside}.py there"
        ));
    };
    contained(&root, file, path)
}

/// Returns the folder of a path of the workspace.
pub(crate) fn folder(workspace: Option<&Path>, path: &str) -> Result<PathBuf, String> {
    let (root, inside) = place(workspace, path)?;
    let folder = root.join(inside);
    if !folder.is_dir() {
        return Err(format!("the folder {path:?} does not exist in the workspace: create it"));
    }
    contained(&root, &folder, path)
}

/// Returns the folder of the workspace, and a path below it.
fn place<'p>(workspace: Option<&Path>, path: &'p str) -> Result<(PathBuf, &'p str), String> {
    let Some(root) = workspace else {
        return Err(format!(
            "{path:?} cannot be found, because there is no folder of the workspace: start the \
             runner with --workspace-folder"
        ));
    };
    let root = root.canonicalize().map_err(|error| {
        format!("the folder of the workspace {:?} cannot be opened: {error}", root.display())
    })?;
    let inside = path.strip_prefix("file:").unwrap_or(path);
    let inside = inside.strip_prefix("/Workspace/").unwrap_or(inside).trim_start_matches('/');
    Ok((root, inside))
}

/// Returns the file, without links, if it is below the folder.
fn contained(root: &Path, file: &Path, path: &str) -> Result<PathBuf, String> {
    let file =
        file.canonicalize().map_err(|error| format!("{path:?} cannot be opened: {error}"))?;
    match file.starts_with(root) {
        true => Ok(file),
        false => {
            Err(format!("{path:?} leads out of the folder of the workspace: expected a file in it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_folder_are_found() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("workspace");
        std::fs::create_dir_all(root.join("Users/ada")).unwrap();
        std::fs::write(root.join("Users/ada/train.py"), "").unwrap();
        std::fs::write(parent.path().join("secret.py"), "").unwrap();
        std::os::unix::fs::symlink(parent.path().join("secret.py"), root.join("link.py")).unwrap();
        let find = |path: &str| found(Some(&root), path);
        let expected = root.canonicalize().unwrap().join("Users/ada/train.py");
        let names = ["/Users/ada/train", "Users/ada/train.py", "/Workspace/Users/ada/train"];
        for path in names.into_iter().chain(["file:/Users/ada/train.py"]) {
            assert_eq!(find(path).as_ref(), Ok(&expected), "{path}");
        }
        for (path, wanted) in [
            ("/Users/ada/other", "does not exist"),
            ("/link", "leads out"),
            ("/../secret", "leads out"),
            ("/Users/ada", "does not exist"),
        ] {
            let message = find(path).unwrap_err();
            assert!(message.contains(wanted), "{path}: {message}");
        }
        let inside = folder(Some(&root), "/Users/ada").unwrap();
        assert_eq!(inside, root.canonicalize().unwrap().join("Users/ada"));
        assert!(folder(Some(&root), "/Users/bob").unwrap_err().contains("does not exist"));
        assert!(found(None, "/a").unwrap_err().contains("--workspace-folder"));
    }
}
