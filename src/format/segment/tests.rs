//! Segments read back, bounds, and damaged segments.

use proptest::prelude::*;

use super::*;
use crate::entity::table::{Bytes, Column, Lists, Texts, Values};

fn empty(kind: ColumnType) -> Column {
    Column::empty(kind)
}

/// Encodes columns in blocks of `block` rows, decodes all parts and compares the values.
fn check(columns: &[(ColumnType, Column)], block: usize) -> SegmentFooter {
    let rows = columns[0].1.len();
    let named = columns
        .iter()
        .enumerate()
        .map(|(at, (kind, _))| SegmentColumn { name: format!("c{at}"), kind: *kind });
    let starts = (0..rows).step_by(block);
    let blocks = starts.map(|start| {
        let range = start..rows.min(start + block);
        let parts = columns.iter().map(|(_, column)| encode_part(column, range.clone()));
        (range.len(), parts.collect())
    });
    let bytes = assemble(named.collect(), blocks.collect()).unwrap();
    let length = footer_length(&bytes).unwrap() as usize;
    let end = bytes.len() - TAIL_BYTES;
    let footer = parse_footer(&bytes[end - length..end], bytes.len() as u64).unwrap();
    assert_eq!(footer.rows(), rows as u64);
    for (at, (kind, column)) in columns.iter().enumerate() {
        let mut found = empty(*kind);
        for block in &footer.blocks {
            let part = &block.parts[at];
            let bytes = &bytes[part.offset as usize..][..part.length as usize];
            decode_part(bytes, block.rows as usize, &mut found).unwrap();
        }
        assert_eq!((found.len(), found.null_count()), (column.len(), column.null_count()));
        assert!(found.values().eq(column.values()), "{kind}: {column:?}");
        let nulls: u64 = footer.blocks.iter().map(|block| block.parts[at].nulls).sum();
        assert_eq!(nulls, column.null_count() as u64);
    }
    footer
}

#[test]
fn bounds_leave_out_nulls_and_nan() {
    let floats: Values<f64> = [Some(f64::NAN), None, Some(2.0), Some(-1.0)].into_iter().collect();
    let texts: Texts = [Some("b"), Some("a"), None, Some("b")].into_iter().collect();
    let long: Texts = std::iter::repeat_n(Some("x".repeat(65)), 4).collect();
    let nan = Values::from(vec![f64::NAN; 4]);
    let integers = Values::from(vec![3_i64, -3, 0, 1]);
    let columns = [
        (ColumnType::Double, floats.into()),
        (ColumnType::String, texts.into()),
        (ColumnType::String, long.into()),
        (ColumnType::Double, nan.into()),
        (ColumnType::Long, integers.into()),
    ];
    let footer = check(&columns, 4);
    let bounds: Vec<&Bounds> = footer.blocks[0].parts.iter().map(|part| &part.bounds).collect();
    let wanted = [
        Bounds::Floats(-1.0, 2.0),
        Bounds::Bytes(b"a".to_vec(), b"b".to_vec()),
        Bounds::None,
        Bounds::None,
        Bounds::Integers(-3, 3),
    ];
    assert_eq!(bounds, wanted.iter().collect::<Vec<_>>());
}

#[test]
fn damaged_parts_are_errors() {
    let texts: Texts = (0..50).map(|at| Some(format!("text {}", at % 7))).collect();
    let lists: Lists<f64> = (0..50).map(|at| Some(vec![at as f64; at % 3])).collect();
    let numbers: Values<i64> = (0..50).map(|at| (at % 5 > 0).then_some(at * at)).collect();
    for (kind, column) in [
        (ColumnType::String, Column::from(texts)),
        (ColumnType::DoubleArray, Column::Floats(lists)),
        (ColumnType::Long, Column::from(numbers)),
    ] {
        let sound = encode_part(&column, 0..50).bytes;
        for at in 0..sound.len() {
            for flip in [1, 0x80] {
                let mut bytes = sound.clone();
                bytes[at] ^= flip;
                // Any answer is allowed but a panic or a huge allocation.
                let _ = decode_part(&bytes, 50, &mut empty(kind));
            }
            assert!(decode_part(&sound[..at], 50, &mut empty(kind)).is_err());
        }
        let longer = [&sound[..], &[0]].concat();
        assert!(decode_part(&longer, 50, &mut empty(kind)).is_err());
        assert!(decode_part(&sound, 49, &mut empty(kind)).is_err());
    }
}

#[test]
fn a_damaged_end_is_an_error() {
    let column = Column::from(Values::from(vec![1_i64, 2]));
    let columns = vec![SegmentColumn { name: "a".to_owned(), kind: ColumnType::Long }];
    let bytes = assemble(columns, vec![(2, vec![encode_part(&column, 0..2)])]).unwrap();
    let end = bytes.len() - TAIL_BYTES;
    let length = footer_length(&bytes).unwrap() as usize;
    for cut in 0..TAIL_BYTES {
        assert!(footer_length(&bytes[bytes.len() - cut..]).is_err());
    }
    assert!(footer_length(&bytes[..bytes.len() - 1]).is_err());
    let footer = &bytes[end - length..end];
    for short in 0..length {
        assert!(parse_footer(&footer[..short], bytes.len() as u64).is_err());
    }
    // The parts end behind the end of a shorter file.
    assert!(parse_footer(footer, bytes.len() as u64 - 1).is_err());
}

fn some<T: std::fmt::Debug + Clone>(
    values: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Vec<Option<T>>> {
    let values = values.boxed();
    prop_oneof![
        prop::collection::vec(values.clone().prop_map(Some), 130),
        prop::collection::vec(prop::option::of(values), 130),
        Just(vec![None; 130]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_column_reads_back(
        integers in some(any::<i64>()),
        days in some(any::<i32>()),
        floats in some(any::<f64>()),
        bools in some(any::<bool>()),
        texts in some("[a-c]{0,2}|.{0,40}"),
        bytes in some(prop::collection::vec(any::<u8>(), 0..9)),
        lists in some(prop::collection::vec(any::<f64>(), 0..4)),
        long_lists in some(prop::collection::vec(any::<i64>(), 0..4)),
        block in 1_usize..140,
    ) {
        let columns = [
            (ColumnType::Long, Column::from(integers.iter().copied().collect::<Values<_>>())),
            (ColumnType::Timestamp, Column::Time(integers.into_iter().collect())),
            (ColumnType::Date, Column::Date(days.into_iter().collect())),
            (ColumnType::Double, Column::from(floats.into_iter().collect::<Values<_>>())),
            (ColumnType::Boolean, Column::from(bools.into_iter().collect::<Values<_>>())),
            (ColumnType::String, Column::from(texts.into_iter().collect::<Texts>())),
            (ColumnType::Binary, Column::Bytes(bytes.into_iter().collect::<Bytes>())),
            (ColumnType::DoubleArray, Column::Floats(lists.into_iter().collect())),
            (ColumnType::LongArray, Column::Integers(long_lists.into_iter().collect())),
        ];
        check(&columns, block);
    }
}
