//! The specification of a stored table.

use std::collections::BTreeMap;

use crate::entity::{ColumnType, TableColumn, TableState};

/// The columns, the key and the texts of a new table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSpec {
    state: TableState,
    owner: Option<String>,
}

impl TableSpec {
    /// Creates a specification without columns.
    #[must_use]
    pub fn new() -> Self {
        TableSpec::default()
    }

    /// Adds a column behind the others.
    #[must_use]
    pub fn column(self, name: impl Into<String>, kind: ColumnType) -> Self {
        self.commented_column(name, kind, None)
    }

    /// Adds a column with a comment.
    #[must_use]
    pub fn commented_column(
        mut self,
        name: impl Into<String>,
        kind: ColumnType,
        comment: Option<&str>,
    ) -> Self {
        let comment = comment.map(str::to_owned);
        self.state.columns.push(TableColumn { name: name.into(), kind, comment });
        self
    }

    /// Sets the key columns. Default: none, so that each row is kept.
    #[must_use]
    pub fn primary_key<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.state.primary_key = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the column with the time of each row. With it, a key may have many rows, one for each
    /// time. Default: none.
    #[must_use]
    pub fn timestamp(mut self, name: impl Into<String>) -> Self {
        self.state.timestamp = Some(name.into());
        self
    }

    /// Sets the description.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.state.description = Some(text.into());
        self
    }

    /// Sets the owner. Default: the user who creates the table.
    #[must_use]
    pub fn owner(mut self, user: impl Into<String>) -> Self {
        self.owner = Some(user.into());
        self
    }

    /// Sets the tags.
    #[must_use]
    pub fn tags(mut self, tags: BTreeMap<String, String>) -> Self {
        self.state.tags = tags;
        self
    }

    /// Returns the state of a table that `user` creates.
    pub(crate) fn state(&self, user: &str) -> TableState {
        let owner = self.owner.clone().unwrap_or_else(|| user.to_owned());
        TableState { owner, ..self.state.clone() }
    }
}
