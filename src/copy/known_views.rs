//! The saved views of a file, for its copies and its checks.

use std::collections::HashMap;

use crate::format::record::Record;

/// The highest revision of each view, also of deleted ones.
#[derive(Debug, Default)]
pub(crate) struct KnownViews {
    revisions: HashMap<String, u64>,
}

impl KnownViews {
    /// Applies a record.
    pub(crate) fn note(&mut self, record: &Record) {
        let Some((name, revision)) = about(record) else { return };
        match self.revisions.get_mut(name) {
            Some(known) => *known = revision.max(*known),
            None => drop(self.revisions.insert(name.to_owned(), revision)),
        }
    }

    /// Returns whether a copy needs the record: it is the last one of its view.
    ///
    /// A deletion is kept, so that the copy does not use its revision again.
    pub(crate) fn keeps(&self, record: &Record) -> bool {
        about(record).is_none_or(|(name, revision)| self.revisions.get(name) == Some(&revision))
    }

    /// Returns the name, the known revision and that of the record, if it is not above the known
    /// one.
    pub(crate) fn overtaken<'r>(&self, record: &'r Record) -> Option<(&'r str, u64, u64)> {
        let (name, revision) = about(record)?;
        let known = *self.revisions.get(name)?;
        (revision <= known).then_some((name, known, revision))
    }
}

/// Returns the name of the view that the record is about, and its revision.
fn about(record: &Record) -> Option<(&str, u64)> {
    match record {
        Record::ViewSaved(change) => Some((&change.name, change.revision)),
        Record::ViewDeleted(change) => Some((&change.name, change.revision)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::{ViewDeleted, ViewSaved};

    fn saved(name: &str, revision: u64) -> Record {
        let (name, state, author) = (name.to_owned(), "{}".to_owned(), "ada".to_owned());
        ViewSaved { name, state, author, revision, created: 1, time: 2 }.into()
    }

    fn deleted(name: &str, revision: u64) -> Record {
        let (name, author) = (name.to_owned(), "ada".to_owned());
        ViewDeleted { name, author, revision, time: 3 }.into()
    }

    #[test]
    fn a_copy_needs_the_last_record_of_each_view() {
        let records = [saved("a", 1), saved("a", 2), saved("b", 1), deleted("b", 2)];
        let mut views = KnownViews::default();
        records.iter().for_each(|record| views.note(record));
        let kept = records.iter().map(|record| views.keeps(record));
        assert_eq!(kept.collect::<Vec<_>>(), [false, true, false, true]);
    }

    #[test]
    fn a_revision_that_does_not_go_up_is_noticed() {
        let mut views = KnownViews::default();
        assert_eq!(views.overtaken(&saved("a", 5)), None);
        views.note(&saved("a", 5));
        assert_eq!(views.overtaken(&saved("a", 6)), None);
        assert_eq!(views.overtaken(&saved("a", 5)), Some(("a", 5, 5)));
        assert_eq!(views.overtaken(&deleted("a", 4)), Some(("a", 5, 4)));
        views.note(&saved("a", 3));
        assert_eq!(views.overtaken(&saved("a", 4)), Some(("a", 5, 4)));
        assert_eq!(views.overtaken(&saved("b", 1)), None);
    }
}
