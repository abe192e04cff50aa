//! The folders of a file, for its copies.

use std::collections::HashSet;

use crate::format::record::Record;

/// The folders that exist.
#[derive(Debug, Default)]
pub(crate) struct KnownFolders {
    paths: HashSet<String>,
}

impl KnownFolders {
    /// Applies a record.
    pub(crate) fn note(&mut self, record: &Record) {
        match record {
            Record::FolderMade(folder) => drop(self.paths.insert(folder.path.clone())),
            Record::FolderRemoved(folder) => drop(self.paths.remove(&folder.path)),
            _ => {}
        }
    }

    /// Returns whether a copy needs the record: it makes a folder that exists.
    pub(crate) fn keeps(&self, record: &Record) -> bool {
        match record {
            Record::FolderMade(folder) => self.paths.contains(&folder.path),
            Record::FolderRemoved(_) => false,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::{FolderMade, FolderRemoved};

    #[test]
    fn a_copy_needs_the_folders_that_exist() {
        let made = |path: &str| FolderMade { path: path.to_owned(), time: 1 }.into();
        let removed = FolderRemoved { path: "/a".to_owned(), time: 2 }.into();
        let records: [Record; 3] = [made("/a"), made("/b"), removed];
        let mut folders = KnownFolders::default();
        records.iter().for_each(|record| folders.note(record));
        let kept = records.iter().map(|record| folders.keeps(record));
        assert_eq!(kept.collect::<Vec<_>>(), [false, true, false]);
    }
}
