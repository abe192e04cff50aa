//! The places of the last changes of runs, of the registry with its endpoints, tables and jobs, and
//! of points logged as a batch.

use std::ops::RangeInclusive;

use crate::format::record::{
    ENDPOINT_KINDS, JOB_KINDS, Position, REGISTRY_KINDS, Record, SeriesDefined, TABLE_KINDS,
};

/// The first and the last kind of records of experiments, runs, logged models and artifacts.
const FIRST_KIND: u16 = 32;
const LAST_KIND: u16 = *REGISTRY_KINDS.start() - 1;
/// The kinds of records of the registry and of what follows from it.
const REGISTRY: [RangeInclusive<u16>; 4] = [REGISTRY_KINDS, ENDPOINT_KINDS, TABLE_KINDS, JOB_KINDS];

/// The places of the last record of each area, in the part of the chain that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    pub(super) runs: Position,
    pub(super) registry: Position,
    /// The last batch of points. It is sealed at once, so it never counts as live.
    pub(super) batches: Position,
}

impl Marks {
    /// Returns the marks of a reader that starts here. Any area may have changed before.
    pub(crate) fn at(position: Position) -> Marks {
        Marks { runs: position, registry: position, batches: position }
    }

    /// Notes a record of the frame that ends at `position`.
    pub(crate) fn note(&mut self, record: &Record, position: Position) {
        let (kind, ..) = record.tag();
        if REGISTRY.iter().any(|kinds| kinds.contains(&kind)) {
            self.registry = position;
        } else if kind == SeriesDefined::KIND || (FIRST_KIND..=LAST_KIND).contains(&kind) {
            self.runs = position;
        } else if let Record::Sealed(sealed) = record
            && sealed.extents.is_empty()
        {
            self.batches = position;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::JobId;
    use crate::entity::id::RunId;
    use crate::format::record::{
        AliasDeleted, EndpointDeleted, Incarnation, JobDeleted, RunResumed, WriterClosed,
    };

    #[test]
    fn each_record_marks_its_area() {
        let mut marks = Marks::at(Position(8));
        let run = RunId::from_random(7);
        let resumed = RunResumed { run, incarnation: Incarnation(1), time: 3 };
        marks.note(&resumed.into(), Position(16));
        assert_eq!((marks.runs, marks.registry), (Position(16), Position(8)));
        let model = crate::entity::id::RegisteredModelId::from_bits(1);
        let deleted = AliasDeleted { model, alias: "a".to_owned(), time: 3 };
        marks.note(&deleted.into(), Position(24));
        assert_eq!((marks.runs, marks.registry), (Position(16), Position(24)));
        let (name, author) = ("a".to_owned(), "ada".to_owned());
        let deleted = EndpointDeleted { name, author, revision: 2, time: 3 };
        marks.note(&deleted.into(), Position(28));
        assert_eq!((marks.runs, marks.registry), (Position(16), Position(28)));
        let (job, author) = (JobId::new(1), "ada".to_owned());
        marks.note(&JobDeleted { job, author, revision: 2, time: 3 }.into(), Position(32));
        assert_eq!((marks.runs, marks.registry), (Position(16), Position(32)));
        let closed = WriterClosed { incarnation: Incarnation(1) };
        marks.note(&closed.into(), Position(40));
        assert_eq!((marks.runs, marks.registry), (Position(16), Position(32)));
    }
}
