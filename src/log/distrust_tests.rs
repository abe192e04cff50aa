//! Tests of files with valid checksums and invalid contents.
//!
//! Examples are impossible lengths, records of newer builds, and contradicting definitions.

use std::sync::Arc;

use crate::entity::id::{ExperimentId, RunId, Timestamp};
use crate::error::ErrorKind;
use crate::format::header::{UnitHeader, UnitKind};
use crate::format::record::{
    BlockPlace, ExperimentCreated, Incarnation, InputsLogged, OutputsLogged, Position, Purged,
    Record, RecordClass, RowDefined, RunStarted, Sealed, SealedBlock, SeriesDefined, SeriesId,
};
use crate::format::word::WordPlace;
use crate::format::{FileId, unit_start};
use crate::storage::{
    CallKind, Failure, Fault, FaultPlan, FaultStorage, MediumTraits, MemoryFile, Storage as _,
};
use crate::verify::verify_storage;

use super::chain::{read_word, write_word};
use super::chain_tail::append_frame;
use super::{ChainEnd, Damage, Log, LogOptions};

const RUN: RunId = RunId::from_bits(7);

fn new_file() -> MemoryFile {
    MemoryFile::with_bytes(&super::new_file(super::new_header(7)))
}

fn open(file: &MemoryFile) -> crate::Result<Log> {
    Log::open(Arc::new(file.open()), LogOptions::default())
}

fn append(log: &Log, records: &[Record]) {
    log.append(|_, _| Ok((records.to_vec(), ()))).unwrap();
}

fn created(id: u64) -> Record {
    let experiment = ExperimentId::new(id);
    ExperimentCreated { experiment, path: format!("/{id}"), time: 0 }.into()
}

fn damages(file: &MemoryFile) -> Vec<Damage> {
    verify_storage(Arc::new(file.open())).unwrap().damages
}

#[test]
fn a_length_beyond_the_file_allocates_no_memory() {
    let file = new_file();
    let log = open(&file).unwrap();
    for offset in [0, unit_start(1), u64::MAX - 7] {
        let place = BlockPlace::At { offset, length: u32::MAX, checksum: 0 };
        let error = log.read_block(&place).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.to_string().contains("the file has"), "{error}");
        assert!(log.read_piece(offset, u32::MAX as usize).is_err());
    }
}

#[test]
fn a_chain_unit_longer_than_the_file_is_surveyed() {
    let file = new_file();
    let header = UnitHeader {
        kind: UnitKind::Chain,
        unit: 1,
        units: u32::MAX,
        incarnation: Incarnation(0),
        previous_end: Position(0),
        previous_hash: crate::format::frame::EMPTY_CHAIN_HASH,
    };
    file.open().write_at(unit_start(1), &header.encode(FileId(7))).unwrap();
    assert_eq!(damages(&file), []);
}

#[test]
fn an_unknown_record_before_a_checkpoint_still_restricts_the_file() {
    for (class, kind) in [
        (RecordClass::WriteIncompatible, ErrorKind::ReadOnly),
        (RecordClass::ReadIncompatible, ErrorKind::UnsupportedFormat),
    ] {
        let file = new_file();
        let log = open(&file).unwrap();
        // Append like the newer build, which knows the record.
        let mut chain = log.chain.lock();
        let unknown = Record::Unknown { kind: 200, version: 3, class };
        let appended = append_frame(&*log.storage, log.file, &mut chain, &[unknown]);
        assert_eq!(appended.is_err(), class == RecordClass::ReadIncompatible);
        if appended.is_err() {
            chain.reader.catch_up(|_, _| Ok(())).unwrap();
        }
        let position = chain.reader.cursor().next;
        let checkpoint = [chain.state.checkpoint().into()];
        append_frame(&*log.storage, log.file, &mut chain, &checkpoint).unwrap();
        let mark = chain.reader.cursor().next.0 / 8;
        drop(chain);
        write_word(&*log.storage, log.file, WordPlace::DurableMark, mark).unwrap();
        log.hint_checkpoint(position).unwrap();
        drop(log);
        let error = open(&file).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains("kind 200, version 3"), "{error}");
    }
}

#[test]
fn a_checkpoint_beyond_the_durable_mark_does_not_hide_a_lost_frame_before_it() {
    let file = new_file();
    let log = open(&file).unwrap();
    log.sync().unwrap();
    let lost = log.chain.lock().reader.cursor().next;
    append(&log, &[created(1)]);
    append(&log, &[created(2)]);
    let position = log.chain.lock().reader.cursor().next;
    let checkpoint = log.chain.lock().state.checkpoint();
    append(&log, &[checkpoint.into()]);
    log.hint_checkpoint(position).unwrap();
    drop(log);
    // The power cut loses only one sector of this.
    file.open().write_at(lost.0, &[0; 8]).unwrap();
    let log = open(&file).unwrap();
    append(&log, &[created(3)]);
    log.sync().unwrap();
    let mut reader = log.reader_from_start().unwrap();
    let mut records = Vec::new();
    let end = reader.catch_up(|_, frame| {
        records.extend(frame.records()?);
        Ok(())
    });
    assert_eq!(end.unwrap(), ChainEnd::Clean);
    assert!(records.contains(&created(3)), "{records:?}");
}

#[test]
fn a_checkpoint_is_hinted_only_after_it_is_synced() {
    let (file, plan) = (new_file(), FaultPlan::new());
    let storage = FaultStorage::new(Arc::new(file.open()), &plan);
    let options = LogOptions { sync_interval: None, checkpoint_bytes: 8, ..LogOptions::default() };
    let log = Log::open(Arc::new(storage), options).unwrap();
    append(&log, &[created(1)]);
    let fault = Fault { kind: Some(CallKind::Sync), nth: 1, failure: Failure::Io, for_ever: true };
    plan.arm(fault);
    assert!(log.tick().is_err());
    let hint = || read_word(&*log.storage, log.file, WordPlace::Checkpoint).unwrap();
    assert_eq!(hint(), None);
    plan.disarm();
    append(&log, &[created(2)]);
    log.tick().unwrap();
    let chain = log.chain.lock();
    assert_eq!(hint(), Some(chain.reader.cursor().last.0 / 8));
    assert_eq!(chain.reader.durable_mark().unwrap(), chain.reader.cursor().next.0);
}

#[test]
fn contradicting_definitions_of_a_series_are_reported() {
    let file = new_file();
    let log = open(&file).unwrap();
    let incarnation = log.writer().unwrap().incarnation;
    let define = |first, keys: &[&str]| -> Record {
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        SeriesDefined { incarnation, run: RUN, first: SeriesId(first), keys }.into()
    };
    append(&log, &[define(1, &["loss", "accuracy"])]);
    append(&log, &[define(2, &["accuracy"])]);
    log.close().unwrap();
    assert_eq!(damages(&file), []);
    let log = open(&file).unwrap();
    append(&log, &[define(2, &["other"])]);
    log.close().unwrap();
    let [damage] = &damages(&file)[..] else { panic!("{:?}", damages(&file)) };
    assert_eq!(damage.place, format!("definition 2 of writer {:016x}", incarnation.0));
    assert_eq!(damage.wanted, format!("metric \"accuracy\" of run {RUN}, as defined earlier"));
    assert_eq!(damage.got, format!("metric \"other\" of run {RUN}"));
}

#[test]
fn a_row_of_an_undefined_series_is_reported() {
    let file = new_file();
    let log = open(&file).unwrap();
    let incarnation = log.writer().unwrap().incarnation;
    let series = vec![SeriesId(9)];
    append(&log, &[RowDefined { incarnation, row: SeriesId(1), series }.into()]);
    log.close().unwrap();
    let [damage] = &damages(&file)[..] else { panic!("{:?}", damages(&file)) };
    assert_eq!(damage.got, "a row of series 9, which is not defined earlier");
}

#[test]
fn a_slot_of_an_undefined_series_is_reported() {
    let file = new_file();
    let log = open(&file).unwrap();
    let known = log.define_series(RUN, &["loss"]).unwrap()[0];
    log.append_point(known, 0, Some(Timestamp::from_nanos(0)), 0.5).unwrap();
    log.append_point(SeriesId(77), 1, None, 0.5).unwrap();
    log.append_row(known, 2, None, &[1.0]).unwrap();
    let found = damages(&file);
    let [slot, row] = &found[..] else { panic!("{found:?}") };
    assert_eq!(slot.place, "slot 1 of extent 2");
    assert_eq!(slot.offset, unit_start(2) + 64 + 32);
    assert_eq!(slot.got, "series 77, which is not defined, in 1 entries of the extent");
    assert_eq!(row.place, "slot 2 of extent 2");
    assert!(row.got.starts_with("row schema 1, which is metric \"loss\""), "{}", row.got);
}

#[test]
fn inputs_and_outputs_of_an_unknown_run_are_reported() {
    let file = new_file();
    let log = open(&file).unwrap();
    let started = RunStarted {
        run: RUN,
        experiment: ExperimentId::DEFAULT,
        incarnation: None,
        name: "known".to_owned(),
        parent: None,
        user: String::new(),
        time: 0,
    };
    let inputs = |run| InputsLogged { run, datasets: Vec::new(), models: vec!["m".to_owned()] };
    let outputs = |run| OutputsLogged { run, models: vec![("m".to_owned(), 1)] };
    append(&log, &[started.into(), inputs(RUN).into(), outputs(RUN).into()]);
    assert_eq!(damages(&file), []);
    let unknown = RunId::from_bits(8);
    append(&log, &[inputs(unknown).into(), outputs(unknown).into()]);
    append(&log, &[Purged { runs: vec![RUN], experiments: Vec::new() }.into()]);
    append(&log, &[inputs(RUN).into()]);
    let places: Vec<String> = damages(&file).into_iter().map(|damage| damage.place).collect();
    let wanted = [
        format!("inputs of run {unknown}"),
        format!("outputs of run {unknown}"),
        format!("inputs of run {RUN}"),
    ];
    assert_eq!(places, wanted);
}

#[test]
fn damage_in_a_block_reports_the_frame_position() {
    let file = new_file();
    let log = open(&file).unwrap();
    append(&log, &[created(1)]);
    let place = BlockPlace::Inline(vec![7; 100]);
    let incarnation = log.writer.unwrap().incarnation;
    let blocks = vec![SealedBlock { place, series: Vec::new() }];
    append(&log, &[Sealed { incarnation, extents: Vec::new(), dropped: 0, blocks }.into()]);
    let position = log.with_state(|_, cursor| cursor.last).unwrap();
    let [damage] = &damages(&file)[..] else { panic!("{:?}", damages(&file)) };
    assert_eq!((damage.place.as_str(), damage.offset), ("column block", position.0));
}

#[test]
fn without_trusted_locks_possible_writers_are_not_locked_out() {
    let file = new_file();
    let plan = FaultPlan::new();
    let storage = FaultStorage::new(Arc::new(file.open()), &plan);
    let writer = Log::open(Arc::new(storage), LogOptions::default()).unwrap();
    // Nothing of it reaches the file any more. Its lock ends with its storage.
    plan.arm(Fault { kind: None, nth: 1, failure: Failure::Io, for_ever: true });
    drop(writer);
    for (locks_trusted, is_refused) in [(true, false), (false, true)] {
        file.set_medium(MediumTraits { mappable: false, locks_trusted });
        let options = LogOptions { read_only: true, ..LogOptions::default() };
        let log = Log::open(Arc::new(file.open()), options).unwrap();
        let locked_out = log.lock_out_writers().map(drop);
        assert_eq!(locked_out.is_err(), is_refused, "{locked_out:?}");
    }
}
