//! Matching of patterns: `%` is any text, `_` any one character, and nothing is an escape.

/// Whether upper and lower case are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They are.
    Sensitive,
    /// The letters `A` to `Z` equal `a` to `z`; other letters are told apart, as in SQLite.
    AsciiInsensitive,
}

/// Whether the whole text matches the pattern.
///
/// Without recursion, and at worst in the product of both lengths: only the last `%` is ever
/// taken back, since what an earlier one could match instead, a later one can match as well.
#[must_use]
pub fn matches(pattern: &str, text: &str, case: Case) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    let mut last_any: Option<(&str, &str)> = None;
    loop {
        if let Some(after) = pattern.strip_prefix('%') {
            if after.is_empty() {
                return true;
            }
            last_any = Some((after, text));
            pattern = after;
        } else if let Some(rests) = after_one(pattern, text, case) {
            (pattern, text) = rests;
        } else if pattern.is_empty() && text.is_empty() {
            return true;
        } else {
            let Some((after, longer)) = last_any.and_then(skip_one) else { return false };
            last_any = Some((after, longer));
            (pattern, text) = (after, longer);
        }
    }
}

/// What is left when the first characters of both match.
fn after_one<'a>(pattern: &'a str, text: &'a str, case: Case) -> Option<(&'a str, &'a str)> {
    let (mut wanted, mut found) = (pattern.chars(), text.chars());
    let (want, have) = (wanted.next()?, found.next()?);
    let same = want == '_'
        || want == have
        || (case == Case::AsciiInsensitive && want.eq_ignore_ascii_case(&have));
    same.then_some((wanted.as_str(), found.as_str()))
}

/// The `%` before `after` takes one character more.
fn skip_one<'a>((after, text): (&'a str, &'a str)) -> Option<(&'a str, &'a str)> {
    let mut longer = text.chars();
    longer.next()?;
    Some((after, longer.as_str()))
}
