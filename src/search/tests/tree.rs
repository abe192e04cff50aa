//! The syntax tree: parts and their places.

use super::refusal;
use crate::search::{Expression, Operator, Span, Value, parse_expression};

#[test]
fn the_tree_holds_each_part_with_its_place() {
    let text = "AND `metrics`.`a b` >= -1.5 params.\u{e9} NOT  IN ('x', \"y\")";
    let Expression::And(all) = parse_expression(text).expect("a tree") else {
        panic!("a filter is a conjunction");
    };
    let [Expression::Comparison(first), Expression::Comparison(second)] = all.as_slice() else {
        panic!("two comparisons");
    };
    let at = |span: Span| &text[span.start..span.end];
    assert_eq!((first.identifier.prefix, first.identifier.key), (Some("metrics"), "a b"));
    assert_eq!(at(first.identifier.span), "`metrics`.`a b`");
    assert_eq!((first.operator, at(first.operator_span)), (Operator::GreaterOrEqual, ">="));
    assert_eq!((&first.value, at(first.value_span)), (&Value::Number(-1.5), "-1.5"));
    assert_eq!(at(first.span()), "`metrics`.`a b` >= -1.5");
    assert_eq!((second.operator, at(second.operator_span)), (Operator::NotIn, "NOT  IN"));
    assert_eq!(second.value, Value::List(vec!["x", "y"]));
    assert_eq!(at(second.value_span), "('x', \"y\")");
}

#[test]
fn the_tree_does_not_check_fields() {
    assert_eq!(parse_expression("").expect("no comparisons"), Expression::And(vec![]));
    assert!(parse_expression("spans.name = word").is_ok());
    assert!(refusal(parse_expression("spans.name ==")).contains("unknown operator `==`"));
}
