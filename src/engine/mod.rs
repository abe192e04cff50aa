//! The engine: joins the log with the index of one open file.

pub(crate) mod block_cache;
pub(crate) mod changes;
pub(crate) mod chunk_store;
pub(crate) mod free_chunks;
pub(crate) mod gc;
pub(crate) mod guards;
pub(crate) mod live;
pub(crate) mod marks;
pub(crate) mod pepper;
pub(crate) mod pipeline;
pub(crate) mod points;
pub(crate) mod sketch;
pub(crate) mod statistics;
pub(crate) mod token_lookup;
pub(crate) mod tokens;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::columns::ColumnCache;
use crate::columns::version_cache::VersionCache;
use crate::engine::block_cache::{BlockStatistics, SketchCache};
use crate::engine::live::{LivePoints, LiveSource};
use crate::engine::marks::Marks;
use crate::engine::tokens::CurrentTokens;
use crate::entity::id::RunId;
use crate::entity::limits::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::format::FORMAT_VERSION;
use crate::format::record::{Incarnation, Position, Record, SeriesId};
use crate::format::secret::Pepper;
use crate::index::{ChainFrame, Index, IndexKey, IndexPlace, UnsealedExtent};
use crate::log::{Background, ChainEnd, ChainReader, Cursor, EVENTS, Log, LogOptions, State, Take};
use crate::mutant::fault;
use crate::storage::Storage;
use crate::sys::mutex::Mutex;

/// The maximum number of frames in one transaction of the index.
const FRAMES_PER_TRANSACTION: usize = 4096;
/// How often a query may find a block damaged before it is an error.
const BLOCK_READS_MAX: usize = 3;
/// The maximum bytes of frames in one transaction, because a frame may have 32 MiB.
const BYTES_PER_TRANSACTION: usize = 4 * 1024 * 1024;

/// The state of one open file in one process, which all handles share.
#[derive(Debug)]
pub(crate) struct Engine {
    path: PathBuf,
    pub(crate) limits: Limits,
    pub(crate) log: Arc<Log>,
    background: Mutex<Option<Background>>,
    index_place: IndexPlace,
    index: Mutex<Option<Indexed>>,
    live: Mutex<LivePoints>,
    sketches: Mutex<SketchCache>,
    block_statistics: Mutex<BlockStatistics>,
    tokens: Mutex<Option<CurrentTokens>>,
    /// The file of the pepper, if it is not the user's.
    pepper_file: Option<PathBuf>,
    pepper: Mutex<Option<Pepper>>,
}

/// The index with its position in the chain.
#[derive(Debug)]
struct Indexed {
    index: Index,
    reader: ChainReader,
    columns: ColumnCache,
    /// The number of purge records that this process has read.
    purges: u64,
    versions: VersionCache,
    marks: Marks,
}

impl Engine {
    /// Opens the file in `storage`. Messages name it as `path`.
    pub(crate) fn open(
        path: &Path,
        storage: Arc<dyn Storage>,
        options: LogOptions,
        limits: Limits,
        index_place: IndexPlace,
        with_background: bool,
    ) -> Result<Engine> {
        let read_only = options.read_only;
        let log = Arc::new(Log::open(storage, options).map_err(|error| error.with_path(path))?);
        let background = match with_background && !read_only {
            true => Some(Background::start(&log)?),
            false => None,
        };
        Ok(Engine {
            path: path.to_owned(),
            limits,
            log,
            background: Mutex::new(background),
            index_place,
            index: Mutex::new(None),
            live: Mutex::default(),
            sketches: Mutex::default(),
            block_statistics: Mutex::default(),
            tokens: Mutex::new(None),
            pepper_file: None,
            pepper: Mutex::new(None),
        })
    }

    /// Sets the file of the pepper. `None` is the user's.
    pub(crate) fn with_pepper_file(mut self, pepper_file: Option<PathBuf>) -> Engine {
        self.pepper_file = pepper_file;
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds the path of the file to an error.
    pub(crate) fn locate(&self, error: Error) -> Error {
        error.with_path(&self.path)
    }

    /// Adds the path of the file to the error of a result.
    #[inline]
    pub(crate) fn located<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.locate(error))
    }

    /// Appends the records that `build` returns for the log's state, as one frame. See
    /// [`Log::append`].
    pub(crate) fn append<T>(
        &self,
        build: impl FnMut(&State, &mut Take) -> Result<(Vec<Record>, T)>,
    ) -> Result<T> {
        self.located(self.log.append(build))
    }

    /// Reads the current state of the log. See [`Log::with_state`].
    pub(crate) fn state<T>(&self, look: impl FnOnce(&mut State, &Cursor) -> T) -> Result<T> {
        self.located(self.log.with_state(look))
    }

    /// Draws random bits for a new id.
    pub(crate) fn random_bits(&self) -> Result<u128> {
        let random = self.log.storage().random();
        random.map_err(|source| self.locate(Error::io("drawing random bits", source)))
    }

    /// Queries the index, after it has applied all frames that were appended before this call.
    ///
    /// `query` also gets the position in the chain for which its answer holds. If the index fails,
    /// it is rebuilt once, because a damaged index must not answer.
    pub(crate) fn with_index<T>(
        &self,
        mut query: impl FnMut(&mut Index, &Cursor) -> Result<T>,
    ) -> Result<T> {
        self.with_indexed(|indexed| query(&mut indexed.index, &indexed.reader.cursor()))
    }

    /// Queries the index like [`Engine::with_index`], with the cached columns of runs.
    pub(crate) fn with_columns<T>(
        &self,
        mut query: impl FnMut(&Index, &mut ColumnCache) -> Result<T>,
    ) -> Result<T> {
        self.with_indexed(|indexed| query(&indexed.index, &mut indexed.columns))
    }

    /// Queries the index like [`Engine::with_index`], with the cached columns of versions.
    pub(crate) fn with_versions<T>(
        &self,
        mut query: impl FnMut(&Index, &mut VersionCache) -> Result<T>,
    ) -> Result<T> {
        self.with_indexed(|indexed| query(&indexed.index, &mut indexed.versions))
    }

    /// Queries the live points and the index, so that no point logged before the call is missing.
    ///
    /// Live points are read first. If one is sealed in between, the index has it. If a block is
    /// damaged, the query is repeated, because a block that was moved reads as damaged.
    pub(crate) fn with_points<T>(
        &self,
        mut query: impl FnMut(&LivePoints, &Index, &mut ColumnCache) -> Result<T>,
    ) -> Result<T> {
        let mut attempts = 1..=BLOCK_READS_MAX;
        loop {
            attempts.next();
            let answer =
                self.with_live(|live| self.with_columns(|index, cache| query(live, index, cache)));
            match answer {
                Err(error) if error.kind() == ErrorKind::Damaged && !attempts.is_empty() => {}
                answer => return self.located(answer),
            }
        }
    }

    /// Reads the live points, after it has read all points that were logged before this call.
    fn with_live<T>(&self, look: impl FnOnce(&LivePoints) -> Result<T>) -> Result<T> {
        let mut live = self.live.lock();
        live.catch_up(self)?;
        look(&live)
    }

    /// Appends the records that `build` returns for the index, as one frame.
    ///
    /// If a record of these kinds was appended after the index was read, `build` runs again. So a
    /// read-decide-append runs as if no other process wrote. Without records, nothing is appended.
    pub(crate) fn append_decided<T>(
        &self,
        kinds: &[RangeInclusive<u16>],
        build: impl FnMut(&Index) -> Result<(Vec<Record>, T)>,
    ) -> Result<T> {
        self.decide(kinds, build, |(records, value), is_stale| {
            if records.is_empty() {
                return Ok(Some(value));
            }
            let is_appended = self.log.append(|state, _| match is_stale(state) {
                true => Ok((Vec::new(), false)),
                false => Ok((records.clone(), true)),
            })?;
            Ok(is_appended.then_some(value))
        })
    }

    /// Appends like [`Engine::append_decided`], then syncs if there was a change.
    pub(crate) fn append_synced<T>(
        &self,
        kinds: &[RangeInclusive<u16>],
        mut build: impl FnMut(&Index) -> Result<(Vec<Record>, T)>,
    ) -> Result<T> {
        let mut is_change = false;
        let value = self.append_decided(kinds, |index| {
            let (records, value) = build(index)?;
            is_change = !records.is_empty();
            Ok((records, value))
        })?;
        if is_change && !fault!(UnsyncedRegistry) {
            self.located(self.log.sync())?;
        }
        Ok(value)
    }

    /// Reads the index with `ask` and appends by its answer. Retries while the answer is stale.
    ///
    /// `append` gets the answer and a test of the log's state. The test returns true if a record of
    /// these kinds was appended after the index was read. `append` must run the test directly
    /// before it commits the frame. It returns `None` if the test stopped it.
    pub(crate) fn decide<A, T>(
        &self,
        kinds: &[RangeInclusive<u16>],
        mut ask: impl FnMut(&Index) -> Result<A>,
        mut append: impl FnMut(A, &dyn Fn(&State) -> bool) -> Result<Option<T>>,
    ) -> Result<T> {
        let mut retry = self.log.retry();
        loop {
            let (answer, position) =
                self.with_index(|index, cursor| Ok((ask(index)?, cursor.next)))?;
            let is_checked = !fault!(UndecidedAppend);
            let is_stale = |state: &State| is_checked && state.has_since(kinds, position);
            let appended = self.located(append(answer, &is_stale))?;
            if let Some(value) = appended {
                return Ok(value);
            }
            self.located(retry.again("other processes changed what this call had read"))?;
        }
    }

    fn with_indexed<T>(&self, mut query: impl FnMut(&mut Indexed) -> Result<T>) -> Result<T> {
        self.log.check_fork()?;
        self.check_place()?;
        let mut slot = self.index.lock();
        let first = self.ask(&mut slot, &mut query);
        let answer = match first {
            Err(error) if error.kind() == ErrorKind::Index => {
                let path = self.path.display();
                ::log::warn!(target: EVENTS, "{path}: the index is rebuilt: {error}");
                if let Some(indexed) = slot.as_mut() {
                    indexed.index.reset()?;
                    indexed.columns.clear();
                    indexed.versions = VersionCache::default();
                    indexed.reader.set_cursor(Cursor::start());
                }
                self.ask(&mut slot, &mut query)
            }
            other => other,
        };
        self.located(answer)
    }

    /// Fails if a vacuum has replaced the file under a reader, which would never see new frames.
    ///
    /// A writer needs no check, because its lock keeps a vacuum away. The check takes a few
    /// microseconds.
    fn check_place(&self) -> Result<()> {
        if self.log.writer().is_some() {
            return Ok(());
        }
        match self.log.storage().place() {
            Ok(place) if !place.name_leads_here => Err(self.locate(Error::new(
                ErrorKind::Poisoned,
                "the file was removed or replaced after it was opened, for example by a vacuum: \
                 open it again",
            ))),
            _ => Ok(()),
        }
    }

    fn ask<T>(
        &self,
        slot: &mut Option<Indexed>,
        query: &mut impl FnMut(&mut Indexed) -> Result<T>,
    ) -> Result<T> {
        let indexed = match slot {
            Some(indexed) => indexed,
            None => slot.insert(self.open_index()?),
        };
        feed(indexed)?;
        query(indexed)
    }

    fn open_index(&self) -> Result<Indexed> {
        let place = self
            .log
            .storage()
            .place()
            .map_err(|source| Error::io("looking up the database file", source))?;
        let key = IndexKey {
            file_id: self.log.header().file.0,
            device: place.device,
            inode: place.inode,
            boot_id: self.log.storage().boot_id(),
            format_level: u32::from(FORMAT_VERSION),
        };
        // SQLite keeps a process-wide list of its file locks. A forked child inherits the list but
        // not the locks. It would treat the locks of its parent as its own, and damage an index
        // that both use. So a child keeps its index in memory.
        let is_fork = crate::log::fork_count() > 0;
        let place = if is_fork { &IndexPlace::InMemory } else { &self.index_place };
        let mut index = Index::open(&key, place)?;
        index.note_database(&self.path);
        let mut reader = self.log.reader(Cursor::start());
        if let Some((position, hash)) = index.cursor()? {
            let hash = (!fault!(Rule24TrustIndex)).then_some(hash);
            match reader.cursor_after(position, hash)? {
                Some(cursor) => reader.set_cursor(cursor),
                None => index.reset()?,
            }
        }
        Ok(Indexed {
            index,
            marks: Marks::at(reader.cursor().next),
            reader,
            columns: ColumnCache::default(),
            purges: 0,
            versions: VersionCache::default(),
        })
    }

    /// Returns the file of the index, if the index is open and has a file.
    pub(crate) fn index_path(&self) -> Option<PathBuf> {
        let slot = self.index.lock();
        slot.as_ref().and_then(|indexed| indexed.index.path().map(Path::to_owned))
    }

    /// Stops the background thread and closes the file. Vacuums it if it is mostly holes.
    pub(crate) fn close(&self) -> Result<()> {
        self.log.check_fork()?;
        drop(self.background.lock().take());
        *self.index.lock() = None;
        *self.tokens.lock() = None;
        self.located(self.log.close())?;
        let storage = self.log.storage();
        if let (Some(_), Ok(length), Ok(allocated)) =
            (self.log.writer(), storage.len(), storage.allocated_bytes())
        {
            self.log.leave();
            crate::copy::vacuum::vacuum_if_mostly_holes(&self.path, length, allocated);
        }
        Ok(())
    }
}

/// Applies the frames after the position of the index to the index and the caches.
fn feed(indexed: &mut Indexed) -> Result<()> {
    let Indexed { index, reader, columns, purges, versions, marks } = indexed;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut applied = reader.cursor();
    let fed = reader
        .catch_up(|at, frame| {
            if batch.len() >= FRAMES_PER_TRANSACTION || bytes >= BYTES_PER_TRANSACTION {
                index.apply(&batch)?;
                batch.clear();
                bytes = 0;
                applied = *at;
            }
            let records = frame.records()?;
            let end = Position(at.next.0 + frame.length as u64);
            for record in &records {
                columns.note(record);
                *purges += u64::from(matches!(record, Record::Purged(_)));
                versions.note(record);
                marks.note(record, end);
            }
            bytes += frame.length;
            batch.push(ChainFrame { position: at.next, hash: frame.hash, records });
            Ok(())
        })
        .and_then(|end| index.apply(&batch).map(|()| end));
    if fed.is_err() {
        // The frames that were read but not applied must be read again next time.
        reader.set_cursor(applied);
    }
    check_end(fed?, reader)
}

/// Fails if the chain ends in damage.
fn check_end(end: ChainEnd, reader: &ChainReader) -> Result<()> {
    match end {
        ChainEnd::Damage(reason) => Err(Error::new(
            ErrorKind::Damaged,
            format!(
                "the metadata chain is damaged at byte {}: {reason}; `tracklite verify \
                 --salvage` writes what is still good to a new file",
                reader.cursor().next.0
            ),
        )),
        // Remains of a power cut are the end of the chain, until a writer continues after them.
        ChainEnd::Clean | ChainEnd::Remains(_) | ChainEnd::LostSuccessor(_) => Ok(()),
    }
}

impl LiveSource for Engine {
    fn log(&self) -> &Log {
        &self.log
    }

    fn unsealed_extents(&self) -> Result<(Vec<(Incarnation, UnsealedExtent)>, u64)> {
        self.with_indexed(|indexed| Ok((indexed.index.unsealed_extents()?, indexed.purges)))
    }

    fn series(
        &self,
        owner: Incarnation,
        series: &[SeriesId],
    ) -> Result<Vec<Option<(RunId, String)>>> {
        self.with_index(|index, _| index.series(owner, series))
    }

    fn row_schema(&self, owner: Incarnation, schema: SeriesId) -> Result<Option<Vec<SeriesId>>> {
        self.with_index(|index, _| index.row_schema(owner, schema))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A forked child lacks the thread and the locks, which belong to the parent. So it
        // must not close SQLite or mark the index as clean, and leaks them instead.
        if self.log.check_fork().is_err() {
            std::mem::forget(self.index.get_mut().take());
            return;
        }
        // `Database::close` reports failures. A drop cannot.
        self.log.wait_within(|| drop(self.close()));
    }
}
