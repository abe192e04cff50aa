//! What the series and row ids of one incarnation stand for.

use std::sync::Arc;

use crate::error::Result;
use crate::format::record::{Incarnation, Record, SeriesId};
use crate::id::RunId;

use super::chain::{ChainReader, Cursor};

/// What an id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Definition {
    /// A metric of a run.
    Series { run: RunId, key: Arc<str> },
    /// Rows that hold these series, in this order.
    Row(Arc<[SeriesId]>),
}

/// The definitions of one incarnation, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Definitions(Vec<Option<Definition>>);

impl Definitions {
    /// The id that the next definition gets; ids start at 1.
    pub(crate) fn next_id(&self) -> SeriesId {
        SeriesId(u32::try_from(self.0.len()).unwrap_or(u32::MAX) + 1)
    }

    pub(crate) fn get(&self, id: SeriesId) -> Option<&Definition> {
        self.0.get((id.0 as usize).checked_sub(1)?)?.as_ref()
    }

    /// Sets what `id` stands for.
    pub(crate) fn set(&mut self, id: SeriesId, definition: Definition) {
        let index = (id.0 as usize).saturating_sub(1);
        // Ids count up; the bound keeps a damaged one from taking all memory.
        if index > self.0.len() + (1 << 20) {
            return;
        }
        if self.0.len() <= index {
            self.0.resize(index + 1, None);
        }
        self.0[index] = Some(definition);
    }

    /// Takes in a record of the incarnation.
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

    /// Gathers the definitions of an incarnation from the chain, after the frame at which
    /// `opened` stands (where the incarnation began).
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
                if matches!(raw.kind, 8 | 9) {
                    definitions.apply(incarnation, &raw.decode()?);
                }
            }
            Ok(())
        })?;
        Ok(definitions)
    }
}
