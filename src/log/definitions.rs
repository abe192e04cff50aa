//! The definitions of an incarnation's series and row ids.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::entity::id::RunId;
use crate::error::Result;
use crate::format::record::{Incarnation, Record, SeriesId, is_definition};

use super::chain::{ChainReader, Cursor};

/// The meaning of an id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Definition {
    /// A metric of a run.
    Series { run: RunId, key: Arc<str> },
    /// Rows that hold these series in this order.
    Row(Arc<[SeriesId]>),
}

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Definition::Series { run, key } => write!(f, "metric {key:?} of run {run}"),
            Definition::Row(series) => write!(f, "a row of {} series", series.len()),
        }
    }
}

/// The definitions of one incarnation, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Definitions {
    /// Definitions from id 1. Ids are consecutive, but purged or unwritten ones leave gaps.
    counted: Vec<Option<Definition>>,
    /// Definitions with ids far beyond the others: a damaged id must not exhaust memory.
    scattered: BTreeMap<SeriesId, Definition>,
    /// Ids by the hash of their definition. A hit must be compared with the definition itself.
    by_meaning: HashMap<u64, SeriesId, FixedState>,
}

/// The longest gap of missing ids in `counted`.
const MISSING_MAX: usize = 4096;

impl Definitions {
    pub(crate) fn is_empty(&self) -> bool {
        self.counted.is_empty() && self.scattered.is_empty()
    }

    /// Returns the id for the next definition. Ids start at 1.
    pub(crate) fn next_id(&self) -> SeriesId {
        SeriesId(u32::try_from(self.counted.len()).unwrap_or(u32::MAX) + 1)
    }

    pub(crate) fn get(&self, id: SeriesId) -> Option<&Definition> {
        let counted = self.counted.get((id.0 as usize).checked_sub(1)?);
        counted.and_then(Option::as_ref).or_else(|| self.scattered.get(&id))
    }

    /// Defines `id`, unless it is already defined: a definition never changes.
    pub(crate) fn set(&mut self, id: SeriesId, definition: Definition) {
        let Some(index) = (id.0 as usize).checked_sub(1) else { return };
        if self.get(id).is_some() {
            return;
        }
        if index > self.counted.len() + MISSING_MAX {
            self.scattered.insert(id, definition);
            return;
        }
        if self.counted.len() <= index {
            self.counted.resize(index + 1, None);
        }
        self.counted[index] = Some(definition);
    }

    /// Defines `id` like [`Definitions::set`], and makes it findable by its definition.
    pub(super) fn set_own(&mut self, id: SeriesId, definition: Definition) {
        self.by_meaning.insert(hash_of(&definition), id);
        self.set(id, definition);
    }

    /// Reserves ids that may be in the chain, so that they are never reused.
    pub(super) fn skip(&mut self, count: usize) {
        self.counted.resize(self.counted.len() + count, None);
    }

    /// Returns the id of this definition, if this process has created one.
    pub(super) fn find(&self, definition: &Definition) -> Option<SeriesId> {
        let id = *self.by_meaning.get(&hash_of(definition))?;
        (self.get(id) == Some(definition)).then_some(id)
    }

    /// Applies a record, if it belongs to the incarnation.
    pub(crate) fn apply(&mut self, incarnation: Incarnation, record: &Record) {
        match record {
            Record::SeriesDefined(defined) if defined.incarnation == incarnation => {
                for (offset, key) in (0_u32..).zip(&defined.keys) {
                    let id = SeriesId(defined.first.0.saturating_add(offset));
                    let key = Arc::from(key.as_str());
                    self.set(id, Definition::Series { run: defined.run, key });
                }
            }
            Record::RowDefined(defined) if defined.incarnation == incarnation => {
                self.set(defined.row, Definition::Row(defined.series.as_slice().into()));
            }
            _ => {}
        }
    }

    /// Reads the definitions of an incarnation from the chain.
    ///
    /// `opened` is the place after the frame that opened the incarnation.
    pub(crate) fn read(
        reader: &mut ChainReader,
        opened: Cursor,
        incarnation: Incarnation,
    ) -> Result<Self> {
        let mut definitions = Definitions::default();
        reader.set_cursor(opened);
        reader.catch_up(|_, frame| {
            for raw in frame.raw_records() {
                let raw = raw?;
                if is_definition(raw.kind) {
                    definitions.apply(incarnation, &raw.decode()?);
                }
            }
            Ok(())
        })?;
        Ok(definitions)
    }
}

fn hash_of(definition: &Definition) -> u64 {
    FixedState::default().hash_one(definition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(key: &str) -> Definition {
        Definition::Series { run: RunId::from_bits(1), key: Arc::from(key) }
    }

    #[test]
    fn a_definition_is_found_by_id_and_by_meaning_and_never_changes() {
        let mut definitions = Definitions::default();
        definitions.set_own(SeriesId(1), series("loss"));
        definitions.set_own(SeriesId(2), Definition::Row(Arc::from([SeriesId(1)])));
        definitions.set(SeriesId(1), series("other"));
        assert_eq!(definitions.get(SeriesId(1)), Some(&series("loss")));
        assert_eq!(definitions.find(&series("loss")), Some(SeriesId(1)));
        assert_eq!(definitions.find(&series("other")), None);
        assert_eq!(definitions.next_id(), SeriesId(3));
        definitions.skip(2);
        assert_eq!(definitions.next_id(), SeriesId(5));
    }

    #[test]
    fn ids_far_apart_use_no_memory_for_the_gap() {
        let mut definitions = Definitions::default();
        for id in [u32::MAX, 1, 1 << 30, 2] {
            definitions.set(SeriesId(id), series("loss"));
            assert_eq!(definitions.get(SeriesId(id)), Some(&series("loss")), "{id}");
        }
        assert_eq!(definitions.get(SeriesId(0)), None);
        assert!(definitions.counted.len() < 3 * MISSING_MAX);
    }
}
