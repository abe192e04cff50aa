//! Open files: closing a database releases every handle that was made from it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::prelude::*;

use crate::detach::{builder, detached};
use crate::error::invalid_state;

/// The number of slots from which a session first looks for dropped ones.
const SLOTS_BEFORE_PRUNING: usize = 64;

/// One opening of a file, shared by the database handle and all handles made from it.
///
/// The engine leaves the file when nothing refers to it. So closing empties the slots of all
/// handles; another opening of the same file in this process keeps its own session.
pub(crate) struct Session {
    pub(crate) path: PathBuf,
    pub(crate) read_only: bool,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    is_closed: bool,
    open: Vec<Weak<dyn Release>>,
    pruned_length: usize,
}

/// A slot that can be emptied, whatever it holds.
trait Release: Send + Sync {
    fn take(&self) -> Box<dyn Send>;
}

/// A value of the engine that is gone once the session is closed.
///
/// The lock is held by threads that hold the interpreter lock, and never while Python code runs
/// or the interpreter lock is released. So no other thread holds it when the process forks.
pub(crate) struct Handle<T> {
    slot: Arc<Slot<T>>,
    session: Arc<Session>,
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Handle { slot: Arc::clone(&self.slot), session: Arc::clone(&self.session) }
    }
}

struct Slot<T>(Mutex<Option<T>>);

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> Release for Slot<T> {
    fn take(&self) -> Box<dyn Send> {
        Box::new(self.lock().take())
    }
}

impl Session {
    /// Starts the session of a file that was just opened.
    pub(crate) fn start(
        py: Python<'_>,
        database: tracklite::Database,
        read_only: bool,
    ) -> PyResult<Handle<tracklite::Database>> {
        let session =
            Session { path: database.path().to_owned(), read_only, slots: Mutex::default() };
        Arc::new(session).adopt(py, database)
    }

    /// Makes a handle of a value, unless the session has been closed.
    fn adopt<T: Send + 'static>(self: Arc<Self>, py: Python<'_>, value: T) -> PyResult<Handle<T>> {
        let slot = Arc::new(Slot(Mutex::new(Some(value))));
        let weak: Weak<dyn Release> = Arc::downgrade(&slot) as Weak<dyn Release>;
        let is_closed = {
            let mut slots = self.lock();
            if !slots.is_closed {
                slots.add(weak);
            }
            slots.is_closed
        };
        if is_closed {
            return Err(self.closed(py));
        }
        Ok(Handle { slot, session: self })
    }

    /// Empties all slots, and returns what was in them.
    fn close(&self) -> Vec<Box<dyn Send>> {
        let open = {
            let mut slots = self.lock();
            slots.is_closed = true;
            std::mem::take(&mut slots.open)
        };
        open.iter().filter_map(Weak::upgrade).map(|slot| slot.take()).collect()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    fn closed(&self, py: Python<'_>) -> PyErr {
        invalid_state(py, "the database is closed: open the file again", Some(&self.path))
    }

    /// Returns the path of the file for another process, which may work in another folder.
    pub(crate) fn absolute_path(&self) -> PathBuf {
        std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    fn add(&mut self, slot: Weak<dyn Release>) {
        if self.open.len() >= SLOTS_BEFORE_PRUNING.max(2 * self.pruned_length) {
            self.open.retain(|slot| slot.strong_count() > 0);
            self.pruned_length = self.open.len();
        }
        self.open.push(slot);
    }
}

impl<T: Send + 'static> Handle<T> {
    /// Accesses the value. `access` must not run Python code, and must not block.
    #[inline]
    pub(crate) fn with<R>(&self, py: Python<'_>, access: impl FnOnce(&mut T) -> R) -> PyResult<R> {
        match &mut *self.slot.lock() {
            Some(value) => Ok(access(value)),
            None => Err(self.session.closed(py)),
        }
    }

    /// Makes another handle of the same session.
    pub(crate) fn derive<U: Send + 'static>(
        &self,
        py: Python<'_>,
        value: U,
    ) -> PyResult<Handle<U>> {
        Arc::clone(&self.session).adopt(py, value)
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }
}

impl<T: Clone + Send + 'static> Handle<T> {
    /// Returns the value itself, which keeps the file open while it lives.
    #[inline]
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<T> {
        self.with(py, |value| value.clone())
    }

    /// Runs a call on the value without the interpreter lock.
    pub(crate) fn call<R: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&T) -> tracklite::Result<R> + Send,
    ) -> PyResult<R> {
        let value = self.get(py)?;
        detached(py, move || call(&value))
    }

    /// Runs a call that makes another value, and makes a handle of that.
    pub(crate) fn call_derive<U: Send + 'static>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&T) -> tracklite::Result<U> + Send,
    ) -> PyResult<Handle<U>> {
        let value = self.call(py, call)?;
        self.derive(py, value)
    }
}

impl Handle<tracklite::Database> {
    /// Opens the file again for a handle that was unpickled.
    pub(crate) fn reopen(py: Python<'_>, path: PathBuf, read_only: bool) -> PyResult<Self> {
        let database = detached(py, || builder().read_only(read_only).open(path))?;
        Session::start(py, database, read_only)
    }

    /// Syncs the file and empties all slots of the session.
    pub(crate) fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Ok(database) = self.get(py) else { return Ok(()) };
        let is_synced = match self.session.read_only {
            true => Ok(()),
            false => detached(py, || database.sync()),
        };
        let values = self.session.close();
        // The last reference seals and syncs, which takes time.
        py.detach(|| drop((values, database)));
        is_synced
    }
}
