//! Tests that a block keeps every bit of every point and detects damage.

use pco::wrapped::FileCompressor;
use pco::{ChunkConfig, ModeSpec};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::entity::id::Timestamp;
use crate::entity::{MetricPoint, MetricStatistics};
use crate::error::Result;

const CODECS: [Codec; 2] = [Codec::Pco, Codec::ShuffleZstd];

fn label(series: u32, run: u128) -> SeriesLabel {
    let key = format!("key/{series}");
    SeriesLabel { series: SeriesId(series), run: RunId::from_bits(run), key }
}

fn single(series: u32, run: u128, values: Vec<f64>) -> Group {
    let points = i64::try_from(values.len()).unwrap();
    let time = |i: i64| 1_767_225_600_000_000_000 + 10_000_000 * i + (i * i * 7_919) % 500_000;
    Group {
        series: vec![label(series, run)],
        steps: (0..points).collect(),
        times: (0..points).map(time).collect(),
        values: vec![values],
    }
}

/// Returns a noisy falling curve in f32 that depends only on the seed.
fn loss(seed: u32, points: usize) -> Vec<f64> {
    let mut noise = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = |i: usize| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let falling = 2.5 / (1.0 + u16::try_from(i % 60_000).map_or(0.0, f32::from) / 50.0);
        f64::from(falling * (1.0 + 0.05 * f32::from((noise >> 16) as u16) / 65_536.0))
    };
    (0..points).map(&mut next).collect()
}

fn small_groups() -> Vec<Group> {
    let mut row = single(7, 3, vec![0.5, f64::NAN, 0.25]);
    row.series.push(label(8, 3));
    row.values.push(vec![1e300, -0.0, f64::NEG_INFINITY]);
    let extremes = Group { steps: vec![i64::MIN, i64::MAX, 0], ..single(9, 1, vec![1.0; 3]) };
    vec![single(1, 1, loss(1, 40)), row, single(2, 2, vec![3.5]), extremes]
}

fn decode(block: &[u8]) -> Result<Vec<Group>> {
    let footer = parse(block)?;
    let mut groups = Vec::new();
    for stored in &footer.groups {
        let mut group = Group::default();
        decode_column_i64(&stored.steps, stored.steps.bytes_of(block)?, &mut group.steps)?;
        decode_column_i64(&stored.times, stored.times.bytes_of(block)?, &mut group.times)?;
        for series in &stored.series {
            let mut values = Vec::new();
            decode_column_f64(&series.values, series.values.bytes_of(block)?, &mut values)?;
            group.series.push(series.label.clone());
            group.values.push(values);
        }
        groups.push(group);
    }
    Ok(groups)
}

/// Asserts that groups are equal, with values compared by their bits.
fn assert_same(got: &[Group], want: &[Group]) {
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        assert_eq!((&got.series, &got.steps, &got.times), (&want.series, &want.steps, &want.times));
        let bits = |group: &Group| -> Vec<Vec<u64>> {
            let columns = group.values.iter();
            columns.map(|column| column.iter().map(|value| value.to_bits()).collect()).collect()
        };
        assert_eq!(bits(got), bits(want));
    }
}

#[track_caller]
fn assert_damaged<T: std::fmt::Debug>(result: Result<T>) {
    let kind = result.map_err(|error| error.kind()).expect_err("the damage was not detected");
    assert!(matches!(kind, ErrorKind::Damaged | ErrorKind::UnsupportedFormat), "{kind:?}");
}

#[test]
fn groups_survive_the_round_trip_in_order() {
    for codec in CODECS {
        let groups = small_groups();
        assert_same(&decode(&encode(&groups, codec).unwrap()).unwrap(), &groups);
    }
}

#[test]
fn columns_of_several_chunks_survive_the_round_trip() {
    for points in [PCO_CHUNK_POINTS, PCO_CHUNK_POINTS + 1, 4 * PCO_CHUNK_POINTS - 1] {
        let groups = [single(1, 1, loss(1, points))];
        assert_same(&decode(&encode(&groups, Codec::Pco).unwrap()).unwrap(), &groups);
    }
}

#[test]
fn special_values_keep_their_bits() {
    let nan = |payload: u64| f64::from_bits(0x7FF0_0000_0000_0001 | payload);
    let odd = [nan(0), nan(1 << 51), nan((1 << 63) | 77), -0.0, 0.0, f64::INFINITY, -5e-324];
    for codec in CODECS {
        for length in [7, 300, 5_000] {
            // Among multiples of 0.01 and among f32 numbers, pco changes its representation.
            let hundredths = |i: usize| f64::from(u16::try_from(i % 9_999).unwrap()) / 100.0;
            let mut values: Vec<f64> = (0..length).map(hundredths).collect();
            values.iter_mut().step_by(97).zip(odd.iter().cycle()).for_each(|(v, &o)| *v = o);
            let mut narrow = loss(3, length);
            narrow.iter_mut().step_by(31).zip(odd.iter().cycle()).for_each(|(v, &o)| *v = o);
            let groups = [single(1, 1, values), single(2, 1, narrow)];
            assert_same(&decode(&encode(&groups, codec).unwrap()).unwrap(), &groups);
        }
    }
}

#[test]
fn regular_columns_take_a_few_bytes() {
    let groups = [single(1, 1, vec![1e-3; 100_000])];
    let footer = parse(&encode(&groups, Codec::Pco).unwrap()).unwrap();
    let steps = footer.groups[0].steps;
    assert_eq!((steps.codec, steps.length), (ColumnCodec::Progression, 2));
    assert!(footer.groups[0].series[0].values.length <= 11);
}

#[test]
fn columns_that_pco_cannot_shrink_are_shuffled() {
    let mut state = 1_u64;
    let mut noise = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from_bits((state ^ (state >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD))
    };
    let chunk: Vec<f64> = (0..PCO_CHUNK_POINTS).map(|_| noise()).collect();
    let codec_of = |values: Vec<f64>| {
        let groups = [single(1, 1, values)];
        let block = encode(&groups, Codec::Pco).unwrap();
        assert_same(&decode(&block).unwrap(), &groups);
        let column = parse(&block).unwrap().groups[0].series[0].values;
        (column.codec, column.length as usize)
    };
    // The chunks are equal. Pco cannot use that, because it sees one chunk at a time.
    let (codec, length) = codec_of(chunk.repeat(4));
    assert_eq!(codec, ColumnCodec::ShuffleZstd);
    assert!(length < 2 * 8 * PCO_CHUNK_POINTS, "{length} bytes");
    assert_eq!(codec_of(chunk.clone()), (ColumnCodec::Raw, 8 * PCO_CHUNK_POINTS));
    assert_eq!(codec_of(chunk[..7].to_vec()), (ColumnCodec::Raw, 7 * 8));
}

#[test]
fn a_small_block_is_small() {
    let groups: Vec<Group> = (1..=5).map(|i| single(i, 1, loss(i, 100))).collect();
    let bytes = encode(&groups, Codec::Pco).unwrap().len();
    assert!(bytes <= 3 * 1024, "{bytes} bytes");
}

#[test]
fn malformed_groups_are_rejected() {
    let mut without_series = single(1, 1, vec![1.0]);
    without_series.series.clear();
    without_series.values.clear();
    let uneven = Group { times: vec![1, 2], ..single(1, 1, vec![1.0]) };
    let missing = Group { series: vec![label(1, 1), label(2, 1)], ..single(1, 1, vec![1.0]) };
    let many = usize::try_from(NUMBERS_MAX).unwrap() / 3 + 1;
    let large = Group {
        series: vec![label(1, 1)],
        steps: vec![0; many],
        times: vec![0; many],
        values: vec![vec![0.0; many]],
    };
    for group in [single(1, 1, vec![]), without_series, uneven, missing, large] {
        let refused = encode(&[group], Codec::Pco).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(encode(&[], Codec::Pco).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_short_tail_returns_the_length_needed() {
    let block = encode(&small_groups(), Codec::Pco).unwrap();
    let length = block.len() as u64;
    let FooterOrMore::More(trailer) = footer_from_tail(&[], length).unwrap() else { panic!() };
    assert_eq!(trailer, TRAILER_BYTES);
    let tail = &block[block.len() - trailer..];
    let FooterOrMore::More(needed) = footer_from_tail(tail, length).unwrap() else { panic!() };
    let short = &block[block.len() - needed + 1..];
    assert_eq!(footer_from_tail(short, length).unwrap(), FooterOrMore::More(needed));
    let tail = &block[block.len() - needed..];
    let footer = footer_from_tail(tail, length).unwrap();
    let whole = FooterOrMore::Footer(parse(&block).unwrap());
    // Compare as text, because a NaN among the statistics does not equal itself.
    assert_eq!(format!("{footer:?}"), format!("{whole:?}"));
    assert_damaged(footer_from_tail(tail, length + 1));
    assert_damaged(footer_from_tail(tail, 11));
}

#[test]
fn statistics_match_those_of_the_points_one_by_one() {
    let nan = f64::NAN;
    let cases: [(&[i64], &[f64]); 5] = [
        (&[3], &[nan]),
        (&[0, 1, 2, 3], &[2.0, nan, -7.5, f64::INFINITY]),
        (&[5, 5, 5], &[1.0, nan, -1.0]),
        (&[9, -9, i64::MAX, i64::MIN], &[0.5, 0.25, 0.125, 1.0]),
        (&[1, 1, 1, 1], &[-2.0, nan, -3.0, nan]),
    ];
    for (steps, values) in cases {
        let times = vec![17; steps.len()];
        let points = steps.iter().zip(values).map(|(&step, &value)| {
            let time = Timestamp::from_nanos(17);
            MetricStatistics::of_point(MetricPoint { step, time, value })
        });
        let want = points.reduce(MetricStatistics::with).unwrap();
        let got = statistics(steps, &times, values).unwrap();
        assert_eq!(format!("{got:?}"), format!("{want:?}"));
    }
    assert!(statistics(&[], &[], &[]).is_none());
}

#[test]
fn the_footer_keeps_statistics_and_merges_series() {
    let first = single(1, 1, vec![1.0, f64::NAN, 3.0]);
    let mut second = single(1, 1, vec![0.5]);
    second.series.push(label(2, 1));
    second.values.push(vec![7.0]);
    let groups = [first, second];
    let footer = parse(&encode(&groups, Codec::Pco).unwrap()).unwrap();
    for (stored, group) in footer.groups.iter().zip(&groups) {
        for (series, values) in stored.series.iter().zip(&group.values) {
            let want = statistics(&group.steps, &group.times, values).unwrap();
            assert_eq!(series.statistics, want);
        }
    }
    let sealed = footer.sealed_series();
    let found: Vec<_> = sealed.iter().map(|s| (s.series.0, s.count, s.step, s.value)).collect();
    assert_eq!(found, [(1, 4, 2, 3.0), (2, 1, 0, 7.0)]);
}

#[test]
fn retain_removes_purged_runs() {
    let mut groups = small_groups();
    groups[1].series[1].run = RunId::from_bits(4);
    for codec in CODECS {
        let block = encode(&groups, codec).unwrap();
        let rest = retain(&block, |run| run.to_bits() != 1 && run.to_bits() != 4);
        let mut row = groups[1].clone();
        row.series.pop();
        row.values.pop();
        assert_same(&decode(&rest.unwrap().unwrap()).unwrap(), &[row, groups[2].clone()]);
        assert_eq!(retain(&block, |_| true).unwrap().unwrap(), block);
        assert_eq!(retain(&block, |_| false).unwrap(), None);
    }
}

#[test]
fn every_truncation_is_detected() {
    for codec in CODECS {
        let block = encode(&small_groups(), codec).unwrap();
        for length in 0..block.len() {
            assert_damaged(decode(&block[..length]));
        }
        for start in 1..block.len() {
            assert_damaged(decode(&block[start..]));
        }
    }
}

#[test]
fn every_flipped_bit_is_detected() {
    for codec in CODECS {
        let mut block = encode(&small_groups(), codec).unwrap();
        for bit in 0..block.len() * 8 {
            block[bit / 8] ^= 1 << (bit % 8);
            assert_damaged(decode(&block));
            block[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn an_error_leaves_the_destination_unchanged() {
    let block = encode(&[single(1, 1, loss(1, 500))], Codec::Pco).unwrap();
    let column = parse(&block).unwrap().groups[0].series[0].values;
    let longer = Column { points: column.points + 1, ..column };
    let mut values = vec![1.0, 2.0];
    assert_damaged(decode_column_f64(&longer, column.bytes_of(&block).unwrap(), &mut values));
    assert_eq!(values, [1.0, 2.0]);
}

#[test]
fn bytes_after_a_column_are_rejected() {
    let values = loss(1, 300);
    let regular = vec![1.0; 300];
    for (values, form) in
        [(&values, Codec::Pco), (&values, Codec::ShuffleZstd), (&regular, Codec::Pco)]
    {
        let mut bytes = Vec::new();
        let stored = column::append_column(values, form, &mut bytes).unwrap();
        let codec = ColumnCodec::from_id(stored.codec).unwrap();
        assert!(decode_column_f64(&column_of(&bytes, codec, 300), &bytes, &mut vec![]).is_ok());
        bytes.push(0);
        assert_damaged(decode_column_f64(&column_of(&bytes, codec, 300), &bytes, &mut vec![]));
    }
}

#[test]
fn a_pco_dictionary_is_rejected() {
    let numbers: Vec<i64> = (0..2_000).map(|i| (i % 7) * 1_234_567_890_123).collect();
    let configuration = ChunkConfig::default().with_mode_spec(ModeSpec::TryDict);
    let mut bytes = Vec::new();
    let file = FileCompressor::default();
    file.write_header(&mut bytes).unwrap();
    let mut chunk = file.chunk_compressor(&numbers, &configuration).unwrap();
    assert!(matches!(chunk.meta().mode, pco::metadata::Mode::Dict(_)));
    chunk.write_meta(&mut bytes).unwrap();
    chunk.write_page(0, &mut bytes).unwrap();
    let column = column_of(&bytes, ColumnCodec::Pco, 2_000);
    assert_damaged(decode_column_i64(&column, &bytes, &mut Vec::new()));
}

/// Creates a column with a valid checksum, so that only the codec can reject the bytes.
fn column_of(bytes: &[u8], codec: ColumnCodec, points: u32) -> Column {
    let length = u32::try_from(bytes.len()).unwrap();
    Column { offset: 0, length, points, codec, checksum: checksum(0, bytes) }
}

/// Creates a block with valid checksums around any columns and footer.
fn seal(columns: &[u8], footer: &[u8]) -> Vec<u8> {
    let mut block = columns.to_vec();
    block.extend_from_slice(footer);
    block.extend_from_slice(b"TLB\x01");
    block.extend_from_slice(&u32::try_from(footer.len()).unwrap().to_le_bytes());
    let checksum = checksum(0, &block[columns.len()..]);
    block.extend_from_slice(&checksum.to_le_bytes());
    block
}

#[test]
fn sizes_beyond_the_limits_are_rejected() {
    // No runs, and one group of 2^32 - 1 points with two progressions and one series.
    let group = |points: [u8; 5], run: u8| {
        let mut footer = vec![1, 0, 1];
        footer.extend(points);
        footer.extend([3, 2, 0].repeat(2));
        footer.extend([1, 1, run, 0, 0, 0, 0]);
        footer.extend([0; 24]);
        footer.extend([0, 0]);
        footer.extend([0; 8]);
        footer.extend([3, 2, 0]);
        footer
    };
    let message = |footer: &[u8]| parse(&seal(&[0; 6], footer)).unwrap_err().to_string();
    let huge = message(&group([252, 255, 255, 255, 255], 0));
    assert!(huge.contains("count of numbers"), "{huge}");
    let unknown_run = message(&group([252, 1, 0, 0, 0], 1));
    assert!(unknown_run.contains("run of a series"), "{unknown_run}");
    let none = message(&group([252, 0, 0, 0, 0], 0));
    assert!(none.contains("size of a group"), "{none}");
    assert!(parse(&seal(&[0; 6], &group([252, 1, 0, 0, 0], 0))).is_ok());
    let gap = parse(&seal(&[0; 7], &group([252, 1, 0, 0, 0], 0))).unwrap_err().to_string();
    assert!(gap.contains("end of the columns"), "{gap}");
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => any::<f32>().prop_map(f64::from),
        2 => any::<u64>().prop_map(f64::from_bits),
        2 => (0..1_000_i32).prop_map(|n| f64::from(n) / 100.0),
    ]
}

fn any_group() -> impl Strategy<Value = Group> {
    let step = prop_oneof![any::<i64>(), -5..5_i64];
    let points = prop_oneof![Just(1_usize), 1..9_usize, 1..700_usize];
    (points, 1..5_usize, any::<u32>(), 0..3_u128).prop_flat_map(move |(points, k, id, run)| {
        let values = vec(vec(any_value(), points), k);
        (vec(step.clone(), points), vec(any::<i64>(), points), values).prop_map(
            move |(steps, times, values)| {
                let ids = (0..u32::try_from(k).unwrap()).map(|j| id.wrapping_add(j));
                Group { series: ids.map(|id| label(id, run)).collect(), steps, times, values }
            },
        )
    })
}

fn any_codec() -> impl Strategy<Value = ColumnCodec> {
    (0..4_u8).prop_map(|id| ColumnCodec::from_id(id).unwrap())
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn any_groups_survive_the_round_trip(groups in vec(any_group(), 1..5)) {
        for codec in CODECS {
            assert_same(&decode(&encode(&groups, codec).unwrap()).unwrap(), &groups);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        assert_damaged(decode(&bytes));
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn arbitrary_footers_never_panic(
        columns in vec(any::<u8>(), 0..9),
        footer in vec(0..20_u8, 0..90),
    ) {
        if let Ok(groups) = decode(&seal(&columns, &footer)) {
            let numbers = groups.iter().map(|g| g.steps.len() * (2 + g.series.len()));
            prop_assert!(numbers.sum::<usize>() as u64 <= NUMBERS_MAX);
        }
    }

    #[test]
    fn invalid_columns_with_valid_checksums_never_panic(
        codec in any_codec(),
        group in any_group(),
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        points in prop_oneof![Just(None), (0..40_000_u32).prop_map(Some)],
    ) {
        let form = if codec == ColumnCodec::ShuffleZstd { Codec::ShuffleZstd } else { Codec::Pco };
        let values = &group.values[0];
        let mut bytes = Vec::new();
        column::append_column(values, form, &mut bytes).unwrap();
        for (place, byte) in flips {
            *place.get_mut(&mut bytes) = byte;
        }
        let points = points.unwrap_or(u32::try_from(values.len()).unwrap());
        let column = column_of(&bytes, codec, points);
        let mut decoded = Vec::new();
        let result = decode_column_f64(&column, &bytes, &mut decoded);
        let due = if result.is_ok() { points as usize } else { 0 };
        prop_assert_eq!(decoded.len(), due);
    }
}
