//! Creating and opening: the header, recovery, and taking a liveness byte.

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
use crate::mutant::{self, Mutant};
use crate::storage::{LockMode, LockRange, Storage};
use crate::sys;
use crate::sys::mutex::Mutex;

use super::alarm::heed_byte;
use super::append::{Chain, link_unit};
use super::background::Wake;
use super::chain::{ChainEnd, ChainReader, Cursor, damaged, read_word};
use super::definitions::Definitions;
use super::locks;
use super::points::Points;
use super::seal::Sealer;
use super::state::State;
use super::{ChainMark, Log, LogOptions, WriterIdentity, io_error};

/// How long an opener waits before it looks again for a free liveness byte.
const BYTE_WAIT: Duration = Duration::from_millis(2);
/// How many of those who hold all liveness bytes an error names.
const HOLDERS_TOLD_MAX: usize = 3;

/// The bytes of a new file: the header twice, the shared words unset, an empty chain.
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

/// A header for a new file.
pub fn new_header(random: u128) -> Header {
    Header { file: FileId(random), created: Timestamp::now().as_nanos() }
}

/// Reads the header from whichever copy is sound.
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

/// A file is never shorter than when it was made, so a shorter one has been cut off; without
/// this it would pass for an empty one.
fn check_length(storage: &dyn Storage) -> Result<()> {
    let length = storage.len().map_err(io_error("asking for the length".to_owned()))?;
    let least = unit_start(FIRST_CHAIN_UNIT + 1);
    if length >= least {
        return Ok(());
    }
    let message = format!("the file is cut off: {length} bytes, {least} are the least");
    Err(Error::new(ErrorKind::Damaged, message))
}

impl Log {
    /// Opens the file in `storage`; as a writer it recovers what a power cut left, if nobody else
    /// writes, and announces itself in the chain.
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
        let end = chain.reader.cursor().next;
        let chain_end = ChainMark(AtomicU64::new(end.0));
        Ok(Log {
            storage,
            file: header.file,
            created: header.created,
            options,
            fork_count,
            writer,
            maintenance: Mutex::new(()),
            sealer: Mutex::new(Sealer::default()),
            chunk_units: Mutex::default(),
            points: Mutex::new(Points::new(end)),
            definitions: Mutex::new(Definitions::default()),
            chain: Mutex::new(chain),
            chain_end,
            syncing: Mutex::new(()),
            owes_alarm: AtomicBool::new(false),
            given_up: AtomicU64::new(0),
            seen_dead: Mutex::default(),
            unopened: Mutex::default(),
            is_refusing: AtomicBool::new(false),
            refusal: Mutex::new(None),
            warnings: Mutex::default(),
            wake: Arc::new(Wake::default()),
            runner_wake: Arc::new(Wake::default()),
            has_runner: AtomicBool::new(false),
            populating: Mutex::new(()),
            preparing: Mutex::new(()),
        })
    }
}

/// Keeps builds with another lock protocol out, and this one out where they are.
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
                     ({}): close it first",
                    storage.lock_holders(range).join(", ")
                ),
            ));
        }
    }
    Ok(())
}

/// The chain from its newest checkpoint on, or from its start.
fn bootstrap(storage: &Arc<dyn Storage>, file: FileId, tolerant: bool) -> Result<Chain> {
    let mut reader = ChainReader::new(Arc::clone(storage), file, Cursor::start());
    let mut state = State::new();
    if let Some((found, cursor)) = newest_checkpoint(storage, file, &reader)? {
        state = found;
        reader.set_cursor(cursor);
    } else if let Some(first) = reader.unit_header(FIRST_CHAIN_UNIT)? {
        reader.set_cursor(Cursor::start().in_unit(&first));
    } else if !tolerant {
        // It is durable before the file has its name.
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
        // Frames before it may have been lost in a power cut that it survived.
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

/// Recovers, takes a liveness byte, and announces the writer.
///
/// A vacuum holds all bytes until it has put another file in this one's place: it is waited for.
fn register(
    storage: &Arc<dyn Storage>,
    file: FileId,
    chain: &mut Chain,
    options: &LogOptions,
) -> Result<WriterIdentity> {
    let began = Instant::now();
    loop {
        // Read ahead of the hold, which is then short.
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

/// As [`register`], in one metadata hold; `None` when all liveness bytes are held.
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
        return Err(damaged(&chain.reader.cursor(), &format!("{end:?} while others write")));
    }
    let Some(byte) = take_byte(storage, &chain.state)? else { return Ok(None) };
    // Whoever had it before is dead, and may have died of a failed sync.
    heed_byte(storage, file, &chain.state, byte)?;
    let incarnation = new_incarnation(storage, &chain.state)?;
    let opened = WriterOpened {
        incarnation,
        byte,
        boot_id: storage.boot_id(),
        floor: chain.state.next_unit,
        process: std::process::id(),
        host: host_name(),
        time: Timestamp::now().as_nanos(),
    };
    let opened_at = announce(storage, file, chain, opened)?;
    Ok(Some(WriterIdentity { incarnation, byte, opened_at }))
}

/// Whether no other process has the file open for writing.
fn is_alone(storage: &dyn Storage, state: &State) -> Result<bool> {
    if !storage.medium().locks_trusted {
        return Ok(state.writers.is_empty());
    }
    let held = storage
        .is_locked_elsewhere(locks::LIVENESS)
        .map_err(io_error("looking for other writers".to_owned()))?;
    Ok(!held)
}

/// A held byte of a writer of another boot is another kernel on a shared volume: its stores are
/// not coherent with ours.
fn refuse_other_kernels(storage: &dyn Storage, state: &State) -> Result<()> {
    for writer in state.writers.values().filter(|writer| !writer.superseded) {
        if writer.opened.boot_id == storage.boot_id() {
            continue;
        }
        let held = storage
            .is_locked_elsewhere(locks::liveness(writer.opened.byte))
            .map_err(io_error("looking for writers of other hosts".to_owned()))?;
        if !storage.medium().locks_trusted {
            return Err(Error::new(
                ErrorKind::Locked,
                format!(
                    "process {} of host {} wrote this file under another kernel and has not left \
                     it, and the locks of this file system do not tell whether it is dead: write \
                     to a copy made by `tracklite backup`",
                    writer.opened.process, writer.opened.host
                ),
            ));
        }
        if held {
            return Err(Error::new(
                ErrorKind::Locked,
                format!(
                    "process {} of host {} writes this file, and it runs under another kernel: \
                     one file serves the processes of one host",
                    writer.opened.process, writer.opened.host
                ),
            ));
        }
    }
    Ok(())
}

/// Makes the chain appendable after a power cut. Only ever appends: what is there stays.
fn recover(
    storage: &dyn Storage,
    file: FileId,
    chain: &mut Chain,
    mut end: ChainEnd,
) -> Result<()> {
    let length = storage.len().map_err(io_error("asking for the file's length".to_owned()))?;
    // Beyond the file's length and beyond every unit that a frame names nothing was ever written.
    chain.state.next_unit = chain.state.next_unit.max(units_for(length));
    while let ChainEnd::LostSuccessor(unit) = end {
        // The link was kept, and the header was not or says where frames ended that are lost: it
        // is written again, for the link cannot be. Frames that stand in the unit and followed
        // the lost ones do not continue the hash: they are remains.
        let cursor = chain.reader.cursor();
        allocate_unit(storage, unit)?;
        let linked = link_unit(storage, file, &cursor, unit, 1, Incarnation(0))?;
        chain.reader.set_cursor(linked);
        end = chain.catch_up()?;
    }
    match end {
        ChainEnd::Remains(_) => {
            // Never overwritten, for it may be somebody's evidence: the chain goes on elsewhere.
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

/// The first liveness byte that nobody holds.
///
/// Where locks are not trusted, a byte that a writer has named in the chain and not left is not
/// taken even when it seems free: whoever takes it declares that writer dead.
fn take_byte(storage: &dyn Storage, state: &State) -> Result<Option<u16>> {
    let is_trusted = storage.medium().locks_trusted;
    let named: BTreeSet<u16> = state.writers.values().map(|writer| writer.opened.byte).collect();
    let is_free = |byte: &u16| is_trusted || !named.contains(byte);
    for byte in (0..locks::LIVENESS_COUNT).filter(is_free) {
        let taken = storage
            .try_lock(locks::liveness(byte), LockMode::Exclusive)
            .map_err(io_error("taking a liveness byte".to_owned()))?;
        if taken {
            return Ok(Some(byte));
        }
    }
    Ok(None)
}

fn no_byte(storage: &dyn Storage) -> Error {
    let mut holders = storage.lock_holders(locks::LIVENESS);
    let count = holders.len();
    holders.truncate(HOLDERS_TOLD_MAX);
    Error::new(
        ErrorKind::Locked,
        format!(
            "there is no place for one more writer: all {} are held by {count} processes, such as \
             {}; if it is one, it vacuums the file",
            locks::LIVENESS_COUNT,
            holders.join(", ")
        ),
    )
}

fn new_incarnation(storage: &dyn Storage, state: &State) -> Result<Incarnation> {
    if mutant::is_active(Mutant::Rule1CounterIncarnation) {
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
    super::append::append_frame(storage, file, chain, &records)?;
    Ok(chain.reader.cursor().last)
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
