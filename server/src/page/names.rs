//! Names of columns: as the page writes them, and as the library does.
//!
//! The page writes `metrics.loss:min` where the library has `min.loss`. Both are taken.

use tracklite::RunSearch;

/// The statistics of a metric: the word of the page, and the prefix of the library.
const STATISTICS: &[(&str, &str)] = &[
    ("min", "min"),
    ("max", "max"),
    ("mean", "mean"),
    ("best", "best"),
    ("count", "count"),
    ("nan", "nan_count"),
    ("nan_count", "nan_count"),
];

/// Returns the library's name of a column, whose key is not quoted.
pub(super) fn column(asked: &str) -> String {
    if let Some(name) = asked.strip_prefix("attributes.") {
        return name.to_owned();
    }
    match statistic(asked) {
        Some((prefix, key)) => format!("{prefix}.{key}"),
        None => asked.to_owned(),
    }
}

/// Returns an item of an order in the search language, whose key may be quoted.
pub(super) fn order(asked: &str) -> String {
    let (field, direction) = split_direction(asked);
    match statistic(field) {
        Some((prefix, key)) => format!("{prefix}.{key}{direction}"),
        None => asked.to_owned(),
    }
}

/// Returns the column that an item of an order names, and whether it is descending.
pub(super) fn column_of_order(asked: &str) -> (String, bool) {
    let (field, direction) = split_direction(asked);
    let is_descending = direction.trim().eq_ignore_ascii_case("DESC");
    let name = column(field);
    let unquoted = name.split_once('.').map(|(prefix, key)| format!("{prefix}.{}", unquoted(key)));
    (unquoted.unwrap_or(name), is_descending)
}

fn split_direction(asked: &str) -> (&str, &str) {
    let trimmed = asked.trim_end();
    match trimmed.rsplit_once(char::is_whitespace) {
        Some((field, word)) if ["ASC", "DESC"].iter().any(|d| word.eq_ignore_ascii_case(d)) => {
            (field.trim_end(), asked.get(field.len()..).unwrap_or_default())
        }
        _ => (trimmed, ""),
    }
}

/// Splits `metrics.KEY:WORD` into the prefix of the library and the key.
fn statistic(name: &str) -> Option<(&'static str, &str)> {
    let (key, word) = name.strip_prefix("metrics.")?.rsplit_once(':')?;
    let (_, prefix) = STATISTICS.iter().find(|(known, _)| *known == word)?;
    Some((prefix, key))
}

fn unquoted(key: &str) -> &str {
    let inner = |quote: char| key.strip_prefix(quote)?.strip_suffix(quote);
    inner('`').or_else(|| inner('"')).or_else(|| inner('\'')).unwrap_or(key)
}

/// Returns whether a name is that of one column, and not of all keys of a kind.
pub(super) fn is_single(name: &str) -> bool {
    !["metrics.*", "params.*", "tags.*"].contains(&column(name).as_str())
}

/// Adds items to the order of a search.
pub(super) fn ordered(search: RunSearch, order_texts: &[&str]) -> RunSearch {
    order_texts.iter().fold(search, |search, item| search.order_by(order(item)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_prefixes_in_the_library() {
        for (asked, expected) in [
            ("metrics.loss", "metrics.loss"),
            ("metrics.loss:min", "min.loss"),
            ("metrics.a:b:nan", "nan_count.a:b"),
            ("metrics.a:b", "metrics.a:b"),
            ("best.loss", "best.loss"),
            ("attributes.status", "status"),
            ("params.batch size", "params.batch size"),
        ] {
            assert_eq!(column(asked), expected, "{asked}");
        }
    }

    #[test]
    fn orders_keep_quotes_and_direction() {
        for (asked, expected, name, descending) in [
            ("metrics.loss", "metrics.loss", "metrics.loss", false),
            ("metrics.`a b`:max  DESC", "max.`a b` DESC", "max.a b", true),
            ("metrics.loss:best asc", "best.loss asc", "best.loss", false),
            ("attributes.start_time DESC", "attributes.start_time DESC", "start_time", true),
            ("params.\"a`b\" ASC", "params.\"a`b\" ASC", "params.a`b", false),
        ] {
            assert_eq!(order(asked), expected);
            assert_eq!(column_of_order(asked), (name.to_owned(), descending));
        }
    }
}
