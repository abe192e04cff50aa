//! The meaning of conditions and directions.

use std::cmp::Ordering;

use crate::search::{Direction, NumberTest, TextList, TextTest};

#[test]
fn nan_matches_only_inequality() {
    let tests = |value: f64| {
        [
            NumberTest::Equal(1.0),
            NumberTest::NotEqual(1.0),
            NumberTest::Less(1.0),
            NumberTest::LessOrEqual(1.0),
            NumberTest::Greater(1.0),
            NumberTest::GreaterOrEqual(1.0),
            NumberTest::In(vec![1.0, 2.0]),
            NumberTest::NotIn(vec![1.0, 2.0]),
        ]
        .map(|test| {
            assert!(!test.matches(None), "a missing value passes {test:?}");
            assert_eq!(test.matches(Some(value)), test.matches_number(value));
            u8::from(test.matches_number(value))
        })
    };
    assert_eq!(tests(1.0), [1, 0, 0, 1, 0, 1, 1, 0]);
    assert_eq!(tests(0.0), [0, 1, 1, 1, 0, 0, 0, 1]);
    assert_eq!(tests(2.0), [0, 1, 0, 0, 1, 1, 1, 0]);
    assert_eq!(tests(f64::INFINITY), [0, 1, 0, 0, 1, 1, 0, 1]);
    assert_eq!(tests(f64::NEG_INFINITY), [0, 1, 1, 1, 0, 0, 0, 1]);
    assert_eq!(tests(f64::NAN), [0, 1, 0, 0, 0, 0, 0, 1]);
    assert!(NumberTest::Equal(0.0).matches_number(-0.0));
}

#[test]
fn missing_text_matches_only_is_null() {
    let list = || TextList::new(vec!["b".into(), "a".into(), "b".into()]);
    assert_eq!(list().as_slice(), ["a", "b"]);
    let tests = |value: Option<&str>| {
        [
            TextTest::Equal("a".into()),
            TextTest::NotEqual("a".into()),
            TextTest::Like("A%".into()),
            TextTest::ILike("A%".into()),
            TextTest::In(list()),
            TextTest::NotIn(list()),
            TextTest::IsNull,
            TextTest::IsNotNull,
        ]
        .map(|test| u8::from(test.matches(value)))
    };
    assert_eq!(tests(Some("a")), [1, 0, 0, 1, 1, 0, 0, 1]);
    assert_eq!(tests(Some("A")), [0, 1, 1, 1, 0, 1, 0, 1]);
    assert_eq!(tests(Some("b")), [0, 1, 0, 0, 1, 0, 0, 1]);
    assert_eq!(tests(Some("")), [0, 1, 0, 0, 0, 1, 0, 1]);
    assert_eq!(tests(None), [0, 0, 0, 0, 0, 0, 1, 0]);
}

#[test]
fn numbers_come_before_nan_before_missing_in_both_directions() {
    let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
    let rising = [Some(low), Some(0.0), Some(1.0), Some(high), Some(f64::NAN), None];
    let falling = [Some(high), Some(1.0), Some(0.0), Some(low), Some(f64::NAN), None];
    for (direction, sorted) in [(Direction::Ascending, rising), (Direction::Descending, falling)] {
        for (first, left) in sorted.iter().enumerate() {
            for (second, right) in sorted.iter().enumerate() {
                let wanted = first.cmp(&second);
                assert_eq!(direction.compare_numbers(*left, *right), wanted, "{left:?} {right:?}");
            }
        }
        assert_eq!(direction.compare_numbers(Some(0.0), Some(-0.0)), Ordering::Equal);
    }
}

#[test]
fn texts_are_sorted_by_bytes_and_missing_ones_come_last() {
    let rising = [Some(""), Some("10"), Some("9"), Some("B"), Some("a"), Some("\u{e9}"), None];
    let falling = [Some("\u{e9}"), Some("a"), Some("B"), Some("9"), Some("10"), Some(""), None];
    for (direction, sorted) in [(Direction::Ascending, rising), (Direction::Descending, falling)] {
        for (first, left) in sorted.iter().enumerate() {
            for (second, right) in sorted.iter().enumerate() {
                assert_eq!(direction.compare_texts(*left, *right), first.cmp(&second));
            }
        }
    }
}
