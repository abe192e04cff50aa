//! Pages of lists that are complete in memory.

use crate::call::Args;
use crate::failure::{Failure, Outcome};
use crate::fields::Read as _;

/// The items on a page of the server's own size.
const PAGE: usize = 1000;

/// Returns the number of items that a caller wants. Zero means a page of the server's own size.
pub(super) fn size(args: &Args) -> Outcome<usize> {
    match args.whole("max_results") {
        None | Some(0) => Ok(PAGE),
        Some(asked) => usize::try_from(asked).map(|asked| asked.min(PAGE)).map_err(|_| {
            Failure::invalid(format!("max_results is {asked}; expected zero or a positive number"))
        }),
    }
}

/// Cuts the page out of a list that is sorted by key. The token is the key of the last item before
/// the page. The last page has no token.
pub(super) fn cut<T>(
    items: impl Iterator<Item = (String, T)>,
    args: &Args,
) -> Outcome<(Vec<T>, Option<String>)> {
    let size = size(args)?;
    let after = args.text_or_empty("page_token");
    let mut rest = items.filter(|(key, _)| after.is_empty() || key.as_str() > after);
    let page: Vec<(String, T)> = rest.by_ref().take(size).collect();
    let last = page.last().map(|(key, _)| key.clone());
    let token = if rest.next().is_some() { last } else { None };
    Ok((page.into_iter().map(|(_, item)| item).collect(), token))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(args: &serde_json::Value) -> (Vec<u32>, Option<String>) {
        let items = [("a", 1), ("b", 2), ("c", 3)].map(|(key, item)| (key.to_owned(), item));
        cut(items.into_iter(), args.as_object().expect("an object")).expect("a page")
    }

    #[test]
    fn the_last_page_has_no_token() {
        assert_eq!(page(&json!({})), (vec![1, 2, 3], None));
        assert_eq!(page(&json!({"max_results": "2"})), (vec![1, 2], Some("b".to_owned())));
        assert_eq!(page(&json!({"max_results": 2, "page_token": "b"})), (vec![3], None));
        assert_eq!(page(&json!({"max_results": 3})), (vec![1, 2, 3], None));
        assert_eq!(page(&json!({"page_token": "z"})), (vec![], None));
        let negative = json!({"max_results": -1});
        assert!(size(negative.as_object().expect("an object")).is_err());
    }
}
