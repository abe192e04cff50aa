//! Creating, changing and dropping tables.

use crate::entity::id::Timestamp;
use crate::entity::limits::check_author;
use crate::entity::wording::invalid;
use crate::entity::{RegistryMode, TableColumn, TableId, TableInfo, TableState};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{REGISTRY_KINDS, Record, TABLE_KINDS, TableDropped, TableSaved};
use crate::index::Index;
use crate::registry::names::check_schema;
use crate::table::{StoredTable, TableSpec, Tables};

/// The maximum characters in a level of a name.
const LEVEL_MAX: usize = 255;

impl Tables {
    /// Creates a table.
    ///
    /// After [`Registry::use_unity_catalog`](crate::registry::Registry::use_unity_catalog), its
    /// catalog and schema must exist. Until then, names are free.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::AlreadyExists`] if there is a table of this name.
    /// - [`ErrorKind::InvalidInput`] if the name does not have three levels, or the columns, the
    ///   key or the timestamp are not legal.
    /// - [`ErrorKind::NotFound`] if its catalog or schema does not exist.
    pub fn create(&self, name: &str, spec: &TableSpec) -> Result<StoredTable> {
        let (engine, user) = (self.engine(), self.user());
        let state = spec.state(&user);
        let checked = check_table_name(name).and_then(|()| check_author(&user));
        engine.located(checked.and_then(|()| check_author(&state.owner)))?;
        engine.located(state.check())?;
        let id = TableId::from_bits(engine.random_bits()?);
        self.change(|index| {
            check_free(index, name)?;
            let time = Timestamp::now();
            let info = TableInfo {
                id,
                name: name.to_owned(),
                creator: user.clone(),
                created: time,
                author: user.clone(),
                updated: time,
                revision: 1,
                version: 0,
                state: state.clone(),
            };
            Ok((vec![TableSaved::of(&info).into()], ()))
        })?;
        Ok(StoredTable::new(self.clone(), id))
    }

    /// Appends the records that `build` returns for the index, then syncs.
    pub(crate) fn change<T>(
        &self,
        build: impl FnMut(&Index) -> Result<(Vec<Record>, T)>,
    ) -> Result<T> {
        self.engine().append_synced(&[TABLE_KINDS, REGISTRY_KINDS], build)
    }
}

impl StoredTable {
    /// Changes the description, the owner, the tags or the comments of columns, or adds columns.
    ///
    /// `change` gets the state and changes it. Rows that were written before have nulls in a new
    /// column.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the table was dropped.
    /// - [`ErrorKind::InvalidInput`] if a column was removed, moved or got another type, if the key
    ///   or the timestamp changed, or if the state is not legal.
    pub fn update(&self, change: impl Fn(&mut TableState)) -> Result<TableInfo> {
        let user = self.tables().user();
        self.engine().located(check_author(&user))?;
        self.tables().change(|index| {
            let mut info = self.info_in(index)?;
            let before = info.state.clone();
            change(&mut info.state);
            info.state.check()?;
            check_author(&info.state.owner)?;
            check_compatible(&info.name, &before, &info.state)?;
            if info.state == before {
                return Ok((Vec::new(), info));
            }
            let info = info.changed(&user, Timestamp::now());
            Ok((vec![TableSaved::of(&info).into()], info))
        })
    }

    /// Renames the table. Its rows, versions and tags stay.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the table was dropped, or the new catalog or schema does not
    ///   exist.
    /// - [`ErrorKind::AlreadyExists`] if there is a table of the new name.
    /// - [`ErrorKind::InvalidInput`] if the name does not have three levels.
    pub fn rename(&self, name: &str) -> Result<()> {
        let user = self.tables().user();
        self.engine().located(check_table_name(name).and_then(|()| check_author(&user)))?;
        self.tables().change(|index| {
            let info = self.info_in(index)?;
            if info.name == name {
                return Ok((Vec::new(), ()));
            }
            check_free(index, name)?;
            let name = name.to_owned();
            let info = TableInfo { name, ..info.changed(&user, Timestamp::now()) };
            Ok((vec![TableSaved::of(&info).into()], ()))
        })
    }

    /// Drops the table with all its rows. [`Database::gc`](crate::Database::gc) frees the space.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the table was dropped.
    pub fn drop(&self) -> Result<()> {
        let author = self.tables().user();
        self.engine().located(check_author(&author))?;
        self.tables().change(|index| {
            let table = self.info_in(index)?.id;
            let (author, time) = (author.clone(), Timestamp::now_nanos());
            Ok((vec![TableDropped { table, author, time }.into()], ()))
        })
    }
}

/// Checks that a name has three levels, each of which is a legal name.
pub(crate) fn check_table_name(name: &str) -> Result<()> {
    let levels: Vec<&str> = name.split('.').collect();
    let is_level = |level: &&str| {
        !level.trim().is_empty()
            && level.chars().count() <= LEVEL_MAX
            && !level.chars().any(|letter| letter.is_control() || "/: ".contains(letter))
    };
    if levels.len() == 3 && levels.iter().all(is_level) {
        return Ok(());
    }
    Err(invalid(format!(
        "invalid name of a table {name:?}: expected catalog.schema.table, each level with 1 to \
         {LEVEL_MAX} characters other than a space, a slash, a colon or a control character"
    )))
}

/// Fails if the name is taken, or its catalog or schema does not exist.
fn check_free(index: &Index, name: &str) -> Result<()> {
    if index.table_named(name)?.is_some() {
        let message = format!("table {name:?} already exists");
        return Err(Error::new(ErrorKind::AlreadyExists, message));
    }
    if index.registry_mode()? == RegistryMode::UnityCatalog {
        let mut levels = name.split('.');
        let (catalog, schema) = (levels.next().unwrap_or(""), levels.next().unwrap_or(""));
        check_schema(index, catalog, schema)?;
    }
    Ok(())
}

/// Fails if rows written with the state before could not be read with the one after.
fn check_compatible(name: &str, before: &TableState, after: &TableState) -> Result<()> {
    if (&before.primary_key, &before.timestamp) != (&after.primary_key, &after.timestamp) {
        return Err(invalid(format!(
            "the key and the timestamp of table {name:?} cannot change: create a new table"
        )));
    }
    let known = |column: &TableColumn| (column.name.clone(), column.kind);
    let kept = after.columns.iter().take(before.columns.len()).map(known);
    if before.columns.iter().map(known).eq(kept) {
        return Ok(());
    }
    Err(invalid(format!(
        "the columns of table {name:?} keep their order, names and types: add new ones behind them"
    )))
}
