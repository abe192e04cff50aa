//! Versions by column, for searches in memory.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::entity::id::RegisteredModelId;
use crate::error::Result;
use crate::index::{Index, VersionRow};
use crate::search::{
    Condition, Field, ModelVersionNumber, ModelVersionOrder, ModelVersionText, SortKey, TextTest,
    VersionSelection,
};

/// Versions by column.
#[derive(Debug, Default)]
pub(crate) struct VersionColumns {
    /// Whether the rows are in the default order of a search.
    is_ordered: bool,
    /// The index's number of each model.
    models: HashMap<RegisteredModelId, i64>,
    /// The rows of the versions of each model, by that number.
    rows_of: HashMap<i64, Vec<usize>>,
    entries: Vec<i64>,
    versions: Vec<i64>,
    created: Vec<i64>,
    updated: Vec<i64>,
    names: Texts,
    /// The rank of each name among all names.
    name_ranks: Vec<u32>,
    sources: Texts,
    /// The ids of the runs. Empty for a version without a run.
    runs: Texts,
    tags: HashMap<String, SomeTexts>,
}

/// Texts in one buffer, so that a scan of all of them reads memory sequentially.
#[derive(Debug, Default)]
struct Texts {
    bytes: String,
    ends: Vec<usize>,
}

/// The texts of the rows that have one, in row order.
#[derive(Debug, Default)]
struct SomeTexts {
    rows: Vec<usize>,
    texts: Texts,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    fn get(&self, row: usize) -> &str {
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let end = self.ends.get(row).copied().unwrap_or_default();
        self.bytes.get(start.unwrap_or_default()..end).unwrap_or_default()
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.cut(&self.bytes)
    }

    /// Splits a text as long as the buffer where the texts end.
    fn cut<'a>(&'a self, bytes: &'a str) -> impl Iterator<Item = &'a str> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let ranges = starts.zip(&self.ends);
        ranges.map(|(start, end)| bytes.get(start..*end).unwrap_or_default())
    }

    /// Returns for each text whether it matches.
    fn passed(&self, test: &TextTest) -> Vec<bool> {
        match test {
            TextTest::Like(pattern) => {
                if let Some(pieces) = pieces(pattern) {
                    return self.iter().map(|text| is_made_of(text, &pieces)).collect();
                }
            }
            TextTest::ILike(pattern) => {
                let pattern = pattern.to_ascii_lowercase();
                if let Some(pieces) = pieces(&pattern) {
                    let bytes = self.bytes.to_ascii_lowercase();
                    return self.cut(&bytes).map(|text| is_made_of(text, &pieces)).collect();
                }
            }
            _ => {}
        }
        self.iter().map(|text| test.matches_text(text)).collect()
    }
}

impl VersionColumns {
    /// Reads all versions. Takes about 1 us per version.
    pub(crate) fn read(index: &Index) -> Result<VersionColumns> {
        let mut columns = VersionColumns { is_ordered: true, ..VersionColumns::default() };
        let mut rows: HashMap<i64, usize> = HashMap::new();
        index.each_version(|row| {
            rows.insert(row.entry, columns.entries.len());
            columns.push(&row);
        })?;
        // The tags come in the order of the entries, not of the rows.
        let mut tags: Vec<(usize, String, String)> = Vec::new();
        index.each_version_tag(|entry, key, value| {
            tags.extend(rows.get(&entry).map(|row| (*row, key.to_owned(), value.to_owned())));
        })?;
        columns.set_tags(tags);
        index.each_model_number(|id, model| {
            columns.models.insert(id, model);
        })?;
        Ok(columns)
    }

    /// Reads the versions of these models. Returns `None` if there are more than `most`.
    pub(crate) fn read_of(
        index: &Index,
        models: impl IntoIterator<Item = RegisteredModelId>,
        most: usize,
    ) -> Result<Option<VersionColumns>> {
        let mut columns = VersionColumns::default();
        let mut tags: Vec<(usize, String, String)> = Vec::new();
        for model in models {
            index.each_version_of(model, |row| columns.push(&row))?;
            if columns.entries.len() > most {
                return Ok(None);
            }
        }
        for (row, entry) in columns.entries.iter().enumerate() {
            index.each_tag_of_version(*entry, |key, value| {
                tags.push((row, key.to_owned(), value.to_owned()));
            })?;
        }
        columns.set_tags(tags);
        Ok(Some(columns))
    }

    fn push(&mut self, row: &VersionRow<'_>) {
        let VersionRow { entry, model, version, created, updated, name, source, run } = *row;
        self.rows_of.entry(model).or_default().push(self.entries.len());
        self.entries.push(entry);
        self.versions.push(version);
        self.created.push(created);
        self.updated.push(updated);
        self.names.push(name);
        self.sources.push(source);
        self.runs.push(run.unwrap_or_default());
    }

    /// Sets all tags. All versions must have been added.
    fn set_tags(&mut self, mut tags: Vec<(usize, String, String)>) {
        tags.sort_unstable_by_key(|(row, ..)| *row);
        for (row, key, value) in tags {
            let column = self.tags.entry(key).or_default();
            column.rows.push(row);
            column.texts.push(&value);
        }
        self.name_ranks = self.ranked();
    }

    /// Returns the rows of a model's versions.
    pub(crate) fn rows_of(&self, model: RegisteredModelId) -> &[usize] {
        let rows = self.models.get(&model).and_then(|model| self.rows_of.get(model));
        rows.map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn entry(&self, row: usize) -> Option<i64> {
        self.entries.get(row).copied()
    }

    fn ranked(&self) -> Vec<u32> {
        let mut names: Vec<&str> = self.names.iter().collect();
        names.sort_unstable();
        names.dedup();
        let ranks: HashMap<&str, u32> = names.into_iter().zip(0..).collect();
        self.names.iter().map(|name| ranks.get(name).copied().unwrap_or(0)).collect()
    }

    /// Returns the rows of a selection in its order, except those in `left_out`.
    ///
    /// The offset is not applied: the result starts with the very first row. Takes about 20 ns per
    /// version and condition.
    pub(crate) fn select(
        &self,
        selection: &VersionSelection<'_>,
        left_out: &[usize],
    ) -> Vec<usize> {
        let mut passing = vec![true; self.entries.len()];
        for row in left_out {
            passing.get_mut(*row).into_iter().for_each(|passes| *passes = false);
        }
        for condition in &selection.filter.conditions {
            self.retain(&mut passing, condition);
        }
        let rows = passing.iter().zip(0..).filter(|(passes, _)| **passes).map(|(_, row)| row);
        let mut rows: Vec<usize> = rows.collect();
        let end = usize::try_from(selection.offset).unwrap_or(usize::MAX);
        let end = end.saturating_add(selection.limit).min(rows.len());
        if self.is_ordered && is_usual(selection.order) {
            rows.truncate(end);
            return rows;
        }
        let by = |left: &usize, right: &usize| self.compare(*left, *right, selection.order);
        if end < rows.len() {
            rows.select_nth_unstable_by(end, by);
        }
        rows.truncate(end);
        rows.sort_unstable_by(by);
        rows
    }

    fn retain(
        &self,
        passing: &mut [bool],
        condition: &Condition<ModelVersionNumber, ModelVersionText>,
    ) {
        match condition {
            Condition::Number(field, test) => {
                for (passes, value) in passing.iter_mut().zip(self.numbers(field)) {
                    *passes = *passes && test.matches_number(*value as f64);
                }
            }
            Condition::Text(ModelVersionText::Name, test) => {
                let passed = self.names.passed(test);
                passing.iter_mut().zip(passed).for_each(|(passes, passed)| *passes &= passed);
            }
            Condition::Text(ModelVersionText::SourcePath, test) => {
                let passed = self.sources.passed(test);
                passing.iter_mut().zip(passed).for_each(|(passes, passed)| *passes &= passed);
            }
            Condition::Text(ModelVersionText::RunId, test) => {
                for (passes, run) in passing.iter_mut().zip(self.runs.iter()) {
                    *passes = *passes && test.matches((!run.is_empty()).then_some(run));
                }
            }
            Condition::Text(ModelVersionText::Tag(key), test) => {
                let mut passed = vec![test.matches(None); passing.len()];
                if let Some(column) = self.tags.get(key) {
                    for (row, text_passes) in column.rows.iter().zip(column.texts.passed(test)) {
                        if let Some(place) = passed.get_mut(*row) {
                            *place = text_passes;
                        }
                    }
                }
                passing.iter_mut().zip(passed).for_each(|(passes, passed)| *passes &= passed);
            }
        }
    }

    fn numbers(&self, field: &ModelVersionNumber) -> &[i64] {
        match field {
            ModelVersionNumber::VersionNumber => &self.versions,
            ModelVersionNumber::CreationTimestamp => &self.created,
            ModelVersionNumber::LastUpdatedTimestamp => &self.updated,
        }
    }

    /// Compares a row with a row that may be in other columns.
    pub(crate) fn order(
        &self,
        row: usize,
        (others, other): (&VersionColumns, usize),
        order: &ModelVersionOrder,
    ) -> Ordering {
        order
            .keys
            .iter()
            .map(|SortKey { field, direction }: &SortKey<_, _>| {
                direction.apply(match field {
                    Field::Number(field) => {
                        self.numbers(field).get(row).cmp(&others.numbers(field).get(other))
                    }
                    Field::Text(_) => self.names.get(row).cmp(others.names.get(other)),
                })
            })
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// Compares two rows of these columns. The only text by which rows can be ordered is the name.
    fn compare(&self, left: usize, right: usize, order: &ModelVersionOrder) -> Ordering {
        let by = |SortKey { field, direction }: &SortKey<_, _>| {
            let ordering = match field {
                Field::Number(field) => {
                    let numbers = self.numbers(field);
                    numbers.get(left).cmp(&numbers.get(right))
                }
                Field::Text(_) => self.name_ranks.get(left).cmp(&self.name_ranks.get(right)),
            };
            direction.apply(ordering)
        };
        order.keys.iter().map(by).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
    }
}

/// Returns whether this is the default order.
fn is_usual(order: &ModelVersionOrder) -> bool {
    ModelVersionOrder::parse::<&str>(&[]).is_ok_and(|usual| usual == *order)
}

/// Returns the texts between the `%` of a pattern, or `None` if it also contains `_`.
fn pieces(pattern: &str) -> Option<Vec<&str>> {
    (!pattern.contains('_')).then(|| pattern.split('%').collect())
}

/// Returns whether a text consists of these pieces with anything between them.
///
/// This equals matching the pattern, but is several times faster.
fn is_made_of(text: &str, pieces: &[&str]) -> bool {
    let [first, middle @ .., last] = pieces else {
        return pieces.first().is_some_and(|only| *only == text);
    };
    let mut rest = text.strip_prefix(first);
    for piece in middle {
        rest = rest.and_then(|rest| rest.split_once(piece)).map(|(_, after)| after);
    }
    rest.is_some_and(|rest| rest.ends_with(last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::search::{Case, like_matches};

    proptest! {
        #[test]
        fn pieces_match_as_the_pattern_does(pattern in "[abA%]{0,6}", text in "[abA]{0,8}") {
            let pieces = pieces(&pattern).unwrap();
            let wanted = like_matches(&pattern, &text, Case::Sensitive);
            prop_assert_eq!(is_made_of(&text, &pieces), wanted);
            let mut texts = Texts::default();
            texts.push(&text);
            for (test, case) in [
                (TextTest::Like(pattern.clone()), Case::Sensitive),
                (TextTest::ILike(pattern.clone()), Case::AsciiInsensitive),
            ] {
                prop_assert_eq!(texts.passed(&test), [like_matches(&pattern, &text, case)]);
            }
        }
    }
}
