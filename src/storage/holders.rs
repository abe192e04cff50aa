//! The holders of a lock, found through `/proc` for error messages.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// Describes the processes with a lock on one of `positions` of the file with this inode.
///
/// Processes of other users or outside of a container may be missing. This scans all open files of
/// all visible processes, which takes milliseconds.
pub(super) fn lock_holders(inode: u64, positions: &Range<u64>) -> Vec<String> {
    let mut found = BTreeSet::new();
    for process in numbered_entries(Path::new("/proc")) {
        if holds_lock(process, inode, positions) {
            found.insert(process);
        }
    }
    found.into_iter().map(describe).collect()
}

fn numbered_entries(folder: &Path) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn holds_lock(process: u32, inode: u64, positions: &Range<u64>) -> bool {
    let folder = format!("/proc/{process}/fdinfo");
    numbered_entries(Path::new(&folder)).any(|descriptor| {
        fs::read_to_string(format!("{folder}/{descriptor}"))
            .is_ok_and(|text| text.lines().any(|line| is_lock_on(line, inode, positions)))
    })
}

/// Returns whether a line of `fdinfo` is such a lock.
///
/// A line looks like `lock: 1: OFDLCK ADVISORY WRITE -1 fe:00:123 456 456`. The device is ignored
/// because on btrfs it differs from that of `stat`.
fn is_lock_on(line: &str, inode: u64, positions: &Range<u64>) -> bool {
    let Some(rest) = line.strip_prefix("lock:") else {
        return false;
    };
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let [_, "OFDLCK", _, _, _, file, first, last] = fields[..] else {
        return false;
    };
    let same_file = file.rsplit(':').next().and_then(|text| text.parse().ok()) == Some(inode);
    let first: u64 = first.parse().unwrap_or(u64::MAX);
    let last: u64 = last.parse().unwrap_or(u64::MAX);
    same_file && first < positions.end && positions.start <= last
}

/// Describes a process by its name, its number, and whether it is stopped.
fn describe(process: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    let name = if name.trim().is_empty() { "a program" } else { name.trim() };
    let stopped = if is_stopped(process) { ", stopped" } else { "" };
    format!("{name} (process {process}{stopped})")
}

fn is_stopped(process: u32) -> bool {
    let line = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name is in parentheses and may contain some itself. The state follows it.
    let state = line.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    matches!(state, Some('T' | 't'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_lines_of_proc_are_parsed() {
        let line = "lock:\t1: OFDLCK  ADVISORY  WRITE -1 fe:00:123 1000 1003";
        assert!(is_lock_on(line, 123, &(1003..1004)));
        assert!(is_lock_on(line, 123, &(0..1001)));
        assert!(!is_lock_on(line, 123, &(1004..1005)));
        assert!(!is_lock_on(line, 123, &(0..1000)));
        assert!(!is_lock_on(line, 124, &(1000..1001)));
        assert!(!is_lock_on(&line.replace("OFDLCK", "FLOCK"), 123, &(1000..1001)));
        assert!(!is_lock_on("flags:\t02100002", 123, &(1000..1001)));
        assert!(is_lock_on(&line.replace("1003", "EOF"), 123, &(5000..5001)));
    }
}
