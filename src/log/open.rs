//! Creating and opening a file: its header, recovery, and the choice of a liveness byte.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use crate::entity::id::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::format::frame::Parsed;
use crate::format::frame::{self, EMPTY_CHAIN_HASH};
use crate::format::header::{HEADER_BYTES, HEADER_OFFSETS, Header, UnitHeader, UnitKind};
use crate::format::record::{Incarnation, Position, Record, WriterOpened};
use crate::format::word::WordPlace;
use crate::format::{FIRST_CHAIN_UNIT, FileId, LOCK_GENERATION, UNIT_BYTES, unit_start, units_for};
use crate::mutant::fault;
use crate::storage::{LockMode, LockRange, Storage};
use crate::sys;
use crate::sys::mutex::{LockOwner, Mutex, RankedMutex};

use super::alarm::check_byte_intents;
use super::chain::{ChainEnd, ChainReader, Cursor, damaged, read_word};
use super::chain_tail::{Chain, append_frame, link_unit};
use super::chunk_units::ChunkUnits;
use super::definitions::Definitions;
use super::io_error::io_error;
use super::locks;
use super::own_points::Points;
use super::rank;
use super::sealer::Sealer;
use super::state::State;
use super::wake::Wake;
use super::{ChainMark, Log, LogOptions, WriterIdentity};

/// How long an opener waits before it looks for a free liveness byte again.
const BYTE_WAIT: Duration = Duration::from_millis(2);
/// The maximum number of holders of liveness bytes that an error names.
const HOLDERS_NAMED_MAX: usize = 3;

/// Returns the bytes of a new file: the header twice, unset shared words, an empty chain.
pub fn new_file(header: Header) -> Vec<u8> {
    let mut bytes = vec![0; 2 * usize::try_from(UNIT_BYTES).unwrap_or(0)];
    for offset in HEADER_OFFSETS {
        let start = usize::try_from(offset).unwrap_or(0);
        bytes[start..start + HEADER_BYTES].copy_from_slice(&header.encode());
    }
    let first = UnitHeader {
        kind: UnitKind::Chain,
        unit: FIRST_CHAIN_UNIT,
        units: 1,
        incarnation: Incarnation(0),
        previous_end: Position(0),
        previous_hash: EMPTY_CHAIN_HASH,
    };
    let encoded = first.encode(header.file);
    let start = usize::try_from(unit_start(FIRST_CHAIN_UNIT)).unwrap_or(0);
    bytes[start..start + encoded.len()].copy_from_slice(&encoded);
    bytes
}

/// Creates the header of a new file.
pub fn new_header(random: u128) -> Header {
    Header { file: FileId(random), created: Timestamp::now_nanos() }
}

/// Reads the header from the first intact copy.
pub(crate) fn read_header(storage: &dyn Storage) -> Result<Header> {
    let mut first_error = None;
    for offset in HEADER_OFFSETS {
        let mut bytes = [0; HEADER_BYTES];
        let got = storage
            .read_at(offset, &mut bytes)
            .map_err(io_error(format!("reading the header at {offset}")))?;
        match Header::decode(&bytes[..got]) {
            Ok(header) => return check_length(storage).map(|()| header),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.unwrap_or_else(|| Error::new(ErrorKind::NotTracklite, "no header")))
}

/// Fails if the file is shorter than a new one, because it was then truncated.
///
/// Without this check, a truncated file would look like an empty one.
fn check_length(storage: &dyn Storage) -> Result<()> {
    let length = storage.len().map_err(io_error("reading the file's length".to_owned()))?;
    let minimum = unit_start(FIRST_CHAIN_UNIT + 1);
    if length >= minimum {
        return Ok(());
    }
    let message = format!("the file is truncated: {length} bytes, expected at least {minimum}");
    Err(Error::new(ErrorKind::Damaged, message))
}

impl Log {
    /// Opens the file in `storage`.
    ///
    /// A writer also recovers from a power cut, if no other process writes, and appends its
    /// `WriterOpened` to the chain.
    pub(crate) fn open(storage: Arc<dyn Storage>, options: LogOptions) -> Result<Log> {
        let fork_count = sys::fork::fork_count();
        let header = read_header(&*storage)?;
        check_length(&*storage)?;
        if !options.read_only {
            share_generation(&*storage)?;
        }
        let mut chain = bootstrap(&storage, header.file, options.tolerant)?;
        let writer = if options.read_only {
            chain.catch_up()?;
            None
        } else {
            Some(register(&storage, header.file, &mut chain, &options)?)
        };
        let owner = LockOwner::new();
        let end = chain.reader.cursor().next;
        let chain_end = ChainMark(AtomicU64::new(end.0));
        Ok(Log {
            storage,
            file: header.file,
            created: header.created,
            options,
            fork_count,
            writer,
            maintenance: RankedMutex::new(owner, rank::MAINTENANCE, ()),
            sealer: RankedMutex::new(owner, rank::SEALER, Sealer::default()),
            chunk_units: RankedMutex::new(owner, rank::CHUNK_UNITS, ChunkUnits::default()),
            points: Mutex::new(Points::new(end)),
            definitions: RankedMutex::new(owner, rank::DEFINITIONS, Definitions::default()),
            chain: RankedMutex::new(owner, rank::CHAIN, chain),
            chain_end,
            syncing: RankedMutex::new(owner, rank::SYNCING, ()),
            owes_alarm: AtomicBool::new(false),
            given_up: AtomicU64::new(0),
            seen_dead: Mutex::default(),
            unopened: RankedMutex::new(owner, rank::CHAIN, Vec::new()),
            is_refusing: AtomicBool::new(false),
            refusal: Mutex::new(None),
            warnings: Mutex::default(),
            wake: Arc::new(Wake::default()),
            runner_wake: Arc::new(Wake::default()),
            has_runner: AtomicBool::new(false),
            populating: RankedMutex::new(owner, rank::PREPARING, ()),
            preparing: RankedMutex::new(owner, rank::PREPARING, ()),
        })
    }
}

/// Shares the lock byte of this lock protocol, and fails while a build with another has the file.
pub(super) fn share_generation(storage: &dyn Storage) -> Result<()> {
    let all = locks::GENERATIONS;
    let own = all.start + u64::from(LOCK_GENERATION);
    let below = LockRange { start: all.start, length: own - all.start };
    let above = LockRange { start: own + 1, length: all.start + all.length - own - 1 };
    let doing = || io_error("sharing the lock generation".to_owned());
    let shared = storage.try_lock(LockRange::byte(own), LockMode::Shared).map_err(doing())?;
    for range in [below, above] {
        if !shared || storage.is_locked_elsewhere(range).map_err(doing())? {
            return Err(Error::new(
                ErrorKind::UnsupportedFormat,
                format!(
                    "a build with another lock protocol than {LOCK_GENERATION} has the file open \
                     ({}); close it first",
                    storage.lock_holders(range).join(", ")
                ),
            ));
        }
    }
    Ok(())
}

/// Reads the chain from its newest checkpoint, or else from its start.
fn bootstrap(storage: &Arc<dyn Storage>, file: FileId, tolerant: bool) -> Result<Chain> {
    let mut reader = ChainReader::new(Arc::clone(storage), file, Cursor::start());
    let mut state = State::new();
    if let Some((found, cursor)) = newest_checkpoint(storage, file, &reader)? {
        state = found;
        reader.set_cursor(cursor);
    } else if let Some(first) = reader.unit_header(FIRST_CHAIN_UNIT)? {
        reader.set_cursor(Cursor::start().in_unit(&first));
    } else if !tolerant {
        // A crash does not excuse this: the first header is synced before the file gets its name.
        return Err(damaged(&Cursor::start(), "its first unit has no header"));
    }
    Ok(Chain { reader, state, broken: None })
}

fn newest_checkpoint(
    storage: &Arc<dyn Storage>,
    file: FileId,
    reader: &ChainReader,
) -> Result<Option<(State, Cursor)>> {
    let Some(eighths) = read_word(&**storage, file, WordPlace::Checkpoint)? else {
        return Ok(None);
    };
    let position = Position(eighths * 8);
    if position.0 >= reader.durable_mark()? {
        // A power cut may have lost frames before the checkpoint and kept the checkpoint itself.
        return Ok(None);
    }
    let Some(cursor) = reader.cursor_after(position, None)? else { return Ok(None) };
    let length = usize::try_from(cursor.next.0 - position.0).unwrap_or(0);
    let mut bytes = vec![0; length];
    storage.read_at(position.0, &mut bytes).map_err(io_error("reading a checkpoint".to_owned()))?;
    let Parsed::Whole(frame) = frame::parse(file, position, None, &bytes, length) else {
        return Ok(None);
    };
    for record in frame.records()? {
        if let Record::Checkpoint(checkpoint) = record {
            return Ok(Some((State::from_checkpoint(&checkpoint)?, cursor)));
        }
    }
    Ok(None)
}

/// Recovers the chain, takes a liveness byte, and appends the writer to the chain.
///
/// Waits for a running vacuum, which holds all bytes until it has replaced the file.
fn register(
    storage: &Arc<dyn Storage>,
    file: FileId,
    chain: &mut Chain,
    options: &LogOptions,
) -> Result<WriterIdentity> {
    let began = Instant::now();
    loop {
        // Read most of the chain before taking the lock, so that it is held only briefly.
        chain.catch_up()?;
        if let Some(writer) = try_register(&**storage, file, chain, options)? {
            return Ok(writer);
        }
        if began.elapsed() >= options.lock_timeout {
            return Err(no_byte(&**storage));
        }
        std::thread::sleep(BYTE_WAIT);
    }
}

/// Tries to register under one hold of the metadata lock. `None` if no liveness byte is free.
fn try_register(
    storage: &dyn Storage,
    file: FileId,
    chain: &mut Chain,
    options: &LogOptions,
) -> Result<Option<WriterIdentity>> {
    let patience = options.lock_timeout;
    let what = "the metadata chain";
    let _held = locks::lock(storage, locks::METADATA, LockMode::Exclusive, patience, what)?;
    let end = chain.catch_up()?;
    if let Some(reason) = &chain.state.read_only {
        return Err(Error::new(ErrorKind::ReadOnly, reason.clone()));
    }
    let is_alone = is_alone(storage, &chain.state)?;
    refuse_other_kernels(storage, &chain.state)?;
    if is_alone {
        recover(storage, file, chain, end)?;
    } else if end != ChainEnd::Clean {
        return Err(damaged(&chain.reader.cursor(), &format!("{end:?} while others are writing")));
    }
    let Some(byte) = take_byte(storage, &chain.state)? else { return Ok(None) };
    // The byte's former owner is dead, and may have died in a failed sync.
    check_byte_intents(storage, file, &chain.state, byte)?;
    let incarnation = new_incarnation(storage, &chain.state)?;
    let opened = WriterOpened {
        incarnation,
        byte,
        boot_id: storage.boot_id(),
        floor: chain.state.next_unit,
        process: std::process::id(),
        host: host_name(),
        time: Timestamp::now_nanos(),
    };
    let opened_at = announce(storage, file, chain, opened)?;
    Ok(Some(WriterIdentity { incarnation, byte, opened_at }))
}

/// Returns whether no other process has the file open for writing.
fn is_alone(storage: &dyn Storage, state: &State) -> Result<bool> {
    if !storage.medium().locks_trusted {
        return Ok(state.writers.is_empty());
    }
    let held = storage
        .is_locked_elsewhere(locks::LIVENESS)
        .map_err(io_error("checking for other writers".to_owned()))?;
    Ok(!held)
}

/// Fails if a writer runs under another kernel, for example on a shared volume.
///
/// Such a writer has another boot id. Stores through its mappings are not coherent with ours.
fn refuse_other_kernels(storage: &dyn Storage, state: &State) -> Result<()> {
    for writer in state.writers.values().filter(|writer| !writer.superseded) {
        if writer.opened.boot_id == storage.boot_id() {
            continue;
        }
        let held = storage
            .is_locked_elsewhere(locks::liveness(writer.opened.byte))
            .map_err(io_error("checking for writers on other hosts".to_owned()))?;
        if !storage.medium().locks_trusted {
            return Err(Error::new(
                ErrorKind::Locked,
                format!(
                    "process {} of host {} opened this file under another kernel and never closed \
                     it, and the locks of this file system cannot show whether it is dead; write \
                     to a copy made by `tracklite backup`",
                    writer.opened.process, writer.opened.host
                ),
            ));
        }
        if held {
            return Err(Error::new(
                ErrorKind::Locked,
                format!(
                    "process {} of host {} has this file open under another kernel; a file can be \
                     written by the processes of one host only",
                    writer.opened.process, writer.opened.host
                ),
            ));
        }
    }
    Ok(())
}

/// Makes the chain appendable after a power cut. This only appends, and never overwrites frames.
fn recover(
    storage: &dyn Storage,
    file: FileId,
    chain: &mut Chain,
    mut end: ChainEnd,
) -> Result<()> {
    let length = storage.len().map_err(io_error("reading the file's length".to_owned()))?;
    // Nothing was ever written beyond both the file's length and every unit that a frame names.
    chain.state.next_unit = chain.state.next_unit.max(units_for(length));
    while let ChainEnd::LostSuccessor(unit) = end {
        // The power cut kept the link, but lost the unit's header or frames that the header counts
        // on. The link is written once, so the header is written again. Old frames in the unit may
        // follow the lost ones. Their hash does not continue the chain, so they count as remains.
        let cursor = chain.reader.cursor();
        allocate_unit(storage, unit)?;
        let linked = link_unit(storage, file, &cursor, unit, 1, Incarnation(0))?;
        chain.reader.set_cursor(linked);
        end = chain.catch_up()?;
    }
    match end {
        ChainEnd::Remains(_) => {
            // Never overwrite the remains: they may be evidence of damage. The chain continues
            // elsewhere.
            let unit = chain.state.next_unit;
            allocate_unit(storage, unit)?;
            let cursor = chain.reader.cursor();
            let linked = link_unit(storage, file, &cursor, unit, 1, Incarnation(0))?;
            chain.reader.set_cursor(linked);
            chain.state.enter_unit(&linked);
            Ok(())
        }
        ChainEnd::Damage(reason) => Err(damaged(&chain.reader.cursor(), &reason)),
        ChainEnd::Clean | ChainEnd::LostSuccessor(_) => Ok(()),
    }
}

fn allocate_unit(storage: &dyn Storage, unit: u32) -> Result<()> {
    storage
        .allocate(unit_start(unit), UNIT_BYTES)
        .map_err(io_error(format!("allocating chain unit {unit}")))
}

/// Locks the first free liveness byte.
///
/// Taking a byte declares its former owner dead. Where locks are not trusted, the byte of an open
/// writer is therefore never taken, even if it seems free.
fn take_byte(storage: &dyn Storage, state: &State) -> Result<Option<u16>> {
    let is_trusted = storage.medium().locks_trusted;
    let named: BTreeSet<u16> = state.writers.values().map(|writer| writer.opened.byte).collect();
    let is_free = |byte: &u16| is_trusted || !named.contains(byte);
    for byte in (0..locks::LIVENESS_COUNT).filter(is_free) {
        let taken = storage
            .try_lock(locks::liveness(byte), LockMode::Exclusive)
            .map_err(io_error("locking a liveness byte".to_owned()))?;
        if taken {
            return Ok(Some(byte));
        }
    }
    Ok(None)
}

fn no_byte(storage: &dyn Storage) -> Error {
    let mut holders = storage.lock_holders(locks::LIVENESS);
    let count = holders.len();
    holders.truncate(HOLDERS_NAMED_MAX);
    Error::new(
        ErrorKind::Locked,
        format!(
            "the file has no place for another writer: all {} are held by {count} processes, such \
             as {}; a single holder is probably a vacuum",
            locks::LIVENESS_COUNT,
            holders.join(", ")
        ),
    )
}

fn new_incarnation(storage: &dyn Storage, state: &State) -> Result<Incarnation> {
    if fault!(Rule1CounterIncarnation) {
        let last = state.writers.values().map(|writer| writer.opened.incarnation.0).max();
        return Ok(Incarnation(last.unwrap_or(0) + 1));
    }
    let random = storage.random().map_err(io_error("drawing random bits".to_owned()))?;
    let [low, _] = FileId(random).words();
    Ok(Incarnation(low | 1))
}

fn announce(
    storage: &dyn Storage,
    file: FileId,
    chain: &mut Chain,
    opened: WriterOpened,
) -> Result<Position> {
    let records = [opened.into()];
    let length = frame::encode_unplaced(&records)?.len();
    if length > chain.reader.cursor().room() {
        let unit = chain.state.next_unit;
        allocate_unit(storage, unit)?;
        let cursor = chain.reader.cursor();
        let linked = link_unit(storage, file, &cursor, unit, 1, Incarnation(0))?;
        chain.reader.set_cursor(linked);
        chain.state.enter_unit(&linked);
    }
    append_frame(storage, file, chain, &records)?;
    Ok(chain.reader.cursor().last)
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
