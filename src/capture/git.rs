//! The git repository around a folder, inspected with the program `git`.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The largest patch captured, in bytes.
const PATCH_BYTES_MAX: u64 = 16 << 20;

/// A repository with at least one commit.
pub(super) struct Repository {
    folder: PathBuf,
    commit: String,
}

impl Repository {
    /// Returns the repository around `folder`, by default around the working directory.
    ///
    /// Returns `None` if there is no repository or no `git`.
    pub(super) fn around(folder: Option<&Path>) -> Option<Repository> {
        let folder = folder.map_or_else(|| PathBuf::from("."), Path::to_owned);
        let commit = output_of(&folder, &["rev-parse", "--verify", "HEAD"])?;
        Some(Repository { folder, commit })
    }

    /// Returns the tags for the commit, branch, remote URL, and whether there are changes.
    pub(super) fn tags(&self) -> Vec<(String, String)> {
        let branch = output_of(&self.folder, &["symbolic-ref", "--short", "HEAD"]);
        let address = output_of(&self.folder, &["config", "--get", "remote.origin.url"]);
        let changes = output_of(&self.folder, &["status", "--porcelain", "--untracked-files=no"]);
        let is_dirty = changes.is_some_and(|changes| !changes.is_empty());
        let facts = [
            ("mlflow.source.git.commit", Some(self.commit.clone())),
            ("mlflow.source.git.branch", branch),
            ("mlflow.source.git.repoURL", address.map(|address| without_password(&address))),
            ("mlflow.source.git.dirty", Some(is_dirty.to_string())),
        ];
        facts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }

    /// Returns the uncommitted changes of tracked files as a patch for `git apply`.
    ///
    /// Returns `None` if there are none, or more than [`PATCH_BYTES_MAX`].
    pub(super) fn patch(&self) -> Option<Vec<u8>> {
        let mut command = git(&self.folder, &["diff", "--binary", "--no-ext-diff", "HEAD"]);
        let mut child = command.stdout(Stdio::piped()).spawn().ok()?;
        let mut patch = Vec::new();
        let read =
            child.stdout.take().map(|out| out.take(PATCH_BYTES_MAX + 1).read_to_end(&mut patch));
        // Kill a child whose output is not fully read, because it would block forever on the pipe.
        let is_whole = matches!(read, Some(Ok(_))) && patch.len() as u64 <= PATCH_BYTES_MAX;
        if !is_whole {
            child.kill().ok();
        }
        let ended = child.wait().ok()?;
        (is_whole && ended.success() && !patch.is_empty()).then_some(patch)
    }
}

fn git(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(words).stdin(Stdio::null()).stderr(Stdio::null());
    // `git` must not prompt, and must not leave lock files behind when it only reads.
    command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
    // In a git hook, these variables point to the repository of the hook.
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    command
}

/// Returns the trimmed output of `git`, or `None` if it fails.
fn output_of(folder: &Path, words: &[&str]) -> Option<String> {
    let output = git(folder, words).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Removes the user name and password from a URL.
fn without_password(address: &str) -> String {
    let parts = address.split_once("://");
    match parts.and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?))) {
        Some((scheme, (user, host))) if !user.contains('/') => format!("{scheme}://{host}"),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_repository(folder: &Path, words: &[&str]) {
        let user = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"];
        let output = git(folder, &[&user[..], words].concat()).output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    #[test]
    fn commit_branch_and_changes_are_captured() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert!(Repository::around(Some(path)).is_none(), "there is none yet");
        in_repository(path, &["init", "--initial-branch", "try"]);
        assert!(Repository::around(Some(path)).is_none(), "it has no commit yet");
        std::fs::write(path.join("train.py"), "rate = 0.1\n").unwrap();
        in_repository(path, &["add", "train.py"]);
        in_repository(path, &["commit", "-m", "first"]);
        let tags = Repository::around(Some(path)).unwrap().tags();
        let tag = |key: &str| tags.iter().find(|(known, _)| known.ends_with(key));
        let value = |key: &str| tag(key).map(|(_, value)| &**value);
        assert_eq!(value("commit").map(str::len), Some(40));
        assert_eq!((value("branch"), value("dirty")), (Some("try"), Some("false")));
        assert_eq!(Repository::around(Some(path)).unwrap().patch(), None);

        std::fs::write(path.join("train.py"), "rate = 0.2\n").unwrap();
        let repository = Repository::around(Some(path)).unwrap();
        assert!(
            repository.tags().contains(&("mlflow.source.git.dirty".to_owned(), "true".to_owned()))
        );
        let patch = String::from_utf8(repository.patch().unwrap()).unwrap();
        assert!(patch.contains("-rate = 0.1\n+rate = 0.2\n"), "{patch}");
    }

    #[test]
    fn passwords_are_left_out_of_addresses() {
        assert_eq!(without_password("https://me:secret@host/a@b"), "https://host/a@b");
        assert_eq!(without_password("https://host/a@b"), "https://host/a@b");
        assert_eq!(without_password("git@host:a/b.git"), "git@host:a/b.git");
    }
}
