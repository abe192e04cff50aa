//! Looking up access tokens, so that a check does not wait for a search that uses the index.

use crate::engine::tokens::CurrentTokens;
use crate::engine::{Engine, check_end};
use crate::error::Result;

impl Engine {
    /// Reads the tokens, with all changes that any process made before this call.
    ///
    /// If the chain did not grow since the last call, this takes a few microseconds.
    pub(crate) fn with_tokens<T>(&self, look: impl FnOnce(&CurrentTokens) -> T) -> Result<T> {
        self.log.check_fork()?;
        self.check_place()?;
        let mut slot = self.tokens.lock();
        let current = match &mut *slot {
            Some(current) => current,
            none => none.insert(self.read_tokens()?),
        };
        let end = current.catch_up().and_then(|end| check_end(end, current.reader()));
        self.located(end)?;
        Ok(look(current))
    }

    fn read_tokens(&self) -> Result<CurrentTokens> {
        self.with_index(|index, cursor| {
            Ok(CurrentTokens::new(self.log.reader(*cursor), index.tokens()?))
        })
    }
}
