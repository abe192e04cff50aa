//! Names of columns: as the page writes them, and as the library does.
//!
//! The page may write `attributes.status` where the library has `status`.

use tracklite::RunSearch;

/// Returns the library's name of a column, whose key is not quoted.
pub(super) fn column(asked: &str) -> String {
    asked.strip_prefix("attributes.").unwrap_or(asked).to_owned()
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
    order_texts.iter().fold(search, |search, item| search.order_by(*item))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_no_prefix_in_the_library() {
        for (asked, expected) in [
            ("metrics.loss", "metrics.loss"),
            ("metrics.a:min", "metrics.a:min"),
            ("best.loss", "best.loss"),
            ("attributes.status", "status"),
            ("params.batch size", "params.batch size"),
        ] {
            assert_eq!(column(asked), expected, "{asked}");
        }
    }

    #[test]
    fn orders_name_columns_without_quotes() {
        for (asked, name, descending) in [
            ("metrics.loss", "metrics.loss", false),
            ("max.`a b`  DESC", "max.a b", true),
            ("best.loss asc", "best.loss", false),
            ("attributes.start_time DESC", "start_time", true),
            ("params.\"a`b\" ASC", "params.a`b", false),
        ] {
            assert_eq!(column_of_order(asked), (name.to_owned(), descending));
        }
    }
}
