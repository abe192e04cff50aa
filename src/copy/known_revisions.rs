//! The revisions of saved views and endpoints of a file, for its copies and its checks.

use std::collections::HashMap;

use crate::format::record::Record;

/// The nouns whose changes have revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Revised {
    View,
    Endpoint,
}

impl Revised {
    /// Returns the word for it in reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Revised::View => "view",
            Revised::Endpoint => "endpoint",
        }
    }
}

/// The highest revision of each view and endpoint, also of deleted ones.
#[derive(Debug, Default)]
pub(crate) struct KnownRevisions {
    revisions: HashMap<(Revised, String), u64>,
}

/// A record whose revision is not above the known one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overtaken<'r> {
    pub(crate) noun: Revised,
    pub(crate) name: &'r str,
    pub(crate) known: u64,
    pub(crate) revision: u64,
}

impl Overtaken<'_> {
    /// Returns the place, the expected and the found value.
    pub(crate) fn words(&self) -> (String, String, String) {
        let place = format!("change of {} {:?}", self.noun.as_str(), self.name);
        (place, format!("a revision above {}", self.known), self.revision.to_string())
    }
}

impl KnownRevisions {
    /// Applies a record.
    pub(crate) fn note(&mut self, record: &Record) {
        let Some((noun, name, revision)) = about(record) else { return };
        let known = self.revisions.entry((noun, name.to_owned())).or_default();
        *known = revision.max(*known);
    }

    /// Returns whether a copy needs the record: it is the last one of its view or endpoint.
    ///
    /// A deletion is kept, so that the copy does not use its revision again.
    pub(crate) fn keeps(&self, record: &Record) -> bool {
        about(record).is_none_or(|(noun, name, revision)| {
            self.revisions.get(&(noun, name.to_owned())) == Some(&revision)
        })
    }

    /// Returns the record's revision and the known one, if it is not above that.
    pub(crate) fn overtaken<'r>(&self, record: &'r Record) -> Option<Overtaken<'r>> {
        let (noun, name, revision) = about(record)?;
        let known = *self.revisions.get(&(noun, name.to_owned()))?;
        (revision <= known).then_some(Overtaken { noun, name, known, revision })
    }
}

/// Returns the view or endpoint that the record is about, and its revision.
fn about(record: &Record) -> Option<(Revised, &str, u64)> {
    match record {
        Record::ViewSaved(change) => Some((Revised::View, &change.name, change.revision)),
        Record::ViewDeleted(change) => Some((Revised::View, &change.name, change.revision)),
        Record::EndpointSaved(change) => Some((Revised::Endpoint, &change.name, change.revision)),
        Record::EndpointDeleted(change) => Some((Revised::Endpoint, &change.name, change.revision)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::{EndpointDeleted, ViewDeleted, ViewSaved};

    fn saved(name: &str, revision: u64) -> Record {
        let (name, state, author) = (name.to_owned(), "{}".to_owned(), "ada".to_owned());
        ViewSaved { name, state, author, revision, created: 1, time: 2 }.into()
    }

    fn deleted(name: &str, revision: u64) -> Record {
        let (name, author) = (name.to_owned(), "ada".to_owned());
        ViewDeleted { name, author, revision, time: 3 }.into()
    }

    fn endpoint_deleted(name: &str, revision: u64) -> Record {
        let (name, author) = (name.to_owned(), "ada".to_owned());
        EndpointDeleted { name, author, revision, time: 3 }.into()
    }

    #[test]
    fn a_copy_needs_the_last_record_of_each_name() {
        let records = [
            saved("a", 1),
            saved("a", 2),
            endpoint_deleted("a", 1),
            saved("b", 1),
            deleted("b", 2),
        ];
        let mut known = KnownRevisions::default();
        records.iter().for_each(|record| known.note(record));
        let kept = records.iter().map(|record| known.keeps(record));
        assert_eq!(kept.collect::<Vec<_>>(), [false, true, true, false, true]);
    }

    #[test]
    fn a_revision_that_does_not_go_up_is_noticed() {
        let mut revisions = KnownRevisions::default();
        let overtaken = |revisions: &KnownRevisions, record: &Record| {
            revisions.overtaken(record).map(|found| (found.noun, found.known, found.revision))
        };
        assert_eq!(overtaken(&revisions, &saved("a", 5)), None);
        revisions.note(&saved("a", 5));
        assert_eq!(overtaken(&revisions, &saved("a", 6)), None);
        assert_eq!(overtaken(&revisions, &saved("a", 5)), Some((Revised::View, 5, 5)));
        assert_eq!(overtaken(&revisions, &deleted("a", 4)), Some((Revised::View, 5, 4)));
        revisions.note(&saved("a", 3));
        assert_eq!(overtaken(&revisions, &saved("a", 4)), Some((Revised::View, 5, 4)));
        assert_eq!(overtaken(&revisions, &saved("b", 1)), None);
        assert_eq!(overtaken(&revisions, &endpoint_deleted("a", 1)), None);
        revisions.note(&endpoint_deleted("a", 1));
        let found = overtaken(&revisions, &endpoint_deleted("a", 1));
        assert_eq!(found, Some((Revised::Endpoint, 1, 1)));
    }
}
