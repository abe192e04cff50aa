//! Tests of series, extents, blocks and latest points.

use super::*;
use crate::format::record::{
    BlockMoved, BlockPlace, ExtentOpened, RowDefined, Sealed, SealedBlock, SealedSeries,
    SeriesDefined, SeriesId,
};
use crate::index::source::{RowSchema, UnsealedExtent};

fn series_defined(incarnation: Incarnation, run: RunId, first: u32, keys: &[&str]) -> Record {
    let keys = keys.iter().map(|&key| key.to_owned()).collect();
    Record::SeriesDefined(SeriesDefined { incarnation, run, first: SeriesId(first), keys })
}

fn extent_opened(incarnation: Incarnation, unit: u32) -> Record {
    Record::ExtentOpened(ExtentOpened { incarnation, unit, units: 4 })
}

fn sealed_series(series: u32, count: u64, latest: MetricPoint) -> SealedSeries {
    let MetricPoint { step, time, value } = latest;
    SealedSeries { series: SeriesId(series), count, step, time: time.as_nanos(), value }
}

fn at(offset: u64) -> BlockPlace {
    BlockPlace::At { offset, length: 100, checksum: u32::MAX }
}

fn sealed(incarnation: Incarnation, extents: &[u32], blocks: Vec<SealedBlock>) -> Record {
    Record::Sealed(Sealed { incarnation, extents: extents.to_vec(), dropped: 0, blocks })
}

fn sealed_at(offset: u64, series: Vec<SealedSeries>) -> Record {
    sealed(WRITER, &[], vec![SealedBlock { place: at(offset), series }])
}

/// Returns an index with the series loss (1) and accuracy (2) of run 1, and loss (3) of run 2.
fn with_series() -> Index {
    let mut index = with_runs();
    feed(
        &mut index,
        vec![
            series_defined(WRITER, run(1), 1, &["loss", "accuracy"]),
            series_defined(WRITER, run(2), 3, &["loss"]),
        ],
    );
    index
}

fn latest_after(points: &[MetricPoint]) -> MetricPoint {
    let mut index = with_series();
    for (number, &point) in (0_u64..).zip(points) {
        feed(&mut index, vec![sealed_at(number * 100, vec![sealed_series(1, 1, point)])]);
    }
    index.latest(run(1), "loss").unwrap().unwrap()
}

#[test]
fn the_latest_point_is_the_maximum_by_step_time_and_value() {
    let later =
        |point: MetricPoint, nanos| MetricPoint { time: Timestamp::from_nanos(nanos), ..point };
    let (one, nan) = (point(5, 1.0), point(5, f64::NAN));
    assert_eq!(latest_after(&[point(4, 9.0), one, point(3, 9.0)]), one);
    assert_eq!(latest_after(&[later(one, 3), later(point(5, 9.0), 2)]), later(one, 3));
    assert_eq!(latest_after(&[one, nan]), one);
    assert_eq!(latest_after(&[nan, one]), one);
    assert_eq!(latest_after(&[point(5, -1.0), nan]), nan);
    assert_eq!(latest_after(&[nan, point(5, -1.0)]), nan);
    assert_eq!(latest_after(&[nan, point(5, 0.0)]), nan);
    let infinite = point(6, f64::NEG_INFINITY);
    assert_eq!(latest_after(&[nan, infinite]), infinite);
}

#[test]
fn values_survive_bit_for_bit() {
    let payload = f64::from_bits(0xFFF8_0000_DEAD_BEEF);
    for value in [payload, f64::NAN, f64::INFINITY, -0.0, f64::MIN_POSITIVE / 4.0] {
        assert_eq!(latest_after(&[point(i64::MIN, value)]), point(i64::MIN, value));
    }
    let mut index = with_series();
    feed(&mut index, vec![sealed_at(0, vec![sealed_series(1, 2, point(0, payload))])]);
    let table = index.sql("SELECT value, is_nan, points FROM run_metrics").unwrap();
    let expected = [SqlValue::Null, SqlValue::Integer(1), SqlValue::Integer(2)];
    assert_eq!(table.rows, [expected]);
    let metrics = index.metrics(run(1)).unwrap();
    assert_eq!(metrics["loss"], point(0, payload));
    assert_eq!(index.run_records(RunScope::One(run(1))).unwrap()[0].metrics, metrics);
}

#[test]
fn sealing_replaces_extents_by_blocks() {
    let mut index = with_series();
    let row = RowDefined {
        incarnation: WRITER,
        row: SeriesId(4),
        series: vec![SeriesId(2), SeriesId(1)],
    };
    feed(
        &mut index,
        vec![Record::RowDefined(row), extent_opened(WRITER, 10), extent_opened(WRITER, 20)],
    );
    let [source] = &index.series_sources(run(1), Some("loss")).unwrap()[..] else { panic!() };
    assert_eq!((source.incarnation, source.series), (WRITER, SeriesId(1)));
    let extent = |unit| UnsealedExtent { unit, units: 4 };
    assert_eq!(source.extents, [extent(10), extent(20)]);
    let schema = RowSchema { row: SeriesId(4), series: vec![SeriesId(2), SeriesId(1)] };
    assert_eq!(source.rows, std::slice::from_ref(&schema));
    assert_eq!(index.series_sources(run(2), None).unwrap()[0].rows, []);
    assert_eq!(index.row_schema(WRITER, SeriesId(4)).unwrap(), Some(schema.series));
    assert_eq!(index.row_schema(WRITER, SeriesId(1)).unwrap(), None);

    let inline = BlockPlace::Inline(vec![1, 2, 3]);
    let first = SealedBlock {
        place: inline.clone(),
        series: vec![sealed_series(1, 5, point(1, 1.0)), sealed_series(3, 1, point(0, 0.0))],
    };
    let second = SealedBlock { place: at(4096), series: vec![sealed_series(1, 7, point(2, 0.5))] };
    feed(&mut index, vec![sealed(WRITER, &[10], vec![first, second])]);
    let sources = index.series_sources(run(1), None).unwrap();
    assert_eq!(
        sources.iter().map(|source| source.key.as_str()).collect::<Vec<_>>(),
        ["loss", "accuracy"]
    );
    assert_eq!(sources[0].blocks, [inline, at(4096)]);
    assert_eq!((sources[1].blocks.len(), &sources[1].extents[..]), (0, &[extent(20)][..]));
    assert_eq!(index.unsealed_extents().unwrap(), [(WRITER, extent(20))]);
    assert_eq!(index.counts().unwrap().points, 13);
    let table = index.sql("SELECT points FROM run_metrics WHERE key = 'loss'").unwrap();
    assert_eq!(table.rows, [[SqlValue::Integer(12)], [SqlValue::Integer(1)]]);

    feed(&mut index, vec![Record::WriterClosed(WriterClosed { incarnation: WRITER })]);
    let closed = &index.series_sources(run(1), None).unwrap()[0];
    assert_eq!((closed.blocks.len(), closed.extents.len(), closed.rows.len()), (2, 0, 0));
}

#[test]
fn sources_are_in_the_order_in_which_writers_opened() {
    let mut index = with_series();
    let later = Incarnation(WRITER.0 - 1);
    feed(&mut index, vec![writer_opened(later, 8), series_defined(later, run(1), 1, &["loss"])]);
    let place = at(100);
    let block = SealedBlock { place, series: vec![sealed_series(1, 1, point(0, 0.0))] };
    feed(&mut index, vec![sealed(later, &[], vec![block])]);
    feed(&mut index, vec![sealed_at(200, vec![sealed_series(1, 1, point(0, 0.0))])]);
    let sources = index.series_sources(run(1), Some("loss")).unwrap();
    let places: Vec<_> =
        sources.iter().map(|source| (source.incarnation, source.blocks.clone())).collect();
    assert_eq!(places, [(WRITER, vec![at(200)]), (later, vec![at(100)])]);
    let writers = index.writers_of(run(1)).unwrap();
    assert_eq!(
        writers.iter().map(|writer| writer.incarnation).collect::<Vec<_>>(),
        [WRITER, later]
    );
}

#[test]
fn blocks_count_the_series_of_purged_runs() {
    let mut index = with_series();
    let both = vec![sealed_series(1, 5, point(0, 0.0)), sealed_series(3, 2, point(0, 0.0))];
    let alone = vec![sealed_series(2, 1, point(0, 0.0))];
    let inline = SealedBlock { place: BlockPlace::Inline(vec![1]), series: alone.clone() };
    feed(
        &mut index,
        vec![sealed_at(100, both), sealed_at(200, alone), sealed(WRITER, &[], vec![inline])],
    );
    assert_eq!(index.blocks_with_purged().unwrap(), []);
    let purged = Purged { runs: vec![run(1)], experiments: Vec::new() };
    feed(&mut index, vec![Record::Purged(purged)]);
    assert_eq!(index.counts().unwrap().points, 2);
    assert_eq!(index.metrics(run(1)).unwrap().len(), 0);
    assert_eq!(index.series_sources(run(1), None).unwrap(), []);
    let blocks = index.blocks_with_purged().unwrap();
    let live: Vec<_> = blocks
        .iter()
        .map(|block| (block.place.clone(), block.live.clone(), block.purged))
        .collect();
    let other = vec![(SeriesId(3), run(2))];
    assert_eq!(live, [(at(100), other, 1), (at(200), Vec::new(), 1)]);
    let table = index.sql("SELECT count(*) FROM blocks").unwrap();
    assert_eq!(table.rows, [[SqlValue::Integer(2)]], "the inline block is forgotten");
    let series = index.series(WRITER, &[1, 2, 3, 4].map(SeriesId)).unwrap();
    let runs: Vec<_> = series.into_iter().map(|found| found.map(|(run, _)| run)).collect();
    assert_eq!(runs, [None, None, Some(run(2)), None]);
    let all = [1, 2, 3, 4].map(|id| (WRITER, SeriesId(id)));
    assert_eq!(index.runs_of_series(all).unwrap(), [run(2)]);

    feed(&mut index, vec![sealed_at(300, vec![sealed_series(1, 1, point(1, 0.0))])]);
    assert_eq!(index.blocks_with_purged().unwrap().len(), 3, "sealed after the purge");
    assert_eq!(index.counts().unwrap().points, 2);
}

#[test]
fn a_moved_block_keeps_its_place_in_the_order() {
    let mut index = with_series();
    let both = vec![sealed_series(1, 5, point(0, 0.0)), sealed_series(3, 2, point(0, 0.0))];
    let next = vec![sealed_series(3, 1, point(1, 0.0))];
    feed(&mut index, vec![sealed_at(100, both), sealed_at(200, next)]);
    let purged = Purged { runs: vec![run(1)], experiments: Vec::new() };
    let rest = SealedBlock { place: at(900), series: vec![sealed_series(3, 2, point(0, 0.0))] };
    let moved = BlockMoved { from: 100, from_length: 100, to: Some(rest) };
    feed(&mut index, vec![Record::Purged(purged), Record::BlockMoved(moved)]);
    assert_eq!(index.series_sources(run(2), None).unwrap()[0].blocks, [at(900), at(200)]);
    assert_eq!(index.blocks_with_purged().unwrap(), []);
    assert_eq!(index.counts().unwrap().points, 3);

    let purged = Purged { runs: vec![run(2)], experiments: Vec::new() };
    let moved = BlockMoved { from: 900, from_length: 100, to: None };
    feed(&mut index, vec![Record::Purged(purged), Record::BlockMoved(moved)]);
    let left = index.blocks_with_purged().unwrap();
    assert_eq!(left.iter().map(|block| block.place.clone()).collect::<Vec<_>>(), [at(200)]);
}

#[test]
fn points_sealed_in_a_frame_seen_twice_count_once() {
    let mut index = with_series();
    let position = index.cursor().unwrap().unwrap().0.0;
    let seal = |offset| sealed_at(offset, vec![sealed_series(1, 5, point(0, 0.0))]);
    let frames = [frame(position + 8, vec![seal(0)]), frame(position + 16, vec![seal(100)])];
    index.apply(&frames[..1]).unwrap();
    index.apply(&frames).unwrap();
    assert_eq!(index.counts().unwrap().points, 10);
    assert_eq!(index.series_sources(run(1), Some("loss")).unwrap()[0].blocks, [at(0), at(100)]);
}

#[test]
fn dropped_points_are_counted() {
    let mut index = with_series();
    let incarnation = WRITER;
    let seal = Sealed { incarnation, extents: vec![10], dropped: 42, blocks: Vec::new() };
    feed(&mut index, vec![extent_opened(WRITER, 10), Record::Sealed(seal)]);
    assert_eq!(index.counts().unwrap().dropped, 42);
    assert_eq!(index.unsealed_extents().unwrap(), []);
}
