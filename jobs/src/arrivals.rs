//! Files that arrive in a folder of the workspace.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use tracklite::Timestamp;

/// The most files and folders that are looked at.
const FILES_MAX: usize = 10_000;
/// How old a change must be before it counts. The clock of files has coarse ticks, and another file
/// of the same tick must not be missed.
const SETTLED: i64 = 50_000_000;

/// Returns when the newest file below a folder arrived, if that was after a time. Files whose
/// change is no older than `wait` nanoseconds make it wait: then there is none.
pub(crate) fn newest(
    folder: &Path,
    after: Timestamp,
    now: Timestamp,
    wait: i64,
) -> io::Result<Option<Timestamp>> {
    let (mut folders, mut found, mut count) = (vec![folder.to_owned()], None, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            count += 1;
            if count > FILES_MAX {
                let text = format!("it has more than {FILES_MAX} files: move some away");
                return Err(io::Error::other(text));
            }
            let entry = entry?;
            // A file may be gone by now. Links are not followed.
            let Ok(facts) = entry.metadata() else { continue };
            if facts.is_dir() {
                folders.push(entry.path());
            } else if facts.is_file() {
                found = found.max(Some(arrival(&facts)));
            }
        }
    }
    let settled = now.as_nanos().saturating_sub(wait.max(SETTLED));
    Ok(found.filter(|time| *time > after && time.as_nanos() <= settled))
}

/// Returns when a file was last written, renamed or linked. Unlike the time of its content, no
/// program sets it back.
fn arrival(facts: &Metadata) -> Timestamp {
    let nanos = facts.ctime().saturating_mul(1_000_000_000).saturating_add(facts.ctime_nsec());
    Timestamp::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_files_count_when_they_have_settled_also_in_folders_below() {
        let folder = tempfile::tempdir().unwrap();
        let (root, elsewhere) = (folder.path().join("in"), folder.path().join("old"));
        std::fs::create_dir_all(root.join("deep")).unwrap();
        std::fs::write(&elsewhere, "x").unwrap();
        let now = || Timestamp::now();
        let later = |time: Timestamp| Timestamp::from_nanos(time.as_nanos() + 3_600_000_000_000);
        let before = Timestamp::from_nanos(now().as_nanos() - 1_000_000_000);
        assert_eq!(newest(&root, before, later(now()), 0).unwrap(), None, "there are no files");
        std::fs::write(root.join("deep/a"), "x").unwrap();
        assert_eq!(newest(&root, before, before, 0).unwrap(), None, "it has not settled");
        let first = newest(&root, before, later(now()), 0).unwrap().unwrap();
        assert_eq!(newest(&root, first, later(now()), 0).unwrap(), None, "it was seen");
        let hours = 2 * 3_600_000_000_000;
        assert_eq!(newest(&root, before, later(now()), hours).unwrap(), None, "it must wait");
        // An old file that is moved into the folder arrives now.
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::rename(&elsewhere, root.join("b")).unwrap();
        assert!(newest(&root, first, later(now()), 0).unwrap().unwrap() > first);
    }
}
