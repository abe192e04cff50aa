//! The column block compared with bare pco: bytes per value and speed.

#![allow(clippy::unwrap_used, reason = "a bench may panic, and its counts are small")]

mod common;

use std::hint::black_box;

use common::{Curve, curve, times};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress};
use tracklite::RunId;
use tracklite::internals::block::{
    Codec, Footer, Group, SeriesLabel, decode_column_f64, decode_column_i64, encode, parse, retain,
};
use tracklite::internals::record::SeriesId;

const SEED: u64 = 7;

fn group_of(kinds: &[Curve], points: usize) -> Group {
    let label = |i: usize| SeriesLabel {
        series: SeriesId(1 + i as u32),
        run: RunId::from_random(0x0123_4567_89AB_CDEF_0123_4567_89AB_CDEF),
        key: format!("train/metric_{i}"),
    };
    Group {
        series: (0..kinds.len()).map(label).collect(),
        steps: (0..points as i64).collect(),
        times: times(SEED, points),
        values: kinds.iter().map(|&kind| curve(kind, SEED, points)).collect(),
    }
}

/// Prints the sizes that `docs/format.md` promises.
fn report_sizes(_: &mut Criterion) {
    for points in [100, 500, 4_096, 65_536] {
        let mut sums = [0.0; 3];
        for kind in Curve::ALL {
            let group = group_of(&[kind], points);
            let floor = simple_compress(&group.values[0], &ChunkConfig::default()).unwrap().len();
            let sizes = [Codec::Pco, Codec::ShuffleZstd].map(|codec| value_bytes(&group, codec));
            let each = [sizes[0], sizes[1], floor].map(|bytes| bytes as f64 / points as f64);
            println!("{points:6} {kind:18?} {:6.3} {:6.3} {:6.3}", each[0], each[1], each[2]);
            sums.iter_mut().zip(each).for_each(|(sum, one)| *sum += one / 12.0);
        }
        let [block, zstd, floor] = sums;
        println!("{points:6} mean: pco {block:.3}, shuffle + zstd {zstd:.3}, pco alone {floor:.3}");
        report_block(points);
    }
}

fn value_bytes(group: &Group, codec: Codec) -> usize {
    let footer = parse(&encode(std::slice::from_ref(group), codec).unwrap()).unwrap();
    footer.groups[0].series[0].values.length as usize
}

fn report_block(points: usize) {
    let singles: Vec<_> = (0..5).map(|_| group_of(&[Curve::LossF32], points)).collect();
    let block = encode(&singles, Codec::Pco).unwrap();
    let group = &parse(&block).unwrap().groups[0];
    let [steps, times] = [group.steps.length, group.times.length];
    println!(
        "{points:6} x 5 single f32 losses: {} bytes, steps {steps}, times {times}",
        block.len()
    );
    let row = group_of(&Curve::ALL[..8], points);
    let block = encode(&[row], Codec::Pco).unwrap();
    println!(
        "{points:6} x 8 in rows: {:.3} bytes per point",
        block.len() as f64 / 8.0 / points as f64
    );
}

fn decode_all(block: &[u8], footer: &Footer, integers: &mut Vec<i64>, values: &mut Vec<f64>) {
    for group in &footer.groups {
        for column in [&group.steps, &group.times] {
            integers.clear();
            decode_column_i64(column, column.bytes_of(block).unwrap(), integers).unwrap();
        }
        for series in &group.series {
            values.clear();
            let bytes = series.values.bytes_of(block).unwrap();
            decode_column_f64(&series.values, bytes, values).unwrap();
        }
    }
}

fn speeds(criterion: &mut Criterion) {
    let points = 65_536;
    let mut bench = criterion.benchmark_group("block");
    bench.sample_size(10);
    bench.throughput(Throughput::Elements(12 * points as u64));
    let groups: Vec<_> = Curve::ALL.map(|kind| group_of(&[kind], points)).into();
    for codec in [Codec::Pco, Codec::ShuffleZstd] {
        let name = format!("encode 12 single series, points, {codec:?}");
        bench.bench_function(name, |bencher| bencher.iter(|| encode(&groups, codec).unwrap()));
    }
    let rows = [group_of(&Curve::ALL, points)];
    bench.bench_function("encode rows of 12, values", |bencher| {
        bencher.iter(|| encode(&rows, Codec::Pco).unwrap());
    });
    bench.bench_function("encode floor: pco alone, values", |bencher| {
        let compress = |values| simple_compress(values, &ChunkConfig::default()).unwrap();
        bencher.iter(|| rows[0].values.iter().map(|one| compress(one).len()).sum::<usize>());
    });
    let block = encode(&rows, Codec::Pco).unwrap();
    let footer = parse(&block).unwrap();
    bench.throughput(Throughput::Elements(14 * points as u64));
    bench.bench_function("decode rows of 12, numbers", |bencher| {
        let (mut integers, mut values) = (Vec::new(), Vec::new());
        bencher.iter(|| decode_all(black_box(&block), &footer, &mut integers, &mut values));
    });
    bench.throughput(Throughput::Elements(12 * points as u64));
    let alone = rows[0].values.iter().map(|one| simple_compress(one, &ChunkConfig::default()));
    let alone: Vec<_> = alone.map(Result::unwrap).collect();
    bench.bench_function("decode floor: pco alone, values", |bencher| {
        bencher.iter(|| {
            alone.iter().for_each(|one| drop(simple_decompress::<f64>(black_box(one)).unwrap()));
        });
    });
    bench.throughput(Throughput::Bytes(block.len() as u64));
    bench.bench_function("retain all", |bencher| {
        bencher.iter_batched(
            || (),
            |()| retain(black_box(&block), |_| true).unwrap(),
            BatchSize::LargeInput,
        );
    });
    bench.finish();
}

criterion_group!(benches, report_sizes, speeds);
criterion_main!(benches);
