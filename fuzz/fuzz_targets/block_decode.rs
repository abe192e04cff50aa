//! Decodes arbitrary bytes as a column block, and round-trips blocks of arbitrary numbers.
//!
//! Decoding must end without a panic and within its bounds. An encoded block must decode to the
//! same bits.

use tracklite::RunId;
use tracklite::internals::block::{self, Codec, Group, SeriesLabel};
use tracklite::internals::record::SeriesId;
use tracklite_fuzz::Choices;

tracklite_fuzz::fuzz_program!(run, seeds);

fn run(input: &[u8]) {
    read_everything(input);
    let groups = groups(&mut Choices::new(input));
    for codec in [Codec::Pco, Codec::ShuffleZstd] {
        let Ok(bytes) = block::encode(&groups, codec) else { continue };
        assert_eq!(text(&decode(&bytes)), text(&groups), "{codec:?}");
        let mut damaged = bytes.clone();
        overlay(&mut damaged, input);
        if damaged != bytes {
            read_everything(&damaged);
        }
    }
}

/// Decodes everything in an untrusted block.
fn read_everything(bytes: &[u8]) {
    let Ok(footer) = block::parse(bytes) else { return };
    let sealed = footer.sealed_series();
    assert!(!sealed.is_empty(), "a valid block has no series");
    for group in &footer.groups {
        let (mut steps, mut values) = (Vec::new(), Vec::new());
        for column in [&group.steps, &group.times] {
            if let Ok(part) = column.bytes_of(bytes) {
                let _ = block::decode_column_i64(column, part, &mut steps);
            }
        }
        for series in &group.series {
            if let Ok(part) = series.values.bytes_of(bytes) {
                let _ = block::decode_column_f64(&series.values, part, &mut values);
            }
        }
        let max = group.points as usize;
        assert!(steps.len() <= 2 * max && values.len() <= group.series.len() * max);
    }
    if let Ok(Some(rest)) = block::retain(bytes, |run| run.to_bits().is_multiple_of(2)) {
        assert!(block::parse(&rest).is_ok(), "the result of retain is invalid");
    }
}

/// Decodes the groups of a block that this program encoded.
fn decode(bytes: &[u8]) -> Vec<Group> {
    let footer = block::parse(bytes).expect("parse the block");
    let integers = |column: &block::Column| {
        let mut numbers = Vec::new();
        let part = column.bytes_of(bytes).expect("find the column");
        block::decode_column_i64(column, part, &mut numbers).expect("decode the column");
        numbers
    };
    let floats = |column: &block::Column| {
        let mut numbers = Vec::new();
        let part = column.bytes_of(bytes).expect("find the column");
        block::decode_column_f64(column, part, &mut numbers).expect("decode the column");
        numbers
    };
    let group = |group: &block::GroupFooter| Group {
        series: group.series.iter().map(|series| series.label.clone()).collect(),
        steps: integers(&group.steps),
        times: integers(&group.times),
        values: group.series.iter().map(|series| floats(&series.values)).collect(),
    };
    footer.groups.iter().map(group).collect()
}

/// Formats groups with the bits of their values, because a NaN does not equal itself.
fn text(groups: &[Group]) -> String {
    let bits = |values: &Vec<f64>| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let group = |group: &Group| {
        let values: Vec<_> = group.values.iter().map(bits).collect();
        format!("{:?} {:?} {:?} {values:x?}\n", group.series, group.steps, group.times)
    };
    groups.iter().map(group).collect()
}

fn groups(choices: &mut Choices<'_>) -> Vec<Group> {
    let count = 1 + choices.below(3);
    (0..count).map(|index| group(index, choices)).collect()
}

fn group(index: usize, choices: &mut Choices<'_>) -> Group {
    let points = 1 + usize::from(choices.number()) % 3000;
    let label = |place: usize| SeriesLabel {
        series: SeriesId(u32::try_from(1 + index * 10 + place).expect("few series")),
        run: RunId::from_bits(place as u128),
        key: format!("key {place}"),
    };
    let series: Vec<SeriesLabel> = (0..=choices.below(3)).map(label).collect();
    let (mut integers, mut floats) = (Vec::new(), Vec::new());
    // A column is longer than any input, so it repeats a few numbers with a drift.
    for _ in 0..8 {
        integers.push((choices.integer(), choices.integer()));
        floats.push(choices.value());
    }
    // The number of alternating integers. With a single one the column is a progression.
    let turns = 1 + choices.below(8);
    let integer = |(first, second): (i64, i64), at: usize| {
        first.wrapping_add(second.wrapping_mul((at / turns) as i64))
    };
    Group {
        steps: (0..points).map(|at| integer(integers[at % turns], at)).collect(),
        times: (0..points).map(|at| integer(integers[7 - at % turns], at)).collect(),
        values: (0..series.len())
            .map(|place| (0..points).map(|at| floats[(at + place) % 8] / (1 + at) as f64).collect())
            .collect(),
        series,
    }
}

/// Overwrites part of the block with bytes of the input, at a place that the input chooses.
fn overlay(bytes: &mut [u8], input: &[u8]) {
    let mut choices = Choices::new(input);
    let at = usize::from(choices.number()) % bytes.len();
    let end = bytes.len().min(at + choices.below(8));
    let chosen = choices.bytes(end - at);
    bytes[at..at + chosen.len()].copy_from_slice(chosen);
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let encoded = |points: u8| {
        let input = [0, points, 0, 0, 9, 20, 30, 40, 50, 60];
        let groups = groups(&mut Choices::new(&input));
        match block::encode(&groups, Codec::Pco) {
            Ok(bytes) => bytes,
            Err(error) => panic!("{error}"),
        }
    };
    let numbers: Vec<u8> = (0..=255).collect();
    let mut progression = vec![0, 100, 0, 0];
    progression.extend([20, 17].repeat(8));
    progression.extend(50..58);
    vec![
        ("progression", progression),
        ("empty", Vec::new()),
        ("numbers", numbers),
        ("block-of-4", encoded(3)),
        ("block-of-200", encoded(199)),
    ]
}
